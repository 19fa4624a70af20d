"""Reading and writing our files, which are complete after a kill at any moment.

All of our files are opened here. A file of another user, a pipe or a device is refused, before it is opened and again
when it is open, so that the file that was checked is read. On Windows, which has other owners and modes, only its kind
counts.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from os import PathLike

    AnyPath = str | PathLike[str]

ABANDONED_SECONDS = 600
MAX_BYTES = 256 * 2**20
_MAX_LINKS = 40  # as Linux has it
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
# Do not wait for the other end of a pipe, follow no link, and take over no terminal.
CAREFULLY = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY", "O_BINARY"))
_NEW = "litellmctl"  # names of temporary files for new files


class NotOurs(OSError):
    """A file is not one of ours: it belongs to another user, or is a link, a folder, a pipe or a device.

    `strerror` says what it is instead, as "belongs to alice (uid 1001), not to you"; `remedy` what helps.
    """

    def __init__(self, what: str, path: str, remedy: str | None = None, *, number: int = errno.EINVAL) -> None:
        super().__init__(number, what, path)
        self.remedy = remedy or f"move {path} away"


def read(path: AnyPath, *, follow: bool = True, foreign: bool = False, limit: int = MAX_BYTES) -> bytes:
    """Return the content of one of our files, `limit` bytes at most; never wait for it.

    A symbolic link of the user's own, or of root's, is followed, unless `follow` is false. `foreign` is for files of
    other programs, whose owner may be another user. Raises OSError: NotOurs, with its remedy, for a file that we would
    not have made.
    """
    descriptor = _open(path, follow=follow, foreign=foreign)
    try:
        size, left, chunks = os.fstat(descriptor).st_size, limit + 1, []
        if size <= limit:
            # The size alone does not tell: it is 0 for endless files of the kernel.
            while left and (chunk := os.read(descriptor, min(max(size, 2**16) + 1, left))):
                chunks.append(chunk)
                left -= len(chunk)
    finally:
        os.close(descriptor)
    if size > limit or not left:
        raise NotOurs(f"is larger than {limit // 2**20} MiB", os.fspath(path), number=errno.EFBIG)
    return b"".join(chunks)


def opened(path: AnyPath, *, follow: bool = True, foreign: bool = False) -> BinaryIO:
    """Return one of our files, open for reading. The rest is as with `read`."""
    return os.fdopen(_open(path, follow=follow, foreign=foreign), "rb")


def _open(path: AnyPath, *, follow: bool, foreign: bool) -> int:
    target, found = resolved(path, follow=follow, foreign=foreign)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    descriptor = os.open(target, os.O_RDONLY | CAREFULLY)
    try:
        require_file(os.fstat(descriptor), target, foreign=foreign)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_file(found: os.stat_result, path: str, *, link: str | None = None, foreign: bool = False) -> None:
    """Refuse what is not a file, and, unless `foreign`, what belongs to another user. Raises OSError.

    `link` is the link that leads to `path`, which is then the one to move away.
    """
    named = link or path
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), named)
    if not stat.S_ISREG(found.st_mode):
        raise NotOurs(
            f"is not a file, but {_KINDS.get(stat.S_IFMT(found.st_mode), 'something of an unknown kind')}", named
        )
    if not foreign and is_strangers(found):
        remedy = f"move {named} away{_or_chown(path)}"
        raise NotOurs(f"belongs to {_owner(found)}, not to you", path, remedy, number=errno.EPERM)


def is_strangers(found: os.stat_result) -> bool:
    """Whether it belongs to another user but root, who can read and write our files anyway."""
    return sys.platform != "win32" and found.st_uid not in {0, os.geteuid()}


def remedy(error: OSError, otherwise: str) -> str:
    """Return the remedy of the error, or `otherwise` if it has none."""
    if isinstance(error, NotOurs):
        return error.remedy
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return "free some disk space"
    is_another_thing = error.errno in {errno.EISDIR, errno.ELOOP} and error.filename
    return f"move {error.filename} away" if is_another_thing else otherwise


def place(error: OSError, path: str) -> str:
    """Return the file that an error is about, which need not be `path`: a link's target, or a lock."""
    return error.filename if isinstance(error, NotOurs) else path


def resolved(path: AnyPath, *, follow: bool, foreign: bool) -> tuple[str, os.stat_result | None]:
    """Return where the links of a path lead, and what is there; None where nothing is. Raises OSError.

    Another user's link could lead to any of our own files.
    """
    target = os.fspath(path)
    for hops in range(_MAX_LINKS):
        try:
            found = os.lstat(target)
        except FileNotFoundError:
            if hops and os.path.exists(path):  # as /dev/stdin, whose target is not a file name
                raise NotOurs("is not a file, but a symbolic link to something else", os.fspath(path)) from None
            return target, None
        if not stat.S_ISLNK(found.st_mode):
            require_file(found, target, link=os.fspath(path), foreign=foreign)
            return target, found
        if not follow:
            raise NotOurs("is a symbolic link, which is not followed here", target)
        if is_strangers(found):
            raise NotOurs(f"is a symbolic link that belongs to {_owner(found)}, not to you", target, number=errno.EPERM)
        target = os.path.join(os.path.dirname(target), os.readlink(target))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def _owner(found: os.stat_result) -> str:
    """Return the owner for a message: `alice (uid 1001)`, or the number alone if it has no name."""
    words = f"uid {found.st_uid}"
    if sys.platform != "win32":
        with suppress(ImportError, KeyError):
            import pwd

            words = f"{pwd.getpwuid(found.st_uid).pw_name} ({words})"
    return words


