"""What an MCP tool is: its name, its arguments against its schema, its results, and the cache of all of them."""
