"""Claude Code (https://code.claude.com): docs/en/settings-reference, llm-gateway-connect, plugin-marketplaces."""

from __future__ import annotations

import re
from pathlib import Path

from litellmctl.programs.changes import FileChange, Fill, Put, Set
from litellmctl.programs.model_facts import skipped
from litellmctl.programs.program import Export, Exporter, Provider, shell_words
from litellmctl.settings import environment, paths

# The name in the proxy's marketplace.json, which Claude Code expects as the key.
_MARKETPLACE = "litellm"
_DESCRIPTION = "From LiteLLM"
# Claude Code sends another name for these: aliases, names with [1m] (a context window), and with outer white space.
_NOT_VERBATIM = re.compile(r"(?is)default|best|opusplan|fable|opus|sonnet|haiku|.*\[\d+m\]|\s.*|.*\s")

# The window that it assumes for unknown models, and the smallest one that it accepts.
_ASSUMED_WINDOW, _LEAST_WINDOW = 1_000_000, 100_000


class ClaudeCode(Exporter):
    """`apiKeyHelper`, ANTHROPIC_BASE_URL and the rows of /model in settings.json; the selected model is kept."""

    name = "claude-code"
    title = "Claude Code"
    executable = "claude"

    def path(self) -> Path:
        """Return the user's settings.json, in CLAUDE_CONFIG_DIR."""
        named = environment.get("CLAUDE_CONFIG_DIR")
        return (Path(named) if named else paths.home() / ".claude") / "settings.json"

    def export(self, provider: Provider) -> Export:
        """Return the settings: model names, and the context windows that are smaller than Claude Code assumes."""
        names = [model["id"] for model in provider.models]
        models = [model for model in provider.models if not _NOT_VERBATIM.fullmatch(model["id"])]
        rows = [{"model": model["id"], "description": _DESCRIPTION} for model in models]
        windows = {
            model["id"]: {"autoCompactWindow": model["context_window"]}
            for model in models
            if _LEAST_WINDOW <= (model["context_window"] or 0) < _ASSUMED_WINDOW
        }
        changes: list[Set | Put | Fill] = [
            Set(("apiKeyHelper",), shell_words(provider.command)),
            Set(("env", "ANTHROPIC_BASE_URL"), provider.base_url),
            Put(("modelPicker", "options"), rows, mark="description", owner=_DESCRIPTION),
        ]
        if windows:
            changes.append(Fill(("modelSettings",), windows))
        notes = [
            "claude --model MODEL",
            "unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN  # also in its settings, or it sends them to the proxy",
        ]
        if provider.with_skills:
            source = {"source": "url", "url": f"{provider.base_url}/claude-code/marketplace.json"}
            changes.append(Set(("extraKnownMarketplaces", _MARKETPLACE, "source"), source))
            notes.append(f"/plugin install NAME@{_MARKETPLACE}")
        refused = skipped(list(filter(_NOT_VERBATIM.fullmatch, names)), "Claude Code uses another model for this name")
        return Export([FileChange(self.path(), "json", changes)], notes=notes, warnings=refused)
