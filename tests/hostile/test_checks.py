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
from tests.hostile.commands import KEY, Case
from tests.hostile.faults import FAULTS

# An answer that urllib3 refuses by its headers leaves its connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

_REFUSED, _MOVED = "status 400", "redirect 302 to another port"


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
