"""The body of a request on its way: never kept as a whole, unless it is small enough to be sent once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11

if TYPE_CHECKING:
    from aiohttp import web

_MAX_KEPT = 2**20
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Body:
    """The body of a request, which `pieces` yields as it comes, from the start each time while `can_repeat`."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._kept: list[bytes] = []
        self._size = 0
        self.can_repeat = (request.content_length or 0) < _MAX_KEPT
        # A sending that was given up may still be reading.
        self._lock = asyncio.Lock()
        self._asks = request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body. Raises the error of the client's connection where that breaks."""
        place = 0
        while True:
            async with self._lock:
                if place < len(self._kept):
                    piece = self._kept[place]
                else:
                    piece = await self._read()
                place += 1
            if not piece:
                return
            yield piece

    async def _read(self) -> bytes:
        if self._asks:
            self._asks = False
            await self._request.writer.write(_CONTINUE)
            self._request.writer.output_size = 0  # or aiohttp would take it for the beginning of the answer
        piece = await self._request.content.readany()
        self._size += len(piece)
        if self._size >= _MAX_KEPT:
            self.can_repeat = False
            self._kept.clear()
        if self.can_repeat:
            self._kept.append(piece)
        return piece
