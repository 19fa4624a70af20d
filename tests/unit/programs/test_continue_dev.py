"""What Continue no longer reads once config.yaml is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from litellmctl.programs.continue_dev import Continue
from tests.unit.programs.test_programs_file import GPT, provider


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CONTINUE_GLOBAL_DIR", raising=False)
    made = home / ".continue"
    made.mkdir(parents=True)
    return made


def warnings() -> list[str]:
    return list(Continue().export(provider(GPT)).warnings)


@pytest.mark.parametrize("text", ['{"models": [{"title": "Mine"}]}', "", "// not JSON"])
def test_a_new_file_that_hides_the_old_one_is_told(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    (told,) = warnings()
    assert told.startswith(f"Continue ignores {folder / 'config.json'} once {folder / 'config.yaml'} exists")
    assert "litellmctl export continue --undo" in told


def test_it_is_told_of_the_folder_that_the_environment_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("CONTINUE_GLOBAL_DIR", str(tmp_path / "other"))
    assert not warnings()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_text("{}")
    assert str(tmp_path / "other/config.json") in warnings()[0]


@pytest.mark.parametrize("yaml", ["name: mine\n", ""])
def test_nothing_is_told_where_it_is_so_already(folder: Path, yaml: str) -> None:
    assert not warnings()
    (folder / "config.json").write_text("{}")
    (folder / "config.yaml").write_text(yaml)
    assert not warnings()


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_link_to_nothing_is_not_ignored(folder: Path) -> None:
    (folder / "config.json").symlink_to("nowhere")
    assert not warnings()
