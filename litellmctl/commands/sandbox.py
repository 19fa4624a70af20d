"""`sandbox`: a real LiteLLM proxy on loopback, for experiments and CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import CONTEXT_SETTINGS, command, group, pass_app
from litellmctl.errors import Failure, Rejected
from litellmctl.foundation.times import timestamp
from litellmctl.terminal.render import Record, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.foundation.resident import Resident

FIELDS = {
    "base_url": "Base URL of the proxy; null if it is stopped.",
    "pid": "Process ID; null if it is stopped.",
    "status": "running or stopped.",
    "started_at": "Start time (UTC); null if it is stopped.",
    "log": "Log file; null if it is stopped.",
}


@group(
    "sandbox",
    examples="""
    # Try a command with a real proxy, without an account
    $ litellmctl sandbox run litellmctl models
    # Keep a sandbox running: then "run" takes one second instead of ten
    $ litellmctl sandbox up
    $ litellmctl sandbox run litellmctl models --json | jq length
    """,
)
def sandbox() -> None:
    """Run a real LiteLLM proxy on this machine.

    It needs no account: its models have the names, limits and prices of real ones, and canned answers; its MCP server
    has a tool for each kind of argument. It listens on loopback only, has no database, and gets none of your keys,
    settings and files. It needs an extra: pip install 'litellmctl[sandbox]'
    """


@contextmanager
def _failing_properly(context: click.Context) -> Iterator[None]:
    from litellmctl.foundation import files
    from litellmctl.foundation.interruptions import Interrupted

    try:
        yield
    except Interrupted as stop:
        context.exit(128 + stop.number)
    except OSError as error:
        name = error.filename or "the sandbox's files"
        remedy = files.remedy(error, f"check the permissions of {name}")
        raise Failure("file", f"cannot use {name}: {files.reason(error)}", remedy=remedy) from None


@command(
    "run",
    context_settings={**CONTEXT_SETTINGS, "allow_interspersed_args": False},
    examples="""
    # Try any command of litellmctl
    $ litellmctl sandbox run litellmctl models
    # Run tests that read LITELLM_BASE_URL and LITELLM_API_KEY
    $ litellmctl sandbox run -- pytest -q
    # Open a shell
    $ litellmctl sandbox run "$SHELL"
    # Use the output of the command: nothing else is on stdout
    $ litellmctl sandbox run litellmctl models --json | jq -r '.[].id'
    """,
)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
@pass_app
@click.pass_context
def run(context: click.Context, app: App, *, words: Sequence[str]) -> None:
    """Run a command that uses a sandbox as its proxy.

    The command gets LITELLM_BASE_URL and LITELLM_API_KEY of the sandbox, and none of your own LITELLM* and LITELLMCTL_*
    variables, settings and logins, so it cannot reach your real proxy by mistake.

    The sandbox stops when the command exits, and the exit code is that of the command. If a sandbox is already
    running, it is used, and keeps running. Put options of "run" before COMMAND.
    """
    from litellmctl.sandbox import command, proxy

    app.console.json_errors = app.options.json  # a --json behind COMMAND is not ours
    with _failing_properly(context):
        code = command.run(words, seconds=app.options.timeout or proxy.START_SECONDS, note=app.console.note)
    context.exit(code)


@command(
    "up",
    fields=FIELDS,
    examples="""
    # Start, use and stop a sandbox
    $ litellmctl sandbox up
    $ litellmctl sandbox run litellmctl models
    $ litellmctl sandbox down
    # Print its URL
    $ litellmctl sandbox up --json | jq -r .base_url
    """,
)
@pass_app
@click.pass_context
def up(context: click.Context, app: App) -> Record:
    """Start a sandbox that runs until "sandbox down".

    Does nothing if one is running. Only "sandbox run" knows its key, and uses it.
    """
    from litellmctl.sandbox import proxy, resident

    with _failing_properly(context):
        known, is_new = resident.up(app.options.timeout or proxy.START_SECONDS, app.console.note)
    if not is_new:
        app.console.note("The sandbox is already running.")
    app.console.hint("Next: litellmctl sandbox run COMMAND, for example: litellmctl sandbox run bash")
    return _record(known)


@command(
    "down",
    examples="""
    # Stop the sandbox
    $ litellmctl sandbox down
    # Check that it is stopped
    $ litellmctl sandbox status --json | jq -r .status
    """,
)
@pass_app
@click.pass_context
def down(context: click.Context, app: App) -> None:
    """Stop the sandbox that "sandbox up" started.

    Does nothing if none is running.
    """
    from litellmctl.sandbox import resident

    with _failing_properly(context):
        known = resident.down()
    if known is None:
        app.console.note("No sandbox is running.")
    else:
        app.console.done(f"Stopped the sandbox on {known.base_url}")


@command(
    "status",
    fields=FIELDS,
    examples="""
    # Show whether a sandbox is running
    $ litellmctl sandbox status
    # Test it in a script
    $ litellmctl sandbox status --json | jq -e '.status == "running"'
    """,
)
def status() -> Record:
    """Show whether a sandbox is running.

    The exit code is 0 in both cases. A sandbox that belongs to "sandbox run" is not shown.
    """
    from litellmctl.sandbox import resident

    return _record(resident.running())


@command(
    "logs",
    examples="""
    # Print the last 50 lines
    $ litellmctl sandbox logs
    # Search in more lines
    $ litellmctl sandbox logs -n 500 | grep ERROR
    # Print the log as one JSON string
    $ litellmctl sandbox logs --json | jq -r .
    """,
)
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=1), default=50, metavar="N", help="Number of lines (default: 50)."
)
@click.pass_context
def logs(context: click.Context, *, count: int) -> Text:
    """Print the last lines of the sandbox's log.

    The log is that of "sandbox up". It is kept after "sandbox down", until the next start.
    """
    from litellmctl.sandbox import resident
    from litellmctl.sandbox.proxy import last_lines

    with _failing_properly(context):
        try:
            lines = last_lines(resident.log(), count)
        except FileNotFoundError:
            lines = []
    if not lines:
        raise Rejected("not_found", "the sandbox has no log", remedy="litellmctl sandbox up")
    return Text("\n".join(lines))


def _record(resident: Resident | None) -> Record:
    if resident is None:
        return Record({**dict.fromkeys(FIELDS), "status": "stopped"}, "No sandbox is running.")
    from litellmctl.sandbox.resident import log

    return Record(
        {
            "base_url": resident.base_url,
            "pid": resident.pid,
            "status": "running",
            "started_at": timestamp(resident.started_at),
            "log": str(log()),
        }
    )


for _command in (run, up, status, logs, down):
    sandbox.add_command(_command)
