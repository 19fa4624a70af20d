from __future__ import annotations

import errno
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.auth import login_file as module
from litellmctl.auth.login_file import Login, LoginFile, Logins, login_command
from litellmctl.auth.vault import FileVault, Secret
from litellmctl.errors import ConfigFailure, ExitCode, Failure

WORK = Login(
    base_url="https://llm.example.com",
    id="5f0c",
    kind="pkce",
    storage="keyring",
    issued_at=1_790_000_000.25,
    expires_at=1_790_086_400.25,
    user_id="user-1",
    user_email="ada@example.com",
    team_id="team-1",
    team_alias="Analysts",
    client_id="client-1",
    token_endpoint="https://llm.example.com/token",
    revocation_endpoint="https://llm.example.com/revoke",
    resource="https://llm.example.com/mcp",
)
KEY = Login("http://127.0.0.1:4000", "77aa", "api_key", "file", 1_790_000_000)
NOBODY = Logins({}, {}, [])

TIMES = st.integers(0, 2**40) | st.floats(-(2**40), 2**40)
PERHAPS = st.none() | st.text()
LOGINS = st.builds(
    Logins,
    st.dictionaries(
        st.text(),
        st.builds(
            Login,
            *(st.text(), st.text(), st.text(), st.text(), TIMES, st.none() | TIMES),
            **dict.fromkeys(Login._fields[6:], PERHAPS),
        ),
        max_size=3,
    ),
    st.dictionaries(st.text(), st.text(), max_size=3),
    st.lists(st.tuples(st.text(), st.text()), max_size=3),
)


@pytest.fixture
def file(tmp_path: Path) -> LoginFile:
    """The file of the logins, in a folder that is not there yet."""
    return LoginFile(tmp_path / "above" / "litellmctl")


def put(file: LoginFile, content: bytes | str | dict[str, Any]) -> bytes:
    """Make this the file's content, whoever may have written it."""
    Path(file.folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps(content) if isinstance(content, dict) else content
    data = text.encode() if isinstance(text, str) else text
    Path(file.path).write_bytes(data)
    return data


# Reading and writing


def test_where_there_is_no_file_nobody_is_signed_in_and_reading_makes_none(file: LoginFile) -> None:
    assert file.read() == NOBODY
    assert file.login("default") is None
    assert not Path(file.folder).parent.exists()


def test_where_a_file_is_in_place_of_the_folder_nobody_is_signed_in(file: LoginFile) -> None:
    Path(file.folder).parent.mkdir()
    Path(file.folder).touch()
    assert file.read() == NOBODY


def test_what_was_written_is_read(file: LoginFile) -> None:
    logins = Logins({"default": KEY, "work": WORK}, {"old": "https://old.example.com"}, [("keyring", "0001")])
    file.write(logins)
    assert file.read() == LoginFile(file.folder).read() == logins
    assert [file.login(name) for name in ("default", "work", "old")] == [KEY, WORK, None]


@given(LOGINS)
def test_all_logins_survive_the_file(logins: Logins) -> None:
    with tempfile.TemporaryDirectory() as folder:
        LoginFile(Path(folder)).write(logins)
        assert LoginFile(Path(folder)).read() == logins


def test_writing_replaces_what_was_there(file: LoginFile) -> None:
    file.write(Logins({"default": KEY, "work": WORK}, {"old": "https://old.example.com"}, [("keyring", "0001")]))
    file.write(Logins({"work": WORK}, {}, []))
    assert file.read() == Logins({"work": WORK}, {}, [])


def test_nobody_signed_in_is_written_too(file: LoginFile) -> None:
    file.write(Logins({"default": KEY}, {}, []))
    file.write(NOBODY)
    assert file.read() == NOBODY


def test_what_is_not_known_of_a_login_is_not_in_the_file(file: LoginFile) -> None:
    file.write(Logins({"default": KEY}, {}, []))
    written = json.loads(Path(file.path).read_bytes())["logins"]["default"]
    assert sorted(written) == ["base_url", "id", "issued_at", "kind", "storage"]


def test_a_null_and_what_another_version_adds_are_passed_over(file: LoginFile) -> None:
    fields = {**KEY._asdict(), "scope": "all", "user_id": None}
    put(file, {"version": 1, "logins": {"default": fields}, "comment": "mine"})
    assert file.read() == Logins({"default": KEY}, {}, [])


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_the_file_and_its_lock_are_for_the_user_alone_and_so_is_their_folder(file: LoginFile) -> None:
    before = os.umask(0)
    try:
        with file.locked():
            file.write(Logins({"default": KEY}, {}, []))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (*Path(file.folder).iterdir(), Path(file.folder))}
    assert modes == {"logins.json": 0o600, "logins.json.lock": 0o600, "litellmctl": 0o700}


