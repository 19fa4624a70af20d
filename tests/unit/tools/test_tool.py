from __future__ import annotations

import json
import random
import re
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, Rejected, UsageFailure
from litellmctl.tools.tool import MAX_TOOLS, Offer, Server, Tool, find, read_offer, selected

# What chat completions take as the name of a function.
FUNCTION_NAME = re.compile(r"[a-z0-9_]{1,64}")
ODD_NAMES = [
    *(" ", "a b", "a/b", "/", "//", "..", "../../etc/passwd", "-rf", "--help", "a=b", "a:b", "*", "[a]", "a\\b"),
    *("\x1b[31mred\x1b[0m", "a\nb", "a\tb", "a\x00b", "\x7f", "\x9b", "\u202egnp", "\u2028", "ä", "日本", "🎉", "İ"),
    *("\ud800", "a\udfffb", "x" * 5000, "A", "_", "__", "0", "null", "mcp_github_add"),
]
WORD = st.sampled_from(["a", "b", "_", " ", "/", "A", "ä", "a" * 40]).map(str) | st.text(max_size=5)
NAME = st.lists(WORD, min_size=1, max_size=4).map("".join).filter(bool)
# Names of servers and tools that clash often.
PAIRS = st.lists(st.tuples(NAME, NAME), min_size=1, max_size=8, unique=True)


def entry(name: Any = "add", server: Any = "github", server_id: Any = None, **more: Any) -> dict[str, Any]:
    """Return a tool as /mcp-rest/tools/list has it."""
    info = {"server_name": server, "server_id": server_id or f"id-{server}", "alias": None}
    return {"name": name, "title": None, "description": None, "mcp_info": info, **more}


def offered(*entries: Any) -> Offer:
    return read_offer({"tools": list(entries)}, [])


def tools(*names: str) -> list[Tool]:
    """Return tools; each name is server/tool, split at the first slash."""
    return offered(*(entry(tool, server) for server, _, tool in (name.partition("/") for name in names))).tools


# Reading what is offered


def test_a_tool_is_read_as_it_is_told() -> None:
    told = entry(
        "create_issue",
        "github",
        "5f0",
        title="Create an issue",
        description="Creates one.",
        inputSchema={"type": "object"},
        outputSchema={"type": "string"},
        annotations={"readOnlyHint": False},
        icons=None,
        execution=None,
    )
    assert offered(told) == Offer(
        [
            Tool(
                "github",
                "5f0",
                "create_issue",
                "mcp_github_create_issue",
                "Create an issue",
                "Creates one.",
                {"type": "object"},
                {"type": "string"},
                {"readOnlyHint": False},
            )
        ],
        [Server("github", "5f0", None, "ok", 1)],
        [],
    )
    assert offered(told).tools[0].path == "github/create_issue"


def test_what_a_tool_does_not_tell_is_none() -> None:
    (tool,) = offered({"name": "add", "mcp_info": {"server_name": "github"}}).tools
    assert tool == Tool("github", "github", "add", "mcp_github_add", None, None, None, None, None)


@pytest.mark.parametrize("text", [5, True, [], {}, "", ["a"]], ids=repr)
@pytest.mark.parametrize("field", ["title", "description"])
def test_a_title_that_is_no_text_is_none(field: str, text: Any) -> None:
    (tool,) = offered(entry(**{field: text})).tools
    assert getattr(tool, field) is None


def test_a_server_without_a_name_goes_by_its_id() -> None:
    (tool,) = offered({"name": "add", "mcp_info": {"server_name": None, "server_id": "5f0"}}).tools
    assert (tool.server, tool.server_id, tool.path) == ("5f0", "5f0", "5f0/add")


BAD = [
    *(None, 5, True, "add", [], ["add"], {}),
    {"name": "add"},
    {"mcp_info": {"server_name": "github"}},
    *(entry(name) for name in (None, "", 5, True, ["add"], {"a": 1})),
    *({"name": "add", "mcp_info": info} for info in (None, "github", 5, [], ["server_name"], {})),
    *({"name": "add", "mcp_info": {"server_name": name}} for name in ("", None, 5, ["github"])),
]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_entry_is_left_out_alone(bad: Any) -> None:
    found = offered(entry("a"), bad, entry("b"))
    assert [tool.name for tool in found.tools] == ["a", "b"]
    assert found.notes == ["skipped 1 tool without a name or a server"]


