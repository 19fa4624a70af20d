"""A proxy whose refresh tokens work once, a home that somebody lives in, and what must be true of it after anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
import tomllib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import ruamel.yaml

from litellmctl.auth.login_file import Login, LoginFile, Logins
from litellmctl.auth.vault import FileVault, Found, Secret
from litellmctl.programs.registry import NAMES
from tests.answers import http
from tests.crash.intruders import STRANGER, furnish
from tests.fake_proxy import row
from tests.hostile.proxy import Attempt, Elsewhere, Exchange, HostileProxy
from tests.logins import pkce_login

DAY = 86400.0
KEY = "sk-crash-key-0123456789abcdef"
OTHER = "sk-crash-other-0123456789"
# How each secret of a home begins.
SECRETS = (b"sk-crash-", b"litellm_login_", b"llm_srefresh_")
ELSEWHERE = "https://llm.example.invalid"
COMMENT = "# The user's own words."
# Two writes into another program's files that differ.
FIRST, SECOND = ("--id", "first", "--models", "gpt-4o"), ("--id", "second")
# An agent that takes no models: all agents with MCP are written alike.
MCP_TOOL = "cursor"
TOOLS = (*NAMES, MCP_TOOL)
IMAGE = bytes(range(256)) * 40
# Of tokens: homes share a server, which knows these by their names.
_SERIALS = count(1)


def written(tool: str, words: Sequence[str]) -> list[str]:
    """Return the options of a write for a program: with `--mcp`, an entry has a name, and no models."""
    return ["--mcp", *words[:2], "--write"] if tool == MCP_TOOL else [*words, "--write"]


class Server:
    """A loopback proxy that is well. It takes each refresh token once, as LiteLLM does, and gives a new pair for it."""

    def __init__(self) -> None:
        self._elsewhere = Elsewhere()
        self._proxy = HostileProxy(self._elsewhere)
        self.url = self._proxy.url
        self._lock = threading.Lock()
        self._good: set[str] = set()
        self._serial = 0
        self.rotated: list[str] = []
        self.refused: list[str] = []
        self.requests: list[Any] = []
        self._during = self._proxy.during(Attempt(self._answer, requests=self.requests))
        self._during.__enter__()

    def trust(self, refresh_token: str) -> None:
        with self._lock:
            self._good.add(refresh_token)

    def _answer(self, exchange: Exchange) -> None:
        exchange.keeps_open = True
        endpoint = exchange.request.endpoint
        if endpoint == "POST /token":
            self._rotate(exchange)
            return
        status, body = self._proxy.answer_to(exchange.request)
        if endpoint == "POST /mcp-rest/tools/call":
            import base64

            data = base64.b64encode(IMAGE).decode()
            body = {"content": [{"type": "image", "mimeType": "image/png", "data": data}] * 3, "isError": False}
        if endpoint == "GET /model/info":
            body["data"].append(row("claude-sonnet", max_input_tokens=200_000, max_output_tokens=64_000))
        _say(exchange, status, body)

    def _rotate(self, exchange: Exchange) -> None:
        token = parse_qs(exchange.request.body.decode())["refresh_token"][0]
        with self._lock:
            if token not in self._good:
                self.refused.append(token)
                _say(exchange, 400, {"error": "invalid_grant", "error_description": "the refresh token was used"})
                return
            self._good.remove(token)
            self.rotated.append(token)
            self._serial += 1
            new = f"llm_srefresh_{self._serial:08}"
            self._good.add(new)
        grant = {"access_token": f"litellm_login_{self._serial:08}", "refresh_token": new, "expires_in": DAY}
        _say(exchange, 200, {**grant, "token_type": "Bearer", "user_id": "duo", "team_id": "lab-red"})

    def close(self) -> None:
        self._during.__exit__(None, None, None)
        assert self._elsewhere.visits == []
        assert self._proxy.errors == []
        self._proxy.close()
        self._elsewhere.close()


def _say(exchange: Exchange, status: int, body: Any) -> None:
    exchange.send(http(body, "Content-Type: application/json", status=f"{status} Whatever"))


@dataclass
class Done:
    """How a run ended; `signal` is what killed it, or 0."""

    code: int | None
    signal: int
    stdout: str
    stderr: str
    seconds: float
    moments: list[str] = field(default_factory=list)
    replaced: tuple[str, str | None, str | None] | None = None

    @property
    def killed(self) -> bool:
        return self.signal != 0


class Nursery:
    """The process that forks for each run (nursery.py)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        self.count = 0

    def run(self, run: dict[str, Any]) -> Done:
        return self.batch([run])[0]

    def batch(self, runs: Sequence[dict[str, Any]], many: int = 1, kills: dict[int, float] | None = None) -> list[Done]:
        """Run all of them, so many at a time; `kills` says after how many seconds one is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"runs": list(runs), "many": many, "kills": kills or {}}) + "\n")
        self._process.stdin.flush()
        results = [Done(**one) for one in json.loads(self._process.stdout.readline())]
        self.count += len(results)
        for one in results:
            assert "Traceback" not in one.stderr, one.stderr
            assert "this is a bug" not in one.stderr, one.stderr
        return results

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


State = dict[str, tuple[bytes, int] | str | None]


def state(home: Path) -> State:
    """Return what lies in a home: files with content and mode, links with their target, folders as None."""
    found: State = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


class Home:
    """The home of somebody who has used the program for a while.

    Signed in to three profiles: `default` by PKCE, `work` and `other` with keys. Everything is cached, and each program
    that is exported to has a file of the user's own and one write of ours that can be undone.
    """

    def __init__(self, path: Path, server: Server, nursery: Nursery) -> None:
        self.path = path
        self.outside = path.parent / "outside"
        self.server = server
        self.nursery = nursery
        self.config = path / "config"
        self.cache = path / "cache"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(path),
            "LITELLMCTL_CONFIG_DIR": str(self.config),
            "LITELLMCTL_CACHE_DIR": str(self.cache),
            "LITELLMCTL_KEYRING": "off",
            "CI": "1",  # no refreshes behind our back
            "TZ": "UTC",
        }
        self._kept: dict[str, State] = {}
        self.documents: dict[str, list[str]] = {}
        self._stages: dict[str, list[dict[str, bytes]]] = {}

    # --- running ---

    def job(self, *words: str, stdin: str = "", **details: Any) -> dict[str, Any]:
        filled = [word.format(url=self.server.url, home=self.path) for word in words]
        env = {**self.env, **details.pop("env", {})}
        env = {name: value for name, value in env.items() if value is not None}
        paths = {"root": str(self.path), "cwd": str(self.path), "outside": str(self.outside)}
        return {"words": filled, "env": env, "stdin": stdin, **paths, **details}

    def run(self, *words: str, exit: int | set[int] | None = 0, **details: Any) -> Done:
        done = self.nursery.run(self.job(*words, **details))
        if exit is not None:
            expected = {exit} if isinstance(exit, int) else exit
            assert done.code in expected, (
                f"{words}: exit {done.code} (signal {done.signal})\n{done.stdout}{done.stderr}"
            )
        return done

    # --- making it ---

    def make(self) -> None:
        """Make it, and keep it as `lived-in`."""
        furnish(str(self.outside))
        self.config.mkdir(parents=True, mode=0o700)
        text = f'{COMMENT}\ndefault_profile = "default"\n\n[profiles.work]\nbase_url = "{self.server.url}"  # ours\n'
        text += f'\n[profiles.other]\nbase_url = "{ELSEWHERE}"  # not ours\n'
        (self.config / "config.toml").write_text(text)
        (self.config / "config.toml").chmod(0o600)
        self._own_documents()
        now = time.time()
        vault, file = FileVault(self.config), LoginFile(self.config)
        logins = {
            "work": Login(self.server.url, "1" * 16, "api_key", "file", now),
            "other": Login(ELSEWHERE, "2" * 16, "api_key", "file", now),
        }
        vault.put("1" * 16, Secret(self.server.url, KEY, now))
        vault.put("2" * 16, Secret(ELSEWHERE, OTHER, now))
        file.write(Logins(logins, {"gone": "https://gone.example.invalid"}, []))
        self.sign_in(left=DAY / 2)
        for command in (("models",), ("mcp", "list"), ("skills", "list")):
            self.run(*command)
        rows = json.loads(self.run("export", "--list", "--json").stdout)
        for tool in TOOLS:
            self.run("export", tool, *written(tool, FIRST))
        paths = {row["tool"]: [row["path"]] for row in rows}
        for tool in TOOLS:
            (receipt,) = (self.config / "exports").glob(f"{tool}.*.json")
            paths[tool] = [one["path"] for one in json.loads(receipt.read_bytes())["files"]]
        self.documents = {
            tool: [str(Path(one).relative_to(self.path)) for one in found] for tool, found in paths.items()
        }
        skill = self.path / "my-skill"
        skill.mkdir()
        (skill / "SKILL.md").write_text("---\nname: my-skill\ndescription: Says hi\n---\nSay hi.\n")
        self.keep("lived-in")

    def _own_documents(self) -> None:
        """Write what the user has in the files of other programs."""
        own = {
            ".codex/config.toml": f'{COMMENT}\nmodel = "gpt-5"\n',
            ".claude/settings.json": '{\n  "theme": "dark"\n}\n',
            ".config/opencode/opencode.json": '{\n  // The user\'s own words.\n  "theme": "dark"\n}\n',
            ".config/zed/settings.json": '{\n  // The user\'s own words.\n  "theme": "dark"\n}\n',
            ".cursor/mcp.json": '{\n  // The user\'s own words.\n  "mcpServers": {"mine": {"command": "npx"}}\n}\n',
            ".pi/agent/models.json": '{\n  "mine": 1\n}\n',
            ".aider.conf.yml": f"{COMMENT}\ndark-mode: true\n",
            ".continue/config.yaml": f"{COMMENT}\nname: mine\nversion: 1.0.0\nschema: v1\n",
            ".config/crush/crushrc": f"{COMMENT}\nexport X=1\n",
        }
        for name, text in own.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def sign_in(self, left: float) -> str:
        """Sign `default` in by PKCE, with so many seconds left of the token; return the refresh token."""
        url, now = self.server.url, time.time()
        serial = next(_SERIALS)
        refresh, token = f"llm_srefresh_first_{serial:08}", f"litellm_login_first_{serial:08}"
        self.server.trust(refresh)
        file, end = LoginFile(self.config), now + left
        login = pkce_login(url, issued_at=end - DAY, expires_at=end, id="0" * 16)
        FileVault(self.config).put(login.id, Secret(url, token, end - DAY, end, refresh))
        known = file.read()
        file.write(known._replace(by_profile={**known.by_profile, "default": login}))
        return refresh

    # --- as it was ---

    def keep(self, name: str) -> None:
        self._kept[name] = state(self.path)

    def restore(self, name: str = "lived-in") -> State:
        """Make it what it was when it was kept."""
        wanted = self._kept[name]
        shutil.rmtree(self.path)
        self.path.mkdir(mode=0o700)
        for path, one in wanted.items():
            where = self.path / path
            if one is None:
                where.mkdir(mode=0o700)
            elif isinstance(one, str):
                where.symlink_to(one)
            else:
                where.write_bytes(one[0])
                where.chmod(one[1])
        return wanted

    def put(self, wanted: State) -> None:
        """Make it this."""
        self._kept[""] = wanted
        self.restore("")

    def stages(self, tool: str) -> list[dict[str, bytes]]:
        """Return the contents of a program's files: the user's own, with our first write, and with the second."""
        if tool not in self._stages:
            there = state(self.path)
            self.restore()
            first = self._documents(tool)
            self.run("export", tool, *written(tool, SECOND))
            second = self._documents(tool)
            self.run("export", tool, "--undo")
            assert self._documents(tool) == first
            self.run("export", tool, "--undo")
            self._stages[tool] = [self._documents(tool), first, second]
            self.put(there)
        return self._stages[tool]

    def _documents(self, tool: str) -> dict[str, bytes]:
        paths = {name: self.path / name for name in self.documents[tool]}
        return {name: path.read_bytes() for name, path in paths.items() if path.exists()}

    # --- what must be true ---

    def secrets(self) -> dict[str, Any]:
        path = self.config / "secrets.json"
        found: dict[str, Any] = json.loads(path.read_bytes())["secrets"] if path.exists() else {}
        return found

    def check(self, *, others: bool = True) -> None:
        """Everything parses, is private, and what belongs to nobody who ran is as it was."""
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                _check_parses(path)
            if path.is_relative_to(self.config) or path.is_relative_to(self.cache):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
        text = (self.config / "config.toml").read_text()
        assert text.startswith(COMMENT)
        assert all(comment in text for comment in ("# ours", "# not ours"))
        if others:
            file, vault = LoginFile(self.config), FileVault(self.config)
            other = file.login("other")
            assert other is not None
            assert vault.get(other.id) == Found(Secret(ELSEWHERE, OTHER, other.issued_at))
            assert file.read().url("gone") == "https://gone.example.invalid"

    def check_secrets_are_known(self) -> None:
        """No secret lies in the vault that neither a login nor the list of what is to be removed knows of."""
        logins = LoginFile(self.config).read()
        known = {login.id for login in logins.by_profile.values()} | {login for _, login in logins.discarded}
        assert set(self.secrets()) <= known

    def check_private(self, *, but: str | None = None) -> None:
        """No file that others can read, or that is another user's, holds a secret; `but` is one that did before."""
        for folder in (self.path, self.outside):
            for path in folder.rglob("*"):
                found = path.lstat()
                if (
                    str(path) != but
                    and stat.S_ISREG(found.st_mode)
                    and (found.st_mode & 0o077 or found.st_uid == STRANGER)
                ):
                    data = path.read_bytes()
                    assert not any(secret in data for secret in SECRETS), f"{path} (mode {found.st_mode:o})"

    def strays(self) -> list[str]:
        return [str(path.relative_to(self.path)) for path in self.path.rglob("*.tmp")]


