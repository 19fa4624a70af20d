"""Arguments as people write them on a command line, converted to the types in a tool's schema.

Pure: the caller passes a function that reads files.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import UsageFailure
from litellmctl.foundation.text import cut
from litellmctl.tools.schema import has_choices, item_schema, json_text
from litellmctl.tools.validation import TooHard

if TYPE_CHECKING:
    from litellmctl.tools.schema import Problem, Schema

MAX_BYTES = 5 * 2**20
_MAX_DEPTH = 4
# A text becomes an array in at most so many arrays: a hostile schema would make more of them too slow to check.
_MAX_ARRAY_DEPTH = 2
_MAX_SAMPLE = 1000
# An example gives an object of more fields as JSON.
_MAX_FIELDS = 8
_TYPES_BUT_TEXT = ("integer", "number", "boolean", "null", "array", "object")
# Problems that an error names, and the characters of each place.
_MAX_PROBLEMS = 20
_MAX_WORDS = 200
_ITEM = r"(?P<name>[^=]*?)(?P<json>:?)=(?P<text>.*)"

# Returns the text of the file named after "@", or of stdin for "-".
Read = Callable[[str], str]


class Item(NamedTuple):
    """One NAME=VALUE or NAME:=JSON, files read. `value` is JSON data where `is_json`, else the text."""

    name: str
    value: Any
    is_json: bool


def parse_item(text: str, read: Read) -> Item:
    """Return the item in `NAME=VALUE`, `NAME:=JSON`, `NAME=@file`, `NAME=-` or `NAME:=@file`."""
    match = re.fullmatch(_ITEM, text, re.DOTALL)
    if match is None or not match["name"]:
        raise UsageFailure(
            f'"{_cut(text)}" is not an argument: it has no {"name" if match else "="}',
            remedy="pass JSON as --args JSON" if text.lstrip().startswith("{") else "write each argument as NAME=VALUE",
        )
    name, value = match["name"], match["text"]
    if value == "-" or value.startswith("@"):
        value = read(value.removeprefix("@"))
    if match["json"]:
        return Item(name, parse_json(value, named=name), is_json=True)
    return Item(name, value, is_json=False)


def parse_json(text: str, *, named: str | None) -> Any:
    """Return the JSON data in a text; NaN and Infinity are not JSON. Errors do not repeat the text.

    `named` is what errors call it; None for a line, whose number the caller adds to errors.
    """
    try:
        return _loaded(text)
    except json.JSONDecodeError as error:
        where = f"{'' if named is None else f'line {error.lineno}, '}column {error.colno}: {error.msg}"
        raise UsageFailure(
            f"{_subject(named)}not valid JSON: {where}", remedy="quote it for your shell: NAME:='[1, 2]'"
        ) from None
    except (ValueError, RecursionError):
        why = "a number is too large, or it is nested too deeply"
        raise UsageFailure(f"{_subject(named)}not valid JSON: {why}") from None


def parse_object(text: str, *, named: str | None) -> dict[str, Any]:
    """Return the JSON object in a text."""
    if len(text) > MAX_BYTES:
        raise UsageFailure(f"{_subject(named)}larger than {MAX_BYTES // 2**20} MiB")
    value = parse_json(text, named=named)
    if not isinstance(value, dict):
        raise UsageFailure(f"{_subject(named)}not a JSON object", remedy="""write it as '{"name": "value"}'""")
    return value


def _subject(named: str | None) -> str:
    return "" if named is None else f"{named} is "


def build(schema: Schema, items: Sequence[Item], base: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments: `base`, overridden by the items, each converted to the type of its parameter.

    A name that is given several times is an array; `a.b` is the field b of the object a, unless the schema has a
    parameter named `a.b`.
    """
    arguments = dict(base)
    grouped: dict[str, list[Item]] = {}
    for item in items:
        grouped.setdefault(item.name, []).append(item)
    for name, group in grouped.items():
        path = [name] if name in schema.fields or name in base else name.split(".")
        if not all(path):
            raise UsageFailure(f'"{name}" is not a valid name', remedy="write a.b for the field b of a")
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
    """Refuse arguments that do not match the schema, with all problems in one error, and without the values."""
    try:
        wrong = mismatch(schema, arguments)
    except TooHard:
        raise UsageFailure(
            f"cannot check the arguments: the schema of {cut(path, _MAX_WORDS)} takes too long",
            remedy="pass --no-check to send them unchecked",
        ) from None
    if wrong:
        raise UsageFailure(wrong, remedy=f"litellmctl mcp show {shlex.quote(path)}")


