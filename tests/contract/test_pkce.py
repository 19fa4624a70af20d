"""Single sign-on by PKCE (RFC 7636, RFC 8252): the real program, a fake proxy, and a script that is the browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conftest import Run
from tests.contract.signing_in import assert_no_login, revokes, stored
from tests.effort import until
from tests.fake_proxy import FakeProxy, error, row
from tests.server import free_port

TOKEN, REFRESH, CODE = "litellm_login_token-0123456789", "llm_srefresh_0123456789", "code-0123456789"
CLIENT = "llm_dcrc_0123456789"
RIGHT = f"?code={CODE}&state=STATE"
GRANT = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 86400,
    "refresh_token": REFRESH,
    "user_id": "duo",
    "team_id": "lab-red",
}


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
SECONDS = 20.0

# The person: opens what the browser is given, follows that to the link, and comes back with one query after another, each
# on a connection of its own. STATE and OTHER stand for the right state and for the same one with its last character
# changed. Whoever starts it does not wait.
BROWSER = """#!{python} -SE
import json, os, re, socket, sys, time
from html import unescape
from http.client import HTTPConnection
from urllib.parse import parse_qs, unquote, urlsplit
address, folder = sys.argv[1], {folder!r}
with open(folder + "/addresses", "a") as file:
    file.write(address + "\\n")
parts, link = urlsplit(address), address
if parts.scheme == "file":
    path = unquote(parts.path)
    link = unescape(re.search('<a href="([^"]*)"', open(path).read())[1])
    modes = ["%o" % (os.stat(one).st_mode & 0o777) for one in (path, os.path.dirname(path))]
    open(folder + "/mode", "w").write(" ".join(modes))
elif "state=" not in address and parts.hostname == "127.0.0.1":
    connection = HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path)
    link = connection.getresponse().headers["Location"]
with open(folder + "/links", "a") as file:
    file.write(link + "\\n")
if os.fork():
    os._exit(0)
for stream in range(3):
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
time.sleep({pause})
fields = parse_qs(urlsplit(link).query)
state, back = fields["state"][0], urlsplit(fields["redirect_uri"][0])
other = state[:-1] + ("A" if state[-1] != "A" else "B")
pages = []
for query in json.load(open(folder + "/queries")):
    query = query.replace("STATE", state).replace("OTHER", other)
    request = "GET " + back.path + query + " HTTP/1.1\\r\\nHost: " + back.netloc + "\\r\\n\\r\\n"
    if not query.startswith("?"):
        request = query
    with socket.create_connection((back.hostname, back.port), 10) as connection:
        connection.settimeout(20)
        connection.sendall(request.encode())
        page = b""
        try:
            while some := connection.recv(65536):
                page += some
        except OSError:
            pass
    pages.append(page.decode())
with open(folder + "/pages.part", "w") as file:
    json.dump(pages, file)
os.rename(folder + "/pages.part", folder + "/pages")
"""


class Person:
    """Whoever signs in, with a browser that does what it was told to."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self._env = env
        folder.mkdir()
        self.uses("firefox")
        self.comes_back(RIGHT)

    def uses(self, name: str, script: str = BROWSER) -> None:
        """Have a browser with this path."""
        self.browser = self.folder / name
        self._env["BROWSER"] = str(self.browser)
        self._script = script
        self.takes(0)

    def takes(self, seconds: float) -> None:
        """Come back after so many seconds."""
        self.browser.parent.mkdir(parents=True, exist_ok=True)
        self.browser.write_text(self._script.format(python=sys.executable, folder=str(self.folder), pause=seconds))
        self.browser.chmod(0o700)

    def comes_back(self, *queries: str) -> None:
        """Come back with these queries; what does not begin with ? is sent as it is."""
        (self.folder / "queries").write_text(json.dumps(queries))

    @property
    def links(self) -> list[str]:
        """The links that were opened."""
        return self._lines("links")

    @property
    def addresses(self) -> list[str]:
        """What the browser was given to open, each of which led to a link."""
        return self._lines("addresses")

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    @property
    def pages(self) -> list[str]:
        """What the browser showed for each query, as it came over the wire."""
        pages = self.folder / "pages"
        until(pages.exists)
        found: list[str] = json.loads(pages.read_text())
        return found


