"""What a standard stream is and takes: a terminal or not, its width, colour, and how text is written to it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO

from litellmctl.errors import Failure, UsageFailure

# SGR codes (ECMA-48).
BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
# What stands for text that is cut off; it takes one cell.
ELLIPSIS = "…"
_DEFAULT_COLUMNS = 80
# Narrower than that nothing can be read, whatever is done.
_MIN_COLUMNS = 20
_MAX_COLUMNS_DIGITS = 5
# What makes a terminal show text elsewhere than it stands, and what else it acts on, but our styles and ends of lines.
BIDIRECTIONAL = "[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_ACTS = f"(\x1b\\[(?:[012]|3[1236])m|\r\n)|[\x00-\x08\x0b-\x1f\x7f-\x9f]|{BIDIRECTIONAL}"


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person reads, or types, at the other end."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def is_file(stream: IO[str] | None) -> bool:
    """Whether it is a regular file."""
    import stat

    try:
        return stream is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # closed, or not a descriptor
        return False


def columns(stream: TextIO | None) -> int:
    """Return how many cells a row of the stream has: COLUMNS, else what the terminal says, else 80; at least 20."""
    return max(_MIN_COLUMNS, wanted_columns() or _terminal_columns(stream) or _DEFAULT_COLUMNS)


def wanted_columns() -> int:
    """Return what COLUMNS says, or 0 where it is not set to a usable number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_COLUMNS_DIGITS else 0


def wrapped_at(stream: TextIO | None) -> int:
    """Return where a terminal begins another row, whatever COLUMNS says."""
    return _terminal_columns(stream) or columns(stream)


def _terminal_columns(stream: TextIO | None) -> int:
    # Not shutil's function, which takes 4 ms to import.
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        return 0


def takes_color(stream: TextIO | None) -> bool:
    """Whether to colour: NO_COLOR wins over FORCE_COLOR and CLICOLOR_FORCE, these over CLICOLOR=0 and TERM=dumb."""
    env = os.environ.get
    if env("NO_COLOR"):
        return False
    if any(env(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if env("CLICOLOR") == "0" or env("TERM") == "dumb":
        return False
    return is_terminal(stream)


def write(stream: TextIO, text: str, *, terminal: bool) -> None:
    """Write text: as UTF-8 whatever the locale, or to a terminal with escapes for what it acts on or does not show."""
    buffer = getattr(stream, "buffer", None)
    if buffer is None or terminal:
        if terminal:  # one way for all: data, sentences and prompts, in every format
            text = re.sub(_ACTS, lambda match: match[1] or escaped(match), text)
            if not text.isascii():
                from litellmctl.foundation.ignorable import with_hidden

                text = with_hidden(text, escaped)
        # A terminal knows its own encoding; what it cannot show becomes a question mark, never a traceback.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if ELLIPSIS in text and not can_show(encoding, ELLIPSIS):
            text = text.replace(ELLIPSIS, "~")  # of one cell too; a question mark would read as unknown
        with suppress(UnicodeError, LookupError):  # some, as idna, replace nothing: they get UTF-8 too
            stream.write(text.encode(encoding, "replace").decode(encoding, "replace"))
            return
    if buffer is None:
        stream.write(text)
        return
    write_all(buffer, text.encode("utf-8", "replace"))


def can_show(encoding: str, text: str) -> bool:
    """Whether a stream of this encoding has the characters of `text`."""
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def write_all(buffer: IO[bytes], data: bytes) -> None:
    """Write all of `data`, also where a pipe takes a part only (with PYTHONUNBUFFERED)."""
    rest = memoryview(data)
    while rest:
        rest = rest[buffer.write(rest) or 0 :]


def escaped(match: re.Match[str]) -> str:
    r"""Return a character as JSON escapes it, with two halves where it needs them: \u202e, \udb40\udc01."""
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


@contextmanager
def writing() -> Iterator[None]:
    """Turn what keeps output from being written into a failure; a reader that went away stays a broken pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        is_full = error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
        raise Failure(
            "file",
            f"cannot write the output: {(error.strerror or str(error)).lower()}",
            remedy="free some disk space" if is_full else "write the output to another file",
        ) from None


@contextmanager
def reading(stdin: TextIO) -> Iterator[None]:
    """Refuse a stdin that cannot be read, such as one that is open for writing only, and one that is not text."""
    try:
        with suppress(ValueError):  # not a descriptor but a program that plays one
            os.read(stdin.fileno(), 0)
        yield
    except UnicodeError:
        encoding = getattr(stdin, "encoding", None) or "utf-8"
        remedy = "unset PYTHONIOENCODING" if os.environ.get("PYTHONIOENCODING") else f"convert it to {encoding}"
        raise UsageFailure(f"stdin is not valid {encoding} text", remedy=remedy) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failure("file", f"cannot read stdin: {reason}", remedy="pass the input with a pipe or < FILE") from None
