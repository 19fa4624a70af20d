"""Running the commands that print keys: the user's own, without a shell, within limits."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure

if TYPE_CHECKING:
    import subprocess

SECONDS = 10.0
_OUTPUT_LIMIT = 64 * 1024
_REST_SECONDS = 0.2


def run_command(command: str, *, named: str) -> str:
    """Run a command without a shell and return the one line that it prints.

    Ten seconds, stdin closed, its stderr dropped. Errors name the command, never its output.
    """
    process = _start(_words(command, named), command, named)
    try:
        output = _output(process)
    finally:
        _end(process)
    if output is None:
        raise ConfigFailure(
            f"{named} did not finish within {SECONDS:g} s: {command}", remedy=f"run it by hand: {command}"
        )
    if len(output) > _OUTPUT_LIMIT:
        raise ConfigFailure(f"{named} printed more than a key: {command}", remedy="print the key alone")
    if process.returncode != 0:
        raise ConfigFailure(
            f"{named} failed with exit code {process.returncode}: {command}", remedy=f"run it by hand: {command}"
        )
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        raise ConfigFailure(f"{named} printed nothing: {command}", remedy=f"run it by hand: {command}")
    if len(lines) > 1:
        raise ConfigFailure(f"{named} printed several lines: {command}", remedy="print the key alone")
    return lines[0]


def _words(command: str, named: str) -> list[str]:
    import shlex

    if _needs_shell(command):
        raise ConfigFailure(f"{named} uses shell syntax, and no shell runs it: {command}", remedy="use `!sh -c '...'`")
    try:
        words = shlex.split(command, posix=sys.platform != "win32")
    except ValueError as error:
        raise ConfigFailure(f"{named} cannot be split into words ({error}): {command}") from None
    if not words:
        raise ConfigFailure(f"{named} is an empty command")
    if sys.platform == "win32":  # posix=False keeps the backslashes of paths, and the quotes too
        words = [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in words]
    return words


def _start(words: list[str], command: str, named: str) -> subprocess.Popen[bytes]:
    import subprocess

    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Its own group, so that what it started can be ended with it.
            process_group=None if sys.platform == "win32" else 0,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigFailure(
            f"{named} cannot be run ({reason}): {command}", remedy="give the command by its whole path"
        ) from None


def _output(process: subprocess.Popen[bytes]) -> bytes | None:
    """Return what the process prints, one byte over the limit at the most, or None when its time is over.

    Not communicate(): that gathers without bound, and waits for grandchildren that hold the pipe.
    """
    import subprocess

    from litellmctl.foundation.threads import in_background

    stdout = process.stdout
    assert stdout is not None
    output = bytearray()

    def read() -> None:
        with stdout:
            while len(output) <= _OUTPUT_LIMIT and (chunk := os.read(stdout.fileno(), _OUTPUT_LIMIT)):
                output.extend(chunk)

    reader = in_background(read)
    deadline = time.monotonic() + SECONDS
    while not reader.wait(0.05) and process.poll() is None and time.monotonic() < deadline:
        pass  # short waits, since Windows delivers Ctrl-C only between them
    if len(output) <= _OUTPUT_LIMIT and reader.wait(0):
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
    elif process.poll() is not None and not reader.wait(_REST_SECONDS):
        # It has said what it has to say, and something that it left behind holds the pipe.
        _kill_group(process.pid)
        reader.wait(_REST_SECONDS)
    return bytes(output) if process.poll() is not None or len(output) > _OUTPUT_LIMIT else None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _kill_group(process.pid)
        process.wait()


def _kill_group(pid: int) -> None:
    import signal

    with suppress(OSError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)


def _needs_shell(command: str) -> bool:
    quote = ""
    for index, char in enumerate(command):
        if quote == "'":
            quote = "" if char == "'" else quote
        elif command.startswith("$(", index):
            return True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "|;" or command.startswith("&&", index):
            return True
    return False