def _check_parses(path: Path) -> None:
    data = path.read_bytes()
    try:
        if path.suffix == ".jsonl":
            head, _, rest = data.partition(b"\n")
            header = json.loads(head)
            assert header["crc32"] == zlib.crc32(rest)
            assert header["total"] == rest.count(b"\n")
        elif path.suffix == ".json":
            json.loads(re.sub(rb"(?m)^\s*//.*$", b"", data))
        elif path.suffix == ".toml":
            tomllib.loads(data.decode())
        elif path.suffix in {".yaml", ".yml"}:
            ruamel.yaml.YAML(typ="safe").load(data.decode())
        elif path.name == "key":
            assert len(data) == 32
    except (ValueError, AssertionError, KeyError) as error:
        raise AssertionError(f"{path} is broken: {error!r}\n{data[:300]!r}") from None


# --- commands that write ---


@dataclass(frozen=True)
class Case:
    """A command that writes.

    `before` prepares the home; `after` looks at it when the command was run again to its end; `at_once`, when it was
    killed. Where something `before` gives is needed later, it is in the home.
    """

    name: str
    words: tuple[str, ...]
    stdin: str = ""
    before: Callable[[Home], None] | None = None
    at_once: Callable[[Home, State, Done], None] | None = None
    again: tuple[int, ...] = (0,)
    after: Callable[[Home], None] | None = None
    # The command whose next write removes what a kill left behind; None: the same one.
    sweeps: tuple[str, ...] | None = None
    is_cache: bool = False


