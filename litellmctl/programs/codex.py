"""Codex (https://github.com/openai/codex): codex-rs/model-provider-info/src/lib.rs; docs.litellm.ai, Codex CLI."""

from __future__ import annotations

from pathlib import Path

from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import environment, paths

_COMMAND_MILLISECONDS = 20_000
_RENEW_MILLISECONDS = 300_000


class Codex(Exporter):
    """`model_providers.ID` in config.toml. Codex runs our command for the key, and refuses unknown settings."""

    name = "codex"
    title = "Codex"
    executable = "codex"

    def path(self) -> Path:
        """Return config.toml in CODEX_HOME."""
        named = environment.get("CODEX_HOME")
        return (Path(named) if named else paths.home() / ".codex") / "config.toml"

    def export(self, provider: Provider) -> Export:
        """Return the provider, without models: Codex asks the proxy about a model."""
        command, *arguments = provider.command
        body = {
            "name": provider.name,
            "base_url": provider.v1,
            "wire_api": "responses",
            "auth": {
                "command": command,
                "args": arguments,
                "timeout_ms": _COMMAND_MILLISECONDS,
                "refresh_interval_ms": _RENEW_MILLISECONDS,
            },
        }
        change = FileChange(self.path(), "toml", [Set(("model_providers", provider.id), body)])
        return Export([change], notes=[f"codex -c model_provider={provider.id} -m MODEL"])
