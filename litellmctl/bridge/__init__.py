"""An MCP server on stdio whose tools are those behind the proxy."""
