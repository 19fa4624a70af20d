"""A proxy that repeats the secrets which it was sent: in what it says of itself, in errors, and to a sign-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import writings
from tests.conftest import Run
from tests.contract.signing_in import KEY, accept, files_with, sign_in
from tests.contract.tools import CALL, LIST, SERVERS, tool
from tests.fake_proxy import FakeProxy, row
from tests.logins import DAY, ID, Files

HEADER = "gateway-secret-99887766"
# Some of all ways in which a secret can be written; tests/hostile meets the others, and pairs of them.
WAYS = (
    *("as it is", "in upper case", "in base64 after 1 bytes", "in hex", "in percents", "in HTML", "in JSON"),
    *("in quoted-printable", "with control characters inside", "with bidirectional controls inside"),
    *("with zero-width spaces inside", "with more variation selectors inside", "with line breaks inside"),
    *("in percents, with tag characters inside", "with zero bytes inside, in percents"),
)
WRITINGS = {name: {**writings.WRITINGS, **writings.PAIRS}[name] for name in WAYS}


def assert_not_in(text: str, *secrets: str) -> None:
    assert writings.found_in(text, secrets) == []


@pytest.fixture(params=WRITINGS)
def write(request: pytest.FixtureRequest) -> Callable[[str], str]:
    return WRITINGS[request.param]


def repeating(proxy: FakeProxy, said: str) -> FakeProxy:
    """Answer everything, and repeat a text in every name and description."""
    tools = [{"name": f"t{said}", "description": said, "inputSchema": {"type": "object", "properties": {said: {}}}}]
    for path, body in {
        "/model/info": {"data": [row(f"m{said}"), {**row("good"), said: said}]},
        "/key/info": {"info": {"user_id": f"u{said}", "team_id": said, "key_alias": said, "expires": said}},
        "/user/info": {
            "user_info": {"user_email": f"e{said}", "user_role": said},
            "teams": [{"team_id": said, "team_alias": said}],
        },
        "/v1/models": {"data": [{"id": f"m{said}"}]},
        "/public/model_hub/info": {"litellm_version": said},
        "/mcp-rest/tools/list": {
            "tools": [{**tools[0], "mcp_info": {"server_name": f"s{said}"}}],
            "server_outcomes": {said: {"status": "error", "message": said}},
        },
        "/v1/mcp/server": [
            {"server_id": said, "alias": said, "server_name": said, "status": said, "health_check_error": said}
        ],
        "/claude-code/plugins": {
            "plugins": [
                {
                    "id": "1",
                    "name": f"n{said}",
                    "description": said,
                    "enabled": True,
                    "source": {"source": "github", "repo": said},
                }
            ]
        },
        "/v1/skills": {"data": [{"id": f"i{said}", "display_title": said, "description": said}], "has_more": False},
    }.items():
        proxy.on(path, body, times=None)
    return proxy


@pytest.mark.parametrize(
    "words",
    [
        *(
            ["models", "--all"],
            ["refresh"],
            ["whoami"],
            ["mcp", "list"],
            ["mcp", "servers"],
            ["skills", "list", "--all"],
        ),
        *(["prompt-section"], ["export", "llm"], ["models", "-o", "csv"], ["skills", "list", "-o", "tsv"]),
    ],
    ids=" ".join,
)
def test_what_repeats_the_key_reaches_no_output_and_no_cache(
    run: Run, proxy: FakeProxy, env: dict[str, str], home: Path, write: Callable[[str], str], words: list[str]
) -> None:
    key = "sk-AbC123xYz456QwErTy789"
    env.update({"LITELLM_API_KEY": key, "LITELLM_HEADERS": json.dumps({"x-gateway": HEADER})})
    repeating(proxy, f"{write(key)}, {write(HEADER)}")
    json_too = [] if "-o" in words or words[0] in {"prompt-section", "export"} else ["--json"]
    for options in ([], json_too):
        result = run(*words, *options, "-v", exit=None)
        assert_not_in(f"{result}{result.stderr}", key, HEADER)
    for path in home.rglob("*"):
        if path.is_file():
            assert_not_in(path.read_bytes().decode("utf-8", "replace"), key, HEADER)
    check_members(proxy, key, HEADER)


def check_members(proxy: FakeProxy, *secrets: str) -> None:
    """The budget of a team's member may be asked for, with no secret in the path."""
    asked = [path for path in proxy.unexpected if path.startswith("GET /team/")]
    assert_not_in(" ".join(asked), *secrets)
    proxy.unexpected[:] = [path for path in proxy.unexpected if path not in asked]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
