"""One loopback server that answers well until it is told which fault to have, and a listener that nobody may visit.

`answers` are what LiteLLM really says (shapes.json and ../contract/shapes, both recorded), so that a fault at one
endpoint is met behind answers that are good.
"""

from __future__ import annotations

import copy
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import trustme

from tests.answers import cut, http
from tests.fake_proxy import shape
from tests.server import Listener, read_body, read_head

# What a path with a name or an id in it is called.
_TEMPLATES = (
    (r"(/claude-code/plugins)/[^/]+(/enable|/disable)?", r"\1/NAME\2"),
    (r"(/v1/skills)/[^/]+", r"\1/ID"),
    (r"(/sso/cli/poll)/[^/]+", r"\1/ID"),
    (r"(/v1/mcp/server/oauth)/[^/]+/(register|token)", r"\1/ID/\2"),
    (r"(/v1/mcp/server)/[^/]+/(user-credential|user-env-vars|oauth-user-credential(?:/status)?)", r"\1/ID/\2"),
)
# A redirect within the proxy leads here, and the same is answered as without.
MOVED = "/moved"


@cache
def _recorded() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((Path(__file__).parent / "shapes.json").read_text("utf-8"))
    models = shape("model_info")["data"]
    # Some of the rows, but each kind of them; a wildcard makes the program ask /v1/models too.
    rows = [row for row in models if row["model_name"] in {"gpt-4o", "embed", "inhouse/*"}]
    recorded["GET /model/info"] = {"data": rows}
    recorded["GET /model/info?litellm_model_id"] = {"data": rows[:1]}
    recorded["GET /v1/models"] = {"data": shape("v1_models")["data"][:4], "object": "list"}
    recorded["GET /model_group/info"] = {"data": shape("model_group_info")["data"][:2]}
    recorded["GET /key/list?page"] = {**recorded["GET /key/list"], "current_page": 2}  # of two
    health = shape("health")
    recorded["POST /register"] = {**shape("pkce_register")["response"]["body"], "client_id": "llm_dcrc_hostile"}
    recorded["GET /health"] = {name: rows[:2] if isinstance(rows, list) else rows for name, rows in health.items()}
    recorded["GET /v1/mcp/server"] += [
        {"server_id": "jira", "server_name": "jira", "auth_type": "bearer_token", "is_byok": True, **_IS_SET},
        {"server_id": "linear", "server_name": "linear", "auth_type": "oauth2"},
    ]
    for endpoint, name in OF_USERS.items():
        recorded[endpoint] = shape(name)["response"]["body"]
    recorded["GET /v1/mcp/user-credentials"][0] |= {"server_id": "linear", "expires_at": None}
    return recorded


# What users keep at the proxy for MCP servers.
_IS_SET = {"has_user_credential": True, "byok_description": ["Read issues"]}
_OWN = "/v1/mcp/server/ID"
OF_USERS = {
    "GET /v1/mcp/user-credentials": "mcp_user_credentials",
    "GET /v1/mcp/user-env-vars/status": "mcp_user_env_vars_status.missing",
    f"POST {_OWN}/user-credential": "mcp_user_credential_set",
    f"DELETE {_OWN}/user-credential": "mcp_user_credential_delete",
    f"POST {_OWN}/user-env-vars": "mcp_user_env_vars_set",
    f"GET {_OWN}/oauth-user-credential/status": "mcp_oauth_status",
    f"DELETE {_OWN}/oauth-user-credential": "mcp_oauth_delete",
    f"POST {_OWN}/oauth-user-credential": "mcp_oauth_store",
    "POST /v1/mcp/server/oauth/ID/register": "mcp_oauth_register",
    "POST /v1/mcp/server/oauth/ID/token": "mcp_oauth_token",
}


def endpoints_with(*fields: str) -> frozenset[str]:
    """Return the endpoints whose answers have one of these fields."""
    found = {name: json.dumps(answer) for name, answer in _recorded().items()}
    return frozenset(name for name, text in found.items() if any(f'"{field}":' in text for field in fields))


def recorded(endpoint: str) -> Any:
    """Return what a well-behaved proxy answers at an endpoint; None where it has no such endpoint."""
    return copy.deepcopy(_recorded().get(endpoint))


