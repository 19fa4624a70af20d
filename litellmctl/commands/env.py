"""`env`: environment variables with the proxy and its key, for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.programs.variables import SHELLS, script, variables
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
    row = variables(pair.base_url, secret)
    return Record(row, script(shell, row), is_data=True)
