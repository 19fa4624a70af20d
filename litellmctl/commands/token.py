"""`token`: the access token for another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.foundation.times import timestamp
from litellmctl.terminal.data import Record

if TYPE_CHECKING:
    from litellmctl.app import App

FIELDS = {
    "token": "Token, key or header line.",
    "expires_at": "Expiry time (UTC); null if unknown.",
    "base_url": "Proxy that the token was issued for.",
}


@command(
    "token",
    fields=FIELDS,
    examples="""
    # Send a request with curl
    $ url=$(litellmctl config get base_url)
    $ curl -H "$(litellmctl token --header)" "$url/v1/models"
    # In Claude Code's settings.json
    # "apiKeyHelper": "litellmctl token --base-url https://llm.example.com"
    # When does it expire?
    $ litellmctl token --json | jq -r .expires_at
    """,
)
@click.option("--header", is_flag=True, help="Print the whole header line.")
@pass_app
def token(app: App, *, header: bool) -> Record:
    """Print the access token.

    A token that is about to expire is refreshed first; otherwise no request is sent. With --base-url it fails if the
    token was issued for another proxy.
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
