"""`export`: printed, shown as a change, written, taken back, for every program that there is."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.commands.export import FIELDS
from litellmctl.programs import receipts
from litellmctl.programs.registry import HOST_NAMES, TOOLS, exporters
from tests.conftest import Result, Run
from tests.effort import less_than
from tests.fake_proxy import FakeProxy, row

KEY = "sk-test-0123456789abcdef"
EXPORTERS = exporters()
NAMES = sorted(EXPORTERS)
THEIRS = {"OPENCODE_CONFIG", "CODEX_HOME", "LLM_USER_PATH", "CONTINUE_GLOBAL_DIR", "PI_CODING_AGENT_DIR"}
FACTS = {
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-06,
    "supports_function_calling": True,
    "supports_vision": True,
}
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners")
every_tool = pytest.mark.parametrize("tool", NAMES)

OPENCODE = '{\n  // mine\n  "theme": "dark", // night\n  "provider": {\n    "own": {"npm": "x"}\n  }\n}\n'


@pytest.fixture(autouse=True)
def theirs(env: dict[str, str]) -> None:
    for name in [*env]:
        if name in THEIRS or name.startswith(("CLAUDE_", "CRUSH_", "GOOSE_", "ZED_")):
            del env[name]


@pytest.fixture
def models(proxy: FakeProxy) -> FakeProxy:
    rows = [row("gpt-4o", **FACTS), row("claude-sonnet", **FACTS), row("groq/openai/gpt-oss-120b", **FACTS)]
    return proxy.models(*rows, row("homemade", mode=None), times=None)


@pytest.fixture
def target(home: Path) -> Path:
    """opencode's file, which is not there yet."""
    return home / ".config/opencode/opencode.json"


@pytest.fixture
def written(target: Path) -> Path:
    """opencode's file, with settings of the user's."""
    target.parent.mkdir(parents=True)
    target.write_bytes(OPENCODE.encode())
    return target


def files(home: Path) -> dict[str, bytes]:
    """Return the files in the home, but for ours."""
    every = (path for path in home.rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes() for path in every if path.relative_to(home).parts[0] not in {"config", "cache"}
    }


def receipts_of(home: Path) -> list[Path]:
    return sorted((home / "config/exports").glob("*.json"))


def no_key(home: Path, *results: Result) -> None:
    """The key is nowhere: not on the terminal, not in a file, not in what a receipt holds."""
    for result in results:
        assert KEY not in result + result.stderr
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert KEY.encode() not in data
            assert not any(KEY.encode() in base64.b64decode(one) for one in re.findall(rb'"before": "([^"]*)"', data))


# ---- every program ----


@every_tool
def test_prints_and_writes_nothing(run: Run, models: FakeProxy, home: Path, tool: str) -> None:
    result = run("export", tool)
    assert models.url in result or "/v1" in result
    path = str(EXPORTERS[tool].path()).removeprefix(str(Path.home()))
    assert path in result.stderr
    assert "--write" in result.stderr
    assert "Then:  " in result.stderr
    assert files(home) == {}
    assert not receipts_of(home)
    no_key(home, result)


@every_tool
def test_writes_and_takes_back_byte_for_byte(run: Run, models: FakeProxy, home: Path, tool: str) -> None:
    results = [run("export", tool, "--diff")]
    assert files(home) == {}
    states: list[dict[str, bytes]] = [{}]
    # Into nothing; into a file that is there, for another provider; once more, with other models.
    for words in ([], ["--id", "work", "--models", "gpt-*"], ["--id", "third", "--key-command", "printenv X"]):
        results += [run("export", tool, "--diff", *words), run("export", tool, "--write", *words)]
        if files(home) != states[-1]:
            states.append(files(home))
            changes = [path for path in states[-1] if states[-2].get(path) != states[-1][path]]
            assert all(f"Wrote {path}" in results[-1].stderr for path in changes)
        else:
            assert "already up to date" in results[-1].stderr
        assert len(receipts_of(home)) == len(states) - 1
    assert len(states) > 1
    no_key(home, *results)
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in [*states[-1], *receipts_of(home)])
    assert stat.S_IMODE((home / "config/exports").stat().st_mode) == 0o700
    for before in reversed(states[:-1]):
        run("export", tool, "--undo")
        assert files(home) == before
    assert not receipts_of(home)
    assert run("export", tool, "--undo", "--json", exit=5).error["code"] == "not_found"


