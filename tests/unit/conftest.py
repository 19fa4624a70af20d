"""Every unit test runs with an empty environment, a home of its own, and no network but loopback."""

from __future__ import annotations

import json
import os
import re
import ssl
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import hypothesis.configuration
import pytest
import trustme

from tests.server import Handler
from tests.server import Server as HTTPServer

hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"hypothesis-{os.getuid()}")
hypothesis.settings.register_profile("unit", max_examples=60, deadline=None, database=None, derandomize=True)
# More examples, and other ones each time: pytest --hypothesis-profile=search
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None, database=None)
hypothesis.settings.load_profile("unit")

_READ_BY_US = re.compile(
    r"(LITELLM|XDG_).*|.*_PROXY|GOOGLE_APPLICATION_CREDENTIALS|CLOUDSDK_CONFIG|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|SSL_CERT_(FILE|DIR)|CI|NETRC|TERM|NO_COLOR|FORCE_COLOR|CLICOLOR(_FORCE)?|COLUMNS"
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Take away what the user of this machine has set, and return the folder that is HOME instead."""
    for name in list(os.environ):
        if _READ_BY_US.fullmatch(name.upper()):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path / "cache"))
    return folder


class Request(NamedTuple):
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What to answer. A body in pieces is sent as they come, without a length, and ends with the connection."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = {}  # noqa: RUF012

    @property
    def bytes(self) -> bytes | Iterable[bytes]:
        """The body: objects as JSON."""
        if isinstance(self.body, str):
            return self.body.encode()
        if isinstance(self.body, dict | list):
            return json.dumps(self.body).encode()
        return self.body


class Server(NamedTuple):
    """A server on loopback, and the requests that it was sent."""

    url: str
    requests: list[Request]

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server answering with `answer(request)`.

    With a TLS context it speaks TLS; with `behind_connect` it is an HTTP proxy that plays every host behind it.
    """
    started: list[HTTPServer] = []

    def start(
        answer: Callable[[Request], Reply], *, tls: ssl.SSLContext | None = None, behind_connect: bool = False
    ) -> Server:
        requests: list[Request] = []
        server = HTTPServer(_handler(answer, requests, tls if behind_connect else None))
        if tls is not None and not behind_connect:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.begin()
        started.append(server)
        scheme = "https" if tls is not None and not behind_connect else "http"
        return Server(f"{scheme}://127.0.0.1:{server.port}", requests)

    yield start
    for server in started:
        server.close()
        assert not server.errors


def _handler(
    answer: Callable[[Request], Reply], requests: list[Request], connected: ssl.SSLContext | None
) -> type[BaseHTTPRequestHandler]:
    class Answering(Handler):
        timeout = 5

        def _connect(self) -> None:
            requests.append(Request("CONNECT", self.path, dict(self.headers), b""))
            if connected is None:
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = connected.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False  # http.client may have asked in HTTP/1.0

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()
            with suppress(OSError):
                self.connection.close()

        def _answer(self) -> None:
            request = Request(self.command, self.path, dict(self.headers), self.body())
            requests.append(request)
            reply = answer(request)
            body = reply.bytes
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if isinstance(body, bytes):
                told = {name.lower(): value for name, value in reply.headers.items()}.get("content-length")
                if told is None:
                    self.send_header("Content-Length", str(len(body)))
                self.close_connection = told is not None
                body = (body,)
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            for piece in body:
                self.wfile.write(piece)
                self.wfile.flush()

        do_GET = do_POST = _answer
        do_CONNECT = _connect

    return Answering


class Authority(NamedTuple):
    """A certificate authority of our own: its file, its certificate, and a context for servers that it vouches for."""

    file: Path
    server: Callable[..., ssl.SSLContext]
    der: bytes


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts by default: "Example Corp"."""
    ca = trustme.CA(organization_name="Example Corp")
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))

    def server(*hosts: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*(hosts or ("127.0.0.1",))).configure_cert(context)
        return context

    return Authority(file, server, ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode()))
