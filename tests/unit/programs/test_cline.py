"""What Cline gets: its file, and an entry in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.programs.cline import Cline
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLINE_MCP_SETTINGS_PATH", "CLINE_DATA_DIR", "CLINE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_file_is_the_one_that_its_own_variables_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Cline().mcp_path() == home / ".cline/data/settings/cline_mcp_settings.json"
    monkeypatch.setenv("CLINE_DIR", str(tmp_path / "dir"))
    assert Cline().mcp_path() == tmp_path / "dir/data/settings/cline_mcp_settings.json"
    monkeypatch.setenv("CLINE_DATA_DIR", str(tmp_path / "data"))
    assert Cline().mcp_path() == tmp_path / "data/settings/cline_mcp_settings.json"
    monkeypatch.setenv("CLINE_MCP_SETTINGS_PATH", str(tmp_path / "mine.json"))
    assert Cline().mcp_path() == tmp_path / "mine.json"


def test_an_entry_waits_for_a_call_longer_than_we_do() -> None:
    made = Cline().mcp([bridge()])
    arguments = ["mcp", "serve", "--profile", "default"]
    assert entries(made) == {"litellm": {"type": "stdio", "command": OWN, "args": arguments, "timeout": 150}}
    assert not made.warnings
    assert not Cline.has_project_file


def test_only_references_to_variables_are_skipped() -> None:
    named = [bridge(name, "--server", name) for name in ("$HOME", "${HOME}", "${env:HOME}")]
    assert [*entries(Cline().mcp(named))] == ["$HOME", "${HOME}"]


def test_what_the_user_approved_or_switched_off_stays(home: Path) -> None:
    path = Cline().mcp_path()
    path.parent.mkdir(parents=True)
    own = '{"command": "litellmctl", "args": ["mcp", "serve"], "disabled": true, "autoApprove": ["a"], "timeout": 9}'
    before = f'{{"mcpServers": {{"litellm": {own}}}}}'
    path.write_text(before)
    made = Cline().mcp([bridge()])
    found = entries(made, before)["litellm"]
    assert (found["disabled"], found["autoApprove"], found["timeout"]) == (True, ["a"], 9)
    assert made.warnings == [f'"litellm" is switched off: remove disabled from its entry in {path}']
