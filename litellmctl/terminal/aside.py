"""Messages that are said in a thread of their own, so that a terminal or a pipe that takes none holds up nothing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from litellmctl.foundation.threads import start_daemon

if TYPE_CHECKING:
    from typing import Protocol

    class _Sayer(Protocol):
        def note(self, text: str) -> None: ...
        def warn(self, text: str) -> None: ...
        def trace(self, text: str) -> None: ...


_MAX_WAITING = 1000


class Aside:
    """Says what a server says, in a thread of its own: a terminal that is stopped must not stop the requests.

    It is a `Listener`. Of more than a thousand things that are waiting to be said, the last are dropped.
    """

    can_prompt = False
    stderr_is_terminal = False

    def __init__(self, listener: _Sayer) -> None:
        self._listener = listener
        self._waiting: queue.Queue[Callable[[], None]] = queue.Queue(_MAX_WAITING)
        start_daemon(self._say)

    def note(self, text: str) -> None:
        """Say a note."""
        self.do(lambda: self._listener.note(text))

    def warn(self, text: str) -> None:
        """Say a warning."""
        self.do(lambda: self._listener.warn(text))

    def trace(self, text: str) -> None:
        """Say a line that -v prints."""
        self.do(lambda: self._listener.trace(text))

    def do(self, work: Callable[[], None]) -> None:
        """Call `work` there."""
        with suppress(queue.Full):
            self._waiting.put_nowait(work)

    def close(self, seconds: float = 1.0) -> bool:
        """Wait until all is said, for a moment at most; return whether it is."""
        done = threading.Event()
        expires = time.monotonic() + seconds
        with suppress(queue.Full):
            self._waiting.put(done.set, timeout=seconds)
            return done.wait(max(0.0, expires - time.monotonic()))
        return False

    def _say(self) -> None:
        while True:
            with suppress(OSError, ValueError):
                self._waiting.get()()
