"""How Pi is started with the proxy for one run: by an extension, without a file of the user's being changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.documents import changed
from litellmctl.programs.pi import Pi
from litellmctl.programs.program import Launch, Provider, Wish
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
