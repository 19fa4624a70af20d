"""A cache of lines: whose it is, what is damaged, what is forgotten; with the catalog, one of those that there are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.cache import CatalogCache
from litellmctl.foundation import line_cache as cache_module
from tests.unit.catalog.lists import IDENTITY, URL, catalog, file_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> CatalogCache:
    return CatalogCache(folder, "default", URL, IDENTITY)


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


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["key", "models-*.jsonl", "key.lock", "models.lock"])
@pytest.mark.parametrize("kind", ["a link to ours", "a pipe", "a device", "a folder"])
def test_what_is_in_the_place_of_a_file_of_the_cache_is_not_used(
    cache: CatalogCache, folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    cache.write(catalog())
    [path] = folder.glob(name)
    known = tmp_path / "known"
    path.rename(known)
    before = known.read_bytes()
    make: dict[str, Callable[[], object]] = {
        "a link to ours": lambda: path.symlink_to(known),
        "a pipe": lambda: os.mkfifo(path),
        "a device": lambda: path.symlink_to("/dev/zero"),
        "a folder": path.mkdir,
    }
    make[kind]()
    after = CatalogCache(folder, "default", URL, IDENTITY)
    assert (after.read() is None) is (not name.endswith(".lock"))
    if name == "key.lock":
        (folder / "key").unlink()
        after = CatalogCache(folder, "default", URL, IDENTITY)
    after.failed_recently()
    after.note_failure()
    with pytest.raises(OSError) as error:  # noqa: PT011
        after.write(catalog())
    assert error.value.filename == str(path)
    assert known.read_bytes() == before


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
