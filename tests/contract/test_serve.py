"""`serve` in the foreground: what it prints, its options, how it ends, and what keeps it from starting."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.answers import Gate
from tests.answers import http as answer
from tests.conftest import Run, Start
from tests.contract.serving import LIVELINESS, MODELS, Serve, Served, lively, state
from tests.effort import until
from tests.fake_proxy import FakeProxy
from tests.logins import Files
from tests.server import free_port, listens
from tests.shell_readers import read_fish, read_powershell, run_by

pytest.importorskip("aiohttp")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, modes and terminals of POSIX")
KEY = "sk-test-0123456789abcdef"
NAMES = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "LITELLM_BASE_URL")


@pytest.fixture
def serve(start: Start, proxy: FakeProxy) -> Serve:
    """Start `serve --json` for the fake proxy, and return what it prints once it listens."""
    lively(proxy)

    def serve(*words: str, **variables: str | None) -> Served:
        process = start("serve", "--json", *words, **variables)
        printed = process.stdout.readline()
        assert printed, process.communicate(timeout=30)[1]
        return Served(**json.loads(printed), process=process)

    return serve


# --- what it prints


def test_it_prints_one_object_once_it_listens_and_relays_with_the_proxys_key(serve: Serve, proxy: FakeProxy) -> None:
    served = serve()
    assert served.base_url == f"http://127.0.0.1:{served.port}"
    assert served.v1 == f"{served.base_url}/v1"
    assert served.pid == served.process.pid
    assert served.ask() == (200, {"data": []})
    (request,) = proxy.requests_for(MODELS)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    served.signal(signal.SIGTERM)
    rest, said = served.process.communicate(timeout=30)
    assert (rest, said, served.process.returncode) == ("", "", 0)


def test_port_and_key_stay_the_same_for_a_profile(serve: Serve, home: Path) -> None:
    first = serve()
    first.signal(signal.SIGTERM)
    first.ended()
    again = serve()
    assert (again.base_url, again.api_key) == (first.base_url, first.api_key)
    if os.name != "nt":
        modes = {path.name: path.stat().st_mode & 0o777 for path in home.rglob("*") if path.is_file()}
        assert set(modes.values()) == {0o600}, modes


def test_a_pipe_gets_a_line_of_values_and_a_terminal_facts(start: Start, proxy: FakeProxy) -> None:
    lively(proxy)
    process = start("serve", "--port", "0")
    base_url, v1, key, pid = process.stdout.readline().rstrip("\n").split("\t")
    assert (v1, pid) == (f"{base_url}/v1", str(process.pid))
    assert key.startswith("sk-local-")


class Terminal:
    """A terminal of 80 columns, and what came to it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self._pieces: list[bytes] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.ours, 4096)
            except OSError:
                return
            if not piece:
                return
            self._pieces.append(piece)

    @property
    def lines(self) -> list[str]:
        return b"".join(self._pieces).decode().replace("\r\n", "\n").split("\n")[:-1]

    def line(self, begins: str) -> str:
        """Wait for a line, and return what follows its beginning."""
        (found, *_) = until(lambda: [one for one in self.lines if one.startswith(begins)], f"a line {begins!r}")
        return found.removeprefix(begins).strip()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    os.close(made.theirs)
    os.close(made.ours)


def _on(terminal: Terminal, env: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "litellmctl", "serve", "--port", "0", *words],
        env={**env, "NO_COLOR": "1", "COLUMNS": "80"},
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        start_new_session=True,
    )


