"""Files of ours that somebody else made, or replaced by what is no file: refused at once, named, and left as they are."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row
from tests.logins import Files

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="links, pipes and owners of POSIX"), pytest.mark.timeout(60)]

SECONDS = 20.0  # more than any of these takes on a busy machine, and less than a lock is waited for
STRANGER = 12345
KEY = "sk-test-0123456789abcdef"


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def _of_a_stranger(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)


def _link_of_a_stranger(path: Path) -> None:
    path.symlink_to(path.with_name("precious"))
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def _link_to_a_strangers(path: Path) -> None:
    _of_a_stranger(path.with_name("theirs"))
    path.symlink_to("theirs")


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "is not a file, but a named pipe"),
    "a socket": (_socket, "is not a file, but a socket"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is not a file, but a device"),
    "a stranger's": (_of_a_stranger, f"belongs to uid {STRANGER}, not to you"),
    "a stranger's link": (_link_of_a_stranger, f"is a symbolic link that belongs to uid {STRANGER}, not to you"),
    "a link to a stranger's": (_link_to_a_strangers, f"belongs to uid {STRANGER}, not to you"),
}
each_spoiled = pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                "stranger" in name and getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away"
            ),
        )
        for name in SPOILED
    ],
)


class Place(NamedTuple):
    """A file of ours below the home, the commands that read or write it, and the exit code of what is refused."""

    name: str
    commands: list[list[str]]
    exit: int


PLACES = [
    Place("config.toml", [["token"], ["config", "list"], ["config", "set", "profiles.new.mcp", "false"]], 2),
    Place("config.toml.lock", [["config", "set", "profiles.new.mcp", "false"]], 2),
    Place("logins.json", [["token"], ["logout"], ["config", "list", "--profiles"]], 2),
    Place("logins.json.lock", [["logout"]], 1),
    Place("secrets.json", [["token"], ["logout"]], 1),
]


def _tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = ((path.name, os.lstat(path)) for path in folder.iterdir() if path.suffix != ".lock")
    return {name: (status.st_mode, status.st_uid, status.st_ino) for name, status in found}


@each_spoiled
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_file_of_ours_that_is_not_ours(
    run_process: Run, home: Path, files: Files, env: dict[str, str], place: Place, spoiled: str
) -> None:
    env["LITELLMCTL_KEYRING"] = "off"
    files.keep("http://127.0.0.1:9", left=10_000)
    path = home / "config" / place.name
    path.with_name("precious").write_text("precious")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    spoil, words = SPOILED[spoiled]
    if (path.suffix == ".lock" and "link" in spoiled) or (spoiled == "a device" and path.suffix == ".lock"):
        words = "is a symbolic link, which is not followed here"
    spoil(path)
    before = _tree(path.parent)
    for command in place.commands:
        error = run_process(*command, "--json", exit=place.exit, timeout=SECONDS).error
        assert words in error["message"]
        named = path.with_name("theirs") if spoiled == "a link to a stranger's" and path.suffix != ".lock" else path
        assert str(named) in error["message"]
        assert error["remedy"].startswith(f"move {path} away")
        assert ("chown 0 " in error["remedy"]) is ("belongs to uid" in words and "link that" not in words)
    assert _tree(path.parent) == before
    assert path.with_name("precious").read_text() == "precious"


@each_spoiled
@pytest.mark.parametrize("name", ["secrets.json", "logins.json", "logins.json.lock"])
def test_a_login_is_not_stored_there(
    run_process: Run, proxy: FakeProxy, home: Path, env: dict[str, str], name: str, spoiled: str
) -> None:
    env["LITELLMCTL_KEYRING"] = "off"
    (home / "config").mkdir(mode=0o700)
    path = home / "config" / name
    SPOILED[spoiled][0](path)
    before = os.lstat(path)
    words = ["login", "--base-url", proxy.url, "--with-token", "--storage", "file", "--json"]
    error = run_process(
        *words, exit=2 if name == "logins.json" else 1, stdin=f"{KEY}\n", timeout=SECONDS, LITELLM_API_KEY=None
    ).error
    assert str(path) in error["message"] + error["remedy"]
    assert os.path.samestat(os.lstat(path), before)
    assert not any(KEY.encode() in one.read_bytes() for one in path.parent.iterdir() if one.is_file())
    assert proxy.requests == []


@each_spoiled
@pytest.mark.parametrize("name", ["key", "key.lock", "models.lock"])
def test_a_cache_that_is_not_ours_is_no_cache_and_said(
    run_process: Run, proxy: FakeProxy, home: Path, env: dict[str, str], name: str, spoiled: str
) -> None:
    (home / "cache").mkdir(mode=0o700)
    path = home / "cache" / name
    SPOILED[spoiled][0](path)
    before = os.lstat(path)
    proxy.on("/model/info", {"data": [row("gpt")]}, times=2)
    proxy.on("/mcp-rest/tools/list", times=None, status=404, body={"detail": "Not Found"})
    for _ in range(2):
        result = run_process("models", timeout=SECONDS, CI="1")
        assert result.startswith("gpt")
        assert f"cannot cache the list: {path} " in result.stderr
        assert f"; move {path} away" in result.stderr
    assert os.path.samestat(os.lstat(path), before)


@each_spoiled
def test_a_receipt_that_is_not_ours(run_process: Run, home: Path, spoiled: str) -> None:
    folder = home / "config" / "exports"
    folder.mkdir(parents=True, mode=0o700)
    receipt = folder / "opencode.000001.json"
    SPOILED[spoiled][0](receipt)
    error = run_process("export", "opencode", "--undo", "--json", exit=1, timeout=SECONDS).error
    assert error["message"].startswith(f"cannot read {receipt}: it ")
    assert error["remedy"].startswith(f"move {receipt} away")


def test_ones_own_link_is_followed_and_its_target_replaced(run_process: Run, home: Path) -> None:
    dotfiles = home / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "litellmctl.toml").write_text("# mine\n")
    (home / "config").mkdir(mode=0o700)
    (home / "config" / "config.toml").symlink_to("../dotfiles/litellmctl.toml")
    run_process("config", "set", "profiles.default.mcp", "false")
    assert (home / "config" / "config.toml").is_symlink()
    assert (dotfiles / "litellmctl.toml").read_text() == "# mine\n\n[profiles.default]\nmcp = false\n"
    assert run_process("config", "get", "mcp") == "false\n"
