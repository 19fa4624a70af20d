"""Secrets taken out of the texts of strangers, however they are written there."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

STAND_IN = "***"
# What is shorter stands in many a text by chance.
_MIN_LENGTH = 8
# How often a text may be encoded, and how many ways of writing a secret one text is searched for.
_DEPTH = 3
_MAX_PASSES = 20

# Whatever the case, and base64 in either alphabet (RFC 4648, section 5).
_ONE_WRITING = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", b"abcdefghijklmnopqrstuvwxyz+/")
_CONTROLS = bytes([*range(32), 127])


class Hider:
    """Hides these secrets in texts: as they are, in any case, or in base64, and where the text is encoded.

    A secret is ASCII, so that it is looked for in what a text has of printable ASCII: whatever else stands inside it,
    control characters and all that cannot be seen among it, hides no secret. Percent-encoding, JSON's escapes, those of
    HTML and of terminals, and letters that only look otherwise are decoded, three times over.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {_folded(form) for secret in secrets for form in _forms(secret)}
        self._needles = sorted((one for one in found if len(one) >= _MIN_LENGTH), key=len, reverse=True)

    def hidden(self, text: str) -> str:
        """Return the text without the secrets; the same text where it has none."""
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

        The value is walked only where its text has a secret: that is looked for in 78 MB in a fifth of a second.
        """
        if not self._needles:
            return value
        is_clean = not self._is_in(text) and not any(map(self._is_in, _readings(_encoded_texts(text))))
        return value if is_clean else self.hidden_in(value)

    def _is_in(self, text: str) -> bool:
        folded = _folded(text)
        return any(needle in folded for needle in self._needles)

    def _masked(self, text: str) -> str | None:
        """Return a text that was decoded without the secrets; None where it has none."""
        if not self._is_in(text):
            return None
        folded = _folded(text)
        # Where in the text each character of the folded one is.
        places = [place for place, character in enumerate(text) if " " <= character <= "~"]
        spans = [match.span() for needle in self._needles for match in re.finditer(re.escape(needle), folded)]
        parts, end = [], 0
        for start, stop in sorted(spans):
            if places[start] >= end:
                parts += [text[end : places[start]], STAND_IN]
            end = max(end, places[stop - 1] + 1)
        return "".join([*parts, text[end:]])


def _folded(text: str) -> bytes:
    return text.encode("ascii", "ignore").translate(_ONE_WRITING, _CONTROLS)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret, or the key of `Bearer KEY`, as it is and as base64."""
    if len(secret) < _MIN_LENGTH:
        return
    _, space, word = secret.partition(" ")
    if space and " " not in word and len(word) >= _MIN_LENGTH:
        secret = word
    yield secret
    # Other bytes may stand before it and after it: what depends on them is no part of the form.
    for before, begin in enumerate((0, 2, 3)):
        data = b"\0" * before + secret.encode("utf-8", "replace")
        encoded = b64encode(data).decode().rstrip("=")
        yield encoded[begin : len(encoded) - (len(data) % 3 != 0)]


def _encoded_texts(text: str) -> str:
    """Return those texts of a JSON text that may say something else once they are decoded."""
    if text.isascii() and not any(mark in text for mark in "\\%&\x7f"):
        return ""
    text = text.replace('\\"', "\\u0022")
    parts = []
    end = 0
    while match := re.compile(r"[\\%&]|[^\t\n\r -~]").search(text, end):
        start = text.rfind('"', end, match.start()) + 1 or end
        end = text.find('"', match.end())
        end = len(text) if end < 0 else end
        parts.append(text[start:end])
    return '"'.join(parts)


def _readings(text: str) -> Iterator[str]:
    """Yield the text, and what it says once it is decoded: each decoder has its turn as the first one."""
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
    return re.sub(r"%(?:u([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))", lambda match: chr(int(match[1] or match[2], 16)), text)


def _json_decoded(text: str) -> str:
    decoded = re.sub(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", _json_character, text, flags=re.DOTALL)
    # Two halves are one character.
    return decoded if decoded.isascii() else decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_character(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    # Of what \b, \f, \n, \r and \t stand for nothing is looked at.
    return chr(int(digits, 16)) if digits else "" if match[3] in "bfnrt" else match[3]


def _html_decoded(text: str) -> str:
    return re.sub(r"&(?:#(?:([0-9]{1,8})|[xX]([0-9A-Fa-f]{1,8}));?|[A-Za-z][A-Za-z0-9]{1,31};)", _html_character, text)


def _html_character(match: re.Match[str]) -> str:
    if match[1] or match[2]:
        number = int(match[1]) if match[1] else int(match[2], 16)
        return chr(number) if number < 128 else ""
    from html import unescape  # it takes 2 ms to import

    return unescape(match[0])


def _without_colors(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;:?]*[@-~]", "", text)


def _plain_letters(text: str) -> str:
    from unicodedata import normalize

    return normalize("NFKD", text)


# When a text needs the decoder, and the decoder.
_DECODERS: tuple[tuple[Callable[[str], bool], Callable[[str], str]], ...] = (
    (lambda text: "\\" in text, _json_decoded),
    (lambda text: "%" in text, _percent_decoded),
    (lambda text: "&" in text, _html_decoded),
    (lambda text: "\x1b" in text, _without_colors),
    (lambda text: not text.isascii(), _plain_letters),
)