@every_tool
def test_writes_nothing_twice(run: Run, models: FakeProxy, home: Path, tool: str) -> None:
    run("export", tool, "--write")
    before = {path: os.stat(path).st_mtime_ns for path in files(home)}
    result = run("export", tool, "--write")
    assert "already up to date" in result.stderr
    assert {path: os.stat(path).st_mtime_ns for path in files(home)} == before
    assert len(receipts_of(home)) == 1
    assert run("export", tool, "--diff") == ""


@every_tool
def test_does_not_undo_what_was_edited_since(run: Run, models: FakeProxy, home: Path, tool: str) -> None:
    run("export", tool, "--write")
    path = Path(max(files(home)))
    path.write_bytes(path.read_bytes() + b"\n")
    before = files(home)
    error = run("export", tool, "--undo", "--json", exit=5).error
    assert error["code"] == "rejected"
    assert f"{path} was edited since the last --write" in error["message"]
    assert str(receipts_of(home)[0]) in error["remedy"]
    assert len(receipts_of(home)) == 1
    # As it was, it is undone.
    path.write_bytes(before[str(path)].removesuffix(b"\n"))
    run("export", tool, "--undo")
    assert files(home) == {}


@every_tool
def test_what_is_as_it_was_before_counts_as_undone(run: Run, models: FakeProxy, home: Path, tool: str) -> None:
    run("export", tool, "--write")
    Path(max(files(home))).unlink()
    run("export", tool, "--undo")
    assert (files(home), receipts_of(home)) == ({}, [])


