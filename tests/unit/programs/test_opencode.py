"""Which of opencode's files is written, and what else in them decides whether the provider is seen."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.documents import changed
from litellmctl.programs.opencode import Opencode
from litellmctl.programs.program import Export, Provider
from tests.effort import less_than
from tests.unit.programs.test_programs_file import GPT, provider

NAMES = ("config.json", "opencode.json", "opencode.jsonc")


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENCODE_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    made = home / ".config/opencode"
    made.mkdir(parents=True)
    return made


def exported(**members: str) -> Export:
    given: Provider = provider(GPT, **members)
    return Opencode().export(given)


def after(export: Export) -> dict[str, Any]:
    """Return what opencode reads then: its files merged in their order, as far as lists go."""
    found: dict[str, Any] = {}
    texts = {one.path: changed(one, _text(one.path)) for one in export.files}
    own = Opencode().path()
    for path in [*(own.with_name(name) for name in NAMES if own.name in NAMES and own.name != name), own]:
        text = texts.get(path) or _text(path)
        found |= json.loads(text) if text else {}
    return found


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


@pytest.mark.parametrize(
    ("there", "written"),
    [
        ((), "opencode.json"),
        (("config.json",), "opencode.json"),
        (("opencode.json",), "opencode.json"),
        (("opencode.jsonc",), "opencode.jsonc"),
        (("opencode.json", "opencode.jsonc"), "opencode.jsonc"),
        (NAMES, "opencode.jsonc"),
    ],
)
@pytest.mark.parametrize("text", ["{}", "", "not JSON"])
def test_the_file_whose_values_win_is_written(folder: Path, there: tuple[str, ...], written: str, text: str) -> None:
    for name in there:
        (folder / name).write_text(text)
    assert Opencode().path() == folder / written
    assert [one.path for one in exported().files] == [folder / written]


def test_a_file_that_the_environment_names_wins_over_both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "opencode.jsonc").write_text("{}")
    for named in (folder / "mine.json", folder / "opencode.json"):
        monkeypatch.setenv("OPENCODE_CONFIG", str(named))
        assert Opencode().path() == named
        assert [one.path for one in exported().files] == [named]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_link_to_nothing_is_no_file_that_wins(folder: Path) -> None:
    (folder / "opencode.jsonc").symlink_to("nowhere")
    assert Opencode().path() == folder / "opencode.json"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("lists", "becomes"),
    [
        ({"enabled_providers": ["anthropic"]}, {"enabled_providers": ["anthropic", "litellm"]}),
        ({"enabled_providers": []}, {"enabled_providers": ["litellm"]}),
        ({"enabled_providers": [None, 1]}, {"enabled_providers": [None, 1, "litellm"]}),
        ({"disabled_providers": ["litellm", "x", "litellm"]}, {"disabled_providers": ["x"]}),
        ({"disabled_providers": ["litellm"]}, {"disabled_providers": []}),
        (
            {"enabled_providers": ["litellm-2"], "disabled_providers": ["openai", "litellm"]},
            {"enabled_providers": ["litellm-2", "litellm"], "disabled_providers": ["openai"]},
        ),
        ({"enabled_providers": ["litellm", "x"]}, None),
        ({"disabled_providers": ["x"]}, None),
        # opencode itself says what is wrong with these.
        ({"enabled_providers": "x", "disabled_providers": {"litellm": True}}, None),
        ({"enabled_providers": None}, None),
    ],
)
def test_no_list_hides_the_provider(
    folder: Path, name: str, lists: dict[str, Any], becomes: dict[str, Any] | None
) -> None:
    path = folder / name
    path.write_text(json.dumps(lists))
    export = exported()
    found = after(export)
    assert {key: found[key] for key in lists} == (becomes or lists)
    hides = [key for key in lists if becomes]
    assert len(export.warnings) == len(hides)
    for key, warning in zip(hides, export.warnings, strict=True):
        verb = "adds" if key == "enabled_providers" else "removes"
        assert warning == f"{key} in {path} hides litellm from opencode: this export {verb} it"


def test_the_last_list_counts_and_each_is_changed_where_it_stands(folder: Path) -> None:
    (folder / "config.json").write_text('{"enabled_providers": ["a"], "disabled_providers": ["work"]}')
    (folder / "opencode.json").write_text('{"enabled_providers": ["b"]}')
    (folder / "opencode.jsonc").write_text('{"enabled_providers": ["work"]}')
    export = exported(id="work")
    assert [one.path.name for one in export.files] == ["opencode.jsonc", "config.json"]
    assert after(export)["disabled_providers"] == []
    assert json.loads(changed(export.files[1], _text(folder / "config.json")))["enabled_providers"] == ["a"]
    assert len(export.warnings) == 1


def test_another_file_with_the_same_provider_is_told(folder: Path) -> None:
    (folder / "opencode.jsonc").write_text("{}")
    (folder / "opencode.json").write_text('{"provider": {"litellm": {}, "own": {}}}')
    (folder / "config.json").write_text('{"provider": ["litellm"]}')
    own = folder / "opencode.jsonc"
    warning = f"{folder / 'opencode.json'} also has provider.litellm: opencode merges both, and {own} overrides it"
    assert exported().warnings == [warning]
    assert not exported(id="work").warnings


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"not JSON", b"[1]", b"\xff", b"null", b"[" * 10_000, b'{"enabled_providers": ' + b"[" * 10_000),
        *(b'{"enabled_providers": [], "enabled_providers": []}', b'{"provider": 1' + b"0" * 5000 + b"}"),
        b'{"disabled_providers": [' + b'"x",' * 100_000 + b"]}",
    ],
    ids=lambda data: repr(data[:30]),
)
@pytest.mark.parametrize("name", ["config.json", "opencode.json"])
def test_what_cannot_be_read_breaks_nothing(folder: Path, data: bytes, name: str) -> None:
    (folder / name).write_bytes(data)
    with less_than(10):
        export = exported()
    assert [one.path for one in export.files] == [folder / "opencode.json"]
    assert not export.warnings


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(folder / "config.json")
    (folder / "opencode.json").mkdir()
    with less_than(10):
        assert not exported().warnings
