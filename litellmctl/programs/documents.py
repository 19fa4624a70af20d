"""Changing the files of other programs in place, with everything else in them kept, comments too."""

from __future__ import annotations

import io
import json
import re
import tomllib  # 4 ms, and only what writes files imports this
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation import line_ends
from litellmctl.programs import jsonc, toml_edit, yaml_edit
from litellmctl.programs.changes import COMMAND_MEMBERS, Block, Change, Drop, FileChange, Fill, Keyed, Members, Put, Set
from litellmctl.programs.mcp_host import limits_of, owns_bridge

if TYPE_CHECKING:
    from pathlib import Path

_BY_HAND = "fix it, or copy the output of litellmctl export by hand"
_MAX_VALUES = 1_000_000
_BEGIN, _END = "# >>> litellmctl {name} >>>", "# <<< litellmctl {name} <<<"


class Unfit(Exception):
    """The file cannot be changed; the text says why: what is not valid and where, or has an unexpected type."""


def changed(change: FileChange, before: str | None) -> str:
    """Return the file's text with the changes; `before` is None if there is no file yet.

    Raises ConfigFailure if that is not possible.
    """
    try:
        after = edited(change, before)
    except Unfit as error:
        raise ConfigFailure(f"cannot change {change.path}: {error}", remedy=_BY_HAND) from None
    if after is None:
        raise ConfigFailure(
            f"cannot change {change.path} without losing other settings; nothing was written",
            remedy="copy the output of litellmctl export by hand",
        )
    return after


def overwritten(change: FileChange, before: str | None) -> list[str]:
    """Return the names of entries of MCP servers that `changed` would replace, though they are not ours.

    Raises Unfit.
    """
    old = _read(change, (before or "").removeprefix("\ufeff")) if change.format != "text" else None
    names: list[str] = []
    for one in change.changes:
        found = _found(old, one.keys) if isinstance(one, Members | Put) else None
        if isinstance(one, Members) and isinstance(found, Mapping):
            names += [name for name in one.members if name in found and not one.owns(found[name])]
        elif isinstance(one, Put) and isinstance(found, list):
            names += [str(item.get("name")) for item in found if one.owns(item) and not owns_bridge(item)]
    return names


def widened(change: FileChange, before: str | None) -> dict[str, list[str]]:
    """Return the options of entries of ours for fewer tools that `changed` would drop, by the names of the entries.

    Raises Unfit.
    """
    old = _read(change, (before or "").removeprefix("\ufeff")) if change.format != "text" else None
    dropped: dict[str, list[str]] = {}
    for one in change.changes:
        found = _found(old, one.keys) if isinstance(one, Members) else None
        if isinstance(one, Members) and isinstance(found, Mapping):
            kept = {option for value in one.members.values() for option in limits_of(value)}
            ours = {str(name): limits_of(value) for name, value in found.items() if one.owns(value)}
            dropped |= {name: lost for name, options in ours.items() if (lost := [o for o in options if o not in kept])}
    return dropped


def restored(path: Path, format_: str, keys: Sequence[tuple[str, ...]], before: str | None, now: str) -> str:
    """Return the text as it is now, with the entries of MCP servers at `keys` that it had before a write of ours.

    Those that are ours are removed; what they replaced is put back. Raises ConfigFailure if that is not possible.
    """
    try:
        old, new = (_read(FileChange(path, format_, ()), text.removeprefix("\ufeff")) for text in (before or "", now))
    except Unfit as error:
        raise ConfigFailure(f"cannot change {path}: {error}", remedy=_BY_HAND) from None
    changes = []
    for where in keys:
        theirs, ours = _found(old, where), _found(new, where)
        ours = ours if isinstance(ours, Mapping) else {}
        kept = {
            name: value
            for name, value in (theirs.items() if isinstance(theirs, Mapping) else ())
            if owns_bridge(value) or owns_bridge(ours.get(name))
        }
        changes.append(Members(where, kept, owns_bridge))
    return changed(FileChange(path, format_, changes), now)


def edited(change: FileChange, before: str | None) -> str | None:
    """Return the file's text with the changes as `changed`; None if other settings would be lost. Raises Unfit.

    The result is parsed and compared with the expected value, so that no mistake of ours loses another setting.
    """
    text = before or ""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    if change.format == "text":
        return mark + line_ends.with_own(_with_blocks(text, change.changes), text)
    old = _read(change, text)
    changes = list(_keyed(change.changes, old))
    expected = _applied(_plain(old), changes)
    if before is not None and _compared(_plain(old), changes) == expected:
        return before  # in any formatting
    for edit in _EDITORS[change.format]:
        after = edit(text, changes, old)
        if after is not None:
            after = line_ends.with_own(after, text)
            with suppress(Unfit):  # the mistake would be ours
                if _compared(_plain(_read(change, after)), changes) == expected:
                    return mark + after
    return None


