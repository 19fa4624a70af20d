"""The relay: an HTTP server on loopback that passes every request on to the proxy, with a fresh key."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.relay.forwarding import Forwarding
from litellmctl.relay.guard import Guard
from litellmctl.relay.guarded_server import GuardedServer
from litellmctl.relay.keys import Keys
from litellmctl.relay.upstream import Upstream
from litellmctl.settings import environment

if TYPE_CHECKING:
    from aiohttp import web

    from litellmctl.connection import Connection, Listener
    from litellmctl.errors import Failure

HOST = "127.0.0.1"
_BACKLOG = 512
# A client that goes away before it was answered: nginx's number for it.
GONE = 499
# Between two refused requests that are reported: a web page can send any number of them.
_REFUSAL_SECONDS = 0.2
_REFUSALS = {401: "no valid local key", 403: "foreign page or Host"}
_CUT_SECONDS = 2.0


class Exchange(NamedTuple):
    """What one request was, from headers only: `seconds` it took, the `model` and its `cost` (US dollars), if known.

    `path` is as the client sent it, without the query. `status` is what the client received, `GONE` if it went away
    before. `seconds` are until the end of the answer. `refusal` says why the relay refused it.
    """

    method: str
    path: str
    status: int
    seconds: float
    model: str | None
    cost: str | None
    refusal: str = ""


class Relay:
    """A relay on 127.0.0.1 to the proxy that `connect` finds.

    `connect` reads the config file and the logins afresh. `origins` are web pages that may use it. `listener` gets the
    failures to reach the proxy, each once until a request reaches it; `on_exchange` each request that may be passed on,
    when it is over, and `on_refusal` some of those that may not: a few a second. `connect_seconds` is for connecting
    only.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        local_key: str,
        *,
        origins: Sequence[str] = (),
        listener: Listener,
        on_exchange: Callable[[Exchange], None] = lambda _: None,
        on_refusal: Callable[[Exchange], None] = lambda _: None,
        connect_seconds: float = 20.0,
    ) -> None:
        self._keys = Keys(connect)
        self._local_key = local_key
        self._origins = origins
        self._listener = listener
        self._on_exchange = on_exchange
        self._on_refusal = on_refusal
        self._refused_at = -_REFUSAL_SECONDS
        self._connect_seconds = connect_seconds
        self._running = 0
        self._last_end = time.monotonic()
        self._ended: asyncio.Event | None = None
        self._warned: str | None = None
        self._listening: asyncio.Server | None = None
        self.base_url = ""

    async def start(self, port: int) -> int:
        """Listen on a port of 127.0.0.1 (0: any free one), and return it. Raises OSError if it is taken."""
        _be_quiet()
        listening = _bound(port)
        port = listening.getsockname()[1]
        self.base_url = f"http://{HOST}:{port}"
        guard = Guard(self._local_key, port, self._origins)
        self._upstream = Upstream(self._connect_seconds)
        self._forwarding = Forwarding(self._keys, self._upstream, guard, self.base_url, self._warn)
        self._server = GuardedServer(guard, self._answer, self._refuse)
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, sock=listening, backlog=self._server.at_once)
        listening.listen(_BACKLOG)  # for asyncio, both are one number
        self._last_end = time.monotonic()
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Take no new requests, give those that run this many seconds, then cut them."""
        if self._listening is None:
            return
        self._listening.close()
        self._server.pre_shutdown()
        await self._over(grace_seconds)
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._over(_CUT_SECONDS)
        await self._upstream.close()

    async def _over(self, seconds: float) -> None:
        """Wait until no request runs, for at most so many seconds."""
        if self._running:
            self._ended = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)

    @property
    def quiet_for(self) -> float:
        """The seconds since the last request ended; 0 while one runs."""
        return 0.0 if self._running else time.monotonic() - self._last_end

    async def _answer(self, request: web.BaseRequest, target: str) -> web.StreamResponse:
        start = time.monotonic()
        self._running += 1
        response: web.StreamResponse | None = None

        def begin(begun: web.StreamResponse) -> None:
            nonlocal response
            response = begun

        try:
            response = await self._forwarding.answer(request, target, begin)
            return response
        finally:
            self._running -= 1
            self._last_end = time.monotonic()
            if not self._running and self._ended is not None:
                self._ended.set()
            headers = {} if response is None else response.headers
            model = headers.get("x-litellm-model-group")
            self._on_exchange(
                Exchange(
                    request.method,
                    request.raw_path.partition("?")[0],
                    GONE if response is None else response.status,
                    self._last_end - start,
                    None if model is None else self._keys.hidden(model),
                    headers.get("x-litellm-response-cost"),
                )
            )

    def _refuse(self, request: web.BaseRequest, status: int) -> None:
        """Report a refused request, unless one was reported a moment ago."""
        now = time.monotonic()
        if now - self._refused_at < _REFUSAL_SECONDS:
            return
        self._refused_at = now
        why = _REFUSALS.get(status, "refused")
        self._on_refusal(
            Exchange(request.method, request.raw_path.partition("?")[0], status, 0.0, None, None, refusal=why)
        )

    def _warn(self, failure: Failure | None) -> None:
        text = None
        if failure is not None:
            text = failure.message + (f" (try: {failure.remedy})" if failure.remedy else "")
            if text != self._warned:
                self._listener.warn(text)
        self._warned = text


def _bound(port: int) -> socket.socket:
    """Return a socket that listens on a port of loopback, which no other process can take meanwhile."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run may linger
        bound.bind((HOST, port))
        bound.listen(_BACKLOG)  # a second one that was bound at the same moment fails here
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


def _be_quiet() -> None:
    """Keep what asyncio and aiohttp log about strangers' connections from the terminal, unless we debug."""
    if environment.flag("LITELLMCTL_DEBUG"):
        return
    for name in ("asyncio", "aiohttp"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
