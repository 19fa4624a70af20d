from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from litellmctl.relay import guarded_server
from tests.effort import until
from tests.unit.relay.guarded import KEY, Guarded, read_answer, running

HEAD = f"Host: 127.0.0.1:{{port}}\r\nAuthorization: Bearer {KEY}\r\n".encode()
CHUNKED = b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    with running() as server:
        yield server


def _sent(guarded: Guarded, data: bytes) -> bytes:
    return data.replace(b"{port}", b"%d" % guarded.port)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /a HTTP/1.1\r\n" + HEAD + b"X-A : b\r\n\r\n",
        b"GET /a HTTP/1.1\r\n" + HEAD + b"X-A: b\r\n folded\r\n\r\n",
        b"GET /a HTTP/1.1\r\n" + HEAD + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /a HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(1000)) + b"\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /a HTTP/2.0\r\n" + HEAD + b"\r\n",
        b"GET /a\r\n\r\n",
    ],
)
def test_a_request_that_is_not_well_formed_is_refused_without_a_trace(
    guarded: Guarded, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with suppress(ConnectionError):  # more was sent than is read: the answer may be lost
        answer = guarded.send(sent)
        assert answer.status in {400, 403}
        assert set(answer.headers) <= {"content-type", "content-length", "date", "connection"}
        assert b"aiohttp" not in answer.body
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert guarded.ask().status == 200


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://evil.example/a", "must be a path"),
        ("*", "must be a path"),
        ("//evil.example/a", "slash at the end of the base URL"),
        ("/a/%2e%2e/b", "segment"),
        ("/a#b", "percent-encoded"),
    ],
)
def test_a_target_that_could_leave_the_base_is_refused_and_says_why(guarded: Guarded, target: str, why: str) -> None:
    answer = guarded.send(b"OPTIONS " + target.encode() + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert answer.status == 400
    assert why.encode() in answer.body.replace(b'\\"', b'"')
    assert b"evil" not in answer.body


def test_a_stranger_is_not_told_about_targets(guarded: Guarded) -> None:
    assert guarded.ask(path="/../a", key=False).status == 401


@pytest.mark.parametrize("first", [b"", b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"])
def test_a_head_of_many_long_headers_is_cut_and_not_kept(guarded: Guarded, first: bytes) -> None:
    with guarded.connect() as connection, connection.makefile("rb") as stream:
        if first:
            connection.sendall(_sent(guarded, first))
            assert read_answer(stream).status == 200
        sent = 0
        with suppress(ConnectionError):
            connection.sendall(b"GET /a HTTP/1.1\r\n")
            for number in range(250):
                sent += connection.send(b"X-%d: %s\r\n" % (number, b"a" * 60_000))
                time.sleep(0.005)
        assert sent < 250 * 60_000
    assert guarded.ask().status == 200


def test_a_long_body_is_not_taken_for_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_server, "_LINGERING_SECONDS", 20.0)
    with running() as guarded:
        _send_long_bodies(guarded)


def _send_long_bodies(guarded: Guarded) -> None:
    for sent in (CHUNKED + b"80000\r\n" + b"a" * 2**19 + b"\r\n0\r\n\r\n", CHUNKED.replace(KEY.encode(), b"wrong")):
        with guarded.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(_sent(guarded, sent))
            if b"wrong" in sent:
                connection.sendall(b"80000\r\n" + b"a" * 2**19 + b"\r\n0\r\n\r\n")
            connection.sendall(_sent(guarded, b"GET /b HTTP/1.1\r\n" + HEAD + b"\r\n"))
            assert read_answer(stream).status == (401 if b"wrong" in sent else 200)
            assert read_answer(stream).passed["target"] == "/b"


def test_a_target_is_passed_on_byte_for_byte(guarded: Guarded) -> None:
    odd = "/v1/models/a%2Fb//c%252f;x=%20?q={%7b}&r=%zz&key=other"
    assert guarded.ask(path=odd).passed["target"] == odd


def test_a_body_that_stops_making_sense_is_refused(guarded: Guarded) -> None:
    assert guarded.send(CHUNKED + b"3\r\nabc\r\nzz\r\n").status == 400


def test_requests_that_are_sent_at_once_are_answered_in_order(guarded: Guarded) -> None:
    sent = b"".join(b"GET /%d HTTP/1.1\r\n" % number + HEAD + b"\r\n" for number in range(50))
    with guarded.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(_sent(guarded, sent))
        assert [read_answer(stream).passed["target"] for _ in range(50)] == [f"/{number}" for number in range(50)]


# Java's client asks for HTTP/2 with its first request.
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_another_protocol_is_not_begun_by_what_asks_for_it(guarded: Guarded, upgrade: bytes) -> None:
    sent = b"GET /a HTTP/1.1\r\n" + HEAD + b"Connection: upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    with guarded.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(_sent(guarded, sent))
        first = read_answer(stream).passed
        assert (first["target"], first["headers"]) == ("/a", [])
        connection.sendall(_sent(guarded, b"GET /b HTTP/1.1\r\n" + HEAD + b"\r\n"))
        assert read_answer(stream).passed["target"] == "/b"


def test_a_connection_without_the_key_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_server, "_STRANGER_SECONDS", 0.5)
    with running() as guarded, ExitStack() as opened:
        silent, slow, known = (opened.enter_context(guarded.connect()) for _ in range(3))
        stream = opened.enter_context(known.makefile("rb"))
        slow.sendall(_sent(guarded, b"GET /a HTTP/1.1\r\n" + HEAD + b"X-A: "))
        ends = time.monotonic() + 10
        known.sendall(_sent(guarded, b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n"))
        assert read_answer(stream).status == 200
        assert silent.recv(1) == b""
        with suppress(OSError):
            while time.monotonic() < ends:
                slow.sendall(b"a")
                time.sleep(0.05)
        assert time.monotonic() < ends
        known.sendall(_sent(guarded, b"GET /b HTTP/1.1\r\n" + HEAD + b"\r\n"))
        assert read_answer(stream).passed["target"] == "/b"


def test_many_strangers_use_up_nothing_and_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_server, "_STRANGERS", 30)
    with running() as guarded, ExitStack() as opened:
        known = opened.enter_context(guarded.connect())
        stream = opened.enter_context(known.makefile("rb"))
        known.sendall(_sent(guarded, b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n"))
        assert read_answer(stream).status == 200
        strangers = [opened.enter_context(guarded.connect()) for _ in range(150)]
        for each in strangers[::2]:
            with suppress(OSError):
                each.sendall(b"GET /a HTTP/1.1\r\nX-Never-Ends: ")
        assert guarded.ask().status == 200
        until(lambda: len(guarded.server.connections) <= 31, "closing the oldest")
        for each in strangers[:100]:
            with suppress(ConnectionError):
                assert each.recv(1) == b""
        # A program that has shown the key keeps its connection, however old that is.
        known.sendall(_sent(guarded, b"GET /b HTTP/1.1\r\n" + HEAD + b"\r\n"))
        assert read_answer(stream).passed["target"] == "/b"
