"""Hides secrets in texts from outside, however they are written there."""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from litellmctl.foundation.ignorable import without_ignorable

STAND_IN = "***"
# Shorter secrets occur in texts by chance.
_MIN_LENGTH = 8
# How often a text may be encoded, and how many spellings of a secret are replaced in one text.
_DEPTH = 3
_MAX_PASSES = 20

# Whatever the case, and base64 in either alphabet (RFC 4648, section 5).
_ONE_WRITING = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", b"abcdefghijklmnopqrstuvwxyz+/")
# A backslash may stand before any character.
_SKIPPED = bytes([*range(32), ord("\\"), 127])
# Most characters of a proxy's JSON. The other, rare characters of a secret also follow each other in the text.
_COMMON = frozenset(b' ":,[]{}/+acdeilnoprstu')
_COMMON_WRITTEN = bytes(one for one in range(128) if one in _SKIPPED or _ONE_WRITING[one] in _COMMON)
_MIN_RARE = 5


class Hider:
    """Hides these secrets in texts: as they are, in any case, hexadecimal or base64, and where the text is encoded.

    A secret is ASCII, so only the printable ASCII of a text is searched, without backslashes: a secret is found
    although control or invisible characters stand between its letters. Percent-encoding, the escapes of JSON, HTML and
    terminals, and look-alike letters are decoded, up to three times.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # A secret that has an escape itself is also searched in its decoded form.
        found = {_folded(reading) for secret in secrets for form in _forms(secret) for reading in _readings(form)}
        self._needles = sorted((one for one in found if len(one) >= _MIN_LENGTH), key=len, reverse=True)
        rare = {bytes(one for one in needle if one not in _COMMON) for needle in self._needles}
        self._rare = rare if min(map(len, rare), default=0) >= _MIN_RARE else None
        # JSON has many spellings of a number, and Python prints its own.
        self._walks = any(re.fullmatch(rb"[0-9.e+/]+", needle) for needle in self._needles)

    def hidden(self, text: str) -> str:
        """Return the text without the secrets; the same text if it has none."""
        if not self._needles:
            return text
        for _ in range(_MAX_PASSES):
            masked = next((one for one in map(self._masked, _readings(text)) if one is not None), None)
            if masked is None:
                return text
            text = masked
        return STAND_IN

    def hidden_in(self, value: Any) -> Any:
        """Return a JSON value without the secrets in its texts, names and numbers. Raises RecursionError."""
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, dict):
            return {self.hidden(name): self.hidden_in(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.hidden_in(one) for one in value]
        if isinstance(value, bool | None):
            return value
        return value if self.hidden(str(value)) == str(value) else STAND_IN

    def hidden_in_json(self, text: str, value: Any) -> Any:
        """Return `value`, of which `text` is the JSON, as `hidden_in`.

        The value is walked only if its text may have a secret: 78 MB are searched in a tenth of a second.
        """
        if not self._needles:
            return value
        if not self._walks and not self._may_be_in(text):
            # Each text by itself: an escape does not continue in another one.
            inside = (reading for one in _encoded_texts(text) for reading in _readings(one))
            if not any(map(self._is_in, inside)):
                return value
        return self.hidden_in(value)

    def _may_be_in(self, text: str) -> bool:
        """Whether a secret may be in a text: half the work of `_is_in` for most texts, with false positives."""
        if self._rare is None:
            return self._is_in(text)
        rare = text.encode("ascii", "ignore").translate(_ONE_WRITING, _COMMON_WRITTEN)
        return any(needle in rare for needle in self._rare)

    def _is_in(self, text: str) -> bool:
        folded = _folded(text)
        return any(needle in folded for needle in self._needles)

    def _masked(self, text: str) -> str | None:
        """Return a text that was decoded without the secrets; None where it has none."""
        if not self._is_in(text):
            return None
        folded = _folded(text)
        # Where in the text each character of the folded one is.
        places = [place for place, character in enumerate(text) if " " <= character <= "~" and character != "\\"]
        spans = [match.span() for needle in self._needles for match in re.finditer(re.escape(needle), folded)]
        parts, end = [], 0
        for start, stop in sorted(spans):
            if places[start] >= end:
                parts += [text[end : places[start]], STAND_IN]
            end = max(end, places[stop - 1] + 1)
        return "".join([*parts, text[end:]])


def _folded(text: str) -> bytes:
    return text.encode("ascii", "ignore").translate(_ONE_WRITING, _SKIPPED)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret, or the key of `Bearer KEY`, as it is, as hexadecimal digits and as base64."""
    if len(secret) < _MIN_LENGTH:
        return
    _, space, word = secret.partition(" ")
    if space and " " not in word and len(word) >= _MIN_LENGTH:
        secret = word
    yield secret
    yield secret.encode("utf-8", "replace").hex()
    # Other bytes may come before and after it: characters that depend on them are not part of the form.
    for before, begin in enumerate((0, 2, 3)):
        data = b"\0" * before + secret.encode("utf-8", "replace")
        encoded = b64encode(data).decode().rstrip("=")
        yield encoded[begin : len(encoded) - (len(data) % 3 != 0)]


