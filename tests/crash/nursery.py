"""Starts the program many hundred times: a process that has imported everything, and forks for each run.

Each run is a process of its own, which may be killed, refused its files, its locks or its descriptors, or given hardly
any memory, without the 200 ms that a start takes. Read one JSON object a line from stdin, `{"runs": [...], "many": 8}`;
write the results, a JSON array, to stdout. Run as a program, so that no thread of the tests is in it.

What a run may ask for, besides its words, environment and stdin: `at` (be killed at that moment, or meet `swap`, an
intruder, there), `fails` (calls that fail), `streams` (what the three descriptors are), `limits` (of the system's).
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from tests.crash import intruders

SECONDS = 60
_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_READS = {"os.listdir", "os.scandir"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Each line of these is a moment too: what was written, but not yet flushed, is no event.
_LINES = {"write_atomically": "foundation/files.py", "write_new": "foundation/files.py"}
# Capabilities of Linux: to pass over the modes of files (DAC_OVERRIDE, DAC_READ_SEARCH); over limits (SYS_ADMIN, SYS_RESOURCE).
_MODES, _LIMITS = (1, 2), (21, 24)
# Above all that a run opens, so that a limit can be as low as it likes.
_HIGH = 250


def preload() -> None:
    """Import what the commands import, which opens no file of a home and starts no thread."""
    import importlib
    import pkgutil

    import filelock
    import requests
    import ruamel.yaml
    import tomlkit
    import truststore  # noqa: F401
    import urllib3

    import litellmctl

    for module in pkgutil.walk_packages(litellmctl.__path__, "litellmctl."):
        if not module.name.endswith(("__main__", "sandbox.serve", "sandbox.mcp_server")):
            importlib.import_module(module.name)
    importlib.import_module("litellmctl.__main__")
    assert all((filelock, requests, ruamel.yaml, tomlkit, urllib3))


class Moments:
    """Counts the moments of a write, and acts at the one that was chosen (from 1), with its path.

    With `reads`, what is opened or listed to be read is a moment too; the lines of what writes are then none.
    """

    def __init__(self, root: str, at: int, act: Callable[[str], None], *, reads: bool) -> None:
        self._root = root
        self._at = at
        self._act = act
        self._reads = reads
        self._is_acting = False
        self.names: list[str] = []

    def begin(self) -> None:
        sys.addaudithook(self._audited)
        if not self._reads:
            import threading

            threading.settrace(self._traced)
            sys.settrace(self._traced)

    def _audited(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details
            if not (self._reads or flags & _WRITING):
                return
        elif event in _WRITES or (self._reads and event in _READS):
            path = details[1] if event in {"os.rename", "os.link"} else details[0]
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike) and str(path).startswith(self._root):
            self._reached(f"{event} {path}", str(path))

    def _traced(self, frame: FrameType, event: str, _: Any) -> Any:
        code: CodeType = frame.f_code
        if not code.co_filename.endswith(_LINES.get(code.co_name, "nothing")):
            return None
        if event == "line":
            self._reached(f"{os.path.basename(code.co_filename)}:{frame.f_lineno}", "")
        return self._traced

    def _reached(self, name: str, path: str) -> None:
        if self._is_acting:
            return
        self.names.append(name)
        if len(self.names) == self._at:
            self._is_acting = True
            self._act(path)
            self._is_acting = False


def _fail(name: str, number: int, below: str, times: int) -> None:
    """Let a function of the operating system fail with this errno, for paths that begin so, so many times."""
    left = [times]

    def failing(original: Any, concerns: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if left[0] > 0 and concerns(*arguments):
                left[0] -= 1
                raise OSError(number, os.strerror(number), below)
            return original(*arguments, **named)

        return call

    if name == "flock":
        import fcntl

        fcntl.flock = failing(fcntl.flock, lambda _fd, how: bool(how & fcntl.LOCK_EX))  # type: ignore[assignment]
    elif name == "fsync":
        os.fsync = failing(os.fsync, lambda _fd: True)
    elif name in {"replace", "link", "rename"}:
        setattr(os, name, failing(getattr(os, name), lambda _old, new, **_: os.fspath(new).startswith(below)))
    elif name in {"fstat", "fchmod"}:
        setattr(os, name, failing(getattr(os, name), lambda *_: True))
    else:
        setattr(os, name, failing(getattr(os, name), lambda path, *_: str(path).startswith(below)))


def _give_up(capabilities: tuple[int, ...]) -> None:
    """Be without some of root's capabilities, as everybody else is (Linux)."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(header, sets) == 0
    for number in range(3):
        for one in capabilities:
            sets[number] &= ~(1 << one)
    assert libc.capset(header, sets) == 0


