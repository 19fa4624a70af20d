"""Once signed in: when the stored login is used, when its end is announced, and what it is never replaced by."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.contract.signing_in import HOUR, KEY, MADE, accept, at, expire, make_key, sign_in
from tests.fake_proxy import FakeProxy, error
from tests.logins import json_web_token


def test_a_stored_login_goes_before_the_variables_and_says_so_to_a_person_only(
    run: Run, fake: FakeProxy, env: dict[str, str]
) -> None:
    accept(fake)
    sign_in(run, fake)
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env"})
    assert run("models", "--refresh").stderr == ""
    assert fake.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
    said = run("models", terminal=True, NO_COLOR="1").stderr
    assert " ".join(said.split()).removesuffix(" [A") == (
        "Warning: LITELLM_API_KEY is ignored: the stored login of profile default is used "
        "(pass --auth env to use the variable)"
    )
    for command in (["token"], ["env"], ["token", "--json"]):
        assert run(*command, terminal=True).stderr == ""
    run("models", "--refresh", "--auth", "env")
    assert fake.requests[-1].headers["Authorization"] == "Bearer sk-env"
    assert run("token", "--auth", "env") == "sk-env\n"
    assert run("token", LITELLMCTL_AUTH="env") == "sk-env\n"
    assert run("token", "--auth", "stored", LITELLMCTL_AUTH="env") == f"{KEY}\n"


def test_a_key_that_the_proxy_does_not_take_any_more_names_login(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    run("config", "set", "profiles.work.base_url", fake.url)
    sign_in(run, fake)
    sign_in(run, fake, "--profile", "work")
    fake._routes.clear()
    for path in ("/model/info", "/v1/models"):
        fake.on(path, times=None, **error(401, "Expired Key", "expired_key"))
    for profile, command in (("default", "litellmctl login"), ("work", "litellmctl login --profile work")):
        result = run("models", "--refresh", "--profile", profile, "--json", exit=4, LITELLM_API_KEY="sk-env")
        assert (result.error["code"], result.error["remedy"]) == ("auth_failed", command)
    assert {request.headers["Authorization"] for request in fake.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("profile", ["default", "work"])
@pytest.mark.parametrize("kind", ["api_key", "sso"])
def test_a_login_that_has_expired_is_exit_4_and_never_the_next_credential(
    run: Run, fake: FakeProxy, home: Path, profile: str, kind: str
) -> None:
    accept(fake, info={"expires": at(time.time() + HOUR)})
    token = KEY if kind == "api_key" else json_web_token(exp=int(time.time()) + HOUR)
    sign_in(run, fake, "--profile", profile, key=token)
    expire(home)
    asked = len(fake.requests)
    command = " ".join(
        ["litellmctl login", *(["--sso"] if kind == "sso" else []), *([f"--profile {profile}"] * (profile == "work"))]
    )
    variables = {"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env", "LITELLMCTL_PROFILE": profile}
    for words in (["token"], ["env"], ["models", "--refresh"], ["refresh"], ["whoami"]):
        result = run(*words, "--json", exit=4, **variables)
        assert result.error["code"] == "auth_required"
        assert result.error["remedy"] == command
        assert "has expired" in result.error["message"]
    assert len(fake.requests) == asked
    assert run("token", "--auth", "env", "--profile", "default", **variables) == "sk-env\n"


@pytest.mark.parametrize(("left", "said"), [(23 * HOUR, 1), (25 * HOUR, 0), (None, 0)])
def test_that_a_virtual_key_ends_within_a_day_is_said_once_and_never_by_token_and_env(
    run: Run, fake: FakeProxy, left: int | None, said: int
) -> None:
    ends = None if left is None else at(time.time() + left + 30)
    make_key(fake, body={"key": MADE, "expires": ends})
    sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u-1"))
    note = "the stored login of profile default expires in 23 hours: litellmctl login"
    result = run("models", "--refresh")
    assert result.stderr.count(note) == said
    assert "ends in" not in result
    assert (run("token").stderr, run("env").stderr) == ("", "")
    assert run("models", "--refresh", "--quiet").stderr == ""


def test_that_a_virtual_key_ends_within_a_day_is_said_with_cached_models_too(run: Run, fake: FakeProxy) -> None:
    make_key(fake, body={"key": MADE, "expires": at(time.time() + HOUR)})
    sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u-1"))
    asked = len(fake.requests)
    assert run("models").stderr.count("the stored login of profile default expires in") == 1
    assert len(fake.requests) == asked


def test_the_end_of_another_kind_of_login_is_not_announced(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake, key=json_web_token(exp=int(time.time()) + HOUR))
    assert "ends in" not in run("models", "--refresh").stderr


def test_a_login_whose_secret_is_gone_is_an_error_and_never_the_next_credential(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    sign_in(run, fake)
    (home / "config/secrets.json").unlink()
    asked = len(fake.requests)
    for words in (["token"], ["env"], ["models", "--refresh"], ["whoami"]):
        result = run(*words, "--json", exit=1, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-env")
        assert "is no longer in the file" in result.error["message"]
        assert result.error["remedy"] == "litellmctl login"
    assert len(fake.requests) == asked


def test_a_login_in_a_keyring_that_is_switched_off_is_exit_1_and_names_storage_file(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    sign_in(run, fake)
    path = home / "config/logins.json"
    path.write_text(path.read_text().replace('"storage": "file"', '"storage": "keyring"'))
    result = run("token", "--json", exit=1, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-env")
    assert result.error["code"] == "keyring"
    assert "--storage file" in result.error["remedy"]
