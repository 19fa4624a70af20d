"""Changing JSON with comments and trailing commas in place: every byte outside of the change is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_LINE = re.compile(r"(?:[ \t]+|//[^\n]*|/\*(?:(?!\*/)[^\n])*\*/)*")
_LINE_END = re.compile(r"[ \t]*\r?\n")
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_MAX_DEPTH = 200


class NotJson(ValueError):
    """The text is not valid JSON with comments; `position` is the place of the error."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Member(NamedTuple):
    """A member of an object: the position of its key, and its value."""

    key_start: int
    value: JsonNode


class JsonNode(NamedTuple):
    """A value, from `start` up to `end`; the members of an object, or the items of an array."""

    start: int
    end: int
    value: Any
    members: dict[str, Member]
    items: list[JsonNode]


def parse(text: str) -> JsonNode:
    """Return the value in the text. Raises NotJson, also for duplicate keys, which programs read differently."""
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    node = _value(text, start, 0)
    end = _skip(text, node.end)
    if end != len(text):
        raise NotJson("unexpected text after the value", end)
    return node


def value(text: str) -> Any:
    """Return the value in the text as Python has it. Raises NotJson."""
    return parse(text).value


def with_members(text: str, keys: Sequence[str], members: Mapping[str, Any]) -> str:
    """Return the text with these members of the object at `keys` set.

    Missing objects on the way are created; a null becomes one.
    """
    node = parse(text)
    indent = _indent_of(text, node) or "  "
    _require_object(node, [])
    for depth, key in enumerate(keys, 1):
        rest = _nested(keys[depth:], members)
        if key not in node.members:
            return _inserted(text, node, {key: rest}, indent)
        node = node.members[key].value
        if node.value is None:
            return _replaced(text, node, rest, indent)
        _require_object(node, keys[:depth])
    found = {name: node.members[name].value for name in members if name in node.members}
    missing = {name: value for name, value in members.items() if name not in found}
    # From the end to the beginning, so that the positions of the other edits stay valid.
    after = _inserted(text, node, missing, indent) if missing else text
    for name, old in sorted(found.items(), key=lambda item: item[1].start, reverse=True):
        after = _replaced(after, old, members[name], indent)
    return after


def without_members(text: str, keys: Sequence[str], names: Sequence[str]) -> str:
    """Return the text without these members of the object at `keys`, which it has."""
    node = parse(text)
    for depth, key in enumerate(keys, 1):
        node = node.members[key].value
        _require_object(node, keys[:depth])
    gone = frozenset(names)
    members = [member.value._replace(start=member.key_start) for member in node.members.values()]
    return _without(text, members, [name not in gone for name in node.members])


def _nested(keys: Sequence[str], value: Any) -> Any:
    """Return nested objects with these names, and the value in the innermost."""
    for key in reversed(keys):
        value = {key: value}
    return value


def _replaced(text: str, node: JsonNode, value: Any, indent: str) -> str:
    if isinstance(node.value, list) and isinstance(value, list):
        kept = _kept(node, value)
        if any(kept) or not node.items or not value:
            return _with_items(text, node, kept, value[sum(kept) :], indent)
    new = _printed(value, indent, _column(text, node.start), _newline(text))
    return text[: node.start] + new + text[node.end :]


def _require_object(node: JsonNode, keys: Sequence[str]) -> None:
    if not isinstance(node.value, dict):
        raise NotJson(f"{'.'.join(keys) if keys else 'the file'} is not an object", node.start)


def _inserted(text: str, node: JsonNode, members: Mapping[str, Any], indent: str) -> str:
    """Add members after the last one of an object."""
    own, newline = _column(text, node.start), _newline(text)
    new = ",".join(
        f"{newline}{own}{indent}{_printed(name, '', '', '')}: {_printed(value, indent, own + indent, newline)}"
        for name, value in members.items()
    )
    ending = f"{newline}{own}"
    if not node.members:
        return _filled(text, node, new, ending)
    return _behind(text, node, max(found.value.end for found in node.members.values()), new, ending)


