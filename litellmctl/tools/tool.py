"""MCP tools and servers as a proxy lists them, and the names that people and models call them by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from litellmctl.errors import Failure, Rejected, UsageFailure, suggestion
from litellmctl.foundation.globs import matcher, matches
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted

MAX_TOOLS = 4096
# How long a call may take: a tool may work for longer than any page takes to come.
CALL_SECONDS = 120.0
# The longest name of a tool that providers of models accept.
MAX_NAME = 64
# The lowest limit that a client may set, so that a name has room for the digits that tell two apart.
MIN_NAME_LENGTH = 24
# The styles of definitions for function calling in `tools.definitions`.
STYLES = ("openai", "anthropic")
# What a server may want of each user.
KEY, VARIABLES, SIGN_IN, HEADER = "key", "variables", "sign-in", "header"
SUFFIX_DIGITS = (8, 16, 32)
_MAX_DEPTH = 100


class Tool(NamedTuple):
    """A tool. The schemas and annotations are the server's own, unchecked; None if it sends none.

    `server` and `server_id` are "" if the proxy does not name the tool's server.
    """

    server: str
    server_id: str
    name: str
    full_name: str
    title: str | None
    description: str | None
    input_schema: Any
    output_schema: Any
    annotations: Any

    @property
    def path(self) -> str:
        """What people call it: `server/tool`, or one word if the server is unknown."""
        return path_of(self.server, self.name, self.full_name)

    def row(self) -> dict[str, Any]:
        """Return the tool as scripts see it; null for what the proxy does not say."""
        return {**self._asdict(), "server": self.server or None, "server_id": self.server_id or None}


def path_of(server: str | None, name: str, full_name: str) -> str:
    """Return the path of a tool: `server/tool`, or one word if the server is unknown."""
    if server:
        return f"{server}/{name}"
    return full_name if "/" in name else name


class Server(NamedTuple):
    """An MCP server behind the proxy. `status` is ok, or LiteLLM's word for the problem; `error` is the reason.

    `wants` is what it needs of each user: `key`, `sign-in`, or `header` (a token in each request); None: nothing, or
    unknown. `is_set` says whether the proxy has the user's key; None if unknown, as for sign-ins. Which servers need
    variables is not in this list.
    """

    name: str
    id: str | None
    alias: str | None
    status: str | None
    tools: int | None
    error: str | None = None
    wants: str | None = None
    is_set: bool | None = None

    @property
    def is_ok(self) -> bool:
        """Whether no problem is known."""
        return self.status in {None, "ok", "healthy", "unknown"}


class Offer(NamedTuple):
    """What a proxy offers: tools and servers sorted by name, and notes on the entries that were skipped.

    `call_path` is the path that takes calls, "" for the usual one. `by_name` is true if the proxy's list has no server
    ids (up to LiteLLM 1.90): some of these releases find a tool by its name alone.
    """

    tools: list[Tool]
    servers: list[Server]
    notes: list[str]
    call_path: str = ""
    by_name: bool = False

    def name_to_call(self, tool: Tool) -> str:
        """Return the name by which the proxy finds this tool, and not that of another server.

        By the bare name, LiteLLM 1.65 to 1.84 call any server that has it, even if a server id is sent too. The oldest
        of them do not know `SERVER-TOOL`, and then call none.
        """
        if not self.by_name or sum(one.name == tool.name for one in self.tools) < 2:
            return tool.name
        alias = next((server.alias for server in self.servers if server.id == tool.server_id and server.alias), None)
        return f"{(alias or tool.server).replace(' ', '_')}-{tool.name}"

    def servers_named(self, text: str) -> list[Server]:
        """Return the servers with this name, alias or id."""
        return [server for server in self.servers if text in {server.name, server.alias, server.id}]


def read_offer(answer: dict[str, Any], listed: Iterable[Any]) -> Offer:
    """Return the offer in what `proxy.mcp.tools` returns (shapes: tests/contract/shapes/mcp_tools_list.*.json).

    `listed` are the rows of /v1/mcp/server, which has servers without tools too, and the server ids that the list of
    tools may lack. A bad entry is skipped, and the others are kept.
    """
    notes: list[str] = []
    found: dict[tuple[str, str], Tool] = {}
    entries = answer.get("tools")
    entries = entries if isinstance(entries, list) else []
    rows = [row for row in listed if isinstance(row, dict)]
    homes = _homes(rows)
    tells_ids = any(_text(_info(entry).get("server_id")) for entry in entries[:MAX_TOOLS])
    bad = deep = duplicates = 0
    for entry in entries[:MAX_TOOLS]:
        tool = _tool(entry, homes)
        # If the proxy lists server ids, no tool can be called without one.
        if tool is None or (tells_ids and not tool.server):
            bad += 1
        elif _is_deep(entry):
            deep += 1
        elif (tool.server_id, tool.name) in found:
            duplicates += 1
        else:
            found[tool.server_id, tool.name] = tool
    for count, why in (
        (bad, "without a name or a server"),
        (deep, "nested too deeply"),
        (duplicates, "that a server lists twice"),
        (max(0, len(entries) - MAX_TOOLS), f"beyond the first {MAX_TOOLS:,}"),
    ):
        if count:
            notes.append(f"skipped {counted(count, 'tool')} {why}")
    tools = _named(sorted(found.values(), key=lambda tool: (tool.server, tool.server_id, tool.name)))
    return Offer(
        tools,
        _servers(answer, tools, rows),
        notes,
        call_path=_text(answer.get("call_path")) or "",
        by_name=bool(tools) and not tells_ids,
    )


def _info(entry: Any) -> dict[str, Any]:
    """Return what a tool's entry or a server's row says about the server."""
    info = entry.get("mcp_info") if isinstance(entry, dict) else None
    return info if isinstance(info, dict) else {}


def _homes(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return name and id of each server by the names that its tools may use for it; "" stands for the only server.

    A name that two servers have is skipped.
    """
    homes: dict[str, tuple[str, str] | None] = {}
    for row in rows:
        home = _row_name(row), _text(row.get("server_id"))
        if home[0] is None or home[1] is None:
            continue
        for name in {_text(_info(row).get("server_name")), home[0]} - {None}:
            homes[str(name)] = None if homes.get(str(name), home) != home else (home[0], home[1])
    found = {name: home for name, home in homes.items() if home is not None}
    if len(rows) == 1 and found:
        found[""] = next(iter(found.values()))
    return found


