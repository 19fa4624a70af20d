"""How `run` starts GitHub Copilot CLI."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.copilot import Copilot
from litellmctl.programs.program import Launch, Wish
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries
from tests.unit.programs.test_programs_command import COMMAND, known, provider

KEY = "sk-of-the-proxy"


def launch(*arguments: str, model: str | None = "m", command: list[str] = COMMAND, **facts: Any) -> Launch:
    return Copilot().launch(
        provider(known("m", **facts), command=command, key=KEY), Wish(arguments, model, Path("/tmp/run"))
    )


def test_a_command_prints_the_key_for_each_request() -> None:
    found = launch(reasoning=True)
    assert shlex.split(found.variables["COPILOT_PROVIDER_API_KEY_COMMAND"]) == COMMAND
    assert KEY not in found.variables.values()
    assert found.variables["COPILOT_MODEL"] == "m"
    assert not found.arguments


def test_a_fixed_key_is_in_a_variable() -> None:
    found = launch(command=[])
    assert found.variables["COPILOT_PROVIDER_API_KEY"] == KEY
    assert "COPILOT_PROVIDER_API_KEY_COMMAND" in found.unset


@pytest.mark.parametrize("name", ["BEARER_TOKEN", "API_KEY", "HEADERS", "WIRE_MODEL", "MODEL_ID", "TRANSPORT"])
def test_variables_of_another_provider_are_unset(name: str) -> None:
    assert f"COPILOT_PROVIDER_{name}" in launch().unset


@pytest.mark.parametrize(("mode", "wire"), [(None, "completions"), ("chat", "completions"), ("responses", "responses")])
def test_it_speaks_the_api_of_the_model(mode: str | None, wire: str) -> None:
    found = launch(mode=mode).variables
    assert found["COPILOT_PROVIDER_TYPE"] == "openai"
    assert found["COPILOT_PROVIDER_BASE_URL"] == "https://h/p/v1"
    assert found["COPILOT_PROVIDER_WIRE_API"] == wire


def test_limits_are_those_of_the_model_that_it_starts_with() -> None:
    found = launch("--model", "m", model="other").variables
    assert found["COPILOT_PROVIDER_MAX_PROMPT_TOKENS"] == "200000"
    assert found["COPILOT_PROVIDER_MAX_OUTPUT_TOKENS"] == "64000"
    unknown = launch(context_window=None, max_output_tokens=None)
    assert "COPILOT_PROVIDER_MAX_PROMPT_TOKENS" in unknown.unset
    assert "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS" in unknown.unset


def test_the_users_own_model_option_wins() -> None:
    assert "COPILOT_MODEL" not in launch("--model=mine").variables


def test_a_model_that_is_not_known_to_reason_is_not_asked_to() -> None:
    none = ["--reasoning-effort", "none"]
    assert list(launch(reasoning=None).arguments) == none
    assert list(launch(reasoning=False).arguments) == none
    assert not launch("--reasoning-effort", "low", reasoning=False).arguments
    # Without a model, as for `copilot --version`, there is nothing to say.
    assert not launch("--version", model=None).arguments


def test_its_own_commands_need_no_model() -> None:
    assert not Copilot().lacks_model(("mcp", "list"))
    assert not Copilot().lacks_model(("--version",))
    assert Copilot().lacks_model(("-p", "mcp"))
    assert not launch("mcp", "list").arguments


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("COPILOT_HOME", raising=False)
    made = home / ".copilot"
    made.mkdir()
    return made


def test_mcp_servers_are_in_a_file_of_the_user_or_of_a_project(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Copilot().mcp_path() == folder / "mcp-config.json"
    # Claude Code reads .mcp.json.
    assert Copilot().mcp_path(tmp_path) == tmp_path / ".github/mcp.json"
    monkeypatch.setenv("COPILOT_HOME", str(tmp_path))
    assert Copilot().mcp_path() == tmp_path / "mcp-config.json"


def test_an_mcp_server_has_its_type(folder: Path, tmp_path: Path) -> None:
    made = Copilot().mcp([bridge(), bridge("odd", "--server", "$HOME")])
    # Copilot CLI puts litellm- before the names of tools, and cuts at 64 characters.
    arguments = ["mcp", "serve", "--profile", "default", "--name-length", "56"]
    assert entries(made) == {"litellm": {"type": "stdio", "command": OWN, "args": arguments}}
    assert made.notes == ["/mcp show litellm   (in a new session; it lists the tools)"]
    assert made.warnings == ['skipped "odd": Copilot CLI would replace a variable in its command']
    in_project = Copilot().mcp([bridge()], tmp_path).notes
    assert in_project == [
        "/mcp show litellm   (in a new session in a folder that Copilot CLI trusts; it lists the tools)"
    ]


def test_tools_that_the_user_chose_stay(folder: Path) -> None:
    before = '{"mcpServers": {"litellm": {"command": "litellmctl", "args": ["mcp", "serve"], "tools": ["a"]}}}'
    assert entries(Copilot().mcp([bridge()]), before)["litellm"]["tools"] == ["a"]


def test_an_mcp_server_that_the_user_disabled_is_warned_about(folder: Path) -> None:
    (folder / "settings.json").write_text('{"disabledMcpServers": ["litellm"]}')
    assert Copilot().mcp([bridge()]).warnings == ['"litellm" is switched off: run copilot mcp enable litellm']
