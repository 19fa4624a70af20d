"""How Pi is started with the proxy for one run, by an extension and without a file being changed; its MCP servers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.programs.documents import changed
from litellmctl.programs.pi import Pi
from litellmctl.programs.program import Launch, Provider, Wish
from litellmctl.tools.tool import CALL_SECONDS
from tests.unit.programs.bridges import ONE, PER_SERVER, called, text, written
from tests.unit.programs.test_programs_file import CODEX, GPT, HOMEMADE, provider


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pi's folder of the user."""
    monkeypatch.delenv("PI_CODING_AGENT_DIR", raising=False)
    made = home / ".pi/agent"
    made.mkdir(parents=True)
    return made


def launched(*arguments: str, model: str | None = None, **members: Any) -> Launch:
    given: Provider = replace(provider(GPT, CODEX, HOMEMADE), key="sk-key", **members)
    return Pi().launch(given, Wish(arguments, model, Path("/run")))


def registered(launch: Launch) -> tuple[str, dict[str, Any]]:
    """Return the name and the provider that the extension registers."""
    (text,) = launch.files.values()
    found = re.fullmatch(r'export default \(pi\) => pi\.registerProvider\(("[^"]*"), (\{.*\})\);\n', text)
    assert found
    return json.loads(found[1]), json.loads(found[2])


def test_a_run_registers_what_an_export_writes_with_all_that_an_extension_needs(folder: Path) -> None:
    launch = launched()
    name, body = registered(launch)
    exported = json.loads(changed(Pi().export(provider(GPT, CODEX, HOMEMADE)).files[0], None))["providers"]["litellm"]
    assert name == "litellm"
    assert {key: body[key] for key in body if key != "models"} == {
        key: exported[key] for key in exported if key != "models"
    }
    needed = {"reasoning", "input", "cost", "contextWindow", "maxTokens", "compat", "id", "name"}
    for ours, theirs in zip(body["models"], exported["models"], strict=True):
        assert needed <= set(ours)
        assert {key: ours[key] for key in theirs if key != "compat"} == {
            key: theirs[key] for key in theirs if key != "compat"
        }
        assert ours["compat"] == {"supportsStore": False, **theirs.get("compat", {})}
    assert launch.arguments[:2] == ["--extension", str(Path("/run/litellm.js"))]
    assert not list(folder.iterdir())


def test_pi_runs_our_command_for_a_key_that_expires_and_holds_none(folder: Path) -> None:
    launch = launched()
    assert registered(launch)[1]["apiKey"].startswith("!")
    assert dict(launch.variables) == {}
    assert "sk-key" not in str(launch.files)


def test_a_fixed_key_is_in_a_variable(folder: Path) -> None:
    launch = launched(command=())
    assert registered(launch)[1]["apiKey"] == "$LITELLM_API_KEY"
    assert dict(launch.variables) == {"LITELLM_API_KEY": "sk-key", "LITELLM_BASE_URL": "https://llm.example.com"}
    assert "sk-key" not in str(launch.files)


@pytest.mark.parametrize("arguments", [(), ("-p", "Hi"), ("--continue",), ("-p", "Hi", "--", "--model")])
def test_the_model_is_an_option(folder: Path, arguments: tuple[str, ...]) -> None:
    launch = launched(*arguments, model="gpt-4o")
    assert launch.arguments[2:] == ["--provider", "litellm", "--model", "gpt-4o"]
    assert not launch.warnings


@pytest.mark.parametrize(
    "own", [("--model", "x/y"), ("--model=x",), ("--provider", "x"), ("--models", "a,b"), ("--list-models",), ("-h",)]
)
def test_the_users_own_options_win(folder: Path, own: tuple[str, ...]) -> None:
    launch = launched(*own, model="gpt-4o")
    assert launch.arguments == ["--extension", str(Path("/run/litellm.js"))]
    assert not launch.warnings


def test_without_a_model_pi_chooses_its_own(folder: Path) -> None:
    (warning,) = launched("-p", "Hi").warnings
    assert warning.endswith("litellmctl run --model NAME pi")


@pytest.mark.parametrize("command", ["install", "list", "config", "auth", "mcp", "update", "remove", "uninstall"])
def test_its_other_commands_are_left_alone(folder: Path, command: str) -> None:
    assert launched(command, model="gpt-4o") == Launch()


@pytest.mark.parametrize(
    ("name", "text", "used"),
    [
        ("auth.json", '{"litellm": {"type": "api_key", "key": "x"}}', "litellm-run"),
        ("auth.json", '{"litellm": {}, "litellm-run": {}}', "litellm-run-run"),
        ("auth.json", '{"openai": {}}', "litellm"),
        ("auth.json", "[]", "litellm"),
        ("models.json", '{"providers": {"litellm": {"headers": {"Authorization": "x"}}}}', "litellm-run"),
        ("models.json", '{"providers": {"litellm": {"models": [{"id": "a", "headers": {"X": "y"}}]}}}', "litellm-run"),
        ("models.json", '/* mine */ {"providers": {"litellm": {"baseUrl": "http://x"}}}', "litellm"),
        ("models.json", '{"providers": []}', "litellm"),
        ("models.json", "{", "litellm"),
    ],
)
def test_a_name_whose_sign_in_or_headers_would_override_ours_is_not_used(
    folder: Path, name: str, text: str, used: str
) -> None:
    (folder / name).write_text(text)
    launch = launched(model="gpt-4o")
    assert registered(launch)[0] == used
    assert launch.arguments[2:] == ["--provider", used, "--model", "gpt-4o"]
    assert (folder / name).read_text() == text


