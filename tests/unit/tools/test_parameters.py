from __future__ import annotations

from typing import Any

import pytest

from litellmctl.tools.parameters import parameters
from litellmctl.tools.schema import Schema
from tests.effort import less_than


def object_of(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def names(schema: Any, depth: int = 4) -> list[tuple[str, str, bool]]:
    return [(one.name, one.type, one.required) for one in parameters(Schema(schema), depth)]


PERSON = object_of(["age"], name={"type": "string"}, age={"type": "integer"})


def test_fields_of_objects_follow_their_parameter_and_the_required_ones_go_first() -> None:
    schema = object_of(["person"], note={"type": "string"}, person={"$ref": "#/$defs/Person"})
    found = names({**schema, "$defs": {"Person": PERSON}})
    assert found == [
        ("person", "object", True),
        ("person.age", "integer", True),
        ("person.name", "string", False),
        ("note", "string", False),
    ]


def test_fields_are_listed_only_on_request() -> None:
    assert names(object_of(person=PERSON), depth=1) == [("person", "object", False)]


@pytest.mark.parametrize(
    ("part", "inner"),
    [
        ({"type": "array", "items": PERSON}, "p[].age"),
        ({"type": "array", "items": {"$ref": "#/$defs/Person"}}, "p[].age"),
        ({"anyOf": [{"type": "null"}, {"type": "array", "items": PERSON}]}, "p[].age"),
        ({"anyOf": [{"type": "null"}, PERSON]}, "p.age"),
        ({"allOf": [PERSON]}, "p.age"),
    ],
)
def test_fields_of_arrays_and_alternatives(part: Any, inner: str) -> None:
    found = names({**object_of(p=part), "$defs": {"Person": PERSON}})
    assert [name for name, _, _ in found] == ["p", inner, inner.replace("age", "name")]


def test_a_field_of_one_of_several_objects_is_required_only_if_all_require_it() -> None:
    either = {"anyOf": [object_of(["a", "b"], a={}, b={}), object_of(["b", "c"], b={}, c={})]}
    assert [name for name, _, required in names(object_of(p=either)) if required] == ["p.b"]
    assert [name for name, _, _ in names(object_of(p=either))] == ["p", "p.b", "p.a", "p.c"]


@pytest.mark.parametrize(
    "part", [{"type": "array"}, {"type": "array", "items": [PERSON]}, {"type": "array", "items": True}, {}, None, 5]
)
def test_a_parameter_without_known_fields_has_no_rows_below_it(part: Any) -> None:
    assert [name for name, _, _ in names(object_of(p=part))] == ["p"]


def test_the_values_allowed_in_an_array_are_those_of_its_elements() -> None:
    part = {"type": "array", "items": {"enum": ["bug", "docs"]}}
    assert [one.allowed for one in parameters(Schema(object_of(labels=part)))] == ['"bug", "docs"']


def test_objects_in_objects_end_at_the_depth() -> None:
    tree = object_of(child={"$ref": "#"}, name={"type": "string"})
    found = [name for name, _, _ in names(tree, depth=3)]
    assert found == ["child", "child.child", "child.child.child", "child.child.name", "child.name", "name"]


def test_fields_are_bounded_however_wide_the_objects_are() -> None:
    wide = object_of(**{f"f{number}": {"$ref": "#/$defs/Wide"} for number in range(300)})
    with less_than(3):
        found = parameters(Schema({**wide, "$defs": {"Wide": wide}}), 4)
    assert sum("." not in one.name for one in found) == 300
    assert len(found) < 2000
