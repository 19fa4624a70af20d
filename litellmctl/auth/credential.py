"""A credential: a secret with its source. A pair: a credential with the URL it was issued for."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.errors import CHECK_THE_KEY, ConfigFailure

if TYPE_CHECKING:
    from litellmctl.settings import values

# How keys of LiteLLM and JSON Web Tokens begin: a name before one of these, or quotes around it, do not belong to it.
_KEY = r"(?:sk-|eyJ|litellm_login_)"
_AROUND = (
    r"(?:export|set|setx|declare -x)\s+[A-Za-z_]\w*\s*[=\s]\s*([\"']?)(?P<key>.*?)\1;?",
    r"\$env:\w+\s*=\s*([\"']?)(?P<key>.*)\1",
    rf"(?!{_KEY})[A-Za-z_][\w.-]*\s*[=:]\s*(?P<key>[\"'`]?(?:(?i:bearer)\s+)?{_KEY}.*)",
    rf"([\"'`])(?P<key>(?:(?i:bearer)\s+)?{_KEY}.*)\1",
    r"(?i:authorization):\s*(?P<key>.*)",
    r"(?i:bearer)(?:\s+(?P<key>.*)|$)",
)
_MAX_WRAPPED = 6
# How the keys begin that the relays of this machine take.
LOCAL_KEY_PREFIX = "sk-local-"


def checked(secret: str, *, named: str) -> str:
    """Return the key, or refuse one that cannot stand in a header. The key itself is never in the message."""
    if not secret:
        raise ConfigFailure(f"{named} is empty")
    if not secret.isascii() or re.search(r"[\x00-\x1f\x7f]", secret):
        raise ConfigFailure(
            f"{named} contains a control character or a non-ASCII character", remedy="copy the key again"
        )
    return secret


def key_in(text: str) -> str:
    """Return the key in what a person copied, or a command printed, without what surely does not belong to it.

    That is `export NAME=`, a name with `=` or `:` before what begins as a key does, `Bearer`, a pair of quotes, and
    white space around it. Raises nothing: `checked` refuses what cannot be sent.
    """
    text = text.strip()
    for _ in range(_MAX_WRAPPED):
        match = next(filter(None, (re.fullmatch(pattern, text) for pattern in _AROUND)), None)
        if match is None:
            break
        text = (match["key"] or "").strip()
    return text


class Credential(ABC):
    """A secret with its source. Making one reads no keyring and runs no command; `secret` may.

    `source` is one of `environment.AUTH_SOURCES`, `origin` names the variable, file or login for a person, `kind` is
    what the secret is (api_key, helper, gcloud ...).
    """

    source: str
    origin: str
    kind: str

    @abstractmethod
    def identity(self) -> str:
        """Return what distinguishes this credential, for a keyed hash. Runs nothing, and is never shown."""

    @abstractmethod
    def secret(self) -> str:
        """Return the secret."""

    def at_hand(self) -> str | None:
        """Return the secret if that takes neither a keyring nor a command nor a request; None otherwise."""
        return None

    def came_with(self) -> tuple[str, ...]:
        """Return other secrets that the proxy knows, which are not sent with a request."""
        return ()

    def renewed(self) -> str | None:
        """Return a newer secret after the proxy refused the last one; None if there is none."""
        return None

    def current(self, known: str) -> str:
        """Return the secret to use now, where `known` was good a moment ago: another one only if that has expired."""
        return known

    @property
    def remedy(self) -> str:
        """What helps if the proxy refuses it."""
        return CHECK_THE_KEY

    @property
    def expires_at(self) -> float | None:
        """When it expires, in seconds since 1970; None if unknown."""
        return None

    @property
    def due_at(self) -> float | None:
        """From when on `current` returns another one, in seconds since 1970; None if it never does."""
        return None

    @property
    def is_renewable(self) -> bool:
        """Whether another secret follows by itself once this one has expired."""
        return False

    @property
    def is_silent(self) -> bool:
        """Whether `secret` needs neither a keyring nor a command, so that a background process may use it."""
        return True


class ConfiguredKey(Credential):
    """A key from a variable, the config file, or a command that prints one."""

    def __init__(self, source: str, origin: str, value: values.Value, kind: str = "api_key") -> None:
        self.source = source
        self.origin = origin
        self.value = value
        self.kind = kind
        self._secret: str | None = None

    def identity(self) -> str:
        """Return the key's own value, or the text of its command."""
        return self.value.identity()

    def secret(self) -> str:
        """Look the key up, once, and refuse one that cannot be sent."""
        if self._secret is None:
            key = checked(key_in(self.value.resolve()), named=self.origin)
            if " " in key:
                raise ConfigFailure(
                    f"{self.origin} contains spaces, which a key cannot have",
                    remedy=f"set {self.origin} to the key alone",
                )
            self._secret = key
        return self._secret

    def at_hand(self) -> str | None:
        """Return the key, unless a command has to print it first."""
        if self._secret is None and self.value.kind == "command":
            return None
        with suppress(ConfigFailure):
            return self.secret()
        return None

    def renewed(self) -> str | None:
        """Run the command again; a fixed key has no newer one."""
        if self.value.kind != "command":
            return None
        self._secret = None
        return self.secret()

    @property
    def is_renewable(self) -> bool:
        """A command may print another key each time."""
        return self.value.kind == "command"

    @property
    def is_silent(self) -> bool:
        """Commands are not for background processes: they may ask, or print elsewhere."""
        return self.value.kind != "command"


class Pair(NamedTuple):
    """A proxy and what authenticates there, chosen together, so that a key never travels to another URL."""

    base_url: str
    credential: Credential
    headers: Mapping[str, values.Value]
    key_header: str = "Authorization"

    def identity(self) -> list[str]:
        """Return what the catalog depends on, besides the URL: source, credential, headers."""
        return [
            self.credential.source,
            self.credential.identity(),
            self.key_header.lower(),
            *(f"{name.lower()}={value.identity()}" for name, value in sorted(self.headers.items())),
        ]

    @property
    def is_silent(self) -> bool:
        """Whether nothing of this pair needs a keyring or a command."""
        return self.credential.is_silent and all(value.kind != "command" for value in self.headers.values())
