"""Google application default credentials: access tokens from the user's `gcloud auth application-default login`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litellmctl.auth.credential import Credential, checked
from litellmctl.errors import AuthFailure, Unavailable
from litellmctl.foundation import files

if TYPE_CHECKING:
    from pathlib import Path

    import requests

_FIELDS = ("client_id", "client_secret", "refresh_token")
_MARGIN_SECONDS = 300
_SECONDS = 10.0
LOGIN = "gcloud auth application-default login"


class UnusableADC(Exception):
    """The credentials cannot be used; the text is the reason."""


def read(path: Path) -> dict[str, Any]:
    """Return the content of an `authorized_user` credentials file.

    Raises UnusableADC with the reason: no file, a service account, missing fields.
    """
    try:
        info = json.loads(path.read_bytes())
    except OSError as error:
        raise UnusableADC(f"{path}: {files.reason(error)}") from None
    except (ValueError, RecursionError):
        raise UnusableADC(f"{path} is not valid JSON") from None
    kind = info.get("type") if isinstance(info, dict) else None
    if kind != "authorized_user":
        raise UnusableADC(f'{path} has type "{kind}", but only authorized_user is supported')
    missing = [name for name in _FIELDS if not isinstance(info.get(name), str) or not info[name]]
    if missing:
        raise UnusableADC(f"{path} lacks {', '.join(missing)}")
    return dict(info)


@dataclass(frozen=True)
class GoogleCredential(Credential):
    """An access token of the user's Google account, kept in memory until its expiry less 5 minutes.

    `session` makes the HTTP session that asks Google for tokens.
    """

    info: dict[str, Any] = field(repr=False)
    origin: str
    session: Callable[[], requests.Session] = field(repr=False)
    source: str = "gcloud"
    kind: str = "gcloud"
    _token: list[tuple[float, str]] = field(default_factory=list, repr=False)

    def identity(self) -> str:
        """Return the account: its client and refresh token."""
        return "\0".join(str(self.info[name]) for name in _FIELDS)

    def secret(self) -> str:
        """Return an access token; asks Google if the last one is about to expire."""
        if self._token and time.time() < self._token[0][0]:
            return self._token[0][1]
        return self._fetch()

    @property
    def expires_at(self) -> float | None:
        """When the last access token expires."""
        return self._token[0][0] + _MARGIN_SECONDS if self._token else None

    @property
    def due_at(self) -> float | None:
        """When the next access token is asked for."""
        return self._token[0][0] if self._token else None

    def current(self, known: str) -> str:  # noqa: ARG002
        """Return the token, a new one if the last is about to expire."""
        return self.secret()

    def renewed(self) -> str | None:
        """Ask Google for a new access token."""
        return self._fetch()

    @property
    def is_renewable(self) -> bool:
        """Google gives a new token at any time."""
        return True

    def _fetch(self) -> str:
        from google.auth import exceptions
        from google.auth.transport.requests import Request
        from google.oauth2.credentials import Credentials

        from litellmctl.foundation.deadline import Deadline
        from litellmctl.foundation.hiding import Hider

        credentials: Any = Credentials.from_authorized_user_info(self.info)  # type: ignore[no-untyped-call]
        request = Request(self.session())
        try:
            Deadline(_SECONDS).run(lambda: credentials.refresh(request))
        except (exceptions.TransportError, Unavailable):
            raise Unavailable(
                "unreachable",
                "cannot reach Google for an access token",
                remedy="check the network, HTTPS_PROXY and ca_bundle, or pass --auth SOURCE",
            ) from None
        except exceptions.GoogleAuthError as error:
            reason = next((text for text in error.args if isinstance(text, str)), type(error).__name__)
            reason = Hider(str(self.info[name]) for name in _FIELDS).hidden(reason)  # Google may repeat what was sent
            raise AuthFailure(
                "auth_failed", f"Google refused an access token for {self.origin}: {reason}", remedy=LOGIN
            ) from None
        # google-auth gives the expiry as a naive UTC datetime.
        left = (credentials.expiry - _utc_now()).total_seconds() if credentials.expiry else 0.0
        token = checked(credentials.token, named="the access token from Google")
        self._token[:] = [(time.time() + left - _MARGIN_SECONDS, token)]
        return token


def _utc_now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(tzinfo=None)