@pytest.fixture
def person(tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person at this machine, whose browser comes back with a code."""
    for name in ("SSH_CONNECTION", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY", "KUBERNETES_SERVICE_HOST"):
        env.pop(name, None)
    one = Person(tmp_path / "person", env)
    env["LITELLMCTL_KEYRING"] = "off"
    # What the standard library keeps of the variables, once in a process.
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr("litellmctl.auth.loopback._SLICE_SECONDS", 0.01)
    return one


@pytest.fixture
def fake(proxy: FakeProxy, person: Person, env: dict[str, str]) -> FakeProxy:
    """A proxy that the environment names, without a key."""
    del env["LITELLM_API_KEY"]
    return proxy


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def without_absent(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not ABSENT}


def document(base: str, **changes: Any) -> dict[str, Any]:
    endpoints = {
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "registration_endpoint": f"{base}/register",
        "revocation_endpoint": f"{base}/revoke",
    }
    supported = {
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    }
    found = {"contract_version": 1, "issuer": base, **endpoints, "resource": base, **supported}
    return without_absent({**found, **changes})


def offers(proxy: FakeProxy, base: str = "", **changes: Any) -> FakeProxy:
    """Say that single sign-on is there, by PKCE."""
    proxy.on(f"{base}/.well-known/litellm-ui-config", {"sso_configured": True, "server_root_path": "/"})
    return proxy.on(f"{base}/.well-known/litellm-cli-auth", document(proxy.url + base, **changes))


def registers(proxy: FakeProxy, base: str = "") -> FakeProxy:
    return proxy.on(f"{base}/register", {"client_id": CLIENT}, status=201, method="POST")


def grants(proxy: FakeProxy, base: str = "", **changes: Any) -> FakeProxy:
    return proxy.on(f"{base}/token", without_absent({**GRANT, **changes}), method="POST")


def tells(proxy: FakeProxy, base: str = "", *, models: bool = True) -> FakeProxy:
    """Take the token, and tell whose it is and which models it may use."""
    proxy.on(f"{base}/v1/models", {"data": [{"id": "gpt"}]})
    proxy.on(f"{base}/key/info", error(404, "Key not found in database")["body"], status=404)
    alias = [{"team_id": "lab-red", "team_alias": "Red team"}]
    proxy.on(f"{base}/user/info", {"user_id": "duo", "user_info": {"user_email": "duo@example.com"}, "teams": alias})
    return proxy.on(f"{base}/model/info", {"data": [row("gpt")]}) if models else proxy


def signs_in(proxy: FakeProxy) -> FakeProxy:
    """Do all that a sign-in asks for."""
    return tells(grants(registers(offers(proxy))))


def query_of(link: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def files(home: Path) -> dict[str, str]:
    """Return all that the program has written, by name."""
    return {path.name: path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()}


def assert_not_listening(person: Person) -> None:
    back = urlsplit(query_of(person.links[-1])["redirect_uri"])
    with socket.socket() as other:
        assert other.connect_ex((back.hostname, back.port)) != 0


# The exchange


def test_the_exchange_is_as_the_contract_has_it(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    signs_in(fake)
    result = run("login", "--sso", "-v")
    assert result == ""
    (link,) = person.links
    query = query_of(link)
    assert link.startswith(f"{fake.url}/authorize?")
    assert query == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": query["redirect_uri"],
        "state": query["state"],
        "code_challenge": query["code_challenge"],
        "code_challenge_method": "S256",
        "resource": fake.url,
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]{3,4}/callback", query["redirect_uri"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,}", query["state"])  # 256 bits or more
    register, token, models = (fake.requests_for(path)[0] for path in ("/register", "/token", "/v1/models"))
    assert register.json == {
        "client_name": "litellmctl",
        "redirect_uris": [query["redirect_uri"]],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    verifier = token.form["code_verifier"]
    assert token.form == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": query["redirect_uri"],
        "client_id": CLIENT,
        "code_verifier": verifier,
        "resource": fake.url,
    }
    assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
    # RFC 7636, sections 4.1 and 4.2
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    assert query["code_challenge"] == digest.decode().rstrip("=")
    without_key = {"/.well-known/litellm-ui-config", "/.well-known/litellm-cli-auth", "/register", "/token"}
    assert {request.path for request in fake.requests if "Authorization" not in request.headers} == without_key
    assert models.headers["Authorization"] == f"Bearer {TOKEN}"
    assert [request.method for request in fake.requests if request.path in without_key] == [
        "GET",
        "GET",
        "POST",
        "POST",
    ]
    (page,) = person.pages
    assert page.startswith("HTTP/1.0 200 ")
    assert "Signed in" in page
    assert "duo@example.com" in page
    assert "Not signed in" not in page


def test_no_secret_is_anywhere_but_in_the_vault(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    signs_in(fake)
    result = run("login", "--sso", "-v")
    verifier = fake.requests_for("/token")[0].form["code_verifier"]
    written = files(home)
    vault = written.pop("secrets.json")
    assert TOKEN in vault
    assert REFRESH in vault
    elsewhere = [
        result.stderr,
        *written.values(),
        *person.pages,
        *person.links,
        *(str(one.query) for one in fake.requests),
    ]
    for secret in (TOKEN, REFRESH, CODE, verifier):
        assert not any(secret in text for text in elsewhere), secret
    assert CODE not in vault
    assert verifier not in vault
    assert "POST /token 200" in result.stderr
    for name in ("secrets.json", "logins.json"):
        assert stat.S_IMODE((home / "config" / name).stat().st_mode) == 0o600


def test_what_is_kept_is_what_renewing_and_revoking_takes(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    grants(registers(offers(fake)), expires_in=7200)
    tells(fake)
    before = time.time()
    result = run("login", "--sso")
    login = stored(home)
    secret = login.pop("secret")
    assert before + 7200 <= login["expires_at"] <= time.time() + 7200
    assert before <= login["issued_at"] <= time.time()
    assert secret == {
        "base_url": fake.url,
        "token": TOKEN,
        "issued_at": login["issued_at"],
        "expires_at": login["expires_at"],
        "refresh_token": REFRESH,
    }
    assert {name: value for name, value in login.items() if name not in {"id", "issued_at", "expires_at"}} == {
        "base_url": fake.url,
        "kind": "pkce",
        "storage": "file",
        "user_id": "duo",
        "user_email": "duo@example.com",
        "team_id": "lab-red",
        "team_alias": "Red team",
        "client_id": CLIENT,
        "token_endpoint": f"{fake.url}/token",
        "revocation_endpoint": f"{fake.url}/revoke",
        "resource": fake.url,
    }
    # Who, where, how many models, where the secret is, and that it is refreshed.
    for words in ("duo@example.com", fake.url, "Red team", "1 model;", "secrets.json", "is refreshed automatically."):
        assert words in result.stderr
    assert run("token") == f"{TOKEN}\n"
    assert json.loads(run("whoami", "--offline", "--json"))["renewable"] is True


# The link


@pytest.mark.parametrize("option", ["-q", "-v"])
def test_the_link_is_alone_on_its_line_and_never_coloured(
    run: Run, fake: FakeProxy, person: Person, option: str
) -> None:
    signs_in(fake)
    result = run("login", "--sso", option, FORCE_COLOR="1")
    assert result.stderr.splitlines().count(person.links[0]) == 1
    assert ("Opening a browser" in result.stderr) is (option != "-q")


def test_a_browser_that_does_not_open_is_said_and_the_link_still_works(
    run: Run, fake: FakeProxy, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litellmctl.auth.browser_visit._WAIT_SECONDS", 0.2)
    # Else the standard library goes on to the text browsers of this machine.
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    registers(offers(fake))
    result = run("login", "--sso", "--json", exit=4)
    assert "Cannot open a browser" in result.stderr
    assert result.error["code"] == "auth_failed"
    assert "the sign-in was not completed" in result.error["message"]


def test_the_link_is_not_in_the_arguments_but_in_a_file_for_the_user_alone_and_for_that_time_only(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    person.takes(0.3)
    folder = home / "cache" / "sign-in"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "left-by-a-kill.html").touch()
    os.utime(folder / "left-by-a-kill.html", (0, 0))
    signs_in(fake)
    run("login", "--sso")
    (address,), (link,) = person.addresses, person.links
    assert re.fullmatch(rf"file://{re.escape(str(folder))}/[0-9a-f]{{16}}\.html", address)
    assert not any(value in address for value in query_of(link).values())
    assert (person.folder / "mode").read_text() == "600 700"
    assert list(folder.iterdir()) == []


SANDBOXED = {
    "snap": ("snap/bin/firefox", BROWSER),
    "flatpak": ("flatpak/exports/bin/org.mozilla.firefox", BROWSER),
    "wrapper of a snap": ("firefox", BROWSER + "\n# exec /snap/bin/firefox\n"),
    "wrapper of a flatpak": ("chromium", BROWSER + "\n# exec flatpak run org.chromium.Chromium\n"),
    "opener": ("xdg-open", BROWSER),
    "elsewhere": ("helpers/browser.sh", BROWSER),
}
needs_owners = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells whose a connection is")


@needs_owners
@pytest.mark.parametrize("kind", SANDBOXED)
def test_a_browser_that_does_not_read_our_files_gets_an_address_of_ours(
    run: Run, fake: FakeProxy, person: Person, home: Path, kind: str
) -> None:
    name, script = SANDBOXED[kind]
    person.uses(name, script.replace("{python} -SE\n", "{python} -SE\n# " + script[len(BROWSER) :].strip() + "\n"))
    signs_in(fake)
    run("login", "--sso")
    (address,), (link,) = person.addresses, person.links
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/[A-Za-z0-9_-]{43,}", address)
    assert address.startswith(query_of(link)["redirect_uri"].removesuffix("/callback"))
    assert not any(value in address for value in query_of(link).values() if len(value) > 10 and value != fake.url)
    assert stored(home)["kind"] == "pkce"
    assert not (home / "cache" / "sign-in").exists()


@needs_owners
def test_where_no_file_can_be_made_the_browser_gets_an_address_of_ours(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    (home / "cache").mkdir(mode=0o700)
    (home / "cache" / "sign-in").touch()
    signs_in(fake)
    run("login", "--sso")
    assert person.addresses[0].startswith("http://127.0.0.1:")
    assert stored(home)["kind"] == "pkce"


@pytest.fixture
def no_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does not tell whose a connection is, as in some sandboxes."""
    monkeypatch.setattr("litellmctl.auth.loopback_owner._TABLES", [str(tmp_path / "none")] * 2)


@needs_owners
@pytest.mark.usefixtures("no_owners")
@pytest.mark.parametrize("kind", ["plain", "snap"])
def test_whoever_cannot_be_told_is_refused_and_the_person_is_told_what_lets_them_in(
    run: Run, fake: FakeProxy, person: Person, home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("litellmctl.auth.browser_visit._WAIT_SECONDS", 2)
    if kind in SANDBOXED:
        person.uses(SANDBOXED[kind][0])
    registers(offers(fake))
    result = run("login", "--sso", exit=4)
    assert "from an unknown user (--callback-port PORT allows it)" in result.stderr
    assert person.pages[0].startswith("HTTP/1.0 403 ")
    assert "--callback-port" in person.pages[0]
    assert person.addresses[0].startswith("file:")
    assert_no_login(home, TOKEN, REFRESH, CODE)
    tells(grants(registers(offers(fake))))
    (person.folder / "pages").unlink()
    run("login", "--sso", "--callback-port", str(free_port()))
    assert "Signed in" in person.pages[0]
    assert stored(home)["kind"] == "pkce"


# Passes connections on, as the program that SSH runs for a user does with a forwarded port.
FORWARDER = """
import socket, sys, threading
def pass_on(one, other):
    while some := one.recv(65536):
        other.sendall(some)
    other.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    here, _ = server.accept()
    there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for pair in ((here, there), (there, here)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
"""


def test_a_forwarded_port(fake: FakeProxy, person: Person, home: Path, start_login: StartLogin) -> None:
    signs_in(fake)
    port = free_port()
    ssh = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22", "SSH_TTY": "/dev/pts/0"}
    waiting = start_login("--flow", "pkce", "--callback-port", str(port), **ssh)
    with subprocess.Popen([sys.executable, "-c", FORWARDER, str(port)], stdout=subprocess.PIPE, text=True) as forwarder:
        assert forwarder.stdout
        assert "Signed in" in waiting.get(RIGHT, int(forwarder.stdout.readline()))
        forwarder.kill()
    waiting.end(0)
    assert stored(home)["kind"] == "pkce"


class Waiting:
    """A login of its own process that waits for its browser; `link` is what it printed."""

    def __init__(self, env: dict[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "litellmctl", "login", *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self._links or not self._reader.is_alive())
        (self.link,) = self._links

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)  # one by one, as they come

    @property
    def _links(self) -> list[str]:
        return [line.strip() for line in self.lines if line.startswith("http")]

    def get(self, query: str, port: int | None = None) -> str:
        """Come back, through another port where one is given, and return what the browser shows."""
        fields = query_of(self.link)
        back = urlsplit(fields["redirect_uri"])
        with socket.create_connection((back.hostname, port or back.port), SECONDS) as connection:
            path = back.path + query.replace("STATE", fields["state"])
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {back.netloc}\r\n\r\n".encode())
            page = b""
            while some := connection.recv(65536):
                page += some
        return page.decode()

    def end(self, exit: int) -> str:
        """Wait for the end, and return stderr."""
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        said = "".join(self.lines)
        assert self.process.returncode == exit, said
        assert self.process.stdout
        assert self.process.stdout.read() == ""
        assert "Traceback" not in said
        return said

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


StartLogin = Callable[..., Waiting]


@pytest.fixture
def start_login(env: dict[str, str]) -> Iterator[StartLogin]:
    """Start a login that prints its link and opens no browser. What is still there after the test is ended."""
    started: list[Waiting] = []

    def start(*words: str, **variables: str) -> Waiting:
        started.append(Waiting({**env, **variables}, "--sso", "--no-browser", *words))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_without_a_browser_and_with_a_port_that_was_chosen(
    fake: FakeProxy, person: Person, home: Path, start_login: StartLogin
) -> None:
    signs_in(fake)
    port = free_port()
    waiting = start_login("--callback-port", str(port))
    assert query_of(waiting.link)["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    assert fake.requests_for("/register")[0].json["redirect_uris"] == [f"http://127.0.0.1:{port}/callback"]
    assert "Signed in" in waiting.get(RIGHT)
    assert waiting.link in waiting.end(0).splitlines()
    assert person.links == []
    assert stored(home)["kind"] == "pkce"


def test_a_port_that_is_taken_is_exit_2(run: Run, fake: FakeProxy, person: Person, home: Path, taken: int) -> None:
    offers(fake)
    result = run("login", "--sso", "--callback-port", str(taken), "--json", exit=2)
    assert "--callback-port" in result.error["remedy"]
    assert str(taken) in result.error["message"]
    assert person.links == []
    assert_no_login(home, TOKEN, REFRESH, CODE)


def test_two_logins_at_once(fake: FakeProxy, person: Person, home: Path, start_login: StartLogin) -> None:
    for _ in range(2):
        tells(registers(offers(fake)))
    revokes(grants(grants(fake), access_token=f"{TOKEN}-second", refresh_token=f"{REFRESH}-second"))
    first, second = start_login(), start_login()
    ports = {query_of(one.link)["redirect_uri"] for one in (first, second)}
    states = {query_of(one.link)["state"] for one in (first, second)}
    assert len(ports) == len(states) == 2
    assert "Signed in" in second.get(RIGHT)
    assert "Signed in" in first.get(RIGHT)
    first.end(0)
    second.end(0)
    # One is stored, and the other one ended at the proxy.
    kept = stored(home)["secret"]["refresh_token"]
    assert {kept, fake.requests_for("/revoke")[0].form["token"]} == {REFRESH, f"{REFRESH}-second"}


def test_another_login_ends_the_one_before_at_the_proxy(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    signs_in(fake)
    run("login", "--sso")
    tells(grants(registers(offers(fake)), access_token="other", refresh_token="other"))
    revokes(fake, status=500)
    assert "cannot revoke the sign-in" in run("login", "--sso").stderr
    assert_revoked(fake)
    assert stored(home)["secret"]["token"] == "other"


@pytest.fixture
def second() -> Iterator[FakeProxy]:
    """A proxy to go on to."""
    server = FakeProxy()
    yield server
    server.close()
    assert (server.unexpected, server.unused) == ([], [])


def test_a_login_at_another_proxy_ends_the_one_before_where_it_was(
    run: Run, fake: FakeProxy, person: Person, home: Path, second: FakeProxy
) -> None:
    signs_in(fake)
    run("login", "--sso")
    revokes(fake)
    second.on("/v1/models", {"data": [{"id": "gpt"}]}, times=None).models(row("gpt"), times=None)
    second.on("/key/info", {"info": {}}, times=None).on("/user/info", {}, times=None)
    result = run("login", "--with-token", "--base-url", second.url, stdin="sk-at-the-second-proxy")
    assert "cannot revoke the sign-in" not in result.stderr
    assert_revoked(fake)
    assert not any(REFRESH in str(request) for request in second.requests)
    assert run("token", "--json").json["base_url"] == second.url


def test_a_login_goes_on_where_the_proxy_of_the_one_before_is_gone(
    run: Run, fake: FakeProxy, person: Person, home: Path, second: FakeProxy
) -> None:
    signs_in(fake)
    run("login", "--sso")
    fake.close()
    second.on("/v1/models", {"data": [{"id": "gpt"}]}, times=None).models(row("gpt"), times=None)
    second.on("/key/info", {"info": {}}, times=None).on("/user/info", {}, times=None)
    result = run("login", "--with-token", "--base-url", second.url, stdin="sk-at-the-second-proxy")
    assert "cannot revoke the sign-in at the proxy, so it stays valid until it expires" in result.stderr
    assert run("token", "--json").json["base_url"] == second.url


def test_a_login_of_another_profile_meanwhile(
    run: Run, fake: FakeProxy, person: Person, home: Path, start_login: StartLogin
) -> None:
    signs_in(signs_in(fake))
    waiting = start_login()
    run("login", "--sso", "--profile", "work", "--base-url", fake.url)
    waiting.get(RIGHT)
    waiting.end(0)
    assert set(json.loads((home / "config" / "logins.json").read_text())["logins"]) == {"default", "work"}


def test_nobody_comes(run: Run, fake: FakeProxy, person: Person, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.auth.browser_visit._WAIT_SECONDS", 0.2)
    person.comes_back()
    registers(offers(fake))
    assert run("login", "--sso", "--json", exit=4).error["code"] == "auth_failed"
    assert_no_login(home, TOKEN, REFRESH, CODE)
    assert_not_listening(person)


def test_ctrl_c_leaves_what_was_stored_before(
    run: Run, fake: FakeProxy, person: Person, home: Path, start_login: StartLogin
) -> None:
    signs_in(fake)
    run("login", "--sso")
    before = files(home)
    registers(offers(fake))
    waiting = start_login()
    waiting.process.send_signal(signal.SIGINT)
    waiting.end(130)
    assert files(home) == before
    with pytest.raises(ConnectionRefusedError):
        waiting.get(RIGHT)
    assert run("token") == f"{TOKEN}\n"


# The document that says where the endpoints are

WELL_KNOWN = {"/.well-known/litellm-ui-config", "/.well-known/litellm-cli-auth"}
ENDPOINTS = ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "resource"]


def foreign(kind: str, proxy: FakeProxy, evil: FakeProxy, path: str) -> str:
    host, other = proxy.url.removeprefix("http://"), evil.url.removeprefix("http://")
    return {
        "port": f"http://{other}{path}",
        "host": f"http://localhost:{proxy.port}{path}",
        "scheme": f"https://{host}{path}",
        "userinfo": f"http://{host}@{other}{path}",
        "user": f"http://evil@{host}{path}",
        "backslash": f"http://{other}\\@{host}{path}",
        "suffix": f"http://{host}.evil.example{path}",
        "relative": path or "/",
        "no scheme": f"//{host}{path}",
        "script": f"javascript://{host}{path}",
        "bad port": f"http://127.0.0.1:x{path}",
    }[kind]


FOREIGN = [
    "port",
    "host",
    "scheme",
    "userinfo",
    "user",
    "backslash",
    "suffix",
    "relative",
    "no scheme",
    "script",
    "bad port",
]


def assert_only_the_document_was_asked_for(proxy: FakeProxy, person: Person, home: Path) -> None:
    assert set(proxy.asked) == WELL_KNOWN
    assert person.links == []
    assert_no_login(home, TOKEN, REFRESH, CODE)


@pytest.mark.parametrize("kind", FOREIGN)
def test_an_endpoint_elsewhere_is_refused_and_nothing_is_sent_there(
    run: Run, fake: FakeProxy, evil: FakeProxy, person: Person, home: Path, kind: str
) -> None:
    for name in ENDPOINTS:
        offers(fake, **{name: foreign(kind, fake, evil, f"/{name.partition('_')[0]}")})
        result = run("login", "--sso", "--json", exit=3)
        assert result.error["code"] == "bad_response"
        assert name in result.error["message"]
    offers(fake, issuer=foreign(kind, fake, evil, ""))
    error = run("login", "--sso", "--json", exit=3).error
    assert error["code"] == "bad_response"
    assert "issued for" in error["message"]
    assert_only_the_document_was_asked_for(fake, person, home)


@pytest.mark.parametrize("path", ["/llm", "/v1/llm", "?x=1", "#x"])
def test_a_document_of_another_path_is_refused(
    run: Run, fake: FakeProxy, person: Person, home: Path, path: str
) -> None:
    offers(fake, issuer=fake.url + path)
    assert "issued for" in run("login", "--sso", "--json", exit=3).error["message"]
    assert_only_the_document_was_asked_for(fake, person, home)


@pytest.mark.parametrize("spelling", ["{}/", "{}/v1", "HTTP://127.0.0.1:{port}"])
def test_an_issuer_may_be_spelled_as_base_urls_may(run: Run, fake: FakeProxy, person: Person, spelling: str) -> None:
    offers(fake, issuer=spelling.format(fake.url, port=fake.port))
    tells(grants(registers(fake)))
    run("login", "--sso")


def test_a_command_that_is_proposed_holds_nothing_that_a_shell_would_run(
    run: Run, fake: FakeProxy, person: Person
) -> None:
    offers(fake, issuer="https://evil.example/$(reboot);`reboot`")
    error = run("login", "--sso", "--json", exit=3).error
    unquoted = re.sub(r"'[^']*'", "", error["remedy"])
    assert not set("$;`") & set(unquoted)


@pytest.mark.parametrize("name", ["issuer", *ENDPOINTS])
def test_a_document_that_lacks_something_is_exit_3(
    run: Run, fake: FakeProxy, person: Person, home: Path, name: str
) -> None:
    for value in (ABSENT, None, "", 7, ["x"], {"x": 1}, True, f"{fake.url}/\ud800"):
        offers(fake, **{name: value})
        error = run("login", "--sso", "--json", exit=3).error
        assert error["code"] == "bad_response"
        assert name in error["message"]
    assert_only_the_document_was_asked_for(fake, person, home)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"body": b"{"}, "bad_response"),
        ({"body": b""}, "bad_response"),
        ({"body": b"<!doctype html><html>"}, "bad_response"),
        ({"body": b'\xff\xfe"x"'}, "bad_response"),
        ({"body": b"[" * 100_000}, "bad_response"),
        ({"body": []}, "bad_response"),
        ({"body": "text"}, "bad_response"),
        ({"body": None}, "bad_response"),
        ({"body": {}, "status": 500}, "server_error"),
        ({"body": b"<html>", "status": 400}, "bad_response"),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"}, "bad_response"),
    ],
)
def test_an_answer_that_is_no_document_is_exit_3(
    run: Run, fake: FakeProxy, person: Person, answer: dict[str, Any], code: str
) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    fake.on("/.well-known/litellm-cli-auth", **answer)
    assert run("login", "--sso", "--json", exit=3).error["code"] == code
    assert len(fake.requests) == 2


