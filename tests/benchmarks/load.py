"""A client that costs less than what it measures: requests that are bytes, answers of which only the ends are found."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.benchmarks.measure import Failed

_PIECE = bytes(2**18)
_BODY = b'{"model":"bench","stream":false,"messages":[{"role":"user","content":"' + b"a" * 900 + b'"}]}'


class Target(NamedTuple):
    """Where requests go: a base URL and its key."""

    url: str
    key: str

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port."""
        url = urlsplit(self.url)
        assert url.hostname is not None
        assert url.port is not None
        return url.hostname, url.port

    def head(self, line: str, *headers: str) -> bytes:
        """Return the head of a request."""
        own = (f"Host: {urlsplit(self.url).netloc}", f"Authorization: Bearer {self.key}")
        return "\r\n".join([f"{line} HTTP/1.1", *own, *headers, "", ""]).encode()

    @property
    def request(self) -> bytes:
        """A small request, as a chat has it: 1 KB of JSON, with the headers of OpenAI's library."""
        lines = ("Content-Type: application/json", f"Content-Length: {len(_BODY)}", "Accept: application/json")
        more = [f"X-Stainless-{name}: 1.2.3" for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Async")]
        return self.head("POST /v1/chat/completions", *lines, "User-Agent: OpenAI/Python 2.1.0", *more) + _BODY

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Return a blocking connection."""
        with socket.create_connection(self.address, timeout=120) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection


def answered(connection: socket.socket, request: bytes) -> float:
    """Send a small request and read its answer; return the seconds that it took."""
    start = time.perf_counter()
    connection.sendall(request)
    data = b""
    while not is_whole(data):
        data += (piece := connection.recv(65536))
        if not piece:
            raise Failed(f"the connection was closed after {data[:200]!r}")
    return time.perf_counter() - start


def is_whole(data: bytes) -> bool:
    """Whether this is a whole answer with a length. Raises `Failed` for any but 200."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    if b" 200 " not in head[:15]:
        raise Failed(f"answered {data[:300]!r}")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length is None:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(length[1])


def first_byte(connection: socket.socket, target: Target) -> float:
    """Return the seconds until the first event of a stream came, whose second is 20 ms later; read it to its end."""
    start = time.perf_counter()
    connection.sendall(target.head("GET /stream?events=2&every=0.02"))
    data, took = b"", 0.0
    while not data.endswith(b"0\r\n\r\n"):
        data += (piece := connection.recv(65536))
        if not piece:
            raise Failed(f"the stream was closed after {data[:200]!r}")
        if not took and b"data: " in data:
            took = time.perf_counter() - start
    return took


def downloaded(target: Target, size: int) -> float:
    """Return the seconds that a download of so many bytes took."""
    start = time.perf_counter()
    with target.connected() as connection:
        connection.sendall(target.head(f"GET /download?bytes={size}"))
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536) or b"\r\n\r\n"
        left, room = size - len(head.partition(b"\r\n\r\n")[2]), bytearray(2**18)
        while left > 0:
            left -= (count := connection.recv_into(room))
            if not count:
                raise Failed(f"{left} bytes of a download are missing; {head[:200]!r}")
    return time.perf_counter() - start


def uploaded(target: Target, size: int) -> float:
    """Return the seconds that an upload of so many bytes took, until it was answered."""
    start = time.perf_counter()
    with target.connected() as connection:
        connection.sendall(target.head("POST /upload", f"Content-Length: {size}"))
        for _ in range(size // len(_PIECE)):
            connection.sendall(_PIECE)
        answered(connection, bytes(size % len(_PIECE)))
    return time.perf_counter() - start


class _Client(asyncio.Protocol):
    """Sends a request again and again until it is time to stop, and counts the answers."""

    def __init__(self, request: bytes, end: float) -> None:
        self.count = 0
        self.done = asyncio.get_running_loop().create_future()
        self._request = request
        self._end = end
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            if not is_whole(self._data):
                return
        except Failed as why:
            self._finish(why)
            return
        self._data = b""
        self.count += 1
        if time.perf_counter() < self._end:
            self._transport.write(self._request)
        else:
            self._finish(None)

    def connection_lost(self, _error: Exception | None) -> None:
        self._finish(Failed(f"the connection was closed after {self._data[:200]!r}"))

    def _finish(self, why: Failed | None) -> None:
        if self.done.done():
            return
        if why is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(why)
        self._transport.close()


def per_second(target: Target, clients: int, seconds: float) -> float:
    """Return how many requests a second so many clients get answered, each on a connection of its own."""
    return asyncio.run(_per_second(target, clients, seconds))


async def _per_second(target: Target, clients: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    protocols = [_Client(target.request, start + seconds) for _ in range(clients)]
    for protocol in protocols:
        await loop.create_connection(partial(_same, protocol), *target.address)
    await asyncio.gather(*(protocol.done for protocol in protocols))
    return sum(protocol.count for protocol in protocols) / (time.perf_counter() - start)


def _same(protocol: _Client) -> _Client:
    return protocol


def streamed(target: Target, streams: int, events: int, every: float) -> list[float]:
    """Return by how many seconds each event of so many streams at once came later than it was sent."""
    return asyncio.run(_streamed(target, streams, events, every))


async def _streamed(target: Target, streams: int, events: int, every: float) -> list[float]:
    async def one() -> list[float]:
        reader, writer = await asyncio.open_connection(*target.address)
        writer.write(target.head(f"GET /stream?events={events}&every={every}"))
        delays: list[float] = []
        while len(delays) < events:
            line = await reader.readline()
            if not line:
                raise Failed(f"a stream ended after {len(delays)} of {events} events")
            if line.startswith(b"data: "):
                delays.append((time.monotonic_ns() - int(line[14:].partition(b",")[0])) / 1e9)
        writer.close()
        return delays

    found = await asyncio.gather(*(one() for _ in range(streams)))
    return [delay for delays in found for delay in delays]
