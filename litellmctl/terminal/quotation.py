"""Texts of somebody else that have several lines: readers must be able to tell which lines are ours."""

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
# The same, but of all the words with a colon only our three, and those with letters that may look like theirs.
_NAME = rf"(?:(?i:error|try|warning)|(?=[^\s:]{{0,8}}[^\x00-\x7f])[^\W\d_]{{3,8}})\s?{_COLON}"
_ONLY_OURS = rf"{_NAME}|(?:[\u2713\u2714\u2717\u2718]|OK)\s|\{{\s*\"error\""


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


def apart(text: str, columns: int, own: int = 0) -> str:
    """Return lines, safe for a terminal of `columns`, so that no row of them begins as only a line of ours does.

    Those lines are indented, and lines in which a row of that kind may begin anywhere are wrapped too. All others stay
    as they are. `own` is how many characters of ours the text begins with.
    """
    first, *others = text.split("\n")
    return "\n".join([_apart(first, columns, own), *(_apart(line, columns, 0) for line in others)])


def is_like_ours(line: str) -> bool:
    """Whether a line begins as only a line of ours does."""
    return re.match(rf"\s?(?:{_ONLY_OURS})", line) is not None


def _apart(line: str, columns: int, own: int) -> str:
    indent = _INDENT if own == 0 and is_like_ours(line) else ""
    own += len(indent)
    text = f"{indent}{line}"
    if _fits(text, columns) or re.compile(_ONLY_OURS).search(text, own) is None:
        return text
    first, *others = _wrapped("x" * own + text[own:], max(columns - 3, 10))
    return f"\n{_INDENT}".join([text[:own] + first[own:], *others])


def _could_be_ours(line: str, columns: int | None) -> bool:
    if re.match(_OURS, line):
        return True
    return columns is not None and 2 * len(line) > columns and re.search(rf"{_COLON}|{_MARK}", line) is not None


def _fits(text: str, columns: int) -> bool:
    """Whether a terminal shows a text without tabs in one row, however wide it takes its characters to be."""
    if "\t" in text:
        text = text.expandtabs(8)
    return 2 * len(text) <= columns or (len(text) <= columns and sum(map(_width, text)) <= columns)


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
