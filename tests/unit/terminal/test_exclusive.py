"""Stdin and stdout for a protocol alone."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from litellmctl.terminal.exclusive import exclusive

_SCRIPT = """
import os, subprocess, sys
from litellmctl.terminal.exclusive import exclusive
with exclusive(sys.stdin.buffer, sys.stdout) as (source, sink):
    print("stray", flush=True)
    subprocess.run([sys.executable, "-c", "print('of a child')"])
    sink.write(source.readline())
print("after", flush=True)
"""


def test_only_what_is_written_to_the_sink_is_on_stdout() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], input=b"line\n", capture_output=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [b"line", b"after"]
    assert done.stderr.splitlines() == [b"stray", b"of a child"]


def test_streams_in_memory_are_used_as_they_are() -> None:
    stdin, stdout = io.BytesIO(b"in"), io.TextIOWrapper(io.BytesIO())
    with exclusive(stdin, stdout) as (source, sink):
        assert source.read() == b"in"
        sink.write(b"out")
    assert stdout.buffer.getvalue() == b"out"


def test_a_closed_stdin_is_at_its_end() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as reader, os.fdopen(writes, "w") as stdout, exclusive(None, stdout) as (source, sink):
        assert source.read() == b""
        sink.write(b"out")
        assert reader.read(3) == b"out"


def test_a_closed_stdout_is_a_broken_pipe() -> None:
    with pytest.raises(BrokenPipeError), exclusive(None, None):
        pass
