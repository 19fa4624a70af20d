"""The relay of a profile as other commands see it: whether it runs, how to start it in the background and stop it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

from litellmctl import own_command
from litellmctl.errors import ERROR_CODES, Failure
from litellmctl.foundation import files, processes, unexpected
from litellmctl.foundation.resident import Resident, StateFile
from litellmctl.foundation.sentences import sentence
from litellmctl.foundation.threads import SLICE_SECONDS, Pending, in_background
from litellmctl.foundation.times import timestamp
from litellmctl.settings import paths
from litellmctl.settings.definitions import DEFAULT_PROFILE

# Python with aiohttp takes half a second on a slow machine; a key command may take ten.
START_SECONDS = 30.0
# What running streams get when a relay stops, and what it then gets to close everything.
GRACE_SECONDS, _CLOSE_SECONDS = 5.0, 1.0
_STAY = b"stay"
_MAX_SAID = 10_000
# File systems keep times by a clock that is a little behind.
_CLOCK_SECONDS = 0.1
_MAX_LOG = 2**20


def command(profile: str, *words: str) -> str:
    """Return a `serve` command for a profile, for a sentence."""
    return " ".join(["litellmctl serve", *words, *([] if profile == DEFAULT_PROFILE else ["--profile", profile])])


def log_path(profile: str) -> str:
    """Return the log of a profile's relay in the background: its warnings and failures."""
    return os.path.join(paths.required_cache_dir(), "serve", f"{profile}.log")


def log_of(profile: str, known: Resident) -> str | None:
    """Return the log of a relay that runs; None if it has written none, as in the foreground."""
    path = log_path(profile)
    with suppress(OSError):
        if os.stat(path).st_mtime >= known.started_at - _CLOCK_SECONDS:
            return path
    return None


def _state(profile: str) -> StateFile:
    return StateFile(os.path.join(paths.required_cache_dir(), "serve", f"{profile}.json"))


def running(profile: str) -> Resident | None:
    """Return the relay of a profile that runs, also in the foreground; None if there is none."""
    return None if paths.cache_dir() is None else _state(profile).running()


