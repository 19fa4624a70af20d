from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from litellmctl.relay.guard import Guard
from tests.unit.relay.guarded import ALLOWED, KEY, Guarded, running

BEARER = ("Authorization", f"Bearer {KEY}")
OTHER = "sk-ant-oat01-subscription"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with running() as server:
        yield server


def _status(guard: Guard, *headers: tuple[str, str]) -> int | None:
    """Return the status of the refusal of a request that never came by a socket; None if it may be passed on."""
    request = make_mocked_request("GET", "/a", headers=CIMultiDict([*headers, BEARER]))
    refusal = asyncio.run(guard.refusal(request))
    return None if refusal is None else refusal.status


@pytest.mark.parametrize(
    "header",
    [
        BEARER,
        ("AUTHORIZATION", f"bearer {KEY}"),
        ("authorization", f"BEARER  {KEY}"),
        ("x-api-key", KEY),
        ("X-Goog-Api-Key", KEY),
        ("Api-Key", KEY),
        ("X-LiteLLM-API-Key", KEY),
        ("x-litellm-api-key", f"Bearer {KEY}"),
        ("x-litellm-api-key", f"bearer {KEY}"),
        ("Sec-WebSocket-Protocol", f"openai-insecure-api-key.{KEY}"),
    ],
)
def test_the_local_key_is_accepted_in_each_place_and_never_passed_on(guarded: Guarded, header: tuple[str, str]) -> None:
    passed = guarded.ask(header, ("X-Kept", "yes"), key=False).passed
    assert passed["headers"] == [["x-kept", "yes"]]
    assert not passed["has_sign_in"]


def test_the_key_of_googles_older_clients_is_accepted_and_not_passed_on(guarded: Guarded) -> None:
    answer = guarded.ask(key=False, path=f"/v1beta/models/m:generateContent?alt=sse&key={KEY}")
    assert answer.passed["target"] == "/v1beta/models/m:generateContent?alt=sse"


@pytest.mark.parametrize("path", [f"/a?api_key={KEY}", f"/a/{KEY}/b", f"/a?x=1&token=%6C{KEY[1:]}"])
def test_the_local_key_is_not_passed_on_elsewhere_in_the_url(guarded: Guarded, path: str) -> None:
    answer = guarded.ask(path=path)
    assert answer.status == 400
    assert b"send it in a header" in answer.body
    assert KEY.encode() not in answer.body
    assert guarded.ask(path=path, key=False).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", f"Bearer {KEY}x")],
        [("Authorization", f"Bearer {KEY[:-1]}")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", KEY)],
        [("Authorization", f"Basic {KEY}")],
        [("x-api-key", f"Bearer {KEY}")],
        [("x-api-key", "")],
        [("X-Other-Key", KEY)],
        [("Cookie", f"token={KEY}")],
        [BEARER, ("Authorization", "Bearer other")],
        [("x-api-key", "other"), ("x-api-key", KEY)],
        [("Sec-WebSocket-Protocol", f"openai-insecure-api-key.x, openai-insecure-api-key.{KEY}")],
        [("Sec-WebSocket-Protocol", KEY)],
    ],
)
def test_a_missing_and_a_wrong_key_get_the_same_answer_that_tells_nothing(
    guarded: Guarded, headers: list[tuple[str, str]]
) -> None:
    answer = guarded.ask(*headers, key=False, path="/health/readiness")
    assert answer.status == 401
    assert answer.body == (
        b'{"error": {"message": "unauthorized", "type": "authentication_error", "param": null, "code": "401"}}'
    )
    assert set(answer.headers) == {"content-type", "content-length", "date"}


def test_a_right_key_beside_a_wrong_one_is_right_and_neither_is_passed_on(guarded: Guarded) -> None:
    assert guarded.ask(("x-api-key", "other"), ("x-litellm-api-key", "another")).passed["headers"] == []


def test_a_subscription_travels_beside_the_local_key(guarded: Guarded) -> None:
    own = [("x-litellm-api-key", f"Bearer {KEY}"), ("Authorization", f"Bearer {OTHER}"), ("x-api-key", "own")]
    passed = guarded.ask(*own, key=False).passed
    assert passed["headers"] == [["authorization", f"Bearer {OTHER}"], ["x-api-key", "own"]]
    assert passed["has_sign_in"]


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-Anything", "Ocp-Apim-Subscription-Key"])
def test_the_local_key_is_not_passed_on_from_wherever_else_it_stands(guarded: Guarded, name: str) -> None:
    passed = guarded.ask(("x-litellm-api-key", KEY), (name, f"Bearer {KEY}"), ("X-Kept", "1"), key=False).passed
    assert passed["headers"] == [["x-kept", "1"]]
    assert not passed["has_sign_in"]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}"])
def test_the_names_of_this_machine_with_our_port_are_ours(guarded: Guarded, host: str) -> None:
    assert guarded.ask(host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "evil.example",
        "localhost.:{port}",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "[::]:{port}",
        "0.0.0.0:{port}",
        "user@localhost:{port}",
        "localhost:{port}, evil.example",
    ],
)
def test_a_foreign_host_is_refused_whatever_the_key(guarded: Guarded, host: str) -> None:
    for key in (True, False):
        answer = guarded.ask(host=host, key=key)
        assert answer.status == 403
        assert set(answer.headers) == {"content-type", "content-length", "date"}


