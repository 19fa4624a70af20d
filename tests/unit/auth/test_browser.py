from __future__ import annotations

import os
import stat
import sys
import threading
import time
import webbrowser
from pathlib import Path

import pytest

from litellmctl.auth import browser

READ = ("SSH_CONNECTION", "SSH_TTY", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "KUBERNETES_SERVICE_HOST")
SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
SCREEN = {"DISPLAY": ":0"}
LINK = "https://llm.example.com/authorize?state=a&code_challenge=b%20c"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Linux machine with nothing set, no container, and nothing kept by the standard library."""
    for name in READ:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(browser, "_CONTAINER_FILES", (str(tmp_path / "container"),))
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    ("variables", "linux", "others"),
    [
        ({}, False, True),
        (SCREEN, True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ({"DISPLAY": ""}, False, True),
        # Over SSH the browser is elsewhere, whatever else is set: X forwarding, one's own browser.
        (SSH, False, False),
        ({"SSH_TTY": "/dev/pts/3"}, False, False),
        ({**SSH, **SCREEN}, False, False),
        ({**SSH, "BROWSER": "firefox"}, False, False),
        ({"SSH_CONNECTION": "", "SSH_TTY": "", **SCREEN}, True, True),
        # One's own browser says that there is one; one that draws into the terminal is none.
        ({"BROWSER": "firefox"}, True, True),
        ({"BROWSER": "/opt/my browser/firefox %s &"}, True, True),
        ({"BROWSER": "/vscode/bin/helpers/browser.sh"}, True, True),
        ({"BROWSER": "w3m"}, False, False),
        ({"BROWSER": "/usr/bin/lynx %s"}, False, False),
        ({"BROWSER": "elinks -no-home", **SCREEN}, False, False),
        ({"BROWSER": "www-browser"}, False, False),
        ({"BROWSER": " "}, False, True),
        ({"BROWSER": "", **SCREEN}, True, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", **SCREEN}, False, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "BROWSER": "firefox"}, True, True),
    ],
)
def test_whether_there_is_a_browser_in_front_of_the_person(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], linux: bool, others: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert browser.is_here() is (linux if platform == "linux" else others)


def test_in_a_container_there_is_none_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "container").touch()
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.is_here() is False
    monkeypatch.setenv("BROWSER", "firefox")
    assert browser.is_here() is True


def test_the_files_by_which_containers_are_known() -> None:
    # As docker and podman make them; the fixture replaces them above.
    assert {"/.dockerenv", "/run/.containerenv"} == set(_CONTAINER_FILES)


_CONTAINER_FILES = browser._CONTAINER_FILES


def named(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "firefox"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(path))


def test_the_link_is_opened_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(tmp_path, f'printf "%s\\n" "$#" "$1" > {tmp_path}/given', monkeypatch)
    assert browser.show(LINK) is True
    assert (tmp_path / "given").read_text() == f"1\n{LINK}\n"


def test_a_browser_that_fails_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(tmp_path, "exit 1", monkeypatch)
    monkeypatch.delenv("TERM", raising=False)  # else the standard library goes on to text browsers
    assert browser.show(LINK) is False


@pytest.mark.parametrize("error", [webbrowser.Error("none"), OSError("none"), ValueError("none")])
def test_no_error_of_a_browser_gets_out(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_link: str) -> bool:
        raise error

    monkeypatch.setattr(webbrowser, "open", fail)
    assert browser.show(LINK) is False


def test_a_browser_that_stays_in_the_foreground_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda _link: closed.wait(20))
    start = time.monotonic()
    assert browser.show(LINK) is True
    assert time.monotonic() - start < 6
    closed.set()


# What it is given


@pytest.mark.parametrize(
    ("name", "script", "reads"),
    [
        ("firefox", "exit", True),
        ("google-chrome", "exit", True),
        ("snap/bin/firefox", "exit", False),
        ("var/lib/flatpak/exports/bin/org.mozilla.firefox", "exit", False),
        ("firefox", "exec /snap/bin/firefox", False),
        ("chromium", "exec /usr/bin/flatpak run org.chromium.Chromium", False),
        ("xdg-open", "exit", False),
        ("wslview", "exit", False),
        ("helpers/browser.sh", "exit", False),
    ],
)
def test_which_browsers_read_our_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, script: str, reads: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    named(path.parent, script, monkeypatch)
    (path.parent / "firefox").rename(path)
    monkeypatch.setenv("BROWSER", str(path))
    assert browser.reads_files() is reads
    for platform in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        assert browser.reads_files() is True


def test_a_link_to_the_program_of_a_sandbox_is_one_of_its_browsers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named(tmp_path, "exit", monkeypatch)
    (tmp_path / "firefox").rename(tmp_path / "snap")
    (tmp_path / "firefox").symlink_to("snap")
    assert browser.reads_files() is False


def test_where_no_browser_is_found_nothing_is_known_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    assert browser.reads_files() is True
    monkeypatch.undo()
    monkeypatch.setattr(webbrowser, "get", lambda: threading.Event().wait(20))
    monkeypatch.setattr(browser, "_PATIENCE_SECONDS", 0.1)
    assert browser.reads_files() is False


def test_the_file_is_for_the_user_alone_and_goes_again(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "sign-in"
    with browser.file_to(LINK) as address:
        (path,) = folder.iterdir()
        assert address == path.as_uri()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "code_challenge" in path.read_text()
        assert "code_challenge" not in address
        with browser.file_to(LINK) as other:
            assert other != address
    assert list(folder.iterdir()) == []
    with browser.file_to(LINK):
        for left in folder.iterdir():
            left.unlink()


def test_what_a_kill_left_goes_with_the_next_file_and_what_others_are_using_stays(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "sign-in"
    folder.mkdir(parents=True)
    for name, age in (("old.html", 3700), ("new.html", 600)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    with browser.file_to(LINK):
        assert len(list(folder.iterdir())) == 2
    assert [left.name for left in folder.iterdir()] == ["new.html"]
