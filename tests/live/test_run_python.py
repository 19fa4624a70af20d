"""Real programs of Python, started by `litellmctl run`: each answers, and no file of the user's changes.

Each user here has files and variables of their own, with another proxy, another key and another model: all of them
lose, for this run alone. Vibe and OpenHands take 1.2 GB, so their tests are a campaign.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fake_proxy import FakeProxy, Request, row
from tests.live.conftest import Lab
from tests.live.programs import PATH, needs
from tests.live.running import KEY, MODELS, AsUser, Runner, each
from tests.live.scripted_model import chat
from tests.live.test_programs_file import AIDER

# Nothing answers there.
ELSEWHERE = "http://127.0.0.1:9"
LLM = ".config/io.datasette.llm"


class Case(NamedTuple):
    """A program: how it completes a prompt, the user's own `files` and `variables`, and its option for a model."""

    words: tuple[str, ...]
    files: dict[str, str]
    variables: dict[str, str]
    model_option: str = ""
    is_large: bool = False

    @property
    def name(self) -> str:
        return self.words[0]


_OPENHANDS_LLM = {"model": "users-own", "api_key": "users-key", "base_url": ELSEWHERE, "usage_id": "agent"}
CASES = [
    Case(
        ("llm", "Hi"),
        {
            f"{LLM}/keys.json": json.dumps({"litellm": "users-key", "openai": "users-key", "litellmctl": "users-key"}),
            f"{LLM}/default_model.txt": "users-own",
            f"{LLM}/extra-openai-models.yaml": "- model_id: litellm/gpt-4o\n  model_name: users-own\n"
            f"  api_base: {ELSEWHERE}/v1\n  api_key_name: litellm\n"
            f"- model_id: users-own\n  model_name: users-own\n  api_base: {ELSEWHERE}/v1\n",
        },
        {"OPENAI_API_KEY": "users-key", "OPENAI_BASE_URL": f"{ELSEWHERE}/v1", "LLM_MODEL": "users-own"},
        "-m",
    ),
    Case(
        ("aider", *AIDER, "--no-show-release-notes", "--map-tokens", "0", "--message", "Hi"),
        {
            ".aider.conf.yml": f"model: users-own\nweak-model: users-own\nopenai-api-key: users-key\n"
            f"openai-api-base: {ELSEWHERE}/v1\napi-key:\n  - openai=users-key\n"
            f"set-env:\n  - OPENAI_API_KEY=users-key\n  - OPENAI_BASE_URL={ELSEWHERE}/v1\n",
            ".aider.model.metadata.json": '{"openai/gpt-4o": {"max_input_tokens": 5, "mode": "chat"}}',
            ".env": f"AIDER_OPENAI_API_KEY=users-key\nOPENAI_API_KEY=users-key\nAIDER_MODEL=users-own\n"
            f"OPENAI_BASE_URL={ELSEWHERE}/v1\nOPENAI_API_BASE={ELSEWHERE}/v1\nAIDER_OPENAI_API_BASE={ELSEWHERE}/v1\n",
        },
        {"OPENAI_API_KEY": "users-key", "AIDER_MODEL": "users-own", "AIDER_OPENAI_API_BASE": ELSEWHERE},
        "--model",
    ),
    Case(
        ("hermes", "-z", "Hi"),
        {
            ".hermes/config.yaml": json.dumps(
                {
                    "model": {
                        "default": "users-own",
                        "provider": "openrouter",
                        "base_url": f"{ELSEWHERE}/v1",
                        "api_key": "users-key",
                        "api_mode": "codex_responses",
                        "context_length": 999,
                    },
                    "providers": {"litellm": {"api": f"{ELSEWHERE}/v1", "api_key": "users-key"}},
                    "model_aliases": {"gpt-4o": {"model": "users-own", "provider": "openrouter"}},
                    "fallback_model": {"provider": "openrouter", "model": "users-own"},
                }
            ),
            ".hermes/.env": "LITELLM_API_KEY=users-key\nHERMES_INFERENCE_MODEL=users-own\n"
            "HERMES_INFERENCE_PROVIDER=openrouter\nOPENROUTER_API_KEY=users-key\n",
            ".hermes/SOUL.md": "Always be brief.",
        },
        {
            "HERMES_INFERENCE_MODEL": "users-own",
            "HERMES_INFERENCE_PROVIDER": "openrouter",
            "OPENAI_API_KEY": "users-key",
            "OPENROUTER_BASE_URL": f"{ELSEWHERE}/v1",
        },
        "-m",
    ),
    Case(
        ("vibe", "-p", "Hi"),
        {
            ".vibe/config.toml": 'active_model = "own"\nallowed_models = ["users-own"]\n'
            f'[[providers]]\nname = "litellm"\napi_base = "{ELSEWHERE}/v1"\napi_key_env_var = "USERS_KEY"\n'
            '[[models]]\nname = "users-own"\nprovider = "litellm"\nalias = "own"\n'
            '[[models]]\nname = "users-own"\nprovider = "litellm"\nalias = "gpt-4o"\n',
            ".vibe/.env": "LITELLM_API_KEY=users-key\nVIBE_ACTIVE_MODEL=own\n",
            ".vibe/AGENTS.md": "Always be brief.",
        },
        {"VIBE_ACTIVE_MODEL": "own", "USERS_KEY": "users-key", "VIBE_PROVIDERS": "[]"},
        is_large=True,
    ),
    Case(
        ("openhands", "--headless", "-t", "Hi"),
        {".openhands/agent_settings.json": json.dumps({"llm": _OPENHANDS_LLM, "kind": "Agent"})},
        {"LLM_MODEL": "users-own", "LLM_API_KEY": "users-key", "LLM_BASE_URL": ELSEWHERE},
        is_large=True,
    ),
]


