"""How `run` starts Claude Code; what `export` writes for it is in test_programs_command.py."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.claude_code import ClaudeCode
from litellmctl.programs.mcp_host import Bridge
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.bridges import ELSEWHERE, ONE, VARIABLES, text, written
from tests.unit.programs.test_programs_command import COMMAND, known, model, provider

FOLDER = Path("/tmp/run")
KEY = "sk-of-the-proxy"


def proxy(**facts: Any) -> Provider:
    return provider(known("gpt", context_window=128_000, max_output_tokens=16_384), key=KEY, **facts)


def launch(*arguments: str, of: Provider | None = None, model: str | None = None, subscription: bool = False) -> Launch:
    return ClaudeCode().launch(of or proxy(), Wish(arguments, model, FOLDER, subscription))


def settings_of(found: Launch) -> dict[str, Any]:
    """Return our settings, in the argument or in the file that it names."""
    option, value = found.arguments[:2]
    assert option == "--settings"
    if found.files:
        assert value == str(FOLDER / "settings.json")
        value = found.files["settings.json"]
    settings: dict[str, Any] = json.loads(value)
    return settings


@pytest.fixture(autouse=True)
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which no settings of this machine are found."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "CLAUDE_")):
            monkeypatch.delenv(name)
    return folder


def test_a_command_prints_the_key_and_nothing_has_it() -> None:
    found = launch("-p", "Hi", model="gpt")
    settings = settings_of(found)
    assert shlex.split(settings["apiKeyHelper"]) == COMMAND
    assert settings["env"]["ANTHROPIC_BASE_URL"] == "https://h/p"
    assert KEY not in repr([found.arguments, found.variables, found.files])
    assert list(found.arguments[2:]) == ["--model", "gpt"]


@pytest.mark.skipif(sys.platform == "win32", reason="a file there")
def test_settings_without_a_secret_are_an_argument_unless_they_are_too_long() -> None:
    assert not launch().files
    many = proxy(models=[known(f"model-{number}") for number in range(2000)])
    found = launch(of=many)
    assert len(settings_of(found)["modelPicker"]["options"]) == 2000
    assert found.files


def test_windows_gets_a_file_since_it_quotes_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert launch().files


def test_a_fixed_key_is_in_a_file_and_never_in_an_argument() -> None:
    found = launch(of=proxy(command=()))
    settings = settings_of(found)
    assert settings["apiKeyHelper"] == ""
    assert settings["env"]["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert found.files
    assert KEY not in repr(found.arguments)
    assert "ANTHROPIC_AUTH_TOKEN" not in found.unset


def test_what_the_user_has_of_another_proxy_is_emptied_in_settings_too() -> None:
    found = launch()
    env = settings_of(found)["env"]
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_OAUTH_TOKEN"):
        assert env[name] == ""
        assert name in found.unset


def test_limits_are_those_of_the_model_that_it_starts_with() -> None:
    limits = {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "128000", "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "16384"}
    assert limits.items() <= launch(model="gpt").variables.items()
    assert limits.items() <= launch("--model", "gpt", model="other").variables.items()
    assert limits.keys().isdisjoint(launch(model="other").variables)
    # More output than it asks for is no limit.
    large = launch(of=provider(known("large", max_output_tokens=64_000)), model="large")
    assert "CLAUDE_CODE_MAX_OUTPUT_TOKENS" not in large.variables
    assert settings_of(launch())["modelSettings"] == {"gpt": {"autoCompactWindow": 128_000}}


def test_the_users_own_model_option_wins() -> None:
    assert "--model" not in launch("--model=mine", model="gpt").arguments
    assert "--model" in launch("--", "--model", model="gpt").arguments


def test_aliases_lead_to_models_of_the_proxy() -> None:
    """Claude Code uses them in the background too, where the proxy may not have its default."""
    variable = "ANTHROPIC_DEFAULT_{}_MODEL".format
    found = launch(model="gpt").variables
    assert {found[variable(family)] for family in ("OPUS", "SONNET", "HAIKU")} == {"gpt"}
    one = provider(model("my-haiku"), model("gpt"))
    found = launch(of=one, model="gpt").variables
    assert (found[variable("HAIKU")], found[variable("OPUS")]) == ("my-haiku", "gpt")
    several = provider(model("claude-haiku-3"), model("claude-haiku-4"), model("gpt"))
    assert variable("HAIKU") not in launch(of=several, model="gpt").variables
    assert variable("OPUS") not in launch(of=several).variables
    of_others = provider(model("claude-sonnet"), model("claude-haiku"), model("gpt"))
    found = launch("--model", "sonnet", of=of_others).variables
    assert [found[variable(family)] for family in ("OPUS", "SONNET", "HAIKU")] == [
        *("claude-sonnet", "claude-sonnet", "claude-haiku")
    ]


def test_it_starts_with_what_the_proxy_has_where_its_default_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    sonnet = provider(model("claude-sonnet"), model("claude-haiku"), model("gpt"))
    assert list(launch("-p", "Hi", of=sonnet).arguments[2:]) == ["--model", "claude-sonnet"]
    assert "--model" not in launch("mcp", "list", of=sonnet).arguments
    assert "--model" not in launch("--model", "opus", of=sonnet).arguments
    assert "--model" not in launch(of=provider(model("claude-sonnet"), model("claude-opus"))).arguments
    assert "--model" not in launch(of=provider(model("sonnet-1"), model("sonnet-2"))).arguments
    monkeypatch.setenv("ANTHROPIC_MODEL", "gpt")
    assert "--model" not in launch(of=sonnet).arguments


def test_an_alias_of_the_users_own_stays_if_the_proxy_has_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    models = provider(model("gpt"), model("mini"))
    monkeypatch.setenv("ANTHROPIC_DEFAULT_HAIKU_MODEL", "mini")
    monkeypatch.setenv("ANTHROPIC_DEFAULT_OPUS_MODEL", "of-another-proxy")
    found = launch(of=models, model="gpt").variables
    assert found["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "mini"
    assert found["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "gpt"


def test_a_name_that_it_does_not_send_as_it_is_warns() -> None:
    best = provider(model("best"), model("opus"))
    (told,) = launch(of=best, model="best").warnings
    assert "Claude Code uses another model for this name" in told
    found = launch(of=best, model="opus")
    assert not found.warnings
    assert found.variables["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "opus"


def test_a_start_with_a_model_that_the_proxy_may_not_have_warns(home: Path) -> None:
    (told,) = launch().warnings
    assert not launch("mcp", "list").warnings
    assert not launch("--version").warnings
    assert told.startswith("Claude Code starts with its own default model")
    assert not launch(model="gpt").warnings
    assert not launch("--model", "gpt").warnings
    assert not launch(of=provider(model("claude-sonnet-4-5"))).warnings
    assert not launch("--settings", '{"model": "gpt"}').warnings
    (home / ".claude").mkdir()
    (home / ".claude/settings.json").write_text('{"env": {"ANTHROPIC_MODEL": "gpt"}}')
    assert not launch().warnings


# --- The user's own settings


def test_the_users_own_settings_option_is_kept_in_ours() -> None:
    own = {"apiKeyHelper": "echo theirs", "env": {"ANTHROPIC_BASE_URL": "http://theirs", "MINE": "1"}, "effort": "low"}
    found = launch("-p", "--settings", json.dumps(own), "Hi", model="gpt")
    settings = settings_of(found)
    assert shlex.split(settings["apiKeyHelper"]) == COMMAND
    assert settings["env"]["ANTHROPIC_BASE_URL"] == "https://h/p"
    assert (settings["env"]["MINE"], settings["effort"]) == ("1", "low")
    assert found.user_arguments == ["-p", "Hi"]
    # They may hold secrets.
    assert found.files


def test_settings_in_a_file_of_the_user_are_kept_too(project: Path) -> None:
    (project / "mine.json").write_text('{"effort": "low"}')
    found = launch("--settings=mine.json", "--", "--settings", "x")
    assert settings_of(found)["effort"] == "low"
    assert found.user_arguments == ["--", "--settings", "x"]


@pytest.mark.parametrize("words", [("--settings",), ("--settings", "no.json"), ("--settings", "{"), ("--settings=[]",)])
def test_settings_that_cannot_be_read_are_left_to_claude_code(words: tuple[str, ...]) -> None:
    found = launch(*words)
    assert not found.arguments
    assert found.user_arguments is None


# --- With its own sign-in


def sent(found: Launch) -> list[str]:
    headers = found.variables["ANTHROPIC_CUSTOM_HEADERS"]
    assert settings_of(found)["env"]["ANTHROPIC_CUSTOM_HEADERS"] == headers
    return headers.splitlines()


def test_the_proxys_key_travels_in_a_header_beside_its_own_sign_in() -> None:
    found = launch(subscription=True)
    settings = settings_of(found)
    assert sent(found) == [f"x-litellm-api-key: {KEY}"]
    assert settings["apiKeyHelper"] == ""
    assert KEY not in repr(found.arguments)
    # A sign-in in a variable stays; a key does not.
    assert "CLAUDE_CODE_OAUTH_TOKEN" not in found.unset
    assert "CLAUDE_CODE_OAUTH_TOKEN" not in settings["env"]
    assert "ANTHROPIC_API_KEY" in found.unset


def test_the_users_own_headers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: blue\n\nX-LiteLLM-API-Key: theirs")
    assert sent(launch(subscription=True)) == ["x-team: blue", f"x-litellm-api-key: {KEY}"]


@pytest.mark.parametrize("name", [".claude/settings.local.json", ".claude/settings.json", "HOME"])
def test_headers_in_settings_come_before_the_variable(
    name: str, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: red")
    path = home / ".claude/settings.json" if name == "HOME" else project / name
    path.parent.mkdir(parents=True)
    path.write_text('{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-team: blue"}}')
    assert sent(launch(subscription=True)) == ["x-team: blue", f"x-litellm-api-key: {KEY}"]
    own = '{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-team: green"}}'
    assert sent(launch("--settings", own, subscription=True)) == ["x-team: green", f"x-litellm-api-key: {KEY}"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"env": []}', '{"env": {"ANTHROPIC_CUSTOM_HEADERS": 1}}', "[" * 10**5]
)
def test_settings_of_any_kind_are_survived(text: str, home: Path) -> None:
    (home / ".claude").mkdir()
    (home / ".claude/settings.json").write_text(text)
    assert sent(launch(subscription=True)) == [f"x-litellm-api-key: {KEY}"]


def test_a_key_of_the_user_in_headers_does_not_override_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: blue\nx-litellm-api-key: theirs")
    found = launch()
    assert sent(found) == ["x-team: blue"]
    assert shlex.split(settings_of(found)["apiKeyHelper"]) == COMMAND
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: blue")
    assert "ANTHROPIC_CUSTOM_HEADERS" not in launch().variables


# ---- MCP servers ----


def test_the_file_of_mcp_servers_is_not_that_of_the_settings(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = ClaudeCode()
    assert host.mcp_path() == home / ".claude.json"
    assert host.mcp_path(project) == project / ".mcp.json"
    (home / ".claude").mkdir()
    (home / ".claude/.config.json").write_text("{}")
    assert host.mcp_path() == home / ".claude/.config.json"
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "work"))
    assert host.mcp_path() == home / "work/.claude.json"


def test_an_entry_is_as_claude_mcp_add_writes_it(home: Path, project: Path) -> None:
    host = ClaudeCode()
    made = written(host, ELSEWHERE)
    command, *arguments = ONE.command
    # Claude Code puts mcp__litellm__ before the names of tools, whatever their length.
    arguments += ["--name-length", "50"]
    entry = {"type": "stdio", "command": command, "args": arguments, "env": VARIABLES}
    assert json.loads(text(host)) == {"mcpServers": {"litellm": entry}}
    assert made.notes == ["claude mcp list   (after a restart: /mcp)"]
    made = written(host, ONE, Bridge("odd", "", ["litellmctl", "mcp", "serve", "--server", "${USER}"]))
    assert made.warnings == ['skipped "odd": Claude Code would replace a variable in its command']
    assert written(host, ONE, project=project).notes == ["claude, and approve the server"]


def test_what_hides_an_entry_in_this_folder_is_said(home: Path, project: Path) -> None:
    host = ClaudeCode()
    own = {"mcpServers": {"litellm": {"command": "x"}}, "disabledMcpServers": ["litellm"]}
    host.mcp_path().write_text(json.dumps({"projects": {project.as_posix(): own}}))
    assert written(host, ONE).warnings == [
        f'the entry "litellm" for {project} in {host.mcp_path()} overrides it: claude mcp remove -s local litellm',
        f'"litellm" is switched off in {project}: enable it with /mcp in Claude Code',
    ]
    host.mcp_path().write_text("{}")
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"litellm": {"command": "x"}}}))
    assert written(host, ONE).warnings == [f'the entry "litellm" in {project / ".mcp.json"} overrides it there']
    assert written(host, ONE, project=project).warnings == []
