from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.cache import Catalog, CatalogCache, changes
from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer
from litellmctl.foundation import line_cache as cache_module

URL = "https://llm.example.com"
IDENTITY = ["env", "sk-secret-key", "authorization"]


def models(*rows: tuple[str, dict[str, Any]]) -> list[Model]:
    reducer = Reducer()
    for name, info in rows:
        reducer.deployment({"model_name": name, "model_info": info})
    return list(reducer.models("model_info"))


ROWS = models(("a", {"mode": "embedding"}), ("b", {"mode": "chat", "input_cost_per_token": 1e-6}), ("c", {}))


def catalog(found: list[Model] = ROWS, notes: list[str] | None = None, **changed: Any) -> Catalog:
    return Catalog.of_models(URL, "model_info", found, lambda: notes or [])._replace(**changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> CatalogCache:
    return CatalogCache(folder, "default", URL, IDENTITY)


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("models-*.jsonl")
    return path


def test_what_was_written_is_read(cache: CatalogCache, folder: Path) -> None:
    assert cache.read() is None
    assert not folder.exists()
    written = catalog(notes=["left out x: it is a placeholder"])
    cache.write(written)
    assert cache.read() == CatalogCache(folder, "default", URL, IDENTITY).read() == written
    assert written.models == ROWS
    assert [json.loads(line)["id"] for line in written.listed_lines] == ["b", "c"]


@pytest.mark.parametrize(
    "name", ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x0c", "a\nb", "a\r\nb", "a\rb", "a\x1c\x1d\x1eb", "ä日🎉", '"\\']
)
def test_names_keep_their_odd_characters(cache: CatalogCache, name: str) -> None:
    found = models((name, {}), ("z", {}))
    cache.write(catalog(found, notes=[f"left out {name}"]))
    read = cache.read()
    assert read is not None
    assert [model["id"] for model in read.models] == sorted([name, "z"])
    assert read.notes == [f"left out {name}"]


def test_a_lone_surrogate_in_a_name_does_not_keep_the_list_from_being_cached(cache: CatalogCache) -> None:
    cache.write(catalog(models(("a\ud800", {})), notes=["left out \udfff"]))
    read = cache.read()
    assert read is not None
    assert [model["id"] for model in read.models] == ["a\ufffd"]


def test_an_empty_list_is_a_list(cache: CatalogCache) -> None:
    cache.write(catalog([]))
    read = cache.read()
    assert read is not None
    assert (read.models, read.lines, read.listed) == ([], [], 0)


def test_files_are_for_the_user_alone_and_hold_and_are_named_by_no_secret(cache: CatalogCache, folder: Path) -> None:
    cache.write(catalog())
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
        assert b"sk-secret-key" not in path.read_bytes()
        assert "sk-secret-key" not in path.name


@pytest.mark.parametrize(
    "other",
    [
        ("default", "https://other.example.com", IDENTITY),
        ("default", URL, ["env", "sk-other-key", "authorization"]),
        ("default", URL, ["config", "sk-secret-key", "authorization"]),
        ("default", URL, [*IDENTITY, "x-team=blue"]),
        ("default", URL, ["env", "sk-secret-keyauthorization"]),
        ("default", URL, []),
        ("work", URL, IDENTITY),
    ],
)
def test_another_identity_profile_or_proxy_has_a_cache_of_its_own(
    cache: CatalogCache, folder: Path, other: Any
) -> None:
    cache.write(catalog())
    second = CatalogCache(folder, *other)
    assert second.read() is None
    second.write(catalog([])._replace(base_url=other[1]))
    assert cache.read() is not None
    assert len(list(folder.glob("models-*.jsonl"))) == 2


def test_another_key_of_the_hash_is_another_cache(cache: CatalogCache, folder: Path) -> None:
    cache.write(catalog())
    (folder / "key").write_bytes(bytes(32))
    assert CatalogCache(folder, "default", URL, IDENTITY).read() is None


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_a_damaged_key_of_the_hash_is_made_anew(cache: CatalogCache, folder: Path, key: bytes) -> None:
    cache.write(catalog())
    (folder / "key").write_bytes(key)
    assert CatalogCache(folder, "default", URL, IDENTITY).read() is None
    CatalogCache(folder, "default", URL, IDENTITY).write(catalog())
    assert CatalogCache(folder, "default", URL, IDENTITY).read() is not None
    assert len((folder / "key").read_bytes()) == 32


def test_a_truncated_file_is_no_cache(cache: CatalogCache, folder: Path) -> None:
    cache.write(catalog())
    data = file_of(folder).read_bytes()
    ends = [place for place, byte in enumerate(data) if byte == ord("\n")]
    for length in sorted(
        {*range(0, len(data), 37), *ends, *(end + 1 for end in ends[:-1]), *(end - 1 for end in ends)}
    ):
        file_of(folder).write_bytes(data[:length])
        assert cache.read() is None, length
    for more in (b"x", b"\n", b"{}\n"):
        file_of(folder).write_bytes(data + more)
        assert cache.read() is None, more


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


def test_a_folder_in_place_of_the_file_is_no_cache_and_cannot_be_written(cache: CatalogCache, folder: Path) -> None:
    cache.write(catalog())
    path = file_of(folder)
    path.unlink()
    path.mkdir()
    assert cache.read() is None
    with pytest.raises(OSError):  # noqa: PT011
        cache.write(catalog())
    assert not list(folder.glob("*.tmp"))


def test_a_file_in_place_of_the_cache_folder_is_no_cache_and_cannot_be_written(
    cache: CatalogCache, folder: Path
) -> None:
    folder.touch()
    assert cache.read() is None
    assert not cache.failed_recently()
    cache.note_failure()
    with pytest.raises(OSError):  # noqa: PT011
        cache.write(catalog())


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (86_000, True), (86_500, False), (-3600, True), (-86_500, False)]
)
def test_a_list_is_fresh_for_a_day_also_where_the_clock_was_set_back_a_little(age: float, fresh: bool) -> None:
    old = catalog(fetched_at=time.time() - age)
    assert old.is_fresh is fresh
    assert abs(old.age - max(0, age)) < 60


