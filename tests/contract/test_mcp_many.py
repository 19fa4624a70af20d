"""`mcp call --jsonl`: many calls, in order, each made once, and none of them more than the others' business."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.answers import answering, http
from tests.conftest import Run, Start
from tests.contract.tools import CALL, SERVERS, answer, calls, offer, offering, tool
from tests.effort import measured, peak_bytes, until
from tests.fake_proxy import FakeProxy, error
from tests.logins import OLD, Files
from tests.server import Listener, read_body, read_head

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "t": {"type": "string"}, "any": {}},
    "required": ["n"],
}

Reply = Callable[[dict[str, Any]], Any]


class ToolServer(Listener):
    """A proxy with one tool, quicker than the fake one, that knows what it is called with and counts.

    `reply` makes the result out of the arguments; a pair is a status and a body, None closes the connection.
    """

    def __init__(self) -> None:
        self.reply: Reply = echo
        self.arguments: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.in_flight = self.most_in_flight = self.listings = 0
        self.lock = threading.Lock()
        super().__init__()

    @property
    def numbers(self) -> list[Any]:
        """The `n` of each call, in the order in which they came."""
        return [arguments.get("n") for arguments in self.arguments]

    def serve(self, connection: socket.socket) -> None:
        """Answer until the client has no more requests, or a reply is None."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as stream:
            while (head := read_head(stream)) is not None:
                body = read_body(stream, head.headers)
                if head.target == SERVERS:
                    made: Any = []
                elif head.target != CALL:
                    self.listings += 1
                    made = offer(tool("echo", SCHEMA))
                else:
                    made = self._call(json.loads(body), head.headers.get("authorization", ""))
                if made is None:
                    return
                status, said = made if isinstance(made, tuple) else (200, made)
                connection.sendall(http(said, status=f"{status} X"))

    def _call(self, request: dict[str, Any], key: str) -> Any:
        arguments = request["arguments"]
        with self.lock:
            self.arguments.append(arguments)
            self.keys.append(key)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return self.reply(arguments)
        finally:
            with self.lock:
                self.in_flight -= 1


