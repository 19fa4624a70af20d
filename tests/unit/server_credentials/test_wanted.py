"""Which failures mean that the user's own credential is missing (shapes: tests/contract/shapes/mcp_tools_call.*.json)."""

from __future__ import annotations

from typing import Any

import pytest

from litellmctl.errors import AuthFailure, Failure, Rejected
from litellmctl.proxy.error_answers import failure_of
from litellmctl.server_credentials import wanted
from litellmctl.tools.result import Result
from litellmctl.tools.tool import Server, wants_of
from tests.fake_proxy import shape

LOGIN, SET = "litellmctl mcp login jira", "litellmctl mcp credentials set jira"
HEADER = "litellmctl config set mcp_headers.jira:Authorization '$TOKEN'"


def server(wants: str | None = None, status: str | None = "ok", *, is_set: bool | None = None) -> Server:
    return Server("jira", "5f0", "j", status, None, None, wants, is_set)


def failure(name: str) -> Failure:
    """Return the failure that a recorded answer is."""
    import json

    response = shape(name)["response"]
    body = json.dumps(response["body"]).encode()
    return failure_of(response["status"], body, url="http://p", path="/mcp-rest/tools/call", headers={})


NOT_FOUND = Rejected("not_found", "Tool add not found", status=500, words="Tool add not found")


@pytest.mark.parametrize(
    ("asked", "failed", "remedy"),
    [
        (server("key"), failure("mcp_tools_call.no_user_key"), SET),
        ("jira", failure("mcp_tools_call.no_user_key"), SET),
        (server(), failure("mcp_tools_call.no_user_variables"), SET),
        (server("sign-in"), failure("mcp_tools_call.no_sign_in"), LOGIN),
        (server("sign-in"), failure("mcp_tools_call.sign_in_expired"), LOGIN),
        (server("sign-in"), failure("mcp_tools_list.no_sign_in"), LOGIN),
        ("jira", failure("mcp_tools_list.no_sign_in"), LOGIN),
        (server("header"), failure("mcp_tools_list.no_sign_in"), HEADER),
        # What is not for want of the user's own credential.
        (server(), failure("mcp_tools_list.no_sign_in"), None),
        (server(), NOT_FOUND, None),
        (server("key"), NOT_FOUND, None),
        ("jira", NOT_FOUND, None),
        (server("sign-in"), NOT_FOUND, None),
        (server("sign-in"), failure("mcp_tools_call.invalid"), None),
        (server("sign-in"), failure("mcp_tools_call.forbidden_server"), None),
        (server("sign-in"), failure("mcp_tools_call.server_down"), None),
        (server("sign-in"), Failure("timeout", "no answer"), None),
    ],
)
def test_the_command_that_sets_what_a_call_lacks(asked: Server | str, failed: Failure, remedy: str | None) -> None:
    said = wanted.explained(asked, failed)
    if remedy is None:
        assert said is failed
    else:
        assert isinstance(said, AuthFailure)
        assert (said.code, said.remedy, said.status, said.words) == (
            "auth_required",
            remedy,
            failed.status,
            failed.words,
        )
        assert said.message.startswith("MCP server jira needs ")


def test_variables_that_are_missing_are_named() -> None:
    said = wanted.explained("crm", failure("mcp_tools_call.no_user_variables"))
    assert said.message == "MCP server crm needs variables of your own: CRM_TOKEN, REGION"


@pytest.mark.parametrize(
    ("one", "needs", "remedy"),
    [
        (server("sign-in", "auth_required"), "needs you to sign in", LOGIN),
        (server("header", "auth_required"), "needs a token of your own in each request", HEADER),
        (server("key", "internal", is_set=False), "needs a key of your own, and none is set", SET),
        (server("key", "internal", is_set=True), None, None),
        (server("key", "internal"), None, None),
        (server("key", is_set=False), None, None),
        (server(None, "auth_required"), None, None),
        (server("sign-in"), None, None),
        (server("sign-in", "unreachable"), None, None),
    ],
)
def test_what_the_list_of_servers_says(one: Server, needs: str | None, remedy: str | None) -> None:
    assert (wanted.needs(one), wanted.remedy_of_status(one)) == (needs, remedy)


@pytest.mark.parametrize("name", ["jira/add", "j/add", "5f0/add", "mcp_jira_add"])
def test_a_tool_that_cannot_be_listed_yet(name: str) -> None:
    waiting, other = server("sign-in", "auth_required"), Server("crm", "6", None, "ok", 1)
    assert wanted.unlisted([other, waiting], name, NOT_FOUND).remedy == LOGIN
    for tool, servers in ((name, [other]), ("crm/add", [other, waiting]), (name, [server("sign-in")])):
        assert wanted.unlisted(servers, tool, NOT_FOUND) is NOT_FOUND


def result(text: str, *, is_error: bool = True) -> Result:
    return Result({"content": [{"type": "text", "text": text}], "isError": is_error})


def test_a_server_that_refuses_the_stored_credential() -> None:
    refused = Result(shape("mcp_tools_call.sign_in_revoked")["response"]["body"])
    assert wanted.remedy_of_result(server("sign-in"), refused) == LOGIN
    assert wanted.remedy_of_result(server("key"), refused) == SET
    for one in (server(), "jira"):
        assert wanted.remedy_of_result(one, refused) is None
    for other in (result("no such issue"), result(refused.whole["content"][0]["text"], is_error=False), Result({})):
        assert wanted.remedy_of_result(server("sign-in"), other) is None


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("two words", "litellmctl mcp login 'two words'"),
        ("a;rm -r", "litellmctl mcp login 'a;rm -r'"),
        ("--x", "litellmctl mcp login -- --x"),
    ],
)
def test_a_name_of_the_proxys_is_one_word_of_the_command(name: str, command: str) -> None:
    assert wanted.command(name, "sign-in") == command


def test_of_many_commands_the_first_are_shown() -> None:
    assert wanted.commands([None, "a", "b", "a"]) == ["a", "b"]
    assert wanted.commands(map(str, range(8))) == ["0", "1", "2", "3", "4", "and 3 more"]


@pytest.mark.parametrize(
    ("row", "wants"),
    [
        ({"auth_type": "bearer_token", "is_byok": True}, "key"),
        ({"auth_type": "oauth2"}, "sign-in"),
        ({"auth_type": "oauth2", "is_byok": True}, "sign-in"),
        ({"auth_type": "oauth2", "oauth2_flow": "authorization_code"}, "sign-in"),
        ({"auth_type": "oauth2", "oauth2_flow": "client_credentials"}, None),
        ({"auth_type": "true_passthrough"}, "header"),
        ({"auth_type": "oauth_delegate"}, "header"),
        ({"auth_type": "bearer_token", "is_byok": False}, None),
        ({"auth_type": ["oauth2"], "is_byok": "yes"}, None),
        ({}, None),
    ],
)
def test_what_a_row_says_a_server_wants(row: dict[str, Any], wants: str | None) -> None:
    assert wants_of(row) == wants
