from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.tools.definitions import definitions
from tests.effort import less_than
from tests.unit.tools.test_tool import entry, offered


def parameters_of(schema: Any, style: str = "openai") -> Any:
    (made,) = definitions(offered(entry(inputSchema=schema)).tools, style)
    return made["function"]["parameters"] if style == "openai" else made["input_schema"]


def test_a_definition_for_openai() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "title": "addArguments"}
    known = offered(entry("add", description="Adds.", inputSchema=schema)).tools
    assert definitions(known, "openai") == [
        {"type": "function", "function": {"name": "mcp_github_add", "description": "Adds.", "parameters": schema}}
    ]


def test_a_definition_for_anthropic() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    known = offered(entry("add", title="Add", inputSchema=schema)).tools
    assert definitions(known, "anthropic") == [{"name": "mcp_github_add", "description": "Add", "input_schema": schema}]


@pytest.mark.parametrize(
    ("description", "title", "told"), [("D", "T", "D"), ("", "T", "T"), (None, "T", "T"), (None, None, "add")]
)
def test_a_definition_is_never_without_a_description(description: Any, title: Any, told: str) -> None:
    (made,) = definitions(offered(entry(description=description, title=title)).tools, "anthropic")
    assert made["description"] == told


ANY_SCHEMA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "array", "string", "#/$defs/x", "#"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "$ref", "$defs", "x", "anyOf", "oneOf", "allOf", "enum", "const"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(ANY_SCHEMA, st.sampled_from(["openai", "anthropic"]))
def test_parameters_are_an_object_whatever_the_input_schema_is(schema: Any, style: str) -> None:
    parameters = parameters_of(schema, style)
    assert parameters["type"] == "object"
    assert isinstance(parameters["properties"], dict)
    assert all(isinstance(part, dict) for part in parameters["properties"].values())
    assert all(isinstance(name, str) for name in parameters.get("required", []))
    assert isinstance(parameters.get("required", []), list)
    assert not {"$ref", "anyOf", "oneOf", "allOf", "enum", "const", "not"} & set(parameters)


@pytest.mark.parametrize(
    "schema",
    [None, True, False, {}, [], "object", 5, {"type": "object"}, {"properties": None}, {"type": "array"}, {"type": []}],
    ids=repr,
)
def test_without_parameters_the_object_has_no_properties(schema: Any) -> None:
    assert parameters_of(schema) == parameters_of(schema, "anthropic") == {"type": "object", "properties": {}}


