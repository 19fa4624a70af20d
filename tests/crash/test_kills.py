"""SIGKILL: at each moment of each write (a line of what writes, a file that is opened, renamed, removed), and at random
ones of whole runs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.crash.world import CASES, KEY, Case, Done, Home, state

campaign = pytest.mark.campaign
# How many moments the normal run tries; of the others it tries one.
_MANY = {"config set": 100, "login": 12, "token, renewed": 8, "export codex --write": 10, "export codex --undo": 6}
COUNTS: dict[str, int] = {}


def _prepared(home: Home, case: Case) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)


def _moments(home: Home, case: Case) -> list[str]:
    _prepared(home, case)
    done = home.run(*case.words, stdin=case.stdin, at=0, exit=None)
    assert done.code in case.again, done
    return done.moments


def _kill(home: Home, case: Case, at: int) -> None:
    _prepared(home, case)
    before = state(home.path)
    done = home.run(*case.words, stdin=case.stdin, at=at, exit=None)
    assert done.signal == signal.SIGKILL, done
    _look(home, case, before, done)


def _look(home: Home, case: Case, before: dict, done: Done) -> None:
    home.check(others=case.name != "logout --all")
    if case.at_once is not None:
        case.at_once(home, before, done)
    again = home.run(*case.words, stdin=case.stdin, exit=set(case.again))
    assert again.seconds < 10, "a lock is stuck"
    if case.after is not None:
        case.after(home)
    if case.sweeps is not None:
        home.run(*case.sweeps, stdin=case.stdin or "sk-again-0123456789")
    assert home.strays() == []
    home.check(others=case.name != "logout --all")


def _count(name: str, number: int) -> None:
    COUNTS[name] = COUNTS.get(name, 0) + number


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\nkills: {sum(COUNTS.values())} {COUNTS}")


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_a_moment_of_the_write_loses_nothing(home: Home, name: str) -> None:
    moments = _moments(home, CASES[name])
    most = min(_MANY.get(name, 1), len(moments))
    chosen = sorted(random.Random(name).sample(range(1, len(moments) + 1), most))
    for at in chosen:
        _told(home, CASES[name], at, moments)
    _count(name, len(chosen))


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_every_moment_of_the_write_loses_nothing(home: Home, name: str) -> None:
    moments = _moments(home, CASES[name])
    for at in range(1, len(moments) + 1):
        _told(home, CASES[name], at, moments)
    _count(f"{name} (every moment)", len(moments))


def _told(home: Home, case: Case, at: int, moments: list[str]) -> None:
    try:
        _kill(home, case, at)
    except AssertionError as error:
        raise AssertionError(f"killed at {at} of {len(moments)}, before {moments[at - 1]}: {error}") from error


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_a_random_moment_of_the_whole_run_loses_nothing(home: Home, name: str) -> None:
    """Twelve runs, killed from outside, at moments spread over how long it takes: also while it asks the proxy."""
    case, chance = CASES[name], random.Random(name)
    _prepared(home, case)
    longest = max(home.run(*case.words, stdin=case.stdin, exit=set(case.again) | {5}).seconds, 0.02)
    killed = 0
    for turn in range(12):
        _prepared(home, case)
        before = state(home.path)
        delay = longest * (turn + chance.random()) / 12
        (done,) = home.nursery.batch([home.job(*case.words, stdin=case.stdin)], kills={0: delay})
        killed += done.killed
        if done.killed:
            _look(home, case, before, done)
    _count(f"{name} (random)", killed)


@campaign
@pytest.mark.timeout(600)
def test_a_kill_of_a_process_that_was_really_started_loses_nothing(home: Home) -> None:
    """The others fork; these start, and are killed in the last part of their time, where they write."""
    case = CASES["login"]
    command = [sys.executable, "-m", "litellmctl", *(word.format(url=home.server.url) for word in case.words)]
    chance, killed = random.Random(7), 0
    start = time.monotonic()
    subprocess.run(command, env=home.env, input=KEY, capture_output=True, text=True, check=True, timeout=60)
    longest = time.monotonic() - start
    for _ in range(25):
        home.restore()
        before = state(home.path)
        with subprocess.Popen(
            command, env=home.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            process.stdin.write(KEY.encode())
            process.stdin.close()
            time.sleep(chance.uniform(0.3, 1.0) * longest)
            process.kill()
        if process.returncode == -signal.SIGKILL:
            killed += 1
            _look(home, case, before, Done(None, signal.SIGKILL, "", "", 0.0))
    _count("login (a process that was started)", killed)
