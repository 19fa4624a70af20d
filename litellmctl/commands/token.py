"""`token`: the token for another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.foundation.times import timestamp
from litellmctl.terminal.render import Record

if TYPE_CHECKING:
    from litellmctl.app import App

FIELDS = {
    "token": "The token, key or header line.",
    "expires_at": "Until when it is good, in UTC; null where nobody said.",
    "base_url": "The proxy that it was issued for, and no other.",
}


@command(
    "token",
    fields=FIELDS,
    examples="""
    # Ask the proxy something yourself
    $ curl -H "$(litellmctl token --header)" "$(litellmctl config get base_url)/v1/models"
    # In Claude Code's settings.json
    # "apiKeyHelper": "litellmctl token --base-url https://llm.example.com"
    # Until when is it good?
    $ litellmctl token --json | jq -r .expires_at
    """,
)
@click.option("--header", is_flag=True, help="Print the whole header line.")
@pass_app
def token(app: App, *, header: bool) -> Record:
    """Print the token that signs in, and nothing else.

    A token that is about to end is renewed first; otherwise nothing is asked of the network. With --base-url it fails
    rather than print what was issued for another proxy.
    """
    pair = app.connection.pair
    secret = pair.credential.secret()
    expires_at = pair.credential.expires_at
    line = secret
    if header:
        bearer = pair.key_header.lower() == "authorization"
        line = f"{pair.key_header}: {'Bearer ' if bearer else ''}{secret}"
    row = {
        "token": line,
        "expires_at": None if expires_at is None else timestamp(expires_at),
        "base_url": pair.base_url,
    }
    return Record(row, line, is_data=True)
