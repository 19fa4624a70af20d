"""`env`: what other programs read is what signs in, whatever characters it has."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from litellmctl.commands.env import FIELDS, SHELLS
from tests.conftest import Run

HOSTILE = [
    *(
        "",
        "sk-plain_0123456789.ABC",
        "it's",
        "''",
        "'",
        '"',
        'say "hi"',
        "$HOME",
        "${HOME}",
        "$(touch made)",
        "$",
        "$$",
    ),
    *(
        "`touch made`",
        "`",
        "\\",
        "\\\\",
        "a\\",
        "\\'",
        "\\n",
        "a\\'b\"c`d$e",
        " ",
        " a b ",
        "a;touch made",
        "a|b&c>d<e",
    ),
    *(
        "#",
        "a #b",
        "!",
        "!!",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "~",
        "a~b",
        "%PATH%",
        "-n",
        "--",
        "=",
        "a=b",
        "(",
        "%s",
        "'$('",
    ),
    *(
        "https://llm.example.com/a'b/$(c)/`d`?e=1&f",
        "'; touch made; '",
        "' + (touch made) + '",
        "eyJhbGciOi.e30.c2ln+/=",
    ),
]
# A key is ASCII without control characters, and a URL is no more.
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)) | st.text(st.sampled_from("'\"\\$` a"))
NAMES = list(FIELDS)
URL = "http://127.0.0.1:9/it's/$(touch${IFS}made)/`touch${IFS}made`/~;&"
KEY = """sk-'"$HOME"'`touch made`\\'"\\$(touch made);#!*~ x"""


def shells() -> list[str]:
    """Return the POSIX shells that this machine has."""
    return [path for name in ("sh", "bash", "dash", "zsh", "ksh", "busybox") if (path := shutil.which(name))]


