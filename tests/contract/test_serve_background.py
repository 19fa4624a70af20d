"""`serve --background`, `--status` and `--stop`: one relay for a profile, which every command finds, and its log."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answers import closing
from tests.conftest import Run, Start
from tests.contract.serving import MODELS, asked, lively, state
from tests.effort import until
from tests.fake_proxy import FakeProxy
from tests.server import free_port, listens

pytest.importorskip("aiohttp")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and modes of POSIX")
STOPPED = dict.fromkeys(("base_url", "v1", "api_key", "pid"))


@pytest.fixture(autouse=True)
def _stopped(env: dict[str, str], proxy: FakeProxy, home: Path) -> Iterator[None]:
    """End the relays that a test started."""
    lively(proxy)
    yield
    for file in (home / "cache" / "serve").glob("*.json"):
        words = [sys.executable, "-m", "litellmctl", "serve", "--stop", "-q", "--profile", file.stem]
        subprocess.run(words, env=env, timeout=30, check=True)


def _is_alive(row: dict[str, Any]) -> bool:
    return asked(row["base_url"], row["api_key"]) == (200, {"data": []})


def test_life(run_process: Run, home: Path) -> None:
    assert run_process("serve", "--status", "--json").json == STOPPED
    assert run_process("serve", "--stop").stderr == "No relay of profile default is running.\n"

    started = run_process("serve", "--background", "--json")
    row = started.json
    assert (list(row), started.stderr) == ([*STOPPED], "")
    assert _is_alive(row)
    folder = home / "cache" / "serve"
    assert row["api_key"] not in "".join(path.read_text() for path in folder.iterdir())
    if os.name != "nt":
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700

    assert run_process("serve", "--status", "--json").json == row
    again = run_process("serve", "--background", "--json")
    assert (again.json, again.stderr) == (row, f'{{"note": "The relay is already running (pid {row["pid"]})."}}\n')

    assert run_process("serve", "--stop").stderr == f"✓ Stopped the relay on {row['base_url']}\n"
    assert not listens(row["base_url"])
    assert run_process("serve", "--status", "--json").json == STOPPED
    assert not state(home).exists()


@posix
def test_its_variables_can_be_evaluated_as_often_as_one_likes(env: dict[str, str], proxy: FakeProxy) -> None:
    once = 'eval "$("$0" -m litellmctl serve --background --env sh)"; echo "$OPENAI_BASE_URL $OPENAI_API_KEY"; '
    script = f"{once}{once}"
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == second
    v1, key = first.split()
    assert asked(v1.removesuffix("/v1"), key)[0] == 200
    assert done.stderr == ""  # a shell's startup file does it each time


def test_env_of_status(run: Run) -> None:
    error = run("serve", "--status", "--env", "fish", "--json", exit=5).error
    assert (error["code"], error["remedy"]) == ("not_found", "litellmctl serve --background --env fish")
    row = run("serve", "--background", "--json").json
    assert f"set -gx OPENAI_BASE_URL '{row['v1']}'" in run("serve", "--status", "--env", "fish").splitlines()


def test_each_profile_has_its_own(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / "config").mkdir()
    text = f'[profiles.work]\nbase_url = "{proxy.url}"\napi_key = "sk-work-0123456789"\n'
    (home / "config" / "config.toml").write_text(text)
    own = run("serve", "--background", "--json").json
    work = run("serve", "--background", "--profile", "work", "--json").json
    assert own["base_url"] != work["base_url"]
    assert own["api_key"] != work["api_key"]
    assert asked(work["base_url"], own["api_key"])[0] == 401
    assert _is_alive(work)
    assert proxy.requests_for(MODELS)[-1].headers["Authorization"] == "Bearer sk-work-0123456789"
    run("serve", "--stop", "--profile", "work")
    assert _is_alive(own)
    error = run("serve", "--status", "--env", "sh", "--profile", "work", "--json", exit=5).error
    assert error["remedy"] == "litellmctl serve --background --env sh --profile work"


@posix
def test_one_in_the_foreground_is_shown_and_stopped_too(start: Start, run: Run) -> None:
    process = start("serve", "--json")
    row = json.loads(process.stdout.readline())
    assert run("serve", "--status", "--json").json == row
    assert run("serve", "--background", "--json").json == row
    run("serve", "--stop")
    assert process.wait(30) == 0
    assert not listens(row["base_url"])


def test_options_go_with_it(run: Run) -> None:
    port = free_port()
    row = run("serve", "--background", "--port", str(port), "--idle", "2s", "--json").json
    assert row["base_url"] == f"http://127.0.0.1:{port}"
    error = run("serve", "--background", "--port", str(port + 1), "--json", exit=1).error
    assert error["message"].startswith(f"the relay of profile default is already running on {row['base_url']} (pid ")
    assert error["remedy"] == "litellmctl serve --stop"
    error = run("serve", "--background", "--new-key", "--json", exit=1).error
    assert error["message"].startswith("cannot replace the local key")
    until(lambda: not listens(row["base_url"]))
    until(lambda: run("serve", "--status", "--json").json == STOPPED)


def test_a_new_key_for_one_that_is_started(run: Run) -> None:
    first = run("serve", "--background", "--json").json
    run("serve", "--stop")
    second = run("serve", "--background", "--new-key", "--json").json
    assert first["api_key"] != second["api_key"]
    assert _is_alive(second)


# --- what goes wrong


def test_its_failure_is_the_commands(run: Run, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = run("serve", "--background", "--port", port, exit=1)
    assert result.stderr.splitlines()[0] == f"Error: port {port} is in use by another program"
    assert not state(home).exists()


def test_a_missing_sign_in_is_exit_4(run: Run, home: Path) -> None:
    error = run("serve", "--background", "--json", exit=4, LITELLM_BASE_URL=None, LITELLM_API_KEY=None).error
    assert error["code"] == "auth_required"
    assert not state(home).exists()


def test_an_unwritable_cache_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "cache")
    error = run("serve", "--background", "--json", exit=1, LITELLMCTL_CACHE_DIR=nowhere).error
    assert (error["code"], str(tmp_path / "file") in error["message"]) == ("file", True)


@posix
def test_one_that_cannot_be_shown_is_said_to_be_unseen(run: Run, home: Path) -> None:
    state(home).mkdir(parents=True)
    said = run("serve", "--background", "--idle", "1s").stderr
    assert said.endswith(f"cannot write {state(home)}: is a directory; serve --status will not show it\n")


@posix
def test_a_log_that_cannot_be_made_is_an_error(run: Run, home: Path) -> None:
    (home / "cache" / "serve" / "default.log").mkdir(parents=True)
    error = run("serve", "--background", "--json", exit=1).error
    assert str(home / "cache" / "serve" / "default.log") in error["message"]
    assert run("serve", "--status", "--json").json == STOPPED


@pytest.mark.parametrize("others", [("--background",), ("--background", "--background", "--background")])
def test_of_several_that_start_at_once_one_runs(start: Start, others: tuple[str, ...]) -> None:
    processes = [start("serve", "--json", word) for word in ("--background", *others)]
    printed = [process.communicate(timeout=60) for process in processes]
    rows = [json.loads(stdout) for stdout, _ in printed]
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert rows == [rows[0]] * len(rows)
    assert sum("already running" in said for _, said in printed) == len(others)
    assert _is_alive(rows[0])


@posix
def test_after_a_kill_the_next_start_cleans_up(run: Run, home: Path) -> None:
    killed = run("serve", "--background", "--json").json
    os.kill(killed["pid"], signal.SIGKILL)
    until(lambda: not listens(killed["base_url"]))
    assert state(home).exists()
    assert run("serve", "--status", "--json").json == STOPPED
    assert run("serve", "--stop").stderr == "No relay of profile default is running.\n"
    again = run("serve", "--background", "--json").json
    assert again == {**killed, "pid": again["pid"]}
    assert again["pid"] != killed["pid"]
    assert _is_alive(again)


@posix
def test_a_process_that_got_its_number_is_left_alone(run: Run, home: Path) -> None:
    run("serve", "--background")
    note = json.loads(state(home).read_text())
    run("serve", "--stop")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        state(home).write_text(json.dumps({**note, "pid": other.pid}))
        assert run("serve", "--status", "--json").json == STOPPED
        run("serve", "--stop")
        time.sleep(0.2)
        assert other.poll() is None
        other.communicate(b"\n")


@posix
def test_one_whose_starter_is_killed_before_it_knows_of_it_ends(start: Start, home: Path) -> None:
    """A kill closes the pipe, through which the starter says that the relay is to stay."""
    process = start("serve", "--json", "--port", "0", "--resident")
    base_url = json.loads(process.stdout.readline())["base_url"]
    assert listens(base_url)
    process.stdin.close()
    assert process.wait(30) == 0
    assert not listens(base_url)
    assert not state(home).exists()


@posix
def test_ctrl_c_while_it_starts_leaves_none(start: Start, run: Run, proxy: FakeProxy, home: Path) -> None:
    helper = home / "helper"
    helper.write_text("#!/bin/sh\ntest -e $0.asked && sleep 5\ntouch $0.asked\necho sk-helper-0123456789\n")
    helper.chmod(0o755)
    process = start("serve", "--background", LITELLM_API_KEY_HELPER=str(helper))
    until((home / "helper.asked").exists)
    time.sleep(1)  # the child is asking the helper now
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert run("serve", "--status", "--json").json == STOPPED


def test_nothing_of_it_keeps_a_pipe_open(env: dict[str, str]) -> None:
    """`litellmctl serve --background | cat` returns."""
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "serve", "--background", "--json"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        check=True,
    )
    assert _is_alive(json.loads(done.stdout))


# --- its log


def test_the_log_has_failures_with_their_time_and_no_requests(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.on("/broken", respond=closing(), times=None)
    row = run("serve", "--background", "--json").json
    log = home / "cache" / "serve" / "default.log"
    assert _is_alive(row)
    assert log.read_text() == ""
    assert asked(row["base_url"], row["api_key"], "/broken?secret=x")[0] == 502
    (line,) = until(log.read_text).splitlines()
    moment, _, words = line.partition(" ")
    assert abs(time.time() - _seconds(moment)) < 60
    assert words.startswith(f"Warning: cannot reach {proxy.url}: the connection was closed without an answer")
    assert "secret" not in line
    assert str(log) in run("serve", "--status", terminal=True)


@posix
def test_a_log_is_private_and_no_link_is_followed(run: Run, home: Path) -> None:
    folder = home / "cache" / "serve"
    folder.mkdir(parents=True)
    (home / "precious").write_text("mine")
    (folder / "default.log").symlink_to(home / "precious")
    run("serve", "--background")
    assert (home / "precious").read_text() == "mine"
    assert (folder / "default.log").lstat().st_mode & 0o170777 == 0o100600


def _seconds(timestamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()
