"""Variables for a proxy that lose: every command names them once to a person, and no program ever reads of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Result, Run
from tests.contract.signing_in import KEY, expire, sign_in
from tests.contract.test_doctor import HUB, healthy
from tests.contract.tools import LIST, SERVERS
from tests.fake_proxy import FakeProxy, row

OTHER = "http://127.0.0.1:9"
SENTENCE = (
    "Warning: LITELLM_API_KEY is ignored: the stored login of profile default is used "
    "(pass --auth env to use the variable)"
)


@pytest.fixture
def signed_in(run: Run, fake: FakeProxy, env: dict[str, str]) -> FakeProxy:
    """A proxy with a login, and a variable with another key."""
    healthy(fake)
    for path in ("/key/info", "/user/info"):
        fake.on(path, {}, times=None)
    sign_in(run, fake)
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env-0123456789"})
    return fake


def said(result: Result) -> str:
    """What was said on stderr, unfolded and without what a progress line leaves."""
    return " ".join(result.stderr.replace("\r\x1b[K", "\n").split())


COMMANDS = [
    "models",
    "models --refresh",
    "models show gpt",
    "refresh",
    "mcp list",
    "mcp servers",
    "skills list",
    "export codex",
    "api /v1/models",
]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_names_them_once_on_a_terminal_only(run: Run, signed_in: FakeProxy, words: str) -> None:
    healthy(signed_in)
    for _ in range(2):  # asked for, and from a cache
        assert said(run(*words.split(), terminal=True, NO_COLOR="1", COLUMNS="300")).count(SENTENCE) == 1
    assert "ignored" not in run(*words.split()).stderr
    assert "ignored" not in run(*words.split(), "--auth", "stored", terminal=True).stderr
    assert "ignored" not in run(*words.split(), terminal=True, LITELLMCTL_AUTH="stored").stderr
    assert "ignored" not in run(*words.split(), "-q", terminal=True).stderr


@pytest.mark.parametrize(
    "words", ["token", "token --json", "env", "env fish", "prompt-section", "config list", "config get base_url"]
)
def test_what_programs_read_never_names_them(run: Run, signed_in: FakeProxy, words: str) -> None:
    assert "ignored" not in run(*words.split(), terminal=True).stderr


@pytest.mark.parametrize("words", ["whoami", "doctor"])
@pytest.mark.usefixtures("signed_in")
def test_reports_name_them_once_in_their_data(run: Run, words: str) -> None:
    for terminal in (False, True):
        result = run(words, "--json", terminal=terminal)
        assert result.count("LITELLM_API_KEY is ignored") + result.count('"LITELLM_API_KEY"') == 1
        assert "ignored" not in result.stderr
    shown = run(words, terminal=True, NO_COLOR="1")
    assert "ignored" not in shown.stderr
    assert shown.count("ignored") == 1


def test_after_eval_of_env_nothing_is_ignored(run: Run, signed_in: FakeProxy, env: dict[str, str]) -> None:
    env.update(run("env", "--json").json)
    assert env["LITELLM_API_KEY"] == KEY
    assert "ignored" not in run("models", "--refresh", terminal=True).stderr
    assert run("whoami", "--json").json["shadowed"] == []


def test_a_login_that_has_expired_names_what_may_have_been_meant(run: Run, signed_in: FakeProxy, home: Path) -> None:
    expire(home)
    assert SENTENCE in said(run("mcp", "servers", terminal=True, NO_COLOR="1", exit=4))


@pytest.mark.parametrize("chosen", ["--profile", "LITELLMCTL_PROFILE", "default_profile"])
def test_another_profile_than_that_of_the_variables(
    run: Run, fake: FakeProxy, env: dict[str, str], chosen: str
) -> None:
    fake.models(row("gpt"), times=None)
    env.update({"WORK_KEY": "sk-work", "LITELLM_BASE_URL": OTHER, "LITELLM_API_KEY": "sk-env"})
    run("config", "set", "profiles.work.base_url", fake.url)
    run("config", "set", "profiles.work.api_key", "$WORK_KEY")
    words = ["models", "--refresh"]
    if chosen == "--profile":
        words += ["--profile", "work"]
    elif chosen == "LITELLMCTL_PROFILE":
        env[chosen] = "work"
    else:
        run("config", "set", "default_profile", "work")
    assert said(run(*words, terminal=True, NO_COLOR="1")).startswith(
        "Warning: LITELLM_BASE_URL and LITELLM_API_KEY are ignored: profiles.work.api_key is used "
        "(pass --profile default --auth env to use LITELLM_API_KEY)"
    )
    assert fake.requests[-1].headers["Authorization"] == "Bearer sk-work"


def test_no_command_runs_and_no_keyring_is_opened_to_compare(
    run: Run, fake: FakeProxy, env: dict[str, str], tmp_path: Path
) -> None:
    fake.models(row("gpt"))
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", f"!sh -c 'echo x >> {tmp_path}/ran; echo sk-a'")
    run("models")
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-a"})
    assert "LITELLM_API_KEY is ignored" in run("models", terminal=True).stderr
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_header_that_is_not_sent_is_said_once(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy)
    run("config", "set", "base_url", proxy.url)
    run("config", "set", "api_key", "$LITELLM_API_KEY")
    run("config", "set", "headers.Authorization", "evil")
    assert run("refresh").stderr.count("header Authorization is ignored") == 1
    assert {HUB, LIST, SERVERS} & set(proxy.asked)
    assert run("doctor").stderr.count("header Authorization is ignored") == 1
