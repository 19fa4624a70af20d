"""Secrets in the texts of strangers, in whatever way they are written there."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.foundation.hiding import Hider
from litellmctl.foundation.text import clean, clean_text
from litellmctl.proxy.json_stream import rows
from tests import writings
from tests.effort import less_than

SECRETS = [
    "sk-AbC123xYz456QwErTy789",
    "a.b+c*d?%&<x>/\\_\"'=",
    "12345678",
    "x" * 40,
    "eyJhbGciOi.J9-_x.".ljust(1500, "Q"),
]
# What cannot be seen, or is not shown: C0, DEL, C1, bidirectional controls, and default-ignorable code points.
UNSEEN = [
    *("\x00", "\x01", "\x08", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\u00ad", "\u034f", "\u061c", "\u115f"),
    *("\u17b4", "\u180b", "\u180e", "\u200b", "\u200d", "\u200e", "\u2028", "\u202e", "\u2060", "\u2064", "\u2066"),
    *("\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\U0001d173", "\U000e0001", "\U000e0061", "\U000e01ef"),
    *("\ud800", "\udfff", "\ufffd", "\u0336", "\x1b[31m", "\x1b[0;1m", "\r\n", "\u200b\x01\u202e"),
    *(
        "\x9b31m",
        "\x1b[>4;2m",
        "\x1b[?25h",
        "\x1b(B",
        "\x1b]0;title\x07",
        "\x1b]8;;http://h\x1b\\",
        "\x9d2;x\x9c",
        "\x1bPq\x1b\\",
    ),
]


def encoded(write: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(map(write, text))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent": encoded(lambda one: f"%{ord(one):02x}"),
    "percent where it must be": lambda text: quote(text, safe=""),
    "percent twice": encoded(lambda one: f"%25{ord(one):02X}"),
    "every second one": lambda text: "".join(f"%{ord(one):02x}" if i % 2 else one for i, one in enumerate(text)),
    "JSON": encoded(lambda one: f"\\u{ord(one):04X}"),
    "JSON where it must be": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "Python": encoded(lambda one: f"\\x{ord(one):02x}"),
    "JavaScript": encoded(lambda one: f"\\u{{{ord(one):x}}}"),
    "Python, long": encoded(lambda one: f"\\U{ord(one):08x}"),
    "octal": encoded(lambda one: f"\\{ord(one):03o}"),
    "hexadecimal": lambda text: text.encode().hex().upper(),
    "hexadecimal, percent": lambda text: "".join(f"%{ord(one):02x}" for one in text.encode().hex()),
    "HTML": html.escape,
    "HTML, decimal": encoded(lambda one: f"&#{ord(one)};"),
    "HTML, without ends": lambda text: " ".join(text).replace(" ", "&#x200b;"),
    "HTML, hexadecimal": encoded(lambda one: f"&#X{ord(one):04x};"),
    "HTML twice": encoded(lambda one: f"&amp;#{ord(one)};"),
    "HTML, percent": lambda text: quote("".join(f"&#{ord(one)};" for one in text)),
    "full width": encoded(lambda one: chr(ord(one) + 0xFEE0)),
    "mathematical": encoded(lambda one: chr(ord(one) + 0x1D41A - 97) if "a" <= one <= "z" else one),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, after one": lambda text: base64.b64encode(f"a{text}bc".encode()).decode(),
    "base64, after two": lambda text: base64.urlsafe_b64encode(f"me:{text}:".encode()).decode(),
    "base64, in lines": lambda text: base64.encodebytes(f"Bearer {text}{'x' * 99}".encode()).decode(),
    "base64, percent": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


def remains(secret: str, shown: str) -> bool:
    """Whether somebody who decodes what is shown can read the secret."""
    texts = {shown}
    for _ in range(3):
        for text in texts.copy():
            texts.add(re.sub("%([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text))
            texts.add(html.unescape(text))
            texts.add(re.sub(r"\\(?:u00|x)([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text))
            texts.add(unicodedata.normalize("NFKD", text))
    forms = {secret, *(base64.b64encode(b"x" * n + secret.encode()).decode()[4:-4] for n in range(3))}
    return any(form.lower() in re.sub(r"[^ -~]", "", text).lower() for form in forms for text in texts)


@pytest.mark.parametrize("secret", SECRETS, ids=["key", "odd", "digits", "same", "long"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_a_secret_is_hidden_however_it_is_written(name: str, secret: str) -> None:
    if name in {"upper case", "lower case"} and secret.isdigit():
        return
    written = ENCODINGS[name](secret)
    for text in (written, f"bad {written}, {written}!", f"100% \\ & größe {written} %zz &x; \\q"):
        shown = Hider([secret, "another-secret"]).hidden(text)
        assert "***" in shown
        assert not remains(secret, shown)
        assert not remains(secret, clean(shown))
    assert Hider([secret]).hidden_in_json(json.dumps([written]), [written]) != [written]


@pytest.mark.parametrize("outer", ["", *writings.ENCODINGS, *writings.INSIDE])
def test_a_secret_that_is_written_in_one_way_and_then_in_another_is_hidden(outer: str) -> None:
    hider = Hider([SECRETS[0]])
    ways = {
        name: write
        for name, write in {**writings.WRITINGS, **writings.PAIRS}.items()
        if name.startswith(f"{outer}, ") or name == outer or (not outer and name in writings.FORMS)
    }
    assert ways
    for name, write in ways.items():
        text = f"bad {write(SECRETS[0])}!"
        assert writings.found_in(text, SECRETS[:1]), f"the test does not find it {name}"
        assert not writings.found_in(hider.hidden(text), SECRETS[:1]), name
        assert not writings.found_in(clean(hider.hidden(text)), SECRETS[:1]), name
        for value in ([text], {text: 1}):
            for ascii_only in (True, False):
                hidden = hider.hidden_in_json(json.dumps(value, ensure_ascii=ascii_only), value)
                assert not writings.found_in(json.dumps(hidden), SECRETS[:1]), name


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_cannot_be_seen_hides_no_secret(unseen: str) -> None:
    secret = SECRETS[0]
    hider = Hider([secret])
    for text in (unseen.join(secret), secret[:3] + unseen * 50 + secret[3:], f"{unseen}{secret}{unseen}"):
        shown = hider.hidden(text)
        assert "".join(one for one in shown if one not in unseen) == "***"
        assert clean(shown).count("***") == clean_text(shown).count("***") == 1
        sent = json.dumps({"name": text}).encode()
        (row,) = rows([b'{"data":[', sent, b"]}"], hide=hider.hidden_in_json)
        assert row["name"] == shown


@given(
    st.text(st.sampled_from("\x00\x01\u200b\u202e\U000e0061\u00ad\n%&\\;u0x2 5#é"), max_size=30),
    st.sampled_from(["", "a", "%", "\\", "&#", "&"]),
)
def test_nothing_that_stands_before_or_after_it_hides_it(around: str, joint: str) -> None:
    """Half an escape before a secret would swallow its beginning where everything is decoded first."""
    for secret in SECRETS[:3]:
        shown = Hider([secret]).hidden(f"{around}{joint}{secret}{around}")
        assert secret not in shown
        assert "***" in shown


@given(st.text())
def test_a_text_without_a_secret_is_left_as_it_is(text: str) -> None:
    assert Hider(SECRETS[:1]).hidden(text) is text
    assert Hider([]).hidden(text) is text


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("1234567", "1234567", "1234567"),
        ("sk-12345", "SK-12345sk-12345", "******"),
        ("Bearer abcdefgh", "token abcdefgh", "token ***"),
        ("Bearer abc", "token abc, Bearer abc", "token abc, ***"),
        ("two words or more", "two words; two words or more", "two words; ***"),
        ("sk-12345", "sk-1234 5", "sk-1234 5"),
        ("sk-12345", "ksk-12345%20%41", "k***%20%41"),
        ("größe-12345678", "Größe-12345678", "***"),
        ("", "", ""),
    ],
)
def test_what_is_shown_instead(secret: str, text: str, shown: str) -> None:
    assert Hider([secret]).hidden(text) == shown


def test_every_text_name_and_number_of_a_value_is_looked_at() -> None:
    hider = Hider(["12345678"])
    value = {"a": ["12345678", 12345678, 1.5, None, True, {"x12345678": -12345678.5}], "b": 1234567}
    assert hider.hidden_in(value) == {"a": ["***", "***", 1.5, None, True, {"x***": "***"}], "b": 1234567}
    assert hider.hidden_in_json(json.dumps(value), value) == hider.hidden_in(value)
    assert hider.hidden_in_json("[1.2345678e7, 1234567800E-2]", [1.2345678e7, 1234567800e-2]) == ["***", "***"]
    same = {"a": [1]}
    assert Hider(SECRETS[:1]).hidden_in_json('{"a": [1]}', same) is same


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)),
    st.booleans(),
)
def test_a_value_whose_text_has_no_secret_is_not_walked_and_any_other_is(value: Any, ascii_only: bool) -> None:
    hider = Hider(SECRETS[:1])
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert hider.hidden_in_json(text, value) is value
    with_it = [value, 'a\n"' + "\u200b".join(SECRETS[0])]
    assert hider.hidden_in_json(json.dumps(with_it, ensure_ascii=ascii_only), with_it) == [value, 'a\n"***']


@pytest.mark.parametrize(
    "text",
    [
        *(
            one * 200_000
            for one in (
                "%",
                "%2",
                "%25",
                "\\",
                "\\u",
                "&",
                "&#",
                "&#1",
                "&amp;",
                "\x1b[",
                "\x1b[0",
                "\x1b]",
                "\x9d",
                "\x9d\x1b",
                "\\u{",
                "\\U",
                "\u200b",
                "sk-AbC",
                "ﷺ",
            )
        ),
        "&#" + "1" * 1_000_000,
        "%25" * 300_000 + "41",
        "sk-AbC123xYz456QwErTy78" + "\u200b" * 1_000_000,
        "sk-AbC123xYz456QwErTy789" * 20_000,
        "".join(f"%{ord(one):02x}" for one in "sk-AbC123xYz456QwErTy789") * 5_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_the_worst_text_takes_no_longer_than_its_length(text: str) -> None:
    with less_than(12):
        Hider(SECRETS[:1]).hidden(text)
