"""`mcp serve`: an MCP server on stdio whose tools are those behind the proxy."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import Number, command, pass_app
from litellmctl.commands.mcp_shared import of_servers, read_headers, server_header
from litellmctl.tools.tool import CALL_SECONDS, MAX_NAME, MIN_NAME_LENGTH

if TYPE_CHECKING:
    from types import FrameType

    from litellmctl.app import App
    from litellmctl.bridge.toolbox import Toolbox
    from litellmctl.catalogs import Catalogs
    from litellmctl.terminal.aside import Aside

_REFRESH_SECONDS = 300.0
_MAX_REFRESH_SECONDS = 1_000_000
# Those that end a server without an error, as a client sends them to one that it is done with.
_ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__]


class _Ended(KeyboardInterrupt):
    """A signal other than Ctrl-C ends the server. On the way it must be taken for nothing less than Ctrl-C."""


@command(
    "serve",
    examples="""
    # Set up an agent, which then starts this by itself
    $ litellmctl export claude-code --mcp --write
    # Add it by hand: only tools that change nothing
    $ claude mcp add proxy -- litellmctl mcp serve --read-only
    # One server, with the names that its tools have there
    $ litellmctl mcp serve --server github --bare-names
    # Without an agent: JSON-RPC messages in a file, one per line
    $ litellmctl mcp serve < messages.jsonl | jq .result
    """,
)
@of_servers
@click.option(
    "--tool",
    "globs",
    multiple=True,
    metavar="GLOB",
    help='Only these tools: part of the name, or "get_*" (repeatable).',
)
@click.option("--read-only", is_flag=True, help="Only tools that their servers mark as read-only.")
@click.option("--bare-names", is_flag=True, help="Tool names without mcp_SERVER_; for a single server.")
@click.option(
    "--name-length",
    metavar="N",
    type=click.IntRange(MIN_NAME_LENGTH, MAX_NAME),
    default=MAX_NAME,
    help=f"Maximum length of tool names (default: {MAX_NAME}).",
)
@click.option("--raw-schemas", is_flag=True, help="Keep schemas that model providers refuse.")
@click.option(
    "--refresh",
    metavar="SECONDS",
    type=Number(min=0, max=_MAX_REFRESH_SECONDS),
    default=_REFRESH_SECONDS,
    help=f"Maximum age of the list (default: {_REFRESH_SECONDS:g}; 0: any).",
)
@server_header
@pass_app
def serve(
    app: App,
    *,
    servers: Sequence[str],
    globs: Sequence[str],
    read_only: bool,
    bare_names: bool,
    name_length: int,
    raw_schemas: bool,
    refresh: float,
    server_headers: Sequence[str],
) -> None:
    """Serve the proxy's MCP tools to an agent on stdio.

    Agents start this as a local MCP server: litellmctl export TOOL --mcp sets one up. Each call is sent to the proxy
    once, with your current token; new tools show up, and a new sign-in is used, without a restart.

    It also starts without a login or a proxy: the agent then has a single tool, which says what is wrong and which
    command fixes it. The time limit of a call is --timeout (default: 120 seconds).
    """
    from litellmctl.bridge.listing import Choice
    from litellmctl.bridge.session import Session
    from litellmctl.bridge.toolbox import Toolbox
    from litellmctl.terminal import streams
    from litellmctl.terminal.aside import Aside
    from litellmctl.terminal.exclusive import exclusive

    console = app.console
    console.no_input = True  # stdin belongs to the client
    # A client need not read stderr, and then must not stop its calls.
    aside = Aside(console)

    def connect() -> Catalogs:
        catalogs = app.catalogs_of(app.connect_afresh(aside))
        catalogs.server_headers.update(read_headers(server_headers))
        return catalogs

    choice = Choice(servers, globs, read_only, bare_names, raw_schemas, refresh, name_length)
    toolbox = Toolbox(connect, choice, seconds=app.options.timeout or CALL_SECONDS)
    # An agent shows a server that exits as "failed", and its person never learns why. So only options that cannot be
    # understood are an error there (who mistypes --read-only must not get all tools); whatever is wrong with settings,
    # logins, headers and names is a tool that says so. A person who tries it on a terminal gets the error itself.
    if console.stdin_is_terminal:
        _check(connect(), toolbox)
        console.hint("Waiting for an MCP client on stdin; press Ctrl-C to stop.")
        console.hint("Agents start this themselves; to set one up: litellmctl export TOOL --mcp")
    try:
        with _ends_quietly(), exclusive(console.stdin_bytes, console.stdout) as (source, sink), streams.writing():
            Session(source, sink, toolbox, on_request=_shower(app, aside)).run()
    finally:
        toolbox.close()
        if not aside.close():
            console.abandon_stderr()


def _check(catalogs: Catalogs, toolbox: Toolbox) -> None:
    """Raise the failure that an agent would read in a tool."""
    catalogs.require_mcp()
    _ = catalogs.connection.pair
    toolbox.check()


def _shower(app: App, aside: Aside) -> Callable[[str, str, str, float], None]:
    """Return what prints a line for each request of the client with -v."""

    def on_request(method: str, about: str, outcome: str, seconds: float) -> None:
        if app.options.verbose:
            aside.trace(" ".join([method, *([about] if about else []), outcome, f"{seconds * 1000:.0f} ms"]))

    return on_request


@contextmanager
def _ends_quietly() -> Iterator[None]:
    """End the body at a signal that ends programs, as if the client had left. Ignored signals stay ignored."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Ended

    before = {number: signal.signal(number, end) for number in _ENDING if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    except _Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
