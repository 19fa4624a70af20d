"""`export --mcp` and `--all`: for every agent that there is, and what its user keeps, sees and takes back."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from litellmctl import own_command
from litellmctl.programs import receipts
from litellmctl.programs.mcp_host import owns_bridge
from litellmctl.programs.registry import HOST_NAMES, NAMES, hosts
from tests.conftest import Result, Run
from tests.contract.test_export import FACTS, files, receipts_of
from tests.contract.tools import LIST, TWO, offering, server
from tests.fake_proxy import FakeProxy, row

KEY = "sk-test-0123456789abcdef"
THEIRS = "ghp_0123456789abcdefghij"
HOSTS = hosts()
# So that mcp__litellm__, which Claude Code puts before the name of a tool, makes none too long.
ROOM = ["--name-length", "50"]
every_host = pytest.mark.parametrize("tool", HOST_NAMES)
with_project = pytest.mark.parametrize("tool", [name for name, one in HOSTS.items() if one.has_project_file])
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes")
_OF_AGENTS = re.compile(
    r"(?:CLAUDE|CODEX|OPENCODE|PI|CRUSH|GOOSE|CONTINUE|ZED|GEMINI|QWEN|COPILOT|CLINE|CURSOR|VSCODE|HERMES|XDG)_"
)


@pytest.fixture(autouse=True)
def _without_agents(env: dict[str, str]) -> None:
    for name in [*env]:
        if _OF_AGENTS.match(name):
            del env[name]


@pytest.fixture
def of_agent(home: Path, tool: str, run: Run) -> Path:
    """The agent's file with an entry of the user's own, which has a token, and is in our own style."""
    run("export", tool, "--mcp", "--id", "mine", "--write")
    (path,) = (Path(name) for name in files(home))
    text = re.sub(r"(?m)^# (?:>>>|<<<).*\n", "", path.read_text())
    path.write_text(text.replace(json.dumps(own_words()[0])[1:-1], "/opt/theirs").replace("default", THEIRS))
    for receipt in receipts_of(home):
        receipt.unlink()
    assert entries(path) == {"mine": False}
    return path


def own_words() -> list[str]:
    own = own_command.executable()
    return [own] if own else own_command.command()


def parsed(path: Path) -> Any:
    text = path.read_text()
    if path.name.endswith("crushrc"):
        return text
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return YAML(typ="safe", pure=True).load(text)  # which reads JSON too


def entries(path: Path) -> dict[str, bool]:
    """Return the names of the entries in an agent's file, and whether they are ours."""
    found: dict[str, bool] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict) and {"command", "cmd"} & value.keys():
            found[value.get("name", name)] = owns_bridge(value)
        elif isinstance(value, dict | list):
            for key, one in value.items() if isinstance(value, dict) else enumerate(value):
                walk(one, str(key))

    value = parsed(path)
    if isinstance(value, str):  # a script
        return {name: "litellmctl" in words for name, words in re.findall(r"(?m)^mcp add (\S+) (.*)", value)}
    walk(value, "")
    return found


def no_secret(home: Path, *results: Result) -> None:
    for result in results:
        assert KEY not in result + result.stderr
    assert not any(KEY.encode() in data for data in files(home).values())
    assert not any(KEY in path.read_text() for path in receipts_of(home))


# ---- every agent ----


@every_host
def test_writes_once_and_takes_back_byte_for_byte(
    run: Run, proxy: FakeProxy, home: Path, tool: str, of_agent: Path
) -> None:
    if sys.platform != "win32":
        of_agent.chmod(0o640)
    before = files(home)
    shown = run("export", tool, "--mcp", "--diff")
    assert files(home) == before
    assert THEIRS not in shown
    assert "litellm" in shown
    first = run("export", tool, "--mcp", "--write")
    written = files(home)
    assert f"Wrote {of_agent}" in first.stderr
    again = run("export", tool, "--mcp", "--write")
    assert "already up to date" in again.stderr
    assert files(home) == written
    assert run("export", tool, "--mcp", "--diff") == ""
    assert sorted(entries(of_agent).items()) == [("litellm", True), ("mine", False)]
    assert THEIRS in of_agent.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(of_agent.stat().st_mode) == 0o640
    no_secret(home, shown, first, again)
    run("export", tool, "--undo")
    assert files(home) == before
    assert receipts_of(home) == []
    assert proxy.requests == []