@pytest.mark.skipif(os.name == "nt", reason="Windows makes names durable by itself")
def test_the_logins_are_on_the_disk_once_they_are_written(file: LoginFile, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    file.write(NOBODY)
    assert synced == [False, True]  # the file, then its name in the folder


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_symbolic_link_is_followed_and_stays(file: LoginFile, tmp_path: Path) -> None:
    Path(file.folder).mkdir(parents=True)
    Path(file.path).symlink_to(tmp_path / "dotfiles.json")
    file.write(Logins({"default": KEY}, {}, []))
    assert Path(file.path).is_symlink()
    assert file.login("default") == KEY
    assert (tmp_path / "dotfiles.json").is_file()


def test_a_login_has_no_place_for_a_secret(file: LoginFile) -> None:
    secret = Secret(WORK.base_url, "sk-token", WORK.issued_at, WORK.expires_at, "rt-refresh")
    with file.locked():
        FileVault(file.folder).put(WORK.id, secret)
        file.write(Logins({"work": WORK}, {}, []))
    written = Path(file.path).read_text()
    assert "sk-token" not in written
    assert "rt-refresh" not in written
    assert set(Login._fields) & set(Secret._fields) == {"base_url", "issued_at", "expires_at"}


# A file that is not as we write it


def with_login(**fields: Any) -> dict[str, Any]:
    """Return the content of a file whose one login has these fields, where `...` is a field that is not there."""
    login = {name: value for name, value in {**WORK._asdict(), **fields}.items() if value is not ...}
    return {"version": 1, "logins": {"work": login}}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "line 1, column 1: "),
        (b'{"version": 1,\n "logins": {,}}', "line 2, column 13: "),
        (b'{"version": 1,\n "logins": {\n  "work": {"id": "5f', "line 3, column 18: "),
        (b'{"version": 1}\n\n}', "line 3, column 1: "),
    ],
    ids=["empty", "two commas", "truncated", "more after the end"],
)
def test_what_is_no_json_is_exit_2_and_named_to_the_column(file: LoginFile, content: bytes, place: str) -> None:
    put(file, content)
    failure = refusal_to_read(file, content)
    assert failure.message.startswith(f"{file.path} is not valid JSON: {place}")


@pytest.mark.parametrize(
    "content",
    [b'{"version": 1, "\xff": 1}', b"[" * 200_000, b'{"version": 1, "logins": ' + b"1" * 5000 + b"}"],
    ids=["not UTF-8", "too deep", "a number of 5000 digits"],
)
def test_what_json_cannot_hold_is_exit_2(file: LoginFile, content: bytes) -> None:
    put(file, content)
    assert refusal_to_read(file, content).message == f"{file.path} is not valid JSON"


