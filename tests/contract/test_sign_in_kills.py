"""A kill while the sign-in page waits: nobody listens any more, no link lies about, and what was stored stays as it was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.answers import Gate
from tests.conftest import Run, Start, _processes
from tests.contract.signing_in import assert_no_login
from tests.contract.test_pkce import (
    CODE,
    GRANT,
    REFRESH,
    RIGHT,
    SECONDS,
    TOKEN,
    Person,
    fake,
    files,
    offers,
    person,
    query_of,
    registers,
    signs_in,
)
from tests.effort import until
from tests.fake_proxy import FakeProxy
from tests.server import listens

__all__ = ["fake", "person"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL") if sys.platform != "win32"
]
DEVICE = {
    "login_id": "login-0123456789",
    "user_code": "ABCD-EFGH",
    "poll_secret": "secret-0123456789",
    "expires_in": 600,
}


def in_a_file(proxy: FakeProxy, person: Person) -> list[str]:
    registers(offers(proxy))
    return []


def at_an_address(proxy: FakeProxy, person: Person) -> list[str]:
    person.uses("snap/bin/firefox")
    person.comes_back()
    return in_a_file(proxy, person)


def by_device(proxy: FakeProxy, person: Person) -> list[str]:
    proxy.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    proxy.on("/sso/cli/start", DEVICE, method="POST")
    proxy.on("/sso/cli/poll/login-0123456789", {"status": "pending"}, times=None)
    return ["--flow", "device"]


@pytest.fixture
def start(env: dict[str, str]) -> Iterator[Start]:
    """Start the program as the leader of a session, by which all is found that it starts."""
    with _processes(env, start_new_session=True) as start:
        yield start


Way = Callable[[FakeProxy, Person], list[str]]


def ended(process: subprocess.Popen[str], number: int) -> str:
    """Send the signal, and return what was said to its end, which is by that signal or exit 130."""
    process.send_signal(number)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == (130 if number == signal.SIGINT else -number), said
    assert "Traceback" not in said
    return said


def links_left(home: Path) -> list[str]:
    return sorted(os.listdir(home / "cache" / "sign-in")) if (home / "cache" / "sign-in").exists() else []


def processes_of(session: int) -> list[str]:
    """Return the processes of a session that are there still (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat") if sys.platform == "linux" else []:
        try:
            fields = path.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != b"Z":
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("way", [in_a_file, at_an_address, by_device])
def test_a_kill_while_the_page_waits_leaves_nothing(
    fake: FakeProxy, person: Person, home: Path, start: Start, way: Way, number: int
) -> None:
    person.comes_back()
    words = way(fake, person)
    login = start("login", "--sso", *words)
    until(lambda: person.links)
    listener = query_of(person.links[0]).get("redirect_uri")
    ended(login, number)
    if listener is not None:
        assert not listens(f"http://127.0.0.1:{urlsplit(listener).port}")
    until(lambda: not processes_of(login.pid), "the end of all that was started")
    if number != signal.SIGKILL:  # which leaves no time to remove it
        assert links_left(home) == []
    assert_no_login(home, TOKEN, REFRESH, CODE, DEVICE["poll_secret"])
    assert not (home / "config" / "secrets.json").exists()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_kill_while_the_code_is_redeemed_leaves_what_was_stored_and_holds_up_nobody(
    run: Run, fake: FakeProxy, person: Person, home: Path, start: Start, number: int
) -> None:
    signs_in(fake)
    run("login", "--sso")
    before = files(home)
    gate = Gate({**GRANT, "access_token": "litellm_login_second"})
    registers(offers(fake)).on("/token", method="POST", respond=gate)
    login = start("login", "--sso")
    gate.wait()
    ended(login, number)
    gate.open()
    after = files(home)
    assert {name: after[name] for name in before} == before
    assert run("token") == f"{TOKEN}\n"
    assert not any("litellm_login_second" in text for text in after.values())


def test_what_a_kill_left_is_removed_by_a_later_sign_in(
    run: Run, fake: FakeProxy, person: Person, home: Path, start: Start
) -> None:
    person.comes_back()
    registers(offers(fake))
    login = start("login", "--sso")
    until(lambda: person.links)
    ended(login, signal.SIGKILL)
    (left,) = links_left(home)
    os.utime(home / "cache" / "sign-in" / left, (0, 0))
    person.comes_back(RIGHT)
    signs_in(fake)
    run("login", "--sso")
    assert links_left(home) == []


def test_a_signal_that_is_ignored_stays_so(fake: FakeProxy, person: Person, home: Path, start: Start) -> None:
    """As after nohup."""
    person.comes_back()
    registers(offers(fake))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        login = start("login", "--sso")
    finally:
        signal.signal(signal.SIGHUP, before)
    until(lambda: person.links)
    login.send_signal(signal.SIGHUP)
    port = urlsplit(query_of(person.links[0])["redirect_uri"]).port
    with socket.create_connection(("127.0.0.1", port), SECONDS):
        pass
    assert login.poll() is None
    ended(login, signal.SIGTERM)
    assert links_left(home) == []
