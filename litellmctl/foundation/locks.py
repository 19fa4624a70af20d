"""Locks between processes, each a file beside the one that it is for."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from litellmctl.errors import Failure
from litellmctl.foundation import files

LOCK_SECONDS = 10.0
_LOOK_SECONDS = 0.05  # between two tries to get a lock


class LockHeld(Failure):
    """Another process held a lock for as long as we waited."""


@contextmanager
def locked(path: files.AnyPath, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock beside `path` while the body runs. `*.lock` files stay: removing them would be a race.

    Raises OSError if the lock cannot be made or is not ours, and `LockHeld`, of code `file`, if another process holds
    it for longer than `seconds`.
    """
    files.make_private_dir(os.path.dirname(os.path.abspath(path)))
    with _lock_file(f"{os.fspath(path)}.lock", os.fspath(path), seconds):
        yield


if sys.platform == "win32":

    @contextmanager
    def _lock_file(name: str, path: str, seconds: float) -> Iterator[None]:
        import filelock

        files.resolved(name, follow=False, foreign=False)
        lock = filelock.FileLock(name, timeout=seconds, mode=0o600)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise _another_holds(path) from None
        try:
            yield
        finally:
            lock.release()

else:

    @contextmanager
    def _lock_file(name: str, path: str, seconds: float) -> Iterator[None]:
        # Not with filelock, which opens the file again and empties it: by then it may be a file of the user.
        end = time.monotonic() + seconds
        while (descriptor := _try_lock(name)) is None:
            if time.monotonic() >= end:
                raise _held(path, name)
            time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            os.close(descriptor)

    def _try_lock(name: str) -> int | None:
        """Return the descriptor of a lock's file, locked; None where another process holds it. Raises OSError.

        The descriptor that was checked is locked. It counts only if the name still leads to the same file then.
        """
        import fcntl

        files.resolved(name, follow=False, foreign=False)
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | files.CAREFULLY, 0o600)
        is_ours = False
        try:
            found = os.fstat(descriptor)
            files.require_file(found, name)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(found, os.lstat(name))
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError as error:
            raise error if isinstance(error, files.NotOurs | IsADirectoryError) else _no_locks(error, name) from None
        finally:
            if not is_ours:
                os.close(descriptor)
        return descriptor if is_ours else None

    def _no_locks(error: OSError, name: str) -> OSError:
        """Return the error for a file that cannot be locked at all."""
        number = errno.ENOLCK if error.errno == errno.ENOSYS else error.errno
        if number in {errno.ENOLCK, errno.EOPNOTSUPP}:
            return OSError(number, "the file system does not support locks", name)
        return OSError(number, f"it cannot be locked: {files.reason(error)}", name)

    def _held(path: str, name: str) -> LockHeld:
        """Return the failure for a lock that a process holds; only Linux says which one, and not always."""
        holder = _holder(name)
        if holder is None:
            return _another_holds(path)
        if _is_stopped(holder):
            words = f"process {holder} is stopped and holds the lock on {path}"
            return LockHeld("file", words, remedy=f"resume that process (fg, or kill -CONT {holder}), then try again")
        return LockHeld(
            "file", f"process {holder} holds the lock on {path}", remedy="run it again when that process has finished"
        )

    def _holder(name: str) -> int | None:
        """Return the process that holds a lock, from proc_locks(5); None if unknown."""
        with suppress(OSError, ValueError, IndexError):
            found = os.stat(name)
            place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
            with open("/proc/locks", encoding="ascii") as file:
                for line in file:
                    # As "1: FLOCK ADVISORY WRITE 1234 08:01:131090 0 EOF".
                    fields = line.split()
                    if fields[1] == "FLOCK" and fields[5] == place and int(fields[4]) not in {0, os.getpid()}:
                        return int(fields[4])
        return None

    def _is_stopped(process: int) -> bool:
        with suppress(OSError), open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] == [b"T"]
        return False


def _another_holds(path: str) -> LockHeld:
    return LockHeld("file", f"another process holds the lock on {path}", remedy="run it again")
