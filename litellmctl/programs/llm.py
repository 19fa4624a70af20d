"""llm (https://llm.datasette.io): docs other-models.md, and llm/default_plugins/openai_models.py of llm 0.36."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import FileChange, Put
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model


class Llm(Exporter):
    """Items of extra-openai-models.yaml with the provider's name as `api_key_name`.

    llm reads the key from its own key store, or from OPENAI_API_KEY if that has none with this name.
    """

    name = "llm"
    title = "llm"
    executable = "llm"
    key_from = "reads the key from OPENAI_API_KEY or its own key store."

    def path(self) -> Path:
        """Return the file in LLM_USER_PATH, or in the folder that Click gives llm."""
        import click

        folder = environment.get("LLM_USER_PATH") or click.get_app_dir("io.datasette.llm")
        return Path(folder) / "extra-openai-models.yaml"

    def export(self, provider: Provider) -> Export:
        """Return the models, as ID/MODEL: llm has a gpt-4o and others of its own."""
        items = [_model(model, provider) for model in provider.models]
        return Export(
            [FileChange(self.path(), "yaml", [Put((), items, "api_key_name", provider.id)])],
            notes=[
                f'OPENAI_API_KEY="$(litellmctl token)" llm -m {provider.id}/MODEL "A prompt"',
                # Not with a pipe: llm asks on the terminal if there is one.
                f"llm keys set {provider.id}  # or this, with a key that does not expire",
            ],
        )


def _model(model: Model, provider: Provider) -> dict[str, Any]:
    takes = model["input"] or ()
    abilities = {
        "supports_schema": model["supports"].get("response_schema"),
        "supports_tools": model["supports"].get("function_calling"),
        "vision": "image" in takes,
        "audio": "audio" in takes,
        "reasoning": model["reasoning"],
        "responses": model["mode"] == "responses",
    }
    return {
        "model_id": f"{provider.id}/{model['id']}",
        "model_name": model["id"],
        "api_base": provider.v1,
        "api_key_name": provider.id,
        # What is missing is off.
        **{name: True for name, has in abilities.items() if has},
    }
