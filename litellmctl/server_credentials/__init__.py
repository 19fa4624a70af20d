"""A user's own credentials for MCP servers, which the proxy keeps."""