def _filled(text: str, node: JsonNode, new: str, ending: str) -> str:
    """Insert into an empty object or array, after the comments in it."""
    inside = text[node.start + 1 : node.end - 1].rstrip()
    return f"{text[: node.start + 1]}{inside}{new}{ending}{text[node.end - 1 :]}"


def _behind(text: str, node: JsonNode, last: int, new: str, ending: str | None) -> str:
    """Insert after the last member or item, which ends at `last`, and after the comments on its line.

    `ending` is put before the closing bracket if that was on the same line.
    """
    newline = _newline(text)
    between = text[last : node.end - 1]
    comma = _comma(between)
    if comma is None:
        before = f"{text[:last]},"
    else:
        before, between = text[: last + comma + 1], between[comma + 1 :]
        new += ","
    line = _rest_of_line(between)
    rest = between[len(line) :]
    keeps = ending is None or rest.strip() or newline in rest
    return f"{before}{line}{new}{rest if keeps else ending}{text[node.end - 1 :]}"


def _kept(node: JsonNode, value: Sequence[Any]) -> list[bool]:
    """Return which items of an array are kept: those that the new value starts with, in their order."""
    wanted = [json.dumps(one) for one in value]  # to Python, 1 is true
    kept: list[bool] = []
    found = 0
    for item in node.items:
        kept.append(found < len(wanted) and json.dumps(item.value) == wanted[found])
        found += kept[-1]
    return kept


def _with_items(text: str, node: JsonNode, kept: Sequence[bool], added: Sequence[Any], indent: str) -> str:
    """Return the text with the items of an array that are not kept removed, and others appended."""
    after = _with_added(text, node, added, indent) if added else text
    return _without(after, node.items, kept)


def _without(text: str, nodes: Sequence[JsonNode], kept: Sequence[bool]) -> str:
    """Return the text without the items or members that are not kept."""
    parts, position = [], 0
    for start, end in _cuts(text, nodes, kept):
        parts.append(text[position:start])
        position = max(position, end)
    return "".join(parts) + text[position:]


def _with_added(text: str, node: JsonNode, added: Sequence[Any], indent: str) -> str:
    newline, own = _newline(text), _column(text, node.start)
    if not node.items:
        has_comment = bool(text[node.start + 1 : node.end - 1].strip())
        column = f"{newline}{own}{indent}" if has_comment else ""
        new = (", " if not column else ",").join(f"{column}{_printed(one, '', '', '')}" for one in added)
        return _filled(text, node, new, f"{newline}{own}" if has_comment else "")
    last = node.items[-1]
    start = _line_start(text, last.start)
    if start is None and newline not in text[last.end : node.end]:
        new = ",".join(f" {_printed(one, '', '', '')}" for one in added)
        return _behind(text, node, last.end, new, None)
    column = f"{own}{indent}" if start is None else text[start : last.start]
    new = ",".join(f"{newline}{column}{_printed(one, indent, column, newline)}" for one in added)
    return _behind(text, node, last.end, new, f"{newline}{own}")


