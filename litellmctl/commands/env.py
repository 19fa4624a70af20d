"""`env`: the variables by which other programs find the proxy and its key."""

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
    "OPENAI_BASE_URL": "The proxy, as OpenAI's libraries take it (with /v1).",
    "OPENAI_API_KEY": "The token.",
    "ANTHROPIC_BASE_URL": "The proxy, as Anthropic's libraries and Claude Code take it.",
    "ANTHROPIC_AUTH_TOKEN": "The token.",
    "LITELLM_BASE_URL": "The proxy, as litellmctl takes it.",
    "LITELLM_API_KEY": "The token.",
}


def _sh(name: str, value: str) -> str:
    import shlex

    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    # In fish's single quotes a backslash escapes itself and the quote.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    # PowerShell takes typographic quotes for quotes too, and each is doubled.
    escaped = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$Env:{name} = '{escaped}'"


def _dotenv(name: str, value: str) -> str:
    # Single quotes are literal to docker, python-dotenv and others; a value that has one takes double quotes.
    if re.fullmatch(r"[\w:/.@%+,=-]*", value, re.ASCII):
        return f"{name}={value}"
    if "'" not in value:
        return f"{name}='{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'{name}="{escaped}"'


SHELLS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}


@command(
    "env",
    fields=FIELDS,
    examples="""
    # For the programs of this shell
    $ eval "$(litellmctl env)"
    # fish, PowerShell, a file
    $ litellmctl env fish | source
    $ litellmctl env powershell | Out-String | Invoke-Expression
    $ (umask 077; litellmctl env dotenv > .env)
    # One of them
    $ litellmctl env --json | jq -r .OPENAI_BASE_URL
    """,
)
@click.argument("shell", metavar="[sh|fish|powershell|dotenv]", type=click.Choice(tuple(SHELLS)), default="sh")
@pass_app
def env(app: App, *, shell: str) -> Record:
    """Print the variables by which other programs find the proxy.

    They hold the token, renewed first if need be; a token that ends makes them stale, so print them anew.
    """
    pair = app.connection.pair
    secret = pair.credential.secret()
    row = dict.fromkeys(FIELDS, secret)
    row |= {"OPENAI_BASE_URL": f"{pair.base_url}/v1"}
    row |= {"ANTHROPIC_BASE_URL": pair.base_url, "LITELLM_BASE_URL": pair.base_url}
    return Record(row, "\n".join(SHELLS[shell](name, value) for name, value in row.items()), is_data=True)
