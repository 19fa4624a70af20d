from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from litellmctl.foundation.text import clean
from litellmctl.terminal.render import Column, Layout, Listing, Record, Text, pick, render

ROWS: list[dict[str, Any]] = [
    {"id": "a", "n": 1, "cost": {"input": 2.5}, "list": ["x", "y"], "flag": True},
    {"id": "b\t\x1b[1m\n", "n": None, "cost": {"input": None}, "list": [], "flag": False},
]
FIELDS = ("id", "n", "cost", "list", "flag")


def printed(data: Listing | Record | Text, kind: str, **layout: Any) -> str:
    return "".join(render(data, Layout(kind, fields=FIELDS, **layout)))


def test_piped_json_of_many_has_one_element_a_line() -> None:
    lines = printed(Listing(ROWS), "json").split("\n")
    assert (lines[0], lines[-2:]) == ("[", ["]", ""])
    assert [json.loads(line.removesuffix(",")) for line in lines[1:-2]] == ROWS
    assert lines[1].endswith("},")


def test_json_on_a_terminal_is_indented_by_two() -> None:
    assert printed(Listing(ROWS), "json", indent=True) == json.dumps(ROWS, indent=2) + "\n"
    assert printed(Record(ROWS[0]), "json", indent=True) == json.dumps(ROWS[0], indent=2) + "\n"


@pytest.mark.parametrize("indent", [False, True])
def test_nothing_is_an_empty_array_in_json_and_no_line_elsewhere(indent: bool) -> None:
    assert printed(Listing([]), "json", indent=indent) == "[]\n"
    assert [printed(Listing([]), kind) for kind in ("jsonl", "tsv", "table")] == ["", "", ""]
    assert printed(Listing([]), "csv") == "id,n,cost,list,flag\n"


def test_jsonl_has_a_row_a_line() -> None:
    assert [json.loads(line) for line in printed(Listing(ROWS), "jsonl").splitlines()] == ROWS
    assert printed(Record(ROWS[0]), "json") == json.dumps(ROWS[0]) + "\n"


def test_ready_printed_lines_are_copied_and_rows_are_not_made() -> None:
    def never() -> Any:
        raise AssertionError("made rows")
        yield

    data = Listing(never(), json_lines=lambda: ['{"id":"a"}', '{"id":"b"}'])
    assert printed(data, "json") == '[\n{"id":"a"},\n{"id":"b"}\n]\n'
    assert printed(data, "jsonl") == '{"id":"a"}\n{"id":"b"}\n'


def test_ready_printed_lines_are_of_no_use_where_fields_are_chosen() -> None:
    data = Listing(ROWS[:1], json_lines=lambda: ["never"])
    assert printed(data, "jsonl", chosen=["n", "id"]) == '{"n": 1, "id": "a"}\n'


def test_tsv_has_no_header_and_one_line_a_row_with_lists_joined_and_objects_as_compact_json() -> None:
    assert printed(Listing(ROWS), "tsv") == ('a\t1\t{"input":2.5}\tx,y\ttrue\nb [1m \t\t{"input":null}\t\tfalse\n')


def test_csv_has_a_header_and_quotes() -> None:
    text = printed(Listing([*ROWS, {"id": 'say "a, b"'}]), "csv")
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == list(FIELDS)
    assert read[1] == ["a", "1", '{"input":2.5}', "x,y", "true"]
    assert read[3] == ['say "a, b"', "", "", "", ""]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (3.0, "3"),
        (0.075, "0.075"),
        (1e-07, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (float("nan"), ""),
        (float("inf"), ""),
        (0, "0"),
        (None, ""),
        ("", ""),
        (True, "true"),
        ("ä", "ä"),
        (["ä", None, 2.50], "ä,,2.5"),
        ([{"a": ["ä\u202e"]}], '[{"a":["ä"]}]'),
        ([], ""),
    ],
)
def test_a_cell_is_its_value_as_text(value: object, cell: str) -> None:
    assert printed(Listing([{"id": value}]), "tsv", chosen=["id"]) == f"{cell}\n"


@pytest.mark.parametrize("kind", ["json", "jsonl", "tsv", "csv", "table"])
def test_fields_are_chosen_and_ordered_in_every_format(kind: str) -> None:
    expected = {
        "json": '[\n{"n": 1, "cost.input": 2.5}\n]\n',
        "jsonl": '{"n": 1, "cost.input": 2.5}\n',
        "tsv": "1\t2.5\n",
        "csv": "n,cost.input\n1,2.5\n",
        "table": "N  COST.INPUT\n1         2.5\n",
    }
    assert printed(Listing(ROWS[:1]), kind, chosen=["n", "cost.input"]) == expected[kind]


