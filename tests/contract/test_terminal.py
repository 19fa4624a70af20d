"""What a terminal, a pipe and a log get: tables that fit, rows for other programs, one line of JSON for each message."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import wcwidth

from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row

pty = pytest.importorskip("pty")

LONG = "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0"
FACTS = {"max_input_tokens": 128_000, "max_output_tokens": 16_384, "supports_function_calling": True}
MODELS = [
    row("gpt-4o", **FACTS, input_cost_per_token=2.5e-6, output_cost_per_token=1e-5, supports_vision=True),
    row(LONG, **FACTS, input_cost_per_token=3e-6, output_cost_per_token=1.5e-5),
    row("日本語/大きい", **FACTS, input_cost_per_token=1e-7, output_cost_per_token=4e-7),
    row("homemade"),
]


@pytest.fixture
def models(proxy: FakeProxy) -> FakeProxy:
    """A proxy with a few models."""
    return proxy.models(*MODELS, times=None)


# Tables


@pytest.mark.parametrize("columns", ["20", "40", "80", "100", "160", "300", "1", "0", "abc", "", None])
def test_no_line_of_a_table_or_a_note_is_wider_than_the_terminal(
    run: Run, models: FakeProxy, columns: str | None
) -> None:
    width = int(columns) if columns and columns.isdigit() and int(columns) >= 20 else 20 if columns == "1" else 80
    shown = run("models", terminal=True, COLUMNS=columns, NO_COLOR="1")
    lines = [*shown.splitlines(), *shown.stderr.splitlines()]
    assert max(map(wcwidth.width, lines)) <= width
    assert {"gpt-4o", "homemade"} <= {line.split()[0] for line in lines if line.strip()}
    for header in ("ID", "CONTEXT", "$/M IN", "$/M OUT"):
        assert header in shown.splitlines()[0] or header in " ".join(shown.stderr.split())
    if width >= 80:
        assert LONG in shown
    if width >= 160:
        assert shown.stderr == ""


def test_a_table_in_a_pipe_is_whole_unless_columns_limits_it(run: Run, models: FakeProxy) -> None:
    whole = run("models", "-o", "table")
    assert (max(map(wcwidth.width, whole.splitlines())) > 80, whole.stderr) == (True, "")
    narrow = run("models", "-o", "table", COLUMNS="60")
    assert max(map(wcwidth.width, narrow.splitlines())) <= 60


def test_an_error_and_its_remedy_fold_behind_their_labels_on_a_terminal_only(run: Run, models: FakeProxy) -> None:
    piped = run("models", "--fields", "nope", exit=2).stderr
    assert len(piped.splitlines()) == 2
    lines = run("models", "--fields", "nope", exit=2, terminal=True, COLUMNS="40", NO_COLOR="1").stderr.splitlines()
    assert lines[0].startswith("Error: ")
    assert max(map(len, lines)) <= 40
    assert all(line.startswith(("Try:   ", " " * 7)) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(piped.split())


# Pipes


def test_a_pipe_gets_the_columns_of_the_table_and_a_spreadsheet_every_field(run: Run, models: FakeProxy) -> None:
    headers = re.split(r"\s{2,}", run("models", terminal=True, COLUMNS="300", NO_COLOR="1").splitlines()[0])
    lines = [line.split("\t") for line in run("models").splitlines()]
    assert {len(cells) for cells in lines} == {len(headers)}
    found = {cells[0]: dict(zip(headers, cells, strict=True)) for cells in lines}
    assert (found["gpt-4o"]["CONTEXT"], found["gpt-4o"]["$/M IN"]) == ("128000", "2.5")
    assert found["日本語/大きい"]["$/M IN"] == "0.1"
    assert (found["homemade"]["CONTEXT"], found["homemade"]["$/M IN"]) == ("", "")
    read = list(csv.DictReader(io.StringIO(run("models", "-o", "csv"))))
    assert {"id", "cost.input", "cost.cache_read", "supports.function_calling", "providers"} <= {*read[0]}
    assert not {"cost", "supports"} & {*read[0]}


def test_a_spreadsheet_sorts_by_price(run: Run, models: FakeProxy) -> None:
    read = list(csv.DictReader(io.StringIO(run("models", "-o", "csv"))))
    priced = sorted((one for one in read if one["cost.input"]), key=lambda one: float(one["cost.input"]))
    assert [one["id"] for one in priced] == ["日本語/大きい", "gpt-4o", LONG]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "json"])
def test_the_columns_do_not_depend_on_the_order_of_the_models(run: Run, proxy: FakeProxy, kind: str) -> None:
    proxy.models(*MODELS, times=1).models(*MODELS[::-1], times=1)
    first = run("models", "-o", kind, "--refresh")
    assert run("models", "-o", kind, "--refresh") == first


# Each takes the rows of `litellmctl models` on its stdin, and prints what is expected.
RECIPES = {
    "fzf": (["fzf", "-f", "gpt4"], "gpt-4o"),
    "column": (["column", "-t", "-s", "\t"], "gpt-4o  "),
    "awk": (["awk", "-F\t", '$4 != "" && $4 < 3 { print $1, $4 }'], "gpt-4o 2.5"),
    "sort": (["sort", "-t\t", "-k4,4g"], "homemade"),
    "cut": (["cut", "-f1,4"], "gpt-4o\t2.5"),
}


@pytest.mark.parametrize(("words", "line"), RECIPES.values(), ids=RECIPES)
def test_other_programs_read_the_rows(run: Run, models: FakeProxy, words: list[str], line: str) -> None:
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    rows = run("models")
    done = subprocess.run(words, input=rows, capture_output=True, encoding="utf-8", timeout=30, check=True)
    assert any(found.startswith(line) for found in done.stdout.splitlines())
    if words[0] == "sort":
        ids = [found.split("\t")[0] for found in done.stdout.splitlines()]
        assert ids == ["homemade", "日本語/大きい", "gpt-4o", LONG]


# Fields


def test_what_the_table_shows_is_a_field_and_json_has_the_real_names(run: Run, models: FakeProxy) -> None:
    assert run("models", "--fields", "id,CONTEXT,$/m in") == run("models", "--fields", "id,context_window,cost.input")
    found = run("models", "--fields", "context,$/M OUT", "--json").json
    assert {*found[0]} == {"context_window", "cost.output"}


def test_a_field_that_is_wrong_is_refused_before_anything_is_asked(run: Run, proxy: FakeProxy) -> None:
    error = run("models", "--fields", "id,cost.inptu", "--json", exit=2).error
    assert error["message"] == '--fields: unknown field "cost.inptu". Did you mean "cost.input"?'
    assert error["remedy"].startswith("use cost.input, cost.output, ")
    assert run("models", "--fields", "id.x", "--json", exit=2).error["code"] == "usage"
    assert proxy.requests == []


# Messages in JSON


def test_with_json_stderr_has_json_lines_only(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), times=1).on("/model/info", {}, status=500, times=None)
    run("models")
    shown = run("models", "--json", "-v", "--limit", "1", terminal=True)
    run("config", "set", "mcp", "false")
    failed = run("models", "--refresh", "--json", "-v", "--timeout", "1", exit=3)
    changed = run("--json", "config", "set", "mcp", "true")
    lines = [json.loads(line) for line in (shown.stderr + failed.stderr + changed.stderr).splitlines()]
    assert {name for line in lines for name in line} <= {"note", "warning", "trace", "error"}
    assert all(len(line) == 1 for line in lines)
    assert {"trace", "error", "note"} <= {name for line in lines for name in line}


# Streams that fail


def _in_terminal(env: dict[str, str], *words: str, before: Callable[[int], None] = lambda _: None) -> tuple[int, str]:
    """Run the program with a pseudo-terminal as its stdout, after `before` was called with the other end of it."""
    other, descriptor = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "litellmctl", *words],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(descriptor)
    before(other)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


@pytest.mark.parametrize("words", [["models"], ["models", "--json"], ["models", "-o", "csv"]], ids=" ".join)
def test_a_terminal_that_goes_away_is_exit_1(
    run: Run, env: dict[str, str], models: FakeProxy, words: list[str]
) -> None:
    run("models")
    code, stderr = _in_terminal(env, *words, before=os.close)
    assert code == 1
    assert "cannot write the output: input/output error" in stderr


def test_a_terminal_that_goes_away_in_the_middle_is_exit_1(run: Run, env: dict[str, str], proxy: FakeProxy) -> None:
    proxy.models(*[row(f"model-{number}" * 20) for number in range(3000)], times=None)
    run("models")

    def leave(other: int) -> None:
        assert os.read(other, 100)
        os.close(other)

    code, stderr = _in_terminal(env, "models", "--json", before=leave)
    assert code == 1
    assert json.loads(stderr)["error"]["message"] == "cannot write the output: input/output error"


@pytest.mark.parametrize(
    "words", [["models"], ["models", "--json"], ["models", "-o", "table"], ["--help"], ["version"]]
)
def test_a_full_disk_is_exit_1_and_says_why(run: Run, env: dict[str, str], models: FakeProxy, words: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is full")
    run("models")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", *words],
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    if "--json" in words:
        assert json.loads(done.stderr)["error"]["code"] == "file"
    else:
        assert done.stderr == ("Error: cannot write the output: no space left on device\nTry:   free some disk space\n")


def test_a_reader_that_went_away_is_exit_141(run: Run, env: dict[str, str], models: FakeProxy) -> None:
    run("models")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "models"],
        env=env,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


# Colour


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_for_a_terminal_unless_no_color_says_otherwise(
    run: Run, models: FakeProxy, variables: dict[str, str], coloured: bool
) -> None:
    for words, code in (["models"], 0), (["models", "--fields", "x"], 2):
        shown = run(*words, terminal=True, exit=code, **variables)
        assert ("\x1b[" in shown + shown.stderr) is coloured
    assert ("\x1b[" in run("models", **variables)) is False


# Names of strangers

NAMES = {
    "zero width": ("gpt\u200b-4o\u2060\ufeff", "gpt\\u200b-4o\\u2060\\ufeff"),
    "bidirectional": ("gpt-\u202eo4\u2066", None),
    "tags": ("gpt\U000e0061", "gpt\\udb40\\udc61"),
    "a joiner": ("gpt\u200d-4o", "gpt\\u200d-4o"),
}
FORMATS = ["table", "tsv", "csv", "jsonl", "json"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("name", "shown"), NAMES.values(), ids=NAMES)
def test_what_nobody_sees_in_a_name_is_seen_in_every_format_on_a_terminal(
    run: Run, proxy: FakeProxy, kind: str, name: str, shown: str | None
) -> None:
    proxy.models(row(name), row("gpt-4o"), times=None)
    text = run("models", "-o", kind, terminal=True)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]", text)
    if shown is not None:
        assert shown in text
    if kind == "json":
        assert {one["id"] for one in json.loads(text)} == {name, "gpt-4o"}
    # A pipe gets the name itself; only what turns the writing round is left out where it is not JSON.
    piped = run("models", "-o", kind)
    assert (name if shown is not None or "json" in kind else "gpt-o4") in piped


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["x" * 512, "日" * 512, "e\u0301" * 256, "👩\u200d🚀" * 150])
def test_a_long_name_is_whole_in_a_pipe_and_cut_in_a_table(run: Run, proxy: FakeProxy, kind: str, name: str) -> None:
    proxy.models(row(name), row("gpt-4o"), times=None)
    assert name in run("models", "-o", kind)
    shown = run("models", "-o", kind, terminal=True, NO_COLOR="1")
    if kind == "table":
        assert max(map(wcwidth.width, shown.splitlines())) <= 80
        assert "Names that end in … are cut to fit" in shown.stderr
        assert "gpt-4o" in shown


@pytest.mark.parametrize("kind", FORMATS)
def test_a_name_of_a_megabyte_is_skipped(run: Run, proxy: FakeProxy, kind: str) -> None:
    proxy.models(row("x" * 300_000), row("gpt-4o"), times=None)
    for terminal in (False, True):
        shown = run("models", "-o", kind, terminal=terminal)
        assert "gpt-4o" in shown
        assert len(shown + shown.stderr) < 5000
