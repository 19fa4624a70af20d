"""A guarded server on loopback, in a thread of its own, and raw requests to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from aiohttp import web

from litellmctl.relay.guard import Guard, has_sign_in
from litellmctl.relay.guarded_server import GuardedServer

KEY = "local-0123456789abcdef"
ALLOWED = "https://chat.example"


class Answer(NamedTuple):
    """A status (0: the connection was closed without one), headers by names in lower case, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def passed(self) -> dict[str, Any]:
        """What would have been passed on."""
        assert self.status == 200, self
        found: dict[str, Any] = json.loads(self.body)
        return found


class Guarded:
    """The server: it answers with what it would pass on."""

    def __init__(self) -> None:
        self.port = 0
        self.guard: Guard
        self.server: GuardedServer
        self.loop: asyncio.AbstractEventLoop
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(20)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
            self.port = listening.getsockname()[1]
            self.guard = Guard(KEY, self.port, [ALLOWED])
            self.server = GuardedServer(self.guard, self._handle)
            serving = await self.loop.create_server(self.server, sock=listening)
            self._started.set()
            await self._stop.wait()
            serving.close()
            await self.server.shutdown(1)

    async def _handle(self, request: web.BaseRequest, target: str) -> web.StreamResponse:
        passed = self.guard.stripped(request.headers)
        body = await request.read()
        found = {
            "target": target,
            "headers": [[name.lower(), value] for name, value in passed.items()],
            "has_sign_in": has_sign_in(passed),
            "body": body.decode("latin-1"),
        }
        upstream = web.Response(headers={"Access-Control-Allow-Origin": "*", "Set-Cookie": "token=x", "Vary": "Accept"})
        return web.json_response(found, headers=self.guard.returned(upstream.headers, request.headers))

    def close(self) -> None:
        """Stop it."""
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def connect(self) -> socket.socket:
        """Return a new connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send(self, data: bytes) -> Answer:
        """Return the answer to what is sent on a connection of its own; `{port}` in it is the port."""
        with self.connect() as connection:
            connection.sendall(data.replace(b"{port}", b"%d" % self.port))
            with connection.makefile("rb") as stream:
                return read_answer(stream)

    def ask(
        self,
        *headers: tuple[str, str],
        method: str = "GET",
        path: str = "/v1/models",
        host: str | None = "127.0.0.1:{port}",
        key: bool = True,
    ) -> Answer:
        """Return the answer to one request, by default with the right Host and the local key."""
        sent = [
            *([("Host", host)] if host is not None else []),
            *([("Authorization", f"Bearer {KEY}")] if key else []),
            *headers,
        ]
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent)]
        return self.send("\r\n".join([*lines, "", ""]).encode())


def read_answer(stream: IO[bytes]) -> Answer:
    """Read one answer."""
    line = stream.readline()
    if not line:
        return Answer(0, {}, b"")
    headers: dict[str, str] = {}
    while text := stream.readline().decode("latin-1").strip():
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    return Answer(int(line.split()[1]), headers, stream.read(int(headers.get("content-length", 0))))


@contextlib.contextmanager
def running() -> Iterator[Guarded]:
    """Run a guarded server."""
    guarded = Guarded()
    try:
        yield guarded
    finally:
        guarded.close()
