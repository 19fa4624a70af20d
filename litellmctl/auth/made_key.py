"""The virtual key that a login made: what becomes of it when the login is replaced or removed."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING

from litellmctl.errors import UsageFailure
from litellmctl.foundation.times import parse_duration
from litellmctl.settings.definitions import DEFAULT_PROFILE

if TYPE_CHECKING:
    from litellmctl.auth.login_file import Login
    from litellmctl.terminal.console import Console


def checked_duration(text: str) -> str:
    """Return the lifetime of a key as LiteLLM takes it: 12h, 30d. Raises a failure for anything else."""
    if parse_duration(text) is None:
        message = f'--expires "{text}" is not a valid duration'
        raise UsageFailure(message, remedy="pass a duration such as 12h, 30d or 6mo")
    return text.strip().lower()


def chosen(*, revoke_key: bool, keep_key: bool) -> bool | None:
    """Return whether the user wants the key deleted; None if neither option was given."""
    if revoke_key and keep_key:
        raise UsageFailure("use only one of --revoke-key, --keep-key", remedy="pass --revoke-key or --keep-key")
    return True if revoke_key else False if keep_key else None


def named(login: Login) -> str:
    """Return the key's name for a sentence, with its proxy."""
    key = f'the virtual key "{login.key_alias}"' if login.key_alias else "the virtual key of this login"
    return f"{key} at {login.base_url}"


def is_alive(login: Login) -> bool:
    """Whether the login made a virtual key that has not expired."""
    return login.kind == "virtual_key" and (login.expires_at is None or login.expires_at > time.time())


def is_to_be_deleted(login: Login, choice: bool | None, console: Console) -> bool:
    """Return whether to delete the key: the user's `choice`, or the answer to a question, or no."""
    if choice is not None or not is_alive(login):
        return bool(choice)
    if not console.can_prompt:
        return False
    return console.confirm(f"Delete {named(login)}?", flag="--revoke-key or --keep-key")


def kept(login: Login, profile: str, *, needs_sign_in: bool) -> tuple[str, str]:
    """Return the sentence that names a key that was kept, and the command that deletes it later ("": there is none).

    `needs_sign_in`: the profile is not signed in to that proxy.
    """
    sentence = f"Kept {named(login)}."
    if login.key_alias is None:
        return f"{sentence} To delete it, open {login.base_url}/ui (Virtual Keys).", ""
    field = shlex.quote(f"key_aliases={json.dumps([login.key_alias])}")
    command = f"litellmctl api /key/delete -F {field}"
    if profile != DEFAULT_PROFILE:
        command += f" --profile {profile}"
    return f"{sentence} To delete it, {'sign in there again and ' if needs_sign_in else ''}run:", command
