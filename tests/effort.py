"""How long something may take, and how much work or memory: bounds that hold on a slow and busy machine too."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Found = TypeVar("Found")

# What _reference takes on the machine that the bounds are written for, in seconds: 2 cores of a cloud's, idle.
_REFERENCE_SECONDS = 0.06
# Not ru_maxrss, which a child starts with as its parent left it.
_MEASURED = (
    "import re, sys; from litellmctl.__main__ import main; code = main(sys.argv[1:]);"
    "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr); sys.exit(code)"
)


def until(condition: Callable[[], Found], what: str = "it", seconds: float = 20) -> Found:
    """Wait until a condition holds, and return what it returned; fail, naming `what`, after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.005)
    return found


@contextmanager
def less_than(seconds: float) -> Iterator[None]:
    """Assert that the block takes less than this many seconds of a processor, the process's own.

    A machine that is slower just now than the one that the bounds are written for gets that much more. Garbage is
    collected for nothing but the block: the earlier tests of a process leave millions of objects, and a walk through
    them is not the block's work.
    """
    gc.freeze()
    start = time.process_time()
    try:
        yield
        took = time.process_time() - start
    finally:
        gc.unfreeze()
    if took >= seconds:
        allowed = seconds * max(1.0, _reference() / _REFERENCE_SECONDS)
        assert took < allowed, f"{took:.2f} s of a processor, and {allowed:.2f} s are allowed"


def _reference() -> float:
    start = time.process_time()
    sum(number % 7 for number in range(1_000_000))
    return time.process_time() - start


def measured(*words: str) -> list[str]:
    """Return a command that runs the program, on Linux, and prints to stderr, last, the most memory that it had."""
    return [sys.executable, "-c", _MEASURED, *words]


def peak_bytes(stderr: str | bytes) -> int:
    """Return the most memory that a `measured` command had, out of what it printed to stderr."""
    return int(stderr.split()[-1]) * 1024
