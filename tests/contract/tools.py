"""MCP tools: how a proxy lists them and their servers, and what it answers to a call."""

from __future__ import annotations

from typing import Any

from tests.conftest import Result
from tests.fake_proxy import FakeProxy, Request

LIST, SERVERS, CALL = "/mcp-rest/tools/list", "/v1/mcp/server", "/mcp-rest/tools/call"


ADD = {
    "properties": {"a": {"title": "A", "type": "integer"}, "b": {"default": 1, "title": "B", "type": "integer"}},
    "required": ["a"],
    "type": "object",
    "title": "addArguments",
}


CONVERT = {
    "properties": {
        "value": {"title": "Value", "type": "number", "description": "The temperature."},
        "unit": {"enum": ["celsius", "fahrenheit"], "title": "Unit", "type": "string"},
        "precise": {"default": False, "title": "Precise", "type": "boolean"},
    },
    "required": ["value", "unit"],
    "type": "object",
}


REGISTER = {
    "properties": {
        "person": {"$ref": "#/$defs/Person"},
        "tags": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": None},
    },
    "required": ["person"],
    "type": "object",
    "$defs": {
        "Address": {"properties": {"street": {"type": "string"}}, "required": ["street"], "type": "object"},
        "Person": {
            "properties": {
                "name": {"type": "string"},
                "age": {"maximum": 150, "minimum": 0, "type": "integer"},
                "address": {"$ref": "#/$defs/Address"},
            },
            "required": ["name", "age", "address"],
            "type": "object",
        },
    },
}


ANYTHING = {"type": "object"}


def tool(name: Any, schema: Any = ANYTHING, *, server: str = "lab", **more: Any) -> dict[str, Any]:
    """Return a tool as /mcp-rest/tools/list tells of it (shapes/mcp_tools_list.master.json)."""
    return {
        "name": name,
        "title": None,
        "description": f"Does {name}.",
        "inputSchema": schema,
        "execution": None,
        "outputSchema": None,
        "icons": None,
        "annotations": None,
        "_meta": None,
        "mcp_info": {"server_name": server, "server_id": f"id-{server}", "alias": None},
        **more,
    }


def offer(*tools: Any, **outcomes: str) -> dict[str, Any]:
    """Return the whole answer of /mcp-rest/tools/list; `lab_down="unreachable"` is a server that gave none."""
    counted: dict[str, int] = {}
    for one in tools:
        name = one["mcp_info"]["server_name"]
        counted[name] = counted.get(name, 0) + 1
    told: dict[str, Any] = {name: {"status": "ok", "tool_count": count} for name, count in counted.items()}
    told |= {name: {"status": status} for name, status in outcomes.items()}
    return {"tools": list(tools), "error": None, "message": "Successfully retrieved tools", "server_outcomes": told}


def said(result: Result) -> str:
    """Return the lines on stderr, those that are JSON as a person reads them without --json; no check marks."""
    import json

    lines = []
    for line in result.stderr.splitlines():
        for kind, text in (json.loads(line) if line.startswith("{") else {"": line.removeprefix("✓ ")}).items():
            words = text["message"] if kind == "error" else text
            lines.append(f"{kind.capitalize()}: {words}" if kind in {"warning", "error"} else words)
    return "".join(f"{line}\n" for line in lines)


def server(name: str, **more: Any) -> dict[str, Any]:
    """Return a row of /v1/mcp/server (shapes/mcp_servers.json)."""
    base = {"server_id": f"id-{name}", "server_name": name, "alias": None, "transport": "http", "status": None}
    return {**base, "health_check_error": None, **more}


def offering(proxy: FakeProxy, *tools: Any, rows: Any = (), times: int | None = None, **outcomes: str) -> FakeProxy:
    """Let the proxy offer these tools, as often as it is asked."""
    return proxy.on(LIST, offer(*tools, **outcomes), times=times).on(SERVERS, list(rows), times=times)


def answer(*texts: str, **more: Any) -> dict[str, Any]:
    """Return a tool's result with these texts (shapes/mcp_tools_call.ping.json)."""
    content = [{"type": "text", "text": text, "annotations": None, "_meta": None} for text in texts]
    base = {"_meta": None, "content": content, "structuredContent": None, "isError": False}
    return {**base, "resultType": "complete", **more}


def calls(proxy: FakeProxy) -> list[Request]:
    """Return the calls of tools that came in."""
    return [request for request in proxy.requests if request.path == CALL]


def listings(proxy: FakeProxy) -> int:
    """Return how often the proxy was asked for its tools."""
    return proxy.asked.count(LIST)


def printed(*results: Result) -> str:
    """Return all that was printed."""
    return "".join(part for result in results for part in (str(result), result.stderr))


TWO = (tool("add", ADD), tool("ping", server="stdio"))


HOSTILE = "\x1b]0;title\x07\x1b[31mred\u009b\u202egnp.exe\x00"
