"""How `run` starts GitHub Copilot CLI."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.copilot import Copilot
from litellmctl.programs.program import Launch, Wish
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
