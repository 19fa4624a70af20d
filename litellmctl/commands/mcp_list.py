"""`mcp servers`, `mcp list`, `mcp show`: the MCP servers behind the proxy and their tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.commands.mcp_shared import found_tool, of_servers, server_header, take_headers
from litellmctl.errors import Unavailable
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean, counted, cut, short
from litellmctl.server_credentials.wanted import commands, missing, needs, remedy_of_status
from litellmctl.terminal.render import Column, Data, Listing, Record, Row
from litellmctl.terminal.streams import GREEN, RED
from litellmctl.tools.tool import STYLES, Server, path_of, unknown_server

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.tools.tool import Offer

_MAX_WARNINGS = 20
_STATUS_STYLES = {"ok": GREEN, "healthy": GREEN, "unknown": "", "": ""}

FIELDS = {
    "server": "Name of the MCP server; null if unknown.",
    "server_id": "Server ID.",
    "name": "Name on its server.",
    "full_name": "Name for function calling, at most 64 of a-z, 0-9 and _.",
    "title": "Title.",
    "description": "Description.",
    "input_schema": "JSON Schema of the arguments.",
    "output_schema": "JSON Schema of the structured result.",
    "annotations": "Hints of the server: readOnlyHint, destructiveHint ...",
}
# Objects, whose keys the server chooses.
PARTS: dict[str, Sequence[str]] = {"input_schema": (), "output_schema": (), "annotations": ()}
SERVER_FIELDS = {
    "name": "Server name.",
    "id": "Server ID.",
    "alias": "Alias; null if it has none.",
    "status": "ok, or the problem (unreachable ...); null if unknown.",
    "tools": "Number of tools; null if unknown.",
    "error": "Reason why the server has no tools, in the proxy's words.",
    "wants": "What the server needs of you: key, sign-in or header; null if nothing or unknown.",
    "is_set": "Whether your key is set; null if unknown.",
}


def _path(row: Row) -> str:
    return path_of(row["server"], row["name"], row["full_name"])


def _state(row: Row) -> str:
    """Return the status for people: what the server needs of them, where that is missing."""
    lacks = missing(Server(**row))
    return clean(row["status"] or "") if lacks is None else f"needs {lacks}"


def _status_style(row: Row) -> str:
    return _STATUS_STYLES.get(row["status"] or "", RED)


COLUMNS = (
    Column("TOOL", lambda row: clean(_path(row)), field="full_name", value=_path),
    Column(
        "DESCRIPTION",
        lambda row: short(row["description"] or row["title"] or "-"),
        field="description",
        value=lambda row: row["description"] or row["title"],
        least=20,
    ),
)
SERVER_COLUMNS = (
    Column("NAME", lambda row: clean(row["name"]), field="name"),
    Column("STATUS", _state, field="status", style=_status_style),
    Column(
        "TOOLS",
        lambda row: "" if row["tools"] is None else f"{row['tools']:,}",
        right=True,
        field="tools",
    ),
    Column("ERROR", lambda row: cut(clean(row["error"] or "-")), field="error", least=12, drop=1),
    Column("ID", lambda row: clean(row["id"] or ""), field="id", drop=2),
)

_strict = click.option("--strict", is_flag=True, help="Fail if a server cannot be reached.")


@command(
    "servers",
    fields=SERVER_FIELDS,
    columns=SERVER_COLUMNS,
    examples="""
    # List the servers and their state
    $ litellmctl mcp servers
    # In a health check: exit code 3 if a server cannot be reached
    $ litellmctl mcp servers --strict -q > /dev/null
    # Only servers with a problem
    $ litellmctl mcp servers --json | jq '.[] | select(.status != "ok")'
    """,
)
@_strict
@server_header
@pass_app
def servers(app: App, *, strict: bool, server_headers: Sequence[str]) -> Listing:
    """List the MCP servers and whether they can be reached."""
    take_headers(app, server_headers)
    app.catalogs.require_mcp()
    offer = app.catalogs.fetch_tools().offer
    for note in offer.notes:
        app.console.note(note)
    if strict:
        _require_reachable(app, offer.servers, remedy="run it again later")
    rows = (server._asdict() for server in offer.servers)
    return Listing(
        rows, SERVER_COLUMNS, empty="This key has no MCP servers.", after=commands(map(remedy_of_status, offer.servers))
    )


@command(
    "list",
    fields=FIELDS,
    parts=PARTS,
    columns=COLUMNS,
    examples="""
    # List the tools
    $ litellmctl mcp list
    # Only one server's tools with "issue" in their name
    $ litellmctl mcp list --server github --filter issue
    # As the tools of a chat completion
    $ litellmctl mcp list --as openai | jq '{model: "gpt-4o", tools: .}'
    # Names for a script
    $ litellmctl mcp list --json | jq -r '.[].full_name'
    """,
)
@of_servers
@click.option(
    "--filter",
    "globs",
    multiple=True,
    metavar="GLOB",
    help='Part of the name, or a glob "get_*" (repeatable).',
)
@click.option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    help="Print definitions for function calling: openai or anthropic.",
)
@click.option("--refresh", is_flag=True, help="Request a new list from the proxy.")
@_strict
@server_header
@pass_app
def list_(
    app: App,
    *,
    servers: Sequence[str],
    globs: Sequence[str],
    style: str | None,
    refresh: bool,
    strict: bool,
    server_headers: Sequence[str],
) -> Listing | Data:
    """List the MCP tools.

    The list is cached for an hour.
    """
    from litellmctl.tools.tool import selected

    take_headers(app, server_headers)
    offer = app.catalogs.tools(refresh=refresh).offer
    for name in servers:
        if not offer.servers_named(name):
            raise unknown_server(offer.servers, name)
    asked = [server for name in servers for server in offer.servers_named(name)] if servers else offer.servers
    for note in offer.notes:
        app.console.note(note)
    _warn_of_servers(app, asked)
    if strict:
        _require_reachable(app, asked, remedy="litellmctl mcp servers")
    # Tools carry the name of their server, not its alias.
    aliased = [server.name for server in asked if server.alias in servers]
    tools = selected(offer.tools, [*servers, *aliased], globs)
    if style is not None:
        from litellmctl.tools.definitions import definitions

        return Data(definitions(tools, style, app.console.note))
    empty = "No MCP tools match." if servers or globs else "No MCP tools."
    return Listing((tool.row() for tool in tools), _columns(offer), empty=empty)


def _columns(offer: Offer) -> Sequence[Column]:
    """Return the columns, in which each tool has a name that `show` and `call` take, also where two have one path."""
    count = Counter(tool.path for tool in offer.tools)
    if len(count) == len(offer.tools):
        return COLUMNS

    def name(row: Row) -> str:
        return _path(row) if count[_path(row)] == 1 else str(row["full_name"])

    return (COLUMNS[0]._replace(cell=lambda row: clean(name(row)), value=name), *COLUMNS[1:])


@command(
    "show",
    fields=FIELDS,
    parts=PARTS,
    examples="""
    # Show the parameters
    $ litellmctl mcp show github/create_issue
    # Print the schema
    $ litellmctl mcp show github/create_issue --json | jq .input_schema
    """,
)
@click.argument("tool", metavar="TOOL", shell_complete=completes("tools"))
@server_header
@pass_app
def show(app: App, *, tool: str, server_headers: Sequence[str]) -> Record:
    """Show the parameters of a tool, with an example call."""
    from litellmctl.tools.page import page

    take_headers(app, server_headers)
    _, found = found_tool(app, tool)
    return Record(found.row(), page(found, app.console.width, app.console.quoted))


def _warn_of_servers(app: App, asked: Sequence[Server]) -> None:
    """Name the servers whose tools are missing from the list."""
    down = [server for server in asked if not server.is_ok]
    for server in down[:_MAX_WARNINGS]:
        why = f": {cut(server.error)}" if server.error else ""
        lacks, remedy = needs(server), remedy_of_status(server)
        is_so = f"{lacks}:" if lacks else f"is {server.status}{why}"
        app.console.warn(f"MCP server {cut(server.name)} {is_so}", remedy or "")
    if len(down) > _MAX_WARNINGS:
        more = counted(len(down) - _MAX_WARNINGS, "more MCP server")
        app.console.warn(f"{more} cannot be reached (litellmctl mcp servers)")


def _require_reachable(app: App, asked: Sequence[Server], *, remedy: str) -> None:
    """Make the command fail at its end if one of the servers cannot be reached."""
    down = [server.name for server in asked if not server.is_ok]
    if down:
        noun = "MCP server" if len(down) == 1 else "MCP servers"
        app.failures.append(Unavailable("server_error", f"cannot reach {noun} {listed(down)}", remedy=remedy))
