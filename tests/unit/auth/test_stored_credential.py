"""A stored login, its clock and its vault in the test's hand. Whole programs are in tests/contract/test_renewal.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from litellmctl.auth.login_file import Login, LoginFile, Logins
from litellmctl.auth.stored_credential import Renewal, StoredCredential
from litellmctl.auth.vault import FileVault, Missing, Refused, Secret
from litellmctl.errors import AuthFailure, ConfigFailure, Failure
from litellmctl.proxy.oauth import Grant

URL = "https://llm.example.com"
OLD, NEW = "old-token", "new-token"
# The moment that it is in each test, and the life of the tokens, in seconds.
NOW, LIFE = 1_700_000_000.0, 1000.0


class Vault(FileVault):
    """A vault that does, or says, what the test wants."""

    says: Any = None

    def put(self, login: str, secret: Secret) -> Any:
        return super().put(login, secret) if self.says is None else self.says

    def get(self, login: str) -> Any:
        return super().get(login) if self.says is None else self.says


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


class Stored:
    """A login by PKCE of a token that ends at `end`, and everything that its renewal did."""

    def __init__(self, folder: Path, end: float | None, grant: Any = None, **changes: Any) -> None:
        issued = NOW if end is None else end - LIFE
        login = Login(URL, "id", "pkce", "file", issued, end, None, None, None, None, "c", "t", "r", URL)
        self.file, self.vault = LoginFile(folder), Vault(folder)
        self.asked: list[Secret] = []
        self.warned: list[str] = []
        self.grant = grant or Grant(NEW, LIFE, "new-refresh")
        self.login = login._replace(**changes)
        self.file.write(Logins({"work": self.login}, {}, []))
        self.vault.put("id", Secret(URL, OLD, issued, end, "old-refresh"))
        self.credential = StoredCredential(
            "work", self.login, self.file, self.vault, Renewal(self._ask, self.warned.append)
        )

    def replaced(self, end: float | None = None, **changes: Any) -> None:
        """Let another process put a login in this one's place, which cannot be renewed."""
        login = self.login._replace(id="other", client_id=None, **changes)
        self.vault.put("other", Secret(login.base_url, "another", NOW - LIFE, end, "other-refresh"))
        self.file.write(Logins({"work": login}, {}, []))
        self.vault.remove("id")

    def _ask(self, _: Login, secret: Secret) -> Grant:
        self.asked.append(secret)
        if isinstance(self.grant, Failure):
            raise self.grant
        assert isinstance(self.grant, Grant)
        return self.grant


@pytest.mark.parametrize(
    ("end", "renewed"), [(NOW + 300.1, False), (NOW + 300, True), (NOW, True), (NOW - 1, True), (None, False)]
)
def test_a_token_is_due_five_minutes_before_its_end_and_not_a_moment_earlier(
    tmp_path: Path, end: float | None, renewed: bool
) -> None:
    stored = Stored(tmp_path, end)
    assert stored.credential.secret() == (NEW if renewed else OLD)
    assert len(stored.asked) == renewed
    assert stored.credential.expires_at == (NOW + LIFE if renewed else end)
    kept = stored.file.login("work")
    assert kept is not None
    assert kept.expires_at == stored.credential.expires_at


@pytest.mark.parametrize(("left", "served"), [(0.1, True), (0.0, False)])
def test_a_token_that_cannot_be_renewed_serves_until_its_very_end(tmp_path: Path, left: float, served: bool) -> None:
    stored = Stored(tmp_path, NOW + left, Failure("unreachable", "it is down"))
    if served:
        assert stored.credential.secret() == OLD
        assert stored.warned == ["the token was not renewed, and is good for a while: it is down"]
    else:
        with pytest.raises(Failure, match=r"^it is down$"):
            stored.credential.secret()
        assert stored.warned == []


def test_a_token_that_has_no_successor_has_expired_at_its_very_end(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW, client_id=None)
    with pytest.raises(AuthFailure, match=r"^the stored login of profile work has expired$") as caught:
        stored.credential.secret()
    assert caught.value.remedy == "litellmctl login --sso --profile work"
    assert Stored(tmp_path, NOW + 0.1, client_id=None).credential.secret() == OLD


@pytest.mark.parametrize(
    ("end", "renewed"),
    [
        (NOW + LIFE, False),
        (NOW + LIFE / 2 + 0.1, False),
        (NOW + LIFE / 2, True),
        (NOW + 1, True),
        (NOW + LIFE + 1, True),  # issued in the future, by a clock that was wrong
        (None, True),  # nobody knows how old it is
    ],
)
def test_a_refused_token_is_renewed_from_the_middle_of_its_life(
    tmp_path: Path, end: float | None, renewed: bool
) -> None:
    stored = Stored(tmp_path, end)
    assert stored.credential.renewed() == (NEW if renewed else None)
    assert len(stored.asked) == renewed


def test_a_token_of_which_nobody_said_when_it_ends_is_kept_so(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW, Grant(NEW, None, "new-refresh"))
    assert stored.credential.secret() == NEW
    assert stored.credential.read() == Secret(URL, NEW, NOW, None, "new-refresh")
    login = stored.file.login("work")
    assert login is not None
    assert (login.issued_at, login.expires_at) == (NOW, None)
    assert StoredCredential("work", login, stored.file, stored.vault, Renewal(stored._ask, print)).secret() == NEW


