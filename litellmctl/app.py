"""What a command has at hand: options, settings, credential, client and catalogs, each made on first use."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from litellmctl.errors import Failure, Unavailable, UsageFailure
from litellmctl.settings import environment

if TYPE_CHECKING:
    import requests

    from litellmctl.auth.credential import Pair
    from litellmctl.catalog.cache import Catalog, CatalogCache
    from litellmctl.console import Console
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.deadline import Deadline
    from litellmctl.proxy.tls import Trust
    from litellmctl.settings.config import Config, Profile

DISCOVERY_SECONDS = 5.0


class Options:
    """The shared options, as given before and after the subcommand."""

    profile: str | None = None
    base_url: str | None = None
    auth: str | None = None
    output: str | None = None
    json: bool = False
    fields: tuple[str, ...] | None = None
    timeout: float | None = None
    offline: bool = False
    allow_insecure_http: bool = False
    verbose: bool = False


class App:
    """One run of the program. Heavy imports are inside, so that a command pays only for what it uses.

    `failures` are those of a command that carried on: they are reported after its data, and the first one decides the
    exit code. `returned_fields` are the fields of the data that the command returns.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.options = Options()
        self.failures: list[Failure] = []
        self.returned_fields: list[str] = []

    @cached_property
    def config(self) -> Config:
        """The config file."""
        from litellmctl.settings.config import Config

        return Config.of_user()

    @cached_property
    def profile(self) -> Profile:
        """The profile in use."""
        from litellmctl.settings.config import selected_profile

        return selected_profile(self.config, self.options.profile)

    @property
    def is_offline(self) -> bool:
        """Whether the network is forbidden."""
        return self.options.offline or environment.flag("LITELLM_OFFLINE")

    @cached_property
    def pair(self) -> Pair:
        """The proxy and the credential in use."""
        from litellmctl.auth.sources import Resolver
        from litellmctl.settings.base_url import normalize, require_secure

        wanted = self.options.base_url
        pair = Resolver(self.console.warn, self._google_session).resolve(
            self.profile,
            base_url=None if wanted is None else normalize(wanted, named="--base-url"),
            auth=self.options.auth or environment.get("LITELLMCTL_AUTH"),
        )
        require_secure(
            pair.base_url,
            allowed=self.options.allow_insecure_http
            or environment.flag("LITELLMCTL_ALLOW_INSECURE_HTTP")
            or bool(self.profile.get("allow_insecure_http")),
        )
        return pair

    def name_shadowed(self) -> None:
        """Tell a person, once, which variables are set and not used: a key that loses surprises people."""
        if self.pair.shadowed and self.console.stderr_is_terminal:
            self.console.note(
                f"{' and '.join(self.pair.shadowed)} not used: {self.pair.credential.origin} goes first "
                "(--auth chooses another source)"
            )

    def require_online(self, what: str) -> None:
        """Refuse to touch the network where that is forbidden."""
        if self.is_offline:
            raise Unavailable(
                "offline",
                f"{what} needs the network, and it is switched off",
                remedy="leave out --offline, and unset LITELLM_OFFLINE",
            )

    def client(self, deadline: Deadline) -> Client:
        """Return a client for the proxy in use. The credential is looked up here, before any time is counted."""
        from litellmctl.auth.credential import checked
        from litellmctl.auth.sources import forbidden_headers
        from litellmctl.proxy.client import Client
        from litellmctl.proxy.session import BoundAuth, make_session
        from litellmctl.settings.base_url import is_loopback

        self.require_online("this")
        pair = self.pair
        replaced = forbidden_headers(list(pair.headers), pair.key_header)
        for name in replaced:
            self.console.warn(f"the header {name} is not sent: headers never replace the key or frame a request")
        headers = {
            name: checked(value.resolve(), named=value.named)
            for name, value in pair.headers.items()
            if name not in replaced
        }
        with deadline.paused():
            key = pair.credential.secret()
        auth = BoundAuth(pair.base_url, key, key_header=pair.key_header, headers=headers, renew=pair.credential.renewed)
        session = make_session(pair.base_url, self._trust, loopback=is_loopback(pair.base_url))
        return Client(pair.base_url, auth, session, deadline, self._trace_request)

    @property
    def _trust(self) -> Trust:
        from litellmctl.proxy.tls import Trust

        bundle = self.profile.get("ca_bundle")
        if bundle:
            return Trust(bundle, self.profile.named("ca_bundle"))
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            bundle = environment.get(name)
            if bundle:
                return Trust(bundle, name)
        return Trust()

    def _google_session(self) -> requests.Session:
        from litellmctl.proxy.session import make_session

        self.require_online("an access token from Google")
        return make_session("https://oauth2.googleapis.com", self._trust, loopback=False)

    def _trace_request(self, method: str, path: str, outcome: str, seconds: float) -> None:
        if self.options.verbose:
            self.console.trace(f"{method} {path} {outcome} {seconds * 1000:.0f} ms")

    @cached_property
    def catalog_cache(self) -> CatalogCache:
        """The cached catalog of the profile and credential in use."""
        from litellmctl.catalog.cache import CatalogCache
        from litellmctl.settings.paths import cache_dir

        return CatalogCache(cache_dir(), self.profile.name, self.pair.base_url, self.pair.identity())

    def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the models of the proxy in use, from the cache while that is fresh.

        An older list is returned at once and renewed in the background where that needs no keyring, command or
        person; if the proxy is down, the cached list is returned with a warning.
        """
        seconds = self.discovery_seconds
        if refresh and (self.is_offline or seconds == 0):
            raise UsageFailure(
                "--refresh needs the network, and "
                + ("it is switched off" if self.is_offline else "LITELLM_DISCOVERY_TIMEOUT_MS=0 switches it off"),
                remedy="leave out one of the two",
            )
        self.name_shadowed()
        cached = None if refresh else self.catalog_cache.read()
        if cached is not None and (cached.is_fresh or self.is_offline or seconds == 0 or self._renews_behind()):
            if not cached.is_fresh and (self.is_offline or seconds == 0):
                self.console.warn(f"this list is {age_text(cached.age)} old")
            return cached
        if self.is_offline or seconds == 0:
            raise Unavailable(
                "offline",
                f"no models of {self.pair.base_url} are cached, and the network is switched off"
                if self.is_offline
                else "no models are cached, and LITELLM_DISCOVERY_TIMEOUT_MS=0 switches looking for them off",
                remedy="litellmctl refresh, with the network on",
            )
        try:
            return self.fetch_catalog()
        except Unavailable as failure:
            cached = self.catalog_cache.read()
            if cached is None:
                raise
            self.console.warn(f"{failure.message}; this list is {age_text(cached.age)} old")
            return cached

    @property
    def discovery_seconds(self) -> float:
        """How long looking for models may take, retries included; 0 switches it off."""
        return environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", DISCOVERY_SECONDS)

    def fetch_catalog(self) -> Catalog:
        """Ask the proxy for its models, and cache them; a cache that cannot be written is a warning."""
        from litellmctl.catalog.cache import Catalog
        from litellmctl.catalog.reduce import Reducer
        from litellmctl.proxy.deadline import Deadline
        from litellmctl.proxy.discovery import discover
        from litellmctl.settings import files

        deadline = Deadline(self.options.timeout or self.discovery_seconds)
        reducer = Reducer()
        client = self.client(deadline)
        with self.console.working(f"Asking {self.pair.base_url} for its models ..."):
            source = deadline.run(lambda: discover(client, reducer, self._discovery_step))
        catalog = Catalog.of_models(self.pair.base_url, source, reducer.models(source), lambda: reducer.reasons)
        try:
            self.catalog_cache.write(catalog)
        except OSError as error:
            self.console.warn(f"the list cannot be cached: {error.filename or ''} {files.reason(error)}")
        except Failure as failure:
            self.console.warn(f"the list cannot be cached: {failure.message}")
        return catalog

    def _discovery_step(self, text: str) -> None:
        if environment.flag("LITELLM_VERBOSE_DISCOVERY"):
            self.console.trace(text)

    def _renews_behind(self) -> bool:
        """Renew the catalog in a process of its own; return False where that must happen in the foreground."""
        if environment.get("CI") or not self.pair.is_silent:
            return False
        if not self.catalog_cache.failed_recently():
            from litellmctl import background

            background.refresh(self.options, self.profile.name)
        return True


def age_text(seconds: float) -> str:
    """Return an age for a person: 40 seconds, 3 minutes, 5 hours, 2 days."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
