"""How goose is started with the proxy for one run, by variables; and MCP servers, its extensions, in config.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs import yaml_edit
from litellmctl.programs.goose import Goose
from litellmctl.programs.program import Launch, Wish
from litellmctl.tools.tool import CALL_SECONDS
from tests.unit.programs.bridges import ELSEWHERE, ONE, PER_SERVER, VARIABLES, called, text, written
from tests.unit.programs.test_programs_file import GPT, HOMEMADE, provider

KEY = {
    "LITELLM_API_KEY": "sk-key",
    "LITELLM_BASE_URL": "https://llm.example.com",
    "LITELLM_HOST": "https://llm.example.com",
    "LITELLM_BASE_PATH": "v1/chat/completions",
}


def launched(*arguments: str, model: str | None = None) -> Launch:
    return Goose().launch(replace(provider(GPT, HOMEMADE), key="sk-key"), Wish(arguments, model, Path("/run")))


@pytest.mark.parametrize(
    ("model", "more"), [("gpt-4o", {"GOOSE_CONTEXT_LIMIT": "128000"}), ("homemade", {}), ("embedder", {})]
)
def test_a_run_has_the_built_in_provider_the_model_and_its_limit(model: str, more: dict[str, str]) -> None:
    launch = launched("session", model=model)
    assert dict(launch.variables) == {**KEY, "GOOSE_PROVIDER": "litellm", "GOOSE_MODEL": model, **more}
    assert (launch.arguments, launch.files, [*launch.warnings]) == ((), {}, [])


def test_what_would_send_requests_elsewhere_is_unset() -> None:
    assert {"LITELLM_CUSTOM_HEADERS", "GOOSE_LEAD_MODEL", "GOOSE_LEAD_PROVIDER"} == set(launched().unset)


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        ((), True),
        (("session",), True),
        (("run", "-t", "Hi"), True),
        (("run", "--provider", "x", "--model", "y"), False),
        (("configure",), False),
        (("--version",), False),
    ],
)
def test_without_a_model_goose_chooses_its_own(arguments: tuple[str, ...], warned: bool) -> None:
    launch = launched(*arguments)
    assert dict(launch.variables) == KEY
    assert bool(launch.warnings) is warned


# ---- MCP servers ----

EXTENSION = {
    "enabled": True,
    "type": "stdio",
    "name": "litellm",
    "description": "LiteLLM (llm.example.com)",
    "cmd": "/opt/my tools/litellmctl",
    "args": ["mcp", "serve", "--profile", "work", "--name-length", "55"],
    "envs": {},
    "timeout": 300,
}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GOOSE_PATH_ROOT", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path / "config/config.yaml"


def extensions() -> dict[str, Any]:
    found = yaml_edit.value(text(Goose()))["extensions"]
    assert isinstance(found, dict)
    return found


def test_an_extension_has_all_that_goose_requires(config: Path) -> None:
    made = written(Goose(), ONE)
    assert Goose().mcp_path() == config
    assert extensions() == {"litellm": EXTENSION}
    assert EXTENSION["timeout"] > CALL_SECONDS  # type: ignore[operator]
    assert (made.notes, made.warnings) == (["goose session"], [])
    written(Goose(), ELSEWHERE)
    assert extensions() == {"litellm": {**EXTENSION, "envs": VARIABLES}}


def test_other_extensions_comments_and_what_a_user_changed_in_ours_are_kept(config: Path) -> None:
    config.write_text(
        """GOOSE_PROVIDER: litellm  # ours
extensions:
  # Built in
  developer:
    bundled: true
    enabled: true
    name: developer
    type: builtin
  old:
    enabled: true
    type: stdio
    name: old
    cmd: /old/litellmctl
    args: [mcp, serve, --profile, x]
  litellm:
    enabled: false
    type: stdio
    name: litellm
    cmd: litellmctl
    args:
    - mcp
    - serve
    available_tools:
    - mcp_github_search
    timeout: 20
GOOSE_MODE: auto
"""
    )
    made = written(Goose(), ONE)
    found = extensions()
    assert [*found] == ["developer", "litellm"]
    assert found["litellm"] == {
        **EXTENSION,
        "enabled": False,
        "timeout": 20,
        "available_tools": ["mcp_github_search"],
    }
    assert made.warnings == [f'"litellm" is switched off: remove enabled from its entry in {config}']
    lines = text(Goose()).splitlines()
    assert lines[:3] == ["GOOSE_PROVIDER: litellm  # ours", "extensions:", "  # Built in"]
    assert lines[-1] == "GOOSE_MODE: auto"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("litellm", "litellm"),
        ("LiteLLM My Server", "litellmmyserver"),
        ("litellm-a_b.c/d", "litellm-a_b_c_d"),
        ("é", "_"),
    ],
)
def test_the_key_of_an_extension_is_what_goose_makes_of_its_name(config: Path, name: str, key: str) -> None:
    written(Goose(), replace(ONE, name=name))
    assert {one: entry["name"] for one, entry in extensions().items()} == {key: key}


def test_goose_replaces_nothing_in_a_command(config: Path) -> None:
    words = ["$HOME", "${HOME}", "{{X}}", "~/x", "!id"]
    written(Goose(), called(*words))
    assert extensions()["litellm"]["args"][-7:-2] == words


def test_one_extension_for_each_server_and_no_file_of_a_project(config: Path) -> None:
    written(Goose(), *PER_SERVER)
    assert [*extensions()] == ["litellm-github", "litellm-jira"]
    assert not Goose.has_project_file


@pytest.mark.parametrize(
    "data", ["extensions: [", "a: *b", "? [a]\n: b", "- 1", "extensions: 5", "extensions: {litellm: 5}"]
)
def test_what_cannot_be_read_is_left_to_a_write(config: Path, data: str) -> None:
    config.write_text(data)
    assert not Goose().mcp([ONE]).warnings
