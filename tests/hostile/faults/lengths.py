"""Texts of a MiB, and texts that play lines of ours, in each field that is ever put in a sentence.

By turns they stand in place of what was there, behind it, or in rows beside those that are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

from tests.hostile.faults.fault import AUTH, MIB, REJECTED, UNAVAILABLE, add, add_understood, dumped
from tests.hostile.known import FORGED, SECRETS
from tests.hostile.proxy import Exchange, endpoints_with

FIELDS: dict[str, frozenset[str]] = {
    "models": frozenset({"model_name", "model_group", "model", "id"}),
    "providers": frozenset({"litellm_provider", "providers", "mode", "owned_by", "object"}),
    "names": frozenset({"name", "display_title", "title"}),
    "servers": frozenset({"server_name", "alias", "server_id", "url", "transport"}),
    "statuses": frozenset({"status", "health_check_error", "message", "error", "db"}),
    "users": frozenset({"user_id", "user_email", "user_alias", "user_role", "created_by"}),
    "teams": frozenset({"team_id", "team_alias", "teams"}),
    "keys": frozenset({"key_alias", "key_name", "expires", "budget_duration", "budget_reset_at", "keys", "deleted_keys"}),
    "endpoints": frozenset({"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"}),
    "issuers": frozenset({"issuer", "resource", "client_id", "litellm_version", "server_root_path", "token_type"}),
    "sign-ins": frozenset({"login_id", "user_code", "verification_uri", "verification_uri_complete"}),
    "sources": frozenset({"source", "repo", "path", "version", "author", "email", "category", "keywords", "homepage"}),
    "descriptions": frozenset({"description", "instructions", "text", "content", "mimeType", "type"}),
}  # fmt: skip
_LABELS = ("Error: ", "Try:   ", "Warning: ")
# What ends a line, or looks like it: breaks, and what fills the rest of a row of 80 columns.
_ENDS = (
    "\n",
    "\r\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[1E",
    "\x1b[2K\r",
    " " * 75,
    "\t" * 10,
)
TEXTS: dict[str, str] = {
    "a MiB": "x" * MIB,
    "a MiB of words": "ab " * (MIB // 3),
    "a MiB of combining marks": "a" + "\u0301" * (MIB // 2),
    "lines of ours": "".join(f"{end}{label}{FORGED}" for end in _ENDS for label in _LABELS),
    "directions": "\u202e\u2066\u2067\u200f\u061c\u200e\u202a\u2069gnp.exe" * 5,
}
# An answer of more than a few MiB is refused as a whole, and one of them is as good as two.
_MOST = 1


def _put(value: Any, fields: frozenset[str], texts: Iterator[str], *, behind: bool) -> Any:
    """Return a value with a text in these fields, where there was a text or nothing."""

    def change(old: Any) -> Any:
        if isinstance(old, list):
            return [change(one) if isinstance(one, str) else _put(one, fields, texts, behind=behind) for one in old]
        if old is not None and not isinstance(old, str):
            return _put(old, fields, texts, behind=behind)
        return old if old in SECRETS else f"{old or ''}{next(texts)}" if behind else next(texts)

    if isinstance(value, list):
        return [_put(one, fields, texts, behind=behind) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: change(one) if name in fields else _put(one, fields, texts, behind=behind) for name, one in value.items()
    }


def _beside(value: Any, fields: frozenset[str], texts: Iterator[str]) -> Any:
    """Return a value with a second one of each row, which has a text in these fields."""
    if isinstance(value, list):
        return [*value, *(_put(one, fields, texts, behind=False) for one in value)]
    return {name: _beside(one, fields, texts) for name, one in value.items()} if isinstance(value, dict) else value


def _texts(text: str) -> Iterator[str]:
    """Yield a text, as often as an answer may hold it, and then its beginning."""
    yield from [text] * (_MOST if len(text) > MIB // 4 else 1000)
    yield from repeat(text[:100])


def in_fields(fields: frozenset[str], text: str) -> Callable[[Exchange], None]:
    """Answer with this text in these fields."""

    def answer(exchange: Exchange) -> None:
        turn, texts = exchange.attempt.turn % 3, _texts(text)
        if turn == 2:
            exchange.answer(dumped(_beside(exchange.good, fields, texts)))
        else:
            exchange.answer(dumped(_put(exchange.good, fields, texts, behind=turn == 1)))

    return answer


for _name, _text in TEXTS.items():
    for _kind, _fields in FIELDS.items():
        add_understood(f"{_name} in {_kind}", in_fields(_fields, _text), is_shown=True, at=endpoints_with(*_fields))
    add(
        f"{_name} in an error",
        lambda exchange, text=_text: exchange.error(400, f"no{text}", kind=text[:1000]),  # type: ignore[misc]
        AUTH,
        REJECTED,
        is_shown=True,
    )
    add(
        f"{_name} in a list of complaints",
        lambda exchange, text=_text: exchange.answer(  # type: ignore[misc]
            dumped({"detail": [{"loc": ["body", text], "msg": text, "type": "x"}]}), status="422 No"
        ),
        REJECTED,
        UNAVAILABLE,
        is_understood=True,
        is_shown=True,
    )
