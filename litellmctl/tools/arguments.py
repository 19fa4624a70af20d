"""Arguments as people write them on a command line, made into what a tool's schema asks for.

Pure: files are read by the caller's function.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import UsageFailure
from litellmctl.foundation.text import cut
from litellmctl.tools.schema import has_choices, item_schema, json_text
from litellmctl.tools.validation import TooHard

if TYPE_CHECKING:
    from litellmctl.tools.schema import Problem, Schema

MAX_BYTES = 5 * 2**20
_MAX_DEPTH = 4
# A text becomes an array in arrays no deeper than this: checking what is deeper takes a hostile schema too much time.
_MAX_ARRAY_DEPTH = 2
_MAX_SAMPLE = 1000
_TYPES_BUT_TEXT = ("integer", "number", "boolean", "null", "array", "object")
# What an error names: so many problems, each at a place of so many characters.
_MAX_PROBLEMS = 20
_MAX_WORDS = 200
_ITEM = r"(?P<name>[^=]*?)(?P<json>:?)=(?P<text>.*)"

# Reads what stands behind an @, or stdin for "-".
Read = Callable[[str], str]


class Item(NamedTuple):
    """One NAME=VALUE or NAME:=JSON, files read. `value` is JSON data where `is_json`, else the text."""

    name: str
    value: Any
    is_json: bool


def parse_item(text: str, read: Read) -> Item:
    """Return what `NAME=VALUE`, `NAME:=JSON`, `NAME=@file`, `NAME=-` or `NAME:=@file` says."""
    match = re.fullmatch(_ITEM, text, re.DOTALL)
    if match is None or not match["name"]:
        raise UsageFailure(
            f'"{_cut(text)}" is no argument: it has no {"name" if match else "="}',
            remedy="write NAME=VALUE, or NAME:=JSON for anything but text",
        )
    name, value = match["name"], match["text"]
    if value == "-" or value.startswith("@"):
        value = read(value.removeprefix("@"))
    if match["json"]:
        return Item(name, parse_json(value, named=name), is_json=True)
    return Item(name, value, is_json=False)


def parse_json(text: str, *, named: str, is_line: bool = False) -> Any:
    """Return the JSON data in a text; NaN and Infinity are none. The text is not repeated in errors.

    Where it `is_line`, those who name it know its number.
    """
    try:
        return _loaded(text)
    except json.JSONDecodeError as error:
        where = f"{'' if is_line else f'line {error.lineno} '}column {error.colno}: {error.msg}"
        raise UsageFailure(f"{named} is not JSON: {where}", remedy="quote it for your shell: NAME:='[1, 2]'") from None
    except (ValueError, RecursionError):
        raise UsageFailure(f"{named} is not JSON that can be sent") from None


def parse_object(text: str, *, named: str, is_line: bool = False) -> dict[str, Any]:
    """Return the JSON object in a text."""
    if len(text) > MAX_BYTES:
        raise UsageFailure(f"{named} is larger than {MAX_BYTES // 2**20} MiB")
    value = parse_json(text, named=named, is_line=is_line)
    if not isinstance(value, dict):
        raise UsageFailure(f"{named} is not a JSON object", remedy="""write it as '{"name": "value"}'""")
    return value


def build(schema: Schema, items: Sequence[Item], base: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments: `base`, and over it the single items, each as its parameter's schema asks.

    A name that is given several times is an array; `a.b` is the field b of the object a, unless the schema has a
    parameter of that very name.
    """
    arguments = dict(base)
    grouped: dict[str, list[Item]] = {}
    for item in items:
        grouped.setdefault(item.name, []).append(item)
    for name, group in grouped.items():
        path = [name] if name in schema.fields or name in base else name.split(".")
        if not all(path):
            raise UsageFailure(f'"{name}" is no name of an argument', remedy="write a.b for the field b of a")
        part: Any = schema.whole
        target = arguments
        for key in path[:-1]:
            part = _property(schema, part, key)
            inner = target.get(key)
            target[key] = inner = dict(inner) if isinstance(inner, dict) else {}
            target = inner
        target[path[-1]] = _value(schema, _property(schema, part, path[-1]), group)
    return arguments


