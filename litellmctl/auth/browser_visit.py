"""A visit of the user's browser for a sign-in: to a link, and back to a page of ours on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from litellmctl.auth import browser
from litellmctl.errors import AuthFailure, Failure, UsageFailure

if TYPE_CHECKING:
    from types import TracebackType

    from litellmctl.auth.loopback import Callback
    from litellmctl.auth.loopback_page import Page
    from litellmctl.terminal.console import Console

_WAIT_SECONDS = 600.0


class BrowserVisit:
    """One visit. `opens` is false if the user opens the link, `port` is that of the page (0: any free one).

    `other_way` are the options that sign in without this machine's browser ("": there are none). On exit, the page says
    how it ended: as `finish` did, or that the sign-in failed.
    """

    def __init__(self, console: Console, *, opens: bool, port: int, other_way: str = "") -> None:
        self._console = console
        self._port = port
        self._other_way = other_way
        self._callback: Callback | None = None
        self._stack = ExitStack()
        self._opens = opens

    @property
    def opens(self) -> bool:
        """Whether the link is opened in a browser here."""
        return self._opens and browser.is_here()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Show in the browser how it ended, and stop listening."""
        with self._stack:
            if error is not None:
                from litellmctl.auth import loopback_page

                reason = error.message if isinstance(error, Failure) else "it was cancelled in the terminal"
                self.finish(loopback_page.not_signed_in(f"{reason[:1].upper()}{reason[1:]}."))

    def finish(self, page: Page) -> None:
        """Show this page, if the browser waits for one."""
        if self._callback is not None:
            self._callback.finish(page)

    def listen(self, state: str) -> str:
        """Listen for the browser's return, and return the address for it."""
        from litellmctl.auth.loopback import Callback

        port = self._port
        try:
            self._callback = self._stack.enter_context(
                Callback(state, port, self._console.warn, other_way=self._other_way)
            )
        except OSError as error:
            raise UsageFailure(
                f"cannot listen on 127.0.0.1:{port}: {(error.strerror or str(error)).lower()}",
                remedy="pass another --callback-port, or remove it",
            ) from None
        return self._callback.redirect_uri

    def announce(self) -> None:
        """Say that a browser opens, or that the link is to be opened; the link follows."""
        opens = "Opening a browser" if self.opens else "Open this link"
        self._console.note(f"{opens} on this machine to sign in ({duration(_WAIT_SECONDS)}; Ctrl-C cancels):")

    def code(self, again: str, hide: Callable[[str], str]) -> str:
        """Return the authorization code that the browser brings. Raises a failure with the remedy `again` without one.

        `hide` removes secrets from what the authorization server said.
        """
        from litellmctl.auth.loopback import Denied

        assert self._callback is not None
        outcome = self._callback.wait(_WAIT_SECONDS)
        if outcome is None:
            raise timed_out(_WAIT_SECONDS, again)
        if isinstance(outcome, Denied):
            said = f"{outcome.error}: {outcome.description}" if outcome.description else outcome.error
            raise AuthFailure("auth_failed", f"the sign-in was refused in the browser ({hide(said)})", remedy=again)
        return outcome.code

    def show(self, link: str) -> None:
        """Open the link, unless the user does; it was printed alone on its line for copying."""
        if self.opens:
            address = self._address_of(link)
            if address is None or not browser.show(address):
                self._console.note("Cannot open a browser; open the link yourself.")

    def _address_of(self, link: str) -> str | None:
        """Return an address that leads only this user's browser to the link; None if there is none.

        The link itself must not be in the browser's arguments, which other users can read: a user who signs in there
        signs us in as themselves.
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
            server = self._callback or self._stack.enter_context(
                Callback(secrets.token_urlsafe(32), other_way=self._other_way)
            )
        except OSError:
            return None
        return server.start_at(link)


def timed_out(seconds: float, again: str) -> AuthFailure:
    """Return the failure for a sign-in that nobody completed."""
    return AuthFailure("auth_failed", f"the sign-in was not completed within {duration(seconds)}", remedy=again)


def duration(seconds: float) -> str:
    """Return how long a sign-in may take, in words."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