def _encoded_texts(text: str) -> Iterator[str]:
    """Yield the texts in a JSON text that have other encodings inside, without JSON's escapes."""
    if text.isascii() and not any(mark in text for mark in "\\%&=\x7f"):
        return
    # Each quotation mark that is left ends a text.
    text = text.replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
    marks = re.compile(r"[\\%&=]|[^\t\n\r -~]")
    end = 0
    while match := marks.search(text, end):
        start = text.rfind('"', end, match.start()) + 1 or end
        end = text.find('"', match.end())
        end = len(text) if end < 0 else end
        yield _json_decoded(text[start:end])


def _readings(text: str) -> Iterator[str]:
    """Yield the text and its decoded forms: each decoder is tried as the first one."""
    yield text
    for first, (is_needed, _) in enumerate(_DECODERS):
        if not is_needed(text):
            continue
        decoded = text
        for _ in range(_DEPTH):
            before = decoded
            for needed, decode in _DECODERS[first:] + _DECODERS[:first]:
                if needed(decoded) and (other := decode(decoded)) != decoded:
                    decoded = other
                    yield decoded
            if decoded == before:
                break


def _percent_decoded(text: str) -> str:
    return re.sub(r"%u([0-9A-Fa-f]{4})|(?:%[0-9A-Fa-f]{2})+", _of_bytes, text)


def _quoted_printable_decoded(text: str) -> str:
    return re.sub(r"()(?:=[0-9A-Fa-f]{2})+", _of_bytes, re.sub(r"=(?:\r?\n|(?==))", "", text))


def _of_bytes(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return bytes.fromhex(re.sub("[%=]", "", match[0])).decode("utf-8", "replace")


# As JSON, JavaScript, Python and C write a character.
_DIGITS = r"[uU]\{([0-9A-Fa-f]{1,8})\}|(?:u|U[0-9A-Fa-f]{4})([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})"


def _json_decoded(text: str) -> str:
    decoded = re.sub(rf"\\(?:{_DIGITS}|([0-7]{{3}})|(.))", _json_character, text, flags=re.DOTALL)
    # Two halves are one character.
    return decoded if decoded.isascii() else decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_character(match: re.Match[str]) -> str:
    digits, octal, other = match[1] or match[2] or match[3], match[4], match[5]
    if digits or octal:
        number = int(digits, 16) if digits else int(octal, 8)
        return chr(number) if number <= 0x10FFFF else ""
    # Control characters are not searched.
    return "" if other in "bfnrt" else other


def _html_decoded(text: str) -> str:
    return re.sub(r"&(?:#(?:([0-9]{1,8})|[xX]([0-9A-Fa-f]{1,8}));?|[A-Za-z][A-Za-z0-9]{1,31};)", _html_character, text)


def _html_character(match: re.Match[str]) -> str:
    if match[1] or match[2]:
        number = int(match[1]) if match[1] else int(match[2], 16)
        return chr(number) if number <= sys.maxunicode else ""
    from html import unescape  # it takes 2 ms to import

    return unescape(match[0])


_SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,200}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)


def _without_sequences(text: str) -> str:
    """Return a text without the escape sequences of terminals (ECMA-48, 5.3 to 5.6)."""
    return re.sub(_SEQUENCE, "", text)


def _without_unseen(text: str) -> str:
    return re.sub("[\x00-\x1f\x7f-\x9f]", "", without_ignorable(text))


def _plain_letters(text: str) -> str:
    from unicodedata import normalize

    return normalize("NFKD", text)


# When a text needs the decoder, and the decoder.
_DECODERS: tuple[tuple[Callable[[str], bool], Callable[[str], str]], ...] = (
    (lambda text: "\\" in text, _json_decoded),
    (lambda text: "%" in text, _percent_decoded),
    (lambda text: "=" in text, _quoted_printable_decoded),
    (lambda text: "&" in text, _html_decoded),
    (lambda text: re.search("[\x1b\x90-\x9f]", text) is not None, _without_sequences),
    (lambda text: not text.isascii(), _plain_letters),
    # Last, so that a sequence is removed as a whole; invisible characters may also stand inside an escape.
    (lambda text: not (text.isascii() and text.isprintable()), _without_unseen),
)
