"""The program that a user wants to run: where it is, and why it cannot be started."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from litellmctl import own_command
from litellmctl.errors import Failure, nearest, suggestion
from litellmctl.foundation import files
from litellmctl.programs import registry
from litellmctl.programs.program import Program
from litellmctl.settings import script

_OWN = "litellmctl"
_WINDOWS_ENDINGS = (".exe", ".cmd", ".bat", ".com")


@dataclass(frozen=True)
class Executable:
    """A program that was found: the `words` to start it, the `path` of its file, and what we know about it.

    `arguments` are the user's, and `name` is what the user calls it, for messages.
    """

    path: str
    words: Sequence[str]
    arguments: Sequence[str]
    name: str
    program: Program

    @property
    def title(self) -> str:
        """The name of the program for a sentence."""
        return self.program.title or self.name

    @property
    def is_own(self) -> bool:
        """Whether it is litellmctl itself, wherever that is installed."""
        return self.name == _OWN


def find(words: Sequence[str]) -> Executable:
    """Return the program that a command line starts, by the rules of a shell.

    Raises a failure of code `no_program` (exit 127) or `not_runnable` (126).
    """
    name, *arguments = words
    if name == _OWN:
        own = own_command.command()
        return Executable(own[0], own, arguments, name, Program())
    path = shutil.which(name)
    if path is None:
        raise _missing(name, arguments)
    return Executable(path, [name], arguments, name, registry.program(base_name(name)) or Program())


def installed() -> list[str]:
    """Return the names of the known programs that are installed."""
    return [name for name in registry.EXECUTABLES if shutil.which(name)]


def base_name(word: str) -> str:
    """Return the name of a program without its folder, and on Windows without its ending."""
    base = os.path.basename(word)
    stem, ending = os.path.splitext(base)
    return stem if sys.platform == "win32" and ending.lower() in _WINDOWS_ENDINGS else base


def interpreter(path: str) -> list[str]:
    """Return the Python of a script whose first line makes it ignore PYTHONPATH; nothing for any other program.

    pipx writes such lines (its pull request 1819).
    """
    line = script.first_line(path) or b""
    try:
        words = shlex.split(os.fsdecode(line.removeprefix(b"#!"))) if line.startswith(b"#!") else []
    except ValueError:
        return []
    is_isolated = any(re.fullmatch(r"-[a-zA-Z]*[EI][a-zA-Z]*", word) for word in words[1:])
    return words[:1] if is_isolated and "python" in os.path.basename(words[0]) else []


def not_runnable(name: str, path: str, error: OSError | ValueError) -> Failure:
    """Return the failure for a program that was found, but cannot be started."""
    fault = script.fault_of(path)
    if fault is not None:
        return Failure("not_runnable", fault.reason, remedy=fault.remedy)
    reason = files.reason(error) if isinstance(error, OSError) else str(error)
    return Failure("not_runnable", f"cannot run {name}: {reason}")


def _missing(name: str, arguments: Sequence[str]) -> Failure:
    """Return why a program is not found, or found but not to be executed."""
    found = name if os.path.dirname(name) else shutil.which(name, mode=os.F_OK)
    if found is not None and os.path.isdir(found):
        return Failure("not_runnable", f"{name} is a folder")
    if found is not None and os.path.exists(found):
        fault = script.fault_of(found)
        reason, remedy = fault or (f"{found} is not executable", f"chmod +x {found}")
        return Failure("not_runnable", reason, remedy=remedy)
    if os.path.dirname(name):
        return Failure("no_program", f"no program {name}", remedy="check the path")
    is_known = name in registry.EXECUTABLES
    near = None if is_known else nearest(name, installed()) or nearest(name, registry.EXECUTABLES)
    message = f'program "{name}" not found{suggestion(name, [near] if near else [])}'
    return Failure("no_program", message, remedy=_to_find(name, near, arguments))


def _to_find(name: str, near: str | None, arguments: Sequence[str]) -> str:
    """Return how to get the program that was meant: install it, or name the one that is `near` and installed."""
    if near is not None and shutil.which(near):
        return f"litellmctl run {shlex.join([near, *arguments])}"
    known = registry.program(near or name)
    return known.install if known is not None and known.install else "install it, or pass its path"
