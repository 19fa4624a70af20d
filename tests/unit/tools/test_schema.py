from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.tools.parameters import Parameter, parameters
from litellmctl.tools.schema import Problem, Schema, json_text
from tests.effort import less_than
from tests.unit.conftest import Reply, Serve

# Not among the words that any message is made of.
SECRET = st.text("kqxzKQXZ0123456789", min_size=12, max_size=20).map("sk-{}".format)


def object_of(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def problems(schema: Any, **arguments: Any) -> list[tuple[str, str]]:
    return [(problem.where, problem.expected) for problem in Schema(schema).problems(arguments)]


def expected(part: Any, value: Any, **more: Any) -> list[str]:
    """Return what is said of one parameter's value."""
    found = problems({**object_of(a=part), **more}, a=value)
    assert {where for where, _ in found} <= {"a"}
    return [words for _, words in found]


def nested(times: int, wrap: Callable[[Any], Any], inner: Any) -> Any:
    for _ in range(times):
        inner = wrap(inner)
    return inner


# The parameters, for people


DEFS = {
    "Int": {"type": "integer"},
    "Chain": {"$ref": "#/$defs/Int"},
    "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
    "Nested": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Nested"}}, {"type": "string"}]},
    "Loop": {"$ref": "#/$defs/Pool"},
    "Pool": {"$ref": "#/$defs/Loop"},
    "Itself": {"$ref": "#/$defs/Itself"},
    "Options": {"anyOf": [{"$ref": "#/$defs/Options"}, {"$ref": "#/$defs/Options"}, {"type": "boolean"}]},
    "a/b~c": {"type": "boolean"},
    "~1": {"type": "boolean"},
    "List<int>": {"type": "array", "items": {"type": "integer"}},
    "": {"type": "null"},
}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        *(({"type": kind}, kind) for kind in ("string", "integer", "number", "boolean", "null", "object", "array")),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": ["integer", "integer"]}, "integer"),
        ({"type": ["integer", "wrong", 5, None]}, "integer"),
        ({"type": []}, "any"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "string"}]}, "string or integer"),
        (
            {"anyOf": [{"type": "integer"}, {"anyOf": [{"type": "null"}, {"type": "string"}]}]},
            "integer or null or string",
        ),
        ({"anyOf": []}, "any"),
        ({"type": "string", "anyOf": [{"minLength": 5}, {"const": ""}]}, "string"),
        ({"type": "array", "items": {"type": "integer"}}, "array of integer"),
        ({"type": "array", "items": {"type": ["integer", "null"]}}, "array of integer or null"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, "array of array of number"),
        ({"type": "array", "items": True}, "array"),
        ({"type": "array", "items": [{"type": "integer"}]}, "array"),
        ({"type": "array", "items": {}}, "array of any"),
        ({"enum": ["x", "y"]}, "value"),
        ({"type": "string", "enum": ["x", "y"]}, "string"),
        ({"const": 5}, "value"),
        ({"enum": "x"}, "any"),
        ({"properties": {"x": {}}}, "object"),
        ({"allOf": [{"type": "integer"}]}, "integer"),
        ({"allOf": [{"$ref": "#/$defs/Int"}], "default": 5}, "integer"),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, "integer"),
        ({"allOf": []}, "any"),
        ({"type": "wrong"}, "wrong"),
        ({"type": 5}, "any"),
        ({"$ref": "#/$defs/Int"}, "integer"),
        ({"$ref": "#/$defs/Chain"}, "integer"),
        ({"$ref": "#/$defs/Tree"}, "object"),
        ({"$ref": "#/$defs/Nested"}, "array of array of array of array or string or string or string or string"),
        ({"$ref": "#/$defs/Options"}, "boolean"),
        ({"$ref": "#/$defs/a~1b~0c"}, "boolean"),
        ({"$ref": "#/$defs/~01"}, "boolean"),
        ({"$ref": "#/$defs/List%3Cint%3E"}, "array of integer"),
        ({"$ref": "#/$defs/"}, "null"),
        ({"$ref": "#/$defs/Loop"}, "any"),
        ({"$ref": "#/$defs/Itself"}, "any"),
        ({"$ref": "#/$defs/Missing"}, "any"),
        ({"$ref": "#/$defs/Int/type"}, "any"),
        ({"$ref": "#anchor"}, "any"),
        ({"$ref": "https://example.com/schema"}, "any"),
        ({"$ref": "file:///etc/passwd"}, "any"),
        ({"$ref": 5, "type": "string"}, "string"),
        ({"$ref": "#/properties/other/anyOf/1"}, "integer"),
        ({"$ref": "#/properties/other/anyOf/2"}, "any"),
        ({"$ref": "#/properties/other/anyOf/-1"}, "any"),
        ({"$ref": "#/properties/other/anyOf/" + "9" * 5000}, "any"),
        ({}, "any"),
        (True, "any"),
        (False, "any"),
        (None, "any"),
        ([], "any"),
        ("string", "any"),
    ],
    ids=lambda value: json.dumps(value)[:60] if not isinstance(value, str) else "",
)
def test_a_type_in_words(part: Any, words: str) -> None:
    other = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    schema = Schema({"$defs": DEFS, "properties": {"a": part, "other": other}})
    (row,) = (row for row in parameters(schema) if row.name == "a")
    assert (row.type, row.required, row.description) == (words, False, "")
    assert schema.type_of("a") == words


