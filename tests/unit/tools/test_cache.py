from __future__ import annotations

import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.tools.cache import FRESH_SECONDS, ToolCache, ToolCatalog
from litellmctl.tools.tool import Offer, Server, Tool, read_offer

URL = "https://llm.example.com"
IDENTITY = ["env", "sk-secret-key", "authorization"]
OFFER = read_offer(
    {
        "tools": [
            {
                "name": name,
                "title": None,
                "description": f"Does {name}.",
                "inputSchema": {"type": "object", "properties": {"a": {"type": "integer", "default": 1.5}}},
                "annotations": {"readOnlyHint": True},
                "mcp_info": {"server_name": "github", "server_id": "5f0"},
            }
            for name in ("create", "list")
        ]
        + [{"name": "bad"}],
        "server_outcomes": {"github": {"status": "ok"}, "crm": {"status": "unreachable", "message": "refused"}},
    },
    [],
)
CATALOG = ToolCatalog(1_790_000_000.25, OFFER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the caches, which is not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> ToolCache:
    return cache_in(folder)


def cache_in(folder: Path, kind: type[ToolCache] = ToolCache, **changed: Any) -> ToolCache:
    return kind(**{"folder": folder, "profile": "default", "base_url": URL, "identity": IDENTITY, **changed})


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("tools-*.jsonl")
    return path


# What was written


def test_what_was_written_is_read(cache: ToolCache, folder: Path) -> None:
    assert cache.read() is None
    assert not folder.exists()
    cache.write(CATALOG)
    assert cache.read() == cache_in(folder).read() == CATALOG
    assert OFFER.notes == ["skipped 1 tool without a name or a server"]


def test_what_is_read_is_of_the_same_classes(cache: ToolCache) -> None:
    cache.write(CATALOG)
    found = cache.read()
    assert found is not None
    assert [tool.path for tool in found.offer.tools] == ["github/create", "github/list"]
    assert [server.is_ok for server in found.offer.servers] == [False, True]


def test_each_tool_is_a_line(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    _, *lines = file_of(folder).read_text().splitlines()
    assert [json.loads(line)[2] for line in lines] == ["create", "list"]


def test_no_tools_are_an_answer_too(cache: ToolCache) -> None:
    empty = ToolCatalog(0.0, Offer([], [], []))
    cache.write(empty)
    assert cache.read() == empty


def test_a_later_list_replaces_the_one_before(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    later = ToolCatalog(1_790_000_001.0, OFFER._replace(tools=OFFER.tools[:1]))
    cache.write(later)
    assert cache.read() == later
    assert file_of(folder)


@pytest.mark.parametrize(
    "name",
    ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x0c", "a\nb", "a\r\nb", "a\rb", "a\x1cb", "ä日🎉", '"\\'],
    ids=ascii,
)
def test_names_keep_their_odd_characters(cache: ToolCache, name: str) -> None:
    tool = Tool(name, name, name, "mcp_a", name, name, {name: name}, None, None)
    odd = ToolCatalog(5.0, Offer([tool], [Server(name, None, name, None, 1)], [name]))
    cache.write(odd)
    assert cache.read() == odd


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# With all that a line may not be broken by, and halves of characters.
ODD = st.text(st.characters() | st.sampled_from('\n\r\x00\x1b\x7f\x85\x0b\x1c\u2028\u202e\ud800\udfff"\\'))


def offers(text: st.SearchStrategy[str], data: st.SearchStrategy[Any]) -> st.SearchStrategy[Offer]:
    maybe = st.none() | text
    tool = st.builds(Tool, text, text, text, text, maybe, maybe, data, data, data)
    server = st.builds(Server, text, maybe, maybe, maybe, st.none() | st.integers(0), maybe)
    return st.builds(
        Offer,
        st.lists(tool, max_size=4),
        st.lists(server, max_size=3),
        st.lists(text, max_size=3),
        st.sampled_from(["", "/mcp/tools/call"]),
        st.booleans(),
    )


def round_trip(catalog: ToolCatalog) -> ToolCatalog:
    with tempfile.TemporaryDirectory() as folder:
        cache = cache_in(Path(folder))
        cache.write(catalog)
        found = cache.read()
    assert found is not None
    return found


@given(offers(st.text(), JSON), st.floats(0, 2**40))
def test_every_offer_is_read_as_it_was_written(offer: Offer, fetched_at: float) -> None:
    assert round_trip(ToolCatalog(fetched_at, offer)) == ToolCatalog(fetched_at, offer)


@given(offers(ODD, ODD | st.lists(ODD, max_size=3) | st.dictionaries(st.just("a"), ODD)))
def test_half_a_character_keeps_nothing_from_being_cached(offer: Offer) -> None:
    found = round_trip(ToolCatalog(0.0, offer)).offer
    assert found.servers == offer.servers
    assert found.notes == offer.notes
    assert found.tools == [Tool(*whole(list(tool))) for tool in offer.tools]


def whole(value: Any) -> Any:
    """Return a value whose halves of characters are replaced."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    return {name: whole(one) for name, one in value.items()} if isinstance(value, dict) else value


# What is damaged


def test_a_file_that_ends_early_is_none(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    data = file_of(folder).read_bytes()
    for length in [*range(0, len(data), 7), *range(len(data) - 10, len(data))]:
        file_of(folder).write_bytes(data[:length])
        assert cache.read() is None, length
    file_of(folder).write_bytes(data)
    assert cache.read() == CATALOG


def test_a_line_that_changed_is_noticed(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    data = file_of(folder).read_bytes()
    head = data.index(b"\n") + 1
    for place in range(head, len(data), 5):
        file_of(folder).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert cache.read() is None, place


def test_a_header_that_changed_is_no_reason_to_fail(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    data = file_of(folder).read_bytes()
    for place in range(data.index(b"\n") + 1):
        for byte in (b"", b"\x00", b"9", b'"', b"\xff"):
            file_of(folder).write_bytes(data[:place] + byte + data[place + 1 :])
            cache.read()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"x", b"{}", b"{}\n", b"[]\n", b"null\n", b'"x"\n', b"\xff\n", b"\x00" * 1000, b"[" * 100_000 + b"\n"],
    ids=lambda content: repr(content[:10]),
)
def test_a_file_that_is_something_else_is_none(cache: ToolCache, folder: Path, content: bytes) -> None:
    cache.write(CATALOG)
    file_of(folder).write_bytes(content)
    assert cache.read() is None


@pytest.mark.skipif(os.name == "nt", reason="a folder has no content")
def test_a_folder_in_its_place_is_none(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    path = file_of(folder)
    path.unlink()
    path.mkdir()
    assert cache.read() is None


GOOD: dict[str, Any] = {"fetched_at": 1.0, "servers": [], "notes": [], "call_path": "", "by_name": False}
LINE = json.dumps(["s", "i", "n", "f", None, None, None, None, None])


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ({**GOOD, "fetched_at": None}, []),
        ({**GOOD, "fetched_at": "today"}, []),
        ({**GOOD, "fetched_at": 10**400}, []),
        ({**GOOD, "servers": None}, []),
        ({**GOOD, "servers": [["name"]]}, []),
        ({**GOOD, "servers": [5]}, []),
        ({**GOOD, "servers": [[None, "i", None, "ok", 1]]}, []),
        ({**GOOD, "servers": [["s", "i", None, [], 1]]}, []),
        ({**GOOD, "servers": [["s", "i", None, "ok", "1"]]}, []),
        ({**GOOD, "notes": None}, []),
        ({name: value for name, value in GOOD.items() if name != "call_path"}, []),
        ({}, []),
        (GOOD, ["5"]),
        (GOOD, ["[]"]),
        (GOOD, ['["s", "i", "n"]']),
        (GOOD, [LINE, ""]),
        (GOOD, ["{", "}"]),
        (GOOD, [LINE[:-1] + ', "more"]']),
        (GOOD, ["[" * 100_000 + "]" * 100_000]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_of_another_shape_is_none(cache: ToolCache, header: dict[str, Any], lines: list[str]) -> None:
    cache.write_lines(GOOD, [LINE])
    assert cache.read() is not None
    cache.write_lines(header, lines)
    assert cache.read() is None


def changed(**header: Any) -> Callable[[bytes], bytes]:
    """Return a function that changes the header of a file, its checksum being right."""

    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b"\n")
        return json.dumps({**json.loads(head), "crc32": zlib.crc32(rest), **header}).encode() + b"\n" + rest

    return change


@pytest.mark.parametrize(
    ("change", "is_read"),
    [
        (changed(), True),
        (changed(schema=ToolCache.schema + 1), False),
        (changed(schema=0), False),
        (changed(schema=None), False),
        (changed(base_url="https://other.example.com"), False),
        (changed(total=1), False),
        (changed(total="2"), False),
        (changed(crc32=0), False),
    ],
    ids=["nothing", "newer", "older", "none", "of another proxy", "fewer", "text", "checksum"],
)
def test_what_the_header_says_is_checked(
    cache: ToolCache, folder: Path, change: Callable[[bytes], bytes], is_read: bool
) -> None:
    cache.write(CATALOG)
    path = file_of(folder)
    path.write_bytes(change(path.read_bytes()))
    assert (cache.read() is not None) == is_read


def test_a_newer_version_does_not_read_the_file_of_an_older_one(cache: ToolCache, folder: Path) -> None:
    class Newer(ToolCache):
        schema = ToolCache.schema + 1

    cache.write(CATALOG)
    newer = cache_in(folder, Newer)
    assert newer.read() is None
    newer.write(CATALOG)
    assert newer.read() == CATALOG
    assert cache.read() is None
    assert file_of(folder)


# Whose list it is


@pytest.mark.parametrize(
    "other",
    [
        {"base_url": "https://other.example.com"},
        {"base_url": f"{URL}/litellm"},
        {"profile": "work"},
        {"identity": ["env", "sk-other-key", "authorization"]},
        {"identity": [*IDENTITY, "x-mcp-github-authorization=$TOKEN"]},
        {"identity": [*IDENTITY, ""]},
        {"identity": ["envsk-secret-key", "authorization"]},
        {"identity": []},
        {"identity": ["env", "sk-secret-key\ud800", "authorization"]},
    ],
    ids=ascii,
)
def test_another_proxy_profile_or_key_has_another_file(cache: ToolCache, folder: Path, other: dict[str, Any]) -> None:
    cache.write(CATALOG)
    theirs = cache_in(folder, **other)
    assert theirs.read() is None
    empty = ToolCatalog(5.0, Offer([], [], []))
    theirs.write(empty)
    assert (cache.read(), theirs.read()) == (CATALOG, empty)
    assert len(list(folder.glob("tools-*.jsonl"))) == 2
    theirs.drop()
    assert (cache.read(), theirs.read()) == (CATALOG, None)


def test_the_key_is_neither_in_the_files_nor_in_their_names(cache: ToolCache, folder: Path) -> None:
    cache.write(CATALOG)
    cache.note_failure()
    for path in folder.iterdir():
        assert "secret" not in path.name
        assert b"sk-secret-key" not in path.read_bytes()


def test_a_list_copied_to_another_proxys_place_is_not_taken_for_its(cache: ToolCache, folder: Path) -> None:
    theirs = cache_in(folder, base_url="https://other.example.com")
    theirs.write(CATALOG)
    data = file_of(folder).read_bytes()
    theirs.drop()
    cache.write(CATALOG)
    file_of(folder).write_bytes(data)
    assert cache.read() is None


def test_a_list_that_is_dropped_is_gone_and_dropping_it_again_is_nothing(cache: ToolCache) -> None:
    cache.drop()
    cache.write(CATALOG)
    cache.drop()
    assert cache.read() is None
    cache.drop()


def test_a_list_that_cannot_be_written_leaves_the_one_before(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"a file")
    with pytest.raises(OSError, match=str(folder.name)):
        cache_in(folder).write(CATALOG)
    assert cache_in(folder).read() is None


# How old it is


@pytest.mark.parametrize(
    ("seconds", "is_fresh"),
    [(0, True), (60, True), (FRESH_SECONDS - 60, True), (FRESH_SECONDS + 60, False), (10**9, False)],
)
def test_a_list_is_fresh_for_an_hour_by_any_clock(seconds: float, is_fresh: bool) -> None:
    assert FRESH_SECONDS == 3600
    now = time.time()
    before, after = (ToolCatalog(now + sign * seconds, OFFER) for sign in (-1, 1))
    assert before.is_fresh is after.is_fresh is is_fresh
    assert seconds <= before.age < seconds + 60
    assert after.age <= 1


def test_a_list_whose_time_is_no_time_is_not_fresh() -> None:
    for fetched_at in (float("nan"), float("inf"), float("-inf")):
        assert not ToolCatalog(fetched_at, OFFER).is_fresh
