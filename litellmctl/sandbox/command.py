"""Running a command that uses a sandbox as its proxy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from litellmctl import own_command
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation import files, processes
from litellmctl.foundation.interruptions import Interruptions
from litellmctl.sandbox import proxy, resident, variables
from litellmctl.settings import environment

_GRACE_SECONDS = 5.0


def run(words: Sequence[str], *, seconds: float, note: Callable[[str], None]) -> int:
    """Run a command with the running sandbox, else with one of its own, and return its exit code.

    It inherits our streams. The code is 128 + N if the signal N ended it, as in a shell.
    """
    arguments = _resolved(words)
    with (
        Interruptions() as interruptions,
        _temporary_folder() as folder,
        _proxy(folder, seconds, note, interruptions.check) as (base_url, key),
    ):
        own = variables.of_command(environment.snapshot(), base_url, key, folder)
        try:
            command = processes.child(arguments[0], arguments, own)
        except (OSError, ValueError) as error:
            why = files.reason(error) if isinstance(error, OSError) else error
            raise UsageFailure(f"cannot run {words[0]}: {why}") from None
        return interruptions.wait(command, grace_seconds=_GRACE_SECONDS)


def _resolved(words: Sequence[str]) -> list[str]:
    if words[0] == "litellmctl":  # this program, wherever it is installed
        return own_command.command(*words[1:])
    found = shutil.which(words[0])
    if found is None:
        raise UsageFailure(
            f'command "{words[0]}" not found',
            remedy="litellmctl sandbox run --help",
        )
    return [found, *words[1:]]


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="litellmctl-sandbox-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _proxy(
    folder: Path, seconds: float, note: Callable[[str], None], check: Callable[[], None]
) -> Iterator[tuple[str, str]]:
    known = resident.running()
    if known is not None:
        note(f"Using the sandbox at {known.base_url}")
        yield known.base_url, known.key
        return
    try:
        own = proxy.start(folder / "proxy", seconds=seconds, note=note, check=check)
    except Failure as failure:
        log = folder / "proxy" / "proxy.log"
        if not log.exists():
            raise
        raise failure.changed(remedy=_kept_log(log)) from None
    try:
        yield own.base_url, own.key
    finally:
        own.stop()


def _kept_log(log: Path) -> str | None:
    """Save the log of a proxy that did not start; return the remedy that names the file, None if that failed."""
    try:
        kept = resident.folder() / "failed.log"
        files.write_atomically(kept, files.read(log, follow=False), follow=False)
    except (OSError, Failure):
        return None
    return f"see {kept}"
