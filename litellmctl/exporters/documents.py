"""The files of other programs: changed in place, with everything else in them and its comments kept."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.exporters import jsonc, yaml_edit
from litellmctl.exporters.exporter import Block, Change, FileChange, Fill, Put, Set
from litellmctl.foundation import line_ends

if TYPE_CHECKING:
    from pathlib import Path

_BY_HAND = "mend it, or copy by hand what litellmctl export prints"
_BEGIN, _END = "# >>> litellmctl {name} >>>", "# <<< litellmctl {name} <<<"


class _Unfit(Exception):
    """What is to be changed is something else than it should be."""


def changed(change: FileChange, before: str | None) -> str:
    """Return the file's text with what changes in it; `before` is None where there is no file yet.

    What the result means is compared with what it should mean, so that no other setting is lost by a slip of ours.
    """
    text = before or ""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    if change.format == "text":
        return mark + line_ends.with_own(_with_blocks(text, change.changes), text)
    old = _read(change, text)
    try:
        changes = list(_keyed(change.changes, old))
        expected = _applied(_plain(old), changes)
        if before is not None and _theirs_first(_plain(old), changes) == expected:
            return before  # however it is written
        for edited in _EDITORS[change.format]:
            after = edited(text, changes, old)
            if after is not None:
                after = line_ends.with_own(after, text)
                if _theirs_first(_plain(_read(change, after)), changes) == expected:
                    return mark + after
    except _Unfit as error:
        raise ConfigFailure(f"{change.path}: {error}; it is left as it is", remedy=_BY_HAND) from None
    raise ConfigFailure(
        f"{change.path} could not be changed without losing something in it: nothing was written",
        remedy="copy by hand what litellmctl export prints",
    )


def _with_json(before: str, changes: Sequence[Set | Put], old: Any) -> str:
    text = before if before.strip() else "{}\n"
    # The members of one object at once: a thousand models are a thousand members.
    for parent, group in groupby(changes, key=lambda one: one.keys[:-1]):
        text = jsonc.with_members(text, parent, {one.keys[-1]: _new_value(old, one) for one in group})
    return text


def _with_toml(before: str, changes: Sequence[Set | Put], _: Any) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(before)
        for one in changes:
            value = _new_value(document, one)
            table: Any = document
            for key in one.keys[:-1]:
                if key not in table:
                    # A table that only holds tables has no line of its own.
                    table[key] = tomlkit.table(is_super_table=True)
                table = table[key]
            _replace(table, one.keys[-1], value)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise _Unfit(str(error)) from None


def _replace(table: Any, name: str, value: Any) -> None:
    """Set a member of a table. The remarks at its end stay: they may be on the table that follows."""
    from tomlkit.items import Table, item

    old = table.get(name)
    if isinstance(old, Table) and isinstance(value, Mapping):
        value = item(value)
        last = _last_table(value)
        for remark in _remarks_at_the_end(_last_table(old)):
            last.append(None, remark)
    table[name] = value


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


def _with_toml_below(before: str, changes: Sequence[Set | Put], _: Any) -> str | None:
    """Return the text with tables of ours at its end; None where something else than a table changes.

    A table that dotted keys define may get further ones there (toml.io/en/v1.0.0, Table), and tomlkit would put those
    between the keys, where they take in the keys that follow.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    text = before
    try:
        for one in changes:
            if not isinstance(one, Set) or not isinstance(one.value, Mapping):
                return None
            text = _without(text, one.keys)
            value = one.value
            for name in reversed(one.keys):
                value = {name: value}
            text += "" if not text else "\n" if text.endswith("\n") else "\n\n"
            text += tomlkit.dumps(value)
    except TOMLKitError as error:
        raise _Unfit(str(error)) from None
    return text


