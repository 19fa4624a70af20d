"""Signing in and out: the requests to the proxy. `login_store` has what is kept on disk."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from litellmctl.auth import made_key
from litellmctl.auth.credential import checked
from litellmctl.auth.lifetime import Clock
from litellmctl.auth.login_file import Login
from litellmctl.auth.new_token import NewToken
from litellmctl.auth.vault import Secret
from litellmctl.errors import AuthFailure, Failure, UsageFailure
from litellmctl.foundation.times import clock_difference, parse_time
from litellmctl.proxy import account, pkce
from litellmctl.settings.definitions import DEFAULT_PROFILE

if TYPE_CHECKING:
    from litellmctl.auth.flows import SignIn
    from litellmctl.auth.login_store import Kept, LoginStore, Previous
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.oauth import Session
    from litellmctl.terminal.console import Console

T = TypeVar("T")


class Ask(Protocol):
    """Returns what `work` makes of a client for a proxy, with this key or without one, in bounded time."""

    def __call__(self, base_url: str, key: str | None, work: Callable[[Client], T]) -> T:
        """Return what `work` returns."""


class LoggedIn(NamedTuple):
    """What was stored: the login and its account, the user's name, and the number of models that it may use.

    `is_first` is whether this user had never signed in before.
    """

    login: Login
    owner: account.Account
    who: str | None
    models: int | None
    is_first: bool


class LoggedOut(NamedTuple):
    """A login that was removed, and whether its virtual key was deleted at the proxy."""

    login: Login
    deleted_key: bool


def log_in(
    profile: str,
    sign_in: SignIn,
    store: LoginStore,
    ask: Ask,
    console: Console,
    *,
    virtual_key: bool | None,
    expires: str | None,
    storage: str | None,
    revoke_key: bool | None,
) -> LoggedIn:
    """Sign in and store the login; if anything fails, the previous login is untouched.

    `virtual_key` is whether to make a virtual key that outlives the token (None asks if that makes sense), `expires`
    its lifetime (`30d`); `revoke_key` is whether to delete the virtual key of the login that is replaced (None asks).
    """
    proxy = _Proxy(sign_in.base_url, ask, console)
    store.probe(storage)
    with sign_in:
        token = sign_in.obtain()
        try:
            token, verified = _accepted(sign_in, token, proxy)
            if verified.warning:
                console.warn(verified.warning)
            ahead = _clock_ahead(verified.date, console)
            if token.by_proxy_clock:
                token = token._replace(expires_at=_later(token.expires_at, ahead))
            if _wants_key(sign_in, token, virtual_key, expires, console):
                token = proxy.with_virtual_key(token, ahead, expires)
            owner = proxy.account_of(token)
            if token.kind == "api_key":
                token = token._replace(expires_at=_later(parse_time(owner.key_expires), ahead))
            login = _login(sign_in.base_url, token, owner, ahead)
            secret = Secret(login.base_url, token.token, login.issued_at, login.expires_at, token.refresh_token)
            previous = store.previous(profile)
            if previous is not None and _is_same(previous, secret):
                login = login._replace(kind=previous.login.kind, key_alias=previous.login.key_alias)
                previous = None
            # Asked before anything is stored, so that Ctrl-C leaves everything as it was.
            deletes = previous is not None and made_key.is_to_be_deleted(previous.login, revoke_key, console)
            kept = store.keep(profile, login, secret, storage)
        except BaseException:
            proxy.end(token)
            raise
        sign_in.user = login.who
    if kept.replaced is not None and not _is_same(kept.replaced, secret):
        is_asked = previous is not None and previous.login.id == kept.replaced.login.id
        _end_replaced(profile, kept, ask, console, deletes=deletes and is_asked)
    return LoggedIn(kept.login, owner, sign_in.user or owner.key_alias, verified.models, kept.is_first)


def log_out(
    profile: str, store: LoginStore, ask: Ask, console: Console, *, revoke_key: bool | None
) -> LoggedOut | None:
    """Sign a profile out: end at the proxy what can be ended, and remove everything here except the URL.

    `revoke_key` is whether to delete the virtual key that the login made (None asks). Returns None if the profile is
    not signed in.
    """
    previous = store.previous(profile)
    # Asked first: other processes wait while the store is locked.
    deletes = previous is not None and made_key.is_to_be_deleted(previous.login, revoke_key, console)
    deleted = False

    def end(login: Login, secret: Secret) -> None:
        nonlocal deleted
        proxy = _Proxy(login.base_url, ask, console)
        if login.session is not None and secret.refresh_token is not None:
            proxy.revoke(login.session, secret.refresh_token)
        if deletes and login.kind == "virtual_key" and (revoke_key or (previous and previous.login.id == login.id)):
            try:
                proxy.delete_key(secret.token)
            except Failure as failure:
                failed = failure.because(f"cannot delete {made_key.named(login)}")
                raise (failed if failure.code == "offline" else failed.changed(remedy=_keeping(profile))) from None
            deleted = True

    login = store.forget(profile, end)
    if login is None:
        return None
    if revoke_key and login.kind != "virtual_key":
        console.warn("--revoke-key is ignored: this login did not create a virtual key")
    return LoggedOut(login, deleted)


def _keeping(profile: str) -> str:
    """Return how to sign out where the virtual key cannot be deleted now."""
    words = "" if profile == DEFAULT_PROFILE else f" --profile {profile}"
    return f"run it again later, or litellmctl logout --keep-key{words}"


def _accepted(sign_in: SignIn, token: NewToken, proxy: _Proxy) -> tuple[NewToken, account.Verified]:
    """Return the token that the proxy accepts, of the chosen team; a typed one that it refuses is asked for again."""
    while True:
        if not sign_in.is_team(token) and token.team_alias is None:
            # PKCE gives the team's ID only, and --team may be its name.
            token = token._replace(team_alias=proxy.account_of(token).team_alias)
        sign_in.check_team(token)
        try:
            return proxy.verified(token)
        except AuthFailure as failure:
            token = sign_in.asked_again(failure)


def _is_same(previous: Previous, secret: Secret) -> bool:
    """Whether the new login has the virtual key of the previous one, such as after moving it to another storage."""
    login, old = previous
    return login.kind == "virtual_key" and old is not None and old.token == secret.token


def _end_replaced(profile: str, kept: Kept, ask: Ask, console: Console, *, deletes: bool) -> None:
    """Say whose login was replaced, and end at its proxy what it had there: later its secret is gone."""
    assert kept.replaced is not None
    login, secret = kept.replaced
    # Two keys whose users are unknown may be those of two users.
    now = kept.login
    is_there = login.base_url == now.base_url and login.user_id is not None and login.user_id == now.user_id
    if not is_there:
        whose = f" of {login.who}" if login.who else ""
        console.note(f"Replaced the login{whose} at {login.base_url} (profile {profile}).")
    proxy = _Proxy(login.base_url, ask, console)
    if login.session is not None and secret is not None and secret.refresh_token is not None:
        proxy.revoke(login.session, secret.refresh_token)
    if not made_key.is_alive(login):
        return
    if deletes and secret is not None:
        try:
            proxy.delete_key(secret.token)
        except Failure as failure:
            console.warn(f"cannot delete {made_key.named(login)}: {failure.message}")
        else:
            console.note(f"Deleted {made_key.named(login)}.")
            return
    console.note(*made_key.kept(login, profile, needs_sign_in=not is_there))


class _Proxy:
    """The requests of a login to one proxy."""

    def __init__(self, base_url: str, ask: Ask, console: Console) -> None:
        self._base_url = base_url
        self._ask = ask
        self._console = console

    def verified(self, token: NewToken) -> tuple[NewToken, account.Verified]:
        """Return the token, or the key inside it, if the proxy takes it."""
        try:
            return token, self._call(token.token, account.verify)
        except AuthFailure:
            if token.inner_key is None:
                raise
            inner = token._replace(token=checked(token.inner_key, named="the key inside the token"))
            return inner, self._call(inner.token, account.verify)

    def account_of(self, token: NewToken) -> account.Account:
        """Return the account of a token; all of it is unknown if the proxy does not say."""
        try:
            return self._call(token.token, lambda client: account.account(client, token.team_id))
        except Failure:
            return account.Account()  # the login is good without

    def with_virtual_key(self, token: NewToken, ahead: float, expires: str | None) -> NewToken:
        """Return a new virtual key in place of the token, or the token if that fails."""
        alias = f"litellmctl-{secrets.token_hex(4)}"
        made = None
        try:
            made, team_id = self._made_key(token, alias, expires)
            self._call(made.key, account.verify)
        except BaseException as error:
            if made is not None:
                key = made.key
                with suppress(Failure):
                    self._call(token.token, lambda client: account.delete_key(client, key))
            if not isinstance(error, Failure):
                raise
            reason = _refusal(error, self._base_url)
            self._console.warn(f"cannot create a virtual key, so the token itself is saved: {reason}")
            return token
        self._console.note(f'Created the virtual key "{alias}".')
        if expires is not None and made.expires is None:
            self._console.warn("the proxy ignored --expires: the virtual key does not expire")
        self.end(token)
        return NewToken(
            made.key,
            "virtual_key",
            _later(parse_time(made.expires), ahead),
            user_id=token.user_id,
            team_id=team_id,
            team_alias=token.team_alias if team_id else None,
            key_alias=alias,
        )

    def _made_key(self, token: NewToken, alias: str, expires: str | None) -> tuple[account.VirtualKey, str | None]:
        """Make a virtual key for the team, or for the user if the team does not let its members make keys."""
        team_id = token.team_id
        if team_id is not None:
            with suppress(AuthFailure):
                made = self._call(token.token, lambda client: account.make_key(client, alias, team_id, expires))
                return made, team_id
        made = self._call(token.token, lambda client: account.make_key(client, alias, None, expires))
        if team_id is not None:
            team = token.team_alias or team_id
            self._console.warn(f"the key belongs to you, not to {team}, which does not let members create keys")
        return made, None

    def end(self, token: NewToken) -> None:
        """End a token that is not kept, as far as the proxy allows."""
        if token.session is not None and token.refresh_token is not None:
            self.revoke(token.session, token.refresh_token)
        elif token.kind == "virtual_key":
            with suppress(Failure):
                self.delete_key(token.token)

    def revoke(self, session: Session, refresh_token: str) -> None:
        """Revoke a refresh token that is no longer needed; a failure is a warning."""
        try:
            self._call(None, lambda client: pkce.revoke(client, session, refresh_token))
        except Failure as failure:
            self._console.warn(
                f"cannot revoke the sign-in at the proxy, so it stays valid until it expires: {failure.message}"
            )

    def delete_key(self, key: str) -> None:
        """Delete a virtual key, with itself as the credential."""
        self._call(key, lambda client: account.delete_key(client, key))

    def _call(self, key: str | None, work: Callable[[Client], T]) -> T:
        return self._ask(self._base_url, key, work)


def _clock_ahead(date: str | None, console: Console) -> float:
    """Return by how many seconds this clock is ahead of the proxy's, with a warning; 0 if it does not matter."""
    ahead = Clock.of_difference(clock_difference(date)).ahead
    if ahead == 0.0:
        return ahead
    console.warn(
        f"this machine's clock is {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} the proxy's"
    )
    return ahead


