"""The real programs that `export` writes for: where they are, and how they are run.

They are taken from PATH and from the folder PROGRAMS: a folder of `npm install --prefix` for each, for programs of
Python a virtual environment (and goose's SDK from PyPI in goose/v); a test whose program is not there is skipped.
goose itself is npm's @aaif/goose-binary-linux-x64, with a link `goose` beside its own name in node_modules/.bin; Hermes
starts MCP servers with `pip install mcp` in its environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., str]

PROGRAMS = Path(os.environ.get("PROGRAMS", "/tmp/programs"))
_NODE = [*PROGRAMS.glob("*/node_modules/.bin"), *PROGRAMS.glob("node/node_modules/*/bin")]
_PYTHON = [PROGRAMS / name / "bin" for name in ("llm", "aider", "hermes", "vibe", "openhands")]
PATH = os.pathsep.join([*map(str, _NODE), os.environ["PATH"], *map(str, _PYTHON)])
# No program looks for news of itself, or tells anybody of us.
QUIET = {
    "PI_OFFLINE": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CRUSH_DISABLE_METRICS": "1",
    "CRUSH_DISABLE_PROVIDER_AUTO_UPDATE": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "CONTINUE_TELEMETRY_ENABLED": "0",
    "DO_NOT_TRACK": "1",
}


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not there."""
    return pytest.mark.skipif(shutil.which(name, path=PATH) is None, reason=f"{name} is not installed")


def programs(env: dict[str, str], folder: Path, *, stderr: int = subprocess.PIPE) -> Program:
    """Return a function that runs a program as the user of this test, in this folder, and returns its stdout.

    With `subprocess.STDOUT`, what it prints to stderr is in it.
    """

    def run(*words: str, **variables: str) -> str:
        done = subprocess.run(
            [str(shutil.which(words[0], path=PATH)), *words[1:]],
            env={**env, "PATH": PATH, "PWD": str(folder), **QUIET, **variables},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
