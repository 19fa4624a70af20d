"""One limit for a whole call, whatever it waits for: name resolution, a handshake, a server that trickles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from litellmctl.errors import Unavailable
from litellmctl.foundation.threads import SLICE_SECONDS, in_background, start_daemon

T = TypeVar("T")

# If the wait of one slice takes so much longer, this process was stopped, or the machine slept.
_AWAY_SECONDS = 2.0
_LONGER = "allow more time with --timeout SECONDS"


class Deadline:
    """The moment by which a call must be done; `seconds` is None for no limit."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._expires = None if seconds is None else time.monotonic() + seconds
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self._pauses = 0
        self._paused_at = 0.0

    def remaining(self, longest: float) -> float:
        """Return the seconds that are left, at most `longest`; raises `Unavailable` when none are."""
        left = self._left()
        if left is None:
            return longest
        if left <= 0:
            raise self.passed()
        return min(left, longest)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        left = self._left()
        return left is not None and left <= 0

    def _left(self) -> float | None:
        """Return the seconds that are left, None without a limit. None of them pass during a pause.

        Time in which this process was stopped does not count: an answer that came then, as a token, is not lost.
        """
        with self._lock:
            if self._looked_at is not None:  # by `run`, in every slice
                looked_at, self._looked_at = self._looked_at, time.monotonic()
                if self._looked_at - looked_at > _AWAY_SECONDS and self._expires is not None and not self._pauses:
                    self._expires += self._looked_at - looked_at
            now = self._paused_at if self._pauses else time.monotonic()
            return None if self._expires is None else self._expires - now

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock during the body: a helper that prints a key has its own limit.

        Several threads may pause at once: the time counts again when the last of them goes on.
        """
        with self._lock:
            if self._pauses == 0:
                self._paused_at = time.monotonic()
            self._pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if self._pauses == 0 and self._expires is not None:
                    self._expires += time.monotonic() - self._paused_at

    def passed(self) -> Unavailable:
        """Return the failure to raise when the time is over."""
        return Unavailable("timeout", f"no complete answer within {self.seconds:g} s", remedy=_LONGER)

    def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns or raise what it raises, but no later than the deadline.

        It runs in a daemon thread, which is abandoned then: sockets have time-outs for one wait, not for a call, and
        name resolution has none.
        """
        self._looked_at = time.monotonic()
        pending = in_background(function)
        try:
            while not pending.wait(self.remaining(SLICE_SECONDS)):
                pass
        finally:
            self._looked_at = None
        return pending.result()

    def watched(self, items: Iterator[T], silence: float, stop: Callable[[], object]) -> Iterator[T]:
        """Yield the items, each waited for no later than the deadline, or for `silence` seconds.

        A thread looks at the clock, and calls `stop`, which is to end the wait: sockets have time-outs for one read,
        and a body that trickles takes many. An item costs no time: a download has thousands.
        """
        late: list[Unavailable] = []
        over = threading.Event()
        since: float | None = None

        def watch() -> None:
            while not over.wait(SLICE_SECONDS):
                now = time.monotonic()
                if self.is_over:
                    late.append(self.passed())
                elif since is not None and now > since + silence:
                    late.append(Unavailable("timeout", f"the proxy sent nothing for {silence:g} s", remedy=_LONGER))
                else:
                    continue
                with suppress(Exception):
                    stop()
                return

        start_daemon(watch)
        try:
            while True:
                since = time.monotonic()
                try:
                    item = next(items, None)
                except Exception:
                    if not late:
                        raise
                if late:
                    raise late[0] from None
                if item is None:
                    return
                since = None
                yield item
        finally:
            over.set()
