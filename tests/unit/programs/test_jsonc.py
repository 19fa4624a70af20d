"""JSON with comments, changed in place: the new value is there, and nothing else is touched."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.programs.jsonc import NotJson, parse, with_members
from tests.effort import less_than


def with_value(text: str, keys: Sequence[str], value: Any) -> str:
    """Return the text with one member set."""
    return with_members(text, keys[:-1], {keys[-1]: value})


TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|[^\s"]', re.DOTALL)

# What could be taken for something else than a text.
words = st.text(st.sampled_from("ab\"'\\/*{}[]:,$#é\n\u2028😀 "), max_size=6)
scalars = st.none() | st.booleans() | st.integers(-9, 10**20) | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
gaps = st.sampled_from(
    [
        *("", "", "", " ", "\n", "\n  ", "\t", ' // it\'s "x", {\n', "/* a, } */"),
        *("/*\n * b\n */\n", " // /*\n", "/**/ /* c\n*/ "),
    ]
)
newlines = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return an object as somebody may have written it, and what it means."""
    value = draw(st.dictionaries(words, values, max_size=4))
    text = draw(gaps) + written(value, draw) + draw(gaps)
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", draw(newlines)), value


def written(value: Any, draw: st.DrawFn) -> str:
    if isinstance(value, dict):
        parts = [
            f"{draw(gaps)}{json.dumps(key, ensure_ascii=draw(st.booleans()))}{draw(gaps)}:{draw(gaps)}"
            f"{written(one, draw)}{draw(gaps)}"
            for key, one in value.items()
        ]
    elif isinstance(value, list):
        parts = [f"{draw(gaps)}{written(one, draw)}{draw(gaps)}" for one in value]
    else:
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    inside = ",".join(parts) + ("," if parts and draw(st.booleans()) else "") + draw(gaps)
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


def tokens(text: str) -> list[str]:
    return [token.rstrip("\r") for token in TOKEN.findall(text)]


def comments(text: str) -> list[str]:
    return [token for token in tokens(text) if token.startswith(("//", "/*"))]


