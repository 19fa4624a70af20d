"""aider (https://aider.chat): docs aider_conf, adv-model-settings, openai-compat; main.py and models.py of 0.86.2."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from litellmctl.auth.credential import LOCAL_KEY_PREFIX
from litellmctl.errors import ConfigFailure
from litellmctl.foundation.text import dump_json
from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import read
from litellmctl.programs.model_facts import known, per_token
from litellmctl.programs.program import Export, Exporter, Launch, Provider, Wish, end_of_options
from litellmctl.programs.variables import script
from litellmctl.settings import paths

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Model

_METADATA, _VARIABLES = "models.json", "variables.env"


class Aider(Exporter):
    """`openai-api-base` in .aider.conf.yml, and the models' limits and prices in .aider.model.metadata.json.

    aider supports only one OpenAI-compatible API, and reads its key from OPENAI_API_KEY.
    """

    name = "aider"
    title = "aider"
    executable = "aider"
    key_from = "reads the key from OPENAI_API_KEY."
    reads_variable = True
    needs_model = True
    needs_catalog = True
    model_options = ("--model",)
    install = "uv tool install --python 3.12 aider-chat"

    def path(self) -> Path:
        """Return the user's configuration, not that of a project."""
        return paths.home() / ".aider.conf.yml"

    def folder(self) -> Path:
        """Return the folder of its caches: its configuration file is in the home folder itself."""
        return paths.home() / ".aider"

    def export(self, provider: Provider) -> Export:
        """Return the base URL, and each model under the name that aider sends."""
        models: list[Change] = [Set((name,), facts) for name, facts in _models(provider).items()]
        settings: list[Change] = [Set(("openai-api-base",), provider.v1)]
        if provider.key or _has_local_key(self.path()):
            settings.append(Set(("openai-api-key",), provider.key))  # if empty, aider reads the variable
        start = "aider --model openai/MODEL"
        return Export(
            [
                FileChange(self.path(), "yaml", settings),
                FileChange(paths.home() / ".aider.model.metadata.json", "json", models),
            ],
            notes=[start if provider.key else f'OPENAI_API_KEY="$(litellmctl token)" {start}'],
        )

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return options, which override its files and variables, and two files that it reads after the user's own.

        One has the models' facts. The other has the key: aider lets an .env file override the environment.
        """
        # The second one overrides a key in .aider.conf.yml.
        variables = {"OPENAI_API_KEY": provider.key, "AIDER_OPENAI_API_KEY": provider.key}
        arguments = ["--openai-api-base", provider.v1, "--model-metadata-file", str(wish.folder / _METADATA)]
        # LiteLLM, which aider uses, reads this variable before the one of --openai-api-base.
        arguments += ["--set-env", f"OPENAI_BASE_URL={provider.v1}", "--env-file", str(wish.folder / _VARIABLES)]
        names = {model["id"] for model in provider.models}
        named = self.named_model(wish.arguments)
        model = named if named in names else wish.model
        if model is not None:
            # Otherwise aider takes models for small tasks from its own list, of which the proxy may have none.
            for option in ("--model", "--weak-model", "--editor-model"):
                arguments += [option, f"openai/{model}"]
        return Launch(
            arguments=arguments,
            variables=variables,
            files={_METADATA: dump_json(_models(provider)), _VARIABLES: script("dotenv", variables) + "\n"},
            user_arguments=_with_prefix(wish.arguments, names),
        )


def _has_local_key(path: Path) -> bool:
    """Whether a file of aider's has the local key of a relay, which overrides the variable."""
    try:
        text = read(path) or ""
    except ConfigFailure:
        return False
    return re.search(rf"""^openai-api-key:\s*["']?{LOCAL_KEY_PREFIX}""", text, re.MULTILINE) is not None


def _with_prefix(arguments: Sequence[str], names: Collection[str]) -> list[str]:
    """Return the user's arguments with the prefix at models of the proxy, or aider may choose another provider."""
    changed = []
    end = end_of_options(arguments)
    for index, word in enumerate(arguments):
        option, is_joined, value = word.partition("=")
        if index < end and is_joined and option == "--model" and value in names:
            changed.append(f"{option}=openai/{value}")
        elif index < end and word in names and index > 0 and arguments[index - 1] == "--model":
            changed.append(f"openai/{word}")
        else:
            changed.append(word)
    return changed


def _models(provider: Provider) -> dict[str, dict[str, Any]]:
    """Return the facts of each model, under the name that aider uses."""
    return {f"openai/{model['id']}": _model(model) for model in provider.models}


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
