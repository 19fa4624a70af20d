"""A disk that is full: at each amount of space that is left, and with a limit on the size of files."""

from __future__ import annotations

import os

import pytest

from tests.crash.world import CASES, IMAGE, KEY, Case, Disk, Done, Home, State, check_said, state

campaign = pytest.mark.campaign
# More than any of them needs.
_ENOUGH_PAGES = 40
_NORMAL = ("config set", "login", "token, renewed", "export codex --write", "models, first", "mcp call")
TRIED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\nfull disks tried: {sum(TRIED.values())} {TRIED}")


def _meet(home: Home, case: Case, **details: object) -> tuple[Done, State]:
    before = state(home.path)
    done = home.run(*case.words, stdin=case.stdin, exit=None, **details)
    TRIED[case.name] = TRIED.get(case.name, 0) + 1
    check_said(done, codes={1, 2, 5} if 5 in case.again else {1, 2})
    home.check(others=case.name != "logout --all")
    assert home.strays() == []
    if case.is_cache and case.name != "mcp call":
        # Its answer does not need the disk.
        assert done.code in case.again, done.stderr
        assert all(line.startswith("Warning: ") for line in done.stderr.splitlines() if "cache" in line)
    if done.code not in case.again:
        assert str(home.path) in done.stderr, "the error names no file"
        after = state(home.path)
        for tool, names in home.documents.items():
            for name in names:
                assert before.get(name) == after.get(name), f"{name} of {tool} was changed by what failed"
        assert before["config/config.toml"] == after["config/config.toml"]
        saved = [one for name, one in after.items() if name.startswith("files/")]
        assert all(isinstance(one, tuple) and one[0] == IMAGE for one in saved), "half a file is left"
    return done, before


def _afterwards(home: Home, case: Case, done: Done, before: State) -> None:
    """With space again, all goes on."""
    if "config/secrets.json" in before and case.name.startswith(("login", "token")):
        home.run("token")
        assert not [token for token in home.server.refused if done.code]
    assert home.run(*case.words, stdin=case.stdin, exit={*case.again}).code in case.again
    if case.after is not None:
        case.after(home)
    home.check(others=case.name != "logout --all")


def _prepare(home: Home, case: Case) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)


def _fill(home: Home, disk: Disk, case: Case, sizes: list[int]) -> None:
    for pages in sizes:
        disk.empty()
        _prepare(home, case)
        disk.leave(pages)
        try:
            done, before = _meet(home, case)
            disk.empty()
            _afterwards(home, case, done, before)
        except AssertionError as error:
            raise AssertionError(f"with {pages} pages left: {error}") from error
    if sizes[-1] == _ENOUGH_PAGES:
        assert done.code in case.again
        assert "Warning" not in done.stderr


@pytest.mark.parametrize("name", _NORMAL)
def test_a_full_disk_loses_nothing(home_on_disk: Home, disk: Disk, name: str) -> None:
    _fill(home_on_disk, disk, CASES[name], [0, 1, 2, 4])


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_a_disk_with_any_space_left_loses_nothing(home_on_disk: Home, disk: Disk, name: str) -> None:
    _fill(home_on_disk, disk, CASES[name], [*range(14), 20, _ENOUGH_PAGES])


@pytest.mark.parametrize("name", ["config set", "login", "token, renewed", "export codex --write", "mcp call"])
@pytest.mark.parametrize("most", [0, 100])
def test_a_file_that_may_not_grow_loses_nothing(home: Home, name: str, most: int) -> None:
    _limit(home, CASES[name], [most])


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_a_file_of_any_size_that_may_not_grow_loses_nothing(home: Home, name: str) -> None:
    _limit(home, CASES[name], [0, 1, 20, 31, 33, 100, 300, 600, 1000, 2000, 4000, 8000, 20_000, 10**6])


def _limit(home: Home, case: Case, sizes: list[int]) -> None:
    for most in sizes:
        _prepare(home, case)
        try:
            done, before = _meet(home, case, limits={"FSIZE": most})
            _afterwards(home, case, done, before)
        except AssertionError as error:
            raise AssertionError(f"with at most {most} bytes: {error}") from error
    if sizes[-1] >= 10**6:
        assert done.code in case.again


FULL = [
    ("models",),
    ("token",),
    ("whoami",),
    ("config", "list"),
    ("config", "get", "profiles.work.base_url"),
    ("mcp", "list"),
    ("skills", "list"),
    ("prompt-section",),
    ("export", "codex"),
    ("export", "codex", "--diff"),
    ("env",),
    ("api", "/key/info"),
    ("doctor",),
    ("doctor", "--report"),
    ("mcp", "call", "lab_http/add", "a=1", "--jsonl", "-"),
    ("--version",),
    ("--help",),
    ("help",),
    ("completion", "bash"),
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
@pytest.mark.parametrize("words", FULL, ids=" ".join)
def test_a_stdout_that_is_full_is_an_error_of_two_lines(home: Home, words: tuple[str, ...]) -> None:
    done = home.run(*words, stdin='{"a": 1}\n', stdout="/dev/full", exit=1)
    check_said(done, codes={1})
    assert "stdout" in done.stderr or "output" in done.stderr, done.stderr
    home.check()


def test_a_login_whose_words_go_nowhere_is_kept(home: Home) -> None:
    home.run("login", "--with-token", "--base-url", "{url}", stdin=KEY, stdout="/dev/full")
    assert home.run("token").stdout == f"{KEY}\n"
