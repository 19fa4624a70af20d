"""Qwen Code (https://github.com/QwenLM/qwen-code): docs/users/configuration (settings, model-providers), features/mcp.

As 0.15.10 does it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import member, with_changes
from litellmctl.programs.mcp_entries import BARE, EntriesHost, listed_warnings
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import KEY_VARIABLE, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellmctl.catalog.model import Model

_FOLDER, _FILE, _DEFAULTS = ".qwen", "settings.json", "system-defaults.json"
_FILE_VARIABLE, _DEFAULTS_VARIABLE = "QWEN_CODE_SYSTEM_SETTINGS_PATH", "QWEN_CODE_SYSTEM_DEFAULTS_PATH"
# Where an administrator keeps settings, elsewhere than on Linux.
_FOLDERS = {"win32": r"C:\ProgramData\qwen-code", "darwin": "/Library/Application Support/QwenCode"}
# It replaces these in all settings: resolveEnvVarsInString.
_REFERENCE = re.compile(r"\$(\w|\{[^}])")
_MODALITIES = ("image", "pdf", "audio", "video")


class Qwen(EntriesHost):
    """`modelProviders.openai` in settings that override the user's: each model with its base URL and limits.

    An administrator's settings override the user's, and a variable names their file: ours is a copy of it.

    MCP servers are in `mcpServers` of the settings of the user or of a project, where `$NAME` and `${NAME}` are
    replaced, but not in names. Tools are `mcp__SERVER__TOOL`; of one longer than 63 characters, it keeps the first 28
    and the last 32, so that two may get one name. A model finds them with `tool_search`. Qwen Code passes on all of its
    environment, and starts servers in trusted folders only, once folders need trust, which is off by default.
    """

    name = "qwen"
    title = "Qwen Code"
    executable = "qwen"
    needs_model = True
    needs_catalog = True
    without_model = frozenset({"auth", "channel", "extensions", "hook", "hooks", "mcp"})
    install = "npm install -g @qwen-code/qwen-code"
    has_project_file = True
    reference = BARE
    prefix = "mcp__{}__"
    max_name = 63

    def misreads(self, name: str) -> bool:
        """Whether it would put the value of a variable into the name."""
        return super().misreads(name) or _REFERENCE.search(name) is not None

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the settings of the user or of a project."""
        if project:
            return project / _FOLDER / _FILE
        named = environment.get("QWEN_HOME")
        return (Path(paths.expanded(named)) if named else paths.home() / _FOLDER) / _FILE

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that starts each server, and what it may need."""
        trust = member(member(self.settings_in(self.mcp_path()), "security"), "folderTrust").get("enabled")
        return ["qwen mcp list   (in a folder that Qwen Code trusts)" if trust is True else "qwen mcp list"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:
        """Return warnings about lists of servers in any settings."""
        administrators = _administrators()
        defaults = environment.get(_DEFAULTS_VARIABLE) or administrators.with_name(_DEFAULTS)
        files = [administrators, Path(defaults), self.mcp_path(), *([self.mcp_path(project)] if project else [])]
        return [found for path in files for found in listed_warnings(self.title, path, self.settings_in(path), names)]

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
