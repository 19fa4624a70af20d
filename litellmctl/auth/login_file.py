"""The stored logins: who is signed in where. Secrets are not stored here but in a `vault`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import ConfigFailure, Failure
from litellmctl.foundation import files, locks
from litellmctl.foundation.times import is_time
from litellmctl.settings import paths
from litellmctl.settings.definitions import DEFAULT_PROFILE

if TYPE_CHECKING:
    from litellmctl.proxy.oauth import Session

_VERSION = 1
# Longer than a token refresh may take, which asks the proxy while it holds the lock.
_LOCK_SECONDS = 60.0
_SIGN_IN = "run litellmctl login"


class Login(NamedTuple):
    """One sign-in: everything about it except its secret, which is in the vault `storage` under `id`.

    `kind` is api_key, sso, pkce or virtual_key; `key_alias` names the virtual key at the proxy (None: a login of an
    older litellmctl). Times are seconds since 1970 by this machine's clock; `expires_at` is None if unknown. `clock` is
    what `lifetime.Clock` writes about a clock that was wrong. The OAuth fields are those of RFC 8414 and RFC 7591.
    """

    base_url: str
    id: str
    kind: str
    storage: str
    issued_at: float
    expires_at: float | None = None
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    client_id: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    resource: str | None = None
    clock: str | None = None
    key_alias: str | None = None

    @property
    def who(self) -> str | None:
        """The user's email address or ID; None if unknown."""
        return self.user_email or self.user_id

    @property
    def session(self) -> Session | None:
        """What is needed to refresh and revoke the token; None if it cannot be refreshed."""
        from litellmctl.proxy.oauth import Session

        fields = (self.client_id, self.token_endpoint, self.revocation_endpoint, self.resource)
        texts = [field for field in fields if field is not None]
        return Session(*texts) if len(texts) == len(fields) else None


class Logins(NamedTuple):
    """The content of the file.

    `urls` has the proxies where profiles were signed in that are signed out now; `discarded` are secrets (storage and
    id) that no login needs and that could not be removed yet.
    """

    by_profile: dict[str, Login]
    urls: dict[str, str]
    discarded: list[tuple[str, str]]

    def url(self, profile: str) -> str | None:
        """Return where the profile is or was signed in."""
        login = self.by_profile.get(profile)
        return self.urls.get(profile) if login is None else login.base_url


_TEXTS = ("base_url", "id", "kind", "storage")
_TIMES = ("issued_at", "expires_at")


class LoginFile:
    """`logins.json`. A process that changes it, or a secret, holds its lock.

    Its folder is None for a user without a home folder, who has no logins.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, patience: float | None = None) -> None:
        self._folder = None if folder is None else os.fspath(folder)
        self._patience = patience

    @classmethod
    def of_user(cls) -> LoginFile:
        """Return the logins of this user."""
        return cls(paths.config_dir())

    @property
    def folder(self) -> str:
        """The folder of the file. Raises a failure for a user without one."""
        return self._folder or paths.required_config_dir()

    @property
    def path(self) -> str:
        """The file. Raises a failure where there is no folder for it."""
        return os.path.join(self.folder, "logins.json")

    def waiting(self, seconds: float) -> LoginFile:
        """Return the same file, which waits for its lock for at most this long."""
        return LoginFile(self._folder, seconds)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the logins and their secrets while the body runs.

        Raises `LockHeld` if another process holds it for longer than the time to wait.
        """
        seconds = _LOCK_SECONDS if self._patience is None else self._patience
        with ExitStack() as held:
            try:
                held.enter_context(locks.locked(self.path, seconds=seconds))
            except OSError as error:
                raise _unwritable(self.path, error) from None
            yield  # outside: what goes wrong there, a connection say, is an OSError too

    def read(self) -> Logins:
        """Return the logins, none if there is no file. A file that cannot be parsed is left untouched: exit 2."""
        if self._folder is None:
            return Logins({}, {}, [])
        try:
            data = files.read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return Logins({}, {}, [])
        except OSError as error:
            from litellmctl.foundation import unexpected  # only on the way to an error

            raise unexpected.exhausted(error) or ConfigFailure(
                f"cannot read {files.place(error, self.path)}: {files.reason(error)}",
                remedy=files.remedy(error, f"make {self.path} readable"),
            ) from None
        content = parse_json(data, self.path, _VERSION)
        logins = table(content, "logins", self.path)
        urls = table(content, "urls", self.path)
        discarded = content.get("discarded", [])
        if not all(isinstance(url, str) for url in urls.values()):
            raise malformed(self.path, "urls")
        if not isinstance(discarded, list) or not all(_is_pair(one) for one in discarded):
            raise malformed(self.path, "discarded")
        return Logins(
            {name: _login(name, fields, self.path) for name, fields in logins.items()},
            urls,
            [(storage, login) for storage, login in discarded],
        )

    def login(self, profile: str) -> Login | None:
        """Return the profile's login."""
        return self.read().by_profile.get(profile)

    def write(self, logins: Logins) -> None:
        """Replace the file's content. Raises a failure of code `file`, and then leaves the old content."""
        content = {
            "version": _VERSION,
            "logins": {
                name: {field: value for field, value in login._asdict().items() if value is not None}
                for name, login in logins.by_profile.items()
            },
            "urls": logins.urls,
            "discarded": logins.discarded,
        }
        try:
            files.write_atomically(self.path, json.dumps(content, indent=1).encode() + b"\n", durable=True)
        except OSError as error:
            raise _unwritable(self.path, error) from None


