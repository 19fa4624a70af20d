"""Changing YAML in block style in place: every line outside of the change is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Texts that need no quotes, except words with a meaning in YAML 1.1, which many programs read.
_PLAIN = re.compile(r"[A-Za-z](?:[\w./@+-]|:(?=[\w/]))*", re.ASCII)
_WORDS = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class NotInBlocks(Exception):
    """The value to change is not in block style, or cannot be found."""


class YamlNode(NamedTuple):
    """A value from `start` up to `end`: the pairs of a mapping, or the items of a list; `is_block`: in block style."""

    start: int
    end: int
    text: str | None
    pairs: list[tuple[YamlNode, YamlNode]]
    items: list[YamlNode]
    is_block: bool


_NOTHING = YamlNode(0, 0, None, [], [], False)


def value(text: str) -> Any:
    """Return the value in the text as Python has it. Raises ValueError."""
    from ruamel.yaml import YAML

    try:
        return YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # noqa: BLE001 - any error of the parser
        raise ValueError(str(error)) from None


def with_value(before: str, keys: Sequence[str], value: Any) -> str:
    """Return the text with the value at `keys` set; missing mappings on the way are created."""
    node = _root(before)
    if node is None:
        for name in reversed(keys):
            value = {name: value}
        return before + _gap(before, len(before)) + printed(value)
    for depth, key in enumerate(keys):
        if not node.pairs or not node.is_block:
            raise NotInBlocks
        column = _column(before, node.pairs[0][0].start)
        found = next((pair for pair in node.pairs if pair[0].text == key), None)
        if found is None or (depth < len(keys) - 1 and found[1].start == found[1].end):
            for name in reversed(keys[depth + 1 :]):
                value = {name: value}
            return _with_pair(before, node, found, {key: value}, column)
        if depth == len(keys) - 1:
            return _with_pair(before, node, found, {key: value}, column)
        node = found[1]
    raise NotInBlocks


def with_items(before: str, keys: Sequence[str], is_ours: Sequence[bool], items: Sequence[Any]) -> str:
    """Return the text with our items of the list at `keys` removed, and `items` added."""
    node = _root(before) or _NOTHING
    for key in keys:
        node = next((value for name, value in node.pairs if name.text == key), _NOTHING)
    if not node.is_block or len(node.items) != len(is_ours) or not is_ours:
        raise NotInBlocks
    column = _column(before, node.start)
    starts = [_dash(before, item.start, len(column)) for item in node.items]
    edits = [
        (start, _line_end(before, item.end), "")
        for start, item, ours in zip(starts, node.items, is_ours, strict=True)
        if ours
    ]
    if items:
        last = _line_end(before, node.items[-1].end), ""  # the removed item does not end the list
        place, gap = last if is_ours[-1] else _place(before, starts[-1], node.items, column)
        edits.append((place, place, gap + _indented(printed(list(items)), column)))
    text = before
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def without(before: str, keys: Sequence[str]) -> str:
    """Return the text without the member at `keys`; a mapping that has no other becomes `{}`."""
    node = _root(before) or _NOTHING
    for key in keys[:-1]:
        node = next((value for name, value in node.pairs if name.text == key), _NOTHING)
    index = next((number for number, (name, _) in enumerate(node.pairs) if name.text == keys[-1]), None)
    if index is None:
        raise NotInBlocks
    if len(node.pairs) == 1 and node.is_block:
        return with_value(before, keys[:-1], {})
    if len(node.pairs) == 1:
        return f"{before[: node.start]}{{}}{before[node.end :]}"
    name, value = node.pairs[index]
    if node.is_block:
        start, end = name.start - len(_column(before, name.start)), _line_end(before, value.end)
    elif index == len(node.pairs) - 1:
        last = node.pairs[index - 1][1].end
        # With its comma, unless there is a comment behind that.
        start, end = name.start if "#" in before[last : name.start] else last, value.end
    else:
        start, end = name.start, node.pairs[index + 1][0].start
    return before[:start] + before[end:]


def printed(value: Any) -> str:
    """Return a value in block style, with the same meaning in YAML 1.1 and 1.2."""
    if isinstance(value, Mapping) and value:
        return "".join(f"{_scalar(key)}:{_below(one)}" for key, one in value.items())
    if isinstance(value, list | tuple) and value:
        return "".join("- " + _indented(printed(item), "  ")[2:] for item in value)
    return f"{_scalar(value)}\n"


def _below(value: Any) -> str:
    is_inner = isinstance(value, Mapping | list | tuple) and value
    return f"\n{_indented(printed(value), '  ')}" if is_inner else f" {printed(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(_UNPRINTABLE, lambda found: f"\\U{ord(found[0]):08x}", text)


def _with_pair(
    before: str, node: YamlNode, found: tuple[YamlNode, YamlNode] | None, pair: dict[str, Any], column: str
) -> str:
    new = _indented(printed(pair), column)
    if found is None:
        start = node.pairs[-1][0].start - len(column)
        place, gap = _place(before, start, [value for _, value in node.pairs], column)
        return before[:place] + gap + new + before[place:]
    end = found[1].end
    # A comment after it stays on its last line; a block scalar ends with its line break.
    return (
        before[: found[0].start - len(column)] + (new if before[end - 1] == "\n" else new.rstrip("\n")) + before[end:]
    )


def _place(before: str, start: int, nodes: Sequence[YamlNode], column: str) -> tuple[int, str]:
    """Return the position for a new value after the last of these, and the line break that it needs before it.

    A block scalar without a final line break would get one: then the new value goes above it.
    """
    last = _line_end(before, nodes[-1].end)
    gap = _gap(before, last)
    if not gap or _last_text(nodes[-1]) == _last_text(_root(before + gap)):
        return last, gap
    above = _line_end(before, nodes[-2].end) if len(nodes) > 1 else 0
    place = start
    while place > above:  # with the comments above it
        line = before.rfind("\n", 0, place - 1) + 1
        if line < above or not before.startswith(f"{column}#", line):
            break
        place = line
    return place, ""


def _last_text(node: YamlNode | None) -> str | None:
    while node is not None and (node.pairs or node.items):
        node = node.pairs[-1][1] if node.pairs else node.items[-1]
    return node and node.text


def _gap(before: str, position: int) -> str:
    return "" if position == 0 or before[position - 1] == "\n" else "\n"


def _indented(text: str, column: str) -> str:
    return re.sub(r"(?m)^(?=.)", column, text)


def _column(text: str, position: int) -> str:
    """Return the white space before this position. Raises NotInBlocks if there is anything else on its line."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    if line.strip(" "):
        raise NotInBlocks
    return line


