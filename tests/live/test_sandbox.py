"""The sandbox with LiteLLM itself; tests/contract/test_sandbox.py has what does not need it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.effort import until
from tests.server import listens

pytestmark = pytest.mark.sandbox
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SECONDS = 90  # a start takes about ten, several times that on a busy machine


@pytest.fixture
def user(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A user with keys, and signed in somewhere else."""
    (tmp_path / "tmp").mkdir()
    return {
        **env,
        "TMPDIR": str(tmp_path / "tmp"),
        "OPENAI_API_KEY": "sk-of-the-user",
        "LITELLM_BASE_URL": "https://real.example.com",
        "LITELLM_API_KEY": "sk-real",
    }


@pytest.fixture
def run(start_sandbox: Start) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        running = start_sandbox(*words)
        stdout, stderr = running.communicate(timeout=SECONDS)
        return running.returncode, stdout, stderr

    return run


def lines_of(process: subprocess.Popen[str]) -> str:
    """The address out of what it says, once it is ready."""
    assert process.stderr
    base_url = process.stderr.readline().split()[5]
    assert process.stderr.readline().startswith("Ready after ")
    return base_url


# Prints what the proxy answers, as a JSON object.
ASK = """
import http.client, json, os, subprocess, sys, urllib.parse
url = urllib.parse.urlsplit(os.environ["LITELLM_BASE_URL"])
def ask(method, path, body=None):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    headers = {"Authorization": "Bearer " + os.environ["LITELLM_API_KEY"], "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return [answer.status, json.loads(answer.read() or b"null")]
def chat(model):
    return ask("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hi"}]})
server = ask("GET", "/v1/mcp/server")[1][0]["server_id"]
def call(name, **arguments):
    return ask("POST", "/mcp-rest/tools/call", {"server_id": server, "name": name, "arguments": arguments})[1]
print(json.dumps({
    "models": json.loads(subprocess.check_output([sys.executable, "-m", "litellmctl", "models", "--all", "--json"])),
    "chat": chat("gpt-4o"),
    "wildcard": chat("groq/llama-guard-3-8b"),
    "limited": chat("limited"),
    "responses": ask("POST", "/v1/responses", {"model": "codex", "input": "Hi"}),
    "embedding": ask("POST", "/v1/embeddings", {"model": "embed", "input": "Hi"}),
    "image": ask("POST", "/v1/images/generations", {"model": "image", "prompt": "Hi"}),
    # Has no mock answer, so LiteLLM would ask the provider.
    "speech": ask("POST", "/v1/audio/speech", {"model": "groq/canopylabs/orpheus-v1-english", "input": "Hi", "voice": "x"}),
    "prices": [row["model_info"] for row in ask("GET", "/model/info")[1]["data"] if row["model_name"] == "house-priced"],
    "tools": ask("GET", "/mcp-rest/tools/list")[1]["tools"],
    "add": call("add", a=2),
    "convert": call("convert", value=212, to="celsius", rounded=True),
    "total": call("total", numbers=[1, 2.5]),
    "greet": call("greet", person={"name": "Ada", "age": 36}, tags=["x"]),
    "fail": call("fail", message="oh"),
    "slow": call("slow", seconds=0.1),
}))
"""


def test_answers(run, tmp_path):
    code, stdout, stderr = run("run", sys.executable, "-c", ASK)
    assert code == 0, stderr
    assert "Starting a LiteLLM proxy on http://127.0.0.1:" in stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    seen = json.loads(stdout)
    has_the_models({model["id"]: model for model in seen["models"]})
    assert seen["chat"][1]["choices"][0]["message"]["content"] == "Hello from gpt-4o."
    assert seen["wildcard"][1]["choices"][0]["message"]["content"] == "Hello from groq."
    assert seen["limited"][0] == 429
    assert seen["responses"][0] == 200
    assert "Hello from codex." in json.dumps(seen["responses"][1])
    assert seen["embedding"][1]["data"][0]["embedding"] == [0.1, 0.2, 0.3]
    assert seen["image"][1]["data"][0]["url"] == "https://example.com/image.png"
    assert seen["speech"][0] >= 400
    assert [(prices["input_cost_per_token"], prices["output_cost_per_token"]) for prices in seen["prices"]] == [
        (1e-6, 2e-6)
    ]

    kinds = {json.dumps(kind) for tool in seen["tools"] for kind in _kinds(tool["inputSchema"])}
    assert {'"string"', '"integer"', '"number"', '"boolean"', '"array"', '"object"', '"enum"', '"default"'} <= kinds
    assert seen["add"]["structuredContent"] == {"result": 3}
    assert seen["convert"]["structuredContent"] == {"value": 100, "unit": "celsius"}
    assert seen["total"]["content"][0]["text"] == "3.5"
    assert seen["greet"]["content"][0]["text"] == "Hello Ada (36) #x"
    assert seen["slow"]["content"][0]["text"] == "slept 0.1 s"
    assert seen["fail"]["isError"]
    assert seen["fail"]["content"][0]["text"].endswith("oh")


