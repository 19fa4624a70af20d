"""The results as docs/guide/performance.md shows them: Markdown tables, and a plot as SVG."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks import beside, bridge
from tests.benchmarks.measure import Summary
from tests.benchmarks.relay import RELAY
from tests.benchmarks.suite import BENCHMARKS, Result

_ROOT = Path(__file__).parents[2]
# What was measured, from which the other two are made.
NUMBERS, PLOT = Path("docs/benchmarks.json"), Path("docs/benchmarks.svg")
PAGE = Path("docs/guide/performance.md")
_MARK = r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->)"
_BENCHMARKS = (*BENCHMARKS, *RELAY, *bridge.BRIDGE)
_TASKS: tuple[beside.Named, ...] = (*beside.TASKS, *bridge.TASKS)
# In pixels: the plot, the bars' left end and their height with the space below, the space between tasks.
_WIDTH, _LEFT, _BAR, _GAP, _TOP, _BOTTOM = 820, 250, 15, 26, 16, 30
_OURS, _OTHERS, _TEXT, _GRID = "#2563eb", "#9ca3af", "#6b7280", "#d1d5db"


def write(results: Sequence[Result], cells: Sequence[beside.Cell]) -> None:
    """Keep the numbers, beside those of what was not measured this time, and put them into the page and the plot."""
    file = _ROOT / NUMBERS
    old = json.loads(file.read_text("utf-8")) if file.exists() else {"results": [], "cells": []}
    kept = {(one["name"], one["unit"]): one for one in old["results"]}
    kept |= {(one.name, one.unit): _rounded(one) for one in results}
    others = {(one["task"], one["program"]): one for one in old["cells"]}
    others |= {(one.task, one.program): _rounded(one) for one in cells}
    order = [one.name for one in _BENCHMARKS]
    numbers = {
        "results": sorted(kept.values(), key=lambda one: order.index(one["name"])),
        "cells": sorted(others.values(), key=lambda one: beside.PROGRAMS.index(one["program"])),
    }
    file.write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")
    for path, text in made().items():
        (_ROOT / path).write_text(text, "utf-8")


def _rounded(one: Result | beside.Cell) -> dict[str, Any]:
    found = one._asdict()
    if isinstance(one, Result) and one.ratio is not None:
        found["ratio"] = [round(value, 4) for value in one.ratio]
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}


def made() -> dict[Path, str]:
    """Return the page and the plot, by their paths, as the numbers that are kept make them."""
    numbers = json.loads((_ROOT / NUMBERS).read_text("utf-8"))
    results = [Result(**{**one, "ratio": one["ratio"] and Summary(*one["ratio"])}) for one in numbers["results"]]
    cells = [beside.Cell(**one) for one in numbers["cells"]]
    tables = "\n".join([*_comparison(cells), "", *_bounds(results), ""])
    page = (_ROOT / PAGE).read_text("utf-8")
    return {
        PAGE: re.sub(_MARK, lambda found: f"{found[1]}{tables}{found[2]}", page, flags=re.DOTALL),
        PLOT: svg(cells),
    }


def _comparison(cells: Sequence[beside.Cell]) -> Iterator[str]:
    lists = [task for task in beside.TASKS if not task.is_call]
    calls = [task for task in beside.TASKS if task.is_call]
    yield from _table(cells, lists)
    yield ""
    yield from _table(cells, calls)
    if any(cell.task == task.name for cell in cells for task in bridge.TASKS):
        yield ""
        yield from _table(cells, bridge.TASKS)


def _table(all_cells: Sequence[beside.Cell], tasks: Sequence[beside.Named]) -> Iterator[str]:
    names = {task.name for task in tasks}
    cells = [cell for cell in all_cells if cell.task in names]
    headers = [f"`{name}`" if name else "" for name in beside.headers(cells)]
    yield f"| {' | '.join(headers)} |"
    yield f"| --- |{' ---: |' * (len(headers) - 1)}"
    for row in beside.rows(cells, tasks):
        yield f"| {' | '.join(row)} |"


def _bounds(results: Sequence[Result]) -> Iterator[str]:
    words = {one.name: one.what for one in _BENCHMARKS}
    yield "| what : beside what | ours | theirs | ratio | at most |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for one in results:
        digits = 2 if one.unit == "s" or (one.unit == "ms" and one.ours < 20) else 0
        baseline = "" if one.baseline is None else f"{one.baseline:,.{digits}f} {one.unit}"
        ratio = "" if one.ratio is None else f"{one.ratio.median:.{3 if one.ratio.median < 0.1 else 2}f}"
        bound = "" if one.bound is None else f"{one.bound:.3g}{f' {one.unit}' if one.ratio is None else ''}"
        yield f"| {words[one.name]} | {one.ours:,.{digits}f} {one.unit} | {baseline} | {ratio} | {bound} |"


def svg(cells: Sequence[beside.Cell]) -> str:
    """Return a plot of the times: for each task a bar for each program, on a logarithmic axis."""
    tasks = [(task.what, [cell for cell in cells if cell.task == task.name]) for task in _TASKS]
    times = [cell.milliseconds for cell in cells] or [1.0]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    scale = (_WIDTH - _LEFT - 70) / max(1, high - low)
    height = _TOP + sum(_GAP + _BAR * len(own) for _, own in tasks if own) + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        "<title>litellmctl beside what people would use instead</title>",
    ]
    for power in range(low, high + 1):
        x = _LEFT + (power - low) * scale
        parts.append(f'<line x1="{x:.0f}" y1="{_TOP}" x2="{x:.0f}" y2="{height - _BOTTOM}" stroke="{_GRID}"/>')
        parts.append(_label(x, height - 10, _seconds(10.0**power), "middle"))
    y = _TOP
    for what, own in tasks:
        if own:
            parts.append(_label(8, y + 14, what, "start", bold=True))
            y += _GAP - 6
        for cell in own:
            width = max(1.0, (math.log10(cell.milliseconds) - low) * scale)
            colour = _OURS if cell.program.startswith("litellmctl") else _OTHERS
            parts.append(_label(_LEFT - 8, y + 10, cell.program, "end"))
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.0f}" height="{_BAR - 3}" fill="{colour}"/>')
            parts.append(_label(_LEFT + width + 5, y + 10, _seconds(cell.milliseconds), "start"))
            y += _BAR
        y += 6 if own else 0
    return "\n".join([*parts, "</svg>", ""])


def _label(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{_TEXT}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"
