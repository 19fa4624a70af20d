"""Every fault against every command, through `main()`; about a tenth of it as processes, whose memory is looked at.

Where everything is too long, a part of it is run that a hash chooses; LITELLMCTL_CAMPAIGN=1 runs all of it.
"""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import trustme

from litellmctl.errors import ERROR_CODES
from tests.conftest import Result, Run
from tests.hostile import commands
from tests.hostile.commands import DISCOVERY, EXCLUDED, SECRETS, Case, Homes
from tests.hostile.faults import FAULTS, REPLACEMENTS, TLS_FAULTS, Cost, Fault, dumped, http
from tests.hostile.proxy import Attempt, Elsewhere, Exchange, HostileProxy, recorded

COMMANDS = commands.asking()
# How a command is told to print, besides what it does by itself.
FORMATS: tuple[tuple[str, ...], ...] = ((), ("--json",), ("-o", "table"), ("-v",), ("-o", "csv"), ("-o", "jsonl"))
SECONDS = {Cost.QUICK: 8.0, Cost.PAUSED: 0.3, Cost.HEAVY: 15.0}
# Longer than any of it takes on a machine that is busy; what hangs takes for ever.
_LONGEST_SECONDS = {Cost.QUICK: 12.0, Cost.PAUSED: 12.0, Cost.HEAVY: 40.0}
MOST_MEMORY = 300 * 2**20
_MOST_WORDS = 20_000
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_DIRECTIONS = r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_ERROR_KEYS = {"code", "message", "remedy", "status", "exit_code"}
_MEASURED = (
    "import sys; from litellmctl.__main__ import main; code = main(sys.argv[2:]);"
    "open(sys.argv[1], 'w').write(open('/proc/self/status').read() if sys.platform == 'linux' else ''); sys.exit(code)"
)
campaign = pytest.mark.campaign
# An answer that urllib3 refuses by its headers leaves its connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _only_in_a_campaign(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("campaign") and os.environ.get("LITELLMCTL_CAMPAIGN") != "1":
        pytest.skip("takes long: LITELLMCTL_CAMPAIGN=1 runs it")


# --- running the program ---


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
        if elapsed > _LONGEST_SECONDS[fault.cost]:
            problems.append(f"it took {elapsed:.1f} s")
        if case.needs and not attempt.requests and fault.greet is None and cell.target is None:
            problems.append("it asked nothing")
        problems += _damage(cell, before, home, result.exit_code)
        problems += [f"it asked another server: {visit!r}" for visit in self.elsewhere.visits]
        problems += [f"the proxy of the tests is broken: {error}" for error in self.proxy.broken]
        self.elsewhere.visits.clear()
        self.proxy.broken.clear()
        if any(request.headers.get("authorization", "").startswith("Basic") for request in attempt.requests):
            problems.append("it sent what .netrc says")
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
    if len(stderr) > _MOST_WORDS:
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
    for name in {*before, *after} - owned:
        is_ours = name.startswith(("cache/", "files/")) or name.endswith(".lock")
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


# --- fixtures ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def arenas() -> Iterator[dict[str, Arena]]:
    made: dict[str, Arena] = {}
    yield made
    for arena in made.values():
        arena.close()
    gc.collect()


@pytest.fixture
def here(run: Run) -> Callable[..., Result]:
    """Run the program in this process, whatever its exit code."""
    return lambda *words, **details: run(*words, exit=ANY, **details)


