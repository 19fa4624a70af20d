"""Signing in: what is asked, what is sent, what is stored where, and what a failure leaves as it was."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from litellmctl.commands.login import FIELDS
from litellmctl.commands.whoami import FIELDS as ACCOUNT_FIELDS
from tests.answers import after, http, late
from tests.conftest import Result, Run, Start
from tests.contract.signing_in import (
    DAY,
    HOUR,
    KEY,
    MADE,
    SECOND,
    SSO,
    USER,
    accept,
    at,
    files_with,
    kept,
    login_of,
    make_key,
    posted,
    secret_of,
    secrets_in,
    sign_in,
    tell,
    unfolded,
)
from tests.contract.tools import TWO, listings, offering
from tests.fake_proxy import FakeProxy, error, row
from tests.logins import json_web_token

# With a key on stdin


def test_a_key_is_verified_with_one_request_before_anything_is_stored(run: Run, fake: FakeProxy, home: Path) -> None:
    before: list[set[str]] = []
    models = {"data": [{"id": "gpt"}, {"id": "claude"}]}
    fake.on("/v1/models", respond=after(lambda: before.append(files_with(home, KEY)), models))
    fake.on("/key/info", {"info": {}}).on("/user/info", USER).models(row("gpt"), row("claude"))
    sign_in(run, fake)
    assert fake.asked[0] == "/v1/models"
    assert sorted(fake.asked[1:3]) == ["/key/info", "/user/info"]
    assert fake.asked[3:] == ["/model/info"]
    assert {request.headers["Authorization"] for request in fake.requests} == {f"Bearer {KEY}"}
    assert before == [set()]
    assert secret_of(home)["token"] == KEY


def test_the_last_lines_say_how_many_models_until_when_and_who_is_signed_in_where(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    ends = time.time() + 5 * DAY
    accept(fake, "gpt", "claude", info={"user_id": "u-1", "team_id": "t-1", "expires": at(ends)}, user=USER)
    fake.on("/team/t-1/members/me", status=404, times=None)
    result = sign_in(run, fake)
    assert result == ""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(ends)))
    secrets = home / "config/secrets.json"
    assert result.stderr.splitlines() == [
        f"No keyring (LITELLMCTL_KEYRING=off): saved the secret in {secrets}, readable only by you.",
        f"2 models; the login expires in 5 days ({until}).",
        f"✓ Signed in to {fake.url} as ada@example.com, team Analysts (file)",
    ]
    login = login_of(home)
    assert login | {"id": "", "issued_at": 0} == {
        "base_url": fake.url,
        "id": "",
        "kind": "api_key",
        "storage": "file",
        "issued_at": 0,
        "expires_at": int(ends),
        "user_id": "u-1",
        "user_email": "ada@example.com",
        "team_id": "t-1",
        "team_alias": "Analysts",
    }
    assert abs(login["issued_at"] - time.time()) < 60
    assert secret_of(home)["expires_at"] == int(ends)


def test_what_the_proxy_does_not_tell_is_left_out(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}).models(row("gpt"))
    fake.on("/key/info", {"detail": "not for you"}, status=403).on("/user/info", status=404)
    lines = sign_in(run, fake).stderr.splitlines()[-2:]
    assert lines == ["1 model.", f"✓ Signed in to {fake.url} (file)"]
    assert "expires_at" not in login_of(home)


def test_a_keys_own_name_says_who_where_nothing_else_does(run: Run, fake: FakeProxy) -> None:
    accept(fake, info={"key_alias": "ci-runner", "user_id": None})
    assert f"✓ Signed in to {fake.url} as ci-runner (file)" in sign_in(run, fake).stderr


def test_a_login_is_quiet_where_that_is_asked_for(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    result = sign_in(run, fake, "--quiet")
    assert (result, result.stderr) == ("", "")
    assert secret_of(home)["token"] == KEY


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_files_are_for_the_user_alone_from_the_first_moment(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    before = os.umask(0)
    try:
        sign_in(run, fake)
    finally:
        os.umask(before)
    folder = home / "config"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()} == {
        "logins.json": "0o600",
        "logins.json.lock": "0o600",
        "secrets.json": "0o600",
    }


@pytest.mark.parametrize("options", [[], ["-v"], ["--json"], ["-v", "--json"]], ids=" ".join)
def test_the_key_is_in_the_vault_and_nowhere_else(run: Run, fake: FakeProxy, home: Path, options: list[str]) -> None:
    accept(fake, user=USER).on("/public/model_hub/info", {"litellm_version": "1.106.2"}, times=None)
    results = [
        sign_in(run, fake, *options, LITELLM_VERBOSE_DISCOVERY="1"),
        run("models", "--refresh", *options),
        run("whoami", *options),
        run("config", "list", *options),
        run("config", "list", "--profiles", *options),
    ]
    assert files_with(home, KEY) == {"secrets.json"}
    assert not any(KEY in result + result.stderr for result in results)
    if "-v" in options:
        assert "GET /v1/models 200" in results[0].stderr
    run("logout", *options)
    assert files_with(home, KEY) == set()


@pytest.mark.parametrize(
    "typed",
    [
        f"{KEY}",
        f"{KEY}\n",
        f"{KEY}\r\n",
        f"\n\n  \t{KEY} \t\r\n\r\n",
        f"Bearer {KEY}\n",
        f"bearer  {KEY}",
        f"Authorization: Bearer {KEY}\r\n",
        f"authorization:Bearer {KEY}",
        f"Authorization: {KEY}",
    ],
)
def test_a_key_is_taken_as_people_pipe_it(run: Run, fake: FakeProxy, home: Path, typed: str) -> None:
    accept(fake)
    run("login", "--with-token", "--base-url", f"{fake.url}/v1/", stdin=typed)
    assert secret_of(home) | {"issued_at": 0} == {
        "base_url": fake.url,
        "token": KEY,
        "issued_at": 0,
        "expires_at": None,
        "refresh_token": None,
    }


def test_a_json_web_token_is_single_sign_on_and_says_itself_until_when(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    ends = int(time.time()) + 2 * HOUR
    token = json_web_token(user_id="u-1", exp=ends)
    result = sign_in(run, fake, key=token)
    assert f"✓ Signed in to {fake.url} (file)" in result.stderr
    assert "the login expires in 2 hours (" in result.stderr
    assert login_of(home)["kind"] == "sso"
    assert login_of(home)["expires_at"] == pytest.approx(ends, abs=2)
    assert run("token") == token + "\n"


def test_the_key_inside_a_json_web_token_is_used_where_the_proxy_does_not_take_the_token(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    # LiteLLM's own pages keep such a token, which is theirs alone; the key in it is the user's.
    ends = int(time.time()) + HOUR
    token = json_web_token(user_id="u-1", key=KEY, exp=ends)
    fake.on("/v1/models", **error(401, "not for you")).on("/v1/models", {"data": [{"id": "gpt"}]})
    tell(fake).models(row("gpt"))
    sign_in(run, fake, key=token)
    keys = [request.headers["Authorization"] for request in fake.requests]
    assert (keys[:2], set(keys[2:])) == ([f"Bearer {token}", f"Bearer {KEY}"], {f"Bearer {KEY}"})
    assert secret_of(home)["token"] == KEY
    assert (login_of(home)["kind"], login_of(home)["expires_at"]) == ("sso", pytest.approx(ends, abs=2))
    assert files_with(home, token) == set()


def test_the_key_inside_a_json_web_token_that_works_is_not_used(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    token = json_web_token(user_id="u-1", key=KEY)
    sign_in(run, fake, key=token)
    assert secret_of(home)["token"] == token


@pytest.mark.parametrize("inner", [KEY, "sk-a\nb", "sk-é", "", 7, None, ["sk-x"], "other"])
def test_a_json_web_token_is_refused_where_the_key_inside_is_no_better(
    run: Run, fake: FakeProxy, home: Path, inner: Any
) -> None:
    fake.on("/v1/models", times=None, **error(401, "not for you"))
    result = sign_in(run, fake, "--json", key=json_web_token(key=inner), exit=2 if inner == "sk-a\nb" else 4)
    assert "sk-" not in result.stderr
    assert len(fake.requests) == (2 if inner == KEY else 1)
    assert kept(home) == {}


def test_the_token_of_a_sign_in_by_another_program_is_single_sign_on(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake, key="litellm_login_gAAAAABn-opaque")
    assert login_of(home)["kind"] == "sso"


def test_a_token_that_has_expired_is_not_stored_even_where_the_proxy_takes_it(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    result = sign_in(run, fake, "--json", key=json_web_token(exp=int(time.time()) - 10), exit=4)
    assert result.error["code"] == "auth_failed"
    assert kept(home) == {}


def test_a_profiles_headers_and_key_header_are_used_for_its_own_proxy_only(
    run: Run, fake: FakeProxy, env: dict[str, str]
) -> None:
    env["TEAM"] = "blue"
    run("config", "set", "base_url", fake.url)
    run("config", "set", "headers.x-team", "$TEAM")
    run("config", "set", "key_header", "x-litellm-api-key")
    accept(fake)
    run("login", "--with-token", stdin=KEY)
    for request in fake.requests:
        assert (request.headers["x-litellm-api-key"], request.headers["x-team"]) == (KEY, "blue")
        assert "Authorization" not in request.headers
    fake.requests.clear()
    fake.on("/elsewhere/v1/models", {"data": [{"id": "gpt"}]}).on("/elsewhere/model/info", {"data": [row("gpt")]})
    fake.on("/elsewhere/key/info", {}).on("/elsewhere/user/info", {})
    run("login", "--with-token", "--base-url", f"{fake.url}/elsewhere", stdin=KEY)
    assert [request.headers.get("x-team") for request in fake.requests] == [None] * 4


# Bad input on stdin


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "empty"),
        (" \t\r\n \n", "empty"),
        ("Bearer", "empty"),
        ("Authorization: Bearer \n", "empty"),
        ("Authorization:", "empty"),
        (f"{KEY}\n{SECOND}\n", "several lines"),
        (f"{KEY}\r{SECOND}", "several lines"),
        (f"export KEY={KEY} x", "several lines or words"),
        (f"Authorization: Bearer {KEY}\nx-evil: 1", "several lines"),
        (f"{KEY}é", "non-ASCII"),
        (f"{KEY}\u2028{SECOND}", "several lines"),
        (f"{KEY}\x00", "control character"),
        (f"{KEY}\x1b[31m", "control character"),
        (f"{KEY}\x7f", "control character"),
        (f"\ufeff{KEY}", "non-ASCII"),
        ("sk-" + "x" * 100_000, "too long"),
        (" " * 100_000 + KEY, "too long"),
    ],
)
def test_what_is_no_key_is_exit_2_and_nothing_is_sent(
    run: Run, fake: FakeProxy, home: Path, typed: str, words: str
) -> None:
    result = run("login", "--with-token", "--base-url", fake.url, "--json", stdin=typed, exit=2)
    assert words in result.error["message"]
    assert result.error["remedy"]
    assert "sk-" not in result.stderr
    assert (fake.requests, kept(home)) == ([], {})


def test_bytes_that_are_no_text_are_exit_2(env: dict[str, str], fake: FakeProxy, home: Path) -> None:
    for data in (b"\xff\xfe\x00s\x00k", bytes(range(256)) * 10, b"sk-\xe9"):
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", "login", "--with-token", "--base-url", fake.url],
            env=env,
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 2
    assert (fake.requests, kept(home)) == ([], {})


def test_a_stdin_that_is_closed_is_an_empty_key(env: dict[str, str], fake: FakeProxy) -> None:
    words = f"exec {sys.executable} -m litellmctl login --with-token --base-url {fake.url} <&-"
    done = subprocess.run(["sh", "-c", words], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "empty" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sso"], "--sso"),
        (["--flow", "paste"], "--flow"),
        (["--no-browser"], "--no-browser"),
        (["--callback-port", "8085"], "--callback-port"),
        (["--team", "t-1"], "--team"),
    ],
)
def test_what_is_about_single_sign_on_does_not_go_with_a_key(
    run: Run, fake: FakeProxy, arguments: list[str], words: str
) -> None:
    assert words in sign_in(run, fake, *arguments, exit=2).stderr
    assert fake.requests == []


@pytest.mark.parametrize(
    "arguments", [["--flow", "magic"], ["--callback-port", "0"], ["--callback-port", "65536"], ["--storage", "cloud"]]
)
def test_options_out_of_range_are_exit_2(run: Run, fake: FakeProxy, arguments: list[str]) -> None:
    assert arguments[0] in run("login", "--base-url", fake.url, *arguments, exit=2).stderr
    assert fake.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("llm.example.com", "no scheme"),
        ("https://user:hunter2@llm.example.com", "user name or password"),
        ("http://llm.example.com", "--allow-insecure-http"),
        ("", "empty"),
    ],
)
def test_a_bad_url_is_exit_2_before_the_key_is_read(run: Run, fake: FakeProxy, url: str, words: str) -> None:
    result = run("login", "--with-token", "--base-url", url, stdin=KEY, exit=2)
    assert words in result.stderr
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("forbid", [["--offline"], []])
def test_offline_is_exit_3(run: Run, fake: FakeProxy, forbid: list[str]) -> None:
    offline = "1" if not forbid else None
    assert sign_in(run, fake, *forbid, "--json", exit=3, LITELLM_OFFLINE=offline).error["code"] == "offline"
    assert fake.requests == []


# A key that the proxy does not take

REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown": (error(401, "Invalid proxy server token passed", "token_not_found_in_db"), 4, "auth_failed"),
    "expired": (error(401, "Expired Key", "expired_key"), 4, "auth_failed"),
    "blocked": (error(401, "Key is blocked"), 4, "auth_failed"),
    "detail": ({"status": 401, "body": {"detail": "no"}}, 4, "auth_failed"),
    "no words": ({"status": 401, "body": b""}, 4, "auth_failed"),
    "no database": (error(400, "No connected db.", "no_db_connection"), 4, "auth_failed"),
    "bad request": (error(400, "what?", "bad_request"), 5, "rejected"),
    "no such path": ({"status": 404, "body": {"detail": "Not Found"}}, 5, "not_found"),
    "another server": ({"status": 404, "body": b"<h1>nginx</h1>"}, 3, "bad_response"),
    "web page": ({"body": b"<!DOCTYPE html><title>Sign in</title>"}, 3, "bad_response"),
    "empty": ({"body": b""}, 3, "bad_response"),
    "a list": ({"body": [{"id": "gpt"}]}, 3, "bad_response"),
    "no data": ({"body": {"object": "list"}}, 3, "bad_response"),
    "data is no list": ({"body": {"data": {"gpt": {}}}}, 3, "bad_response"),
    "half a body": ({"raw": b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"data": ['}, 3, "bad_response"),
    "broken": (error(500, "Internal Server Error", "internal"), 3, "server_error"),
    "overloaded": ({"status": 429, "body": {}, "headers": {"Retry-After": "60"}}, 3, "rate_limited"),
    "redirect": ({"status": 302, "headers": {"Location": "https://sso.example.com/login"}}, 3, "bad_response"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_key_that_is_not_taken_leaves_the_previous_login_as_it_was(
    run: Run, fake: FakeProxy, home: Path, name: str
) -> None:
    refusal, code, error_code = REFUSALS[name]
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}).on("/v1/models", **refusal).models(row("gpt"))
    tell(fake)
    sign_in(run, fake)
    before = kept(home)
    asked = len(fake.requests)
    result = sign_in(run, fake, "--json", "-v", key=SECOND, exit=code)
    assert result.error["code"] == error_code
    assert result.error["remedy"] or error_code == "rejected"
    assert [request.headers["Authorization"] for request in fake.requests[asked:]] == [f"Bearer {SECOND}"]
    assert kept(home) == before
    assert files_with(home, SECOND) == set()
    assert SECOND not in result.stderr
    assert run("token") == f"{KEY}\n"


@pytest.mark.parametrize("name", ["unknown", "web page", "broken"])
def test_a_key_that_is_not_taken_is_not_stored_where_nothing_was(
    run: Run, fake: FakeProxy, home: Path, name: str
) -> None:
    refusal, code, _ = REFUSALS[name]
    fake.on("/v1/models", **refusal)
    sign_in(run, fake, exit=code)
    assert kept(home) == {}
    assert run("config", "list", "--profiles", "--json").json[0]["signed_in"] is False


def test_a_proxy_that_cannot_be_reached_leaves_the_previous_login_as_it_was(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    sign_in(run, fake)
    before = kept(home)
    result = run("login", "--with-token", "--base-url", "http://127.0.0.1:9", "--json", stdin=SECOND, exit=3)
    assert result.error["code"] == "unreachable"
    assert kept(home) == before
    assert run("token") == f"{KEY}\n"


def test_a_key_that_works_for_nothing_is_exit_4(run: Run, fake: FakeProxy, home: Path) -> None:
    for path in ("/v1/models", "/model/info"):
        fake.on(path, {"detail": "Virtual key is not allowed to call this route."}, status=403)
    result = sign_in(run, fake, "--json", exit=4)
    assert result.error["code"] == "forbidden"
    assert "not allowed to call this route" in result.error["message"]
    assert kept(home) == {}


def test_a_key_that_may_only_ask_model_info_is_taken(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on("/v1/models", {"detail": "not allowed"}, status=403).models(row("gpt"), times=2)
    tell(fake)
    assert "\n1 model.\n" in sign_in(run, fake).stderr
    assert secret_of(home)["token"] == KEY


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_key_that_is_forbidden_one_thing_and_gets_no_answer_to_the_other_is_not_taken(
    run: Run, fake: FakeProxy, home: Path, status: int
) -> None:
    fake.on("/v1/models", {"detail": "not allowed"}, status=403).on("/model/info", {"detail": "no"}, status=status)
    sign_in(run, fake, exit=4)
    assert kept(home) == {}


def test_a_key_over_its_budget_is_a_key_all_the_same(run: Run, fake: FakeProxy, home: Path) -> None:
    over = error(422, "Budget has been exceeded! Max budget: 1.0", "budget_exceeded")
    fake.on("/v1/models", **over).on("/model/info", **over)
    tell(fake)
    result = sign_in(run, fake)
    assert "Warning: " in result.stderr
    assert "Budget has been exceeded" in result.stderr
    assert secret_of(home)["token"] == KEY


def test_a_key_without_models_is_warned_of(run: Run, fake: FakeProxy, home: Path) -> None:
    tell(fake.on("/v1/models", {"data": []})).models()
    result = sign_in(run, fake)
    assert "Warning: this key is not allowed to use any model" in result.stderr
    assert "\n0 models.\n" in result.stderr
    assert secret_of(home)["token"] == KEY


def test_a_list_of_models_that_fails_afterwards_is_a_warning(run: Run, fake: FakeProxy, home: Path) -> None:
    tell(fake.on("/v1/models", {"data": [{"id": "gpt"}, {"id": "claude"}]}))
    fake.on("/model/info", **error(500, "out of memory", "internal"))
    result = sign_in(run, fake)
    assert "Warning: cannot list the models" in result.stderr
    assert "\n2 models.\n" in result.stderr
    assert secret_of(home)["token"] == KEY


def test_how_many_of_the_models_are_for_chat_is_said_where_some_are_not(run: Run, fake: FakeProxy) -> None:
    tell(fake.on("/v1/models", {"data": []})).models(
        row("gpt"), row("embed", mode="embedding"), row("draw", mode="image")
    )
    assert "3 models, 1 of them for chat.\n" in sign_in(run, fake).stderr


def test_models_are_not_looked_for_where_that_is_switched_off(run: Run, fake: FakeProxy) -> None:
    tell(fake.on("/v1/models", {"data": [{"id": "gpt"}]}))
    assert "\n1 model.\n" in sign_in(run, fake, LITELLM_DISCOVERY_TIMEOUT_MS="0").stderr
    assert "/model/info" not in fake.asked


def test_a_variable_that_cannot_be_understood_does_not_hide_that_the_login_was_stored(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    fake.on("/v1/models", {"data": []}, times=None)
    tell(fake)
    result = sign_in(run, fake, exit=2, LITELLM_DISCOVERY_TIMEOUT_MS="soon")
    assert "LITELLM_DISCOVERY_TIMEOUT_MS" in result.stderr
    assert ("✓ Signed in to" in result.stderr) == bool(kept(home))


def test_an_amount_of_money_beyond_all_numbers_does_not_spoil_a_login(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake, info={"spend": 10**400, "max_budget": 10**400})
    sign_in(run, fake)
    assert secret_of(home)["token"] == KEY


@pytest.mark.parametrize("path", ["/v1/models", "/key/generate", "/model/info"])
def test_a_proxy_that_repeats_the_key_does_not_make_us_show_it(run: Run, fake: FakeProxy, path: str) -> None:
    # LiteLLM before 1.5x: "LiteLLM Virtual Key expected. Received={api_key}, expected to start with 'sk-'."
    token = json_web_token(sub="u-1", exp=int(time.time()) + HOUR)
    status = 400 if path == "/model/info" else 401
    refusal = error(status, f"LiteLLM Virtual Key expected. Received={token}, expected to start with 'sk-'.")
    if path != "/v1/models":
        fake.on("/v1/models", {"data": []}, times=None)
    fake.on(path, method="POST" if path == "/key/generate" else "GET", times=None, **refusal)
    accept(fake)
    option = ["--virtual-key"] if path == "/key/generate" else []
    result = sign_in(run, fake, *option, key=token, exit=4 if path == "/v1/models" else 0)
    assert "Virtual Key expected" in result.stderr
    assert token not in result.stderr


@pytest.mark.parametrize("path", ["/key/info", "/user/info"])
@pytest.mark.parametrize(
    "answered",
    [
        {"status": 401, "body": {"error": {"message": "no", "type": "auth_error"}}},
        {"status": 500, "body": {}},
        {"body": b"<html>"},
        {"body": []},
        {"body": {"info": [1], "user_info": "x", "teams": {"a": 1}}},
        {"body": {"info": {"user_id": 7, "team_id": ["t"], "expires": 12, "key_alias": {}, "spend": "much"}}},
        {"body": {"info": {"expires": "tomorrow"}, "user_id": {}, "user_info": {"user_email": 5, "user_role": []}}},
        {"body": {"info": {"expires": "9999-12-31T23:59:59.999999-23:59"}, "teams": [None, 1, {"team_id": None}]}},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"},
        {"raw": b""},
    ],
    ids=lambda value: json.dumps(value, default=repr)[:40] if isinstance(value, dict) else None,
)
def test_a_login_is_good_without_anybody_telling_whose_it_is(
    run: Run, fake: FakeProxy, home: Path, path: str, answered: dict[str, Any]
) -> None:
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}).models(row("gpt")).on(path, **answered, times=None)
    tell(fake)
    sign_in(run, fake)
    assert secret_of(home)["token"] == KEY
    assert run("token") == f"{KEY}\n"


def test_what_the_proxy_tells_cannot_act_on_the_terminal(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake, info={"user_id": "a\x1b[2Jb\nc\ud800", "team_id": "t\r\u202ex"})
    result = sign_in(run, fake, "--storage", "file")
    assert not {"\x1b", "\r", "\u202e"} & set(result.stderr)
    assert len(result.stderr.splitlines()) == 2
    run("token")


# Answers at a terminal


def test_the_questions_are_the_url_the_way_and_the_key(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake, user=USER).on(SSO, {"sso_configured": True})
    result = run("login", terminal=True, stdin=f"{fake.url}\n2\n{KEY}\n")
    assert result == ""
    shown = result.stderr
    questions = [
        "Proxy URL: ",
        "  1  Single sign-on, in a browser\n",
        "How do you want to sign in? [1]: ",
        "API key or token ",
    ]
    assert [shown.index(question) for question in questions] == sorted(shown.index(question) for question in questions)
    assert f"✓ Signed in to {fake.url} as ada@example.com" in unfolded(result)
    assert KEY not in shown
    assert fake.asked[:2] == [SSO, "/v1/models"]
    assert "Authorization" not in fake.requests[0].headers
    assert secret_of(home)["token"] == KEY


def test_a_proxy_without_single_sign_on_is_not_asked_which_way(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False})
    result = run("login", "--base-url", fake.url, terminal=True, stdin=f"{KEY}\n")
    assert f"{fake.url} has no single sign-on" in result.stderr
    assert "How do you want to sign in?" not in result.stderr


@pytest.mark.parametrize(
    "answered", [{"status": 404}, {"status": 401, "body": {}}, {"body": {}}, {"body": {"sso_configured": "yes"}}]
)
def test_a_key_is_proposed_where_the_proxy_does_not_say_whether_it_has_single_sign_on(
    run: Run, fake: FakeProxy, answered: dict[str, Any]
) -> None:
    accept(fake).on(SSO, **answered)
    result = run("login", "--base-url", fake.url, terminal=True, stdin=f"\n{KEY}\n")
    assert "How do you want to sign in? [2]: " in result.stderr
    assert "1  Single sign-on, in a browser (the proxy does not say if it is set up)\n" in result.stderr


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        ({"status": 500, "body": {}}, "server_error"),
        ({"body": b"<html>"}, "bad_response"),
        ({"body": []}, "bad_response"),
    ],
)
def test_what_is_no_proxy_is_told_before_anything_is_typed(
    run: Run, fake: FakeProxy, answered: dict[str, Any], code: str
) -> None:
    fake.on(SSO, **answered)
    result = run("login", "--base-url", fake.url, "--json", terminal=True, stdin=f"2\n{KEY}\n", exit=3)
    assert result.error["code"] == code
    assert fake.asked == [SSO]


@pytest.mark.parametrize("way", ["0", "3", "-1", "two", "1 2", "٢", "²", "", " "])
def test_an_answer_out_of_range_is_asked_again(run: Run, fake: FakeProxy, home: Path, way: str) -> None:
    accept(fake).on(SSO, status=404)
    default = not way.strip()
    result = run("login", "--base-url", fake.url, terminal=True, stdin=f"{way}\n" + ("" if default else "2\n") + KEY)
    assert result.stderr.count("How do you want to sign in?") == (1 if default else 2)
    assert secret_of(home)["token"] == KEY


@pytest.mark.parametrize("known", ["variable", "other variable", "profile", "previous", "profile before all"])
def test_enter_takes_the_url_that_is_known(run: Run, fake: FakeProxy, env: dict[str, str], known: str) -> None:
    accept(fake).on(SSO, {"sso_configured": False}, times=None)
    if known in {"variable", "profile before all"}:
        env["LITELLM_BASE_URL"] = fake.url if known == "variable" else "https://variable.example.com"
    if known == "other variable":
        env["LITELLM_PROXY_URL"] = f"{fake.url}/v1"
    if known in {"profile", "profile before all"}:
        run("config", "set", "base_url", fake.url)
    if known == "previous":
        sign_in(run, fake)
    result = run("login", terminal=True, stdin=f"\n{KEY}\n")
    assert f"Proxy URL [{fake.url}]: " in result.stderr
    assert f"✓ Signed in to {fake.url}" in unfolded(result)


def test_a_url_that_is_typed_goes_before_the_one_that_is_known(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False})
    run("login", terminal=True, stdin=f" {fake.url}/v1/ \n{KEY}\n", LITELLM_BASE_URL="https://llm.example.com")
    assert run("token", "--json").json["base_url"] == fake.url


def test_only_the_default_profile_is_offered_the_variables_url(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False})
    variables = {"LITELLM_BASE_URL": "https://llm.example.com"}
    result = run("login", "--profile", "work", terminal=True, stdin=f"{fake.url}\n{KEY}\n", **variables)
    assert "Proxy URL: " in result.stderr


def test_no_url_at_all_is_asked_again(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False})
    result = run("login", terminal=True, stdin=f"\n \n{fake.url}\n{KEY}\n")
    assert result.stderr.count("Proxy URL: ") == 3


def test_with_token_at_a_terminal_asks_for_the_key_alone(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake).on(SSO, {"sso_configured": True})
    result = run("login", "--with-token", terminal=True, stdin=f"Bearer {KEY}\n", LITELLM_BASE_URL=fake.url)
    assert "Proxy URL" not in result.stderr
    assert "API key or token (hidden): " in result.stderr
    assert secret_of(home)["token"] == KEY


@pytest.mark.parametrize("typed", ["", "URL\n", "URL\n2\n"], ids=["at the URL", "at the way", "at the key"])
def test_the_end_of_the_input_at_a_question_is_exit_130(run: Run, fake: FakeProxy, home: Path, typed: str) -> None:
    fake.on(SSO, {"sso_configured": True}, times=None)
    accept(fake)
    sign_in(run, fake)
    before = kept(home)
    result = run("login", terminal=True, stdin=typed.replace("URL", fake.url), exit=130)
    assert "the input ended" in result.stderr
    assert kept(home) == before


@pytest.mark.parametrize("typed", ["\n", "  \n"])
def test_no_key_is_exit_2(run: Run, fake: FakeProxy, typed: str) -> None:
    fake.on(SSO, {"sso_configured": True})
    run("login", "--with-token", "--base-url", fake.url, terminal=True, stdin=typed, exit=2)
    assert fake.asked == [SSO]


@pytest.mark.parametrize("typed", [f"{KEY} {SECOND}\n", "sk-\x1b[A\n", "sk-é\n"])
def test_what_is_no_key_is_asked_for_again(run: Run, fake: FakeProxy, home: Path, typed: str) -> None:
    accept(fake).on(SSO, {"sso_configured": True})
    result = run("login", "--with-token", "--base-url", fake.url, terminal=True, stdin=f"{typed}{KEY}\n")
    assert result.stderr.count("API key or token (hidden): ") == 2
    assert secret_of(home)["token"] == KEY


@pytest.mark.parametrize("way", ["questions", "--with-token", "paste"])
def test_a_key_that_the_proxy_refuses_is_asked_for_again_and_nothing_else_is(
    run: Run, fake: FakeProxy, home: Path, way: str
) -> None:
    fake.on(SSO, {"sso_configured": False}).on("/v1/models", **REFUSALS["unknown"][0])
    accept(fake)
    option = {"questions": [], "--with-token": ["--with-token"], "paste": ["--flow", "paste"]}[way]
    result = run("login", "--base-url", fake.url, *option, terminal=True, stdin=f"{SECOND}\n{KEY}\n")
    assert result.stderr.count("(hidden): ") == 2
    assert unfolded(result).count("Warning: ") == unfolded(result).count("Invalid proxy server token passed") == 1
    assert fake.asked.count(SSO) == 1
    assert secret_of(home)["token"] == KEY
    assert SECOND not in result.stderr


def test_a_key_is_asked_for_three_times_at_most(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on(SSO, {"sso_configured": False}).on("/v1/models", times=3, **REFUSALS["unknown"][0])
    result = run("login", "--base-url", fake.url, terminal=True, stdin=f"{KEY}\n" * 4, exit=4)
    assert result.stderr.count("(hidden): ") == 3
    assert kept(home) == {}


@pytest.mark.parametrize(("typed", "code"), [("\n", 4), ("", 130)], ids=["empty", "end of the input"])
def test_no_second_key_gives_up(run: Run, fake: FakeProxy, home: Path, typed: str, code: int) -> None:
    accept(fake)
    sign_in(run, fake)
    before = kept(home)
    other = FakeProxy()
    other.on(SSO, {"sso_configured": False}).on("/v1/models", **REFUSALS["unknown"][0])
    run("login", "--base-url", other.url, terminal=True, stdin=f"{SECOND}\n{typed}", exit=code)
    other.close()
    assert kept(home) == before


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("ftp://llm.example.com", "http"),
        ("https://", "no host"),
        ("https://user:hunter2@llm.example.com", "user name or password"),
        ("user:hunter2@llm.example.com", "user name or password"),
        ("sk-hunter2", "looks like an API key"),
        ("http://llm.example.com", "plain HTTP"),
        ("http://127.0.0.1:9", "connection refused"),
        ("llm example com", "a space"),
        ("llm.example.com?x=1", "query"),
        ("llm.example.com:99999", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("[::1", "not a valid URL"),
        ("[", "not a valid URL"),
        ("http://a]", "not a valid URL"),
    ],
)
def test_a_url_typed_wrong_is_asked_for_again(run: Run, fake: FakeProxy, typed: str, words: str) -> None:
    accept(fake).on(SSO, {"sso_configured": True})
    result = run("login", "--with-token", terminal=True, stdin=f"{typed}\n{fake.url}\n{KEY}\n")
    assert words in result.stderr
    assert "hunter2" not in result.stderr
    assert result.stderr.count("Proxy URL: ") == 2
    assert run("token") == f"{KEY}\n"


@pytest.mark.parametrize("page", ["/v1", "/ui", "/ui/login", "/ui/?page=api-keys"])
def test_a_url_is_taken_as_people_say_it(run: Run, fake: FakeProxy, page: str) -> None:
    accept(fake).on(SSO, {"sso_configured": True})
    run("login", "--with-token", terminal=True, stdin=f"127.0.0.1:{fake.port}{page}\n{KEY}\n")
    assert run("token", "--json").json["base_url"] == fake.url
    elsewhere = "127.0.0.2.example.invalid\n"
    result = run("login", "--profile", "work", "--with-token", terminal=True, stdin=elsewhere, exit=130)
    assert "cannot reach https://127.0.0.2.example.invalid:" in result.stderr
    assert result.stderr.count("Proxy URL: ") == 2


NO_PROXIES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "a web site": ({"body": b"<html>", "headers": {"Content-Type": "text/html"}}, None),
    "another API": ({"body": {"detail": "Not Found"}, "status": 404}, {"body": {"detail": "Not Found"}, "status": 404}),
    "a web server": ({"body": b"<html>", "status": 404}, {"body": b"<html>", "status": 404}),
    "down": ({"body": {}, "status": 503, "times": None}, None),
    "gone": ({"raw": b"", "times": None}, None),
}


@pytest.mark.parametrize("name", NO_PROXIES)
def test_what_is_no_proxy_is_never_given_a_key(run: Run, fake: FakeProxy, name: str) -> None:
    first, second = NO_PROXIES[name]
    fake.on(SSO, **first)
    if second is not None:
        fake.on("/v1/models", **second)
    for argument in (["--with-token"], []):
        result = run("login", fake.url, *argument, terminal=True, stdin=f"{KEY}\n", exit=3)
        assert "(hidden)" not in result.stderr
        assert "How do you want" not in result.stderr
        fake.on(SSO, **first)
        if second is not None:
            fake.on("/v1/models", **second)
    result = run("login", terminal=True, stdin=f"{fake.url}\n", exit=130)
    assert result.stderr.count("Proxy URL") == 2
    assert not any("Authorization" in request.headers for request in fake.requests)


@pytest.mark.parametrize(
    "refusal", [{"status": 401, "body": b"<html>"}, {"status": 403, "body": {"detail": "no"}}, {"body": {"data": []}}]
)
def test_a_proxy_that_hides_its_pages_is_one_all_the_same(
    run: Run, fake: FakeProxy, home: Path, refusal: dict[str, Any]
) -> None:
    fake.on(SSO, status=404).on("/v1/models", **refusal)
    accept(fake)
    run("login", fake.url, terminal=True, stdin=f"2\n{KEY}\n")
    assert secret_of(home)["token"] == KEY


def test_the_url_may_be_an_argument(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    run("login", f"127.0.0.1:{fake.port}/ui/login", "--with-token", "--base-url", f"{fake.url}/v1", stdin=KEY)
    assert run("token", "--json").json["base_url"] == fake.url
    run("login", "--profile", "work", fake.url, "--with-token", stdin=KEY, LITELLM_BASE_URL="https://llm.example.com")
    assert run("token", "--profile", "work", "--json").json["base_url"] == fake.url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://user:hunter2@llm.example.com", "user name or password"),
        ("file:///hunter2", "not an http or https URL"),
        ("https://llm.example.com/\x1b[31m", "control character"),
        ("https://llm.example.com/" + "a" * 10_000, "more than 2,000 characters"),
        ("sk-hunter2", "looks like an API key"),
        ("http://llm.example.com", "plain HTTP"),
    ],
)
def test_a_bad_url_as_an_argument_is_exit_2(run: Run, fake: FakeProxy, url: str, words: str) -> None:
    result = run("login", url, "--with-token", stdin=KEY, exit=2)
    assert words in result.stderr
    assert "hunter2" not in result.stderr.replace("file:///hunter2", "")


def test_a_url_and_another_base_url_are_exit_2(run: Run, fake: FakeProxy) -> None:
    result = run("login", "https://llm.example.com", "--with-token", "--base-url", fake.url, stdin=KEY, exit=2)
    assert "different proxies" in result.stderr
    assert fake.requests == []


# Without a terminal


@pytest.mark.parametrize("forbid", ["no terminal", "option", "variable"])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["--sso", "--with-token"]),
        (["--base-url", "URL"], ["--sso", "--with-token"]),
        (["--with-token"], ["litellmctl login https://HOST --with-token"]),
        (["--sso"], ["litellmctl login https://HOST --sso"]),
        (["--sso", "--flow", "paste", "--base-url", "URL"], ["--with-token"]),
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_is_exit_2_and_names_the_option(
    run: Run, fake: FakeProxy, forbid: str, arguments: list[str], named: list[str]
) -> None:
    given = [fake.url if word == "URL" else word for word in arguments]
    given += ["--no-input"] if forbid == "option" else []
    result = run(
        "login",
        *given,
        "--json",
        exit=2,
        terminal=forbid != "no terminal",
        stdin=f"{fake.url}\n2\n{KEY}\n",
        LITELLMCTL_NO_INPUT="1" if forbid == "variable" else None,
    )
    assert result.error["code"] == "input_required"
    assert all(name in result.error["remedy"] for name in named)
    assert fake.requests == []


def test_a_hidden_question_is_not_asked_where_nobody_may_be_asked(run: Run, fake: FakeProxy) -> None:
    result = run("login", "--with-token", "--no-input", "--base-url", fake.url, terminal=True, stdin=f"{KEY}\n", exit=2)
    assert "--with-token" in result.stderr
    assert fake.requests == []


def test_the_url_need_not_be_named_where_it_is_known(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    accept(fake)
    run("login", "--with-token", stdin=KEY, LITELLM_BASE_URL=fake.url)
    run("login", "--with-token", stdin=KEY)
    run("logout")
    run("login", "--with-token", stdin=KEY)
    assert run("token") == f"{KEY}\n"


# Where the secret goes


def test_storage_file_keeps_it_in_the_file(run: Run, fake: FakeProxy, home: Path, env: dict[str, str]) -> None:
    accept(fake)
    del env["LITELLMCTL_KEYRING"]
    result = sign_in(run, fake, "--storage", "file")
    assert "No keyring" not in result.stderr
    assert login_of(home)["storage"] == "file"


@pytest.mark.parametrize("backend", ["null", "fail", None])
def test_where_there_is_no_keyring_one_line_says_why_and_where(
    run: Run, run_process: Run, fake: FakeProxy, home: Path, backend: str | None
) -> None:
    accept(fake)
    if backend is None:
        result = sign_in(run, fake)
    else:
        name = f"keyring.backends.{backend}.Keyring"
        result = sign_in(run_process, fake, LITELLMCTL_KEYRING=None, PYTHON_KEYRING_BACKEND=name)
    told = [line for line in result.stderr.splitlines() if line.startswith("No keyring (")]
    assert len(told) == 1
    assert f": saved the secret in {home}/config/secrets.json, readable only by you." in told[0]
    assert result.stderr.count("secrets.json") == 1
    assert login_of(home)["storage"] == "file"


def test_a_keyring_that_is_switched_off_and_insisted_on_is_exit_1(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    before, asked = kept(home), len(fake.requests)
    result = sign_in(run, fake, "--storage", "keyring", "--json", key=SECOND, exit=1)
    assert result.error["code"] == "keyring"
    assert "unset LITELLMCTL_KEYRING" in result.error["remedy"]
    assert "--storage file" in result.error["remedy"]
    assert (kept(home), len(fake.requests)) == (before, asked)


BROKEN_LOGINS: dict[str, tuple[bytes | None, int, str]] = {
    "newer": (b'{"version": 2, "logins": {}}', 2, "newer litellmctl"),
    "truncated": (b'{"version": 1, "logins": {"default": {"base_url": "ht', 2, "line 1, column"),
    "empty": (b"", 2, "line 1, column 1"),
    "of another shape": (b'{"version": 1, "logins": []}', 2, "logins is not valid"),
    "a folder": (None, 2, "is a directory"),
}


@pytest.mark.parametrize("name", BROKEN_LOGINS)
def test_logins_that_cannot_be_read_are_left_untouched_and_nothing_is_sent(
    run: Run, fake: FakeProxy, home: Path, name: str
) -> None:
    content, code, words = BROKEN_LOGINS[name]
    path = home / "config/logins.json"
    path.parent.mkdir(parents=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    for arguments in (["login", "--with-token", "--base-url", fake.url], ["token"], ["whoami"], ["logout"], ["models"]):
        result = run(*arguments, "--json", stdin=KEY, exit=code, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-env")
        assert result.error["code"] == "config"
        assert words in result.error["message"]
        assert str(path) in result.error["message"]
    assert fake.requests == []
    assert path.is_dir() if content is None else path.read_bytes() == content
    assert not (home / "config/secrets.json").exists()


def test_a_folder_that_cannot_be_made_is_exit_1_and_nothing_is_sent(
    run: Run, fake: FakeProxy, home: Path, env: dict[str, str]
) -> None:
    (home / "file").write_text("")
    env["LITELLMCTL_CONFIG_DIR"] = str(home / "file/below")
    assert sign_in(run, fake, "--json", exit=1).error["code"] == "file"
    assert fake.requests == []


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_leaves_the_previous_login_as_it_was(
    run: Run, env: dict[str, str], fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    sign_in(run, fake)
    before = kept(home)
    words = f"ulimit -f 0; exec {sys.executable} -B -m litellmctl login --with-token --json --base-url {fake.url}"
    done = subprocess.run(
        ["sh", "-c", words], env=env, input=SECOND, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "file"
    assert kept(home) == before
    assert run("token") == f"{KEY}\n"


@pytest.mark.parametrize(
    "content", [b"{", b'{"version": 2, "secrets": {}}', b"", None], ids=["truncated", "newer", "empty", "a folder"]
)
def test_a_file_of_secrets_that_is_damaged_is_left_untouched_and_so_are_the_logins(
    run: Run, fake: FakeProxy, home: Path, content: bytes | None
) -> None:
    accept(fake)
    sign_in(run, fake)
    path = home / "config/secrets.json"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    logins = (home / "config/logins.json").read_bytes()
    code = 1 if content is None else 2
    result = sign_in(run, fake, "--json", key=SECOND, exit=code)
    assert str(path) in result.error["message"]
    assert run("token", "--json", exit=code).error["code"] == ("file" if content is None else "config")
    assert run("logout", "--json", exit=code).error["code"] == ("file" if content is None else "config")
    assert (home / "config/logins.json").read_bytes() == logins
    assert path.is_dir() if content is None else path.read_bytes() == content


def test_nothing_is_sent_where_the_file_of_secrets_is_damaged(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on("/v1/models", {"data": []}, times=None)
    tell(fake)
    (home / "config").mkdir()
    (home / "config/secrets.json").write_text("{")
    sign_in(run, fake, exit=2)
    assert fake.requests == []


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_secret_that_cannot_be_written_leaves_the_logins_as_they_were(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    (home / "config/secrets.json").unlink()
    (home / "config/secrets.json").symlink_to("/dev/null/nowhere")
    before = (home / "config/logins.json").read_bytes()
    assert sign_in(run, fake, "--json", key=SECOND, exit=1).error["code"] == "file"
    assert (home / "config/logins.json").read_bytes() == before


# Profiles


def test_a_new_profile_is_made_and_comments_are_kept(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    config = home / "config/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n[profiles.old]\nbase_url = 'https://old.example.com'  # the old one\n")
    run("config", "list", "--profiles", "--json")
    assert "Created profile work.\n" in sign_in(run, fake, "--profile", "work").stderr
    text = config.read_text()
    assert text.startswith("# mine\n[profiles.old]\nbase_url = 'https://old.example.com'  # the old one\n")
    assert run("config", "get", "profiles.work.base_url") == f"{fake.url}\n"
    assert run("config", "list", "--profiles", "--json").json == [
        {"name": "default", "base_url": None, "signed_in": False, "default": True},
        {"name": "old", "base_url": "https://old.example.com", "signed_in": False, "default": False},
        {"name": "work", "base_url": fake.url, "signed_in": True, "default": False},
    ]
    assert run("token", "--profile", "work") == f"{KEY}\n"
    run("token", exit=4)


def test_a_profile_that_is_there_is_not_written_to(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    run("config", "set", "profiles.work.mcp", "false")
    before = (home / "config/config.toml").read_bytes()
    sign_in(run, fake, LITELLMCTL_PROFILE="work")
    sign_in(run, fake)
    assert (home / "config/config.toml").read_bytes() == before
    assert sorted(json.loads((home / "config/logins.json").read_text())["logins"]) == ["default", "work"]


def test_a_profile_is_not_made_by_a_login_that_fails(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on("/v1/models", **error(401, "no"))
    sign_in(run, fake, "--profile", "work", exit=4)
    assert not (home / "config/config.toml").exists()
    assert 'no profile "work"' in run("token", "--profile", "work", exit=2).stderr


@pytest.mark.parametrize("name", ["a b", "../x", "-x", "ä", "a.b", "x\n"])
def test_a_name_that_cannot_be_a_profiles_is_exit_2(run: Run, fake: FakeProxy, name: str) -> None:
    assert "is not a valid profile name" in sign_in(run, fake, f"--profile={name}", exit=2).stderr
    assert fake.requests == []


def test_a_second_login_replaces_the_first_and_its_secret(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    first = login_of(home)
    sign_in(run, fake, key=SECOND)
    second = login_of(home)
    assert first["id"] != second["id"]
    assert list(secrets_in(home)) == [second["id"]]
    assert files_with(home, KEY) == set()
    assert run("token") == f"{SECOND}\n"
    assert json.loads((home / "config/logins.json").read_text())["discarded"] == []


def test_a_login_that_replaces_another_persons_or_proxys_says_whose(run: Run, fake: FakeProxy) -> None:
    def as_user(name: str) -> FakeProxy:
        proxy = FakeProxy()
        return accept(proxy, user={"user_id": name, "user_info": {"user_email": f"{name}@example.com"}})

    ada, bob = as_user("ada"), as_user("bob")
    try:
        assert "Replaced" not in sign_in(run, ada, "--profile", "work").stderr
        assert "Replaced" not in sign_in(run, ada, "--profile", "work", key=SECOND).stderr
        told = f"Replaced the login of ada@example.com at {ada.url} (profile work).\n"
        assert told in sign_in(run, bob, "--profile", "work").stderr
    finally:
        ada.close()
        bob.close()
    accept(fake)
    assert (
        f"Replaced the login of bob@example.com at {bob.url} (profile work).\n"
        in sign_in(run, fake, "--profile", "work").stderr
    )
    assert "Replaced" not in sign_in(run, fake, key=SECOND).stderr


@pytest.mark.parametrize("form", [["--json"], ["-o", "json"]])
def test_json_prints_the_login_as_whoami_does(run: Run, fake: FakeProxy, form: list[str]) -> None:
    ends = int(time.time()) + 5 * DAY
    accept(fake, "gpt", "claude", info={"user_id": "u-1", "team_id": "t-1", "expires": at(ends)}, user=USER)
    fake.on("/team/t-1/members/me", status=404, times=None)
    fake.on("/public/model_hub/info", {"litellm_version": "1.106.2"}, times=None)
    result = sign_in(run, fake, *form)
    assert KEY not in result + result.stderr
    row = result.json
    assert row == {
        "profile": "default",
        "base_url": fake.url,
        "signed_in": True,
        "kind": "api_key",
        "source": "stored",
        "storage": "file",
        "user_id": "u-1",
        "user_email": "ada@example.com",
        "team_id": "t-1",
        "team_alias": "Analysts",
        "role": "internal_user",
        "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)),
        "renewable": False,
        "models": 2,
        "shadowed": [],
    }
    who = run("whoami", "--json").json
    assert {name: who[name] for name in row} == row
    assert list(FIELDS) == [name for name in ACCOUNT_FIELDS if name in FIELDS]


def test_fields_choose_what_is_printed(run: Run, fake: FakeProxy) -> None:
    accept(fake, user=USER)
    assert sign_in(run, fake, "--fields", "profile,user_email") == "default\tada@example.com\n"
    assert sign_in(run, fake, "--fields", "token", exit=2) == ""


def test_only_the_first_login_names_the_next_command_and_only_on_a_terminal(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False}, times=None)
    ask = ("login", fake.url)
    assert run(*ask, terminal=True, stdin=f"{KEY}\n").stderr.endswith("\nNext: litellmctl models\n")
    assert "Next:" not in run(*ask, terminal=True, stdin=f"{KEY}\n").stderr
    assert "Next:" not in run(*ask, "--profile", "work", terminal=True, stdin=f"{KEY}\n").stderr
    run("logout", "--all")
    assert "Next:" not in run(*ask, terminal=True, stdin=f"{KEY}\n").stderr


def test_a_piped_first_login_names_no_next_command(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    assert "Next:" not in sign_in(run, fake).stderr


def test_a_profile_that_a_variable_names_is_made_and_the_variable_is_named(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    result = sign_in(run, fake, LITELLMCTL_PROFILE="nosuch")
    assert "Created profile nosuch (LITELLMCTL_PROFILE).\n" in result.stderr


def test_two_profiles_do_not_mix(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    run("config", "set", "profiles.other.base_url", fake.url)
    sign_in(run, fake)
    sign_in(run, fake, "--profile", "other", key=SECOND)
    assert (run("token"), run("token", "--profile", "other")) == (f"{KEY}\n", f"{SECOND}\n")
    fake.requests.clear()
    run("models", "--refresh")
    run("models", "--refresh", "--profile", "other")
    assert [request.headers["Authorization"] for request in fake.requests] == [f"Bearer {KEY}", f"Bearer {SECOND}"]
    run("logout", "--profile", "other")
    assert run("token") == f"{KEY}\n"
    assert run("token", "--profile", "other", "--json", exit=4).error["remedy"].startswith("litellmctl login --profile")


def test_a_second_login_may_be_at_another_proxy(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    other = FakeProxy()
    try:
        accept(other, "other")
        sign_in(run, other, key=SECOND)
        assert run("models", "--json").json[0]["id"] == "other"
        assert run("token", "--json").json["base_url"] == other.url
        assert other.unexpected == []
    finally:
        other.close()
    assert SECOND not in str([request.headers for request in fake.requests])
    assert KEY not in str([request.headers for request in other.requests])


# Virtual keys


@pytest.mark.parametrize("expires", [5 * DAY, None])
def test_a_virtual_key_is_made_from_a_json_web_token_and_stored_instead(
    run: Run, fake: FakeProxy, home: Path, expires: int | None
) -> None:
    ends = None if expires is None else int(time.time()) + expires
    make_key(fake, body={"key": MADE, "expires": None if ends is None else at(ends), "user_id": "u-1"})
    token = json_web_token(sub="u-1", exp=int(time.time()) + HOUR)
    result = sign_in(run, fake, "--virtual-key", "-v", key=token)
    [(path, key, body)] = posted(fake)
    assert (path, key) == ("/key/generate", f"Bearer {token}")
    assert body["key_alias"].startswith("litellmctl-")
    assert body["metadata"] == {"made_by": "litellmctl login"}
    assert set(body) == {"key_alias", "metadata"}
    assert [request.headers["Authorization"] for request in fake.requests if request.path == "/v1/models"] == [
        f"Bearer {token}",
        f"Bearer {MADE}",
    ]
    assert fake.requests[-1].headers["Authorization"] == f"Bearer {MADE}"
    assert login_of(home)["kind"] == "virtual_key"
    assert login_of(home).get("expires_at") == ends
    assert login_of(home)["key_alias"] == body["key_alias"]
    assert secret_of(home)["token"] == MADE
    assert f'Created the virtual key "{body["key_alias"]}".\n' in result.stderr
    assert ("the login expires in" in result.stderr) == (ends is not None)
    assert files_with(home, MADE) == {"secrets.json"}
    assert not any(files_with(home, part) for part in (token, *token.split(".")))
    assert not any(secret in result.stderr for secret in (MADE, token))
    assert run("token") == f"{MADE}\n"


def test_every_virtual_key_has_a_name_of_its_own(run: Run, fake: FakeProxy) -> None:
    for _ in range(2):
        make_key(fake, body={"key": MADE})
        sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u"))
    first, second = (body["key_alias"] for _, _, body in posted(fake))
    assert first != second


GENERATION: dict[str, tuple[dict[str, Any], str]] = {
    "viewer": (error(401, "Only proxy admin can be used to generate keys."), "Only proxy admin"),
    "forbidden": ({"status": 403, "body": {"detail": "not allowed"}}, "not allowed"),
    "no database": ({"status": 500, "body": {"detail": {"error": "DB not connected"}}}, "DB not connected"),
    "policy": (error(400, "max_budget is required", "bad_request"), "max_budget is required"),
    "no such path": ({"status": 404, "body": {"detail": "Not Found"}}, "Not Found"),
    "overloaded": ({"status": 429, "body": {}}, "rate limit"),
    "web page": ({"body": b"<html>"}, "web page"),
    "no key": ({"body": {"expires": None}}, "no key"),
    "a key that is no text": ({"body": {"key": ["sk"]}}, "no key"),
    "redirect": ({"status": 307, "headers": {"Location": "https://elsewhere.example.com/"}}, "redirects"),
    "no answer": ({"raw": b""}, "cannot reach"),
}


@pytest.mark.parametrize("name", GENERATION)
def test_a_virtual_key_that_is_refused_leaves_the_token_and_says_why(
    run: Run, fake: FakeProxy, home: Path, name: str
) -> None:
    answered, words = GENERATION[name]
    make_key(fake, works=False, **answered)
    token = json_web_token(sub="u-1", exp=int(time.time()) + HOUR)
    result = sign_in(run, fake, "--virtual-key", key=token)
    [warning] = [line for line in result.stderr.splitlines() if "cannot create a virtual key" in line]
    assert words in warning
    assert login_of(home)["kind"] == "sso"
    assert secret_of(home)["token"] == token
    assert len(posted(fake)) == 1


def test_a_proxy_that_does_not_answer_about_a_virtual_key_leaves_the_token(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    make_key(fake, works=False, respond=late({"key": MADE}, 1.5))
    result = sign_in(run, fake, "--virtual-key", "--timeout", "0.7", key=json_web_token(sub="u-1"))
    assert "cannot create a virtual key" in result.stderr
    assert login_of(home)["kind"] == "sso"


@pytest.mark.parametrize("name", ["unknown", "broken", "web page"])
def test_a_virtual_key_that_does_not_work_leaves_the_token(run: Run, fake: FakeProxy, home: Path, name: str) -> None:
    make_key(fake, works=False, body={"key": MADE}).on("/v1/models", **REFUSALS[name][0])
    fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST", times=None)
    result = sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u-1"))
    assert "cannot create a virtual key" in result.stderr
    assert login_of(home)["kind"] == "sso"
    assert files_with(home, MADE) == set()


def test_a_virtual_key_that_does_not_work_is_deleted(run: Run, fake: FakeProxy) -> None:
    make_key(fake, works=False, body={"key": MADE}).on("/v1/models", **REFUSALS["broken"][0])
    fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST", times=None)
    sign_in(run, fake, "--virtual-key", key=json_web_token(sub="u-1"))
    assert [(path, body) for path, _, body in posted(fake)][1:] == [("/key/delete", {"keys": [MADE]})]


@pytest.mark.parametrize(("typed", "sent"), [("30d", "30d"), (" 12H ", "12h"), ("6mo", "6mo"), ("2w", "2w")])
def test_a_virtual_key_is_made_to_expire(run: Run, fake: FakeProxy, home: Path, typed: str, sent: str) -> None:
    ends = int(time.time()) + 30 * DAY
    make_key(fake, body={"key": MADE, "expires": at(ends)})
    result = sign_in(run, fake, "--virtual-key", "--expires", typed, key=json_web_token(sub="u-1"))
    assert posted(fake)[0][2]["duration"] == sent
    assert login_of(home)["expires_at"] == ends
    assert "the login expires in 30 days (" in result.stderr


@pytest.mark.parametrize(
    "typed", ["", "30", "d", "30y", "-1d", "0d", "1.5h", "30d x", "\uff19d", "999999d", "9" * 5000 + "d", "\x1b[31m"]
)
def test_what_is_no_lifetime_is_exit_2(run: Run, fake: FakeProxy, typed: str) -> None:
    result = sign_in(run, fake, "--virtual-key", f"--expires={typed}", key=json_web_token(sub="u"), exit=2)
    assert "is not a valid duration" in result.stderr
    assert "\x1b" not in result.stderr
    assert fake.requests == []


@pytest.mark.parametrize("option", [[], ["--no-virtual-key"]])
def test_a_lifetime_without_a_virtual_key_is_exit_2(run: Run, fake: FakeProxy, option: list[str]) -> None:
    result = sign_in(run, fake, "--expires", "30d", *option, "--json", exit=2)
    assert "--virtual-key" in result.error["remedy"]
    assert fake.requests == []


def test_a_lifetime_for_an_api_key_is_exit_2_and_nothing_is_stored(run: Run, fake: FakeProxy, home: Path) -> None:
    fake.on("/v1/models", {"data": []})
    result = sign_in(run, fake, "--virtual-key", "--expires", "30d", exit=2)
    assert "an API key is saved as it is" in result.stderr
    assert kept(home) == {}


def test_a_lifetime_that_the_policy_refuses_is_told_in_the_proxys_words(run: Run, fake: FakeProxy) -> None:
    policy = "duration is over max limit set in config - user_value=300d; max_value=30d"
    make_key(fake, works=False, status=400, body={"error": {"message": policy, "type": "bad_request_error"}})
    result = sign_in(run, fake, "--virtual-key", "--expires", "300d", key=json_web_token(sub="u-1"))
    assert "cannot create a virtual key" in result.stderr
    assert "max_value=30d" in result.stderr


def test_a_lifetime_that_the_proxy_ignores_is_warned_of(run: Run, fake: FakeProxy) -> None:
    make_key(fake, body={"key": MADE, "expires": None})
    result = sign_in(run, fake, "--virtual-key", "--expires", "30d", key=json_web_token(sub="u-1"))
    assert "Warning: the proxy ignored --expires: the virtual key does not expire\n" in result.stderr


@pytest.mark.parametrize("option", ["--virtual-key", "--no-virtual-key"])
def test_a_key_is_stored_as_it_is_whatever_is_said_of_virtual_ones(
    run: Run, fake: FakeProxy, home: Path, option: str
) -> None:
    accept(fake)
    result = sign_in(run, fake, option)
    assert (login_of(home)["kind"], posted(fake)) == ("api_key", [])
    ignored = "Warning: --virtual-key is ignored: an API key is saved as it is\n"
    assert (ignored in result.stderr) is (option == "--virtual-key")


@pytest.mark.parametrize("option", [[], ["--no-virtual-key"]])
def test_no_virtual_key_is_made_where_nobody_asks_for_one(
    run: Run, fake: FakeProxy, home: Path, option: list[str]
) -> None:
    accept(fake)
    sign_in(run, fake, *option, key=json_web_token(sub="u-1"))
    assert (login_of(home)["kind"], posted(fake)) == ("sso", [])


def test_ctrl_c_after_a_virtual_key_was_made_deletes_it_and_leaves_what_was_stored(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    accept(fake)
    sign_in(run, fake)
    before = kept(home)
    other = FakeProxy()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)

    other.on("/v1/models", {"data": []}, times=2).on("/key/generate", {"key": MADE}, method="POST")
    other.on("/key/info", {}).on("/user/info", respond=after(interrupt, {}))
    other.on("/key/delete", {"deleted_keys": [MADE]}, method="POST")
    sign_in(run, other, "--virtual-key", key=json_web_token(sub="u-1"), exit=130)
    assert posted(other)[1] == ("/key/delete", f"Bearer {MADE}", {"keys": [MADE]})
    assert kept(home) == before
    assert (other.unexpected, other.unused) == ([], [])
    other.close()


# A token that is pasted


def paste(run: Run, fake: FakeProxy, stdin: str, *arguments: str, **options: Any) -> Result:
    """Sign in with a token pasted at a terminal."""
    fake.on(SSO, {"sso_configured": True}, times=None)
    given = arguments or ("--sso", "--flow", "paste")
    return run("login", "--base-url", fake.url, *given, terminal=True, stdin=stdin, **options)


@pytest.mark.parametrize("answered", ["\n", "y\n", "Y\n", "yes\n", " YES \n"])
def test_a_virtual_key_is_made_from_a_pasted_token_by_default(
    run: Run, fake: FakeProxy, home: Path, answered: str
) -> None:
    make_key(fake, body={"key": MADE, "expires": at(time.time() + 5 * DAY)})
    token = json_web_token(sub="u-1", exp=int(time.time()) + HOUR)
    result = paste(run, fake, f"Bearer {token}\n{answered}")
    assert f"\n{fake.url}/sso/key/generate\n" in result.stderr
    assert "Token (hidden): " in result.stderr
    assert "Create a virtual key that outlives this token? [Y/n] " in result.stderr
    assert posted(fake)[0][1] == f"Bearer {token}"
    assert secret_of(home)["token"] == MADE
    assert token not in result.stderr


@pytest.mark.parametrize("answered", ["n\n", "No\n", "maybe\n", ""])
def test_no_virtual_key_is_made_where_the_answer_is_not_yes(
    run: Run, fake: FakeProxy, home: Path, answered: str
) -> None:
    accept(fake)
    token = json_web_token(sub="u-1")
    paste(run, fake, f"{token}\n{answered}")
    assert posted(fake) == []
    assert (login_of(home)["kind"], secret_of(home)["token"]) == ("sso", token)


@pytest.mark.parametrize("option", ["--virtual-key", "--no-virtual-key"])
def test_what_is_answered_by_an_option_is_not_asked(run: Run, fake: FakeProxy, home: Path, option: str) -> None:
    make_key(fake, body={"key": MADE}) if option == "--virtual-key" else accept(fake)
    token = json_web_token(sub="u-1")
    result = paste(run, fake, f"{token}\n", "--sso", "--flow", "paste", option)
    assert "that outlives this token" not in result.stderr
    assert secret_of(home)["token"] == (MADE if option == "--virtual-key" else token)


@pytest.mark.parametrize("token", [KEY, "litellm_login_opaque"])
def test_a_key_that_is_pasted_is_kept_without_a_question(run: Run, fake: FakeProxy, home: Path, token: str) -> None:
    accept(fake)
    assert "virtual key" not in paste(run, fake, f"{token}\n").stderr
    assert secret_of(home)["token"] == token


@pytest.mark.parametrize("status", [404, 405])
def test_a_proxy_that_has_no_other_way_lets_the_token_be_pasted_and_says_so(
    run: Run, fake: FakeProxy, home: Path, status: int
) -> None:
    accept(fake).on(SSO, {"sso_configured": True}).on("/sso/cli/start", {}, status=status, method="POST")
    result = paste(run, fake, f"{KEY}\n", "--sso")
    assert "(no browser on this machine, the proxy does not offer device codes)" in unfolded(result)
    assert secret_of(home)["token"] == KEY


def test_a_proxy_without_pkce_and_device_code_lets_the_token_be_pasted_too(
    run: Run, fake: FakeProxy, env: dict[str, str]
) -> None:
    accept(fake).on(SSO, status=404).on("/sso/cli/start", {}, status=404, method="POST")
    fake.on("/.well-known/litellm-cli-auth", {}, status=404)
    del env["SSH_CONNECTION"]
    result = paste(run, fake, f"{KEY}\n", "--sso", "--no-browser", BROWSER="firefox")
    assert "(the proxy does not offer PKCE, the proxy does not offer device codes)" in unfolded(result)
    assert fake.asked[:4] == [SSO, "/.well-known/litellm-cli-auth", "/sso/cli/start", "/v1/models"]


def test_pasting_where_nobody_can_paste_is_exit_2_after_the_other_ways(run: Run, fake: FakeProxy) -> None:
    fake.on(SSO, {"sso_configured": True}).on("/sso/cli/start", {}, status=404, method="POST")
    result = run("login", "--sso", "--base-url", fake.url, "--json", stdin=KEY, exit=2)
    assert result.error["code"] == "input_required"
    assert "--with-token" in result.error["remedy"]


@pytest.mark.parametrize("terminal", [False, True])
def test_single_sign_on_where_none_is_configured_is_told_at_once(run: Run, fake: FakeProxy, terminal: bool) -> None:
    fake.on(SSO, {"sso_configured": False})
    result = run("login", "--sso", "--base-url", fake.url, "--json", terminal=terminal, exit=5)
    assert result.error["code"] == "rejected"
    assert result.error["remedy"] == "pass --with-token instead"
    assert fake.asked == [SSO]


# Two at once


def test_of_two_logins_at_once_one_is_stored_whole_and_no_secret_is_left_over(
    run: Run, fake: FakeProxy, start: Start, home: Path
) -> None:
    both = threading.Barrier(2)
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}, times=2).models(row("gpt"), times=2)
    fake.on("/key/info", {}, times=2).on("/user/info", respond=after(lambda: both.wait(30), {}), times=2)
    processes = [start("login", "--with-token", "--base-url", fake.url) for _ in range(2)]
    for process, key in zip(processes, (KEY, SECOND), strict=True):
        assert process.stdin is not None
        process.stdin.write(key)
        process.stdin.close()
        process.stdin = None
    for process in processes:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    login = login_of(home)
    assert list(secrets_in(home)) == [login["id"]]
    token = secret_of(home)["token"]
    assert token in {KEY, SECOND}
    assert len(files_with(home, KEY) | files_with(home, SECOND)) == 1
    assert run("token") == f"{token}\n"


# A clock that is an hour off


def dated(body: Any, seconds: float) -> bytes:
    """Return an answer by a clock that is off by this much."""
    return http(body, "Content-Type: application/json", f"Date: {formatdate(time.time() + seconds, usegmt=True)}")


@pytest.mark.parametrize(("off", "words"), [(HOUR, "60 minutes behind"), (-HOUR, "60 minutes ahead of")])
def test_a_clock_that_is_an_hour_off_is_warned_of_and_the_token_can_be_used_until_its_end(
    run: Run, fake: FakeProxy, home: Path, off: int, words: str
) -> None:
    fake.on("/v1/models", raw=dated({"data": [{"id": "gpt"}]}, off)).models(row("gpt"), times=None)
    tell(fake)
    left = 30 * 60
    token = json_web_token(exp=int(time.time()) + off + left)
    result = sign_in(run, fake, key=token)
    assert f"Warning: this machine's clock is {words} the proxy's" in result.stderr
    assert login_of(home)["expires_at"] == pytest.approx(time.time() + left, abs=5)
    assert "the login expires in 30 minutes (" in result.stderr
    assert run("token") == f"{token}\n"
    run("models", "--refresh")


@pytest.mark.parametrize("off", [-60, 0, 60])
def test_a_clock_that_is_a_minute_off_is_not_worth_a_word(run: Run, fake: FakeProxy, home: Path, off: int) -> None:
    tell(fake.on("/v1/models", raw=dated({"data": []}, off)).models())
    ends = int(time.time()) + HOUR
    assert "machine's clock" not in sign_in(run, fake, key=json_web_token(exp=ends)).stderr
    assert login_of(home)["expires_at"] == ends


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 9999 99:99:99 GMT", "Sat, 01 Jan 99999 00:00:00 GMT"])
def test_a_date_that_is_none_is_passed_over(run: Run, fake: FakeProxy, date: str) -> None:
    raw = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 12\r\n\r\n".encode() + b'{"data": []}'
    tell(fake.on("/v1/models", raw=raw).models())
    assert "machine's clock" not in sign_in(run, fake).stderr


@pytest.mark.parametrize("kind", ["api_key", "virtual_key"])
def test_a_key_that_ends_soon_by_a_clock_that_is_an_hour_behind_can_be_used(
    run: Run, fake: FakeProxy, home: Path, kind: str
) -> None:
    ends = at(time.time() - HOUR + 30 * 60)
    listed = dated({"data": [{"id": "gpt"}]}, -HOUR)
    fake.on("/v1/models", raw=listed).models(row("gpt"), times=None)
    if kind == "virtual_key":
        fake.on("/key/generate", {"key": MADE, "expires": ends}, method="POST").on("/v1/models", raw=listed)
        fake.on("/key/delete", {}, method="POST", times=None)
    tell(fake, info={"expires": ends})
    token = KEY if kind == "api_key" else json_web_token(sub="u")
    sign_in(run, fake, *(["--virtual-key"] if kind == "virtual_key" else []), key=token)
    assert login_of(home)["kind"] == kind
    assert login_of(home)["expires_at"] == pytest.approx(time.time() + 30 * 60, abs=5)


@pytest.mark.parametrize("kind", ["sso", "api_key", "virtual_key"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("ahead", "then", "age", "is_good"),
    [
        (26, 0, 1, True),
        (26, 0, 25, False),
        (26, 0, 27, False),
        (26, 0, 49, False),
        (26, 26, 1, True),
        (26, 26, 25, False),
        (-26, 0, 1, True),
        (-26, 0, 25, False),
        (-26, -26, 1, True),
        (-26, -26, 25, False),
        (0, -26, 1, True),
        (0, -26, 25, False),
    ],
)
def test_a_token_that_has_ended_is_not_printed_though_the_clock_was_26_hours_off(
    run: Run,
    fake: FakeProxy,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    restarted: bool,
    ahead: int,
    then: int,
    age: int,
    is_good: bool,
) -> None:
    begun = time.time()
    clock = {"ahead": ahead * HOUR, "age": 0, "start": 1_700_000_000}

    def proxys_time() -> float:
        return begun + clock["age"]

    def date(body: Any) -> bytes:
        return http(body, "Content-Type: application/json", f"Date: {formatdate(proxys_time(), usegmt=True)}")

    def answer(handler: Any) -> None:
        handler.wfile.write(date({"data": [{"id": "gpt"}]}))

    monkeypatch.setattr(time, "time", lambda: proxys_time() + clock["ahead"])
    monkeypatch.setattr("litellmctl.auth.lifetime.booted_at", lambda: float(clock["start"] + clock["ahead"]))
    fake.on("/v1/models", respond=answer, times=None).models(row("gpt"), times=None)
    fake.on("/health/liveliness", respond=answer, times=None)
    ends = at(begun + DAY)
    tell(fake, info={"expires": ends})
    if kind == "virtual_key":
        fake.on("/key/generate", {"key": MADE, "expires": ends}, method="POST")
    token = KEY if kind == "api_key" else json_web_token(exp=int(begun) + DAY)
    sign_in(run, fake, *(["--virtual-key"] if kind == "virtual_key" else []), key=token)
    assert login_of(home)["kind"] == kind
    clock.update(ahead=then * HOUR, age=age * HOUR, start=clock["start"] + 600 * restarted)
    result = run("token", "--json", exit=0 if is_good else 4)
    if is_good:
        assert result.json["token"] == (MADE if kind == "virtual_key" else token)
        ending = datetime.fromisoformat(result.json["expires_at"]).timestamp()
        assert ending == pytest.approx(begun + DAY + then * HOUR, abs=5)
    else:
        assert result.error["code"] == "auth_required"
        assert result.error["remedy"].startswith("litellmctl login")


# Once signed in


def test_a_person_who_signs_in_is_told_which_variables_that_puts_aside(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": True})
    variables = {"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env"}
    result = run("login", "--with-token", terminal=True, stdin=f"{KEY}\n", **variables)
    assert result.stderr.count("LITELLM_API_KEY is ignored") == 1


def test_login_renews_the_tools(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/v1/models", {"data": []}, times=None)
    proxy.models(row("gpt"), times=None)
    for path in ("/key/info", "/user/info"):
        proxy.on(path, {"detail": "Not Found"}, status=404, times=None)
    offering(proxy, *TWO, times=1)
    arguments = ("login", "--with-token", "--base-url", proxy.url, "--storage", "file")
    run(*arguments, stdin="sk-stored-0123456789\n", LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    assert run("mcp", "list", "--fields", "name", LITELLM_BASE_URL=None, LITELLM_API_KEY=None) == "add\nping\n"
    assert listings(proxy) == 1


def test_an_empty_team_is_exit_2_and_nothing_is_sent(run: Run, fake: FakeProxy) -> None:
    result = run("login", fake.url, "--with-token", "--team", " ", "--json", stdin=KEY, exit=2)
    assert (result.error["message"], result.error["remedy"]) == ("--team is empty", "pass the ID or name of a team")
    assert fake.requests == []