def _row_name(row: dict[str, Any]) -> str | None:
    return _text(row.get("server_name")) or _text(row.get("server_id"))


def find(tools: Sequence[Tool], text: str) -> Tool:
    """Return the tool named `text`: `server/tool`, its full name, or its name if only one server has it.

    An ambiguous name is exit 2, with the candidates; an unknown name is exit 5. A name with a slash is only ever a
    path: else a tool named `other/tool` would be taken for a tool of the server `other` that is not there.
    """
    for named in (
        [tool for tool in tools if text in {tool.path, f"{tool.server_id}/{tool.name}"}],
        [tool for tool in tools if text == tool.full_name],
        [tool for tool in tools if text == tool.name and "/" not in text],
    ):
        if len(named) == 1:
            return named[0]
        if named:
            names = [tool.path for tool in named]
            if len(set(names)) < len(names):
                names = [tool.full_name for tool in named]
            raise UsageFailure(f'several tools are named "{text}"', remedy=f"use one of {listed(names)}")
    raise unknown(tools, text)


def unknown(tools: Sequence[Tool], text: str) -> Failure:
    """Return the failure for a tool or server that does not exist."""
    servers = {name for tool in tools for name in (tool.server, tool.server_id) if name}
    known = [name for tool in tools for name in (tool.path, tool.full_name, *([] if "/" in tool.name else [tool.name]))]
    if text in servers:
        import shlex  # only on the way to an error

        remedy = f"litellmctl mcp list --server {shlex.quote(text)}"
        return Rejected("not_found", f'"{text}" is an MCP server, not a tool', remedy=remedy)
    server, slash, _ = text.partition("/")
    if slash and not any(text.startswith(f"{name}/") for name in servers) and text not in known:
        near = suggestion(server, sorted(servers))
        message = f'no MCP server "{server}"{near}'
        return Rejected("not_found", message, remedy="litellmctl mcp servers")
    message = f'no MCP tool "{text}"{suggestion(text, known)}'
    return Rejected("not_found", message, remedy="litellmctl mcp list")


def unknown_server(servers: Sequence[Server], text: str) -> Failure:
    """Return the failure for a server that does not exist."""
    near = suggestion(text, [known for server in servers for known in (server.name, server.alias) if known])
    return Rejected("not_found", f'no MCP server "{text}"{near}', remedy="litellmctl mcp servers")


