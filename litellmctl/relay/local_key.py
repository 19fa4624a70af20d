"""The local key and the port of each profile: what programs are set up with, so that both stay the same."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from typing import Any

from litellmctl.auth.credential import LOCAL_KEY_PREFIX
from litellmctl.auth.login_file import malformed, parse_json, table
from litellmctl.errors import ConfigFailure, Failure
from litellmctl.foundation import files, locks
from litellmctl.settings import paths

_VERSION = 1
_KEY = rf"{LOCAL_KEY_PREFIX}[A-Za-z0-9_-]{{43}}"
_THEN = "run litellmctl serve --new-key"
# No system gives these to outgoing connections: Linux begins at 32768, macOS and Windows at 49152. Kubernetes has
# 30000 and up.
_FIRST_PORT, _PORTS = 20_000, 10_000
# Of these, what other servers are known for: a local server may use it, and people would take ours for that one.
_WELL_KNOWN = frozenset(
    {
        *(20000, 20048, 21025, 22000, 22122, 22125, 22128, 22136, 22222, 22273, 22347, 22350, 22951, 23272, 23333),
        *(24007, 24008, 24224, 24444, 24554, 24800, 25000, 25565, 25575, 25672, 25826, 25888, 26000, 26214, 26257),
        *(26379, 26486, 27000, 27015, 27016, 27017, 27018, 27019, 27036, 27374, 27960, 28015, 28017, 28589, 29015),
        *(29092, 29418, 29900, 29901, 29920, 29999),
    }
)


def local_key(profile: str) -> str:
    """Return the local key of a profile, made now if it has none: `sk-local-` and 43 URL-safe characters.

    Raises a failure for a user without a config folder, and for a file that cannot be read or written.
    """
    known = _keys(_read()).get(profile)
    return known or _made(profile, replaces=False)


def new_local_key(profile: str) -> str:
    """Replace the local key of a profile, and return the new one. Raises as `local_key`."""
    return _made(profile, replaces=True)


def random_key() -> str:
    """Return a new local key, which is stored nowhere."""
    return f"{LOCAL_KEY_PREFIX}{secrets.token_urlsafe(32)}"


def default_port(profile: str) -> int:
    """Return the port of a profile's relay: the same on every run, different between profiles and config folders.

    Without a config folder it depends on the profile alone.
    """
    seed = f"{os.path.realpath(paths.config_dir() or '')}\0{profile}"
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogateescape")).digest()[:8])
    port = _FIRST_PORT + number % _PORTS
    while port in _WELL_KNOWN:
        port += 1 if port + 1 < _FIRST_PORT + _PORTS else 1 - _PORTS
    return port


def _path() -> str:
    return os.path.join(paths.required_config_dir(), "local-keys.json")


def _made(profile: str, *, replaces: bool) -> str:
    path = _path()
    try:
        with locks.locked(path):
            content = _read()
            keys = _keys(content)
            if profile not in keys or replaces:
                keys[profile] = random_key()
                data = json.dumps({**content, "version": _VERSION, "keys": keys}, indent=1).encode() + b"\n"
                files.write_atomically(path, data, durable=True)
    except OSError as error:
        remedy = files.remedy(error, f"make {os.path.dirname(path)} writable")
        raise Failure(
            "file", f"cannot write {files.place(error, path)}: {files.reason(error)}", remedy=remedy
        ) from None
    return keys[profile]


def _read() -> dict[str, Any]:
    """Return the content of the file; nothing if there is none. A file that cannot be parsed is left untouched."""
    path = _path()
    try:
        data = files.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        from litellmctl.foundation import unexpected  # only on the way to an error

        raise unexpected.exhausted(error) or ConfigFailure(
            f"cannot read {files.place(error, path)}: {files.reason(error)}",
            remedy=files.remedy(error, f"make {path} readable"),
        ) from None
    return parse_json(data, path, _VERSION, then=_THEN)


def _keys(content: dict[str, Any]) -> dict[str, str]:
    keys = table(content, "keys", _path(), then=_THEN)
    for profile, key in keys.items():
        if not (isinstance(key, str) and re.fullmatch(_KEY, key)):
            raise malformed(_path(), f"keys.{profile}", then=_THEN)
    return keys
