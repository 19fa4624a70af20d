"""How Hermes is started for one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs import hermes
from litellmctl.programs.hermes import Hermes
from litellmctl.programs.program import Launch, Provider, Wish
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
