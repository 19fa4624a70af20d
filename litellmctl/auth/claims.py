"""The claims of a JSON Web Token. They are not verified here: the proxy does that."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any


def claims_of(token: str) -> dict[str, Any] | None:
    """Return the claims of a signed JWT (RFC 7519); None if the text is not one."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, payload = (json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(header, dict) and "alg" in header and isinstance(payload, dict) else None


def expiry_of(claims: dict[str, Any]) -> float | None:
    """Return `exp`, in seconds since 1970 by the issuer's clock; None if it is missing or not valid."""
    value = claims.get("exp")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**40:
        return None
    return float(value)
