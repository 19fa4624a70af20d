"""What is generated and committed is what the program says now."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.benchmarks import plot
from tests.generate import ROOT, generated

MADE = generated()
# What others make: the benchmark, the pictures (tests/live/pictures.py), and people.
OTHERS = {plot.NUMBERS, plot.PLOT, Path("docs/session-light.svg"), Path("docs/session-dark.svg")}
OTHERS |= {path.relative_to(ROOT) for path in (ROOT / "docs/guide").glob("*.md")}


@pytest.mark.parametrize("path", MADE, ids=str)
def test_a_generated_file_is_current(path: Path) -> None:
    assert (ROOT / path).read_text("utf-8") == MADE[path], "run: python -m tests.generate"


@pytest.mark.parametrize("path", [plot.PAGE, plot.PLOT], ids=str)
def test_what_shows_the_benchmarks_shows_what_was_measured(path: Path) -> None:
    assert (ROOT / path).read_text("utf-8") == plot.made()[path], "run: python -m tests.benchmarks --write"


@pytest.mark.parametrize("folder", ["completions", "docs"])
def test_nothing_else_lies_beside_them(folder: str) -> None:
    there = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert there - OTHERS == {path for path in MADE if path.parts[0] == folder} - OTHERS


@pytest.mark.skipif(shutil.which("man") is None or shutil.which("groff") is None, reason="no man")
def test_man_takes_the_pages_without_a_warning() -> None:
    for path in MADE:
        if path.suffix == ".1":
            command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(ROOT / path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert done.stderr == "", path
