"""Secrets that somebody repeats: in any encoding, case and composition, with anything unseen inside."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import strategies as st

from litellmctl.foundation.hiding import Hider
from litellmctl.foundation.text import clean, clean_text
from litellmctl.proxy.answer import Answer
from litellmctl.proxy.error_answers import failure_of
from litellmctl.proxy.session import BoundAuth
from tests.fuzz.strategies import as_json, fuzz, mostly, numbers, objects, pieces, texts, trees

URL = "https://h"
KEYS = [
    "sk-AbC123xYz456QwErTy789",
    "litellm_login_0Ab-9Zy_8Xw7",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.s_ig-N4tu3re",
    "12345678",
    "99887766554433221100",
    "p@ss word/+=&%<\"'\\",
    "a%41b%2fc&amp;d\\u0065f",
]
secrets = mostly(
    st.sampled_from(KEYS),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), min_size=8, max_size=40),
    st.from_regex(r"[A-Za-z0-9_-]{16,64}", fullmatch=True),
)

# --- how a secret is written ---

# Written anew, and not taken from the program: default-ignorable code points, controls, what turns the direction.
UNSEEN = [
    *map(chr, [*range(32), *range(0x7F, 0xA0)]),
    *("\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u200b", "\u200c", "\u200d"),
    *("\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2064", "\u2066", "\u2069", "\u206f"),
    *("\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff0", "\U0001d173", "\U000e0001", "\U000e0061", "\U000e01ef"),
    *("\u0301", "\u0336", "\u20e3", "\ud800", "\udfff", "\x1b[31m", "\x1b[0;1m", "\r\n"),
]  # fmt: skip


def one_by_one(write: Callable[[str], str]) -> Callable[[str], str]:
    """Return a way of writing each printable ASCII character; the others stay."""
    return lambda text: "".join(write(one) if " " <= one <= "~" else one for one in text)


def mathematical(one: str) -> str:
    return (
        chr(ord(one) + 0x1D400 - 65)
        if "A" <= one <= "Z"
        else chr(ord(one) + 0x1D41A - 97)
        if "a" <= one <= "z"
        else one
    )


# Each may be applied to what another one made.
WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent": one_by_one(lambda one: f"%{ord(one):02x}"),
    "percent, UTF-16": one_by_one(lambda one: f"%u{ord(one):04X}"),
    "percent where it must be": lambda text: quote(text.encode("utf-8", "replace"), safe=""),
    "JSON": one_by_one(lambda one: f"\\u{ord(one):04x}"),
    "JSON where it must be": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "Python": one_by_one(lambda one: f"\\x{ord(one):02X}"),
    "HTML": lambda text: html.escape(text, quote=True),
    "HTML, decimal": one_by_one(lambda one: f"&#{ord(one):03};"),
    "HTML, hexadecimal": one_by_one(lambda one: f"&#X{ord(one):04x};"),
    "full width": one_by_one(lambda one: chr(ord(one) + 0xFEE0) if one != " " else one),
    "mathematical": one_by_one(mathematical),
}  # fmt: skip
# The last ones: nothing can be done to them but what writes them in JSON or a URL.
CODES: dict[str, Callable[[str], str]] = {
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 of a URL": lambda text: urlsafe_b64encode(f"me:{text}@".encode()).decode(),
    "base64 after two bytes": lambda text: b64encode(f"a:{text}".encode()).decode(),
    "base64 of a header": lambda text: b64encode(f"Bearer {text}".encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper": lambda text: text.encode().hex().upper(),
}
PLAIN = ["percent", "JSON", "HTML, decimal", "as it is"]


@st.composite
def written(draw: st.DrawFn, secret: str) -> str:
    """Return a secret as nobody expects it: written in one way after another, in a part of it, unseen between."""
    if draw(st.integers(0, 4)) == 0:
        text = CODES[draw(st.sampled_from(sorted(CODES)))](secret)
        return WRITINGS[draw(st.sampled_from(PLAIN))](text)
    text = secret
    for _ in range(draw(st.integers(1, 3))):
        write = WRITINGS[draw(st.sampled_from(sorted(WRITINGS)))]
        if draw(st.booleans()):
            text = write(text)
        elif text == secret and not re.search(r"[\\%&]", text):  # some characters of it only
            chosen = draw(st.integers(0, 2 ** min(len(text), 60)))
            text = "".join(write(one) if chosen >> place & 1 else one for place, one in enumerate(text))
    # What is between is written as it is, since it is not there for whoever reads it.
    if draw(st.booleans()) and not re.search(r"[\\%&]", text):
        between = draw(st.lists(st.sampled_from(UNSEEN), min_size=1, max_size=3).map("".join))
        places = draw(st.sets(st.integers(1, max(1, len(text) - 1)), min_size=1, max_size=4))
        text = "".join(between + one if place in places else one for place, one in enumerate(text))
    return text


# --- whether it can be read ---

ANSI = r"\x1b\[[0-9;:?]*[@-~]"
DECODINGS: list[Callable[[str], str]] = [
    lambda text: unquote(text, errors="replace"),
    lambda text: re.sub("%u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text),
    lambda text: re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([\"\\/])", _escaped, text),
    html.unescape,
    lambda text: re.sub(ANSI, "", text),
    lambda text: unicodedata.normalize("NFKD", text),
]


def _escaped(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16)) if match[1] or match[2] else match[3]


def seen(text: str) -> str:
    return re.sub("[^ -~]", "", text)


def can_be_read(secret: str, shown: str) -> bool:
    """Whether somebody who decodes what is shown, three times over in whatever order, finds the secret."""
    found = {shown}
    for _ in range(3):
        found |= {decode(text) for text in found for decode in DECODINGS}
    return any(_says(secret, seen(text)) for text in found)


def _says(secret: str, text: str) -> bool:
    if secret.lower() in text.lower():
        return True
    if secret.encode().hex() in text.lower():
        return True
    for run in re.findall(r"[A-Za-z0-9+/_-]{11,}", text):
        code = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            piece = code[start:]
            whole, rest = piece[: len(piece) // 4 * 4], piece[len(piece) // 4 * 4 :]
            data = b64decode(whole) + (b64decode(rest.ljust(4, "=")) if len(rest) > 1 else b"")
            if secret.encode() in data:
                return True
    return False


# What stands around it: no half of an escape, which would make another one of it than its writer meant.
around = st.one_of(
    st.sampled_from(["", " ", "key ", "(", "größe: ", "a = ", "\n", "x, ", "100 ", '{"']),
    st.text("abc XYZ.,é日", max_size=8),
)
halves = st.sampled_from(["", "%", "%2", "\\", "\\u00", "&", "&#", "&#x", "&amp", "\x1b[", "%%", "\\\\"])


@fuzz(st.data(), secrets, share=5)
def test_a_secret_cannot_be_read_in_what_is_let_through(data: st.DataObject, secret: str) -> None:
    text = data.draw(around) + data.draw(written(secret)) + data.draw(around)
    hider = Hider([secret, "another-secret-0123"])
    shown = hider.hidden(text)
    assert not can_be_read(secret, shown)
    assert not can_be_read(secret, clean(shown))
    assert not can_be_read(secret, clean_text(shown))
    assert hider.hidden(shown) == shown


@fuzz(secrets, halves, halves, st.sampled_from(UNSEEN), st.integers(0, 60), share=5)
def test_half_an_escape_beside_it_or_anything_unseen_inside_hides_none(
    secret: str, before: str, behind: str, unseen: str, place: int
) -> None:
    if "\x1b" in before and "\x1b" in unseen:
        return  # the first one takes a character of it with it
    place %= len(secret)
    shown = Hider([secret]).hidden(f"{before}{secret[:place]}{unseen}{secret[place:]}{behind}")
    assert secret.lower() not in seen(shown).lower()
    assert "***" in shown


@fuzz(st.data(), st.lists(secrets, min_size=1, max_size=3))
def test_none_of_several_can_be_read(data: st.DataObject, several: list[str]) -> None:
    """One may be a part of another, or begin where another ends."""
    joint = data.draw(st.sampled_from(["", " ", "\x01", "%20"]))
    text = joint.join(several[:1] + data.draw(st.permutations(several)))
    shown = Hider(several).hidden(text)
    assert not any(secret.lower() in seen(shown).lower() for secret in several)


# --- what is no secret ---

ids = st.one_of(
    st.uuids().map(str),
    st.from_regex(r"(gpt|claude|gemini|o)-[0-9]\.?[0-9]?(-(mini|pro|turbo|2024-08-06|latest))?", fullmatch=True),
    st.from_regex(r"[a-z]{2,12}(/[a-z0-9.:-]{1,20}){0,2}", fullmatch=True),
    st.from_regex(r"sk-[A-Za-z0-9]{22}", fullmatch=True),
    st.binary(min_size=8, max_size=32).map(lambda data: b64encode(data).decode()),
    st.binary(min_size=8, max_size=32).map(bytes.hex),
    st.integers(0, 10**18).map(str),
    st.sampled_from(["The quick brown fox", "größe 日本語 %20 &amp; \\n", "https://h/a?b=c&d=%2F", "2024-08-06T00:00:00Z"]),
)  # fmt: skip


@fuzz(mostly(ids, texts), st.sampled_from(KEYS[:3]), share=3)
def test_what_repeats_no_secret_is_let_through_as_it_is(text: str, secret: str) -> None:
    hider = Hider([secret, "gpt-4o", "The ", "1234567"])  # what is so short says nothing
    assert hider.hidden(text) is text
    value = {text: [text, 1, None]}
    assert hider.hidden_in_json(json.dumps(value), value) is value


@fuzz(mostly(ids, st.text("abc XYZ.,é日", max_size=8)), st.sampled_from(KEYS[:5]), ids, share=2)
def test_what_stands_around_it_is_let_through_as_it_is(before: str, secret: str, behind: str) -> None:
    if secret in before + behind or re.search(r"[\\%&]", before + behind):
        return
    assert Hider([secret]).hidden(f"{before} {secret} {behind}") == f"{before} *** {behind}"


# --- in a value, in an answer ---


def in_json(value: Any, escape: Callable[[str], bool]) -> str:
    """Return a value as JSON in which those characters are escapes that need not be."""
    text = json.dumps(value, ensure_ascii=False)
    pattern = r"\\u....|\\.|[^\\]"
    return re.sub(pattern, lambda one: f"\\u{ord(one[0]):04x}" if len(one[0]) == 1 and escape(one[0]) else one[0], text)


JSON_STYLES: dict[str, Callable[[Any], str]] = {
    "ASCII": json.dumps,
    "compact": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "lines": lambda value: json.dumps(value, ensure_ascii=False, indent=3),
    "letters": lambda value: in_json(value, lambda one: one in "&%;<>\u200b" or "\ud7ff" < one < "\U00010000"),
    "slashes": lambda value: json.dumps(value).replace("/", "\\/"),
}
# Numbers are written in more than one way.
powers = st.sampled_from(
    ['"1.2345678e7"', "1.2345678e7", "12345678E0", "1234567800e-2", "0.12345678E+8", "-12345678.0"]
)


# What begins in one text ends in another one, and what one decoder takes away another one would have needed.
ODD = [
    ["\x9ds\uff4b-AbC123xYz456QwErTy789", "\x07"],
    "s\x1bk\uff0dAbC123xYz456QwErTy789",
    {'a\\"': "\\", "%73k-AbC123xYz456QwErTy789\\": '"'},
]


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_a_text_of_a_value_is_read_as_it_is_by_itself(value: Any) -> None:
    for style in JSON_STYLES.values():
        hider = Hider(KEYS[:1])
        assert hider.hidden_in_json(style(value), value) == hider.hidden_in(value) != value


@fuzz(st.data(), secrets, st.sampled_from(sorted(JSON_STYLES)), share=4)
def test_what_is_not_walked_has_nothing_to_be_hidden(data: st.DataObject, secret: str, style: str) -> None:
    leaves = st.one_of(st.none(), st.booleans(), numbers, texts, around, written(secret))
    value = data.draw(trees(leaves, mostly(texts, written(secret)), size=5))
    text = JSON_STYLES[style](value)
    if data.draw(st.booleans()):
        text = f"[{text}, {data.draw(powers)}]"
    value = json.loads(text)
    hider = Hider([secret])
    assert repr(hider.hidden_in_json(text, value)) == repr(hider.hidden_in(value))
    assert not any(can_be_read(secret, one) for one in leaves_of(hider.hidden_in_json(text, value)))


def leaves_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*map(str, value), *(one for inner in value.values() for one in leaves_of(inner))]
    return [one for inner in value for one in leaves_of(inner)] if isinstance(value, list) else [str(value)]


def answered(body: list[bytes], key: str) -> Answer:
    auth = BoundAuth(URL, key, headers={"x-gateway": "gateway-secret-99887766", "x-team": "data-platform-team"})
    return Answer(200, {}, iter(body), lambda: None, auth)


@fuzz(st.data(), st.sampled_from(KEYS[:3]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]))
def test_no_answer_repeats_the_key_whatever_it_is_encoded_in_and_wherever_it_is_cut(
    data: st.DataObject, key: str, encoding: str
) -> None:
    said = data.draw(written(data.draw(st.sampled_from([key, "gateway-secret-99887766"]))))
    row = data.draw(st.sampled_from([said, {said: 1}, [[said]], {"a": {"b": said}}]))
    body = JSON_STYLES[data.draw(st.sampled_from(sorted(JSON_STYLES)))]({"x": said, "data": [1, row], said: 2})
    rest: dict[str, Any] = {}
    encoded = body.encode("utf-8", "surrogatepass")
    rows = list(answered(data.draw(pieces(encoded)), key).rows("", rest=rest))
    whole = answered(data.draw(pieces(body.encode(encoding, "surrogatepass"))), key).json("")
    for found in (rows, rest, whole):
        assert not any(
            can_be_read(secret, one) for one in leaves_of(found) for secret in (key, "gateway-secret-99887766")
        )


error_bodies = objects({"error": st.none(), "detail": st.none(), "error_description": st.none()}, st.none())


@fuzz(
    st.data(),
    st.sampled_from(KEYS[:3]),
    st.sampled_from([400, 401, 403, 404, 418, 429, 500, 503]),
    st.sampled_from(["message", "error", "detail", "description"]),
)
def test_no_error_repeats_the_key_or_a_header(data: st.DataObject, key: str, status: int, where: str) -> None:
    secret = data.draw(st.sampled_from([key, "gateway-secret-99887766", "data-platform-team"]))
    said = data.draw(around) + data.draw(written(secret))
    body = {
        "message": {"error": {"message": said, "type": said}},
        "error": {"detail": {"error": {"message": said}}},
        "detail": {"detail": said},
        "description": {"error": "x", "error_description": said},
    }[where]
    auth = answered([], key).auth
    failure = failure_of(status, as_json(body), url=URL, path="/p", headers={"retry-after": said}, hide=auth.hidden)
    assert not can_be_read(secret, failure.message)
    assert not can_be_read(secret, json.dumps(failure.as_dict()))
    assert failure.words is None or len(failure.words) <= 500
