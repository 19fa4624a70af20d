"""Gemini CLI (https://github.com/google-gemini/gemini-cli): docs/reference/configuration.md, contentGenerator.ts.

And docs/tools/mcp-server.md, mcp-client.ts, mcp-tool.ts, envVarResolver.ts. As 0.61.0 does it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure
from litellmctl.programs.changes import Change, FileChange, Set
from litellmctl.programs.copies import member, object_in, read, with_changes
from litellmctl.programs.mcp_entries import BARE, EntriesHost, listed_warnings
from litellmctl.programs.model_facts import with_id
from litellmctl.programs.program import Launch, Provider, Wish, shell_words
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
# Where an administrator keeps settings, elsewhere than on Linux.
_FOLDERS = {"win32": r"C:\ProgramData\gemini-cli", "darwin": "/Library/Application Support/GeminiCli"}
# It hides variables whose names look like a secret's from MCP servers: keys, and this one because of CERT.
_HIDDEN = ("SSL_CERT_FILE",)


class Gemini(EntriesHost):
    """GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY, and settings that select this key rather than a sign-in at Google.

    No option or variable selects the key, and no other settings override the user's but an administrator's, which must
    be root's. So where the user's own settings do not, it gets a home folder of its own, with links to all that is in
    the user's, but the settings. What is changed in them during a run is lost.

    MCP servers are in `mcpServers` of the same settings, where `$NAME` and `${NAME}` are replaced, but not in names.
    Tools are `mcp_SERVER_TOOL`; of one longer than 63 characters, it keeps the first and the last 30, with `...`
    between them, which other models than Google's refuse. It starts servers in trusted folders only, and takes what
    follows the first `_` of a server's name for a tool in its policies. Schemas go to the model as they are, with one
    more parameter, `wait_for_previous`, which it passes on to the server. Without a terminal, a model sees only tools
    that need no approval.
    """

    name = "gemini"
    title = "Gemini CLI"
    executable = "gemini"
    needs_catalog = True
    without_model = frozenset({"mcp", "extensions", "extension", "skills", "skill", "hooks", "hook", "gemma"})
    install = "npm install -g @google/gemini-cli"
    has_project_file = True
    reference = BARE
    prefix = "mcp_{}_"
    max_name = 63
    hidden = _HIDDEN
    reference_to = "${}"

    def lacks_default(self, arguments: Sequence[str], models: Sequence[Model]) -> bool:
        """Whether neither the user's settings or variables name a model, nor the proxy may have one of its own."""
        is_found = environment.get("GEMINI_MODEL") or any(model["id"].startswith("gemini") for model in models)
        return self.lacks_model(arguments) and not is_found and not _names_model(_home() / _FOLDER / _SETTINGS)

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the settings of the user or of a project."""
        return (project or _home()) / _FOLDER / _SETTINGS

    def entry_name(self, name: str) -> str:
        """Return the name without `_`, which would end the server's name in Gemini CLI's policies."""
        return name.replace("_", "-")

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that starts each server, and what it needs."""
        return ["gemini mcp list   (in a folder that Gemini CLI trusts; after a restart: /mcp)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:
        """Return warnings about lists of servers in any settings, and about servers that the user has disabled."""
        found = []
        for path in (*_of_administrator(), self.mcp_path(), *([self.mcp_path(project)] if project else [])):
            found += listed_warnings(self.title, path, self.settings_in(path), names)
        disabled = object_in(_home() / _FOLDER / "mcp-server-enablement.json")
        for name in names:
            if member(disabled, name.lower()).get("enabled") is False:
                found.append(f'"{name}" is switched off: run gemini mcp enable {shell_words([name])}')
        return found

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


def _of_administrator() -> tuple[Path, Path]:
    """Return the files with an administrator's settings and defaults, which need not exist."""
    folder = Path(_FOLDERS.get(sys.platform, "/etc/gemini-cli"))
    named = environment.get("GEMINI_CLI_SYSTEM_SETTINGS_PATH")
    settings = Path(named) if named else folder / _SETTINGS
    named = environment.get("GEMINI_CLI_SYSTEM_DEFAULTS_PATH")
    return settings, Path(named) if named else settings.with_name("system-defaults.json")


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