def expected(value: dict[str, Any], keys: list[str], new: Any) -> dict[str, Any]:
    result = copy.deepcopy(value)
    inner = result
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = new
    return result


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is not true, the order of members counts."""
    return json.dumps(one) == json.dumps(other)


@given(texts())
def test_means_what_json_means(found: tuple[str, dict[str, Any]]) -> None:
    text, value = found
    assert same(parse(text).value, value)


@given(texts(), values, st.data())
def test_replaces_a_value_and_nothing_else(found: tuple[str, dict[str, Any]], new: Any, data: st.DataObject) -> None:
    text, value = found
    keys: list[str] = []
    node = parse(text)
    while node.members and (not keys or data.draw(st.booleans())):
        keys.append(data.draw(st.sampled_from(sorted(node.members))))
        node = node.members[keys[-1]].value
    if not keys:
        return
    after = with_value(text, keys, new)
    assert same(parse(after).value, expected(value, keys, new))
    assert after.startswith(text[: node.start])
    assert after.endswith(text[node.end :])


@given(texts(), words, words, values, st.data())
@example(('{"a": 1 /* b */ /* c\n */}', {"a": 1}), "k", "", 1, None)
@example(('{\r\n  "a": 1\n  // b\n}', {"a": 1}), "k", "", 1, None)
@example(('{"a": 1, // b\n}', {"a": 1}), "k", "", 1, None)
@example(("{// b\n}", {}), "k", "", 1, None)
def test_adds_a_member_and_touches_nothing_else(
    found: tuple[str, dict[str, Any]], key: str, deeper: str, new: Any, data: st.DataObject | None
) -> None:
    text, value = found
    keys: list[str] = []
    node = parse(text)
    while data and node.members and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(node.members)))
        if not isinstance(node.members[name].value.value, dict):
            break
        keys.append(name)
        node = node.members[name].value
    if key in node.members:
        return
    keys += [key, deeper] if deeper else [key]
    after = with_value(text, keys, new)
    assert same(parse(after).value, expected(value, keys, new))
    assert comments(after) == comments(text)
    last = max((member.value.end for member in node.members.values()), default=node.start + 1)
    assert after.startswith(text[:last])
    assert after.endswith(text[node.end - 1 :])


@given(texts(), st.dictionaries(words, values, max_size=6))
def test_sets_several_members_at_once(found: tuple[str, dict[str, Any]], new: dict[str, Any]) -> None:
    text, value = found
    after = with_members(text, (), new)
    assert same(parse(after).value, {**value, **new})


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("{}", "a", '{\n  "a": 1\n}'),
        ('{\n    "b": 2\n}\n', "a", '{\n    "b": 2,\n    "a": 1\n}\n'),
        ('{\n\t"b": 2, // two\n}\n', "a", '{\n\t"b": 2, // two\n\t"a": 1,\n}\n'),
        ('{\n  "b": 2 // two\n  // the end\n}\n', "a", '{\n  "b": 2, // two\n  "a": 1\n  // the end\n}\n'),
        ('{\r\n  "b": {}\r\n}\r\n', "b.a", '{\r\n  "b": {\r\n    "a": 1\r\n  }\r\n}\r\n'),
        ("// mine\n{\n  // nothing\n}\n", "a", '// mine\n{\n  // nothing\n  "a": 1\n}\n'),
        ('{"b": 2, "a": [1, /* x */ 2] /* y */}', "a", '{"b": 2, "a": 1 /* y */}'),
        ('{\n  "b": null, // none\n  "c": 3\n}', "b.a", '{\n  "b": {\n    "a": 1\n  }, // none\n  "c": 3\n}'),
        ('{"b": {"c": null}}', "b.c.d.a", '{"b": {"c": {\n  "d": {\n    "a": 1\n  }\n}}}'),
        ('{"": null}', ".a", '{"": {\n  "a": 1\n}}'),
        ('{\n  "b": 2\n}', "c.a", '{\n  "b": 2,\n  "c": {\n    "a": 1\n  }\n}'),
    ],
)
def test_looks_as_if_written_by_hand(before: str, keys: str, after: str) -> None:
    assert with_value(before, keys.split("."), 1) == after


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ('{"a":["x"]}', ["x", "y"], '{"a":["x", "y"]}'),
        ('{"a": ["x", ]}', ["x", "y"], '{"a": ["x", "y", ]}'),
        ('{"a": []}', ["y", "z"], '{"a": ["y", "z"]}'),
        ('{"a": ["x" /* mine */]}', ["x", "y"], '{"a": ["x", /* mine */ "y"]}'),
        ('{"a": ["x" // mine\n]}', ["x", "y"], '{"a": ["x", // mine\n  "y"\n]}'),
        ('{\n  "a": [ // none\n  ]\n}', ["y"], '{\n  "a": [ // none\n    "y"\n  ]\n}'),
        (
            '{\n  "a": [\n    "x", // mine\n    "w" // too\n  ],\n}',
            ["x", "w", "y"],
            '{\n  "a": [\n    "x", // mine\n    "w", // too\n    "y"\n  ],\n}',
        ),
        (
            '{\r\n\t"a": [\r\n\t\t"x",\r\n\t],\r\n}',
            ["x", "y"],
            '{\r\n\t"a": [\r\n\t\t"x",\r\n\t\t"y",\r\n\t],\r\n}',
        ),
        ('{"a": ["x", "y"]}', ["x"], '{"a": ["x"]}'),
        ('{"a": ["x", "y"]}', ["y"], '{"a": ["y"]}'),
        ('{"a": ["x"]}', [], '{"a": []}'),
        ('{"a": ["x" /* mine */, "y"]}', ["y"], '{"a": [ /* mine */ "y"]}'),
        ('{\n  "a": [\n    "x", // mine\n    "y",\n    "z" // too\n  ]\n}', ["x", "z"], None),
        (
            '{\n  "a": [\n    "x", // mine\n    "y"\n  ]\n}',
            ["x"],
            '{\n  "a": [\n    "x" // mine\n  ]\n}',
        ),
        ('{"a": ["y", "x", "y", "z", "y"]}', ["x", "z"], '{"a": ["x", "z"]}'),
        ('{"a": ["x", "y"]}', ["y", "z"], '{"a": ["y", "z"]}'),
        ('{"a": ["x", "y"]}', ["z"], '{"a": [\n  "z"\n]}'),
        ('{"a": [true]}', [1], '{"a": [\n  1\n]}'),
    ],
)
def test_a_list_keeps_its_comments_and_its_shape(before: str, new: list[Any], after: str | None) -> None:
    after = before.replace('    "y",\n', "") if after is None else after
    assert with_value(before, ["a"], new) == after


@given(texts(), st.data())
def test_a_list_that_loses_and_gains_items_keeps_every_comment(
    found: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, value = found
    lists = [key for key, one in value.items() if isinstance(one, list) and one]
    if lists:
        key = data.draw(st.sampled_from(lists))
        stay = data.draw(st.lists(st.booleans(), min_size=len(value[key]), max_size=len(value[key])))
        new = [one for one, stays in zip(value[key], stay, strict=True) if stays]
        new += data.draw(st.lists(values, max_size=2))
        after = with_value(text, [key], new)
        assert same(parse(after).value, expected(value, [key], new))
        # What stands inside of an item goes with it.
        if all(isinstance(one, str | int | float | None) for one in value[key]) and (any(stay) or not new):
            assert comments(after) == comments(text)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("", ""),
        ("{", ""),
        ("{} x", "x"),
        ('{"a" 1}', "1}"),
        ('{"a": }', "}"),
        ('{"a": 1 "b": 2}', '"b": 2}'),
        ("{a: 1}", "a: 1}"),
        ("{1: 1}", "1: 1}"),
        ("{\"a\": 'b'}", "'b'}"),
        ('{"a": "b\n"}', '"b\n"}'),
        ('{"a": "\\x"}', '"\\x"}'),
        ('{"a": 01}', "1}"),
        ('{"a": 1 /* }', "/* }"),
        ('{"a": 1, "a": 2}', '"a": 2}'),
        ("{,}", ",}"),
        ("[1,,2]", ",2]"),
        ('{"a": NaN}', "NaN}"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", None),
        ('{"a": 1' + "0" * 5000 + "}", None),
    ],
)
def test_refuses_what_is_no_json_and_says_where(text: str, rest: str | None) -> None:
    with pytest.raises(NotJson) as caught:
        with_value(text, ["k"], 1)
    if rest is not None:
        assert text[caught.value.position :] == rest


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null"])
def test_refuses_to_add_a_member_to_what_is_no_object(text: str) -> None:
    with pytest.raises(NotJson, match="the file is not an object"):
        with_value(text, ["a"], 1)


def test_refuses_to_go_through_what_is_no_object() -> None:
    with pytest.raises(NotJson, match=r"a\.b is not an object"):
        with_value('{"a": {"b": [1]}}', ["a", "b", "c"], 1)
    with pytest.raises(NotJson, match=r"^ is not an object"):
        with_value('{"": 1}', ["", "a"], 1)


def test_takes_no_time_for_what_is_long() -> None:
    members = {f"model-{number}": {"name": f"model-{number}", "limit": [1, 2]} for number in range(2000)}
    with less_than(3):
        after = with_members('{"a": 1, ' + " " * 100_000 + "/* */" * 20_000 + "}", ["models"], members)
        after = with_members(after, ["models"], members)
    assert parse(after).value == {"a": 1, "models": members}


@pytest.mark.parametrize("size", [10, 1000, 100_000])
@pytest.mark.parametrize("gap", ["", " ", "\n  "], ids=["no gap", "a space", "lines"])
def test_a_long_list_is_changed_in_linear_time(size: int, gap: str) -> None:
    text = f'{{"a": [{f",{gap}".join(["1", "2"] * size)}]}}'
    with less_than(0.5 + size * 1e-4):
        assert parse(with_members(text, [], {"a": [1] * size + [3]})).value == {"a": [1] * size + [3]}


@pytest.mark.parametrize("size", [10, 100, 1000, 30_000])
def test_a_file_of_one_line_is_changed_in_linear_time(size: int) -> None:
    text = "{" + ", ".join(f'"k{number}": {{"a": 1}}' for number in range(size)) + "}"
    with less_than(0.1 + size * 1e-4):
        after = with_members(text, ["p"], {"x": 1})
    assert after.startswith(text[:-1])
