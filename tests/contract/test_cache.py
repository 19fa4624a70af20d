"""The cached catalog: when it is used, when it is refreshed, and that nothing damages it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.answers import Gate
from tests.conftest import Run
from tests.contract.caches import cache_file, make_older
from tests.effort import until
from tests.fake_proxy import FakeProxy, row

DAY = 24 * 3600


def test_a_fresh_cache_costs_no_request(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"))
    first = run("models", "--json")
    assert run("models", "--json") == first
    make_older(home, DAY - 60)
    assert run("models", "--json") == first
    assert len(proxy.requests) == 1


def test_a_list_of_an_earlier_version_is_requested_again(run: Run, proxy: FakeProxy, home: Path) -> None:
    """Models of earlier lists, of schema 1, have neither tiers nor other prices."""
    proxy.models(row("gpt", output_cost_per_image=0.04)).models(row("gpt"))
    run("models")
    head, line, _ = cache_file(home).read_bytes().split(b"\n")
    model = json.loads(line)
    model["cost"] = {name: model["cost"][name] for name in ("input", "output", "cache_read", "cache_write")}
    old = json.dumps(model).encode() + b"\n"
    header = {**json.loads(head), "schema": 1, "crc32": zlib.crc32(old)}
    cache_file(home).write_bytes(json.dumps(header).encode() + b"\n" + old)
    assert run("models", "--offline", "--json", exit=3).error["code"] == "offline"
    assert "repriced" not in run("refresh", terminal=True)
    assert run("models", "show", "gpt", "--offline", "--json").json["cost"]["tiers"] == []


def test_refresh_forces_a_request(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt")).models(row("new"))
    run("models")
    assert run("models", "--refresh", "--json").json[0]["id"] == "new"


@pytest.mark.parametrize(
    "change",
    [
        {"LITELLM_API_KEY": "sk-other"},
        {"LITELLM_HEADERS": '{"x-team": "blue"}'},
        {"LITELLM_API_KEY_HELPER": "echo sk-test-0123456789abcdef"},
    ],
)
def test_another_identity_never_sees_the_cache(run: Run, proxy: FakeProxy, change: dict[str, str]) -> None:
    proxy.models(row("gpt")).models(row("theirs"))
    run("models")
    assert run("models", "--json", **change).json[0]["id"] == "theirs"
    assert run("models", "--json").json[0]["id"] == "gpt"


def test_reading_the_cache_runs_no_helper(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    helper = f"sh -c 'echo x >> {trace}; echo sk-helper'"
    proxy.models(row("gpt"))
    for _ in range(3):
        run("models", LITELLM_API_KEY_HELPER=helper)
    assert trace.read_text() == "x\n"


def test_the_cache_is_private_and_holds_no_secret(run: Run, proxy: FakeProxy, home: Path, env: dict[str, str]) -> None:
    proxy.models(row("gpt"))
    run("models", LITELLM_HEADERS='{"x-secret": "hidden-header"}')
    files = [path for path in (home / "cache").iterdir() if path.is_file()]
    assert stat.S_IMODE((home / "cache").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    for path in files:
        assert env["LITELLM_API_KEY"].encode() not in path.read_bytes()
        assert b"hidden-header" not in path.read_bytes()


def test_an_old_cache_is_printed_at_once_and_refreshed_in_the_background(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    proxy.models(row("old"))
    run("models")
    make_older(home, 2 * DAY)
    proxy.models(row("new"))
    assert run_process("models", "--json").json[0]["id"] == "old"
    until(lambda: '"new"' in cache_file(home).read_text())
    assert run("models", "--json").json[0]["id"] == "new"


def test_the_refresh_behind_is_for_the_same_proxy_and_credential(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    # Only the command line makes this pair, so the refresh needs all of its options.
    options = ["--auth", "env", "--base-url", proxy.url, "--allow-insecure-http"]
    moved = {"LITELLM_BASE_URL": None, "LITELLM_API_KEY_HELPER": "false"}
    proxy.models(row("old"))
    run("models", *options, **moved)
    make_older(home, 2 * DAY)
    proxy.models(row("new"))
    assert run_process("models", "--json", *options, **moved).json[0]["id"] == "old"
    until(lambda: '"new"' in cache_file(home).read_text())
    assert [request.headers["Authorization"] for request in proxy.requests] == ["Bearer sk-test-0123456789abcdef"] * 2


def test_a_pipe_ends_at_once_while_the_background_refresh_goes_on(
    run: Run, proxy: FakeProxy, home: Path, env: dict[str, str]
) -> None:
    proxy.models(row("old"))
    run("models")
    make_older(home, 2 * DAY)
    gate = Gate({"data": [row("new")]})
    proxy.on("/model/info", respond=gate)
    script = '"$0" -m litellmctl models --json | cat'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=env, capture_output=True, text=True, timeout=20, check=True
    )
    assert (json.loads(done.stdout)[0]["id"], done.stderr) == ("old", "")
    until(lambda: len(proxy.requests) == 2)
    gate.open()
    until(lambda: '"new"' in cache_file(home).read_text())


def test_a_failed_background_refresh_is_silent_keeps_the_cache_and_waits(
    run_process: Run, run: Run, proxy: FakeProxy, home: Path
) -> None:
    proxy.models(row("old"))
    run("models")
    make_older(home, 2 * DAY)
    proxy.on("/model/info", {}, status=500)
    assert run_process("models", "--json").stderr == ""
    until(lambda: list((home / "cache").glob("*.failed")))
    for _ in range(3):
        assert run_process("models", "--json").json[0]["id"] == "old"
    time.sleep(0.5)
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"LITELLM_API_KEY_HELPER": "echo sk-x"}])
def test_in_ci_and_with_a_command_an_old_cache_is_refreshed_in_the_foreground(
    run: Run, proxy: FakeProxy, home: Path, variables: dict[str, str]
) -> None:
    proxy.models(row("old"))
    run("models", **variables)
    make_older(home, 2 * DAY)
    proxy.models(row("new"))
    assert run("models", "--json", **variables).json[0]["id"] == "new"


def test_a_proxy_that_is_down_gives_the_cached_list_with_its_age(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"))
    run("models")
    make_older(home, 3 * DAY + 5)
    proxy.on("/model/info", {}, status=500)
    result = run("models", "--json", CI="1")
    assert result.json[0]["id"] == "gpt"
    assert "the cached list is 3 days old" in result.stderr


@pytest.mark.parametrize("command", [["models"], ["models", "list"], ["models", "show", "gpt"]])
@pytest.mark.parametrize("answer", [{"body": {}, "status": 500}, {"body": b"<html>"}, {"body": {"data": 5}}])
def test_a_refresh_that_fails_prints_nothing_and_keeps_the_cache(
    run: Run, proxy: FakeProxy, home: Path, command: list[str], answer: dict[str, Any]
) -> None:
    proxy.models(row("gpt"))
    run("models")
    before = cache_file(home).read_bytes()
    proxy.on("/model/info", **answer)
    result = run(*command, "--refresh", exit=3)
    assert result == ""
    assert result.stderr.startswith("Error: ")
    assert cache_file(home).read_bytes() == before
    assert run("models", "--fields", "id") == "gpt\n"


def test_a_refresh_of_a_proxy_that_is_gone_or_speaks_no_tls_prints_nothing(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    run("models")
    tls = proxy.url.replace("http:", "https:")
    for url in ("http://127.0.0.1:1", tls):
        result = run("models", "--refresh", "--json", exit=3, LITELLM_BASE_URL=url)
        assert (result, result.error["code"] in {"tls", "unreachable"}) == ("", True)
    assert run("models", "--offline", "--fields", "id") == "gpt\n"


def test_an_old_list_says_its_age_once_its_refresh_failed(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"))
    run("models")
    make_older(home, 2 * DAY)
    (failed := cache_file(home).with_suffix(".failed")).touch()
    result = run("models", "--fields", "id")
    assert (result, result.stderr) == ("gpt\n", "Warning: the cached list is 2 days old: the last refresh failed\n")
    failed.unlink()
    make_older(home, 0)
    assert run("models").stderr == ""


def test_a_refused_key_is_an_error_whatever_is_cached(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    run("models")
    proxy.on("/model/info", {"error": {"message": "gone", "type": "expired_key"}}, status=401)
    proxy.on("/v1/models", {"error": {"message": "gone", "type": "expired_key"}}, status=401)
    assert run("models", "--refresh", exit=4) == ""


@pytest.mark.parametrize("offline", [{"LITELLM_OFFLINE": "1"}, {}])
def test_offline_never_touches_the_network(run: Run, proxy: FakeProxy, home: Path, offline: dict[str, str]) -> None:
    option = [] if offline else ["--offline"]
    nothing = run("models", "--json", *option, exit=3, **offline)
    assert nothing.error["code"] == "offline"
    named, remedy = (
        ("LITELLM_OFFLINE", "unset LITELLM_OFFLINE") if offline else ("--offline", "run it without --offline")
    )
    assert nothing.error["message"] == f"no cached models of {proxy.url}, and {named} is set"
    assert nothing.error["remedy"] == remedy
    assert run("refresh", "--json", *option, exit=3, **offline).error["code"] == "offline"
    both = run("models", "--refresh", "--json", *option, exit=2, **offline).error
    assert both["code"] == "usage"
    assert both["message"] == f"--refresh needs the network, but {named} is set"
    assert both["remedy"] == f"remove --refresh, or {remedy}"
    assert proxy.requests == []
    proxy.models(row("gpt"))
    run("models")
    make_older(home, 40 * DAY)
    result = run("models", "--json", *option, **offline)
    assert (result.json[0]["id"], "40 days old" in result.stderr) == ("gpt", True)
    assert len(proxy.requests) == 1


def test_a_discovery_timeout_of_zero_switches_discovery_off(run: Run, proxy: FakeProxy) -> None:
    off = {"LITELLM_DISCOVERY_TIMEOUT_MS": "0"}
    nothing = run("models", "--json", exit=3, **off).error
    assert (nothing["code"], nothing["remedy"]) == ("offline", "unset LITELLM_DISCOVERY_TIMEOUT_MS")
    assert "LITELLM_DISCOVERY_TIMEOUT_MS=0 is set" in run("models", "--refresh", exit=2, **off).stderr
    assert "LITELLM_DISCOVERY_TIMEOUT_MS=0 is set" in run("refresh", exit=2, **off).stderr
    proxy.models(row("gpt"))
    run("models")
    assert run("models", "--json", **off).json[0]["id"] == "gpt"
    assert run("models", exit=2, LITELLM_DISCOVERY_TIMEOUT_MS="soon").stderr.startswith("Error: LITELLM_DISCOVERY")


@pytest.mark.parametrize("damage", ["", "garbage", '{"schema": 1}', "\x00" * 100, '{"schema": 99}\n', "[]\n"])
def test_a_damaged_cache_is_no_cache(run: Run, proxy: FakeProxy, home: Path, damage: str) -> None:
    proxy.models(row("gpt")).models(row("new"))
    run("models")
    cache_file(home).write_text(damage)
    assert run("models", "--json").json[0]["id"] == "new"


def test_half_a_cache_is_no_cache(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("a"), row("b")).models(row("new"))
    run("models")
    path = cache_file(home)
    path.write_bytes(path.read_bytes()[:-40])
    assert run("models", "--json").json[0]["id"] == "new"


def test_a_cache_that_cannot_be_written_is_a_warning(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    proxy.models(row("gpt"), times=2)
    for _ in range(2):
        result = run("models", "--fields", "id")
        assert result == "gpt\n"
        assert "Warning: cannot cache the list: " in result.stderr


def test_a_full_disk_keeps_the_old_cache_and_no_temporary_file(
    run: Run, proxy: FakeProxy, home: Path, env: dict[str, str]
) -> None:
    proxy.models(row("old"))
    run("models")
    before = cache_file(home).read_bytes()
    proxy.models(*(row(f"model-{n}") for n in range(500)))
    # No file of this process may grow beyond 8 KiB: what a full disk does, without needing one.
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192));"
        "from litellmctl.__main__ import main; sys.exit(main(['models', '--refresh', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert len(json.loads(done.stdout)) == 500
    assert "cannot cache the list" in done.stderr
    assert cache_file(home).read_bytes() == before
    assert [path.name for path in (home / "cache").iterdir() if path.suffix == ".tmp"] == []


def test_what_a_kill_left_behind_and_old_catalogs_are_swept(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"), times=2)
    run("models")
    month_ago = time.time() - 31 * DAY
    stray, forgotten = home / "cache" / ".models-x.1.ab.tmp", home / "cache" / "models-other-0.jsonl"
    recent = home / "cache" / ".models-x.2.cd.tmp"  # perhaps of a process that runs
    for path in (stray, forgotten, recent):
        path.write_text("x")
    for path in (stray, forgotten):
        os.utime(path, (month_ago, month_ago))
    run("models", "--refresh")
    assert [path.exists() for path in (stray, forgotten, recent)] == [False, False, True]