MALFORMED: dict[str, tuple[Any, str]] = {
    "a list": ("[]", "version"),
    "null": ("null", "version"),
    "a text": ('"version"', "version"),
    "no version": ({"logins": {}}, "version"),
    "version is a text": ({"version": "1"}, "version"),
    "version is null": ({"version": None}, "version"),
    "version is older": ({"version": 0}, "version"),
    "logins is a list": ({"version": 1, "logins": [WORK._asdict()]}, "logins"),
    "logins is null": ({"version": 1, "logins": None}, "logins"),
    "a login is a text": ({"version": 1, "logins": {"work": "sk-token"}}, "logins.work"),
    "a login is null": ({"version": 1, "logins": {"default": KEY._asdict(), "work": None}}, "logins.work"),
    **{
        f"issued_at is {value}": (
            {"version": 1, "logins": {"work": {**WORK._asdict(), "issued_at": value}}},
            "logins.work.issued_at",
        )
        for value in (float("nan"), float("inf"), -1e300, 2**60)
    },
    "a login is empty": ({"version": 1, "logins": {"work": {}}}, "logins.work.base_url"),
    "urls is a list": ({"version": 1, "urls": ["https://a"]}, "urls"),
    "a url is null": ({"version": 1, "urls": {"work": None}}, "urls"),
    "a url is an object": ({"version": 1, "urls": {"work": {}}}, "urls"),
    "discarded is an object": ({"version": 1, "discarded": {}}, "discarded"),
    "a discarded one is a text": ({"version": 1, "discarded": ["0001"]}, "discarded"),
    "a discarded one has three parts": ({"version": 1, "discarded": [["keyring", "0001", "work"]]}, "discarded"),
    "a discarded one is two numbers": ({"version": 1, "discarded": [[1, 2]]}, "discarded"),
    **{
        f"{name} is {'not there' if value is ... else repr(value)}": (
            with_login(**{name: value}),
            f"logins.work.{name}",
        )
        for names, values in {
            ("base_url", "id", "kind", "storage"): (..., None, 5, True, ["text"], {}),
            ("issued_at",): (..., None, "1790000000", "", True, [], {}),
            ("expires_at",): ("1790000000", "", False, [], {}),
            Login._fields[6:]: (5, False, [], {}),
        }.items()
        for name in names
        for value in values
    },
}


@pytest.mark.parametrize(("content", "what"), MALFORMED.values(), ids=MALFORMED)
def test_a_shape_that_we_do_not_write_is_exit_2_and_named(file: LoginFile, content: Any, what: str) -> None:
    data = put(file, content)
    failure = refusal_to_read(file, data)
    assert failure.message.startswith(f"{file.path}: ")
    assert what in failure.message.removeprefix(f"{file.path}: ").split()
    assert failure.message.endswith(" is not valid")


@pytest.mark.parametrize("version", [2, 3, 1000])
def test_what_a_newer_version_wrote_is_exit_2_and_upgrading_is_advised(file: LoginFile, version: int) -> None:
    data = put(file, {"version": version, "logins": {"work": {"everything": "is different"}}})
    failure = refusal_to_read(file, data)
    assert failure.message == (f"{file.path} was written by a newer litellmctl (file version {version}, supported: 1)")
    assert str(failure.remedy).startswith("upgrade litellmctl")


def test_a_folder_in_place_of_the_file_is_exit_2(file: LoginFile) -> None:
    Path(file.path).mkdir(parents=True)
    with pytest.raises(ConfigFailure) as failure:
        file.read()
    assert failure.value.message == f"cannot read {file.path}: is a directory"
    assert failure.value.remedy == f"move {file.path} away"


def refusal_to_read(file: LoginFile, content: bytes) -> ConfigFailure:
    """Return what reading the file raises, which leaves it as it is."""
    failures = []
    for read in (file.read, lambda: file.login("work")):
        with pytest.raises(ConfigFailure) as failure:
            read()
        failures.append(failure.value)
    assert failures[0].message == failures[1].message
    assert failures[0].exit_code is ExitCode.USAGE
    assert failures[0].remedy in {
        f"fix {file.path}, or move it away and run litellmctl login",
        "upgrade litellmctl",
    }
    assert Path(file.path).read_bytes() == content
    assert [path.name for path in Path(file.folder).iterdir()] == ["logins.json"]
    return failures[0]


# A file that cannot be written


def test_a_folder_that_cannot_be_made_is_a_failure_of_the_file(file: LoginFile) -> None:
    Path(file.folder).parent.mkdir()
    Path(file.folder).write_bytes(b"mine")
    with pytest.raises(Failure) as failure:
        file.write(NOBODY)
    check_unwritable(failure.value, file)
    with pytest.raises(Failure) as failure, file.locked():
        raise AssertionError("never inside")
    check_unwritable(failure.value, file)
    assert Path(file.folder).read_bytes() == b"mine"


