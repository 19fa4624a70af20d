"""`mcp`: find and call the MCP tools behind the proxy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, group, pass_app
from litellmctl.errors import Failure, Rejected, Unavailable, UsageFailure, suggestion
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean, counted, cut, short
from litellmctl.terminal.render import Column, Data, Listing, Record, Row, Stream, Text
from litellmctl.terminal.streams import GREEN, RED
from litellmctl.tools.tool import STYLES, path_of

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.tools.tool import Offer, Server, Tool

CALL_SECONDS = 120.0
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
}


def _path(row: Row) -> str:
    return path_of(row["server"], row["name"], row["full_name"])


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
    Column("STATUS", lambda row: clean(row["status"] or ""), field="status", style=_status_style),
    Column(
        "TOOLS",
        lambda row: "" if row["tools"] is None else f"{row['tools']:,}",
        right=True,
        field="tools",
    ),
    Column("ERROR", lambda row: cut(clean(row["error"] or "-")), field="error", least=12, drop=1),
    Column("ID", lambda row: clean(row["id"] or ""), field="id", drop=2),
)


@group("mcp")
def mcp() -> None:
    """Find and call MCP tools behind the proxy.

    TOOL is SERVER/TOOL, the full name mcp_SERVER_TOOL, or the tool's own name if only one server has it.
    """


mcp.aliases = {**mcp.aliases, "tools": "list"}

_server_header = click.option(
    "--server-header",
    "server_headers",
    multiple=True,
    metavar="SERVER:NAME=VALUE",
    help="Header for an MCP server, as $VARIABLE or @FILE (repeatable).",
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
@_server_header
@pass_app
def servers(app: App, *, strict: bool, server_headers: Sequence[str]) -> Listing:
    """List the MCP servers and whether they can be reached."""
    _take_headers(app, server_headers)
    app.catalogs.require_mcp()
    offer = app.catalogs.fetch_tools().offer
    for note in offer.notes:
        app.console.note(note)
    if strict:
        _require_reachable(app, offer.servers, remedy="run it again later")
    rows = (server._asdict() for server in offer.servers)
    return Listing(rows, SERVER_COLUMNS, empty="This key has no MCP servers.")


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
@click.option(
    "--server",
    "only",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("servers"),
    help="Only tools of this server: name, alias or ID (repeatable).",
)
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
@_server_header
@pass_app
def list_(
    app: App,
    *,
    only: Sequence[str],
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

    _take_headers(app, server_headers)
    offer = app.catalogs.tools(refresh=refresh).offer
    for name in only:
        if not offer.servers_named(name):
            raise _no_server(offer, name)
    asked = [server for name in only for server in offer.servers_named(name)] if only else offer.servers
    for note in offer.notes:
        app.console.note(note)
    _warn_of_servers(app, asked)
    if strict:
        _require_reachable(app, asked, remedy="litellmctl mcp servers")
    # Tools carry the name of their server, not its alias.
    aliased = [server.name for server in asked if server.alias in only]
    tools = selected(offer.tools, [*only, *aliased], globs)
    if style is not None:
        from litellmctl.tools.definitions import definitions

        return Data(definitions(tools, style, app.console.note))
    empty = "No MCP tools match." if only or globs else "No MCP tools."
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
@_server_header
@pass_app
def show(app: App, *, tool: str, server_headers: Sequence[str]) -> Record:
    """Show the parameters of a tool, with an example call."""
    from litellmctl.tools.page import page

    _take_headers(app, server_headers)
    _, found = _found(app, tool)
    return Record(found.row(), page(found, app.console.width, app.console.quoted))


@command(
    "call",
    examples="""
    # Text, numbers and booleans as NAME=VALUE; anything else as JSON
    $ litellmctl mcp call github/create_issue repo=acme/site labels:='["bug"]'
    # A field of an object, a file's text, a list
    $ litellmctl mcp call crm/add person.name=Ada note=@note.txt tag=new tag=vip
    # All arguments from a file, and the whole result
    $ litellmctl mcp call crm/add --args @ada.json --json | jq .structuredContent
    # One call per line, eight at a time, results in order
    $ litellmctl mcp call crm/add --jsonl people.jsonl --jobs 8 | jq -c .isError
    """,
)
@click.argument("tool", metavar="TOOL", shell_complete=completes("tools"))
@click.argument("items", nargs=-1, metavar="[NAME=VALUE|NAME:=JSON]...", shell_complete=completes("arguments"))
@click.option("--args", "whole", metavar="JSON|@FILE|-", help="All arguments, as a JSON object.")
@click.option("--no-check", is_flag=True, help="Send the arguments without checking them.")
@click.option("--structured", is_flag=True, help="Print only the structured content, as JSON.")
@click.option(
    "--output-dir",
    metavar="DIR",
    shell_complete=completes("folders"),
    help="Folder for images, audio and embedded files.",
)
@click.option(
    "--jsonl",
    metavar="FILE|-",
    shell_complete=completes("files"),
    help="Call once per line, a JSON object of arguments.",
)
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1, 64), default=4, help="Calls at a time with --jsonl (default: 4)."
)
@_server_header
@pass_app
def call(
    app: App,
    *,
    tool: str,
    items: Sequence[str],
    whole: str | None,
    no_check: bool,
    structured: bool,
    output_dir: str | None,
    jsonl: str | None,
    jobs: int,
    server_headers: Sequence[str],
) -> Record | Data | Text | Stream | None:
    """Call an MCP tool and print its result.

    Arguments are checked against the tool's schema before anything is sent. NAME=VALUE is converted to the type that
    the schema asks for, and a repeated NAME fills an array; NAME=@FILE and NAME=- read text; NAME:=JSON is JSON. With
    --jsonl, all lines are checked before the first call, and the results are printed as JSON lines. A call is never
    retried. If the tool reports an error, the exit code is 5.

    --json prints the proxy's result object unchanged. LiteLLM 1.80 and older send only the content, which is printed
    as {"content": [...], "isError": ...}; whether the tool failed is then read from its text.
    """
    from litellmctl.commands.mcp_result import many, printed
    from litellmctl.foundation.threads import in_order
    from litellmctl.tools.calls import Caller
    from litellmctl.tools.result import make_folder

    _take_headers(app, server_headers)
    others = [*(["--structured"] if structured else []), *(["--output-dir"] if output_dir is not None else [])]
    if jsonl is not None and others:
        options = " and ".join(others)
        raise UsageFailure(f"--jsonl cannot be combined with {options}", remedy=f"remove {options}")
    sources = [whole or "", jsonl or "", *(item.partition("=")[2] for item in items)]
    if [source.removeprefix("@") for source in sources].count("-") > 1:
        raise UsageFailure("stdin can be read only once", remedy='use "-" only once')
    offer, found = _found(app, tool)
    caller = Caller(
        offer,
        found,
        app.catalogs.mcp_client,
        app.connection.pair.credential.current,
        app.catalogs.tool_cache.drop,
        checks=not no_check,
        seconds=app.options.timeout or CALL_SECONDS,
        stdin=lambda: app.console.stdin_bytes,
    )
    base = {} if whole is None else caller.read_object(whole)
    single = caller.read_items(items)
    if jsonl is not None:
        lines = caller.lines(jsonl, base, single)
        return Stream(many(app, in_order(lines, lambda line: caller.line(line, base, single), jobs)))
    arguments = caller.arguments(base, single)
    if output_dir is not None:
        make_folder(output_dir)
    return printed(app, found, caller.call(arguments), structured=structured, output_dir=output_dir)


def _take_headers(app: App, texts: Sequence[str]) -> None:
    """Add the user's own headers for MCP servers. Literal values are refused: the process list would show them."""
    import re

    from litellmctl.settings import values
    from litellmctl.settings.definitions import TABLES

    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(TABLES["mcp_headers"], name):
            raise UsageFailure(
                "--server-header is not SERVER:NAME=VALUE", remedy="--server-header 'github:token=$TOKEN'"
            )
        if value.startswith("@"):
            from litellmctl.tools.calls import read_file

            parsed = values.Value("literal", read_file(value[1:]).strip(), name)
        else:
            parsed = values.parse(value, named=f"--server-header {name}")
            if parsed.kind != "variable":
                raise UsageFailure(
                    f"--server-header {name}: the value would be visible in the process list",
                    remedy=f"put it in a variable or a file, and pass '{name}=$VARIABLE' or {name}=@FILE",
                )
        app.catalogs.server_headers[name] = parsed


