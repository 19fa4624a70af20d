"""The logins of this user on disk: what is known of them in `logins.json`, and their secrets in a vault.

Each change is a transaction under the lock of `logins.json`; a kill at any moment leaves no secret behind that nobody
knows of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.vault import STORAGES, Found, Missing, NoKeyring, Refused, Secret, Stored, Vault
from litellmctl.errors import Failure
from litellmctl.foundation.locks import LockHeld

if TYPE_CHECKING:
    from litellmctl.auth.login_file import Login, LoginFile, Logins

_OTHER_STORAGE = "litellmctl login --storage file"
# How long to wait for another process before a person is told of it.
_PATIENCE_SECONDS = 3.0


class Replaced(NamedTuple):
    """A login that another one took the place of, with its secret where that could be read."""

    login: Login
    secret: Secret | None


class Kept(NamedTuple):
    """A login that was stored: where its secret is, for a person, and the login that it replaced."""

    login: Login
    where: str
    replaced: Replaced | None


class LoginStore:
    """The logins of this user.

    `vault` gives the vault of a storage (`keyring` or `file`); `note` takes a sentence for a person.
    """

    def __init__(self, file: LoginFile, vault: Callable[[str], Vault], note: Callable[[str], None]) -> None:
        self._file = file
        self._vault = vault
        self._note = note

    def probe(self, storage: str | None) -> None:
        """Find out before anybody signs in what would keep us from storing that. Raises the failure."""
        with self._locked():
            self._file.read()
        outcome = NoKeyring("") if storage == "file" else self._vault("keyring").get("probe")
        if isinstance(outcome, Refused) or (isinstance(outcome, NoKeyring) and storage == "keyring"):
            raise _keyring_refuses(outcome.reason)
        if isinstance(outcome, NoKeyring):
            outcome = self._vault("file").get("probe")
            if isinstance(outcome, Refused):
                raise Failure("file", f"the secret could not be stored: {outcome.reason}", remedy="make it readable")

    def keep(self, profile: str, login: Login, secret: Secret, storage: str | None) -> Kept:
        """Store a login for a profile, and forget the secret of the one that it replaces.

        `storage` insists on a vault; None is the keyring, or the file where there is no keyring.
        """
        with self._locked():
            logins = self._file.read()
            try:
                place, where = self._put(logins, login.id, secret, storage)
            except Failure:
                self._file.write(logins)
                raise
            login = login._replace(storage=place)
            previous = logins.by_profile.get(profile)
            replaced = None
            if previous is not None:
                # A vault is opened only where something can be revoked.
                replaced = Replaced(previous, self._secret_of(previous) if previous.session else None)
                logins.discarded.append((previous.storage, previous.id))
            logins.by_profile[profile] = login
            logins.urls.pop(profile, None)
            self._file.write(logins)
            self._forget_discarded()
        return Kept(login, where, replaced)

    def forget(self, profile: str, before: Callable[[Login, Secret], None]) -> Login | None:
        """Forget a profile's login and its secret, but not the URL; return the login, None where there was none.

        `before` is called while the secret is still there, to end at the proxy what can be ended. A keyring that
        refuses is a failure, and then the login is still known, so that this can be tried again.
        """
        with self._locked():
            logins = self._file.read()
            login = logins.by_profile.get(profile)
            if login is not None:
                vault = self._vault(login.storage)
                secret = self._secret_of(login)
                if secret is not None:
                    before(login, secret)
                outcome = vault.remove(login.id)
                if not isinstance(outcome, Missing):
                    raise _remains(profile, login.storage, outcome.reason)
                del logins.by_profile[profile]
                logins.urls[profile] = login.base_url
                self._file.write(logins)
            for storage, reason in self._forget_discarded():
                raise _remains(profile, storage, reason)
        return login

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the logins while the body runs; say who holds it where that takes a while."""
        with ExitStack() as held:
            try:
                held.enter_context(self._file.waiting(_PATIENCE_SECONDS).locked())
            except LockHeld as failure:
                self._note(f"Waiting for up to a minute: {failure.message} (Ctrl-C gives up)")
                held.enter_context(self._file.locked())
            yield

    def _secret_of(self, login: Login) -> Secret | None:
        """Return a login's secret where it can be read, and was issued for the login's proxy.

        Where somebody changed the file, what was issued for one proxy is not to be sent to another.
        """
        found = self._vault(login.storage).get(login.id)
        return found.secret if isinstance(found, Found) and found.secret.base_url == login.base_url else None

    def _put(self, logins: Logins, login_id: str, secret: Secret, storage: str | None) -> tuple[str, str]:
        """Put the secret into the keyring or, where there is none, into the file; return which, and its name.

        It is noted as discarded first: a kill before the login is written leaves no secret that nobody knows of.
        """
        why = None
        for place in STORAGES if storage is None else (storage,):
            vault = self._vault(place)
            self._file.write(logins._replace(discarded=[*logins.discarded, (place, login_id)]))
            outcome = vault.put(login_id, secret)
            if isinstance(outcome, Stored):
                if why is not None:
                    self._note(f"No keyring ({why}): the secret is in {outcome.where}, which only you may read")
                return place, outcome.where
            if place == "file":
                raise Failure("file", f"the secret cannot be stored: {outcome.reason}", remedy="make it writable")
            if isinstance(outcome, Refused) or storage is not None:
                raise _keyring_refuses(outcome.reason)
            why = outcome.reason
        raise AssertionError("the file is the last place")

    def _forget_discarded(self) -> list[tuple[str, str]]:
        """Remove the secrets that no login needs; return storage and reason of those that are still there."""
        logins = self._file.read()
        left, reasons = [], []
        for storage, login_id in logins.discarded:
            outcome = self._vault(storage).remove(login_id)
            if not isinstance(outcome, Missing):
                left.append((storage, login_id))
            if isinstance(outcome, Refused):
                reasons.append((storage, outcome.reason))
        if len(left) < len(logins.discarded):
            self._file.write(logins._replace(discarded=left))
        return reasons


def _remains(profile: str, storage: str, reason: str) -> Failure:
    return Failure(
        "keyring" if storage == "keyring" else "file",
        f"the secret of profile {profile} remains in the {storage}: {reason}",
        remedy="litellmctl logout again, once that is mended",
    )


def _keyring_refuses(reason: str) -> Failure:
    first = "unset LITELLMCTL_KEYRING" if reason.startswith("LITELLMCTL_KEYRING") else "unlock it"
    return Failure("keyring", f"the keyring cannot be used: {reason}", remedy=f"{first}, or {_OTHER_STORAGE}")
