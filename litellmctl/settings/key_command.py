"""Running the user's commands that print keys, without a shell and within limits."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment, script

if TYPE_CHECKING:
    import subprocess

SECONDS = 10.0
_OUTPUT_LIMIT = 64 * 1024
_REST_SECONDS = 0.2
# The commands that are running, for those that they start: checksums, since a command may contain a secret.
CHAIN = "LITELLMCTL_KEY_COMMANDS"
_MAX_UNDER_WAY = 10
# Kills its process group when its stdin ends. A shell starts in a tenth of the time, but some containers have none.
_WATCHER = ["/bin/sh", "-c", "read -r end; kill -9 0"]
_WATCHER_WITHOUT_SHELL = [sys.executable, "-I", "-S", "-c", "import os; os.read(0, 1); os.killpg(0, 9)"]


def run_command(command: str, *, named: str) -> str:
    """Run a command without a shell and return the one line that it prints.

    It has ten seconds, no stdin, and its stderr is discarded. Errors name the command, never its output. `named` is the
    setting with the command: a command that runs itself is refused, also through other commands.
    """
    words = _words(command, named)
    running = _start(words, _environment(command, named), command, named)
    try:
        output = _output(running)
    finally:
        running.end()
    if output is None:
        raise ConfigFailure(
            f"{named} did not finish within {SECONDS:g} s: {command}", remedy=f"run it by hand: {command}"
        )
    if len(output) > _OUTPUT_LIMIT:
        raise ConfigFailure(f"{named} printed more than a key: {command}", remedy="change it to print only the key")
    if (code := running.process.returncode) != 0:
        fault = script.fault_of(words[0])
        if fault is not None:
            raise _cannot_run(named, fault.reason, fault.remedy)
        raise ConfigFailure(f"{named} failed with exit code {code}: {command}", remedy=_by_hand(command))
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        raise ConfigFailure(f"{named} printed nothing: {command}", remedy=_by_hand(command))
    if len(lines) > 1:
        raise ConfigFailure(f"{named} printed several lines: {command}", remedy="change it to print only the key")
    return lines[0]


def _by_hand(command: str) -> str:
    # Its stderr was discarded, where litellmctl may have said that the command ran itself.
    hint = " (litellmctl in it must use another profile)" if "litellmctl" in command else ""
    return f"run it by hand: {command}{hint}"


def _environment(command: str, named: str) -> dict[str, str]:
    """Return the command's environment, which lists it as running. Raises a failure if it is in the list already.

    A setting of the same name with another command, such as in another config file, does not count.
    """
    import zlib

    own = f"{zlib.crc32(f'{named}={command}'.encode('utf-8', 'surrogatepass')):08x}"
    under_way = [one for one in (environment.get(CHAIN) or "").split(",") if one]
    if own in under_way:
        raise ConfigFailure(
            f"{named} runs itself: {command}",
            remedy="use another profile in it (--profile NAME), or a stored login (--auth stored)",
        )
    if len(under_way) >= _MAX_UNDER_WAY:
        raise ConfigFailure(
            f"{named} is run by {len(under_way)} other key commands: {command}",
            remedy="give each profile its own key",
        )
    return {**environment.snapshot(), CHAIN: ",".join([*under_way, own])}


def _words(command: str, named: str) -> list[str]:
    import shlex

    if _needs_shell(command):
        raise ConfigFailure(
            f"{named} uses shell syntax, but runs without a shell: {command}", remedy="""use "!sh -c '...'" instead"""
        )
    try:
        words = shlex.split(command, posix=sys.platform != "win32")
    except ValueError as error:
        raise ConfigFailure(
            f"{named} cannot be split into words ({error}): {command}", remedy="check the quotes in it"
        ) from None
    if not words:
        raise ConfigFailure(f"{named} is an empty command", remedy="set it to a command that prints a key")
    if sys.platform == "win32":  # posix=False keeps the backslashes of paths, and the quotes too
        words = [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in words]
    return words


class _Running:
    """A command in a process group of its own, which ends with this process, however it ends.

    A signal handler cannot do that: SIGKILL has none, none runs while the main thread is busy in C, and a thread may
    not install one. So a process of the group waits for the end of its stdin, which only this process holds open.
    Processes that left the group are out of reach.
    """

    def __init__(self, words: list[str], own: dict[str, str]) -> None:
        import subprocess

        self._watcher: subprocess.Popen[bytes] | None = None
        if sys.platform != "win32":
            # Before the command, which never runs without it; and without variables, which may contain a key.
            self._watcher = subprocess.Popen(
                _WATCHER if os.path.exists(_WATCHER[0]) else _WATCHER_WITHOUT_SHELL,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                process_group=0,
            )
        try:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=own,
                process_group=None if self._watcher is None else self._watcher.pid,
            )
        except BaseException:
            self._dismiss_watcher()
            raise

    def end(self) -> None:
        """End the command and its whole group, if it still runs."""
        if self.process.poll() is None:
            self.kill()
            self.process.wait()
        self._dismiss_watcher()

    def kill(self) -> None:
        """Kill the whole group."""
        import signal

        with suppress(OSError):
            if sys.platform == "win32" or self._watcher is None:
                self.process.kill()
            else:
                os.killpg(self._watcher.pid, signal.SIGKILL)

    def _dismiss_watcher(self) -> None:
        """End it alone: what the command started, such as an agent, may stay."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait()
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()


def _start(words: list[str], own: dict[str, str], command: str, named: str) -> _Running:
    try:
        return _Running(words, own)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            from litellmctl.foundation import unexpected

            exhausted = unexpected.no_process(error)
            if exhausted is not None:
                raise exhausted.because(f"{named} cannot be run") from None
        fault = script.fault_of(words[0])
        if fault is not None:
            raise _cannot_run(named, fault.reason, fault.remedy) from None
        reason = getattr(error, "strerror", None) or error
        raise ConfigFailure(
            f"{named} cannot be run ({reason}): {command}", remedy="use the full path of the command"
        ) from None


def _cannot_run(named: str, reason: str, remedy: str) -> ConfigFailure:
    return ConfigFailure(f"{named} cannot be run: {reason}", remedy=remedy)


def _output(running: _Running) -> bytes | None:
    """Return the output of the process, at most one byte over the limit; None when its time is over.

    Not communicate(), which has no limit, and waits for grandchildren that hold the pipe.
    """
    import subprocess

    from litellmctl.foundation.threads import in_background

    process = running.process
    stdout = process.stdout
    assert stdout is not None
    output = bytearray()

    def read() -> None:
        with stdout:
            while len(output) <= _OUTPUT_LIMIT and (chunk := os.read(stdout.fileno(), _OUTPUT_LIMIT)):
                output.extend(chunk)

    try:
        reader = in_background(read)
    except BaseException:
        stdout.close()
        raise
    deadline = time.monotonic() + SECONDS
    while not reader.wait(0.05) and process.poll() is None and time.monotonic() < deadline:
        pass  # short waits, since Windows delivers Ctrl-C only between them
    if len(output) <= _OUTPUT_LIMIT and reader.wait(0):
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
    elif process.poll() is not None and not reader.wait(_REST_SECONDS):
        # Its output is complete, but a process that it started holds the pipe.
        running.kill()
        reader.wait(_REST_SECONDS)
    return bytes(output) if process.poll() is not None or len(output) > _OUTPUT_LIMIT else None


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
