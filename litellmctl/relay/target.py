"""The target of a request: which ones may be passed on, byte for byte, to a proxy below its base URL."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, unquote_to_bytes

# Visible ASCII (RFC 3986 has no other), and no fragment, which is never part of a request.
_ALLOWED = re.compile(r"/[!\"$-~]*")
# More layers of percent-encoding than anyone needs; each costs a pass over the path.
_LAYERS = 4
_SEPARATORS = re.compile(rb"[/\\]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class RefusedTarget(ValueError):
    """The target must not be passed on; the text says why, and repeats nothing of it."""


def target(raw_path: str) -> str:
    """Return a request's target (path and query, as received) unchanged if it stays below any base URL.

    It does if it is in origin form (RFC 9112 3.2.1), and no server that decodes, merges or resolves it once more
    leaves the base with it. `%2F` and `//` inside a path are harmless, and some IDs have them. Raises `RefusedTarget`.
    """
    if _ALLOWED.fullmatch(raw_path) is None:
        if raw_path.startswith("/"):
            raise RefusedTarget("the URL contains a character that must be percent-encoded")
        raise RefusedTarget("the request target must be a path")
    if raw_path.startswith("//"):
        raise RefusedTarget('the path begins with "//"; remove the slash at the end of the base URL')
    path = raw_path.partition("?")[0]
    if "\\" in path:
        raise RefusedTarget("the path contains a backslash")
    if "%" in path or "/." in path:
        _check(path.encode())
    return raw_path


def _check(path: bytes) -> None:
    """Raise `RefusedTarget` for a path with a dot segment or a control character, whatever its encoding."""
    for _ in range(_LAYERS):
        # Some servers cut a parameter (;x) off a segment first.
        if any(segment.partition(b";")[0] in {b".", b".."} for segment in _SEPARATORS.split(path)):
            raise RefusedTarget('the path contains a "." or ".." segment')
        if _CONTROL.search(path):
            raise RefusedTarget("the path contains a control character")
        decoded = unquote_to_bytes(path)
        if decoded == path:
            return
        path = decoded
    raise RefusedTarget("the path is percent-encoded too many times")


def key_parameters(raw_path: str) -> list[str]:
    """Return the values of the query parameter `key`, where Google's older clients send their key."""
    return [unquote_plus(value) for name, _, value in _parameters(raw_path) if unquote_plus(name) == "key"]


def without_key(raw_path: str, key: str) -> str:
    """Return a target without the parameters `key` that have this value; everything else stays, byte for byte."""
    kept = [
        name + equals + value
        for name, equals, value in _parameters(raw_path)
        if unquote_plus(name) != "key" or unquote_plus(value) != key
    ]
    path = raw_path.partition("?")[0]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _parameters(raw_path: str) -> list[tuple[str, str, str]]:
    query = raw_path.partition("?")[2]
    return [parameter.partition("=") for parameter in query.split("&")] if query else []
