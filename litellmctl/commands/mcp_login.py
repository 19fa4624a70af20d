"""`mcp login` and `mcp logout`: signing in to an MCP server that wants OAuth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.commands.mcp_credentials import FIELDS, own_credentials, row_of, wanted_by
from litellmctl.commands.mcp_shared import one_server
from litellmctl.errors import UsageFailure
from litellmctl.foundation.times import timestamp
from litellmctl.settings import environment
from litellmctl.terminal.data import Record
from litellmctl.tools.tool import KEY, SIGN_IN

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.server_credentials.credentials import ServerCredential, ServerCredentials


@command(
    "login",
    fields=FIELDS,
    examples="""
    # Sign in to an MCP server in the browser
    $ litellmctl mcp login linear
    # Print the link instead, and return to a port that SSH forwards
    $ litellmctl mcp login linear --no-browser --callback-port 8765
    # Until when?
    $ litellmctl mcp login linear --json | jq -r .expires_at
    """,
)
@one_server
@click.option("--no-browser", is_flag=True, help="Print the link without opening a browser.")
@click.option(
    "--callback-port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="Port for the browser callback (default: any free port).",
)
@pass_app
def login(app: App, *, server: str, no_browser: bool, callback_port: int | None) -> Record | None:
    """Sign in to an MCP server.

    For servers behind the proxy that need a sign-in (OAuth) of each user. The proxy keeps the token for you, and
    refreshes it where the server allows that; it is not saved on this machine.
    """
    from litellmctl.auth import loopback_page
    from litellmctl.auth.browser_visit import BrowserVisit
    from litellmctl.server_credentials.credentials import status_of
    from litellmctl.server_credentials.sign_in import sign_in

    own = own_credentials(app)
    wanted = _sign_in_of(app, own, server)
    base_url = app.connection.pair.base_url
    if environment.get("SSH_CONNECTION") and callback_port is None:
        app.console.hint(
            "If your browser is on another machine, forward a port (ssh -L 8765:127.0.0.1:8765 ...) "
            "and pass --callback-port 8765."
        )
    with BrowserVisit(app.console, opens=not no_browser, port=callback_port or 0) as visit:
        now, is_refreshed = sign_in(own, wanted, visit, app.console)
        visit.finish(loopback_page.signed_in(f"{wanted.server} ({base_url})", None))
    app.catalogs.tool_cache.drop()
    until = f" until {timestamp(now.expires_at)}" if now.expires_at is not None and not is_refreshed else ""
    app.console.done(f"Signed in to MCP server {wanted.server} at {base_url}{until}")
    if not app.options.wants_data:
        return None
    done = wanted._replace(status=status_of(now), expires_at=now.expires_at, connected_at=now.connected_at)
    return Record(row_of(done))


@command(
    "logout",
    examples="""
    # Sign out of an MCP server
    $ litellmctl mcp logout linear
    # Where are you still signed in?
    $ litellmctl mcp credentials --json | jq '.[]|select(.connected_at).server'
    """,
)
@one_server
@pass_app
def logout(app: App, *, server: str) -> None:
    """Sign out of an MCP server.

    The proxy forgets the token. To withdraw the access itself, use the settings of the server's own site.
    """
    own = own_credentials(app)
    wanted = _sign_in_of(app, own, server, remedy="litellmctl mcp credentials")
    if wanted.status == "missing":
        app.console.note(f"You are not signed in to MCP server {wanted.server}.")
        return
    own.remove(wanted)
    app.catalogs.tool_cache.drop()
    app.console.done(f"Signed out of MCP server {wanted.server} at {app.connection.pair.base_url}")


def _sign_in_of(app: App, own: ServerCredentials, server: str, *, remedy: str | None = None) -> ServerCredential:
    """Return the sign-in that a server wants; a usage failure if it wants something else, which the remedy sets."""
    found = wanted_by(app, own, server)
    wanted = next((one for one in found if one.wants == SIGN_IN), None)
    if wanted is None:
        what = "a key" if found[0].wants == KEY else "variables"
        raise UsageFailure(
            f"MCP server {found[0].server} needs {what}, not a sign-in", remedy=remedy or found[0].remedy
        )
    return wanted
