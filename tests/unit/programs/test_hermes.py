"""How Hermes is started for one run."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs import hermes, yaml_edit
from litellmctl.programs.hermes import Hermes
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.test_mcp_entries import OWN, bridge, written
from tests.unit.programs.test_programs_file import GPT, HOMEMADE

KEY = "sk-of-the-proxy"
PROVIDER = Provider("litellm", "LiteLLM (h)", "https://h/p", [GPT, HOMEMADE], [], key=KEY)


@pytest.fixture(autouse=True)
def administrator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder where an administrator could put settings, but that is not there."""
    monkeypatch.delenv("HERMES_MANAGED_DIR", raising=False)
    monkeypatch.setattr(hermes, "_OF_ADMINISTRATOR", tmp_path / "etc")
    return tmp_path / "etc"


def launch(*arguments: str, model: str | None = None) -> Launch:
    return Hermes().launch(PROVIDER, Wish(arguments, model, Path("/run")))


def settings(launched: Launch) -> Any:
    return json.loads(launched.files["config.yaml"])


def test_managed_settings_have_the_proxy_and_the_chosen_model() -> None:
    launched = launch("-z", "Hi", model="gpt-4o")
    assert launched.variables == {"HERMES_MANAGED_DIR": str(Path("/run"))}
    found = settings(launched)
    # Null replaces what the user has for another model.
    unset = dict.fromkeys(("api_key", "api_mode", "context_length", "max_tokens"))
    chosen = {"default": "gpt-4o", "provider": "custom:litellmctl-run", "base_url": "https://h/p/v1"}
    assert found["model"] == {**chosen, **unset}
    assert found["providers"] == {
        "litellmctl-run": {
            "name": "LiteLLM (h)",
            "api": "https://h/p/v1",
            "key_env": "LITELLM_API_KEY",
            "models": {"gpt-4o": {"context_length": 128000}, "homemade": {}},
        }
    }
    assert found["model_aliases"]["homemade"] == {"model": "homemade", "provider": "custom:litellmctl-run"}
    # Lists, which replace a mapping of the user's too.
    assert (found["fallback_model"], found["fallback_providers"]) == ([], [])


def test_without_a_model_the_users_default_stays() -> None:
    assert "default" not in settings(launch("-m", "gpt-4o"))["model"]


def test_the_key_is_in_the_managed_variables_alone() -> None:
    launched = launch(model="gpt-4o")
    assert launched.files[".env"] == f"LITELLM_API_KEY={KEY}\nHERMES_INFERENCE_MODEL=gpt-4o\n"
    assert KEY not in " ".join([*launched.arguments, *launched.variables.values(), launched.files["config.yaml"]])
    assert launched.unset == ["HERMES_INFERENCE_PROVIDER"]


@pytest.mark.parametrize("words", [[], ["-z", "Hi"], ["chat", "-q", "Hi"], ["--tui"]])
def test_a_chat_needs_a_model_and_gets_the_provider(words: list[str]) -> None:
    assert Hermes().lacks_model(words)
    assert launch(*words).arguments == ["--provider", "custom:litellmctl-run"]


@pytest.mark.parametrize("words", [["doctor"], ["sessions", "list"], ["gateway"]])
def test_another_command_takes_no_model(words: list[str]) -> None:
    assert not Hermes().lacks_model(words)
    assert launch(*words).arguments == []


def test_settings_of_an_administrator_are_not_hidden_in_silence(
    administrator: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert launch().warnings == []
    administrator.mkdir()
    assert launch().warnings == [f"the managed settings of Hermes in {administrator} are ignored in this run"]
    monkeypatch.setenv("HERMES_MANAGED_DIR", str(tmp_path / "none"))
    assert launch().warnings == []
    monkeypatch.setenv("HERMES_MANAGED_DIR", str(tmp_path))
    assert launch().warnings == [f"the managed settings of Hermes in {tmp_path} are ignored in this run"]


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hermes' folder, and no variable of this machine that it would hide."""
    for name in ("HERMES_HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    made = home / ".hermes"
    made.mkdir()
    return made


def mcp_servers(before: str | None = None) -> Any:
    return yaml_edit.value(written(Hermes().mcp([bridge()]), before))["mcp_servers"]


def test_mcp_servers_are_in_config_yaml_of_the_profile_in_use(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Hermes().mcp_path() == folder / "config.yaml"
    (folder / "active_profile").write_text("coder\n")
    assert Hermes().mcp_path() == folder / "profiles/coder/config.yaml"
    monkeypatch.setenv("HERMES_HOME", str(folder / "profiles/other"))
    assert Hermes().mcp_path() == folder / "profiles/other/config.yaml"
    monkeypatch.setenv("HERMES_HOME", str(tmp_path))
    assert Hermes().mcp_path() == tmp_path / "config.yaml"


@pytest.mark.parametrize("profile", ["default", "", "../../etc", "a/b"])
def test_what_names_no_other_profile_is_ignored(profile: str, folder: Path) -> None:
    (folder / "active_profile").write_text(profile)
    assert Hermes().mcp_path() == folder / "config.yaml"


def test_on_windows_the_folder_is_among_the_local_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert Hermes().mcp_path() == tmp_path / "hermes/config.yaml"


def test_an_mcp_server_is_added_and_the_users_own_and_comments_stay(folder: Path) -> None:
    before = """# mine
mcp_servers:
  github:  # keep
    command: npx
  old:
    command: /usr/bin/litellmctl
    args: [mcp, serve, --server, old]
model:
  default: x
"""
    after = written(Hermes().mcp([bridge()]), before)
    assert "# mine\n" in after
    assert "github:  # keep\n" in after
    # Hermes puts mcp__litellm__ before the names of tools, and does not cut them.
    ours = {"command": OWN, "args": ["mcp", "serve", "--profile", "default", "--name-length", "50"]}
    assert yaml_edit.value(after) == {
        "mcp_servers": {"github": {"command": "npx"}, "litellm": ours},
        "model": {"default": "x"},
    }
    assert Hermes().mcp([bridge()]).notes == ["hermes mcp test litellm   (in a session: /reload-mcp)"]


def test_what_hermes_hides_from_mcp_servers_is_passed_as_references(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:1")
    monkeypatch.setenv("LITELLM_API_KEY", "sk-secret")
    made = Hermes().mcp([replace(bridge(), reads=["LITELLM_API_KEY"])])
    assert yaml_edit.value(written(made))["mcp_servers"]["litellm"]["env"] == {
        "LITELLM_API_KEY": "${LITELLM_API_KEY}",
        "DBUS_SESSION_BUS_ADDRESS": "${DBUS_SESSION_BUS_ADDRESS}",
        "HTTPS_PROXY": "${HTTPS_PROXY}",
    }


def test_an_mcp_server_that_is_switched_off_stays_off_with_a_warning(folder: Path) -> None:
    before = "mcp_servers:\n  litellm: {command: litellmctl, args: [mcp, serve], enabled: false}\n"
    (folder / "config.yaml").write_text(before)
    assert mcp_servers(before)["litellm"]["enabled"] is False
    (told,) = Hermes().mcp([bridge()]).warnings
    assert told.startswith('"litellm" is switched off: remove enabled from its entry in')