def test_arrays_of_different_things_are_told_apart() -> None:
    matrix = {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}
    schema = Schema(object_of(a={"type": "array", "items": {"type": "integer"}}, b=matrix, c=matrix["items"]))
    assert [row.type for row in parameters(schema)] == [
        "array of integer",
        "array of array of boolean",
        "array of boolean",
    ]


def test_a_schema_may_refer_to_itself_as_a_whole() -> None:
    schema = Schema({"type": "object", "properties": {"child": {"$ref": "#"}}})
    assert parameters(schema) == [Parameter("child", "object", False, "", "", "")]
    assert schema.problems({"child": {"child": {"child": {}}}}) == []
    assert [problem.where for problem in schema.problems({"child": {"child": 5}})] == ["child.child"]


def test_required_parameters_go_first_and_all_else_in_the_schemas_order() -> None:
    schema = Schema(object_of(["c", "b"], a={}, b={}, c={}, d={}))
    assert [(row.name, row.required) for row in parameters(schema)] == [
        ("b", True),
        ("c", True),
        ("a", False),
        ("d", False),
    ]
    assert (schema.names, schema.required) == (["a", "b", "c", "d"], ["c", "b"])


def test_a_required_parameter_of_which_nothing_else_is_told_is_shown() -> None:
    assert parameters(Schema(object_of(["z"], a={}))) == [
        Parameter("z", "any", True, "", "", ""),
        Parameter("a", "any", False, "", "", ""),
    ]


@pytest.mark.parametrize(
    ("part", "default", "allowed", "description"),
    [
        ({"default": "x"}, '"x"', "", ""),
        ({"default": None}, "null", "", ""),
        ({"default": False}, "false", "", ""),
        ({"default": {"ä": [1]}}, '{"ä": [1]}', "", ""),
        ({"enum": ["a", 1, None, "ä"]}, "", '"a", 1, null, "ä"', ""),
        ({"const": {"a": 1}}, "", '{"a": 1}', ""),
        ({"anyOf": [{"enum": ["a"]}, {"const": "b"}, {"type": "null"}]}, "", '"a", "b"', ""),
        ({"anyOf": [{"enum": ["a"]}, {"enum": ["b", "c"]}, {"const": 5}]}, "", '"a", "b", "c", 5', ""),
        ({"enum": []}, "", "", ""),
        ({"description": "What it is."}, "", "", "What it is."),
        ({"description": ["What"]}, "", "", ""),
        ({"$ref": "#/$defs/D"}, "5", "", "Theirs."),
        ({"$ref": "#/$defs/D", "description": "Mine.", "default": 6}, "6", "", "Mine."),
    ],
    ids=json.dumps,
)
def test_what_else_is_told_of_a_parameter(part: Any, default: str, allowed: str, description: str) -> None:
    schema = Schema({"properties": {"a": part}, "$defs": {"D": {"description": "Theirs.", "default": 5}}})
    (row,) = parameters(schema)
    assert (row.default, row.allowed, row.description) == (default, allowed, description)


@pytest.mark.parametrize(
    "schema", [None, True, False, [], "object", 5, {}, {"properties": [1]}, {"required": 5}], ids=repr
)
def test_a_schema_that_is_none_has_no_parameters_and_allows_anything(schema: Any) -> None:
    made = Schema(schema)
    assert (parameters(made), made.names, made.required, made.is_closed) == ([], [], [], False)
    assert made.problems({"anything": object.__name__}) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/P", "$defs": {"P": object_of(["a"], a={"type": "integer"}, b={})}},
        {"allOf": [object_of(["a"], a={"type": "integer"}), {"properties": {"b": {}}}]},
        {
            "allOf": [{"$ref": "#/$defs/P"}],
            "properties": {"b": {}},
            "$defs": {"P": object_of(["a"], a={"type": "integer"})},
        },
        {"anyOf": [object_of(["a"], a={"type": "integer"}), object_of(["b", "a"], a={"type": "integer"}, b={})]},
        {**object_of(["a"], a={"type": "integer"}, b={}), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    ],
    ids=["ref", "allOf", "allOf beside", "anyOf", "beside anyOf"],
)
def test_the_parameters_of_a_schema_that_is_made_of_others(schema: Any) -> None:
    rows = sorted(parameters(Schema(schema)))
    assert [(row.name, row.type, row.required) for row in rows] == [("a", "integer", True), ("b", "any", False)]
    assert [problem.where for problem in Schema(schema).problems({"a": 1, "b": 2})] == []
    assert "a" in [problem.where for problem in Schema(schema).problems({"b": 1})]


# What is wrong with arguments


