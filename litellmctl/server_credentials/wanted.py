"""Whether a failure means that the user's own credential for an MCP server is missing, and which command sets it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.sentences import listed
from litellmctl.tools.tool import HEADER, KEY, SIGN_IN, VARIABLES

if TYPE_CHECKING:
    from litellmctl.tools.result import Result
    from litellmctl.tools.tool import Server

# What LiteLLM says to a call of a tool (shapes: tests/contract/shapes/mcp_tools_call.no_*.json,
# mcp_tools_call.sign_in_*.json).
_NO_KEY = r"(?i)no stored credential found for this BYOK server|user identity is required for BYOK"
_NO_VARIABLES = r"require per-user variables"
_VARIABLE = r"(?m)^- (\S+)"
_UNAUTHORIZED = "Unauthorized"
# The text of a result where the server itself refused the credential that the proxy sent.
_REFUSED_BY_SERVER = r"HTTPStatusError: Client error '401 Unauthorized'"
# The status of a server in the list of tools.
_SIGN_IN_STATUS = "auth_required"
_MAX_COMMANDS = 5


def explained(server: Server | str, failure: Failure) -> Failure:
    """Return the failure of a call, which says if the user's own credential is missing, and how to set it.

    A proxy that does not know the tools of a server yet says "Tool not found", whatever the reason: only a new list
    tells more (`remedy_of_status`). Any other failure is returned itself.
    """
    wants = _missing(server, failure)
    return failure if wants is None else _needed(_name(server), wants, failure)


def _needed(name: str, wants: str, failure: Failure) -> AuthFailure:
    names = re.findall(_VARIABLE, failure.words or "") if wants == VARIABLES else []
    return AuthFailure(
        "auth_required",
        f"MCP server {name} needs {f'variables of your own: {listed(names)}' if names else _WORDS[wants]}",
        remedy=command(name, wants),
        status=failure.status,
        words=failure.words,
        may_have_acted=failure.may_have_acted,
    )


def missing(server: Server) -> str | None:
    """Return what the list of tools says is missing: key, sign-in or header; None if it is nothing of the user's."""
    if server.status == _SIGN_IN_STATUS and server.wants in {SIGN_IN, HEADER}:
        return server.wants
    return KEY if server.wants == KEY and server.is_set is False and not server.is_ok else None


def needs(server: Server) -> str | None:
    """Return what is missing, for a sentence: `needs you to sign in`; None if nothing is."""
    wants = missing(server)
    return None if wants is None else f"needs {_WORDS[wants]}"


def remedy_of_status(server: Server) -> str | None:
    """Return the command for a server whose tools are missing from the list for want of the user's own credential."""
    wants = missing(server)
    return None if wants is None else command(server.name, wants)


def unlisted(servers: Sequence[Server], tool: str, failure: Failure) -> Failure:
    """Return the failure for a tool that is not listed, which says if its server needs a credential first."""
    for server in servers:
        named = [f"{name}/" for name in (server.name, server.alias, server.id) if name]
        named.append(f"mcp_{re.sub(r'[^a-z0-9_]+', '_', server.name.lower())}_")
        if tool.startswith(tuple(named)) and (wants := missing(server)) is not None:
            return _needed(server.name, wants, failure)
    return failure


def remedy_of_result(server: Server | str, result: Result) -> str | None:
    """Return the command for a result that is an error, if the server refused the user's own credential."""
    wants = _wants(server)
    if not result.is_error or wants is None:
        return None
    text = next((one for one in result.pieces() if isinstance(one, str)), "")
    return command(_name(server), wants) if re.match(_REFUSED_BY_SERVER, text) else None


def command(name: str, wants: str) -> str:
    """Return the command that sets what a server wants."""
    from shlex import quote  # only on the way to an error

    if wants == HEADER:
        return f"litellmctl config set {quote(f'mcp_headers.{name}:Authorization')} '$TOKEN'"
    verb = "login" if wants == SIGN_IN else "credentials set"
    return f"litellmctl mcp {verb} {'-- ' if name.startswith('-') else ''}{quote(name)}"


def commands(remedies: Iterable[str | None]) -> list[str]:
    """Return the commands to print below a list: the first of them, and how many more there are."""
    found = [remedy for remedy in dict.fromkeys(remedies) if remedy is not None]
    more = len(found) - _MAX_COMMANDS
    return found if more <= 0 else [*found[:_MAX_COMMANDS], f"and {more} more"]


_WORDS = {
    KEY: "a key of your own, and none is set",
    VARIABLES: "variables of your own, and not all are set",
    SIGN_IN: "you to sign in",
    HEADER: "a token of your own in each request",
}


def _missing(server: Server | str, failure: Failure) -> str | None:
    """Return what is missing: key, variables, sign-in or header; None if that is not why the call failed."""
    words = failure.words or ""
    if failure.status == 401 and re.search(_NO_KEY, words):
        return KEY
    if failure.status == 412 and re.search(_NO_VARIABLES, words):
        return VARIABLES
    wants = _wants(server)
    if failure.status == 401 and words == _UNAUTHORIZED:
        return SIGN_IN if isinstance(server, str) else wants if wants in {SIGN_IN, HEADER} else None
    return None


def _name(server: Server | str) -> str:
    return server if isinstance(server, str) else server.name


def _wants(server: Server | str) -> str | None:
    return None if isinstance(server, str) else server.wants
