"""Waiting for the end of a session: that it is over, or that nobody reads what it writes."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import IO

from litellmctl.foundation.threads import SLICE_SECONDS


class Ending:
    """What the main thread waits for. A signal may interrupt the wait, with what its handler raises."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._wake: int | None = None

    def over(self) -> None:
        """Say that the session is over."""
        self._is_over.set()
        with self._lock:
            if self._wake is not None:
                os.write(self._wake, b"\0")

    def wait(self, sink: IO[bytes]) -> bool:
        """Wait until the session is over (true), or until `sink` has lost its reader (false).

        The latter is noticed where the system says it without a write: on Linux and macOS for pipes and sockets.
        """
        if sys.platform == "win32":
            while not self._is_over.wait(SLICE_SECONDS):  # Ctrl-C arrives only between waits
                pass
            return True
        else:  # noqa: RET505  (mypy ignores what is of the other system only in a branch)
            woken, wake = os.pipe()
            try:
                with self._lock:
                    self._wake = wake
                return self._is_over.is_set() or _is_woken(woken, sink)
            finally:
                with self._lock:
                    self._wake = None
                os.close(woken)
                os.close(wake)


if sys.platform != "win32":
    import select

    def _is_woken(woken: int, sink: IO[bytes]) -> bool:
        """Wait for a byte (true), or until `sink` has lost its reader (false)."""
        poller = select.poll()
        poller.register(woken, select.POLLIN)
        with suppress(OSError, ValueError):  # of a stream in memory
            poller.register(sink.fileno(), 0)
        while True:
            for descriptor, event in poller.poll():
                if descriptor == woken:
                    return True
                if event & (select.POLLERR | select.POLLHUP):
                    return False
                poller.unregister(descriptor)  # macOS cannot watch every device
