"""The catalog on disk: one file for each profile and identity, replaced whole, read without parsing the models."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.catalog.model import Model, is_chat
from litellmctl.render import dump_json
from litellmctl.settings import files

if TYPE_CHECKING:
    from pathlib import Path

try:
    # The same function, without the 4 ms that hashlib takes to load OpenSSL.
    from _blake2 import blake2b  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import blake2b

FRESH_SECONDS = 24 * 3600
RETRY_SECONDS = 600
_FORGET_SECONDS = 30 * 24 * 3600
_SCHEMA = 1
_KEY_BYTES = 32


class Catalog(NamedTuple):
    """The models of a proxy for one identity.

    `lines` are the models as ready-printed JSON, those that are listed by default first: `listed` of them.
    `fetched_at` is in seconds since 1970, `notes` says what was left out and why.
    """

    base_url: str
    source: str
    fetched_at: float
    listed: int
    lines: Sequence[str]
    notes: Sequence[str] = ()

    @classmethod
    def of_models(
        cls, base_url: str, source: str, models: Iterable[Model], notes: Callable[[], Sequence[str]]
    ) -> Catalog:
        """Return the catalog of models that were just fetched; `notes` is asked after the last of them."""
        chat: list[str] = []
        others: list[str] = []
        for model in models:  # one at a time: ten thousand of them take more room than their lines
            (chat if is_chat(model) else others).append(dump_json(model))
        return cls(base_url, source, time.time(), len(chat), chat + others, notes())

    @property
    def models(self) -> list[Model]:
        """All models, in order of their names."""
        models: list[Model] = json.loads(f"[{','.join(self.lines)}]")
        models.sort(key=lambda model: model["id"])
        return models

    @property
    def listed_lines(self) -> Sequence[str]:
        """The ready-printed JSON of the models that are listed by default."""
        return self.lines[: self.listed]

    @property
    def age(self) -> float:
        """Seconds since it was fetched."""
        return max(0.0, time.time() - self.fetched_at)

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used without asking the proxy; one from far in the future may not, by any clock."""
        return abs(time.time() - self.fetched_at) < FRESH_SECONDS


class CatalogCache:
    """The cached catalog of a profile and an identity (the strings that tell one credential from another).

    The identity goes into the file's name as a keyed hash: changing a key, a command, a header or the URL makes
    another file, and nothing of a secret can be guessed from it. The key of the hash lies in the same folder.
    """

    def __init__(self, folder: Path, profile: str, base_url: str, identity: Sequence[str]) -> None:
        self._folder = folder
        self._profile = profile
        self._base_url = base_url
        self._identity = identity
        self._path: Path | None = None

    def read(self) -> Catalog | None:
        """Return the catalog; None where there is none or it is damaged, whatever the reason."""
        path = self._file(create=False)
        if path is None:
            return None
        try:
            head, _, rest = path.read_bytes().partition(b"\n")
            header = json.loads(head)
            # Not splitlines(): names may hold other line separators than the one between records.
            *lines, end = rest.decode().split("\n")
            whole = end == "" and header["total"] == len(lines) and header["crc32"] == zlib.crc32(rest)
            whole = whole and 0 <= int(header["listed"]) <= len(lines) and isinstance(header["notes"], list)
            if header["schema"] != _SCHEMA or header["base_url"] != self._base_url or not whole:
                return None
            return Catalog(
                str(header["base_url"]),
                str(header["source"]),
                float(header["fetched_at"]),
                int(header["listed"]),
                lines,
                [str(note) for note in header["notes"]],
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return None

    def write(self, catalog: Catalog) -> None:
        """Replace the catalog. Raises OSError; what was there is then still there."""
        path = self._file(create=True)
        assert path is not None
        rest = "".join([f"{line}\n" for line in catalog.lines]).encode()
        header = {
            "schema": _SCHEMA,
            "base_url": catalog.base_url,
            "source": catalog.source,
            "fetched_at": catalog.fetched_at,
            "listed": catalog.listed,
            "total": len(catalog.lines),
            "notes": list(catalog.notes),
            "crc32": zlib.crc32(rest),
        }
        data = json.dumps(header).encode() + b"\n" + rest
        with files.locked(self._lock_path):
            files.write_atomically(path, data)
            with suppress(OSError):
                path.with_suffix(".failed").unlink(missing_ok=True)
            self._forget_old()

    def failed_recently(self) -> bool:
        """Whether a background refresh failed within the last ten minutes."""
        path = self._file(create=False)
        try:
            return path is not None and time.time() - path.with_suffix(".failed").stat().st_mtime < RETRY_SECONDS
        except OSError:
            return False

    def note_failure(self) -> None:
        """Remember that a background refresh failed just now."""
        path = self._file(create=False)
        if path is not None:
            with suppress(OSError):
                files.write_atomically(path.with_suffix(".failed"), b"")

    @property
    def _lock_path(self) -> Path:
        return self._folder / "models"

    @property
    def refresh_lock_path(self) -> Path:
        """The file beside which the lock of background refreshes lies."""
        return self._folder / f"refresh-{self._profile}"

    def _file(self, *, create: bool) -> Path | None:
        if self._path is None:
            key = self._key(create=create)
            if key is None:
                return None
            text = json.dumps([self._base_url, *self._identity])
            digest = blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()
            self._path = self._folder / f"models-{self._profile}-{digest}.jsonl"
        return self._path

    def _key(self, *, create: bool) -> bytes | None:
        """Return the key of the hash. Whoever comes second reads the first one's: links never replace."""
        path = self._folder / "key"
        with suppress(OSError):
            key = path.read_bytes()
            if len(key) == _KEY_BYTES:
                return key
        if not create:
            return None
        with files.locked(path):
            if not path.exists() or path.stat().st_size != _KEY_BYTES:
                files.write_atomically(path, os.urandom(_KEY_BYTES))
            return path.read_bytes()

    def _forget_old(self) -> None:
        """Remove catalogs that nobody renewed for a month, and what a kill in the middle of a write left behind."""
        now = time.time()
        for pattern, seconds in (
            ("models-*.jsonl", _FORGET_SECONDS),
            ("models-*.failed", _FORGET_SECONDS),
            (".*.tmp", 3600),
        ):
            for path in self._folder.glob(pattern):
                with suppress(OSError):
                    if path.stat().st_mtime < now - seconds:
                        path.unlink()


def changes(old: Sequence[Model], new: Sequence[Model]) -> dict[str, list[Any]]:
    """Return what is different: `added` and `removed` names, and `repriced` ones with the cost before and after."""
    before = {model["id"]: model for model in old}
    after = {model["id"]: model for model in new}
    return {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "repriced": [
            {"id": name, "before": before[name]["cost"], "after": model["cost"]}
            for name, model in after.items()
            if name in before and before[name]["cost"] != model["cost"]
        ],
    }
