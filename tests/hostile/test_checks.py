"""What would be seen: commands that do wrong, put beside the others, each found out by the matrix's own checks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import requests

from litellmctl.app import App
from litellmctl.cli import cli
from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure, Rejected
from tests.conftest import Result
from tests.hostile import commands
from tests.hostile.arena import Arena, Cell
from tests.hostile.commands import Case
from tests.hostile.faults import FAULTS
from tests.hostile.known import FORGED, KEY
from tests.hostile.test_hostile import interrupt
from tests.writings import PAIRS, WRITINGS

# An answer that urllib3 refuses by its headers leaves its connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

_REFUSED, _MOVED = "status 400", "redirect 302 to another port"
_REPEATS = "repeats secrets with 400"


def _ask(app: App) -> Any:
    client = app.connection.client().within(8)
    return client.deadline.run(lambda: client.get_json("/v1/models"))


def _made(work: Callable[[App], None]) -> click.Command:
    @command("fake", fields={"id": "A name."}, examples="# Why\n$ litellmctl fake | jq")
    @click.argument("name")
    @click.option("--kind", required=True, type=click.Choice(["one", "two"]), help="A kind.")
    @click.option("--count", required=True, type=int, help="A number.")
    @pass_app
    def fake(app: App, *, name: str, kind: str, count: int) -> None:
        """Do something to be found out."""
        assert (name, kind, count) == ("x", "one", 1)
        work(app)

    return fake


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[App], None]], Case]:
    """Add a command that does this; return its case, which nobody wrote."""

    def join(work: Callable[[App], None]) -> Case:
        fake = _made(work)
        monkeypatch.setitem(cli.commands, "fake", fake)
        monkeypatch.setitem(commands.LEAVES, ("fake",), fake)
        (case,) = commands.asking()["fake",]
        return case

    return join


def test_a_new_command_joins_by_itself(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    case = join(_ask)
    assert case.words == ("x", "--kind", "one", "--count", "1")
    assert arena.asked(case, here) == ["GET /v1/models"]
    assert arena.meet(Cell(FAULTS[_REFUSED], case), here) == []
    assert arena.meet(Cell(FAULTS[_MOVED], case, format=("--json",)), here) == []


def _print(text: str) -> Callable[[App], None]:
    return lambda app: (app.console.write(text), _ask(app))[1]


def _fail(failure: Failure) -> Callable[[App], None]:
    def work(app: App) -> None:
        raise failure

    return work


def _swallow(app: App) -> None:
    try:
        _ask(app)
    except Failure:
        return


def _say(text: str) -> Callable[[App], None]:
    def work(app: App) -> None:
        # Not by the console, which would clean it.
        sys.stderr.write(f"{text}\n")
        _ask(app)

    return work


def _send_twice(app: App) -> None:
    for _ in range(2):
        client = app.connection.client().within(8)
        client.send("POST", "/v1/skills", json={}).close()
    _ask(app)


# Not through the HTTP proxy that the variables name.
_DIRECTLY: dict[str, Any] = {"timeout": 8, "proxies": {"no_proxy": "127.0.0.1"}}


def _follow(app: App) -> None:
    requests.get(f"{app.connection.pair.base_url}/v1/models", **_DIRECTLY)
    _ask(app)


def _use_the_http_proxy(app: App) -> None:
    requests.get(f"{app.connection.pair.base_url}/v1/models", timeout=8)
    _ask(app)


def _send_a_cookie(app: App) -> None:
    requests.get(f"{app.connection.pair.base_url}/v1/models", cookies={"a": "b"}, **_DIRECTLY)
    _ask(app)


def _leave(name: str, data: str) -> Callable[[App], None]:
    def work(app: App) -> None:
        folder = Path(os.environ["LITELLMCTL_CONFIG_DIR"]).parent
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(data)
        _ask(app)

    return work


WRONGS: dict[str, tuple[Callable[[App], None], str]] = {
    "prints, and fails": (_print("data\n"), "it printed something, and failed"),
    "succeeds all the same": (_swallow, "exit 0, not one of"),
    "has another exit code": (_fail(Failure("interrupted", "no", remedy="x")), "exit 130, not one of"),
    "has no remedy": (_fail(Rejected("rejected", "no")), "no error with what to try"),
    "raises": (lambda app: {}["no such thing"], "it says that this is a bug"),
    "shows the key": (_say(f"Warning: the key {KEY} is wrong"), f"it shows {KEY}"),
    "prints the key": (_print(KEY), f"it shows {KEY}"),
    "says control characters": (_say("\x1b[31mred"), "it says the control character"),
    "prints control characters": (_print("\x1b[31mred\n"), "it prints the control character"),
    "says what turns the writing round": (_say("\u202eabc"), "it says the control character"),
    "says a traceback": (_say("Traceback (most recent call last):"), "Traceback"),
    "says very much": (_say("x" * 30_000), "characters"),
    "sends twice": (_send_twice, "it sent POST /v1/skills 2 times"),
    "sends what .netrc says": (_follow, "it sent what .netrc says"),
    "uses the HTTP proxy": (_use_the_http_proxy, "it asked another server"),
    "sends a cookie": (_send_a_cookie, "it sent a cookie back"),
    "changes the config": (_leave("config/config.toml", "x = 1\n"), "it changed config/config.toml"),
    "changes the logins": (_leave("config/logins.json", "{}"), "it changed config/logins.json"),
    "leaves a temporary file": (_leave("cache/half.tmp", ""), "it left cache/half.tmp"),
    "leaves a broken cache": (_leave("cache/x.jsonl", '{"crc32": 1, "total": 0}\n'), "cache/x.jsonl is damaged"),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_command_that_does_wrong_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result], wrong: str
) -> None:
    work, seen = WRONGS[wrong]
    problems = arena.meet(Cell(FAULTS[_REFUSED], join(work)), here)
    assert any(seen in problem for problem in problems), problems


@pytest.mark.parametrize("way", [*WRITINGS, *sorted(PAIRS)[::60]])
def test_a_secret_is_found_however_it_is_written(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result], way: str
) -> None:
    work = _say(f"Warning: {({**WRITINGS, **PAIRS})[way](KEY)}")
    problems = arena.meet(Cell(FAULTS[_REPEATS], join(work)), here)
    assert any(f"it shows {KEY}" in problem for problem in problems), problems


@pytest.mark.parametrize("way", ["as it is", "in base64 after 1 bytes", "in percents, with zero bytes inside"])
def test_a_secret_is_found_wherever_it_is(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result], way: str
) -> None:
    written = {**WRITINGS, **PAIRS}[way](KEY)
    works = {"it shows": _print(f"{written}\n")}
    for name in ("cache/x.txt", "config/logins.json", "config/exports/x.toml", "files/x", ".config/other.json"):
        works[f"{name} holds"] = _leave(name, f"x {written}")
    for seen, work in works.items():
        problems = arena.meet(Cell(FAULTS[_REPEATS], join(work)), here)
        assert any(f"{seen} {KEY}" in problem for problem in problems), (seen, problems)


def test_what_a_tab_offers_is_looked_at(
    join: Callable[[Callable[[App], None]], Case],
    arena: Arena,
    here: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = join(_leave("cache/x.txt", "x"))
    for offered, seen in ((KEY, f"offers {KEY}"), ("a\u202eb", "TAB after")):
        answer = f"plain\tx\t{offered}\n"
        monkeypatch.setattr("litellmctl.completion.protocol.complete", lambda *_, answer=answer: answer)
        problems = arena.meet(Cell(FAULTS[_REPEATS], case), here)
        assert any(seen in problem for problem in problems), problems


@pytest.mark.parametrize("label", ["Error: ", "Try:   ", "Warning: "])
@pytest.mark.parametrize("end", ["\n", "\u2028", "\x85"], ids=ascii)
def test_a_line_of_somebody_else_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result], label: str, end: str
) -> None:
    case = join(_say(f"a{end}{label}{FORGED}"))
    problems = arena.meet(Cell(FAULTS[_REFUSED], case), here)
    assert any("a line of it is somebody else's" in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"a\nError: {FORGED}\n", "a line of it is somebody else's"),
        (f"{'x' * 80}Error: {FORGED}\n", "a line of it is somebody else's"),
        ("a\u202eb\n", "which turns the writing round"),
    ],
)
def test_what_a_terminal_shows_is_looked_at(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result], text: str, seen: str
) -> None:
    def work(app: App) -> None:
        sys.stdout.write(text)  # not by the console, which would clean it
        _ask(app)

    problems = arena.meet(Cell(FAULTS[_REFUSED], join(work), is_terminal=True), here)
    assert any(seen in problem for problem in problems), problems


def test_a_turned_text_in_json_on_a_terminal_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    case = replace(join(lambda app: (sys.stdout.write('{"id": "a\u202eb"}\n'), _ask(app))[1]), reports=True)
    for is_terminal in (True, False):
        problems = arena.meet(Cell(FAULTS[_REFUSED], case, None, ("--json",), is_terminal=is_terminal), here)
        assert any("which turns the writing round" in problem for problem in problems) is is_terminal, problems


def test_who_works_too_long_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    def work(app: App) -> None:
        end = time.process_time() + 1
        while time.process_time() < end:
            pass
        _ask(app)

    # A bound so low that no machine is slow enough for it.
    cell = Cell(replace(FAULTS[_REFUSED], effort=0.001), join(work))
    assert any("of a processor" in problem for problem in arena.meet(cell, here))


_DEAF = """
import os, signal, sys, time, urllib.request
signal.signal(signal.SIGINT, {})
urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(os.environ["LITELLM_BASE_URL"] + "/v1/models").read()
time.sleep(6)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches a whole console there, these tests too")
@pytest.mark.parametrize(
    ("handler", "seen"),
    [("signal.SIG_IGN", "s after Ctrl-C"), ("lambda *_: sys.exit(1)", "exit 1"), ("lambda *_: 1 / 0", "exit 1")],
)
def test_who_does_not_end_at_ctrl_c_is_found_out(
    arena_of_processes: Arena, env: dict[str, str], handler: str, seen: str
) -> None:
    cell = Cell(FAULTS["patterns: wildcards, thousands"], Case(("models",)))
    program = (sys.executable, "-c", _DEAF.format(handler))
    with pytest.raises(AssertionError, match=seen):
        interrupt(cell, 0.1, arena_of_processes, env, program)
    interrupt(cell, 0.1, arena_of_processes, env, (*program[:2], _DEAF.format("signal.SIG_DFL")))


