"""Copies of other programs' files with changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.programs import jsonc
from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.copies import member, object_in, with_changes


def copy(path: Path) -> str:
    return with_changes(FileChange(path, "json", [Set(("a",), 1)]))


def test_the_file_stays_and_its_comments_are_in_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{\n  // mine\n  "b": 2\n}\n')
    before = path.read_bytes()
    text = copy(path)
    assert "// mine" in text
    assert '"a": 1' in text
    assert path.read_bytes() == before


def test_there_need_not_be_a_file(tmp_path: Path) -> None:
    assert copy(tmp_path / "none/settings.json") == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"{", "line 1, column 2"), (b"\xff", "not UTF-8 text"), (b"[]", "not"), (None, "directory")],
)
def test_an_error_names_the_file(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigFailure) as raised:
        copy(path)
    assert str(path) in raised.value.message
    assert reason in raised.value.message
    assert str(path) in str(raised.value.remedy)
    assert "change" not in raised.value.message


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.json")
    with pytest.raises(ConfigFailure):
        copy(tmp_path / "settings.json")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"a": {"b": 1}}', {"a": {"b": 1}}),
        (b"[1]", {}),
        (b"{", {}),
        (b"\xff", {}),
        (b"[" * 100_000, {}),
        (None, {}),
    ],
)
def test_what_is_not_an_object_is_left_to_the_program_to_report(
    content: bytes | None, found: object, tmp_path: Path
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    assert object_in(path) == found
    assert member(object_in(path), "a") == ({"b": 1} if found else {})


def test_another_parser_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"a": 1, // mine\n}')
    assert (object_in(path), object_in(path, jsonc.value)) == ({}, {"a": 1})