A = {"type": "integer"}
B = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "properties", "required"),
    [
        ({"$ref": "#/$defs/P", "$defs": {"P": {"properties": {"a": A}, "required": ["a"]}}}, {"a": A}, ["a"]),
        ({"allOf": [{"properties": {"a": A}, "required": ["a"]}, {"properties": {"b": B}}]}, {"a": A, "b": B}, ["a"]),
        ({"properties": {"a": A}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": A}, []),
        ({"oneOf": [{"properties": {"a": A}}, {"properties": {"b": B}}]}, {"a": A, "b": B}, []),
    ],
    ids=["ref", "allOf", "anyOf", "oneOf"],
)
def test_a_schema_made_of_others_keeps_its_parameters(schema: Any, properties: Any, required: list[str]) -> None:
    parameters = parameters_of(schema)
    assert parameters["properties"] == properties
    assert parameters.get("required", []) == required


@pytest.mark.parametrize("required", [None, "a", 5, {"a": 1}, [5, None], []], ids=repr)
def test_what_is_required_is_a_list_of_names_or_not_told(required: Any) -> None:
    assert "required" not in parameters_of({"properties": {"a": A}, "required": required})
    assert parameters_of({"properties": {"a": A}, "required": [5, "a"]})["required"] == ["a"]


def test_a_parameter_whose_schema_is_none_may_be_anything() -> None:
    odd = {"a": None, "b": 5, "c": "string", "d": [A], "e": True, "f": False, "g": A}
    assert parameters_of({"properties": odd})["properties"] == {
        "a": {},
        "b": {},
        "c": {},
        "d": {},
        "e": {},
        "f": {"not": {}},
        "g": A,
    }


def test_references_that_only_lead_back_are_removed() -> None:
    """Ajv, which the official client for TypeScript uses, overflows its stack."""
    loop = {"a": {"$ref": "#/$defs/b", "title": "A"}, "b": {"$ref": "#/$defs/a"}, "c": {"$ref": "#/$defs/c"}}
    fields = {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/c"}, "z": {"$ref": "#/$defs/d"}}
    good = {"d": {"type": "object", "properties": {"z": {"$ref": "#/$defs/d"}}}}
    made = parameters_of({"type": "object", "properties": fields, "$defs": {**loop, **good}})
    assert json.dumps(made).count("$ref") <= 4
    assert made["properties"]["z"] == {"$ref": "#/$defs/d"}
    assert made["$defs"]["d"] == good["d"]
    assert made["$defs"]["c"] == {}
    assert "$ref" not in made["properties"]["x"] or "$ref" not in made["$defs"]["a"] or made["$defs"]["b"] == {}


def test_definitions_that_parameters_refer_to_are_kept() -> None:
    schema = {"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"type": "object"}}}
    assert parameters_of(schema) == schema


def test_making_definitions_does_not_change_the_tools() -> None:
    schema = {"allOf": [{"properties": {"a": None}}], "properties": {"b": None}, "required": ["b"]}
    before = json.dumps(schema)
    parameters_of(schema)
    assert json.dumps(schema) == before


# Repairs, at every level


EMAIL = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_+-.]*)[A-Za-z0-9_+-]@([A-Za-z0-9-]*\.)+[A-Za-z]{2,}$"  # of Zod


def inside(part: Any) -> dict[str, Any]:
    """Return a schema that has this one at all the places where one may be."""
    return {
        "type": "object",
        "properties": {
            "plain": part,
            "deep": {
                "type": "object",
                "properties": {"deeper": {"type": "array", "items": {"properties": {"a": part}}}},
            },
            "any": {"anyOf": [part, {"type": "null"}]},
            "one": {"oneOf": [{"allOf": [part]}]},
            "tuple": {"type": "array", "prefixItems": [part], "items": part},
            "map": {"type": "object", "additionalProperties": part, "patternProperties": {"^x": part}},
            "not": {"not": part, "if": part, "then": part, "else": part, "contains": part},
            "ref": {"$ref": "#/$defs/D"},
        },
        "$defs": {"D": {"type": "object", "properties": {"a": part}}},
        "definitions": {"D": part},
    }


PLACES = json.dumps(inside("PART")).count("PART")


def objects_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(one for inner in value.values() for one in objects_in(inner))]
    return [one for inner in value for one in objects_in(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("style", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("part", "repaired"),
    [
        ({"type": "array", "title": "m"}, {"type": "array", "title": "m", "items": {}}),
        ({"type": ["array", "null"], "title": "m"}, {"type": ["array", "null"], "title": "m", "items": {}}),
        ({"title": "m", "type": "array", "items": 5}, {"title": "m", "type": "array", "items": {}}),
        (
            {"title": "m", "type": "array", "items": [{"type": "number"}], "additionalItems": False},
            {"title": "m", "type": "array", "prefixItems": [{"type": "number"}], "items": {"not": {}}},
        ),
        ({"title": "m", "type": "string", "pattern": EMAIL}, {"title": "m", "type": "string"}),
        *(
            ({"title": "m", "pattern": pattern}, {"title": "m"})
            for pattern in ("(?<=a)b", "(?<!a)b", "a(?=b)", r"(a)\1", "[", "(", "a{2,1}", r"\p{Nope}", "x" * 1001, 5, None)
        ),
        ({"title": "m", "pattern": "^[a-z]{2,5}(?:-[0-9]+)?$"}, {"title": "m", "pattern": "^[a-z]{2,5}(?:-[0-9]+)?$"}),
        ({"title": "m", "minimum": 1, "exclusiveMinimum": True}, {"title": "m", "exclusiveMinimum": 1}),
        ({"title": "m", "maximum": 1, "exclusiveMaximum": False}, {"title": "m", "maximum": 1}),
        *(({"title": "m", "minimum": low}, {"title": "m"}) for low in ("1", None, True, [], float("inf"))),
        *(({"title": "m", "minLength": least}, {"title": "m"}) for least in (-1, 1.5, "1", True)),
        ({"title": "m", "multipleOf": 0}, {"title": "m"}),
        ({"title": "m", "type": "STRING"}, {"title": "m", "type": "string"}),
        *(({"title": "m", "type": kind}, {"title": "m"}) for kind in ("any", "str", 5, None, [], ["string", "any"], {})),
        ({"title": "m", "required": True}, {"title": "m"}),
        ({"title": "m", "required": ["a", 5]}, {"title": "m"}),
        ({"title": "m", "enum": []}, {"title": "m"}),
        ({"title": "m", "enum": "a"}, {"title": "m"}),
        ({"title": "m", "type": "string", "enum": ["a", None]}, {"title": "m", "type": "string", "enum": ["a"]}),
        ({"title": "m", "type": "string", "enum": [1]}, {"title": "m", "type": "string"}),
        ({"title": "m", "type": ["string", "null"], "enum": ["a", None]}, {"title": "m", "type": ["string", "null"], "enum": ["a", None]}),
        *(({"title": "m", word: value}, {"title": "m"}) for word in ("anyOf", "oneOf", "allOf") for value in ([], {}, None, 5)),
        ({"title": "m", "anyOf": [None, True]}, {"title": "m", "anyOf": [{}, {}]}),
        ({"title": "m", "properties": ["a"]}, {"title": "m"}),
        ({"title": "m", "description": 5, "format": None, "deprecated": "yes"}, {"title": "m"}),
        *(({"title": "m", "$ref": to}, {"title": "m"}) for to in ("#/nowhere", "https://h/s.json", "other.json", "#anchor", 5)),
        ({"title": "m", "$ref": "#/$defs/D"}, {"title": "m", "$ref": "#/$defs/D"}),
        ({"title": "m", "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://h/x"}, {"title": "m"}),
        ({"title": "m", "default": [1], "nullable": True, "x-own": {}}, {"title": "m", "default": [1], "nullable": True, "x-own": {}}),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else value,
)  # fmt: skip
def test_a_schema_is_repaired_wherever_it_is(part: Any, repaired: Any, style: str) -> None:
    schema = inside(part)
    before = json.dumps(schema)
    parameters = parameters_of(schema, style)
    found = [one for one in objects_in(parameters) if one.get("title") == "m"]
    assert found == [repaired] * PLACES
    assert json.dumps(schema) == before
    assert jsonschema_rs.meta.is_valid(parameters)


def test_only_the_keyword_is_a_keyword() -> None:
    fields = {
        name: {"type": "string"} for name in ("pattern", "$ref", "$id", "type", "items", "enum", "required", "not")
    }
    schema = {"type": "object", "properties": fields, "required": ["pattern", "$ref"]}
    assert parameters_of(schema) == schema


WORDS = (
    *("type", "properties", "required", "$ref", "$defs", "x", "anyOf", "oneOf", "allOf", "enum", "const", "items"),
    *(
        "prefixItems",
        "pattern",
        "patternProperties",
        "minimum",
        "exclusiveMinimum",
        "minLength",
        "multipleOf",
        "$schema",
    ),
    *(
        "additionalProperties",
        "not",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "description",
        "$id",
    ),
    *("$anchor", "$dynamicRef", "uniqueItems", "examples", "contains", "title", "definitions", "$vocabulary", "format"),
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["object", "array", "string", "#/$defs/x", "#", "(?=a)", "[", "a+", r"\\d", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=15,
)


@given(ANYTHING, st.sampled_from(["openai", "anthropic"]))
def test_whatever_a_schema_is_what_is_made_of_it_is_one(schema: Any, style: str) -> None:
    parameters = parameters_of(schema, style)
    try:
        assert jsonschema_rs.meta.is_valid(parameters)
    except ValueError:
        assert "\\ud800" in json.dumps(parameters)  # a lone surrogate, which is printed as U+FFFD


@given(ANYTHING)
def test_a_repaired_schema_needs_no_repair(schema: Any) -> None:
    once = parameters_of(schema)
    assert parameters_of(once) == once


@pytest.mark.parametrize("style", ["openai", "anthropic"])
def test_the_checks_of_openais_own_package_and_of_pythons_validator_pass(style: str) -> None:
    validators = pytest.importorskip("jsonschema")
    chat = pytest.importorskip("openai.types.chat")
    pydantic = pytest.importorskip("pydantic")
    known = offered(entry("a b", inputSchema=inside({"type": "array", "pattern": EMAIL, "required": True}))).tools
    for made in definitions(known, style):
        if style == "openai":
            pydantic.TypeAdapter(chat.ChatCompletionFunctionToolParam).validate_python(made, strict=True)
        validators.Draft202012Validator.check_schema(
            made["input_schema"] if style == "anthropic" else made["function"]["parameters"]
        )
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", made["name"] if style == "anthropic" else made["function"]["name"])


def test_a_parameter_whose_name_anthropic_refuses_is_left_out_with_a_note() -> None:
    notes: list[str] = []
    odd = ["$filter", "user name", "filter[id]", "x" * 65, ""]
    fields = dict.fromkeys([*odd, "a.b-c_D", "x" * 64], A)
    known = offered(
        entry("one", inputSchema={"properties": fields}),
        entry("two", inputSchema={"properties": fields, "required": ["$filter"]}),
    ).tools
    (made,) = definitions(known, "anthropic", notes.append)
    assert (made["name"], list(made["input_schema"]["properties"])) == ("mcp_github_one", ["a.b-c_D", "x" * 64])
    assert notes[0].startswith(
        "Skipped parameters of github/one with names that Anthropic refuses: $filter, user name, "
    )
    assert notes[1:] == ['Skipped github/two: Anthropic refuses the parameter name "$filter"']
    assert [list(one["function"]["parameters"]["properties"]) for one in definitions(known, "openai")] == [
        list(fields)
    ] * 2


def test_a_description_is_as_long_as_openai_takes_it() -> None:
    known = offered(entry(description="x" * 5000), entry("b", description="y" * 1024)).tools
    assert [len(one["function"]["description"]) for one in definitions(known, "openai")] == [1024, 1024]
    assert [len(one["description"]) for one in definitions(known, "anthropic")] == [5000, 1024]


@pytest.mark.parametrize("pattern", [r"\p{L}{90}{{n}}", "(a{90}){90}{n}", "a{n}", "(?i)é{n}", "(?x) a # {n}"])
def test_any_number_of_patterns_takes_a_moment(pattern: str) -> None:
    fields = {str(n): {"pattern": pattern.replace("{n}", str(n))} for n in range(20_000)}
    known = offered(*(entry(str(number), inputSchema={"properties": fields}) for number in range(3))).tools
    with less_than(4):
        definitions(known, "openai")


def test_a_schema_as_deep_as_may_be_is_repaired_to_its_end() -> None:
    part: Any = {"type": "array"}
    for _ in range(45):
        part = {"anyOf": [part]}
    made = json.dumps(parameters_of({"properties": {"a": part}}))
    assert '{"type": "array", "items": {}}' in made
