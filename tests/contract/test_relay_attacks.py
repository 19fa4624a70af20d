"""Raw requests to `serve`: what reaches the proxy is exactly one well-formed request, or none."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.contract.raw_upstream import SECRET, RawServed, statuses
from tests.effort import until

pytest.importorskip("aiohttp")

_HAS_PROC = Path("/proc/self/fd").exists()


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawServed]:
    served = RawServed(tmp_path_factory.mktemp("served"))
    yield served
    served.close()


@pytest.fixture
def served(_served: RawServed) -> Iterator[RawServed]:
    _served.upstream.begin()
    yield _served
    assert _served.works()
    assert _served.process.poll() is None
    assert _served.upstream.errors == []
    assert _served.key.encode() not in _served.upstream.bytes
    assert "Traceback" not in _served.said


_CHUNKED = "Transfer-Encoding: chunked"
_MALFORMED = {
    "two lengths": (["Content-Length: 3", "Content-Length: 5"], b"abcde"),
    "the same length twice": (["Content-Length: 3", "Content-Length: 3"], b"abc"),
    "a list of lengths": (["Content-Length: 3, 3"], b"abc"),
    "a signed length": (["Content-Length: +3"], b"abc"),
    "a negative length": (["Content-Length: -1"], b"abc"),
    "a hexadecimal length": (["Content-Length: 0x3"], b"abc"),
    "a length in other digits": (["Content-Length: \xb2"], b"ab"),
    "a length beyond all numbers": ([f"Content-Length: {10**25}"], b"abc"),
    "no length in its header": (["Content-Length:"], b"abc"),
    "length and chunked": (["Content-Length: 3", _CHUNKED], b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
    "chunked and length": ([_CHUNKED, "Content-Length: 3"], b"0\r\n\r\n"),
    "an unknown coding": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "a coding before chunked": (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    "a coding after chunked": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "identity": (["Transfer-Encoding: identity"], b"0\r\n\r\n"),
    "chunked twice": ([_CHUNKED, _CHUNKED], b"0\r\n\r\n"),
    "chunked with a vertical tab": (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
    "a space before the colon": (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
    "a folded coding": (["Transfer-Encoding:\r\n chunked"], b"0\r\n\r\n"),
    "a folded header": (["X-A: b\r\n c"], b""),
    "a bare LF": (["X-A: b\nX-C: d"], b""),
    "a bare CR": (["X-A: b\rX-C: d"], b""),
    "a NUL": (["X-A: b\0c"], b""),
    "a control character": (["X-A: b\x01c"], b""),
    "a space in a name": (["X A: b"], b""),
    "another letter in a name": (["X\xe9: b"], b""),
    "no name": ([": b"], b""),
    "no colon": (["X-A"], b""),
    "200 KB in a header": ([f"X-A: {'a' * 200_000}"], b""),
    "1,000 headers": ([f"X-{number}: a" for number in range(1000)], b""),
    "HTTP/1.0 in chunks": ([_CHUNKED], b"0\r\n\r\n"),
}


@pytest.mark.parametrize("case", _MALFORMED)
def test_a_head_that_can_be_read_in_two_ways_is_refused(served: RawServed, case: str) -> None:
    headers, body = _MALFORMED[case]
    version = "1.0" if "1.0" in case else "1.1"
    found = served.statuses(served.head(f"POST /a HTTP/{version}", *headers) + body)
    assert found == [400] or (found == [] and ("KB" in case or "1,000" in case))
    assert served.upstream.received == []


_LINES = [
    ("GET http://evil.example/a HTTP/1.1", {400}),
    ("GET http://127.0.0.1/a HTTP/1.1", {400}),
    ("CONNECT evil.example:443 HTTP/1.1", {405}),
    ("CONNECT /a HTTP/1.1", {405}),
    ("TRACE /a HTTP/1.1", {405}),
    ("OPTIONS * HTTP/1.1", {400}),
    ("GET //evil.example/a HTTP/1.1", {400}),
    ("GET /\\evil.example/a HTTP/1.1", {400}),
    ("GET /../a HTTP/1.1", {400}),
    ("GET /a/../../b HTTP/1.1", {400}),
    ("GET /%2e%2e/a HTTP/1.1", {400}),
    ("GET /a/%2E%2e%2Fb HTTP/1.1", {400}),
    ("GET /a/.%2e/b HTTP/1.1", {400}),
    ("GET /%252e%252e/a HTTP/1.1", {400}),
    ("GET /..%5ca HTTP/1.1", {400}),
    ("GET /a\0b HTTP/1.1", {400}),
    ("GET /a%00b HTTP/1.1", {400}),
    ("GET /a\tb HTTP/1.1", {400}),
    ("GET /a b HTTP/1.1", {400}),
    ("GET /caf\xe9 HTTP/1.1", {400}),
    ("GET /a#b HTTP/1.1", {400}),
    ("GET a HTTP/1.1", {400}),
    ("GET /a HTTP/2.0", {400}),
    ("GET /a HTTP/1.9", {400}),
    ("GET /a\r\nX: y HTTP/1.1", {400, 403}),
    ("get /a HTTP/1.1", {400}),
    (f"GET /{'a' * 1_000_000} HTTP/1.1", {400}),
    ("PRI * HTTP/2.0", {400}),
]


@pytest.mark.parametrize(("line", "expected"), _LINES, ids=[line[:30] for line, _ in _LINES])
def test_a_target_that_could_leave_the_base_url_is_refused(served: RawServed, line: str, expected: set[int]) -> None:
    found = served.statuses(served.head(line))
    assert set(found) <= expected
    assert found or len(line) > 100_000
    assert served.upstream.received == []


@pytest.mark.parametrize(
    "target",
    ["/v1/models/a%2Fb/c", "/v1//models", "/a%252Fb;x=1?q=%2e%2e/&r={%7B}|%zz", "/@evil.example/:80", "/...", "/"],
)
def test_a_harmless_target_arrives_below_the_base_url_byte_for_byte(served: RawServed, target: str) -> None:
    assert served.statuses(served.head(f"GET {target} HTTP/1.1")) == [200]
    assert [request.target for request in served.upstream.received] == [f"/base{target}"]


_WELL_FORMED = {
    "a length with a space after it": (["Content-Length: 3 "], b"abc", b"abc"),
    "chunked after a tab": (["Transfer-Encoding:\tchunked"], b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    "chunked in capitals": (["Transfer-Encoding: CHUNKED"], b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    "extensions of chunks": ([_CHUNKED], b"3;a=b\r\nabc\r\n0;c\r\n\r\n", b"abc"),
    "trailers": ([_CHUNKED], b"3\r\nabc\r\n0\r\nX-Trailer: 1\r\nHost: evil.example\r\n\r\n", b"abc"),
    "other letters in a value": (["X-A: caf\xe9", "Content-Length: 0"], b"", b""),
    "60 KB in a header": ([f"X-A: {'a' * 60_000}", "Content-Length: 0"], b"", b""),
    "200 headers": ([*(f"X-{number}: a" for number in range(200)), "Content-Length: 0"], b"", b""),
    "a request in the body": (
        ["Content-Length: 26"],
        b"GET /smuggled HTTP/1.1\r\n\r\n",
        b"GET /smuggled HTTP/1.1\r\n\r\n",
    ),
    "headers that Connection names": (["Connection: content-length, host", "Content-Length: 3"], b"abc", b"abc"),
}


@pytest.mark.parametrize("case", _WELL_FORMED)
def test_what_is_well_formed_arrives_once_and_whole(served: RawServed, case: str) -> None:
    headers, sent, body = _WELL_FORMED[case]
    assert served.statuses(served.head("POST /a HTTP/1.1", *headers) + sent) == [200]
    assert [(request.target, request.body) for request in served.upstream.received] == [("/base/a", body)]
    request = served.upstream.received[0]
    assert request.values("authorization") == [f"Bearer {SECRET}"]
    assert request.values("host") == [f"127.0.0.1:{served.upstream.port}"]
    assert request.values("x-trailer") == []


@pytest.mark.parametrize(
    "data", [b"zz\r\n", b"0x3\r\nabc\r\n", b"-3\r\n", b"3\r\nabcd\r\n", b"3\nabc\r\n", b"f" * 20 + b"\r\n"]
)
def test_a_body_that_stops_making_sense_is_refused_and_never_looks_complete(served: RawServed, data: bytes) -> None:
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(served.head("POST /a HTTP/1.1", _CHUNKED) + b"3\r\nabc\r\n")
        until(lambda: b"\r\n\r\n3\r\nabc\r\n" in served.upstream.bytes[-20:])
        connection.sendall(data + b"0\r\n\r\n")
        assert statuses(stream.read()) == [400]
    until(lambda: [request.body for request in served.upstream.received] == [None])


@pytest.mark.parametrize("headers", [["Content-Length: 10"], [_CHUNKED]])
def test_a_client_that_goes_away_in_its_body_leaves_no_request(served: RawServed, headers: list[str]) -> None:
    with served.connect() as connection:
        connection.sendall(served.head("POST /a HTTP/1.1", *headers) + b"3\r\nabc\r\n")
    until(served.works)
    until(lambda: [request.body for request in served.upstream.received if request.target == "/base/a"] in ([], [None]))


def test_requests_that_are_sent_at_once_are_answered_one_by_one(served: RawServed) -> None:
    heads = [served.head(f"GET /{number} HTTP/1.1") for number in range(40)]
    assert served.statuses(b"".join(heads), wanted=40) == [200] * 40
    assert [request.target for request in served.upstream.received] == [f"/base/{number}" for number in range(40)]


def test_what_follows_a_refused_request_is_judged_by_itself(served: RawServed) -> None:
    wrong, right = served.head("GET /a HTTP/1.1", key="wrong"), served.head("GET /b HTTP/1.1")
    assert served.statuses(wrong + right, wanted=2) == [401, 200]
    assert [request.target for request in served.upstream.received] == ["/base/b"]


def test_the_body_of_a_refused_request_is_no_request(served: RawServed) -> None:
    inside = served.head("GET /smuggled HTTP/1.1")
    wrong = served.head("POST /a HTTP/1.1", f"Content-Length: {len(inside)}", key="wrong")
    assert served.statuses(wrong + inside + served.head("GET /b HTTP/1.1"), wanted=2) == [401, 200]
    assert [request.target for request in served.upstream.received] == ["/base/b"]


@pytest.mark.skipif(not _HAS_PROC, reason="counts descriptors in /proc")
def test_headers_that_never_end_neither_hold_others_up_nor_use_up_descriptors(served: RawServed) -> None:
    before = served.descriptors
    with ExitStack() as opened:
        slow = [opened.enter_context(served.connect()) for _ in range(600)]
        for connection in slow:
            with suppress(ConnectionError):
                connection.sendall(b"GET /a HTTP/1.1\r\nX-Never-Ends: ")
        start = time.monotonic()
        assert served.works()
        assert time.monotonic() - start < 10
        until(lambda: served.descriptors <= before + 512 + 2, "closing the oldest")
        assert served.mebibytes < 150
    until(lambda: served.descriptors <= before + 5, "closing those that went away")


@pytest.mark.skipif(not _HAS_PROC, reason="measures memory in /proc")
def test_a_client_that_reads_nothing_costs_little_and_holds_nobody_up(served: RawServed) -> None:
    before = served.mebibytes
    with ExitStack() as opened:
        for _ in range(5):
            connection = opened.enter_context(served.connect())
            connection.sendall(served.head("GET /endless HTTP/1.1"))
        until(lambda: served.upstream.sent > 2**20)
        sent = -1
        while sent != served.upstream.sent:  # until all that may be kept on the way is full
            sent = served.upstream.sent
            time.sleep(0.3)
            assert served.works()
            assert sent < 200 * 2**20
        assert served.mebibytes < before + 30
        served.upstream.ended.clear()
    assert served.upstream.ended.wait(20)


def test_a_body_that_never_comes_holds_nobody_up(served: RawServed) -> None:
    with ExitStack() as opened:
        for _ in range(50):
            connection = opened.enter_context(served.connect())
            connection.sendall(served.head("POST /a HTTP/1.1", "Content-Length: 100") + b"a")
        assert served.works()


@pytest.mark.skipif(sys.platform == "win32" or not _HAS_PROC, reason="sets a limit, and counts descriptors in /proc")
def test_few_descriptors_are_made_more(tmp_path: Path) -> None:
    few = ["sh", "-c", 'ulimit -S -n 64 && exec "$@"', "sh"]
    with closing(RawServed(tmp_path, before=few)) as served, ExitStack() as opened:
        for _ in range(100):
            connection = opened.enter_context(served.connect())
            connection.sendall(served.head("GET /a HTTP/1.1"))
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert served.descriptors > 100


@pytest.mark.skipif(sys.platform == "win32" or not _HAS_PROC, reason="sets a limit, and counts descriptors in /proc")
def test_it_goes_on_after_all_descriptors_were_used(tmp_path: Path) -> None:
    few = ["sh", "-c", 'ulimit -S -n 64 && ulimit -H -n 64 && exec "$@"', "sh"]
    with closing(RawServed(tmp_path, before=few)) as served:
        with ExitStack() as opened:
            for _ in range(80):
                connection = opened.enter_context(served.connect())
                connection.sendall(served.head("GET /a HTTP/1.1"))
            until(lambda: served.descriptors >= 64)
        until(served.works)
        assert "Traceback" not in served.said


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit, and stops a process")
def test_many_programs_that_connect_at_the_same_moment_are_all_answered(tmp_path: Path) -> None:
    few = ["sh", "-c", 'ulimit -S -n 800 && ulimit -H -n 800 && exec "$@"', "sh"]
    with closing(RawServed(tmp_path, before=few)) as served, ExitStack() as opened:
        os.kill(served.process.pid, signal.SIGSTOP)
        try:
            clients = [opened.enter_context(served.connect()) for _ in range(300)]
            for connection in clients:
                connection.sendall(served.head("GET /a HTTP/1.1"))
        finally:
            os.kill(served.process.pid, signal.SIGCONT)
        assert {connection.recv(12) for connection in clients} == {b"HTTP/1.1 200"}
