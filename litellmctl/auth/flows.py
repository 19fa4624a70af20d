"""The ways to sign in: PKCE, device code, a pasted or piped token. `login` stores the token that they give."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from litellmctl.auth import browser
from litellmctl.auth.browser_visit import BrowserVisit, duration, timed_out
from litellmctl.auth.new_token import MAX_CHARACTERS, NewToken, of_text
from litellmctl.errors import Failure, Rejected, Unavailable, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.proxy import account, device, pkce
from litellmctl.proxy.oauth import NotOffered
from litellmctl.settings import environment

if TYPE_CHECKING:
    from types import TracebackType

    from litellmctl.auth.sign_in_choices import Choices
    from litellmctl.proxy.client import Client
    from litellmctl.terminal.console import Console

T = TypeVar("T")

_POLL_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 10.0
_TRIES = 5
# How often a key is asked for.
_KEYS = 3
_NO_PROXY_STATUSES = {404, 405, 410}
_WITH_TOKEN = "--with-token, with the key on stdin"  # noqa: S105


class SignIn:
    """One sign-in at the proxy of `client`, which has no key yet.

    `seconds` is the time limit of each request. As a context manager it shows in the browser how the sign-in ended,
    with the name in `user`.
    """

    def __init__(self, console: Console, client: Client, choices: Choices, seconds: float) -> None:
        self._console = console
        self._client = replace(client, refused_remedy=choices.again)
        self._choices = choices
        self._seconds = seconds
        self._visit = BrowserVisit(
            console, opens=choices.opens_browser, port=choices.callback_port, other_way="--flow device"
        )
        self._question: str | None = None
        self._asked = 0
        self._was_looked_at = False
        self.user: str | None = None
        self.was_pasted = False

    @property
    def base_url(self) -> str:
        """The proxy."""
        return self._client.base_url

    def __enter__(self) -> Self:
        """Begin."""
        self._visit.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show in the browser how it ended, and stop listening."""
        if error is None:
            from litellmctl.auth import loopback_page

            self._visit.finish(loopback_page.signed_in(self._client.base_url, self.user))
        self._visit.__exit__(kind, error, traceback)

    @cached_property
    def offers_single_sign_on(self) -> bool | None:
        """Whether the proxy has single sign-on; None if it does not say."""
        return self._call(account.has_single_sign_on)

    def look(self) -> None:
        """Raise the failure if this is not a LiteLLM proxy: no key should be typed for anything else."""
        if self.offers_single_sign_on is None and not self._was_looked_at:
            self._call(_look)
            self._was_looked_at = True

    def obtain(self) -> NewToken:
        """Sign in the way that was chosen, or ask which."""
        if self._choices.with_token:
            return self._given()
        if not self._choices.sso:
            self.look()
            offered = self.offers_single_sign_on
            if offered is False:
                self._console.note(f"{self._client.base_url} has no single sign-on; sign in with an API key.")
                return self._typed()
            unknown = " (the proxy does not say if it is set up)" if offered is None else ""
            ways = [f"Single sign-on, in a browser{unknown}", "API key, typed or pasted here"]
            way = self._console.choose(
                "How do you want to sign in?", ways, flag="--sso or --with-token", default=0 if offered else 1
            )
            if way == 1:
                return self._typed()
        elif self._choices.flow != "paste":
            if self.offers_single_sign_on is False:
                raise Rejected(
                    "rejected",
                    f"{self._client.base_url} has no single sign-on",
                    remedy="pass --with-token instead",
                )
            if self.offers_single_sign_on is None:
                self._console.note("The proxy does not say if single sign-on is set up; trying it.")
        return self._single_sign_on()

    def asked_again(self, failure: Failure) -> NewToken:
        """Say why the typed key was refused, and ask for another one.

        Raises `failure` if no key was typed, the answer is empty, or it was asked often enough.
        """
        while self._question is not None and self._asked < _KEYS:
            self._console.warn(failure.message)
            text = self._ask_key()
            if not text.strip():
                break
            try:
                return of_text(text)
            except UsageFailure as unusable:
                failure = unusable
        raise failure

    def is_team(self, obtained: NewToken) -> bool:
        """Whether this is a sign-in with the chosen team, by ID or name."""
        return self._choices.team in {None, obtained.team_id, obtained.team_alias}

    def check_team(self, obtained: NewToken) -> None:
        """Refuse a sign-in with another team than the chosen one."""
        wanted = self._choices.team
        if wanted is not None and not self.is_team(obtained):
            found = "without a team" if obtained.team_id is None else f"with team {obtained.team_id}"
            raise UsageFailure(
                f"signed in {found}, not with team {wanted}",
                remedy="choose that team in the browser, or sign in without --team",
            )

    def _call(self, work: Callable[[Client], T]) -> T:
        return self._client.call(self._seconds, work)

    def _given(self) -> NewToken:
        """Return the token on stdin, which is asked for on a terminal."""
        return self._typed() if self._console.stdin_is_terminal else of_text(self._console.read_stdin(MAX_CHARACTERS))

    def _typed(self, question: str = "API key or token") -> NewToken:
        if self._console.can_prompt:
            self.look()
        self._question = question
        text = self._ask_key()
        try:
            return of_text(text)
        except UsageFailure as failure:
            if not text.strip():
                raise
            return self.asked_again(failure)

    def _ask_key(self) -> str:
        self._asked += 1
        return self._console.ask_hidden(self._question or "", flag=_WITH_TOKEN)

    def _single_sign_on(self) -> NewToken:
        """Use the best way that the proxy and this machine have, or the chosen one."""
        flow = self._choices.flow
        reasons = []
        if flow == "pkce" or (flow is None and browser.is_here()):
            endpoints = self._call(pkce.discover)
            if not isinstance(endpoints, NotOffered):
                return self._by_pkce(endpoints)
            reasons.append(endpoints.reason)
        elif flow is None:
            reasons.append("no browser on this machine")
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
        redirect_uri = self._visit.listen(state)
        attempt = self._call(lambda client: pkce.begin(client, endpoints, redirect_uri, state))
        self._visit.announce()
        if self._choices.team is not None:
            self._console.note(f"Choose team {self._choices.team} there.")
        self._console.instruct(attempt.link)
        self._visit.show(attempt.link)
        code = self._visit.code(self._choices.again, self._client.auth.hidden)
        grant = self._call(lambda client: pkce.redeem(client, attempt, code))
        return NewToken(
            token=grant.token,
            kind="pkce",
            expires_at=time.time() + (grant.expires_in or 0),
            refresh_token=grant.refresh_token,
            user_id=grant.user_id,
            team_id=grant.team_id,
            session=attempt.session,
        )

    def _by_device(self, started: device.Started, reasons: list[str]) -> NewToken:
        default = environment.hours("LITELLM_CLI_JWT_EXPIRATION_HOURS", 24)
        why = f" ({reasons[-1]})" if reasons else ""
        self._console.note(f"Open this link in any browser to sign in{why}:")
        self._console.instruct(started.link)
        ends = f"({duration(started.expires_in)}; Ctrl-C cancels)"
        if started.code_is_in_link:
            self._console.instruct(f"Check that the page shows the code {started.user_code} {ends}.")
        else:
            self._console.instruct(f"Enter the code {started.user_code} there {ends}.")
        self._visit.show(started.link)
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
        """Poll until the user has signed in. A proxy that is down for a while is asked again."""
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
        raise timed_out(started.expires_in, self._choices.again)

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
                f"cannot ask which team to use without a terminal: {listed([team.id for team in teams])}",
                remedy="pass --team ID",
                code="input_required",
            )
        names = [f"{team.alias} ({team.id})" if team.alias else team.id for team in teams]
        return teams[self._console.choose("Which team?", names, flag="--team ID")].id

    def _by_paste(self, reasons: list[str]) -> NewToken:
        why = f" ({', '.join(reasons)})" if reasons else ""
        if not self._console.can_prompt:
            raise UsageFailure(
                f"cannot ask for a token without a terminal{why}", remedy=f"pass {_WITH_TOKEN}", code="input_required"
            )
        self._console.note(f"Sign in on the proxy's pages{why}, copy your token there, and paste it here:")
        link = f"{self._client.base_url}/sso/key/generate"
        self._console.instruct(link)
        self._visit.show(link)
        self.was_pasted = True
        return self._typed("Token")


def _look(client: Client) -> None:
    """Ask for what every proxy has, also an older one, and one behind a gateway; both may refuse us without a key."""
    path = "/v1/models"
    answer = client.get(path)
    if answer.status == 200:
        answer.close()
        return
    failure = client.failure(answer, path)
    if answer.status in _NO_PROXY_STATUSES:
        raise Unavailable(
            "bad_response",
            f"{client.base_url} is not a LiteLLM proxy: it returned {answer.status} for {path}",
            remedy="check the URL",
            status=answer.status,
        )
    if isinstance(failure, Unavailable) and answer.status not in {401, 403}:
        raise failure


def _not_in(wanted: str, teams: list[device.Team]) -> UsageFailure:
    remedy = f"pass one of {listed([team.id for team in teams])}" if teams else "sign in without --team"
    return UsageFailure(f'you are not in team "{wanted}"', remedy=remedy)
