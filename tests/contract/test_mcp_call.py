"""`mcp call`: arguments, one request whatever happens, and what a tool answers."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answers import Gate, closing, http, late
from tests.conftest import Run, Start
from tests.contract.caches import make_older
from tests.contract.tools import (
    ADD,
    ANYTHING,
    CALL,
    CONVERT,
    HOSTILE,
    LIST,
    REGISTER,
    SERVERS,
    answer,
    calls,
    listings,
    offer,
    offering,
    printed,
    tool,
)
from tests.fake_proxy import FakeProxy, error
from tests.server import Listener, nobody, read_head

EFFECT = "may have taken effect"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNg+M/AAAADAQEAGN2NsAAAAABJRU5ErkJggg=="


def result_of(proxy: FakeProxy, body: Any, times: int | None = 1) -> FakeProxy:
    """Let the tool answer with this result."""
    return proxy.on(CALL, body, method="POST", times=times)


@pytest.fixture
def tools(proxy: FakeProxy) -> FakeProxy:
    """A proxy with a few tools."""
    return offering(
        proxy,
        tool("add", ADD),
        tool("convert", CONVERT),
        tool("register", REGISTER),
        tool("ping"),
        tool("ping", server="stdio"),
    )


# --- once ---


def test_a_call_is_one_request_with_server_name_and_arguments(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("3"))
    assert run("mcp", "call", "lab/add", "a=1", "b=2") == "3\n"
    (request,) = calls(tools)
    assert request.json == {"server_id": "id-lab", "name": "add", "arguments": {"a": 1, "b": 2}}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer sk-test-0123456789abcdef"


def test_a_warm_call_is_one_request_in_all(run_process: Run, run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("3"), times=2)
    run("mcp", "list")
    before = len(tools.requests)
    assert run_process("mcp", "call", "add", "a=1") == run("mcp", "call", "mcp_lab_add", "a=1") == "3\n"
    assert tools.asked[before:] == [CALL, CALL]


def told(status: int, words: str) -> dict[str, Any]:
    return {"status": status, "body": {"detail": {"error": "internal_server_error", "message": words}}}


HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"content": ['
HUGE = b'{"content": [{"type": "text", "text": "' + b"x" * (10 * 2**20) + b'"}]}'


@pytest.mark.parametrize(
    ("status", "said", "shown"),
    [
        (404, "MCP server 'a: b' was not found", "MCP server 'a: b' was not found"),
        (404, "no such thing: at team: blue", "no such thing: at team: blue"),
        (500, "An unexpected error occurred: Tool add not found", "Tool add not found"),
        (500, "Tool 'lab-add' not found: ask: the lab", "Tool 'lab-add' not found: ask: the lab"),
    ],
)
def test_what_is_not_found_is_said_in_the_servers_own_words(
    run: Run, tools: FakeProxy, status: int, said: str, shown: str
) -> None:
    tools.on(CALL, method="POST", **told(status, said))
    run("mcp", "list")
    error = run("mcp", "call", "add", "a=1", "--json", exit=5).error
    assert (error["message"], error["code"]) == (f"{tools.url}: {shown}", "not_found")


@pytest.mark.parametrize(
    ("reply", "exit", "code", "had_effect"),
    [
        pytest.param(told(400, "server_id is required"), 5, "rejected", False, id="400"),
        pytest.param(error(401, "Invalid token"), 4, "auth_failed", False, id="401"),
        pytest.param(told(403, "not allowed to access server"), 4, "forbidden", False, id="403"),
        pytest.param(told(404, "MCP server 'id-lab' was not found"), 5, "not_found", False, id="404"),
        pytest.param({"status": 422, "body": {"detail": "no"}}, 5, "rejected", False, id="422"),
        pytest.param(error(429, "slow down"), 3, "rate_limited", False, id="429"),
        pytest.param(
            {**error(429, "slow down"), "headers": {"Retry-After": "0"}}, 3, "rate_limited", False, id="429, retry"
        ),
        pytest.param(
            told(500, "An unexpected error occurred: Tool add not found"), 5, "not_found", False, id="unknown tool"
        ),
        pytest.param(told(500, "boom"), 3, "server_error", True, id="500"),
        pytest.param(
            told(500, "An unexpected error occurred: customer 7 not found"), 3, "server_error", True, id="500, its own"
        ),
        pytest.param(
            told(500, "the tool looked for it: customer 7: not found"),
            3,
            "server_error",
            True,
            id="500, in other words",
        ),
        pytest.param({"status": 502, "body": b"<html>bad gateway"}, 3, "server_error", True, id="502"),
        pytest.param({"status": 503, "body": {}, "headers": {"Retry-After": "0"}}, 3, "server_error", True, id="503"),
        pytest.param({"status": 504, "body": b""}, 3, "server_error", True, id="504"),
        pytest.param({"status": 404, "body": b"<html>no"}, 3, "bad_response", False, id="html 404"),
        pytest.param({"status": 204, "body": b""}, 3, "bad_response", True, id="204"),
        pytest.param({"body": b"<!DOCTYPE html><h1>Sign in</h1>"}, 3, "bad_response", True, id="html"),
        pytest.param({"body": b""}, 3, "bad_response", True, id="empty"),
        pytest.param({"body": b'{"content": ['}, 3, "bad_response", True, id="half the JSON"),
        pytest.param({"raw": HALF}, 3, "bad_response", True, id="half a body"),
        pytest.param({"body": HUGE}, 3, "bad_response", True, id="10 MiB"),
        pytest.param({"respond": closing()}, 3, "unreachable", True, id="closed"),
        pytest.param({"respond": closing(reset=True)}, 3, "unreachable", True, id="reset"),
        pytest.param({"respond": late(answer("late"), 1.5)}, 3, "timeout", True, id="time-out"),
        pytest.param({"raw": b"SSH-2.0-OpenSSH\r\n"}, 3, "unreachable", True, id="not http"),
    ],
)
def test_whatever_is_answered_a_call_is_made_once(
    run: Run, tools: FakeProxy, reply: dict[str, Any], exit: int, code: str, had_effect: bool
) -> None:
    tools.on(CALL, method="POST", times=None, **reply)
    run("mcp", "list")
    result = run("mcp", "call", "add", "a=1", "--json", "--timeout", "0.6", exit=exit)
    time.sleep(0.05)
    assert (result, result.error["code"], len(calls(tools))) == ("", code, 1)
    assert (EFFECT in result.error["message"]) is had_effect, result.error["message"]
    assert listings(tools) == 1


@pytest.mark.parametrize(
    "body", [b"null", b'"text"', b"{}", b'{"isError": false}', b"[5]", b"[{}]", b'{"isError": true, "content_": []}']
)
def test_what_is_no_result_is_not_taken_for_one(run: Run, tools: FakeProxy, body: bytes) -> None:
    result_of(tools, body)
    result = run("mcp", "call", "add", "a=1", "--json", exit=3)
    assert (result.error["code"], "the call was made" in result.error["message"]) == ("bad_response", True)


@pytest.mark.parametrize(
    "body",
    [
        {"error": "boom"},
        {"error": {"message": "boom", "code": "500"}},
        {"detail": {"error": "internal_server_error", "message": "boom"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "boom"}},
        {"error": {"message": "boom" + "x" * 4_000_000}, "id": 7},
    ],
    ids=lambda body: str(body)[:50],
)
def test_an_error_with_200_is_one_and_the_call_may_have_had_its_effect(run: Run, tools: FakeProxy, body: Any) -> None:
    result_of(tools, body)
    result = run("mcp", "call", "add", "a=1", "--json", exit=3)
    assert (result, result.error["code"], "boom" in result.error["message"]) == ("", "server_error", True)
    assert EFFECT in result.error["message"]
    assert len(result.error["message"]) < 1000
    assert len(calls(tools)) == 1


def test_a_big_result_names_the_limit(run: Run, tools: FakeProxy) -> None:
    result_of(tools, HUGE)
    assert "returned more than 5 MiB" in run("mcp", "call", "add", "a=1", exit=3).stderr
    result_of(tools, HUGE[: 4 * 2**20] + b'"}]}')
    assert len(run("mcp", "call", "add", "a=1")) > 4_000_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(run: Run, tools: FakeProxy, status: int) -> None:
    other = FakeProxy()
    for target in (f"{other.url}{CALL}", f"{CALL}/"):
        tools.on(CALL, {}, status=status, headers={"Location": target}, method="POST")
        result = run("mcp", "call", "add", "a=1", "--json", exit=3)
        assert result.error["code"] == "bad_response"
        assert EFFECT not in result.error["message"]  # it was sent elsewhere, not made
    other.close()
    assert other.requests == []
    assert [request.path for request in calls(tools)] == [CALL, CALL]


class Dropping(Listener):
    """A proxy that lists its tools, and closes the connection as soon as it reads the head of a call."""

    calls = 0

    def serve(self, connection: socket.socket) -> None:
        """Answer one request."""
        connection.settimeout(5)
        with connection.makefile("rb") as stream:
            head = read_head(stream)
        if head is not None and head.method == "POST":
            self.calls += 1
        elif head is not None:
            body = [] if head.target == SERVERS else offer(tool("add", ADD))
            connection.sendall(http(body, "Connection: close"))


@pytest.fixture
def dropping(env: dict[str, str]) -> Iterator[Dropping]:
    server = Dropping()
    env["LITELLM_BASE_URL"] = server.url
    env["LITELLM_API_KEY"] = "sk-test"
    yield server
    server.close()


@pytest.mark.parametrize("size", [1, 2_000_000])
def test_a_connection_that_ends_before_the_body_was_read_is_not_made_anew(
    run: Run, dropping: Dropping, size: int
) -> None:
    result = run("mcp", "call", "add", "a=1", f"pad={'x' * size}", "--no-check", "--json", exit=3)
    time.sleep(0.3)
    assert (result.error["code"], dropping.calls) == ("unreachable", 1)
    assert EFFECT in result.error["message"]


def test_where_nothing_was_sent_nothing_can_have_happened(run: Run, tools: FakeProxy) -> None:
    run("mcp", "list")
    with nobody() as url:
        tools.close()
        result = run("mcp", "call", "add", "a=1", "--json", exit=3)
        cold = run("mcp", "call", "add", "a=1", "--json", exit=3, LITELLM_BASE_URL=url)
    assert result.error["code"] == "unreachable"
    assert EFFECT not in result.error["message"]
    assert cold.error["code"] == "unreachable"
    assert EFFECT not in cold.error["message"]


def test_a_slow_tool_has_two_minutes_and_not_the_time_of_a_page(
    run: Run, tools: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool may be silent for longer than a page of models may: the call's own time-out is what counts."""
    from litellmctl.proxy import client
    from litellmctl.tools import tool

    assert tool.CALL_SECONDS == 120
    monkeypatch.setattr(client, "READ_SECONDS", 0.3)
    monkeypatch.setitem(client.Client.call.__kwdefaults__, "silence", 0.3)
    tools.on(CALL, respond=late(answer("late"), 0.8), method="POST")
    assert run("mcp", "call", "add", "a=1") == "late\n"


