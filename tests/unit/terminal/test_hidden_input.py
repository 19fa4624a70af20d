"""Reading a secret from a real terminal: nothing is shown, nothing is cut, nothing is left behind."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.terminal import hidden_input
from litellmctl.terminal.hidden_input import read_hidden
from tests.effort import until

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

import pty
import termios

ECHO, ICANON, ISIG = termios.ECHO, termios.ICANON, termios.ISIG
LONG = "".join(f"{number:05d}" for number in range(2000))


class Terminal:
    """A pseudo-terminal: its keyboard and screen, and the program's end of it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.stdin: TextIO = os.fdopen(os.dup(self.slave), encoding="utf-8")

    def flags(self) -> int:
        return int(termios.tcgetattr(self.slave)[3])

    def is_silent(self) -> bool:
        """Whether somebody reads what is hidden."""
        return not self.flags() & (ECHO | ICANON)

    def type(self, text: str | bytes) -> None:
        """Type or paste, as quickly as it is taken."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.master, data[:1024]) :]

    def shown(self) -> bytes:
        """Return what the screen shows."""
        data = b""
        while select.select([self.master], [], [], 0.05)[0]:
            data += os.read(self.master, 65536)
        return data

    def waiting(self) -> bool:
        """Whether something waits to be read by the next program, the shell."""
        settings = termios.tcgetattr(self.slave)
        settings[3] &= ~(ECHO | ICANON)
        termios.tcsetattr(self.slave, termios.TCSANOW, settings)
        return bool(select.select([self.slave], [], [], 0.05)[0])

    def close(self) -> None:
        self.stdin.close()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal with a person at it."""
    opened = Terminal()
    yield opened
    opened.close()


def read(terminal: Terminal, *keys: str | bytes, pause: float = 0.0) -> str | None:
    """Return what is read while a person presses these keys."""
    result: list[str | None] = []
    reader = threading.Thread(target=lambda: result.append(read_hidden(terminal.stdin)), daemon=True)
    before = termios.tcgetattr(terminal.slave)
    reader.start()
    until(terminal.is_silent)
    for key in keys:
        terminal.type(key)
        time.sleep(pause)
    reader.join(20)
    assert not reader.is_alive(), "it still reads"
    assert termios.tcgetattr(terminal.slave) == before
    return result[0]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_line_is_read_and_not_shown(terminal: Terminal, end: str) -> None:
    assert (read(terminal, f"sk-0123{end}") or "").strip() == "sk-0123"
    assert terminal.shown() == b""
    assert not terminal.waiting()


def test_a_line_that_is_typed_key_by_key_is_the_same(terminal: Terminal) -> None:
    assert read(terminal, *"sk-0123\r", pause=0.01) == "sk-0123\n"
    assert terminal.shown() == b""


@pytest.mark.parametrize("length", [1023, 1024, 1025, 4095, 4096, 4097, 10_000])
def test_a_long_paste_is_whole(terminal: Terminal, length: int) -> None:
    # A terminal that assembles lines itself cuts them after 1,024 bytes (macOS) or 4,096 (Linux).
    assert read(terminal, f"{LONG[:length]}\r") == f"{LONG[:length]}\n"
    assert terminal.shown() == b""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("sk-x\x7f0\r", "sk-0\n"),
        ("sk-x\x080\r", "sk-0\n"),
        ("ab\x7f\x7f\x7f\x7fsk\r", "sk\n"),
        ("wrong\x15sk-right\r", "sk-right\n"),
        ("\x15\x15sk\x7f\x7f\r", "\n"),
        ("sk-1\x04", "sk-1"),
        ("\x04", None),
        ("\r", "\n"),
        ("Grüße\x7f\r", "Grüß\n"),
        (b"sk-\xff\r", "sk-\ufffd\n"),
    ],
)
def test_the_keys_of_a_line_editor_edit(terminal: Terminal, keys: str | bytes, line: str | None) -> None:
    assert read(terminal, keys) == line
    assert terminal.shown() == b""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["sk-x", "\x7f", "0", "\r"], "sk-0\n"),
        (["wrong", "\x15", "sk-right", "\r"], "sk-right\n"),
        (["sk-1", "\x04"], "sk-1"),
        (["sk-1", "\x7f" * 4, "sk-2", "\r"], "sk-2\n"),
    ],
)
def test_they_do_so_too_where_each_key_comes_by_itself(terminal: Terminal, keys: list[str], line: str) -> None:
    assert read(terminal, *keys, pause=0.03) == line


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_all_that_is_no_control_character_comes_through(text: str) -> None:
    assert hidden_input._edited(f"{text}\n") == f"{text}\n"


