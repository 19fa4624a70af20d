"""Messages out, in order, by the one thread that writes to the client; few wait, whatever the client does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from litellmctl.foundation.threads import start_daemon
from litellmctl.terminal.streams import write_all

# While more than this waits to be written, the threads that have an answer wait too.
_ROOM_BYTES = 4 * 2**20


class Outbox:
    """The messages that wait for the client to read them. `ended` is called after the last one."""

    def __init__(self, sink: IO[bytes], ended: Callable[[], None]) -> None:
        self._sink = sink
        self._ended = ended
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # those that are being written included
        self._is_finished = False
        self._changed = threading.Condition()
        self.error: OSError | None = None

    def start(self) -> None:
        """Begin to write."""
        start_daemon(self._write)

    def put(self, message: str) -> None:
        """Add an answer. Waits while too much is waiting; once the client is gone it is dropped."""
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._add(f"{message}\n".encode())  # not before, since many threads may wait here

    def note(self, message: str, *, is_needed: bool = False) -> None:
        """Add a notification: never waits, and adds none that is waiting already.

        One that is not needed is dropped where too much is waiting.
        """
        line = f"{message}\n".encode()
        with self._changed:
            if (is_needed or self._has_room()) and line not in self._waiting:
                self._add(line)

    def finish(self) -> None:
        """Write what is waiting, and end."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    @property
    def is_empty(self) -> bool:
        """Whether the client has taken all."""
        return self._bytes == 0

    def _has_room(self) -> bool:
        return self._bytes < _ROOM_BYTES or self.error is not None

    def _add(self, line: bytes) -> None:
        if self.error is None:
            self._waiting.append(line)
            self._bytes += len(line)
            self._changed.notify_all()

    def _write(self) -> None:
        try:
            while (line := self._next()) is not None:
                write_all(self._sink, line)
                self._sink.flush()
                with self._changed:
                    self._bytes -= len(line)
                    self._changed.notify_all()
        except (OSError, ValueError) as error:  # a closed stream is a ValueError
            with self._changed:
                self.error = error if isinstance(error, OSError) else BrokenPipeError()
                self._waiting.clear()
                self._changed.notify_all()
        self._ended()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_finished)
            return self._waiting.popleft() if self._waiting else None