@dataclass
class Request:
    """A request that came in, under the name of its endpoint: `POST /v1/skills`."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def endpoint(self) -> str:
        path = self.path.removeprefix(MOVED)
        for pattern, name in _TEMPLATES:
            if found := re.fullmatch(pattern, path):
                path = found.expand(name)
        for parameter in ("litellm_model_id", "query", "page"):
            if re.search(rf"(?:^|&){parameter}=", self.query):
                path += f"?{parameter}"
        return f"{self.method} {path}"


class Exchange:
    """One request, and everything that it takes to answer it badly.

    `status` and `good` are what a well-behaved proxy would answer; `elsewhere` is a URL to which nothing may be sent.
    """

    def __init__(self, proxy: HostileProxy, connection: socket.socket, request: Request, attempt: Attempt) -> None:
        self.proxy = proxy
        self.connection = connection
        self.request = request
        self.attempt = attempt
        self.over = attempt.over
        self.keeps_open = False

    @property
    def url(self) -> str:
        return self.proxy.url

    @property
    def elsewhere(self) -> str:
        return self.proxy.elsewhere.url

    @property
    def good(self) -> Any:
        return self.proxy.answer_to(self.request)[1]

    @property
    def body(self) -> bytes:
        return json.dumps(self.good).encode()

    def send(self, data: bytes) -> None:
        """Write this, as it is."""
        self.connection.sendall(data)

    def answer(
        self,
        body: bytes,
        *headers: str,
        status: str = "200 OK",
        length: int | str | None = None,
        media_type: str = "application/json",
        version: str = "HTTP/1.1",
    ) -> None:
        """Answer as a server does that works; `length` is what it says of the body's."""
        # Said, since a client that does not know would send the next request into a connection that is being closed.
        lines = [f"{version} {status}", f"Content-Type: {media_type}", "Connection: close", *headers]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        # surrogateescape, so that a header can hold any byte.
        self.send("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body)

    def error(self, status: int, message: Any, *headers: str, kind: Any = "auth_error") -> None:
        """Answer with an error in LiteLLM's words."""
        body = {"error": {"message": message, "type": kind, "param": "None", "code": str(status)}}
        self.answer(json.dumps(body).encode(), *headers, status=f"{status} Whatever")

    @property
    def echo(self) -> str:
        """What came in, headers with the key and body: what debugging proxies repeat."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.request.headers.items())
        return f"{headers}\n\n{self.request.body.decode('utf-8', 'replace')}"

    def forever(self, piece: bytes, pause: float = 0.0) -> None:
        """Write this again and again, until the client goes away or nobody waits any more."""
        with suppress(OSError):
            while not self.over.is_set():
                self.send(piece)
                if pause:
                    self.over.wait(pause)

    def wait(self) -> None:
        """Say nothing until nobody waits any more."""
        self.over.wait(60)

    def reset(self) -> None:
        """Close with a RST: what was not read yet is lost to the client too."""
        cut(self.connection)


Answer = Callable[[Exchange], None]
# Takes a connection that was accepted, and returns what to talk on; None where there is nothing more to say.
Greet = Callable[["HostileProxy", socket.socket, threading.Event], "socket.socket | None"]


@dataclass
class Attempt:
    """One run of the program: which fault it meets where, and what it asked.

    `target` is the endpoint that has the fault (None: all have), `closed` are those that this key may not use. A fault
    that has many forms has another one at each `turn`, and notes in `forms` which it had.
    """

    answer: Answer | None = None
    target: str | None = None
    closed: Collection[str] = ()
    greet: Greet | None = None
    turn: int = 0
    forms: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def endpoints(self) -> list[str]:
        """The endpoints that were asked, each once, in order."""
        return list(dict.fromkeys(request.endpoint for request in self.requests))


class Elsewhere(Listener):
    """A server to which nothing may be sent; `visits` is what came nevertheless."""

    def __init__(self) -> None:
        self.visits: list[bytes] = []
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Note that somebody came, and what was said."""
        connection.settimeout(2)
        self.visits.append(b"a connection")
        self.visits.append(connection.recv(2000))
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"data": []}')