PERSON = object_of(["name", "age"], name={"type": "string"}, age={"type": "integer", "minimum": 0, "maximum": 150})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    schema = object_of(
        ["title", "repo", "person"],
        title={"type": "string"},
        repo={"type": ["string", "null"]},
        state={"enum": ["open", "closed"]},
        limit={"type": "integer", "minimum": 1},
        code={"type": "string", "pattern": "^[A-Z]+$"},
        person=PERSON,
        labels={"type": "array", "items": {"type": "string"}},
    )
    found = problems(
        schema, titel="x", state="opn", limit=0, code="abc", person={"age": "old"}, labels=["a", 5], frobnicate=1
    )
    assert sorted(found) == [
        ("code", 'is not valid: the value does not match "^[A-Z]+$"'),
        ("frobnicate", "is not a parameter (expected title, repo, state, limit, code, person, labels)"),
        ("labels.1", "is not a string"),
        ("limit", "is not valid: the value is less than the minimum of 1"),
        ("person.age", "is not an integer"),
        ("person.name", "is required"),
        ("repo", "is required (string or null)"),
        ("state", 'is not one of "open", "closed"'),
        ("titel", 'is not a parameter (did you mean "title"?)'),
        ("title", "is required (string)"),
    ]


def test_arguments_that_fit_are_told_nothing_of() -> None:
    schema = object_of(["person"], person=PERSON, tag={"enum": ["a"]})
    assert problems(schema, person={"name": "Ada", "age": 36}, tag="a") == []
    assert problems(schema, person={"name": "Ada", "age": 36}) == []


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ({"type": "integer"}, "5", "is not an integer"),
        ({"type": "integer"}, True, "is not an integer"),
        ({"type": "integer"}, 1.5, "is not an integer"),
        ({"type": "string"}, 5, "is not a string"),
        ({"type": "object"}, "x", "is not an object"),
        ({"type": "array", "items": {"type": "integer"}}, "x", "is not an array of integer"),
        ({"type": ["integer", "null"]}, "x", "is not an integer or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", "is not an integer or null"),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, "x", "is not an integer or null"),
        ({"enum": ["a", 5]}, "x", 'is not one of "a", 5'),
        ({"type": "string", "enum": ["a", "ä"]}, "x", 'is not one of "a", "ä"'),
        ({"const": None}, "x", "is not one of null"),
        ({"minimum": 5}, 4, "is not valid: the value is less than the minimum of 5"),
        ({"maxLength": 1}, "xx", "is not valid: the value is longer than 1 character"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "is not valid: the value has non-unique elements"),
        (False, 5, "is not allowed"),
        ({"$ref": "#/$defs/I"}, "x", "is not an integer"),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, 4, "is not valid: the value is less than the minimum of 5"),
        (
            {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
            1,
            "is not valid: the value is valid under more than one of the schemas listed in the 'oneOf' keyword",
        ),
        ({"propertyNames": {"maxLength": 1}}, {"long": 1}, "has a field with a name that is not allowed"),
        ({"allOf": [{"type": "array", "items": {"type": "integer"}}]}, "x", "is not an array of integer"),
        ({"pattern": "^\u2026$"}, "x", 'is not valid: the value does not match "^\u2026$"'),
        # An alternative that takes more than its words say.
        (
            {"anyOf": [{"type": "null"}, {"if": {}, "then": {"type": "integer"}}]},
            "x",
            "is not valid: the value is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        # Which alternative is meant, its type tells.
        (
            {"anyOf": [{"type": "string", "minLength": 5}, {"type": "null"}]},
            "x",
            "is not valid: the value is shorter than 5 characters",
        ),
        ({"anyOf": [{"minimum": 5}, {"type": "null"}]}, 1, "is not valid: the value is less than the minimum of 5"),
        # An $id begins paths anew.
        (
            {"$id": "https://example.com/x", "$defs": {"p": {"enum": ["b"]}}, "$ref": "#/$defs/p"},
            "x",
            'is not one of "b"',
        ),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)
def test_what_is_expected_of_a_value(part: Any, value: Any, words: str) -> None:
    assert expected(part, value, **{"$defs": {"I": {"type": "integer"}}}) == [words]


def test_the_type_that_is_expected_is_right_where_ids_begin_paths_anew() -> None:
    schema = {
        "$id": "https://example.com/root",
        **object_of(a={"$ref": "inner"}),
        "$defs": {"p": {"$id": "inner", "type": "integer"}},
    }
    assert problems(schema, a="x") == [("a", "is not an integer")]


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ({"x": {"p": {"type": "integer"}}}, {"x": {"p": True}}),
        ({"x": {"p": {"type": "integer"}}}, {"x": []}),
        ({"x": {"p": {"type": "integer"}}}, {"x": None}),
        ({"x": {"p": {"allOf": [{}, {"type": "integer"}]}}}, {"x": {"p": {"allOf": [{}]}}}),
        ({"x": {"p": {"allOf": [{}, {"type": "integer"}]}}}, {}),
    ],
)
def test_a_path_that_begins_at_an_id_may_lead_anywhere_in_the_document(inner: Any, outer: Any) -> None:
    part = {"$id": "https://example.com/x", "$ref": "#/x/p", **inner}
    assert problems({**object_of(a=part), **outer}, a="x") == [("a", "is not an integer")]


