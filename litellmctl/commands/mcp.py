"""`mcp`: find and call the MCP tools behind the proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, group, pass_app
from litellmctl.errors import Failure, Rejected, Unavailable, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean, clean_text, counted, cut, dump_json, short
from litellmctl.terminal.render import Column, Data, Listing, Record, Row, Stream, Text
from litellmctl.tools.tool import STYLES

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.tools.calls import Outcome
    from litellmctl.tools.result import Attachment, Result
    from litellmctl.tools.tool import Offer, Server, Tool

CALL_SECONDS = 120.0
_MAX_DESCRIPTION = 70
# Of what is no text in a result: so much is named, and so much saved. A proxy may be malicious.
_MAX_NAMED = 20
_MAX_SAVED = 1000
_MAX_WARNINGS = 20
_MAX_WIDTH = 80

FIELDS = {
    "server": "The MCP server's name; null if the proxy does not say.",
    "server_id": "Its id at the proxy.",
    "name": "The tool's name at its server.",
    "full_name": "A name for function calling, at most 64 characters of a-z, 0-9 and _.",
    "title": "Its title for people.",
    "description": "What it does.",
    "input_schema": "The JSON Schema of its arguments.",
    "output_schema": "The JSON Schema of its structured result.",
    "annotations": "What it says about itself: readOnlyHint, destructiveHint ...",
}
SERVER_FIELDS = {
    "name": "The server's name.",
    "id": "Its id at the proxy.",
    "alias": "Its alias.",
    "status": "ok, or what is the matter: unreachable ...",
    "tools": "How many tools it offers.",
    "error": "Why it offers none, in the proxy's words.",
}


@group("mcp")
def mcp() -> None:
    """Find and call the MCP tools behind the proxy.

    A tool is named SERVER/TOOL, by its full name mcp_SERVER_TOOL, or by its own name where only one server has it.
    """


_server_header = click.option(
    "--server-header",
    "server_headers",
    multiple=True,
    metavar="SERVER:NAME=VALUE",
    help="Send your own header to an MCP server; VALUE is $VARIABLE or @FILE (repeatable).",
)
_strict = click.option("--strict", is_flag=True, help="Fail where a server could not be asked.")


@command(
    "servers",
    fields=SERVER_FIELDS,
    examples="""
    # Which servers are there, and do they answer?
    $ litellmctl mcp servers
    # In a health check
    $ litellmctl mcp servers --strict -q > /dev/null
    # Those that do not
    $ litellmctl mcp servers --json | jq '.[] | select(.status != "ok")'
    """,
)
@_strict
@_server_header
@pass_app
def servers(app: App, *, strict: bool, server_headers: Sequence[str]) -> Listing:
    """List the MCP servers, and whether they answer."""
    _take_headers(app, server_headers)
    app.catalogs.require_mcp()
    offer = app.catalogs.fetch_tools().offer
    _warn_of_servers(app, offer, offer.servers, strict=strict)
    rows = (server._asdict() for server in offer.servers)
    columns = [
        Column("NAME", lambda row: clean(row["name"])),
        Column("STATUS", lambda row: clean(row["status"] or "")),
        Column("TOOLS", lambda row: "" if row["tools"] is None else str(row["tools"]), right=True),
        Column("ID", lambda row: clean(row["id"] or "")),
        Column("ERROR", lambda row: clean(row["error"] or "-")),
    ]
    return Listing(rows, columns, empty="This key may use no MCP server.")


@command(
    "list",
    fields=FIELDS,
    examples="""
    # Which tools are there?
    $ litellmctl mcp list
    # Those of one server that have to do with issues
    $ litellmctl mcp list --server github --filter '*issue*'
    # As `tools` of a chat completion
    $ litellmctl mcp list --as openai | jq '{model: "gpt-4o", tools: ., messages: []}'
    # Their names
    $ litellmctl mcp list --json | jq -r '.[].full_name'
    """,
)
@click.option(
    "--server",
    "only",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("servers"),
    help="List the tools of this server (repeatable).",
)
@click.option("--filter", "globs", multiple=True, metavar="GLOB", help='Names like "get_*" (repeatable).')
@click.option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    help="Print tool definitions for function calling: openai or anthropic.",
)
@click.option("--refresh", is_flag=True, help="Ask the proxy, whatever is cached.")
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
    """List the MCP tools. The list is cached for an hour."""
    from litellmctl.tools.tool import selected

    _take_headers(app, server_headers)
    offer = app.catalogs.tools(refresh=refresh).offer
    asked = [server for server in offer.servers if not only or server.name in only or server.id in only]
    for name in only:
        if not any(name in {server.name, server.id} for server in offer.servers):
            raise _no_server(offer, name)
    _warn_of_servers(app, offer, asked, strict=strict)
    tools = selected(offer.tools, only, globs)
    if style is not None:
        from litellmctl.tools.definitions import definitions

        return Data(definitions(tools, style, app.console.note))
    columns = [
        Column("TOOL", lambda row: clean(row["name"] if row["server"] is None else f"{row['server']}/{row['name']}")),
        Column("DESCRIPTION", lambda row: short(row["description"] or row["title"] or "", _MAX_DESCRIPTION)),
    ]
    return Listing((tool.row() for tool in tools), columns, empty="No MCP tool matches.")


@command(
    "show",
    fields=FIELDS,
    examples="""
    # What does it take?
    $ litellmctl mcp show github/create_issue
    # The schema itself
    $ litellmctl mcp show github/create_issue --json | jq .input_schema
    """,
)
@click.argument("tool", metavar="TOOL", shell_complete=completes("tools"))
@_server_header
@pass_app
def show(app: App, *, tool: str, server_headers: Sequence[str]) -> Record:
    """Show a tool's parameters, and how it is called."""
    _take_headers(app, server_headers)
    _, found = _found(app, tool)
    return Record(found.row(), _page(app, found))


