"""`mcp servers`, `list` and `show`: what is there, in every format, and whatever a proxy or a server says."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from litellmctl.terminal.cells import width
from tests.conftest import Run
from tests.contract.tools import (
    ADD,
    ANYTHING,
    CALL,
    CONVERT,
    HOSTILE,
    LIST,
    REGISTER,
    SERVERS,
    TWO,
    answer,
    calls,
    listings,
    offer,
    offering,
    printed,
    server,
    tool,
)
from tests.effort import less_than
from tests.fake_proxy import FakeProxy, error, row

SERVER_KEYS = ["name", "id", "alias", "status", "tools", "error", "wants", "is_set"]
TOOL_KEYS = [
    *("server", "server_id", "name", "full_name", "title", "description"),
    *("input_schema", "output_schema", "annotations"),
]


# --- servers ---


def test_servers_have_their_keys_in_order(run: Run, proxy: FakeProxy) -> None:
    rows = [server("lab", alias="l"), server("stdio"), server("idle", status="healthy")]
    offering(proxy, *TWO, rows=rows, broken="unreachable")
    result = run("mcp", "servers", "--json")
    assert [list(one) for one in result.json] == [SERVER_KEYS] * 4
    assert [list(one.values()) for one in result.json] == [
        ["broken", None, None, "unreachable", None, None, None, None],
        ["idle", "id-idle", None, "healthy", None, None, None, None],
        ["lab", "id-lab", "l", "ok", 1, None, None, None],
        ["stdio", "id-stdio", None, "ok", 1, None, None, None],
    ]
    assert result.count("\n") == 6  # an element a line
    assert [request.method for request in proxy.requests] == ["GET", "GET"]


def test_servers_in_the_other_formats(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, rows=[server("down", health_check_error="no route\nto host")], down="unreachable")
    assert run("mcp", "servers", "-o", "table").splitlines() == [
        "NAME   STATUS       TOOLS  ERROR             ID",
        "down   unreachable      ?  no route to host  id-down",
        "lab    ok               1  -                 id-lab",
        "stdio  ok               1  -                 id-stdio",
    ]
    assert run("mcp", "servers").splitlines() == [
        "down\tunreachable\t\tno route to host\tid-down",
        "lab\tok\t1\t\tid-lab",
        "stdio\tok\t1\t\tid-stdio",
    ]
    assert list(csv.DictReader(run("mcp", "servers", "-o", "csv").splitlines()))[1]["tools"] == "1"
    lines = run("mcp", "servers", "-o", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == run("mcp", "servers", "--json").json
    assert run("mcp", "servers", "--fields", "tools,name").splitlines() == ["\tdown", "1\tlab", "1\tstdio"]
    assert run("mcp", "servers", "--fields", "nope", exit=2).stderr.startswith("Error: ")


def test_a_server_that_is_down_is_a_warning_and_with_strict_exit_3(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, down="unreachable")
    for command, warning in ((("mcp", "servers"), ""), (("mcp", "list"), "Warning: MCP server down is unreachable\n")):
        result = run(*command)
        assert len(result.splitlines()) >= 2
        assert result.stderr == warning  # the table of servers says so itself
        strict = run(*command, "--strict", exit=3)
        assert strict == result
        assert strict.stderr.startswith(f"{warning}Error: cannot reach MCP server down\n")
        as_json = run(*command, "--strict", "--json", exit=3)
        assert len(as_json.json) >= 2
        assert as_json.error["code"] == "server_error"
        assert run(*command, "-q").stderr == ""


def test_strict_is_about_the_servers_that_were_asked_for(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, down="unreachable")
    assert run("mcp", "list", "--server", "lab", "--strict", "--fields", "name") == "add\n"
    assert run("mcp", "list", "--server", "down", "--strict", "--json", exit=3).json == []


def test_no_server_at_all(run: Run, proxy: FakeProxy) -> None:
    offering(proxy)
    assert run("mcp", "servers", "--json") == "[]\n"
    assert (run("mcp", "servers"), run("mcp", "list")) == ("", "")
    assert "no MCP server" in run("mcp", "servers", terminal=True).stderr
    assert "No MCP tool" in run("mcp", "list", terminal=True).stderr
    assert run("mcp", "list", "--as", "openai") == "[]\n"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_tools_are_listed_where_servers_are_not_told_of(run: Run, proxy: FakeProxy, status: int) -> None:
    proxy.on(LIST, offer(*TWO)).on(SERVERS, {"detail": "no"}, status=status)
    assert run("mcp", "list", "--fields", "name") == "add\nping\n"


@pytest.mark.parametrize("body", [b"<html>", b'{"rows": 1}', b'[1, null, {}, {"server_name": 7}]', b"[" * 100_000])
def test_servers_that_are_told_of_badly_cost_no_tools(run: Run, proxy: FakeProxy, body: bytes) -> None:
    proxy.on(LIST, offer(*TWO)).on(SERVERS, body)
    assert run("mcp", "list", "--fields", "name") == "add\nping\n"


def test_a_list_of_servers_that_never_comes_costs_no_tools(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, offer(*TWO)).on(SERVERS, respond=lambda _: time.sleep(3), times=None)
    start = time.monotonic()
    assert run("mcp", "list", "--fields", "name", "--timeout", "1.5") == "add\nping\n"
    assert time.monotonic() - start < 3


# --- list ---


def test_tools_have_their_keys_in_order(run: Run, proxy: FakeProxy) -> None:
    hints = {"readOnlyHint": True, "title": "Adds"}
    output = {"type": "object", "properties": {"result": {"type": "integer"}}}
    offering(proxy, tool("ping", server="stdio"), tool("add", ADD, title="Add", annotations=hints, outputSchema=output))
    result = run("mcp", "list", "--json")
    assert [list(one) for one in result.json] == [TOOL_KEYS] * 2
    assert list(result.json[0].values()) == [
        "lab",
        "id-lab",
        "add",
        "mcp_lab_add",
        "Add",
        "Does add.",
        ADD,
        output,
        hints,
    ]
    assert result.json[1]["output_schema"] is None
    assert [list(one["input_schema"]) for one in result.json] == [list(ADD), ["type"]]
    assert result.count("\n") == 4


def test_tools_in_the_other_formats(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, tool("long", description="First line, " + "x" * 100 + "\nSecond"))
    table = run("mcp", "list", "-o", "table").splitlines()
    assert [line.split()[0] for line in table] == ["TOOL", "lab/add", "lab/long", "stdio/ping"]
    assert run("mcp", "list").splitlines() == [
        "lab/add\tDoes add.",
        f"lab/long\tFirst line, {'x' * 100} Second",
        "stdio/ping\tDoes ping.",
    ]
    assert run("mcp", "list", "--fields", "tool").splitlines() == ["mcp_lab_add", "mcp_lab_long", "mcp_stdio_ping"]
    rows = list(csv.DictReader(run("mcp", "list", "-o", "csv").splitlines()))
    assert list(rows[0]) == TOOL_KEYS
    as_json = run("mcp", "list", "--json").json
    assert [json.loads(line) for line in run("mcp", "list", "-o", "jsonl").splitlines()] == as_json
    assert run("mcp", "list", "--fields", "name,server").splitlines() == ["add\tlab", "long\tlab", "ping\tstdio"]
    assert run("mcp", "list", "--json", terminal=True).json == as_json
    assert listings(proxy) == 1


def test_tools_of_servers_and_of_names(run: Run, proxy: FakeProxy) -> None:
    names = [("get_issue", "github"), ("get_user", "crm"), ("create_issue", "github"), ("Get", "stdio")]
    offering(proxy, *(tool(name, server=at) for name, at in names))

    def listed(*options: str) -> list[str]:
        return [f"{one['server']}/{one['name']}" for one in run("mcp", "list", "--json", *options).json]

    assert listed() == ["crm/get_user", "github/create_issue", "github/get_issue", "stdio/Get"]
    assert (
        listed("--server", "github") == listed("--server", "id-github") == ["github/create_issue", "github/get_issue"]
    )
    assert listed("--server", "github", "--server", "crm", "--filter", "get_*") == ["crm/get_user", "github/get_issue"]
    assert listed("--filter", "*issue*") == ["github/create_issue", "github/get_issue"]
    assert listed("--filter", "crm/*", "--filter", "*/GET") == ["crm/get_user", "stdio/Get"]
    assert listed("--filter", "ISSUE") == listed("--filter", "b/") == ["github/create_issue", "github/get_issue"]
    assert listed("--filter", "get?issue", "--filter", "user") == ["crm/get_user", "github/get_issue"]
    assert listed("--filter", "nothing") == []
    unknown = run("mcp", "list", "--server", "githb", "--json", exit=5)
    assert (unknown, unknown.error["code"]) == ("", "not_found")
    assert 'Did you mean "github"' in unknown.error["message"]
    assert listings(proxy) == 1


@pytest.mark.parametrize("form", ["table", "tsv", "csv", "jsonl", "json"])
def test_definitions_are_json_in_every_format(run: Run, proxy: FakeProxy, form: str) -> None:
    offering(proxy, *TWO, tool("bare", None, description=None, title="Bare"), tool("open", True, description=None))
    made = run("mcp", "list", "--as", "openai", "-o", form).json
    assert [list(one) for one in made] == [["type", "function"]] * 4
    assert made[0] == {
        "type": "function",
        "function": {"name": "mcp_lab_add", "description": "Does add.", "parameters": ADD},
    }
    empty = {"type": "object", "properties": {}}
    assert [one["function"]["parameters"] for one in made[1:]] == [empty] * 3
    assert [one["function"]["description"] for one in made[1:]] == ["Bare", "open", "Does ping."]
    theirs = run("mcp", "list", "--as", "anthropic", "-o", form).json
    assert theirs[0] == {"name": "mcp_lab_add", "description": "Does add.", "input_schema": ADD}
    assert [one["name"] for one in theirs] == [one["function"]["name"] for one in made]


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_definitions_can_be_piped_to_jq(run_process: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("add", ADD, description="\x1b[31mAdds\x07\u009b \ud83d\ude00 \u2028"), down="unreachable")
    result = run_process("mcp", "list", "--as", "openai")
    done = subprocess.run(["jq", "-r", ".[].function.name"], input=result, capture_output=True, text=True, check=True)
    assert done.stdout == "mcp_lab_add\n"
    assert result.stderr.startswith("Warning: ")
    assert "\x1b" not in result
    assert "\u009b" not in result


def test_full_names_fit_function_calling_and_are_stable(run: Run, proxy: FakeProxy) -> None:
    names = ["get.user", "get-user", "GET user", "x" * 80, "x" * 81, "ünï/\x1b[31m", "fine_1", "é" * 3, "日本"]
    offering(proxy, *(tool(name, server=at) for name in names for at in ("lab", "Other Server")))
    first = run("mcp", "list", "--json").json
    full = {(one["server"], one["name"]): one["full_name"] for one in first}
    assert len(set(full.values())) == len(full) == 18
    assert all(re.fullmatch(r"mcp_[a-z0-9_]{1,60}", name) for name in full.values())
    assert full["lab", "fine_1"] == "mcp_lab_fine_1"
    assert full["Other Server", "fine_1"] == "mcp_other_server_fine_1"
    again = run("mcp", "list", "--json", "--refresh").json
    assert again == first
    for one in first:  # each can be called by it
        assert run("mcp", "show", one["full_name"], "--json").json["name"] == one["name"]


def test_refresh_asks_again(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("old"), times=1)
    offering(proxy, tool("new"), times=1)
    assert run("mcp", "list", "--fields", "name") == run("mcp", "list", "--fields", "name") == "old\n"
    assert run("mcp", "list", "--refresh", "--fields", "name") == "new\n"
    assert run("mcp", "list", "--fields", "name") == "new\n"


NAMELESS = [
    *(None, 7, "add", [], {}, {"name": "x"}, tool(None), tool(""), tool(7), tool(["x"])),
    *({**tool("x"), "mcp_info": None}, {**tool("x"), "mcp_info": {"server_name": "", "server_id": 7}}),
]


def test_bad_entries_are_left_out_alone_and_counted(run: Run, proxy: FakeProxy) -> None:
    good = tool("good")
    proxy.on(LIST, {"tools": [*NAMELESS, good, good, tool("good", server="other"), *NAMELESS]}, times=None)
    proxy.on(SERVERS, [], times=None)
    result = run("mcp", "list")
    assert result.splitlines() == ["lab/good\tDoes good.", "other/good\tDoes good."]
    assert result.stderr.splitlines() == [
        f"skipped {2 * len(NAMELESS)} tools without a name or a server",
        "skipped 1 tool that a server lists twice",
    ]
    assert run("mcp", "list").stderr == result.stderr  # from the cache too
    assert run("mcp", "servers").stderr == result.stderr
    assert run("mcp", "list", "-q").stderr == ""


def test_no_more_than_4096_tools_are_taken(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *(tool(f"tool_{number:04}") for number in range(4099)))
    result = run("mcp", "list", "--fields", "name")
    assert (len(result.splitlines()), result.splitlines()[-1]) == (4096, "tool_4095")
    assert result.stderr == "skipped 3 tools beyond the first 4,096\n"
    start = time.monotonic()
    assert 'Did you mean "tool_0815"' in run("mcp", "show", "tol_0815", exit=5).stderr
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("value", [None, True, 7, "text", [], {"type": 7}, {"properties": []}, {"required": "a"}])
def test_odd_facts_of_a_tool_cost_no_tool(run: Run, proxy: FakeProxy, value: Any) -> None:
    facts = dict.fromkeys(("title", "description", "annotations", "outputSchema"), value)
    offering(proxy, tool("odd", value, **facts), tool("good"))
    for form in ("table", "tsv", "csv", "json"):
        run("mcp", "list", "-o", form)
        run("mcp", "show", "odd", "-o", form)
    assert run("mcp", "list", "--json").json[1]["input_schema"] == value
    assert run("mcp", "list", "--as", "openai").json[1]["function"]["name"] == "mcp_lab_odd"


# --- show ---


def test_show_is_a_page_for_a_person(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("convert", CONVERT, description="Enum, number and boolean.\nTwo lines."), tool("ping"))
    assert run("mcp", "show", "lab/convert", "-o", "table").splitlines() == [
        "lab/convert  (mcp_lab_convert)",
        "",
        "Enum, number and boolean.",
        "Two lines.",
        "",
        "Parameters:",
        "  value    number, required",
        "           The temperature.",
        '  unit     string, required; one of "celsius", "fahrenheit"',
        "  precise  boolean, default false",
        "",
        "Example:",
        "  litellmctl mcp call lab/convert value=1.5 unit=celsius",
    ]
    assert "It takes no parameters." in run("mcp", "show", "ping", terminal=True)


def test_the_examples_can_be_called(run: Run, proxy: FakeProxy) -> None:
    import shlex

    schemas = {"add": ADD, "convert": CONVERT, "register": REGISTER, "it's odd; rm": ADD, "any": ANYTHING}
    schemas["list"] = {"properties": {"all": {"type": "array", "items": {"type": "integer"}}}, "required": ["all"]}
    offering(proxy, *(tool(name, schema) for name, schema in schemas.items()))
    proxy.on(CALL, answer("done"), method="POST", times=len(schemas))
    for name in schemas:
        line = run("mcp", "show", f"lab/{name}", "-o", "table").partition("Example:\n")[2]
        program, *arguments = shlex.split(line.replace("\\\n", ""))
        assert (program, run(*arguments)) == ("litellmctl", "done\n")
    address = {"street": "STREET"}
    assert calls(proxy)[2].json["arguments"] == {"person": {"name": "NAME", "age": 1, "address": address}}


@pytest.mark.parametrize("spaces", [" " * 200_000 + "\nb", "\t" * 200_000 + "b", "b \n" * 50_000])
def test_a_description_of_spaces_is_shown_at_once(run: Run, proxy: FakeProxy, spaces: str) -> None:
    offering(proxy, tool("ping", description=f"a{spaces}"))
    with less_than(3):
        assert run("mcp", "show", "ping", terminal=True).startswith("lab/ping")


def test_show_in_the_other_formats(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("register", REGISTER), tool("ping"))
    result = run("mcp", "show", "register", "--json")
    assert list(result.json) == TOOL_KEYS
    assert json.dumps(result.json["input_schema"]) == json.dumps(REGISTER)  # the order too
    assert run("mcp", "show", "register").count("\t") == 8
    assert run("mcp", "show", "register", "--fields", "full_name") == "mcp_lab_register\n"
    assert run("mcp", "show", "register", "-o", "jsonl").json == result.json
    assert next(iter(csv.DictReader(run("mcp", "show", "register", "-o", "csv").splitlines())))["name"] == "register"


@pytest.mark.parametrize("name", ["stdio/ping", "id-stdio/ping", "mcp_stdio_ping", "ping"])
def test_a_tool_has_several_names(run: Run, proxy: FakeProxy, name: str) -> None:
    offering(proxy, *TWO)
    assert run("mcp", "show", name, "--fields", "server,name") == "stdio\tping\n"


@pytest.mark.parametrize("command", [("mcp", "show"), ("mcp", "call")])
def test_an_ambiguous_name_lists_the_candidates(run: Run, proxy: FakeProxy, command: tuple[str, ...]) -> None:
    offering(proxy, tool("ping"), tool("ping", server="stdio"), tool("add", ADD))
    result = run(*command, "ping", "--json", exit=2)
    assert (result, result.error["code"]) == ("", "usage")
    assert result.error["remedy"] == "use one of lab/ping, stdio/ping"
    assert (listings(proxy), calls(proxy)) == (1, [])


def test_two_servers_of_one_name_are_told_apart_by_their_ids(run: Run, proxy: FakeProxy) -> None:
    infos = [{"server_name": "lab", "server_id": number} for number in ("one", "two")]
    offering(proxy, *(tool("ping", mcp_info=info) for info in infos))
    result = run("mcp", "show", "lab/ping", exit=2)
    proposed = result.stderr.rpartition("use one of ")[2].strip().split(", ")
    ids = [run("mcp", "show", name, "--fields", "server_id").strip() for name in proposed]
    assert sorted(ids) == ["one", "two"]
    assert run("mcp", "show", "two/ping", "--fields", "server_id") == "two\n"
    assert len(set(run("mcp", "list", "--fields", "full_name").splitlines())) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lab/ad", 'no MCP tool "lab/ad". Did you mean "lab/add"?'),
        ("mcp_lab_ad", 'Did you mean "mcp_lab_add"?'),
        ("pimg", 'Did you mean "ping"?'),
        ("labb/add", 'no MCP server "labb". Did you mean "lab"?'),
        ("zzz", 'no MCP tool "zzz"'),
        ("zzz/qqq", 'no MCP server "zzz"'),
        ("", 'no MCP tool ""'),
    ],
)
def test_an_unknown_name_is_exit_5_with_the_nearest(run: Run, proxy: FakeProxy, name: str, words: str) -> None:
    offering(proxy, *TWO)
    run("mcp", "show", name, exit=5)
    assert listings(proxy) == 1  # what was just told is not asked for again
    for command in ("show", "call"):
        result = run("mcp", command, name, "--json", exit=5)
        assert (result, result.error["code"], calls(proxy)) == ("", "not_found", [])
        assert words in result.error["message"]
        assert result.error["remedy"].startswith("litellmctl mcp ")


def test_escapes_of_a_server_never_reach_a_terminal(run: Run, proxy: FakeProxy) -> None:
    schema = {
        "type": "object",
        "properties": {HOSTILE: {"type": HOSTILE, "description": HOSTILE, "default": HOSTILE, "enum": [HOSTILE]}},
        "required": [HOSTILE],
    }
    bad = tool(HOSTILE, schema, description=HOSTILE, title=HOSTILE, server=f"s {HOSTILE}")
    rows = [server(f"down{HOSTILE}", alias=HOSTILE, status=HOSTILE, health_check_error=HOSTILE)]
    offering(proxy, bad, tool("x y/z", title=HOSTILE, description=None), rows=rows, **{HOSTILE: HOSTILE})
    full = run("mcp", "list", "--filter", "*red*", "--json").json[0]["full_name"]
    seen = [
        run("mcp", *arguments, terminal=terminal, exit=code, NO_COLOR="1")
        for terminal in (True, False)
        for arguments, code in (
            (("servers",), 0),
            (("servers", "-o", "csv"), 0),
            (("list",), 0),
            (("list", "-o", "csv"), 0),
            (("show", full), 0),
            (("show", "lab/x y/z"), 0),
            (("show", HOSTILE), 0),
            (("show", f"{HOSTILE}x"), 5),
            (("call", full), 2),
            (("call", full, "nope=1"), 2),
            (("list", "--server", HOSTILE + "x"), 5),
        )
    ]
    for result in seen:
        assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed(result).replace("\r\n", "\n")) == []
    raw = run("mcp", "list", "--json")
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", raw) == []
    assert {one["name"] for one in raw.json} == {HOSTILE, "x y/z"}
    assert run("mcp", "show", "lab/x y/z", "--fields", "full_name") == "mcp_lab_x_y_z\n"


def chain(length: int) -> dict[str, Any]:
    links: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": links}


def defined(definition: Any) -> dict[str, Any]:
    return {"properties": {"x": {"$ref": "#/$defs/A"}}, "required": ["x"], "$defs": {"A": definition}, "type": "object"}


SELF = {"$ref": "#/$defs/A"}
WIDE = [f"p{number}" for number in range(40)]
# What a server may call a schema, and whether its x may be a long text.
SCHEMAS: dict[str, tuple[Any, bool]] = {
    "missing": (None, True),
    "true": (True, True),
    "false": (False, True),
    "text": ("object", True),
    "empty": ({}, True),
    "refers to itself": ({"$ref": "#"}, True),
    "a parameter that is itself": (defined(SELF), True),
    "an array of itself": (defined({"type": "array", "items": SELF}), False),
    "an object of itself": (defined({"type": "object", "properties": {"x": SELF}, "required": ["x"]}), False),
    "any of itself, twice": (defined({"anyOf": [SELF, SELF]}), True),
    "any of arrays of itself": (defined({"anyOf": [{"type": "array", "items": SELF} for _ in range(30)]}), False),
    "all required, of itself": (
        {"properties": {name: {"$ref": "#"} for name in WIDE}, "required": WIDE, "type": "object"},
        False,
    ),
    "a chain that ends nowhere": (chain(1000), True),
    "a remote reference": ({"properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}, True),
    "nested deeply": (json.loads('{"properties":{"x":' * 45 + "{}" + "}}" * 45), True),
    "a mebibyte": (
        {"properties": {f"p{n}": {"type": "string", "description": "d" * 1000} for n in range(1000)}},
        False,
    ),
    "a catastrophic pattern": ({"properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}, False),
    "a pattern that cannot be compiled": ({"properties": {"x": {"type": "string", "pattern": "(?=a)(b"}}}, True),
    "many such patterns": ({"properties": {f"p{n}": {"pattern": "(?=a)b"} for n in range(300)}}, False),
    "a huge repetition": ({"properties": {"x": {"type": "string", "pattern": "((a{1,999}){1,999}){1,999}"}}}, True),
    "wrong keywords": ({"properties": {"x": {"type": 7, "minimum": "x", "enum": 5, "anyOf": {}, "default": {}}}}, True),
    "an old dialect": ({"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"x": {}}}, True),
    "a dialect that nobody knows": ({"$schema": "urn:nope", "properties": {"x": {}}}, True),
}


# What is looked into by native code, which no signal interrupts: these are called in a process of their own.
NATIVE = ("a catastrophic pattern", "a huge repetition", "any of arrays of itself")


@pytest.mark.timeout(15)
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_hostile_schema_neither_breaks_nor_hangs(run: Run, proxy: FakeProxy, name: str) -> None:
    schema, takes_text = SCHEMAS[name]
    offering(proxy, tool("it", schema))
    assert len(run("mcp", "show", "it", "-o", "table")) < 2_000_000
    proxy.on(CALL, answer("done"), method="POST")
    assert run("mcp", "call", "it", "x=", "--no-check") == "done\n"
    if name not in NATIVE:
        if takes_text:
            proxy.on(CALL, answer("done"), method="POST")
        run("mcp", "call", "it", f"x={'a' * 5000}b", exit=0 if takes_text else 2)


@pytest.mark.parametrize("name", NATIVE)
def test_arguments_are_checked_in_little_time(run_process: Run, proxy: FakeProxy, name: str) -> None:
    schema, takes_text = SCHEMAS[name]
    offering(proxy, tool("it", schema))
    proxy.on(CALL, answer("done"), method="POST", times=None)
    run_process("mcp", "call", "it", f"x={'a' * 5000}b", exit=0 if takes_text else 2, timeout=10)


# --- keys, proxies and profiles that have none of it ---


@pytest.mark.parametrize(
    ("status", "body", "exit", "code"),
    [
        pytest.param(
            200,
            {
                "tools": [],
                "error": "unexpected_error",
                "message": "An unexpected error occurred: {'error': 'access_denied', 'message': 'The key is not "
                "allowed to access any MCP servers.'}",
            },
            4,
            "forbidden",
            id="no server allowed",
        ),
        pytest.param(
            200, {"tools": [], "error": "unexpected_error", "message": "boom"}, 3, "server_error", id="an error in 200"
        ),
        pytest.param(
            403, {"detail": {"error": "access_denied", "message": "not yours"}}, 4, "forbidden", id="forbidden"
        ),
        pytest.param(401, error(401, "Invalid token")["body"], 4, "auth_failed", id="unknown key"),
        pytest.param(401, error(401, "Expired", "expired_key")["body"], 4, "auth_failed", id="expired key"),
        pytest.param(400, error(400, "x", "no_db_connection")["body"], 4, "auth_failed", id="no database"),
        pytest.param(404, {"detail": "Not Found"}, 5, "not_found", id="no MCP"),
        pytest.param(500, {"detail": {"error": "x", "message": "boom"}}, 3, "server_error", id="500"),
        pytest.param(200, b"<!DOCTYPE html><h1>Sign in</h1>", 3, "bad_response", id="html"),
        pytest.param(404, b"<html>no</html>", 3, "bad_response", id="html 404"),
        pytest.param(200, b'{"tools": [', 3, "bad_response", id="half a body"),
        pytest.param(200, b"", 3, "bad_response", id="empty"),
        pytest.param(200, b"null", 3, "bad_response", id="null"),
        pytest.param(200, b'"text"', 3, "bad_response", id="text"),
        pytest.param(200, {"error": {"message": "boom", "code": 500}}, 3, "server_error", id="an error alone in 200"),
        pytest.param(200, {"tools": None, "error": {"x": {"message": "boom"}}}, 3, "server_error", id="and no tools"),
        pytest.param(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -1}}, 3, "server_error", id="of JSON-RPC"),
        pytest.param(200, {"detail": "boom", "tools": None}, 3, "bad_response", id="a detail in 200"),
        pytest.param(200, b'{"tools": {}}', 3, "bad_response", id="tools are an object"),
        pytest.param(200, b'{"tools": [' + b"[" * 100_000, 3, "bad_response", id="nested too deeply"),
    ],
)
def test_what_cannot_be_listed(run: Run, proxy: FakeProxy, status: int, body: Any, exit: int, code: str) -> None:
    proxy.on(LIST, body, status=status, times=4)
    proxy.on(SERVERS, [], times=None)
    for command in ("servers", "list", "show x", "call x a=1"):
        result = run("mcp", *command.split(), "--json", exit=exit)
        assert (result, result.error["code"]) == ("", code)
        assert result.error["remedy"]
    assert calls(proxy) == []


def test_a_list_of_more_than_5_mib_is_cut_off(run: Run, proxy: FakeProxy) -> None:
    big = json.dumps(offer(tool("big", description="x" * (6 * 2**20)))).encode()
    proxy.on(LIST, big)
    result = run("mcp", "list", "--json", exit=3)
    assert result.error["code"] == "bad_response"
    assert "more than 5 MiB" in result.error["message"]


def test_a_connection_that_ends_in_the_list(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, raw=b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"tools": [')
    assert run("mcp", "list", "--json", exit=3).error["code"] == "bad_response"


def test_a_list_that_trickles_has_a_deadline(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIST, respond=lambda _: time.sleep(3))
    start = time.monotonic()
    assert run("mcp", "list", "--json", "--timeout", "0.5", exit=3).error["code"] == "timeout"
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("command", ["servers", "list", "show x", "call x a=1", "call x --jsonl -"])
@pytest.mark.parametrize("profile", ["default", "work"])
def test_mcp_can_be_switched_off(run: Run, proxy: FakeProxy, command: str, profile: str) -> None:
    offering(proxy, tool("x"))
    run("config", "set", "profiles.work.base_url", proxy.url)
    run("config", "set", f"profiles.{profile}.mcp", "false")
    result = run("mcp", *command.split(), "--profile", profile, "--json", exit=2)
    assert (result, result.error["code"]) == ("", "config")
    assert f"profiles.{profile}.mcp is false" in result.error["message"]
    assert result.error["remedy"] == f"litellmctl config unset profiles.{profile}.mcp"
    assert proxy.requests == []


# --- the user's own headers for servers ---

SECRET = "tok-5c1d-very-secret"


@pytest.mark.parametrize("form", ["$GITHUB_TOKEN", "${GITHUB_TOKEN}", "@{file}"])
def test_a_server_header_is_sent_on_list_and_call_and_shown_nowhere(
    run: Run, proxy: FakeProxy, home: Path, tmp_path: Path, form: str
) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    option = f"github:Authorization={form.replace('{file}', str(tmp_path / 'token'))}"
    offering(proxy, tool("add", ADD, server="github"), down="unreachable")
    proxy.on(CALL, answer("done"), method="POST")
    proxy.on(CALL, {}, status=500, method="POST")
    variables = {"GITHUB_TOKEN": SECRET}
    seen = [
        run("mcp", *words, "-v", "--server-header", option, exit=code, **variables)
        for words, code in (
            (("servers",), 0),
            (("list", "--json"), 0),
            (("show", "add", "-o", "table"), 0),
            (("call", "add", "a=1"), 0),
            (("call", "add", "a=1", "--json"), 3),
        )
    ]
    assert {request.headers["x-mcp-github-Authorization"] for request in proxy.requests} == {SECRET}
    assert {request.headers["Authorization"] for request in proxy.requests} == {"Bearer sk-test-0123456789abcdef"}
    assert SECRET not in printed(*seen)
    assert all(SECRET.encode() not in path.read_bytes() for path in (home / "cache").iterdir())
    assert "GET /mcp-rest/tools/list 200" in printed(*seen)


def test_the_profile_has_such_headers_too(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "mcp_headers.github:authorization", "$GITHUB_TOKEN")
    run("config", "set", "mcp_headers.crm:x-user", "!echo someone")
    offering(proxy, tool("add", ADD, server="github"))
    proxy.on(CALL, answer("done"), method="POST", times=2)
    token = {"GITHUB_TOKEN": SECRET}
    results = [run("mcp", "list", "-v", **token), run("mcp", "call", "add", "a=1", "-v", **token)]
    for request in proxy.requests:
        assert request.headers["x-mcp-github-authorization"] == SECRET
        assert request.headers["x-mcp-crm-x-user"] == "someone"
    assert SECRET not in printed(*results, run("config", "list", **token))
    # This run's beats the profile's.
    again = {"GITHUB_TOKEN": SECRET, "OTHER": "another"}
    run("mcp", "call", "add", "a=1", "--server-header", "github:authorization=$OTHER", **again)
    assert calls(proxy)[1].headers["x-mcp-github-authorization"] == "another"
    assert run("mcp", "list", exit=2).stderr.startswith("Error: ")


def test_no_header_for_mcp_servers_goes_anywhere_else(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "mcp_headers.github:authorization", "$GITHUB_TOKEN")
    proxy.models(row("gpt"))
    run("models", GITHUB_TOKEN=SECRET)
    assert SECRET not in str(proxy.requests[0].headers)
    other = FakeProxy()
    offering(other, tool("add"))
    run("config", "set", "base_url", proxy.url)
    run("mcp", "list", "--base-url", other.url, GITHUB_TOKEN=SECRET, LITELLM_BASE_URL=other.url)
    other.close()
    assert other.requests
    assert all(SECRET not in str(request.headers) for request in other.requests)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (f"github:token={SECRET}", "the value would be visible in the process list"),
        (f"github:token=$${SECRET}", "the value would be visible in the process list"),
        (f"github:token=!echo {SECRET}", "the value would be visible in the process list"),
        (f"github:token=${SECRET}!", "is not a variable reference"),
        ("github:token=", "the value would be visible in the process list"),
        ("github:token=$NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE, which is not set"),
        ("github:token=$EMPTY", "EMPTY"),
        ("github:token=@no/such/file", "cannot read no/such/file: no such file"),
        ("github:token=$SPLIT", "control character"),
        ("github:token=$ACCENT", "non-ASCII"),
        (f"github={SECRET}", "not SERVER:NAME=VALUE"),
        (f"token:{SECRET}", "not SERVER:NAME=VALUE"),
        (":token=$SPLIT", "not SERVER:NAME=VALUE"),
        ("git hub:token=$SPLIT", "not SERVER:NAME=VALUE"),
        ("github:to ken=$SPLIT", "not SERVER:NAME=VALUE"),
        ("", "not SERVER:NAME=VALUE"),
    ],
)
def test_a_server_header_that_cannot_be_used_is_exit_2(run: Run, proxy: FakeProxy, option: str, words: str) -> None:
    offering(proxy, tool("x"))
    variables = {"SPLIT": f"{SECRET}\r\nx-evil: 1", "ACCENT": f"{SECRET}é", "EMPTY": ""}
    for command in (("servers",), ("list",), ("show", "x"), ("call", "x")):
        result = run("mcp", *command, "--server-header", option, "-v", "--json", exit=2, **variables)
        assert words in result.error["message"]
        assert SECRET not in printed(result)
    assert proxy.requests == []


# --- renewed beside the models ---


# --- names that agree ---


def test_a_server_is_named_by_name_alias_or_id(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("add", ADD), tool("ping", server="stdio"), rows=[server("lab", alias="l"), server("stdio")])
    for name in ("lab", "l", "id-lab"):
        assert run("mcp", "list", "--server", name, "--fields", "name") == "add\n"
    assert 'Did you mean "stdio"' in run("mcp", "list", "--server", "sdtio", exit=5).stderr


def test_what_the_tool_column_shows_can_be_passed_to_show(run: Run, proxy: FakeProxy) -> None:
    same = {"server_name": "lab", "server_id": "id-2", "alias": None}
    offering(proxy, tool("add", ADD), tool("add", mcp_info=same), tool("ping"))
    shown = [line.split("\t")[0] for line in run("mcp", "list").splitlines()]
    assert shown[2] == "lab/ping"
    assert len(set(shown)) == 3
    ids = {run("mcp", "show", name, "--fields", "server_id") for name in shown[:2]}
    assert ids == {"id-lab\n", "id-2\n"}


@pytest.mark.parametrize("name", ["lab", "id-lab"])
def test_a_server_where_a_tool_is_expected_is_named_as_one(run: Run, proxy: FakeProxy, name: str) -> None:
    offering(proxy, *TWO)
    stderr = run("mcp", "show", name, exit=5).stderr
    assert stderr == f'Error: "{name}" is an MCP server, not a tool\nTry:   litellmctl mcp list --server {name}\n'
    assert run("mcp", "list", "--server", name, "--fields", "name") == "add\n"


@pytest.mark.parametrize("alias", ["ls", "tools"])
def test_list_has_other_names_that_help_does_not_show(run: Run, proxy: FakeProxy, alias: str) -> None:
    offering(proxy, *TWO)
    assert run("mcp", alias) == run("mcp", "list")
    assert f"\n  {alias} " not in run("mcp", "--help")


def test_the_fields_of_objects_are_on_the_page(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, tool("register", REGISTER))
    page = run("mcp", "show", "register", "-o", "table", COLUMNS="80").splitlines()
    assert page[page.index("Parameters:") + 1 :] == [
        "  person                 object, required",
        "  person.name            string, required",
        "  person.age             integer, required",
        "  person.address         object, required",
        "  person.address.street  string, required",
        "  tags                   array of string or null, default null",
        "",
        "Example:",
        "  litellmctl mcp call lab/register person.name=NAME person.age=1 \\",
        "    person.address.street=STREET",
    ]


def test_the_tables_fit_the_terminal(run: Run, proxy: FakeProxy) -> None:
    down = server("down", health_check_error="connection refused " * 20)
    offering(proxy, tool("get", description="Gets " * 50), tool("日本" * 9), rows=[down], down="unreachable")
    for columns in (40, 80, 100, 160, 300):
        for command in ("list", "servers"):
            table = run("mcp", command, "-o", "table", COLUMNS=str(columns)).splitlines()
            assert table[0].split()[0] in {"TOOL", "NAME"}
            assert [line for line in table if width(line) > columns] == []
    assert "Hidden to fit: ID" in run("mcp", "servers", "-o", "table", COLUMNS="40").stderr


def test_a_state_has_a_colour_on_a_terminal(run: Run, proxy: FakeProxy) -> None:
    offering(proxy, *TWO, down="unreachable")
    shown = run("mcp", "servers", terminal=True, FORCE_COLOR="1")
    assert "\x1b[32mok\x1b[0m" in shown
    assert "\x1b[31munreachable\x1b[0m" in shown
