"""What the statuses and error bodies of a LiteLLM proxy mean (shapes: tests/contract/shapes/*.invalid.json)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from litellmctl.errors import CHECK_THE_KEY, AuthFailure, Failure, Rejected, Unavailable

_MAX_WORDS = 500
# 401s of these types will not become anything else by asking another endpoint.
HOPELESS_TYPES = frozenset({"token_not_found_in_db", "expired_key", "auth_error"})


def words_of(body: bytes, hide: Callable[[str], str] = str) -> tuple[str | None, str | None]:
    """Return the proxy's own message and error type out of an error body, where they can be told.

    `hide` takes out of a text what must not be shown.

    `{"error": {"message", "type"}}`, `{"detail": text}`, `{"detail": {"error" or "message"}}`, or OAuth's
    `{"error": code, "error_description": text}`.
    """
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(answer, dict):
        return None, None
    error = answer.get("error")
    if error is None:
        error = answer.get("detail")
    if isinstance(error, dict):
        inner = error.get("message") or error.get("error")
        if isinstance(inner, dict):
            inner = inner.get("message")
        kind = error.get("type")
    else:
        inner, kind = answer.get("error_description") or error, None
    return (
        # What follows here is a part of the key and its hash.
        hide(inner.split(" Received API Key", 1)[0].strip())[:_MAX_WORDS] or None if isinstance(inner, str) else None,
        kind if isinstance(kind, str) else None,
    )


def failure_of(
    status: int,
    body: bytes,
    *,
    url: str,
    path: str,
    headers: Mapping[str, str],
    hide: Callable[[str], str] = str,
) -> Failure:
    """Return the failure for an answer that is not 200, with the proxy's own words.

    `hide` takes out of them what must not be shown.
    """
    words, kind = words_of(body, hide)
    said = f": {words}" if words else ""
    if status == 401 or kind == "no_db_connection":
        # A proxy without a database answers a wrong key with 400 and this type.
        return AuthFailure(
            "auth_failed",
            f"{url} refused the key{said or f' ({status})'}",
            remedy=CHECK_THE_KEY,
            status=status,
            words=words,
        )
    if status == 403:
        return AuthFailure(
            "forbidden",
            f"{url} does not allow {path}{said or f' ({status})'}",
            remedy="ask the proxy's administrator for a key that may",
            status=status,
            words=words,
        )
    if status == 429:
        after = hide(headers.get("retry-after", ""))[:10]
        wait = f" (retry after {after} s)" if after.isascii() and after.isdigit() else ""
        return Unavailable(
            "rate_limited",
            f"{url} is over its rate limit{said}{wait}",
            remedy="try again later",
            status=status,
            words=words,
        )
    if status >= 500:
        return Unavailable(
            "server_error",
            f"{url} answered {status} to {path}{said}",
            remedy="try again later, or look into the proxy's log",
            status=status,
            words=words,
        )
    if status < 400 or (words is None and not _is_json(body)):
        return Unavailable(
            "bad_response",
            f"{url} answered {status} to {path}, and not as LiteLLM does",
            remedy="check the base URL",
            status=status,
            words=words,
        )
    if status == 404:
        return Rejected(
            "not_found",
            f"{url} has no {path}{said}",
            remedy="check the base URL, and the proxy's version",
            status=status,
            words=words,
        )
    return Rejected(
        "rejected",
        f"{url} refused {path} with {status}{said}",
        remedy="look into the proxy's log, or ask its administrator",
        status=status,
        words=words,
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
