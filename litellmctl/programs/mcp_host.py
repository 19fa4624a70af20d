"""Agents that start MCP servers: what an entry for `litellmctl mcp serve` is in the file of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from litellmctl.programs.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.programs.program import Export


@dataclass(frozen=True)
class Bridge:
    """How an agent starts the proxy's tools: the `name` of the entry, and the words of `litellmctl mcp serve ...`.

    `variables` say where litellmctl finds its files, if that is not the usual place; they hold no secret. `title` is
    for people.
    """

    name: str
    title: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


class McpHost(Program, ABC):
    """An agent that starts MCP servers, each by an entry in a file of its own, which `export --mcp` changes.

    `name` is the argument of `export`. `has_project_file` says that it also reads a file of the project.
    """

    name: ClassVar[str]
    has_project_file: ClassVar[bool] = False

    @abstractmethod
    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the file with the entries, found by the agent's own rules: the user's, or that of a project."""

    @abstractmethod
    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return the changes to the file for these entries; entries of ours that are not among them are removed."""
