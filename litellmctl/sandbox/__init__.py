"""A real LiteLLM proxy on loopback, for trying things and for CI."""
