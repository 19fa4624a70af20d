"""The lists of models and of MCP tools: from the cache while that is fresh, else from the proxy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from litellmctl.app import age_text
from litellmctl.errors import ConfigFailure, Failure, Unavailable, UsageFailure
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.cache import Catalog, CatalogCache
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.deadline import Deadline
    from litellmctl.settings.values import Value
    from litellmctl.skills.cache import SkillCache
    from litellmctl.tools.cache import ToolCache, ToolCatalog

MODELS_SECONDS = 5.0
TOOLS_SECONDS = 30.0


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


class Lists:
    """The lists of one run.

    `server_headers` are the user's own headers for MCP servers, by the name under which they are sent.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.server_headers: dict[str, Value] = {}

    @cached_property
    def model_cache(self) -> CatalogCache:
        """The cached models of the profile and credential in use."""
        from litellmctl.catalog.cache import CatalogCache
        from litellmctl.settings.paths import cache_dir

        pair = self._app.pair
        return CatalogCache(cache_dir(), self._app.profile.name, pair.base_url, pair.identity())

    @cached_property
    def tool_cache(self) -> ToolCache:
        """The cached tools of the profile and credential in use, and of the user's headers for their servers."""
        from litellmctl.settings.paths import cache_dir
        from litellmctl.tools.cache import ToolCache

        pair = self._app.pair
        headers = [f"{name}={value.identity()}" for name, value in sorted(self._all_server_headers().items())]
        return ToolCache(cache_dir(), self._app.profile.name, pair.base_url, [*pair.identity(), *headers])

    @cached_property
    def skill_cache(self) -> SkillCache:
        """The cached skills of the profile and credential in use."""
        from litellmctl.settings.paths import cache_dir
        from litellmctl.skills.cache import SkillCache

        pair = self._app.pair
        return SkillCache(cache_dir(), self._app.profile.name, pair.base_url, pair.identity())

    def models(self, *, refresh: bool = False) -> Catalog:
        """Return the models of the proxy in use.

        An older list is returned at once and renewed in the background where that needs no keyring, command or
        person; if the proxy is down, the cached list is returned with a warning.
        """
        off = "LITELLM_DISCOVERY_TIMEOUT_MS=0 switches it off" if self.discovery_seconds == 0 else None
        return self._read_or_fetch(self.model_cache, self.fetch_models, "models", refresh=refresh, off=off)

    def tools(self, *, refresh: bool = False) -> ToolCatalog:
        """Return the MCP tools of the proxy in use, in the same way."""
        self.require_mcp()
        return self._read_or_fetch(self.tool_cache, self.fetch_tools, "MCP tools", refresh=refresh, off=None)

    @property
    def discovery_seconds(self) -> float:
        """How long looking for models may take, retries included; 0 switches it off."""
        return environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", MODELS_SECONDS)

    @property
    def uses_mcp(self) -> bool:
        """Whether the profile lets MCP tools be used."""
        return bool(self._app.profile.get("mcp"))

    def require_mcp(self) -> None:
        """Refuse where the profile switches MCP off."""
        if not self.uses_mcp:
            named = self._app.profile.named("mcp")
            raise ConfigFailure(
                f"MCP tools are switched off: {named} is false", remedy=f"litellmctl config unset {named}"
            )

    def fetch_models(self) -> Catalog:
        """Ask the proxy for its models, and cache them; a cache that cannot be written is a warning."""
        from litellmctl.catalog.cache import Catalog
        from litellmctl.catalog.reduce import Reducer
        from litellmctl.proxy.deadline import Deadline
        from litellmctl.proxy.discovery import discover

        app = self._app
        deadline = Deadline(app.options.timeout or self.discovery_seconds)
        reducer = Reducer()
        client = app.client(deadline)
        with app.console.working(f"Asking {app.pair.base_url} for its models ..."):
            source = deadline.run(lambda: discover(client, reducer, self._discovery_step))
        catalog = Catalog.of_models(app.pair.base_url, source, reducer.models(source), lambda: reducer.reasons)
        self._keep(self.model_cache.write, catalog)
        return catalog

    def fetch_tools(self) -> ToolCatalog:
        """Ask the proxy for its MCP tools, and cache them."""
        import time

        from litellmctl.proxy import mcp
        from litellmctl.proxy.deadline import Deadline
        from litellmctl.tools.cache import ToolCatalog
        from litellmctl.tools.tool import read_offer

        app = self._app
        deadline = Deadline(app.options.timeout or TOOLS_SECONDS)
        client = self.mcp_client(deadline)
        with app.console.working(f"Asking {app.pair.base_url} for its MCP tools ..."):
            answer, listed = deadline.run(lambda: (mcp.tools(client), mcp.servers(client)))
        catalog = ToolCatalog(time.time(), read_offer(answer, listed))
        self._keep(self.tool_cache.write, catalog)
        return catalog

    def renew_tools(self) -> int | None:
        """Renew the cached tools beside something else; return how many there are, None where that is not known."""
        if not self.uses_mcp:
            return None
        try:
            return len(self.fetch_tools().offer.tools)
        except Unavailable as failure:
            self._app.console.warn(f"the MCP tools could not be listed: {failure.message}")
        except Failure:
            pass  # a proxy without MCP, or a key that may use none
        return None

    def mcp_client(self, deadline: Deadline) -> Client:
        """Return a client that sends the user's headers for MCP servers too."""
        return self._app.client(deadline, more_headers=self._all_server_headers())

    def _all_server_headers(self) -> dict[str, Value]:
        """Return the headers for MCP servers, of the profile and of this run, by the names that are sent."""
        profile, pair = self._app.profile, self._app.pair
        own = profile.mcp_headers if profile.base_url in {None, pair.base_url} else {}
        return {header_name(name): value for name, value in {**own, **self.server_headers}.items()}

    def _keep(self, write: Callable[[C], None], catalog: C) -> None:
        from litellmctl.settings import files

        try:
            write(catalog)
        except OSError as error:
            self._app.console.warn(f"the list cannot be cached: {error.filename or ''} {files.reason(error)}")
        except Failure as failure:
            self._app.console.warn(f"the list cannot be cached: {failure.message}")

    def _read_or_fetch(
        self, cache: _Cache[L], fetch: Callable[[], L], what: str, *, refresh: bool, off: str | None
    ) -> L:
        """Return the list; `off` says why it may not be asked for, besides being offline."""
        app = self._app
        if app.is_offline:
            off = "it is switched off"
        if refresh and off is not None:
            raise UsageFailure(f"--refresh needs the network, and {off}", remedy="leave out one of the two")
        app.name_shadowed()
        app.note_the_end(app.pair.credential)
        cached = None if refresh else cache.read()
        if cached is not None and (cached.is_fresh or off is not None or self._renews_behind(cache)):
            if not cached.is_fresh and off is not None:
                app.console.warn(f"this list is {age_text(cached.age)} old")
            return cached
        if off is not None:
            raise Unavailable(
                "offline",
                f"no {what} of {app.pair.base_url} are cached, and the network is switched off"
                if app.is_offline
                else f"no {what} are cached, and {off.replace('switches it', 'switches looking for them')}",
                remedy="litellmctl refresh, with the network on",
            )
        try:
            return fetch()
        except Unavailable as failure:
            cached = cache.read()
            if cached is None:
                raise
            app.console.warn(f"{failure.message}; this list is {age_text(cached.age)} old")
            return cached

    def _renews_behind(self, cache: _Cache[L]) -> bool:
        """Renew the lists in a process of its own; return False where that must happen in the foreground."""
        app = self._app
        commands = any(value.kind == "command" for value in self._all_server_headers().values())
        if environment.get("CI") or not app.pair.is_silent or self.server_headers or commands:
            return False
        if not cache.failed_recently():
            from litellmctl import background

            background.refresh(app.options, app.profile.name)
        return True

    def _discovery_step(self, text: str) -> None:
        if environment.flag("LITELLM_VERBOSE_DISCOVERY"):
            self._app.console.trace(text)


def header_name(name: str) -> str:
    """Return the header by which `SERVER:NAME` travels to its server: LiteLLM's `x-mcp-SERVER-NAME`."""
    server, _, header = name.partition(":")
    return f"x-mcp-{server}-{header}"
