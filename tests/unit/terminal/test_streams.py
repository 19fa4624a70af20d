from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from litellmctl.errors import Failure
from litellmctl.terminal import streams

pty = pytest.importorskip("pty")


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    """A stream to a pseudo-terminal of 100 columns; its `other` end can be closed."""
    import fcntl
    import struct
    import termios

    other, descriptor = pty.openpty()
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    stream = io.TextIOWrapper(os.fdopen(descriptor, "wb", buffering=0), write_through=True)
    stream.other = other  # type: ignore[attr-defined]
    yield stream
    for close in (stream.close, lambda: os.close(other)):
        with suppress(OSError):
            close()


@pytest.mark.parametrize(
    ("said", "columns", "wrapped"),
    [
        (None, 100, 100),
        ("160", 160, 100),
        ("20", 20, 100),
        ("1", 20, 100),
        ("0", 100, 100),
        ("", 100, 100),
        ("abc", 100, 100),
        ("-5", 100, 100),
        ("8 0", 100, 100),
        ("²", 100, 100),
        ("9" * 5000, 100, 100),
    ],
)
def test_the_width_is_that_of_columns_where_it_is_sane_else_of_the_terminal(
    terminal: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch, said: str | None, columns: int, wrapped: int
) -> None:
    if said is not None:
        monkeypatch.setenv("COLUMNS", said)
    assert (streams.columns(terminal), streams.wrapped_at(terminal)) == (columns, wrapped)


@pytest.mark.parametrize(("said", "columns"), [(None, 80), ("abc", 80), ("120", 120), ("0", 80), ("1", 20)])
def test_what_is_no_terminal_has_80_columns_unless_columns_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, said: str | None, columns: int
) -> None:
    if said is not None:
        monkeypatch.setenv("COLUMNS", said)
    assert streams.columns(io.StringIO()) == streams.columns(None) == columns


@pytest.mark.parametrize(("wide", "columns"), [(0, 80), (1, 20), (20, 20), (300, 300)])
def test_a_terminal_that_does_not_know_its_width_has_80_columns(wide: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    other, descriptor = pty.openpty()
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 0, wide, 0, 0))
    with os.fdopen(descriptor, "w") as stream:
        assert streams.columns(stream) == columns
    os.close(other)


def test_a_terminal_that_went_away_is_a_failure(terminal: io.TextIOWrapper) -> None:
    os.close(terminal.other)  # type: ignore[attr-defined]
    with pytest.raises(Failure, match="cannot write the output: input/output error"), streams.writing():
        streams.write(terminal, "data\n", terminal=True)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some disk space"), (errno.EIO, "write the output to another file")],
)
def test_what_keeps_output_from_being_written_is_a_failure(number: int, remedy: str) -> None:
    with pytest.raises(Failure) as failure, streams.writing():
        raise OSError(number, os.strerror(number))
    assert (failure.value.code, failure.value.remedy) == ("file", remedy)


class Screen(io.StringIO):
    """A terminal that takes any character."""

    encoding = "utf-8"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gpt\u200b-4o", "gpt\\u200b-4o"),
        ("gpt\u200d-4o", "gpt\\u200d-4o"),
        ("\ufeffa\u2060\u00ad", "\\ufeffa\\u2060\\u00ad"),
        ("a\U000e0061", "a\\udb40\\udc61"),
        ("日\u200b\u200d本", "日\\u200b\\u200d本"),
        ("a\u202eb", "a\\u202eb"),
        ("👩\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3 🇩🇪", "👩\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3 🇩🇪"),
        ("क्\u200dष می\u200cخم", "क्\u200dष می\u200cخم"),
        ("größe 日本", "größe 日本"),
    ],
)
def test_what_nobody_sees_is_shown_on_a_terminal_and_raw_in_a_pipe(text: str, shown: str) -> None:
    screen, pipe = Screen(), Screen()
    streams.write(screen, text, terminal=True)
    streams.write(pipe, text, terminal=False)
    assert (screen.getvalue(), pipe.getvalue()) == (shown, text)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "tools,compu…"), ("cp1252", "tools,compu…"), ("latin-1", "tools,compu~"), ("ascii", "tools,compu~")],
)
def test_text_that_is_cut_off_never_ends_in_what_means_unknown(encoding: str, shown: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    streams.write(stream, "tools,compu…", terminal=True)
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == shown  # type: ignore[attr-defined]
