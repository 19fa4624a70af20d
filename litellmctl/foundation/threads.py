"""Threads that exit does not wait for: work in the background, in parallel, and in order.

All are daemons: those of `concurrent.futures` are waited for when the program ends, however slow the proxy is. Waits
are cut into slices, since Windows delivers Ctrl-C only between them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from typing import Any, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

SLICE_SECONDS = 0.1
# How many items are read ahead, for each job.
_AHEAD = 4


class Pending(Generic[B]):
    """A result that is being made in another thread."""

    def __init__(self) -> None:
        self._result: B | None = None
        self._error: BaseException | None = None
        self._done = threading.Event()

    def fill(self, make: Callable[[], B]) -> None:
        """Keep what `make` returns or raises."""
        try:
            self._result = make()
        except BaseException as error:  # noqa: BLE001
            self._error = error
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """Return whether the result is there within so many seconds."""
        return self._done.wait(seconds)

    def result(self) -> B:
        """Wait for the result and return it, or raise what was raised instead."""
        while not self._done.wait(SLICE_SECONDS):
            pass
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


def start_daemon(work: Callable[[], object]) -> None:
    """Run `work` in a thread that ends with the program."""
    _start(threading.Thread(target=work, daemon=True))


def _start(thread: threading.Thread) -> None:
    """Start a thread. Raises a failure of code `system` if the machine has no more."""
    from litellmctl.foundation import unexpected

    # Python waits forever for a thread whose stack took the last memory.
    if not unexpected.has_memory():
        raise unexpected.no_thread()
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        raise unexpected.no_thread() from None


def in_background(make: Callable[[], B]) -> Pending[B]:
    """Run `make` in a daemon thread; return the place of its result."""
    pending: Pending[B] = Pending()
    start_daemon(lambda: pending.fill(make))
    return pending


def after(seconds: float, work: Callable[[], object]) -> threading.Timer:
    """Run `work` in a daemon thread in so many seconds, unless the timer is cancelled before."""
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    _start(timer)
    return timer


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Return what the functions return, called at the same time, or raise what the first of them raises.

    All of them have ended then.
    """
    pending = [in_background(function) for function in functions]
    for one in pending:
        while not one.wait(SLICE_SECONDS):
            pass
    return [one.result() for one in pending]


def in_order(items: Iterable[A], work: Callable[[A], B], jobs: int) -> Iterator[B]:
    """Yield what `work` makes of each item, in their order, `jobs` at a time.

    At most four times as many are read ahead, so that memory stays flat however long the input is. An error of reading
    the items or of `work` is raised in its place. No work is begun after that, or after the iterator is closed.
    """
    line = _Line(items, work, jobs)
    try:
        while True:
            try:
                pending = line.results.get(timeout=SLICE_SECONDS)
            except Empty:
                continue
            if pending is None:
                return
            yield pending.result()
    finally:
        line.stop()


class _Line(Generic[A, B]):
    """Results in the order of their items, with the threads that make them."""

    def __init__(self, items: Iterable[A], work: Callable[[A], B], jobs: int) -> None:
        self._items = items
        self._work = work
        self._jobs = jobs
        self._stopped = False
        # Two less, since the consumer waits for one, and the reader holds one that does not fit.
        self.results: Queue[Pending[B] | None] = Queue(jobs * _AHEAD - 2)
        self._tasks: SimpleQueue[tuple[Pending[B], A] | None] = SimpleQueue()
        for target in (self._feed, *[self._serve] * jobs):
            start_daemon(target)

    def stop(self) -> None:
        """Begin no more work, and let the threads end."""
        self._stopped = True
        with suppress(Empty):
            while True:
                self.results.get_nowait()

    def _feed(self) -> None:
        try:
            for item in self._items:
                pending: Pending[B] = Pending()
                self.results.put(pending)
                if self._stopped:
                    break
                self._tasks.put((pending, item))
        except BaseException as error:  # noqa: BLE001
            self.results.put(_failed(error))
        for _ in range(self._jobs):
            self._tasks.put(None)
        self.results.put(None)

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopped:
            pending, item = task
            pending.fill(lambda: self._work(item))  # noqa: B023


def _failed(error: BaseException) -> Pending[Any]:
    def make() -> Any:
        raise error

    pending: Pending[Any] = Pending()
    pending.fill(make)
    return pending
