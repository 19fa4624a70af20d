"""Continue (https://docs.continue.dev/reference): packages/config-yaml/src/schemas of continuedev/continue.

As 1.5.47 of its cn does it.

MCP: schemas/mcp there, core/context/mcp (MCPConnection.ts, json/loadJsonMcpConfigs.ts), core/tools (callTool.ts,
mcpToolName.ts) and extensions/cli/src/services/MCPService.ts of 2026-06. The extensions call a tool `ENTRY_TOOL`,
whatever its length, and cn by its own name. Both ask before a call; `cn -p` does not. The extensions pass few of their
variables to a server (PATH, HOME, USER ...), and cn all; both take the first page of the tools.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Change, FileChange, Fill, Members, Put, Set, having
from litellmctl.programs.copies import with_changes
from litellmctl.programs.mcp_entries import WAIT_SECONDS, EntriesHost
from litellmctl.programs.mcp_host import owns_bridge
from litellmctl.programs.model_facts import known, skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model
    from litellmctl.programs.mcp_host import Bridge

# Continue replaces the first anywhere in the file, also in quotes, and asks the proxy for the second.
_MEANS_MORE = re.compile(r".*\$\{\{.*|AUTODETECT", re.DOTALL)
_FILE = "config.yaml"
# The fields that a new file needs.
_NEEDED = Fill((), {"name": "Local Config", "version": "1.0.0", "schema": "v1"})
_MIGRATION = "https://docs.continue.dev/reference/yaml-migration"


class Continue(Exporter, EntriesHost):
    """Items of `models` in config.yaml with names that start with `ID/`, and items of `mcpServers`.

    Continue runs no command for the key: that is a secret, read from a variable or from .env beside config.yaml.
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
    has_project_file = True
    hides_keys = True  # from its editor extensions; cn would pass them
    prefix = "{}_"

    def path(self) -> Path:
        """Return the user's configuration, not that of a workspace."""
        named = environment.get("CONTINUE_GLOBAL_DIR")
        return (Path(named) if named else paths.home() / ".continue") / _FILE

    def export(self, provider: Provider) -> Export:
        """Return the models, and the fields that a new file needs."""
        key = {"apiKey": provider.key} if provider.key else {}  # the fixed key of a relay
        items = [{**model, **key} for model in _models(provider)]
        put = Put(("models",), items, having("name", f"{provider.id}/", is_prefix=True))
        return Export(
            [FileChange(self.path(), "yaml", [_NEEDED, put])],
            notes=["code .   (or cn)" if key else 'eval "$(litellmctl env)" && code .   (or cn)'],
            warnings=[*_refused(provider.models), *self._supersedes()],
        )

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's configuration, or a file of ours in the folder of a project.

        There is one, which only the extensions read. YAML files in it have one server each, and JSON files many.
        """
        return project / ".continue" / "mcpServers" / "litellm.json" if project else self.path()

    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return the items of config.yaml, which is a list, or the entries of the file in a project."""
        made = super().mcp(bridges, project)
        if project:
            return made
        (change,) = made.files
        found = [entry for one in change.changes if isinstance(one, Members) for entry in one.members.items()]
        items = [{"name": name, **entry, "connectionTimeout": WAIT_SECONDS * 1000} for name, entry in found]
        names = [name for name, _ in found]

        def is_replaced(item: Any) -> bool:
            return owns_bridge(item) or (isinstance(item, Mapping) and item.get("name") in names)

        put = Put(("mcpServers",), items, is_replaced)
        return replace(made, files=[FileChange(change.path, "yaml", [_NEEDED, put])])

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return where Continue lists the servers."""
        return ["code ." if project else "cn, and /mcp in it   (or code .)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return what the file of a project is not for, and what a new config.yaml hides."""
        if project is None:
            own = self.path()
            is_new = f"cn no longer uses its own models once {own} exists: litellmctl export continue adds the proxy's"
            return [*self._supersedes(), *([] if os.path.lexists(own) else [is_new])]
        return [f"cn ignores {self.mcp_path(project)}: only Continue's editor extensions read it"]

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
