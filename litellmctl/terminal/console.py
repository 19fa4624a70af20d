"""The only user of the standard streams: terminals, colour, prompts, notes, progress."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import IO, TextIO

from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.sentences import sentence
from litellmctl.foundation.text import clean, clean_text, dump_json

BOLD, RED, YELLOW = "1", "31", "33"
_MOMENT_SECONDS = 0.3
_PROGRESS_SECONDS = 0.2
_MAX_WIDTH = 100
_MAX_DIGITS = 10
# More are not printed one a line: a person would not read them, and the question scrolls away.
_MAX_CHOICES = 100
_MAX_LINK = 8000
# With so many characters of ours a line of `doctor` begins.
_OWN = 18
# ASCII without this has nothing that could be taken for a line of ours (see `quotation`, which most runs never need).
_MAY_BE_OURS = r"(?i)(?:error|try|warning)\s?:|\bOK\s|\"error"
# What makes a terminal show text elsewhere than it stands, and what else it acts on, but our styles and ends of lines.
_BIDIRECTIONAL = "[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_ACTS = f"(\x1b\\[(?:0|1|31|33)m|\r\n)|[\x00-\x08\x0b-\x1f\x7f-\x9f]|{_BIDIRECTIONAL}"


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
        return _is_terminal(self.stdout)

    @cached_property
    def stderr_is_terminal(self) -> bool:
        """Whether a person looks at the messages."""
        return _is_terminal(self.stderr)

    @property
    def width(self) -> int:
        """How wide help may be; what shutil would say, which takes 4 ms to import."""
        columns = os.environ.get("COLUMNS", "")
        if columns.isascii() and columns.isdigit() and len(columns) < _MAX_DIGITS and int(columns):
            found = int(columns)
        else:
            try:
                found = os.get_terminal_size(1).columns
            except (OSError, ValueError):
                found = 80
        return max(50, min(found, _MAX_WIDTH) - 2)

    @property
    def can_prompt(self) -> bool:
        """Whether a question can be asked: prompts are drawn on stderr, so stdout may be piped."""
        return not self.no_input and _is_terminal(self.stdin) and self.stderr_is_terminal

    def write(self, text: str) -> None:
        """Write data to stdout, as UTF-8 whatever the locale; a stdout that is closed is a broken pipe."""
        if self.stdout is None:
            raise BrokenPipeError
        with _full_disk_is_a_failure():
            _write(self.stdout, text, terminal=self.stdout_is_terminal)

    def write_bytes(self, data: bytes) -> None:
        """Write a piece of data to stdout as it is; to a terminal only what it does not act on."""
        if self.stdout_is_terminal or getattr(self.stdout, "buffer", None) is None:
            self.write(clean_text(re.sub(_BIDIRECTIONAL, _escaped, self._decoder.decode(data))))
            return
        assert self.stdout is not None
        with _full_disk_is_a_failure():
            _write_all(self.stdout.buffer, data)

    @cached_property
    def _decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("utf-8")("replace")

    def flush(self) -> None:
        """Flush stdout, so that a reader that went away is noticed here and not at exit."""
        if self.stdout is not None:
            with _full_disk_is_a_failure():
                self.stdout.flush()

    def style(self, text: str, code: str, *, stream: TextIO | None = None) -> str:
        """Wrap `text` in the SGR code if `stream` (stdout by default) takes colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._takes_color(stream or self.stdout) else text

    def note(self, text: str) -> None:
        """Say something in passing, on stderr."""
        if not self.quiet:
            self._tell(text)

    def hint(self, text: str) -> None:
        """Say something in passing that helps a person at a terminal, and nobody else."""
        if self.stderr_is_terminal:
            self.note(text)

    def warn(self, text: str) -> None:
        """Say that something is not as it should be, on stderr."""
        if not self.quiet:
            self._tell(text, "Warning: ", YELLOW)

    def done(self, text: str) -> None:
        """Say that a change was made, on stderr."""
        mark = "✓"
        try:
            mark.encode(getattr(self.stderr, "encoding", None) or "ascii")
        except (UnicodeError, LookupError):
            mark = "OK"
        if not self.quiet:
            self._tell(text, f"{mark} ")

    def trace(self, text: str) -> None:
        """Print one line of what -v asked for, whatever `quiet` says."""
        self._tell(text)

    def error(self, failure: Failure) -> None:
        """Print the two-line error, or its JSON line."""
        if self.json_errors:
            texts = {"message": sentence(failure.message), "remedy": failure.remedy and sentence(failure.remedy)}
            self._say(dump_json({"error": {**failure.as_dict(), **texts}}))
            return
        self._tell(failure.message, "Error: ", RED)
        if failure.remedy:
            self._tell(failure.remedy, "Try:   ", BOLD)

    def help(self, text: str) -> None:
        """Print a help page that nobody asked for by name, on stderr."""
        self._say(text)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show one status line on stderr while the body takes longer than a moment and a person waits."""
        if self.quiet or not (self.stderr_is_terminal and self.stdout_is_terminal):
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
                self._say("", end="")

    def progress(self, text: str) -> None:
        """Show how far something has come, where a person waits and the data goes elsewhere; "" ends that."""
        if self.quiet or not self.stderr_is_terminal or self.stdout_is_terminal:
            return
        now = time.monotonic()
        if text and now - self._progress_at < _PROGRESS_SECONDS:
            return
        self._progress_at = now
        if text:
            self._show_progress(text)
        elif self._progress_shown:
            self._say("", end="")

    def _show_progress(self, text: str) -> None:
        self._tell(text, end="")
        self._progress_shown = True

    def instruct(self, text: str) -> None:
        """Tell a person what to do for the program to go on, on stderr, whatever `quiet` says. Never coloured.

        A link, which is one word, is of no use when it is cut.
        """
        if len(text) <= _MAX_LINK and text.isascii() and " " not in text:
            self._say(clean(text))
        else:
            self._tell(text)

    def quote(self, text: str) -> None:
        """Print on stderr, whatever `quiet` says, what somebody else said, so that no line of it reads as ours."""
        from litellmctl.terminal.quotation import quoted  # here and below: not for what most runs print

        self._say(quoted(text, _columns(self.stderr) if self.stderr_is_terminal else None))

    def quoted(self, text: str) -> str:
        """Return a text of somebody else's that is printed on stdout, so that no line of it reads as ours."""
        from litellmctl.terminal.quotation import quoted

        return quoted(text, _columns(self.stdout) if self.stdout_is_terminal else None)

    def apart(self, rows: str, *, are_ours: bool = False) -> str:
        """Return rows of data so that a terminal begins none as a line of ours, but those that are."""
        if not self.stdout_is_terminal or not _may_be_ours(rows):
            return rows
        from litellmctl.terminal.quotation import apart

        return apart(rows, _columns(self.stdout), _OWN if are_ours else 0)

    def confirm(self, question: str, *, flag: str, default: bool = False) -> bool:
        """Ask a yes-or-no question. Where that is not possible: exit 2, naming the flag to pass. No answer is no."""
        line = self._line(f"{question} {'[Y/n]' if default else '[y/N]'} ", question, flag)
        answer = line.strip().lower()
        return answer in {"y", "yes"} if answer else default and bool(line)

    def ask(self, question: str, *, flag: str, default: str | None = None) -> str:
        """Ask for a line of text; an empty one is the default, or asks again."""
        shown = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            answer = _given(self._line(shown, question, flag)).strip() or default
            if answer:
                return answer

    def ask_hidden(self, question: str, *, flag: str) -> str:
        """Ask for a text that is not shown; it may be pasted, of any length, and come with line breaks."""
        from litellmctl.terminal.hidden_input import read_hidden

        self._require_prompt(question, flag)
        assert self.stdin is not None
        answer = read_hidden(self.stdin, lambda: self._tell(f"{question} (hidden): ", end=""))
        self._say("")
        return _given(answer or "")

    def choose(self, question: str, options: Sequence[str], *, flag: str, default: int | None = None) -> int:
        """Ask for one of several options by its number; return its index. What is no such number asks again.

        Of too many to read: exit 2, naming the flag to pass.
        """
        self._require_prompt(question, flag)
        if len(options) > _MAX_CHOICES:
            raise UsageFailure(
                f"{question} There are {len(options):,} to choose from, too many to list",
                remedy=f"pass {flag}",
                code="input_required",
            )
        for number, option in enumerate(options, 1):
            self._tell(option, f"  {number}  ")
        proposed = "" if default is None else str(default + 1)
        shown = f"{question} [{proposed}]: " if proposed else f"{question}: "
        while True:
            answer = _given(self._line(shown, question, flag)).strip() or proposed
            if answer.isascii() and answer.isdigit() and len(answer) < _MAX_DIGITS and 0 < int(answer) <= len(options):
                return int(answer) - 1

    def read_stdin(self, limit: int) -> str:
        """Return all of stdin, at most `limit` characters."""
        if self.stdin is None:
            return ""
        with _reading(self.stdin):
            return self.stdin.read(limit)

    @property
    def stdin_bytes(self) -> IO[bytes] | None:
        """Stdin, for data that is read as it comes."""
        if self.stdin is None:
            return None
        with _reading(self.stdin):
            return getattr(self.stdin, "buffer", None)

    @property
    def stdin_is_terminal(self) -> bool:
        """Whether a person could type."""
        return _is_terminal(self.stdin)

    def _line(self, shown: str, question: str, flag: str) -> str:
        """Return the line that is typed, with its end; nothing where the input ended."""
        self._require_prompt(question, flag)
        assert self.stdin is not None
        self._tell(shown, end="")
        with _reading(self.stdin):
            return self.stdin.readline()

    def _require_prompt(self, question: str, flag: str) -> None:
        if not self.can_prompt or self.stdin is None:
            raise UsageFailure(f"{question} cannot be asked here", remedy=f"pass {flag}", code="input_required")

    def _tell(self, text: str, label: str = "", style: str = "", *, end: str = "\n") -> None:
        """Say a sentence, behind a label of ours, so that no row of it on a terminal reads as another one of ours."""
        said = sentence(text)
        if self.stderr_is_terminal and _may_be_ours(said):
            from litellmctl.terminal.quotation import apart

            said = apart(label + said, _columns(self.stderr), len(label))[len(label) :]
        if style:
            word = label.rstrip()
            label = self.style(word, style, stream=self.stderr) + label[len(word) :]
        self._say(f"{label}{said}", end)

    def _say(self, text: str, end: str = "\n") -> None:
        # Messages are a courtesy: a stderr that is closed or full never changes what the command does.
        if self.stderr is None:
            return
        with suppress(OSError, ValueError):
            if self._progress_shown:
                self._progress_shown = False
                self.stderr.write("\r\x1b[K")
            _write(self.stderr, text + end, terminal=self.stderr_is_terminal)
            self.stderr.flush()

    def _takes_color(self, stream: TextIO | None) -> bool:
        env = os.environ.get
        if env("NO_COLOR"):
            return False
        if any(env(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
            return True
        if env("CLICOLOR") == "0" or env("TERM") == "dumb":
            return False
        return _is_terminal(stream)


def _given(answer: str) -> str:
    if not answer:
        raise Failure("interrupted", "the input ended before the answer")
    return answer


@contextmanager
def _full_disk_is_a_failure() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(
            "file",
            f"cannot write the output: {(error.strerror or str(error)).lower()}",
            remedy="write it somewhere else, or make room",
        ) from None


@contextmanager
def _reading(stdin: TextIO) -> Iterator[None]:
    """Refuse a stdin that cannot be read, such as one that is open for writing only, and one that is not text."""
    try:
        with suppress(ValueError):  # not a descriptor but a program that plays one
            os.read(stdin.fileno(), 0)
        yield
    except UnicodeError:
        named = getattr(stdin, "encoding", None) or "utf-8"
        remedy = "unset PYTHONIOENCODING" if os.environ.get("PYTHONIOENCODING") else f"give it in {named}"
        raise UsageFailure(f"what was given on stdin is not text in {named}", remedy=remedy) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failure("file", f"cannot read stdin: {reason}", remedy="give the input with a pipe, or < FILE") from None


def _is_terminal(stream: IO[str] | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _columns(stream: TextIO | None) -> int:
    """Return how wide a terminal is: 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80 if stream is not None else 80
    except (OSError, ValueError):
        return 80


def _may_be_ours(text: str) -> bool:
    return not text.isascii() or re.search(_MAY_BE_OURS, text) is not None


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _write(stream: TextIO, text: str, *, terminal: bool) -> None:
    buffer = getattr(stream, "buffer", None)
    if buffer is None or terminal:
        if terminal:  # one way for all: data, sentences and prompts, in every format
            text = re.sub(_ACTS, lambda match: match[1] or _escaped(match), text)
        # A terminal knows its own encoding; what it cannot show becomes a question mark, never a traceback.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        with suppress(UnicodeError, LookupError):  # some, as idna, replace nothing: they get UTF-8 too
            stream.write(text.encode(encoding, "replace").decode(encoding, "replace"))
            return
    if buffer is None:
        stream.write(text)
        return
    _write_all(buffer, text.encode("utf-8", "replace"))


def _write_all(buffer: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # with PYTHONUNBUFFERED a pipe may take a part only
        rest = rest[buffer.write(rest) or 0 :]