def test_a_file_of_the_users_that_is_gone_is_not_made_again(run: Run, models: FakeProxy, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_text("{}")
    run("export", "opencode", "--write")
    target.unlink()
    assert "was removed since" in run("export", "opencode", "--undo", "--json", exit=5).error["message"]


def test_a_kill_between_the_receipt_and_the_file_blocks_no_undo(
    run: Run, models: FakeProxy, target: Path, home: Path
) -> None:
    target.parent.mkdir(parents=True)
    target.write_text('{"theme": "dark"}')
    run("export", "opencode", "--write")
    first = target.read_bytes()
    run("export", "opencode", "--write", "--id", "second")
    target.write_bytes(first)
    run("export", "opencode", "--undo")
    assert (target.read_bytes(), len(receipts_of(home))) == (first, 1)
    run("export", "opencode", "--undo")
    assert (target.read_text(), receipts_of(home)) == ('{"theme": "dark"}', [])


@every_tool
def test_a_thousand_models(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    proxy.models(*(row(f"model-{number:04}", **FACTS) for number in range(1000)), times=None)
    with less_than(10):
        run("export", tool, "--write")
    text = b"".join(files(home).values()).decode()
    # Codex and Claude Code ask the proxy.
    assert tool in {"codex", "claude-code"} or ("model-0000" in text and "model-0999" in text)


@every_tool
def test_nasty_names_of_models(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    names = [
        *('it\'s "q"', "a/b/c", "a\nb", "$HOME", "$(touch made)", "`touch made`", "{env:LITELLM_API_KEY}"),
        *("{file:/etc/passwd}", "${{ secrets.LITELLM_API_KEY }}", "日本 😀", "\x9b31mred", "\x00", "\\", "no", " a "),
        *("__proto__", "constructor", "# comment", "// comment", "a'b", "--help", "\u2028", "\ufeff", "\r\n"),
    ]
    proxy.models(*(row(name, **FACTS) for name in names), row("gpt-4o", **FACTS), times=None)
    printed = run("export", tool)
    # Whatever a proxy names, no terminal acts on it.
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed + printed.stderr)
    assert "root:" not in printed
    run("export", tool, "--write")
    assert files(home)
    assert "already up to date" in run("export", tool, "--write").stderr
    run("export", tool, "--undo")
    assert files(home) == {}
    assert not list(home.rglob("made"))


@every_tool
def test_a_name_that_is_no_text_breaks_nothing(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    half = json.dumps({"data": [row("bad\ud800", **FACTS), row("gpt-4o", **FACTS)]}).encode()
    proxy.on("/model/info", half, times=None)
    run("export", tool)
    run("export", tool, "--write")
    assert files(home)
    assert b"".join(files(home).values()).decode()


# ---- what there is ----


def test_lists_the_programs_and_which_are_here(run: Run, home: Path, env: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    (home / ".codex").mkdir()
    rows = {one["tool"]: one for one in run("export", "--list", "--json", PATH=str(program.parent)).json}
    assert list(rows) == ["codex", "opencode", *(name for name in TOOLS if name not in {"codex", "opencode"})]
    assert list(TOOLS) == sorted(TOOLS)
    assert all(list(one) == list(FIELDS) for one in rows.values())
    assert {name for name, one in rows.items() if one["installed"]} == {"opencode", "codex"}
    assert rows["opencode"] == {
        "tool": "opencode",
        "title": "opencode",
        "installed": True,
        "path": str(home / ".config/opencode/opencode.json"),
        "writes": 0,
        "parts": ["models", "mcp"],
    }
    assert rows["cursor"]["path"] == str(home / ".cursor/mcp.json")
    assert [rows[name]["parts"] for name in ("aider", "cursor")] == [["models"], ["mcp"]]
    table = run("export", "--list", terminal=True, PATH=str(program.parent))
    assert re.search(r"opencode +\x1b\[32myes\x1b\[0m +models, mcp +~/.config/opencode/opencode\.json\n", table)
    assert run("export", "--list", PATH=str(program.parent)).splitlines()[1] == (
        f"opencode\ttrue\tmodels,mcp\t{home / '.config/opencode/opencode.json'}"
    )


def test_lists_the_files_for_mcp(run: Run, home: Path) -> None:
    rows = {one["tool"]: one["path"] for one in run("export", "--list", "--mcp", "--json").json}
    assert sorted(rows) == sorted(HOST_NAMES)
    assert rows["claude-code"] == str(home / ".claude.json")


def test_counts_the_writes_that_can_be_undone(run: Run, models: FakeProxy) -> None:
    run("export", "opencode", "--write")
    run("export", "opencode", "--write", "--id", "work")
    rows = {one["tool"]: one["writes"] for one in run("export", "--list", "--json").json}
    assert rows == {**dict.fromkeys(TOOLS, 0), "opencode": 2}


def test_every_program_has_its_own_name() -> None:
    assert {name: one.name for name, one in EXPORTERS.items()} == {name: name for name in NAMES}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing argument TOOL"),
        (["emacs"], "emacs"),
        (["codex", "--diff", "--write"], "use only one of --diff, --write, --undo"),
        (["codex", "--write", "--undo"], "use only one of --diff, --write, --undo"),
        (["codex", "--id", "My Proxy"], '"My Proxy" is not a valid name'),
        (["codex", "--id", "a.b"], '"a.b" is not a valid name'),
        (["codex", "--id", "../x"], '"../x" is not a valid name'),
        (["codex", "--id", ""], '"" is not a valid name'),
        (["codex", "--key-command", "it's"], "--key-command is not a valid command"),
        (["codex", "--key-command", " "], "--key-command is not a valid command"),
    ],
)
def test_bad_words_are_refused(run: Run, home: Path, proxy: FakeProxy, words: list[str], message: str) -> None:
    error = run("export", *words, "--json", exit=2).error
    assert error["code"] == "usage"
    assert message in error["message"]
    assert files(home) == {}


# ---- which models, under which name, with which command ----


def test_only_some_models(run: Run, models: FakeProxy) -> None:
    found = json.loads(run("export", "opencode", "--models", "gpt-*", "--models", "GROQ/*"))
    assert list(found["provider"]["litellm"]["models"]) == ["gpt-4o", "groq/openai/gpt-oss-120b"]
    error = run("export", "opencode", "--models", "gtp-4o", "--json", exit=2).error
    assert error["message"].startswith("no models match")
    assert "gpt-4o" in error["message"]


def test_under_another_name(run: Run, models: FakeProxy, target: Path) -> None:
    assert "work/MODEL" in run("export", "opencode", "--id", "work", "--write").stderr
    run("export", "opencode", "--write")
    assert list(json.loads(target.read_text())["provider"]) == ["work", "litellm"]
    run("export", "opencode", "--id", "work", "--models", "gpt-4o", "--write")
    found = json.loads(target.read_text())["provider"]
    assert [list(found["work"]["models"]), len(found["litellm"]["models"])] == [["gpt-4o"], 4]


def test_the_command_for_the_key_names_this_program_this_proxy_and_this_profile(run: Run, models: FakeProxy) -> None:
    auth = tomllib.loads(run("export", "codex"))["model_providers"]["litellm"]["auth"]
    words = [auth["command"], *auth["args"]]
    assert words[-5:] == ["token", "--profile", "default", "--base-url", models.url]
    assert os.path.isabs(words[0])
    assert os.access(words[0], os.X_OK)


@pytest.mark.parametrize("command", ["op read 'op://team/my key/x'", "/usr/bin/printenv KEY", 'vault "it\'s"'])
def test_another_command_for_the_key(run: Run, models: FakeProxy, command: str) -> None:
    auth = tomllib.loads(run("export", "codex", "--key-command", command))["model_providers"]["litellm"]["auth"]
    assert [auth["command"], *auth["args"]] == shlex.split(command)


# ---- into a file that is there ----


def test_everything_else_stays(run: Run, models: FakeProxy, written: Path) -> None:
    written.chmod(0o644)
    inode = written.stat().st_ino
    run("export", "opencode", "--write", "--models", "homemade")
    assert written.read_text() == OPENCODE.replace(
        '    "own": {"npm": "x"}\n  }\n}\n',
        '    "own": {"npm": "x"},\n    "litellm": {\n      "npm": "@ai-sdk/openai-compatible",\n'
        f'      "name": "LiteLLM ({models.url.removeprefix("http://")})",\n      "options": {{\n'
        f'        "baseURL": "{models.url}/v1",\n        "apiKey": "{{env:LITELLM_API_KEY}}"\n      }},\n'
        '      "models": {\n        "homemade": {\n          "name": "homemade"\n        }\n      }\n    }\n  },\n'
        '  "$schema": "https://opencode.ai/config.json"\n}\n',
    )
    assert written.stat().st_ino != inode, "it is replaced in one step"
    assert [path.name for path in written.parent.iterdir()] == ["opencode.json"]
    run("export", "opencode", "--undo")
    assert written.read_bytes() == OPENCODE.encode()


OPEN_TEXT = "name: A\nversion: 1.0.0\nrules:\n- |\n  Be brief.\n  Be kind."
DOTTED = 'model_providers.a.name = "x"\nmodel = "y"\n'


@pytest.mark.parametrize(
    ("tool", "path", "before"),
    [
        ("continue", ".continue/config.yaml", OPEN_TEXT),
        ("continue", ".continue/config.yaml", OPEN_TEXT.replace("\n", "\r\n")),
        ("continue", ".continue/config.yaml", "models:\n    - name: own\n      x: >+\n        to the end"),
        ("continue", ".continue/config.yaml", "# mine\r\nname: A\nversion: 1.0.0\r\nschema: v1\r\n"),
        ("codex", ".codex/config.toml", DOTTED),
        ("codex", ".codex/config.toml", DOTTED.replace("\n", "\r\n").rstrip()),
        ("codex", ".codex/config.toml", f"model_providers.'b c'.name = 'z' # b\n{DOTTED}# t\n[tui]\n  a  =1\n"),
        ("codex", ".codex/config.toml", "\ufeff[model_providers]\nb.name = 'z'\nc.d = 1\n# t\n[tui]\r\n[[a]]\n"),
    ],
)
def test_the_lines_of_the_users_stay_byte_for_byte(
    run: Run, models: FakeProxy, home: Path, tool: str, path: str, before: str
) -> None:
    file = home / path
    file.parent.mkdir()
    file.write_bytes(before.encode())
    run("export", tool, "--write", "--models", "gpt-*")
    first = file.read_bytes()
    run("export", tool, "--write", "--models", "claude-*", "--key-command", "printenv X")
    for after in (first, file.read_bytes()):
        rest = iter(after.splitlines(keepends=True))
        *lines, last = before.encode().splitlines(keepends=True)
        assert all(line in rest for line in lines)
        assert any(line.rstrip(b"\r\n") == last.rstrip(b"\r\n") for line in rest)
        assert (after.count(b"\r\n") * 2 > after.count(b"\n")) is (before.count("\r\n") * 2 > before.count("\n"))
        assert (f"{models.url}/v1").encode() in after
        if tool == "codex":
            new = tomllib.loads(after.decode("utf-8-sig"))
            assert new["model_providers"].pop("litellm")["base_url"] == f"{models.url}/v1"
            assert new == tomllib.loads(before.removeprefix("\ufeff"))
    for state in (first, before.encode())[file.read_bytes() == first :]:
        run("export", tool, "--undo")
        assert file.read_bytes() == state


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o400 | 0o200 | 0o040])
def test_the_mode_stays(run: Run, models: FakeProxy, written: Path, mode: int) -> None:
    written.chmod(mode)
    run("export", "opencode", "--write")
    assert stat.S_IMODE(written.stat().st_mode) == mode
    run("export", "opencode", "--undo")
    assert stat.S_IMODE(written.stat().st_mode) == mode


