"""Claude Desktop (https://modelcontextprotocol.io): docs/develop/connect-local-servers, as it was in 2026-11.

And issue 26073 of anthropics/claude-code (the file on Windows), and src/client/stdio.ts of the TypeScript SDK 1.25 (the
environment of what it starts). Since 2026 there is a beta for Debian and Ubuntu.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litellmctl.programs.mcp_entries import NOTHING, EntriesHost, app_data
from litellmctl.settings import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = "claude_desktop_config.json"
# Its folder as a package of the Windows store, as which its installer installs it.
_PACKAGE = r"Packages\Claude_pzs8sxrjxfjjc\LocalCache\Roaming\Claude"


class ClaudeDesktop(EntriesHost):
    """Entries of `mcpServers` in claude_desktop_config.json, which it reads when it starts.

    It replaces nothing in them. What it starts gets HOME, PATH and little else of its environment.
    """

    name = "claude-desktop"
    title = "Claude Desktop"
    executable = "claude-desktop"
    hides_keys = True
    reference = NOTHING

    def mcp_path(self, project: Path | None = None) -> Path:  # noqa: ARG002
        """Return the user's file; there is none of a project."""
        return _folder() / _FILE

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return what makes it read the file."""
        return ["quit Claude Desktop, start it again, and see Settings > Developer"]


def _folder() -> Path:
    local = environment.get("LOCALAPPDATA") if sys.platform == "win32" else None
    if local and os.path.isdir(Path(local) / _PACKAGE):
        return Path(local) / _PACKAGE
    return app_data() / "Claude"
