"""The recipes of `litellmctl help scripting` work as they are printed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from litellmctl.commands.topics import RECIPES
from tests.contract.signing_in import accept
from tests.fake_proxy import FakeProxy, error, row

TITLED: dict[str, str] = dict(re.findall(r"(?m)^(\S.*)\n((?:  .*\n?)+)", RECIPES))
# What cannot run here: CI of others, a build, and a LiteLLM of its own (tests/live/test_sandbox.py has that).
ELSEWHERE = ("GitHub Actions", "GitLab CI", "Build a wheel", "Tests with")
SHELL = {title: lines for title, lines in TITLED.items() if not title.startswith(ELSEWHERE)}
MODELS = (
    row("cheap", input_cost_per_token=0.0000005, supports_vision=True, supports_function_calling=True),
    row("dear", input_cost_per_token=0.000005, supports_vision=True, supports_function_calling=True),
    row("free of a price", input_cost_per_token=None),
)
# A fzf that chooses the second line: the real one needs a terminal.
FZF = "#!/bin/sh\nsed -n 2p\n"


@pytest.fixture
def shell(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {"litellmctl": f'#!/bin/sh\nexec "{sys.executable}" -m litellmctl "$@"\n', "fzf": FZF}.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    env["PATH"] = f"{folder}:{env['PATH']}"
    return env


def answer(shell: dict[str, str], title: str, *, more: str = "", **variables: str) -> str:
    """Return what a recipe prints in bash, which has to succeed without a message."""
    (recipe,) = [lines for name, lines in SHELL.items() if name.startswith(title)]
    for program in ("jq", "awk", "column"):
        if re.search(rf"\b{program} ", recipe) and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        ["bash", "-c", f"{recipe}\n{more}"],
        env={**shell, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_every_recipe_is_tested_or_runs_elsewhere() -> None:
    source = Path(__file__).read_text("utf-8")
    assert len(TITLED) > 10
    assert [title for title in SHELL if f'"{" ".join(title.split()[:2])}' not in source] == []


def test_lists_in_pipes(shell: dict[str, str], proxy: FakeProxy) -> None:
    proxy.models(*MODELS, times=1)
    first, *others = answer(shell, "A table").splitlines()
    assert re.match(r"cheap  +\S", first)
    assert len(others) == 2
    assert answer(shell, "Choose a", more='echo "$model"') == "dear\n"
    assert answer(shell, "Models that") == "cheap\n"
    assert answer(shell, "Each model") == "cheap\ndear\nfree of a price\n"
    assert answer(shell, "The cheapest") == "cheap\n"


@pytest.mark.parametrize(("spend", "printed"), [(1.0, ""), (9.5, "nearly spent\n")])
def test_a_budget(shell: dict[str, str], proxy: FakeProxy, spend: float, printed: str) -> None:
    accept(proxy, info={"user_id": "u-1", "spend": spend, "max_budget": 10.0})
    proxy.on("/public/model_hub/info", {"litellm_version": "1.106.2"}, times=None)
    assert answer(shell, "Warn when") == printed


@pytest.mark.parametrize(
    ("failure", "printed"),
    [
        (None, ""),
        (error(401, "no such key", "token_not_found_in_db"), "the key is wrong\n"),
        ({"status": 503, "body": {}, "headers": {"Retry-After": "60"}}, "the proxy is down\n"),
    ],
)
def test_a_wrong_key_or_a_proxy_that_is_down(
    shell: dict[str, str], proxy: FakeProxy, failure: dict[str, Any] | None, printed: str
) -> None:
    for path in ("/model/info", "/v1/models", "/health"):
        proxy.on(path, **(failure or {"body": {"data": [*MODELS]}}), times=None)
    (recipe,) = [lines for name, lines in SHELL.items() if name.startswith("Tell a")]
    done = subprocess.run(["bash", "-c", recipe], env=shell, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, printed)


def test_a_chat_completion_with_skills(shell: dict[str, str], proxy: FakeProxy) -> None:
    proxy.on("/claude-code/plugins", {"plugins": []}).on("/v1/skills", {"data": []})
    proxy.on("/v1/chat/completions", {"choices": [{"message": {"content": "Hello"}}]}, method="POST")
    assert answer(shell, "A chat") == "Hello\n"