def mismatch(schema: Schema, arguments: dict[str, Any]) -> str:
    """Return all problems with the arguments in one sentence, without the values; "" if there are none.

    Raises `validation.TooHard` if they cannot be checked within the limits.
    """
    problems = schema.problems(arguments)
    more = f"; and {len(problems) - _MAX_PROBLEMS} more" if len(problems) > _MAX_PROBLEMS else ""
    return "; ".join(map(_words, problems[:_MAX_PROBLEMS])) + more


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
    """Return a text as the first alternative that it fits; if it fits none it stays a text, which the check refuses.

    `null` is not an element of an array if it may stand for the array. If text is allowed too, a number that would not
    be printed as it was typed (000123, +15551234567, 1.50) stays text: it may be an id. Inside an array, arrays are
    tried last, since a schema may nest them without end.
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
    """Whether a value is printed differently from the text that it was typed as; objects and arrays never are."""
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
    """Return JSON data. Raises ValueError for NaN, Infinity, and 1e400, which Python reads as Infinity."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _cut(text: str) -> str:
    return text.partition("=")[0][:40]


def example(schema: Schema, path: str) -> list[str]:
    """Return the words of a command line, quoted for a shell, that calls a tool with each required parameter."""
    words = ["litellmctl", "mcp", "call", shlex.quote(path)]
    rest: dict[str, Any] = {}
    for name in schema.required:
        value = _sample(schema, schema.fields.get(name), name.upper(), 0)
        items = _items(schema, name, value)
        if items is None:
            rest[name] = value
        else:
            words += map(shlex.quote, items)
    if rest:
        words += ["--args", shlex.quote(json_text(rest))]
    return words


def _items(schema: Schema, name: str, value: Any) -> list[str] | None:
    """Return the items that give a parameter its value, one for each field of a small object; None if none can."""
    leaves = list(_leaves([name], value))
    if 0 < len(leaves) <= _MAX_FIELDS:
        items = [_item(schema, keys, leaf) for keys, leaf in leaves]
        known = [item for item in items if item is not None]
        if len(known) == len(items) and _mean(schema, known, [name], value):
            return known
    whole = _item(schema, [name], value)
    return None if whole is None else [whole]


def _leaves(keys: list[str], value: Any) -> Iterator[tuple[list[str], Any]]:
    """Yield the values in an object that are not objects with fields, each with the names that lead to it."""
    if isinstance(value, dict) and value and len(keys) <= _MAX_FIELDS:
        for name, inner in value.items():
            yield from _leaves([*keys, name], inner)
    else:
        yield keys, value


def _item(schema: Schema, keys: list[str], value: Any) -> str | None:
    """Return the shortest item that gives the field at `keys` its value; None if none can."""
    name = ".".join(keys)
    inner = value
    while isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    texts = [] if isinstance(inner, dict | list) else [inner if isinstance(inner, str) else json_text(inner)]
    items = (*(f"{name}={text}" for text in texts), f"{name}:={json_text(value)}")
    return next((item for item in items if _mean(schema, [item], keys, value)), None)


def _mean(schema: Schema, items: list[str], keys: list[str], value: Any) -> bool:
    """Whether these items give the field at `keys` that value, and nothing else."""
    if keys[0].startswith("-"):
        return False  # would be an option
    for name in reversed(keys):
        value = {name: value}
    try:
        built = build(schema, [parse_item(item, _no_file) for item in items], {})
    except UsageFailure:
        return False
    return json_text(built) == json_text(value)


def _no_file(name: str) -> str:
    raise UsageFailure(f"cannot read {name}")


def _sample(schema: Schema, part: Any, text: str, depth: int) -> Any:
    """Return a value that fits a schema's types and bounds; `text` if it is a string."""
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
        return {
            name: _sample(schema, fields.get(name), name.upper(), depth + 1) for name in names if depth < _MAX_DEPTH
        }
    if kind in ("integer", "number"):  # not a set: a server may send what has no hash
        low, high = one.get("minimum"), one.get("maximum")
        number = 1 if kind == "integer" else 1.5
        number = max(number, low) if isinstance(low, int | float) else number
        return min(number, high) if isinstance(high, int | float) else number
    return {"boolean": True, "null": None}.get(str(kind), text)
