"""`mcp serve` as a command: its options, how it begins without anything, what it says where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.answers import Gate, answering
from tests.conftest import Run, Start
from tests.contract.mcp_client import INITIALIZE, McpClient, line, text_of
from tests.contract.test_frame import HEAVY
from tests.contract.tools import ADD, CALL, TWO, answer, calls, listings, offering, server, tool
from tests.effort import until
from tests.fake_proxy import FakeProxy

READING = tool("read", annotations={"readOnlyHint": True})
PING, PONG = line("ping", id=1), b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
ROWS = [server("lab", alias="l"), server("stdio")]

Serve = Callable[..., McpClient]


@pytest.fixture
def serve(start: Start) -> Serve:
    """Start `mcp serve` with these words, and begin a session."""

    def serve(*words: str, **variables: str | None) -> McpClient:
        client = McpClient(start("mcp", "serve", *words, text=False, **variables))
        client.begin()
        return client

    return serve


# --- the choice of tools


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["mcp_lab_add", "mcp_lab_read", "mcp_stdio_ping"]),
        (["--server", "lab"], ["mcp_lab_add", "mcp_lab_read"]),
        (["--server", "l"], ["mcp_lab_add", "mcp_lab_read"]),
        (["--server", "id-stdio"], ["mcp_stdio_ping"]),
        (["--server", "lab", "--server", "stdio"], ["mcp_lab_add", "mcp_lab_read", "mcp_stdio_ping"]),
        (["--tool", "a*", "--tool", "ing"], ["mcp_lab_add", "mcp_stdio_ping"]),
        (["--tool", "lab/*"], ["mcp_lab_add", "mcp_lab_read"]),
        (["--read-only"], ["mcp_lab_read"]),
        (["--server", "lab", "--bare-names"], ["add", "read"]),
        (["--bare-names"], ["add", "ping", "read"]),
    ],
    ids=" ".join,
)
def test_options_choose_the_tools(serve: Serve, proxy: FakeProxy, words: list[str], names: list[str]) -> None:
    offering(proxy, *TWO, READING, rows=ROWS)
    client = serve(*words)
    assert sorted(client.tools()) == names
    assert client.end() == ""


@pytest.mark.parametrize(("words", "name"), [([], "mcp_lab_add"), (["--server", "lab", "--bare-names"], "add")])
def test_a_tool_is_called_by_the_name_that_it_is_listed_with(
    serve: Serve, proxy: FakeProxy, words: list[str], name: str
) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST")
    client = serve(*words)
    assert text_of(client.call(name, a=2, b=3)) == "5"
    (call,) = calls(proxy)
    assert (call.json["name"], call.json["arguments"], call.json["server_id"]) == ("add", {"a": 2, "b": 3}, "id-lab")
    client.end()


@pytest.mark.parametrize("words", [[], ["--server", "lab", "--bare-names"]], ids=" ".join)
def test_names_have_room_for_what_a_client_puts_before_them(serve: Serve, proxy: FakeProxy, words: list[str]) -> None:
    long = [f"summarize_the_{number}_quarter_of_the_year" for number in ("first", "fourth")]
    offering(proxy, tool("add"), *(tool(name) for name in long), rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST")
    client = serve("--name-length", "24", *words)
    names = sorted(client.tools())
    assert "add" in names or "mcp_lab_add" in names
    assert [len(name) for name in names if not name.endswith("add")] == [24, 24]
    assert text_of(client.call(names[-1])) == "5"
    (call,) = calls(proxy)
    assert call.json["name"] in long
    client.end()


def test_a_tool_that_is_not_chosen_cannot_be_called(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    client = serve("--server", "stdio")
    client.tools()
    assert client.call("mcp_lab_add", a=1)["isError"] is True
    assert calls(proxy) == []
    client.end()


def test_schemas_are_those_of_the_server_with_raw_schemas(serve: Serve, proxy: FakeProxy) -> None:
    schema = {"type": "object", "properties": {"when": {"$ref": "#/$defs/When"}}, "$defs": {"When": {"type": "string"}}}
    offering(proxy, tool("plan", schema), rows=ROWS)
    client = serve("--raw-schemas")
    assert client.tools()["mcp_lab_plan"]["inputSchema"] == schema
    client.end()


def test_a_header_goes_to_its_server(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST")
    client = serve("--server-header", "lab:token=$TOKEN", TOKEN="secret-of-the-user")
    client.call("mcp_lab_add", a=2)
    assert calls(proxy)[0].headers["x-mcp-lab-token"] == "secret-of-the-user"
    assert "secret-of-the-user" not in client.end()


def test_a_header_from_a_file_is_read_again(serve: Serve, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST")
    file = home / "token"
    client = serve("--server-header", f"lab:token=@{file}")
    assert "mcp_lab_add" not in client.tools()
    file.write_text("secret-of-the-user\n")
    client.call(next(iter(client.tools())))
    assert "mcp_lab_add" in client.tools()
    client.call("mcp_lab_add", a=2)
    assert calls(proxy)[0].headers["x-mcp-lab-token"] == "secret-of-the-user"
    client.end()


# --- what is wrong is a tool that says so, since an agent shows nothing of a server that exits


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--server", "lba"], 'no MCP server "lba"'),
        (["--server-header", "lab:token=abc"], "visible in the process list"),
        (["--server-header", "lab:token=$NOT_SET"], "NOT_SET"),
        (["--server-header", "nonsense"], "SERVER:NAME=VALUE"),
        (["--base-url", "nonsense://"], "--base-url"),
        (["--auth", "stored"], "litellmctl login"),
        (["--profile", "nobody"], "nobody"),
        (["--offline"], "--offline"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_problem_is_the_only_tool(serve: Serve, proxy: FakeProxy, words: list[str], said: str) -> None:
    offering(proxy, *TWO, rows=ROWS)
    client = serve(*words)
    ((name, problem),) = client.tools().items()
    assert said.lower() in problem["description"].lower()
    result = client.call(name)
    assert result["isError"] is True
    assert said.lower() in text_of(result).lower()
    client.end()


def test_it_starts_without_a_login_and_heals_with_one(serve: Serve, fake: FakeProxy, home: Path) -> None:
    offering(fake, *TWO, rows=ROWS)
    fake.on(CALL, answer("5"), method="POST")
    client = serve()
    ((name, problem),) = client.tools().items()
    assert "litellmctl login" in problem["description"]
    assert "litellmctl login" in text_of(client.call(name))
    (home / "config").mkdir(exist_ok=True)
    (home / "config/config.toml").write_text(f'[profiles.default]\nbase_url = "{fake.url}"\napi_key = "$MY_KEY"\n')
    assert "MY_KEY" in text_of(client.call(name))
    (home / "config/key").write_text("sk-of-mine")
    (home / "config/config.toml").write_text(
        f'[profiles.default]\nbase_url = "{fake.url}"\napi_key = "!cat {home}/config/key"\n'
    )
    client.call(name)
    client.notified("notifications/tools/list_changed")
    assert sorted(client.tools()) == ["mcp_lab_add", "mcp_stdio_ping"]
    assert text_of(client.call("mcp_lab_add", a=2)) == "5"
    assert calls(fake)[0].headers["Authorization"] == "Bearer sk-of-mine"
    client.end()


def test_it_starts_with_a_config_that_cannot_be_read(serve: Serve, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, *TWO, rows=ROWS)
    (home / "config").mkdir()
    (home / "config/config.toml").write_text("default_profile = \n")
    client = serve()
    ((name, problem),) = client.tools().items()
    assert "config.toml is not valid TOML" in problem["description"]
    (home / "config/config.toml").unlink()
    client.call(name)
    client.notified("notifications/tools/list_changed")
    assert sorted(client.tools()) == ["mcp_lab_add", "mcp_stdio_ping"]
    client.end()


def test_it_starts_with_logins_that_cannot_be_read(serve: Serve, fake: FakeProxy, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config/logins.json").write_text("{")
    client = serve()
    (problem,) = client.tools().values()
    assert "logins.json" in problem["description"]
    client.end()
    assert fake.requests == []


def test_it_starts_without_a_proxy_and_heals_once_it_is_there(serve: Serve, proxy: FakeProxy) -> None:
    proxy.on("/mcp-rest/tools/list", status=503, body={"detail": "starting"}, times=3)
    client = serve()
    ((name, problem),) = client.tools().items()
    assert "503" in problem["description"]
    offering(proxy, *TWO, rows=ROWS)
    until(lambda: client.call(name) and "mcp_lab_add" in client.tools(), "the list", 30)
    client.end()


# --- the network


def test_it_asks_nothing_of_the_proxy_while_tools_are_cached(run: Run, serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    run("mcp", "list")
    asked = len(proxy.requests)
    client = serve("--refresh", "0")
    assert sorted(client.tools()) == ["mcp_lab_add", "mcp_stdio_ping"]
    client.end()
    assert len(proxy.requests) == asked


def test_nothing_heavy_is_imported_before_the_first_call(run: Run, env: dict[str, str], proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    run("mcp", "list")
    code = (
        "import sys; from litellmctl.__main__ import main; code = main(['mcp', 'serve']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
        env=env,
        input=line("initialize", INITIALIZE, id=1) + line("tools/list", id=2),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"mcp_lab_add" in done.stdout
    assert done.stderr == b"[]\n"


def test_a_thousand_calls_in_a_row_are_a_thousand_requests(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST", times=1000)
    client = serve()
    client.tools()
    for number in range(1000):
        assert text_of(client.call("mcp_lab_add", a=number)) == "5"
    assert [call.json["arguments"]["a"] for call in calls(proxy)] == list(range(1000))
    assert listings(proxy) == 1
    client.end()


def test_32_calls_run_at_a_time(serve: Serve, proxy: FakeProxy) -> None:
    count, first = 48, 32
    together = threading.Barrier(first)
    lock = threading.Lock()
    state = {"running": 0, "most": 0}

    def respond(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            state["running"] += 1
            state["most"] = max(state["most"], state["running"])
            waits = len(calls(proxy)) <= first and not together.broken
        if waits:
            together.wait(30)  # none is answered before all of them are here
        with lock:
            state["running"] -= 1
        answering(lambda _: answer("5"))(handler)

    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, respond=respond, method="POST", times=count)
    client = serve()
    client.tools()
    numbers = [
        client.request("tools/call", {"name": "mcp_lab_add", "arguments": {"a": number}}) for number in range(count)
    ]
    assert [text_of(client.result(number)) for number in numbers] == ["5"] * count
    assert sorted(call.json["arguments"]["a"] for call in calls(proxy)) == list(range(count))
    assert state["most"] == first
    client.end()


# --- what is said on stderr


def test_verbose_says_a_line_a_request(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, answer("5"), method="POST")
    client = serve("-v")
    client.tools()
    client.call("mcp_lab_add", a=2)
    assert "error" in client.answer(client.request("no/such/method"))
    lines = [one.rpartition(" ms")[0].rpartition(" ")[0] for one in client.end().splitlines()]
    own = [one for one in lines if not one.startswith(("GET ", "POST "))]
    assert own[0] == "initialize ok"
    assert "tools/list ok" in own
    assert "tools/call mcp_lab_add ok" in own
    assert "no/such/method -32601" in own
    assert f"POST {CALL} 200" in lines


def test_verbose_lines_are_json_with_json(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    client = serve("-v", "--json")
    client.tools()
    lines = [json.loads(one) for one in client.end().splitlines()]
    assert any(one["trace"].startswith("tools/list ok ") for one in lines)


def test_without_verbose_nothing_is_said(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, {"detail": "no"}, status=500, method="POST")
    client = serve()
    client.tools()
    assert client.call("mcp_lab_add", a=2)["isError"] is True
    assert client.end() == ""


def test_a_name_from_the_client_cannot_act_on_the_terminal(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    client = serve("-v")
    client.call("\x1b[31mred\nError: not ours")
    client.answer(client.request("x\x1b]0;title\x07"))
    said = client.end()
    assert "\x1b" not in said
    assert not any(one.startswith("Error: not ours") for one in said.splitlines())


def test_a_person_at_a_terminal_is_told_what_it_waits_for(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    result = run("mcp", "serve", terminal=True)
    assert result == ""
    assert "Waiting for an MCP client on stdin; press Ctrl-C to stop." in result.stderr
    assert "litellmctl export TOOL --mcp" in result.stderr
    wrong = run("mcp", "serve", "--server", "lba", terminal=True, exit=5)
    assert 'no MCP server "lba". Did you mean "lab"?' in wrong.stderr
    assert "Waiting" not in wrong.stderr


def test_a_person_at_a_terminal_is_told_what_is_wrong(run: Run, fake: FakeProxy) -> None:
    assert "litellmctl login" in run("mcp", "serve", terminal=True, exit=4).stderr
    two = run(
        "mcp",
        "serve",
        "--bare-names",
        "--server",
        "a",
        "--server",
        "b",
        terminal=True,
        exit=2,
        LITELLM_BASE_URL=fake.url,
        LITELLM_API_KEY="sk-x",
    )
    assert "--bare-names needs a single server" in two.stderr
    assert "SERVER:NAME=VALUE" in run("mcp", "serve", "--server-header", "x", terminal=True, exit=2).stderr
    assert fake.requests == []


# --- options that cannot be understood


@pytest.mark.parametrize(
    "words",
    [["--refresh", "-1"], ["--refresh", "soon"], ["--read-onli"], ["lab"], ["--fields", "name"], ["--server"]],
    ids=" ".join,
)
def test_an_option_that_cannot_be_understood_is_a_usage_error(run: Run, words: list[str]) -> None:
    assert run("mcp", "serve", *words, exit=2) == ""
    assert run("mcp", "serve", "--json", *words, exit=2).error["code"] == "usage"


# --- how it ends


def test_it_ends_with_its_input(run_process: Run, proxy: FakeProxy) -> None:
    result = run_process("mcp", "serve", stdin='{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert result.json == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert result.stderr == ""
    assert proxy.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are closed by a shell")
@pytest.mark.parametrize(("closed", "code"), [("<&-", 0), (">&-", 141), ("2>&-", 0), ("<&- >&- 2>&-", 141)])
def test_streams_that_are_closed_from_the_start(env: dict[str, str], proxy: FakeProxy, closed: str, code: int) -> None:
    script = f'exec "{sys.executable}" -m litellmctl mcp serve {closed}'
    done = subprocess.run(["sh", "-c", script], env=env, input=PING, capture_output=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr == b""
    assert done.stdout == (PONG if closed == "2>&-" else b"")
    assert proxy.requests == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not here")
def test_an_output_that_is_full(env: dict[str, str], proxy: FakeProxy) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", "mcp", "serve"],
            env=env,
            input=PING,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        b"Error: cannot write the output: no space left on device",
    )
    assert proxy.requests == []


def test_a_reader_that_goes_away_while_it_waits_is_a_broken_pipe(start: Start, proxy: FakeProxy) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO, rows=ROWS)
    proxy.on(CALL, respond=gate, method="POST")
    process = start("mcp", "serve", text=False)
    process.stdin.write(line("initialize", INITIALIZE, id=1) + line("notifications/initialized"))
    process.stdin.write(line("tools/call", {"name": "mcp_lab_add", "arguments": {"a": 1}}, id=2))
    gate.wait()
    process.stdout.close()
    gate.open()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_a_reader_that_goes_away_and_waits_for_nothing_is_the_end(start: Start, proxy: FakeProxy) -> None:
    process = start("mcp", "serve", text=False)
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    assert proxy.requests == []


def test_a_stderr_that_nobody_reads_holds_up_nothing(start: Start, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=ROWS)
    process = start("mcp", "serve", "-v", text=False, stdin=subprocess.PIPE)
    for number in range(20_000):
        process.stdin.write(line("ping", id=number))
        if number % 100 == 99:  # a pipe holds 64 KiB, and all of the lines are more than ten times that
            wanted, got = 100, 0
            while got < wanted:
                piece = process.stdout.read(65536)
                assert piece
                got += piece.count(b"\n")
    process.stdin.close()
    assert process.wait(30) == 0


def test_what_is_printed_by_mistake_goes_to_stderr(env: dict[str, str], proxy: FakeProxy) -> None:
    code = (
        "import sys; from litellmctl.bridge import session; run = session.Session.run\n"
        "session.Session.run = lambda self: (print('stray', flush=True), run(self))\n"
        "from litellmctl.__main__ import main; sys.exit(main(['mcp', 'serve']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        input=PING,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == PONG
    assert done.stderr == b"stray\n"
    assert proxy.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in a call"])
def test_a_signal_ends_it(serve: Serve, proxy: FakeProxy, name: str, busy: bool) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO, rows=ROWS)
    client = serve()
    client.tools()
    if busy:
        proxy.on(CALL, respond=gate, method="POST")
        client.request("tools/call", {"name": "mcp_lab_add", "arguments": {"a": 1}})
        gate.wait()
    client.process.send_signal(getattr(signal, name))
    assert client.ended(130 if name == "SIGINT" else 0) == ""
    gate.open()


@pytest.mark.skipif(not hasattr(os, "set_blocking") or sys.platform == "win32", reason="pipes of POSIX")
def test_pipes_that_do_not_block(env: dict[str, str], proxy: FakeProxy) -> None:
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    with subprocess.Popen(
        [sys.executable, "-m", "litellmctl", "mcp", "serve"], env=env, stdin=reads, stdout=subprocess.PIPE
    ) as process:
        os.close(reads)
        assert process.stdout is not None
        os.write(writes, PING)
        assert process.stdout.readline() == PONG
        time.sleep(0.5)  # it does not end where there is nothing to read yet
        assert process.poll() is None
        os.write(writes, PING)
        assert process.stdout.readline() == PONG
        os.close(writes)
        assert process.wait(30) == 0
    assert proxy.requests == []


# --- what agents do to a call


def test_the_parameter_that_gemini_cli_adds_to_each_tool_is_dropped(serve: Serve, proxy: FakeProxy) -> None:
    """Gemini CLI 0.61.0 sends it along, and a tool would refuse it."""
    own = {"type": "object", "properties": {"wait_for_previous": {"type": "boolean"}}}
    offering(proxy, tool("add", {**ADD, "additionalProperties": False}), tool("wait", own), tool("odd", True))
    client = serve()
    for name, more in (("add", {"a": 2}), ("wait", {}), ("odd", {})):
        proxy.on(CALL, answer("5"), method="POST")
        assert text_of(client.call(f"mcp_lab_{name}", **more, wait_for_previous=True)) == "5"
    client.end()
    sent = [request.json["arguments"] for request in calls(proxy)]
    assert sent == [{"a": 2}, {"wait_for_previous": True}, {}]
