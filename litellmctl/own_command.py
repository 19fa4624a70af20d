"""Our own command line, for another process to run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import litellmctl
from litellmctl.errors import UsageFailure

# -m does not do: with -P it does not find a checkout, and without -P it finds the files of the current folder first,
# which may be anybody's.
_MAIN = "import sys; sys.path.append(sys.argv.pop(1)); from {} import main; sys.exit(main())"


def command(*arguments: str) -> list[str]:
    """Return the words that run this program, from wherever it is installed, with these arguments."""
    return module("litellmctl.__main__", *arguments)


def module(name: str, *arguments: str) -> list[str]:
    """Return the words that run `main` of one of our modules."""
    return [sys.executable, "-P", "-c", _MAIN.format(name), str(Path(litellmctl.__file__).parent.parent), *arguments]


def token_command(profile: str, base_url: str) -> list[str]:
    """Return the words by which another program gets the token for this proxy, whatever its PATH and its profile."""
    own = executable()
    return [*([own] if own else command()), "token", "--profile", profile, "--base-url", base_url]


def require_extra(what: str, extra: str, library: str, modules: Sequence[str]) -> None:
    """Refuse what needs modules of an extra that is not installed. They are not imported: that can take seconds."""
    import importlib.util  # 2 ms, for a few commands

    if any(importlib.util.find_spec(name) is None for name in modules):
        words = [sys.executable, "-m", "pip", "install", f"litellmctl[{extra}]"]
        if sys.platform == "win32":
            from subprocess import list2cmdline

            remedy = list2cmdline(words)
        else:
            import shlex

            remedy = shlex.join(words)
        raise UsageFailure(f"{what} needs {library}, which is not installed", remedy=remedy)


def executable() -> str | None:
    """Return the absolute path of the installed program; None where this runs without one."""
    name = "litellmctl.exe" if sys.platform == "win32" else "litellmctl"
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name(name)):
        if path.name == name and os.path.isfile(path):
            return os.path.abspath(path)
    return None
