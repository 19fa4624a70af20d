"""`mcp login` and `mcp logout`: signing in to an MCP server that wants OAuth."""

from __future__ import annotations

from litellmctl.commands.base import command


@command("login")
def login() -> None:
    """Sign in to an MCP server."""
    raise NotImplementedError


@command("logout")
def logout() -> None:
    """Sign out of an MCP server."""
    raise NotImplementedError