def test_a_document_that_redirects_elsewhere_is_exit_3(
    run: Run, fake: FakeProxy, evil: FakeProxy, person: Person
) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    location = {"Location": f"{evil.url}/.well-known/litellm-cli-auth"}
    fake.on("/.well-known/litellm-cli-auth", {}, status=302, headers=location)
    assert run("login", "--sso", "--json", exit=3).error["code"] == "bad_response"


# No PKCE: a device code


def starts(proxy: FakeProxy) -> FakeProxy:
    started = {"login_id": "cli-1", "poll_secret": "ps-1", "user_code": "ABCD-EFGH", "expires_in": 600}
    return proxy.on("/sso/cli/start", started, method="POST")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 404, "body": {"detail": "Not Found"}}, "does not offer PKCE"),
        ({"status": 405, "body": b"<html>"}, "does not offer PKCE"),
        ({"contract_version": 2}, "contract version"),
        ({"contract_version": "1"}, "contract version"),
        ({"contract_version": True}, "contract version"),
        ({"contract_version": ABSENT}, "contract version"),
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"code_challenge_methods_supported": "S256"}, "S256"),
        ({"code_challenge_methods_supported": ABSENT}, "S256"),
    ],
)
def test_where_there_is_no_pkce_it_is_a_device_code_and_why_is_said(
    run: Run, fake: FakeProxy, person: Person, answer: dict[str, Any], reason: str, home: Path
) -> None:
    if "status" in answer:
        fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
        fake.on("/.well-known/litellm-cli-auth", **answer)
    else:
        offers(fake, **answer)
    person.comes_back()  # the browser that this opens too has nowhere to come back to
    ready = {"status": "ready", "key": TOKEN, "user_id": "solo", "team_id": None, "teams": []}
    tells(starts(fake).on("/sso/cli/poll/cli-1", ready))
    result = run("login", "--sso")
    assert "Open this link in any browser" in result.stderr
    assert reason in result.stderr
    assert stored(home)["kind"] == "sso"


