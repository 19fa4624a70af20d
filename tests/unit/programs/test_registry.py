"""What holds for every program that `run` knows."""

from __future__ import annotations

import re
import sys
from itertools import product
from pathlib import Path

import pytest

from litellmctl.programs import registry
from litellmctl.programs.program import Wish
from tests.unit.programs.test_programs_command import COMMAND, known, provider

KEY = "sk-of-the-proxy-0123456789"


@pytest.fixture(autouse=True)
def _user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user in a folder without settings of a project, with headers that Claude Code keeps."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: blue")


@pytest.mark.parametrize("name", registry.EXECUTABLES)
def test_no_argument_has_the_key_whatever_is_wanted(name: str, tmp_path: Path) -> None:
    program = registry.programs()[name]
    words = ((), ("-p", "Hi"), ("run", "Hi"), ("--model", "gpt-4o"), ("--settings", '{"env": {"A": "b"}}', "--", "x"))
    starts = 0
    for own, model, command, subscription in product(words, (None, "gpt-4o"), (COMMAND, ()), (False, True)):
        given = provider(known("gpt-4o", context_window=128_000), key=KEY, command=command)
        launch = program.launch(given, Wish(own, model, tmp_path, subscription and program.takes_subscription))
        theirs = own if launch.user_arguments is None else launch.user_arguments
        assert KEY not in repr([*launch.arguments, *theirs, *launch.unset, *launch.warnings, *launch.links.items()])
        assert KEY not in repr(launch.variables.keys())
        starts += KEY in repr([launch.variables, launch.files])
    assert starts  # one that never gets the key would pass the rest


@pytest.mark.parametrize("name", registry.EXECUTABLES)
def test_it_says_what_it_is_and_where_that_is_from(name: str) -> None:
    program = registry.programs()[name]
    assert (program.executable, bool(program.title)) == (name, True)
    source = sys.modules[type(program).__module__].__doc__ or ""
    assert re.search(r"https://\S+", source)
    assert re.search(r"\b\d+\.\d+(\.\d+)?\b", source), "the version that was read"


@pytest.mark.parametrize("name", registry.HOST_NAMES)
def test_an_agent_says_what_it_is_and_where_that_is_from(name: str) -> None:
    agent = registry.host(name)
    assert agent is not None
    assert (agent.name, bool(agent.title)) == (name, True)
    source = sys.modules[type(agent).__module__].__doc__ or ""
    assert re.search(r"https?://\S+|microsoft/\S+", source)
    assert re.search(r"\b\d+[.-]\d+(\.\d+)?\b|20\d\d", source), "the version that was read, or when"


def test_what_export_takes_has_models_or_mcp() -> None:
    assert set(registry.TOOLS) == {*registry.NAMES, *registry.HOST_NAMES}
    assert list(registry.TOOLS) == sorted(registry.TOOLS)
    assert registry.host("aider") is None
    assert [*registry.hosts()] == [*registry.HOST_NAMES]
