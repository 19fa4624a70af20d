"""The folder for temporary files: private, removed, and never that of a run that goes on."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from litellmctl.errors import Failure
from litellmctl.foundation import locks
from litellmctl.launch import folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_files_in_folders_are_private(temporary: Path) -> None:
    place = folder.planned()
    assert not place.exists()
    with folder.made(place, {"a.json": "1", "b/c.json": "2"}):
        assert (place / "b/c.json").read_text() == "2"
        modes = {path.name: path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
        assert modes == {place.name: 0o700, "run.lock": 0o600, "a.json": 0o600, "b": 0o700, "c.json": 0o600}
        folder.forget_abandoned()
        assert (place / "a.json").exists()
    assert list(temporary.iterdir()) == []


def test_where_no_folder_can_be_written_to_only_a_run_with_files_fails(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(temporary / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(temporary / "gone")])
    folder.forget_abandoned()
    place = folder.planned()
    assert place.parent == temporary / "gone"
    temporary.joinpath("gone").touch()
    with pytest.raises(Failure) as failure, folder.made(place, {"a": ""}):
        pass
    assert failure.value.remedy == "set TMPDIR to a folder that you may write to"


def test_it_is_removed_where_the_run_fails(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder.made(folder.planned(), {"a": ""}):
        raise ZeroDivisionError
    assert list(temporary.iterdir()) == []


def test_an_error_of_the_run_is_its_own(temporary: Path) -> None:
    with pytest.raises(PermissionError), folder.made(folder.planned(), {"a": ""}):
        raise PermissionError


def test_a_folder_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot write") as failure, folder.made(tmp_path / "file/run", {"a": ""}):
        pass
    assert failure.value.code == "file"


def test_a_folder_that_is_taken_for_abandoned_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run may have its lock, and remove it, between the two steps in which it is made."""
    place, tried = folder.planned(), []
    locked = locks.locked

    def first_held(path: Path, *, seconds: float) -> object:
        tried.append(path)
        if len(tried) == 1:
            place.rmdir()
            raise locks.LockHeld("file", "another process holds it")
        return locked(path, seconds=seconds)

    monkeypatch.setattr(locks, "locked", first_held)
    with folder.made(place, {"a": "1"}):
        assert (place / "a").read_text() == "1"
    assert len(tried) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="junctions and copies there")
def test_what_links_lead_to_is_the_users_and_stays(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "file").write_text("1")
    place = folder.planned()
    links = {"a/file": own / "file", "a/own": own, "a/new": own / "new/er"}
    with folder.made(place, {"a/b": ""}, links):
        assert (place / "a/file").read_text() == "1"
        (place / "a/new/state").write_text("2")
        assert (place / "a/new").is_symlink()
    assert not place.exists()
    assert (own / "file").read_text() == "1"
    assert (own / "new/er/state").read_text() == "2"


@pytest.mark.skipif(sys.platform == "win32", reason="junctions and copies there")
def test_a_link_that_leads_nowhere_is_made_as_the_user_has_it(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    place = folder.planned()
    with folder.made(place, {}, {"broken": tmp_path / "broken"}):
        assert (place / "broken").is_symlink()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="junctions and copies there")
def test_an_abandoned_folder_is_removed_without_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/file").write_text("1")
    place = folder.planned()
    place.mkdir(mode=0o700)
    (place / "own").symlink_to(tmp_path / "own")
    folder.forget_abandoned()
    assert not place.exists()
    assert (tmp_path / "own/file").exists()
