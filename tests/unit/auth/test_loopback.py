from __future__ import annotations

import _thread
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.auth import loopback as module
from litellmctl.auth.loopback import Callback, Code, Denied
from litellmctl.auth.loopback_owner import Owner
from litellmctl.auth.loopback_page import (
    POLICY,
    Page,
    another_user,
    html,
    look_at_terminal,
    not_signed_in,
    signed_in,
    unknown_user,
    waiting,
)
from tests.effort import until
from tests.server import free_port

STATE = "s3-Gx_~."
RIGHT = f"/callback?code=abc123&state={STATE}"
DONE = signed_in("https://llm.example.com", "anna")
ALL_PAGES = [DONE, signed_in("http://127.0.0.1:4000", None), not_signed_in("no"), waiting(), look_at_terminal()]

SLICE_SECONDS = module._SLICE_SECONDS

Connect = Callable[[], socket.socket]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `close` take a tenth of its time."""
    monkeypatch.setattr(module, "_SLICE_SECONDS", SLICE_SECONDS / 10)


@pytest.fixture
def callback() -> Iterator[Callback]:
    with Callback(STATE) as made:
        yield made


@pytest.fixture
def connect(callback: Callback) -> Iterator[Connect]:
    """Open connections to `callback`, which are closed after the test."""
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", port_of(callback)), timeout=4))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def port_of(callback: Callback) -> int:
    found = re.fullmatch(r"http://127\.0\.0\.1:([0-9]+)/callback", callback.redirect_uri)
    assert found
    return int(found[1])


def ask(connection: socket.socket, target: str = RIGHT, *, method: str = "GET", host: str | None = None) -> None:
    host = host or f"127.0.0.1:{connection.getpeername()[1]}"
    connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n".encode())


def read(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends; raises ConnectionResetError where it does so rudely."""
    got = b""
    while some := connection.recv(65536):
        got += some
    return got


def is_cut_off(connection: socket.socket) -> bool:
    try:
        return read(connection) == b""
    except ConnectionError:
        return True


def answer(connection: socket.socket) -> Answer:
    head, found, body = read(connection).partition(b"\r\n\r\n")
    assert found, f"no answer: {head!r}"
    connection.close()
    first, *lines = head.decode("ascii").split("\r\n")
    assert first.startswith("HTTP/1.")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return Answer(int(first.split()[1]), headers, body)


def assert_still_works(callback: Callback, connect: Connect) -> None:
    assert callback.wait(0) is None
    browser = connect()
    ask(browser)
    assert callback.wait(4) == Code("abc123")
    callback.finish(DONE)
    assert answer(browser)[::2] == (200, html(DONE))


def test_the_code_comes_at_once_and_the_page_when_it_is_known(callback: Callback, connect: Connect) -> None:
    browser = connect()
    ask(browser)
    start = time.monotonic()
    assert callback.wait(4) == Code("abc123")
    assert time.monotonic() - start < 1
    browser.settimeout(0.3)
    with pytest.raises(TimeoutError):
        browser.recv(1)
    failed = not_signed_in("the proxy refused the code")
    callback.finish(failed)
    assert answer(browser)[::2] == (200, html(failed))
    assert callback.wait(0) == Code("abc123")


def test_the_code_is_not_shown() -> None:
    assert "abc" not in f"{Code('abc')!r} {Code('abc')} {[Code('abc')]}"


def test_answers_cannot_be_cached_framed_sniffed_or_styled_by_others(callback: Callback, connect: Connect) -> None:
    browser, stray = connect(), connect()
    ask(stray, "/favicon.ico")
    ask(browser)
    callback.wait(4)
    callback.finish(DONE)
    for status, headers, body in (answer(stray), answer(browser)):
        assert status in {404, 200}
        assert headers == {
            "content-type": "text/html; charset=utf-8",
            "content-length": str(len(body)),
            "content-security-policy": POLICY.lower(),
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "connection": "close",
        }


