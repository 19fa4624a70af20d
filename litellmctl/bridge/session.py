"""One session with an MCP client on two streams: JSON-RPC, one message a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from litellmctl.bridge.toolbox import Toolbox

# Newest first: the first is offered to a client whose own version is unknown.
PROTOCOL_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
# Calls at a time; others wait.
MAX_CALLS = 32


class Session:
    """A session with one client.

    `source` and `sink` are its streams; nothing but protocol is ever written to `sink`. `on_request` gets method, what
    it was about (the tool's name, or ""), outcome (`ok`, `error`, `cancelled` or a JSON-RPC code) and seconds.
    """

    def __init__(
        self,
        source: IO[bytes],
        sink: IO[bytes],
        toolbox: Toolbox,
        *,
        on_request: Callable[[str, str, str, float], None] = lambda *_: None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._toolbox = toolbox
        self._on_request = on_request

    def run(self) -> None:
        """Serve until the client closes `source`, and the requests that run are answered."""
        raise NotImplementedError
