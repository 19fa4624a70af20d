"""MCP at releases of LiteLLM that list and call tools otherwise: where calls go, by which name, and what they answer.

What each release said to each command is in test_releases.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tests.contract.tools import ANYTHING, CALL, LIST, SERVERS, answer, calls, listings, server
from tests.fake_proxy import FakeProxy

OLD_LIST, OLD_CALL = "/mcp/tools/list", "/mcp/tools/call"
NOT_FOUND: dict[str, Any] = {"status": 404, "body": {"detail": "Not Found"}}
EFFECT = "may have taken effect"


def bare(name: str, of: str | None = "lab", schema: Any = ANYTHING) -> dict[str, Any]:
    """Return a tool as releases up to 1.90 list it: without its server's id."""
    info = None if of is None else {"server_name": of}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema, "mcp_info": info}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "annotations": None}


@pytest.fixture
def oldest(proxy: FakeProxy) -> FakeProxy:
    """LiteLLM 1.65: other paths, and bare lists."""
    proxy.on(LIST, times=None, **NOT_FOUND).on(SERVERS, times=None, **NOT_FOUND)
    return proxy.on(OLD_LIST, [bare("add"), bare("fail")], times=None)


@pytest.fixture
def old(proxy: FakeProxy) -> FakeProxy:
    """LiteLLM 1.72: a bare list, and no list of servers without a database."""
    proxy.on(SERVERS, {"detail": {"error": "Database not connected"}}, status=500, times=None)
    return proxy.on(LIST, [bare("add"), bare("fail")], times=None)


@pytest.fixture
def middle(proxy: FakeProxy) -> FakeProxy:
    """LiteLLM 1.77 to 1.90: ids are in the list of servers alone."""
    proxy.on(SERVERS, [server("lab"), server("other", alias="o")], times=None)
    told = {"tools": [bare("add"), bare("fail"), bare("who"), bare("who", "other")], "error": None, "message": "ok"}
    return proxy.on(LIST, told, times=None)


def test_the_oldest_path_is_called_where_the_tools_were_listed_there(run: Run, oldest: FakeProxy) -> None:
    oldest.on(OLD_CALL, [text("3")], method="POST", times=2)
    assert run("mcp", "call", "lab/add", "a=1") == "3\n"
    before = len(oldest.requests)
    assert run("mcp", "call", "add", "a=1", "--json").json == {"content": [text("3")], "isError": False}
    assert oldest.asked[before:] == [OLD_CALL]  # a warm call is one request, and finds out nothing
    assert [request.json for request in oldest.requests_for(OLD_CALL)] == [{"name": "add", "arguments": {"a": "1"}}] * 2
    assert calls(oldest) == []


def test_a_bare_list_says_which_servers_there_are(run: Run, old: FakeProxy) -> None:
    assert [one["full_name"] for one in run("mcp", "list", "--json").json] == ["mcp_lab_add", "mcp_lab_fail"]
    (only,) = run("mcp", "servers", "--json").json
    assert (only["name"], only["status"], only["tools"]) == ("lab", "ok", 2)
    assert run("mcp", "show", "add", "--json").json["server"] == "lab"


@pytest.mark.parametrize(
    ("reply", "exit", "code", "forgets"),
    [
        # The path itself is gone, and so is a tool: neither was called, and the next call looks for both anew.
        (NOT_FOUND, 5, "not_found", True),
        ({"status": 404, "body": {"detail": "Tool 'add' not found"}}, 5, "not_found", True),
        ({"status": 406, "body": {"jsonrpc": "2.0", "error": {"code": -32600, "message": "no"}}}, 5, "rejected", False),
        ({"status": 500, "body": b"Internal Server Error"}, 3, "server_error", False),
        ({"status": 502, "body": {"detail": "Not Found"}}, 3, "server_error", False),
    ],
    ids=["path", "tool", "another protocol", "500", "502"],
)
@pytest.mark.parametrize("path", [OLD_CALL, CALL])
def test_no_other_path_is_tried_with_a_call(
    run: Run, request: Any, path: str, reply: dict[str, Any], exit: int, code: str, forgets: bool
) -> None:
    proxy = request.getfixturevalue("oldest" if path == OLD_CALL else "old")
    proxy.on(path, method="POST", **reply)
    run("mcp", "list")
    listed = listings(proxy)
    result = run("mcp", "call", "add", "a=1", "--json", exit=exit)
    assert (result, result.error["code"], EFFECT in result.error["message"]) == ("", code, code == "server_error")
    assert len(proxy.requests_for(CALL, OLD_CALL)) == 1
    assert listings(proxy) == listed
    run("mcp", "list")
    assert (listings(proxy) > listed) is forgets


def test_a_list_that_was_cached_before_the_proxy_was_upgraded_lasts_for_one_call(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, **NOT_FOUND).on(SERVERS, times=2, **NOT_FOUND).on(OLD_LIST, [bare("add")])
    run("mcp", "list")
    proxy.on(OLD_CALL, method="POST", **NOT_FOUND)
    run("mcp", "call", "add", exit=5)
    proxy.on(LIST, [bare("add")]).on(CALL, [text("3")], method="POST")
    assert run("mcp", "call", "add") == "3\n"


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_the_oldest_list_is_asked_for_only_where_the_other_path_is_not(run: Run, proxy: FakeProxy, status: int) -> None:
    proxy.on(LIST, {"detail": "Not Found"}, status=status, times=None)
    run("mcp", "list", exit=4 if status < 500 else 3)
    assert OLD_LIST not in proxy.asked


