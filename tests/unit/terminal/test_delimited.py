"""What pipes and spreadsheets get: the table's columns as raw values, and every field in columns that never change."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from litellmctl.terminal.data import Column, Layout, Listing, Record
from litellmctl.terminal.render import render

FIELDS = ("id", "cost", "tags", "tiers", "schema")
PARTS = {"cost": ("input", "output"), "schema": ()}
COLUMNS = (
    Column("ID", lambda row: row["id"], field="id"),
    Column("$/M IN", lambda row: f"{row['cost']['input']:.2f}", right=True, field="cost.input"),
    Column("CAN", lambda row: "+".join(row["tags"]), value=lambda row: row["tags"]),
    Column("FIRST", lambda row: row["tags"][0]),
)
ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "cost": {"output": 10.0, "input": 2.5},
        "tags": ["x", "y"],
        "tiers": [{"above": 5}],
        "schema": {"a": 1},
    },
    {"id": "b\tc\n", "cost": {"input": 1e-07}, "tags": ["z"], "tiers": [], "schema": None},
]


def printed(data: Listing | Record, kind: str, **layout: Any) -> str:
    return "".join(render(data, Layout(kind, fields=FIELDS, parts=PARTS, **layout)))


def test_tsv_has_the_columns_of_the_table_with_raw_values() -> None:
    assert printed(Listing(ROWS, COLUMNS), "tsv") == "a\t2.5\tx,y\tx\nb c \t0.0000001\tz\tz\n"


def test_csv_has_every_field_and_those_inside_objects_in_the_order_that_is_declared() -> None:
    for rows in (ROWS, ROWS[::-1]):
        read = list(csv.DictReader(io.StringIO(printed(Listing(rows, COLUMNS), "csv"))))
        assert list(read[0]) == ["id", "cost.input", "cost.output", "tags", "tiers", "schema"]
        found = {row["id"]: row for row in read}
        assert found["a"] == {
            "id": "a",
            "cost.input": "2.5",
            "cost.output": "10",
            "tags": "x,y",
            "tiers": '[{"above":5}]',
            "schema": '{"a":1}',
        }
        assert [*found["b c "].values()] == ["b c ", "0.0000001", "", "z", "", ""]
    assert printed(Listing([], COLUMNS), "csv") == "id,cost.input,cost.output,tags,tiers,schema\n"
    assert printed(Record(ROWS[0]), "csv") == printed(Listing(ROWS[:1]), "csv")


@pytest.mark.parametrize("kind", ["tsv", "csv", "json", "table"])
def test_chosen_fields_may_be_deep_or_a_column_that_shows_no_field(kind: str) -> None:
    data = Listing(ROWS[:1], COLUMNS)
    expected = {
        "tsv": "x,y\t2.5\t1\n",
        "csv": 'can,cost.input,schema.a\n"x,y",2.5,1\n',
        "json": '[\n{"can": ["x", "y"], "cost.input": 2.5, "schema.a": 1}\n]\n',
        "table": "CAN  $/M IN  SCHEMA.A\nx+y    2.50         1\n",
    }
    assert printed(data, kind, chosen=["can", "cost.input", "schema.a"]) == expected[kind]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@cf/meta/llama", "-", "\uff1dSUM(A1)", "\uff20x"])
def test_no_name_is_a_formula_in_a_spreadsheet(name: str) -> None:
    row = {"id": name, "n": -1, "f": -0.5, "list": [name]}
    assert "".join(render(Listing([row]), Layout("csv", fields=list(row)))) == f"id,n,f,list\n'{name},-1,-0.5,'{name}\n"
    assert "".join(render(Listing([row]), Layout("tsv", fields=list(row)))) == f"{name}\t-1\t-0.5\t{name}\n"


def test_a_record_is_one_line() -> None:
    assert printed(Record(ROWS[1]), "tsv") == 'b c \t{"input":1e-07}\tz\t\t\n'
