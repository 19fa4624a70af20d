"""Which entries of an agent's file are ours, in every form that agents have for a command."""

from __future__ import annotations

from typing import Any

import pytest

from litellmctl import own_command
from litellmctl.programs.mcp_host import owns_bridge, profile_of

RUN = own_command.command("mcp", "serve", "--profile", "work")


@pytest.mark.parametrize(
    "value",
    [
        {"command": "/opt/my tools/litellmctl", "args": ["mcp", "serve", "--profile", "work"]},
        {"command": "litellmctl", "args": ["mcp", "serve", "--profile=work"]},
        {"command": r"C:\Program Files\LITELLMCTL.EXE", "args": ["--profile", "work", "mcp", "serve"]},
        {"command": ["/opt/litellmctl", "mcp", "serve", "--profile", "work"]},
        {"command": RUN[0], "args": RUN[1:]},
        {"command": RUN},
        {"command": r'"C:\Program Files\litellmctl.exe" mcp serve --profile work'},
        {"command": "/opt/litellmctl 'mcp' serve --profile work", "args": []},
        {"command": {"path": "/opt/my tools/litellmctl", "args": ["mcp", "serve", "--profile", "work"]}},
        {"cmd": "/opt/litellmctl", "args": ["mcp", "serve", "--profile", "work"], "type": "stdio"},
        {"command": "uvx", "args": ["litellmctl", "mcp", "serve", "--profile", "work"]},
        {"command": "python3", "args": ["-m", "litellmctl", "mcp", "serve", "--profile", "work"]},
        "/opt/litellmctl mcp serve --profile work",
        ["/opt/litellmctl", "mcp", "serve", "--profile", "work"],
    ],
)
def test_an_entry_that_calls_mcp_serve_is_ours_whatever_its_form(value: Any) -> None:
    assert owns_bridge(value)
    assert profile_of(value) == "work"


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        {},
        [],
        "",
        [5, None],
        {"command": None, "args": None},
        {"command": 5, "args": {"a": 1}},
        {"url": "https://llm.example.com/mcp"},
        {"command": "litellmctl", "args": ["mcp", "list"]},
        {"command": "litellmctl", "args": ["serve", "mcp"]},
        {"command": "mcp", "args": ["serve", "litellmctl"]},
        {"command": "/opt/litellmctl-other", "args": ["mcp", "serve"]},
        {"command": "claude", "args": ["mcp", "serve"]},
        {"command": "npx", "args": ["mcp-remote", "https://llm.example.com/litellmctl/mcp", "serve"]},
    ],
)
def test_any_other_entry_is_not_ours(value: Any) -> None:
    assert not owns_bridge(value)
    assert profile_of(value) is None


def test_an_entry_without_a_profile_names_none() -> None:
    assert profile_of({"command": "litellmctl", "args": ["mcp", "serve", "--profile"]}) is None
    assert profile_of("litellmctl mcp serve") is None
