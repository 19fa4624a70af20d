"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx.

Which files it reads, and which providers it hides: packages/opencode/src/config/config.ts and provider/provider.ts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.catalog.model import PRICES
from litellmctl.foundation import files
from litellmctl.programs import jsonc
from litellmctl.programs.changes import Change, FileChange, Fill, Set
from litellmctl.programs.model_facts import known, priced, skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Provider
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litellmctl.catalog.model import Model, Tier

# opencode merges these in this order: the last one wins.
_NAMES = ("config.json", "opencode.json", "opencode.jsonc")
_MAX_BYTES = 64 * 2**20
_THRESHOLD = 200_000
# opencode replaces these by a variable or a file before it parses the JSON.
_REFERENCES = ("{env:", "{file:")
# opencode 1.18.33 does not start with a model of this name: JavaScript objects have these members.
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
    """`provider.ID` in opencode.jsonc if it exists, else in opencode.json.

    opencode runs no command: it reads the key from a variable.
    """

    name = "opencode"
    title = "opencode"
    executable = "opencode"
    key_from = "reads the key from LITELLM_API_KEY."

    def path(self) -> Path:
        """Return the user's file that overrides the others, not that of a project."""
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
        warnings = skipped(refused, "opencode cannot use this name")
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
    """Return the settings in a file of opencode; none if it cannot be read, which a write would report."""
    try:
        found = jsonc.parse(files.read(path, foreign=True, limit=_MAX_BYTES).decode()).value
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(settings: dict[Path, dict[str, Any]], name: str) -> Iterator[tuple[Path, Change, str]]:
    """Yield the file and the change that make opencode show the provider, with a warning about it.

    `settings` has the files in their order: a list in a later file replaces that in an earlier one.
    """
    for key, is_right, verb in (("enabled_providers", True, "adds"), ("disabled_providers", False, "removes")):
        path = next((path for path in reversed(settings) if key in settings[path]), None)
        names = settings[path][key] if path else None
        # An empty list of enabled providers hides all. opencode itself refuses what is not a list.
        if path and isinstance(names, list) and (name in names) is not is_right:
            new = [*names, name] if is_right else [one for one in names if one != name]
            yield path, Set((key,), new), f"{key} in {path} hides {name} from opencode: this export {verb} it"


def _merged(settings: dict[Path, dict[str, Any]], own: Path, name: str) -> list[str]:
    """Return a warning for each other file that has the provider too."""
    return [
        f"{path} also has provider.{name}: opencode merges both, and {own} overrides it"
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
        # opencode needs both or none of each of these.
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
    """Return the prices above 200,000 tokens, the only threshold that opencode supports.

    A later tier is put there too, as in opencode's own list of models (models.dev).
    """
    within = [tier for tier in tiers if tier["above"] <= _THRESHOLD]
    return _rates((within[-1:] or tiers)[0]) if tiers else None
