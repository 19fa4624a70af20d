"""The loopback end of a sign-in: a server on 127.0.0.1 to which the browser returns (RFC 8252, section 7.3).

Every user of the machine can connect to it. So it only answers this user and root, if the system can tell the user.
"""

from __future__ import annotations

import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from litellmctl.auth.loopback_owner import Owner, can_tell, owner_of
from litellmctl.auth.loopback_page import (
    POLICY,
    Page,
    another_user,
    going_on,
    html,
    look_at_terminal,
    unknown_user,
    waiting,
)
from litellmctl.foundation.text import clean
from litellmctl.foundation.threads import start_daemon

_HOST = "127.0.0.1"
_PATH = "/callback"

# Short, since Windows delivers Ctrl-C only between waits.
_SLICE_SECONDS = 0.1
_SOCKET_SECONDS = 5.0
_HOLD_SECONDS = 60.0
_LINGER_SECONDS = 1.0
_MAX_CONNECTIONS = 16

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Code(NamedTuple):
    """The authorization code, which is exchanged for a token."""

    code: str

    def __repr__(self) -> str:
        """Omit the secret."""
        return "Code()"


class Denied(NamedTuple):
    """No code: OAuth's error (`access_denied`), and its description if there is one. Both are safe to print."""

    error: str
    description: str | None


class Callback:
    """Waits for the browser, and holds its request until the result of the sign-in is known.

    Listens on 127.0.0.1, on any free port if `port` is 0; raises OSError if the port is taken. A chosen port may be
    forwarded from another machine: connections whose user is unknown are then accepted. `warn` prints a sentence about
    a refused connection. `other_way` are the options that sign in another way, for the page of one ("": none).
    """

    def __init__(
        self, state: str, port: int = 0, warn: Callable[[str], None] = lambda _: None, *, other_way: str = ""
    ) -> None:
        self._server = _Server(state, port, other_way)
        self._warn = warn
        self.redirect_uri = f"http://{_HOST}:{self._server.port}{_PATH}"
        start_daemon(lambda: self._server.serve_forever(_SLICE_SECONDS))

    def wait(self, seconds: float) -> Code | Denied | None:
        """Return what the browser brought; None if it did not come in time."""
        expires = time.monotonic() + seconds
        while True:
            left = expires - time.monotonic()
            self._wait_until(lambda: self._server.result is not None or bool(self._server.untold), left)
            while self._server.untold:
                self._warn(self._server.untold.pop(0))
            if self._server.result is not None or left <= 0:
                return self._server.result

    def start_at(self, link: str) -> str | None:
        """Return an address of ours that leads this user's browser to the link, once; None if users look the same.

        All users can read it in the browser's arguments, but they are refused here.
        """
        if not can_tell(self._server.socket):
            return None
        path = f"/{secrets.token_urlsafe(32)}"
        with self._server.changed:
            self._server.starts[path] = link
        return f"http://{_HOST}:{self._server.port}{path}"

    def finish(self, page: Page, seconds: float = 2.0) -> None:
        """Answer the browser with the first page, and return when it is sent, or after `seconds`."""
        with self._server.changed:
            self._server.page = self._server.page or page
            self._server.changed.notify_all()
        self._wait_until(lambda: not self._server.held, seconds)

    def close(self) -> None:
        """Stop listening. A browser that is still held gets a page that points to the terminal."""
        self.finish(look_at_terminal(), _LINGER_SECONDS)
        self._server.shutdown()
        self._server.server_close()
        with self._server.changed:
            for connection in list(self._server.loose):
                self._server.cut_off(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_until(self, is_so: Callable[[], bool], seconds: float) -> None:
        expires = time.monotonic() + seconds
        with self._server.changed:
            while not is_so() and (left := expires - time.monotonic()) > 0:
                self._server.changed.wait(min(left, _SLICE_SECONDS))


def _result(query: str, state: str) -> Code | Denied | None:
    """Read the query of a redirect (RFC 6749, sections 4.1.2 and 4.1.2.1); None if it is not of this sign-in."""
    if not query.isascii() or not query.isprintable() or _BROKEN_ESCAPE.search(query):
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        return None
    fields = dict(pairs)
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in ("state", "code", "error", "error_description")):
        return None
    given, code, error = (fields.get(name, "") for name in ("state", "code", "error"))
    if not given or not compare_digest(given.encode(), state.encode()) or bool(code) == bool(error):
        return None
    if code:
        return Code(code) if code.isascii() and code.isprintable() else None
    error, description = (clean(text).strip() for text in (error, fields.get("error_description", "")))
    return Denied(error[:100], description[:300] or None) if error else None


