"""Folders from others, read without leaving them: no link is followed, not even one that is made while we read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Self

from litellmctl.foundation import files

# Windows opens nothing relative to a folder. There, a folder in which a file is open cannot be renamed.
_BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_AS_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NONBLOCK", 0)


class OpenFolder:
    """An open folder: its files are opened relative to it, even if its path leads elsewhere by then.

    `path` is for messages. Everything raises OSError, with that path in it.
    """

    def __init__(self, path: str, real: str, descriptor: int | None) -> None:
        self.path = path
        self._real = real
        self._descriptor = descriptor

    @classmethod
    def at(cls, path: str) -> OpenFolder:
        """Open the folder that a path leads to, through whatever links."""
        descriptor = os.open(path, _AS_FOLDER) if _BY_DESCRIPTOR else None
        return cls(path, os.path.realpath(path), descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def path_of(self, name: str) -> str:
        """Return the path of a file in it, for messages."""
        return os.path.join(self.path, name)

    def names(self) -> Iterator[str]:
        """Yield the names in it as they come: there may be millions."""
        with self._named(""), os.scandir(self._real if self._descriptor is None else self._descriptor) as found:
            for item in found:
                yield item.name

    def status(self, name: str, *, follow: bool = False) -> os.stat_result:
        """Return the status of a name in it; with `follow`, that of the target of a link, also outside."""
        with self._named(name):
            return os.stat(self._place(name), dir_fd=self._descriptor, follow_symlinks=follow)

    def folder(self, name: str) -> OpenFolder:
        """Open a folder that is in it. A link to one is an error."""
        real = os.path.join(self._real, name)
        with self._named(name):
            if self._descriptor is None:
                if not stat.S_ISDIR(os.lstat(real).st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                self._require_unmoved(real)
                return OpenFolder(self.path_of(name), real, None)
            descriptor = os.open(name, _AS_FOLDER | files.CAREFULLY, dir_fd=self._descriptor)
        return OpenFolder(self.path_of(name), real, descriptor)

    def file(self, name: str) -> BinaryIO:
        """Open a file in it for reading, without waiting. A link, a pipe or a device is an error."""
        with self._named(name):
            descriptor = os.open(self._place(name), os.O_RDONLY | files.CAREFULLY, dir_fd=self._descriptor)
            try:
                found = os.fstat(descriptor)
                files.require_file(found, name, foreign=True)
                if self._descriptor is None:
                    # Only now: as long as it is open, what is above it stays.
                    self._require_unmoved(self._place(name), found)
            except BaseException:
                os.close(descriptor)
                raise
        return os.fdopen(descriptor, "rb")

    def _place(self, name: str) -> str:
        return os.path.join(self._real, name) if self._descriptor is None else name

    def _require_unmoved(self, real: str, found: os.stat_result | None = None) -> None:
        """Refuse a path that leads elsewhere now, or to another file than before."""
        if os.path.normcase(os.path.realpath(real)) != os.path.normcase(real) or not (
            found is None or os.path.samestat(found, os.lstat(real))
        ):
            raise OSError(errno.ELOOP, "was replaced while it was being read")

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Let an error name the whole path."""
        try:
            yield
        except OSError as error:
            error.filename = self.path_of(name) if name else self.path
            raise
