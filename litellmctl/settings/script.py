"""Why a script does not run, by its first line, where the operating system gives no useful reason."""

from __future__ import annotations

import os
import stat
import sys
from typing import NamedTuple

_FIRST_LINE = 512


class Fault(NamedTuple):
    """The problem of a script, and its remedy."""

    reason: str
    remedy: str


def fault_of(program: str) -> Fault | None:
    """Return the problem of a program's first line or permissions; None if there is none."""
    return None if sys.platform == "win32" else _posix_fault(program)


def _posix_fault(program: str) -> Fault | None:
    import shutil

    path = program if os.path.dirname(program) else shutil.which(program)
    line = first_line(path) if path else None
    if path is None or line is None:
        return None
    if not os.access(path, os.X_OK):
        return Fault(f"{path} is not executable", f"chmod +x {path}")
    if line.startswith(b"\xef\xbb\xbf#!"):
        return Fault(f"{path} begins with a byte order mark", f"save {path} as UTF-8 without a byte order mark")
    if not line.startswith(b"#!"):
        return None if b"\0" in line else Fault(f"{path} does not begin with #!", f"begin {path} with #!/bin/sh")
    if line.endswith(b"\r\n"):
        return Fault(f"{path} has Windows line endings", f"save {path} with Unix line endings (LF)")
    interpreter = os.fsdecode(line[2:].split()[0]) if line[2:].split() else ""
    if not os.path.exists(interpreter):
        reason = f"{path} needs {interpreter}, which does not exist" if interpreter else f"{path} names no interpreter"
        return Fault(reason, f"fix the first line of {path}")
    return None


def first_line(path: str) -> bytes | None:
    """Return the first line of a regular file; None if there is no such file, or it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.readline(_FIRST_LINE)
    except (OSError, ValueError):
        return None
