from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from litellmctl.foundation.resident import Resident, StateFile


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    """A state file, whose folder exists."""
    return StateFile(tmp_path / "state.json")


def me() -> Resident:
    return Resident.of("http://127.0.0.1:1", os.getpid(), key="sk-own")


def test_round_trip(tmp_path: Path):
    state = StateFile(tmp_path / "new" / "state.json")
    assert state.running() is None
    mine = me()
    state.write(mine)
    assert state.running() == mine
    if os.name != "nt":
        assert Path(state.path).stat().st_mode & 0o777 == 0o600
    state.remove()
    assert state.running() is None
    state.remove()


def test_a_process_that_has_the_number_of_another_is_not_it(state: StateFile):
    state.write(Resident(**{**vars(me()), "start_time": "another moment"}))
    assert state.running() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"base_url": "x"}', '{"pid": 1, "unknown": 2}', "\udcff", "[" * 100_000]
)
def test_unreadable_note_is_none(state: StateFile, text: str):
    Path(state.path).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert state.running() is None


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": 2**31 - 1, "start_time": None},  # any process that has ended, and its group
        {"pid": -1, "start_time": None},
        {"pid": 0, "start_time": ""},
        {"pid": 10**400},
        {"pid": "1"},
        {"pid": True},
        {"pid": "\0"},
        {"started_at": 1e300},
        {"started_at": "now"},
        {"key": 5},
        {"base_url": ""},
    ],
    ids=lambda changed: repr(changed)[:40],
)
def test_a_note_that_names_no_process_is_none(state: StateFile, changed: dict[str, object]):
    Path(state.path).write_text(json.dumps({**vars(me()), **changed}))
    assert state.running() is None
