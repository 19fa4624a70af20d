"""The root group: the commands in reading order, and the one place that prints what they return."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

import click

from litellmctl import __version__
from litellmctl.app import App
from litellmctl.commands.base import TOPICS, FormattedGroup, LazyCommands, group, pass_app
from litellmctl.terminal.data import Bytes, Layout, Listing, Ongoing, Printable, Stream

# The first sentence of each command's help, so that --help imports none of them; a test compares the two.
SECTIONS: dict[str, dict[str, str]] = {
    "Account": {
        "login": "Sign in to a proxy and save the login.",
        "logout": "Sign out and remove the stored login.",
        "whoami": "Show who you are signed in as.",
        "token": "Print the access token.",
        "env": "Print environment variables for other programs.",
    },
    "Models": {
        "models": "List the models that your key may use.",
        "refresh": "Refresh the cached model list and show what changed.",
    },
    "MCP": {
        "mcp": "List, call and serve MCP tools behind the proxy.",
    },
    "Skills": {
        "skills": "List, create and delete skills on the proxy.",
        "prompt-section": "Print the enabled skills for a system prompt.",
    },
    "Settings": {
        "config": "Show and change profiles and settings.",
    },
    "Programs": {
        "run": "Start a program with the proxy behind it.",
        "serve": "Run a local relay to the proxy with a fixed key.",
        "export": "Set up another program to use the proxy.",
        "api": "Send any request to the proxy and print the response.",
    },
    "Other": {
        "doctor": "Diagnose problems and suggest fixes.",
        "sandbox": "Run a real LiteLLM proxy on this machine.",
        "completion": "Print the completion script of a shell.",
    },
}
# Commands that the first screen does not list: its last lines say how to get help, and `help options` the version.
_UNLISTED: dict[str, str] = {
    "help": "Show the help of a command or topic.",
    "version": "Print the version.",
}
# How much narrower than the terminal Click makes its help.
_MARGIN = 2
# Groups of the same commands under other names.
_HIDDEN = ("auth",)


def _imported(name: str) -> click.Command:
    attribute = name.replace("-", "_")
    module = import_module(f"litellmctl.commands.{attribute}")
    found: click.Command = getattr(module, attribute)
    return found


class _Root(FormattedGroup):
    def summaries(self, _ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Return the rows of `SECTIONS` and `_UNLISTED`, which imports no command."""
        return [pair for commands in (*SECTIONS.values(), _UNLISTED) for pair in commands.items()]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then where options and topics are explained: all of it fits a screen of 24 lines."""
        self.format_commands(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_dl(
            [
                ("Options:", "litellmctl help options (--profile, --json, --fields, ...)"),
                ("Topics:", f"litellmctl help topics ({', '.join(TOPICS)})"),
            ]
        )

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command; the first of a section begins with its title."""
        formatter.write_paragraph()
        width = max(map(len, SECTIONS)) + 2
        rows: list[tuple[str, str]] = []
        for title, commands in SECTIONS.items():
            for number, (name, text) in enumerate(commands.items()):
                rows.append((f"{'' if number else title:{width}}{name}", text))
        first = max(len(one) for one, _ in rows) + 2
        # Click keeps four columns free, which are needed here for a line for each at 80 columns.
        if first + max(len(text) for _, text in rows) <= formatter.width + _MARGIN:
            formatter.write("".join(f"{one:{first}}{text}\n" for one, text in rows))
        else:
            formatter.write_dl(rows)


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    # Not click.version_option(): that imports importlib.metadata to look the number up.
    if value and not context.resilient_parsing:
        context.ensure_object(App).console.write(f"litellmctl {__version__}\n")
        context.exit()


@group(
    "litellmctl",
    cls=_Root,
    examples="""
    # Sign in, and list the models that you may use
    $ litellmctl login
    $ litellmctl models
    # Try it with a real proxy on this machine, without an account
    $ litellmctl sandbox run litellmctl models
    # Model names for a script
    $ litellmctl models --json | jq -r '.[].id'
    """,
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
def cli() -> None:
    """Use a self-hosted LiteLLM proxy from the shell."""


_NAMES = (*(name for section in SECTIONS.values() for name in section), *_UNLISTED, *_HIDDEN)
# Importing all takes a third of the start-up time.
cli.commands = LazyCommands({name: partial(_imported, name) for name in _NAMES})


@cli.result_callback()
@pass_app
def print_result(app: App, /, data: Any, **_: Any) -> None:
    """Print what the command returned, in the format that was asked for."""
    if not isinstance(data, Printable):
        return
    console = app.console
    if isinstance(data, Bytes):
        for chunk in data.chunks:
            console.write_bytes(chunk)
            console.flush()
        return
    from litellmctl.terminal.render import render

    comes_slowly = isinstance(data, Stream) or (isinstance(data, Listing) and data.line is not None)
    notes: list[str] = []
    wrote = False
    for piece in render(data, _layout(app, notes.append)):
        console.write(piece)
        if comes_slowly:
            console.flush()
        wrote = True
    if isinstance(data, Listing) and console.stdout_is_terminal:
        notes += data.after if wrote else [data.empty]
    if notes:
        console.flush()
    for note in notes:
        console.note(note)
    if isinstance(data, Ongoing):
        console.flush()
        data.work()


def _layout(app: App, note: Callable[[str], None]) -> Layout:
    """Return how to print: as was asked for, else a table on a terminal and TSV in a pipe."""
    console, options = app.console, app.options
    default = "json" if options.json else "table" if console.stdout_is_terminal else "tsv"
    return Layout(
        format=options.output or default,
        chosen=options.fields,
        fields=app.returned_fields,
        indent=console.stdout_is_terminal,
        columns=app.returned_columns,
        parts=app.returned_parts,
        width=console.table_width,
        style=console.style,
        note=note,
        apart=console.apart,
    )
