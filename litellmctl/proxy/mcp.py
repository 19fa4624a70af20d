"""MCP over the proxy's REST endpoints: /mcp-rest/tools/list, /mcp-rest/tools/call, /v1/mcp/server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.proxy.client import not_litellm

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

_LIST = "/mcp-rest/tools/list"
_CALL = "/mcp-rest/tools/call"
_SERVERS = "/v1/mcp/server"
# LiteLLM puts this before the words of what failed.
_WRAPPER = "An unexpected error occurred: "
_SERVERS_SECONDS = 10.0


def tools(client: Client) -> dict[str, Any]:
    """Return what all servers offer; a key that may use none is exit 4."""
    answer = client.get_json(_LIST)
    if not isinstance(answer, dict) or not isinstance(answer.get("tools"), list):
        raise not_litellm(f"{client.base_url}{_LIST}", b"{}")
    if answer.get("error") and not answer["tools"] and not answer.get("server_outcomes"):
        message = answer.get("message")
        # Words of a server's, which was sent what the headers say.
        words = client.auth.hidden(message) if isinstance(message, str) else "no reason given"
        if "access_denied" in words or "not allowed" in words:
            raise AuthFailure(
                "forbidden",
                f"{client.base_url} does not let this key use any MCP server",
                remedy="ask the proxy's administrator for a key that may",
            )
        raise Unavailable(
            "server_error", f"{client.base_url} could not list MCP tools: {words[:300]}", remedy="try again"
        )
    if answer.get("server_outcomes"):
        answer["server_outcomes"] = _each_hidden(client, answer["server_outcomes"])
    return answer


def servers(client: Client) -> list[Any]:
    """Return the servers that the proxy lists to this key; [] where it lists none to it, or not in time."""
    try:
        seconds = min(_SERVERS_SECONDS, client.deadline.remaining(3600) / 2)
        rows = client.call(seconds, lambda client: client.get_json(_SERVERS))
    except Failure:
        return []
    return [_hidden(client, row) for row in rows] if isinstance(rows, list) else []


def _hidden(client: Client, fields: Any) -> Any:
    """Return an object without the key in its texts: servers repeat in their errors what they were sent."""
    if not isinstance(fields, dict):
        return fields
    return {name: client.auth.hidden(one) if isinstance(one, str) else one for name, one in fields.items()}


def _each_hidden(client: Client, outcomes: Any) -> Any:
    if not isinstance(outcomes, dict):
        return outcomes
    return {server: _hidden(client, outcome) for server, outcome in outcomes.items()}


def call(client: Client, seconds: float, server_id: str, name: str, arguments: dict[str, Any]) -> Any:
    """Call a tool, once whatever happens, and return the result object; `seconds` is how long it may take.

    A failure says whether the tool may have run. An unknown server or tool is `not_found`.
    """
    body = {"server_id": server_id, "name": name, "arguments": arguments}
    return client.call_once(seconds, lambda client: _answer(client, body))


def _answer(client: Client, body: dict[str, Any]) -> Any:
    answer = client.send("POST", _CALL, json=body)
    if answer.status == 200:
        return answer.json(f"{client.base_url}{_CALL}")
    failed = client.failure(answer, _CALL)
    words = (failed.words or "").removeprefix(_WRAPPER)
    # It has a status of 500 for a tool that it does not know; what a tool itself did not find is another matter.
    unknown_tool = rf"(?i)\btool\W+\S*{re.escape(body['name'])}\W+not found\b"
    if failed.code == "not_found" or (answer.status == 500 and re.search(unknown_tool, words)):
        message = f"{client.base_url}: {words or 'no such MCP server or tool'}"
        raise Rejected("not_found", message, remedy="litellmctl mcp list", status=answer.status, words=failed.words)
    raise failed
