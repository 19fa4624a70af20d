"""`sandbox`: a real LiteLLM proxy on loopback, for trying things and for CI."""

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
    from litellmctl.sandbox.resident import Resident

FIELDS = {
    "base_url": "The sandbox's proxy; null where it is stopped, as all below but status.",
    "pid": "Its process.",
    "status": "running or stopped.",
    "started_at": "When it was started, in UTC.",
    "log": "The file with what it printed.",
}


@group(
    "sandbox",
    examples="""
    # Your models, as this program sees them, with a real proxy and no account
    $ litellmctl sandbox run litellmctl models
    # Keep one for the day: `run` takes one second then, not ten
    $ litellmctl sandbox up
    $ litellmctl sandbox run litellmctl models --json | jq length
    """,
)
def sandbox() -> None:
    """Run a real LiteLLM proxy on this machine, without any account.

    Its models have the names, limits and prices of real ones and canned answers; its MCP server has a tool for each
    kind of argument. It listens on loopback only, has no database, and sees no key, setting or file of yours. It
    needs the extra `sandbox`: pip install 'litellmctl[sandbox]'
    """


@contextmanager
def _failing_properly(context: click.Context) -> Iterator[None]:
    from litellmctl.foundation import files
    from litellmctl.sandbox.interruptions import Interrupted

    try:
        yield
    except Interrupted as stop:
        context.exit(128 + stop.number)
    except OSError as error:
        name = error.filename or "the sandbox's files"
        remedy = files.remedy(error, f"see that you may use {name}")
        raise Failure("file", f"cannot use {name}: {files.reason(error)}", remedy=remedy) from None


@command(
    "run",
    context_settings={**CONTEXT_SETTINGS, "allow_interspersed_args": False},
    examples="""
    # Try any command of this program
    $ litellmctl sandbox run litellmctl models
    # Tests that read LITELLM_BASE_URL and LITELLM_API_KEY
    $ litellmctl sandbox run -- pytest -q
    # A shell to play in
    $ litellmctl sandbox run "$SHELL"
    # Only the command's own output is on stdout
    $ litellmctl sandbox run litellmctl models --json | jq -r '.[].id'
    """,
)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
@pass_app
@click.pass_context
def run(context: click.Context, app: App, *, words: Sequence[str]) -> None:
    """Run a command with a sandbox as its proxy.

    The command finds the sandbox in LITELLM_BASE_URL and LITELLM_API_KEY. None of your own LITELLM* and LITELLMCTL_*
    variables, settings and logins are there, so it cannot reach your real proxy by mistake. `litellmctl sandbox run
    "$SHELL"` opens a shell in which the sandbox is the proxy.

    The sandbox is stopped when the command ends, and the command's exit code is passed on. A sandbox that is up
    already is used instead, and left as it is. Options of `run` stand before COMMAND.
    """
    from litellmctl.sandbox import command, proxy

    with _failing_properly(context):
        code = command.run(words, seconds=app.options.timeout or proxy.START_SECONDS, note=app.console.note)
    context.exit(code)


@command(
    "up",
    fields=FIELDS,
    examples="""
    # Start it, use it, stop it
    $ litellmctl sandbox up
    $ litellmctl sandbox run litellmctl models
    $ litellmctl sandbox down
    # Where it listens
    $ litellmctl sandbox up --json | jq -r .base_url
    """,
)
@pass_app
@click.pass_context
def up(context: click.Context, app: App) -> Record:
    """Start a sandbox that stays until `sandbox down`.

    Does nothing if it is up already. Its key is known to `sandbox run` only, which uses it.
    """
    from litellmctl.sandbox import proxy, resident

    with _failing_properly(context):
        known, is_new = resident.up(app.options.timeout or proxy.START_SECONDS, app.console.note)
    if not is_new:
        app.console.note("The sandbox is up already.")
    return _record(known)


@command(
    "down",
    examples="""
    # Stop what `sandbox up` started
    $ litellmctl sandbox down
    # See that it is so
    $ litellmctl sandbox down -q && litellmctl sandbox status --json | jq -r .status
    """,
)
@pass_app
@click.pass_context
def down(context: click.Context, app: App) -> None:
    """Stop the sandbox that `sandbox up` started.

    Does nothing if none is up.
    """
    from litellmctl.sandbox import resident

    with _failing_properly(context):
        known = resident.down()
    if known is None:
        app.console.note("No sandbox is up.")
    else:
        app.console.done(f"Stopped the sandbox on {known.base_url}")


@command(
    "status",
    fields=FIELDS,
    examples="""
    # Is it up?
    $ litellmctl sandbox status
    # In a script
    $ litellmctl sandbox status --json | jq -e '.status == "running"'
    """,
)
def status() -> Record:
    """Say whether a sandbox is up.

    Exits with 0 either way. A sandbox that `sandbox run` started for itself is not told of.
    """
    from litellmctl.sandbox import resident

    return _record(resident.running())


@command(
    "logs",
    examples="""
    # What did the proxy say?
    $ litellmctl sandbox logs
    # More of it
    $ litellmctl sandbox logs -n 500 | grep ERROR
    # As one JSON string
    $ litellmctl sandbox logs --json | jq -r .
    """,
)
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=1), default=50, metavar="N", help="How many lines (50)."
)
@click.pass_context
def logs(context: click.Context, *, count: int) -> Text:
    """Print what the sandbox printed last.

    That is the one of `sandbox up`; its log is kept after `sandbox down`, until the next start.
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
        return Record({**dict.fromkeys(FIELDS), "status": "stopped"}, "No sandbox is up.")
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