def test_several_bad_entries_are_one_note() -> None:
    assert offered(*BAD).notes == [f"skipped {len(BAD)} tools without a name or a server"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:30])
def test_an_odd_name_is_a_name(name: str) -> None:
    found = offered(entry(name), entry("plain"), entry("plain", name))
    assert found.notes == []
    odd = next(tool for tool in found.tools if (tool.server, tool.name) == ("github", name))
    server = next(tool for tool in found.tools if (tool.server, tool.name) == (name, "plain"))
    assert FUNCTION_NAME.fullmatch(odd.full_name)
    assert FUNCTION_NAME.fullmatch(server.full_name)
    for tool in (odd, server):
        assert find(found.tools, tool.path) == find(found.tools, tool.full_name) == tool


@pytest.mark.parametrize("answer", [None, 5, True, "tools", {"a": 1}, {}], ids=repr)
def test_tools_that_are_no_list_are_none(answer: Any) -> None:
    assert read_offer({"tools": answer}, []) == Offer([], [], [])
    assert read_offer({}, []) == Offer([], [], [])


def test_of_too_many_tools_the_first_are_taken() -> None:
    found = offered(*(entry(f"tool{number}") for number in range(5000)))
    assert len(found.tools) == MAX_TOOLS == 4096
    assert {tool.name for tool in found.tools} == {f"tool{number}" for number in range(4096)}
    assert found.notes == ["skipped 904 tools beyond the first 4,096"]


def test_as_many_tools_as_are_taken_need_no_note() -> None:
    assert offered(*(entry(f"tool{number}") for number in range(MAX_TOOLS))).notes == []


def test_a_tool_that_a_server_offers_twice_is_taken_once() -> None:
    found = offered(entry(description="first"), entry(description="second"), entry(description="third"))
    assert [tool.description for tool in found.tools] == ["first"]
    assert found.notes == ["skipped 2 tools that a server lists twice"]


def test_servers_may_share_a_name_if_their_ids_differ() -> None:
    found = offered(entry(server_id="1"), entry(server_id="2"))
    assert found.notes == []
    assert len({tool.full_name for tool in found.tools}) == 2


@pytest.mark.parametrize("where", ["inputSchema", "outputSchema", "annotations"])
def test_a_tool_nested_too_deeply_to_be_printed_is_left_out_alone(where: str) -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"items": [deep]}
    found = offered(entry("a"), entry("deep", **{where: deep}), entry("b", inputSchema=json.loads("[" * 90 + "]" * 90)))
    assert [tool.name for tool in found.tools] == ["a", "b"]
    assert found.notes == ["skipped 1 tool nested too deeply"]


def test_tools_are_in_the_order_of_their_names() -> None:
    wanted = ["a/x", "a/y", "b/a", "b/b"]
    for seed in range(5):
        shuffled = random.Random(seed).sample(wanted, len(wanted))
        assert [tool.path for tool in tools(*shuffled)] == wanted


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["name", "mcp_info", "server_name", "server_id", "tools", "status", "alias"])
                | st.text(),
                inner,
                max_size=4,
            )
        ),
    ),
    st.lists(st.dictionaries(st.sampled_from(["server_name", "server_id", "status", "alias"]), st.none() | st.text())),
)
def test_no_answer_is_too_odd_to_be_read(anything: Any, listed: list[Any]) -> None:
    entries = anything if isinstance(anything, list) else [anything]
    found = read_offer({"tools": entries, "server_outcomes": anything}, [*listed, anything])
    assert len(found.tools) <= len(entries)
    assert len({server.name for server in found.servers}) == len(found.servers)
    assert {tool.server for tool in found.tools} <= {server.name for server in found.servers}


# Servers


def servers(outcomes: Any, listed: Any, *entries: Any) -> list[Server]:
    return read_offer({"tools": list(entries), "server_outcomes": outcomes}, listed).servers


def test_servers_are_those_with_tools_those_asked_and_those_listed() -> None:
    assert servers(
        {"github": {"status": "ok", "tool_count": 1}, "crm": {"status": "unreachable"}},
        [{"server_name": "idle", "server_id": "7", "alias": "i", "status": None}],
        entry("add", "github", "5"),
        entry("add", "silent", "6"),
    ) == [
        Server("crm", None, None, "unreachable", None),
        Server("github", "5", None, "ok", 1),
        Server("idle", "7", "i", None, None),
        Server("silent", "6", None, "ok", 1),
    ]


