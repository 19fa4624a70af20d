"""How `run` starts Qwen Code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.program import Launch, Wish
from litellmctl.programs.qwen import Qwen
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries
from tests.unit.programs.test_programs_command import known, model, provider

FOLDER = Path("/tmp/run")
KEY = "sk-of-the-proxy"


@pytest.fixture(autouse=True)
def administrators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an administrator's settings, which do not exist."""
    path = tmp_path / "etc/settings.json"
    path.parent.mkdir()
    monkeypatch.setenv("QWEN_CODE_SYSTEM_SETTINGS_PATH", str(path))
    monkeypatch.delenv("QWEN_CODE_SYSTEM_DEFAULTS_PATH", raising=False)
    return path


def launch(*arguments: str, name: str | None = "m", **facts: Any) -> Launch:
    models = [known("m", **facts), model("bare")]
    return Qwen().launch(provider(*models, key=KEY), Wish(arguments, name, FOLDER))


def settings_of(found: Launch) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(found.files["settings.json"])
    return settings


def test_the_models_have_their_limits_and_the_key_is_in_a_variable() -> None:
    found = launch()
    base = {"description": "LiteLLM (h)", "envKey": "LITELLM_API_KEY", "baseUrl": "https://h/p/v1"}
    facts = {
        "contextWindowSize": 200_000,
        "modalities": {"image": True, "pdf": True, "audio": False, "video": False},
        "samplingParams": {"max_tokens": 64_000},
    }
    assert settings_of(found) == {
        "security": {"auth": {"selectedType": "openai"}},
        "modelProviders": {
            "openai": [
                {"id": "m", "name": "m", **base, "generationConfig": facts},
                {"id": "bare", "name": "bare", **base},
            ]
        },
        "model": {"name": "m"},
    }
    assert found.variables["QWEN_CODE_SYSTEM_SETTINGS_PATH"] == str(FOLDER / "settings.json")
    assert found.variables["LITELLM_API_KEY"] == KEY
    # For a model that the catalog does not have.
    assert found.variables["OPENAI_BASE_URL"] == "https://h/p/v1"
    assert KEY not in repr([found.arguments, found.files])


def test_an_administrators_settings_are_kept(administrators: Path) -> None:
    administrators.write_text('{"tools": {"sandbox": true}, "security": {"auth": {"x": 1}}}')
    found = launch()
    settings = settings_of(found)
    assert settings["tools"] == {"sandbox": True}
    assert settings["security"]["auth"] == {"x": 1, "selectedType": "openai"}
    # Without this, Qwen Code would look beside our file.
    assert found.variables["QWEN_CODE_SYSTEM_DEFAULTS_PATH"] == str(administrators.with_name("system-defaults.json"))


def test_an_administrators_defaults_stay_where_a_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_CODE_SYSTEM_DEFAULTS_PATH", "/etc/mine.json")
    assert launch().variables["QWEN_CODE_SYSTEM_DEFAULTS_PATH"] == "/etc/mine.json"


@pytest.mark.parametrize(
    ("platform", "folder"),
    [("linux", "/etc/qwen-code"), ("darwin", "/Library/Application Support/QwenCode"), ("freebsd14", "/etc/qwen-code")],
)
def test_an_administrators_settings_are_where_qwen_code_looks(
    platform: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QWEN_CODE_SYSTEM_SETTINGS_PATH")
    monkeypatch.setattr(sys, "platform", platform)
    assert Path(launch().variables["QWEN_CODE_SYSTEM_DEFAULTS_PATH"]) == Path(folder, "system-defaults.json")


def test_the_users_own_model_option_wins() -> None:
    assert "model" not in settings_of(launch("-m", "mine"))


def test_its_own_commands_need_no_model() -> None:
    assert not Qwen().lacks_model(("mcp", "list"))
    assert not Qwen().lacks_model(("--version",))
    assert Qwen().lacks_model(("-p", "mcp"))


def test_mcp_servers_are_in_the_settings_of_the_user_or_of_a_project(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QWEN_HOME", raising=False)
    assert Qwen().mcp_path() == home / ".qwen/settings.json"
    assert Qwen().mcp_path(tmp_path) == tmp_path / ".qwen/settings.json"
    for named in (str(home / "q"), "~/q"):
        monkeypatch.setenv("QWEN_HOME", named)
        assert Qwen().mcp_path() == home / "q/settings.json"


def test_an_mcp_server_has_a_command(home: Path) -> None:
    made = Qwen().mcp([bridge(), bridge("odd", "--server", "$HOME")])
    # Qwen Code puts mcp__litellm__ before the names of tools, and shortens one of more than 63 characters.
    arguments = ["mcp", "serve", "--profile", "default", "--name-length", "49"]
    assert entries(made) == {"litellm": {"command": OWN, "args": arguments}}
    assert made.notes == ["qwen mcp list"]
    assert made.warnings == ['skipped "odd": Qwen Code would replace a variable in its command']


def test_settings_that_hide_an_mcp_server_are_warned_about(administrators: Path, home: Path, tmp_path: Path) -> None:
    administrators.write_text('{"mcp": {"allowed": ["corp"]}}')
    defaults = administrators.with_name("system-defaults.json")
    defaults.write_text('{"mcp": {"excluded": ["litellm"]}}')
    (home / ".qwen").mkdir()
    (home / ".qwen/settings.json").write_text(
        '{"mcp": {"excluded": ["litellm"]}, "security": {"folderTrust": {"enabled": true}}}'
    )
    made = Qwen().mcp([bridge()], tmp_path)
    assert made.warnings == [
        f'Qwen Code ignores "litellm": add it to mcp.allowed in {administrators}',
        f'Qwen Code ignores "litellm": remove it from mcp.excluded in {defaults}',
        f'Qwen Code ignores "litellm": remove it from mcp.excluded in {home / ".qwen/settings.json"}',
    ]
    assert made.notes == ["qwen mcp list   (in a folder that Qwen Code trusts)"]