# ---- MCP servers ----

SERVER = {
    "command": "/opt/my tools/litellmctl",
    "args": ["mcp", "serve", "--profile", "work"],
    "description": "Tools behind a LiteLLM proxy.",
    "timeout": 150,
}


def mcp(project: Path | None = None) -> dict[str, Any]:
    """Return the MCP servers in the file that is written."""
    found = json.loads(text(Pi(), project))["mcpServers"]
    assert isinstance(found, dict)
    return found


def test_an_entry_has_command_and_arguments_and_waits_longer_than_we_do(folder: Path) -> None:
    made = written(Pi(), ONE)
    assert Pi().mcp_path() == folder / "mcp.json"
    assert mcp() == {"litellm": SERVER}
    assert SERVER["timeout"] > CALL_SECONDS  # type: ignore[operator]
    assert (made.notes, made.warnings) == (["pi mcp list   (in a session: /reload, then /mcp)"], [])


def test_other_entries_and_what_a_user_changed_in_ours_are_kept(folder: Path) -> None:
    own = {"command": "npx", "args": ["x"]}
    ours = {**SERVER, "exposure": "direct", "timeout": 9, "env": {"LITELLMCTL_CONFIG_DIR": "/old"}}
    before = {"autoEnableCodemode": False, "mcpServers": {"own": own, "litellm": ours, "old": SERVER}}
    (folder / "mcp.json").write_text("\ufeff" + json.dumps(before), "utf-8")
    written(Pi(), ONE)
    found = json.loads(text(Pi()).removeprefix("\ufeff"))
    assert found == {
        "autoEnableCodemode": False,
        "mcpServers": {"own": own, "litellm": {**SERVER, "exposure": "direct", "timeout": 9}},
    }


def test_the_file_of_a_project_is_read_once_the_project_is_trusted(tmp_path: Path) -> None:
    assert Pi().mcp_path(tmp_path) == tmp_path / ".pi/mcp.json"
    made = written(Pi(), *PER_SERVER, project=tmp_path)
    assert [*mcp(tmp_path)] == ["litellm-github", "litellm-jira"]
    assert made.notes == ["pi, and trust the project"]


def test_the_file_is_in_the_folder_that_the_environment_names(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_CODING_AGENT_DIR", "~/elsewhere")
    assert Pi().mcp_path() == home / "elsewhere/mcp.json"


@pytest.mark.parametrize(
    ("folder_of_ours", "in_the_file"),
    [("/srv/a$HOME", "/srv/a$$HOME"), ("!rm", "$!rm"), ("/a!b${X}", "/a!b$${X}"), ("$!x", "$$!x")],
)
def test_a_variable_is_no_reference_of_pis(folder: Path, folder_of_ours: str, in_the_file: str) -> None:
    written(Pi(), replace(ONE, variables={"LITELLMCTL_CONFIG_DIR": folder_of_ours}))
    assert mcp()["litellm"]["env"] == {"LITELLMCTL_CONFIG_DIR": in_the_file}


def test_in_a_word_pi_replaces_nothing_but_the_home_folder(folder: Path) -> None:
    words = ["$HOME", "${HOME}", "!id", "a~/b"]
    written(Pi(), called(*words))
    assert mcp()["litellm"]["args"][-4:] == words
    with pytest.raises(ConfigFailure):
        Pi().mcp([called("~/x")])


def test_a_name_has_no_other_characters_than_pi_allows(folder: Path) -> None:
    written(Pi(), replace(ONE, name="litellm-my server.é"))
    assert [*mcp()] == ["litellm-my_server__"]


@pytest.mark.parametrize(
    ("settings", "is_off"),
    [
        ('{"extensions": ["-builtin:mcp"]}', True),
        ('{"extensions": ["builtin:mcp"]}', False),
        ('{"extensions": {"-builtin:mcp": 1}}', False),
        ('{"extensions": 5}', False),
        ("[", False),
    ],
)
def test_pi_may_run_without_mcp(folder: Path, settings: str, is_off: bool) -> None:
    path = folder / "settings.json"
    path.write_text(settings)
    warning = f'Pi starts no MCP servers: remove "-builtin:mcp" from extensions in {path}'
    assert Pi().mcp([ONE]).warnings == ([warning] if is_off else [])


def test_an_entry_that_the_user_switched_off_stays_off(folder: Path) -> None:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"litellm": {**SERVER, "enabled": False}}}))
    assert written(Pi(), ONE).warnings == [f'"litellm" is switched off: remove enabled from its entry in {path}']
    assert mcp()["litellm"]["enabled"] is False
