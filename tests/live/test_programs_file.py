"""The real programs that take the proxy from a file: they list the models and complete a prompt."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row
from tests.live.conftest import Lab
from tests.live.programs import PATH, PROGRAMS, Program, needs, programs
from tests.live.scripted_model import chat, responses

AsUser = Callable[[str], None]

AIDER = ["--no-git", "--yes-always", "--no-check-update", "--no-analytics", "--no-pretty", "--no-fancy-input"]
NASTY = 'it\'s "q" $HOME/é'


@pytest.fixture(autouse=True)
def theirs(env: dict[str, str]) -> None:
    for name in ("OPENCODE_CONFIG", "CODEX_HOME", "LLM_USER_PATH", "CONTINUE_GLOBAL_DIR", "OPENAI_API_KEY"):
        env.pop(name, None)


@pytest.fixture
def program(env: dict[str, str], tmp_path: Path) -> Program:
    """Run a program in an empty folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return programs(env, folder)


@pytest.fixture
def as_admin(lab: Lab, as_user: AsUser, env: dict[str, str]) -> None:
    """The user has the lab's master key, also as `eval "$(litellmctl env)"` gives it."""
    as_user(lab.master_key)
    env["OPENAI_API_KEY"] = lab.master_key


def asked(proxy: FakeProxy) -> dict[str, Any]:
    """Return what the program asked for at last, with the key of the test."""
    request = proxy.requests[-1]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    body: dict[str, Any] = request.json
    return body


@pytest.fixture
def names() -> list[str]:
    """The models of a proxy whose administrator plays tricks."""
    return [NASTY]


@pytest.fixture
def nasty(proxy: FakeProxy, env: dict[str, str], names: list[str]) -> FakeProxy:
    env["OPENAI_API_KEY"] = env["LITELLM_API_KEY"]
    proxy.models(*(row(name, max_input_tokens=128000, max_output_tokens=1000) for name in names), times=None)
    return proxy.on("/v1/chat/completions", method="POST", respond=chat("hello there"), times=None)


# --- llm


@needs("llm")
@pytest.mark.database
def test_llm_lists_the_models_and_completes_a_prompt(run: Run, as_admin: None, program: Program, home: Path) -> None:
    path = home / ".config/io.datasette.llm/extra-openai-models.yaml"
    assert str(path.parent) + "/logs.db" == program("llm", "logs", "path").strip()
    run("export", "llm", "--write")
    listed = program("llm", "models", "list").splitlines()
    assert {"OpenAI Chat: litellm/gpt-4o", "OpenAI Chat: litellm/homemade", "OpenAI Responses: litellm/codex"} <= {
        *listed
    }
    for name, answer in {"gpt-4o": "hello from gpt-4o", "claude-sonnet": "hello from claude"}.items():
        assert program("llm", "-m", f"litellm/{name}", "Hi").strip() == answer
    details = program("llm", "models", "list", "-m", "litellm/gpt-4o", "--options")
    assert all(word in details for word in ("streaming", "schemas", "tools", "image/png"))
    run("export", "llm", "--undo")
    assert "litellm/" not in program("llm", "models", "list")


@needs("llm")
@pytest.mark.database
def test_llm_takes_the_key_from_its_own_store(run: Run, lab: Lab, as_admin: None, program: Program) -> None:
    run("export", "llm", "--write", "--id", "work")
    program("llm", "keys", "set", "work", "--value", lab.master_key)
    assert program("llm", "-m", "work/gpt-4o", "Hi", OPENAI_API_KEY="wrong").strip() == "hello from gpt-4o"


@needs("llm")
def test_llm_asks_the_terminal_for_a_key_whatever_is_piped(env: dict[str, str]) -> None:
    """So that no note says `litellmctl token | llm keys set litellm`."""
    llm = shutil.which("llm", path=PATH)
    child = pexpect.spawn("sh", ["-c", f"echo sk-piped | {llm} keys set x"], env=env, encoding="utf-8", timeout=30)
    child.expect("Enter key: ")
    child.sendline("sk-typed")
    child.expect(pexpect.EOF)
    assert "sk-typed" in (Path(env["HOME"]) / ".config/io.datasette.llm/keys.json").read_text()


@needs("llm")
def test_llm_and_a_nasty_name(run: Run, nasty: FakeProxy, program: Program) -> None:
    run("export", "llm", "--write")
    assert program("llm", "-m", f"litellm/{NASTY}", "Hi").strip() == "hello there"
    assert asked(nasty)["model"] == NASTY


# --- aider


@needs("aider")
@pytest.mark.database
def test_aider_completes_a_prompt_and_knows_limits_and_prices(run: Run, as_admin: None, program: Program) -> None:
    run("export", "aider", "--write")
    printed = program("aider", *AIDER, "--no-stream", "--model", "openai/claude-sonnet", "--message", "Hi")
    assert "hello from claude" in printed
    # 10 tokens at $3 and 20 at $15 a million, of which LiteLLM's own list has nothing below this name.
    assert "Tokens: 10 sent, 20 received. Cost: $0.00033 message" in printed
    assert "Unknown context window size" not in printed
    assert "- openai/homemade" in program("aider", *AIDER, "--list-models", "openai/homemade")


@needs("aider")
def test_aider_and_a_nasty_name(run: Run, nasty: FakeProxy, program: Program) -> None:
    run("export", "aider", "--write")
    printed = program("aider", *AIDER, "--model", f"openai/{NASTY}", "--map-tokens", "0", "--message", "Hi")
    assert "hello there" in printed
    assert asked(nasty)["model"] == NASTY


