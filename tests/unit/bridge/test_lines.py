"""Lines as they come: in any pieces, of any length, and no more of them held than one may have."""

from __future__ import annotations

import io
import itertools
import os
import tracemalloc
from typing import Any

import pytest

from litellmctl.bridge.lines import MAX_LINE_BYTES, TooLong, read_lines


class Pieces(io.BytesIO):
    """A stream that gives its bytes in pieces of so many."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self._size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nbc\n", [b"a", b"bc"]),
        (b"a\r\n\r\nb", [b"a\r", b"b"]),
        (b"\n \n\t\n\na\n\n", [b"a"]),
        (b"\xc3\xbc\n\xff", [b"\xc3\xbc", b"\xff"]),
    ],
)
def test_lines_come_whole(data: bytes, lines: list[bytes], size: int) -> None:
    assert list(read_lines(Pieces(data, size))) == lines


def test_a_line_is_there_as_soon_as_it_is_whole() -> None:
    source, sink = os.pipe()
    with os.fdopen(source, "rb") as stream:
        lines = read_lines(stream)
        os.write(sink, b"a\nb")
        assert next(lines) == b"a"
        os.write(sink, b"\n")
        assert next(lines) == b"b"
        os.close(sink)
        assert list(lines) == []


@pytest.mark.parametrize("size", [65536, 10**6, 3 * MAX_LINE_BYTES])
@pytest.mark.parametrize("more", [0, 1])
def test_a_line_may_be_so_long_and_no_longer(size: int, more: int) -> None:
    data = b"<" + b"x" * (MAX_LINE_BYTES - 2 + more) + b">"
    line, after = read_lines(Pieces(data + b"\nafter\n", size))
    assert after == b"after"
    if more:
        assert isinstance(line, TooLong)
        assert line.head == b"<" + b"x" * 1023
        assert line.tail == b"x" * 1023 + b">"
    else:
        assert line == data


def test_a_line_that_never_ends_takes_no_memory() -> None:
    class Endless(io.RawIOBase):
        pieces = itertools.chain(itertools.repeat(b"x" * 65536, 3000), [b""])

        def read1(self, size: int) -> bytes:
            return next(self.pieces)

        def read(self, size: int = -1, /) -> bytes:
            return next(self.pieces)

    tracemalloc.start()
    try:
        (line,) = read_lines(Endless())  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(line, TooLong)
    assert peak < 3 * MAX_LINE_BYTES


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("closed")])
def test_a_stream_that_fails_has_ended(error: Exception) -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> Any:
            raise error

    assert list(read_lines(Failing())) == []
