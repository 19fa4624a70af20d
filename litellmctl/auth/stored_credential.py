"""The credential of a stored login: read from its vault, and renewed where its token can be."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.credential import Credential, checked
from litellmctl.auth.login_file import Login, LoginFile, login_command
from litellmctl.auth.vault import Found, Missing, Secret, Stored, Vault, unreadable
from litellmctl.errors import AuthFailure, Failure

if TYPE_CHECKING:
    from litellmctl.proxy.oauth import Grant

# A token is renewed this long before its end, or in the last half of its life where that is shorter.
_AHEAD_SECONDS = 300.0


class Renewal(NamedTuple):
    """What renewing a token takes: `ask` exchanges a login's refresh token at its proxy, `warn` tells a person."""

    ask: Callable[[Login, Secret], Grant]
    warn: Callable[[str], None]


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
        return self.login.expires_at if self._secret is None else self._secret.expires_at

    def secret(self) -> str:
        """Return the token, renewed first where it is about to end. One that has ended is exit 4."""
        self._secret = secret = self._fresh(self._secret or self.read())
        return checked(secret.token, named=self.origin)

    def current(self, known: str) -> str:  # noqa: ARG002
        """Return the token, renewed where it is about to end."""
        return self.secret()

    def renewed(self) -> str | None:
        """Renew the token after the proxy refused it, unless it is in the first half of its life."""
        secret = self._secret or self.read()
        now = time.time()
        if not _can_renew(self.login, secret) or secret.issued_at <= now < secret.issued_at + _life(secret) / 2:
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
            return False
        if login is None or (login.base_url, login.storage) != (self.login.base_url, self.login.storage):
            raise AuthFailure("auth_required", f"{self.origin} was ended or replaced meanwhile", remedy="try again")
        self.login, self.kind = login, login.kind
        return True

    def _fresh(self, secret: Secret) -> Secret:
        if not _is_due(secret):
            return secret
        if _can_renew(self.login, secret):
            try:
                return self._renew(_is_due)
            except AuthFailure:
                raise
            except Failure as failure:
                # A proxy that is down, a disk that is full: the old token serves until its very end.
                if _has_ended(secret):
                    raise
                self._renewal.warn(f"the token was not renewed, and is good for a while: {failure.message}")
                return secret
        if _has_ended(secret):
            raise AuthFailure("auth_required", f"{self.origin} has expired", remedy=self.remedy)
        return secret

    def _renew(self, is_needed: Callable[[Secret], bool]) -> Secret:
        """Exchange the refresh token, once among all processes, and return what the vault then holds.

        A refresh token works once. So the vault has to prove first that it can be written, and the new pair is durably
        there before anybody uses it.
        """
        with self._file.locked():
            self._follow()
            login, secret = self.login, self.read()
            if not (is_needed(secret) and _can_renew(login, secret)):
                return secret  # another process was quicker
            self._keep(secret)
            now = time.time()
            grant = self._renewal.ask(login, secret)
            renewed = secret._replace(
                token=checked(grant.token, named="the renewed token"),
                refresh_token=grant.refresh_token,
                issued_at=now,
                expires_at=None if grant.expires_in is None else now + grant.expires_in,
            )
            self._keep(renewed)
            logins = self._file.read()
            logins.by_profile[self.profile] = login._replace(issued_at=now, expires_at=renewed.expires_at)
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


def _life(secret: Secret) -> float:
    return 0.0 if secret.expires_at is None else max(0.0, secret.expires_at - secret.issued_at)


def _is_due(secret: Secret) -> bool:
    if secret.expires_at is None:
        return False
    return time.time() >= secret.expires_at - min(_AHEAD_SECONDS, _life(secret) / 2)


def _has_ended(secret: Secret) -> bool:
    return secret.expires_at is not None and time.time() >= secret.expires_at


def _can_renew(login: Login, secret: Secret) -> bool:
    return login.session is not None and secret.refresh_token is not None
