"""CONTRIBUTING.md is true: its map is the repository's, and what it names is where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repository.test_imports import FLOORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# A file or folder from the root; `NAME` in it stands for any.
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w.-]+\.(?:py|md|toml))`")
# A name, maybe with what it is in: `Client.call`.
NAME = re.compile(r"`(?:\w+\.)*([A-Za-z_]\w*)`")
# The paragraphs, and the items of the lists; what a table names is checked as the map.
PIECES = [
    piece
    for piece in re.split(r"\n\n|\n(?=- |\d+\. )", re.sub(r"(?ms)^```.*?^```$", "", PAGE))
    if not piece.startswith("| ")
]


def files(path: str) -> list[Path]:
    return list(ROOT.glob(path.replace("NAME", "*")))


def named_in_the_table(folder: str) -> list[str]:
    (rows,) = re.findall(rf"^\| `{folder}/` \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return sorted(re.findall(r"^\| `([^`]+)` \| \S", rows, re.MULTILINE))


def folders(folder: str) -> set[str]:
    return {f"{path.parent.name}/" for path in (ROOT / folder).glob("*/*.*")} - {"__pycache__/"}


def test_the_map_has_each_room_and_no_other() -> None:
    modules = {path.name for path in (ROOT / "litellmctl").glob("*.py")}
    assert named_in_the_table("litellmctl") == sorted(folders("litellmctl") | modules)


def test_the_map_has_each_folder_of_the_tests_and_no_other() -> None:
    assert named_in_the_table("tests") == sorted(folders("tests"))


def test_the_floors_are_those_that_imports_are_checked_against() -> None:
    (drawn,) = re.findall(r"<!-- floors -->\n```\n(.*?)```\n", PAGE, re.DOTALL)
    assert [set(line.split()) for line in drawn.splitlines()] == [*FLOORS]


@pytest.mark.parametrize("path", sorted({path for piece in PIECES for path in PATH.findall(piece)}))
def test_a_path_exists(path: str) -> None:
    assert files(path)


@pytest.mark.parametrize("piece", [piece for piece in PIECES if PATH.search(piece)], ids=lambda piece: piece[:40])
def test_a_name_is_in_a_file_that_is_named_beside_it(piece: str) -> None:
    found = [file for path in PATH.findall(piece) for file in files(path) if file.is_file()]
    text = "\n".join(file.read_text("utf-8") for file in found)
    names = {name for name in NAME.findall(PATH.sub("", piece)) if found}
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()
