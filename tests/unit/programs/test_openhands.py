"""How OpenHands is started for one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.programs.openhands import Openhands
from litellmctl.programs.program import Launch, Provider, Wish

KEY = "sk-of-the-proxy"


def launch(*arguments: str, model: str | None = None) -> Launch:
    provider = Provider("litellm", "LiteLLM (h)", "https://h/p", [], [], key=KEY)
    return Openhands().launch(provider, Wish(arguments, model, Path("/run")))


def test_variables_name_the_root_of_the_proxy_the_key_and_the_model() -> None:
    launched = launch("-t", "Hi", model="a/b")
    assert launched.arguments == ["--override-with-envs"]
    # By this prefix it knows a proxy, and asks it for the model's limits, below its root.
    assert launched.variables == {
        "LLM_BASE_URL": "https://h/p",
        "LLM_API_KEY": KEY,
        "LLM_MODEL": "litellm_proxy/a/b",
    }
    assert launched.files == {}


@pytest.mark.parametrize("words", [["mcp", "list"], ["login"], ["--version"], ["-v"], ["view", "x"]])
def test_what_takes_no_model(words: list[str]) -> None:
    assert not Openhands().lacks_model(words)
    assert "LLM_MODEL" not in launch(*words).variables


@pytest.mark.parametrize("words", [[], ["-t", "Hi"], ["--headless", "-t", "mcp"], ["--model", "gpt-4o"]])
def test_a_session_needs_one(words: list[str]) -> None:
    assert Openhands().lacks_model(words)