def test_a_time_out_is_kept(run: Run, tools: FakeProxy) -> None:
    tools.on(CALL, respond=late(answer("late"), 2), method="POST")
    run("mcp", "list")
    start = time.monotonic()
    result = run("mcp", "call", "add", "a=1", "--timeout", "0.5", exit=3)
    assert time.monotonic() - start < 1.5
    assert "0.5 s" in result.stderr
    assert EFFECT in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_call_that_is_interrupted_was_made_once(
    run: Run, tools: FakeProxy, start: Start, number: signal.Signals, code: int
) -> None:
    run("mcp", "list")
    gate = Gate(answer("late"))
    tools.on(CALL, respond=gate, method="POST", times=None)
    process = start("mcp", "call", "add", "a=1", stdin=subprocess.DEVNULL)
    gate.wait()
    begin = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=10)
    took = time.monotonic() - begin
    time.sleep(0.3)
    gate.open()
    assert (process.returncode, stdout, stderr) == (code, "", "")
    assert (len(calls(tools)), listings(tools)) == (1, 1)
    assert took < 2


# --- what a call renews for the next one ---


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(told(404, "MCP server 'id-lab' was not found"), id="server gone"),
        pytest.param(told(500, "An unexpected error occurred: Tool add not found"), id="tool gone"),
    ],
)
def test_a_tool_that_vanished_is_looked_for_anew_by_the_next_call(
    run: Run, proxy: FakeProxy, reply: dict[str, Any]
) -> None:
    offering(proxy, tool("add", ADD), times=1)
    run("mcp", "list")
    offering(proxy, tool("add", ADD, server="new"), times=1)
    proxy.on(CALL, method="POST", **reply)
    gone = run("mcp", "call", "add", "a=1", "--json", exit=5)
    assert gone.error["code"] == "not_found"
    assert gone.error["remedy"] == "litellmctl mcp list"
    assert (listings(proxy), len(calls(proxy))) == (1, 1)  # not in the same run
    result_of(proxy, answer("3"))
    assert run("mcp", "call", "add", "a=1") == "3\n"
    assert calls(proxy)[1].json["server_id"] == "id-new"
    assert listings(proxy) == 2