@pytest.mark.parametrize("status", [404, 405])
def test_a_flow_that_was_forced_and_is_not_there_is_exit_5(
    run: Run, fake: FakeProxy, person: Person, status: int
) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    fake.on("/.well-known/litellm-cli-auth", {"detail": "Not Found"}, status=status)
    error = run("login", "--flow", "pkce", "--json", exit=5).error
    assert "--flow pkce" in error["message"]
    assert len(fake.requests) == 2


def test_a_flow_that_was_forced_needs_no_browser_here(fake: FakeProxy, person: Person, start_login: StartLogin) -> None:
    signs_in(fake)
    waiting = start_login("--flow", "pkce", SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22")
    assert "Signed in" in waiting.get(RIGHT)
    waiting.end(0)


def test_a_proxy_without_single_sign_on_is_told_at_once(run: Run, fake: FakeProxy, person: Person) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": False})
    error = run("login", "--sso", "--json", exit=5).error
    assert "no single sign-on" in error["message"]
    assert "--with-token" in error["remedy"]
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "answer", [{"status": 404, "body": {"detail": "Not Found"}}, {"body": {}}, {"body": {"sso_configured": "no"}}]
)
def test_a_proxy_that_does_not_say_whether_it_has_single_sign_on_is_tried(
    run: Run, fake: FakeProxy, person: Person, answer: dict[str, Any]
) -> None:
    fake.on("/.well-known/litellm-ui-config", **answer)
    fake.on("/.well-known/litellm-cli-auth", document(fake.url))
    tells(grants(registers(fake)))
    run("login", "--sso")