def test_the_same_server_is_one_whoever_tells_of_it() -> None:
    row = {"server_name": "github", "server_id": "row", "alias": "gh", "status": "unhealthy", "health_check_error": "?"}
    assert servers({"github": {"status": "ok"}}, [row], entry("a", "github", "5"), entry("b", "github", "5")) == [
        Server("github", "5", "gh", "ok", 2, "?")
    ]


@pytest.mark.parametrize(
    ("outcome", "row", "status", "error", "is_ok"),
    [
        ({"status": "unreachable"}, {}, "unreachable", None, False),
        ({"status": "unreachable", "message": "refused"}, {}, "unreachable", "refused", False),
        ({"status": "timeout", "error": "5 s"}, {}, "timeout", "5 s", False),
        ({"status": "unreachable"}, {"status": "healthy", "health_check_error": "old"}, "unreachable", "old", False),
        (None, {"status": "unhealthy", "health_check_error": "no route"}, "unhealthy", "no route", False),
        (None, {"status": "healthy"}, "healthy", None, True),
        (None, {"status": "unknown"}, "unknown", None, True),
        (None, {"status": None}, None, None, True),
        ({"status": "ok", "tool_count": 0}, {}, "ok", None, True),
        ({"status": 5, "message": ["x"]}, {}, None, None, True),
        ("down", {}, None, None, True),
        ([], {"status": 5, "alias": 5, "server_id": 5, "health_check_error": 5}, None, None, True),
    ],
)
def test_what_is_the_matter_is_told_by_who_asked_last(
    outcome: Any, row: dict[str, Any], status: str | None, error: str | None, is_ok: bool
) -> None:
    (server,) = servers({"crm": outcome}, [{"server_name": "crm", **row}])
    assert (server.status, server.error, server.is_ok) == (status, error, is_ok)
    assert server.tools == (0 if status == "ok" else None)


def test_the_tools_of_a_server_are_counted_whatever_is_the_matter_with_it() -> None:
    outcomes = {"github": {"status": "timeout", "tool_count": 9}}
    assert servers(outcomes, [], entry("a"), entry("b")) == [Server("github", "id-github", None, "timeout", 2)]


def test_a_server_that_is_down_does_not_hide_its_siblings() -> None:
    found = read_offer({"tools": [entry()], "server_outcomes": {"crm": {"status": "unreachable"}}}, [])
    assert [tool.path for tool in found.tools] == ["github/add"]
    assert [(server.name, server.is_ok) for server in found.servers] == [("crm", False), ("github", True)]


@pytest.mark.parametrize("listed", [[None, 5, "x", [], {}, {"server_name": 5}, {"server_id": ""}]])
@pytest.mark.parametrize("outcomes", [None, 5, "x", [], ["github"]], ids=repr)
def test_rows_and_outcomes_that_are_none_are_ignored(listed: Any, outcomes: Any) -> None:
    assert servers(outcomes, listed, entry("add", "github", "5")) == [Server("github", "5", None, "ok", 1)]


def test_a_row_without_a_name_goes_by_its_id() -> None:
    assert servers({}, [{"server_name": None, "server_id": "5"}]) == [Server("5", "5", None, None, None)]


# Full names