def has_the_models(models: dict[str, dict[str, Any]]) -> None:
    assert {"gpt-4o", "gpt-4o-mini", "claude-sonnet", "codex", "embed", "image", "homemade", "limited", "pool"} <= set(
        models
    )
    assert {model["mode"] for model in models.values()} >= {"chat", "responses", "embedding", "image_generation"}
    assert models["claude-sonnet"]["providers"] == ["anthropic"]
    assert models["homemade"]["cost"]["input"] is None
    assert models["homemade"]["context_window"] is None
    assert (models["house-priced"]["cost"]["input"], models["house-priced"]["cost"]["output"]) == (1, 2)
    assert models["pool"]["deployments"] == 2
    assert models["pool"]["context_window"] < models["gpt-4o"]["context_window"]
    assert "groq/*" not in models
    assert sum(name.startswith("groq/") for name in models) > 3


def _kinds(schema: object) -> Iterator[object]:
    if isinstance(schema, dict):
        if "type" in schema:
            yield schema["type"]
        yield from {"enum", "default"} & set(schema)
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _kinds(part)


@posix
def test_ctrl_c(start_sandbox, tmp_path):
    running = start_sandbox("run", sys.executable, "-c", "import time; time.sleep(100)")
    base_url = lines_of(running)
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=15)
    assert running.returncode == 130
    assert not listens(base_url)
    assert list((tmp_path / "tmp").iterdir()) == []


@posix
def test_kill_leaves_nothing(start_sandbox, tmp_path):
    """Not even the MCP server, whose tool is being called."""
    code = ASK.split("print(", maxsplit=1)[0] + 'print(flush=True); call("slow", seconds=600)'
    running = start_sandbox("run", sys.executable, "-c", code)
    base_url = lines_of(running)
    running.stdout.readline()
    until(lambda: _processes("mcp_server.py", str(tmp_path)), seconds=SECONDS)
    running.kill()
    until(lambda: not listens(base_url))
    until(lambda: not _processes("mcp_server.py", str(tmp_path)))


def _processes(script: str, below: str) -> list[int]:
    """The processes that run this script of ours in a folder below that one."""
    found = []
    for folder in Path("/proc").iterdir() if sys.platform == "linux" else []:
        try:
            if script in (folder / "cmdline").read_text() and below in os.readlink(folder / "cwd"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_life(run, user, tmp_path):
    code, stdout, stderr = run("up", "--json")
    assert code == 0, stderr
    up = json.loads(stdout)
    assert up["status"] == "running"
    if sys.platform == "linux":
        environment = Path(f"/proc/{up['pid']}/environ").read_bytes().decode()
        assert "sk-of-the-user" not in environment
        assert "sk-real" not in environment
        assert "real.example.com" not in environment
    assert run("status", "--json")[1] == stdout
    assert run("up", "-q", "--json") == (0, stdout, "")
    code, models, stderr = run("run", "litellmctl", "models", "show", "gpt-4o", "--json")
    assert (code, json.loads(models)["context_window"]) == (0, 128000)
    assert stderr == f"Using the sandbox at {up['base_url']}\n"
    assert "GET /v1/models HTTP/1.1" in run("logs")[1]
    assert "\x1b" not in run("logs", "-n", "500")[1]
    assert run("run", "-q", sys.executable, "-c", "raise SystemExit(9)") == (9, "", "")
    assert listens(up["base_url"])
    assert run("down")[0] == 0
    assert not listens(up["base_url"])
    assert json.loads(run("status", "--json")[1])["status"] == "stopped"
    assert "Application startup complete" in run("logs", "-n", "500")[1]


@posix
def test_terminal(user, tmp_path):
    """A shell in which Ctrl-C is the shell's own business."""
    pexpect = pytest.importorskip("pexpect")
    waits = 'import os, time; print("at:" + os.environ["LITELLM_BASE_URL"], flush=True); time.sleep(60)'
    (tmp_path / "waits.py").write_text(waits)
    words = ["-m", "litellmctl", "sandbox", "run", "bash", "--norc", "-i"]
    child = pexpect.spawn(sys.executable, words, env={**user, "PS1": "ready$ "}, timeout=SECONDS, encoding="utf-8")
    child.expect(r"ready\$ ")
    child.sendintr()
    child.expect(r"ready\$ ")
    # Not echo and sleep: Ctrl-C between the two is lost.
    child.sendline(f"{sys.executable} {tmp_path / 'waits.py'}")
    child.expect(r"at:(http://127\.0\.0\.1:\d+)")
    base_url = child.match[1]
    child.sendintr()
    child.expect("KeyboardInterrupt")
    child.expect(r"ready\$ ")
    assert listens(base_url)
    child.sendline("exit 3")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert not listens(base_url)
