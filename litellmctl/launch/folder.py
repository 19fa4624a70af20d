"""The folder for the temporary files of one run, private to the user, and removed at its end."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from litellmctl.errors import Failure
from litellmctl.foundation import files, locks
from litellmctl.settings import environment

_PREFIX = "litellmctl-run-"
_NAME = re.compile(rf"{_PREFIX}[0-9a-f]{{16}}")
# The lock in it, which the system lets go of when a run is killed.
_LOCK = "run"
_TRIES = 3


def planned() -> Path:
    """Return the path of a folder that does not exist yet. Nothing is written, and most programs need no file."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:  # none that it knows can be written to
        folder = os.path.abspath(environment.get("TMPDIR") or os.sep)
    return Path(folder) / f"{_PREFIX}{os.urandom(8).hex()}"


@contextmanager
def made(folder: Path, texts: Mapping[str, str], links: Mapping[str, Path] = MappingProxyType({})) -> Iterator[None]:
    """Make the folder with these files (name -> text), readable by the user only, and remove it in the end.

    `links` (name -> path) are made too; what they lead to stays. Raises a failure if it cannot be made.
    """
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(_locked(folder))
                for name, text in texts.items():
                    data = text.encode("utf-8", "surrogateescape")
                    files.write_atomically(folder / name, data, follow=False)
                for name, target in links.items():
                    _link(folder / name, target)
            except OSError as error:
                remedy = files.remedy(error, "set TMPDIR to a folder that you may write to")
                raise Failure("file", f"cannot write {folder}: {files.reason(error)}", remedy=remedy) from None
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def forget_abandoned() -> None:
    """Remove the folders of runs that were killed. Errors are ignored."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and _is_ours(entry):
                with suppress(OSError, Failure):
                    with locks.locked(os.path.join(entry.path, _LOCK), seconds=0):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    shutil.rmtree(entry.path, ignore_errors=True)  # Windows keeps an open lock


def _is_ours(entry: os.DirEntry[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISDIR(found.st_mode) and not files.is_strangers(found)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder and hold its lock; another run may take one without a lock for abandoned, and remove it."""
    for left in reversed(range(_TRIES)):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        try:
            with locks.locked(folder / _LOCK, seconds=0):
                yield
                return
        except locks.LockHeld:
            if not left:
                raise


def _link(path: Path, target: Path) -> None:
    """Make a link to a file or folder of the user; what does not exist is a folder, and is made."""
    files.make_private_dir(path.parent)
    if not os.path.lexists(target):
        target.mkdir(mode=0o700, parents=True)
    if sys.platform != "win32":
        path.symlink_to(target)
    elif target.is_dir():
        # Windows lets only some users make symbolic links, and all users make junctions.
        from _winapi import CreateJunction

        CreateJunction(str(target), str(path))
    else:
        shutil.copyfile(target, path)
