"""The only user of the standard streams: data, notes, errors, progress, questions."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, TextIO

from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.sentences import sentence
from litellmctl.foundation.text import clean, clean_text, dump_json
from litellmctl.terminal import streams
from litellmctl.terminal.streams import BOLD, GREEN, RED, YELLOW

if TYPE_CHECKING:
    from litellmctl.terminal.questions import Questions

_MOMENT_SECONDS = 0.3
_PROGRESS_SECONDS = 0.2
_MAX_WIDTH = 100
_MAX_LINK = 8000
# On a narrower terminal a continued line is hardly indented.
_NARROW = 40
# ASCII without this has nothing that could be taken for a line of ours (see `quotation`, which most runs never need).
_MAY_BE_OURS = r"(?i)(?:error|try|warning)\s?:|\bOK\s|\"error"


class Console:
    """The process's standard streams, and what the user said about talking.

    `quiet` silences notes and warnings, `no_input` forbids prompts, `json_errors` turns errors into JSON lines.
    """

    def __init__(self, stdin: TextIO | None, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.quiet = False
        self.no_input = bool(os.environ.get("LITELLMCTL_NO_INPUT"))
        self.json_errors = False
        self._progress_shown = False
        self._progress_at = 0.0

    @classmethod
    def of_process(cls) -> Console:
        """Return the console of this process, as its streams are now."""
        return cls(sys.stdin, sys.stdout, sys.stderr)

    @cached_property
    def stdout_is_terminal(self) -> bool:
        """Whether a person looks at the output."""
        return streams.is_terminal(self.stdout)

    @cached_property
    def stderr_is_terminal(self) -> bool:
        """Whether a person looks at the messages."""
        return streams.is_terminal(self.stderr)

    @property
    def width(self) -> int:
        """How wide help is: as wide as the terminal, but no line is too long to read."""
        return min(streams.columns(self.stdout), _MAX_WIDTH) - 2

    @property
    def table_width(self) -> int | None:
        """How wide a table may be; None where nothing limits it: a pipe, unless COLUMNS is set."""
        return streams.columns(self.stdout) if self.stdout_is_terminal or streams.wanted_columns() else None

    @property
    def can_prompt(self) -> bool:
        """Whether a question can be asked: prompts are drawn on stderr, so stdout may be piped."""
        return not self.no_input and streams.is_terminal(self.stdin) and self.stderr_is_terminal

    def write(self, text: str) -> None:
        """Write data to stdout, as UTF-8 whatever the locale; a stdout that is closed is a broken pipe."""
        if self.stdout is None:
            raise BrokenPipeError
        with streams.writing():
            streams.write(self.stdout, text, terminal=self.stdout_is_terminal)

    def write_bytes(self, data: bytes) -> None:
        """Write a piece of data to stdout as it is; to a terminal only what it does not act on."""
        if self.stdout_is_terminal or getattr(self.stdout, "buffer", None) is None:
            self.write(clean_text(re.sub(streams.BIDIRECTIONAL, streams.escaped, self._decoder.decode(data))))
            return
        assert self.stdout is not None
        with streams.writing():
            streams.write_all(self.stdout.buffer, data)

    @cached_property
    def _decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("utf-8")("replace")

    def flush(self) -> None:
        """Flush stdout, so that a reader that went away is noticed here and not at exit."""
        if self.stdout is not None:
            with streams.writing():
                self.stdout.flush()

    def style(self, text: str, code: str, *, stream: TextIO | None = None) -> str:
        """Wrap `text` in the SGR code if `stream` (stdout by default) takes colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if streams.takes_color(stream or self.stdout) else text

    def note(self, text: str, command: str = "") -> None:
        """Say something in passing, on stderr, and at its end a command to be pasted."""
        if not self.quiet:
            self._say("note", text, command=command)

    def hint(self, text: str) -> None:
        """Say something in passing that only helps a person at a terminal."""
        if self.stderr_is_terminal:
            self.note(text)

    def warn(self, text: str, command: str = "") -> None:
        """Say that something is not as it should be, on stderr, and at its end a command to be pasted."""
        if not self.quiet:
            self._say("warning", text, "Warning: ", YELLOW, command)

    def done(self, text: str) -> None:
        """Say that a change was made, on stderr."""
        if not self.quiet:
            self._say("note", text, f"{self.mark('✓', 'OK', self.stderr)} ", GREEN)

    def mark(self, mark: str, plain: str, stream: TextIO | None = None) -> str:
        """Return `mark`, or `plain` where `stream` (stdout by default) cannot show it."""
        encoding = getattr(stream or self.stdout, "encoding", None) or "ascii"
        return mark if streams.can_show(encoding, mark) else plain

    def trace(self, text: str) -> None:
        """Print one line of what -v asked for, whatever `quiet` says."""
        self._say("trace", text)

    def log(self, line: Callable[[int | None], str]) -> None:
        """Print one line of what goes on, on stderr. `line` gets the width of the terminal, None without one."""
        self._put(line(streams.wrapped_at(self.stderr) if self.stderr_is_terminal else None))

    def error(self, failure: Failure) -> None:
        """Print the two-line error, or its JSON line."""
        if self.json_errors:
            texts = {"message": sentence(failure.message), "remedy": failure.remedy and sentence(failure.remedy)}
            self._put(dump_json({"error": {**failure.as_dict(), **texts}}))
            return
        self._tell(failure.message, "Error: ", style=RED)
        if failure.remedy:
            self._tell(failure.remedy, "Try:   ", style=BOLD, folds=not is_command(failure.remedy))

    def help(self, text: str) -> None:
        """Print the help that stands for a missing command, on stderr."""
        self._put(text)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show one status line on stderr while the body takes longer than a moment and a person waits."""
        if self.quiet or self.json_errors or not (self.stderr_is_terminal and self.stdout_is_terminal):
            yield
            return
        from litellmctl.foundation.threads import after

        timer = after(_MOMENT_SECONDS, lambda: self._show_progress(text))
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if self._progress_shown:
                self._put("", end="")

    def progress(self, text: str) -> None:
        """Show how far something has come while a person waits and the data goes into a file; "" ends that.

        Not while it goes into a pipe: the program behind that may print to the same terminal.
        """
        if self.quiet or self.json_errors or not self.stderr_is_terminal or not streams.is_file(self.stdout):
            return
        now = time.monotonic()
        if text and now - self._progress_at < _PROGRESS_SECONDS:
            return
        self._progress_at = now
        if text:
            self._show_progress(text)
        elif self._progress_shown:
            self._put("", end="")

    def _show_progress(self, text: str) -> None:
        from litellmctl.terminal.cells import cut
        from litellmctl.terminal.quotation import apart

        # In one row: of more, only the last could be erased.
        columns = streams.wrapped_at(self.stderr)
        self._put(apart(cut(sentence(text), columns - 3), columns).partition("\n")[0], end="")
        self._progress_shown = True

    def instruct(self, text: str) -> None:
        """Tell a person what to do for the program to go on, on stderr, whatever `quiet` says. Never coloured.

        A link, which is one word, is of no use when it is cut.
        """
        is_link = len(text) <= _MAX_LINK and text.isascii() and " " not in text
        if self.json_errors:
            self._put(dump_json({"instruction": clean(text) if is_link else sentence(text)}))
        elif is_link:
            self._put(clean(text))
        else:
            self._tell(text)

    def quote(self, text: str) -> None:
        """Print on stderr, whatever `quiet` says, what somebody else said, so that no line of it reads as ours."""
        from litellmctl.terminal.quotation import quoted  # here and below: not for what most runs print

        if self.json_errors:
            self._put(dump_json({"note": clean_text(text)}))
        else:
            self._put(quoted(text, streams.wrapped_at(self.stderr) if self.stderr_is_terminal else None))

    def quoted(self, text: str) -> str:
        """Return a text of somebody else's that is printed on stdout, so that no line of it reads as ours."""
        from litellmctl.terminal.quotation import quoted

        return quoted(text, streams.wrapped_at(self.stdout) if self.stdout_is_terminal else None)

    def apart(self, rows: str, *, own: int = 0) -> str:
        """Return lines of data so that a terminal begins none as a line of ours; their first `own` characters are."""
        if not self.stdout_is_terminal or not _may_be_ours(rows):
            return rows
        from litellmctl.terminal.quotation import apart

        return apart(rows, streams.wrapped_at(self.stdout), own)

    def labelled(self, label: str, text: str, *, indent: int | None = None) -> str:
        """Return a text of one line behind a label of ours: on a terminal folded, and no row of it reads as ours."""
        if not self.stdout_is_terminal:
            return label + text
        from litellmctl.terminal.cells import folded

        indent = len(label) if indent is None else indent
        columns = streams.columns(self.stdout)
        if not is_command(text):
            text = folded(text, columns, first=len(label), indent=indent if 2 * indent < columns else 2)
        return self.apart(label + text, own=len(label))

    def confirm(self, question: str, *, flag: str, default: bool = False) -> bool:
        """Ask a yes-or-no question. Where that is not possible: exit 2, naming the flag to pass. No answer is no."""
        return self._questions(question, flag).confirm(question, default=default)

    def ask(self, question: str, *, flag: str, default: str | None = None) -> str:
        """Ask for a line of text; an empty one is the default, or asks again."""
        return self._questions(question, flag).ask(question, default)

    def ask_hidden(self, question: str, *, flag: str) -> str:
        """Ask for a text that is not shown; it may be pasted, of any length, and come with line breaks."""
        return self._questions(question, flag).ask_hidden(question)

    def choose(self, question: str, options: Sequence[str], *, flag: str, default: int | None = None) -> int:
        """Ask for one of several options by its number; return its index. Anything else asks again.

        Of too many to read: exit 2, naming the flag to pass.
        """
        return self._questions(question, flag, len(options)).choose(question, options, default)

    def pick(self, question: str, names: Sequence[str], *, flag: str) -> int:
        """Ask for one of many names, by its number or by a part of it; return its index."""
        return self._questions(question, flag).pick(question, names)

    def cannot_ask(self, what: str, remedy: str) -> UsageFailure:
        """Return the failure for a question that nobody can answer, or that the user does not want."""
        why = ": prompts are off" if self.no_input else " without a terminal"
        return UsageFailure(f"cannot ask {what}{why}", remedy=remedy, code="input_required")

    def _questions(self, question: str, flag: str, choices: int = 0) -> Questions:
        from litellmctl.terminal.questions import MAX_CHOICES, Questions

        if not self.can_prompt or self.stdin is None:
            raise self.cannot_ask(f'"{question}"', f"pass {flag}")
        if choices > MAX_CHOICES:
            message = f'cannot ask "{question}": {choices:,} choices are too many to list'
            raise UsageFailure(message, remedy=f"pass {flag}", code="input_required")
        return Questions(self.stdin, lambda text, label, end: self._tell(text, label, end=end))

    def read_stdin(self, limit: int) -> str:
        """Return all of stdin, at most `limit` characters."""
        if self.stdin is None:
            return ""
        with streams.reading(self.stdin):
            return self.stdin.read(limit)

    @property
    def stdin_bytes(self) -> IO[bytes] | None:
        """Stdin, for data that is read as it comes."""
        if self.stdin is None:
            return None
        with streams.reading(self.stdin):
            return getattr(self.stdin, "buffer", None)

    @property
    def stdin_is_terminal(self) -> bool:
        """Whether a person could type."""
        return streams.is_terminal(self.stdin)

    def _say(self, kind: str, text: str, label: str = "", style: str = "", command: str = "") -> None:
        """Say a sentence; with --json, stderr has JSON lines only."""
        if command and self.stderr_is_terminal and not self.json_errors:
            self._tell(text, label, style=style)
            self._tell(command, "  ", folds=False)  # a row of its own: folded, it could not be pasted
            return
        said = f"{text} {command}" if command else text
        if self.json_errors:
            self._put(dump_json({kind: sentence(said)}))
        else:
            self._tell(said, label, style=style)

    def _tell(self, text: str, label: str = "", *, style: str = "", end: str = "\n", folds: bool = True) -> None:
        """Say a sentence behind a label of ours; on a terminal no row of it reads as another one of ours."""
        said = sentence(text)
        if self.stderr_is_terminal:
            columns = streams.columns(self.stderr)
            if folds and (len(label) + len(said) > columns or not said.isascii()):
                from litellmctl.terminal.cells import folded

                indent = max(2, len(label)) if columns >= _NARROW else 2
                said = folded(said, columns, first=len(label), indent=indent)
            if _may_be_ours(said):
                from litellmctl.terminal.quotation import apart

                said = apart(label + said, streams.wrapped_at(self.stderr), len(label))[len(label) :]
        if style:
            word = label.rstrip()
            label = self.style(word, style, stream=self.stderr) + label[len(word) :]
        self._put(f"{label}{said}", end)

    def abandon_stderr(self) -> None:
        """Say nothing more: a thread that is stuck in a message has the lock of stderr, for which exit would wait."""
        self.stderr = sys.stderr = None
        sys.__stderr__ = None  # type: ignore[misc]  # which the interpreter takes at its end

    def _put(self, text: str, end: str = "\n") -> None:
        # Messages are a courtesy: a stderr that is closed or full never changes what the command does.
        if self.stderr is None:
            return
        with suppress(OSError, ValueError):
            if self._progress_shown:
                self._progress_shown = False
                self.stderr.write("\r\x1b[K")
            streams.write(self.stderr, text + end, terminal=self.stderr_is_terminal)
            self.stderr.flush()


def is_command(text: str) -> bool:
    """Whether a remedy is a command to be pasted: folded, it could not be; one that the terminal wraps can."""
    return text.startswith("litellmctl ") and ", " not in text


def _may_be_ours(text: str) -> bool:
    return not text.isascii() or re.search(_MAY_BE_OURS, text) is not None
