"""Patterns and trees of strangers: what they match, by a slow reference, and that the worst takes linear time."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from click.shell_completion import CompletionItem
from hypothesis import strategies as st

from litellmctl.completion import protocol
from litellmctl.errors import UsageFailure, suggestion
from litellmctl.foundation.globs import Wildcards, covers, matches
from litellmctl.skills.manifest import read_manifest
from litellmctl.tools import validation
from tests.effort import less_than
from tests.fuzz.strategies import fuzz, mostly, texts, trees

# --- globs ---

few = st.text("ab*", max_size=5) | st.text("abAB*/?", max_size=8)
pieces = st.sampled_from(
    ["*", "**", "?", "a", "b", "A", "[ab]", "[!a]", "[a-b]", "[b-a]", "[]a]", "[", "]", "!", "-", "/", "é", "İ"]
)
globs = st.lists(pieces, max_size=6).map("".join)


def wildcard_matches(wildcard: str, name: str) -> bool:
    """Say by the definition whether `*` may stand for what it takes: one character after the other."""

    @cache
    def rest(at: int, place: int) -> bool:
        if at == len(wildcard):
            return place == len(name)
        if wildcard[at] == "*":
            return rest(at + 1, place) or (place < len(name) and rest(at, place + 1))
        return place < len(name) and wildcard[at] == name[place] and rest(at + 1, place + 1)

    return rest(0, 0)


def glob_matches(glob: str, name: str) -> bool:
    """Say by the definition whether a shell's pattern is like a name."""
    parts = re.findall(r"\[!?\]?[^\]]*\]|.", glob, re.DOTALL)

    @cache
    def rest(at: int, place: int) -> bool:
        if at == len(parts):
            return place == len(name)
        part = parts[at]
        if part == "*":
            return rest(at + 1, place) or (place < len(name) and rest(at, place + 1))
        return place < len(name) and _is_one(part, name[place]) and rest(at + 1, place + 1)

    return rest(0, 0)


def _is_one(part: str, character: str) -> bool:
    if len(part) == 1:
        return part in {"?", character}
    inside, found, at = part[1:-1].removeprefix("!"), False, 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            found |= inside[at] <= character <= inside[at + 2]
            at += 3
        else:
            found |= inside[at] == character
            at += 1
    return found != part.startswith("[!")


