"""A skill's files: read from a folder, an archive or a SKILL.md, and packed reproducibly."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation import files
from litellmctl.skills.manifest import FILE_NAME, Manifest, read_manifest

# What LiteLLM 1.106 serves to those who install a skill from it.
MAX_FILES = 1000
MAX_BYTES = 50 * 2**20
# Version control and what programs leave behind are no part of a skill.
_NOT_PACKED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".DS_Store", "Thumbs.db", "__MACOSX"}
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READ_ONLY_BITS, _EXECUTABLE_BITS = 0o644, 0o755
_UNSAFE_NAME = r"[\x00-\x1f\x7f\\:]|(?:^|/)\.{1,2}(?:/|$)|^/|//|/$|^$"
_ZIP_START = b"PK"
_MAX_NAME = 4096


class SkillFile(NamedTuple):
    """A file of a skill."""

    data: bytes
    executable: bool = False


class Folder(NamedTuple):
    """A skill's files, by their paths below its folder (with /), what SKILL.md says, and what was not packed."""

    entries: dict[str, SkillFile]
    manifest: Manifest
    skipped: Sequence[str] = ()


def read_folder(source: str, stdin: IO[bytes] | None) -> Folder:
    """Return a skill's files from a folder, a zip archive, a SKILL.md, or `-`: an archive or a SKILL.md on stdin."""
    if source == "-":
        if stdin is None:
            raise UsageFailure("there is no stdin to read")
        return _of_data(_bounded(stdin, "stdin"), "stdin")
    if not source:
        raise UsageFailure("the name of the skill's folder or file is empty")
    if "\0" in source:
        raise UsageFailure("no file's name holds a NUL character")
    path = Path(source)
    try:
        if path.is_dir():
            entries, skipped = _of_directory(path)
            return _folder(entries, source, skipped)
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageFailure(f"{source} is neither a folder nor a file")
        with path.open("rb") as file:
            return _of_data(_bounded(file, source), source)
    except OSError as error:
        raise UsageFailure(
            f"cannot read {error.filename or source}: {files.reason(error)}",
            remedy="give the skill's folder, its SKILL.md or a zip of both; for the hub, add --source",
        ) from None


