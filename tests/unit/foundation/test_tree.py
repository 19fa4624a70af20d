"""A folder that is read while somebody swaps what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.foundation import tree
from litellmctl.foundation.tree import OpenFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


@pytest.fixture(params=["by descriptor", "by path"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read both ways that there are: relative to descriptors, and as Windows has to."""
    monkeypatch.setattr(tree, "_BY_DESCRIPTOR", request.param == "by descriptor")
    return str(request.param)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with a folder and a file in it, beside one with secrets of the same names."""
    for name in ("top", "outside"):
        (tmp_path / name / "docs").mkdir(parents=True)
        (tmp_path / name / "docs" / "a").write_text(name)
        (tmp_path / name / "b").write_text(name)
    return tmp_path / "top"


def test_what_is_in_a_folder(top: Path) -> None:
    with OpenFolder.at(str(top)) as folder:
        assert sorted(folder.names()) == ["b", "docs"]
        with folder.file("b") as file:
            assert file.read() == b"top"
        with folder.folder("docs") as docs, docs.file("a") as file:
            assert docs.path_of("a") == str(top / "docs" / "a")
            assert file.read() == b"top"
        assert folder.status("b").st_size == 3


def test_the_folder_itself_may_be_a_link(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("top")
    with OpenFolder.at(str(tmp_path / "link")) as folder, folder.folder("docs") as docs, docs.file("a") as file:
        assert file.read() == b"top"


def test_nothing_is_opened_through_a_link(top: Path, tmp_path: Path) -> None:
    (top / "file").symlink_to(tmp_path / "outside" / "b")
    (top / "folder").symlink_to(tmp_path / "outside" / "docs")
    with OpenFolder.at(str(top)) as folder:
        for opens, name in ((folder.file, "file"), (folder.folder, "folder")):
            with pytest.raises(OSError) as error:  # noqa: PT011
                opens(name)
            assert error.value.filename == str(top / name)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(top: Path) -> None:
    os.mkfifo(top / "pipe")
    with OpenFolder.at(str(top)) as folder, pytest.raises(OSError, match="not a file") as error:
        folder.file("pipe")
    assert error.value.filename == str(top / "pipe")


@pytest.mark.parametrize("name", ["nothing", "docs/nothing", "b/c"])
def test_what_is_not_there_is_named_whole(top: Path, name: str) -> None:
    with OpenFolder.at(str(top)) as folder:
        for touch in (folder.file, folder.folder, folder.status):
            with pytest.raises(OSError) as error:  # noqa: PT011
                touch(name)  # type: ignore[operator]
            assert error.value.filename == str(top / name)


def _swap(top: Path, outside: Path) -> None:
    top.rename(top.with_name("aside"))
    top.symlink_to(outside)


def _swap_and_back(really: Callable[..., int], top: Path, outside: Path) -> Callable[..., int]:
    """Return an open() that finds the link, and leaves the folder there again."""

    def opens(*words: Any, **more: Any) -> int:
        _swap(top, outside)
        try:
            return really(*words, **more)
        finally:
            top.unlink()
            top.with_name("aside").rename(top)

    return opens


@pytest.mark.parametrize("back", [False, True], ids=["for good", "for the moment of opening"])
@pytest.mark.parametrize("where", ["top", "docs"])
def test_a_folder_that_is_swapped_for_a_link_gives_nothing_from_outside(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, back: bool
) -> None:
    swapped = top if where == "top" else top / "docs"
    outside = tmp_path / "outside" if where == "top" else tmp_path / "outside" / "docs"
    with OpenFolder.at(str(top)) as folder, folder.folder("docs") as docs:
        if back:
            monkeypatch.setattr(os, "open", _swap_and_back(os.open, swapped, outside))
        else:
            _swap(swapped, outside)
        try:
            with docs.file("a") as file:
                assert file.read() == b"top"
        except OSError as error:
            assert error.filename == str(top / "docs" / "a")  # noqa: PT017


def test_no_descriptor_is_left_open(top: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    (top / "link").symlink_to("b")
    with OpenFolder.at(str(top)) as folder:
        for name in ("link", "docs", "nothing"):
            with pytest.raises(OSError):  # noqa: PT011
                folder.file(name)
        with folder.folder("docs"):
            list(folder.names())
    assert len(os.listdir("/dev/fd")) == before
