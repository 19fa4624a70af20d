"""The elements of a long JSON array, decoded while its body arrives, so that memory never holds the whole body."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# More than any proxy has; a longer list is an attempt to fill the memory.
MAX_ROWS = 50_000
# Of text; a row of LiteLLM's has 8 KiB.
_MAX_VALUE = 2 * 2**20
_MAX_NAMES = 100
# JSON values, each of which takes some 70 bytes once it is decoded.
MAX_KEPT = 2_000_000

_skip_whitespace = re.compile(r"[ \t\n\r]*").match
_number_characters = re.compile(r"[-+.eE0-9]*").match
_decode = json.JSONDecoder().raw_decode


class Malformed(Exception):
    """The body is not the JSON object that it should be. `start` is its beginning."""

    def __init__(self, start: str) -> None:
        super().__init__("malformed")
        self.start = start


class TooManyRows(Malformed):
    """The array has more rows than are taken."""


def rows(
    chunks: Iterable[bytes],
    key: str = "data",
    *,
    is_bare: bool = True,
    max_values: int | None = None,
    rest: dict[str, Any] | None = None,
    hide: Callable[[str, Any], Any] = lambda _, value: value,
) -> Iterator[Any]:
    """Yield the elements of the array under `key` in a JSON object (or of a bare array, if it may be), each decoded.

    Raises `Malformed` if the body is not an object with that array, ends early, goes on after its end, or has too large
    rows, and `TooManyRows` if it has more than `MAX_ROWS`; earlier elements have been yielded by then. A caller that
    keeps the rows limits the JSON values in them by `max_values`. `rest` takes the object's other values. `hide` gets
    each value's JSON and the value, and returns the value without its secrets.
    """
    text = _Text(chunks, max_values, hide)
    opening = text.next_char()
    if opening == "[" and is_bare:
        yield from _array(text)
    elif opening == "{":
        yield from _object(text, key, rest)
    else:
        raise Malformed(text.start)
    if text.next_char() != "":
        raise Malformed(text.start)


def _object(text: _Text, key: str, rest: dict[str, Any] | None) -> Iterator[Any]:
    found = False
    separator = "{"
    while separator != "}":
        if text.next_char() != '"':
            raise Malformed(text.start)
        text.back()
        name = text.value()
        if text.next_char() != ":":
            raise Malformed(text.start)
        if name == key and not found:
            found = True
            if text.next_char() != "[":
                raise Malformed(text.start)
            yield from _array(text)
        else:
            value = text.value()
            if rest is not None and len(rest) < _MAX_NAMES:
                rest[str(name)] = value
        separator = text.next_char()
        if separator not in {",", "}"}:
            raise Malformed(text.start)
    if not found:
        raise Malformed(text.start)


def _array(text: _Text) -> Iterator[Any]:
    char = text.next_char()
    if char == "]":
        return
    text.back()
    for _ in range(MAX_ROWS):
        yield text.value()
        char = text.next_char()
        if char == "]":
            return
        if char != ",":
            raise Malformed(text.start)
    raise TooManyRows(text.start)


class _Text:
    """The body as text that is read from the front; text that was read is dropped."""

    def __init__(self, chunks: Iterable[bytes], max_values: int | None, hide: Callable[[str, Any], Any]) -> None:
        self._chunks = iter(chunks)
        self._left = max_values
        self._hide = hide
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._at = 0
        self._over = False
        self.start = ""

    def next_char(self) -> str:
        """Return the next character that is not white space, and go past it; "" at the end."""
        while True:
            match = _skip_whitespace(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                self._at += 1
                return self._text[self._at - 1]
            if not self._more(1):
                return ""

    def back(self) -> None:
        """Go back before the character that `next_char` returned."""
        self._at -= 1

    def value(self) -> Any:
        """Return the next JSON value, and go past it."""
        if self.next_char() == "":
            raise Malformed(self.start)
        self.back()
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except json.JSONDecodeError:
                # Half a value, or none at all: twice as much text each time, so that a long value stays linear.
                length = len(self._text) - self._at
                if length > _MAX_VALUE or not self._more(length):
                    raise Malformed(self.start) from None
                continue
            except (ValueError, RecursionError):  # an integer of thousands of digits; nested too deeply
                raise Malformed(self.start) from None
            if isinstance(value, int | float) and self._may_go_on(end) and self._more(1):
                continue
            if self._left is not None:
                self._left -= 1 + sum(self._text.count(mark, self._at, end) for mark in ",[{")
                if self._left < 0:
                    raise Malformed(self.start)
            start, self._at = self._at, end
            try:
                return self._hide(self._text[start:end], value)
            except RecursionError:
                raise Malformed(self.start) from None

    def _may_go_on(self, end: int) -> bool:
        """Whether a number that ends here may go on in the next chunk: `12`, but also `12.` and `12e-`."""
        tail = _number_characters(self._text, end)
        return tail is not None and tail.end() == len(self._text)

    def _more(self, least: int) -> bool:
        """Append at least `least` characters, where there are that many; return whether there were any."""
        if self._over:
            return False
        parts = [self._text[self._at :]]
        length = 0
        while length < least or length == 0:
            chunk = next(self._chunks, None)
            part = self._utf8.decode(chunk or b"", final=chunk is None)
            parts.append(part)
            length += len(part)
            if chunk is None:
                self._over = True
                break
        self._text, self._at = "".join(parts), 0
        self.start = self.start or self._text[:100]
        return length > 0
