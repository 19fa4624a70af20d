"""Zed (https://zed.dev): docs/src/ai/use-api-access.md; its crates settings_content, language_models and paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.exporters.exporter import Export, Exporter, FileChange, Provider, Set, known, left_out
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model


class Zed(Exporter):
    """`language_models.openai_compatible.ID` in settings.json. The key comes from a variable, or Zed's keychain."""

    name = "zed"
    title = "Zed"
    program = "zed"
    key_from = "reads the key from LITELLM_API_KEY, or has it in its own store."

    def path(self) -> Path:
        """Return the user's settings; XDG_CONFIG_HOME counts on Linux alone."""
        if sys.platform == "win32":
            folder = Path(environment.get("APPDATA") or paths.home()) / "Zed"
        elif sys.platform == "darwin":
            folder = paths.home() / ".config" / "zed"
        else:
            folder = paths.xdg_config_home() / "zed"
        return folder / "settings.json"

    def export(self, provider: Provider) -> Export:
        """Return the provider with the models whose context window is known: Zed takes no others."""
        body = {
            "api_url": provider.v1,
            "available_models": [_model(model) for model in provider.models if model["context_window"] is not None],
        }
        missing = [model["id"] for model in provider.models if model["context_window"] is None]
        return Export(
            [FileChange(self.path(), "json", [Set(("language_models", "openai_compatible", provider.id), body)])],
            notes=[f'{_variable(provider.id)}="$(litellmctl token)" zed'],
            warnings=left_out(missing, "Zed asks for the context window, which is unknown"),
        )


def _model(model: Model) -> dict[str, Any]:
    takes, supports = model["input"], model["supports"]
    responses = model["mode"] == "responses"
    abilities = known(
        tools=supports.get("function_calling"),
        images=None if takes is None else "image" in takes,
        parallel_tool_calls=supports.get("parallel_function_calling"),
        chat_completions=False if responses else None,
    )
    # It wants these four where it is told of any: the others are as Zed has them by default.
    defaults = {"tools": True, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False}
    return known(
        name=model["id"],
        max_tokens=model["context_window"],
        max_output_tokens=model["max_output_tokens"],
        capabilities=defaults | abilities if abilities else None,
    )


def _variable(provider_id: str) -> str:
    """Return the variable that Zed reads: the name in capitals, with _ between letters and digits too."""
    import re

    return "_".join(re.findall(r"[a-z]+|[0-9]+", provider_id)).upper() + "_API_KEY"