def pack(folder: Folder) -> bytes:
    """Return the zip archive: all files below one folder, SKILL.md first.

    LiteLLM takes the first name that ends in SKILL.md for the instructions. Times, order, rights and compression are
    fixed, so that the same files give the same bytes (with the same release of zlib).
    """
    top = slug(folder.manifest.name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(folder.entries, key=lambda name: (name != FILE_NAME, name)):
            data, executable = folder.entries[name]
            info = zipfile.ZipInfo(f"{top}/{name}", _EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | (_EXECUTABLE_BITS if executable else _READ_ONLY_BITS)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def slug(name: str) -> str:
    """Return a name as the hub, a file and a folder can have it: kebab-case."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].rstrip("-") or "skill"


def _of_data(data: bytes, where: str) -> Folder:
    if data.startswith(_ZIP_START):
        entries, skipped = _of_zip(data, where)
        return _folder(entries, where, skipped)
    if not data.strip():
        raise UsageFailure(f"{where} is empty", remedy="give a SKILL.md or a zip of its folder")
    return Folder({FILE_NAME: SkillFile(data)}, read_manifest(data, where))


def _folder(entries: dict[str, SkillFile], where: str, skipped: Sequence[str] = ()) -> Folder:
    found = entries.get(FILE_NAME)
    if found is None:
        near = next((name for name in entries if name.lower() == FILE_NAME.lower()), None)
        below = next((name for name in entries if name.endswith(f"/{FILE_NAME}")), None)
        hint = f"; {near} must be spelled in that way" if near else f"; give its folder of {below}" if below else ""
        raise UsageFailure(
            f"{where} holds no {FILE_NAME}{hint}",
            remedy="a skill is a folder with a SKILL.md: https://agentskills.io",
        )
    return Folder(entries, read_manifest(found.data, f"{where}: {FILE_NAME}"), skipped)


def _of_directory(top: Path) -> tuple[dict[str, SkillFile], list[str]]:
    """Return the files of a folder, and what was left out."""
    real_top = os.path.realpath(top)
    skipped: list[str] = []
    entries: dict[str, SkillFile] = {}
    size = 0
    for path, name in _walked(top, "", skipped):
        if len(entries) == MAX_FILES:
            raise _too_many(str(top))
        checked = _checked_name(name, str(top))
        target = os.path.realpath(path)
        if path.is_symlink() and os.path.commonpath([real_top, target]) != real_top:
            raise UsageFailure(
                f"{path} is a link to a file outside of the skill", remedy="copy the file into its folder"
            )
        mode = path.stat().st_mode  # what a link leads to
        if not stat.S_ISREG(mode):
            raise UsageFailure(f"{path} is no file, but a pipe, socket or device", remedy="take it out of the folder")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES - size + 1)
        size += len(data)
        if size > MAX_BYTES:
            raise _too_large(str(top))
        entries[checked] = SkillFile(data, bool(mode & stat.S_IXUSR) and sys.platform != "win32")
    return entries, sorted(skipped)


def _walked(folder: Path, above: str, skipped: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder with their names in it, as they come: a folder may hold millions."""
    with os.scandir(folder) as found:
        for item in found:
            name = f"{above}{item.name}"
            if item.name in _NOT_PACKED:
                skipped.append(name)
            elif item.is_symlink() and item.is_dir():
                raise UsageFailure(f"{item.path} is a link to a folder", remedy="copy that folder into the skill's")
            elif item.is_dir():
                if name.count("/") >= 50:
                    raise UsageFailure(f"{item.path} is nested too deeply")
                yield from _walked(Path(item.path), f"{name}/", skipped)
            else:
                yield Path(item.path), name


def _of_zip(data: bytes, where: str) -> tuple[dict[str, SkillFile], list[str]]:
    """Return the files of an archive, without a single folder around all of them, and what else was left out."""
    entries: dict[str, SkillFile] = {}
    skipped: dict[str, None] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = 0
            for info in archive.infolist():
                if info.is_dir():
                    continue
                parts = info.filename.split("/")
                junk = next((index for index, part in enumerate(parts, 1) if part in _NOT_PACKED), None)
                if junk is not None:
                    skipped["/".join(parts[:junk])] = None
                    continue
                if len(entries) == MAX_FILES:
                    raise _too_many(where)
                name = _checked_name(info.filename, where)
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in {0, stat.S_IFREG}:
                    raise UsageFailure(f"{where}: {name} is a link or no file", remedy="pack the file itself")
                if name in entries:
                    raise UsageFailure(f"{where} holds {name} twice")
                with archive.open(info) as file:
                    content = file.read(MAX_BYTES - size + 1)  # whatever size it claims to have
                size += len(content)
                if size > MAX_BYTES:
                    raise _too_large(where)
                entries[name] = SkillFile(content, bool((info.external_attr >> 16) & stat.S_IXUSR))
    except _zip_errors() as error:
        locked = isinstance(error, RuntimeError) and "password" in str(error)
        raise UsageFailure(
            f"{where} is not a zip archive that can be read{': it is encrypted' if locked else ''}",
            remedy="pack the skill's folder anew, or give the folder itself",
        ) from None
    tops = {name.partition("/")[0] for name in entries}
    if FILE_NAME not in entries and len(tops) == 1 and not tops & entries.keys():
        entries = {name.partition("/")[2]: entry for name, entry in entries.items()}
    return entries, sorted(skipped)


def _zip_errors() -> tuple[type[Exception], ...]:
    """Return what the reading of a damaged archive raises."""
    errors = (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
        OSError,
        IndexError,  # a file without a name
        struct.error,  # lengths that do not fit
    )
    try:
        from lzma import LZMAError
    except ImportError:  # a Python without it; zipfile says then that it cannot read such files
        return errors
    return (*errors, LZMAError)


def _checked_name(name: str, where: str) -> str:
    """Return a file's name if it stays within the folder, on every system and in every archive."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageFailure(f"{where} holds a file whose name is not Unicode: {name!r}") from None
    if re.search(_UNSAFE_NAME, name) or not name.isprintable() or len(name) > _MAX_NAME:
        raise UsageFailure(
            f"{where} holds a file with a name that leaves its folder, or that not every system can have: {name!r}",
            remedy="rename it or take it out",
        )
    return name


def _bounded(file: IO[bytes], where: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _too_large(where)
    return data


def _too_many(where: str) -> Failure:
    return UsageFailure(
        f"{where} holds more than {MAX_FILES} files, the most that LiteLLM lets agents install",
        remedy="take out what the skill does not need",
    )


def _too_large(where: str) -> Failure:
    return UsageFailure(
        f"{where} is larger than {MAX_BYTES // 2**20} MiB, the most that LiteLLM lets agents install",
        remedy="take out what the skill does not need",
    )
