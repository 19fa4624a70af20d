"""Cline (https://github.com/cline/cline): sdk/packages/shared/src/storage/paths.ts, core/src/extensions/mcp.

As 3.0.65 of its CLI does it, which shares the file with the extensions of version 4 for VS Code and JetBrains.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.mcp_entries import WAIT_SECONDS, EntriesHost
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FILE = "cline_mcp_settings.json"


class Cline(EntriesHost):
    """Entries of `mcpServers` in cline_mcp_settings.json, which has no comments. No project has a file of its own.

    Tools are `SERVER__TOOL`, cut to 64 characters with a hash that tells them apart. Cline passes on all of its
    environment. It waits a minute for a call, if the entry says nothing else. Its CLI asks before no tool, unless
    --auto-approve is false.
    """

    name = "cline"
    title = "Cline"
    executable = "cline"
    install = "npm install -g cline"
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    # Versions after 3.0.65 replace it, in `env` alone.
    reference = re.compile(r"\$\{env:")
    off = ("disabled", True)
    initial: ClassVar[Mapping[str, Any]] = {"timeout": WAIT_SECONDS}

    def mcp_path(self, project: Path | None = None) -> Path:  # noqa: ARG002
        """Return the file that the CLI and the extensions share."""
        if named := environment.get("CLINE_MCP_SETTINGS_PATH"):
            return Path(named)
        if named := environment.get("CLINE_DATA_DIR"):
            return Path(named, "settings", _FILE)
        named = environment.get("CLINE_DIR")
        return (Path(named) if named else paths.home() / ".cline") / "data" / "settings" / _FILE

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return what lists the servers: its CLI has no command for that."""
        return ["cline --tui   (then /mcp; in an editor: MCP Servers > Configure)"]
