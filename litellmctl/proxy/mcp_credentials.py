"""A user's own credentials for MCP servers, in the proxy's vault: keys, variables and sign-ins.

LiteLLM has these endpoints since 1.82.5 (proxy/management_endpoints/mcp_management_endpoints.py); shapes:
tests/contract/shapes/mcp_user_*.json, mcp_oauth_*.json. None of them ever returns a stored value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.foundation.times import parse_time
from litellmctl.proxy.answer import not_litellm
from litellmctl.proxy.oauth import client_id_of, fields_of, optional_seconds, public_client, token_of

if TYPE_CHECKING:
    from litellmctl.proxy.answer import Answer
    from litellmctl.proxy.client import Client

_SERVERS = "/v1/mcp/server"
_SIGN_INS = "/v1/mcp/user-credentials"
_VARIABLES = "/v1/mcp/user-env-vars/status"
_NO_USER = "User ID not found in token"
_NO_DATABASE = "Database not connected"
# Two of the later releases of 1.82 on PyPI were compromised: nobody should upgrade to those.
_SINCE = "LiteLLM 1.83"
_TOKENS = ("access_token", "refresh_token")
_MAX_LISTED = 4096


class SignedIn(NamedTuple):
    """A user's sign-in to a server: since when, and until when (seconds since 1970; None: unknown, or for good)."""

    connected_at: float | None = None
    expires_at: float | None = None


class Attempt(NamedTuple):
    """A sign-in to a server under way. `verifier` is the secret of PKCE (RFC 7636)."""

    server_id: str
    client_id: str
    redirect_uri: str
    verifier: str

    def __repr__(self) -> str:
        """Omit the secret."""
        return f"Attempt({self.server_id!r})"


class Token(NamedTuple):
    """What a server's authorization server issued; the proxy keeps it."""

    access_token: str
    refresh_token: str | None
    expires_in: float | None

    def __repr__(self) -> str:
        """Omit the secrets."""
        return "Token()"


def servers(client: Client) -> list[dict[str, Any]]:
    """Return the rows of the servers that this key may use, with `is_byok`, `has_user_credential`, `auth_type` ..."""
    return _rows(client, _SERVERS)


def sign_ins(client: Client) -> list[dict[str, Any]]:
    """Return the user's sign-ins: `{"server_id", "expires_at", "connected_at"}`."""
    return _rows(client, _SIGN_INS)


def variables(client: Client) -> list[dict[str, Any]]:
    """Return the servers that want variables: `{"server_id", "required": [{"name", "description", "is_set"}]}`.

    For a key without a user it is always empty.
    """
    return _rows(client, _VARIABLES)


def sign_in_status(client: Client, server_id: str) -> SignedIn | None:
    """Return the user's sign-in to a server; None if there is none."""
    path = f"{_path(server_id)}/oauth-user-credential/status"
    answer = client.get(path)
    if answer.status != 200:
        raise _explained(client, client.failure(answer, path))
    fields = fields_of(answer.json(f"{client.base_url}{path}"), f"{client.base_url}{path}")
    return signed_in(fields) if fields.get("has_credential") is True else None


def signed_in(fields: Mapping[str, Any]) -> SignedIn:
    """Return the sign-in that a row or a status describes."""
    return SignedIn(parse_time(fields.get("connected_at")), parse_time(fields.get("expires_at")))


def refresh(client: Client, server_id: str) -> bool:
    """Let the proxy refresh an expired sign-in, as it does for any request to the server; return whether it could.

    It does not tell whether it has a refresh token, and an access token often lasts for an hour only.
    """
    answer = client.get("/mcp-rest/tools/list", {"server_id": server_id})
    answer.close()
    return answer.status == 200


def set_key(client: Client, server_id: str, key: str) -> None:
    """Save the user's key for a server, in place of the one that is there."""
    client.auth.keep(key)
    _change(client, "POST", f"{_path(server_id)}/user-credential", {"credential": key})


def remove_key(client: Client, server_id: str) -> None:
    """Remove the user's key for a server; without one, nothing happens."""
    _change(client, "DELETE", f"{_path(server_id)}/user-credential")


def set_variables(client: Client, server_id: str, values: Mapping[str, str]) -> None:
    """Save values of the user's variables for a server; others keep theirs. The proxy ignores names it did not ask for.

    An empty value would be ignored too.
    """
    client.auth.keep(*values.values())
    _change(client, "POST", f"{_path(server_id)}/user-env-vars", {"values": dict(values)})


def remove_variables(client: Client, server_id: str) -> None:
    """Remove all of the user's variables for a server: the proxy cannot remove a single one."""
    _change(client, "DELETE", f"{_path(server_id)}/user-env-vars")


def remove_sign_in(client: Client, server_id: str) -> None:
    """Remove the user's sign-in to a server; without one, nothing happens."""
    _change(client, "DELETE", f"{_path(server_id)}/oauth-user-credential")


