"""Starting a proxy, with a stand-in for LiteLLM that starts at once; tests/live/test_sandbox.py has the real one."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from litellmctl.errors import Failure, UsageFailure
from litellmctl.sandbox import proxy
from tests.server import listens
from tests.stand_in import stand_in_for_litellm


class TestStart:
    def test_missing_extra(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mcp" else object())
        with pytest.raises(UsageFailure) as caught:
            proxy.start(tmp_path / "proxy", seconds=1, note=print, check=lambda: None)
        assert "-m pip install" in (caught.value.remedy or "")
        assert "litellmctl[sandbox]" in (caught.value.remedy or "")
        assert not (tmp_path / "proxy").exists()

    @pytest.fixture
    def notes(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """Put the stand-in where both this process and the one that it starts find LiteLLM."""
        stand_in = stand_in_for_litellm(tmp_path / "packages")
        monkeypatch.syspath_prepend(stand_in)
        monkeypatch.setenv("PYTHONPATH", str(stand_in))
        return []

    def test_port_that_was_taken_meanwhile(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            ports = iter([other.getsockname()[1], proxy._free_port()])
            monkeypatch.setattr(proxy, "_free_port", lambda: next(ports))
            started = proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        try:
            assert started.answers()
            assert [note.split()[0] for note in notes] == ["Starting", "Starting", "Ready"]
        finally:
            started.stop()
        assert not listens(started.base_url)
        started.stop()  # once more does nothing

    def test_two_taken_ports_are_enough(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            monkeypatch.setattr(proxy, "_free_port", lambda: other.getsockname()[1])
            with pytest.raises(Failure, match=r"exited with code 1 before it was ready.*ddress already in use"):
                proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        assert len(notes) == 2

    def test_interruption_stops_it(self, tmp_path: Path, notes: list[str]):
        with pytest.raises(KeyboardInterrupt):
            proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=_interrupt)
        assert not listens(notes[0].split()[5])

    def test_another_server_is_not_ours(self, tmp_path: Path, notes: list[str]):
        started = proxy.start(tmp_path / "proxy", seconds=20, note=notes.append, check=lambda: None)
        try:
            started.key = "sk-another"
            assert not started.answers()
        finally:
            started.stop()


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_last_lines_are_clean(tmp_path: Path):
    log = tmp_path / "x.log"
    log.write_bytes(b"one\n\x1b[1;32mtwo\x1b[0m\x07 \xff\x9b31m\r\nthree\x1b]0;title\x07\n")
    assert proxy.last_lines(log, 2) == ["two \ufffd\ufffd31m", "three]0;title"]
    assert len(proxy.last_lines(log, 100)) == 3


def test_config_has_no_account():
    yaml: Any = pytest.importorskip("yaml")
    models = yaml.safe_load(proxy._config({"PYTHONUTF8": "1"}))["model_list"]
    assert all(model["litellm_params"]["api_key"] == "sk-none" for model in models)
    assert all(model["litellm_params"]["mock_response"] for model in models)
    server = yaml.safe_load(proxy._config({"PYTHONUTF8": "1"}))["mcp_servers"]["sandbox"]
    assert server["command"] == sys.executable
    assert Path(server["args"][-1]).exists()
    assert server["env"] == {"PYTHONUTF8": "1"}
