"""Values in the config file: literals, `$NAME` and `!command`; running the commands that print keys."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment

COMMAND_SECONDS = 10.0
_OUTPUT_LIMIT = 64 * 1024
_REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


@dataclass(frozen=True)
class Value:
    """A configured value that may have to be looked up: `kind` is literal, variable or command, `text` its body.

    `named` says in errors where it stands.
    """

    kind: str
    text: str
    named: str

    @property
    def is_literal(self) -> bool:
        """Whether the value itself stands in the file."""
        return self.kind == "literal"

    def identity(self) -> str:
        """Return what tells this value from another without running a command (for a keyed hash, never shown)."""
        return f"{self.kind}:{self.text if self.kind == 'command' else self.resolve()}"

    def resolve(self) -> str:
        """Return the value itself; runs the command of a `!command`."""
        if self.kind == "command":
            return run_command(self.text, named=self.named)
        if self.kind == "variable":
            value = environment.get(self.text)
            if value is None:
                raise ConfigFailure(
                    f"{self.named} refers to the variable {self.text}, which is not set",
                    remedy=f"export {self.text}=...",
                )
            return value
        return self.text


def parse(text: str, *, named: str) -> Value:
    """Read a configured text. `$$` and `$!` at the start stand for a literal `$` and `!`."""
    if text.startswith(("$$", "$!")):
        return Value("literal", text[1:], named)
    if text.startswith("!"):
        return Value("command", text[1:].strip(), named)
    if text.startswith("$"):
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ConfigFailure(
                f'{named} starts with "$" but is not a variable reference',
                remedy='write "$NAME" or "${NAME}" for a variable, "$$..." for a literal dollar sign',
            )
        return Value("variable", match[1] or match[2], named)
    return Value("literal", text, named)


def run_command(command: str, *, named: str) -> str:
    """Run a command without a shell and return the one line that it prints.

    Ten seconds, stdin closed, its stderr dropped. Errors name the command, never its output.
    """
    import shlex  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    if _needs_shell(command):
        raise ConfigFailure(
            f"{named} uses shell syntax, and no shell runs it: {command}", remedy="use `!sh -c '...'`"
        )
    try:
        arguments = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise ConfigFailure(f"{named} cannot be split into words ({error}): {command}") from None
    if os.name == "nt":  # posix=False keeps the backslashes of paths, and the quotes too
        arguments = [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in arguments]
    if not arguments:
        raise ConfigFailure(f"{named} is an empty command")
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Its own group, so that what it started ends with it and cannot hold our pipe open.
            process_group=None if os.name == "nt" else 0,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigFailure(f"{named} cannot be run ({reason}): {command}") from None
    output = _first_output(process)
    if output is None:
        raise ConfigFailure(f"{named} did not finish within {COMMAND_SECONDS:g} s: {command}")
    if len(output) > _OUTPUT_LIMIT:
        raise ConfigFailure(f"{named} printed more than a key: {command}")
    if process.returncode != 0:
        raise ConfigFailure(f"{named} failed with exit code {process.returncode}: {command}")
    text = output.decode("utf-8", "replace").strip()
    if not text:
        raise ConfigFailure(f"{named} printed nothing: {command}")
    if len(text.splitlines()) > 1:
        raise ConfigFailure(f"{named} printed several lines: {command}", remedy="print the key alone")
    return text


def _first_output(process: object) -> bytes | None:
    # communicate() would gather without bound, and wait for grandchildren that hold the pipe.
    import subprocess  # noqa: PLC0415
    import threading  # noqa: PLC0415
    import time  # noqa: PLC0415

    assert isinstance(process, subprocess.Popen)  # noqa: S101
    stdout = process.stdout
    assert stdout is not None  # noqa: S101
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.append(stdout.read(_OUTPUT_LIMIT + 1)), daemon=True)
    deadline = time.monotonic() + COMMAND_SECONDS
    try:
        reader.start()
        while reader.is_alive() and time.monotonic() < deadline:
            reader.join(0.1)  # short, since Windows delivers Ctrl-C only between waits
        if reader.is_alive() or len(output[0]) > _OUTPUT_LIMIT:
            return output[0] if output else None
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    else:
        return output[0]
    finally:
        if process.poll() is None:
            _kill(process.pid)
            process.wait()


def _kill(pid: int) -> None:
    if os.name == "nt":
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