@every_host
def test_into_nothing_and_back(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    printed = run("export", tool, "--mcp")
    assert files(home) == {}
    assert "--write merges them" in printed.stderr
    run("export", tool, "--mcp", "--write")
    (path,) = (Path(name) for name in files(home))
    assert path.read_text() == f"{printed}\n" or path.read_text() == printed
    assert entries(path) == {"litellm": True}
    assert f"{tool}.000001.json" in {one.name for one in receipts_of(home)}
    run("export", tool, "--undo")
    assert files(home) == {}
    assert not path.parent.exists() or path.parent == home


@every_host
def test_entries_of_servers_replace_that_of_all_and_back(
    run: Run, proxy: FakeProxy, home: Path, tool: str, of_agent: Path
) -> None:
    offering(proxy, *TWO, rows=[server("lab"), server("stdio")])
    run("export", tool, "--mcp", "--write")
    one_for_all = files(home)
    run("export", tool, "--mcp", "--per-server", "--write")
    ours = {name for name, is_ours in entries(of_agent).items() if is_ours}
    assert {re.sub(r"\W|_", "-", name) for name in ours} == {"litellm-lab", "litellm-stdio"}
    assert entries(of_agent)["mine"] is False
    assert of_agent.read_text().count("--bare-names") == 2
    run("export", tool, "--mcp", "--per-server", "--server", "lab", "--write")
    assert len([name for name, is_ours in entries(of_agent).items() if is_ours]) == 1
    run("export", tool, "--mcp", "--write")
    assert parsed(of_agent) == parsed_of(one_for_all, of_agent)


def parsed_of(before: dict[str, bytes], path: Path) -> Any:
    copy = path.with_name(f"copy{path.name}")
    copy.write_bytes(before[str(path)])
    try:
        return parsed(copy)
    finally:
        copy.unlink()


@every_host
def test_another_name_replaces_ours_and_another_profile_does_not(
    run: Run, proxy: FakeProxy, home: Path, tool: str, env: dict[str, str]
) -> None:
    run("config", "set", "profiles.work.base_url", "https://llm.example.com")
    run("export", tool, "--mcp", "--write")
    (path,) = (Path(name) for name in files(home))
    run("export", tool, "--mcp", "--id", "proxy", "--write")
    assert entries(path) == {"proxy": True}
    run("export", tool, "--mcp", "--id", "work", "--profile", "work", "--write")
    assert entries(path) == {"proxy": True, "work": True}
    run("export", tool, "--mcp", "--id", "again", "--profile", "work", "--write")
    assert entries(path) == {"proxy": True, "again": True}


@every_host
def test_without_a_login_it_says_how_to_sign_in(run: Run, fake: FakeProxy, home: Path, tool: str) -> None:
    result = run("export", tool, "--mcp", "--write")
    assert "First:  litellmctl login\n" in result.stderr
    assert len(files(home)) == 1
    assert fake.requests == []


@every_host
def test_names_of_variables_with_a_key_are_warned_about(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    result = run("export", tool, "--mcp")
    title = HOSTS[tool].title
    if HOSTS[tool].hides_keys:
        said = f"{title} does not pass LITELLM_BASE_URL and LITELLM_API_KEY on to MCP servers: sign in with"
    else:
        said = f"{title} must be started with LITELLM_BASE_URL and LITELLM_API_KEY set, or sign in with"
    assert f"Warning: {said} litellmctl login\n" in result.stderr


@with_project
def test_a_projects_file_is_in_the_current_folder(
    run: Run, proxy: FakeProxy, home: Path, tool: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(project)
    run("export", tool, "--mcp", "--project", "--read-only", "--write")
    assert files(home) == {}
    (path,) = (path for path in project.rglob("*") if path.is_file())
    assert entries(path) == {"litellm": True}
    assert "--read-only" in path.read_text()
    assert "--profile" not in path.read_text()
    monkeypatch.chdir(elsewhere)
    run("export", tool, "--undo")
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("tool", [name for name in NAMES if name in HOST_NAMES])
def test_all_parts_are_one_write(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    proxy.models(row("gpt-4o", **FACTS), times=None)
    run("export", tool, "--write")
    models = files(home)
    result = run("export", tool, "--all", "--write")
    assert len(receipts_of(home)) == 2
    assert set(models) <= set(files(home))
    changed = [path for path, data in files(home).items() if models.get(path) != data]
    assert all(f"Wrote {path}" in result.stderr for path in changed)
    assert any(b'"serve"' in files(home)[path] or b"serve" in files(home)[path] for path in changed)
    run("export", tool, "--undo")
    assert files(home) == models
    run("export", tool, "--undo")
    assert files(home) == {}
    run("export", tool, "--all", "--write")
    assert len(receipts_of(home)) == 1
    run("export", tool, "--undo")
    assert files(home) == {}


# ---- what is in an entry ----


def claude(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / ".claude.json").read_text())["mcpServers"]
    return found


def test_the_command_runs_from_anywhere_and_finds_our_files(run: Run, proxy: FakeProxy, home: Path) -> None:
    run("export", "claude-code", "--mcp", "--write")
    entry = claude(home)["litellm"]
    assert [entry["command"], *entry["args"]] == [*own_words(), "mcp", "serve", "--profile", "default", *ROOM]
    assert entry["env"] == {"LITELLMCTL_CONFIG_DIR": str(home / "config"), "LITELLMCTL_CACHE_DIR": str(home / "cache")}
    bare = {"PATH": "/nowhere", **({"SYSTEMROOT": os.environ["SYSTEMROOT"]} if sys.platform == "win32" else {})}
    done = subprocess.run(
        [entry["command"], *entry["args"], "--help"], env=bare, cwd="/", capture_output=True, timeout=60, check=True
    )
    assert b"mcp serve" in done.stdout


def test_options_are_passed_on(run: Run, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, *TWO, rows=[server("lab", alias="l"), server("stdio")])
    words = ["--read-only", "--server", "l", "--server", "stdio", "--base-url", proxy.url, "--auth", "env"]
    run("export", "claude-code", "--mcp", *words, "--write")
    args = claude(home)["litellm"]["args"]
    tail = ["--profile", "default", "--base-url", proxy.url, "--auth", "env", "--read-only"]
    assert args[args.index("serve") + 1 :] == [*tail, "--server", "l", "--server", "stdio", *ROOM]


def test_only_lists_of_servers_are_requested(run: Run, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, *TWO)
    run("export", "codex", "--mcp", "--per-server", "--write")
    assert LIST in {request.path for request in proxy.requests}
    assert not any("model" in request.path for request in proxy.requests)


def test_servers_get_names_that_differ(run: Run, proxy: FakeProxy, home: Path) -> None:
    from tests.contract.tools import tool

    names = ["a b", "a/b", "a_b", "--all", "é", "x" * 300]
    offering(proxy, *(tool("t", server=name) for name in names))
    run("export", "claude-code", "--mcp", "--per-server", "--write")
    found = claude(home)
    assert len(found) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) for name in found)
    served = {one["args"][one["args"].index("--bare-names") - 1].removeprefix("--server=") for one in found.values()}
    assert served == set(names)


def test_a_server_that_no_command_can_name_is_skipped(run: Run, proxy: FakeProxy, home: Path) -> None:
    from tests.contract.tools import tool

    offering(proxy, tool("t", server="good"), tool("t", server="a\x1b[2Jb"), tool("t", server="c\nd"))
    result = run("export", "claude-code", "--mcp", "--per-server", "--write")
    assert list(claude(home)) == ["litellm-good"]
    assert "Warning: skipped a[2Jb, c d: a command cannot name it" in result.stderr


@every_host
def test_a_current_folder_that_is_gone_matters_to_project_only(
    run: Run, proxy: FakeProxy, home: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    def gone(_: type[Path]) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", classmethod(gone))
    assert "serve" in run("export", tool, "--mcp")
    if HOSTS[tool].has_project_file:
        result = run("export", tool, "--mcp", "--project", exit=2)
        assert "--project: the current folder no longer exists" in result.stderr


def test_a_server_that_is_not_there_is_refused(run: Run, proxy: FakeProxy, home: Path) -> None:
    offering(proxy, *TWO)
    result = run("export", "codex", "--mcp", "--server", "lob", "--json", "--write", exit=5)
    assert result.error["message"] == 'no MCP server "lob". Did you mean "lab"?'
    assert files(home) == {}


def test_a_server_that_cannot_be_checked_is_not(run: Run, home: Path) -> None:
    result = run("export", "claude-code", "--mcp", "--server", "github", "--write")
    assert "cannot check --server: " in result.stderr
    assert claude(home)["litellm"]["args"][-4:] == ["--server", "github", *ROOM]
    assert "Try:" not in result.stderr
    run("export", "claude-code", "--mcp", "--per-server", "--write", exit=4)


def test_no_tool_that_is_marked_as_read_only_is_a_warning(run: Run, proxy: FakeProxy, home: Path) -> None:
    from tests.contract.tools import tool

    reads = tool("look", server="good", annotations={"readOnlyHint": True})
    offering(proxy, reads, tool("t", server="lab"))
    assert "there will be no tools" not in run("export", "codex", "--mcp", "--read-only").stderr
    result = run("export", "codex", "--mcp", "--read-only", "--server", "lab", "--write")
    assert "there will be no tools: no MCP tool matches --read-only" in result.stderr
    assert (home / ".codex/config.toml").exists()


def test_a_key_without_servers_has_no_entries_of_its_own(run: Run, proxy: FakeProxy, home: Path) -> None:
    offering(proxy)
    result = run("export", "codex", "--mcp", "--per-server", "--write", "--json", exit=5)
    assert result.error["message"] == "this key has no MCP servers"


def test_mcp_that_is_off_is_not_exported(run: Run, proxy: FakeProxy, home: Path) -> None:
    run("config", "set", "mcp", "false")
    result = run("export", "codex", "--mcp", exit=2)
    assert "MCP tools are disabled" in result.stderr


# ---- what is the user's ----


def test_what_was_added_to_our_entry_stays_and_its_command_does_not(run: Run, proxy: FakeProxy, home: Path) -> None:
    theirs = {"command": "/old/litellmctl", "args": ["mcp", "serve"], "env": {"A": "b"}, "timeout": 5, "note": "mine"}
    path = home / ".claude.json"
    path.write_text(json.dumps({"mcpServers": {"litellm": theirs}}))
    run("export", "claude-code", "--mcp", "--write")
    entry = claude(home)["litellm"]
    assert (entry["timeout"], entry["note"], entry["command"]) == (5, "mine", own_words()[0])
    assert "A" not in entry["env"]


def test_another_entry_of_the_same_name_is_replaced_with_a_warning(run: Run, proxy: FakeProxy, home: Path) -> None:
    path = home / ".claude.json"
    path.write_text('{"mcpServers": {"litellm": {"type": "http", "url": "https://llm.example.com/mcp"}}}\n')
    before = path.read_text()
    result = run("export", "claude-code", "--mcp", "--write")
    assert f'this replaces another entry "litellm" in {path}: pass --id NAME to keep it' in result.stderr
    assert "url" not in claude(home)["litellm"]
    assert "this replaces" not in run("export", "claude-code", "--mcp", "--write").stderr
    run("export", "claude-code", "--undo")
    assert path.read_text() == before


def test_an_entry_with_fewer_tools_is_not_replaced_in_silence(run: Run, proxy: FakeProxy, home: Path) -> None:
    path = home / ".claude.json"
    by_hand = {"command": "litellmctl", "args": ["mcp", "serve", "--read-only"]}
    path.write_text(json.dumps({"mcpServers": {"proxy": by_hand}}))
    warning = f'this drops --read-only from the entry "proxy" in {path}'
    assert warning in run("export", "claude-code", "--mcp", "--diff").stderr
    assert warning not in run("export", "claude-code", "--mcp", "--read-only", "--diff").stderr


def test_undo_keeps_what_the_agent_wrote_since(run: Run, proxy: FakeProxy, home: Path) -> None:
    path = home / ".claude.json"
    theirs = {"type": "http", "url": "https://llm.example.com/mcp"}
    path.write_text(json.dumps({"numStartups": 1, "mcpServers": {"litellm": theirs, "own": {"command": "x"}}}))
    run("export", "claude-code", "--mcp", "--write")
    now = json.loads(path.read_text())
    now["numStartups"] = 2
    now["mcpServers"]["new"] = {"command": "y"}
    path.write_text(json.dumps(now, indent=2))
    result = run("export", "claude-code", "--undo")
    assert f"Removed the entries of --write from {path}, and kept what was edited since" in result.stderr
    servers = {"litellm": theirs, "own": {"command": "x"}, "new": {"command": "y"}}
    assert json.loads(path.read_text()) == {"numStartups": 2, "mcpServers": servers}
    assert receipts_of(home) == []


def test_undo_of_an_edited_file_that_was_not_there(run: Run, proxy: FakeProxy, home: Path) -> None:
    path = home / ".codex/config.toml"
    run("export", "codex", "--mcp", "--write")
    path.write_text(f'model = "gpt-5"\n\n{path.read_text()}\n[projects."/x"]\ntrust_level = "trusted"\n')
    run("export", "codex", "--undo")
    assert path.read_text() == 'model = "gpt-5"\n\n[projects."/x"]\ntrust_level = "trusted"\n'


@pytest.mark.parametrize("text", ["{", "\udcff"])
def test_undo_leaves_an_edited_file_that_cannot_be_read(run: Run, proxy: FakeProxy, home: Path, text: str) -> None:
    path = home / ".claude.json"
    run("export", "claude-code", "--mcp", "--write")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = run("export", "claude-code", "--undo", "--json", exit=5)
    assert result.error["message"] == f"cannot undo: {path} was edited since the last --write"
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")
    assert len(receipts_of(home)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("agent", ["zed", "crush"])
def test_a_folder_of_ours_whose_name_is_not_utf_8_is_refused(
    run: Run, proxy: FakeProxy, tmp_path: Path, agent: str
) -> None:
    folder = str(tmp_path / "c\udcff")
    result = run("export", agent, "--mcp", "--write", "--json", exit=2, LITELLMCTL_CONFIG_DIR=folder)
    assert result.error["message"].endswith("into the file of an agent: the path is not valid UTF-8")


def test_undo_refuses_where_models_were_edited(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt-4o", **FACTS))
    path = home / ".codex/config.toml"
    run("export", "codex", "--all", "--write")
    path.write_text(f"{path.read_text()}# mine\n")
    result = run("export", "codex", "--undo", "--json", exit=5)
    assert "was edited since the last --write" in result.error["message"]


def test_a_file_that_the_agent_writes_meanwhile_is_left(
    run: Run, proxy: FakeProxy, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / ".claude.json"
    path.write_text('{"a": 1}')
    plan: Callable[..., Any] = receipts.Receipts.plan

    def and_then(*args: Any) -> Any:
        planned = plan(*args)
        path.write_text('{"a": 2}')
        return planned

    monkeypatch.setattr(receipts.Receipts, "plan", and_then)
    result = run("export", "claude-code", "--mcp", "--write", exit=1)
    assert "another program has just changed it" in result.stderr
    assert path.read_text() == '{"a": 2}'


def test_a_projects_file_names_the_program_on_the_path(
    run: Run, proxy: FakeProxy, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bin"
    folder.mkdir()
    name = "litellmctl.exe" if sys.platform == "win32" else "litellmctl"
    shutil.copy(sys.executable, folder / name)
    for variable in ("LITELLMCTL_CONFIG_DIR", "LITELLMCTL_CACHE_DIR"):
        del env[variable]
    result = run("export", "claude-code", "--mcp", "--project", "--write", PATH=str(folder))
    assert "so that others can use the file" in result.stderr
    entry = json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["litellm"]
    assert entry == {"type": "stdio", "command": "litellmctl", "args": ["mcp", "serve", *ROOM]}
    other = run("export", "codex", "--mcp", "--project", PATH="/nowhere")
    assert "the entry has paths of this machine: do not commit the file" in other.stderr


# ---- options ----


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (["cursor"], "export sets up no models in Cursor, only MCP tools", "litellmctl export cursor --mcp"),
        (["cursor", "--write"], "export sets up no models in Cursor", "litellmctl export cursor --mcp --write"),
        (["aider", "--mcp"], "aider starts no MCP servers", "litellmctl export aider"),
        (["codex", "--mcp", "--all"], "use only one of --mcp, --all", "litellmctl export --help"),
        (["codex", "--mcp", "--models", "x"], "--models is about models, not MCP tools", "remove --models"),
        (["codex", "--mcp", "--serve"], "--serve is about models, not MCP tools", "remove --serve"),
        (["cursor", "--all", "--key-command", "x"], "--key-command is about models", "remove --key-command"),
        (["codex", "--server", "x"], "--server is about MCP tools", "add --mcp"),
        (["aider", "--all", "--read-only"], "--read-only is about MCP tools", "remove --read-only"),
        (["codex", "--project"], "--project is about MCP tools", "add --mcp"),
        (["codex", "--all", "--project"], "--project is for MCP tools alone", "remove --project"),
        (["claude-desktop", "--mcp", "--project"], "Claude Desktop reads no MCP servers of a project", "remove"),
        (["cursor", "--mcp", "--id", "a b"], '--id: "a b" is not a valid name', "pass --id litellm"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    run: Run, home: Path, words: list[str], message: str, remedy: str
) -> None:
    error = run("export", *words, "--json", exit=2).error
    assert message in error["message"]
    assert error["remedy"].startswith(remedy)
    assert files(home) == {}


def test_help_fits_a_terminal(run: Run) -> None:
    assert max(map(len, run("export", "--help", COLUMNS="80").splitlines())) <= 80


def test_no_two_agents_write_the_same_file(home: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if _OF_AGENTS.match(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    found = [one.mcp_path() for one in hosts().values()]
    assert len(set(found)) == len(found)
    assert all(one.name == name and one.title for name, one in hosts().items())
