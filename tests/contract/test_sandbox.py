"""The sandbox, with a stand-in for LiteLLM that starts at once; tests/live/test_sandbox.py has the real one."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from litellmctl.errors import Failure, UsageFailure
from litellmctl.sandbox import process, proxy, resident, variables
from tests.conftest import StartSandbox

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Writes its environment into its home, and answers 200 to its key. BREAK, a file beside it, makes it fail to start.
STAND_IN = """
import http.server, json, os, pathlib, sys

def run_server(words):
    if pathlib.Path(__file__).with_name("BREAK").exists():
        raise RuntimeError("broken \\x1b[31minstallation\\x1b[0m")
    port = int(words[words.index("--port") + 1])
    pathlib.Path("environment.json").write_text(json.dumps({**os.environ}))
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == "Bearer " + os.environ["LITELLM_MASTER_KEY"]
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(json.dumps(str(pathlib.Path.cwd())).encode())
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder of packages, to be searched first, in which LiteLLM is a small server."""
    packages = tmp_path / "packages"
    (packages / "litellm" / "proxy").mkdir(parents=True)
    (packages / "litellm" / "__init__.py").write_text(STAND_IN)
    (packages / "litellm" / "proxy" / "__init__.py").touch()
    (packages / "litellm" / "proxy" / "proxy_server.py").touch()
    for name in ("uvicorn", "fastapi", "mcp"):
        (packages / f"{name}.py").touch()
    return packages


@pytest.fixture
def user(env: dict[str, str], stand_in: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who is signed in somewhere else, and has keys."""
    (tmp_path / "tmp").mkdir()
    return {
        **env,
        "PYTHONPATH": str(stand_in),
        "TMPDIR": str(tmp_path / "tmp"),
        "OPENAI_API_KEY": "sk-of-the-user",
        "AWS_PROFILE": "of-the-user",
        "LITELLM_BASE_URL": "https://real.example.com",
        "LITELLM_API_KEY": "sk-real",
        "LITELLM_HEADERS": '{"x": "y"}',
        "LITELLMCTL_PROFILE": "work",
    }


@pytest.fixture
def run(start_sandbox: StartSandbox) -> Callable[..., tuple[int, str, str]]:
    """Run `litellmctl sandbox ...`; return exit code, stdout and stderr."""

    def run(*words: str, **variables: str) -> tuple[int, str, str]:
        running = start_sandbox(*words, **variables)
        stdout, stderr = running.communicate(timeout=30)
        assert "Traceback" not in stderr, stderr
        return running.returncode, stdout, stderr

    return run


def printing(expression: str) -> list[str]:
    """A command that prints the value of a Python expression as JSON."""
    code = f"import json, os, sys, urllib.request; print(json.dumps({expression}), flush=True)"
    return [sys.executable, "-c", code]


# It prints the address, and waits.
WAITING = [
    *printing("os.environ['LITELLM_BASE_URL']")[:2],
    "import os, time; print(os.environ['LITELLM_BASE_URL'], flush=True); time.sleep(30)",
]


def answers(base_url: str) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", int(base_url.rsplit(":", 1)[1]))) == 0


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    expires = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < expires, "did not happen in time"
        time.sleep(0.05)


