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
from litellmctl.cli import SECTIONS, cli
from litellmctl.commands.base import FormattedCommand
from litellmctl.errors import ERROR_CODES, ExitCode
from litellmctl.exporters.registry import EXPORTERS
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


def test_help_lists_the_commands_in_sections(run: Run) -> None:
    text = run("--help")
    positions = [text.index(f"\n{section}:\n") for section in SECTIONS]
    assert positions == sorted(positions)
    shown = {name: command.get_short_help_str(200) for name, command in cli.commands.items() if not command.hidden}
    assert shown == {name: text for commands in SECTIONS.values() for name, text in commands.items()}


def test_no_arguments_is_help_on_stderr_and_exit_2(run: Run) -> None:
    result = run(exit=2)
    assert (result, result.stderr.startswith("Usage: litellmctl")) == ("", True)
    assert run("--json", exit=2).error["code"] == "usage"


@pytest.mark.parametrize("form", ["--version", "-V"])
def test_version_is_one_line(run: Run, form: str) -> None:
    assert run(form) == f"litellmctl {__version__}\n"


def test_help_topics(run: Run) -> None:
    assert "LITELLM_API_KEY_HELPER" in run("help", "environment")
    codes = run("help", "exit-codes")
    assert all(re.search(rf"^ *{int(code)} ", codes, re.MULTILINE) for code in ExitCode)
    assert all(code in run("help", "json") for code in ERROR_CODES)
    exports = run("help", "exports")
    assert all(re.search(rf"^ *{name} ", exports, re.MULTILINE) for name in EXPORTERS)
    assert "litellmctl sandbox run -- pytest" in run("help", "scripting")
    assert "Did you mean" in run("help", "modles", exit=2).stderr


def test_every_exit_code_but_those_without_a_message_has_an_error_code() -> None:
    silent = {ExitCode.OK, ExitCode.BROKEN_PIPE}
    assert {exit_code for exit_code, _ in ERROR_CODES.values()} == set(ExitCode) - silent


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["modles"], 'Did you mean "models"'),
        (["models", "--jsn"], "--json"),
        (["models", "--output", "xml"], "xml"),
        (["models", "--timeout", "0"], "--timeout"),
        (["models", "--timeout"], "--timeout"),
        (["--fields", "nope", "models"], "no field"),
        (["config", "path", "--fields", "x"], "no fields"),
        (["help", "--fields", ","], "names no field"),
        (["models", "--auth", "magic"], "magic"),
    ],
)
def test_a_usage_error_is_two_lines_and_exit_2(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments, exit=2)
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert second.startswith("Try:   ")
    assert words.replace('"', "").lower() in result.stderr.replace('"', "").replace("'", "").lower()
    as_json = run(*arguments, "--json", exit=2)
    assert as_json == ""
    assert as_json.error["exit_code"] == 2
    assert len(as_json.stderr.splitlines()) == 1
    assert set(as_json.error) == {"code", "message", "remedy", "status", "exit_code"}


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
    "tabulate",
    "filelock",
    "platformdirs",
    "truststore",
    "importlib.metadata",
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
        (["config", "list", "--profiles"], set()),
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