@pytest.mark.parametrize(
    ("query", "denied"),
    [
        ("error=access_denied", Denied("access_denied", None)),
        ("error=access_denied&error_description=", Denied("access_denied", None)),
        ("error=access_denied&code=&error_description=The+user%20said+no", Denied("access_denied", "The user said no")),
        ("error=a%1B%5B31mb%00c&error_description=one%0D%0Atwo%E2%80%AE!", Denied("a[31mbc", "one two!")),
        (f"error={'e' * 5000}&error_description={'d' * 5000}", Denied("e" * 100, "d" * 300)),
        ("error=n%C3%A9e&iss=https%3A%2F%2Fx&iss=y", Denied("née", None)),
    ],
)
def test_a_refusal_comes_with_its_reason_fit_to_print(
    callback: Callback, connect: Connect, query: str, denied: Denied
) -> None:
    browser = connect()
    ask(browser, f"/callback?{query}&state={STATE}")
    assert callback.wait(4) == denied
    callback.finish(not_signed_in("no"))
    assert answer(browser).body == html(not_signed_in("no"))


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", f"/callback?code=abc&state={STATE}x", 400),
        ("GET", f"/callback?code=abc&state={STATE.upper()}", 400),
        ("GET", f"/callback?code=abc&state={STATE[:-1]}", 400),
        ("GET", "/callback?code=abc&state=%C3%A9", 400),
        ("GET", "/callback?code=abc&state=", 400),
        ("GET", "/callback?code=abc&state", 400),
        ("GET", "/callback?code=abc", 400),
        ("GET", f"/callback?code=abc&state={STATE}&state={STATE}", 400),
        ("GET", f"/callback?code=abc&state=x&state={STATE}", 400),
        ("GET", f"/callback?state={STATE}", 400),
        ("GET", f"/callback?code=&state={STATE}", 400),
        ("GET", f"/callback?code&state={STATE}", 400),
        ("GET", f"/callback?code=abc&code=abc&state={STATE}", 400),
        ("GET", f"/callback?code=abc&code=&state={STATE}", 400),
        ("GET", f"/callback?code=abc&error=access_denied&state={STATE}", 400),
        ("GET", f"/callback?code=abc&error=%00&state={STATE}", 400),
        ("GET", f"/callback?error=%00%1B&state={STATE}", 400),
        ("GET", f"/callback?error=a&error=b&state={STATE}", 400),
        ("GET", f"/callback?error=a&error_description=a&error_description=b&state={STATE}", 400),
        ("GET", "/callback?error=access_denied&state=other", 400),
        ("GET", "/callback?error=access_denied", 400),
        ("GET", f"/callback?code=abc%2&state={STATE}", 400),
        ("GET", f"/callback?code=abc%zz&state={STATE}", 400),
        ("GET", f"/callback?code=abc%FF&state={STATE}", 400),
        ("GET", f"/callback?code=abc%ED%A0%80&state={STATE}", 400),
        ("GET", f"/callback?code=abc%00&state={STATE}", 400),
        ("GET", f"/callback?code=%C3%A9&state={STATE}", 400),
        ("GET", f"/callback?code=abc\0&state={STATE}", 400),
        ("GET", f"/callback?code=é&state={STATE}", 400),
        ("GET", f"/callback?error=a&error_description=é&state={STATE}", 400),
        ("GET", f"/callback?error=a&error_description=\0&state={STATE}", 400),
        ("GET", f"/callback?error=a&error_description=%FF&state={STATE}", 400),
        ("GET", f"/callback?code=abc&state={STATE}" + "&x=1" * 60, 400),
        ("GET", "/callback", 400),
        ("GET", "/callback?", 400),
        ("GET", f"/callback;x?code=abc&state={STATE}", 404),
        ("GET", f"/callback/?code=abc&state={STATE}", 404),
        ("GET", f"/Callback?code=abc&state={STATE}", 404),
        ("GET", f"/callback%3Fcode=abc&state={STATE}", 404),
        ("GET", f"/?code=abc&state={STATE}", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", f"http://evil.example{RIGHT}", 404),
        ("POST", RIGHT, 405),
        ("HEAD", RIGHT, 405),
        ("OPTIONS", RIGHT, 405),
        ("get", RIGHT, 405),
        ("BREW", "*", 405),
    ],
)
def test_what_is_not_the_redirect_is_refused_and_the_wait_goes_on(
    callback: Callback, connect: Connect, method: str, target: str, status: int
) -> None:
    stray = connect()
    ask(stray, target, method=method)
    got = answer(stray)
    assert got.status == status
    assert got.body == (b"" if method == "HEAD" else html(waiting()))
    assert got.headers["content-length"] == str(len(html(waiting())))
    assert got.headers.get("allow") == ("get" if status == 405 else None)
    assert_still_works(callback, connect)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00 GET\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET " + RIGHT.encode() + b"\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/0.9\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/1.1\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/2.0\r\nHost: 127.0.0.1:%d\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/x\r\nHost: 127.0.0.1:%d\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: 127.0.0.1:%d\r\n\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET " + RIGHT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"GET /callback?code=" + b"a" * 70_000 + b"&state=" + STATE.encode() + b" HTTP/1.1\r\n\r\n",
        b"GET /callback?code=a HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
        b"POST /callback HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=range(14),
)
def test_garbage_is_answered_and_the_wait_goes_on(
    callback: Callback, connect: Connect, raw: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    stray = connect()
    stray.sendall(raw.replace(b"%d", str(port_of(callback)).encode()))
    got = answer(stray)
    assert got.status == (405 if raw.startswith(b"POST") else 400)
    assert got.body == html(waiting())
    assert "server" not in got.headers
    assert_still_works(callback, connect)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"GET /callb"])
