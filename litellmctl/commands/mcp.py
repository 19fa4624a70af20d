"""`mcp`: the MCP tools behind the proxy, for people, scripts and agents."""

from __future__ import annotations

from importlib import import_module

from litellmctl.commands.base import LazyCommands, group


@group("mcp")
def mcp() -> None:
    """List, call and serve MCP tools behind the proxy.

    To set up agents with the tools, see litellmctl export --list --mcp.

    TOOL is SERVER/TOOL, the full name mcp_SERVER_TOOL, or the tool's own name if only one server has it.
    """


mcp.aliases = {**mcp.aliases, "tools": "list"}
mcp.commands = LazyCommands(
    {
        "servers": lambda: import_module("litellmctl.commands.mcp_list").servers,
        "list": lambda: import_module("litellmctl.commands.mcp_list").list_,
        "show": lambda: import_module("litellmctl.commands.mcp_list").show,
        "call": lambda: import_module("litellmctl.commands.mcp_call").call,
        "serve": lambda: import_module("litellmctl.commands.mcp_serve").serve,
        "skill": lambda: import_module("litellmctl.commands.mcp_skill").skill,
        "credentials": lambda: import_module("litellmctl.commands.mcp_credentials").credentials,
        "login": lambda: import_module("litellmctl.commands.mcp_login").login,
        "logout": lambda: import_module("litellmctl.commands.mcp_login").logout,
    }
)
