"""`env`: what other programs read is what signs in, in each shell's own quotes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from litellmctl.commands.env import FIELDS
from litellmctl.programs.variables import SHELLS
from tests.conftest import Run
from tests.shell_readers import read_fish, read_powershell, run_by

# As hard on quotes as a key can be.
KEY = """sk-'"$HOME"'`touch${IFS}made`\\'"\\$(touch${IFS}made);#!*~x"""
NAMES = list(FIELDS)
URL = "http://127.0.0.1:9/it's/$(touch${IFS}made)/`touch${IFS}made`/~;&"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """The environment of somebody with an unusual proxy and an unusual key."""
    return {**env, "LITELLM_BASE_URL": URL, "LITELLM_API_KEY": KEY}


EXPECTED = {
    "OPENAI_BASE_URL": f"{URL}/v1",
    "OPENAI_API_KEY": KEY,
    "ANTHROPIC_BASE_URL": URL,
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "LITELLM_BASE_URL": URL,
    "LITELLM_API_KEY": KEY,
}


@pytest.mark.parametrize(
    "arguments",
    [["env"], ["env", "sh"], ["env", "bash"], ["env", "zsh"], ["env", "sh", "-o", "tsv"], ["env", "-o", "table"]],
)
def test_eval_sets_the_six_variables(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    for terminal in (False, True):
        script = run(*arguments, terminal=terminal)
        ask = "\n".join(f"printf '%s\\0' \"${name}\"" for name in NAMES)
        # As people run it: the output goes through a substitution.
        quoted = "'" + script.replace("'", "'\\''") + "'"
        assert run_by("/bin/sh", f'eval "$(printf %s {quoted})"\n{ask}', tmp_path) == list(EXPECTED.values())
    assert list(tmp_path.glob("made")) == []


def test_each_shell_gets_the_same_six(run: Run, tmp_path: Path) -> None:
    assert dict(map(read_fish, run("env", "fish").splitlines())) == EXPECTED
    assert dict(map(read_powershell, run("env", "powershell").splitlines())) == EXPECTED
    (tmp_path / ".env").write_text(run("env", "dotenv"))
    ask = "\n".join(f"printf '%s\\0' \"${name}\"" for name in NAMES)
    assert run_by("/bin/sh", f". ./.env\n{ask}", tmp_path) == list(EXPECTED.values())


def test_json_and_fields(run: Run) -> None:
    assert run("env", "--json").json == EXPECTED
    assert list(run("env", "fish", "--json").json) == NAMES
    assert run("env", "--fields", "LITELLM_BASE_URL") == f"{URL}\n"


def test_json_lines(run: Run) -> None:
    assert json.loads(run("env", "-o", "jsonl")) == EXPECTED


def test_it_says_nothing_else(run: Run) -> None:
    for shell in SHELLS:
        assert run("env", shell, terminal=True).stderr == ""
        assert len(run("env", shell).splitlines()) == len(NAMES)


@pytest.mark.parametrize("shell", ["csh", "cmd", "SH", ""])
def test_a_shell_that_it_does_not_know_is_exit_2(run: Run, shell: str) -> None:
    result = run("env", shell, exit=2)
    assert (result, "powershell" in result.stderr) == ("", True)


def test_nobody_signed_in_prints_nothing_to_evaluate(run: Run) -> None:
    assert run("env", exit=4, LITELLM_API_KEY=None) == ""