def begin(client: Client, server_id: str, redirect_uri: str, verifier: str) -> Attempt:
    """Register this program at a server's authorization server, through the proxy (RFC 7591).

    Where the administrator gave the server a client of its own, the proxy returns a placeholder and uses that client.
    """
    client.auth.keep(verifier)
    path = f"{_oauth_path(server_id)}/register"
    answer = client.send("POST", path, json=public_client(redirect_uri))
    if answer.status not in {200, 201}:
        raise _explained(client, client.failure(answer, path))
    where = f"{client.base_url}{path}"
    client_id = client_id_of(fields_of(answer.json(where), where), where)
    return Attempt(server_id, client_id, redirect_uri, verifier)


def link(client: Client, attempt: Attempt, state: str, challenge: str) -> str:
    """Return the link that the user opens: the proxy's, which leads to the server's authorization server.

    The browser has no key of the proxy, so this is the public endpoint; the code is of no use without the verifier.
    """
    query = {
        "response_type": "code",
        "client_id": attempt.client_id,
        "redirect_uri": attempt.redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{client.base_url}/{quote(attempt.server_id, safe='')}/authorize?{urlencode(query)}"


def redeem(client: Client, attempt: Attempt, code: str) -> Token:
    """Exchange the code for a token, once (RFC 6749, section 4.1.3). The proxy keeps it for the user of the key."""
    client.auth.keep(code)
    path = f"{_oauth_path(attempt.server_id)}/token"
    where = f"{client.base_url}{path}"
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "client_id": attempt.client_id,
        "code_verifier": attempt.verifier,
    }
    answer = client.send("POST", path, form=form)
    if answer.status != 200:
        raise _explained(client, client.failure(answer, path))
    fields = fields_of(answer.json(where, tokens=_TOKENS), where)
    refresh_token = token_of(fields, "refresh_token", where) if fields.get("refresh_token") else None
    return Token(token_of(fields, "access_token", where), refresh_token, optional_seconds(fields, "expires_in"))


def store_token(client: Client, server_id: str, token: Token) -> None:
    """Save a token that the proxy did not keep by itself when the code was exchanged (older releases)."""
    body: dict[str, Any] = {"access_token": token.access_token}
    if token.refresh_token is not None:
        body["refresh_token"] = token.refresh_token
    if token.expires_in is not None:
        body["expires_in"] = int(token.expires_in)
    _change(client, "POST", f"{_path(server_id)}/oauth-user-credential", body)


def is_unsupported(failure: Failure) -> bool:
    """Whether a failure means that this proxy has no vault for users' credentials."""
    return failure.code == "not_found" and failure.words in {None, "Not Found"}


def keeps_none(failure: Failure) -> bool:
    """Whether a failure means that this proxy keeps no credentials for users at all: too old, or without a database."""
    return is_unsupported(failure) or _NO_DATABASE in (failure.words or "")


def _explained(client: Client, failure: Failure) -> Failure:
    """Return a failure of these endpoints with what it means here, and what to do."""
    words = failure.words or ""
    if _NO_USER in words:
        return AuthFailure(
            "forbidden",
            f"{client.base_url} keeps credentials for MCP servers by user, and this key does not belong to a user",
            remedy="sign in with litellmctl login --sso, or ask the proxy's administrator for a key of your own",
            status=failure.status,
            words=failure.words,
        )
    if _NO_DATABASE in words:
        return failure.changed(
            message=f"{client.base_url} has no database, so it cannot keep credentials for MCP servers",
            remedy="ask the proxy's administrator",
        )
    if is_unsupported(failure):
        return Rejected(
            "not_found",
            f"{client.base_url} cannot keep credentials for MCP servers, which needs {_SINCE} or newer",
            remedy="ask the proxy's administrator to upgrade LiteLLM",
            status=failure.status,
        )
    return failure


def _path(server_id: str) -> str:
    return f"{_SERVERS}/{quote(server_id, safe='')}"


def _oauth_path(server_id: str) -> str:
    return f"{_SERVERS}/oauth/{quote(server_id, safe='')}"


def _rows(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    if answer.status != 200:
        raise _explained(client, client.failure(answer, path))
    where = f"{client.base_url}{path}"
    rows = answer.json(where)
    if not isinstance(rows, list):
        raise not_litellm(where, b"{}")
    return [row for row in rows[:_MAX_LISTED] if isinstance(row, dict)]


def _change(client: Client, method: str, path: str, body: Any = None) -> None:
    answer: Answer = client.send(method, path, json=body)
    if answer.status != 200:
        raise _explained(client, client.failure(answer, path))
    if not isinstance(answer.json(f"{client.base_url}{path}"), dict):
        raise Unavailable(
            "bad_response",
            f"{client.base_url}{path} returned an unexpected answer and does not look like LiteLLM",
            remedy="litellmctl mcp credentials",
        )
