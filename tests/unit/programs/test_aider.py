"""How aider is started for one run."""

from __future__ import annotations

import json
from pathlib import Path

from litellmctl.programs.aider import Aider
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.test_programs_file import GPT, HOMEMADE, made

KEY = "sk-of-the-proxy"
PROVIDER = Provider("litellm", "LiteLLM (h)", "https://h/p", [GPT, HOMEMADE], [], key=KEY)


def launch(*arguments: str, model: str | None = None) -> Launch:
    return Aider().launch(PROVIDER, Wish(arguments, model, Path("/run")))


def options(launched: Launch) -> dict[str, str]:
    return dict(zip(launched.arguments[::2], launched.arguments[1::2], strict=True))


def test_its_options_name_the_proxy_and_two_files() -> None:
    assert options(launch()) == {
        "--openai-api-base": "https://h/p/v1",
        "--set-env": "OPENAI_BASE_URL=https://h/p/v1",
        "--model-metadata-file": str(Path("/run/models.json")),
        "--env-file": str(Path("/run/variables.env")),
    }


def test_a_model_is_for_all_its_roles() -> None:
    found = options(launch(model="gpt-4o"))
    assert {found[name] for name in ("--model", "--weak-model", "--editor-model")} == {"openai/gpt-4o"}


def test_the_key_is_in_variables_and_in_a_file_but_never_in_arguments() -> None:
    launched = launch("--model", "gpt-4o", model="gpt-4o")
    assert KEY not in " ".join(launched.arguments)
    assert launched.variables == {"OPENAI_API_KEY": KEY, "AIDER_OPENAI_API_KEY": KEY}
    lines = launched.files["variables.env"].splitlines()
    assert lines == [f"OPENAI_API_KEY={KEY}", f"AIDER_OPENAI_API_KEY={KEY}"]


def test_it_gets_the_facts_that_an_export_writes() -> None:
    assert json.loads(launch().files["models.json"]) == made(Aider(), GPT, HOMEMADE, number=1)


def test_a_model_of_the_proxy_that_the_user_names_wins_and_gets_the_prefix() -> None:
    for given, own in {
        ("--model", "gpt-4o"): ["--model", "openai/gpt-4o"],
        ("--model=gpt-4o", "--message", "gpt-4o"): ["--model=openai/gpt-4o", "--message", "gpt-4o"],
    }.items():
        launched = launch(*given, model="homemade")
        assert launched.user_arguments == own
        assert options(launched)["--weak-model"] == "openai/gpt-4o"
    # -m is the message.
    for words in (["--model", "openai/gpt-4o"], ["-m", "gpt-4o"], ["--", "--model", "gpt-4o"], ["--model"], ["gpt-4o"]):
        assert launch(*words).user_arguments == words
        assert "--weak-model" not in options(launch(*words))


def test_it_needs_a_model_unless_its_arguments_name_one() -> None:
    assert Aider().needs_model
    assert not Aider().lacks_model(["--model", "x"])
    assert Aider().lacks_model(["-m", "Hi"])
