"""A home that cannot be written, is not there, or is something else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.world import KEY, Disk, Home, Server, check_said, state

# What only reads works; what the exit codes are of what has to write.
READS: list[tuple[str, ...]] = [
    ("token",),
    ("models",),
    ("models", "--refresh"),
    ("mcp", "list", "--refresh"),
    ("skills", "list"),
    ("prompt-section",),
    ("whoami",),
    ("env",),
    ("config", "list"),
    ("config", "path"),
    ("export", "codex"),
    ("export", "codex", "--diff"),
    ("export", "--list"),
    ("sandbox", "status"),
    ("api", "/key/info"),
    ("refresh",),
    ("help",),
]
WRITES: list[tuple[str, ...]] = [
    ("config", "set", "profiles.work.mcp", "false"),
    ("config", "unset", "default_profile"),
    ("login", "--with-token", "--base-url", "{url}"),
    ("login", "--with-token", "--profile", "fresh", "--base-url", "{url}"),
    ("logout",),
    ("logout", "--all"),
    ("export", "codex", "--write"),
    ("export", "codex", "--undo"),
    ("mcp", "call", "lab_http/add", "a=1", "--output-dir", "{home}/files"),
]


def _cannot_write(home: Home, **details: Any) -> None:
    before = state(home.path)
    for words in READS:
        done = home.run(*words, exit={0, 1} if words[0] in {"whoami", "sandbox"} else 0, **details)
        check_said(done, codes={1})
    check_said(home.run("doctor", exit=None, **details), codes={1, 2, 3, 4, 5})
    for words in WRITES:
        done = home.run(*words, stdin=KEY, exit={1, 2}, **details)
        check_said(done, codes={1, 2})
        assert str(home.path) in done.stderr
    assert state(home.path) == before


def test_a_home_on_a_read_only_disk_is_read_and_nothing_else(home_on_disk: Home, disk: Disk) -> None:
    disk.remount("ro")
    _cannot_write(home_on_disk)
    disk.remount("rw")
    home_on_disk.run("config", "set", "profiles.work.mcp", "false")


def test_a_token_that_ended_is_not_renewed_where_the_new_one_cannot_be_kept(home_on_disk: Home, disk: Disk) -> None:
    home = home_on_disk
    refresh = home.sign_in(left=-1)
    disk.remount("ro")
    done = home.run("token", exit=1)
    check_said(done, codes={1})
    assert str(home.config) in done.stderr
    assert refresh not in home.server.rotated
    disk.remount("rw")
    home.run("token")


def test_a_token_that_is_about_to_end_serves_where_the_new_one_cannot_be_kept(home_on_disk: Home, disk: Disk) -> None:
    home = home_on_disk
    refresh = home.sign_in(left=100)
    disk.remount("ro")
    done = home.run("token")
    assert done.stdout.startswith("litellm_login_first")
    assert "Warning: cannot refresh the token, which has not expired yet" in done.stderr
    assert refresh not in home.server.rotated


as_others = pytest.mark.skipif(sys.platform != "linux", reason="root gives up its rights by a call of Linux")


@as_others
def test_folders_without_the_right_to_write_are_read_and_nothing_else(home: Home) -> None:
    folders = [path for path in (home.path, *home.path.rglob("*")) if path.is_dir()]
    for path in folders:
        path.chmod(0o500)
    for path in home.path.rglob("*"):
        if path.is_file():
            path.chmod(0o400)
    _cannot_write(home, as_others=True)


@as_others
def test_folders_that_may_not_be_entered(home: Home) -> None:
    home.config.chmod(0)
    for words in (*READS, *WRITES):
        if words not in {("help",), ("config", "path")}:
            done = home.run(*words, stdin=KEY, exit=None, as_others=True)
            check_said(done, codes={1, 2})
            if done.code:
                assert str(home.path) in done.stderr
    home.config.chmod(0o700)
    home.cache.chmod(0)
    for words in READS:
        check_said(home.run(*words, exit={0, 1} if words[0] in {"whoami", "sandbox"} else 0, as_others=True), codes={1})
    deeper = {"LITELLMCTL_CACHE_DIR": str(home.cache / "deeper")}
    assert "is a bug" not in home.run("doctor", exit=None, as_others=True, env=deeper).stdout
    home.run("config", "set", "profiles.work.mcp", "false", as_others=True)
    home.cache.chmod(0o700)
    home.check()


def _file(path: Path) -> None:
    path.write_text("no folder")


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nothing" / "there")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _absent(path: Path) -> None:
    pass


INSTEAD = [_file, _dangling, _loop, _absent]
# Who has nothing stored uses variables, which work wherever the home is.
WITH_VARIABLES: list[tuple[str, ...]] = [
    words for words in READS if words not in {("export", "codex", "--diff"), ("export", "--list")}
]


def _variables(server: Server) -> dict[str, str]:
    return {"LITELLM_BASE_URL": server.url, "LITELLM_API_KEY": KEY}


@pytest.mark.parametrize("instead", INSTEAD)
def test_a_cache_folder_that_is_none_costs_a_warning_at_most(home: Home, instead: Callable[[Path], None]) -> None:
    shutil.rmtree(home.cache)
    instead(home.cache)
    for words in READS:
        done = home.run(*words, exit={0, 1} if words[0] in {"whoami", "sandbox"} else 0)
        check_said(done, codes={1})
    if instead is not _absent:
        home.cache.unlink()  # its mode is not ours
    home.check()


@pytest.mark.parametrize("instead", INSTEAD)
def test_a_config_folder_that_is_none(home: Home, server: Server, instead: Callable[[Path], None]) -> None:
    shutil.rmtree(home.config)
    instead(home.config)
    for words in WITH_VARIABLES:
        done = home.run(*words, exit=None, env=_variables(server))
        # A loop may hide a config file; what is not there does not.
        check_said(done, codes={1, 2} if instead is _loop else {1} if words[0] in {"whoami", "sandbox"} else set())
    for words in WRITES:
        done = home.run(*words, stdin=KEY, exit=None, env=_variables(server))
        check_said(done, codes={1, 2, 5})
        if instead is _file:
            assert home.config.read_text() == "no folder"


@pytest.mark.parametrize("instead", [_file, _dangling, _loop, _absent])
def test_a_home_that_is_none(home: Home, server: Server, tmp_path: Path, instead: Callable[[Path], None]) -> None:
    elsewhere = tmp_path / "no-home"
    instead(elsewhere)
    env: dict[str, Any] = {"HOME": str(elsewhere), "LITELLMCTL_CONFIG_DIR": None, "LITELLMCTL_CACHE_DIR": None}
    for words in WITH_VARIABLES:
        done = home.run(*words, exit=None, env={**env, **_variables(server)})
        check_said(done, codes={1, 2} if instead is _loop else {1} if words[0] in {"whoami", "sandbox"} else set())
    for words in WRITES:
        check_said(home.run(*words, stdin=KEY, exit=None, env={**env, **_variables(server)}), codes={1, 2, 5})


def test_without_home_the_user_database_tells(home: Home, server: Server) -> None:
    env = {"HOME": None, "LITELLMCTL_CONFIG_DIR": None, "LITELLMCTL_CACHE_DIR": None, "XDG_CONFIG_HOME": str(home.path)}
    env |= {"XDG_CACHE_HOME": str(home.path / ".cache"), **_variables(server)}
    for words in WITH_VARIABLES:
        check_said(home.run(*words, exit=None, env=env), codes={1} if words[0] in {"whoami", "sandbox"} else set())