# --- opencode


@needs("opencode")
@pytest.mark.database
def test_opencode_lists_the_models_and_completes_a_prompt(
    run: Run, as_admin: None, program: Program, home: Path
) -> None:
    run("export", "opencode", "--write")
    path = home / ".config/opencode/opencode.json"
    before = path.read_bytes()
    listed = program("opencode", "models", "litellm", "--verbose")
    models = {one["id"]: one for one in map(json.loads, re.findall(r"^\{.*?^\}", listed, re.DOTALL | re.MULTILINE))}
    assert {"gpt-4o", "claude-sonnet", "homemade", "groq/openai/gpt-oss-120b"} <= models.keys()
    assert models["gpt-4o"]["limit"] == {"context": 128000, "output": 16384}
    assert models["gpt-4o"]["cost"]["input"] == 2.5
    assert models["gpt-4o"]["capabilities"]["input"]["image"] is True
    assert "hello from gpt-4o" in program("opencode", "run", "-m", "litellm/gpt-4o", "Hi")
    assert path.read_bytes() == before
    run("export", "opencode", "--undo")
    assert not path.exists()


@needs("opencode")
@pytest.mark.parametrize("names", [[NASTY, "a\nb", "{file:/etc/hostname}", "{env:HOME}", "__proto__", "constructor"]])
def test_opencode_and_nasty_names(run: Run, nasty: FakeProxy, program: Program) -> None:
    run("export", "opencode", "--write")
    assert program("opencode", "models", "litellm") == f"litellm/a\nb\nlitellm/{NASTY}\n"
    assert "hello there" in program("opencode", "run", "-m", f"litellm/{NASTY}", "Hi")
    assert asked(nasty)["model"] == NASTY


# --- Codex


@needs("codex")
@pytest.mark.database
def test_codex_gets_the_models_from_the_proxy(run: Run, as_admin: None, program: Program) -> None:
    run("export", "codex", "--write")
    listed = json.loads(program("codex", "debug", "models", "-c", "model_provider=litellm"))["models"]
    names = {one["slug"] for one in listed}
    assert {"gpt-4o", "claude-sonnet", "homemade"} <= names
    run("export", "codex", "--undo")


@needs("codex")
def test_codex_completes_a_prompt(run: Run, proxy: FakeProxy, program: Program) -> None:
    # Not in the lab: LiteLLM's mock_response does not stream /v1/responses.
    proxy.models(row("gpt-4o"), times=None)
    proxy.on("/v1/models", {"data": [{"id": "gpt-4o", "object": "model"}], "object": "list"}, times=None)
    proxy.on("/v1/responses", method="POST", respond=responses("hello there"), times=None)
    run("export", "codex", "--write")
    words = ["exec", "--skip-git-repo-check", "-c", "model_provider=litellm", "-m", "gpt-4o", "Hi"]
    assert program("codex", *words).strip() == "hello there"
    assert asked(proxy)["model"] == "gpt-4o"


# --- Continue, by its command-line program, which reads the same file as its extensions


@needs("cn")
@pytest.mark.database
def test_continue_completes_a_prompt(run: Run, as_admin: None, program: Program, home: Path) -> None:
    run("export", "continue", "--write", "--models", "gpt-4o", "--models", "homemade")
    assert program("cn", "-p", "Hi").strip() == "hello from gpt-4o"
    # Behind what the user has.
    run("export", "continue", "--undo")
    path = home / ".continue/config.yaml"
    path.write_text("# mine\nname: Mine\nversion: 0.0.1\nrules:\n  - Be brief.   # !\n")
    run("export", "continue", "--write", "--models", "homemade")
    assert path.read_text().startswith("# mine\nname: Mine\nversion: 0.0.1\nrules:\n  - Be brief.   # !\n")
    assert program("cn", "-p", "Hi").strip() == "hello from homemade"


@needs("cn")
def test_continue_and_a_nasty_name(run: Run, nasty: FakeProxy, program: Program) -> None:
    run("export", "continue", "--write")
    assert program("cn", "-p", "Hi").strip() == "hello there"
    assert asked(nasty)["model"] == NASTY


@pytest.mark.skipif(
    not (PROGRAMS / "npm/node_modules/@continuedev/config-yaml").exists(), reason="config-yaml is not installed"
)
def test_continues_own_schema_accepts_it(run: Run, proxy: FakeProxy, home: Path) -> None:
    facts = {"supports_function_calling": True, "supports_vision": True, "max_output_tokens": 5}
    proxy.models(row("gpt-4o", max_input_tokens=9, **facts), row(NASTY), row("no", **facts), times=None)
    run("export", "continue", "--write")
    script = """
    import { configYamlSchema, modelSchema } from "@continuedev/config-yaml";
    import { readFileSync } from "node:fs";
    import YAML from "yaml";
    const found = YAML.parse(readFileSync(process.argv[1], "utf8"));
    configYamlSchema.parse(found);
    for (const model of found.models) {
      const kept = modelSchema.parse(model);
      if (JSON.stringify(Object.keys(kept).sort()) !== JSON.stringify(Object.keys(model).sort())) throw new Error("unknown keys");
    }
    console.log(JSON.stringify(found.models.map((model) => model.model)));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, str(home / ".continue/config.yaml")],
        cwd=PROGRAMS / "npm",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["gpt-4o", NASTY, "no"]
