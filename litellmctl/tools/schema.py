"""A tool's schema, as far as a command line needs it: what each parameter takes, and whether arguments fit.

Schemas come from anybody. Nothing here follows a reference out of the schema, or a chain of references for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from litellmctl.errors import suggestion

_MAX_HOPS = 50
_MAX_OPTIONS = 100
_MAX_PATTERNS = 20
_MAX_PROBLEMS = 100
_MAX_BRANCHES = 10_000
_TYPES = ("integer", "number", "boolean", "null", "array", "object", "string")


class Parameter(NamedTuple):
    """A parameter for people: `type` in words, `default` and `allowed` as JSON texts."""

    name: str
    type: str
    required: bool
    default: str
    allowed: str
    description: str


class Problem(NamedTuple):
    """What is wrong with the arguments: where (`a.b`, "" for the whole), and what was expected there, not the value."""

    where: str
    expected: str


class Schema:
    """The schema of a tool's arguments; one that is missing or no object allows anything."""

    def __init__(self, schema: Any) -> None:
        self.whole: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self._words: dict[tuple[int, int], str] = {}

    @property
    def top(self) -> dict[str, Any]:
        """The schema of the arguments object, references followed."""
        return self.resolved(self.whole)

    @cached_property
    def _shapes(self) -> list[dict[str, Any]]:
        """The simple schemas that the arguments object is one of."""
        return list(self.alternatives(self.whole)) or [{}]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The parameters' schemas by their names."""
        found: dict[str, Any] = {}
        for shape in self._shapes:
            found = {**self.properties(shape), **found}
        return found

    @property
    def names(self) -> list[str]:
        """The parameters' names."""
        return list(self.fields)

    @property
    def required(self) -> list[str]:
        """The names of those that have to be given."""
        first, *others = (_required(shape) for shape in self._shapes)
        return [name for name in dict.fromkeys(first) if all(name in names for names in others)]

    @property
    def is_closed(self) -> bool:
        """Whether a name that it does not mention is a mistake: it mentions some, and allows no others."""
        mentions = any(
            isinstance(shape.get("properties"), dict) or shape.get("additionalProperties") is False
            for shape in self._shapes
        )
        return mentions and not any(map(_is_open, self._shapes))

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return the schema with its `$ref`s followed inside this document; {} where that leads nowhere."""
        for _ in range(_MAX_HOPS):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            schema = self._pointed_at(reference)
        return {}

    def _pointed_at(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            return None
        if "%" in reference:
            from urllib.parse import unquote

            reference = unquote(reference)
        found: Any = self.whole
        for part in reference[2:].split("/") if reference != "#" else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and re.fullmatch("[0-9]{1,6}", key) and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found

    def properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the properties of an object's schema."""
        found = schema.get("properties")
        return found if isinstance(found, dict) else {}

    def alternatives(
        self, schema: Any, depth: int = 0, seen: frozenset[int] | set[int] = frozenset()
    ) -> Iterator[dict[str, Any]]:
        """Yield the simple schemas that a schema is one of, in its own order: `anyOf`, `oneOf`, lists of types.

        What stands beside those, or together in `allOf`, is part of each. An option is looked into once only: one that
        is made of itself would never end.
        """
        schema = self.resolved(schema)
        seen = seen if isinstance(seen, set) else set()
        if depth > _MAX_HOPS:
            return
        together = schema.get("allOf")
        if isinstance(together, list):
            joined = _except("allOf", schema)
            for part in together[:_MAX_OPTIONS]:
                joined = _joined(joined, self.resolved(part))
            yield from self.alternatives(joined, depth + 1, seen)
            return
        for keyword in ("anyOf", "oneOf"):
            options = schema.get(keyword)
            if isinstance(options, list):
                rest = _except(keyword, schema)
                for option in map(self.resolved, options[:_MAX_OPTIONS]):
                    if id(option) not in seen:
                        seen.add(id(option))
                        yield from self.alternatives(_joined(rest, option), depth + 1, seen)
                return
        types = schema.get("type")
        if isinstance(types, list):
            yield from ({**schema, "type": one} for one in types if one in _TYPES)
        else:
            yield schema

    def type_words(self, schema: Any, depth: int = 0) -> str:
        """Return what a schema takes, in words: `integer`, `array of string`, `string or null`."""
        words: list[str] = []
        for one in self.alternatives(schema):
            kind = one.get("type")
            if kind == "array" and isinstance(one.get("items"), dict) and depth < 3:
                items = self.resolved(one["items"])
                key = id(items), depth
                if key not in self._words:
                    self._words[key] = self.type_words(items, depth + 1)
                word = f"array of {self._words[key]}"
            elif isinstance(kind, str):
                word = kind
            elif "const" in one or isinstance(one.get("enum"), list):
                word = "value"
            else:
                word = "object" if "properties" in one else "any"
            if word not in words:
                words.append(word)
        return " or ".join(words) or "any"

    def allowed(self, schema: Any) -> list[Any]:
        """Return the values that an enumeration allows; [] where it is none."""
        values: list[Any] = []
        for one in self.alternatives(schema):
            if isinstance(one.get("enum"), list):
                values += one["enum"]
            elif "const" in one:
                values.append(one["const"])
        return values

    def parameters(self) -> list[Parameter]:
        """Return the parameters for people, the required ones first."""
        required = dict.fromkeys(self.required)
        rows = []
        for name, raw in {**self.fields, **{name: {} for name in required if name not in self.fields}}.items():
            schema = {**self.resolved(raw), **(raw if isinstance(raw, dict) else {})}
            described = schema.get("description")
            rows.append(
                Parameter(
                    name=name,
                    type=self.type_words(raw),
                    required=name in required,
                    default=json_text(schema["default"]) if "default" in schema else "",
                    allowed=", ".join(map(json_text, self.allowed(raw))),
                    description=described if isinstance(described, str) else "",
                )
            )
        return sorted(rows, key=lambda row: not row.required)

    def problems(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return everything that is wrong with the arguments, as far as the schema can be understood.

        Of each kind of mistake, a hundred at most.
        """
        missing = [name for name in self.required if name not in arguments]
        found = [Problem(name, f"is required ({self.type_of(name)})") for name in missing[:_MAX_PROBLEMS]]
        if self.is_closed:
            known = self.names
            strange = [name for name in arguments if name not in self.fields]
            found += [Problem(name, _unknown(name, known)) for name in strange[:_MAX_PROBLEMS]]
        names = {problem.where for problem in found}
        return found + [problem for problem in self._mismatches(arguments) if problem.where not in names]

    def type_of(self, name: str) -> str:
        """Return what a parameter takes, in words."""
        return self.type_words(self.fields.get(name))

    def _mismatches(self, arguments: dict[str, Any]) -> Iterator[Problem]:
        validator = _validator(self.whole)
        if validator is None:
            return
        try:
            if validator.is_valid(arguments):
                return
            if _branches(self.whole, arguments) > _MAX_BRANCHES:
                yield Problem("", "does not fit the tool's schema")
                return
            errors = list(islice(validator.iter_errors(arguments), _MAX_PROBLEMS))
        except (ValueError, RecursionError):
            return  # half a character, or nested too deeply to be looked at: the server's to judge
        for error in errors:
            yield from self._explained(error)

    def _explained(self, error: Any) -> Iterator[Problem]:
        kind = error.kind
        path = [str(part) for part in error.instance_path]
        schema = self._at(error.schema_path[:-1])
        if kind.name == "required":
            yield Problem(".".join([*path, kind.property]), "is required")
        elif kind.name in {"additionalProperties", "unevaluatedProperties"}:
            known = list(self.properties(schema))
            yield from (Problem(".".join([*path, name]), _unknown(name, known)) for name in kind.unexpected)
        elif kind.name == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
            if path or not self.is_closed:  # else told above, by name
                yield Problem(".".join(path), "takes no fields")
        else:
            # Of several alternatives, the one whose type it has is meant.
            near = [branch for branch in getattr(kind, "context", ()) if not _is_another_type(branch, error)]
            if len(near) == 1 and near[0]:
                for inner in near[0]:
                    yield from self._explained(inner)
            else:
                yield Problem(".".join(path), self._expectation(error, schema, is_type=not near))

    def _at(self, path: list[str | int]) -> Any:
        """Return the part of the document at a path of keys."""
        found: Any = self.whole
        for key in path:
            if isinstance(found, dict):
                found = found.get(str(key))
            elif isinstance(found, list) and isinstance(key, int) and key < len(found):
                found = found[key]
            else:
                return {}
        return found

    def _expectation(self, error: Any, schema: Any, *, is_type: bool) -> str:
        kind = error.kind
        if kind.name == "type":
            types = schema.get("type") if isinstance(schema, dict) else None
            here = sorted([types] if isinstance(types, str) else types or []) == sorted(kind.types)
            return f"is not {_with_article(self.type_words(schema if here else {'type': list(kind.types)}))}"
        if kind.name in {"anyOf", "oneOf"} and is_type:
            words = self.type_words(schema)
            if "any" not in words.split():
                return f"is not {_with_article(words)}"
        if kind.name in {"enum", "const"}:
            allowed = kind.options if kind.name == "enum" else [kind.expected_value]
            return f"is not one of {', '.join(map(json_text, allowed[:_MAX_LISTED]))}"
        if kind.name == "falseSchema":
            return "is not allowed"
        if kind.name == "propertyNames":
            return "has a field whose name does not fit"
        return f"does not fit: {error.message.replace(_MASK, 'the value', 1)}"


_MASK = "\u2026"
_MAX_LISTED = 20
# Where a name may be mentioned that `properties` does not have.
_ELSEWHERE = ("patternProperties", "if", "dependentSchemas", "dependencies", "$dynamicRef")


def json_text(value: Any) -> str:
    """Return a value of a schema as JSON for people; one that is nested too deeply as dots."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "..."


def _is_open(shape: dict[str, Any]) -> bool:
    others = shape.get("additionalProperties")
    return others is True or isinstance(others, dict) or any(keyword in shape for keyword in _ELSEWHERE)


def _required(schema: dict[str, Any]) -> list[str]:
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _except(keyword: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != keyword}


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what fits both, as far as a command line needs it."""
    joined = {**one, **other}
    properties = [schema["properties"] for schema in (one, other) if isinstance(schema.get("properties"), dict)]
    if len(properties) == 2:
        joined["properties"] = {**properties[0], **properties[1]}
    required = [*_required(one), *_required(other)]
    if required:
        joined["required"] = required
    return joined


def _unknown(name: str, known: list[str]) -> str:
    near = suggestion(name, known)
    if near:
        return f"is not one of its parameters.{near}"
    listed = f"there are {', '.join(known)}" if known else "it takes none"
    return f"is unknown: {listed}"


def _branches(schema: dict[str, Any], arguments: dict[str, Any]) -> int:
    """Return how often an explanation may have to look at a value, at worst: each of the alternatives at each depth.

    Whether arguments fit is soon found out, whatever the schema; why not may take for ever, and nothing interrupts it.
    """
    widest = 1
    for value in _nodes(schema):
        if isinstance(value, dict):
            options = [value.get(keyword) for keyword in ("anyOf", "oneOf")]
            widest = max(widest, *(len(some) for some in options if isinstance(some, list)), 1)
    depth = 0
    level: list[Any] = [arguments]
    while level and depth < _MAX_HOPS:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer)]
    return int(widest**depth)


def _nodes(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(_inside(value))


def _inside(value: Any) -> list[Any]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [inner for inner in values if isinstance(inner, dict | list)]


def _is_another_type(branch: list[Any], error: Any) -> bool:
    return any(inner.kind.name == "type" and inner.instance_path == error.instance_path for inner in branch)


def _with_article(words: str) -> str:
    return f"an {words}" if words[:1] in "aeio" else f"a {words}"


def _validator(schema: dict[str, Any]) -> Any:
    """Return a validator, or None where the schema is none that can be checked here: the server knows better then.

    It fetches nothing, and its regular expressions take linear time; a pattern that those cannot express is taken out.
    """
    import jsonschema_rs

    schema = {name: value for name, value in schema.items() if name != "$schema" or isinstance(value, str)}
    for _ in range(_MAX_PATTERNS):
        try:
            return jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=jsonschema_rs.RegexOptions(), mask=_MASK
            )
        except jsonschema_rs.ValidationError as error:
            path = list(error.instance_path)
            keyword = path[-1] if path else None
            if keyword == "pattern" or (len(path) > 1 and path[-2] == "patternProperties"):
                rest = _without(schema, path)
                if rest is not None:
                    schema = rest
                    continue
            return None
        except (ValueError, RecursionError):
            return None
    return None


def _without(schema: dict[str, Any], path: list[str | int]) -> dict[str, Any] | None:
    """Return the schema without what is at a path; None where nothing is, as with paths that begin at an `$id`."""
    copied = schema.copy()
    place: Any = copied
    try:
        for key in path[:-1]:
            place[key] = place[key].copy()
            place = place[key]
        del place[path[-1]]
    except (LookupError, TypeError, AttributeError):
        return None
    return copied