def echo(arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the result of a tool that says its number."""
    return answer(str(arguments.get("n")), structuredContent={"n": arguments.get("n")}, **more)


@pytest.fixture
def server(env: dict[str, str]) -> Iterator[ToolServer]:
    server = ToolServer()
    env["LITELLM_BASE_URL"] = server.url
    env["LITELLM_API_KEY"] = "sk-test-0123456789abcdef"
    yield server
    server.close()


def lines(*values: Any) -> str:
    """Return JSONL: texts as they are, anything else as JSON."""
    return "".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values)


def numbered(count: int, start: int = 0) -> str:
    return lines(*({"n": number} for number in range(start, start + count)))


def outcomes(text: str) -> list[Any]:
    """Return for each line of output its number, or the code of its error, or the tool's own error."""
    found: list[Any] = []
    for line in text.splitlines():
        one = json.loads(line)
        if "error" in one:
            found.append(one["error"]["code"])
        else:
            found.append("isError" if one["isError"] else one["structuredContent"]["n"])
    return found


@pytest.fixture
def buffered(env: dict[str, str]) -> None:
    """Let the program's output wait in buffers, as it does by default."""
    env.pop("PYTHONUNBUFFERED", None)


Calls = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_calls(server: ToolServer, buffered: None, start: Start) -> Calls:
    """Start `mcp call --jsonl -` with pipes of bytes."""
    return partial(start, "mcp", "call", "echo", "--jsonl", "-", text=False)


def feed(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode())
    process.stdin.flush()


def feed_all(process: subprocess.Popen[bytes], text: str) -> None:
    """Write the whole of its input: nothing is called before."""
    feed(process, text)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None


def read_line(process: subprocess.Popen[bytes], seconds: float = 10) -> bytes:
    """Return the next line of output; b"" where none came in time."""
    found: list[bytes] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: found.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    reader.join(seconds)
    return found[0] if found else b""


# --- order, and how many at a time ---


def test_results_come_in_the_order_of_the_lines(run: Run, server: ToolServer) -> None:
    chance = random.Random(7)

    def reply(arguments: dict[str, Any]) -> Any:
        time.sleep(chance.uniform(0, 0.03))
        return echo(arguments)

    server.reply = reply
    result = run("mcp", "call", "echo", "--jsonl", "-", "--jobs", "8", stdin=numbered(120))
    assert outcomes(result) == list(range(120))
    assert result.stderr == ""
    assert sorted(server.numbers) == list(range(120))  # each once
    assert server.numbers != list(range(120))
    assert server.most_in_flight == 8
    assert server.listings == 1


@pytest.mark.parametrize(("options", "most"), [([], 4), (["--jobs", "1"], 1), (["--jobs", "3"], 3)])
def test_no_more_are_in_flight_than_jobs(run: Run, server: ToolServer, options: list[str], most: int) -> None:
    def reply(arguments: dict[str, Any]) -> Any:
        time.sleep(0.02)
        return echo(arguments)

    server.reply = reply
    assert outcomes(run("mcp", "call", "echo", "--jsonl", "-", *options, stdin=numbered(24))) == list(range(24))
    assert server.most_in_flight == most


@pytest.mark.parametrize("jobs", ["0", "65", "-1", "many", "1.5"])
def test_jobs_have_bounds(run: Run, server: ToolServer, jobs: str) -> None:
    result = run("mcp", "call", "echo", "--jsonl", "-", "--jobs", jobs, "--json", stdin=numbered(1), exit=2)
    assert (result, "--jobs" in result.error["message"], server.arguments) == ("", True, [])


def test_as_many_jobs_as_there_may_be(run: Run, server: ToolServer) -> None:
    assert outcomes(run("mcp", "call", "echo", "--jsonl", "-", "--jobs", "64", stdin=numbered(100))) == list(range(100))


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_no_more_than_four_times_jobs_wait_for_a_slow_one(start_calls: Calls, server: ToolServer, jobs: int) -> None:
    may_end = threading.Event()

    def reply(arguments: dict[str, Any]) -> Any:
        if arguments["n"] == 0:
            may_end.wait(20)
        return echo(arguments)

    server.reply = reply
    process = start_calls("--jobs", str(jobs))
    feed_all(process, numbered(200))
    least = 1 if jobs == 1 else 4 * jobs - 2  # of those that are read, two may not have been begun
    until(lambda: len(server.arguments) >= least)
    time.sleep(0.3)
    assert least <= len(server.arguments) <= 4 * jobs
    may_end.set()
    stdout, stderr = process.communicate(timeout=20)
    assert (outcomes(stdout.decode()), stderr, process.returncode) == (list(range(200)), b"", 0)


def test_each_result_comes_as_soon_as_it_can(start_calls: Calls, server: ToolServer) -> None:
    may_end = threading.Event()
    server.reply = lambda arguments: (may_end.wait(20) if arguments["n"] == 4 else None, echo(arguments))[1]
    process = start_calls()
    feed_all(process, numbered(5))
    assert [outcomes(read_line(process).decode()) for _ in range(4)] == [[0], [1], [2], [3]]
    may_end.set()
    stdout, stderr = process.communicate(timeout=10)
    assert (outcomes(stdout.decode()), stderr, process.returncode) == ([4], b"", 0)


def test_nothing_is_called_before_all_lines_are_there(start_calls: Calls, server: ToolServer) -> None:
    process = start_calls()
    feed(process, numbered(3))
    until(lambda: server.listings)
    time.sleep(0.3)
    assert server.arguments == []
    stdout, stderr = process.communicate(b'{"n": 3}', timeout=10)  # the last line needs no newline
    assert (outcomes(stdout.decode()), stderr, process.returncode) == ([0, 1, 2, 3], b"", 0)


# --- lines that are not as they should be ---

BAD_LINES = {
    "not JSON": "nope",
    "half JSON": '{"n": 1',
    "two on a line": '{"n": 1} {"n": 2}',
    "a number": "7",
    "an array": "[1]",
    "null": "null",
    "NaN": '{"n": NaN}',
    "endless number": '{"n": ' + "9" * 5000 + "}",
    "nested too deeply": '{"n": 1, "any": ' + "[" * 100_000,
    "ill-typed": '{"n": "x"}',
    "missing": "{}",
    "unknown": '{"n": 1, "m": 2}',
    "a lone surrogate": '{"n": 1, "t": "\\ud800"}',
    "a lone surrogate in what is ill-typed": '{"n": "\\ud800"}',
    "a null byte": "\x00",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_and_no_call_is_made(run: Run, server: ToolServer, tmp_path: Path, name: str) -> None:
    text = lines({"n": 1}, "", BAD_LINES[name], {"n": 2})
    file = tmp_path / "calls.jsonl"
    file.write_text(text)
    for source in ("-", str(file)):
        result = run("mcp", "call", "echo", "--jsonl", source, "--json", exit=2, stdin=text)
        assert (result, result.error["code"]) == ("", "usage")
        assert result.error["message"].startswith("line 3: ")
        assert result.error["message"].endswith("; no call was made")
        assert len(result.stderr) < 1000
    assert server.arguments == []


def test_all_bad_lines_are_named_or_counted(run: Run, server: ToolServer) -> None:
    text = lines({"n": "x"}, {"n": 1}, "nope", {"m": 1})
    told = run("mcp", "call", "echo", "--jsonl", "-", "--json", exit=2, stdin=text).error
    assert told["message"] == (
        "line 1: n is not an integer; line 3: not valid JSON: column 1: Expecting value; "
        "line 4: n is required (integer); m is not a parameter (expected n, t, any); no call was made"
    )
    assert told["remedy"] == "litellmctl mcp show lab/echo"
    many = run("mcp", "call", "echo", "--jsonl", "-", "--json", exit=2, stdin=lines(*["7"] * 10_000)).error
    assert many["message"].endswith("; and 9990 more lines; no call was made")
    assert many["remedy"] == "write one JSON object per line"
    assert server.arguments == []


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_line_of_more_than_5_mib_is_refused(run: Run, server: ToolServer, letter: str) -> None:
    for count in (6 * 2**20, 12 * 2**20):
        long = '{"n": 1, "t": "' + letter * (count // len(letter.encode())) + '"}'
        result = run("mcp", "call", "echo", "--jsonl", "-", exit=2, stdin=lines({"n": 1}, long, {"n": 2}))
        assert (result, "line 2: larger than 5 MiB" in result.stderr) == ("", True)
    assert server.arguments == []


def test_a_line_that_is_not_utf8_is_refused(start_calls: Calls, server: ToolServer) -> None:
    process = start_calls()
    stdout, stderr = process.communicate(b'{"n": 1}\n{"n": 2, "t": "\xff"}\n{"n": 3}\n', timeout=20)
    assert (stdout, b"line 2: not UTF-8" in stderr, process.returncode) == (b"", True, 2)
    assert server.arguments == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe with a name")
def test_lines_out_of_a_pipe_are_checked_too(run: Run, server: ToolServer, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for text, code, said in ((numbered(3), 0, ""), (lines({"n": 1}, {"n": "x"}), 2, "line 2: n is not an integer")):
        writer = threading.Thread(target=fifo.write_text, args=(text,), daemon=True)
        writer.start()
        result = run("mcp", "call", "echo", "--jsonl", str(fifo), exit=code)
        writer.join(5)
        assert said in result.stderr
    assert sorted(server.numbers) == [0, 1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is redirected there is not read from its place")
def test_stdin_that_is_a_file_is_read_from_where_it_is(server: ToolServer, env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text("a header that somebody else has read\n" + numbered(3))
    with file.open("rb", buffering=0) as stdin:
        os.lseek(stdin.fileno(), len("a header that somebody else has read\n"), os.SEEK_SET)
        command = [sys.executable, "-m", "litellmctl", "mcp", "call", "echo", "--jsonl", "-"]
        done = subprocess.run(command, stdin=stdin, env=env, capture_output=True, timeout=30, check=False)
    assert (outcomes(done.stdout.decode()), done.returncode) == ([0, 1, 2], 0)


def test_the_longest_line_that_may_be(run: Run, server: ToolServer) -> None:
    fits = '{"n": 1, "t": "' + "x" * (5 * 2**20 - 18) + '"}'
    assert len(fits) == 5 * 2**20 - 1
    assert outcomes(run("mcp", "call", "echo", "--jsonl", "-", stdin=f"{fits}\n{fits}")) == [1, 1]


def test_blank_lines_are_skipped_and_line_ends_may_be_any(run: Run, server: ToolServer) -> None:
    text = '\n  \t\r\n{"n": 1}\r\n\n {"n": 2} \n\n{"n": 3}'
    assert outcomes(run("mcp", "call", "echo", "--jsonl", "-", stdin=text)) == [1, 2, 3]


def test_a_byte_order_mark_is_no_fault(run: Run, server: ToolServer, tmp_path: Path) -> None:
    file = tmp_path / "windows.jsonl"
    file.write_text('{"n": 1}\r\n{"n": 2}\r\n', encoding="utf-8-sig", newline="")
    assert outcomes(run("mcp", "call", "echo", "--jsonl", str(file))) == [1, 2]


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_no_lines_are_no_calls(run: Run, server: ToolServer, tmp_path: Path, text: str) -> None:
    file = tmp_path / "empty"
    file.write_text(text)
    for source in ("-", str(file)):
        result = run("mcp", "call", "echo", "--jsonl", source, stdin=text)
        assert (result, result.stderr) == ("", "")
    assert server.arguments == []


def test_a_file_that_cannot_be_read_is_exit_2(run: Run, server: ToolServer, tmp_path: Path) -> None:
    for name, words in (("missing.jsonl", "no such file"), (".", "is a directory")):
        result = run("mcp", "call", "echo", "--jsonl", str(tmp_path / name), "--json", exit=2)
        assert (result, words in result.error["message"]) == ("", True)
    assert server.arguments == []


# --- failures, and which of them decides ---

SERVER_ERROR = (500, {"detail": {"error": "x", "message": "boom"}})
REPLIES: dict[str, Any] = {
    "isError": lambda arguments: echo(arguments, isError=True),
    "server_error": lambda _: SERVER_ERROR,
    "auth_failed": lambda _: (401, error(401, "no")["body"]),
    "forbidden": lambda _: (403, {"detail": {"error": "access_denied", "message": "no"}}),
    "not_found": lambda _: (404, {"detail": {"error": "server_not_found", "message": "gone"}}),
    "rate_limited": lambda _: (429, {"error": {"message": "slow down"}}),
    "bad_response": lambda _: (200, b"<html>"),
    "unreachable": lambda _: None,
}


@pytest.mark.parametrize("kind", REPLIES)
def test_a_call_that_fails_is_made_once_and_the_rest_goes_on(run: Run, server: ToolServer, kind: str) -> None:
    server.reply = lambda arguments: REPLIES[kind](arguments) if arguments["n"] % 3 == 1 else echo(arguments)
    codes = {"isError": 5, "auth_failed": 4, "forbidden": 4, "not_found": 5}
    result = run("mcp", "call", "echo", "--jsonl", "-", exit=codes.get(kind, 3), stdin=numbered(12))
    assert outcomes(result) == [kind if number % 3 == 1 else number for number in range(12)]
    assert sorted(server.numbers) == list(range(12))
    assert "4 of 12 calls failed" in result.stderr


@pytest.mark.parametrize(
    ("failures", "exit"),
    [
        (["isError", "server_error", "auth_failed"], 5),
        (["server_error", "isError", "auth_failed"], 3),
        (["auth_failed", "server_error", "isError"], 4),
    ],
)
def test_the_first_failure_in_the_input_decides(run: Run, server: ToolServer, failures: list[str], exit: int) -> None:
    def reply(arguments: dict[str, Any]) -> Any:
        number = arguments["n"]
        time.sleep(0.03 * (4 - number))  # the later ones are over sooner
        return REPLIES[failures[number - 1]](arguments) if number else echo(arguments)

    server.reply = reply
    text = lines({"n": 0}, "", *({"n": n} for n in range(1, 4)))
    result = run("mcp", "call", "echo", "--jsonl", "-", exit=exit, stdin=text)
    assert outcomes(result) == [0, *failures]
    assert result.stderr.startswith("3 of 4 calls failed; the first error is below.\nError: line 3: ")
    told = [json.loads(line).get("error") for line in result.splitlines()]
    assert [one["message"].split(": ")[0] for one in told if one] == [
        f"line {number}" for number, kind in enumerate(failures, 3) if kind != "isError"
    ]
    as_json = run("mcp", "call", "echo", "--jsonl", "-", "--json", exit=exit, stdin=text)
    assert as_json == result
    assert as_json.error["code"] == {"isError": "rejected"}.get(failures[0], failures[0])
    quiet = run("mcp", "call", "echo", "--jsonl", "-", "-q", exit=exit, stdin=text)
    assert quiet == result
    assert quiet.stderr.startswith("Error: ")


def test_a_failed_call_says_that_it_may_have_had_its_effect(run: Run, server: ToolServer) -> None:
    server.reply = lambda arguments: None if arguments["n"] else (time.sleep(2.5), echo(arguments))[1]
    result = run("mcp", "call", "echo", "--jsonl", "-", "--timeout", "1.5", exit=3, stdin=numbered(2))
    assert outcomes(result) == ["timeout", "unreachable"]
    assert result.count("may have taken effect") == 2


def test_the_time_out_is_that_of_each_call(run: Run, server: ToolServer) -> None:
    server.reply = lambda arguments: (time.sleep(0.25), echo(arguments))[1]
    result = run("mcp", "call", "echo", "--jsonl", "-", "--timeout", "0.7", "--jobs", "1", stdin=numbered(4))
    assert outcomes(result) == [0, 1, 2, 3]


def test_a_huge_result_is_one_error_among_the_others(run: Run, server: ToolServer) -> None:
    huge = b'{"content": [{"type": "text", "text": "' + b"x" * (6 * 2**20) + b'"}]}'
    server.reply = lambda arguments: (200, huge) if arguments["n"] == 1 else echo(arguments)
    assert outcomes(run("mcp", "call", "echo", "--jsonl", "-", exit=3, stdin=numbered(3))) == [0, "bad_response", 2]


def test_results_are_whole_and_safe(run: Run, server: ToolServer) -> None:
    whole = answer("\x1b[31m\u009b\u2028\né", zeta=1.0, alpha=None, structuredContent={"n": 0})
    server.reply = lambda _: whole
    for options in ((), ("-o", "table"), ("--json",)):
        result = run("mcp", "call", "echo", "--jsonl", "-", *options, stdin=numbered(2))
        assert result.count("\n") == 2
        assert "\x1b" not in result
        assert "\u009b" not in result
        one = json.loads(result.split("\n")[0])
        assert json.dumps(one) == json.dumps(whole)


# --- what is the same for every line ---


def test_arguments_of_the_command_line_go_over_each_line(run: Run, server: ToolServer, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(lines({"t": "own"}, {"n": 2}, {"n": 3, "any": {"a": 1, "b": 1}}))
    base = '{"n": 9, "t": "base", "any": {"a": 0}}'
    run("mcp", "call", "echo", "--jsonl", str(file), "--args", base, "any.b=2", "--jobs", "1")
    assert server.arguments == [
        {"n": 9, "t": "own", "any": {"a": 0, "b": "2"}},
        {"n": 2, "t": "base", "any": {"a": 0, "b": "2"}},
        {"n": 3, "t": "base", "any": {"a": 1, "b": "2"}},
    ]


def test_a_text_from_stdin_or_a_file_is_read_once_for_all_lines(run: Run, server: ToolServer, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(numbered(20))
    run("mcp", "call", "echo", "--jsonl", str(file), "t=-", stdin="the same")
    assert {arguments["t"] for arguments in server.arguments} == {"the same"}
    if sys.platform != "win32":
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_text, args=("piped",), daemon=True)
        writer.start()
        run("mcp", "call", "echo", "--jsonl", "-", f"any=@{fifo}", stdin=numbered(3))
        writer.join(5)
        assert {arguments["any"] for arguments in server.arguments[20:]} == {"piped"}


@pytest.mark.parametrize("words", [["t=@missing"], ["t"], ["any:=x"], ["--args", "[]"]])
def test_what_is_wrong_with_the_command_line_is_said_once(run: Run, server: ToolServer, words: list[str]) -> None:
    result = run("mcp", "call", "echo", "--jsonl", "-", *words, "--json", exit=2, stdin=numbered(3))
    assert (result, result.error["code"], server.arguments) == ("", "usage", [])


def test_without_a_check_lines_go_as_they_are(run: Run, server: ToolServer) -> None:
    text = lines({"n": "x"}, {})
    assert run("mcp", "call", "echo", "--jsonl", "-", "--no-check", "--jobs", "1", stdin=text).count("\n") == 2
    assert server.arguments == [{"n": "x"}, {}]
    result = run("mcp", "call", "echo", "--jsonl", "-", "--no-check", exit=2, stdin=text + "[]\n")
    assert (result, "line 3: not a JSON object" in result.stderr, len(server.arguments)) == ("", True, 2)


# --- interrupted ---


@pytest.mark.parametrize("busy", [True, False])
def test_ctrl_c_ends_at_once(start_calls: Calls, server: ToolServer, busy: bool) -> None:
    may_end = threading.Event()
    if busy:
        server.reply = lambda arguments: (may_end.wait(20), echo(arguments))[1]
    process = start_calls("--jobs", "3")
    if busy:
        feed_all(process, numbered(2))
        until(lambda: len(server.arguments) == 2)
    else:
        feed(process, numbered(2))  # the rest may come
        until(lambda: server.listings)
        time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    code = process.wait(10)
    took = time.monotonic() - began
    may_end.set()
    assert process.stderr is not None
    assert (code, process.stderr.read()) == (130, b"")
    assert took < 2
    assert sorted(server.numbers) == ([0, 1] if busy else [])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_reader_that_goes_away_ends_it(
    server: ToolServer, buffered: None, env: dict[str, str], tmp_path: Path
) -> None:
    server.reply = lambda arguments: (time.sleep(0.05), echo(arguments))[1]
    file = tmp_path / "calls.jsonl"
    file.write_text(numbered(5000))
    script = '"$0" -m litellmctl mcp call echo --jsonl "$1" | head -1; echo "${PIPESTATUS[0]}"'
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, str(file)],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    first, code = done.stdout.splitlines()
    assert (outcomes(first), code, done.stderr) == ([0], "141", "")
    assert time.monotonic() - began < 5
    assert len(server.arguments) < 200


def test_a_kill_leaves_each_line_called_at_most_once(start_calls: Calls, server: ToolServer) -> None:
    server.reply = lambda arguments: (time.sleep(0.02), echo(arguments))[1]
    process = start_calls("--jobs", "8")
    feed_all(process, numbered(500))
    until(lambda: len(server.arguments) > 30)
    process.kill()
    process.wait(10)
    time.sleep(0.2)
    assert len(set(server.numbers)) == len(server.numbers) < 500


# --- long runs ---


def peak_of(text: str, env: dict[str, str]) -> int:
    """Return the most memory, in bytes, that it takes to make the calls of these lines."""
    command = measured("mcp", "call", "echo", "--jsonl", "-", "--jobs", "8")
    done = subprocess.run(command, env=env, input=text.encode(), capture_output=True, timeout=120, check=False)
    assert done.stdout.count(b"\n") == text.count("\n")
    return peak_bytes(done.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat(server: ToolServer, env: dict[str, str]) -> None:
    def text(count: int) -> str:
        return lines(*({"n": n, "t": "x" * 2000} for n in range(count)))

    few, many = peak_of(text(1000), env), peak_of(text(5000), env)
    assert len(server.arguments) == 6000
    assert many < few + 3000 * 1024


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_token_that_is_about_to_end_is_renewed_before_the_next_call(
    run: Run, proxy: FakeProxy, files: Files, jobs: int
) -> None:
    offering(proxy, tool("echo", SCHEMA))
    run("mcp", "list")  # imports what is slow to import
    due = time.time() + 0.7
    # It is renewed from five minutes before its end on.
    files.keep(proxy.url, left=300.7, life=3300)
    proxy.on("/token", {"access_token": "token-new", "expires_in": 3600, "refresh_token": "refresh-2"}, method="POST")

    def once_due(_: BaseHTTPRequestHandler) -> Any:
        time.sleep(max(0.0, due + 0.05 - time.time()))
        return echo({"n": 0})

    proxy.on(CALL, respond=answering(once_due), method="POST", times=jobs)
    proxy.on(CALL, echo({"n": 1}), method="POST", times=12 - jobs)
    result = run("mcp", "call", "echo", "--jsonl", "-", "--jobs", str(jobs), stdin=numbered(12))
    assert (result.count("\n"), result.stderr) == (12, "")
    keys = [request.headers["Authorization"] for request in calls(proxy)]
    assert keys == [f"Bearer {OLD}"] * jobs + ["Bearer token-new"] * (12 - jobs)
    assert proxy.asked.count("/token") == 1
    assert files.secret.token == "token-new"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_key_that_ends_twice_is_asked_for_twice(run: Run, server: ToolServer, tmp_path: Path) -> None:
    """A helper's key may end more than once in a long run; each time one call is lost, and none is repeated."""
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-helper-$(wc -l < {count})'"
    run("mcp", "list", LITELLM_API_KEY_HELPER=helper)
    started = len(count.read_text().splitlines())
    good: dict[int, int] = {0: 1, 1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 3}

    def reply(arguments: dict[str, Any]) -> Any:
        number = int(server.keys[-1].rpartition("-")[2]) - started
        return echo(arguments) if number >= good[arguments["n"]] else (401, error(401, "ended", "expired_key")["body"])

    server.reply = reply
    result = run(
        "mcp", "call", "echo", "--jsonl", "-", "--jobs", "1", exit=4, stdin=numbered(7), LITELLM_API_KEY_HELPER=helper
    )
    assert outcomes(result) == [0, 1, "auth_failed", 3, "auth_failed", 5, 6]
    assert server.numbers == list(range(7))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_key_that_never_works_is_asked_for_again_once_only(run: Run, server: ToolServer, tmp_path: Path) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-helper-$(wc -l < {count})'"
    run("mcp", "list", LITELLM_API_KEY_HELPER=helper)
    started = len(count.read_text().splitlines())
    server.reply = lambda _: (401, error(401, "no")["body"])
    result = run("mcp", "call", "echo", "--jsonl", "-", exit=4, stdin=numbered(30), LITELLM_API_KEY_HELPER=helper)
    assert outcomes(result) == ["auth_failed"] * 30
    assert len(count.read_text().splitlines()) - started == 2  # the first, and one more
    assert len(set(server.keys)) <= 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_helper_that_fails_is_not_tried_for_each_line(run: Run, server: ToolServer, tmp_path: Path) -> None:
    count, works = tmp_path / "count", tmp_path / "works"
    helper = f"sh -c 'echo x >> {count}; test -e {works} && echo sk-helper'"
    works.touch()
    run("mcp", "list", LITELLM_API_KEY_HELPER=helper)
    works.unlink()
    count.unlink()
    run("mcp", "call", "echo", "--jsonl", "-", exit=2, stdin=numbered(20), LITELLM_API_KEY_HELPER=helper)
    assert (count.read_text(), server.arguments) == ("x\n", [])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_shown_to_a_person_and_goes_away(server: ToolServer, env: dict[str, str], tmp_path: Path) -> None:
    import pty

    server.reply = lambda arguments: (time.sleep(0.1), echo(arguments, isError=arguments["n"] == 1))[1]
    ours, theirs = pty.openpty()
    with (tmp_path / "out").open("w") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", "litellmctl", "mcp", "call", "echo", "--jsonl", "-", "--jobs", "1"],
            env={**env, "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=theirs,
        )
        os.close(theirs)
        process.communicate(numbered(8).encode(), timeout=20)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert (tmp_path / "out").read_text().count("\n") == 8
    assert " calls, 1 failed" in shown
    assert shown.index(" calls, ") < shown.index("\r\x1b[K1 of 8 calls failed")
