"""What shells make of a script: real ones, and the quoting rules of fish and PowerShell, which few machines have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def run_by(shell: str, script: str, folder: Path) -> list[str]:
    """Return what a shell prints, ended by null bytes, run in a folder that is its home too."""
    command = [shell, "sh"] if Path(shell).name == "busybox" else [shell]
    done = subprocess.run(
        [*command, "-c", script],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode("ascii").split("\0")[:-1]


def read_fish(line: str) -> tuple[str, str]:
    """Return name and value of what `set -gx` sets: only \\\\ and \\' are escapes between single quotes."""
    match = re.fullmatch(r"set -gx (\w+) '(.*)'", line)
    assert match
    text, value = match[2], ""
    while text:
        if text[0] == "\\" and text[1:2] in {"\\", "'"}:
            value, text = value + text[1], text[2:]
        else:
            assert text[0] != "'", "the quotes end here"
            assert text != "\\", "the last quote is escaped"
            value, text = value + text[0], text[1:]
    return match[1], value


# PowerShell takes the four typographic ones for quotes too.
QUOTES = "'\u2018\u2019\u201a\u201b"


def read_powershell(line: str) -> tuple[str, str]:
    """Return name and value of what `$Env:` sets: two quotes of whatever kind are one."""
    match = re.fullmatch(r"\$Env:(\w+) = '(.*)'", line, re.DOTALL)
    assert match
    text, value = match[2], ""
    while text:
        if text[0] in QUOTES:
            assert text[1:2] in set(QUOTES), "the quotes end here"
            text = text[1:]
        value, text = value + text[0], text[1:]
    return match[1], value
