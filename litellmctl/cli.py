"""The root group: the commands in reading order, and the one place where what they return is printed."""

from __future__ import annotations

from typing import Any

import click

from litellmctl import __version__
from litellmctl.app import App
from litellmctl.commands.api import api
from litellmctl.commands.auth import auth
from litellmctl.commands.completion import completion
from litellmctl.commands.config import config
from litellmctl.commands.doctor import doctor
from litellmctl.commands.env import env
from litellmctl.commands.export import export
from litellmctl.commands.help import help_
from litellmctl.commands.login import login
from litellmctl.commands.logout import logout
from litellmctl.commands.mcp import mcp
from litellmctl.commands.models import models
from litellmctl.commands.options import FormattedGroup, group, pass_app
from litellmctl.commands.prompt_section import prompt_section
from litellmctl.commands.refresh import refresh
from litellmctl.commands.sandbox import sandbox
from litellmctl.commands.skills import skills
from litellmctl.commands.token import token
from litellmctl.commands.whoami import whoami
from litellmctl.console import BOLD
from litellmctl.render import Bytes, Layout, Listing, Printable, Stream, render

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Account": (login, logout, whoami, token, env),
    "Models": (models, refresh),
    "MCP tools": (mcp,),
    "Skills": (skills, prompt_section),
    "Settings": (config,),
    "Other programs": (export, api),
    "Other": (doctor, sandbox, completion, help_),
}


class _Root(FormattedGroup):
    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in sections, in the order of use."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name or "", command.get_short_help_str(80)) for command in commands])


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


for _commands in SECTIONS.values():
    for _command in _commands:
        cli.add_command(_command)
cli.add_command(auth)


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
    for piece in render(data, layout):
        console.write(piece)
        if isinstance(data, Stream) or (isinstance(data, Listing) and data.line is not None):
            console.flush()
        wrote = True
    if not wrote and isinstance(data, Listing) and console.stdout_is_terminal:
        console.note(data.empty)
