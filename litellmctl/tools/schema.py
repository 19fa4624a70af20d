"""A tool's schema, as far as a command line needs it: what each parameter takes, and whether arguments fit.

Schemas may be hostile. No reference out of the schema is followed, nor a chain of references without end, and the work
on one schema is limited to a small multiple of its size; what lies beyond that is ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from litellmctl.errors import nearest
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import cut
from litellmctl.tools import validation

_MAX_HOPS = 50
_MAX_OPTIONS = 100
_MAX_PROBLEMS = 100
# Unknown names for which an error suggests a known one.
_MAX_SUGGESTIONS = 5
_MAX_WORD = 100
# Steps of the walks through one schema: in all, and for each value in it.
_STEPS = 10_000
_STEPS_FOR_EACH = 20
_TYPES = ("integer", "number", "boolean", "null", "array", "object", "string")


class Problem(NamedTuple):
    """A problem with the arguments: where (`a.b`, "" for the whole), and what is expected there; never the value."""

    where: str
    expected: str


class Schema:
    """The schema of a tool's arguments; one that is missing or not an object allows anything.

    Its walks share a number of steps. Once those are spent, it `is_exhausted`: nothing more is found in it, and types
    are "any".
    """

    def __init__(self, schema: Any) -> None:
        self.whole: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self._steps_taken = 0
        # By the id of a schema, with the schema: another one might get its id after it.
        self._alternatives: dict[int, tuple[Any, list[dict[str, Any]]]] = {}
        self._words: dict[tuple[int, int], tuple[Any, str]] = {}

    @cached_property
    def _steps(self) -> int:
        return _STEPS + _STEPS_FOR_EACH * sum(map(len, validation.containers(self.whole)))

    def take(self, steps: int) -> bool:
        """Take steps, and return whether so many were left."""
        self._steps_taken += steps
        return self._steps_taken <= self._steps

    @property
    def is_exhausted(self) -> bool:
        """Whether no steps are left, so that a part of the schema was ignored."""
        return not self.take(0)

    @property
    def top(self) -> dict[str, Any]:
        """The schema of the arguments object, references followed."""
        return self.resolved(self.whole)

    @cached_property
    def _shapes(self) -> list[dict[str, Any]]:
        """The simple schemas that the arguments object may follow."""
        return self.alternatives(self.whole) or [{}]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The parameters' schemas by their names."""
        return self.fields_of(self._shapes)

    def fields_of(self, shapes: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the schemas, by their names, of the fields of an object that is one of these."""
        found: dict[str, Any] = {}
        for shape in shapes:
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
        """The names of the required parameters."""
        return self.required_of(self._shapes)

    def required_of(self, shapes: Sequence[dict[str, Any]]) -> list[str]:
        """Return the names of the fields that each of these objects needs; there is at least one object."""
        first, *others = map(_required, shapes)
        for names in others:
            if not first or not self.take(len(first) + len(names)):
                return []
            known = set(names)
            first = [name for name in first if name in known]
        return list(dict.fromkeys(first))

    @property
    def is_closed(self) -> bool:
        """Whether only the names that it mentions are allowed."""
        mentions = any(
            isinstance(shape.get("properties"), dict) or shape.get("additionalProperties") is False
            for shape in self._shapes
        )
        return mentions and not any(map(_is_open, self._shapes)) and not self.is_exhausted

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return the schema with its `$ref`s followed inside this document; {} if they lead nowhere."""
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
        """Return the simple schemas that a schema allows, in its own order: of `anyOf`, `oneOf` and lists of types.

        Keywords beside those, and the schemas in `allOf`, are part of each. An option is expanded only once: one that
        contains itself would never end.
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
        """Return the schema of what both allow, as far as a command line needs it."""
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
        """Return the type that a schema takes, in words: `integer`, `array of string`, `string or null`."""
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
        """Return the values that an enumeration allows; [] if it is not one."""
        values: list[Any] = []
        for one in self.alternatives(schema):
            if isinstance(one.get("enum"), list):
                values += one["enum"] if self.take(len(one["enum"])) else []
            elif "const" in one:
                values.append(one["const"])
        return values

    def problems(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return all problems with the arguments, at most a hundred of each kind.

        Raises `validation.TooHard` if the arguments cannot be checked within the limits.
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
        """Return the type of a parameter, in words."""
        return self.type_words(self.fields.get(name))

    def _mismatches(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return what the validator finds: in this process if it certainly takes no time, else in another one."""
        effort = validation.effort(self.whole, arguments)
        if effort.is_quick:
            validator = validation.validator_of(self.whole)
            if validator is None or validation.fits(validator, arguments):
                return []
            if effort.is_quickly_explained:
                return self.explained(validator, arguments)
        found = validation.problems_elsewhere(self.whole, arguments)
        if found is None or (effort.is_quick and not found):
            return [Problem("", "does not match the tool's schema")]
        return [Problem(*one) for one in found]

    def explained(self, validator: Any, arguments: dict[str, Any]) -> list[Problem]:
        """Return why arguments do not fit. The time that this takes is not limited."""
        try:
            errors = islice(validator.iter_errors(arguments), _MAX_PROBLEMS)
            problems = (problem for error in errors for problem in self._explained(error))
            return [Problem(where, cut(expected)) for where, expected in islice(problems, _MAX_PROBLEMS)]
        except (ValueError, RecursionError):
            return []  # a lone surrogate, or nested too deeply: the server decides

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
            if path or not self.is_closed:  # else `problems` names it
                yield Problem(".".join(path), "has fields, but takes none")
        else:
            # The alternative of the same type is the one that was meant.
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
            return "has a field with a name that is not allowed"
        return f"is not valid: {error.message.replace(validation.MASK, 'the value', 1)}"


_MAX_LISTED = 20
# The validator's words for a value that is not among the allowed ones.
_CHOICES = frozenset({"enum", "const"})
# Keywords that may allow names which `properties` does not have.
_ELSEWHERE = ("patternProperties", "if", "dependentSchemas", "dependencies", "$dynamicRef")


def item_schema(array: dict[str, Any], place: int) -> Any:
    """Return the schema of the element at a place in an array or a tuple (`prefixItems`, or a list as `items`)."""
    items = array.get("items")
    tuple_ = array.get("prefixItems", items)
    if not isinstance(tuple_, list):
        return items
    if place < len(tuple_):
        return tuple_[place]
    return array.get("additionalItems") if tuple_ is items else items


def json_text(value: Any) -> str:
    """Return a value in a schema as JSON for people; "..." if it is nested too deeply."""
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
    """Return the problems with names that are not among the known ones."""
    expected = f"is not a parameter (expected {listed(known)})" if known else "is not a parameter"
    found = []
    for number, name in enumerate(names):
        near = nearest(name, known) if number < _MAX_SUGGESTIONS else None
        found.append(Problem(name, f'is not a parameter (did you mean "{near}"?)' if near else expected))
    return found


def has_choices(schema: dict[str, Any]) -> bool:
    """Whether a simple schema lists the allowed values."""
    return "const" in schema or isinstance(schema.get("enum"), list)


def _none_of(allowed: list[Any]) -> str:
    more = f" or {len(allowed) - _MAX_LISTED:,} more" if len(allowed) > _MAX_LISTED else ""
    return f"is not one of {', '.join(cut(json_text(one), _MAX_WORD) for one in allowed[:_MAX_LISTED])}{more}"


def _is_another_type(branch: list[Any], error: Any) -> bool:
    return any(inner.kind.name == "type" and inner.instance_path == error.instance_path for inner in branch)


def _with_article(words: str) -> str:
    words = re.sub(r"\bboolean\b", "boolean (true or false)", words, count=1)
    return words if words == "null" else f"an {words}" if words[:1] in "aeio" else f"a {words}"