def _due(home: Home) -> None:
    home.sign_in(left=-1)


def _still_signed_in(home: Home, before: State, killed: Done) -> None:
    """Signed in still, but where the proxy had taken the old refresh token and the new one did not come to be kept."""
    old = json.loads(before["config/secrets.json"][0])["secrets"]["0" * 16]["refresh_token"]  # type: ignore[index]
    lost = old in home.server.rotated and home.secrets()["0" * 16]["refresh_token"] == old
    done = home.run("token", exit={0, 4} if lost else 0)
    assert done.code == 0 or "litellmctl login --sso" in done.stderr


def _token_works(home: Home, before: State, killed: Done) -> None:
    """The old login or the new one, whole; the one that is not is forgotten."""
    done = home.run("token")
    assert done.stdout.startswith(("litellm_login_", KEY))
    home.check_secrets_are_known()


def _one_login_each(home: Home) -> None:
    assert home.run("token").stdout == f"{KEY}\n"
    logins = LoginFile(home.config).read()
    # A kill may leave that the keyring was to be looked into; nobody can, here.
    assert {storage for storage, _ in logins.discarded} <= {"keyring"}
    assert set(home.secrets()) == {login.id for login in logins.by_profile.values()}


def _signed_out(home: Home) -> None:
    assert "default" not in LoginFile(home.config).read().by_profile
    assert "0" * 16 not in home.secrets()
    home.check_secrets_are_known()


