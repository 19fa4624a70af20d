"""What a user may choose about a sign-in."""

from __future__ import annotations

from typing import NamedTuple

# The kinds of single sign-on, the best first.
FLOWS = ("pkce", "device", "paste")


class Choices(NamedTuple):
    """What the user chose; None and False: nothing. `again` is the command that tries again."""

    sso: bool = False
    with_token: bool = False
    flow: str | None = None
    opens_browser: bool = True
    callback_port: int = 0
    team: str | None = None
    again: str = "litellmctl login --sso"
