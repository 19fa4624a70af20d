"""MCP over the proxy's REST endpoints: /mcp-rest/tools/list, /mcp-rest/tools/call, /v1/mcp/server.

Up to LiteLLM 1.65 the first two are /mcp/tools/list and /mcp/tools/call, which later releases use for other things.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.proxy.answer import not_litellm
from litellmctl.proxy.error_answers import words_of

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

_LIST = "/mcp-rest/tools/list"
_OLD_LIST = "/mcp/tools/list"
CALL = "/mcp-rest/tools/call"
OLD_CALL = "/mcp/tools/call"
_SERVERS = "/v1/mcp/server"
# LiteLLM's prefix for the words of an error.
_WRAPPER = "An unexpected error occurred: "
_SERVERS_SECONDS = 10.0
_MAX_REASON = 300


def tools(client: Client) -> dict[str, Any]:
    """Return the tools of all servers: the proxy's answer with `{"tools": [...], "call_path": path for calls}`.

    Raises `AuthFailure` if the key may not use any server. Up to LiteLLM 1.72, the answer is only the list.
    """
    path, answer = _listed(client)
    if isinstance(answer, list):
        answer = {"tools": answer}
    if not isinstance(answer, dict):
        raise not_litellm(f"{client.base_url}{path}", b"{}")
    if answer.get("error") and not answer.get("tools") and not answer.get("server_outcomes"):
        words = _reason(client, answer)
        if "access_denied" in words or "not allowed" in words:
            raise AuthFailure(
                "forbidden",
                f"this key is not allowed to use any MCP server of {client.base_url}",
                remedy="ask the proxy's administrator for access to MCP servers",
            )
        raise Unavailable(
            "server_error", f"{client.base_url} cannot list MCP tools: {words}", remedy="run it again later"
        )
    if not isinstance(answer.get("tools"), list):
        raise not_litellm(f"{client.base_url}{path}", b"{}")
    if answer.get("server_outcomes"):
        answer["server_outcomes"] = _each_hidden(client, answer["server_outcomes"])
    return {**answer, "call_path": OLD_CALL if path == _OLD_LIST else CALL}


def _listed(client: Client) -> tuple[str, Any]:
    """Return the one of the two paths that the proxy has, and its answer."""
    try:
        return _LIST, client.get_json(_LIST)
    except Rejected as failure:
        if failure.status != 404:
            raise
        try:
            return _OLD_LIST, client.get_json(_OLD_LIST)
        except Failure:
            raise failure from None


def _reason(client: Client, answer: dict[str, Any]) -> str:
    """Return the reason in an answer with status 200 that is an error."""
    message = answer.get("message")
    with suppress(RecursionError):
        # The words may come from a server, which received the headers.
        said = words_of(json.dumps(answer).encode(), client.auth.hidden)[0]
        words = client.auth.hidden(message) if isinstance(message, str) else said
        return (words or "")[:_MAX_REASON] or "unknown reason"
    return "unknown reason"


def servers(client: Client) -> list[Any]:
    """Return the servers that the proxy lists for this key; [] if it lists none, or not in time."""
    try:
        seconds = min(_SERVERS_SECONDS, client.deadline.remaining(3600) / 2)
        rows = client.call(seconds, lambda client: client.get_json(_SERVERS))
    except Failure:
        return []
    return [_hidden(client, row) for row in rows] if isinstance(rows, list) else []


def _hidden(client: Client, fields: Any) -> Any:
    """Return an object with the key hidden in its texts: errors of servers may repeat headers."""
    if not isinstance(fields, dict):
        return fields
    return {name: client.auth.hidden(one) if isinstance(one, str) else one for name, one in fields.items()}


def _each_hidden(client: Client, outcomes: Any) -> Any:
    if not isinstance(outcomes, dict):
        return outcomes
    return {server: _hidden(client, outcome) for server, outcome in outcomes.items()}


def call(
    client: Client, seconds: float, server_id: str, name: str, arguments: dict[str, Any], *, path: str = CALL
) -> Any:
    """Call a tool, exactly once, and return the result; `seconds` limits the call.

    `path` is the `call_path` of `tools`; it is never found by trying. The result is an object, or up to LiteLLM 1.80
    the list of its content. A failure says whether the tool may have run. An unknown server or tool is `not_found`.
    """
    body = {"name": name, "arguments": arguments}
    if server_id and path != OLD_CALL:
        body = {"server_id": server_id, **body}
    return client.call_once(seconds, lambda client: _answer(client, path, body))


def _answer(client: Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.send("POST", path, json=body)
    if answer.status == 200:
        found = answer.json(f"{client.base_url}{path}")
        if isinstance(found, dict) and found.get("error") and not {"content", "structuredContent"} & found.keys():
            words = _reason(client, found)
            raise Unavailable("server_error", f"{client.base_url} failed to call the tool: {words}", words=words)
        return found
    failed = client.failure(answer, path)
    words = (failed.words or "").removeprefix(_WRAPPER)
    # An unknown tool has status 500, as has a tool that fails because it did not find something.
    unknown_tool = rf"(?i)\btool\W+\S*{re.escape(body['name'])}\W+not found\b"
    if failed.code == "not_found" or (answer.status == 500 and re.search(unknown_tool, words)):
        message = f"{client.base_url}: {words or 'unknown MCP server or tool'}"
        raise Rejected("not_found", message, remedy="litellmctl mcp list", status=answer.status, words=failed.words)
    raise failed
