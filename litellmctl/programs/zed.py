"""Zed (https://zed.dev): docs/src/ai/use-api-access.md; its crates settings_content, language_models and paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.model_facts import known, skipped
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model


class Zed(Exporter):
    """`language_models.openai_compatible.ID` in settings.json. Zed reads the key from a variable or its keychain."""

    name = "zed"
    title = "Zed"
    executable = "zed"
    key_from = "reads the key from LITELLM_API_KEY or its own key store."
    reads_variable = True

    def path(self) -> Path:
        """Return the user's settings; only on Linux, Zed reads XDG_CONFIG_HOME."""
        if sys.platform == "win32":
            folder = Path(environment.get("APPDATA") or paths.home()) / "Zed"
        elif sys.platform == "darwin":
            folder = paths.home() / ".config" / "zed"
        else:
            folder = paths.xdg_config_home() / "zed"
        return folder / "settings.json"

    def export(self, provider: Provider) -> Export:
        """Return the provider and its models with a known context window, which Zed requires."""
        body = {
            "api_url": provider.v1,
            "available_models": [_model(model) for model in provider.models if model["context_window"] is not None],
        }
        missing = [model["id"] for model in provider.models if model["context_window"] is None]
        return Export(
            [FileChange(self.path(), "json", [Set(("language_models", "openai_compatible", provider.id), body)])],
            notes=[_note(provider)],
            warnings=skipped(missing, "Zed needs the context window, which is unknown"),
        )


def _note(provider: Provider) -> str:
    """Return how Zed gets the key, which no file of Zed's may have. It asks for it in its settings, and keeps it."""
    if not provider.key:
        return f'{_variable(provider.id)}="$(litellmctl token)" zed'
    prints = "litellmctl serve --status --json | jq -r .api_key"
    return f'{_variable(provider.id)}="$({prints})" zed   (or paste that key once into its settings)'


def _model(model: Model) -> dict[str, Any]:
    takes, supports = model["input"], model["supports"]
    responses = model["mode"] == "responses"
    abilities = known(
        tools=supports.get("function_calling"),
        images=None if takes is None else "image" in takes,
        parallel_tool_calls=supports.get("parallel_function_calling"),
        chat_completions=False if responses else None,
    )
    # Zed needs all four if any is set: the others have its defaults.
    defaults = {"tools": True, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False}
    return known(
        name=model["id"],
        max_tokens=model["context_window"],
        max_output_tokens=model["max_output_tokens"],
        capabilities=defaults | abilities if abilities else None,
    )


def _variable(provider_id: str) -> str:
    """Return the variable that Zed reads: the name in upper case, with _ also between letters and digits."""
    import re

    return "_".join(re.findall(r"[a-z]+|[0-9]+", provider_id)).upper() + "_API_KEY"
