"""The sandbox's MCP server for other releases: with the older SDK too, and over SSE at a port where one is given."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

try:
    import mcp.server.mcpserver  # noqa: F401
except ImportError:  # Before 2.0 of the SDK.
    from mcp.server import fastmcp
    from mcp.server.fastmcp import exceptions

    fastmcp.MCPServer = fastmcp.FastMCP
    sys.modules["mcp.server.mcpserver"] = fastmcp
    sys.modules["mcp.server.mcpserver.exceptions"] = exceptions

SANDBOX = Path(__file__).parents[3] / "litellmctl" / "sandbox" / "mcp_server.py"
server = runpy.run_path(str(SANDBOX))["server"]
if sys.argv[1:]:
    server.settings.host, server.settings.port = "127.0.0.1", int(sys.argv[1])
    server.run(transport="sse")
else:
    server.run()
