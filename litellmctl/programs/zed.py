"""Zed (https://zed.dev): docs/src/ai/use-api-access.md; its crates settings_content, language_models and paths.

MCP: docs/src/ai/mcp.md, crates/settings_content/src/project.rs and crates/context_server/src/transport/
stdio_transport.rs, as in 2026. A tool has its own name, cut to 64 characters, and a prefix only where two clash; a
server gets all variables of Zed's own.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.foundation.sentences import listed
from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.copies import member
from litellmctl.programs.mcp_entries import WAIT_SECONDS, EntriesHost, app_data
from litellmctl.programs.model_facts import known, skipped
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from litellmctl.catalog.model import Model

# The profile of Zed's agent that is built in as the default.
_PROFILE = "write"


class Zed(Exporter, EntriesHost):
    """`language_models.openai_compatible.ID` and `context_servers.NAME` in settings.json.

    Zed reads the key from a variable or its keychain. It starts an MCP server in the user's shell, with its words
    quoted; but to a few shells, one that begins with `$` is a variable.
    """

    name = "zed"
    title = "Zed"
    executable = "zed"
    key_from = "reads the key from LITELLM_API_KEY or its own key store."
    reads_variable = True
    has_project_file = True
    mapping = "context_servers"
    reference = re.compile(r"^\$")
    off = ("enabled", False)
    initial: ClassVar[Mapping[str, Any]] = {"timeout": WAIT_SECONDS}

    def path(self) -> Path:
        """Return the user's settings; only on Linux, Zed reads XDG_CONFIG_HOME."""
        if sys.platform == "win32":
            folder = app_data() / "Zed"
        elif sys.platform == "darwin":
            folder = paths.home() / ".config" / "zed"
        else:
            folder = paths.xdg_config_home() / "zed"
        return folder / "settings.json"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's settings, or those of a project, which Zed reads once the user trusts it."""
        return project / ".zed" / "settings.json" if project else self.path()

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return where Zed lists the servers: it has no command that does."""
        where = "Settings, AI, MCP Servers"
        return [f"zed {project}, trust the project, and see {where}" if project else f"zed, and see {where}"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return a warning if AI is off, or the profile of Zed's agent has chosen its MCP servers."""
        path = self.path()
        settings = self.settings_in(path)
        agent = member(settings, "agent")
        chosen = agent.get("default_profile", _PROFILE)
        profile = member(member(agent, "profiles"), chosen if isinstance(chosen, str) else _PROFILE)
        shown = member(profile, "context_servers")
        left = [name for name in names if name not in shown]
        warnings = []
        if settings.get("disable_ai") is True:
            warnings.append(f"Zed starts no MCP servers: remove disable_ai from {path}")
        if profile.get("enable_all_context_servers") is False and left:
            warnings.append(f'Zed\'s agent profile "{chosen}" hides {listed(left)}: choose it in its Tools')
        return warnings

    def export(self, provider: Provider) -> Export:
        """Return the provider and its models with a known context window, which Zed requires."""
        body = {
            "api_url": provider.v1,
            "available_models": [_model(model) for model in provider.models if model["context_window"] is not None],
        }
        missing = [model["id"] for model in provider.models if model["context_window"] is None]
        return Export(
            [FileChange(self.path(), "json", [Set(("language_models", "openai_compatible", provider.id), body)])],
            notes=[_note(provider)],
            warnings=skipped(missing, "Zed needs the context window, which is unknown"),
        )


def _note(provider: Provider) -> str:
    """Return how Zed gets the key, which no file of Zed's may have. It asks for it in its settings, and keeps it."""
    if not provider.key:
        return f'{_variable(provider.id)}="$(litellmctl token)" zed'
    prints = "litellmctl serve --status --json | jq -r .api_key"
    return f'{_variable(provider.id)}="$({prints})" zed   (or paste that key once into its settings)'


def _model(model: Model) -> dict[str, Any]:
    takes, supports = model["input"], model["supports"]
    responses = model["mode"] == "responses"
    abilities = known(
        tools=supports.get("function_calling"),
        images=None if takes is None else "image" in takes,
        parallel_tool_calls=supports.get("parallel_function_calling"),
        chat_completions=False if responses else None,
    )
    # Zed needs all four if any is set: the others have its defaults.
    defaults = {"tools": True, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False}
    return known(
        name=model["id"],
        max_tokens=model["context_window"],
        max_output_tokens=model["max_output_tokens"],
        capabilities=defaults | abilities if abilities else None,
    )


def _variable(provider_id: str) -> str:
    """Return the variable that Zed reads: the name in upper case, with _ also between letters and digits."""
    return "_".join(re.findall(r"[a-z]+|[0-9]+", provider_id)).upper() + "_API_KEY"