class TestStartTime:
    @pytest.mark.parametrize("name", [b"sleep", b"a) S 1 2 3 (b", b"\xff\x00\n) Z", b") ) )"])
    def test_name_may_hold_anything(self, name: bytes):
        fields = b"S " + b" ".join(str(number).encode() for number in range(4, 53))
        assert process.parse_proc_stat(b"123 (%s) %s\n" % (name, fields)) == "22"

    @pytest.mark.parametrize("state", [b"Z", b"X"])
    def test_zombie_has_ended(self, state: bytes):
        assert process.parse_proc_stat(b"123 (x) %s %s" % (state, b"0 " * 49)) is None

    def test_ps(self):
        assert process.parse_ps("Ss   Sun Nov  2 13:03:26 2026\n") == "Sun Nov 2 13:03:26 2026"
        assert process.parse_ps("Z+   Sun Nov  2 13:03:26 2026\n") is None
        assert process.parse_ps("") is None

    @posix
    def test_ps_of_this_process(self):
        assert process._start_time_by_ps(os.getpid()) == process._start_time_by_ps(os.getpid()) is not None

    def test_processes_here(self):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            first = process.start_time(child.pid)
            assert first is not None
            assert first == process.start_time(child.pid)
        finally:
            child.communicate(b"\n")
        assert process.start_time(child.pid) is None

    @posix
    def test_zombie_here(self):
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.start_time(child.pid) is None
        child.wait()

    @linux
    def test_odd_name_here(self):
        code = "import time; open('/proc/self/comm', 'wb').write(b'x) R 7 (y'); print(flush=True); time.sleep(30)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            before = process.start_time(child.pid)
            assert child.stdout
            child.stdout.readline()
            assert b"x) R 7 (y" in Path(f"/proc/{child.pid}/stat").read_bytes()
            assert process.start_time(child.pid) == before
            child.kill()


class TestEnvironments:
    USER: ClassVar = {
        "PATH": os.environ["PATH"],
        "HOME": "/home/ada",
        "LANG": "C.UTF-8",
        "OPENAI_API_KEY": "sk-1",
        "AWS_PROFILE": "prod",
        "HTTPS_PROXY": "http://proxy.example.com:8080",
        "LITELLM_API_KEY": "sk-2",
        "LITELLM_SALT_KEY": "sk-3",
        "LITELLMCTL_PROFILE": "work",
        "DATABASE_URL": "postgresql://x",
        "EDITOR": "vi",
    }

    def test_proxy_sees_nothing_of_the_user(self, tmp_path: Path):
        own = variables.of_proxy(self.USER, tmp_path, "sk-own")
        assert not {"sk-1", "sk-2", "sk-3", "prod", "work", "vi", "postgresql://x", "/home/ada"} & set(own.values())
        assert own["PATH"] == self.USER["PATH"]
        assert own["HOME"] == own["USERPROFILE"] == own["TMPDIR"] == str(tmp_path)
        assert own["LITELLM_MASTER_KEY"] == "sk-own"
        assert own["LITELLM_MODE"] == "PRODUCTION"  # else LiteLLM loads a .env from the folders above it
        assert own["HTTPS_PROXY"] == "http://127.0.0.1:9"

    def test_command_sees_the_sandbox_only(self, tmp_path: Path):
        own = variables.of_command(self.USER, "http://127.0.0.1:1", "sk-own", tmp_path)
        assert {name: value for name, value in own.items() if name.startswith("LITELLM")} == {
            "LITELLM_BASE_URL": "http://127.0.0.1:1",
            "LITELLM_API_KEY": "sk-own",
            "LITELLMCTL_CONFIG_DIR": str(tmp_path / "config"),
            "LITELLMCTL_CACHE_DIR": str(tmp_path / "cache"),
        }
        assert own["EDITOR"] == "vi"
        assert own["OPENAI_API_KEY"] == "sk-1"

    @posix
    def test_program_is_found(self, tmp_path: Path):
        path = variables.of_command({"PATH": "/nowhere"}, "", "", tmp_path)["PATH"]
        assert path.startswith("/nowhere:/")
        (tmp_path / "litellmctl").write_text("#!/bin/sh\n")
        (tmp_path / "litellmctl").chmod(0o755)
        assert variables.of_command({"PATH": str(tmp_path)}, "", "", tmp_path)["PATH"] == str(tmp_path)