@pytest.mark.parametrize(
    "wrap", [{"anyOf": [PERSON, {"type": "null"}]}, {"allOf": [PERSON]}, PERSON], ids=["anyOf", "allOf", "plain"]
)
def test_what_is_wrong_inside_an_object_is_told_by_its_path(wrap: Any) -> None:
    schema = object_of(people={"type": "array", "items": wrap})
    assert sorted(problems(schema, people=[{"name": "Ada", "age": 36}, {"age": "old"}])) == [
        ("people.1.age", "is not an integer"),
        ("people.1.name", "is required"),
    ]
    assert problems(schema, people=[5])[0][0] == "people.0"


def test_an_unknown_field_inside_an_object_is_told_with_the_nearest() -> None:
    schema = object_of(person={**PERSON, "additionalProperties": False}, empty={"additionalProperties": False})
    assert problems(schema, person={"name": "Ada", "age": 36, "agee": 1, "zip": 2}, empty={"x": 1}) == [
        ("person.agee", 'is not a parameter (did you mean "age"?)'),
        ("person.zip", "is not a parameter (expected name, age)"),
        ("empty", "has fields, but takes none"),
    ]
    assert problems(object_of(a=object_of(b={"additionalProperties": False})), a={"b": {"x": 1}}) == [
        ("a.b", "has fields, but takes none")
    ]


@pytest.mark.parametrize(
    ("schema", "unknown"),
    [
        ({"properties": {"a": {}}}, ["b"]),
        ({"properties": {"a": {}}, "additionalProperties": False}, ["b"]),
        ({"properties": {"a": {}}, "additionalProperties": None}, ["b"]),
        ({"properties": {}}, ["b"]),
        ({"additionalProperties": False}, ["b"]),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, ["b"]),
        ({"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False}, ["b"]),
        ({"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "unevaluatedProperties": False}, ["b"]),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"c": {}}}]}, ["b"]),
        ({"properties": {"a": {}}, "additionalProperties": True}, []),
        ({"properties": {"a": {}}, "additionalProperties": {}}, []),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, []),
        ({"properties": {"a": {}}, "patternProperties": {"^b": {}}}, []),
        ({"properties": {"a": {}}, "patternProperties": {"^b": {}}, "additionalProperties": False}, []),
        ({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}, []),
        ({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}, {"properties": {"c": {}}}]}, []),
        ({"properties": {"a": {}}, "if": {"required": ["a"]}, "then": {"properties": {"b": {}}}}, []),
        ({"properties": {"a": {}}, "dependentSchemas": {"a": {"properties": {"b": {}}}}}, []),
        ({"type": "object"}, []),
        ({}, []),
    ],
    ids=json.dumps,
)
def test_which_names_are_unknown(schema: Any, unknown: list[str]) -> None:
    assert [where for where, _ in problems(schema, b=1)] == unknown


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, "b"),
        ({"properties": {"a": {}}, "patternProperties": {"^b": {"type": "integer"}}}, "b"),
    ],
    ids=["additionalProperties", "patternProperties"],
)
def test_other_names_have_their_own_schema(schema: Any, where: str) -> None:
    assert problems(schema, b="x") == [(where, "is not an integer")]
    assert problems(schema, b=1) == []


@pytest.mark.parametrize(
    ("schema", "missing"),
    [
        ({"properties": {"a": {}, "b": {}}, "dependentRequired": {"b": ["a"]}}, "a"),
        ({"properties": {"a": {}, "b": {}}, "dependentSchemas": {"b": {"required": ["a"]}}}, "a"),
        ({"properties": {"a": {}, "b": {}}, "if": {"required": ["b"]}, "then": {"required": ["a"]}}, "a"),
        ({"properties": {"b": {}}, "allOf": [{"required": ["a"]}]}, "a"),
    ],
    ids=["dependentRequired", "dependentSchemas", "if", "allOf"],
)
def test_what_is_required_beside_something_is_missed(schema: Any, missing: str) -> None:
    (problem,) = problems(schema, b=1)
    assert problem[0] == missing
    assert problem[1].startswith("is required")


def test_what_is_missing_or_unknown_is_told_once() -> None:
    schema = {**object_of(["a", "a"], a={"type": "integer"}), "additionalProperties": False}
    assert problems(schema, b=1) == [("a", "is required (integer)"), ("b", "is not a parameter (expected a)")]


def test_names_of_parameters_that_takes_none() -> None:
    assert problems({"type": "object", "properties": {}}, b=1) == [("b", "is not a parameter")]


