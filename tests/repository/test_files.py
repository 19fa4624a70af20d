"""Our files are opened in one place, `foundation/files.py`, which refuses what is not as we make it."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "litellmctl"
OPENING = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "mkstemp", "NamedTemporaryFile", "fdopen"}
# Who else opens files, and which: not ours.
ELSEWHERE = {
    "foundation/files.py": "here",
    "foundation/locks.py": "/proc",
    "foundation/tree.py": "folders of others, relative to their descriptors",
    "skills/folder.py": "a member of a zip archive",
    "sandbox/proxy.py": "a URL; a template of the package",
    "foundation/interruptions.py": "/dev/tty",
    "foundation/processes.py": "/proc",
    "sandbox/serve.py": "/dev/null",
    "settings/script.py": "the script that a key command names, to say why it does not run",
    "auth/adc.py": "Google's credentials file, which may be a pipe",
    "auth/browser.py": "the browser, and its script",
    "auth/loopback_owner.py": "/proc",
    "relay/resident.py": "/dev/null",
    "tools/calls.py": "the file that an argument names, which may be a pipe",
    "commands/mcp_values.py": "the file with a credential, which may be a pipe",
    "commands/api.py": "the file that --input names, which may be a pipe",
    "cli.py": "the terminal, by a method of the same name",
    "commands/base.py": "help, by a method of the same name",
    "commands/run.py": "help, by a method of the same name",
    "commands/topics.py": "help, by a method of the same name",
    "__main__.py": "/dev/null",
}


def _opens(tree: ast.AST) -> bool:
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(getattr(function, "attr", getattr(function, "id", None)) in OPENING for function in called)


def test_no_other_module_opens_files() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if _opens(ast.parse(path.read_text("utf-8")))
    }
    assert found - ELSEWHERE.keys() == set(), "read and write our files with litellmctl.foundation.files"
