"""The ways to sign in, and the steps of each: PKCE, device code, pasted or piped token. `login` stores the token."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

from litellmctl.auth import browser
from litellmctl.auth.new_token import MAX_CHARACTERS, NewToken, of_text
from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.proxy import account, device, pkce
from litellmctl.proxy.oauth import NotOffered
from litellmctl.settings import environment

if TYPE_CHECKING:
    from types import TracebackType

    from litellmctl.auth.loopback import Callback
    from litellmctl.auth.sign_in_choices import Choices
    from litellmctl.proxy.client import Client
    from litellmctl.terminal.console import Console

T = TypeVar("T")

_WAIT_SECONDS = 600.0
_POLL_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 10.0
_TRIES = 5
_WITH_TOKEN = "--with-token, and give the key on stdin"  # noqa: S105


class SignIn:
    """One sign-in at the proxy of `client`, which has no key yet.

    `seconds` is how long each request may take. As a context manager it tells the person's browser how it ended, with
    what `user` says of them.
    """

    def __init__(self, console: Console, client: Client, choices: Choices, seconds: float) -> None:
        self._console = console
        self._client = replace(client, refused_remedy=choices.again)
        self._choices = choices
        self._seconds = seconds
        self._callback: Callback | None = None
        self._stack = ExitStack()
        self.user: str | None = None
        self.was_pasted = False

    @property
    def base_url(self) -> str:
        """The proxy."""
        return self._client.base_url

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Say in the browser how it ended, and stop listening."""
        with self._stack:
            if self._callback is not None:
                from litellmctl.auth import loopback_page

                if error is None:
                    self._callback.finish(loopback_page.signed_in(self._client.base_url, self.user))
                else:
                    reason = error.message if isinstance(error, Failure) else "it was cancelled in the terminal"
                    self._callback.finish(loopback_page.not_signed_in(f"{reason[:1].upper()}{reason[1:]}."))

    def obtain(self) -> NewToken:
        """Sign in the way that was chosen, or ask which."""
        if self._choices.with_token:
            return self._piped()
        single_sign_on = self._choices.sso
        if not single_sign_on:
            offered = self._call(account.has_single_sign_on)
            if offered is False:
                self._console.note(f"{self._client.base_url} has no single sign-on: an API key it is.")
                return self._typed()
            unknown = " (it may not be set up: this proxy does not say)" if offered is None else ""
            ways = [f"Single sign-on, in a browser{unknown}", "An API key, typed or pasted here"]
            way = self._console.choose(
                "How do you sign in?", ways, flag="--sso, or --with-token", default=0 if offered else 1
            )
            if way == 1:
                return self._typed()
        elif self._choices.flow != "paste":
            offered = self._call(account.has_single_sign_on)
            if offered is False:
                raise Rejected(
                    "rejected",
                    f"{self._client.base_url} has no single sign-on: none is configured there",
                    remedy="litellmctl login --with-token",
                )
            if offered is None:
                self._console.note("Single sign-on may not be set up: this proxy does not say.")
        return self._single_sign_on()

    def is_team(self, obtained: NewToken) -> bool:
        """Whether this is a sign-in with the team that was asked for, by its id or by its name."""
        return self._choices.team in {None, obtained.team_id, obtained.team_alias}

    def check_team(self, obtained: NewToken) -> None:
        """Refuse a sign-in with another team than the one that was asked for."""
        wanted = self._choices.team
        if wanted is not None and not self.is_team(obtained):
            found = "no team" if obtained.team_id is None else f"the team {obtained.team_id}"
            raise UsageFailure(
                f"this signed in with {found}, not with the team {wanted}",
                remedy="leave out --team, or choose that team where the page asks",
            )

    def _call(self, work: Callable[[Client], T]) -> T:
        return self._client.call(self._seconds, work)

    def _piped(self) -> NewToken:
        if self._console.stdin_is_terminal:
            return self._typed()
        return of_text(self._console.read_stdin(MAX_CHARACTERS))

    def _typed(self) -> NewToken:
        return of_text(self._console.ask_hidden("API key or token", flag=_WITH_TOKEN))

    def _single_sign_on(self) -> NewToken:
        """Take the best way that the proxy and this machine have, or the one that was chosen."""
        flow = self._choices.flow
        reasons = []
        if flow == "pkce" or (flow is None and browser.is_here()):
            endpoints = self._call(pkce.discover)
            if not isinstance(endpoints, NotOffered):
                return self._by_pkce(endpoints)
            reasons.append(endpoints.reason)
        elif flow is None:
            reasons.append("there is no browser here")
        if flow in {"device", None}:
            started = self._call(device.start)
            if not isinstance(started, NotOffered):
                return self._by_device(started, reasons)
            reasons.append(started.reason)
        if flow in {"paste", None}:
            return self._by_paste(reasons)
        raise Rejected("rejected", f"--flow {flow}: {reasons[-1]}", remedy=self._choices.again)

    def _by_pkce(self, endpoints: pkce.Endpoints) -> NewToken:
        state = secrets.token_urlsafe(32)
        callback = self._listen(state)
        attempt = self._call(lambda client: pkce.begin(client, endpoints, callback.redirect_uri, state))
        self._console.note("Single sign-on by PKCE, in a browser on this machine (10 minutes; Ctrl-C cancels):")
        if self._choices.team is not None:
            self._console.note(f"Choose the team {self._choices.team} there.")
        self._console.instruct(attempt.link)
        self._open(attempt.link)
        outcome = callback.wait(_WAIT_SECONDS)
        if outcome is None:
            raise self._nobody_came(_WAIT_SECONDS)
        from litellmctl.auth.loopback import Denied

        if isinstance(outcome, Denied):
            said = f"{outcome.error}: {outcome.description}" if outcome.description else outcome.error
            said = self._client.auth.hidden(said)
            raise AuthFailure(
                "auth_failed", f"the sign-in was refused in the browser ({said})", remedy=self._choices.again
            )
        grant = self._call(lambda client: pkce.redeem(client, attempt, outcome.code))
        return NewToken(
            token=grant.token,
            kind="pkce",
            expires_at=time.time() + (grant.expires_in or 0),
            refresh_token=grant.refresh_token,
            user_id=grant.user_id,
            team_id=grant.team_id,
            session=attempt.session,
        )

    def _listen(self, state: str) -> Callback:
        from litellmctl.auth.loopback import Callback

        port = self._choices.callback_port
        try:
            self._callback = self._stack.enter_context(Callback(state, port, self._console.warn))
        except OSError as error:
            raise UsageFailure(
                f"cannot listen on 127.0.0.1, port {port}: {(error.strerror or str(error)).lower()}",
                remedy="choose another --callback-port, or leave it out",
            ) from None
        return self._callback

    def _by_device(self, started: device.Started, reasons: list[str]) -> NewToken:
        default = environment.hours("LITELLM_CLI_JWT_EXPIRATION_HOURS", 24)
        why = f" ({reasons[-1]})" if reasons else ""
        self._console.note(f"Single sign-on by device code{why}, in any browser:")
        self._console.instruct(started.link)
        ends = f"({_words(started.expires_in)}; Ctrl-C cancels)"
        if started.code_is_in_link:
            self._console.instruct(f"Check that the page shows the code {started.user_code} {ends}.")
        else:
            self._console.instruct(f"Enter the code {started.user_code} there {ends}.")
        self._open(started.link)
        ready = self._polled(started)
        grant = ready.grant
        team = next((team for team in ready.teams if team.id == grant.team_id), None)
        return NewToken(
            token=grant.token,
            kind="sso",
            expires_at=time.time() + (grant.expires_in or default),
            user_id=grant.user_id,
            team_id=grant.team_id,
            team_alias=team.alias if team else None,
        )

    def _polled(self, started: device.Started) -> device.Ready:
        """Ask again and again until the person has signed in. What may pass is given some time to."""
        end = time.monotonic() + started.expires_in
        pause = _POLL_SECONDS
        failures = 0
        team: str | None = None
        while (left := end - time.monotonic()) > 0:
            try:
                outcome = self._call(lambda client: device.poll(client, started, team))  # noqa: B023
            except Unavailable as failure:
                failures += 1
                if failures == _TRIES or failure.code == "offline":
                    raise
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            else:
                if isinstance(outcome, device.Ready):
                    return outcome
                failures, pause = 0, _POLL_SECONDS
                if isinstance(outcome, device.TeamWanted):
                    team = self._team_of(outcome.teams)
                    continue
            time.sleep(min(pause, left))
        raise self._nobody_came(started.expires_in)

    def _team_of(self, teams: list[device.Team]) -> str:
        wanted = self._choices.team
        if wanted is not None:
            found = [team.id for team in teams if team.id == wanted] or [
                team.id for team in teams if team.alias == wanted
            ]
            if len(found) != 1:
                raise _not_in(wanted, teams)
            return found[0]
        if not self._console.can_prompt:
            raise UsageFailure(
                "you are in several teams, and it cannot be asked here which one signs in: "
                + listed([team.id for team in teams]),
                remedy="pass --team ID",
                code="input_required",
            )
        names = [f"{team.alias} ({team.id})" if team.alias else team.id for team in teams]
        return teams[self._console.choose("Which team?", names, flag="--team ID")].id

    def _by_paste(self, reasons: list[str]) -> NewToken:
        why = f" ({', '.join(reasons)})" if reasons else ""
        if not self._console.can_prompt:
            raise UsageFailure(
                f"a token has to be pasted{why}, and it cannot be asked for here",
                remedy=f"pass {_WITH_TOKEN}",
                code="input_required",
            )
        self._console.note(f"Single sign-on by hand{why}: sign in to the proxy's pages, and copy your token there.")
        link = f"{self._client.base_url}/sso/key/generate"
        self._console.instruct(link)
        self._open(link)
        self.was_pasted = True
        return of_text(self._console.ask_hidden("Token", flag=_WITH_TOKEN))

    def _nobody_came(self, seconds: float) -> AuthFailure:
        again = self._choices.again
        return AuthFailure("auth_failed", f"nobody signed in within {_words(seconds)}", remedy=again)

    def _open(self, link: str) -> None:
        """Open the link, which was printed alone on its line for copying, where that was not declined."""
        if self._choices.opens_browser and browser.is_here():
            address = self._address_of(link)
            if address is None or not browser.show(address):
                self._console.note("No browser could be opened: open the link yourself.")

    def _address_of(self, link: str) -> str | None:
        """Return an address that leads this user's browser to the link, and nobody else's; None where there is none.

        The link itself is not for the browser's arguments: another user who signs in there signs us in as themselves.
        """
        if not browser.reads_files() and (start := self._start_at(link)) is not None:
            return start
        try:
            return self._stack.enter_context(browser.file_to(link))
        except (OSError, Failure):
            return self._start_at(link)

    def _start_at(self, link: str) -> str | None:
        from litellmctl.auth.loopback import Callback

        try:
            server = self._callback or self._stack.enter_context(Callback(secrets.token_urlsafe(32)))
        except OSError:
            return None
        return server.start_at(link)


def _words(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _not_in(wanted: str, teams: list[device.Team]) -> UsageFailure:
    remedy = f"pass one of {listed([team.id for team in teams])}" if teams else "leave out --team"
    return UsageFailure(f'you are not in the team "{wanted}"', remedy=remedy)
