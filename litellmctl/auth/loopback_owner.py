"""The user at the other end of a connection within this machine, which Linux shows (proc(5), /proc/net/tcp)."""

from __future__ import annotations

import os
import socket
import sys
from enum import Enum

_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
# In a user namespace this number stands for all users that are not mapped there.
_NOBODY = 65534
_TRIES = 3  # the table is not a snapshot: a line can be missing while others come and go
_ESTABLISHED, _CLOSED = 1, 7


class Owner(Enum):
    """The user at the other end.

    OURS is this user or root, and every user if the system has no such table. GONE has closed the connection: then no
    answer is needed, and Linux shows root instead of the user. UNKNOWN is not in this machine's table: it comes from
    another network namespace or the host of a virtual machine.
    """

    OURS = "ours"
    ANOTHER = "another"
    GONE = "gone"
    UNKNOWN = "unknown"


def owner_of(connection: socket.socket) -> Owner:
    """Return the user at the other end of a connection that was accepted on 127.0.0.1."""
    if sys.platform == "linux":
        owner = _owner_of(connection)
    else:
        owner = Owner.OURS
    return owner


def can_tell(server: socket.socket) -> bool:
    """Whether owners are known here, which a socket that listens on 127.0.0.1 shows by its own entry."""
    if sys.platform == "linux":
        can = _can_tell(server)
    else:
        can = False
    return can


if sys.platform == "linux":

    def _owner_of(connection: socket.socket) -> Owner:
        try:
            mine, theirs = connection.getsockname(), connection.getpeername()
            found = None
            for _ in range(_TRIES):
                found = found or _entry(theirs, mine)
            state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        except OSError:
            return Owner.GONE
        # Checked last: while our end exists, no other program can have had the same two ports.
        if state == _CLOSED or (found is None and state != _ESTABLISHED):
            return Owner.GONE
        if found is None:
            return Owner.UNKNOWN
        user, inode = found
        if inode == 0:
            return Owner.GONE
        if user == _NOBODY:
            return Owner.UNKNOWN
        return Owner.OURS if user in {0, os.geteuid()} else Owner.ANOTHER

    def _can_tell(server: socket.socket) -> bool:
        found = _entry(server.getsockname(), ("0.0.0.0", 0))  # noqa: S104  # no peer yet
        return found is not None and found[0] == os.geteuid() != _NOBODY


def _entry(local: tuple[str, int], remote: tuple[str, int]) -> tuple[int, int] | None:
    """Return user and inode of the socket between these two addresses (IPv4); None if there is no line for it.

    The program may use an IPv6 socket. Tables that cannot be read have no lines.
    """
    for table, is_mapped in zip(_TABLES, (False, True), strict=True):
        wanted = [_column(address, is_mapped=is_mapped) for address in (local, remote)]
        try:
            with open(table, encoding="ascii") as lines:
                for line in lines:
                    fields = line.split(maxsplit=10)
                    if fields[1:3] == wanted:
                        return int(fields[7]), int(fields[9])
        except (OSError, ValueError, IndexError):
            continue
    return None


def _column(address: tuple[str, int], *, is_mapped: bool) -> str:
    """Return an address in the table's form: words of 32 bits in the machine's byte order, and the port."""
    host, port = address
    packed = socket.inet_aton(host)
    if is_mapped and any(packed):
        packed = bytes(10) + b"\xff\xff" + packed
    elif is_mapped:
        packed = bytes(16)
    words = (int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"
