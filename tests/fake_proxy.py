"""A fake LiteLLM proxy on loopback: it answers what a test prepared, and nothing else."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass, field
from email.parser import HeaderParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.answers import Respond
from tests.server import Handler, Server

SHAPES = Path(__file__).parent / "contract" / "shapes"


def shape(name: str) -> Any:
    """Return what a LiteLLM proxy once answered (contract/shapes), mostly without its nulls."""
    return json.loads((SHAPES / f"{name}.json").read_text("utf-8"))


def row(name: str, **info: Any) -> dict[str, Any]:
    """Return a row of /model/info as a proxy sends it, with these facts."""
    base = {"litellm_provider": "openai", "mode": "chat", "id": name, "db_model": False}
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {**base, **info}}


def error(status: int, message: str, kind: str = "auth_error") -> dict[str, Any]:
    """Return keywords of `FakeProxy.on` for an error in LiteLLM's words."""
    return {
        "status": status,
        "body": {"error": {"message": message, "type": kind, "param": "None", "code": str(status)}},
    }


class Uploaded(NamedTuple):
    """A file of a form: the field that it is in, its name, media type and content."""

    field: str
    name: str
    media_type: str
    content: bytes


class Multipart(NamedTuple):
    """A form that came as multipart/form-data; each field is there once."""

    fields: dict[str, str]
    files: list[Uploaded]


@dataclass
class Request:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def multipart(self) -> Multipart:
        content_type = HeaderParser().parsestr(f"Content-Type: {self.headers['Content-Type']}\n\n")
        assert content_type.get_content_type() == "multipart/form-data"
        before, *parts, end = (b"\r\n" + self.body).split(b"\r\n--" + str(content_type.get_boundary()).encode())
        assert (before, end) == (b"", b"--\r\n")
        form = Multipart({}, [])
        for part in parts:
            head, _, content = part.partition(b"\r\n\r\n")
            headers = HeaderParser().parsestr(head.decode().strip())
            disposition = "content-disposition"
            name = str(headers.get_param("name", header=disposition))
            if headers.get_filename() is None:
                assert name not in form.fields
                form.fields[name] = content.decode()
            else:
                form.files.append(Uploaded(name, str(headers.get_filename()), headers.get_content_type(), content))
        return form


@dataclass
class Route:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    respond: Respond | None = None
    times: int | None = 1
    seen: int = 0


# What a proxy without MCP answers when lists are refreshed; these requests are not kept.
_WITHOUT_MCP = Route(404, {"detail": "Not Found"})


class FakeProxy:
    """Answers by path (and query, where one is given), in the order of `on`; keeps every request in `requests`.

    An unexpected request is answered with 418 and noted in `unexpected`; an answer for which no request came is named
    in `unused`. The fixture fails the test on both.
    """

    def __init__(self, certificate: Any = None) -> None:
        self.requests: list[Request] = []
        self._routes: dict[tuple[str, str], list[Route]] = {}
        self._lock = threading.Lock()
        self._server = Server(self._handler())
        self.unexpected = self._server.errors
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.port = self._server.port
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._server.begin()

    def on(
        self,
        target: str,
        body: Any = None,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        respond: Respond | None = None,
        times: int | None = 1,
        method: str = "GET",
    ) -> FakeProxy:
        """Answer a request for `target` (a path, or path?query).

        `body` is sent as JSON unless it is bytes; `raw` is the whole answer as it goes over the wire; `respond` writes
        it. `times` None answers as often as asked, also never.
        """
        route = Route(status, body, headers or {}, raw, respond, times)
        self._routes.setdefault((method, target), []).append(route)
        return self

    def models(self, *rows: Any, times: int | None = 1) -> FakeProxy:
        """Answer /model/info with these rows."""
        return self.on("/model/info", {"data": list(rows)}, times=times)

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]

    def requests_for(self, *paths: str) -> list[Request]:
        """The requests for these paths, in order."""
        return [request for request in self.requests if request.path in paths]

    @property
    def unused(self) -> list[str]:
        """The answers that were prepared and not asked for."""
        return [
            f"{method} {target}"
            for (method, target), routes in self._routes.items()
            for route in routes
            if route.times is not None and route.seen < route.times
        ]

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _take(self, method: str, path: str, query: str) -> Route | None:
        with self._lock:
            for target in (f"{path}?{query}", path):
                for route in self._routes.get((method, target), ()):
                    if route.times is None or route.seen < route.times:
                        route.seen += 1
                        return route
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Answering(Handler):
            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.body()
                route = proxy._take(self.command, parts.path, parts.query)
                if route is None and parts.path.endswith(("/mcp-rest/tools/list", "/mcp/tools/list")):
                    self._answer(_WITHOUT_MCP)
                    return
                query, headers = dict(parse_qsl(parts.query)), dict(self.headers.items())
                self.asked = Request(self.command, parts.path, query, headers, body)  # for `respond`
                with proxy._lock:
                    proxy.requests.append(self.asked)
                if route is None:
                    proxy.unexpected.append(f"{self.command} {self.path}")
                    route = Route(418, {"error": "unexpected in this test"})
                try:
                    self._answer(route)
                except OSError:
                    self.close_connection = True  # the client went away

            def _answer(self, route: Route) -> None:
                if route.respond is not None:
                    self.close_connection = True
                    route.respond(self)
                elif route.raw is not None:
                    self.close_connection = True
                    self.wfile.write(route.raw)
                else:
                    body = route.body if isinstance(route.body, bytes) else json.dumps(route.body).encode()
                    self.send(route.status, body, route.headers)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve

        return Answering
