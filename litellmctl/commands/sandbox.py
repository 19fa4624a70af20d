from __future__ import annotations
from litellmctl.commands.options import group
@group("sandbox")
def sandbox() -> None:
    """Run a real LiteLLM proxy on loopback, without any account."""
