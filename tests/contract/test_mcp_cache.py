"""The cached MCP tools: when they are used, when they are renewed, and for whom they are."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from tests.answers import Gate
from tests.conftest import Run
from tests.contract.caches import cache_file, make_older
from tests.contract.tools import ADD, CALL, LIST, SERVERS, answer, calls, listings, offer, offering, printed, tool
from tests.effort import until
from tests.fake_proxy import FakeProxy, error, row
from tests.logins import OLD, Files

HOUR = 3600


def in_turn(proxy: FakeProxy, *names: str) -> FakeProxy:
    """Let the proxy offer one tool after the other, each once."""
    for name in names:
        offering(proxy, tool(name, ADD), times=1)
    return proxy


def name_of(run: Run, **variables: str) -> str:
    return run("mcp", "list", "--fields", "name", **variables).strip()


def test_tools_are_fresh_for_an_hour(run: Run, proxy: FakeProxy, home: Path) -> None:
    in_turn(proxy, "old", "new")
    first = run("mcp", "list", "--json")
    assert run("mcp", "list", "--json") == first
    make_older(home, HOUR - 60, "tools")
    assert run("mcp", "list", "--json") == first
    make_older(home, 120, "tools")
    assert name_of(run, CI="1") == "new"
    assert listings(proxy) == 2


def test_one_from_the_future_is_not_fresh(run: Run, proxy: FakeProxy, home: Path) -> None:
    in_turn(proxy, "old", "new")
    name_of(run)
    make_older(home, -2 * HOUR, "tools")
    assert name_of(run, CI="1") == "new"


def test_what_is_cached_is_the_same_as_what_was_told(run: Run, proxy: FakeProxy) -> None:
    odd = tool("ünï \u2028\n\x1b", {"b": 1.0, "a": [None, True], "type": "object"}, annotations=[1], outputSchema=False)
    proxy.on(LIST, offer(odd, tool("add", ADD), down="unreachable") | {"x": 1}).on(SERVERS, [])
    cold = [run("mcp", "list", "-o", "json")]
    warm = [run("mcp", "list", "-o", "json")]
    assert cold == warm
    assert cold[0].stderr == warm[0].stderr == "Warning: MCP server down is unreachable\n"
    assert json.dumps(warm[0].json[1]["input_schema"]) == '{"b": 1.0, "a": [null, true], "type": "object"}'


def test_an_older_list_is_used_at_once_and_renewed_behind(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    in_turn(proxy, "old")
    name_of(run)
    make_older(home, 2 * HOUR, "tools")
    in_turn(proxy, "new")
    assert run_process("mcp", "list", "--fields", "name") == "old\n"
    until(lambda: '"new"' in cache_file(home, "tools").read_text())
    assert name_of(run) == "new"
    assert proxy.asked == [LIST, SERVERS] * 2  # and no models, which nobody asked for


def test_a_call_with_an_older_list_does_not_wait_for_a_new_one(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    in_turn(proxy, "add")
    name_of(run)
    make_older(home, 2 * HOUR, "tools")
    gate = Gate(offer(tool("new")))
    proxy.on(LIST, respond=gate).on(SERVERS, [])
    proxy.on(CALL, answer("3"), method="POST")
    assert run_process("mcp", "call", "add", "a=1") == "3\n"
    until(lambda: listings(proxy) == 2)
    gate.open()
    until(lambda: '"new"' in cache_file(home, "tools").read_text())


def test_models_and_tools_are_renewed_together_behind(run_process: Run, run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"))
    in_turn(proxy, "old")
    run("refresh")
    make_older(home, 48 * HOUR, "tools")
    make_older(home, 48 * HOUR)
    proxy.models(row("newer"))
    in_turn(proxy, "new")
    assert run_process("mcp", "list", "--fields", "name") == "old\n"
    until(lambda: '"new"' in cache_file(home, "tools").read_text())
    assert run("models", "--fields", "id") == "newer\n"


def test_tools_are_not_renewed_behind_where_mcp_is_off(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    proxy.models(row("gpt"))
    in_turn(proxy, "old")
    run("refresh")
    make_older(home, 48 * HOUR, "tools")
    make_older(home, 48 * HOUR)
    run("config", "set", "mcp", "false")
    proxy.models(row("newer"))
    offering(proxy, tool("new"))
    assert run_process("models", "--fields", "id") == "gpt\n"
    until(lambda: "newer" in next((home / "cache").glob("models-*.jsonl")).read_text())
    time.sleep(0.3)
    assert listings(proxy) == 1


def test_a_failed_renewal_behind_is_silent_and_waits(run_process: Run, run: Run, proxy: FakeProxy, home: Path) -> None:
    in_turn(proxy, "old")
    name_of(run)
    make_older(home, 2 * HOUR, "tools")
    proxy.on(LIST, {}, status=500, times=None)
    assert run_process("mcp", "list").stderr == ""
    until(lambda: list((home / "cache").glob("tools-*.failed")))
    for _ in range(2):
        assert run_process("mcp", "list", "--fields", "name") == "old\n"
    time.sleep(0.3)
    assert listings(proxy) == 2


@pytest.mark.parametrize(
    ("variables", "settings", "options"),
    [
        pytest.param({"CI": "true"}, {}, [], id="CI"),
        pytest.param({"LITELLM_API_KEY_HELPER": "echo sk-helper"}, {}, [], id="helper"),
        pytest.param({"TOKEN": "tok"}, {}, ["--server-header", "lab:token=$TOKEN"], id="header of this run"),
        pytest.param({}, {"mcp_headers.lab:token": "!echo tok"}, [], id="header from a command"),
    ],
)
def test_where_a_person_or_a_command_is_needed_it_is_renewed_in_the_foreground(
    run: Run, proxy: FakeProxy, home: Path, variables: dict[str, str], settings: dict[str, str], options: list[str]
) -> None:
    for name, value in settings.items():
        run("config", "set", name, value)
    in_turn(proxy, "old", "new")
    run("mcp", "list", *options, **variables)
    make_older(home, 2 * HOUR, "tools")
    assert run("mcp", "list", "--fields", "name", *options, **variables) == "new\n"
    assert listings(proxy) == 2


def test_a_stored_login_in_a_file_is_silent(run_process: Run, run: Run, proxy: FakeProxy, home: Path) -> None:
    Files(home / "config").keep(proxy.url, left=2 * HOUR, life=3 * HOUR)
    in_turn(proxy, "old")
    name_of(run)
    make_older(home, 2 * HOUR, "tools")
    in_turn(proxy, "new")
    assert run_process("mcp", "list", "--fields", "name") == "old\n"
    until(lambda: '"new"' in cache_file(home, "tools").read_text())
    assert {request.headers["Authorization"] for request in proxy.requests} == {f"Bearer {OLD}"}


def test_a_proxy_that_is_down_gives_the_cached_tools_with_their_age(run: Run, proxy: FakeProxy, home: Path) -> None:
    in_turn(proxy, "old")
    name_of(run)
    make_older(home, 3 * HOUR + 5, "tools")
    proxy.on(LIST, {}, status=500, times=2)
    result = run("mcp", "list", "--fields", "name", CI="1")
    assert result == "old\n"
    assert "the cached list is 3 hours old" in result.stderr
    assert run("mcp", "list", "--refresh", exit=3) == ""  # an old list would pass for a new one
    proxy.on(LIST, **error(401, "expired", "expired_key"))
    assert run("mcp", "list", "--refresh", exit=4) == ""  # a refused key is an error whatever is cached


@pytest.mark.parametrize(
    "damage",
    ["", "garbage", '{"schema": 1}', "\x00" * 100, '{"schema": 99}\n', "[]\n", "half", "row", "json", "header"],
)
def test_a_damaged_cache_is_no_cache(run: Run, proxy: FakeProxy, home: Path, damage: str) -> None:
    import zlib

    in_turn(proxy, "old", "new")
    name_of(run)
    path = cache_file(home, "tools")
    head, rest = path.read_text().split("\n", 1)
    header = json.loads(head)
    if damage == "half":
        damage = path.read_text()[:-10]
    elif damage == "header":
        damage = json.dumps({**header, "servers": [7]}) + "\n" + rest
    elif damage in {"row", "json"}:
        rest = '["too", "short"]\n' if damage == "row" else "{nope\n"
        damage = json.dumps({**header, "crc32": zlib.crc32(rest.encode())}) + "\n" + rest
    path.write_text(damage)
    assert name_of(run) == "new"
    assert name_of(run) == "new"


def test_a_cache_that_cannot_be_written_is_a_warning(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    offering(proxy, tool("add", ADD))
    proxy.on(CALL, answer("3"), method="POST")
    result = run("mcp", "call", "add", "a=1")
    assert (result, "Warning: cannot cache the list: " in result.stderr) == ("3\n", True)


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({"LITELLM_API_KEY": "sk-other"}, []),
        ({"LITELLM_HEADERS": '{"x-team": "blue"}'}, []),
        ({"LITELLM_API_KEY_HELPER": "echo sk-test-0123456789abcdef"}, []),
        ({"TOKEN": "mine"}, ["--server-header", "lab:token=$TOKEN"]),
    ],
)
def test_another_identity_never_sees_the_cache(
    run: Run, proxy: FakeProxy, variables: dict[str, str], options: list[str]
) -> None:
    in_turn(proxy, "ours", "theirs")
    listed = ("mcp", "list", "--fields", "name")
    assert run(*listed) == "ours\n"
    assert run(*listed, *options, **variables) == "theirs\n"
    assert (run(*listed), run(*listed, *options, **variables)) == ("ours\n", "theirs\n")
    assert listings(proxy) == 2


def test_each_value_of_a_header_has_tools_of_its_own(run: Run, proxy: FakeProxy, home: Path, tmp_path: Path) -> None:
    run("config", "set", "mcp_headers.lab:token", "$TOKEN")
    in_turn(proxy, "first", "second", "third", "fourth")
    assert [name_of(run, TOKEN=value) for value in ("a1b2-first", "a1b2-second", "a1b2-first")] == [
        "first",
        "second",
        "first",
    ]
    (tmp_path / "token").write_text("a1b2-third")
    for option, name in ((f"lab:token=@{tmp_path}/token", "third"), ("lab:other=$TOKEN", "fourth")):
        words = ("mcp", "list", "--fields", "name", "--server-header", option)
        assert run(*words, TOKEN="a1b2-first") == run(*words, TOKEN="a1b2-first") == f"{name}\n"
    sent = [request.headers.get("x-mcp-lab-token") for request in proxy.requests if request.path == LIST]
    assert sent == ["a1b2-first", "a1b2-second", "a1b2-third", "a1b2-first"]
    for path in (home / "cache").iterdir():
        assert b"a1b2-" not in path.read_bytes()
        assert "a1b2-" not in path.name


def test_the_cache_is_private_and_holds_no_secret(run: Run, proxy: FakeProxy, home: Path, env: dict[str, str]) -> None:
    in_turn(proxy, "add")
    run("mcp", "list", LITELLM_HEADERS='{"x-secret": "hidden-header"}')
    files = [path for path in (home / "cache").iterdir() if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    for path in files:
        assert env["LITELLM_API_KEY"].encode() not in path.read_bytes()
        assert b"hidden-header" not in path.read_bytes()


def test_a_warm_list_runs_no_helper(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    helper = f"sh -c 'echo x >> {trace}; echo sk-helper'"
    in_turn(proxy, "add")
    for _ in range(3):
        run("mcp", "list", LITELLM_API_KEY_HELPER=helper)
    assert trace.read_text() == "x\n"


def test_a_cold_call_runs_a_helper_once(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    offering(proxy, tool("add", ADD))
    proxy.on(CALL, answer("3"), method="POST")
    run("mcp", "call", "add", "a=1", LITELLM_API_KEY_HELPER=f"sh -c 'echo x >> {trace}; echo sk-helper'")
    assert trace.read_text() == "x\n"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_offline_never_touches_the_network(run: Run, proxy: FakeProxy, home: Path, how: str) -> None:
    option, variables = (["--offline"], {}) if how == "option" else ([], {"LITELLM_OFFLINE": "1"})
    offering(proxy, tool("add", ADD))

    def failed(*words: str, exit: int = 3) -> str:
        result = run("mcp", *words, "--json", *option, exit=exit, **variables)
        assert result == ""
        return str(result.error["code"])

    for words in (["servers"], ["list"], ["show", "add"], ["call", "add", "a=1"], ["call", "add", "--jsonl", "-"]):
        assert failed(*words) == "offline"
    assert failed("list", "--refresh", exit=2) == "usage"
    assert proxy.requests == []
    name_of(run)
    make_older(home, 40 * 24 * HOUR, "tools")
    for words in (["list", "--fields", "name"], ["show", "add", "--fields", "name"]):
        result = run("mcp", *words, *option, **variables)
        assert (result, "40 days old" in result.stderr) == ("add\n", True)
    assert failed("servers") == failed("call", "add", "a=1") == "offline"
    assert failed("call", "add", "a=x", exit=2) == "usage"  # what is wrong is said without a network
    assert failed("show", "nope", exit=5) == "not_found"
    run("mcp", "call", "add", "--jsonl", "-", *option, stdin='{"a": 1}', exit=3, **variables)
    assert len(proxy.requests) == 2


def test_the_tools_of_profiles_are_kept_apart(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "profiles.work.base_url", f"{proxy.url}/team")
    run("config", "set", "profiles.work.api_key", "$WORK_KEY")
    proxy.on(f"/team{LIST}", offer(tool("theirs"))).on(f"/team{SERVERS}", [])
    in_turn(proxy, "ours")
    for _ in range(2):
        assert name_of(run) == "ours"
        listed = run("mcp", "list", "--fields", "name", "--profile", "work", WORK_KEY="sk-work")
        assert listed == "theirs\n"
    assert len(proxy.requests) == 4


def test_a_call_asks_for_tools_no_more_than_once(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("add", ADD))
    proxy.on(CALL, answer("3"), method="POST", times=3)
    seen = [run("mcp", "call", "add", "a=1", "-v") for _ in range(3)]
    assert (listings(proxy), len(calls(proxy))) == (1, 3)
    assert printed(*seen[1:]).count("POST /mcp-rest/tools/call 200") == 2
    assert "GET" not in printed(*seen[1:])