def test_no_host_and_two_hosts_are_refused(guarded: Guarded) -> None:
    # Newer releases of aiohttp refuse both by themselves, with 400 (RFC 9112 3.2); no release does for HTTP/1.0.
    assert guarded.ask(host=None).status in {400, 403}
    assert guarded.ask(("Host", f"localhost:{guarded.port}")).status in {400, 403}
    assert guarded.send(f"GET /a HTTP/1.0\r\nx-api-key: {KEY}\r\n\r\n".encode()).status == 403
    assert _status(Guard(KEY, 80), ("Host", "localhost"), ("Host", "localhost")) == 403
    assert _status(Guard(KEY, 80), ("Host", "localhost")) is None


def test_pages_without_an_origin_of_their_own_cannot_be_allowed() -> None:
    assert _status(Guard(KEY, 80, ["null"]), ("Host", "localhost"), ("Origin", "null")) == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Origin", "")],
        [("Origin", "http://127.0.0.1:{port}")],
        [("Origin", f"{ALLOWED}:8443")],
        [("Origin", f"{ALLOWED}.evil.example")],
        [("Origin", "http://chat.example")],
        [("Origin", ALLOWED), ("Origin", ALLOWED)],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "whatever")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_is_refused_whatever_the_key(
    guarded: Guarded, headers: list[tuple[str, str]], method: str
) -> None:
    for key in (True, False):
        answer = guarded.ask(*headers, ("Access-Control-Request-Method", "POST"), key=key, method=method)
        assert answer.status == 403
        assert set(answer.headers) == {"content-type", "content-length", "date"}


@pytest.mark.parametrize("site", ["none", "same-origin", "None"])
def test_what_a_user_opens_is_let_through_with_the_key_only(guarded: Guarded, site: str) -> None:
    assert guarded.ask(("Sec-Fetch-Site", site)).status == 200
    assert guarded.ask(("Sec-Fetch-Site", site), key=False).status == 401


def test_an_allowed_page_may_read_the_answer_and_a_refusal(guarded: Guarded) -> None:
    page = (("Origin", ALLOWED), ("Sec-Fetch-Site", "cross-site"))
    answer, refusal = guarded.ask(*page), guarded.ask(*page, key=False)
    assert (answer.status, refusal.status) == (200, 401)
    for each in (answer, refusal):
        assert each.headers["access-control-allow-origin"] == ALLOWED
        assert each.headers["access-control-expose-headers"] == "*"
        assert "access-control-allow-credentials" not in each.headers
    assert answer.passed["headers"] == [["sec-fetch-site", "cross-site"]]
    assert guarded.ask(*page, path="/../a").headers["access-control-allow-origin"] == ALLOWED


def test_an_allowed_page_gets_its_preflight_without_the_key(guarded: Guarded) -> None:
    wanted = (
        ("Origin", ALLOWED),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-os"),
        ("Access-Control-Request-Private-Network", "true"),
    )
    answer = guarded.ask(*wanted, method="OPTIONS", key=False)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-stainless-os"
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert answer.headers["vary"] == "Origin"


def test_a_preflight_is_one_only_if_a_browser_sends_it(guarded: Guarded) -> None:
    assert guarded.ask(("Origin", ALLOWED), method="OPTIONS", key=False).status == 401
    assert guarded.ask(method="OPTIONS").status == 200


def test_what_the_proxy_lets_pages_read_does_not_count(guarded: Guarded) -> None:
    headers = guarded.ask().headers
    assert not [name for name in headers if name.startswith("access-control-")]
    assert headers["vary"] == "Accept"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_would_show_the_key_or_open_a_tunnel_are_refused(guarded: Guarded, method: str) -> None:
    assert guarded.ask(method=method).status == 405


def test_headers_about_one_connection_are_not_passed_on(guarded: Guarded) -> None:
    passed = guarded.ask(
        ("Connection", "close, X-Named , content-length"),
        ("X-Named", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Proxy-Authorization", "Basic x"),
        ("Proxy-Whatever", "x"),
        ("HTTP2-Settings", "x"),
        ("Cookie", "session=of-another-server"),
        ("Content-Length", "0"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("Accept-Encoding", "gzip"),
    ).passed
    kept = [["content-length", "0"], ["x-twice", "1"], ["x-twice", "2"], ["accept-encoding", "gzip"]]
    assert passed["headers"] == kept


def test_other_subprotocols_of_a_websocket_are_passed_on(guarded: Guarded) -> None:
    protocols = ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY},openai-beta.realtime-v1")
    passed = guarded.ask(protocols, key=False).passed
    assert passed["headers"] == [["sec-websocket-protocol", "realtime, openai-beta.realtime-v1"]]


def test_many_wrong_keys_are_slowed_down_and_right_ones_are_not() -> None:
    with running() as guarded, ThreadPoolExecutor(50) as pool:
        start = time.monotonic()
        wrong = [pool.submit(guarded.ask, ("x-api-key", f"wrong-{number}"), key=False) for number in range(50)]
        # The right one does not wait for the wrong ones, which take their time in the meantime.
        assert guarded.ask().status == 200
        right_took = time.monotonic() - start
        assert {each.result(20).status for each in wrong} == {401}
        took = time.monotonic() - start
    # 20 at once, and one more every 50 ms.
    assert took > 1.2
    assert right_took < took


def test_after_many_wrong_keys_nobody_waits_for_long() -> None:
    with running() as guarded, ThreadPoolExecutor(150) as pool:
        start = time.monotonic()
        wrong = [pool.submit(guarded.ask, key=False) for _ in range(300)]
        assert {each.result(40).status for each in wrong} == {401}
        # 300 would take 14 s, one after the other; each waits for three at most.
        assert time.monotonic() - start < 13
