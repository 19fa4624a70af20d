"""The relay: an HTTP server on loopback that passes every request on to the proxy, with a fresh key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from litellmctl.connection import Connection, Listener


class Exchange(NamedTuple):
    """What one request was, from headers only: `seconds` it took, the `model` and its `cost` (US dollars), if known.

    `status` is what the client received; 499 if it went away before.
    """

    method: str
    path: str
    status: int
    seconds: float
    model: str | None
    cost: str | None


class Relay:
    """A relay on 127.0.0.1 to the proxy that `connect` finds."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        local_key: str,
        *,
        origins: Sequence[str] = (),
        listener: Listener,
        on_exchange: Callable[[Exchange], None] = lambda _: None,
        connect_seconds: float = 20.0,
    ) -> None:
        self.base_url = ""

    async def start(self, port: int) -> int:
        """Listen on a port of 127.0.0.1 (0: any free one), and return it. Raises OSError if it is taken."""
        raise NotImplementedError

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Take no new requests, give those that run this many seconds, then cut them."""
        raise NotImplementedError

    @property
    def quiet_for(self) -> float:
        """The seconds since the last request ended; 0 while one runs."""
        return 0.0