@pytest.fixture
def apart(env: dict[str, str], tmp_path: Path) -> Callable[..., Result]:
    """Run the program as a process, whatever its exit code; it may not take much memory."""

    def run(*words: str, stdin: str = "", **variables: str) -> Result:
        peak = tmp_path / f"peak-{threading.get_ident()}"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(peak), *words],
            env={**env, **variables},
            input=stdin.encode(),
            capture_output=True,
            timeout=90,
            check=False,
        )
        result = Result.of(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr, result.stderr
        found = re.search(r"VmHWM:\s+(\d+) kB", peak.read_text()) if peak.exists() else None
        used = int(found[1]) * 1024 if found else 0
        assert used < MOST_MEMORY, f"it took {used / 2**20:.0f} MiB of memory\n{result.stderr[:500]}"
        return result

    return run


@pytest.fixture
def arena(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where the program runs in this process."""
    if "here" not in arenas:
        arenas["here"] = Arena(folder / "here", here)
    return arenas["here"]


@pytest.fixture
def arena_of_processes(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where it runs as a process: beside the other one, so it has a proxy of its own."""
    if "apart" not in arenas:
        arenas["apart"] = Arena(folder / "apart", here)
    return arenas["apart"]


@pytest.fixture
def secure_arena(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where the proxy talks TLS."""
    if "secure" not in arenas:
        authority = trustme.CA(organization_name="Test Authority")
        (folder / "secure").mkdir()
        arenas["secure"] = Arena(folder / "secure", here, authority)
    return arenas["secure"]


# --- what runs ---


def chance(*words: str) -> int:
    """Return a number that is the same in every run."""
    return zlib.crc32("\0".join(words).encode())


# How many commands meet a fault of this cost, in a run that is not a campaign.
_COMMANDS_OF = {Cost.QUICK: len(COMMANDS), Cost.PAUSED: 4, Cost.HEAVY: 1}
_COMMANDS_OF_RARE = 3
_ONE_IS_A_PROCESS = 11


def some_commands(fault: Fault, count: int) -> list[tuple[str, ...]]:
    """Return so many commands, others for each fault."""
    return sorted(COMMANDS, key=lambda path: chance(fault.name, *path))[:count]


def cells_of(fault: Fault) -> Iterator[Cell]:
    """Yield a run of each command, or of some; in every fourth only one of its endpoints has the fault."""
    count = _COMMANDS_OF[fault.cost]
    for path in some_commands(fault, min(count, _COMMANDS_OF_RARE) if fault.is_rare else count):
        number = chance(*path, fault.name)
        cases = COMMANDS[path]
        case = cases[number // 7 % len(cases)]
        target = None
        if case.needs and (case.closed or number // 31 % 4 == 0):
            target = case.needs[number // 131 % len(case.needs)]
        is_process = number // 500 % _ONE_IS_A_PROCESS == 0 or fault.cost is Cost.HEAVY
        yield Cell(fault, case, target, FORMATS[number // 8000 % len(FORMATS)], is_process)


def all_cells_of(fault: Fault, arena: Arena, run: Callable[..., Result]) -> Iterator[Cell]:
    """Yield everything: each case with the fault everywhere, and at each of its endpoints; in two formats if quick."""
    is_quick, is_heavy = fault.cost is Cost.QUICK, fault.cost is Cost.HEAVY
    for case in [case for cases in COMMANDS.values() for case in cases]:
        asked = arena.asked(case, run)
        targets = [target for target in asked if len(asked) > 1 and (is_quick or target in case.needs)]
        for target in [*([] if case.closed else [None]), *targets]:
            form = FORMATS[chance(fault.name, case.name, str(target)) % len(FORMATS)]
            for chosen in {form, ("--json",)} if is_quick else {form}:
                yield Cell(fault, case, target, chosen, is_process=is_heavy)


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


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_without_a_fault_every_command_works(arena: Arena, here: Callable[..., Result], path: tuple[str, ...]) -> None:
    for case in COMMANDS[path]:
        asked = arena.asked(case, here)
        assert asked, f"{case.name} asks nothing: give it arguments in CASES, or say why it is EXCLUDED"
        assert set(case.needs) <= set(asked), f"{case.name} asks {asked}"


def test_who_is_left_out_asks_nothing_or_has_a_reason(arena: Arena, here: Callable[..., Result]) -> None:
    cases = commands.joined()
    assert set(EXCLUDED) <= set(cases)
    for path, reason in EXCLUDED.items():
        assert reason
        if reason == commands._ASKS_NOTHING:
            assert arena.asked(cases[path][0], here) == [], " ".join(path)


def test_there_are_as_many_faults_as_promised() -> None:
    assert len({**FAULTS, **TLS_FAULTS}) >= 60


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault(
    arena: Arena,
    arena_of_processes: Arena,
    here: Callable[..., Result],
    apart: Callable[..., Result],
    fault: Fault,
) -> None:
    fight(list(cells_of(fault)), arena, arena_of_processes, here, apart)


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_of_every_endpoint_of_every_command(
    arena: Arena,
    arena_of_processes: Arena,
    here: Callable[..., Result],
    apart: Callable[..., Result],
    fault: Fault,
) -> None:
    fight(list(all_cells_of(fault, arena, here)), arena, arena_of_processes, here, apart)


@pytest.mark.parametrize("fault", TLS_FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_of_tls(
    secure_arena: Arena, here: Callable[..., Result], apart: Callable[..., Result], fault: Fault
) -> None:
    cells = []
    for path in some_commands(fault, 7):
        case = next(case for case in COMMANDS[path] if not case.closed)
        cells.append(Cell(fault, case, None, FORMATS[chance(*path, fault.name) % len(FORMATS)]))
    fight(cells, secure_arena, secure_arena, here, apart)


# --- each field, each byte ---


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where the fields of an answer are, the answer itself too; of a list its first two elements count."""
    yield path
    if isinstance(value, dict):
        for name, one in value.items():
            yield from places(one, (*path, name))
    elif isinstance(value, list):
        for index, one in enumerate(value[:2]):
            yield from places(one, (*path, index))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a value with another one at that place."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return {name: replaced(one, tuple(rest), new) if name == first else one for name, one in value.items()}
    return [replaced(one, tuple(rest), new) if index == first else one for index, one in enumerate(value)]


def mistyped(endpoint: str, path: tuple[Any, ...], kind: str) -> Fault:
    """Return the fault of an answer with a field of another type."""
    shown = ".".join(map(str, path)) or "the answer"

    def answer(exchange: Exchange) -> None:
        exchange.answer(dumped(replaced(exchange.good, path, REPLACEMENTS[kind])))

    return Fault(f"{shown} of {endpoint} is {kind}", answer, frozenset({3, 5}), is_understood=True)


def users_of(endpoint: str, arena: Arena, run: Callable[..., Result]) -> list[Case]:
    """Return the cases that ask an endpoint."""
    return [case for cases in COMMANDS.values() for case in cases if endpoint in arena.asked(case, run)]


_ENDPOINTS = (
    *("GET /model/info", "GET /model/info?litellm_model_id", "GET /v1/models", "GET /model_group/info", "GET /health"),
    *("GET /mcp-rest/tools/list", "GET /v1/mcp/server", "POST /mcp-rest/tools/call"),
    *("GET /claude-code/plugins", "GET /claude-code/plugins/NAME", "POST /claude-code/plugins"),
    *("DELETE /claude-code/plugins/NAME", "POST /claude-code/plugins/NAME/enable"),
    *("POST /claude-code/plugins/NAME/disable", "GET /v1/skills", "GET /v1/skills?query", "GET /v1/skills/ID"),
    *("POST /v1/skills", "DELETE /v1/skills/ID", "GET /key/info", "GET /user/info", "POST /token", "POST /revoke"),
    *("POST /key/delete", "GET /.well-known/litellm-cli-auth", "GET /public/model_hub/info"),
    *("GET /health/liveliness", "GET /key/list"),
)


def test_every_endpoint_that_is_asked_is_mistyped(arena: Arena, here: Callable[..., Result]) -> None:
    asked = {endpoint for cases in COMMANDS.values() for case in cases for endpoint in arena.asked(case, here)}
    assert asked - {"GET /health/readiness", "POST /v1/chat/completions"} <= set(_ENDPOINTS)


@pytest.mark.parametrize("endpoint", _ENDPOINTS)
def test_a_field_of_another_type(arena: Arena, here: Callable[..., Result], endpoint: str) -> None:
    """Every fourth field, each of one type, to one command."""
    cells = []
    for path in places(recorded(endpoint)):
        number = chance(endpoint, str(path))
        kind = list(REPLACEMENTS)[number % len(REPLACEMENTS)]
        users = users_of(endpoint, arena, here)
        if (number // 8) % 4 == 0 or len(path) < 2:
            case = users[number // 24 % len(users)]
            cells.append(Cell(mistyped(endpoint, path, kind), case, endpoint, FORMATS[number // 5 % len(FORMATS)]))
    fight(cells, arena, arena, here, here)


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("endpoint", _ENDPOINTS)
def test_every_field_of_every_type(arena: Arena, here: Callable[..., Result], endpoint: str) -> None:
    cells = [
        Cell(mistyped(endpoint, path, kind), case, endpoint, FORMATS[chance(str(path), kind, case.name) % len(FORMATS)])
        for path in places(recorded(endpoint))
        for kind in REPLACEMENTS
        for case in users_of(endpoint, arena, here)
    ]
    fight(cells, arena, arena, here, here)


_BYTES = [
    case
    for case in commands.CASES
    if case.name.startswith(
        (
            "models (without GET /model/info)",
            "mcp call lab_http/add a=1 (tools)",
            "token (ended)",
            "whoami",
            "api /v1/chat",
        )
    )
]


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", _BYTES, ids=lambda case: case.name)
def test_a_reset_at_every_byte(arena: Arena, here: Callable[..., Result], case: Case) -> None:
    def reset(offset: int) -> Fault:
        def answer(exchange: Exchange) -> None:
            exchange.send(http(exchange.body)[:offset])
            exchange.reset()

        return Fault(f"a reset at byte {offset}", answer, cost=Cost.PAUSED, is_understood=True)

    target = case.needs[0]
    length = len(http(dumped(recorded(target))))
    offsets = [*range(min(length, 300)), *range(300, length, 97), length]
    fight([Cell(reset(offset), case, target) for offset in offsets], arena, arena, here, here)
