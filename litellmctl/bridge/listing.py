"""Which tools are served, and by which names: a list of the proxy's as one client sees it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.bridge import problems
from litellmctl.errors import Failure, Rejected, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted, cut
from litellmctl.server_credentials.wanted import needs, remedy_of_status
from litellmctl.tools.tool import (
    MAX_NAME,
    SUFFIX_DIGITS,
    Offer,
    Server,
    Tool,
    selected,
    suffixed,
    unknown_server,
)

if TYPE_CHECKING:
    from litellmctl.tools.cache import ToolCatalog

# What agents and MCP accept as a name.
_NAME = "[a-zA-Z0-9_-]{1,64}"
_MAX_DOWN = 5
_MAX_NAME = 100
_OK = frozenset({"ok", "healthy"})


class Choice(NamedTuple):
    """Which tools are served, and how: the options of `mcp serve`.

    `servers` are names, aliases or IDs (none: all), `globs` match names as in `mcp list --filter` (none: all).
    `refresh_seconds` is the age at which the list is requested again; 0: only when it turns out to be outdated.
    Names have at most `name_length` characters: a client may put its own name for this server before them.
    """

    servers: Sequence[str] = ()
    globs: Sequence[str] = ()
    read_only: bool = False
    bare_names: bool = False
    raw_schemas: bool = False
    refresh_seconds: float = 300.0
    name_length: int = MAX_NAME


class ToolList:
    """The tools that are served, of one list of the proxy's; `problem` is why there are none.

    `fetched_at` is when the proxy listed them, in seconds since 1970.
    """

    def __init__(self, offer: Offer, fetched_at: float, choice: Choice) -> None:
        self.offer = offer
        self.fetched_at = fetched_at
        self._choice = choice

    @classmethod
    def of_catalog(cls, catalog: ToolCatalog, choice: Choice) -> ToolList:
        """Return the listing of a list that was cached or requested."""
        return cls(catalog.offer, catalog.fetched_at, choice)

    @cached_property
    def servers(self) -> list[Server]:
        """The servers that are served."""
        wanted = self._choice.servers
        if not wanted:
            return self.offer.servers
        return list(dict.fromkeys(server for name in wanted for server in self.offer.servers_named(name)))

    @cached_property
    def _unknown_servers(self) -> list[str]:
        return [name for name in self._choice.servers if not self.offer.servers_named(name)]

    @cached_property
    def tools(self) -> list[Tool]:
        """The tools that are served."""
        names = [server.name for server in self.servers] if self._choice.servers else []
        if self._choice.servers and not names:
            return []
        tools = selected(self.offer.tools, names, self._choice.globs)
        return [tool for tool in tools if _is_read_only(tool)] if self._choice.read_only else tools

    @property
    def _is_none_marked(self) -> bool:
        """Whether --read-only alone leaves no tool."""
        without = ToolList(self.offer, self.fetched_at, self._choice._replace(read_only=False))
        return self._choice.read_only and not self.tools and bool(without.tools)

    @cached_property
    def by_name(self) -> dict[str, Tool]:
        """The tools by the names that the client calls them by."""
        names, most = self._names(), self._choice.name_length
        if any(len(name) > most for name in names):
            for digits in (one for one in SUFFIX_DIGITS if one < most):  # more if somebody crafted a clash
                cut_names = {
                    suffixed(name, tool, digits, most) if len(name) > most else name: tool
                    for name, tool in names.items()
                }
                if len(cut_names) == len(names):
                    return cut_names
        return names

    def _names(self) -> dict[str, Tool]:
        """Return the tools by their names, however long."""
        if not self._choice.bare_names:
            return {tool.full_name: tool for tool in self.tools}
        count = Counter(tool.name for tool in self.tools)
        count[problems.PROBLEM_TOOL] += 1  # a call of it would not be one of the proxy's
        count.update(tool.full_name for tool in self.tools if tool.full_name != tool.name)
        return {
            tool.name if count[tool.name] == 1 and re.fullmatch(_NAME, tool.name) else tool.full_name: tool
            for tool in self.tools
        }

    @cached_property
    def problem(self) -> Failure | None:
        """Why no tool is served; None if any is."""
        if self.tools:
            return None
        if self._unknown_servers:
            return unknown_server(self.offer.servers, self._unknown_servers[0])
        down = [server for server in self.servers if not server.is_ok]
        if down and not any(server.tools for server in self.servers):
            return _down(down)
        if self._is_none_marked:
            return Rejected(
                "not_found",
                "no MCP tool matches --read-only: the servers mark none of them as read-only",
                remedy="remove --read-only from the options of litellmctl mcp serve",
            )
        if self.offer.tools:
            return _no_match(self._choice)
        if not self.offer.servers:
            return Rejected(
                "not_found",
                "this key has no MCP servers",
                remedy="ask the proxy's administrator for access to MCP servers",
            )
        names = listed([server.name for server in self.servers])
        return Rejected("not_found", f"the MCP servers have no tools ({names})", remedy="litellmctl mcp servers")

    def require_bare_names(self) -> None:
        """Raise a usage failure if the tools cannot be served by their bare names."""
        servers = list(dict.fromkeys((tool.server, tool.server_id) for tool in self.tools))
        if self._choice.bare_names and len(servers) > 1:
            raise several_servers([name for name, _ in servers])

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """The tools as `tools/list` has them; the one that explains the problem if there are none."""
        return self._definitions_and_cut[0]

    @cached_property
    def _definitions_and_cut(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The definitions, and the names of those whose schemas were too large."""
        if self.problem is not None:
            return [problems.tool_of(self.problem)], []
        from litellmctl.bridge.definitions import Definer  # 2 ms, which the answer to `initialize` does not need

        definer = Definer(raw_schemas=self._choice.raw_schemas)
        # Releases that list no server ids return no structured content, which an output schema promises.
        has_output = not self.offer.by_name
        made = {name: definer.define(tool, name, has_output=has_output) for name, tool in self.by_name.items()}
        return [one.definition for one in made.values()], [name for name, one in made.items() if one.is_cut]

    @property
    def missing(self) -> list[str]:
        """The names of servers without tools, with the command that helps where there is one; at most a few."""
        down = [server for server in self.servers if not server.is_ok][:_MAX_DOWN]
        return [
            f"{cut(one.name, _MAX_NAME)}{f' ({remedy})' if (remedy := remedy_of_status(one)) else ''}" for one in down
        ]

    @property
    def warnings(self) -> list[str]:
        """What the person should know of this list."""
        warnings = [f"{note[:1].upper()}{note[1:]}" for note in self.offer.notes]
        if self.tools:
            warnings += [unknown_server(self.offer.servers, name).message for name in self._unknown_servers]
            warnings += [_with_remedy(server) for server in self.servers if not server.is_ok]
        _, too_large = self._definitions_and_cut
        if too_large:
            warnings.append(f"{listed(too_large)}: the schema is too large, so any arguments are allowed")
        by_full_name = sum(name == tool.full_name != tool.name for name, tool in self.by_name.items())
        if self._choice.bare_names and by_full_name:
            warnings.append(f"{counted(by_full_name, 'tool')} cannot be served by the bare name")
        return warnings

    def server_of(self, tool: Tool) -> Server | None:
        """Return the server of a tool."""
        return next((one for one in self.offer.servers if one.name == tool.server or one.id == tool.server_id), None)


