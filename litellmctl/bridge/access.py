"""The way to the proxy for as long as an agent runs: settings and logins as they are now, and a key that is fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.changes import Seen, login_of
from litellmctl.auth.validity import AFTER_FAILURE_SECONDS, AHEAD_SECONDS, REFUSED_SECONDS, Validity
from litellmctl.errors import AuthFailure, Failure, Unavailable
from litellmctl.foundation.threads import Pending, in_background

if TYPE_CHECKING:
    from litellmctl.catalogs import Catalogs
    from litellmctl.proxy.client import Client

# Longer than a keyring, a key command or the lock of the logins may take.
_LOOK_UP_SECONDS = 90.0
_ROUNDS = 3


class _Known(NamedTuple):
    """The catalogs, and the state of the files that they were made from."""

    seen: Seen
    catalogs: Catalogs


class _Held(NamedTuple):
    """The client that was made last, with its key."""

    catalogs: Catalogs
    client: Client
    validity: Validity


class Access:
    """The catalogs and the client that calls use. `connect` returns catalogs with config and logins as they are now.

    All methods may be called from any thread. Files that have changed are noticed, so that a new sign-in is used at
    once. A keyring is opened, a command run and a token refreshed in one thread for all calls.
    """

    def __init__(self, connect: Callable[[], Catalogs]) -> None:
        self._connect = connect
        self._known: _Known | None = None
        self._held: _Held | None = None
        self._looking: Pending[None] | None = None
        self._failure: tuple[float, Seen, Failure] | None = None
        self._next_ahead = 0.0
        self._next_refused = 0.0
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    @property
    def has_key(self) -> bool:
        """Whether the key of the settings and logins in use was looked up already."""
        held, known = self._held, self._known
        return held is not None and known is not None and held.catalogs is known.catalogs

    def catalogs(self) -> Catalogs:
        """Return the catalogs with settings and logins as they are now. Opens no keyring, and runs no command.

        Raises a failure if they cannot be read, or there is no credential.
        """
        with self._reading:
            seen, known = Seen.now(), self._known
            if known is None or known.seen != seen:
                known = self._known = self._read(known, seen)
            return known.catalogs

    def _read(self, known: _Known | None, seen: Seen) -> _Known:
        catalogs = self._connect()
        connection = catalogs.connection
        try:
            pair = connection.pair
        except AuthFailure as failure:
            from litellmctl.auth.login_file import login_command

            # The other ways to a credential are variables, which do not reach a process that runs.
            raise failure.changed(remedy=login_command(connection.profile.name)) from None
        is_same = known is not None and known.seen.config == seen.config
        if known is not None and is_same and login_of(known.catalogs.connection.pair) == login_of(pair):
            return known._replace(seen=seen)  # another profile's login, or a token that we refreshed ourselves
        return _Known(seen, catalogs)

    def client(self) -> tuple[Catalogs, Client]:
        """Return the catalogs and their client, with a key that is good now. Raises a failure if there is none."""
        for _ in range(_ROUNDS):
            catalogs = self.catalogs()
            with self._lock:
                held = self._held
                if held is not None and held.catalogs is catalogs and not held.validity.has_expired:
                    self._look_ahead(held)
                    return catalogs, held.client
                if self._looking is None:
                    self._require_no_failure()
                    self._begin(catalogs)
                looking = self._looking
            assert looking is not None
            if not looking.wait(_LOOK_UP_SECONDS):
                origin = catalogs.connection.pair.credential.origin
                raise Unavailable("timeout", f"{origin} did not return a key in time", remedy="litellmctl doctor")
            looking.result()
        raise Unavailable("unreachable", "the settings or logins keep changing", remedy="call the tool again")

    def _look_ahead(self, held: _Held) -> None:
        """Begin to refresh a token that is about to expire, and allow another key after a refused one."""
        now = time.monotonic()
        auth, credential = held.client.auth, held.catalogs.connection.pair.credential
        if auth.renew is None and now >= self._next_refused:
            self._next_refused = now + REFUSED_SECONDS
            auth.renew = credential.renewed
        if held.validity.is_due and self._looking is None and now >= self._next_ahead:
            self._next_ahead = now + AHEAD_SECONDS
            self._begin(held.catalogs)

    def _require_no_failure(self) -> None:
        if self._failure is not None:
            until, seen, failure = self._failure
            if time.monotonic() < until and seen == Seen.now():
                raise failure.changed()

    def _begin(self, catalogs: Catalogs) -> None:
        held = self._held if self._held is not None and self._held.catalogs is catalogs else None
        self._looking = in_background(lambda: self._look_up(catalogs, held))

    def _look_up(self, catalogs: Catalogs, held: _Held | None) -> None:
        """Look the key up, in a thread of its own."""
        seen = Seen.now()
        credential = catalogs.connection.pair.credential
        found, failed = None, None
        try:
            client = catalogs.mcp_client() if held is None else held.client
            if held is not None and client.auth.key is not None:
                client.auth.key = credential.current(client.auth.key)
            found = _Held(catalogs, client, Validity.of(credential))
        except Failure as failure:
            failed = failure
            raise  # where the key is good for a while, nothing waits for this, and the next attempt may succeed
        finally:
            with self._lock:
                self._looking = None
                self._held = found or self._held
                until = time.monotonic() + AFTER_FAILURE_SECONDS
                self._failure = None if failed is None else (until, seen, failed)
