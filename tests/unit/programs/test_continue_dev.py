"""What Continue no longer reads once config.yaml is there, and how `run` starts its command-line program."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from litellmctl.catalog.model import Model
from litellmctl.programs.continue_dev import Continue
from litellmctl.programs.program import Launch, Wish
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


# --- For one run


def launched(*arguments: str, model: str | None = None, models: tuple[Model, ...] = (GPT,)) -> Launch:
    wish = Wish(arguments, model, Path("/tmp/run"))
    return Continue().launch(replace(provider(*models), key="sk-of-the-proxy"), wish)


def test_a_run_has_the_users_file_with_our_models_instead_of_the_users(folder: Path) -> None:
    own = (
        "# mine\nname: Mine\nversion: 0.0.1\nrules:\n  - Be brief.   # !\nmodels:\n  - name: own\n    apiKey: secret\n"
    )
    (folder / "config.yaml").write_text(own)
    found = launched()
    text = found.files["config.yaml"]
    assert text.startswith("# mine\nname: Mine\nversion: 0.0.1\nrules:\n  - Be brief.   # !\n")
    assert "own" not in text
    assert "litellm/" in text
    assert list(found.arguments) == ["--config", str(Path("/tmp/run/config.yaml"))]
    assert found.variables == {"LITELLM_API_KEY": "sk-of-the-proxy", "LITELLM_BASE_URL": "https://llm.example.com"}
    assert "sk-of-the-proxy" not in text
    assert (folder / "config.yaml").read_text() == own


def test_a_run_with_a_model_has_that_one_alone() -> None:
    """Continue would start with the model that was chosen last in another session, if it found it."""
    other: Model = {**GPT, "id": "other"}
    both = launched(models=(GPT, other)).files["config.yaml"]
    assert both.count("litellm/") == 2
    one = launched(models=(GPT, other), model="other").files["config.yaml"]
    assert one.count("litellm/") == 1
    assert "other" in one


def test_the_users_own_config_option_wins() -> None:
    found = launched("--config", "mine.yaml")
    assert not found.arguments
    assert not found.files
    assert "may not use the proxy" in found.warnings[0]


def test_a_name_that_it_cannot_take_warns_in_a_run_too() -> None:
    assert "as a reference" in launched(models=(GPT, {**GPT, "id": "AUTODETECT"})).warnings[0]
