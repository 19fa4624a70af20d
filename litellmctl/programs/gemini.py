"""Gemini CLI (https://github.com/google-gemini/gemini-cli): docs/reference/configuration.md, contentGenerator.ts.

As 0.61.0 does it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure
from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import read, with_changes
from litellmctl.programs.model_facts import with_id
from litellmctl.programs.program import Launch, Program, Provider, Wish
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellmctl.catalog.model import Model

_FOLDER, _SETTINGS = ".gemini", "settings.json"
# Where it has its sessions, also on the first run.
_STATE = ("tmp", "history")
# The window that it assumes for every model, and the part of it at which it compresses a session.
_ASSUMED_WINDOW, _PART = 1_048_576, 0.5
# Empty, so that no .env file sets them.
_EMPTY = ("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_GENAI_API_VERSION")


class Gemini(Program):
    """GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY, and settings that select this key rather than a sign-in at Google.

    No option or variable selects the key, and no other settings override the user's but an administrator's, which must
    be root's. So where the user's own settings do not, it gets a home folder of its own, with links to all that is in
    the user's, but the settings. What is changed in them during a run is lost.
    """

    title = "Gemini CLI"
    executable = "gemini"
    needs_catalog = True
    without_model = frozenset({"mcp", "extensions", "extension", "skills", "skill", "hooks", "hook", "gemma"})
    install = "npm install -g @google/gemini-cli"

    def lacks_default(self, arguments: Sequence[str], models: Sequence[Model]) -> bool:
        """Whether neither the user's settings or variables name a model, nor the proxy may have one of its own."""
        is_found = environment.get("GEMINI_MODEL") or any(model["id"].startswith("gemini") for model in models)
        return self.lacks_model(arguments) and not is_found and not _names_model(_home() / _FOLDER / _SETTINGS)

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the variables, and where they are needed, the user's settings with ours, and the links."""
        named = self.named_model(wish.arguments)
        model = with_id(provider.models, named or wish.model)
        changes: list[Change] = [Set(("security", "auth", "selectedType"), "gemini-api-key")]
        if model and (model["context_window"] or _ASSUMED_WINDOW) < _ASSUMED_WINDOW:
            part = round(_PART * (model["context_window"] or 0) / _ASSUMED_WINDOW, 4)
            changes.append(Set(("model", "compressionThreshold"), part))
        home = _home()
        path = home / _FOLDER / _SETTINGS
        text = with_changes(FileChange(path, "json", changes))
        arguments = ["--model", wish.model] if wish.model and named is None else ()
        key = {"GOOGLE_GEMINI_BASE_URL": provider.base_url, "GEMINI_API_KEY": provider.key}
        variables = {**key, **dict.fromkeys(_EMPTY, "")}
        lacks_default = wish.model is None and self.lacks_default(wish.arguments, provider.models)
        warnings = [self.default_model_warning()] if lacks_default else []
        if text == read(path):
            return Launch(arguments, variables, warnings=warnings)
        trusted = environment.get("GEMINI_CLI_TRUSTED_FOLDERS_PATH") or str(home / _FOLDER / "trustedFolders.json")
        # It replaces the file with trusted folders, and would replace a link.
        variables |= {"GEMINI_CLI_HOME": str(wish.folder), "GEMINI_CLI_TRUSTED_FOLDERS_PATH": trusted}
        files = {f"{_FOLDER}/{_SETTINGS}": text}
        return Launch(arguments, variables, files=files, warnings=warnings, links=_links(home))


def _home() -> Path:
    return Path(environment.get("GEMINI_CLI_HOME") or paths.home())


def _names_model(path: Path) -> bool:
    """Whether the user's settings name a model."""
    try:
        return bool(json.loads(read(path) or "{}").get("model", {}).get("name"))
    except (ConfigFailure, ValueError, AttributeError):
        return True  # comments, say


def _links(home: Path) -> dict[str, Path]:
    """Return the links to all in the user's folder but the settings, and to the skills that programs share."""
    names = {*_STATE}
    with suppress(OSError):
        names |= set(os.listdir(home / _FOLDER))
    links = {f"{_FOLDER}/{name}": home / _FOLDER / name for name in sorted(names - {_SETTINGS})}
    return {**links, ".agents": home / ".agents"} if (home / ".agents").is_dir() else links
