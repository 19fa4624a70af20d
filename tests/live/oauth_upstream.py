"""An MCP server that wants a credential of each user, and its own OAuth authorization server, on loopback.

As the proxy's upstream it accepts any Authorization but none and those in `refused`; its only tool `whoami` returns
the headers that arrived. `answers` says what the authorization server does next: approve, deny, or a token answer.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

_TOOL = {
    "name": "whoami",
    "description": "Return the credential that arrived.",
    "inputSchema": {"type": "object", "properties": {}},
}


class Upstream(ThreadingHTTPServer):
    """The server. `tokens` are the access tokens that it issued, `forms` what its token endpoint received."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.denies = False
        self.registers = True
        self.expires_in: int | None = 3600
        self.token_answer: tuple[int, dict[str, Any]] | None = None
        self.refused: set[str] = set()
        self.asks = True
        self.codes: dict[str, dict[str, list[str]]] = {}
        self.forms: list[dict[str, list[str]]] = []
        self.tokens: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, status: int, value: Any = None, **headers: str) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        url = self.server.url
        if parts.path.startswith("/.well-known/oauth-protected-resource"):
            self._send(200, {"resource": f"{url}/mcp", "authorization_servers": [url]})
        elif parts.path.startswith(("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")):
            self._send(
                200,
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    **({"registration_endpoint": f"{url}/register"} if self.server.registers else {}),
                    "response_types_supported": ["code"],
                    "grant_types_supported": ["authorization_code", "refresh_token"],
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
                },
            )
        elif parts.path == "/authorize":
            query = parse_qs(parts.query)
            answer = {"state": query["state"][0]}
            if self.server.denies:
                answer |= {"error": "access_denied", "error_description": "Ada said no"}
            else:
                answer["code"] = secrets.token_urlsafe(16)
                self.server.codes[answer["code"]] = query
            self._send(302, None, Location=f"{query['redirect_uri'][0]}?{urlencode(answer)}")
        else:
            self._send(405)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/register":
            wanted = json.loads(body)
            self._send(201, {**wanted, "client_id": f"client-{secrets.token_hex(4)}"})
        elif self.path == "/token":
            form = parse_qs(body.decode())
            self.server.forms.append(form)
            if self.server.token_answer is not None:
                self._send(*self.server.token_answer)
                return
            token = f"up-{secrets.token_hex(8)}"
            self.server.tokens.append(token)
            expiry = {} if self.server.expires_in is None else {"expires_in": self.server.expires_in}
            self._send(200, {"access_token": token, "token_type": "Bearer", "refresh_token": f"r-{token}", **expiry})
        elif self.path == "/mcp":
            self._mcp(json.loads(body))
        elif self.path == "/control":  # for a person who tries it in a process of its own
            vars(self.server).update(json.loads(body))
            self._send(200, {})
        else:
            self._send(404)

    def _mcp(self, message: dict[str, Any]) -> None:
        given = self.headers.get("Authorization") or self.headers.get("X-Api-Key") or self.headers.get("X-Region")
        if self.server.asks and (not given or given.removeprefix("Bearer ") in self.server.refused):
            where = f'Bearer resource_metadata="{self.server.url}/.well-known/oauth-protected-resource"'
            self._send(401, {"error": "invalid_token"}, WWW_Authenticate=where)
            return
        result: dict[str, Any] = {}
        match message.get("method"):
            case "initialize":
                result = {
                    "protocolVersion": message["params"]["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "upstream", "version": "1"},
                }
            case "tools/list":
                result = {"tools": [_TOOL]}
            case "tools/call":
                names = ("Authorization", "X-Api-Key", "X-Region")
                seen = {name: self.headers[name] for name in names if self.headers[name]}
                result = {"content": [{"type": "text", "text": json.dumps(seen)}], "isError": False}
        if "id" in message:
            self._send(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})
        else:
            self._send(202)


@contextmanager
def running() -> Iterator[Upstream]:
    """Run one in a thread of this process."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


if __name__ == "__main__":
    with running() as started:
        print(started.url, flush=True)
        threading.Event().wait()
