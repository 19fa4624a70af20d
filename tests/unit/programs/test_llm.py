"""How llm is started for one run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from litellmctl.programs.llm import Llm
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.test_programs_command import NASTY
from tests.unit.programs.test_programs_file import CODEX, GPT, made, model

KEY = "sk-of-the-proxy"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's own folder of llm."""
    for name in ("LLM_MODEL", "LLM_LOAD_PLUGINS", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    return tmp_path


def launch(*arguments: str, model: str | None = None, provider_id: str = "litellm") -> Launch:
    provider = Provider(provider_id, "LiteLLM (h)", "https://llm.example.com", [GPT, CODEX], [], key=KEY)
    return Llm().launch(provider, Wish(arguments, model, Path("/run")))


def test_a_plugin_on_pythons_path_has_the_models_of_an_export() -> None:
    launched = launch()
    assert launched.variables == {"LITELLM_API_KEY": KEY, "PYTHONPATH": str(Path("/run"))}
    items = YAML(typ="safe", pure=True).load(launched.files["extra-openai-models.yaml"])
    assert items == made(Llm(), GPT, CODEX)
    assert "litellmctl_run = litellmctl_run" in launched.files["litellmctl_run-0.dist-info/entry_points.txt"]
    compile(launched.files["litellmctl_run.py"], "litellmctl_run.py", "exec")
    assert KEY not in "".join([*launched.arguments, *launched.files.values()])


def test_nasty_names_are_themselves_in_any_encoding() -> None:
    provider = Provider("litellm", "LiteLLM (h)", "https://h", [model(name) for name in NASTY], [])
    text = Llm().launch(provider, Wish([], None, Path("/run"))).files["extra-openai-models.yaml"]
    assert text.isascii()
    found = YAML(typ="safe", pure=True).load(text)
    assert [item["model_name"] for item in found] == NASTY


def test_the_chosen_model_is_the_default() -> None:
    assert launch(model="gpt-4o").variables["LLM_MODEL"] == "litellm/gpt-4o"
    assert launch(model="gpt-4o", provider_id="work").variables["LLM_MODEL"] == "work/gpt-4o"


def test_the_users_path_and_plugins_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/own")
    monkeypatch.setenv("LLM_LOAD_PLUGINS", "llm-own")
    variables = launch().variables
    assert variables["PYTHONPATH"] == f"{Path('/run')}{os.pathsep}/own"
    assert variables["LLM_LOAD_PLUGINS"] == "llm-own,litellmctl_run"
    monkeypatch.setenv("LLM_LOAD_PLUGINS", "")
    assert launch().variables["LLM_LOAD_PLUGINS"] == "litellmctl_run"


def test_a_default_that_the_proxy_lacks_is_reported_where_it_would_be_used(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned = [(), ("Hi",), ("prompt", "Hi"), ("chat",), ("-s", "Be brief", "Hi")]
    for words in warned:
        (warning,) = launch(*words).warnings
        assert "starts with its own default model" in warning
    for words in (
        *(("models",), ("logs", "-n", "3"), ("-m", "x", "Hi"), ("chat", "--model=x"), ("--version",)),
        *(("-c", "Hi"), ("-t", "mine"), ("prompt", "--query=4o", "Hi")),
    ):
        assert launch(*words).warnings == []
    assert launch("Hi", model="gpt-4o").warnings == []
    for default in ("gpt-4o", "litellm/codex\n"):
        (own / "default_model.txt").write_text(default)
        assert launch("Hi").warnings == []
    (own / "default_model.txt").write_bytes(b"\xff")
    assert launch("Hi").warnings
    monkeypatch.setenv("LLM_MODEL", "own")
    assert launch("Hi").warnings == []
