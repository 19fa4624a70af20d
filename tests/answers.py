"""What a server may answer otherwise than with JSON at once: late, when it may, without an end, not at all.

Each is to be given to `FakeProxy.on` as `respond`, but for `http`, which is its `raw`.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler], None]


def http(body: Any, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an answer as it goes over the wire; `length` is what it says of its body's, JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def answering(make: Callable[[BaseHTTPRequestHandler], Any], *, after: float = 0, status: int = 200) -> Respond:
    """Answer with what `make` returns, after so many seconds."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(after)
        # The connection ends with each answer of this kind, and is said to.
        handler.wfile.write(http(make(handler), "Connection: close", status=f"{status} X"))

    return respond


def after(work: Callable[[], object], body: Any) -> Respond:
    """Answer once some work is done."""
    return answering(lambda _: (work(), body)[1])


def late(body: Any, seconds: float) -> Respond:
    """Answer after so many seconds."""
    return answering(lambda _: body, after=seconds)


class Gate:
    """Answers once it is opened. `reached` says that it was asked."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.reached.set()
        self._open.wait(60)
        answering(lambda _: self.body)(handler)

    def wait(self) -> None:
        """Wait until it is asked."""
        assert self.reached.wait(30), "nobody asked"

    def open(self) -> None:
        """Let it answer, now and from now on."""
        self._open.set()


def trickle(first: bytes, seconds: float = 0.1) -> Respond:
    """Send `first`, then a space every so often for a minute."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        for _ in range(int(60 / seconds)):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(seconds)

    return respond


def closing(*, reset: bool = False) -> Respond:
    """Close the connection without an answer; with a RST where it is a reset."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if reset:
            cut(handler.connection)
        handler.connection.close()

    return respond


def cut(connection: socket.socket) -> None:
    """Close a connection with a RST: what was not read yet is lost to the client too."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
