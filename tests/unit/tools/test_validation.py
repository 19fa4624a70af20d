from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from litellmctl import own_command
from litellmctl.tools import validation
from litellmctl.tools.parameters import parameters
from litellmctl.tools.schema import Problem, Schema
from tests.contract.tools import ADD, CONVERT, REGISTER
from tests.effort import less_than


def tree(keyword: str, depth: int, leaf: Any) -> dict[str, Any]:
    """Return a schema of a few kilobytes of which a validator looks at 2 ** depth leaves."""
    parts: dict[str, Any] = {f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(depth)}
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, f"d{depth}": leaf}}


def chained(wrap: Callable[[dict[str, str]], Any], depth: int) -> dict[str, Any]:
    """Return a schema whose parts refer to the next one as `wrap` says."""
    parts = {f"d{level}": wrap({"$ref": f"#/$defs/d{level + 1}"}) for level in range(depth)}
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, f"d{depth}": {}}}


def unevaluated(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(depth):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


def elsewhere(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose part has a name of its own, from which its references begin."""
    inner = {"$id": "https://example.com/inner", "$ref": "#/$defs/d0", "$defs": schema["$defs"]}
    return {"$id": "https://example.com/", "properties": {"a": {"$ref": "inner"}}, "$defs": {"d0": True, "i": inner}}


HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "anyOf": (tree("anyOf", 30, {"type": "string"}), 1),
    "allOf": (tree("allOf", 40, {}), {}),
    "oneOf": (tree("oneOf", 35, {"type": "string"}), 1),
    "an id": (elsewhere(tree("allOf", 40, {})), {}),
    "not": (chained(lambda ref: {"anyOf": [{"not": ref}, {"not": ref}]}, 90), {}),
    "if": (chained(lambda ref: {"if": ref, "then": ref, "else": ref}, 40), {}),
    "dependentSchemas": (
        {
            **chained(lambda ref: {"dependentSchemas": {"x": ref, "default": ref}}, 40),
            "properties": {"a": {"$ref": "#/$defs/d0"}},
        },
        {"x": 1, "default": 1},
    ),
    "unevaluatedProperties": (unevaluated(30), 1),
    "a long pattern": ({"properties": {"a": {"pattern": "[xy]*x[xy]{20000}z"}}}, "xyxxy" * 40_000),
    "many patterns": (
        {"properties": {"a": {}, "b": {"allOf": [{"pattern": rf"(\p{{L}}\w){{{60 + n}}}z"} for n in range(300)]}}},
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", HOSTILE)
def test_what_would_take_for_ever_is_not_checked_in_this_process(shape: str) -> None:
    schema, value = HOSTILE[shape]
    assert len(json.dumps(schema)) < 20_000
    assert not validation.effort(schema, {"a": value}).is_quick


@pytest.mark.parametrize("shape", HOSTILE)
def test_a_check_ends_whatever_the_schema(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(validation, "EXPLAIN_SECONDS", 0.5)
    schema, value = HOSTILE[shape]
    start = time.monotonic()
    with less_than(1):
        try:
            found = Schema(schema).problems({"a": value})
        except validation.TooHard:
            found = [Problem("", "does not match the tool's schema")]
    assert found == [Problem("", "does not match the tool's schema")]
    assert time.monotonic() - start < 10


def test_the_other_process_ends_by_itself_when_nobody_ends_it() -> None:
    schema, value = HOSTILE["allOf"]
    start = time.monotonic()
    done = subprocess.run(
        own_command.module("litellmctl.tools.check_process"),
        input=json.dumps([schema, {"a": value}]).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert time.monotonic() - start < validation.CHECK_SECONDS + 20


@pytest.mark.parametrize(
    "words", [b"", b"x", b"[]", b"[1, 2, 3]", b"\xff", b'[{"properties": {"a": false}}, {"a": 1}]'], ids=repr
)
def test_the_other_process_is_no_place_for_a_traceback(words: bytes) -> None:
    done = subprocess.run(
        own_command.module("litellmctl.tools.check_process"), input=words, capture_output=True, timeout=60, check=False
    )
    assert done.stdout.startswith(b"false\n") or done.stdout == b""


ORDINARY = [
    (ADD, {"a": 1, "b": 2}),
    (CONVERT, {"value": 1.5, "unit": "celsius", "precise": True}),
    (REGISTER, {"person": {"name": "Ada", "age": 36, "address": {"street": "x"}}, "tags": ["a", "b"]}),
    ({"properties": {"text": {"type": "string", "minLength": 1}}}, {"text": "x" * 2**20}),
    (
        {"properties": {f"p{n}": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"} for n in range(50)}},
        {f"p{n}": "some-name" for n in range(10)},
    ),
    (
        {
            "properties": {
                "id": {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}
            }
        },
        {"id": "01234567-89ab-cdef-0123-456789abcdef"},
    ),
]


@pytest.mark.parametrize(("schema", "arguments"), ORDINARY)
def test_ordinary_arguments_are_checked_and_explained_in_this_process(
    schema: Any, arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "problems_elsewhere", None)
    assert Schema(schema).problems(arguments) == []
    assert Schema(schema).problems({name: [None] for name in arguments}) != []


def test_many_values_of_an_ordinary_schema_are_checked_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "problems_elsewhere", None)
    item = {"properties": {"name": {"type": "string"}, "size": {"type": "integer"}}, "required": ["name"]}
    schema = {"properties": {"items": {"type": "array", "items": item}}}
    assert Schema(schema).problems({"items": [{"name": "x", "size": 1}] * 10_000}) == []


@pytest.mark.parametrize("size", [10, 100, 1000, 10_000])
@pytest.mark.parametrize("keyword", ["anyOf", "allOf", "oneOf"])
def test_how_much_effort_a_check_is_takes_little_to_find_out(keyword: str, size: int) -> None:
    with less_than(0.05 + size * 1e-4):
        validation.effort(tree(keyword, size, {"type": "string"}), {"a": {"a": [1, "x"]}})


@pytest.mark.parametrize(
    "beginning", ["{", "{1", "{1,", "({", "a{1000}", "(a{9}){9}", "(?:", "\\p{L}", "(?i", "[", "(?x"]
)
def test_how_large_a_pattern_is_takes_little_to_find_out(beginning: str) -> None:
    for filler in ("", " ", "1", ",", "}", "{", "x"):
        pattern = beginning + filler * 1_000_000
        with less_than(1):
            validation.effort({"properties": {"a": {"pattern": pattern}}}, {"a": "x"})


@pytest.mark.parametrize(
    "pattern",
    [
        "x{9000}",
        "(x{90}){90}",
        "((x{30}){30}){30}",
        "(x{ 90 }) {90}",
        "x{90}{90}",
        "x{90}?{90}",
        "(x{90})*{90}",
        "(?:x{90}y|z){90}",
        "(x|y){9000,}",
        "(x{0,90}){0,90}",
        "(?x) (x{90}) # {\n {90}",
        r"\p{L}{50}",
        "(?i)x{90}",
    ],
)
def test_a_pattern_counts_with_all_that_it_repeats(pattern: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}}}
    small = {"properties": {"a": {"pattern": re.sub("[0-9]+", "1", pattern)}}}
    assert validation.effort(schema, {"a": "x" * 1000}).matching > 500_000
    assert validation.effort(schema, {"a": "x"}).matching >= validation.effort(small, {"a": "x"}).matching


def test_references_that_are_not_followed_are_no_certain_effort() -> None:
    for part in ({"$ref": "#x"}, {"$ref": "#/%24defs/a"}, {"$dynamicRef": "#x"}, {"$ref": "other"}, {"$ref": "#/a/0"}):
        assert validation.effort({"properties": {"a": part}}, {"a": 1}).steps == inf


BIG = "n" * 1_000_000
LONG_TEXTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a pattern": ({"properties": {"a": {"pattern": f"^{BIG}$"}}}, {"a": "x"}),
    "a name": ({"properties": {BIG: {}}}, {"b": 1}),
    "names": ({"properties": {"n" * 1000 + str(n): {} for n in range(1000)}}, {"b": 1}),
    "a required name": ({"properties": {BIG: {}}, "required": [BIG]}, {}),
    "required names": ({"required": ["n" * 1000 + str(n) for n in range(1000)]}, {}),
    "a type": ({"properties": {"a": {"type": BIG}}, "required": ["a"]}, {}),
    "types": ({"properties": {"a": {"anyOf": [{"type": str(n) * 500} for n in range(100)]}}, "required": ["a"]}, {}),
    "an enumeration": ({"properties": {"a": {"enum": [BIG + str(n) for n in range(20)]}}}, {"a": 1}),
    "names inside": ({"properties": {"a": {"required": [BIG], "properties": {BIG: {}}}}}, {"a": {}}),
    "no other names inside": (
        {"properties": {"a": {"properties": {BIG: {}}, "additionalProperties": False}}},
        {"a": {"b": 1}},
    ),
}


@pytest.mark.parametrize("kind", LONG_TEXTS)
def test_a_long_text_of_a_schema_is_cut_in_an_error(kind: str) -> None:
    from litellmctl.errors import UsageFailure
    from litellmctl.tools.arguments import check

    schema, arguments = LONG_TEXTS[kind]
    with pytest.raises(UsageFailure) as caught:
        check(Schema(schema), arguments, "s/t")
    assert 10 < len(caught.value.message) < 20 * 750


WALKS: dict[str, Callable[[int], Any]] = {
    "shared properties": lambda n: {
        "properties": {f"p{i}": {} for i in range(n)},
        "anyOf": [{"anyOf": [{"required": [f"p{i}"], "title": str(i * 100 + j)} for j in range(100)]} for i in range(min(n, 100))],
    },
    "one enumeration": lambda n: {
        "properties": {f"p{i}": {"$ref": "#/$defs/e"} for i in range(n)},
        "$defs": {"e": {"enum": list(range(n))}},
    },
    "one default": lambda n: {
        "properties": {f"p{i}": {"$ref": "#/$defs/e"} for i in range(n)},
        "$defs": {"e": {"default": "x" * 100 * n, "description": "y" * 100 * n}},
    },
    "all of all": lambda n: {
        "allOf": [{"$ref": "#/$defs/e"}] * n,
        "$defs": {"e": {"properties": {f"p{i}": {} for i in range(n)}, "required": [f"p{i}" for i in range(n)]}},
    },
    "types": lambda n: {"properties": {"a": {"anyOf": [{"anyOf": [{"type": f"t{i}-{j}"} for j in range(100)]} for i in range(min(n, 100))]}}},
    "long references": lambda n: {"properties": {f"p{i}": {"$ref": "#" + "/a" * n} for i in range(n)}},
}  # fmt: skip


@pytest.mark.parametrize("shape", WALKS)
@pytest.mark.parametrize("size", [10, 100, 1000, 3000])
def test_what_is_shown_of_a_schema_takes_time_in_proportion(shape: str, size: int) -> None:
    from litellmctl.tools.arguments import Item, build, example

    document = WALKS[shape](size)
    with less_than(0.3 + len(json.dumps(document)) * 1e-5):
        schema = Schema(document)
        rows = parameters(schema)
        build(schema, [Item("a.b", "x", False), Item("p1", "1", False), Item("p1", "2", False)], {})
        assert len(" ".join(example(schema, "s/t"))) < 100 * len(json.dumps(document))
    assert sum(map(len, (text for row in rows for text in (row.default, row.description, row.allowed)))) < 20 * 2**20


def test_where_no_process_can_be_started_the_way_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from litellmctl.errors import Failure

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    schema, value = HOSTILE["allOf"]
    with pytest.raises(Failure, match="cannot start a process") as caught:
        Schema(schema).problems({"a": value})
    assert "--no-check" in str(caught.value.remedy)
