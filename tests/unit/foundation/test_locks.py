"""Locks between processes: who waits, what is said of who holds them, and which files are none."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from litellmctl.errors import ExitCode
from litellmctl.foundation import locks
from litellmctl.foundation.locks import LockHeld, locked
from tests.effort import until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes, links and signals of POSIX")
LINUX = sys.platform == "linux"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "logins.json"
    inside, may_leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with locked(file):
            inside.set()
            may_leave.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    threading.Timer(0.2, may_leave.set).start()
    with locked(file):
        order.append("second")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_that_is_never_released_is_a_failure_that_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "logins.json"
    file.parent.mkdir()
    with (
        filelock.FileLock(tmp_path / "folder" / "logins.json.lock", is_singleton=False),
        pytest.raises(LockHeld) as failure,
        locked(file, seconds=0.1),
    ):
        raise AssertionError("never inside")
    assert failure.value.message == f"another process holds the lock on {file}"
    assert (failure.value.code, failure.value.exit_code) == ("file", ExitCode.ERROR)


@pytest.mark.parametrize(
    "number",
    [errno.ENOSYS, errno.ENOLCK, errno.EIO, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM, errno.EINVAL, errno.ESTALE],
)
def test_a_file_system_without_locks_is_an_error_at_once_and_nothing_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", refuse)
        with pytest.raises(OSError) as error, locked(tmp_path / "config.toml", seconds=5):  # noqa: PT011
            raise AssertionError("never inside")
    assert error.value.errno == (errno.ENOLCK if number == errno.ENOSYS else number)
    with locked(tmp_path / "config.toml", seconds=0.1):
        pass


def test_the_lock_is_released_on_an_error_and_its_file_is_private_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "logins.json"
    with pytest.raises(ZeroDivisionError), locked(file):
        raise ZeroDivisionError
    with locked(file, seconds=0.1):
        pass
    lock = tmp_path / "folder" / "logins.json.lock"
    assert (mode(lock), mode(lock.parent)) == (0o600, 0o700)


@pytest.mark.timeout(20)
@pytest.mark.skipif(not LINUX, reason="Linux's /proc")
def test_a_lock_that_cannot_be_made_is_said_at_once() -> None:
    with pytest.raises(FileNotFoundError), locked("/proc/self/logins.json", seconds=60):
        raise AssertionError("never inside")


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.skipif(not LINUX, reason="other systems do not tell who holds a lock")
def test_who_holds_the_lock_is_named_and_whether_that_process_is_stopped(tmp_path: Path, stopped: bool) -> None:
    file = tmp_path / "logins.json"
    hold = "import sys, time; from litellmctl.foundation.locks import locked\nwith locked(sys.argv[1]): print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, str(file)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        if stopped:
            other.send_signal(signal.SIGSTOP)
            until(lambda: b") T" in Path(f"/proc/{other.pid}/stat").read_bytes())
        with pytest.raises(LockHeld) as failure, locked(file, seconds=0.1):
            raise AssertionError("never inside")
        other.kill()
    which = " is stopped and" if stopped else ""
    assert failure.value.message == f"process {other.pid}{which} holds the lock on {file}"
    assert (f"kill -CONT {other.pid}" in (failure.value.remedy or "")) is stopped


def test_nobody_is_named_where_the_system_does_not_tell(tmp_path: Path) -> None:
    file = tmp_path / "logins.json"
    with locked(file), pytest.raises(LockHeld) as failure, locked(file, seconds=0):  # in this process, not in another
        raise AssertionError("never inside")
    assert failure.value.message == f"another process holds the lock on {file}"
    assert failure.value.remedy == "run it again"


def test_a_file_of_the_users_that_a_lock_is_another_name_of_is_left_as_it_is(tmp_path: Path) -> None:
    precious, lock = tmp_path / "precious", tmp_path / "config.toml.lock"
    precious.write_bytes(b"precious")
    precious.chmod(0o640)
    os.link(precious, lock)
    with locked(tmp_path / "config.toml"):
        pass
    assert (precious.read_bytes(), mode(precious)) == (b"precious", 0o640)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("precious"))


def _second_name(path: Path) -> None:
    os.link(path.with_name("precious"), path)


@pytest.mark.parametrize("call", ["lstat", "open", "flock"])
@pytest.mark.parametrize("make", [_link, _second_name, os.mkfifo, Path.mkdir])
def test_what_is_put_there_while_we_lock_is_neither_changed_nor_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, make: Callable[[Path], None]
) -> None:
    """It comes just after we have looked, opened or locked."""
    import fcntl

    lock, precious = tmp_path / "config.toml.lock", tmp_path / "precious"
    precious.write_bytes(b"precious")
    module = fcntl if call == "flock" else os
    real = getattr(module, call)
    calls = []

    def then(*arguments: object, **named: object) -> object:
        try:
            return real(*arguments, **named)
        finally:
            if not calls and (call == "flock" or arguments[0] == str(lock)):
                calls.append(call)
                lock.unlink(missing_ok=True)
                make(lock)

    monkeypatch.setattr(module, call, then)
    begin = time.monotonic()
    with contextlib.suppress(OSError), locked(tmp_path / "config.toml", seconds=20):
        assert lock.is_file()
        assert not lock.is_symlink()
    assert calls
    assert time.monotonic() - begin < 10
    assert precious.read_bytes() == b"precious"


def test_a_lock_whose_file_was_removed_meanwhile_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two processes could hold it: one that waited for the old file, and one that made a new one."""
    import fcntl

    file, real, removed = tmp_path / "config.toml", fcntl.flock, []

    def then(descriptor: int, how: int) -> None:
        real(descriptor, how)
        if not removed:
            removed.append(os.fstat(descriptor).st_ino)
            (tmp_path / "config.toml.lock").unlink()

    monkeypatch.setattr(fcntl, "flock", then)
    with locked(file, seconds=5):
        monkeypatch.undo()
        with pytest.raises(LockHeld), locked(file, seconds=0):
            raise AssertionError("never inside")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with locked(file), pytest.raises(LockHeld), locked(file, seconds=2 * locks._LOOK_SECONDS):
            raise AssertionError("never inside")
    assert len(os.listdir("/dev/fd")) == before
