"""A cheap upstream for the relay, in a process of its own: answers, streams, and bodies of any size, from memory.

`GET /stream?events=N&every=S` sends N events; each holds the time of the monotonic clock when it was sent.
`GET /download?bytes=N` sends as many bytes. Everything else is answered, after its body, with a small JSON object.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from contextlib import AbstractContextManager

from tests.benchmarks.process import serving

_ANSWER = b'{"id":"chatcmpl-1","object":"chat.completion","model":"bench","choices":["' + b"a" * 900 + b'"]}'
_SMALL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_ANSWER), _ANSWER)
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_PIECE = bytes(2**16)


def running() -> AbstractContextManager[str]:
    """Run the upstream and give its URL."""
    return serving("tests.benchmarks.upstream")


class _Upstream(asyncio.Protocol):
    """One connection: it looks at a request's first line and the length of its body, and at nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""
        # Of a body of known length; -1: until the last chunk.
        self._left = 0
        self._line = b""
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self._line:
            self._body(data)
            return
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        self._data = b""
        self._line = head.partition(b"\r\n")[0]
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        chunked = b"transfer-encoding: chunked" in head.lower()
        self._left = -1 if chunked else int(length[1]) if length else 0
        self._body(rest)

    def _body(self, data: bytes) -> None:
        if self._left < 0:
            # What is sent here are zeros and the chunks around them, so that the last one cannot be mistaken.
            self._data = (self._data + data)[-5:]
            if self._data != b"0\r\n\r\n":
                return
        else:
            self._left -= len(data)
            if self._left > 0:
                return
        self._data = b""
        self._answer(self._line.split()[1])

    def _answer(self, target: bytes) -> None:
        numbers = dict(re.findall(rb"(\w+)=([\d.]+)", target))
        if target.startswith(b"/stream"):
            self._task = asyncio.ensure_future(self._stream(int(numbers[b"events"]), float(numbers[b"every"])))
        elif target.startswith(b"/download"):
            self._task = asyncio.ensure_future(self._download(int(numbers[b"bytes"])))
        else:
            self._line = b""
            self._transport.write(_SMALL)

    async def _stream(self, events: int, every: float) -> None:
        self._transport.write(_STREAM)
        for _ in range(events):
            event = b'data: {"sent":%d,"delta":"%s"}\n\n' % (time.monotonic_ns(), b"a" * 200)
            self._transport.write(b"%x\r\n%s\r\n" % (len(event), event))
            await asyncio.sleep(every)
        self._line = b""
        self._transport.write(b"0\r\n\r\n")

    async def _download(self, size: int) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while size > 0:
            await self._may_write.wait()
            self._transport.write(_PIECE[:size])
            size -= len(_PIECE)
        self._line = b""

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve())
