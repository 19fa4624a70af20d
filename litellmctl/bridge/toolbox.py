"""The tools of the proxy as an MCP client sees them: listed from the cache, called with a fresh key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from litellmctl.catalogs import Catalogs


class Choice(NamedTuple):
    """Which tools are served, and how: the options of `mcp serve`.

    `servers` are names, aliases or IDs (none: all), `globs` match names as in `mcp list --filter` (none: all).
    `refresh_seconds` is the age at which the list is requested again; 0: only when it turns out to be outdated.
    """

    servers: Sequence[str] = ()
    globs: Sequence[str] = ()
    read_only: bool = False
    bare_names: bool = False
    raw_schemas: bool = False
    refresh_seconds: float = 300.0


class Toolbox:
    """The tools that one session serves. All methods may be called from any thread, and never raise a `Failure`.

    `connect` returns the catalogs with config and logins as they are now. `on_change` is called (from any thread) when
    the list has changed after the client has read it; `on_message` gets a level of MCP's logging (`warning` ...) and a
    sentence. `seconds` limits each call.
    """

    def __init__(
        self,
        connect: Callable[[], Catalogs],
        choice: Choice,
        *,
        seconds: float,
    ) -> None:
        self._connect = connect
        self._choice = choice
        self._seconds = seconds
        self.on_change: Callable[[], None] = lambda: None
        self.on_message: Callable[[str, str], None] = lambda *_: None

    def tools(self) -> list[dict[str, Any]]:
        """Return all tools as `tools/list` has them; if there are none because of a problem, one that explains it."""
        raise NotImplementedError

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool, at most once, and return its result object; a problem is one with `isError`."""
        raise NotImplementedError

    def instructions(self) -> str:
        """Return what a model is told about the tools at the beginning of a session. Sends no request."""
        raise NotImplementedError

    def close(self) -> None:
        """End what runs in the background."""
