"""The latest list of tools: from the cache without a request, then from the proxy in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellmctl.auth.changes import Seen, file_state
from litellmctl.bridge.listing import Choice, NoTools, ToolList, with_tools_of_servers_down
from litellmctl.errors import Failure, Unavailable
from litellmctl.foundation import unexpected
from litellmctl.foundation.threads import Pending, in_background

if TYPE_CHECKING:
    from litellmctl.bridge.access import Access
    from litellmctl.catalogs import Catalogs
    from litellmctl.tools.cache import ToolCatalog

# An older list is useless: a cache forgets it too.
_OLDEST_SECONDS = 30 * 86400.0
# How long a client waits for the first list: some give a server ten seconds to start.
FIRST_SECONDS = 7.0
# How long a call that needs a new list waits for it.
_LONGEST_SECONDS = 45.0
# How often the files are looked at while something is wrong, and otherwise.
PROBLEM_TICK_SECONDS = 2.0
_TICK_SECONDS = 10.0
# Pauses between requests that fail, which double.
FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 600.0
# A list of so few seconds ago is not requested again because something is not in it.
_JUST_NOW_SECONDS = 5.0


class Latest:
    """The latest listing. All methods may be called from any thread. Only `refreshed` raises a failure.

    `on_new` is called with each new listing, from any thread.
    """

    def __init__(self, access: Access, choice: Choice, on_new: Callable[[ToolList], None]) -> None:
        self._access = access
        self._choice = choice
        self._on_new = on_new
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._listing: ToolList | None = None
        self._fetching: Pending[ToolList] | None = None
        self._seen: object = None
        self._cache_path: str | None = None
        self._asked_at: float | None = None
        self._failures = 0
        self._is_outdated = False
        self._is_invited = False

    def listing(self) -> ToolList:
        """Return the listing: the one that was loaded, else the cached one, else what one request returns."""
        with self._loading:
            if self._listing is None:
                self._load()
        listing = self._listing
        assert listing is not None
        return listing

    def cached(self) -> ToolList | None:
        """Return the listing if that takes no request; None otherwise."""
        if self._listing is None:
            with self._loading:
                if self._listing is None:
                    self._load(may_ask=False)
        return self._listing

    def refreshed(self) -> ToolList:
        """Request the list now, and return it; one with tools that was requested just now is new enough.

        Raises a failure.
        """
        asked_at, listing = self._asked_at, self._listing
        is_new = asked_at is not None and time.monotonic() < asked_at + _JUST_NOW_SECONDS
        is_new = is_new and self._seen == self._state(Seen.now())  # a person may have signed in since
        if self._fetching is None and is_new and listing is not None and listing.problem is None:
            return listing
        fetching = self._fetch()
        if not fetching.wait(_LONGEST_SECONDS):
            raise Unavailable("timeout", "the proxy has not listed its MCP tools yet", remedy="call the tool again")
        return fetching.result()

    def outdate(self) -> None:
        """Request the list soon: it turned out to be outdated."""
        self._is_outdated = True

    def tick(self) -> float:
        """Do what is due in the background; return the seconds until the next time."""
        listing = self.listing()
        self._look_at_files(listing)
        if self._is_due(listing) and self._may_ask_in_background():
            self._fetch().wait(_LONGEST_SECONDS)
        if self._is_outdated or (self._listing is not None and self._listing.problem is not None):
            return PROBLEM_TICK_SECONDS
        return max(min(_TICK_SECONDS, self._choice.refresh_seconds or _TICK_SECONDS), 0.05)

    def _load(self, *, may_ask: bool = True) -> None:
        """Load the cached list; if there is none that serves a tool, request one."""
        seen = Seen.now()
        try:
            listing = self._read()
        except Failure as failure:
            self._seen = self._state(seen)
            if may_ask:
                self._take(NoTools(failure, self._choice))
            return
        self._seen = self._state(seen)
        if listing is not None and listing.problem is None:
            self._take(listing)
            return
        if not may_ask:
            return
        fetching = self._fetch()
        if not fetching.wait(FIRST_SECONDS):
            why = Unavailable(
                "timeout", "the proxy has not listed its MCP tools yet", remedy="wait a moment, and call this tool"
            )
            with self._lock:
                if self._listing is None:
                    self._listing = listing or NoTools(why, self._choice)
        elif self._listing is None:
            try:
                fetching.result()
            except Failure as failure:
                self._take(listing or NoTools(failure, self._choice))

    def _read(self) -> ToolList | None:
        """Return the cached listing. Raises a failure if there is no credential, or MCP is off."""
        catalogs = self._access.catalogs()
        catalogs.require_mcp()
        self._cache_path = catalogs.tool_cache.path
        cached = catalogs.tool_cache.read()
        if cached is None or cached.age > _OLDEST_SECONDS:
            return None
        return ToolList.of_catalog(cached, self._choice)

    def _state(self, seen: Seen) -> object:
        return seen, self._cache_path, None if self._cache_path is None else file_state(self._cache_path)

    def _look_at_files(self, listing: ToolList) -> None:
        """Take what another process wrote: a new sign-in, a setting, a list."""
        seen = Seen.now()
        if self._state(seen) == self._seen:
            return
        path = self._cache_path
        try:
            found = self._read()
        except Failure as failure:
            self._seen = self._state(seen)
            if listing.problem is not None:  # else the tools stay, and calls say it
                self._take(NoTools(failure, self._choice))
            return
        self._seen = self._state(seen)
        if found is not None and found.problem is None and (found.fetched_at != listing.fetched_at):
            self._failures = 0
            self._take(self._merged(found, listing) if path == self._cache_path else found)
        elif found is None or listing.problem is not None or path != self._cache_path:
            # The person signed in, here or to an MCP server, and may also be asked for a keyring's password now.
            self._failures = 0
            self._is_outdated = self._is_invited = True

    def _is_due(self, listing: ToolList) -> bool:
        """Whether to request the list now."""
        seconds = self._choice.refresh_seconds
        first = FIRST_PAUSE_SECONDS if listing.problem is not None else max(FIRST_PAUSE_SECONDS, seconds)
        if self._failures or listing.problem is not None:
            wait = min(first * 2 ** min(max(self._failures - 1, 0), 20), max(first, _LONGEST_PAUSE_SECONDS))
        else:
            wait = seconds
        if self._is_outdated and not self._failures:
            wait = 0.0
        is_old = seconds > 0 and not 0 <= time.time() - listing.fetched_at < seconds
        is_over = self._asked_at is None or time.monotonic() >= self._asked_at + wait
        return is_over and (is_old or self._is_outdated or listing.problem is not None)

    def _may_ask_in_background(self) -> bool:
        """Whether a request needs no keyring or command that was not used before: either may ask the person."""
        try:
            return self._is_invited or self._access.has_key or self._access.catalogs().is_silent
        except Failure:
            return False

    def _fetch(self) -> Pending[ToolList]:
        """Request the list, once for all threads."""
        with self._lock:
            if self._fetching is None:
                self._asked_at = time.monotonic()
                self._is_outdated = self._is_invited = False
                self._fetching = in_background(self._fetched)
            return self._fetching

    def _fetched(self) -> ToolList:
        try:
            catalogs, client = self._access.client()
            catalogs.require_mcp()
            listing = self._of(catalogs, catalogs.fetch_tools(client))
        except Exception as error:  # noqa: BLE001
            failure = error if isinstance(error, Failure) else unexpected.failure_of(error)
            self._end_fetch(failures=self._failures + 1)
            self._take_failure(failure)
            raise failure from None
        self._end_fetch(failures=0)
        self._take(listing)
        return listing

    def _end_fetch(self, *, failures: int) -> None:
        with self._lock:  # it may not have been noted yet that this began
            self._fetching = None
            self._failures = failures

    def _of(self, catalogs: Catalogs, catalog: ToolCatalog) -> ToolList:
        path = catalogs.tool_cache.path
        new = ToolList.of_catalog(catalog, self._choice)
        if self._listing is not None and path == self._cache_path:
            new = self._merged(new, self._listing)
        self._cache_path = path
        self._seen = self._state(Seen.now())
        return new

    def _merged(self, new: ToolList, old: ToolList) -> ToolList:
        return ToolList(with_tools_of_servers_down(new.offer, old.offer), new.fetched_at, self._choice)

    def _take_failure(self, failure: Failure) -> None:
        """Keep the tools that are listed, unless the proxy says that this key may use none."""
        listing = self._listing
        if listing is None:
            return  # `_load`, which waits for the first list, takes the failure
        if isinstance(listing, NoTools) or (failure.code == "forbidden" and failure.status is None):
            self._take(NoTools(failure, self._choice))

    def _take(self, listing: ToolList) -> None:
        with self._lock:
            self._listing = listing
        self._on_new(listing)