@pytest.mark.parametrize("name", ["x-gateway", "x-team"])
def test_an_error_that_repeats_the_key_or_a_header_is_shown_without_it(
    run: Run, proxy: FakeProxy, env: dict[str, str], write: Callable[[str], str], status: int, name: str
) -> None:
    key = env["LITELLM_API_KEY"]
    env["LITELLM_HEADERS"] = json.dumps({name: HEADER})
    said = {"error": {"message": f"bad {write(key)} and {write(HEADER)}", "type": "auth_error"}}
    proxy.on("/model/info", said, status=status, headers={"Retry-After": "60"}, times=None)
    proxy.on("/v1/models", said, status=status, headers={"Retry-After": "60"}, times=None)
    proxy.on("/health", said, status=status, headers={"Retry-After": "60"}, times=None)
    for options in ([], ["--json"]):
        result = run("models", "-v", *options, exit=None)
        assert result.exit_code in {3, 4, 5}
        assert "***" in result.stderr
        assert_not_in(result.stderr, key, HEADER)


@pytest.mark.parametrize(
    "headers",
    [{"Location": "http://{}.example.com/"}, {"Location": "{}://x"}, {"Location": "/a/{}"}, {"Content-Encoding": "{}"}],
    ids=str,
)
@pytest.mark.parametrize("write", [str, str.upper, WRITINGS["in percents"], WRITINGS["in base64 after 1 bytes"]])
def test_a_header_of_an_answer_that_repeats_the_key_is_shown_without_it(
    run: Run, proxy: FakeProxy, env: dict[str, str], write: Callable[[str], str], headers: dict[str, str]
) -> None:
    key = env["LITELLM_API_KEY"]
    sent = {name: value.format(write(key)) for name, value in headers.items()}
    proxy.on("/model/info", {}, status=302 if "Location" in headers else 200, headers=sent)
    proxy.on(f"/a/{write(key)}", {"data": [row("gpt")]}, times=None)
    assert_not_in(run("models", "-v", "--json", exit=None).stderr, key)
    proxy.unexpected.clear()  # a path that repeats it may be asked for


def test_no_login_keeps_what_repeats_its_key(
    run: Run, fake: FakeProxy, home: Path, write: Callable[[str], str]
) -> None:
    said = write(KEY)
    team = {"team_id": f"t {said}", "team_alias": f"a {said}"}
    info = {"user_id": f"u {said}", "team_id": f"t {said}", "key_alias": said}
    user = {"user_info": {"user_email": f"e {said}"}, "teams": [team]}
    accept(fake, f"m {said}", info=info, user=user)
    result = sign_in(run, fake, "-v")
    assert_not_in(result.stderr, KEY)
    assert files_with(home, KEY) == {"secrets.json"}
    assert_not_in((home / "config/logins.json").read_text("utf-8"), KEY)


@pytest.mark.parametrize("left", [DAY / 2, -1], ids=["not sent", "renewed"])
@pytest.mark.parametrize("words", [["models"], ["mcp", "list"], ["skills", "list", "--all"], ["whoami"]], ids=" ".join)
def test_a_refresh_token_is_hidden_by_all_that_is_asked(
    run: Run, fake: FakeProxy, files: Files, home: Path, write: Callable[[str], str], left: float, words: list[str]
) -> None:
    """Whether this command sent it, another client of its did, or nobody: the proxy knows it."""
    old, new = "llm_srefresh_Fk2Xr7Ej5Nw9Zo3Yh8", "llm_srefresh_Jc3Hy6Pf1Gs8Lu4Te7"
    files.keep(fake.url, left=left)
    files.vault.put(ID, files.secret._replace(refresh_token=old))
    if left < 0:
        grant = {"access_token": "litellm_login_Nq7Zt4Wm9Xk2Rb8Vd5", "refresh_token": new, "expires_in": DAY}
        fake.on("/token", {**grant, "token_type": "Bearer"}, method="POST")
    repeating(fake, write(old if left > 0 else new))
    result = run(*words, "-v")
    assert_not_in(f"{result}{result.stderr}", old, new)
    for path in home.rglob("*"):
        if path.is_file() and path.name != "secrets.json":
            assert_not_in(path.read_bytes().decode("utf-8", "replace"), old, new)
    assert files.secret.refresh_token == (old if left > 0 else new)
    check_members(fake, old, new)


def test_the_result_of_a_tool_is_shown_without_the_key(
    run: Run, proxy: FakeProxy, env: dict[str, str], write: Callable[[str], str]
) -> None:
    key = env["LITELLM_API_KEY"]
    env["LITELLM_HEADERS"] = json.dumps({"x-mcp-lab-authorization": f"Bearer {HEADER}"})
    content: list[Any] = [{"type": "text", "text": f"I was sent {write(key)} and {write(HEADER)}"}]
    proxy.on(LIST, {"tools": [tool("echo")]}, times=None).on(SERVERS, [], times=None)
    proxy.on(CALL, {"content": content, "isError": False}, method="POST", times=None)
    for options in ([], ["--json"]):
        result = run("mcp", "call", "lab/echo", *options)
        assert "I was sent ***" in result or write is WRITINGS["in base64 after 1 bytes"]
        assert_not_in(result, key, HEADER)