def run_by(shell: str, script: str, folder: Path) -> list[str]:
    """Return what a shell prints, ended by null bytes."""
    command = [shell, "sh"] if Path(shell).name == "busybox" else [shell]
    done = subprocess.run(
        [*command, "-c", script],
        cwd=folder,
        env={"HOME": "/home/of/somebody", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode("ascii").split("\0")[:-1]


def printed(values: list[str], kind: str) -> str:
    """Return a script that sets the values as `kind` does, and prints them."""
    lines = [line for value in values for line in (SHELLS[kind]("VALUE", value), "printf '%s\\0' \"$VALUE\"")]
    return "\n".join(lines)


@pytest.mark.parametrize("shell", shells())
def test_posix_shells_read_back_every_value(shell: str, tmp_path: Path) -> None:
    assert run_by(shell, printed(HOSTILE, "sh"), tmp_path) == HOSTILE
    assert list(tmp_path.glob("made")) == []


@settings(max_examples=15)
@given(st.lists(VALUES, max_size=40))
def test_sh_reads_back_all_values(values: list[str]) -> None:
    assert run_by("/bin/sh", printed(values, "sh"), Path("/")) == values


def test_sh_hands_the_variables_on(tmp_path: Path) -> None:
    script = f'{SHELLS["sh"]("VALUE", KEY)}\nsh -c \'printf "%s\\0" "$VALUE"\''
    assert run_by("/bin/sh", script, tmp_path) == [KEY]


# fish: in single quotes a backslash escapes itself and the quote, and nothing else is special


def read_fish(line: str) -> tuple[str, str]:
    match = re.fullmatch(r"set -gx (\w+) '(.*)'", line)
    assert match
    text, value = match[2], ""
    while text:
        if text[0] == "\\" and text[1:2] in {"\\", "'"}:
            value, text = value + text[1], text[2:]
        else:
            assert text[0] != "'", "the quotes end here"
            assert text != "\\", "the last quote is escaped"
            value, text = value + text[0], text[1:]
    return match[1], value


@given(VALUES)
@example("\\")
@example("a\\'b")
def test_fish_reads_back_all_values(value: str) -> None:
    assert read_fish(SHELLS["fish"]("VALUE", value)) == ("VALUE", value)


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_a_real_fish_reads_back_every_value(tmp_path: Path) -> None:
    assert run_by("fish", printed(HOSTILE, "fish"), tmp_path) == HOSTILE


# PowerShell: in single quotes two quotes are one, and it takes four typographic ones for quotes too

_QUOTES = "'\u2018\u2019\u201a\u201b"


def read_powershell(line: str) -> tuple[str, str]:
    match = re.fullmatch(r"\$Env:(\w+) = '(.*)'", line, re.DOTALL)
    assert match
    text, value = match[2], ""
    while text:
        if text[0] in _QUOTES:
            assert text[1:2] in set(_QUOTES), "the quotes end here"
            text = text[1:]
        value, text = value + text[0], text[1:]
    return match[1], value


@given(VALUES | st.text(st.sampled_from(_QUOTES + "a$`")))
@example("''")
@example("\u2018'\u2019")
def test_powershell_reads_back_all_values(value: str) -> None:
    assert read_powershell(SHELLS["powershell"]("VALUE", value)) == ("VALUE", value)


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="no PowerShell here")
def test_a_real_powershell_reads_back_every_value(tmp_path: Path) -> None:
    values = [value for value in HOSTILE if value]  # an empty variable is none to it
    lines = [f'{SHELLS["powershell"]("VALUE", value)}\n[Console]::Write("$Env:VALUE`0")' for value in values]
    assert run_by("pwsh", "\n".join(lines), tmp_path) == values


# dotenv: there is no standard. A shell that reads the file gets every value, and the libraries what keys are made of


@pytest.mark.parametrize("value", HOSTILE)
def test_a_shell_reads_back_what_is_in_a_dotenv_file(value: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(SHELLS["dotenv"]("VALUE", value) + "\n")
    assert run_by("/bin/sh", 'set -a; . ./.env; sh -c \'printf "%s\\0" "$VALUE"\'', tmp_path) == [value]
    assert list(tmp_path.glob("made")) == []


@given(st.text(st.sampled_from('abcXYZ0189 -_.~+/=:@%&?#$!*();,<>|[]{}^"`')) | st.text(st.sampled_from("ab' #\"=;")))
@example("eyJhbGciOiJIUzI1NiJ9.e30.c2ln-_")
@example("a #b")
@example("it's")
def test_python_dotenv_reads_back_what_keys_and_urls_are_made_of(value: str) -> None:
    dotenv = pytest.importorskip("dotenv")
    stream = io.StringIO(f"{SHELLS['dotenv']('VALUE', value)}\nNEXT=1\n")
    read = dotenv.dotenv_values(stream=stream, interpolate=False)
    assert read == {"VALUE": value, "NEXT": "1"}


@given(st.from_regex(r"[\w:/.@%+,=-]*", fullmatch=True, alphabet=st.characters(max_codepoint=0x7E)))
def test_a_usual_value_has_no_quotes_in_a_dotenv_file(value: str) -> None:
    # `docker run --env-file` takes quotes for a part of the value.
    assert SHELLS["dotenv"]("VALUE", value) == f"VALUE={value}"


# The command


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """The environment of somebody with an unusual proxy and an unusual key."""
    return {**env, "LITELLM_BASE_URL": URL, "LITELLM_API_KEY": KEY}


EXPECTED = {
    "OPENAI_BASE_URL": f"{URL}/v1",
    "OPENAI_API_KEY": KEY,
    "ANTHROPIC_BASE_URL": URL,
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "LITELLM_BASE_URL": URL,
    "LITELLM_API_KEY": KEY,
}


@pytest.mark.parametrize("arguments", [["env"], ["env", "sh"], ["env", "sh", "-o", "tsv"], ["env", "-o", "table"]])
def test_eval_sets_the_six_variables(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    for terminal in (False, True):
        script = run(*arguments, terminal=terminal)
        ask = "\n".join(f"printf '%s\\0' \"${name}\"" for name in NAMES)
        # As people run it: the output goes through a substitution.
        quoted = "'" + script.replace("'", "'\\''") + "'"
        assert run_by("/bin/sh", f'eval "$(printf %s {quoted})"\n{ask}', tmp_path) == list(EXPECTED.values())
    assert list(tmp_path.glob("made")) == []


def test_each_shell_gets_the_same_six(run: Run, tmp_path: Path) -> None:
    assert dict(map(read_fish, run("env", "fish").splitlines())) == EXPECTED
    assert dict(map(read_powershell, run("env", "powershell").splitlines())) == EXPECTED
    (tmp_path / ".env").write_text(run("env", "dotenv"))
    ask = "\n".join(f"printf '%s\\0' \"${name}\"" for name in NAMES)
    assert run_by("/bin/sh", f". ./.env\n{ask}", tmp_path) == list(EXPECTED.values())


def test_json_and_fields(run: Run) -> None:
    assert run("env", "--json").json == EXPECTED
    assert list(run("env", "fish", "--json").json) == NAMES
    assert run("env", "--fields", "LITELLM_BASE_URL") == f"{URL}\n"


def test_json_lines(run: Run) -> None:
    assert json.loads(run("env", "-o", "jsonl")) == EXPECTED


def test_it_says_nothing_else(run: Run) -> None:
    for shell in SHELLS:
        assert run("env", shell, terminal=True).stderr == ""
        assert len(run("env", shell).splitlines()) == len(NAMES)


@pytest.mark.parametrize("shell", ["bash", "cmd", "SH", ""])
def test_a_shell_that_it_does_not_know_is_exit_2(run: Run, shell: str) -> None:
    result = run("env", shell, exit=2)
    assert (result, "powershell" in result.stderr) == ("", True)


def test_nobody_signed_in_prints_nothing_to_evaluate(run: Run) -> None:
    assert run("env", exit=4, LITELLM_API_KEY=None) == ""
