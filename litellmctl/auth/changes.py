"""Whether the user's settings or logins have changed, for programs that run for long."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.settings import paths

if TYPE_CHECKING:
    from litellmctl.auth.credential import Pair


class Seen(NamedTuple):
    """What tells if config.toml and logins.json have changed since."""

    config: object
    logins: object

    @classmethod
    def now(cls) -> Seen:
        """Return how the files are now."""
        folder = paths.config_dir()
        return cls(*(folder and file_state(os.path.join(folder, name)) for name in ("config.toml", "logins.json")))


def file_state(path: str) -> tuple[int, int, int] | None:
    """Return what changes whenever a file is replaced or edited; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def login_of(pair: Pair) -> object:
    """Return what tells whether another login, or a token that another process refreshed, is to be used."""
    from litellmctl.auth.stored_credential import StoredCredential

    credential = pair.credential
    login = credential.login if isinstance(credential, StoredCredential) else None
    return credential.source, credential.identity(), login