def _with_json(before: str, changes: Sequence[Keyed], old: Any) -> str:
    text = before if before.strip() else "{}\n"
    # All members of one object at once: there may be a thousand models.
    for (parent, drops), group in groupby(changes, key=lambda one: (one.keys[:-1], isinstance(one, Drop))):
        if drops:
            text = jsonc.without_members(text, parent, [one.keys[-1] for one in group])
        else:
            members = {one.keys[-1]: _new_value(old, one) for one in group if not isinstance(one, Drop)}
            text = jsonc.with_members(text, parent, members)
    return text


def _with_toml(before: str, changes: Sequence[Keyed], _: Any) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    text = before
    try:
        for one in changes:
            if isinstance(one, Drop):
                text = toml_edit.without(text, one.keys)
        document = tomlkit.parse(text)
        for one in changes:
            if isinstance(one, Drop):
                continue
            value = _new_value(document, one)
            table: Any = document
            for key in one.keys[:-1]:
                if key not in table:
                    # A table that holds only tables has no line of its own.
                    table[key] = tomlkit.table(is_super_table=True)
                table = table[key]
            toml_edit.replace(table, one.keys[-1], value)
        return tomlkit.dumps(document)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise Unfit(str(error)) from None


def _with_toml_below(before: str, changes: Sequence[Keyed], _: Any) -> str | None:
    """Return the text with our tables at its end; None if anything but a table changes.

    tomlkit would put a new table between dotted keys of its parent, and the keys after it would become its own. At the
    end of the file it is correct (toml.io/en/v1.0.0, Table).
    """
    from tomlkit.exceptions import TOMLKitError

    text = before
    try:
        for one in changes:
            if isinstance(one, Drop):
                text = toml_edit.without(text, one.keys)
            elif isinstance(one, Set) and isinstance(one.value, Mapping):
                text = toml_edit.with_table_below(text, one.keys, one.value)
            else:
                return None
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise Unfit(str(error)) from None
    return text


def _with_yaml(before: str, changes: Sequence[Keyed], old: Any) -> str | None:
    """Return the text with only the lines of the changes changed; None if it is not in block style."""
    from ruamel.yaml.error import YAMLError

    text = before
    try:
        for one in changes:
            found = _found(old, one.keys)
            if isinstance(one, Drop):
                text = yaml_edit.without(text, one.keys)
            elif isinstance(one, Put) and found:
                text = yaml_edit.with_items(text, one.keys, [one.owns(item) for item in found], one.items)
            else:
                text = yaml_edit.with_value(text, one.keys, _new_value(old, one))
    except (yaml_edit.NotInBlocks, YAMLError, ValueError):
        return None
    return text


def _with_yaml_rewritten(before: str, changes: Sequence[Keyed], old: Any) -> str:
    """Return the text as ruamel writes it: with the comments, but not every space."""
    yaml = _yaml()
    document = yaml.load(before) or type(old)()
    for one in changes:
        if isinstance(one, Drop):
            _drop(document, one.keys)
            continue
        # Printed and parsed, so that texts get the quotes that they need.
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
    """Return the pattern of a line with just these words."""
    return re.compile(rf"^{re.escape(words)}\r?$", re.MULTILINE)


_EDITORS: dict[str, Sequence[Callable[[str, Sequence[Keyed], Any], str | None]]] = {
    "json": [_with_json],
    "toml": [_with_toml, _with_toml_below],
    "yaml": [_with_yaml, _with_yaml_rewritten],
}


def _read(change: FileChange, text: str) -> Any:
    """Return the value in a file. Raises Unfit."""
    where = ""
    try:
        if change.format == "json":
            return _read_json(text)
        if change.format == "toml":
            return tomllib.loads(text)
        found = _yaml().load(text)
        _require_few(found, {})
        return found or _empty(change.changes)
    except Unfit:
        raise
    except jsonc.NotJson as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise Unfit(f"line {line}, column {column}: {error}") from None
    except Exception as error:  # noqa: BLE001 - any error of a parser: the file is not changed
        mark = getattr(error, "problem_mark", None)
        if mark is not None:
            where = f"line {mark.line + 1}, column {mark.column + 1}: "
        elif found := re.search(r"\(at (line \d+, column \d+)\)", str(error)):
            where = f"{found[1]}: "
        elif change.format == "toml":  # the file ends too early
            where = f"line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))}: "
        raise Unfit(f"{where}not valid {change.format.upper()}") from None


