"""Which of opencode's files is written, and what else in them decides whether it sees the provider and our tools."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.model import Model
from litellmctl.errors import ConfigFailure
from litellmctl.programs import jsonc, opencode
from litellmctl.programs.documents import changed
from litellmctl.programs.opencode import Opencode
from litellmctl.programs.program import Export, Launch, Provider, Wish
from litellmctl.tools.tool import CALL_SECONDS
from tests.effort import less_than
from tests.unit.programs.bridges import ELSEWHERE, ONE, PER_SERVER, VARIABLES, called, text, written
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


# ---- for one run ----


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which opencode is started: below the root of a repository, which is below another folder."""
    made = tmp_path / "above/repository/part"
    made.mkdir(parents=True)
    (made.parent / ".git").mkdir()
    monkeypatch.chdir(made)
    for name in [*os.environ]:
        if name.startswith("OPENCODE_"):
            monkeypatch.delenv(name)
    return made


def launched(*arguments: str, model: str | None = None, **members: Any) -> Launch:
    given = replace(provider(GPT, *members.pop("more", ())), key="sk-key", **members)
    return Opencode().launch(given, Wish(arguments, model, Path("/run")))


def content(launch: Launch) -> dict[str, Any]:
    found = json.loads(launch.variables["OPENCODE_CONFIG_CONTENT"])
    assert isinstance(found, dict)
    return found


def test_a_run_has_what_an_export_has_and_the_key_in_a_variable(folder: Path, project: Path) -> None:
    launch = launched()
    assert content(launch)["provider"] == {"litellm": after(exported())["provider"]["litellm"]}
    assert dict(launch.variables) == {
        "LITELLM_API_KEY": "sk-key",
        "LITELLM_BASE_URL": "https://llm.example.com",
        "OPENCODE_CONFIG_CONTENT": launch.variables["OPENCODE_CONFIG_CONTENT"],
    }
    assert "sk-key" not in launch.variables["OPENCODE_CONFIG_CONTENT"]
    assert not launch.files
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ((), True),
        (("run", "Hi"), True),
        (("--continue",), True),
        (("./here",), True),
        (("models",), False),
        (("serve",), False),
        (("run", "-m", "anthropic/x", "Hi"), False),
        (("run", "--model=anthropic/x", "Hi"), False),
        (("--version",), False),
    ],
)
def test_the_model_is_an_option_where_there_is_one_and_the_users_own_wins(
    project: Path, arguments: tuple[str, ...], option: bool
) -> None:
    launch = launched(*arguments, model="gpt-4o")
    assert launch.arguments == (["-m", "litellm/gpt-4o"] if option else [])
    assert content(launch)["model"] == "litellm/gpt-4o"
    assert not launch.warnings


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [((), True), (("run", "Hi"), True), (("models",), False), (("run", "-m", "x/y", "Hi"), False), (("-h",), False)],
)
def test_without_a_model_opencode_chooses_its_own(project: Path, arguments: tuple[str, ...], warned: bool) -> None:
    launch = launched(*arguments)
    assert "model" not in content(launch)
    own = "opencode starts with its own default model, maybe not one of the proxy's"
    assert [*launch.warnings] == ([f"{own}: litellmctl run --model NAME opencode"] if warned else [])


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("HOME/.config/opencode/opencode.json", True),
        ("HOME/.opencode/opencode.jsonc", True),
        ("above/opencode.json", False),
        ("above/repository/opencode.json", True),
        ("above/repository/part/opencode.jsonc", True),
        ("above/repository/part/.opencode/opencode.json", True),
        ("named.json", True),
        ("more/opencode.json", True),
    ],
)
def test_lists_in_any_file_that_opencode_reads_hide_nothing(
    folder: Path, project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_read: bool
) -> None:
    monkeypatch.setenv("OPENCODE_CONFIG", str(tmp_path / "named.json"))
    monkeypatch.setenv("OPENCODE_CONFIG_DIR", str(tmp_path / "more"))
    lists = {"enabled_providers": ["anthropic"], "disabled_providers": ["litellm", "x"]}
    path = home / name.removeprefix("HOME/") if name.startswith("HOME/") else tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "// mine\n" + json.dumps({**lists, "provider": {"litellm": {"whitelist": ["x"], "blacklist": ["gpt-4o"]}}})
    )
    found = content(launched())
    shown = {key: found[key] for key in lists if key in found}
    hidden = {key: found["provider"]["litellm"].get(key) for key in ("whitelist", "blacklist")}
    if is_read:
        assert shown == {"enabled_providers": ["anthropic", "litellm"], "disabled_providers": ["x"]}
        assert hidden == {"whitelist": ["gpt-4o"], "blacklist": []}
    else:
        assert (shown, hidden) == ({}, {"whitelist": None, "blacklist": None})


def test_the_projects_files_count_only_where_opencode_reads_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "opencode.json").write_text('{"disabled_providers": ["litellm"]}')
    assert content(launched())["disabled_providers"] == []
    monkeypatch.setenv("OPENCODE_DISABLE_PROJECT_CONFIG", "1")
    assert "disabled_providers" not in content(launched())


