"""Single sign-on by device code: a code that the person types into a browser anywhere, while the program polls."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.answers import answering, closing
from tests.conftest import Run, Start
from tests.contract.signing_in import assert_no_login, stored
from tests.fake_proxy import FakeProxy, Request, error, row

TOKEN, POLL_SECRET, LOGIN = "litellm_login_token-0123456789", "poll-secret-0123456789", "cli-0123456789"
POLL = f"/sso/cli/poll/{LOGIN}"
STARTED = {"login_id": LOGIN, "poll_secret": POLL_SECRET, "user_code": "ABCD-EFGH", "expires_in": 600}
PENDING = {"status": "pending"}
RED = {"team_id": "lab-red", "team_alias": "Red team", "team_models": ["gpt-4o"], "team_model_aliases": None}
BLUE = {"team_id": "lab-blue", "team_alias": "Blue team", "team_models": [], "team_model_aliases": None}
TEAMS = {"teams": ["lab-red", "lab-blue"], "team_details": [RED, BLUE]}
SELECTION = {"status": "ready", "user_id": "duo", **TEAMS, "requires_team_selection": True}
NO_TEAM = {"status": "ready", "key": TOKEN, "user_id": "solo", "team_id": None, "teams": [], "team_details": []}
ABSENT = object()
SECONDS = 20.0


def ready(team: str, **changes: Any) -> dict[str, Any]:
    found = {"status": "ready", "key": TOKEN, "user_id": "duo", "team_id": team, **TEAMS, **changes}
    return {name: value for name, value in found.items() if value is not ABSENT}


@pytest.fixture
def fake(proxy: FakeProxy, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> FakeProxy:
    """A proxy that the environment names, without a key, and a machine without a browser. Polls follow quickly."""
    for name in ("LITELLM_API_KEY", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "KUBERNETES_SERVICE_HOST"):
        env.pop(name, None)
    env["SSH_CONNECTION"] = "192.0.2.1 50000 192.0.2.2 22"
    env["LITELLMCTL_KEYRING"] = "off"
    monkeypatch.setattr("litellmctl.auth.flows._POLL_SECONDS", 0.01)
    monkeypatch.setattr("litellmctl.auth.flows._MAX_PAUSE_SECONDS", 0.02)
    return proxy


def starts(proxy: FakeProxy, **changes: Any) -> FakeProxy:
    proxy.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    started = {name: value for name, value in {**STARTED, **changes}.items() if value is not ABSENT}
    return proxy.on("/sso/cli/start", started, method="POST")


def tells(proxy: FakeProxy) -> FakeProxy:
    """Take the token, and tell whose it is and which models it may use."""
    proxy.on("/v1/models", {"data": [{"id": "gpt"}]})
    proxy.on("/key/info", error(404, "Key not found in database")["body"], status=404)
    proxy.on("/user/info", {"user_id": "duo", "user_info": {"user_email": "duo@example.com"}})
    return proxy.models(row("gpt"))


def polls(proxy: FakeProxy) -> list[Request]:
    return [request for request in proxy.requests if request.path.startswith("/sso/cli/poll/")]


# The exchange


def test_the_exchange_is_as_the_contract_has_it(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, PENDING, times=2).on(POLL, NO_TEAM)
    tells(fake)
    before = time.time()
    result = run("login", "--sso", "-v")
    assert result == ""
    start = next(request for request in fake.requests if request.path == "/sso/cli/start")
    assert (start.method, start.body) == ("POST", b"")
    assert len(polls(fake)) == 3
    for poll in polls(fake):
        assert (poll.method, poll.query, poll.body) == ("GET", {}, b"")
        assert poll.headers["x-litellm-cli-poll-secret"] == POLL_SECRET
    carry_it = {request.path for request in fake.requests if "x-litellm-cli-poll-secret" in request.headers}
    assert carry_it == {POLL}
    without_key = {"/.well-known/litellm-ui-config", "/sso/cli/start", POLL}
    assert {request.path for request in fake.requests if "Authorization" not in request.headers} == without_key
    login = stored(home)
    assert before + 86400 <= login["expires_at"] <= time.time() + 86400
    assert (login["kind"], login["user_id"], login["secret"]["token"]) == ("sso", "solo", TOKEN)
    assert login.get("team_id") is None
    assert run("token") == f"{TOKEN}\n"


def test_the_link_and_the_code_are_printed_whatever_is_silenced(run: Run, fake: FakeProxy) -> None:
    for option in ("-q", "-v"):
        tells(starts(fake).on(POLL, NO_TEAM))
        said = run("login", "--sso", option, FORCE_COLOR="1").stderr
        (link,) = [line for line in said.splitlines() if line.startswith("http")]
        assert link == f"{fake.url}/sso/key/generate?source=litellm-cli&key={LOGIN}"
        assert "Enter the code ABCD-EFGH there (10 minutes; Ctrl-C cancels)." in said.splitlines()
        assert ("no browser on this machine" in said) is (option == "-v")


def test_no_secret_is_anywhere_but_in_the_vault(run: Run, fake: FakeProxy, home: Path) -> None:
    tells(starts(fake).on(POLL, SELECTION).on(f"{POLL}?team_id=lab-red", ready("lab-red")))
    said = run("login", "--sso", "-v", "--team", "lab-red").stderr
    for path in home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert POLL_SECRET.encode() not in content
        assert (TOKEN.encode() in content) is (path.name == "secrets.json")
    assert TOKEN not in said
    assert POLL_SECRET not in said


def test_a_link_with_the_code_in_it_is_used_where_it_is_the_proxys_own(run: Run, fake: FakeProxy) -> None:
    complete = f"{fake.url}/sso/key/generate?source=litellm-cli&key={LOGIN}&user_code=ABCD-EFGH"
    tells(starts(fake, verification_uri_complete=complete).on(POLL, NO_TEAM))
    said = run("login", "--sso").stderr.splitlines()
    assert complete in said
    assert any("ABCD-EFGH" in line for line in said if not line.startswith("http"))  # to be compared with the page's


@pytest.mark.parametrize(
    "complete",
    [
        "http://evil.example/sso/key/generate?key=x",
        "https://127.0.0.1:{port}/sso/key/generate?key=x",
        "http://localhost:{port}/sso/key/generate?key=x",
        "http://127.0.0.1:{port}@evil.example/",
        "http://127.0.0.1:{port}.evil.example/",
        "http://evil@127.0.0.1:{port}/",
        "javascript:alert(1)",
        "/sso/key/generate?key=x",
        "http://127.0.0.1:{port}/\nhttp://evil.example/",
        "http://127.0.0.1:{port}/\x1b[31m",
        "http://[",
        "",
        7,
        ["x"],
    ],
)
def test_a_link_that_is_not_the_proxys_own_is_not_shown(run: Run, fake: FakeProxy, complete: Any) -> None:
    if isinstance(complete, str):
        complete = complete.replace("{port}", str(fake.port))
    tells(starts(fake, verification_uri_complete=complete).on(POLL, NO_TEAM))
    said = run("login", "--sso").stderr
    assert f"{fake.url}/sso/key/generate?source=litellm-cli&key={LOGIN}" in said.splitlines()
    assert "evil" not in said
    assert "Enter the code ABCD-EFGH there" in said


@pytest.mark.parametrize("login", ["a/../b", "cli 1?x=y#z", "ü%2F", "..%2f..", "a\nb"])
def test_a_login_id_cannot_leave_its_path(run: Run, fake: FakeProxy, login: str) -> None:
    starts(fake, login_id=login)
    answered: list[str] = []
    fake.on("/user/info", {}).on("/key/info", {}).on("/v1/models", {"data": []}).models(row("gpt"))

    def note(handler: BaseHTTPRequestHandler) -> Any:
        answered.append(handler.path)
        return NO_TEAM

    quoted = quote(login, safe="")
    fake.on(f"/sso/cli/poll/{quoted}", respond=answering(note))
    said = run("login", "--sso").stderr
    assert answered == [f"/sso/cli/poll/{quoted}"]
    (link,) = [line for line in said.splitlines() if line.startswith("http")]
    assert dict(parse_qsl(urlsplit(link).query)) == {"source": "litellm-cli", "key": login}


@pytest.mark.parametrize("hours", [None, "0.5", "48"])
def test_a_key_without_an_expiry_is_good_for_as_long_as_the_variable_says(
    run: Run, fake: FakeProxy, home: Path, hours: str | None
) -> None:
    tells(starts(fake).on(POLL, NO_TEAM))
    run("login", "--sso", LITELLM_CLI_JWT_EXPIRATION_HOURS=hours)
    left = stored(home)["expires_at"] - time.time()
    assert abs(left - float(hours or 24) * 3600) < SECONDS


def test_a_variable_that_is_no_number_of_hours_is_exit_2_before_anybody_signs_in(
    run: Run, fake: FakeProxy, home: Path
) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True}, times=None)
    fake.on("/sso/cli/start", STARTED, method="POST", times=None).on(POLL, NO_TEAM, times=None)
    for hours in ("soon", "-1", "0", "nan", "inf", "1e99", "24h"):
        result = run("login", "--sso", "--json", exit=2, LITELLM_CLI_JWT_EXPIRATION_HOURS=hours)
        assert result.error["code"] == "config"
        assert "LITELLM_CLI_JWT_EXPIRATION_HOURS" in result.error["message"]
        assert_no_login(home, TOKEN)
    assert polls(fake) == []  # a ready one is answered once only, and would be lost


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(3600, 3600), (3600.5, 3600.5), ("3600", 86400), (-1, 86400), (0, 86400), (True, 86400), (1e308, 86400)],
)
def test_an_expiry_that_the_poll_tells_goes_before_the_variable(
    run: Run, fake: FakeProxy, home: Path, seconds: Any, kept: float
) -> None:
    tells(starts(fake).on(POLL, ready("lab-red", expires_in=seconds)))
    run("login", "--sso")
    assert abs(stored(home)["expires_at"] - time.time() - kept) < SECONDS


# Starting


@pytest.mark.parametrize(
    ("answer", "exit", "code"),
    [
        ({"status": 429, "body": {"detail": "Too many CLI login attempts. Try again later."}}, 3, "rate_limited"),
        ({"status": 500, "body": {"detail": "boom"}}, 3, "server_error"),
        ({"status": 403, "body": {"detail": "not from here"}}, 4, "forbidden"),
        ({"status": 307, "body": {}, "headers": {"Location": "http://127.0.0.1:9/"}}, 3, "bad_response"),
        ({"body": b"<html>"}, 3, "bad_response"),
        ({"body": []}, 3, "bad_response"),
        ({"raw": b""}, 3, "unreachable"),
    ],
)
def test_a_start_that_fails(
    run: Run, fake: FakeProxy, home: Path, answer: dict[str, Any], exit: int, code: str
) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    fake.on("/sso/cli/start", method="POST", **answer)
    assert run("login", "--sso", "--json", exit=exit).error["code"] == code
    assert_no_login(home, TOKEN)


def test_a_start_that_lacks_something_is_exit_3(run: Run, fake: FakeProxy) -> None:
    for name in ("login_id", "poll_secret", "user_code"):
        for value in (ABSENT, None, "", 7, ["x"], "\ud800"):
            starts(fake, **{name: value})
            failure = run("login", "--sso", "--json", exit=3).error
            assert failure["code"] == "bad_response"
            assert name in failure["message"]
    assert polls(fake) == []


def test_a_poll_secret_that_cannot_be_sent_is_exit_3(run: Run, fake: FakeProxy) -> None:
    for secret in ("a\nb", "a\r\nx-evil: 1", "ü€", "\x00"):
        starts(fake, poll_secret=secret)
        assert run("login", "--sso", "--json", exit=3).error["code"] == "bad_response"
    assert polls(fake) == []


@pytest.mark.parametrize("status", [404, 405])
def test_a_flow_that_was_forced_and_is_not_there_is_exit_5(run: Run, fake: FakeProxy, status: int) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    fake.on("/sso/cli/start", {"detail": "Not Found"}, status=status, method="POST")
    assert "--flow device" in run("login", "--flow", "device", "--json", exit=5).error["message"]


def test_a_proxy_with_neither_flow_needs_a_token_to_be_pasted(run: Run, fake: FakeProxy) -> None:
    fake.on("/.well-known/litellm-ui-config", {"sso_configured": True})
    fake.on("/sso/cli/start", {"detail": "Not Found"}, status=404, method="POST")
    failure = run("login", "--sso", "--json", exit=2).error
    assert failure["code"] == "input_required"
    assert "--with-token" in failure["remedy"]


# Polling


PASSING: list[Any] = [
    pytest.param({"status": 500, "body": {"detail": "boom"}}, id="500"),
    pytest.param({"status": 503, "body": b"<html>"}, id="503"),
    pytest.param({"status": 429, "body": {"detail": "slow down"}}, id="429"),
    pytest.param({"status": 429, "body": {}, "headers": {"Retry-After": "0"}}, id="429 retry"),
    pytest.param({"status": 429, "body": {}, "headers": {"Retry-After": "3600"}}, id="429 long"),
    pytest.param({"status": 429, "body": {}, "headers": {"Retry-After": "soon"}}, id="429 odd"),
    pytest.param({"body": b"<!doctype html><html>"}, id="page"),
    pytest.param({"body": b'{"status": "re'}, id="half"),
    pytest.param({"body": {"status": "wait"}}, id="unknown"),
    pytest.param({"body": {}}, id="no status"),
    pytest.param({"body": {"status": 7}}, id="number"),
    pytest.param({"body": [PENDING]}, id="list"),
    pytest.param({"body": None}, id="null"),
    pytest.param({"respond": closing(reset=True)}, id="reset"),
    pytest.param({"raw": b""}, id="closed"),
    pytest.param({"status": 302, "body": b"", "headers": {"Location": "https://gateway.example/"}}, id="redirect"),
]


@pytest.mark.parametrize("answer", PASSING)
def test_a_poll_that_fails_once_is_made_again(run: Run, fake: FakeProxy, home: Path, answer: dict[str, Any]) -> None:
    tells(starts(fake).on(POLL, PENDING).on(POLL, **answer).on(POLL, PENDING).on(POLL, NO_TEAM))
    run("login", "--sso")
    assert stored(home)["secret"]["token"] == TOKEN


@pytest.mark.parametrize("answer", [PASSING[0], PASSING[4], *PASSING[6:13]])
def test_polls_that_fail_for_ever_end_with_exit_3(
    run: Run, fake: FakeProxy, home: Path, answer: dict[str, Any]
) -> None:
    starts(fake).on(POLL, times=None, **answer)
    assert run("login", "--sso", "--json", exit=3).error["code"] in {"bad_response", "server_error", "rate_limited"}
    assert 2 < len(polls(fake)) < 20
    assert_no_login(home, TOKEN)


def test_only_polls_that_fail_one_after_another_are_too_many(run: Run, fake: FakeProxy) -> None:
    starts(fake)
    for _ in range(8):
        fake.on(POLL, {"detail": "boom"}, status=500).on(POLL, PENDING)
    tells(fake.on(POLL, NO_TEAM))
    run("login", "--sso")


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_sign_in_that_is_over_is_exit_4_at_once(run: Run, fake: FakeProxy, home: Path, status: int) -> None:
    starts(fake).on(POLL, PENDING).on(POLL, {"detail": "CLI login session not found or expired."}, status=status)
    assert run("login", "--sso", "--json", exit=4).error["code"] == "auth_failed"
    assert len(polls(fake)) == 2
    assert_no_login(home, TOKEN)


def test_a_sign_in_that_nobody_finishes_ends_with_its_time(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake, expires_in=1).on(POLL, PENDING, times=None)
    start = time.monotonic()
    result = run("login", "--sso", "--json", exit=4)
    assert 0.9 < time.monotonic() - start < 2.9
    assert result.error["code"] == "auth_failed"
    assert not re.search(r"\b0 minutes", result.stderr)
    assert_no_login(home, TOKEN)


@pytest.mark.parametrize(
    "key", [ABSENT, None, "", 7, ["x"], f"{TOKEN}\nx-evil: 1", f"{TOKEN}\x00", f"{TOKEN}é", f"{TOKEN}€"]
)
def test_a_key_that_is_none_is_exit_3(run: Run, fake: FakeProxy, home: Path, key: Any) -> None:
    starts(fake).on(POLL, ready("lab-red", key=key), times=None)
    result = run("login", "--sso", "--json", exit=3)
    assert result.error["code"] == "bad_response"
    assert TOKEN not in result.stderr
    assert_no_login(home, TOKEN)


def test_a_key_that_does_not_work_is_not_stored(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, NO_TEAM).on("/v1/models", **error(401, "no", "auth_error"))
    assert run("login", "--sso", "--json", exit=4).error["code"] == "auth_failed"
    assert_no_login(home, TOKEN)


# Teams


def test_one_team_is_no_question(run: Run, fake: FakeProxy, home: Path) -> None:
    one = {"teams": ["lab-red"], "team_details": [RED]}
    tells(starts(fake).on(POLL, ready("lab-red", **one)))
    assert "team Red team" in run("login", "--sso").stderr
    assert (stored(home)["team_id"], stored(home)["team_alias"]) == ("lab-red", "Red team")


@pytest.mark.parametrize("team", ["lab-blue", "Blue team"])
def test_the_option_answers_the_question_by_id_or_name(run: Run, fake: FakeProxy, home: Path, team: str) -> None:
    tells(starts(fake).on(f"{POLL}?team_id=lab-blue", ready("lab-blue")).on(POLL, SELECTION))
    run("login", "--team", team)
    assert [poll.query for poll in polls(fake)] == [{}, {"team_id": "lab-blue"}]
    assert polls(fake)[1].headers["x-litellm-cli-poll-secret"] == POLL_SECRET
    assert (stored(home)["team_id"], stored(home)["team_alias"]) == ("lab-blue", "Blue team")


def test_without_a_terminal_the_question_is_exit_2_with_the_teams(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, SELECTION)
    failure = run("login", "--sso", "--json", exit=2).error
    assert failure["code"] == "input_required"
    assert "--team" in failure["remedy"]
    assert "lab-blue" in failure["message"]
    assert "lab-red" in failure["message"]
    assert_no_login(home, TOKEN)


@pytest.mark.parametrize("details", [[RED, BLUE], [BLUE, RED]])
def test_at_a_terminal_the_teams_are_listed_by_name(
    run: Run, fake: FakeProxy, home: Path, details: list[dict[str, Any]]
) -> None:
    listed = {"teams": [one["team_id"] for one in details], "team_details": details}
    tells(starts(fake).on(f"{POLL}?team_id=lab-red", ready("lab-red")).on(POLL, {**SELECTION, **listed}))
    said = run("login", "--sso", terminal=True, stdin="9\nx\n\n2\n").stderr
    assert said.index("1  Blue team (lab-blue)") < said.index("2  Red team (lab-red)") < said.index("Which team?")
    assert stored(home)["team_id"] == "lab-red"


def test_at_a_terminal_the_end_of_the_input_is_an_interruption(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, SELECTION)
    run("login", "--sso", terminal=True, stdin="", exit=130)
    assert_no_login(home, TOKEN)


def test_teams_of_which_only_the_ids_are_known(run: Run, fake: FakeProxy, home: Path) -> None:
    selection = {**SELECTION, "teams": ["b", "a"], "team_details": None}
    tells(starts(fake).on(f"{POLL}?team_id=a", ready("a", teams=["b", "a"], team_details=[7])).on(POLL, selection))
    said = run("login", "--sso", terminal=True, stdin="1\n").stderr
    assert "1  a\n" in said
    assert stored(home)["team_id"] == "a"


def test_names_of_teams_cannot_act_on_the_terminal(run: Run, fake: FakeProxy) -> None:
    names = [{**RED, "team_alias": "Red\x1b[2J\nteam"}, BLUE]
    tells(starts(fake).on(f"{POLL}?team_id=lab-red", ready("lab-red")).on(POLL, {**SELECTION, "team_details": names}))
    said = run("login", "--sso", terminal=True, stdin="2\n", NO_COLOR="1", TERM="dumb").stderr
    assert "2  Red[2J team (lab-red)" in said


def test_a_team_of_others_is_exit_2(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, SELECTION)
    failure = run("login", "--team", "nope", "--json", exit=2).error
    assert '"nope"' in failure["message"]
    assert "lab-blue" in failure["remedy"]
    assert_no_login(home, TOKEN)


def test_a_name_that_two_teams_have_is_exit_2(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, {**SELECTION, "team_details": [RED, {**BLUE, "team_alias": "Red team"}]})
    failure = run("login", "--team", "Red team", "--json", exit=2).error
    assert "lab-blue" in failure["remedy"]
    assert "lab-red" in failure["remedy"]


def test_a_team_that_the_proxy_refuses_is_exit_4(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, SELECTION)
    fake.on(f"{POLL}?team_id=lab-red", {"detail": "User does not belong to team: lab-red."}, status=403)
    failure = run("login", "--team", "lab-red", "--json", exit=4).error
    assert "does not belong" in failure["message"]
    assert LOGIN not in failure["message"]
    assert_no_login(home, TOKEN)


@pytest.mark.parametrize("found", [NO_TEAM, ready("lab-red")])
def test_another_team_than_the_one_that_was_asked_for(
    run: Run, fake: FakeProxy, home: Path, found: dict[str, Any]
) -> None:
    starts(fake).on(POLL, found)
    fake.on("/v1/models", {"data": []}, times=None).on("/key/info", {}, times=None).on("/user/info", {}, times=None)
    assert "lab-blue" in run("login", "--team", "lab-blue", "--json", exit=2).error["message"]
    assert_no_login(home, TOKEN)


# The rest


def test_ctrl_c_while_waiting(run: Run, fake: FakeProxy, start: Start, home: Path) -> None:
    tells(starts(fake).on(POLL, NO_TEAM))
    run("login", "--sso")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    polled = threading.Event()
    starts(fake, login_id="second").on("/sso/cli/poll/second", respond=lambda _: polled.set(), times=None)
    process = start("login", "--sso", stdin=subprocess.DEVNULL)
    assert polled.wait(SECONDS)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_virtual_key_in_place_of_the_token(run: Run, fake: FakeProxy, home: Path) -> None:
    starts(fake).on(POLL, ready("lab-red")).on("/v1/models", {"data": [{"id": "gpt"}]})
    fake.on("/key/generate", {"key": "sk-virtual-0123456789", "expires": None}, method="POST")
    tells(fake)
    run("login", "--sso", "--virtual-key")
    login = stored(home)
    assert (login["kind"], login["secret"]["token"]) == ("virtual_key", "sk-virtual-0123456789")
    assert (login["team_id"], login["team_alias"]) == ("lab-red", "Red team")
    assert not any(TOKEN.encode() in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_stored_login_that_has_ended_is_exit_4_with_the_command(run: Run, fake: FakeProxy, home: Path) -> None:
    tells(starts(fake).on(POLL, ready("lab-red", expires_in=0.2)))
    run("login", "--sso", LITELLM_DISCOVERY_TIMEOUT_MS="5000")
    time.sleep(max(0.0, stored(home)["expires_at"] - time.time()))
    failure = run("token", "--json", exit=4).error
    assert failure["code"] == "auth_required"
    assert failure["remedy"] == "litellmctl login --sso"


@pytest.mark.parametrize("name", ["login_id", "user_code"])
def test_what_nobody_could_type_is_not_shown(run: Run, fake: FakeProxy, home: Path, name: str) -> None:
    starts(fake, **{name: "x" * 2**20})
    error = run("login", "--sso", "--json", exit=3)
    assert error.error["code"] == "bad_response"
    assert len(error.stderr) < 1000
    assert_no_login(home, TOKEN)


def test_a_poll_secret_that_the_proxy_repeats_is_not_shown(run: Run, fake: FakeProxy) -> None:
    starts(fake).on(POLL, error(401, f"x-litellm-cli-poll-secret: {POLL_SECRET} is wrong")["body"], status=401)
    said = run("login", "--sso", exit=4).stderr
    assert "poll-secret: *** is wrong" in said
    assert POLL_SECRET not in said
