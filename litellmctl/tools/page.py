"""A tool for people: what it does, its parameters, and an example call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from litellmctl.foundation.text import clean
from litellmctl.foundation.text import cut as shortened
from litellmctl.terminal.cells import cut, folded, width
from litellmctl.terminal.render import Layout, fact_lines
from litellmctl.tools.arguments import example
from litellmctl.tools.parameters import Parameter, parameters
from litellmctl.tools.schema import Schema

if TYPE_CHECKING:
    from litellmctl.tools.tool import Tool

# Levels of fields of objects that are listed.
_DEPTH = 4
_INDENT = "  "
_MAX_DESCRIPTION = 2000


def page(tool: Tool, columns: int, quoted: Callable[[str], str]) -> str:
    """Return the page of a tool, in rows of at most so many columns, but for words that are longer.

    `quoted` makes sure that no line of a stranger's text reads as one of ours.
    """
    schema = Schema(tool.input_schema)
    found = parameters(schema, _DEPTH)
    lines = [quoted(f"{clean(tool.path)}  ({tool.full_name})")]
    if tool.description:
        rows = (folded(row, columns, indent=0) for row in tool.description.strip().split("\n"))
        lines += ["", quoted("\n".join(rows))]
    lines += ["", *(["Parameters:", *_rows(found, columns)] if found else ["It takes no parameters."])]
    lines += ["", "Example:", *_command(example(schema, tool.path), columns)]
    return "\n".join(lines)


def _rows(found: Sequence[Parameter], columns: int) -> list[str]:
    """Return for each parameter its name, and beside it what it takes and what it is for."""
    facts: list[tuple[str, str]] = []
    for one in found:
        facts.append((_INDENT + cut(clean(one.name), columns // 2), _takes(one)))
        if one.description:
            facts.append(("", shortened(clean(one.description), _MAX_DESCRIPTION)))
    return fact_lines(facts, Layout("table", width=columns))


def _takes(one: Parameter) -> str:
    words = clean(one.type) + (", required" if one.required else "")
    if one.default:
        words += f", default {shortened(clean(one.default))}"
    return f"{words}; one of {shortened(clean(one.allowed))}" if one.allowed else words


def _command(words: Sequence[str], columns: int) -> Iterator[str]:
    """Yield a command in rows that a shell joins again; cmd and PowerShell get one row."""
    row = f"{_INDENT}{words[0]}"
    for word in map(clean, words[1:]):
        if sys.platform != "win32" and width(row) + width(word) + 3 > columns:
            yield f"{row} \\"
            row = f"{_INDENT * 2}{word}"
        else:
            row += f" {word}"
    yield row