@command(
    "call",
    examples="""
    # Texts, numbers and booleans by their names; anything else as JSON
    $ litellmctl mcp call github/create_issue repo=acme/site title='It broke' labels:='["bug"]'
    # A field of an object, a file's text, a list
    $ litellmctl mcp call crm/add person.name=Ada note=@note.txt tag=new tag=vip
    # All at once, and the whole result
    $ litellmctl mcp call crm/add --args @ada.json --json | jq .structuredContent
    # One call for each line, eight at a time, in order
    $ litellmctl mcp call crm/add --jsonl people.jsonl --jobs 8 | jq -c .isError
    """,
)
@click.argument("tool", metavar="TOOL", shell_complete=completes("tools"))
@click.argument("items", nargs=-1, metavar="[NAME=VALUE|NAME:=JSON]...", shell_complete=completes("arguments"))
@click.option("--args", "whole", metavar="JSON|@FILE|-", help="Take the whole arguments object from here.")
@click.option("--no-check", is_flag=True, help="Send the arguments without checking them against the schema.")
@click.option("--structured", is_flag=True, help="Print the structured content only, as JSON.")
@click.option(
    "--output-dir",
    metavar="DIR",
    shell_complete=completes("folders"),
    help="Save pictures, audio and embedded files here.",
)
@click.option(
    "--jsonl",
    metavar="FILE|-",
    shell_complete=completes("files"),
    help="Call once for each line, an arguments object, once all are checked; print result objects.",
)
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1, 64), default=4, help="With --jsonl, that many calls at a time (4)."
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
    """Call an MCP tool, once, and print what it answers.

    Arguments are checked against the tool's schema before anything is sent. NAME=VALUE becomes what the schema asks
    for, and a repeated NAME fills an array; NAME=@FILE and NAME=- read text; NAME:=JSON is JSON. A call is never
    repeated, whatever the proxy answers. A tool that reports an error exits 5.

    --json prints the proxy's result object untouched. Up to LiteLLM 1.80 the proxy sends the content alone, which is
    printed as {"content": [...], "isError": ...}; whether the tool failed is then known from its text.
    """
    from litellmctl.foundation.threads import in_order
    from litellmctl.tools.calls import Caller
    from litellmctl.tools.result import make_folder

    _take_headers(app, server_headers)
    if jsonl is not None and (structured or output_dir is not None):
        raise UsageFailure("--jsonl prints whole results", remedy="leave out --structured and --output-dir")
    sources = [whole or "", jsonl or "", *(item.partition("=")[2] for item in items)]
    if [source.removeprefix("@") for source in sources].count("-") > 1:
        raise UsageFailure("stdin can be read once only", remedy="use - in one place")
    offer, found = _found(app, tool)
    seconds = app.options.timeout or CALL_SECONDS
    caller = Caller(
        offer,
        found,
        app.catalogs.mcp_client,
        app.connection.pair.credential.current,
        app.catalogs.tool_cache.drop,
        checks=not no_check,
        seconds=seconds,
        stdin=lambda: app.console.stdin_bytes,
    )
    base = {} if whole is None else caller.read_object(whole)
    single = caller.read_items(items)
    if jsonl is not None:
        lines = caller.lines(jsonl, base, single)
        outcomes = in_order(lines, lambda line: caller.line(line, base, single), jobs)
        return Stream(_many(app, outcomes))
    arguments = caller.arguments(base, single)
    if output_dir is not None:
        make_folder(output_dir)
    result = caller.call(arguments)
    return _printed(app, found, result, structured=structured, output_dir=output_dir)


