"""How `run` starts Gemini CLI."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.programs import gemini
from litellmctl.programs.gemini import Gemini
from litellmctl.programs.program import Launch, Wish
from tests.unit.programs.test_mcp_entries import OWN, bridge, entries
from tests.unit.programs.test_programs_command import known, provider

FOLDER = Path("/tmp/run")


def launch(*arguments: str, model: str | None = "m", **facts: Any) -> Launch:
    return Gemini().launch(provider(known("m", **facts), key="sk-of-the-proxy"), Wish(arguments, model, FOLDER))


def settings_of(found: Launch) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(found.files[".gemini/settings.json"])
    return settings


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GEMINI_CLI_HOME", "GEMINI_CLI_TRUSTED_FOLDERS_PATH"):
        monkeypatch.delenv(name, raising=False)
    made = home / ".gemini"
    made.mkdir()
    return made


def test_the_users_settings_are_kept_but_for_the_sign_in(folder: Path) -> None:
    own = {"security": {"auth": {"selectedType": "oauth-personal", "x": 1}}, "ui": {"theme": "Dark"}}
    (folder / "settings.json").write_text(json.dumps(own))
    found = launch()
    settings = settings_of(found)
    assert settings["security"]["auth"] == {"selectedType": "gemini-api-key", "x": 1}
    assert settings["ui"] == own["ui"]
    assert found.variables["GEMINI_CLI_HOME"] == str(FOLDER)
    assert found.variables["GOOGLE_GEMINI_BASE_URL"] == "https://h/p"
    assert found.variables["GEMINI_API_KEY"] == "sk-of-the-proxy"
    assert list(found.arguments) == ["--model", "m"]
    assert json.loads((folder / "settings.json").read_text()) == own


def test_all_else_in_the_users_folder_is_linked(folder: Path, home: Path) -> None:
    for name in ("GEMINI.md", "settings.json", "trustedFolders.json"):
        (folder / name).write_text("{}")
    (folder / "commands").mkdir()
    (home / ".agents").mkdir()
    found = launch()
    names = ("GEMINI.md", "commands", "history", "tmp", "trustedFolders.json")
    assert found.links == {**{f".gemini/{name}": folder / name for name in names}, ".agents": home / ".agents"}
    assert found.variables["GEMINI_CLI_TRUSTED_FOLDERS_PATH"] == str(folder / "trustedFolders.json")


def test_the_first_run_keeps_its_sessions(home: Path) -> None:
    assert launch().links == {f".gemini/{name}": home / ".gemini" / name for name in ("history", "tmp")}


def test_the_folder_is_the_one_that_its_own_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    assert launch().links[".gemini/tmp"] == tmp_path / ".gemini/tmp"


def test_settings_that_select_the_key_already_are_used_as_they_are(folder: Path) -> None:
    """So that what the user changes in the session is kept."""
    (folder / "settings.json").write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}} // mine')
    found = launch(context_window=2_000_000)
    assert not found.files
    assert not found.links
    assert "GEMINI_CLI_HOME" not in found.variables
    assert launch(context_window=128_000).files


def test_no_file_of_variables_sets_another_key() -> None:
    assert launch().variables["GOOGLE_API_KEY"] == ""


@pytest.mark.parametrize(
    ("window", "threshold"), [(1_048_576, None), (2_000_000, None), (131_072, 0.0625), (128_000, 0.061), (None, None)]
)
def test_a_session_is_compressed_before_the_window_is_full(window: int | None, threshold: float | None) -> None:
    assert settings_of(launch(context_window=window)).get("model", {}).get("compressionThreshold") == threshold


def test_the_users_own_model_option_wins(folder: Path) -> None:
    found = launch("-m", "m", model="other", context_window=131_072)
    assert not found.arguments
    assert settings_of(found)["model"]["compressionThreshold"] == 0.0625


def test_a_start_with_a_model_that_the_proxy_may_not_have_warns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_MODEL", raising=False)
    (told,) = launch(model=None).warnings
    assert told.startswith("Gemini CLI starts with its own default model")
    assert not launch("mcp", "list", model=None).warnings
    assert not launch("--version", model=None).warnings
    assert not launch().warnings
    (folder / "settings.json").write_text('{"model": {"name": "m"}}')
    assert not launch(model=None).warnings


def test_settings_that_cannot_be_read_are_an_error_that_names_them(folder: Path) -> None:
    (folder / "settings.json").write_text("{")
    with pytest.raises(ConfigFailure, match=r"cannot use .*settings\.json: line 1, column 2"):
        launch()


@pytest.fixture
def administrators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an administrator's settings, which do not exist."""
    path = tmp_path / "etc/settings.json"
    path.parent.mkdir()
    monkeypatch.setenv("GEMINI_CLI_SYSTEM_SETTINGS_PATH", str(path))
    monkeypatch.delenv("GEMINI_CLI_SYSTEM_DEFAULTS_PATH", raising=False)
    return path


