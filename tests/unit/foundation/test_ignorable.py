"""What nobody sees goes out of texts; emoji, and joiners that a script needs, stay."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from litellmctl.foundation.ignorable import without_hidden, without_ignorable
from tests.effort import less_than

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
IGNORABLE = [code for code in range(sys.maxunicode + 1) if without_ignorable(f"a{chr(code)}b") != f"a{chr(code)}b"]
# Cf that has a look of its own (DerivedCoreProperties.txt): signs that stand before numbers, annotations, hieroglyphs.
SHOWN = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD, *range(0xFFF9, 0xFFFC)}
SHOWN |= set(range(0x13430, 0x13440))


def test_the_set_is_unicodes() -> None:
    assert len(IGNORABLE) == 4174
    known = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"}
    assert known - SHOWN <= set(IGNORABLE)
    assert not known & SHOWN & set(IGNORABLE)
    names = {unicodedata.name(chr(code), "") for code in IGNORABLE if chr(code).isprintable()}
    assert all(
        any(word in name for word in ("VARIATION SELECTOR", "FILLER", "GRAPHEME JOINER", "KHMER VOWEL INHERENT"))
        for name in names
    )
    selectors = {code for code in range(sys.maxunicode + 1) if "VARIATION SELECTOR" in unicodedata.name(chr(code), "")}
    assert selectors <= set(IGNORABLE)


def test_all_of_it_goes_and_nothing_else() -> None:
    hidden = "".join(map(chr, IGNORABLE))
    assert without_ignorable(f"sk-{hidden}a") == "sk-a"
    assert without_ignorable("naïve 日本 \u0301 \x01 \ufffd") == "naïve 日本 \u0301 \x01 \ufffd"


@pytest.mark.parametrize("code", IGNORABLE[:80] + IGNORABLE[80::97])
def test_between_letters_none_stays(code: int) -> None:
    assert without_hidden(f"a{chr(code)}b") == "ab"
    assert without_hidden(chr(code) * 3) == ""


@pytest.mark.parametrize(
    "text",
    [
        "❤️",
        "👍🏽",
        "👨‍👩‍👧‍👦",
        "👩🏽‍💻",
        "🏳️‍🌈",
        "🏴‍☠️",
        "❤️‍🔥",
        "🧑🏻‍🤝‍🧑🏿",
        "1️⃣",
        "#️⃣",
        ENGLAND,
        "🇩🇪",
        # A.1: Persian "it becomes", and a virama; with marks between, which do not join.
        "می\u200cشود",
        "بِ\u200cبَ",
        "क्\u200cष",
        # A.2
        "क्\u200dष",
        "ක්\u200dෂ",
    ],
)
def test_what_shows_stays(text: str) -> None:
    assert without_hidden(text) == text
    assert without_hidden(f"see {text} there, {text}") == f"see {text} there, {text}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("❤\ufe0e\ufe0f", "❤"),
        ("❤\ufe0f\ufe0f\ufe0e\ufe01", "❤\ufe0f"),
        ("❤\u200d\u200d🔥", "❤🔥"),
        ("❤\U000e0061\u200d🔥", "❤\u200d🔥"),
        ("❤\u200da", "❤a"),
        ("\u200d❤", "❤"),
        ("1\ufe0f2", "12"),
        # A flag that spells an instruction, and one without its end.
        ("\U0001f3f4" + "".join(chr(0xE0000 + ord(one)) for one in "ignore all") + "\U000e007f", "\U0001f3f4"),
        (ENGLAND[:-1], "\U0001f3f4"),
        (ENGLAND + "\U000e0061", ENGLAND),
        # A non-joiner before what would not join, twice, at an end; a joiner in Latin text.
        ("می\u200c خ", "می خ"),
        ("د\u200cخ", "دخ"),
        ("می\u200c\u200cخ", "میخ"),
        ("می\u200c", "می"),
        ("क्\u200d\u200dष", "क्\u200dष"),
        ("\x01\u200dx\ufdd0\u200cy", "\x01x\ufdd0y"),
    ],
)
def test_what_hides_in_them_goes(text: str, left: str) -> None:
    assert without_hidden(text) == left
    assert without_hidden(left) == left


def test_a_long_text_keeps_its_joiners() -> None:
    text = "می\u200cشود " * 2000
    assert without_hidden(text) == text


@pytest.mark.parametrize("piece", ["❤\u200d", "\u200c", "ب\u0650\u200c", "\U0001f3f4\U000e0067", "1\ufe0f"])
def test_it_takes_linear_time(piece: str) -> None:
    with less_than(2):
        without_hidden(piece * 200_000)
