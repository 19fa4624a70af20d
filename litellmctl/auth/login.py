"""A login from end to end: sign in, verify, make a virtual key where one is wanted, store."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from litellmctl.auth.credential import checked
from litellmctl.auth.logins import Login, LoginFile, Logins
from litellmctl.auth.obtained import Obtained, clock_difference, seconds_of
from litellmctl.auth.vault import STORAGES, Found, Missing, NoKeyring, Refused, Secret, Stored, Vault
from litellmctl.errors import AuthFailure, Failure
from litellmctl.proxy import account, pkce

if TYPE_CHECKING:
    from litellmctl.auth.sign_in import SignIn
    from litellmctl.console import Console
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.signin import Session

T = TypeVar("T")

# A clock that is off by less does no harm: tokens are renewed earlier than that.
_CLOCK_SECONDS = 120.0
_OTHER_STORAGE = "litellmctl login --storage file"


class LoggedIn(NamedTuple):
    """What was stored: the login, where its secret lies, whose it is, and how many models it may use."""

    login: Login
    where: str
    who: str | None
    models: int | None


class _Replaced(NamedTuple):
    """A login that is no more: its proxy, and the session and refresh token that still work there."""

    base_url: str
    grant: tuple[Session, str]


class Desk:
    """Where a profile signs in, stays signed in, and signs out.

    `connect` makes a client for the proxy with a key or None, `vault` gives the vault of a storage, `seconds` is how
    long a request may take.
    """

    def __init__(
        self,
        console: Console,
        file: LoginFile,
        vault: Callable[[str], Vault],
        connect: Callable[[str | None], Client],
        *,
        seconds: float,
    ) -> None:
        self._console = console
        self._file = file
        self._vault = vault
        self.connect = connect
        self._seconds = seconds

    def log_in(self, profile: str, sign_in: SignIn, *, virtual_key: bool | None, storage: str | None) -> LoggedIn:
        """Sign in and store what that gives; where anything fails, what was stored before is still there."""
        self._probe(storage)
        with sign_in:
            obtained = sign_in.obtain()
            try:
                if not sign_in.is_team(obtained) and obtained.team_alias is None:
                    # PKCE tells the team's id only, and --team may be its name.
                    obtained = obtained._replace(team_alias=self._told(obtained).team_alias)
                sign_in.check_team(obtained)
                obtained, verified = self._verified(obtained)
                if verified.warning:
                    self._console.warn(verified.warning)
                ahead = self._ahead(verified.date)
                if obtained.by_proxy_clock:
                    obtained = obtained._replace(expires_at=_later(obtained.expires_at, ahead))
                if self._wants_key(sign_in, obtained, virtual_key):
                    obtained = self._with_virtual_key(obtained, ahead)
                told = self._told(obtained)
                if obtained.kind == "api_key":
                    obtained = obtained._replace(expires_at=_later(seconds_of(told.key_expires), ahead))
                login, where, previous = self._store(
                    profile, _login(sign_in.base_url, obtained, told), obtained, storage
                )
            except BaseException:
                self._abandon(obtained)
                raise
            sign_in.user = login.user_email or login.user_id
        if previous is not None and previous.base_url == login.base_url:
            self._revoke(*previous.grant)
        return LoggedIn(login, where, sign_in.user or told.key_alias, verified.models)

    def _verified(self, obtained: Obtained) -> tuple[Obtained, account.Verified]:
        """Ask the proxy whether it takes the token, or the key inside it."""
        try:
            return obtained, self._ask(obtained.token, account.verify)
        except AuthFailure:
            if obtained.inner_key is None:
                raise
            inner = obtained._replace(token=checked(obtained.inner_key, named="the key in the token"))
            return inner, self._ask(inner.token, account.verify)

    def log_out(self, profile: str, *, revoke_key: bool) -> Login | None:
        """Sign a profile out: at the proxy what can be ended there, and here everything but the URL.

        Returns the login that is no more, or None where there was none. A keyring that refuses is a failure, and then
        the login is still known, so that this can be tried again.
        """
        with self._file.locked():
            logins = self._file.read()
            login = logins.by_profile.get(profile)
            if login is not None:
                vault = self._vault(login.storage)
                found = vault.get(login.id)
                if isinstance(found, Found):
                    self._end_at_proxy(login, found.secret, revoke_key=revoke_key)
                outcome = vault.remove(login.id)
                if not isinstance(outcome, Missing):
                    raise _remains(profile, login.storage, outcome.reason)
                del logins.by_profile[profile]
                logins.urls[profile] = login.base_url
                self._file.write(logins)
            for storage, reason in self._forget_discarded():
                raise _remains(profile, storage, reason)
        return login

    def _end_at_proxy(self, login: Login, secret: Secret, *, revoke_key: bool) -> None:
        if secret.base_url != login.base_url:
            return  # somebody changed the file: what was issued for one proxy is not sent to another
        if login.session is not None and secret.refresh_token is not None:
            self._revoke(login.session, secret.refresh_token)
        if revoke_key and login.kind == "virtual_key":
            self._ask(secret.token, lambda client: account.delete_key(client, secret.token))
        elif revoke_key:
            self._console.warn("--revoke-key: this login made no virtual key")

    def _probe(self, storage: str | None) -> None:
        """Find out before anybody signs in what would keep us from storing that."""
        with self._file.locked():
            self._file.read()
        outcome = NoKeyring("") if storage == "file" else self._vault("keyring").get("probe")
        if isinstance(outcome, Refused) or (isinstance(outcome, NoKeyring) and storage == "keyring"):
            raise _keyring_refuses(outcome.reason)
        if isinstance(outcome, NoKeyring):
            outcome = self._vault("file").get("probe")
            if isinstance(outcome, Refused):
                raise Failure("file", f"the secret could not be stored: {outcome.reason}", remedy="make it readable")

    def _ahead(self, date: str | None) -> float:
        """Return by how many seconds our clock is ahead of the proxy's, and say so; 0 where that does no harm."""
        ahead = clock_difference(date)
        if ahead is None or abs(ahead) < _CLOCK_SECONDS:
            return 0.0
        self._console.warn(
            f"this machine's clock is {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} the proxy's"
        )
        return ahead

    def _wants_key(self, sign_in: SignIn, obtained: Obtained, virtual_key: bool | None) -> bool:
        if virtual_key is not None:
            return virtual_key and obtained.kind != "api_key"
        if not (sign_in.was_pasted and obtained.is_json_web_token):
            return False
        question = "Make a virtual key from it, which outlives this token?"
        return self._console.confirm(question, flag="--virtual-key or --no-virtual-key", default=True)

    def _with_virtual_key(self, obtained: Obtained, ahead: float) -> Obtained:
        """Return a new virtual key in place of the token, or the token where that fails."""
        alias = f"litellmctl-{secrets.token_hex(4)}"
        made = None
        try:
            made, team = self._made_key(obtained, alias)
            self._ask(made.key, account.verify)
        except BaseException as error:
            if made is not None:
                key = made.key
                with suppress(Failure):
                    self._ask(obtained.token, lambda client: account.delete_key(client, key))
            if not isinstance(error, Failure):
                raise
            self._console.warn(f"no virtual key was made, and the token itself is kept: {_refusal(error)}")
            return obtained
        self._abandon(obtained)
        return Obtained(
            made.key,
            "virtual_key",
            _later(seconds_of(made.expires), ahead),
            user_id=obtained.user_id,
            team_id=team,
            team_alias=obtained.team_alias if team else None,
        )

    def _made_key(self, obtained: Obtained, alias: str) -> tuple[account.VirtualKey, str | None]:
        """Make a virtual key for the team, or one of the user's own where its members may make none."""
        team = obtained.team_id
        if team is not None:
            try:
                return self._ask(obtained.token, lambda client: account.make_key(client, alias, team)), team
            except AuthFailure:
                pass
        made = self._ask(obtained.token, lambda client: account.make_key(client, alias, None))
        if team is not None:
            self._console.warn(
                f"the virtual key is your own: the team {obtained.team_alias or team} lets its members make none for it"
            )
        return made, None

    def _told(self, obtained: Obtained) -> account.Account:
        try:
            return self._ask(obtained.token, lambda client: account.account(client, obtained.team_id))
        except Failure:
            return account.Account()  # the login is good without

    def _ask(self, key: str | None, work: Callable[[Client], T]) -> T:
        return self.connect(key).call(self._seconds, work)

    def _revoke(self, session: Session, refresh_token: str) -> None:
        """Make a refresh token that is not needed any more worthless, as well as that can be done now."""
        try:
            self._ask(None, lambda client: pkce.revoke(client, session, refresh_token))
        except Failure as failure:
            self._console.warn(f"the sign-in could not be revoked at the proxy, and ends by itself: {failure.message}")

    def _abandon(self, obtained: Obtained) -> None:
        """End what was obtained and is not going to be kept, as well as that can be done now."""
        if obtained.session is not None and obtained.refresh_token is not None:
            self._revoke(obtained.session, obtained.refresh_token)
        elif obtained.kind == "virtual_key":
            with suppress(Failure):
                self._ask(obtained.token, lambda client: account.delete_key(client, obtained.token))

    def _store(
        self, profile: str, login: Login, obtained: Obtained, storage: str | None
    ) -> tuple[Login, str, _Replaced | None]:
        """Put the secret into its vault and the login into the file, and forget the profile's previous secret.

        Returns the login, where its secret is, and the renewable login that it replaced.
        """
        secret = Secret(login.base_url, obtained.token, login.issued_at, login.expires_at, obtained.refresh_token)
        with self._file.locked():
            logins = self._file.read()
            try:
                place, where = self._put(logins, login.id, secret, storage)
            except Failure:
                self._file.write(logins)
                raise
            previous = logins.by_profile.get(profile)
            replaced = None
            if previous is not None:
                replaced = self._replaced(previous)
                logins.discarded.append((previous.storage, previous.id))
            logins.by_profile[profile] = login = login._replace(storage=place)
            logins.urls.pop(profile, None)
            self._file.write(logins)
            self._forget_discarded()
        return login, where, replaced

    def _replaced(self, login: Login) -> _Replaced | None:
        """Return what revokes a login that is about to be replaced: nobody could do that later."""
        if login.session is None:
            return None
        found = self._vault(login.storage).get(login.id)
        if not isinstance(found, Found) or found.secret.refresh_token is None:
            return None
        return _Replaced(found.secret.base_url, (login.session, found.secret.refresh_token))

    def _put(self, logins: Logins, login: str, secret: Secret, storage: str | None) -> tuple[str, str]:
        """Put the secret into the keyring or, where there is none, into the file; return which, and its name.

        It is noted as discarded first: a kill before the login is written leaves no secret that nobody knows of.
        """
        why = None
        for place in STORAGES if storage is None else (storage,):
            vault = self._vault(place)
            self._file.write(logins._replace(discarded=[*logins.discarded, (place, login)]))
            outcome = vault.put(login, secret)
            if isinstance(outcome, Stored):
                if why is not None:
                    self._console.note(f"No keyring ({why}): the secret is in {outcome.where}, which only you may read")
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
        for storage, login in logins.discarded:
            outcome = self._vault(storage).remove(login)
            if not isinstance(outcome, Missing):
                left.append((storage, login))
            if isinstance(outcome, Refused):
                reasons.append((storage, outcome.reason))
        if len(left) < len(logins.discarded):
            self._file.write(logins._replace(discarded=left))
        return reasons