def check(schema: Schema, arguments: dict[str, Any], path: str) -> None:
    """Refuse arguments that do not fit, naming everything at once, and no value."""
    try:
        problems = schema.problems(arguments)
    except TooHard:
        raise UsageFailure(
            f"the arguments cannot be checked: the schema of {cut(path, _MAX_WORDS)} takes too long",
            remedy="pass --no-check to send them unchecked",
        ) from None
    if problems:
        more = f"; and {len(problems) - _MAX_PROBLEMS} more" if len(problems) > _MAX_PROBLEMS else ""
        raise UsageFailure(
            "; ".join(map(_words, problems[:_MAX_PROBLEMS])) + more,
            remedy=f"litellmctl mcp show {shlex.quote(path)}",
        )


def _words(problem: Problem) -> str:
    return f"{cut(problem.where, _MAX_WORDS) or 'the arguments object'} {problem.expected}"


def _property(schema: Schema, part: Any, name: str) -> Any:
    """Return the schema of a field, looking into each object that `part` may be."""
    for one in schema.alternatives(part):
        found = schema.properties(one).get(name)
        if found is not None:
            return found
        if isinstance(one.get("additionalProperties"), dict):
            return one["additionalProperties"]
    return {}


def _value(schema: Schema, part: Any, group: Sequence[Item]) -> Any:
    if len(group) == 1:
        item = group[0]
        return item.value if item.is_json else _coerced(schema, part, item.value)
    array = next((one for one in schema.alternatives(part) if one.get("type") == "array"), {})
    return [
        item.value if item.is_json else _coerced(schema, item_schema(array, place), item.value, 1)
        for place, item in enumerate(group)
    ]


def _coerced(schema: Schema, part: Any, text: str, depth: int = 0) -> Any:
    """Return a text as the first alternative that it fits; one that fits none stays a text, and the check says so.

    `null` is none of an array's elements where it may stand for the array. Where a text is allowed too, what would not
    come back as it was typed (000123, +15551234567, 1.50) is one: it may be a number in name only. Inside an array,
    what is no array goes first: of arrays of arrays of themselves there is no last one.
    """
    alternatives = _alternatives(schema, part, depth)
    takes_text = any(map(_takes_text, alternatives))
    for one in alternatives:
        fits, value = _as(schema, one, text, depth)
        if fits and not (takes_text and _is_changed(value, text)):
            return value
    return text


def _takes_text(part: dict[str, Any]) -> bool:
    """Whether a simple schema takes any text."""
    return part.get("type") not in _TYPES_BUT_TEXT and "properties" not in part and not has_choices(part)


def _is_changed(value: Any, text: str) -> bool:
    """Whether a value that a text was made into is another text. Objects and arrays are meant as such."""
    if isinstance(value, list) and not text.lstrip().startswith("["):
        return True  # an array around it
    return not isinstance(value, str | dict | list) and json_text(value) != text


def _alternatives(schema: Schema, part: Any, depth: int) -> list[dict[str, Any]]:
    alternatives = list(schema.alternatives(part))
    arrays = [one for one in alternatives if one.get("type") == "array"]
    if not arrays:
        return alternatives
    if depth:
        return [one for one in alternatives if one.get("type") != "array"] + arrays
    return sorted(alternatives, key=lambda one: one.get("type") != "null")


