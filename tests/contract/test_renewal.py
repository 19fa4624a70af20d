"""A stored login by PKCE whose token ends: when it is renewed, by whom, and what is there afterwards, whatever fails."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from litellmctl.auth.login_file import LoginFile, Logins
from litellmctl.auth.vault import FileVault, Found, Missing, Secret
from tests.answers import Gate, after, answering, late
from tests.conftest import Run, Start
from tests.contract.signing_in import revokes
from tests.effort import until
from tests.fake_proxy import FakeProxy, error, row
from tests.logins import CLIENT, DAY, ID, OLD, OLD_REFRESH, Files
from tests.server import nobody

NEW, NEW_REFRESH = "litellm_login_new-0123456789", "llm_srefresh_new-0123456789"
GRANT = {
    "access_token": NEW,
    "token_type": "Bearer",
    "expires_in": 86400,
    "refresh_token": NEW_REFRESH,
    "user_id": "duo",
    "team_id": "lab-red",
}
# Before and after the end of a token that is to be renewed.
DUE, ENDED = 100.0, -1.0
SECONDS = 30.0


def grants(proxy: FakeProxy, **changes: Any) -> FakeProxy:
    return proxy.on("/token", {**GRANT, **changes}, method="POST")


def end_of(process: subprocess.Popen[str], stdin: str = "") -> tuple[int, str, str]:
    stdout, stderr = process.communicate(stdin, timeout=SECONDS)
    assert "Traceback" not in stderr
    return process.returncode, stdout, stderr


# When, and with what


@pytest.mark.parametrize(
    ("left", "life", "renews"),
    [
        (330, DAY, False),
        (290, DAY, True),
        (ENDED, DAY, True),
        (-10 * DAY, DAY, True),
        # In the last half of its life, where that is shorter.
        (290, 480, False),
        (250, 480, False),
        (230, 480, True),
        (40, 60, False),
        (20, 60, True),
    ],
)
def test_a_token_is_renewed_five_minutes_ahead_and_at_most_once_per_half_of_its_life(
    run: Run, fake: FakeProxy, files: Files, left: float, life: float, renews: bool
) -> None:
    files.keep(fake.url, left=left, life=life)
    before = files.bytes
    if renews:
        grants(fake)
    result = run("token")
    assert result == (f"{NEW}\n" if renews else f"{OLD}\n")
    assert result.stderr == ""
    assert len(fake.requests) == renews
    assert (files.bytes == before) is not renews


def test_the_exchange_is_as_the_contract_has_it(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DUE)
    run("config", "set", "base_url", fake.url)
    run("config", "set", "headers.x-team", "blue")
    grants(fake, expires_in=7200)
    before = time.time()
    result = run("token", "-v")
    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", "/token")
    assert request.form == {
        "grant_type": "refresh_token",
        "refresh_token": OLD_REFRESH,
        "client_id": CLIENT,
        "resource": fake.url,
    }
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["x-team"] == "blue"
    assert "Authorization" not in request.headers
    # The pair that came is what is stored, and the expiry follows in both files.
    secret, login = files.secret, files.login
    assert secret == Secret(fake.url, NEW, secret.issued_at, secret.issued_at + 7200, NEW_REFRESH)
    assert before <= secret.issued_at <= time.time()
    assert (login.issued_at, login.expires_at) == (secret.issued_at, secret.expires_at)
    assert (login.id, login.kind, login.session is not None) == (ID, "pkce", True)
    assert run("token", "--json").json["token"] == NEW
    assert "POST /token 200" in result.stderr
    for text in (OLD, NEW, OLD_REFRESH, NEW_REFRESH):
        assert text not in result.stderr
        assert text.encode() not in files.bytes["logins.json"]
    assert stat.S_IMODE(Path(files.vault.path).stat().st_mode) == 0o600


def test_one_refresh_is_enough_for_what_follows(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DUE)
    grants(fake)
    assert run("token") == run("token") == run("token", "--header").removeprefix("Authorization: Bearer ") == f"{NEW}\n"
    assert f"OPENAI_API_KEY={NEW}" in run("env")


def test_a_login_of_another_profile_is_left_alone(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=ENDED)
    logins = files.logins.read()
    other = logins.by_profile["default"]._replace(id="other", kind="api_key", client_id=None, expires_at=None)
    files.logins.write(logins._replace(by_profile={**logins.by_profile, "work": other}, urls={"gone": "https://x"}))
    files.vault.put("other", Secret(fake.url, "sk-other", 0.0))
    grants(fake)
    assert run("token") == f"{NEW}\n"
    after = files.logins.read()
    assert (after.by_profile["work"], after.urls) == (other, {"gone": "https://x"})
    assert files.vault.get("other") == Found(Secret(fake.url, "sk-other", 0.0))


def test_twenty_processes_at_once_make_one_refresh(fake: FakeProxy, files: Files, start: Start) -> None:
    files.keep(fake.url, left=ENDED)

    # Time enough for all of them to find the old token.
    fake.on("/token", method="POST", respond=late(GRANT, 0.5))
    ends = [end_of(process) for process in [start("token") for _ in range(20)]]
    assert ends == [(0, f"{NEW}\n", "")] * 20
    assert len(fake.requests) == 1


# Stopped in the middle: Ctrl-Z, SIGSTOP, a laptop's sleep


class OneUse:
    """A proxy that gives a new pair for each refresh token, and ends the session where one is used again."""

    def __init__(self, fake: FakeProxy) -> None:
        self.asked: list[str] = []
        self.is_over = False
        self.reached = threading.Event()
        self._fake = fake
        fake.on("/token", method="POST", respond=answering(self._grant, after=0.3), times=None)

    def _grant(self, _: BaseHTTPRequestHandler) -> Any:
        refresh = self._fake.requests_for("/token")[len(self.asked)].form["refresh_token"]
        self.is_over = self.is_over or refresh in self.asked
        self.asked.append(refresh)
        self.reached.set()
        number = len(self.asked)
        return (
            {} if self.is_over else {**GRANT, "access_token": f"token-{number}", "refresh_token": f"refresh-{number}"}
        )


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
@pytest.mark.parametrize("left", [DUE, ENDED])
def test_a_process_that_is_stopped_while_it_renews_keeps_what_came_meanwhile(
    fake: FakeProxy, files: Files, start: Start, left: float
) -> None:
    files.keep(fake.url, left=left)
    proxy = OneUse(fake)
    stopped = start("token", "--timeout", "2")
    until(lambda: fake.requests_for("/token"))
    stopped.send_signal(signal.SIGSTOP)
    assert proxy.reached.wait(SECONDS)
    begin = time.monotonic()
    if left == DUE:  # whoever has a good token does not wait for it
        code, stdout, stderr = end_of(start("token"))
        assert (code, stdout) == (0, f"{OLD}\n")
        assert "Warning: cannot refresh the token" in stderr
        assert "another process is refreshing the token" in stderr
        assert time.monotonic() - begin < 20
        waiting = None
    else:
        waiting = start("token")
    time.sleep(max(0.0, 3 - (time.monotonic() - begin)))  # longer than its time-out
    stopped.send_signal(signal.SIGCONT)
    assert end_of(stopped) == (0, "token-1\n", "")
    assert waiting is None or end_of(waiting) == (0, "token-1\n", "")
    assert end_of(start("token")) == (0, "token-1\n", "")
    assert (proxy.asked, proxy.is_over) == ([OLD_REFRESH], False)
    assert files.secret.refresh_token == "refresh-1"


# When it fails


@pytest.mark.parametrize("left", [DUE, ENDED])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_refresh_is_exit_4_with_the_login_command(
    run: Run, fake: FakeProxy, files: Files, left: float, status: int
) -> None:
    files.keep(fake.url, left=left)
    before = files.bytes
    refused = {"error": "invalid_grant", "error_description": "the refresh token was revoked"}
    fake.on("/token", refused, status=status, method="POST")
    result = run("token", "--json", exit=4)
    assert result == ""
    assert "the refresh token was revoked" in result.error["message"]
    assert result.error["remedy"] == "litellmctl login --sso"
    assert files.bytes == before


def test_the_login_command_names_the_profile(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DUE, profile="work")
    run("config", "set", "profiles.work.base_url", fake.url)
    fake.on("/token", {"error": "invalid_grant"}, status=400, method="POST")
    assert (
        run("token", "--profile", "work", "--json", exit=4).error["remedy"] == "litellmctl login --sso --profile work"
    )


PASSING: list[Any] = [
    pytest.param({"status": 500, "body": {"detail": "boom"}}, id="500"),
    pytest.param({"status": 502, "body": b"<html>"}, id="502"),
    pytest.param({"status": 429, "body": {"detail": "slow down"}}, id="429"),
    pytest.param({"status": 404, "body": b"<html>"}, id="404 page"),
    pytest.param({"body": b"<!doctype html>"}, id="page"),
    pytest.param({"body": b'{"access_token": "x'}, id="half"),
    pytest.param({"body": []}, id="list"),
    pytest.param({"body": {**GRANT, "refresh_token": None}}, id="no refresh token"),
    pytest.param({"body": {**GRANT, "expires_in": "soon"}}, id="no expiry"),
    pytest.param({"body": {**GRANT, "access_token": f"{NEW}\nx-evil: 1"}}, id="line break"),
    pytest.param({"body": {**GRANT, "access_token": f"{NEW}é"}}, id="non-ASCII"),
    pytest.param({"body": {**GRANT, "access_token": NEW + "a" * 2**16}}, id="too long"),
    pytest.param({"raw": b""}, id="closed"),
]


@pytest.mark.parametrize("body", PASSING)
def test_what_may_pass_lets_the_old_token_serve_until_its_end(
    run: Run, fake: FakeProxy, files: Files, body: dict[str, Any]
) -> None:
    files.keep(fake.url, left=DUE)
    before = files.bytes
    fake.on("/token", method="POST", times=3, **body)
    result = run("token")
    assert result == f"{OLD}\n"
    assert result.stderr.startswith("Warning: cannot refresh the token")
    assert len(result.stderr.splitlines()) == 1
    assert run("token", "-q").stderr == ""
    assert json.loads(files.bytes["secrets.json"]) == json.loads(before["secrets.json"])
    assert files.bytes["logins.json"] == before["logins.json"]
    files.keep(fake.url, left=ENDED)
    result = run("token", "--json", exit=3)
    assert result == ""
    assert OLD not in result.stderr
    assert NEW not in result.stderr
    assert len(fake.requests) == 3  # once each: a refresh token works once


def test_a_proxy_that_is_down_lets_the_old_token_serve_until_its_end(run: Run, fake: FakeProxy, files: Files) -> None:
    with nobody() as url:
        pass
    files.keep(url, left=1.5)
    end = files.secret.expires_at
    assert end is not None
    assert run("token") == f"{OLD}\n"
    assert time.time() < end
    time.sleep(max(0.0, end - time.time()))
    assert run("token", "--json", exit=3).error["code"] == "unreachable"


@pytest.mark.parametrize("options", [["token"], ["token", "--timeout", "0.3"]])
def test_a_proxy_that_says_nothing_cannot_hold_us(
    run: Run, fake: FakeProxy, files: Files, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(options) == 1:
        monkeypatch.setattr("litellmctl.connection.REQUEST_SECONDS", 0.3)
    gates = [Gate(GRANT), Gate(GRANT)]
    for gate in gates:
        fake.on("/token", method="POST", respond=gate)
    files.keep(fake.url, left=DUE)
    begin = time.monotonic()
    assert run(*options) == f"{OLD}\n"
    files.keep(fake.url, left=ENDED)
    assert run(*options, "--json", exit=3).error["code"] == "timeout"
    assert time.monotonic() - begin < 5
    for gate in gates:
        gate.open()


@pytest.mark.parametrize(("option", "variable"), [("--offline", None), ("-q", "1")])
def test_without_the_network_the_old_token_serves_until_its_end(
    run: Run, fake: FakeProxy, files: Files, option: str, variable: str | None
) -> None:
    files.keep(fake.url, left=DUE)
    result = run("token", option, LITELLM_OFFLINE=variable)
    assert result == f"{OLD}\n"
    assert ("cannot refresh the token" in result.stderr) is (option != "-q")
    files.keep(fake.url, left=ENDED)
    assert run("token", option, "--json", exit=3, LITELLM_OFFLINE=variable).error["code"] == "offline"
    assert fake.requests == []


# The vault goes first


def cannot_replace(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    # The name of the file leaves no room for that of a temporary one beside it.
    long = files.folder / ("x" * 250)
    Path(files.vault.path).rename(long)
    Path(files.vault.path).symlink_to(long)


def cannot_lock(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    (files.folder / "logins.json.lock").unlink(missing_ok=True)
    (files.folder / "logins.json.lock").mkdir()


def cannot_sync(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)


def cannot_open(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.open

    def full(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path).endswith(".tmp"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return before(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", full)


@pytest.mark.parametrize("broken", [cannot_replace, cannot_lock, cannot_sync, cannot_open])
def test_nothing_is_asked_of_the_proxy_where_the_answer_could_not_be_kept(
    run: Run, fake: FakeProxy, files: Files, broken: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.keep(fake.url, left=ENDED)
    with monkeypatch.context() as patch:
        broken(files, patch)
        failure = run("token", "--json", exit=1).error
    assert failure["code"] == "file"
    if broken is cannot_lock:
        assert failure["remedy"] == f"move {files.folder / 'logins.json.lock'} away"
    else:
        assert failure["remedy"] == f"make {files.folder} writable"
        why = "cannot refresh the token, because the file cannot be written: "
        assert failure["message"].startswith(f"{why}{files.vault.path}: ")
    assert fake.requests == []
    assert files.secret.refresh_token == OLD_REFRESH


def test_where_the_answer_could_not_be_kept_the_old_token_serves(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DUE)
    (files.folder / "logins.json.lock").mkdir()
    result = run("token")
    assert result == f"{OLD}\n"
    assert "cannot refresh the token" in result.stderr


def test_the_new_pair_is_on_the_disk_before_it_is_used(
    run: Run, fake: FakeProxy, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # and not the folder
            done.append("fsync")
        fsync(descriptor)

    def replaced(source: Any, target: Any) -> None:
        done.append(Path(target).name)
        replace(source, target)

    files.keep(fake.url, left=ENDED)
    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(os, "replace", replaced)
    fake.on("/token", method="POST", respond=after(lambda: done.append("ask"), GRANT))
    run("token")
    kept = ["fsync", "secrets.json"]
    assert done == [*kept, "ask", *kept, "fsync", "logins.json"]


def test_a_file_that_only_repeats_the_expiry_does_not_fail_the_renewal(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=ENDED)
    long = files.folder / ("x" * 250)
    Path(files.logins.path).rename(long)
    Path(files.logins.path).symlink_to(long)
    grants(fake)
    assert run("token") == f"{NEW}\n"
    assert run("token") == f"{NEW}\n"


# Where it goes


@pytest.mark.parametrize("left", [DUE, ENDED])
def test_nothing_is_sent_to_an_endpoint_that_somebody_moved(
    run: Run, fake: FakeProxy, evil: FakeProxy, files: Files, left: float
) -> None:
    host = fake.url.removeprefix("http://")
    other = evil.url.removeprefix("http://")
    for moved in (f"{evil.url}/token", f"http://{host}@{other}/token", f"@{other}/token", ".evil.example/token"):
        files.keep(fake.url, left=left, token_endpoint=moved)
        if left == DUE:
            assert run("token") == f"{OLD}\n"
        else:
            assert run("token", "--json", exit=3).error["code"] == "bad_response"
    assert fake.requests == []


def test_a_redirect_is_not_followed(run: Run, fake: FakeProxy, evil: FakeProxy, files: Files) -> None:
    for target in (evil.url, fake.url):
        for status in (301, 302, 303, 307, 308):
            files.keep(fake.url, left=ENDED)
            fake.on("/token", {}, status=status, headers={"Location": f"{target}/take"}, method="POST")
            assert run("token", "--json", exit=3).error["code"] == "bad_response"
    assert set(fake.asked) == {"/token"}


@pytest.mark.parametrize("left", [DAY, DUE, ENDED])
def test_a_secret_of_another_proxy_is_refused(
    run: Run, fake: FakeProxy, evil: FakeProxy, files: Files, left: float
) -> None:
    moved = {f"{name}_endpoint": f"{evil.url}/{name}" for name in ("token", "revocation")}
    files.keep(fake.url, left=left, base_url=evil.url, resource=evil.url, **moved)
    for words in (["token"], ["token", "--base-url", evil.url], ["models", "--refresh"]):
        result = run(*words, "--json", exit=1)
        assert result.error["code"] == "file"
        assert result.error["message"] == (
            f"{files.logins.path} has {evil.url} for profile default, but its secret was issued for another proxy"
        )
        assert result.error["remedy"] == "litellmctl login --sso"
        assert OLD not in result + result.stderr
    run("logout")
    assert not Path(files.vault.path).exists()


# After a 401

REFUSED = error(401, "Invalid proxy server token passed", "auth_error")


def test_a_token_that_is_refused_in_its_second_half_is_renewed_once(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=0.4 * DAY)
    fake.on("/model/info", **REFUSED)
    grants(fake).models(row("gpt"))
    assert run("models", "--json").json[0]["id"] == "gpt"
    assert fake.asked == ["/model/info", "/token", "/model/info"]
    assert [one.headers["Authorization"] for one in fake.requests_for("/model/info")] == [
        f"Bearer {OLD}",
        f"Bearer {NEW}",
    ]
    assert files.secret.refresh_token == NEW_REFRESH


def test_a_new_token_that_is_refused_too_is_exit_4(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=0.4 * DAY)
    grants(fake).on("/model/info", times=2, **REFUSED).on("/v1/models", **REFUSED)
    assert run("models", "--json", exit=4).error["remedy"] == "litellmctl login --sso"
    assert len(fake.requests_for("/token")) == 1
    assert files.secret.token == NEW


def test_a_token_that_is_refused_in_its_first_half_is_not_renewed(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=0.6 * DAY)
    fake.on("/model/info", **REFUSED).on("/v1/models", **REFUSED)
    failure = run("models", "--json", exit=4).error
    assert (failure["code"], failure["remedy"]) == ("auth_failed", "litellmctl login --sso")
    assert fake.requests_for("/token") == []


def test_a_token_that_was_renewed_a_moment_ago_is_not_renewed_again(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DUE)
    grants(fake).on("/model/info", **REFUSED).on("/v1/models", **REFUSED)
    run("models", exit=4)
    assert len(fake.requests_for("/token")) == 1


def test_a_login_without_a_refresh_token_cannot_be_renewed(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=ENDED)
    files.vault.put(ID, files.secret._replace(refresh_token=None))
    failure = run("token", "--json", exit=4).error
    assert (failure["code"], failure["remedy"]) == ("auth_required", "litellmctl login --sso")
    assert failure["message"] == "the stored login of profile default has expired"
    assert fake.requests == []


# Meanwhile


def test_a_logout_waits_for_the_renewal_and_ends_the_new_sign_in(fake: FakeProxy, files: Files, start: Start) -> None:
    files.keep(fake.url, left=ENDED)
    gate = Gate(GRANT)
    revokes(fake.on("/token", method="POST", respond=gate))
    token = start("token")
    gate.wait()
    logout = start("logout")
    with pytest.raises(subprocess.TimeoutExpired):
        logout.wait(0.6)
    assert fake.asked == ["/token"]
    gate.open()
    assert end_of(token) == (0, f"{NEW}\n", "")
    assert end_of(logout)[0] == 0
    assert fake.requests_for("/revoke")[0].form["token"] == NEW_REFRESH
    assert files.logins.read().by_profile == {}
    assert not Path(files.vault.path).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
@pytest.mark.parametrize("words", [["logout"], ["login", "--with-token", "--base-url", "URL"]])
def test_who_waits_for_a_stopped_process_is_told_of_it_and_can_give_up(
    fake: FakeProxy, files: Files, start: Start, words: list[str]
) -> None:
    files.keep(fake.url, left=ENDED)
    gate = Gate(GRANT)
    fake.on("/token", method="POST", respond=gate)
    stopped = start("token")
    gate.wait()
    stopped.send_signal(signal.SIGSTOP)
    before = files.bytes
    waiting = start(*(fake.url if word == "URL" else word for word in words))
    assert waiting.stdin
    assert waiting.stderr
    waiting.stdin.write("sk-0123456789")
    waiting.stdin.close()
    waiting.stdin = None
    told = waiting.stderr.readline()
    assert told.startswith("Waiting for up to a minute: ")
    assert told.endswith(f" holds the lock on {files.logins.path} (Ctrl-C cancels)\n")
    if sys.platform == "linux":
        assert f"process {stopped.pid} is stopped" in told
    waiting.send_signal(signal.SIGINT)
    assert end_of(waiting)[0] == 130
    assert files.bytes == before
    stopped.send_signal(signal.SIGCONT)
    gate.open()
    assert end_of(stopped) == (0, f"{NEW}\n", "")
    assert end_of(start("token")) == (0, f"{NEW}\n", "")


def test_a_renewal_waits_for_the_logout_and_finds_no_login(fake: FakeProxy, files: Files, start: Start) -> None:
    files.keep(fake.url, left=ENDED)
    gate = Gate({})
    fake.on("/revoke", method="POST", respond=gate)
    logout = start("logout")
    gate.wait()
    token = start("token")
    with pytest.raises(subprocess.TimeoutExpired):
        token.wait(0.6)
    gate.open()
    assert end_of(logout)[0] == 0
    code, stdout, stderr = end_of(token)
    assert (code, stdout) == (4, "")
    assert "removed or replaced" in stderr
    assert fake.asked == ["/revoke"]


def test_another_login_waits_for_the_renewal_and_replaces_it(fake: FakeProxy, files: Files, start: Start) -> None:
    files.keep(fake.url, left=ENDED)
    gate = Gate(GRANT)
    fake.on("/token", method="POST", respond=gate)
    for path, body in (("/v1/models", {"data": []}), ("/key/info", {}), ("/user/info", {})):
        fake.on(path, body, times=None)
    fake.models(row("gpt"), times=None)
    revokes(fake)
    token = start("token")
    gate.wait()
    login = start("login", "--with-token", "--base-url", fake.url)
    assert login.stdin
    login.stdin.write("sk-0123456789")
    login.stdin.close()
    login.stdin = None
    time.sleep(0.6)
    gate.open()
    assert end_of(token) == (0, f"{NEW}\n", "")
    code, _, stderr = end_of(login)
    assert code == 0, stderr
    assert fake.requests_for("/revoke")[0].form["token"] == NEW_REFRESH
    logins = files.logins.read()
    assert (files.login.kind, logins.discarded) == ("api_key", [])
    assert list(json.loads(Path(files.vault.path).read_bytes())["secrets"]) == [files.login.id]


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_login_that_was_replaced_before_the_renewal_is_not_renewed(
    run: Run, fake: FakeProxy, files: Files, monkeypatch: pytest.MonkeyPatch, is_elsewhere: bool
) -> None:
    files.keep(fake.url, left=ENDED)
    locked = LoginFile.locked

    @contextmanager
    def behind_another_login(file: LoginFile) -> Iterator[None]:
        monkeypatch.setattr(LoginFile, "locked", locked)
        url = "https://llm.example.com" if is_elsewhere else fake.url
        files.vault.put("other", Secret(url, "other", time.time(), time.time() + DAY, "other"))
        files.vault.remove(ID)
        files.logins.write(Logins({"default": files.login._replace(id="other", base_url=url)}, {}, []))
        with locked(file):
            yield

    monkeypatch.setattr(LoginFile, "locked", behind_another_login)
    if is_elsewhere:
        failure = run("token", "--json", exit=4).error
        assert failure["message"] == "the stored login of profile default was removed or replaced just now"
        assert failure["remedy"] == "run it again"
    else:
        assert run("token") == "other\n"
    assert fake.requests == []
    assert files.vault.get("other") != Missing()


def test_a_login_that_is_replaced_while_it_is_read_is_the_new_one(
    run: Run, fake: FakeProxy, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.keep(fake.url, left=DAY)
    read = FileVault.get

    def behind_another_login(vault: FileVault, login: str) -> Any:
        monkeypatch.setattr(FileVault, "get", read)
        files.vault.put("other", files.secret._replace(token="other"))
        files.logins.write(Logins({"default": files.login._replace(id="other")}, {}, []))
        files.vault.remove(ID)
        return read(vault, login)

    monkeypatch.setattr(FileVault, "get", behind_another_login)
    assert run("token") == "other\n"


# Killed at any moment


def test_a_kill_while_the_proxy_is_asked_leaves_the_old_pair_and_no_lock(
    fake: FakeProxy, files: Files, start: Start
) -> None:
    files.keep(fake.url, left=ENDED)
    before = files.bytes
    gate = Gate(GRANT)
    fake.on("/token", method="POST", respond=gate)
    token = start("token")
    gate.wait()
    token.kill()
    token.wait(SECONDS)
    gate.open()
    assert json.loads(files.bytes["secrets.json"]) == json.loads(before["secrets.json"])
    assert files.bytes["logins.json"] == before["logins.json"]
    grants(fake)
    assert end_of(start("token")) == (0, f"{NEW}\n", "")


def test_a_kill_at_any_moment_leaves_files_that_can_be_read(fake: FakeProxy, files: Files, start: Start) -> None:
    issued = {OLD: OLD_REFRESH}

    def refresh(_: BaseHTTPRequestHandler) -> Any:
        number = len(issued)
        issued[f"token-{number}"] = f"refresh-{number}"
        pair = {"access_token": f"token-{number}", "refresh_token": f"refresh-{number}"}
        return {**GRANT, **pair, "expires_in": 0.001}  # so that each process renews

    fake.on("/token", method="POST", respond=answering(refresh), times=None)
    files.keep(fake.url, left=ENDED)
    begin = time.monotonic()
    assert end_of(start("token"))[0] == 0
    usual = time.monotonic() - begin
    for moment in range(10):
        process = start("token")
        time.sleep(usual * (0.35 + 0.07 * moment))
        process.kill()
        process.wait(SECONDS)
        assert files.login.id == ID
        assert issued[files.secret.token] == files.secret.refresh_token
    assert end_of(start("token"))[0] == 0
    assert files.secret.token == f"token-{len(issued) - 1}"


def test_what_a_kill_left_behind_goes_with_the_next_write(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=ENDED)
    left = files.folder / ".secrets.json.4711.0123abcd.tmp"
    left.write_bytes(files.bytes["secrets.json"])
    grants(fake)
    run("token")
    assert not left.exists()
