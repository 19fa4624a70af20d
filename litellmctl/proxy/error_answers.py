"""What the statuses and error bodies of a LiteLLM proxy mean (shapes: tests/contract/shapes/*.invalid.json)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from litellmctl.errors import CHECK_THE_KEY, AuthFailure, Failure, Rejected, Unavailable
from litellmctl.proxy import budgets, gateways
from litellmctl.proxy.error_words import Said, said_in
from litellmctl.proxy.no_answer import plain_to_tls
from litellmctl.proxy.retry_after import seconds_of

# For 401s of these types, other endpoints return the same.
HOPELESS_TYPES = frozenset({"token_not_found_in_db", "expired_key", "auth_error"})
# LiteLLM also returns 401 where the key is valid: `*_access_denied` are its types for models and so on.
_NOT_ALLOWED = r"(?i)only proxy admin|\bnot allowed to (?:access|call)\b"
# FastAPI's words for an unknown path; LiteLLM's words for a missing resource differ.
_NO_ROUTE = "Not Found"
_MAX_WAIT = 366 * 86400.0
_ASK_THE_GATEWAY = (
    "ask the gateway's administrator, or set the header it requires: litellmctl config set headers.NAME '$VARIABLE'"
)
_REMEDIES = {
    402: "ask the proxy's administrator",
    405: "check the base URL, and the proxy's version",
    409: "choose another name, or change the existing one",
    413: "send less in one request",
}


def words_of(body: bytes, hide: Callable[[str], str] = str) -> tuple[str | None, str | None]:
    """Return the proxy's own message and error type from an error body of any shape; None if it has none.

    `hide` removes secrets from a text.
    """
    said = said_in(body, hide)
    return said.words, said.kind


def is_spent_budget(body: bytes) -> bool:
    """Whether an error body says that a budget is spent, so that no retry helps."""
    return budgets.is_spent(*words_of(body))


def failure_of(
    status: int,
    body: bytes,
    *,
    url: str,
    path: str,
    headers: Mapping[str, str],
    hide: Callable[[str], str] = str,
) -> Failure:
    """Return the failure for an answer that is not 200, with the words of the proxy or the gateway that sent it.

    `hide` removes secrets from them.
    """
    said = said_in(body, hide)
    gateway = None if said.is_litellm else gateways.name_of(headers, body, hide)
    who = f"{url} ({gateway})" if gateway else url
    if status >= 400 and budgets.is_spent(said.words, said.kind):
        return _spent(status, url, said)
    if url.startswith("http:") and gateways.wants_tls(status, body):
        return plain_to_tls(url).changed(status=status)
    if status in {401, 403} and not said.is_litellm and (gateway or not said.may_be_litellm):
        return _refused_by_gateway(status, said, who, path, said.words or gateways.words_of(body, hide))
    if status in {401, 403} or said.kind == "no_db_connection":
        return _refused_key(status, said, url, path)
    if status == 429:
        return _rate_limited(said, who, seconds_of(headers))
    if status >= 500:
        page = said.words or (None if said.is_json else gateways.words_of(body, hide))
        return Unavailable(
            "server_error",
            f"{who} returned {status} for {path}{f': {page}' if page else ''}",
            remedy="run it again later, or ask the proxy's administrator",
            status=status,
            words=said.words,
        )
    if status < 400 or (said.words is None and not said.is_json):
        return Unavailable(
            "bad_response",
            f"{who} returned {status} for {path} and does not look like LiteLLM",
            remedy="check the base URL",
            status=status,
            words=said.words,
        )
    return _rejected(status, said, who, path)


def is_missing_resource(status: int, body: bytes) -> bool:
    """Whether LiteLLM has the route, and says that it does not have the resource."""
    return status == 404 and _is_about_resource(said_in(body))


def _is_about_resource(said: Said) -> bool:
    return said.is_litellm and said.words not in {None, _NO_ROUTE}


def _refused_by_gateway(status: int, said: Said, who: str, path: str, page: str | None) -> Unavailable:
    return Unavailable(
        "bad_response",
        f"a gateway in front of {who} refused {path} with {status}{f': {page}' if page else ''}",
        remedy=_ASK_THE_GATEWAY,
        status=status,
        words=said.words,
    )


def _rate_limited(said: Said, who: str, after: float | None) -> Unavailable:
    end = f": {said.words}" if said.words else ""
    wait = f" (retry after {math.ceil(after)} s)" if after is not None and after < _MAX_WAIT else ""
    message = f"{who}: rate limit exceeded{end}{wait}"
    return Unavailable("rate_limited", message, remedy="run it again later", status=429, words=said.words)


def _spent(status: int, url: str, said: Said) -> Failure:
    """Return the failure for a spent budget, with the code that its status has for anything else."""
    kind: type[Failure] = Rejected
    code = "rejected"
    if status in {401, 403}:
        kind, code = AuthFailure, "forbidden"
    elif status == 429 or status >= 500:
        kind, code = Unavailable, "rate_limited" if status == 429 else "server_error"
    return kind(
        code,
        f"{url}: {said.words}" if said.words else f"{url}: the budget is used up",
        remedy=f"ask the proxy's administrator to raise {budgets.named(said.words)}, or wait until it resets "
        "(litellmctl whoami shows the spend)",
        status=status,
        words=said.words,
    )


def _refused_key(status: int, said: Said, url: str, path: str) -> AuthFailure:
    """Return the failure for a key that is wrong, or one that may not do this: LiteLLM has 401 for both.

    A proxy without a database answers a wrong key with 400 and a type of its own.
    """
    end = f": {said.words}" if said.words else f" ({status})"
    facts: dict[str, Any] = {"status": status, "words": said.words}
    is_good = (said.kind or "").endswith("_access_denied") or re.search(_NOT_ALLOWED, said.words or "") is not None
    if status == 403 or (status == 401 and is_good):
        remedy = "ask the proxy's administrator for a key that is allowed to"
        return AuthFailure("forbidden", f"{url} does not allow {path}{end}", remedy=remedy, **facts)
    return AuthFailure("auth_failed", f"{url} refused the key{end}", remedy=CHECK_THE_KEY, **facts)


def _rejected(status: int, said: Said, who: str, path: str) -> Rejected:
    end = f": {said.words}" if said.words else ""
    facts: dict[str, Any] = {"status": status, "words": said.words}
    if status == 404 and _is_about_resource(said):
        return Rejected("not_found", f"{who} returned 404 for {path}{end}", remedy="check the name or the ID", **facts)
    if status == 404:
        return Rejected(
            "not_found", f"{who} has no {path}{end}", remedy="check the base URL, and the proxy's version", **facts
        )
    by_default = (
        "correct the request, or ask the proxy's administrator"
        if said.words
        else "check the request, or ask the proxy's administrator"
    )
    return Rejected(
        "rejected",
        f"{who} refused {path} with {status}{end}",
        remedy=_REMEDIES.get(status, by_default),
        **facts,
    )