def _as(schema: Schema, part: dict[str, Any], text: str, depth: int) -> tuple[bool, Any]:
    if has_choices(part):
        allowed = part["enum"] if isinstance(part.get("enum"), list) else [part["const"]]
        for value in allowed:
            if text == (value if isinstance(value, str) else json_text(value)):
                return True, value
        return False, None
    kind = part.get("type")
    if kind == "integer":
        fits = re.fullmatch(r"[+-]?\d{1,4000}", text, re.ASCII) is not None
        return fits, int(text) if fits else None
    if kind == "number":
        return _as_number(text)
    if kind == "boolean":
        return text.lower() in {"true", "false"}, text.lower() == "true"
    if kind == "null":
        return text == "null", None
    if kind == "array":
        return _as_array(schema, part, text, depth)
    if kind == "object" or (kind is None and "properties" in part):
        return _as_json(text, dict)
    return True, text


def _as_number(text: str) -> tuple[bool, Any]:
    if re.fullmatch(r"[+-]?\d{1,4000}", text, re.ASCII):
        return True, int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) and math.isfinite(float(text)):
        return True, float(text)
    return False, None


def _as_array(schema: Schema, part: dict[str, Any], text: str, depth: int) -> tuple[bool, Any]:
    if text.lstrip().startswith("["):
        fits, value = _as_json(text, list)
        if fits:
            return True, value
    if depth == _MAX_ARRAY_DEPTH:
        return False, None
    return True, [_coerced(schema, item_schema(part, 0), text, depth + 1)]


def _as_json(text: str, kind: type) -> tuple[bool, Any]:
    try:
        value = _loaded(text)
    except (ValueError, RecursionError):
        return False, None
    return isinstance(value, kind), value


def _loaded(text: str) -> Any:
    """Return JSON data, without the numbers that JSON does not have: NaN, Infinity, and 1e400, which is read as it."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _cut(text: str) -> str:
    return text.partition("=")[0][:40]


def example(schema: Schema, path: str) -> str:
    """Return a command line that calls a tool with something for each required parameter."""
    words = ["litellmctl", "mcp", "call", shlex.quote(path)]
    rest: dict[str, Any] = {}
    for name in schema.required:
        value = _sample(schema, schema.fields.get(name), name.upper(), 0)
        item = _item(schema, name, value)
        if item is None:
            rest[name] = value
        else:
            words.append(shlex.quote(item))
    if rest:
        words += ["--args", shlex.quote(json_text(rest))]
    return " ".join(words)


def _item(schema: Schema, name: str, value: Any) -> str | None:
    """Return the item that says that a parameter has a value, the shortest; None where none can."""
    if name.startswith("-"):
        return None  # would be an option
    inner = value
    while isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    texts = [] if isinstance(inner, dict | list) else [inner if isinstance(inner, str) else json_text(inner)]
    for item in (*(f"{name}={text}" for text in texts), f"{name}:={json_text(value)}"):
        try:
            built = build(schema, [parse_item(item, _no_file)], {})
        except UsageFailure:
            continue
        if json_text(built) == json_text({name: value}):
            return item
    return None


def _no_file(name: str) -> str:
    raise UsageFailure(f"{name} is not to be read")


def _sample(schema: Schema, part: Any, text: str, depth: int) -> Any:
    """Return a value that fits a schema's types and bounds; `text` where that is a string."""
    allowed = schema.allowed(part)
    if allowed:
        return allowed[0]
    one = next(iter(_alternatives(schema, part, depth)), {})
    kind = one.get("type")
    if kind == "array":
        return [_sample(schema, one.get("items"), text, depth + 1)] if depth < _MAX_DEPTH else []
    if kind == "object" or (kind is None and "properties" in one):
        required = one.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        fields = schema.properties(one)
        if len(names) ** (depth + 1) > _MAX_SAMPLE:
            names = names[:1]
        return {name: _sample(schema, fields.get(name), "...", depth + 1) for name in names if depth < _MAX_DEPTH}
    if kind in ("integer", "number"):  # not a set: a server may send what has no hash
        low, high = one.get("minimum"), one.get("maximum")
        number = 1 if kind == "integer" else 1.5
        number = max(number, low) if isinstance(low, int | float) else number
        return min(number, high) if isinstance(high, int | float) else number
    return {"boolean": True, "null": None}.get(str(kind), text)
