"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.catalog.model import PRICES
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
    priced,
)
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellmctl.catalog.model import Model, Tier

_THRESHOLD = 200_000
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
    first, tiers = priced(model["cost"])
    cost = _rates(first)
    limit = known(context=model["context_window"], output=model["max_output_tokens"])
    modalities = known(input=model["input"], output=model["output"])
    return known(
        name=model["id"],
        # It takes both or none of each of these.
        limit=limit if len(limit) == 2 else None,
        cost=cost and known(**cost, context_over_200k=_over_200k(tiers)),
        modalities=modalities if len(modalities) == 2 else None,
        attachment=None if model["input"] is None else bool({"image", "pdf"} & set(model["input"])),
        reasoning=model["reasoning"],
        tool_call=model["supports"].get("function_calling"),
    )


def _rates(prices: Tier) -> dict[str, Any] | None:
    if prices["input"] is None or prices["output"] is None:
        return None
    return known(**{name: prices[name] for name in PRICES})  # type: ignore[literal-required]


def _over_200k(tiers: Sequence[Tier]) -> dict[str, Any] | None:
    """Return the prices above 200,000 tokens, the one threshold that it takes.

    A tier that begins later stands there too, as in opencode's own list of models (models.dev).
    """
    within = [tier for tier in tiers if tier["above"] <= _THRESHOLD]
    return _rates((within[-1:] or tiers)[0]) if tiers else None
