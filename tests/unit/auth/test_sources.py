from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from litellmctl.auth.credential import ConfiguredKey, Pair
from litellmctl.auth.sources import Resolver, forbidden_headers
from litellmctl.errors import AuthFailure, ConfigFailure, ExitCode, Failure, UsageFailure
from litellmctl.settings.config import Profile
from litellmctl.settings.values import parse

A, B, C = "https://a.example", "https://b.example", "https://c.example"
ADC = {"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}


def no_session() -> NoReturn:
    raise AssertionError("choosing a pair asks nobody")


class World(NamedTuple):
    """What is configured; `stored` is the URL of a stored login."""

    env: Mapping[str, str] = {}
    profile: Mapping[str, Any] = {}
    name: str = "default"
    base_url: str | None = None
    auth: str | None = None
    stored: str | None = None

    def resolve(self, monkeypatch: pytest.MonkeyPatch, warnings: list[str] | None = None) -> Pair:
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)
        login = ConfiguredKey("stored", f"the login at {self.stored}", parse("sk-stored", named="login"))
        return Resolver(
            (warnings if warnings is not None else []).append,
            no_session,
            lambda: Pair(self.stored, login, {"x-login": parse("1", named="h")}) if self.stored else None,
        ).resolve(Profile(self.name, self.profile), base_url=self.base_url, auth=self.auth)


@pytest.fixture
def adc(home: Path) -> Path:
    """Application default credentials where Google looks for them."""
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(ADC))
    return path


