"""Commands that wait: for input that does not come, for a proxy, or for another process. A signal ends each at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.crash.world import KEY, Home, state
from tests.effort import until

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
SECONDS = 20.0
# What reads stdin to its end.
READERS: list[tuple[str, ...]] = [
    ("login", "--with-token", "--base-url", "{url}"),
    ("mcp", "call", "lab_http/add", "--jsonl", "-"),
    ("mcp", "call", "lab_http/add", "--args", "-"),
    ("skills", "create", "-"),
    ("api", "-X", "POST", "/v1/chat/completions", "--input", "-"),
    ("api", "-X", "POST", "/v1/chat/completions", "--input", "{home}/pipe"),
    ("mcp", "call", "lab_http/add", "a=@{home}/pipe"),
]


@contextmanager
def _started(home: Home, *words: str, stdin: int | IO[Any] = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    filled = [word.format(url=home.server.url, home=home.path) for word in words]
    with subprocess.Popen(
        [sys.executable, "-m", "litellmctl", *filled],
        env={**home.env, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=home.path,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _ended(process: subprocess.Popen[str], number: int) -> str:
    """Send the signal, and return what was said to the end, which is by that signal, or exit 130."""
    begin = time.monotonic()
    process.send_signal(number)
    stdout, said = process.communicate(timeout=SECONDS)
    assert process.returncode in {130, -number}, f"exit {process.returncode}\n{said}"
    assert stdout == ""
    assert "Traceback" not in said
    assert time.monotonic() - begin < SECONDS / 2
    return said


def _wait_until_it_waits(process: subprocess.Popen[str]) -> None:
    """Wait until it waits in the kernel for a pipe, to open or to read it; where that is not told, for a while."""
    begin = time.monotonic()

    def waits() -> bool:
        try:
            what = Path(f"/proc/{process.pid}/wchan").read_text()
        except OSError:
            what = ""
        return "pipe" in what or "partner" in what or time.monotonic() - begin > 2

    until(waits)
    assert process.poll() is None


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_input_that_does_not_come_is_waited_for_until_a_signal_comes(home: Home, words: tuple[str, ...]) -> None:
    os.mkfifo(home.path / "pipe")
    number = SIGNALS[READERS.index(words) % len(SIGNALS)]
    before = _ours(home)
    asked = len(home.server.requests)
    reader, writer = os.pipe()
    with _started(home, *words, stdin=reader) as process:
        os.close(reader)
        _wait_until_it_waits(process)
        _ended(process, number)
    os.close(writer)
    assert _ours(home) == before
    assert [
        request.endpoint for request in home.server.requests[asked:] if request.method == "POST" and request.body
    ] == []


def _ours(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.config.glob("*") if path.suffix in {".json", ".toml"}}


def test_a_body_that_does_not_come_is_waited_for_as_long_as_the_timeout_says(home: Home) -> None:
    reader, writer = os.pipe()
    begin = time.monotonic()
    words = ("api", "--timeout", "1", "-X", "POST", "/v1/chat/completions", "--input", "-")
    with _started(home, *words, stdin=reader) as process:
        os.close(reader)
        stdout, said = process.communicate(timeout=SECONDS)
    os.close(writer)
    assert (process.returncode, stdout) == (3, "")
    assert "no complete answer within 1 s" in said
    assert time.monotonic() - begin < SECONDS


@pytest.mark.parametrize("place", ["config/config.toml", "config/logins.json", "config/secrets.json", "cache/key"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for_whatever_the_timeout(home: Home, place: str) -> None:
    (home.path / place).unlink()
    os.mkfifo(home.path / place)
    for words in (("token",), ("models",), ("login", "--with-token", "--base-url", "{url}"), ("logout",), ("doctor",)):
        for seconds in ("1", "600"):
            done = home.run(*words, "--timeout", seconds, stdin=KEY, exit=None)
            assert done.code in {0, 1, 2, 4}, done.stderr
            assert done.seconds < 9


STOPPED: list[Any] = [
    ("login", "--with-token", "--base-url", "{url}"),
    ("logout",),
    ("logout", "--all"),
    pytest.param(("config", "set", "mcp", "true"), marks=pytest.mark.campaign),
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who holds a lock")
@pytest.mark.parametrize("words", STOPPED, ids=" ".join)
def test_who_waits_for_a_process_that_was_stopped_knows_which_and_can_give_up(
    home: Home, words: tuple[str, ...]
) -> None:
    lock = "config.toml" if words[0] == "config" else "logins.json"
    hold = f"import time; from litellmctl.foundation.locks import locked\nwith locked({str(home.config / lock)!r}): print(1, flush=True); time.sleep(60)"
    before = state(home.path)
    with subprocess.Popen([sys.executable, "-c", hold], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGSTOP)
        key = home.path.parent / "key"
        key.write_text(KEY)
        with key.open() as stdin, _started(home, *words, stdin=stdin) as process:
            assert process.stderr is not None
            told = process.stderr.readline()
            if words[0] == "config":  # which waits ten seconds, and says it then
                process.wait(SECONDS)
            else:
                assert told.startswith("Waiting for up to a minute: ")
                assert told.endswith(" (Ctrl-C cancels)\n")
                _ended(process, signal.SIGINT)
        assert f"process {other.pid} is stopped and holds the lock on {home.config / lock}" in told
        other.kill()
    now = state(home.path)
    assert {name: one for name, one in now.items() if not name.endswith(".lock")} == {
        name: one for name, one in before.items() if not name.endswith(".lock")
    }
    done = home.run(*words, stdin=KEY)
    assert done.seconds < 9
