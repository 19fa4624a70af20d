from __future__ import annotations

import json
import math
import shlex
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.tools.arguments import Item, build, check, example, parse_item, parse_json, parse_object
from litellmctl.tools.parameters import parameters
from litellmctl.tools.schema import Schema
from tests.effort import less_than

# The input schemas of the lab's tools (tests/contract/shapes/mcp_tools_list.master.json).
_ADDRESS = {
    "properties": {
        "street": {"title": "Street", "type": "string"},
        "zip": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Zip"},
    },
    "required": ["street"],
    "title": "Address",
    "type": "object",
}


def example_line(schema: Schema, path: str) -> str:
    return " ".join(example(schema, path))


_PERSON = {
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "age": {"maximum": 150, "minimum": 0, "title": "Age", "type": "integer"},
        "address": {"$ref": "#/$defs/Address"},
    },
    "required": ["name", "age", "address"],
    "title": "Person",
    "type": "object",
}
LAB: dict[str, dict[str, Any]] = {
    "add": {
        "properties": {"a": {"title": "A", "type": "integer"}, "b": {"default": 1, "title": "B", "type": "integer"}},
        "required": ["a"],
        "type": "object",
    },
    "convert": {
        "properties": {
            "value": {"title": "Value", "type": "number"},
            "unit": {"enum": ["celsius", "fahrenheit"], "title": "Unit", "type": "string"},
            "precise": {"default": False, "title": "Precise", "type": "boolean"},
        },
        "required": ["value", "unit"],
        "type": "object",
    },
    "register": {
        "properties": {
            "person": {"$ref": "#/$defs/Person"},
            "tags": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": None},
        },
        "required": ["person"],
        "type": "object",
        "$defs": {"Address": _ADDRESS, "Person": _PERSON},
    },
    "either": {
        "properties": {
            "key": {"anyOf": [{"type": "integer"}, {"type": "string"}], "title": "Key"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Note"},
        },
        "required": ["key"],
        "type": "object",
    },
    "total": {
        "properties": {
            "numbers": {"items": {"type": "number"}, "title": "Numbers", "type": "array"},
            "matrix": {
                "anyOf": [
                    {"items": {"items": {"type": "integer"}, "type": "array"}, "type": "array"},
                    {"type": "null"},
                ],
                "default": None,
            },
        },
        "required": ["numbers"],
        "type": "object",
    },
    "ping": {"properties": {}, "type": "object"},
    "fail": {
        "properties": {"message": {"default": "it broke", "title": "Message", "type": "string"}},
        "type": "object",
    },
    "slow": {"properties": {"seconds": {"default": 5, "title": "Seconds", "type": "number"}}, "type": "object"},
    "dotted.name-1": {"properties": {"value": {"default": "ok", "title": "Value", "type": "string"}}, "type": "object"},
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def unread(name: str) -> str:
    """Be the reader of who may not read anything."""
    raise AssertionError(f"{name} was read")


def object_of(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def built(schema: Any, *items: str, base: dict[str, Any] | None = None) -> dict[str, Any]:
    return build(Schema(schema), [parse_item(item, unread) for item in items], base or {})


def of_type(value: Any) -> dict[str, Any]:
    """Return the schema of values like this one."""
    if isinstance(value, list):
        return {"type": "array", "items": of_type(value[0]) if len(value) == 1 else {}}
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: of_type(inner) for name, inner in value.items()}}
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")):
        if isinstance(value, kind):
            return {"type": name}
    return {"type": "null"}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is neither true nor 1.0."""
    return json.dumps(one) == json.dumps(other)


# Items


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("a=b", Item("a", "b", False)),
        ("a=", Item("a", "", False)),
        ("a= ", Item("a", " ", False)),
        ("a=b=c", Item("a", "b=c", False)),
        ("a==b", Item("a", "=b", False)),
        ("a=b:=c", Item("a", "b:=c", False)),
        ("a=:b", Item("a", ":b", False)),
        ("a=:=b", Item("a", ":=b", False)),
        ("url=https://host/?q=1#x", Item("url", "https://host/?q=1#x", False)),
        ("a=x\ny\n", Item("a", "x\ny\n", False)),
        ("a=5", Item("a", "5", False)),
        ("a=--", Item("a", "--", False)),
        ("a=-1", Item("a", "-1", False)),
        ("a=x@y", Item("a", "x@y", False)),
        ("a= @y", Item("a", " @y", False)),
        ("a.b.c=d", Item("a.b.c", "d", False)),
        ("a b=c", Item("a b", "c", False)),
        ("a:b=c", Item("a:b", "c", False)),
        ("@a=b", Item("@a", "b", False)),
        ("-a=b", Item("-a", "b", False)),
        ("ä=日本", Item("ä", "日本", False)),
        (" = ", Item(" ", " ", False)),
        ("a:=5", Item("a", 5, True)),
        ("a:=-5e3", Item("a", -5000.0, True)),
        ("a:=null", Item("a", None, True)),
        ('a:="x=y"', Item("a", "x=y", True)),
        ("a:=[1, [2]]", Item("a", [1, [2]], True)),
        ('a:={"b": ":="}', Item("a", {"b": ":="}, True)),
        ("a:= \n 5 ", Item("a", 5, True)),
        ("a::=5", Item("a:", 5, True)),
        ("a.b:=5", Item("a.b", 5, True)),
        ('a:="@x"', Item("a", "@x", True)),
        ('a:="-"', Item("a", "-", True)),
    ],
    ids=lambda value: ascii(value) if isinstance(value, str) else "",
)
def test_an_item_is_a_name_and_a_text_or_json(text: str, item: Item) -> None:
    found = parse_item(text, unread)
    assert found == item
    assert same(found.value, item.value)


@pytest.mark.parametrize(
    ("text", "name", "item"),
    [
        ("a=@note.txt", "note.txt", Item("a", "read\n", False)),
        ("a=@../x y=z", "../x y=z", Item("a", "read\n", False)),
        ("a=@@x", "@x", Item("a", "read\n", False)),
        ("a=@", "", Item("a", "read\n", False)),
        ("a=-", "-", Item("a", "read\n", False)),
        ("a=@-", "-", Item("a", "read\n", False)),
        ("a:=@x.json", "x.json", Item("a", [1], True)),
        ("a:=-", "-", Item("a", [1], True)),
    ],
)
def test_a_file_or_stdin_is_read_for_a_value(text: str, name: str, item: Item) -> None:
    asked = []

    def read(name: str) -> str:
        asked.append(name)
        return "[1]\n" if ":=" in text else "read\n"

    assert parse_item(text, read) == item
    assert asked == [name]


def test_what_is_in_a_file_is_a_text_whatever_it_begins_with() -> None:
    assert parse_item("a=@x", lambda _: "@y") == Item("a", "@y", False)
    assert parse_item("a=@x", lambda _: "-") == Item("a", "-", False)


@pytest.mark.parametrize("text", ["", "a", "a:", "a.b", "-", "@x", "x" * 5000, "--", "a b"], ids=lambda text: text[:5])
def test_an_item_without_an_equals_sign_is_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match=r"it has no =") as caught:
        parse_item(text, unread)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.message == f'"{text[:40]}" is not an argument: it has no ='
    assert caught.value.remedy == "write each argument as NAME=VALUE"


@pytest.mark.parametrize("text", ["=", "=sk-secret", ":=", ":=sk-secret", ":=[1]", "=@x", "=-"])
def test_an_item_without_a_name_is_refused_and_its_value_not_told(text: str) -> None:
    with pytest.raises(UsageFailure, match=r"it has no name") as caught:
        parse_item(text, unread)
    assert "sk-secret" not in f"{caught.value.message}{caught.value.remedy}"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "sk-secret", "'sk-secret'", "sk-secret: 5", '"sk-secret', '["sk-secret"', '{"sk-secret"}'),
        *('{"sk-secret": 5,}', '["sk-secret",]', '"sk-secret\\x"', '"sk-secret\n"', '5 "sk-secret"', "True", "None"),
        *("[NaN]", "NaN", "Infinity", "-Infinity", '{"a": NaN}', "1e400", "-1e400", "[1e999]", "01", "+1", ".5", "1."),
        *("1" * 5000, "[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000, "\ufeff{}", "0x10", "1_000"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_json_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageFailure, match=r"^a is not valid JSON") as caught:
        parse_item(f"a:={text}", unread)
    failure = caught.value
    assert "sk-secret" not in f"{failure.message}{failure.remedy}"
    assert len(failure.message) < 200
    assert failure.__cause__ is None
    assert failure.__suppress_context__


@given(st.text())
def test_no_error_repeats_what_was_to_be_json(text: str) -> None:
    secret = f"sk-secret{text}"
    for value in (secret, f'["{secret}"', f'{{"{secret}": {secret}}}', f"[1, {secret}]"):
        try:
            parse_json(value, named="--args")
        except UsageFailure as failure:
            told = failure.message
            assert "sk-secret" not in told


def test_where_json_ends_being_json_is_told() -> None:
    with pytest.raises(UsageFailure, match=r"^a is not valid JSON: line 2, column 3: Expecting value") as caught:
        parse_json("[1,\n  x]", named="a")
    assert caught.value.remedy == "quote it for your shell: NAME:='[1, 2]'"


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "true", "[{}]"])
def test_arguments_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match=r"^--args is not a JSON object$") as caught:
        parse_object(text, named="--args")
    assert caught.value.remedy == """write it as '{"name": "value"}'"""
    with pytest.raises(UsageFailure, match=r"^--args is not valid JSON: line 1, column 1"):
        parse_object("x", named="--args")


def test_arguments_are_an_object_of_five_mebibytes_at_most() -> None:
    text = '{"a": "' + "x" * (5 * 2**20 - 9) + '"}'
    assert len(parse_object(text, named="--args")["a"]) == 5 * 2**20 - 9
    with pytest.raises(UsageFailure, match=r"^--args is larger than 5 MiB$"):
        parse_object(text + " ", named="--args")


# What the schema makes of a text


@pytest.mark.parametrize(
    ("part", "text", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "null", "null"),
        ({"type": "string"}, "", ""),
        ({"type": "string"}, "[1]", "[1]"),
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, "-5", -5),
        ({"type": "integer"}, "+5", 5),
        ({"type": "integer"}, "007", 7),
        ({"type": "integer"}, "9" * 4000, int("9" * 4000)),
        ({"type": "integer"}, "9" * 4001, "9" * 4001),
        ({"type": "integer"}, "9" * 5000, "9" * 5000),
        *(({"type": "integer"}, text, text) for text in ("", " 5", "5 ", "5\n", "5.0", "1e3", "1_000", "0x10", "٣", "\uff15", "\u22125", "--5", "x")),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "+5", 5),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "number"}, "-.5", -0.5),
        ({"type": "number"}, "5.", 5.0),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "1E-3", 0.001),
        ({"type": "number"}, "9" * 400, int("9" * 400)),
        *(({"type": "number"}, text, text) for text in ("", ".", "e5", "1e", " 1.5", "1.5\n", "1e400", "-1e400", "9" * 400 + ".5", "nan", "inf", "1,5", "٣", "1_0.5", "9" * 5000)),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "TRUE", True),
        *(({"type": "boolean"}, text, text) for text in ("", "1", "0", "yes", "on", " true", "tru\u0435")),
        ({"type": "null"}, "null", None),
        ({"type": "null"}, "", ""),
        ({"type": "null"}, "None", "None"),
        ({"enum": ["open", 5, "5", None, True, 1.5]}, "open", "open"),
        ({"enum": ["open", 5, "5", None, True, 1.5]}, "5", 5),
        ({"enum": ["5", 5]}, "5", "5"),
        ({"enum": ["open", None]}, "null", None),
        ({"enum": ["null", None]}, "null", "null"),
        ({"enum": [True]}, "true", True),
        ({"enum": [1.5, [1, "ä"]]}, "1.5", 1.5),
        ({"enum": [1.5, [1, "ä"]]}, '[1, "ä"]', [1, "ä"]),
        ({"enum": ["open"], "type": "string"}, "Open", "Open"),
        ({"const": 5}, "5", 5),
        ({"const": "5"}, "5", "5"),
        ({"const": 5}, "6", "6"),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": "object"}, "[1]", "[1]"),
        ({"type": "object"}, '{"a": NaN}', '{"a": NaN}'),
        ({"type": "object"}, '{"a": 1e400}', '{"a": 1e400}'),
        ({"type": "object"}, "x", "x"),
        ({"properties": {"a": {}}}, '{"a": 1}', {"a": 1}),
        ({"type": "array"}, "x", ["x"]),
        ({"type": "array", "items": {"type": "integer"}}, "5", [5]),
        ({"type": "array", "items": {"type": "integer"}}, "x", ["x"]),
        ({"type": "array", "items": {"type": "integer"}}, "[5, 6]", [5, 6]),
        ({"type": "array", "items": {"type": "integer"}}, " [5]", [5]),
        ({"type": "array", "items": {"type": "string"}}, "[x]", ["[x]"]),
        ({"type": "array", "items": {"type": "string"}}, '["x"]', ["x"]),
        ({"type": "array", "items": {"type": "string"}}, "", [""]),
        ({"type": "array", "items": {"type": "string"}}, "a,b", ["a,b"]),
        ({"type": "array", "items": {"type": "number"}}, "[1e400]", ["[1e400]"]),
        ({"type": "array", "items": {"type": "object"}}, '{"a": 1}', [{"a": 1}]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, "5", [[5]]),
        ({"type": "array", "items": [{"type": "integer"}]}, "5", [5]),
        ({"type": "array", "items": True}, "5", ["5"]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", 5),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "x", "x"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "5", "5"),
        # What would not come back as it was typed stays a text where one is allowed.
        *(({"anyOf": [{"type": "integer"}, {"type": "string"}]}, text, text) for text in ("000123", "+15551234567", "-0", "00")),
        *(({"type": ["number", "string"]}, text, text) for text in ("1.50", "1e3", ".5", "5.", "+1", "1E400", "007")),
        ({"type": ["number", "string"]}, "1.5", 1.5),
        ({"type": ["number", "string"]}, "-12", -12),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "True", "True"),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "true", True),
        ({"anyOf": [{"type": "integer"}, {"description": "any"}]}, "007", "007"),
        ({"anyOf": [{"type": "integer"}, {"enum": ["auto"]}]}, "007", 7),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "007", 7),
        ({"anyOf": [{"type": "object"}, {"type": "string"}]}, '{"a":1}', {"a": 1}),
        ({"anyOf": [{"type": "array"}, {"type": "string"}]}, "[1,2]", [1, 2]),
        ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}, "x", "x"),
        ({"type": "array", "items": {"type": ["integer", "string"]}}, "007", ["007"]),
        ({"type": "array", "items": {"type": ["integer", "string"]}}, "7", [7]),
        # null is the array's, where that may be null.
        ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}, "null", None),
        ({"anyOf": [{"type": "null"}, {"type": "array"}]}, "null", None),
        ({"type": ["array", "null"], "items": {"type": "integer"}}, "null", None),
        ({"anyOf": [{"type": "array"}, {"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"type": ["array", "null"]}, "Null", ["Null"]),
        ({"type": "array", "items": {"type": "string"}}, "null", ["null"]),
        ({"type": "array", "items": {"type": ["integer", "null"]}}, "null", [None]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "null", "null"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", "x"),
        ({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}, "5", [5]),
        ({"anyOf": [{"enum": ["a"]}, {"type": "boolean"}, {"type": "number"}]}, "true", True),
        ({"anyOf": [{"enum": ["a"]}, {"type": "boolean"}, {"type": "number"}]}, "1.5", 1.5),
        ({"oneOf": [{"type": "boolean"}, {"type": "integer"}]}, "5", 5),
        ({"type": ["integer", "null"]}, "5", 5),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": -5}]}, "7", 7),
        ({"allOf": [{"type": "integer"}]}, "5", 5),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, "5", 5),
        ({"$ref": "#/$defs/Int"}, "5", 5),
        ({"$ref": "#/$defs/Int/nowhere"}, "5", "5"),
        ({"$ref": "https://example.com"}, "5", "5"),
        ({"type": []}, "5", "5"),
        ({}, "5", "5"),
        (True, "5", "5"),
        (False, "5", "5"),
        (None, "null", "null"),
        ({"type": "wrong"}, "5", "5"),
    ],
    ids=lambda value: json.dumps(value)[:50],
)  # fmt: skip
def test_a_text_becomes_what_the_schema_asks_for(part: Any, text: str, value: Any) -> None:
    schema = {**object_of(a=part), "$defs": {"Int": {"type": "integer"}}}
    found = build(Schema(schema), [Item("a", text, False)], {})
    assert same(found, {"a": value})


def test_parameters_that_the_schema_does_not_have_are_texts() -> None:
    assert built(None, "a=5", "b=null") == {"a": "5", "b": "null"}
    assert built(object_of(a={"type": "integer"}), "b=5") == {"b": "5"}


def test_other_parameters_have_the_schema_of_the_others() -> None:
    assert built({"additionalProperties": {"type": "integer"}}, "b=5") == {"b": 5}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/P", "$defs": {"P": object_of(a={"type": "integer"})}},
        {"allOf": [{"$ref": "#/$defs/P"}, {"title": "x"}], "$defs": {"P": object_of(a={"type": "integer"})}},
        {"anyOf": [object_of(b={}), object_of(a={"type": "integer"})]},
        {**object_of(a={"type": "integer"}, b={}), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    ],
    ids=["ref", "allOf", "anyOf", "beside anyOf"],
)
def test_parameters_are_known_in_a_schema_that_is_made_of_others(schema: Any) -> None:
    assert built(schema, "a=5") == {"a": 5}


ARRAY = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("part", "items", "value"),
    [
        (ARRAY, ["a=1", "a=2", "a=3"], [1, 2, 3]),
        (ARRAY, ["a=1", "a:=2"], [1, 2]),
        (ARRAY, ["a=1", "a=x"], [1, "x"]),
        ({"anyOf": [{"type": "null"}, ARRAY]}, ["a=1", "a=2"], [1, 2]),
        ({"type": ["null", "array"], "items": {"type": "integer"}}, ["a=1", "a=2"], [1, 2]),
        ({"type": "array", "items": {"enum": ["x", 5]}}, ["a=x", "a=5"], ["x", 5]),
        ({"type": "array", "items": ARRAY}, ["a=1", "a=[2, 3]"], [[1], [2, 3]]),
        ({"type": "array"}, ["a=1", "a=2"], ["1", "2"]),
        ({"type": "integer"}, ["a=1", "a=2"], ["1", "2"]),
        ({}, ["a=1", "a:=null", "a=1"], ["1", None, "1"]),
        (ARRAY, ["a=1"], [1]),
        (ARRAY, ["a:=1"], 1),
        (ARRAY, ["a:=[1]"], [1]),
        # Tuples, of both drafts.
        ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}, ["a=1", "a=2"], [1, 2]),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, ["a=1", "a=2"], ["1", 2]),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}},
            ["a=1", "a=true", "a=false"],
            [1, True, False],
        ),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, ["a=1", "a=2"], [1, "2"]),
        ({"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}, ["a=1", "a=2"], [1, "2"]),
        (
            {"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "integer"}},
            ["a=1", "a=2"],
            [1, 2],
        ),
        (
            {"anyOf": [{"type": "array", "prefixItems": [{"type": "integer"}]}, {"type": "null"}]},
            ["a=1", "a=x"],
            [1, "x"],
        ),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, ["a=1"], [1]),
        ({"type": "array", "prefixItems": [None, 5]}, ["a=1", "a=2"], ["1", "2"]),
        ({"type": "array", "prefixItems": {}}, ["a=1", "a=2"], ["1", "2"]),
    ],
)
def test_a_name_that_is_repeated_is_an_array(part: Any, items: list[str], value: Any) -> None:
    assert same(built(object_of(a=part), *items), {"a": value})


def test_names_between_repeated_ones_do_not_matter() -> None:
    assert built(object_of(a=ARRAY, b={"type": "boolean"}), "a=1", "b=true", "a=2") == {"a": [1, 2], "b": True}


PERSON = object_of(
    name={"type": "string"},
    age={"type": "integer"},
    tags={"type": "array", "items": {"type": "string"}},
    address={"$ref": "#/$defs/Address"},
)
NESTED = {
    **object_of(person={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Person"}]}, **{"a.b": {"type": "integer"}}),
    "$defs": {"Person": PERSON, "Address": object_of(zip={"type": "integer"})},
}


@pytest.mark.parametrize(
    ("items", "arguments"),
    [
        (["person.name=5"], {"person": {"name": "5"}}),
        (["person.age=5", "person.name=Ada"], {"person": {"age": 5, "name": "Ada"}}),
        (["person.address.zip=5"], {"person": {"address": {"zip": 5}}}),
        (["person.tags=a", "person.tags=b"], {"person": {"tags": ["a", "b"]}}),
        (["person.age:=null"], {"person": {"age": None}}),
        (["person.unknown.deep=5"], {"person": {"unknown": {"deep": "5"}}}),
        (["unknown.age=5"], {"unknown": {"age": "5"}}),
        (["a.b=5"], {"a.b": 5}),
        (["a.c=5"], {"a": {"c": "5"}}),
        (["a.b.c=5"], {"a": {"b": {"c": "5"}}}),
        (['person:={"age": 5}', "person.name=Ada"], {"person": {"age": 5, "name": "Ada"}}),
        (["person.name=Ada", 'person:={"age": 5}'], {"person": {"age": 5}}),
        (["person=x", "person.name=Ada"], {"person": {"name": "Ada"}}),
    ],
)
def test_a_dotted_name_is_a_field_of_an_object(items: list[str], arguments: Any) -> None:
    assert same(built(NESTED, *items), arguments)


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", ".", "..", "a.b..c"])
def test_a_field_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageFailure, match=r"is not a valid name") as caught:
        built(NESTED, f"{name}=sk-secret")
    assert caught.value.message == f'"{name}" is not a valid name'
    assert caught.value.remedy == "write a.b for the field b of a"


@pytest.mark.parametrize("name", [".", "a.", "..", "a..b", " "])
def test_a_parameter_that_has_such_a_name_is_that_parameter(name: str) -> None:
    schema = Schema({"properties": {name: {"type": "integer"}}})
    assert build(schema, [Item(name, "5", False)], {}) == {name: 5}


def test_single_values_override_the_whole_object() -> None:
    base = {"a.c": 1, "b": 2, "person": {"name": "Ada", "address": {"zip": 1, "street": "Lane"}}, "list": [1]}
    assert built(NESTED, "a.c=9", "b=3", "person.address.zip=5", "person.age=36", "list.x=1", "c=new", base=base) == {
        "a.c": "9",
        "b": "3",
        "person": {"name": "Ada", "age": 36, "address": {"zip": 5, "street": "Lane"}},
        "list": {"x": "1"},
        "c": "new",
    }


@given(
    st.recursive(
        st.integers() | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ).filter(lambda value: isinstance(value, dict)),
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join), max_size=6),
)
def test_the_whole_object_is_never_changed(base: dict[str, Any], names: list[str]) -> None:
    before = json.dumps(base)
    made = build(Schema({}), [Item(name, "new", False) for name in names], base)
    assert json.dumps(base) == before
    untouched = {name for name in base if not any(name == one.partition(".")[0] for one in names)}
    assert {name: made[name] for name in untouched} == {name: base[name] for name in untouched}


@given(JSON)
def test_json_is_sent_as_it_is_written(value: Any) -> None:
    schema = object_of(a=of_type(value))
    found = built(schema, f"a:={json.dumps(value)}")
    assert same(found, {"a": value})
    check(Schema(schema), found, "s/t")


@given(st.text())
def test_a_string_is_sent_as_it_is_written(text: str) -> None:
    assume(text != "-" and not text.startswith("@"))
    for part in ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {}, {"enum": ["x", text]}):
        assert built(object_of(a=part), f"a={text}") == {"a": text}
        assert built(object_of(a={"type": "array", "items": part}), f"a={text}", f"a={text}") == {"a": [text, text]}


@given(
    st.none()
    | st.booleans()
    | st.integers(-(10**3000), 10**3000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(JSON)
    | st.dictionaries(st.text(), JSON)
)
def test_what_is_no_string_may_be_written_as_json_without_a_colon(value: Any) -> None:
    schema = object_of(a={**of_type(value), "items": {}})
    assert same(built(schema, f"a={json.dumps(value)}"), {"a": value})


@given(st.text(), st.text())
def test_no_item_is_too_odd(name: str, text: str) -> None:
    for item in (f"{name}={text}", f"{name}:={text}", text):
        try:
            build(Schema(NESTED), [parse_item(item, lambda named: named)], {})
        except UsageFailure as failure:
            told = failure.message
            assert len(told) < 200 + len(name)


# Hostile schemas


RECURSIVE: dict[str, Any] = {
    "an array of itself": {"type": "array", "items": {"$ref": "#/$defs/A"}},
    "itself or a string": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/A"}}, {"type": "string"}]},
    "a string or itself": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/A"}}]},
    "an object of itself": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]},
    "objects of itself": {"type": "object", "additionalProperties": {"$ref": "#/$defs/A"}},
    "itself twice": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]},
    "all of itself": {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]},
    "a loop": {"$ref": "#/$defs/A"},
}


@pytest.mark.parametrize("shape", RECURSIVE)
def test_a_schema_that_is_made_of_itself_ends(shape: str) -> None:
    schema = {**object_of(["a"], a={"$ref": "#/$defs/A"}), "$defs": {"A": RECURSIVE[shape]}}
    with less_than(1):
        for items in (["a=x"], ["a=x", "a=y"], ["a=[[1]]"], ["a.a.a.a.a=x"], ['a={"a": 1}']):
            built(schema, *items)
        assert example_line(Schema(schema), "s/t").startswith("litellmctl mcp call s/t ")


def test_in_an_array_of_itself_or_a_string_a_text_is_the_string() -> None:
    schema = {**object_of(a={"$ref": "#/$defs/A"}), "$defs": {"A": RECURSIVE["itself or a string"]}}
    assert built(schema, "a=x") == {"a": "x"}
    assert built(schema, "a=x", "a=y") == {"a": ["x", "y"]}


def test_a_schema_that_is_made_of_itself_in_many_ways_ends() -> None:
    itself = {"$ref": "#/$defs/A"}
    arrays = {"anyOf": [{"type": "array", "title": str(number), "items": itself} for number in range(20)]}
    names = [f"p{number}" for number in range(30)]
    objects = object_of(names, **dict.fromkeys(names, itself))
    with less_than(2):
        for definition in (arrays, objects):
            schema = Schema({**object_of(["a"], a=itself), "$defs": {"A": definition}})
            for items in ([], ["a=x"], ["a=x", "a=y"], ["a.p1.p1=x"]):
                schema.problems(build(schema, [parse_item(item, unread) for item in items], {}))
            parameters(schema)
            assert len(example_line(schema, "s/t")) < 100_000


@pytest.mark.parametrize("depth", [30, 200, 3000])
@pytest.mark.parametrize("shape", ["arrays", "objects", "anyOf", "allOf", "enum", "const"])
def test_a_schema_may_be_nested_deeply(shape: str, depth: int) -> None:
    part: Any = {"type": "string"}
    for _ in range(depth):
        part = {
            "arrays": {"type": "array", "items": part},
            "objects": object_of(["a"], a=part),
            "anyOf": {"anyOf": [part]},
            "allOf": {"allOf": [part]},
            "enum": [part],
            "const": {"a": part},
        }[shape]
    part = {shape: [part]} if shape == "enum" else {shape: part} if shape == "const" else part
    schema = Schema(object_of(["a"], a=part))
    build(schema, [Item("a", "x", False)], {})
    build(schema, [Item("a", "x", False), Item("a", "y", False)], {})
    build(schema, [Item(".".join(["a"] * 500), "x", False)], {})
    assert example_line(schema, "s/t").startswith("litellmctl mcp call s/t ")


# Checking


def test_all_that_is_wrong_is_told_in_one_line_and_no_value() -> None:
    schema = Schema(object_of(["title", "limit"], title={"type": "string"}, limit={"type": "integer"}))
    with pytest.raises(UsageFailure) as caught:
        check(schema, {"limit": "sk-secret", "titel": "sk-secret"}, "git hub/list")
    failure = caught.value
    assert failure.exit_code == ExitCode.USAGE
    assert failure.message == (
        'title is required (string); titel is not a parameter (did you mean "title"?); limit is not an integer'
    )
    assert failure.remedy == "litellmctl mcp show 'git hub/list'"


def test_what_is_wrong_with_the_whole_is_said_of_the_whole() -> None:
    with pytest.raises(
        UsageFailure, match=r"^the arguments object is not valid: the value has less than 2 properties$"
    ):
        check(Schema({"minProperties": 2}), {"a": 1}, "s/t")


def test_arguments_that_fit_pass() -> None:
    check(Schema(LAB["add"]), {"a": 1}, "s/t")
    check(Schema(None), {"anything": [math.pi]}, "s/t")


# Examples


def run(schema: Any, line: str, *, checks: bool = True) -> dict[str, Any]:
    """Return the arguments that a command line gives, checked; it may read nothing."""
    words = shlex.split(line)
    assert words[:3] == ["litellmctl", "mcp", "call"]
    items, base = words[4:], {}
    if "--args" in items:
        place = items.index("--args")
        base = parse_object(items[place + 1], named="--args")
        del items[place : place + 2]
    assert not [item for item in items if item.startswith("-")]
    arguments = built(schema, *items, base=base)
    if checks:
        check(Schema(schema), arguments, "s/t")
    return arguments


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("add", "a=1"),
        ("convert", "value=1.5 unit=celsius"),
        ("register", "person.name=NAME person.age=1 person.address.street=STREET"),
        ("either", "key=1"),
        ("total", "numbers=1.5"),
        ("ping", ""),
        ("fail", ""),
        ("slow", ""),
        ("dotted.name-1", ""),
    ],
)
def test_the_example_of_each_of_the_labs_tools(tool: str, line: str) -> None:
    found = example_line(Schema(LAB[tool]), f"lab_http/{tool}")
    assert found == f"litellmctl mcp call lab_http/{tool} {line}".rstrip()
    assert set(run(LAB[tool], found)) == set(LAB[tool].get("required", []))


@pytest.mark.parametrize("path", ["s/t", "git hub/it's", "s/$(rm -rf)", "s/a\nb", "s/`x`", "ä/日本", "s/*", "/"])
def test_an_example_can_be_pasted_whatever_the_tool_is_called(path: str) -> None:
    assert shlex.split(example_line(Schema(LAB["ping"]), path)) == ["litellmctl", "mcp", "call", path]


@pytest.mark.parametrize(
    "part",
    [
        *({"type": kind} for kind in ("string", "integer", "number", "boolean", "null", "array", "object")),
        *({"type": "array", "items": {"type": kind}} for kind in ("string", "integer", "boolean", "null", "object", "array")),
        {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
        {"type": "array", "items": object_of(["x"], x={"type": "integer"})},
        {"type": "array", "items": {"enum": [5, "x"]}},
        {"type": "array", "items": {"enum": ["[1]"]}},
        {"type": "array", "items": {"enum": ["@me"]}},
        {"enum": [None, "x"]},
        {"enum": [{"a": [1]}]},
        {"enum": [[1]]},
        {"enum": ["@me", "@all"]},
        {"enum": ["-"]},
        {"enum": [""]},
        {"enum": ["it's \n \"quoted\" $HOME"]},
        {"const": "5"},
        {"const": 5},
        {"const": True},
        {"type": "integer", "minimum": 10},
        {"type": "integer", "maximum": -10},
        {"type": "number", "minimum": 0.5, "maximum": 0.75},
        {"type": "number", "minimum": 100},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/N"}}, {"type": "null"}]},
        {"$ref": "#/$defs/N"},
        {"allOf": [{"type": "integer"}, {"minimum": 5}]},
        {"oneOf": [object_of(["x"], x={"const": "x"}), object_of(["y"], y={"const": "y"})]},
        object_of(["kind", "list", "n"], kind={"enum": ["a", "b"]}, list=ARRAY, n={"type": "integer", "minimum": 7}),
        object_of(["x"]),
        {"properties": {"x": {"type": "null"}}, "required": ["x"]},
        {},
        True,
    ],
    ids=lambda part: json.dumps(part)[:60],
)  # fmt: skip
def test_an_example_fits_its_own_schema(part: Any) -> None:
    nested = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/N"}}, {"type": "string"}]}
    for schema in (object_of(["a"], a=part), object_of(["b"], b=object_of(["a"], a=part))):
        document = {**schema, "$defs": {"N": nested}}
        assert list(run(document, example_line(Schema(document), "s/t"))) == schema["required"]


@pytest.mark.parametrize(
    "name",
    [
        "a.b",
        "a..b",
        "a=b",
        "a:",
        ":",
        "=",
        "",
        " ",
        "-a",
        "--args",
        "-",
        "@a",
        "a b",
        "it's",
        "$HOME",
        "ä",
        "a\nb",
        "args",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("part", [{"type": "string"}, {"type": "integer"}, {"type": "array"}, None], ids=json.dumps)
def test_an_example_fits_whatever_the_parameters_are_called(name: str, part: Any) -> None:
    properties = {"plain": {"type": "integer"}} if part is None else {name: part, "plain": {"type": "integer"}}
    schema = {"properties": properties, "required": [name, "plain"], "additionalProperties": part is None}
    assert set(run(schema, example_line(Schema(schema), "s/t"))) == {name, "plain"}


def test_an_example_gives_a_parameter_that_is_required_and_nothing_else() -> None:
    assert example_line(Schema({"required": ["a"]}), "s/t") == "litellmctl mcp call s/t a=A"


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4),
        st.recursive(
            st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind})
            | st.lists(JSON, min_size=1, max_size=3).map(lambda values: {"enum": values}),
            lambda inner: (
                inner.map(lambda part: {"type": "array", "items": part})
                | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts})
                | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(
                    lambda parts: object_of(list(parts)) | {"properties": parts}
                )
            ),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_any_example_fits_its_own_schema(properties: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    assert set(run(schema, example_line(Schema(schema), "s/t"))) == set(properties)


@pytest.mark.parametrize(
    ("part", "text", "value"),
    [
        ({}, '{"a": 1}', '{"a": 1}'),  # nothing says that it is an object
        ({"description": "anything"}, "[1]", "[1]"),
        ({"properties": {"a": {}}}, '{"a": 1}', {"a": 1}),
        # Arrays in arrays in arrays: what is deeper stays a text, and the check says so.
        ({"type": "array", "items": {"type": "array", "items": {"type": "array"}}}, "x", [["x"]]),
    ],
)
def test_what_has_no_type_is_a_text_unless_it_has_fields(part: Any, text: str, value: Any) -> None:
    schema = Schema({"type": "object", "properties": {"p": part}})
    assert build(schema, [Item("p", text, is_json=False)], {}) == {"p": value}


_EITHER = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "integer"}]}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "boolean"}, "p=true"),
        ({"type": "null"}, "p=null"),
        ({"const": None}, "p=null"),
        ({"enum": [False]}, "p=false"),
        ({"enum": ["@file"]}, 'p:="@file"'),  # as a text it would be read from a file
        ({"enum": ["-"]}, 'p:="-"'),
        (_EITHER, "p=P"),  # an array of one text
        ({"type": "array", "items": _EITHER}, "p=1"),  # inside of one, what is no array goes first
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, "p.a=1"),
        ({"properties": {"a": {"type": "integer"}}}, "p:={}"),
    ],
)
def test_the_example_of_a_parameter_is_the_shortest_that_means_it(part: Any, words: str) -> None:
    schema = Schema({"type": "object", "properties": {"p": part}, "required": ["p"]})
    assert shlex.split(example_line(schema, "s/t"))[4:] == [words]


def _fields(count: int) -> dict[str, Any]:
    names = [f"f{number}" for number in range(count)]
    return {"type": "object", "properties": {name: {"type": "integer"} for name in names}, "required": names}


@pytest.mark.parametrize(("count", "depth", "shown"), [(1000, 0, 1000), (1001, 0, 1), (31, 1, 31), (32, 1, 1)])
def test_an_example_is_no_longer_than_a_thousand_fields(count: int, depth: int, shown: int) -> None:
    """Fields in fields are counted as if each had as many: what is asked for at every depth grows fast."""
    inner = _fields(count)
    for _ in range(depth):
        inner = {"type": "object", "properties": {"one": inner}, "required": ["one"]}
    schema = {"type": "object", "properties": {"p": inner}, "required": ["p"]}
    value = run(schema, example_line(Schema(schema), "s/t"), checks=False)["p"]
    for _ in range(depth):
        value = value["one"]
    assert value == {f"f{number}": 1 for number in range(shown)}


def test_an_example_goes_four_objects_or_arrays_deep() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}
    schema = Schema({"type": "object", "properties": {"p": endless}, "required": ["p"], "$defs": {"A": endless}})
    assert shlex.split(example_line(schema, "s/t"))[4:] == ["p.a.a.a.a:={}"]
    endless = {"type": "array", "items": {"$ref": "#/$defs/A"}}
    schema = Schema({"type": "object", "properties": {"p": endless}, "required": ["p"], "$defs": {"A": endless}})
    assert shlex.split(example_line(schema, "s/t"))[4:] == ["p:=[[[[[]]]]]"]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('{"value": 1}', "pass JSON as --args JSON"),
        ("celsius", "write each argument as NAME=VALUE"),
        ("5", "write each argument as NAME=VALUE"),
    ],
)
def test_what_is_no_argument_gets_the_remedy_that_helps(text: str, remedy: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        parse_item(text, lambda _: "")
    assert caught.value.remedy == remedy
