"""Run the benchmarks and print what they say: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from tests.benchmarks import environment, plot
from tests.benchmarks.measure import Failed
from tests.benchmarks.suite import BENCHMARKS, Benchmark, Result, Skipped, Stage

_ABOUT = """\
Compare litellmctl with baselines in the same environment, in turns (A B A B ...), and print the median of the pairs'
ratios beside the bound of product.md section 8. Nothing is asserted: the exit code is 0 however long it takes, and 1
only where a program that should be measured does not work. The output of what is measured goes into a pipe that is
read to its end. Its environment has no variables of yours but PATH and the temporary folder.
"""


def main() -> int:
    """Run what was asked for; return the exit code."""
    options = _options()
    chosen = [one for one in BENCHMARKS if fnmatchcase(one.name, f"*{options.only}*")]
    if options.list:
        print(_table([(one.name, _bounds(one), one.what) for one in chosen], ("NAME", "BOUND", "WHAT : BASELINE")))
        return 0
    results: list[Result] = []
    code = 0
    try:
        with _stage(options) as stage:
            for benchmark in chosen:
                print(f"{benchmark.name}: {benchmark.what}", file=sys.stderr)
                try:
                    for result in benchmark.run(benchmark, stage):
                        results.append(result)
                        if options.json:
                            print(json.dumps(_as_dict(result)), flush=True)
                except Skipped as why:
                    print(f"{benchmark.name}: skipped, {why}", file=sys.stderr)
                except Failed as why:
                    print(f"{benchmark.name}: failed, {why}", file=sys.stderr)
                    code = 1
    except (Failed, OSError) as why:
        print(f"Error: {why}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    if not options.json and results:
        headers = ("NAME", "UNIT", "OURS", "BASELINE", "RATIO", "QUARTILES", "BOUND", "")
        print(_table([_cells(result) for result in results], headers))
    if options.write and code == 0:
        plot.write(results)
    return code


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
    parser.add_argument(
        "--lite", type=Path, metavar="PATH", help="LiteLLM's own `lite`, or the environment that has it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of the table")
    parser.add_argument(
        "--write", action="store_true", help="put the table into README.md and a plot into docs/benchmarks.svg"
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
        lite = environment.lite_of(options.lite.absolute() if options.lite else python.parent)
        home = folder / "home"
        home.mkdir()
        yield Stage(python, lite, home, options.runs)


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


def _as_dict(result: Result) -> dict[str, object]:
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
        "" if result.bound is None else f"{result.bound:.3g}{' s' if ratio is None else ''}",
        result.verdict,
    )


def _table(rows: Sequence[tuple[str, ...]], headers: Sequence[str]) -> str:
    from tabulate import tabulate

    right = {"OURS", "BASELINE", "RATIO", "QUARTILES", "BOUND"} if len(headers) > 3 else set()
    align = ["right" if header in right else "left" for header in headers]
    return tabulate(rows, headers, tablefmt="plain", colalign=align, disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())
