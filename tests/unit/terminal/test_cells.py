from __future__ import annotations

import sys

import pytest
import wcwidth

from litellmctl.terminal.cells import cut, folded, pad, width
from tests.effort import less_than

TEXTS = {
    "": 0,
    "gpt-4o": 6,
    "größe": 5,
    "a…": 2,
    "日本": 4,
    "e\u0301": 1,
    "👩\u200d🚀": 2,
    "❤\ufe0f": 2,
    "👍🏽": 2,
    "🇩🇪": 2,
    "한국": 4,
    "\u200b": 0,
}


@pytest.mark.parametrize(("text", "cells"), TEXTS.items())
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, cells: int) -> None:
    assert width(text) == cells
    assert pad(text, 8) == text + " " * (8 - cells)
    assert pad(text, 8, right=True) == " " * (8 - cells) + text


@pytest.mark.parametrize(
    "text", [*TEXTS, "日本語 text 한국", "e\u0301" * 20, "👩\u200d🚀" * 9, "plain and long", "ä" * 30]
)
@pytest.mark.parametrize("cells", [-1, 0, 1, 2, 3, 7, 8, 40])
def test_a_text_that_is_cut_fits_and_no_character_is_halved(text: str, cells: int) -> None:
    short = cut(text, cells)
    assert wcwidth.width(short) <= max(0, cells)
    if width(text) <= cells:
        assert short == text or cells == 0
    elif cells > 0:
        assert short.endswith("…")
        kept = list(wcwidth.iter_graphemes(short.removesuffix("…")))
        assert kept == list(wcwidth.iter_graphemes(text))[: len(kept)]
        assert wcwidth.width(short) >= cells - 1


@pytest.mark.parametrize("text", ["x" * 10**6, "日" * 10**6, "e\u0301" * 500_000, "\u0301" * 10**6, "\u200d" * 10**6])
def test_a_text_of_a_megabyte_is_cut_at_once(text: str) -> None:
    with less_than(1):
        assert wcwidth.width(cut(text, 40)) <= 40


def test_only_texts_with_other_characters_need_the_tables_of_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wcwidth", None)
    for text in ("gpt-4o", "größe …", "a “b”"):
        assert width(text) == len(text)
        assert cut(text, 3) == text[:2] + "…"


def test_a_text_is_folded_at_spaces_behind_its_label() -> None:
    rows = folded("one two three four five", 12, first=4, indent=4).split("\n")
    assert rows == ["one two", "    three", "    four", "    five"]
    assert folded("one two", 80) == "one two"
    assert folded("Delete it? [y/N] ", 10) == "Delete it?\n  [y/N] "


@pytest.mark.parametrize("cells", [1, 2, 20, 30, 40])
def test_a_word_that_does_not_fit_is_whole_and_hardly_indented(cells: int) -> None:
    url = "https://llm.example.com/a/very/long/path/that/is/pasted"
    rows = folded(f"open {url} now", cells, first=7, indent=7).split("\n")
    assert rows[1].strip() == url
    assert len(rows[1]) - len(url) == 2


@pytest.mark.parametrize("text", ["日本 " * 30, "e\u0301 " * 90, "a b " * 50, "word " * 40, "👩\u200d🚀 " * 30])
@pytest.mark.parametrize("cells", [20, 33, 80])
def test_folded_rows_fit_and_lose_nothing(text: str, cells: int) -> None:
    rows = folded(text, cells, first=7, indent=7).split("\n")
    assert all(wcwidth.width(row.rstrip()) <= cells for row in rows[1:])
    assert wcwidth.width(rows[0].rstrip()) <= cells - 7
    assert "".join("".join(rows).split()) == "".join(text.split())


def test_invisible_characters_are_folded_as_the_escapes_that_are_shown() -> None:
    assert folded("gpt\u200b-4o is gone", 12) == "gpt\\u200b-4o\n  is gone"
    assert folded("a\u202eb", 80) == "a\\u202eb"


@pytest.mark.parametrize(
    "text", ["a" + " " * 300_000, " " * 300_000, "a" + " " * 150_000 + "b" + " " * 150_000, "a " * 150_000]
)
def test_spaces_without_end_are_folded_in_one_pass(text: str) -> None:
    with less_than(1.5):
        rows = folded(text, 80)
    assert "".join(rows.split()) == "".join(text.split())
