"""Signing out: what is removed, what is kept, and what still signs in."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.contract.signing_in import (
    DAY,
    KEY,
    MADE,
    SECOND,
    SSO,
    accept,
    at,
    expire,
    files_with,
    kept,
    login_of,
    make_key,
    posted,
    revokes,
    secret_of,
    secrets_in,
    sign_in,
    tell,
    unfolded,
)
from tests.fake_proxy import FakeProxy, error
from tests.logins import CLIENT, OLD_REFRESH, Files, json_web_token


def with_virtual_key(run: Run, fake: FakeProxy, *arguments: str) -> None:
    """Sign in with a virtual key that login makes."""
    make_key(fake, body={"key": MADE, "expires": at(time.time() + 5 * DAY)})
    sign_in(run, fake, "--virtual-key", *arguments, key=json_web_token(sub="u-1"))
    fake.requests.clear()


def in_keyring(home: Path, profile: str = "default") -> None:
    """Let the login say that its secret is in the keyring, which is switched off in these tests."""
    path = home / "config/logins.json"
    content = json.loads(path.read_text())
    content["logins"][profile]["storage"] = "keyring"
    path.write_text(json.dumps(content))


def test_logout_removes_the_secret_and_asks_the_proxy_nothing(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    asked = len(fake.requests)
    result = run("logout")
    assert result == ""
    assert result.stderr == f"✓ Signed out of {fake.url} (profile default)\n"
    assert files_with(home, KEY) == set()
    assert not (home / "config/secrets.json").exists()
    assert len(fake.requests) == asked
    run("token", exit=4)
    assert run("config", "list", "--profiles", "--json").json[0]["signed_in"] is False


def test_logout_is_idempotent(run: Run, fake: FakeProxy, home: Path) -> None:
    assert run("logout").stderr == "Profile default is not signed in.\n"
    accept(fake)
    sign_in(run, fake)
    run("logout")
    before = kept(home)
    assert run("logout").stderr == "Profile default is not signed in.\n"
    assert kept(home) == before


def test_logout_keeps_the_url_for_the_next_login(run: Run, fake: FakeProxy) -> None:
    accept(fake).on(SSO, {"sso_configured": False})
    sign_in(run, fake)
    run("logout")
    result = run("login", terminal=True, stdin=f"\n{SECOND}\n")
    assert f"Proxy URL [{fake.url}]: " in result.stderr
    assert run("token") == f"{SECOND}\n"


def test_logout_works_offline(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    run("logout", "--offline")
    assert secrets_in(home) == {}


def test_only_the_profile_in_use_is_signed_out(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake)
    sign_in(run, fake, "--profile", "work", key=SECOND)
    assert "(profile work)" in run("logout", LITELLMCTL_PROFILE="work").stderr
    assert run("token") == f"{KEY}\n"
    run("token", "--profile", "work", exit=4)


def test_an_unknown_profile_is_exit_2(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake, "--profile", "work")
    assert 'Did you mean "work"?' in run("logout", "--profile", "wrok", exit=2).stderr


def test_a_profile_that_has_gone_from_the_config_can_be_signed_out(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake, "--profile", "work")
    (home / "config/config.toml").write_text("")  # by hand: `config unset` refuses that
    run("logout", "--profile", "work")
    assert secrets_in(home) == {}


# All of them


def test_all_signs_every_profile_out(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    sign_in(run, fake, "--profile", "work", key=SECOND)
    sign_in(run, fake, "--profile", "third", key=MADE)
    config = home / "config/config.toml"
    config.write_text(config.read_text().partition("[profiles.third]")[0])  # by hand
    result = run("logout", "--all")
    assert result.stderr.count("✓ Signed out of") == 3
    assert secrets_in(home) == {}
    assert json.loads((home / "config/logins.json").read_text())["logins"] == {}
    assert run("logout", "--all").stderr == "No profile is signed in.\n"


@pytest.mark.parametrize("failing", ["default", "work"])
def test_of_all_the_others_are_signed_out_where_one_cannot_be(
    run: Run, fake: FakeProxy, home: Path, failing: str
) -> None:
    accept(fake)
    sign_in(run, fake)
    sign_in(run, fake, "--profile", "work", key=SECOND)
    in_keyring(home, failing)
    result = run("logout", "--all", "--json", exit=1)
    assert result.error["code"] == "keyring"
    assert f"the secret of profile {failing} is still in the keyring" in result.error["message"]
    assert result.stderr.count("Signed out of") == 1
    logins = json.loads((home / "config/logins.json").read_text())["logins"]
    assert list(logins) == [failing]
    assert len(files_with(home, KEY) | files_with(home, SECOND)) == 1


def test_a_keyring_that_refuses_is_exit_1_and_the_login_is_still_known(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    in_keyring(home)
    result = run("logout", exit=1)
    assert "Error: the secret of profile default is still in the keyring" in result.stderr
    assert run("config", "list", "--profiles", "--json").json[0]["signed_in"] is True
    assert len(secrets_in(home)) == 1


# What still signs in


def test_a_variable_that_still_signs_in_is_warned_of(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake)
    variables = {"LITELLM_BASE_URL": "https://llm.example.com", "LITELLM_API_KEY": "sk-env"}
    warning = "Warning: LITELLM_API_KEY still gives access to https://llm.example.com\n"
    for _ in range(2):
        result = run("logout", **variables)
        assert result.stderr.endswith(warning)
        assert "sk-env" not in result.stderr
    assert run("logout", "--quiet", **variables).stderr == ""


def test_a_relays_variables_sign_nobody_in(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake)
    relay = {"LITELLM_BASE_URL": "http://127.0.0.1:9", "LITELLM_API_KEY": "sk-local-1"}
    assert "still gives access" not in run("logout", **relay).stderr


@pytest.mark.parametrize(
    ("variables", "origin"),
    [
        ({"LITELLM_API_KEY_HELPER": "false"}, "LITELLM_API_KEY_HELPER"),
        ({"LITELLM_PROXY_URL": "https://llm.example.com", "LITELLM_PROXY_API_KEY": "sk-x"}, "LITELLM_PROXY_API_KEY"),
    ],
)
def test_every_variable_that_signs_in_is_found_and_no_helper_runs_for_it(
    run: Run, fake: FakeProxy, variables: dict[str, str], origin: str
) -> None:
    accept(fake)
    sign_in(run, fake)
    assert (
        f"{origin} still gives access to"
        in run("logout", LITELLM_BASE_URL="https://llm.example.com", **variables).stderr
    )


def test_a_key_in_the_config_that_still_signs_in_is_warned_of(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    run("config", "set", "profiles.work.base_url", fake.url)
    run("config", "set", "profiles.work.api_key", "!false")
    sign_in(run, fake, "--profile", "work")
    assert f"profiles.work.api_key still gives access to {fake.url}" in run("logout", "--profile", "work").stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"LITELLM_BASE_URL": "https://llm.example.com"},
        {"LITELLM_API_KEY": "sk-env"},
        {"LITELLM_BASE_URL": "not a URL", "LITELLM_API_KEY": "sk-env"},
    ],
)
def test_variables_that_do_not_sign_in_are_not_worth_a_word(
    run: Run, fake: FakeProxy, variables: dict[str, str]
) -> None:
    accept(fake)
    sign_in(run, fake)
    assert len(run("logout", **variables).stderr.splitlines()) == 1


def test_another_profiles_variables_are_not_worth_a_word(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake, "--profile", "work")
    variables = {"LITELLM_BASE_URL": "https://llm.example.com", "LITELLM_API_KEY": "sk-env"}
    assert len(run("logout", "--profile", "work", **variables).stderr.splitlines()) == 1


# The virtual key that login made


@pytest.mark.parametrize(
    "answered",
    [
        {"body": {"deleted_keys": [MADE]}},
        error(404, "{'error': 'No keys found'}", "internal_server_error"),
        error(401, "Expired Key", "expired_key"),
        error(401, "Unable to find token", "token_not_found_in_db"),
    ],
)
def test_revoke_key_deletes_the_key_at_the_proxy(
    run: Run, fake: FakeProxy, home: Path, answered: dict[str, Any]
) -> None:
    with_virtual_key(run, fake)
    fake.on("/key/delete", method="POST", **answered)
    result = run("logout", "--revoke-key", "-v")
    assert posted(fake) == [("/key/delete", f"Bearer {MADE}", {"keys": [MADE]})]
    assert f"✓ Signed out of {fake.url}" in result.stderr
    assert MADE not in result.stderr
    assert secrets_in(home) == {}


@pytest.mark.parametrize("option", [[], ["--keep-key"]])
@pytest.mark.parametrize("profile", ["default", "work"])
def test_a_virtual_key_is_kept_without_a_terminal_and_named_with_the_command_that_deletes_it(
    run: Run, fake: FakeProxy, home: Path, option: list[str], profile: str
) -> None:
    with_virtual_key(run, fake, "--profile", profile)
    alias = login_of(home, profile)["key_alias"]
    result = run("logout", "--profile", profile, *option)
    assert fake.requests == []
    command = f"""litellmctl api /key/delete -F 'key_aliases=["{alias}"]'"""
    if profile != "default":
        command += " --profile work"
    assert (
        f'Kept the virtual key "{alias}" at {fake.url}. To delete it, sign in there again and run: {command}\n'
        in result.stderr
    )
    # The command is the one that works.
    accept(fake)
    sign_in(run, fake, "--profile", profile)
    fake.on("/key/delete", {"deleted_keys": [alias]}, method="POST")
    run(*shlex.split(command)[1:])
    assert posted(fake) == [("/key/delete", f"Bearer {KEY}", {"key_aliases": [alias]})]


@pytest.mark.parametrize(
    ("answered", "deletes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_person_is_asked_what_becomes_of_the_virtual_key(
    run: Run, fake: FakeProxy, home: Path, answered: str, deletes: bool
) -> None:
    with_virtual_key(run, fake)
    alias = login_of(home)["key_alias"]
    if deletes:
        fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST")
    result = run("logout", terminal=True, stdin=answered)
    assert f'Delete the virtual key "{alias}" at {fake.url}? [y/N] ' in unfolded(result)
    assert ("Kept the virtual key" in result.stderr) is not deletes
    assert posted(fake) == ([("/key/delete", f"Bearer {MADE}", {"keys": [MADE]})] if deletes else [])
    assert secrets_in(home) == {}


@pytest.mark.parametrize("option", ["--revoke-key", "--keep-key", "--offline"])
def test_what_is_known_of_the_virtual_key_is_not_asked(run: Run, fake: FakeProxy, option: str) -> None:
    with_virtual_key(run, fake)
    if option == "--revoke-key":
        fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST")
    result = run("logout", option, terminal=True)
    assert "[y/N]" not in result.stderr
    assert ("Kept the virtual key" in result.stderr) is (option != "--revoke-key")


def test_a_login_of_an_older_release_has_a_key_without_a_name(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    path = home / "config/logins.json"
    content = json.loads(path.read_text())
    del content["logins"]["default"]["key_alias"]
    path.write_text(json.dumps(content))
    result = run("logout", terminal=True, stdin="\n")
    assert f"Delete the virtual key of this login at {fake.url}? [y/N] " in unfolded(result)
    assert f"To delete it, open {fake.url}/ui (Virtual Keys)." in unfolded(result)


def test_a_virtual_key_that_has_expired_is_not_worth_a_question(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    expire(home)
    result = run("logout", terminal=True)
    assert unfolded(result) == f"✓ Signed out of {fake.url} (profile default)"


def test_to_delete_and_to_keep_the_key_are_exit_2(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    before = kept(home)
    for words in (["--revoke-key", "--keep-key"], ["--keep-key", "--revoke-key"]):
        for command in (["logout"], ["login", "--with-token", fake.url]):
            assert "--keep-key" in run(*command, *words, exit=2, stdin=KEY).stderr
    assert (fake.requests, kept(home)) == ([], before)


def test_ctrl_c_at_the_question_leaves_everything_as_it_was(
    run: Run, fake: FakeProxy, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_virtual_key(run, fake)
    before = kept(home)

    def interrupt(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    accept(fake)
    with monkeypatch.context() as patch:
        patch.setattr("litellmctl.terminal.console.Console.confirm", interrupt)
        run("logout", terminal=True, exit=130)
        fake.on(SSO, {"sso_configured": False})
        run("login", fake.url, terminal=True, stdin=f"{SECOND}\n", exit=130)
    assert kept(home) == before
    assert posted(fake) == []
    assert run("token") == f"{MADE}\n"


@pytest.mark.parametrize("user", ["the same", "another", None])
@pytest.mark.parametrize("option", [[], ["--keep-key"], ["--revoke-key"]])
def test_the_virtual_key_of_a_login_that_is_replaced_is_deleted_only_if_that_is_said(
    run: Run, fake: FakeProxy, home: Path, option: list[str], user: str | None
) -> None:
    tell(fake, info={"user_id": "u-1"})
    with_virtual_key(run, fake)
    alias, owner = login_of(home)["key_alias"], login_of(home)["user_id"]
    assert owner == "u-1"
    fake._routes.pop(("GET", "/key/info"))
    accept(fake, info={"user_id": owner if user == "the same" else user})
    fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST", times=None)
    result = sign_in(run, fake, *option)
    deletes = option == ["--revoke-key"]
    assert posted(fake) == ([("/key/delete", f"Bearer {MADE}", {"keys": [MADE]})] if deletes else [])
    if deletes:
        assert f'Deleted the virtual key "{alias}" at {fake.url}.\n' in result.stderr
    else:
        # Only the key's own user can delete it: who that is now must be known.
        first = "" if user == "the same" else "sign in there again and "
        said = f'Kept the virtual key "{alias}" at {fake.url}. To delete it, {first}run: litellmctl api'
        assert said in result.stderr
    assert ("Replaced the login" in result.stderr) is (user != "the same")
    assert run("token") == f"{KEY}\n"


@pytest.mark.parametrize(("answered", "deletes"), [("y\n", True), ("\n", False)])
def test_a_person_who_signs_in_again_is_asked_about_the_virtual_key(
    run: Run, fake: FakeProxy, home: Path, answered: str, deletes: bool
) -> None:
    with_virtual_key(run, fake)
    accept(fake).on(SSO, {"sso_configured": False})
    fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST", times=None)
    result = run("login", fake.url, terminal=True, stdin=f"{KEY}\n{answered}")
    assert unfolded(result).count("[y/N]") == 1
    assert len(posted(fake)) == deletes
    assert secret_of(home)["token"] == KEY


def test_a_replaced_key_that_cannot_be_deleted_is_a_warning_and_named(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    accept(fake).on("/key/delete", method="POST", **error(403, "not allowed"))
    result = sign_in(run, fake, "--revoke-key")
    assert "Warning: cannot delete the virtual key" in result.stderr
    assert "Kept the virtual key" in result.stderr
    assert secret_of(home)["token"] == KEY


def test_a_login_with_the_same_virtual_key_keeps_it_and_its_name(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    before = login_of(home)
    accept(fake)
    result = sign_in(run, fake, "--revoke-key", key=MADE)
    after = login_of(home)
    assert posted(fake) == []
    assert "virtual key" not in result.stderr
    assert (after["kind"], after["key_alias"]) == ("virtual_key", before["key_alias"])


def test_a_login_elsewhere_says_that_the_key_needs_a_sign_in_there(run: Run, fake: FakeProxy) -> None:
    with_virtual_key(run, fake)
    other = FakeProxy()
    accept(other)
    said = sign_in(run, other).stderr
    other.close()
    assert f"at {fake.url}. To delete it, sign in there again and run: litellmctl api" in said


def test_json_says_which_key_was_kept(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake, "--profile", "work")
    alias = login_of(home, "work")["key_alias"]
    accept(fake)
    sign_in(run, fake)
    rows = [
        {"profile": "work", "base_url": fake.url, "key_alias": alias, "key_deleted": False},
        {"profile": "default", "base_url": fake.url, "key_alias": None, "key_deleted": None},
    ]
    assert run("logout", "--all", "--json").json == rows
    assert run("logout", "--json").json == [{**rows[1], "base_url": None}]
    assert run("logout", "--all", "--json").json == []


@pytest.mark.parametrize(
    ("answered", "code", "error_code"),
    [
        ({"status": 403, "body": {"detail": "not allowed"}}, 4, "forbidden"),
        (error(401, "Key is blocked"), 4, "auth_failed"),
        (error(500, "DB not connected", "internal"), 3, "server_error"),
        ({"status": 429, "body": {}}, 3, "rate_limited"),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, 3, "bad_response"),
        ({"raw": b""}, 3, "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_key_that_cannot_be_deleted_leaves_the_login_as_it_was(
    run: Run, fake: FakeProxy, home: Path, answered: dict[str, Any], code: int, error_code: str
) -> None:
    with_virtual_key(run, fake)
    before = kept(home)
    fake.on("/key/delete", method="POST", **answered)
    result = run("logout", "--revoke-key", "--json", exit=code)
    assert result.error["code"] == error_code
    assert result.error["message"].startswith("cannot delete the virtual key")
    assert result.error["remedy"] == "run it again later, or litellmctl logout --keep-key"
    assert len(fake.requests) == 1
    assert kept(home) == before
    assert run("token") == f"{MADE}\n"
    run("logout")


def test_a_key_cannot_be_deleted_offline(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    before = kept(home)
    assert run("logout", "--revoke-key", "--offline", "--json", exit=3).error["code"] == "offline"
    assert (fake.requests, kept(home)) == ([], before)


def test_of_all_only_those_with_a_virtual_key_have_one_deleted(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake, "--profile", "work")
    accept(fake)
    sign_in(run, fake)
    fake.on("/key/delete", {"deleted_keys": [MADE]}, method="POST")
    result = run("logout", "--all", "--revoke-key")
    assert result.stderr.count("--revoke-key is ignored: this login did not create a virtual key") == 1
    assert posted(fake) == [("/key/delete", f"Bearer {MADE}", {"keys": [MADE]})]
    assert secrets_in(home) == {}


def test_of_all_the_exit_code_is_that_of_the_one_that_failed(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake, "--profile", "work")
    accept(fake)
    sign_in(run, fake)
    fake.on("/key/delete", method="POST", **error(403, "not allowed"))
    assert run("logout", "--all", "--revoke-key", "--json", exit=4).error["code"] == "forbidden"
    assert list(secrets_in(home)) == [login_of(home, "work")["id"]]


def test_a_key_of_ones_own_is_not_deleted(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake)
    fake.requests.clear()
    assert "--revoke-key is ignored: this login did not create a virtual key" in run("logout", "--revoke-key").stderr
    assert fake.requests == []


def test_a_key_is_not_sent_to_another_proxy_than_its_own(run: Run, fake: FakeProxy, home: Path) -> None:
    with_virtual_key(run, fake)
    other = FakeProxy()
    path = home / "config/logins.json"
    path.write_text(path.read_text().replace(fake.url, other.url))
    run("logout", "--revoke-key")
    other.close()
    assert (fake.requests, other.requests) == ([], [])
    assert secrets_in(home) == {}


# Secrets that could not be removed before


def test_a_secret_that_was_left_over_is_removed_next_time(run: Run, fake: FakeProxy, home: Path) -> None:
    accept(fake)
    sign_in(run, fake)
    login = login_of(home)
    path = home / "config/logins.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "logins": {}, "discarded": [["file", login["id"]]]}))
    assert "is not signed in" in run("logout").stderr
    assert files_with(home, KEY) == set()
    assert json.loads(path.read_text())["discarded"] == []


# The sign-in at the proxy


def test_a_logout_ends_the_sign_in_at_the_proxy(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DAY)
    revokes(fake)
    run("logout", "-v")
    (request,) = fake.requests
    assert (request.form["token"], request.form["client_id"]) == (OLD_REFRESH, CLIENT)
    assert "Authorization" not in request.headers
    assert not Path(files.vault.path).exists()
    assert run("token", "--json", exit=4).error["code"] == "auth_required"
    run("logout")
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [{"status": 500, "body": {"detail": "boom"}}, {"status": 400, "body": {"error": "invalid_request"}}, {"raw": b""}],
)
def test_a_sign_in_that_cannot_be_ended_at_the_proxy_is_ended_here(
    run: Run, fake: FakeProxy, files: Files, answer: dict[str, Any]
) -> None:
    files.keep(fake.url, left=DAY)
    revokes(fake, **answer)
    result = run("logout")
    assert "cannot revoke the sign-in" in result.stderr
    assert OLD_REFRESH not in result.stderr
    assert not Path(files.vault.path).exists()
    assert files.logins.read().by_profile == {}
    assert files.logins.read().urls == {"default": fake.url}


def test_a_logout_without_the_network(run: Run, fake: FakeProxy, files: Files) -> None:
    files.keep(fake.url, left=DAY)
    assert "cannot revoke the sign-in" in run("logout", "--offline").stderr
    assert not Path(files.vault.path).exists()
    assert fake.requests == []


def test_a_logout_sends_nothing_to_an_endpoint_that_somebody_moved(
    run: Run, fake: FakeProxy, evil: FakeProxy, files: Files
) -> None:
    files.keep(fake.url, left=DAY, revocation_endpoint=f"{evil.url}/revoke")
    assert "cannot revoke the sign-in" in run("logout").stderr
    assert not Path(files.vault.path).exists()