def _line_end(text: str, position: int) -> int:
    """Return the start of the next line, or this position if a line starts there."""
    if position and text[position - 1] == "\n":
        return position
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1


def _dash(text: str, position: int, column: int) -> int:
    """Return the start of the line with the dash, in this column, of the item at this position."""
    while position >= 0:
        start = text.rfind("\n", 0, position) + 1
        if text[start + column : start + column + 1] == "-" and not text[start : start + column].strip(" "):
            return start
        position = start - 1
    raise NotInBlocks


def _root(text: str) -> YamlNode | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.events import DocumentEndEvent, DocumentStartEvent, StreamEndEvent, StreamStartEvent

    skipped = (StreamStartEvent, StreamEndEvent, DocumentStartEvent, DocumentEndEvent)
    events = (event for event in YAML(typ="rt", pure=True).parse(text) if not isinstance(event, skipped))
    event = next(events, None)
    return None if event is None else _node(event, events, text)


def _node(event: Any, events: Iterator[Any], text: str) -> YamlNode:
    from ruamel.yaml.events import MappingStartEvent, SequenceStartEvent

    start, end, is_block = event.start_mark.index, event.end_mark.index, not getattr(event, "flow_style", False)
    if isinstance(event, MappingStartEvent):
        inner, end = _inner(events, text)
        pairs = [(key, _value(key, value, text)) for key, value in zip(inner[::2], inner[1::2], strict=True)]
        return YamlNode(start, pairs[-1][1].end if pairs and is_block else end, None, pairs, [], is_block)
    if isinstance(event, SequenceStartEvent):
        items, end = _inner(events, text)
        return YamlNode(start, items[-1].end if items and is_block else end, None, [], items, is_block)
    return YamlNode(start, end, getattr(event, "value", None), [], [], False)


def _inner(events: Iterator[Any], text: str) -> tuple[list[YamlNode], int]:
    from ruamel.yaml.events import MappingEndEvent, SequenceEndEvent

    inner: list[YamlNode] = []
    for event in events:
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            return inner, event.end_mark.index
        inner.append(_node(event, events, text))
    raise NotInBlocks


def _value(key: YamlNode, value: YamlNode, text: str) -> YamlNode:
    """Return a value; an empty one is at the colon, though the parser puts it on the next line."""
    if value.start != value.end:
        return value
    colon = text.index(":", key.end) + 1
    return value._replace(start=colon, end=colon)