def test_what_it_is_and_where_it_lies(tmp_path: Path) -> None:
    credential = Stored(tmp_path, None).credential
    assert (credential.source, credential.kind, credential.identity()) == ("stored", "pkce", "id")
    assert credential.is_silent
    assert not Stored(tmp_path, None, storage="keyring").credential.is_silent


def test_a_token_that_cannot_be_sent_is_named_and_not_shown(tmp_path: Path) -> None:
    stored = Stored(tmp_path, None)
    stored.vault.put("id", Secret(URL, "old\ntoken", NOW))
    with pytest.raises(ConfigFailure, match=r"^the stored login of profile work contains a control character"):
        stored.credential.secret()
    with pytest.raises(ConfigFailure, match=r"^the renewed token contains a control character"):
        Stored(tmp_path, NOW, Grant("new\ntoken", LIFE, "new-refresh")).credential.secret()


@pytest.mark.parametrize(
    ("storage", "says", "code", "message", "remedy"),
    [
        (
            "keyring",
            Refused("it is locked"),
            "keyring",
            "cannot read the stored login from the keyring: it is locked",
            "unlock the keyring, or litellmctl login --sso --profile work --storage file",
        ),
        (
            "file",
            Refused("/x: denied"),
            "file",
            "cannot read the stored login's secret: /x: denied",
            "litellmctl login --sso --profile work",
        ),
        (
            "file",
            Missing(),
            "keyring",
            "the stored login's secret is not in the file any more",
            "litellmctl login --sso --profile work",
        ),
    ],
)
def test_a_secret_that_cannot_be_read_is_told(
    tmp_path: Path, storage: str, says: Any, code: str, message: str, remedy: str
) -> None:
    stored = Stored(tmp_path, NOW, storage=storage)
    stored.vault.says = says
    with pytest.raises(Failure) as caught:
        stored.credential.secret()
    failure = caught.value
    assert (failure.code, failure.message, failure.remedy) == (code, message, remedy)


@pytest.mark.parametrize(
    ("storage", "remedy"),
    [("keyring", "litellmctl login --sso --profile work --storage file"), ("file", "make {folder} writable")],
)
def test_nothing_is_asked_where_the_answer_could_not_be_kept(tmp_path: Path, storage: str, remedy: str) -> None:
    stored = Stored(tmp_path, NOW, storage=storage)
    stored.credential._secret = stored.credential.read()
    stored.vault.get = lambda _: FileVault(tmp_path).get("id")  # type: ignore[method-assign]
    stored.vault.says = Refused("it is full")
    with pytest.raises(Failure) as caught:
        stored.credential.secret()
    failure = caught.value
    assert failure.code == storage
    assert failure.message == f"the token cannot be renewed, since its {storage} cannot be written: it is full"
    assert failure.remedy == remedy.format(folder=tmp_path)
    assert stored.asked == []


@pytest.mark.parametrize("end", [NOW + LIFE, NOW], ids=["good", "due"])
@pytest.mark.parametrize("storage", ["keyring", "file"])
def test_the_login_that_took_its_place_meanwhile_is_used(tmp_path: Path, storage: str, end: float) -> None:
    stored = Stored(tmp_path, end, storage=storage)
    stored.replaced(kind="api_key")
    assert stored.credential.secret() == "another"
    assert stored.credential.renewed() is None
    assert (stored.credential.identity(), stored.credential.kind) == ("other", "api_key")
    assert (stored.asked, stored.warned) == ([], [])


def test_one_that_took_its_place_and_cannot_be_renewed_is_not_asked_for(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW)
    stored.credential._secret = stored.credential.read()
    stored.replaced(end=NOW + 1)
    assert stored.credential.secret() == "another"
    assert stored.asked == []


def test_the_login_that_took_its_place_after_its_token_was_read_is_used(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW + 300.1)
    assert stored.credential.secret() == OLD
    stored.replaced()
    stored.credential._secret = stored.credential._secret._replace(expires_at=NOW)  # type: ignore[union-attr]
    assert stored.credential.secret() == "another"
    assert stored.asked == []


@pytest.mark.parametrize("end", [NOW + LIFE, NOW], ids=["good", "due"])
@pytest.mark.parametrize("changes", [{"base_url": "https://other.example.com"}, {"storage": "keyring"}, None], ids=repr)
def test_a_login_that_was_ended_or_is_another_proxys_now_is_exit_4(
    tmp_path: Path, changes: dict[str, Any] | None, end: float
) -> None:
    stored = Stored(tmp_path, end)
    if changes is None:
        stored.vault.remove("id")
        stored.file.write(Logins({}, {}, []))
    else:
        stored.replaced(**changes)
    with pytest.raises(
        AuthFailure, match=r"^the stored login of profile work was ended or replaced meanwhile$"
    ) as caught:
        stored.credential.secret()
    assert caught.value.remedy == "try again"
    assert (stored.asked, stored.credential.identity()) == ([], "id")
