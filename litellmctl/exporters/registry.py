"""The exporters in the order in which they are listed. Each is imported on use: `--help` needs only their names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellmctl.exporters.exporter import Exporter

_EXPORTERS: dict[str, Callable[[], Exporter]] = {
    "opencode": lambda: import_module("litellmctl.exporters.opencode").Opencode(),
    "codex": lambda: import_module("litellmctl.exporters.codex").Codex(),
    "claude-code": lambda: import_module("litellmctl.exporters.claude_code").ClaudeCode(),
    "pi": lambda: import_module("litellmctl.exporters.pi").Pi(),
    "crush": lambda: import_module("litellmctl.exporters.crush").Crush(),
    "aider": lambda: import_module("litellmctl.exporters.aider").Aider(),
    "continue": lambda: import_module("litellmctl.exporters.continue_dev").Continue(),
    "zed": lambda: import_module("litellmctl.exporters.zed").Zed(),
    "llm": lambda: import_module("litellmctl.exporters.llm").Llm(),
    "goose": lambda: import_module("litellmctl.exporters.goose").Goose(),
}
NAMES = tuple(_EXPORTERS)


def exporter(name: str) -> Exporter:
    """Return the exporter with this name."""
    return _EXPORTERS[name]()


def exporters() -> dict[str, Exporter]:
    """Return all exporters by name."""
    return {name: exporter(name) for name in NAMES}