def _nobody(home: Home) -> None:
    assert not (home.config / "secrets.json").exists()
    assert LoginFile(home.config).read().by_profile == {}


def _without_caches(home: Home) -> None:
    shutil.rmtree(home.cache)


def _new_profile(home: Home) -> None:
    assert home.run("token", "--profile", "fresh").stdout == f"{KEY}\n"
    assert "[profiles.fresh]" in (home.config / "config.toml").read_text()


def _set(home: Home) -> None:
    assert home.run("config", "get", "profiles.work.mcp").stdout == "false\n"


def _unset(home: Home) -> None:
    home.run("config", "get", "profiles.work.ca_bundle", exit=5)


def _with_bundle(home: Home) -> None:
    home.run("config", "set", "profiles.work.ca_bundle", "/etc/hosts")


def _has_a_local_key(home: Home) -> None:
    """The key is there and whole, and no relay is: each of these ended."""
    (key,) = json.loads((home.config / "local-keys.json").read_bytes())["keys"].values()
    assert re.fullmatch(r"sk-local-[\w-]{43}", key)
    assert json.loads(home.run("serve", "--status", "--json").stdout)["pid"] is None


def _export_cases() -> Iterator[Case]:
    for tool in TOOLS:

        def at_once(home: Home, before: State, killed: Done, tool: str = tool) -> None:
            _whole(home, before, tool)

        yield Case(f"export {tool} --write", ("export", tool, *written(tool, SECOND)), at_once=at_once)
        yield Case(
            f"export {tool} --undo",
            ("export", tool, "--undo"),
            before=lambda home, tool=tool: _written_twice(home, tool),  # type: ignore[misc]
            at_once=at_once,
            again=(0, 5),
        )


