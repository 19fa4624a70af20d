"""Scripts that do not run, and what is said of them instead of "No such file or directory"."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.settings.key_command import run_command
from litellmctl.settings.script import fault_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts there have no first line")

FAULTS = {
    "env and CRLF": (b"#!/usr/bin/env sh\r\necho sk-a\r\n", "has Windows line endings", "with Unix line endings (LF)"),
    "sh and CRLF": (b"#!/bin/sh\r\necho sk-a\r\n", "has Windows line endings", "with Unix line endings (LF)"),
    "sh -e and CRLF": (b"#!/bin/sh -e\r\necho sk-a\r\n", "has Windows line endings", "with Unix line endings (LF)"),
    "no interpreter": (b"#!/nowhere/sh\necho sk-a\n", "needs /nowhere/sh, which does not exist", "fix the first line"),
    "an empty one": (b"#!\necho sk-a\n", "names no interpreter", "fix the first line"),
    "no first line": (b"echo sk-a\n", "does not begin with #!", "with #!/bin/sh"),
    "a byte order mark": (b"\xef\xbb\xbf#!/bin/sh\necho sk-a\n", "byte order mark", "without a byte order mark"),
}


def script(folder: Path, content: bytes, mode: int = 0o755) -> Path:
    path = folder / "helper"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_script_is_said(name: str, tmp_path: Path) -> None:
    content, reason, remedy = FAULTS[name]
    path = script(tmp_path, content)
    with pytest.raises(ConfigFailure) as failure:
        run_command(str(path), named="LITELLM_API_KEY_HELPER")
    assert failure.value.message.startswith(f"LITELLM_API_KEY_HELPER cannot be run: {path} ")
    assert reason in failure.value.message
    assert str(path) in str(failure.value.remedy)
    assert remedy in str(failure.value.remedy)


def test_a_script_without_the_permission_is_told_with_the_command_that_gives_it(tmp_path: Path) -> None:
    path = script(tmp_path, b"#!/bin/sh\necho sk-a\n", 0o644)
    with pytest.raises(ConfigFailure) as failure:
        run_command(str(path), named="X")
    assert failure.value.remedy == f"chmod +x {path}"


def test_a_script_on_the_path_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path, b"#!/bin/sh\r\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigFailure, match=str(path)):
        run_command("helper --key", named="X")


def test_a_script_that_runs_has_no_fault(tmp_path: Path) -> None:
    path = script(tmp_path, b"#!/bin/sh\necho sk-a\n")
    assert fault_of(str(path)) is None
    assert run_command(str(path), named="X") == "sk-a"


@pytest.mark.parametrize("code", [1, 126, 127])
def test_a_script_that_fails_by_itself_is_said_to_have_failed(code: int, tmp_path: Path) -> None:
    path = script(tmp_path, f"#!/bin/sh\nexit {code}\n".encode())
    with pytest.raises(ConfigFailure, match=f"failed with exit code {code}"):
        run_command(str(path), named="X")


def test_what_is_no_file_or_no_text_has_no_fault_that_is_seen(tmp_path: Path) -> None:
    assert fault_of(str(tmp_path)) is None
    assert fault_of(str(tmp_path / "nothing")) is None
    assert fault_of("no-such-program-anywhere") is None
    assert fault_of("a\0b/c") is None
    assert fault_of(sys.executable) is None