def test_clients_that_go_away_are_not_mentioned(
    callback: Callback, connect: Connect, raw: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    for reset in (False, True):
        stray = connect()
        stray.sendall(raw)
        if reset:
            stray.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stray.close()
    assert_still_works(callback, connect)
    until(lambda: not callback._server.loose)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["localhost:{}", "LocalHost:{}", "127.0.0.1:{}"])
def test_our_own_names_are_answered(callback: Callback, connect: Connect, host: str) -> None:
    browser = connect()
    ask(browser, host=host.format(port_of(callback)))
    assert callback.wait(4) == Code("abc123")


def test_browsers_leave_out_port_80(callback: Callback, connect: Connect) -> None:
    browser = connect()
    callback._server.port = 80
    ask(browser, host="127.0.0.1")
    assert callback.wait(4) == Code("abc123")


@pytest.mark.parametrize(
    "host", ["evil.example:{}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{}.evil.example", "[::1]:{}", "x@127.0.0.1:{}"]
)
def test_another_name_for_this_machine_is_not(callback: Callback, connect: Connect, host: str) -> None:
    for target in (RIGHT, "/favicon.ico"):
        stray = connect()
        ask(stray, target, host=host.format(port_of(callback)))
        assert answer(stray)[::2] == (400, html(waiting()))
    assert_still_works(callback, connect)


def test_a_reload_gets_the_same_page_and_the_first_code_stays(callback: Callback, connect: Connect) -> None:
    first, again, other, denied = connect(), connect(), connect(), connect()
    ask(first)
    assert callback.wait(4) == Code("abc123")
    ask(again)
    ask(other, f"/callback?code=other&state={STATE}")
    until(lambda: callback._server.held == 3)
    callback.finish(DONE)
    callback.finish(look_at_terminal())
    ask(denied, f"/callback?error=access_denied&state={STATE}")
    assert {answer(browser)[::2] for browser in (first, again, other, denied)} == {(200, html(DONE))}
    assert callback.wait(0) == Code("abc123")


def test_a_stray_after_the_result_is_not_told_that_we_wait(callback: Callback, connect: Connect) -> None:
    browser, stray = connect(), connect()
    ask(browser)
    callback.wait(4)
    ask(stray, "/favicon.ico")
    assert answer(stray)[::2] == (404, html(look_at_terminal()))