def full_names(pairs: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    return {(tool.server, tool.name): tool.full_name for tool in offered(*(entry(b, a) for a, b in pairs)).tools}


@pytest.mark.parametrize(
    ("server", "name", "full_name"),
    [
        ("github", "create_issue", "mcp_github_create_issue"),
        ("GitHub", "createIssue", "mcp_github_createissue"),
        ("lab_http", "dotted.name-1", "mcp_lab_http_dotted_name_1"),
        ("a b", "c / d", "mcp_a_b_c_d"),
        ("s", "t" * 58, "mcp_s_" + "t" * 58),
    ],
)
def test_a_full_name_is_server_and_tool_in_small_letters(server: str, name: str, full_name: str) -> None:
    assert full_names([(server, name)]) == {(server, name): full_name}


@given(PAIRS)
def test_full_names_are_short_plain_and_no_two_alike(pairs: list[tuple[str, str]]) -> None:
    names = list(full_names(pairs).values())
    assert len(set(names)) == len(pairs)
    assert all(FUNCTION_NAME.fullmatch(name) and name.startswith("mcp_") for name in names)


@given(PAIRS, st.randoms(use_true_random=False))
def test_full_names_do_not_depend_on_the_order(pairs: list[tuple[str, str]], chance: random.Random) -> None:
    assert full_names(chance.sample(pairs, len(pairs))) == full_names(pairs)


@given(PAIRS)
def test_a_full_name_does_not_depend_on_other_tools_unless_they_clash(pairs: list[tuple[str, str]]) -> None:
    alone = {pair: full_names([pair])[pair] for pair in pairs}
    together = full_names(pairs)
    for pair, name in alone.items():
        if list(alone.values()).count(name) == 1:
            assert together[pair] == name
        else:
            assert together[pair] != name


def test_a_name_that_had_to_be_cut_has_a_suffix_of_its_own() -> None:
    first, second = "t" * 59 + "a", "t" * 59 + "b"
    alone = full_names([("s", first)])[("s", first)]
    assert re.fullmatch(r"mcp_s_t+_[0-9a-f]{8}", alone)
    assert len(alone) == 64
    assert full_names([("s", first), ("s", second)])[("s", first)] == alone


def test_names_that_clash_have_suffixes_that_stay_whoever_comes_or_goes() -> None:
    both = full_names([("s", "a b"), ("s", "a-b")])
    assert all(re.fullmatch(r"mcp_s_a_b_[0-9a-f]{8}", name) for name in both.values())
    three = full_names([("s", "a b"), ("s", "a-b"), ("s", "a_b"), ("other", "x")])
    assert {pair: three[pair] for pair in both} == both


def test_a_tool_cannot_take_the_name_that_a_clash_gave_to_another() -> None:
    clashing = [("s", "a b"), ("s", "a-b")]
    taken = full_names(clashing)[clashing[0]]
    names = list(full_names([*clashing, ("s", taken.removeprefix("mcp_s_"))]).values())
    assert len(set(names)) == 3
    assert all(FUNCTION_NAME.fullmatch(name) for name in names)


def test_not_even_names_whose_suffixes_clash_are_alike() -> None:
    seen: dict[str, str] = {}
    long = "t" * 60
    for number in range(200_000):
        name = f"{long}{number}"
        digest = sha256(f"s\0id-s\0{name}".encode()).hexdigest()[:8]
        if digest in seen:
            names = full_names([("s", name), ("s", seen[digest])]).values()
            assert len(set(names)) == 2
            assert all(FUNCTION_NAME.fullmatch(one) for one in names)
            return
        seen[digest] = name
    raise AssertionError("no clash of 32 bits among 200,000")


# Finding


def test_a_tool_is_found_by_each_of_its_names() -> None:
    known = offered(entry("add", "github", "5"), entry("list", "crm", "6")).tools
    for text in ("github/add", "5/add", "mcp_github_add", "add"):
        assert find(known, text).path == "github/add"


def test_a_bare_name_of_several_servers_is_ambiguous() -> None:
    with pytest.raises(UsageFailure) as caught:
        find(tools("github/add", "crm/add", "crm/list"), "add")
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.message == 'several tools are named "add"'
    assert caught.value.remedy == "use one of crm/add, github/add"


def test_servers_of_one_name_are_told_apart_by_id_or_full_name() -> None:
    known = offered(entry(server_id="1"), entry(server_id="2")).tools
    for text in ("github/add", "add"):
        with pytest.raises(UsageFailure) as caught:
            find(known, text)
        _, _, listed = str(caught.value.remedy).partition("use one of ")
        assert {find(known, name).server_id for name in listed.split(", ")} == {"1", "2"}
    assert find(known, "2/add").server_id == "2"


def test_what_an_ambiguous_name_may_mean_can_be_used_as_it_is_listed() -> None:
    known = offered(entry("b/c", "a", "a"), entry("c", "a/b", "a/b")).tools
    with pytest.raises(UsageFailure) as caught:
        find(known, "a/b/c")
    _, _, listed = str(caught.value.remedy).partition("use one of ")
    assert {find(known, name).server for name in listed.split(", ")} == {"a", "a/b"}


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("ad", 'no MCP tool "ad". Did you mean "add"?', "litellmctl mcp list"),
        ("ADD", 'no MCP tool "ADD". Did you mean "add"?', "litellmctl mcp list"),
        ("github/ad", 'no MCP tool "github/ad". Did you mean "github/add"?', "litellmctl mcp list"),
        ("mcp_github_ad", 'no MCP tool "mcp_github_ad". Did you mean "mcp_github_add"?', "litellmctl mcp list"),
        ("gitub/add", 'no MCP server "gitub". Did you mean "github"?', "litellmctl mcp servers"),
        ("elsewhere/add", 'no MCP server "elsewhere"', "litellmctl mcp servers"),
        ("frobnicate", 'no MCP tool "frobnicate"', "litellmctl mcp list"),
        ("github/", 'no MCP tool "github/". Did you mean "github/add"?', "litellmctl mcp list"),
        ("/add", 'no MCP server ""', "litellmctl mcp servers"),
        ("", 'no MCP tool ""', "litellmctl mcp list"),
    ],
)
def test_a_name_that_nothing_has_is_answered_with_the_nearest(text: str, message: str, remedy: str) -> None:
    with pytest.raises(Rejected) as caught:
        find(tools("github/add", "crm/remove"), text)
    failure = caught.value
    assert (failure.code, failure.exit_code) == ("not_found", ExitCode.REJECTED)
    assert (failure.message, failure.remedy) == (message, remedy)


