"""Writing to other programs' files, with a receipt of each write that --undo restores from."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from litellmctl.errors import ConfigFailure, Failure, Rejected
from litellmctl.foundation import files, locks
from litellmctl.foundation.times import timestamp
from litellmctl.programs.changes import FileChange, Fill, Members
from litellmctl.programs.copies import MAX_BYTES
from litellmctl.programs.documents import changed, restored

# Possible secrets in the lines around ours: values of settings and variables with such names, texts that look like
# keys, and passwords in URLs. References are not secrets: $NAME, ${{ secrets.NAME }} or {env:NAME}.
_PRIVATE = re.compile(
    r"""(?ix) (?:key|token|secret|passw(?:or)?d|authorization|credential|cookie)
        (?![\w.-]{0,40}(?:name|env|helper|command|cmd|url|file|path)\b) [\w.-]{0,40} ["']? \s* [:=,] \s*
        (?: "(?P<double>(?:[^"\\\n]|\\.){8,})" | '(?P<single>[^'\n]{8,})' | (?P<plain>[^\s"'{\[,][^\n"'{}\[\],]{7,}) )
      | (?P<key>\b(?:sk|pk|ghp|gho|ghs|xox[abp]|hf|gsk)[-_][\w-]{8,} | \beyJ[\w-]{8,}(?:\.[\w-]+)* | \bAIza[\w-]{8,})
      | ://[^\s/:@"']*:(?P<password>[^\s/@"']+)@"""
)
_REFERENCE = re.compile(r"\$\w+|\$\{.*\}|\{env:[^}]*\}|!.*|true|false|null|-?\d+(?:\.\d+)?")
_NUMBERED = re.compile(r"^[a-z-]+\.[0-9]{6,9}\.json$")
_MASK = "********"


class Undone(NamedTuple):
    """A file after an undo. If it was edited since the write, only what we added was removed: `keeps_edits`."""

    path: Path
    keeps_edits: bool


class Entries(NamedTuple):
    """Mappings in a file in which a write changed nothing but entries of ours: their keys, and the file's format."""

    format: str
    keys: list[tuple[str, ...]]

    @classmethod
    def of(cls, change: FileChange) -> Entries | None:
        """Return them for a change; None if it changes anything else."""
        if not all(isinstance(one, Members | Fill) for one in change.changes):
            return None
        return cls(change.format, [one.keys for one in change.changes if isinstance(one, Members)])


class Planned(NamedTuple):
    """A file before and after a write: its bytes (None: there is no file). `secret` is a key that may be in them."""

    path: Path
    before: bytes | None
    after: bytes
    secret: str = ""
    entries: Entries | None = None

    @property
    def made_folders(self) -> list[Path]:
        """The folders that the write creates, the innermost first."""
        return [folder for folder in self.path.parents if not os.path.exists(folder)]

    @property
    def is_new(self) -> bool:
        """Whether the write changes it."""
        return self.before != self.after

    @property
    def has_secret(self) -> bool:
        """Whether the secret is in it after the write."""
        return bool(self.secret) and self.secret.encode() in self.after

    @property
    def is_exposed(self) -> bool:
        """Whether it has the secret, and other users may read it as it stands now."""
        if sys.platform != "win32" and self.has_secret:
            with suppress(OSError):
                return bool(os.stat(self.path).st_mode & (stat.S_IRGRP | stat.S_IROTH))
        return False


