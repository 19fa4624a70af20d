"""Crush (https://github.com/charmbracelet/crush): README.md, docs/config/README.md and internal/shellconfig/*.go.

For one run: `lookupConfigs`, `setDefaults` and `GlobalConfigData` in internal/config/load.go, and internal/cmd/run.go
of 0.90.0. MCP: internal/shellconfig/mcp.go, internal/agent/tools/mcp/init.go and internal/shell/expand.go there. A tool
is `mcp_ENTRY_TOOL`, whatever its length, and Crush asks before a call; a server gets all variables of Crush's own.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation.sentences import listed
from litellmctl.programs.changes import Block, FileChange
from litellmctl.programs.copies import member, object_in, read
from litellmctl.programs.mcp_host import McpHost, with_room
from litellmctl.programs.model_facts import skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from litellmctl.catalog.model import Model
    from litellmctl.programs.mcp_host import Bridge

# The name of the block: no provider has one with a space.
_MCP_BLOCK = "MCP servers"
# The name in a line that adds an MCP server.
_ADDED = re.compile(r"""^[ \t]*mcp[ \t]+add[ \t]+["']?([\w.-]+)""", re.MULTILINE)


class Crush(Exporter, McpHost):
    """`provider add`, `model add` and `mcp add` in crushrc, which is Bash on every system.

    Crush expands the key for every request to a model. So the file has the command itself, whose output is not
    expanded again. It also expands the words that start an MCP server, like a here-document.
    """

    name = "crush"
    title = "Crush"
    executable = "crush"
    takes_command = True
    needs_catalog = True
    install = "npm install -g @charmland/crush"
    has_project_file = True

    def path(self) -> Path:
        """Return the user's crushrc, not that of a project."""
        return self.folder() / "crushrc"

    def folder(self) -> Path:
        """Return the folder of the user's configuration."""
        named = environment.get("CRUSH_GLOBAL_CONFIG")
        return Path(named) if named else paths.xdg_config_home() / "crush"

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return a folder for CRUSH_GLOBAL_CONFIG whose crushrc runs the user's own first.

        What Crush stores (sessions, sign-ins, the model chosen last) is in another folder, which stays the user's. A
        provider that stands there or in a file of the project would override ours, so that ours has another name then.
        """
        state = object_in(_state_file())
        name = provider.id
        while name in member(state, "providers"):
            name += "-run"
        block, _ = _block(provider, name, "" if provider.command else f"${KEY_VARIABLE}")
        lines = [*self._own(), f"provider remove {_quoted(name)}", block]
        arguments, warnings = [], []
        if self.lacks_model(wish.arguments):
            chosen = member(member(state, "models"), "large")
            if wish.model is None:
                if [*wish.arguments[:1]] in ([], ["run"]):
                    warnings.append(self.default_model_warning())
            elif [*wish.arguments[:1]] == ["run"]:
                arguments = [f"--model={name}/{wish.model}"]
            elif chosen and (chosen.get("provider"), chosen.get("model")) != (name, wish.model):
                warnings.append(
                    f"Crush opens with the model that you chose in it last: choose {wish.model} with ctrl+l"
                )
            if wish.model is not None:
                lines.append(f"model large {_quoted(f'{name}/{wish.model}')}")
        variables = {} if provider.command else key_variables(provider)
        return Launch(
            arguments=arguments,
            variables={"CRUSH_GLOBAL_CONFIG": str(wish.folder), **variables},
            unset=[f"CRUSH_{KEY_VARIABLE}"],
            files={"crushrc": "\n".join(lines) + "\n", "crush.json": self._own_json(name)},
            warnings=warnings,
        )

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's crushrc, or the file of a project that overrides its others."""
        return project / ".crushrc" if project else self.path()

    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return a block with all of them.

        To an entry, Crush appends the arguments of one with the same name in another file, so that neither works.
        """
        path = self.mcp_path(project)
        for other, names in self._other_entries(project).items():
            if twice := [bridge.name for bridge in bridges if bridge.name in names]:
                is_ours = other == self.path() and _MCP_BLOCK in (read(other) or "")
                raise ConfigFailure(
                    f"cannot add {listed(twice)} to {path}: Crush would join its arguments with those in {other}",
                    remedy=f"omit --project: Crush reads {other} in every project"
                    if is_ours
                    else f"rename it in {other}",
                )
        text = "\n".join(line for bridge in bridges for line in _mcp_lines(bridge))
        change = FileChange(path, "text", [Block(_MCP_BLOCK, text)])
        return Export([change], notes=["crush, whose sidebar lists the MCP servers"])

    def _other_entries(self, project: Path | None) -> dict[Path, Collection[str]]:
        """Return the names of MCP servers in the other files that Crush reads, by file."""
        folders = [self.folder(), *([project] if project else [])]
        data = [folder / name for folder in folders for name in ("crush.json", ".crush.json")]
        scripts = [self.path(), project / "crushrc"] if project else []
        return {path: member(object_in(path), "mcp") for path in (*data, _state_file())} | {
            path: _ADDED.findall(read(path) or "") for path in scripts
        }

    def _own(self) -> list[str]:
        """Return the lines that run the user's crushrc, from its own folder."""
        if not self.path().exists():
            return []
        return [f"cd {_quoted(self.folder().absolute().as_posix())}", "source ./crushrc"]

    def _own_json(self, name: str) -> str:
        """Return the user's crush.json without this provider, with the instructions that Crush finds beside it."""
        folder = self.folder().absolute()
        settings = object_in(folder / "crush.json")
        providers = {one: value for one, value in member(settings, "providers").items() if one != name}
        beside = [str(folder / "CRUSH.md"), str(folder.parent / "AGENTS.md")]
        options = {"global_context_paths": beside, **member(settings, "options")}
        return json.dumps({**settings, "providers": providers, "options": options})

    def export(self, provider: Provider) -> Export:
        """Return the block with the provider and its models."""
        text, refused = _block(provider, provider.id)
        return Export(
            [FileChange(self.path(), "text", [Block(provider.id, text)])],
            notes=[f"crush run --model {provider.id}/MODEL, or choose it in crush with ctrl+l"],
            warnings=skipped(refused, "Bash does not allow NUL characters"),
        )


