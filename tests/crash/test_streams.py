"""Descriptors that are closed, for the wrong direction, full, or at whose other end nobody is: all of them together."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.crash.intruders import STATES
from tests.crash.world import EVERY, Case, Disk, Done, Home, check_said

campaign = pytest.mark.campaign
States = tuple[str, str, str]
# What each state of stdout makes of a command that succeeds, and has something to say there.
_LOST = {"closed": 141, "closed pipe": 141, "read-only": 1, "full": 1, "gone": 1}
# What reads stdin; the device gives zeros without an end, which is for as long as the user likes.
_READS_STDIN = ("login", "mcp call lab_http/add --jsonl -", "api -X POST /v1/chat/completions --input -")
# Any two of the descriptors in any two states, once each.
PAIRS: list[States] = [
    (STATES[one], STATES[two], STATES[(one + two) % len(STATES)]) for one, two in product(range(len(STATES)), repeat=2)
]
ALL: list[States] = list(product(STATES, repeat=3))
if not os.path.exists("/dev/full"):
    PAIRS, ALL = ([states for states in some if "full" not in states] for some in (PAIRS, ALL))
TRIED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\nstreams: {sum(TRIED.values())} {TRIED}")


def _prepared(home: Home, case: Case) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)


def _right(home: Home, name: str) -> Done:
    """Return how the command ends where all is well."""
    case = EVERY[name]
    _prepared(home, case)
    return home.run(*case.words, stdin=case.stdin, streams=["good"] * 3, exit=None)


def _check(home: Home, name: str, states: States, right: Done, code: int | None, stdout: str, stderr: str) -> None:
    """Compare how a command ended with how it ends where all is well."""
    TRIED[name] = TRIED.get(name, 0) + 1
    has_input = states[0] == "good" or not name.startswith(_READS_STDIN)
    expected = {right.code} if has_input else {0, 1, 2, 3}
    lost = _LOST.get(states[1])
    if lost is not None and right.stdout:
        # A report's own code goes first. Where there is no input there may be nothing to say.
        expected = (expected - {0} if has_input else expected) | {lost}
    assert code in expected, f"exit {code}, not {expected}\n{stdout}{stderr}"
    if states[2] == "good" and code not in {0, 141}:
        check_said(Done(code, 0, stdout, stderr, 0), codes={1, 2, 3, 4, 5})
    if states[1] == "good" and code == right.code == 0 and name not in _VARIES:
        assert stdout == right.stdout
    home.check(others=name != "logout --all")
    home.check_private()


# Their output is not the same twice.
_VARIES = {"doctor", "doctor --report", "refresh", "whoami", "token, renewed", "serve"}


def _meet(home: Home, name: str, states: States, right: Done) -> None:
    if states[0] == "full" and name.startswith(_READS_STDIN):
        return
    case = EVERY[name]
    _prepared(home, case)
    done = home.run(*case.words, stdin=case.stdin, streams=states, exit=None)
    try:
        assert done.signal == 0, "it hangs, or died"
        _check(home, name, states, right, done.code, done.stdout, done.stderr)
    except AssertionError as error:
        raise AssertionError(f"{name}, with {states}: {error}") from error


# Of each of these a command has something to say on stdout, on stderr, or on both; it reads, writes, or asks the proxy.
_SAMPLE = ["token", "models", "whoami", "nonsense", "config set", "login", "token, renewed", "export codex --diff"]


@pytest.mark.parametrize("number", range(7))
def test_descriptors_in_any_two_states_change_the_exit_code_alone(home: Home, number: int) -> None:
    rights: dict[str, Done] = {}
    names = list(EVERY)
    for turn, states in enumerate(PAIRS[number::7]):
        # Every command is met by some, those of the sample by more.
        for name in (names[(7 * turn + number) % len(names)], _SAMPLE[(turn + number) % len(_SAMPLE)]):
            rights[name] = rights.get(name) or _right(home, name)
            _meet(home, name, states, rights[name])


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", EVERY)
def test_descriptors_in_any_states_change_the_exit_code_alone(home: Home, name: str) -> None:
    right = _right(home, name)
    for states in ALL if name in _SAMPLE else PAIRS:
        _meet(home, name, states, right)


# The interpreter's own beginning and end are in these: spoils its descriptors, and becomes the program.
_SPOILED = """
import os, sys
sys.path.insert(0, {root!r})
from tests.crash.intruders import spoil
states = {states!r}
for number, state in enumerate(states):
    if state != "good":
        spoil(number, state)
os.execv(sys.executable, [sys.executable, "-m", "litellmctl", *sys.argv[1:]])
"""
_ROOT = str(Path(__file__).parents[2])


def _really(home: Home, name: str, states: States, right: Done) -> None:
    case = EVERY[name]
    _prepared(home, case)
    words = [word.format(url=home.server.url, home=home.path) for word in case.words]
    done = subprocess.run(
        [sys.executable, "-c", _SPOILED.format(root=_ROOT, states=states), *words],
        env={**home.env, "PYTHONPATH": _ROOT},
        cwd=home.path,
        input=case.stdin.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    for sign in ("Traceback", "Exception ignored", "this is a bug", "Fatal Python"):
        assert sign not in stderr, stderr
    try:
        _check(home, name, states, right, done.returncode, stdout, stderr)
    except AssertionError as error:
        raise AssertionError(f"{name}, really started, with {states}: {error}") from error


@pytest.mark.parametrize("name", ["token", "nonsense", "config set"])
def test_a_process_that_was_really_started_ends_as_those_that_fork(home: Home, name: str) -> None:
    right = _right(home, name)
    for states in PAIRS[len(name) % 4 :: 4]:
        _really(home, name, states, right)


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", _SAMPLE)
def test_a_process_that_was_really_started_ends_as_those_that_fork_with_any_states(home: Home, name: str) -> None:
    right = _right(home, name)
    for states in ALL[len(name) % 3 :: 3]:
        _really(home, name, states, right)


# --- and a full disk ---


@pytest.mark.parametrize("states", [("good", "good", "closed"), ("closed", "full", "full"), ("gone", "gone", "gone")])
@pytest.mark.parametrize("name", ["config set", "login", "token, renewed", "export codex --write", "models, first"])
def test_a_full_disk_where_nobody_can_be_told_loses_nothing(
    home_on_disk: Home, disk: Disk, name: str, states: States
) -> None:
    home, case = home_on_disk, EVERY[name]
    for pages in (0, 1, 2):
        disk.empty()
        _prepared(home, case)
        disk.leave(pages)
        details: dict[str, Any] = {"streams": states} if not case.stdin else {"streams": ("good", *states[1:])}
        done = home.run(*case.words, stdin=case.stdin, exit=None, **details)
        disk.empty()
        TRIED[name] = TRIED.get(name, 0) + 1
        assert done.code in {0, 1, 2, 141}, f"with {pages} pages left: exit {done.code} (signal {done.signal})"
        home.check()
        assert home.strays() == []
        home.run("token")
        assert home.run(*case.words, stdin=case.stdin, exit=set(case.again))
