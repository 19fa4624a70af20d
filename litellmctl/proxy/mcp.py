"""MCP over the proxy's REST endpoints: /mcp-rest/tools/list, /mcp-rest/tools/call, /v1/mcp/server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.proxy.client import decode, not_litellm

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

_LIST = "/mcp-rest/tools/list"
_CALL = "/mcp-rest/tools/call"
_SERVERS = "/v1/mcp/server"
# What a proxy says of a tool that it does not know, with a status of 500.
_UNKNOWN_TOOL = "not found"


def tools(client: Client) -> dict[str, Any]:
    """Return what all servers offer; a key that may use none is exit 4."""
    answer = client.get_json(_LIST)
    if not isinstance(answer, dict) or not isinstance(answer.get("tools"), list):
        raise not_litellm(f"{client.base_url}{_LIST}", b"{}")
    if answer.get("error") and not answer["tools"] and not answer.get("server_outcomes"):
        message = answer.get("message")
        words = message if isinstance(message, str) else "no reason given"
        if "access_denied" in words or "not allowed" in words:
            raise AuthFailure(
                "forbidden",
                f"{client.base_url} does not let this key use any MCP server",
                remedy="ask the proxy's administrator for a key that may",
            )
        raise Unavailable(
            "server_error", f"{client.base_url} could not list MCP tools: {words[:300]}", remedy="try again"
        )
    return answer


def servers(client: Client) -> list[Any]:
    """Return the servers that the proxy lists to this key; [] where it lists none to it."""
    try:
        answer = client.get(_SERVERS)
        if answer.status != 200:
            answer.close()
            return []
        rows = decode(answer.read(), f"{client.base_url}{_SERVERS}")
    except Failure:
        return []
    return rows if isinstance(rows, list) else []


def call(client: Client, server_id: str, name: str, arguments: dict[str, Any]) -> Any:
    """Call a tool, once whatever happens, and return the result object.

    A failure says whether the tool may have run. An unknown server or tool is `not_found`.
    """
    try:
        answer = client.post(_CALL, json={"server_id": server_id, "name": name, "arguments": arguments})
        if answer.status == 200:
            return decode(answer.read(), f"{client.base_url}{_CALL}")
    except Unavailable as failure:
        if failure.code != "tls":
            failure.message += "; the call was not repeated, and may have had its effect"
        raise
    failed = client.failure(answer, _CALL)
    if answer.status == 404 or (answer.status == 500 and _UNKNOWN_TOOL in failed.message):
        words = failed.message.rpartition(": ")[2]
        raise Rejected("not_found", f"{client.base_url}: {words}", remedy="litellmctl mcp list", status=answer.status)
    if answer.status >= 500:
        failed.message += "; the call was not repeated, and may have had its effect"
    raise failed