def _login(base_url: str, obtained: Obtained, told: account.Account) -> Login:
    """Return the login to store; a token that has ended is no login."""
    now = time.time()
    if obtained.expires_at is not None and obtained.expires_at <= now:
        raise AuthFailure("auth_failed", "this token has expired", remedy="get a new one, and sign in with that")
    login = Login(
        base_url=base_url,
        id=secrets.token_hex(8),
        kind=obtained.kind,
        storage="",
        issued_at=now,
        expires_at=obtained.expires_at,
        user_id=obtained.user_id or told.user_id,
        user_email=told.user_email,
        team_id=obtained.team_id or told.team_id,
        team_alias=obtained.team_alias or told.team_alias,
    )
    if obtained.session is None or obtained.refresh_token is None:
        return login
    return login._replace(**obtained.session._asdict())


def _refusal(failure: Failure) -> str:
    """Return why no key was made; the key that was refused is a good one, for other things."""
    return failure.message.replace("refused the key", "does not let you make one", 1)


def _later(seconds: float | None, ahead: float) -> float | None:
    return None if seconds is None else seconds + ahead


def _remains(profile: str, storage: str, reason: str) -> Failure:
    return Failure(
        "keyring" if storage == "keyring" else "file",
        f"the secret of profile {profile} remains in the {storage}: {reason}",
        remedy="litellmctl logout again, once that is mended",
    )


def _keyring_refuses(reason: str) -> Failure:
    first = "unset LITELLMCTL_KEYRING" if reason.startswith("LITELLMCTL_KEYRING") else "unlock it"
    return Failure("keyring", f"the keyring cannot be used: {reason}", remedy=f"{first}, or {_OTHER_STORAGE}")
