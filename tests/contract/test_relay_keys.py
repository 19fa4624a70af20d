"""The key of the relay: renewed ahead by one for all, after a 401, after a new login; and what clients see without one."""

from __future__ import annotations

import gc
import http.client
import json
import shlex
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from litellmctl.auth.login_file import Logins
from litellmctl.auth.vault import Secret
from litellmctl.options import Options
from tests.answers import closing
from tests.contract.relaying import KEY, UPSTREAM_KEY, Running, environ, relaying, use  # noqa: F401
from tests.effort import until
from tests.fake_proxy import FakeProxy
from tests.logins import DAY, ID, OLD, OLD_REFRESH, Files

pytestmark = pytest.mark.usefixtures("environ")
CHAT = "/v1/chat/completions"
EVENT = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


def post(relay: Running, body: bytes = b"{}", path: str = CHAT, method: str = "POST") -> Answer:
    client = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
    try:
        client.request(method, path, body, {"Authorization": f"Bearer {KEY}"})
        answer = client.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        client.close()


def at_once(count: int, work: Callable[[], Any], seconds: float = 60) -> list[Any]:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert len(found) == count
    return found


class Issuer:
    """A proxy's tokens: each lives some seconds, and is good until it has expired or is revoked."""

    def __init__(self, fake: FakeProxy, files: Files, *, life: float, left: float | None = None) -> None:
        self.life = life
        self.renewals: list[float] = []
        self.refused = 0
        self._lock = threading.Lock()
        files.keep(fake.url, left=life if left is None else left, life=life)
        self._ends = {OLD: time.time() + (life if left is None else left)}
        self._refresh = OLD_REFRESH
        fake.on("/token", method="POST", respond=self._renew, times=None)
        fake.on(CHAT, method="POST", respond=self._chat, times=None)

    def revoke(self) -> None:
        self._ends.clear()

    @property
    def current(self) -> str:
        return next(reversed(self._ends))

    def _renew(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.renewals.append(time.time())
            number = len(self.renewals)
            token = f"litellm_login_new-{number:010}"
            self._ends[token] = time.time() + self.life
        time.sleep(0.2)
        grant = {"access_token": token, "token_type": "Bearer", "expires_in": self.life}
        answer(handler, 200, {**grant, "refresh_token": f"llm_srefresh_new-{number:010}"})

    def _chat(self, handler: BaseHTTPRequestHandler) -> None:
        token = (handler.headers["Authorization"] or "").removeprefix("Bearer ")
        if time.time() >= self._ends.get(token, 0):
            with self._lock:
                self.refused += 1
            answer(handler, 401, {"error": {"message": "expired", "type": "expired_key", "code": "401"}})
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for word in ("one", "two", "three"):
            chunk = {**EVENT, "choices": [{"index": 0, "delta": {"content": word}}]}
            handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            time.sleep(0.02)
        handler.wfile.write(b"data: [DONE]\n\n")


def answer(handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    data = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


# Ahead of its end


def streamed(relay: Running, seconds: float, clients: int) -> int:
    """Stream in a loop with the real client of OpenAI, which must never have to try again; return how often."""
    openai = pytest.importorskip("openai")
    end = time.monotonic() + seconds

    def loop() -> int:
        count = 0
        with openai.OpenAI(base_url=f"{relay.url}/v1", api_key=KEY, max_retries=0) as client:
            while time.monotonic() < end:
                stream = client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "hi"}], stream=True
                )
                assert [chunk.choices[0].delta.content for chunk in stream] == ["one", "two", "three"]
                count += 1
        return count

    try:
        return sum(at_once(clients, loop, seconds + 60))
    finally:
        # The clients are cycles with a __del__, which fails where a later test is at the limit of recursion.
        gc.collect()


