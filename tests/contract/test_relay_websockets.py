"""Websockets through the relay: what the client and the proxy say to each other, and nothing of ours."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from tests.contract.relaying import (
    KEY,
    SECONDS,
    UPSTREAM_KEY,
    Running,
    Upstream,
    Wire,
    environ,  # noqa: F401
    relayed,
    relaying,
    request,
    use,
)
from tests.effort import until

pytestmark = pytest.mark.usefixtures("environ")
ASK = ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13")
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="
Client = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


def through(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[web.Request], Awaitable[web.StreamResponse]], client: Client
) -> Running:
    """Let a client talk to a server of websockets through a relay."""

    async def both(relay: Running) -> None:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
            await client(session, f"{relay.url}/v1/realtime?model=m")

    async def run() -> Running:
        app = web.Application()
        app.router.add_get("/v1/realtime", serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        use(monkeypatch, f"http://127.0.0.1:{runner.addresses[0][1]}")
        with relaying() as relay:
            await asyncio.wait_for(both(relay), SECONDS)
            await asyncio.to_thread(until, lambda: relay.relay.quiet_for)
        await runner.cleanup()
        return relay

    return asyncio.run(run())


def test_messages_of_any_kind_and_size_with_a_subprotocol_and_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {UPSTREAM_KEY}"
        assert request.query_string == "model=m"
        socket = web.WebSocketResponse(protocols=("realtime",), max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket

    async def client(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, protocols=("realtime", "other"), compress=15, max_msg_size=0) as socket:
            assert socket.protocol == "realtime"
            assert socket.compress == 15
            for text in ("", "a", "ä" * 100_000):
                await socket.send_str(text)
                assert await socket.receive_str() == text
            large = bytes(range(256)) * 2**16
            await socket.send_bytes(large)
            assert await socket.receive_bytes() == large

    relay = through(monkeypatch, serve, client)
    assert [(one.method, one.path, one.status) for one in relay.exchanges] == [("GET", "/v1/realtime", 101)]


def test_the_code_of_a_close_and_pings_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.PING, b"are you there")
        await socket.pong(message.data)
        await socket.receive()
        await socket.close(code=4321, message=b"enough")
        return socket

    async def client(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, autoping=False) as socket:
            await socket.ping(b"are you there")
            message = await socket.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"are you there")
            await socket.send_str("go")
            message = await socket.receive()
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "enough")

    through(monkeypatch, serve, client)


def test_a_client_that_goes_away_closes_the_proxys_side(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[bool] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        gone.append(True)
        return socket

    async def client(session: aiohttp.ClientSession, url: str) -> None:
        socket = await session.ws_connect(url)
        assert socket._response.connection is not None
        socket._response.connection.transport.abort()
        await asyncio.to_thread(until, lambda: gone)

    through(monkeypatch, serve, client)


def test_a_refused_upgrade_passes_and_the_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        while server.head(wire):
            wire.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope")

    with relayed(monkeypatch, serve) as (server, relay, wire):
        for _ in range(2):
            wire.send(request(relay, "GET /v1/realtime HTTP/1.1", *ASK, f"Sec-WebSocket-Key: {NONCE}"))
            assert wire.head().startswith(b"HTTP/1.1 403 Forbidden\r\n")
            assert wire.exactly(4) == b"nope"
        head = server.heads[0].decode()
        assert re.findall(r"(?m)^(Connection|Upgrade|Sec-.*?): (.*)\r$", head) == [
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", NONCE),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
        ]


def test_bytes_that_follow_the_handshake_at_once_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    accept = base64.b64encode(hashlib.sha1(f"{NONCE}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
    got: list[bytes] = []

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        switch = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        )
        wire.send(switch + accept + b"\r\n\r\nfrom the proxy")
        got.append(wire.exactly(len(b"from the client")))

    with relayed(monkeypatch, serve) as (_, relay, wire):
        ask = request(relay, "GET /v1/realtime HTTP/1.1", *ASK, f"Sec-WebSocket-Key: {NONCE}")
        wire.send(ask + b"from the client")
        head = wire.head().decode().split("\r\n")
        assert head[0] == "HTTP/1.1 101 Switching Protocols"
        assert sorted(line for line in head[1:] if line and not line.startswith("Date")) == [
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept.decode()}",
            "Upgrade: websocket",
        ]
        assert wire.to_the_end() == b"from the proxy"
        assert got == [b"from the client"]


def test_a_side_that_reads_nothing_holds_up_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [0]
    stuck = threading.Event()

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        wire.socket.settimeout(1)
        try:
            while True:
                sent[0] += wire.socket.send(b"x" * 2**16)
        except TimeoutError:
            stuck.set()
        wire.socket.settimeout(SECONDS)
        wire.send(b"end")

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /v1/realtime HTTP/1.1", *ASK, f"Sec-WebSocket-Key: {NONCE}"))
        wire.head()
        assert stuck.wait(20)
        assert sent[0] < 2**24
        count = len(wire.until(b"end"))  # nothing is lost once it reads again
        assert count == sent[0] + 3


def test_a_stop_cuts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        wire.is_at_end  # noqa: B018

    with relayed(monkeypatch, serve) as (_, relay, wire):
        wire.send(request(relay, "GET /v1/realtime HTTP/1.1", *ASK, f"Sec-WebSocket-Key: {NONCE}"))
        wire.head()
        relay.stop(0.1)
        assert wire.is_at_end
        until(lambda: relay.exchanges)