class Presence:
    """What shows other commands that this process is the relay of a profile.

    Without a cache folder, or with one that cannot be written, the relay runs all the same, unseen. `in_background`:
    the process that started it holds the lock meanwhile.
    """

    def __init__(self, profile: str, warn: Callable[[str], None], *, in_background: bool) -> None:
        self._state = None if paths.cache_dir() is None else _state(profile)
        self._warn = warn
        self._in_background = in_background
        self._own: Resident | None = None

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Let no other relay of the profile start while the body runs. Raises `LockHeld`."""
        with ExitStack() as held:
            if self._state is not None and not self._in_background:
                try:
                    held.enter_context(self._state.locked(START_SECONDS))
                except OSError as error:
                    self._unseen(error)
            yield

    def begin(self, base_url: str) -> None:
        """Show this process. Another relay of the profile that is seen already stays."""
        self._own = Resident.of(base_url, os.getpid())
        if self._state is not None and self._state.running() is None:
            self._write(self._state)

    def keep(self) -> None:
        """Show this process again where the file is gone: caches may be deleted at any time."""
        if self._state is not None and not os.path.lexists(self._state.path):
            self._write(self._state)

    def _write(self, state: StateFile) -> None:
        assert self._own is not None
        try:
            state.write(self._own)
        except OSError as error:
            self._unseen(error)

    def end(self) -> None:
        """Show it no longer."""
        if self._state is not None and self._own is not None and self._state.running() == self._own:
            with suppress(OSError):
                self._state.remove()

    def _unseen(self, error: OSError) -> None:
        assert self._state is not None
        path = self._state.path
        self._warn(f"cannot write {files.place(error, path)}: {files.reason(error)}; serve --status will not show it")
        self._state = None


def start(
    profile: str, words: Sequence[str], warn: Callable[[str], None]
) -> tuple[dict[str, Any] | None, Resident | None]:
    """Start `serve` with these words in the background, unless a relay of the profile runs.

    Return what it prints as JSON, None if one runs already, and that one. `warn` gets its warnings until then. Raises
    the failure of the start.
    """
    state = _state(profile)
    with ExitStack() as held:
        try:
            held.enter_context(state.locked(START_SECONDS))
        except OSError as error:
            raise Failure(
                "file",
                f"cannot write {files.place(error, state.path)}: {files.reason(error)}",
                remedy=files.remedy(error, f"make {os.path.dirname(state.path)} writable"),
            ) from None
        known = state.running()
        return (None, known) if known is not None else (_started(words, warn), None)


def _started(words: Sequence[str], warn: Callable[[str], None]) -> dict[str, Any]:
    try:
        child = subprocess.Popen(
            own_command.command("serve", *words, "--json", "--no-input", "--resident"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **processes.in_own_session(),
        )
    except OSError as error:
        raise unexpected.no_process(error) or unexpected.failure_of(error) from None
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdin as stdin, child.stdout as stdout, child.stderr as stderr:
        try:
            row = _listening(stdin, stdout, stderr, warn)
        except BaseException:
            # First, since a stream that a thread reads cannot be closed; and with it a key command that it runs.
            processes.end(child.pid, lambda: child.poll() is not None, grace_seconds=0)
            raise
    child.returncode = 0  # no one waits for it: without this, subprocess would warn about that
    return row


def _listening(stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes], warn: Callable[[str], None]) -> dict[str, Any]:
    """Return what a relay prints when it listens, and let it stay; raise the failure that it prints instead."""
    said = in_background(lambda: stderr.read(_MAX_SAID))
    printed = _waited(in_background(stdout.readline))
    with suppress(BrokenPipeError):
        stdin.write(_STAY if printed else b"")
        stdin.close()
    # It closes its streams when it is on its own, or when it exits.
    lines = _waited(said).decode("utf-8", "replace").splitlines()
    for text in _warnings_in(lines):
        warn(text)
    failure = _error_in(lines)
    if failure is not None or not printed:
        raise failure or Failure("relay", "the relay exited before it listened", remedy="litellmctl doctor")
    row: dict[str, Any] = json.loads(printed)
    return row


def _waited(pending: Pending[bytes]) -> bytes:
    expires = time.monotonic() + START_SECONDS
    while not pending.wait(SLICE_SECONDS):
        if time.monotonic() > expires:
            raise Failure("relay", f"the relay did not start within {START_SECONDS:g} s", remedy="litellmctl doctor")
    return pending.result()


def _warnings_in(lines: Sequence[str]) -> Iterator[str]:
    """Yield the warnings that a relay printed as JSON."""
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            yield str(json.loads(line)["warning"])


def _error_in(lines: Sequence[str]) -> Failure | None:
    """Return the failure that a relay printed as JSON; None if there is none."""
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            error = json.loads(line)["error"]
            if error["code"] in ERROR_CODES:
                return Failure(error["code"], error["message"], remedy=error["remedy"], status=error["status"])
    return None


class Log:
    """The log of a relay in the background, as a `Listener`: it gets warnings, each with its time.

    One that has grown too large begins again.
    """

    can_prompt = False
    stderr_is_terminal = False

    def __init__(self, path: str) -> None:
        self._path = path

    def note(self, text: str) -> None:
        """Drop a note."""

    def trace(self, text: str) -> None:
        """Drop a line that -v prints."""

    def warn(self, text: str) -> None:
        """Write a warning. stderr is the log from `stay` on."""
        with suppress(OSError):
            if os.fstat(2).st_size > _MAX_LOG:
                os.ftruncate(2, 0)
            os.write(2, f"{timestamp(time.time())} Warning: {sentence(text)}\n".encode("utf-8", "replace"))

    def stay(self) -> bool:
        """Go on in the background when the process that started us says so, and return whether it does.

        If it has exited instead, also by a kill, nobody knows of this relay. All streams are closed, but for stderr,
        which is the log.
        """
        if os.read(0, len(_STAY)) != _STAY:
            return False
        files.make_private_dir(os.path.dirname(self._path))
        null = os.open(os.devnull, os.O_RDWR)
        with files.new_log(self._path) as output:
            for descriptor, target in ((0, null), (1, null), (2, output.fileno())):
                os.dup2(target, descriptor)
        os.close(null)
        return True


def stop(profile: str) -> Resident | None:
    """Stop the relay of a profile, and return it; None if none runs."""
    if paths.cache_dir() is None:
        return None
    state = _state(profile)
    known = state.running()
    if known is None:
        return None
    # It does not lead a group where a script started it.
    if not processes.end(
        known.pid, lambda: not known.is_running, grace_seconds=GRACE_SECONDS + _CLOSE_SECONDS, group=False
    ):
        raise Failure("relay", f"the relay (pid {known.pid}) did not stop", remedy="stop that process by hand")
    return known
