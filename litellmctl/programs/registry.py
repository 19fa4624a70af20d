"""The programs in the order in which they are listed. Each is imported on use: `--help` needs only their names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellmctl.programs.mcp_host import McpHost
    from litellmctl.programs.program import Exporter, Program

_EXPORTERS: dict[str, Callable[[], Exporter]] = {
    "opencode": lambda: import_module("litellmctl.programs.opencode").Opencode(),
    "codex": lambda: import_module("litellmctl.programs.codex").Codex(),
    "claude-code": lambda: import_module("litellmctl.programs.claude_code").ClaudeCode(),
    "pi": lambda: import_module("litellmctl.programs.pi").Pi(),
    "crush": lambda: import_module("litellmctl.programs.crush").Crush(),
    "aider": lambda: import_module("litellmctl.programs.aider").Aider(),
    "continue": lambda: import_module("litellmctl.programs.continue_dev").Continue(),
    "zed": lambda: import_module("litellmctl.programs.zed").Zed(),
    "llm": lambda: import_module("litellmctl.programs.llm").Llm(),
    "goose": lambda: import_module("litellmctl.programs.goose").Goose(),
}
# The programs that `run` knows, by their executables.
_PROGRAMS: dict[str, Callable[[], Program]] = {
    "claude": _EXPORTERS["claude-code"],
    "codex": _EXPORTERS["codex"],
    "opencode": _EXPORTERS["opencode"],
    "pi": _EXPORTERS["pi"],
    "crush": _EXPORTERS["crush"],
    "aider": _EXPORTERS["aider"],
    "goose": _EXPORTERS["goose"],
    "llm": _EXPORTERS["llm"],
    "cn": _EXPORTERS["continue"],
    "copilot": lambda: import_module("litellmctl.programs.copilot").Copilot(),
    "gemini": lambda: import_module("litellmctl.programs.gemini").Gemini(),
    "qwen": lambda: import_module("litellmctl.programs.qwen").Qwen(),
    "hermes": lambda: import_module("litellmctl.programs.hermes").Hermes(),
    "vibe": lambda: import_module("litellmctl.programs.vibe").Vibe(),
    "openhands": lambda: import_module("litellmctl.programs.openhands").Openhands(),
}
# The agents that start MCP servers.
_HOSTS: dict[str, Callable[[], McpHost]] = {
    "claude-code": lambda: import_module("litellmctl.programs.claude_code").ClaudeCode(),
    "codex": lambda: import_module("litellmctl.programs.codex").Codex(),
    "opencode": lambda: import_module("litellmctl.programs.opencode").Opencode(),
    "pi": lambda: import_module("litellmctl.programs.pi").Pi(),
    "crush": lambda: import_module("litellmctl.programs.crush").Crush(),
    "goose": lambda: import_module("litellmctl.programs.goose").Goose(),
    "continue": lambda: import_module("litellmctl.programs.continue_dev").Continue(),
    "zed": lambda: import_module("litellmctl.programs.zed").Zed(),
    "gemini": lambda: import_module("litellmctl.programs.gemini").Gemini(),
    "qwen": lambda: import_module("litellmctl.programs.qwen").Qwen(),
    "copilot": lambda: import_module("litellmctl.programs.copilot").Copilot(),
    "cline": lambda: import_module("litellmctl.programs.cline").Cline(),
    "cursor": lambda: import_module("litellmctl.programs.cursor").Cursor(),
    "vscode": lambda: import_module("litellmctl.programs.vscode").VsCode(),
    "claude-desktop": lambda: import_module("litellmctl.programs.claude_desktop").ClaudeDesktop(),
    "windsurf": lambda: import_module("litellmctl.programs.windsurf").Windsurf(),
    "hermes": lambda: import_module("litellmctl.programs.hermes").Hermes(),
}
NAMES = tuple(_EXPORTERS)
HOST_NAMES = tuple(_HOSTS)
# All that `export` takes: programs with models, with MCP, or with both. There are too many to look for one in any other
# order than that of the alphabet.
TOOLS = tuple(sorted({*NAMES, *HOST_NAMES}))
EXECUTABLES = tuple(_PROGRAMS)


def exporter(name: str) -> Exporter:
    """Return the program with this name, which takes models."""
    return _EXPORTERS[name]()


def exporters() -> dict[str, Exporter]:
    """Return all programs that take models, by name."""
    return {name: exporter(name) for name in NAMES}


def host(name: str) -> McpHost | None:
    """Return the agent with this name; None if it starts no MCP servers."""
    make = _HOSTS.get(name)
    return make() if make else None


def hosts() -> dict[str, McpHost]:
    """Return all agents that start MCP servers, by name."""
    return {name: make() for name, make in _HOSTS.items()}


def program(executable: str) -> Program | None:
    """Return the program with this executable; None if it is not known."""
    make = _PROGRAMS.get(executable)
    return make() if make else None


def programs() -> dict[str, Program]:
    """Return the programs that `run` knows, by their executables."""
    return {name: make() for name, make in _PROGRAMS.items()}
