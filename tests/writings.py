"""The ways in which a proxy may write a secret that it repeats, and whether somebody who decodes a text finds one in it.

SECURITY.md promises that these are hidden, and pairs of them. Nothing here is the program's own code.
"""

from __future__ import annotations

import html
import quopri
import re
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import product
from urllib.parse import unquote

Writing = Callable[[str], str]


def _each(write: Callable[[str], str]) -> Writing:
    return lambda text: "".join(map(write, text))


def _bytes(shape: str) -> Writing:
    """Write each byte of the text like this."""
    return lambda text: "".join(shape % byte for byte in text.encode("utf-8", "surrogatepass"))


def _units(text: str) -> str:
    data = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def _base64(encode: Callable[[bytes], bytes], before: int) -> Writing:
    return lambda text: encode(b"me:"[:before] + text.encode("utf-8", "surrogatepass") + b":x").decode()


def _twice(write: Writing) -> Writing:
    return lambda text: write(write(text))


# As it is sent, or as one word of letters and digits that stands for it.
FORMS: dict[str, Writing] = {
    "as it is": str,
    "in upper case": str.upper,
    "in lower case": str.lower,
    **{
        f"in {name} after {before} bytes": _base64(encode, before)
        for name, encode in {"base64": b64encode, "base64url": urlsafe_b64encode}.items()
        for before in range(3)
    },
    "in hex": lambda text: text.encode("utf-8", "surrogatepass").hex(),
}
# What can be written so can be anything, a form or what is encoded already.
ENCODINGS: dict[str, Writing] = {
    "in percents": _bytes("%%%02x"),
    "in percents twice": _twice(_bytes("%%%02X")),
    "in HTML": _each(lambda one: f"&#{ord(one)};"),
    "in hexadecimal HTML": _each(lambda one: f"&#x{ord(one):x};"),
    "in JSON": _units,
    "in JSON twice": lambda text: _units(text).replace("\\", "\\\\"),
    "in quoted-printable": _bytes("=%02X"),
    "in lines of quoted-printable": lambda text: "=\n".join(re.findall(".{1,9}", _bytes("=%02X")(text))),
    "in full width": _each(lambda one: chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one),
}
# What stands between any two characters, and is seen by nobody.
UNSEEN: dict[str, str] = {
    "control characters": "\x01",
    "zero bytes": "\0",
    "deletes": "\x7f",
    "C1 controls": "\x9d",
    "escape sequences": "\x1b[1m",
    "line breaks": "\r\n",
    "bidirectional controls": "\u202e",
    "isolates": "\u2066",
    "zero-width spaces": "\u200b",
    "zero-width joiners": "\u200d",
    "byte order marks": "\ufeff",
    "soft hyphens": "\u00ad",
    "grapheme joiners": "\u034f",
    "variation selectors": "\ufe0f",
    "more variation selectors": "\U000e0100",
    "tag characters": "\U000e0061",
    "Hangul fillers": "\u3164",
}
INSIDE: dict[str, Writing] = {f"with {name} inside": unseen.join for name, unseen in UNSEEN.items()}
WRITINGS: dict[str, Writing] = {**FORMS, **ENCODINGS, **INSIDE}
# How often it must be decoded; more than three times is not promised.
_LEVELS = {"in percents twice": 2, "in JSON twice": 2}


def _after(outer: Writing, inner: Writing) -> Writing:
    return lambda text: outer(inner(text))


# One inside the other: "with zero bytes inside, in percents" is a text of percents with zero bytes in it.
PAIRS: dict[str, Writing] = {
    f"{outer}, {inner}": _after(WRITINGS[outer], WRITINGS[inner])
    for outer, inner in product((*ENCODINGS, *INSIDE), (*FORMS, *ENCODINGS, *INSIDE))
    if inner != "as it is"
    # What would stand inside a terminal's sequence makes visible letters of it.
    and not (outer in {*INSIDE, "in full width"} and inner == "with escape sequences inside")
    and sum(_LEVELS.get(one, one in ENCODINGS) for one in (outer, inner)) <= 3
}


# --- whether a text has one ---

_IGNORED = r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
_IGNORED += r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
_MAX_READINGS = 300
# So many characters of a secret, or of what stands for it, are as good as all of it.
_PART = 8


def _unescaped(text: str) -> str:
    decoded = re.sub(
        r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\\)",
        lambda match: chr(int(match[1] or match[2], 16)) if len(match[0]) > 2 else "\\",
        text,
    )
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_entities(text: str) -> str:
    # The standard library drops the control characters that are written so.
    return html.unescape(
        re.sub(
            r"&#(x[0-9a-fA-F]{1,5}|[0-9]{1,6});",
            lambda match: chr(int(f"0{match[1]}", 0) if match[1][0] == "x" else int(match[1])),
            text,
        )
    )


def _unquoted(text: str) -> str:
    return quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")


_READERS: tuple[tuple[str, Writing], ...] = (
    ("\\", _unescaped),
    ("%", unquote),
    ("&", _without_entities),
    ("=", _unquoted),
    ("\x1b", lambda text: re.sub(r"\x1b\[[0-9;]*m", "", text)),
    ("", lambda text: text if text.isascii() else unicodedata.normalize("NFKC", text)),
    ("", lambda text: text if text.isprintable() and text.isascii() else re.sub(_IGNORED, "", text)),
)


def readings(text: str) -> Iterator[str]:
    """Yield a text, and what it says once it is decoded, in any order and as often as it changes, four times over."""
    known = {text}
    level = [text]
    for _ in range(4):
        yield from level
        decoded = {read(one): None for one in level for mark, read in _READERS if mark in one}
        level = [one for one in decoded if one not in known]
        known.update(level)
        if len(known) > _MAX_READINGS:
            break
    yield from level


_OTHERS = bytes(byte for byte in range(256) if not chr(byte).isalnum() or byte > 127)


def _folded(text: str) -> bytes:
    return text.lower().encode("ascii", "ignore").translate(None, _OTHERS)


@cache
def _parts(secret: str) -> tuple[bytes, ...]:
    """Return pieces of a secret, and of the words that stand for it: where one of these is, it can be read."""
    # What a secret ends with is its own; it may begin like others of its kind.
    data, size = secret.encode(), min(2 * _PART, len(secret))
    found = [_folded(secret[-size:])[:_PART], _folded(secret[-size:])[-_PART:]]
    found += [data[-size:][at : at + _PART].hex().encode() for at in (0, size - _PART)]
    for before in range(3):
        encoded = _folded(urlsafe_b64encode(b"\0" * before + data).decode()[:-4])
        found.append(encoded[-3 * _PART // 2 :])
    return tuple(found)


def found_in(text: str, secrets: Collection[str]) -> list[str]:
    """Return those secrets that somebody finds in a text, all of them or half, who decodes it."""
    read = {folded: None for one in readings(text) if (folded := _folded(one))}
    return [secret for secret in secrets if any(part in one for part in _parts(secret) for one in read)]
