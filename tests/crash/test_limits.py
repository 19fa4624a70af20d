"""A system that gives no thread, no descriptor, no memory, no room in a file or no more time: said, and nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.crash.world import EVERY, Case, Done, Home, check_said

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold these limits")
campaign = pytest.mark.campaign
MIB = 2**20
# What there may be of each, from nothing to enough. Memory counts from what the interpreter has, with all modules.
SIZES: dict[str, Sequence[float]] = {
    "NOFILE": range(3, 41),
    "NPROC": range(1, 9),
    "AS": [0, 2**16, 2**18, 2**19, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 6 * MIB, 8 * MIB, 9 * MIB, 10 * MIB, 12 * MIB]
    + [size * MIB for size in (16, 20, 24, 28, 32, 40, 48, 64)],
    "DATA": [0, 2**16, 2**18, 2**19, MIB, 2 * MIB, 4 * MIB, 8 * MIB, 9 * MIB, 16 * MIB, 24 * MIB, 32 * MIB],
    "FSIZE": [0, 1, 40, 500, 4000],
    "CPU": [0.0, 0.01],
}
TRIED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\nlimits: {sum(TRIED.values())} {TRIED}")


def _prepared(home: Home, case: Case) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)


def _meet(home: Home, name: str, limit: str, size: float) -> None:
    case = EVERY[name]
    _prepared(home, case)
    TRIED[limit] = TRIED.get(limit, 0) + 1
    done = home.run(*case.words, stdin=case.stdin, limits={limit: size}, exit=None)
    try:
        _ends_well(home, name, case, limit, done)
    except AssertionError as error:
        raise AssertionError(f"{name}, with {limit} {size}: {error}") from error


def _ends_well(home: Home, name: str, case: Case, limit: str, done: Done) -> None:
    if limit == "CPU":
        assert done.signal in {0, signal.SIGXCPU}, f"signal {done.signal}"
    else:
        assert done.signal == 0, f"signal {done.signal}: it hangs, or died"
        assert done.seconds < 30, f"it took {done.seconds:.1f} s"
    if not done.killed:
        check_said(done, codes={1, 2, 3, 4, 5})
    home.check(others=name != "logout --all")
    home.check_private()
    home.check_secrets_are_known()
    is_lost = name == "token, renewed" and home.secrets()["0" * 16]["refresh_token"] in home.server.rotated
    if not name.startswith("logout"):
        home.run("token", exit=4 if is_lost else 0)
    home.run(*case.words, stdin=case.stdin, exit={*case.again} if not is_lost else {4})


def _all(limit: str) -> list[tuple[str, float]]:
    return [(name, size) for name in EVERY for size in SIZES[limit]]


# What is never in a sample by chance: renewals, and what only just has enough.
_ALWAYS = [
    *(("token, renewed", "NOFILE", size) for size in range(4, 13, 2)),
    *(("login", "NOFILE", size) for size in range(4, 13, 2)),
    *(("models --refresh", "NPROC", size) for size in (1, 2)),
    *(("doctor", "NPROC", size) for size in (1, 2, 4)),
    *(("skills show greet", "DATA", size) for size in (7.9 * MIB, 8 * MIB, 8.1 * MIB)),
    *(("token, renewed", "AS", size) for size in (2**18, 4 * MIB, 16 * MIB)),
    ("token, renewed", "CPU", 0.01),
]


@pytest.mark.parametrize("limit", SIZES)
def test_what_a_system_does_not_give_is_said_and_nothing_is_lost(home: Home, limit: str) -> None:
    _skip_if_impossible(limit)
    chance = random.Random(limit)
    for name, size in chance.sample(_all(limit), 1 if limit == "CPU" else 12):
        _meet(home, name, limit, size)
    for name, always, size in _ALWAYS:
        if always == limit:
            _meet(home, name, limit, size)


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("limit", SIZES)
@pytest.mark.parametrize("part", range(8))
def test_however_little_a_system_gives_it_is_said_and_nothing_is_lost(home: Home, limit: str, part: int) -> None:
    _skip_if_impossible(limit)
    for name, size in _all(limit)[part::8]:
        _meet(home, name, limit, size)


def _skip_if_impossible(limit: str) -> None:
    if limit == "NPROC" and os.geteuid() != 0:
        pytest.skip("only root becomes another user, who has no process yet")


# --- and what an interpreter needs that was really started, and imports as it goes ---

_STARTED = "import resource, sys; from litellmctl.__main__ import main; resource.setrlimit({limit}); sys.exit(main())"


def _really(home: Home, name: str, limit: str) -> None:
    case = EVERY[name]
    _prepared(home, case)
    TRIED["really"] = TRIED.get("really", 0) + 1
    words = [word.format(url=home.server.url, home=home.path) for word in case.words]
    done = subprocess.run(
        [sys.executable, "-c", _STARTED.format(limit=limit), *words],
        env={**home.env, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=home.path,
        input=case.stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    try:
        for sign in ("Traceback", "Exception ignored", "this is a bug", "Fatal Python"):
            assert sign not in done.stderr
        check_said(Done(done.returncode, 0, done.stdout, done.stderr, 0), codes={1, 2, 3, 4, 5})
        home.check()
        home.check_secrets_are_known()
    except AssertionError as error:
        raise AssertionError(f"{name}, with {limit}: {error}\n{done.stderr}") from error


_NAMES = [
    "token",
    "models --refresh",
    "config set",
    "login",
    "token, renewed",
    "doctor",
    "mcp call",
    "export codex --write",
]


@pytest.mark.parametrize("name", _NAMES[:4])
def test_an_interpreter_that_may_open_no_more_files(home: Home, name: str) -> None:
    for number in (3, 4, 5, 6, 8, 11):
        _really(home, name, f"resource.RLIMIT_NOFILE, ({number},) * 2")


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", _NAMES)
def test_an_interpreter_that_may_open_any_number_of_files(home: Home, name: str) -> None:
    for number in range(3, 41):
        _really(home, name, f"resource.RLIMIT_NOFILE, ({number},) * 2")


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("kind", ["AS", "DATA"])
def test_an_interpreter_that_gets_any_amount_of_memory(home: Home, name: str, kind: str) -> None:
    for mebibytes in range(10, 130, 3):
        _really(home, name, f"resource.RLIMIT_{kind}, ({mebibytes << 20},) * 2")