BASE_PAIR = {"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "sk-a"}
PROXY_PAIR = {"LITELLM_PROXY_URL": B, "LITELLM_PROXY_API_KEY": "sk-b"}
OWN = {"base_url": C, "api_key": "sk-c"}

CHOSEN = {
    "the environment's pair": (World(BASE_PAIR), A, "LITELLM_API_KEY"),
    "the other names of the pair": (World(PROXY_PAIR), B, "LITELLM_PROXY_API_KEY"),
    "the first pair of two": (World(BASE_PAIR | PROXY_PAIR), A, "LITELLM_API_KEY"),
    "the second pair where the first has no key": (
        World({"LITELLM_BASE_URL": A} | PROXY_PAIR),
        B,
        "LITELLM_PROXY_API_KEY",
    ),
    "the second pair where the first has no URL": (
        World({"LITELLM_API_KEY": "sk-a"} | PROXY_PAIR),
        B,
        "LITELLM_PROXY_API_KEY",
    ),
    "the helper before the key": (World(BASE_PAIR | {"LITELLM_API_KEY_HELPER": "pass"}), A, "LITELLM_API_KEY_HELPER"),
    "an empty variable is none": (World(BASE_PAIR | {"LITELLM_API_KEY_HELPER": " "}), A, "LITELLM_API_KEY"),
    "a URL that is written otherwise": (
        World({"LITELLM_BASE_URL": "HTTPS://A.example:443/v1/", "LITELLM_API_KEY": "k"}, base_url=A),
        A,
        "LITELLM_API_KEY",
    ),
    "a stored login before everything": (World(BASE_PAIR | PROXY_PAIR, OWN, stored=B), B, f"the login at {B}"),
    "a profile's own key before the environment": (World(BASE_PAIR, OWN), C, "profiles.default.api_key"),
    "another profile's own key": (World(BASE_PAIR, OWN, "work"), C, "profiles.work.api_key"),
    # A profile's URL without a key of its own
    "a key without URL joins": (World({"LITELLM_API_KEY": "k"}, {"base_url": C}), C, "LITELLM_API_KEY"),
    "a key without URL joins another profile": (
        World({"LITELLM_API_KEY": "k"}, {"base_url": C}, "work"),
        C,
        "LITELLM_API_KEY",
    ),
    "a helper without URL joins": (
        World({"LITELLM_API_KEY_HELPER": "k"}, {"base_url": C}),
        C,
        "LITELLM_API_KEY_HELPER",
    ),
    "a proxy key without URL joins": (
        World({"LITELLM_PROXY_API_KEY": "k"}, {"base_url": C}, "work"),
        C,
        "LITELLM_PROXY_API_KEY",
    ),
    "a key for the same proxy joins": (World(BASE_PAIR, {"base_url": f"{A}/v1"}), A, "LITELLM_API_KEY"),
    "a key for the same proxy joins another profile": (
        World(BASE_PAIR, {"base_url": A}, "work"),
        A,
        "LITELLM_API_KEY",
    ),
    "one that names another proxy does not join, its own pair is next": (
        World(BASE_PAIR, {"base_url": C}),
        A,
        "LITELLM_API_KEY",
    ),
    "the second may join where the first may not": (
        World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "k", "LITELLM_PROXY_API_KEY": "p"}, {"base_url": C}, "work"),
        C,
        "LITELLM_PROXY_API_KEY",
    ),
    # --base-url
    "--base-url of the environment": (World(BASE_PAIR, base_url=A), A, "LITELLM_API_KEY"),
    "--base-url of the second pair": (World(BASE_PAIR | PROXY_PAIR, base_url=B), B, "LITELLM_PROXY_API_KEY"),
    "--base-url of the profile": (World(BASE_PAIR, OWN, base_url=C), C, "profiles.default.api_key"),
    "--base-url passes the profile over": (World(BASE_PAIR, OWN, base_url=A), A, "LITELLM_API_KEY"),
    "--base-url passes the stored login over": (World(BASE_PAIR, base_url=A, stored=C), A, "LITELLM_API_KEY"),
    "--base-url of the stored login": (World(BASE_PAIR, base_url=C, stored=C), C, f"the login at {C}"),
    "--base-url is joined by a key without URL": (World({"LITELLM_API_KEY": "k"}, base_url=C), C, "LITELLM_API_KEY"),
    "--base-url is joined by it in another profile too": (
        World({"LITELLM_API_KEY": "k"}, {"base_url": A, "api_key": "x"}, "work", base_url=C),
        C,
        "LITELLM_API_KEY",
    ),
    "--base-url of the environment in another profile": (World(BASE_PAIR, OWN, "work", A), A, "LITELLM_API_KEY"),
    # --auth
    "--auth stored": (World(BASE_PAIR, OWN, auth="stored", stored=B), B, f"the login at {B}"),
    "--auth config": (World(BASE_PAIR, OWN, auth="config", stored=B), C, "profiles.default.api_key"),
    "--auth env": (World(BASE_PAIR, OWN, auth="env", stored=B), A, "LITELLM_API_KEY"),
    "--auth env means keys alone": (
        World(BASE_PAIR | {"LITELLM_API_KEY_HELPER": "pass"}, auth="env"),
        A,
        "LITELLM_API_KEY",
    ),
    "--auth helper": (
        World(BASE_PAIR | {"LITELLM_API_KEY_HELPER": "pass"}, OWN, auth="helper"),
        A,
        "LITELLM_API_KEY_HELPER",
    ),
    "--auth env takes the second pair": (World(PROXY_PAIR, OWN, auth="env"), B, "LITELLM_PROXY_API_KEY"),
    "--auth config with gcloud off": (World({}, OWN | {"gcloud": False}, auth="config"), C, "profiles.default.api_key"),
}