def test_mcp_servers_are_in_the_settings_of_the_user_or_of_a_project(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Gemini().mcp_path() == folder / "settings.json"
    assert Gemini().mcp_path(tmp_path / "project") == tmp_path / "project/.gemini/settings.json"
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    assert Gemini().mcp_path() == tmp_path / ".gemini/settings.json"


def test_an_mcp_server_has_no_underscore_in_its_name_and_no_trust(folder: Path, administrators: Path) -> None:
    made = Gemini().mcp([bridge("my_server", "--server", "my_server")])
    # Gemini CLI puts mcp_my-server_ before the names of tools, and shortens one of more than 63 characters.
    arguments = ["mcp", "serve", "--profile", "default", "--server", "my_server", "--name-length", "49"]
    assert entries(made) == {"my-server": {"command": OWN, "args": arguments}}
    assert "gemini mcp list" in made.notes[0]
    assert not made.warnings


@pytest.mark.parametrize("word", ["$HOME", "${HOME:-x}"])
def test_an_mcp_server_with_a_reference_is_skipped(word: str, folder: Path, administrators: Path) -> None:
    made = Gemini().mcp([bridge(), bridge("odd", "--server", word)])
    assert [*entries(made)] == ["litellm"]


def test_what_gemini_would_hide_is_passed_as_references(
    folder: Path, administrators: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")
    monkeypatch.setenv("LITELLM_API_KEY", "sk-secret")
    found = Gemini().mcp([replace(bridge(), reads=["LITELLM_API_KEY", "LITELLM_BASE_URL"])])
    assert entries(found)["litellm"]["env"] == {
        "SSL_CERT_FILE": "$SSL_CERT_FILE",
        "LITELLM_API_KEY": "$LITELLM_API_KEY",
    }


def test_settings_that_hide_an_mcp_server_are_warned_about(folder: Path, administrators: Path, tmp_path: Path) -> None:
    project = tmp_path / "project/.gemini"
    project.mkdir(parents=True)
    (folder / "settings.json").write_text('{"mcp": {"allowed": ["other"]}} // mine')
    (project / "settings.json").write_text('{"mcp": {"excluded": ["LiteLLM"]}}')
    administrators.write_text('{"mcp": {"allowed": ["litellm", "corp"]}}')
    defaults = administrators.with_name("system-defaults.json")
    defaults.write_text('{"mcp": {"excluded": ["litellm"]}}')
    (folder / "mcp-server-enablement.json").write_text('{"litellm": {"enabled": false}}')
    assert Gemini().mcp([bridge()], project.parent).warnings == [
        f'Gemini CLI ignores "litellm": remove it from mcp.excluded in {defaults}',
        f'Gemini CLI ignores "litellm": add it to mcp.allowed in {folder / "settings.json"}',
        f'Gemini CLI ignores "litellm": remove it from mcp.excluded in {project / "settings.json"}',
        '"litellm" is switched off: run gemini mcp enable litellm',
    ]


@pytest.mark.parametrize(
    ("platform", "place"), [("linux", "/etc/gemini-cli"), ("darwin", "/Library/Application Support/GeminiCli")]
)
def test_an_administrators_settings_are_where_gemini_looks(
    platform: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SETTINGS", "DEFAULTS"):
        monkeypatch.delenv(f"GEMINI_CLI_SYSTEM_{name}_PATH", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert gemini._of_administrator() == (Path(place, "settings.json"), Path(place, "system-defaults.json"))