class HostileProxy(Listener):
    """A proxy that is what the current attempt says. With an authority it talks TLS."""

    def __init__(self, elsewhere: Elsewhere, authority: trustme.CA | None = None) -> None:
        self.elsewhere = elsewhere
        self._authority = authority
        self._attempt: Attempt | None = None
        self._title = "mine"
        self._contexts: dict[str, ssl.SSLContext] = {}
        super().__init__()
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"

    @contextmanager
    def during(self, attempt: Attempt) -> Iterator[Attempt]:
        """Serve this attempt; afterwards nothing of it goes on."""
        self._attempt = attempt
        try:
            yield attempt
        finally:
            self._attempt = None
            attempt.over.set()
            for connection in attempt.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def context(self, name: str, issue: Callable[[], trustme.LeafCert]) -> ssl.SSLContext:
        """Return a context with the certificate of that name, made once."""
        if name not in self._contexts:
            self._contexts[name] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            issue().configure_cert(context)
        return self._contexts[name]

    @property
    def authority(self) -> trustme.CA:
        assert self._authority is not None
        return self._authority

    def handshake(self, connection: socket.socket, name: str = "good", **details: Any) -> socket.socket | None:
        """Talk TLS as a good server does, or with a certificate of other details."""

        def issue() -> trustme.LeafCert:
            certificate = {"common_name": "proxy", "authority": self.authority, "host": "127.0.0.1", **details}
            authority, host = certificate.pop("authority"), certificate.pop("host")
            made: trustme.LeafCert = authority.issue_cert(host, **certificate)
            return made

        connection.settimeout(10)
        try:
            return self.context(name, issue).wrap_socket(connection, server_side=True)
        except (OSError, ValueError):
            return None

    def answer_to(self, request: Request) -> tuple[int, Any]:
        """Return the status and body of an answer that is as it should be."""
        attempt = self._attempt
        endpoint = request.endpoint
        if attempt is not None and endpoint in attempt.closed:
            return 403, {"detail": "not allowed to call this route"}
        body = recorded(endpoint)
        if body is None:
            return 404, {"detail": "Not Found"}
        if endpoint == "GET /.well-known/litellm-cli-auth":
            own = "http://127.0.0.1:4100"
            body = {name: one.replace(own, self.url) if isinstance(one, str) else one for name, one in body.items()}
        if endpoint == "POST /v1/skills":
            found = re.search(rb'name="display_title"\r\n\r\n(.*?)\r\n', request.body)
            self._title = found[1].decode() if found else "mine"
        if endpoint == "GET /v1/skills/ID" and request.path.endswith("/litellm_skill_new"):
            body |= {"id": "litellm_skill_new", "display_title": self._title}
        if endpoint == "GET /claude-code/plugins/NAME" and request.path.endswith("/fresh"):
            body |= {"name": "fresh", "source": {"source": "github", "repo": "org/fresh"}}
        return 200, body

    def serve(self, connection: socket.socket) -> None:
        """Serve a connection of the current attempt."""
        attempt = self._attempt
        if attempt is None:
            return
        attempt.connections.append(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talking: socket.socket | None = connection
        if attempt.greet is not None:
            talking = attempt.greet(self, connection, attempt.over)
        elif self._authority is not None:
            talking = self.handshake(connection)
        if talking is not None:
            # A socket that TLS took over is not the one that was accepted: each end is closed where it was made.
            with talking:
                attempt.connections.append(talking)
                self._talk(talking, attempt)

    def _talk(self, connection: socket.socket, attempt: Attempt) -> None:
        with connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                attempt.requests.append(request)
                exchange = Exchange(self, connection, request, attempt)
                if attempt.answer is not None and attempt.target in {None, request.endpoint}:
                    attempt.answer(exchange)
                    if not exchange.keeps_open:
                        return
                else:
                    status, body = self.answer_to(request)
                    exchange.send(http(body, "Content-Type: application/json", status=f"{status} Good"))


def _read(stream: IO[bytes]) -> Request | None:
    head = read_head(stream)
    if head is None:
        return None
    path, _, query = head.target.partition("?")
    return Request(head.method, path, query, head.headers, read_body(stream, head.headers))
