"""How goose is started with the proxy for one run: by variables, which override all of its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from litellmctl.programs.goose import Goose
from litellmctl.programs.program import Launch, Wish
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
