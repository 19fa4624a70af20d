"""The credential of a stored login: read from its vault, and refreshed if its token can be."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.credential import Credential, checked
from litellmctl.auth.lifetime import Clock, Lifetime, Standing
from litellmctl.auth.login_file import Login, LoginFile, login_command
from litellmctl.auth.vault import Found, Missing, Secret, Stored, Vault, unreadable
from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.locks import LockHeld

if TYPE_CHECKING:
    from litellmctl.proxy.oauth import Grant

# Longer than a token refresh may take.
_LOCK_SECONDS = 60.0
# How long to wait for a process that refreshes the same token while this one is still good; and how often to check
# whether it has, once this one has expired.
_PATIENCE_SECONDS = 3.0
_LOOK_SECONDS = 2.0
_ROUNDS = 3


class Renewal(NamedTuple):
    """How to refresh a token: `ask` exchanges a login's refresh token at its proxy, `warn` prints a warning.

    `prepare` is called first, so that `ask` sends the token at once. `clock_ahead` asks a login's proxy by how many
    seconds this machine's clock is ahead; `seen_ahead` returns this number from the response to `ask`.
    """

    ask: Callable[[Login, Secret], Grant]
    warn: Callable[[str], None]
    prepare: Callable[[Login], None] = lambda _: None
    clock_ahead: Callable[[Login], float | None] = lambda _: None
    seen_ahead: Callable[[], float | None] = lambda: None


class StoredCredential(Credential):
    """The login that `login` saved for a profile. Making one reads no vault."""

    source = "stored"

    def __init__(self, profile: str, login: Login, file: LoginFile, vault: Vault, renewal: Renewal) -> None:
        self.profile = profile
        self.login = login
        self.kind = login.kind
        self.origin = f"the stored login of profile {profile}"
        self._file = file
        self._vault = vault
        self._renewal = renewal
        self._secret: Secret | None = None
        self._ahead: float | None = None

    def identity(self) -> str:
        """Return the login's unique ID."""
        return self.login.id

    @property
    def remedy(self) -> str:
        """The command that signs this profile in again."""
        return login_command(self.profile, self.login)

    @property
    def is_renewable(self) -> bool:
        """Whether the token is refreshed, as far as known without opening the vault."""
        return self.login.session is not None

    @property
    def is_silent(self) -> bool:
        """A keyring may ask a person to unlock it."""
        return self.login.storage == "file"

    @property
    def expires_at(self) -> float | None:
        """When the token expires, as far as known without opening the vault."""
        return self._lifetime(self.login if self._secret is None else self._secret).end(self._ahead)

    @property
    def due_at(self) -> float | None:
        """When the token is refreshed, as far as known without opening the vault; None if it cannot be."""
        end = self.expires_at
        can_renew = self.login.session is not None and (self._secret is None or _can_renew(self.login, self._secret))
        if end is None or not can_renew:
            return None
        return end - self._lifetime(self._secret or self.login).ahead_seconds

    def secret(self) -> str:
        """Return the token, refreshed first if it is about to expire. An expired one is exit 4."""
        self._secret = secret = self._fresh(self._secret or self.read())
        return checked(secret.token, named=self.origin)

    def at_hand(self) -> str | None:
        """Return the token if it was read already, or lies in a file; it may have expired."""
        if self._secret is None and self.is_silent:
            with suppress(Failure):
                return self.read().token
        return self._secret.token if self._secret else None

    def came_with(self) -> tuple[str, ...]:
        """Return the refresh token, once the vault was read."""
        token = self._secret.refresh_token if self._secret else None
        return (token,) if token else ()

    def current(self, known: str) -> str:  # noqa: ARG002
        """Return the token, refreshed if it is about to expire."""
        return self.secret()

    def renewed(self) -> str | None:
        """Refresh the token after the proxy refused it, unless it is in the first half of its life."""
        secret = self._secret or self.read()
        now, middle = time.time(), secret.issued_at + self._lifetime(secret).seconds / 2
        if not _can_renew(self.login, secret) or secret.issued_at <= now < middle:
            return None
        self._secret = self._renew(lambda current: current.token == secret.token)
        return self._secret.token

    def read(self) -> Secret:
        """Return the secret from the vault; it has to be for this login's proxy."""
        outcome = self._vault.get(self.login.id)
        while isinstance(outcome, Missing) and self._follow():
            outcome = self._vault.get(self.login.id)
        if not isinstance(outcome, Found):
            assert not isinstance(outcome, Stored)
            raise unreadable(outcome, self.login.storage, self.remedy)
        if outcome.secret.base_url != self.login.base_url:
            raise Failure(
                "file",
                f"{self._file.path} has {self.login.base_url} for profile {self.profile}, but its secret was issued "
                "for another proxy",
                remedy=self.remedy,
            )
        return outcome.secret

    def _follow(self) -> bool:
        """Continue with the login by which another process replaced this one; return whether there is one.

        A login at another proxy, or no login, is exit 4: this command has already used the facts of this one.
        """
        login = self._file.login(self.profile)
        if login is not None and login.id == self.login.id:
            self.login = login
            return False
        if login is None or (login.base_url, login.storage) != (self.login.base_url, self.login.storage):
            raise AuthFailure("auth_required", f"{self.origin} was removed or replaced just now", remedy="run it again")
        self.login, self.kind = login, login.kind
        return True

    def _fresh(self, secret: Secret) -> Secret:
        standing = self._standing(secret)
        if standing is Standing.GOOD:
            return secret
        if _can_renew(self.login, secret):
            try:
                return self._renew(lambda current: current == secret or self._is_due(current), standing)
            except AuthFailure:
                raise
            except Failure as failure:
                # The proxy is down, or the disk is full: the old token is used until it expires.
                has_ended = self._lifetime(secret).standing_now() is Standing.ENDED
                if standing is Standing.DUE and has_ended and isinstance(failure, LockHeld):
                    return self._fresh(secret)  # and wait longer
                if standing is not Standing.DUE or has_ended:
                    raise
                self._renewal.warn(f"cannot refresh the token, which has not expired yet: {failure.message}")
                return secret
        if standing is None:
            raise AuthFailure(
                "auth_required",
                f"cannot tell if {self.origin} has expired: this machine's clock was changed after signing in",
                remedy=self.remedy,
            )
        if standing is Standing.ENDED:
            raise AuthFailure("auth_required", f"{self.origin} has expired", remedy=self.remedy)
        return secret

    def _lifetime(self, of: Login | Secret) -> Lifetime:
        """Return the lifetime of a token, with the clock that its login recorded."""
        clock = Clock.parse(self.login.clock) if of.issued_at == self.login.issued_at else Clock()
        return Lifetime(of.issued_at, of.expires_at, clock)

    def _is_due(self, secret: Secret) -> bool:
        return self._lifetime(secret).standing_now() in {Standing.DUE, Standing.ENDED}

    def _standing(self, secret: Secret) -> Standing | None:
        """Return how a token stands; None if neither this machine's clock nor the proxy's can tell."""
        lifetime = self._lifetime(secret)
        standing = lifetime.standing_now()
        if standing is not None:
            return standing
        try:
            ahead = self._renewal.clock_ahead(self.login)
        except Failure as failure:
            raise failure.because(
                f"cannot tell if {self.origin} has expired, because this machine's clock was changed"
            ) from None
        moment = None if ahead is None else time.time() - ahead
        if moment is None or not lifetime.has_begun(moment):
            return None
        self._ahead = ahead
        return lifetime.standing(moment)

    def _renew(self, is_needed: Callable[[Secret], bool], standing: Standing | None = None) -> Secret:
        """Exchange the refresh token, once among all processes, and return the secret in the vault.

        The process that holds the lock may have been stopped: while this token is good, it is not waited for; once this
        one has expired, the token that the other process refreshed is used as soon as it is there.
        """
        end = time.monotonic() + (_PATIENCE_SECONDS if standing is Standing.DUE else _LOCK_SECONDS)
        while True:
            try:
                with self._file.waiting(max(0.0, min(_LOOK_SECONDS, end - time.monotonic()))).locked():
                    return self._renewed_under_lock(is_needed)
            except LockHeld as held:
                is_over = time.monotonic() >= end
                if is_over or self.is_silent:
                    self._follow()
                    secret = self.read()
                    if not is_needed(secret):
                        return secret
                if is_over:
                    raise held.changed(
                        message="another process is refreshing the token and has not finished",
                        remedy="end that process, or resume it if it is stopped (fg), then try again",
                    ) from None

    def _renewed_under_lock(self, is_needed: Callable[[Secret], bool]) -> Secret:
        """Exchange the refresh token, and store the new pair durably before it is used.

        A refresh token works once. So this checks first that the vault can be written, and right before the request
        that it still has the token: this process may have been stopped, and have lost its lock to another machine.
        """
        for _ in range(_ROUNDS):
            self._follow()
            login, secret = self.login, self.read()
            if not (is_needed(secret) and _can_renew(login, secret)):
                return secret  # another process was quicker
            self._keep(secret)
            self._renewal.prepare(login)
            now = time.time()
            if self.read() == secret:
                break
        else:
            raise Failure("file", "other processes keep changing the token", remedy="run it again")
        grant = self._renewal.ask(login, secret)
        renewed = secret._replace(
            token=checked(grant.token, named="the refreshed token"),
            refresh_token=grant.refresh_token,
            issued_at=now,
            expires_at=None if grant.expires_in is None else now + grant.expires_in,
        )
        self._keep(renewed)
        self._ahead = None
        self.login = login._replace(
            issued_at=now,
            expires_at=renewed.expires_at,
            clock=Clock.of_difference(self._renewal.seen_ahead()).text,
        )
        logins = self._file.read()
        logins.by_profile[self.profile] = self.login
        with suppress(Failure):  # it only repeats the expiry, for commands that do not open the vault
            self._file.write(logins)
        return renewed

    def _keep(self, secret: Secret) -> None:
        outcome = self._vault.put(self.login.id, secret)
        if not isinstance(outcome, Stored):
            where = "keyring" if self.login.storage == "keyring" else "file"
            raise Failure(
                where,
                f"cannot refresh the token, because the {self.login.storage} cannot be written: {outcome.reason}",
                remedy=f"{self.remedy} --storage file" if where == "keyring" else f"make {self._file.folder} writable",
            )


def _can_renew(login: Login, secret: Secret) -> bool:
    return login.session is not None and secret.refresh_token is not None
