"""How Crush is started with the proxy for one run, by a folder of configuration that runs the user's own first; and
its MCP servers.

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

from litellmctl.errors import ConfigFailure
from litellmctl.programs.crush import Crush
from litellmctl.programs.documents import changed
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.bridges import ELSEWHERE, LITELLMCTL, ONE, PER_SERVER, called, text, written
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


# ---- MCP servers ----


def ran(script: str) -> list[list[str]]:
    """Return the words of each `mcp` command that a crushrc runs."""
    function = "mcp() { printf '%s\\0' \"$@\"; printf '\\n'; }\n"
    words = ["bash", "-e", "-c", function + script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    return [line.split("\0")[:-1] for line in done.stdout.splitlines()]


def expanded(word: str) -> str:
    """Return what Crush makes of a word when it starts a server: it expands it like a here-document."""
    script = f"IFS= read -r -d '' word <<end_of_word || :\n{word}\nend_of_word\nprintf %s \"${{word%?}}\""
    words = ["bash", "-c", script]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout


STDIO = ["--type", "stdio", "--command", LITELLMCTL]


@needs_bash
def test_a_server_is_added_after_one_with_its_name_is_removed(own: Path) -> None:
    made = written(Crush(), ONE)
    assert Crush().mcp_path() == own / "crushrc"
    arguments = [word for one in (*ONE.command[1:], "--name-length", "52") for word in ("--args", one)]
    assert ran(text(Crush())) == [["remove", "litellm"], ["add", "litellm", *STDIO, *arguments]]
    assert made.notes == ["crush, whose sidebar lists the MCP servers"]
    written(Crush(), ELSEWHERE)
    assert ran(text(Crush()))[1][-3:] == ["--env", "LITELLMCTL_CONFIG_DIR", "/srv/my config"]


@needs_bash
@pytest.mark.parametrize(
    "word",
    [
        "plain",
        "a b",
        "$HOME",
        "${HOME}",
        "$(id)",
        "`id`",
        "it's",
        'a "b"',
        r"C:\my\new",
        r"\$x",
        "a\\",
        "é*?",
        "--args",
        "~",
    ],
)
def test_a_word_is_the_same_once_bash_and_crush_have_expanded_it(own: Path, word: str) -> None:
    written(Crush(), replace(called(word), variables={"X": word}))
    add = ran(text(Crush()))[1]
    assert expanded(add[-8]) == word
    assert (add[-3:-1], expanded(add[-1])) == (["--env", "X"], word)


def test_other_lines_and_the_block_of_the_models_are_kept(own: Path) -> None:
    (own / "crushrc").write_text("# Mine\nmcp add own --command npx\n")
    models = Crush().export(provider(GPT)).files[0]
    models.path.write_text(changed(models, models.path.read_text()))
    with_models = text(Crush())
    written(Crush(), ONE)
    assert text(Crush()).startswith(with_models)
    written(Crush(), *PER_SERVER)
    assert text(Crush()).startswith(with_models)
    assert "mcp add litellm " not in text(Crush())
    assert text(Crush()).count("mcp add litellm-") == 2
    models = Crush().export(provider(HOMEMADE)).files[0]
    assert "mcp add litellm-jira" in changed(models, text(Crush()))


def test_a_project_has_a_file_that_overrides_its_others(tmp_path: Path) -> None:
    assert Crush().mcp_path(tmp_path) == tmp_path / ".crushrc"
    written(Crush(), *PER_SERVER, project=tmp_path)
    assert "mcp add litellm-jira" in text(Crush(), tmp_path)


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_the_arguments_of_two_files_would_be_joined(own: Path, state: Path, tmp_path: Path, quote: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    user, json_of_project = own / "crushrc", project / ".crush.json"
    entry = '{"mcp": {"litellm": {"type": "http", "url": "https://x"}}}'
    for path, content in ((user, f" mcp add {quote}litellm{quote} --command x"), (json_of_project, entry)):
        path.write_text(content)
        with pytest.raises(ConfigFailure) as failed:
            Crush().mcp([*PER_SERVER, ONE], project)
        assert str(failed.value) == (
            f"cannot add litellm to {project / '.crushrc'}: Crush would join its arguments with those in {path}"
        )
        assert failed.value.remedy == f"rename it in {path}"
        path.unlink()
    written(Crush(), ONE)
    with pytest.raises(ConfigFailure) as failed:
        Crush().mcp([ONE], project)
    assert failed.value.remedy == f"omit --project: Crush reads {user} in every project"
    state.write_text(entry)
    with pytest.raises(ConfigFailure, match="join"):
        Crush().mcp([ONE])
    assert Crush().mcp(PER_SERVER, project)


@pytest.mark.parametrize("content", ["[", "[]", '{"mcp": 5}', '{"mcp": {"other": {}}}'])
def test_other_json_of_crush_stops_nothing(own: Path, state: Path, content: str) -> None:
    for path in (own / "crush.json", state):
        path.write_text(content)
    written(Crush(), ONE)
