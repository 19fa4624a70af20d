from __future__ import annotations

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
