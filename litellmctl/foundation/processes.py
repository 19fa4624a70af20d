"""Processes: recognizing one that we started earlier, and ending it with its children."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_GRACE_SECONDS = 2.0  # a proxy without a database saves nothing
_KILL_SECONDS = 2.0
_LOOK_SECONDS = 0.05
# What cmd.exe acts on.
_META = re.compile(r"""[()\[\]%!^"`<>&|;, *?]""")


def child(path: str, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the program at `path` with our streams, and with what other descriptors we inherited, as a shell would.

    Raises OSError and ValueError.
    """
    if sys.platform == "win32":
        line = batch_line(path, words[1:]) if path.lower().endswith((".cmd", ".bat")) else [path, *words[1:]]
        process = subprocess.Popen(line, env=environment)
    else:
        # Not closed: a shell passes the output of another command as /dev/fd/63.
        process = subprocess.Popen([*words], executable=path, env=environment, close_fds=False)
    return process


def batch_line(path: str, arguments: Sequence[str]) -> str:
    """Return the command line that starts a batch file on Windows, such as the shims of npm, with these arguments.

    cmd.exe reads each argument twice, since a shim passes `%*` on, so each character that it acts on is escaped twice.
    The quotes inside are for the program itself, by the rules of Microsoft's C library.
    """
    words = [_for_cmd(path), *(_for_cmd(_for_cmd(_quoted(word))) for word in arguments)]
    return f'cmd.exe /d /s /c "{" ".join(words)}"'


def _quoted(word: str) -> str:
    doubled = re.sub(r'(\\*)"', r'\1\1\\"', word)  # backslashes count only before a quote
    return '"' + re.sub(r"(\\+)$", r"\1\1", doubled) + '"'


def _for_cmd(word: str) -> str:
    return _META.sub(r"^\g<0>", word)


def start_time(pid: int) -> str | None:
    """Return the start time of a process, in the format of the system; None if it has exited, also as a zombie.

    Process ids are reused; with the start time, an id names one process.
    """
    if sys.platform == "win32":
        started = _start_time_on_windows(pid)
    elif sys.platform == "linux":
        started = _start_time_in_proc(pid)
    else:
        started = _start_time_by_ps(pid)
    return started


def end(pid: int, is_over: Callable[[], bool], *, grace_seconds: float = _GRACE_SECONDS, group: bool = True) -> bool:
    """Terminate the process, then kill it after `grace_seconds`; return whether `is_over`.

    With `group`, it leads a process group, and all of that ends. Windows has no gentle way: it is killed at once.
    """
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(pid)]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    else:
        _signal(pid, signal.SIGTERM, group=group)
        if not _waited(is_over, grace_seconds) or group:  # also for the rest of the group
            _signal(pid, signal.SIGKILL, group=group)
    return _waited(is_over, _KILL_SECONDS)


def in_own_session() -> dict[str, Any]:
    """Return what `subprocess.Popen` needs for a process that Ctrl-C and the end of the terminal do not reach.

    It has no window, and neither have the programs that it runs.
    """
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        options = {"start_new_session": True}
    return options


def _waited(is_over: Callable[[], bool], seconds: float) -> bool:
    expires = time.monotonic() + seconds
    while not is_over():
        if time.monotonic() > expires:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


if sys.platform != "win32":

    def _signal(pid: int, number: int, *, group: bool) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: not permitted if only zombies are left
            (os.killpg if group else os.kill)(pid, number)


def _start_time_in_proc(pid: int) -> str | None:
    try:
        return parse_proc_stat(Path(f"/proc/{pid}/stat").read_bytes())
    except OSError:
        return None


def parse_proc_stat(stat: bytes) -> str | None:
    """Return field 22 of /proc/PID/stat (proc(5)); None for a zombie. The name in parentheses may have any bytes."""
    fields = stat[stat.rindex(b")") + 1 :].split()  # begins with field 3
    return None if fields[0] in {b"Z", b"X"} else fields[19].decode()


def _start_time_by_ps(pid: int) -> str | None:
    result = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        env={"LC_ALL": "C", "TZ": "UTC0"},  # ps prints local time
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return parse_ps(result.stdout.decode("ascii", "replace"))


def parse_ps(line: str) -> str | None:
    """Return the start time in the output of `ps -o stat= -o lstart=`; None if there is none, or for a zombie."""
    state, _, started = line.strip().partition(" ")
    return None if not state or state.startswith("Z") else " ".join(started.split())


if sys.platform == "win32":

    def _start_time_on_windows(pid: int) -> str | None:
        import ctypes
        from ctypes import wintypes

        query_limited_information, still_active = 0x1000, 259
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = wintypes.HANDLE
        number = kernel.OpenProcess(query_limited_information, False, pid)
        if not number:
            return None
        handle = wintypes.HANDLE(number)
        times = [wintypes.FILETIME() for _ in range(4)]  # created, ended, in the kernel, in the program
        code = wintypes.DWORD()
        try:
            known = kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
            # A process that has exited can be opened while another process has a handle.
            alive = kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value == still_active
            return str(times[0].dwHighDateTime << 32 | times[0].dwLowDateTime) if known and alive else None
        finally:
            kernel.CloseHandle(handle)
