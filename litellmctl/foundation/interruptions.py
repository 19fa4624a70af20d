"""Signals that end a program: recorded and passed on, so that the processes that we started end first."""

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

# Short, because Windows delivers Ctrl-C only between waits.
_SLICE_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_SIGNALS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__
]


class Interrupted(Exception):
    """The signal `number`, other than Ctrl-C, ends this process."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interruptions:
    """A context in which signals are only recorded: `check` raises them, and `wait` passes them on."""

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Handle the signals, except those that are ignored, as under nohup."""
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt or Interrupted if a signal was received."""
        if self._received:
            if self._received[0] == signal.SIGINT:
                raise KeyboardInterrupt
            raise Interrupted(self._received[0])

    def wait(self, command: subprocess.Popen[bytes]) -> int:
        """Return the return code of a command. It gets our signals, and is killed if it survives SIGTERM for long."""
        passed_on = 0
        expires: float | None = None
        while True:
            # A signal to the whole group has already reached the command, which gets a moment to exit.
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
    """Whether our process group, which includes the command, owns the terminal, so that Ctrl-C reaches all of it."""
    if sys.platform != "win32":
        with suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False