@pytest.mark.parametrize("body", [{"detail": "Not Found"}, b"<html>", {"jsonrpc": "2.0"}, "text"])
def test_where_neither_path_is_there_the_first_one_is_named(run: Run, proxy: FakeProxy, body: Any) -> None:
    proxy.on(LIST, **NOT_FOUND).on(OLD_LIST, body, status=406 if body == {"jsonrpc": "2.0"} else 404)
    result = run("mcp", "list", "--json", exit=5)
    assert (result.error["code"], LIST in result.error["message"]) == ("not_found", True)


# --- what a tool says ---


def test_a_tools_error_in_a_bare_list_fails_the_script(run: Run, old: FakeProxy) -> None:
    content = [text("Error executing tool fail: it broke")]
    old.on(CALL, content, method="POST", times=None)
    result = run("mcp", "call", "fail", exit=5)
    assert (result, result.stderr.splitlines()[:2]) == (
        "",
        ["Error executing tool fail: it broke", "Error: lab/fail reported an error"],
    )
    as_json = run("mcp", "call", "fail", "--json", exit=5)
    assert (as_json.json, as_json.error["code"]) == ({"content": content, "isError": True}, "rejected")
    lines = run("mcp", "call", "fail", "--jsonl", "-", stdin="{}\n{}\n", exit=5)
    assert [json.loads(line)["isError"] for line in lines.splitlines()] == [True, True]
    assert run("mcp", "call", "add") == "Error executing tool fail: it broke\n"  # what another tool says of this one


@pytest.mark.parametrize(
    ("content", "printed", "noted"),
    [
        ([], "", ""),
        ([text("a"), text("b")], "a\nb\n", ""),
        (
            [text("a"), {"type": "image", "data": "aGk=", "mimeType": "image/png"}],
            "a\n",
            "[image image/png, 2 bytes]",
        ),
        ([text("a"), 5, None], "a\n", "[2 unknown content blocks]"),
    ],
)
def test_a_bare_list_is_the_content_of_a_result(
    run: Run, old: FakeProxy, content: Any, printed: str, noted: str
) -> None:
    old.on(CALL, content, method="POST", times=2)
    result = run("mcp", "call", "add")
    assert (result, noted in result.stderr) == (printed, True)
    assert run("mcp", "call", "add", "--json").json == {"content": content, "isError": False}


def test_a_result_object_is_printed_as_it_is(run: Run, middle: FakeProxy) -> None:
    whole = {"isError": False, "zeta": 1, "content": [text("Error executing tool add: no")]}
    middle.on(CALL, whole, method="POST")
    assert run("mcp", "call", "lab/add", "--json").strip() == json.dumps(whole)


# --- whose tool ---


def test_a_server_is_called_by_the_id_that_the_list_of_servers_tells(run: Run, middle: FakeProxy) -> None:
    middle.on(CALL, answer("3"), method="POST")
    run("mcp", "call", "lab/add", "a=1")
    assert calls(middle)[0].json == {"server_id": "id-lab", "name": "add", "arguments": {"a": "1"}}
    assert {one["name"]: one["id"] for one in run("mcp", "servers", "--json").json} == {
        "lab": "id-lab",
        "other": "id-other",
    }


@pytest.mark.parametrize(("tool", "name"), [("lab/who", "lab-who"), ("other/who", "o-who")])
def test_of_tools_of_one_name_the_one_that_is_meant_is_called(
    run: Run, middle: FakeProxy, tool: str, name: str
) -> None:
    """LiteLLM 1.77 and 1.81 call the last server's, whichever id they are sent, but for this name."""
    middle.on(CALL, answer("me"), method="POST")
    run("mcp", "call", tool)
    (request,) = calls(middle)
    assert (request.json["name"], request.json["server_id"]) == (name, f"id-{tool.partition('/')[0]}")


def test_where_that_name_is_not_known_no_tool_is_called(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, [bare("who"), bare("who", "other")]).on(SERVERS, [])
    proxy.on(CALL, {"detail": "Tool 'lab-who' not found"}, status=404, method="POST")
    result = run("mcp", "call", "lab/who", "--json", exit=5)
    assert result.error["message"] == (
        "cannot call lab/who: several servers have a tool named who, and this release of LiteLLM cannot tell them apart"
    )
    assert "upgrade" in result.error["remedy"]
    assert len(calls(proxy)) == 1


def test_where_no_id_is_told_a_refusal_says_what_may_help(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, {"tools": [bare("add")]}).on(SERVERS, {"detail": "no"}, status=403)
    denied = {"detail": {"error": "access_denied", "message": "The key is not allowed to access server lab"}}
    proxy.on(CALL, denied, status=403, method="POST")
    result = run("mcp", "call", "add", "--json", exit=4)
    assert "the server's ID is unknown" in result.error["message"]
    assert "/v1/mcp/server" in result.error["remedy"]


def test_tools_whose_server_nobody_tells(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, {"tools": [bare("hello", None)], "error": None, "message": "ok"}).on(SERVERS, [])
    proxy.on(CALL, [text("hi")], method="POST", times=2)
    (row,) = run("mcp", "list", "--json").json
    assert (row["server"], row["server_id"], row["name"], row["full_name"]) == (None, None, "hello", "mcp_hello")
    assert run("mcp", "list", "-o", "table").split()[2] == "hello"
    assert run("mcp", "call", "hello") == run("mcp", "call", "mcp_hello") == "hi\n"
    assert calls(proxy)[0].json == {"name": "hello", "arguments": {}}


def test_a_tool_without_a_server_is_that_of_the_only_one(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, {"tools": [bare("hello", None)]}).on(SERVERS, [server("lab")])
    proxy.on(CALL, answer("hi"), method="POST")
    run("mcp", "call", "lab/hello")
    assert calls(proxy)[0].json["server_id"] == "id-lab"
