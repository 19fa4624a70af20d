"""How `run` starts Codex; what `export` writes for it is in test_programs_file.py."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from litellmctl.programs.codex import Codex
from litellmctl.programs.mcp_entries import NEEDED
from litellmctl.programs.mcp_host import Bridge
from litellmctl.programs.program import Launch, Provider, Wish
from tests.unit.programs.bridges import ONE, VARIABLES, text, written
from tests.unit.programs.test_programs_command import COMMAND, NASTY, known, model, provider

KEY = "sk-of-the-proxy"


@pytest.fixture(autouse=True)
def _no_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine are found."""
    monkeypatch.delenv("CODEX_HOME", raising=False)


def proxy(**facts: Any) -> Provider:
    return provider(known("gpt", context_window=128_000), key=KEY, **facts)


def launch(*arguments: str, of: Provider | None = None, model: str | None = None, subscription: bool = False) -> Launch:
    return Codex().launch(of or proxy(), Wish(arguments, model, Path("/tmp/run"), subscription))


def config(found: Launch) -> dict[str, Any]:
    """Return what Codex makes of the options: it splits them at the first `=`, and reads the rest as TOML."""
    options = list(found.arguments)
    assert set(options[::2]) == {"-c"}
    values = (option.partition("=") for option in options[1::2])
    return {name: tomllib.loads(f"x = {value}")["x"] for name, _, value in values}


def test_a_command_prints_the_key_and_no_option_has_it() -> None:
    found = launch("exec", "Hi", model="gpt")
    assert config(found) == {
        "model_provider": "litellmctl",
        "model_providers.litellmctl": {
            "name": "LiteLLM (h)",
            "base_url": "https://h/p/v1",
            "wire_api": "responses",
            "auth": {
                "command": COMMAND[0],
                "args": COMMAND[1:],
                "timeout_ms": 20_000,
                "refresh_interval_ms": 300_000,
            },
        },
        "model": "gpt",
        "model_context_window": 128_000,
    }
    assert not found.variables
    assert not found.files


def test_a_fixed_key_is_in_a_variable() -> None:
    found = launch(of=proxy(command=()))
    body = config(found)["model_providers.litellmctl"]
    assert body["env_key"] == "LITELLM_API_KEY"
    assert "auth" not in body
    assert found.variables == {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": "https://h/p"}
    assert KEY not in repr(found.arguments)


@pytest.mark.parametrize("command", [COMMAND, ()])
def test_the_proxys_key_travels_in_a_header_beside_its_own_sign_in(command: list[str]) -> None:
    found = launch(of=proxy(command=command), subscription=True)
    body = config(found)["model_providers.litellmctl"]
    assert body["requires_openai_auth"] is True
    assert body["env_http_headers"] == {"x-litellm-api-key": "LITELLM_API_KEY"}
    assert {"auth", "env_key"}.isdisjoint(body)
    assert found.variables == {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": "https://h/p"}
    # Codex would send it instead of the sign-in.
    assert "CODEX_API_KEY" in found.unset


@pytest.mark.parametrize("words", [("-m", "mine"), ("--model", "mine"), ("exec", "--model=mine", "Hi")])
def test_the_users_own_model_option_wins(words: tuple[str, ...]) -> None:
    assert "model" not in config(launch(*words, model="gpt"))
    assert config(launch("-m", "gpt", model="mine"))["model_context_window"] == 128_000


def test_a_window_that_is_unknown_is_not_said() -> None:
    assert "model_context_window" not in config(launch(of=provider(model("m")), model="m"))


@pytest.mark.parametrize("name", [*NASTY, "\x7f", 'it\'s "both"'])
def test_a_name_means_exactly_itself(name: str) -> None:
    assert config(launch(of=provider(model(name), command=[name, name]), model=name))["model"] == name


def test_a_start_with_a_model_that_the_proxy_may_not_have_warns(home: Path) -> None:
    (told,) = launch().warnings
    assert told.startswith("Codex starts with its own default model")
    assert not launch(model="gpt").warnings
    assert not launch("-m", "gpt").warnings
    assert not launch(of=provider(model("gpt-5"))).warnings
    (home / ".codex").mkdir()
    for settings in ('model = "gpt"', "not TOML"):
        (home / ".codex/config.toml").write_text(settings)
        assert not launch().warnings


# ---- MCP servers ----


@pytest.fixture
def _nothing_to_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_nothing_to_pass")
def test_an_entry_waits_as_long_as_a_call_may_take(home: Path, tmp_path: Path) -> None:
    host = Codex()
    made = written(host, ONE)
    command, *arguments = ONE.command
    entry = {"command": command, "args": arguments, "tool_timeout_sec": 150}
    assert tomllib.loads(text(host)) == {"mcp_servers": {"litellm": entry}}
    assert host.mcp_path() == home / ".codex/config.toml"
    assert host.mcp_path(tmp_path) == tmp_path / ".codex/config.toml"
    assert made.notes == ["codex mcp list   (after a restart: /mcp)"]
    host.mcp_path().write_text(text(host).replace("150", "600"))
    written(host, ONE)
    assert tomllib.loads(text(host))["mcp_servers"]["litellm"]["tool_timeout_sec"] == 600


@pytest.mark.usefixtures("_nothing_to_pass")
def test_variables_that_codex_hides_are_passed_on_by_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy")
    monkeypatch.setenv("LITELLM_API_KEY", KEY)
    host = Codex()
    written(host, Bridge(ONE.name, ONE.title, ONE.command, VARIABLES, reads=["LITELLM_API_KEY", "LITELLM_BASE_URL"]))
    entry = tomllib.loads(text(host))["mcp_servers"]["litellm"]
    assert entry["env_vars"] == ["HTTPS_PROXY", "LITELLM_API_KEY"]
    assert entry["env"] == VARIABLES
    assert "secret" not in text(host)
    assert KEY not in text(host)
    monkeypatch.delenv("HTTPS_PROXY")
    written(host, ONE)
    assert "env_vars" not in tomllib.loads(text(host))["mcp_servers"]["litellm"]


@pytest.mark.usefixtures("_nothing_to_pass")
def test_an_entry_that_is_off_stays_off_with_a_warning(home: Path) -> None:
    host = Codex()
    written(host, ONE)
    host.mcp_path().write_text(f"{text(host)}enabled = false\n")
    made = written(host, ONE)
    assert made.warnings == [f'"litellm" is switched off: remove enabled from its entry in {host.mcp_path()}']
    assert tomllib.loads(text(host))["mcp_servers"]["litellm"]["enabled"] is False


@pytest.mark.usefixtures("_nothing_to_pass")
def test_a_project_has_to_be_trusted(tmp_path: Path) -> None:
    assert written(Codex(), ONE, project=tmp_path).notes == ["codex, and trust the project"]
