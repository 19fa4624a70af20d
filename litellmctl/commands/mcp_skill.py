"""`mcp skill`: a skill that teaches an agent to call the tools with `litellmctl mcp call`."""

from __future__ import annotations

from litellmctl.commands.base import command


@command("skill")
def skill() -> None:
    """Print a skill that teaches an agent to use the tools."""
    raise NotImplementedError
