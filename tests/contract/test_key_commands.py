"""Commands that print a key: those that run litellmctl themselves, and those that run while litellmctl ends."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Run, Start
from tests.effort import until
from tests.fake_proxy import FakeProxy

OURSELVES = f"{sys.executable} -m litellmctl"


def write(home: Path, url: str, keys: dict[str, str]) -> None:
    folder = home / "config"
    folder.mkdir(exist_ok=True)
    tables = [f"[profiles.{name}]\nbase_url = '{url}'\napi_key = '''{key}'''\n" for name, key in keys.items()]
    (folder / "config.toml").write_text("\n".join(tables))


@pytest.mark.parametrize(
    "script",
    [
        f"{OURSELVES} token",
        f"{OURSELVES} token --auth helper",
        f"echo $({OURSELVES} token)",
        f"exec {OURSELVES} env --profile default",
        f"for n in 1 2 3; do {OURSELVES} token && exit; done; exit 2",
        f"{OURSELVES} token | cat",
    ],
)
def test_a_helper_that_comes_back_to_itself_fails_at_once(
    run_process: Run, proxy: FakeProxy, script: str, tmp_path: Path
) -> None:
    # Counts the runs of the helper: without an end there would be hundreds within the ten seconds of the first one.
    file, runs = tmp_path / "litellmctl.sh", tmp_path / "runs"
    file.write_text(f"echo x >> {runs}\n{script}\n")
    result = run_process("token", "--json", exit=2, LITELLM_API_KEY_HELPER=f"sh {file}")
    assert result.error["code"] == "config"
    assert "must use another profile" in result.error["remedy"]
    assert len(runs.read_text().split()) == 1
    assert proxy.requests == []


@pytest.mark.parametrize(
    "keys",
    [
        {"a": f"!{OURSELVES} token --profile a"},
        {"a": f"!{OURSELVES} token --profile b", "b": f"!{OURSELVES} token --profile a"},
        {"a": f"!{OURSELVES} token --profile b", "b": f"!sh -c '{OURSELVES} token --profile a'"},
        {name: f"!{OURSELVES} token --profile {after}" for name, after in zip("abcd", "bcda", strict=True)},
        {name: f"!{OURSELVES} token --profile {after}" for name, after in zip("abc", "bcb", strict=True)},
    ],
)
def test_commands_that_call_each_other_fail_at_once(
    run_process: Run, home: Path, proxy: FakeProxy, keys: dict[str, str]
) -> None:
    write(home, proxy.url, keys)
    result = run_process("token", "--profile", "a", exit=2)
    assert result.stderr.startswith("Error: profiles.a.api_key failed with exit code 2: ")


def test_a_command_that_reads_another_profile_works(run_process: Run, home: Path, proxy: FakeProxy) -> None:
    keys = {
        "a": f"!{OURSELVES} token --profile b",
        "b": f"!sh -c '{OURSELVES} token --profile c'",
        "c": "!echo sk-of-the-last",
    }
    write(home, proxy.url, keys)
    assert run_process("token", "--profile", "a") == "sk-of-the-last\n"
    inner = f"sh -c 'LITELLM_API_KEY_HELPER=\"echo sk-inner\" {OURSELVES} token'"
    assert run_process("token", LITELLM_API_KEY_HELPER=inner) == "sk-inner\n"


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("value", ["", ",", "nonsense,,", "profiles.default.api_key"])
def test_what_is_no_list_of_commands_is_none(run: Run, value: str) -> None:
    assert run("token", LITELLMCTL_KEY_COMMANDS=value, LITELLM_API_KEY_HELPER="echo sk-helper") == "sk-helper\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL", "SIGINT"])
# doctor runs it in another thread than the main one, where no handler of signals can be set.
@pytest.mark.parametrize("words", [["token"], ["doctor"]], ids=" ".join)
def test_a_helper_ends_with_us_however_we_end(start: Start, tmp_path: Path, name: str, words: list[str]) -> None:
    fake = FakeProxy()
    fake.on("/health/liveliness", "I'm alive!", times=None)
    script = tmp_path / "helper.sh"
    # Ignores what can be ignored, and leaves a child that does too.
    ignoring = "trap '' TERM HUP QUIT INT"
    script.write_text(f"{ignoring}\nsleep 30 &\necho $$ $! > {tmp_path}/new\nmv {tmp_path}/new {tmp_path}/pids\nwait\n")
    process = start(*words, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER=f"sh {script}")
    until((tmp_path / "pids").exists, "the helper")
    pids = (tmp_path / "pids").read_text().split()
    assert not any(has_ended(int(pid)) for pid in pids)
    process.send_signal(getattr(signal, name))
    process.wait(30)
    for pid in pids:
        until(partial(has_ended, int(pid)), "the end of the helper", 10)
    fake.close()


def has_ended(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for it yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # it ended just now, or there is no /proc
        return Path("/proc/self").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_the_commands_of_a_command_that_takes_too_long_end_with_it(
    start: Start, home: Path, proxy: FakeProxy, tmp_path: Path
) -> None:
    marks = tmp_path / "pids"
    keys = {
        "a": f"!{OURSELVES} token --profile b",
        "b": f"!{OURSELVES} token --profile c",
        "c": f"!sh -c {shlex.quote(f'echo $$ > {marks}; exec sleep 30')}",
    }
    write(home, proxy.url, keys)
    process = start("token", "--profile", "a")
    pid = int(until(lambda: marks.exists() and marks.read_text().strip(), "the last command"))
    process.kill()
    process.wait(30)
    until(partial(has_ended, pid), "the end of the last command", 10)
