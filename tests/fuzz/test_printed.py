"""Texts of strangers as they are printed: cleaned, cut, quoted, without what nobody sees; and with all that is seen."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from typing import Any
from unittest.mock import patch

import wcwidth
from hypothesis import strategies as st

from litellmctl.errors import ERROR_CODES, Failure
from litellmctl.foundation.ignorable import with_hidden, without_hidden, without_ignorable
from litellmctl.foundation.sentences import listed, sentence
from litellmctl.foundation.text import MAX_WORDS, clean, clean_text, cut, indented_json, short
from litellmctl.terminal.cells import folded
from litellmctl.terminal.console import Console
from litellmctl.terminal.quotation import quoted
from litellmctl.terminal.render import FORMATS, Column, Layout, Listing, Record, render
from litellmctl.terminal.streams import escaped
from tests.effort import less_than
from tests.fuzz.strategies import fuzz, loose_values, mostly, texts, values

# Written anew, and not taken from the program: C0, DEL, C1, what changes the direction of writing, half characters.
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Default_Ignorable_Code_Point, by another way than the program's: what unicodedata calls Cf or leaves free, and letters.
IGNORABLE = {
    *map(chr, [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)]),
    *map(chr, [*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0]),
    *map(chr, [*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)]),
}
LABELS = ["Error:", "Try:", "Warning:", "\u0415rror:", "Error\uff1a", "Error :", "✓ ", "OK ", '{"error": {']
words = st.one_of(
    st.integers(20, 80).map(lambda number: f"{'z' * number} Error: x"),
    st.sampled_from(LABELS),
    texts,
    st.text("ab :", max_size=9),
    st.sampled_from(["a" * 100, "日" * 50, "\t" * 9, " " * 5, " " * 80, "e\u0301" * 30]),
)
# What is long, and what pads a line until a terminal begins another.
longs = st.integers(490, 720).map("x".__mul__) | st.builds(
    lambda parts, times: "".join(parts) * times, st.lists(words, max_size=5), st.sampled_from([1, 1, 3, 40, 700])
)


def test_no_code_point_that_acts_or_is_not_seen_is_left_of_all_there_are() -> None:
    """One after the other, and each between letters: what is beside it makes no difference."""
    every = [chr(number) for number in range(0x110000)]
    for text in ("".join(every), "a".join(every)):
        assert not ACTING.search(clean(text))
        assert not ACTING.search(clean_text(text).replace("\n", "").replace("\t", ""))
        assert not IGNORABLE.intersection(without_ignorable(text))
    assert not IGNORABLE.intersection(without_hidden("a".join(every)))


@fuzz(longs, share=4)
def test_a_sentence_is_one_line_of_bounded_length_that_nothing_acts_on(text: str) -> None:
    said = sentence(text)
    assert not ACTING.search(said)
    assert len(said) <= 702
    assert max(map(len, said.split()), default=0) <= MAX_WORDS
    assert not re.search(r"\s{4}", said)
    assert sentence(said) == said
    assert len(cut(text, 9)) <= 9
    assert cut(cut(text)) == cut(text)
    assert len(short(text, 60)) <= 60
    assert not ACTING.search(short(text, 60))
    plain = " ".join(text.split())
    if len(plain) <= 500 and not ACTING.search(re.sub(r"[\t\n\r]", "", text)):
        assert " ".join(said.split()) == plain


@fuzz(st.lists(longs, max_size=30), st.sampled_from(["skills {}", "{} are left out"]))
def test_names_in_a_sentence_are_named_or_counted(names: list[str], frame: str) -> None:
    said = listed(names)
    assert not ACTING.search(said)
    assert len(said) < 520
    assert bool(re.search(r"(^| )and [\d,]+ more$", said)) or len(names) <= 20 or " more" in said
    assert sentence(frame.format(said)).startswith(frame.partition("{")[0])


@fuzz(longs, st.none() | st.integers(20, 200), share=4)
def test_no_row_that_is_quoted_begins_like_one_of_ours(text: str, columns: int | None) -> None:
    with less_than(3):
        shown = quoted(text, columns)
    assert not ACTING.search(shown.replace("\n", "").replace("\t", ""))
    for row in rows(shown, columns):
        assert not re.match(r"(?:[^\s:]{1,16}\s?[:\uff1a](?!//)|[✓✗!] |OK |\{\"error\")", row), row
    # Nothing that is seen is lost.
    assert "".join(shown.split()) == "".join(clean_text(text).split())


def rows(text: str, columns: int | None) -> list[str]:
    """Return what begins at the left of a terminal: it begins another row where a character has no room."""
    shown = []
    for line in text.split("\n"):
        row, width = "", 0
        for character in line.expandtabs(8):
            wide = (
                2 if unicodedata.east_asian_width(character) in "WF" else 0 if unicodedata.combining(character) else 1
            )
            if columns is not None and width + wide > columns:
                shown.append(row)
                row, width = "", 0
            row += character
            width += wide
        shown.append(row)
    return shown


# --- what nobody sees ---

EMOJI = [
    *("❤\ufe0f", "❤", "👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👍\U0001f3fd", "👩\U0001f3fd\u200d💻", "1\ufe0f\u20e3", "#\ufe0f\u20e3"),
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "🇩🇪",
]  # fmt: skip
# A joiner after a virama, and a non-joiner between letters that would join (RFC 5892, appendix A).
JOINED = ["क्\u200dष", "क्\u200cष", "می\u200cخواهم", "نامه\u200cای"]  # noqa: RUF001
seen_words = st.lists(st.sampled_from([*EMOJI, *JOINED, "text", "größe", "日本", "a-b", "٣"]), max_size=6).map(" ".join)
hidden_words = st.text(st.sampled_from(sorted(IGNORABLE)), max_size=4)


@fuzz(seen_words, share=3)
def test_emoji_and_joiners_that_show_are_kept(text: str) -> None:
    assert without_hidden(text) == text


@fuzz(texts, hidden_words, seen_words, hidden_words, share=4)
def test_what_nobody_sees_goes_and_what_is_seen_stays(before: str, hidden: str, text: str, more: str) -> None:
    whole = f"{before}{hidden}{text}{more}x{hidden}"
    left = without_hidden(whole)
    assert without_hidden(left) == left
    assert without_ignorable(left) == without_ignorable(whole) == "".join(one for one in whole if one not in IGNORABLE)
    for place, one in enumerate(left):
        if one in IGNORABLE:  # it shows: beside an emoji or a keycap, in a flag, or between letters of a script
            around = left[max(0, place - 8) : place]
            assert around
            assert not around[-1].isascii() or around[-1] in "0123456789#*"


# --- every way to print a text ---


class Stream(io.StringIO):
    """A terminal or a pipe, that takes any character."""

    encoding = "utf-8"

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


SAYS = ["note", "hint", "warn", "done", "trace", "instruct", "quote", "progress", "error"]


@fuzz(st.sampled_from(SAYS), st.booleans(), longs, texts, share=3)
def test_no_way_to_say_something_imitates_us_or_acts_on_a_terminal(
    way: str, terminal: bool, text: str, remedy: str
) -> None:
    stream = Stream(terminal)
    console = Console(None, None, stream)
    with patch.dict(os.environ, {"NO_COLOR": "1"}):
        if way == "error":
            console.error(Failure("rejected", text, remedy=remedy))
        else:
            getattr(console, way)(text)
    said = stream.getvalue().removeprefix("\r\x1b[K")
    assert not ACTING.search(said.replace("\n", "").replace("\t", ""))
    if way == "quote" or (way == "instruct" and " " not in text):  # where a link is not cut
        return
    # What a terminal would begin another row with is wrapped and indented.
    first, *others = said.removesuffix("\n").split("\n")
    ours = [line for line in others if not line.startswith("  ")]
    assert len(ours) <= (1 if remedy and way == "error" else 0)
    assert len(others) == len(ours) or terminal
    assert all(len(line) <= 720 for line in [first, *others])
    if terminal:
        for row in [row for line in [first, *others] for row in rows(line, 80)[1:]]:
            assert not re.match(r"\s?(?:(?:Error|Try|Warning|\u0415rror)\s?[:\uff1a](?!//)|[✓✗] |\{\"error\")", row), (
                row
            )


cells = mostly(longs, texts)


@fuzz(st.lists(cells, min_size=1, max_size=3), st.sampled_from(FORMATS), st.booleans(), share=2)
def test_no_row_of_data_is_two_or_an_error_of_ours(named: list[str], kind: str, terminal: bool) -> None:
    data = [{"name": name, "n": 1} for name in named]
    columns = [Column("NAME", lambda row: clean(row["name"]))]
    stream = Stream(terminal)
    for shown in (Listing(data, columns), Record(data[0])):
        stream.seek(0)
        stream.truncate()
        console = Console(None, stream, None)
        for piece in render(shown, Layout(kind, None, ["name", "n"], indent=terminal)):
            console.write(piece)
        text = stream.getvalue()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
        if kind in {"table", "tsv", "csv"} or terminal:
            assert not ACTING.search(text.replace("\n", "").replace("\t", ""))
        if kind == "table":
            assert not re.search("^(Error|Try|Warning): ", text, re.MULTILINE)
        if kind == "json":
            found = json.loads(text)
            assert len(found) == (len(data) if isinstance(shown, Listing) else 2)


@fuzz(st.lists(st.tuples(cells, cells), min_size=1, max_size=4), st.sampled_from([20, 21, 40, 80, 300]), share=3)
def test_a_table_fits_any_terminal_and_keeps_every_row(rows: list[tuple[str, str]], columns: int) -> None:
    said: list[str] = []
    declared = [
        Column("NAME", lambda row: clean(row["name"])),
        Column("ABOUT", lambda row: clean(row["about"]), drop=1, least=9),
        Column("N", lambda _: "1", right=True),
    ]
    data = [{"name": name, "about": about} for name, about in rows]
    with less_than(3):
        text = "".join(render(Listing(data, declared), Layout("table", width=columns, note=said.append)))
    lines = text.split("\n")[:-1]
    assert max(map(wcwidth.width, lines)) <= columns
    assert len(lines) >= 1 + len(rows)
    assert "ABOUT" in lines[0] or "ABOUT" in said[0]
    for name, _ in rows:
        word = clean(name).partition(" ")[0]
        if word.isascii() and len(word) < columns - 12:
            assert any(word in line for line in lines)


@fuzz(longs, st.integers(1, 200), st.integers(0, 20), share=2)
def test_folding_loses_nothing_and_a_row_is_too_long_only_for_one_word(text: str, columns: int, first: int) -> None:
    said = sentence(text)
    rows = folded(said, columns, first=first, indent=first).split("\n")
    assert "".join("".join(rows).split()) == "".join(with_hidden(said, escaped).split())
    for number, row in enumerate(rows):
        if wcwidth.width(row.strip()) + (first if number == 0 else min(first, 2)) > columns:
            assert len(row.split()) <= 1
    assert all(row.startswith(" ") or not first for row in rows[1:])


named_values = st.dictionaries(st.sampled_from(["a", "b", "c.d"]), loose_values, max_size=3)


@fuzz(st.lists(named_values, max_size=4), share=2)
def test_a_program_reads_as_many_rows_and_cells_as_there_are(rows: list[dict[str, Any]]) -> None:
    names = ["a", "b", "c.d"]
    lines = "".join(render(Listing(rows), Layout("tsv", fields=names))).split("\n")[:-1]
    assert len(lines) == len(rows)
    assert {line.count("\t") for line in lines} <= {2}
    read = list(csv.reader(io.StringIO("".join(render(Listing(rows), Layout("csv", fields=names))))))
    assert read[0] == names
    assert [len(row) for row in read] == [3] * (len(rows) + 1)
    for row, cells in zip(rows, read[1:], strict=True):
        for name, cell in zip(names, cells, strict=True):
            assert not cell.startswith(("=", "+", "@"))
            assert not cell.startswith("-") or isinstance(row.get(name), int | float)


@fuzz(values, share=2)
def test_json_that_is_indented_is_the_same_json(value: Any) -> None:
    text = json.dumps(value)
    shown = indented_json(text)
    assert shown is not None
    assert json.loads(shown) == json.loads(text)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)
    assert shown == json.dumps(value, indent=2)


@fuzz(texts | st.text('{}[]:,"\\0a \n', max_size=30))
def test_what_is_not_json_is_not_indented(text: str) -> None:
    shown = indented_json(text)
    if shown is not None:
        assert json.loads(shown) == json.loads(text)


@fuzz(st.sampled_from(sorted(ERROR_CODES)), longs, longs, share=2)
def test_an_error_in_json_is_one_line_with_a_bound(code: str, message: str, remedy: str) -> None:
    stream = Stream(terminal=True)
    console = Console(None, None, stream)
    console.json_errors = True
    console.error(Failure(code, message, remedy=remedy))
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert not ACTING.search(line.removesuffix("\n"))
    said = json.loads(line)["error"]
    assert len(said["message"]) <= 702
    assert len(said["remedy"] or "") <= 702