def test_of_a_long_enumeration_the_first_are_told() -> None:
    (words,) = expected({"enum": list(range(1000))}, "x")
    assert words == f"is not one of {', '.join(map(str, range(20)))} or 980 more"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "boolean"}, "is not a boolean (true or false)"),
        ({"type": ["boolean", "null"]}, "is not a boolean (true or false) or null"),
        ({"anyOf": [{"type": "boolean"}, {"type": "integer"}]}, "is not a boolean (true or false) or integer"),
        ({"type": "string", "enum": ["a", "b"]}, 'is not one of "a", "b"'),
        ({"enum": ["a", 5, None, True]}, 'is not one of "a", 5, null, true'),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, 'is not one of "a", "b"'),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": 5}]}, 'is not one of "a", 5'),
        ({"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}, 'is not one of "a", "b" or null'),
        ({"anyOf": [{"$ref": "#/$defs/E"}, {"type": "null"}]}, 'is not one of "x", "y" or null'),
        ({"anyOf": [{"enum": ["auto"]}, {"type": "boolean"}]}, 'is not one of "auto" or a boolean (true or false)'),
        ({"anyOf": [{"enum": ["a"]}, {"type": "integer"}]}, 'is not one of "a" or an integer'),
    ],
    ids=repr,
)
def test_what_is_allowed_is_named(part: Any, words: str) -> None:
    schema = {"properties": {"a": part}, "$defs": {"E": {"type": "string", "enum": ["x", "y"]}}}
    assert Schema(schema).problems({"a": "maybe"}) == [Problem("a", words)]
    inside = {"properties": {"a": {"type": "array", "items": part}}, "$defs": schema["$defs"]}
    assert Schema(inside).problems({"a": ["maybe"]}) == [Problem("a.0", words)]


def test_of_an_enumeration_among_others_that_is_long_the_first_are_told() -> None:
    choices = {"anyOf": [{"enum": ["x" * 1000 + str(number) for number in range(1000)]}, {"type": "null"}]}
    (problem,) = Schema({"properties": {"a": choices}}).problems({"a": "maybe"})
    assert len(problem.expected) <= 500


def test_of_very_many_problems_the_first_are_told() -> None:
    found = problems(object_of(a={"type": "array", "items": {"type": "integer"}}), a=["x"] * 5000)
    assert found == [(f"a.{number}", "is not an integer") for number in range(100)]
    assert len(problems(object_of([f"p{number}" for number in range(5000)]))) == 100
    assert len(problems(object_of(), **{f"p{number}": 1 for number in range(5000)})) == 100


# No value in a message


FREE = st.recursive(
    SECRET,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "age", "x"]), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)
REFUSING = st.sampled_from(
    [
        *({"type": kind} for kind in ("integer", "number", "boolean", "null", "array", "object", "string")),
        *({"anyOf": [{"type": "integer"}, {"type": kind}]} for kind in ("null", "array", "object", "string")),
        {"enum": ["open", "closed"]},
        {"const": "open"},
        {"pattern": "^open$"},
        {"maxLength": 1, "maxItems": 0, "maxProperties": 0},
        {"minLength": 99, "minItems": 99, "minProperties": 99},
        {"not": {}},
        False,
        {"type": "string", "format": "date"},
        {"contains": {"type": "integer"}, "uniqueItems": True, "items": {"type": "integer"}},
        {"prefixItems": [{"enum": ["open"]}], "items": False, "unevaluatedItems": False},
        {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"maxItems": 0}},
        {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        {"allOf": [{"enum": ["open"]}, {"const": "open"}]},
        {"propertyNames": {"maxLength": 1}, "dependentRequired": {"x": ["y"]}},
        {"properties": {"name": {"enum": ["open"]}, "x": False}, "additionalProperties": {"maxLength": 1, "maxItems": 0}},
        {"contentEncoding": "base64", "contentMediaType": "application/json"},
        {"$ref": "#/$defs/Person"},
        PERSON,
    ]
)  # fmt: skip


@given(
    REFUSING,
    FREE,
    st.sampled_from(["", "http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-04/schema#"]),
)
def test_no_message_repeats_a_value(part: Any, value: Any, draft: str) -> None:
    schema = {**object_of(["z"], a=part), "$defs": {"Person": PERSON}, **({"$schema": draft} if draft else {})}
    texts = [text for problem in Schema(schema).problems({"a": value, "unknown": value}) for text in problem]
    assert texts
    assert "sk-" not in "".join(texts)


@given(
    st.integers(min_value=10**9),
    st.sampled_from(
        [{"maximum": 5}, {"multipleOf": 10**20 + 7}, {"type": "string"}, {"enum": [1]}, {"const": 1}, {"not": {}}]
    ),
)
def test_no_message_repeats_a_number(value: int, part: Any) -> None:
    for problem in Schema(object_of(a=part)).problems({"a": value}):
        assert str(value) not in problem.expected


def test_a_field_whose_name_is_refused_is_not_named() -> None:
    found = problems(object_of(a={"propertyNames": {"pattern": "^x-"}}), a={"sk-secret": 1})
    assert found == [("a", "has a field with a name that is not allowed")]


# Hostile schemas


