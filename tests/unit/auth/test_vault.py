from __future__ import annotations

import json
import os
import random
import stat
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.core
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from keyring import errors
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from litellmctl.auth import vault
from litellmctl.auth.vault import FileVault, Found, KeyringVault, Missing, NoKeyring, Refused, Secret, Stored
from litellmctl.errors import ConfigFailure, ExitCode

SECRET = Secret("https://llm.example.com", "sk-token-0123456789", 1_790_000_000.25, 1_790_086_400.0, "rt-refresh-98765")
OTHER = Secret("https://other.example.com/litellm", "sk-other", 1_790_000_001)
# As long as LiteLLM's are, and as random; fixed, since how far it can be compressed is what counts.
_LETTERS = random.Random(0).choices(string.ascii_letters + string.digits + "-_", k=1437)
LONG = Secret(
    f"https://litellm.{'gateway.' * 2}example.com"[:40],
    "".join(_LETTERS[:837]),
    1_790_000_000.123456,
    1_790_086_400.123456,
    "".join(_LETTERS[837:]),
)
TIMES = st.integers(0, 2**40) | st.floats(-(2**40), 2**40)
SECRETS = st.builds(Secret, st.text(), st.text(min_size=1), TIMES, st.none() | TIMES, st.none() | st.text())
posix = pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the logins, which is not there yet."""
    return tmp_path / "above" / "litellmctl"


class Backend(KeyringBackend):
    """A keyring in memory that notes what it is asked. It has no priority, so that nobody finds it by himself."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.calls.append("get")
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls.append("set")
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.calls.append("delete")
        if self.items.pop((service, username), None) is None:
            raise errors.PasswordDeleteError("no such password")


@pytest.fixture
def use() -> Iterator[Callable[[KeyringBackend], None]]:
    """Return a function that makes a backend the keyring of this process."""
    before = keyring.core._keyring_backend
    yield keyring.set_keyring
    keyring.core._keyring_backend = before


@pytest.fixture
def backend(use: Callable[[KeyringBackend], None]) -> Backend:
    """A keyring that works."""
    made = Backend()
    use(made)
    return made


def told(outcome: tuple[str]) -> str:
    """Return which outcome it is and what it says: to Python, a `Refused` is equal to a `NoKeyring` of the same words."""
    [words] = outcome
    return f"{type(outcome).__name__}: {words}"


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "put": lambda vault: vault.put("id-1", SECRET),
    "get": lambda vault: vault.get("id-1"),
    "remove": lambda vault: vault.remove("id-1"),
}
each_operation = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)
KEYRING_OPERATIONS = {**OPERATIONS, "probe": lambda vault: vault.probe()}
each_keyring_operation = pytest.mark.parametrize("operate", KEYRING_OPERATIONS.values(), ids=KEYRING_OPERATIONS)


# The secret


@given(SECRETS)
@example(Secret("https://llm.example.com", "\udcff", 0, 0, ""))
def test_a_secret_is_what_was_written_of_it(secret: Secret) -> None:
    assert Secret.parse(json.loads(secret.dump())) == secret
    assert secret.dump().isascii()


def test_what_another_version_adds_to_a_secret_is_passed_over() -> None:
    assert Secret.parse({**SECRET._asdict(), "scope": "all"}) == SECRET


def test_what_is_not_known_of_a_secret_need_not_be_there() -> None:
    assert Secret.parse({"base_url": "https://a", "token": "t", "issued_at": 1}) == Secret("https://a", "t", 1)


