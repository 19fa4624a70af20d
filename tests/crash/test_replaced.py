"""Files and folders of ours in whose place is something else: a link, a pipe, a device, a folder, a stranger's file.

It is there before a command begins, it comes at a moment of the command's own, just before a file is opened, listed,
renamed or removed, or it comes and goes all the time.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.test_frame import LEAVES
from tests.crash.intruders import KINDS, PRECIOUS, Intrusion, furnish, intrude, put_back
from tests.crash.world import EVERY, Case, Done, Home, check_said

campaign = pytest.mark.campaign
# Less than any lock is waited for: nothing that is in the place of a file is a reason to wait.
SECONDS = 9.0
CODES = {1, 2, 3, 4, 5}
# Where a link of the user's own is followed, and what it leads to is written: folders, settings and logins.
_FOLLOWED = {"config", "cache", "exports", "sandbox", "serve", "files", "config.toml", "logins.json", "secrets.json"}
_FOLLOWED |= {"local-keys.json"}
# What is ours, and the commands that use it most.
PLACES: dict[str, tuple[str, ...]] = {
    "config": ("token", "config set", "login", "export codex --write"),
    "config/config.toml": ("token --profile work", "config set", "config unset", "login --profile fresh", "doctor"),
    "config/config.toml.lock": ("config set", "login --profile fresh"),
    "config/logins.json": ("token", "login", "logout", "logout --all", "whoami", "token, renewed"),
    "config/logins.json.lock": ("login", "logout", "token, renewed"),
    "config/secrets.json": ("token", "login", "logout", "logout --all", "token, renewed", "env", "doctor"),
    "config/exports": ("export codex --write", "export codex --undo", "export --list", "doctor"),
    "config/exports/codex.lock": ("export codex --write", "export codex --undo"),
    "config/exports/codex.000001.json": ("export codex --undo", "export codex --write", "export --list"),
    "config/local-keys.json": ("serve",),
    "config/local-keys.json.lock": ("serve",),
    "cache": ("models", "refresh", "sandbox status", "prompt-section"),
    "cache/key": ("models", "models --refresh", "refresh"),
    "cache/key.lock": ("models, first", "refresh"),
    "cache/models-*.jsonl": ("models", "models --refresh", "refresh", "export codex"),
    "cache/models.lock": ("models --refresh", "refresh"),
    "cache/tools-*.jsonl": ("mcp list", "mcp list --refresh", "mcp call"),
    "cache/tools.lock": ("mcp list --refresh", "refresh"),
    "cache/skills-*.jsonl": ("skills list", "prompt-section", "skills create"),
    "cache/skills.lock": ("skills list", "prompt-section"),
    "cache/sandbox": ("sandbox status", "sandbox down", "sandbox logs"),
    "cache/sandbox/state.json": ("sandbox status", "sandbox down"),
    "cache/sandbox/state.json.lock": ("sandbox down",),
    "cache/sandbox/proxy.log": ("sandbox logs",),
    "cache/serve": ("serve", "serve --status", "serve --stop"),
    "cache/serve/default.json": ("serve", "serve --status", "serve --stop"),
    "cache/serve/default.json.lock": ("serve",),
    "my-skill": ("skills create",),
    "my-skill/SKILL.md": ("skills create",),
    "files": ("mcp call",),
    "files/01.png": ("mcp call",),
    ".codex/config.toml": ("export codex --write", "export codex --undo", "export codex --diff", "export --list"),
}
TRIED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\nreplaced: {sum(TRIED.values())} {TRIED}")


def test_every_command_is_run_here() -> None:
    starts_litellm = {("sandbox", "run"), ("sandbox", "up")}
    words = [case.words for case in EVERY.values()]
    commands = {id(command): path for path, command in LEAVES.items() if path[0] != "auth"}
    assert [path for path in commands.values() if not any(one[: len(path)] == path for one in words)] == sorted(
        starts_litellm
    )


def _outside(home: Home) -> dict[str, tuple[bytes, int, int]]:
    """Return the files outside that no program of ours has any business with, and what they are."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_uid)
        for path in home.outside.rglob("*")
        if path.is_file()
    }


