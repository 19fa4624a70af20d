"""`mcp credentials`: a user's own credentials for MCP servers, which the proxy keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import CONTEXT_SETTINGS, command, completes, group, pass_app
from litellmctl.commands.mcp_shared import one_server
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean
from litellmctl.foundation.times import optional_timestamp
from litellmctl.server_credentials.wanted import commands
from litellmctl.terminal.data import Column, Listing, Record, Row
from litellmctl.terminal.streams import GREEN, RED
from litellmctl.tools.tool import KEY, SIGN_IN, VARIABLES

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.server_credentials.credentials import ServerCredential, ServerCredentials

_STYLES = {"set": GREEN, "missing": RED, "expired": RED}

FIELDS = {
    "server": "Server name.",
    "server_id": "Server ID.",
    "alias": "Alias; null if it has none.",
    "wants": "What the server needs of you: key, variables or sign-in.",
    "status": "set, missing or expired; null if unknown.",
    "expires_at": "Expiry time of a sign-in (UTC); null if unknown or never.",
    "connected_at": "Time of the sign-in (UTC); null if unknown.",
    "variables": "Variables: objects with name, description and is_set.",
    "scopes": "What a key is used for, in the administrator's words.",
    "help_url": "Where to get a key, or to set the variables; null if unknown.",
    "command": "Command that sets it.",
}


def _named(row: Row) -> str:
    """Return the names of the variables; if some are missing, those that are set are marked."""
    mark = " (set)" if row["status"] == "missing" else ""
    return ", ".join(variable["name"] + mark * bool(variable["is_set"]) for variable in row["variables"])


COLUMNS = (
    Column("SERVER", lambda row: clean(row["server"]), field="server"),
    Column("WANTS", lambda row: row["wants"], field="wants"),
    Column(
        "STATUS",
        lambda row: row["status"] or "",
        field="status",
        style=lambda row: _STYLES.get(row["status"] or "", ""),
    ),
    Column("EXPIRES", lambda row: row["expires_at"] or "-", field="expires_at", drop=1),
    Column(
        "VARIABLES",
        lambda row: clean(_named(row)) or "-",
        field="variables",
        value=lambda row: [variable["name"] for variable in row["variables"]],
        least=12,
        drop=2,
    ),
)


def _listing(app: App) -> Listing:
    found = own_credentials(app).all()
    after = commands(one.remedy for one in found if one.status in {"missing", "expired"})
    rows = [row_of(one) for one in found]
    return Listing(rows, COLUMNS, empty="No MCP server needs a credential of your own.", after=after)


@group(
    "credentials",
    fields=FIELDS,
    columns=COLUMNS,
    invoke_without_command=True,
    examples="""
    # Which servers need a credential of your own, and is it set?
    $ litellmctl mcp credentials
    # Set a key, from a password manager
    $ op read op://me/jira/token | litellmctl mcp credentials set jira
    # The command that sets each of them
    $ litellmctl mcp credentials --json | jq -r '.[].command'
    """,
)
@pass_app
@click.pass_context
def credentials(context: click.Context, app: App, /) -> Listing | None:
    """List, set and remove your own credentials for MCP servers.

    Some servers behind the proxy need a key, variables or a sign-in of each user. The proxy stores these encrypted and
    never returns them. Nothing is saved on this machine.
    """
    return _listing(app) if context.invoked_subcommand is None else None


@command(
    "list",
    fields=FIELDS,
    columns=COLUMNS,
    examples="""
    # The same as litellmctl mcp credentials
    $ litellmctl mcp credentials list
    # What is missing or expired
    $ litellmctl mcp credentials list --json | jq '.[]|select(.status!="set")'
    """,
)
@pass_app
def list_(app: App) -> Listing:
    """List which MCP servers need a credential of your own."""
    return _listing(app)


@command(
    "set",
    fields=FIELDS,
    context_settings={**CONTEXT_SETTINGS, "allow_extra_args": True},
    examples="""
    # Type or paste the key, which is not shown
    $ litellmctl mcp credentials set jira
    # From a password manager
    $ op read op://me/jira/token | litellmctl mcp credentials set jira
    # Variables from the environment and from a file, or from a dotenv file
    $ litellmctl mcp credentials set crm --env 'ID=$CRM_ID' --env KEY=@key.txt
    $ litellmctl mcp credentials set crm --env-file .env
    # Is everything set now?
    $ litellmctl mcp credentials set jira --file token --json | jq .status
    """,
)
@one_server
@click.option("--file", "file", metavar="FILE", shell_complete=completes("files"), help="Read the value from a file.")
@click.option(
    "--env", "env", multiple=True, metavar="NAME[=$VARIABLE|=@FILE]", help="Variable of the server (repeatable)."
)
@click.option(
    "--env-file",
    "env_file",
    metavar="FILE|-",
    shell_complete=completes("files"),
    help="Read variables from a dotenv file.",
)
@pass_app
@click.pass_context
def set_(
    context: click.Context, app: App, /, *, server: str, file: str | None, env: Sequence[str], env_file: str | None
) -> Record | None:
    """Set your key or your variables for an MCP server.

    The value is read from stdin, or asked for on a terminal; it is never an argument, which other users could read. It
    replaces the one that is set. Without --env and --env-file, all variables that are missing are asked for.
    """
    from litellmctl.commands.mcp_values import given_key, given_variables

    if context.args:  # not repeated: it may be the secret itself
        raise UsageFailure(
            "a value in an argument would be visible in the process list",
            remedy="pass it on stdin, or with --file FILE",
        )
    named = [option for option, value in (("--file", file), ("--env", env), ("--env-file", env_file)) if value]
    if "--file" in named and len(named) > 1:
        raise UsageFailure(f"--file cannot be combined with {named[1]}", remedy=f"remove --file or {named[1]}")
    own = own_credentials(app)
    found = {one.wants: one for one in wanted_by(app, own, server)}
    key, variables = found.get(KEY), found.get(VARIABLES)
    missing: list[str] = []
    if variables is not None and (key is None or env or env_file):
        values = given_variables(app, variables, file, env, env_file)
        own.set_variables(variables, values)
        done, what = variables, f"{', '.join(values)} for MCP server {variables.server}"
        missing = [name for name in variables.missing if name not in values]
    elif key is not None and not (env or env_file):
        own.set_key(key, given_key(app, key, file))
        done, what = key, f"your key for MCP server {key.server}"
    else:
        other = next(iter(found.values()))
        needs = "you to sign in" if other.wants == SIGN_IN else "a key, not variables"
        raise UsageFailure(f"MCP server {other.server} needs {needs}", remedy=other.remedy)
    app.catalogs.tool_cache.drop()
    app.console.done(f"Saved {what} at {app.connection.pair.base_url}")
    if missing:
        app.console.note(f"MCP server {done.server} still needs {listed(missing)}: {done.remedy}")
    return _record(app, own, done)


@command(
    "remove",
    examples="""
    # Remove your credential for a server, after a confirmation
    $ litellmctl mcp credentials remove jira
    # In a script
    $ litellmctl mcp credentials remove --yes jira
    # What is still set?
    $ litellmctl mcp credentials --json | jq '.[] | select(.status=="set")'
    """,
)
@one_server
@click.option("-y", "--yes", is_flag=True, help="Remove without a confirmation.")
@pass_app
def remove(app: App, *, server: str, yes: bool) -> None:
    """Remove your own credential for an MCP server.

    That is your key, your variables and your sign-in; the proxy removes all variables of a server together.
    """
    own = own_credentials(app)
    found = wanted_by(app, own, server)
    there = [one for one in found if one.status != "missing" or len(one.missing) < len(one.variables)]
    name, base_url = found[0].server, app.connection.pair.base_url
    if not there:
        app.console.note(f"No credential of yours is set for MCP server {name}.")
        return
    what = " and ".join(_WORDS[one.wants] for one in there)
    if not yes:
        if not app.console.can_prompt:
            raise UsageFailure(
                f"refusing to remove {what} for MCP server {name} without confirmation",
                remedy="pass --yes",
                code="input_required",
            )
        if not app.console.confirm(f"Remove {what} for MCP server {name} at {base_url}?", flag="--yes"):
            raise Failure("interrupted", "nothing was removed")
    for one in there:
        own.remove(one)
    app.catalogs.tool_cache.drop()
    app.console.done(f"Removed {what} for MCP server {name} at {base_url}")


_WORDS = {KEY: "your key", VARIABLES: "your variables", SIGN_IN: "your sign-in"}


def own_credentials(app: App) -> ServerCredentials:
    """Return the user's own credentials at the proxy in use."""
    from litellmctl.server_credentials.credentials import ServerCredentials

    app.catalogs.require_mcp()
    return ServerCredentials(app.connection.client, app.connection.request_seconds)


def wanted_by(app: App, own: ServerCredentials, server: str) -> list[ServerCredential]:
    """Return what a server wants of the user."""
    with app.console.working(f"Asking {app.connection.pair.base_url} for its MCP servers ..."):
        return own.of(server)


def _record(app: App, own: ServerCredentials, done: ServerCredential) -> Record | None:
    """Return the credential as it is now, if data are wanted."""
    if not app.options.wants_data:
        return None
    now = [one for one in own.of(done.server_id) if one.wants == done.wants]
    return Record(row_of(now[0] if now else done))


def row_of(one: ServerCredential) -> dict[str, Any]:
    """Return a credential as scripts see it."""
    times = {"expires_at": optional_timestamp(one.expires_at), "connected_at": optional_timestamp(one.connected_at)}
    row = {
        **one._asdict(),
        **times,
        "variables": [variable._asdict() for variable in one.variables],
        "scopes": list(one.scopes),
        "command": one.remedy,
    }
    return {name: row[name] for name in FIELDS}


for _command in (list_, set_, remove):
    credentials.add_command(_command)