NO_SECRETS = {
    "null": None,
    "a text": "sk-token",
    "a list": [SECRET._asdict()],
    "nothing in it": {},
    "no token": {"base_url": "https://a", "issued_at": 1},
    "no url": {"token": "t", "issued_at": 1},
    "no time of issue": {"base_url": "https://a", "token": "t"},
    **{
        f"{name} is {value!r}": {**SECRET._asdict(), name: value}
        for name, values in {
            "base_url": (None, 5, False, []),
            "token": (None, "", 5, True, ["sk-token"]),
            "issued_at": (None, "", "1790000000", [], True, float("nan"), float("inf"), 2**60),
            "expires_at": ("", "1790000000", [], {}, False, float("nan"), -1e300, 2**60),
            "refresh_token": (0, 5, False, [], {}),
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("content", NO_SECRETS.values(), ids=NO_SECRETS)
def test_what_is_no_secret_is_not_taken_for_one(content: Any) -> None:
    assert Secret.parse(content) is None


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, lambda secret: repr(Found(secret)), lambda secret: str([secret])],
    ids=["repr", "str", "format", "in an outcome", "in a list"],
)
def test_a_secret_is_not_shown(show: Callable[[Secret], str]) -> None:
    shown = show(SECRET)
    assert "https://llm.example.com" in shown
    assert "token" not in shown
    assert "refresh" not in shown


def test_what_we_add_to_a_secret_is_little() -> None:
    text = LONG.dump()
    assert len(text) - len(LONG.base_url + LONG.token + str(LONG.refresh_token)) < 150


# The file


@posix
def test_the_file_is_for_the_user_alone_and_so_is_its_folder(folder: Path) -> None:
    before = os.umask(0)
    try:
        assert told(FileVault(folder).put("id-1", SECRET)) == f"Stored: {folder / 'secrets.json'}"
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder / "secrets.json", folder, folder.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert [path.name for path in folder.iterdir()] == ["secrets.json"]


@posix
def test_a_file_that_others_could_read_is_tightened(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    (folder / "secrets.json").chmod(0o644)
    FileVault(folder).put("id-2", OTHER)
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def test_each_login_has_its_own_secret_in_the_file(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    FileVault(folder).put("id-2", OTHER)
    assert FileVault(folder).get("id-1") == Found(SECRET)
    assert FileVault(folder).get("id-2") == Found(OTHER)
    assert FileVault(folder).get("id-3") == Missing()


def test_a_secret_is_replaced(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    FileVault(folder).put("id-1", OTHER)
    assert FileVault(folder).get("id-1") == Found(OTHER)
    assert "sk-token" not in (folder / "secrets.json").read_text()


def test_a_secret_that_is_there_already_is_written_anew_which_proves_that_it_can_be(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    before = (folder / "secrets.json").stat().st_ino
    FileVault(folder).put("id-1", SECRET)
    assert (folder / "secrets.json").stat().st_ino != before


@posix
def test_a_secret_is_on_the_disk_before_it_is_said_to_be_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    FileVault(folder).put("id-1", SECRET)
    assert synced == [False, True]  # the file, then its name in the folder


def test_removing_one_leaves_the_others_and_the_last_one_takes_the_file_with_it(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    FileVault(folder).put("id-2", OTHER)
    assert FileVault(folder).remove("id-1") == Missing()
    assert FileVault(folder).get("id-1") == Missing()
    assert FileVault(folder).get("id-2") == Found(OTHER)
    assert "sk-token" not in (folder / "secrets.json").read_text()
    assert FileVault(folder).remove("id-2") == Missing()
    assert list(folder.iterdir()) == []


def test_where_there_is_no_file_there_is_no_secret_and_none_is_made_to_forget_one(folder: Path) -> None:
    assert FileVault(folder).get("id-1") == Missing()
    assert FileVault(folder).remove("id-1") == Missing()
    assert not folder.parent.exists()


def test_forgetting_what_is_not_there_writes_nothing(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    before = (folder / "secrets.json").stat()
    assert FileVault(folder).remove("id-2") == Missing()
    after = (folder / "secrets.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@given(st.dictionaries(st.text(), SECRETS, min_size=1, max_size=3))
def test_a_file_gives_back_every_secret_that_was_put_there(secrets: dict[str, Secret]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for login, secret in secrets.items():
            assert isinstance(FileVault(Path(folder)).put(login, secret), Stored)
        assert {login: FileVault(Path(folder)).get(login) for login in secrets} == {
            login: Found(secret) for login, secret in secrets.items()
        }


@posix
def test_a_symbolic_link_is_followed_and_stays_also_when_the_last_secret_goes(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "litellm.json"
    folder.mkdir(parents=True)
    (folder / "secrets.json").symlink_to(target)
    assert isinstance(FileVault(folder).put("id-1", SECRET), Stored)
    assert "sk-token" in target.read_text()
    assert FileVault(folder).get("id-1") == Found(SECRET)
    assert FileVault(folder).remove("id-1") == Missing()
    assert "sk-token" not in target.read_text()
    assert (folder / "secrets.json").is_symlink()
    assert FileVault(folder).get("id-1") == Missing()


WHOLE = json.dumps({"version": 1, "secrets": {"id-1": SECRET._asdict()}}, indent=1).encode()
BAD_FILES = {
    "empty": (b"", "not valid JSON: line 1, column 1: "),
    "truncated": (WHOLE[: WHOLE.index(b"rt-")], "not valid JSON: line 9, column "),
    "two commas": (b'{"version": 1,\n "secrets": {,}}', "not valid JSON: line 2, column 14: "),
    "not UTF-8": (b'{"version": 1, "secrets": {"\xff": {}}}', "not valid JSON"),
    "too deep": (b"[" * 200_000, "not valid JSON"),
    "a number of 5000 digits": (b'{"version": ' + b"1" * 5000 + b"}", "not valid JSON"),
    "a list": (b"[]", "version is not valid"),
    "a text": (b'"secrets"', "version is not valid"),
    "no version": (b'{"secrets": {}}', "version is not valid"),
    "version in a text": (b'{"version": "1", "secrets": {}}', "version is not valid"),
    "an older version": (b'{"version": 0, "secrets": {}}', "version is not valid"),
    "a newer version": (WHOLE.replace(b'"version": 1', b'"version": 2'), "was written by a newer litellmctl"),
    "secrets in a list": (b'{"version": 1, "secrets": [{"id": "id-1"}]}', "secrets is not valid"),
    "secrets is null": (b'{"version": 1, "secrets": null}', "secrets is not valid"),
}


@each_operation
@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_not_as_we_write_it_is_exit_2_and_left_untouched(
    folder: Path, content: bytes, words: str, operate: Callable[[FileVault], Any]
) -> None:
    folder.mkdir(parents=True)
    (folder / "secrets.json").write_bytes(content)
    with pytest.raises(ConfigFailure) as failure:
        operate(FileVault(folder))
    assert failure.value.exit_code is ExitCode.USAGE
    assert str(folder / "secrets.json") in failure.value.message
    assert words in failure.value.message
    assert failure.value.remedy
    assert "token" not in failure.value.message
    assert (folder / "secrets.json").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["secrets.json"]


@pytest.mark.parametrize("content", [5, "sk-token", [], {}, {"token": "sk-token"}, {**SECRET._asdict(), "token": 5}])
def test_a_secret_of_another_shape_is_refused_and_its_neighbours_are_not(folder: Path, content: Any) -> None:
    folder.mkdir(parents=True)
    data = json.dumps({"version": 1, "secrets": {"id-1": content, "id-2": OTHER._asdict()}}).encode()
    (folder / "secrets.json").write_bytes(data)
    outcome = FileVault(folder).get("id-1")
    assert told(outcome) == f"Refused: {folder / 'secrets.json'}: the secret is not valid"
    assert FileVault(folder).get("id-2") == Found(OTHER)
    assert (folder / "secrets.json").read_bytes() == data
    FileVault(folder).put("id-3", SECRET)
    assert json.loads((folder / "secrets.json").read_bytes())["secrets"]["id-1"] == content


@each_operation
def test_a_folder_in_place_of_the_file_is_refused(folder: Path, operate: Callable[[FileVault], Any]) -> None:
    (folder / "secrets.json" / "inside").mkdir(parents=True)
    assert told(operate(FileVault(folder))) == f"Refused: {folder / 'secrets.json'}: is a directory"
    assert [path.name for path in folder.iterdir()] == ["secrets.json"]


def test_a_file_in_place_of_the_folder_holds_no_secret_and_takes_none(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"mine")
    outcome = FileVault(folder).put("id-1", SECRET)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(f"{folder / 'secrets.json'}: ")
    assert FileVault(folder).get("id-1") == Missing()
    assert FileVault(folder).remove("id-1") == Missing()
    assert folder.read_bytes() == b"mine"


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_is_refused_and_the_secret_is_still_there(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    folder.chmod(0o500)
    try:
        outcomes = [FileVault(folder).put("id-1", OTHER), FileVault(folder).remove("id-1")]
        assert [told(one) for one in outcomes] == [f"Refused: {folder / 'secrets.json'}: permission denied"] * 2
        assert FileVault(folder).get("id-1") == Found(SECRET)
    finally:
        folder.chmod(0o700)


@posix
def test_a_disk_that_is_full_is_refused_and_the_old_secret_is_still_there(folder: Path) -> None:
    FileVault(folder).put("id-1", SECRET)
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from litellmctl.auth.vault import FileVault, Secret\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "print(FileVault(Path(sys.argv[1])).put('id-1', Secret('https://a', 't' * 5000, 1)).reason)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == f"{folder / 'secrets.json'}: file too large\n"
    assert FileVault(folder).get("id-1") == Found(SECRET)
    assert [path.name for path in folder.iterdir()] == ["secrets.json"]


# The keyring


def test_a_secret_lies_in_the_keyring_under_our_name_and_the_logins(backend: Backend) -> None:
    assert isinstance(KeyringVault().put("id-1", SECRET), Stored)
    assert backend.items == {("litellmctl", "id-1"): SECRET.dump()}
    assert KeyringVault().get("id-1") == Found(SECRET)


class Keyring(Backend):
    """A backend with the name that most of keyring's own have, which tells nothing."""


class OfNoPackage(Keyring):
    """One in a module of its own."""


OfNoPackage.__module__, OfNoPackage.__name__ = "mine", "Keyring"


@pytest.mark.parametrize(("kind", "name"), [(Backend, "Backend"), (Keyring, "test_vault"), (OfNoPackage, "mine")])
def test_the_keyring_is_named_for_a_person(
    use: Callable[[KeyringBackend], None], kind: type[Backend], name: str
) -> None:
    use(kind())
    assert told(KeyringVault().put("id-1", SECRET)) == f"Stored: the keyring ({name})"


def test_probing_the_keyring_names_it_and_changes_nothing(backend: Backend) -> None:
    assert told(KeyringVault().probe()) == "Stored: Backend"
    assert (backend.calls, backend.items) == (["get"], {})


@each_keyring_operation
def test_a_backend_that_does_not_load_is_refused(
    monkeypatch: pytest.MonkeyPatch, operate: Callable[[KeyringVault], Any]
) -> None:
    def choose() -> KeyringBackend:
        raise ModuleNotFoundError("No module named 'mine'")

    monkeypatch.setattr(keyring, "get_keyring", choose)
    assert told(operate(KeyringVault())) == "Refused: its backend does not load: No module named 'mine'"


def test_each_login_has_its_own_secret_in_the_keyring(backend: Backend) -> None:
    KeyringVault().put("id-1", SECRET)
    KeyringVault().put("id-2", OTHER)
    assert KeyringVault().get("id-1") == Found(SECRET)
    assert KeyringVault().remove("id-1") == Missing()
    assert KeyringVault().get("id-1") == Missing()
    assert KeyringVault().get("id-2") == Found(OTHER)


def test_what_is_not_in_the_keyring_is_missing_and_is_not_deleted(backend: Backend) -> None:
    assert KeyringVault().get("id-1") == Missing()
    assert KeyringVault().remove("id-1") == Missing()
    assert "delete" not in backend.calls


def test_the_keyring_gives_back_every_secret_that_was_put_there(use: Callable[[KeyringBackend], None]) -> None:
    use(Backend())

    @given(st.text(min_size=1), SECRETS, st.sampled_from([1, 50, 500]))
    def check(login: str, secret: Secret, times: int) -> None:
        secret = secret._replace(token=secret.token * times)
        assert isinstance(KeyringVault().put(login, secret), Stored)
        assert KeyringVault().get(login) == Found(secret)

    check()


ITEMS = {
    "nothing": "",
    "another program's": "hunter2",
    "half a secret": SECRET.dump()[:-20],
    "a list": "[]",
    "a text": '"sk-token"',
    "no token": '{"base_url":"https://a","issued_at":1}',
    "too deep": "[" * 20_000,
    "too deep in an object": '{"a":' * 20_000,
    "Chinese": "\u4e2d" * 700,
    "the first of our digits": "\u4000\u4000",
    "letters of all kinds": "a\u4e2d\U0001f600\udcff",
}


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_an_item_of_another_shape_is_refused_and_not_shown_and_can_be_removed(backend: Backend, item: str) -> None:
    backend.items["litellmctl", "id-1"] = item
    assert told(KeyringVault().get("id-1")) == "Refused: its item is not valid"
    assert KeyringVault().remove("id-1") == Missing()
    assert backend.items == {}


def test_a_long_secret_that_was_cut_or_changed_is_refused(backend: Backend) -> None:
    KeyringVault().put("id-1", LONG)
    [whole] = backend.items.values()
    for item in (whole[:-1], whole[1:], whole[:300], whole[:100] + whole[101:], f"{whole[:-1]}\u9999", f" {whole}"):
        backend.items["litellmctl", "id-1"] = item
        assert told(KeyringVault().get("id-1")) == "Refused: its item is not valid"


class LikeWindows(Backend):
    """A keyring that holds 2,560 bytes an item, of two bytes a character, as Windows' does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "CredWrite", "The stub received bad data")
        super().set_password(service, username, password)

    def get_password(self, service: str, username: str) -> str | None:
        text = super().get_password(service, username)
        return None if text is None else text.encode("utf-16-le").decode("utf-16")


def test_a_secret_as_long_as_litellms_are_fits_into_windows_keyring(use: Callable[[KeyringBackend], None]) -> None:
    use(LikeWindows())
    assert [len(text) for text in (LONG.base_url, LONG.token, str(LONG.refresh_token))] == [40, 837, 600]
    assert isinstance(KeyringVault().put("id-1", LONG), Stored)
    assert KeyringVault().get("id-1") == Found(LONG)


def test_a_secret_of_any_length_that_fits_comes_back(use: Callable[[KeyringBackend], None]) -> None:
    use(LikeWindows())
    for length in (1, 900, *range(990, 1150), 1300, 1800):
        secret = SECRET._replace(token=(LONG.token + str(LONG.refresh_token) * 2)[:length])
        assert isinstance(KeyringVault().put("id-1", secret), Stored), length
        assert KeyringVault().get("id-1") == Found(secret), length


@pytest.mark.parametrize(("length", "is_plain"), [(1199, True), (1200, True), (1201, False)])
def test_a_secret_is_packed_only_where_it_is_longer_than_1200_characters(
    backend: Backend, length: int, is_plain: bool
) -> None:
    secret = SECRET._replace(token="t" * (length - len(SECRET.dump()) + len(SECRET.token)))
    KeyringVault().put("id-1", secret)
    [text] = backend.items.values()
    assert (text == secret.dump()) is is_plain


def test_a_secret_that_does_not_fit_is_refused(use: Callable[[KeyringBackend], None]) -> None:
    use(LikeWindows())
    letters = random.Random(1).choices(string.ascii_letters, k=5000)
    outcome = KeyringVault().put("id-1", SECRET._replace(token="".join(letters)))
    assert isinstance(outcome, Refused)
    assert KeyringVault().get("id-1") == Missing()


class Forgetful(Backend):
    def set_password(self, service: str, username: str, password: str) -> None:
        """Drop what is given, as some backends do."""


class Short(Backend):
    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep what fits, as others might."""
        self.items[service, username] = password[:40]


@pytest.mark.parametrize("kind", [Forgetful, Short])
def test_a_keyring_that_does_not_keep_what_it_is_given_is_none(
    use: Callable[[KeyringBackend], None], kind: type[Backend]
) -> None:
    use(kind())
    outcome = KeyringVault().put("id-1", SECRET)
    assert told(outcome) == f"NoKeyring: {kind.__name__} does not store anything"


@each_keyring_operation
@pytest.mark.parametrize(
    ("kind", "reason"),
    [(fail.Keyring, "no backend works here"), (null.Keyring, "the null backend disables it")],
    ids=["fail", "null"],
)
def test_keyrings_stand_ins_where_there_is_none_are_none(
    use: Callable[[KeyringBackend], None],
    kind: type[KeyringBackend],
    reason: str,
    operate: Callable[[KeyringVault], Any],
) -> None:
    use(kind())
    assert told(operate(KeyringVault())) == f"NoKeyring: {reason}"


@each_keyring_operation
@pytest.mark.parametrize("value", ["off", "OFF", " Off "])
def test_a_keyring_that_is_switched_off_is_not_asked(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, value: str, operate: Callable[[KeyringVault], Any]
) -> None:
    monkeypatch.setenv("LITELLMCTL_KEYRING", value)
    assert told(operate(KeyringVault())) == "NoKeyring: LITELLMCTL_KEYRING=off"
    assert backend.calls == []


@pytest.mark.parametrize("value", ["", "on", "1"])
def test_any_other_value_leaves_the_keyring_on(backend: Backend, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LITELLMCTL_KEYRING", value)
    assert isinstance(KeyringVault().put("id-1", SECRET), Stored)


def test_keyring_is_not_even_imported_where_it_is_switched_off_or_not_asked(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from litellmctl.auth.vault import FileVault, KeyringVault, Secret\n"
        "secret = Secret('https://a', 't', 1)\n"
        "FileVault(Path(sys.argv[1])).put('a', secret)\n"
        "outcomes = [KeyringVault().put('a', secret), KeyringVault().get('a'), KeyringVault().remove('a')]\n"
        "print(*(type(outcome).__name__ for outcome in outcomes))\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'keyring'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={**os.environ, "LITELLMCTL_KEYRING": "off"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines() == ["NoKeyring NoKeyring NoKeyring", "[]"]


class Broken(Backend):
    """A keyring that raises, at every call or at those to one method."""

    def __init__(self, error: BaseException, only: str | None = None) -> None:
        super().__init__()
        self.error = error
        self.only = only

    def get_password(self, service: str, username: str) -> str | None:
        self._fail("get")
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail("set")
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._fail("delete")
        super().delete_password(service, username)

    def _fail(self, method: str) -> None:
        if self.only in {None, method}:
            raise self.error


@each_keyring_operation
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.KeyringLocked("Failed to unlock the collection!"), "Refused: it is locked"),
        (errors.NoKeyringError("No recommended backend was available."), "NoKeyring: no backend works here"),
        (errors.InitError("Failed to create the BOX"), "Refused: Failed to create the BOX"),
        (errors.InitError(".box: failed."), "Refused: .box: failed"),
    ],
    ids=["locked", "no keyring", "not opened", "not opened, a sentence"],
)
def test_what_keyring_says_is_wrong_is_told(
    use: Callable[[KeyringBackend], None],
    error: Exception,
    expected: str,
    operate: Callable[[KeyringVault], Any],
) -> None:
    use(Broken(error))
    assert told(operate(KeyringVault())) == expected


class FromSomeLibraryError(Exception):
    """What a backend's library might raise: its attributes hold more than its text."""

    def __init__(self, text: str) -> None:
        super().__init__(1783, "CredWrite", text)
        self.password = text


@pytest.mark.parametrize(
    "kind",
    [
        *(ValueError, OSError, RuntimeError, NotImplementedError, AssertionError, KeyError, FromSomeLibraryError),
        *(errors.KeyringError, errors.PasswordSetError, errors.PasswordDeleteError),
    ],
)
@pytest.mark.parametrize(("name", "method"), [("put", "set"), ("put", "get"), ("get", "get"), ("remove", "delete")])
def test_an_error_that_repeats_the_password_does_not_show_it(
    use: Callable[[KeyringBackend], None],
    capfd: pytest.CaptureFixture[str],
    kind: type[Exception],
    name: str,
    method: str,
) -> None:
    broken = Broken(kind(f"cannot store {SECRET.dump()}"), only=method)
    broken.items["litellmctl", "id-1"] = SECRET.dump()
    use(broken)
    outcome = OPERATIONS[name](KeyringVault())
    assert isinstance(outcome, Refused)
    assert outcome.reason == f"{kind.__module__}.{kind.__qualname__}"
    assert SECRET.token not in repr(outcome)
    assert str(SECRET.refresh_token) not in repr(outcome)
    assert capfd.readouterr() == ("", "")


# A keyring that does not answer


class Slow(Backend):
    """A keyring that answers after so many seconds, or when the test is over."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds
        self.over = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.over.wait(self.seconds)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.over.wait(self.seconds)
        super().set_password(service, username, password)


@pytest.fixture
def slow(use: Callable[[KeyringBackend], None]) -> Iterator[Slow]:
    """A keyring that never answers."""
    made = Slow()
    use(made)
    yield made
    made.over.set()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for 0.1 s, or for 0.4 s where a person can be told, who is told after 0.05 s."""
    monkeypatch.setattr(vault, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(vault, "_PATIENCE_WITH_A_PERSON_SECONDS", 0.4)
    monkeypatch.setattr(vault, "_NOTE_SECONDS", 0.05)


def test_the_limits_are_3_seconds_and_a_minute_where_a_person_is_told_after_one() -> None:
    assert (vault._PATIENCE_SECONDS, vault._PATIENCE_WITH_A_PERSON_SECONDS, vault._NOTE_SECONDS) == (3, 60, 1)


@each_keyring_operation
def test_a_keyring_that_hangs_is_refused_in_time(
    slow: Slow, patience: None, operate: Callable[[KeyringVault], Any]
) -> None:
    begin = time.monotonic()
    assert told(operate(KeyringVault())) == "Refused: it did not answer within 0.1 s"
    assert 0.1 <= time.monotonic() - begin < 3


def test_a_backend_that_hangs_while_it_is_chosen_is_refused_in_time(
    patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def choose() -> KeyringBackend:
        over.wait()
        return Backend()

    monkeypatch.setattr(keyring, "get_keyring", choose)
    assert told(KeyringVault().get("id-1")) == "Refused: it did not answer within 0.1 s"
    over.set()


@each_keyring_operation
def test_with_a_person_there_it_is_waited_for_longer_and_that_is_said_once(
    slow: Slow, patience: None, operate: Callable[[KeyringVault], Any]
) -> None:
    said: list[float] = []
    begin = time.monotonic()
    outcome = operate(KeyringVault(lambda: said.append(time.monotonic() - begin)))
    assert told(outcome) == "Refused: it did not answer within 0.4 s"
    assert 0.4 <= time.monotonic() - begin < 3
    assert len(said) == 1
    assert 0.05 <= said[0] < 0.4


def test_a_person_who_unlocks_the_keyring_gets_the_secret(
    use: Callable[[KeyringBackend], None], patience: None
) -> None:
    slow = Slow(0.25)
    slow.items["litellmctl", "id-1"] = SECRET.dump()
    use(slow)
    said: list[bool] = []
    assert KeyringVault(lambda: said.append(True)).get("id-1") == Found(SECRET)
    assert said == [True]


def test_nobody_is_told_of_a_keyring_that_answers_at_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "_NOTE_SECONDS", 0.3)
    said: list[bool] = []
    keyring_vault = KeyringVault(lambda: said.append(True))
    assert isinstance(keyring_vault.put("id-1", SECRET), Stored)
    assert keyring_vault.get("id-1") == Found(SECRET)
    assert keyring_vault.remove("id-1") == Missing()
    time.sleep(0.4)
    assert said == []


# What to say where a recorded secret cannot be read


REMEDY = "litellmctl login --profile work"


@pytest.mark.parametrize(
    ("outcome", "storage", "code", "message", "remedy"),
    [
        (Missing(), "keyring", "keyring", "the secret of the stored login is no longer in the keyring", REMEDY),
        (Missing(), "file", "keyring", "the secret of the stored login is no longer in the file", REMEDY),
        (
            Refused("it is locked"),
            "keyring",
            "keyring",
            "cannot read the stored login from the keyring: it is locked",
            f"unlock the keyring, or {REMEDY} --storage file",
        ),
        (
            NoKeyring("no backend works here"),
            "keyring",
            "keyring",
            "cannot read the stored login from the keyring: no backend works here",
            f"unlock the keyring, or {REMEDY} --storage file",
        ),
        (
            Refused("/a/secrets.json: is a directory"),
            "file",
            "file",
            "cannot read the secret of the stored login: /a/secrets.json: is a directory",
            REMEDY,
        ),
    ],
    ids=["not in the keyring", "not in the file", "locked", "no keyring", "unreadable file"],
)
def test_a_secret_that_cannot_be_read_is_a_failure_that_says_how_to_sign_in_again(
    outcome: Missing | NoKeyring | Refused, storage: str, code: str, message: str, remedy: str
) -> None:
    failure = vault.unreadable(outcome, storage, REMEDY)
    assert (failure.code, failure.message, failure.remedy) == (code, message, remedy)
    assert failure.exit_code is ExitCode.ERROR
