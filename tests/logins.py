"""Logins as the program stores them, the tokens in them, and what tests look at of both."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from litellmctl.auth.login_file import Login, LoginFile, Logins
from litellmctl.auth.vault import FileVault, Found, Secret

DAY = 86400.0
ID, CLIENT = "0123456789abcdef", "llm_dcrc_0123456789"
OLD, OLD_REFRESH = "litellm_login_old-0123456789", "llm_srefresh_old-0123456789"


def encoded(part: Any) -> str:
    """Return a part of a JWT: base64url without padding (RFC 7515), of JSON unless it is bytes."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(data).decode().rstrip("=")


def json_web_token(**claims: Any) -> str:
    """Return a JWT with these claims, and a signature that nobody checks."""
    return f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}.{encoded(b'signature-of-it')}"


def pkce_login(url: str, *, issued_at: float, expires_at: float, **changes: Any) -> Login:
    """Return a login by PKCE, its times in seconds since 1970."""
    login = Login(
        base_url=url,
        id=ID,
        kind="pkce",
        storage="file",
        issued_at=issued_at,
        expires_at=expires_at,
        user_id="duo",
        client_id=CLIENT,
        token_endpoint=f"{url}/token",
        revocation_endpoint=f"{url}/revoke",
        resource=url,
    )
    return login._replace(**changes)


class Files:
    """What the program has stored in its configuration folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logins = LoginFile(folder)
        self.vault = FileVault(folder)

    def keep(self, url: str, *, left: float, life: float = DAY, profile: str = "default", **changes: Any) -> None:
        """Sign in by PKCE, so that `left` of the token's `life` are left, both in seconds."""
        end = time.time() + left
        login = pkce_login(url, issued_at=end - life, expires_at=end, team_id="lab-red")
        self.vault.put(ID, Secret(url, OLD, end - life, end, OLD_REFRESH))
        self.logins.write(Logins({profile: login._replace(**changes)}, {}, []))

    @property
    def login(self) -> Login:
        login = self.logins.login("default")
        assert login is not None
        return login

    @property
    def secret(self) -> Secret:
        found = self.vault.get(ID)
        assert isinstance(found, Found)
        return found.secret

    @property
    def bytes(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in ("logins.json", "secrets.json")}
