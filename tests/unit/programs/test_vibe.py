"""How Mistral Vibe is started for one run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.model import Model
from litellmctl.programs.program import Provider, Wish
from litellmctl.programs.vibe import Vibe
from tests.unit.programs.test_programs_command import NASTY
from tests.unit.programs.test_programs_file import GPT, HOMEMADE, model

KEY = "sk-of-the-proxy"


def launch(*arguments: str, chosen: str | None = "gpt-4o", models: tuple[Model, ...] = (GPT, HOMEMADE)) -> Any:
    provider = Provider("litellm", "LiteLLM (h)", "https://h/p", models, [], key=KEY)
    launched = Vibe().launch(provider, Wish(arguments, chosen, Path("/run")))
    assert (launched.arguments, launched.files) == ((), {})
    return launched.variables


def named(variables: dict[str, str]) -> list[str]:
    return [one["name"] for one in json.loads(variables["VIBE_MODELS"])]


def test_variables_have_the_provider_and_what_is_known_of_its_models() -> None:
    variables = launch()
    assert json.loads(variables["VIBE_PROVIDERS"]) == [
        {
            "name": "litellm",
            "api_base": "https://h/p/v1",
            "api_key_env_var": "LITELLM_API_KEY",
            "api_style": "openai",
            "backend": "generic",
        }
    ]
    assert json.loads(variables["VIBE_MODELS"]) == [
        {
            "name": "gpt-4o",
            "provider": "litellm",
            "alias": "gpt-4o",
            "input_price": 2.5,
            "output_price": 10.0,
            "cached_input_price": 1.25,
            "max_context_length": 128000,
            "max_output_tokens": 16384,
            "supports_images": True,
        },
        {"name": "homemade", "provider": "litellm", "alias": "homemade"},
    ]
    assert variables["LITELLM_API_KEY"] == KEY
    assert (variables["VIBE_ACTIVE_MODEL"], variables["VIBE_ROUTED_DEFAULT_MODEL"]) == ("gpt-4o", "gpt-4o")


def test_no_other_model_is_allowed() -> None:
    """Vibe takes patterns, and ignores case."""
    variables = launch(models=tuple(map(model, NASTY)), chosen=NASTY[0])
    patterns = [pattern.removeprefix("re:") for pattern in json.loads(variables["VIBE_ALLOWED_MODELS"])]
    for name, pattern in zip(NASTY, patterns, strict=True):
        assert [one for one in NASTY if re.fullmatch(pattern, one)] == [name]


def test_a_saved_session_has_the_chosen_model_alone() -> None:
    for words in (["-c"], ["--continue", "-p", "Hi"], ["--resume"], ["--resume=abc"]):
        assert named(launch(*words)) == ["gpt-4o"]
    assert named(launch("-p", "-c is an option")) == ["gpt-4o", "homemade"]


def test_a_thousand_models_do_not_make_an_environment_that_no_system_takes() -> None:
    many = (GPT, *(model(f"provider/model-{number}") for number in range(1000)))
    variables = launch(models=many)
    assert named(variables) == ["gpt-4o"]
    assert sum(map(len, variables.values())) < 2000


@pytest.mark.parametrize("words", [["mcp", "list"], ["--version"], ["-v"], ["update"]])
def test_what_takes_no_model(words: list[str]) -> None:
    assert not Vibe().lacks_model(words)
    assert "VIBE_ACTIVE_MODEL" not in launch(*words, chosen=None)


@pytest.mark.parametrize("words", [[], ["-p", "Hi"], ["--model", "gpt-4o"]])
def test_a_session_needs_one(words: list[str]) -> None:
    assert Vibe().lacks_model(words)
