"""The cached tools, so that a call knows the server and the schema of its tool without a request."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from litellmctl.foundation.line_cache import LineCache
from litellmctl.foundation.text import dump_json
from litellmctl.foundation.times import age_of, is_fresh
from litellmctl.tools.tool import Offer, Server, Tool

FRESH_SECONDS = 3600


class ToolCatalog(NamedTuple):
    """What a proxy offered at `fetched_at` (seconds since 1970)."""

    fetched_at: float
    offer: Offer

    @property
    def age(self) -> float:
        """Seconds since it was fetched."""
        return age_of(self.fetched_at)

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used without asking the proxy; a list from far in the future may not."""
        return is_fresh(self.fetched_at, FRESH_SECONDS)


class ToolCache(LineCache):
    """The cached tools, one a line."""

    kind = "tools"
    schema = 2

    def read(self) -> ToolCatalog | None:
        """Return the tools; None if there are none, or the cache is damaged."""
        found = self.read_lines()
        if found is None:
            return None
        header, lines = found
        try:
            tools = [Tool(*row) for row in json.loads(f"[{','.join(lines)}]")]
            servers = [_server(*row) for row in header["servers"]]
            notes = [str(one) for one in header["notes"]]
            offer = Offer(tools, servers, notes, str(header["call_path"]), header["by_name"] is True)
            return ToolCatalog(float(header["fetched_at"]), offer)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None

    def write(self, catalog: ToolCatalog) -> None:
        """Replace the tools. Raises OSError, and then keeps the old ones."""
        offer = catalog.offer
        header = {
            "fetched_at": catalog.fetched_at,
            "servers": offer.servers,
            "notes": offer.notes,
            "call_path": offer.call_path,
            "by_name": offer.by_name,
        }
        self.write_lines(header, [dump_json(tool) for tool in offer.tools])


def _server(*row: Any) -> Server:
    """Return the server of a row. Raises TypeError if it is not valid: the header has no checksum."""
    server = Server(*row)
    texts = (server.id, server.alias, server.status, server.error, server.wants)
    is_whole = (
        isinstance(server.name, str) and isinstance(server.tools, int | None) and isinstance(server.is_set, bool | None)
    )
    if not is_whole or not all(isinstance(text, str | None) for text in texts):
        raise TypeError("not a server")
    return server
