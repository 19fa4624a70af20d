"""GitHub Copilot CLI (https://docs.github.com/copilot): `copilot help providers` and `copilot mcp --help` of 1.0.102.

How it replaces references in MCP servers: platform/mcp/common/envVarResolution.ts of microsoft/vscode, a port of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.mcp_entries import BARE, EntriesHost, names_in
from litellmctl.programs.model_facts import with_id
from litellmctl.programs.program import Launch, Provider, Wish, shell_words
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellmctl.catalog.model import Model

_PREFIX = "COPILOT_PROVIDER_"
# Those of another provider that the user may have.
_ALL = (
    *("BASE_URL", "TYPE", "API_KEY", "API_KEY_COMMAND", "BEARER_TOKEN", "WIRE_API", "TRANSPORT", "AZURE_API_VERSION"),
    *("HEADERS", "MODEL_ID", "WIRE_MODEL", "MAX_PROMPT_TOKENS", "MAX_OUTPUT_TOKENS"),
)
_EFFORT = "--reasoning-effort"


class Copilot(EntriesHost):
    """Variables for a provider of the user's own, with which it needs no sign-in at GitHub.

    MCP servers are in `mcpServers` of mcp-config.json, and of .mcp.json and .github/mcp.json of a trusted folder; the
    latter is ours, since Claude Code reads .mcp.json too. `$NAME`, `${NAME}` and `${NAME:-x}` are replaced in them.
    Tools are `SERVER-TOOL`, cut to 64 characters, with a number where two would have one name, which depends on their
    order. It passes on all of its environment, and asks before a tool runs.
    """

    name = "copilot"
    title = "Copilot CLI"
    executable = "copilot"
    takes_command = True
    needs_model = True
    needs_catalog = True
    model_options = ("--model",)
    without_model = frozenset(
        {
            *("app", "config", "help", "instruction", "login", "mcp", "memories", "plugin", "sessions", "skill"),
            *("update", "version"),
        }
    )
    install = "npm install -g @github/copilot"
    has_project_file = True
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    reference = BARE
    prefix = "{}-"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the file of the user, which XDG_CONFIG_HOME does not move, or that of a project."""
        return project / ".github" / "mcp.json" if project else _folder() / "mcp-config.json"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:
        """Return the command for the entry, and the one in a session that lists the tools."""
        trusted = " in a folder that Copilot CLI trusts" if project else ""
        return [f"/mcp show {name}   (in a new session{trusted}; it lists the tools)" for name in names[:1]]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return warnings about servers that the user has disabled."""
        disabled = names_in(self.settings_in(_folder() / "settings.json"), "disabledMcpServers") or []
        off = [name for name in names if name.lower() in disabled]
        return [f'"{name}" is switched off: run copilot mcp enable {shell_words([name])}' for name in off]

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the variables for the provider, and for the limits of the model that it starts with."""
        named = self.named_model(wish.arguments)
        name = named or wish.model
        model = with_id(provider.models, name)
        wire = "responses" if model and model["mode"] == "responses" else "completions"
        own = {"TYPE": "openai", "BASE_URL": provider.v1, "WIRE_API": wire, **_limits(model)}
        if provider.command:
            own["API_KEY_COMMAND"] = shell_words(provider.command)
        else:
            own["API_KEY"] = provider.key
        variables = {f"{_PREFIX}{word}": value for word, value in own.items()}
        if wish.model and named is None:
            variables["COPILOT_MODEL"] = wish.model
        return Launch(
            arguments=self._effort(model, wish) if name else (),
            variables=variables,
            unset=[f"{_PREFIX}{word}" for word in _ALL if word not in own],
        )

    def _effort(self, model: Model | None, wish: Wish) -> list[str]:
        """Return the option without which it asks models to reason that cannot, such as gpt-4o, and gets an error."""
        given = any(word.partition("=")[0] in (_EFFORT, "--effort") for word in wish.arguments)
        is_prompt = self.without_model.isdisjoint(wish.arguments[:1])
        return [_EFFORT, "none"] if is_prompt and not given and not (model and model["reasoning"]) else []


def _folder() -> Path:
    named = environment.get("COPILOT_HOME")
    return Path(named) if named else paths.home() / ".copilot"


def _limits(model: Model | None) -> dict[str, str]:
    found = {}
    if model and model["context_window"]:
        found["MAX_PROMPT_TOKENS"] = str(model["context_window"])
    if model and model["max_output_tokens"]:
        found["MAX_OUTPUT_TOKENS"] = str(model["max_output_tokens"])
    return found
