"""Waiting for a program: its exit code, signals that are passed on, and stops that are followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litellmctl.foundation.interruptions import Interrupted, Interruptions, exit_code
from tests.effort import less_than, until

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SECONDS = 30.0
# As a process of its own: it runs the words behind it and waits for them.
WAITING = (
    "import subprocess, sys\n"
    "from litellmctl.foundation.interruptions import Interruptions\n"
    "with Interruptions() as interruptions:\n"
    "    print('ready', flush=True)\n"
    "    sys.exit(interruptions.wait(subprocess.Popen(sys.argv[1:]), grace_seconds=None))\n"
)


def state_of(process: int) -> str:
    """Return the letter of a process's state in proc(5)."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_an_exit_code_is_the_programs() -> None:
    with Interruptions() as interruptions:
        assert interruptions.wait(subprocess.Popen(python("raise SystemExit(7)"))) == 7


@posix
def test_a_signal_makes_the_exit_code_of_a_shell() -> None:
    with Interruptions() as interruptions:
        assert interruptions.wait(subprocess.Popen(["sh", "-c", "kill -9 $$"])) == 137


@pytest.mark.parametrize(("code", "wanted"), [(0, 0), (255, 255), (-15, 143), (0xC000013A, 130)])
def test_return_codes_of_each_system(code: int, wanted: int) -> None:
    assert exit_code(code) == wanted


@posix
def test_waiting_takes_no_processor() -> None:
    with Interruptions() as interruptions, less_than(0.1):
        assert interruptions.wait(subprocess.Popen(["sleep", "1"])) == 0


@posix
def test_a_program_that_has_ended_already_is_not_waited_for() -> None:
    with Interruptions() as interruptions:
        command = subprocess.Popen(["true"])
        time.sleep(0.3)
        assert interruptions.wait(command) == 0
        assert interruptions.wait(command) == 0


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT])
def test_a_signal_before_the_program_is_raised(number: signal.Signals) -> None:
    with Interruptions() as interruptions:
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted) as stop:
            interruptions.check()
    assert stop.value.number == number


@posix
def test_handlers_are_restored() -> None:
    numbers = (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with Interruptions():
        pass
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


@posix
def test_a_program_that_survives_sigterm_is_killed_only_where_that_is_wanted() -> None:
    with Interruptions() as interruptions:
        command = subprocess.Popen(
            ["sh", "-c", "trap '' TERM; echo; sleep 60 & wait; sleep 60"], stdout=subprocess.PIPE
        )
        assert command.stdout
        command.stdout.readline()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruptions.wait(command, grace_seconds=0.5) == 137
        command.stdout.close()


@linux
def test_a_program_that_stops_itself_stops_us_and_goes_on_with_us() -> None:
    """As an agent does at Ctrl-Z, which it reads as a key: the shell gets the terminal only if we stop too."""
    code = (
        "import os, signal; print(os.getpid(), flush=True); os.kill(os.getpid(), signal.SIGSTOP); raise SystemExit(5)"
    )
    # A process group of its own whose leader's parent is in the same session, as a shell makes it.
    process = subprocess.Popen([*python(WAITING), *python(code)], stdout=subprocess.PIPE, text=True, process_group=0)
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        child = int(process.stdout.readline())
        until(lambda: state_of(process.pid) == "T", "the stop")
        assert state_of(child) == "T"
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(SECONDS) == 5
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)
