"""Messages in: one a line, as bytes. A line that is too long is never held, and reading goes on after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, NamedTuple

# Twice what the arguments of a call may have.
MAX_LINE_BYTES = 10 * 2**20
_PIECE_BYTES = 64 * 1024
# Of a line that is too long, so much of its beginning and of its end is kept, to find the id of the request in it.
_END_BYTES = 1024


class TooLong(NamedTuple):
    """A line of more than `MAX_LINE_BYTES`: only its beginning and its end."""

    head: bytes
    tail: bytes


def read_lines(source: IO[bytes]) -> Iterator[bytes | TooLong]:
    """Yield the lines of `source` that are not blank, without their line breaks, as soon as each is there.

    The last one may lack its line break. A source that fails has ended.
    """
    line = _Line()
    read = _reader(source)
    while piece := read():
        *parts, rest = piece.split(b"\n")
        for part in parts:
            line.add(part)
            yield from line.end()
        line.add(rest)
    yield from line.end()


def _reader(source: IO[bytes]) -> Callable[[], bytes]:
    """Return what reads the next bytes as they come; none at the end."""
    descriptor = None
    with suppress(OSError, ValueError):  # of a stream in memory
        descriptor = source.fileno()
    take = getattr(source, "read1", source.read)

    def read() -> bytes:
        try:
            # Not from the stream: a thread that waits there holds its lock, which the interpreter may want at its end.
            return os.read(descriptor, _PIECE_BYTES) if descriptor is not None else take(_PIECE_BYTES) or b""
        except (OSError, ValueError):
            return b""

    return read


class _Line:
    """One line as it comes, in pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._head: bytes | None = None

    def add(self, part: bytes) -> None:
        """Take the next piece."""
        self._held += part
        if self._head is None and len(self._held) > MAX_LINE_BYTES:
            self._head = bytes(self._held[:_END_BYTES])
        if self._head is not None:
            del self._held[:-_END_BYTES]

    def end(self) -> Iterator[bytes | TooLong]:
        """Yield the line, unless it is blank, and begin another."""
        held, head = self._held, self._head
        self._held, self._head = bytearray(), None
        if head is not None:
            yield TooLong(head, bytes(held))
        elif held.strip():
            yield bytes(held)
