"""MCP tools and servers, as a proxy tells of them, and the names by which people and models call them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from litellmctl.errors import Failure, Rejected, UsageFailure, suggestion
from litellmctl.foundation.globs import matches
from litellmctl.foundation.text import counted

MAX_TOOLS = 4096
_MAX_NAME = 64
# The forms in which `definitions` gives tools for function calling.
STYLES = ("openai", "anthropic")
_SUFFIX_DIGITS = (8, 16, 32)
_MAX_DEPTH = 100
# What a chat completion refuses at the top of a function's parameters.
_NOT_AT_THE_TOP = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "enum", "const", "if", "then", "else"})


class Tool(NamedTuple):
    """A tool. The schemas and annotations are the server's own, unchecked; None where it gives none."""

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
        """The name that nothing else at this proxy has: `server/tool`."""
        return f"{self.server}/{self.name}"


class Server(NamedTuple):
    """An MCP server behind the proxy. `status` is ok, or LiteLLM's word for what is the matter; `error` is why."""

    name: str
    id: str | None
    alias: str | None
    status: str | None
    tools: int | None
    error: str | None = None

    @property
    def is_ok(self) -> bool:
        """Whether nothing is known to be the matter."""
        return self.status in {None, "ok", "healthy", "unknown"}


class Offer(NamedTuple):
    """What a proxy offers: tools and servers in order of their names, and what was dropped, and why."""

    tools: list[Tool]
    servers: list[Server]
    notes: list[str]


def read_offer(answer: dict[str, Any], listed: Iterable[Any]) -> Offer:
    """Return what /mcp-rest/tools/list answered (tests/contract/shapes/mcp_tools_list.*.json).

    `listed` are the rows of /v1/mcp/server, which know of servers without tools. Each bad entry is left out alone.
    """
    notes: list[str] = []
    found: dict[tuple[str, str], Tool] = {}
    entries = answer.get("tools")
    entries = entries if isinstance(entries, list) else []
    bad = deep = duplicates = 0
    for entry in entries[:MAX_TOOLS]:
        tool = _tool(entry)
        if tool is None:
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
        (duplicates, "offered twice by one server"),
        (max(0, len(entries) - MAX_TOOLS), f"beyond the first {MAX_TOOLS}"),
    ):
        if count:
            notes.append(f"left out {counted(count, 'tool')} {why}")
    tools = _named(sorted(found.values(), key=lambda tool: (tool.server, tool.server_id, tool.name)))
    return Offer(tools, _servers(answer, tools, listed), notes)


def find(tools: Sequence[Tool], text: str) -> Tool:
    """Return the tool that `text` names: `server/tool`, its full name, or its name where only one server has it.

    An ambiguous name is exit 2, listing the candidates; one that nothing has is exit 5. A name with a slash is a path
    and nothing else, lest a server's tool named `other/tool` be taken for the other's when that is away.
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
            raise UsageFailure(f'"{text}" is the name of several tools', remedy=f"use one of {', '.join(names)}")
    raise unknown(tools, text)


def unknown(tools: Sequence[Tool], text: str) -> Failure:
    """Return the failure for a tool or server that is not there."""
    servers = {name for tool in tools for name in (tool.server, tool.server_id)}
    known = [name for tool in tools for name in (tool.path, tool.full_name, *([] if "/" in tool.name else [tool.name]))]
    server, slash, _ = text.partition("/")
    if slash and not any(text.startswith(f"{name}/") for name in servers) and text not in known:
        near = suggestion(server, sorted(servers))
        return Rejected("not_found", f'no MCP server "{server}".{near}', remedy="litellmctl mcp servers")
    return Rejected("not_found", f'no MCP tool "{text}".{suggestion(text, known)}', remedy="litellmctl mcp list")


def selected(tools: Iterable[Tool], servers: Sequence[str], globs: Sequence[str]) -> list[Tool]:
    """Return the tools of these servers (by name or id) whose name or path is like one of the patterns."""
    return [
        tool
        for tool in tools
        if (not servers or tool.server in servers or tool.server_id in servers)
        and (not globs or matches((tool.name, tool.path), globs))
    ]


def _tool(entry: Any) -> Tool | None:
    if not isinstance(entry, dict):
        return None
    info = entry.get("mcp_info")
    info = info if isinstance(info, dict) else {}
    name, server = _text(entry.get("name")), _text(info.get("server_name")) or _text(info.get("server_id"))
    if name is None or server is None:
        return None
    return Tool(
        server=server,
        server_id=_text(info.get("server_id")) or server,
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
    """Give each tool its full name. One that had to be cut, or is another's too, gets a suffix of its own."""
    plain = [re.sub(r"[^a-z0-9_]+", "_", f"mcp_{tool.server}_{tool.name}".lower()) for tool in tools]
    names = plain
    for digits in _SUFFIX_DIGITS:  # a longer one where somebody took the trouble to find a clash
        count = Counter(names)
        names = [
            name if count[name] == 1 and len(name) <= _MAX_NAME else _suffixed(own, tool, digits)
            for name, own, tool in zip(names, plain, tools, strict=True)
        ]
    return [tool._replace(full_name=name) for name, tool in zip(names, tools, strict=True)]


def _suffixed(name: str, tool: Tool, digits: int) -> str:
    from hashlib import sha256

    text = f"{tool.server}\0{tool.server_id}\0{tool.name}"
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{name[: _MAX_NAME - digits - 1]}_{digest}"


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


def _servers(answer: dict[str, Any], tools: list[Tool], listed: Iterable[Any]) -> list[Server]:
    count = Counter(tool.server for tool in tools)
    ids = {tool.server: tool.server_id for tool in tools}
    outcomes = answer.get("server_outcomes")
    outcomes = outcomes if isinstance(outcomes, dict) else {}
    rows: dict[str, dict[str, Any]] = {}
    for row in listed:
        name = _text(row.get("server_name")) or _text(row.get("server_id")) if isinstance(row, dict) else None
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
            )
        )
    return servers


def definitions(tools: Iterable[Tool], style: str) -> list[dict[str, Any]]:
    """Return the tools for function calling, in the form of `openai` or `anthropic`."""
    made = []
    for tool in tools:
        parameters = _parameters(tool.input_schema)
        about = {"name": tool.full_name, "description": tool.description or tool.title or tool.name}
        if style == "anthropic":
            made.append({**about, "input_schema": parameters})
        else:
            made.append({"type": "function", "function": {**about, "parameters": parameters}})
    return made


def _parameters(input_schema: Any) -> dict[str, Any]:
    """Return the schema of an object, which chat completions insist on: one that is not refuses the whole request."""
    from litellmctl.tools.schema import Schema

    schema = Schema(input_schema)
    top = {name: value for name, value in {**schema.whole, **schema.top}.items() if name not in _NOT_AT_THE_TOP}
    fields = {name: part if isinstance(part, dict | bool) else {} for name, part in schema.fields.items()}
    required = schema.required
    top.pop("required", None)
    return {**top, "type": "object", "properties": fields, **({"required": required} if required else {})}