def _where(home: Home, place: str) -> Path:
    """Return the place in the home; its folder is there."""
    (path,) = list(home.path.glob(place)) or [home.path / place]
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return path


def _prepared(home: Home, case: Case) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)
    furnish(str(home.outside))


def _meet(home: Home, name: str, case: Case, kind: str, done: Done, intrusion: Intrusion, before: object) -> None:
    """Say what is true after a command whose file was replaced, whichever and by what."""
    TRIED[name] = TRIED.get(name, 0) + 1
    assert done.signal == 0, "it hangs, or died"
    check_said(done, codes=CODES)
    assert done.seconds < SECONDS, f"it took {done.seconds:.1f} s"
    home.check_private(but=intrusion.path if intrusion.is_there else None)
    made = {path: one for path, one in _outside(home).items() if path not in before}
    assert {path: one for path, one in _outside(home).items() if path not in made} == before, "a victim was changed"
    is_followed = kind.startswith("a link to") and (
        os.path.basename(intrusion.path) in _FOLLOWED or intrusion.was_folder
    )
    assert not made or is_followed, f"outside was made: {sorted(made)}"
    for path in made:
        os.unlink(path)
    if kind == "a full folder" and intrusion.is_there:
        assert Path(intrusion.path, "precious").read_bytes() == PRECIOUS
    _goes_on(home, name, case, intrusion, was_elsewhere=is_followed and kind == "a link to nothing")


def _goes_on(home: Home, name: str, case: Case, intrusion: Intrusion, *, was_elsewhere: bool) -> None:
    """Once it is put right all is as if nothing had been: nobody is signed out, and the same command works.

    `was_elsewhere`: the user's own link led to a new file, which was written, and is not there any more.
    """
    put_back(intrusion)
    if name != "logout --all":
        home.check()
    # As with a kill: the proxy has taken the old refresh token, and the new one had nowhere to go.
    is_lost = name == "token, renewed" and home.secrets()["0" * 16]["refresh_token"] in home.server.rotated
    if not was_elsewhere:
        home.check_secrets_are_known()
        if not name.startswith("logout"):
            home.run("token", exit=4 if is_lost else 0)
    again = home.run(*case.words, stdin=case.stdin, exit=None)
    assert again.code in {*case.again, 0, 5} or is_lost, again.stderr


def _before(home: Home, place: str, kind: str, name: str) -> None:
    case = EVERY[name]
    _prepared(home, case)
    before = _outside(home)
    path = _where(home, place)
    intrusion = intrude(kind, str(path), str(home.outside))
    try:
        done = home.run(*case.words, stdin=case.stdin, exit=None)
        # A second name is one of ours as any other; what is noted of a sandbox goes when that does, whatever it is.
        assert intrusion.is_there or kind == "a second name" or place.endswith("state.json"), (
            "it was replaced or changed"
        )
        _meet(home, name, case, kind, done, intrusion, before)
    except AssertionError as error:
        raise AssertionError(f"{name}, where {place} is {kind}: {error}") from error


def _moments(home: Home, case: Case) -> list[str]:
    _prepared(home, case)
    return home.run(*case.words, stdin=case.stdin, at=0, swap="a pipe", exit=set(case.again)).moments


def _during(home: Home, name: str, at: int, kind: str) -> None:
    """Put the intruder in the place of what the command is about to use, at that moment."""
    case = EVERY[name]
    _prepared(home, case)
    before = _outside(home)
    done = home.run(*case.words, stdin=case.stdin, at=at, swap=kind, exit=None)
    intrusion = Intrusion(*done.replaced) if done.replaced else Intrusion("", None, None)
    moment = done.moments[at - 1] if len(done.moments) >= at else "the end"
    try:
        _meet(home, name, case, kind, done, intrusion, before)
    except AssertionError as error:
        raise AssertionError(f"{name}, where {kind} comes before {moment}: {error}") from error


# The kinds that come in turn, so that each place meets some and each kind is met somewhere.
_TURN = 5


