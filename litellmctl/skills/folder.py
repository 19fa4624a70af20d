"""The files of a skill: read from a folder, an archive or a SKILL.md, and packed reproducibly."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, NamedTuple

from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation import files
from litellmctl.foundation.text import dump_json
from litellmctl.foundation.tree import OpenFolder
from litellmctl.skills.manifest import FILE_NAME, Manifest, read_manifest

# The limits of LiteLLM 1.106 for skills that agents install from it.
MAX_FILES = 1000
MAX_BYTES = 50 * 2**20
# Folders and files of version control, package managers and desktops are not part of a skill.
_NOT_PACKED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".DS_Store", "Thumbs.db", "__MACOSX"}
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READ_ONLY_BITS, _EXECUTABLE_BITS = 0o644, 0o755
_UNSAFE_NAME = r"[\x00-\x1f\x7f\\:]|(?:^|/)\.{1,2}(?:/|$)|^/|//|/$|^$"
_EXPECTED = "pass the skill's folder, its SKILL.md or a zip archive; for the hub, add --source"
_ZIP_START = b"PK"
_MAX_NAME = 4096


class SkillFile(NamedTuple):
    """A file of a skill."""

    data: bytes
    executable: bool = False


class Folder(NamedTuple):
    """The files of a skill by their paths below its folder (with /), its manifest, and the paths that were skipped."""

    entries: dict[str, SkillFile]
    manifest: Manifest
    skipped: Sequence[str] = ()


def read_folder(source: str, stdin: IO[bytes] | None) -> Folder:
    """Return a skill's files from a folder, a zip archive, a SKILL.md, or `-`: an archive or a SKILL.md on stdin."""
    if source == "-":
        if stdin is None:
            raise UsageFailure("cannot read stdin: it is closed", remedy="pass the input with a pipe, or with < FILE")
        return _of_data(_bounded(stdin, "stdin"), "stdin")
    if not source:
        raise UsageFailure("the path of the skill is empty", remedy=_EXPECTED)
    if "\0" in source:
        raise UsageFailure("the path of the skill contains a NUL character")
    shown = str(Path(source))
    try:
        kind = os.stat(source).st_mode
        if stat.S_ISDIR(kind):
            entries, skipped = _of_directory(shown)
            return _folder(entries, source, skipped)
        if not stat.S_ISREG(kind):
            raise UsageFailure(f"{source} is neither a folder nor a file", remedy=_EXPECTED)
        with files.opened(os.path.realpath(source), foreign=True) as file:
            return _of_data(_bounded(file, source), source)
    except OSError as error:
        raise UsageFailure(
            f"cannot read {error.filename or source}: {files.reason(error)}",
            remedy=_EXPECTED,
        ) from None


def pack(folder: Folder) -> bytes:
    """Return the zip archive: all files below one folder, SKILL.md first.

    LiteLLM reads the instructions from the first name that ends in SKILL.md. Times, order, modes and compression are
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
    """Return a name in kebab-case, which the hub, files and folders can have."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].rstrip("-") or "skill"


def _of_data(data: bytes, where: str) -> Folder:
    if data.startswith(_ZIP_START):
        entries, skipped = _of_zip(data, where)
        return _folder(entries, where, skipped)
    if not data.strip():
        raise UsageFailure(f"{where} is empty", remedy="pass a SKILL.md or a zip of its folder")
    return Folder({FILE_NAME: SkillFile(data)}, read_manifest(data, where))


def _folder(entries: dict[str, SkillFile], where: str, skipped: Sequence[str] = ()) -> Folder:
    found = entries.get(FILE_NAME)
    if found is None:
        near = next((name for name in entries if name.lower() == FILE_NAME.lower()), None)
        below = next((name for name in entries if name.endswith(f"/{FILE_NAME}")), None)
        hint = f" (rename {near})" if near else f" (pass the folder of {below})" if below else ""
        raise UsageFailure(
            f"{where} has no {FILE_NAME}{hint}",
            remedy="add a SKILL.md, see https://agentskills.io",
        )
    return Folder(entries, read_manifest(found.data, f"{where}: {FILE_NAME}"), skipped)


