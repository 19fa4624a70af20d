"""Every command as it is run against the faults: with which arguments, in which home, and what it may do there.

A command that is not in a table joins by itself, with arguments that fit its parameters.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from litellmctl.auth.login_file import Login, LoginFile, Logins
from litellmctl.auth.vault import FileVault, Secret
from litellmctl.commands.base import FormattedCommand
from litellmctl.programs.registry import NAMES as EXPORTERS
from tests.contract.test_frame import LEAVES
from tests.hostile.known import CODE, HEADER, KEY, NEW, OLD, OLD_REFRESH, OTHER, PASSWORD, VIRTUAL
from tests.logins import pkce_login

_DAY, _DUE_SECONDS = 86400.0, 250.0

LIVELINESS, MODEL_INFO, MODELS = "GET /health/liveliness", "GET /model/info", "GET /v1/models"
TOOLS, CALL = "GET /mcp-rest/tools/list", "POST /mcp-rest/tools/call"
START, POLL = "POST /sso/cli/start", "GET /sso/cli/poll/ID"
CLI_AUTH, REGISTER, TOKEN = "GET /.well-known/litellm-cli-auth", "POST /register", "POST /token"
# What opens a link, and is not waited for.
BROWSER = [sys.executable, "-SE", str(Path(__file__).with_name("browser.py")), "%s", CODE]
HUB, API = "/claude-code/plugins", "/v1/skills"
# What says which credentials MCP servers want of a user.
OWN = ("GET /v1/mcp/server", "GET /v1/mcp/user-credentials", "GET /v1/mcp/user-env-vars/status")
_OWN_OAUTH = "/v1/mcp/server/oauth/ID"
# One of these may be asked where another refuses.
DISCOVERY = frozenset({MODEL_INFO, MODELS, "GET /health"})


# What an agent says to `mcp serve`.
_SESSION = """\
{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}}
{"jsonrpc": "2.0", "method": "notifications/initialized"}
{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "mcp_lab_http_add", "arguments": {"a": 1}}}
{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}}}
"""


@dataclass(frozen=True)
class Case:
    """A command with arguments (`{url}` and `{home}` are filled in), the home that it is run in, and its stdin.

    `needs` are the endpoints without which it fails, and `also` the exit codes that it may have besides the fault's.
    `serves` says that it may do with what it has, whatever fails; `owns`, that the stored logins are its to change;
    `writes`, that it changes other programs' files where it succeeds; `waits`, for how many seconds it asks again;
    `reports`, that stdout may hold data though it fails; `is_data`, that what the proxy sends is what it prints;
    `prints`, the secrets that it is there to print; `does_with`, by their names, the faults that are none to it;
    `program`, the words of a program that it starts, which come last.
    """

    path: tuple[str, ...]
    words: tuple[str, ...] = ()
    home: str = "plain"
    stdin: str = ""
    closed: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    also: tuple[int, ...] = ()
    serves: bool = False
    owns: bool = False
    writes: bool = False
    waits: float = 0
    reports: bool = False
    is_data: bool = False
    prints: tuple[str, ...] = ()
    does_with: tuple[str, ...] = ()
    program: tuple[str, ...] = ()

    @property
    def fits_a_terminal(self) -> bool:
        """Whether it asks nothing of a person, who would have to answer."""
        return not self.stdin and self.path != ("login",)

    @property
    def name(self) -> str:
        marks = [self.home] if self.home != "plain" else []
        marks += [f"without {endpoint}" for endpoint in self.closed]
        return " ".join([*self.path, *self.words, *self.program, *(f"({mark})" for mark in marks)])


def _cases() -> Iterator[Case]:
    yield Case(("login",), ("--with-token", "--base-url", "{url}"), "empty", KEY, needs=(MODELS,), owns=True)
    yield Case(("login",), ("--with-token", "--base-url", "{url}"), "fresh", KEY, needs=(MODELS,), owns=True)
    # The sign-in is good for a second (shapes.json), so that nobody waits for it longer.
    device = ("--sso", "--flow", "device", "--no-browser", "--no-virtual-key", "--base-url", "{url}")
    for home in ("empty", "ended"):
        yield Case(("login",), device, home, needs=(START, POLL), also=(4, 5), owns=True, waits=25)
    pkce = ("--sso", "--flow", "pkce", "--no-virtual-key", "--base-url", "{url}")
    yield Case(("login",), pkce, "empty", needs=(CLI_AUTH, REGISTER, TOKEN), also=(4, 5), owns=True, waits=25)
    yield Case(("logout",), home="ended", serves=True, owns=True)
    yield Case(
        ("logout",), ("--revoke-key",), "virtual", needs=("POST /key/delete",), owns=True, does_with=("status 404",)
    )
    yield Case(("whoami",), needs=(MODELS,), reports=True)
    yield Case(("whoami",), home="ended", needs=(TOKEN, MODELS), reports=True, owns=True)
    yield Case(("token",), home="ended", needs=(TOKEN,), owns=True, prints=(NEW,))
    yield Case(("token",), home="due", serves=True, owns=True, prints=(OLD, NEW))
    yield Case(("env",), home="ended", needs=(TOKEN,), owns=True, prints=(NEW,))
    yield Case(("models",), needs=(MODEL_INFO,))
    yield Case(("models",), ("--all",), home="old", serves=True)
    yield Case(("models",), closed=(MODEL_INFO,), needs=(MODELS,))
    yield Case(("models",), closed=(MODEL_INFO, MODELS), needs=("GET /health",))
    yield Case(("models",), ("--filter", "*a*a*a*a*a*a*a*a*a*b", "--filter", "*"), needs=(MODEL_INFO,))
    yield Case(("models", "show"), ("gpt-4o",), needs=(MODEL_INFO,), also=(5,))
    yield Case(("refresh",), needs=(MODEL_INFO,))
    yield Case(("refresh",), home="old", needs=(MODEL_INFO,))
    yield Case(("refresh",), ("--background",), home="old", serves=True)
    yield Case(("mcp", "servers"), ("--strict",), needs=(TOOLS,), reports=True)
    yield Case(("mcp", "list"), needs=(TOOLS,))
    yield Case(("mcp", "list"), ("--as", "openai", "--filter", "*a*a*a*a*a*a*a*a*b", "--filter", "*"), needs=(TOOLS,))
    yield Case(("mcp", "show"), ("lab_http/add",), needs=(TOOLS,), also=(5,))
    yield Case(("mcp", "skill"), needs=(TOOLS,), also=(5,))
    yield Case(("export",), ("codex", "--mcp", "--per-server"), needs=(TOOLS,), also=(5,))
    # The result of a tool that reports an error is printed whole.
    yield Case(("mcp", "call"), ("lab_http/add", "a=1"), "tools", needs=(CALL,), also=(2, 5), reports=True)
    # Long enough for patterns that take twice the time for each character.
    yield Case(("mcp", "call"), ("add", f"a={'1' * 40}"), needs=(TOOLS, CALL), also=(2, 5), reports=True)
    yield Case(
        ("mcp", "call"),
        ("lab_http/add", "a=1", "--output-dir", "{home}/files"),
        "tools",
        needs=(CALL,),
        also=(2, 5),
        reports=True,
    )
    yield Case(("mcp", "call"), ("add", "--jsonl", "-"), "tools", '{"a": 1}\n{"a": 2}\n', reports=True, needs=(CALL,))
    # What is wrong is a tool that says so: it ends when its input does, and never fails.
    yield Case(("mcp", "serve"), stdin=_SESSION, serves=True)
    yield Case(("mcp", "serve"), ("--bare-names", "--server", "lab_http"), "tools", _SESSION, serves=True)
    own = "/v1/mcp/server/ID"
    yield Case(("mcp", "credentials", "list"), needs=OWN)
    key = (*OWN, f"POST {own}/user-credential")
    yield Case(("mcp", "credentials", "set"), ("jira",), stdin=KEY, needs=key, also=(5,))
    variables = (*OWN, f"POST {own}/user-env-vars")
    yield Case(
        *(("mcp", "credentials", "set"), ("my_env", "--env", "REGION")), stdin="eu", needs=variables, also=(2, 5)
    )
    remove = (*OWN, f"DELETE {own}/user-credential")
    yield Case(("mcp", "credentials", "remove"), ("--yes", "jira"), needs=remove, also=(5,))
    yield Case(("mcp", "logout"), ("linear",), needs=(*OWN, f"DELETE {own}/oauth-user-credential"), also=(5,))
    oauth = (f"GET {own}/oauth-user-credential/status", f"POST {_OWN_OAUTH}/register", f"POST {_OWN_OAUTH}/token")
    yield Case(("mcp", "login"), ("linear",), needs=(*OWN, *oauth), also=(4, 5), waits=25)
    yield Case(("skills", "list"), needs=())
    yield Case(("skills", "list"), ("--search", "hello"))
    yield Case(("skills", "show"), ("greet",), needs=(f"GET {HUB}/NAME",), also=(2, 5))
    yield Case(("skills", "show"), ("litellm_skill_mine",), needs=(f"GET {API}/ID",), also=(2, 5))
    yield Case(
        ("skills", "create"), ("{home}/my-skill",), needs=(f"GET {API}", f"POST {API}", f"GET {API}/ID"), also=(5,)
    )
    yield Case(("skills", "create"), ("{home}/mine", "--replace"), needs=(f"POST {API}", f"GET {API}/ID"), also=(2, 5))
    yield Case(
        ("skills", "create"),
        ("fresh", "--source", "github:org/fresh", "--description", "Says hi"),
        needs=(f"GET {HUB}", f"POST {HUB}", f"GET {HUB}/NAME"),
        also=(5,),
    )
    both = ("greet", "litellm_skill_mine")
    yield Case(("skills", "delete"), ("--yes", *both), needs=(f"DELETE {HUB}/NAME", f"DELETE {API}/ID"), also=(2, 5))
    yield Case(("skills", "enable"), ("review",), needs=(f"POST {HUB}/NAME/enable",), also=(2, 5))
    yield Case(("skills", "disable"), ("greet",), needs=(f"POST {HUB}/NAME/disable",), also=(2, 5))
    yield Case(("prompt-section",))
    yield Case(("prompt-section",), ("--as", "markdown"), "old", serves=True)
    for tool in EXPORTERS:
        yield Case(("export",), (tool,), needs=(MODEL_INFO,), also=(2,))
    # One for each kind of file: JSON, TOML, YAML and a block in a shell's file.
    for tool in ("opencode", "codex", "goose", "crush"):
        yield Case(("export",), (tool, "--write"), "written", needs=(MODEL_INFO,), also=(2,), writes=True)
    # Not started: it would take the place of the tests.
    yield Case(("run",), ("--dry-run", "--model", "gpt-4o"), needs=(MODEL_INFO,), also=(5,), program=("env",))
    yield Case(("run",), ("--dry-run",), "ended", needs=(TOKEN,), owns=True, program=("env",))
    yield Case(("api",), ("/key/info",), needs=("GET /key/info",), reports=True, is_data=True)
    yield Case(("api",), ("-i", "/key/list", "--paginate"), needs=("GET /key/list",), reports=True, is_data=True)
    chat = ("/v1/chat/completions", "-f", "model=gpt-4o", "-F", "messages=[]")
    yield Case(("api",), chat, needs=("POST /v1/chat/completions",), reports=True, is_data=True)
    yield Case(("doctor",), needs=(LIVELINESS, MODELS), reports=True)
    yield Case(("doctor",), ("--report",), needs=(LIVELINESS, MODELS), reports=True)


CASES = list(_cases())

# Why these do not meet the faults. Those that ask nothing are run nevertheless: a test sees that it is so.
_ASKS_NOTHING = "asks the proxy nothing"
EXCLUDED: dict[tuple[str, ...], str] = {
    ("serve",): "goes on until it is stopped; tests/contract/test_serve.py, and test_relay.py for the faults",
    ("sandbox", "run"): "starts a LiteLLM of its own, and talks to no other; tests/contract/test_sandbox.py",
    ("sandbox", "up"): "as sandbox run",
    ("sandbox", "status"): "as sandbox run",
    ("sandbox", "logs"): "as sandbox run",
    ("sandbox", "down"): "as sandbox run",
    ("config", "get"): _ASKS_NOTHING,
    ("config", "set"): _ASKS_NOTHING,
    ("config", "unset"): _ASKS_NOTHING,
    ("config", "list"): _ASKS_NOTHING,
    ("config", "path"): _ASKS_NOTHING,
    ("completion",): _ASKS_NOTHING,
    ("help",): _ASKS_NOTHING,
    ("version",): _ASKS_NOTHING,
}
# For commands that ask nothing.
_WORDS = {
    ("config", "get"): ("mcp",),
    ("config", "set"): ("mcp", "true"),
    ("config", "unset"): ("mcp",),
}


def joined() -> dict[tuple[str, ...], list[Case]]:
    """Return the cases of every command, also of those that nobody wrote any for; an alias is its command."""
    cases: dict[tuple[str, ...], list[Case]] = {}
    known: set[int] = set()
    for path, command in LEAVES.items():
        if id(command) not in known:
            known.add(id(command))
            cases[path] = [case for case in CASES if case.path == path] or [Case(path, _words(path, command))]
    return cases


def _words(path: tuple[str, ...], command: FormattedCommand) -> tuple[str, ...]:
    """Return arguments that fit a command's required parameters."""
    if path in _WORDS:
        return _WORDS[path]
    words: list[str] = []
    for parameter in command.params:
        if parameter.required:
            kind = parameter.type
            value = kind.choices[0] if isinstance(kind, click.Choice) else "1" if "Int" in type(kind).__name__ else "x"
            words += [str(value)] if isinstance(parameter, click.Argument) else [parameter.opts[0], str(value)]
    return tuple(words)


