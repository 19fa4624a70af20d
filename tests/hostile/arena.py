"""Where the program meets a fault: the proxy, the homes, and what is looked at after each run."""

from __future__ import annotations

import faulthandler
import json
import re
import subprocess
import sys
import threading
import time
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ruamel.yaml
import trustme

from litellmctl.errors import ERROR_CODES
from tests.conftest import Result
from tests.effort import less_than
from tests.hostile import commands
from tests.hostile.commands import DISCOVERY, Case, Homes
from tests.hostile.faults import AUTH, Cost, Fault
from tests.hostile.known import FORGED, SECRETS, known_from
from tests.hostile.proxy import Attempt, Elsewhere, HostileProxy
from tests.writings import found_in

SECONDS = {Cost.QUICK: 8.0, Cost.PAUSED: 0.3, Cost.HEAVY: 15.0}
# Longer than any of it takes on a machine that is busy; what hangs takes for ever.
MAX_SECONDS = {Cost.QUICK: 12.0, Cost.PAUSED: 12.0, Cost.HEAVY: 40.0}
_MAX_WORDS = 20_000
_OURS = rf"(?:Error|Warning|Try):\s*{FORGED}"
_COLUMNS = 80
# What takes back a line that said how far something was.
_PROGRESS = r"[^\r\n]*\r\x1b\[K"
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_DIRECTIONS = r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_STUCK_SECONDS = 120
# Where a name, a value or a field of a proxy is completed; and how long that may take of a processor.
_TABS = (("models", "show", ""), ("mcp", "call", ""), ("mcp", "call", "add", ""), ("skills", "show", ""))
_TAB_SECONDS = 3.0
_ERROR_KEYS = {"code", "message", "remedy", "status", "exit_code"}


