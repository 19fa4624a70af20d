"""What is behind a toolbox in unit tests: catalogs, a credential and a proxy that do what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from litellmctl.auth.credential import Credential, Pair
from litellmctl.errors import Failure
from litellmctl.tools.cache import ToolCatalog
from litellmctl.tools.tool import Offer, read_offer
from tests.contract.tools import offer, tool

URL = "http://127.0.0.1:1"


def made(*tools: Any, rows: Any = (), **outcomes: str) -> Offer:
    """Return the offer of a proxy with these tools."""
    return read_offer(offer(*tools, **outcomes), rows)


class Key(Credential):
    """Counts what is asked of it; `fails` is raised instead of the next key, `gate` holds each look-up up."""

    source = kind = "config"
    origin = "a test"

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[str] = []
        self.due: float | None = None
        self.end: float | None = None
        self.fails: Failure | None = None
        self.is_quiet = True
        self.gate = threading.Event()
        self.gate.set()

    def identity(self) -> str:
        return "key"

    @property
    def is_silent(self) -> bool:
        return self.is_quiet

    @property
    def due_at(self) -> float | None:
        return self.due

    @property
    def expires_at(self) -> float | None:
        return self.end

    def _ask(self, what: str, step: int) -> str:
        self.asked.append(what)
        assert self.gate.wait(20)
        if self.fails is not None:
            raise self.fails
        self.number += step
        return f"key-{self.number}"

    def secret(self) -> str:
        return self._ask("secret", 0)

    def current(self, known: str) -> str:
        if self.due is None:
            return known
        key = self._ask("current", 1)
        self.due = self.end = None
        return key

    def renewed(self) -> str | None:
        return self._ask("renewed", 1)


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
        self.key = Key()
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
    def __init__(self, key: Key) -> None:
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
