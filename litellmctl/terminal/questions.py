"""Questions to a person at a terminal, drawn on stderr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from litellmctl.errors import Failure
from litellmctl.terminal.streams import reading

_MAX_DIGITS = 10
# More are not printed one a line: a person would not read them, and the question scrolls away.
MAX_CHOICES = 100
# How many names of a long list are printed at once, so that the question stays in sight of the first.
_PAGE = 20


class Questions:
    """Asks on a terminal; `tell` prints a text behind a label, and `end` after it."""

    def __init__(self, stdin: TextIO, tell: Callable[[str, str, str], None]) -> None:
        self._stdin = stdin
        self._tell = tell

    def confirm(self, question: str, *, default: bool) -> bool:
        """Ask a yes-or-no question; the end of the input is no."""
        line = self._line(f"{question} {'[Y/n]' if default else '[y/N]'} ")
        answer = line.strip().lower()
        return answer in {"y", "yes"} if answer else default and bool(line)

    def ask(self, question: str, default: str | None) -> str:
        """Ask for a line of text; an empty one is the default, or asks again."""
        shown = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            answer = _given(self._line(shown)).strip() or default
            if answer:
                return answer

    def ask_hidden(self, question: str) -> str:
        """Ask for a text that is not shown; it may be pasted, of any length, and come with line breaks."""
        from litellmctl.terminal.hidden_input import read_hidden

        answer = read_hidden(self._stdin, lambda: self._tell(f"{question} (hidden): ", "", ""))
        self._tell("", "", "\n")
        return _given(answer or "")

    def choose(self, question: str, options: Sequence[str], default: int | None) -> int:
        """Ask for one of several options by its number; return its index. Anything else asks again."""
        for number, option in enumerate(options, 1):
            self._tell(option, f"  {number}  ", "\n")
        proposed = "" if default is None else str(default + 1)
        shown = f"{question} [{proposed}]: " if proposed else f"{question}: "
        while True:
            answer = _given(self._line(shown)).strip() or proposed
            if answer.isascii() and answer.isdigit() and len(answer) < _MAX_DIGITS and 0 < int(answer) <= len(options):
                return int(answer) - 1

    def pick(self, question: str, names: Sequence[str]) -> int:
        """Ask for one of many names, by its number or by parts of it that narrow the list; return its index.

        Parts may be in any case and order: `mini 4o` finds gpt-4o-mini. An empty line shows the first names again.
        """
        found = list(range(len(names)))
        while True:
            page = found[:_PAGE]
            for number, index in enumerate(page, 1):
                self._tell(names[index], f"  {number:2}  ", "\n")
            if len(found) > len(page):
                self._tell(f"... and {len(found) - len(page):,} more", "      ", "\n")
            found = []
            while not found:
                answer = _given(self._line(f"{question} (number, or part of a name): ")).strip()
                if answer.isascii() and answer.isdigit() and len(answer) < _MAX_DIGITS and 0 < int(answer) <= len(page):
                    return page[int(answer) - 1]
                parts = answer.lower().split()
                found = [index for index, name in enumerate(names) if all(part in name.lower() for part in parts)]
                if answer in names:
                    found = [names.index(answer)]
                if len(found) == 1:
                    return found[0]
                if not found:
                    self._tell(f'No name has "{answer}".', "", "\n")

    def _line(self, shown: str) -> str:
        """Return the line that is typed, with its end; nothing where the input ended."""
        self._tell(shown, "", "")
        with reading(self._stdin):
            line = self._stdin.readline()
        if not line.endswith("\n"):
            self._tell("", "", "\n")  # what is said next begins a line
        return line


def _given(answer: str) -> str:
    if not answer:
        raise Failure("interrupted", "the input ended before the answer")
    return answer
