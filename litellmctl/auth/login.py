"""A login from end to end, and its end: what is asked of the proxy. `login_store` has what is kept on disk."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from litellmctl.auth.credential import checked
from litellmctl.auth.lifetime import Clock
from litellmctl.auth.login_file import Login
from litellmctl.auth.new_token import NewToken
from litellmctl.auth.vault import Secret
from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.times import clock_difference, parse_time
from litellmctl.proxy import account, pkce

if TYPE_CHECKING:
    from litellmctl.auth.flows import SignIn
    from litellmctl.auth.login_store import LoginStore, Replaced
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.oauth import Session
    from litellmctl.terminal.console import Console

T = TypeVar("T")


class Ask(Protocol):
    """Returns what `work` makes of a client for a proxy, with this key or with none, in bounded time."""

    def __call__(self, base_url: str, key: str | None, work: Callable[[Client], T]) -> T:
        """Return what `work` returns."""


class LoggedIn(NamedTuple):
    """What was stored: the login, where its secret lies, whose it is, and how many models it may use."""

    login: Login
    where: str
    who: str | None
    models: int | None


def log_in(
    profile: str,
    sign_in: SignIn,
    store: LoginStore,
    ask: Ask,
    console: Console,
    *,
    virtual_key: bool | None,
    storage: str | None,
) -> LoggedIn:
    """Sign in and store what that gives; where anything fails, what was stored before is still there.

    `virtual_key` says whether to make a key that outlives the token; None asks where that makes sense.
    """
    proxy = _Proxy(sign_in.base_url, ask, console)
    store.probe(storage)
    with sign_in:
        token = sign_in.obtain()
        try:
            if not sign_in.is_team(token) and token.team_alias is None:
                # PKCE gives the team's id only, and --team may be its name.
                token = token._replace(team_alias=proxy.account_of(token).team_alias)
            sign_in.check_team(token)
            token, verified = proxy.verified(token)
            if verified.warning:
                console.warn(verified.warning)
            ahead = _clock_ahead(verified.date, console)
            if token.by_proxy_clock:
                token = token._replace(expires_at=_later(token.expires_at, ahead))
            if _wants_key(sign_in, token, virtual_key, console):
                token = proxy.with_virtual_key(token, ahead)
            owner = proxy.account_of(token)
            if token.kind == "api_key":
                token = token._replace(expires_at=_later(parse_time(owner.key_expires), ahead))
            login = _login(sign_in.base_url, token, owner, ahead)
            secret = Secret(login.base_url, token.token, login.issued_at, login.expires_at, token.refresh_token)
            kept = store.keep(profile, login, secret, storage)
        except BaseException:
            proxy.end(token)
            raise
        sign_in.user = login.user_email or login.user_id
    if kept.replaced is not None:
        _end_replaced(kept.replaced, ask, console)
    return LoggedIn(kept.login, kept.where, sign_in.user or owner.key_alias, verified.models)


def log_out(profile: str, store: LoginStore, ask: Ask, console: Console, *, revoke_key: bool) -> Login | None:
    """Sign a profile out: at the proxy what can be ended there, and here everything but the URL.

    Returns the login, or None where there was none.
    """

    def end(login: Login, secret: Secret) -> None:
        proxy = _Proxy(login.base_url, ask, console)
        if login.session is not None and secret.refresh_token is not None:
            proxy.revoke(login.session, secret.refresh_token)
        if revoke_key and login.kind == "virtual_key":
            proxy.delete_key(secret.token)
        elif revoke_key:
            console.warn("--revoke-key: this login made no virtual key")

    return store.forget(profile, end)


def _end_replaced(replaced: Replaced, ask: Ask, console: Console) -> None:
    """Revoke the session of a login that was replaced, at its own proxy: nobody could do that later."""
    login, secret = replaced
    if login.session is not None and secret is not None and secret.refresh_token is not None:
        _Proxy(login.base_url, ask, console).revoke(login.session, secret.refresh_token)


class _Proxy:
    """What a login asks of one proxy."""

    def __init__(self, base_url: str, ask: Ask, console: Console) -> None:
        self._base_url = base_url
        self._ask = ask
        self._console = console

    def verified(self, token: NewToken) -> tuple[NewToken, account.Verified]:
        """Ask whether the proxy takes the token, or the key inside it."""
        try:
            return token, self._call(token.token, account.verify)
        except AuthFailure:
            if token.inner_key is None:
                raise
            inner = token._replace(token=checked(token.inner_key, named="the key in the token"))
            return inner, self._call(inner.token, account.verify)

    def account_of(self, token: NewToken) -> account.Account:
        """Ask whose token it is; all of it is unknown where the proxy does not say."""
        try:
            return self._call(token.token, lambda client: account.account(client, token.team_id))
        except Failure:
            return account.Account()  # the login is good without

    def with_virtual_key(self, token: NewToken, ahead: float) -> NewToken:
        """Return a new virtual key in place of the token, or the token where that fails."""
        alias = f"litellmctl-{secrets.token_hex(4)}"
        made = None
        try:
            made, team_id = self._made_key(token, alias)
            self._call(made.key, account.verify)
        except BaseException as error:
            if made is not None:
                key = made.key
                with suppress(Failure):
                    self._call(token.token, lambda client: account.delete_key(client, key))
            if not isinstance(error, Failure):
                raise
            reason = _refusal(error, self._base_url)
            self._console.warn(f"no virtual key was made, and the token itself is kept: {reason}")
            return token
        self.end(token)
        return NewToken(
            made.key,
            "virtual_key",
            _later(parse_time(made.expires), ahead),
            user_id=token.user_id,
            team_id=team_id,
            team_alias=token.team_alias if team_id else None,
        )

    def _made_key(self, token: NewToken, alias: str) -> tuple[account.VirtualKey, str | None]:
        """Make a virtual key for the team, or one of the user's own where its members may make none."""
        team_id = token.team_id
        if team_id is not None:
            with suppress(AuthFailure):
                return self._call(token.token, lambda client: account.make_key(client, alias, team_id)), team_id
        made = self._call(token.token, lambda client: account.make_key(client, alias, None))
        if team_id is not None:
            team = token.team_alias or team_id
            self._console.warn(f"the virtual key is your own: the team {team} lets its members make none for it")
        return made, None

    def end(self, token: NewToken) -> None:
        """End a token that is not going to be kept, as well as that can be done now."""
        if token.session is not None and token.refresh_token is not None:
            self.revoke(token.session, token.refresh_token)
        elif token.kind == "virtual_key":
            with suppress(Failure):
                self.delete_key(token.token)

    def revoke(self, session: Session, refresh_token: str) -> None:
        """Make a refresh token that is no longer needed worthless, as well as that can be done now."""
        try:
            self._call(None, lambda client: pkce.revoke(client, session, refresh_token))
        except Failure as failure:
            self._console.warn(f"the sign-in could not be revoked at the proxy, and ends by itself: {failure.message}")

    def delete_key(self, key: str) -> None:
        """Delete a virtual key, by itself."""
        self._call(key, lambda client: account.delete_key(client, key))

    def _call(self, key: str | None, work: Callable[[Client], T]) -> T:
        return self._ask(self._base_url, key, work)