@pytest.mark.parametrize(
    ("clients", "seconds", "life"),
    [
        (1, 7, 3),
        (20, 7, 3),
        pytest.param(1, 120, 20, marks=pytest.mark.campaign),
        pytest.param(50, 120, 20, marks=pytest.mark.campaign),
    ],
)
def test_streams_in_a_loop_see_nothing_of_a_token_that_expires(
    fake: FakeProxy, files: Files, clients: int, seconds: float, life: float
) -> None:
    issuer = Issuer(fake, files, life=life)
    with relaying() as relay:
        assert streamed(relay, seconds, clients) > clients
        assert {one.status for one in relay.exchanges} == {200}
        assert relay.said.warnings == []
    # A busy machine may hold a request up until its token has expired: then it is sent once more, and nobody notices.
    assert issuer.refused <= len(issuer.renewals) * clients
    # Each half of a life, once it has begun, and not one more.
    assert seconds / life - 1 <= len(issuer.renewals) <= seconds / (life / 2) + 1
    assert all(later - earlier >= life / 2 - 0.1 for earlier, later in pairwise(issuer.renewals))


@pytest.mark.parametrize("left", [10.0, -1.0])
def test_fifty_clients_at_once_make_one_renewal(fake: FakeProxy, files: Files, left: float) -> None:
    issuer = Issuer(fake, files, life=DAY, left=left)
    with relaying() as relay:
        assert {one.status for one in at_once(50, lambda: post(relay))} == {200}
        until(lambda: len(issuer.renewals) == 1)
        assert issuer.refused == 0


def test_requests_go_on_with_a_key_that_is_good_while_the_next_is_fetched(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=4)
    wait = threading.Event()
    renew = issuer._renew

    def slow(handler: BaseHTTPRequestHandler) -> None:
        wait.wait(20)
        renew(handler)

    fake._routes["POST", "/token"][0].respond = slow
    with relaying() as relay:
        assert post(relay).status == 200
        time.sleep(2.1)
        assert [post(relay).status for _ in range(3)] == [200] * 3
        assert issuer.renewals == []
        wait.set()
        until(lambda: issuer.renewals)


def test_a_token_endpoint_that_is_down_is_told_once_the_token_has_expired(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=4, left=1.5)
    fake._routes["POST", "/token"][0].respond = closing()
    with relaying() as relay:
        assert post(relay).status == 200
        time.sleep(1.6)
        failed = post(relay)
        assert (failed.status, failed.error["code"]) == (502, "unreachable")
        assert failed.error["message"].startswith(f"cannot reach {fake.url}: ")
        asked = len(fake.requests_for("/token"))
        assert post(relay) == failed
        assert len(fake.requests_for("/token")) == asked  # not at once again
        fake._routes["POST", "/token"][0].respond = issuer._renew
        until(lambda: post(relay).status == 200)


# After a 401


def test_a_refused_request_is_sent_once_more_with_the_next_token(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=DAY, left=DAY / 3)
    issuer.revoke()
    body = json.dumps({"a": "x" * 2**19}).encode()
    with relaying() as relay:
        assert {one.status for one in at_once(20, lambda: post(relay, body))} == {200}
        assert len(issuer.renewals) == 1
        assert {request.body for request in fake.requests_for(CHAT)} == {body}
        assert issuer.refused <= 20


def test_a_large_body_is_not_kept_and_the_next_request_has_the_next_token(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=DAY, left=DAY / 3)
    issuer.revoke()
    with relaying() as relay:
        refused = post(relay, b"x" * 2**20)
        assert (refused.status, refused.error["type"]) == (401, "expired_key")
        assert post(relay, b"x" * 2**20).status == 200
        assert len(issuer.renewals) == 1


def test_a_body_of_unknown_length_is_kept_while_it_is_small(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=DAY, left=DAY / 3)
    issuer.revoke()
    # The fake proxy reads no chunks, so that an empty body has to do: the relay keeps its end.
    with relaying() as relay:
        client = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
        headers = {"Authorization": f"Bearer {KEY}", "Transfer-Encoding": "chunked"}
        client.request("POST", CHAT, iter([]), headers, encode_chunked=True)
        assert client.getresponse().status == 200
        client.close()
        assert len(issuer.renewals) == 1


