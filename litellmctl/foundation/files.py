"""Reading and writing our files so that a kill at any moment, or a second process, leaves each one whole."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from litellmctl.errors import Failure

if TYPE_CHECKING:
    from os import PathLike

    AnyPath = str | PathLike[str]

LOCK_SECONDS = 10.0
ABANDONED_SECONDS = 600
_NEW = "litellmctl"  # what temporary files are called that have no file's name yet


def read(path: AnyPath) -> bytes:
    """Return the file's content. Raises OSError."""
    with open(path, "rb") as file:
        return file.read()


def make_private_dir(folder: AnyPath) -> None:
    """Create the folder and what is missing above it, for the user alone."""
    if not os.path.isdir(folder):
        above = os.path.dirname(os.path.abspath(folder))
        make_private_dir(above)  # makedirs() would give the mode to the last one only
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def write_atomically(path: AnyPath, data: bytes, *, durable: bool = False, private: bool = True) -> None:
    """Replace the file's content in one step; a new file is created 0600.

    A symbolic link is followed and its target replaced. An existing file keeps its mode and owner, except that
    `private` takes group's and others' rights away. `durable` also survives a power cut. What a kill in the middle of
    an earlier write left behind is removed, so whoever calls it is the file's only writer, or holds its lock. Raises
    OSError; the old content is then still there, and no temporary file is left.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    make_private_dir(folder)
    forget_temporaries(target)  # first: on a full disk they are in the way
    temporary = _temporary(folder, name)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _take_over(target, file.fileno(), private=private)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
        if durable:
            _sync_folder(folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_new(folder: AnyPath, names: Iterable[str], data: bytes) -> str | None:
    """Write a new file, whole or not at all, under the first of the names that is free there; return its path.

    Nothing is followed or replaced, and the umask says who may read the file. What a kill left behind in the folder
    more than ten minutes ago is removed. Returns None where no name is free. Raises OSError.
    """
    _forget_abandoned(folder)
    temporary = _temporary(folder, _NEW)
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        for name in names:
            path = os.path.join(folder, name)
            with suppress(FileExistsError):
                _rename_to_new(temporary, path)
                return path
        return None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _forget_abandoned(folder: AnyPath) -> None:
    """Remove old temporary files of `write_new`: nobody holds a lock there, and younger ones may be written now."""
    with suppress(OSError), os.scandir(folder) as entries:
        for left in entries:
            if left.name.startswith(f".{_NEW}.") and _is_temporary(left.name[len(_NEW) + 2 :]):
                with suppress(OSError):
                    if left.stat(follow_symlinks=False).st_mtime < time.time() - ABANDONED_SECONDS:
                        os.unlink(left)


def _rename_to_new(temporary: str, path: str) -> None:
    """Give the file its name. Raises FileExistsError where that is taken."""
    if sys.platform != "win32":  # where rename() replaces what is there
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # the file system has no second names
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        else:
            return
    os.rename(temporary, path)


def forget_temporaries(path: AnyPath) -> None:
    """Remove what kills in the middle of `write_atomically` left behind. Whoever calls it holds the file's lock."""
    folder, name = os.path.split(os.path.realpath(path))
    with suppress(OSError):
        for left in os.listdir(folder):
            if left.startswith(f".{name}.") and _is_temporary(left[len(name) + 2 :]):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, left))


def _temporary(folder: AnyPath, name: str) -> str:
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def _is_temporary(ending: str) -> bool:
    """Whether a name ends as those of our temporary files do: other programs have theirs in the same folders."""
    process, _, rest = ending.partition(".")
    return process.isdecimal() and len(rest) == len("01234567.tmp") and rest.endswith(".tmp")


def _sync_folder(folder: str) -> None:
    """Make the new name durable too; Windows does that by itself, and has no such call."""
    if sys.platform != "win32":
        with suppress(OSError):  # some network file systems cannot
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _take_over(target: str, descriptor: int, *, private: bool) -> None:
    """Give a new file the mode and owner of the one that it replaces; on Windows they come from the folder."""
    if sys.platform != "win32":
        try:
            old = os.stat(target)
        except OSError:
            return
        mode = stat.S_IMODE(old.st_mode)
        os.fchmod(descriptor, mode & 0o700 if private else mode)
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(OSError):
                os.fchown(descriptor, old.st_uid, old.st_gid)


@contextmanager
def locked(path: AnyPath, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock beside `path` while the body runs. `*.lock` files stay: removing them would be a race.

    Raises OSError where the folder cannot be written, and a failure of code `file` where another process holds the
    lock for longer than `seconds`.
    """
    import warnings

    import filelock

    make_private_dir(os.path.dirname(os.path.abspath(path)))
    lock = filelock.FileLock(f"{os.fspath(path)}.lock", timeout=seconds, mode=0o600)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            lock.acquire()
    except (NotImplementedError, UserWarning):
        # Newer versions of filelock warn, and go on with a file that a kill would leave behind as a lock for ever.
        raise OSError(errno.ENOLCK, "the file system has no locks", str(path)) from None
    except filelock.Timeout:
        raise Failure("file", f"another process holds the lock of {path}", remedy="try again") from None
    try:
        yield
    finally:
        lock.release()


def reason(error: OSError) -> str:
    """Return the operating system's words for an error, in lower case."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
