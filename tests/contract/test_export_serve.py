"""`export --serve`: programs that read a key from a variable get the URL and the local key of `serve` instead."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shlex
import stat
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from litellmctl.programs.registry import exporters
from tests.conftest import Run, Start
from tests.contract.serving import MODELS, Served, lively
from tests.contract.test_export import FACTS, KEY, THEIRS, files
from tests.fake_proxy import FakeProxy, row

EXPORTERS = exporters()
# Zed's own store has the key, and none of its files.
IN_FILE = ["aider", "continue", "llm", "opencode"]
RELAYED = [*IN_FILE, "zed"]
OWN_COMMAND = sorted(EXPORTERS.keys() - {*RELAYED})
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes")
relayed = pytest.mark.parametrize("tool", RELAYED)
in_file = pytest.mark.parametrize("tool", IN_FILE)


@pytest.fixture(autouse=True)
def models(env: dict[str, str], proxy: FakeProxy) -> FakeProxy:
    for name in [*env]:
        if name in THEIRS or name.startswith(("CLAUDE_", "CRUSH_", "GOOSE_", "ZED_", "OPENCODE_")):
            del env[name]
    return proxy.models(row("gpt-4o", **FACTS), row("codex", mode="responses", **FACTS), times=None)


def local_key(home: Path, profile: str = "default") -> str:
    key = json.loads((home / "config/local-keys.json").read_text())["keys"][profile]
    assert isinstance(key, str)
    return key


def text_of(home: Path) -> str:
    return b"".join(files(home).values()).decode()


def base_url(text: str) -> str:
    """Return the URL of the relay in a program's settings."""
    (found,) = set(re.findall(r"http://127\.0\.0\.1:\d+", text))
    return str(found)


# ---- what is printed and written ----


@relayed
def test_prints_the_relays_url_and_masks_its_key(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    printed = run("export", tool, "--serve")
    assert 20_000 <= int(base_url(printed).rpartition(":")[2]) < 30_000
    assert proxy.url not in printed
    assert local_key(home) not in printed + printed.stderr
    assert ("sk-local-***" in printed) is (tool in IN_FILE)
    assert ("sk-local-*** stands for the local key, which --write writes." in printed.stderr) is (tool in IN_FILE)
    assert "LITELLM_API_KEY}" not in printed
    assert "First:  litellmctl serve --background\n" in printed.stderr
    unit = "launchd" if sys.platform == "darwin" else "systemd"
    assert f"To start the relay at login:  litellmctl serve --unit {unit}\n" in printed.stderr
    then = [line for line in printed.stderr.splitlines() if line.startswith("Then:  ")]
    assert len(then) == 1
    assert "litellmctl token" not in then[0]
    assert "litellmctl env" not in then[0]
    assert files(home) == {}


@relayed
def test_what_is_printed_is_still_of_its_form(run: Run, tool: str) -> None:
    printed = run("export", tool, "--serve")
    if tool == "aider":
        one, two = re.split(r"^# .*\n", printed, flags=re.MULTILINE)[1:]
        assert yaml.safe_load(one)["openai-api-key"] == "sk-local-***"
        json.loads(two)
    else:
        assert yaml.safe_load(printed)


@in_file
def test_writes_the_local_key_where_only_the_user_reads_it_and_takes_it_back(
    run: Run, proxy: FakeProxy, home: Path, tool: str
) -> None:
    first = run("export", tool, "--serve", "--diff")
    key = local_key(home)
    assert key not in first
    assert "********" in first
    assert files(home) == {}
    result = run("export", tool, "--serve", "--write")
    assert key in text_of(home)
    assert (proxy.url in text_of(home), KEY in text_of(home)) == (False, False)
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in files(home))
    assert key not in result.stderr
    assert "other users" not in result.stderr
    assert "already up to date" in run("export", tool, "--serve", "--write").stderr
    assert run("export", tool, "--serve", "--diff") == ""
    assert local_key(home) == key
    run("export", tool, "--undo")
    assert files(home) == {}


