"""An upstream that takes nothing but well-formed HTTP/1.1, and keeps every byte; and `serve` before it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple

from tests.conftest import clean_environment
from tests.server import Listener

SECRET = "sk-of-the-proxy-0123456789"
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[!\"$-~]*) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})\r\n")
# As LiteLLM answers by default: any page may read it, with the cookies of its user.
_MORE = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nSet-Cookie: token=x; Path=/\r\n"
_PIECE = b"a" * 2**16


class Received(NamedTuple):
    """A request as it arrived, and its body; None if the connection was closed before the body was complete."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes | None

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for other, value in self.headers if other.lower() == name.lower()]


class RawUpstream(Listener):
    """Answers 200 with the number of the request; what `serve` asks for itself does not count. A path with /endless at its end sends for ever, and counts in `sent`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.bytes = b""
        self.sent = 0
        self.ended = Event()
        self._lock = Lock()
        super().__init__()

    def begin(self) -> None:
        """Forget what was received."""
        with self._lock:
            self.received.clear()
            self.errors.clear()

    def serve(self, connection: socket.socket) -> None:
        """Read requests, one after the other."""
        connection.settimeout(60)
        stream = _Stream(connection, self)
        while (head := stream.until(b"\r\n\r\n")) is not None:
            request = self._read(stream, head)
            with self._lock:
                if not request.target.endswith("/health/liveliness"):
                    self.received.append(request)
                number = len(self.received)
            if request.body is None:
                return
            if request.target.endswith("/endless"):
                self._endless(connection)
                return
            body = b'{"number": %d}' % number
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), _MORE) + body)

    def _endless(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.sendall(b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE))
                self.sent += len(_PIECE)
        finally:
            self.ended.set()

    def _read(self, stream: _Stream, head: bytes) -> Received:
        line, *lines = head.split(b"\r\n")
        found = _LINE.fullmatch(line)
        headers = [_HEADER.fullmatch(each) for each in lines]
        if found is None or not all(headers):
            raise ValueError(f"not well-formed: {head[:500]!r}")
        pairs = [(each[1].decode(), each[2].decode("latin-1").strip()) for each in headers if each]
        request = Received(found[1].decode(), found[2].decode(), pairs, b"")
        lengths, codings = request.values("content-length"), request.values("transfer-encoding")
        if len(request.values("host")) != 1 or len(lengths) + len(codings) > 1:
            raise ValueError(f"ambiguous: {head[:500]!r}")
        if codings:
            if codings != ["chunked"]:
                raise ValueError(f"unknown coding: {codings}")
            return request._replace(body=_chunks(stream))
        return request._replace(body=stream.exactly(int(lengths[0])) if lengths else b"")


class _Stream:
    def __init__(self, connection: socket.socket, upstream: RawUpstream) -> None:
        self._connection = connection
        self._upstream = upstream
        self._data = b""

    def _more(self) -> bool:
        try:
            data = self._connection.recv(65536)
        except ConnectionError:
            return False
        self._data += data
        self._upstream.bytes += data
        return bool(data)

    def until(self, end: bytes) -> bytes | None:
        """Return what comes before `end`; None at the end of the connection."""
        while end not in self._data:
            if not self._more():
                return None
        found, _, self._data = self._data.partition(end)
        return found

    def exactly(self, size: int) -> bytes | None:
        """Return so many bytes; None at the end of the connection."""
        while len(self._data) < size:
            if not self._more():
                return None
        found, self._data = self._data[:size], self._data[size:]
        return found


def _chunks(stream: _Stream) -> bytes | None:
    body = b""
    while True:
        line = stream.until(b"\r\n")
        if line is None:
            return None
        found = _SIZE.fullmatch(line + b"\r\n")
        if found is None:
            raise ValueError(f"not the size of a chunk: {line[:100]!r}")
        size = int(found[1], 16)
        piece = stream.exactly(size + 2)
        if piece is None:
            return None
        if not piece.endswith(b"\r\n"):
            raise ValueError("a chunk that is longer than its size, or trailers")
        if size == 0:
            return body
        body += piece[:-2]


class RawServed:
    """`serve` in a process of its own, before a `RawUpstream`, and what it answers, byte by byte."""

    def __init__(self, home: Path, *options: str, before: Sequence[str] = ()) -> None:
        self.upstream = RawUpstream()
        environment = {
            **clean_environment(),
            "HOME": str(home),
            "LITELLMCTL_CONFIG_DIR": str(home / "config"),
            "LITELLMCTL_CACHE_DIR": str(home / "cache"),
            "LITELLM_BASE_URL": f"{self.upstream.url}/base",
            "LITELLM_API_KEY": SECRET,
        }
        self._errors = (home / "stderr").open("w+b")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "litellmctl", "serve", "--port", "0", "--json", "-q", *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self.process.stdout is not None
        made = json.loads(self.process.stdout.readline())
        self.key: str = made["api_key"]
        self.port = int(made["base_url"].rpartition(":")[2])

    def head(self, line: str = "POST /v1/chat/completions HTTP/1.1", *headers: str, key: str | None = None) -> bytes:
        """Return the head of a request."""
        own = [f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {key or self.key}"]
        return "\r\n".join([line, *own, *headers, "", ""]).encode("latin-1")

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def statuses(self, *pieces: bytes, wanted: int = 1) -> list[int]:
        """Send pieces on one connection; return the statuses of the answers until it is closed, or that many."""
        data = b""
        with self.connect() as connection, suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            while len(statuses(data)) < wanted and (more := connection.recv(65536)):
                data += more
        return statuses(data)

    def works(self) -> bool:
        """Whether a request is still relayed."""
        return self.statuses(self.head("GET /v1/models HTTP/1.1")) == [200]

    @property
    def said(self) -> str:
        """What it has printed to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode()

    @property
    def descriptors(self) -> int:
        """How many files and connections it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def mebibytes(self) -> float:
        """Its resident set."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
        self.upstream.close()


def statuses(data: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/\d\.\d (\d{3}) ", data)]
