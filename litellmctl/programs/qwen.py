"""Qwen Code (https://github.com/QwenLM/qwen-code): docs/users/configuration (settings, model-providers).

As 0.15.10 does it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import with_changes
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import KEY_VARIABLE, Launch, Program, Provider, Wish, key_variables
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

_FILE, _DEFAULTS = "settings.json", "system-defaults.json"
_FILE_VARIABLE, _DEFAULTS_VARIABLE = "QWEN_CODE_SYSTEM_SETTINGS_PATH", "QWEN_CODE_SYSTEM_DEFAULTS_PATH"
# Where an administrator keeps settings, elsewhere than on Linux.
_FOLDERS = {"win32": r"C:\ProgramData\qwen-code", "darwin": "/Library/Application Support/QwenCode"}
# It replaces these in all settings: resolveEnvVarsInString.
_REFERENCE = re.compile(r"\$(\w|\{[^}])")
_MODALITIES = ("image", "pdf", "audio", "video")


class Qwen(Program):
    """`modelProviders.openai` in settings that override the user's: each model with its base URL and limits.

    An administrator's settings override the user's, and a variable names their file: ours is a copy of it.
    """

    title = "Qwen Code"
    executable = "qwen"
    needs_model = True
    needs_catalog = True
    without_model = frozenset({"auth", "channel", "extensions", "hook", "hooks", "mcp"})
    install = "npm install -g @qwen-code/qwen-code"

    def misreads(self, name: str) -> bool:
        """Whether it would put the value of a variable into the name."""
        return super().misreads(name) or _REFERENCE.search(name) is not None

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
            **key_variables(provider),
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
