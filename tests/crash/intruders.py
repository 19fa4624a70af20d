"""What may be in the place of a file, a folder or a descriptor of ours, and has no business there."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

STRANGER = 12345
PRECIOUS = b"\0precious: nobody else's business\n"
_DEVICES = {"zero": (1, 5), "full": (1, 7), "random": (1, 8), "tty": (5, 0)}


def furnish(outside: str) -> None:
    """Make the folder of what intruders lead to, which is the user's and none of ours, as it always is."""
    place = Path(outside)
    for left in (outside, f"{outside}.kept"):
        shutil.rmtree(left, ignore_errors=True)
    (place / "folder").mkdir(parents=True)
    Path(f"{outside}.kept").mkdir()
    (place / "precious").write_bytes(PRECIOUS)
    (place / "folder" / "precious").write_bytes(PRECIOUS)
    if os.geteuid() == 0:
        (place / "theirs").write_bytes(PRECIOUS)
        (place / "theirs").chmod(0o666)
        os.chown(place / "theirs", STRANGER, STRANGER)


def _link(target: str) -> Callable[[str, str], None]:
    return lambda path, outside: os.symlink(target.format(outside=outside), path)


def _socket(path: str, _: str) -> None:
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # a socket's whole path must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.basename(path))
    finally:
        os.chdir(here)


def _full_folder(path: str, _: str) -> None:
    os.mkdir(path)
    Path(path, "precious").write_bytes(PRECIOUS)


def _device(numbers: tuple[int, int]) -> Callable[[str, str], None]:
    return lambda path, _: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(*numbers))


def _strangers(path: str, _: str) -> None:
    Path(path).write_bytes(PRECIOUS)
    os.chmod(path, 0o666)
    os.chown(path, STRANGER, STRANGER)


def _strangers_link(path: str, outside: str) -> None:
    os.symlink(f"{outside}/precious", path)
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def _strangers_folder(path: str, _: str) -> None:
    os.mkdir(path)
    os.chmod(path, 0o777)
    os.chown(path, STRANGER, STRANGER)


_KINDS: dict[str, Callable[[str, str], None]] = {
    "a link to a file": _link("{outside}/precious"),
    "a link to nothing": _link("{outside}/nothing"),
    "a link to itself": lambda path, _: os.symlink(os.path.basename(path), path),
    "a link to a descriptor": _link("/proc/self/fd/1"),
    "a link to descriptors": _link("/proc/self/fd"),
    "a link to a folder": _link("{outside}/folder"),
    **{f"a link to /dev/{name}": _link(f"/dev/{name}") for name in _DEVICES},
    "a second name": lambda path, outside: os.link(f"{outside}/precious", path),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a socket": _socket,
    "a folder": lambda path, _: os.mkdir(path),
    "a full folder": _full_folder,
    "/dev/zero": _device(_DEVICES["zero"]),
    "/dev/full": _device(_DEVICES["full"]),
    "a stranger's file": _strangers,
    "a stranger's link": _strangers_link,
    "a link to a stranger's": _link("{outside}/theirs"),
    "a stranger's folder": _strangers_folder,
}


def _is_possible(kind: str) -> bool:
    if "stranger" in kind or kind.startswith("/dev"):
        return os.geteuid() == 0
    target = kind.removeprefix("a link to ")
    if target.startswith("/dev"):
        return os.path.exists(target)
    return "descriptor" not in kind or os.path.exists("/proc/self/fd")


KINDS = [kind for kind in _KINDS if _is_possible(kind)]


class Intrusion(NamedTuple):
    """What was put where; `kept` is where that is now which was there before, None where nothing was."""

    path: str
    kept: str | None
    identity: str | None

    @property
    def is_there(self) -> bool:
        """Whether it is there still."""
        return os.path.lexists(self.path) and _identity(self.path) == self.identity

    @property
    def was_folder(self) -> bool:
        """Whether it is in the place of a folder."""
        return self.kept is not None and os.path.isdir(self.kept)


def _identity(path: str) -> str:
    """Return what tells a file from another one that got its number later."""
    found = os.lstat(path)
    is_folder = stat.S_ISDIR(found.st_mode)
    return f"{found.st_ino} {stat.S_IFMT(found.st_mode)} {0 if is_folder else found.st_mtime_ns}"


def intrude(kind: str, path: str, outside: str) -> Intrusion:
    """Put it in the place of what is at `path`; of nothing, where there is not even a folder."""
    kept = identity = None
    if os.path.lexists(path):
        kept = f"{outside}.kept/{os.urandom(4).hex()}"
        os.rename(path, kept)
    if os.path.isdir(os.path.dirname(path)):
        _KINDS[kind](path, outside)
        if kind == "a stranger's file" and kept is not None and os.path.isfile(kept):
            shutil.copyfile(kept, path)  # as good as ours to look at, and readable by all
        identity = _identity(path)
    return Intrusion(path, kept, identity)


def put_back(intrusion: Intrusion) -> None:
    """Move the intruder away, and what it replaced back to its place; not where the program took that for its own."""
    path, kept, _ = intrusion
    if intrusion.is_there:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
        if kept is not None:
            os.rename(kept, path)


# --- descriptors ---

STATES = ["good", "closed", "read-only", "write-only", "full", "closed pipe", "gone"]


def spoil(number: int, state: str) -> None:
    """Make a descriptor one of this state. "full" is the device, "gone" a terminal that was closed."""
    if state == "closed":
        os.close(number)
        return
    if state == "closed pipe":
        ends = os.pipe()
        opened, other = ends if number == 0 else ends[::-1]
        os.close(other)
    elif state == "gone":
        import pty

        other, opened = pty.openpty()
        os.close(other)
    else:
        flags = {"read-only": os.O_RDONLY, "write-only": os.O_WRONLY, "full": os.O_RDWR}[state]
        opened = os.open("/dev/full" if state == "full" else os.devnull, flags)
    os.dup2(opened, number)
    os.close(opened)
