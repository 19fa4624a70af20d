"""Windsurf (https://docs.windsurf.com/windsurf/cascade/mcp), as its documentation was in 2026-11.

That of its next name, Devin Desktop, is at https://docs.devin.ai/desktop/cascade/mcp. Issue 18 of patchorbit/domscribe
has what it says of the name of a tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellmctl.programs.mcp_entries import EntriesHost
from litellmctl.settings import paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Windsurf(EntriesHost):
    """Entries of `mcpServers` in mcp_config.json, the same on all systems. No project has a file of its own.

    Windsurf replaces `${env:NAME}` and `${file:PATH}` in an entry. All servers together may have 100 tools, whose names
    are `mcp0_TOOL` with the number of the server, and have at most 64 characters. A team's administrator may allow
    servers by name, command and arguments only.
    """

    name = "windsurf"
    title = "Windsurf"
    executable = "windsurf"
    off = ("disabled", True)
    prefix = "mcp99_"

    def mcp_path(self, project: Path | None = None) -> Path:  # noqa: ARG002
        """Return the file of the editor; that of its plugins for other editors lies one folder above."""
        return paths.home() / ".codeium" / "windsurf" / "mcp_config.json"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return where the tools are listed."""
        return ["Settings > Cascade > MCP Servers   (then refresh; Cascade has at most 100 tools)"]
