"""Cursor (https://cursor.com/docs/mcp.md, https://cursor.com/docs/cli/mcp.md), as its documentation was in 2026-11.

And issue 2788 of ComposioHQ/composio: what it says of a name that is too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.mcp_entries import EntriesHost
from litellmctl.programs.program import shell_words
from litellmctl.settings import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Cursor(EntriesHost):
    """Entries of `mcpServers` in mcp.json, which the editor and its CLI share; those of a project override the user's.

    Cursor replaces `${env:NAME}`, `${userHome}` and others in an entry. It ignores a tool whose name has 60 characters
    or more together with the name of the server. It asks before a tool runs, and before a new server starts.
    """

    name = "cursor"
    title = "Cursor"
    executable = "cursor"
    has_project_file = True
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    prefix = "{}"
    max_name = 59

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return mcp.json in .cursor of the user or of a project."""
        return (project or paths.home()) / ".cursor" / "mcp.json"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command of its CLI, after which its editor asks no more."""
        named = [shell_words([name]) for name in names[:1]]
        return [f"agent mcp enable {name} && agent mcp list-tools {name}   (or Settings > MCP)" for name in named]