def test_a_field_is_found_by_its_name_else_inside_another() -> None:
    row = {"a.b": 1, "a": {"b": 2, "c": {"d": 3}}, "list": [1]}
    assert [pick(row, name) for name in ("a.b", "a.c.d", "a.x", "x", "a.b.c", "list.0")] == [
        1,
        3,
        None,
        None,
        None,
        None,
    ]


def test_a_table_is_aligned_and_unknown_is_a_question_mark() -> None:
    columns = (
        Column("ID", lambda row: clean(row["id"])),
        Column("N", lambda row: "" if row["n"] is None else str(row["n"]), right=True),
    )
    rows = [*ROWS, {"id": "long-name", "n": 12345}]
    assert printed(Listing(rows, columns), "table") == (
        "ID             N\n"
        "a              1\n"
        "b [1m          ?\n"
        "long-name  12345\n"
    )  # fmt: skip
    assert printed(Listing(rows, columns), "table", style=lambda text, _: text.lower()).startswith(
        "id             n\na "
    )


def test_numbers_and_codes_in_a_table_stay_as_they_are() -> None:
    text = printed(Listing([{"id": "1e5"}, {"id": "007"}, {"id": "1.10"}]), "table", chosen=["id"])
    assert text == "ID\n1e5\n007\n1.10\n"


def test_one_thing_is_a_table_of_its_fields_on_a_terminal() -> None:
    assert printed(Record(ROWS[0]), "table", chosen=["id", "cost.input", "none"]) == (
        "id          a\n"
        "cost.input  2.5\n"
        "none        ?\n"
    )  # fmt: skip
    assert printed(Record(ROWS[0]), "tsv") == 'a\t1\t{"input":2.5}\tx,y\ttrue\n'


def test_one_thing_with_objects_and_lists_is_a_line_for_each_fact() -> None:
    row = {"id": "a", "cost": {"input": 2.5, "x\x1b": None}, "supports": {}, "list": ["x\n", "y"], "none": []}
    assert "".join(render(Record(row), Layout("table"))) == (
        "id          a\n"
        "cost.input  2.5\n"
        "cost.x      ?\n"
        "supports    none\n"
        "list        x , y\n"
        "none        none\n"
    )  # fmt: skip


def test_a_record_has_words_for_fields_that_only_a_terminal_shows() -> None:
    record = Record({"id": "a", "cost": {"tiers": [{"above": 5}], "input": None}}, words={"cost.tiers": "above 5"})
    assert printed(record, "table", chosen=["cost", "id"]) == "cost.tiers  above 5\ncost.input  ?\nid          a\n"
    assert printed(record, "table", chosen=["cost.tiers"]) == "cost.tiers  above 5\n"
    assert printed(record, "tsv", chosen=["cost.tiers"]) == '[{"above":5}]\n'
    assert printed(record, "json", chosen=["cost.tiers"]) == '{"cost.tiers": [{"above": 5}]}\n'


def test_one_thing_may_have_a_text_of_its_own_for_a_terminal() -> None:
    assert printed(Record(ROWS[0], "hello"), "table") == "hello\n"
    assert printed(Record(ROWS[0], ""), "table") == ""
    assert printed(Record(ROWS[0], "hello"), "table", chosen=["id"]) == "id  a\n"
    assert printed(Record(ROWS[0], "hello"), "json", chosen=["id"]) == '{"id": "a"}\n'


@pytest.mark.parametrize(
    ("kind", "text"), [("table", "/a/b\n"), ("tsv", "/a/b\n"), ("csv", "/a/b\n"), ("json", '"/a/b"\n')]
)
def test_a_text_is_itself_but_in_json(kind: str, text: str) -> None:
    assert printed(Text("/a/b"), kind) == text


def test_rows_are_printed_as_they_come() -> None:
    taken: list[int] = []

    def rows() -> Any:
        for number in range(3):
            taken.append(number)
            yield {"id": number}

    for kind in ("json", "jsonl", "tsv"):
        taken.clear()
        pieces = render(Listing(rows()), Layout(kind, fields=["id"]))
        next(pieces)
        assert taken == [0]
        list(pieces)
        assert taken == [0, 1, 2]


@pytest.mark.parametrize("name", ["Error: x", "Try: y", "Warning:  z"])
def test_a_name_in_a_table_does_not_read_like_an_error_of_ours(name: str) -> None:
    rows = [{"id": name}, {"id": "llama3:8b"}, {"id": "https://x"}]
    lines = printed(Listing(rows, [Column("ID", lambda row: row["id"])]), "table").splitlines()
    assert lines == ["ID", f'"{name}"', "llama3:8b", "https://x"]
