"""A relay under test, in a thread; an upstream of which each byte is known; and bare clients."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from litellmctl.auth.login_file import LoginFile
from litellmctl.connection import Connection
from litellmctl.options import Options
from litellmctl.relay.relay import Exchange, Relay
from litellmctl.settings.config import Config, selected_profile
from tests.server import Listener

KEY = "sk-local-0123456789abcdef"
UPSTREAM_KEY = "sk-upstream-0123456789abcdef"
SECONDS = 20.0


@dataclass
class Said:
    """Keeps what a user would read."""

    warnings: list[str] = field(default_factory=list)
    can_prompt = False
    stderr_is_terminal = False

    def note(self, text: str) -> None:
        self.warnings.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def trace(self, text: str) -> None: ...


@dataclass
class Running:
    """A relay that runs: its URL and port, what it said, the requests that it had, and its loop.

    `connects` has an entry for each time that it read the settings and logins.
    """

    relay: Relay
    port: int
    said: Said
    exchanges: list[Exchange]
    loop: asyncio.AbstractEventLoop
    connects: list[None]
    clients: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.relay.base_url

    def stop(self, grace: float = 5.0) -> None:
        asyncio.run_coroutine_threadsafe(self.relay.stop(grace), self.loop).result(SECONDS)


@contextmanager
def relaying(options: Options | None = None, **arguments: Any) -> Iterator[Running]:
    """Run a relay for the profile that the process's environment means."""
    said = Said()
    connects: list[None] = []
    exchanges: list[Exchange] = []
    chosen = options or Options()

    def connect() -> Connection:
        connects.append(None)
        return Connection(selected_profile(Config.of_user(), None), chosen, LoginFile.of_user(), said)

    relay = Relay(connect, KEY, listener=said, on_exchange=exchanges.append, **{"connect_seconds": 5.0, **arguments})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(relay.start(0), loop).result(SECONDS)
    running = Running(relay, port, said, exchanges, loop, connects)
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        running.stop(0)
    assert asyncio.run_coroutine_threadsafe(_left(), loop).result(SECONDS) == []
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SECONDS)
    loop.close()


async def _left() -> list[str]:
    """Return the tasks that a stopped relay has left; those of closed connections need a moment."""
    for _ in range(100):
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if not tasks:
            break
        await asyncio.sleep(0.02)
    return [repr(task) for task in tasks]


@pytest.fixture
def environ(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of this process, as that of the program: without a keyring."""
    for name in set(os.environ) - set(env):
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


def use(monkeypatch: pytest.MonkeyPatch, url: str, key: str = UPSTREAM_KEY) -> None:
    """Let the environment name a proxy, with a key."""
    monkeypatch.setenv("LITELLM_BASE_URL", url)
    monkeypatch.setenv("LITELLM_API_KEY", key)


class Wire:
    """One side of a connection, byte by byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(SECONDS)
        self.rest = b""

    def until(self, mark: bytes) -> bytes:
        """Return what comes up to a mark, with it; what comes to the end, if that is before."""
        while mark not in self.rest:
            piece = self.socket.recv(65536)
            if not piece:
                found, self.rest = self.rest, b""
                return found
            self.rest += piece
        found, _, self.rest = self.rest.partition(mark)
        return found + mark

    def head(self) -> bytes:
        return self.until(b"\r\n\r\n")

    def exactly(self, count: int) -> bytes:
        while len(self.rest) < count:
            piece = self.socket.recv(65536)
            assert piece, self.rest
            self.rest += piece
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def to_the_end(self) -> bytes:
        found = self.rest
        self.rest = b""
        while piece := self.socket.recv(65536):
            found += piece
        return found

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    @property
    def is_at_end(self) -> bool:
        """Whether the other side has closed, within the time."""
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True


class Upstream(Listener):
    """Gives each connection, as a `Wire`, to a function in a thread of its own; `heads` are those of all requests."""

    def __init__(self, serve: Callable[[Upstream, Wire], None]) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._function = serve
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        self._function(self, Wire(connection))

    def head(self, wire: Wire) -> bytes:
        head = wire.head()
        if head:
            self.heads.append(head)
        return head


@contextmanager
def upstream(serve: Callable[[Upstream, Wire], None]) -> Iterator[Upstream]:
    server = Upstream(serve)
    try:
        yield server
    finally:
        server.close()
    assert not server.errors


@contextmanager
def relayed(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[Upstream, Wire], None]
) -> Iterator[tuple[Upstream, Running, Wire]]:
    """Run an upstream and a relay before it; give both, and a connection to the relay."""
    with upstream(serve) as server:
        use(monkeypatch, server.url)
        with relaying() as relay:
            yield server, relay, connected(relay)


def always(answer: bytes) -> Callable[[Upstream, Wire], None]:
    """Answer each request that has no body, on any number of connections."""

    def serve(server: Upstream, wire: Wire) -> None:
        while server.head(wire):
            wire.send(answer)

    return serve


def connected(running: Running) -> Wire:
    running.clients.append(socket.create_connection(("127.0.0.1", running.port), SECONDS))
    return Wire(running.clients[-1])


def request(running: Running, line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request with the local key."""
    host = f"Host: 127.0.0.1:{running.port}"
    return "\r\n".join([line, host, f"Authorization: Bearer {KEY}", *headers, "", ""]).encode("latin-1") + body
