"""A refresh of the cached lists in the background, in a process of its own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from litellmctl import own_command

if TYPE_CHECKING:
    from litellmctl.options import Options


def start(options: Options, profile: str) -> None:
    """Start `litellmctl refresh --background` for the same proxy and credential; a failure to start is silent.

    Its streams are the null device, so that `litellmctl models | cat` returns at once, and its session is its own, so
    that closing the terminal does not stop it.
    """
    import subprocess

    from litellmctl.foundation import processes

    command = own_command.command("refresh", "--background", "--quiet", *options.words(profile))
    with suppress(OSError, ValueError):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **processes.in_own_session(),
        )
        process.returncode = 0  # no one waits for it: without this, subprocess would warn about that