def selected(tools: Iterable[Tool], servers: Sequence[str], globs: Sequence[str]) -> list[Tool]:
    """Return the tools of these servers (names or ids) whose name or path matches one of the patterns.

    A pattern without `*`, `?` and `[` matches anywhere inside a name.
    """
    patterns = [matcher(text) for text in globs]
    return [
        tool
        for tool in tools
        if (not servers or tool.server in servers or tool.server_id in servers)
        and (not patterns or matches((tool.name, tool.path), patterns))
    ]


def _tool(entry: Any, homes: dict[str, tuple[str, str]]) -> Tool | None:
    name = _text(entry.get("name")) if isinstance(entry, dict) else None
    if name is None:
        return None
    info = _info(entry)
    given, own_id = _text(info.get("server_name")), _text(info.get("server_id"))
    known, known_id = homes.get(given or "", ("", "")) if own_id is None else ("", "")
    server = given or own_id or known
    return Tool(
        server=server,
        server_id=own_id or known_id or server,
        name=name,
        full_name="",
        title=_text(entry.get("title")),
        description=_text(entry.get("description")),
        input_schema=entry.get("inputSchema"),
        output_schema=entry.get("outputSchema"),
        annotations=entry.get("annotations"),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _named(tools: list[Tool]) -> list[Tool]:
    """Give each tool its full name. A name that is too long, or not unique, gets a suffix."""
    plain = [re.sub(r"[^a-z0-9_]+", "_", _plain_name(tool).lower()) for tool in tools]
    names = plain
    for digits in SUFFIX_DIGITS:  # a longer one if somebody crafted a clash
        count = Counter(names)
        names = [
            name if count[name] == 1 and len(name) <= MAX_NAME else suffixed(own, tool, digits)
            for name, own, tool in zip(names, plain, tools, strict=True)
        ]
    return [tool._replace(full_name=name) for name, tool in zip(names, tools, strict=True)]


def _plain_name(tool: Tool) -> str:
    return f"mcp_{tool.server}_{tool.name}" if tool.server else f"mcp_{tool.name}"


def suffixed(name: str, tool: Tool, digits: int, most: int = MAX_NAME) -> str:
    """Return a name of at most `most` characters for a tool, with so many digits that stand for it alone."""
    from hashlib import sha256

    text = f"{tool.server}\0{tool.server_id}\0{tool.name}"
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{name[: most - digits - 1]}_{digest}"


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _servers(answer: dict[str, Any], tools: list[Tool], listed: Iterable[dict[str, Any]]) -> list[Server]:
    count = Counter(tool.server for tool in tools if tool.server)
    ids = {tool.server: tool.server_id for tool in tools}
    outcomes = answer.get("server_outcomes")
    outcomes = outcomes if isinstance(outcomes, dict) else {}
    rows: dict[str, dict[str, Any]] = {}
    for row in listed:
        name = _row_name(row)
        if name is not None:
            rows[name] = row
    servers = []
    for name in sorted({*rows, *outcomes, *count}):
        row = rows.get(name, {})
        outcome = outcomes.get(name)
        outcome = outcome if isinstance(outcome, dict) else {}
        status = _text(outcome.get("status")) or ("ok" if count[name] else _text(row.get("status")))
        error = _text(outcome.get("message")) or _text(outcome.get("error")) or _text(row.get("health_check_error"))
        servers.append(
            Server(
                name=name,
                id=ids.get(name) or _text(row.get("server_id")),
                alias=_text(row.get("alias")),
                status=status,
                tools=count[name] if status == "ok" or count[name] else None,
                error=error,
                wants=wants_of(row),
                is_set=row["has_user_credential"] if isinstance(row.get("has_user_credential"), bool) else None,
            )
        )
    return servers


def wants_of(row: dict[str, Any]) -> str | None:
    """Return what a server needs of each user, by its row of /v1/mcp/server (types.mcp.MCPAuth of LiteLLM)."""
    kind = row.get("auth_type")
    if kind == "oauth2":
        return None if row.get("oauth2_flow") == "client_credentials" else SIGN_IN
    if row.get("is_byok") is True:
        return KEY
    return HEADER if kind in ("true_passthrough", "oauth_delegate") else None
