"""MCP tools through the real proxy: each tool of the lab's servers, a server that is down, keys that may and may not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.live.conftest import Lab

pytestmark = pytest.mark.database

TOOLS = [
    "add",
    "convert",
    "crash",
    "dotted.name-1",
    "either",
    "fail",
    "mixed",
    "picture",
    "ping",
    "register",
    "slow",
    "total",
]
PIXEL = b"\x89PNG"


@pytest.fixture
def admin(as_user: Callable[[str], None], lab: Lab) -> None:
    as_user(lab.master_key)


@pytest.fixture
def server_down(lab: Lab) -> Iterator[str]:
    """A server that nobody answers for, at the proxy while the test runs."""
    body = {"server_name": "lab_gone", "url": "http://127.0.0.1:9/mcp", "transport": "http"}
    made = lab.ask("POST", "/v1/mcp/server", json=body)
    made.raise_for_status()
    yield "lab_gone"
    lab.ask("DELETE", f"/v1/mcp/server/{made.json()['server_id']}")


@pytest.mark.usefixtures("admin")
def test_the_servers_and_their_tools(run: Run) -> None:
    servers = {row["name"]: row for row in run("mcp", "servers", "--json").json}
    assert {name: (row["status"], row["tools"]) for name, row in servers.items()} == {
        "lab_http": ("ok", len(TOOLS)),
        "lab_stdio": ("ok", len(TOOLS)),
    }
    tools = run("mcp", "list", "--json").json
    assert [f"{tool['server']}/{tool['name']}" for tool in tools] == [
        f"{server}/{name}" for server in ("lab_http", "lab_stdio") for name in TOOLS
    ]
    assert len({tool["full_name"] for tool in tools}) == len(tools)
    only = run("mcp", "list", "--server", "lab_http", "--filter", "p*", "--fields", "name")
    assert only.split() == ["picture", "ping"]


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("tool", "items", "text"),
    [
        ("add", ["a=2", "b=3"], "5"),
        ("add", ["a=2"], "3"),
        ("ping", [], "pong"),
        ("either", ["key=7"], "int:7:None"),
        ("either", ["key=seven", "note=x"], "str:seven:x"),
        ("either", ["key=1", "note:=null"], "int:1:None"),
        ("total", ["numbers=1", "numbers=2.5", "matrix:=[[1],[2]]"], "6.5"),
        ("register", ["person.name=Ada", "person.age=36", "person.address.street=Lane"], "Ada (36), Lane, []"),
        ("register", ['person:={"name":"A","age":1,"address":{"street":"L"}}', "tags=x"], "A (1), L, ['x']"),
        ("dotted.name-1", ["value=fine"], "fine"),
        ("slow", ["seconds=0.2"], "slept 0.2"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else str(value)[:20],
)
def test_each_kind_of_parameter(run: Run, tool: str, items: list[str], text: str) -> None:
    assert run("mcp", "call", f"lab_http/{tool}", *items) == f"{text}\n"


@pytest.mark.usefixtures("admin")
def test_a_server_that_is_a_program_at_the_proxy(run: Run) -> None:
    assert run("mcp", "call", "lab_stdio/add", "a=2", "b=3") == "5\n"


@pytest.mark.usefixtures("admin")
def test_structured_and_binary_results(run: Run, tmp_path: Path) -> None:
    convert = ["mcp", "call", "lab_http/convert", "value=1.5", "unit=celsius", "precise=true"]
    assert run(*convert, "--structured").json == {"value": 1.5, "unit": "celsius", "precise": True}
    assert run(*convert, "--json").json["isError"] is False
    picture = run("mcp", "call", "lab_http/picture", "--output-dir", str(tmp_path / "out"))
    assert picture == ""
    (saved,) = (tmp_path / "out").iterdir()
    assert saved.suffix == ".png"
    assert saved.read_bytes().startswith(PIXEL)
    mixed = run("mcp", "call", "lab_http/mixed")
    assert mixed == "a pixel:\n"
    assert "image/png" in mixed.stderr


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(("tool", "words"), [("fail", "it broke"), ("crash", "Error executing tool crash")])
def test_a_tool_that_fails_fails_the_command(run: Run, tool: str, words: str) -> None:
    result = run("mcp", "call", f"lab_http/{tool}", exit=5)
    assert result == ""
    assert words in result.stderr
    whole = run("mcp", "call", f"lab_http/{tool}", "--json", exit=5)
    assert whole.json["isError"] is True
    assert whole.error["exit_code"] == 5


@pytest.mark.usefixtures("admin")
def test_arguments_are_refused_before_anything_is_sent(run: Run) -> None:
    run("mcp", "list")
    result = run("mcp", "call", "lab_http/convert", "unit=kelvin", "precise=maybe", "valeu=1", "-v", exit=2)
    assert "POST" not in result.stderr
    for words in (
        "value is required",
        "valeu",
        'did you mean "value"',
        '"celsius", "fahrenheit"',
        "precise is not a boolean",
    ):
        assert words in result.stderr, result.stderr
    sent = run("mcp", "call", "lab_http/convert", "unit=kelvin", "value=1", "--no-check", exit=5)
    assert "celsius" in sent.stderr


@pytest.mark.usefixtures("admin")
def test_a_call_that_takes_too_long_is_exit_3_and_a_warm_one_is_one_request(run: Run) -> None:
    run("mcp", "list")
    start = time.monotonic()
    late = run("mcp", "call", "lab_http/slow", "seconds=20", "--timeout", "1", "--json", exit=3)
    assert late.error["code"] == "timeout"
    assert "may have taken effect" in late.error["message"]
    assert time.monotonic() - start < 10
    warm = run("mcp", "call", "lab_http/ping", "-v")
    assert [line.split()[:2] for line in warm.stderr.splitlines()] == [["POST", "/mcp-rest/tools/call"]]


@pytest.mark.usefixtures("admin")
def test_names(run: Run) -> None:
    assert run("mcp", "call", "mcp_lab_http_ping") == "pong\n"
    assert "lab_http/ping, lab_stdio/ping" in run("mcp", "call", "ping", exit=2).stderr
    assert 'Did you mean "lab_http"' in run("mcp", "call", "lab_htp/ping", exit=5).stderr
    assert run("mcp", "show", "lab_http/register", "--json").json["input_schema"]["required"] == ["person"]


@pytest.mark.usefixtures("admin")
def test_a_server_that_is_down_is_a_warning(run: Run, server_down: str) -> None:
    result = run("mcp", "list", "--refresh", "--json")
    assert {tool["server"] for tool in result.json} == {"lab_http", "lab_stdio"}
    assert f"MCP server {server_down} is unreachable" in result.stderr
    strict = run("mcp", "servers", "--strict", "--json", exit=3)
    assert {row["name"]: row["status"] for row in strict.json}[server_down] == "unreachable"


def test_a_key_without_access_is_exit_4(run: Run, as_user: Callable[[str], None], lab: Lab) -> None:
    as_user(lab.new_key(models=["gpt-4o"]))
    tools = run("mcp", "list", "--json").json
    assert {tool["server"] for tool in tools} == {"lab_stdio"}
    assert run("mcp", "list", "--server", "lab_http", exit=5) == ""
    as_user("sk-none-of-the-keys-0123456789")
    assert run("mcp", "list", exit=4) == ""
    assert run("mcp", "call", "lab_http/ping", exit=4) == ""


@pytest.mark.usefixtures("admin")
def test_many_calls_keep_their_order(run: Run) -> None:
    lines = "".join(f'{{"a": {number}}}\n' for number in range(40))
    many = ["mcp", "call", "lab_http/add", "b=1", "--jsonl", "-", "--jobs", "8"]
    rows = [json.loads(line) for line in run(*many, stdin=lines).splitlines()]
    assert [row["structuredContent"]["result"] for row in rows] == list(range(1, 41))
    refused = run(*many, stdin=lines + '{"a": "many"}\n', exit=2)
    assert refused == ""
    assert "line 41" in refused.stderr


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("server", ["lab_http", "lab_stdio"])
def test_the_definitions_are_tools_of_a_chat_completion(run: Run, lab: Lab, server: str) -> None:
    tools: list[Any] = run("mcp", "list", "--server", server, "--as", "openai").json
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "tools": tools}
    answer = lab.ask("POST", "/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("admin")
def test_refresh_counts_the_tools(run: Run) -> None:
    assert run("refresh", "--json").json["tools"] == 2 * len(TOOLS)


@pytest.mark.usefixtures("admin")
def test_jq_takes_it(env: dict[str, str]) -> None:
    script = "python -m litellmctl mcp list --as anthropic | jq -r '.[0].name'"
    done = subprocess.run(
        ["bash", "-c", script.replace("python", sys.executable, 1)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "mcp_lab_http_add\n"
