"""Recorded answers that docstrings and comments cite are there, for whoever clones the repository."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import count, groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = "tests/contract/shapes"
# The folder in which they were recorded, which a clone does not have.
ELSEWHERE = "shared/contract"
# A key, a JSON web token, the tokens of a sign-in, and its id: the recorder puts placeholders in their place.
SECRET = re.compile(r"\bsk-[\w-]{16,}|\beyJ[\w-]{20,}|\b(?:litellm_login|llm_[a-z]+)_[\w.=-]{20,}|\bcli-[\w-]{32}")


def prose(source: str) -> Iterator[str]:
    """Yield the docstrings, and the comments; lines of a comment that follow each other are one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    tokens = [
        token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT
    ]
    numbers = count()
    for _, block in groupby(tokens, key=lambda token: token.start[0] - next(numbers)):
        yield "\n".join(token.string for token in block)


def cited(source: str) -> list[str]:
    """Return the names and patterns of files that follow the folder in a docstring or comment."""
    return [
        name for text in prose(source) for name in re.findall(r"[\w*][\w.*-]*\.json", text.partition(f"{FOLDER}/")[2])
    ]


FILES = [path for folder in ("litellmctl", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in FILES}
CITATIONS = sorted({(name, path) for path, source in SOURCES.items() if FOLDER in source for name in cited(source)})


def test_the_program_cites_recordings() -> None:
    assert len({path for _, path in CITATIONS if path.startswith("litellmctl/")}) > 4


@pytest.mark.parametrize(("name", "path"), CITATIONS)
def test_what_is_cited_is_there(name: str, path: str) -> None:
    assert [*(ROOT / FOLDER).glob(name)], f"{path} cites {FOLDER}/{name}"


def test_nothing_cites_the_folder_that_a_clone_does_not_have() -> None:
    suspects = {path: source for path, source in SOURCES.items() if ELSEWHERE in source}
    assert [path for path, source in suspects.items() if any(ELSEWHERE in text for text in prose(source))] == []


def test_no_recording_has_a_secret() -> None:
    texts = {str(path): path.read_text("utf-8") for path in (ROOT / FOLDER).rglob("*.*") if path.is_file()}
    assert {name: SECRET.findall(text) for name, text in texts.items() if SECRET.search(text)} == {}
    assert all(map(SECRET.search, ("sk-" + 16 * "x", "eyJ" + 20 * "x", "llm_srefresh_" + 20 * "x", "cli-" + 32 * "x")))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (f'"""Shapes: {FOLDER}/plugin*.json and skills_*.json."""', ["plugin*.json", "skills_*.json"]),
        (f'def read():\n    """Return it.\n\n    ({FOLDER}/a.b-c.json).\n    """', ["a.b-c.json"]),
        (f"x = 1  # as in\n# {FOLDER}/a.json\n\n# but not b.json", ["a.json"]),
        (f"x = '{FOLDER}/a.json'", []),
        ('"""The settings are in a.json."""', []),
    ],
)
def test_citations_are_found(source: str, names: list[str]) -> None:
    assert cited(source) == names
