"""The stores of secrets: the operating system's keyring, or a file that only the user can read. Outcomes are values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from litellmctl.auth.login_file import parse_json, table
from litellmctl.errors import Failure, Unavailable
from litellmctl.foundation import files
from litellmctl.foundation.times import is_time
from litellmctl.settings import environment, paths

SERVICE = "litellmctl"
STORAGES = ("keyring", "file")
_VERSION = 1
_PATIENCE_SECONDS = 3.0
_PATIENCE_WITH_A_PERSON_SECONDS = 60.0
_NOTE_SECONDS = 1.0
_MAX_PLAIN = 1200
# Characters of the basic plane, none of them a surrogate.
_FIRST_DIGIT, _DIGITS = 0x4000, 0x8000


class Secret(NamedTuple):
    """A token, the URL it was issued for, and when it was issued and expires (None: unknown)."""

    base_url: str
    token: str
    issued_at: float
    expires_at: float | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Omit the secrets."""
        return f"Secret({self.base_url!r})"

    def dump(self) -> str:
        """Return the text that is stored."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def parse(cls, content: Any) -> Secret | None:
        """Return the secret in a stored object; None if it is not valid."""
        if not isinstance(content, dict):
            return None
        try:
            secret = cls(**{name: value for name, value in content.items() if name in cls._fields})
        except TypeError:
            return None
        valid = (
            all(isinstance(text, str) for text in (secret.base_url, secret.token))
            and isinstance(secret.refresh_token, str | None)
            and is_time(secret.issued_at)
            and (secret.expires_at is None or is_time(secret.expires_at))
        )
        return secret if valid and secret.token else None


class Stored(NamedTuple):
    """The secret was written, and can be read back. `where` is for a person."""

    where: str


class Found(NamedTuple):
    """The secret was read."""

    secret: Secret


class Missing(NamedTuple):
    """There is no secret, or no longer."""


class NoKeyring(NamedTuple):
    """There is no keyring here that stores anything."""

    reason: str


class Refused(NamedTuple):
    """The vault exists but does not work now: it is locked, does not answer, or cannot be written."""

    reason: str


Outcome = Stored | Found | Missing | NoKeyring | Refused


class Vault(Protocol):
    """A store of secrets, each under the ID of its login."""

    storage: str

    def put(self, login: str, secret: Secret) -> Stored | NoKeyring | Refused:
        """Store a secret, durably."""

    def get(self, login: str) -> Found | Missing | NoKeyring | Refused:
        """Read a secret."""

    def remove(self, login: str) -> Missing | NoKeyring | Refused:
        """Remove a secret, if it is there."""


class FileVault:
    """`secrets.json`, 0600. A process that writes it holds the lock of the logins."""

    storage = "file"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = os.path.join(folder, "secrets.json")

    def put(self, login: str, secret: Secret) -> Stored | Refused:
        """Store a secret, durably."""
        return self._change(lambda secrets: {**secrets, login: secret._asdict()}) or Stored(self.path)

    def get(self, login: str) -> Found | Missing | Refused:
        """Read a secret."""
        try:
            content = self._read().get(login)
        except OSError as error:
            return Refused(f"{self.path}: {files.reason(error)}")
        if content is None:
            return Missing()
        secret = Secret.parse(content)
        return Refused(f"{self.path}: the secret is not valid") if secret is None else Found(secret)

    def remove(self, login: str) -> Missing | Refused:
        """Remove a secret; nothing is written if it is not there."""

        def without(secrets: dict[str, Any]) -> dict[str, Any] | None:
            return {name: value for name, value in secrets.items() if name != login} if login in secrets else None

        return self._change(without) or Missing()

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Refused | None:
        try:
            after = change(self._read())
            if after is None:
                return None
            if after or os.path.islink(self.path):
                data = json.dumps({"version": _VERSION, "secrets": after}, indent=1).encode() + b"\n"
                files.write_atomically(self.path, data, durable=True)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(self.path)
                files.forget_temporaries(self.path)
        except OSError as error:
            return Refused(f"{self.path}: {files.reason(error)}")
        return None

    def _read(self) -> dict[str, Any]:
        try:
            data = files.read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except files.NotOurs as error:  # a failure, as for a file that cannot be parsed: it concerns all secrets
            message = f"cannot use the stored secrets: {error.filename} {files.reason(error)}"
            raise Failure("file", message, remedy=error.remedy) from None
        return table(parse_json(data, self.path, _VERSION), "secrets", self.path)


class KeyringVault:
    """The operating system's keyring: one item per login, of the service `litellmctl`.

    A call can hang forever, on a headless machine or behind a hidden dialog, so each runs in a daemon thread with a
    limit: 3 s, or 60 s if `waiting` can tell the user that the keyring may be asking something.
    """

    storage = "keyring"

    def __init__(self, waiting: Callable[[], None] | None = None) -> None:
        self._waiting = waiting

    def put(self, login: str, secret: Secret) -> Stored | NoKeyring | Refused:
        """Store a secret, and read it back: some backends store nothing."""
        text = _packed(secret.dump())

        def put(backend: Any) -> Stored | NoKeyring:
            backend.set_password(SERVICE, login, text)
            if backend.get_password(SERVICE, login) != text:
                return NoKeyring(f"{_name(backend)} does not store anything")
            return Stored(f"the keyring ({_name(backend)})")

        outcome = self._ask(put)
        assert not isinstance(outcome, Found | Missing)
        return outcome

    def get(self, login: str) -> Found | Missing | NoKeyring | Refused:
        """Read a secret."""

        def get(backend: Any) -> Found | Missing | Refused:
            text = backend.get_password(SERVICE, login)
            if text is None:
                return Missing()
            content = None
            with suppress(ValueError, RecursionError):
                content = json.loads(_unpacked(text))
            secret = Secret.parse(content)
            return Refused("its item is not valid") if secret is None else Found(secret)

        outcome = self._ask(get)
        assert not isinstance(outcome, Stored)
        return outcome

    def remove(self, login: str) -> Missing | NoKeyring | Refused:
        """Remove a secret."""

        def remove(backend: Any) -> Missing:
            # Read first, since backends differ in what they raise if there is none.
            if backend.get_password(SERVICE, login) is not None:
                backend.delete_password(SERVICE, login)
            return Missing()

        outcome = self._ask(remove)
        assert not isinstance(outcome, Found | Stored)
        return outcome

    def probe(self) -> Stored | NoKeyring | Refused:
        """Check whether it answers, without changing anything."""

        def probe(backend: Any) -> Stored:
            backend.get_password(SERVICE, "nobody")
            return Stored(_name(backend))

        outcome = self._ask(probe)
        assert not isinstance(outcome, Found | Missing)
        return outcome

    def _ask(self, work: Callable[[Any], Outcome]) -> Outcome:
        if (environment.get("LITELLMCTL_KEYRING") or "").lower() == "off":
            return NoKeyring("LITELLMCTL_KEYRING=off")
        if paths.home_if_any() is None:
            return NoKeyring("no home folder")  # keyring would read its settings from the current one
        import keyring  # noqa: F401  # outside of the time limit

        from litellmctl.foundation.deadline import Deadline
        from litellmctl.foundation.threads import after

        seconds = _PATIENCE_SECONDS if self._waiting is None else _PATIENCE_WITH_A_PERSON_SECONDS
        timer = after(_NOTE_SECONDS, self._waiting or _nothing)
        try:
            return Deadline(seconds).run(lambda: _with_backend(work))
        except Unavailable:
            return Refused(f"it did not answer within {seconds:g} s")
        finally:
            timer.cancel()


def _packed(text: str) -> str:
    """Return a text that fits into an item of Windows: 2,560 bytes, two for each character.

    A long one is compressed and written as characters that carry 15 bits each.
    """
    if len(text) <= _MAX_PLAIN:
        return text
    import zlib

    number = int.from_bytes(b"\1" + zlib.compress(text.encode(), 9))
    digits = []
    while number:
        number, digit = divmod(number, _DIGITS)
        digits.append(chr(_FIRST_DIGIT + digit))
    return "".join(digits)


def _unpacked(text: str) -> str:
    if text.startswith("{"):
        return text
    # Checked first, since the arithmetic is slow for a long text, which may be a stranger's.
    if not all(_FIRST_DIGIT <= ord(character) < _FIRST_DIGIT + _DIGITS for character in text):
        raise ValueError("not a packed text")
    import zlib

    number = 0
    for character in reversed(text):
        number = number * _DIGITS + ord(character) - _FIRST_DIGIT
    try:
        return zlib.decompress(number.to_bytes((number.bit_length() + 7) // 8)[1:]).decode()
    except zlib.error:
        raise ValueError("not a packed text") from None


def _with_backend(work: Callable[[Any], Outcome]) -> Outcome:
    """Run `work` with the user's keyring; an exception of a backend becomes an outcome."""
    import keyring
    from keyring import errors
    from keyring.backends import fail, null

    try:
        backend = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001
        return Refused(f"its backend does not load: {error}")  # no secret can be in this text yet
    try:
        if isinstance(backend, fail.Keyring):
            return NoKeyring("no backend works here")
        if isinstance(backend, null.Keyring):
            return NoKeyring("the null backend disables it")
        return work(backend)
    except errors.NoKeyringError:
        return NoKeyring("no backend works here")
    except errors.KeyringLocked:
        return Refused("it is locked")
    except errors.InitError as error:
        return Refused(str(error).rstrip("."))
    except Exception as error:  # noqa: BLE001
        # Backends raise what their libraries raise. The texts are not shown: they may repeat the secret.
        return Refused(f"{type(error).__module__}.{type(error).__qualname__}")


def _name(backend: Any) -> str:
    """Return a backend's name for the user, such as `SecretService`."""
    module, name = type(backend).__module__.rpartition(".")[2], type(backend).__name__
    return module if name == "Keyring" else name


def _nothing() -> None:
    pass


def unreadable(outcome: Missing | NoKeyring | Refused, storage: str, remedy: str) -> Failure:
    """Return the failure for a stored secret that cannot be read, which is never a reason to use another credential."""
    if isinstance(outcome, Missing):
        return Failure("keyring", f"the secret of the stored login is no longer in the {storage}", remedy=remedy)
    if storage == "file":
        return Failure("file", f"cannot read the secret of the stored login: {outcome.reason}", remedy=remedy)
    return Failure(
        "keyring",
        f"cannot read the stored login from the keyring: {outcome.reason}",
        remedy=f"unlock the keyring, or {remedy} --storage file",
    )
