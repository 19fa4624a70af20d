"""The real programs, with what `export` writes for them: they list the models and complete a prompt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row
from tests.live.conftest import Lab
from tests.live.programs import PROGRAMS, Program, needs, programs
from tests.live.scripted_model import chat, responses

AsUser = Callable[[str], None]
GOOSE_PYTHON = PROGRAMS / "goose/v/bin/python"


@pytest.fixture
def program(env: dict[str, str], tmp_path: Path) -> Program:
    """Run a program in an empty folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return programs(env, folder)


# --- Pi


@needs("pi")
@pytest.mark.database
def test_pi_lists_the_models_and_completes_a_prompt(run: Run, lab: Lab, as_user: AsUser, program: Program) -> None:
    as_user(lab.master_key)
    run("export", "pi", "--write")
    listed = {words[1]: words[2:] for words in map(str.split, program("pi", "--list-models").splitlines()[1:])}
    assert listed["gpt-4o"] == ["128K", "16.4K", "no", "yes"]
    assert listed["claude-sonnet"] == ["200K", "64K", "yes", "yes"]
    assert "homemade" in listed
    assert program("pi", "-p", "--provider", "litellm", "--model", "gpt-4o", "Hi").strip() == "hello from gpt-4o"
    run("export", "pi", "--undo")
    assert "gpt-4o" not in program("pi", "--list-models")


@needs("pi")
def test_pi_asks_a_responses_model_by_responses(run: Run, proxy: FakeProxy, program: Program) -> None:
    proxy.models(row("codex", mode="responses"), times=None)
    proxy.on("/v1/responses", method="POST", respond=responses("hello there"))
    run("export", "pi", "--write")
    assert program("pi", "-p", "--provider", "litellm", "--model", "codex", "Hi").strip() == "hello there"
    headers = {name.lower(): value for name, value in proxy.requests[-1].headers.items()}
    assert headers["authorization"] == "Bearer sk-test-0123456789abcdef"


@needs("pi")
def test_pi_marks_what_is_to_be_cached_and_says_how_hard_to_think(run: Run, proxy: FakeProxy, program: Program) -> None:
    efforts = {"supports_reasoning": True, "supports_max_reasoning_effort": True}
    proxy.models(row("my-claude", **efforts), row("my/kimi-k2"), times=None)
    proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=2)
    run("export", "pi", "--write")
    claude = program("pi", "-p", "--provider", "litellm", "--model", "my-claude", "--thinking", "max", "Hi")
    assert claude.strip() == "hello there"
    asked = proxy.requests[-1].json
    assert asked["reasoning_effort"] == "max"
    assert "cache_control" in json.dumps(asked["messages"])
    assert "store" not in asked
    program("pi", "-p", "--provider", "litellm", "--model", "my/kimi-k2", "Hi")
    asked = proxy.requests[-1].json
    assert asked["model"] == "my/kimi-k2"
    assert "max_tokens" in asked
    assert "cache_control" not in json.dumps(asked)


# --- Claude Code


@needs("claude")
@pytest.mark.database
def test_claude_code_completes_a_prompt(run: Run, lab: Lab, as_user: AsUser, program: Program) -> None:
    as_user(lab.master_key)
    run("export", "claude-code", "--write")
    for name, answer in {"claude-sonnet": "hello from claude", "gpt-4o": "hello from gpt-4o"}.items():
        assert program("claude", "-p", "--model", name, "Hi").strip() == answer


@needs("claude")
@pytest.mark.database
def test_claude_code_knows_the_marketplace(run: Run, lab: Lab, as_user: AsUser, program: Program) -> None:
    as_user(lab.master_key)
    run("export", "claude-code", "--skills", "--write")
    program("claude", "-p", "--model", "gpt-4o", "Hi")
    assert f"{lab.url}/claude-code/marketplace.json" in program("claude", "plugin", "marketplace", "list")


# --- Crush, whose npm package fetches its program from GitHub


@needs("crush")
@pytest.mark.database
def test_crush_lists_the_models_and_completes_a_prompt(run: Run, lab: Lab, as_user: AsUser, program: Program) -> None:
    as_user(lab.master_key)
    run("export", "crush", "--write")
    assert "litellm/gpt-4o" in program("crush", "models").split()
    assert "hello from gpt-4o" in program("crush", "run", "--quiet", "--model", "litellm/gpt-4o", "Hi")


# --- goose, and the code of its providers alone, which PyPI serves as goose-sdk


@needs("goose")
@pytest.mark.database
def test_goose_completes_a_prompt(run: Run, lab: Lab, as_user: AsUser, program: Program) -> None:
    as_user(lab.master_key)
    run("export", "goose", "--write")
    words = ("--quiet", "--provider", "custom_litellm", "--model", "gpt-4o", "-t", "Hi")
    assert program("goose", "run", *words).strip() == "hello from gpt-4o"


GOOSE = """
import asyncio, goose, json, os, sys
async def main():
    provider = goose.declarative_provider_from_json(sys.stdin.read())
    models = {one.name: one.context_limit for one in await provider.list_models()}
    text = goose.MessageContent.TEXT("Hi")
    message = goose.ProviderMessage(role=goose.MessageRole.USER, content=[text])
    done = await provider.complete(goose.ProviderModelConfig(model_name="gpt-4o"), "Be brief.", [message], [])
    print(json.dumps([provider.name(), models, done.message_json]), flush=True)
asyncio.run(main())
# The SDK's threads come back into an interpreter that is ending, which aborts it once in 25 times: end without.
os._exit(0)
"""


@pytest.mark.skipif(not GOOSE_PYTHON.exists(), reason="goose-sdk is not installed")
@pytest.mark.database
def test_goose_lists_the_models_and_completes_a_prompt(
    run: Run, lab: Lab, as_user: AsUser, env: dict[str, str]
) -> None:
    as_user(lab.master_key)
    export = run("export", "goose").json
    # The SDK takes a variable alone: the command is run by goose itself.
    auth = export.pop("auth")
    key = subprocess.run(
        [auth["command"], *auth["args"]], env=env, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    export["api_key_env"] = "KEY_OF_THE_TEST"
    done = subprocess.run(
        [GOOSE_PYTHON, "-c", GOOSE],
        input=json.dumps(export),
        env={**env, "KEY_OF_THE_TEST": key},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    name, models, answer = json.loads(done.stdout)
    assert name == "custom_litellm"
    assert models["gpt-4o"] == 128_000
    assert models["homemade"] is None
    assert "hello from gpt-4o" in answer
