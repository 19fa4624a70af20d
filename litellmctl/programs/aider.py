"""aider (https://aider.chat): docs aider_conf, adv-model-settings and openai-compat; aider/models.py of 0.86.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.model_facts import known, per_token
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import paths

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Model


class Aider(Exporter):
    """`openai-api-base` in .aider.conf.yml, and the models' limits and prices in .aider.model.metadata.json.

    aider supports only one OpenAI-compatible API, and reads its key from OPENAI_API_KEY.
    """

    name = "aider"
    title = "aider"
    executable = "aider"
    key_from = "reads the key from OPENAI_API_KEY."

    def path(self) -> Path:
        """Return the user's configuration, not that of a project."""
        return paths.home() / ".aider.conf.yml"

    def folder(self) -> Path:
        """Return the folder of its caches: its configuration file is in the home folder itself."""
        return paths.home() / ".aider"

    def export(self, provider: Provider) -> Export:
        """Return the base URL, and each model under the name that aider sends."""
        models: list[Change] = [Set((f"openai/{model['id']}",), _model(model)) for model in provider.models]
        return Export(
            [
                FileChange(self.path(), "yaml", [Set(("openai-api-base",), provider.v1)]),
                FileChange(paths.home() / ".aider.model.metadata.json", "json", models),
            ],
            notes=['OPENAI_API_KEY="$(litellmctl token)" aider --model openai/MODEL'],
        )


def _model(model: Model) -> dict[str, Any]:
    takes = model["input"]
    return known(
        litellm_provider="openai",
        mode="chat",
        max_input_tokens=model["context_window"],
        max_output_tokens=model["max_output_tokens"],
        input_cost_per_token=per_token(model["cost"]["input"]),
        output_cost_per_token=per_token(model["cost"]["output"]),
        supports_vision=None if takes is None else "image" in takes,
        supports_pdf_input=None if takes is None else "pdf" in takes,
        supports_assistant_prefill=model["supports"].get("assistant_prefill"),
    )
