"""The proxy's MCP tools in real agents: `export TOOL --mcp` sets them up, and a scripted model calls one.

Seen with Claude Code 2.1.197, Codex 0.171.0, Copilot CLI 1.0.102, Gemini CLI 0.61.0, Qwen Code 0.15.10, opencode
1.18.33, Continue's cn 1.5.47, goose 1.52.0, Pi 1.6.0 and Hermes 0.19.0. Each has another name for the tool. Where one
asks before a call, its own option answers.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Run
from tests.contract.tools import ADD, CALL, REGISTER, answer, calls, offering, tool
from tests.fake_proxy import FakeProxy, row
from tests.live.programs import programs
from tests.live.running import KEY, MODELS, Runner, each
from tests.live.scripted_model import ScriptedModel

ELSEWHERE = "http://127.0.0.1:9"
# Claude Code waits for its servers, however busy the machine is, and Gemini CLI trusts the folder.
PATIENT = {"MCP_CONNECTION_NONBLOCKING": "0", "MCP_TIMEOUT": "60000", "GEMINI_CLI_TRUST_WORKSPACE": "true"}
# What the user of this machine may have set.
THEIRS = ("ANTHROPIC_", "CLAUDE", "CODEX_", "OPENAI_", "COPILOT_", "GEMINI_", "GOOGLE_", "QWEN_", "CONTINUE_", "GOOSE_")


class Case(NamedTuple):
    """An agent: its name for `export`, how it completes a prompt, its own list of servers, and a file of the user.

    `alone` are more words with which it completes the prompt by what `export` wrote, without `run`.
    """

    export: str
    words: tuple[str, ...]
    listing: tuple[str, ...]
    listed: str
    path: str
    own: str
    alone: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return self.words[0]


OURS = "litellm"
# Names of 200 characters, and of 54, with which mcp_other_ has the 64 that `mcp serve` gives by itself: they differ in
# the middle, or at the end, where agents cut.
LONG = [
    *("ping_" * 20 + number + "_pong" * 19 for number in ("first", "other")),
    *(
        f"ping_{number}_" + "pong_" * 8 + last
        for number, last in (("first", "one"), ("other", "one"), ("first", "two"))
    ),
]
CASES = [
    Case(
        "claude-code",
        ("claude", "-p", "Add", "--allowedTools", f"mcp__{OURS}"),
        ("claude", "mcp", "list"),
        rf"(?m)^{OURS}: .*Connected$",
        ".claude.json",
        '{"theme": "dark", "mcpServers": {}}\n',
        ("--model", "gpt-4o"),
    ),
    Case(
        "codex",
        (
            *("codex", "exec", "--skip-git-repo-check", "Add"),
            *("-c", f'mcp_servers.{OURS}.default_tools_approval_mode="approve"'),
        ),
        ("codex", "mcp", "list"),
        rf"(?m)^{OURS} .*enabled",
        ".codex/config.toml",
        '# Mine.\nmodel_reasoning_effort = "low"\n',
        ("-c", "model_provider=litellm", "-m", "gpt-4o"),
    ),
    Case(
        "copilot",
        ("copilot", "-p", "Add", "--allow-tool", OURS),
        ("copilot", "mcp", "list"),
        rf"{OURS} \(local\)",
        ".copilot/mcp-config.json",
        '{"mcpServers": {}}\n',
    ),
    Case(
        "gemini",
        ("gemini", "--skip-trust", "-p", "Add", "--approval-mode", "yolo"),
        ("gemini", "mcp", "list"),
        rf"{OURS}: .* - Connected",
        ".gemini/settings.json",
        '{\n  // Mine.\n  "ui": {"hideBanner": true}\n}\n',
    ),
    Case(
        "qwen",
        ("qwen", "-p", "Add", "--approval-mode", "yolo"),
        ("qwen", "mcp", "list"),
        rf"{OURS}: .* - Connected",
        ".qwen/settings.json",
        '{\n  // Mine.\n  "$version": 4\n}\n',
    ),
    Case(
        "opencode",
        ("opencode", "run", "Add"),
        ("opencode", "mcp", "list"),
        rf"✓ {OURS} .*connected",
        ".config/opencode/opencode.json",
        '{\n  // Mine.\n  "share": "disabled"\n}\n',
        ("-m", "litellm/gpt-4o"),
    ),
    # It has no list of its own, nor has goose.
    Case(
        "continue",
        ("cn", "-p", "Add", "--auto"),
        (),
        "",
        ".continue/config.yaml",
        "# Mine.\nname: Mine\nversion: 1.0.0\nschema: v1\n",
        (),
    ),
    Case(
        "goose",
        ("goose", "run", "--quiet", "-t", "Add"),
        (),
        "",
        ".config/goose/config.yaml",
        "# Mine.\nGOOSE_DISABLE_KEYRING: true\n",
        ("--provider", "custom_litellm", "--model", "gpt-4o"),
    ),
    Case(
        "pi",
        ("pi", "-p", "Add"),
        ("pi", "mcp", "list"),
        "connected, 7 tools",
        ".pi/agent/mcp.json",
        '{"mcpServers": {}}\n',
        ("--provider", "litellm", "--model", "gpt-4o"),
    ),
    Case(
        "hermes",
        ("hermes", "-z", "Add"),
        ("hermes", "mcp", "test", OURS),
        "mcp_lab_add .*Does add",
        ".hermes/config.yaml",
        "# Mine.\ndisplay:\n  skin: default\n",
    ),
]


@pytest.fixture
def runner(env: dict[str, str], home: Path, tmp_path: Path) -> Runner:
    for name in list(env):
        if name.startswith(THEIRS):
            del env[name]
    return Runner(env, home, tmp_path / "project")


@pytest.fixture
def model(proxy: FakeProxy, env: dict[str, str], home: Path) -> ScriptedModel:
    """A proxy with a tool that adds, and a model that calls it, for a user whose login is stored."""
    facts = {"max_input_tokens": 128_000, "max_output_tokens": 16_384}
    proxy.models(*(row(name, **facts) for name in MODELS), times=None)
    proxy.on("/", method="HEAD", times=None)
    proxy.on("/v1/models", {"data": [{"id": name, "object": "model"} for name in MODELS]}, times=None)
    # Hermes looks whether it is another server.
    for path in ("/v1/props", "/props", "/api/tags", "/api/v1/models", "/version"):
        proxy.on(path, status=404, times=None)
    offering(proxy, tool("add", ADD), tool("register", REGISTER), *(tool(name, server="other") for name in LONG))
    # Agents start servers without the user's variables.
    del env["LITELLM_BASE_URL"], env["LITELLM_API_KEY"]
    (home / "config").mkdir()
    (home / "config/config.toml").write_text(
        f'[profiles.default]\nbase_url = "{proxy.url}"\napi_key = "{KEY}"\n[profiles.work]\nbase_url = "{ELSEWHERE}"\n'
    )
    script = ScriptedModel("mcp_lab_add", {"a": 40, "b": 2})
    script.serve(proxy, *MODELS)
    return script


@each(*CASES)
def test_it_calls_a_tool_of_the_proxy(
    case: Case, proxy: FakeProxy, model: ScriptedModel, run: Run, runner: Runner
) -> None:
    proxy.on(CALL, answer("forty-two"), method="POST")
    runner.own({case.path: case.own})
    run("export", case.export, "--mcp", "--write")
    said = runner(*case.words, options=["--model", "gpt-4o"], **PATIENT)
    assert "forty-two" in said, f"offered: {sorted(model.offered)}"
    (request,) = calls(proxy)
    assert request.json == {"server_id": "id-lab", "name": "add", "arguments": {"a": 40, "b": 2}}
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    # No other tool is lost on the way, whatever its schema refers to or its name has in common with another, and each
    # has a name that any provider takes.
    read = b"".join(request.body for request in proxy.requests)
    if case.name != "pi":  # which shows a model no tool before it searches for one
        assert b"mcp_lab_register" in read
        assert len({*re.findall(rb"[\w.-]*mcp_other_ping[\w.-]*", read)}) == len(LONG)
    assert all(re.fullmatch(r"[\w-]{1,64}", name.rpartition("/")[2]) for name in model.offered)


@each(*CASES)
def test_undo_gives_its_file_back(case: Case, model: ScriptedModel, run: Run, runner: Runner, home: Path) -> None:
    runner.own({case.path: case.own})
    run("export", case.export, "--mcp", "--write")
    assert "litellmctl" in (home / case.path).read_text("utf-8")
    run("export", case.export, "--undo")
    assert (home / case.path).read_text("utf-8") == case.own


@each(*(case for case in CASES if case.listing))
def test_its_own_list_has_the_server(
    case: Case, model: ScriptedModel, run: Run, runner: Runner, env: dict[str, str]
) -> None:
    runner.own({case.path: case.own})
    run("export", case.export, "--mcp", "--write")
    runner.folder.mkdir()
    program = programs(env, runner.folder, stderr=subprocess.STDOUT)
    listed = program(*case.listing, **PATIENT)
    assert re.search(case.listed, listed), listed


@each(*CASES)
def test_without_a_login_it_starts_and_its_model_reads_what_to_do(
    case: Case, proxy: FakeProxy, model: ScriptedModel, run: Run, runner: Runner
) -> None:
    runner.own({case.path: case.own})
    run("export", case.export, "--mcp", "--profile", "work", "--write")
    runner(*case.words, options=["--model", "gpt-4o"], **PATIENT)
    told = [request for request in proxy.requests if b"litellmctl login --profile work" in request.body]
    assert told, f"offered: {sorted(model.offered)}"
    assert not calls(proxy)


@each(*(case for case in CASES if case.alone is not None))
def test_models_and_tools_in_one_write_need_no_run(
    case: Case, proxy: FakeProxy, model: ScriptedModel, run: Run, runner: Runner, env: dict[str, str], home: Path
) -> None:
    proxy.on(CALL, answer("forty-two"), method="POST")
    runner.own({case.path: case.own})
    run("export", case.export, "--all", "--write")
    runner.folder.mkdir()
    # opencode and Continue have the key from a variable.
    key = run("token").strip()
    said = programs(env, runner.folder)(*case.words, *(case.alone or ()), LITELLM_API_KEY=key, **PATIENT)
    assert "forty-two" in said, f"offered: {sorted(model.offered)}"
    assert len(calls(proxy)) == 1
    run("export", case.export, "--undo")
    assert "litellmctl" not in (home / case.path).read_text("utf-8")