@dataclass(frozen=True)
class Cell:
    """A run: a command that meets a fault at one endpoint, or at all of them; a fault of many forms in those of `turn`."""

    fault: Fault
    case: Case
    target: str | None = None
    format: tuple[str, ...] = ()
    is_process: bool = False
    is_terminal: bool = False
    turn: int = 0

    @property
    def name(self) -> str:
        where = "" if self.target is None else f" at {self.target}"
        how = " (a process)" if self.is_process else " (a terminal)" if self.is_terminal else ""
        return f"{self.fault.name}{where}: {' '.join([self.case.name, *self.format])}{how}"

    @property
    def exits(self) -> set[int]:
        """The exit codes that this may have."""
        case, fault, target = self.case, self.fault, self.target
        exits = {*fault.exits, *case.also}
        serves = case.serves or fault.is_understood or fault.name in case.does_with
        # What comes with a good status is the data, whatever it is.
        serves = serves or (
            case.is_data and not re.match(r"status [4-9]\d\d|an error|repeats secrets .* with \d", fault.name)
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

    def words(self, case: Case, home: Path, *options: str) -> list[str]:
        """Return the arguments of a case, with more options before the program that it starts."""
        return [
            *case.path,
            *(
                word.format(url=self.proxy.url, home=home) if "{url}" in word or "{home}" in word else word
                for word in case.words
            ),
            *options,
            *case.program,
        ]

    def meet(self, cell: Cell, run: Callable[..., Result]) -> list[str]:
        """Run a command that meets a fault; return what is wrong with what it did."""
        case, fault = cell.case, cell.fault
        home = self.homes.anew(case.home)
        before = commands.contents(home)
        # Where the work is bounded, nothing is given up before that.
        seconds = SECONDS[fault.cost] if fault.effort is None else 60.0
        words = self.words(case, home, "--timeout", f"{seconds:g}", *cell.format)
        variables = self.variables(home, case.home) | {"LITELLM_DISCOVERY_TIMEOUT_MS": f"{seconds * 1000:.0f}"}
        attempt = Attempt(fault.answer, cell.target, case.closed, fault.greet, cell.turn)
        look: dict[str, Any] = {"terminal": True, "NO_COLOR": "1", "COLUMNS": str(_COLUMNS)} if cell.is_terminal else {}
        bound = nullcontext() if fault.effort is None or cell.is_process else _bounded(fault.effort)
        start = time.monotonic()
        try:
            with self.proxy.during(attempt), bound:
                result = run(*words, stdin=case.stdin, **look, **variables)
        except AssertionError as error:
            return [f"{cell.name}: {error}"]
        except UnicodeDecodeError as error:
            # What the proxy sends may be no text.
            return [] if case.is_data else [f"{cell.name}: {error}"]
        except subprocess.TimeoutExpired:
            return [f"{cell.name}: it did not end"]
        elapsed = time.monotonic() - start
        secrets = [*SECRETS, *(one for one in known_from(attempt.requests) if one not in SECRETS)]
        problems = list(_problems(cell, result, secrets))
        # What `api` prints of an endless answer until its time is over are gigabytes, which the test takes long to read.
        is_flood = case.is_data and fault.cost is Cost.HEAVY
        cost = fault.cost if fault.effort is None else Cost.HEAVY
        if elapsed > MAX_SECONDS[cost] + case.waits and not is_flood:
            problems.append(f"it took {elapsed:.1f} s")
        # What this process still sends to the command before can keep a request waiting until its time is over.
        is_late = "no complete answer within" in result.stderr
        if case.needs and not attempt.requests and fault.greet is None and cell.target is None and not is_late:
            problems.append("it asked nothing")
        problems += _damage(cell, before, home, result.exit_code)
        changed = {name: data for name, data in commands.contents(home).items() if before.get(name) != data}
        problems += _kept(cell, changed, secrets)
        if fault.lingers and any(name.startswith("cache/") for name in changed):
            problems += self._offered(cell, home, run, secrets)
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
        forms = f"\n  forms: {sorted(attempt.forms)}" if attempt.forms else ""
        shown = f"{forms}\n  exit {result.exit_code}\n  stdout: {result[:300]!r}\n  stderr: {result.stderr[:600]!r}"
        return [f"{cell.name}: {problem}{shown}" for problem in problems]

    def _offered(self, cell: Cell, home: Path, run: Callable[..., Result], secrets: list[str]) -> Iterator[str]:
        """Press TAB where the cache holds what a fault left; say what is wrong with what is offered."""
        variables = self.variables(home, cell.case.home) | {"_LITELLMCTL_COMPLETE": "zsh"}
        for words in _TABS:
            typed = "\n".join(("litellmctl", *words))
            try:
                with less_than(_TAB_SECONDS):
                    offered = run(**variables, _LITELLMCTL_WORDS=typed)
            except AssertionError as error:
                yield f"TAB after {words}: {error}"
                continue
            said = f"{offered}{offered.stderr}"
            if offered.exit_code != 0 or offered.stderr or re.search(f"{_CONTROLS}|{_DIRECTIONS}", said):
                yield f"TAB after {words}: exit {offered.exit_code}, {said[:300]!r}"
            yield from (f"TAB after {words} offers {secret}" for secret in _seen(cell, said, secrets))

    def close(self) -> None:
        """Stop serving."""
        self.proxy.close()
        self.elsewhere.close()


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Assert that the block takes less than this many seconds of a processor.

    Where native code holds the interpreter for ever, nothing else of this process goes on: it ends, saying where it was.
    """
    faulthandler.dump_traceback_later(_STUCK_SECONDS, exit=True, file=sys.__stderr__)
    try:
        with less_than(seconds):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _well(result: Result) -> None:
    assert result.exit_code == 0, result.stderr


# --- what is looked at ---


def _seen(cell: Cell, text: str, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that are to be read in a text: in any writing, where the fault writes them so."""
    return found_in(text, secrets) if cell.fault.repeats else [secret for secret in secrets if secret in text]


def _problems(cell: Cell, result: Result, secrets: list[str]) -> Iterator[str]:
    case = cell.case
    code, stdout, stderr = result.exit_code, str(result), result.stderr
    if cell.is_terminal:
        stderr = re.sub(_PROGRESS, "", stderr)
    if code not in cell.exits:
        yield f"exit {code}, not one of {sorted(cell.exits)}"
    if stdout and code != 0 and not case.reports:
        yield "it printed something, and failed"
    if "this is a bug in litellmctl" in stdout + stderr:
        yield "it says that this is a bug"
    printed = set(case.prints) if code == 0 else set()
    data = () if case.is_data else [secret for secret in secrets if secret not in printed]
    yield from (f"it shows {secret}" for secret in {*_seen(cell, stderr, secrets), *_seen(cell, stdout, data)})
    yield from (f"a line of it is somebody else's: {row[:80]!r}" for row in _forged(cell, stdout, stderr))
    is_json = _is_json(cell)
    # A sentence that could read like several of ours is wrapped, and indented, on a terminal.
    lines = re.sub(r" ?\n +", " ", stderr) if cell.is_terminal else stderr
    if not (cell.is_terminal and case.path == ("doctor",) and not is_json):  # where a person has read it already
        yield from _errors(code, lines, as_json="--json" in cell.format)
    if len(stderr) > _MAX_WORDS:
        yield f"it says {len(stderr):,} characters"
    if not case.is_data:
        if found := re.search(_CONTROLS, stdout):
            yield f"it prints the control character {found[0]!r}"
        if (cell.is_terminal or (not is_json and case.path not in _JSON_IN_EVERY_FORMAT)) and (
            found := re.search(_DIRECTIONS, stdout)
        ):
            yield f"it prints {found[0]!r}, which turns the writing round"
    is_plain = "--json" not in cell.format or cell.is_terminal
    if found := re.search(rf"{_CONTROLS}|{_DIRECTIONS}" if is_plain else _CONTROLS, stderr):
        yield f"it says the control character {found[0]!r}"
    if "\r" in stdout + stderr and not case.is_data:
        yield "it prints a carriage return"
    if is_json and stdout and not case.is_data:
        is_lines = "--json" not in cell.format or "--jsonl" in case.words or case.path == ("mcp", "serve")
        yield from _no_json(stdout, lines=is_lines)


def _is_json(cell: Cell) -> bool:
    return "--json" in cell.format or cell.format == ("-o", "jsonl")


def _forged(cell: Cell, stdout: str, stderr: str) -> list[str]:
    """Return a line that reads like ours and is not, if there is one; on a terminal, also a row.

    Data that is piped is what was asked for; a person at a terminal must be able to tell whose words it is.
    """
    rows = stderr.splitlines()
    if cell.is_terminal:
        # A row of JSON, which begins anywhere in a line of it, reads like nothing else.
        is_wide = _is_json(cell) or cell.case.is_data or cell.case.path in _JSON_IN_EVERY_FORMAT
        rows += [*stdout.splitlines(), *_rows(stderr), *([] if is_wide else _rows(stdout))]
    return [row for row in rows if re.match(_OURS, row)][:1]


def _rows(text: str) -> Iterator[str]:
    """Yield what begins a row of a terminal."""
    for line in text.splitlines():
        yield from (line[at : at + _COLUMNS] for at in range(0, len(line), _COLUMNS))


# Files of other programs, and a protocol, whose own form is JSON.
_JSON_IN_EVERY_FORMAT = {("export",), ("mcp", "call"), ("mcp", "list"), ("mcp", "serve")}


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


def _kept(cell: Cell, changed: dict[str, bytes], secrets: list[str]) -> Iterator[str]:
    """Say which files hold a secret that were written just now, beside the one that secrets are kept in."""
    for name, data in changed.items():
        if name != "config/secrets.json":
            for secret in _seen(cell, data.decode("utf-8", "replace"), secrets):
                yield f"{name} holds {secret}"


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
