from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.foundation.text import clean, clean_text, decimal_text, dump_json

ANY_TEXT = st.text(st.characters())


BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("gpt-4o", "gpt-4o"),
        ("größe 日本 🎉", "größe 日本 🎉"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("one\ntwo\r\nthree\tfour\u2028five\x85six", "one two three four five six"),
        ("a\t\n\r b", "a  b"),
        ("exe\u202egpj.txt", "exegpj.txt"),
        (f"a{BIDI}b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("a\u00a0b", "a\u00a0b"),
        ("", ""),
    ],
)
def test_cleaned_text_cannot_act_on_a_terminal(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(ANY_TEXT)
def test_cleaned_text_is_one_line_without_controls_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in BIDI for char in once)
    assert len(once.splitlines()) <= 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | ANY_TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    )
)
def test_json_reads_back_the_same_but_for_lone_surrogates_and_holds_no_control(value: Any) -> None:
    text = dump_json(value)
    text.encode("utf-8")
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)
    replaced = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == json.loads(replaced)


def test_json_escapes_what_terminals_act_on_and_keeps_letters() -> None:
    assert dump_json("ä\x1b\x7f\x9b\ud800\u2028") == '"ä\\u001b\\u007f\\u009b\ufffd\u2028"'
    assert dump_json({"a": [1]}, indent=2) == '{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\tb\n\tc\n", "a\tb\n\tc\n"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b2J", "2J"),
        ("a\x00b\x08\x7f", "ab"),
        ("\u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f", "gnp.exe x "),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a b c d e f"),
        ("half \ud800", "half \ufffd"),
        ("ä日本🎉 \u200d", "ä日本🎉 \u200d"),
    ],
    ids=ascii,
)
def test_text_keeps_tabs_and_line_breaks_and_nothing_that_a_terminal_acts_on(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b\t\r\n\x85\u202e\u2066\ud800\x00")))
def test_cleaned_text_is_clean(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", cleaned
    )
    assert cleaned.count("\n") == len(re.findall("\r\n|\r|\n", text))
    assert cleaned.count("\t") == text.count("\t")
    if text.isprintable():
        assert cleaned == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (15.0, "15"),
        (-0.5, "-0.5"),
        (3.083e-05, "0.00003083"),
        (1e-13, "0.0000000000001"),
        (1e22, "1" + "0" * 22),
    ],
)
def test_a_number_has_no_exponent(value: float, text: str) -> None:
    assert decimal_text(value) == text
