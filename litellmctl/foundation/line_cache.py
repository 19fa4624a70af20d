"""Caches on disk: one file for each profile and identity, of ready-printed lines, replaced whole."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from litellmctl.foundation import files, locks

try:
    # The same function, without the 4 ms that hashlib takes to load OpenSSL.
    from _blake2 import blake2b  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import blake2b

RETRY_SECONDS = 600
_FORGET_SECONDS = 30 * 24 * 3600
_LEFT_SECONDS = 3600
_KEY_BYTES = 32


class LineCache:
    """A cached list of a profile and an identity (the strings that tell one credential from another).

    `kind` begins the file's name; `schema` is the version of what is in it. The identity goes into the name as a keyed
    hash: changing a key, a command, a header or the URL makes another file, and nothing of a secret can be guessed
    from it. The key of the hash lies in the same folder. Where `folder` is None nothing is cached.
    """

    kind: str
    schema: int

    def __init__(
        self, folder: str | os.PathLike[str] | None, profile: str, base_url: str, identity: Sequence[str]
    ) -> None:
        self._folder = None if folder is None else os.fspath(folder)
        self._profile = profile
        self._base_url = base_url
        self._identity = identity
        self._path: str | None = None

    def read_lines(self) -> tuple[dict[str, Any], list[str]] | None:
        """Return the header and the lines; None if there are none, or they cannot be read or are damaged."""
        path = self._file(create=False)
        if path is None:
            return None
        try:
            head, _, rest = files.read(path, follow=False).partition(b"\n")
            header = json.loads(head)
            # Not splitlines(): names may hold other line separators than the one between records.
            *lines, end = rest.decode().split("\n")
            whole = end == "" and header["total"] == len(lines) and header["crc32"] == zlib.crc32(rest)
            if not whole or header["schema"] != self.schema or header["base_url"] != self._base_url:
                return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return header, lines

    def write_lines(self, header: dict[str, Any], lines: Sequence[str]) -> None:
        """Replace the header and the lines. Raises OSError; what was there is then still there."""
        path = self._file(create=True)
        if path is None or self._folder is None:
            return
        rest = "".join([f"{line}\n" for line in lines]).encode()
        own = {
            "schema": self.schema,
            "base_url": self._base_url,
            "total": len(lines),
            "crc32": zlib.crc32(rest),
        }
        with locks.locked(os.path.join(self._folder, self.kind)):
            files.write_atomically(path, json.dumps({**header, **own}).encode() + b"\n" + rest, follow=False)
            with suppress(OSError):
                os.unlink(_failed(path))
            self._forget_old(self._folder)

    def drop(self) -> None:
        """Remove the cached list; one that cannot be removed stays."""
        path = self._file(create=False)
        if path is not None:
            with suppress(OSError):
                os.unlink(path)

    def failed_recently(self) -> bool:
        """Whether a background refresh failed within the last ten minutes."""
        path = self._file(create=False)
        try:
            return path is not None and time.time() - os.lstat(_failed(path)).st_mtime < RETRY_SECONDS
        except OSError:
            return False

    def note_failure(self) -> None:
        """Remember that a background refresh failed just now."""
        path = self._file(create=False)
        if path is not None:
            with suppress(OSError):
                files.write_atomically(_failed(path), b"", follow=False)

    @property
    def refresh_lock_path(self) -> str | None:
        """The file beside which the lock of background refreshes lies; None where nothing is cached."""
        return None if self._folder is None else os.path.join(self._folder, f"refresh-{self._profile}")

    @property
    def path(self) -> str | None:
        """The file; None where nothing is cached yet."""
        return self._file(create=False)

    def _file(self, *, create: bool) -> str | None:
        if self._path is None and self._folder is not None:
            key = self._key(self._folder, create=create)
            if key is None:
                return None
            text = json.dumps([self._base_url, *self._identity])
            digest = blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()
            self._path = os.path.join(self._folder, f"{self.kind}-{self._profile}-{digest}.jsonl")
        return self._path

    def _key(self, folder: str, *, create: bool) -> bytes | None:
        """Return the key of the hash, None where there is none. Raises OSError where it should be made and cannot be.

        One that a link leads to may be known to others, who then could try which secret is behind a name.
        """
        path = os.path.join(folder, "key")
        with suppress(OSError):
            key = files.read(path, follow=False, limit=_KEY_BYTES)
            if len(key) == _KEY_BYTES:
                return key
        if not create:
            return None
        with locks.locked(path):
            with suppress(FileNotFoundError):
                key = files.read(path, follow=False)  # another process was quicker
                if len(key) == _KEY_BYTES:
                    return key
            key = os.urandom(_KEY_BYTES)
            files.write_atomically(path, key, follow=False)
            return key

    def _forget_old(self, folder: str) -> None:
        """Remove lists that were not refreshed for a month, and what a kill in the middle of a write left behind.

        We hold the lock for writing lists of our kind; files of other kinds may be in use, so only old ones go.
        """
        now = time.time()
        for name in os.listdir(folder):
            if name.startswith(f".{self.kind}-") and ".jsonl." in name:
                seconds = 0
            elif name.startswith(".") and name.endswith(".tmp"):
                seconds = _LEFT_SECONDS
            elif name.startswith(f"{self.kind}-") and name.endswith((".jsonl", ".failed")):
                seconds = _FORGET_SECONDS
            else:
                continue
            path = os.path.join(folder, name)
            with suppress(OSError):
                if seconds == 0 or os.lstat(path).st_mtime < now - seconds:
                    os.unlink(path)


def _failed(path: str) -> str:
    """Return the file whose modification time is that of the last failure."""
    return f"{path.removesuffix('.jsonl')}.failed"