def _wants_key(
    sign_in: SignIn, token: NewToken, virtual_key: bool | None, expires: str | None, console: Console
) -> bool:
    if expires is not None and token.kind == "api_key":
        raise UsageFailure(
            "--expires is for a new virtual key, but an API key is saved as it is", remedy="sign in without --expires"
        )
    if virtual_key and token.kind == "api_key":
        console.warn("--virtual-key is ignored: an API key is saved as it is")
        return False
    if virtual_key is not None:
        return virtual_key
    if not (sign_in.was_pasted and token.is_json_web_token):
        return False
    question = "Create a virtual key that outlives this token?"
    return console.confirm(question, flag="--virtual-key or --no-virtual-key", default=True)


def _login(base_url: str, token: NewToken, owner: account.Account, ahead: float) -> Login:
    """Return the login to store. Raises for an expired token. `ahead` is by how many seconds this clock is ahead."""
    now = time.time()
    if token.expires_at is not None and token.expires_at <= now:
        raise AuthFailure("auth_failed", "the token has expired", remedy="sign in with a new token")
    login = Login(
        base_url=base_url,
        id=secrets.token_hex(8),
        kind=token.kind,
        storage="",
        issued_at=now,
        expires_at=token.expires_at,
        user_id=token.user_id or owner.user_id,
        user_email=owner.user_email,
        team_id=token.team_id or owner.team_id,
        team_alias=token.team_alias or owner.team_alias,
        clock=Clock.of_difference(ahead).text,
        key_alias=token.key_alias,
    )
    if token.session is None or token.refresh_token is None:
        return login
    return login._replace(**token.session._asdict())


def _refusal(failure: Failure, base_url: str) -> str:
    """Return why no key was made, without blaming the token, which is good for other things."""
    if failure.code not in {"auth_failed", "forbidden"}:
        return failure.message
    reason = f": {failure.words}" if failure.words else f" ({failure.status})"
    return f"{base_url} does not let you create one{reason}"


def _later(seconds: float | None, ahead: float) -> float | None:
    return None if seconds is None else seconds + ahead