@pytest.fixture
def runner(env: dict[str, str], home: Path, tmp_path: Path) -> Runner:
    for name in ("OPENAI_API_KEY", "LLM_USER_PATH"):
        env.pop(name, None)
    return Runner(env, home, tmp_path / "project")


@pytest.fixture
def answering(proxy: FakeProxy) -> FakeProxy:
    """A proxy with two models that answers all these programs, however often they ask."""
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384, "input_cost_per_token": 2e-6}
    proxy.models(*(row(name, **facts, output_cost_per_token=1e-5) for name in MODELS), times=None)
    # Hermes and OpenHands ask about the model too.
    listed = {"data": [{"id": name, "object": "model"} for name in MODELS]}
    proxy.on("/v1/models", listed, times=None)
    proxy.on("/v1/model/info", {"data": [{"model_name": name, "model_info": facts} for name in MODELS]}, times=None)
    for path in ("/models", "/v1/props", "/props", "/api/tags", "/api/v1/models", "/version", "/v1/models/gpt-4o"):
        proxy.on(path, status=404, times=None)
    proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=None)
    # OpenHands takes no stream.
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello there"}}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return proxy.on("/chat/completions", answer, method="POST", times=None)


def asked(proxy: FakeProxy) -> Request:
    """Return the last request of a program for a completion; all of them have our key, and nothing of the user."""
    found = [request for request in proxy.requests if request.path.endswith("/chat/completions")]
    for request in found:
        sent = {name.lower(): value for name, value in request.headers.items()}
        assert sent["authorization"] == f"Bearer {KEY}"
        assert "users-" not in json.dumps([sent, request.json])
    return found[-1]


