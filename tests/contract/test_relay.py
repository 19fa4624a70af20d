"""What passes through the relay, byte by byte: requests, answers, streams, uploads, and what cuts them."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import re
import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from tests.answers import cut
from tests.contract.relaying import (
    KEY,
    UPSTREAM_KEY,
    Upstream,
    Wire,
    always,
    connected,
    environ,  # noqa: F401
    relayed,
    relaying,
    request,
    upstream,
    use,
)
from tests.effort import until
from tests.fake_proxy import FakeProxy
from tests.server import nobody, silent

pytestmark = pytest.mark.usefixtures("environ")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def lines(head: bytes) -> list[str]:
    return head.decode("latin-1").split("\r\n")[:-2]


def low(header: str) -> str:
    name, _, value = header.partition(":")
    return f"{name.lower()}:{value}"


# What arrives at the proxy


def test_a_request_arrives_as_it_was_sent_but_for_the_key_and_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with relayed(monkeypatch, always(OK)) as (server, relay, wire):
        target = "/v1/models/a%2Fb//c;d=1?x=%41&&y=a+b&z='!*~"
        wire.send(request(relay, f"GET {target} HTTP/1.1", "X-One: 1", "x-one: 2", "User-Agent: me/1"))
        wire.head()
        assert lines(server.heads[0]) == [
            f"GET {target} HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "X-One: 1",
            "X-One: 2",
            "User-Agent: me/1",
            f"Authorization: Bearer {UPSTREAM_KEY}",
        ]


def test_the_base_url_may_have_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    with upstream(always(OK)) as server:
        use(monkeypatch, f"{server.url}/team/litellm/")
        with relaying() as relay:
            connected(relay).send(request(relay, "GET /v1/models HTTP/1.1"))
            until(lambda: server.heads)
            assert server.heads[0].startswith(b"GET /team/litellm/v1/models HTTP/1.1\r\n")


def test_headers_and_key_header_of_the_profile_are_sent(monkeypatch: pytest.MonkeyPatch, run) -> None:
    with upstream(always(OK)) as server:
        run("config", "set", "base_url", server.url)
        run("config", "set", "api_key", "$THE_KEY")
        run("config", "set", "key_header", "x-litellm-api-key")
        run("config", "set", "headers.x-team", "blue")
        monkeypatch.setenv("THE_KEY", UPSTREAM_KEY)
        with relaying() as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /v1/models HTTP/1.1", "X-Team: red"))
            wire.head()
            assert lines(server.heads[0])[2:] == ["x-team: blue", f"x-litellm-api-key: {UPSTREAM_KEY}"]


def test_a_subscription_travels_beside_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with relayed(monkeypatch, always(OK)) as (server, relay, wire):
        head = f"GET /x HTTP/1.1\r\nHost: 127.0.0.1:{relay.port}\r\nAuthorization: Bearer sub\r\n"
        wire.send(f"{head}x-litellm-api-key: {KEY}\r\n\r\n".encode())
        wire.head()
        assert lines(server.heads[0])[2:] == ["Authorization: Bearer sub", f"x-litellm-api-key: {UPSTREAM_KEY}"]


def test_a_connection_is_used_again_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    with relayed(monkeypatch, always(OK)) as (server, relay, wire):
        for _ in range(5):
            wire.send(request(relay, "GET /x HTTP/1.1"))
            assert wire.head().startswith(b"HTTP/1.1 200 OK\r\n")
            assert wire.exactly(2) == b"{}"
        assert (server.connections, len(server.heads)) == (1, 5)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_the_proxy_has_closed_is_no_error(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    closed: list[None] = []

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(OK)  # as if it would stay
        wire.socket.close()
        closed.append(None)

    with relayed(monkeypatch, serve) as (server, relay, wire):
        for number in range(30):
            until(lambda: len(closed) == number)  # noqa: B023
            wire.send(request(relay, f"{method} /x HTTP/1.1", "Content-Length: 0"))
            assert wire.head().startswith(b"HTTP/1.1 200 OK\r\n")
            wire.exactly(2)
        assert server.connections == 30


def test_headers_of_latin_1_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nX-Other: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n"
    with relayed(monkeypatch, always(answer)) as (server, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1", "X-Title: caf\xe9"))
        assert wire.head().count("café".encode()) == 2
        assert "X-Title: café\r\n".encode() in server.heads[0]


# Bodies to the proxy


def echo(server: Upstream, wire: Wire) -> None:
    head = server.head(wire)
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    body = wire.exactly(length)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, body))


def test_an_upload_keeps_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytes(range(256)) * 1000
    with relayed(monkeypatch, echo) as (server, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", f"Content-Length: {len(body)}", body=body))
        wire.head()
        assert wire.exactly(len(body)) == body
        assert b"Transfer-Encoding" not in server.heads[0]


def test_a_chunked_upload_arrives_as_it_comes_and_without_trailers(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        got.append(wire.until(b"one\r\n"))
        arrived.set()
        got.append(wire.until(b"0\r\n\r\n"))
        wire.send(OK)

    arrived = threading.Event()
    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\none\r\n"))
        assert arrived.wait(20)
        wire.send(b"3;ext=1\r\ntwo\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert wire.head().startswith(b"HTTP/1.1 200")
        assert got == [b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]


def test_a_client_is_asked_to_go_on_once_the_proxy_takes_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with relayed(monkeypatch, echo) as (server, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", "Content-Length: 3", "Expect: 100-continue"))
        assert wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(b"abc")
        assert wire.head().startswith(b"HTTP/1.1 200 OK\r\n")
        assert wire.exactly(3) == b"abc"
        assert b"Expect" not in server.heads[0]


def test_a_client_is_not_asked_to_go_on_where_nobody_would_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as url:
        use(monkeypatch, url)
        with relaying() as relay:
            wire = connected(relay)
            wire.send(request(relay, "POST /x HTTP/1.1", "Content-Length: 3", "Expect: 100-continue"))
            assert wire.head().startswith(b"HTTP/1.1 502")


def test_an_early_answer_passes_while_the_client_still_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        wire.socket.shutdown(socket.SHUT_WR)
        wire.to_the_end()

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", "Content-Length: 1000000000", body=b"x" * 1000))
        assert wire.head().startswith(b"HTTP/1.1 413 Too Large\r\n")
        assert wire.exactly(5) == b"large"


# Answers


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX-A: 1\r\n\r\n", ["Content-Length: 99", "X-A: 1"]),
        ("GET", b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", ["X-A: 1"]),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: e\r\n\r\n", ["ETag: e"]),
        ("OPTIONS", b"HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n", ["Allow: GET", "Content-Length: 0"]),
        (
            "GET",
            b"HTTP/1.1 103 Hints\r\nX-B: 2\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            ["Content-Length: 0"],
        ),
        (
            "GET",
            b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nx-ratelimit-reset: 1\r\nServer: uvicorn\r\nContent-Length: 0\r\n\r\n",
            ["Retry-After: 7", "x-ratelimit-reset: 1", "Server: uvicorn", "Content-Length: 0"],
        ),
    ],
)
def test_an_answer_keeps_its_status_and_headers(
    monkeypatch: pytest.MonkeyPatch, method: str, answer: bytes, expected: list[str]
) -> None:
    with relayed(monkeypatch, always(answer)) as (_, relay, wire):
        for _ in range(2):  # the second one shows that the first had no body
            wire.send(request(relay, f"{method} /x HTTP/1.1"))
            status, *headers = lines(wire.head())
            assert status == answer.split(b"\r\n\r\n")[-2].split(b"\r\n")[0].decode()
            # aiohttp has spellings of its own for names that it knows.
            assert [low(header) for header in headers if not header.startswith("Date: ")] == list(map(low, expected))
        assert wire.rest == b""


def test_a_body_stays_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"a" * 10000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with relayed(monkeypatch, always(head + packed)) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1", "Accept-Encoding: gzip"))
        assert b"Content-Encoding: gzip\r\n" in wire.head()
        assert wire.exactly(len(packed)) == packed


def test_a_compressed_upload_stays_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"a" * 10000)
    with relayed(monkeypatch, echo) as (_, relay, wire):
        headers = (f"Content-Length: {len(packed)}", "Content-Encoding: gzip")
        wire.send(request(relay, "POST /x HTTP/1.1", *headers, body=packed))
        wire.head()
        assert wire.exactly(len(packed)) == packed


def test_events_are_flushed_as_they_come_and_silence_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    step = threading.Semaphore(0)

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        step.acquire()
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        )
        for number in range(3):
            step.acquire()
            wire.send(b"9\r\ndata: %d\n\n\r\n" % number)
        step.acquire()
        wire.send(b"0\r\nX-T: 1\r\n\r\n")

    with upstream(serve) as server:
        use(monkeypatch, server.url)
        with relaying(connect_seconds=0.2) as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /x HTTP/1.1"))
            time.sleep(1)  # longer than connecting may take
            step.release()
            assert b"Trailer" not in wire.head()
            for number in range(3):
                step.release()
                assert wire.until(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
            step.release()
            assert wire.until(b"0\r\n\r\n") == b"0\r\n\r\n"


def test_a_client_of_http_1_0_gets_the_body_to_the_end_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    with relayed(monkeypatch, always(answer)) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.0"))
        head = wire.head()
        assert head.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b"Transfer-Encoding" not in head
        assert wire.to_the_end() == b"onetwo"


def test_an_answer_without_a_length_ends_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.0 200 OK\r\n\r\nsome")

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        assert b"Content-Type" not in wire.head()
        assert wire.until(b"0\r\n\r\n") == b"4\r\nsome\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        ("{url}/base/v1/models", "{relay}/v1/models"),
        ("/base/v1/models", "/v1/models"),
        ("https://elsewhere.example/base/x", "https://elsewhere.example/base/x"),
        ("{url}/basement", "{url}/basement"),
    ],
)
def test_a_redirect_is_not_followed_and_leads_through_the_relay(
    monkeypatch: pytest.MonkeyPatch, location: str, seen: str
) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        to = location.format(url=server.url).encode()
        wire.send(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % to)

    with upstream(serve) as server:
        use(monkeypatch, f"{server.url}/base")
        with relaying() as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /v1/models/ HTTP/1.1"))
            head = wire.head()
            assert f"Location: {seen.format(url=server.url, relay=relay.url)}\r\n".encode() in head
            assert len(server.heads) == 1


# What cuts them


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nsome",
    ],
)
def test_an_answer_that_breaks_off_never_looks_complete(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, version: str, reset: bool
) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(answer)
        seen.wait(20)
        if reset:
            cut(wire.socket)

    seen = threading.Event()
    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, f"GET /x HTTP/{version}"))
        head = wire.until(b"some")
        seen.set()
        is_complete = not reset and answer.startswith(b"HTTP/1.0")
        was_reset, rest = False, b""
        try:
            rest = wire.until(b"0\r\n\r\n")
        except ConnectionResetError:
            was_reset = True
        if is_complete:
            assert rest.endswith(b"0\r\n\r\n") or version == "1.0"
            assert not was_reset
        else:
            # Short of its length, without a last chunk, or reset: each is an error for every client.
            assert b"0\r\n\r\n" not in rest
            assert b"Content-Length: 100" in head or b"chunked" in head or was_reset


def test_a_client_that_goes_away_before_the_answer_cancels_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        if wire.is_at_end:
            closed.set()

    with relayed(monkeypatch, serve) as (server, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        until(lambda: server.heads)
        assert relay.relay.quiet_for == 0
        wire.socket.close()
        assert closed.wait(5)
        until(lambda: [one.status for one in relay.exchanges] == [499])
        assert relay.relay.quiet_for < 5


def test_a_client_that_goes_away_during_a_stream_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n")
        if wire.is_at_end:
            closed.set()

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        wire.until(b"some")
        wire.socket.close()
        assert closed.wait(5)


def test_a_client_that_goes_away_while_it_uploads_cancels_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        got.append(wire.to_the_end())

    with relayed(monkeypatch, serve) as (server, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", "Content-Length: 1000", body=b"some"))
        until(lambda: server.heads)
        wire.socket.close()
        until(lambda: got)
        assert got == [b"some"]


def test_a_client_that_reads_nothing_holds_up_the_proxy_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [0]

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**30)
        wire.socket.settimeout(1)
        try:
            while True:
                sent[0] += wire.socket.send(b"x" * 2**16)
        except TimeoutError:
            stuck.set()
        wire.is_at_end  # noqa: B018

    stuck = threading.Event()
    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        assert stuck.wait(20)
        # Buffers of the kernel at both ends, and little of ours.
        assert sent[0] < 2**24
        wire.socket.close()


def test_a_proxy_that_reads_nothing_holds_up_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        done.wait(60)  # longer than is waited below

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "POST /x HTTP/1.1", f"Content-Length: {2**30}"))
        wire.socket.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < 2**30:
                sent += wire.socket.send(b"x" * 2**16)
        assert sent < 2**24
        # Nothing is left to be sent after the end: the loop has but its own socket.
        relay.stop(0)
        until(lambda: len(relay.loop._selector.get_map()) == 1)
        done.set()


# What never reached the proxy


def failed(wire: Wire) -> tuple[int, dict[str, str]]:
    head = wire.head()
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    return int(head.split()[1]), json.loads(wire.exactly(length))["error"]


def test_what_litellmctl_would_say_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as url:
        use(monkeypatch, url)
        with relaying() as relay:
            for _ in range(3):
                wire = connected(relay)
                wire.send(request(relay, "POST /v1/chat/completions HTTP/1.1", "Content-Length: 2", body=b"{}"))
                assert failed(wire) == (
                    502,
                    {
                        "message": f"cannot reach {url}: connection refused. Try: check the URL, and that the proxy is running",
                        "type": "litellmctl_error",
                        "param": None,
                        "code": "unreachable",
                    },
                )
            assert len(relay.said.warnings) == 1
            assert [one.status for one in relay.exchanges] == [502] * 3


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "https://proxy.invalid")
    with relaying() as relay:
        wire = connected(relay)
        wire.send(request(relay, "GET /x HTTP/1.1"))
        status, error = failed(wire)
        assert (status, error["code"]) == (502, "unreachable")
        assert error["message"].startswith('cannot reach https://proxy.invalid: cannot resolve "proxy.invalid"')


def test_a_certificate_that_is_not_trusted_is_named(monkeypatch: pytest.MonkeyPatch, authority) -> None:
    fake = FakeProxy(authority.issue_cert("127.0.0.1"))
    use(monkeypatch, fake.url)
    with relaying() as relay:
        wire = connected(relay)
        wire.send(request(relay, "GET /x HTTP/1.1"))
        status, error = failed(wire)
        assert (status, error["code"]) == (502, "tls")
        assert error["message"].startswith(
            f'the certificate of {fake.url} (issued by "Test Authority") is not trusted: '
        )
    fake.close()


def test_the_bundle_of_the_profile_is_trusted(monkeypatch: pytest.MonkeyPatch, authority, tmp_path, run) -> None:
    fake = FakeProxy(authority.issue_cert("127.0.0.1"))
    fake.on("/x", {"a": 1})
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    run("config", "set", "ca_bundle", str(tmp_path / "ca.pem"))
    use(monkeypatch, fake.url)
    with relaying() as relay:
        wire = connected(relay)
        wire.send(request(relay, "GET /x HTTP/1.1"))
        assert wire.head().startswith(b"HTTP/1.1 200")
    fake.close()


def test_plain_http_to_a_port_that_speaks_tls(monkeypatch: pytest.MonkeyPatch, authority) -> None:
    fake = FakeProxy(authority.issue_cert("127.0.0.1"))
    url = fake.url.replace("https", "http")
    use(monkeypatch, url)
    with relaying() as relay:
        wire = connected(relay)
        wire.send(request(relay, "GET /x HTTP/1.1"))
        status, error = failed(wire)
        assert (status, error["code"]) == (502, "tls")
        assert error["message"] == f"{url} speaks TLS: the URL must start with https. Try: use {fake.url}"
    fake.close()


def test_tls_to_a_port_that_speaks_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeProxy()
    with closing(server):
        url = server.url.replace("http", "https")
        use(monkeypatch, url)
        with relaying() as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /x HTTP/1.1"))
            status, error = failed(wire)
            assert (status, error["code"]) == (502, "tls")
            assert error["message"].startswith(f"TLS with {url} failed: the port does not speak TLS")


def test_a_proxy_that_takes_no_connections_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent() as url:
        use(monkeypatch, url.replace("http:", "https:"))
        with relaying(connect_seconds=0.3) as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /x HTTP/1.1"))
            status, error = failed(wire)
            assert (status, error["code"]) == (504, "timeout")
            assert error["message"].endswith("timed out. Try: allow more time with --timeout SECONDS")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "unreachable"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bad_response"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 2**18 + b"\r\n\r\n", "bad_response", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 2**16 + b"\r\n") * 100, "bad_response", id="head"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100_000, "bad_response", id="hints"),
        (b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "bad_response"),
    ],
)
def test_what_is_not_an_answer(monkeypatch: pytest.MonkeyPatch, answer: bytes, code: str) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(answer)

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        status, error = failed(wire)
        assert (status, error["code"]) == (502, code)


# What is told of requests, and the end


def test_each_request_is_told_from_headers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 200 OK\r\nx-litellm-model-group: gpt-4o\r\nx-litellm-response-cost: 0.000225\r\nContent-Length: 0\r\n\r\n"
    with relayed(monkeypatch, always(answer)) as (_, relay, wire):
        wire.send(request(relay, "GET /v1/models?key=secret HTTP/1.1"))
        wire.head()
        until(lambda: relay.exchanges)
        (one,) = relay.exchanges
        assert one._replace(seconds=0) == ("GET", "/v1/models", 200, 0, "gpt-4o", "0.000225", "")


def test_a_key_that_the_proxy_repeats_as_a_model_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = f"{UPSTREAM_KEY[:9]}\u200b{UPSTREAM_KEY[9:]}".encode()
    answer = b"HTTP/1.1 200 OK\r\nx-litellm-model-group: %s\r\nContent-Length: 0\r\n\r\n" % repeated
    with relayed(monkeypatch, always(answer)) as (_, relay, wire):
        wire.send(request(relay, "GET /v1/models HTTP/1.1"))
        wire.head()
        until(lambda: relay.exchanges)
        assert relay.exchanges[0].model == "***"


def test_a_stop_lets_streams_end_and_takes_no_new_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    more = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        more.wait(20)
        wire.send(b"3\r\ntwo\r\n0\r\n\r\n")

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        wire.until(b"one\r\n")
        stopping = threading.Thread(target=relay.stop)
        stopping.start()
        # Not by connecting: Python 3.11 leaks a connection that is accepted just when the server closes.
        until(lambda: not relay.relay._listening.sockets)
        with pytest.raises(ConnectionRefusedError):
            connected(relay)
        more.set()
        assert wire.to_the_end() == b"3\r\ntwo\r\n0\r\n\r\n"
        stopping.join(20)


def test_a_stop_cuts_streams_after_its_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        if wire.is_at_end:
            closed.set()

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /x HTTP/1.1"))
        wire.until(b"one\r\n")
        relay.stop(0.2)
        assert wire.is_at_end
        assert closed.wait(5)


def test_a_port_that_is_taken_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "http://127.0.0.1:1")
    with relaying() as relay, pytest.raises(OSError) as failed:  # noqa: PT011
        asyncio.run(relay.relay.start(relay.port))
    assert failed.value.errno == errno.EADDRINUSE
