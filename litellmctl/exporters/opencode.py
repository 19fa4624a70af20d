"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.exporters.exporter import Export, Exporter, FileChange, Provider, Set, known
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model


class Opencode(Exporter):
    """`provider.ID` in opencode.json. It runs no command: the key comes from a variable."""

    name = "opencode"
    title = "opencode"
    program = "opencode"
    key_from = "reads the key from LITELLM_API_KEY."

    def path(self) -> Path:
        """Return opencode.json of the user, not that of a project."""
        named = environment.get("OPENCODE_CONFIG")
        return Path(named) if named else paths.xdg_config_home() / "opencode" / "opencode.json"

    def export(self, provider: Provider) -> Export:
        """Return the provider with its models."""
        body = {
            "npm": "@ai-sdk/openai-compatible",
            "name": provider.name,
            "options": {"baseURL": provider.v1, "apiKey": f"{{env:{provider.variable}}}"},
            "models": {model["id"]: _model(model) for model in provider.models},
        }
        change = FileChange(
            self.path(),
            "json",
            [Set(("$schema",), "https://opencode.ai/config.json"), Set(("provider", provider.id), body)],
        )
        return Export([change], notes=[f'eval "$(litellmctl env)" && opencode -m {provider.id}/MODEL'])


def _model(model: Model) -> dict[str, Any]:
    cost = known(
        input=model["cost"]["input"],
        output=model["cost"]["output"],
        cache_read=model["cost"]["cache_read"],
        cache_write=model["cost"]["cache_write"],
    )
    limit = known(context=model["context_window"], output=model["max_output_tokens"])
    modalities = known(input=model["input"], output=model["output"])
    return known(
        name=model["id"],
        # It takes both or none of each of these.
        limit=limit if len(limit) == 2 else None,
        cost=cost if {"input", "output"} <= cost.keys() else None,
        modalities=modalities if len(modalities) == 2 else None,
        attachment=None if model["input"] is None else bool({"image", "pdf"} & set(model["input"])),
        reasoning=model["reasoning"],
        tool_call=model["supports"].get("function_calling"),
    )
