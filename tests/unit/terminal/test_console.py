from __future__ import annotations

import io
import json
import os
import re
import time
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure, ExitCode, Failure, UsageFailure
from litellmctl.foundation.text import clean
from litellmctl.terminal import console as console_module
from litellmctl.terminal.console import Console
from litellmctl.terminal.streams import RED
from tests.effort import until


class Stream(io.TextIOWrapper):
    """A stream that may be a terminal, and can be read back."""

    def __init__(self, given: str = "", *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(given.encode()), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        super().isatty()
        return self.terminal

    @property
    def bytes(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()  # type: ignore[attr-defined, no-any-return]

    @property
    def text(self) -> str:
        return self.bytes.decode(self.encoding)


class Talk(Console):
    """A console of three streams, all terminals or none."""

    def __init__(self, given: str = "", *, terminal: bool = False, encoding: str = "utf-8") -> None:
        self.out = Stream(terminal=terminal, encoding=encoding)
        self.err = Stream(terminal=terminal, encoding=encoding)
        super().__init__(Stream(given, terminal=terminal), self.out, self.err)


def test_data_go_to_stdout_and_all_sentences_to_stderr() -> None:
    talk = Talk()
    talk.write("data\n")
    talk.note("a note")
    talk.warn("careful")
    talk.done("Set it")
    talk.trace("GET /x 200")
    talk.error(Failure("internal", "broken", remedy="fix it"))
    assert talk.out.text == "data\n"
    assert talk.err.text == (
        "a note\nWarning: careful\n✓ Set it\nGET /x 200\nError: broken\nTry:   fix it\n"
    )  # fmt: skip


def test_quiet_silences_notes_and_warnings_but_no_error_and_no_trace() -> None:
    talk = Talk()
    talk.quiet = True
    talk.note("a note")
    talk.warn("careful")
    talk.done("Set it")
    talk.trace("GET /x 200")
    talk.error(Failure("internal", "broken"))
    assert talk.err.text == "GET /x 200\nError: broken\n"


@pytest.mark.parametrize("name", ["note", "warn", "done", "trace"])
def test_what_a_server_said_cannot_act_on_the_terminal(name: str) -> None:
    talk = Talk()
    getattr(talk, name)("red\x1b[31m\nnext\u202e")
    assert talk.err.text.removeprefix("Warning: ").removeprefix("✓ ") == "red[31m next\n"
    talk = Talk()
    talk.error(Failure("internal", "a\x1b]0;b\x07", remedy="c\nd"))
    assert talk.err.text == "Error: a]0;b\nTry:   c d\n"


def test_errors_as_json_are_one_line() -> None:
    talk = Talk(terminal=True)
    talk.json_errors = True
    failure = ConfigFailure("bro\x9bken\n", remedy="fix")
    talk.error(failure)
    assert talk.err.text.count("\n") == 1
    assert "\x9b" not in talk.err.text
    assert json.loads(talk.err.text) == {"error": {**failure.as_dict(), "message": "broken "}}


@pytest.mark.parametrize("terminal", [True, False])
def test_with_json_every_message_is_a_line_of_json(terminal: bool) -> None:
    talk = Talk(terminal=terminal)
    talk.json_errors = True
    long = "a note that is longer than a row of a terminal, " * 5
    talk.note(long)
    talk.warn("careful\u202e")
    talk.done('Deleted "x"')
    talk.trace("GET /x 200 84 ms")
    talk.instruct("https://llm.example.com/device?code=ABCD")
    talk.instruct("Open the link and type the code.")
    talk.quote("it broke\nError: not ours")
    talk.progress("3 calls")
    with talk.working("Asking ..."):
        pass
    assert [json.loads(line) for line in talk.err.text.splitlines()] == [
        {"note": long},
        {"warning": "careful"},
        {"note": 'Deleted "x"'},
        {"trace": "GET /x 200 84 ms"},
        {"instruction": "https://llm.example.com/device?code=ABCD"},
        {"instruction": "Open the link and type the code."},
        {"note": "it broke\nError: not ours"},
    ]
    assert talk.out.text == ""


def test_no_progress_is_shown_between_lines_of_json(tmp_path: Path) -> None:
    talk = Talk(terminal=True)
    talk.json_errors = True
    with (tmp_path / "out").open("w") as talk.stdout:
        talk.progress("3 calls")
    assert talk.err.text == ""


def test_quiet_silences_notes_in_json_too() -> None:
    talk = Talk()
    talk.json_errors = talk.quiet = True
    talk.note("a note")
    talk.warn("careful")
    talk.done("Set it")
    talk.trace("GET /x 200")
    assert talk.err.text == '{"trace": "GET /x 200"}\n'


def test_a_question_is_text_with_json_too_since_a_person_is_there() -> None:
    talk = Talk("y\n", terminal=True)
    talk.json_errors = True
    assert talk.confirm("Delete it?", flag="--yes")
    assert talk.err.text == "Delete it? [y/N] "


@pytest.mark.parametrize("columns", ["20", "40", "60"])
def test_sentences_fold_at_the_width_of_a_terminal_behind_their_labels(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    said = "cannot read the config file: line 3, column 9: missing equals sign, and more"
    for terminal in (True, False):
        talk = Talk(terminal=terminal)
        talk.note(said)
        talk.warn(said)
        talk.error(Failure("config", said, remedy=said))
        lines = talk.err.text.splitlines()
        assert " ".join(talk.err.text.split()) == f"{said} Warning: {said} Error: {said} Try: {said}"
        if terminal:
            assert max(map(len, lines)) <= int(columns)
            assert len([line for line in lines if not line.startswith("  ")]) == 4
        else:
            assert len(lines) == 4
    if columns == "40":
        talk = Talk(terminal=True)
        talk.error(Failure("config", said))
        assert talk.err.text.splitlines()[1].startswith("       ")
        assert talk.err.text.splitlines()[1][7] != " "


@pytest.mark.parametrize(
    "remedy", [f"litellmctl config set profiles.{'w' * 40}.base_url https://{'h' * 40}", f"https://{'h' * 100}/path"]
)
def test_what_is_pasted_is_never_broken(remedy: str) -> None:
    talk = Talk(terminal=True)
    talk.error(Failure("config", "x", remedy=remedy))
    assert remedy in talk.err.text
    assert remedy in talk.labelled("✓ checked ", remedy)


def test_a_command_at_the_end_of_a_note_stays_whole_and_escapes_are_folded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    talk = Talk(terminal=True)
    command = "litellmctl api /key/delete -F 'key_aliases=[\"a b\"]'"
    talk.note("Kept the virtual key. To delete it, sign in there again and run:", command)
    talk.note("two \u200b\u200b\u200b\u200b\u200b\u200b " + "word " * 5)
    lines = talk.err.text.splitlines()
    assert f"  {command}" in lines
    assert max(map(len, lines)) <= 60
    assert "\\u200b" in talk.err.text


def test_a_command_at_the_end_of_a_note_is_in_its_line_elsewhere() -> None:
    talk, lines = Talk(), Talk()
    lines.json_errors = True
    for one in (talk, lines):
        one.note("To delete it, run:", "litellmctl api /x")
    assert talk.err.text == "To delete it, run: litellmctl api /x\n"
    assert json.loads(lines.err.text) == {"note": "To delete it, run: litellmctl api /x"}


def test_what_a_stranger_says_is_never_taken_for_a_command_of_ours() -> None:
    talk = Talk(terminal=True)
    talk.note("the server says: to go on, run: litellmctl logout --all")
    assert talk.err.text == "the server says: to go on, run: litellmctl logout --all\n"


def test_a_check_folds_behind_its_name_and_reads_like_nothing_else_of_ours() -> None:
    talk = Talk(terminal=True)
    lines = talk.labelled("✓ configuration    ", "a path and more of it " * 8).split("\n")
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 19) for line in lines[1:])
    for width in range(40, 100):
        text = talk.labelled("✓ configuration    ", f"{'x' * width} Error: evil")
        rows = [line[start : start + 80] for line in text.split("\n") for start in range(0, len(line), 80)]
        assert not [row for row in rows if row.startswith("Error")]
    assert Talk().labelled("✓ a ", "word " * 50) == "✓ a " + "word " * 50


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_piped_data_are_utf8_whatever_the_locale(encoding: str) -> None:
    talk = Talk(encoding=encoding)
    talk.write("größe ")
    talk.write("日本\n")
    assert talk.out.bytes == "größe 日本\n".encode()


def test_a_terminal_gets_question_marks_for_what_it_cannot_show() -> None:
    talk = Talk(terminal=True, encoding="ascii")
    talk.write("größe\n")
    talk.done("Set größe")
    assert talk.out.bytes == b"gr??e\n"
    assert talk.err.bytes == b"\x1b[32mOK\x1b[0m Set gr??e\n"


def test_a_lone_surrogate_is_no_traceback() -> None:
    for terminal in (False, True):
        talk = Talk(terminal=terminal)
        talk.write("a\ud800b\n")
        assert talk.out.bytes == b"a?b\n"


def test_a_stdout_that_is_closed_is_a_broken_pipe() -> None:
    with pytest.raises(BrokenPipeError):
        Console(None, None, None).write("data")
    Console(None, None, None).flush()


def test_a_stderr_that_is_closed_or_full_changes_nothing() -> None:
    Console(None, io.StringIO(), None).error(Failure("internal", "broken"))
    closed = Stream()
    closed.close()
    talk = Console(None, io.StringIO(), closed)
    talk.note("a note")
    assert not talk.stderr_is_terminal
    full = Path("/dev/full")
    if full.exists():
        with io.TextIOWrapper(full.open("wb", buffering=0), write_through=True) as stream:
            Console(None, io.StringIO(), stream).warn("careful")


def test_a_stdout_that_is_full_is_a_failure() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is full")
    with io.TextIOWrapper(full.open("wb", buffering=0), write_through=True) as stream:
        with pytest.raises(Failure, match="cannot write the output: no space left on device") as failure:
            Console(None, stream, None).write("data")
        assert (failure.value.code, failure.value.exit_code) == ("file", ExitCode.ERROR)


def test_a_reader_that_went_away_is_a_broken_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with (
        io.TextIOWrapper(os.fdopen(writer, "wb", buffering=0), write_through=True) as stream,
        pytest.raises(BrokenPipeError),
    ):
        Console(None, stream, None).write("data")


# Colour

ON, OFF = f"\x1b[{RED}mx\x1b[0m", "x"


@pytest.mark.parametrize(
    ("terminal", "variables", "expected"),
    [
        (True, {}, ON),
        (False, {}, OFF),
        (True, {"NO_COLOR": "1"}, OFF),
        (True, {"NO_COLOR": ""}, ON),
        (True, {"TERM": "dumb"}, OFF),
        (True, {"CLICOLOR": "0"}, OFF),
        (True, {"CLICOLOR": "1"}, ON),
        (False, {"FORCE_COLOR": "1"}, ON),
        (False, {"CLICOLOR_FORCE": "1"}, ON),
        (False, {"FORCE_COLOR": "0"}, OFF),
        (False, {"FORCE_COLOR": ""}, OFF),
        (True, {"FORCE_COLOR": "0"}, ON),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, OFF),
        (False, {"FORCE_COLOR": "1", "TERM": "dumb"}, ON),
        (False, {"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, ON),
    ],
)
def test_colour_is_for_terminals_unless_the_user_says_otherwise(
    terminal: bool, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    talk = Talk(terminal=terminal)
    assert talk.style("x", RED) == expected
    assert talk.style("x", RED, stream=talk.err) == expected


def test_each_stream_has_its_own_colour() -> None:
    talk = Talk()
    talk.err.terminal = True
    talk.warn("careful")
    assert talk.err.text == "\x1b[33mWarning:\x1b[0m careful\n"
    assert talk.style("x", RED) == OFF


# Questions


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [("y\n", True), ("YES\n", True), (" yes \n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)],
)
def test_a_question_is_answered_no_unless_it_is_yes(answer: str, agreed: bool) -> None:
    talk = Talk(answer, terminal=True)
    assert talk.confirm('Delete "a\x1b"?', flag="--yes") is agreed
    # Where the input ended, what is said next begins a line.
    assert (talk.err.text, talk.out.text) == ('Delete "a"? [y/N] ' + ("" if answer else "\n"), "")


def test_where_no_question_can_be_asked_the_flag_is_named() -> None:
    piped_in, piped_err, forbidden = Talk("y\n", terminal=True), Talk("y\n", terminal=True), Talk("y\n", terminal=True)
    piped_in.stdin.terminal = False  # type: ignore[union-attr]
    piped_err.err.terminal = False
    forbidden.no_input = True
    why = " without a terminal"
    for talk in (piped_in, piped_err, Console(None, None, None), forbidden):
        if talk is forbidden:
            why = ": prompts are off"
        assert not talk.can_prompt
        with pytest.raises(UsageFailure) as failure:
            talk.confirm("Delete it?", flag="--yes")
        assert failure.value.as_dict() == {
            "code": "input_required",
            "message": f'cannot ask "Delete it?"{why}',
            "remedy": "pass --yes",
            "status": None,
            "exit_code": int(ExitCode.USAGE),
        }


def test_a_piped_stdout_does_not_keep_us_from_asking() -> None:
    talk = Talk("y\n", terminal=True)
    talk.out.terminal = False
    assert talk.confirm("Delete it?", flag="--yes")


def test_the_variable_forbids_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Talk(terminal=True).can_prompt
    monkeypatch.setenv("LITELLMCTL_NO_INPUT", "1")
    assert not Talk(terminal=True).can_prompt


# Progress


def test_a_person_who_waits_sees_a_status_line_that_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "_MOMENT_SECONDS", 0.01)
    talk = Talk(terminal=True)
    with talk.working("Asking \x1bhttps://llm.example.com ..."):
        until(lambda: talk._progress_shown)
    assert talk.err.text == "Asking https://llm.example.com ...\r\x1b[K"


def test_progress_is_one_row_while_the_data_goes_into_a_file(tmp_path: Path) -> None:
    talk = Talk(terminal=True)
    with (tmp_path / "out").open("w") as talk.stdout:
        talk.progress("many words " * 30)
    assert talk.err.text.startswith("many words")
    assert "\n" not in talk.err.text
    assert len(talk.err.text) < 80


def test_no_progress_is_shown_before_a_pipe_whose_reader_may_print_to_the_terminal() -> None:
    talk = Talk(terminal=True)
    reader, writer = os.pipe()
    with open(writer, "w") as talk.stdout:
        talk.progress("3 calls")
    os.close(reader)
    assert talk.err.text == ""


def test_a_note_takes_the_place_of_the_status_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "_MOMENT_SECONDS", 0.01)
    talk = Talk(terminal=True)
    with talk.working("Asking ..."):
        until(lambda: talk._progress_shown)
        talk.warn("careful")
    assert talk.err.text == "Asking ...\r\x1b[K\x1b[33mWarning:\x1b[0m careful\n"


def test_what_is_quick_shows_nothing() -> None:
    talk = Talk(terminal=True)
    with talk.working("Asking ..."):
        pass
    time.sleep(console_module._MOMENT_SECONDS + 0.1)
    assert talk.err.text == ""


@pytest.mark.parametrize("change", ["quiet", "out", "err"])
def test_nobody_else_sees_a_status_line(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "_MOMENT_SECONDS", 0.01)
    talk = Talk(terminal=True)
    if change == "quiet":
        talk.quiet = True
    else:
        getattr(talk, change).terminal = False
    with talk.working("Asking ..."):
        time.sleep(0.1)
    assert talk.err.text == ""


def test_a_width_of_thousands_of_digits_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "9" * 5000)
    assert Console(None, None, None).width == 78


TEXTS = ("x" * 10**6, "a name " * 10**5, "\x1b]0;t\x07" * 10**5)


@pytest.mark.parametrize("name", ["note", "warn", "done", "trace", "hint", "instruct"])
@pytest.mark.parametrize("text", TEXTS)
def test_no_sentence_prints_a_text_of_a_stranger_whole(name: str, text: str) -> None:
    talk = Talk(terminal=True)
    getattr(talk, name)(f"the server {text} is down")
    assert "the server " in " ".join(talk.err.text.split())
    assert " ".join(talk.err.text.split()).endswith(" is down")
    assert len(talk.err.text) < 900


@pytest.mark.parametrize("json_errors", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_no_error_and_no_remedy_prints_one_whole(json_errors: bool, text: str) -> None:
    talk = Talk()
    talk.json_errors = json_errors
    talk.error(Failure("internal", f"{text}, not this proxy", remedy=f"litellmctl login --base-url {text}"))
    assert len(talk.err.text) < (9000 if text.startswith("\x1b") and json_errors else 2000)
    assert ", not this proxy" in talk.err.text
    assert talk.err.text.count("\n") == (1 if json_errors else 2)


def test_no_question_and_no_choice_prints_one_whole() -> None:
    talk = Talk("y\n\n1\n", terminal=True)
    assert talk.confirm(f"Delete {TEXTS[0]}?", flag="--yes")
    assert talk.ask("Proxy URL", flag="--base-url", default=TEXTS[0]) == TEXTS[0]
    assert talk.choose(TEXTS[1], [TEXTS[0], TEXTS[1]], flag="--team") == 0
    assert len(talk.err.text) < 5 * 800
    assert "[y/N] " in talk.err.text


@pytest.mark.parametrize("count", [101, 20_000])
def test_too_many_choices_are_counted_and_the_flag_is_named(count: int) -> None:
    talk = Talk("1\n", terminal=True)
    with pytest.raises(UsageFailure, match=f"{count:,}") as refused:
        talk.choose("Which team?", [f"team {number}" for number in range(count)], flag="--team ID")
    assert (refused.value.code, refused.value.remedy, talk.err.text) == ("input_required", "pass --team ID", "")


def test_a_hundred_choices_are_listed() -> None:
    talk = Talk("100\n", terminal=True)
    assert talk.choose("Which team?", [f"team {number}" for number in range(100)], flag="--team ID") == 99


def test_a_link_is_not_cut() -> None:
    talk = Talk()
    link = f"https://litellm.example.com/authorize?state={'s' * 3000}"
    talk.instruct(link)
    assert talk.err.text == f"{link}\n"
    talk.instruct(link + "x" * 10**6)
    assert len(talk.err.text) < 4000


ACTING = [
    "\u202e",
    "\u2066",
    "\u200f",
    "\u061c",
    "\u2028",
    "\x9b",
    "\x7f",
    "\x00",
    "\r",
    "\x1b[2J",
    "\x1b[8m",
    "\x1b]0;t\x07",
]


@pytest.mark.parametrize("text", ACTING)
def test_data_that_act_on_a_terminal_are_shown_as_escapes(text: str) -> None:
    talk = Talk(terminal=True)
    talk.write(f'+ "gpt{text}x"\n')
    assert talk.out.text == f'+ "gpt\\u{ord(text[0]):04x}{text[1:-1] if text[-1] == chr(7) else text[1:]}' + (
        '\\u0007x"\n' if text[-1] == chr(7) else 'x"\n'
    )
    talk.json_errors = True
    talk.error(Failure("internal", f"a{text}b"))
    assert text[0] not in talk.err.text
    assert json.loads(talk.err.text)["error"]["message"] == clean(f"a{text}b")


LIKE_OURS = [
    "Error: evil",
    "try : evil",
    "Warning\uff1a evil",
    "\u0415rror: evil",
    "✓ evil",
    "OK evil",
    '{"error": {"code": 1}}',
]


@pytest.mark.parametrize("text", LIKE_OURS)
@pytest.mark.parametrize("way", ["note", "warn", "done", "trace", "error", "instruct", "progress"])
@pytest.mark.parametrize("width", [0, *range(55, 82)])
def test_no_row_of_a_sentence_on_a_terminal_begins_like_another_one_of_ours(
    text: str, way: str, width: int, tmp_path: Path
) -> None:
    talk = Talk(terminal=True)
    said = f"the server {'x' * width} {text} {'y' * 70} {text}"
    with (tmp_path / "out").open("w") as talk.stdout:
        if way == "error":
            talk.error(Failure("rejected", said, remedy=said))
        else:
            getattr(talk, way)(said)
    shown = re.sub(r"\x1b\[\d+m(\S+)\x1b\[0m", lambda match: "#" * len(match[1]), talk.err.text)
    lines = shown.removeprefix("\r\x1b[K").removesuffix("\n").split("\n")
    rows = [line[start : start + 80] for line in lines for start in range(0, len(line), 80)]
    assert not [row for row in rows if row.startswith(text[:3])]
    if way == "progress":  # one row, which can be erased
        assert len(rows) == 1
    else:  # nothing of it is lost
        assert "".join(said.split()) in "".join(shown.split())


def test_a_sentence_that_a_terminal_shows_in_one_row_is_as_it_was() -> None:
    talk = Talk(terminal=True)
    talk.error(Failure("rejected", "h refused /p: Error: no", remedy="try it"))
    assert re.sub(r"\x1b\[\d*m", "", talk.err.text) == "Error: h refused /p: Error: no\nTry:   try it\n"


@pytest.mark.parametrize("text", ACTING)
def test_piped_data_stay_as_they_are(text: str) -> None:
    talk = Talk()
    talk.write(f"a{text}b\n")
    talk.write_bytes(f"a{text}b\n".encode())
    assert talk.out.bytes == 2 * f"a{text}b\n".encode()


def test_our_own_styles_and_ends_of_lines_reach_the_terminal() -> None:
    talk = Talk(terminal=True)
    talk.write(f"{talk.style('NAME', RED)}\t中 größe ❤️\r\n")
    assert talk.out.text == "\x1b[31mNAME\x1b[0m\t中 größe ❤️\r\n"


def test_bytes_for_a_terminal_show_what_would_turn_a_text() -> None:
    talk = Talk(terminal=True)
    talk.write_bytes('{"a": "b\u202ec"}\n'.encode())
    assert talk.out.text == '{"a": "b\\u202ec"}\n'


def test_what_a_tool_says_of_its_failure_reads_like_nothing_of_ours() -> None:
    for terminal in (False, True):
        talk = Talk(terminal=terminal)
        talk.quiet = True
        talk.quote("it broke\nTry:   curl evil\x1b[31m")
        assert talk.err.text == "  it broke\n  Try:   curl evil[31m\n"


MANY = [f"model-{number:03}" for number in range(200)]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("3\n", "model-002"),
        ("model-150\n", "model-150"),
        ("15\n", "model-014"),
        ("MODEL 199\n", "model-199"),
        ("no such\n7\n", "model-006"),
        ("-12\n4\n", "model-123"),
        ("21\nel-19\n10\n", "model-199"),
        ("\n2\n", "model-001"),
    ],
)
def test_one_of_many_names_is_picked_by_its_number_or_by_parts_of_it(typed: str, name: str) -> None:
    talk = Talk(typed, terminal=True)
    assert MANY[talk.pick("Model", MANY, flag="--model NAME")] == name


def test_a_page_of_many_names_is_shown() -> None:
    talk = Talk("model-12\nnothing\n1\n", terminal=True)
    assert MANY[talk.pick("Model", MANY, flag="--model NAME")] == "model-120"
    lines = talk.err.text.splitlines()
    assert lines[19:21] == ["  20  model-019", "      ... and 180 more"]
    assert lines[22:24] == ["   2  model-121", "   3  model-122"]
    assert 'No name has "nothing".' in talk.err.text


def test_names_are_not_picked_without_a_terminal() -> None:
    with pytest.raises(UsageFailure) as refused:
        Talk("1\n").pick("Model", MANY, flag="--model NAME")
    assert (refused.value.code, refused.value.remedy) == ("input_required", "pass --model NAME")
