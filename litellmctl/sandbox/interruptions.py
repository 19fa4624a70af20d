"""The signals that end a program, noted and passed on, so that what we started ends before we do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

# Short, since Windows delivers Ctrl-C only between waits.
_SLICE_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_SIGNALS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__
]


class Interrupted(Exception):
    """We were asked to end by the signal `number`, other than Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interruptions:
    """While this is entered, a signal only is noted: `check` raises it, and `wait` passes it on."""

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over, but leave alone those that we were told to ignore, as by nohup."""
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise what ends us, if a signal came."""
        if self._received:
            if self._received[0] == signal.SIGINT:
                raise KeyboardInterrupt
            raise Interrupted(self._received[0])

    def wait(self, command: subprocess.Popen[bytes]) -> int:
        """Return the command's return code. It gets our signals too, and is killed if it outlives SIGTERM for long."""
        passed_on = 0
        expires: float | None = None
        while True:
            # A signal to the whole group has reached the command already: it gets a moment to end of that one.
            ripe = len(self._received)
            with suppress(subprocess.TimeoutExpired):
                return command.wait(_SLICE_SECONDS)
            for number in self._received[passed_on:ripe]:
                if number != signal.SIGINT:
                    expires = expires or time.monotonic() + _GRACE_SECONDS
                if sys.platform != "win32" and not (number == signal.SIGINT and _is_in_foreground()):
                    command.send_signal(number)
            passed_on = ripe
            if expires is not None and time.monotonic() > expires:
                command.kill()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)


def _is_in_foreground() -> bool:
    """Whether our process group, which is also the command's, has the terminal, so that Ctrl-C goes to all of it."""
    if sys.platform != "win32":
        with suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False