def _cuts(text: str, nodes: Sequence[JsonNode], kept: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the parts of the text to remove: items or members that are not kept, their commas and empty lines."""
    cuts: list[tuple[int, int]] = []
    comma_before = None  # the comma of the last item that is kept
    for item, stays in zip(nodes, kept, strict=True):
        comma = _skip(text, item.end)
        has_comma = text[comma : comma + 1] == ","
        if stays:
            comma_before = (comma, comma + 1) if has_comma else None
            continue
        if not has_comma and comma_before:
            cuts.append(comma_before)  # else it would be a trailing one
        if has_comma and text[item.end : comma].strip():
            cuts += [(item.start, item.end), (comma, comma + 1)]  # there is a comment between them
        else:
            cuts.append(_widened(text, item.start, comma + 1 if has_comma else item.end, is_last=not has_comma))
    return sorted(cuts)


def _widened(text: str, start: int, end: int, *, is_last: bool) -> tuple[int, int]:
    """Return a part of the text, extended by the white space around it that would be left."""
    line, rest = _line_start(text, start), _LINE_END.match(text, end)
    if line is not None and rest:
        return line, rest.end()
    if not is_last:
        while text[end] in " \t":
            end += 1
    elif line is None:
        while text[start - 1] in " \t":
            start -= 1
    return start, end


def _comma(after: str) -> int | None:
    """Return the position of a trailing comma, outside of comments."""
    position = _skip(after, 0)
    return position if after[position : position + 1] == "," else None


def _rest_of_line(after: str) -> str:
    """Return the comments after the last member on its line, which belong to it."""
    found = _LINE.match(after)
    assert found is not None
    return found[0].rstrip()


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _printed(value: Any, indent: str, own: str, newline: str) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Control characters, which can only be inside texts.
    text = re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.replace("\n", f"{newline}{own}")


def _column(text: str, position: int) -> str:
    """Return the white space at the start of the line at this position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _indent_of(text: str, node: JsonNode) -> str | None:
    """Return the indentation of the file: that of the first member that starts a line."""
    for key_start, value in node.members.values():
        start = _line_start(text, key_start)
        if start is not None and start > node.start:
            own, column = _column(text, node.start), text[start:key_start]
            if column.startswith(own) and column != own:
                return column[len(own) :]
        inner = _indent_of(text, value)
        if inner is not None:
            return inner
    return None


def _line_start(text: str, position: int) -> int | None:
    """Return the start of the line at a position if only white space is before it; a whole file may be one line."""
    while position and text[position - 1] in " \t":
        position -= 1
    return position if text[position - 1 : position] == "\n" else None


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    assert found is not None
    return found.end()


def _value(text: str, start: int, depth: int) -> JsonNode:
    if depth > _MAX_DEPTH:
        raise NotJson("it is nested too deeply", start)
    opening = text[start : start + 1]
    if opening == "{":
        return _object(text, start, depth)
    if opening == "[":
        return _array(text, start, depth)
    found = _SCALAR.match(text, start)
    if found is None:
        raise NotJson("a value is missing", start)
    try:
        return JsonNode(start, found.end(), json.loads(found[0]), {}, [])
    except ValueError:
        raise NotJson("not a valid string or number", start) from None


def _object(text: str, start: int, depth: int) -> JsonNode:
    members: dict[str, Member] = {}
    position = _skip(text, start + 1)
    while text[position : position + 1] != "}":
        key = _value(text, position, depth + 1)
        if not isinstance(key.value, str):
            raise NotJson("a key is missing", position)
        if key.value in members:
            raise NotJson(f'the key "{key.value}" appears twice', position)
        colon = _skip(text, key.end)
        if text[colon : colon + 1] != ":":
            raise NotJson("a colon is missing", colon)
        value = _value(text, _skip(text, colon + 1), depth + 1)
        members[key.value] = Member(position, value)
        position = _separated(text, value.end, "}")
    return JsonNode(start, position + 1, {name: member.value.value for name, member in members.items()}, members, [])


def _array(text: str, start: int, depth: int) -> JsonNode:
    items: list[JsonNode] = []
    position = _skip(text, start + 1)
    while text[position : position + 1] != "]":
        items.append(_value(text, position, depth + 1))
        position = _separated(text, items[-1].end, "]")
    return JsonNode(start, position + 1, [item.value for item in items], {}, items)


def _separated(text: str, position: int, closing: str) -> int:
    """Return the position of the next member or the closing bracket."""
    position = _skip(text, position)
    if text[position : position + 1] == ",":
        return _skip(text, position + 1)
    if text[position : position + 1] != closing:
        raise NotJson(f"a comma or {closing} is missing", position)
    return position
