"""Signing in to an MCP server that wants OAuth: in the browser, through the proxy, which keeps the token."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from litellmctl.errors import Failure, Rejected
from litellmctl.proxy.pkce import Challenge

if TYPE_CHECKING:
    from litellmctl.auth.browser_visit import BrowserVisit
    from litellmctl.proxy.mcp_credentials import SignedIn
    from litellmctl.server_credentials.credentials import ServerCredential, ServerCredentials
    from litellmctl.terminal.console import Console

T = TypeVar("T")


class Done(NamedTuple):
    """A sign-in that was made. The proxy refreshes it by itself if the server allows that."""

    signed_in: SignedIn
    is_refreshed: bool


def sign_in(own: ServerCredentials, wanted: ServerCredential, visit: BrowserVisit, console: Console) -> Done:
    """Sign in to a server, and return the sign-in that the proxy keeps.

    The browser goes to the proxy, which sends it on to the server's authorization server and back to our page; the code
    is of use only with our verifier (RFC 7636), and is exchanged with our key, which tells the proxy the user.
    """

    def step(work: Callable[[], T]) -> T:
        try:
            return work()
        except Failure as failure:
            if failure.code == "forbidden":
                raise
            failure = failure.because(f"cannot sign in to MCP server {wanted.server}")
            if isinstance(failure, Rejected):
                raise failure.changed(remedy=wanted.remedy) from None
            if failure.code == "bad_response":  # that of a sign-in to the proxy would not help here
                raise failure.changed(remedy="ask the proxy's administrator") from None
            raise failure from None

    before = step(lambda: own.sign_in_status(wanted))
    state, challenge = secrets.token_urlsafe(32), Challenge.new()
    redirect_uri = visit.listen(state)
    attempt = step(lambda: own.begin(wanted, redirect_uri, challenge.verifier))
    link = own.link(attempt, state, challenge.challenge)
    visit.announce()
    console.instruct(link)
    visit.show(link)
    code = visit.code(wanted.remedy, own.hidden)
    token = step(lambda: own.redeem(attempt, code))
    after = step(lambda: own.sign_in_status(wanted))
    if after is None or after == before:
        step(lambda: own.store(wanted, token))
        after = step(lambda: own.sign_in_status(wanted))
    if after is None:
        raise Rejected(
            "rejected",
            f"the proxy did not keep the sign-in to MCP server {wanted.server}",
            remedy="ask the proxy's administrator",
        )
    return Done(after, token.refresh_token is not None)
