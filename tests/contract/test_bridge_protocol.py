"""`mcp serve` on raw pipes: the bytes of a session in each version, cancelling, bad clients, and how little they cost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import Gate, answering
from tests.conftest import Start
from tests.contract.mcp_client import INITIALIZE, McpClient, line, text_of
from tests.contract.tools import CALL, TWO, answer, calls, offering, tool
from tests.effort import measured, peak_bytes, until
from tests.fake_proxy import FakeProxy

VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
NAME = "mcp_lab_add"
ADDING = {"name": NAME, "arguments": {"a": 1}}
_MIB = 2**20

Serve = Callable[..., McpClient]


@pytest.fixture
def serve(start: Start) -> Serve:
    """Start `mcp serve`, and begin a session of a version."""

    def serve(version: str = VERSIONS[-1], **variables: str) -> McpClient:
        client = McpClient(start("mcp", "serve", text=False, **variables))
        assert client.begin(protocolVersion=version)["protocolVersion"] == version
        return client

    return serve


def _raw(client: McpClient, data: bytes) -> None:
    assert client.process.stdin is not None
    rest = memoryview(data)
    while rest:
        rest = rest[client.process.stdin.write(rest) or 0 :]


def _next(client: McpClient, number: int) -> Any:
    """Wait until so many lines have come, and return the last of them."""
    until(lambda: len(client.lines) >= number, f"line {number}")
    return json.loads(client.lines[number - 1])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_each_version(serve: Serve, proxy: FakeProxy, version: str) -> None:
    offering(proxy, *TWO)
    proxy.on(CALL, answer("5", structuredContent={"result": 5}), method="POST")
    client = serve(version)
    assert sorted(client.tools()) == [NAME, "mcp_stdio_ping"]
    assert client.call(NAME, a=2, b=3) == {
        "content": [{"type": "text", "text": "5"}],
        "structuredContent": {"result": 5},
        "isError": False,
    }
    assert client.end() == ""
    assert len(calls(proxy)) == 1


def test_each_message_is_a_line_of_utf8(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO)
    proxy.on(CALL, answer("a\nb\r\nc\x85d\u2028e é \ud83d\ude00 \x00"), method="POST")
    client = serve(PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert text_of(client.call(NAME, a=1)) == "a\nb\r\nc\x85d\u2028e é \U0001f600 \x00"
    client.end()
    assert b"\r" not in b"".join(client.lines)


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_large_result_comes_whole(serve: Serve, proxy: FakeProxy, unbuffered: str) -> None:
    offering(proxy, *TWO)
    proxy.on(CALL, answer("é" * 700_000), method="POST")
    client = serve(PYTHONUNBUFFERED=unbuffered)
    assert text_of(client.call(NAME, a=1)) == "é" * 700_000
    client.end()


@pytest.mark.parametrize("version", ["2025-03-26", "2025-11-25"])
def test_a_part_of_a_result_that_no_client_takes_does_not_cost_the_rest(
    serve: Serve, proxy: FakeProxy, version: str
) -> None:
    link = {"type": "resource_link", "uri": "probe://linked", "name": "linked", "annotations": None}
    odd = [7, {"type": "video", "url": "x"}, {"type": "image", "data": "#", "mimeType": "image/png"}, link]
    offering(proxy, *TWO)
    proxy.on(CALL, {"content": [{"type": "text", "text": "words"}, *odd]}, method="POST")
    client = serve(version)
    blocks = client.call(NAME, a=1)["content"]
    assert [block.get("text") for block in blocks[:4]] == [
        "words",
        "7",
        '{"type": "video", "url": "x"}',
        "litellmctl: image/png that is not valid Base64 (1 characters)",
    ]
    del link["annotations"]
    assert blocks[4] == link if version == "2025-11-25" else json.loads(blocks[4]["text"])["uri"] == link["uri"]
    client.end()


def test_a_tool_that_does_not_keep_its_output_schema_can_still_be_read(serve: Serve, proxy: FakeProxy) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    offering(proxy, tool("add", outputSchema=schema))
    proxy.on(CALL, answer('{"n": 5}'), method="POST", times=1)
    proxy.on(CALL, answer("five"), method="POST", times=1)
    client = serve()
    assert client.tools()[NAME]["outputSchema"]["required"] == ["n"]
    assert client.call(NAME)["structuredContent"] == {"n": 5}
    result = client.call(NAME)
    assert result["isError"] is True  # clients would not show the text otherwise
    assert text_of(result).startswith("five\n")
    client.end()


def test_pages_of_4000_tools_have_each_once(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *(tool(f"t{number}") for number in range(4000)))
    client = serve()
    first = client.ask("tools/list")
    assert len(first["tools"]) == 1000
    found = client.tools()
    assert len(found) == 4000
    assert set(found) == {f"mcp_lab_t{number}" for number in range(4000)}
    refused = client.answer(client.request("tools/list", {"cursor": "nothing.7"}))
    assert refused["error"]["code"] == -32602
    client.end()
    assert len(client.lines) == 1 + 1 + 4 + 1


def test_a_batch_of_the_version_that_has_them(serve: Serve, proxy: FakeProxy) -> None:
    offering(proxy, *TWO)
    proxy.on(CALL, answer("5"), method="POST", times=2)
    client = serve("2025-03-26")
    requests = [line("tools/call", ADDING, id=number) for number in (7, 8)]
    _raw(client, b"[%s]\n" % b",".join(one.strip() for one in [*requests, line("notifications/progress", {})]))
    assert {one["id"] for one in _next(client, 2)} == {7, 8}
    client.process.stdin.close()  # type: ignore[union-attr]
    assert client.process.wait(30) == 0


# --- cancelling


def test_a_server_that_answers_after_its_call_was_cancelled(serve: Serve, proxy: FakeProxy) -> None:
    gate = Gate(answer("late"))
    offering(proxy, *TWO)
    proxy.on(CALL, respond=gate, method="POST")
    client = serve()
    number = client.request("tools/call", ADDING)
    gate.wait()
    client.send("notifications/cancelled", {"requestId": number, "reason": "the user pressed Escape"})
    assert client.ask("ping") == {}
    gate.open()
    assert text_of(client.call("nothing"))  # time for the late one to come
    client.end()
    assert not [one for one in client.lines if json.loads(one).get("id") == number]
    assert len(calls(proxy)) == 1


def test_two_requests_with_one_id_are_one_call(serve: Serve, proxy: FakeProxy) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO)
    proxy.on(CALL, respond=gate, method="POST")
    client = serve()
    client.send("tools/call", ADDING, id="same")
    gate.wait()
    client.send("tools/call", ADDING, id="same")
    assert _next(client, 2)["error"]["code"] == -32600
    assert _next(client, 2)["id"] is None
    gate.open()
    assert client.result("same")["isError"] is False  # type: ignore[arg-type]
    client.end()
    assert len(calls(proxy)) == 1


# --- bad input


def test_garbage_is_answered_and_the_session_goes_on(serve: Serve, proxy: FakeProxy) -> None:
    client = serve()
    bad = [
        (b"garbage", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"pi', -32700),
        (b"\xff\xfe\x00", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', -32700),
        (b"[" * 200_000, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":%s}}' % (b"9" * 10_000), -32700),
        (b"[]", -32600),
        (b"null", -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', -32602),
        (b"x" * 11 * _MIB, -32600),
    ]
    for number, (data, code) in enumerate(bad, 2):
        _raw(client, data + b"\n")
        assert _next(client, number)["error"]["code"] == code
    assert proxy.requests == []
    assert client.end() == ""


def test_half_a_line_and_the_end_of_stdin(serve: Serve, proxy: FakeProxy) -> None:
    client = serve()
    _raw(client, b'{"jsonrpc":"2.0","id":1,"method":"tools/ca')
    assert client.end() == ""
    assert _next(client, 2)["error"]["code"] == -32700
    assert proxy.requests == []


def test_a_call_that_runs_is_answered_after_stdin_is_closed(serve: Serve, proxy: FakeProxy) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO)
    proxy.on(CALL, respond=gate, method="POST")
    client = serve()
    number = client.request("tools/call", ADDING)
    gate.wait()
    client.process.stdin.close()  # type: ignore[union-attr]
    with pytest.raises(subprocess.TimeoutExpired):
        client.process.wait(0.2)
    gate.open()
    assert text_of(client.result(number)) == "5"
    assert client.ended() == ""


def test_a_client_that_is_killed_in_a_call_ends_it_at_once(start: Start, proxy: FakeProxy) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO)
    proxy.on(CALL, respond=gate, method="POST")
    process = start("mcp", "serve", text=False)
    process.stdin.write(line("initialize", INITIALIZE, id=1) + line("tools/call", ADDING, id=2))
    gate.wait()
    began = time.monotonic()
    process.stdin.close()
    process.stdout.close()
    process.wait(30)
    assert time.monotonic() - began < 15  # the call has no end before the gate is open
    gate.open()
    assert process.stderr.read() == b""


def _begun(env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the program so that it says in the end how much memory it took; on Linux."""
    process = subprocess.Popen(
        measured("mcp", "serve"),
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin is not None
    process.stdin.write(line("initialize", INITIALIZE, id=1))
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_message_of_100_mb_takes_no_memory(env: dict[str, str], proxy: FakeProxy) -> None:
    with _begun(env) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"jsonrpc":"2.0","id":"big","method":"tools/call","params":{"name":"')
        for _ in range(100):
            rest = memoryview(b"x" * _MIB)
            while rest:
                rest = rest[process.stdin.write(rest) or 0 :]
        process.stdin.write(b'"}}\n')
        out, err = process.communicate(timeout=60)
    refusal = json.loads(out.splitlines()[-1])
    assert refusal["id"] == "big"
    assert refusal["error"] == {"code": -32600, "message": "the message is larger than 10 MiB"}
    assert peak_bytes(err) < 100 * _MIB
    assert proxy.requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_client_that_never_reads_takes_no_memory_and_no_time_to_end(env: dict[str, str], proxy: FakeProxy) -> None:
    import os

    big = answer("x" * _MIB)
    offering(proxy, *TWO)
    proxy.on(CALL, respond=answering(lambda _: big), method="POST", times=None)
    with _begun(env) as process:
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        stuck = 0
        number = 0
        rest = b""
        while stuck < 100 and number < 50_000:
            rest = rest or line("tools/call", ADDING, id=(number := number + 1))
            written = process.stdin.write(rest)
            stuck = 0 if written else stuck + 1
            rest = rest[written or 0 :]
            if not written:
                time.sleep(0.01)
        assert number < 50_000, "it read all that a client sent that reads nothing"
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(30) == 0
    assert peak_bytes(err) < 300 * _MIB
    assert len(calls(proxy)) <= 2 * 32


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_ends_it_while_calls_run_and_nobody_reads(start: Start, proxy: FakeProxy, name: str) -> None:
    gate = Gate(answer("5"))
    offering(proxy, *TWO)
    proxy.on(CALL, respond=gate, method="POST")
    process = start("mcp", "serve", text=False)
    process.stdin.write(line("initialize", INITIALIZE, id=1) + line("tools/call", ADDING, id=2))
    for number in range(3, 12_000):  # more answers than a pipe holds
        process.stdin.write(line("ping", id=number))
    gate.wait()
    process.send_signal(signal.Signals[name])
    assert process.wait(15) == (0 if name == "SIGTERM" else 130)
    gate.open()
    assert b"Traceback" not in process.stderr.read()
