from __future__ import annotations

import errno
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure, ExitCode, Failure
from litellmctl.settings import key_command
from litellmctl.settings.key_command import CHAIN, run_command
from tests.effort import until

SECRET = "sk-printed-by-the-command"
# Prints the number of the process group (Linux), in shell.
GROUP = '{ cut -d" " -f5 /proc/$$/stat || echo 0; }'


def refused(text: str) -> ConfigFailure:
    """Return the failure of a command; whatever it is, it names the setting and the command, never the output."""
    with pytest.raises(ConfigFailure) as failure:
        run_command(text, named="profiles.work.api_key")
    error = failure.value
    assert error.exit_code is ExitCode.USAGE
    assert error.message.startswith("profiles.work.api_key ")
    assert text.strip() in error.message
    return error


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands have half a second instead of ten."""
    monkeypatch.setattr(key_command, "SECONDS", 0.5)


@pytest.fixture
def printing(tmp_path: Path) -> str:
    """A command that prints the secret, and goes on as its arguments say in shell."""
    script = tmp_path / "key.sh"
    script.write_text(f'echo {SECRET}\neval "$1"\n')
    return f"sh {script}"


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("echo key", "key"),
        ("printf ' key \\n\\n'", "key"),
        ('printf "two words"', "two words"),
        ("printf 'a\\ttab'", "a\ttab"),
        ("printf '%s' schlüssel", "schlüssel"),
        (r"printf %s back\ slash", "back slash"),
        ("sh -c 'echo a | tr a b && echo; true'", "b"),
        ("sh -c 'echo $(echo nested)'", "nested"),
        ("sh -c 'echo secret >&2; echo key'", "key"),
        ("echo $HOME", "$HOME"),
        ("echo *", "*"),
        ("echo ~", "~"),
        ("echo 'a|b;c&&d'", "a|b;c&&d"),
        ('echo "a|b;c&&d"', "a|b;c&&d"),
        ("sh -c 'exec echo closes >&1; exec >&-; sleep 0.1'", "closes"),
    ],
)
def test_the_output_is_one_line_stripped_and_no_shell_sees_the_command(text: str, output: str) -> None:
    assert run_command(text, named="x") == output


def test_the_command_gets_no_input_and_inherits_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT", "team")
    assert run_command("sh -c 'cat; echo $VAULT'", named="x") == "team"


def test_a_key_of_64_kib_is_the_longest() -> None:
    assert len(run_command(f"{sys.executable} -c 'print(\"k\" * 65535)'", named="x")) == 65535
    assert "printed more than a key" in refused(f"{sys.executable} -c 'print(\"k\" * 65536)'").message


@pytest.mark.parametrize(
    "text",
    [
        "pass show key | head -1",
        "a && b",
        "a; b",
        "a|b",
        "a||b",
        "echo $(cat key)",
        'echo "$(cat key)"',
        "a 'b' | c",
        "x;",
    ],
)
def test_shell_syntax_is_refused_with_the_way_to_get_a_shell(text: str) -> None:
    failure = refused(text)
    assert failure.message == f"profiles.work.api_key uses shell syntax, but runs without a shell: {text}"
    assert failure.remedy == """use "!sh -c '...'" instead"""


def test_a_quote_that_is_not_closed_is_refused() -> None:
    assert "cannot be split into words" in refused("echo 'key").message


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_command_is_refused(text: str) -> None:
    assert refused(text).message == "profiles.work.api_key is an empty command"


def test_a_command_that_is_not_there_is_refused() -> None:
    assert refused("no-such-command --key").message == (
        "profiles.work.api_key cannot be run (No such file or directory): no-such-command --key"
    )


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-in-a-file")
    assert "is not executable" in refused(f"{tmp_path}/key").message


def test_a_command_that_fails_is_refused_without_its_output(printing: str) -> None:
    failure = refused(f"{printing} 'exit 3'")
    assert "failed with exit code 3" in failure.message
    assert SECRET not in str(failure.as_dict())


@pytest.mark.parametrize("text", ["true", "echo", "printf ' \\n\\t\\n'"])
def test_a_command_that_prints_nothing_is_refused(text: str) -> None:
    assert "printed nothing" in refused(text).message


def test_a_command_that_prints_several_lines_is_refused_without_them(printing: str) -> None:
    failure = refused(f"{printing} 'echo more'")
    assert "printed several lines" in failure.message
    assert failure.remedy == "change it to print only the key"
    assert SECRET not in str(failure.as_dict())


def test_a_command_that_prints_without_end_is_stopped_at_once(printing: str) -> None:
    start = time.monotonic()
    failure = refused(f"{printing} 'while true; do echo {'x' * 4096}; done'")
    assert "printed more than a key" in failure.message
    assert SECRET not in str(failure.as_dict())
    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("rest", ["sleep 30", "exec >&-; sleep 30", "sleep 30 & wait"])
def test_a_command_that_hangs_is_ended_with_all_that_it_started(printing: str, rest: str, tmp_path: Path) -> None:
    start = time.monotonic()
    failure = refused(f"{printing} '{GROUP} > {tmp_path}/group; {rest}'")
    assert "did not finish within 0.5 s" in failure.message
    assert SECRET not in str(failure.as_dict())
    assert time.monotonic() - start < 5
    await_the_end(int((tmp_path / "group").read_text()))


def await_the_end(group: int) -> None:
    """Wait until no process of the group lives, which takes no longer than the system takes for signals."""
    if Path("/proc/self/stat").exists():
        until(lambda: not living(group), f"the end of process group {group}", 2)


def living(group: int) -> list[str]:
    """Return the processes of the group that have not ended."""
    return [name for name, (state, _, own) in processes() if int(own) == group and state not in "ZX"]


def children() -> set[str]:
    """Return the processes that this one started and has not waited for: a test before this one may have left some."""
    return {name for name, (_, parent, _) in processes() if int(parent) == os.getpid()}


def processes() -> Iterator[tuple[str, list[str]]]:
    """Yield each process with its state, its parent and its group (proc(5))."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield entry.name, (entry / "stat").read_text().rpartition(")")[2].split()[:3]


