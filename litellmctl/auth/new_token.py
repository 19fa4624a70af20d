"""The token that a sign-in gave, whichever way it went: its expiry, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.claims import claims_of, expiry_of
from litellmctl.auth.credential import checked, key_in
from litellmctl.errors import UsageFailure

if TYPE_CHECKING:
    from litellmctl.proxy.oauth import Session

MAX_CHARACTERS = 64 * 1024
_SESSION_PREFIX = "litellm_login_"


class NewToken(NamedTuple):
    """A token, and what is known about it.

    `kind` is that of the login. `expires_at` is in seconds since 1970 by this machine's clock, or by the proxy's where
    `by_proxy_clock`. `session` is what renewing and revoking takes. `inner_key` is the key inside a token that
    LiteLLM's own pages made for themselves: the key works where the token does not.
    """

    token: str
    kind: str
    expires_at: float | None = None
    by_proxy_clock: bool = False
    refresh_token: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    session: Session | None = None
    inner_key: str | None = None

    def __repr__(self) -> str:
        """Leave out what must not be printed."""
        return f"NewToken({self.kind!r})"

    @property
    def is_json_web_token(self) -> bool:
        """Whether it is a JWT, which a virtual key can outlive."""
        return claims_of(self.token) is not None


def of_text(text: str) -> NewToken:
    """Return the token that a person pasted or a program piped: a key or a JWT, also as part of a line (`key_in`)."""
    if len(text) >= MAX_CHARACTERS:
        raise UsageFailure("this is too long for a token", remedy="give the token alone")
    token = key_in(text)
    if not token:
        raise UsageFailure("the token is empty", remedy="give the key, or a token copied from the proxy's own pages")
    if len(token.split()) > 1:
        raise UsageFailure("the token has several lines or words", remedy="give the token alone, on one line")
    checked(token, named="the token")
    claims = claims_of(token)
    if claims is None:
        return NewToken(token, "sso" if token.startswith(_SESSION_PREFIX) else "api_key")
    inner = claims.get("key")
    inner_key = inner if isinstance(inner, str) and inner.startswith("sk-") and inner.isascii() else None
    return NewToken(token, "sso", expiry_of(claims), by_proxy_clock=True, inner_key=inner_key)
