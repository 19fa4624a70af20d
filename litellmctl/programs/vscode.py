"""VS Code: docs/agents/reference/mcp-configuration.md of microsoft/vscode-docs, in 2026-11.

And of microsoft/vscode: platform/environment/node/userDataPath.ts, workbench/contrib/mcp/common.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.mcp_entries import EntriesHost, app_data
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The folders of the stable release and of the next one.
_PRODUCTS = ("Code", "Code - Insiders")
_ACCESS = "chat.mcp.access"


class VsCode(EntriesHost):
    """Entries of `servers` in mcp.json: in the folder of the user, or in .vscode of a project.

    VS Code replaces `${NAME}`, `${env:NAME}`, `${input:NAME}` and others in an entry. It asks whether a new or changed
    server is trusted, and keeps the answer elsewhere, as well as which servers are disabled.

    Tools are `mcp_SERVER_TOOL` with 13 characters of the server's name or title, and a number where these are the same.
    They are cut to 64 characters, so that two may get one name.
    """

    name = "vscode"
    title = "VS Code"
    executable = "code"
    has_project_file = True
    mapping = "servers"
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    prefix = f"mcp_{'x' * 13}99_"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return mcp.json of the default profile, or of a project."""
        return project / ".vscode" / "mcp.json" if project else _user_folder() / "mcp.json"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command of its palette, and that VS Code asks."""
        return ["MCP: List Servers   (in the Command Palette; VS Code asks whether you trust a new server)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return warnings about a setting, other profiles, and a VS Code that runs on another machine."""
        folder = _user_folder()
        found = []
        if (access := self.settings_in(folder / "settings.json").get(_ACCESS)) in ("none", "registry"):
            found.append(f"VS Code ignores servers that no registry has: {_ACCESS} is {access} in settings.json")
        if project:
            return found
        if os.path.isdir(folder / "profiles"):
            found.append("other profiles of VS Code have an mcp.json of their own: MCP: Open User Configuration")
        if not os.path.isdir(folder) and os.path.isdir(paths.home() / ".vscode-server"):
            found.append("VS Code runs on another machine, and reads this file there only: pass --project here")
        return found


def _user_folder() -> Path:
    """Return the folder of the user's settings; that of Insiders, if only that exists."""
    if portable := environment.get("VSCODE_PORTABLE"):
        return Path(portable, "user-data", "User")
    named = environment.get("VSCODE_APPDATA")
    base = Path(named) if named else app_data()
    found = [base / product for product in _PRODUCTS if os.path.isdir(base / product)]
    return (found[0] if found else base / _PRODUCTS[0]) / "User"
