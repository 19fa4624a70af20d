"""When the list of tools is read, requested, kept and replaced."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from litellmctl.bridge import latest as module
from litellmctl.bridge.access import Access
from litellmctl.bridge.latest import Latest
from litellmctl.bridge.listing import Choice, ToolList
from litellmctl.errors import AuthFailure, Failure, Unavailable
from litellmctl.foundation.threads import in_background
from litellmctl.tools.cache import ToolCatalog
from tests.contract.tools import TWO, server, tool
from tests.effort import until
from tests.unit.bridge.behind import Behind, made

DAY = 86400.0
DOWN = Unavailable("unreachable", "the proxy is down")
ROWS = [server("lab"), server("stdio")]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


def latest_of(behind: Behind, **choice: Any) -> tuple[Latest, list[ToolList]]:
    new: list[ToolList] = []
    return Latest(Access(behind.connect), Choice(**choice), new.append), new


def names(listing: ToolList | None) -> list[str]:
    assert listing is not None
    return [one["name"] for one in listing.definitions]


@pytest.mark.parametrize("age", [0.0, 60.0, 7 * DAY, -60.0])
def test_a_cached_list_takes_no_request(age: float) -> None:
    behind = Behind().cached(age=age)
    latest, _ = latest_of(behind)
    assert names(latest.cached()) == names(latest.listing()) == ["mcp_lab_add"]
    assert (behind.fetched, behind.key.asked) == (0, [])


def test_a_list_that_is_too_old_is_requested() -> None:
    behind = Behind().cached(age=31 * DAY)
    latest, _ = latest_of(behind)
    assert latest.cached() is None
    assert names(latest.listing()) == ["mcp_lab_add"]
    assert behind.fetched == 1


def test_without_a_cache_one_request_answers_all(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Behind()
    behind.gate.clear()
    latest, _ = latest_of(behind)
    assert latest.cached() is None
    asked = [in_background(latest.listing) for _ in range(10)]
    threading.Timer(0.1, behind.gate.set).start()
    assert {id(one.result()) for one in asked} == {id(latest.listing())}
    assert behind.fetched == 1


def test_a_slow_proxy_is_a_problem_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.05)
    behind = Behind()
    behind.gate.clear()
    latest, new = latest_of(behind)
    assert "has not listed its MCP tools yet" in str(latest.listing().problem)
    behind.gate.set()
    until(lambda: names(latest.listing()) == ["mcp_lab_add"])
    assert names(new[-1]) == ["mcp_lab_add"]
    assert behind.fetched == 1


def test_a_proxy_that_is_down_is_a_problem() -> None:
    behind = Behind()
    behind.fails = DOWN
    assert latest_of(behind)[0].listing().problem is DOWN


def test_a_cached_list_without_the_tool_that_is_wanted_is_requested_again() -> None:
    behind = Behind().cached(age=60)
    behind.offer = made(tool("new"))
    latest, _ = latest_of(behind, globs=["new"])
    assert latest.cached() is None
    assert names(latest.listing()) == ["mcp_lab_new"]


def test_what_the_cached_list_lacks_is_the_problem_while_the_proxy_is_down() -> None:
    behind = Behind().cached(age=60)
    behind.fails = DOWN
    latest, _ = latest_of(behind, servers=["nope"])
    assert 'no MCP server "nope"' in str(latest.listing().problem)


def test_a_list_of_just_now_is_new_enough() -> None:
    behind = Behind()
    latest, _ = latest_of(behind)
    assert latest.listing() is latest.refreshed()
    assert behind.fetched == 1


def test_after_a_problem_each_look_is_a_request() -> None:
    behind = Behind()
    behind.fails = DOWN
    latest, new = latest_of(behind)
    latest.listing()
    with pytest.raises(Unavailable):
        latest.refreshed()
    behind.fails = None
    assert names(latest.refreshed()) == ["mcp_lab_add"]
    assert names(new[-1]) == ["mcp_lab_add"]
    assert behind.fetched == 3


def test_an_older_list_is_requested_in_the_background() -> None:
    behind = Behind().cached(age=400)
    latest, new = latest_of(behind)
    latest.listing()
    behind.offer = made(*TWO)
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add", "mcp_stdio_ping"] == names(new[-1])
    latest.tick()
    assert behind.fetched == 1


@pytest.mark.parametrize(("age", "seconds"), [(200.0, 300.0), (DAY, 0.0)])
def test_a_list_that_is_new_enough_is_not(age: float, seconds: float) -> None:
    behind = Behind().cached(age=age)
    latest, _ = latest_of(behind, refresh_seconds=seconds)
    latest.listing()
    latest.tick()
    assert behind.fetched == 0


def test_a_list_that_turned_out_to_be_outdated_is_requested() -> None:
    behind = Behind().cached()
    latest, _ = latest_of(behind, refresh_seconds=0)
    latest.listing()
    latest.outdate()
    latest.tick()
    latest.tick()
    assert behind.fetched == 1


def test_pauses_between_requests_that_fail_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("litellmctl.bridge.latest.time.monotonic", lambda: now)
    behind = Behind()
    behind.fails = DOWN
    latest, _ = latest_of(behind)
    latest.listing()
    at = []
    for second in range(4000):
        before = behind.fetched
        latest.tick()
        if behind.fetched > before:
            at.append(second)
        now += 1
    pauses = [later - earlier for earlier, later in zip([0, *at], at, strict=False)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 600


def test_tools_stay_while_the_proxy_is_down() -> None:
    behind = Behind().cached(age=400)
    latest, new = latest_of(behind)
    latest.listing()
    behind.fails = DOWN
    latest.tick()
    assert behind.fetched == 1
    assert names(latest.listing()) == ["mcp_lab_add"]
    assert len(new) == 1


def test_tools_stay_when_the_sign_in_has_expired() -> None:
    behind = Behind().cached(age=400)
    latest, _ = latest_of(behind)
    behind.key.fails = AuthFailure("auth_required", "expired", remedy="litellmctl login")
    latest.listing()
    latest.tick()
    assert behind.key.asked == ["secret"]
    assert names(latest.listing()) == ["mcp_lab_add"]


def test_tools_go_when_the_key_may_no_longer_use_any() -> None:
    behind = Behind().cached(age=400)
    latest, _ = latest_of(behind)
    latest.listing()
    behind.fails = AuthFailure("forbidden", "this key is not allowed to use any MCP server")
    latest.tick()
    assert latest.listing().problem is behind.fails


def test_a_server_that_is_down_keeps_its_tools_and_one_that_is_removed_loses_them() -> None:
    behind = Behind(made(*TWO, rows=ROWS)).cached(age=400)
    latest, _ = latest_of(behind, refresh_seconds=1e-9)
    latest.listing()
    behind.offer = made(TWO[0], rows=ROWS, stdio="unreachable")
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add", "mcp_stdio_ping"]
    behind.offer = made(TWO[0], rows=ROWS[:1])
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add"]
    assert behind.fetched == 2


def test_a_list_that_another_process_wrote_is_taken(tmp_path: Path) -> None:
    behind = Behind().cached()
    file = tmp_path / "cache"
    behind.cache.place = str(file)
    latest, new = latest_of(behind)
    latest.listing()
    latest.tick()
    behind.cache.catalog = ToolCatalog(time.time() + 1, made(*TWO))
    assert names(latest.listing()) == ["mcp_lab_add"]
    file.write_text("new")
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add", "mcp_stdio_ping"] == names(new[-1])
    assert behind.fetched == 0


def test_a_list_that_another_process_dropped_is_requested(tmp_path: Path) -> None:
    """As `mcp login` does, after which its server has tools."""
    behind = Behind().cached()
    file = tmp_path / "cache"
    file.write_text("old")
    behind.cache.place = str(file)
    latest, _ = latest_of(behind)
    latest.listing()
    behind.offer = made(*TWO)
    behind.cache.catalog = None
    file.unlink()
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add", "mcp_stdio_ping"]


def test_a_new_sign_in_ends_a_problem(config: Path) -> None:
    behind = Behind()
    behind.unconnected = AuthFailure("auth_required", "no login")
    latest, new = latest_of(behind)
    assert latest.listing().problem is behind.unconnected
    assert latest.tick() == module.PROBLEM_TICK_SECONDS
    behind.unconnected = None
    behind.key.is_quiet = False  # the person is there, and a keyring may ask
    (config / "logins.json").write_text("{}")
    latest.tick()
    assert names(latest.listing()) == ["mcp_lab_add"] == names(new[-1])


def test_another_problem_is_told(config: Path) -> None:
    behind = Behind()
    behind.unconnected = AuthFailure("auth_required", "no login")
    latest, _ = latest_of(behind)
    latest.listing()
    behind.unconnected = Failure("config", "not valid TOML")
    (config / "config.toml").write_text("x")
    latest.tick()
    assert latest.listing().problem is behind.unconnected


def test_no_keyring_and_no_command_is_used_in_the_background_before_a_call_needed_it() -> None:
    behind = Behind().cached(age=400)
    behind.key.is_quiet = False
    access = Access(behind.connect)
    latest = Latest(access, Choice(), lambda _: None)
    latest.listing()
    latest.tick()
    assert (behind.fetched, behind.key.asked) == (0, [])
    access.client()
    latest.tick()
    assert (behind.fetched, behind.key.asked) == (1, ["secret"])


def test_a_bug_is_a_problem() -> None:
    behind = Behind()
    behind.fails = ValueError("secret")  # type: ignore[assignment]
    problem = latest_of(behind)[0].listing().problem
    assert "unexpected ValueError" in str(problem)
    assert "secret" not in str(problem)
