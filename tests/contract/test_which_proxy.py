"""Which proxy is meant where no credential tells: every command gives the same answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result, Run
from tests.contract.signing_in import KEY, accept, sign_in
from tests.fake_proxy import FakeProxy

# Nothing listens at these.
OTHER, THIRD = "http://127.0.0.1:9", "http://127.0.0.1:11"


def by_models(run: Callable[..., Result]) -> str:
    """The message of `models`, which has no credential, names the proxy."""
    return str(run("models", "--json", exit=4).error["message"]).removeprefix("no credential for ")


def by_whoami(run: Callable[..., Result]) -> str:
    return str(run("whoami", "--json", exit=4).json["base_url"])


def by_doctor(run: Callable[..., Result]) -> str:
    rows = run("doctor", "--json", "--offline", exit=None).json
    (detail,) = [row["detail"] for row in rows if row["check"] == "configuration"]
    return str(detail).split(" at ")[1].split(" ")[0]


def by_login(run: Callable[..., Result]) -> str:
    """The proxy that a login asks is the one that it signs in to, or cannot reach."""
    said = run("login", "--with-token", "--timeout", "5", exit=None, stdin=KEY).stderr
    (url,) = re.findall(r"(?:✓ Signed in to|Error: cannot reach) (http://[^/: ]+:\d+)", said)
    return str(url)


COMMANDS = [by_models, by_whoami, by_doctor, by_login]


def asking(run: Run, *words: str, **variables: str) -> Callable[..., Result]:
    """Return `run` for one world: with these options and variables."""
    return lambda *arguments, **more: run(*arguments, *words, **variables, **more)


def sign_out(run: Run, fake: FakeProxy, *arguments: str) -> None:
    """Sign in and out, which leaves the URL."""
    accept(fake)
    sign_in(run, fake, *arguments)
    run("logout", *arguments)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("config", "words", "variables", "meant"),
    [
        pytest.param({}, [], {}, None, id="where the profile was signed in"),
        pytest.param({}, [], {"LITELLM_BASE_URL": OTHER}, OTHER, id="a variable"),
        pytest.param({}, [], {"LITELLM_PROXY_URL": OTHER}, OTHER, id="the other variable"),
        pytest.param(
            {}, [], {"LITELLM_BASE_URL": OTHER, "LITELLM_PROXY_URL": THIRD}, OTHER, id="the first variable of two"
        ),
        pytest.param({"base_url": OTHER}, [], {}, OTHER, id="the profile's own"),
        pytest.param({"base_url": OTHER}, [], {"LITELLM_BASE_URL": THIRD}, OTHER, id="the profile's before a variable"),
        pytest.param({}, ["--base-url", OTHER], {}, OTHER, id="--base-url"),
        pytest.param(
            {"base_url": THIRD}, ["--base-url", OTHER], {"LITELLM_BASE_URL": THIRD}, OTHER, id="--base-url before all"
        ),
    ],
)
def test_after_a_logout_all_commands_mean_the_same_proxy(
    run: Run,
    fake: FakeProxy,
    home: Path,
    command: Callable[..., str],
    config: dict[str, str],
    words: list[str],
    variables: dict[str, str],
    meant: str | None,
) -> None:
    sign_out(run, fake)
    for name, value in config.items():
        run("config", "set", name, value)
    assert command(asking(run, *words, **variables)) == (meant or fake.url)


def test_a_login_is_never_at_a_relay_that_the_variables_name(run: Run, fake: FakeProxy) -> None:
    """The relay's error says `litellmctl login`, in a shell with what `serve --env` prints."""
    sign_out(run, fake)
    assert by_login(asking(run, LITELLM_BASE_URL=OTHER, LITELLM_API_KEY="sk-local-1")) == fake.url


@pytest.mark.parametrize("command", COMMANDS)
def test_of_another_profile_the_variables_say_nothing(
    run: Run, fake: FakeProxy, home: Path, command: Callable[..., str]
) -> None:
    sign_out(run, fake, "--profile", "work")
    run("config", "unset", "profiles.work.base_url")
    run("config", "set", "profiles.work.mcp", "true")
    ask = asking(run, "--profile", "work", LITELLM_BASE_URL=OTHER)
    assert command(ask) == fake.url


@pytest.mark.parametrize("command", [by_whoami, by_doctor, by_login])
def test_a_login_that_has_expired_still_says_which_proxy(
    run: Run, fake: FakeProxy, home: Path, command: Callable[..., str]
) -> None:
    """The remedy says `litellmctl login`: it must not sign in elsewhere."""
    accept(fake)
    sign_in(run, fake)
    for name in ("logins", "secrets"):
        path = home / f"config/{name}.json"
        content = json.loads(path.read_text())
        for entry in content[name].values():
            entry["expires_at"] = 1000.0
        path.write_text(json.dumps(content))
    run("config", "set", "base_url", OTHER)
    assert run("token", exit=4).stderr.endswith("Try:   litellmctl login\n")
    assert command(asking(run, LITELLM_BASE_URL=THIRD)) == fake.url


def test_a_key_without_a_url_is_not_meant_for_where_one_was_signed_in(run: Run, fake: FakeProxy) -> None:
    sign_out(run, fake)
    asked = len(fake.requests)
    error = run("models", "--json", exit=2, LITELLM_API_KEY=KEY).error
    assert "LITELLM_API_KEY is set" in error["message"]
    assert len(fake.requests) == asked
