"""The results of a sign-in, and how its responses are read."""

from __future__ import annotations

from typing import Any, NamedTuple

from litellmctl.errors import Unavailable

# Longer than any sign-in lasts: a greater number means something else.
_MAX_SECONDS = 10 * 365 * 86400.0
# As long as a header may be; real tokens have at most a few thousand characters.
_MAX_TOKEN = 2**16
_MAX_CLIENT_ID = 2000


class Grant(NamedTuple):
    """A token that the proxy issued, its lifetime in seconds (None: unknown), and its user and team."""

    token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    user_id: str | None = None
    team_id: str | None = None

    def __repr__(self) -> str:
        """Omit the secrets."""
        return f"Grant(user_id={self.user_id!r}, team_id={self.team_id!r})"


class Session(NamedTuple):
    """The part of a PKCE sign-in that refreshes and revokes its token (RFC 8414, RFC 7591)."""

    client_id: str
    token_endpoint: str
    revocation_endpoint: str
    resource: str


class NotOffered(NamedTuple):
    """The proxy does not have this way of signing in; `reason` says why."""

    reason: str


def public_client(redirect_uri: str) -> dict[str, Any]:
    """Return the metadata by which this program registers as a public client (RFC 7591, section 2)."""
    return {
        "client_name": "litellmctl",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def fields_of(answer: Any, where: str) -> dict[str, Any]:
    """Return the object that an endpoint returned."""
    if not isinstance(answer, dict):
        raise unexpected(where, "not an object")
    return answer


def text_of(fields: dict[str, Any], name: str, where: str) -> str:
    """Return a required text, which must be valid Unicode."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise unexpected(where, f"no {name}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise unexpected(where, f"{name} contains invalid Unicode (a lone surrogate)")
    return value


def client_id_of(fields: dict[str, Any], where: str) -> str:
    """Return the ID of a client, which must be short enough for the link that a person opens or copies."""
    value = text_of(fields, "client_id", where)
    if len(value) > _MAX_CLIENT_ID:
        raise unexpected(where, f"client_id has more than {_MAX_CLIENT_ID:,} characters")
    return value


def token_of(fields: dict[str, Any], name: str, where: str) -> str:
    """Return a required text that can stand in a header."""
    value = text_of(fields, name, where)
    if not (value.isascii() and value.isprintable()):
        raise unexpected(where, f"{name} contains characters that cannot be sent")
    if len(value) > _MAX_TOKEN:
        raise unexpected(where, f"{name} is too long")
    return value


def optional_text(fields: dict[str, Any], name: str) -> str | None:
    """Return an optional text; one with unprintable characters counts as missing."""
    value = fields.get(name)
    return value if isinstance(value, str) and value and value.isprintable() else None


def optional_seconds(fields: dict[str, Any], name: str) -> float | None:
    """Return an optional number of seconds; an invalid one counts as missing."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_SECONDS:
        return None
    return float(value)


def unexpected(where: str, why: str) -> Unavailable:
    """Return the failure for a response that LiteLLM does not send at this step of a sign-in."""
    return Unavailable(
        "bad_response",
        f"unexpected answer from {where}: {why}",
        remedy="check the base URL and the proxy's version, or use litellmctl login --with-token",
    )
