"""The cached catalog: what was written is read, what is damaged is none, and what changed from one to the next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.cache import CatalogCache, changes
from tests.unit.catalog.lists import IDENTITY, ROWS, URL, catalog, file_of, models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> CatalogCache:
    return CatalogCache(folder, "default", URL, IDENTITY)


def test_what_was_written_is_read(cache: CatalogCache, folder: Path) -> None:
    assert cache.read() is None
    assert not folder.exists()
    written = catalog(notes=["skipped x: it is a placeholder"])
    cache.write(written)
    assert cache.read() == CatalogCache(folder, "default", URL, IDENTITY).read() == written
    assert written.models == ROWS
    assert [json.loads(line)["id"] for line in written.listed_lines] == ["b", "c"]


@pytest.mark.parametrize(
    "name", ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x0c", "a\nb", "a\r\nb", "a\rb", "a\x1c\x1d\x1eb", "ä日🎉", '"\\']
)
def test_names_keep_their_odd_characters(cache: CatalogCache, name: str) -> None:
    found = models((name, {}), ("z", {}))
    cache.write(catalog(found, notes=[f"skipped {name}"]))
    read = cache.read()
    assert read is not None
    assert [model["id"] for model in read.models] == sorted([name, "z"])
    assert read.notes == [f"skipped {name}"]


def test_a_lone_surrogate_in_a_name_does_not_keep_the_list_from_being_cached(cache: CatalogCache) -> None:
    cache.write(catalog(models(("a\ud800", {})), notes=["skipped \udfff"]))
    read = cache.read()
    assert read is not None
    assert [model["id"] for model in read.models] == ["a\ufffd"]


def test_an_empty_list_is_a_list(cache: CatalogCache) -> None:
    cache.write(catalog([]))
    read = cache.read()
    assert read is not None
    assert (read.models, read.lines, read.listed) == ([], [], 0)


def with_header(**changed: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b"\n")
        header = {name: value for name, value in {**json.loads(head), **changed}.items() if value != "absent"}
        return json.dumps(header).encode() + b"\n" + rest

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"\n",
        lambda data: b"\xff" + data,
        lambda data: bytes(len(data)),
        lambda data: b"[" * 100_000 + data,
        lambda data: b"[]\n" + data.partition(b"\n")[2],
        lambda data: b'"x"\n' + data.partition(b"\n")[2],
        lambda data: data.replace(b"\n", b"", 1),
        with_header(schema=0),
        with_header(schema=99),
        with_header(schema="absent"),
        with_header(base_url="https://other.example.com"),
        with_header(base_url="absent"),
        with_header(total=2),
        with_header(total="3"),
        with_header(fetched_at="yesterday"),
        with_header(fetched_at=None),
        with_header(fetched_at="absent"),
        with_header(listed=None),
        with_header(listed="absent"),
        with_header(listed=-1),
        with_header(listed=4),
        with_header(notes=None),
        with_header(notes=5),
        with_header(notes="text"),
        with_header(source="absent"),
        with_header(listed=float("inf")),
        with_header(fetched_at=10**400),
    ],
)
def test_a_damaged_file_is_no_cache(cache: CatalogCache, folder: Path, damage: Callable[[bytes], bytes]) -> None:
    cache.write(catalog())
    file_of(folder).write_bytes(damage(file_of(folder).read_bytes()))
    assert cache.read() is None
    cache.write(catalog())
    assert cache.read() is not None


@pytest.mark.parametrize("line", [b'{"id": "b', b"5", b"{}", b""])
def test_a_damaged_line_is_no_cache(cache: CatalogCache, folder: Path, line: bytes) -> None:
    cache.write(catalog())
    head, *lines, end = file_of(folder).read_bytes().split(b"\n")
    file_of(folder).write_bytes(b"\n".join([head, lines[0], line, lines[2], end]))
    read = cache.read()
    assert read is None or read.models is not None


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (86_000, True), (86_500, False), (-3600, True), (-86_500, False)]
)
def test_a_list_is_fresh_for_a_day_also_where_the_clock_was_set_back_a_little(age: float, fresh: bool) -> None:
    old = catalog(fetched_at=time.time() - age)
    assert old.is_fresh is fresh
    assert abs(old.age - max(0, age)) < 60


def test_changes_are_what_came_went_and_costs_otherwise() -> None:
    old = models(("gone", {}), ("same", {"input_cost_per_token": 1e-6}), ("dearer", {"input_cost_per_token": 1e-6}))
    new = models(
        ("new", {}),
        ("same", {"input_cost_per_token": 1e-6, "mode": "chat"}),
        ("dearer", {"input_cost_per_token": 2e-6}),
    )
    found = changes(old, new)
    assert (found["added"], found["removed"]) == (["new"], ["gone"])
    (repriced,) = found["repriced"]
    assert (repriced["id"], repriced["before"]["input"], repriced["after"]["input"]) == ("dearer", 1, 2)
    assert changes(new, new) == {"added": [], "removed": [], "repriced": []}