def asking() -> dict[tuple[str, ...], list[Case]]:
    """Return the cases of the commands that meet the faults."""
    return {path: cases for path, cases in joined().items() if path not in EXCLUDED}


# --- homes ---

_CONFIG = """\
# The user's own words.
default_profile = "default"

[profiles.work]
base_url = "https://llm.example.invalid"  # another proxy
"""
_SKILL = "---\nname: {name}\ndescription: Says hi\n---\nSay hi.\n"
_FROM_ENVIRONMENT = ("plain", "tools", "old", "written")


def _plain(home: Path, url: str) -> None:
    """Somebody with a config file, who is signed in elsewhere too."""
    folder = home / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(_CONFIG)
    now = time.time()
    other = Login("https://llm.example.invalid", "0000000000000000", "api_key", "file", now)
    FileVault(folder).put(other.id, Secret(other.base_url, OTHER, now))
    LoginFile(folder).write(Logins({"work": other}, {}, []))
    (home / ".netrc").write_text(
        f"machine 127.0.0.1 login ada password {PASSWORD}\ndefault login a password {PASSWORD}\n"
    )
    (home / ".netrc").chmod(0o600)
    for name in ("my-skill", "mine"):
        (home / name).mkdir()
        (home / name / "SKILL.md").write_text(_SKILL.format(name=name))


