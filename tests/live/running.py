"""Real programs, started by `litellmctl run` as a user with files of their own starts them.

Whatever `run` does, the user's files stay as they are: a `Runner` compares a digest of HOME, and of the folder that the
program runs in, from before and after. What the program itself writes whenever it runs (caches, sessions, logs) is
listed in `WRITTEN`, as glob patterns below HOME; what stands before a run is compared even there, but for `REWRITTEN`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

import pytest

from tests.live.programs import PATH, QUIET, needs

AsUser = Callable[[str], None]
# Of the fake proxy, as `env` names it, and the models that it has in these tests.
KEY = "sk-test-0123456789abcdef"
MODELS = ("gpt-4o", "small")

# By the program's executable: files that it makes below HOME when it runs, whatever `run` does. `*` includes slashes.
WRITTEN: dict[str, list[str]] = {
    "claude": [".claude/projects/*", ".claude/backups/*", ".claude/plugins/*", ".cache/claude-cli-nodejs/*/mcp-logs-*"],
    "codex": [
        ".codex/*.sqlite*",
        ".codex/.*",
        ".codex/installation_id",
        ".codex/sessions/*",
        ".codex/shell_snapshots/*",
        ".codex/skills/.system/*",
        ".codex/thread-writer-locks/*",
    ],
    "copilot": [".cache/*/*", ".copilot/settings.json.lock", ".copilot/session-*", ".copilot/logs/*"],
    "gemini": [".gemini/tmp/*", ".gemini/history/*"],
    "qwen": [".qwen/projects/*", ".qwen/debug/*", ".qwen/installation_id", ".qwen/output-language.md"],
    "cn": [".continue/sessions/*", ".continue/logs/*", ".continue/permissions.yaml"],
    "opencode": [
        ".cache/*",
        ".npm/*",
        ".local/share/opencode/*",
        ".local/state/opencode/*",
        ".config/opencode/.gitignore",
        ".opencode/.gitignore",
        "*/node_modules/*",
        "*/package*.json",
    ],
    "pi": [".pi/agent/sessions/*", ".pi/agent/auth.json", ".pi/agent/models-store.json"],
    "crush": [".local/share/crush/*", ".cache/crush/*", "PROJECT/.crush/*"],
    "goose": [".local/share/goose/*", ".local/state/goose/*"],
    "llm": [".config/io.datasette.llm/logs.db*"],
    "aider": [".aider/*", "PROJECT/.aider.*history*"],
    "hermes": [
        ".hermes/*.db*",
        ".hermes/logs/*",
        ".hermes/sessions/*",
        ".hermes/auth.*",
        ".hermes/.*",
        ".hermes/SOUL.md",
    ],
    "vibe": [".vibe/logs/*", ".vibe/vibehistory", ".vibe/trusted_folders.toml"],
    "openhands": [".openhands/cache/*", ".openhands/conversations/*", ".openhands/projects/*"],
}
# Of those, the files that it writes again at each start: its own state, in which no user keeps settings of the proxy.
REWRITTEN: dict[str, list[str]] = {
    "claude": [".claude.json"],
    "copilot": [".copilot/config.json"],
    "gemini": [".gemini/tmp/*"],
    "opencode": [".cache/*", ".npm/*", ".local/share/opencode/opencode.db*", ".local/share/opencode/log/*"],
    "pi": [".pi/agent/models-store.json", ".pi/agent/sessions/*"],
    "llm": [".config/io.datasette.llm/logs.db*"],
    "aider": [".aider/*", "PROJECT/.aider.*history*"],
    "hermes": [".hermes/*.db*", ".hermes/logs/*", ".hermes/sessions/*", ".hermes/auth.*"],
    "vibe": [".vibe/logs/*", ".vibe/vibehistory"],
    "openhands": [".openhands/cache/*", ".openhands/conversations/*", ".openhands/projects/*"],
}
# What is litellmctl's own.
_OURS = ("config/*", "cache/*")


class Case(Protocol):
    """A program in a table of programs; if it has `is_large`, it is tried in campaigns only."""

    @property
    def name(self) -> str: ...


def each(*cases: Case) -> pytest.MarkDecorator:
    """Run a test with each of these programs that is installed."""
    found = [
        pytest.param(
            case, id=case.name, marks=[needs(case.name), *[pytest.mark.campaign] * getattr(case, "is_large", False)]
        )
        for case in cases
    ]
    return pytest.mark.parametrize("case", found)


@dataclass
class Runner:
    """Runs programs for one user: `runner("claude", "-p", "Hi", options=["--model", "gpt-4o"])` returns stdout.

    Keywords in capitals are variables of the user. `stderr` is what the last run printed there.
    """

    env: Mapping[str, str]
    home: Path
    folder: Path
    stderr: str = field(default="", init=False)

    def own(self, files: Mapping[str, str]) -> None:
        """Write the user's own files: path below HOME -> text."""
        for name, text in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def __call__(
        self, *words: str, options: list[str] | None = None, exit: int = 0, timeout: float = 180, **variables: str
    ) -> str:
        self.folder.mkdir(exist_ok=True)
        before = {name: _digest(path) for name, path in self._files().items()}
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", "run", *(options or []), "--", *words],
            env={**self.env, "PATH": PATH, "PWD": str(self.folder), **QUIET, **variables},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        self.stderr = done.stderr
        assert done.returncode == exit, f"exit {done.returncode}, not {exit}\n{done.stdout}\n{done.stderr}"
        files = self._files()
        name = Path(words[0]).name
        allowed, again = WRITTEN.get(name, []), REWRITTEN.get(name, [])
        gone = {path for path in before.keys() - files.keys() if not _is(path, again)}
        changed = {
            path for path in before.keys() - gone if not _is(path, again) and _digest(files[path]) != before[path]
        }
        made = {path for path in files.keys() - before.keys() if not _is(path, [*allowed, *again])}
        assert not gone, f"{name} removed files of the user: {sorted(gone)}"
        assert not changed, f"{name} changed files of the user: {sorted(changed)}"
        assert not made, f"{name} made files: {sorted(made)}"
        return done.stdout

    def _files(self) -> dict[str, Path]:
        """Return the files and links, but litellmctl's own, by their paths below HOME or the folder."""
        found = {}
        for top, mark in ((self.home, ""), (self.folder, "PROJECT/")):
            for folder, folders, names in os.walk(top):
                for path in (Path(folder, name) for name in (*folders, *names)):
                    below = mark + path.relative_to(top).as_posix()
                    # The rest are folders, sockets and pipes.
                    if (path.is_symlink() or path.is_file()) and not _is(below, _OURS):
                        found[below] = path
        return found


def _digest(path: Path) -> str:
    """Return a digest of a file, or of where a link leads."""
    data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
    return hashlib.sha256(data).hexdigest()


def _is(path: str, patterns: list[str] | tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)