def test_finish_waits_for_a_slow_browser(callback: Callback, connect: Connect) -> None:
    browser = connect()
    ask(browser)
    callback.wait(4)
    got: list[Answer] = []

    def read_later() -> None:
        time.sleep(0.4)
        got.append(answer(browser))

    reader = threading.Thread(target=read_later)
    reader.start()
    large = Page("Large", "x" * 16_000_000)
    start = time.monotonic()
    callback.finish(large, 4)
    assert 0.3 < time.monotonic() - start < 3
    reader.join(4)
    assert got[0].body == html(large)


def test_finish_does_not_wait_for_one_that_never_reads(callback: Callback, connect: Connect) -> None:
    browser = connect()
    ask(browser)
    callback.wait(4)
    start = time.monotonic()
    callback.finish(Page("Large", "x" * 16_000_000), 0.3)
    assert 0.2 < time.monotonic() - start < 1
    browser.close()


def test_finish_does_not_mind_one_that_went_away(
    callback: Callback, connect: Connect, capfd: pytest.CaptureFixture[str]
) -> None:
    browser = connect()
    ask(browser)
    callback.wait(4)
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    browser.close()
    start = time.monotonic()
    callback.finish(DONE)
    callback.finish(DONE)
    assert time.monotonic() - start < 1
    assert not callback._server.held
    assert capfd.readouterr() == ("", "")


def test_nobody_came() -> None:
    with Callback(STATE) as callback:
        start = time.monotonic()
        assert callback.wait(0.25) is None
        assert 0.2 < time.monotonic() - start < 1
        callback.finish(DONE)
        assert time.monotonic() - start < 1


