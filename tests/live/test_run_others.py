"""opencode, Pi, Crush and goose, started by `litellmctl run`: each answers, and no file of the user's changes.

Each user here has files and variables of their own, with another proxy, another key and another model: all of them
lose, for this run alone. Crush is not to be had where programs come from npm and PyPI: its tests are skipped there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fake_proxy import FakeProxy, Request, row
from tests.live.conftest import Lab
from tests.live.programs import needs
from tests.live.running import KEY, MODELS, AsUser, Runner, each
from tests.live.scripted_model import chat

ELSEWHERE = "http://127.0.0.1:9"


class Case(NamedTuple):
    """A program: how it completes a prompt, its option for another model, and the user's own files and variables."""

    words: tuple[str, ...]
    small: tuple[str, ...]
    files: dict[str, str]
    variables: dict[str, str]

    @property
    def name(self) -> str:
        return self.words[0]


OPENCODE = {
    "$schema": "https://opencode.ai/config.json",
    "model": "litellm/users-own",
    "small_model": "litellm/users-small",
    "enabled_providers": ["anthropic"],
    "disabled_providers": ["litellm"],
    "instructions": ["~/brief.md"],
    "agent": {"build": {"model": "litellm/users-own"}},
    "provider": {
        "litellm": {
            "npm": "@ai-sdk/anthropic",
            "whitelist": ["users-own"],
            "blacklist": ["gpt-4o"],
            "options": {"baseURL": f"{ELSEWHERE}/v1", "apiKey": "users-key"},
            "models": {"users-own": {}, "users-small": {}},
        }
    },
}
PI = {
    "providers": {
        "litellm": {
            "baseUrl": f"{ELSEWHERE}/v1",
            "api": "anthropic-messages",
            "apiKey": "users-key",
            "headers": {"Authorization": "Bearer users-key"},
            "models": [{"id": "users-own"}, {"id": "gpt-4o", "headers": {"x-api-key": "users-key"}}],
        }
    }
}
CRUSH = """option global-context-path "$HOME/brief.md"
source ./mine.sh
"""
CASES = [
    Case(
        ("opencode", "run", "Hi"),
        ("-m", "litellm/small"),
        {
            ".config/opencode/opencode.json": json.dumps(OPENCODE),
            ".opencode/opencode.json": json.dumps(OPENCODE),
            ".local/share/opencode/auth.json": '{"litellm": {"type": "api", "key": "users-key"}}',
            "brief.md": "Always be brief.",
        },
        {"OPENAI_API_KEY": "users-key", "OPENCODE_CONFIG_CONTENT": json.dumps({**OPENCODE, "share": "disabled"})},
    ),
    Case(
        ("pi", "-p", "Hi"),
        ("--provider", "litellm-run", "--model", "small"),
        {
            ".pi/agent/models.json": json.dumps(PI),
            ".pi/agent/auth.json": '{"litellm": {"type": "api_key", "key": "users-key"}}',
            ".pi/agent/settings.json": '{"defaultProvider": "litellm", "defaultModel": "users-own"}',
            ".pi/agent/AGENTS.md": "Always be brief.",
        },
        {"OPENAI_API_KEY": "users-key", "OPENAI_BASE_URL": ELSEWHERE},
    ),
    Case(
        ("crush", "run", "--quiet", "Hi"),
        ("--model", "litellm/small"),
        {
            ".config/crush/crushrc": CRUSH,
            ".config/crush/mine.sh": f"provider add litellm --type openai-compat --base-url {ELSEWHERE}/v1 "
            "--api-key users-key\nmodel add litellm/users-own\nmodel large litellm/users-own\n",
            "brief.md": "Always be brief.",
        },
        {"OPENAI_API_KEY": "users-key", "CRUSH_LITELLM_API_KEY": "users-key"},
    ),
    Case(
        ("goose", "run", "--quiet", "-t", "Hi"),
        ("--provider", "litellm", "--model", "small"),
        {
            ".config/goose/config.yaml": f"GOOSE_PROVIDER: openai\nGOOSE_MODEL: users-own\nLITELLM_HOST: {ELSEWHERE}\n"
            "LITELLM_BASE_PATH: elsewhere\nGOOSE_DISABLE_KEYRING: true\n",
            ".config/goose/secrets.yaml": "LITELLM_API_KEY: users-key\n",
            ".config/goose/.goosehints": "Always be brief.",
        },
        {"LITELLM_CUSTOM_HEADERS": "Authorization: Bearer users-key", "GOOSE_LEAD_MODEL": "users-lead"},
    ),
]


@pytest.fixture
def runner(env: dict[str, str], home: Path, tmp_path: Path) -> Runner:
    return Runner(env, home, tmp_path / "project")


@pytest.fixture
def answering(proxy: FakeProxy) -> FakeProxy:
    """A proxy with two models that answers all these programs, however often they ask."""
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384}
    proxy.models(*(row(name, **facts) for name in MODELS), times=None)
    return proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=None)


