"""A real LiteLLM proxy on loopback, for experiments and CI."""