def _block(provider: Provider, name: str, key: str = "") -> tuple[str, list[str]]:
    """Return the lines for the provider and its models, and the names of models that Bash cannot hold.

    Without a `key`, the provider's command prints it.
    """
    add = _line(
        "provider add",
        name,
        name=provider.name,
        type="openai-compat",
        base_url=re.sub(r"[$`'\"\\]", lambda found: f"%{ord(found[0]):X}", provider.v1),
        api_key=key or f"$({shlex.join(provider.command)})",
        discover_models=False,
    )
    refused = [model["id"] for model in provider.models if "\0" in model["id"]]
    return "\n".join([add, *(_model(name, one) for one in provider.models if one["id"] not in refused)]), refused


def _state_file() -> Path:
    """Return the file in which Crush keeps what the user chose and entered in it."""
    if named := environment.get("CRUSH_GLOBAL_DATA"):
        folder = Path(named)
    elif named := environment.get("XDG_DATA_HOME"):
        folder = Path(named) / "crush"
    elif sys.platform == "win32":
        folder = Path(environment.get("LOCALAPPDATA") or paths.home() / "AppData" / "Local") / "crush"
    else:
        folder = paths.home() / ".local" / "share" / "crush"
    return folder / "crush.json"


def _model(provider_id: str, model: Model) -> str:
    takes, most, window = model["input"], model["max_output_tokens"], model["context_window"]
    return _line(
        "model add",
        f"{provider_id}/{model['id']}",
        name=model["id"],
        context_window=window,
        # Crush requests this many tokens each time, and the prompt needs room too.
        default_max_tokens=most if most and window and most < window else None,
        can_reason=model["reasoning"],
        supports_images=None if takes is None else "image" in takes,
        price_input=model["cost"]["input"],
        price_output=model["cost"]["output"],
        price_cache_create=model["cost"]["cache_write"],
        price_cache_hit=model["cost"]["cache_read"],
    )


def _mcp_lines(bridge: Bridge) -> list[str]:
    """Return the lines for an MCP server. An earlier entry with its name goes: Crush would append to its arguments."""
    command, *arguments = with_room(bridge, f"mcp_{bridge.name}_").command
    options = [("--type", "stdio"), ("--command", _literal(command))]
    options += [("--args", _literal(word)) for word in arguments]
    variables = [f"--env {_quoted(name)} {_quoted(_literal(value))}" for name, value in bridge.variables.items()]
    words = [*(f"{option} {_quoted(value)}" for option, value in options), *variables]
    name = _quoted(bridge.name)
    return [f"mcp remove {name}", " ".join(["mcp add", name, *words])]


def _literal(word: str) -> str:
    """Return a word from which Crush makes this one, when it expands it like a here-document."""
    return re.sub(r"[\\$`]", r"\\\g<0>", word)


def _line(command: str, subject: str, **flags: Any) -> str:
    words = [f"--{name.replace('_', '-')} {_quoted(value)}" for name, value in flags.items() if value is not None]
    return " ".join([command, _quoted(subject), *words])


def _quoted(value: Any) -> str:
    """Return a value as one word of Bash, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if text.isprintable():
        return shlex.quote(text)
    plain = re.compile(r"[^\W_]|[ _./:@-]", re.ASCII)
    return "$'" + "".join(char if plain.match(char) else _bytes(char) for char in text) + "'"


def _bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))
