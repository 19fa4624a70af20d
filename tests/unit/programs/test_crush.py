"""How Crush is started with the proxy for one run: by a folder of configuration that runs the user's own first.

Its crushrc is Bash, which these tests run with functions in place of Crush's commands.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.crush import Crush
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.test_programs_file import GPT, HOMEMADE, provider

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no Bash here")


@pytest.fixture(autouse=True)
def own(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's folder of configuration."""
    for name in [*os.environ]:
        if name.startswith("CRUSH_"):
            monkeypatch.delenv(name)
    made = home / ".config/crush"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def state(home: Path) -> Path:
    """Return the file in which Crush keeps its state."""
    made = home / ".local/share/crush/crush.json"
    made.parent.mkdir(parents=True)
    return made


def launched(*arguments: str, model: str | None = None, **members: Any) -> Launch:
    given: Provider = replace(provider(GPT, HOMEMADE), key="sk-key", **members)
    return Crush().launch(given, Wish(arguments, model, Path("/run")))


def commands(launch: Launch, folder: Path) -> list[list[str]]:
    """Return the commands of Crush's that its crushrc runs."""
    folder.mkdir()
    (folder / "crushrc").write_text(launch.files["crushrc"])
    functions = "".join(
        f"{name}() {{ printf '%s\\0' {name} \"$@\"; printf '\\n'; }}\n" for name in ("provider", "model", "option")
    )
    script = f"{functions}\n. {folder}/crushrc"
    done = subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    return [line.split("\0")[:-1] for line in done.stdout.splitlines()]


@needs_bash
def test_the_users_own_file_runs_first_from_its_own_folder(own: Path, tmp_path: Path) -> None:
    (own / "crushrc").write_text("source ./more\nprovider add litellm --api-key theirs\n")
    (own / "more").write_text("option debug true\n")
    ran = commands(launched(model="gpt-4o"), tmp_path / "run")
    assert ran[:3] == [
        ["option", "debug", "true"],
        ["provider", "add", "litellm", "--api-key", "theirs"],
        ["provider", "remove", "litellm"],
    ]
    add = ran[3]
    assert add[:3] == ["provider", "add", "litellm"]
    assert add[add.index("--base-url") + 1] == "https://llm.example.com/v1"
    assert add[add.index("--api-key") + 1].startswith("$('/opt/my tools/litellmctl' token --profile")
    assert [one[2] for one in ran[4:6]] == ["litellm/gpt-4o", "litellm/homemade"]
    assert ran[6:] == [["model", "large", "litellm/gpt-4o"]]
    assert sorted(path.name for path in own.iterdir()) == ["crushrc", "more"]


@needs_bash
def test_without_a_file_of_the_users(tmp_path: Path) -> None:
    assert commands(launched(), tmp_path / "run")[0] == ["provider", "remove", "litellm"]


def test_crush_runs_our_command_for_a_key_that_expires_and_holds_none() -> None:
    launch = launched()
    assert dict(launch.variables) == {"CRUSH_GLOBAL_CONFIG": str(Path("/run"))}
    assert "sk-key" not in str(launch.files)


@needs_bash
def test_a_fixed_key_is_in_a_variable(tmp_path: Path) -> None:
    launch = launched(command=())
    assert dict(launch.variables) == {
        "CRUSH_GLOBAL_CONFIG": str(Path("/run")),
        "LITELLM_API_KEY": "sk-key",
        "LITELLM_BASE_URL": "https://llm.example.com",
    }
    assert launch.unset == ["CRUSH_LITELLM_API_KEY"]
    add = commands(launch, tmp_path / "run")[1]
    assert add[add.index("--api-key") + 1] == "$LITELLM_API_KEY"
    assert "sk-key" not in str(launch.files)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [((), False), (("run", "Hi"), True), (("run", "-m", "x/y", "Hi"), False), (("run", "--model=x", "Hi"), False)],
)
def test_the_model_is_an_option_of_run_and_the_users_own_wins(arguments: tuple[str, ...], option: bool) -> None:
    launch = launched(*arguments, model="gpt-4o")
    assert launch.arguments == (["--model=litellm/gpt-4o"] if option else [])
    assert not launch.warnings


@pytest.mark.parametrize(
    ("chosen", "warned"),
    [
        ({"provider": "anthropic", "model": "x"}, True),
        ({"provider": "litellm", "model": "gpt-4o"}, False),
        (None, False),
    ],
)
def test_the_model_that_was_chosen_in_crush_goes_first_which_is_said(state: Path, chosen: Any, warned: bool) -> None:
    state.write_text(json.dumps({"models": {"large": chosen}}))
    assert [*launched(model="gpt-4o").warnings] == (
        ["Crush opens with the model that you chose in it last: choose gpt-4o with ctrl+l"] if warned else []
    )
    assert not launched("run", "Hi", model="gpt-4o").warnings


def test_without_a_model_crush_chooses_its_own() -> None:
    (warning,) = launched("run", "Hi").warnings
    assert warning.endswith("litellmctl run --model NAME crush")
    assert not launched("models").warnings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"providers": {"litellm": {"api_key": "theirs"}}}', "litellm-run"),
        ('{"providers": {"other": {}}}', "litellm"),
        ('{"providers": 1}', "litellm"),
        ("[]", "litellm"),
        ("{", "litellm"),
    ],
)
def test_a_provider_in_crushs_state_would_override_ours(state: Path, text: str, name: str) -> None:
    state.write_text(text)
    assert launched("run", "Hi", model="gpt-4o").arguments == [f"--model={name}/gpt-4o"]
    assert f"provider add {name} " in launched().files["crushrc"]
    assert state.read_text() == text


def test_the_users_json_is_kept_but_for_a_provider_of_the_same_name(own: Path) -> None:
    theirs = {
        "mcp": {"x": {}},
        "providers": {"litellm": {"base_url": "http://x"}, "own": {}},
        "options": {"debug": True},
    }
    (own / "crush.json").write_text(json.dumps(theirs))
    assert json.loads(launched().files["crush.json"]) == {
        "mcp": {"x": {}},
        "providers": {"own": {}},
        "options": {
            "global_context_paths": [str(own / "CRUSH.md"), str(own.parent / "AGENTS.md")],
            "debug": True,
        },
    }


@needs_bash
def test_crush_global_config_of_the_users_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "it's mine"
    own.mkdir()
    (own / "crushrc").write_text("option x y\n")
    monkeypatch.setenv("CRUSH_GLOBAL_CONFIG", str(own))
    assert commands(launched(), tmp_path / "run")[0] == ["option", "x", "y"]
