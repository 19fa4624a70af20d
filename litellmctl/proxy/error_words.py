"""What an error body says, in whichever shape: LiteLLM's, FastAPI's, OAuth's, or that of a gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from litellmctl.foundation.text import MAX_WORDS

# The words of an error are within so many bytes of its beginning.
HEAD_BYTES = 2**16
# Where the words are, in this order; those of a code alone come last.
_NAMES = (
    *("error_description", "message", "Message", "msg", "error_message", "errorMessage", "error_msg", "detail"),
    *("details", "error", "errors", "Error", "fault", "faultstring", "reason", "title", "description"),
)
_MAX_DEPTH = 8
_MAX_LISTED = 5
# Of a text that may be the repr of a dict of Python's.
_MAX_REPR = 4_000
# What else an object may hold that is only an error.
_BESIDE = frozenset({"type", "code", "status", "message", "request_id", "error_description", "error_uri", "success"})
_LITELLM_START = rb'\s*\{\s*"(?:error|detail)"\s*:\s*[\[{"]'
# The statuses that these types of LiteLLM's stand for, where an error came with 200 and without a status of its own.
_BY_KIND = {
    **dict.fromkeys(("auth_error", "token_not_found_in_db", "expired_key"), 401),
    **dict.fromkeys(("budget_exceeded", "bad_request_error", "invalid_request_error", "no_db_connection"), 400),
    "not_found_error": 404,
}


class Said(NamedTuple):
    """What an error body says: its words and error type, if any, and whether it has the shape of LiteLLM's errors.

    `may_be_litellm` is also true for shapes that others send too: an error that is a text, or an empty body.
    """

    words: str | None = None
    kind: str | None = None
    is_litellm: bool = False
    may_be_litellm: bool = False
    is_json: bool = False


def said_in(body: bytes, hide: Callable[[str], str] = str) -> Said:
    """Return what an error body says. `hide` takes out of a text what must not be shown."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        # Half of a long JSON, or one that is nested too deeply, shows by its beginning what it is.
        if isinstance(error, ValueError) and len(body) < HEAD_BYTES:
            return Said(may_be_litellm=not body.strip())
        begins = re.match(_LITELLM_START, body) is not None
        return Said(is_litellm=begins, may_be_litellm=begins, is_json=body.lstrip()[:1] in {b"{", b"["})
    # What follows here is a part of the key and its hash.
    words = (_words(None if isinstance(answer, str) else answer) or "").split(" Received API Key", 1)[0].strip()
    is_litellm = _is_litellm(answer)
    is_text = isinstance(answer, dict) and isinstance(answer.get("error"), str) and "message" not in answer
    return Said(hide(words)[:MAX_WORDS] or None, _kind(answer), is_litellm, is_litellm or is_text, is_json=True)


def status_in(answer: Any) -> int | None:
    """Return the status that an answer stands for which came with 200, and is only an error; None for any other.

    Of LiteLLM's shapes: `{"error": {"message", "type", "code"}}`, `{"error": text}`, `{"detail": ...}`.
    """
    if not isinstance(answer, dict):
        return None
    error = answer.get("error") or answer.get("detail")
    if not error or not isinstance(error, dict | str) or set(answer) - _BESIDE - {"error", "detail"}:
        return None
    kind = _kind(answer) or ""
    found = (_status(one.get("code") or one.get("status")) for one in (error, answer) if isinstance(one, dict))
    default = 404 if error == "Not Found" else 400 if "error_description" in answer else 500
    default = 403 if kind.endswith("_access_denied") else default
    return next(filter(None, found), None) or _BY_KIND.get(kind, default)


def _status(value: Any) -> int | None:
    text = str(value) if isinstance(value, str) or (isinstance(value, int) and 0 < value < 1000) else ""
    return int(text) if re.fullmatch("[45][0-9][0-9]", text) else None


def _is_litellm(answer: Any) -> bool:
    """Whether it is an error of LiteLLM, FastAPI or OAuth; what gateways send has other names, or a text alone."""
    if not isinstance(answer, dict):
        return False
    if isinstance(answer.get("error"), dict) or ("error" in answer and "error_description" in answer):
        return True
    return "detail" in answer and not {"title", "status", "instance"} & set(answer)  # RFC 9457 has those


def _kind(answer: Any) -> str | None:
    for _ in range(_MAX_DEPTH):
        if not isinstance(answer, dict):
            return None
        error = answer.get("error") or answer.get("detail")
        if isinstance(answer.get("type"), str) and not isinstance(error, dict):
            return str(answer["type"])
        if isinstance(error, dict) and isinstance(error.get("type"), str):
            return str(error["type"])
        answer = error
    return None


def _words(value: Any, depth: int = 0) -> str | None:
    """Return the words of a value: a text, the first of the names in an object that has any, or those of a list."""
    if isinstance(value, str):
        inner = _read_repr(value) if depth < _MAX_DEPTH else None
        return (None if inner is None else _words(inner, depth + 1)) or value.strip() or None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        words = next(filter(None, (_words(value[name], depth + 1) for name in _NAMES if name in value)), None)
        place = _place(value.get("loc"))
        return f"{place}: {words}" if words and place else words
    if isinstance(value, list):
        # Not lists of lists, in which a hostile answer could hide any number of texts.
        first = [one for one in value[:_MAX_LISTED] if not isinstance(one, list)]
        shown = list(filter(None, (_words(one, depth + 1) for one in first)))
        more = len(value) - _MAX_LISTED
        return f"{'; '.join(shown)}{f' (and {more:,} more)' if more > 0 else ''}" if shown else None
    return None


def _place(loc: Any) -> str:
    """Return the place that FastAPI names (`["body", "source"]`) as `source`."""
    if not isinstance(loc, list):
        return ""
    parts = [str(one)[:100] for one in loc[:10] if isinstance(one, str | int)]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] == "body" else parts)


def _read_repr(text: str) -> Any:
    """Return what a text is the JSON or the Python repr of, as LiteLLM sends the details of some errors; else None."""
    text = text.strip()
    if not re.match(r"[\[{]\s*[\[{\"']", text) or len(text) > _MAX_REPR:
        return None
    from ast import literal_eval

    for read in (json.loads, literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        return value if isinstance(value, dict | list) else None
    return None
