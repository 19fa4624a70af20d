"""How `run` starts Codex; what `export` writes for it is in test_programs_file.py."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.codex import Codex
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.test_programs_command import COMMAND, NASTY, known, model, provider

KEY = "sk-of-the-proxy"


@pytest.fixture(autouse=True)
def _no_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine are found."""
    monkeypatch.delenv("CODEX_HOME", raising=False)


def proxy(**facts: Any) -> Provider:
    return provider(known("gpt", context_window=128_000), key=KEY, **facts)


def launch(*arguments: str, of: Provider | None = None, model: str | None = None, subscription: bool = False) -> Launch:
    return Codex().launch(of or proxy(), Wish(arguments, model, Path("/tmp/run"), subscription))


def config(found: Launch) -> dict[str, Any]:
    """Return what Codex makes of the options: it splits them at the first `=`, and reads the rest as TOML."""
    options = list(found.arguments)
    assert set(options[::2]) == {"-c"}
    values = (option.partition("=") for option in options[1::2])
    return {name: tomllib.loads(f"x = {value}")["x"] for name, _, value in values}


def test_a_command_prints_the_key_and_no_option_has_it() -> None:
    found = launch("exec", "Hi", model="gpt")
    assert config(found) == {
        "model_provider": "litellmctl",
        "model_providers.litellmctl": {
            "name": "LiteLLM (h)",
            "base_url": "https://h/p/v1",
            "wire_api": "responses",
            "auth": {
                "command": COMMAND[0],
                "args": COMMAND[1:],
                "timeout_ms": 20_000,
                "refresh_interval_ms": 300_000,
            },
        },
        "model": "gpt",
        "model_context_window": 128_000,
    }
    assert not found.variables
    assert not found.files


def test_a_fixed_key_is_in_a_variable() -> None:
    found = launch(of=proxy(command=()))
    body = config(found)["model_providers.litellmctl"]
    assert body["env_key"] == "LITELLM_API_KEY"
    assert "auth" not in body
    assert found.variables == {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": "https://h/p"}
    assert KEY not in repr(found.arguments)


@pytest.mark.parametrize("command", [COMMAND, ()])
def test_the_proxys_key_travels_in_a_header_beside_its_own_sign_in(command: list[str]) -> None:
    found = launch(of=proxy(command=command), subscription=True)
    body = config(found)["model_providers.litellmctl"]
    assert body["requires_openai_auth"] is True
    assert body["env_http_headers"] == {"x-litellm-api-key": "LITELLM_API_KEY"}
    assert {"auth", "env_key"}.isdisjoint(body)
    assert found.variables == {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": "https://h/p"}
    # Codex would send it instead of the sign-in.
    assert "CODEX_API_KEY" in found.unset


@pytest.mark.parametrize("words", [("-m", "mine"), ("--model", "mine"), ("exec", "--model=mine", "Hi")])
def test_the_users_own_model_option_wins(words: tuple[str, ...]) -> None:
    assert "model" not in config(launch(*words, model="gpt"))
    assert config(launch("-m", "gpt", model="mine"))["model_context_window"] == 128_000


def test_a_window_that_is_unknown_is_not_said() -> None:
    assert "model_context_window" not in config(launch(of=provider(model("m")), model="m"))


@pytest.mark.parametrize("name", [*NASTY, "\x7f", 'it\'s "both"'])
def test_a_name_means_exactly_itself(name: str) -> None:
    assert config(launch(of=provider(model(name), command=[name, name]), model=name))["model"] == name


def test_a_start_with_a_model_that_the_proxy_may_not_have_warns(home: Path) -> None:
    (told,) = launch().warnings
    assert told.startswith("Codex starts with its own default model")
    assert not launch(model="gpt").warnings
    assert not launch("-m", "gpt").warnings
    assert not launch(of=provider(model("gpt-5"))).warnings
    (home / ".codex").mkdir()
    for text in ('model = "gpt"', "not TOML"):
        (home / ".codex/config.toml").write_text(text)
        assert not launch().warnings
