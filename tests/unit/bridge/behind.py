"""What is behind a toolbox in unit tests: catalogs, a credential and a proxy that do what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from litellmctl.auth.credential import Pair
from litellmctl.errors import Failure
from litellmctl.tools.cache import ToolCatalog
from litellmctl.tools.tool import Offer, read_offer
from tests.contract.tools import offer, tool
from tests.unit.auth.asked_key import AskedKey

URL = "http://127.0.0.1:1"


def made(*tools: Any, rows: Any = (), **outcomes: str) -> Offer:
    """Return the offer of a proxy with these tools."""
    return read_offer(offer(*tools, **outcomes), rows)


class Auth:
    """The key of a client, as `BoundAuth` has it."""

    def __init__(self, key: str) -> None:
        self.key: str | None = key
        self.renew: Callable[[], str | None] | None = None


class Client:
    """A client, which only has a key."""

    def __init__(self, key: str) -> None:
        self.auth = Auth(key)
        self.base_url = URL


class Cache:
    """A cache in memory. `place` is its path, of a file that a test may make."""

    def __init__(self) -> None:
        self.catalog: ToolCatalog | None = None
        self.place: str | None = None

    @property
    def path(self) -> str | None:
        return self.place

    def read(self) -> ToolCatalog | None:
        return self.catalog


class Behind:
    """The proxy, its cache and its key. `offer` is what it lists, `fails` is raised instead, `gate` holds it up."""

    def __init__(self, offer: Offer | None = None) -> None:
        self.offer = offer or made(tool("add"))
        self.key = AskedKey()
        self.cache = Cache()
        self.fails: Failure | None = None
        self.unconnected: Failure | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.fetched = 0
        self.connected = 0

    def connect(self) -> Any:
        self.connected += 1
        if self.unconnected is not None:
            raise self.unconnected
        return _Catalogs(self)

    def cached(self, *, age: float = 0.0) -> Behind:
        """Cache what is on offer."""
        self.cache.catalog = ToolCatalog(time.time() - age, self.offer)
        return self


class _Profile:
    name = "default"


class _Connection:
    def __init__(self, key: AskedKey) -> None:
        self.pair = Pair(URL, key, {})
        self.profile = _Profile()


class _Catalogs:
    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self.connection = _Connection(behind.key)
        self.tool_cache = behind.cache

    @property
    def is_silent(self) -> bool:
        return self._behind.key.is_silent

    def require_mcp(self) -> None:
        pass

    def mcp_client(self) -> Client:
        return Client(self._behind.key.secret())

    def fetch_tools(self, _client: Client) -> ToolCatalog:
        behind = self._behind
        behind.fetched += 1
        assert behind.gate.wait(20)
        if behind.fails is not None:
            raise behind.fails
        behind.cache.catalog = ToolCatalog(time.time(), behind.offer)
        return behind.cache.catalog
