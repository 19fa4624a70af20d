"""Changing TOML in place: every line outside of the change is kept, with its comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_HEADER = re.compile(r"[ \t]*\[[^\n]*\][ \t]*(?:#[^\n]*)?\r?")


def replace(table: Any, name: str, value: Any) -> None:
    """Set a member of a table of tomlkit. Comments at its end are kept, since they may belong to the next table."""
    from tomlkit.items import Table, item

    old = table.get(name)
    if isinstance(old, Table) and isinstance(value, Mapping):
        value = item(value)
        last = _last_table(value)
        for remark in _remarks_at_the_end(_last_table(old)):
            last.append(None, remark)
    table[name] = value


def without(text: str, keys: Sequence[str]) -> str:
    """Return the text without the value at `keys`, if there is one; comments below a table stay.

    Raises TOMLKitError, or tomllib.TOMLDecodeError.
    """
    import tomlkit

    wanted = tomllib.loads(text)
    if not _removed(wanted, keys):
        return text
    after = _without_tables(text, keys)
    if _reads_as(after, wanted, keys):
        return after
    document: Any = tomlkit.parse(text)  # the table is inline, or made of dotted keys
    _removed(document, keys)
    return tomlkit.dumps(document)


def with_table_below(text: str, keys: Sequence[str], value: Mapping[str, Any]) -> str:
    """Return the text with the table at its end, and not where it was."""
    import tomlkit

    text = without(text, keys)
    nested: Mapping[str, Any] = value
    for name in reversed(keys):
        nested = {name: nested}
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}{tomlkit.dumps(nested)}"


def _removed(document: Any, keys: Sequence[str]) -> bool:
    """Remove the value at `keys`, and say whether there was one."""
    *way, name = keys
    for key in way:
        document = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or name not in document:
        return False
    del document[name]  # type: ignore[attr-defined]
    return True


def _reads_as(text: str, wanted: dict[str, Any], keys: Sequence[str]) -> bool:
    """Whether the text has these values. A table that held only the removed one may be gone with it."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    same: bool = _without_empty(found, keys[:-1]) == _without_empty(wanted, keys[:-1])
    return same


def _without_empty(document: Any, keys: Sequence[str]) -> Any:
    """Return the mapping without the mappings on this way that are empty."""
    if not keys or not isinstance(document, Mapping) or keys[0] not in document:
        return document
    inner = _without_empty(document[keys[0]], keys[1:])
    rest = {key: value for key, value in document.items() if key != keys[0]}
    return {**rest, keys[0]: inner} if inner != {} else rest


def _without_tables(text: str, keys: Sequence[str]) -> str:
    """Return the text without the lines of the tables at `keys` and below."""
    lines = text.split("\n")
    heads = [number for number, line in enumerate(lines) if _HEADER.fullmatch(line)]
    for head, following in reversed([*pairwise([*heads, len(lines)])]):
        if _path(lines[head])[: len(keys)] == list(keys):
            start, end = _widened(lines, head, following)
            del lines[start:end]
    return "\n".join(lines)


def _widened(lines: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Return the lines of a table without the comments at its end, and with one of the gaps around it."""
    while end > start + 1 and _is_remark(lines[end - 1]):
        end -= 1
    if start == 0 or not lines[start - 1].strip():
        while end < len(lines) - 1 and not lines[end].strip():
            end += 1
    if end == len(lines) - 1 and not lines[end]:
        while start and not lines[start - 1].strip():
            start -= 1
    return start, end


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _path(header: str) -> list[str]:
    """Return the keys in a header; none where the line is in a text or a list."""
    try:
        found: Any = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return []
    path = []
    while isinstance(found, dict) and found:
        name, found = next(iter(found.items()))
        path.append(name)
    return path


def _last_table(table: Any) -> Any:
    from tomlkit.items import Table

    while table.value.body and isinstance(table.value.body[-1][1], Table):
        table = table.value.body[-1][1]
    return table


def _remarks_at_the_end(table: Any) -> list[Any]:
    from tomlkit.items import Comment, Whitespace

    is_remark = [isinstance(one, Comment | Whitespace) for _, one in table.value.body]
    start = len(is_remark) - next((n for n, is_one in enumerate(reversed(is_remark)) if not is_one), len(is_remark))
    return [one for _, one in table.value.body[start:]]
