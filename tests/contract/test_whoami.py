"""Who is signed in: what the proxy tells, what is known here, and the exit code of each."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.answers import after, trickle
from tests.conftest import Run, Start
from tests.contract.signing_in import (
    DAY,
    HOUR,
    KEY,
    MADE,
    USER,
    accept,
    at,
    expire,
    files_with,
    kept,
    make_key,
    sign_in,
)
from tests.effort import until
from tests.fake_proxy import FakeProxy, error, row
from tests.logins import json_web_token

FIELDS = [
    *("profile", "base_url", "signed_in", "kind", "source", "storage", "user_id", "user_email", "team_id"),
    *("team_alias", "role", "expires_at", "renewable", "models", "spend", "max_budget", "budget_reset_at"),
    *("proxy_version", "shadowed", "budget_scope", "routes", "key_alias"),
]
VERSION = "/public/model_hub/info"
OLD_VERSION = "/health/readiness"
INFO = {"user_id": "u-1", "team_id": "t-1", "key_alias": "mine", "spend": 0.25, "max_budget": 10.0}


def known(fake: FakeProxy, *, info: Any = None, user: Any = None, version: Any = "1.106.2") -> FakeProxy:
    """Answer, as often as asked, what login and whoami ask."""
    accept(fake, info=INFO if info is None else info, user=USER if user is None else user)
    return fake.on(VERSION, {"litellm_version": version}, times=None).on(OLD_VERSION, {}, times=None)


def key_in_environment(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": KEY})


def key_of_a_helper(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY_HELPER": f"echo {KEY}"})


def key_in_config(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    env["MY_KEY"] = KEY
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", "$MY_KEY")


def stored_key(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    sign_in(run, fake)


def stored_token(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    sign_in(run, fake, key=json_web_token(sub="u-1"))


def stored_virtual_key(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    fake.on("/key/generate", {"key": MADE}, method="POST")
    sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u-1"))


Credential = Callable[[Run, FakeProxy, dict[str, str]], None]
CREDENTIALS: dict[Credential, tuple[str, str, str | None]] = {
    stored_key: ("api_key", "stored", "file"),
    stored_token: ("sso", "stored", "file"),
    stored_virtual_key: ("virtual_key", "stored", "file"),
    key_in_config: ("api_key", "config", None),
    key_of_a_helper: ("helper", "helper", None),
    key_in_environment: ("api_key", "env", None),
}


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_json_has_the_documented_keys_whatever_signs_in(
    run: Run, fake: FakeProxy, env: dict[str, str], credential: Credential
) -> None:
    credential(run, known(fake), env)
    result = run("whoami", "--json")
    assert list(result.json) == FIELDS
    kind, source, storage = CREDENTIALS[credential]
    assert result.json == {
        "profile": "default",
        "base_url": fake.url,
        "signed_in": True,
        "kind": kind,
        "source": source,
        "storage": storage,
        "user_id": "u-1",
        "user_email": "ada@example.com",
        "team_id": "t-1",
        "team_alias": "Analysts",
        "role": "internal_user",
        "expires_at": None,
        "renewable": False,
        "models": 1,
        "spend": 0.25,
        "max_budget": 10.0,
        "budget_reset_at": None,
        "proxy_version": "1.106.2",
        "shadowed": [],
        "budget_scope": "key",
        "routes": None,
        "key_alias": "mine",
    }
    assert result.stderr == ""
    assert run("auth", "status", "--json") == result


def test_a_person_reads_what_is_known_and_no_more(run: Run, fake: FakeProxy) -> None:
    ends = time.time() + 3 * DAY
    info = {**INFO, "budget_reset_at": "2030-01-01T00:00:00Z", "expires": at(ends)}
    known(fake, info=info)
    sign_in(run, fake, "--storage", "file")
    result = run("whoami", terminal=True, NO_COLOR="1")
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(ends)))
    assert dict(re.split(r"  +", line, maxsplit=1) for line in result.splitlines()) == {
        "profile": "default",
        "proxy": fake.url,
        "signed in": "yes",
        "credential": "API key (stored login, in a file)",
        "key": "mine",
        "user": "ada@example.com (u-1)",
        "team": "Analysts (t-1)",
        "role": "internal_user",
        "expires": f"{until} (in 3 days)",
        "models": "1",
        "spent": "$0.25 of $10.00 (budget of the key)",
        "budget resets": "2030-01-01T00:00:00Z",
        "proxy version": "1.106.2",
    }


def test_a_pipe_gets_one_line_of_tab_separated_values(run: Run, fake: FakeProxy) -> None:
    known(fake)
    sign_in(run, fake)
    [line] = run("whoami").splitlines()
    assert len(line.split("\t")) == len(FIELDS)
    assert run("whoami", "--fields", "user_email,spend") == "ada@example.com\t0.25\n"
    assert run("whoami", "--fields", "user_email", "--json").json == {"user_email": "ada@example.com"}
    assert run("whoami", "-o", "csv").splitlines()[0] == ",".join(FIELDS)


def test_what_the_proxy_does_not_tell_is_null(run: Run, fake: FakeProxy) -> None:
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}, times=None).models(row("gpt"))
    for path in ("/key/info", "/user/info", VERSION, OLD_VERSION):
        fake.on(path, {"detail": "Not Found"}, status=404, times=None)
    sign_in(run, fake)
    told = run("whoami", "--json").json
    assert {name for name, value in told.items() if value is None} == {
        *("user_id", "user_email", "team_id", "team_alias", "role", "expires_at", "spend", "max_budget"),
        *("budget_reset_at", "proxy_version", "budget_scope", "routes", "key_alias"),
    }


# Money, times, versions


@pytest.mark.parametrize(
    ("info", "person", "expected"),
    [
        pytest.param({"spend": 1, "max_budget": 5}, {"spend": 9, "max_budget": 90}, (1, 5, None), id="the key's own"),
        pytest.param(
            {"spend": 1, "max_budget": None},
            {"spend": 9, "max_budget": 90, "budget_reset_at": "2030-05-01T12:00:00+02:00"},
            (9, 90, "2030-05-01T10:00:00Z"),
            id="the user's where the key has no budget",
        ),
        pytest.param({"spend": 2.5}, None, (2.5, None, None), id="nobody's budget"),
        pytest.param({}, {"spend": 0.0}, (0, None, None), id="nothing spent"),
        pytest.param(None, {"spend": 3}, (3, None, None), id="a token that is no key"),
        pytest.param(
            {"spend": 0, "max_budget": 0, "budget_reset_at": "2030-05-01 12:00:00"},
            None,
            (0, 0, "2030-05-01T12:00:00Z"),
            id="a budget of nothing, and a time without a zone",
        ),
    ],
)
def test_spend_and_budget_are_the_keys_own_or_its_users(
    run: Run, fake: FakeProxy, env: dict[str, str], info: Any, person: Any, expected: tuple[Any, ...]
) -> None:
    known(fake, info=[] if info is None else info, user={"user_id": "u", "user_info": person})
    key_in_environment(run, fake, env)
    told = run("whoami", "--json").json
    assert (told["spend"], told["max_budget"], told["budget_reset_at"]) == expected


MEMBER = "/team/t-1/members/me"


def member(budget: Any, spend: Any = 0.5) -> dict[str, Any]:
    """What a proxy answers about a member of a team (LiteLLM 1.106.2)."""
    return {"user_id": "u", "team_id": "t-1", "spend": spend, "litellm_budget_table": budget, "role": "user"}


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        pytest.param(
            {"body": member({"max_budget": 3.5, "budget_reset_at": "2030-05-01T00:00:00Z"})},
            ("team_member", 0.5, 3.5, "2030-05-01T00:00:00Z"),
            id="the member's own",
        ),
        pytest.param({"body": member(None)}, ("user", 9, 90, None), id="a member without one"),
        pytest.param({"body": member({"max_budget": None})}, ("user", 9, 90, None), id="a member without a limit"),
        pytest.param({"body": member("x", "y")}, ("user", 9, 90, None), id="of another shape"),
        pytest.param({"body": {"detail": "Not Found"}, "status": 404}, ("user", 9, 90, None), id="an older proxy"),
        pytest.param({"body": {"detail": {"error": "no user"}}, "status": 400}, ("user", 9, 90, None), id="no user"),
        pytest.param({"body": {}, "status": 500}, ("user", 9, 90, None), id="broken"),
        pytest.param({"body": b"<html>"}, ("user", 9, 90, None), id="web page"),
    ],
)
def test_in_a_team_the_budget_is_the_members_own_or_the_users(
    run: Run, fake: FakeProxy, env: dict[str, str], answered: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    known(fake, info={"team_id": "t-1", "spend": 1}, user={"user_id": "u", "user_info": {"spend": 9, "max_budget": 90}})
    fake.on(MEMBER, **answered, times=None)
    key_in_environment(run, fake, env)
    found = run("whoami", "--json").json
    assert found["signed_in"] is True
    assert tuple(found[name] for name in ("budget_scope", "spend", "max_budget", "budget_reset_at")) == expected


def test_a_key_with_a_budget_of_its_own_asks_for_no_other(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    known(fake)
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["budget_scope"] == "key"
    assert MEMBER not in fake.asked


@pytest.mark.parametrize("team", ["..", ".", "a/../../b", "x" * 100_000, "\u202e", "%2e%2e", " "])
def test_a_team_of_any_name_leads_nowhere_else(run: Run, fake: FakeProxy, env: dict[str, str], team: str) -> None:
    known(fake, info={"team_id": team})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["signed_in"] is True
    fake.unexpected.clear()
    paths = {"/v1/models", "/key/info", "/user/info", VERSION}
    others = set(fake.asked) - paths
    assert all(re.fullmatch(r"/team/[^/]+/members/me", path) for path in others), others


@pytest.mark.parametrize(
    ("user", "user_id"),
    [
        # LiteLLM 1.106.2: the row of the user that the master key counts as, whose role is not used.
        ({"user_id": "default_user_id", "user_info": {"user_role": "internal_user", "spend": 1}}, "default_user_id"),
        # LiteLLM 1.65 to 1.81.
        ({"user_id": None, "user_info": None, "keys": [], "teams": []}, None),
    ],
)
def test_the_master_key_is_an_administrator(
    run: Run, fake: FakeProxy, env: dict[str, str], user: dict[str, Any], user_id: str | None
) -> None:
    fake.on("/key/info", **error(404, "Key not found in database", "not_found_error"), times=None)
    known(fake, user=user)
    key_in_environment(run, fake, env)
    found = run("whoami", "--json").json
    assert (found["role"], found["kind"], found["user_id"]) == ("proxy_admin", "api_key", user_id)
    shown = run("whoami", terminal=True, NO_COLOR="1")
    assert re.search(r"^credential +master key \(LITELLM_API_KEY\)$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("key_info", "user"),
    [
        pytest.param({"info": {"user_id": "default_user_id"}}, {"user_id": "default_user_id"}, id="a key of that user"),
        pytest.param(None, {"user_id": "u-1", "user_info": {"user_role": "internal_user"}}, id="a token"),
        pytest.param(None, {}, id="nothing known"),
    ],
)
def test_another_credential_is_not_the_master_key(
    run: Run, fake: FakeProxy, env: dict[str, str], key_info: Any, user: dict[str, Any]
) -> None:
    if key_info is None:
        fake.on("/key/info", **error(404, "Key not found in database", "not_found_error"), times=None)
    else:
        fake.on("/key/info", key_info, times=None)
    known(fake, user=user)
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["role"] != "proxy_admin"
    assert "master key" not in run("whoami", terminal=True)


LIMITED = "Virtual key is not allowed to call this route. Only allowed to call routes: {}. Tried to call route: /x"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"detail": LIMITED.format("['mcp_routes']")}),
        # LiteLLM up to 1.77.
        (401, error(401, f"Authentication Error, {LIMITED.format(chr(91) + repr('mcp_routes') + ']')}")["body"]),
    ],
)
def test_a_key_for_mcp_only_is_signed_in(
    run: Run, fake: FakeProxy, env: dict[str, str], status: int, body: dict[str, Any]
) -> None:
    for path in ("/v1/models", "/key/info", "/user/info"):
        fake.on(path, body, status=status, times=None)
    fake.on(VERSION, {"litellm_version": "1"}, times=None)
    key_in_environment(run, fake, env)
    result = run("whoami", "--json")
    assert (result.json["signed_in"], result.json["routes"], result.json["models"]) == (True, ["mcp_routes"], None)
    assert result.stderr == ""
    shown = run("whoami", terminal=True, NO_COLOR="1")
    assert re.search(r"^routes +only mcp_routes$", shown, re.MULTILINE)


def test_routes_of_any_number_do_not_harm(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    fake.on("/v1/models", {"detail": LIMITED.format(["x" * 5000] * 500)}, status=403, times=None)
    known(fake, info={"allowed_routes": ["\u202e" * 9, 5, None, *["y" * 10**5] * 100]})
    key_in_environment(run, fake, env)
    assert len(run("whoami", terminal=True)) < 20_000


def test_the_routes_of_a_key_are_those_that_it_has(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    known(fake, info={"allowed_routes": ["info_routes"]})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["routes"] == ["info_routes"]


def test_the_version_is_where_older_proxies_tell_it(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    accept(fake).on(VERSION, {"detail": "Not Found"}, status=404)
    fake.on(OLD_VERSION, {"status": "healthy", "litellm_version": "1.70.0"})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["proxy_version"] == "1.70.0"


@pytest.mark.parametrize(("version", "shown"), [(7, None), (["1"], None), ("", None), ("9" * 1000, "9" * 40)])
def test_a_version_that_is_none_is_passed_over(
    run: Run, fake: FakeProxy, env: dict[str, str], version: Any, shown: str | None
) -> None:
    known(fake, version=version)
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["proxy_version"] == shown


def test_the_models_are_those_of_the_cached_list_or_those_that_the_proxy_names(
    run: Run, fake: FakeProxy, env: dict[str, str]
) -> None:
    fake.models(row("a"), row("b"), row("c"))
    known(fake)
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["models"] == 1
    run("models")
    assert run("whoami", "--json").json["models"] == 3


def test_the_end_of_a_login_is_what_login_stored(run: Run, fake: FakeProxy) -> None:
    known(fake, info={**INFO, "expires": "2031-01-01T00:00:00Z"})
    ends = int(time.time()) + HOUR
    sign_in(run, fake, key=json_web_token(exp=ends))
    assert run("whoami", "--json").json["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))


def test_the_end_of_another_key_is_what_the_proxy_says(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    known(fake, info={**INFO, "expires": "2031-01-01T00:00:00.5+00:00"})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["expires_at"] == "2031-01-01T00:00:00Z"


def test_that_a_key_is_over_its_budget_is_a_warning(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    fake.on("/v1/models", **error(422, "Budget has been exceeded!", "budget_exceeded"))
    known(fake)
    key_in_environment(run, fake, env)
    result = run("whoami", "--json")
    assert (result.json["signed_in"], result.json["models"]) == (True, None)
    assert "Budget has been exceeded!" in result.stderr


def test_the_variables_that_are_put_aside_are_named(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    known(fake)
    sign_in(run, fake)
    env.update({"LITELLM_API_KEY": "sk-env", "LITELLM_API_KEY_HELPER": "false", "LITELLM_PROXY_API_KEY": "sk-other"})
    result = run("whoami", "--json")
    assert result.json["shadowed"] == ["LITELLM_API_KEY_HELPER", "LITELLM_API_KEY", "LITELLM_PROXY_API_KEY"]
    assert result.stderr == ""
    shown = run("whoami", terminal=True, NO_COLOR="1")
    words = " ".join(shown.split("ignored variables")[1].split())
    names = "LITELLM_API_KEY_HELPER, LITELLM_API_KEY, LITELLM_PROXY_API_KEY"
    assert words == f"{names} (the stored login of profile default is used)"
    assert shown.stderr == ""


# What the proxy may answer


HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 7, 1.5, 1e308, "", "5", "1e9", "\x1b[2J\x00\r\n\t", "\u202e\ud800", "x" * 100_000),
    *([], [1], {}, {"a": {"b": []}}, [[[]]]),
]
TIMES = ["0001-01-01", "9999-12-31T23:59:59-23:59", "2030-13-01T00:00:00Z", "2030-02-30", "T", "20300101", "-1"]
NAMES = [
    *("user_id", "team_id", "spend", "max_budget", "budget_reset_at", "expires", "key_alias"),
    *("user_email", "user_role"),
]


@pytest.mark.parametrize("value", [*HOSTILE, *TIMES], ids=lambda value: repr(value)[:20])
def test_fields_of_any_kind_do_not_harm(run: Run, fake: FakeProxy, env: dict[str, str], value: Any) -> None:
    every = dict.fromkeys(NAMES, value)
    teams = [value, {"team_id": value, "team_alias": value}]
    known(fake, info=every, user={**every, "user_info": every, "teams": teams}, version=value)
    key_in_environment(run, fake, env)
    told = run("whoami", "--json").json
    assert list(told) == FIELDS
    for name in ("user_id", "user_email", "team_id", "team_alias", "role", "expires_at", "budget_reset_at"):
        assert told[name] is None or isinstance(told[name], str)
    for name in ("spend", "max_budget"):
        assert told[name] is None or (isinstance(told[name], int | float) and not isinstance(told[name], bool))
    for name in ("expires_at", "budget_reset_at"):
        assert told[name] is None or re.fullmatch(r"\d+-\d\d-\d\dT\d\d:\d\d:\d\dZ", told[name])
    shown = run("whoami", terminal=True, NO_COLOR="1")
    assert not set("\x1b\x00\r\t\u202e\ud800") & set(shown)
    assert len(run("whoami").splitlines()) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_an_amount_that_is_no_number_is_unknown(run: Run, fake: FakeProxy, env: dict[str, str], number: str) -> None:
    accept(fake, info={}).on(VERSION, {"litellm_version": "1"}, times=None)
    fake._routes[("GET", "/key/info")].clear()
    fake.on("/key/info", b'{"info": {"spend": %b, "max_budget": %b}}' % (number.encode(), number.encode()))
    key_in_environment(run, fake, env)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    told = json.loads(run("whoami", "--json"), parse_constant=refuse)
    assert (told["spend"], told["max_budget"]) == (None, None)


def test_an_amount_beyond_all_numbers_is_unknown(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    known(fake, info={"spend": 10**400, "max_budget": 5})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["spend"] is None


@pytest.mark.parametrize("path", ["/key/info", "/user/info", VERSION])
@pytest.mark.parametrize(
    "answered",
    [
        {"status": 403, "body": {"detail": "not for you"}},
        {"status": 500, "body": {}},
        {"body": b"<html>"},
        {"body": []},
        {"body": "text"},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"},
        {"status": 302, "headers": {"Location": "https://sso.example.com"}},
    ],
    ids=lambda value: json.dumps(value, default=repr)[:40] if isinstance(value, dict) else None,
)
def test_whatever_else_the_proxy_answers_is_unknown(
    run: Run, fake: FakeProxy, env: dict[str, str], path: str, answered: dict[str, Any]
) -> None:
    fake.on(path, **answered, times=None)
    known(fake)
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["signed_in"] is True


# The exit code


@pytest.mark.parametrize("output", [["--json"], ["-o", "table"], []], ids=["json", "table", "tsv"])
@pytest.mark.parametrize(
    ("answered", "code", "signed_in"),
    [
        pytest.param({"body": {"data": []}}, 0, True, id="taken"),
        pytest.param(error(401, "unknown", "token_not_found_in_db"), 4, False, id="unknown"),
        pytest.param(error(400, "No connected db.", "no_db_connection"), 4, False, id="no database"),
        pytest.param(error(500, "broken", "internal"), 3, None, id="broken"),
        pytest.param({"body": b"<html>"}, 3, None, id="web page"),
        pytest.param({"raw": b""}, 3, None, id="no answer"),
    ],
)
def test_the_exit_code_is_the_same_in_every_format_and_the_data_is_there(
    run: Run, fake: FakeProxy, output: list[str], answered: dict[str, Any], code: int, signed_in: bool | None
) -> None:
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}).on("/v1/models", **answered, times=None)
    known(fake)
    sign_in(run, fake)
    result = run("whoami", *output, exit=code)
    if "--json" in output:
        assert list(result.json) == FIELDS
        assert result.json["signed_in"] is signed_in
        assert result.json["user_email"] == "ada@example.com"
    else:
        assert fake.url in result
        assert "ada@example.com" in result
    if "table" in output:
        words = {True: "yes", False: "no", None: "unknown"}
        assert f"{words[signed_in]}\n" in result
    if code:
        assert ("error" if "--json" in output else "Error: ") in result.stderr
        assert "litellmctl login" in result.stderr or code == 3


def test_a_key_that_works_for_nothing_is_not_signed_in(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    for path in ("/v1/models", "/model/info"):
        fake.on(path, {"detail": "not allowed"}, status=403)
    key_in_environment(run, fake, env)
    result = run("whoami", "--json", exit=4)
    assert (result.json["signed_in"], result.error["code"]) == (False, "forbidden")


@pytest.mark.parametrize("output", [["--json"], ["-o", "table"]])
def test_nobody_signed_in_is_exit_4_with_data(run: Run, fake: FakeProxy, output: list[str]) -> None:
    run("config", "set", "base_url", fake.url)
    result = run("whoami", *output, exit=4)
    if "--json" in output:
        assert list(result.json) == FIELDS
        assert (result.json["signed_in"], result.json["base_url"], result.json["kind"]) == (False, fake.url, None)
    else:
        assert fake.url in result
    assert "litellmctl login" in result.stderr


def test_a_login_that_has_expired_is_told_of_and_is_exit_4(run: Run, fake: FakeProxy, home: Path) -> None:
    known(fake)
    sign_in(run, fake, key=json_web_token(exp=int(time.time()) + HOUR))
    expire(home)
    asked = len(fake.requests)
    result = run("whoami", "--json", exit=4)
    assert (result.json["signed_in"], result.json["user_email"]) == (False, "ada@example.com")
    assert result.json["expires_at"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert re.search(r"expires +\S+ \(expired\)", run("whoami", terminal=True, NO_COLOR="1", exit=4))
    assert len(fake.requests) == asked


def test_a_helper_that_fails_is_told_of(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY_HELPER": "false"})
    result = run("whoami", "--json", exit=2)
    assert (result.json["signed_in"], result.json["kind"]) == (None, "helper")


# Offline


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_offline_it_tells_what_is_known_here(
    run: Run, fake: FakeProxy, env: dict[str, str], credential: Credential
) -> None:
    credential(run, known(fake), env)
    run("models")
    asked = len(fake.requests)
    kind, source, storage = CREDENTIALS[credential]
    result = run("whoami", "--json", "--offline")
    assert run("whoami", "--json", LITELLM_OFFLINE="1") == result
    told = result.json
    assert list(told) == FIELDS
    assert (told["signed_in"], told["kind"], told["source"], told["storage"]) == (None, kind, source, storage)
    assert (told["base_url"], told["models"], told["spend"], told["proxy_version"]) == (fake.url, 1, None, None)
    stored = source == "stored"
    assert (told["user_email"], told["team_alias"]) == (("ada@example.com", "Analysts") if stored else (None, None))
    assert len(fake.requests) == asked


def test_offline_no_vault_is_opened_and_no_command_run(
    run: Run, fake: FakeProxy, env: dict[str, str], home: Path
) -> None:
    known(fake)
    sign_in(run, fake)
    (home / "config/secrets.json").write_text("damaged")
    assert run("whoami", "--json", "--offline").json["user_id"] == "u-1"
    env.update({"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY_HELPER": "false"})
    assert run("whoami", "--json", "--offline", "--auth", "helper").json["kind"] == "helper"


# What it leaves alone


def test_it_shows_no_secret_and_changes_nothing(run: Run, fake: FakeProxy, home: Path) -> None:
    known(fake)
    sign_in(run, fake)
    before = kept(home)
    for output in ([], ["--json"], ["-o", "table"], ["-v"]):
        result = run("whoami", *output)
        assert KEY not in result + result.stderr
    assert kept(home) == before
    assert files_with(home, KEY) == {"secrets.json"}


def test_that_a_virtual_key_ends_soon_is_said_once(run: Run, fake: FakeProxy) -> None:
    make_key(fake, body={"key": MADE, "expires": at(time.time() + HOUR)})
    sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u"))
    fake.on("/v1/models", {"data": []}).on(VERSION, {"litellm_version": "1"})
    assert run("whoami", "--json").stderr.count(" expires in ") == 1


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_proxy_that_trickles_cannot_hold_us(fake: FakeProxy, start: Start, interrupted: bool) -> None:
    fake.on("/key/info", respond=trickle(b"HTTP/1.1 200 OK\r\nX-A: ", 0.25))
    known(fake)
    words = ["whoami", *([] if interrupted else ["--timeout", "1"])]
    begin = time.monotonic()
    process = start(*words, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY=KEY)
    if interrupted:
        until(lambda: "/key/info" in fake.asked)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    seconds = time.monotonic() - begin
    assert process.returncode == (130 if interrupted else 3)
    assert seconds < 4


def test_what_the_proxy_tells_is_asked_at_once(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    every = threading.Barrier(3)
    for path in ("/key/info", "/user/info", VERSION):
        fake.on(path, respond=after(lambda: every.wait(20), {"litellm_version": "1"}))
    fake.on("/v1/models", {"data": []})
    key_in_environment(run, fake, env)
    assert run("whoami", "--json").json["proxy_version"] == "1"