def test_other_failures_keep_the_cached_tools(run: Run, tools: FakeProxy) -> None:
    run("mcp", "list")
    for reply in (error(401, "no"), told(403, "no"), told(400, "no"), told(500, "boom"), told(502, "x")):
        tools.on(CALL, method="POST", **reply)
        code = {401: 4, 403: 4, 400: 5}.get(reply["status"], 3)
        run("mcp", "call", "add", "a=1", exit=code)
    assert listings(tools) == 1


def test_a_tool_that_is_not_cached_is_looked_for_once(run: Run, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, tool("old"), times=1)
    run("mcp", "list")
    make_older(home, 5, "tools")
    offering(proxy, tool("old"), tool("new"), times=1)
    result_of(proxy, answer("found"))
    assert run("mcp", "call", "new") == "found\n"
    assert (listings(proxy), len(calls(proxy))) == (2, 1)
    make_older(home, 5, "tools")
    offering(proxy, tool("old"))
    assert run("mcp", "call", "lab/newer", "--json", exit=5).error["code"] == "not_found"
    assert listings(proxy) == 3
    assert run("mcp", "call", "newer", "--json", "--offline", exit=5).error["code"] == "not_found"


def test_a_helper_is_asked_again_for_the_next_call_only(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-helper-$(wc -l < {count})'"
    run("mcp", "list", LITELLM_API_KEY_HELPER=helper)
    tools.on(CALL, method="POST", **error(401, "expired", "expired_key"))
    result = run("mcp", "call", "add", "a=1", "--json", exit=4, LITELLM_API_KEY_HELPER=helper)
    assert result.error["code"] == "auth_failed"
    assert len(calls(tools)) == 1


# --- arguments ---


def test_values_become_what_the_schema_asks_for(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("ok"), times=None)

    def sent(*words: str) -> Any:
        run("mcp", "call", *words)
        return calls(tools)[-1].json["arguments"]

    assert sent("convert", "value=1.5", "unit=celsius", "precise=true") == {
        "value": 1.5,
        "unit": "celsius",
        "precise": True,
    }
    assert sent("register", "person.name=7", "person.age=36", "person.address.street=x=y", "tags=a", "tags=2") == {
        "person": {"name": "7", "age": 36, "address": {"street": "x=y"}},
        "tags": ["a", "2"],
    }
    person = '{"name": "Ada", "age": 1, "address": {"street": "é\u2028"}}'
    assert sent("register", f"person:={person}", "person.age=2", "tags=null")["person"]["age"] == 2
    assert sent("register", f"person={person}", 'tags=["a"]')["tags"] == ["a"]
    assert sent("lab/ping") == {}
    assert sent("lab/ping", "x=1", "--no-check") == {"x": "1"}


def test_everything_that_is_wrong_is_said_at_once_and_nothing_sent(run: Run, tools: FakeProxy) -> None:
    secret = "s3cret-value"
    result = run("mcp", "call", "convert", f"unit={secret}", f"precise={secret}", f"valeu={secret}", exit=2)
    message, remedy = result.stderr.splitlines()
    assert sorted(message.removeprefix("Error: ").split("; ")) == [
        "precise is not a boolean (true or false)",
        'unit is not one of "celsius", "fahrenheit"',
        'valeu is not a parameter (did you mean "value"?)',
        "value is required (number)",
    ]
    assert remedy == "Try:   litellmctl mcp show lab/convert"
    assert secret not in printed(result)
    deep = run("mcp", "call", "register", "person.age=999", "person.name:=7", "person.address:={}", "--json", exit=2)
    for words in ("person.age", "person.name is not a string", "person.address"):
        assert words in deep.error["message"]
    assert "999" not in deep.error["message"]
    assert calls(tools) == []


def _tree(keyword: str, depth: int) -> dict[str, Any]:
    """Return a schema of a few kilobytes, of which a validator looks at 2 ** depth leaves."""
    parts = {f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(depth)}
    leaf: dict[str, Any] = {"type": "object"} if keyword == "allOf" else {"type": "string"}
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, f"d{depth}": leaf}}


