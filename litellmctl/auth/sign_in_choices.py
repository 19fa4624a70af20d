"""The user's choices about a sign-in."""

from __future__ import annotations

from typing import NamedTuple

# The kinds of single sign-on, the best first.
FLOWS = ("pkce", "device", "paste")


class Choices(NamedTuple):
    """The user's choices; None and False: not chosen. `again` is the command that tries again."""

    sso: bool = False
    with_token: bool = False
    flow: str | None = None
    opens_browser: bool = True
    callback_port: int = 0
    team: str | None = None
    again: str = "litellmctl login --sso"
