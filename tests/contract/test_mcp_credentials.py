"""`mcp credentials`, `mcp login` and `mcp logout` against a fake proxy with recorded answers (shapes/mcp_user_*, mcp_oauth_*)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.conftest import Result, Run, Start
from tests.fake_proxy import FakeProxy, shape
from tests.server import free_port

SERVERS, SIGN_INS, VARIABLES = "/v1/mcp/server", "/v1/mcp/user-credentials", "/v1/mcp/user-env-vars/status"
KEY_PATH, ENV_PATH = f"{SERVERS}/my_byok/user-credential", f"{SERVERS}/my_env/user-env-vars"
OAUTH, STATUS = f"{SERVERS}/oauth/my_oauth", f"{SERVERS}/my_oauth/oauth-user-credential"
SECRET = "byok-secret-0123456789"
FIELDS = [
    *("server", "server_id", "alias", "wants", "status", "expires_at", "connected_at"),
    *("variables", "scopes", "help_url", "command"),
]


def answer(proxy: FakeProxy, name: str, *, times: int | None = 1) -> FakeProxy:
    """Answer as a proxy once did."""
    recorded = shape(name)
    request, response = recorded["request"], recorded["response"]
    return proxy.on(request["path"], response["body"], status=response["status"], method=request["method"], times=times)


@pytest.fixture
def listed(proxy: FakeProxy) -> FakeProxy:
    """A proxy that lists servers of which none has what it wants."""
    for name in ("mcp_servers.of_user", "mcp_user_credentials.none", "mcp_user_env_vars_status.missing"):
        answer(proxy, name, times=None)
    return proxy


def rows(proxy: FakeProxy, *servers: Any, sign_ins: Any = (), variables: Any = ()) -> FakeProxy:
    """List these servers, sign-ins and variables, as often as asked."""
    proxy.on(SERVERS, list(servers), times=None).on(SIGN_INS, list(sign_ins), times=None)
    return proxy.on(VARIABLES, list(variables), times=None)


def row(name: str, **facts: Any) -> dict[str, Any]:
    return {"server_id": f"id-{name}", "server_name": name, "alias": None, "auth_type": "none", **facts}


def test_the_list_says_what_each_server_wants(run: Run, listed: FakeProxy) -> None:
    found = run("mcp", "credentials", "--json").json
    assert [list(one) for one in found] == [FIELDS] * 4
    assert [(one["server"], one["wants"], one["status"], one["command"]) for one in found] == [
        ("my_byok", "key", "missing", "litellmctl mcp credentials set my_byok"),
        ("my_env", "variables", "missing", "litellmctl mcp credentials set my_env"),
        ("my_oauth", "sign-in", "missing", "litellmctl mcp login my_oauth"),
        ("my_static", "sign-in", "missing", "litellmctl mcp login my_static"),
    ]
    assert found[0]["scopes"] == ["Read issues", "Write issues"]
    assert found[0]["help_url"] == "https://jira.example.com/keys"
    assert found[1]["variables"] == [
        {"name": "CRM_TOKEN", "description": "Your CRM token", "is_set": False},
        {"name": "REGION", "description": "eu or us", "is_set": False},
    ]
    assert run("mcp", "credentials", "list", "--json").json == found


def test_the_list_at_a_terminal_ends_with_the_commands(run: Run, listed: FakeProxy) -> None:
    said = run("mcp", "credentials", terminal=True, NO_COLOR="1")
    assert [line.split()[:3] for line in said.splitlines()] == [
        ["SERVER", "WANTS", "STATUS"],
        ["my_byok", "key", "missing"],
        ["my_env", "variables", "missing"],
        ["my_oauth", "sign-in", "missing"],
        ["my_static", "sign-in", "missing"],
    ]
    assert said.stderr.splitlines() == [
        "litellmctl mcp credentials set my_byok",
        "litellmctl mcp credentials set my_env",
        "litellmctl mcp login my_oauth",
        "litellmctl mcp login my_static",
    ]


def test_what_is_set(run: Run, proxy: FakeProxy) -> None:
    rows(
        proxy,
        row("jira", is_byok=True, has_user_credential=True),
        row("old", is_byok=True),
        row("linear", auth_type="oauth2"),
        row("forever", auth_type="oauth2"),
        sign_ins=[
            {
                "server_id": "id-linear",
                "expires_at": "2999-11-28T11:00:00.5+00:00",
                "connected_at": "2026-11-28T10:00:00+00:00",
            },
            {"server_id": "id-forever", "expires_at": None, "connected_at": "nonsense"},
        ],
        variables=[{"server_id": "id-crm", "server_name": "crm", "required": [{"name": "A", "is_set": True}]}],
    )
    found = {one["server"]: one for one in run("mcp", "credentials", "--json").json}
    assert {name: one["status"] for name, one in found.items()} == {
        "crm": "set",
        "forever": "set",
        "jira": "set",
        "linear": "set",
        "old": None,
    }
    assert (found["linear"]["expires_at"], found["linear"]["connected_at"]) == (
        "2999-11-28T11:00:00Z",
        "2026-11-28T10:00:00Z",
    )
    assert (found["forever"]["expires_at"], found["forever"]["connected_at"]) == (None, None)


@pytest.mark.parametrize("refreshes", [True, False])
def test_an_expired_sign_in_that_the_proxy_can_refresh_has_not_expired(
    run: Run, proxy: FakeProxy, refreshes: bool
) -> None:
    old = {"server_id": "id-linear", "expires_at": "2020-01-01T00:00:00+00:00"}
    proxy.on(SERVERS, [row("linear", auth_type="oauth2")]).on(VARIABLES, []).on(SIGN_INS, [old])
    if refreshes:
        proxy.on("/mcp-rest/tools/list?server_id=id-linear", {"tools": [], "error": None})
        proxy.on(SIGN_INS, [{**old, "expires_at": "2999-01-01T00:00:00+00:00"}])
    else:
        answer(proxy, "mcp_tools_list.no_sign_in")
    (found,) = run("mcp", "credentials", "--json").json
    assert found["status"] == ("set" if refreshes else "expired")


def test_no_server_wants_anything(run: Run, proxy: FakeProxy) -> None:
    rows(proxy, row("github"))
    assert run("mcp", "credentials", "--json") == "[]\n"
    said = run("mcp", "credentials", terminal=True)
    assert said.stderr == "No MCP server needs a credential of your own.\n"


@pytest.mark.parametrize(
    "nonsense", ["text", {"a": 1}, [1, None, {"server_id": ["x"]}, {"server_id": "y", "required": 5}]]
)
def test_nonsense_in_the_list_is_skipped_or_an_error(run: Run, proxy: FakeProxy, nonsense: Any) -> None:
    for path in (SERVERS, SIGN_INS, VARIABLES):
        proxy.on(path, nonsense, times=None)
    result = run("mcp", "credentials", "--json", exit=0 if isinstance(nonsense, list) else 3)
    assert result == "[]\n" if isinstance(nonsense, list) else result.error["code"] == "bad_response"


@pytest.mark.parametrize("words", [["credentials"], ["credentials", "set", "my_byok"], ["login", "x"], ["logout", "x"]])
@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, {"detail": {"error": "User ID not found in token"}}, "forbidden", "does not belong to a user"),
        (404, {"detail": "Not Found"}, "not_found", "needs LiteLLM 1.83 or newer"),
        (500, {"detail": {"error": "Database not connected. Connect a database"}}, "server_error", "has no database"),
    ],
)
def test_a_proxy_that_keeps_none_says_why(
    run: Run, proxy: FakeProxy, words: list[str], status: int, body: Any, code: str, message: str
) -> None:
    answer(proxy, "mcp_servers.of_user").on(SIGN_INS, body, status=status)
    result = run("mcp", *words, "--json", stdin=SECRET, exit=None)
    assert (result.error["code"], message in result.error["message"]) == (code, True), result.error
    assert result.error["remedy"]
    assert proxy.url in result.error["message"]


def test_a_key_for_models_only_is_not_allowed(run: Run, proxy: FakeProxy) -> None:
    answer(answer(proxy, "mcp_servers.of_user"), "mcp_user_credentials.llm_api_key")
    assert run("mcp", "credentials", "--json", exit=4).error["code"] == "forbidden"


def test_a_release_without_variables_of_users(run: Run, proxy: FakeProxy) -> None:
    answer(answer(proxy, "mcp_servers.of_user"), "mcp_user_credentials.none")
    proxy.on(VARIABLES, {"detail": "Not Found"}, status=404)
    assert [one["wants"] for one in run("mcp", "credentials", "--json").json] == ["key", "sign-in", "sign-in"]


# set


@pytest.mark.parametrize("way", ["stdin", "file", "terminal"])
def test_a_key_is_set_and_never_shown(
    run: Run, listed: FakeProxy, tmp_path: Path, home: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer(listed, "mcp_user_credential_set")
    (tmp_path / "token").write_text(f"\ufeff {SECRET}\r\n")
    words = ["mcp", "credentials", "set", "my_byok", "-v"]
    if way == "file":
        words += ["--file", str(tmp_path / "token")]
    said = run(*words, stdin="" if way == "file" else f"{SECRET}\n", terminal=way == "terminal")
    (request,) = [one for one in listed.requests if one.method == "POST"]
    assert (request.path, request.json) == (KEY_PATH, {"credential": SECRET})
    assert "Saved your key for MCP server my_byok at" in " ".join(said.stderr.split())
    assert SECRET not in said + said.stderr + caplog.text
    kept = [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []
    if way == "terminal":
        assert "Key for my_byok (hidden):" in said.stderr
        assert "Get one at https://jira.example.com/keys" in said.stderr


def test_with_json_the_credential_is_shown_as_it_is_now(run: Run, proxy: FakeProxy) -> None:
    wanted = row("jira", is_byok=True, has_user_credential=False)
    proxy.on(SERVERS, [wanted]).on(SERVERS, [{**wanted, "has_user_credential": True}])
    proxy.on(SIGN_INS, [], times=2).on(VARIABLES, [], times=2)
    proxy.on(f"{SERVERS}/id-jira/user-credential", {"has_credential": True}, method="POST")
    found = run("mcp", "credentials", "set", "jira", "--json", stdin=SECRET).json
    assert (list(found), found["status"]) == (FIELDS, "set")


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"one\ntwo\n", "has several lines"),
        (b"a\rb", "has several lines"),
        (b"x" * 70_000, "is longer than 64 KiB"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        ("k\u00e4se".encode(), "contains a control character or a non-ASCII character"),
        (b"a\x00b", "contains a control character or a non-ASCII character"),
        (b"a\x1b[2Jb", "contains a control character or a non-ASCII character"),
    ],
)
@pytest.mark.parametrize("way", ["stdin", "file"])
def test_a_value_that_cannot_work_is_not_sent(
    start: Start, listed: FakeProxy, tmp_path: Path, stdin: bytes, message: str, way: str
) -> None:
    (tmp_path / "token").write_bytes(stdin)
    more = ["--file", str(tmp_path / "token")] if way == "file" else []
    process = start("mcp", "credentials", "set", "my_byok", "--json", *more, text=False)
    out, err = process.communicate(stdin if way == "stdin" else b"", timeout=60)
    said = json.loads(err.splitlines()[-1])["error"]
    assert (process.returncode, out) == (2, b"")
    assert message in said["message"]
    assert said["remedy"]
    assert not [one for one in listed.requests if one.method == "POST"]


def test_a_value_as_an_argument_is_refused_and_not_repeated(run: Run, proxy: FakeProxy) -> None:
    result = run("mcp", "credentials", "set", "my_byok", SECRET, "--json", exit=2)
    assert "visible in the process list" in result.error["message"]
    assert SECRET not in result.stderr
    assert proxy.requests == []


def test_nobody_can_be_asked(run: Run, listed: FakeProxy) -> None:
    result = run("mcp", "credentials", "set", "my_byok", "--no-input", terminal=True, exit=2)
    assert "cannot ask" in result.stderr
    assert "--file FILE" in result.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "values"),
    [
        (["--env", "CRM_TOKEN"], f"{SECRET}\n", {"CRM_TOKEN": SECRET}),
        (["--env", "CRM_TOKEN=$MINE", "--env", "REGION=@region"], "", {"CRM_TOKEN": SECRET, "REGION": "eu"}),
        (["--env", "CRM_TOKEN=${MINE}", "--env", "REGION"], "us", {"CRM_TOKEN": SECRET, "REGION": "us"}),
        (["--env-file", "dotenv"], "", {"CRM_TOKEN": "a#b", "REGION": "eu"}),
        (["--env-file", "-"], "export REGION='eu'\n", {"REGION": "eu"}),
        (["--env-file", "dotenv", "--env", "REGION=$MINE"], "", {"CRM_TOKEN": "a#b", "REGION": SECRET}),
    ],
)
def test_variables_are_set(
    run: Run,
    listed: FakeProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    stdin: str,
    values: dict[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("region").write_text("eu\n")
    Path("dotenv").write_text('# mine\n\nCRM_TOKEN="a#b" # not this\n export REGION = eu # nor this\nOTHER=1\nMORE=2\n')
    answer(listed, "mcp_user_env_vars_set")
    said = run("mcp", "credentials", "set", "my_env", *words, stdin=stdin, MINE=SECRET)
    (request,) = [one for one in listed.requests if one.method == "POST"]
    assert (request.path, request.json) == (ENV_PATH, {"values": values})
    assert f"Saved {', '.join(values)} for MCP server my_env" in said.stderr
    (missing,) = {"CRM_TOKEN", "REGION"} - {*values} or {None}
    still = f"MCP server my_env still needs {missing}: litellmctl mcp credentials set my_env"
    assert (still in said.stderr) is (missing is not None)
    assert ("Ignored 2 other variables in dotenv." in said.stderr) is ("dotenv" in words)
    assert not [value for value in values.values() if len(value) > 2 and value in said.stderr]


def test_the_table_marks_variables_that_are_set(run: Run, proxy: FakeProxy) -> None:
    needed = [{"name": "A", "is_set": True}, {"name": "B", "is_set": False}]
    rows(proxy, variables=[{"server_id": "id-crm", "server_name": "crm", "required": needed}])
    assert "A (set), B" in run("mcp", "credentials", terminal=True)
    needed[1]["is_set"] = True
    rows(proxy, variables=[{"server_id": "id-crm", "server_name": "crm", "required": needed}])
    assert "A, B" in run("mcp", "credentials", terminal=True)


def test_at_a_terminal_the_missing_variables_are_asked_for(run: Run, proxy: FakeProxy) -> None:
    status = shape("mcp_user_env_vars_status.missing")["response"]["body"]
    status[0]["required"][1]["is_set"] = True
    rows(proxy, variables=status)
    answer(proxy, "mcp_user_env_vars_set")
    said = run("mcp", "credentials", "set", "my_env", terminal=True, stdin=f"{SECRET}\n")
    assert proxy.requests[-1].json == {"values": {"CRM_TOKEN": SECRET}}
    assert "CRM_TOKEN: Your CRM token" in said.stderr
    assert "REGION" not in said.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "message", "remedy"),
    [
        (["--env", "REGION=eu"], "", "visible in the process list", "pass --env REGION and the value on stdin"),
        (["--env", "REGION=!echo eu"], "", "visible in the process list", "on stdin"),
        (["--env", "REGIO=$X"], "", 'no variable "REGIO". Did you mean "REGION"?', "CRM_TOKEN, REGION"),
        (["--env", "REGION=$NOT_SET"], "", "NOT_SET, which is not set", "export NOT_SET=..."),
        (["--env", "REGION="], "", "visible in the process list", "on stdin"),
        (["--env", "REGION=@none"], "", "cannot read none", None),
        (["--env", "REGION", "--env", "CRM_TOKEN"], "eu", "value of one variable only", "--env-file -"),
        ([], "eu", "several variables: CRM_TOKEN, REGION", "--env NAME"),
        (["--file", "x"], "", "several variables", "--env NAME"),
        (["--file", "x", "--env", "REGION"], "", "--file cannot be combined with --env", "remove"),
        (["--env-file", "-"], "REGION=eu\nwhat?\nCRM_TOKEN=1\n!\n", "stdin: lines 2, 4: expected NAME=VALUE", None),
        (["--env-file", "-"], "A=1\n", "none of the variables CRM_TOKEN, REGION (it has 1 other variable)", None),
        (["--env-file", "-"], "REGION=\n", "REGION in stdin is empty", "pass a value"),
        (["--env-file", "-"], "REGION=" + "x" * 70_000, "larger than 64 KiB", None),
    ],
)
def test_variables_that_cannot_be_set(
    run: Run, proxy: FakeProxy, words: list[str], stdin: str, message: str, remedy: str | None
) -> None:
    for name in ("mcp_servers.of_user", "mcp_user_credentials.none", "mcp_user_env_vars_status.missing"):
        answer(proxy, name, times=None)
    result = run("mcp", "credentials", "set", "my_env", *words, "--json", stdin=stdin, exit=2)
    assert message in result.error["message"]
    assert (remedy or "") in (result.error["remedy"] or "")
    assert not [one for one in proxy.requests if one.method == "POST"]


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (["set", "nosuch"], "not_found", "litellmctl mcp servers"),
        (["set", "my_plain"], "rejected", "litellmctl mcp credentials"),
        (["set", "my_m2m"], "rejected", "litellmctl mcp credentials"),
        (["set", "my_pass"], "rejected", "litellmctl config set mcp_headers.my_pass:Authorization '$TOKEN'"),
        (["set", "my_oauth"], "usage", "litellmctl mcp login my_oauth"),
        (["set", "my_byok", "--env", "A=$B"], "usage", "litellmctl mcp credentials set my_byok"),
        (["remove", "nosuch"], "not_found", "litellmctl mcp servers"),
    ],
)
def test_a_server_that_wants_something_else_or_nothing(
    run: Run, listed: FakeProxy, words: list[str], code: str, remedy: str
) -> None:
    error = run("mcp", "credentials", *words, "--json", stdin=SECRET, exit=None).error
    assert (error["code"], error["remedy"]) == (code, remedy)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["login", "my_byok"], "litellmctl mcp credentials set my_byok"),
        (["login", "my_env"], "litellmctl mcp credentials set my_env"),
        (["logout", "my_byok"], "litellmctl mcp credentials"),
    ],
)
def test_a_server_that_wants_no_sign_in(run: Run, listed: FakeProxy, words: list[str], remedy: str) -> None:
    error = run("mcp", *words, "--json", exit=2).error
    assert (error["message"].endswith("not a sign-in"), error["remedy"]) == (True, remedy)


def test_a_refusal_names_the_reason_and_not_the_key(run: Run, listed: FakeProxy) -> None:
    body = {"detail": {"error": f"User does not have permission; {SECRET} is wrong"}}
    listed.on(KEY_PATH, body, status=403, method="POST")
    result = run("mcp", "credentials", "set", "my_byok", "--json", stdin=SECRET, exit=4)
    assert "User does not have permission" in result.error["message"]
    assert SECRET not in result.stderr


# remove


@pytest.mark.parametrize("yes", [True, False])
def test_a_key_is_removed_after_a_confirmation(run: Run, proxy: FakeProxy, yes: bool) -> None:
    rows(proxy, row("jira", is_byok=True, has_user_credential=True))
    path = f"{SERVERS}/id-jira/user-credential"
    if yes:
        proxy.on(path, {"has_credential": False}, method="DELETE")
    said = run(
        "mcp", "credentials", "remove", "jira", terminal=True, stdin="y\n" if yes else "\n", exit=0 if yes else 130
    )
    assert f"Remove your key for MCP server jira at {proxy.url}?" in " ".join(said.stderr.split())


def test_everything_of_a_server_is_removed(run: Run, proxy: FakeProxy) -> None:
    rows(
        proxy,
        row("crm", is_byok=True, has_user_credential=True),
        variables=[
            {"server_id": "id-crm", "server_name": "crm", "required": [{"name": "A", "is_set": True}, {"name": "B"}]}
        ],
    )
    proxy.on(f"{SERVERS}/id-crm/user-credential", {}, method="DELETE")
    proxy.on(f"{SERVERS}/id-crm/user-env-vars", {}, method="DELETE")
    said = run("mcp", "credentials", "remove", "--yes", "crm")
    assert "Removed your key and your variables for MCP server crm" in said.stderr


def test_without_a_terminal_nothing_is_removed_unless_yes(run: Run, proxy: FakeProxy) -> None:
    rows(proxy, row("jira", is_byok=True, has_user_credential=True))
    error = run("mcp", "credentials", "remove", "jira", "--json", exit=2).error
    assert (error["code"], error["remedy"]) == ("input_required", "pass --yes")


def test_what_is_not_set_need_not_be_removed(run: Run, listed: FakeProxy) -> None:
    for words, said in (
        (["credentials", "remove", "my_byok"], "No credential of yours is set for MCP server my_byok."),
        (["logout", "my_oauth"], "You are not signed in to MCP server my_oauth."),
    ):
        assert run("mcp", *words).stderr == f"{said}\n"


def test_a_sign_out(run: Run, proxy: FakeProxy) -> None:
    answer(answer(proxy, "mcp_servers.of_user"), "mcp_user_env_vars_status.no_user")
    fresh = {"server_id": "my_oauth", "expires_at": "2999-01-01T00:00:00+00:00"}
    answer(proxy.on(SIGN_INS, [fresh]), "mcp_oauth_delete")
    assert "Signed out of MCP server my_oauth at" in run("mcp", "logout", "my_oauth").stderr


# login


class Login:
    """A `mcp login` that waits for the browser, and the link that it printed."""

    def __init__(self, process: Any) -> None:
        self.process = process
        lines: list[str] = []
        limit = threading.Timer(30, process.kill)  # which ends the reading too
        limit.start()
        while not (found := re.search(r"http://\S+/authorize\?[^\s\"]+", lines[-1] if lines else "")):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        limit.cancel()
        self.link = found[0]
        self.query = {name: value for name, (value, *_) in parse_qs(urlsplit(self.link).query).items()}

    def comes_back(self, **fields: str) -> tuple[int, str]:
        """Come back from the authorization server with this query; return the status and the page."""
        back = urlsplit(self.query["redirect_uri"])
        connection = HTTPConnection(back.netloc, timeout=30)
        connection.request("GET", f"{back.path}?{urlencode({'state': self.query['state'], **fields})}")
        response = connection.getresponse()
        return response.status, response.read().decode()

    def ends(self) -> Result:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=60)
        return Result.of(self.process.returncode, out, err)


LogIn = Callable[..., Login]


@pytest.fixture
def log_in(start: Start, listed: FakeProxy) -> LogIn:
    return lambda *words: Login(start("mcp", "login", "my_oauth", "--no-browser", *words))


def begins(proxy: FakeProxy) -> FakeProxy:
    """Answer what comes before the browser."""
    return answer(answer(proxy, "mcp_oauth_status.none"), "mcp_oauth_register")


@pytest.mark.parametrize("stores_by_itself", [True, False])
def test_a_sign_in(log_in: LogIn, listed: FakeProxy, home: Path, stores_by_itself: bool) -> None:
    answer(begins(listed), "mcp_oauth_token")
    if not stores_by_itself:
        answer(answer(listed, "mcp_oauth_status.none"), "mcp_oauth_store")
    answer(listed, "mcp_oauth_status")
    login = log_in("--json")
    assert login.link.startswith(f"{listed.url}/my_oauth/authorize?")
    status, page = login.comes_back(code="code-0123456789")
    result = login.ends()
    assert (status, result.exit_code, "Signed in" in page) == (200, 0, True), result.stderr
    assert f"my_oauth ({listed.url})" in page
    register, token = listed.requests_for(f"{OAUTH}/register", f"{OAUTH}/token")
    assert register.json["redirect_uris"] == [login.query["redirect_uri"]]
    challenge = base64.urlsafe_b64encode(hashlib.sha256(token.form["code_verifier"].encode()).digest())
    assert login.query == {
        "response_type": "code",
        "client_id": shape("mcp_oauth_register")["response"]["body"]["client_id"],
        "redirect_uri": login.query["redirect_uri"],
        "state": login.query["state"],
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert token.form == {
        "grant_type": "authorization_code",
        "code": "code-0123456789",
        "redirect_uri": login.query["redirect_uri"],
        "client_id": login.query["client_id"],
        "code_verifier": token.form["code_verifier"],
    }
    assert all(one.headers["Authorization"] == "Bearer sk-test-0123456789abcdef" for one in (register, token))
    stored = [one.json for one in listed.requests_for(STATUS)]
    tokens = {"access_token": "<access_token>", "refresh_token": "<refresh_token>", "expires_in": 3600}
    assert stored == ([] if stores_by_itself else [tokens])
    assert (result.json["wants"], result.json["connected_at"] is None) == ("sign-in", False)
    secrets = (token.form["code_verifier"], "code-0123456789", "<access_token>", "<refresh_token>")
    kept = [path for path in home.rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret not in result + result.stderr
        assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_a_browser_with_another_state_does_not_count(log_in: LogIn, listed: FakeProxy) -> None:
    answer(answer(begins(listed), "mcp_oauth_token"), "mcp_oauth_status")
    login = log_in()
    assert login.comes_back(code="stolen", state="another")[0] == 400
    assert login.comes_back(code="code-1")[0] == 200
    assert login.ends().exit_code == 0
    assert [one.form["code"] for one in listed.requests_for(f"{OAUTH}/token")] == ["code-1"]


def test_a_sign_in_that_is_denied(log_in: LogIn, listed: FakeProxy) -> None:
    begins(listed)
    login = log_in()
    status, page = login.comes_back(error="access_denied", error_description="Ada said no")
    result = login.ends()
    assert (status, result.exit_code, "Not signed in" in page) == (200, 4, True)
    assert "the sign-in was refused in the browser (access_denied: Ada said no)" in result.stderr
    assert "Try:   litellmctl mcp login my_oauth" in result.stderr


@pytest.mark.parametrize(
    ("name", "code", "exit", "said"),
    [
        ("mcp_oauth_token.refused", "rejected", 5, "the code was used"),
        ("mcp_oauth_token.server_error", "server_error", 3, "upstream token endpoint returned HTTP 500"),
        ("mcp_oauth_token.no_token", "server_error", 3, "no usable access_token"),
    ],
)
def test_a_code_that_the_server_refuses(
    log_in: LogIn, listed: FakeProxy, name: str, code: str, exit: int, said: str
) -> None:
    answer(begins(listed), name)
    login = log_in("--json")
    _, page = login.comes_back(code="code-1")
    result = login.ends()
    assert (result.exit_code, result.error["code"]) == (exit, code)
    assert result.error["message"].startswith("cannot sign in to MCP server my_oauth: ")
    assert said in result.error["message"]
    assert said in page


@pytest.mark.parametrize("body", [[], {}, {"access_token": 5}, {"access_token": "a\nb"}, "text"])
def test_a_token_that_is_nonsense(log_in: LogIn, listed: FakeProxy, body: Any) -> None:
    begins(listed).on(f"{OAUTH}/token", body, method="POST")
    login = log_in("--json")
    login.comes_back(code="code-1")
    result = login.ends()
    assert (result.exit_code, result.error["code"]) == (3, "bad_response")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mcp_oauth_register.not_oauth", "rejected"),
        ("mcp_oauth_register.unknown_server", "not_found"),
        ("mcp_oauth_register.forbidden", "forbidden"),
    ],
)
def test_a_sign_in_that_cannot_begin(run: Run, listed: FakeProxy, name: str, code: str) -> None:
    response = shape(name)["response"]
    answer(listed, "mcp_oauth_status.none")
    listed.on(f"{OAUTH}/register", response["body"], status=response["status"], method="POST")
    assert run("mcp", "login", "my_oauth", "--json", exit=None).error["code"] == code


def test_an_id_of_a_client_that_no_link_can_have_is_refused(run: Run, listed: FakeProxy) -> None:
    """Else the browser would fail with the link, and we would wait for it."""
    answer(listed, "mcp_oauth_status.none")
    listed.on(f"{OAUTH}/register", {"client_id": "x" * 2001}, status=201, method="POST")
    result = run("mcp", "login", "my_oauth", "--json", exit=3)
    assert "client_id has more than 2,000 characters" in result.error["message"]
    assert result.error["remedy"] == "ask the proxy's administrator"


def test_a_server_that_is_listed_twice_is_one_and_removed_once(run: Run, proxy: FakeProxy) -> None:
    rows = shape("mcp_servers.of_user")["response"]["body"]
    proxy.on("/v1/mcp/server", [*rows, *rows], times=None)
    answer(proxy, "mcp_user_credentials.none")
    answer(proxy, "mcp_user_env_vars_status.missing")
    found = run("mcp", "credentials", "--json").json
    assert len({(one["server_id"], one["wants"]) for one in found}) == len(found) > 0


def test_a_key_without_a_user_does_not_get_to_the_browser(run: Run, listed: FakeProxy) -> None:
    answer(listed, "mcp_oauth_status.no_user")
    error = run("mcp", "login", "my_oauth", "--json", exit=4).error
    assert (error["code"], "does not belong to a user" in error["message"]) == ("forbidden", True)


def test_nobody_comes(run: Run, listed: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.auth.browser_visit._WAIT_SECONDS", 0.2)
    begins(listed)
    error = run("mcp", "login", "my_oauth", "--no-browser", "--json", exit=4).error
    assert (error["code"], error["remedy"]) == ("auth_failed", "litellmctl mcp login my_oauth")
    assert error["message"] == "the sign-in was not completed within 0 seconds"


def test_a_port_that_is_taken(run: Run, listed: FakeProxy) -> None:
    answer(listed, "mcp_oauth_status.none")
    error = run("mcp", "login", "my_oauth", "--callback-port", str(listed.port), "--json", exit=2).error
    assert error["message"] == f"cannot listen on 127.0.0.1:{listed.port}: address already in use"


def test_over_ssh_a_port_can_be_forwarded(run: Run, listed: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.auth.browser_visit._WAIT_SECONDS", 0.1)
    begins(listed)
    said = run("mcp", "login", "my_oauth", terminal=True, exit=4, SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")
    assert "pass --callback-port 8765" in " ".join(said.stderr.split())
    port = free_port()
    begins(listed)
    said = run(
        *("mcp", "login", "my_oauth", "--callback-port", str(port)),
        terminal=True,
        exit=4,
        SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22",
    )
    assert "8765" not in said.stderr
    assert f"127.0.0.1%3A{port}%2Fcallback" in "".join(said.stderr.split())


def test_a_new_credential_makes_the_cached_tools_outdated(run: Run, listed: FakeProxy) -> None:
    def offer(*names: str) -> dict[str, Any]:
        info = {"server_name": "my_byok", "server_id": "my_byok"}
        return {"tools": [{"name": name, "inputSchema": {}, "mcp_info": info} for name in names], "error": None}

    listed.on("/mcp-rest/tools/list", offer("old")).on("/mcp-rest/tools/list", offer("old", "new"))
    assert len(run("mcp", "list", "--json").json) == len(run("mcp", "list", "--json").json) == 1
    answer(listed, "mcp_user_credential_set")
    run("mcp", "credentials", "set", "my_byok", stdin=SECRET)
    assert len(run("mcp", "list", "--json").json) == 2


# What other commands say


@pytest.fixture
def offered(listed: FakeProxy) -> FakeProxy:
    """The same proxy, whose tools are listed too: those of servers that want nothing, or whose state is unknown."""
    tools = [
        {"name": "whoami", "inputSchema": {"type": "object"}, "mcp_info": {"server_name": name, "server_id": name}}
        for name in ("my_byok", "my_env", "my_static")
    ]
    outcomes = {
        "my_byok": {"status": "ok", "tool_count": 1},
        "my_oauth": {"status": "auth_required", "http_status": 401},
        "my_pass": {"status": "auth_required", "http_status": 401},
        "my_static": {"status": "ok", "tool_count": 1},
    }
    body = {"tools": tools, "error": None, "message": "ok", "server_outcomes": outcomes}
    return listed.on("/mcp-rest/tools/list", body, times=None)


@pytest.mark.parametrize(
    ("tool", "recorded", "message", "remedy"),
    [
        (
            "my_byok",
            "no_user_key",
            "needs a key of your own, and none is set",
            "litellmctl mcp credentials set my_byok",
        ),
        (
            "my_env",
            "no_user_variables",
            "needs variables of your own: CRM_TOKEN, REGION",
            "litellmctl mcp credentials set my_env",
        ),
        ("my_static", "sign_in_expired", "needs you to sign in", "litellmctl mcp login my_static"),
        ("my_oauth", None, "needs you to sign in", "litellmctl mcp login my_oauth"),
        (
            "my_pass",
            None,
            "needs a token of your own in each request",
            "litellmctl config set mcp_headers.my_pass:Authorization '$TOKEN'",
        ),
    ],
)
def test_a_call_names_the_credential_that_it_lacks(
    run: Run, offered: FakeProxy, tool: str, recorded: str | None, message: str, remedy: str
) -> None:
    if recorded is not None:
        answer(offered, f"mcp_tools_call.{recorded}")
    error = run("mcp", "call", f"{tool}/whoami", "--json", exit=4).error
    assert (error["code"], error["message"], error["remedy"]) == (
        "auth_required",
        f"MCP server {tool} {message}",
        remedy,
    )


def test_each_line_of_many_calls_names_it_too(run: Run, offered: FakeProxy, tmp_path: Path) -> None:
    answer(answer(offered, "mcp_tools_call.no_user_key"), "mcp_tools_call.no_user_key")
    (tmp_path / "lines").write_text("{}\n{}\n")
    said = run("mcp", "call", "my_byok/whoami", "--jsonl", str(tmp_path / "lines"), exit=4)
    errors = [json.loads(line)["error"] for line in said.splitlines()]
    assert [one["remedy"] for one in errors] == ["litellmctl mcp credentials set my_byok"] * 2


def test_a_server_that_refuses_the_stored_token(run: Run, offered: FakeProxy) -> None:
    answer(offered, "mcp_tools_call.sign_in_revoked")
    said = run("mcp", "call", "my_static/whoami", exit=5)
    assert "Try:   litellmctl mcp login my_static" in said.stderr


def test_the_list_of_servers_says_what_is_missing(run: Run, offered: FakeProxy) -> None:
    said = run("mcp", "servers", terminal=True, NO_COLOR="1")
    states = {words[0]: " ".join(words[1:3]) for words in map(str.split, said.splitlines()[1:])}
    assert states["my_oauth"] == "needs sign-in"
    assert states["my_pass"] == "needs header"
    assert "litellmctl mcp login my_oauth" in said.stderr.splitlines()
    found = {one["name"]: one for one in run("mcp", "servers", "--json").json}
    assert (found["my_oauth"]["status"], found["my_oauth"]["wants"]) == ("auth_required", "sign-in")
    assert (found["my_byok"]["wants"], found["my_byok"]["is_set"]) == ("key", False)


def test_the_list_of_tools_warns_of_what_is_missing(run: Run, offered: FakeProxy) -> None:
    said = run("mcp", "list")
    assert "Warning: MCP server my_oauth needs you to sign in: litellmctl mcp login my_oauth" in said.stderr
