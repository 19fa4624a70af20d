"""How much work something may be: bounds that hold on a slow and busy machine too."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

# What _reference takes on the machine that the bounds are written for, in seconds: 2 cores of a cloud's, idle.
_REFERENCE_SECONDS = 0.06


@contextmanager
def less_than(seconds: float) -> Iterator[None]:
    """Assert that the block takes less than this many seconds of a processor, the process's own.

    Where it takes more, as many times more are allowed as this machine is slower just now than the one that the bounds
    are written for. Garbage is collected for nothing but the block: the earlier tests of a process leave millions of
    objects, and a walk through them is not the block's work.
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