class NoTools(ToolList):
    """No list, because of a problem."""

    def __init__(self, problem: Failure, choice: Choice) -> None:
        super().__init__(Offer([], [], []), 0.0, choice)
        self.problem = problem


def several_servers(servers: Sequence[str]) -> UsageFailure:
    """Return the failure for bare names of several servers."""
    return UsageFailure(
        f"--bare-names needs a single server, but these are served: {listed(servers)}",
        remedy="pass one --server NAME, or remove --bare-names",
    )


def with_tools_of_servers_down(new: Offer, old: Offer) -> Offer:
    """Return a new offer with the old tools of servers that are down now.

    A server that comes and goes would make its tools disappear from an agent in the middle of its work; calls say that
    it is down. The tools of a server that the proxy no longer lists are gone.
    """
    have = {tool.server for tool in new.tools}
    down = {one.name: one.id for one in new.servers if one.name not in have and one.status not in _OK}
    names = {tool.full_name for tool in new.tools}
    kept = [
        tool
        for tool in old.tools
        if tool.server in down and down[tool.server] in {None, tool.server_id} and tool.full_name not in names
    ]
    if not kept:
        return new
    return new._replace(tools=sorted([*new.tools, *kept], key=lambda tool: (tool.server, tool.server_id, tool.name)))


def _is_read_only(tool: Tool) -> bool:
    return isinstance(tool.annotations, dict) and tool.annotations.get("readOnlyHint") is True


def state_of(server: Server) -> str:
    """Return the state of a server that is not ok, as a sentence."""
    why = f": {cut(server.error)}" if server.error else ""
    return f"MCP server {cut(server.name)} {needs(server) or f'is {server.status}{why}'}"


def _with_remedy(server: Server) -> str:
    remedy = remedy_of_status(server)
    return state_of(server) + (f" ({remedy})" if remedy else "")


def _down(servers: Sequence[Server]) -> Failure:
    remedy = next(filter(None, map(remedy_of_status, servers)), "litellmctl mcp servers")
    return Rejected("not_found", "; ".join(map(state_of, servers[:_MAX_DOWN])), remedy=remedy)


def _no_match(choice: Choice) -> Failure:
    options = [
        *(f"--server {name}" for name in choice.servers),
        *(f"--tool {glob}" for glob in choice.globs),
        *(["--read-only"] if choice.read_only else []),
    ]
    return Rejected("not_found", f"no MCP tool matches {' '.join(options)}", remedy="litellmctl mcp list")
