"""Changing the files of other programs in place, with everything else in them kept, comments too."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation import line_ends
from litellmctl.programs import jsonc, yaml_edit
from litellmctl.programs.changes import Block, Change, FileChange, Fill, Put, Set

_BY_HAND = "fix it, or copy the output of litellmctl export by hand"
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
    if before is not None and _theirs_first(_plain(old), changes) == expected:
        return before  # in any formatting
    for edit in _EDITORS[change.format]:
        after = edit(text, changes, old)
        if after is not None:
            after = line_ends.with_own(after, text)
            if _theirs_first(_plain(_read(change, after)), changes) == expected:
                return mark + after
    return None


def _with_json(before: str, changes: Sequence[Set | Put], old: Any) -> str:
    text = before if before.strip() else "{}\n"
    # All members of one object at once: there may be a thousand models.
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
                    # A table that holds only tables has no line of its own.
                    table[key] = tomlkit.table(is_super_table=True)
                table = table[key]
            _replace(table, one.keys[-1], value)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise Unfit(str(error)) from None


def _replace(table: Any, name: str, value: Any) -> None:
    """Set a member of a table. Comments at its end are kept, since they may belong to the next table."""
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
    """Return the text with our tables at its end; None if anything but a table changes.

    tomlkit would put a new table between dotted keys of its parent, and the keys after it would become its own. At the
    end of the file it is correct (toml.io/en/v1.0.0, Table).
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
        raise Unfit(str(error)) from None
    return text


def _without(text: str, keys: Sequence[str]) -> str:
    """Return TOML without the table at `keys`, if there is one."""
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
    """Return the text with only the lines of the changes changed; None if it is not in block style."""
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


def _with_yaml_rewritten(before: str, changes: Sequence[Set | Put], old: Any) -> str:
    """Return the text as ruamel writes it: with the comments, but not every space."""
    yaml = _yaml()
    document = yaml.load(before) or type(old)()
    for one in changes:
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


_EDITORS: dict[str, Sequence[Callable[[str, Sequence[Set | Put], Any], str | None]]] = {
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
            import tomllib

            return tomllib.loads(text)
        return _yaml().load(text) or _empty(change.changes)
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


def _read_json(text: str) -> Any:
    """Return the value in JSON without its byte order mark."""
    if text.startswith("\ufeff"):
        raise jsonc.NotJson("a second byte order mark", 0)
    return jsonc.parse(text).value if text.strip() else {}


def _applied(new: Any, changes: Sequence[Set | Put]) -> Any:
    """Return the value that a file should have after the changes."""
    for one in changes:
        new = _set_in(new, one.keys, _new_value(new, one))
    return _plain(new)


def _theirs_first(new: Any, changes: Sequence[Set | Put]) -> Any:
    """Return the value in a file, with our items moved to the end of their lists."""
    for one in changes:
        found = _found(new, one.keys)
        if isinstance(one, Put) and isinstance(found, list):
            found.sort(key=one.owns)
    return new


def _keyed(changes: Sequence[Change], old: Any) -> Iterator[Set | Put]:
    """Yield the changes by key; a `Fill` is set member by member, so that the others are kept."""
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
