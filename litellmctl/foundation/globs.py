"""Patterns for names: those that users give, and the wildcards by which a proxy names many models at once."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge

# Of names with wildcards, for each star of those: some 2 s in all. A hundred wildcards that begin with a star, and ten
# thousand names, take as many; those that begin with a provider's name take next to none.
_COMPARISONS = 2_000_000


def matches(names: Iterable[str], globs: Iterable[str]) -> bool:
    """Whether one of the names is like one of the patterns (`*`, `?`, `[...]`), in upper or lower case.

    In time that grows with the names' length: fnmatch never tries a `*` again that was followed by what it should be.
    """
    from fnmatch import fnmatchcase

    lowered = [name.lower() for name in names]
    return any(fnmatchcase(name, glob.lower()) for glob in globs for name in lowered)


def matcher(text: str) -> str:
    """Return the pattern of a filter: a text without `*`, `?` and `[` matches anywhere inside a name."""
    return text if any(character in text for character in "*?[") else f"*{text}*"


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


class Wildcards:
    """A proxy's wildcards, to be searched for the most specific one that covers a name, which the proxy routes by.

    However many wildcards and names there are, the search stops after a number of comparisons, and `is_exhausted` then.
    """

    def __init__(self, wildcards: Iterable[str]) -> None:
        # Only those whose text before the first star begins a name can cover it.
        self._by_beginning: dict[str, list[str]] = {}
        for wildcard in sorted(wildcards, key=_specific):
            self._by_beginning.setdefault(wildcard.partition("*")[0], []).append(wildcard)
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})
        self._left = _COMPARISONS

    @property
    def is_exhausted(self) -> bool:
        """Whether no more names are compared."""
        return self._left <= 0

    def covering(self, name: str) -> str | None:
        """Return the longest wildcard that covers a name, the first of several; None if there is none."""
        if self.is_exhausted:
            return None
        self._left -= len(self._lengths)
        found = (self._by_beginning.get(name[:length], ()) for length in self._lengths if length <= len(name))
        for wildcard in merge(*filter(None, found), key=_specific):
            self._left -= wildcard.count("*") + len(name) // 64
            if self._left <= 0:
                return None
            if covers(wildcard, name):
                return wildcard
        return None


def _specific(wildcard: str) -> tuple[int, str]:
    return -len(wildcard), wildcard