@pytest.mark.parametrize(("world", "url", "origin"), CHOSEN.values(), ids=list(CHOSEN))
def test_url_and_credential_are_chosen_as_a_pair(
    world: World, url: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = world.resolve(monkeypatch)
    assert (pair.base_url, pair.credential.origin) == (url, origin)
    sources = {"LITELLM_API_KEY_HELPER": "helper", "LITELLM_API_KEY": "env", "LITELLM_PROXY_API_KEY": "env"}
    expected = "stored" if "login" in origin else "config" if "profiles." in origin else sources[origin]
    assert (pair.credential.source, pair.credential.kind) == (expected, "helper" if expected == "helper" else "api_key")


REFUSED = {
    "nothing at all": (World(), AuthFailure, "no proxy and no credential configured"),
    "nothing in another profile": (World(name="work"), AuthFailure, "no proxy and no credential configured"),
    "a key without a URL": (World({"LITELLM_API_KEY": "k"}), ConfigFailure, "LITELLM_API_KEY is set, but LITELLM_"),
    "a helper without a URL": (
        World({"LITELLM_API_KEY_HELPER": "k"}),
        ConfigFailure,
        "LITELLM_API_KEY_HELPER is set, but LITELLM_",
    ),
    "a proxy key without a URL": (
        World({"LITELLM_PROXY_API_KEY": "k"}),
        ConfigFailure,
        "LITELLM_PROXY_API_KEY is set, but LITELLM_",
    ),
    "a URL without a key": (World({"LITELLM_BASE_URL": A}), AuthFailure, f"no credential for {A}"),
    "a profile's URL without a key": (World(profile={"base_url": C}), AuthFailure, f"no credential for {C}"),
    "keys that may not join": (
        World(BASE_PAIR | PROXY_PAIR, {"base_url": C}, "work"),
        AuthFailure,
        f"no credential for {C}",
    ),
    "the environment is for the default profile": (
        World(BASE_PAIR, name="work"),
        AuthFailure,
        "no proxy and no credential configured for profile work",
    ),
    "--base-url that no pair was issued for": (
        World(BASE_PAIR, OWN, base_url=B),
        AuthFailure,
        f"no credential for {B}",
    ),
    "--base-url that only another proxy's key could join": (
        World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "k"}, {"base_url": C}, base_url=C),
        AuthFailure,
        f"no credential for {C}",
    ),
    "--base-url that another scheme was issued for": (
        World(BASE_PAIR, base_url="http://a.example"),
        AuthFailure,
        "no credential for http://a.example",
    ),
    "--base-url that another port was issued for": (
        World(BASE_PAIR, base_url=f"{A}:8443"),
        AuthFailure,
        f"no credential for {A}:8443",
    ),
    "--base-url that another path was issued for": (
        World(BASE_PAIR, base_url=f"{A}/team"),
        AuthFailure,
        f"no credential for {A}/team",
    ),
    **{
        f"--auth {source} that is not there": (
            World({name: value for name, value in world.items() if name.isupper()}, profile, auth=source),
            AuthFailure,
            f'no credential from source "{source}" for profile default',
        )
        for source, world, profile in (
            ("stored", BASE_PAIR, OWN),
            ("config", BASE_PAIR, {"base_url": A}),
            ("gcloud", BASE_PAIR | {"LITELLM_GCLOUD_TOKEN_AUTH": "0"}, OWN),
            ("helper", BASE_PAIR, OWN),
            ("env", {"LITELLM_BASE_URL": A, "LITELLM_API_KEY_HELPER": "k"}, OWN),
        )
    },
    "--auth env with a key that may not join a profile with its own": (
        World({"LITELLM_API_KEY": "k"}, OWN, auth="env"),
        AuthFailure,
        'no credential from source "env" for profile default',
    ),
    "--auth that only another proxy has": (
        World(BASE_PAIR, OWN, auth="config", base_url=A),
        AuthFailure,
        f'no credential from source "config" for {A}',
    ),
    "--auth of no source": (
        World(BASE_PAIR, auth="evn"),
        UsageFailure,
        'LITELLMCTL_AUTH is "evn", which is not a credential source. Did you mean "env"?',
    ),
    "a URL that is none": (
        World({"LITELLM_BASE_URL": "a.example", "LITELLM_API_KEY": "k"}),
        UsageFailure,
        "LITELLM_BASE_URL has no scheme",
    ),
}


