"""The token that a sign-in gave: its expiry, its user and team."""

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

    `kind` is that of the login. `expires_at` is in seconds since 1970 by this machine's clock, or by the proxy's if
    `by_proxy_clock`. `session` is what is needed to refresh and revoke it. `inner_key` is the key inside a token that
    LiteLLM's pages made for themselves: the key works where the token does not. `key_alias` names a virtual key at the
    proxy.
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
    key_alias: str | None = None

    def __repr__(self) -> str:
        """Omit the secrets."""
        return f"NewToken({self.kind!r})"

    @property
    def is_json_web_token(self) -> bool:
        """Whether it is a JWT, which a virtual key can replace for longer."""
        return claims_of(self.token) is not None


def of_text(text: str) -> NewToken:
    """Return the token that was pasted or piped: a key or a JWT, also as part of a line (`key_in`)."""
    if len(text) >= MAX_CHARACTERS:
        raise UsageFailure("the token is too long", remedy="pass the key or token alone")
    token = key_in(text)
    if not token:
        raise UsageFailure("the token is empty", remedy="pass an API key, or a token copied from the proxy's pages")
    if len(token.split()) > 1:
        raise UsageFailure("the token has several lines or words", remedy="pass the key or token alone, on one line")
    checked(token, named="the token")
    claims = claims_of(token)
    if claims is None:
        return NewToken(token, "sso" if token.startswith(_SESSION_PREFIX) else "api_key")
    inner = claims.get("key")
    inner_key = inner if isinstance(inner, str) and inner.startswith("sk-") and inner.isascii() else None
    return NewToken(token, "sso", expiry_of(claims), by_proxy_clock=True, inner_key=inner_key)
