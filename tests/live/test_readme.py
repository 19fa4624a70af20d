"""The README tells the truth: its session is what the sandbox answers, its table is what the program reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from litellmctl.settings.environment import VARIABLES

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def block(name: str) -> str:
    """Return the fenced block after the comment of that name."""
    match = re.search(rf"<!-- {name} -->\n```\n(.*?)```\n", README, re.DOTALL)
    assert match, name
    return match[1]


def test_the_table_of_variables_is_the_programs() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", README, re.MULTILINE))
    assert rows == VARIABLES


def test_the_two_commands_are_commands() -> None:
    assert block("try").rstrip().endswith("litellmctl sandbox run litellmctl models")
    assert block("tests").rstrip().endswith("python -m pytest -n auto")


@pytest.mark.sandbox
def test_the_session_is_what_the_sandbox_answers(env: dict[str, str], tmp_path: Path) -> None:
    expected = block("session")
    script = tmp_path / "session.sh"
    lines = [line[2:] for line in expected.splitlines() if line.startswith("$ ")]
    quoted = "".join(f"printf '$ %s\\n' {_quote(line)}\n{{ {line}\n}} 2>&1\n" for line in lines)
    script.write_text(quoted)
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "sandbox", "run", "-q", "bash", str(script)],
        env={**env, "PATH": os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stderr == ""
    assert _without_port(done.stdout) == _without_port(expected)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _without_port(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