@pytest.mark.parametrize(
    "pasted",
    [
        "sk-1\rsk-2\r",
        "sk-1\r\nrm -rf /\r\n",
        "sk-1\rsk-2",
        "\rsk-1\r",
        f"sk-1\r{LONG}\r",
    ],
)
def test_lines_that_are_pasted_behind_it_are_returned_and_do_not_reach_the_shell(
    terminal: Terminal, pasted: str
) -> None:
    line = read(terminal, pasted)
    assert line is not None
    assert line.split() == pasted.split()
    assert not terminal.waiting()
    assert terminal.shown() == b""


def test_lines_that_come_a_moment_later_do_not_reach_the_shell_either(terminal: Terminal) -> None:
    line = read(terminal, "sk-1\r", "sk-2\r", pause=hidden_input._REST_SECONDS / 3)
    assert line is not None
    assert line.split() == ["sk-1", "sk-2"]
    assert not terminal.waiting()


def test_keys_that_come_later_still_do_not_reach_the_shell(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def type_on(_descriptor: int) -> bool:
        terminal.type("rm -rf /\r")
        until(terminal.waiting)  # what is on its way cannot be flushed yet
        return False

    monkeypatch.setattr(hidden_input, "_more", type_on)
    assert read(terminal, "sk-1\r") == "sk-1\n"
    assert not terminal.waiting()


def test_the_question_comes_once_the_terminal_is_silent(terminal: Terminal) -> None:
    seen: list[bool] = []

    def prompt() -> None:
        seen.append(terminal.is_silent())
        terminal.type("sk-1\r")  # by somebody who is very quick

    assert read_hidden(terminal.stdin, prompt) == "sk-1\n"
    assert seen == [True]
    assert terminal.shown() == b""


def test_what_was_typed_ahead_is_not_the_answer(terminal: Terminal) -> None:
    terminal.type("y\rls\r")
    until(lambda: bool(select.select([terminal.slave], [], [], 0)[0]))
    assert read(terminal, "sk-1\r") == "sk-1\n"


def test_there_is_a_limit(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden_input, "_MAX_CHARACTERS", 5000)
    line = read(terminal, "x" * 6000)
    assert line is not None
    assert 5000 <= len(line) <= 6000


def test_the_limit_is_beyond_what_is_taken_for_a_token() -> None:
    from litellmctl.auth.new_token import MAX_CHARACTERS

    assert hidden_input._MAX_CHARACTERS >= MAX_CHARACTERS


def test_a_terminal_that_is_closed_is_the_end_of_the_input(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden_input.os, "read", lambda *_: b"")
    assert read_hidden(terminal.stdin) is None


def test_the_settings_come_back_whatever_happens(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    before = termios.tcgetattr(terminal.slave)

    def fail(*_: Any) -> bytes:
        assert terminal.is_silent()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(hidden_input.os, "read", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read_hidden(terminal.stdin)
    assert termios.tcgetattr(terminal.slave) == before


def test_settings_that_were_there_before_are_kept(terminal: Terminal) -> None:
    settings = termios.tcgetattr(terminal.slave)
    settings[3] &= ~ECHO
    settings[6][termios.VERASE] = b"\x02"
    termios.tcsetattr(terminal.slave, termios.TCSANOW, settings)
    assert read(terminal, "sk\r") == "sk\n"  # which compares them


_PROGRAM = """
import sys
from litellmctl.terminal.hidden_input import read_hidden
try:
    print(repr(read_hidden(sys.stdin)), flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def in_session(terminal: Terminal) -> subprocess.Popen[str]:
    """Start a program whose terminal this is, so that Ctrl-C reaches it."""
    # A session's first terminal that is opened without O_NOCTTY becomes its own.
    code = f"import os; os.close(os.open({os.ttyname(terminal.slave)!r}, os.O_RDWR))\n{_PROGRAM}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=terminal.slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("typed", ["", "sk-secret"])
def test_ctrl_c_interrupts_and_the_terminal_is_as_it_was(terminal: Terminal, typed: str) -> None:
    before = termios.tcgetattr(terminal.slave)
    process = in_session(terminal)
    until(terminal.is_silent)
    assert terminal.flags() & ISIG
    terminal.type(f"{typed}\x03")
    stdout, stderr = process.communicate(timeout=30)
    assert (stdout, stderr) == ("interrupted\n", "")
    assert termios.tcgetattr(terminal.slave) == before
    assert terminal.shown() == b""
    assert not terminal.waiting()


def test_a_signal_from_elsewhere_interrupts_too(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.slave)
    process = in_session(terminal)
    until(terminal.is_silent)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert termios.tcgetattr(terminal.slave) == before


def test_a_program_that_plays_a_terminal_is_read_by_lines() -> None:
    stdin = io.StringIO("sk-1\nnext\n")
    asked: list[int] = []
    assert read_hidden(stdin, lambda: asked.append(stdin.tell())) == "sk-1\n"
    assert asked == [0]
    assert stdin.read() == "next\n"
    assert read_hidden(io.StringIO("")) is None
    assert read_hidden(io.StringIO("sk-1")) == "sk-1"