def test_deleting_the_folder_is_safe(cache: CatalogCache, folder: Path) -> None:
    cache.write(catalog())
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert cache.read() is None
    CatalogCache(folder, "default", URL, IDENTITY).write(catalog())
    assert CatalogCache(folder, "default", URL, IDENTITY).read() is not None


def test_a_failure_is_remembered_for_ten_minutes_or_until_the_next_success(cache: CatalogCache, folder: Path) -> None:
    assert not cache.failed_recently()
    cache.write(catalog())
    cache.note_failure()
    assert cache.failed_recently()
    assert not CatalogCache(folder, "work", URL, IDENTITY).failed_recently()
    (mark,) = folder.glob("*.failed")
    long_ago = time.time() - cache_module.RETRY_SECONDS - 1
    os.utime(mark, (long_ago, long_ago))
    assert not cache.failed_recently()
    cache.note_failure()
    assert cache.failed_recently()
    cache.write(catalog())
    assert not cache.failed_recently()
    assert cache.read() is not None


def test_what_nobody_has_written_for_a_month_and_what_a_kill_left_behind_is_removed(
    cache: CatalogCache, folder: Path
) -> None:
    old, other = (CatalogCache(folder, name, URL, IDENTITY) for name in ("old", "other"))
    for each in (old, other, cache):
        each.write(catalog())
    old.note_failure()
    long_ago = time.time() - 31 * 24 * 3600
    for path in folder.glob("models-old-*"):
        os.utime(path, (long_ago, long_ago))
    os.utime(folder / "key", (long_ago, long_ago))
    left_behind, being_written = folder / ".models-x.1.a.tmp", folder / ".models-x.2.b.tmp"
    of_our_kind = folder / ".models-x-0123.jsonl.3.c.tmp"  # nobody writes it: we hold the lock
    for path in (left_behind, being_written, of_our_kind):
        path.touch()
    os.utime(left_behind, (long_ago, long_ago))
    cache.write(catalog())
    assert (old.read(), list(folder.glob("models-old-*"))) == (None, [])
    assert [path.exists() for path in (left_behind, being_written, of_our_kind)] == [False, True, False]
    assert other.read() is not None
    assert cache.read() is not None


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
