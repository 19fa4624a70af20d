"""Servers on loopback for tests, of HTTP and of bare connections; their clients may go away at any moment."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import IO, Any, NamedTuple


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1, and answers after `begin`; `errors` are those of its handler."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.errors: list[str] = []
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Answer from now on."""
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop answering, and listening."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that broke; anything else is a bug of the test, and goes to stderr too."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.errors.append(repr(error))
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, answers at once, and logs nothing. Subclasses define do_GET and so on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        """Read the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer with a body and its length; JSON unless the headers say otherwise."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Listener:
    """Accepts connections on a free port of 127.0.0.1, each in a thread; `errors` are those of `serve`."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass  # the client went away
            except Exception as error:  # noqa: BLE001
                self.errors.append(f"{type(error).__name__}: {error}")

    def serve(self, connection: socket.socket) -> None:
        """Serve a connection, which is closed afterwards."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Head(NamedTuple):
    """The first line of a request, and its headers by their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


def read_head(stream: IO[bytes]) -> Head | None:
    """Read a request up to its body; None at the end of the connection, and where it is not HTTP."""
    line = stream.readline(65536).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while text := stream.readline(65536).decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Head(line[0], line[1], headers)


def read_body(stream: IO[bytes], headers: dict[str, str]) -> bytes:
    """Read a request's body, chunked or of a known length."""
    if "chunked" not in headers.get("transfer-encoding", ""):
        return stream.read(int(headers.get("content-length", "0")))
    body = b""
    while size := int(stream.readline(100) or b"0", 16):  # the client may go away in the middle
        body += stream.read(size)
        stream.readline(10)
    stream.readline(10)
    return body


@contextmanager
def silent() -> Iterator[str]:
    """Give the URL of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """Give a URL at which nobody listens, nor can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def free_port() -> int:
    """Return a port on which nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def listens(url: str) -> bool:
    """Whether somebody takes connections at this URL, on loopback."""
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1]))) == 0