@posix
def test_a_terminal_shows_where_it_is_and_a_line_for_each_request(
    terminal: Terminal, env: dict[str, str], proxy: FakeProxy
) -> None:
    lively(proxy)
    told = {"x-litellm-model-group": "gpt-4o", "x-litellm-response-cost": "0.00012345"}
    proxy.on("/v1/chat/completions", {}, headers=told)
    with _on(terminal, env) as process:
        url, key = terminal.line("Base URL"), terminal.line("Local key")
        assert terminal.line("OpenAI URL") == f"{url}/v1"
        assert terminal.line("Proxy") == f"{proxy.url} (profile default)"
        assert terminal.line("Process") == str(process.pid)
        assert terminal.line("Press Ctrl-C") == "to stop."
        served = Served(url, "", key, process.pid, process)
        assert served.ask("/v1/chat/completions?secret=x")[0] == 200
        until(lambda: any("gpt-4o" in line for line in terminal.lines))
        (line,) = [line for line in terminal.lines if "gpt-4o" in line]
        assert line.split()[1:4] == ["GET", "/v1/chat/completions", "200"]
        assert line.split()[5:] == ["$0.00012", "gpt-4o"]
        assert "secret" not in "".join(terminal.lines)
        assert served.ask(key="sk-wrong")[0] == 401
        until(lambda: any("no valid local key" in line for line in terminal.lines))
        (line,) = [line for line in terminal.lines if "no valid local key" in line]
        assert line.split()[1:4] == ["GET", "/v1/models", "401"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@posix
def test_quiet_shows_no_line_for_a_request(terminal: Terminal, env: dict[str, str], proxy: FakeProxy) -> None:
    lively(proxy)
    with _on(terminal, env, "-q") as process:
        served = Served(terminal.line("Base URL"), "", terminal.line("Local key"), process.pid, process)
        assert served.ask()[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not [line for line in terminal.lines if "GET" in line or "Ctrl-C" in line]


def test_in_a_pipe_requests_are_shown_with_verbose_only(start: Start, proxy: FakeProxy) -> None:
    lively(proxy)
    for words, shown in (([], 0), (["-v"], 2), (["-v", "--json"], 2)):
        process = start("serve", "--port", "0", "-o", "json", *words)
        printed = process.stdout.readline()
        served = Served(**json.loads(printed), process=process)
        served.ask("/v1/models?secret=x")
        served.signal(signal.SIGTERM)
        code, said = served.ended()
        lines = [line for line in said.splitlines() if "GET" in line]
        # Of ours, and of what serve asked before.
        assert (code, len(lines)) == (0, shown), said
        assert "secret" not in said
        if "--json" in words:
            assert json.loads(lines[-1])["trace"].startswith("GET /v1/models 200 ")


@pytest.mark.parametrize("shell", ["sh", "fish", "powershell", "dotenv"])
def test_env_prints_the_variables_of_the_relay(start: Start, proxy: FakeProxy, tmp_path: Path, shell: str) -> None:
    lively(proxy)
    process = start("serve", "--env", shell)
    lines = [process.stdout.readline().rstrip("\n") for _ in range(6)]
    if shell in {"sh", "dotenv"}:
        ask = "\n".join(f"printf '%s\\0' \"${name}\"" for name in NAMES)
        found = dict(zip(NAMES, run_by("/bin/sh", "\n".join([*lines, ask]), tmp_path), strict=True))
    else:
        found = dict(map(read_fish if shell == "fish" else read_powershell, lines))
    served = Served(found["LITELLM_BASE_URL"], found["OPENAI_BASE_URL"], found["OPENAI_API_KEY"], 0, process)
    assert served.v1 == f"{served.base_url}/v1"
    assert found["ANTHROPIC_BASE_URL"] == served.base_url
    assert found["ANTHROPIC_AUTH_TOKEN"] == served.api_key
    assert served.ask()[0] == 200


# --- how it ends


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_a_signal_ends_it_and_nothing_is_left(serve: Serve, home: Path, number: int, code: int) -> None:
    served = serve()
    assert state(home).exists()
    served.signal(number)
    assert served.ended() == (code, "")
    assert not listens(served.base_url)
    assert not state(home).exists()


@contextmanager
def _slow(served: Served, gate: Gate) -> Iterator[http.client.HTTPConnection]:
    """Send a request that is answered when the gate opens, and wait until it has arrived."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
        connection.request("GET", "/slow", headers={"x-api-key": served.api_key})
        gate.wait()
        yield connection
    gate.open()


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_what_runs_when_it_is_stopped_has_time_to_end(serve: Serve, proxy: FakeProxy, number: int, code: int) -> None:
    gate = Gate({"late": True})
    proxy.on("/slow", respond=gate)
    served = serve()
    with _slow(served, gate) as connection:
        served.signal(number)
        until(lambda: not listens(served.base_url))
        gate.open()
        assert json.loads(connection.getresponse().read()) == {"late": True}
    assert served.ended() == (code, "")


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_second_signal_cuts_what_runs(serve: Serve, proxy: FakeProxy, number: int, code: int) -> None:
    gate = Gate({})
    proxy.on("/slow", respond=gate)
    served = serve()
    with _slow(served, gate) as connection:
        served.signal(number)
        until(lambda: not listens(served.base_url))
        begin = time.monotonic()
        served.signal(number)
        assert served.ended() == (code, "")
        assert time.monotonic() - begin < 4
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse()


@posix
def test_what_runs_for_too_long_is_cut(serve: Serve, proxy: FakeProxy) -> None:
    gate = Gate({})
    proxy.on("/slow", respond=gate)
    served = serve()
    with _slow(served, gate):
        begin = time.monotonic()
        served.signal(signal.SIGTERM)
        assert served.ended() == (0, "")
        assert 4 < time.monotonic() - begin < 20


def test_it_ends_when_nothing_was_asked_for_so_long(serve: Serve, home: Path) -> None:
    served = serve("--idle", "2s")
    begin = time.monotonic()
    time.sleep(1)
    served.ask()
    assert served.ended() == (0, "")
    assert time.monotonic() - begin > 2.8
    assert not state(home).exists()


def test_a_request_that_runs_is_not_nothing(serve: Serve, proxy: FakeProxy) -> None:
    gate = Gate({"late": True})
    proxy.on("/slow", respond=gate)
    served = serve("--idle", "1s")
    with _slow(served, gate) as connection:
        time.sleep(2)
        assert listens(served.base_url)
        gate.open()
        assert json.loads(connection.getresponse().read()) == {"late": True}
    assert served.ended() == (0, "")


@posix
def test_a_reader_of_stderr_that_reads_nothing_stops_no_request(serve: Serve, proxy: FakeProxy) -> None:
    path = f"/{'x' * 400}"
    proxy.on(path, {}, times=None)
    served = serve("-v")
    for _ in range(300):  # of these lines, the pipe takes 64 KiB
        assert served.ask(path)[0] == 200


# --- what keeps it from starting


def test_a_port_that_is_taken_is_exit_1_and_names_the_way_out(run: Run, proxy: FakeProxy) -> None:
    lively(proxy)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        error = run("serve", "--port", port, "--json", exit=1).error
    assert error["code"] == "relay"
    assert error["message"] == f"port {port} is in use by another program"
    assert "--port" in error["remedy"]


def test_a_port_that_our_own_relay_has_names_it(serve: Serve, run: Run) -> None:
    served = serve()
    error = run("serve", "--json", exit=1).error
    assert error["message"] == f"port {served.port} is in use by the relay of profile default (pid {served.pid})"
    assert error["remedy"] == "litellmctl serve --status, or litellmctl serve --stop"
    assert served.ask()[0] == 200


def test_another_port_is_for_a_second_relay_which_shows_the_first(serve: Serve, run: Run) -> None:
    first, second = serve(), serve("--port", "0")
    assert (first.ask()[0], second.ask()[0]) == (200, 200)
    assert run("serve", "--status", "--json").json["pid"] == first.pid
    second.signal(signal.SIGTERM)
    second.ended()
    assert run("serve", "--status", "--json").json["pid"] == first.pid


def test_a_new_key_replaces_the_old_one_but_not_of_a_relay_that_runs(serve: Serve, run: Run) -> None:
    first = serve()
    error = run("serve", "--new-key", "--json", exit=1).error
    assert f"(pid {first.pid})" in error["message"]
    assert error["remedy"] == "litellmctl serve --stop"
    assert first.ask()[0] == 200
    first.signal(signal.SIGTERM)
    first.ended()
    second = serve("--new-key")
    assert second.api_key != first.api_key
    assert second.ask()[0] == 200
    assert second.ask(key=first.api_key)[0] == 401


def test_a_missing_sign_in_is_exit_4_at_once(run: Run, env: dict[str, str], home: Path) -> None:
    assert run("serve", "--json", exit=4).error["code"] == "auth_required"
    assert not state(home).exists()


def test_offline_is_refused(run: Run, proxy: FakeProxy) -> None:
    assert run("serve", "--offline", "--json", exit=3).error["code"] == "offline"


def test_a_proxy_that_cannot_be_reached_is_a_warning(start: Start, env: dict[str, str]) -> None:
    env |= {"LITELLM_BASE_URL": f"http://127.0.0.1:{free_port()}", "LITELLM_API_KEY": KEY}
    process = start("serve", "--port", "0", "--json")
    served = Served(**json.loads(process.stdout.readline()), process=process)
    assert served.ask()[0] == 502
    served.signal(signal.SIGTERM)
    code, said = served.ended()
    assert code == 0
    assert json.loads(said.splitlines()[0])["warning"].startswith(f"cannot reach {env['LITELLM_BASE_URL']}")


def test_a_relay_is_not_put_behind_itself(serve: Serve, run: Run) -> None:
    served = serve()
    own = {"LITELLM_BASE_URL": served.base_url, "LITELLM_API_KEY": served.api_key}
    error = run("serve", "--port", "0", "--json", exit=2, **own).error
    assert error["message"].startswith("LITELLM_API_KEY is the local key of this relay")
    assert error["remedy"].startswith("litellmctl login, or export ")


@posix
def test_the_variables_of_a_relay_are_not_named_as_ignored(
    serve: Serve, run: Run, files: Files, fake: FakeProxy
) -> None:
    files.keep(fake.url, left=3600)
    served = serve()
    fake.models(times=None)
    own = {"LITELLM_BASE_URL": served.base_url, "LITELLM_API_KEY": served.api_key}
    assert "ignored" not in run("models", "--refresh", terminal=True, **own).stderr
    assert "ignored" in run("models", "--refresh", terminal=True, **{**own, "LITELLM_API_KEY": "sk-mine"}).stderr


@posix
@pytest.mark.parametrize(("stdout", "code"), [("/dev/full", 1), ("closed", 141)])
def test_an_address_that_cannot_be_printed_ends_it(
    env: dict[str, str], proxy: FakeProxy, home: Path, stdout: str, code: int
) -> None:
    lively(proxy)
    if stdout != "closed" and not os.path.exists(stdout):
        pytest.skip("/dev/full is Linux's")
    port = free_port()
    script = f'"$0" -m litellmctl serve --port {port} {">&-" if stdout == "closed" else f">{stdout}"}; echo $? >&2'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1] == str(code)
    assert not listens(f"http://127.0.0.1:{port}")
    assert not state(home).exists()


def test_without_aiohttp_the_command_to_install_it_is_named(
    run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "aiohttp" else find(name, *a))
    for words in (["serve"], ["serve", "--background"]):
        error = run(*words, "--json", exit=2).error
        assert error["message"] == "serve needs aiohttp, which is not installed"
        assert error["remedy"].endswith(("litellmctl[serve]'", "litellmctl[serve]"))
        assert "-m pip install" in error["remedy"]
    assert run("serve", "--status", "--json").json["pid"] is None
    assert run("serve", "--unit", "systemd")


@posix
def test_without_a_cache_folder_it_runs_unseen(serve: Serve, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"LITELLMCTL_CACHE_DIR": str(tmp_path / "file" / "cache")}
    served = serve(**nowhere)
    assert served.ask()[0] == 200
    assert run("serve", "--status", "--json", **nowhere).json["pid"] is None
    served.signal(signal.SIGTERM)
    code, said = served.ended()
    assert code == 0
    assert "serve --status will not show it" in json.loads(said)["warning"]


def test_damaged_keys_are_exit_2_and_stay(run: Run, proxy: FakeProxy, home: Path) -> None:
    lively(proxy)
    path = home / "config" / "local-keys.json"
    path.parent.mkdir()
    path.write_text("{")
    error = run("serve", "--json", exit=2).error
    assert str(path) in error["message"]
    assert path.read_text() == "{"


# --- options


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--port 70000", "--port: 70000 is not a whole number from 0 to 65535"),
        ("--idle soon", '--idle "soon" is not a valid duration'),
        ("--idle 0s", '--idle "0s" is not a valid duration'),
        ("--env cmd", '--env: "cmd" is not one of sh, bash, zsh, fish, powershell, dotenv'),
        ("--unit cron", '--unit: "cron" is not one of systemd, launchd'),
        ("--status --stop", "use only one of --background, --status, --stop, --unit"),
        ("--background --unit systemd", "use only one of --background, --status, --stop, --unit"),
        ("--status --new-key", "--new-key cannot be used with --status"),
        ("--stop --port 5", "--port cannot be used with --stop"),
        ("--stop --env sh", "--env cannot be used with --stop"),
        ("--unit systemd --new-key", "--new-key cannot be used with --unit"),
        ("--allow-origin *", '--allow-origin "*" is not a valid origin'),
        ("--allow-origin null", '--allow-origin "null" is not a valid origin'),
        ("--allow-origin localhost:3000", '--allow-origin "localhost:3000" is not a valid origin'),
        ("--allow-origin http://a/path", '--allow-origin "http://a/path" is not a valid origin'),
        ("--allow-origin http://*.example.com", '--allow-origin "http://*.example.com" is not a valid origin'),
        ("--allow-origin http://u@a", '--allow-origin "http://u@a" is not a valid origin'),
        ("--allow-origin http://", '--allow-origin "http://" is not a valid origin'),
    ],
)
def test_options_are_checked(run: Run, proxy: FakeProxy, words: str, message: str) -> None:
    assert run("serve", *words.split(), "--json", exit=2).error["message"] == message


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("HTTP://Localhost:3000/", "http://localhost:3000"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_a_page_of_an_origin_that_is_allowed_may_ask(serve: Serve, given: str, origin: str) -> None:
    served = serve("--allow-origin", given, "--allow-origin", "https://other.example.com")
    assert served.ask(Origin=origin)[0] == 200
    assert served.ask(Origin="http://localhost:3001")[0] == 403


# --- units


def test_a_unit_names_the_program_the_profile_and_the_port(run: Run, env: dict[str, str], home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text('[profiles.work]\nbase_url = "http://127.0.0.1:9"\n')
    result = run("serve", "--unit", "systemd", "--profile", "work", "--port", "20007", "--idle", "30m")
    (line,) = [line for line in result.splitlines() if line.startswith("ExecStart=")]
    words = line.removeprefix("ExecStart=").split()
    assert os.path.isabs(words[0].strip('"'))
    assert line.endswith("serve --profile work --port 20007 --idle 1800s")
    assert f'Environment="LITELLMCTL_CONFIG_DIR={env["LITELLMCTL_CONFIG_DIR"]}"' in result
    assert result.stderr == ""
    # Nothing else is done.
    assert [path.name for path in home.rglob("*")] == ["config", "config.toml"]


def test_the_port_of_a_unit_is_that_of_the_profile(run: Run, serve: Serve) -> None:
    served = serve()
    assert f"--port {served.port}" in run("serve", "--unit", "systemd")
    assert f"<string>{served.port}</string>" in run("serve", "--unit", "launchd")


def test_a_person_reads_where_a_unit_goes(run: Run) -> None:
    result = run("serve", "--unit", "systemd", terminal=True)
    assert "save it as ~/.config/systemd/user/litellmctl.service" in " ".join(result.stderr.split())
    assert "litellmctl.service" not in result


def test_a_unit_warns_of_a_key_that_it_will_not_have(run: Run, proxy: FakeProxy) -> None:
    result = run("serve", "--unit", "systemd")
    assert "LITELLM_API_KEY" in result.stderr
    assert KEY not in result + result.stderr
    assert proxy.requests == []


def test_a_wrong_answer_of_the_proxy_before_it_listens_changes_nothing(start: Start, proxy: FakeProxy) -> None:
    proxy.on(LIVELINESS, raw=answer(b"<html>", "Content-Type: text/html", status="404 Not Found"))
    proxy.on(MODELS, {"data": []})
    process = start("serve", "--json", "--port", "0")
    served = Served(**json.loads(process.stdout.readline()), process=process)
    assert served.ask()[0] == 200
