"""Models, MCP tools and skills: from the cache while that is fresh, else from the proxy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure, Failure, Unavailable, UsageFailure
from litellmctl.foundation.times import age_text
from litellmctl.settings import environment

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from litellmctl.catalog.cache import Catalog, CatalogCache
    from litellmctl.connection import Connection
    from litellmctl.proxy.client import Client
    from litellmctl.settings.values import Value
    from litellmctl.skills.cache import SkillCache
    from litellmctl.skills.stores import Stores
    from litellmctl.terminal.console import Console
    from litellmctl.tools.cache import ToolCache, ToolCatalog

    # Making these would cost each run half a millisecond.
    class _List(Protocol):
        @property
        def age(self) -> float: ...
        @property
        def is_fresh(self) -> bool: ...

    L = TypeVar("L", bound=_List)
    L_co = TypeVar("L_co", bound=_List, covariant=True)
    C = TypeVar("C", "Catalog", "ToolCatalog")

    class _Cache(Protocol[L_co]):
        def read(self) -> L_co | None: ...
        def failed_recently(self) -> bool: ...


MODELS_SECONDS = 5.0
TOOLS_SECONDS = 30.0
_SESSION_HEADER = "x-litellm-session-id"


class Catalogs:
    """What the proxy of one connection offers.

    `server_headers` are the user's own headers for MCP servers, by the name under which they are sent.
    """

    def __init__(self, connection: Connection, console: Console) -> None:
        self._connection = connection
        self._console = console
        self.server_headers: dict[str, Value] = {}
        self._warned: set[str] = set()

    @property
    def connection(self) -> Connection:
        """The way to the proxy."""
        return self._connection

    @cached_property
    def model_cache(self) -> CatalogCache:
        """The cached models of the profile and credential in use."""
        from litellmctl.catalog.cache import CatalogCache
        from litellmctl.settings.paths import cache_dir

        return CatalogCache(cache_dir(), *self._place())

    @cached_property
    def tool_cache(self) -> ToolCache:
        """The cached tools of the profile and credential in use, and of the user's headers for their servers."""
        from litellmctl.settings.paths import cache_dir
        from litellmctl.tools.cache import ToolCache

        profile, base_url, identity = self._place()
        headers = [f"{name}={value.identity()}" for name, value in sorted(self._all_server_headers().items())]
        return ToolCache(cache_dir(), profile, base_url, [*identity, *headers])

    @cached_property
    def skill_cache(self) -> SkillCache:
        """The cached skills of the profile and credential in use."""
        from litellmctl.settings.paths import cache_dir
        from litellmctl.skills.cache import SkillCache

        return SkillCache(cache_dir(), *self._place())

    def _place(self) -> tuple[str, str, list[str]]:
        """Return what a cached list depends on: profile, base URL, identity of the credential."""
        pair = self._connection.pair
        return self._connection.profile.name, pair.base_url, pair.identity()

    def models(self, *, refresh: bool = False) -> Catalog:
        """Return the models of the proxy in use.

        An older list is returned at once and refreshed in the background where that needs no keyring, command or
        person. If the proxy is down, the cached list is returned with a warning that states its age; with `refresh`,
        that is a failure.
        """
        off = None
        if self.discovery_seconds == 0:
            off = "LITELLM_DISCOVERY_TIMEOUT_MS=0 is set", "unset LITELLM_DISCOVERY_TIMEOUT_MS"
        return self._read_or_fetch(self.model_cache, self.fetch_models, "models", refresh=refresh, off=off)

    def tools(self, *, refresh: bool = False) -> ToolCatalog:
        """Return the MCP tools of the proxy in use, by the same rules."""
        self.require_mcp()
        return self._read_or_fetch(self.tool_cache, self.fetch_tools, "MCP tools", refresh=refresh, off=None)

    @property
    def discovery_seconds(self) -> float:
        """The time limit of model discovery in seconds, retries included; 0 turns it off."""
        return environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", MODELS_SECONDS)

    @property
    def uses_mcp(self) -> bool:
        """Whether MCP is on in the profile."""
        return bool(self._connection.profile.get("mcp"))

    def require_mcp(self) -> None:
        """Refuse if MCP is off in the profile."""
        self._require("mcp", "MCP tools")

    def fetch_models(self) -> Catalog:
        """Request the proxy's models, and cache them; a cache that cannot be written is a warning."""
        from litellmctl.catalog.cache import Catalog
        from litellmctl.catalog.reduction import Reducer
        from litellmctl.proxy.discovery import discover

        seconds = self._connection.options.timeout or self.discovery_seconds
        reducer = Reducer()
        client = self._connection.client()
        with self._console.working(f"Asking {client.base_url} for its models ..."):
            source = client.call(seconds, lambda client: discover(client, reducer, self._discovery_step))
        catalog = Catalog.of_models(client.base_url, source, reducer.models(source), lambda: reducer.reasons)
        for text in reducer.failures:
            self._warned.add(text)
            self._console.warn(text)
        self._keep(self.model_cache.write, catalog)
        return catalog

    def note_skipped(self, catalog: Catalog) -> None:
        """Say what a list skips and why, except for what was a warning already."""
        for note in catalog.notes:
            if note not in self._warned:
                self._console.note(note)

    def fetch_tools(self, client: Client | None = None) -> ToolCatalog:
        """Request the proxy's MCP tools, and cache them. `client` is one that `mcp_client` returned (default: new)."""
        import time

        from litellmctl.proxy import mcp
        from litellmctl.tools.cache import ToolCatalog
        from litellmctl.tools.tool import read_offer

        seconds = self._connection.options.timeout or TOOLS_SECONDS
        client = client or self.mcp_client()
        with self._console.working(f"Asking {client.base_url} for its MCP tools ..."):
            answer, listed = client.call(seconds, lambda client: (mcp.tools(client), mcp.servers(client)))
        catalog = ToolCatalog(time.time(), read_offer(answer, listed))
        self._keep(self.tool_cache.write, catalog)
        return catalog

    def refresh_tools(self) -> int | None:
        """Refresh the cached tools; return how many there are, None if unknown. A failure is a warning."""
        if not self.uses_mcp:
            return None
        try:
            return len(self.fetch_tools().offer.tools)
        except Unavailable as failure:
            self._console.warn(f"cannot list the MCP tools: {failure.message}")
        except Failure:
            pass  # a proxy without MCP, or a key that may use none
        return None

    def mcp_client(self) -> Client:
        """Return a client that sends the user's headers for MCP servers too, and the session of the agent that runs us.

        By that, the proxy's logs show the agent's requests to models and its calls of tools together.
        """
        from litellmctl.settings.values import Value

        headers = self._all_server_headers()
        session = environment.agent_session()
        if session is not None and _SESSION_HEADER not in map(str.lower, self._connection.pair.headers):
            headers[_SESSION_HEADER] = Value("literal", session, _SESSION_HEADER)
        return self._connection.client(more_headers=headers)

    @property
    def is_silent(self) -> bool:
        """Whether no request for tools needs a keyring or a command, so that it may be made in the background."""
        commands = any(value.kind == "command" for value in self._all_server_headers().values())
        return self._connection.pair.is_silent and not commands

    def _all_server_headers(self) -> dict[str, Value]:
        """Return the headers for MCP servers, of the profile and of this run, by their names in requests."""
        profile, pair = self._connection.profile, self._connection.pair
        own = profile.mcp_headers if profile.base_url in {None, pair.base_url} else {}
        return {header_name(name): value for name, value in {**own, **self.server_headers}.items()}

    def _keep(self, write: Callable[[C], None], catalog: C) -> None:
        from litellmctl.foundation import files

        try:
            write(catalog)
        except OSError as error:
            self._console.warn(f"cannot cache the list: {files.sentence(error)}")
        except Failure as failure:
            self._console.warn(f"cannot cache the list: {failure.message}")

    def _read_or_fetch(
        self, cache: _Cache[L], fetch: Callable[[], L], what: str, *, refresh: bool, off: tuple[str, str] | None
    ) -> L:
        """Return the list. `off` is why it may not be requested, besides being offline, and how to change that."""
        connection = self._connection
        if connection.is_offline:
            off = connection.offline_reason, connection.online_remedy
        if refresh and off is not None:
            raise UsageFailure(f"--refresh needs the network, but {off[0]}", remedy=f"remove --refresh, or {off[1]}")
        connection.note_shadowed()
        connection.note_expiry()
        cached = None if refresh else cache.read()
        if cached is not None and (cached.is_fresh or off is not None or self._refreshes_in_background(cache)):
            if not cached.is_fresh and off is not None:
                self._console.warn(f"the cached list is {age_text(cached.age)} old")
            elif not cached.is_fresh and cache.failed_recently():
                self._console.warn(f"the cached list is {age_text(cached.age)} old: the last refresh failed")
            return cached
        if off is not None:
            raise Unavailable(
                "offline",
                f"no cached {what} of {connection.pair.base_url}, and {off[0]}",
                remedy=off[1],
            )
        try:
            return fetch()
        except Unavailable as failure:
            cached = None if refresh else cache.read()  # with --refresh, an old list would pass for a new one
            if cached is None:
                raise
            self._console.warn(f"{failure.message}; the cached list is {age_text(cached.age)} old")
            return cached

    def _refreshes_in_background(self, cache: _Cache[L]) -> bool:
        """Start a refresh of the lists in a process of its own; return False if it must run in the foreground."""
        connection = self._connection
        if environment.get("CI") or not self.is_silent or self.server_headers:
            return False
        if not cache.failed_recently():
            from litellmctl import background_refresh

            background_refresh.start(connection.options, connection.profile.name)
        return True

    def skills(self, seconds: float | None = None) -> Stores:
        """Return the proxy's stores of skills; a request takes at most `seconds`, unless --timeout is given."""
        from litellmctl.skills.stores import UPLOAD_SECONDS, Stores

        self._require("skills", "skills")
        connection = self._connection
        timeout = connection.options.timeout
        return Stores(
            connection.client,
            self.skill_cache,
            self._console.warn,
            seconds=timeout or seconds or connection.request_seconds,
            upload_seconds=timeout or UPLOAD_SECONDS,
        )

    def _require(self, setting: str, what: str) -> None:
        """Refuse if a setting of the profile is false."""
        profile = self._connection.profile
        if not profile.get(setting):
            named = profile.named(setting)
            raise ConfigFailure(f"{what} are disabled: {named} is false", remedy=f"litellmctl config unset {named}")

    def _discovery_step(self, text: str) -> None:
        if environment.flag("LITELLM_VERBOSE_DISCOVERY"):
            self._console.trace(text)


def header_name(name: str) -> str:
    """Return the header by which `SERVER:NAME` travels to its server: LiteLLM's `x-mcp-SERVER-NAME`."""
    server, _, header = name.partition(":")
    return f"x-mcp-{server}-{header}"
