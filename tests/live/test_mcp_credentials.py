"""A user's own credentials for MCP servers, on the lab: a key, variables, and a sign-in in a browser."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.conftest import Run, Start
from tests.live import oauth_upstream
from tests.live.conftest import Lab
from tests.live.oauth_upstream import Upstream

pytestmark = pytest.mark.database
KINDS: dict[str, dict[str, Any]] = {
    # The administrator's own value is there for the list of tools, which LiteLLM does not ask for with the user's key.
    "key": {"auth_type": "bearer_token", "is_byok": True, "credentials": {"auth_value": "administrators"}},
    "env": {
        "auth_type": "none",
        "static_headers": {"X-Api-Key": "${TOKEN}", "X-Region": "${REGION}"},
        "env_vars": [{"name": name, "scope": "user", "value": ""} for name in ("TOKEN", "REGION")],
    },
    "oauth": {"auth_type": "oauth2"},
    "nobody": {"auth_type": "none", "static_headers": {"Authorization": "Bearer x"}},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with oauth_upstream.running() as server:
        yield server


@pytest.fixture
def servers(lab: Lab, upstream: Upstream) -> Iterator[dict[str, str]]:
    """The names of MCP servers that want something of each user, which exist for this test alone."""
    names = {kind: f"own_{kind}_{secrets.token_hex(3)}" for kind in KINDS}
    for kind, name in names.items():
        row = {"server_id": name, "server_name": name, "transport": "http", "url": f"{upstream.url}/mcp", **KINDS[kind]}
        lab.ask("POST", "/v1/mcp/server", json=row).raise_for_status()
    yield names
    for name in names.values():
        lab.ask("DELETE", f"/v1/mcp/server/{name}")


@pytest.fixture
def mine(lab: Lab, servers: dict[str, str], as_user: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """The same, for a key of a user: one that the lab has, since more users would end single sign-on (its README)."""
    key = lab.new_key(user_id="solo", object_permission={"mcp_servers": [*servers.values()]})
    as_user(key)
    yield servers
    for name in servers.values():
        for path in ("user-env-vars", "oauth-user-credential"):
            lab.ask("DELETE", f"/v1/mcp/server/{name}/{path}", key=key)
    lab.ask("DELETE", f"/v1/mcp/server/{servers['key']}/user-credential", key=key)


def status(run: Run, name: str) -> Any:
    return next(one["status"] for one in run("mcp", "credentials", "--json").json if one["server"] == name)


def called(run: Run, name: str) -> Any:
    """Return the headers with which the server was called."""
    return json.loads(run("mcp", "call", f"{name}/whoami"))


def refused(run: Run, name: str) -> str:
    """Return the command that a failing call names."""
    error = run("mcp", "call", f"{name}/whoami", "--json", exit=4).error
    assert error["code"] == "auth_required"
    return str(error["remedy"])


def test_a_key(run: Run, mine: dict[str, str]) -> None:
    name = mine["key"]
    assert refused(run, name) == f"litellmctl mcp credentials set {name}"
    run("mcp", "credentials", "set", name, stdin="own-key-1\n")
    assert (status(run, name), called(run, name)) == ("set", {"Authorization": "Bearer own-key-1"})
    run("mcp", "credentials", "set", name, stdin="own-key-2")
    assert called(run, name) == {"Authorization": "Bearer own-key-2"}
    run("mcp", "credentials", "remove", "--yes", name)
    assert status(run, name) == "missing"
    assert refused(run, name)


def test_variables(run: Run, mine: dict[str, str]) -> None:
    name = mine["env"]
    assert refused(run, name) == f"litellmctl mcp credentials set {name}"
    run("mcp", "credentials", "set", name, "--env", "REGION=$WHERE", WHERE="eu")
    assert status(run, name) == "missing"
    error = run("mcp", "call", f"{name}/whoami", "--json", exit=4).error
    assert error["message"].endswith("needs variables of your own: TOKEN")
    run("mcp", "credentials", "set", name, "--env-file", "-", stdin="TOKEN=own\nOTHER=x\n")
    assert (status(run, name), called(run, name)) == ("set", {"X-Api-Key": "own", "X-Region": "eu"})
    run("mcp", "credentials", "remove", "--yes", name)
    assert status(run, name) == "missing"


def log_in(start: Start, name: str) -> tuple[int, str, str]:
    """Sign in with a browser that follows the link; return exit code, stderr, and the last page."""
    process: Any = start("mcp", "login", name, "--no-browser")
    limit = threading.Timer(60, process.kill)
    limit.start()
    link = None
    while link is None:
        line = process.stderr.readline()
        assert line, "it ended before it printed the link"
        link = re.fullmatch(r"(http\S+)\n", line)
    session = requests.Session()
    session.trust_env = False
    with session:
        page = session.get(link[1], timeout=60).text
    _, err = process.communicate(timeout=60)
    limit.cancel()
    return process.returncode, err, page


def test_a_sign_in(run: Run, start: Start, mine: dict[str, str], upstream: Upstream) -> None:
    name = mine["oauth"]
    assert refused(run, name) == f"litellmctl mcp login {name}"
    code, said, page = log_in(start, name)
    assert (code, "Signed in" in page) == (0, True), said
    assert f"Signed in to MCP server {name}" in said
    assert (status(run, name), called(run, name)) == ("set", {"Authorization": f"Bearer {upstream.tokens[-1]}"})
    assert not [token for token in upstream.tokens if token in said + page]
    (form,) = upstream.forms
    assert form["code_verifier"]
    run("mcp", "logout", name)
    assert status(run, name) == "missing"
    assert refused(run, name) == f"litellmctl mcp login {name}"


def test_a_sign_in_that_has_expired_is_refreshed_by_the_proxy_or_named(
    run: Run, start: Start, mine: dict[str, str], upstream: Upstream
) -> None:
    name, upstream.expires_in = mine["oauth"], 1
    assert log_in(start, name)[0] == 0
    upstream.expires_in = 3600
    assert status(run, name) == "set"
    upstream.expires_in = 1
    assert log_in(start, name)[0] == 0
    upstream.token_answer = 400, {"error": "invalid_grant"}
    threading.Event().wait(1.5)
    assert status(run, name) == "expired"
    assert refused(run, name) == f"litellmctl mcp login {name}"


def test_a_sign_in_that_is_denied(run: Run, start: Start, mine: dict[str, str], upstream: Upstream) -> None:
    upstream.denies = True
    code, said, page = log_in(start, mine["oauth"])
    assert (code, "Not signed in" in page) == (4, True)
    assert "access_denied: Ada said no" in said
    assert status(run, mine["oauth"]) == "missing"


@pytest.mark.parametrize("answer", [(500, {}), (200, {"nothing": 1}), (400, {"error": "invalid_grant"})])
def test_an_authorization_server_that_answers_nonsense(
    run: Run, start: Start, mine: dict[str, str], upstream: Upstream, answer: Any
) -> None:
    upstream.token_answer = answer
    code, said, page = log_in(start, mine["oauth"])
    assert (code, "Not signed in" in page) == (5 if answer[0] == 400 else 3, True)
    assert f"cannot sign in to MCP server {mine['oauth']}: " in said
    assert status(run, mine["oauth"]) == "missing"


def test_a_server_that_wants_nothing(run: Run, mine: dict[str, str]) -> None:
    error = run("mcp", "credentials", "set", mine["nobody"], "--json", stdin="x", exit=5).error
    assert error["code"] == "rejected"


def test_a_key_without_a_user(run: Run, lab: Lab, servers: dict[str, str], as_user: Callable[[str], None]) -> None:
    as_user(lab.new_key(object_permission={"mcp_servers": [*servers.values()]}))
    for words in (["credentials"], ["credentials", "set", servers["key"]], ["login", servers["oauth"]]):
        error = run("mcp", *words, "--json", stdin="x", exit=4).error
        assert (error["code"], "does not belong to a user" in error["message"]) == ("forbidden", True)
    finding = {one["check"]: one for one in run("doctor", "--json", exit=None).json}["mcp_credentials"]
    assert finding["status"] == "skip"


def test_a_server_that_is_not_theirs(run: Run, lab: Lab, mine: dict[str, str], as_user: Callable[[str], None]) -> None:
    as_user(lab.new_key(user_id="one"))
    error = run("mcp", "credentials", "set", mine["key"], "--json", stdin="x", exit=5).error
    assert error["code"] == "not_found"


def test_a_person_who_signed_in(run: Run, lab: Lab, as_user: Callable[[str], None]) -> None:
    as_user(lab.sign_in("solo"))
    assert isinstance(run("mcp", "credentials", "--json").json, list)
