"""Reading what must not be shown on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

_REST_SECONDS = 0.1
_MAX_CHARACTERS = 64 * 1024
_ERASE = {"\x7f", "\x08"}
_KILL_LINE = "\x15"
_END = "\x04"


def read_hidden(stdin: TextIO, prompt: Callable[[], None] = lambda: None) -> str | None:
    """Return one line that the terminal does not echo, or None where the input ended; Ctrl-C passes through.

    Not getpass: a terminal that assembles lines itself cuts them (macOS after 1,024 bytes, Linux after 4,096), and a
    token may be longer. What was pasted behind the line is returned too, so that it does not reach the shell.
    `prompt` is called once the terminal is silent: an answer that is typed at once would be echoed otherwise.
    """
    try:
        descriptor = stdin.fileno()
    except OSError:  # not a terminal but a program that plays one
        prompt()
        return stdin.readline() or None
    return _read_silently(descriptor, prompt)


if sys.platform == "win32":

    def _read_silently(_descriptor: int, prompt: Callable[[], None]) -> str | None:
        import getpass

        prompt()
        return getpass.getpass("")

else:
    import termios

    def _read_silently(descriptor: int, prompt: Callable[[], None]) -> str | None:
        before = termios.tcgetattr(descriptor)
        silent = termios.tcgetattr(descriptor)
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        silent[6][termios.VMIN], silent[6][termios.VTIME] = 1, 0
        # Flushed before, so that what was typed ahead is not taken for the answer; and after, for the shell's sake.
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
        try:
            prompt()
            return _line(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)

    def _line(descriptor: int) -> str | None:
        data = b""
        while len(data) < _MAX_CHARACTERS:
            some = os.read(descriptor, 4096)
            if not some or (some == _END.encode() and not data):
                return None
            data += some
            if any(end in some for end in (b"\n", b"\r", b"\x04")) and not _more(descriptor):
                break
        return _edited(data.decode("utf-8", "replace"))

    def _more(descriptor: int) -> bool:
        import select

        return bool(select.select([descriptor], [], [], _REST_SECONDS)[0])


def _edited(text: str) -> str:
    """Return the text as the keys of a line editor leave it."""
    line: list[str] = []
    for character in text:
        if character in _ERASE:
            del line[-1:]
        elif character == _KILL_LINE:
            line.clear()
        elif character != _END:
            line.append(character)
    return "".join(line)
