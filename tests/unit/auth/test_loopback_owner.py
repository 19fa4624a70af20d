"""Whose a connection is: with this kernel's own table, with other users where root can be one, and with made-up tables."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from litellmctl.auth import loopback_owner as module
from litellmctl.auth.loopback_owner import Owner, can_tell, owner_of
from tests.effort import until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
as_root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="takes root to be somebody else")

# Connects as another user, by IPv4 or by IPv6, says something, and goes away as it is told to.
CLIENT = """
import os, socket, struct, sys, time
port, user, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
connection = socket.socket(socket.AF_INET6 if way == "mapped" else socket.AF_INET)
connection.connect(("::ffff:127.0.0.1" if way == "mapped" else "127.0.0.1", port))
connection.sendall(b"hello")
if way == "half":
    connection.shutdown(socket.SHUT_WR)
if way == "reset":
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
if way in ("closed", "reset"):
    connection.close()
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def met(server: socket.socket, way: str, user: int = 0) -> Owner:
    """Accept a client once it has done what it does, and return who it is."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(server.getsockname()[1]), str(user), way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout
        assert client.stdout.readline() == "done\n"
        connection, _ = server.accept()
        with connection:
            found = owner_of(connection)
            if way != "reset":
                assert connection.recv(9) == b"hello"
        client.communicate("", timeout=20)
    return found


@linux
@pytest.mark.parametrize(
    ("way", "owner"),
    [
        ("open", Owner.OURS),
        ("half", Owner.OURS),
        ("mapped", Owner.OURS),
        ("closed", Owner.GONE),
        ("reset", Owner.GONE),
    ],
)
def test_our_own(server: socket.socket, way: str, owner: Owner) -> None:
    assert can_tell(server)
    assert met(server, way) is owner


@linux
@as_root
@pytest.mark.parametrize(
    ("way", "owner"),
    [
        ("open", Owner.ANOTHER),
        ("half", Owner.ANOTHER),
        ("mapped", Owner.ANOTHER),
        # Once it is closed the kernel shows root as its owner, or none; what it sent can still be read.
        ("closed", Owner.GONE),
        ("reset", Owner.GONE),
    ],
)
def test_another_users(server: socket.socket, way: str, owner: Owner) -> None:
    assert met(server, way, 54321) is owner


@linux
@as_root
def test_the_user_of_those_who_have_no_number_here_is_nobody_in_particular(server: socket.socket) -> None:
    assert met(server, "open", 65534) is Owner.UNKNOWN


class Both:
    """Both ends of a connection, and a table of the test's own in place of the kernel's."""

    def __init__(self, server: socket.socket, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = socket.create_connection(server.getsockname(), timeout=20)
        self.ours, _ = server.accept()
        self.tables = [folder / "tcp", folder / "tcp6"]
        monkeypatch.setattr(module, "_TABLES", [str(table) for table in self.tables])

    def line(self, user: int, inode: int, *, mapped: bool = False) -> str:
        host = "0100007F" if sys.byteorder == "little" else "7F000001"
        if mapped:
            host = "0" * 16 + ("FFFF0000" if sys.byteorder == "little" else "0000FFFF") + host
        ends = [f"{host}:{end.getsockname()[1]:04X}" for end in (self.client, self.ours)]
        return f"   7: {ends[0]} {ends[1]} 01 00000000:00000000 00:00000000 00000000 {user:5} 0 {inode} 1 0 20 4 31 10 -1\n"

    def close(self) -> None:
        self.client.close()
        self.ours.close()


@pytest.fixture
def both(server: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    both = Both(server, tmp_path, monkeypatch)
    yield both
    both.close()


@linux
@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    ("user", "inode", "owner"),
    [
        (os.geteuid() if sys.platform != "win32" else 0, 7, Owner.OURS),
        (0, 7, Owner.OURS),
        (54321, 7, Owner.ANOTHER),
        (54321, 0, Owner.GONE),
        (0, 0, Owner.GONE),
        (65534, 7, Owner.UNKNOWN),
    ],
)
def test_what_the_table_says(both: Both, user: int, inode: int, owner: Owner, mapped: bool) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    for table, is_mapped in zip(both.tables, (False, True), strict=True):
        table.write_text(head + both.line(user, inode, mapped=mapped) * (mapped is is_mapped))
    assert owner_of(both.ours) is owner


@linux
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"  sl\n 0: x\n"])
def test_a_table_that_says_nothing(both: Both, server: socket.socket, content: bytes | None) -> None:
    for table in both.tables if content is not None else ():
        table.write_bytes(content or b"")
    assert owner_of(both.ours) is Owner.UNKNOWN
    assert not can_tell(server)
    both.client.close()  # and whoever is not there any more is not of another machine
    until(lambda: owner_of(both.ours) is Owner.GONE)


@linux
@pytest.mark.parametrize("line", ["{} 7 7\n", "0: {}", "0: {} 01 0 0 0 x y z\n"])
def test_a_line_that_is_none(both: Both, line: str) -> None:
    ends = " ".join(both.line(0, 7).split()[1:3])
    both.tables[0].write_text(line.format(ends))
    assert owner_of(both.ours) is Owner.UNKNOWN


@linux
def test_a_client_that_resets_after_the_table_was_read_is_gone(both: Both) -> None:
    both.tables[0].write_text(both.line(0, 7))
    both.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    both.client.close()
    until(lambda: owner_of(both.ours) is Owner.GONE)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_do_not_tell(
    both: Both, server: socket.socket, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert owner_of(both.ours) is Owner.OURS
    assert not can_tell(server)
