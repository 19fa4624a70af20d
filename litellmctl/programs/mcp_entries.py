"""Entries that start an MCP server by a command, in the form that the files of many agents have in common."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from litellmctl.errors import ConfigFailure
from litellmctl.programs import jsonc, yaml_edit
from litellmctl.programs.changes import FileChange, Members
from litellmctl.programs.copies import member, object_in
from litellmctl.programs.mcp_host import Bridge, McpHost, owns_bridge, with_room
from litellmctl.programs.model_facts import skipped
from litellmctl.programs.program import Export
from litellmctl.settings import environment, paths
from litellmctl.tools.tool import MAX_NAME

# `${NAME}`, `${env:NAME}`, `${file:PATH}`: the reference that most of these agents replace, and cannot be escaped.
BRACED = re.compile(r"\$\{")
# `$NAME` too.
BARE = re.compile(r"\$(\w|\{)")
# Of agents that replace nothing.
NOTHING = re.compile(r"(?!)")
# For agents that wait a minute or less for a call: `mcp serve` itself gives up after two, and says why.
WAIT_SECONDS = 150
_BUS = "DBUS_SESSION_BUS_ADDRESS"
# What litellmctl needs, where it is set: what leads to the keyring of Linux, to an HTTP proxy, and to certificates.
NEEDED = (
    *(_BUS, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
_PARSERS: Mapping[str, Callable[[str], Any]] = {"json": jsonc.value, "toml": tomllib.loads, "yaml": yaml_edit.value}


class EntriesHost(McpHost):
    """An agent with a file in a `format` (json, toml or yaml) whose member `mapping` maps names to entries.

    An entry begins with the members `first`. `reference` matches what the agent would replace in a word of an entry,
    which is then skipped. With the value `off`, (member, value), an entry is switched off by the user. The members
    `initial` are written once: a user may change them.

    `prefix` is what the agent puts before the name of a tool, as a format of the entry's name, and `max_name` the
    length up to which models get the result as it is. An agent that cuts longer ones, and adds a hash, needs neither.

    An agent that hides variables of its own from what it starts, but replaces references, passes those that are set:
    `hidden` are the ones that litellmctl needs, and `reference_to` is a reference, as a format of the name.
    """

    format: ClassVar[str] = "json"
    mapping: ClassVar[str] = "mcpServers"
    first: ClassVar[Mapping[str, Any]] = {}
    reference: ClassVar[re.Pattern[str]] = BRACED
    off: ClassVar[tuple[str, bool] | None] = None
    initial: ClassVar[Mapping[str, Any]] = {}
    prefix: ClassVar[str] = ""
    max_name: ClassVar[int] = MAX_NAME
    hidden: ClassVar[Sequence[str]] = ()
    reference_to: ClassVar[str] = ""

    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return the change to the mapping, how to see the tools, and warnings about what would hide them."""
        path = self.mcp_path(project)
        kept = [bridge for bridge in bridges if not self._would_replace(bridge)]
        if bridges and not kept:
            message = f"cannot add litellmctl to {path}: {self.title} would replace a variable in its command"
            raise ConfigFailure(message, remedy="use a profile, servers and folders without $ and { in their names")
        entries: dict[str, dict[str, Any]] = {}
        for bridge in kept:
            name = self.entry_name(bridge.name)
            is_free = name not in entries and all(other.name != name for other in kept)
            name = name if is_free else bridge.name
            entries[name] = self.entry(with_room(bridge, self.prefix.format(name), self.max_name))
        entries = self._with_initial(path, entries)
        left = [bridge.name for bridge in bridges if bridge not in kept]
        return Export(
            [FileChange(path, self.format, [Members((self.mapping,), entries, owns_bridge)])],
            notes=self.how_to_see([*entries], project),
            warnings=[
                *skipped(left, f"{self.title} would replace a variable in its command"),
                *self._switched_off(path, [*entries]),
                *self.what_hides([*entries], project),
            ],
        )

    def entry_name(self, name: str) -> str:
        """Return a name like this one that the agent takes, for an entry whose name is not taken."""
        return name

    def entry(self, bridge: Bridge) -> dict[str, Any]:
        """Return an entry: what it begins with, the command, its arguments, and its variables where it has any."""
        command, *arguments = bridge.command
        passed = set_now(self.hidden, bridge.reads) if self.reference_to else []
        named = {name: self.reference_to.format(name) for name in passed}
        variables = {**bridge.variables, **(_bus() if self.hides_keys else {}), **named}
        return {**self.first, "command": command, "args": arguments, **({"env": variables} if variables else {})}

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the commands that list the servers or their tools."""
        return []

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return warnings about other settings by which the entries are ignored."""
        return []

    def settings_in(self, path: Path) -> dict[str, Any]:
        """Return what is in a file of the agent, in its `format`; nothing if there is none, or it cannot be read."""
        return object_in(path, _PARSERS[self.format])

    def _with_initial(self, path: Path, entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return the entries with the members `initial`, other than those that ours in the file have already."""
        if not self.initial:
            return entries
        old = member(self.settings_in(path), self.mapping)
        ours = {name: member(old, name) for name in entries if owns_bridge(old.get(name))}
        return {
            name: {**entry, **{key: one for key, one in self.initial.items() if key not in ours.get(name, {})}}
            for name, entry in entries.items()
        }

    def _would_replace(self, bridge: Bridge) -> bool:
        return any(self.reference.search(word) for word in (*bridge.command, *bridge.variables.values()))

    def _switched_off(self, path: Path, names: Sequence[str]) -> list[str]:
        if self.off is None:
            return []
        key, value = self.off
        entries = member(self.settings_in(path), self.mapping)
        off = [name for name in names if owns_bridge(entries.get(name)) and member(entries, name).get(key) is value]
        return [f'"{name}" is switched off: remove {key} from its entry in {path}' for name in off]


def _bus() -> dict[str, str]:
    """Return the variable with the address of the keyring of Linux, where that is a socket whose place is fixed."""
    address = environment.get(_BUS) or ""
    return {_BUS: address} if re.fullmatch(r"unix:path=/run/user/\d+/bus", address) else {}


def set_now(*names: Sequence[str]) -> list[str]:
    """Return those of these names of variables that are set, each once."""
    return [name for name in dict.fromkeys(chain(*names)) if environment.get(name)]


def names_in(settings: Mapping[str, Any], key: str) -> list[str] | None:
    """Return the texts of a list in settings, in lower case; None if there is no list."""
    found = settings.get(key)
    return [one.strip().lower() for one in found if isinstance(one, str)] if isinstance(found, list) else None


def listed_warnings(title: str, path: Path, settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return warnings where `mcp.allowed` or `mcp.excluded` of these settings hides an entry with one of the names."""
    lists = member(settings, "mcp")
    allowed, excluded = names_in(lists, "allowed"), names_in(lists, "excluded") or []
    found = []
    for name in names:
        if allowed is not None and name.lower() not in allowed:
            found.append(f'{title} ignores "{name}": add it to mcp.allowed in {path}')
        if name.lower() in excluded:
            found.append(f'{title} ignores "{name}": remove it from mcp.excluded in {path}')
    return found


def app_data() -> Path:
    """Return the folder with the settings of desktop applications, which Electron calls `appData`."""
    if sys.platform == "win32":
        named = environment.get("APPDATA")
        folder = Path(named) if named else paths.home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        folder = paths.home() / "Library" / "Application Support"
    else:
        folder = paths.xdg_config_home()
    return folder
