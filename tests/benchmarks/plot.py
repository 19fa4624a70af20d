"""The results as the README shows them: a Markdown table, and a plot as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from tests.benchmarks.suite import BENCHMARKS, Result

_ROOT = Path(__file__).parents[2]
_PLOT = _ROOT / "docs" / "benchmarks.svg"
_MARK = r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->)"
_WIDTH, _LEFT, _ROW, _TOP = 760, 150, 34, 44
_OURS, _BASELINE, _TEXT, _GRID = "#2563eb", "#9ca3af", "#6b7280", "#d1d5db"


def write(results: Sequence[Result]) -> None:
    """Put the table into the README and the plot beside the other documents."""
    _PLOT.parent.mkdir(exist_ok=True)
    _PLOT.write_text(svg(results), "utf-8")
    readme = _ROOT / "README.md"
    text = readme.read_text("utf-8")
    readme.write_text(
        re.sub(_MARK, lambda found: f"{found[1]}{table(results)}\n{found[2]}", text, flags=re.DOTALL), "utf-8"
    )


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    words = {one.name: one.what for one in BENCHMARKS}
    lines = ["| what : beside what | ours | theirs | ratio | at most |", "| --- | ---: | ---: | ---: | ---: |"]
    for one in results:
        ratio = (
            ""
            if one.ratio is None
            else f"{one.ratio.median:.2g}"
            if one.ratio.median < 0.1
            else f"{one.ratio.median:.2f}"
        )
        baseline = "" if one.baseline is None else f"{one.baseline:,.0f} {one.unit}"
        ours = f"{one.ours:,.2f} s" if one.unit == "s" else f"{one.ours:,.0f} {one.unit}"
        bound = "" if one.bound is None else f"{one.bound:.2g}{' s' if one.unit == 's' else ''}"
        lines.append(f"| {words[one.name]} | {ours} | {baseline} | {ratio} | {bound} |")
    return "\n".join(lines)


def svg(results: Sequence[Result]) -> str:
    """Return a plot of the times: ours and the baseline's, on a logarithmic axis in milliseconds."""
    rows = [one for one in results if one.unit == "ms" and one.baseline is not None]
    values = [value for one in rows for value in (one.ours, one.baseline or one.ours)] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    height = _TOP + _ROW * len(rows) + 30

    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * (_WIDTH - _LEFT - 60)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<title>litellmctl beside what people would use instead</title><g fill="{_TEXT}">',
        f'<rect x="{_LEFT}" y="12" width="12" height="10" fill="{_OURS}"/><text x="{_LEFT + 18}" y="21">litellmctl</text>',
        f'<rect x="{_LEFT + 110}" y="12" width="12" height="10" fill="{_BASELINE}"/>',
        f'<text x="{_LEFT + 128}" y="21">the baseline of each row</text></g>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" y1="{_TOP - 8}" x2="{at:.1f}" y2="{height - 24}" stroke="{_GRID}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{height - 8}" fill="{_TEXT}" text-anchor="middle">{_label(10**power)}</text>'
        )
    for index, one in enumerate(rows):
        top = _TOP + index * _ROW
        baseline = one.baseline or one.ours
        parts.append(f'<text x="{_LEFT - 8}" y="{top + 16}" fill="{_TEXT}" text-anchor="end">{escape(one.name)}</text>')
        for offset, value, colour in ((2, one.ours, _OURS), (14, baseline, _BASELINE)):
            width = max(1.0, x(value) - _LEFT)
            parts.append(f'<rect x="{_LEFT}" y="{top + offset}" width="{width:.1f}" height="10" fill="{colour}"/>')
            parts.append(f'<text x="{_LEFT + width + 5:.1f}" y="{top + offset + 9}" fill="{_TEXT}">{value:,.0f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _label(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"
