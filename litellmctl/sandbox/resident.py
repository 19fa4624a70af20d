"""The sandbox that runs until `down`: its state file, and whether it still runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from litellmctl.errors import Failure
from litellmctl.foundation import files, locks, processes
from litellmctl.foundation.interruptions import Interruptions
from litellmctl.sandbox import proxy
from litellmctl.settings import paths

_LAST_SECOND = 2**40


@dataclass(frozen=True)
class Resident:
    """A sandbox of `up`. `start_time` is in the format of the system, `started_at` in seconds since 1970."""

    base_url: str
    key: str
    pid: int
    start_time: str
    started_at: float

    @property
    def is_running(self) -> bool:
        """Whether its process still runs, and not another one with the same id."""
        return processes.start_time(self.pid) == self.start_time


def folder() -> Path:
    """Return the folder of its files."""
    return Path(paths.required_cache_dir()) / "sandbox"


def log() -> Path:
    """Return its log file, which is kept after `down`."""
    return folder() / "proxy.log"


def _state() -> Path:
    return folder() / "state.json"


def running() -> Resident | None:
    """Return the running sandbox; None if there is none, or its state file cannot be read."""
    if paths.cache_dir() is None:
        return None
    try:
        resident = Resident(**json.loads(files.read(_state(), follow=False)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return resident if _is_whole(resident) and resident.is_running else None


def _is_whole(resident: Resident) -> bool:
    """Whether it is as `up` writes it: without a valid start time, another process could be killed."""
    texts = (resident.base_url, resident.key, resident.start_time)
    return (
        all(isinstance(text, str) and text for text in texts)
        and type(resident.pid) is int
        and 1 < resident.pid < 2**32
        and isinstance(resident.started_at, int | float)
        and abs(resident.started_at) < _LAST_SECOND
    )


def up(seconds: float, note: Callable[[str], None]) -> tuple[Resident, bool]:
    """Return the running sandbox, and whether it was started now."""
    with _locked(seconds):
        known = running()
        if known is not None:
            return known, False
        with Interruptions() as interruptions:
            started = proxy.start(folder(), seconds=seconds, note=note, check=interruptions.check)
            try:
                interruptions.check()
                resident = Resident(
                    started.base_url, started.key, started.pid, processes.start_time(started.pid) or "", time.time()
                )
                files.write_atomically(_state(), json.dumps(asdict(resident)).encode(), follow=False)
                started.stay()
            except BaseException:
                started.stop()
                raise
    return resident, True


def down() -> Resident | None:
    """Stop the running sandbox, and return it; None if none is running."""
    with _locked(proxy.START_SECONDS):
        known = running()
        if known is not None and not processes.end(known.pid, lambda: not known.is_running):
            raise Failure("sandbox", f"the sandbox (pid {known.pid}) did not stop", remedy="stop that process by hand")
        _state().unlink(missing_ok=True)
    return known


@contextmanager
def _locked(seconds: float) -> Iterator[None]:
    """Wait for another `up` or `down`, which may take as long as a start and a stop."""
    with locks.locked(_state(), seconds=seconds + locks.LOCK_SECONDS):
        yield
