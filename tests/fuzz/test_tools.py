"""MCP tools: what servers offer, schemas of anybody, arguments of a command line, results."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
from hypothesis import assume
from hypothesis import strategies as st

from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.text import dump_json
from litellmctl.tools.arguments import build, check, example, parse_item, parse_object
from litellmctl.tools.definitions import definitions
from litellmctl.tools.parameters import parameters
from litellmctl.tools.result import Attachment, Result, read_result
from litellmctl.tools.schema import Schema
from litellmctl.tools.tool import find, read_offer
from tests.effort import less_than
from tests.fuzz.strategies import fuzz, loose_values, mostly, objects, scalars, texts, trees, values

SECONDS = 2.0


def no_file(_: str) -> str:
    raise UsageFailure("no file is read here")


# --- schemas that say what they mean ---

few_names = st.sampled_from(["a", "b", "x.y", "é"])
simple = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("integer", "number", "boolean", "null", "string")]),
    st.sampled_from(
        [
            {},
            {"type": "integer", "minimum": 0},
            {"type": "string", "maxLength": 3},
            {"type": "string", "pattern": "^[a-z]+$"},
        ]
    ),
    st.lists(scalars, min_size=1, max_size=3).map(lambda allowed: {"enum": allowed}),
    scalars.map(lambda value: {"const": value}),
    st.lists(
        st.sampled_from(["integer", "number", "boolean", "null", "string", "array", "object"]), min_size=1, unique=True
    ).map(lambda kinds: {"type": kinds}),
)


def object_of(properties: dict[str, Any], required: list[str], others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in required if name in properties],
        **({} if others is None else {"additionalProperties": others}),
    }


schemas = st.recursive(
    simple,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        st.builds(object_of, st.dictionaries(few_names, inner, max_size=3), st.lists(few_names, max_size=2), st.none() | st.booleans() | inner),
        st.builds(lambda word, parts: {word: parts}, st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)  # fmt: skip
tools = st.builds(
    object_of,
    st.dictionaries(few_names, schemas, min_size=1, max_size=3),
    st.lists(few_names, max_size=2),
    st.none() | st.booleans(),
)
written = mostly(
    st.integers().map(str)
    | st.sampled_from(["5", "+5", "-5", "-0", "1.5", ".5", "5.", "1e5", "true", "TRUE", "null", "[]", "[1,2]", "{}", '{"a":1}', "abc", "[[1]]", '"x"']),
    values.map(json.dumps),
    texts,
)  # fmt: skip
items = st.builds(
    lambda name, sign, text: f"{name}{sign}{text}",
    few_names | st.sampled_from(["a.b", "x.y.z"]),
    st.sampled_from(["=", "=", ":="]),
    written,
)


@fuzz(tools, st.lists(items, max_size=4), share=3)
def test_arguments_that_are_let_through_fit_the_schema(tool: dict[str, Any], given: list[str]) -> None:
    schema = Schema(tool)
    try:
        validator = jsonschema_rs.validator_for(tool, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, jsonschema_rs.ValidationError):
        assume(False)
    try:
        arguments = build(schema, [parse_item(item, no_file) for item in given], {})
        check(schema, arguments, "s/t")
    except UsageFailure as failure:
        assert failure.exit_code == 2
        return
    # Half a character is the server's to judge: the validator says nothing of what it does not take.
    if not re.search("[\ud800-\udfff]", json.dumps(arguments, ensure_ascii=False)):
        assert validator.is_valid(arguments)


@fuzz(schemas, written, share=2)
def test_a_text_becomes_what_the_schema_takes_or_stays_a_text(part: dict[str, Any], text: str) -> None:
    assume(text != "-" and not text.startswith("@"))
    made = build(Schema(object_of({"a": part}, [], None)), [parse_item(f"a={text}", no_file)], {})["a"]
    assert says(text, made)


def says(text: str, value: Any) -> bool:
    """Whether a person who writes this text can mean this value."""
    if isinstance(value, str):
        return text == value
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, list) and len(value) == 1 and says(text, value[0]):
        return True
    try:
        return bool((float(text) if isinstance(value, float) else json.loads(text.removeprefix("+"))) == value)
    except ValueError:
        return False


@fuzz(schemas, values, share=2)
def test_json_of_a_value_that_fits_is_that_value(part: dict[str, Any], value: Any) -> None:
    schema = Schema(object_of({"a": part}, ["a"], False))
    text = json.dumps(value)
    made = build(schema, [parse_item(f"a:={text}", no_file)], {})
    assert dump_json(made) == dump_json({"a": json.loads(text)})
    assert dump_json(parse_object(json.dumps({"a": value}), named="--args")) == dump_json(made)
    if isinstance(value, bool | int | float | None) and not isinstance(value, str):
        validator = None
        try:
            validator = jsonschema_rs.validator_for({"type": "object", "properties": {"a": part}})
        except (ValueError, jsonschema_rs.ValidationError):
            return
        plain = build(schema, [parse_item(f"a={text}", no_file)], {})
        if isinstance(plain["a"], type(value)) and validator.is_valid({"a": value}):
            assert plain == {"a": value}


# --- schemas of anybody ---

KEYWORDS = [
    *("type", "properties", "required", "$ref", "$defs", "definitions", "anyOf", "oneOf", "allOf", "not", "enum", "const", "items"),
    *("prefixItems", "pattern", "patternProperties", "additionalProperties", "unevaluatedProperties", "default", "if", "then"),
    *("else", "minimum", "maximum", "multipleOf", "$id", "$schema", "$anchor", "$dynamicRef", "$recursiveRef", "propertyNames"),
    *("dependentRequired", "dependentSchemas", "dependencies", "contains", "minContains", "uniqueItems", "format", "description"),
    *("minLength", "maxProperties", "contentSchema", "a", "x"),
]  # fmt: skip
words = st.sampled_from(
    [
        *("object", "string", "array", "integer", "#", "#/", "#/$defs/a", "#/properties/a", "#/a/0", "#/%61", "#/~0~1", "##", "a"),
        *("http://127.0.0.1:9/x", "file:///etc/passwd", "https://json-schema.org/draft/2020-12/schema", "(a+)+$", "(?=x)", "[", "^a$"),
        *("http://json-schema.org/draft-04/schema#", "\\p{Letter}", "(?<x>a)\\k<x>", "date-time", "regex"),
    ]
)  # fmt: skip
wild = trees(mostly(words, scalars), st.sampled_from(KEYWORDS), size=16)


def size(schema: Any) -> int:
    """Return about how many bytes it has: what is wide in what is wide would be larger than any answer may be."""
    try:
        return len(json.dumps(schema))
    except RecursionError:
        return 2**20


@st.composite
def hostile_schemas(draw: st.DrawFn) -> Any:
    """Return a schema that is wrong, recursive, wide or deep, or all of these."""
    schema = draw(wild)
    for _ in range(draw(st.integers(0, 3))):
        word = draw(st.sampled_from(KEYWORDS))
        how = draw(st.sampled_from(["deep", "wide", "many", "self", "beside"]))
        if how == "deep":
            for _ in range(draw(st.sampled_from([3, 60, 300]))):
                schema = {word: [schema] if word in {"anyOf", "oneOf", "allOf", "prefixItems", "enum"} else schema}
        elif how == "wide":
            schema = {word: [schema] * draw(st.sampled_from([2, 150, 2000])) if size(schema) < 500 else [schema]}
        elif how == "many":
            schema = {
                word: {
                    f"p{number}": schema
                    for number in range(draw(st.sampled_from([2, 300])) if size(schema) < 500 else 1)
                }
            }
        elif how == "self":
            schema = {
                word: [{"$ref": "#"}, {"$ref": "#"}, schema],
                "properties": {"a": {"$ref": "#"}},
                "required": ["a"],
            }
        else:
            schema = {word: schema, "properties": {"a": {"$ref": "#/properties/a"}, "x": schema}, "type": "object"}
    return schema


@fuzz(
    hostile_schemas(),
    st.dictionaries(st.sampled_from(["a", "x", "p1"]) | texts, values, max_size=3),
    st.lists(items, max_size=3),
    share=2,
)
def test_no_schema_harms_or_holds_anybody(document: Any, arguments: dict[str, Any], given: list[str]) -> None:
    try:
        before = json.dumps(document)
    except RecursionError:
        assume(False)
    with less_than(SECONDS):
        schema = Schema(document)
        for row in parameters(schema):
            assert all(
                isinstance(text, str) for text in (row.name, row.type, row.default, row.allowed, row.description)
            )
        for problem in schema.problems(arguments):
            assert problem.expected
        try:
            made = build(schema, [parse_item(item, no_file) for item in given], arguments)
            check(schema, made, "s/t")
        except UsageFailure as failure:
            assert failure.exit_code == 2
        assert example(schema, "s/t")[:4] == ["litellmctl", "mcp", "call", "s/t"]
    assert json.dumps(document) == before


# --- what servers offer ---

offered = objects(
    {
        "name": mostly(st.sampled_from(["t", "u", "o/t", "T", "t_", "x" * 80]), texts),
        "title": texts,
        "description": texts,
        "inputSchema": wild,
        "mcp_info": objects(
            {"server_name": mostly(st.sampled_from(["s", "o", "S"]), texts), "server_id": st.sampled_from(["1", "2"])}
        ),
    }
)
outcomes = st.dictionaries(
    st.sampled_from(["s", "gone"]) | texts,
    mostly(objects({"status": texts, "message": texts, "error": texts}), loose_values),
    max_size=2,
)
answers = objects({"tools": st.lists(mostly(offered, loose_values), max_size=5), "server_outcomes": outcomes})
server_rows = st.lists(
    mostly(
        objects(
            {
                "server_name": mostly(st.sampled_from(["s", "z"]), texts),
                **dict.fromkeys(["server_id", "alias", "status"], texts),
            }
        ),
        loose_values,
    ),
    max_size=3,
)


@fuzz(answers, server_rows, share=2)
def test_any_offer_is_tools_that_can_be_called_and_defined(answer: dict[str, Any], listed: list[Any]) -> None:
    offer = read_offer(answer, listed)
    names = [tool.full_name for tool in offer.tools]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z0-9_]{1,64}", name) for name in names)
    for tool in offer.tools:
        assert find(offer.tools, tool.full_name) == tool or tool.full_name in {one.path for one in offer.tools}
    for style in ("openai", "anthropic"):
        for one in definitions(offer.tools, style):
            inner = one.get("function", one)
            schema = inner.get("parameters", inner.get("input_schema"))
            assert schema["type"] == "object"
            assert isinstance(schema["properties"], dict)
            assert inner["description"]
            dump_json(one)
    assert [server.name for server in offer.servers] == sorted({server.name for server in offer.servers})
    assert {tool.server for tool in offer.tools} - {""} <= {server.name for server in offer.servers}


@fuzz(answers, st.data())
def test_what_is_offered_does_not_depend_on_the_order(answer: dict[str, Any], data: st.DataObject) -> None:
    entries = answer.get("tools")
    assume(isinstance(entries, list))
    keys = [
        json.dumps([one.get("name"), one.get("mcp_info")], default=str) if isinstance(one, dict) else ""
        for one in entries
    ]
    assume(len(set(keys)) == len(keys))  # of one server's two tools of one name the first one counts
    other = {**answer, "tools": data.draw(st.permutations(entries))}
    one, two = read_offer(answer, []), read_offer(other, [])
    if not any("twice" in note for note in one.notes):
        assert json.dumps(one) == json.dumps(two)


@fuzz(answers, texts | st.sampled_from(["s/t", "mcp_s_t", "o/t", "s/", "/"]))
def test_any_name_is_a_tool_or_a_documented_failure(answer: dict[str, Any], name: str) -> None:
    tools_ = read_offer(answer, []).tools
    try:
        assert find(tools_, name) in tools_
    except Failure as failure:
        assert failure.exit_code in {2, 5}
        assert failure.remedy


# --- results ---

sources = {
    "uri": mostly(st.sampled_from(["file:///../../etc/passwd", "a\\b", "C:x", "x/..", "x" * 9000]), texts),
    "mimeType": mostly(st.sampled_from(["image/png", "text/html; charset=x", "a/" + "b" * 300]), texts),
}
encoded = mostly(st.sampled_from(["aGVsbG8=", "!", ""]), texts)
blocks = st.one_of(
    objects({"type": st.just("text"), "text": texts}),
    objects({"type": mostly(st.sampled_from(["image", "audio"]), texts), "data": encoded, **sources}),
    objects({"type": st.just("resource_link"), "name": texts, **sources}),
    objects({"type": st.just("resource"), "resource": objects({"blob": encoded, **sources})}),
    objects({"type": st.just("resource"), "resource": objects({"text": texts, **sources})}),
)
results = objects(
    {
        "content": st.lists(mostly(blocks, loose_values), max_size=4),
        "isError": st.booleans(),
        "structuredContent": values,
    }
)


@fuzz(mostly(results | st.lists(blocks, max_size=4), loose_values))
def test_any_result_is_texts_and_attachments_with_safe_names(answer: Any) -> None:
    try:
        result = read_result(answer, "https://h")
    except Failure as failure:
        assert failure.exit_code == 3
        return
    content = {"content": answer, "isError": result.is_error}
    assert result == Result(content if isinstance(answer, list) else answer)
    assert len(list(result.pieces())) == len(result.blocks)
    for piece in result.pieces():
        if isinstance(piece, Attachment):
            assert re.fullmatch(r"[0-9]{2}[A-Za-z0-9._-]*", piece.name)
            assert ".." not in piece.name
            assert len(piece.words) < 3000
