"""A session with an MCP client, on pipes and with a toolbox in memory: what the protocol asks, and bad clients."""

from __future__ import annotations

import io
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

import pytest

import litellmctl
from litellmctl.bridge.session import MAX_CALLS, PROTOCOL_VERSIONS, Session
from tests.effort import until

_SECONDS = 20.0


class Toolbox:
    """Tools in memory: `answers` has a result, or what makes one of the arguments, for each name."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = [{"name": "echo", "inputSchema": {"type": "object"}}]
        self.answers: dict[str, Any] = {"echo": lambda arguments: text(json.dumps(arguments))}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.gate = threading.Event()
        self.on_change: Callable[[], None] = lambda: None
        self.on_message: Callable[[str, str], None] = lambda *_: None

    def tools(self) -> list[dict[str, Any]]:
        return self.listed

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((name, arguments))
        if name == "slow":
            assert self.gate.wait(_SECONDS)
        answer = self.answers.get(name, text(name))
        result: dict[str, Any] = answer(arguments) if callable(answer) else answer
        return result

    def instructions(self) -> str:
        return "Use the tools."

    def close(self) -> None:
        pass


def text(words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], "isError": False}


class Client:
    """The other end of a session that runs in a thread. What it sends is sent as it is."""

    def __init__(self, version: str | None) -> None:
        self.toolbox = Toolbox()
        self.requests: list[tuple[str, str, str]] = []
        source, self._to = os.pipe()
        self._from, sink = os.pipe()
        self.source, self.sink = os.fdopen(source, "rb"), os.fdopen(sink, "wb", buffering=0)
        self.session = Session(self.source, self.sink, self.toolbox, on_request=self._note)  # type: ignore[arg-type]
        self.error: BaseException | None = None
        self.lines: Queue[bytes | None] = Queue()
        self._ids = itertools.count(1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._reader: threading.Thread | None = None
        if version is not None:
            self.begin(version)

    def _note(self, method: str, about: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((method, about, outcome))

    def _run(self) -> None:
        try:
            self.session.run()
        except BaseException as error:  # noqa: BLE001
            self.error = error
        self.sink.close()

    def read(self) -> None:
        """Begin to read what comes."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()

    def _read(self) -> None:
        with suppress(OSError), os.fdopen(self._from, "rb") as stream:
            for line in stream:
                self.lines.put(line)
        self.lines.put(None)

    def begin(self, version: str = PROTOCOL_VERSIONS[0]) -> dict[str, Any]:
        self.send({"method": "initialize", "id": "init", "params": {"protocolVersion": version}})
        answer = self.next()
        self.send({"method": "notifications/initialized"})
        result: dict[str, Any] = answer["result"]
        return result

    def send(self, message: dict[str, Any]) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def send_bytes(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._to, rest) :]

    def next(self) -> Any:
        """Return the next message."""
        self.read()
        try:
            line = self.lines.get(timeout=_SECONDS)
        except Empty:
            raise AssertionError("no message came") from None
        assert line is not None, "the session has ended"
        assert line.endswith(b"\n")
        return json.loads(line)

    def ask(self, method: str, params: Any = None, **more: Any) -> Any:
        """Send a request and return its answer."""
        number = next(self._ids)
        self.send({"method": method, "id": number, **({} if params is None else {"params": params}), **more})
        answer = self.next()
        assert answer["id"] == number, answer
        return answer

    def request(self, method: str, params: dict[str, Any] | None = None) -> int:
        number = next(self._ids)
        self.send({"method": method, "id": number, "params": params or {}})
        return number

    def call(self, name: str, **arguments: Any) -> Any:
        return self.ask("tools/call", {"name": name, "arguments": arguments})["result"]

    def code(self, line: bytes) -> tuple[int, Any]:
        """Send a line, and return the code and the id of the error that answers it."""
        self.send_bytes(line + b"\n")
        answer = self.next()
        assert set(answer) == {"jsonrpc", "id", "error"}, answer
        assert set(answer["error"]) == {"code", "message"}
        return answer["error"]["code"], answer["id"]

    def close(self) -> None:
        """Close stdin."""
        if self._to != -1:
            os.close(self._to)
        self._to = -1

    def end(self) -> list[Any]:
        """Close stdin, wait for the end, and return what else came."""
        self.close()
        return self.ended()

    def ended(self) -> list[Any]:
        self.read()
        self._thread.join(_SECONDS)
        assert not self._thread.is_alive(), "the session did not end"
        left = []
        while (line := self.lines.get(timeout=_SECONDS)) is not None:
            left.append(json.loads(line))
        return left

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def stop_reading(self) -> None:
        """Close the pipe that nobody has begun to read."""
        os.close(self._from)
        self._reader = self._thread


Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Begin sessions, which end with the test; none of their threads is left."""
    before = threading.active_count()
    clients: list[Client] = []

    def connect(version: str | None = PROTOCOL_VERSIONS[0]) -> Client:
        clients.append(Client(version))
        return clients[-1]

    yield connect
    for client in clients:
        client.toolbox.gate.set()
        client.close()
        client.read()
    until(lambda: threading.active_count() <= before, "the end of all threads")
    for client in clients:
        client.source.close()


@pytest.fixture
def client(connect: Connect) -> Client:
    """A session that is initialized."""
    return connect()


def deaf(connect: Connect) -> Client:
    """Return a client that has begun a session, but does not read."""
    client = connect(None)
    client.send({"method": "initialize", "id": "init", "params": {"protocolVersion": "2025-11-25"}})
    client.send({"method": "notifications/initialized"})
    until(lambda: ("initialize", "", "ok") in client.requests)
    return client


# The beginning of a session


@pytest.mark.parametrize("version", PROTOCOL_VERSIONS)
def test_a_version_that_both_know_is_spoken(connect: Connect, version: str) -> None:
    client = connect(None)
    assert client.begin(version)["protocolVersion"] == version


@pytest.mark.parametrize("version", ["2024-10-07", "2026-07-28", "", "x" * 1000])
def test_an_unknown_version_gets_our_newest(connect: Connect, version: str) -> None:
    client = connect(None)
    assert client.begin(version)["protocolVersion"] == "2025-11-25"


def test_the_server_says_what_it_is_and_has(connect: Connect) -> None:
    client = connect(None)
    answer = client.begin()
    assert answer["serverInfo"] == {
        "name": "litellmctl",
        "title": "LiteLLM proxy",
        "version": litellmctl.__version__,
    }
    assert answer["capabilities"] == {"tools": {"listChanged": True}, "logging": {}}
    assert answer["instructions"] == "Use the tools."


@pytest.mark.parametrize("params", [None, {}, {"protocolVersion": None}, {"protocolVersion": 1}])
def test_a_version_is_a_string(connect: Connect, params: Any) -> None:
    client = connect(None)
    assert client.ask("initialize", params)["error"]["code"] == -32602


def test_before_the_beginning_only_a_ping_is_answered(connect: Connect) -> None:
    client = connect(None)
    assert client.ask("ping")["result"] == {}
    for method, params in [
        ("tools/list", {}),
        ("tools/call", {"name": "echo"}),
        ("logging/setLevel", {"level": "debug"}),
    ]:
        error = client.ask(method, params)["error"]
        assert error == {"code": -32600, "message": "the session is not initialized: send initialize first"}
    assert not client.toolbox.calls
    assert client.begin()
    assert client.ask("tools/list")["result"]["tools"]


def test_newer_clients_learn_that_there_is_no_discovery(connect: Connect) -> None:
    client = connect(None)
    assert client.ask("server/discover", {"_meta": {}})["error"]["code"] == -32601
    assert client.begin()


def test_a_client_may_send_everything_at_once(connect: Connect) -> None:
    client = connect(None)
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
        {"id": 3, "method": "tools/call", "params": {"name": "echo", "arguments": {"a": 1}}},
    ]
    client.send_bytes(b"\n".join(json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages))
    answers = {answer["id"]: answer["result"] for answer in client.end()}
    assert answers[1]["protocolVersion"] == "2025-06-18"
    assert [tool["name"] for tool in answers[2]["tools"]] == ["echo"]
    assert answers[3] == text('{"a": 1}')


def test_a_session_may_be_initialized_again(connect: Connect) -> None:
    client = connect("2025-03-26")
    assert client.begin("2025-06-18")["protocolVersion"] == "2025-06-18"
    assert client.code(b"[]") == (-32600, None)
    assert client.ask("tools/list")["result"]["tools"]


# Tools


def test_a_tool_is_called_once_with_its_arguments(client: Client) -> None:
    assert client.call("echo", a=[1, {"b": None}], ü="\u2028") == text(
        json.dumps({"a": [1, {"b": None}], "ü": "\u2028"})
    )
    assert client.toolbox.calls == [("echo", {"a": [1, {"b": None}], "ü": "\u2028"})]
    assert ("tools/call", "echo", "ok") in client.requests


@pytest.mark.parametrize("arguments", [{}, {"arguments": None}, {"arguments": {}}])
def test_a_call_may_have_no_arguments(client: Client, arguments: dict[str, Any]) -> None:
    assert client.ask("tools/call", {"name": "echo", **arguments})["result"] == text("{}")


@pytest.mark.parametrize(
    "params",
    [{}, {"name": 1}, {"name": None}, {"name": "echo", "arguments": []}, {"name": "echo", "arguments": "x"}, []],
)
def test_a_call_needs_a_name_and_an_object(client: Client, params: Any) -> None:
    assert client.ask("tools/call", params)["error"]["code"] == -32602
    assert not client.toolbox.calls


def test_a_tool_that_fails_is_a_result(client: Client) -> None:
    client.toolbox.answers["bad"] = {"content": [{"type": "text", "text": "no"}], "isError": True}
    assert client.call("bad")["isError"] is True
    until(lambda: ("tools/call", "bad", "error") in client.requests)


def test_an_error_of_ours_is_no_traceback(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.toolbox.answers["broken"] = lambda _: 1 / 0
    client.toolbox.answers["nothing"] = lambda _: None
    for name in ("broken", "nothing"):
        assert client.ask("tools/call", {"name": name})["error"]["code"] == -32603
    client.toolbox.tools = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    assert client.ask("tools/list")["error"]["code"] == -32603
    client.toolbox.instructions = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    assert client.ask("initialize", {"protocolVersion": "2025-11-25"})["error"]["code"] == -32603
    assert client.call("echo") == text("{}")
    assert capfd.readouterr() == ("", "")


def test_the_traceback_of_an_error_of_ours_is_there_for_whoever_debugs(
    client: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITELLMCTL_DEBUG", "1")
    client.toolbox.answers["broken"] = lambda _: 1 / 0
    message = client.ask("tools/call", {"name": "broken"})["error"]["message"]
    assert message == "unexpected ZeroDivisionError: this is a bug in litellmctl"
    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    assert stderr.startswith("Traceback (most recent call last)")
    assert stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("depth", [500, 5000])
def test_a_result_that_is_nested_too_deeply_is_a_problem_of_the_tool(client: Client, depth: int) -> None:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    client.toolbox.answers["deep"] = {"content": [], "structuredContent": {"a": nested}}
    result = client.call("deep")
    assert "structuredContent" in result or "nested too deeply" in result["content"][0]["text"]
    assert client.call("echo") == text("{}")


def test_a_result_that_no_client_could_take_is_a_problem_of_the_tool(client: Client) -> None:
    client.toolbox.answers["huge"] = text("ü" * 6 * 2**20)
    result = client.call("huge")
    assert result["isError"] is True
    assert "larger than 10 MiB" in result["content"][0]["text"]


def test_a_result_has_no_lone_surrogate_and_no_infinity(client: Client) -> None:
    client.toolbox.answers["odd"] = {"content": [], "structuredContent": {"a": "\ud800", "b": float("nan")}}
    result = client.call("odd")
    assert result["structuredContent"] == {"a": "\ufffd", "b": None}


# Pages


def _tools(count: int, size: int = 0) -> list[dict[str, Any]]:
    schema = {"type": "object"}
    return [{"name": f"t{number}", "description": "x" * size, "inputSchema": schema} for number in range(count)]


def _all_tools(client: Client) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        page = client.ask("tools/list", {} if cursor is None else {"cursor": cursor})["result"]
        pages.append([tool["name"] for tool in page["tools"]])
        cursor = page.get("nextCursor")
        if cursor is None:
            return pages


@pytest.mark.parametrize(
    ("count", "size", "pages"), [(0, 0, 1), (1000, 100, 1), (1001, 0, 2), (2500, 0, 3), (9, 2**20, 3)]
)
def test_pages_have_each_tool_once(client: Client, count: int, size: int, pages: int) -> None:
    client.toolbox.listed = _tools(count, size)
    found = _all_tools(client)
    assert len(found) == pages
    assert [name for page in found for name in page] == [f"t{number}" for number in range(count)]


def test_a_page_is_no_larger_than_clients_take(client: Client) -> None:
    client.toolbox.listed = _tools(100, 200_000)
    assert len(json.dumps(client.ask("tools/list"))) < 5 * 2**20


def test_a_tool_of_a_page_of_its_own_is_listed(client: Client) -> None:
    client.toolbox.listed = [*_tools(2), *_tools(1, 5 * 2**20), *_tools(2)]
    assert [len(page) for page in _all_tools(client)] == [2, 1, 2]


def test_a_cursor_goes_on_with_the_list_that_it_began(client: Client) -> None:
    client.toolbox.listed = _tools(1500)
    cursor = client.ask("tools/list")["result"]["nextCursor"]
    client.toolbox.listed = _tools(3)
    rest = client.ask("tools/list", {"cursor": cursor})["result"]
    assert [tool["name"] for tool in rest["tools"]] == [f"t{number}" for number in range(1000, 1500)]
    assert "nextCursor" not in rest


def test_a_cursor_of_a_list_that_has_changed_is_refused(client: Client) -> None:
    client.toolbox.listed = _tools(1500)
    cursor = client.ask("tools/list")["result"]["nextCursor"]
    assert client.ask("tools/list")["result"]["nextCursor"] == cursor  # the same list has the same cursors
    client.toolbox.listed = _tools(1600)
    client.ask("tools/list")
    error = client.ask("tools/list", {"cursor": cursor})["error"]
    assert error["code"] == -32602
    assert "may have changed" in error["message"]


@pytest.mark.parametrize("cursor", ["", "x", ".1", "0", 1, {}, [], True, "\ud800", "x" * 10_000])
def test_a_cursor_that_is_none_is_refused(client: Client, cursor: Any) -> None:
    client.toolbox.listed = _tools(1500)
    name = client.ask("tools/list")["result"]["nextCursor"].partition(".")[0]
    assert client.ask("tools/list", {"cursor": cursor})["error"]["code"] == -32602
    for number in ("0", "2", "-1", "01", "1.0", "x", "", "1 "):
        assert client.ask("tools/list", {"cursor": f"{name}.{number}"})["error"]["code"] == -32602


# Cancelling


def test_a_cancelled_call_is_never_answered(client: Client) -> None:
    number = client.request("tools/call", {"name": "slow"})
    until(lambda: client.toolbox.calls)
    client.send({"method": "notifications/cancelled", "params": {"requestId": number, "reason": "enough"}})
    assert client.ask("ping")["result"] == {}
    client.toolbox.gate.set()
    assert client.end() == []
    assert ("tools/call", "slow", "cancelled") in client.requests
    assert len(client.requests) == 3  # initialize, the call, the ping


def test_a_call_that_is_cancelled_while_it_waits_is_never_made(client: Client) -> None:
    for _ in range(MAX_CALLS):
        client.request("tools/call", {"name": "slow"})
    until(lambda: len(client.toolbox.calls) == MAX_CALLS)
    number = client.request("tools/call", {"name": "echo"})
    client.send({"method": "notifications/cancelled", "params": {"requestId": number}})
    assert client.ask("ping")["result"] == {}
    client.toolbox.gate.set()
    assert len(client.end()) == MAX_CALLS
    assert {name for name, _ in client.toolbox.calls} == {"slow"}


def test_calls_that_are_cancelled_do_not_hold_up_others_while_the_proxy_works_on_them(client: Client) -> None:
    slow = [client.request("tools/call", {"name": "slow"}) for _ in range(MAX_CALLS)]
    until(lambda: len(client.toolbox.calls) == MAX_CALLS)
    for number in slow:
        client.send({"method": "notifications/cancelled", "params": {"requestId": number}})
    for _ in range(MAX_CALLS):
        client.request("tools/call", {"name": "echo"})
    until(lambda: len(client.toolbox.calls) == 2 * MAX_CALLS, "the call of the others", _SECONDS / 2)
    client.toolbox.gate.set()
    assert len(client.end()) == MAX_CALLS


def test_a_call_that_is_cancelled_while_it_waits_takes_no_room(client: Client) -> None:
    for _ in range(MAX_CALLS):
        client.request("tools/call", {"name": "slow"})
    until(lambda: len(client.toolbox.calls) == MAX_CALLS)
    large = [client.request("tools/call", {"name": "echo", "arguments": {"a": "x" * 9 * 2**20}}) for _ in range(2)]
    client.send({"method": "notifications/cancelled", "params": {"requestId": large[0]}})
    client.request("tools/call", {"name": "echo"})  # which waits for room, and nothing more is read
    assert client.ask("ping")["result"] == {}


@pytest.mark.parametrize(
    "params", [None, {}, {"requestId": 99}, {"requestId": None}, {"requestId": [1]}, {"requestId": "1"}, []]
)
def test_cancelling_what_does_not_run_is_ignored(client: Client, params: Any) -> None:
    number = client.request("tools/call", {"name": "slow"})
    assert number == 1
    client.send({"method": "notifications/cancelled", **({} if params is None else {"params": params})})
    client.send({"method": "notifications/cancelled", "params": {"requestId": "init"}})
    client.toolbox.gate.set()
    assert client.next()["id"] == number


def test_an_id_is_free_once_its_call_is_cancelled(client: Client) -> None:
    client.send({"id": "a", "method": "tools/call", "params": {"name": "slow"}})
    client.send({"method": "notifications/cancelled", "params": {"requestId": "a"}})
    client.send({"id": "a", "method": "tools/call", "params": {"name": "echo"}})
    assert client.next() == {"jsonrpc": "2.0", "id": "a", "result": text("{}")}


def test_one_id_may_be_used_for_one_call_after_the_other(client: Client) -> None:
    for number in range(300):
        client.send({"id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"n": number}}})
        assert client.next()["result"] == text(json.dumps({"n": number}))


# Many at once


def test_calls_run_at_the_same_time_and_others_wait(client: Client) -> None:
    numbers = [client.request("tools/call", {"name": "slow"}) for _ in range(MAX_CALLS + 10)]
    until(lambda: len(client.toolbox.calls) == MAX_CALLS)
    assert client.ask("ping")["result"] == {}
    assert client.ask("tools/list")["result"]["tools"]
    time.sleep(0.05)
    assert len(client.toolbox.calls) == MAX_CALLS
    client.toolbox.gate.set()
    assert {client.next()["id"] for _ in numbers} == set(numbers)


def test_a_call_does_not_wait_for_another(client: Client) -> None:
    slow = client.request("tools/call", {"name": "slow"})
    assert client.call("echo") == text("{}")
    client.toolbox.gate.set()
    assert client.next()["id"] == slow


def test_a_list_that_takes_time_holds_up_nothing(client: Client) -> None:
    def tools() -> list[dict[str, Any]]:
        assert client.toolbox.gate.wait(_SECONDS)
        return []

    client.toolbox.tools = tools  # type: ignore[method-assign]
    number = client.request("tools/list")
    assert client.ask("ping")["result"] == {}
    assert client.call("echo") == text("{}")
    client.toolbox.gate.set()
    assert client.next() == {"jsonrpc": "2.0", "id": number, "result": {"tools": []}}


def test_threads_end_with_their_calls(client: Client) -> None:
    before = threading.active_count()
    for _ in range(MAX_CALLS):
        client.request("tools/call", {"name": "slow"})
    until(lambda: len(client.toolbox.calls) == MAX_CALLS)
    client.toolbox.gate.set()
    for _ in range(MAX_CALLS):
        client.next()
    until(lambda: threading.active_count() <= before)


def test_two_requests_with_one_id_are_not_confused(client: Client) -> None:
    client.send({"id": 7, "method": "tools/call", "params": {"name": "slow"}})
    client.send({"id": 7.0, "method": "tools/call", "params": {"name": "echo"}})
    answer = client.next()
    assert answer["id"] is None
    assert answer["error"] == {"code": -32600, "message": "a request with id 7.0 is still running; use each id once"}
    client.send({"id": "7", "method": "tools/call", "params": {"name": "echo"}})  # another one
    assert client.next()["id"] == "7"
    client.toolbox.gate.set()
    assert client.next() == {"jsonrpc": "2.0", "id": 7, "result": text("slow")}
    assert [name for name, _ in client.toolbox.calls] == ["slow", "echo"]


# What the server says by itself


def test_a_change_of_the_list_is_said(client: Client) -> None:
    until(lambda: client.ask("ping"))
    client.toolbox.on_change()
    assert client.next() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


def test_a_change_is_said_once_the_client_listens(connect: Connect) -> None:
    client = connect(None)
    client.ask("initialize", {"protocolVersion": "2025-06-18"})
    client.toolbox.on_change()
    client.toolbox.on_change()
    assert client.ask("ping")["result"] == {}
    client.send({"method": "notifications/initialized"})
    assert client.next()["method"] == "notifications/tools/list_changed"
    assert client.end() == []


def test_changes_that_wait_are_one(connect: Connect) -> None:
    client = deaf(connect)
    client.toolbox.answers["big"] = text("x" * 2**20)
    client.send({"id": 2, "method": "tools/call", "params": {"name": "big"}})
    until(lambda: ("tools/call", "big", "ok") in client.requests)
    for number in range(100):
        client.toolbox.on_change()
        client.toolbox.on_message("error", str(number))
    said = [message["method"] for message in client.end() if "method" in message]
    assert said.count("notifications/tools/list_changed") == 1
    assert said.count("notifications/message") == 100


def test_a_change_is_said_even_where_much_is_waiting(connect: Connect) -> None:
    client = deaf(connect)
    client.toolbox.answers["big"] = text("x" * 5 * 2**20)
    client.send({"id": 2, "method": "tools/call", "params": {"name": "big"}})
    until(lambda: ("tools/call", "big", "ok") in client.requests)
    client.toolbox.on_message("error", "not worth the memory")
    client.toolbox.on_change()
    said = [message["method"] for message in client.end() if "method" in message]
    assert said == ["notifications/tools/list_changed"]


def test_messages_are_of_the_level_that_the_client_chose(client: Client) -> None:
    client.ask("ping")
    client.toolbox.on_message("info", "not worth it")
    client.toolbox.on_message("warning", "The list is old.")
    params = {"level": "warning", "logger": "litellmctl", "data": "The list is old."}
    assert client.next() == {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    assert client.ask("logging/setLevel", {"level": "error"})["result"] == {}
    client.toolbox.on_message("warning", "The list is old.")
    client.toolbox.on_message("error", "worse")
    assert client.next()["params"]["data"] == "worse"
    assert client.ask("logging/setLevel", {"level": "debug"})["result"] == {}
    client.toolbox.on_message("debug", "details")
    assert client.next()["params"]["level"] == "debug"


@pytest.mark.parametrize("level", [None, "", "loud", 3, ["error"], {}])
def test_a_level_is_one_of_eight(client: Client, level: Any) -> None:
    error = client.ask("logging/setLevel", {"level": level})["error"]
    assert error["code"] == -32602
    assert "debug, info, notice" in error["message"]


def test_messages_before_the_beginning_are_kept(connect: Connect) -> None:
    client = connect(None)
    until(lambda: client.toolbox.on_message.__name__ != "<lambda>")
    client.toolbox.on_message("warning", "early")
    client.begin()
    assert client.next()["params"]["data"] == "early"


def test_few_messages_before_the_beginning_are_kept(connect: Connect) -> None:
    client = connect(None)
    until(lambda: client.toolbox.on_message.__name__ != "<lambda>")
    for number in range(1000):
        client.toolbox.on_message("warning", str(number))
    client.begin()
    said = [message["params"]["data"] for message in client.end()]
    assert said == [str(number) for number in range(20)]


def test_a_client_listens_only_after_the_beginning(connect: Connect) -> None:
    client = connect(None)
    client.send({"method": "notifications/initialized"})
    client.ask("ping")
    client.toolbox.on_change()
    assert client.ask("ping")["result"] == {}


# Batches


def _batch(*messages: Any) -> bytes:
    return json.dumps([m if not isinstance(m, dict) else {"jsonrpc": "2.0", **m} for m in messages]).encode() + b"\n"


def test_a_batch_has_one_answer(connect: Connect) -> None:
    client = connect("2025-03-26")
    client.send_bytes(
        _batch(
            {"id": 1, "method": "tools/call", "params": {"name": "echo"}},
            {"method": "notifications/progress", "params": {}},
            {"id": 2, "method": "ping"},
            {"id": 3, "method": "nothing"},
            7,
            {"id": 9, "result": {}},
        )
    )
    answers = client.next()
    assert {answer["id"] for answer in answers} == {1, 2, 3, None}
    codes = {answer["id"]: answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes == {3: -32601, None: -32600}
    assert client.end() == []


def test_a_batch_of_notifications_has_no_answer(connect: Connect) -> None:
    client = connect("2025-03-26")
    client.send_bytes(_batch({"method": "notifications/x"}, {"method": "notifications/y"}))
    assert client.ask("ping")["result"] == {}


def test_a_cancelled_call_of_a_batch_does_not_hold_up_the_others(connect: Connect) -> None:
    client = connect("2025-03-26")
    client.send_bytes(
        _batch({"id": "a", "method": "tools/call", "params": {"name": "slow"}}, {"id": "b", "method": "ping"})
    )
    client.send({"method": "notifications/cancelled", "params": {"requestId": "a"}})
    assert client.next() == [{"jsonrpc": "2.0", "id": "b", "result": {}}]
    client.toolbox.gate.set()


def test_initialization_is_not_batched(connect: Connect) -> None:
    client = connect("2025-03-26")
    client.send_bytes(_batch({"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}}))
    assert client.next()[0]["error"]["code"] == -32600


@pytest.mark.parametrize("batch", [b"[]", b"[" + b",".join([b"1"] * 101) + b"]"])
def test_a_batch_has_some_messages_and_not_too_many(connect: Connect, batch: bytes) -> None:
    client = connect("2025-03-26")
    assert client.code(batch) == (-32600, None)


def test_a_batch_comes_in_parts_where_a_client_could_not_take_it(connect: Connect) -> None:
    client = connect("2025-03-26")
    client.toolbox.answers["big"] = text("x" * 4 * 2**20)
    client.send_bytes(_batch(*({"id": n, "method": "tools/call", "params": {"name": "big"}} for n in range(5))))
    parts = [client.next() for _ in range(3)]
    assert sorted(answer["id"] for part in parts for answer in part) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2024-11-05"])
def test_other_versions_have_no_batches(connect: Connect, version: str) -> None:
    client = connect(version)
    assert client.code(_batch({"id": 1, "method": "ping"}).strip()) == (-32600, None)


# Bad input


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"garbage", "expecting value"),
        (b'{"jsonrpc":"2.0","id":1,"method":"pi', "unterminated string"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', "not valid UTF-8"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', "NaN is not a number"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":-Infinity}}', "-Infinity is not a number"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1e999}}', "out of range"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"9" * 5000 + b"}}", "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\x00", "expecting value"),
        (b"Content-Length: 52\r", "expecting value"),
    ],
)
def test_what_is_not_json_is_answered_and_the_session_goes_on(client: Client, line: bytes, words: str) -> None:
    client.send_bytes(line + b"\n")
    answer = client.next()
    assert answer["error"]["code"] == -32700
    assert answer["id"] is None
    assert words in answer["error"]["message"]
    assert client.ask("ping")["result"] == {}


@pytest.mark.parametrize(
    ("message", "code", "number"),
    [
        (7, -32600, None),
        ("text", -32600, None),
        (None, -32600, None),
        ({}, -32600, None),
        ({"id": 5}, -32600, 5),
        ({"jsonrpc": "2.0", "id": 5}, -32600, 5),
        ({"jsonrpc": "1.0", "id": 5, "method": "ping"}, -32600, 5),
        ({"id": 5, "method": "ping"}, -32600, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": 7}, -32600, 5),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": [1], "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": 5, "method": "ping", "params": [1]}, -32602, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": "ping", "params": "x"}, -32602, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": ""}, -32601, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": "resources/list"}, -32601, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": "prompts/list"}, -32601, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": "completion/complete"}, -32601, 5),
        ({"jsonrpc": "2.0", "id": 5, "method": "notifications/initialized"}, -32601, 5),
        ({"jsonrpc": "2.0", "id": "\ud800", "method": "x"}, -32601, "\ud800"),
        ({"jsonrpc": "2.0", "id": 10**400, "method": "x"}, -32601, 10**400),
        ({"jsonrpc": "2.0", "id": -0.5, "method": "x"}, -32601, -0.5),
    ],
)
def test_what_is_not_a_request_is_refused(client: Client, message: Any, code: int, number: Any) -> None:
    assert client.code(json.dumps(message).encode()) == (code, number)
    assert client.ask("ping")["result"] == {}


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "unknown"},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "echo"}},
        {"jsonrpc": "2.0", "method": "ping"},
        {"jsonrpc": "2.0", "method": "initialize", "params": {"protocolVersion": "2024-11-05"}},
        {"jsonrpc": "2.0", "method": "notifications/initialized", "params": [1]},
        {"jsonrpc": "2.0", "method": "notifications/initialized", "id": None},
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": ""}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": ""}},
    ],
)
def test_what_asks_for_nothing_gets_nothing(client: Client, message: Any) -> None:
    client.send_bytes(json.dumps(message).encode() + b"\n")
    assert client.ask("ping")["result"] == {}
    assert not client.toolbox.calls


def test_a_request_with_a_result_is_a_request(client: Client) -> None:
    assert client.ask("ping", result={}, error={})["result"] == {}


def test_names_of_a_client_are_cut_in_messages(client: Client) -> None:
    error = client.ask("x" * 100_000 + "\x1b[2J")["error"]
    assert len(error["message"]) < 200
    client.ask("tools/call", {"name": "y" * 100_000})
    assert all(len(method) <= 100 and len(about) <= 100 for method, about, _ in client.requests)


def test_the_last_of_two_equal_keys_counts(client: Client) -> None:
    client.send_bytes(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x","method":"ping"}\n')
    assert client.next() == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_blank_lines_and_line_breaks_of_windows_are_read(client: Client) -> None:
    client.send_bytes(b'\n\r\n  \n{"jsonrpc":"2.0","id":1,"method":"ping"}\r\n\n')
    assert client.next() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_a_byte_order_mark_is_ignored(connect: Connect) -> None:
    client = connect(None)
    client.send_bytes(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert client.next()["result"] == {}


def test_a_message_that_comes_in_pieces_is_read(client: Client) -> None:
    for byte in b'{"jsonrpc":"2.0","id":"\xc3\xbc","method":"ping"}\n':
        client.send_bytes(bytes([byte]))
    assert client.next() == {"jsonrpc": "2.0", "id": "ü", "result": {}}


def test_half_a_line_at_the_end_is_answered(connect: Connect) -> None:
    client = connect()
    client.send_bytes(b'{"jsonrpc":"2.0","id":1,"meth')
    (answer,) = client.end()
    assert answer["error"]["code"] == -32700


_START = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":"'


@pytest.mark.parametrize(
    ("start", "end", "number"),
    [
        (_START, b'"}}}', 1),
        (_START.replace(b'"id":1,', b'"id": "a" ,'), b'"}}}', "a"),
        (
            b'{"method":"tools/call","params":{"name":"echo","arguments":{"id":5,"a":"',
            b'"}},"jsonrpc":"2.0","id":2}',
            2,
        ),
        (b'{"method":"tools/call","params":{"name":"echo","arguments":{"id":5,"a":"', b'","id":3}}}', None),
        (b'{"method":"tools/call","params":{"id":5,"a":"', b'"}}', None),
        (b"", b"", None),
    ],
)
def test_a_message_of_100_mb_is_refused_without_being_held(
    client: Client, start: bytes, end: bytes, number: Any
) -> None:
    piece = b"x" * 2**20
    client.send_bytes(start)
    for _ in range(100):
        client.send_bytes(piece)
    client.send_bytes(end + b"\n")
    answer = client.next()
    assert answer["error"] == {"code": -32600, "message": "the message is larger than 10 MiB"}
    assert answer["id"] == number
    assert client.ask("ping")["result"] == {}
    assert not client.toolbox.calls


def test_a_message_of_ten_mebibytes_is_read(client: Client) -> None:
    client.toolbox.answers["echo"] = lambda arguments: text(str(len(arguments["a"])))
    assert client.call("echo", a="x" * (10 * 2**20 - 200)) == text(str(10 * 2**20 - 200))


# A client that does not read, and the end


def test_a_client_that_never_reads_is_not_read_either(connect: Connect) -> None:
    client = deaf(connect)
    line = json.dumps({"jsonrpc": "2.0", "id": "x" * 10_000, "method": "ping"}).encode() + b"\n"
    sent, rest = 0, line
    os.set_blocking(client._to, False)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and sent < 100 * 2**20:
        try:
            written = os.write(client._to, rest)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            sent += written
            rest = rest[written:] or line
    assert sent < 10 * 2**20
    os.set_blocking(client._to, True)
    client.read()
    client.send_bytes(rest)
    assert len(client.end()) == sent // len(line) + 2  # with that of initialize, and the last one


def test_answers_for_a_client_that_never_reads_are_as_few_as_calls_that_run(connect: Connect) -> None:
    client = deaf(connect)
    client.toolbox.answers["big"] = text("x" * 2**20)
    for number in range(200):
        client.send({"id": number, "method": "tools/call", "params": {"name": "big"}})
    until(lambda: len(client.toolbox.calls) >= MAX_CALLS)
    time.sleep(0.2)
    assert len(client.toolbox.calls) < 6 + MAX_CALLS
    assert len([message for message in client.end() if "result" in message]) == 201


def test_requests_that_run_are_answered_after_stdin_is_closed(client: Client) -> None:
    numbers = [client.request("tools/call", {"name": "slow"}) for _ in range(MAX_CALLS + 3)]
    client.close()
    time.sleep(0.05)
    assert not client.has_ended
    client.toolbox.gate.set()
    assert {answer["id"] for answer in client.ended()} == set(numbers)
    assert client.error is None


def test_a_client_that_is_gone_ends_the_session(connect: Connect) -> None:
    client = deaf(connect)
    until(lambda: ("initialize", "", "ok") in client.requests)
    os.read(client._from, 65536)
    client.send({"id": 1, "method": "tools/call", "params": {"name": "slow"}})
    until(lambda: client.toolbox.calls)
    client.stop_reading()
    until(lambda: client.has_ended)
    assert isinstance(client.error, BrokenPipeError)  # it had waited for something
    client.toolbox.gate.set()
    client.close()


def test_a_client_that_is_gone_and_waits_for_nothing_is_an_orderly_end(connect: Connect) -> None:
    client = deaf(connect)
    until(lambda: ("initialize", "", "ok") in client.requests)
    os.read(client._from, 65536)
    client.stop_reading()
    until(lambda: client.has_ended)
    assert client.error is None
    client.close()


def test_an_answer_that_cannot_be_written_is_an_error() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    request = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    with pytest.raises(OSError, match="No space left"):
        Session(io.BytesIO(request), Full(), Toolbox()).run()  # type: ignore[arg-type]


def test_streams_in_memory_do_too() -> None:
    sink = io.BytesIO()
    Session(io.BytesIO(b'{"jsonrpc":"2.0","id":1,"method":"ping"}'), sink, Toolbox()).run()  # type: ignore[arg-type]
    assert sink.getvalue() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'


def test_a_pipe_that_takes_a_part_gets_the_rest() -> None:
    class Narrow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:3]))

    sink = Narrow()
    Session(io.BytesIO(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'), sink, Toolbox()).run()  # type: ignore[arg-type]
    assert sink.getvalue() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