def test_a_proxy_below_a_path(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    tells(grants(registers(offers(fake, "/llm"), "/llm"), "/llm"), "/llm")
    run("login", "--sso", "--base-url", f"{fake.url}/llm/")
    assert person.links[0].startswith(f"{fake.url}/llm/authorize?")
    assert query_of(person.links[0])["resource"] == f"{fake.url}/llm"
    assert stored(home)["base_url"] == f"{fake.url}/llm"


def test_a_proxy_below_a_path_whose_endpoints_are_at_the_root(
    run: Run, fake: FakeProxy, person: Person, home: Path, env: dict[str, str]
) -> None:
    """Of the same origin, so they are asked; but the extra headers were given for what is below the path."""
    roots = {
        f"{name}_endpoint": f"{fake.url}/{path}" for name, path in (("token", "token"), ("registration", "register"))
    }
    offers(fake, "/llm", **roots)
    tells(grants(registers(fake)), "/llm")
    run("config", "set", "base_url", f"{fake.url}/llm")
    run("config", "set", "headers.x-team", "blue")
    run("login", "--sso")
    assert {request.path for request in fake.requests if "x-team" not in request.headers} == {"/register", "/token"}


def test_extra_headers_go_to_their_own_proxy_only(run: Run, fake: FakeProxy, person: Person, evil: FakeProxy) -> None:
    run("config", "set", "base_url", fake.url)
    run("config", "set", "headers.x-team", "blue")
    signs_in(fake)
    run("login", "--sso")
    assert {request.headers.get("x-team") for request in fake.requests} == {"blue"}
    run("config", "set", "base_url", "https://llm.example.com")
    done = len(fake.requests)
    revokes(signs_in(fake))
    run("login", "--sso", "--base-url", fake.url)
    assert {request.headers.get("x-team") for request in fake.requests[done:]} == {None}


# Registering, and exchanging the code

DETAIL = {"error": "invalid_client_metadata", "error_description": "no\u001b[31m such\nthing"}
REFUSALS: list[Any] = [
    pytest.param({"body": DETAIL, "status": 400}, 4, "auth_failed", id="400"),
    pytest.param({"body": b"<html>", "status": 400}, 3, "bad_response", id="400 page"),
    pytest.param({"body": {"detail": "slow down"}, "status": 429}, 3, "rate_limited", id="429"),
    pytest.param({"body": {"detail": "boom"}, "status": 500}, 3, "server_error", id="500"),
    pytest.param({"body": b"<html>Bad gateway", "status": 502}, 3, "server_error", id="502"),
    pytest.param({"body": b"<!doctype html>"}, 3, "bad_response", id="page"),
    pytest.param({"body": b'{"client_id": '}, 3, "bad_response", id="half"),
    pytest.param({"body": []}, 3, "bad_response", id="list"),
    pytest.param({"raw": b""}, 3, "unreachable", id="reset"),
]


def redirect(evil: FakeProxy, status: int) -> dict[str, Any]:
    return {"body": {}, "status": status, "headers": {"Location": f"{evil.url}/take"}}


@pytest.mark.parametrize(("answer", "exit", "code"), REFUSALS)
def test_a_registration_that_fails(
    run: Run, fake: FakeProxy, person: Person, home: Path, answer: dict[str, Any], exit: int, code: str
) -> None:
    offers(fake).on("/register", method="POST", **answer)
    result = run("login", "--sso", "--json", exit=exit)
    assert result.error["code"] == code
    assert "check the key" not in result.error["remedy"]  # there is none
    assert person.links == []
    assert_no_login(home, TOKEN, REFRESH, CODE)


def test_a_registration_without_a_client_id(run: Run, fake: FakeProxy, person: Person) -> None:
    for client_id in (ABSENT, None, "", 7, "\ud800"):
        offers(fake).on("/register", without_absent({"client_id": client_id}), status=201, method="POST")
        assert run("login", "--sso", "--json", exit=3).error["code"] == "bad_response"
    assert person.links == []


def test_a_registration_that_redirects_is_not_followed(
    run: Run, fake: FakeProxy, evil: FakeProxy, person: Person
) -> None:
    for status in (301, 302, 303, 307, 308):
        offers(fake).on("/register", method="POST", **redirect(evil, status))
        error = run("login", "--sso", "--json", exit=3).error
        assert error["code"] == "bad_response"
        assert evil.url in error["message"]
    assert set(fake.asked) == {*WELL_KNOWN, "/register"}


@pytest.mark.parametrize(("answer", "exit", "code"), REFUSALS)
def test_an_exchange_that_fails(
    run: Run, fake: FakeProxy, person: Person, home: Path, answer: dict[str, Any], exit: int, code: str
) -> None:
    registers(offers(fake)).on("/token", method="POST", **answer)
    result = run("login", "--sso", "--json", exit=exit)
    assert result.error["code"] == code
    assert "check the key" not in result.error["remedy"]
    assert "\x1b" not in result.stderr
    assert "Not signed in" in person.pages[0]
    assert len(fake.requests_for("/token")) == 1
    assert_no_login(home, TOKEN, REFRESH, CODE)
    assert_not_listening(person)


def test_what_the_proxy_says_of_a_refusal_is_shown(run: Run, fake: FakeProxy, person: Person) -> None:
    refused = {"error": "invalid_grant", "error_description": "PKCE verification\u001b[2J failed <b>"}
    registers(offers(fake)).on("/token", refused, status=400, method="POST")
    result = run("login", "--sso", exit=4)
    assert "PKCE verification[2J failed <b>" in result.stderr
    assert "PKCE verification[2J failed &lt;b&gt;" in person.pages[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_exchange_that_redirects_is_not_followed(
    run: Run, fake: FakeProxy, evil: FakeProxy, person: Person, home: Path, status: int
) -> None:
    for target in (evil, fake):
        registers(offers(fake)).on("/token", method="POST", **redirect(target, status))
        assert run("login", "--sso", "--json", exit=3).error["code"] == "bad_response"
    assert set(fake.asked) == {*WELL_KNOWN, "/register", "/token"}
    assert len(fake.requests_for("/token")) == 2
    assert_no_login(home, TOKEN, REFRESH, CODE)


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": ABSENT},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": ["x"]},
        {"access_token": f"{TOKEN}\nx-evil: 1"},
        {"access_token": f"{TOKEN}\x00"},
        {"access_token": f"{TOKEN}é"},
        {"access_token": f"{TOKEN}€"},
        {"refresh_token": ABSENT},
        {"refresh_token": None},
        {"refresh_token": ""},
        {"refresh_token": 7},
        {"refresh_token": f"{REFRESH}\ud800"},
        {"expires_in": ABSENT},
        {"expires_in": None},
        {"expires_in": "86400"},
        {"expires_in": "soon"},
        {"expires_in": -1},
        {"expires_in": 0},
        {"expires_in": True},
        {"expires_in": 1e308},
        {"expires_in": 10**400},
        {"expires_in": float("nan")},
        {"expires_in": float("inf")},
        {"expires_in": [86400]},
    ],
    ids=lambda changes: "-".join(f"{name}-{value!r:.24}" for name, value in changes.items()),
)
def test_an_answer_to_the_exchange_that_cannot_be_used_is_exit_3(
    run: Run, fake: FakeProxy, person: Person, home: Path, changes: dict[str, Any]
) -> None:
    grants(registers(offers(fake)), **changes)
    result = run("login", "--sso", "--json", exit=3)
    assert result.error["code"] == "bad_response"
    assert TOKEN not in result.stderr
    assert len(fake.requests) == 4
    assert "Not signed in" in person.pages[0]
    assert_no_login(home, TOKEN, REFRESH, CODE)