def test_what_a_command_leaves_behind_does_not_hold_us_up(printing: str, tmp_path: Path) -> None:
    start = time.monotonic()
    assert run_command(f"{printing} '{GROUP} > {tmp_path}/group; sleep 30 &'", named="x") == SECRET
    assert time.monotonic() - start < 5
    await_the_end(int((tmp_path / "group").read_text()))


def test_what_flees_into_its_own_session_and_holds_the_pipe_does_not_hold_us_up(printing: str) -> None:
    start = time.monotonic()
    assert run_command(f"{printing} 'setsid sleep 3 &'", named="x") == SECRET
    assert time.monotonic() - start < 2.5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_an_agent_that_a_command_leaves_behind_stays(printing: str, tmp_path: Path) -> None:
    agent = f"sleep 30 >/dev/null & echo $! > {tmp_path}/agent"
    assert run_command(f"{printing} '{agent}'", named="x") == SECRET
    pid = int((tmp_path / "agent").read_text())
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_nothing_that_was_started_beside_a_command_is_left() -> None:
    before = children()
    assert run_command("echo key", named="x") == "key"
    refused("no-such-command")
    assert children() <= before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no group of processes")
def test_a_system_without_a_shell_runs_commands_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_command, "_WATCHER", ["/no/shell"])
    assert run_command("echo größe", named="x") == "größe"


@pytest.mark.parametrize("name", ["_WATCHER", "_WATCHER_WITHOUT_SHELL"])
@pytest.mark.skipif(sys.platform == "win32", reason="there is no group of processes")
def test_the_group_ends_when_nobody_holds_the_other_end(name: str) -> None:
    with subprocess.Popen(getattr(key_command, name), stdin=subprocess.PIPE, env={}, process_group=0) as watcher:
        beside = subprocess.Popen(["sleep", "30"], process_group=watcher.pid)
        assert watcher.stdin is not None
        watcher.stdin.close()
        assert beside.wait(20) == watcher.wait(20) == -signal.SIGKILL


def chain_of(named: str, command: str = "sh -c 'echo $LITELLMCTL_KEY_COMMANDS'") -> str:
    return run_command(command, named=named)


def test_a_command_is_told_which_commands_run_and_nothing_of_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    first = chain_of("profiles.a.api_key")
    monkeypatch.setenv(CHAIN, first)
    second = chain_of("profiles.b.api_key")
    assert second.startswith(f"{first},")
    assert re.fullmatch(r"[0-9a-f]{8},[0-9a-f]{8}", second)


def test_a_command_that_comes_back_to_its_own_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHAIN, chain_of("profiles.a.api_key"))
    monkeypatch.setenv(CHAIN, chain_of("profiles.b.api_key"))
    for named in ("profiles.a.api_key", "profiles.b.api_key"):
        with pytest.raises(ConfigFailure, match=f"^{named} runs itself: sh") as failure:
            chain_of(named)
        assert "--profile" in str(failure.value.remedy)


def test_another_command_under_the_same_name_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHAIN, chain_of("LITELLM_API_KEY_HELPER"))
    assert run_command("echo inner", named="LITELLM_API_KEY_HELPER") == "inner"


def test_commands_of_commands_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        monkeypatch.setenv(CHAIN, chain_of(f"profiles.p{number}.api_key"))
    with pytest.raises(ConfigFailure, match="is run by 10 other key commands"):
        chain_of("profiles.last.api_key")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_machine_that_has_no_process_left_is_not_the_commands_fault(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("subprocess.Popen", no_process)
    with pytest.raises(Failure, match=r"^profiles.a.api_key cannot be run: out of resources: ") as failure:
        chain_of("profiles.a.api_key")
    assert failure.value.code == "system"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_command_whose_output_no_thread_can_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(Failure, match="cannot start a thread"):
        run_command("sleep 30", named="x")
    assert children() <= before


def test_leaves_no_open_pipe_behind() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run_command("echo key", named="x")
        gc.collect()
    assert [str(warning.message) for warning in told] == []
