from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from litellmctl.foundation import processes
from litellmctl.sandbox import resident


class TestResident:
    def test_round_trip(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        assert resident.running() is None
        me = resident.Resident(
            "http://127.0.0.1:1", "sk-own", os.getpid(), processes.start_time(os.getpid()) or "", 1.5
        )
        state = tmp_path / "sandbox" / "state.json"
        state.parent.mkdir()
        state.write_text(json.dumps(vars(me)))
        assert resident.running() == me

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", "{}", '{"base_url": "x"}', '{"pid": 1, "unknown": 2}', "\udcff"]
    )
    def test_unreadable_note_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert resident.running() is None

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
        ],
        ids=lambda changed: repr(changed)[:40],
    )
    def test_a_note_that_names_no_process_is_none(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, object]
    ):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        me = resident.Resident(
            "http://127.0.0.1:1", "sk-own", os.getpid(), processes.start_time(os.getpid()) or "", 1.5
        )
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_text(json.dumps({**vars(me), **changed}))
        assert resident.running() is None

    def test_a_note_that_is_nested_too_deeply_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
        (tmp_path / "sandbox").mkdir()
        (tmp_path / "sandbox" / "state.json").write_text("[" * 100_000)
        assert resident.running() is None