@pytest.mark.parametrize("place", PLACES)
def test_what_is_there_before_a_command_begins_is_refused_at_once_and_left_as_it_is(home: Home, place: str) -> None:
    first = list(PLACES).index(place)
    for number in range(_TURN):
        kind = KINDS[(first * _TURN + number * 7) % len(KINDS)]
        _before(home, place, kind, PLACES[place][number % len(PLACES[place])])


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("place", PLACES)
def test_anything_is_met_in_any_place_by_what_uses_it_and_something_by_any_command(home: Home, place: str) -> None:
    for kind in KINDS:
        for name in PLACES[place]:
            _before(home, place, kind, name)
    for number, name in enumerate(EVERY):
        _before(home, place, KINDS[(number + len(place)) % len(KINDS)], name)


# Of how many moments the normal run tries each with one kind.
_SOME = {"config set": 7, "login": 8, "logout": 6, "token, renewed": 8, "export codex --write": 8, "mcp call": 5}


@pytest.mark.parametrize("name", _SOME)
def test_what_comes_while_a_command_uses_its_files_is_neither_waited_for_nor_changed(home: Home, name: str) -> None:
    moments, chance = _moments(home, EVERY[name]), random.Random(name)
    for number, at in enumerate(chance.sample(range(1, len(moments) + 1), _SOME[name])):
        _during(home, name, at, KINDS[(number * 5 + len(name)) % len(KINDS)])


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", EVERY)
def test_anything_that_comes_at_any_moment_is_neither_waited_for_nor_changed(home: Home, name: str) -> None:
    for at in range(1, len(_moments(home, EVERY[name])) + 1):
        for kind in KINDS if name in _SOME else KINDS[at % 6 :: 6]:
            _during(home, name, at, kind)


# A process that swaps: the file is what it was and something else by turns, some thousand times a second.
SWAPPER = """
import os, sys
from tests.crash.intruders import intrude
path, outside, *kinds = sys.argv[1:]
data = open(path, "rb").read()
print("swapping", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    for kind in kinds:
        made = intrude(kind, path, outside)
        if made.kept:
            os.unlink(made.kept)
        with open(path + ".new", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
        os.replace(path + ".new", path)
"""
# Each can be replaced by a file in one step. A user's own link is not among them: that is followed.
_SWAPPED = [kind for kind in KINDS if "folder" not in kind and kind not in {"a link to a file", "a link to nothing"}]


@contextmanager
def _swapping(home: Home, place: str, kinds: list[str]) -> Iterator[None]:
    path = _where(home, place)
    if not path.exists():
        path.touch(0o600)
    words = [sys.executable, "-c", SWAPPER, str(path), str(home.outside), *kinds]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"swapping\n"
        yield
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def _swap(home: Home, place: str, kinds: list[str], runs: int) -> None:
    for name in PLACES[place]:
        case = EVERY[name]
        _prepared(home, case)
        before = _outside(home)
        with _swapping(home, place, kinds):
            for done in home.nursery.batch([home.job(*case.words, stdin=case.stdin)] * runs):
                TRIED[f"{name} (swapped)"] = TRIED.get(f"{name} (swapped)", 0) + 1
                assert done.signal == 0, f"{name}: it hangs, or died"
                check_said(done, codes=CODES)
                # Where each try meets another file, a lock is waited for as long as locks are.
                assert done.seconds < 2 * SECONDS, f"{name} took {done.seconds:.1f} s"
        assert _outside(home) == before
        home.check_private()


@pytest.mark.parametrize("place", ["config/secrets.json", "config/config.toml.lock", "cache/key"])
def test_a_file_that_is_swapped_all_the_time(home: Home, place: str) -> None:
    chance = random.Random(place)
    _swap(home, place, chance.sample(_SWAPPED, 3), 2)


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("place", [place for place in PLACES if "." in place or place.endswith("key")])
def test_any_file_that_is_swapped_all_the_time(home: Home, place: str) -> None:
    for kind in _SWAPPED:
        _swap(home, place, [kind], 3)
