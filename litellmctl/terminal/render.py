"""Data as table, TSV, CSV, JSONL or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from litellmctl.foundation.text import clean, dump_json
from litellmctl.terminal.data import (
    FORMATS,
    Bytes,
    Column,
    Data,
    Layout,
    Listing,
    Ongoing,
    Printable,
    Record,
    Row,
    Stream,
    Text,
    getter,
    pick,
)

__all__ = [
    "FORMATS",
    "Bytes",
    "Column",
    "Data",
    "Layout",
    "Listing",
    "Ongoing",
    "Printable",
    "Record",
    "Row",
    "Stream",
    "Text",
    "fact_lines",
    "pick",
    "render",
]


def render(data: Printable, layout: Layout) -> Iterator[str]:
    """Yield the text of `data` in pieces, as it comes, each ending where a line ends."""
    match data:
        case Stream():
            yield from (line + "\n" for line in data.lines)
        case Data():
            yield dump_json(data.value, indent=2 if layout.indent else None) + "\n"
        case Text():
            yield dump_json(data.text) + "\n" if layout.format in {"json", "jsonl"} else data.text + "\n"
        case Record():
            yield from _record(data, layout)
        case Ongoing():
            yield from _record(data.record, layout)
        case Listing():
            yield from _listing(data, layout)


def _record(data: Record, layout: Layout) -> Iterator[str]:
    names = layout.chosen or layout.fields or list(data.row)
    if layout.format in {"json", "jsonl"}:
        row = _selected(data.row, names, layout)
        yield dump_json(row, indent=2 if layout.indent and layout.format == "json" else None) + "\n"
    elif (
        data.text is not None
        and layout.chosen is None
        and (layout.format == "table" or (data.is_data and layout.format == "tsv"))
    ):
        yield layout.apart(data.text) + "\n" if data.text else ""
    elif layout.format == "table":
        facts = data.facts
        if facts is None or layout.chosen is not None:
            shown = _facts(_selected(data.row, names, layout))
            facts = [(name, data.words.get(name) or text or "?") for name, text in shown]
        yield from (line + "\n" for line in fact_lines(facts, layout))
    else:
        yield from _delimited(Listing([data.row]), names, layout)


def fact_lines(facts: Sequence[tuple[str, str]], layout: Layout | None = None) -> list[str]:
    """Return a line for each fact, the names in a column of their own."""
    from litellmctl.terminal import tables

    return tables.fact_lines(facts, layout)


def _facts(row: Row, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield a line for each fact: of an object `supports`, `supports.vision`, which --fields understands too."""
    from litellmctl.terminal.delimited import plain

    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from _facts(value, f"{above}{clean(name)}.")
        elif isinstance(value, list):
            yield f"{above}{clean(name)}", ", ".join(map(plain, value)) or "none"
        else:
            yield f"{above}{clean(name)}", "none" if value in ({}, "") else plain(value)


def _listing(data: Listing, layout: Layout) -> Iterator[str]:
    names = layout.chosen or layout.fields
    if layout.format in {"json", "jsonl"}:
        yield from _json_listing(data, layout)
    elif layout.format == "table" and data.line is not None and layout.chosen is None:
        yield from (data.line(row) + "\n" for row in data.rows)
    elif layout.format == "table":
        from litellmctl.terminal.tables import chosen_columns, table

        rows = list(data.rows)
        if not data.columns or layout.chosen is not None:
            yield from table(rows, chosen_columns(names, rows, _knowing(data, layout)), layout)
        else:
            yield from table(rows, data.columns, layout)
    else:
        yield from _delimited(data, names, layout)


def _knowing(data: Listing, layout: Layout) -> Layout:
    """Return the layout with the columns of this list too."""
    return layout._replace(columns=[*data.columns, *layout.columns])


def _delimited(data: Listing, names: Sequence[str], layout: Layout) -> Iterator[str]:
    from litellmctl.terminal import delimited

    columns = _knowing(data, layout).columns
    if layout.format == "csv":
        names = delimited.flattened(names, layout.parts)
        lines = delimited.csv(data.rows, names, [getter(name, columns) for name in names])
    elif data.columns and layout.chosen is None:
        lines = delimited.tsv(data.rows, [column.raw for column in data.columns])
    else:
        lines = delimited.tsv(data.rows, [getter(name, columns) for name in names])
    yield from map(layout.apart, lines)


def _json_listing(data: Listing, layout: Layout) -> Iterator[str]:
    chosen = layout.chosen
    layout = _knowing(data, layout)
    if layout.format == "json" and layout.indent:
        rows = [row if chosen is None else _selected(row, chosen, layout) for row in data.rows]
        yield dump_json(rows, indent=2) + "\n"
        return
    lines: Sequence[str] | Iterator[str]
    if chosen is not None:
        lines = (dump_json(_selected(row, chosen, layout)) for row in data.rows)
    elif data.json_lines is not None:
        lines = data.json_lines()
    else:
        lines = (dump_json(row) for row in data.rows)
    if layout.format == "jsonl":
        yield from (line + "\n" for line in lines)
        return
    # One element a line: quick to write, and grep, head and diff work on it.
    before = "[\n"
    for some in _in_blocks(lines):
        yield before + ",\n".join(some)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _in_blocks(lines: Sequence[str] | Iterator[str]) -> Iterator[Sequence[str]]:
    """Yield lines that are there already a thousand at a time, and others as they come."""
    if isinstance(lines, Iterator):
        yield from ([line] for line in lines)
    else:
        yield from (lines[start : start + 1000] for start in range(0, len(lines), 1000))


def _selected(row: Row, names: Sequence[str], layout: Layout) -> dict[str, Any]:
    return {name: getter(name, layout.columns)(row) for name in names}