def login_command(profile: str, login: Login | None = None) -> str:
    """Return the command that signs this profile in again, in the same way as `login`."""
    words = ["litellmctl login"]
    if login is not None and login.kind in {"sso", "pkce"}:
        words.append("--sso")
    if profile != DEFAULT_PROFILE:
        words.append(f"--profile {profile}")
    return " ".join(words)


def parse_json(data: bytes, path: str, version: int, *, then: str = _SIGN_IN) -> dict[str, Any]:
    """Return the object in one of our files; anything else, or a file of a newer version, is exit 2.

    `then` says what to do after the file was moved away.
    """
    try:
        content = json.loads(data)
    except json.JSONDecodeError as error:
        raise ConfigFailure(
            f"{path} is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}", remedy=_fix(path, then)
        ) from None
    except (ValueError, RecursionError):
        raise ConfigFailure(f"{path} is not valid JSON", remedy=_fix(path, then)) from None
    found = content.get("version") if isinstance(content, dict) else None
    if isinstance(found, int) and found > version:
        raise ConfigFailure(
            f"{path} was written by a newer litellmctl (file version {found}, supported: {version})",
            remedy="upgrade litellmctl",
        )
    if found != version:
        raise malformed(path, "version", then=then)
    return dict(content)


def table(content: dict[str, Any], name: str, path: str, *, then: str = _SIGN_IN) -> dict[str, Any]:
    """Return the object of that name in one of our files, empty if it is missing; anything else is exit 2."""
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise malformed(path, name, then=then)
    return found


def _is_pair(content: Any) -> bool:
    return isinstance(content, list) and len(content) == 2 and all(isinstance(text, str) for text in content)


def _login(name: str, fields: Any, path: str) -> Login:
    if not isinstance(fields, dict):
        raise malformed(path, f"logins.{name}")
    known = {field: fields[field] for field in Login._fields if fields.get(field) is not None}
    for field in (*_TEXTS, "issued_at"):
        if field not in known:
            raise malformed(path, f"logins.{name}.{field}")
    for field, value in known.items():
        if not (is_time(value) if field in _TIMES else isinstance(value, str)):
            raise malformed(path, f"logins.{name}.{field}")
    return Login(**known)


def malformed(path: str, what: str, *, then: str = _SIGN_IN) -> ConfigFailure:
    """Return the failure for a part of one of our files that is not as we write it."""
    return ConfigFailure(f"{path}: {what} is not valid", remedy=_fix(path, then))


def _fix(path: str, then: str) -> str:
    return f"fix {path}, or move it away and {then}"


def _unwritable(path: str, error: OSError) -> Failure:
    remedy = files.remedy(error, f"make {os.path.dirname(path)} writable")
    return Failure("file", f"cannot write {files.place(error, path)}: {files.reason(error)}", remedy=remedy)