class TestResident:
    def test_round_trip(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        assert resident.running() is None
        me = resident.Resident("http://127.0.0.1:1", "sk-own", os.getpid(), process.start_time(os.getpid()) or "", 1.5)
        state = tmp_path / "sandbox" / "state.json"
        state.parent.mkdir()
        state.write_text(json.dumps(vars(me)))
        assert resident.running() == me

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", "{}", '{"base_url": "x"}', '{"pid": 1, "unknown": 2}', "\udcff"]
    )
    def test_unreadable_note_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert resident.running() is None

    @pytest.mark.parametrize(
        "changed",
        [
            {"pid": 2**31 - 1, "start_time": None},  # any process that has ended, and its group
            {"pid": -1, "start_time": None},
            {"pid": 0, "start_time": ""},
            {"pid": 10**400},
            {"pid": "1"},
            {"pid": True},
            {"pid": "\0"},
            {"started_at": 1e300},
            {"started_at": "now"},
            {"key": 5},
        ],
        ids=lambda changed: repr(changed)[:40],
    )
    def test_a_note_that_names_no_process_is_none(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, object]
    ):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        me = resident.Resident("http://127.0.0.1:1", "sk-own", os.getpid(), process.start_time(os.getpid()) or "", 1.5)
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_text(json.dumps({**vars(me), **changed}))
        assert resident.running() is None

    def test_a_note_that_is_nested_too_deeply_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_text("[" * 100_000)
        assert resident.running() is None


