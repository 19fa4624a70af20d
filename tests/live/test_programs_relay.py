"""The real programs that take a key from a variable, with what `export --serve` writes: they ask through a relay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Run, Start
from tests.contract.serving import Served, lively
from tests.fake_proxy import FakeProxy, row
from tests.live.programs import Program, needs, programs
from tests.live.scripted_model import chat, responses
from tests.live.test_programs_file import AIDER

KEY = "sk-test-0123456789abcdef"


class Case(NamedTuple):
    """A program: its name for `export`, and how it completes a prompt."""

    tool: str
    words: Sequence[str]


CASES = [
    Case("opencode", ["opencode", "run", "-m", "litellm/gpt-4o", "Hi"]),
    Case("aider", ["aider", *AIDER, "--model", "openai/gpt-4o", "--map-tokens", "0", "--message", "Hi"]),
    Case("llm", ["llm", "-m", "litellm/gpt-4o", "Hi"]),
    Case("continue", ["cn", "-p", "Hi"]),
]
each = pytest.mark.parametrize("case", [pytest.param(case, id=case.tool, marks=needs(case.words[0])) for case in CASES])


@pytest.fixture
def relay(start: Start, proxy: FakeProxy) -> Served:
    """A relay on the port of the profile, before a proxy that answers any prompt."""
    pytest.importorskip("aiohttp")
    lively(proxy)
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384}
    proxy.models(row("gpt-4o", **facts), row("codex", mode="responses", **facts), times=None)
    proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=None)
    proxy.on("/v1/responses", method="POST", respond=responses("hello there"), times=None)
    process = start("serve", "--json")
    assert process.stdout is not None
    printed = process.stdout.readline()
    assert printed, process.communicate(timeout=30)[1]
    return Served(**json.loads(printed), process=process)


@pytest.fixture
def program(env: dict[str, str], tmp_path: Path) -> Program:
    """Run a program as a user without any variable of ours, in an empty folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    ours = ("LITELLM", "OPENAI", "ANTHROPIC", "OPENCODE_CONFIG", "LLM_USER_PATH", "CONTINUE_GLOBAL_DIR")
    return programs({name: value for name, value in env.items() if not name.startswith(ours)}, folder)


def sent(proxy: FakeProxy) -> dict[str, str]:
    """Return the headers of the last request for a completion."""
    (*_, request) = [request for request in proxy.requests if request.method == "POST"]
    return {name.lower(): value for name, value in request.headers.items()}


@each
def test_it_completes_a_prompt_without_any_variable(
    run: Run, proxy: FakeProxy, relay: Served, program: Program, case: Case
) -> None:
    run("export", case.tool, "--serve", "--write")
    assert "hello there" in program(*case.words)
    headers = sent(proxy)
    assert headers["authorization"] == f"Bearer {KEY}"
    assert relay.api_key not in json.dumps(headers)


@each
def test_a_stale_key_in_a_variable_does_not_matter(
    run: Run, proxy: FakeProxy, relay: Served, program: Program, case: Case
) -> None:
    run("export", case.tool, "--serve", "--write")
    assert "hello there" in program(*case.words, OPENAI_API_KEY="sk-stale", LITELLM_API_KEY="sk-stale")
    assert sent(proxy)["authorization"] == f"Bearer {KEY}"


@needs("llm")
def test_llm_asks_a_responses_model_too(run: Run, proxy: FakeProxy, relay: Served, program: Program) -> None:
    run("export", "llm", "--serve", "--write")
    assert program("llm", "-m", "litellm/codex", "Hi").strip() == "hello there"
    assert sent(proxy)["authorization"] == f"Bearer {KEY}"


@needs("aider")
def test_aider_reads_the_variable_again_after_an_export_without_a_relay(
    run: Run, proxy: FakeProxy, relay: Served, program: Program
) -> None:
    run("export", "aider", "--serve", "--write")
    run("export", "aider", "--write")
    assert "hello there" in program(*CASES[1].words, OPENAI_API_KEY="sk-of-the-variable")
    assert sent(proxy)["authorization"] == "Bearer sk-of-the-variable"