def test_references_out_of_the_schema_are_never_fetched(serve: Serve) -> None:
    server = serve(lambda _: Reply(body={"type": "integer"}))
    url = f"{server.url}/schema.json"
    for schema in (
        object_of(["a"], a={"$ref": url}),
        object_of(["a"], a={"$ref": f"{url}#/$defs/x"}),
        object_of(["a"], a={"$dynamicRef": url}),
        object_of(["a"], a={"$schema": url, "type": "integer"}),
        {"$schema": url, **object_of(["a"], a={"type": "integer"})},
        {"$id": url, **object_of(["a"], a={"$ref": "other.json"})},
        {"$ref": url},
        {"allOf": [{"$ref": url}], "required": ["a"]},
        {"$id": url, "$vocabulary": {url: True}, **object_of(["a"], a={"$ref": "#/nowhere"})},
    ):
        made = Schema(schema)
        parameters(made)
        made.problems({"a": "x"})
        made.problems({})
        made.type_of("a")
        list(made.alternatives(schema))
    assert server.requests == []


def test_what_is_missing_and_unknown_is_told_whatever_else_cannot_be_checked() -> None:
    for a in (
        {"type": "wrong"},
        {"minimum": "x"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nowhere"},
        {"items": 5},
        nested(3000, lambda inner: {"items": inner}, {}),
    ):
        assert problems(object_of(["b"], a=a, b={"type": "integer"}), c="x", a="y") == [
            ("b", "is required (integer)"),
            ("c", "is not a parameter (expected a, b)"),
        ]


@pytest.mark.parametrize("draft", ["nonsense", "https://example.com/draft", "", 5, None], ids=repr)
def test_a_schema_of_an_unknown_draft_is_not_fatal(draft: Any) -> None:
    assert problems({"$schema": draft, **object_of(["b"], a={}, b={})}, a=1)[0] == ("b", "is required (any)")


@pytest.mark.parametrize("draft", [5, None, True, [], {"a": 1}], ids=repr)
def test_a_draft_that_is_no_text_is_passed_over(draft: Any) -> None:
    assert problems({"$schema": draft, **object_of(a={"type": "integer"})}, a="x") == [("a", "is not an integer")]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a?)+$", "^(a|aa)+$", "^(.*a){20}$", "(.*)*x"])
def test_a_catastrophic_pattern_costs_nothing(pattern: str) -> None:
    with less_than(1):
        expected({"type": "string", "pattern": pattern}, "a" * 50_000 + "!")


@pytest.mark.parametrize("pattern", ["^(?=x)y", r"(a)\1", "(?!x)", "(?<=a)b", "(", "((a{100}){100}){100}", "[z-a]"])
@pytest.mark.parametrize("where", ["pattern", "patternProperties", "items", "$ref", "anyOf"])
def test_a_pattern_that_cannot_be_checked_is_the_servers_and_the_rest_is_checked(where: str, pattern: str) -> None:
    odd: dict[str, Any] = {
        "pattern": {"type": "string", "pattern": pattern},
        "patternProperties": {"type": "string", "patternProperties": {pattern: {"type": "integer"}}},
        "items": {"type": "string", "items": {"pattern": pattern}},
        "$ref": {"$ref": "#/$defs/odd"},
        "anyOf": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": pattern}]},
    }[where]
    schema = {**object_of(a=odd, b={"type": "integer"}), "$defs": {"odd": {"type": "string", "pattern": pattern}}}
    before = json.dumps(schema)
    assert problems(schema, a="zz", b="zz") == [("b", "is not an integer")]
    assert problems(schema, a=5)[0][0] == "a"
    assert json.dumps(schema) == before


def test_a_pattern_of_the_arguments_own_names_that_cannot_be_checked_leaves_the_rest() -> None:
    schema = {**object_of(b={"type": "integer"}), "patternProperties": {"(?=x)": {"type": "integer"}}}
    assert problems(schema, b="zz", x="zz") == [("b", "is not an integer")]


def test_a_pattern_below_an_id_is_not_fatal() -> None:
    part = {"$id": "https://example.com/x", "$defs": {"p": {"pattern": "(?=x)"}}, "$ref": "#/$defs/p"}
    assert problems(object_of(["b"], a=part), a="x") == [("b", "is required (any)")]


def test_a_parameter_named_pattern_is_no_pattern() -> None:
    schema = object_of(
        ["pattern"], pattern={"type": "string", "pattern": "(?=x)"}, patternProperties={"type": "integer"}
    )
    assert problems(schema, pattern="x", patternProperties="x") == [("patternProperties", "is not an integer")]
    assert problems(schema) == [("pattern", "is required (string)")]


DEEP = {
    "arrays": lambda n: nested(n, lambda inner: {"type": "array", "items": inner}, {"type": "string"}),
    "objects": lambda n: nested(n, lambda inner: object_of(["a"], a=inner), {"type": "string"}),
    "anyOf": lambda n: nested(n, lambda inner: {"anyOf": [inner]}, {"type": "string"}),
    "oneOf": lambda n: nested(n, lambda inner: {"oneOf": [{"type": "null"}, inner]}, {"type": "string"}),
    "allOf": lambda n: nested(n, lambda inner: {"allOf": [inner]}, {"type": "string"}),
    "not": lambda n: nested(n, lambda inner: {"not": inner}, {"type": "string"}),
    "default": lambda n: {"type": "string", "default": nested(n, lambda inner: [inner], 5)},
    "enum": lambda n: {"enum": [nested(n, lambda inner: [inner], 5)]},
    "const": lambda n: {"const": nested(n, lambda inner: {"a": inner}, 5)},
    "description": lambda n: {"type": "string", "description": nested(n, lambda inner: [inner], 5)},
    "pattern": lambda n: nested(n, lambda inner: {"type": "array", "items": inner}, {"pattern": "(?=x)"}),
    "beside a pattern": lambda n: {"pattern": "(?=x)", "default": nested(n, lambda inner: [inner], 5)},
}