class Receipts:
    """The receipts of writes for one program, in litellmctl's own folder."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder = Path(folder) / "exports"
        self._name = name

    def plan(self, changes: Sequence[FileChange], secret: str = "") -> list[Planned]:
        """Return what would be written. `secret` is the key that the changes have, if any."""
        planned = []
        for change in changes:
            before = _read(change.path)
            try:
                text = None if before is None else before.decode("utf-8")
            except UnicodeDecodeError:
                raise _cannot(change.path, "read", "it is not UTF-8 text") from None
            # Line breaks are the file's own: nothing is translated.
            after = changed(change, text).encode("utf-8")
            planned.append(Planned(change.path, before, after, secret, Entries.of(change)))
        return planned

    def write(self, planned: Sequence[Planned]) -> list[Planned]:
        """Write the changed files, with a receipt, and return them. All files are written, or none."""
        due = [one for one in planned if one.is_new]
        if not due:
            return []
        with self._locked():
            for one in due:
                _require_writable(one.path)
                _require_unchanged(one.path, one.before)
            receipt = self._write_receipt(due)
            done: list[Planned] = []
            try:
                for one in due:
                    _write(one.path, one.after, one.before, private=one.has_secret)
                    done.append(one)
            except (OSError, Failure):
                for one in done:
                    with suppress(OSError, Failure):
                        _restore(one.path, one.before, one.after)
                with suppress(OSError):
                    receipt.unlink()
                raise
        return due

    def undo(self) -> list[Undone]:
        """Restore the files from before the last write, and return them.

        Of a file that was edited since, only entries of MCP servers are removed: agents write their own files, and that
        of Claude Code all the time. Where a write changed anything else, the undo is refused.
        """
        with self._locked():
            receipts = self._receipts()
            if not receipts:
                raise Rejected("not_found", f"nothing to undo for {self._name}", remedy="litellmctl export --list")
            entries = _entries(receipts[-1])
            due: dict[Path, tuple[bytes | None, bytes | None]] = {}
            edited = set()
            for entry in entries:
                now = _read(entry.path)
                if now == entry.before:
                    continue  # we were killed before it was written, or after it was restored
                due[entry.path] = entry.before, now
                if now is None or sha256(now).hexdigest() != entry.digest:
                    due[entry.path] = _without_ours(entry, now, receipts[-1]), now
                    edited.add(entry.path)
            for path in due:
                _require_writable(path)
            for path, (before, now) in due.items():
                _restore(path, before, now)
            for entry in entries:
                files.forget_temporaries(entry.path)
                for folder in entry.made_folders:
                    with suppress(OSError):  # it is not empty
                        folder.rmdir()
            try:
                receipts[-1].unlink()
            except OSError as error:
                raise _cannot(receipts[-1], "remove", files.reason(error)) from None
        return [Undone(entry.path, entry.path in edited) for entry in entries]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(locks.locked(self._folder / self._name))
            except OSError as error:
                raise _own(error, self._folder, "write") from None
            for left in self._folder.glob(f".{self._name}.*.tmp"):  # by a kill: names of receipts are not used again
                with suppress(OSError):
                    left.unlink()
            yield

    @property
    def count(self) -> int:
        """The number of writes that can be undone."""
        return len(self._receipts())

    def _receipts(self) -> list[Path]:
        # The user may keep copies beside them.
        try:
            return sorted(path for path in self._folder.glob(f"{self._name}.*.json") if _NUMBERED.search(path.name))
        except OSError as error:
            raise _cannot(self._folder, "read", files.reason(error)) from None

    def _write_receipt(self, planned: Sequence[Planned]) -> Path:
        last = self._receipts()[-1:]
        number = int(last[0].name.split(".")[-2]) + 1 if last else 1
        path = self._folder / f"{self._name}.{number:06}.json"
        entries = [
            {
                "path": str(one.path),
                "before": None if one.before is None else b64encode(one.before).decode(),
                "made_folders": list(map(str, one.made_folders)),
                "after_sha256": sha256(one.after).hexdigest(),
                **({} if one.entries is None else {"entries": one.entries._asdict()}),
            }
            for one in planned
        ]
        receipt = {"written_at": timestamp(time.time()), "files": entries}
        try:
            files.write_atomically(path, json.dumps(receipt, indent=1).encode(), durable=True, follow=False)
        except OSError as error:
            raise _own(error, path, "write") from None
        return path


class _Written(NamedTuple):
    path: Path
    before: bytes | None
    digest: str
    made_folders: list[Path]
    entries: Entries | None


def diff(planned: Planned) -> str:
    """Return the change as a unified diff, in which its secret and possible secrets of the user are masked."""
    from difflib import unified_diff

    before = (planned.before or b"").decode()
    lines = unified_diff(
        before.splitlines(),
        planned.after.decode().splitlines(),
        str(planned.path) if planned.before is not None else os.devnull,
        str(planned.path),
        lineterm="",
    )
    # The new lines may repeat a line of the user, for example with a comma added.
    secrets = sorted({*_secrets(before), *filter(None, [planned.secret])}, key=len, reverse=True)
    return "\n".join(_masked(line, secrets) for line in lines)


def _secrets(text: str) -> set[str]:
    found = {match[match.lastgroup].split(" #")[0].strip() for match in _PRIVATE.finditer(text) if match.lastgroup}
    return {secret for secret in found if secret and not _REFERENCE.fullmatch(secret)}


def _masked(line: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, _MASK)
    return line


def _entries(receipt: Path) -> list[_Written]:
    try:
        found: Any = json.loads(files.read(receipt, follow=False))["files"]
        return [
            _Written(
                _path(one["path"]),
                None if one["before"] is None else b64decode(one["before"], validate=True),
                str(one["after_sha256"]),
                [_path(folder) for folder in list[Any](one["made_folders"])],
                _entries_in(one.get("entries")),
            )
            for one in found
        ]
    except files.NotOurs as error:
        raise _own(error, receipt, "read") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise Failure("file", f"cannot read the receipt {receipt}", remedy="restore the file by hand") from None


def _entries_in(found: Any) -> Entries | None:
    """Return what a receipt has of them. Raises KeyError or TypeError for anything else."""
    return None if found is None else Entries(str(found["format"]), [tuple(map(str, keys)) for keys in found["keys"]])


def _without_ours(written: _Written, now: bytes | None, receipt: Path) -> bytes:
    """Return a file that was edited since the write with the entries from before the write, and all else as it is.

    Raises Rejected if the write changed anything but entries, or the file cannot be changed now.
    """
    if now is not None and written.entries is not None:
        before = None if written.before is None else written.before.decode("utf-8", "replace")
        with suppress(UnicodeDecodeError, ConfigFailure):
            text = restored(written.path, written.entries.format, written.entries.keys, before, now.decode("utf-8"))
            return text.encode("utf-8")
    raise Rejected(
        "rejected",
        f"cannot undo: {written.path} {'was removed' if now is None else 'was edited'} since the last --write",
        remedy=f"edit it by hand; {receipt} has the old content (base64)",
    )


def _path(text: str) -> Path:
    """Return the path in a receipt. Raises ValueError if it cannot be a path."""
    if not text or b"\0" in os.fsencode(text):
        raise ValueError("not a path")
    return Path(text)


def _read(path: Path) -> bytes | None:
    """Return the bytes of a file; None if there is none."""
    try:
        return files.read(path, foreign=True, limit=MAX_BYTES)
    except FileNotFoundError:
        if path.is_symlink():
            raise _cannot(path, "read", "it is a broken link") from None
        return None
    except IsADirectoryError:
        raise _cannot(path, "read", "it is not a file") from None
    except files.NotOurs as error:
        raise _cannot(path, "read", f"it {files.reason(error)}") from None
    except OSError as error:
        raise _cannot(path, "read", files.reason(error)) from None


def _require_writable(path: Path) -> None:
    """Refuse to replace a file of another user: the new file would belong to this one."""
    try:
        found = path.stat()
    except OSError:
        return
    if sys.platform != "win32":
        if os.geteuid() not in {0, found.st_uid}:
            raise _cannot(path, "write", "it belongs to another user")
        if not stat.S_IMODE(found.st_mode) & stat.S_IWUSR:
            raise _cannot(path, "write", "it is read-only")
    elif not os.access(path, os.W_OK):
        raise _cannot(path, "write", "it is read-only")


def _require_unchanged(path: Path, now: bytes | None) -> None:
    if _read(path) != now:
        raise _cannot(path, "write", "another program has just changed it", "run it again")


def _write(path: Path, data: bytes, now: bytes | None, *, private: bool = False) -> None:
    """Replace a file with the content `now`, which keeps its mode; where it is `private`, others lose their rights."""
    try:
        files.write_atomically(
            path,
            data,
            durable=True,
            private=private,
            foreign=True,
            # Agents write their own files too, and a write to a disk takes a while.
            check=lambda: _require_unchanged(path, now),
        )
    except OSError as error:
        raise _cannot(path, "write", files.reason(error)) from None


def _restore(path: Path, before: bytes | None, now: bytes | None) -> None:
    if before is not None:
        _write(path, before, now)
        return
    _require_unchanged(path, now)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(path, "remove", files.reason(error)) from None


def _cannot(path: Path, verb: str, why: str, remedy: str = "") -> Failure:
    by_hand = "run litellmctl export without --write, and copy the output by hand"
    return Failure("file", f"cannot {verb} {path}: {why}", remedy=remedy or by_hand)


def _own(error: OSError, path: Path, verb: str) -> Failure:
    """Return the failure for a file of litellmctl's own, named by the error if that is an unsafe file."""
    if isinstance(error, files.NotOurs):
        return Failure("file", f"cannot {verb} {error.filename}: it {files.reason(error)}", remedy=error.remedy)
    return _cannot(path, verb, files.reason(error))


def is_installed(program: str, folder: Path) -> bool:
    """Whether a program is installed: its executable is found, or its folder exists."""
    return shutil.which(program) is not None or os.path.isdir(folder)
