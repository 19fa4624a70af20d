"""Starting a planned program: in place of this process where nothing is left to do after it, else as its child."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from litellmctl.foundation import processes
from litellmctl.foundation.interruptions import Interruptions
from litellmctl.launch import executable, folder
from litellmctl.settings import environment

if TYPE_CHECKING:
    import subprocess

    from litellmctl.connection import Connection, Listener
    from litellmctl.launch.plan import Plan, Start
    from litellmctl.terminal.console import Console

# Python ignores these signals, and a program would inherit that.
_RESTORED = ("SIGPIPE", "SIGXFSZ")


class _Silent:
    """Hears what the relay says: a program may be drawing on the whole terminal, and gets failures as answers."""

    can_prompt = False
    stderr_is_terminal = False

    def note(self, text: str) -> None:
        """Ignore a note."""

    def warn(self, text: str) -> None:
        """Ignore a warning."""

    def trace(self, text: str) -> None:
        """Ignore a trace."""


def run(plan: Plan, connect: Callable[[Listener], Connection], console: Console) -> int:
    """Run the planned program and return its exit code: 128 + N if the signal N ended it.

    This does not return where the program takes the place of this process. `connect` returns a new connection for the
    relay, whose messages go to the listener. Raises failures, and Interrupted for a signal before the program has
    started.
    """
    folder.forget_abandoned()
    for text in plan.warnings:
        console.warn(text)
    place = folder.planned()
    start = None if plan.is_relayed else plan.start(place)
    if start is not None and not start.launch.files and sys.platform != "win32":
        _warn(console, start)
        _replace(plan, start, console)
    with Interruptions() as interruptions, ExitStack() as stack:
        if start is None:
            from litellmctl.relay.beside import beside  # asyncio takes 30 ms

            silent = _Silent()
            relay = stack.enter_context(beside(partial(connect, silent), listener=silent))
            start = plan.through(*relay).start(place)
        if start.launch.files:
            stack.enter_context(folder.made(place, start.launch.files, start.launch.links))
        _warn(console, start)
        interruptions.check()
        return interruptions.wait(_child(plan, start))


def _warn(console: Console, start: Start) -> None:
    for text in start.launch.warnings:
        console.warn(text)


def _replace(plan: Plan, start: Start, console: Console) -> None:
    """Replace this process by the program. Raises a failure if that is not possible."""
    console.flush()
    if console.stderr is not None:
        with suppress(OSError, ValueError):
            console.stderr.flush()
    for name in _RESTORED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    path = start.path
    try:
        os.execve(path, [*start.words], start.changes.applied(environment.snapshot()))  # noqa: S606
    except (OSError, ValueError) as error:
        raise executable.not_runnable(plan.program.name, path, error) from None


def _child(plan: Plan, start: Start) -> subprocess.Popen[bytes]:
    path, own = start.path, start.changes.applied(environment.snapshot())
    try:
        return processes.child(path, start.words, own)
    except (OSError, ValueError) as error:
        raise executable.not_runnable(plan.program.name, path, error) from None
