"""Texts of somebody else that have several lines: whoever reads them must be able to tell which lines are ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from litellmctl.foundation.text import clean_text

_INDENT = "  "
_COLON = "[:\u02d0\u2236\ua789\ufe13\ufe55\uff1a](?!//)"
# One word with a colon, like "Error:", "Try:" and "Warning:", in any letters, since many look alike; "✓ ..."; and an
# error as JSON.
_LABEL = rf"[^\s:]{{1,16}}\s?{_COLON}"
_MARK = r"(?:[\u2713\u2714\u2717\u2718!]|OK)\s"
_OURS = rf"\s*(?:{_LABEL}|{_MARK}|\{{\s*\"error\")"


def quoted(text: str, columns: int | None) -> str:
    """Return a text of several lines, safe for a terminal, indented where a line of it could be taken for one of ours.

    On a terminal of `columns` a longer line counts too: a row may begin anywhere in it. Then it is also wrapped.
    """
    text = clean_text(text)
    lines = text.split("\n")
    if not any(_could_be_ours(line, columns) for line in lines):
        return text
    rows = lines if columns is None else (row for line in lines for row in _wrapped(line, max(columns - 3, 10)))
    return "\n".join(f"{_INDENT}{row}" for row in rows)


def _could_be_ours(line: str, columns: int | None) -> bool:
    if re.match(_OURS, line):
        return True
    return columns is not None and 2 * len(line) > columns and re.search(rf"{_COLON}|{_MARK}", line) is not None


def _wrapped(line: str, columns: int) -> Iterator[str]:
    """Yield the rows of a line, each of at most so many columns, broken at spaces where there are any."""
    line = line.expandtabs(4)
    start = end = width = space = 0
    while end < len(line):
        width += _width(line[end])
        if line[end] == " ":
            space = end
        if width > columns:
            stop = space if space > start else end
            yield line[start:stop]
            start = end = stop + (line[stop] == " ")
            width = 0
            continue
        end += 1
    yield line[start:]


def _width(character: str) -> int:
    """Return how many columns a character may take."""
    return 1 if character.isascii() or unicodedata.east_asian_width(character) not in "WFA" else 2
