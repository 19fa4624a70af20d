"""What MCP servers want of the user, and what of it the proxy keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from litellmctl.errors import Failure, Rejected, suggestion
from litellmctl.proxy import mcp_credentials
from litellmctl.server_credentials.wanted import command
from litellmctl.tools.tool import HEADER, KEY, SIGN_IN, VARIABLES, wants_of

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.mcp_credentials import Attempt, SignedIn, Token

T = TypeVar("T")

SET, MISSING, EXPIRED = "set", "missing", "expired"
_MAX_REFRESHED, _AT_ONCE = 32, 8


class Variable(NamedTuple):
    """A variable of each user, which the administrator named, and whether it has a value."""

    name: str
    description: str | None
    is_set: bool


class ServerCredential(NamedTuple):
    """What one server wants of the user. `wants` is one of `wanted`'s words; `status` is None where it is unknown.

    `scopes` say what a key is used for, and `help_url` is where to get it, both in the administrator's words.
    """

    server: str
    server_id: str
    alias: str | None
    wants: str
    status: str | None
    expires_at: float | None = None
    connected_at: float | None = None
    variables: Sequence[Variable] = ()
    scopes: Sequence[str] = ()
    help_url: str | None = None

    @property
    def remedy(self) -> str:
        """The command that sets it."""
        return command(self.server, self.wants)

    @property
    def missing(self) -> list[str]:
        """The names of the variables without a value."""
        return [one.name for one in self.variables if not one.is_set]


class ServerCredentials:
    """The user's own credentials for MCP servers at one proxy. `connect` makes the client on first use.

    Every request takes at most `seconds`. The values themselves only ever go to the proxy.
    """

    def __init__(self, connect: Callable[[], Client], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._client: Client | None = None

    def all(self) -> list[ServerCredential]:
        """Return what is wanted, sorted by server: one entry for each server and kind.

        Raises the failure where the proxy keeps no credentials of users at all, or none for this key.
        """
        rows, sign_ins, variables = self._ask(
            lambda client: (
                mcp_credentials.servers(client),
                mcp_credentials.sign_ins(client),
                _without_variables(client),
            )
        )
        found = [*_listed(rows, sign_ins), *_with_variables(variables)]
        if self._refresh([one.server_id for one in found if one.status == EXPIRED]):
            found = [*_listed(rows, self._ask(mcp_credentials.sign_ins)), *_with_variables(variables)]
        # A row that comes twice is one credential, which is removed once.
        found = list({(one.server_id, one.wants): one for one in found}.values())
        return sorted(found, key=lambda one: (one.server, one.server_id, one.wants))

    def _refresh(self, server_ids: Sequence[str]) -> bool:
        """Let the proxy refresh expired sign-ins; return whether it could for one of them."""
        if not server_ids:
            return False
        from litellmctl.foundation.threads import in_order

        def refreshed(server_id: str) -> bool:
            try:
                return self._ask(lambda client: mcp_credentials.refresh(client, server_id))
            except Failure:
                return False  # it stays expired

        return any([*in_order(iter(server_ids[:_MAX_REFRESHED]), refreshed, _AT_ONCE)])

    def of(self, name: str) -> list[ServerCredential]:
        """Return what a server wants, by name, alias or ID. Raises `Rejected` if it is unknown, or wants nothing."""
        found = [one for one in self.all() if name in {one.server, one.alias, one.server_id}]
        if found:
            return found
        rows = self._ask(mcp_credentials.servers)
        named = [row for row in rows if name in _names(row)]
        if any(wants_of(row) == HEADER for row in named):
            raise Rejected(
                "rejected",
                f'MCP server "{name}" takes your token from a header of each request, and the proxy keeps none',
                remedy=command(name, HEADER),
            )
        if named:
            raise Rejected(
                "rejected",
                f'MCP server "{name}" needs no credential of your own',
                remedy="litellmctl mcp credentials",
            )
        names = [str(one) for row in rows for one in _names(row) if one]
        message = f'no MCP server "{name}"{suggestion(name, names)}'
        raise Rejected("not_found", message, remedy="litellmctl mcp servers")

    def set_key(self, credential: ServerCredential, key: str) -> None:
        """Save the user's key."""
        self._ask(lambda client: mcp_credentials.set_key(client, credential.server_id, key))

    def set_variables(self, credential: ServerCredential, values: Mapping[str, str]) -> None:
        """Save values of variables; others keep theirs."""
        self._ask(lambda client: mcp_credentials.set_variables(client, credential.server_id, values))

    def remove(self, credential: ServerCredential) -> None:
        """Remove the key, all variables, or the sign-in."""
        remove = {
            KEY: mcp_credentials.remove_key,
            VARIABLES: mcp_credentials.remove_variables,
            SIGN_IN: mcp_credentials.remove_sign_in,
        }[credential.wants]
        self._ask(lambda client: remove(client, credential.server_id))

    def begin(self, credential: ServerCredential, redirect_uri: str, verifier: str) -> Attempt:
        """Begin a sign-in that ends at `redirect_uri`."""
        return self._ask(lambda client: mcp_credentials.begin(client, credential.server_id, redirect_uri, verifier))

    def link(self, attempt: Attempt, state: str, challenge: str) -> str:
        """Return the link that the user opens."""
        return self._ask(lambda client: mcp_credentials.link(client, attempt, state, challenge))

    def redeem(self, attempt: Attempt, code: str) -> Token:
        """Exchange the code of a sign-in for a token, which the proxy keeps too, unless it is an older release."""
        return self._ask(lambda client: mcp_credentials.redeem(client, attempt, code))

    def store(self, credential: ServerCredential, token: Token) -> None:
        """Save the token of a sign-in."""
        self._ask(lambda client: mcp_credentials.store_token(client, credential.server_id, token))

    def hidden(self, text: str) -> str:
        """Return a text of the proxy without secrets."""
        return self._client.auth.hidden(text) if self._client else text

    def sign_in_status(self, credential: ServerCredential) -> SignedIn | None:
        """Return the user's sign-in as it is now; None if there is none."""
        return self._ask(lambda client: mcp_credentials.sign_in_status(client, credential.server_id))

    def _ask(self, work: Callable[[Client], T]) -> T:
        if self._client is None:
            self._client = self._connect()
        return self._client.call(self._seconds, work)


