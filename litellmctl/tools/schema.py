"""A tool's schema, as far as a command line needs it: what each parameter takes, and whether arguments fit.

Schemas come from anybody. Nothing here follows a reference out of the schema, or a chain of references for ever, and
all that is done with one schema is a small multiple of its size: beyond that, no more of it is understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from litellmctl.errors import suggestion
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import cut
from litellmctl.tools import validation

_MAX_HOPS = 50
_MAX_OPTIONS = 100
_MAX_PROBLEMS = 100
# Of so many unknown names the nearest known one is looked for.
_MAX_SUGGESTIONS = 5
_MAX_WORD = 100
# Steps that the walks through one schema may take, in all and for each value in it.
_STEPS = 10_000
_STEPS_FOR_EACH = 20
# Characters of one schema's texts, which many parameters may refer to.
_MAX_SHOWN = 4 * 2**20
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
    """The schema of a tool's arguments; one that is missing or no object allows anything.

    Its walks share a number of steps. When those are spent, `is_exhausted`: what is asked then is not found, or "any".
    """

    def __init__(self, schema: Any) -> None:
        self.whole: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self._steps_taken = 0
        self._shown = 0
        # By the id of a schema, with the schema: another one might get its id after it.
        self._alternatives: dict[int, tuple[Any, list[dict[str, Any]]]] = {}
        self._words: dict[tuple[int, int], tuple[Any, str]] = {}

    @cached_property
    def _steps(self) -> int:
        return _STEPS + _STEPS_FOR_EACH * sum(map(len, validation.containers(self.whole)))

    def take(self, steps: int) -> bool:
        """Whether so many steps are left; they are taken."""
        self._steps_taken += steps
        return self._steps_taken <= self._steps

    @property
    def is_exhausted(self) -> bool:
        """Whether no steps are left: not all of the schema was understood."""
        return not self.take(0)

    @property
    def top(self) -> dict[str, Any]:
        """The schema of the arguments object, references followed."""
        return self.resolved(self.whole)

    @cached_property
    def _shapes(self) -> list[dict[str, Any]]:
        """The simple schemas that the arguments object is one of."""
        return self.alternatives(self.whole) or [{}]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The parameters' schemas by their names."""
        found: dict[str, Any] = {}
        for shape in self._shapes:
            properties = self.properties(shape)
            if not self.take(len(properties)):
                break
            for name, part in properties.items():
                found.setdefault(name, part)
        return found

    @property
    def names(self) -> list[str]:
        """The parameters' names."""
        return list(self.fields)

    @cached_property
    def required(self) -> list[str]:
        """The names of those that have to be given."""
        first, *others = map(_required, self._shapes)
        for names in others:
            if not first or not self.take(len(first) + len(names)):
                return []
            known = set(names)
            first = [name for name in first if name in known]
        return list(dict.fromkeys(first))

    @property
    def is_closed(self) -> bool:
        """Whether a name that it does not mention is a mistake: it mentions some, and allows no others."""
        mentions = any(
            isinstance(shape.get("properties"), dict) or shape.get("additionalProperties") is False
            for shape in self._shapes
        )
        return mentions and not any(map(_is_open, self._shapes)) and not self.is_exhausted

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return the schema with its `$ref`s followed inside this document; {} where that leads nowhere."""
        for _ in range(_MAX_HOPS):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            if not self.take(1 + reference.count("/")):
                return {}
            schema = validation.pointed_at(self.whole, reference)
        return {}

    def properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the properties of an object's schema."""
        found = schema.get("properties")
        return found if isinstance(found, dict) else {}

    def alternatives(self, schema: Any) -> list[dict[str, Any]]:
        """Return the simple schemas that a schema is one of, in its own order: `anyOf`, `oneOf`, lists of types.

        What stands beside those, or together in `allOf`, is part of each. An option is looked into once only: one that
        is made of itself would never end.
        """
        key = id(schema)
        if key not in self._alternatives:
            self._alternatives[key] = schema, list(self._simple(schema, 0, set()))
        found = self._alternatives[key][1]
        return found if self.take(1 + len(found)) else []

    def _simple(self, schema: Any, depth: int, seen: set[int]) -> Iterator[dict[str, Any]]:
        schema = self.resolved(schema)
        if depth > _MAX_HOPS or not self.take(1 + len(schema)):
            return
        together = schema.get("allOf")
        if isinstance(together, list):
            joined = _except("allOf", schema)
            for part in together[:_MAX_OPTIONS]:
                joined = self._joined(joined, self.resolved(part))
            yield from self._simple(joined, depth + 1, seen)
            return
        for keyword in ("anyOf", "oneOf"):
            options = schema.get(keyword)
            if isinstance(options, list):
                rest = _except(keyword, schema)
                for option in map(self.resolved, options[:_MAX_OPTIONS]):
                    if id(option) not in seen:
                        seen.add(id(option))
                        yield from self._simple(self._joined(rest, option), depth + 1, seen)
                return
        types = schema.get("type")
        if isinstance(types, list):
            yield from ({**schema, "type": one} for one in types if one in _TYPES and self.take(len(schema)))
        else:
            yield schema

    def _joined(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of what fits both, as far as a command line needs it."""
        properties = [schema["properties"] for schema in (one, other) if isinstance(schema.get("properties"), dict)]
        required = [*_required(one), *_required(other)]
        if not self.take(len(one) + len(other) + len(required) + sum(map(len, properties))):
            return {}
        joined = {**one, **other}
        if len(properties) == 2:
            joined["properties"] = {**properties[0], **properties[1]}
        if required:
            joined["required"] = required
        return joined

    def type_words(self, schema: Any, depth: int = 0) -> str:
        """Return what a schema takes, in words: `integer`, `array of string`, `string or null`."""
        words: dict[str, None] = {}
        for one in self.alternatives(schema):
            kind = one.get("type")
            if kind == "array" and isinstance(one.get("items"), dict) and depth < 3:
                items = self.resolved(one["items"])
                key = id(items), depth
                if key not in self._words:
                    self._words[key] = items, self.type_words(items, depth + 1)
                word = f"array of {self._words[key][1]}"
            elif isinstance(kind, str):
                word = cut(kind, _MAX_WORD)
            elif "const" in one or isinstance(one.get("enum"), list):
                word = "value"
            else:
                word = "object" if "properties" in one else "any"
            words[word] = None
            if len(words) > _MAX_LISTED:
                return f"{' or '.join(islice(words, _MAX_LISTED))} or ..."
        return " or ".join(words) or "any"

    def allowed(self, schema: Any) -> list[Any]:
        """Return the values that an enumeration allows; [] where it is none."""
        values: list[Any] = []
        for one in self.alternatives(schema):
            if isinstance(one.get("enum"), list):
                values += one["enum"] if self.take(len(one["enum"])) else []
            elif "const" in one:
                values.append(one["const"])
        return values

    def parameters(self) -> list[Parameter]:
        """Return the parameters for people, the required ones first."""
        required = dict.fromkeys(self.required)
        rows = []
        for name, raw in {**self.fields, **{name: {} for name in required if name not in self.fields}}.items():
            resolved = self.resolved(raw)
            schema = {**resolved, **raw} if isinstance(raw, dict) and raw is not resolved else resolved
            described = schema.get("description")
            rows.append(
                Parameter(
                    name=name,
                    type=self.type_words(raw),
                    required=name in required,
                    default=self._text(json_text, schema["default"]) if "default" in schema else "",
                    allowed=self._text(lambda values: ", ".join(map(json_text, values)), self.allowed(raw)),
                    description=self._text(str, described) if isinstance(described, str) else "",
                )
            )
        return sorted(rows, key=lambda row: not row.required)

    def _text(self, shown: Callable[[Any], str], value: Any) -> str:
        """Return a text for people; "" after too many: all parameters may refer to the same long one."""
        if self._shown > _MAX_SHOWN:
            return ""
        text = shown(value)
        self._shown += len(text)
        return text

    def problems(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return everything that is wrong with the arguments, as far as the schema can be understood.

        Of each kind of mistake, a hundred at most. Raises `validation.TooHard` where that cannot be found out.
        """
        missing = [name for name in self.required if name not in arguments]
        found = [Problem(name, f"is required ({self.type_of(name)})") for name in missing[:_MAX_PROBLEMS]]
        if self.is_closed:
            strange = [name for name in arguments if name not in self.fields]
            found += _unknown(strange[:_MAX_PROBLEMS], self.fields)
        if self.is_exhausted:
            raise validation.TooHard
        names = {problem.where for problem in found}
        return found + [problem for problem in self._mismatches(arguments) if problem.where not in names]

    def type_of(self, name: str) -> str:
        """Return what a parameter takes, in words."""
        return self.type_words(self.fields.get(name))

    def _mismatches(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return what the validator finds: here, where it certainly does so soon, else in another process."""
        effort = validation.effort(self.whole, arguments)
        if effort.is_quick:
            validator = validation.validator_of(self.whole)
            if validator is None or validation.fits(validator, arguments):
                return []
            if effort.is_quickly_explained:
                return self.explained(validator, arguments)
        found = validation.problems_elsewhere(self.whole, arguments)
        if found is None or (effort.is_quick and not found):
            return [Problem("", "does not fit the tool's schema")]
        return [Problem(*one) for one in found]

    def explained(self, validator: Any, arguments: dict[str, Any]) -> list[Problem]:
        """Return why arguments that do not fit do not; how long that takes is not bounded."""
        try:
            errors = islice(validator.iter_errors(arguments), _MAX_PROBLEMS)
            problems = (problem for error in errors for problem in self._explained(error))
            return [Problem(where, cut(expected)) for where, expected in islice(problems, _MAX_PROBLEMS)]
        except (ValueError, RecursionError):
            return []  # half a character, or nested too deeply to be looked at: the server's to judge

    def _explained(self, error: Any) -> Iterator[Problem]:
        kind = error.kind
        path = [str(part) for part in error.instance_path]
        schema = self._at(error.schema_path[:-1])
        if kind.name == "required":
            yield Problem(".".join([*path, kind.property]), "is required")
        elif kind.name in {"additionalProperties", "unevaluatedProperties"}:
            known = self.properties(schema) if isinstance(schema, dict) else {}
            for name, expected in _unknown(kind.unexpected[:_MAX_PROBLEMS], known):
                yield Problem(".".join([*path, name]), expected)
        elif kind.name == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
            if path or not self.is_closed:  # else told above, by name
                yield Problem(".".join(path), "takes no fields")
        else:
            # Of several alternatives, the one whose type it has is meant.
            near = [branch for branch in getattr(kind, "context", ()) if not _is_another_type(branch, error)]
            if len(near) == 1 and near[0] and not all(inner.kind.name in _CHOICES for inner in near[0]):
                for inner in near[0]:
                    yield from self._explained(inner)
            else:
                is_simple = all(inner.kind.name in _CHOICES for branch in near for inner in branch)
                yield Problem(".".join(path), self._expectation(error, schema, is_type=is_simple))

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
            allowed = self.allowed(schema)
            others = [one for one in self.alternatives(schema) if not has_choices(one)]
            words = self.type_words({"anyOf": others} if allowed else schema)
            if "any" not in words.split():
                return (
                    f"is not {_with_article(words)}"
                    if not allowed
                    else f"{_none_of(allowed)} or {_with_article(words)}"
                )
            if allowed and not others:
                return _none_of(allowed)
        if kind.name in _CHOICES:
            return _none_of(kind.options if kind.name == "enum" else [kind.expected_value])
        if kind.name == "falseSchema":
            return "is not allowed"
        if kind.name == "propertyNames":
            return "has a field whose name does not fit"
        return f"does not fit: {error.message.replace(validation.MASK, 'the value', 1)}"


_MAX_LISTED = 20
# What the validator calls it if a value is none of those that are allowed.
_CHOICES = frozenset({"enum", "const"})
# Where a name may be mentioned that `properties` does not have.
_ELSEWHERE = ("patternProperties", "if", "dependentSchemas", "dependencies", "$dynamicRef")


def item_schema(array: dict[str, Any], place: int) -> Any:
    """Return the schema of an element of an array; in a tuple (`prefixItems`, or a list as `items`), of its place."""
    items = array.get("items")
    tuple_ = array.get("prefixItems", items)
    if not isinstance(tuple_, list):
        return items
    if place < len(tuple_):
        return tuple_[place]
    return array.get("additionalItems") if tuple_ is items else items


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


def _unknown(names: list[str], known: dict[str, Any]) -> list[Problem]:
    """Return what is wrong with names that are not among the known ones."""
    there = f"is unknown: there are {listed(known)}" if known else "is unknown: it takes none"
    found = []
    for number, name in enumerate(names):
        near = suggestion(name, list(known)) if number < _MAX_SUGGESTIONS else ""
        found.append(Problem(name, f"is not one of its parameters.{near}" if near else there))
    return found


def has_choices(schema: dict[str, Any]) -> bool:
    """Whether a simple schema lists the values that it allows."""
    return "const" in schema or isinstance(schema.get("enum"), list)


def _none_of(allowed: list[Any]) -> str:
    more = f" or {len(allowed) - _MAX_LISTED:,} more" if len(allowed) > _MAX_LISTED else ""
    return f"is not one of {', '.join(cut(json_text(one), _MAX_WORD) for one in allowed[:_MAX_LISTED])}{more}"


def _is_another_type(branch: list[Any], error: Any) -> bool:
    return any(inner.kind.name == "type" and inner.instance_path == error.instance_path for inner in branch)


def _with_article(words: str) -> str:
    words = re.sub(r"\bboolean\b", "boolean (true or false)", words, count=1)
    return words if words == "null" else f"an {words}" if words[:1] in "aeio" else f"a {words}"
