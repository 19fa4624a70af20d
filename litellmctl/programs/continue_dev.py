"""Continue (https://docs.continue.dev/reference): packages/config-yaml/src/schemas of continuedev/continue.

As 1.5.47 of its cn does it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Fill, Put, Set
from litellmctl.programs.copies import with_changes
from litellmctl.programs.model_facts import known, skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# Continue replaces the first anywhere in the file, also in quotes, and asks the proxy for the second.
_MEANS_MORE = re.compile(r".*\$\{\{.*|AUTODETECT", re.DOTALL)
_FILE = "config.yaml"
# The fields that a new file needs.
_NEEDED = Fill((), {"name": "Local Config", "version": "1.0.0", "schema": "v1"})
_MIGRATION = "https://docs.continue.dev/reference/yaml-migration"


class Continue(Exporter):
    """Items of `models` in config.yaml with names that start with `ID/`.

    Continue runs no command: the key is a secret, read from a variable or from .env beside config.yaml.
    """

    name = "continue"
    title = "Continue"
    executable = "cn"
    key_from = "reads the key from LITELLM_API_KEY."
    reads_variable = True
    needs_catalog = True
    # Its own --model names a package of Continue's hub.
    model_options = ()
    install = "npm install -g @continuedev/cli"

    def path(self) -> Path:
        """Return the user's configuration, not that of a workspace."""
        named = environment.get("CONTINUE_GLOBAL_DIR")
        return (Path(named) if named else paths.home() / ".continue") / _FILE

    def export(self, provider: Provider) -> Export:
        """Return the models, and the fields that a new file needs."""
        key = {"apiKey": provider.key} if provider.key else {}  # the fixed key of a relay
        items = [{**model, **key} for model in _models(provider)]
        put = Put(("models",), items, "name", f"{provider.id}/", is_prefix=True)
        return Export(
            [FileChange(self.path(), "yaml", [_NEEDED, put])],
            notes=["code .   (or cn)" if key else 'eval "$(litellmctl env)" && code .   (or cn)'],
            warnings=[*_refused(provider.models), *self._supersedes()],
        )

    def misreads(self, name: str) -> bool:
        """Whether it would take the name for a reference."""
        return super().misreads(name) or _MEANS_MORE.fullmatch(name) is not None

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return `--config` with a copy of the user's file, in which the proxy's models stand instead of the user's.

        Continue starts with the model that was last chosen in any session, if the file has it; so with a model of
        `run`, the file has that one alone.
        """
        variables = key_variables(provider)
        if any(word.partition("=")[0] == "--config" for word in wish.arguments):
            return Launch(variables=variables, warnings=["cn reads your --config, which may not use the proxy"])
        chosen = [model for model in provider.models if model["id"] == wish.model]
        provider = replace(provider, models=chosen or provider.models)
        changes: list[Change] = [_NEEDED, Set(("models",), _models(provider))]
        return Launch(
            arguments=["--config", str(wish.folder / _FILE)],
            variables=variables,
            files={_FILE: with_changes(FileChange(self.path(), "yaml", changes))},
            warnings=_refused(provider.models),
        )

    def _supersedes(self) -> list[str]:
        """Return the warning that a new config.yaml hides config.json: core/config/profile/doLoadConfig.ts."""
        new = self.path()
        old = new.with_name("config.json")
        if os.path.lexists(new) or not os.path.exists(old):
            return []
        ignored = f"Continue ignores {old} once {new} exists: copy what you need into the new file ({_MIGRATION})"
        return [f"{ignored}; litellmctl export continue --undo removes it"]


def _refused(models: Sequence[Model]) -> list[str]:
    names = [model["id"] for model in models if _MEANS_MORE.fullmatch(model["id"])]
    return skipped(names, "Continue treats this name as a reference")


def _models(provider: Provider) -> list[dict[str, Any]]:
    return [_model(model, provider) for model in provider.models if not _MEANS_MORE.fullmatch(model["id"])]


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