def test_a_folder_in_place_of_the_file_stays_when_it_is_to_be_written(file: LoginFile) -> None:
    (Path(file.path) / "inside").mkdir(parents=True)
    with pytest.raises(Failure) as failure:
        file.write(NOBODY)
    assert failure.value.message.startswith(f"cannot write {file.path}: ")
    assert (failure.value.code, failure.value.exit_code) == ("file", ExitCode.ERROR)
    assert failure.value.remedy == f"move {file.path} away"
    assert [path.name for path in Path(file.folder).iterdir()] == ["logins.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_is_a_failure_and_the_logins_are_still_there(file: LoginFile) -> None:
    file.write(Logins({"work": WORK}, {}, []))
    Path(file.folder).chmod(0o500)
    try:
        with pytest.raises(Failure) as failure:
            file.write(NOBODY)
        check_unwritable(failure.value, file)
        with pytest.raises(Failure) as failure, file.locked():
            raise AssertionError("never inside")
        check_unwritable(failure.value, file)
        assert file.login("work") == WORK
    finally:
        Path(file.folder).chmod(0o700)


def check_unwritable(failure: Failure, file: LoginFile) -> None:
    assert failure.message.startswith(f"cannot write {file.path}: ")
    assert (failure.code, failure.exit_code) == ("file", ExitCode.ERROR)
    assert failure.remedy == f"make {file.folder} writable"


# The lock


@contextmanager
def held_by_another_process(file: LoginFile) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in a process of its own, until it is told to end."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from litellmctl.auth.login_file import LoginFile\n"
        "with LoginFile(Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, file.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_lock_that_another_process_does_not_release_is_a_failure_after_a_while(
    file: LoginFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.3)
    with held_by_another_process(file):
        begin = time.monotonic()
        with pytest.raises(Failure) as failure, file.locked():
            raise AssertionError("never inside")
        assert 0.3 <= time.monotonic() - begin < 5
    assert failure.value.message.endswith(f" holds the lock on {file.path}")
    assert (failure.value.code, failure.value.exit_code) == ("file", ExitCode.ERROR)


def test_a_lock_that_another_process_releases_or_dies_with_is_waited_for(file: LoginFile) -> None:
    with held_by_another_process(file) as process:
        begin = time.monotonic()
        threading.Timer(0.3, process.kill).start()
        with file.locked():
            assert time.monotonic() - begin >= 0.25


def test_the_lock_is_waited_for_longer_than_a_renewal_may_take() -> None:
    assert module._LOCK_SECONDS >= 60


def test_reading_needs_no_lock(file: LoginFile) -> None:
    file.write(Logins({"work": WORK}, {}, []))
    with held_by_another_process(file):
        assert file.login("work") == WORK


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("no route to the proxy"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        OSError(errno.ENOSPC, "No space left on device"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        TimeoutError("timed out"),
        Failure("rejected", "the proxy refused"),
        ZeroDivisionError(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_goes_wrong_while_the_lock_is_held_is_not_blamed_on_the_file(
    file: LoginFile, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.1)
    with pytest.raises(type(error)) as raised, file.locked():
        raise error
    assert raised.value is error
    with file.locked():
        pass


# What a login is


@pytest.mark.parametrize(
    ("profile", "kind", "command"),
    [
        ("default", None, "litellmctl login"),
        ("default", "api_key", "litellmctl login"),
        ("default", "virtual_key", "litellmctl login"),
        ("default", "sso", "litellmctl login --sso"),
        ("default", "pkce", "litellmctl login --sso"),
        ("work", None, "litellmctl login --profile work"),
        ("work", "api_key", "litellmctl login --profile work"),
        ("work", "virtual_key", "litellmctl login --profile work"),
        ("work", "sso", "litellmctl login --sso --profile work"),
        ("work", "pkce", "litellmctl login --sso --profile work"),
    ],
)
def test_the_command_signs_in_again_as_before(profile: str, kind: str | None, command: str) -> None:
    assert login_command(profile, None if kind is None else KEY._replace(kind=kind)) == command


def test_a_profiles_url_is_that_of_its_login_or_of_its_last_one() -> None:
    logins = Logins({"work": WORK}, {"work": "https://older.example.com", "old": "https://old.example.com"}, [])
    assert [logins.url(name) for name in ("work", "old", "new")] == [WORK.base_url, "https://old.example.com", None]


SESSION_FIELDS = ("client_id", "token_endpoint", "revocation_endpoint", "resource")


def test_what_renewing_takes_is_all_there_or_not_at_all() -> None:
    assert WORK.session == tuple(getattr(WORK, field) for field in SESSION_FIELDS)
    assert [WORK._replace(**{field: None}).session for field in SESSION_FIELDS] == [None] * 4
    assert KEY.session is None