@posix
def test_a_link_is_followed(run: Run, models: FakeProxy, written: Path, home: Path) -> None:
    dotfiles = home / "dotfiles"
    dotfiles.mkdir()
    written.rename(dotfiles / "real.json")
    written.symlink_to("../../dotfiles/real.json")
    run("export", "opencode", "--write")
    assert written.is_symlink()
    assert b"litellm" in (dotfiles / "real.json").read_bytes()
    run("export", "opencode", "--undo")
    assert written.is_symlink()
    assert (dotfiles / "real.json").read_bytes() == OPENCODE.encode()


Spoil = Callable[[Path], Any]


def _linked_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.json")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@posix
@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (lambda path: path.write_text('{"a": 1,\n  b}'), 2, "line 2, column 3: a value is missing"),
        (lambda path: path.write_text('["a"]'), 2, "the file is not a"),
        (lambda path: path.write_text('{"provider": "x"}'), 2, "provider is not a"),
        (lambda path: path.write_bytes(b'{"a": "\xff"}'), 1, "it is not UTF-8 text"),
        (lambda path: path.write_bytes(b'{"a": "' + b"x" * 65 * 2**20 + b'"}'), 1, "it is larger than 64 MiB"),
        (lambda path: path.chmod(0o444), 1, "it is read-only"),
        (_linked_to_nothing, 1, "it is a broken link"),
        (_folder, 1, "it is not a file"),
        (_pipe, 1, "it is not a file"),
    ],
    ids=["invalid", "a list", "a text", "not UTF-8", "huge", "read-only", "dangling", "a folder", "a pipe"],
)
def test_a_file_that_cannot_be_changed_is_left_as_it_is(
    run: Run, models: FakeProxy, written: Path, home: Path, spoil: Spoil, code: int, message: str
) -> None:
    spoil(written)
    before = written.read_bytes() if written.is_file() else None
    error = run("export", "opencode", "--write", "--json", exit=code).error
    assert error["code"] == {1: "file", 2: "config"}[code]
    assert message in error["message"]
    assert str(written) in error["message"]
    assert error["remedy"]
    assert (written.read_bytes() if written.is_file() else None) == before
    assert not receipts_of(home)
    assert len(list(written.parent.iterdir())) == 1
    # What is to stand there is printed in any case.
    assert '"litellm"' in run("export", "opencode")


