"""A stored login, its clock and its vault in the test's hand. Whole programs are in tests/contract/test_renewal.py."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from litellmctl.auth import stored_credential as module
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
        self.questions: list[str] = []
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


@pytest.mark.parametrize(
    ("end", "changes", "due"),
    [(NOW + 900, {}, NOW + 600), (NOW + 900, {"client_id": None}, None), (None, {}, None)],
)
def test_it_tells_when_it_is_due_without_opening_the_vault(
    tmp_path: Path, end: float | None, changes: dict[str, Any], due: float | None
) -> None:
    stored = Stored(tmp_path, end, **changes)
    stored.vault.says = Missing()
    assert stored.credential.due_at == due


def test_the_next_token_is_due_in_its_own_time(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW + 1, Grant(NEW, 100, "new-refresh"))
    stored.credential.secret()
    assert stored.credential.due_at == NOW + 50


@pytest.mark.parametrize(("left", "served"), [(0.1, True), (0.0, False)])
def test_a_token_that_cannot_be_renewed_serves_until_its_very_end(tmp_path: Path, left: float, served: bool) -> None:
    stored = Stored(tmp_path, NOW + left, Failure("unreachable", "it is down"))
    if served:
        assert stored.credential.secret() == OLD
        assert stored.warned == ["cannot refresh the token, which has not expired yet: it is down"]
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
    with pytest.raises(ConfigFailure, match=r"^the refreshed token contains a control character"):
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
            "cannot read the secret of the stored login: /x: denied",
            "litellmctl login --sso --profile work",
        ),
        (
            "file",
            Missing(),
            "keyring",
            "the secret of the stored login is no longer in the file",
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
    assert failure.message == f"cannot refresh the token, because the {storage} cannot be written: it is full"
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
        AuthFailure, match=r"^the stored login of profile work was removed or replaced just now$"
    ) as caught:
        stored.credential.secret()
    assert caught.value.remedy == "run it again"
    assert (stored.asked, stored.credential.identity()) == ([], "id")


# A clock that was wrong

DAY, OFF = 86400.0, 26 * 3600.0


def wrong(
    folder: Path, ahead: float, *, issued: float, told: bool = True, now: float | None = None, **changes: Any
) -> Stored:
    """Return a login of a day, made at `issued` by a clock that was `ahead`; `now` is how far ahead it is today."""
    clock = f"{ahead:.0f} 1" if told and ahead else None
    stored = Stored(folder, issued + ahead + DAY, Grant(NEW, DAY, "new-refresh"), clock=clock, **changes)
    login = stored.login._replace(issued_at=issued + ahead)
    stored.file.write(Logins({"work": login}, {}, []))
    stored.vault.put("id", Secret(URL, OLD, issued + ahead, issued + ahead + DAY, "old-refresh"))

    def ask(login: Login) -> float | None:
        stored.questions.append(login.id)
        return now

    renewal = Renewal(stored._ask, stored.warned.append, clock_ahead=ask)
    stored.credential = StoredCredential("work", login, stored.file, stored.vault, renewal)
    return stored


@pytest.mark.parametrize("can_renew", [True, False])
@pytest.mark.parametrize(
    ("ahead", "age", "told", "now", "is_good", "asks"),
    [
        # signed in ahead, then put right: a token of the future until 26 hours later
        (OFF, 1, True, 0.0, True, False),
        (OFF, 25, True, 0.0, False, False),
        (OFF, 27, True, 0.0, False, True),
        (OFF, 49, True, 0.0, False, True),
        (OFF, 1, False, 0.0, False, True),  # what was recorded cannot be trusted, and the proxy's clock says so
        (OFF, 25, False, 0.0, False, True),
        # signed in behind, then put right
        (-OFF, 1, True, 0.0, True, True),
        (-OFF, 25, True, 0.0, False, False),
        # signed in while it was right, then set: back, and ahead, which ends a token too early
        (0.0, 25, True, -OFF, False, True),
        (0.0, 1, True, -OFF, True, True),
        (0.0, 1, True, None, False, True),
        # as wrong as ever, after a restart
        (OFF, 1, True, OFF, True, True),
        (-OFF, 1, True, -OFF, True, False),
    ],
)
def test_a_token_of_a_clock_that_was_or_is_26_hours_off(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ahead: float,
    age: float,
    told: bool,
    now: float | None,
    is_good: bool,
    asks: bool,
    can_renew: bool,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    is_set_back = not ahead and (now is None or now < 0)
    shown = now if now is not None else -OFF
    issued = NOW - (shown if ahead or is_set_back else 0.0) - age * 3600
    stored = wrong(tmp_path, ahead, issued=issued, told=told, now=now, **({} if can_renew else {"client_id": None}))
    if is_good:
        assert stored.credential.secret() == OLD
    elif can_renew:
        assert stored.credential.secret() == NEW
    else:
        with pytest.raises(AuthFailure, match=r"has expired") as caught:
            stored.credential.secret()
        assert caught.value.remedy == "litellmctl login --sso --profile work"
    assert len(stored.asked) == (can_renew and not is_good)
    assert bool(stored.questions) is asks


def test_where_the_proxy_cannot_be_asked_for_the_time_a_token_in_doubt_is_not_used(tmp_path: Path) -> None:
    stored = wrong(tmp_path, OFF, issued=NOW - 27 * 3600)

    def down(_: Login) -> float | None:
        raise Failure("unreachable", "it is down", remedy="look")

    renewal = Renewal(stored._ask, stored.warned.append, clock_ahead=down)
    credential = StoredCredential("work", stored.credential.login, stored.file, stored.vault, renewal)
    with pytest.raises(Failure, match=r"^cannot tell if .* has expired, .*: it is down$"):
        credential.secret()
    assert stored.asked == []


def test_a_renewal_by_a_wrong_clock_keeps_how_wrong_it_was(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW)
    renewal = Renewal(stored._ask, stored.warned.append, seen_ahead=lambda: OFF)
    credential = StoredCredential("work", stored.login, stored.file, stored.vault, renewal)
    assert credential.secret() == NEW
    login = stored.file.login("work")
    assert login is not None
    assert login.clock is not None
    assert login.clock.startswith(f"{OFF:.0f} ")
    assert credential.secret() == NEW
    assert len(stored.asked) == 1


# A process that was stopped while it renewed


@pytest.fixture
def held(tmp_path: Path) -> Iterator[None]:
    """A process that holds the lock of the logins, and does not go on."""
    script = "import sys, time; from litellmctl.auth.login_file import LoginFile\n"
    script += "with LoginFile(sys.argv[1]).locked(): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield
        finally:
            process.kill()


@pytest.mark.usefixtures("held")
def test_who_waits_takes_what_was_renewed_though_the_lock_is_still_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.2)
    stored = Stored(tmp_path, NOW - 1)
    renewed = Secret(URL, NEW, NOW, NOW + LIFE, "new-refresh")
    timer = threading.Timer(0.5, lambda: stored.vault.put("id", renewed))
    timer.start()
    begin = time.monotonic()
    assert stored.credential.secret() == NEW
    assert time.monotonic() - begin < 20
    timer.join()
    assert (stored.asked, stored.warned) == ([], [])


@pytest.mark.usefixtures("held")
def test_who_has_a_good_token_uses_it_and_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._PATIENCE_SECONDS <= 5
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.2)
    stored = Stored(tmp_path, NOW + 100)
    begin = time.monotonic()
    assert stored.credential.secret() == OLD
    assert time.monotonic() - begin < 10
    assert stored.asked == []
    (warning,) = stored.warned
    assert warning.startswith(
        "cannot refresh the token, which has not expired yet: another process is refreshing the token"
    )


@pytest.mark.usefixtures("held")
def test_who_has_none_waits_and_says_what_holds_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._LOCK_SECONDS >= 60
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.3)
    stored = Stored(tmp_path, NOW - 1)
    with pytest.raises(Failure, match=r"^another process is refreshing the token") as caught:
        stored.credential.secret()
    assert caught.value.code == "file"
    assert "fg" in (caught.value.remedy or "")


def test_who_wakes_up_looks_at_the_vault_before_it_sends_the_refresh_token(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW)
    renewed = Secret(URL, "by another", NOW, NOW + LIFE, "other-refresh")

    def sleep(_: Login) -> None:
        stored.vault.put("id", renewed)  # by another machine, which took over the lock meanwhile

    renewal = Renewal(stored._ask, stored.warned.append, prepare=sleep)
    credential = StoredCredential("work", stored.login, stored.file, stored.vault, renewal)
    assert credential.secret() == "by another"
    assert stored.asked == []


def test_a_token_that_others_keep_changing_is_given_up(tmp_path: Path) -> None:
    stored = Stored(tmp_path, NOW - 1)
    tokens = iter(range(100))

    def change(_: Login) -> None:
        stored.vault.put("id", Secret(URL, f"token-{next(tokens)}", NOW - LIFE - 1, NOW - 1, "other-refresh"))

    renewal = Renewal(stored._ask, stored.warned.append, prepare=change)
    credential = StoredCredential("work", stored.login, stored.file, stored.vault, renewal)
    with pytest.raises(Failure, match=r"^other processes keep changing the token$"):
        credential.secret()
    assert stored.asked == []
