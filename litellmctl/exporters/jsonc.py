"""Changing JSON with comments and trailing commas in place: every byte outside of what changes stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_DEEPEST = 200


class NotJson(ValueError):
    """The text is no JSON with comments; `position` is where that shows."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Member(NamedTuple):
    """A member of an object: where its key begins, and its value."""

    key_start: int
    value: Node


class Node(NamedTuple):
    """A value, from `start` up to `end`; the members of an object, or the items of an array."""

    start: int
    end: int
    value: Any
    members: dict[str, Member]
    items: list[Node]


def parse(text: str) -> Node:
    """Return the value that the text holds. A key that comes twice is refused: nobody knows which one counts."""
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    node = _value(text, start, 0)
    end = _skip(text, node.end)
    if end != len(text):
        raise NotJson("something follows the value", end)
    return node


def with_value(text: str, keys: Sequence[str], value: Any) -> str:
    """Return the text with the value at `keys` set; objects on the way are made where they are missing."""
    node = parse(text)
    indent = _indent_of(text)
    for depth, key in enumerate(keys):
        if not isinstance(node.value, dict):
            raise NotJson(f"{'.'.join(keys[:depth]) or 'the whole'} is not an object", node.start)
        if key not in node.members:
            rest: Any = value
            for name in reversed(keys[depth + 1 :]):
                rest = {name: rest}
            return _inserted(text, node, key, rest, indent)
        node = node.members[key].value
    own = _column(text, node.start)
    return text[: node.start] + _printed(value, indent, own, _newline(text)) + text[node.end :]


def _inserted(text: str, node: Node, key: str, value: Any, indent: str) -> str:
    """Add a member behind the last one of an object."""
    own = _column(text, node.start)
    newline = _newline(text)
    member = f"{newline}{own}{indent}{json.dumps(key, ensure_ascii=False)}: " + _printed(
        value, indent, own + indent, newline
    )
    ending = f"{newline}{own}"
    if not node.members:
        inside = text[node.start + 1 : node.end - 1].rstrip()
        return f"{text[: node.start]}{{{inside}{member}{ending}}}{text[node.end :]}"
    last = max(found.value.end for found in node.members.values())
    between = text[last : node.end - 1]
    comma = _comma(between)
    if comma is None:
        before = f"{text[:last]},"
    else:
        before, between = text[: last + comma + 1], between[comma + 1 :]
        member += ","
    line = _rest_of_line(between)
    rest = between[len(line) :]
    return f"{before}{line}{member}{rest if newline in rest else ending}{text[node.end - 1 :]}"


def _comma(after: str) -> int | None:
    """Return where a trailing comma stands, which is no part of a comment."""
    position = _skip(after, 0)
    return position if after[position : position + 1] == "," else None


def _rest_of_line(after: str) -> str:
    """Return what stands behind the last member on its line: a comment that belongs to it."""
    line = after.split("\n", 1)[0].rstrip("\r")
    return line.rstrip() if "/*" not in line or "*/" in line else ""


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _printed(value: Any, indent: str, own: str, newline: str) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent).replace("\n", f"{newline}{own}")


def _column(text: str, position: int) -> str:
    """Return the white space that begins the line of this position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _indent_of(text: str) -> str:
    found = re.search(r"\{[ \t]*\r?\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    assert found is not None
    return found.end()


def _value(text: str, start: int, depth: int) -> Node:
    if depth > _DEEPEST:
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
        return Node(start, found.end(), json.loads(found[0]), {}, [])
    except ValueError:
        raise NotJson("a text or number is not valid", start) from None


def _object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Member] = {}
    position = _skip(text, start + 1)
    while text[position : position + 1] != "}":
        key = _value(text, position, depth + 1)
        if not isinstance(key.value, str):
            raise NotJson("a key is missing", position)
        if key.value in members:
            raise NotJson(f'the key "{key.value}" comes twice', position)
        colon = _skip(text, key.end)
        if text[colon : colon + 1] != ":":
            raise NotJson("a colon is missing", colon)
        value = _value(text, _skip(text, colon + 1), depth + 1)
        members[key.value] = Member(position, value)
        position = _separated(text, value.end, "}")
    return Node(start, position + 1, {name: member.value.value for name, member in members.items()}, members, [])


def _array(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    position = _skip(text, start + 1)
    while text[position : position + 1] != "]":
        items.append(_value(text, position, depth + 1))
        position = _separated(text, items[-1].end, "]")
    return Node(start, position + 1, [item.value for item in items], {}, items)


def _separated(text: str, position: int, closing: str) -> int:
    """Return where the next member or the closing bracket begins."""
    position = _skip(text, position)
    if text[position : position + 1] == ",":
        return _skip(text, position + 1)
    if text[position : position + 1] != closing:
        raise NotJson(f"a comma or {closing} is missing", position)
    return position