@pytest.mark.parametrize("text", ["add", "github/add", ""])
def test_where_there_are_no_tools_none_is_found(text: str) -> None:
    with pytest.raises(Rejected):
        find([], text)


def test_a_tool_and_a_server_may_have_a_slash_in_their_names() -> None:
    known = [*tools("github/issues/create"), *offered(entry("add", "acme/crm", "7")).tools]
    for text in ("github/issues/create", "mcp_github_issues_create"):
        assert find(known, text).name == "issues/create"
    for text in ("acme/crm/add", "7/add", "mcp_acme_crm_add", "add"):
        assert find(known, text).server == "acme/crm"


def test_the_server_of_a_missing_tool_is_known_by_its_id_and_with_its_slash() -> None:
    known = offered(entry("add", "acme/crm", "7")).tools
    for text in ("acme/crm/frobnicate", "7/frobnicate"):
        with pytest.raises(Rejected, match="no MCP tool"):
            find(known, text)


def test_a_tool_cannot_pose_as_another_servers_that_is_away() -> None:
    posing = tools("hostile/github/create_issue")
    with pytest.raises(Rejected) as caught:
        find(posing, "github/create_issue")
    assert 'Did you mean "github/create_issue"' not in caught.value.message
    assert find([*posing, *tools("github/create_issue")], "github/create_issue").server == "github"


@given(PAIRS)
def test_every_tool_is_found_by_its_full_name_and_by_no_other_tools(pairs: list[tuple[str, str]]) -> None:
    known = offered(*(entry(name, server, f"#{number}") for number, (server, name) in enumerate(pairs))).tools
    paths = [tool.path for tool in known]
    for tool in known:
        assert find(known, tool.full_name) == tool
        assert find(known, f"{tool.server_id}/{tool.name}") == tool
        if paths.count(tool.path) == 1:
            assert find(known, tool.path) == tool
        else:
            with pytest.raises(UsageFailure, match="the name of several tools"):
                find(known, tool.path)


# Selecting


# Releases that tell less


def bare(name: str = "add", server: Any = "srv", **info: Any) -> dict[str, Any]:
    """Return a tool of a release up to 1.90, which does not tell the ids of servers."""
    return {"name": name, "inputSchema": {"type": "object"}, "mcp_info": {"server_name": server, **info}}


def row(server_id: str, name: Any, **more: Any) -> dict[str, Any]:
    """Return a row of /v1/mcp/server."""
    return {"server_id": server_id, "server_name": name, "alias": None, "status": None, **more}


@pytest.mark.parametrize(
    ("rows", "server_id"),
    [
        ([row("5f0", "srv")], "5f0"),
        ([row("5f0", "srv"), row("6a1", "other")], "5f0"),
        ([row("5f0", "its name", mcp_info={"server_name": "srv"}), row("6a1", "other")], "5f0"),
        ([row("5f0", "srv", mcp_info={"server_name": "srv"})], "5f0"),
        # Nobody knows which of the two it is.
        ([row("5f0", "srv"), row("6a1", "srv")], "srv"),
        ([row("5f0", "x", mcp_info={"server_name": "srv"}), row("6a1", "srv")], "srv"),
        ([row("5f0", "other")], "srv"),
        ([], "srv"),
        ([{"server_name": "srv"}, None, 5, {"server_id": 5, "server_name": "srv"}], "srv"),
    ],
    ids=repr,
)
def test_where_tools_do_not_tell_the_id_the_list_of_servers_does(rows: list[Any], server_id: str) -> None:
    offer = read_offer({"tools": [bare()]}, rows)
    assert [(tool.server, tool.server_id, tool.path) for tool in offer.tools] == [("srv", server_id, "srv/add")]
    assert offer.by_name


