"""`env`: environment variables with the proxy and its key, for other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.terminal.render import Record

if TYPE_CHECKING:
    from litellmctl.app import App

FIELDS = {
    "OPENAI_BASE_URL": "Base URL for OpenAI's libraries (with /v1).",
    "OPENAI_API_KEY": "Access token.",
    "ANTHROPIC_BASE_URL": "Base URL for Anthropic's libraries and Claude Code.",
    "ANTHROPIC_AUTH_TOKEN": "Access token.",
    "LITELLM_BASE_URL": "Base URL for litellmctl.",
    "LITELLM_API_KEY": "Access token.",
}


def _sh(name: str, value: str) -> str:
    import shlex

    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    # In single quotes, fish lets a backslash escape itself and the quote.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    # PowerShell accepts typographic quotes too; each is doubled.
    escaped = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$Env:{name} = '{escaped}'"


def _dotenv(name: str, value: str) -> str:
    # docker, python-dotenv and others take single quotes literally; a value with a single quote needs double quotes.
    if re.fullmatch(r"[\w:/.@%+,=-]*", value, re.ASCII):
        return f"{name}={value}"
    if "'" not in value:
        return f"{name}='{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'{name}="{escaped}"'


SHELLS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "bash": _sh,
    "zsh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}


@command(
    "env",
    fields=FIELDS,
    examples="""
    # For programs started from this shell
    $ eval "$(litellmctl env)"
    # In fish, in PowerShell, in a file
    $ litellmctl env fish | source
    $ litellmctl env powershell | Out-String | Invoke-Expression
    $ (umask 077; litellmctl env dotenv > .env)
    # One variable
    $ litellmctl env --json | jq -r .OPENAI_BASE_URL
    """,
)
@click.argument("shell", metavar=f"[{'|'.join(SHELLS)}]", type=click.Choice(tuple(SHELLS)), default="sh")
@pass_app
def env(app: App, *, shell: str) -> Record:
    """Print environment variables for other programs.

    A token that is about to expire is refreshed first. Tokens expire: run this again after signing in.
    """
    pair = app.connection.pair
    secret = pair.credential.secret()
    row = dict.fromkeys(FIELDS, secret)
    row |= {"OPENAI_BASE_URL": f"{pair.base_url}/v1"}
    row |= {"ANTHROPIC_BASE_URL": pair.base_url, "LITELLM_BASE_URL": pair.base_url}
    return Record(row, "\n".join(SHELLS[shell](name, value) for name, value in row.items()), is_data=True)
