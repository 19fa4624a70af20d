"""What is printed for a shell is read back as it was, whatever characters it has."""

from __future__ import annotations

import importlib.util
import io
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from litellmctl.programs.variables import SHELLS
from tests.shell_readers import QUOTES, read_fish, read_powershell, run_by

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
KEY = """sk-'"$HOME"'`touch made`\\'"\\$(touch made);#!*~ x"""


def shells() -> list[str]:
    """Return the POSIX shells that this machine has."""
    return [path for name in ("sh", "bash", "dash", "zsh", "ksh", "busybox") if (path := shutil.which(name))]


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
    with tempfile.TemporaryDirectory() as folder:
        assert run_by("/bin/sh", printed(values, "sh"), Path(folder)) == values


def test_sh_hands_the_variables_on(tmp_path: Path) -> None:
    script = f'{SHELLS["sh"]("VALUE", KEY)}\nsh -c \'printf "%s\\0" "$VALUE"\''
    assert run_by("/bin/sh", script, tmp_path) == [KEY]


# fish: in single quotes a backslash escapes itself and the quote, and nothing else is special


@given(VALUES)
@example("\\")
@example("a\\'b")
def test_fish_reads_back_all_values(value: str) -> None:
    assert read_fish(SHELLS["fish"]("VALUE", value)) == ("VALUE", value)


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_a_real_fish_reads_back_every_value(tmp_path: Path) -> None:
    assert run_by("fish", printed(HOSTILE, "fish"), tmp_path) == HOSTILE


# PowerShell: in single quotes two quotes are one, and it takes four typographic ones for quotes too


@given(VALUES | st.text(st.sampled_from(QUOTES + "a$`")))
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


@pytest.mark.skipif(importlib.util.find_spec("dotenv") is None, reason="no python-dotenv here")
@given(st.text(st.sampled_from('abcXYZ0189 -_.~+/=:@%&?#$!*();,<>|[]{}^"`')) | st.text(st.sampled_from("ab' #\"=;")))
@example("eyJhbGciOiJIUzI1NiJ9.e30.c2ln-_")
@example("a #b")
@example("it's")
def test_python_dotenv_reads_back_what_keys_and_urls_are_made_of(value: str) -> None:
    import dotenv

    stream = io.StringIO(f"{SHELLS['dotenv']('VALUE', value)}\nNEXT=1\n")
    read = dotenv.dotenv_values(stream=stream, interpolate=False)
    assert read == {"VALUE": value, "NEXT": "1"}


@given(st.from_regex(r"[\w:/.@%+,=-]*", fullmatch=True, alphabet=st.characters(max_codepoint=0x7E)))
def test_a_usual_value_has_no_quotes_in_a_dotenv_file(value: str) -> None:
    # `docker run --env-file` takes quotes for a part of the value.
    assert SHELLS["dotenv"]("VALUE", value) == f"VALUE={value}"