def _without(text: str, keys: Sequence[str]) -> str:
    """Return TOML without the table at `keys`, where there is one."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    *way, name = keys
    table = document
    for key in way:
        table = table.get(key, {})
    if name not in table:
        return text
    del table[name]
    return tomlkit.dumps(document)


def _with_yaml(before: str, changes: Sequence[Set | Put], old: Any) -> str | None:
    """Return the text in which only the lines of what changes are changed; None where it is not written so."""
    from ruamel.yaml.error import YAMLError

    text = before
    try:
        for one in changes:
            found = _found(old, one.keys)
            if isinstance(one, Put) and found:
                text = yaml_edit.with_items(text, one.keys, [one.owns(item) for item in found], one.items)
            else:
                text = yaml_edit.with_value(text, one.keys, _new_value(old, one))
    except (yaml_edit.NotInBlocks, YAMLError, ValueError):
        return None
    return text


def _with_yaml_anew(before: str, changes: Sequence[Set | Put], old: Any) -> str:
    """Return the text as ruamel writes it: the comments stay, but not every space."""
    yaml = _yaml()
    document = yaml.load(before) or type(old)()
    for one in changes:
        # Printed and read, so that texts are in quotes where they must be.
        read = yaml.load(yaml_edit.printed(list(one.items) if isinstance(one, Put) else one.value))
        new = replace(one, items=read) if isinstance(one, Put) else replace(one, value=read)
        document = _set_in(document, new.keys, _new_value(document, new))
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 2**16
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _with_blocks(before: str, changes: Sequence[Change]) -> str:
    text = before
    for one in changes:
        assert isinstance(one, Block)
        begin, end = _BEGIN.format(name=one.name), _END.format(name=one.name)
        block = f"{begin}\n{one.text.rstrip()}\n{end}\n"
        first = _line(begin).search(text)
        last = first and _line(end).search(text, first.end())
        if first and last:
            text = text[: first.start()] + block + text[last.end() :].removeprefix("\n")
        else:
            gap = "" if not text or text.endswith(("\n\n", "\n\r\n")) else "\n" if text.endswith("\n") else "\n\n"
            text = f"{text}{gap}{block}"
    return text


def _line(words: str) -> re.Pattern[str]:
    """Return the pattern of a line that is just these words: two of them, and no pattern of all that is between."""
    return re.compile(rf"^{re.escape(words)}\r?$", re.MULTILINE)


_EDITORS: dict[str, Sequence[Callable[[str, Sequence[Set | Put], Any], str | None]]] = {
    "json": [_with_json],
    "toml": [_with_toml, _with_toml_below],
    "yaml": [_with_yaml, _with_yaml_anew],
}


def _read(change: FileChange, text: str) -> Any:
    """Return what a file means."""
    where = ""
    try:
        if change.format == "json":
            return _read_json(text)
        if change.format == "toml":
            import tomllib

            return tomllib.loads(text)
        return _yaml().load(text) or _empty(change.changes)
    except jsonc.NotJson as error:
        raise _unreadable(change.path, str(error), text, error.position) from None
    except Exception as error:  # noqa: BLE001 - whatever a parser finds: the file stays as it is
        mark = getattr(error, "problem_mark", None)
        if mark is not None:
            where = f" (line {mark.line + 1}, column {mark.column + 1})"
        elif found := re.search(r"\(at (line \d+, column \d+)\)", str(error)):
            where = f" ({found[1]})"
        elif change.format == "toml":  # it ends too early
            where = f" (line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))})"
        raise ConfigFailure(
            f"{change.path} is not valid {change.format.upper()}{where}: it is left as it is", remedy=_BY_HAND
        ) from None


def _read_json(text: str) -> Any:
    """Return what JSON means whose byte order mark was taken off."""
    if text.startswith("\ufeff"):
        raise jsonc.NotJson("a second byte order mark", 0)
    return jsonc.parse(text).value if text.strip() else {}


def _applied(new: Any, changes: Sequence[Set | Put]) -> Any:
    """Return what a file should mean after the changes."""
    for one in changes:
        new = _set_in(new, one.keys, _new_value(new, one))
    return _plain(new)


def _theirs_first(new: Any, changes: Sequence[Set | Put]) -> Any:
    """Return what a file means, with the items of ours behind the others of their lists, wherever they stand."""
    for one in changes:
        found = _found(new, one.keys)
        if isinstance(one, Put) and isinstance(found, list):
            found.sort(key=one.owns)
    return new


def _keyed(changes: Sequence[Change], old: Any) -> Iterator[Set | Put]:
    """Yield the changes by key; what is to be filled in is set member by member, so that the others stay."""
    for one in changes:
        if isinstance(one, Fill):
            yield from _missing(one.keys, _found(old, one.keys), one.value)
        elif not isinstance(one, Block):
            yield one


def _missing(keys: tuple[str, ...], old: Any, new: Any) -> Iterator[Set]:
    if old is None:
        yield Set(keys, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key, value in new.items():
            yield from _missing((*keys, key), old.get(key), value)


def _found(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _new_value(document: Any, change: Set | Put) -> Any:
    """Return the value to set: a list keeps its items that are not ours."""
    if isinstance(change, Set):
        return change.value
    found = _found(document, change.keys)
    if not isinstance(found, list | None):
        raise _Unfit(f"{'.'.join(change.keys) or 'the whole'} is not a list")
    kept = [] if found is None else found
    for index in reversed(range(len(kept))):
        if change.owns(kept[index]):
            del kept[index]
    kept.extend(change.items)
    return kept


def _set_in(document: Any, keys: Sequence[str], value: Any) -> Any:
    if not keys:
        return value
    if not isinstance(document, Mapping):
        raise _Unfit("the whole is not a mapping")
    table: Any = document
    for key in keys[:-1]:
        if not isinstance(table.get(key), Mapping):
            if table.get(key) is not None:
                raise _Unfit(f"{key} is not a mapping")
            table[key] = {}
        table = table[key]
    table[keys[-1]] = value
    return document


def _empty(changes: Sequence[Change]) -> Any:
    return [] if any(isinstance(one, Put) and not one.keys for one in changes) else {}


def _plain(value: Any) -> Any:
    """Return a value of plain mappings, lists and scalars, to be compared."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else repr(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)  # json refuses one of thousands of digits, which hexadecimal ones may have
    return json.loads(json.dumps(value, default=str))


def _unreadable(path: Path, why: str, text: str, position: int) -> ConfigFailure:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return ConfigFailure(
        f"{path} (line {line}, column {column}): {why}; it is left as it is",
        remedy=_BY_HAND,
    )
