"""The prompt section: the enabled skills as a text for an agent's system prompt.

Its format is that of the Pi extension. No text of a skill can end its own entry or the section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from litellmctl.foundation.ignorable import without_hidden
from litellmctl.foundation.text import clean, clean_text, dump_json

STYLES = ("xml", "markdown", "json")
_SENTENCE = "LiteLLM Skills Gateway provided these active skills. Use them as additional guidance when relevant."
_NO_DESCRIPTION = "No description provided."
# Annotations and noncharacters: not ignorable, but invisible.
_INVISIBLE = "[\ufff9-\ufffb\ufffe\uffff]"
_MARKDOWN = r"([\\`*_\[\]])"


class Entry(NamedTuple):
    """A skill of the section."""

    name: str
    id: str
    store: str
    description: str


class Section(NamedTuple):
    """The text without its last line break ("" if there are no skills), and the skills that did not fit."""

    text: str
    skipped: Sequence[Entry]


def entry(name: str | None, skill_id: str, store: str, description: str | None) -> Entry:
    """Return a skill as it is printed, without invisible characters."""
    text = _visible(clean_text(description or "")).strip() or _NO_DESCRIPTION
    shown_id = _visible(clean(skill_id)).strip()
    return Entry(_visible(clean(name or "")).strip() or shown_id, shown_id, store, text)


def section(entries: Iterable[Entry], style: str, max_bytes: int | None) -> Section:
    """Return the section, of at most `max_bytes` with its last line break. Whole skills are skipped at the end."""
    chosen = _sorted(entries)
    pieces = [_PIECES[style](one) for one in chosen]
    before, between, after = _FRAMES[style]
    if max_bytes is not None:
        size = _size(before) + _size(after) + 1
        for count, piece in enumerate(pieces):
            size += _size(piece) + (_size(between) if count else 0)
            if size > max_bytes:
                pieces = pieces[:count]
                break
    text = f"{before}{between.join(pieces)}{after}" if pieces else ("[]" if style == "json" else "")
    return Section(text, chosen[len(pieces) :])


def _sorted(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries sorted, for prompt caches, and a skill that is in both stores only once."""
    seen: dict[tuple[str, str], Entry] = {}
    for one in sorted(entries, key=lambda one: (one.name, one.store, one.id, one.description)):
        seen.setdefault((one.name, one.description), one)
    return list(seen.values())


def _visible(text: str) -> str:
    return text if text.isascii() else without_hidden(re.sub(_INVISIBLE, "", text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _xml(one: Entry) -> str:
    name = _escaped(one.name).replace('"', "&quot;").replace("'", "&apos;")
    return f'<skill name="{name}">\n{_escaped(one.description)}\n</skill>'


def _markdown(one: Entry) -> str:
    # One line per skill, so that no line of a description can start another entry.
    name = re.sub(_MARKDOWN, r"\\\1", _escaped(one.name))
    return f"- **{name}**: {' '.join(_escaped(one.description).split())}"


def _json(one: Entry) -> str:
    return dump_json(one._asdict())


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


_PIECES = {"xml": _xml, "markdown": _markdown, "json": _json}
_FRAMES = {
    "xml": (f"{_SENTENCE}\n<litellm_skills>\n", "\n", "\n</litellm_skills>"),
    "markdown": (f"## Skills\n\n{_SENTENCE}\n\n", "\n", ""),
    "json": ("[\n", ",\n", "\n]"),
}