def test_the_users_own_inline_settings_stay_below_ours(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = '{"share": "disabled", /* mine */ "model": "a/b", "provider": {"litellm": {"npm": "x", "env": ["Y"]}, "own": {}}}'
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", theirs)
    found = content(launched(model="gpt-4o"))
    assert (found["share"], found["model"], found["provider"]["own"]) == ("disabled", "litellm/gpt-4o", {})
    assert (found["provider"]["litellm"]["npm"], found["provider"]["litellm"]["env"]) == (
        "@ai-sdk/openai-compatible",
        ["Y"],
    )


@pytest.mark.parametrize("theirs", ["{", "[]", "1", '"x"'])
def test_inline_settings_that_mean_nothing_are_ignored_with_a_warning(
    project: Path, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", theirs)
    launch = launched(model="gpt-4o")
    assert list(content(launch)) == ["model", "provider"]
    assert [*launch.warnings] == ["ignored OPENCODE_CONFIG_CONTENT: it is not a JSON object"]


def test_many_models_are_in_a_file_since_a_variable_does_not_hold_them(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCODE_CONFIG", "mine.jsonc")
    Path("mine.jsonc").write_text('{"instructions": ["{file:./a.md}", "{file:~/b.md}"], /**/ "provider": {"own": {}}}')
    more = [_named_model(f"model-{number:04}") for number in range(2000)]
    launch = launched(model="gpt-4o", more=more)
    assert launch.variables["OPENCODE_CONFIG"] == str(Path("/run/opencode.json"))
    assert max(map(len, launch.variables.values())) < 32_767
    found = json.loads(launch.files["opencode.json"])
    assert len(found["provider"]["litellm"]["models"]) == 2001
    assert found["provider"]["own"] == {}
    assert found["instructions"] == [f"{{file:{(project / 'a.md').as_posix()}}}", "{file:~/b.md}"]
    assert "models" not in content(launch)["provider"]["litellm"]
    assert "sk-key" not in launch.files["opencode.json"]


def _named_model(name: str) -> Model:
    return {**GPT, "id": name}


def test_a_chosen_name_that_opencode_cannot_use_is_said(project: Path) -> None:
    launch = launched(model="{env:HOME}", more=[_named_model("{env:HOME}"), _named_model("__proto__")])
    assert [*launch.warnings] == ['skipped "{env:HOME}": opencode cannot use this name']
    assert list(content(launch)["provider"]["litellm"]["models"]) == ["gpt-4o"]


# ---- with the key of a relay ----


def test_a_fixed_key_is_in_the_file(folder: Path) -> None:
    export = Opencode().export(replace(provider(GPT), command=(), key="sk-local-1"))
    assert after(export)["provider"]["litellm"]["options"]["apiKey"] == "sk-local-1"
    assert export.notes == ["opencode -m litellm/MODEL"]


# ---- MCP servers ----


def mcp(project: Path | None = None) -> dict[str, Any]:
    """Return the MCP servers in the file that is written."""
    found = jsonc.value(text(Opencode(), project))["mcp"]
    assert isinstance(found, dict)
    return found


LOCAL = {"type": "local", "command": [*ONE.command, "--name-length", "56"], "timeout": 150_000}


def test_an_entry_has_the_command_as_one_list_and_waits_longer_than_we_do(folder: Path) -> None:
    made = written(Opencode(), ONE)
    assert mcp() == {"litellm": LOCAL}
    assert jsonc.value(text(Opencode()))["$schema"] == "https://opencode.ai/config.json"
    assert LOCAL["timeout"] > CALL_SECONDS * 1000  # type: ignore[operator]
    assert (made.notes, made.warnings) == (["opencode mcp list   (after a restart: /mcps)"], [])


@pytest.mark.parametrize(
    ("name", "length"), [("litellm", "56"), ("litellm-github", "49"), ("a" * 30, "33"), ("a" * 50, "24")]
)
def test_the_name_of_a_tool_has_room_for_that_of_the_entry(folder: Path, name: str, length: str) -> None:
    written(Opencode(), replace(ONE, name=name))
    assert mcp()[name]["command"] == [*ONE.command, "--name-length", length]


def test_an_entry_says_where_our_files_are(folder: Path) -> None:
    written(Opencode(), ELSEWHERE)
    assert mcp() == {"litellm": {**LOCAL, "environment": VARIABLES}}
    written(Opencode(), ONE)
    assert mcp() == {"litellm": LOCAL}


def test_other_entries_comments_and_what_a_user_changed_in_ours_are_kept(folder: Path) -> None:
    path = folder / "opencode.jsonc"
    path.write_text(
        """{
  // Mine
  "mcp": {
    "own": {"type": "local", "command": ["litellmctl-other", "mcp", "serve"]},
    "old-name": {"type": "local", "command": ["/old/litellmctl", "mcp", "serve", "--profile", "x"]},
    "litellm": {"type": "local", "command": ["litellmctl", "mcp", "serve"], "timeout": 9, "cwd": "/srv"}, // ours
  },
}
"""
    )
    written(Opencode(), ONE)
    assert mcp() == {
        "own": {"type": "local", "command": ["litellmctl-other", "mcp", "serve"]},
        "litellm": {**LOCAL, "timeout": 9, "cwd": "/srv"},
    }
    assert "// Mine" in path.read_text()
    written(Opencode(), *PER_SERVER)
    assert [*mcp()] == ["own", "litellm-github", "litellm-jira"]


@pytest.mark.parametrize(
    ("there", "is_written"),
    [
        ((), "opencode.json"),
        (("opencode.json",), "opencode.json"),
        (("opencode.json", "opencode.jsonc"), "opencode.jsonc"),
    ],
)
def test_the_file_of_a_project_that_overrides_the_other(project: Path, there: tuple[str, ...], is_written: str) -> None:
    for name in there:
        (project / name).write_text("{}")
    assert Opencode().mcp_path(project) == project / is_written
    written(Opencode(), ONE, project=project)
    assert [*mcp(project)] == ["litellm"]


def test_the_users_entries_are_where_the_models_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Opencode().mcp_path() == folder / "opencode.json"
    monkeypatch.setenv("OPENCODE_CONFIG", str(folder / "named.json"))
    assert Opencode().mcp_path() == Opencode().path() == folder / "named.json"


@pytest.mark.parametrize("word", ["{env:HOME}", "a{file:/etc/passwd}"])
def test_a_word_that_opencode_would_replace_is_refused(folder: Path, word: str) -> None:
    with pytest.raises(ConfigFailure, match="opencode would replace"):
        Opencode().mcp([called("--server", word)])
    made = Opencode().mcp([ONE, replace(called("--server", word), name="other")])
    assert made.warnings == ['skipped "other": opencode would replace a variable in its command']
    written(Opencode(), called("$HOME", "${HOME}", "{env}"))
    assert mcp()["litellm"]["command"][-5:-2] == ["$HOME", "${HOME}", "{env}"]


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        (
            {"mcp": {"litellm": {"enabled": False}}},
            '"litellm" is switched off: remove enabled from its entry in {path}',
        ),
        ({"tools": {"litellm_*": False}}, '{path} hides the tools of litellm from opencode: "litellm_*"'),
        ({"tools": {"*": False}}, '{path} hides the tools of litellm from opencode: "*"'),
        ({"permission": {"litellm*": "deny"}}, '{path} hides the tools of litellm from opencode: "litellm*"'),
        ({"permission": {"*": "deny", "litellm_*": "allow"}}, None),
        ({"tools": {"litellm_mcp_github_*": False, "other_*": False}}, None),
        ({"mcp": {"litellm": {"enabled": True}}, "tools": True, "permission": "deny"}, None),
    ],
)
def test_a_file_that_is_merged_later_may_hide_it(
    folder: Path, project: Path, settings: dict[str, Any], warning: str | None
) -> None:
    path = project / "opencode.json"
    path.write_text(json.dumps(settings))
    assert written(Opencode(), ONE).warnings == ([warning.format(path=path)] if warning else [])


def test_an_earlier_file_is_overridden(folder: Path, project: Path) -> None:
    (folder / "opencode.jsonc").write_text("{}")
    (folder / "opencode.json").write_text('{"mcp": {"litellm": {"enabled": false}}}')
    (project.parent / "opencode.json").write_text('{"mcp": {"litellm": {"enabled": false}}}')
    (project / "opencode.json").write_text("{}")
    assert not Opencode().mcp([ONE], project).warnings
    assert len(Opencode().mcp([ONE]).warnings) == 1


def test_it_is_the_project_whose_files_are_merged_later_not_the_current_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    later = project / ".opencode/opencode.json"
    later.parent.mkdir()
    later.write_text('{"mcp": {"litellm": {"enabled": false}}}')
    assert Opencode().mcp([ONE], project).warnings == [
        f'"litellm" is switched off: remove enabled from its entry in {later}'
    ]


def test_an_entry_that_the_user_switched_off_stays_off(folder: Path) -> None:
    written(Opencode(), ONE)
    path = folder / "opencode.json"
    path.write_text(path.read_text().replace('"type"', '"enabled": false, "type"'))
    assert written(Opencode(), ONE).warnings == [f'"litellm" is switched off: remove enabled from its entry in {path}']
    assert mcp()["litellm"]["enabled"] is False


@pytest.mark.parametrize(
    ("platform", "there"),
    [("linux", "/etc/opencode"), ("darwin", "/Library/Application Support/opencode"), ("win32", "/data/opencode")],
)
def test_what_an_administrator_prescribes_is_merged_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, there: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("ProgramData", "/data")
    assert opencode._managed() == Path(there)
    monkeypatch.setattr(opencode, "_managed", lambda: tmp_path)
    path = tmp_path / "opencode.jsonc"
    path.write_text('{"mcp": {"litellm": {"enabled": false}}} // closed')
    (warning,) = Opencode().mcp([ONE]).warnings
    assert warning == f'"litellm" is switched off: remove enabled from its entry in {path}'
