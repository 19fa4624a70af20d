"""Patterns for names: those that users give, and the wildcards by which a proxy names many models at once."""

from __future__ import annotations

from collections.abc import Iterable


def matches(names: Iterable[str], globs: Iterable[str]) -> bool:
    """Whether one of the names is like one of the patterns (`*`, `?`, `[...]`), in upper or lower case."""
    from fnmatch import fnmatchcase

    lowered = [name.lower() for name in names]
    return any(fnmatchcase(name, glob.lower()) for glob in globs for name in lowered)


def covers(wildcard: str, name: str) -> bool:
    """Whether a proxy's wildcard covers a name: `*` stands for any text, and everything else for itself.

    In linear time, however many stars there are.
    """
    first, *rest = wildcard.split("*")
    if not rest:
        return wildcard == name
    *middle, last = rest
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
