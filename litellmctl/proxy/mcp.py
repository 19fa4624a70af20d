"""MCP over the proxy's REST endpoints: /mcp-rest/tools/list, /mcp-rest/tools/call, /v1/mcp/server.

Up to LiteLLM 1.65 the first two are /mcp/tools/list and /mcp/tools/call; any later release has something else there.
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
# LiteLLM puts this before the words of what failed.
_WRAPPER = "An unexpected error occurred: "
_SERVERS_SECONDS = 10.0
_MAX_REASON = 300


def tools(client: Client) -> dict[str, Any]:
    """Return what all servers offer, as `{"tools": [...], "call_path": where they are called}`, and what else is told.

    A key that may use no server is exit 4. Up to LiteLLM 1.72, the answer is the list alone.
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
                f"{client.base_url} does not let this key use any MCP server",
                remedy="ask the proxy's administrator for a key that may",
            )
        raise Unavailable("server_error", f"{client.base_url} could not list MCP tools: {words}", remedy="try again")
    if not isinstance(answer.get("tools"), list):
        raise not_litellm(f"{client.base_url}{path}", b"{}")
    if answer.get("server_outcomes"):
        answer["server_outcomes"] = _each_hidden(client, answer["server_outcomes"])
    return {**answer, "call_path": OLD_CALL if path == _OLD_LIST else CALL}


def _listed(client: Client) -> tuple[str, Any]:
    """Return which of the two paths there are tools at, and the answer."""
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
    """Return why there is no result, out of an answer of 200 that is an error all the same."""
    message = answer.get("message")
    with suppress(RecursionError):
        # Words of a server's, which was sent what the headers say.
        said = words_of(json.dumps(answer).encode(), client.auth.hidden)[0]
        words = client.auth.hidden(message) if isinstance(message, str) else said
        return (words or "")[:_MAX_REASON] or "no reason given"
    return "no reason given"


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


def call(
    client: Client, seconds: float, server_id: str, name: str, arguments: dict[str, Any], *, path: str = CALL
) -> Any:
    """Call a tool, once whatever happens, and return the result; `seconds` is how long it may take.

    `path` is where this proxy takes calls, as `tools` says: it is never found out by calling. The result is an object,
    or up to LiteLLM 1.80 the list of its content. A failure says whether the tool may have run. An unknown server or
    tool is `not_found`.
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
            raise Unavailable(
                "server_error", f"{client.base_url} answered the call with an error: {words}", words=words
            )
        return found
    failed = client.failure(answer, path)
    words = (failed.words or "").removeprefix(_WRAPPER)
    # It has a status of 500 for a tool that it does not know; what a tool itself did not find is another matter.
    unknown_tool = rf"(?i)\btool\W+\S*{re.escape(body['name'])}\W+not found\b"
    if failed.code == "not_found" or (answer.status == 500 and re.search(unknown_tool, words)):
        message = f"{client.base_url}: {words or 'no such MCP server or tool'}"
        raise Rejected("not_found", message, remedy="litellmctl mcp list", status=answer.status, words=failed.words)
    raise failed
