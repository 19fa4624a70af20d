"""`auth`: the account commands under the names that gh has."""

from __future__ import annotations

from litellmctl.commands.base import group
from litellmctl.commands.login import login
from litellmctl.commands.logout import logout
from litellmctl.commands.token import token
from litellmctl.commands.whoami import whoami


@group("auth", hidden=True)
def auth() -> None:
    """Sign in and out: login, logout, status (whoami) and token."""


for _name, _command in {"login": login, "logout": logout, "status": whoami, "token": token}.items():
    auth.add_command(_command, _name)
