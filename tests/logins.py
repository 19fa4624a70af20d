"""Logins as the program stores them."""

from __future__ import annotations

from typing import Any

from litellmctl.auth.login_file import Login


def pkce_login(url: str, *, issued_at: float, expires_at: float, **changes: Any) -> Login:
    """Return a login by PKCE, its times in seconds since 1970."""
    login = Login(
        base_url=url,
        id="0123456789abcdef",
        kind="pkce",
        storage="file",
        issued_at=issued_at,
        expires_at=expires_at,
        user_id="duo",
        client_id="llm_dcrc_0123456789",
        token_endpoint=f"{url}/token",
        revocation_endpoint=f"{url}/revoke",
        resource=url,
    )
    return login._replace(**changes)
