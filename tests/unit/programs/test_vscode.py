"""What VS Code gets: its files on each system, and an entry in them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from litellmctl.programs.vscode import VsCode
from tests.unit.programs.test_mcp_entries import OWN, bridge, written


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VSCODE_PORTABLE", "VSCODE_APPDATA", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".config/Code/User"),
        ("darwin", "Library/Application Support/Code/User"),
        ("win32", "AppData/Roaming/Code/User"),
    ],
)
def test_the_users_file_is_where_its_system_has_it(
    platform: str, folder: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("USERPROFILE", str(home))
    assert VsCode().mcp_path() == home / folder / "mcp.json"


def test_the_users_file_is_the_one_that_variables_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert VsCode().mcp_path() == tmp_path / "xdg/Code/User/mcp.json"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    assert VsCode().mcp_path() == tmp_path / "roaming/Code/User/mcp.json"
    monkeypatch.setenv("VSCODE_APPDATA", str(tmp_path / "data"))
    assert VsCode().mcp_path() == tmp_path / "data/Code/User/mcp.json"
    monkeypatch.setenv("VSCODE_PORTABLE", str(tmp_path / "portable"))
    assert VsCode().mcp_path() == tmp_path / "portable/user-data/User/mcp.json"


def test_insiders_has_the_file_if_it_is_the_only_one(home: Path) -> None:
    (home / ".config/Code - Insiders").mkdir(parents=True)
    assert VsCode().mcp_path() == home / ".config/Code - Insiders/User/mcp.json"
    (home / ".config/Code").mkdir()
    assert VsCode().mcp_path() == home / ".config/Code/User/mcp.json"


def test_a_projects_file_is_in_its_folder_of_settings(tmp_path: Path) -> None:
    assert VsCode().mcp_path(tmp_path) == tmp_path / ".vscode/mcp.json"
    assert VsCode.has_project_file


def test_an_entry_is_among_the_servers_and_inputs_stay(home: Path) -> None:
    before = '{\n  // mine\n  "inputs": [{"id": "key"}],\n  "servers": {"x": {"command": "x"}}\n}\n'
    made = VsCode().mcp([bridge(), bridge("odd", "--server", "${workspaceFolder}")])
    after = written(made, before)
    # At most mcp_, 13 characters, a number of two digits and _ stand before the names of tools.
    arguments = ["mcp", "serve", "--profile", "default", "--name-length", "44"]
    assert "// mine" in after
    assert json.loads(after.replace("// mine", "")) == {
        "inputs": [{"id": "key"}],
        "servers": {
            "x": {"command": "x"},
            "litellm": {"type": "stdio", "command": OWN, "args": arguments},
        },
    }
    assert made.warnings == ['skipped "odd": VS Code would replace a variable in its command']
    assert made.notes[0].startswith("MCP: List Servers ")


@pytest.mark.parametrize("access", ["none", "registry"])
def test_what_hides_an_entry_is_warned_about(access: str, home: Path, tmp_path: Path) -> None:
    assert VsCode().mcp([bridge()]).warnings == []
    (home / ".vscode-server").mkdir()
    (remote,) = VsCode().mcp([bridge()]).warnings
    assert "pass --project" in remote
    user = home / ".config/Code/User"
    (user / "profiles").mkdir(parents=True)
    (user / "settings.json").write_text(f'{{"chat.mcp.access": "{access}", /* x */}}')
    policy, profiles = VsCode().mcp([bridge()]).warnings
    assert f"chat.mcp.access is {access}" in policy
    assert "MCP: Open User Configuration" in profiles
    assert VsCode().mcp([bridge()], tmp_path).warnings == [policy]