@posix
def test_somebody_elses_file_is_left_as_it_is(
    run: Run, models: FakeProxy, written: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts.os, "geteuid", lambda: written.stat().st_uid + 1)
    error = run("export", "opencode", "--write", "--json", exit=1).error
    assert error["code"] == "file"
    assert "it belongs to another user" in error["message"]
    assert written.read_bytes() == OPENCODE.encode()
    assert not receipts_of(home)


@posix
def test_a_folder_that_cannot_be_written(run: Run, models: FakeProxy, home: Path) -> None:
    error = run("export", "opencode", "--write", "--json", exit=1, OPENCODE_CONFIG="/proc/x/opencode.json").error
    assert error["code"] == "file"
    assert "/proc/x/opencode.json" in error["message"]
    assert not receipts_of(home)


@posix
def test_without_a_place_for_the_receipt_nothing_is_written(run: Run, models: FakeProxy, written: Path) -> None:
    error = run("export", "opencode", "--write", "--json", exit=1, LITELLMCTL_CONFIG_DIR="/proc/x").error
    assert error["code"] == "file"
    assert "/proc/x" in error["message"]
    assert written.read_bytes() == OPENCODE.encode()


def test_a_file_that_changes_meanwhile_is_left_as_it_is(
    run: Run, models: FakeProxy, written: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_edited(*arguments: Any) -> str:
        after = changed(*arguments)
        written.write_text("{}")
        return after

    changed = receipts.changed
    monkeypatch.setattr(receipts, "changed", and_edited)
    error = run("export", "opencode", "--write", "--json", exit=1).error
    assert error["code"] == "file"
    assert "another program has just changed it" in error["message"]
    assert error["remedy"] == "run it again"
    assert written.read_text() == "{}"
    assert not receipts_of(home)


def test_of_two_files_both_are_written_or_none(
    run: Run, models: FakeProxy, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = next((name for name in NAMES if name == "aider"), None)
    if several is None:
        pytest.skip("no program here has two files")
    (home / ".aider.conf.yml").write_text("model: mine\n")
    write = receipts._write

    def fails_at_the_second(path: Path, data: bytes, now: bytes | None, **how: bool) -> None:
        if path.name == ".aider.model.metadata.json":
            raise receipts._cannot(path, "write", "no space left on device")
        write(path, data, now, **how)

    monkeypatch.setattr(receipts, "_write", fails_at_the_second)
    error = run("export", "aider", "--write", "--json", exit=1).error
    assert "no space left" in error["message"]
    assert files(home) == {str(home / ".aider.conf.yml"): b"model: mine\n"}
    assert not receipts_of(home)


def test_a_receipt_that_is_damaged_undoes_nothing(run: Run, models: FakeProxy, target: Path, home: Path) -> None:
    run("export", "opencode", "--write")
    (receipt,) = receipts_of(home)
    for text in ("", "{}", '{"files": [{"path": 1}]}', receipt.read_text()[:-20]):
        receipt.write_text(text)
        error = run("export", "opencode", "--undo", "--json", exit=1).error
        assert error["code"] == "file"
        assert str(receipt) in error["message"]
    assert target.exists()


# ---- the change, shown first ----


def test_the_change_is_shown_first(run: Run, models: FakeProxy, written: Path) -> None:
    shown = run("export", "opencode", "--diff")
    assert shown.startswith(f"--- {written}\n+++ {written}\n@@ ")
    assert '+    "litellm": {' in shown
    assert written.read_bytes() == OPENCODE.encode()
    new = run("export", "opencode", "--diff", OPENCODE_CONFIG=str(written.with_name("new.json")))
    assert new.startswith(f"--- {os.devnull}\n+++ ")
    assert '"apiKey": "{env:LITELLM_API_KEY}"' in new


SECRET = "sk-mine-0123456789"


@pytest.mark.parametrize(
    "line",
    [
        f'"apiKey": "{SECRET}"',
        f'"api_key":"{SECRET}"',
        f'"headers": {{"Authorization": "Bearer {SECRET}"}}',
        f'"headers": {{"x-litellm-api-key": "{SECRET}", "x": "y"}}',
        f'"a": {{"token": "{SECRET}"}}, "b": {{"password": "other-secret-1"}}',
        f'"command": ["curl", "-H", "Authorization: Bearer {SECRET}"]',
        f'"args": ["--key", "{SECRET}"]',
        f'"baseURL": "https://me:{SECRET}@host/v1"',
        f'"env": {{"GITHUB_TOKEN": "{SECRET}"}}',
        f'"client_secret": "{SECRET} with words"',
    ],
)
def test_secrets_of_the_users_own_are_masked(run: Run, models: FakeProxy, target: Path, line: str) -> None:
    target.parent.mkdir(parents=True)
    for text in (f"{{\n  {line}\n}}\n", f"{{{line}}}"):
        target.write_text(text)
        shown = run("export", "opencode", "--diff")
        assert SECRET not in shown
        assert "other-secret-1" not in shown
        assert "********" in shown
        run("export", "opencode", "--write")
        assert SECRET in target.read_text(), "it is masked where it is shown, and nowhere else"
        run("export", "opencode", "--undo")


@pytest.mark.skipif("llm" not in EXPORTERS, reason="no program here has YAML")
def test_secrets_in_yaml_are_masked_too(run: Run, models: FakeProxy, home: Path) -> None:
    path = home / ".config/io.datasette.llm/extra-openai-models.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f"- {{model_id: a, headers: {{Authorization: Bearer {SECRET}}}}}\n- api_key: {SECRET}\n  model_id: b\n"
    )
    shown = run("export", "llm", "--diff")
    assert SECRET not in shown


def test_offline_with_what_is_cached(run: Run, models: FakeProxy, target: Path) -> None:
    run("models")
    run("export", "opencode", "--write", "--offline")
    assert '"gpt-4o"' in target.read_text()


def test_is_a_process_that_needs_no_terminal(run_process: Run, models: FakeProxy, home: Path) -> None:
    shutil.rmtree(home / "cache", ignore_errors=True)
    done = run_process("export", "opencode", "--json")
    assert json.loads(json.loads(done))["provider"]["litellm"]


# ---- on a terminal ----


def test_a_diff_has_colours_on_a_terminal_only(run: Run, models: FakeProxy, home: Path) -> None:
    path = home / ".config/opencode/opencode.json"
    path.parent.mkdir(parents=True)
    path.write_text('{\n  "provider": {"litellm": {"name": "Old"}}\n}\n')
    shown = run("export", "opencode", "--diff", terminal=True, FORCE_COLOR="1").splitlines()
    assert shown[0] == f"\x1b[1m--- {path}\x1b[0m"
    assert any(re.match(r"\x1b\[36m@@ .*\x1b\[0m$", line) for line in shown)
    assert any(re.match(r"\x1b\[31m-.*Old.*\x1b\[0m$", line) for line in shown)
    assert any(re.match(r"\x1b\[32m\+.*\x1b\[0m$", line) for line in shown)
    plain = run("export", "opencode", "--diff")
    assert "\x1b" not in plain
    assert run("export", "opencode", "--diff", "--json", terminal=True, FORCE_COLOR="1").json + "\n" == plain


def test_the_list_fits_the_terminal(run: Run, home: Path) -> None:
    for columns in (40, 80, 120):
        table = run("export", "--list", "-o", "table", COLUMNS=str(columns)).splitlines()
        assert len(table) == len(TOOLS) + 1
        assert [line for line in table if len(line) > columns] == []
    assert "~/.claude/settings.json" in run("export", "--list", "-o", "table", COLUMNS="80")


def test_undo_says_which_files_it_removes(run: Run, models: FakeProxy, home: Path) -> None:
    path = home / ".codex/config.toml"
    run("export", "codex", "--write")
    assert run("export", "codex", "--undo").stderr == f"✓ Removed {path}, which did not exist before --write\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine\n")
    run("export", "codex", "--write")
    assert run("export", "codex", "--undo").stderr == f"✓ Restored {path}\n"


def test_help_imports_no_exporter(env: dict[str, str]) -> None:
    code = (
        "import sys; sys.argv[1:] = ['export', '--help']\n"
        "from litellmctl.__main__ import main\n"
        "try: main()\n"
        "finally: print(*sorted(n for n in sys.modules if n.startswith('litellmctl.programs.')), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert result.stderr.split() == ["litellmctl.programs.registry"]