def _clock_ahead(date: str | None, console: Console) -> float:
    """Return by how many seconds our clock is ahead of the proxy's, and say so; 0 where that does no harm."""
    ahead = Clock.of_difference(clock_difference(date)).ahead
    if ahead == 0.0:
        return ahead
    console.warn(
        f"this machine's clock is {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} the proxy's"
    )
    return ahead


def _wants_key(sign_in: SignIn, token: NewToken, virtual_key: bool | None, console: Console) -> bool:
    if virtual_key is not None:
        return virtual_key and token.kind != "api_key"
    if not (sign_in.was_pasted and token.is_json_web_token):
        return False
    question = "Make a virtual key from it, which outlives this token?"
    return console.confirm(question, flag="--virtual-key or --no-virtual-key", default=True)


def _login(base_url: str, token: NewToken, owner: account.Account, ahead: float) -> Login:
    """Return the login to store; a token that has ended is no login. `ahead` is how wrong this machine's clock is."""
    now = time.time()
    if token.expires_at is not None and token.expires_at <= now:
        raise AuthFailure("auth_failed", "this token has expired", remedy="get a new one, and sign in with that")
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
    )
    if token.session is None or token.refresh_token is None:
        return login
    return login._replace(**token.session._asdict())


def _refusal(failure: Failure, base_url: str) -> str:
    """Return why no key was made; the key that was refused is a good one, for other things."""
    if failure.code not in {"auth_failed", "forbidden"}:
        return failure.message
    reason = f": {failure.words}" if failure.words else f" ({failure.status})"
    return f"{base_url} does not let you make one{reason}"


def _later(seconds: float | None, ahead: float) -> float | None:
    return None if seconds is None else seconds + ahead
