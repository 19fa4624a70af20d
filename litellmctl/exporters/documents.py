"""The files of other programs: changed in place, with everything else in them and its comments kept."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.exporters import jsonc
from litellmctl.exporters.exporter import Block, Change, FileChange, Fill, Put, Set

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
    if change.format == "text":
        return _with_blocks(before or "", change.changes)
    try:
        after = _EDITORS[change.format](before or "", change)
    except _Unfit as error:
        raise ConfigFailure(f"{change.path}: {error}; it is left as it is", remedy=_BY_HAND) from None
    old = {} if before is None else _read(change, before)
    if _plain(_read(change, after)) != _plain(_applied(old, change.changes)):
        raise ConfigFailure(
            f"{change.path} could not be changed without losing something in it: nothing was written",
            remedy="copy by hand what litellmctl export prints",
        )
    return after


def _with_json(before: str, change: FileChange) -> str:
    text = before if before.strip() else "{}\n"
    try:
        for one in _keyed(change.changes):
            text = jsonc.with_value(text, one.keys, _new_value(jsonc.parse(text).value, one))
    except jsonc.NotJson as error:
        raise _unreadable(change.path, str(error), text, error.position) from None
    return text


def _with_toml(before: str, change: FileChange) -> str:
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        document = tomlkit.parse(before)
        for one in _keyed(change.changes):
            value = _new_value(document, one)
            table: Any = document
            for key in one.keys[:-1]:
                if key not in table:
                    # A table that only holds tables has no line of its own.
                    table[key] = tomlkit.table(is_super_table=True)
                table = table[key]
                if not isinstance(table, Mapping):
                    raise _Unfit(f"{key} is not a table")
            table[one.keys[-1]] = value
        return tomlkit.dumps(document)
    except ParseError as error:
        raise ConfigFailure(
            f"{change.path} is not valid TOML (line {error.line}, column {error.col}): it is left as it is",
            remedy=_BY_HAND,
        ) from None
    except TOMLKitError as error:
        raise _Unfit(str(error)) from None


def _with_yaml(before: str, change: FileChange) -> str:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = _yaml(before)
    try:
        document = yaml.load(before)
        if document is None:
            document = _empty(change.changes)
        for one in _keyed(change.changes):
            document = _set_in(document, one, _new_value(document, one))
        stream = io.StringIO()
        yaml.dump(document, stream)
        head = before if before.strip() and not _has_content(before) else ""
        return head + stream.getvalue()
    except (YAMLError, ValueError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigFailure(
            f"{change.path} is not valid YAML{where}: it is left as it is",
            remedy=_BY_HAND,
        ) from None


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _yaml(before: str) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 2**16
    # As the lists of the file are indented already, so that their lines stay as they are.
    found = re.search(r"^( *)[^\s#-][^\n]*:[ \t]*\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", before, re.MULTILINE)
    offset = len(found[2]) - len(found[1]) if found else 2
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    return yaml


def _with_blocks(before: str, changes: Sequence[Change]) -> str:
    text = before
    for one in changes:
        assert isinstance(one, Block)
        begin, end = _BEGIN.format(name=one.name), _END.format(name=one.name)
        block = f"{begin}\n{one.text.rstrip()}\n{end}\n"
        pattern = rf"^{re.escape(begin)}$.*?^{re.escape(end)}$\n?"
        if re.search(pattern, text, re.MULTILINE | re.DOTALL):
            text = re.sub(pattern, lambda _: block, text, count=1, flags=re.MULTILINE | re.DOTALL)  # noqa: B023
        else:
            gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
            text = f"{text}{gap}{block}"
    return text


_EDITORS: dict[str, Callable[[str, FileChange], str]] = {"json": _with_json, "toml": _with_toml, "yaml": _with_yaml}


def _read(change: FileChange, text: str) -> Any:
    """Return what a file means."""
    try:
        if change.format == "json":
            return jsonc.parse(text).value if text.strip() else {}
        if change.format == "toml":
            import tomllib

            return tomllib.loads(text)
        return _yaml(text).load(text) or {}
    except Exception as error:
        raise ConfigFailure(f"{change.path} is not valid: it is left as it is", remedy=_BY_HAND) from error


def _applied(old: Any, changes: Sequence[Change]) -> Any:
    """Return what a file should mean after the changes."""
    new = (
        json.loads(json.dumps(old, default=str))
        if old
        else ([] if any(not one.keys for one in _keyed(changes)) else {})
    )
    for one in _keyed(changes):
        new = _set_in(new, one, _new_value(new, one))
    return new


def _keyed(changes: Sequence[Change]) -> list[Set | Put | Fill]:
    return [one for one in changes if not isinstance(one, Block)]


def _new_value(document: Any, change: Set | Put | Fill) -> Any:
    """Return the value to set: a list keeps its items that are not ours."""
    if isinstance(change, Set):
        return change.value
    value = document
    for key in change.keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(change, Fill):
        return _filled(value, change.value)
    kept = value if isinstance(value, list) else []
    if not isinstance(value, list | None):
        raise _Unfit(f"{'.'.join(change.keys) or 'the whole'} is not a list")
    for index in reversed(range(len(kept))):
        if isinstance(kept[index], Mapping) and kept[index].get(change.mark) == change.owner:
            del kept[index]
    kept.extend(change.items)
    return kept


def _filled(old: Any, new: Any) -> Any:
    if old is None:
        return new
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return old
    return {**old, **{key: _filled(old.get(key), value) for key, value in new.items()}}


def _set_in(document: Any, change: Set | Put | Fill, value: Any) -> Any:
    if not change.keys:
        return value
    if not isinstance(document, Mapping):
        raise _Unfit("the whole is not a mapping")
    table: Any = document
    for key in change.keys[:-1]:
        if not isinstance(table.get(key), Mapping):
            if table.get(key) is not None:
                raise _Unfit(f"{key} is not a mapping")
            table[key] = {}
        table = table[key]
    table[change.keys[-1]] = value
    return document


def _empty(changes: Sequence[Change]) -> Any:
    return [] if any(not one.keys for one in _keyed(changes)) else {}


def _plain(value: Any) -> Any:
    """Return a value of plain mappings, lists and scalars, to be compared."""
    return json.loads(json.dumps(value, default=str))


def _unreadable(path: Path, why: str, text: str, position: int) -> ConfigFailure:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return ConfigFailure(
        f"{path} (line {line}, column {column}): {why}; it is left as it is",
        remedy=_BY_HAND,
    )
