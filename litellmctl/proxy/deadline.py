"""One limit for a whole call, whatever it waits for: name resolution, a handshake, a server that trickles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from litellmctl.errors import Unavailable

T = TypeVar("T")

# Short, since Windows delivers Ctrl-C only between waits.
_SLICE_SECONDS = 0.1
_LONGER = "give it longer with --timeout SECONDS"


class Deadline:
    """The moment at which a call must be over; `seconds` is None for no limit."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._expires = None if seconds is None else time.monotonic() + seconds

    def remaining(self, most: float) -> float:
        """Return the seconds that are left, at most `most`; raises `Unavailable` when none are."""
        if self._expires is None:
            return most
        left = self._expires - time.monotonic()
        if left <= 0:
            raise self.passed()
        return min(left, most)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self._expires is not None and time.monotonic() >= self._expires

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the time of the body not count: a helper that prints a key has its own limit."""
        start = time.monotonic()
        if self._expires is None:
            yield
            return
        self._expires += 3600
        try:
            yield
        finally:
            self._expires += time.monotonic() - start - 3600

    def passed(self) -> Unavailable:
        """Return the failure to raise when the time is over."""
        return Unavailable("timeout", f"no complete answer within {self.seconds:g} s", remedy=_LONGER)

    def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns or raise what it raises, but no later than the deadline.

        It runs in a daemon thread, which is abandoned then: sockets have time-outs for one wait, not for a call, and
        name resolution has none.
        """
        outcome: list[Any] = []
        done = threading.Event()

        def work() -> None:
            try:
                outcome.extend((function(), None))
            except BaseException as error:  # noqa: BLE001
                outcome.extend((None, error))
            done.set()

        threading.Thread(target=work, daemon=True).start()
        while not done.wait(self.remaining(_SLICE_SECONDS)):
            pass
        result, error = outcome
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def watched(self, items: Iterator[T], most: float, stop: Callable[[], object]) -> Iterator[T]:
        """Yield the items, each waited for no later than the deadline, or for `most` seconds.

        A thread looks at the clock, and calls `stop`, which is to end the wait: sockets have time-outs for one read,
        and what trickles is many. That costs no time for an item, of which a download has thousands.
        """
        late: list[Unavailable] = []
        over = threading.Event()
        since: float | None = None

        def watch() -> None:
            while not over.wait(_SLICE_SECONDS):
                now = time.monotonic()
                if self.is_over:
                    late.append(self.passed())
                elif since is not None and now > since + most:
                    late.append(Unavailable("timeout", f"nothing came for {most:g} s", remedy=_LONGER))
                else:
                    continue
                with suppress(Exception):
                    stop()
                return

        threading.Thread(target=watch, daemon=True).start()
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


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Return what the functions return, called at the same time, or raise what the first of them raises.

    In daemon threads, since those of concurrent.futures would be waited for at exit, however slow the proxy is.
    """
    outcomes: list[Any] = [None] * len(functions)

    def work(index: int) -> None:
        try:
            outcomes[index] = (functions[index](), None)
        except BaseException as error:  # noqa: BLE001
            outcomes[index] = (None, error)

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, error in outcomes:
        if error is not None:
            raise error
    return [result for result, _ in outcomes]
