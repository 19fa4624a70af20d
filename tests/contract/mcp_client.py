"""A bare MCP client on the pipes of `mcp serve`: it keeps every line, waits a while at most, and corrects nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from queue import Empty, Queue
from typing import Any

SECONDS = 30.0
INITIALIZE: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class McpClient:
    """A client of a process that `start(..., text=False)` returned.

    `lines` are all lines that came on stdout, `notifications` those among them that answer nothing.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self.notifications: list[dict[str, Any]] = []
        self._said: list[bytes] = []
        self._answers: dict[Any, dict[str, Any]] = {}
        self._arrived: Queue[bytes] = Queue()
        self._ids = itertools.count(1)
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._hear, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def begin(self, **params: Any) -> dict[str, Any]:
        """Initialize the session; return the server's answer."""
        result: dict[str, Any] = self.ask("initialize", {**INITIALIZE, **params})
        self.send("notifications/initialized")
        return result

    def tools(self) -> dict[str, dict[str, Any]]:
        """Return the tools of all pages by their names."""
        found: dict[str, dict[str, Any]] = {}
        cursor: dict[str, str] = {}
        while True:
            page = self.ask("tools/list", cursor)
            found |= {tool["name"]: tool for tool in page["tools"]}
            if "nextCursor" not in page:
                return found
            cursor = {"cursor": page["nextCursor"]}

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; return its result."""
        result: dict[str, Any] = self.ask("tools/call", {"name": name, "arguments": arguments})
        return result

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Send a request and return its result."""
        return self.result(self.request(method, params))

    def request(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request; return its id."""
        number = next(self._ids)
        self.send(method, params, id=number)
        return number

    def send(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> None:
        """Send a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(line(method, params, **more))
        self.process.stdin.flush()

    def result(self, number: int) -> Any:
        """Wait for the answer to a request, and return its result."""
        answer = self.answer(number)
        assert "result" in answer, answer
        return answer["result"]

    def answer(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request."""
        while number not in self._answers:
            try:
                self._take(self._arrived.get(timeout=SECONDS))
            except Empty:
                raise AssertionError(f"no answer to {number}; stderr: {self.said}") from None
        return self._answers.pop(number)

    def notified(self, method: str) -> dict[str, Any]:
        """Wait for a notification, and return it; one that came before counts, once."""
        while True:
            for message in self.notifications:
                if message["method"] == method:
                    self.notifications.remove(message)
                    return message
            try:
                self._take(self._arrived.get(timeout=SECONDS))
            except Empty:
                raise AssertionError(f"no {method}; stderr: {self.said}") from None

    def end(self, exit: int = 0) -> str:
        """Close stdin, wait for the end, and return what was said on stderr. All of stdout is protocol."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.ended(exit)

    def ended(self, exit: int = 0) -> str:
        """Wait for the end; return what was said on stderr."""
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        assert code == exit, f"exit {code}, not {exit}: {self.said}"
        assert "Traceback" not in self.said, self.said
        assert all(json.loads(one)["jsonrpc"] == "2.0" for one in self.lines)
        return self.said

    @property
    def said(self) -> str:
        """What was said on stderr so far."""
        return b"".join(self._said).decode()

    def _take(self, received: bytes) -> None:
        message = json.loads(received)
        if "method" in message:
            self.notifications.append(message)
        else:
            assert message["id"] not in self._answers, f"two answers to {message['id']}"
            self._answers[message["id"]] = message

    def _read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        while piece := self.process.stdout.read(65536):
            *lines, rest = (rest + piece).split(b"\n")
            for one in lines:
                self.lines.append(one)
                self._arrived.put(one)
        if rest:
            self.lines.append(rest)

    def _hear(self) -> None:
        assert self.process.stderr is not None
        while piece := self.process.stderr.read(65536):
            self._said.append(piece)


def line(method: str, params: dict[str, Any] | None = None, **more: Any) -> bytes:
    """Return a message as it is sent; `id=` makes it a request."""
    message = {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params}), **more}
    return json.dumps(message).encode() + b"\n"


def text_of(result: dict[str, Any]) -> str:
    """Return the texts of a tool's result."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
