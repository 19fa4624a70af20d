"""A test is where one looks for it, and tests/README.md tells the truth about where that is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
README = (TESTS / "README.md").read_text("utf-8")
# Placeholders, such as unit/ROOM/test_X.py, name no file.
NAMED = sorted(
    path
    for path in set(re.findall(r"`((?:[\w.]+/)*[\w.]+(?:/|\.py|\.toml|\.md))`", README))
    if not re.search("ROOM|COMMAND", path)
)
UNIT = sorted(path.relative_to(TESTS / "unit") for path in (TESTS / "unit").rglob("test_*.py"))
# Each of these covers several modules of its room, which are alike: what they have in common is said once.
OF_SEVERAL = {
    Path("programs/test_programs_command.py"): ("claude_code", "crush", "goose", "pi"),
    Path("programs/test_programs_file.py"): ("aider", "codex", "continue_dev", "llm", "opencode", "zed"),
}


def modules_of(test: Path) -> list[Path]:
    """Return the modules, below litellmctl/, that a file below tests/unit/ is for."""
    names = OF_SEVERAL.get(test, (test.stem.removeprefix("test_"),))
    return [test.parent / f"{name}.py" for name in names]


@pytest.mark.parametrize("test", UNIT, ids=str)
def test_a_unit_test_is_named_for_its_module(test: Path) -> None:
    missing = [str(module) for module in modules_of(test) if not (ROOT / "litellmctl" / module).is_file()]
    assert not missing, f"no litellmctl/{missing[0]}: move tests/unit/{test} to where its module is"


def test_every_exception_is_needed() -> None:
    assert set(OF_SEVERAL) <= set(UNIT)


def test_every_folder_of_tests_is_explained() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("*.py") if path.parent != TESTS}
    explained = set(re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE))
    assert explained == folders - {"__pycache__"}


@pytest.mark.parametrize("path", NAMED)
def test_every_path_that_the_readme_names_exists(path: str) -> None:
    assert any((folder / path).exists() for folder in (TESTS, ROOT)), f"{path} is neither in tests/ nor in the checkout"