class Streams:
    """The standard streams of a run, and what was written to them."""

    def __init__(self, run: dict[str, Any]) -> None:
        self._data: dict[str, io.BytesIO | int] = {}
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):  # the nursery's own are not for a run
            os.dup2(null, number)
        os.close(null)
        if "streams" in run:
            self._be_descriptors(run["streams"], run.get("stdin", ""))
            return
        for name in ("stdout", "stderr"):
            self._data[name] = data = io.BytesIO()
            setattr(sys, name, io.TextIOWrapper(data, encoding="utf-8", newline="", write_through=True))
        self._own = sys.stdout, sys.stderr  # which would close what they write to
        if run.get("stdout"):
            sys.stdout = open(run["stdout"], "w", encoding="utf-8", newline="")  # noqa: SIM115
        sys.stdin = io.TextIOWrapper(io.BytesIO(run.get("stdin", "").encode()), encoding="utf-8", newline="")

    def _be_descriptors(self, states: list[str], stdin: str) -> None:
        """Have descriptors of these states, and the streams that the interpreter would make of them."""
        for number, (name, state) in enumerate(zip(("stdin", "stdout", "stderr"), states, strict=True)):
            if state == "good":
                self._data[name] = number
                with tempfile.TemporaryFile() as file:
                    if number == 0:
                        file.write(stdin.encode())
                        file.seek(0)
                    os.dup2(file.fileno(), number)
            else:
                intruders.spoil(number, state)
        sys.stdin, sys.stdout, sys.stderr = (_stream(number) for number in range(3))  # type: ignore[assignment]

    def end(self, code: int) -> int:
        """Return the exit code that a process ends with, which is the interpreter's own where a flush fails."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                try:
                    stream.flush()
                except OSError:
                    code = 120
        return code

    def said(self) -> dict[str, str]:
        texts = {}
        for name in ("stdout", "stderr"):
            data = self._data.get(name, b"")
            if isinstance(data, int):
                data = os.pread(data, 2**24, 0)
            texts[name] = (data.getvalue() if isinstance(data, io.BytesIO) else data).decode()
        return texts


def _stream(number: int) -> io.TextIOWrapper | None:
    try:
        os.fstat(number)
    except OSError:
        return None
    return open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)


def _limit(limits: dict[str, Any]) -> None:
    """Have only so much of what a system gives; `AS` and `DATA` count from what there is now, in bytes."""
    import resource

    for name, value in limits.items():
        if name == "NPROC":
            # Of a user who has no other process; the files are still root's to use.
            os.setreuid(100_000 + os.getpid(), 0)
            _give_up(_LIMITS)
        elif name == "NOFILE":
            os.closerange(3, _HIGH)
        elif name == "CPU":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            while time.process_time() < 1 - value:
                pass
        elif name == "FSIZE":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        number = getattr(resource, f"RLIMIT_{name}")
        now = 0
        if name in {"AS", "DATA"}:
            with open("/proc/self/statm", encoding="ascii") as file:
                now = int(file.read().split()[0 if name == "AS" else 5]) * resource.getpagesize()
        resource.setrlimit(number, (1 if name == "CPU" else int(now + value), resource.getrlimit(number)[1]))


def _unlimit(limits: dict[str, Any]) -> None:
    import resource

    for name in limits:
        number = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(number, (resource.getrlimit(number)[1],) * 2)


def _born(run: dict[str, Any], out: int) -> None:
    """Be the program; never returns."""
    code, failed, replaced = 99, "", None
    limits = run.get("limits", {})
    os.dup2(out, _HIGH)
    streams = Streams(run)
    moments = None

    def swap(path: str) -> None:
        nonlocal replaced
        if path != run["root"]:
            replaced = intruders.intrude(run["swap"], path, run["outside"])

    try:
        os.environ.clear()
        os.environ.update(run["env"])
        os.chdir(run.get("cwd") or "/")
        # A home that is no folder is looked up by every start.
        from litellmctl.__main__ import main

        for failure in run.get("fails", ()):
            _fail(*failure)
        if run.get("as_others"):
            _give_up(_MODES)
        signal.alarm(SECONDS)
        if "at" in run:
            act = swap if "swap" in run else lambda _: os.kill(os.getpid(), signal.SIGKILL)
            moments = Moments(run["root"], run["at"], act, reads="swap" in run)
            moments.begin()
        sys.argv[1:] = run["words"]
        _limit(limits)
        code = main() if "streams" in run else main(run["words"])
        sys.settrace(None)
        code = streams.end(code)
    except BaseException:  # noqa: BLE001
        failed = traceback.format_exc()
    if moments is not None:
        moments.names, moments._is_acting = list(moments.names), True
    _unlimit(limits)
    answer = {"code": code, **streams.said(), "replaced": replaced}
    answer["stderr"] += failed
    if moments is not None:
        answer["moments"] = moments.names
    with os.fdopen(_HIGH, "wb") as file:
        file.write(json.dumps(answer).encode())
    os._exit(0)


def _result(status: int, data: bytes, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data) if data else {"code": None, "stdout": "", "stderr": ""}
    return {**found, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "seconds": seconds}


def serve() -> None:
    """Answer one line after the other."""
    import gc

    preload()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        runs, many, kills = asked["runs"], asked["many"], asked.get("kills", {})
        results: list[dict[str, Any] | None] = [None] * len(runs)
        going: dict[int, tuple[int, Any, float, float | None]] = {}
        due = list(range(len(runs)))
        while due or going:
            while due and len(going) < many:
                number = due.pop(0)
                file = tempfile.TemporaryFile()  # noqa: SIM115
                pid = os.fork()
                if pid == 0:
                    try:
                        _born(runs[number], os.dup(file.fileno()))
                    finally:
                        os._exit(98)
                delay = kills.get(str(number))
                now = time.monotonic()
                going[pid] = (number, file, now, None if delay is None else now + delay)
            for pid, (_, _, _, end) in going.items():
                if end is not None and time.monotonic() >= end:
                    os.kill(pid, signal.SIGKILL)
            wait = any(end is not None for _, _, _, end in going.values())
            try:
                pid, status = os.waitpid(-1, os.WNOHANG if wait else 0)
            except OSError as error:
                if error.errno != errno.ECHILD:
                    raise
                break
            if pid == 0:
                time.sleep(0.001)
                continue
            number, file, start, _ = going.pop(pid)
            file.seek(0)
            results[number] = _result(status, file.read(), time.monotonic() - start)
            file.close()
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    serve()
