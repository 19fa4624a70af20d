"""MCP servers in Zed's settings: the user's and those of a project, and what else there hides them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.foundation.text import dump_json
from litellmctl.programs import jsonc
from litellmctl.programs.zed import Zed
from litellmctl.tools.tool import CALL_SECONDS
from tests.unit.programs.bridges import ELSEWHERE, ONE, PER_SERVER, VARIABLES, called, text, written

SERVER = {"command": "/opt/my tools/litellmctl", "args": ["mcp", "serve", "--profile", "work"], "timeout": 150}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    path = Zed().path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def servers(project: Path | None = None) -> dict[str, Any]:
    found = jsonc.value(text(Zed(), project))["context_servers"]
    assert isinstance(found, dict)
    return found


def test_an_entry_waits_longer_than_we_do(settings: Path) -> None:
    made = written(Zed(), ONE)
    assert Zed().mcp_path() == settings
    assert servers() == {"litellm": SERVER}
    assert SERVER["timeout"] > CALL_SECONDS  # type: ignore[operator]
    assert (made.notes, made.warnings) == (["zed, and see Settings, AI, MCP Servers"], [])
    written(Zed(), ELSEWHERE)
    assert servers() == {"litellm": {**SERVER, "env": VARIABLES}}


def test_other_settings_comments_and_what_a_user_changed_in_ours_are_kept(settings: Path) -> None:
    settings.write_text(
        """// Mine
{
  "theme": "One Dark", // dark
  "context_servers": {
    "own": {"command": "npx", "args": ["x"]},
    "extension": {"settings": {}},
    "litellm": {"command": "litellmctl", "args": ["mcp", "serve"], "enabled": false, "timeout": 9},
    "old": {"source": "custom", "command": {"path": "/old/litellmctl", "args": ["mcp", "serve"]}},
  },
}
"""
    )
    made = written(Zed(), ONE)
    assert servers() == {
        "own": {"command": "npx", "args": ["x"]},
        "extension": {"settings": {}},
        "litellm": {**SERVER, "enabled": False, "timeout": 9},
    }
    assert text(Zed()).startswith('// Mine\n{\n  "theme": "One Dark", // dark\n')
    assert made.warnings == [f'"litellm" is switched off: remove enabled from its entry in {settings}']


def test_the_settings_of_a_project_count_once_it_is_trusted(tmp_path: Path) -> None:
    assert Zed().mcp_path(tmp_path) == tmp_path / ".zed/settings.json"
    made = written(Zed(), *PER_SERVER, project=tmp_path)
    assert [*servers(tmp_path)] == ["litellm-github", "litellm-jira"]
    assert made.notes == [f"zed {tmp_path}, trust the project, and see Settings, AI, MCP Servers"]


def test_a_word_that_is_a_variable_for_some_shells_is_refused(settings: Path) -> None:
    with pytest.raises(ConfigFailure, match="Zed would replace"):
        Zed().mcp([called("$HOME")])
    written(Zed(), called("a$b", "${{ x }}"[1:]))
    assert servers()["litellm"]["args"][-2:] == ["a$b", "{{ x }}"]


@pytest.mark.parametrize(
    ("value", "warnings"),
    [
        ({"disable_ai": True}, ["Zed starts no MCP servers: remove disable_ai from {path}"]),
        ({"agent": {"profiles": {"write": {"enable_all_context_servers": True}}}}, []),
        (
            {"agent": {"profiles": {"write": {"enable_all_context_servers": False}}}},
            ['Zed\'s agent profile "write" hides litellm: choose it in its Tools'],
        ),
        (
            {"agent": {"default_profile": "mine", "profiles": {"mine": {"enable_all_context_servers": False}}}},
            ['Zed\'s agent profile "mine" hides litellm: choose it in its Tools'],
        ),
        ({"agent": {"default_profile": "ask", "profiles": {"write": {"enable_all_context_servers": False}}}}, []),
        (
            {
                "agent": {
                    "profiles": {"write": {"enable_all_context_servers": False, "context_servers": {"litellm": {}}}}
                }
            },
            [],
        ),
        ({"agent": {"default_profile": ["x"], "profiles": 1}, "disable_ai": "yes"}, []),
    ],
)
def test_other_settings_that_hide_it_are_told(settings: Path, value: Any, warnings: list[str]) -> None:
    settings.write_text(dump_json(value))
    assert Zed().mcp([ONE]).warnings == [warning.format(path=settings) for warning in warnings]
