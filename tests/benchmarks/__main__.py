"""Run the benchmarks and print what they say: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from tests.benchmarks import beside, bridge, environment, plot
from tests.benchmarks.measure import Failed
from tests.benchmarks.relay import RELAY
from tests.benchmarks.suite import BENCHMARKS, Benchmark, Result, Skipped, Stage

_ABOUT = """\
Compare litellmctl with baselines in the same environment, in turns (A B A B ...), and print the median of the pairs'
ratios beside the bound that each should stay within. Nothing is asserted: the exit code is 0 however long it takes,
and 1 only where a program that should be measured does not work. The output of what is measured goes into a pipe that
is read to its end. Its environment has no variables of yours but PATH and the temporary folder.
"""


_Any = Benchmark | beside.Task | bridge.Task


def main() -> int:
    """Run what was asked for; return the exit code."""
    options = _options()
    everything: list[_Any] = [*BENCHMARKS, *RELAY, *bridge.BRIDGE, *beside.TASKS, *bridge.TASKS]
    chosen = [one for one in everything if fnmatchcase(one.name, f"*{options.only}*")]
    if options.list:
        rows = [(one.name, _bounds(one) if isinstance(one, Benchmark) else "", one.what) for one in chosen]
        print(_table(rows, ("NAME", "BOUND", "WHAT : BASELINE")))
        return 0
    measured: list[Result | beside.Cell] = []
    code = 0
    try:
        with _stage(options) as stage:
            for one in chosen:
                code = max(code, _measure(one, stage, measured, as_json=options.json))
    except (Failed, OSError) as why:
        print(f"Error: {why}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    results = [one for one in measured if isinstance(one, Result)]
    cells = [one for one in measured if isinstance(one, beside.Cell)]
    if not options.json:
        headers = ("NAME", "UNIT", "OURS", "BASELINE", "RATIO", "QUARTILES", "BOUND", "")
        if results:
            print(_table([_cells(result) for result in results], headers))
        for tasks in (beside.TASKS, bridge.TASKS):
            names = {task.name for task in tasks}
            if own := [cell for cell in cells if cell.task in names]:
                print(_table([*beside.rows(own, tasks)], beside.headers(own)))
    if options.write and code == 0:
        plot.write(results, cells)
    return code


def _measure(one: _Any, stage: Stage, measured: list[Result | beside.Cell], *, as_json: bool) -> int:
    """Run a benchmark and append what it measured; return 1 where a program did not work, else 0."""
    print(f"{one.name}: {one.what}", file=sys.stderr)
    try:
        for result in one.run(one, stage) if isinstance(one, Benchmark) else one.run(stage):
            measured.append(result)
            if as_json:
                print(json.dumps(_as_dict(result)), flush=True)
    except Skipped as why:
        print(f"{one.name}: skipped, {why}", file=sys.stderr)
    except Failed as why:
        print(f"{one.name}: failed, {why}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="pairs for each ratio (15)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="the benchmarks with this in their names")
    parser.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help="measure the litellmctl beside this interpreter; else a wheel of the checkout is installed first",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep that installation here, and use it again")
    parser.add_argument("--lite", metavar="COMMAND", help="LiteLLM's own `lite`")
    parser.add_argument("--pi", metavar="COMMAND", help="Pi with its LiteLLM extension: 'pi -e FOLDER/src/index.ts'")
    parser.add_argument("--fastmcp", metavar="COMMAND", help="FastMCP's command-line client of MCP servers")
    parser.add_argument("--mcp-remote", metavar="COMMAND", help="mcp-remote, a bridge from stdio to a remote server")
    parser.add_argument("--mcporter", metavar="COMMAND", help="mcporter: 'NODE FOLDER/node_modules/.bin/mcporter'")
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of the table")
    parser.add_argument(
        "--write",
        action="store_true",
        help="put the tables into docs/guide/performance.md and a plot into docs/benchmarks.svg",
    )
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    return options


@contextmanager
def _stage(options: argparse.Namespace) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="litellmctl-benchmarks-") as temporary:
        folder = Path(temporary)
        if options.python is None:
            print("installing a wheel of the checkout ...", file=sys.stderr)
            python = environment.installed(options.keep.absolute() if options.keep else folder)
        else:
            python = options.python.absolute()
            _warn_of_editable(python, folder)
        print(f"measuring {python.parent}", file=sys.stderr)
        others = {
            "lite": options.lite or environment.lite_beside(python),
            "pi": options.pi,
            "fastmcp": options.fastmcp,
            "mcp-remote": options.mcp_remote,
            "mcporter": options.mcporter,
        }
        home = folder / "home"
        home.mkdir()
        commands = {name: shlex.split(command) for name, command in others.items() if command}
        yield Stage(python, commands, home, options.runs)


def _warn_of_editable(python: Path, folder: Path) -> None:
    command = [str(python), "-c", "import litellmctl; print(litellmctl.__file__)"]
    where = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout.strip()
    if where and "site-packages" not in where:
        print(f"this measures {where}, not an installed wheel: starts are slower", file=sys.stderr)


def _bounds(benchmark: Benchmark) -> str:
    unit = " s" if benchmark.is_absolute else ""
    bounds = [] if benchmark.bound is None else [f"{benchmark.bound:.3g}{unit}"]
    if benchmark.memory_bound is not None:
        bounds.append(f"{benchmark.memory_bound:.3g} memory")
    return ", ".join(bounds)


def _as_dict(result: Result | beside.Cell) -> dict[str, object]:
    if isinstance(result, beside.Cell):
        return result._asdict()
    ratio = None if result.ratio is None else {key: round(value, 4) for key, value in result.ratio._asdict().items()}
    baseline = None if result.baseline is None else round(result.baseline, 3)
    shown = {"ours": round(result.ours, 3), "baseline": baseline, "ratio": ratio, "verdict": result.verdict or None}
    return {**result._asdict(), **shown}


def _cells(result: Result) -> tuple[str, ...]:
    digits = 2 if result.unit == "s" else 1
    ratio = result.ratio
    fine = ".3f" if result.bound is not None and result.bound < 0.1 else ".2f"
    return (
        result.name,
        result.unit,
        f"{result.ours:.{digits}f}",
        "" if result.baseline is None else f"{result.baseline:.{digits}f}",
        "" if ratio is None else f"{ratio.median:{fine}}",
        "" if ratio is None else f"{ratio.low:{fine}}-{ratio.high:{fine}}",
        "" if result.bound is None else f"{result.bound:.3g}{f' {result.unit}' if ratio is None else ''}",
        result.verdict,
    )


def _table(rows: Sequence[tuple[str, ...]], headers: Sequence[str]) -> str:
    from tabulate import tabulate

    right = {"OURS", "BASELINE", "RATIO", "QUARTILES", "BOUND", *beside.PROGRAMS}
    is_list = len(headers) == 3
    align = ["right" if header in right and not is_list else "left" for header in headers]
    return tabulate(rows, headers, tablefmt="plain", colalign=align, disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())