@pytest.mark.parametrize(("world", "kind", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_pair_is_refused_and_no_key_goes_elsewhere(
    world: World, kind: type[Failure], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kind) as failure:
        world.resolve(monkeypatch)
    assert failure.value.message.startswith(words)
    assert failure.value.remedy
    assert failure.value.exit_code is (ExitCode.AUTH if kind is AuthFailure else ExitCode.USAGE)


# What is said where there is no pair, whole: the message, and what helps.
ANSWERED = {
    "nothing": (
        World(),
        "no proxy and no credential configured",
        "litellmctl login, or export LITELLM_BASE_URL=https://HOST LITELLM_API_KEY=sk-...",
    ),
    "nothing in another profile": (
        World(name="work"),
        "no proxy and no credential configured for profile work",
        "litellmctl login --profile work, or litellmctl config set profiles.work.base_url https://HOST",
    ),
    "a key without a URL": (
        World({"LITELLM_API_KEY": "k", "LITELLM_PROXY_API_KEY": "k"}),
        "LITELLM_API_KEY is set, but LITELLM_BASE_URL is not",
        "export LITELLM_BASE_URL=https://HOST, or pass --base-url",
    ),
    "a proxy key without a URL, which needs its own": (
        World({"LITELLM_PROXY_API_KEY": "k"}),
        "LITELLM_PROXY_API_KEY is set, but LITELLM_PROXY_URL is not",
        "export LITELLM_PROXY_URL=https://HOST, or pass --base-url",
    ),
    "a profile's own key without a URL": (
        World({"LITELLM_API_KEY": "k"}, {"api_key": "sk-c"}, "work"),
        "profiles.work.api_key is set, but profiles.work.base_url is not",
        "litellmctl config set profiles.work.base_url https://HOST",
    ),
    "a URL without a key": (
        World({"LITELLM_BASE_URL": A}),
        f"no credential for {A}",
        f"litellmctl login, or export LITELLM_BASE_URL={A} LITELLM_API_KEY=sk-...",
    ),
    "the other URL without a key": (
        World({"LITELLM_PROXY_URL": B}),
        f"no credential for {B}",
        f"litellmctl login, or export LITELLM_BASE_URL={B} LITELLM_API_KEY=sk-...",
    ),
    "a profile's URL, before the environment's": (
        World({"LITELLM_BASE_URL": A}, {"base_url": C}),
        f"no credential for {C}",
        f"litellmctl login, or export LITELLM_BASE_URL={C} LITELLM_API_KEY=sk-...",
    ),
    "a profile's URL, and Google's token for another": (
        World({"LITELLM_BASE_URL": A, "LITELLM_GCLOUD_TOKEN_AUTH": "1"}, {"base_url": C}),
        f"no credential for {C}: LITELLM_GCLOUD_TOKEN_AUTH is for another proxy",
        f"litellmctl login, or export LITELLM_BASE_URL={C} LITELLM_API_KEY=sk-...",
    ),
    "another profile's URL": (
        World(BASE_PAIR, {"base_url": C}, "work"),
        f"no credential for {C}",
        "litellmctl login --profile work, or litellmctl config set profiles.work.api_key '$NAME'",
    ),
    "--base-url": (
        World(BASE_PAIR, OWN, base_url=B),
        f"no credential for {B}: LITELLM_API_KEY is for another proxy",
        f"litellmctl login --base-url {B}, or export LITELLM_BASE_URL={B} LITELLM_API_KEY=sk-...",
    ),
    "--base-url in another profile, where the environment's pair would serve": (
        World(BASE_PAIR, OWN, "work", B),
        f"no credential for {B}: LITELLM_API_KEY is for another proxy",
        f"litellmctl login --profile work --base-url {B}, or export LITELLM_BASE_URL={B} LITELLM_API_KEY=sk-...",
    ),
    "--auth stored": (
        World(BASE_PAIR, OWN, "work", auth="stored"),
        'no credential from source "stored" for profile work',
        "litellmctl login --profile work, or run it without --auth",
    ),
    "--auth of another source": (
        World(BASE_PAIR, OWN, auth="helper"),
        'no credential from source "helper" for profile default',
        "export LITELLM_API_KEY_HELPER='COMMAND', or run it without --auth",
    ),
    "--auth and --base-url": (
        World(BASE_PAIR, OWN, base_url=A, auth="config"),
        f'no credential from source "config" for {A}',
        "litellmctl config set profiles.default.api_key '$NAME', or run it without --auth",
    ),
    "LITELLMCTL_AUTH": (
        World(BASE_PAIR | {"LITELLMCTL_AUTH": "stored"}, OWN, base_url=A, auth="stored"),
        f'no credential from source "stored" for {A}',
        f"litellmctl login --base-url {A}, or unset LITELLMCTL_AUTH",
    ),
    "--auth of no source": (
        World(auth="evn"),
        'LITELLMCTL_AUTH is "evn", which is not a credential source. Did you mean "env"?',
        "use one of stored, config, gcloud, helper, env, or unset LITELLMCTL_AUTH",
    ),
}


@pytest.mark.parametrize(("world", "message", "remedy"), ANSWERED.values(), ids=list(ANSWERED))
def test_where_there_is_no_pair_the_reason_and_what_helps_are_told(
    world: World, message: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure) as failure:
        world.resolve(monkeypatch)
    assert (failure.value.message, failure.value.remedy) == (message, remedy)


def test_what_is_said_to_help_does_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert World({"LITELLM_PROXY_API_KEY": "k", "LITELLM_PROXY_URL": B}).resolve(monkeypatch).base_url == B
    monkeypatch.undo()
    assert World({"LITELLM_BASE_URL": B, "LITELLM_API_KEY": "k"}, OWN, "work", B).resolve(monkeypatch).base_url == B


@pytest.mark.parametrize(
    ("world", "exit_code"),
    [
        pytest.param(
            World({"LITELLM_GCLOUD_TOKEN_AUTH": "0"}),
            ExitCode.AUTH,
        ),
        pytest.param(
            World(profile={"api_key": "$X"}),
            ExitCode.USAGE,
        ),
    ],
    ids=["neither", "a profile's key without URL"],
)
def test_a_credential_without_url_is_exit_2_and_neither_is_exit_4(
    world: World, exit_code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure) as failure:
        world.resolve(monkeypatch)
    assert failure.value.exit_code is exit_code


@pytest.mark.parametrize("env", [{"LITELLM_API_KEY": "k"}, BASE_PAIR, {}])
def test_the_remedy_for_a_named_profile_is_one_that_helps_it(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure) as failure:
        World(env, name="work").resolve(monkeypatch)
    assert "LITELLM_BASE_URL=" not in str(failure.value.remedy)


def test_keys_for_another_proxy_are_told_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthFailure) as failure:
        World(BASE_PAIR, base_url=B).resolve(monkeypatch)
    assert failure.value.message == f"no credential for {B}: LITELLM_API_KEY is for another proxy"


@pytest.mark.parametrize(
    "world",
    [
        World(BASE_PAIR, name="work"),
        World({"LITELLM_BASE_URL": A, "LITELLM_GCLOUD_TOKEN_AUTH": "1"}),
        World({"LITELLM_BASE_URL": A, "LITELLM_GCLOUD_TOKEN_AUTH": "0"}),
        World({"LITELLM_BASE_URL": A, "LITELLM_PROXY_API_KEY": "k"}),
    ],
    ids=["not read for a named profile", "no ADC file", "switched off", "no URL of its own"],
)
def test_a_key_that_was_not_given_for_another_proxy_is_not_said_to_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AuthFailure) as failure:
        world.resolve(monkeypatch)
    assert "is for another proxy" not in failure.value.message