def test_a_request_elsewhere_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    problems = arena.meet(Cell(FAULTS[_MOVED], join(_follow)), here)
    assert any("it asked another server" in problem for problem in problems), problems


def test_an_error_in_words_where_json_was_asked_for_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    case = join(_say("Error: no\nTry:   x"))
    problems = arena.meet(Cell(FAULTS[_REFUSED], case, format=("--json",)), here)
    assert any("no JSON error" in problem for problem in problems), problems


def test_json_that_is_none_is_found_out(
    join: Callable[[Callable[[App], None]], Case], arena: Arena, here: Callable[..., Result]
) -> None:
    case = replace(join(_print('{"id": NaN}\n')), reports=True)
    problems = arena.meet(Cell(FAULTS[_REFUSED], case, format=("--json",)), here)
    assert any("is no JSON" in problem for problem in problems), problems


def test_who_takes_too_long_is_found_out(
    join: Callable[[Callable[[App], None]], Case],
    arena: Arena,
    here: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = Cell(FAULTS[_REFUSED], join(lambda app: (time.sleep(0.2), _ask(app))[1]))
    monkeypatch.setattr("tests.hostile.arena.MAX_SECONDS", {cell.fault.cost: 0.1})
    assert any("it took 0." in problem for problem in arena.meet(cell, here))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory that was used")
def test_who_takes_much_memory_is_found_out(apart: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.hostile.conftest.MAX_MEMORY", 2**20)
    with pytest.raises(AssertionError, match="MiB of memory"):
        apart("--version")
