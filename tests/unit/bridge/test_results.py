"""Results that clients accept: real ones of a proxy stay as they are, and nothing odd in one costs all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from litellmctl.bridge.results import acceptable

_NEWEST = "2025-11-25"
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNg+M/AAAADAQEAGN2NsAAAAABJRU5ErkJggg=="
_WORDS = {"type": "text", "text": "words"}


def _one(block: Any, version: str = _NEWEST) -> dict[str, Any]:
    """Return what becomes of one content block."""
    (block,) = acceptable({"content": [block]}, version)["content"]
    assert isinstance(block, dict)
    return block


def test_members_that_are_null_go() -> None:
    # As LiteLLM 1.106 answers /mcp-rest/tools/call.
    result = {
        "_meta": None,
        "content": [
            {"type": "text", "text": "a pixel:", "annotations": None, "_meta": None},
            {"type": "image", "data": _PIXEL, "mimeType": "image/png", "annotations": None, "_meta": None},
        ],
        "structuredContent": None,
        "isError": False,
        "resultType": "complete",
    }
    assert acceptable(result, _NEWEST) == {
        "content": [
            {"type": "text", "text": "a pixel:"},
            {"type": "image", "data": _PIXEL, "mimeType": "image/png"},
        ],
        "isError": False,
    }
    assert result["resultType"] == "complete"  # the caller's stays as it is


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
@pytest.mark.parametrize(
    "block",
    [
        _WORDS,
        {"type": "text", "text": "", "annotations": {"audience": ["user"], "priority": 0.5}, "_meta": {"a": None}},
        {"type": "text", "text": "x", "annotations": {"lastModified": "2025-01-12T15:00:58.5Z"}, "unknown": [1]},
        {"type": "image", "data": _PIXEL, "mimeType": "image/png"},
        {"type": "audio", "data": "", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "probe://linked", "name": "linked", "mimeType": "text/plain", "size": 3},
        {"type": "resource_link", "uri": "https://a:8/b?c=%20", "name": "x"},
        {"type": "resource_link", "uri": "a:b", "name": "", "title": "T", "icons": [{"src": "x", "sizes": ["1x1"]}]},
        {"type": "resource", "resource": {"uri": "file:///a", "text": "t", "mimeType": "text/plain", "_meta": {}}},
        {"type": "resource", "resource": {"uri": "file:///a", "blob": _PIXEL}, "annotations": {}},
    ],
)
def test_what_clients_accept_stays_as_it_is(block: dict[str, Any], version: str) -> None:
    assert _one(block, version) == block


@pytest.mark.parametrize(
    "block",
    [
        None,
        7,
        "text",
        [],
        {},
        {"type": None},
        {"type": ["text"]},
        {"type": "video", "url": "x"},
        {"type": "tool_use", "id": "1", "name": "x", "input": {}},
        {"text": "no type"},
        {"type": "text"},
        {"type": "text", "text": None},
        {"type": "text", "text": 5},
        {"type": "image", "data": _PIXEL},
        {"type": "image", "mimeType": "image/png"},
        {"type": "resource_link", "uri": "probe://x"},
        {"type": "resource_link", "uri": "no scheme", "name": "x"},
        {"type": "resource_link", "uri": "/path", "name": "x"},
        {"type": "resource_link", "uri": 5, "name": "x"},
        {"type": "resource_link", "uri": "http://", "name": "x"},
        {"type": "resource_link", "uri": "https://[::1", "name": "x"},
        {"type": "resource_link", "uri": "HTTP://a:99999/", "name": "x"},
        {"type": "resource"},
        {"type": "resource", "resource": []},
        {"type": "resource", "resource": {"uri": "file:///a"}},
        {"type": "resource", "resource": {"uri": "a b", "text": "x"}},
    ],
)
def test_a_block_that_no_client_accepts_becomes_its_json(block: Any) -> None:
    assert json.loads(_one(block)["text"]) == block
    assert _one(block)["type"] == "text"


@pytest.mark.parametrize("data", ["###", "a", "abcde", "data:image/png;base64,AAAA", "a_b-", "AA=A", "====", "é" * 4])
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_data_that_is_not_base64_is_named_and_not_shown(kind: str, data: str) -> None:
    block = _one({"type": kind, "data": data, "mimeType": f"{kind}/x"})
    assert block == {
        "type": "text",
        "text": f"litellmctl: {kind}/x that is not valid Base64 ({len(data)} characters)",
    }
    inner = {"uri": "file:///a", "blob": data}
    assert "not valid Base64" in _one({"type": "resource", "resource": inner})["text"]


@pytest.mark.parametrize("data", ["", "AAAA", "AAA=", "AA==", "+/+/"])
def test_base64_stays_as_it_is(data: str) -> None:
    block = {"type": "image", "data": data, "mimeType": "image/png"}
    assert _one(block) == block


@pytest.mark.parametrize(("data", "clean"), [("AA", "AA=="), ("AAA", "AAA="), ("AA\nAA", "AAAA"), ("AAAA\r\n", "AAAA")])
def test_base64_is_made_as_old_clients_want_it(data: str, clean: str) -> None:
    assert _one({"type": "image", "data": data, "mimeType": "a/b"})["data"] == clean
    resource = {"uri": "file:///a", "blob": data}
    assert _one({"type": "resource", "resource": resource})["resource"]["blob"] == clean


@pytest.mark.parametrize(
    "odd",
    [
        {"annotations": "x"},
        {"annotations": []},
        {"_meta": "x"},
        {"_meta": []},
    ],
)
def test_an_optional_member_that_is_odd_goes_alone(odd: dict[str, Any]) -> None:
    assert _one({**_WORDS, **odd}) == _WORDS


@pytest.mark.parametrize(
    "odd",
    [
        {"audience": "user"},
        {"audience": ["model"]},
        {"audience": [{}]},
        {"priority": 2},
        {"priority": "high"},
        {"priority": True},
        {"lastModified": "yesterday"},
        {"lastModified": "2025-13-45T12:00:00Z"},
        {"lastModified": 5},
        {"priority": None},
    ],
)
def test_an_annotation_that_is_odd_goes_alone(odd: dict[str, Any]) -> None:
    block = {**_WORDS, "annotations": {"audience": ["user"], "priority": 1, **odd}}
    kept = {name: value for name, value in {"audience": ["user"], "priority": 1}.items() if name not in odd}
    assert _one(block)["annotations"] == kept


@pytest.mark.parametrize(
    "odd",
    [
        {"title": 5},
        {"description": []},
        {"mimeType": 1},
        {"size": "3"},
        {"size": True},
        {"icons": {}},
        {"icons": [{}]},
        {"icons": [{"src": "x", "sizes": "1x1"}]},
        {"icons": [{"src": "x", "theme": "blue"}]},
        {"icons": [{"src": "x", "theme": []}]},
        {"icons": [{"src": "x", "mimeType": None}]},
    ],
)
def test_a_member_of_a_link_that_is_odd_goes_alone(odd: dict[str, Any]) -> None:
    link = {"type": "resource_link", "uri": "probe://x", "name": "x"}
    assert _one({**link, **odd}) == link


def test_old_clients_get_what_they_know() -> None:
    audio = {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}
    link = {"type": "resource_link", "uri": "probe://x", "name": "x"}
    assert _one(audio, "2025-03-26") == audio
    resource = {"uri": "audio:1", "mimeType": "audio/wav", "blob": "AAAA"}
    assert _one(audio, "2024-11-05") == {"type": "resource", "resource": resource}
    assert json.loads(_one(link, "2025-03-26")["text"]) == link
    assert json.loads(_one(link, "2024-11-05")["text"]) == link
    assert "not valid Base64" in _one({**audio, "data": "#"}, "2024-11-05")["text"]


@pytest.mark.parametrize("content", [None, "words", {"type": "text", "text": "words"}, 0])
def test_content_is_always_a_list(content: Any) -> None:
    blocks = acceptable({"content": content}, _NEWEST)["content"]
    assert isinstance(blocks, list)
    assert len(blocks) == (content is not None)


@pytest.mark.parametrize("value", ["yes", 1, None, []])
def test_odd_members_of_a_result_go(value: Any) -> None:
    assert acceptable({"content": [_WORDS], "isError": value, "_meta": value}, _NEWEST) == {"content": [_WORDS]}


def test_other_members_of_a_result_stay() -> None:
    result = {"content": [_WORDS], "_meta": {"a": 1}, "isError": True, "more": {"b": None}}
    assert acceptable({**result, "most": None}, _NEWEST) == result


def test_structured_content_alone_is_text_too() -> None:
    result = acceptable({"content": [], "structuredContent": {"answer": 42}, "isError": False}, _NEWEST)
    assert result["structuredContent"] == {"answer": 42}
    assert [json.loads(block["text"]) for block in result["content"]] == [{"answer": 42}]


def test_structured_content_beside_text_is_not_repeated() -> None:
    result = {"content": [_WORDS], "structuredContent": {"answer": 42}}
    assert acceptable(result, _NEWEST) == result


def test_large_structured_content_is_not_copied() -> None:
    result = {"content": [], "structuredContent": {"a": "x" * 2**21}}
    assert acceptable(result, _NEWEST) == result


@pytest.mark.parametrize("structured", [[1, 2], "x", 5, True])
def test_structured_content_that_is_no_object_becomes_text(structured: Any) -> None:
    result = acceptable({"structuredContent": structured}, _NEWEST)
    assert "structuredContent" not in result
    assert [json.loads(block["text"]) for block in result["content"]] == [structured]


# What a tool with an output schema promises

_WRAPPED = {"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]}


def _schema(*required: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {}}, "required": list(required)}


@pytest.mark.parametrize(
    ("words", "schema", "structured"),
    [
        ('{"a": 1}', _schema("a"), {"a": 1}),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("hello", _WRAPPED, {"result": "hello"}),
        ("5", _WRAPPED, {"result": "5"}),
        ("[5]", {**_WRAPPED, "properties": {"result": {"type": "array"}}}, {"result": [5]}),
        ("6.5", {**_WRAPPED, "properties": {"result": {"type": "number"}}}, {"result": 6.5}),
    ],
)
def test_structured_content_is_found_in_the_only_text(words: str, schema: dict[str, Any], structured: Any) -> None:
    block = {"type": "text", "text": words}
    assert acceptable({"content": [block]}, _NEWEST, schema) == {"content": [block], "structuredContent": structured}


@pytest.mark.parametrize(
    ("content", "schema"),
    [
        ([_WORDS], _schema("a")),
        ([{"type": "text", "text": '{"b": 1}'}], _schema("a")),
        ([{"type": "text", "text": '{"a": NaN}'}], _schema("a")),
        ([{"type": "text", "text": "[" * 100_000}], _schema("a")),
        ([], _schema("a")),
        ([{"type": "text", "text": "{}"}, _WORDS], _schema()),
        ([_WORDS], {"type": "object", "required": "result", "properties": []}),
        ([_WORDS], {"type": "object", "required": ["result"], "properties": {}}),
        ([_WORDS], {"type": "object", "required": ["result", "a"], "properties": {"result": {"type": "string"}}}),
    ],
)
def test_a_promise_that_is_not_kept_costs_no_text(content: list[Any], schema: dict[str, Any]) -> None:
    result = acceptable({"content": content, "isError": False}, _NEWEST, schema)
    assert result["content"][:-1] == content
    assert "the call was made" in result["content"][-1]["text"].lower()
    assert result["isError"] is True
    assert "structuredContent" not in result


def test_an_error_promises_nothing() -> None:
    result = {"content": [_WORDS], "isError": True}
    assert acceptable(result, _NEWEST, _schema("a")) == result


def test_structured_content_that_is_there_is_not_judged() -> None:
    result = {"content": [_WORDS], "structuredContent": {}}
    assert acceptable(result, _NEWEST, _schema("a")) == result
