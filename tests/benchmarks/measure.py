"""Running programs in turns, and the medians of what that took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 2**16
# Bytes in a unit of ru_maxrss.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Failed(Exception):
    """A program that should be measured did not do its work."""


class Cost(NamedTuple):
    """What one run took: wall-clock seconds, and the peak resident set in bytes where the system tells.

    Linux counts in the peak of whoever started the program (some 22 MiB of ours): smaller ones cannot be told.
    """

    seconds: float
    peak: int | None = None


class Program(NamedTuple):
    """A program with its whole environment, what it reads, and the folder in which it runs.

    It must exit 0, and print if it `prints`.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    prints: bool = True
    stdin: bytes = b""

    def run(self) -> Cost:
        """Run it once. Its output goes into a pipe that is read to its end, as by `jq`; nothing is kept of it."""
        with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
            given.write(self.stdin)
            given.seek(0)
            start = time.perf_counter()
            process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )
            assert process.stdout is not None
            size = 0
            try:
                with process.stdout:
                    while chunk := process.stdout.read(_CHUNK):
                        size += len(chunk)
                status, peak = waited(process)
            except BaseException:
                process.kill()
                raise
            seconds = time.perf_counter() - start
            if status != 0 or (size == 0 and self.prints):
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace").strip()[-300:]
                raise Failed(f"{' '.join(self.command)}: exit {status}, {size} bytes, {said or 'no message'}")
        return Cost(seconds, peak)


def at_once(program: Program, count: int) -> Cost:
    """Run a program that many times at the same time; return what it took until the last one ended."""
    with ThreadPoolExecutor(count) as pool:
        start = time.perf_counter()
        for cost in [pool.submit(program.run) for _ in range(count)]:
            cost.result()
        return Cost(time.perf_counter() - start)


def in_turns(times: int, *steps: Callable[[], Cost]) -> list[tuple[Cost, ...]]:
    """Do the steps in turns (A B A B ...), after a round that warms everything up."""
    for step in steps:
        step()
    return [tuple(step() for step in steps) for _ in range(times)]


class Summary(NamedTuple):
    """The median of some numbers, and their first and third quartile."""

    median: float
    low: float
    high: float


def summary(numbers: Sequence[float]) -> Summary:
    """Return the median and the quartiles of numbers."""
    low, _, high = quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else [numbers[0]] * 3
    return Summary(median(numbers), low, high)


def waited(process: subprocess.Popen[bytes]) -> tuple[int, int | None]:
    """Wait for a process; return its exit code, and its peak resident set in bytes if that is known."""
    if sys.platform == "win32":
        return process.wait(), None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # it is gone: Popen must not wait for it
    return process.returncode, usage.ru_maxrss * _RSS_UNIT
