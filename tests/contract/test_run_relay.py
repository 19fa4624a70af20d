"""`run` through a relay: by default where the key would expire, and what a program without one is warned of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run, Start
from tests.contract.test_run import KEY, SECONDS, posix
from tests.fake_proxy import FakeProxy, row
from tests.logins import OLD, Files
from tests.recorder import WITH_FILED, MakeRecorder
from tests.server import listens

# It asks the proxy that it was given for models, prints what it got, and waits for a line if it is to.
_CODE = """\
import os, sys, urllib.request
url, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(request, timeout=20).read().decode(), url, key, flush=True)
sys.stdin.readline()
"""
ASKING = [sys.executable, "-c", _CODE]
MODELS = {"data": [{"id": "gpt-4o"}]}


@pytest.fixture
def signed_in(fake: FakeProxy, files: Files) -> FakeProxy:
    """A proxy with a stored login whose token is renewed."""
    files.keep(fake.url, left=86000)
    return fake


def without_aiohttp(folder: Path) -> dict[str, str]:
    """Return variables with which Python finds no aiohttp."""
    code = "import sys; sys.modules['aiohttp'] = None\n"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.getcwd()])}


def test_a_token_that_is_renewed_reaches_a_program_through_a_relay(start: Start, signed_in: FakeProxy) -> None:
    signed_in.on("/v1/models", MODELS)
    process = start("run", *ASKING)
    assert process.stdout
    answer, url, key = process.stdout.readline().rsplit(" ", 2)
    assert json.loads(answer) == MODELS
    assert url.startswith("http://127.0.0.1:")
    assert not url.startswith(signed_in.url)
    assert key.startswith("sk-local-")
    assert signed_in.requests_for("/v1/models")[0].headers["Authorization"] == f"Bearer {OLD}"
    assert listens(url.removesuffix("/v1"))
    _, stderr = process.communicate("\n", timeout=SECONDS)
    assert (process.returncode, stderr) == (0, "")
    assert not listens(url.removesuffix("/v1"))


def test_a_relay_prints_nothing_while_the_program_runs(run_process: Run, signed_in: FakeProxy, files: Files) -> None:
    files.keep(signed_in.url, left=20000)
    signed_in.on("/v1/models", {"error": {"message": "expired", "code": "401"}}, status=401)
    grant = {"access_token": "litellm_login_new-0123456789", "token_type": "Bearer", "expires_in": 86400}
    signed_in.on("/token", {**grant, "refresh_token": "llm_srefresh_new-0123456789"}, method="POST")
    signed_in.on("/v1/models", MODELS)
    result = run_process("-v", "run", *ASKING)
    assert json.loads(result.rsplit(" ", 2)[0]) == MODELS
    assert result.stderr == ""  # also no trace of the request for a new token: the program may draw on the terminal


def test_litellmctl_in_it_still_uses_the_login(run_process: Run, signed_in: FakeProxy) -> None:
    found = run_process("run", "--serve", "litellmctl", "token", "--json").json
    assert (found["base_url"], found["token"]) == (signed_in.url, OLD)


@pytest.mark.parametrize("profile", ["default", "work"])
def test_litellmctl_in_it_uses_the_relay_where_the_key_is_in_a_variable(
    run_process: Run, proxy: FakeProxy, env: dict[str, str], profile: str
) -> None:
    if profile == "work":
        run_process("config", "set", "profiles.work.base_url", proxy.url)
    env["LITELLM_HEADERS"] = '{"x-team": "blue"}'
    proxy.models(row("gpt-4o"))
    found = run_process("--profile", profile, "run", "--serve", "litellmctl", "models", "--refresh", "--json").json
    assert [model["id"] for model in found] == ["gpt-4o"]
    (request,) = proxy.requests_for("/model/info")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["x-team"] == "blue"


def test_a_fixed_key_needs_no_relay_but_can_have_one(run_process: Run, proxy: FakeProxy, record: MakeRecorder) -> None:
    agent = record("agent")
    run_process("run", "agent")
    assert agent.environment["OPENAI_BASE_URL"] == f"{proxy.url}/v1"
    run_process("run", "--serve", "agent")
    assert agent.environment["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    assert agent.environment["OPENAI_BASE_URL"] != f"{proxy.url}/v1"
    assert not [name for name, value in agent.environment.items() if KEY in value]


def test_headers_of_the_user_are_sent_by_a_relay(
    run_process: Run, proxy: FakeProxy, env: dict[str, str], record: MakeRecorder
) -> None:
    record("agent")
    env["LITELLM_HEADERS"] = '{"x-team": "blue"}'
    proxy.on("/v1/models", MODELS)
    run_process("run", *ASKING)
    assert proxy.requests[0].headers["x-team"] == "blue"
    result = run_process("run", "--no-serve", "agent")
    assert result.stderr == "Warning: agent does not send the header x-team\n"


def test_a_program_that_runs_a_command_needs_no_relay(
    env: dict[str, str], signed_in: FakeProxy, record: MakeRecorder
) -> None:
    choosy = record("choosy")
    for words, is_relayed in ((["choosy", "-h"], False), (["--subscription", "choosy", "-h"], True)):
        subprocess.run(
            [sys.executable, "-c", WITH_FILED, "run", *words], env=env, capture_output=True, timeout=SECONDS, check=True
        )
        assert (choosy.environment["KEY_COMMAND"] == "") is is_relayed


def test_no_relay_is_started_where_none_is_wanted(run_process: Run, signed_in: FakeProxy, record: MakeRecorder) -> None:
    agent = record("agent")
    stderr = run_process("run", "--no-serve", "agent").stderr
    assert stderr == "Warning: agent cannot refresh its key, which expires in 23 hours\n"
    assert agent.environment["LITELLM_API_KEY"] == OLD


def test_without_the_extra_a_warning_says_when_the_key_expires_and_how_to_get_it(
    run_process: Run, signed_in: FakeProxy, record: MakeRecorder, tmp_path: Path
) -> None:
    agent = record("agent")
    absent = without_aiohttp(tmp_path / "packages")
    stderr = run_process("run", "agent", **absent).stderr
    install = f"{sys.executable} -m pip install 'litellmctl[serve]'"
    reason = "agent cannot refresh its key, which expires in 23 hours"
    assert stderr == f"Warning: {reason}; a relay does that: {install}\n"
    assert agent.environment["LITELLM_API_KEY"] == OLD
    error = run_process("run", "--json", "--serve", "agent", exit=2, **absent).error
    assert (error["message"], error["remedy"]) == ("--serve needs aiohttp, which is not installed", install)


def test_offline_no_relay_is_started(run_process: Run, signed_in: FakeProxy, record: MakeRecorder) -> None:
    agent = record("agent")
    run_process("--offline", "run", "-q", "agent")
    assert agent.environment["LITELLM_BASE_URL"] == signed_in.url
    assert run_process("--offline", "run", "--json", "--serve", "agent", exit=3).error["code"] == "offline"


def test_a_dry_run_starts_no_relay(run_process: Run, signed_in: FakeProxy, record: MakeRecorder) -> None:
    record("agent")
    found = run_process("run", "--dry-run", "--json", "agent").json
    assert found["relay"] is True
    assert found["variables"]["OPENAI_BASE_URL"] == "http://127.0.0.1:PORT/v1"
    assert found["variables"]["OPENAI_API_KEY"] == "***"


@posix
def test_a_signal_while_the_relay_starts_ends_it_before_the_program_starts(
    env: dict[str, str], proxy: FakeProxy, record: MakeRecorder
) -> None:
    late = record("late")
    words = [sys.executable, "-c", WITH_FILED, "run", "--serve", "late"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + 15, "", "")
    assert not late.has_started()


@posix
def test_a_relay_ends_with_a_program_that_is_killed(start: Start, signed_in: FakeProxy) -> None:
    signed_in.on("/v1/models", MODELS)
    process = start("run", *ASKING)
    assert process.stdout
    url = process.stdout.readline().rsplit(" ", 2)[1]
    process.terminate()
    assert process.wait(SECONDS) == 128 + 15
    assert not listens(url.removesuffix("/v1"))