def _written_twice(home: Home, tool: str) -> None:
    home.run("export", tool, *written(tool, SECOND))


def _saved_whole(home: Home, before: State, done: Done) -> None:
    """What has a picture's name is a whole picture; what else is there was being written, and grows old."""
    for path in (home.path / "files").glob("*"):
        if path.suffix == ".tmp":
            os.utime(path, (0, 0))
        else:
            assert path.read_bytes() == IMAGE


def _whole(home: Home, before: State, tool: str) -> None:
    """Each document is as it was or as it was to be, and everything can still be undone, one after the other."""
    kept = state(home.path)
    allowed = home.stages(tool)
    for name in home.documents[tool]:
        found = kept.get(name)
        data = found[0] if isinstance(found, tuple) else None
        assert data in [stage.get(name) for stage in allowed], f"{name} is neither as it was nor as it was to be"
    for _ in range(4):
        if home.run("export", tool, "--undo", exit={0, 5}).code == 5:
            break
    after = state(home.path)
    for name in home.documents[tool]:
        found = after.get(name)
        data = found[0] if isinstance(found, tuple) else None
        assert data == allowed[0].get(name), f"{name} is not what the user had when all is undone"
    assert list((home.config / "exports").glob(f"{tool}.*.json")) == []
    assert home.strays() == []
    home.put(kept)


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("config set", ("config", "set", "profiles.work.mcp", "false"), after=_set),
        Case(
            "config unset",
            ("config", "unset", "profiles.work.ca_bundle"),
            before=_with_bundle,
            again=(0, 5),
            after=_unset,
            sweeps=("config", "set", "profiles.work.skills", "true"),
        ),
        Case(
            "login",
            ("login", "--with-token", "--base-url", "{url}"),
            KEY,
            at_once=_token_works,
            after=_one_login_each,
        ),
        Case(
            "login --profile fresh",
            ("login", "--with-token", "--profile", "fresh", "--base-url", "{url}"),
            KEY,
            at_once=_token_works,
            after=_new_profile,
        ),
        Case("logout", ("logout",), after=_signed_out, sweeps=("login", "--with-token", "--base-url", "{url}")),
        Case("logout --all", ("logout", "--all"), after=_nobody),
        Case(
            "token, renewed",
            ("token",),
            before=_due,
            at_once=_still_signed_in,
            again=(0, 4),
            sweeps=("login", "--with-token", "--base-url", "{url}"),
        ),
        Case("models --refresh", ("models", "--refresh"), is_cache=True),
        Case("models, first", ("models",), before=_without_caches, is_cache=True),
        Case("refresh", ("refresh",), is_cache=True),
        Case("mcp list --refresh", ("mcp", "list", "--refresh"), is_cache=True),
        Case(
            "mcp call",
            ("mcp", "call", "lab_http/add", "a=1", "--output-dir", "{home}/files"),
            at_once=_saved_whole,
            is_cache=True,
        ),
        Case("skills list", ("skills", "list"), before=_without_caches, is_cache=True),
        Case(
            "skills create",
            ("skills", "create", "{home}/my-skill", "--replace"),
            again=(0, 5),
            is_cache=True,
        ),
        Case("prompt-section", ("prompt-section",), before=_without_caches, is_cache=True),
        Case("serve", ("serve", "--port", "0", "--idle", "1s"), after=_has_a_local_key),
        Case("doctor --report", ("doctor", "--report"), before=_without_caches, again=(0, 1, 2, 3, 4, 5)),
        *_export_cases(),
    )
}

