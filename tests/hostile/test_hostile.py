"""Every fault against every command, through `main()`; about a tenth of it as processes, whose memory is looked at.

Where everything is too long, a part of it is run that a hash chooses; LITELLMCTL_CAMPAIGN=1 runs all of it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result
from tests.effort import less_than, until
from tests.hostile import commands
from tests.hostile.arena import Arena, Cell, fight
from tests.hostile.commands import EXCLUDED, Case
from tests.hostile.faults import EVERYWHERE, FAULTS, REPLACEMENTS, TLS_FAULTS, Cost, Fault, dumped, http
from tests.hostile.faults.patterns import FRONT_MATTER
from tests.hostile.proxy import OF_USERS, Attempt, Exchange, recorded
from tests.writings import WRITINGS

COMMANDS = commands.asking()
# How a command is told to print, besides what it does by itself.
FORMATS: tuple[tuple[str, ...], ...] = (
    *((), ("--json",), ("-o", "table"), ("-v",), ("-o", "csv"), ("-o", "jsonl")),
    ("--json", "-v"),
)
campaign = pytest.mark.campaign
# An answer that urllib3 refuses by its headers leaves its connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


# --- what runs ---


def chance(*words: str) -> int:
    """Return a number that is the same in every run."""
    return zlib.crc32("\0".join(words).encode())


_ONE_IS_A_PROCESS = 13


def some_commands(fault: Fault, count: int) -> list[tuple[str, ...]]:
    """Return so many commands that can meet a fault, others for each fault."""
    return sorted(filter(partial(cases_of, fault), COMMANDS), key=lambda path: chance(fault.name, *path))[:count]


def cases_of(fault: Fault, path: tuple[str, ...]) -> list[Case]:
    """Return the cases of a command that need an answer which the fault changes."""
    return [case for case in COMMANDS[path] if not fault.at or fault.at.intersection(case.needs)]


def cells_of(fault: Fault) -> Iterator[Cell]:
    """Yield a run of each command, or of one; in every fourth only one of its endpoints has the fault."""
    for path in some_commands(fault, len(COMMANDS) if fault.name in EVERYWHERE else 1):
        number = chance(*path, fault.name)
        cases = cases_of(fault, path)
        case = cases[number // 7 % len(cases)]
        target = None
        if case.needs and (case.closed or number // 31 % 4 == 0):
            target = case.needs[number // 131 % len(case.needs)]
        is_process = number // 500 % _ONE_IS_A_PROCESS == 0 or fault.cost is Cost.HEAVY
        is_terminal = fault.is_shown and not is_process and case.fits_a_terminal and number // 60_000 % 2 == 0
        yield Cell(
            fault, case, target, FORMATS[number // 8000 % len(FORMATS)], is_process, is_terminal, turn=number // 70_000
        )
        if fault.is_shown and case.fits_a_terminal:
            form = ("--json",) if number // 90_000 % 2 == 0 and not is_terminal else ()
            yield Cell(fault, case, target, form, is_terminal=True, turn=number // 70_000 + 1)


def all_cells_of(fault: Fault, arena: Arena, run: Callable[..., Result]) -> Iterator[Cell]:
    """Yield everything: each case with the fault everywhere, and at each of its endpoints, in two formats if quick.

    What has many forms or takes longer is met in one format; what takes longer, where its answer is needed.
    """
    is_quick, is_heavy = fault.cost is Cost.QUICK, fault.cost is Cost.HEAVY
    turns = count()
    for case in [case for cases in COMMANDS.values() for case in cases]:
        asked = [endpoint for endpoint in arena.asked(case, run) if endpoint not in case.closed]
        is_wide = is_quick and (fault.repeats or not fault.lingers)
        if fault.at and not fault.at.intersection(asked):
            continue
        targets = [target for target in asked if len(asked) > 1 and (is_wide or target in case.needs)]
        targets = [target for target in targets if not fault.at or target in fault.at or case.closed]
        for target in [*([] if case.closed else [None]), *targets]:
            form = FORMATS[chance(fault.name, case.name, str(target)) % len(FORMATS)]
            for chosen in {form: None, ("--json",): None} if is_quick and not fault.lingers else {form}:
                turn = next(turns)
                is_terminal = fault.is_shown and not is_heavy and case.fits_a_terminal and turn % 2 == 0
                yield Cell(fault, case, target, chosen, is_heavy, is_terminal, turn)


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


def test_every_command_meets_as_many_faults_as_promised() -> None:
    assert len(set(EVERYWHERE)) >= 60
    assert set(EVERYWHERE) <= set(FAULTS)
    for name in EVERYWHERE:
        assert {cell.case.path for cell in cells_of(FAULTS[name])} == {
            path for path in COMMANDS if cases_of(FAULTS[name], path)
        }


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
    for path in some_commands(fault, 5):
        case = next(case for case in COMMANDS[path] if not case.closed)
        cells.append(Cell(fault, case, None, FORMATS[chance(*path, fault.name) % len(FORMATS)]))
    fight(cells, secure_arena, secure_arena, here, apart)


# --- patterns ---

PATTERNS = [fault for fault in FAULTS.values() if fault.effort is not None]


def pattern_cells() -> Iterator[Cell]:
    """Yield runs that meet a pattern where it is matched, without its endless texts."""
    for fault in PATTERNS:
        for case in [
            case for path in COMMANDS for case in cases_of(fault, path) if fault.at and case.path != ("login",)
        ]:
            yield Cell(fault, case)


PROGRAM = (sys.executable, "-m", "litellmctl")


def interrupt(cell: Cell, seconds: float, arena: Arena, env: dict[str, str], program: Sequence[str] = PROGRAM) -> None:
    """Press Ctrl-C so long after the proxy was asked, and assert that it is over at once: by that, or before it."""
    home = arena.homes.anew(cell.case.home)
    attempt = Attempt(cell.fault.answer, turn=cell.turn)
    with arena.proxy.during(attempt):
        process = subprocess.Popen(
            [*program, *arena.words(cell.case, home)],
            env={**env, **arena.variables(home, cell.case.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            until(lambda: attempt.requests or process.poll() is not None, "a request")
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            begin = time.monotonic()
            # Until all who may write there are gone: what it started too.
            said = process.communicate(timeout=30)[1].decode()
            took = time.monotonic() - begin
        finally:
            process.kill()
            process.wait(10)
    # The last while, Python itself is on its way out.
    assert process.returncode in {130, -signal.SIGINT, *cell.exits}, f"{cell.name}: exit {process.returncode}\n{said}"
    assert took < 4, f"{cell.name}: it took {took:.1f} s after Ctrl-C\n{said}"
    assert "Traceback" not in said, said


_INTERRUPTED = sorted(pattern_cells(), key=lambda cell: chance(cell.name))
# What a check takes long for is what would go on the longest.
_LONGEST = [cell for cell in _INTERRUPTED if "a schema, of" in cell.fault.name and cell.case.path == ("mcp", "call")]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches a whole console there, these tests too")
@pytest.mark.parametrize("cell", [*_LONGEST[:4], *_INTERRUPTED[:4]], ids=lambda cell: cell.name)
def test_ctrl_c_ends_it_while_a_pattern_is_matched(arena_of_processes: Arena, env: dict[str, str], cell: Cell) -> None:
    interrupt(cell, 0.2, arena_of_processes, env)


@campaign
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches a whole console there, these tests too")
@pytest.mark.parametrize("cell", _INTERRUPTED, ids=lambda cell: cell.name)
def test_ctrl_c_ends_it_at_any_moment_of_a_pattern(arena_of_processes: Arena, env: dict[str, str], cell: Cell) -> None:
    interrupt(cell, (0.0, 0.1, 0.5, 1.5)[chance(cell.name) % 4], arena_of_processes, env)


@pytest.mark.parametrize("name", FRONT_MATTER)
def test_a_folder_of_a_stranger_takes_little_time(
    arena: Arena, here: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "SKILL.md").write_text(
        f"---\nname: evil\ndescription: Says hi\n{FRONT_MATTER[name]}\n---\nDo it.\n", "utf-8"
    )
    variables = arena.variables(arena.homes.anew("plain"), "plain")
    with arena.proxy.during(Attempt()), less_than(4):
        result = here("skills", "create", str(folder), **variables)
    assert result.exit_code in {0, 2}, result.stderr
    assert len(result.stderr) < 2000


# --- writings ---


def test_a_campaign_has_each_writing_in_each_place(arena: Arena, here: Callable[..., Result]) -> None:
    """As many turns as writings; and where there are more, all of them in so many places."""
    repeating = [fault for fault in FAULTS.values() if fault.repeats]
    assert len(repeating) == 2 * len({fault.name.removesuffix(", in two ways at once") for fault in repeating})
    for fault in repeating:
        turns = [cell.turn for cell in all_cells_of(fault, arena, here)]
        assert turns == list(range(len(turns)))
        # A place that few commands have says it in many of its parts.
        assert len(turns) >= len(WRITINGS) or fault.at, fault.name


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
    *(
        "POST /v1/skills",
        "DELETE /v1/skills/ID",
        "GET /key/info",
        "GET /user/info",
        "POST /token",
        "POST /register",
        "POST /revoke",
    ),
    *("POST /key/delete", "GET /.well-known/litellm-cli-auth", "GET /public/model_hub/info"),
    *("GET /health/liveliness", "GET /key/list", "GET /key/list?page", "POST /sso/cli/start", "GET /sso/cli/poll/ID"),
    "GET /.well-known/litellm-ui-config",
    *OF_USERS,
)


def test_every_endpoint_that_is_asked_is_mistyped(arena: Arena, here: Callable[..., Result]) -> None:
    asked = {endpoint for cases in COMMANDS.values() for case in cases for endpoint in arena.asked(case, here)}
    assert asked - {"GET /health/readiness", "GET /sso/cli/start", "POST /v1/chat/completions"} <= set(_ENDPOINTS)


@pytest.mark.parametrize("endpoint", _ENDPOINTS)
def test_a_field_of_another_type(arena: Arena, here: Callable[..., Result], endpoint: str) -> None:
    """Every sixth field, each of one type, to one command."""
    cells = []
    for path in places(recorded(endpoint)):
        number = chance(endpoint, str(path))
        kind = list(REPLACEMENTS)[number % len(REPLACEMENTS)]
        users = users_of(endpoint, arena, here)
        if (number // 8) % 6 == 0 or len(path) < 2:
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