def _printed(
    app: App, tool: Tool, result: Result, *, structured: bool, output_dir: str | None
) -> Record | Data | Text | None:
    """Return what to print of a result; an error's content goes to stderr, unless the whole result was asked for."""
    from litellmctl.tools.result import failed

    texts = _texts(app, result, output_dir)
    if app.options.wants_json and not structured:
        if result.is_error:
            app.failures.append(failed(tool.path))
        return Record(result.whole)
    if result.is_error:
        for text in texts or ([] if result.structured is None else [dump_json(result.structured)]):
            app.console.quote(text)
        raise failed(tool.path)
    if not structured and texts:
        text = "\n".join(map(clean_text, texts))
        return Text(app.console.quoted(text) if app.console.stdout_is_terminal else text)
    if result.structured is not None:
        return Data(result.structured)
    if structured:
        raise Rejected("rejected", f"{tool.path} gave no structured content", remedy="leave out --structured")
    return None


def _texts(app: App, result: Result, output_dir: str | None) -> list[str]:
    """Return the texts of a result; name what is none, and save it where that was asked for."""
    texts, others = [], 0
    for piece in result.pieces():
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if piece.text is not None:
            texts.append(piece.text)
            if output_dir is None:
                continue
        others += 1
        if others <= (_MAX_NAMED if output_dir is None else _MAX_SAVED):
            say, words = _kept(app, piece, output_dir)
            if others <= _MAX_NAMED:
                say(words)
    if others > _MAX_NAMED:
        app.console.note(f"[and {others - _MAX_NAMED} more]")
    if output_dir is not None and others > _MAX_SAVED:
        app.console.warn(f"not saved: what comes after the first {_MAX_SAVED} (--json prints all)")
    if result.strange:
        app.console.note(f"[{counted(result.strange, 'content block')} that MCP does not have] (--json prints all)")
    return texts


def _kept(app: App, piece: Attachment, output_dir: str | None) -> tuple[Callable[[str], None], str]:
    """Save what is no text where that was asked for; return what to say of it, and how."""
    from litellmctl.tools.result import save

    if piece.link is not None:
        return app.console.note, f"[{piece.words}]"  # whoever speaks MCP itself may read it
    if output_dir is None:
        return app.console.note, f"[{piece.words}]{' (--output-dir saves it)' if piece.data is not None else ''}"
    if piece.data is None:
        return app.console.warn, f"not saved: {piece.words}"
    return app.console.note, f"[{piece.words}] saved as {save(piece, output_dir)}"


def _many(app: App, outcomes: Iterator[Outcome]) -> Iterator[str]:
    """Yield a result a line, and remember the first failure, which decides the exit code."""
    done = failures = 0
    for outcome in outcomes:
        done += 1
        if outcome.failure is not None:
            failures += 1
            if failures == 1:
                app.failures.append(outcome.failure)
        app.console.progress(f"{done} calls, {failures} failed")
        yield outcome.text
    app.console.progress("")
    if failures:
        app.console.note(f"{failures} of {done} calls failed; the first failure follows.")


