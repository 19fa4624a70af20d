from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable

import pytest

from litellmctl.errors import Failure
from litellmctl.foundation import threads, unexpected


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_machine_that_has_nothing_left_is_no_bug_of_ours(number: int) -> None:
    failure = unexpected.failure_of(OSError(number, os.strerror(number), "/a/file"))
    assert (failure.code, failure.exit_code) == ("system", 1)
    assert failure.message.startswith("out of resources: ")
    assert failure.remedy is not None
    assert "ulimit" in failure.remedy


def test_a_traceback_is_printed_where_the_remedy_was_followed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = unexpected.failure_of(KeyError("x"))
    assert failure.remedy == "run it again with LITELLMCTL_DEBUG=1, and report the output"
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("LITELLMCTL_DEBUG", "1")
    unexpected.failure_of(KeyError("x"))
    assert capsys.readouterr() == ("", "KeyError: 'x'\n")
    monkeypatch.setattr("sys.stderr", None)
    unexpected.failure_of(KeyError("x"))
    assert capsys.readouterr() == ("", "")


def test_the_cause_counts_whatever_it_was_turned_into() -> None:
    def fail(error: Exception) -> None:
        try:
            raise error
        except OSError:
            raise ValueError("something else") from None
        except MemoryError as cause:
            raise ImportError("no module") from cause

    for error in (OSError(errno.EMFILE, "too many"), MemoryError()):
        with pytest.raises((ValueError, ImportError)) as caught:
            fail(error)
        assert unexpected.failure_of(caught.value).code == "system"


@pytest.mark.parametrize(
    "words",
    [
        "/lib/fcntl.so: cannot open shared object file: Too many open files",
        f"dlopen(/lib/fcntl.so, 0x0002): open() failed with errno={errno.EMFILE}",
    ],
)
def test_a_library_that_cannot_be_loaded_for_want_of_a_descriptor_is_no_bug_of_ours(words: str) -> None:
    failure = unexpected.failure_of(ImportError(words))
    assert failure.message == "out of resources: too many open files in this process"
    assert unexpected.failure_of(ImportError("/lib/fcntl.so: undefined symbol: x")).code == "internal"


@pytest.mark.parametrize("error", [ImportError("no module"), SystemError("NULL"), RuntimeError("new thread")])
def test_without_memory_every_error_of_the_interpreter_is_the_lack_of_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unexpected.failure_of(error).code == "internal"
    monkeypatch.setattr(unexpected, "_LITTLE_BYTES", 2**62)
    assert unexpected.failure_of(error).message == "out of resources: no memory left"
    assert unexpected.no_thread().message == "out of resources: no memory left"


def test_no_thread_is_started_without_memory_to_begin_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would wait for ever for one that ends at once."""
    started: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        started.append(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    threads.start_daemon(print)
    assert len(started) == 1
    monkeypatch.setattr(unexpected, "_LITTLE_BYTES", 2**46)
    with pytest.raises(Failure, match="no memory left"):
        threads.start_daemon(print)
    assert len(started) == 1


def test_a_system_that_refuses_is_told_with_the_file() -> None:
    failure = unexpected.failure_of(PermissionError(errno.EACCES, "Permission denied", "/root/x"))
    assert (failure.code, failure.message) == ("file", "cannot use /root/x: permission denied")
    assert unexpected.failure_of(OSError(errno.EIO, "Input/output error")).code == "file"


@pytest.mark.parametrize("error", [KeyError("x"), OSError("without a number"), AssertionError()])
def test_anything_else_is_a_bug(error: Exception) -> None:
    failure = unexpected.failure_of(error)
    assert (failure.code, failure.exit_code) == ("internal", 1)
    assert type(error).__name__ in failure.message


def test_nothing_to_read_yet_is_no_lack_of_processes() -> None:
    error = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    assert unexpected.exhausted(error) is None
    assert unexpected.no_process(error) is not None
    assert unexpected.no_process(FileNotFoundError(errno.ENOENT, "No such file")) is None


@pytest.mark.parametrize(
    "start",
    [
        lambda: threads.start_daemon(print),
        lambda: threads.in_background(print),
        lambda: threads.after(1, print),
        lambda: threads.together(print, print),
        lambda: list(threads.in_order([1], print, 2)),
    ],
)
@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_machine_without_threads_is_no_bug_of_ours(
    start: Callable[[], object], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(Failure, match=r"^out of resources: ") as failure:
        start()
    assert failure.value.code == "system"
