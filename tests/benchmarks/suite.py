"""The benchmarks: which programs are compared, on what, and which bound each ratio should stay within."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import environment, proxy
from tests.benchmarks.measure import Cost, Program, Summary, at_once, in_turns, summary

if TYPE_CHECKING:
    from pathlib import Path

_CACHED_MODELS = 1000
_SMALL = 20
_LARGE = 10_000
_ENDPOINTS = 200
_AT_ONCE = 20
_MANY_CALLS = 1000
# Of the discovery as a whole: a benchmark measures what a time-out would hide.
_PATIENCE = ("--timeout", "120")


class Result(NamedTuple):
    """One line of the report. `ours` and `baseline` are medians in `unit`, `ratio` is the median of the pairs' ratios.

    Where there is no baseline, the bound is for `ours` itself.
    """

    name: str
    unit: str
    ours: float
    baseline: float | None
    ratio: Summary | None
    bound: float | None
    runs: int

    @property
    def verdict(self) -> str:
        """Say ok or over, or nothing where there is no bound."""
        if self.bound is None:
            return ""
        return "ok" if (self.ours if self.ratio is None else self.ratio.median) <= self.bound else "over"


class Skipped(Exception):
    """This benchmark cannot run here."""


class Stage:
    """What the benchmarks run on: the measured environment, and a folder for configuration and caches.

    `others` are the commands of other programs by their names (lite, pi, fastmcp), those that there are.
    """

    def __init__(self, python: Path, others: Mapping[str, list[str]], folder: Path, runs: int) -> None:
        self.others = others
        self.runs = runs
        self._python = python
        self._home = folder
        suffix = ".exe" if sys.platform == "win32" else ""
        self._litellmctl = python.parent / f"litellmctl{suffix}"
        if not self._litellmctl.exists():
            raise FileNotFoundError(f"{self._litellmctl} does not exist: install litellmctl there, not editable")

    def ours(
        self, *arguments: str, url: str | None = None, cache: str = "cache", config: str = "config", stdin: bytes = b""
    ) -> Program:
        """Return litellmctl with these arguments, for the proxy at `url`; each folder is one of its own."""
        own = {"LITELLMCTL_CONFIG_DIR": str(self._home / config), "LITELLMCTL_CACHE_DIR": str(self._home / cache)}
        if url is not None:
            own |= {"LITELLM_BASE_URL": url, "LITELLM_API_KEY": proxy.KEY}
        return self.program([str(self._litellmctl), *arguments], own)._replace(stdin=stdin)

    def python(self, code: str) -> Program:
        """Return a script for the same interpreter."""
        return self.program([str(self._python), "-c", code])._replace(prints=False)

    def program(self, command: list[str], own: dict[str, str] | None = None) -> Program:
        """Return a program in the clean environment, with variables of its own."""
        return Program(command, {**environment.clean(self._home), **(own or {})}, self._home)


class Benchmark(NamedTuple):
    """A benchmark: `bound` is the highest ratio (seconds where `is_absolute`), `memory_bound` that of the peaks."""

    name: str
    what: str
    bound: float | None
    run: Callable[[Benchmark, Stage], Iterator[Result]]
    memory_bound: float | None = None
    is_absolute: bool = False

    def compared(self, stage: Stage, ours: Callable[[], Cost], baseline: Callable[[], Cost]) -> Iterator[Result]:
        """Measure two programs in turns: the time, and the peak memory where that has a bound."""
        pairs = in_turns(stage.runs, ours, baseline)
        yield self._result("ms", [(mine.seconds * 1000, base.seconds * 1000) for mine, base in pairs], self.bound)
        peaks = [(mine.peak / 2**20, base.peak / 2**20) for mine, base in pairs if mine.peak and base.peak]
        if self.memory_bound is not None and peaks:
            yield self._result("MiB", peaks, self.memory_bound)

    def compared_without(
        self, seconds: Callable[[], float], stage: Stage, ours: Program, baseline: Program
    ) -> Iterator[Result]:
        """Measure two programs in turns, and with each pair those seconds of `ours` that do not count."""
        pairs = in_turns(stage.runs, lambda: Cost(seconds()), ours.run, baseline.run)
        times = [((mine.seconds - other.seconds) * 1000, base.seconds * 1000) for other, mine, base in pairs]
        yield self._result("ms", times, self.bound)

    def alone(self, stage: Stage, ours: Program) -> Iterator[Result]:
        """Measure one program, in seconds."""
        seconds = [cost.seconds for (cost,) in in_turns(stage.runs, ours.run)]
        yield Result(self.name, "s", summary(seconds).median, None, None, self.bound, len(seconds))

    def _result(self, unit: str, pairs: list[tuple[float, float]], bound: float | None) -> Result:
        ours, baseline = (summary(numbers).median for numbers in zip(*pairs, strict=True))
        ratio = summary([mine / base for mine, base in pairs])
        return Result(self.name, unit, ours, baseline, ratio, bound, len(pairs))


def _start(*arguments: str) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        return benchmark.compared(stage, stage.ours(*arguments).run, stage.python("import click").run)

    return run


def _cached(*arguments: str) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        ours = _warm(stage, *arguments)
        return benchmark.compared(stage, ours.run, stage.python("import click").run)

    return run


def _cached_table(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    ours = _warm(stage, "models", "-o", "table")
    # As on a terminal: fitted and coloured.
    ours = ours._replace(environment={**ours.environment, "COLUMNS": "100", "FORCE_COLOR": "1"})
    yield from benchmark.compared(stage, ours.run, stage.python("import click").run)


def _warm(stage: Stage, *arguments: str) -> Program:
    """Return litellmctl over a cache of a thousand models. Their proxy is gone, so that only the cache can answer."""
    with proxy.running(_CACHED_MODELS) as url:
        stage.ours("models", "--refresh", *_PATIENCE, url=url, cache="warm").run()
        return stage.ours(*arguments, url=url, cache="warm")


def _token(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with proxy.running(_SMALL) as url:
        words = ("login", "--with-token", "--storage", "file", "--base-url", url)
        stage.ours(*words, config="signed-in", stdin=proxy.KEY.encode())._replace(prints=False).run()
    yield from benchmark.compared(stage, stage.ours("token", config="signed-in").run, stage.python("import click").run)


def _refresh_small(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with proxy.running(_SMALL) as url:
        ours = stage.ours("models", "--refresh", "--json", url=url)
        baseline = stage.python("import click, requests")
        yield from benchmark.compared_without(partial(proxy.answer_seconds, url, "/model/info"), stage, ours, baseline)


def _refresh_of(deployments: int) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        with proxy.running(deployments) as url:
            ours = stage.ours("models", "--refresh", "--json", *_PATIENCE, url=url)
            key = f"headers={{'Authorization': 'Bearer {proxy.KEY}'}}"
            baseline = stage.python(f"import json, requests; json.loads(requests.get('{url}/model/info', {key}).text)")
            yield from benchmark.compared(stage, ours.run, baseline.run)

    return run


def _mcp_call(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with proxy.running(_SMALL) as url:
        stage.ours("mcp", "list", url=url).run()
        ours = stage.ours("mcp", "call", proxy.TOOL, "a=1", "b=2", url=url)
        body = b'{"server_id": "0123456789abcdef", "name": "add", "arguments": {"a": 1, "b": 2}}'
        answer = partial(proxy.answer_seconds, url, proxy.CALL_PATH, body)
        yield from benchmark.compared_without(answer, stage, ours, stage.python("import click, requests"))


def _mcp_many(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    lines = b"".join(b'{"a": %d, "b": 2}\n' % number for number in range(_MANY_CALLS))
    with proxy.running(_SMALL) as url:
        ours = stage.ours("mcp", "call", proxy.TOOL, "--jsonl", "-", "--jobs", "8", url=url, stdin=lines)
        alone = stage.ours("mcp", "call", proxy.TOOL, "a=1", "b=2", url=url)
        yield from benchmark.compared(stage, ours.run, alone.run)


def _completion(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    ours = _warm(stage)
    typed = {"_LITELLMCTL_COMPLETE": "bash", "_LITELLMCTL_LINE": "litellmctl models show "}
    ours = ours._replace(environment={**ours.environment, **typed})
    yield from benchmark.compared(stage, ours.run, stage.python("import click").run)


def _prompt_section(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    # The proxy stays: its skills are asked for once a minute, in one pair of hundreds.
    with proxy.running(_SMALL) as url:
        ours = stage.ours("prompt-section", url=url)
        ours.run()
        yield from benchmark.compared(stage, ours.run, stage.python("import click").run)


def _health(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with proxy.running(_ENDPOINTS, lists=False) as url:
        yield from benchmark.alone(stage, stage.ours("models", "--refresh", "--json", *_PATIENCE, url=url))


def _lite(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    if "lite" not in stage.others:
        raise Skipped("no lite and no litellm-proxy in the measured environment (--lite PATH)")
    with proxy.running(_SMALL) as url:
        own = {"LITELLM_PROXY_URL": url, "LITELLM_PROXY_API_KEY": proxy.KEY}
        # Without this it first asks the internet for prices.
        own["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        baseline = stage.program([*stage.others["lite"], "models", "list"], own)
        yield from benchmark.compared(stage, stage.ours("models", "--refresh", url=url).run, baseline.run)


def _at_once(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    ours = _warm(stage, "models", "--json")
    yield from benchmark.compared(stage, partial(at_once, ours, _AT_ONCE), ours.run)


BENCHMARKS = (
    Benchmark("version", "litellmctl --version : import click", 1.35, _start("--version")),
    Benchmark("help", "litellmctl --help : import click", 1.35, _start("--help")),
    Benchmark("token", "token from the file store : import click", 1.5, _token),
    Benchmark("cached-json", "models --json, 1,000 cached models : import click", 1.7, _cached("models", "--json")),
    Benchmark("cached-tsv", "models, 1,000 cached models, as TSV : import click", None, _cached("models")),
    Benchmark("cached-table", "models, 1,000 cached models, as a table : import click", 1.9, _cached_table),
    Benchmark("completion", "a TAB at models show, 1,000 cached models : import click", 1.6, _completion),
    Benchmark("prompt-section", "prompt-section, 20 cached skills : import click", 1.7, _prompt_section),
    Benchmark(
        "refresh-20",
        "models --refresh --json, 20 deployments, less the proxy's answer time : import click, requests",
        1.35,
        _refresh_small,
    ),
    Benchmark(
        "refresh-10",
        "models --refresh --json, 10 deployments : requests.get().text and json.loads",
        None,
        _refresh_of(10),
    ),
    Benchmark(
        "refresh-1000",
        "models --refresh --json, 1,000 deployments in 8 MB : requests.get().text and json.loads",
        None,
        _refresh_of(1000),
        memory_bound=1.0,
    ),
    Benchmark(
        "refresh-10000",
        "models --refresh --json, 10,000 deployments in 78 MB : requests.get().text and json.loads",
        1.5,
        _refresh_of(_LARGE),
        memory_bound=0.4,
    ),
    Benchmark(
        "mcp-call",
        "mcp call with the tools cached, less the proxy's answer time : import click, requests",
        1.35,
        _mcp_call,
    ),
    Benchmark("mcp-many", "mcp call --jsonl, 1,000 calls, 8 at a time : one mcp call", None, _mcp_many),
    Benchmark(
        "health-200",
        "models --refresh --json by way of /health: 200 endpoints of 100 ms each, in seconds",
        2.5,
        _health,
        is_absolute=True,
    ),
    Benchmark(
        "lite",
        "models --refresh, 20 deployments : lite models list of the LiteLLM package",
        1 / 15,
        _lite,
        memory_bound=0.25,
    ),
    Benchmark("at-once", "20 models --json at once, cached : one alone", None, _at_once),
)
