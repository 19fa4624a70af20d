"""Starts the program many hundred times: a process that has imported everything, and forks for each run.

Each run is a process of its own, which may be killed, refused its files or its locks, without the 200 ms that a start
takes. Read one JSON object a line from stdin, `{"runs": [...], "many": 8}`; write the results, a JSON array, to stdout.
Run as a program, so that no thread of the tests is in it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import time
import traceback
from types import CodeType, FrameType
from typing import Any

SECONDS = 60
_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Each line of these is a moment too: what was written, but not yet flushed, is no event.
_LINES = {"write_atomically": "settings/files.py", "write_new": "settings/files.py"}


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
    """Counts the moments of a write, and kills this process at the one that was chosen (from 1)."""

    def __init__(self, root: str, at: int) -> None:
        self._root = root
        self._at = at
        self.names: list[str] = []

    def begin(self) -> None:
        sys.addaudithook(self._audited)
        import threading

        threading.settrace(self._traced)
        sys.settrace(self._traced)

    def _audited(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details
            if not flags & _WRITING:
                return
        elif event in _WRITES:
            path = details[1] if event in {"os.rename", "os.link"} else details[0]
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike) and str(path).startswith(self._root):
            self._reached(f"{event} {path}")

    def _traced(self, frame: FrameType, event: str, _: Any) -> Any:
        code: CodeType = frame.f_code
        if not code.co_filename.endswith(_LINES.get(code.co_name, "nothing")):
            return None
        if event == "line":
            self._reached(f"{os.path.basename(code.co_filename)}:{frame.f_lineno}")
        return self._traced

    def _reached(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


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


def _give_up_roots_rights() -> None:
    """Be bound by the modes of files, as everybody but root is (Linux: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH)."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(header, sets) == 0
    for number in range(3):
        sets[number] &= ~0b110
    assert libc.capset(header, sets) == 0


def _born(run: dict[str, Any], out: int) -> None:
    """Be the program; never returns."""
    code = 99
    moments = None
    said = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
    streams: dict[str, io.TextIOWrapper] = {}
    try:
        os.environ.clear()
        os.environ.update(run["env"])
        os.chdir(run.get("cwd") or "/")
        for name, data in said.items():
            streams[name] = io.TextIOWrapper(data, encoding="utf-8", newline="", write_through=True)
        sys.stdout, sys.stderr = streams["stdout"], streams["stderr"]
        if run.get("stdout"):
            sys.stdout = open(run["stdout"], "w", encoding="utf-8", newline="")  # noqa: SIM115
        sys.stdin = io.TextIOWrapper(io.BytesIO(run.get("stdin", "").encode()), encoding="utf-8", newline="")
        # A home that is no folder is looked up by every start.
        from litellmctl.__main__ import main

        for failure in run.get("fails", ()):
            _fail(*failure)
        if run.get("most_bytes") is not None:
            import resource

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (run["most_bytes"], resource.RLIM_INFINITY))
        if run.get("as_others"):
            _give_up_roots_rights()
        signal.alarm(SECONDS)
        if "at" in run:
            moments = Moments(run["root"], run["at"])
            moments.begin()
        code = main(run["words"])
        sys.settrace(None)
    except BaseException:  # noqa: BLE001
        streams["stderr"].flush()
        said["stderr"].write(traceback.format_exc().encode())
    answer = {"code": code, **{name: data.getvalue().decode() for name, data in said.items()}}
    if moments is not None:
        answer["moments"] = moments.names
    if run.get("most_bytes") is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with os.fdopen(out, "wb") as file:
        file.write(json.dumps(answer).encode())
    os._exit(0)


def _result(status: int, data: bytes, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data) if data else {"code": None, "stdout": "", "stderr": ""}
    return {**found, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "seconds": seconds}


def serve() -> None:
    """Answer one line after the other."""
    import gc
    import tempfile

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
