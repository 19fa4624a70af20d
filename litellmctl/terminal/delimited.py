"""Rows as tab-separated values for programs, and as comma-separated values for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from litellmctl.foundation.text import clean, decimal_text, too_deep
from litellmctl.terminal.data import Row

# What makes a spreadsheet take a text for a formula, and run it.
# Excel in some languages takes the full-width forms too.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Getter = Callable[[Row], Any]


def tsv(rows: Iterable[Row], getters: Sequence[Getter]) -> Iterator[str]:
    """Yield a line for each row, without a header: raw values, lists joined by commas, unknown empty."""
    for row in rows:
        yield "\t".join([plain(getter(row)) for getter in getters]) + "\n"


def csv(rows: Iterable[Row], names: Sequence[str], getters: Sequence[Getter]) -> Iterator[str]:
    """Yield a header, and a line for each row.

    A text that a spreadsheet would take for a formula has an apostrophe before it: a name is somebody else's text.
    """
    import csv as library
    import io

    buffer = io.StringIO()
    writer = library.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_harmless(getter(row)) for getter in getters])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def flattened(names: Sequence[str], parts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns of CSV: instead of an object those of its keys, whatever the rows have."""
    return [inner for name in names for inner in [f"{name}.{part}" for part in parts.get(name, ())] or [name]]


def plain(value: Any) -> str:
    """Return a value as a text of one line: numbers without an exponent, lists joined by commas, objects as JSON."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return decimal_text(value) if value - value == 0 else ""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return ",".join(map(plain, value))
    try:
        return clean(_compact()(value))
    except RecursionError:
        raise too_deep() from None


def _harmless(value: Any) -> str:
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text


@cache
def _compact() -> Callable[[Any], str]:
    import json

    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