@each(*CASES)
def test_it_answers_whatever_the_user_has_of_another_proxy(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner.own(case.files)
    assert "hello there" in runner(*case.words, options=["--model", "gpt-4o"], **case.variables)
    request = asked(answering)
    assert request.json["model"] == "gpt-4o"
    # What is not of the proxy, is as the user has it.
    if any("Always be brief." in text for text in case.files.values()):
        assert "Always be brief." in json.dumps(request.json)


@each(*(case for case in CASES if case.model_option))
def test_a_model_that_the_users_own_arguments_name_wins(case: Case, answering: FakeProxy, runner: Runner) -> None:
    program, *arguments = case.words
    own = [case.model_option, "small"]
    assert "hello there" in runner(program, *own, *arguments)
    assert asked(answering).json["model"] == "small"
    assert "hello there" in runner(program, *own, *arguments, options=["--model", "gpt-4o"])
    assert asked(answering).json["model"] == "small"


@each(*CASES)
def test_it_starts_where_the_user_has_no_files(case: Case, answering: FakeProxy, runner: Runner) -> None:
    assert "hello there" in runner(*case.words, options=["--model", "gpt-4o"])
    asked(answering)


@each(*CASES)
@pytest.mark.database
def test_it_answers_from_a_real_proxy(case: Case, lab: Lab, as_user: AsUser, runner: Runner) -> None:
    as_user(lab.master_key)
    runner.own(case.files)
    assert "hello from gpt-4o" in runner(*case.words, options=["--model", "gpt-4o"], **case.variables)


@each(*(case for case in CASES if not case.is_large))
def test_it_goes_through_a_relay(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner.own(case.files)
    options = ["--serve", "--model", "gpt-4o"]
    assert "hello there" in runner(*case.words, options=options, **case.variables)
    assert asked(answering).json["model"] == "gpt-4o"


# --- llm


@needs("llm")
def test_llm_logs_where_it_always_does(answering: FakeProxy, runner: Runner) -> None:
    runner("llm", "Hi", options=["--model", "gpt-4o"])
    (logged,) = json.loads(runner("llm", "logs", "--json"))
    assert (logged["model"], logged["response"]) == ("litellm/gpt-4o", "hello there")


@needs("llm")
def test_llm_has_the_models_of_the_proxy_alone(answering: FakeProxy, runner: Runner) -> None:
    runner.own({f"{LLM}/aliases.json": '{"mine": "gpt-4o"}', f"{LLM}/default_model.txt": "small"})
    listed = runner("llm", "models", "list").splitlines()
    assert listed == [
        "OpenAI Chat: litellm/gpt-4o (aliases: gpt-4o, 4o, mine)",
        "OpenAI Chat: litellm/small (aliases: small)",
        "Default: small",
    ]
    assert "hello there" in runner("llm", "-m", "mine", "Hi")
    assert asked(answering).json["model"] == "gpt-4o"
    assert "hello there" in runner("llm", "Hi")
    assert asked(answering).json["model"] == "small"
    assert runner.stderr == ""


@needs("llm")
def test_llm_says_that_its_default_is_no_model_of_the_proxy(answering: FakeProxy, runner: Runner) -> None:
    runner("llm", "Hi", exit=1, OPENAI_API_KEY="users-key")
    assert "Warning: llm starts with its own default model" in runner.stderr
    assert "Unknown model" in runner.stderr
    assert not answering.requests_for("/v1/chat/completions")


@needs("llm")
@pytest.mark.parametrize("own", ["", "llm-none"])
def test_llm_takes_the_models_where_the_user_chose_its_plugins(own: str, answering: FakeProxy, runner: Runner) -> None:
    assert "hello there" in runner("llm", "Hi", options=["--model", "gpt-4o"], LLM_LOAD_PLUGINS=own)


@needs("llm")
@pytest.mark.skipif(os.name == "nt", reason="no first lines there")
def test_llm_takes_the_models_where_pipx_installed_it(answering: FakeProxy, runner: Runner, tmp_path: Path) -> None:
    script = Path(str(shutil.which("llm", path=PATH))).read_text("utf-8")
    first, _, rest = script.partition("\n")
    path = tmp_path / "llm"
    path.write_text(f"{first} -E\n{rest}", "utf-8")
    path.chmod(0o755)
    assert "hello there" in runner(str(path), "Hi", options=["--model", "gpt-4o"])


# --- aider


@needs("aider")
def test_aider_knows_limits_and_prices(answering: FakeProxy, runner: Runner) -> None:
    case = CASES[1]
    assert case.name == "aider"
    runner.own(case.files)
    printed = runner(*case.words, options=["--model", "gpt-4o"])
    assert "Unknown context window size" not in printed
    assert "Tokens: " in printed
    assert "$" in printed
    assert "Weak model" not in printed  # the same


# --- Vibe


@needs("vibe")
@pytest.mark.campaign
def test_a_saved_session_of_vibe_goes_on_with_the_chosen_model(answering: FakeProxy, runner: Runner) -> None:
    runner("vibe", "-p", "Hi", options=["--model", "small"])
    runner("vibe", "-c", "-p", "More", options=["--model", "gpt-4o"])
    request: Any = asked(answering).json
    assert request["model"] == "gpt-4o"
    assert "hello there" in json.dumps(request["messages"])