# Every other command, once. Those that start LiteLLM are not among them.
_READING: list[tuple[str, ...]] = [
    ("--version",),
    ("version", "--json"),
    ("--help",),
    ("whoami",),
    ("token",),
    ("token", "--profile", "work"),
    ("env",),
    ("models",),
    ("models", "--json"),
    ("models", "list"),
    ("models", "show", "gpt-4o"),
    ("mcp", "servers"),
    ("mcp", "list"),
    ("mcp", "show", "lab_http/add"),
    ("mcp", "call", "lab_http/add", "--jsonl", "-"),
    ("mcp", "serve"),
    ("mcp", "skill"),
    ("mcp", "credentials"),
    ("mcp", "credentials", "list"),
    ("mcp", "credentials", "set", "jira"),
    ("mcp", "credentials", "remove", "--yes", "jira"),
    ("mcp", "login", "jira"),  # which wants a key: with a sign-in, it would wait for the browser
    ("mcp", "logout", "linear"),
    ("skills", "show", "greet"),
    ("skills", "delete", "--yes", "greet"),
    ("skills", "enable", "review"),
    ("skills", "disable", "greet"),
    ("config", "get", "profiles.work.base_url"),
    ("config", "list"),
    ("config", "path"),
    ("export", "codex"),
    ("export", "codex", "--diff"),
    ("export", "--list"),
    ("run", "--", "true"),
    ("run", "--dry-run", "--", "true"),
    ("api", "/key/info"),
    ("api", "-X", "POST", "/v1/chat/completions", "--input", "-"),
    ("doctor",),
    ("serve", "--status"),
    ("serve", "--stop"),
    ("serve", "--unit", "systemd"),
    ("sandbox", "status"),
    ("sandbox", "logs"),
    ("sandbox", "down"),
    ("completion", "bash"),
    ("help",),
    ("nonsense",),
]
_FAILS = {("nonsense",): (2,), ("sandbox", "logs"): (5,), ("mcp", "login", "jira"): (2,)}
EVERY: dict[str, Case] = {
    **CASES,
    **{
        " ".join(words): Case(" ".join(words), words, '{"a": 1}\n', again=_FAILS.get(words, (0,))) for words in _READING
    },
}


# --- disks ---


class Disk:
    """A file system in memory, of which root can say how full it is, and whether it may be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "crash", str(path)], check=True, timeout=20)
        self._ballast = path / "ballast"

    def leave(self, pages: int) -> None:
        """Fill it, but for so many pages of 4 KiB."""
        self.empty()
        free = os.statvfs(self.path).f_bavail
        with open(self._ballast, "wb") as file:
            file.write(bytes(4096 * (free - pages)))
        assert os.statvfs(self.path).f_bavail == pages

    def empty(self) -> None:
        """Remove what fills it."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True, timeout=20)

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True, timeout=20)


def check_said(done: Done, *, codes: set[int]) -> None:
    """A failure is two lines of error, of a documented code; a success says no error."""
    lines = done.stderr.splitlines()
    if done.code == 0:
        assert not [line for line in lines if line.startswith("Error:")], done.stderr
        return
    assert done.code in codes, f"exit {done.code}\n{done.stderr}"
    if lines and lines[-1].startswith('{"error"'):  # as --json has it
        assert json.loads(lines[-1])["error"]["exit_code"] == done.code
        return
    assert len(lines) >= 2, done.stderr
    assert lines[-2].startswith("Error: "), done.stderr
    assert lines[-1].startswith("Try:   "), done.stderr