ENDLESS = {
    "allOf": (_tree("allOf", 45), "a:={}"),
    "oneOf": (_tree("oneOf", 40), "a:=1"),
    "a pattern": ({"properties": {"a": {"pattern": "[xy]*x[xy]{20000}z"}}}, f"a={'xyxxy' * 20_000}"),
}


@pytest.mark.parametrize("shape", ENDLESS)
def test_a_check_that_takes_too_long_is_refused_and_naming_no_check_sends_it(
    run_process: Run, proxy: FakeProxy, shape: str
) -> None:
    schema, item = ENDLESS[shape]
    result_of(offering(proxy, tool("slow", schema)), answer("ok"))
    result = run_process("mcp", "call", "slow", item, "--json", exit=2)
    assert result.error["message"] == "cannot check the arguments: the schema of lab/slow takes too long"
    assert "--no-check" in result.error["remedy"]
    assert calls(proxy) == []
    assert run_process("mcp", "call", "slow", item, "--no-check") == "ok\n"


@pytest.mark.parametrize("shape", ENDLESS)
def test_ctrl_c_ends_a_check_at_once(run: Run, proxy: FakeProxy, start: Start, shape: str) -> None:
    schema, item = ENDLESS[shape]
    offering(proxy, tool("slow", schema))
    run("mcp", "list")
    process = start("mcp", "call", "slow", item, stdin=subprocess.DEVNULL)
    time.sleep(1.5)  # in the middle of the check, which takes five seconds; earlier it must end as well
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout, stderr) == (130, "", "")
    assert time.monotonic() - begin < 1.5
    assert calls(proxy) == []


def test_what_a_schema_says_at_length_is_cut_in_an_error(run: Run, proxy: FakeProxy) -> None:
    names = {"n" * 1000 + str(number): {} for number in range(1000)}
    offering(proxy, tool("long", {"properties": {"a": {"type": "string", "pattern": f"^{'b' * 1_000_000}$"}, **names}}))
    for item in ("a=x", "b=x"):
        result = run("mcp", "call", "long", item, exit=2)
        assert len(result.stderr) < 2000


def test_without_a_check_arguments_go_as_they_are(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("ok"), times=2)
    run("mcp", "call", "convert", "unit=kelvin", "other=1", "value=x", "--no-check")
    assert calls(tools)[0].json["arguments"] == {"unit": "kelvin", "other": "1", "value": "x"}
    run("mcp", "call", "convert", "--args", '{"value": null}', "--no-check")
    assert calls(tools)[1].json["arguments"] == {"value": None}


