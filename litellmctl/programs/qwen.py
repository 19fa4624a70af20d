"""Qwen Code (https://github.com/QwenLM/qwen-code): docs/users/configuration (settings, model-providers)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import with_changes
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import KEY_VARIABLE, Launch, Program, Provider, Wish
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

_FILE, _DEFAULTS = "settings.json", "system-defaults.json"
_FILE_VARIABLE, _DEFAULTS_VARIABLE = "QWEN_CODE_SYSTEM_SETTINGS_PATH", "QWEN_CODE_SYSTEM_DEFAULTS_PATH"
# Where an administrator keeps settings, elsewhere than on Linux.
_FOLDERS = {"win32": r"C:\ProgramData\qwen-code", "darwin": "/Library/Application Support/QwenCode"}
_WITHOUT_MODEL = {"auth", "channel", "extensions", "hook", "hooks", "mcp"}
_MODALITIES = ("image", "pdf", "audio", "video")


class Qwen(Program):
    """`modelProviders.openai` in settings that override the user's: each model with its base URL and limits.

    An administrator's settings override the user's, and a variable names their file: ours is a copy of it.
    """

    title = "Qwen Code"
    executable = "qwen"
    needs_model = True
    needs_catalog = True
    install = "npm install -g @qwen-code/qwen-code"

    def needs_no_model(self, arguments: Sequence[str]) -> bool:
        """Whether the user's own arguments name a model, or are for what takes none."""
        return super().needs_no_model(arguments) or not _WITHOUT_MODEL.isdisjoint(arguments[:1])

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return a file of settings with the models, and the variables for the key, and for models not among them."""
        changes: list[Change] = [
            Set(("security", "auth", "selectedType"), "openai"),
            Set(("modelProviders", "openai"), [_model(model, provider) for model in provider.models]),
        ]
        if wish.model and self.named_model(wish.arguments) is None:
            changes.append(Set(("model", "name"), wish.model))
        path = _administrators()
        variables = {
            _FILE_VARIABLE: str(wish.folder / _FILE),
            # It would be looked for beside ours.
            _DEFAULTS_VARIABLE: environment.get(_DEFAULTS_VARIABLE) or str(path.with_name(_DEFAULTS)),
            "OPENAI_BASE_URL": provider.v1,
            "OPENAI_API_KEY": provider.key,
            KEY_VARIABLE: provider.key,
        }
        text = with_changes(FileChange(path, "json", changes))
        return Launch(variables=variables, unset=("QWEN_OAUTH",), files={_FILE: text})


def _administrators() -> Path:
    """Return the file with an administrator's settings, which need not exist."""
    named = environment.get(_FILE_VARIABLE)
    return Path(named) if named else Path(_FOLDERS.get(sys.platform, "/etc/qwen-code"), _FILE)


def _model(model: Model, provider: Provider) -> dict[str, Any]:
    takes = model["input"]
    facts = known(
        contextWindowSize=model["context_window"],
        modalities=None if takes is None else {name: name in takes for name in _MODALITIES},
        samplingParams=known(max_tokens=model["max_output_tokens"]) or None,
    )
    return known(
        id=model["id"],
        name=model["id"],
        description=provider.name,
        envKey=KEY_VARIABLE,
        baseUrl=provider.v1,
        generationConfig=facts or None,
    )