class _Server(ThreadingTCPServer):
    """A thread for each connection, and the state that they share with the sign-in, under `changed`.

    `held` counts the browsers that wait for the page. `loose` are the other connections, the oldest first: those are
    cut off to make room, so that silent clients cannot block the right one. `strangers` are those of them that are
    refused, with their page, and `untold` are the warnings about them that are not printed yet.
    """

    # On Unix this only passes over connections that have ended; on Windows it would let two programs share the port.
    allow_reuse_address = sys.platform != "win32"
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, state: str, port: int, other_way: str) -> None:
        self.state = state
        self._other_way = other_way
        self.changed = threading.Condition()
        self.result: Code | Denied | None = None
        self.page: Page | None = None
        self.held = 0
        self.loose: dict[Any, None] = {}
        self.strangers: dict[Any, Page] = {}
        self.untold: list[str] = []
        self.starts: dict[str, str] = {}
        self._is_forwarded = port != 0
        self._said: set[Owner] = set()
        super().__init__((_HOST, port), _Request)
        self.port: int = self.server_address[1]

    def server_bind(self) -> None:
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Return whether to read from a connection. Its owner is looked up first: later it may be gone."""
        owner = owner_of(request)
        is_stranger = owner is Owner.ANOTHER or (owner is Owner.UNKNOWN and not self._is_forwarded)
        with self.changed:
            if owner is Owner.GONE:
                return False
            if len(self.loose) + self.held >= _MAX_CONNECTIONS:
                if is_stranger or not self.loose:
                    return False
                self.cut_off(next(iter(self.loose)))
            self.loose[request] = None
            if is_stranger:
                self._refuse(request, owner)
        return True

    def _refuse(self, connection: Any, owner: Owner) -> None:
        """Answer a connection with the reason why it is refused, and warn once in the terminal."""
        page, text = _STRANGERS[owner]
        self.strangers[connection] = page(self._other_way)
        if owner not in self._said:
            self._said.add(owner)
            self.untold.append(text)
            self.changed.notify_all()

    def cut_off(self, connection: socket.socket) -> None:
        """End the thread that reads from this connection. `changed` must be held."""
        del self.loose[connection]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def hold(self, connection: Any, result: Code | Denied) -> Iterator[Page]:
        """Keep the first result, and yield the page to send as soon as it is known."""
        with self.changed:
            self.result = self.result or result
            self.held += 1
            self.loose.pop(connection, None)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.page is not None, _HOLD_SECONDS)
        try:
            yield self.page or look_at_terminal()
        finally:
            with self.changed:
                self.held -= 1
                self.changed.notify_all()

    def close_request(self, request: Any) -> None:
        with self.changed:
            self.loose.pop(request, None)
            self.strangers.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients may go away at any time."""


_STRANGERS = {
    Owner.ANOTHER: (
        another_user,
        "refused a connection to this sign-in from another user of this machine",
    ),
    Owner.UNKNOWN: (
        unknown_user,
        "refused a connection to this sign-in from an unknown user (--callback-port PORT allows it)",
    ),
}


class _Request(BaseHTTPRequestHandler):
    """One request: the library's default is HTTP/1.0, so no connection is used twice."""

    server: _Server
    timeout = _SOCKET_SECONDS

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        # A site whose name points to 127.0.0.1 gets no answer (DNS rebinding).
        hosts = [host.lower() for host in self.headers.get_all("Host", [])]
        port = "" if self.server.port == 80 else f":{self.server.port}"
        if self.connection in self.server.strangers or hosts not in ([f"{_HOST}{port}"], [f"localhost{port}"]):
            self.send_error(400)
        elif (link := self.server.starts.pop(path, None)) is not None:
            self._answer(303, going_on(), location=link)
        elif path != _PATH:
            self.send_error(404)
        elif (result := _result(query, self.server.state)) is None:
            self.send_error(400)
        else:
            with self.server.hold(self.connection, result) as page:
                self._answer(200, page)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse a request, also one that the library cannot parse, or whose method it does not have (501)."""
        refusal = self.server.strangers.get(self.connection)
        if refusal is not None:
            self._answer(403, refusal)
            return
        status = {404: 404, 501: 405}.get(code, 400)
        self._answer(status, waiting() if self.server.result is None else look_at_terminal())

    def _answer(self, status: int, page: Page, *, location: str | None = None) -> None:
        body = html(page)
        self.request_version = self.protocol_version  # an answer to 0.9 would have no headers
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        if location is not None:
            self.send_header("Location", location)
        if status == 405:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.connection.shutdown(socket.SHUT_WR)

    def handle(self) -> None:
        super().handle()
        # Closing with bytes unread would reset the connection, and the answer might be lost with it.
        self.connection.settimeout(_LINGER_SECONDS)
        expires = time.monotonic() + _LINGER_SECONDS
        while time.monotonic() < expires and self.connection.recv(65536):
            pass

    def log_message(self, *_: Any) -> None:
        pass
