"""The logins of this user on disk: their facts in `logins.json`, their secrets in a vault.

Each change is a transaction under the lock of `logins.json`: a kill at any moment leaves no secret that is not on
record there.
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

# How long to wait for another process without saying so.
_PATIENCE_SECONDS = 3.0


class Previous(NamedTuple):
    """A login that another one replaces, with its secret if that is needed and can be read."""

    login: Login
    secret: Secret | None


class Kept(NamedTuple):
    """A login that was stored, the login that it replaced, and whether it is the first one of this user."""

    login: Login
    replaced: Previous | None
    is_first: bool


class LoginStore:
    """The logins of this user.

    `vault` returns the vault of a storage (`keyring` or `file`); `note` prints a sentence for the user.
    """

    def __init__(self, file: LoginFile, vault: Callable[[str], Vault], note: Callable[[str], None]) -> None:
        self._file = file
        self._vault = vault
        self._note = note

    def probe(self, storage: str | None) -> None:
        """Raise, before the user signs in, the failure that would prevent storing the login."""
        with self._locked():
            self._file.read()
        outcome = NoKeyring("") if storage == "file" else self._vault("keyring").get("probe")
        if isinstance(outcome, Refused) or (isinstance(outcome, NoKeyring) and storage == "keyring"):
            raise _keyring_refuses(outcome.reason)
        if isinstance(outcome, NoKeyring):
            outcome = self._vault("file").get("probe")
            if isinstance(outcome, Refused):
                raise Failure("file", f"cannot save the secret: {outcome.reason}", remedy="make the file readable")

    def previous(self, profile: str) -> Previous | None:
        """Return the login that a new login of this profile would replace."""
        login = self._file.login(profile)
        return None if login is None else self._previous(login)

    def _previous(self, login: Login) -> Previous:
        # Opening a vault takes time, and is needed only if something can be ended at the proxy.
        can_be_ended = login.session is not None or login.kind == "virtual_key"
        return Previous(login, self._secret_of(login) if can_be_ended else None)

    def keep(self, profile: str, login: Login, secret: Secret, storage: str | None) -> Kept:
        """Store a login for a profile, and remove the secret of the one that it replaces.

        `storage` None: the keyring, or the file if there is no keyring.
        """
        with self._locked():
            logins = self._file.read()
            try:
                place = self._put(logins, login.id, secret, storage)
            except Failure:
                self._file.write(logins)
                raise
            login = login._replace(storage=place)
            is_first = not (logins.by_profile or logins.urls)
            old = logins.by_profile.get(profile)
            replaced = None if old is None else self._previous(old)
            if old is not None:
                logins.discarded.append((old.storage, old.id))
            logins.by_profile[profile] = login
            logins.urls.pop(profile, None)
            self._file.write(logins)
            self._forget_discarded()
        return Kept(login, replaced, is_first)

    def forget(self, profile: str, before: Callable[[Login, Secret], None]) -> Login | None:
        """Remove a profile's login and its secret, but keep the URL; return the login, or None if there was none.

        `before` is called while the secret still exists, to end at the proxy what can be ended. If the keyring
        refuses, this raises and keeps the login, so that it can be tried again.
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
        """Hold the lock of the logins while the body runs; say which process holds it if that takes a while."""
        with ExitStack() as held:
            try:
                held.enter_context(self._file.waiting(_PATIENCE_SECONDS).locked())
            except LockHeld as failure:
                self._note(f"Waiting for up to a minute: {failure.message} (Ctrl-C cancels)")
                held.enter_context(self._file.locked())
            yield

    def _secret_of(self, login: Login) -> Secret | None:
        """Return a login's secret; None if it cannot be read, or was issued for another proxy than the login's.

        If the file was edited, a secret that was issued for one proxy must not be sent to another.
        """
        found = self._vault(login.storage).get(login.id)
        return found.secret if isinstance(found, Found) and found.secret.base_url == login.base_url else None

    def _put(self, logins: Logins, login_id: str, secret: Secret, storage: str | None) -> str:
        """Put the secret into the keyring or, if there is none, into the file; return which.

        It is recorded as discarded first, so that a kill before the login is written leaves no unknown secret.
        """
        why = None
        for place in STORAGES if storage is None else (storage,):
            vault = self._vault(place)
            self._file.write(logins._replace(discarded=[*logins.discarded, (place, login_id)]))
            outcome = vault.put(login_id, secret)
            if isinstance(outcome, Stored):
                if why is not None:
                    self._note(f"No keyring ({why}): saved the secret in {outcome.where}, readable only by you.")
                return place
            if place == "file":
                raise Failure("file", f"cannot save the secret: {outcome.reason}", remedy="make the file writable")
            if isinstance(outcome, Refused) or storage is not None:
                raise _keyring_refuses(outcome.reason)
            why = outcome.reason
        raise AssertionError("the file is the last place")

    def _forget_discarded(self) -> list[tuple[str, str]]:
        """Remove the secrets that no login needs; return storage and reason of those that remain."""
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
        f"the secret of profile {profile} is still in the {storage}: {reason}",
        remedy="fix that, and run litellmctl logout again",
    )


def _keyring_refuses(reason: str) -> Failure:
    first = "unset LITELLMCTL_KEYRING" if reason.startswith("LITELLMCTL_KEYRING") else "unlock it"
    return Failure("keyring", f"cannot use the keyring: {reason}", remedy=f"{first}, or pass --storage file")
