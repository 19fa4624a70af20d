"""`mcp serve`: an MCP server on stdio whose tools are those behind the proxy."""

from __future__ import annotations

from litellmctl.commands.base import command


@command("serve")
def serve() -> None:
    """Serve the proxy's MCP tools to an agent on stdio."""
    raise NotImplementedError
