"""Data as table, TSV, CSV, JSONL or JSON, and the cleaning of text that came from a server."""

# No `from __future__ import annotations` here: making a named tuple takes three times as long where the annotations are
# texts, and every start makes these.
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

Row = dict[str, Any]

FORMATS = ("table", "tsv", "csv", "jsonl", "json")

# As texts, which `re` compiles and keeps on first use: most runs never need them.
# C0, DEL and C1; the bidirectional controls, which can make a name read as another; lone surrogates.
_UNSAFE = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_LINE_BREAKS = r"[\t\r\n\x0b\x0c\x85\u2028\u2029]+"
_JSON_UNSAFE = r"[\x7f-\x9f\ud800-\udfff]"


def clean(text: str) -> str:
    """Make `text` safe for a terminal, on one line: line breaks and tabs become a space, control characters go."""
    if text.isprintable():
        return text
    return re.sub(_UNSAFE, _cleaned, re.sub(_LINE_BREAKS, " ", text))


def clean_text(text: str) -> str:
    """Make a text of several lines safe: control characters go, but tabs and line breaks."""
    return "\n".join("\t".join(map(clean, line.split("\t"))) for line in re.split(r"\r\n|\r|\n", text))


def _cleaned(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def dump_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return `value` as JSON that no terminal acts on: C0, DEL and C1 as \u escapes, a lone surrogate as U+FFFD."""
    import json  # not for --version and --help

    try:
        try:
            text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
        except ValueError:
            text = json.dumps(_finite(value), ensure_ascii=False, indent=indent)
    except RecursionError:
        raise _too_deep() from None
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_JSON_UNSAFE, _json_escaped, text)


def _finite(value: Any) -> Any:
    """Return a value without the numbers that JSON does not have: NaN and the infinities are unknown."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _too_deep() -> Exception:
    from litellmctl.errors import Unavailable

    return Unavailable(
        "bad_response",
        "what the proxy answered is nested too deeply to be printed",
        remedy="litellmctl api prints any answer as it comes",
    )


def _json_escaped(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else f"\\u{ord(match[0]):04x}"


# Named tuples, since a data class costs a millisecond of every start.
class Column(NamedTuple):
    """A column of the terminal's table: its header, and the text of its cell for a row ("" is unknown)."""

    header: str
    cell: Callable[[Row], str]
    right: bool = False


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
    `is_data`, like a token.
    """

    row: Row
    text: str | None = None
    is_data: bool = False


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
        facts = list(_flattened(row))
        width = max(len(name) for name, _ in facts)
        for name, text in facts:
            yield f"{layout.header(name.ljust(width))}  {text or '?'}\n"
    else:
        yield from _delimited([row], names, layout.format)


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
        raise _too_deep() from None


@cache
def _compact() -> Callable[[Any], str]:
    import json

    return json.JSONEncoder(separators=(",", ":")).encode


def _field_column(name: str) -> Column:
    return Column(name.upper(), lambda row: _cell(pick(row, name)))


def _table(rows: list[Row], columns: Sequence[Column], header: Callable[[str], str]) -> Iterator[str]:
    if not rows:
        return
    import tabulate  # a quarter of the start-up time, and only for terminals

    tabulate.MIN_PADDING = 0
    text = tabulate.tabulate(
        [[column.cell(row) or "?" for column in columns] for row in rows],
        headers=[column.header for column in columns],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if column.right else "left" for column in columns],
    )
    first, _, rest = text.partition("\n")
    yield f"{header(first.rstrip())}\n"
    yield from (line.rstrip() + "\n" for line in rest.split("\n"))