class TestStart:
    def test_missing_extra(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mcp" else object())
        with pytest.raises(UsageFailure) as caught:
            proxy.start(tmp_path / "proxy", seconds=1, note=print, check=lambda: None)
        assert "-m pip install" in (caught.value.remedy or "")
        assert "litellmctl[sandbox]" in (caught.value.remedy or "")
        assert not (tmp_path / "proxy").exists()

    @pytest.fixture
    def notes(self, monkeypatch: pytest.MonkeyPatch, stand_in: Path) -> list[str]:
        monkeypatch.setenv("PYTHONPATH", str(stand_in))
        return []

    def test_port_that_was_taken_meanwhile(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            ports = iter([other.getsockname()[1], proxy._free_port()])
            monkeypatch.setattr(proxy, "_free_port", lambda: next(ports))
            started = proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        try:
            assert started.answers()
            assert [note.split()[0] for note in notes] == ["Starting", "Starting", "Ready"]
        finally:
            started.stop()
        assert not answers(started.base_url)
        started.stop()  # once more does nothing

    def test_two_taken_ports_are_enough(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            monkeypatch.setattr(proxy, "_free_port", lambda: other.getsockname()[1])
            with pytest.raises(Failure, match=r"ended with exit code 1 before it was ready.*ddress already in use"):
                proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        assert len(notes) == 2

    def test_interruption_stops_it(self, tmp_path: Path, notes: list[str]):
        with pytest.raises(KeyboardInterrupt):
            proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=_interrupt)
        assert not answers(notes[0].split()[5])

    def test_another_server_is_not_ours(self, tmp_path: Path, notes: list[str]):
        started = proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        try:
            started.key = "sk-another"
            assert not started.answers()
        finally:
            started.stop()


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_last_lines_are_clean(tmp_path: Path):
    log = tmp_path / "x.log"
    log.write_bytes(b"one\n\x1b[1;32mtwo\x1b[0m\x07 \xff\x9b31m\r\nthree\x1b]0;title\x07\n")
    assert proxy.last_lines(log, 2) == ["two \ufffd\ufffd31m", "three]0;title"]
    assert len(proxy.last_lines(log, 100)) == 3


def test_config_has_no_account():
    yaml: Any = pytest.importorskip("yaml")
    models = yaml.safe_load(proxy._config({"PYTHONUTF8": "1"}))["model_list"]
    assert all(model["litellm_params"]["api_key"] == "sk-none" for model in models)
    assert all(model["litellm_params"]["mock_response"] for model in models)
    server = yaml.safe_load(proxy._config({"PYTHONUTF8": "1"}))["mcp_servers"]["sandbox"]
    assert server["command"] == sys.executable
    assert Path(server["args"][-1]).exists()
    assert server["env"] == {"PYTHONUTF8": "1"}


class TestRun:
    def test_command_uses_the_sandbox(self, run, user, tmp_path):
        code, stdout, stderr = run("run", *printing("{**os.environ}"))
        assert code == 0
        seen = json.loads(stdout)
        assert {name for name in seen if name.startswith("LITELLM")} == {
            *("LITELLM_BASE_URL", "LITELLM_API_KEY", "LITELLMCTL_CONFIG_DIR", "LITELLMCTL_CACHE_DIR")
        }
        assert seen["LITELLM_BASE_URL"].startswith("http://127.0.0.1:")
        assert seen["LITELLM_API_KEY"] not in {"sk-real", ""}
        assert seen["LITELLM_API_KEY"] not in stderr
        assert seen["OPENAI_API_KEY"] == "sk-of-the-user"
        assert "Starting a LiteLLM proxy on http://127.0.0.1:" in stderr
        assert "Ready after " in stderr
        assert not answers(seen["LITELLM_BASE_URL"])
        assert list((tmp_path / "tmp").iterdir()) == []
        assert list(Path(user["LITELLMCTL_CACHE_DIR"]).glob("**/*")) == []

    def test_proxy_gets_no_key_of_the_user(self, run):
        # The stand-in answers with its folder, in which it wrote its environment.
        request = "urllib.request.Request(os.environ['LITELLM_BASE_URL'], headers={'Authorization': 'Bearer ' + os.environ['LITELLM_API_KEY']})"
        folder = f"json.load(urllib.request.urlopen({request}))"
        code, stdout, _ = run("run", *printing(f"json.load(open({folder} + '/environment.json'))"))
        assert code == 0
        seen = json.loads(stdout)
        assert not [name for name in seen if "OPENAI" in name or "AWS" in name or name.startswith("LITELLMCTL")]
        assert "real" not in json.dumps({**seen, "PATH": "", "PYTHONPATH": "", "PYTHONUSERBASE": ""})
        assert seen["HOME"].endswith(os.path.join("proxy", "home", "user"))

    @pytest.mark.parametrize("number", [0, 7, 255])
    def test_exit_code_is_the_commands(self, run, number):
        assert run("run", "-q", sys.executable, "-c", f"raise SystemExit({number})") == (number, "", "")

    @posix
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_exit_code_after_a_signal(self, run, number):
        assert run("run", "-q", sys.executable, "-c", f"import os; os.kill(os.getpid(), {number:d})")[0] == 128 + number

    def test_arguments_belong_to_the_command(self, run):
        assert (
            run("run", "-q", "--", *printing("sys.argv[1:]"), "--json", "-q", "--", "-h")[1]
            == '["--json", "-q", "--", "-h"]\n'
        )
        assert run("run", "-q", *printing("sys.argv[1:]"), "--json", "--help")[1] == '["--json", "--help"]\n'

    def test_streams_are_the_users(self, start_sandbox):
        running = start_sandbox(
            "run", "-q", sys.executable, "-c", "import sys; print(input()); print('e', file=sys.stderr)"
        )
        assert running.communicate("hello\n", timeout=20) == ("hello\n", "e\n")

    def test_this_program(self, run):
        from litellmctl import __version__

        assert run("run", "-q", "litellmctl", "--version") == (0, f"litellmctl {__version__}\n", "")

    def test_command_not_found(self, run):
        code, stdout, stderr = run("run", "no-such-command")
        assert (code, stdout) == (2, "")
        assert 'no command "no-such-command" is found' in stderr
        assert "Starting" not in stderr

    @posix
    def test_command_that_cannot_be_run(self, run, tmp_path):
        script = tmp_path / "script"
        script.write_text("no interpreter named")
        script.chmod(0o755)
        code, _, stderr = run("run", str(script))
        assert code == 2
        assert "exec format error" in stderr

    def test_usage(self, run):
        assert run("run")[0] == 2
        assert run("run", "--unknown", "true")[0] == 2
        assert run("run", "--fields", "x", "true")[0] == 2

    def test_broken_installation(self, run, stand_in, user, tmp_path):
        (stand_in / "litellm" / "BREAK").touch()
        code, stdout, stderr = run("run", "true")
        kept = Path(user["LITELLMCTL_CACHE_DIR"], "sandbox", "failed.log")
        assert (code, stdout) == (1, "")
        assert "Error: the proxy ended with exit code 1 before it was ready: " in stderr
        assert "RuntimeError: broken installation\n" in stderr
        assert f"Try:   see {kept}\n" in stderr
        assert "\x1b" not in stderr
        assert "RuntimeError" in kept.read_text()
        assert list((tmp_path / "tmp").iterdir()) == []
        error = json.loads(run("run", "--json", "true")[2].splitlines()[-1])["error"]
        assert (error["code"], error["exit_code"], error["remedy"]) == ("sandbox", 1, f"see {kept}")

    def test_time_out(self, run, tmp_path):
        code, _, stderr = run("run", "--timeout", "0.001", *printing("1"))
        assert code == 1
        assert "was not ready within 0.001 s; --timeout" in stderr
        assert list((tmp_path / "tmp").iterdir()) == []


@posix
class TestSignals:
    def test_ctrl_c(self, start_sandbox, tmp_path):
        running = start_sandbox("run", "-q", *WAITING)
        base_url = running.stdout.readline().strip()
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=10)
        assert running.returncode == 130
        assert not answers(base_url)
        assert list((tmp_path / "tmp").iterdir()) == []

    def test_ctrl_c_that_the_command_handles(self, start_sandbox):
        code = "import signal, sys, time; signal.signal(2, lambda *_: sys.exit(9)); print(flush=True); time.sleep(30)"
        running = start_sandbox("run", "-q", sys.executable, "-c", code)
        running.stdout.readline()
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=10)
        assert running.returncode == 9

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal_to_us_alone(self, start_sandbox, tmp_path, number):
        running = start_sandbox("run", "-q", *WAITING)
        base_url = running.stdout.readline().strip()
        running.send_signal(number)
        running.communicate(timeout=10)
        assert running.returncode == 128 + number
        assert not answers(base_url)
        assert list((tmp_path / "tmp").iterdir()) == []

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    @pytest.mark.parametrize("command", ["run", "up"])
    def test_signal_while_it_starts(self, start_sandbox, stand_in, user, tmp_path, number, command):
        (stand_in / "litellm" / "proxy" / "proxy_server.py").write_text("import time; time.sleep(30)")
        running = start_sandbox(command, *(["true"] if command == "run" else []))
        base_url = running.stderr.readline().split()[5]
        running.send_signal(number)
        running.communicate(timeout=10)
        assert running.returncode == 128 + number
        assert not _proxies(base_url)
        assert list((tmp_path / "tmp").iterdir()) == []
        assert not Path(user["LITELLMCTL_CACHE_DIR"], "sandbox", "state.json").exists()

    def test_command_that_ignores_sigterm(self, start_sandbox):
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
        running = start_sandbox("run", "-q", sys.executable, "-c", code)
        running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
        assert running.returncode == 137

    def test_hangup_that_is_ignored(self, user):
        code = "import os, signal, time; os.kill(os.getppid(), signal.SIGHUP); time.sleep(1); print('still here')"
        words = [sys.executable, "-m", "litellmctl", "sandbox", "run", "-q", sys.executable, "-c", code]
        done = subprocess.run(["nohup", *words], env=user, capture_output=True, text=True, timeout=20, check=True)
        assert done.stdout == "still here\n"

    @linux
    @pytest.mark.parametrize("moment", ["starting", "started"])
    def test_kill_leaves_no_proxy(self, start_sandbox, stand_in, moment):
        if moment == "starting":
            (stand_in / "litellm" / "proxy" / "proxy_server.py").write_text("import time; time.sleep(60)")
        running = start_sandbox("run", sys.executable, "-c", "input()")  # ends with the test
        base_url = running.stderr.readline().split()[5]
        if moment == "started":
            assert running.stderr.readline().startswith("Ready")
        else:
            wait_until(lambda: bool(_proxies(base_url)))
        running.kill()
        wait_until(lambda: not _proxies(base_url))
        assert not answers(base_url)