def test_no_file_of_zeds_has_a_key(run: Run, home: Path) -> None:
    result = run("export", "zed", "--serve", "--write", "--id", "work2")
    assert local_key(home) not in text_of(home)
    assert 'Then:  WORK_2_API_KEY="$(litellmctl serve --status --json | jq -r .api_key)" zed' in result.stderr


@in_file
def test_without_it_the_local_key_is_gone_again(run: Run, proxy: FakeProxy, home: Path, tool: str) -> None:
    run("export", tool, "--write")
    plain = files(home)
    run("export", tool, "--serve", "--write")
    key = local_key(home)
    diff = run("export", tool, "--diff")
    assert key not in diff
    run("export", tool, "--write")
    found = text_of(home)
    assert key not in found
    assert proxy.url in found
    assert "127.0.0.1:2" not in found.replace(proxy.url, "")
    if tool != "aider":  # whose key is now empty, so that it reads the variable
        assert files(home) == plain
    else:
        assert yaml.safe_load((home / ".aider.conf.yml").read_text())["openai-api-key"] == ""


def test_a_key_of_the_users_own_stays_in_aiders_file(run: Run, home: Path) -> None:
    path = home / ".aider.conf.yml"
    path.write_text("openai-api-key: sk-mine-0123456789\n")
    run("export", "aider", "--write")
    assert yaml.safe_load(path.read_text())["openai-api-key"] == "sk-mine-0123456789"
    run("export", "aider", "--serve", "--write")
    run("export", "aider", "--undo")
    run("export", "aider", "--undo")
    assert path.read_text() == "openai-api-key: sk-mine-0123456789\n"


@in_file
def test_the_models_of_the_user_and_of_another_provider_stay(run: Run, home: Path, tool: str) -> None:
    run("export", tool, "--serve", "--write", "--id", "work", "--models", "gpt-4o")
    before = text_of(home)
    run("export", tool, "--write")
    if tool != "aider":  # which has one OpenAI-compatible API
        assert local_key(home) in text_of(home)
    run("export", tool, "--undo")
    assert text_of(home) == before


@posix
@in_file
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o622])
def test_a_file_with_the_local_key_is_the_users_alone(run: Run, home: Path, tool: str, mode: int) -> None:
    path = EXPORTERS[tool].path()
    path = home / path.relative_to(Path.home())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[]\n" if tool == "llm" else "{}\n")
    path.chmod(mode)
    assert "other users" not in run("export", tool, "--serve", "--write").stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "other users" not in run("export", tool, "--write").stderr


@posix
@in_file
@pytest.mark.parametrize(("mode", "is_exposed"), [(0o600, False), (0o644, True), (0o640, True), (0o622, False)])
def test_others_who_were_let_in_since_are_named(run: Run, home: Path, tool: str, mode: int, is_exposed: bool) -> None:
    run("export", tool, "--serve", "--write")
    path = home / EXPORTERS[tool].path().relative_to(Path.home())
    path.chmod(mode)
    warning = f"Warning: other users can read {path}, which has the local key: chmod 600 {shlex.quote(str(path))}\n"
    assert (warning in run("export", tool, "--serve", "--write").stderr) is is_exposed
    assert stat.S_IMODE(path.stat().st_mode) == mode


@in_file
def test_a_receipt_with_the_key_of_an_earlier_write_is_the_users_own(run: Run, home: Path, tool: str) -> None:
    run("export", tool, "--serve", "--write")
    run("export", tool, "--write")
    held = [
        path
        for path in (home / "config/exports").glob("*.json")
        if any(
            local_key(home).encode() in base64.b64decode(one)
            for one in re.findall(rb'"before": "([^"]*)"', path.read_bytes())
        )
    ]
    assert held
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in held)


# ---- which relay ----


