"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.exporters.exporter import (
    KEY_VARIABLE,
    Export,
    Exporter,
    FileChange,
    Fill,
    Provider,
    Set,
    known,
    left_out,
)
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# It puts the variable or the file of such a name in its place, before it reads the JSON.
_REFERENCES = ("{env:", "{file:")
# With a model of such a name 1.18.33 does not start: JavaScript's objects have these by nature.
_OF_OBJECTS = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)


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
        refused = [model["id"] for model in provider.models if _means_more(model["id"])]
        body = {
            "npm": "@ai-sdk/openai-compatible",
            "name": provider.name,
            "options": {"baseURL": provider.v1, "apiKey": f"{{env:{KEY_VARIABLE}}}"},
            "models": {model["id"]: _model(model) for model in provider.models if model["id"] not in refused},
        }
        change = FileChange(
            self.path(),
            "json",
            [Fill((), {"$schema": "https://opencode.ai/config.json"}), Set(("provider", provider.id), body)],
        )
        return Export(
            [change],
            notes=[f'eval "$(litellmctl env)" && opencode -m {provider.id}/MODEL'],
            warnings=left_out(refused, "such a name means something else to opencode"),
        )


def _means_more(name: str) -> bool:
    return name in _OF_OBJECTS or any(reference in name for reference in _REFERENCES)


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
