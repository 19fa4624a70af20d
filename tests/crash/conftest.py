"""What the crash tests share: one proxy, one nursery, one home for each module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.crash.world")

from tests.crash.world import Disk, Home, Nursery, Server  # noqa: E402

collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def lived_in(server: Server, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("crash") / "home", server, nursery)
    made.path.mkdir(mode=0o700)
    made.make()
    return made


@pytest.fixture
def home(lived_in: Home) -> Home:
    """A home that somebody has lived in, as it was."""
    lived_in.restore()
    return lived_in


@pytest.fixture
def env() -> dict[str, str]:
    return {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A disk of 4 MiB, which only root can mount (and not in every container)."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts a tmpfs")
    try:
        made = Disk(tmp_path_factory.mktemp("disk") / "mounted")
    except subprocess.CalledProcessError:
        pytest.skip("no tmpfs can be mounted here")
    yield made
    made.close()


@pytest.fixture(scope="session")
def _on_disk(disk: Disk, server: Server, nursery: Nursery) -> Home:
    made = Home(disk.path / "home", server, nursery)
    made.path.mkdir(mode=0o700)
    made.make()
    return made


@pytest.fixture
def home_on_disk(disk: Disk, _on_disk: Home) -> Iterator[Home]:
    """A home that somebody has lived in, on the small disk."""
    _on_disk.restore()
    yield _on_disk
    disk.remount("rw")
    disk.empty()