def test_ctrl_c_passes_through(callback: Callback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE_SECONDS", SLICE_SECONDS)
    # This sets the flag and interrupts no system call: as on Windows, it is seen only between two waits.
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        callback.wait(5)
    assert time.monotonic() - start < 2
    timer.join()


def test_those_who_say_nothing_or_little_cannot_keep_the_right_one_out(callback: Callback, connect: Connect) -> None:
    silent = [connect() for _ in range(40)]
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            for one in silent[::2]:
                with suppress(OSError):
                    one.sendall(b"G")

    trickler = threading.Thread(target=trickle)
    trickler.start()
    try:
        assert_still_works(callback, connect)
        assert len(callback._server.loose) <= 16
        assert is_cut_off(silent[0])
    finally:
        stop.set()
        trickler.join(4)


def test_browsers_that_are_held_are_not_cut_off_and_there_is_a_limit(callback: Callback, connect: Connect) -> None:
    held = [connect() for _ in range(16)]
    for one in held:
        ask(one)
    until(lambda: callback._server.held == 16)
    start = time.monotonic()
    assert all(is_cut_off(connect()) for _ in range(3))
    assert time.monotonic() - start < 1
    callback.finish(DONE)
    assert {answer(one)[::2] for one in held} == {(200, html(DONE))}


def test_a_connection_without_a_request_is_given_up(
    callback: Callback, connect: Connect, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert module._Request.timeout == 5
    monkeypatch.setattr(module._Request, "timeout", 0.2)
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.1)
    start = time.monotonic()
    assert read(connect()) == b""
    assert 0.1 < time.monotonic() - start < 1
    assert capfd.readouterr() == ("", "")


def test_one_that_is_still_sending_gets_its_answer(callback: Callback, connect: Connect) -> None:
    stray = connect()
    ask(stray, "/callback", method="POST")
    for _ in range(5):
        time.sleep(0.03)
        stray.sendall(b"x" * 1000)
    assert answer(stray)[::2] == (405, html(waiting()))


def test_one_that_never_stops_sending_is_given_up(
    callback: Callback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.2)
    stray = connect()
    ask(stray, "/favicon.ico")
    start = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - start < 3:
            stray.sendall(b"x" * 1000)
            time.sleep(0.01)
    assert time.monotonic() - start < 1
    until(lambda: not callback._server.loose)


def test_without_a_page_the_browser_is_sent_to_the_terminal(
    callback: Callback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module._HOLD_SECONDS == 60
    monkeypatch.setattr(module, "_HOLD_SECONDS", 0.2)
    browser, again = connect(), connect()
    ask(browser)
    assert answer(browser)[::2] == (200, html(look_at_terminal()))
    assert callback.wait(0) == Code("abc123")
    callback.finish(DONE)
    ask(again)
    assert answer(again)[::2] == (200, html(DONE))


def test_close_sends_the_browser_to_the_terminal_and_frees_the_port(callback: Callback, connect: Connect) -> None:
    idle, browser = connect(), connect()
    ask(browser)
    callback.wait(4)
    start = time.monotonic()
    callback.close()
    callback.close()
    assert time.monotonic() - start < 1
    assert answer(browser)[::2] == (200, html(look_at_terminal()))
    idle.settimeout(1)
    assert is_cut_off(idle)
    with pytest.raises(ConnectionRefusedError):
        connect()


def test_no_thread_keeps_the_program_from_ending() -> None:
    before = set(threading.enumerate())
    with Callback(STATE) as callback, socket.create_connection(("127.0.0.1", port_of(callback)), timeout=4) as browser:
        ask(browser)
        callback.wait(4)
        started = set(threading.enumerate()) - before
        assert len(started) == 2
        assert all(thread.daemon for thread in started)


def test_only_this_machine_can_come_in(callback: Callback) -> None:
    assert callback._server.socket.getsockname() == ("127.0.0.1", port_of(callback))
    assert callback._server.socket.family == socket.AF_INET


@pytest.mark.parametrize("option", [None, "SO_REUSEADDR", "SO_REUSEPORT"])
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        pytest.param("0.0.0.0", marks=pytest.mark.skipif(sys.platform == "darwin", reason="BSD prefers the narrower")),
    ],
)
def test_a_port_that_somebody_listens_on_is_taken(address: str, option: str | None) -> None:
    with socket.socket() as other:
        if option is not None:
            other.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        other.bind((address, 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            Callback(STATE, other.getsockname()[1])


def test_two_cannot_share_a_port(callback: Callback) -> None:
    with pytest.raises(OSError, match="in use"):
        Callback("another", port_of(callback))


def test_a_port_can_be_used_again_at_once() -> None:
    port = 0
    for _ in range(3):
        with Callback(STATE, port) as callback:
            port = port_of(callback)
            with socket.create_connection(("127.0.0.1", port), timeout=4) as browser:
                ask(browser)
                assert callback.wait(4) == Code("abc123")
                callback.finish(DONE)
                assert answer(browser).status == 200


@given(query=st.text(st.characters(max_codepoint=255)) | st.binary().map(quote))
@example("code=a&state=" + quote("\ud800", errors="surrogatepass"))
def test_no_query_without_the_state_is_taken(query: str) -> None:
    for text in (query, f"code=a&{query}", f"code=a&state={query}"):
        assert module._result(text, STATE) is None


@given(code=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), state=st.text(min_size=1))
def test_a_code_comes_through_as_it_is(code: str, state: str) -> None:
    try:
        query = urlencode({"code": code, "state": state})
    except UnicodeEncodeError:
        return
    assert module._result(query, state) == Code(code)


def test_an_empty_state_never_fits() -> None:
    assert module._result("code=a&state=", "") is None
    assert module._result("code=a", "") is None


# Who comes in


def owned(monkeypatch: pytest.MonkeyPatch, *owners: Owner) -> None:
    """Let the connections belong to these, one after the other, and then to us."""
    left = list(owners)
    monkeypatch.setattr(module, "owner_of", lambda _: left.pop(0) if left else Owner.OURS)


@pytest.mark.parametrize(
    ("owner", "page", "said"),
    [
        (Owner.ANOTHER, another_user(), "refused a connection to this sign-in from another user of this machine"),
        (
            Owner.UNKNOWN,
            unknown_user(),
            "refused a connection to this sign-in from an unknown user (--callback-port PORT allows it)",
        ),
    ],
)
@pytest.mark.parametrize("target", [RIGHT, "/favicon.ico", f"/callback?error=access_denied&state={STATE}"])
def test_whoever_is_not_us_is_refused_and_told_so_and_so_is_the_terminal_once(
    monkeypatch: pytest.MonkeyPatch, owner: Owner, page: Page, said: str, target: str
) -> None:
    owned(monkeypatch, owner, owner)
    told: list[str] = []
    with Callback(STATE, warn=told.append) as callback:
        for method in ("GET", "POST"):
            with socket.create_connection(("127.0.0.1", port_of(callback)), timeout=4) as stranger:
                ask(stranger, target, method=method)
                assert answer(stranger)[::2] == (403, html(page))
        assert callback.wait(0.1) is None
        assert told == [said]
        with socket.create_connection(("127.0.0.1", port_of(callback)), timeout=4) as browser:
            ask(browser)
            assert callback.wait(4) == Code("abc123")
            callback.finish(DONE)
            assert answer(browser).body == html(DONE)
    assert told == [said]


@pytest.mark.parametrize(
    ("owner", "is_let_in"), [(Owner.OURS, True), (Owner.UNKNOWN, True), (Owner.ANOTHER, False), (Owner.GONE, False)]
)
def test_a_port_that_was_chosen_lets_in_who_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch, owner: Owner, is_let_in: bool
) -> None:
    owned(monkeypatch, owner)
    with (
        Callback(STATE, free_port()) as callback,
        socket.create_connection(("127.0.0.1", port_of(callback)), timeout=4) as browser,
    ):
        ask(browser)
        assert callback.wait(1) == (Code("abc123") if is_let_in else None)