def test_values_are_read_from_files_and_stdin(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    text, data = tmp_path / "text", tmp_path / "data.json"
    text.write_text("two\nlines é\n")
    data.write_text('{"name": "Ada", "age": 36, "address": {"street": "x"}}')
    result_of(tools, answer("ok"), times=None)

    def sent(*words: str, stdin: str = "") -> Any:
        run("mcp", "call", "register", *words, stdin=stdin)
        return calls(tools)[-1].json["arguments"]

    assert sent(f"person:=@{data}", f"tags=@{text}", "tags=-", stdin="from stdin\n")["tags"] == [
        "two\nlines é\n",
        "from stdin\n",
    ]
    whole = f'{{"person": {data.read_text()}, "tags": ["x"]}}'
    assert sent("--args", whole)["tags"] == ["x"]
    assert sent("--args", "-", "tags:=null", stdin=whole) == {"person": json.loads(data.read_text()), "tags": None}
    data.write_text(whole)
    assert sent("--args", f"@{data}", "person.name=Bob")["person"] == {
        "name": "Bob",
        "age": 36,
        "address": {"street": "x"},
    }
    assert sent("--args", whole, "tags:=-", stdin='["y"]')["tags"] == ["y"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a"], "is not an argument"),
        (["=1"], "is not an argument"),
        (["a:=x"], "a is not valid JSON"),
        (["a:="], "a is not valid JSON"),
        (["a:=NaN"], "a is not valid JSON"),
        (["a:=1e999999"], "a is not"),
        (["a:=" + "[" * 100_000], "a is not valid JSON"),
        (["a:=" + "9" * 5000], "a is not valid JSON"),
        (["a..b=1"], "is not a valid name"),
        (["a=@missing"], "cannot read missing: no such file"),
        (["a=@."], "cannot read .: is a directory"),
        (["a=@binary"], "binary is not UTF-8"),
        (["a=@big"], "big is larger than 5 MiB"),
        (["a:=@big"], "big is larger than 5 MiB"),
        (["a:=@broken"], "a is not valid JSON"),
        (["--args", "x"], "--args is not valid JSON"),
        (["--args", "[1]"], "--args is not a JSON object"),
        (["--args", ""], "--args is not valid JSON"),
        (["--args", "@missing"], "cannot read missing"),
        (["--args", "@binary"], "binary is not UTF-8"),
        (["--args", "@big"], "big is larger than 5 MiB"),
        (["--args", "@broken"], "--args @broken is not valid JSON"),
        (["--args", "-"], "--args - is not valid JSON"),
        (["--args", '{"a": 1}', "--args", '{"a": "x"}'], "a is not an integer"),
        (["a=1", "--jobs", "0"], "--jobs"),
        (["a=1", "--jsonl", "-", "--structured"], "--jsonl"),
        (["a=1", "--jsonl", "-", "--output-dir", "x"], "--jsonl"),
    ],
)
def test_arguments_that_cannot_be_understood_are_exit_2_and_nothing_is_sent(
    run: Run, tools: FakeProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("big").write_bytes(b"1" * (5 * 2**20 + 1))
    Path("broken").write_text('{"a": sk-secret-in-a-file}')
    result = run("mcp", "call", "add", *words, "--json", exit=2)
    assert (result, says in result.error["message"]) == ("", True), result.error["message"]
    assert "sk-secret" not in printed(result)
    assert len(result.stderr) < 2000
    assert calls(tools) == []


def test_the_biggest_file_that_may_be_sent(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    for size, code in ((5 * 2**20 - 100, 0), (5 * 2**20, 2)):
        (tmp_path / "big").write_bytes(b"x" * size)
        if code == 0:
            result_of(tools, answer("ok"))
        run("mcp", "call", "add", "a=1", f"b=@{tmp_path}/big", "--no-check", exit=code)
    assert len(calls(tools)[0].json["arguments"]["b"]) == 5 * 2**20 - 100


@pytest.mark.parametrize(
    "words",
    [
        ["tags=-", "person=-"],
        ["tags=-", "tags=-"],
        ["--args", "-", "tags=-"],
        ["--args", "-", "tags:=-"],
        ["--jsonl", "-", "tags=-"],
        ["--jsonl", "-", "--args", "-"],
        ["tags=@-", "person=-"],
        ["--args", "@-", "tags=-"],
        ["--jsonl", "-", "tags=@-"],
    ],
)
def test_stdin_is_read_once_only(run: Run, tools: FakeProxy, words: list[str]) -> None:
    result = run("mcp", "call", "register", *words, "--json", exit=2, stdin="{}")
    assert (result.error["code"], "stdin" in result.error["message"]) == ("usage", True)
    assert calls(tools) == []


@pytest.mark.parametrize("schema", [None, True, {"type": "object"}, {"$ref": "#"}])
def test_without_a_schema_anything_is_sent_as_text(run: Run, proxy: FakeProxy, schema: Any) -> None:
    offering(proxy, tool("it", schema))
    result_of(proxy, answer("ok"))
    run("mcp", "call", "it", "a=1", "b:=2", "c.d=x", "a.b=y")
    assert calls(proxy)[0].json["arguments"]["b"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="a file name and an argument of any bytes")
def test_an_argument_that_is_no_unicode_is_no_crash(tools: FakeProxy, env: dict[str, str]) -> None:
    result_of(tools, answer("ok"), times=None)
    for word in (b"person.name=\xff\xfe", b"\xff=1", b"--args=\xff", b'person:="\\ud800"'):
        command: list[str | bytes] = [sys.executable, "-m", "litellmctl", "mcp", "call", "register", word]
        done = subprocess.run(command, env=env, capture_output=True, timeout=30, check=False)
        assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert calls(tools) == []


# --- results ---


def test_texts_are_separated_by_a_newline(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("one", "two\n", "", "three"))
    assert run("mcp", "call", "lab/ping") == "one\ntwo\n\n\nthree\n"
    result_of(tools, answer())
    assert run("mcp", "call", "lab/ping") == ""
    result_of(tools, answer("x"))
    assert run("mcp", "call", "lab/ping", "-o", "table", terminal=True) == "x\n"


def test_a_tool_that_fails_fails_the_script(run: Run, tools: FakeProxy) -> None:
    failing = answer("Error executing tool fail:\n  it \x1b[31mbroke", "really", isError=True)
    result_of(tools, failing, times=None)
    result = run("mcp", "call", "lab/ping", exit=5)
    assert result == ""
    assert result.stderr.splitlines() == [
        "Error executing tool fail:",
        "  it [31mbroke",
        "really",
        "Error: lab/ping reported an error",
        "Try:   litellmctl mcp show lab/ping",
    ]
    assert run("mcp", "call", "lab/ping", "-q", exit=5).stderr == result.stderr
    as_json = run("mcp", "call", "lab/ping", "--json", exit=5)
    assert (as_json.json, as_json.error["code"], as_json.error["exit_code"]) == (failing, "rejected", 5)
    assert as_json.stderr.count("\n") == 1
    assert run("mcp", "call", "lab/ping", "--structured", exit=5) == ""
    only_json = run("mcp", "call", "lab/ping", "-o", "json", exit=5)
    assert (only_json.json, "Error: lab/ping" in only_json.stderr) == (failing, True)


def test_with_json_the_whole_result_is_untouched(run: Run, tools: FakeProxy) -> None:
    text = "é \ud83d\ude00 \u2028 \x00\x1b[31m\x7f\u009b\t\n\u202e"
    whole = (
        '{"zeta": 1, "_meta": {"b": 1.0, "a": 0.1, "big": 123456789012345678901234567890, "e": 1e-07, "z": -0.0}, '
        '"content": [{"text": TEXT, "type": "text", "more": [null, true, {}]}], "structuredContent": {"1": [[]]}, '
        '"isError": false, "alpha": null}'
    ).replace("TEXT", json.dumps(text))
    result_of(tools, whole.encode(), times=None)
    result = run("mcp", "call", "lab/ping", "--json")
    assert json.dumps(result.json) == json.dumps(json.loads(whole))  # keys in their order too
    assert ("1.0" in result, "1e-07" in result, "123456789012345678901234567890" in result) == (True, True, True)
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result) == []
    assert r"\u001b[31m\u007f\u009b" in result
    assert "é \U0001f600" in result
    assert result.count("\n") == 1
    assert run("mcp", "call", "lab/ping", "-o", "jsonl") == run("mcp", "call", "lab/ping", "-o", "json") == result
    assert run("mcp", "call", "lab/ping", "--json", terminal=True).json == result.json
    assert run("mcp", "call", "lab/ping", "--fields", "content", exit=2).stderr.startswith("Error: ")


def test_only_the_structured_content(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer("text", structuredContent={"value": 1.5, "b": [1, None]}), times=None)
    for form in ("table", "tsv", "json"):
        assert run("mcp", "call", "lab/ping", "--structured", "-o", form) == '{"value": 1.5, "b": [1, null]}\n'
    assert run("mcp", "call", "lab/ping", "--structured", "--json").json == {"value": 1.5, "b": [1, None]}


@pytest.mark.parametrize("value", [False, 0, [], "", {}])
def test_structured_content_may_be_anything_but_nothing(run: Run, tools: FakeProxy, value: Any) -> None:
    result_of(tools, answer(structuredContent=value))
    assert run("mcp", "call", "lab/ping", "--structured").json == value
    result_of(tools, answer("text"))
    nothing = run("mcp", "call", "lab/ping", "--structured", "--json", exit=5)
    assert (nothing, nothing.error["code"]) == ("", "rejected")


@pytest.mark.parametrize("value", [{"answer": 42}, [1, None], 0, "text", False])
def test_without_texts_the_structured_content_is_printed(run: Run, tools: FakeProxy, value: Any) -> None:
    result_of(tools, answer(structuredContent=value), times=None)
    assert run("mcp", "call", "lab/ping") == json.dumps(value) + "\n"
    picture = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
    tools._routes.pop(("POST", CALL))
    result_of(tools, answer(structuredContent=value, content=[picture]))
    result = run("mcp", "call", "lab/ping")
    assert (result, "[image image/png, 70 bytes]" in result.stderr) == (json.dumps(value) + "\n", True)
    result_of(tools, answer("a text", structuredContent=value))
    assert run("mcp", "call", "lab/ping") == "a text\n"


def test_the_structured_content_of_an_error_without_texts_is_told(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer(structuredContent={"reason": "no such \x1b[31mrow"}, isError=True), times=None)
    result = run("mcp", "call", "lab/ping", exit=5)
    assert (result, r'{"reason": "no such \u001b[31mrow"}' in result.stderr) == ("", True)
    assert result.stderr.splitlines()[-2] == "Error: lab/ping reported an error"


def test_a_link_is_named_and_nothing_is_promised(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    link = {"type": "resource_link", "uri": "probe://linked", "name": "linked-doc", "mimeType": "text/plain"}
    result_of(tools, answer(content=[link]), times=None)
    said = '[resource_link "linked-doc" at probe://linked (text/plain)]\n'
    for options in ((), ("--output-dir", str(tmp_path / "out"))):
        result = run("mcp", "call", "lab/ping", *options)
        assert (result, result.stderr) == ("", said)
    assert list((tmp_path / "out").iterdir()) == []


BINARY = bytes(range(256))
BLOCKS: list[Any] = [
    {"type": "text", "text": "a pixel:"},
    {"type": "image", "data": PIXEL, "mimeType": "image/png"},
    {"type": "audio", "data": base64.b64encode(BINARY).decode(), "mimeType": "audio/x-odd"},
    {"type": "resource", "resource": {"uri": "file:///../../etc/notes.txt", "mimeType": "text/plain", "text": "né"}},
    {"type": "resource", "resource": {"uri": "x://y/" + "z" * 300, "blob": base64.b64encode(BINARY).decode()}},
    {"type": "image", "data": "aGFs!bG8h", "mimeType": "image/png"},
    {"type": "resource_link", "uri": "file:///a/b.txt", "name": "b"},
    {"type": HOSTILE, "data": 7, "mimeType": HOSTILE},
    {"type": "text", "text": None},
    {},
    *(None, 7, "text", []),
]


def test_pictures_are_named_and_nothing_binary_is_printed(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer(content=BLOCKS), times=None)
    for terminal in (False, True):
        result = run("mcp", "call", "lab/ping", terminal=terminal, NO_COLOR="1")
        assert result == "a pixel:\nné\n"
        lines = result.stderr.splitlines()
        assert lines[:5] == [
            "[image image/png, 70 bytes] (--output-dir saves it)",
            "[audio audio/x-odd, 256 bytes] (--output-dir saves it)",
            "[resource application/octet-stream, 256 bytes] (--output-dir saves it)",
            "[image image/png, not readable]",
            '[resource_link "b" at file:///a/b.txt]',
        ]
        assert lines[-1] == "[4 unknown content blocks] (--json prints all)"
        assert len(lines) == 9
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed(result)) == []
        assert PIXEL not in printed(result)
    assert run("mcp", "call", "lab/ping", "-q").stderr == ""
    assert run("mcp", "call", "lab/ping", "--json").json["content"] == BLOCKS


def test_pictures_are_saved_as_they_are(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    result_of(tools, answer(content=BLOCKS), times=None)
    folder = tmp_path / "new" / "out"
    result = run("mcp", "call", "lab/ping", "--output-dir", str(folder))
    assert result == "a pixel:\nné\n"
    saved = sorted(folder.iterdir())
    assert [path.read_bytes() for path in saved] == [base64.b64decode(PIXEL), BINARY, "né".encode(), BINARY]
    assert [path.suffix for path in saved][0:3:2] == [".png", ".txt"]
    assert all(str(path) in result.stderr for path in saved)
    assert result.stderr.count("Warning: cannot save the ") == 4
    assert '\n[resource_link "b" at file:///a/b.txt]\n' in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"home", "new"}
    # A second time: beside what is there.
    again = run("mcp", "call", "lab/ping", "--output-dir", str(folder), "--json")
    assert again.json["content"] == BLOCKS
    assert len(list(folder.iterdir())) == 8
    assert saved[0].read_bytes() == base64.b64decode(PIXEL)


def test_thousands_of_files_fill_neither_the_screen_nor_the_folder(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    blobs = [base64.b64encode(str(number).encode()).decode() for number in range(1003)]
    files = [{"type": "resource", "resource": {"mimeType": "text/plain", "blob": blob}} for blob in blobs]
    result_of(tools, answer(content=[*files[:20], {"type": "text", "text": "all of them"}]), times=2)
    assert "more]" not in run("mcp", "call", "lab/ping").stderr
    assert run("mcp", "call", "lab/ping", "--output-dir", str(tmp_path / "few")).stderr.count("saved as") == 20
    result_of(tools, answer(content=[*files, {"type": "text", "text": "all of them"}]), times=None)
    named = run("mcp", "call", "lab/ping")
    assert named == "all of them\n"
    assert named.stderr.splitlines() == [
        *(
            f"[resource text/plain, {'1 byte' if number < 10 else '2 bytes'}] (--output-dir saves it)"
            for number in range(20)
        ),
        "[and 983 more]",
    ]
    folder = tmp_path / "out"
    saved = run("mcp", "call", "lab/ping", "--output-dir", str(folder)).stderr.splitlines()
    assert saved[19].endswith(f"saved as {folder / '20.txt'}")
    assert saved[20:] == [
        "[and 983 more]",
        "Warning: saved only the first 1,000 of 1,003 attachments (--json prints all)",
    ]
    assert sorted(path.read_text() for path in folder.iterdir()) == sorted(map(str, range(1000)))
    assert len(run("mcp", "call", "lab/ping", "--json").json["content"]) == 1004


@pytest.mark.parametrize("content", [None, 7, "text", {}, [], True])
def test_odd_content_is_no_crash(run: Run, tools: FakeProxy, content: Any) -> None:
    result_of(tools, answer(content=content), times=None)
    assert run("mcp", "call", "lab/ping") == ""
    assert run("mcp", "call", "lab/ping", "--json").json["content"] == content


def test_a_folder_that_cannot_be_written_is_said_before_the_call(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = run("mcp", "call", "lab/ping", "--output-dir", str(tmp_path / "file" / "out"), "--json", exit=1)
    assert result.error["code"] == "file"
    assert calls(tools) == []


def test_escapes_in_a_result_never_reach_a_terminal(run: Run, tools: FakeProxy) -> None:
    result_of(tools, answer(f"a\tb\r\n{HOSTILE}\rc", structuredContent={HOSTILE: HOSTILE}), times=None)
    for options in ((), ("--json",), ("--structured",), ("-o", "csv")):
        for terminal in (False, True):
            result = run("mcp", "call", "lab/ping", *options, terminal=terminal, NO_COLOR="1")
            assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed(result)) == []
    assert run("mcp", "call", "lab/ping").startswith("a\tb\n]0;title[31mred")


def test_a_result_that_is_nested_deeply_is_printed_or_refused(run: Run, tools: FakeProxy) -> None:
    for depth in (100, *range(860, 1000, 5), 100_000):
        tools._routes.pop(("POST", CALL), None)
        result_of(tools, b'{"content": [], "structuredContent": ' + b"[" * depth + b"]" * depth + b"}", times=None)
        try:
            assert run("mcp", "call", "lab/ping", "--json").count("[") == depth + 1
        except AssertionError:
            assert depth > 800
            assert run("mcp", "call", "lab/ping", "--json", exit=3).error["code"] == "bad_response"


def test_a_call_with_a_tool_of_any_name(run: Run, proxy: FakeProxy) -> None:
    names = ["with space", "a/b/c", "dotted.name-1", "-dash", "ünï", HOSTILE, "$(touch x)", "a=b"]
    offering(proxy, *(tool(name, ANYTHING) for name in names))
    result_of(proxy, answer("ok"), times=None)
    for name in names:
        run("mcp", "call", f"lab/{name}", "x=1")
    assert [request.json["name"] for request in calls(proxy)] == names
    assert proxy.asked.count(LIST) == 1


# --- the session of an agent ---

SESSION = "0199aeb2-96c5-7d43"


def sessions(proxy: FakeProxy) -> set[str | None]:
    headers = [{name.lower(): value for name, value in request.headers.items()} for request in proxy.requests]
    return {one.get("x-litellm-session-id") for one in headers}


@pytest.mark.parametrize("name", ["CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "OPENCODE_SESSION_ID", "PI_SESSION_ID"])
def test_requests_name_the_session_of_the_agent(run: Run, tools: FakeProxy, name: str) -> None:
    """The proxy's logs then show the agent's prompts and these calls together."""
    tools.on(CALL, answer("5"), method="POST")
    run("mcp", "list", **{name: SESSION})
    run("mcp", "call", "add", "a=1", **{name: SESSION})
    assert tools.asked == [LIST, SERVERS, CALL]
    assert sessions(tools) == {SESSION}


@pytest.mark.parametrize("value", ["short", "a b c d e f g h", "evil\tinject: 1234", "x" * 129, "ключ-сессии-1"])
def test_what_is_not_the_id_of_a_session_is_not_sent(run: Run, tools: FakeProxy, value: str) -> None:
    run("mcp", "list", CODEX_THREAD_ID=value)
    assert sessions(tools) == {None}


def test_a_session_that_the_user_names_comes_first(run: Run, tools: FakeProxy) -> None:
    headers = '{"X-LiteLLM-Session-Id": "of-the-user"}'
    run("mcp", "list", CODEX_THREAD_ID=SESSION, LITELLM_HEADERS=headers)
    assert sessions(tools) == {"of-the-user"}