def _empty(home: Path, _url: str) -> None:
    home.mkdir(parents=True)


def _signed_in(left: float) -> Callable[[Path, str], None]:
    """Somebody who signed in by PKCE, with so many seconds left of the token."""

    def make(home: Path, url: str) -> None:
        _plain(home, url)
        end = time.time() + left
        login = pkce_login(url, issued_at=end - _DAY, expires_at=end)
        _keep(home, login, Secret(url, OLD, end - _DAY, end, OLD_REFRESH))

    return make


def _virtual(home: Path, url: str) -> None:
    """Somebody for whom login made a virtual key."""
    _plain(home, url)
    now = time.time()
    _keep(home, Login(url, "0123456789abcdef", "virtual_key", "file", now), Secret(url, VIRTUAL, now))


def _keep(home: Path, login: Login, secret: Secret) -> None:
    file = LoginFile(home / "config")
    known = file.read()
    FileVault(file.folder).put(login.id, secret)
    file.write(known._replace(by_profile={**known.by_profile, "default": login}))


_HOMES: dict[str, Callable[[Path, str], None]] = {
    "empty": _empty,
    "plain": _plain,
    "fresh": _signed_in(_DAY / 2),
    "due": _signed_in(_DUE_SECONDS),
    "ended": _signed_in(-1),
    "virtual": _virtual,
}


