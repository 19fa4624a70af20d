from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from litellmctl.errors import ExitCode
from litellmctl.relay import resident

HERE = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the state files, which does not exist yet."""
    monkeypatch.setenv("LITELLMCTL_CACHE_DIR", str(tmp_path))
    return tmp_path / "serve"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def presence(warnings: list[str]) -> Iterator[resident.Presence]:
    """This process, shown as the relay of the profile `default`."""
    made = resident.Presence("default", warnings.append, in_background=False)
    with made.starting():
        made.begin("http://127.0.0.1:1")
    yield made
    made.end()
    assert resident.running("default") is None


def test_this_process_is_shown_until_its_end(presence: resident.Presence):
    known = resident.running("default")
    assert known is not None
    assert (known.pid, known.base_url) == (os.getpid(), "http://127.0.0.1:1")
    assert resident.running("work") is None


def test_only_what_it_wrote_is_its_log(presence: resident.Presence, folder: Path):
    known = resident.running("default")
    assert known is not None
    assert resident.log_of("default", known) is None
    log = folder / "default.log"
    log.touch()
    assert resident.log_of("default", known) == str(log)
    os.utime(log, (known.started_at - 5, known.started_at - 5))  # that of an earlier relay
    assert resident.log_of("default", known) is None


def test_it_is_shown_again_after_the_caches_were_deleted(presence: resident.Presence, folder: Path):
    known = resident.running("default")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert resident.running("default") is None
    presence.keep()
    assert resident.running("default") == known


def test_a_second_one_is_shown_after_the_end_of_the_first(
    presence: resident.Presence, warnings: list[str], folder: Path
):
    words = "import sys, time; from litellmctl.relay.resident import Presence; one = Presence('default', print, in_background=False)"
    code = f"{words}; one.begin('http://127.0.0.1:2'); print(flush=True); sys.stdin.read(1); one.keep(); print(flush=True); sys.stdin.read(1); one.end()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        known = resident.running("default")
        assert known is not None
        assert known.pid == os.getpid()
        presence.end()
        other.stdin.write("x")
        other.stdin.flush()
        other.stdout.readline()
        known = resident.running("default")
        assert known is not None
        assert known.pid == other.pid
        presence.end()  # not of the other
        assert resident.running("default") == known
        other.communicate("x", timeout=20)


def test_what_a_child_printed_as_an_error_is_the_failure():
    error = {"code": "auth_required", "message": "no key", "remedy": "litellmctl login", "status": 401, "exit_code": 4}
    said = ['{"warning": "x"}', json.dumps({"error": error}), "Exception ignored in ..."]
    assert [*resident._warnings_in(said)] == ["x"]
    failure = resident._error_in(said)
    assert failure is not None
    assert (failure.code, failure.message, failure.remedy, failure.status) == (
        "auth_required",
        "no key",
        "litellmctl login",
        401,
    )
    assert failure.exit_code is ExitCode.AUTH


@pytest.mark.parametrize(
    "said", ["", "\ufffd", "[]", "null", '{"error": 5}', '{"error": {"code": "new"}}', '{"error": {"code": []}}']
)
def test_anything_else_is_none(said: str):
    assert resident._error_in([said]) is None
    assert [*resident._warnings_in([said])] == []


def test_the_log_begins_again_when_it_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    code = (
        "import os, sys; from litellmctl.relay import resident; resident._MAX_LOG = 1000;"
        "log = resident.Log(sys.argv[1]); assert log.stay();"
        "[log.warn(f'number {number} \\x1b[2J') for number in range(40)]; log.note('n'); log.trace('t')"
    )
    path = tmp_path / "new" / "x.log"
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=HERE, input=b"stay", timeout=60, check=True)
    lines = path.read_text().splitlines()
    assert lines[-1].endswith("Z Warning: number 39 [2J")
    assert 0 < len(lines) < 30
    assert path.stat().st_size < 1200


@pytest.mark.parametrize(
    ("profile", "line"),
    [("default", "litellmctl serve --stop"), ("work", "litellmctl serve --stop --profile work")],
)
def test_a_command_names_the_profile_where_it_must(profile: str, line: str):
    assert resident.command(profile, "--stop") == line