def status_of(signed_in: SignedIn | None) -> str:
    """Return the status of a sign-in."""
    if signed_in is None:
        return MISSING
    return EXPIRED if signed_in.expires_at is not None and signed_in.expires_at <= time.time() else SET


def _without_variables(client: Client) -> list[dict[str, Any]]:
    """Return the servers that want variables; [] from a proxy that does not know variables of users yet."""
    try:
        return mcp_credentials.variables(client)
    except Failure as failure:
        if mcp_credentials.is_unsupported(failure):
            return []
        raise


def _listed(rows: Sequence[dict[str, Any]], sign_ins: Sequence[dict[str, Any]]) -> list[ServerCredential]:
    """Return what the rows of servers say is wanted: keys, sign-ins, headers."""
    signed_in = {_text(row.get("server_id")): mcp_credentials.signed_in(row) for row in sign_ins}
    found = []
    for row in rows:
        wants = wants_of(row)
        server_id = _text(row.get("server_id"))
        if wants is None or wants == HEADER or server_id is None:
            continue
        one = ServerCredential(_name(row), server_id, _text(row.get("alias")), wants, None)
        if wants == SIGN_IN:
            entry = signed_in.get(server_id)
            if entry is not None:
                one = one._replace(expires_at=entry.expires_at, connected_at=entry.connected_at)
            found.append(one._replace(status=status_of(entry)))
        else:
            is_set = row.get("has_user_credential")
            scopes = row.get("byok_description")
            found.append(
                one._replace(
                    status={True: SET, False: MISSING}.get(is_set) if isinstance(is_set, bool) else None,
                    scopes=[text for text in scopes if isinstance(text, str)] if isinstance(scopes, list) else [],
                    help_url=_text(row.get("byok_api_key_help_url")),
                )
            )
    return found


def _with_variables(rows: Sequence[dict[str, Any]]) -> list[ServerCredential]:
    found = []
    for row in rows:
        entries, server_id = row.get("required"), _text(row.get("server_id"))
        variables = [
            Variable(entry["name"], _text(entry.get("description")), entry.get("is_set") is True)
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and _text(entry.get("name"))
        ]
        if variables and server_id is not None:
            status = SET if all(one.is_set for one in variables) else MISSING
            one = ServerCredential(_name(row), server_id, _text(row.get("alias")), VARIABLES, status)
            found.append(one._replace(variables=variables, help_url=_text(row.get("setup_url"))))
    return found


def _names(row: Mapping[str, Any]) -> list[Any]:
    return [row.get("server_name"), row.get("alias"), row.get("server_id")]


def _name(row: Mapping[str, Any]) -> str:
    return _text(row.get("server_name")) or _text(row.get("alias")) or str(row.get("server_id"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
