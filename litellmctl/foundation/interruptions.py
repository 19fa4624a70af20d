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
_CONTROL_C_EXIT = 0xC000013A
# How long a program that was stopped with its whole process group takes to be continued with it.
_CONTINUED_SECONDS = 0.05
_SIGNALS = [
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if name in signal.Signals.__members__
]
# Those that a terminal sends to all processes in the foreground.
_OF_KEYS = [number for number in _SIGNALS if number.name in {"SIGINT", "SIGQUIT"}]
_ENDING = [number for number in _SIGNALS if number.name in {"SIGTERM", "SIGHUP", "SIGBREAK"}]


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
        self._pipe = (-1, -1)

    def __enter__(self) -> Self:
        """Handle the signals, except those that are ignored, as under nohup."""
        if sys.platform != "win32":
            # A byte is written for each signal, also for the end of a child: `wait` sleeps until then.
            self._pipe = os.pipe()
            for descriptor in self._pipe:
                os.set_blocking(descriptor, False)
            signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if sys.platform != "win32":
            signal.set_wakeup_fd(-1)
            for descriptor in self._pipe:
                os.close(descriptor)

    def check(self) -> None:
        """Raise KeyboardInterrupt or Interrupted if a signal was received."""
        if self._received:
            if self._received[0] == signal.SIGINT:
                raise KeyboardInterrupt
            raise Interrupted(self._received[0])

    def wait(self, command: subprocess.Popen[bytes], *, grace_seconds: float | None = None) -> int:
        """Return the exit code of a command: 128 + N if the signal N ended it, as in a shell.

        It gets our signals. It is killed if it survives SIGTERM for `grace_seconds`; None: it may take its time. Where
        it is stopped, as by Ctrl-Z, this process stops too, so that the shell has the terminal again.
        """
        passed_on = 0
        expires: float | None = None
        while True:
            # A signal to the whole group has already reached the command, which gets a moment to exit.
            ripe = len(self._received)
            code = self._waited(command, is_brief=ripe > passed_on or expires is not None)
            if code is not None:
                return exit_code(code)
            for number in self._received[passed_on:ripe]:
                if number in _ENDING and grace_seconds is not None:
                    expires = expires or time.monotonic() + grace_seconds
                if sys.platform != "win32" and not (number in _OF_KEYS and _is_in_foreground()):
                    command.send_signal(number)
            passed_on = ripe
            if expires is not None and time.monotonic() > expires:
                command.kill()

    def _waited(self, command: subprocess.Popen[bytes], *, is_brief: bool) -> int | None:
        """Wait a moment, or if it need not be brief until a signal comes; return the command's code if it has one."""
        if sys.platform != "win32" and not is_brief:
            code = _looked(command)
            if code is None:
                self._sleep()
            return code
        with suppress(subprocess.TimeoutExpired):
            return command.wait(_SLICE_SECONDS)
        return None

    def _sleep(self) -> None:
        """Sleep until a signal comes, or has come since the last sleep."""
        import select

        select.select(self._pipe[:1], [], [])
        with suppress(BlockingIOError):
            while os.read(self._pipe[0], 4096):
                pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)


def exit_code(returncode: int) -> int:
    """Return the exit code for that of a child process: 128 + N if the signal N ended it, as in a shell."""
    if returncode == _CONTROL_C_EXIT:  # Windows
        return 128 + signal.SIGINT
    return returncode if returncode >= 0 else 128 - returncode


if sys.platform != "win32":

    def _looked(command: subprocess.Popen[bytes]) -> int | None:
        """Return the return code of a command; None while it runs. Stop with it where it is stopped."""
        if command.returncode is not None:
            return command.returncode
        try:
            process, status = os.waitpid(command.pid, os.WNOHANG | os.WUNTRACED)
            if process and os.WIFSTOPPED(status):
                # Where the terminal stopped us all, we are here after it continued us all: then look once more.
                time.sleep(_CONTINUED_SECONDS)
                process, status = os.waitpid(command.pid, os.WNOHANG | os.WCONTINUED)
                if not process:
                    os.kill(os.getpid(), signal.SIGTSTP)
        except ChildProcessError:
            return command.wait()
        if not process or os.WIFCONTINUED(status) or os.WIFSTOPPED(status):
            return None
        command.returncode = os.waitstatus_to_exitcode(status)
        return command.returncode


def _is_in_foreground() -> bool:
    """Whether our process group, which includes the command, owns the terminal, so that Ctrl-C reaches all of it."""
    if sys.platform != "win32":
        with suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False
