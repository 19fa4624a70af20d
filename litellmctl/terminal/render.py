"""Data as table, TSV, CSV, JSONL or JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from litellmctl.foundation.text import clean, dump_json, too_deep

Row = dict[str, Any]

_LABEL = 20
_MARK = r"[\u2713\u2714\u2717\u2718]|OK\s|\{\s*\"error\""
FORMATS = ("table", "tsv", "csv", "jsonl", "json")


# Named tuples, since a data class costs a millisecond of every start.
class Column(NamedTuple):
    """A column of a list: its header, and the text of its cell on a terminal ("" is unknown).

    `field` is the dotted field that it shows, which `--fields` takes by the header too; a pipe gets its raw value, or
    `value`. Where the terminal is too narrow, a column shrinks down to `least` cells (0: never), and those with the
    highest `drop` are hidden first (0: never). `style` is the SGR code of a cell ("": none).
    """

    header: str
    cell: Callable[[Row], str]
    right: bool = False
    field: str = ""
    value: Callable[[Row], Any] | None = None
    drop: int = 0
    least: int = 0
    style: Callable[[Row], str] | None = None


class Listing(NamedTuple):
    """Many things of a kind.

    `columns` is what a terminal shows (all fields by default), or `line` gives what it shows of each row as it comes.
    `json_lines` holds the rows as ready-printed JSON where somebody has them; `empty` is the note for a terminal when
    there is nothing.
    """

    rows: Iterable[Row]
    columns: Sequence[Column] = ()
    json_lines: Callable[[], Sequence[str]] | None = None
    empty: str = "Nothing to show."
    line: Callable[[Row], str] | None = None


class Record(NamedTuple):
    """One thing.

    `text` is what a terminal shows instead of the two-column table of all fields, and a pipe too where the text
    `is_data`, like a token. `words` has what that table shows of a field (`cost.tiers`) instead of its value.
    """

    row: Row
    text: str | None = None
    is_data: bool = False
    words: Mapping[str, str] = {}


class Text(NamedTuple):
    """Lines that are the data themselves, in every format but JSON (where they are one string)."""

    text: str


class Data(NamedTuple):
    """A JSON value, which is JSON in every format."""

    value: Any


class Stream(NamedTuple):
    """Lines of ready-printed JSON, in every format, each printed as it comes."""

    lines: Iterator[str]


class Bytes(NamedTuple):
    """What a server sent, as it comes, in every format."""

    chunks: Iterator[bytes]


class Layout(NamedTuple):
    """How to print: the format, the fields chosen (None: all), the fields there are, the style of a table's header."""

    format: str
    chosen: Sequence[str] | None = None
    fields: Sequence[str] = ()
    indent: bool = False
    header: Callable[[str], str] = str


Printable = Listing | Record | Text | Data | Stream | Bytes


def render(data: Listing | Record | Text | Data | Stream, layout: Layout) -> Iterator[str]:
    """Yield the text of `data` in pieces, as it comes, each ending where a line ends."""
    if isinstance(data, Stream):
        yield from (line + "\n" for line in data.lines)
    elif isinstance(data, Data):
        yield dump_json(data.value, indent=2 if layout.indent else None) + "\n"
    elif isinstance(data, Text):
        yield dump_json(data.text) + "\n" if layout.format in {"json", "jsonl"} else data.text + "\n"
    elif isinstance(data, Record):
        yield from _record(data, layout)
    else:
        yield from _listing(data, layout)


def _record(data: Record, layout: Layout) -> Iterator[str]:
    names = layout.chosen or layout.fields or list(data.row)
    row = {name: pick(data.row, name) for name in names}
    if layout.format in {"json", "jsonl"}:
        yield dump_json(row, indent=2 if layout.indent and layout.format == "json" else None) + "\n"
    elif (
        data.text is not None
        and layout.chosen is None
        and (layout.format == "table" or (data.is_data and layout.format == "tsv"))
    ):
        yield data.text + "\n" if data.text else ""
    elif layout.format == "table":
        facts = [(name, data.words.get(name) or text or "?") for name, text in _flattened(row)]
        for line in fact_lines(facts, layout.header):
            yield line + "\n"
    else:
        yield from _delimited([row], names, layout.format)


def fact_lines(facts: Sequence[tuple[str, str]], header: Callable[[str], str] = str) -> list[str]:
    """Return a line for each fact, the names in a column of their own, styled by `header`."""
    width = max((len(name) for name, _ in facts), default=0)
    return [f"{header(name.ljust(width))}  {text}" for name, text in facts]


def _flattened(row: Row, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield a line for each fact: of an object `supports`, `supports.vision`, which --fields understands too."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{above}{clean(name)}.")
        elif isinstance(value, list):
            yield f"{above}{clean(name)}", ", ".join(map(_cell, value)) or "none"
        else:
            yield f"{above}{clean(name)}", _cell(value)


def _listing(data: Listing, layout: Layout) -> Iterator[str]:
    names = layout.chosen or layout.fields
    if layout.format in {"json", "jsonl"}:
        yield from _json_listing(data, layout)
    elif layout.format == "table" and data.line is not None and layout.chosen is None:
        yield from (data.line(row) + "\n" for row in data.rows)
    elif layout.format == "table":
        columns = data.columns
        if not columns or layout.chosen is not None:
            columns = [_field_column(name) for name in names]
        yield from _table(list(data.rows), columns, layout.header)
    else:
        yield from _delimited(data.rows, names, layout.format)


def _json_listing(data: Listing, layout: Layout) -> Iterator[str]:
    if layout.format == "json" and layout.indent:
        rows = [_selected(row, layout) for row in data.rows]
        yield dump_json(rows, indent=2) + "\n"
        return
    if data.json_lines is not None and layout.chosen is None:
        lines: Sequence[str] | Iterator[str] = data.json_lines()
    else:
        lines = (dump_json(_selected(row, layout)) for row in data.rows)
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


def _selected(row: Row, layout: Layout) -> Row:
    return row if layout.chosen is None else {name: pick(row, name) for name in layout.chosen}


def pick(row: Row, name: str) -> Any:
    """Return the field `name` of `row`; `cost.input` looks inside the field `cost`."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _delimited(rows: Iterable[Row], names: Sequence[str], kind: str) -> Iterator[str]:
    if kind == "tsv":
        for row in rows:
            yield "\t".join(_cell(pick(row, name)) for name in names) + "\n"
        return
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(pick(row, name)) for name in names])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool | int):
        return str(value).lower()
    try:
        return _compact()(value)
    except RecursionError:
        raise too_deep() from None


@cache
def _compact() -> Callable[[Any], str]:
    import json

    return json.JSONEncoder(separators=(",", ":")).encode


def _field_column(name: str) -> Column:
    return Column(name.upper(), lambda row: _cell(pick(row, name)))


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    """Return the cells of a table's row, which must not read like an error of ours: `Error: ...`."""
    first, *others = (column.cell(row) or "?" for column in columns)
    return [f'"{first}"' if ": " in first[:_LABEL] or re.match(_MARK, first) else first, *others]


def _table(rows: list[Row], columns: Sequence[Column], header: Callable[[str], str]) -> Iterator[str]:
    if not rows:
        return
    import tabulate  # a quarter of the start-up time, and only for terminals

    tabulate.MIN_PADDING = 0
    text = tabulate.tabulate(
        [_cells(row, columns) for row in rows],
        headers=[column.header for column in columns],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if column.right else "left" for column in columns],
    )
    first, _, rest = text.partition("\n")
    yield f"{header(first.rstrip())}\n"
    yield from (line.rstrip() + "\n" for line in rest.split("\n"))
