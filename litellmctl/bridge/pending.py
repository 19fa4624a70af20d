"""The requests that take time: in order, some at a time, each answered once or cancelled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellmctl.errors import Failure
from litellmctl.foundation.threads import start_daemon

if TYPE_CHECKING:
    from litellmctl.bridge.messages import Key, Message

# While more than this waits, nothing else is read from the client.
_MAX_WAITING = 1000
_MAX_WAITING_BYTES = 16 * 2**20
# So many times those at work at once may be at work on requests that were dropped: an answer may take minutes.
_MAX_DROPPED = 3


class Request:
    """A request that is not answered yet.

    `about` is what it is about (a tool's name), `size` how many bytes it takes. `reply` sends the answer, or None where
    there will be none.
    """

    def __init__(self, message: Message, about: str, size: int, reply: Callable[[str | None], None]) -> None:
        assert message.key is not None
        self.key = message.key
        self.id = message.id
        self.method = message.method
        self.params = message.params
        self.about = about
        self.size = size
        self.reply = reply
        self.is_over = False
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The time since it came."""
        return time.monotonic() - self._started


class Queue:
    """Requests in order of arrival, in threads that exist only meanwhile.

    At most `at_once` are at work that nobody has dropped; at most three times as many dropped ones still linger.
    """

    def __init__(self, at_once: int, work: Callable[[Request], None]) -> None:
        self._at_once = at_once
        self._work = work
        self._waiting: deque[Request] = deque()
        self._bytes = 0
        self._at_work: set[Request] = set()
        self._workers = 0
        # Threads at work on a request that was dropped: they are no longer workers.
        self._dropped = 0
        self._changed = threading.Condition()

    def add(self, request: Request) -> None:
        """Add a request; waits while too many are waiting. Raises a failure if the machine has no thread for it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < _MAX_WAITING and self._bytes < _MAX_WAITING_BYTES)
            self._waiting.append(request)
            self._bytes += request.size
            if self._workers >= self._at_once:
                return
            self._workers += 1
        try:
            start_daemon(self._serve)
        except Failure:
            with self._changed:
                self._workers -= 1
                if self._workers:  # others will come to it
                    return
                self._remove(request)
            raise

    def drop(self, request: Request) -> None:
        """Remove a request that is waiting; one that is at work makes room for another."""
        with self._changed:
            self._remove(request)
            if request not in self._at_work or self._dropped >= self._at_once * _MAX_DROPPED:
                return
            self._at_work.remove(request)
            self._dropped += 1
            if not self._waiting:
                self._workers -= 1
                return
        try:
            start_daemon(self._serve)
        except Failure:
            with self._changed:
                self._workers -= 1  # other workers come to what is waiting, or this one as soon as it is done

    def _remove(self, request: Request) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
            self._bytes -= request.size
            self._changed.notify_all()

    def _serve(self) -> None:
        while (request := self._next()) is not None:
            self._work(request)
            if not self._goes_on(request):
                return

    def _next(self) -> Request | None:
        with self._changed:
            if not self._waiting:
                self._workers -= 1
                return None
            request = self._waiting.popleft()
            self._bytes -= request.size
            self._at_work.add(request)
            self._changed.notify_all()
            return request

    def _goes_on(self, request: Request) -> bool:
        """Whether the thread that was at work on a request is a worker still, or is needed as one again."""
        with self._changed:
            if request in self._at_work:
                self._at_work.remove(request)
                return True
            self._dropped -= 1
            is_needed = bool(self._waiting) and self._workers < self._at_once
            self._workers += is_needed
            return is_needed


class Unanswered:
    """All requests that are not answered yet, by their ids. `on_over` gets each with its outcome."""

    def __init__(self, on_over: Callable[[Request, str], None]) -> None:
        self._on_over = on_over
        self._requests: dict[Key, Request] = {}
        self._replying = 0
        self._changed = threading.Condition()

    def add(self, request: Request) -> bool:
        """Add a request; return false if one with its id is there already."""
        with self._changed:
            return self._requests.setdefault(request.key, request) is request

    def answer(self, request: Request, answer: str, outcome: str) -> None:
        """Send the answer to a request, unless it has been cancelled."""
        self._end(request, answer, outcome)

    def cancel(self, key: Key) -> Request | None:
        """Cancel a request, which is then never answered, and return it; None if there is none."""
        with self._changed:
            request = self._requests.get(key)
        return request if request is not None and self._end(request, None, "cancelled") else None

    @property
    def is_empty(self) -> bool:
        """Whether all are answered."""
        return not self._requests and not self._replying

    def wait_until_empty(self) -> None:
        """Wait until all are answered."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_empty)

    def _end(self, request: Request, answer: str | None, outcome: str) -> bool:
        with self._changed:
            if request.is_over:
                return False
            request.is_over = True
            # Before the answer is sent: the client may use the id again as soon as it has that.
            del self._requests[request.key]
            self._replying += 1
        try:
            request.reply(answer)
            self._on_over(request, outcome)
        finally:
            with self._changed:
                self._replying -= 1
                self._changed.notify_all()
        return True