def _found(app: App, text: str) -> tuple[Offer, Tool]:
    """Return the tool and the offer that it is in. A cached offer without it is refreshed once."""
    from litellmctl.tools.tool import find

    catalog = app.catalogs.tools()
    try:
        return catalog.offer, find(catalog.offer.tools, text)
    except Rejected:
        if app.connection.is_offline or catalog.age < 1:
            raise
    offer = app.catalogs.fetch_tools().offer
    return offer, find(offer.tools, text)


def _warn_of_servers(app: App, asked: Sequence[Server]) -> None:
    """Name the servers whose tools are missing from the list."""
    down = [server for server in asked if not server.is_ok]
    for server in down[:_MAX_WARNINGS]:
        why = f": {cut(server.error)}" if server.error else ""
        app.console.warn(f"MCP server {cut(server.name)} is {server.status}{why}")
    if len(down) > _MAX_WARNINGS:
        more = counted(len(down) - _MAX_WARNINGS, "more MCP server")
        app.console.warn(f"{more} cannot be reached (litellmctl mcp servers)")


def _require_reachable(app: App, asked: Sequence[Server], *, remedy: str) -> None:
    """Make the command fail at its end if one of the servers cannot be reached."""
    down = [server.name for server in asked if not server.is_ok]
    if down:
        noun = "MCP server" if len(down) == 1 else "MCP servers"
        app.failures.append(Unavailable("server_error", f"cannot reach {noun} {listed(down)}", remedy=remedy))


def _no_server(offer: Offer, name: str) -> Failure:
    near = suggestion(name, [known for server in offer.servers for known in (server.name, server.alias) if known])
    return Rejected("not_found", f'no MCP server "{name}"{near}', remedy="litellmctl mcp servers")


for _command in (servers, list_, show, call):
    mcp.add_command(_command)
