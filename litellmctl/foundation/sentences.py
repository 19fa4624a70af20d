"""Texts from outside in our sentences: cut to a length; of many names some are listed and the rest counted."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

from litellmctl.foundation.text import MAX_WORDS, clean, cut

# A sentence of more than MAX_WORDS keeps its beginning and its end: its subject comes first, and "and 1,977 more" last.
_END = 200
_MAX_NAMES = 20
_MAX_NAME = 100
_MAX_LISTED = 400
# Padding could make a terminal begin its next row with what follows.
_PADDING = r"\s{4,}"


def sentence(text: str) -> str:
    """Return `text` on one line, safe for a terminal, whatever texts from outside are in it.

    No word of it has more than 500 characters; of more than 700 characters the first 500 and the last 199 are left.
    """
    text = re.sub(_PADDING, " ", clean(text))
    if len(text) <= MAX_WORDS:
        return text
    if len(text) > MAX_WORDS + _END:
        text = f"{text[:MAX_WORDS].rstrip()} … {text[1 - _END :].lstrip()}"
    return re.sub(r"\S+", lambda word: cut(word[0]), text)


def listed(names: Collection[str]) -> str:
    """Return names for a sentence: `a, b and 1,977 more`; all of them if they are few and short."""
    shown: list[str] = []
    room = _MAX_LISTED
    for name in islice(names, _MAX_NAMES):
        short = cut(clean(name), _MAX_NAME)
        room -= len(short) + 2
        if shown and room < 0:
            break
        shown.append(short)
    more = len(names) - len(shown)
    return f"{', '.join(shown)}{f' and {more:,} more' if more else ''}"
