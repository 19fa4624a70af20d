"""Variables that are set for a proxy and lose: which they are, and how to use them after all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from litellmctl.auth.credential import ConfiguredKey, Credential, Pair
from litellmctl.auth.ignored_variables import Ignored, ignored
from litellmctl.auth.sources import Resolver
from litellmctl.settings.config import Profile
from litellmctl.settings.values import parse

A, B, C = "https://a.example", "https://b.example", "https://c.example/llm"
BASE = {"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "sk-a"}
PROXY = {"LITELLM_PROXY_URL": B, "LITELLM_PROXY_API_KEY": "sk-b"}
OWN = {"base_url": C, "api_key": "sk-c"}
ADC = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}


def no_session() -> NoReturn:
    raise AssertionError("no request is sent for it")


class InKeyring(Credential):
    """A login whose secret may not be read for this."""

    source, origin, kind = "stored", "the stored login of profile default", "sso"

    def identity(self) -> str:
        return "id"

    def secret(self) -> str:
        raise AssertionError("the keyring was opened")


def at_hand(key: str) -> Credential:
    return ConfiguredKey("stored", "the stored login of profile default", parse(key, named="login"))


class World(NamedTuple):
    """What is configured; `login` is the credential of a stored login at `A`."""

    env: Mapping[str, str] = {}
    profile: Mapping[str, Any] = {}
    name: str = "default"
    login: Callable[[], Credential] | None = None
    base_url: str | None = None

    def ignored(self, monkeypatch: pytest.MonkeyPatch) -> Ignored | None:
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)
        profile = Profile(self.name, self.profile)

        def stored() -> Pair | None:
            return Pair(A, self.login(), profile.headers) if self.login else None

        resolver = Resolver(lambda _: None, no_session, stored)
        pair = resolver.resolve(profile, base_url=self.base_url)

        def other(auth: str) -> Pair:
            return Resolver(lambda _: None, no_session).resolve(profile, base_url=self.base_url, auth=auth)

        return ignored(pair, self.name, self.base_url, frozenset(resolver.unusable), other)


def keyring() -> Credential:
    return InKeyring()


def login() -> Credential:
    return at_hand("sk-login")


PRINTED = {
    "LITELLM_BASE_URL": A,
    "LITELLM_API_KEY": "sk-login",
    "OPENAI_API_KEY": "sk-login",
    "ANTHROPIC_AUTH_TOKEN": "sk-login",
}
LOSE: dict[str, tuple[World, str]] = {
    "a login": (World(BASE, login=login), "LITELLM_API_KEY"),
    "a login elsewhere": (
        World({**BASE, "LITELLM_BASE_URL": B}, login=login),
        "LITELLM_BASE_URL LITELLM_API_KEY",
    ),
    "a login, a URL alone": (World({"LITELLM_BASE_URL": B}, login=login), "LITELLM_BASE_URL"),
    "a login, a key alone": (World({"LITELLM_API_KEY": "k"}, login=login), "LITELLM_API_KEY"),
    "a login in the keyring": (World(BASE, login=keyring), "LITELLM_API_KEY"),
    "all of them": (
        World(BASE | PROXY | {"LITELLM_API_KEY_HELPER": "pass", "LITELLM_HEADERS": '{"x": "1"}'}, login=login),
        "LITELLM_API_KEY_HELPER LITELLM_API_KEY LITELLM_PROXY_URL LITELLM_PROXY_API_KEY LITELLM_HEADERS",
    ),
    "a profile's own key": (World(BASE, OWN), "LITELLM_BASE_URL LITELLM_API_KEY"),
    "another profile": (World(BASE, OWN, "work"), "LITELLM_BASE_URL LITELLM_API_KEY"),
    "another profile, headers": (World({"LITELLM_HEADERS": '{"x": "1"}'}, OWN, "work"), "LITELLM_HEADERS"),
    "headers that are not JSON": (World({"LITELLM_HEADERS": "{"}, OWN), "LITELLM_HEADERS"),
    "a URL that is not valid": (World({"LITELLM_BASE_URL": "x y"}, OWN, "work"), "LITELLM_BASE_URL"),
    "one variable before another": (World(BASE | {"LITELLM_API_KEY_HELPER": "pass"}), "LITELLM_API_KEY"),
    "one pair of variables before another": (World(BASE | PROXY), "LITELLM_PROXY_URL LITELLM_PROXY_API_KEY"),
    "a key, with --base-url": (World({"LITELLM_API_KEY": "k"}, OWN, base_url=C), "LITELLM_API_KEY"),
    "a token that was renewed since": (
        World({**PRINTED, "LITELLM_API_KEY": "sk-old"}, login=login),
        "LITELLM_API_KEY",
    ),
}
LOSE_NOTHING: dict[str, World] = {
    "nothing is set": World({}, OWN),
    "they are used": World(BASE | {"LITELLM_HEADERS": '{"x": "1"}'}),
    "switched off": World({"LITELLM_GCLOUD_TOKEN_AUTH": "0"}, OWN),
    "empty": World({"LITELLM_API_KEY": " "}, OWN),
    "as env prints them": World(PRINTED, login=login),
    "as env prints them, from the keyring": World(PRINTED, login=keyring),
    "the URL alone": World({"LITELLM_BASE_URL": f"{A}/v1/"}, login=login),
    "the key as people copy it": World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "Bearer sk-login"}, login=login),
    "a profile's own key again": World({"LITELLM_BASE_URL": C, "LITELLM_API_KEY": "sk-c"}, OWN),
    "a profile's command again": World(
        {"LITELLM_API_KEY_HELPER": "!pass x"}, {"base_url": C, "api_key": "!pass x"}, "work"
    ),
    "the headers of the profile": World({"LITELLM_HEADERS": '{"X-Team": "a"}'}, OWN | {"headers": {"x-team": "a"}}),
    "headers of nothing": World({"LITELLM_HEADERS": "{}"}, OWN),
    "both pairs are the same": World(BASE | {"LITELLM_PROXY_URL": A, "LITELLM_PROXY_API_KEY": "sk-a"}),
    "a key that joins a profile": World({"LITELLM_API_KEY": "k"}, {"base_url": C}, "work"),
    "another proxy than --base-url": World(BASE | PROXY, OWN, base_url=C),
}


@pytest.mark.parametrize(("world", "names"), LOSE.values(), ids=list(LOSE))
def test_variables_that_lose_are_named(world: World, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world.ignored(monkeypatch)
    assert found is not None
    assert " ".join(found.names) == names


@pytest.mark.parametrize("world", LOSE_NOTHING.values(), ids=list(LOSE_NOTHING))
def test_variables_with_the_value_that_is_used_lose_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.ignored(monkeypatch) is None


WORK = "{} ignored: profiles.work.api_key is used ({})"
USED = "the stored login of profile default is used"
SENTENCES: dict[str, tuple[World, str]] = {
    "a key": (
        World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "k"}, login=login),
        f"LITELLM_API_KEY is ignored: {USED} (pass --auth env to use the variable)",
    ),
    "a helper": (
        World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY_HELPER": "pass"}, login=login),
        f"LITELLM_API_KEY_HELPER is ignored: {USED} (pass --auth helper to use the variable)",
    ),
    "a pair": (
        World({"LITELLM_BASE_URL": B, "LITELLM_API_KEY": "k"}, login=login),
        f"LITELLM_BASE_URL and LITELLM_API_KEY are ignored: {USED} (pass --auth env to use LITELLM_API_KEY)",
    ),
    "a URL": (
        World({"LITELLM_BASE_URL": B}, login=login),
        f'LITELLM_BASE_URL is ignored: {USED} (pass --base-url "$LITELLM_BASE_URL" to use that proxy)',
    ),
    "what is not a URL": (
        World({"LITELLM_BASE_URL": ":::"}, login=login),
        f"LITELLM_BASE_URL is ignored: {USED} (unset LITELLM_BASE_URL if you do not need it)",
    ),
    "another profile": (
        World(BASE, OWN, "work"),
        WORK.format(
            "LITELLM_BASE_URL and LITELLM_API_KEY are", "pass --profile default --auth env to use LITELLM_API_KEY"
        ),
    ),
    "the proxy of another profile": (
        World({"LITELLM_BASE_URL": C, "LITELLM_API_KEY": "k"}, OWN, "work"),
        WORK.format("LITELLM_API_KEY is", "pass --profile default --auth env to use the variable"),
    ),
    "a key for no proxy": (
        World({"LITELLM_API_KEY": "k"}, OWN, "work"),
        WORK.format("LITELLM_API_KEY is", "unset LITELLM_API_KEY if you do not need it"),
    ),
    "the second pair": (
        World(BASE | PROXY),
        (
            "LITELLM_PROXY_URL and LITELLM_PROXY_API_KEY are ignored: LITELLM_API_KEY is used "
            "(unset LITELLM_API_KEY to use LITELLM_PROXY_API_KEY)"
        ),
    ),
    "headers": (
        World({"LITELLM_HEADERS": '{"x": "1"}'}, OWN, "work"),
        WORK.format(
            "LITELLM_HEADERS is", "litellmctl config set profiles.work.headers.NAME VALUE sets a header for the profile"
        ),
    ),
}


@pytest.mark.parametrize(("world", "words"), SENTENCES.values(), ids=list(SENTENCES))
def test_the_sentence_says_what_is_used_and_how_to_use_the_variables(
    world: World, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world.ignored(monkeypatch)
    assert found is not None
    assert found.sentence == words


@pytest.mark.parametrize("is_usable", [True, False])
def test_google_credentials_that_cannot_be_used_were_warned_of_already(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_usable: bool
) -> None:
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(ADC if is_usable else {}))
    world = World(BASE | {"LITELLM_GCLOUD_TOKEN_AUTH": "1"})
    found = world.ignored(monkeypatch)
    assert (found and found.sentence) == (
        "LITELLM_API_KEY is ignored: LITELLM_GCLOUD_TOKEN_AUTH is used (pass --auth env to use the variable)"
        if is_usable
        else None
    )


def test_google_credentials_lose_against_a_login_but_not_against_themselves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(ADC))
    env = {"LITELLM_GCLOUD_TOKEN_AUTH": "1"}
    assert World(env, {"base_url": C, "gcloud": True}).ignored(monkeypatch) is None
    found = World(env | {"LITELLM_BASE_URL": A}, login=login).ignored(monkeypatch)
    assert found is not None
    assert found.sentence.endswith("(pass --auth gcloud to use the variable)")
