"""What Claude Desktop gets: its file on each system, and an entry in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from litellmctl.programs.claude_desktop import ClaudeDesktop
from tests.unit.programs.bridges import ELSEWHERE, ONE, called, text, written

PACKAGE = Path("Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude")
FILE = "claude_desktop_config.json"


def test_the_file_is_where_the_system_has_those_of_programs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert ClaudeDesktop().mcp_path() == home / ".config/Claude" / FILE
    monkeypatch.setattr(sys, "platform", "darwin")
    assert ClaudeDesktop().mcp_path() == home / "Library/Application Support/Claude" / FILE
    assert ClaudeDesktop().folder() == home / "Library/Application Support/Claude"


def test_on_windows_the_file_is_that_of_the_package_if_there_is_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("APPDATA", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert ClaudeDesktop().mcp_path() == home / "AppData/Roaming/Claude" / FILE
    monkeypatch.setenv("APPDATA", str(home / "roaming"))
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert ClaudeDesktop().mcp_path() == home / "roaming/Claude" / FILE
    # The backslashes are those of Windows: here they are one name.
    from litellmctl.programs import claude_desktop

    monkeypatch.setattr(claude_desktop, "_PACKAGE", str(PACKAGE))
    (home / "local" / PACKAGE).mkdir(parents=True)
    assert ClaudeDesktop().mcp_path() == home / "local" / PACKAGE / FILE


def test_an_entry_is_a_command_and_nothing_in_it_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    host = ClaudeDesktop()
    made = written(host, called("--server", "${HOME}"))
    entry = {"command": ONE.command[0], "args": [*ONE.command[1:], "--server", "${HOME}"]}
    assert json.loads(text(host)) == {"mcpServers": {"litellm": entry}}
    assert made.notes == ["quit Claude Desktop, start it again, and see Settings > Developer"]
    assert not made.warnings


def test_it_gets_what_leads_to_our_files_and_to_the_keyring(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = ClaudeDesktop()
    for address, passed in [("unix:path=/run/user/1000/bus", True), ("unix:abstract=/tmp/dbus-x,guid=1", False)]:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        written(host, ELSEWHERE)
        env = json.loads(text(host))["mcpServers"]["litellm"]["env"]
        bus = {"DBUS_SESSION_BUS_ADDRESS": address} if passed else {}
        assert env == {**ELSEWHERE.variables, **bus}
