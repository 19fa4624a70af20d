"""A tool's schema, as far as a command line needs it: what each parameter takes, and whether arguments fit.

Schemas come from anybody. Nothing here follows a reference out of the schema, or a chain of references for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

_MOST_HOPS = 50
_MOST_PATTERNS = 100
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

    @property
    def top(self) -> dict[str, Any]:
        """The schema of the arguments object, references followed."""
        return self.resolved(self.whole)

    @property
    def names(self) -> list[str]:
        """The parameters' names."""
        return list(self.properties(self.top))

    @property
    def required(self) -> list[str]:
        """The names of those that have to be given."""
        names = self.top.get("required")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    @property
    def is_closed(self) -> bool:
        """Whether a name that it does not mention is a mistake: it mentions some, and allows no others."""
        top = self.top
        others = top.get("additionalProperties")
        allows = others is True or isinstance(others, dict) or isinstance(top.get("patternProperties"), dict)
        return isinstance(top.get("properties"), dict) and not allows

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return the schema with its `$ref`s followed inside this document; {} where that leads nowhere."""
        for _ in range(_MOST_HOPS):
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
        found: Any = self.whole
        for part in reference[2:].split("/") if reference != "#" else ():
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the properties of an object's schema."""
        found = schema.get("properties")
        return found if isinstance(found, dict) else {}

    def alternatives(self, schema: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the simple schemas that a schema is one of, in its own order: `anyOf`, `oneOf`, lists of types."""
        schema = self.resolved(schema)
        if depth > _MOST_HOPS:
            return
        for keyword in ("anyOf", "oneOf"):
            options = schema.get(keyword)
            if isinstance(options, list):
                for option in options[:_MOST_PATTERNS]:
                    yield from self.alternatives(option, depth + 1)
                return
        together = schema.get("allOf")
        if isinstance(together, list) and len(together) == 1 and "type" not in schema:
            yield from self.alternatives(together[0], depth + 1)
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
                word = f"array of {self.type_words(one['items'], depth + 1)}"
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
        required = set(self.required)
        rows = []
        for name, raw in self.properties(self.top).items():
            schema = {**self.resolved(raw), **(raw if isinstance(raw, dict) else {})}
            described = schema.get("description")
            rows.append(
                Parameter(
                    name=name,
                    type=self.type_words(raw),
                    required=name in required,
                    default=json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "",
                    allowed=", ".join(json.dumps(value, ensure_ascii=False) for value in self.allowed(raw)),
                    description=described if isinstance(described, str) else "",
                )
            )
        return sorted(rows, key=lambda row: not row.required)

    def problems(self, arguments: dict[str, Any]) -> list[Problem]:
        """Return everything that is wrong with the arguments, as far as the schema can be understood."""
        from litellmctl.errors import suggestion

        known = self.names
        found = [
            Problem(name, f"is required ({self.type_of(name)})") for name in self.required if name not in arguments
        ]
        if self.is_closed:
            for name in arguments:
                if name not in known:
                    near = suggestion(name, known)
                    listed = f"there are {', '.join(known)}" if known else "it takes none"
                    found.append(
                        Problem(name, f"is not one of its parameters.{near}" if near else f"is unknown: {listed}")
                    )
        names = {problem.where for problem in found}
        return found + [problem for problem in self._mismatches(arguments) if problem.where not in names]

    def type_of(self, name: str) -> str:
        """Return what a parameter takes, in words."""
        return self.type_words(self.properties(self.top).get(name))

    def _mismatches(self, arguments: dict[str, Any]) -> Iterator[Problem]:
        validator = _validator(self.whole)
        if validator is None:
            return
        for error in validator.iter_errors(arguments):
            keyword = error.kind.name
            if not error.instance_path and keyword in {"required", "additionalProperties", "unevaluatedProperties"}:
                continue  # told above, better
            where = ".".join(str(part) for part in error.instance_path)
            schema = self._at(error.schema_path[:-1])
            yield Problem(where, self._expectation(keyword, schema, error.message))

    def _at(self, path: list[str | int]) -> Any:
        """Return the part of the document at a path of keys, through references."""
        found: Any = self.whole
        for key in path:
            if key == "$ref":
                found = self.resolved(found)
            elif isinstance(found, dict):
                found = found.get(str(key))
            elif isinstance(found, list) and isinstance(key, int) and key < len(found):
                found = found[key]
            else:
                return {}
        return found

    def _expectation(self, keyword: str, schema: Any, message: str) -> str:
        if keyword in {"type", "anyOf", "oneOf"}:
            return f"is not {_with_article(self.type_words(schema))}"
        if keyword in {"enum", "const"}:
            allowed = self.allowed(schema)
            return f"is not one of {', '.join(json.dumps(value, ensure_ascii=False) for value in allowed[:20])}"
        return f"does not fit: {message.replace(_MASK, 'the value', 1)}"


_MASK = "\u2026"


def _with_article(words: str) -> str:
    return f"an {words}" if words[:1] in "aeio" else f"a {words}"


def _validator(schema: dict[str, Any]) -> Any:
    """Return a validator, or None where the schema is none that can be checked here: the server knows better then.

    It fetches nothing, and its regular expressions take linear time; a pattern that those cannot express is taken out.
    """
    import jsonschema_rs

    schema = {name: value for name, value in schema.items() if name != "$schema" or isinstance(value, str)}
    for _ in range(_MOST_PATTERNS):
        try:
            return jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=jsonschema_rs.RegexOptions(), mask=_MASK
            )
        except jsonschema_rs.ValidationError as error:
            path = list(error.instance_path)
            keyword = path[-1] if path else None
            if keyword == "pattern" or (len(path) > 1 and path[-2] == "patternProperties"):
                schema = _without(schema, path)
                continue
            return None
        except (ValueError, RecursionError):
            return None
    return None


def _without(schema: dict[str, Any], path: list[str | int]) -> dict[str, Any]:
    schema = deepcopy(schema)
    place: Any = schema
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return schema