# Headers and where the key is sent


def headers(pair: Pair) -> dict[str, str]:
    return {name: value.resolve() for name, value in pair.headers.items()}


JSON_HEADERS = {"LITELLM_HEADERS": '{"x-team": "blue", "x-empty": ""}'}


def test_headers_go_where_their_pairs_key_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    own = OWN | {"headers": {"x-own": "1"}, "key_header": "x-litellm-api-key"}
    chosen = World(JSON_HEADERS | BASE_PAIR, own).resolve(monkeypatch)
    assert (headers(chosen), chosen.key_header) == ({"x-own": "1"}, "x-litellm-api-key")
    chosen = World(auth="env", profile=own).resolve(monkeypatch)
    assert headers(chosen) == {"x-team": "blue", "x-empty": ""}
    chosen = World(profile=own, stored=B).resolve(monkeypatch)
    assert headers(chosen) == {"x-login": "1"}


def test_a_key_that_joins_a_profiles_url_gets_the_headers_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = {"base_url": C, "headers": {"x-own": "1", "x-team": "red"}}
    joined = World(JSON_HEADERS | {"LITELLM_API_KEY": "k"}, profile, "work").resolve(monkeypatch)
    assert headers(joined) == {"x-own": "1", "x-team": "blue", "x-empty": ""}
    elsewhere = World(base_url=A, profile=profile, name="work").resolve(monkeypatch)
    assert headers(elsewhere) == {"x-team": "blue", "x-empty": ""}


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        ({"base_url": A}, {"x-own": "1"}),
        ({"base_url": C}, {}),  # another proxy's
        ({"base_url": A, "api_key": "sk-c"}, {}),  # another key's
    ],
)
def test_the_environments_pair_gets_a_profiles_headers_at_its_proxy_and_where_no_own_key_has_them(
    profile: dict[str, Any], sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = World(BASE_PAIR, profile | {"headers": {"x-own": "1"}}, auth="env").resolve(monkeypatch)
    assert (pair.base_url, pair.credential.secret(), headers(pair)) == (A, "sk-a", sent)


def test_a_stored_login_is_not_looked_for_where_another_source_is_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BASE_PAIR.items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []
    resolver = Resolver(print, no_session, lambda: asked.append("stored"))
    assert resolver.resolve(Profile("default", {}), auth="env").base_url == A
    assert asked == []
    resolver.resolve(Profile("default", {}))
    assert asked == ["stored"]


@pytest.mark.parametrize(
    "text",
    [
        "x-team: blue",
        "[]",
        '["x-team"]',
        "null",
        '"x"',
        "5",
        '{"x": 1}',
        '{"x": null}',
        '{"a b": "1"}',
        '{"": "1"}',
        "{",
    ],
)
def test_headers_that_are_no_object_of_texts_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigFailure) as failure:
        World(BASE_PAIR | {"LITELLM_HEADERS": text}).resolve(monkeypatch)
    assert failure.value.message == "LITELLM_HEADERS is not a JSON object of strings"
    assert failure.value.remedy == """export LITELLM_HEADERS='{"x-team": "blue"}'"""


