"""What all ways of signing in give and have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

from litellmctl.errors import Unavailable

# Longer than any sign-in lasts: whoever says more means something else.
_MAX_SECONDS = 10 * 365 * 86400.0


class Grant(NamedTuple):
    """A token that the proxy gave, for how many seconds (None: it did not say), and to whom."""

    token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    user_id: str | None = None
    team_id: str | None = None

    def __repr__(self) -> str:
        """Leave out what must not be printed."""
        return f"Grant(user_id={self.user_id!r}, team_id={self.team_id!r})"


class Session(NamedTuple):
    """What is kept of a PKCE sign-in, so that its token can be renewed and revoked (RFC 8414, RFC 7591)."""

    client_id: str
    token_endpoint: str
    revocation_endpoint: str
    resource: str


class NotOffered(NamedTuple):
    """The proxy does not have this way of signing in, and why we think so."""

    reason: str


def fields_of(answer: Any, where: str) -> dict[str, Any]:
    """Return the object that an endpoint answered with."""
    if not isinstance(answer, dict):
        raise unexpected(where, "it is not an object")
    return answer


def text_of(fields: dict[str, Any], name: str, where: str) -> str:
    """Return a text that must be there, and can be sent."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise unexpected(where, f"it has no {name}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise unexpected(where, f"its {name} holds half a character")
    return value


def token_of(fields: dict[str, Any], name: str, where: str) -> str:
    """Return a text that must be there, and can stand in a header."""
    value = text_of(fields, name, where)
    if not (value.isascii() and value.isprintable()):
        raise unexpected(where, f"its {name} holds characters that cannot be sent")
    return value


def optional_text(fields: dict[str, Any], name: str) -> str | None:
    """Return a text that may be missing; one that cannot be printed counts as missing."""
    value = fields.get(name)
    return value if isinstance(value, str) and value and value.isprintable() else None


def optional_seconds(fields: dict[str, Any], name: str) -> float | None:
    """Return a number of seconds that may be missing; what cannot be one counts as missing."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_SECONDS:
        return None
    return float(value)


def unexpected(where: str, why: str) -> Unavailable:
    """Return the failure for an answer that is not what this step of a sign-in gives."""
    return Unavailable(
        "bad_response",
        f"{where} did not answer as LiteLLM does: {why}",
        remedy="check the base URL and the proxy's version, or sign in with litellmctl login --with-token",
    )
