"""Processes of ours that outlive the command that started them, or are found by another: the files that name them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Self

from litellmctl.foundation import files, locks, processes

_LAST_SECOND = 2**40


@dataclass(frozen=True)
class Resident:
    """A server of ours on loopback.

    `start_time` is in the format of the system, `started_at` in seconds since 1970. `key` is what its clients send;
    empty if it is kept elsewhere.
    """

    base_url: str
    pid: int
    start_time: str
    started_at: float
    key: str = ""

    @classmethod
    def of(cls, base_url: str, pid: int, *, key: str = "") -> Self:
        """Return a process that runs now."""
        return cls(base_url, pid, processes.start_time(pid) or "", time.time(), key)

    @property
    def is_running(self) -> bool:
        """Whether its process still runs, and not another one with the same id."""
        return processes.start_time(self.pid) == self.start_time

    @property
    def is_whole(self) -> bool:
        """Whether it is as we write it: without a valid start time, another process could be killed."""
        return (
            all(isinstance(text, str) for text in (self.base_url, self.start_time, self.key))
            and bool(self.base_url and self.start_time)
            and type(self.pid) is int
            and 1 < self.pid < 2**32
            and isinstance(self.started_at, int | float)
            and abs(self.started_at) < _LAST_SECOND
        )


class StateFile:
    """The file that names one resident, from its start to its end; after a kill, a process that no longer runs."""

    def __init__(self, path: files.AnyPath) -> None:
        self.path = os.fspath(path)

    def running(self) -> Resident | None:
        """Return the resident that runs; None if none does, or the file cannot be read."""
        try:
            resident = Resident(**json.loads(files.read(self.path, follow=False)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return resident if resident.is_whole and resident.is_running else None

    def write(self, resident: Resident) -> None:
        """Name this resident. The caller holds the lock. Raises OSError."""
        files.write_atomically(self.path, json.dumps(asdict(resident)).encode(), follow=False)

    def remove(self) -> None:
        """Name none. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the lock of the file, after a start or a stop by another process, which may take so many seconds."""
        with locks.locked(self.path, seconds=seconds + locks.LOCK_SECONDS):
            yield
