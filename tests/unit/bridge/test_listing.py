from __future__ import annotations

from typing import Any

import pytest

from litellmctl.bridge.listing import Choice, ToolList, with_tools_of_servers_down
from litellmctl.bridge.problems import PROBLEM_TOOL
from litellmctl.errors import UsageFailure
from litellmctl.tools.tool import Offer
from tests.contract.tools import ADD, HOSTILE, TWO, server, tool
from tests.unit.bridge.behind import made

READING = tool("read", annotations={"readOnlyHint": True})
OAUTH = server("lab", auth_type="oauth2")
ROWS = [server("lab", alias="l"), server("stdio")]


def listing(*tools: Any, offer: Offer | None = None, rows: Any = ROWS, **choice: Any) -> ToolList:
    return ToolList(offer or made(*(tools or (*TWO, READING)), rows=rows), 0.0, Choice(**choice))


def names(of: ToolList) -> list[str]:
    assert [one["name"] for one in of.definitions] == list(of.by_name)
    return sorted(of.by_name)


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({}, ["mcp_lab_add", "mcp_lab_read", "mcp_stdio_ping"]),
        ({"servers": ["lab"]}, ["mcp_lab_add", "mcp_lab_read"]),
        ({"servers": ["l"]}, ["mcp_lab_add", "mcp_lab_read"]),
        ({"servers": ["id-stdio"]}, ["mcp_stdio_ping"]),
        ({"servers": ["nope", "stdio"]}, ["mcp_stdio_ping"]),
        ({"globs": ["a*", "ing"]}, ["mcp_lab_add", "mcp_stdio_ping"]),
        ({"read_only": True}, ["mcp_lab_read"]),
        ({"read_only": True, "globs": ["read"]}, ["mcp_lab_read"]),
    ],
    ids=str,
)
def test_the_choice_of_tools(choice: dict[str, Any], found: list[str]) -> None:
    assert names(listing(**choice)) == found


@pytest.mark.parametrize("hint", [False, None, "true", 1, [True]], ids=repr)
def test_only_a_tool_that_says_so_is_read_only(hint: Any) -> None:
    assert listing(tool("a", annotations={"readOnlyHint": hint}), READING, read_only=True).by_name.keys() == {
        "mcp_lab_read"
    }


def test_bare_names_are_those_of_the_server() -> None:
    assert names(listing(servers=["lab"], bare_names=True)) == ["add", "read"]


@pytest.mark.parametrize("name", ["a b", "a.b", "ä", "x" * 65, "a/b", "a\n", HOSTILE], ids=ascii)
def test_a_bare_name_that_agents_refuse_is_the_full_name(name: str) -> None:
    of = listing(tool(name), tool("good"), bare_names=True)
    assert "good" in of.by_name
    (other,) = set(of.by_name) - {"good"}
    assert other.startswith("mcp_lab_")
    assert len(other) <= 64
    assert of.by_name[other].name == name
    assert "1 tool cannot be served by the bare name" in of.warnings


def test_the_name_of_the_tool_for_problems_is_never_a_bare_name() -> None:
    of = listing(tool(PROBLEM_TOOL), tool("good"), bare_names=True)
    assert names(of) == ["good", f"mcp_lab_{PROBLEM_TOOL}"]


@pytest.mark.parametrize("bare_names", [False, True])
def test_names_fit_into_the_length_that_a_client_leaves(bare_names: bool) -> None:
    long = [f"{'x' * 30}_{number}" for number in range(3)]
    of = listing(tool("short"), *map(tool, long), bare_names=bare_names, name_length=24)
    assert len(names(of)) == 4
    kept = "short" if bare_names else "mcp_lab_short"
    assert kept in of.by_name
    assert {of.by_name[name].name for name in of.by_name if name != kept} == set(long)
    assert {len(name) for name in of.by_name if name != kept} == {24}
    assert listing(tool("short"), *map(tool, reversed(long)), bare_names=bare_names, name_length=24).by_name.keys() == (
        of.by_name.keys()
    )


def test_names_that_would_clash_once_they_are_cut_get_more_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.bridge.listing.SUFFIX_DIGITS", (0, 8, 32))
    of = listing(*(tool(f"{'x' * 40}{number}") for number in range(2)), name_length=24)
    assert sorted(map(len, names(of))) == [24, 24]


def test_bare_names_that_two_servers_have_are_full_names() -> None:
    of = listing(tool("add"), tool("add", server="stdio"), tool("one"), bare_names=True)
    assert names(of) == ["mcp_lab_add", "mcp_stdio_add", "one"]


def test_a_bare_name_that_is_another_tools_full_name_is_not_used() -> None:
    of = listing(tool("a"), tool("mcp_lab_a"), bare_names=True)
    assert len(of.by_name) == 2
    assert of.by_name["a"].name == "a"
    assert sorted(one.name for one in of.by_name.values()) == ["a", "mcp_lab_a"]


