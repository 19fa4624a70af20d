"""The credential of a stored login: read from its vault, and renewed where its token can be."""

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

# Longer than a renewal may take.
_LOCK_SECONDS = 60.0
# How long to wait for whoever renews the same token, where this one is good meanwhile; and how often to look whether
# they have, where it is not.
_PATIENCE_SECONDS = 3.0
_LOOK_SECONDS = 2.0
_ROUNDS = 3


class Renewal(NamedTuple):
    """What renewing a token takes: `ask` exchanges a login's refresh token at its proxy, `warn` tells a person.

    `prepare` is called before it, so that `ask` sends the token at once. `clock_ahead` asks a login's proxy by how many
    seconds this machine's clock is ahead; `seen_ahead` is what the answer to `ask` says of that.
    """

    ask: Callable[[Login, Secret], Grant]
    warn: Callable[[str], None]
    prepare: Callable[[Login], None] = lambda _: None
    clock_ahead: Callable[[Login], float | None] = lambda _: None
    seen_ahead: Callable[[], float | None] = lambda: None


class StoredCredential(Credential):
    """What `login` saved for a profile. Making one reads no vault."""

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
        """Return the login's id, which no other login has."""
        return self.login.id

    @property
    def remedy(self) -> str:
        """The command that signs this profile in again."""
        return login_command(self.profile, self.login)

    @property
    def is_silent(self) -> bool:
        """A keyring may ask a person to unlock it."""
        return self.login.storage == "file"

    @property
    def expires_at(self) -> float | None:
        """Until when the token is good, as far as known without opening the vault."""
        return self._lifetime(self.login if self._secret is None else self._secret).end(self._ahead)

    def secret(self) -> str:
        """Return the token, renewed first where it is about to end. One that has ended is exit 4."""
        self._secret = secret = self._fresh(self._secret or self.read())
        return checked(secret.token, named=self.origin)

    def came_with(self) -> tuple[str, ...]:
        """Return the refresh token, once the vault was read."""
        token = self._secret.refresh_token if self._secret else None
        return (token,) if token else ()

    def current(self, known: str) -> str:  # noqa: ARG002
        """Return the token, renewed where it is about to end."""
        return self.secret()

    def renewed(self) -> str | None:
        """Renew the token after the proxy refused it, unless it is in the first half of its life."""
        secret = self._secret or self.read()
        now, middle = time.time(), secret.issued_at + self._lifetime(secret).seconds / 2
        if not _can_renew(self.login, secret) or secret.issued_at <= now < middle:
            return None
        self._secret = self._renew(lambda current: current.token == secret.token)
        return self._secret.token

    def read(self) -> Secret:
        """Return the secret as it lies in the vault; it has to be for this login's proxy."""
        outcome = self._vault.get(self.login.id)
        while isinstance(outcome, Missing) and self._follow():
            outcome = self._vault.get(self.login.id)
        if not isinstance(outcome, Found):
            assert not isinstance(outcome, Stored)
            raise unreadable(outcome, self.login.storage, self.remedy)
        if outcome.secret.base_url != self.login.base_url:
            raise Failure(
                "file",
                f"{self._file.path} says {self.login.base_url} for profile {self.profile}, and its secret was issued "
                "for another proxy",
                remedy=self.remedy,
            )
        return outcome.secret

    def _follow(self) -> bool:
        """Go on with the login that another process put in this one's place; return whether there is one.

        One at another proxy, or none any more, is exit 4: what this command found out so far was about this one.
        """
        login = self._file.login(self.profile)
        if login is not None and login.id == self.login.id:
            self.login = login
            return False
        if login is None or (login.base_url, login.storage) != (self.login.base_url, self.login.storage):
            raise AuthFailure("auth_required", f"{self.origin} was ended or replaced meanwhile", remedy="try again")
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
                # A proxy that is down, a disk that is full: the old token serves until its very end.
                has_ended = self._lifetime(secret).standing_now() is Standing.ENDED
                if standing is Standing.DUE and has_ended and isinstance(failure, LockHeld):
                    return self._fresh(secret)  # and wait longer
                if standing is not Standing.DUE or has_ended:
                    raise
                self._renewal.warn(f"the token was not renewed, and is good for a while: {failure.message}")
                return secret
        if standing is None:
            raise AuthFailure(
                "auth_required",
                f"cannot tell whether {self.origin} has expired: this machine's clock was changed afterwards",
                remedy=self.remedy,
            )
        if standing is Standing.ENDED:
            raise AuthFailure("auth_required", f"{self.origin} has expired", remedy=self.remedy)
        return secret

    def _lifetime(self, of: Login | Secret) -> Lifetime:
        """Return from when until when a token is good; what is known of the clock then is in its login."""
        clock = Clock.parse(self.login.clock) if of.issued_at == self.login.issued_at else Clock()
        return Lifetime(of.issued_at, of.expires_at, clock)

    def _is_due(self, secret: Secret) -> bool:
        return self._lifetime(secret).standing_now() in {Standing.DUE, Standing.ENDED}

    def _standing(self, secret: Secret) -> Standing | None:
        """Return how a token stands; None where neither this machine's clock nor the proxy's can tell."""
        lifetime = self._lifetime(secret)
        standing = lifetime.standing_now()
        if standing is not None:
            return standing
        try:
            ahead = self._renewal.clock_ahead(self.login)
        except Failure as failure:
            raise failure.because(
                f"cannot tell whether {self.origin} has expired, since this machine's clock was changed"
            ) from None
        moment = None if ahead is None else time.time() - ahead
        if moment is None or not lifetime.has_begun(moment):
            return None
        self._ahead = ahead
        return lifetime.standing(moment)

    def _renew(self, is_needed: Callable[[Secret], bool], standing: Standing | None = None) -> Secret:
        """Exchange the refresh token, once among all processes, and return what the vault then holds.

        Whoever holds the lock may have been stopped: where this token is good meanwhile, that is not waited for, and
        where it is not, what they renewed is taken as soon as it is there.
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
                        message="another process is renewing the token and has not finished",
                        remedy="continue or end that process (it may be stopped: fg), and try again",
                    ) from None

    def _renewed_under_lock(self, is_needed: Callable[[Secret], bool]) -> Secret:
        """Exchange the refresh token, and store the new pair durably before anybody uses it.

        A refresh token works once. So the vault has to prove first that it can be written, and last before it is sent
        that it is still there: this process may have been stopped, and have lost its lock to another machine's.
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
            raise Failure("file", "other processes keep changing the token", remedy="try again")
        grant = self._renewal.ask(login, secret)
        renewed = secret._replace(
            token=checked(grant.token, named="the renewed token"),
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
        with suppress(Failure):  # which repeats the expiry for who does not open the vault, no more
            self._file.write(logins)
        return renewed

    def _keep(self, secret: Secret) -> None:
        outcome = self._vault.put(self.login.id, secret)
        if not isinstance(outcome, Stored):
            where = "keyring" if self.login.storage == "keyring" else "file"
            raise Failure(
                where,
                f"the token cannot be renewed, since its {self.login.storage} cannot be written: {outcome.reason}",
                remedy=f"{self.remedy} --storage file" if where == "keyring" else f"make {self._file.folder} writable",
            )


def _can_renew(login: Login, secret: Secret) -> bool:
    return login.session is not None and secret.refresh_token is not None
