"""MCP tools: their names, the check of arguments against their schemas, their results, and the cached list."""
