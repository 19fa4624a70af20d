"""Errors that no command expected: exhausted resources, a refusal by the system, or a bug of ours."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from litellmctl.errors import Failure

# Errors of the operating system for exhausted resources.
_EXHAUSTED = {
    errno.EMFILE: "too many open files in this process",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "no memory left",
}
_REMEDY = "close other programs, or raise the limit (ulimit -a shows the limits)"
# The least that a thread or a module takes: if that is not available, the error is a lack of memory.
_LITTLE_BYTES = 16 * 2**20


def failure_of(error: BaseException) -> Failure:
    """Return the failure for an unexpected error, and print its traceback if the user asked for that."""
    if os.environ.get("LITELLMCTL_DEBUG") == "1" and sys.stderr is not None:
        import traceback

        with suppress(OSError, ValueError):  # of a stderr that is closed
            traceback.print_exception(error)
    failure = exhausted(error)
    if failure is not None:
        return failure
    if isinstance(error, OSError) and error.strerror:
        named = f" {error.filename}" if isinstance(error.filename, str) else ""
        return Failure(
            "file",
            f"cannot use{named or ' a file'}: {error.strerror[:1].lower()}{error.strerror[1:]}",
            remedy=f"check that you can read and write{named}" if named else "set LITELLMCTL_DEBUG=1 to see which file",
        )
    return Failure(
        "internal",
        f"unexpected {type(error).__name__}: this is a bug in litellmctl",
        remedy="run it again with LITELLMCTL_DEBUG=1, and report the output",
    )


def exhausted(error: BaseException) -> Failure | None:
    """Return the failure for an error that was caused by exhausted resources; None for other errors."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return _out_of(_EXHAUSTED[errno.ENOMEM])
        if isinstance(seen, OSError) and seen.errno in _EXHAUSTED:
            return _out_of(_EXHAUSTED[seen.errno])
        if isinstance(seen, ImportError):
            # The loader of libraries says it in words alone (Linux), or with the number among them (macOS).
            for number, words in _EXHAUSTED.items():
                if os.strerror(number) in str(seen) or f"errno={number}" in str(seen):
                    return _out_of(words)
        seen = seen.__cause__ or seen.__context__
    # Without memory an import fails for reasons of its own, and the interpreter for none that it can name.
    if isinstance(error, ImportError | SystemError | RuntimeError) and not has_memory():
        return _out_of(_EXHAUSTED[errno.ENOMEM])
    return None


def no_thread() -> Failure:
    """Return the failure for a thread that cannot be started."""
    return _out_of("cannot start a thread" if has_memory() else _EXHAUSTED[errno.ENOMEM])


def no_process(error: OSError) -> Failure | None:
    """Return the failure for a process that cannot be started; None where its program is the reason."""
    # Elsewhere the same number says that there is nothing to read yet.
    return _out_of("cannot start a process") if error.errno == errno.EAGAIN else exhausted(error)


def has_memory() -> bool:
    """Whether there is enough memory for a thread or a module."""
    try:
        import mmap

        # Never touched, so that this takes microseconds.
        if sys.platform == "win32":
            mmap.mmap(-1, _LITTLE_BYTES).close()
        else:
            mmap.mmap(-1, _LITTLE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (MemoryError, OSError, OverflowError, ImportError, SystemError):
        return False
    return True


def _out_of(what: str) -> Failure:
    return Failure("system", f"out of resources: {what}", remedy=_REMEDY)
