"""How wide a text is on a terminal, in cells: wide and combining characters, emoji."""

from __future__ import annotations

import re

from litellmctl.foundation.ignorable import with_hidden
from litellmctl.terminal.streams import ELLIPSIS, escaped

# Each of these takes one cell. Most texts have nothing else, and need no tables of Unicode.
_NARROW = "[\x20-\x7e\xa0-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u2713\u2717]*"
_LEAST_INDENT = 2


def width(text: str) -> int:
    """Return how many cells a text of one line takes."""
    if is_narrow(text):
        return len(text)
    import wcwidth  # 30 ms; most texts never need it

    return wcwidth.width(text)


def is_narrow(text: str) -> bool:
    """Whether each character of `text` takes one cell."""
    return text.isascii() or re.fullmatch(_NARROW, text) is not None


def cut(text: str, cells: int) -> str:
    """Return `text` in at most so many cells: an ellipsis stands for what is cut off, and no character is halved."""
    cells = max(0, cells)
    # Characters that take no cell are few: what is far behind is not looked at.
    text = text if len(text) <= 20 * cells else text[: 20 * cells] + ELLIPSIS * cells
    if width(text) <= cells:
        return text
    if cells == 0:
        return ""
    if is_narrow(text):
        return text[: cells - 1] + ELLIPSIS
    import wcwidth

    kept, room = [], cells - 1
    for grapheme in wcwidth.iter_graphemes(text):
        room -= wcwidth.width(grapheme)
        if room < 0:
            break
        kept.append(grapheme)
    return "".join(kept) + ELLIPSIS


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Return `text` with spaces up to so many cells, on its left if `right`."""
    space = " " * (cells - width(text))
    return space + text if right else text + space


def folded(text: str, cells: int, *, first: int = 0, indent: int = 2) -> str:
    """Return a text of one line as rows of at most so many cells, broken at spaces.

    `first` is how much of the first row is taken, `indent` how far the others are indented. A word that does not fit
    is not broken, so that a URL or a path can be copied: its row is hardly indented. Invisible characters are measured
    as the escapes that a terminal gets for them.
    """
    text = with_hidden(text, escaped)
    if first + len(text) <= cells and first + width(text) <= cells:
        return text
    rows = [""]
    taken = first
    # Without the spaces at its end, which would be looked at again from each of them.
    words = text.rstrip()
    for space, word in re.findall(r"(\s*)(\S+)", words):
        needed = width(word)
        if taken + len(space) + needed <= cells or (not rows[-1] and needed > cells - _LEAST_INDENT):
            rows[-1] += space + word
            taken += len(space) + needed
        else:
            before = indent if indent + needed <= cells else min(indent, _LEAST_INDENT)
            rows.append(" " * before + word)
            taken = before + needed
    return "\n".join(rows) + text[len(words) :]
