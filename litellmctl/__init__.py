"""The command-line tool for people who use a self-hosted LiteLLM proxy."""

__version__ = "0.1.0"
