"""SIGKILL: at each moment of each write (a line of what writes, a file that is opened, renamed, removed), and at random
ones of whole runs."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

import pytest

from tests.crash.world import CASES, Case, Done, Home, state

campaign = pytest.mark.campaign
# What the normal run does at every moment; the rest at some.
_EVERY = {"config set", "login", "export codex --write"}
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
    if COUNTS:
        with open("/tmp/crash-kills.txt", "a") as file:
            file.write(f"{sum(COUNTS.values())} {COUNTS}\n")


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_a_moment_of_the_write_loses_nothing(home: Home, name: str) -> None:
    moments = _moments(home, CASES[name])
    every = len(moments) if name in _EVERY else 3
    chosen = sorted(random.Random(name).sample(range(1, len(moments) + 1), min(every, len(moments))))
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