def test_what_stands_in_a_variable_is_taken_as_it_is_and_known_by_the_variables_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = JSON_HEADERS | {"LITELLM_BASE_URL": A, "LITELLM_API_KEY": "$A", "LITELLM_API_KEY_HELPER": "!pass"}
    key, helper = (World(env, auth=auth).resolve(monkeypatch).credential for auth in ("env", "helper"))
    assert isinstance(key, ConfiguredKey)
    assert isinstance(helper, ConfiguredKey)
    assert (key.secret(), key.value.kind, key.value.named) == ("$A", "literal", "LITELLM_API_KEY")
    assert (helper.value.kind, helper.value.text, helper.value.named) == ("command", "pass", "LITELLM_API_KEY_HELPER")
    pair = World(env, auth="env").resolve(monkeypatch)
    assert [(value.kind, value.named) for value in pair.headers.values()] == [
        ("literal", "LITELLM_HEADERS (x-team)"),
        ("literal", "LITELLM_HEADERS (x-empty)"),
    ]


def test_headers_that_are_nested_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigFailure):
        World(BASE_PAIR | {"LITELLM_HEADERS": "[" * 100_000}).resolve(monkeypatch)


def test_headers_never_replace_the_key_or_frame_a_request() -> None:
    names = ["authorization", "HOST", "Content-Length", "Transfer-Encoding", "connection", "X-Key", "x-team", "cookie"]
    assert forbidden_headers(names, "x-key") == names[:6]
    assert forbidden_headers(["x-key", "x-team"], "Authorization") == []


