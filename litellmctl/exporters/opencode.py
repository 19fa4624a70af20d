"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx.

Which files it reads, and which providers it hides: packages/opencode/src/config/config.ts and provider/provider.ts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.catalog.model import PRICES
from litellmctl.exporters import jsonc
from litellmctl.exporters.exporter import (
    KEY_VARIABLE,
    Change,
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
from litellmctl.foundation import files
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litellmctl.catalog.model import Model, Tier

# It merges these in this order: the last one wins.
_NAMES = ("config.json", "opencode.json", "opencode.jsonc")
_MAX_BYTES = 64 * 2**20
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
    """`provider.ID` in opencode.jsonc where there is one, else in opencode.json.

    It runs no command: the key comes from a variable.
    """

    name = "opencode"
    title = "opencode"
    program = "opencode"
    key_from = "reads the key from LITELLM_API_KEY."

    def path(self) -> Path:
        """Return the user's file whose values win, not that of a project."""
        *_, plain, commented = _globals()
        return _named() or (commented if os.path.exists(commented) else plain)

    def export(self, provider: Provider) -> Export:
        """Return the provider with its models."""
        refused = [model["id"] for model in provider.models if _means_more(model["id"])]
        body = {
            "npm": "@ai-sdk/openai-compatible",
            "name": provider.name,
            "options": {"baseURL": provider.v1, "apiKey": f"{{env:{KEY_VARIABLE}}}"},
            "models": {model["id"]: _model(model) for model in provider.models if model["id"] not in refused},
        }
        own = self.path()
        settings = {path: _settings(path) for path in [*(path for path in _globals() if path != own), own]}
        schema = Fill((), {"$schema": "https://opencode.ai/config.json"})
        changes: dict[Path, list[Change]] = {own: [schema, Set(("provider", provider.id), body)]}
        warnings = left_out(refused, "such a name means something else to opencode")
        for path, change, warning in _shown(settings, provider.id):
            changes.setdefault(path, []).append(change)
            warnings.append(warning)
        return Export(
            [FileChange(path, "json", ones) for path, ones in changes.items()],
            notes=[f'eval "$(litellmctl env)" && opencode -m {provider.id}/MODEL'],
            warnings=[*warnings, *_merged(settings, own, provider.id)],
        )


def _named() -> Path | None:
    named = environment.get("OPENCODE_CONFIG")
    return Path(named) if named else None


def _globals() -> list[Path]:
    return [paths.xdg_config_home() / "opencode" / name for name in _NAMES]


def _settings(path: Path) -> dict[str, Any]:
    """Return what a file of opencode's says: nothing where it cannot be read, which is for a write to tell."""
    try:
        found = jsonc.parse(files.read(path, foreign=True, limit=_MAX_BYTES).decode()).value
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(settings: dict[Path, dict[str, Any]], name: str) -> Iterator[tuple[Path, Change, str]]:
    """Yield what changes in which file so that opencode does not hide the provider, with the words that say so.

    `settings` are those of the files in their order: a list of a later one replaces that of an earlier one.
    """
    for key, is_right, verb in (("enabled_providers", True, "adds"), ("disabled_providers", False, "removes")):
        path = next((path for path in reversed(settings) if key in settings[path]), None)
        names = settings[path][key] if path else None
        # An empty list of enabled ones hides all. What is no list, opencode itself refuses.
        if path and isinstance(names, list) and (name in names) is not is_right:
            new = [*names, name] if is_right else [one for one in names if one != name]
            yield path, Set((key,), new), f"{key} in {path} hides {name} from opencode: this export {verb} it"


def _merged(settings: dict[Path, dict[str, Any]], own: Path, name: str) -> list[str]:
    """Return the warnings that another file has the provider too."""
    return [
        f"{path} has provider.{name} too: opencode merges it with that of {own}, which wins"
        for path, found in settings.items()
        if path != own and isinstance(providers := found.get("provider"), dict) and name in providers
    ]


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
