"""Hermes (https://github.com/NousResearch/hermes-agent): managed_scope, env_loader, runtime_provider of 0.19.0.

For MCP servers: tools/mcp_tool.py, hermes_constants.py, hermes_cli/main.py.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation.text import dump_json
from litellmctl.programs.copies import read
from litellmctl.programs.mcp_entries import NEEDED, EntriesHost
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import KEY_VARIABLE, Launch, Provider, Wish, shell_words
from litellmctl.programs.variables import script
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# No provider of the user's has this name: Hermes would mix its settings with ours.
_PROVIDER = "litellmctl-run"
_MANAGED = "HERMES_MANAGED_DIR"
# Where an administrator may have put settings. Hermes reads one such folder.
_OF_ADMINISTRATOR = Path("/etc/hermes")
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Hermes(EntriesHost):
    """A folder of managed settings, which Hermes merges over the user's own; HERMES_HOME stays in use.

    Neither a variable nor an option would do: Hermes takes the URL from settings alone, and its own .env overrides the
    environment, but for a managed one.

    MCP servers are in `mcp_servers` of config.yaml, where `${NAME}` and `${env:NAME}` are replaced. Of its environment,
    they get PATH, HOME, XDG_* and little else. Tools are `mcp__SERVER__TOOL`, whatever their length. Hermes needs its
    own extra `mcp` for them.
    """

    name = "hermes"
    title = "Hermes"
    executable = "hermes"
    needs_model = True
    needs_catalog = True
    format = "yaml"
    mapping = "mcp_servers"
    off = ("enabled", False)
    prefix = "mcp__{}__"
    hidden = NEEDED
    reference_to = "${{{}}}"

    def lacks_model(self, arguments: Sequence[str]) -> bool:
        """Whether the arguments name no model, and are for a chat."""
        return not _is_command(arguments) and super().lacks_model(arguments)

    def misreads(self, name: str) -> bool:
        """Whether it would put the value of a variable into the name, or not find where the name ends in .env."""
        return super().misreads(name) or "${" in name or name.endswith("\\")

    def mcp_path(self, project: Path | None = None) -> Path:  # noqa: ARG002
        """Return config.yaml of the user, or of the profile that is in use."""
        return _home() / "config.yaml"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that starts the first server and lists its tools."""
        return [f"hermes mcp test {shell_words([name])}   (in a session: /reload-mcp)" for name in names[:1]]

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the managed settings, with each model also as an alias, so that /model chooses the provider too."""
        name = f"custom:{_PROVIDER}"
        settings = {
            "model": {
                "provider": name,
                "base_url": provider.v1,
                # Of the user's own model.
                **dict.fromkeys(("api_key", "api_mode", "context_length", "max_tokens")),
                **known(default=wish.model),
            },
            "providers": {_PROVIDER: body(provider)},
            "model_aliases": {model["id"]: {"model": model["id"], "provider": name} for model in provider.models},
            # Otherwise a request that fails goes to another provider. A list replaces a mapping of the user's.
            "fallback_providers": [],
            "fallback_model": [],
        }
        variables = {KEY_VARIABLE: provider.key, "HERMES_INFERENCE_MODEL": wish.model or ""}
        return Launch(
            # With a --model of the user's, Hermes would choose a provider from its own lists.
            arguments=[] if _is_command(wish.arguments) else ["--provider", name],
            variables={_MANAGED: str(wish.folder)},
            unset=["HERMES_INFERENCE_PROVIDER"],
            files={"config.yaml": dump_json(settings), ".env": script("dotenv", variables) + "\n"},  # JSON is YAML
            warnings=_warnings(),
        )


def _is_command(arguments: Sequence[str]) -> bool:
    return bool(arguments) and not arguments[0].startswith("-") and arguments[0] != "chat"


def _home() -> Path:
    """Return the folder of the profile that is in use: `hermes profile use` keeps its name in a file."""
    named = environment.get("HERMES_HOME")
    root = Path(named) if named else _usual_home()
    try:
        profile = (read(root / "active_profile") or "").strip()
    except ConfigFailure:
        return root
    return root / "profiles" / profile if _PROFILE.fullmatch(profile) and profile != "default" else root


def _usual_home() -> Path:
    if sys.platform == "win32":
        named = environment.get("LOCALAPPDATA")
        folder = (Path(named) if named else paths.home() / "AppData" / "Local") / "hermes"
    else:
        folder = paths.home() / ".hermes"
    return folder


def body(provider: Provider) -> dict[str, Any]:
    """Return the proxy as an item of `providers` in Hermes' config.yaml."""
    return {
        "name": provider.name,
        "api": provider.v1,
        "key_env": KEY_VARIABLE,
        "models": {model["id"]: _model(model) for model in provider.models},
    }


def _model(model: Model) -> dict[str, Any]:
    return known(context_length=model["context_window"])


def _warnings() -> list[str]:
    """Return a warning if settings of an administrator are hidden by ours."""
    named = environment.get(_MANAGED)
    hidden = Path(named) if named else _OF_ADMINISTRATOR
    return [f"the managed settings of Hermes in {hidden} are ignored in this run"] if hidden.is_dir() else []
