"""Agents that start MCP servers: what an entry for `litellmctl mcp serve` is in the file of each."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.program import Program
from litellmctl.tools.tool import MAX_NAME, MIN_NAME_LENGTH

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.programs.program import Export

# The program, wherever it is installed, or the code by which `own_command` runs it without one.
_OURS = re.compile(r"(?:^|[/\\])litellmctl(?:\.exe)?$|\bfrom litellmctl\.__main__ import main\b", re.IGNORECASE)
# The words of one line for any shell: a quoted part may have spaces.
_TEXT_WORDS = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+""")


@dataclass(frozen=True)
class Bridge:
    """How an agent starts the proxy's tools: the `name` of the entry, and the words of `litellmctl mcp serve ...`.

    `variables` say where litellmctl finds its files, if that is not the usual place; they hold no secret. `reads` are
    names of variables of the user that litellmctl needs, such as one with a key. `title` is for people.
    """

    name: str
    title: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    reads: Sequence[str] = ()


def with_room(bridge: Bridge, prefix: str, most: int = MAX_NAME) -> Bridge:
    """Return the bridge with names of tools that have at most `most` characters with this prefix of the agent's."""
    length = max(most - len(prefix), MIN_NAME_LENGTH)
    return bridge if length == MAX_NAME else replace(bridge, command=[*bridge.command, "--name-length", str(length)])


class McpHost(Program, ABC):
    """An agent that starts MCP servers, each by an entry in a file of its own, which `export --mcp` changes.

    `name` is the argument of `export`. `has_project_file` says that it also reads a file of the project; `hides_keys`
    that what it starts gets few of its variables, so that only a login or the config file can have the key.
    """

    name: ClassVar[str]
    has_project_file: ClassVar[bool] = False
    hides_keys: ClassVar[bool] = False

    @abstractmethod
    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the file with the entries, found by the agent's own rules: the user's, or that of a project."""

    @abstractmethod
    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return the changes to the file for these entries; entries of ours that are not among them are removed."""

    def folder(self) -> Path:
        """Return the folder that exists if the agent is used here."""
        return self.mcp_path().parent


def owns_bridge(value: Any) -> bool:
    """Whether an entry of an agent's file is ours: its words call `litellmctl ... mcp serve`.

    The words are those of `command` (or `cmd`) and `args`, or of a list or a text; Zed has had a mapping as `command`.
    """
    words = _words(value)
    calls = [number for number, word in enumerate(words) if _OURS.search(word)]
    return bool(calls) and ("mcp", "serve") in pairwise(words[calls[0] + 1 :])


def profile_of(value: Any) -> str | None:
    """Return the profile that an entry of ours names; None if it names none."""
    words = _words(value)
    for word, following in zip_longest(words, words[1:]):
        option, is_joined, name = word.partition("=")
        if option == "--profile":
            return name if is_joined else following
    return None


def limits_of(value: Any) -> list[str]:
    """Return the options of an entry of ours that a person may have added to have fewer tools: --tool, --read-only."""
    words = _words(value)
    return [option for option in ("--tool", "--read-only") if any(word.split("=")[0] == option for word in words)]


def _words(value: Any) -> list[str]:
    """Return the words of a command, in any of the forms that agents have for it."""
    if isinstance(value, Mapping):
        command = next((value[name] for name in ("command", "cmd", "path") if name in value), None)
        rest = value.get("args")
        first = [command] if isinstance(command, str) and rest else _words(command)
        return [*first, *_words(rest)]
    if isinstance(value, str):
        return [word.strip("\"'") for word in _TEXT_WORDS.findall(value)]
    return [one for one in value if isinstance(one, str)] if isinstance(value, Sequence) else []
