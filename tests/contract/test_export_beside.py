"""`export` where the program has other files, or settings of its own, that decide what it sees of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result, Run
from tests.fake_proxy import FakeProxy, row

JSONC = """{
  // opencode makes this file itself
  "$schema": "https://opencode.ai/config.json",
  "provider": {
    "litellm": { "options": { "baseURL": "http://old.example/v1" } },
  },
}
"""
ENABLED = '{"enabled_providers":["anthropic"]}'
DISABLED = '{\n  // not yet\n  "disabled_providers": [\n    "openai", // mine\n    "litellm", // soon\n  ],\n}\n'
OLD = '{"models":[{"title":"Mine","provider":"ollama","model":"llama3"}]}'


@pytest.fixture
def models(proxy: FakeProxy, env: dict[str, str]) -> FakeProxy:
    for name in ("OPENCODE_CONFIG", "CONTINUE_GLOBAL_DIR"):
        env.pop(name, None)
    return proxy.models(row("gpt-4o"), times=None)


@pytest.fixture
def folder(home: Path) -> Path:
    made = home / ".config/opencode"
    made.mkdir(parents=True)
    return made


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.iterdir()}


def listed(run: Run, tool: str) -> Any:
    return next(one for one in run("export", "--list", "--json").json if one["tool"] == tool)


def order(result: Result, *words: str) -> list[int]:
    """Return where these words stand on stderr."""
    return [result.stderr.index(one) for one in words]


@pytest.mark.parametrize(
    "before",
    [
        {"opencode.jsonc": JSONC},
        {"opencode.jsonc": JSONC, "opencode.json": '{"theme": "dark"}'},
        {"opencode.jsonc": JSONC.replace("\n", "\r\n"), "opencode.json": JSONC, "config.json": "{}"},
        {"opencode.jsonc": ""},
        {"opencode.jsonc": "\ufeff{} // nothing yet"},
    ],
    ids=["alone", "beside another", "beside both", "empty", "a mark and a comment"],
)
def test_opencode_jsonc_is_edited_where_there_is_one(
    run: Run, models: FakeProxy, folder: Path, before: dict[str, str]
) -> None:
    for name, text in before.items():
        (folder / name).write_bytes(text.encode())
    path = str(folder / "opencode.jsonc")
    assert listed(run, "opencode")["path"] == path
    assert path in run("export", "opencode").stderr
    assert run("export", "opencode", "--diff").startswith(f"--- {path}\n+++ {path}\n")
    assert contents(folder) == before
    assert f"Wrote {path}" in run("export", "opencode", "--write").stderr
    after = contents(folder)
    assert {**after, "opencode.jsonc": ""} == {**before, "opencode.jsonc": ""}
    assert f'"baseURL": "{models.url}/v1"' in after["opencode.jsonc"]
    assert "old.example" not in after["opencode.jsonc"]
    assert ("// opencode makes this" in after["opencode.jsonc"]) is ("// opencode makes" in before["opencode.jsonc"])
    assert "already up to date" in run("export", "opencode", "--write").stderr
    run("export", "opencode", "--undo")
    assert contents(folder) == before


def test_what_was_written_before_there_was_a_jsonc_is_undone_where_it_is(
    run: Run, models: FakeProxy, folder: Path
) -> None:
    run("export", "opencode", "--write")
    (folder / "opencode.jsonc").write_text(JSONC)
    warned = run("export", "opencode", "--write").stderr
    assert f"{folder / 'opencode.json'} also has provider.litellm" in warned
    run("export", "opencode", "--undo")
    assert contents(folder)["opencode.jsonc"] == JSONC
    run("export", "opencode", "--undo")
    assert contents(folder) == {"opencode.jsonc": JSONC}


@pytest.mark.parametrize("name", ["opencode.json", "opencode.jsonc"])
@pytest.mark.parametrize(
    ("before", "key", "now"),
    [
        (ENABLED, "enabled_providers", '"enabled_providers":["anthropic", "litellm"]'),
        ('{"enabled_providers": []}', "enabled_providers", '"enabled_providers": ["litellm"]'),
        (DISABLED, "disabled_providers", '[\n    "openai", // mine\n    // soon\n  ],'),
    ],
    ids=["enabled", "none enabled", "disabled"],
)
def test_a_list_that_would_hide_the_provider_is_changed_too(
    run: Run, models: FakeProxy, folder: Path, name: str, before: str, key: str, now: str
) -> None:
    path = folder / name
    path.write_bytes(before.encode())
    told = f"{key} in {path} hides litellm from opencode"
    assert told in run("export", "opencode", "--diff").stderr
    assert told in run("export", "opencode").stderr
    assert path.read_bytes() == before.encode()
    done = run("export", "opencode", "--write")
    assert order(done, told, f"Wrote {path}") == sorted(order(done, told, f"Wrote {path}"))
    assert now in path.read_text("utf-8")
    again = run("export", "opencode", "--write").stderr
    assert ("already up to date" in again, told in again) == (True, False)
    run("export", "opencode", "--undo")
    assert contents(folder) == {name: before}


def test_a_list_in_another_file_is_changed_there_and_undone_with_it(run: Run, models: FakeProxy, folder: Path) -> None:
    before = {"opencode.json": ENABLED, "opencode.jsonc": JSONC}
    for name, text in before.items():
        (folder / name).write_text(text)
    done = run("export", "opencode", "--id", "work", "--write").stderr
    assert all(f"Wrote {folder / name}" in done for name in before)
    assert contents(folder)["opencode.json"] == '{"enabled_providers":["anthropic", "work"]}'
    assert listed(run, "opencode")["writes"] == 1
    run("export", "opencode", "--undo")
    assert contents(folder) == before


def test_what_is_printed_has_the_list_too(run: Run, models: FakeProxy, folder: Path) -> None:
    (folder / "opencode.json").write_text(ENABLED)
    assert json.loads(run("export", "opencode"))["enabled_providers"] == ["anthropic", "litellm"]


@pytest.mark.parametrize("old", [OLD, "", "{}"], ids=["models", "empty", "nothing"])
def test_that_continue_ignores_config_json_from_then_on_is_said_first(
    run: Run, models: FakeProxy, home: Path, old: str
) -> None:
    folder = home / ".continue"
    folder.mkdir()
    (folder / "config.json").write_text(old)
    told = f"Warning: Continue ignores {folder / 'config.json'} once {folder / 'config.yaml'} exists"
    for words in ([], ["--diff"]):
        assert told in run("export", "continue", *words).stderr
        assert contents(folder) == {"config.json": old}
    done = run("export", "continue", "--write")
    assert order(done, told, "Wrote ") == sorted(order(done, told, "Wrote "))
    # It is so now: nothing new is to be said.
    assert told not in run("export", "continue", "--write", "--id", "work").stderr
    run("export", "continue", "--undo")
    run("export", "continue", "--undo")
    assert contents(folder) == {"config.json": old}


def test_where_continue_reads_config_yaml_already_nothing_is_said(run: Run, models: FakeProxy, home: Path) -> None:
    folder = home / ".continue"
    folder.mkdir()
    (folder / "config.json").write_text(OLD)
    (folder / "config.yaml").write_text("name: mine\nversion: 1.0.0\nschema: v1\n")
    assert "Continue ignores" not in run("export", "continue", "--write").stderr
