"""`mcp serve` beside other programs that give an agent the tools of a remote MCP server on stdio."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from tests.benchmarks import proxy
from tests.benchmarks.beside import Cell
from tests.benchmarks.measure import Cost, Failed, Program, in_turns, summary, waited
from tests.benchmarks.suite import Benchmark, Result

if TYPE_CHECKING:
    from tests.benchmarks.suite import Stage

_CALLS, _AT_ONCE = 1000, 32
_CLIENT = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
_DEPLOYMENTS = 10


class _Session:
    """A session with a bridge on its pipes. `seconds` is how long it took until it had listed its tools."""

    def __init__(self, program: Program) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._ids = 0
        start = time.perf_counter()
        self._process = subprocess.Popen(
            program.command,
            env=program.environment,
            cwd=program.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self._ask("initialize", _CLIENT)
            self._send({"method": "notifications/initialized"})
            tools = self._ask("tools/list", {})["tools"]
            self.seconds = time.perf_counter() - start
            self._tool = self._to_call(tools)
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> int | None:
        """End it by closing its input, as clients do; return its peak memory in bytes if that is known."""
        if self._process.returncode is not None:
            return None
        assert self._process.stdin is not None
        self._process.stdin.close()
        _, peak = waited(self._process)
        self._errors.close()
        return peak

    def calls(self, count: int, at_once: int) -> Cost:
        """Make so many calls, that many of them at a time."""
        start = time.perf_counter()
        for number in range(count):
            self._request("tools/call", {"name": self._tool, "arguments": {"a": 1, "b": 2}})
            if number + 1 >= at_once:
                self._answer()
        for _ in range(at_once - 1):
            self._answer()
        return Cost(time.perf_counter() - start)

    def _to_call(self, tools: Sequence[Mapping[str, str]]) -> str:
        for tool in tools:
            if "add" in tool["name"]:
                return tool["name"]
        raise self._failed(f"no tool to call among {[tool['name'] for tool in tools]}")

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._request(method, params)
        return self._answer()

    def _request(self, method: str, params: Mapping[str, Any]) -> None:
        self._ids += 1
        self._send({"id": self._ids, "method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        """Return the result of the next answer, which must be none that tells of an error."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise self._failed("it ended")
            message = json.loads(line)
            if "method" not in message:
                result = message.get("result")
                if result is None or result.get("isError"):
                    raise self._failed(json.dumps(message)[:300])
                return result

    def _failed(self, why: str) -> Failed:
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()[-300:]
        return Failed(f"{self._process.args!r:.100}: {why}; {said or 'no message'}")


class Task(NamedTuple):
    """Something that each of the programs does, in turns."""

    name: str
    what: str
    measure: Callable[[Mapping[str, Program], ExitStack], dict[str, Callable[[], Cost]]]

    def run(self, stage: Stage) -> Iterator[Cell]:
        """Measure each program in turns."""
        with _programs(stage) as programs, ExitStack() as stack:
            steps = self.measure(programs, stack)
            turns = in_turns(max(1, stage.runs // 3), *steps.values())
            for name, costs in zip(steps, zip(*turns, strict=True), strict=True):
                peaks = [cost.peak / 2**20 for cost in costs if cost.peak]
                milliseconds = summary([cost.seconds * 1000 for cost in costs]).median
                yield Cell(self.name, name, milliseconds, summary(peaks).median if peaks else None, len(costs))


@contextmanager
def _programs(stage: Stage) -> Iterator[dict[str, Program]]:
    """Give the bridges to one proxy by their names, ours with its tools cached."""
    with proxy.running(_DEPLOYMENTS) as url, ExitStack() as stack:
        stage.ours("mcp", "list", url=url, cache="bridge").run()
        programs = {"litellmctl mcp serve": stage.ours("mcp", "serve", url=url, cache="bridge")}
        if remote := stage.others.get("mcp-remote"):
            header = ("--header", f"Authorization: Bearer {proxy.KEY}")
            words = (url + proxy.MCP_PATH, "--transport", "http-only", "--allow-http", *header)
            programs["mcp-remote"] = stage.program([*remote, *words])
        if mcporter := stage.others.get("mcporter"):
            programs["mcporter serve"] = stack.enter_context(_mcporter(stage, mcporter, url))
        yield programs


@contextmanager
def _mcporter(stage: Stage, command: list[str], url: str) -> Iterator[Program]:
    """Give mcporter's bridge, whose connections are those of a daemon; that ends with the `with`."""
    server = {"baseUrl": url + proxy.MCP_PATH, "headers": {"Authorization": f"Bearer {proxy.KEY}"}}
    config = stage.program([]).folder / "mcporter.json"
    entry = {**server, "lifecycle": "keep-alive"}
    config.write_text(json.dumps({"mcpServers": {"bench": entry}, "imports": []}), "utf-8")
    own = [*command, "--config", str(config)]
    try:
        yield stage.program([*own, "serve", "--stdio"])
    finally:
        stage.program([*own, "daemon", "stop"])._replace(prints=False).run()


def _starts(programs: Mapping[str, Program], _: ExitStack) -> dict[str, Callable[[], Cost]]:
    return {name: partial(_started, program) for name, program in programs.items()}


def _started(program: Program) -> Cost:
    """Return what it takes from the start to the list of tools, and the peak memory of a session of nothing else."""
    session = _Session(program)
    return Cost(session.seconds, session.close())


def _calls(at_once: int) -> Callable[[Mapping[str, Program], ExitStack], dict[str, Callable[[], Cost]]]:
    def measure(programs: Mapping[str, Program], stack: ExitStack) -> dict[str, Callable[[], Cost]]:
        sessions = {name: stack.enter_context(_Session(program)) for name, program in programs.items()}
        return {name: partial(session.calls, _CALLS, at_once) for name, session in sessions.items()}

    return measure


TASKS = (
    Task("mcp-serve-beside-start", "start to the list of tools", _starts),
    Task("mcp-serve-beside-calls", "1,000 tool calls in a row", _calls(1)),
    Task("mcp-serve-beside-x32", "1,000 tool calls, 32 at once", _calls(_AT_ONCE)),
)


def _cached(stage: Stage) -> Program:
    """Return ours with its tools cached. Their proxy is gone, so that only the cache can answer."""
    with proxy.running(_DEPLOYMENTS) as url:
        stage.ours("mcp", "list", url=url, cache="bridge").run()
        return stage.ours("mcp", "serve", url=url, cache="bridge")


def _start(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    return benchmark.compared(stage, partial(_started, _cached(stage)), stage.python("import click").run)


def _memory(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    peaks = []
    with proxy.running(_DEPLOYMENTS) as url:
        stage.ours("mcp", "list", url=url, cache="bridge").run()
        for _ in range(max(1, stage.runs // 3)):
            session = _Session(stage.ours("mcp", "serve", url=url, cache="bridge"))
            session.calls(_CALLS, _AT_ONCE)
            peaks.append((session.close() or 0) / 2**20)
    yield Result(benchmark.name, "MiB", summary(peaks).median, None, None, benchmark.bound, len(peaks))


BRIDGE = (
    Benchmark("mcp-serve-start", "mcp serve, start to tools/list, tools cached : import click", 2.0, _start),
    Benchmark("mcp-serve-memory", "mcp serve, peak memory of 1,000 calls, 32 at once", 45.0, _memory),
)