@pytest.mark.parametrize(
    "changes", [{"user_id": 7, "team_id": []}, {"user_id": ABSENT, "team_id": None}, {"token_type": 1}]
)
def test_what_is_not_needed_may_be_anything(run: Run, fake: FakeProxy, person: Person, changes: dict[str, Any]) -> None:
    tells(grants(registers(offers(fake)), **changes))
    run("login", "--sso")


# Coming back

WRONG = [
    f"?code={CODE}&state=OTHER",
    f"?code={CODE}",
    f"?code={CODE}&state=",
    "?state=STATE",
    "?code=&state=STATE",
    "?error=access_denied&state=OTHER",
    "?error=access_denied",
    f"?code={CODE}&state=STATE&state=STATE",
    "?%zz=%FF&&&=&state",
    "GET /callback HTTP/1.1\r\n\r\n",
    f"GET /elsewhere?code={CODE}&state=STATE HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    f"POST /callback?code={CODE}&state=STATE HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
    f"GET /callback?code={CODE}&state=STATE HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
]


def test_whatever_comes_before_the_right_one_changes_nothing(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    person.comes_back(*WRONG, RIGHT)
    signs_in(fake)
    run("login", "--sso")
    *wrong, right = person.pages
    assert "Signed in" in right
    for query, page in zip(WRONG, wrong, strict=True):
        assert not page.startswith("HTTP/1.0 200 "), query
        assert "You are signed in" not in page, query
    assert stored(home)["secret"]["token"] == TOKEN


def test_a_refusal_in_the_browser_is_exit_4(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    person.comes_back("?error=access_denied&error_description=The+user+said%1B[31m+no&state=STATE")
    registers(offers(fake))
    result = run("login", "--sso", "--json", exit=4)
    assert result.error["code"] == "auth_failed"
    assert "access_denied: The user said[31m no" in result.error["message"]
    assert "Not signed in" in person.pages[0]
    assert "The user said[31m no" in person.pages[0]
    assert fake.requests_for("/token") == []
    assert_no_login(home, TOKEN, REFRESH, CODE)


# After the grant


def assert_revoked(proxy: FakeProxy) -> None:
    (request,) = proxy.requests_for("/revoke")
    assert request.method == "POST"
    assert (request.form["token"], request.form["client_id"]) == (REFRESH, CLIENT)
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("answer", "exit"),
    [
        (error(401, "Invalid proxy server token passed", "token_not_found_in_db"), 4),
        (error(500, "boom", "internal"), 3),
        ({"body": b"<html>sign in</html>"}, 3),
        ({"body": {"data": None}}, 3),
    ],
)
def test_a_token_that_does_not_work_is_not_stored_and_its_sign_in_is_ended(
    run: Run, fake: FakeProxy, person: Person, home: Path, answer: dict[str, Any], exit: int
) -> None:
    revokes(grants(registers(offers(fake)))).on("/v1/models", **answer)
    result = run("login", "--sso", "--json", exit=exit)
    assert_revoked(fake)
    assert "Not signed in" in person.pages[0]
    assert_no_login(home, TOKEN, REFRESH, CODE)
    assert TOKEN not in result.stderr


def test_a_sign_in_that_cannot_be_ended_either_is_said(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    grants(registers(offers(fake))).on("/v1/models", **error(401, "no"))
    revokes(fake, status=500)
    result = run("login", "--sso", exit=4)
    assert "cannot revoke the sign-in" in result.stderr
    assert_no_login(home, TOKEN, REFRESH, CODE)


def test_a_login_that_fails_leaves_what_was_stored_before(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    signs_in(fake)
    run("login", "--sso")
    before = files(home)
    revokes(grants(registers(offers(fake)), access_token="other", refresh_token="other")).on(
        "/v1/models", **error(401, "no")
    )
    run("login", "--sso", exit=4)
    assert files(home) == before
    assert fake.requests_for("/revoke")[0].form["token"] == "other"


def test_a_secret_that_cannot_be_stored_ends_the_sign_in(
    run: Run, fake: FakeProxy, person: Person, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (home / "config").mkdir(mode=0o700)
    (home / "config" / "secrets.json").symlink_to(tmp_path / "file" / "secrets.json")
    tells(revokes(grants(registers(offers(fake)))), models=False)
    result = run("login", "--sso", "--json", exit=1)
    assert result.error["code"] == "file"
    assert "secrets.json" in result.error["message"]
    assert_revoked(fake)
    assert "Not signed in" in person.pages[0]
    assert json.loads((home / "config" / "logins.json").read_text())["logins"] == {}


def test_the_team_that_was_asked_for(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    signs_in(fake)
    result = run("login", "--team", "lab-red")
    assert "lab-red" in result.stderr.partition("http")[0]  # said before the browser opens
    assert stored(home)["team_id"] == "lab-red"


def test_the_team_may_be_named_as_people_know_it(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    grants(registers(offers(fake))).models(row("gpt"))
    fake.on("/v1/models", {"data": []}).on("/key/info", {}, times=None)
    alias = {"team_id": "lab-red", "team_alias": "Red team"}
    fake.on("/user/info", {"user_id": "duo", "teams": [{"team_id": "x"}, alias]}, times=None)
    run("login", "--team", "Red team")
    assert stored(home)["team_id"] == "lab-red"


@pytest.mark.parametrize("team", ["lab-red", None])
def test_another_team_than_the_one_that_was_asked_for(
    run: Run, fake: FakeProxy, person: Person, home: Path, team: str | None
) -> None:
    revokes(grants(registers(offers(fake)), team_id=team))
    for path in ("/v1/models", "/key/info"):
        fake.on(path, {"data": [{"id": "gpt"}]}, times=None)
    fake.on("/user/info", {"user_id": "duo", "teams": [{"team_id": "lab-blue", "team_alias": "lab-blue"}]}, times=None)
    result = run("login", "--team", "lab-blue", "--json", exit=2)
    assert "lab-blue" in result.error["message"]
    assert_revoked(fake)
    assert "Not signed in" in person.pages[0]
    assert_no_login(home, TOKEN, REFRESH, CODE)


def test_a_virtual_key_in_place_of_the_token(run: Run, fake: FakeProxy, person: Person, home: Path) -> None:
    revokes(grants(registers(offers(fake)))).on("/v1/models", {"data": [{"id": "gpt"}]})
    expires = "2031-01-02T03:04:05Z"
    fake.on("/key/generate", {"key": "sk-virtual-0123456789", "expires": expires}, method="POST")
    tells(fake)
    result = run("login", "--sso", "--virtual-key", "-v")
    (made,) = fake.requests_for("/key/generate")
    assert made.headers["Authorization"] == f"Bearer {TOKEN}"
    assert made.json["team_id"] == "lab-red"
    assert made.json["key_alias"].startswith("litellmctl-")
    # The key is tried before the sign-in is given up.
    assert [one.headers["Authorization"] for one in fake.requests_for("/v1/models")] == [
        f"Bearer {TOKEN}",
        "Bearer sk-virtual-0123456789",
    ]
    assert fake.asked.index("/revoke") > fake.asked.index("/key/generate")
    assert_revoked(fake)
    login = stored(home)
    assert (login["kind"], login["secret"]["token"], login.get("client_id")) == (
        "virtual_key",
        "sk-virtual-0123456789",
        None,
    )
    assert login["secret"]["refresh_token"] is None
    assert run("token", "--json").json["expires_at"] == expires
    assert "sk-virtual" not in result.stderr
    assert not any(secret in text for secret in (TOKEN, REFRESH) for text in files(home).values())


def test_where_no_virtual_key_is_to_be_had_the_token_is_kept(
    run: Run, fake: FakeProxy, person: Person, home: Path
) -> None:
    signs_in(fake).on("/key/generate", method="POST", times=None, **error(401, "viewers may not make keys"))
    result = run("login", "--sso", "--virtual-key")
    assert "viewers may not make keys" in result.stderr
    assert fake.requests_for("/revoke") == []
    assert (stored(home)["kind"], stored(home)["secret"]["refresh_token"]) == ("pkce", REFRESH)