def _of_directory(top: str) -> tuple[dict[str, SkillFile], list[str]]:
    """Return the files of a folder, and the paths that were skipped.

    A link is packed only if its target is another file of the folder, so that it cannot lead to anything else.
    """
    skipped: list[str] = []
    entries: dict[str, SkillFile] = {}
    links: dict[str, tuple[str, os.stat_result]] = {}
    by_identity: dict[tuple[int, int], SkillFile] = {}
    size = 0
    with OpenFolder.at(top) as opened, closing(_walked(opened, "", skipped)) as found:
        for folder, item, name in found:
            if len(entries) + len(links) == MAX_FILES:
                raise _too_many(top)
            checked = _checked_name(name, top)
            status = folder.status(item)
            if stat.S_ISLNK(status.st_mode):
                links[checked] = folder.path_of(item), folder.status(item, follow=True)
                continue
            _require_file(folder.path_of(item), status)
            with folder.file(item) as file:
                status = os.fstat(file.fileno())
                data = file.read(MAX_BYTES - size + 1)
            size += len(data)
            if size > MAX_BYTES:
                raise _too_large(top)
            entries[checked] = SkillFile(data, bool(status.st_mode & stat.S_IXUSR) and sys.platform != "win32")
            by_identity[status.st_dev, status.st_ino] = entries[checked]
    for name, (path, status) in links.items():
        _require_file(path, status)
        linked = by_identity.get((status.st_dev, status.st_ino))
        if linked is None:
            raise UsageFailure(
                f"{path} is a link to a file outside the skill", remedy="copy the file into the folder of the skill"
            )
        size += len(linked.data)
        if size > MAX_BYTES:
            raise _too_large(top)
        entries[name] = linked
    return entries, sorted(skipped)


def _walked(folder: OpenFolder, above: str, skipped: list[str]) -> Generator[tuple[OpenFolder, str, str], None, None]:
    """Yield the files and links below a folder: the folder of each, its name, and its path below the top."""
    for item in folder.names():
        name = f"{above}{item}"
        if item in _NOT_PACKED:
            skipped.append(name)
            continue
        status = folder.status(item)
        if _is_link(status) and stat.S_ISDIR(folder.status(item, follow=True).st_mode):
            path = folder.path_of(item)
            raise UsageFailure(f"{path} is a link to a folder", remedy="copy that folder into the folder of the skill")
        if stat.S_ISDIR(status.st_mode):
            if name.count("/") >= 50:
                raise UsageFailure(f"{folder.path_of(item)} is nested too deeply")
            with folder.folder(item) as below:
                yield from _walked(below, f"{name}/", skipped)
        else:
            yield folder, item, name


def _is_link(status: os.stat_result) -> bool:
    """Whether it is a link, or a junction of Windows."""
    junction = sys.platform == "win32" and status.st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return stat.S_ISLNK(status.st_mode) or junction


def _require_file(path: str, status: os.stat_result) -> None:
    """Refuse what is not a regular file: reading a pipe could wait forever."""
    if not stat.S_ISREG(status.st_mode):
        raise UsageFailure(f"{path} is a pipe, socket or device, not a file", remedy="move it out of the folder")


def _of_zip(data: bytes, where: str) -> tuple[dict[str, SkillFile], list[str]]:
    """Return the files of an archive, without a single folder around all of them, and the paths that were skipped."""
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
                    raise UsageFailure(f"{where}: {name} is a link or not a file", remedy="pack the file itself")
                if name in entries:
                    raise UsageFailure(f"{where} contains {name} twice")
                with archive.open(info) as file:
                    content = file.read(MAX_BYTES - size + 1)  # it may be larger than the archive says
                size += len(content)
                if size > MAX_BYTES:
                    raise _too_large(where)
                entries[name] = SkillFile(content, bool((info.external_attr >> 16) & stat.S_IXUSR))
    except _zip_errors() as error:
        locked = isinstance(error, RuntimeError) and "password" in str(error)
        raise UsageFailure(
            f"{where} is {'an encrypted' if locked else 'not a valid'} zip archive",
            remedy="pass the skill's folder instead",
        ) from None
    tops = {name.partition("/")[0] for name in entries}
    if FILE_NAME not in entries and len(tops) == 1 and not tops & entries.keys():
        entries = {name.partition("/")[2]: entry for name, entry in entries.items()}
    return entries, sorted(skipped)


def _zip_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that a damaged archive raises."""
    errors = (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
        OSError,
        IndexError,  # a file without a name
        struct.error,  # wrong lengths
    )
    try:
        from lzma import LZMAError
    except ImportError:  # a Python without lzma, in which zipfile cannot read such files
        return errors
    return (*errors, LZMAError)


def _checked_name(name: str, where: str) -> str:
    """Return a file name. Raises `UsageFailure` if it is not valid on all systems, or leads out of the folder."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageFailure(f"{where} contains a file name that is not Unicode: {json.dumps(name)}") from None
    if re.search(_UNSAFE_NAME, name) or not name.isprintable() or len(name) > _MAX_NAME:
        raise UsageFailure(
            f"{where} contains a file name that is not valid on all systems: {dump_json(name)}",
            remedy="rename the file, or move it out of the folder",
        )
    return name


def _bounded(file: IO[bytes], where: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _too_large(where)
    return data


def _too_many(where: str) -> Failure:
    return UsageFailure(
        f"{where} has more than {MAX_FILES:,} files, the maximum for agents that install skills from LiteLLM",
        remedy="move files that the skill does not need out of its folder",
    )


def _too_large(where: str) -> Failure:
    return UsageFailure(
        f"{where} is larger than {MAX_BYTES // 2**20} MiB, the maximum for agents that install skills from LiteLLM",
        remedy="move files that the skill does not need out of its folder",
    )
