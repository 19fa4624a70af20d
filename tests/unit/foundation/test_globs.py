from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.foundation import globs
from litellmctl.foundation.globs import Wildcards, covers, matcher, matches
from tests.effort import less_than

NAME = st.text("ab*/", max_size=8)
# Names and patterns that a matcher that tries again and again has most work with, of a size.
CATASTROPHIC = {
    "stars": lambda n: ("a" * n, "*a" * 9 + "*b"),
    "as many stars": lambda n: ("a" * n, "*a" * n + "*b"),
    "the same text": lambda n: ("a" * n, "*" + "a" * 20 + "b*"),
    "a long text": lambda n: ("ab" * n, "*" + "ab" * (n // 2) + "c*"),
    "the end": lambda n: ("a" * n, "*ab*" + "a" * 20 + "b"),
}


@pytest.mark.parametrize("shape", CATASTROPHIC)
def test_a_wildcard_is_compared_in_linear_time(shape: str) -> None:
    for size in (10, 100, 1000, 10_000, 1_000_000):
        name, wildcard = CATASTROPHIC[shape](size)
        with less_than(0.01 + size * 2e-6):
            assert not covers(wildcard, name)


@pytest.mark.parametrize(
    "glob",
    ["*a" * 9 + "*b", "*a?" * 9 + "*b", "*[ab]" * 9 + "*[!a]", "*" + "a" * 50 + "b*", "*a*?*?*a*?b*?b", "[a" * 9],
)
def test_a_users_pattern_is_compared_in_linear_time(glob: str) -> None:
    for size in (10, 100, 1000, 10_000, 1_000_000):
        with less_than(0.05 + size * 1e-6):
            assert not matches(["a" * size], [glob])


@given(st.lists(NAME, max_size=3), st.lists(st.text("abA*?[]!-", max_size=6), max_size=3))
def test_a_users_pattern_means_what_the_shells_means(names: list[str], patterns: list[str]) -> None:
    expected = any(fnmatchcase(name.lower(), glob.lower()) for name in names for glob in patterns)
    assert matches(names, patterns) == expected


@given(st.lists(NAME.map("{}*".format), max_size=8), NAME)
def test_the_most_specific_wildcard_is_found(wildcards: list[str], name: str) -> None:
    covering = sorted({one for one in wildcards if covers(one, name)}, key=lambda one: (-len(one), one))
    assert Wildcards(wildcards).covering(name) == (covering[0] if covering else None)


@pytest.mark.parametrize("size", [10, 100, 1000, 10_000])
def test_wildcards_that_begin_with_a_providers_name_are_all_found(size: int) -> None:
    wildcards = Wildcards([f"provider-{number}/*" for number in range(size)])
    with less_than(0.1 + size * 1e-4):
        for number in range(size):
            assert wildcards.covering(f"provider-{number}/model") == f"provider-{number}/*"
    assert not wildcards.is_exhausted


MANY = {
    "one end each": lambda number: f"*a*b{number}",
    "many stars": lambda number: "*a" * 100 + f"*b{number}",
    "every length": lambda number: "a" * (number % 500) + f"*b{number}",
}


@pytest.mark.parametrize("shape", MANY)
@pytest.mark.parametrize("size", [3000, 30_000])
@pytest.mark.parametrize("length", [10, 500, 1_000_000])
def test_the_search_ends_whatever_there_is_to_compare(shape: str, size: int, length: int) -> None:
    wildcards = Wildcards(map(MANY[shape], range(size)))
    name = "a" * length
    with less_than(6):
        for _ in range(size):
            assert wildcards.covering(name) is None


def test_a_hundred_wildcards_and_ten_thousand_names_are_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    wildcards = Wildcards(f"*-{number}" for number in range(100))
    assert [wildcards.covering(f"model-{number % 100}") for number in range(10_000)].count(None) == 0
    monkeypatch.setattr(globs, "_COMPARISONS", 10)
    assert Wildcards(["*-a"] * 20).covering("a") is None


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("issue", ["create_issue", "get_user"], ["create_issue"]),
        ("ISSUE", ["Create_Issue"], ["Create_Issue"]),
        ("get_*", ["get_user", "target_get_x"], ["get_user"]),
        ("get_?", ["get_a", "get_ab"], ["get_a"]),
        ("[gs]et", ["get", "set", "reset"], ["get", "set"]),
        ("", ["a", ""], ["a", ""]),
    ],
)
def test_a_filter_without_a_wildcard_matches_inside_a_name(text: str, names: list[str], found: list[str]) -> None:
    assert [name for name in names if matches([name], [matcher(text)])] == found
