"""What commands return, and how it is to be printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]

FORMATS = ("table", "tsv", "csv", "jsonl", "json")


# Named tuples, since a data class costs a millisecond of every start.
class Column(NamedTuple):
    """A column of a list: its header, and the text of its cell on a terminal ("" is unknown).

    `field` is the dotted field that it shows; `--fields` takes the header for it too. A pipe gets the raw value of the
    field, or `value`. Where the terminal is too narrow, a column shrinks down to `least` cells (0: never), and those
    with the highest `drop` are hidden first (0: only where nothing else helps; the first column never). `style` is the
    SGR code of a cell ("": none).
    """

    header: str
    cell: Callable[[Row], str]
    right: bool = False
    field: str = ""
    value: Callable[[Row], Any] | None = None
    drop: int = 0
    least: int = 0
    style: Callable[[Row], str] | None = None

    @property
    def name(self) -> str:
        """What `--fields` calls it: its field, or its header where it has none."""
        return self.field or self.header.lower()

    def raw(self, row: Row) -> Any:
        """Return what a pipe gets of `row`."""
        if self.value is not None:
            return self.value(row)
        return pick(row, self.field) if self.field else self.cell(row)


class Listing(NamedTuple):
    """Many things of a kind.

    `columns` is what a table and TSV show (all fields by default), or `line` gives what a terminal shows of each row as
    it comes. `json_lines` holds the rows as ready-printed JSON, where there are such; `empty` is the note for a
    terminal when there is nothing, `after` has notes that stand below the rows on a terminal.
    """

    rows: Iterable[Row]
    columns: Sequence[Column] = ()
    json_lines: Callable[[], Sequence[str]] | None = None
    empty: str = "Nothing to show."
    line: Callable[[Row], str] | None = None
    after: Sequence[str] = ()


class Record(NamedTuple):
    """One thing.

    A terminal shows `facts` (names and texts), or `text`, or else a two-column table of all fields, in which `words`
    stands for the value of a field (`cost.tiers`). A pipe gets `text` too where it `is_data`, like a token.
    """

    row: Row
    text: str | None = None
    is_data: bool = False
    words: Mapping[str, str] = {}
    facts: Sequence[tuple[str, str]] | None = None


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


class Ongoing(NamedTuple):
    """One thing, and the work that follows once it is printed, such as that of a server, which tells where it is."""

    record: Record
    work: Callable[[], None]


Printable = Listing | Record | Text | Data | Stream | Bytes | Ongoing


def _unstyled(text: str, _code: str) -> str:
    return text


def _unsaid(_text: str) -> None:
    pass


class Layout(NamedTuple):
    """How to print.

    `chosen` are the fields that were asked for (None: all), `fields` those that there are, `columns` those that the
    command declares, and `parts` the keys of fields that are objects. `width` is that of the terminal in cells (None:
    there is no limit). `style` makes a text bold, `note` prints a sentence, and `apart` keeps lines from reading like
    an error of ours.
    """

    format: str
    chosen: Sequence[str] | None = None
    fields: Sequence[str] = ()
    indent: bool = False
    columns: Sequence[Column] = ()
    parts: Mapping[str, Sequence[str]] = {}
    width: int | None = None
    style: Callable[[str, str], str] = _unstyled
    note: Callable[[str], None] = _unsaid
    apart: Callable[[str], str] = str


def pick(row: Row, name: str) -> Any:
    """Return the field `name` of `row`; `cost.input` looks inside the field `cost`."""
    return row[name] if name in row else _inside(row, name.split("."))


def getter(name: str, columns: Sequence[Column]) -> Callable[[Row], Any]:
    """Return what finds the value of the field `name`, or of a column that shows no field but is called so."""
    for column in columns:
        if not column.field and column.name == name:
            return column.raw
    path = name.split(".")
    return lambda row: row[name] if name in row else _inside(row, path)


def _inside(row: Row, path: Sequence[str]) -> Any:
    value: Any = row
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
