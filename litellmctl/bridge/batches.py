"""The answers to a batch of requests, and how much a client can take at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from litellmctl.bridge import messages
from litellmctl.bridge.lines import MAX_LINE_BYTES

# The official SDK for TypeScript holds 10 MiB, and of what comes next a piece too.
MAX_ANSWER_BYTES = MAX_LINE_BYTES - 2**18


class Batch:
    """The answers to a batch, which are sent together, or in several parts where a client could not take them."""

    def __init__(self, count: int, put: Callable[[str], None]) -> None:
        self._left = count
        self._put = put
        self._answers: list[str] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, answer: str | None) -> None:
        """Add the answer to one message, or None where there is none."""
        parts = []
        with self._lock:
            self._left -= 1
            if answer is not None:
                size = len(answer.encode())
                if self._bytes + size > MAX_ANSWER_BYTES:
                    parts.append(self._taken())
                self._answers.append(answer)
                self._bytes += size
            if self._left == 0:
                parts.append(self._taken())
        for part in parts:
            if part:
                self._put(messages.batch(part))

    def _taken(self) -> list[str]:
        answers, self._answers, self._bytes = self._answers, [], 0
        return answers
