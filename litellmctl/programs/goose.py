"""goose (https://github.com/aaif-goose/goose): declarative.rs of goose-providers, base.rs of goose-provider-types.

For one run: crates/goose/src/providers/litellm.rs, its config/base.rs and crates/goose-cli/src/session/builder.rs
of 1.50.0.

MCP: config/extensions.rs, agents/extension.rs and agents/extension_manager.rs there, as of autumn 2026. A tool is
`ENTRY__TOOL`, whatever its length; a server gets all variables of goose's own, without a question.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.mcp_entries import NOTHING, EntriesHost, app_data
from litellmctl.programs.model_facts import known, per_token, with_id
from litellmctl.programs.program import Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellmctl.catalog.model import Model
    from litellmctl.programs.mcp_host import Bridge

_COMMAND_SECONDS = 20
_RENEW_SECONDS = 300
# The provider that is built in, and what of the user's environment would send requests elsewhere: headers of its own,
# and another model for the first turns.
_BUILT_IN = "litellm"
_OVERRIDES = ("LITELLM_CUSTOM_HEADERS", "GOOSE_LEAD_PROVIDER", "GOOSE_LEAD_MODEL")


class Goose(Exporter, EntriesHost):
    """A file of its own in custom_providers, and `extensions.NAME` in config.yaml.

    goose runs our commands without a shell, and replaces nothing in them. It waits 300 seconds for a call.

    There is one folder for these files, and that is the user's: a run has the built-in provider, with a variable.
    """

    name = "goose"
    title = "goose"
    executable = "goose"
    needs_catalog = True
    install = "brew install block-goose-cli"
    model_options = ("--model", "--provider")
    format = "yaml"
    mapping = "extensions"
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    reference = NOTHING
    off = ("enabled", False)
    initial: ClassVar[Mapping[str, Any]] = {"enabled": True, "timeout": 300}
    prefix = "{}__"

    def path(self) -> Path:
        """Return the file of the provider with the default name."""
        return self._file("litellm")

    def folder(self) -> Path:
        """Return goose's own folder: that of XDG, except on Windows."""
        root = environment.get("GOOSE_PATH_ROOT")
        if root and Path(root).is_absolute():
            return Path(root) / "config"
        if sys.platform == "win32":
            folder = app_data() / "Block" / "goose" / "config"
        else:
            folder = paths.xdg_config_home() / "goose"
        return folder

    def mcp_path(self, project: Path | None = None) -> Path:  # noqa: ARG002
        """Return the user's config.yaml, which overrides goose's other files; there is none of a project."""
        return self.folder() / "config.yaml"

    def entry_name(self, name: str) -> str:
        """Return the key that goose makes of a name: config/extensions.rs, `name_to_key`."""
        return re.sub(r"[^a-z0-9_-]", "_", "".join(name.split()).lower())

    def entry(self, bridge: Bridge) -> dict[str, Any]:
        """Return an extension: goose has names of its own for the members."""
        command, *arguments = bridge.command
        about = {"name": self.entry_name(bridge.name), "description": bridge.title}
        return {**self.first, **about, "cmd": command, "args": arguments, "envs": dict(bridge.variables)}

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return how to start a session with the extensions: goose has no command that lists their tools."""
        return ["goose session"]

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the variables of the built-in provider, which override all of goose's files."""
        variables = {
            **key_variables(provider),
            "LITELLM_HOST": provider.base_url,
            "LITELLM_BASE_PATH": "v1/chat/completions",
        }
        warnings = []
        if wish.model is not None:
            variables |= {"GOOSE_PROVIDER": _BUILT_IN, "GOOSE_MODEL": wish.model}
            model = with_id(provider.models, wish.model)
            if model and model["context_window"]:
                variables["GOOSE_CONTEXT_LIMIT"] = str(model["context_window"])
        elif [*wish.arguments[:1]] in ([], ["session"], ["run"]) and self.lacks_model(wish.arguments):
            warnings.append(self.default_model_warning())
        return Launch(variables=variables, unset=_OVERRIDES, warnings=warnings)

    def export(self, provider: Provider) -> Export:
        """Return the provider with its models. Its name has a prefix, since goose has a built-in litellm."""
        name = self._file(provider.id).stem
        command, *arguments = provider.command
        body = {
            "name": name,
            "engine": "openai",
            "display_name": provider.name,
            "base_url": f"{provider.v1}/chat/completions",
            "requires_auth": True,
            # Empty, to override the key of an earlier version of this file.
            "api_key_env": "",
            "auth": {
                "command": command,
                "args": arguments,
                "refresh_interval": _RENEW_SECONDS,
                "timeout_seconds": _COMMAND_SECONDS,
            },
            "dynamic_models": False,
            "skip_canonical_filtering": True,
            "models": [_model(model) for model in provider.models],
        }
        change = FileChange(self._file(provider.id), "json", [Set((key,), value) for key, value in body.items()])
        return Export([change], notes=[f"GOOSE_PROVIDER={name} GOOSE_MODEL=MODEL goose session"])

    def _file(self, provider_id: str) -> Path:
        return self.folder() / "custom_providers" / f"custom_{provider_id}.json"


def _model(model: Model) -> dict[str, Any]:
    cost, takes = model["cost"], model["input"]
    prices = {
        "input_token_cost": per_token(cost["input"]),
        "output_token_cost": per_token(cost["output"]),
        "cache_read_token_cost": per_token(cost["cache_read"]),
        "cache_write_token_cost": per_token(cost["cache_write"]),
    }
    return known(
        name=model["id"],
        context_limit=model["context_window"],
        reasoning=model["reasoning"],
        supports_vision=None if takes is None else "image" in takes,
        **prices,
        currency="$" if any(price is not None for price in prices.values()) else None,
    )
