"""What holds for every command: help, streams, formats, exit codes, pipes, interrupts, fields, imports."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from litellmctl import __version__
from litellmctl.catalog.model import FIELDS
from litellmctl.cli import _UNLISTED, SECTIONS, cli
from litellmctl.commands.base import SHARED_OPTIONS, TOPICS, FormattedCommand
from litellmctl.commands.topics import _WRITERS
from litellmctl.errors import ERROR_CODES, ExitCode
from litellmctl.programs.registry import NAMES as EXPORTERS
from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FormattedCommand]]:
    assert isinstance(command, FormattedCommand)
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


COMMANDS = dict(walk(cli))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group) or command.fields}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("form", ["--help", "-h", "help"])
def test_every_command_has_help_in_every_form(run: Run, path: tuple[str, ...], form: str) -> None:
    result = run("help", *path) if form == "help" else run(*path, form)
    assert result.startswith(" ".join(["Usage: litellmctl", *path]))
    assert "--json" in result
    assert result.stderr == ""


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_a_sentence_and_examples(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    first = (command.help or "").strip().splitlines()[0]
    assert re.fullmatch(r"[A-Z].{3,60}\.", first), first
    lines = [line.strip() for line in command.examples.strip().splitlines()]
    assert [line[0] for line in lines if line[0] not in "#$"] == []
    assert re.search(r"\| jq( .*)?$", lines[-1]), lines[-1]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_has_a_sentence(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert re.match(r"[A-Z].*\.(  \[env: \w+\])?$", parameter.help or ""), parameter.name


def test_what_matters_is_on_the_first_screen(run: Run) -> None:
    """24 lines: the usage, what it is, every command by section, and where the options are."""
    lines = run("--help", COLUMNS="80").splitlines()
    first, rest = lines[:24], lines[24:]
    assert first[0].startswith("Usage: litellmctl")
    assert first[-1].startswith("Options:  litellmctl help options")
    shown = [re.fullmatch(r"(\w*) +([a-z-]+)  +([A-Z].*\.)", line) for line in first]
    assert [row[1] for row in shown if row and row[1]] == [*SECTIONS]
    listed = {row[2]: row[3] for row in shown if row}
    assert listed == {name: text for commands in SECTIONS.values() for name, text in commands.items()}
    assert [*listed, *_UNLISTED] == [name for name, command in cli.commands.items() if not command.hidden]
    assert any(line.startswith("Topics:   litellmctl help topics") for line in rest)


def test_the_sections_have_the_first_sentence_of_each_command() -> None:
    shown = {name: command.get_short_help_str(200) for name, command in cli.commands.items() if not command.hidden}
    assert shown == {name: text for commands in (*SECTIONS.values(), _UNLISTED) for name, text in commands.items()}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_comes_in_the_same_order(run: Run, path: tuple[str, ...]) -> None:
    text = run("help", *path)
    if path:
        titles = ["Usage:", "Commands:", "Options:", "Shared options (", "Examples:", "Fields:"]
        found = [title for title in re.findall(r"^(?:\w+:|Shared options \()", text, re.MULTILINE) if title in titles]
        assert found == [title for title in titles if title in found]
    assert "litellmctl help options" in text


@pytest.mark.parametrize("words", [*COMMANDS, *((topic,) for topic in ("topics", *TOPICS))], ids=" ".join)
def test_no_line_of_help_is_wider_than_the_terminal(run: Run, words: tuple[str, ...]) -> None:
    assert [line for line in run("help", *words, COLUMNS="80").splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("columns", ["0", "1", "20", "40", "300", "abc", ""])
@pytest.mark.parametrize("words", [(), ("models",), ("options",), ("scripting",)], ids=" ".join)
def test_help_is_shown_at_any_width(run: Run, words: tuple[str, ...], columns: str) -> None:
    wide = run("help", *words, COLUMNS="80")
    narrow = run("help", *words, COLUMNS=columns)
    # Where a word is longer than a column, it is broken.
    assert "".join(narrow.split()) == "".join(wide.split())


def test_no_arguments_is_help_on_stderr_and_exit_2(run: Run) -> None:
    result = run(exit=2)
    assert (result, result.stderr.startswith("Usage: litellmctl")) == ("", True)
    assert run("--json", exit=2).error["code"] == "usage"


@pytest.mark.parametrize("form", ["--version", "-V", "version"])
def test_version_is_one_line(run: Run, form: str) -> None:
    assert run(form) == f"litellmctl {__version__}\n"


def test_version_as_json(run: Run) -> None:
    assert run("version", "--json", LITELLM_BASE_URL="https://nowhere.invalid").json == {"version": __version__}


def test_help_topics(run: Run) -> None:
    assert "LITELLM_API_KEY_HELPER" in run("help", "environment")
    codes = run("help", "exit-codes")
    assert all(re.search(rf"^ *{int(code)} ", codes, re.MULTILINE) for code in ExitCode)
    assert all(code in run("help", "json") for code in ERROR_CODES)
    exports = run("help", "exports")
    assert all(re.search(rf"^ *{name} ", exports, re.MULTILINE) for name in EXPORTERS)
    assert "litellmctl sandbox run -- pytest" in run("help", "scripting")
    options = run("help", "options")
    assert all(name in options for option in SHARED_OPTIONS for name in option.opts)
    assert "--base-url" in run("help", "credentials")
    assert "config.toml" in run("help", "files")


def test_the_topics_are_listed_and_shown_where_help_is(run: Run) -> None:
    topics = run("help", "topics")
    assert {*TOPICS} == {*_WRITERS}
    for topic, text in TOPICS.items():
        assert re.search(rf"^{topic} +{re.escape(text)}$", topics, re.MULTILINE)
        assert re.fullmatch(r"[A-Z].{3,60}\.", text)
        assert topic in run("--help")
    assert run("help") == run("--help")


@pytest.mark.parametrize(
    ("words", "near", "remedy"),
    [
        (["modles"], "models", "litellmctl help topics"),
        (["optoins"], "options", "litellmctl help topics"),
        (["models", "shwo"], "show", "litellmctl models --help"),
        (["config", "optoins"], None, "litellmctl config --help"),  # a topic is not a command of config
        (["zzz"], None, "litellmctl help topics"),
    ],
)
def test_help_suggests_what_it_has(run: Run, words: list[str], near: str | None, remedy: str) -> None:
    error = run("help", *words, "--json", exit=2).error
    end = f'. Did you mean "{near}"?' if near else ""
    assert error["message"] == f'no help for "{" ".join(words)}"{end}'
    assert error["remedy"] == remedy


def test_every_exit_code_but_those_without_a_message_has_an_error_code() -> None:
    silent = {ExitCode.OK, ExitCode.BROKEN_PIPE}
    assert {exit_code for exit_code, _ in ERROR_CODES.values()} == set(ExitCode) - silent


USAGE_ERRORS: dict[str, tuple[list[str], str, str]] = {
    "command": (["modles"], 'unknown command "modles". Did you mean "models"?', "litellmctl --help"),
    "nothing near": (["zzz"], 'unknown command "zzz"', "litellmctl --help"),
    "subcommand": (["mcp", "lst"], 'unknown command "lst". Did you mean "list"?', "litellmctl mcp --help"),
    "two commands like it": (
        ["mcp", "server"],
        'unknown command "server". Did you mean "servers" or "serve"?',
        "litellmctl mcp --help",
    ),
    "what agents call it": (
        ["mcp", "add"],
        'unknown command "add"',
        "litellmctl export TOOL --mcp, to give an agent the tools",
    ),
    "one of many choices": (
        ["export", "claude"],
        '"claude" is not a valid TOOL. Did you mean "claude-code"?',
        "litellmctl export --list",
    ),
    "a topic": (["environment"], 'unknown command "environment"', "litellmctl help environment"),
    "destructive": (["logot"], 'unknown command "logot". Did you mean "logout"?', "litellmctl --help"),
    "not near enough": (["skills", "del", "x"], 'unknown command "del"', "litellmctl skills --help"),
    "delete": (["skills", "delte", "x"], 'unknown command "delte". Did you mean "delete"?', "litellmctl skills --help"),
    "option": (["whoami", "--jsno"], 'unknown option "--jsno". Did you mean "--json"?', "litellmctl whoami --help"),
    "short option": (["whoami", "-x"], 'unknown option "-x"', "litellmctl whoami --help"),
    "a command is no option": (["token", "--whoami"], 'unknown option "--whoami"', "litellmctl token --help"),
    "no option like it": (["mcp", "list", "--limit", "1"], 'unknown option "--limit"', "litellmctl mcp list --help"),
    "no command like it": (["exit"], 'unknown command "exit"', "litellmctl --help"),
    "choice": (
        ["login", "--flow", "pcke"],
        '--flow: "pcke" is not one of pkce, device, paste. Did you mean "pkce"?',
        "litellmctl login --help",
    ),
    "choice of an argument": (
        ["completion", "tcsh"],
        '"tcsh" is not one of bash, zsh, fish',
        "litellmctl completion --help",
    ),
    "choice with a quote": (
        ["whoami", "-o", "it's"],
        '--output: "it\'s" is not one of table, tsv, csv, jsonl, json',
        "litellmctl help options",
    ),
    "number": (
        ["whoami", "--timeout", "abc"],
        '--timeout: "abc" is not a number greater than 0 and at most 1000000',
        "litellmctl help options",
    ),
    "range": (
        ["whoami", "--timeout", "0"],
        "--timeout: 0 is not a number greater than 0 and at most 1000000",
        "litellmctl help options",
    ),
    "longer than systems wait": (
        ["api", "/x", "--timeout", "1e12"],
        "--timeout: 1000000000000 is not a number greater than 0 and at most 1000000",
        "litellmctl help options",
    ),
    "not a number": (
        ["whoami", "--timeout", "nan"],
        '--timeout: "nan" is not a number greater than 0 and at most 1000000',
        "litellmctl help options",
    ),
    "a price that is not a number": (
        ["models", "--max-output-cost", "NaN"],
        '--max-output-cost: "NaN" is not a number of at least 0',
        "litellmctl models --help",
    ),
    "no price": (
        ["models", "--max-input-cost", "1e400"],
        '--max-input-cost: "1e400" is not a number of at least 0',
        "litellmctl models --help",
    ),
    "two ends": (
        ["mcp", "call", "x", "--jobs", "99"],
        "--jobs: 99 is not a whole number from 1 to 64",
        "litellmctl mcp call --help",
    ),
    "no value": (["whoami", "--timeout"], "--timeout needs a value: SECONDS", "litellmctl help options"),
    "a value": (["token", "--header=3"], "--header does not take a value", "litellmctl token --help"),
    "missing": (["completion"], "missing argument bash|zsh|fish", "litellmctl completion --help"),
    "too many": (["completion", "bash", "b c"], 'unexpected argument "b c"', "litellmctl completion --help"),
    "no command": (["--quiet"], "missing command", "litellmctl --help"),
}


@pytest.mark.parametrize(("arguments", "message", "remedy"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_what_click_refuses_is_said_in_our_words(run: Run, arguments: list[str], message: str, remedy: str) -> None:
    result = run(*arguments, exit=2)
    assert (result, result.stderr) == ("", f"Error: {message}\nTry:   {remedy}\n")
    as_json = run("--json", *arguments, exit=2)
    assert as_json == ""
    assert as_json.error == {
        "code": "usage",
        "message": message,
        "remedy": remedy,
        "status": None,
        "exit_code": 2,
    }
    assert len(as_json.stderr.splitlines()) == 1


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_no_remedy_for_a_typo_is_a_command_that_acts(run: Run, path: tuple[str, ...]) -> None:
    *above, name = path
    for typo in (name[:-1], name + "x", name[1:]):
        if typo not in getattr(COMMANDS[tuple(above)], "commands", {}) and typo not in TOPICS:
            remedy = run(*above, typo, "--json", exit=None).stderr
            assert not re.search(r'"remedy": "litellmctl [a-z ]*(?:delete|logout|unset|down|undo|--yes)\b', remedy)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fields", "nope", "whoami"], "nope"),
        (["config", "path", "--fields", "x"], "fields"),
        (["help", "--fields", ","], "needs at least one field"),
    ],
)
def test_an_unknown_field_is_two_lines_and_exit_2(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments, exit=2)
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert second.startswith("Try:   ")
    assert words in result.stderr


def test_shared_options_stand_before_and_after_and_the_later_one_wins(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), times=1)
    assert run("--json", "models").json == run("models", "--json").json
    assert run("-o", "csv", "models", "-o", "jsonl") == run("models", "-o", "jsonl")
    assert run("--fields", "id", "models", "--fields", "mode") == "chat\n"
    assert run("--json", "models", "show", "gpt").json["id"] == "gpt"
    assert run("models", "--json", "show", "gpt").json["id"] == "gpt"
    assert run("-q", "models", "--verbose", "--refresh", LITELLM_OFFLINE="1", exit=2) == ""


@pytest.mark.parametrize(
    "path", [("models",), ("models", "show"), ("refresh",), ("config", "list"), ("token",), ("env",)], ids=" ".join
)
def test_json_has_exactly_the_documented_keys(run: Run, proxy: FakeProxy, path: tuple[str, ...]) -> None:
    proxy.models(row("gpt"), times=None)
    documented = {
        ("models",): [*FIELDS],
        ("models", "show"): [*FIELDS],
        ("refresh",): [
            "profile",
            "base_url",
            "source",
            "fetched_at",
            "models",
            "added",
            "removed",
            "repriced",
            "tools",
        ],
        ("config", "list"): ["key", "value", "source"],
        ("token",): ["token", "expires_at", "base_url"],
        ("env",): [
            "OPENAI_BASE_URL",
            "OPENAI_API_KEY",
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_AUTH_TOKEN",
            "LITELLM_BASE_URL",
            "LITELLM_API_KEY",
        ],
    }
    arguments = [*path, "gpt"] if path == ("models", "show") else [*path]
    data = run(*arguments, "--json").json
    assert list(data[0] if isinstance(data, list) else data) == documented[path]


def test_the_keys_of_a_model() -> None:
    assert list(FIELDS) == [
        "id",
        "mode",
        "providers",
        "context_window",
        "max_output_tokens",
        "input",
        "output",
        "reasoning",
        "reasoning_efforts",
        "supports",
        "cost",
        "deployments",
        "complete",
        "source",
    ]
    rows = COMMANDS["config", "list"].fields
    assert list(rows) == ["key", "value", "source", "name", "base_url", "signed_in", "default"]


def test_colour_follows_the_terminal_and_the_variables(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    assert "\x1b[1mID" in run("models", terminal=True)
    assert "\x1b" not in run("models", terminal=True, NO_COLOR="1")
    assert "\x1b" not in run("models", terminal=True, TERM="dumb")
    assert "\x1b" not in run("models", terminal=True, CLICOLOR="0")
    assert "\x1b[31mError:" in run("models", "nope", exit=2, FORCE_COLOR="1").stderr
    assert "\x1b" not in run("models", "nope", exit=2, FORCE_COLOR="1", NO_COLOR="1").stderr
    assert "\x1b" not in run("models", "--json", FORCE_COLOR="1", terminal=True)


def test_head_closes_the_pipe_silently(env: dict[str, str], proxy: FakeProxy) -> None:
    proxy.models(*(row(f"model-{n:05}") for n in range(5000)))
    script = '"$0" -m litellmctl models --json | head -1; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[\n141\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config", "path"]])
def test_a_stdout_that_is_closed_from_the_start_is_a_broken_pipe(env: dict[str, str], arguments: list[str]) -> None:
    script = '"$0" -m litellmctl "$@" >&-; echo $?'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_a_full_disk_at_stdout_is_an_error(env: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", "--version"],
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")


def test_closed_stdin_and_stderr_change_nothing(env: dict[str, str], proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    script = '"$0" -m litellmctl models --json <&- 2>&-'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, json.loads(done.stdout)[0]["id"]) == (0, "gpt")


def test_json_is_utf8_whatever_the_locale(run_process: Run, proxy: FakeProxy) -> None:
    proxy.models(row("größe-日本"))
    assert (
        run_process("models", "--json", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0").json[0]["id"]
        == "größe-日本"
    )


def test_an_unexpected_error_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.settings.config.Config.of_user", lambda: 1 / 0)
    result = run("config", "path", exit=1)
    assert result.stderr.startswith("Error: unexpected ZeroDivisionError")
    assert "LITELLMCTL_DEBUG=1" in result.stderr


HEAVY = (
    "requests",
    "keyring",
    "google",
    "tomlkit",
    "jsonschema_rs",
    "ruamel",
    "wcwidth",
    "filelock",
    "platformdirs",
    "truststore",
    "importlib.metadata",
    "aiohttp",
    "asyncio",
)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--version"], set()),
        (["--help"], set()),
        (["models", "--json"], set()),
        (["models"], set()),
        (["help", "environment"], set()),
        (["config", "list"], set()),
        (["token"], set()),
        (["env"], set()),
        (["serve", "--help"], set()),
        (["serve", "--status"], set()),
        (["serve", "--stop"], set()),
        (["serve", "--unit", "systemd"], set()),
        (["config", "list", "--profiles"], set()),
        (["run", "--dry-run", "env"], set()),
        (["config", "set", "base_url", "https://llm.example.com"], {"tomlkit", "filelock"}),
        (["models", "--refresh", "--json"], {"requests", "filelock", "importlib.metadata"}),  # urllib3 imports the last
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_heavy_modules_are_imported_only_where_they_are_needed(
    run: Run, env: dict[str, str], proxy: FakeProxy, arguments: list[str], allowed: set[str]
) -> None:
    proxy.models(row("gpt"), times=None)
    run("models")
    code = (
        "import sys; from litellmctl.__main__ import main; code = main(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stderr.splitlines()[-1])) <= allowed


def test_a_real_terminal_shows_a_table_and_asks_nothing(env: dict[str, str], proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    main_end, child_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "litellmctl", "models"], env=env, stdin=child_end, stdout=child_end, stderr=child_end
    )
    os.close(child_end)
    output = b""
    while True:
        try:
            chunk = os.read(main_end, 4096)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    os.close(main_end)
    assert process.wait(30) == 0
    assert re.search(rb"ID +CONTEXT", output)
    assert b"gpt" in output


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        ("api GET /v1/models", 'unexpected argument "/v1/models"', "litellmctl api -X GET PATH"),
        ("mcp call add --a 1", None, "write a parameter of the tool as a=VALUE"),
        ("models --helpless", 'unknown option "--helpless"', "litellmctl models --help"),
    ],
)
def test_a_usual_slip_gets_the_remedy_that_helps(run: Run, words: str, message: str | None, remedy: str) -> None:
    error = run(*words.split(), "--json", exit=2).error
    assert error["message"] == message or message is None
    assert error["remedy"] == remedy
