"""Tables that fit: at any width no line is longer, the names stay, and what is hidden is said."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import wcwidth

from litellmctl.foundation.text import clean
from litellmctl.terminal.data import Column, Layout, Listing, Row
from litellmctl.terminal.render import render
from litellmctl.terminal.tables import fact_lines, fitted
from tests.effort import less_than

ROWS: list[Row] = [
    {"id": "gpt-4o", "n": 128_000, "price": 2.5, "takes": "text,image", "about": "A model for many things, and quick"},
    {"id": "claude-sonnet", "n": None, "price": 3.0, "takes": "text", "about": ""},
]
COLUMNS = [
    Column("ID", lambda row: clean(row["id"]), field="id"),
    Column("CONTEXT", lambda row: "" if row["n"] is None else f"{row['n']}", right=True, field="n"),
    Column("PRICE", lambda row: f"{row['price']:.2f}", right=True, field="price"),
    Column("TAKES", lambda row: row["takes"], field="takes", drop=2),
    Column("ABOUT", lambda row: row["about"] or "-", field="about", drop=1, least=10),
]


def shown(rows: list[Row], width: int | None, columns: list[Column] = COLUMNS, **layout: Any) -> tuple[list[str], str]:
    """Return the lines of a table, and the notes."""
    notes: list[str] = []
    pieces = render(Listing(rows, columns), Layout("table", width=width, note=notes.append, **layout))
    return "".join(pieces).split("\n")[:-1], "\n".join(notes)


def test_a_table_with_room_is_whole() -> None:
    assert shown(ROWS, 100) == (
        [
            "ID             CONTEXT  PRICE  TAKES       ABOUT",
            "gpt-4o          128000   2.50  text,image  A model for many things, and quick",
            "claude-sonnet        ?   3.00  text        -",
        ],
        "",
    )


def test_columns_shrink_then_are_hidden_in_the_order_that_the_command_declares() -> None:
    lines, notes = shown(ROWS, 60)
    assert lines[:2] == [
        "ID             CONTEXT  PRICE  TAKES       ABOUT",
        "gpt-4o          128000   2.50  text,image  A model for many…",
    ]
    assert notes == ""
    lines, notes = shown(ROWS, 50)
    assert lines[:2] == [
        "ID             CONTEXT  PRICE  ABOUT",
        "gpt-4o          128000   2.50  A model for many t…",
    ]
    assert notes == "Hidden to fit: TAKES (choose columns with --fields)"
    lines, notes = shown(ROWS, 30)
    assert lines[:2] == ["ID             CONTEXT  PRICE", "gpt-4o          128000   2.50"]
    assert notes == "Hidden to fit: TAKES, ABOUT (choose columns with --fields)"


NAMES = {
    "short": "gpt-4o",
    "long": "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
    "very long": "x" * 300,
    "wide": "日本語モデル/大きい",
    "combining": "e\u0301" * 30,
    "emoji": "👩\u200d🚀❤\ufe0f🇩🇪" * 8,
    "zero width": "gpt\u200b-4o\u2060\u00ad",
    "bidirectional": "gpt-\u202eo4",
    "a megabyte": "m" * 2**20,
    "a wide megabyte": "日" * 2**20,
    "tags": "a\U000e0061\U000e0062",
}


@pytest.mark.parametrize("width", [20, 21, 29, 40, 80, 100, 160, 300])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_line_is_longer_than_the_terminal_and_nothing_is_hidden_without_a_note(name: str, width: int) -> None:
    with less_than(3):
        lines, notes = shown([*ROWS, {**ROWS[0], "id": name}], width)
    assert max(map(wcwidth.width, lines)) <= width
    assert lines[0].startswith("ID")
    for column in COLUMNS:
        assert column.header in lines[0] or column.header in notes
    # The other rows keep their names, and what is known of them.
    assert any(line.startswith("gpt-4o") for line in lines)
    assert any("claude-sonnet" in line for line in lines)
    text = "\n".join(lines)
    if wcwidth.width(clean(name)) > width or (width < 22 and "\u200b" in name):
        assert "Names that end in … are cut to fit (-o tsv prints them whole)" in notes
        assert "…" in text
    elif "\u200b" in name:
        assert "gpt\\u200b-4o\\u2060\\u00ad" in text
    elif "\U000e0061" in name:
        assert "a\\udb40\\udc61" in text
    else:
        assert clean(name) in text
        assert "Names" not in notes


def test_one_long_name_stands_on_a_line_of_its_own() -> None:
    lines, notes = shown([*ROWS, {**ROWS[0], "id": "groq/meta-llama/llama-prompt"}], 40, COLUMNS[:3])
    assert lines == [
        "ID                        CONTEXT  PRICE",
        "gpt-4o                     128000   2.50",
        "claude-sonnet                   ?   3.00",
        "groq/meta-llama/llama-prompt",
        "                           128000   2.50",
    ]
    assert notes == ""


def test_without_a_limit_nothing_is_cut_and_a_long_cell_makes_no_other_as_long() -> None:
    lines, _ = shown([*ROWS, {**ROWS[0], "id": "x" * 10**6}], None)
    assert lines[3].startswith("x" * 10**6 + "  ")
    assert max(map(len, lines[:3])) < 400


def test_unknown_is_a_question_mark_and_none_a_dash_where_fields_are_chosen() -> None:
    rows = [{"id": "a", "n": None, "list": [], "text": ""}, {"id": "b", "n": 1234, "list": ["x", "y"], "text": "t"}]
    layout = Layout("table", ["id", "n", "list", "text"], width=80)
    assert "".join(render(Listing(rows), layout)) == (
        "ID     N  LIST  TEXT\n"
        "a      ?  -     -\n"
        "b   1234  x,y   t\n"
    )  # fmt: skip


def test_chosen_fields_look_as_in_the_table_of_the_command_and_the_last_is_hidden_first() -> None:
    lines, _ = shown(ROWS, 80, chosen=["price", "id"])
    assert lines == ["PRICE  ID", " 2.50  gpt-4o", " 3.00  claude-sonnet"]
    lines, notes = shown(ROWS, 20, chosen=["id", "n", "takes"])
    assert (lines[0], notes) == ("ID", "Hidden to fit: CONTEXT, TAKES (choose columns with --fields)") or lines[
        0
    ].split() == ["ID", "CONTEXT"]


def test_cells_have_their_style_and_spaces_have_none() -> None:
    columns = [
        Column("NAME", lambda row: row["name"]),
        Column("STATUS", lambda row: row["status"], style=lambda row: "32" if row["status"] == "ok" else ""),
        Column("N", lambda row: "1", right=True, style=lambda _: "36"),
    ]
    rows = [{"name": "a", "status": "ok"}, {"name": "日本", "status": "down"}]
    lines, _ = shown(rows, 80, columns, style=lambda text, code: f"<{code}>{text}</>")
    assert lines == [
        "<1>NAME  STATUS  N</>",
        "a     <32>ok</>      <36>1</>",
        "日本  down    <36>1</>",
    ]


@pytest.mark.parametrize("name", ["Error: x", "error : x", "Try:  y", "\u0415rror: x", "✓ x", "OK x", '{"error": 1}'])
def test_a_name_does_not_read_like_an_error_of_ours(name: str) -> None:
    lines, _ = shown([{**ROWS[0], "id": name}], 80)
    assert lines[1].startswith(f'"{name}"')


@pytest.mark.parametrize(
    "name",
    [
        "Hidden to fit: TAKES (choose columns with --fields)",
        "12 more (raise --limit)",
        "ok  config  fine",
        "No models match.",
    ],
)
def test_a_name_alone_on_its_line_does_not_read_like_a_note_of_ours(name: str) -> None:
    rows = [{**ROWS[0], "id": name}, {**ROWS[0], "id": "a plain"}]
    assert shown(rows, 80, COLUMNS[:1])[0] == ["ID", f'"{name}"', "a plain"]
    lines, _ = shown([{**ROWS[0], "id": name}], 24)
    assert lines[1].startswith('"')
    assert max(map(len, lines)) <= 24
    assert shown(rows, 100)[0][1].startswith(name)  # its row has other cells


def test_a_name_that_is_cut_in_any_case_hides_no_column_of_the_other_rows() -> None:
    lines, notes = shown([*ROWS, {**ROWS[0], "id": "x" * 500}], 60)
    assert lines[:3] == shown(ROWS, 60)[0]
    assert lines[3] == "x" * 59 + "…"
    assert notes == "Names that end in … are cut to fit (-o tsv prints them whole)"


def test_a_table_of_ascii_needs_no_tables_of_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wcwidth", None)
    rows = [{**ROWS[0], "id": f"model-{number}", "about": "größe …"} for number in range(1000)]
    lines, _ = shown(rows, 60)
    assert len(lines) == 1001


def test_a_thousand_rows_are_cheap() -> None:
    rows = [{**ROWS[0], "id": f"model-{number}"} for number in range(1000)]
    with less_than(0.2):
        shown(rows, 80)


def test_columns_that_have_more_to_show_share_what_is_left() -> None:
    columns = [Column("ID", str), Column("A", str, least=5), Column("B", str, least=5), Column("C", str, least=5)]
    assert fitted([4, 30, 6, 30], columns, 60) == {0: 4, 1: 22, 2: 6, 3: 22}
    assert fitted([4, 30, 6, 30], columns, 76) == {0: 4, 1: 30, 2: 6, 3: 30}
    assert fitted([4, 30, 6, 30], columns, 25) == {0: 4, 1: 5, 2: 5, 3: 5}


def test_the_highest_drop_goes_first_then_the_rightmost_and_the_first_column_never() -> None:
    drops = [9, 1, 3, 3, 0]
    columns = [Column("ABCD", str, drop=drop) for drop in drops]
    shown = {room: [*fitted([4] * 5, columns, room)] for room in (28, 22, 16, 10, 9, 4, 1)}
    assert shown == {28: [0, 1, 2, 3, 4], 22: [0, 1, 2, 4], 16: [0, 1, 4], 10: [0, 4], 9: [0], 4: [0], 1: [0]}


@pytest.mark.parametrize("width", [20, 40, 80])
def test_facts_fold_behind_their_names(width: int) -> None:
    lines = fact_lines([("id", "a"), ("description", "some words " * 12), ("無", "b")], Layout("table", width=width))
    rows = "\n".join(lines).split("\n")
    assert max(map(wcwidth.width, rows)) <= width
    assert rows[0] == "id           a"
    assert rows[-1] == "無           b"
    if width >= 40:
        assert all(row.startswith(" " * 13) for row in rows[2:-1])
