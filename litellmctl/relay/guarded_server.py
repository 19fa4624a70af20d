"""An HTTP server that lets through only what the guard does, and that strangers cannot wear out."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from litellmctl.relay.guard import Guard, refused
from litellmctl.relay.target import RefusedTarget, target

if TYPE_CHECKING:
    import asyncio

# Bounds of a request's head, above what any client sends; aiohttp reads no body before it is asked to.
_LINE_BYTES = 64 * 1024
_FIELD_BYTES = 64 * 1024
_FIELDS = 256
# Of a head that is not complete: all of the bounds above together are far more, and strangers send heads too.
_HEAD_BYTES = 2**17
# What is kept of a body that the proxy does not take yet.
_BUFFER_BYTES = 2**16
# As nginx: longer than clients keep a connection, so that it is they who close it.
_KEEP_ALIVE_SECONDS = 75.0
_STRANGER_SECONDS = 20.0
_STRANGERS = 512
# Each request that runs needs two: what macOS allows a process at most.
_FILES = 10240
# What is read of the body of a refused request, so that a client sees the answer before the connection is closed.
_LINGERING_SECONDS = 2.0

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class GuardedServer(web.Server):
    """Calls `handler` with each request that may be passed on, and its target without the local key.

    `on_refusal` is called with each other one, and the status of the answer.

    A connection is a stranger until a request with the local key came on it. Strangers have a few seconds for that, and
    the oldest is closed if there are too many: connections that send nothing, or a header that never ends, neither use
    up the descriptors nor keep others waiting.
    """

    def __init__(
        self, guard: Guard, handler: Handler, on_refusal: Callable[[web.BaseRequest, int], None] = lambda *_: None
    ) -> None:
        super().__init__(
            self._guarded,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            read_bufsize=_BUFFER_BYTES,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            lingering_time=_LINGERING_SECONDS,
            max_line_size=_LINE_BYTES,
            max_field_size=_FIELD_BYTES,
            max_headers=_FIELDS,
        )
        self._guard = guard
        self._handler = handler
        self._on_refusal = on_refusal
        self._strangers: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        self._most_strangers = min(_STRANGERS, _open_files() // 4)
        # How many connections may be accepted in one round of the loop: it takes a few rounds to read their requests,
        # and until then all of them are strangers, of which the oldest are closed.
        self.at_once = max(1, self._most_strangers // 8)

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Protocol(self, loop=self._loop, **self._kwargs)

    def _request(self, message: Any, body: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        protocol.body = body
        return _Request(message, body, protocol, writer, task, self._loop)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take a new connection, which is a stranger's."""
        super().connection_made(handler, transport)
        self._strangers[handler] = self._loop.call_later(_STRANGER_SECONDS, handler.force_close)
        if len(self._strangers) > self._most_strangers:
            oldest = next(iter(self._strangers))
            self._no_longer_strange(oldest)
            oldest.force_close()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._no_longer_strange(handler)
        super().connection_lost(handler, exc)

    def _no_longer_strange(self, handler: web.RequestHandler) -> None:
        timer = self._strangers.pop(handler, None)
        if timer is not None:
            timer.cancel()

    async def _guarded(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = await self._guard.refusal(request)
        if refusal is not None:
            if refusal.status >= 400:
                self._on_refusal(request, refusal.status)
            return refusal
        self._no_longer_strange(request.protocol)
        try:
            passed_on = self._guard.stripped_target(target(request.raw_path))
        except RefusedTarget as error:
            answer = refused(400, str(error), "invalid_request_error")
            answer.headers.update(self._guard.cors(request.headers))
            return answer
        return await self._handler(request, passed_on)


class _Request(web.BaseRequest):
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Leave out what aiohttp adds to every answer, and what would tell a stranger what listens here."""
        if response.headers.get("Server") == SERVER_SOFTWARE:
            del response.headers["Server"]


class _Protocol(web.RequestHandler):
    __slots__ = ("_head_size", "body")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.body: StreamReader = EMPTY_PAYLOAD  # of the last request that was begun
        self._head_size = 0

    def data_received(self, data: bytes) -> None:
        """Take what came; where a body stops making sense, give up the request, and where a head is too long, close.

        aiohttp answers the first when the request is over, and would let it wait for the rest of its body for ever.
        """
        before = self._request_count
        super().data_received(data)
        last_body = self._messages[-1][1] if self._messages else self.body
        if self._request_count > before or not last_body.is_eof():
            self._head_size = 0
        elif self._payload_parser is None:
            self._head_size += len(data)
            if self._head_size > _HEAD_BYTES:
                self.force_close()
                return
        request = self._current_request
        is_wrong = bool(self._messages) and isinstance(self._messages[-1][0], _ErrInfo)
        if is_wrong and request is not None and not request.content.is_eof():
            request.content.set_exception(web.RequestPayloadError("the body of the request is not valid HTTP"))

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a request that could not be read, without a traceback in the log, and without repeating it."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        answer = refused(400, "bad request", "invalid_request_error")
        answer.force_close()
        return answer


def _open_files() -> int:
    """Return how many files this process may have open: more than at first, where that was few (macOS: 256)."""
    files = _FILES
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY:
            files = max(soft, most)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
            except (OSError, ValueError):
                files = soft
    return files
