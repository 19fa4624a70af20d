"""The environment of a program: what is set, what goes, and what stays because the credential is from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellmctl.auth.login_file import LoginFile
from litellmctl.connection import Connection
from litellmctl.launch.environment import changes
from litellmctl.options import Options
from litellmctl.programs.program import Launch, Provider
from litellmctl.settings.config import Profile
from tests.unit.test_connection import Said

URL, RELAY = "https://llm.example.com", "http://127.0.0.1:20000"


def connection(
    folder: Path, *, profile: str = "default", values: dict[str, Any] | None = None, **options: Any
) -> Connection:
    return Connection(Profile(profile, values or {}), Options().replaced(**options), LoginFile(folder), Said())


def provider(url: str = URL) -> Provider:
    return Provider("litellm", "LiteLLM", url, (), (), key="sk-now")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("LITELLM_BASE_URL", URL)
    monkeypatch.setenv("LITELLM_API_KEY", "sk-then")
    return monkeypatch


def test_a_variable_that_is_unset_is_one_that_is_set(tmp_path: Path, variables: pytest.MonkeyPatch) -> None:
    variables.setenv("OLD", "x")
    found = changes(connection(tmp_path), provider(), Launch(unset=["OLD", "NEVER"]), relayed=False)
    assert found.unset == ["OLD"]
    assert found.applied({"OLD": "x", "HOME": "/h"}) == {"HOME": "/h", **found.set}


def test_what_a_launch_sets_is_not_unset(tmp_path: Path, variables: pytest.MonkeyPatch) -> None:
    launch = Launch(variables={"LITELLM_PROXY_URL": "x"}, unset=["LITELLM_PROXY_URL"])
    variables.setenv("LITELLM_PROXY_URL", "https://other.example.com")
    found = changes(connection(tmp_path), provider(), launch, relayed=False)
    assert found.set["LITELLM_PROXY_URL"] == "x"
    assert found.unset == []


def test_the_helper_stays_where_the_key_is_from_it_and_goes_behind_a_relay(
    tmp_path: Path, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("LITELLM_API_KEY_HELPER", "print-key")
    variables.setenv("LITELLM_HEADERS", '{"x-team": "blue"}')
    direct = changes(connection(tmp_path), provider(), Launch(), relayed=False)
    assert direct.unset == ["LITELLM_API_KEY"]
    assert direct.set == {"LITELLM_BASE_URL": URL, "LITELLMCTL_PROFILE": "default"}
    relayed = changes(connection(tmp_path), provider(RELAY), Launch(), relayed=True)
    assert relayed.unset == ["LITELLM_API_KEY_HELPER", "LITELLM_HEADERS"]
    assert relayed.set == {
        "LITELLM_BASE_URL": RELAY,
        "LITELLM_API_KEY": "sk-now",
        "LITELLMCTL_PROFILE": "default",
        "LITELLMCTL_AUTH": "env",
    }


def test_a_profile_of_its_own_keeps_no_variable(tmp_path: Path, variables: pytest.MonkeyPatch) -> None:
    own = connection(tmp_path, profile="work", values={"base_url": URL, "api_key": "sk-own"})
    found = changes(own, provider(), Launch(), relayed=False)
    assert found.set == {"LITELLMCTL_PROFILE": "work"}
    assert found.unset == ["LITELLM_BASE_URL", "LITELLM_API_KEY"]


def test_options_of_this_run_hold_in_the_program(tmp_path: Path, variables: pytest.MonkeyPatch) -> None:
    variables.setenv("LITELLM_BASE_URL", "http://llm.example.com")
    found = changes(connection(tmp_path, auth="env", allow_insecure_http=True), provider(), Launch(), relayed=False)
    assert found.set["LITELLMCTL_AUTH"] == "env"
    assert found.set["LITELLMCTL_ALLOW_INSECURE_HTTP"] == "1"


@pytest.mark.parametrize(
    ("user", "url", "hosts"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, RELAY, "127.0.0.1,localhost"),
        ({"http_proxy": "http://p:3128", "NO_PROXY": "a.com,localhost"}, RELAY, "a.com,localhost,127.0.0.1"),
        ({"ALL_PROXY": "http://p:3128"}, URL, None),
        ({}, RELAY, None),
    ],
)
def test_loopback_is_not_reached_by_an_http_proxy(
    tmp_path: Path, variables: pytest.MonkeyPatch, user: dict[str, str], url: str, hosts: str | None
) -> None:
    for name, value in user.items():
        variables.setenv(name, value)
    found = changes(connection(tmp_path), provider(url), Launch(), relayed=True).set
    assert (found.get("NO_PROXY"), found.get("no_proxy")) == (hosts, hosts)