def test_who_has_closed_already_is_not_read(
    monkeypatch: pytest.MonkeyPatch, callback: Callback, connect: Connect
) -> None:
    owned(monkeypatch, Owner.GONE)
    gone = connect()
    ask(gone)
    assert is_cut_off(gone)
    assert_still_works(callback, connect)


def test_strangers_cannot_keep_us_out(monkeypatch: pytest.MonkeyPatch, callback: Callback, connect: Connect) -> None:
    owned(monkeypatch, *[Owner.ANOTHER] * 30)
    strangers = [connect() for _ in range(30)]
    assert is_cut_off(strangers[-1])  # the first ones have the room, and do not make any
    assert_still_works(callback, connect)


def test_the_start_leads_to_the_link_once(callback: Callback, connect: Connect) -> None:
    link = "https://llm.example.com/authorize?state=s&a=b"
    start = callback.start_at(link)
    if not sys.platform.startswith("linux"):
        assert start is None
        return
    assert start is not None
    assert "state" not in start
    path = start.removeprefix(f"http://127.0.0.1:{port_of(callback)}")
    assert re.fullmatch(r"/[A-Za-z0-9_-]{43,}", path)
    assert path != (callback.start_at(link) or "").removeprefix(f"http://127.0.0.1:{port_of(callback)}")
    for host in ("evil.example", f"evil.example:{port_of(callback)}"):
        other = connect()
        ask(other, path, host=host)
        assert answer(other).status == 400
    for status in (303, 404):
        browser = connect()
        ask(browser, path)
        got = answer(browser)
        assert (got.status, got.headers.get("location")) == (status, link.lower() if status == 303 else None)
        assert got.headers["referrer-policy"] == "no-referrer"
    assert_still_works(callback, connect)


@pytest.mark.parametrize("owner", [Owner.ANOTHER, Owner.UNKNOWN])
def test_the_start_leads_nobody_else_to_the_link_and_stays_for_us(
    monkeypatch: pytest.MonkeyPatch, callback: Callback, connect: Connect, owner: Owner
) -> None:
    start = callback.start_at("https://llm.example.com/authorize")
    if start is None:
        pytest.skip("owners cannot be told here")
    owned(monkeypatch, owner)
    path = start.removeprefix(f"http://127.0.0.1:{port_of(callback)}")
    stranger, browser = connect(), connect()
    ask(stranger, path)
    got = answer(stranger)
    assert (got.status, got.headers.get("location")) == (403, None)
    ask(browser, path)
    assert answer(browser).status == 303


def test_where_owners_cannot_be_told_there_is_no_start(monkeypatch: pytest.MonkeyPatch, callback: Callback) -> None:
    monkeypatch.setattr(module, "can_tell", lambda _: False)
    assert callback.start_at("https://llm.example.com/authorize") is None
