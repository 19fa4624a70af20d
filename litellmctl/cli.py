"""The root group: the commands in reading order, and the one place where what they return is printed."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click

from litellmctl import __version__
from litellmctl.app import App
from litellmctl.commands.base import FormattedGroup, group, pass_app
from litellmctl.terminal.console import BOLD
from litellmctl.terminal.render import Bytes, Layout, Listing, Printable, Record, Stream, render

# What `--help` says of each, word for word, so that no command is imported for it; a test compares.
SECTIONS: dict[str, dict[str, str]] = {
    "Account": {
        "login": "Sign in to a proxy once, and store that for the profile.",
        "logout": "Forget the stored login of the profile.",
        "whoami": "Show who is signed in where, with what, and until when.",
        "token": "Print the token that signs in, and nothing else.",
        "env": "Print the variables by which other programs find the proxy.",
    },
    "Models": {
        "models": "List the models that your key may use.",
        "refresh": "Renew the cached list of models, and say what changed.",
    },
    "MCP tools": {
        "mcp": "Find and call the MCP tools behind the proxy.",
    },
    "Skills": {
        "skills": "List, add and remove the skills that the proxy keeps.",
        "prompt-section": "Print the enabled skills as a part of a system prompt.",
    },
    "Settings": {
        "config": "Read and change profiles and settings.",
    },
    "Other programs": {
        "export": "Print the proxy as a provider in another program's form.",
        "api": "Send any request to the proxy, and print its answer.",
    },
    "Other": {
        "doctor": "Find out what is wrong, and what mends it.",
        "sandbox": "Run a real LiteLLM proxy on this machine, without any account.",
        "completion": "Print the completion script of a shell.",
        "help": "Show the help of a command or of a topic.",
    },
}
# Other ways to the same commands.
_HIDDEN = ("auth",)


class _Commands(UserDict[str, Any]):
    """The commands by their names, each imported when it is asked for: all would take a third of the start-up time."""

    def __getitem__(self, name: str) -> click.Command:
        found: click.Command | None = self.data[name]
        if found is None:
            attribute = name.replace("-", "_")
            module = import_module(f"litellmctl.commands.{attribute}")
            found = self.data[name] = getattr(module, attribute)
        return found


class _Root(FormattedGroup):
    def summaries(self, _ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Return what `SECTIONS` says: no command is imported for its name."""
        return [pair for commands in SECTIONS.values() for pair in commands.items()]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in sections."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    # Not click.version_option(): that imports importlib.metadata to look the number up.
    if value and not context.resilient_parsing:
        context.ensure_object(App).console.write(f"litellmctl {__version__}\n")
        context.exit()


@group(
    "litellmctl",
    cls=_Root,
    examples="""
    # Try it against a real proxy, without an account or a key
    $ litellmctl sandbox run litellmctl models
    # The names of your models
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
    """Use a self-hosted LiteLLM proxy from the shell.

    Data goes to stdout, everything else to stderr. Options may stand before or after the command.
    """


cli.commands = _Commands(dict.fromkeys([*(name for section in SECTIONS.values() for name in section), *_HIDDEN]))


@cli.result_callback()
@pass_app
def print_result(app: App, /, data: Any, **_: Any) -> None:
    """Print what the command returned, in the format that was asked for."""
    if not isinstance(data, Printable):
        return
    console, options = app.console, app.options
    if isinstance(data, Bytes):
        for chunk in data.chunks:
            console.write_bytes(chunk)
            console.flush()
        return
    default = "json" if options.json else "table" if console.stdout_is_terminal else "tsv"
    layout = Layout(
        format=options.output or default,
        chosen=options.fields,
        fields=app.returned_fields,
        indent=console.stdout_is_terminal,
        header=lambda text: console.style(text, BOLD),
    )
    wrote = False
    are_rows = isinstance(data, Listing | Record) and layout.format not in {"json", "jsonl"}
    are_ours = isinstance(data, Listing) and data.line is not None
    for piece in render(data, layout):
        console.write(console.apart(piece, are_ours=are_ours) if are_rows else piece)
        if isinstance(data, Stream) or (isinstance(data, Listing) and data.line is not None):
            console.flush()
        wrote = True
    if not wrote and isinstance(data, Listing) and console.stdout_is_terminal:
        console.note(data.empty)
