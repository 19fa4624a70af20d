"""A tool's parameters for people: what each takes, and on request the fields of objects and of arrays of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.tools.schema import json_text

if TYPE_CHECKING:
    from litellmctl.tools.schema import Schema

# With more rows, no more fields of objects are listed.
_MAX_NESTED = 200
# Characters of the texts of one schema: many parameters may refer to the same long one.
_MAX_SHOWN = 4 * 2**20


class Parameter(NamedTuple):
    """A parameter for people: `type` in words, `default` and `allowed` as JSON texts ("" if there is none).

    A field of an object is named `person.name`, a field of the objects in an array `items[].price`. Such a field is
    `required` if its object is given.
    """

    name: str
    type: str
    required: bool
    default: str
    allowed: str
    description: str


def parameters(schema: Schema, depth: int = 1) -> list[Parameter]:
    """Return the parameters, the required ones first, each followed by its fields, down to `depth` levels."""
    return list(_Reader(schema, depth).rows(schema.fields, schema.required, "", 1))


class _Reader:
    def __init__(self, schema: Schema, depth: int) -> None:
        self._schema = schema
        self._depth = depth
        self._count = 0
        self._shown = 0

    def rows(self, fields: dict[str, Any], required: list[str], above: str, level: int) -> Iterator[Parameter]:
        """Yield the fields of an object, whose names begin with `above`, and the fields in those."""
        needed = dict.fromkeys(required)
        names = {**fields, **{name: {} for name in needed if name not in fields}}
        for name, part in sorted(names.items(), key=lambda item: item[0] not in needed):
            yield self._row(f"{above}{name}", part, required=name in needed)
            self._count += 1
            if level < self._depth and self._count < _MAX_NESTED:
                mark, inner = self._inside(part)
                if inner:
                    fields, required = self._schema.fields_of(inner), self._schema.required_of(inner)
                    yield from self.rows(fields, required, f"{above}{name}{mark}.", level + 1)

    def _inside(self, part: Any) -> tuple[str, list[dict[str, Any]]]:
        """Return the objects that a parameter may be, else those that an array of it may hold, marked with `[]`."""
        alternatives = self._schema.alternatives(part)
        objects = [one for one in alternatives if self._schema.properties(one)]
        if objects:
            return "", objects
        items = [item for one in alternatives for item in self._items(one)]
        return "[]", [item for item in items if self._schema.properties(item)]

    def _items(self, array: dict[str, Any]) -> list[dict[str, Any]]:
        return self._schema.alternatives(array.get("items")) if array.get("type") == "array" else []

    def _row(self, name: str, part: Any, *, required: bool) -> Parameter:
        resolved = self._schema.resolved(part)
        facts = {**resolved, **part} if isinstance(part, dict) and part is not resolved else resolved
        described = facts.get("description")
        return Parameter(
            name=name,
            type=self._schema.type_words(part),
            required=required,
            default=self._text(json_text, facts["default"]) if "default" in facts else "",
            allowed=self._text(lambda values: ", ".join(map(json_text, values)), self._allowed(part)),
            description=self._text(str, described) if isinstance(described, str) else "",
        )

    def _allowed(self, part: Any) -> list[Any]:
        """Return the values that are allowed for a parameter, or for the elements of an array."""
        return self._schema.allowed(part) or [
            value
            for array in self._schema.alternatives(part)
            if array.get("type") == "array" and isinstance(array.get("items"), dict)
            for value in self._schema.allowed(array["items"])
        ]

    def _text(self, shown: Callable[[Any], str], value: Any) -> str:
        """Return a text for people; "" after too many."""
        if self._shown > _MAX_SHOWN:
            return ""
        text = shown(value)
        self._shown += len(text)
        return text
