"""The pictures of a session in the README, one for each theme: `python -m tests.live.pictures` makes them.

A real session at a terminal of 80 columns, with a sandbox as the proxy; a test makes them again and compares.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.live.guide import ROOT, Proxy, Shell, sandbox

SESSION = (
    "litellmctl models --supports tools --sort cost.input --limit 6",
    "litellmctl models --filter claude | cut -f1,2",
    "litellmctl mcp call greet person.name=Ada person.age=36",
    "litellmctl models show gpt-4",
)
_COLUMNS = 80
# In pixels: a character's width, a line's height, the margin, the bar above with its three dots.
_CHARACTER, _LINE, _MARGIN, _BAR = 8.4, 19, 16, 30
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Theme(NamedTuple):
    """The colours of a theme: background, bar, text, prompt, and those of the SGR codes that the program uses."""

    background: str
    bar: str
    text: str
    prompt: str
    codes: dict[str, str]


THEMES = {
    "light": Theme(
        "#ffffff", "#eaeef2", "#1f2328", "#8250df",
        {"2": "#6e7781", "31": "#cf222e", "32": "#1a7f37", "33": "#9a6700", "34": "#0969da", "36": "#1b7c83"},
    ),
    "dark": Theme(
        "#0d1117", "#21262d", "#e6edf3", "#d2a8ff",
        {"2": "#8b949e", "31": "#ff7b72", "32": "#3fb950", "33": "#d29922", "34": "#58a6ff", "36": "#39c5cf"},
    ),
}  # fmt: skip


class _Piece(NamedTuple):
    text: str
    style: frozenset[str]


def session(proxy: Proxy, folder: Path) -> list[str]:
    """Run the session; return its lines, with the terminal's codes."""
    shell = Shell(proxy, folder, colour=True)
    lines: list[str] = []
    try:
        for command in SESSION:
            _, printed = shell.run(command)
            lines += [f"$ {command}", *printed.rstrip("\n").expandtabs().split("\n")]
    finally:
        shell.close()
    return lines


def pictures(lines: Sequence[str]) -> dict[Path, str]:
    """Return the pictures of these lines, by their paths below the checkout."""
    return {Path(f"docs/session-{name}.svg"): _svg(lines, theme) for name, theme in THEMES.items()}


def _svg(lines: Sequence[str], theme: Theme) -> str:
    width = round(_COLUMNS * _CHARACTER + 2 * _MARGIN)
    height = _BAR + len(lines) * _LINE + 2 * _MARGIN
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="{theme.background}" stroke="{theme.bar}"/>',
        f'<path d="M0 {_BAR}V8a8 8 0 0 1 8-8H{width - 8}a8 8 0 0 1 8 8V{_BAR}Z" fill="{theme.bar}"/>',
        *(
            f'<circle cx="{18 + 18 * index}" cy="{_BAR / 2:g}" r="5" fill="{color}"/>'
            for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
        f'<g font-family="{_FONT}" font-size="14" fill="{theme.text}" xml:space="preserve">',
    ]
    for number, line in enumerate(lines):
        y = _BAR + _MARGIN + number * _LINE + 13
        spans = "".join(_span(piece, theme) for piece in _pieces(line))
        # So wide, whatever font the reader has: columns must stay columns.
        length = round(_CHARACTER * len(re.sub(r"\x1b\[[\d;]*m", "", line)), 1)
        if length:
            made.append(f'<text x="{_MARGIN}" y="{y}" textLength="{length}">{spans}</text>')
    return "\n".join([*made, "</g>", "</svg>"]) + "\n"


def _pieces(line: str) -> Iterator[_Piece]:
    if line.startswith("$ "):
        yield _Piece("$ ", frozenset({"prompt"}))
        yield _Piece(line[2:], frozenset({"1"}))
        return
    style: frozenset[str] = frozenset()
    for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([\d;]*)m)?", line):
        if text:
            yield _Piece(text, style)
        for code in filter(None, codes.split(";")):
            style = frozenset() if code == "0" else style | {code}


def _span(piece: _Piece, theme: Theme) -> str:
    attributes = ' font-weight="bold"' if "1" in piece.style else ""
    color = (
        theme.prompt if "prompt" in piece.style else next(filter(None, map(theme.codes.get, sorted(piece.style))), None)
    )
    if color:
        attributes += f' fill="{color}"'
    text = escape(piece.text)
    return f"<tspan{attributes}>{text}</tspan>" if attributes else text


def main() -> None:
    """Make the pictures again."""
    with tempfile.TemporaryDirectory() as name, sandbox(Path(name)) as proxy:
        for path, text in pictures(session(proxy, Path(name))).items():
            (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
