"""The sandbox that runs until `down`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from litellmctl.errors import Failure
from litellmctl.foundation import processes
from litellmctl.foundation.interruptions import Interruptions
from litellmctl.foundation.resident import Resident, StateFile
from litellmctl.sandbox import proxy
from litellmctl.settings import paths


def folder() -> Path:
    """Return the folder of its files."""
    return Path(paths.required_cache_dir()) / "sandbox"


def log() -> Path:
    """Return its log file, which is kept after `down`."""
    return folder() / "proxy.log"


def _state() -> StateFile:
    return StateFile(folder() / "state.json")


def running() -> Resident | None:
    """Return the running sandbox; None if there is none, or its state file cannot be read."""
    return None if paths.cache_dir() is None else _state().running()


def up(seconds: float, note: Callable[[str], None]) -> tuple[Resident, bool]:
    """Return the running sandbox, and whether it was started now."""
    state = _state()
    with state.locked(seconds):
        known = state.running()
        if known is not None:
            return known, False
        with Interruptions() as interruptions:
            started = proxy.start(folder(), seconds=seconds, note=note, check=interruptions.check)
            try:
                interruptions.check()
                resident = Resident.of(started.base_url, started.pid, key=started.key)
                state.write(resident)
                started.stay()
            except BaseException:
                started.stop()
                raise
    return resident, True


def down() -> Resident | None:
    """Stop the running sandbox, and return it; None if none is running."""
    state = _state()
    with state.locked(proxy.START_SECONDS):
        known = state.running()
        if known is not None and not processes.end(known.pid, lambda: not known.is_running):
            raise Failure("sandbox", f"the sandbox (pid {known.pid}) did not stop", remedy="stop that process by hand")
        state.remove()
    return known