def test_an_id_that_a_tool_tells_is_its_own() -> None:
    offer = read_offer({"tools": [entry("add", "srv", "1")]}, [row("5f0", "srv")])
    assert (offer.tools[0].server_id, offer.by_name) == ("1", False)


@pytest.mark.parametrize("info", [None, 5, {}, {"server_name": None}])
def test_a_tool_of_an_unknown_server_is_that_of_the_only_one(info: Any) -> None:
    told = {"tools": [{"name": "hello", "inputSchema": {"type": "object"}, "mcp_info": info}]}
    (tool,) = read_offer(told, [row("5f0", "srv")]).tools
    assert (tool.server, tool.server_id, tool.path) == ("srv", "5f0", "srv/hello")
    for rows in ([], [row("5f0", "srv"), row("6a1", "other")]):
        offer = read_offer(told, rows)
        (tool,) = offer.tools
        assert (tool.server, tool.server_id, tool.path, tool.full_name) == ("", "", "hello", "mcp_hello")
        assert (tool.row()["server"], tool.row()["server_id"]) == (None, None)
        assert find(offer.tools, "hello") == find(offer.tools, "mcp_hello") == tool
        assert offer.notes == []
        assert [server.name for server in offer.servers] == [one["server_name"] for one in reversed(rows)]


def test_a_tool_of_an_unknown_server_cannot_pose_as_anothers() -> None:
    known = read_offer({"tools": [{"name": "srv/add"}, bare("list")]}, []).tools
    assert [tool.path for tool in known] == ["mcp_srv_add", "srv/list"]
    with pytest.raises(Rejected):
        find(known, "srv/add")


def test_a_tool_that_no_other_server_has_is_called_by_its_name() -> None:
    for offer in (read_offer({"tools": [bare(), bare("list", "other")]}, []), offered(entry(), entry("add", "other"))):
        assert [offer.name_to_call(tool) for tool in offer.tools] == [tool.name for tool in offer.tools]


@pytest.mark.parametrize(
    ("rows", "prefix"),
    [([], "my_srv"), ([row("5f0", "my srv")], "my_srv"), ([row("5f0", "my srv", alias="short")], "short")],
)
def test_where_a_name_is_all_a_release_looks_at_the_servers_name_is_in_it(rows: Any, prefix: str) -> None:
    offer = read_offer({"tools": [bare("add", "my srv"), bare("add", "other"), bare("one", "my srv")]}, rows)
    called = {tool.path: offer.name_to_call(tool) for tool in offer.tools}
    assert called == {"my srv/add": f"{prefix}-add", "other/add": "other-add", "my srv/one": "one"}


def test_where_tools_are_called_is_kept() -> None:
    assert read_offer({"tools": [], "call_path": "/mcp/tools/call"}, []).call_path == "/mcp/tools/call"
    assert read_offer({"tools": [], "call_path": 5}, []).call_path == ""


@pytest.mark.parametrize(
    ("only", "globs", "paths"),
    [
        ([], [], ["crm/add", "crm/list", "github/add_issue"]),
        (["crm"], [], ["crm/add", "crm/list"]),
        (["id-crm"], [], ["crm/add", "crm/list"]),
        (["crm", "github"], [], ["crm/add", "crm/list", "github/add_issue"]),
        (["nobody"], [], []),
        ([], ["add*"], ["crm/add", "github/add_issue"]),
        ([], ["crm/*"], ["crm/add", "crm/list"]),
        ([], ["*issue*", "list"], ["crm/list", "github/add_issue"]),
        ([], ["ADD"], ["crm/add", "github/add_issue"]),
        ([], ["issue"], ["github/add_issue"]),
        ([], ["hub/"], ["github/add_issue"]),
        ([], ["add?"], []),
        (["crm"], ["add*"], ["crm/add"]),
        ([], ["["], []),
        ([], [""], ["crm/add", "crm/list", "github/add_issue"]),
    ],
)
def test_tools_are_selected_by_server_and_pattern(only: list[str], globs: list[str], paths: list[str]) -> None:
    known = tools("crm/add", "crm/list", "github/add_issue")
    assert [tool.path for tool in selected(known, only, globs)] == paths