# Keys


@pytest.mark.parametrize("key", ["sk\x00", "sk\nx", "sk\x1b[31m", "sk\x7f", "schlüssel", "sk\u2028"])
@pytest.mark.parametrize("name", ["LITELLM_API_KEY", "LITELLM_PROXY_API_KEY"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_at_its_source(
    name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"LITELLM_BASE_URL": A, "LITELLM_PROXY_URL": B, name: f"-{key}-"})
    with pytest.raises(ConfigFailure) as failure:
        World().resolve(monkeypatch)
    assert failure.value.message == f"{name} contains a control character or a non-ASCII character"
    assert key not in str(failure.value.as_dict())


@pytest.mark.parametrize("text", ["sk\nx", "schlüssel"])
def test_a_key_in_the_config_that_cannot_stand_in_a_header_is_refused_when_it_is_needed(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = World(profile={"base_url": C, "api_key": text}, name="work").resolve(monkeypatch).credential
    with pytest.raises(ConfigFailure, match=r"profiles\.work\.api_key contains a control character"):
        credential.secret()
    empty = World(profile={"base_url": C, "api_key": ""}, name="work").resolve(monkeypatch).credential
    with pytest.raises(ConfigFailure, match=r"profiles\.work\.api_key is empty"):
        empty.secret()


def test_choosing_runs_no_command_and_looks_nothing_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for profile in ({"base_url": C, "api_key": f"!touch {ran}"}, {"base_url": C, "api_key": "$UNSET"}):
        assert World(profile=profile).resolve(monkeypatch).base_url == C
    pair = World({"LITELLM_BASE_URL": A, "LITELLM_API_KEY_HELPER": f"touch {ran}"}).resolve(monkeypatch)
    assert pair.identity()[:2] == ["helper", f"command:touch {ran}"]
    assert not ran.exists()


@pytest.mark.parametrize("text", ["{} key", "!{} key"])
def test_a_helper_is_a_command_with_or_without_its_mark_and_runs_again_when_renewed(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "helper"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs; echo $1-$(wc -l < {tmp_path}/runs | tr -d ' ')\n")
    script.chmod(0o700)
    env = {"LITELLM_BASE_URL": A, "LITELLM_API_KEY_HELPER": text.format(script)}
    pair = World(env).resolve(monkeypatch)
    assert (pair.credential.source, pair.credential.kind, pair.is_silent) == ("helper", "helper", False)
    assert pair.credential.secret() == "key-1"
    assert pair.credential.renewed() == "key-2"


def test_a_fixed_key_cannot_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = World(BASE_PAIR).resolve(monkeypatch)
    assert (pair.credential.secret(), pair.credential.renewed(), pair.is_silent) == ("sk-a", None, True)


def test_a_header_that_needs_a_command_is_not_for_a_background_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not World(profile=OWN | {"headers": {"x": "!pass"}}).resolve(monkeypatch).is_silent


def test_the_identity_changes_with_all_that_the_catalog_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    base = OWN | {"api_key": "$KEY", "headers": {"x-team": "blue"}}
    identities = [
        World(profile=profile).resolve(monkeypatch).identity()
        for profile in (
            base,
            base | {"api_key": "sk-2"},
            base | {"api_key": "!sk-1"},
            base | {"headers": {"x-team": "red"}},
            base | {"headers": {}},
            base | {"headers": {"x-team": "!blue"}},
            base | {"key_header": "x-key"},
        )
    ]
    monkeypatch.setenv("KEY", "sk-3")
    identities.append(World(profile=base).resolve(monkeypatch).identity())
    identities.append(World({"LITELLM_BASE_URL": C, "LITELLM_API_KEY": "sk-1"}).resolve(monkeypatch).identity())
    assert len({json.dumps(identity) for identity in identities}) == len(identities)
    # The same from one release to the next, or every cached list would be fetched anew.
    assert identities[0] == ["config", "variable:sk-1", "authorization", "x-team=literal:blue"]
    again = base | {"headers": {"X-Team": "blue"}, "key_header": "AUTHORIZATION"}
    monkeypatch.setenv("KEY", "sk-1")
    assert World(profile=again).resolve(monkeypatch).identity() == identities[0]


# Google application default credentials

GOOGLE = BASE_PAIR | {"LITELLM_API_KEY_HELPER": "pass", "LITELLM_GCLOUD_TOKEN_AUTH": "1"}


def test_google_goes_before_helper_and_key(adc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = World(GOOGLE).resolve(monkeypatch)
    assert (pair.base_url, pair.credential.source) == (A, "gcloud")
    assert pair.credential.origin == f"LITELLM_GCLOUD_TOKEN_AUTH ({adc})"
    assert World(GOOGLE, auth="gcloud").resolve(monkeypatch).credential.source == "gcloud"
    assert World(GOOGLE, auth="helper").resolve(monkeypatch).credential.source == "helper"
    assert World(GOOGLE, auth="env").resolve(monkeypatch).credential.source == "env"


def test_google_is_asked_by_its_own_session_and_only_where_it_is_wanted(
    adc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="asks nobody"):
        World(GOOGLE).resolve(monkeypatch).credential.secret()
    for auth in (None, "config"):
        assert World(profile=OWN, auth=auth).resolve(monkeypatch).credential.origin == "profiles.default.api_key"
    adc.unlink()
    warnings: list[str] = []
    World(BASE_PAIR, {"base_url": A, "gcloud": True}, auth="env").resolve(monkeypatch, warnings)
    assert warnings == []


def test_google_joins_a_profiles_url(adc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = World({"LITELLM_GCLOUD_TOKEN_AUTH": "true"}, {"base_url": C}, "work").resolve(monkeypatch)
    assert (pair.base_url, pair.credential.source) == (C, "gcloud")


def test_a_profile_with_gcloud_uses_google_and_is_of_its_config(adc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for auth in (None, "config", "gcloud"):
        pair = World(BASE_PAIR, OWN | {"gcloud": True}, "work", auth=auth).resolve(monkeypatch)
        assert (pair.base_url, pair.credential.origin) == (C, f"profiles.work.gcloud ({adc})")


BAD_ADC = {
    "no file": (None, "no such file or directory"),
    "a service account": ({**ADC, "type": "service_account"}, 'has type "service_account"'),
    "no type": ({}, 'has type "None"'),
    "no object": ([ADC], 'has type "None"'),
    "no JSON": (b"{", "is not valid JSON"),
    "no UTF-8": (b"\xff\xfe\xff", "is not valid JSON"),
    "missing fields": ({"type": "authorized_user", "client_id": "id"}, "lacks client_secret, refresh_token"),
    "an empty field": ({**ADC, "refresh_token": ""}, "lacks refresh_token"),
    "a field of another type": ({**ADC, "client_secret": 5}, "lacks client_secret"),
}


@pytest.mark.parametrize(("content", "words"), BAD_ADC.values(), ids=list(BAD_ADC))
def test_google_credentials_that_cannot_be_used_warn_by_name_and_the_next_source_is_taken(
    content: Any, words: str, adc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adc.unlink()
    if content is not None:
        adc.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    warnings: list[str] = []
    assert World(GOOGLE).resolve(monkeypatch, warnings).credential.origin == "LITELLM_API_KEY_HELPER"
    assert (
        World({}, OWN | {"gcloud": True}).resolve(monkeypatch, warnings).credential.origin == "profiles.default.api_key"
    )
    named = ["LITELLM_GCLOUD_TOKEN_AUTH is ignored", "profiles.default.gcloud is ignored"]
    assert [warning.split(":")[0] for warning in warnings] == named
    for warning in warnings:
        assert words in warning
        assert str(adc) in warning
        assert "gcloud auth application-default login" in warning
    with pytest.raises(AuthFailure):
        World(GOOGLE, auth="gcloud").resolve(monkeypatch)