def test_a_key_that_is_refused_for_ever_passes_and_nothing_is_asked_all_the_time(
    fake: FakeProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    monkeypatch.setenv("LITELLM_BASE_URL", fake.url)
    monkeypatch.setenv("LITELLM_API_KEY_HELPER", helper(ran))
    fake.on(CHAT, {"error": {"message": "no"}}, status=401, method="POST", times=None)
    with relaying() as relay:
        for _ in range(20):
            refused = post(relay)
            assert (refused.status, refused.error) == (401, {"message": "no"})
        advice = "check that the key is complete and belongs to this proxy"
        assert relay.said.warnings == [f"{fake.url} returned 401 (try: {advice})"]
    # At first, and once for all these refusals, which one request was sent again for.
    assert ran.read_text("utf-8").count("x") == 2
    assert len(fake.requests) == 21


def helper(ran: Path) -> str:
    """Return a command that prints another key each time, and notes that it ran."""
    code = f"p={str(ran)!r};f=open(p,'a');f.write('x');f.close();print(f'sk-helper-{{len(open(p).read()):010}}')"
    return shlex.join([sys.executable, "-c", code])


def test_a_key_command_that_prints_another_key_is_run_again(
    fake: FakeProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LITELLM_BASE_URL", fake.url)
    monkeypatch.setenv("LITELLM_API_KEY_HELPER", helper(tmp_path / "ran"))
    good = ["sk-helper-0000000001"]

    def respond(handler: BaseHTTPRequestHandler) -> None:
        is_good = handler.headers["Authorization"] == f"Bearer {good[0]}"
        answer(handler, 200 if is_good else 401, {"error": {"message": "no"}})

    fake.on("/v1/models", respond=respond, times=None)
    with relaying() as relay:
        assert post(relay, path="/v1/models", method="GET", body=b"").status == 200
        good[0] = "sk-helper-0000000002"
        assert {one.status for one in at_once(10, lambda: post(relay, b"", "/v1/models", "GET"))} == {200}


# Logins and settings that change meanwhile


def test_a_login_that_is_removed_and_a_new_one(fake: FakeProxy, files: Files) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        files.logins.write(Logins({}, {"default": fake.url}, []))
        failed = post(relay)
        assert (failed.status, failed.error["code"]) == (502, "auth_required")
        # And not a variable: one that is exported now does not reach the relay.
        assert failed.error["message"] == f"no credential for {fake.url}. Try: litellmctl login"
        files.keep(fake.url, left=DAY)
        files.vault.put(ID, Secret(fake.url, "sk-of-the-new-login", time.time()))
        assert post(relay).status == 200
        assert fake.requests[-1].headers["Authorization"] == "Bearer sk-of-the-new-login"
        assert len(relay.said.warnings) == 1


def test_the_key_of_a_removed_login_is_not_taken_for_the_next_one(
    fake: FakeProxy, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    use(monkeypatch, fake.url)
    files.keep(fake.url, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        files.logins.write(Logins({}, {"default": fake.url}, []))
        assert post(relay).status == 200
    keys = [one.headers["Authorization"] for one in fake.requests]
    assert keys == [f"Bearer {OLD}", f"Bearer {UPSTREAM_KEY}"]


def test_an_expired_login_names_the_command_and_a_new_one_is_used_at_once(fake: FakeProxy, files: Files) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=-5, client_id=None)
    with relaying() as relay:
        failed = post(relay)
        assert (failed.status, failed.error["code"]) == (502, "auth_required")
        assert failed.error["message"] == "the stored login of profile default has expired. Try: litellmctl login --sso"
        files.keep(fake.url, left=DAY)
        assert post(relay).status == 200


def test_a_login_at_another_proxy_is_not_used(fake: FakeProxy, evil: FakeProxy, files: Files) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        files.keep(evil.url, left=DAY)
        failed = post(relay)
        assert failed.status == 502
        assert failed.error["message"] == (
            f"profile default is now for {evil.url}, but this relay is for {fake.url}. Try: restart litellmctl serve"
        )
        files.keep(fake.url, left=DAY)
        assert post(relay).status == 200


def test_settings_that_change_are_used_and_a_file_that_is_broken_is_named(
    fake: FakeProxy, files: Files, run: Callable[..., Any]
) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        run("config", "set", "key_header", "x-litellm-api-key")
        assert post(relay).status == 200
        assert fake.requests[-1].headers["x-litellm-api-key"] == OLD
        config = files.folder / "config.toml"
        good = config.read_bytes()
        config.write_bytes(b"= broken")
        failed = post(relay)
        assert (failed.status, failed.error["code"]) == (502, "config")
        assert f"{config}" in failed.error["message"]
        config.write_bytes(good)
        assert post(relay).status == 200


def test_another_process_that_refreshes_the_token_is_followed(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=DAY, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        secret = files.secret._replace(token="litellm_login_theirs-0", issued_at=time.time())
        files.vault.put(ID, secret)
        logins = files.logins.read()
        login = logins.by_profile["default"]._replace(issued_at=secret.issued_at)
        files.logins.write(logins._replace(by_profile={"default": login}))
        issuer._ends = {secret.token: time.time() + DAY}
        assert post(relay).status == 200
        assert (issuer.refused, issuer.renewals) == (0, [])


def test_its_own_renewal_is_nothing_to_look_up_for(fake: FakeProxy, files: Files) -> None:
    issuer = Issuer(fake, files, life=DAY, left=10)
    with relaying() as relay:
        assert post(relay).status == 200
        until(lambda: issuer.renewals)
        until(lambda: post(relay).status == 200 and fake.requests[-1].headers["Authorization"] != f"Bearer {OLD}")
        assert len(relay.connects) == 1


def test_logins_of_other_profiles_are_nothing_to_look_up_for(fake: FakeProxy, files: Files) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=DAY)
    with relaying() as relay:
        assert post(relay).status == 200
        (files.folder / "secrets.json").unlink()  # it would be missed
        logins = files.logins.read()
        other = logins.by_profile["default"]._replace(id="other")
        files.logins.write(logins._replace(by_profile={**logins.by_profile, "work": other}))
        assert post(relay).status == 200


def test_a_locked_keyring_is_told_and_looked_at_again(fake: FakeProxy, files: Files) -> None:
    fake.on(CHAT, {}, method="POST", times=None)
    files.keep(fake.url, left=DAY)
    secrets = files.folder / "secrets.json"
    hidden = secrets.rename(files.folder / "elsewhere")
    with relaying() as relay:
        failed = post(relay)
        assert failed.status == 502
        assert "litellmctl login" in failed.error["message"]
        hidden.rename(secrets)
        until(lambda: post(relay).status == 200)


def test_offline(fake: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    offline = Options()
    offline.offline = True
    use(monkeypatch, fake.url)
    with relaying(offline) as relay:
        failed = post(relay)
        assert (failed.status, failed.error["code"]) == (502, "offline")


# In a thread of its own


def test_a_relay_beside_the_main_thread(fake: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    from litellmctl.auth.login_file import LoginFile
    from litellmctl.connection import Connection
    from litellmctl.relay.beside import beside
    from litellmctl.settings.config import Config, selected_profile
    from tests.contract.relaying import Said

    use(monkeypatch, fake.url)
    fake.on("/v1/models", {"data": []})
    said = Said()

    def connect() -> Connection:
        return Connection(selected_profile(Config.of_user(), None), Options(), LoginFile.of_user(), said)

    before = threading.active_count()
    with beside(connect, listener=said) as (url, key):
        client = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=30)
        client.request("GET", "/v1/models", headers={"x-api-key": key})
        assert client.getresponse().status == 200
        client.close()
        with beside(connect, listener=said) as (other, other_key):
            assert (other != url, other_key != key) == (True, True)
    until(lambda: threading.active_count() <= before)
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=5).connect()