@pytest.mark.parametrize("depth", [20, 90, 125, 200, 252, 400, 3000])
@pytest.mark.parametrize("shape", DEEP)
def test_a_schema_may_be_nested_deeply(shape: str, depth: int) -> None:
    part = DEEP[shape](depth)
    schema = Schema(object_of(["a", "b"], a=part, b={"type": "integer"}))
    assert [row.name for row in parameters(schema)] == ["a", "b"]
    schema.type_words(part)
    schema.allowed(part)
    schema.problems({"a": "x", "b": "y"})
    assert schema.problems({"a": "x"})[0] == Problem("b", "is required (integer)")
    whole = Schema(part)
    parameters(whole)
    whole.problems({"a": 5})


def test_what_is_nested_too_deeply_to_be_written_is_dots() -> None:
    assert json_text(nested(100_000, lambda inner: [inner], 5)) == "..."


def test_a_long_chain_of_references_leads_nowhere() -> None:
    chain = {f"r{number}": {"$ref": f"#/$defs/r{number + 1}"} for number in range(3000)}
    schema = Schema({**object_of(a={"$ref": "#/$defs/r0"}), "$defs": chain})
    assert schema.type_of("a") == "any"
    schema.problems({"a": 5})


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_alternatives_are_looked_into_to_a_depth_of_fifty(keyword: str) -> None:
    for depth, word in ((50, "string"), (51, "any")):
        assert Schema({}).type_words(nested(depth, lambda inner: {keyword: [inner]}, {"type": "string"})) == word


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_an_option_is_looked_into_once_whatever_it_is_made_of(keyword: str) -> None:
    both = [{"title": str(number), "allOf": [{"$ref": "#/$defs/A"}]} for number in range(2)]
    schema = Schema({"$defs": {"A": {keyword: [{"type": "boolean"}, *both]}}})
    # Looked into again and again, there are about as many as there are atoms.
    assert list(islice(schema.alternatives({"$ref": "#/$defs/A"}), 100)) == [{"type": "boolean"}]


def test_alternatives_that_are_made_of_themselves_end() -> None:
    itself = [{"$ref": "#/$defs/A"}] * 3
    with less_than(1):
        for keyword in ("anyOf", "oneOf", "allOf"):
            for definition in ({keyword: itself}, {keyword: [{keyword: itself}, {"anyOf": itself, "title": "x"}]}):
                schema = Schema({**object_of(["a"], a={"$ref": "#/$defs/A"}), "$defs": {"A": definition}})
                assert [row.type for row in parameters(schema)] == ["any"]
                assert schema.allowed({"$ref": "#/$defs/A"}) == []
        wide = {
            f"L{level}": {
                "anyOf": [
                    {"type": "array", "title": str(n), "items": {"$ref": f"#/$defs/L{level + 1}"}} for n in range(60)
                ]
            }
            for level in range(4)
        }
        schema = Schema({**object_of(["a"], a={"$ref": "#/$defs/L0"}), "$defs": wide})
        assert schema.type_of("a") == "array of array of array of array"


@pytest.mark.parametrize("depth", [2, 3, 20])
@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_why_arguments_do_not_fit_very_many_alternatives_is_not_explained(keyword: str, depth: int) -> None:
    options = [{"type": "array", "title": str(number), "items": {"$ref": "#/$defs/A"}} for number in range(100)]
    schema = {**object_of(["b"], a={"$ref": "#/$defs/A"}, b={}), "$defs": {"A": {keyword: options}}}
    with less_than(1):
        found = problems(schema, a=nested(depth, lambda inner: [inner], "x"))
        assert found == [("b", "is required (any)"), ("", "does not match the tool's schema")]
        assert problems({**schema, "$defs": {"A": {}}}, a=[["x"]], b=1) == []


def test_alternatives_are_explained_as_long_as_that_takes_two_seconds() -> None:
    options = [{"type": "array", "title": str(number), "items": {"$ref": "#/$defs/A"}} for number in range(10)]
    schema = {**object_of(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"anyOf": options}}}
    unexplained = ("", "does not match the tool's schema")
    with less_than(1):
        for depth, is_explained in ((3, True), (7, False)):
            found = problems(schema, a=nested(depth, lambda inner: [inner], "x"))
            assert (found != [unexplained]) is is_explained