@fuzz(mostly(few, texts), mostly(few, texts), share=10)
def test_a_wildcard_covers_what_the_definition_says(wildcard: str, name: str) -> None:
    near = wildcard.replace("*", "")
    for one in (name, near, near[1:], near[:-1], wildcard.replace("*", name), f"{near}{name}"):
        assert covers(wildcard, one) == wildcard_matches(wildcard, one)
    assert covers(wildcard, wildcard.replace("*", name))
    part = near[: len(near) // 2 + 1]  # ends may not overlap
    for one in (part, part[:1]):
        assert covers(f"{part}*{part}", one) == wildcard_matches(f"{part}*{part}", one)


@fuzz(st.lists(mostly(few, texts), max_size=3), st.lists(mostly(globs, texts), max_size=3), share=10)
def test_a_users_pattern_is_like_what_the_definition_says(names: list[str], patterns: list[str]) -> None:
    expected = any(glob_matches(glob.lower(), name.lower()) for glob in patterns for name in names)
    assert matches(names, patterns) == expected


@fuzz(st.lists(mostly(few, texts), max_size=8), st.lists(mostly(few, texts), max_size=4), share=4)
def test_the_longest_wildcard_that_covers_a_name_is_found_whatever_their_order(
    wildcards: list[str], names: list[str]
) -> None:
    one, other = Wildcards(wildcards), Wildcards(reversed(wildcards))
    for name in names:
        covering = sorted((one for one in wildcards if wildcard_matches(one, name)), key=lambda one: (-len(one), one))
        assert one.covering(name) == other.covering(name) == (covering[0] if covering else None)


# Repeated, these are what a matcher that tries again has most work with.
seeds = st.text("ab*?[]!-/", min_size=1, max_size=5)


@fuzz(seeds, seeds, st.text("abc*?", max_size=3), st.sampled_from([1000, 30_000]))
def test_no_pattern_takes_more_than_linear_time(part: str, repeated: str, end: str, size: int) -> None:
    name = (repeated * size)[:size]
    with less_than(0.3 + size * 1e-5):
        covers((part * size)[:size] + end, name)
        covers(part * 20 + end, name)
        matches([name], [part * 20 + end])
    with less_than(2):
        wildcards = Wildcards(f"{part * (number % 20)}*{number}" for number in range(300))
        for _ in range(300):
            wildcards.covering(name)


@fuzz(texts, st.lists(texts, max_size=4), st.sampled_from([1, 1000, 100_000]))
def test_a_suggestion_is_one_of_the_names_or_none_and_soon_there(word: str, possible: list[str], times: int) -> None:
    with less_than(3):
        said = suggestion(word * times, [one * times for one in possible])
    assert said == "" or any(said == f'. Did you mean "{one * times}"?' for one in possible)


# --- schemas ---

leaves = st.just({}) | st.sampled_from(
    [{}, {"type": "string"}, {"pattern": "a*b"}, {"const": 1}, {"type": "object", "required": ["a"]}, True, False]
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Return a schema whose parts lead to the next ones, so that a validator comes to the last ones many times."""
    depth = draw(st.integers(1, 10) | st.integers(25, 27))
    words = draw(st.just(["allOf"]) | st.lists(st.sampled_from(["anyOf", "allOf", "oneOf", "not", "if", "properties", "items", "$ref", "dependentSchemas"]), min_size=1, max_size=3))  # fmt: skip
    parts: dict[str, Any] = {f"d{depth}": draw(leaves)}
    for level in range(depth):
        word, to = words[level % len(words)], {"$ref": f"#/$defs/d{level + 1}"}
        many = draw(st.integers(1, 2 if depth > 10 else 4)) if depth < 20 or words != ["allOf"] else 2
        parts[f"d{level}"] = {
            **({word: [to] * many} if word in {"anyOf", "allOf", "oneOf"} else {}),
            **({word: to} if word in {"not", "items"} else {}),
            **({word: to, "then": to, "else": to} if word == "if" else {}),
            **({word: {"a": to, "b": to}} if word in {"properties", "dependentSchemas"} else {}),
            **(to if word == "$ref" else {}),
        }
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": parts}


values = trees(st.sampled_from([1, "a" * 50, None]), st.sampled_from(["a", "b"]), size=6)


@fuzz(graphs(), values, share=2)
def test_a_schema_that_is_checked_at_once_is_checked_soon(schema: dict[str, Any], value: Any) -> None:
    with less_than(1):
        effort = validation.effort(schema, {"a": value})
    if effort.is_quick:
        validator = validation.validator_of(schema)
        with less_than(1.5):
            fits = validation.fits(validator, {"a": value})
        assert isinstance(fits, bool)


# --- the front matter of a SKILL.md ---

MATTERS = ["[", "{", "- ", "? ", "a: ", "a:\n ", "&a ", "*a ", "!x ", '"\\x', "'", "|\n", ">\n", "#", "---\n", "<<: *a\n", "\t", "\\", "%", "é", " ", "\n", ",", "- [", "a: {", "&a [*a, "]  # fmt: skip


@fuzz(
    st.lists(st.sampled_from(MATTERS), min_size=1, max_size=3).map("".join),
    st.sampled_from(["", "x", "]", "}", '"']),
    st.sampled_from([1000, 1000, 1000, 16_000]),
)
def test_no_front_matter_takes_more_than_linear_time(part: str, end: str, size: int) -> None:
    data = f"---\nname: a\nx: {(part * size)[:size]}{end}\n---\n".encode()
    with less_than(0.5 + size * 4e-4):
        try:
            read_manifest(data, "SKILL.md")
        except UsageFailure as failure:
            assert len(failure.message) < 2000


# --- the names that a shell completes ---


@fuzz(texts, texts, st.sampled_from([1, 100_000]))
def test_no_name_that_is_offered_hides_something_or_takes_long(name: str, meaning: str, times: int) -> None:
    with less_than(1):
        line = protocol._line(CompletionItem(name * times, help=meaning * times), "", 0)
    if line:
        _, value, shown = line.removesuffix("\n").split("\t")
        assert value == name * times
        assert value.isprintable()
        assert len(shown) <= 80
        json.dumps(line).encode()
