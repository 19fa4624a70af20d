"""What signing in at the lab takes: a program that waits, the person at the browser, and an eye on the wire."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from tests.conftest import Result
from tests.effort import until
from tests.live.conftest import LAB, Lab
from tests.server import Handler, Server

PROGRAM = [sys.executable, "-m", "litellmctl"]

_PLAYER = """
import json, os, signal, sys
signal.alarm(60)
sys.path.insert(0, {lab!r})
os.environ["LAB_IDP_URL"] = {idp!r}
import browser
pages = browser.visit(sys.argv[1], **json.loads(sys.argv[2]))
print(json.dumps([[page.status_code, page.url, page.text] for page in pages]))
"""
_BROWSER = """#!{python}
import re, subprocess, sys
from html import unescape
from urllib.parse import unquote, urlsplit
# It is given a file that leads to the link.
page = open(unquote(urlsplit(sys.argv[1]).path)).read()
link = unescape(re.search('<a href="([^"]*)"', page)[1])
# As a desktop does it: the window stays, the command that opened it is over at once.
subprocess.Popen(
    [sys.executable, {player!r}, link, {options!r}], stdin=subprocess.DEVNULL,
    stdout=open({pages!r}, "wb"), stderr=subprocess.STDOUT, start_new_session=True,
)
"""


class Page(NamedTuple):
    """A page that the person saw."""

    status: int
    url: str
    text: str


class Person:
    """The person at the browser, played by ../shared/lab/browser.py."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._player = folder / "player.py"
        self._player.write_text(_PLAYER.format(lab=str(LAB), idp=lab.idp_url))
        self._pages = folder / "pages"

    def visit(self, link: str, user: str, **options: Any) -> list[Page]:
        """Open a link, sign in as `user`, and do what the page asks for. The last page is the last one seen."""
        command = [sys.executable, str(self._player), link, json.dumps({"user": user, **options})]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return _pages(done.stdout)

    def browser(self, user: str, **options: Any) -> str:
        """Return a program for BROWSER, which opens the link that it is given as `visit` does."""
        self._pages.unlink(missing_ok=True)
        program = self._folder / f"browser-of-{user}"
        options = {"user": user, **options}
        program.write_text(
            _BROWSER.format(
                python=sys.executable, player=str(self._player), options=json.dumps(options), pages=str(self._pages)
            )
        )
        program.chmod(0o700)
        return str(program)

    def seen(self) -> list[Page]:
        """Return what that browser saw, once it is through."""
        until(lambda: self._pages.exists() and self._pages.read_text().endswith("\n"), "the last page", 30)
        return _pages(self._pages.read_text())

    def leaves(self) -> None:
        """Let nobody who is refused be the one who signs in next."""
        with requests.Session() as session:
            session.trust_env = False
            session.put(f"{self._lab.idp_url}/lab/user/solo", timeout=10).raise_for_status()


def _pages(text: str) -> list[Page]:
    assert text.startswith("["), text
    return [Page(*page) for page in json.loads(text)]


class Waiting:
    """A command that waits for its person, as a process of its own; what it says lies in files."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str], folder: Path) -> None:
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*PROGRAM, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )

    @property
    def said(self) -> str:
        return self._stderr.read_text()

    def line(self, pattern: str) -> re.Match[str]:
        """Wait until a line on stderr is this, and return it."""

        def find() -> Any:
            found = re.search(rf"^{pattern}$", self.said, re.MULTILINE)
            assert found or self.process.poll() is None, f"it ended without that line:\n{self.said}"
            return found

        return until(find, f"a line {pattern}", 30)

    def link(self) -> str:
        return self.line(r"https?://\S+").group()

    def code(self) -> str:
        return self.line(r"Enter the code (\S+) there .*").group(1)

    def interrupt(self) -> Result:
        self.process.send_signal(signal.SIGINT)
        return self.finish(exit=130)

    def finish(self, exit: int = 0) -> Result:
        code = self.process.wait(30)
        result = Result.of(code, self._stdout.read_text(), self.said)
        assert code == exit, f"exit {code}, not {exit}\n{result}\n{result.stderr}"
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


class Seen(NamedTuple):
    """A request, and how the lab answered it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer: str

    @property
    def what(self) -> str:
        return f"{self.method} {self.path.split('?')[0]}"


class Between:
    """A proxy between the program and the lab, to which it is the lab: what passes is seen, and may be changed.

    `before` changes a path on its way there, `after` a status on its way back; `keys` are Authorization headers for
    which the lab gets another.
    """

    def __init__(self, lab: Lab) -> None:
        self.seen: list[Seen] = []
        self.before: Callable[[str], str] = lambda path: path
        self.after: Callable[[Seen], int] = lambda seen: seen.status
        self.keys: dict[str, str] = {}
        between = self

        class Answering(Handler):
            def _serve(self) -> None:
                body = self.body().decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                passed = ("authorization", "content-type", "x-litellm-cli-poll-secret")
                sent = {name: headers[name] for name in passed if name in headers}
                if "authorization" in sent:
                    sent["authorization"] = between.keys.get(sent["authorization"], sent["authorization"])
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(
                        self.command,
                        lab.url + between.before(self.path),
                        headers=sent,
                        data=between.real(body).encode(),
                        timeout=30,
                        allow_redirects=False,
                    )
                seen = Seen(self.command, self.path, headers, body, answer.status_code, answer.text)
                status = between.after(seen)
                between.seen.append(seen._replace(status=status))
                told = _renamed(answer.text, lab.url, between.url).encode()
                self.send(status, told, {"Content-Type": answer.headers.get("content-type", "text/plain")})

            do_GET = do_POST = _serve

        self._lab = lab
        self._server = Server(Answering)
        self.url = self._server.url
        self._server.begin()

    def real(self, text: str) -> str:
        """Return a link, or a body, as it is at the lab itself."""
        return _renamed(text, self.url, self._lab.url)

    def count(self, what: str) -> int:
        return [seen.what for seen in self.seen].count(what)

    def close(self) -> None:
        self._server.close()
        assert not self._server.errors


def _renamed(text: str, old: str, new: str) -> str:
    old, new = (urlsplit(url).netloc for url in (old, new))
    return text.replace(old, new).replace(old.replace(":", "%3A"), new.replace(":", "%3A"))


class Vault:
    """What the program has stored in this home."""

    def __init__(self, env: dict[str, str]) -> None:
        self.folder = Path(env["LITELLMCTL_CONFIG_DIR"])

    def files(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in sorted(self.folder.glob("*")) if not path.name.endswith(".lock")
        }

    def login(self) -> dict[str, Any]:
        """Return the only login."""
        (login,) = json.loads((self.folder / "logins.json").read_text())["logins"].values()
        return dict(login)

    def secret(self) -> dict[str, Any]:
        """Return the only secret."""
        (secret,) = json.loads((self.folder / "secrets.json").read_text())["secrets"].values()
        return dict(secret)

    def change(self, **fields: Any) -> None:
        """Change fields of the only login and its secret, in the files where they stand."""
        for name, table in (("logins.json", "logins"), ("secrets.json", "secrets")):
            path = self.folder / name
            content = json.loads(path.read_text())
            (one,) = content[table].values()
            one.update({field: value for field, value in fields.items() if field in one})
            path.write_text(json.dumps(content))