MEBIBYTE = 2**20
LARGE = {
    "parameters": lambda: object_of([f"p{n}" for n in range(9000)], **{f"p{n}": {"type": "integer", "description": "x" * 60} for n in range(9000)}),
    "enum": lambda: object_of(["a"], a={"enum": [f"value {n}" for n in range(70_000)]}),
    "description": lambda: object_of(["a"], a={"type": "integer", "description": "x" * MEBIBYTE}),
    "alternatives": lambda: object_of(["a"], a={"anyOf": [{"type": "integer", "title": "x" * 30}] * 16_000}),
    "alternatives inside": lambda: object_of(["a"], a=nested(20, lambda inner: {"anyOf": [inner, *[{"type": "array", "items": {"type": "null"}}] * 1000]}, {})),
    "definitions": lambda: {**object_of(["a"], a={"$ref": "#/$defs/d8999"}), "$defs": {f"d{n}": {"type": "integer", "description": "x" * 90} for n in range(9000)}},
    "patterns": lambda: object_of(**{f"p{n}": {"type": "string", "pattern": "(?=x)" + "y" * 60, "description": "z" * 80} for n in range(5000)}),
    "fitting patterns": lambda: object_of(**{f"p{n}": {"type": "string", "pattern": f"^[a-z]+{n}$", "description": "z" * 120} for n in range(5000)}),
    "required": lambda: {"required": [f"p{n:040}" for n in range(20_000)]},
}  # fmt: skip


@pytest.mark.parametrize("shape", LARGE)
def test_a_schema_of_a_mebibyte_takes_less_than_a_second(shape: str) -> None:
    document = LARGE[shape]()
    assert len(json.dumps(document)) > 0.8 * MEBIBYTE
    with less_than(1):
        schema = Schema(document)
        parameters(schema)
        schema.problems({"a": "x", "p1": "x", "unknown": "y"})


HOSTILE_NAMES = [
    *("a.b", "a/b", "a~b", "~1", "", " ", ".", "..", "%41", "0", "-1", "__proto__", "__class__", "constructor"),
    *("$ref", "$id", "$schema", "$defs", "properties", "required", "pattern", "patternProperties", "type", "enum"),
    *(
        "additionalProperties",
        "\x1b[31m",
        "\n",
        "\u202egnp",
        "\x00",
        "\u2028",
        "ä",
        "日本",
        "🎉",
        "…",
        "x" * 10_000,
        '"',
        "\\",
    ),
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:30])
def test_a_parameter_may_have_any_name(name: str) -> None:
    schema = {"required": [name], "properties": {name: {"type": "integer"}, "plain": {"type": "integer"}}}
    assert problems(schema, **{name: 5}) == []
    assert problems(schema, **{name: "x", "plain": "x"}) == [
        (name, "is not an integer"),
        ("plain", "is not an integer"),
    ]
    assert problems(schema) == [(name, "is required (integer)")]
    assert parameters(Schema(schema))[0].name == name
    inside = object_of(person={**schema, "additionalProperties": False})
    ((where, words),) = problems(inside, person={name: "x"})
    assert (where.removesuffix("."), words) == (f"person.{name}".removesuffix("."), "is not an integer")


@pytest.mark.parametrize("part", [{"type": "integer"}, {"enum": ["\ud800"]}, {"description": "\ud800"}], ids=ascii)
def test_half_a_character_is_not_fatal(part: Any) -> None:
    for arguments in ({"a": "\ud800"}, {"\ud800": 5}, {"a": {"\udfff": ["\ud800"]}}):
        found = Schema(object_of(["b"], a=part, b={})).problems(arguments)
        assert Problem("b", "is required (any)") in found


def test_arguments_nested_deeply_are_not_fatal() -> None:
    schema = {
        **object_of(a={"$ref": "#/$defs/N"}, b={"type": "integer"}),
        "$defs": {"N": {"items": {"$ref": "#/$defs/N"}}},
    }
    assert problems(schema, a=nested(900, lambda inner: [inner], 5), b=5) == []
    problems({**schema, "$defs": DEFS["Nested"]}, a=nested(900, lambda inner: [inner], 5), b=5)
    assert problems(object_of(a={}, b={"type": "integer"}), a=nested(2000, lambda inner: [inner], 5), b="x") == [
        ("b", "is not an integer")
    ]


ANY_SCHEMA = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["object", "string", "#/$defs/x", "#", "(?=x)", "^a$", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "properties", "required", "$ref", "$defs", "x", "anyOf", "oneOf", "allOf", "enum", "const"),
                    *("items", "pattern", "patternProperties", "additionalProperties", "default", "not", "if", "then"),
                    *("minimum", "$id", "$schema", "propertyNames", "dependentRequired", "prefixItems", "description"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "type"]) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(ANY_SCHEMA, st.dictionaries(st.sampled_from(["x", "type", "a"]) | st.text(max_size=3), JSON, max_size=3))
def test_no_schema_is_too_odd(document: Any, arguments: dict[str, Any]) -> None:
    schema = Schema(document)
    before = json.dumps([document, arguments])
    names = {row.name for row in parameters(schema)}
    assert names >= set(schema.required)
    for problem in schema.problems(arguments):
        assert problem.expected
    for name in schema.required:
        if name not in arguments:
            assert Problem(name, f"is required ({schema.type_of(name)})") in schema.problems(arguments)
    assert json.dumps([document, arguments]) == before
