"""What Cursor gets: its files, and an entry in them."""

from __future__ import annotations

from pathlib import Path

from litellmctl.programs.cursor import Cursor
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries


def test_the_files_are_those_of_the_user_and_of_a_project(home: Path, tmp_path: Path) -> None:
    assert Cursor().mcp_path() == home / ".cursor/mcp.json"
    assert Cursor().mcp_path(tmp_path) == tmp_path / ".cursor/mcp.json"
    assert Cursor.has_project_file


def test_an_entry_has_its_type_and_the_note_names_it(home: Path) -> None:
    made = Cursor().mcp([bridge("my server", "--server", "my server"), bridge("odd", "--server", "${userHome}")])
    # Cursor ignores a tool if its name and that of the server have 60 characters or more.
    arguments = ["mcp", "serve", "--profile", "default", "--server", "my server", "--name-length", "50"]
    assert entries(made) == {"my server": {"type": "stdio", "command": OWN, "args": arguments}}
    enable = "agent mcp enable 'my server' && agent mcp list-tools 'my server'"
    assert made.notes == [f"{enable}   (or Settings > MCP)"]
    assert made.warnings == ['skipped "odd": Cursor would replace a variable in its command']
