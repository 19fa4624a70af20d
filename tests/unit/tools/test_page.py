from __future__ import annotations

import shlex
from typing import Any

import pytest

from litellmctl.terminal.cells import width
from litellmctl.tools.page import page
from litellmctl.tools.tool import Tool
from tests.effort import less_than

LONG = "Searches all issues of a repository, also closed ones, by the words in their titles and in their comments."


def tool(properties: dict[str, Any], required: list[str] | None = None, description: str | None = None) -> Tool:
    schema = {"type": "object", "properties": properties, "required": required or []}
    return Tool("github", "id", "search", "mcp_github_search", None, description, schema, None, None)


def lines(found: Tool, columns: int = 78) -> list[str]:
    return page(found, columns, str).split("\n")


def test_a_parameter_says_what_it_takes() -> None:
    state = {"type": "string", "enum": ["open", "closed"], "default": "open", "description": "State of the issues."}
    assert lines(tool({"state": state, "text": {"type": "string"}}, ["text"]))[2:-2] == [
        "Parameters:",
        "  text   string, required",
        '  state  string, default "open"; one of "open", "closed"',
        "         State of the issues.",
        "",
    ]


def test_a_tool_without_parameters_says_so() -> None:
    assert lines(tool({}))[2:] == ["It takes no parameters.", "", "Example:", "  litellmctl mcp call github/search"]


@pytest.mark.parametrize("columns", [38, 78, 98])
def test_everything_fits_the_width(columns: int) -> None:
    properties = {
        "query": {"type": "string", "description": LONG},
        "person": {"type": "object", "properties": {"name": {"type": "string", "description": "日本語 " * 30}}},
        "labels": {"type": "array", "items": {"enum": [f"label-{number}" for number in range(20)]}},
    }
    found = lines(tool(properties, ["query", "person", "labels"], f"{LONG}\n\n  - {LONG}"), columns)
    assert [line for line in found if width(line) > columns and not line.startswith("github/search")] == []
    assert sum(LONG.split(maxsplit=1)[0] in line for line in found) == 3


def test_an_example_on_several_rows_is_one_command_for_a_shell() -> None:
    required = [f"parameter_{number}" for number in range(9)]
    text = page(tool({name: {"type": "string"} for name in required}, required), 60, str)
    command = text.partition("Example:\n")[2]
    assert command.count(" \\\n    ") >= 3
    words = shlex.split(command.replace("\\\n", ""))
    assert words == ["litellmctl", "mcp", "call", "github/search", *(f"{name}={name.upper()}" for name in required)]


def test_a_long_name_and_a_long_description_are_cut() -> None:
    with less_than(2):
        text = page(tool({"x" * 2**20: {"type": "string", "description": "y " * 2**20}}), 78, str)
    assert len(text) < 10_000


def test_texts_of_the_server_are_quoted_and_cleaned() -> None:
    marked: list[str] = []
    found = tool({"a\x1b[31m": {"description": "b\x1b[31m"}}, description="Error: no")
    text = page(found, 78, lambda one: (marked.append(one), one)[1])
    assert marked == ["github/search  (mcp_github_search)", "Error: no"]
    assert "\x1b" not in text
