"""What a benchmark needs of a LiteLLM proxy, on loopback: a process of its own, so that nobody shares a GIL with it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks import rows
from tests.benchmarks.process import serving
from tests.server import Handler, Server

KEY = "sk-benchmark"
# How long the answer about one deployment takes, where that is asked for one by one.
DETAIL_SECONDS = 0.1
_REFUSED = {"error": {"message": "this key may not call this route", "type": "auth_error", "code": "403"}}

LIST_PATH, CALL_PATH = "/mcp-rest/tools/list", "/mcp-rest/tools/call"
TOOL = "bench/add"
_NUMBER = {"type": "integer"}
_TOOL = {
    "name": "add",
    "description": "Add two integers.",
    "inputSchema": {"type": "object", "properties": {"a": _NUMBER, "b": _NUMBER}, "required": ["a", "b"]},
    "mcp_info": {"server_name": "bench", "server_id": "0123456789abcdef"},
}
MCP_PATH = "/mcp"
HUB_PATH, SKILLS_PATH = "/claude-code/plugins", "/v1/skills"
_SKILL = "Use it when there is something to be done, whatever that is: it says how this team does such things."
_RESULT = {
    "content": [{"type": "text", "text": "3"}],
    "structuredContent": {"result": 3},
    "isError": False,
}


def running(deployments: int, *, lists: bool = True) -> AbstractContextManager[str]:
    """Run a proxy with that many deployments and give its URL. Without `lists` only `/health` tells of them."""
    return serving("tests.benchmarks.proxy", str(deployments), str(int(lists)))


def answer_seconds(url: str, path: str, body: bytes | None = None) -> float:
    """Return how long the proxy takes to answer a bare request on a new connection: a POST where it has a body."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {KEY}", "Connection": "close"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - start


class _Server(Server):
    def __init__(self, deployments: int, *, lists: bool) -> None:
        super().__init__(_Handler)
        numbers = range(deployments)
        bodies = [rows.row(number) for number in numbers]
        self.details = {rows.model_id(number): _data([body]) for number, body in zip(numbers, bodies, strict=True)}
        self.answers: dict[str, tuple[int, bytes]] = {
            LIST_PATH: (200, json.dumps({"tools": [_TOOL], "error": None, "message": ""}).encode()),
            CALL_PATH: (200, json.dumps(_RESULT).encode()),
            HUB_PATH: (200, b'{"plugins": [], "count": 0}'),
            SKILLS_PATH: (200, _data([_skill(number) for number in range(20)])),
        }
        if lists:
            self.details.clear()
            self.answers["/model/info"] = 200, _data(bodies)
            names = [json.loads(body)["model_name"] for body in bodies]
            entry = {"object": "model", "created": 1677610602, "owned_by": "openai", "mode": "chat"}
            listed = _data([json.dumps({"id": name, **entry}).encode() for name in names])
            self.answers["/v1/models"] = self.answers["/models"] = 200, listed
        else:
            for path in ("/model/info", "/v1/models", "/models"):
                self.answers[path] = 403, json.dumps(_REFUSED).encode()
            endpoints = [{"model": f"openai/model-{number}", "model_id": rows.model_id(number)} for number in numbers]
            health = {"healthy_endpoints": endpoints, "unhealthy_endpoints": []}
            self.answers["/health"] = 200, json.dumps(health).encode()


class _Handler(Handler):
    server: _Server

    def _get(self) -> None:
        """Answer from memory, as FastAPI does: one JSON body with its length."""
        url = urlsplit(self.path)
        if (
            self.command == "GET" and url.path.rstrip("/") == MCP_PATH
        ):  # a client of MCP asks for events; there are none
            self.send(405, b"{}")
            return
        wanted = parse_qs(url.query).get("litellm_model_id", [""])[0]
        status, body = self.server.answers.get(url.path, (404, b'{"detail":"Not Found"}'))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            status, body = 401, b'{"error":{"message":"Authentication Error","type":"auth_error","code":"401"}}'
        elif wanted in self.server.details:
            time.sleep(DETAIL_SECONDS)
            status, body = 200, self.server.details[wanted]
        self.send(status, body)

    def _post(self) -> None:
        """Read what is sent, and answer as to a GET; `/mcp` speaks the protocol itself, for clients of it."""
        sent = self.body()
        if urlsplit(self.path).path.rstrip("/") == MCP_PATH:
            self.send(*_protocol(json.loads(sent)))
        else:
            self._get()

    do_GET, do_POST = _get, _post


def _protocol(message: dict[str, Any]) -> tuple[int, bytes]:
    """Return the answer of an MCP server (streamable HTTP without streams) to a message."""
    if "id" not in message:
        return 202, b""
    wanted = message.get("params", {}).get("protocolVersion")
    results = {
        "initialize": {
            "protocolVersion": wanted,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "bench", "version": "1"},
        },
        "tools/list": {"tools": [{name: value for name, value in _TOOL.items() if name != "mcp_info"}]},
        "tools/call": _RESULT,
    }
    found = results.get(message["method"])
    said = {"result": found} if found else {"error": {"code": -32601, "message": "Method not found"}}
    return 200, json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}).encode()


def _skill(number: int) -> bytes:
    return json.dumps(
        {"id": f"litellm_skill_{number}", "display_title": f"skill-{number}", "description": _SKILL}
    ).encode()


def _data(bodies: list[bytes]) -> bytes:
    return b'{"data":[' + b",".join(bodies) + b"]}"


def _main(deployments: str, lists: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    server = _Server(int(deployments), lists=lists == "1")
    server.begin()
    print(server.port, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # whatever is still being answered


if __name__ == "__main__":
    _main(*sys.argv[1:])
