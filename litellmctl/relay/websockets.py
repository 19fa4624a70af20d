"""Websockets: after both sides have agreed to switch, bytes go to and fro as they are, whatever they mean.

So subprotocols, extensions, close codes and messages of any size stay the client's and the proxy's own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs, web

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.base_protocol import BaseProtocol
    from multidict import CIMultiDict, MultiMapping

_SWITCH = {hdrs.CONNECTION: "Upgrade", hdrs.UPGRADE: "websocket"}


def is_wanted(request: web.BaseRequest) -> bool:
    """Whether a request asks to switch to the protocol of websockets (RFC 6455, section 4.1)."""
    words = {word.strip().lower() for value in request.headers.getall("Connection", []) for word in value.split(",")}
    return request.method == "GET" and "upgrade" in words and request.headers.get("Upgrade", "").lower() == "websocket"


def asking(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the headers of a request with those that ask to switch, which are for one connection only."""
    asked = headers.copy()
    asked.update(_SWITCH)
    return asked


class Switching(web.StreamResponse):
    """The answer 101, which has no body, and after which the connection is not HTTP.

    `headers` are those of the proxy's answer that the client gets.
    """

    _length_check = False

    def __init__(self, headers: MultiMapping[str]) -> None:
        super().__init__(status=101, headers=headers)
        self.headers.update(_SWITCH)
        self.force_close()

    async def _prepare_headers(self) -> None:
        """Leave the headers as they are: aiohttp would replace Connection."""
        self._keep_alive = False


async def relay(request: web.BaseRequest, answer: aiohttp.ClientResponse, response: Switching) -> None:
    """Agree to switch as the proxy has in its `answer`, and pass bytes on until one side closes."""
    await response.prepare(request)
    connection = answer.connection
    ended = asyncio.Event()
    if connection is not None and connection.protocol is not None and request.transport is not None:
        client, proxy = request.protocol, connection.protocol
        # Both are used by aiohttp for its own reader of websockets.
        proxy.set_parser(_Pipe(proxy, client, ended), answer.content)
        client.set_parser(cast("Any", _Pipe(client, proxy, ended)))
        await ended.wait()
    if request.transport is not None:
        request.transport.close()


class _Pipe:
    """Passes what comes on one connection on to the other, and lets the first wait while the second is not read.

    It is what aiohttp calls a parser of payloads.
    """

    def __init__(self, source: BaseProtocol, sink: BaseProtocol, ended: asyncio.Event) -> None:
        self._source = source
        self._sink = sink
        self._ended = ended
        self._waiting: asyncio.Task[None] | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes; the result says that more may come, and that none are left."""
        transport = self._sink.transport
        if data and transport is not None:
            transport.write(data)
            if self._sink.writing_paused and self._waiting is None:
                self._source.pause_reading()
                self._waiting = asyncio.get_running_loop().create_task(self._resume())
        return False, b""

    async def _resume(self) -> None:
        try:
            await self._sink._drain_helper()  # noqa: SLF001  (what aiohttp's own writers await)
        except ConnectionError:
            return
        finally:
            self._waiting = None
        self._source.resume_reading()

    def feed_eof(self) -> None:
        """Note that the connection was closed."""
        self._ended.set()