def _or_chown(path: str) -> str:
    """Return the alternative for a file of another user, whose content the user has to look at first."""
    words = ""
    if sys.platform != "win32":
        import shlex

        sudo = "sudo " if os.geteuid() != 0 else ""
        words = f" or, if you know what is in it: {sudo}chown {os.geteuid()} {shlex.quote(path)}"
    return words


def make_private_dir(folder: AnyPath) -> None:
    """Create the folder and what is missing above it, for the user alone."""
    if not os.path.isdir(folder):
        above = os.path.dirname(os.path.abspath(folder))
        make_private_dir(above)  # makedirs() would give the mode to the last one only
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def write_atomically(
    path: AnyPath,
    data: bytes,
    *,
    durable: bool = False,
    private: bool = True,
    follow: bool = True,
    foreign: bool = False,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Replace the file's content in one step; a new file is created 0600.

    A symbolic link is followed and its target replaced, unless `follow` is false. What `read` would refuse is not
    replaced; `foreign` is for files of other programs, which keep their owner. An existing file keeps its mode, except
    that `private` takes group's and others' rights away. `durable` also survives a power cut. What a kill in the middle
    of an earlier write left behind is removed, so the caller is the file's only writer, or holds its lock. `check` is
    called just before the replacement. Raises OSError, and what `check` raises; the old content is then still there,
    and no temporary file is left.
    """
    target, old = resolved(path, follow=follow, foreign=foreign)
    folder, name = _split(target)
    make_private_dir(folder)
    _forget_temporaries(folder, name)  # first: on a full disk they are in the way
    temporary = _temporary(folder, name)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CAREFULLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None:
                _take_over(old, file.fileno(), private=private)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        check()
        os.replace(temporary, os.path.join(folder, name))
        if durable:
            _sync_folder(folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_new(folder: AnyPath, names: Iterable[str], data: bytes) -> str | None:
    """Write a new file, whole or not at all, under the first of the names that is free there; return its path.

    Nothing is followed or replaced, and the umask says who may read the file. What a kill left behind in the folder
    more than ten minutes ago is removed. Returns None where no name is free. Raises OSError.
    """
    _forget_abandoned(folder)
    temporary = _temporary(folder, _NEW)
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        for name in names:
            path = os.path.join(folder, name)
            with suppress(FileExistsError):
                _rename_to_new(temporary, path)
                return path
        return None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _forget_abandoned(folder: AnyPath) -> None:
    """Remove old temporary files of `write_new`: nobody holds a lock there, and younger ones may be written now."""
    with suppress(OSError), os.scandir(folder) as entries:
        for left in entries:
            if left.name.startswith(f".{_NEW}.") and _is_temporary(left.name[len(_NEW) + 2 :]):
                with suppress(OSError):
                    if left.stat(follow_symlinks=False).st_mtime < time.time() - ABANDONED_SECONDS:
                        os.unlink(left)


def _rename_to_new(temporary: str, path: str) -> None:
    """Give the file its name. Raises FileExistsError where that is taken."""
    if sys.platform != "win32":  # where rename() replaces what is there
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # the file system has no second names
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        else:
            return
    os.rename(temporary, path)


def new_log(path: AnyPath) -> BinaryIO:
    """Return a new file in place of an old log, private, open for appending. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | CAREFULLY
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def forget_temporaries(path: AnyPath) -> None:
    """Remove what kills in the middle of `write_atomically` left behind. The caller holds the file's lock."""
    with suppress(OSError):
        target, _ = resolved(path, follow=True, foreign=True)
        _forget_temporaries(*_split(target))


def _split(target: str) -> tuple[str, str]:
    """Return the folder, without links, and the name in it."""
    folder, name = os.path.split(target)
    return os.path.realpath(folder), name


def _forget_temporaries(folder: str, name: str) -> None:
    with suppress(OSError):
        for left in os.listdir(folder):
            if left.startswith(f".{name}.") and _is_temporary(left[len(name) + 2 :]):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, left))


def _temporary(folder: AnyPath, name: str) -> str:
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def _is_temporary(ending: str) -> bool:
    """Whether a name ends like our temporary files; other programs have theirs in the same folders."""
    process, _, rest = ending.partition(".")
    return process.isdecimal() and len(rest) == len("01234567.tmp") and rest.endswith(".tmp")


def _sync_folder(folder: str) -> None:
    """Make the new name durable too; Windows does that by itself."""
    if sys.platform != "win32":
        with suppress(OSError):  # some network file systems cannot
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | CAREFULLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _take_over(old: os.stat_result, descriptor: int, *, private: bool) -> None:
    """Give a new file the mode and owner of the one that it replaces; on Windows they come from the folder."""
    if sys.platform != "win32":
        mode = stat.S_IMODE(old.st_mode)
        os.fchmod(descriptor, mode & 0o700 if private else mode)
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(OSError):
                os.fchown(descriptor, old.st_uid, old.st_gid)


def sentence(error: OSError) -> str:
    """Return the file, what is wrong with it, and the remedy of the error if it has one."""
    own = f"; {error.remedy}" if isinstance(error, NotOurs) else ""
    return f"{error.filename or ''} {reason(error)}{own}".strip()


def reason(error: OSError) -> str:
    """Return the operating system's words for an error, in lower case."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