def test_bare_names_need_a_single_server() -> None:
    with pytest.raises(UsageFailure, match="--bare-names needs a single server, but these are served: lab, stdio"):
        listing(bare_names=True).require_bare_names()
    listing(bare_names=True, servers=["lab"]).require_bare_names()
    listing().require_bare_names()


def test_long_names_that_are_equal_after_cutting_are_found_back() -> None:
    first, second = "x" * 300 + "1", "x" * 300 + "2"
    of = listing(tool(first), tool(second))
    assert sorted(one.name for one in of.by_name.values()) == [first, second]
    assert all(len(name) <= 64 for name in of.by_name)


@pytest.mark.parametrize(
    ("offer", "choice", "said", "remedy"),
    [
        (made(), {}, "this key has no MCP servers", "administrator"),
        (made(rows=[server("lab", status="healthy")]), {}, "the MCP servers have no tools (lab)", "mcp servers"),
        (made(lab="unreachable"), {}, "MCP server lab is unreachable", "litellmctl mcp servers"),
        (
            made(rows=[OAUTH], lab="auth_required"),
            {},
            "MCP server lab needs you to sign in",
            "litellmctl mcp login lab",
        ),
        (made(*TWO), {"servers": ["lba"]}, 'no MCP server "lba". Did you mean "lab"?', "litellmctl mcp servers"),
        (made(*TWO), {"globs": ["x"]}, "no MCP tool matches --tool x", "litellmctl mcp list"),
        (
            made(*TWO),
            {"read_only": True},
            "no MCP tool matches --read-only: the servers mark none of them as read-only",
            "remove --read-only from the options of litellmctl mcp serve",
        ),
        (
            made(*TWO),
            {"read_only": True, "globs": ["x"]},
            "no MCP tool matches --tool x --read-only",
            "litellmctl mcp list",
        ),
        (made(*TWO, x="down"), {"servers": ["x"]}, "MCP server x is down", "litellmctl mcp servers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_a_tool_there_is_one_that_says_why(offer: Offer, choice: Any, said: str, remedy: str) -> None:
    of = listing(offer=offer, **choice)
    assert of.problem is not None
    assert of.problem.message == said
    assert remedy in str(of.problem.remedy)
    (one,) = of.definitions
    assert one["name"] == PROBLEM_TOOL
    assert of.by_name == {}


def test_warnings_name_servers_that_are_down_and_names_that_are_unknown() -> None:
    of = listing(
        offer=made(*TWO, rows=[OAUTH], x="unreachable", lab="auth_required"), servers=["stdio", "x", "lab", "lba"]
    )
    assert of.warnings == [
        'no MCP server "lba". Did you mean "lab"?',
        "MCP server x is unreachable",
        "MCP server lab needs you to sign in (litellmctl mcp login lab)",
    ]
    assert of.missing == ["x", "lab (litellmctl mcp login lab)"]


def test_a_server_that_is_not_served_is_no_warning() -> None:
    assert listing(offer=made(*TWO, x="unreachable"), servers=["lab"]).warnings == []


def test_more_tools_than_are_read_are_a_warning() -> None:
    of = listing(*(tool(f"t{number}") for number in range(5000)))
    assert len(of.definitions) == 4096
    assert of.warnings == ["Skipped 904 tools beyond the first 4,096"]


def test_a_schema_that_is_too_large_is_a_warning() -> None:
    large = {"type": "object", "properties": {f"p{number}": {"title": "x" * 1000} for number in range(300)}}
    of = listing(tool("large", large), tool("add", ADD))
    assert of.warnings == ["mcp_lab_large: the schema is too large, so any arguments are allowed"]
    assert len(of.definitions) == 2


def test_releases_without_ids_promise_no_output() -> None:
    one = tool("add", outputSchema={"type": "object"})
    assert "outputSchema" in listing(one).definitions[0]
    del one["mcp_info"]["server_id"]
    assert "outputSchema" not in listing(one, rows=[server("lab")]).definitions[0]


def test_a_server_that_is_down_keeps_its_tools() -> None:
    old = made(*TWO, rows=ROWS)
    new = with_tools_of_servers_down(made(TWO[0], rows=ROWS, stdio="unreachable"), old)
    assert [one.full_name for one in new.tools] == ["mcp_lab_add", "mcp_stdio_ping"]
    assert not next(one for one in new.servers if one.name == "stdio").is_ok


@pytest.mark.parametrize(
    "new",
    [
        made(TWO[0], rows=ROWS[:1]),
        made(TWO[0], rows=[ROWS[0], server("stdio", status="healthy")]),
        made(TWO[0], rows=[ROWS[0], server("stdio", server_id="another")], stdio="unreachable"),
    ],
    ids=["removed", "without tools", "another of the same name"],
)
def test_a_server_that_is_gone_loses_its_tools(new: Offer) -> None:
    assert with_tools_of_servers_down(new, made(*TWO, rows=ROWS)) is new


def test_a_name_that_a_new_tool_has_is_not_that_of_an_old_one() -> None:
    old, new = made(tool("b_c", server="a")), made(tool("c", server="a_b"), a="unreachable")
    assert [one.name for one in with_tools_of_servers_down(new, old).tools] == ["c"]