def contents(home: Path) -> dict[str, bytes]:
    """Return what lies in a home."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


class Homes:
    """Homes, each made once for a proxy, and again and again as they were."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._made: dict[str, dict[str, bytes]] = {}
        self._due_until = 0.0

    def make(self, run: Callable[[Path, str, tuple[str, ...]], None]) -> None:
        """Make all homes, with what the program caches: `run` runs it against a proxy that is well."""
        for name in _HOMES:
            self._make(name)
        for name in ("tools", "old", "written"):
            shutil.copytree(self._folder / "plain", self._folder / name)
        run(self._folder / "tools", "tools", ("mcp", "list"))
        for words in (("models",), ("mcp", "list"), ("skills", "list")):
            run(self._folder / "old", "old", words)
        for tool in ("opencode", "codex", "goose", "crush"):
            run(self._folder / "written", "written", ("export", tool, "--write"))
        shutil.rmtree(self._folder / "written/cache")
        for path in (self._folder / "old/cache").glob("*.jsonl"):
            _age(path)

    def _make(self, name: str) -> None:
        _HOMES[name](self._folder / name, self._url)
        self._made.pop(name, None)
        if name == "due":
            self._due_until = time.monotonic() + _DUE_SECONDS / 2

    def anew(self, name: str) -> Path:
        """Return this home as it was made, whatever the last run did to it."""
        home = self._folder / name
        if name == "due" and time.monotonic() > self._due_until:
            shutil.rmtree(home)  # its token ends soon
            self._make(name)
        if name not in self._made:
            self._made[name] = contents(home)
        wanted, found = self._made[name], contents(home)
        for file in found.keys() - wanted.keys():
            (home / file).unlink()
        for file, data in wanted.items():
            if found.get(file) != data:
                (home / file).write_bytes(data)
        return home

    def variables(self, home: Path, name: str) -> dict[str, str]:
        """Return the variables of who lives there."""
        headers = json.dumps({"x-secret": HEADER})
        own = {
            "HOME": str(home),
            "LITELLMCTL_CONFIG_DIR": str(home / "config"),
            "LITELLMCTL_CACHE_DIR": str(home / "cache"),
            "LITELLMCTL_KEYRING": "off",
            "CI": "1",  # no refreshes behind our back
            "BROWSER": f"{shlex.join(BROWSER)} &",
        }
        return (
            {**own, "LITELLM_BASE_URL": self._url, "LITELLM_API_KEY": KEY, "LITELLM_HEADERS": headers}
            if name in _FROM_ENVIRONMENT
            else own
        )


def _age(path: Path) -> None:
    """Make a cache three days old."""
    head, _, rest = path.read_bytes().partition(b"\n")
    header = json.loads(head)
    then = time.time() - 3 * _DAY
    if "fetched_at" in header:
        header["fetched_at"] = then
    if "parts" in header:
        header["parts"] = {store: [then, then, problem] for store, (_, _, problem) in header["parts"].items()}
    path.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    os.utime(path, (then, then))
