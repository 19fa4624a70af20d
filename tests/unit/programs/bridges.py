"""Entries for `litellmctl mcp serve`, and what is in an agent's file once `export --mcp` has written them."""

from __future__ import annotations

from pathlib import Path

from litellmctl.programs.documents import changed
from litellmctl.programs.mcp_host import Bridge, McpHost
from litellmctl.programs.program import Export

LITELLMCTL = "/opt/my tools/litellmctl"
ONE = Bridge("litellm", "LiteLLM (llm.example.com)", (LITELLMCTL, "mcp", "serve", "--profile", "work"))
VARIABLES = {"LITELLMCTL_CONFIG_DIR": "/srv/my config"}
ELSEWHERE = Bridge(ONE.name, ONE.title, ONE.command, VARIABLES)
PER_SERVER = [
    Bridge(
        f"litellm-{name}",
        f"{name} (llm.example.com)",
        (LITELLMCTL, "mcp", "serve", "--profile", "work", "--server", name, "--bare-names"),
    )
    for name in ("github", "jira")
]


def called(*more: str) -> Bridge:
    """Return an entry whose command has more words."""
    return Bridge(ONE.name, ONE.title, (*ONE.command, *more))


def written(host: McpHost, *bridges: Bridge, project: Path | None = None) -> Export:
    """Write the entries into the agent's file, and return what else there was to say."""
    made = host.mcp(bridges, project)
    (change,) = made.files
    assert change.path == host.mcp_path(project)
    before = change.path.read_text("utf-8") if change.path.exists() else None
    change.path.parent.mkdir(parents=True, exist_ok=True)
    change.path.write_text(changed(change, before), "utf-8")
    return made


def text(host: McpHost, project: Path | None = None) -> str:
    """Return the text of the agent's file."""
    return host.mcp_path(project).read_text("utf-8")
