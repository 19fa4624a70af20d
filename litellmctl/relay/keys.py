"""The key that is always fresh: looked up in a thread, once for all requests, and renewed before it expires."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.changes import Seen, login_of
from litellmctl.auth.login_file import login_command
from litellmctl.auth.stored_credential import StoredCredential
from litellmctl.auth.validity import AFTER_FAILURE_SECONDS, AHEAD_SECONDS, REFUSED_SECONDS, Validity
from litellmctl.errors import AuthFailure, Failure, Unavailable
from litellmctl.foundation.hiding import Hider
from litellmctl.relay.threads import in_thread

if TYPE_CHECKING:
    from litellmctl.auth.credential import Pair
    from litellmctl.connection import Connection
    from litellmctl.proxy.client_certificate import Shown
    from litellmctl.proxy.route import Route

_ROUNDS = 3


class Access(NamedTuple):
    """How a request reaches the proxy: its URL, the key with its header, headers to add, and the route.

    `shown` is the client certificate.
    """

    base_url: str
    key: str
    key_header: str
    headers: Mapping[str, str]
    route: Route
    shown: Shown

    def __repr__(self) -> str:
        """Return it without its secrets."""
        return f"Access({self.base_url!r})"

    def hidden(self, text: str) -> str:
        """Return a text without what is secret on the way to the proxy, which may repeat it."""
        http_proxy = self.route.http_proxy
        secrets = {self.key, *self.headers.values(), *(http_proxy.secrets if http_proxy else ())}
        return Hider(secrets).hidden(text)


class _Held(NamedTuple):
    """What was looked up last."""

    access: Access
    connection: Connection
    pair: Pair
    seen: Seen
    validity: Validity = Validity()


class Keys:
    """The fresh key of the profile that `connect` makes connections for.

    `connect` reads the config file and the logins afresh; it is called again when one of them has changed, so that a
    new login is used at once. All methods are for one event loop.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._held: _Held | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_refused = False
        self._base_url: str | None = None
        self._failure: tuple[float, Seen, Failure] | None = None
        self._next_ahead = 0.0
        self._next_refused = 0.0

    def hidden(self, text: str) -> str:
        """Return a text without the secrets of the access that was used last."""
        return text if self._held is None else self._held.access.hidden(text)

    async def access(self) -> Access:
        """Return what the next request uses. Raises a failure if there is no key that is good now."""
        for _ in range(_ROUNDS):
            held = self._held
            if held is not None and self._is_refused and self._task is not None:
                await self._settled()
            elif held is None or held.seen != Seen.now() or held.validity.has_expired:
                await self._look_up()
            else:
                if held.validity.is_due and self._task is None and time.monotonic() >= self._next_ahead:
                    self._next_ahead = time.monotonic() + AHEAD_SECONDS
                    self._begin(None)
                break
        assert self._held is not None
        return self._held.access

    async def after_refusal(self, refused: Access) -> Access | None:
        """Return what to use instead of a key that the proxy refused with 401; None if there is no newer key.

        All requests that were refused get the same new key. A key command, a keyring or a token endpoint is not asked
        for one all the time.
        """
        if self._task is not None:
            await self._settled()
        if self._held is not None and self._held.access.key == refused.key and time.monotonic() >= self._next_refused:
            self._next_refused = time.monotonic() + REFUSED_SECONDS
            self._is_refused = True
            self._begin(refused.key)
            await self._settled()
        held = self._held
        return None if held is None or held.access.key == refused.key else held.access

    def refusal(self, access: Access) -> Failure:
        """Return the failure for a request that the proxy refused with 401."""
        remedy = None if self._held is None else self._held.pair.credential.remedy
        return AuthFailure("auth_failed", f"{access.base_url} returned 401", remedy=remedy)

    async def _look_up(self) -> None:
        """Wait for the look-up that runs, or begin one."""
        if self._task is None:
            if self._failure is not None:
                until, seen, failure = self._failure
                if time.monotonic() < until and seen == Seen.now():
                    raise failure.changed()
            self._begin(None)
        assert self._task is not None
        await asyncio.shield(self._task)

    async def _settled(self) -> None:
        """Wait until a look-up is over, however it ends."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _begin(self, refused: str | None) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(refused))
        # A failure is that of the requests that wait for it; there may be none.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self, refused: str | None) -> None:
        seen = Seen.now()
        try:
            self._held = await in_thread(partial(self._looked_up, self._held, refused))
            self._failure = None
        except Failure as failure:
            self._failure = time.monotonic() + AFTER_FAILURE_SECONDS, seen, failure
            raise
        finally:
            self._task = None
            self._is_refused = False

    # In a thread, one at a time

    def _looked_up(self, held: _Held | None, refused: str | None) -> _Held:
        now = Seen.now()
        if held is None or held.seen != now:
            held = self._connected(held, now)
        credential, known = held.pair.credential, held.access.key
        if not known:
            key = credential.secret()
        elif known == refused:
            key = credential.renewed() or known
        else:
            try:
                key = credential.current(known)
            except Failure:
                if held.validity.has_expired or held.validity.expires_at is None:
                    raise
                return held  # it is good for a while, and the next attempt may succeed
        return held._replace(
            access=held.access._replace(key=key),
            seen=_after_our_own_change(held),
            validity=Validity.of(credential),
        )

    def _connected(self, held: _Held | None, seen: Seen) -> _Held:
        """Return what the files say now, with the key that is known if it is still the one to use."""
        connection = self._connect()
        connection.require_online("this")
        try:
            pair = connection.pair
        except AuthFailure as failure:
            # The other ways to a credential are variables, which do not reach a relay that is running.
            raise failure.changed(remedy=login_command(connection.profile.name)) from None
        self._base_url = self._base_url or pair.base_url
        if pair.base_url != self._base_url:
            raise Unavailable(
                "unreachable",
                f"profile {connection.profile.name} is now for {pair.base_url}, but this relay is for {self._base_url}",
                remedy="restart litellmctl serve",
            )
        if held is not None and held.seen.config == seen.config and _headers(held.pair) == _headers(pair):
            if login_of(held.pair) == login_of(pair):
                return held._replace(seen=seen)
            access = held.access._replace(key="")
        else:
            route, shown = connection.route(pair.base_url)
            texts = connection.texts(pair.headers, pair.key_header)
            access = Access(pair.base_url, "", pair.key_header, texts, route, shown)
        return _Held(access, connection, pair, seen)


def _headers(pair: Pair) -> object:
    return pair.key_header, sorted((name, value.identity()) for name, value in pair.headers.items())


def _after_our_own_change(held: _Held) -> Seen:
    """Return the state of the files that belongs to a key: a refreshed token changes logins.json."""
    now = Seen.now()
    credential = held.pair.credential
    if isinstance(credential, StoredCredential) and now != held.seen and now.config == held.seen.config:
        stored = held.connection.stored_credential()
        if stored is not None and stored.login == credential.login:
            return now
    return held.seen
