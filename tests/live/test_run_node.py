"""Real programs of Node, started by `litellmctl run`: each answers, and no file of the user's changes.

Each user here has files and variables of their own, with another proxy, another key and another model: all of them
lose, for this run alone. Seen with Claude Code 2.1.197 and 2.1.332, Codex 0.171.0, Copilot CLI 1.0.102, Gemini CLI
0.61.0, Qwen Code 0.15.10 and Continue's cn 1.5.47, under Node 20.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fake_proxy import FakeProxy, Request, row
from tests.live.conftest import Lab
from tests.live.programs import needs
from tests.live.running import KEY, MODELS, AsUser, Runner, each
from tests.live.scripted_model import chat, generated, messages, responses
from tests.logins import json_web_token

ELSEWHERE = "http://127.0.0.1:9"
# What the user of this machine may have set.
THEIRS = ("ANTHROPIC_", "CLAUDE", "CODEX_", "OPENAI_", "COPILOT_", "GEMINI_", "GOOGLE_", "QWEN_", "CONTINUE_")


class Case(NamedTuple):
    """A program: how it completes a prompt, its requests, and the user's own `files` and `variables`."""

    words: tuple[str, ...]
    path: str
    header: str
    files: dict[str, str]
    variables: dict[str, Any]
    names_model: bool = True

    @property
    def name(self) -> str:
        return self.words[0]


CASES = [
    Case(
        ("claude", "-p", "Hi"),
        "/v1/messages",
        "authorization",
        {
            ".claude/settings.json": json.dumps(
                {
                    "model": "users-own",
                    "apiKeyHelper": "echo users-helper",
                    "env": {
                        "ANTHROPIC_BASE_URL": ELSEWHERE,
                        "ANTHROPIC_AUTH_TOKEN": "users-token",
                        "ANTHROPIC_API_KEY": "users-key",
                        "ANTHROPIC_MODEL": "users-other",
                        "CLAUDE_CODE_USE_BEDROCK": "1",
                        "ANTHROPIC_CUSTOM_HEADERS": "x-team: blue\nx-litellm-api-key: users-key",
                    },
                }
            )
        },
        {"ANTHROPIC_API_KEY": "users-key", "CLAUDE_CODE_USE_VERTEX": "1", "ANTHROPIC_BASE_URL": ELSEWHERE},
    ),
    Case(
        ("codex", "exec", "--skip-git-repo-check", "Hi"),
        "/v1/responses",
        "authorization",
        {
            ".codex/config.toml": f'model = "users-own"\nmodel_provider = "litellm"\nmodel_context_window = 10\n'
            f'[model_providers.litellm]\nname = "Mine"\nbase_url = "{ELSEWHERE}/v1"\nenv_key = "USERS_KEY"\n',
        },
        {"OPENAI_API_KEY": "users-key", "OPENAI_BASE_URL": f"{ELSEWHERE}/v1", "USERS_KEY": "users-key"},
    ),
    Case(
        ("copilot", "-p", "Hi"),
        "/v1/chat/completions",
        "authorization",
        {".copilot/settings.json": '{"model": "users-own"}'},
        {
            "COPILOT_PROVIDER_BASE_URL": f"{ELSEWHERE}/v1",
            "COPILOT_PROVIDER_BEARER_TOKEN": "users-token",
            "COPILOT_PROVIDER_HEADERS": "Authorization: Bearer users-key",
            "COPILOT_PROVIDER_WIRE_MODEL": "users-own",
            "COPILOT_MODEL": "users-other",
        },
    ),
    Case(
        ("gemini", "--skip-trust", "-p", "Hi"),
        "/v1beta/models/gpt-4o:streamGenerateContent",
        "x-goog-api-key",
        {
            ".gemini/settings.json": '{"security": {"auth": {"selectedType": "oauth-personal"}}, '
            '"model": {"name": "users-own"}}',
            ".gemini/GEMINI.md": "Always be brief.",
            ".gemini/.env": f"GOOGLE_GEMINI_BASE_URL={ELSEWHERE}\nGOOGLE_API_KEY=users-key\n",
        },
        {"GEMINI_API_KEY": "users-key", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GEMINI_MODEL": "users-other"},
    ),
    Case(
        ("qwen", "-p", "Hi"),
        "/v1/chat/completions",
        "authorization",
        {
            ".qwen/settings.json": json.dumps(
                {
                    "$version": 4,
                    "security": {
                        "auth": {
                            "selectedType": "anthropic",
                            "apiKey": "users-key",
                            "baseUrl": ELSEWHERE,
                        }
                    },
                    "env": {"OPENAI_API_KEY": "users-key", "OPENAI_BASE_URL": ELSEWHERE},
                    "model": {"name": "users-own"},
                    "modelProviders": {"openai": [{"id": "gpt-4o", "baseUrl": ELSEWHERE, "envKey": "USERS_KEY"}]},
                }
            ),
            ".qwen/.env": f"OPENAI_BASE_URL={ELSEWHERE}\n",
            ".qwen/QWEN.md": "Always be brief.",
        },
        {"OPENAI_API_KEY": "users-key", "OPENAI_MODEL": "users-other", "USERS_KEY": "users-key"},
    ),
    Case(
        ("cn", "-p", "Hi"),
        "/v1/chat/completions",
        "authorization",
        {
            ".continue/config.yaml": "name: Mine\nversion: 1.0.0\nschema: v1\nrules:\n  - Always be brief.\n"
            "models:\n  - name: mine\n    provider: openai\n    model: users-own\n    apiKey: users-key\n"
            f"    apiBase: {ELSEWHERE}/v1\n",
            ".continue/.env": "LITELLM_API_KEY=users-key\n",
        },
        {"OPENAI_API_KEY": "users-key", "LITELLM_API_KEY": KEY},
        names_model=False,
    ),
]


@pytest.fixture
def runner(env: dict[str, str], home: Path, tmp_path: Path) -> Runner:
    for name in list(env):
        if name.startswith(THEIRS):
            del env[name]
    return Runner(env, home, tmp_path / "project")


@pytest.fixture
def answering(proxy: FakeProxy) -> FakeProxy:
    """A proxy with two models that answers all these programs, however often they ask."""
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384}
    proxy.models(*(row(name, **facts) for name in MODELS), times=None)
    proxy.on("/", method="HEAD", times=None)
    proxy.on("/v1/models", {"data": [{"id": name, "object": "model"} for name in MODELS]}, times=None)
    for path, answer in {
        "/v1/messages": messages,
        "/v1/responses": responses,
        "/v1/chat/completions": chat,
        **{f"/v1beta/models/{name}:streamGenerateContent": generated for name in MODELS},
    }.items():
        proxy.on(path, method="POST", respond=answer("hello there"), times=None)
    return proxy


def headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def asked(proxy: FakeProxy, case: Case) -> Request:
    """Return the first request of a program for a completion; all of them have our key, and no key of the user."""
    found = [request for request in proxy.requests if request.method == "POST"]
    for request in found:
        assert headers(request)[case.header].removeprefix("Bearer ") == KEY
        assert "users-" not in json.dumps([request.headers, request.path])
    return found[0]


@each(*CASES)
def test_it_answers_whatever_the_user_has_of_another_proxy(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner.own(case.files)
    answer = runner(*case.words, options=["--model", "gpt-4o"], **case.variables)
    assert "hello there" in answer
    request = asked(answering, case)
    assert request.path == case.path
    assert "users-" not in json.dumps(request.json)
    if "gpt-4o" not in case.path:
        assert request.json["model"] == "gpt-4o"
    # What is not of the proxy, is as the user has it.
    if any("Always be brief." in text for text in case.files.values()):
        assert "Always be brief." in json.dumps(request.json)


@each(*(case for case in CASES if case.names_model))
def test_a_model_that_the_users_own_arguments_name_wins(case: Case, answering: FakeProxy, runner: Runner) -> None:
    runner(*case.words, "--model", "small", options=["--model", "gpt-4o"])
    request = asked(answering, case)
    assert "small" in request.path or request.json["model"] == "small"


@each(*CASES)
def test_it_starts_where_the_user_has_no_files(case: Case, answering: FakeProxy, runner: Runner) -> None:
    assert "hello there" in runner(*case.words, options=["--model", "gpt-4o"])
    asked(answering, case)


@needs("codex")
def test_codex_profiles_do_not_override_the_proxy(answering: FakeProxy, runner: Runner) -> None:
    case = CASES[1]
    profile = 'model = "users-own"\nmodel_provider = "litellm"\n'
    runner.own({**case.files, ".codex/work.config.toml": profile})
    assert "hello there" in runner(*case.words, "-p", "work", options=["--model", "gpt-4o"], **case.variables)
    assert asked(answering, case).json["model"] == "gpt-4o"


@needs("gemini")
def test_gemini_keeps_its_sessions(answering: FakeProxy, runner: Runner) -> None:
    """Though it has another home folder in each run."""
    case = CASES[3]
    runner(*case.words, options=["--model", "gpt-4o"])
    assert "hello there" in runner(*case.words, "--resume", "latest", options=["--model", "gpt-4o"])
    contents = answering.requests_for(case.path)[-1].json["contents"]
    assert [one["role"] for one in contents][-3:] == ["user", "model", "user"]


# In the lab, LiteLLM's mock_response does not stream /v1/responses, which is all that Codex speaks.
@each(*(case for case in CASES if case.name != "codex"))
@pytest.mark.database
def test_it_answers_from_a_real_proxy(case: Case, lab: Lab, as_user: AsUser, runner: Runner) -> None:
    as_user(lab.master_key)
    runner.own(case.files)
    variables = {name: value for name, value in case.variables.items() if name != "LITELLM_API_KEY"}
    assert "hello from gpt-4o" in runner(*case.words, options=["--model", "gpt-4o"], **variables)


@needs("copilot")
@pytest.mark.database
@pytest.mark.parametrize("name", ["claude-sonnet", "homemade"])
def test_copilot_asks_any_model(name: str, lab: Lab, as_user: AsUser, runner: Runner) -> None:
    as_user(lab.master_key)
    assert f"hello from {name.removesuffix('-sonnet')}" in runner("copilot", "-p", "Hi", options=["--model", name])


@needs("copilot")
def test_copilot_asks_a_responses_model_by_responses(proxy: FakeProxy, runner: Runner) -> None:
    proxy.models(row("codex", mode="responses"), times=None)
    proxy.on("/v1/responses", method="POST", respond=responses("hello there"))
    assert "hello there" in runner("copilot", "-p", "Hi", options=["--model", "codex"])


@pytest.fixture
def helper(env: dict[str, str], tmp_path: Path) -> Path:
    """A command of the user that prints the key; each of its calls is a line of the file that is returned."""
    script, calls = tmp_path / "helper.py", tmp_path / "calls"
    script.write_text(f"open({str(calls)!r}, 'a').write('x\\n')\nprint({KEY!r})\n", "utf-8")
    env["LITELLM_API_KEY_HELPER"] = f"{sys.executable} {script}"
    return calls


@each(*(case for case in CASES if case.name in ("claude", "codex", "copilot")))
def test_it_runs_a_command_for_the_key_so_that_it_is_always_fresh(
    case: Case, answering: FakeProxy, helper: Path, runner: Runner
) -> None:
    answering.on("/key/info", {"info": {}}, times=None)
    runner.own(case.files)
    assert "hello there" in runner(*case.words, options=["--no-serve", "--model", "gpt-4o"], **case.variables)
    asked(answering, case)
    assert len(helper.read_text().splitlines()) > 1
    assert runner.stderr.count("Warning: ") == runner.stderr.count("Warning: No token")


# --- With their own sign-in


def claude_sign_in() -> dict[str, str]:
    oauth = {
        "accessToken": "sk-ant-oat01-of-the-user",
        "refreshToken": "sk-ant-ort01-of-the-user",
        "expiresAt": int((time.time() + 1e6) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    return {".claude/.credentials.json": json.dumps({"claudeAiOauth": oauth})}


@needs("claude")
@pytest.mark.parametrize("option", ["--serve", "--no-serve"])
@pytest.mark.parametrize("own", [(), ("--settings", '{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}')])
def test_claude_keeps_its_sign_in(option: str, own: tuple[str, ...], answering: FakeProxy, runner: Runner) -> None:
    case = CASES[0]
    runner.own({**case.files, **claude_sign_in()})
    options = ["--subscription", option, "--model", "gpt-4o"]
    assert "hello there" in runner(*case.words, *own, options=options, **case.variables)
    sent = headers(answering.requests_for("/v1/messages")[0])
    assert sent["authorization"] == "Bearer sk-ant-oat01-of-the-user"
    assert sent["x-litellm-api-key"] == KEY
    assert sent["x-team"] == "blue"
    assert "x-api-key" not in sent


@needs("codex")
@pytest.mark.parametrize("option", ["--serve", "--no-serve"])
def test_codex_keeps_its_sign_in(option: str, answering: FakeProxy, runner: Runner) -> None:
    account: dict[str, Any] = {"chatgpt_account_id": "of-the-user", "chatgpt_plan_type": "pro"}
    token = json_web_token(exp=int(time.time() + 1e6), email="a@b.c", **{"https://api.openai.com/auth": account})
    tokens = {"id_token": token, "access_token": token, "refresh_token": "r", "account_id": "of-the-user"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sign_in = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": now}
    case = CASES[1]
    runner.own({**case.files, ".codex/auth.json": json.dumps(sign_in)})
    options = ["--subscription", option, "--model", "gpt-4o"]
    assert "hello there" in runner(*case.words, options=options, **case.variables)
    sent = headers(answering.requests_for("/v1/responses")[0])
    assert sent["authorization"] == f"Bearer {token}"
    assert sent["chatgpt-account-id"] == "of-the-user"
    assert sent["x-litellm-api-key"] == KEY
