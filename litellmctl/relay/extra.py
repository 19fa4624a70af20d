"""The extra `litellmctl[serve]`, which a relay needs: whether it is installed, without importing it."""

from __future__ import annotations

from litellmctl import own_command
from litellmctl.errors import UsageFailure


def require(what: str) -> None:
    """Refuse what needs the extra if it is not installed. Raises UsageFailure, whose remedy installs it."""
    own_command.require_extra(what, "serve", "aiohttp", ("aiohttp",))


def to_install() -> str | None:
    """Return the command that installs the extra; None if it is installed."""
    try:
        require("a relay")
    except UsageFailure as failure:
        return failure.remedy
    return None
