"""What Continue no longer reads once config.yaml is there, how `run` starts its program `cn`, and its MCP servers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.model import Model
from litellmctl.errors import ConfigFailure
from litellmctl.programs import yaml_edit
from litellmctl.programs.continue_dev import Continue
from litellmctl.programs.documents import changed
from litellmctl.programs.program import Launch, Wish
from litellmctl.tools.tool import CALL_SECONDS
from tests.unit.programs.bridges import ELSEWHERE, ONE, PER_SERVER, VARIABLES, called, text, written
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


# ---- MCP servers ----

SERVER = {"command": "/opt/my tools/litellmctl", "args": ["mcp", "serve", "--profile", "work", "--name-length", "56"]}
ITEM = {"name": "litellm", **SERVER, "connectionTimeout": 150_000}


def items() -> list[dict[str, Any]]:
    found = yaml_edit.value(text(Continue()))["mcpServers"]
    assert isinstance(found, list)
    return found


def test_an_item_of_the_list_waits_longer_than_we_do(folder: Path) -> None:
    made = written(Continue(), ONE)
    assert Continue().mcp_path() == Continue().path() == folder / "config.yaml"
    found = yaml_edit.value(text(Continue()))
    assert found == {"name": "Local Config", "version": "1.0.0", "schema": "v1", "mcpServers": [ITEM]}
    assert ITEM["connectionTimeout"] > CALL_SECONDS * 1000  # type: ignore[operator]
    assert made.notes == ["cn, and /mcp in it   (or code .)"]
    assert made.warnings == [
        f"cn no longer uses its own models once {folder / 'config.yaml'} exists: litellmctl export continue adds the proxy's"
    ]
    made = written(Continue(), ELSEWHERE)
    assert items() == [{**ITEM, "env": VARIABLES}]
    assert not made.warnings


def test_other_items_and_comments_are_kept_and_stale_ones_of_ours_go(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        """name: Mine
version: 2.0.0
models: []  # none yet
mcpServers:
  # Mine
  - name: own
    command: npx
    args: [x]
  - name: old
    command: /old/litellmctl
    args: [mcp, serve]
  - name: litellm
    url: https://llm.example.com/mcp
  - uses: hub/server
"""
    )
    written(Continue(), ONE)
    assert items() == [{"name": "own", "command": "npx", "args": ["x"]}, {"uses": "hub/server"}, ITEM]
    assert "models: []  # none yet" in text(Continue())
    assert "  # Mine" in text(Continue())
    written(Continue(), *PER_SERVER)
    assert [one.get("name") for one in items()] == ["own", None, "litellm-github", "litellm-jira"]


def test_the_models_and_the_servers_stand_side_by_side(folder: Path) -> None:
    written(Continue(), ONE)
    (change,) = Continue().export(provider(GPT)).files
    change.path.write_text(changed(change, text(Continue())))
    assert items() == [ITEM]
    written(Continue(), *PER_SERVER)
    assert [one["name"] for one in yaml_edit.value(text(Continue()))["models"]] == ["litellm/gpt-4o"]


def test_the_file_of_a_project_is_json_of_our_own_which_cn_does_not_read(tmp_path: Path) -> None:
    path = tmp_path / ".continue/mcpServers/litellm.json"
    assert Continue().mcp_path(tmp_path) == path
    made = written(Continue(), *PER_SERVER, project=tmp_path)
    assert [*json.loads(text(Continue(), tmp_path))["mcpServers"]] == ["litellm-github", "litellm-jira"]
    written(Continue(), ONE, project=tmp_path)
    assert json.loads(text(Continue(), tmp_path)) == {"mcpServers": {"litellm": SERVER}}
    assert made.warnings == [f"cn ignores {path}: only Continue's editor extensions read it"]
    assert made.notes == ["code ."]


@pytest.mark.parametrize("word", ["${{ secrets.X }}", "a${{inputs.b}}c", "${HOME}"])
def test_a_word_that_continue_would_replace_is_refused(folder: Path, word: str) -> None:
    with pytest.raises(ConfigFailure, match="Continue would replace"):
        Continue().mcp([called(word)])
    with pytest.raises(ConfigFailure):
        Continue().mcp([replace(ONE, variables={"LITELLMCTL_CONFIG_DIR": word})], folder)
    written(Continue(), called("$HOME", "{{ x }}"))
    assert items()[0]["args"][-4:-2] == ["$HOME", "{{ x }}"]


@pytest.mark.parametrize(
    ("address", "is_passed"),
    [("unix:path=/run/user/1000/bus", True), ("unix:path=/tmp/dbus-x,guid=1", False), ("", False)],
)
def test_the_keyring_of_linux_is_found_from_the_editor_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, address: str, is_passed: bool
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    written(Continue(), ELSEWHERE)
    assert items()[0]["env"] == {**VARIABLES, **({"DBUS_SESSION_BUS_ADDRESS": address} if is_passed else {})}


def test_no_reference_to_a_key_stops_cn_where_it_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", "sk-key")
    written(Continue(), replace(ONE, reads=["LITELLM_API_KEY"]))
    assert items() == [ITEM]
    assert Continue.hides_keys


def test_a_new_file_for_servers_hides_the_old_one_too(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    warning, _ = Continue().mcp([ONE]).warnings
    assert warning.startswith(f"Continue ignores {folder / 'config.json'} once")
