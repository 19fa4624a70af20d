"""Continue (https://docs.continue.dev/reference): packages/config-yaml/src/schemas of continuedev/continue."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Fill, Put
from litellmctl.programs.model_facts import known, skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Provider
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# Continue replaces the first anywhere in the file, also in quotes, and asks the proxy for the second.
_MEANS_MORE = re.compile(r".*\$\{\{.*|AUTODETECT", re.DOTALL)
_MIGRATION = "https://docs.continue.dev/reference/yaml-migration"


class Continue(Exporter):
    """Items of `models` in config.yaml with names that start with `ID/`.

    Continue runs no command: the key is a secret, read from a variable or from .env beside config.yaml.
    """

    name = "continue"
    title = "Continue"
    executable = "cn"
    key_from = "reads the key from LITELLM_API_KEY."

    def path(self) -> Path:
        """Return the user's configuration, not that of a workspace."""
        named = environment.get("CONTINUE_GLOBAL_DIR")
        return (Path(named) if named else paths.home() / ".continue") / "config.yaml"

    def export(self, provider: Provider) -> Export:
        """Return the models, and the fields that a new file needs."""
        refused = [model["id"] for model in provider.models if _MEANS_MORE.fullmatch(model["id"])]
        items = [_model(model, provider) for model in provider.models if model["id"] not in refused]
        changes: list[Change] = [
            Fill((), {"name": "Local Config", "version": "1.0.0", "schema": "v1"}),
            Put(("models",), items, "name", f"{provider.id}/", is_prefix=True),
        ]
        return Export(
            [FileChange(self.path(), "yaml", changes)],
            notes=['eval "$(litellmctl env)" && code .   (or cn)'],
            warnings=[*skipped(refused, "Continue treats this name as a reference"), *self._supersedes()],
        )

    def _supersedes(self) -> list[str]:
        """Return the warning that a new config.yaml hides config.json: core/config/profile/doLoadConfig.ts."""
        new = self.path()
        old = new.with_name("config.json")
        if os.path.lexists(new) or not os.path.exists(old):
            return []
        ignored = f"Continue ignores {old} once {new} exists: copy what you need into the new file ({_MIGRATION})"
        return [f"{ignored}; litellmctl export continue --undo removes it"]


def _model(model: Model, provider: Provider) -> dict[str, Any]:
    window, most = model["context_window"], model["max_output_tokens"]
    takes, tools = model["input"], model["supports"].get("function_calling")
    has = {"tool_use": tools, "image_input": takes and "image" in takes}
    # Unless all of them are known, Continue guesses by the model's name.
    abilities = None if takes is None or tools is None else [name for name, can in has.items() if can]
    options = known(
        contextLength=window,
        # A request is refused if it leaves no token for the prompt.
        maxTokens=most if most is None or window is None or most < window else None,
    )
    return known(
        name=f"{provider.id}/{model['id']}",
        provider="openai",
        model=model["id"],
        apiBase=provider.v1,
        apiKey=f"${{{{ secrets.{KEY_VARIABLE} }}}}",
        capabilities=abilities,
        defaultCompletionOptions=options or None,
    )
