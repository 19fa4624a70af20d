"""Signing in to a real proxy with a real identity provider, each way, and what is to be had after it."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Result, Run
from tests.effort import until
from tests.live.conftest import LITELLM, Lab
from tests.live.signing_in import PROGRAM, Between, Page, Person, Seen, Vault, Waiting
from tests.server import free_port

pytestmark = pytest.mark.database

# Over SSH there is no browser in front of the person: the device code is the way.
AWAY = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
DAY = 24 * 3600
Begin = Callable[..., Waiting]
Check = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_keyring(env: dict[str, str]) -> None:
    env["LITELLMCTL_KEYRING"] = "off"


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Iterator[Person]:
    person = Person(lab, tmp_path)
    yield person
    person.leaves()


@pytest.fixture
def vault(env: dict[str, str]) -> Vault:
    return Vault(env)


@pytest.fixture
def begin(env: dict[str, str], tmp_path: Path) -> Iterator[Begin]:
    """Start a command that waits for its person. All is ended after."""
    begun: list[Waiting] = []

    def begin(*arguments: str, **variables: str) -> Waiting:
        folder = tmp_path / f"process-{len(begun)}"
        folder.mkdir()
        begun.append(Waiting(arguments, {**env, **variables}, folder))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


@pytest.fixture
def by_device(begin: Begin, lab: Lab, person: Person) -> Callable[..., Result]:
    def sign_in(user: str, *options: str, exit: int = 0) -> Result:
        login = begin("login", "--sso", "--base-url", lab.url, *options, **AWAY)
        page = person.visit(login.link(), user, code=login.code())[-1]
        assert "Authentication Successful" in page.text
        return login.finish(exit)

    return sign_in


@pytest.fixture
def by_pkce(begin: Begin, lab: Lab, person: Person) -> Callable[..., tuple[Result, Page]]:
    def sign_in(user: str, *options: str, exit: int = 0, **choice: Any) -> tuple[Result, Page]:
        browser = person.browser(user, **choice)
        result = begin("login", "--sso", "--base-url", lab.url, *options, BROWSER=browser).finish(exit)
        return result, person.seen()[-1]

    return sign_in


@pytest.fixture
def between(lab: Lab) -> Iterator[Between]:
    proxy = Between(lab)
    yield proxy
    proxy.close()


@pytest.fixture
def check(run: Run, run_process: Run, lab: Lab) -> Check:
    """Use what was stored, and return what whoami tells of it."""

    def check(**expected: Any) -> dict[str, Any]:
        assert run("models", "--json").json
        token = run_process("token")
        assert token.endswith("\n")
        assert token.count("\n") == 1
        assert takes(lab, token.strip())
        who: dict[str, Any] = run("whoami", "--json").json
        facts = {"signed_in": True, "source": "stored", "storage": "file", "proxy_version": LITELLM, **expected}
        assert {name: who[name] for name in facts} == facts
        assert who["base_url"] == lab.url
        assert who["models"] > 0
        return who

    return check


def takes(lab: Lab, token: str) -> bool:
    return lab.ask("GET", "/v1/models", key=token).status_code == 200


def polls_on(login: Waiting) -> None:
    """Wait for two polls more: the second one began after what has just happened, and did not end the waiting."""
    before = login.said.count("GET /sso/cli/poll/")
    until(lambda: login.said.count("GET /sso/cli/poll/") >= before + 2, "another poll", 30)
    assert login.process.poll() is None


def left(who: dict[str, Any]) -> float:
    """Return for how many seconds a login is good."""
    return datetime.fromisoformat(who["expires_at"]).timestamp() - time.time()


def refresh(lab: Lab, login: dict[str, Any], secret: dict[str, Any]) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": secret["refresh_token"]}
    return lab.ask("POST", "/token", data={**form, "client_id": login["client_id"], "resource": login["resource"]})


# --- device code


@pytest.mark.parametrize(
    ("user", "role", "team", "alias"),
    [("solo", "internal_user_viewer", None, None), ("one", "internal_user", "lab-red", "Red team")],
)
def test_a_device_code_signs_in(
    by_device: Callable[..., Result],
    run: Run,
    run_process: Run,
    vault: Vault,
    check: Check,
    lab: Lab,
    user: str,
    role: str,
    team: str | None,
    alias: str | None,
) -> None:
    result = by_device(user)
    assert result == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "Open this link in any browser to sign in (no browser on this machine):"
    assert lines[1].startswith(f"{lab.url}/sso/key/generate?source=litellm-cli&key=")
    named = f", team {alias}" if alias else ""
    assert lines[-1] == f"✓ Signed in to {lab.url} as {user}@example.com{named} (file)"
    assert "; the login expires in " in lines[-2]
    assert result.stderr.count(str(vault.folder / "secrets.json")) == 1
    who = check(kind="sso", user_id=user, user_email=f"{user}@example.com", role=role, team_id=team, team_alias=alias)
    assert DAY - 120 < left(who) <= DAY
    assert who["renewable"] is False
    assert "Signed out" in run_process("logout").stderr
    assert "secrets.json" not in vault.files()
    assert run("whoami", "--json", exit=4).json["signed_in"] is False
    assert run("token", exit=4) == ""
    run("logout")


@pytest.mark.parametrize("named", ["lab-blue", "Blue team"])
def test_a_device_code_signs_in_with_the_team_that_was_named(
    by_device: Callable[..., Result], check: Check, named: str
) -> None:
    assert "as duo@example.com, team Blue team (" in by_device("duo", "--team", named).stderr
    check(kind="sso", user_id="duo", team_id="lab-blue", team_alias="Blue team")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "cannot ask which team to use without a terminal"),
        (("--team", "lab-green"), 'you are not in team "lab-green"'),
    ],
)
def test_without_a_terminal_a_team_has_to_be_named_and_be_theirs(
    by_device: Callable[..., Result], vault: Vault, options: tuple[str, ...], says: str
) -> None:
    error = by_device("duo", *options, exit=2).stderr
    assert says in error
    assert "lab-blue, lab-red" in error
    assert "--team" in error or "pass one of" in error
    assert not {"logins.json", "secrets.json"} & set(vault.files())


# --- PKCE


def test_pkce_signs_in_and_logout_ends_it_at_the_proxy_too(
    by_pkce: Callable[..., tuple[Result, Page]], run_process: Run, vault: Vault, check: Check, lab: Lab
) -> None:
    result, page = by_pkce("one")
    assert result == ""
    assert result.stderr.splitlines()[0] == "Opening a browser on this machine to sign in (10 minutes; Ctrl-C cancels):"
    assert f"Signed in to {lab.url} as one@example.com, team Red team (file)" in result.stderr
    assert "the login is refreshed automatically" in result.stderr
    assert page.status == 200
    assert "Signed in" in page.text
    assert "one@example.com" in page.text
    assert "<script" not in page.text
    who = check(
        kind="pkce",
        user_id="one",
        user_email="one@example.com",
        team_id="lab-red",
        team_alias="Red team",
        renewable=True,
    )
    assert DAY - 120 < left(who) <= DAY
    login, secret = vault.login(), vault.secret()
    assert "Signed out" in run_process("logout").stderr
    answer = refresh(lab, login, secret)
    assert answer.status_code == 400
    assert "revoked" in answer.text
    assert "secrets.json" not in vault.files()
    run_process("token", exit=4)


def test_the_link_can_be_opened_by_hand(begin: Begin, lab: Lab, person: Person, check: Check) -> None:
    port = str(free_port())
    # The browser is one that fails, where it is started.
    options = ("--no-browser", "--callback-port", port, "--base-url", lab.url)
    login = begin("login", "--sso", *options, BROWSER="/bin/false")
    page = person.visit(login.link(), "duo", team="lab-blue")[-1]
    assert "Signed in" in page.text
    assert page.url.startswith(f"http://127.0.0.1:{port}/callback?")
    assert "Cannot open a browser" not in login.finish().stderr
    check(kind="pkce", user_id="duo", team_id="lab-blue")


@pytest.mark.parametrize(
    "named",
    [
        "lab-blue",
        "Blue team",
    ],
)
def test_pkce_signs_in_with_the_team_that_was_named(
    by_pkce: Callable[..., tuple[Result, Page]], check: Check, named: str
) -> None:
    result, _ = by_pkce("duo", "--team", named, team="lab-blue")
    assert f"Choose team {named} there." in result.stderr
    check(kind="pkce", user_id="duo", team_id="lab-blue", team_alias="Blue team")


def test_pkce_with_another_team_than_the_one_that_was_named_is_refused_and_revoked(
    by_pkce: Callable[..., tuple[Result, Page]], vault: Vault
) -> None:
    result, page = by_pkce("duo", "--team", "lab-blue", "-v", exit=2, team="lab-red")
    assert "lab-red, not with team lab-blue" in result.stderr
    assert "POST /revoke 200" in result.stderr
    assert "Not signed in" in page.text
    assert "lab-red, not with team lab-blue" in page.text
    assert not {"logins.json", "secrets.json"} & set(vault.files())


# --- API keys


def test_a_virtual_key_signs_in(run_process: Run, lab: Lab, vault: Vault, check: Check) -> None:
    key = lab.new_key(user_id="one", duration="10h", models=["gpt-4o"])
    result = run_process("login", "--with-token", "--base-url", lab.url, stdin=f"{key}\n")
    assert f"Signed in to {lab.url} as one@example.com (file)" in result.stderr
    assert "1 model" in result.stderr
    who = check(kind="api_key", user_id="one", user_email="one@example.com", team_id=None, models=1)
    assert 10 * 3600 - 120 < left(who) <= 10 * 3600
    # What a person brought along is not ours to delete.
    assert "did not create a virtual key" in run_process("logout", "--revoke-key").stderr
    assert takes(lab, key)
    assert "secrets.json" not in vault.files()


def test_the_master_key_signs_in(run_process: Run, lab: Lab, check: Check) -> None:
    run_process("login", "--with-token", "--base-url", lab.url, stdin=f"Bearer {lab.master_key}")
    assert check(kind="api_key")["expires_at"] is None
    assert run_process("token") == f"{lab.master_key}\n"


def test_other_programs_get_a_token_that_works(run_process: Run, lab: Lab, env: dict[str, str]) -> None:
    run_process("login", "--with-token", "--base-url", lab.url, stdin=lab.new_key(duration="1h"))
    script = """
        set -e
        curl -sf -H "$("$@" token --header)" "$("$@" token --json | jq -r .base_url)/v1/models" | jq -e .data
        eval "$("$@" env)"
        curl -sf -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/models" | jq -e .data
        curl -sf -H "x-api-key: $ANTHROPIC_AUTH_TOKEN" "$ANTHROPIC_BASE_URL/v1/models" | jq -e .data
    """
    command = ["bash", "-c", script, "bash", *PROGRAM]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# --- virtual keys


@pytest.mark.parametrize("flow", ["device", "pkce"])
def test_a_virtual_key_takes_the_place_of_a_session_and_goes_with_it(
    by_device: Callable[..., Result],
    by_pkce: Callable[..., tuple[Result, Page]],
    run_process: Run,
    check: Check,
    lab: Lab,
    flow: str,
) -> None:
    if flow == "device":
        result = by_device("one", "--virtual-key")
        user = "one"
    else:
        result, _ = by_pkce("duo", "--virtual-key", "-v", team="lab-blue")
        user = "duo"
        assert "POST /revoke 200" in result.stderr
    assert f"as {user}@example.com" in result.stderr
    assert 'Created the virtual key "litellmctl-' in result.stderr
    who = check(kind="virtual_key", user_id=user, user_email=f"{user}@example.com", renewable=False)
    key = run_process("token").strip()
    info = lab.ask("GET", "/key/info", params={"key": key}).json()["info"]
    assert info["user_id"] == user
    assert info["team_id"] == who["team_id"]
    assert info["key_alias"].startswith("litellmctl-")
    run_process("logout", "--revoke-key")
    assert lab.ask("GET", "/v1/models", key=key).status_code == 401


def test_a_virtual_key_that_was_kept_is_deleted_by_the_command_that_logout_names(
    by_device: Callable[..., Result], run_process: Run, lab: Lab, vault: Vault
) -> None:
    by_device("one", "--virtual-key")
    key, alias = run_process("token").strip(), vault.login()["key_alias"]
    said = run_process("logout").stderr
    assert f'Kept the virtual key "{alias}" at {lab.url}.' in said
    assert takes(lab, key)
    by_device("one")  # "sign in there again"
    command = shlex.split(said.split("run: ")[1].splitlines()[0])
    assert run_process(*command[1:]).json == {"deleted_keys": [alias]}
    assert not takes(lab, key)


def test_a_virtual_key_expires_as_chosen(by_device: Callable[..., Result], run_process: Run, check: Check) -> None:
    result = by_device("one", "--virtual-key", "--expires", "12h")
    assert "the login expires in 12 hours (" in result.stderr
    who = check(kind="virtual_key", user_id="one")
    assert 12 * 3600 - 120 < left(who) <= 12 * 3600
    run_process("logout", "--revoke-key")


def test_a_virtual_key_is_deleted_when_its_login_is_replaced(
    by_device: Callable[..., Result], run_process: Run, lab: Lab
) -> None:
    by_device("one", "--virtual-key")
    key = run_process("token").strip()
    assert "Deleted the virtual key" in by_device("one", "--revoke-key").stderr
    assert not takes(lab, key)


def test_what_a_browser_shows_is_a_url(run_process: Run, lab: Lab) -> None:
    run_process("login", f"{lab.url}/ui/?page=api-keys", "--with-token", stdin=lab.new_key(duration="1h"))
    assert run_process("token", "--json").json["base_url"] == lab.url


@pytest.fixture
def generous_team(lab: Lab) -> Iterator[str]:
    """A team that lets its members make keys for it."""
    path, body = "/team/permissions_update", {"team_id": "lab-blue", "team_member_permissions": ["/key/generate"]}
    lab.ask("POST", path, json=body).raise_for_status()
    yield "lab-blue"
    lab.ask("POST", path, json={**body, "team_member_permissions": []}).raise_for_status()


def test_a_virtual_key_is_the_teams_where_the_team_lets_its_members(
    by_pkce: Callable[..., tuple[Result, Page]], run: Run, check: Check, lab: Lab, generous_team: str
) -> None:
    by_pkce("duo", "--virtual-key", team=generous_team)
    check(kind="virtual_key", user_id="duo", team_id=generous_team, team_alias="Blue team")
    key = run("token").strip()
    assert lab.ask("GET", "/key/info", params={"key": key}).json()["info"]["team_id"] == generous_team
    run("logout", "--revoke-key")
    assert lab.ask("GET", "/v1/models", key=key).status_code == 401


def test_a_virtual_key_that_was_deleted_meanwhile_does_not_keep_logout_from_ending(
    by_pkce: Callable[..., tuple[Result, Page]], run: Run, lab: Lab, generous_team: str
) -> None:
    by_pkce("duo", "--virtual-key", team=generous_team)
    lab.ask("POST", "/key/delete", json={"keys": [run("token").strip()]}).raise_for_status()
    run("logout", "--revoke-key")
    run("token", exit=4)


def test_who_may_have_no_virtual_key_keeps_the_token_and_is_told_why(
    by_device: Callable[..., Result], check: Check
) -> None:
    result = by_device("solo", "--virtual-key")
    assert "cannot create a virtual key, so the token itself is saved" in result.stderr
    assert "Your role=internal_user_viewer" in result.stderr
    check(kind="sso", user_id="solo")


@pytest.mark.parametrize("how", ["block", "delete"])
def test_a_stored_key_that_went_stale_is_exit_4_with_the_login_command(
    run: Run, lab: Lab, vault: Vault, how: str
) -> None:
    key = lab.new_key(user_id="one")
    run("login", "--with-token", "--base-url", lab.url, stdin=key)
    before = vault.files()
    body = {"key": key} if how == "block" else {"keys": [key]}
    lab.ask("POST", f"/key/{how}", json=body).raise_for_status()
    assert run("models", "--json").json, "what is cached is still good to read"
    for command in (["models", "--refresh"], ["whoami"]):
        result = run(*command, "--json", exit=4)
        assert result.error["code"] == "auth_failed"
        assert result.error["remedy"] == "litellmctl login"
        assert key not in result + result.stderr
    assert result.json["signed_in"] is False
    assert vault.files() == before


# --- people who do not, and what goes wrong


def test_who_is_denied_by_device_code_leaves_it_waiting_and_what_was_stored_untouched(
    run: Run, begin: Begin, person: Person, lab: Lab, vault: Vault
) -> None:
    run("login", "--with-token", "--base-url", lab.url, stdin=lab.new_key(duration="1h"))
    before = vault.files()
    login = begin("login", "--sso", "-v", **AWAY)
    page = person.visit(login.link(), "deny", code=login.code())[-1]
    assert page.status >= 400
    polls_on(login)
    assert "Signed in" not in login.interrupt().stderr
    assert vault.files() == before
    run("models", "--refresh")


def test_who_is_denied_by_pkce_leaves_it_waiting(begin: Begin, person: Person, lab: Lab, vault: Vault) -> None:
    login = begin("login", "--sso", "--base-url", lab.url, BROWSER=person.browser("deny"))
    assert person.seen()[-1].status >= 400
    assert login.process.poll() is None
    login.interrupt()
    assert not {"logins.json", "secrets.json"} & set(vault.files())


def test_a_consent_that_is_refused_is_exit_4_in_the_terminal_and_in_the_browser(
    run: Run, by_pkce: Callable[..., tuple[Result, Page]], lab: Lab, vault: Vault
) -> None:
    run("login", "--with-token", "--base-url", lab.url, stdin=lab.new_key(duration="1h"))
    before = vault.files()
    result, page = by_pkce("one", exit=4, refuse=True)
    for text in (result.stderr, page.text):
        assert "refused in the browser (access_denied)" in text
    assert "Not signed in" in page.text
    assert vault.files() == before


def test_after_a_wrong_code_the_right_one_still_works(
    begin: Begin, person: Person, lab: Lab, vault: Vault, check: Check
) -> None:
    login = begin("login", "--sso", "-v", "--base-url", lab.url, **AWAY)
    link, code = login.link(), login.code()
    wrong = "BCDF-2345" if code != "BCDF-2345" else "BCDF-2346"
    assert person.visit(link, "one", code=wrong)[-1].status >= 400
    polls_on(login)
    assert "secrets.json" not in vault.files()
    assert person.visit(link, "one", code=code)[-1].status == 200
    login.finish()
    check(kind="sso", user_id="one")


def test_two_logins_at_once_both_succeed_and_the_last_one_stays(
    begin: Begin, person: Person, lab: Lab, vault: Vault, check: Check
) -> None:
    first = begin("login", "--sso", "--base-url", lab.url, **AWAY)
    link, code = first.link(), first.code()
    second = begin("login", "--sso", "--base-url", lab.url, BROWSER=person.browser("one"))
    second.finish()
    assert vault.login()["user_id"] == "one"
    person.visit(link, "solo", code=code)
    first.finish()
    assert vault.login()["user_id"] == "solo"
    vault.secret()  # the only one
    check(kind="sso", user_id="solo")


def test_a_sign_in_that_the_proxy_forgot_or_whose_answer_was_lost_is_over(
    begin: Begin, person: Person, between: Between, vault: Vault
) -> None:
    polled = "GET /sso/cli/poll/"
    between.before = lambda path: path + "x" if path.startswith("/sso/cli/poll/") and between.seen else path
    forgotten = begin("login", "--sso", "--base-url", between.url, **AWAY).finish(4).stderr
    assert "expired, or the proxy lost it" in forgotten
    assert between.seen[-1].what.startswith(polled)
    assert between.seen[-1].status == 400

    def lose(seen: Seen) -> int:
        return 502 if '"ready"' in seen.answer else seen.status

    between.before, between.after = lambda path: path, lose
    login = begin("login", "--sso", "--base-url", between.url, **AWAY)
    person.visit(between.real(login.link()), "solo", code=login.code())
    assert "expired, or the proxy lost it" in login.finish(4).stderr
    assert [seen.status for seen in between.seen if seen.what.startswith(polled)][-2:] == [502, 400]
    assert not {"logins.json", "secrets.json"} & set(vault.files())


# --- renewal


def test_twenty_at_once_with_an_expired_token_make_one_refresh_and_all_get_the_new_one(
    begin: Begin, person: Person, between: Between, lab: Lab, vault: Vault
) -> None:
    def slow(seen: Seen) -> int:
        time.sleep(1.5 if seen.what == "POST /token" else 0)
        return seen.status

    login = begin("login", "--flow", "pkce", "--no-browser", "--base-url", between.url)
    person.visit(between.real(login.link()), "one")
    login.finish()
    before = vault.secret()
    vault.change(issued_at=time.time() - DAY, expires_at=time.time() - 60)
    exchanged = between.count("POST /token")
    between.after = slow  # until all of them are there
    many = [begin("token", "-v") for _ in range(20)]
    results = [one.finish() for one in many]
    after = vault.secret()
    assert set(results) == {f"{after['token']}\n"}
    assert after["token"] != before["token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert "".join(result.stderr for result in results).count("POST /token 200") == 1
    assert between.count("POST /token") - exchanged == 1
    assert after["expires_at"] == vault.login()["expires_at"] > time.time() + DAY - 120
    assert takes(lab, after["token"])
    # The proof: it was used, and works once.
    stored = {**vault.login(), "resource": lab.url}
    assert refresh(lab, stored, before).status_code == 400


def test_a_token_that_the_proxy_refuses_before_its_end_is_renewed(
    by_pkce: Callable[..., tuple[Result, Page]], run_process: Run, vault: Vault, lab: Lab
) -> None:
    by_pkce("one")
    token = vault.secret()["token"]
    vault.change(token=token[:-4] + "AAAA", issued_at=time.time() - DAY, expires_at=time.time() + 3600)
    result = run_process("models", "--refresh", "--json", "-v")
    assert result.json
    assert "GET /model/info 401" in result.stderr
    assert result.stderr.count("POST /token 200") == 1
    assert takes(lab, vault.secret()["token"])
    # A refresh token that is worth nothing any more: sign in again.
    vault.change(expires_at=time.time() - 60, refresh_token="llm_srefresh_none")
    result = run_process("models", "--refresh", "--json", exit=4)
    assert result.error["remedy"] == "litellmctl login --sso"


# --- secrets


def shown(process: int) -> str:
    """Return what anybody on this machine sees of a process and its children: arguments and variables."""
    folder = Path(f"/proc/{process}")
    children = (folder / f"task/{process}/children").read_text().split()
    own = "".join((folder / name).read_bytes().decode("utf-8", "replace") for name in ("cmdline", "environ"))
    return own + "".join(shown(int(child)) for child in children)


def written(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "secrets.json"]
    assert len(files) > 2
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


@pytest.mark.parametrize("flow", ["device", "pkce"])
def test_no_secret_is_to_be_seen_while_signing_in_nor_after(
    begin: Begin,
    run: Run,
    person: Person,
    between: Between,
    vault: Vault,
    home: Path,
    tmp_path: Path,
    flow: str,
) -> None:
    told = tmp_path / "told-to-the-browser"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} > {told}.new && mv {told}.new {told}\n')
    browser.chmod(0o700)
    options = ("-v", "--base-url", between.url)
    if flow == "device":
        login = begin("login", "--sso", *options, **AWAY)
        code: str | None = login.code()
        until(lambda: between.seen[-1].path.startswith("/sso/cli/poll/"), "a poll", 30)
    else:
        login = begin("login", "--sso", *options, BROWSER=str(browser))
        code = None
        until(told.exists, "a browser", 30)
    link = login.link()
    seen = shown(login.process.pid) + (told.read_text() if told.exists() else "")
    assert "litellmctl" in seen
    person.visit(between.real(link), "one", code=code)
    result = login.finish()
    secrets = [vault.secret()["token"]]
    if flow == "device":
        started = next(json.loads(one.answer) for one in between.seen if one.what == "POST /sso/cli/start")
        assert started["user_code"] == code
        secrets.append(started["poll_secret"])
    else:
        form = next(one.body for one in between.seen if one.what == "POST /token")
        fields = dict(field.split("=", 1) for field in form.split("&"))
        secrets += [vault.secret()["refresh_token"], fields["code"], fields["code_verifier"]]
    for command in (["whoami", "-v"], ["models", "--refresh", "-v"], ["config", "list"]):
        done = run(*command)
        seen += done + done.stderr
    everything = seen + result + result.stderr + written(home)
    assert all(len(secret) > 20 for secret in secrets)
    assert not [secret[:12] for secret in secrets if secret in everything]
    assert "code_verifier" not in everything
    assert oct((vault.folder / "secrets.json").stat().st_mode & 0o777) == "0o600"


def test_no_key_is_to_be_seen_either(run: Run, lab: Lab, env: dict[str, str], home: Path) -> None:
    key = lab.new_key(duration="1h")
    command = [*PROGRAM, "login", "--with-token", "-v", "--base-url", lab.url]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as login:
        assert login.stdin is not None
        login.stdin.write(key)
        login.stdin.flush()
        time.sleep(1)  # it waits for the end of its input
        seen = shown(login.pid)
        stdout, stderr = login.communicate(timeout=30)
    assert login.returncode == 0
    done = run("whoami", "-v")
    assert "litellmctl" in seen
    assert key not in seen + stdout + stderr + done + done.stderr + written(home)