def _proxies(base_url: str) -> list[str]:
    """The processes that serve at this address."""
    port = base_url.rsplit(":", 1)[1]
    processes = subprocess.run(["ps", "-Awwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in processes.splitlines() if "serve.py" in line and line.split()[-1] == port]


class TestUpAndDown:
    def test_life(self, run, user, tmp_path):
        folder = Path(user["LITELLMCTL_CACHE_DIR"], "sandbox")
        stopped = {**dict.fromkeys(["base_url", "pid", "status", "started_at", "log"]), "status": "stopped"}
        code, stdout, _ = run("status", "--json")
        assert (code, json.loads(stdout)) == (0, stopped)
        assert run("logs")[0] == 5
        assert run("down") == (0, "", "No sandbox is up.\n")

        code, stdout, stderr = run("up", "--json")
        up = json.loads(stdout)
        assert code == 0
        assert up["status"] == "running"
        assert up["log"] == str(folder / "proxy.log")
        assert abs(time.time() - _seconds(up["started_at"])) < 60
        state = (folder / "state.json").read_text()
        key = json.loads(state)["key"]
        assert key not in stdout + stderr
        assert len(key) == 67
        if sys.platform != "win32":
            assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()} == {0o600}
            assert folder.stat().st_mode & 0o777 == 0o700

        assert run("status", "--json")[1] == stdout
        assert run("up", "--json") == (0, stdout, "The sandbox is up already.\n")
        code, used, stderr = run("run", *printing("[os.environ['LITELLM_BASE_URL'], os.environ['LITELLM_API_KEY']]"))
        assert (code, json.loads(used)) == (0, [up["base_url"], key])
        assert stderr == f"Using the sandbox on {up['base_url']}\n"
        assert list((tmp_path / "tmp").iterdir()) == []
        assert answers(up["base_url"])
        assert "GET /v1/models" in run("logs", "-n", "1")[1]

        assert run("down")[2] == f"✓ Stopped the sandbox on {up['base_url']}\n"
        assert not answers(up["base_url"])
        assert json.loads(run("status", "--json")[1]) == stopped
        assert "GET /v1/models" in json.loads(run("logs", "--json")[1])

    def test_two_at_once_start_one(self, start_sandbox):
        both = [start_sandbox("up", "-q", "-o", "json") for _ in range(2)]
        first, second = (json.loads(one.communicate(timeout=30)[0]) for one in both)
        assert first == second

    def test_failing_start(self, run, stand_in, user):
        (stand_in / "litellm" / "BREAK").touch()
        code, _, stderr = run("up")
        assert code == 1
        assert f"Try:   see {user['LITELLMCTL_CACHE_DIR']}" in stderr
        assert "RuntimeError: broken installation" in run("logs", "-n", "1")[1]
        assert json.loads(run("status", "--json")[1])["status"] == "stopped"

    def test_foreign_process_is_left_alone(self, run, user):
        """A process that got the number of a sandbox that has ended."""
        run("up")
        state = Path(user["LITELLMCTL_CACHE_DIR"], "sandbox", "state.json")
        mine = json.loads(state.read_text())
        run("down")
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
        ) as foreign:
            state.write_text(json.dumps({**mine, "pid": foreign.pid}))
            assert json.loads(run("status", "--json")[1])["status"] == "stopped"
            assert run("down") == (0, "", "No sandbox is up.\n")
            time.sleep(0.2)
            assert foreign.poll() is None
            foreign.communicate(b"\n")
        assert foreign.returncode == 0

    def test_ends_when_its_cache_is_cleared(self, run, user):
        base_url = json.loads(run("up", "--json")[1])["base_url"]
        time.sleep(2.5)
        assert answers(base_url)
        folder = Path(user["LITELLMCTL_CACHE_DIR"], "sandbox")
        (folder / "state.json").unlink()
        (folder / "config.yaml").unlink()
        wait_until(lambda: not answers(base_url))

    def test_unwritable_cache(self, run, tmp_path):
        (tmp_path / "file").touch()
        code, _, stderr = run("up", LITELLMCTL_CACHE_DIR=str(tmp_path / "file"))
        assert code == 1
        assert stderr.startswith(f"Error: {tmp_path / 'file'}")
        assert run("run", "-q", *printing("1"), LITELLMCTL_CACHE_DIR=str(tmp_path / "file"))[:2] == (0, "1\n")

    def test_logs_usage(self, run):
        assert run("logs", "-n", "0")[0] == 2


def _seconds(timestamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()
