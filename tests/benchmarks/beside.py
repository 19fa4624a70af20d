"""litellmctl beside what people would use instead: the same task by each program, in turns, against one proxy."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests.benchmarks import proxy
from tests.benchmarks.measure import Program, at_once, summary

if TYPE_CHECKING:
    from tests.benchmarks.suite import Stage

# What is slow is measured less often: a task may take that long, but one round.
_SECONDS = 20.0
# Of the discovery as a whole: a benchmark measures what a time-out would hide.
_PATIENCE = ("--timeout", "120")


class Cell(NamedTuple):
    """What a program took for a task: the median in milliseconds, and of the peak memory in MiB where it was alone."""

    task: str
    program: str
    milliseconds: float
    mebibytes: float | None
    runs: int


class Task(NamedTuple):
    """A task: the models of a proxy with so many deployments, or a tool call, by so many processes at once."""

    name: str
    what: str
    deployments: int
    processes: int = 1
    is_call: bool = False

    def run(self, stage: Stage) -> Iterator[Cell]:
        """Measure each program in turns."""
        with proxy.running(self.deployments) as url:
            programs = _calls(stage, url) if self.is_call else _lists(stage, url)
            steps = [
                partial(at_once, one, self.processes) if self.processes > 1 else one.run for one in programs.values()
            ]
            # The first round warms everything up, and says how long one takes: what is slow is not warmed up.
            first = tuple(step() for step in steps)
            runs = min(stage.runs, int(_SECONDS / sum(cost.seconds for cost in first)))
            turns = [tuple(step() for step in steps) for _ in range(runs)] or [first]
        for index, name in enumerate(programs):
            costs = [turn[index] for turn in turns]
            peaks = [cost.peak / 2**20 for cost in costs if cost.peak]
            milliseconds = summary([cost.seconds * 1000 for cost in costs]).median
            yield Cell(self.name, name, milliseconds, summary(peaks).median if peaks else None, len(turns))


def _lists(stage: Stage, url: str) -> dict[str, Program]:
    folder = f"cache-{url.rpartition(':')[2]}"
    stage.ours("models", "--refresh", *_PATIENCE, url=url, cache=folder).run()
    programs = {
        "litellmctl models": stage.ours("models", "--json", url=url, cache=folder),
        "litellmctl models --refresh": stage.ours("models", "--refresh", "--json", *_PATIENCE, url=url, cache=folder),
    }
    if all(map(shutil.which, ("sh", "curl", "jq"))):
        header = shlex.quote(f"Authorization: Bearer {proxy.KEY}")
        pipe = f"curl --silent --fail --header {header} {url}/model/info | jq --raw-output '.data[].model_name'"
        programs["curl, jq"] = stage.program(["sh", "-c", pipe])
    if stage.others.get("lite"):
        # Without the last one it first asks the internet for prices.
        own = {"LITELLM_PROXY_URL": url, "LITELLM_PROXY_API_KEY": proxy.KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        programs["lite models list"] = stage.program([*stage.others["lite"], "models", "list"], own)
    if stage.others.get("pi"):
        own = {"LITELLM_BASE_URL": url, "LITELLM_API_KEY": proxy.KEY}
        programs["pi --list-models"] = stage.program([*stage.others["pi"], "--list-models"], own)
    return programs


def _calls(stage: Stage, url: str) -> dict[str, Program]:
    stage.ours("mcp", "list", url=url, cache="calls").run()
    programs = {"litellmctl mcp call": stage.ours("mcp", "call", proxy.TOOL, "a=1", "b=2", url=url, cache="calls")}
    if stage.others.get("fastmcp"):
        call = ["call", f"{url}{proxy.MCP_PATH}", "add", "a=1", "b=2", "--auth", proxy.KEY]
        programs["fastmcp call"] = stage.program([*stage.others["fastmcp"], *call])
    return programs


TASKS = (
    Task("beside-models-10", "models, 10 deployments", 10),
    Task("beside-models-1000", "models, 1,000 deployments (8 MB)", 1000),
    Task("beside-models-10000", "models, 10,000 deployments (78 MB)", 10_000),
    Task("beside-models-10-x20", "20 at once, 10 deployments", 10, 20),
    Task("beside-models-1000-x20", "20 at once, 1,000 deployments", 1000, 20),
    Task("beside-call", "a tool call", 10, is_call=True),
    Task("beside-call-x20", "20 tool calls at once", 10, 20, is_call=True),
)
PROGRAMS = (
    "litellmctl models",
    "litellmctl models --refresh",
    "curl, jq",
    "lite models list",
    "pi --list-models",
    "litellmctl mcp call",
    "fastmcp call",
    "litellmctl mcp serve",
    "mcp-remote",
    "mcporter serve",
)


class Named(Protocol):
    """A task, as the tables name it."""

    @property
    def name(self) -> str: ...
    @property
    def what(self) -> str: ...


def headers(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the headers of the table of these: the programs, behind the column of the tasks."""
    found = {cell.program for cell in cells}
    return "", *(program for program in PROGRAMS if program in found)


def rows(cells: Sequence[Cell], tasks: Sequence[Named] = TASKS) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table: a task, and what each program took for it."""
    found: Mapping[tuple[str, str], Cell] = {(cell.task, cell.program): cell for cell in cells}
    for task in tasks:
        if any(cell.task == task.name for cell in cells):
            yield task.what, *(_words(found.get((task.name, program))) for program in headers(cells)[1:])


def _words(cell: Cell | None) -> str:
    if cell is None:
        return ""
    time = f"{cell.milliseconds / 1000:.2g} s" if cell.milliseconds >= 1000 else f"{cell.milliseconds:.0f} ms"
    return time if cell.mebibytes is None else f"{time}, {cell.mebibytes:.0f} MiB"
