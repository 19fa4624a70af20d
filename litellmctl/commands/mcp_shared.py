"""What the commands of `mcp` share: naming servers, the user's headers for them, and finding a tool by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import completes
from litellmctl.errors import Failure, Rejected, UsageFailure

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.settings.values import Value
    from litellmctl.tools.tool import Offer, Tool

one_server = click.argument("server", metavar="SERVER", shell_complete=completes("servers"))
of_servers = click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("servers"),
    help="Only tools of this server: name, alias or ID (repeatable).",
)
server_header = click.option(
    "--server-header",
    "server_headers",
    multiple=True,
    metavar="SERVER:NAME=VALUE",
    help="Header for an MCP server, as $VARIABLE or @FILE (repeatable).",
)


def take_headers(app: App, texts: Sequence[str]) -> None:
    """Add the user's own headers for MCP servers."""
    if texts:
        app.catalogs.server_headers.update(read_headers(texts))


def read_headers(texts: Sequence[str]) -> dict[str, Value]:
    """Return the headers for MCP servers by `SERVER:NAME`.

    Literal values are refused: the process list would show them.
    """
    import re

    from litellmctl.settings import values
    from litellmctl.settings.definitions import TABLES

    found: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(TABLES["mcp_headers"], name):
            raise UsageFailure(
                "--server-header is not SERVER:NAME=VALUE", remedy="--server-header 'github:token=$TOKEN'"
            )
        if value.startswith("@"):
            from litellmctl.tools.calls import read_file

            parsed = values.Value("literal", read_file(value[1:]).strip(), name)
        else:
            parsed = values.parse(value, named=f"--server-header {name}")
            if parsed.kind != "variable":
                raise UsageFailure(
                    f"--server-header {name}: the value would be visible in the process list",
                    remedy=f"put it in a variable or a file, and pass '{name}=$VARIABLE' or {name}=@FILE",
                )
        found[name] = parsed
    return found


def found_tool(app: App, text: str) -> tuple[Offer, Tool]:
    """Return the tool and the offer that it is in. A cached offer without it is refreshed once."""
    from litellmctl.tools.tool import find

    catalog = app.catalogs.tools()
    try:
        return catalog.offer, find(catalog.offer.tools, text)
    except Rejected as failure:
        if app.connection.is_offline or catalog.age < 1:
            raise _unlisted(catalog.offer, text, failure) from None
    offer = app.catalogs.fetch_tools().offer
    try:
        return offer, find(offer.tools, text)
    except Rejected as failure:
        raise _unlisted(offer, text, failure) from None


def _unlisted(offer: Offer, text: str, failure: Failure) -> Failure:
    """Return the failure for a tool that is not listed; its server may need a credential of the user first."""
    from litellmctl.server_credentials.wanted import unlisted

    return unlisted(offer.servers, text, failure)
