"""Many calls at a time, with their results in the order of the input, and no more of them at once than a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

# Short, since Windows delivers Ctrl-C only between waits.
_SLICE_SECONDS = 0.1
_WAITING = 4


class _Slot(Generic[B]):
    """The place of one result, or of what was raised instead of it."""

    def __init__(self, result: B | None = None, error: BaseException | None = None) -> None:
        self.result = result
        self.error = error
        self.done = threading.Event()

    def fill(self, make: Callable[[], B]) -> None:
        try:
            self.result = make()
        except BaseException as error:  # noqa: BLE001
            self.error = error
        self.done.set()

    def take(self) -> B:
        while not self.done.wait(_SLICE_SECONDS):
            pass
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class _Line(Generic[A, B]):
    """Slots in the order of their items; the threads that fill them are daemons, so that nobody waits for them."""

    def __init__(self, items: Iterable[A], work: Callable[[A], B], jobs: int) -> None:
        self._items = items
        self._work = work
        self._jobs = jobs
        self._stopped = False
        # Two less, since the consumer waits for one, and the reader holds one that does not fit.
        self.slots: Queue[_Slot[B] | None] = Queue(jobs * _WAITING - 2)
        self._tasks: SimpleQueue[tuple[_Slot[B], A] | None] = SimpleQueue()
        for target in (self._feed, *[self._serve] * jobs):
            threading.Thread(target=target, daemon=True).start()

    def stop(self) -> None:
        """Begin no more work, and let the threads end."""
        self._stopped = True
        with suppress(Empty):
            while True:
                self.slots.get_nowait()

    def _feed(self) -> None:
        try:
            for item in self._items:
                slot: _Slot[B] = _Slot()
                self.slots.put(slot)
                if self._stopped:
                    break
                self._tasks.put((slot, item))
        except BaseException as error:  # noqa: BLE001
            broken: _Slot[B] = _Slot(error=error)
            broken.done.set()
            self.slots.put(broken)
        for _ in range(self._jobs):
            self._tasks.put(None)
        self.slots.put(None)

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopped:
            slot, item = task
            slot.fill(lambda: self._work(item))  # noqa: B023


def in_order(items: Iterable[A], work: Callable[[A], B], jobs: int) -> Iterator[B]:
    """Yield what `work` makes of each item, in their order, `jobs` at a time.

    At most four times as many are read ahead, so that memory stays flat however long the input is. What reading the
    items raises, or `work`, is raised in its place. No work is begun after that, or when nobody wants the rest.
    """
    line = _Line(items, work, jobs)
    try:
        while True:
            try:
                slot = line.slots.get(timeout=_SLICE_SECONDS)
            except Empty:
                continue
            if slot is None:
                return
            yield slot.take()
    finally:
        line.stop()
