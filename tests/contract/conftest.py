"""Who runs the program against the fake proxy, and who else there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.contract.signing_in import signed_out
from tests.fake_proxy import FakeProxy
from tests.logins import Files
from tests.recorder import MakeRecorder, Recorder


@pytest.fixture
def fake(proxy: FakeProxy, env: dict[str, str]) -> FakeProxy:
    """A proxy that no variable names, for somebody without a keyring and without a browser."""
    signed_out(env)
    return proxy


@pytest.fixture
def files(home: Path) -> Files:
    """What the program has stored."""
    return Files(home / "config")


@pytest.fixture
def evil() -> Iterator[FakeProxy]:
    """Another server, to which nothing may be sent."""
    server = FakeProxy()
    yield server
    server.close()
    assert server.requests == []


@pytest.fixture
def temporary(tmp_path: Path, env: dict[str, str]) -> Path:
    """The folder for temporary files, empty at first."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    env["TMPDIR"] = str(folder)
    return folder


@pytest.fixture
def record(tmp_path: Path, env: dict[str, str], temporary: Path) -> MakeRecorder:
    """Make a program on the PATH that records how it is started."""
    env["PATH"] = os.pathsep.join([str(tmp_path / "bin"), env["PATH"]])
    return lambda name: Recorder(tmp_path / "bin", name)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts by default."""
    return trustme.CA(organization_name="Test Authority")
