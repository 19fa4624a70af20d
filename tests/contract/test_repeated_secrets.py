"""A proxy that repeats the secrets which it was sent: in what it says of itself, in errors, and to a sign-in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.contract.signing_in import KEY, accept, files_with, sign_in
from tests.contract.tools import CALL, LIST, SERVERS, tool
from tests.fake_proxy import FakeProxy, row

HEADER = "gateway-secret-99887766"
# How a secret is written, and how a script would find it again.
WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "control": "\x01".join,
    "bidirectional": "\u202e".join,
    "zero width": lambda text: f"{text[:4]}\u200b{text[4:]}",
    "selectors": lambda text: f"{text[:4]}\ufe0f\U000e0100{text[4:]}",
    "line breaks": lambda text: f"{text[:9]}\r\n{text[9:]}",
    "percent": lambda text: "".join(f"%{ord(one):02x}" for one in text),
    "html": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "json": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "base64": lambda text: base64.b64encode(f"me:{text}:".encode()).decode(),
}


def forms(secret: str) -> list[str]:
    return [
        secret.lower(),
        *(write(secret).lower() for write in WRITINGS.values()),
        WRITINGS["base64"](secret)[5:-4].lower(),
    ]


def assert_not_in(text: str, *secrets: str) -> None:
    for read in (text, "".join(filter(str.isprintable, text)), "".join(one for one in text if " " <= one <= "~")):
        assert [one for secret in secrets for one in forms(secret) if one in read.lower()] == []


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
@pytest.mark.parametrize("write", [str, str.upper, WRITINGS["percent"], WRITINGS["base64"]])
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
        assert "I was sent ***" in result or write is WRITINGS["base64"]
        assert_not_in(result, key, HEADER)
