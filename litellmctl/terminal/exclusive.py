"""Stdin and stdout for a protocol alone: no message of ours and no child process comes in between."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO


@contextmanager
def exclusive(stdin: IO[bytes] | None, stdout: TextIO | None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield the two streams as bytes. Whatever else is written to stdout meanwhile goes to stderr.

    A closed stdin has nothing to read; a closed stdout raises BrokenPipeError.
    """
    if stdout is None:
        raise BrokenPipeError
    stdout.flush()
    try:
        output, inputs = stdout.fileno(), None if stdin is None else stdin.fileno()
    except (OSError, ValueError):  # not a descriptor but a program that plays one
        yield stdin or io.BytesIO(), stdout.buffer
        return
    # Without buffers: what a client did not take is not written again at exit, and a thread that still reads or writes
    # holds no lock that the interpreter would want. Neither is closed, since Windows would wait for that thread.
    sink = io.FileIO(os.dup(output), "wb", closefd=False)
    source: IO[bytes] = io.BytesIO() if inputs is None else io.FileIO(os.dup(inputs), "rb", closefd=False)
    if sys.platform != "win32":
        for descriptor in (output, *([] if inputs is None else [inputs])):
            os.set_blocking(descriptor, True)
    try:
        os.dup2(2, output)
        yield source, sink
    finally:
        with suppress(OSError, ValueError):
            os.dup2(sink.fileno(), output)
