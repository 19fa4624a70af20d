"""`mcp credentials`: a user's own credentials for MCP servers, which the proxy keeps."""

from __future__ import annotations

from litellmctl.commands.base import group


@group("credentials")
def credentials() -> None:
    """List, set and remove your own credentials for MCP servers."""
