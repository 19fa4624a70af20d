"""`mcp call`: call a tool once, or once for each line of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.commands.mcp_shared import found_tool, server_header, take_headers
from litellmctl.errors import UsageFailure
from litellmctl.terminal.render import Data, Record, Stream, Text

if TYPE_CHECKING:
    from litellmctl.app import App


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
@server_header
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
    from litellmctl.server_credentials import wanted
    from litellmctl.tools.calls import Caller
    from litellmctl.tools.result import make_folder
    from litellmctl.tools.tool import CALL_SECONDS

    take_headers(app, server_headers)
    others = [*(["--structured"] if structured else []), *(["--output-dir"] if output_dir is not None else [])]
    if jsonl is not None and others:
        options = " and ".join(others)
        raise UsageFailure(f"--jsonl cannot be combined with {options}", remedy=f"remove {options}")
    sources = [whole or "", jsonl or "", *(item.partition("=")[2] for item in items)]
    if [source.removeprefix("@") for source in sources].count("-") > 1:
        raise UsageFailure("stdin can be read only once", remedy='use "-" only once')
    offer, found = found_tool(app, tool)
    server = next((one for one in offer.servers if one.id == found.server_id), found.server)
    caller = Caller(
        offer,
        found,
        app.catalogs.mcp_client,
        app.connection.pair.credential.current,
        app.catalogs.tool_cache.drop,
        checks=not no_check,
        seconds=app.options.timeout or CALL_SECONDS,
        stdin=lambda: app.console.stdin_bytes,
        explain=lambda failure: wanted.explained(server, failure),
    )
    base = {} if whole is None else caller.read_object(whole)
    single = caller.read_items(items)
    if jsonl is not None:
        lines = caller.lines(jsonl, base, single)
        return Stream(many(app, in_order(lines, lambda line: caller.line(line, base, single), jobs)))
    arguments = caller.arguments(base, single)
    if output_dir is not None:
        make_folder(output_dir)
    result = caller.call(arguments)
    remedy = wanted.remedy_of_result(server, result)
    return printed(app, found, result, structured=structured, output_dir=output_dir, remedy=remedy)
