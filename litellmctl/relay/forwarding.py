"""One request: to the proxy with the fresh key, and its answer back, both as they come."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp import HttpVersion11, hdrs, web
from multidict import CIMultiDict

from litellmctl.errors import Unavailable
from litellmctl.relay import failures, websockets
from litellmctl.relay.body import Body
from litellmctl.relay.guard import has_sign_in, refused
from litellmctl.relay.threads import in_thread
from litellmctl.relay.upstream import sendable

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellmctl.errors import Failure
    from litellmctl.relay.guard import Guard
    from litellmctl.relay.keys import Access, Keys
    from litellmctl.relay.upstream import Upstream

# Closing at once, which the other side sees as a reset: `struct linger` has two integers, of 16 bits on Windows.
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_ASK = "ask the proxy's administrator"


class Forwarding:
    """Answers requests with what the proxy answers.

    `warn` gets each failure to reach it, and None when a request has reached it; `own_url` is the relay's.
    """

    def __init__(
        self, keys: Keys, upstream: Upstream, guard: Guard, own_url: str, warn: Callable[[Failure | None], None]
    ) -> None:
        self._keys = keys
        self._upstream = upstream
        self._guard = guard
        self._own_url = own_url
        self._warn = warn
        self._renewals: set[asyncio.Task[Access | None]] = set()

    async def answer(
        self, request: web.BaseRequest, target: str, begin: Callable[[web.StreamResponse], None]
    ) -> web.StreamResponse:
        """Return the answer to a request for a target below the base URL; mostly it has been sent already.

        `begin` gets it before that: the client may go away in the middle.
        """
        access = answer = None
        try:
            access = await self._keys.access()
            answer = await self._answered(request, target, access)
            is_refused = answer.status == 401 and not has_sign_in(self._guard.stripped(request.headers))
            self._warn(self._keys.refusal(access) if is_refused else None)
            return await self._passed_on(request, answer, access, begin)
        except Exception as error:  # noqa: BLE001  (the client gets it, and the relay goes on)
            if isinstance(request.content.exception(), web.RequestPayloadError):
                return refused(400, "the body of the request is not valid HTTP", "invalid_request_error")
            failure = await in_thread(partial(failures.of_error, error, access))
            self._warn(failure)
            response = failures.answer(failure)
            response.headers.update(self._guard.cors(request.headers))
            return response
        finally:
            if answer is not None:
                answer.close()

    async def _answered(self, request: web.BaseRequest, target: str, access: Access) -> aiohttp.ClientResponse:
        """Send a request, and once more where the proxy refuses the key and there is a newer one."""
        headers = self._guard.stripped(request.headers)
        headers.popall(hdrs.EXPECT, None)  # it is for us: `Body` asks the client to go on
        if websockets.is_wanted(request):
            headers = websockets.asking(headers)
        body = Body(request) if request.body_exists else None

        async def send(access: Access) -> aiohttp.ClientResponse:
            pieces = None if body is None else body.pieces()
            return await self._upstream.send(access, request.method, target, headers, pieces)

        answer = await send(access)
        if answer.status != 401:
            return answer
        newer = asyncio.create_task(self._keys.after_refusal(access))
        self._renewals.add(newer)  # also where the client does not wait for it
        newer.add_done_callback(self._renewals.discard)
        try:
            if body is not None and not body.can_repeat:
                return answer
            found = await asyncio.shield(newer)
            if found is None or (body is not None and not body.can_repeat):
                return answer
        except BaseException:
            answer.close()
            raise
        answer.close()
        return await send(found)

    async def _passed_on(
        self,
        request: web.BaseRequest,
        answer: aiohttp.ClientResponse,
        access: Access,
        begin: Callable[[web.StreamResponse], None],
    ) -> web.StreamResponse:
        headers = self._guard.returned(answer.headers, request.headers)
        headers = CIMultiDict((name, sendable(value)) for name, value in headers.items())
        if answer.status == 101:
            begin(switching := websockets.Switching(headers))
            with suppress(ConnectionError):  # the client is gone
                await websockets.relay(request, answer, switching)
            return switching
        self._own_location(headers, access.base_url)
        response = _Passed(status=answer.status, reason=answer.reason, headers=headers)
        begin(response)
        protocol = answer.connection.protocol if answer.connection else None
        try:
            await response.prepare(request)
        except ValueError:
            what = f"{access.base_url} returned a header that must not be passed on"
            raise Unavailable("bad_response", what, remedy=_ASK) from None
        except ConnectionError:  # the client is gone
            return _cut(request, response)
        try:
            while piece := await answer.content.readany():
                await response.write(piece)
            # An answer that ends with the connection has no other sign that this is its end.
            if protocol is None or not isinstance(protocol.exception(), OSError):
                await response.write_eof()
                return response
        except Exception:  # noqa: BLE001, S110  (whatever it is, the answer is not complete)
            pass
        return _cut(request, response)

    def _own_location(self, headers: CIMultiDict[str], base_url: str) -> None:
        """Let a redirect below the base URL lead through the relay: elsewhere the local key is worth nothing."""
        location = headers.get(hdrs.LOCATION)
        if location is None:
            return
        path = urlsplit(base_url).path
        if location.startswith(f"{base_url}/"):
            headers[hdrs.LOCATION] = f"{self._own_url}{location.removeprefix(base_url)}"
        elif path and location.startswith(f"{path}/"):
            headers[hdrs.LOCATION] = location.removeprefix(path)


class _Passed(web.StreamResponse):
    """An answer with the headers that the proxy sent; only Date is added (RFC 9110, section 6.6.1)."""

    async def _prepare_headers(self) -> None:
        has_type = hdrs.CONTENT_TYPE in self.headers
        await super()._prepare_headers()
        if not has_type:
            self.headers.popall(hdrs.CONTENT_TYPE, None)


def _cut(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """Break the client's connection off: an answer that is not complete must not look like one that is."""
    response.force_close()
    transport = request.transport
    if transport is None:
        return response
    if request.version >= HttpVersion11 or hdrs.CONTENT_LENGTH in response.headers:
        transport.close()  # after what was sent: a length, or a last chunk, is missing
    else:
        opened = transport.get_extra_info("socket")
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return response
