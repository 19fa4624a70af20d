"""Where the program meets a fault: the proxy, the homes, and what is looked at after each run."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ruamel.yaml
import trustme

from litellmctl.errors import ERROR_CODES
from tests.conftest import Result
from tests.hostile import commands
from tests.hostile.commands import DISCOVERY, SECRETS, Case, Homes
from tests.hostile.faults import AUTH, Cost, Fault
from tests.hostile.proxy import Attempt, Elsewhere, HostileProxy

SECONDS = {Cost.QUICK: 8.0, Cost.PAUSED: 0.3, Cost.HEAVY: 15.0}
# Longer than any of it takes on a machine that is busy; what hangs takes for ever.
MAX_SECONDS = {Cost.QUICK: 12.0, Cost.PAUSED: 12.0, Cost.HEAVY: 40.0}
_MAX_WORDS = 20_000
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_DIRECTIONS = r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_ERROR_KEYS = {"code", "message", "remedy", "status", "exit_code"}


@dataclass(frozen=True)
class Cell:
    """A run: a command that meets a fault at one endpoint, or at all of them."""

    fault: Fault
    case: Case
    target: str | None = None
    format: tuple[str, ...] = ()
    is_process: bool = False

    @property
    def name(self) -> str:
        where = "" if self.target is None else f" at {self.target}"
        how = " (a process)" if self.is_process else ""
        return f"{self.fault.name}{where}: {' '.join([self.case.name, *self.format])}{how}"

    @property
    def exits(self) -> set[int]:
        """The exit codes that this may have."""
        case, fault, target = self.case, self.fault, self.target
        exits = {*fault.exits, *case.also}
        serves = case.serves or fault.is_understood or fault.name in case.does_with
        # What comes with a good status is the data, whatever it is.
        serves = serves or (
            case.is_data and not re.match(r"status [4-9]\d\d|an error|repeats the key with", fault.name)
        )
        if serves or (target is not None and (target not in case.needs or (fault.refuses and target in DISCOVERY))):
            exits.add(0)
        if case.closed and fault.refuses:
            exits.add(AUTH)  # what the others answered
        return exits | {3} if fault.cost is not Cost.QUICK else exits


class Arena:
    """A proxy, the homes of those who use it, and a server that nobody may ask."""

    def __init__(self, folder: Path, run: Callable[..., Result], authority: trustme.CA | None = None) -> None:
        self.elsewhere = Elsewhere()
        self.proxy = HostileProxy(self.elsewhere, authority)
        self.homes = Homes(folder / "homes", self.proxy.url)
        self.bundle = folder / "ca.pem"
        if authority is not None:
            authority.cert_pem.write_to_path(str(self.bundle))
        # What each case asks of a proxy that is well.
        self.endpoints: dict[Case, list[str]] = {}
        with self.proxy.during(Attempt()):
            self.homes.make(lambda home, name, words: _well(run(*words, **self.variables(home, name))))

    def variables(self, home: Path, name: str) -> dict[str, str]:
        """Return the variables of a run. Loopback never goes through the HTTP proxy that they name."""
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        own = self.homes.variables(home, name) | dict.fromkeys(names, self.elsewhere.url)
        return own | {"REQUESTS_CA_BUNDLE": str(self.bundle)} if self.bundle.exists() else own

    def asked(self, case: Case, run: Callable[..., Result]) -> list[str]:
        """Return the endpoints that a command asks where nothing is wrong."""
        if case not in self.endpoints:
            home = self.homes.anew(case.home)
            with self.proxy.during(Attempt(closed=case.closed)) as attempt:
                _well(run(*self.words(case, home), stdin=case.stdin, **self.variables(home, case.home)))
            self.endpoints[case] = attempt.endpoints
        return self.endpoints[case]

    def words(self, case: Case, home: Path) -> list[str]:
        """Return the arguments of a case."""
        return [
            *case.path,
            *(
                word.format(url=self.proxy.url, home=home) if "{url}" in word or "{home}" in word else word
                for word in case.words
            ),
        ]

    def meet(self, cell: Cell, run: Callable[..., Result]) -> list[str]:
        """Run a command that meets a fault; return what is wrong with what it did."""
        case, fault = cell.case, cell.fault
        home = self.homes.anew(case.home)
        before = commands.contents(home)
        seconds = SECONDS[fault.cost]
        words = [*self.words(case, home), "--timeout", f"{seconds:g}", *cell.format]
        variables = self.variables(home, case.home) | {"LITELLM_DISCOVERY_TIMEOUT_MS": f"{seconds * 1000:.0f}"}
        attempt = Attempt(fault.answer, cell.target, case.closed, fault.greet)
        start = time.monotonic()
        try:
            with self.proxy.during(attempt):
                result = run(*words, stdin=case.stdin, **variables)
        except AssertionError as error:
            return [f"{cell.name}: {error}"]
        except UnicodeDecodeError as error:
            # What the proxy sends may be no text.
            return [] if case.is_data else [f"{cell.name}: {error}"]
        except subprocess.TimeoutExpired:
            return [f"{cell.name}: it did not end"]
        elapsed = time.monotonic() - start
        problems = list(_problems(cell, result))
        # What `api` prints of an endless answer until its time is over are gigabytes, which the test takes long to read.
        is_flood = case.is_data and fault.cost is Cost.HEAVY
        if elapsed > MAX_SECONDS[fault.cost] + case.waits and not is_flood:
            problems.append(f"it took {elapsed:.1f} s")
        # What this process still sends to the command before can keep a request waiting until its time is over.
        is_late = "no complete answer within" in result.stderr
        if case.needs and not attempt.requests and fault.greet is None and cell.target is None and not is_late:
            problems.append("it asked nothing")
        problems += _damage(cell, before, home, result.exit_code)
        problems += [f"it asked another server: {visit!r}" for visit in self.elsewhere.visits]
        problems += [f"the proxy of the tests is broken: {error}" for error in self.proxy.errors]
        self.elsewhere.visits.clear()
        self.proxy.errors.clear()
        if any(request.headers.get("authorization", "").startswith("Basic") for request in attempt.requests):
            problems.append("it sent what .netrc says")
        if any("cookie" in request.headers for request in attempt.requests):
            problems.append("it sent a cookie back")
        changes = Counter(
            (request.endpoint, request.path, request.body) for request in attempt.requests if request.method != "GET"
        )
        problems += [f"it sent {endpoint} {count} times" for (endpoint, _, _), count in changes.items() if count > 1]
        shown = f"\n  exit {result.exit_code}\n  stdout: {result[:300]!r}\n  stderr: {result.stderr[:600]!r}"
        return [f"{cell.name}: {problem}{shown}" for problem in problems]

    def close(self) -> None:
        """Stop serving."""
        self.proxy.close()
        self.elsewhere.close()


def _well(result: Result) -> None:
    assert result.exit_code == 0, result.stderr


# --- what is looked at ---


def _problems(cell: Cell, result: Result) -> Iterator[str]:
    case = cell.case
    code, stdout, stderr = result.exit_code, str(result), result.stderr
    if code not in cell.exits:
        yield f"exit {code}, not one of {sorted(cell.exits)}"
    if stdout and code != 0 and not case.reports:
        yield "it printed something, and failed"
    if "this is a bug in litellmctl" in stdout + stderr:
        yield "it says that this is a bug"
    printed = set(case.prints) if code == 0 else set()
    for secret in SECRETS:
        if secret in stderr or (secret in stdout and secret not in printed and not case.is_data):
            yield f"it shows {secret}"
    yield from _errors(code, stderr, as_json="--json" in cell.format)
    if len(stderr) > _MAX_WORDS:
        yield f"it says {len(stderr):,} characters"
    is_json = cell.format in {("--json",), ("-o", "jsonl")}
    if not case.is_data:
        if found := re.search(_CONTROLS, stdout):
            yield f"it prints the control character {found[0]!r}"
        if not is_json and case.path not in _JSON_IN_EVERY_FORMAT and (found := re.search(_DIRECTIONS, stdout)):
            yield f"it prints {found[0]!r}, which turns the writing round"
    if found := re.search(rf"{_CONTROLS}|{_DIRECTIONS}" if "--json" not in cell.format else _CONTROLS, stderr):
        yield f"it says the control character {found[0]!r}"
    if "\r" in stdout + stderr and not case.is_data:
        yield "it prints a carriage return"
    if is_json and stdout and not case.is_data:
        yield from _no_json(stdout, lines=cell.format != ("--json",) or "--jsonl" in case.words)


# Files of other programs, whose own form is JSON.
_JSON_IN_EVERY_FORMAT = {("export",), ("mcp", "call"), ("mcp", "list")}


def _errors(code: int, stderr: str, *, as_json: bool) -> Iterator[str]:
    """Say what is wrong with the messages: where it failed the last is an error, of two lines or of one in JSON."""
    lines = stderr.split("\n")
    if lines.pop() != "":
        yield "its last line has no end"
    errors = [line for line in lines if line.startswith(('{"error"', "Error:"))]
    if code == 0:
        if errors:
            yield "it tells of an error, and exits 0"
    elif as_json:
        if not errors or lines[-1] != errors[-1] or any(line.startswith("Error:") for line in lines):
            yield "its last line is no JSON error"
            return
        for number, line in enumerate(errors):
            error = json.loads(line, parse_constant=lambda text: 1 / 0)["error"]
            if set(error) != _ERROR_KEYS or ERROR_CODES[error["code"]][0] != error["exit_code"] or not error["message"]:
                yield f"its error is not as documented: {line[:300]}"
            if number == 0 and error["exit_code"] != code:
                yield f"its first error is of exit {error['exit_code']}"
            if error["remedy"] is None:
                yield "its error has no remedy"
    elif len(lines) < 2 or not lines[-1].startswith("Try:   ") or not lines[-2].startswith("Error: "):
        yield "its last two lines are no error with what to try"


def _no_json(text: str, *, lines: bool) -> Iterator[str]:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        for one in text.split("\n")[:-1] if lines else [text]:
            json.loads(one, parse_constant=refuse)
    except ValueError as error:
        yield f"what it prints is no JSON: {error}"


def _damage(cell: Cell, before: dict[str, bytes], home: Path, code: int) -> Iterator[str]:
    """Say which files are not as they should be."""
    after = commands.contents(home)
    owned = {"config/logins.json", "config/secrets.json"} if cell.case.owns else set()
    may_write = cell.case.writes and code == 0
    for name in {*before, *after} - owned:
        is_ours = name.startswith(("cache/", "files/")) or name.endswith(".lock")
        if may_write and not is_ours and (not name.startswith("config/") or name.startswith("config/exports/")):
            yield from _unreadable(name, after.get(name))
            continue
        if before.get(name) != after.get(name) and not is_ours:
            yield f"it changed {name}"
    for name in owned:
        try:
            old, new = (json.loads(files[name]) if name in files else None for files in (before, after))
        except ValueError:
            yield f"it left {name} broken"
            continue
        if code != 0 and old != new and not cell.case.reports:
            yield f"it failed, and changed {name}"
    for name, data in after.items():
        if name.endswith(".tmp"):
            yield f"it left {name}"
        if name.endswith(".jsonl"):
            head, _, rest = data.partition(b"\n")
            header = json.loads(head)
            if header["crc32"] != zlib.crc32(rest) or header["total"] != rest.count(b"\n"):
                yield f"{name} is damaged"


def _unreadable(name: str, data: bytes | None) -> Iterator[str]:
    """Say whether a program could no longer read what was written for it."""
    if data is None:
        yield f"it removed {name}"
        return
    readers: dict[str, Callable[[str], object]] = {
        ".json": json.loads,
        ".toml": tomllib.loads,
        ".yaml": ruamel.yaml.YAML(typ="safe").load,
    }
    try:
        readers.get(Path(name).suffix, str)(data.decode())
    except Exception as error:  # noqa: BLE001
        yield f"it left {name}, which nobody can read: {error}"


# --- many at once ---


def fight(
    cells: list[Cell],
    arena: Arena,
    arena_of_processes: Arena,
    here: Callable[..., Result],
    apart: Callable[..., Result],
) -> None:
    """Run these; those that are processes beside the others."""
    problems: list[str] = []

    def beside() -> None:
        for cell in cells:
            if cell.is_process:
                problems.extend(arena_of_processes.meet(cell, apart))

    thread = threading.Thread(target=beside)
    thread.start()
    for cell in cells:
        if not cell.is_process:
            problems.extend(arena.meet(cell, here))
    thread.join()
    print(f"{len(cells)} runs, {sum(cell.is_process for cell in cells)} of them processes")
    assert not problems, "\n".join([f"{len(problems)} problems:", *problems[:40]])
