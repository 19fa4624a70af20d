"""A sentence has a length, whatever a stranger put into it, and its useful part is left."""

from __future__ import annotations

import pytest

from litellmctl.foundation.sentences import listed, sentence
from litellmctl.foundation.text import MAX_WORDS, cut
from tests.effort import less_than


@pytest.mark.parametrize("text", ["", "short", "a  b", "x" * 500, "word " * 140, "größe 日本"])
def test_what_is_short_stays(text: str) -> None:
    assert sentence(text) == text


@pytest.mark.parametrize("stranger", ["x" * 10**6, "a b" * 10**6, "\x1b[31m" * 10**5, " " * 10**6, "\u202e中" * 10**6])
@pytest.mark.parametrize("frame", ["it is issued for {}, not this proxy", "{}", "{}: and 1,977 more", "no skill {}"])
def test_what_is_long_is_cut_and_both_ends_stay(stranger: str, frame: str) -> None:
    with less_than(3):
        found = sentence(frame.format(stranger))
    before, _, after = frame.partition("{}")
    assert len(found) <= 702
    assert max(map(len, found.split(" "))) <= MAX_WORDS
    assert found.startswith(before)
    assert found.endswith(after)
    assert found.isprintable()


@pytest.mark.parametrize("length", [501, 600, 699, 700, 701, 702])
def test_no_word_of_it_is_longer_than_500(length: int) -> None:
    assert max(len(word) for word in sentence("x" * length).split()) <= 500


def test_what_pads_a_line_goes() -> None:
    assert sentence("answered:" + " " * 60 + "Error: x") == "answered: Error: x"
    assert sentence("a\u3000\u3000\u3000\u3000b\u00a0\u2003\u2003\u2003\u2003c   d") == "a b c   d"


def test_cut_says_that_it_did() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")


def test_a_few_names_are_all_named() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed([f"n{number}" for number in range(20)]).endswith(", n18, n19")


@pytest.mark.parametrize("count", [21, 1997, 20_000])
@pytest.mark.parametrize("name", ["team-{}", "x" * 10**4 + "{}", "\x1b\u202e{}", "a, b {}"])
def test_of_many_names_some_are_named_and_the_rest_is_counted(count: int, name: str) -> None:
    names = [name.format(number) for number in range(count)]
    with less_than(3):
        text = listed(names)
    assert len(text) < 520
    assert text.isprintable()
    shown, _, more = text.rpartition(" and ")
    number = int(more.removesuffix(" more").replace(",", ""))
    assert more == f"{number:,} more"
    assert count - 20 <= number < count
    assert shown
    assert text in sentence(f"left out {count:,} skills to stay within 400 bytes: {text}")
