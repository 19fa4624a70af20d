"""What Windsurf gets: its file, and an entry in it."""

from __future__ import annotations

from pathlib import Path

from litellmctl.programs.windsurf import Windsurf
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries


def test_the_file_is_the_editors(home: Path) -> None:
    assert Windsurf().mcp_path() == home / ".codeium/windsurf/mcp_config.json"
    assert not Windsurf.has_project_file


def test_an_entry_is_a_command(home: Path) -> None:
    made = Windsurf().mcp([bridge(), bridge("odd", "--server", "${file:/etc/passwd}")])
    # Windsurf puts mcp0_ before the names of tools, with the number of the server.
    arguments = ["mcp", "serve", "--profile", "default", "--name-length", "58"]
    assert entries(made) == {"litellm": {"command": OWN, "args": arguments}}
    assert made.warnings == ['skipped "odd": Windsurf would replace a variable in its command']


def test_an_entry_that_is_switched_off_is_warned_about(home: Path) -> None:
    path = Windsurf().mcp_path()
    path.parent.mkdir(parents=True)
    path.write_text(
        '{"mcpServers": {"litellm": {"command": "litellmctl", "args": ["mcp", "serve"], "disabled": true}}}'
    )
    assert Windsurf().mcp([bridge()]).warnings == [
        f'"litellm" is switched off: remove disabled from its entry in {path}'
    ]