def _require_few(value: Any, counts: dict[int, int]) -> int:
    """Return the number of values in a YAML value with its aliases written out. Raises Unfit if there are too many.

    A few lines of aliases to aliases make billions. `counts` has the numbers that are known, by the values' ids.
    """
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) not in counts:
        inner = value.values() if isinstance(value, Mapping) else value
        counts[id(value)] = 1 + sum(_require_few(one, counts) for one in inner)
    if counts[id(value)] >= _MAX_VALUES:
        raise Unfit("its aliases stand for too many values")
    return counts[id(value)]


def _read_json(text: str) -> Any:
    """Return the value in JSON without its byte order mark."""
    if text.startswith("\ufeff"):
        raise jsonc.NotJson("a second byte order mark", 0)
    return jsonc.parse(text).value if text.strip() else {}


def _applied(new: Any, changes: Sequence[Keyed]) -> Any:
    """Return the value that a file should have after the changes."""
    for one in changes:
        if isinstance(one, Drop):
            _drop(new, one.keys)
        else:
            new = _set_in(new, one.keys, _new_value(new, one))
    return _compared(_plain(new), changes)


def _compared(new: Any, changes: Sequence[Keyed]) -> Any:
    """Return the value in a file for comparison: with our items at the end of their lists.

    A mapping that lost its last member may be gone too: TOML has no line for it.
    """
    for one in changes:
        found = _found(new, one.keys)
        if isinstance(one, Put) and isinstance(found, list):
            found.sort(key=one.owns)
        if isinstance(one, Drop):
            for depth in range(len(one.keys) - 1, 0, -1):
                if _found(new, one.keys[:depth]) == {}:
                    _drop(new, one.keys[:depth])
    return new


def _drop(document: Any, keys: Sequence[str]) -> None:
    parent = _found(document, keys[:-1])
    if isinstance(parent, dict):
        parent.pop(keys[-1], None)


def _keyed(changes: Sequence[Change], old: Any) -> Iterator[Keyed]:
    """Yield the changes by key; a `Fill` is set member by member, so that the others are kept."""
    for one in changes:
        if isinstance(one, Fill):
            yield from _missing(one.keys, _found(old, one.keys), one.value)
        elif isinstance(one, Members):
            yield from _of_members(one, old)
        elif not isinstance(one, Block):
            yield one


def _of_members(change: Members, old: Any) -> Iterator[Keyed]:
    """Yield the changes for the members of a mapping; those to remove are last, or nothing may be left to add to."""
    found = _found(old, change.keys)
    theirs = found if isinstance(found, Mapping) else {}
    for name, value in change.members.items():
        before = theirs.get(name)
        keys = (*change.keys, name)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and change.owns(before):
            yield from (Set((*keys, key), one) for key, one in value.items())
            yield from (Drop((*keys, key)) for key in before if key in COMMAND_MEMBERS and key not in value)
        else:
            yield Set(keys, value)
    for name, value in theirs.items():
        if name not in change.members and change.owns(value):
            yield Drop((*change.keys, name))


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
    """Return the value to set; a list keeps the items that are not ours."""
    if isinstance(change, Set):
        return change.value
    found = _found(document, change.keys)
    if not isinstance(found, list | None):
        raise Unfit(f"{'.'.join(change.keys) or 'the file'} is not a list")
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
        raise Unfit("the file is not a mapping")
    table: Any = document
    for key in keys[:-1]:
        if not isinstance(table.get(key), Mapping):
            if table.get(key) is not None:
                raise Unfit(f"{key} is not a mapping")
            table[key] = {}
        table = table[key]
    table[keys[-1]] = value
    return document


def _empty(changes: Sequence[Change]) -> Any:
    return [] if any(isinstance(one, Put) and not one.keys for one in changes) else {}


def _plain(value: Any) -> Any:
    """Return a value as plain mappings, lists and scalars, for comparison."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else repr(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)  # json refuses thousands of digits, which a hexadecimal number may have
    return json.loads(json.dumps(value, default=str))
