"""`sandbox`, with a stand-in for LiteLLM that starts at once; tests/live/test_sandbox.py has the real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Start
from tests.effort import until
from tests.server import listens
from tests.stand_in import stand_in_for_litellm

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder of packages, to be searched first, in which LiteLLM is a small server."""
    return stand_in_for_litellm(tmp_path / "packages")


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
def run(start_sandbox: Start) -> Callable[..., tuple[int, str, str]]:
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
        assert not listens(seen["LITELLM_BASE_URL"])
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
        assert 'command "no-such-command" not found' in stderr
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
        assert "Error: the proxy exited with code 1 before it was ready: " in stderr
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
        assert "was not ready after 0.001 s (--timeout" in stderr
        assert list((tmp_path / "tmp").iterdir()) == []


@posix
class TestSignals:
    def test_ctrl_c(self, start_sandbox, tmp_path):
        running = start_sandbox("run", "-q", *WAITING)
        base_url = running.stdout.readline().strip()
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=10)
        assert running.returncode == 130
        assert not listens(base_url)
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
        assert not listens(base_url)
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
            until(lambda: bool(_proxies(base_url)))
        running.kill()
        until(lambda: not _proxies(base_url))
        assert not listens(base_url)


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
        assert run("down") == (0, "", "No sandbox is running.\n")

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
        assert run("up", "--json") == (0, stdout, '{"note": "The sandbox is already running."}\n')
        code, used, stderr = run("run", *printing("[os.environ['LITELLM_BASE_URL'], os.environ['LITELLM_API_KEY']]"))
        assert (code, json.loads(used)) == (0, [up["base_url"], key])
        assert stderr == f"Using the sandbox at {up['base_url']}\n"
        assert list((tmp_path / "tmp").iterdir()) == []
        assert listens(up["base_url"])
        assert "GET /v1/models" in run("logs", "-n", "1")[1]

        assert run("down")[2] == f"✓ Stopped the sandbox on {up['base_url']}\n"
        assert not listens(up["base_url"])
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
            assert run("down") == (0, "", "No sandbox is running.\n")
            time.sleep(0.2)
            assert foreign.poll() is None
            foreign.communicate(b"\n")
        assert foreign.returncode == 0

    def test_ends_when_its_cache_is_cleared(self, run, user):
        base_url = json.loads(run("up", "--json")[1])["base_url"]
        time.sleep(2.5)
        assert listens(base_url)
        folder = Path(user["LITELLMCTL_CACHE_DIR"], "sandbox")
        (folder / "state.json").unlink()
        (folder / "config.yaml").unlink()
        until(lambda: not listens(base_url))

    def test_unwritable_cache(self, run, tmp_path):
        (tmp_path / "file").touch()
        code, _, stderr = run("up", LITELLMCTL_CACHE_DIR=str(tmp_path / "file"))
        assert code == 1
        assert stderr.startswith(f"Error: cannot use {tmp_path / 'file'}: file exists\n")
        assert run("run", "-q", *printing("1"), LITELLMCTL_CACHE_DIR=str(tmp_path / "file"))[:2] == (0, "1\n")

    def test_logs_usage(self, run):
        assert run("logs", "-n", "0")[0] == 2


def _seconds(timestamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()
