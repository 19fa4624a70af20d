"""Another user of the machine races for a sign-in that waits: a real second user, who sees what this system shows all."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.answers import answering
from tests.conftest import Start
from tests.contract.signing_in import stored
from tests.contract.test_pkce import (
    CODE,
    GRANT,
    RIGHT,
    SECONDS,
    TOKEN,
    Person,
    StartLogin,
    offers,
    person,
    query_of,
    registers,
    start_login,
)
from tests.effort import until
from tests.fake_proxy import FakeProxy, row
from tests.server import free_port

__all__ = ["person", "start_login"]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="a second user takes Linux, and root to become one",
)

# A number that no account has here.
OTHER = 54321
MALLORY = "code-of-mallory"

# Looks at the arguments of all processes for those of our browser, follows whatever link it finds there, as far as this
# user may, and comes back with a code of its own before the person does. Prints what it found, and what it was told.
ATTACKER = """
import encodings.idna, glob, os, re, socket, struct, sys, time
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit
browser, how, code = sys.argv[1:4]
os.setgroups([]); os.setgid({uid}); os.setuid({uid})

def get(host, port, path):
    connection = socket.create_connection((host, port), 10)
    request = "GET " + path + " HTTP/1.1\\r\\nHost: %s:%d\\r\\n\\r\\n" % (host, port)
    connection.sendall(request.encode())
    if how == "closing":
        connection.close()
        return ""
    if how == "resetting":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return ""
    if how == "half-closing":
        connection.shutdown(socket.SHUT_WR)
    connection.settimeout(10)
    answer = b""
    try:
        while some := connection.recv(65536):
            answer += some
    except OSError as error:
        answer += repr(error).encode()
    return answer.decode(errors="replace")

def arguments():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().decode().split("\\0")
        except OSError:
            continue
        if browser in words and str(os.getpid()) != path.split("/")[2]:
            yield from words[words.index(browser) + 1 :]

def link_of(word):
    parts = urlsplit(word)
    if "state" in parse_qs(parts.query):
        return word
    if parts.scheme == "file":
        try:
            return unescape(re.search('href="([^"]*)"', open(unquote(parts.path)).read())[1])
        except OSError as error:
            print("file:", error.strerror, flush=True)
    elif parts.hostname == "127.0.0.1":
        answer = get(parts.hostname, parts.port, parts.path + "?" * bool(parts.query) + parts.query)
        print("start:", answer.split("\\r\\n")[0], flush=True)
        found = re.search("(?im)^location: *(\\\\S+)", answer)
        return found and found[1]
    return None

end, seen = time.monotonic() + 20, set()
while time.monotonic() < end:
    for word in set(arguments()) - seen:
        seen.add(word)
        print("saw:", word, flush=True)
        link = link_of(word)
        if link:
            fields = parse_qs(urlsplit(link).query)
            back = urlsplit(fields["redirect_uri"][0])
            path = back.path + "?code=" + code + "&state=" + fields["state"][0]
            print("came back:", get(back.hostname, back.port, path), flush=True)
            sys.exit()
"""
# Knows the port and the state, the worst case: it saw the printed link.
KNOWING = (
    ATTACKER.partition("def arguments")[0]
    + """
port, state = browser.split(":", 1)
print("came back:", get("127.0.0.1", int(port), "/callback?code=" + code + "&state=" + state), flush=True)
"""
)
WAYS = ["staying", "closing", "resetting", "half-closing"]


def attack(script: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script.format(uid=OTHER), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def seen_by(other: subprocess.Popen[str]) -> str:
    """Let the attacker go, and return what it printed."""
    other.kill()
    seen, _ = other.communicate(timeout=SECONDS)
    assert "Traceback" not in seen, seen
    return seen


@pytest.fixture
def fake(proxy: FakeProxy, person: Person, env: dict[str, str]) -> FakeProxy:
    """A proxy at which each code signs in whoever it was made for."""
    del env["LITELLM_API_KEY"]

    def grant(_: BaseHTTPRequestHandler) -> dict[str, Any]:
        is_ours = proxy.requests_for("/token")[-1].form["code"] == CODE
        return GRANT if is_ours else {**GRANT, "access_token": "litellm_login_mallory", "user_id": "mallory"}

    registers(offers(proxy)).on("/token", method="POST", respond=answering(grant), times=None)
    proxy.on("/v1/models", {"data": [{"id": "gpt"}]}, times=None).models(row("gpt"), times=None)
    return proxy.on("/key/info", {}, times=None).on("/user/info", {}, times=None)


@pytest.mark.parametrize("attempt", range(20))
def test_another_user_who_reads_the_arguments_never_signs_us_in_as_somebody_else(
    fake: FakeProxy, person: Person, home: Path, start: Start, attempt: int
) -> None:
    if attempt % 2:
        person.uses("snap/bin/firefox")  # which cannot read our files, so it gets an address of ours
    person.takes(0.7)  # long enough for the other one to be first
    other = attack(ATTACKER, str(person.browser), WAYS[attempt // 2 % 4], MALLORY)
    login = start("login", "--sso")
    _, said = login.communicate(timeout=SECONDS)
    seen = seen_by(other)
    assert login.returncode == 0, said
    assert f"saw: {person.addresses[0]}" in seen
    if attempt % 2:
        assert "came back" not in seen
        assert "refused a connection to this sign-in from another user of this machine" in said or attempt // 2 % 4
    else:
        assert "file: Permission denied" in seen
    assert query_of(person.links[0])["state"] not in seen
    assert stored(home)["secret"]["token"] == TOKEN
    assert "Signed in" in person.pages[-1]
    assert [one.form["code"] for one in fake.requests_for("/token")] == [CODE]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forwarded", [False, True])
def test_another_user_who_knows_the_link_does_not_come_in(
    fake: FakeProxy, home: Path, start_login: StartLogin, way: str, forwarded: bool
) -> None:
    waiting = start_login(*(["--callback-port", str(free_port())] if forwarded else []))
    fields = query_of(waiting.link)
    port = urlsplit(fields["redirect_uri"]).port
    for _ in range(3):
        with attack(KNOWING, f"{port}:{fields['state']}", way, MALLORY) as other:
            seen, _ = other.communicate(timeout=SECONDS)
        assert "came back:" in seen
        if way in {"staying", "half-closing"}:
            assert "403" in seen
            assert "This sign-in belongs to another user of this machine." in seen
    assert "Signed in" in waiting.get(RIGHT)  # the link that was printed, in whichever browser
    said = waiting.end(0)
    assert said.count("refused a connection to this sign-in from another user of this machine") <= 1
    assert stored(home)["secret"]["token"] == TOKEN
    assert [one.form["code"] for one in fake.requests_for("/token")] == [CODE]


def test_a_device_code_is_not_in_the_arguments_either(
    proxy: FakeProxy, person: Person, env: dict[str, str], start: Start
) -> None:
    del env["LITELLM_API_KEY"]
    proxy.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    started = {"login_id": "login-0123456789", "user_code": "ABCD-EFGH", "poll_secret": "secret", "expires_in": 600}
    proxy.on("/sso/cli/start", started, method="POST")
    proxy.on("/sso/cli/poll/login-0123456789", {"status": "pending"}, times=None)
    other = attack(ATTACKER, str(person.browser), "staying", MALLORY)
    person.comes_back()
    start("login", "--sso", "--flow", "device")
    until(lambda: person.links)
    (address,) = person.addresses
    assert "login-0123456789" in person.links[0]
    assert address.startswith("file:")
    assert "login-0123456789" not in seen_by(other)