def asked(proxy: FakeProxy) -> Request:
    """Return the last request of a program for a completion; all of them have our key, and nothing of the user's."""
    found = [request for request in proxy.requests if request.method == "POST"]
    for request in found:
        sent = {name.lower(): value for name, value in request.headers.items()}
        assert sent["authorization"] == f"Bearer {KEY}"
        assert "users-" not in json.dumps([sent, request.path, request.json])
    return found[-1]


@each(*CASES)
def test_it_answers_whatever_the_user_has_of_another_proxy(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner.own(case.files)
    assert "hello there" in runner(*case.words, options=["--model", "gpt-4o"], **case.variables)
    request = asked(answering)
    assert request.json["model"] == "gpt-4o"
    # What is not of the proxy, is as the user has it.
    assert "Always be brief." in json.dumps(request.json)


@each(*CASES)
def test_it_starts_where_the_user_has_no_files(case: Case, answering: FakeProxy, runner: Runner) -> None:
    assert "hello there" in runner(*case.words, options=["--model", "gpt-4o"])
    assert asked(answering).json["model"] == "gpt-4o"


@each(*CASES)
def test_a_model_that_the_users_own_arguments_name_wins(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner.own(case.files)
    runner(*case.words, *case.small, options=["--model", "gpt-4o"], **case.variables)
    assert asked(answering).json["model"] == "small"


@each(*CASES)
@pytest.mark.database
@pytest.mark.parametrize("option", ["--serve", "--no-serve"])
def test_it_answers_from_a_real_proxy(case: Case, option: str, lab: Lab, as_user: AsUser, runner: Runner) -> None:
    as_user(lab.master_key)
    runner.own(case.files)
    options = [option, "--model", "claude-sonnet"]
    assert "hello from claude" in runner(*case.words, options=options, **case.variables)


@each(*(case for case in CASES if case.name in {"pi", "crush"}))
def test_it_runs_a_command_for_the_key_so_that_it_is_always_fresh(
    case: Case, answering: FakeProxy, runner: Runner, env: dict[str, str], tmp_path: Path
) -> None:
    script, calls = tmp_path / "helper.py", tmp_path / "calls"
    script.write_text(f"open({str(calls)!r}, 'a').write('x\\n')\nprint({KEY!r})\n", "utf-8")
    env["LITELLM_API_KEY_HELPER"] = f"{sys.executable} {script}"
    answering.on("/key/info", {"info": {}}, times=None)
    runner.own(case.files)
    assert "hello there" in runner(*case.words, options=["--no-serve", "--model", "gpt-4o"], **case.variables)
    asked(answering)
    assert len(calls.read_text().splitlines()) > 1


# ---- opencode's own


@needs("opencode")
def test_opencode_takes_more_models_than_a_variable_holds(proxy: FakeProxy, runner: Runner, tmp_path: Path) -> None:
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384}
    proxy.models(*(row(f"model-{number:04}", **facts) for number in range(2000)), times=None)
    proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=None)
    named = tmp_path / "named.json"
    named.write_text(json.dumps({"$schema": "x", "instructions": ["{file:./where.txt}"]}))
    (tmp_path / "where.txt").write_text(str(tmp_path / "brief.md"))
    (tmp_path / "brief.md").write_text("Always be brief.")
    runner.own(CASES[0].files)
    variables = {**CASES[0].variables, "OPENCODE_CONFIG": str(named)}
    assert "hello there" in runner("opencode", "run", "Hi", options=["--model", "model-1999"], **variables)
    request = asked(proxy)
    assert request.json["model"] == "model-1999"
    assert "Always be brief." in json.dumps(request.json)
    listed = runner("opencode", "models", "litellm", **variables).split()
    assert len([name for name in listed if name.startswith("litellm/model-")]) == 2000


@needs("opencode")
def test_opencode_writes_no_file_of_settings_where_there_is_none(
    answering: FakeProxy, runner: Runner, home: Path
) -> None:
    runner("opencode", "run", "Hi", options=["--model", "gpt-4o"])
    assert not [*home.rglob("opencode.json*")]


# ---- Pi's own


@needs("pi")
def test_pi_keeps_its_sessions_and_lists_the_models_beside_those_of_the_user(
    answering: FakeProxy, runner: Runner, home: Path
) -> None:
    runner.own({".pi/agent/models.json": json.dumps({"providers": {"mine": {**PI["providers"]["litellm"]}}})})
    listed = [line.split()[:3] for line in runner("pi", "--list-models").splitlines()[1:]]
    assert ["litellm", "gpt-4o", "128K"] in listed
    assert ["mine", "users-own"] in [words[:2] for words in listed]
    runner("pi", "-p", "My name is Ada.", options=["--model", "gpt-4o"])
    runner("pi", "-p", "--continue", "Who am I?", options=["--model", "gpt-4o"])
    said = json.dumps(asked(answering).json)
    assert "My name is Ada." in said
    assert "Who am I?" in said
    assert len([*(home / ".pi/agent/sessions").rglob("*.jsonl")]) == 1


@needs("pi")
def test_pis_other_commands_are_as_they_are(proxy: FakeProxy, runner: Runner) -> None:
    proxy.models(row("gpt-4o"), times=None)
    assert runner("pi", "list", options=["--model", "gpt-4o"]).strip() == "No packages installed."