def _take_headers(app: App, texts: Sequence[str]) -> None:
    """Take the user's own headers for MCP servers. No literal values: they would stand in the process list."""
    import re

    from litellmctl.settings import values
    from litellmctl.settings.definitions import TABLES

    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(TABLES["mcp_headers"], name):
            raise UsageFailure(
                "--server-header is not SERVER:NAME=VALUE", remedy="""write it as 'github:token=$TOKEN'"""
            )
        if value.startswith("@"):
            from litellmctl.tools.calls import read_file

            parsed = values.Value("literal", read_file(value[1:]).strip(), name)
        else:
            parsed = values.parse(value, named=f"--server-header {name}")
            if parsed.kind != "variable":
                raise UsageFailure(
                    f"--server-header {name}: its value would stand in the process list",
                    remedy=f"""put it into a variable or a file: '{name}=$VARIABLE' or {name}=@FILE""",
                )
        app.catalogs.server_headers[name] = parsed


def _found(app: App, text: str) -> tuple[Offer, Tool]:
    """Return the tool and what it is offered with; a cached list that does not have it is asked for anew, once."""
    from litellmctl.tools.tool import find

    catalog = app.catalogs.tools()
    try:
        return catalog.offer, find(catalog.offer.tools, text)
    except Rejected:
        if app.connection.is_offline or catalog.age < 1:
            raise
    offer = app.catalogs.fetch_tools().offer
    return offer, find(offer.tools, text)


def _warn_of_servers(app: App, offer: Offer, asked: Sequence[Server], *, strict: bool) -> None:
    """Say what was left out, and which servers could not be asked."""
    for note in offer.notes:
        app.console.note(note)
    down = [server for server in asked if not server.is_ok]
    for server in down[:_MAX_WARNINGS]:
        why = f": {cut(server.error)}" if server.error else ""
        app.console.warn(f"the MCP server {cut(server.name)} is {server.status}{why}")
    if len(down) > _MAX_WARNINGS:
        app.console.warn(f"{len(down) - _MAX_WARNINGS:,} more MCP servers gave no answer (litellmctl mcp servers)")
    if strict and down:
        names = listed([server.name for server in down])
        app.failures.append(
            Unavailable("server_error", f"MCP servers without an answer: {names}", remedy="try again later")
        )


def _no_server(offer: Offer, name: str) -> Failure:
    from litellmctl.errors import suggestion

    near = suggestion(name, [server.name for server in offer.servers])
    return Rejected("not_found", f'no MCP server "{name}".{near}', remedy="litellmctl mcp servers")


def _page(app: App, tool: Tool) -> str:
    """Return a tool for a person: what it does, its parameters, an example."""
    from litellmctl.tools.arguments import example
    from litellmctl.tools.schema import Schema

    schema = Schema(tool.input_schema)
    lines = [app.console.quoted(f"{clean(tool.path)}  ({tool.full_name})")]
    if tool.description:
        lines += ["", app.console.quoted(tool.description.strip())]
    rows: list[Row] = [
        {
            "PARAMETER": parameter.name + (" (required)" if parameter.required else ""),
            "TYPE": parameter.type,
            "DEFAULT": parameter.default,
            "ALLOWED": parameter.allowed,
            "DESCRIPTION": parameter.description,
        }
        for parameter in schema.parameters()
    ]
    lines += ["", app.console.quoted("\n".join(_aligned(rows)))] if rows else ["", "It takes no parameters."]
    lines += ["", "Example:", f"  {clean(example(schema, tool.path))}"]
    return "\n".join(lines)


def _aligned(rows: Sequence[Row]) -> list[str]:
    """Return a table of those columns that say anything."""
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    cells = [names, *([clean(row[name]) for name in names] for row in rows)]
    # One long cell does not make all the others as long.
    widths = [min(_MAX_WIDTH, max(len(line[column]) for line in cells)) for column in range(len(names))]
    pad: Callable[[Sequence[str]], str] = lambda line: "  ".join(  # noqa: E731
        text.ljust(width) for text, width in zip(line, widths, strict=True)
    )
    return [pad(line).rstrip() for line in cells]


for _command in (servers, list_, show, call):
    mcp.add_command(_command)