def test_each_profile_has_its_own_relay(run: Run, proxy: FakeProxy, home: Path, env: dict[str, str]) -> None:
    run("config", "set", "profiles.work.base_url", proxy.url)
    run("config", "set", "profiles.work.api_key", "$LITELLM_API_KEY")
    default, work = run("export", "opencode", "--serve"), run("export", "opencode", "--serve", "--profile", "work")
    assert base_url(default) != base_url(work)
    assert local_key(home) != local_key(home, "work")
    assert "First:  litellmctl serve --background --profile work\n" in work.stderr
    assert base_url(run("export", "aider", "--serve")) == base_url(default)


@pytest.fixture
def relay(run: Run, start: Start, proxy: FakeProxy) -> Any:
    """Start a relay, and return what it prints once it listens."""
    pytest.importorskip("aiohttp")
    lively(proxy)
    proxy.on(MODELS, {"data": []}, times=None)

    def relay(*words: str) -> Served:
        process = start("serve", "--json", *words)
        assert process.stdout is not None
        printed = process.stdout.readline()
        assert printed, process.communicate(timeout=30)[1]
        return Served(**json.loads(printed), process=process)

    return relay


@in_file
def test_a_program_reaches_the_proxy_with_what_is_in_its_file(
    run: Run, proxy: FakeProxy, home: Path, relay: Any, tool: str
) -> None:
    served = relay()
    result = run("export", tool, "--serve", "--write")
    assert "First:" not in result.stderr
    text = text_of(home)
    assert base_url(text) == served.base_url
    key = re.findall(r"sk-local-[\w-]{43}", text)[0]
    # llm sends a key of its own beside it, where there is none.
    headers = (
        {"x-api-key": key, "Authorization": "Bearer DUMMY_KEY"} if tool == "llm" else {"Authorization": f"Bearer {key}"}
    )
    asked = urllib.request.Request(f"{served.base_url}/v1/models", headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30) as answer:
        assert json.load(answer) == {"data": []}
    (request,) = proxy.requests_for(MODELS)
    assert {name.lower(): value for name, value in request.headers.items()}["authorization"] == f"Bearer {KEY}"


def test_a_relay_on_another_port_is_said(run: Run, relay: Any) -> None:
    served = relay("--port", "0")
    result = run("export", "opencode", "--serve")
    warning = f"the relay runs on {served.base_url}, and these settings are for {base_url(result)}: omit its --port"
    assert warning in result.stderr


@pytest.mark.skipif(importlib.util.find_spec("aiohttp") is None, reason="no aiohttp to hide")
def test_needs_no_extra(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who exports need not be the one who serves."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    run("export", "opencode", "--serve", "--write")
    assert local_key(home) in text_of(home)


# ---- what is refused ----


@pytest.mark.parametrize("tool", OWN_COMMAND)
@pytest.mark.parametrize("mode", [[], ["--diff"], ["--write"]])
def test_a_program_that_runs_a_command_needs_no_relay(
    run: Run, home: Path, proxy: FakeProxy, tool: str, mode: list[str]
) -> None:
    error = run("export", tool, "--serve", *mode, "--json", exit=2).error
    assert error["code"] == "usage"
    assert error["message"] == (
        f"--serve: {EXPORTERS[tool].title} needs no relay, since it runs litellmctl token for the key"
    )
    assert error["remedy"] == " ".join(["litellmctl export", tool, *mode])
    assert (files(home), (home / "config").exists(), proxy.requests) == ({}, False, [])


def test_a_relay_needs_no_command(run: Run, home: Path) -> None:
    error = run("export", "opencode", "--serve", "--key-command", "op read x", "--json", exit=2).error
    assert error["message"] == "use only one of --serve, --key-command"


def test_undo_is_the_same_with_it(run: Run, home: Path) -> None:
    run("export", "opencode", "--serve", "--write")
    run("export", "opencode", "--serve", "--undo")
    assert files(home) == {}


@posix
def test_a_key_file_that_cannot_be_read_is_an_error(run: Run, home: Path) -> None:
    run("export", "opencode", "--serve")
    (home / "config/local-keys.json").write_text("{")
    error = run("export", "opencode", "--serve", "--write", "--json", exit=2).error
    assert str(home / "config/local-keys.json") in error["message"]
    assert files(home) == {}
