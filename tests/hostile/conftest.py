"""Who runs the program against the hostile proxy: in this process, or as one of its own."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest
import trustme

from tests.conftest import Result, Run
from tests.hostile import browser
from tests.hostile.arena import Arena
from tests.hostile.known import CODE

MAX_MEMORY = 300 * 2**20
_MEASURED = (
    "import sys; from litellmctl.__main__ import main; code = main(sys.argv[2:]);"
    "open(sys.argv[1], 'w').write(open('/proc/self/status').read() if sys.platform == 'linux' else ''); sys.exit(code)"
)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="package")
def arenas() -> Iterator[dict[str, Arena]]:
    made: dict[str, Arena] = {}
    yield made
    for arena in made.values():
        arena.close()
    gc.collect()


class _Browser(webbrowser.BaseBrowser):
    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        def visit() -> None:
            with suppress(OSError, HTTPException):  # where the sign-in was over before
                browser.main(url, CODE)

        threading.Thread(target=visit, daemon=True).start()
        return True


@pytest.fixture(scope="package", autouse=True)
def _browser() -> Iterator[None]:
    """Have the standard library, which reads BROWSER once in a process, open links in ours."""
    tried, known = webbrowser._tryorder, webbrowser._browsers
    webbrowser._tryorder, webbrowser._browsers = None, {}
    webbrowser.register("hostile", None, _Browser("hostile"), preferred=True)
    yield
    webbrowser._tryorder, webbrowser._browsers = tried, known


@pytest.fixture
def here(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the program in this process, whatever its exit code."""
    monkeypatch.setattr("litellmctl.auth.loopback._SLICE_SECONDS", 0.01)
    monkeypatch.setattr("litellmctl.auth.flows._POLL_SECONDS", 0.1)
    return lambda *words, **details: run(*words, exit=None, **details)


@pytest.fixture
def apart(env: dict[str, str], tmp_path: Path) -> Callable[..., Result]:
    """Run the program as a process, whatever its exit code; it may not take much memory."""

    def run(*words: str, stdin: str = "", **variables: str) -> Result:
        peak = tmp_path / f"peak-{threading.get_ident()}"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(peak), *words],
            env={**env, **variables},
            input=stdin.encode(),
            capture_output=True,
            timeout=90,
            check=False,
        )
        result = Result.of(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr, result.stderr
        found = re.search(r"VmHWM:\s+(\d+) kB", peak.read_text()) if peak.exists() else None
        used = int(found[1]) * 1024 if found else 0
        assert used < MAX_MEMORY, f"it took {used / 2**20:.0f} MiB of memory\n{result.stderr[:500]}"
        return result

    return run


@pytest.fixture
def arena(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where the program runs in this process."""
    if "here" not in arenas:
        arenas["here"] = Arena(folder / "here", here)
    return arenas["here"]


@pytest.fixture
def arena_of_processes(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where it runs as a process: beside the other one, so it has a proxy of its own."""
    if "apart" not in arenas:
        arenas["apart"] = Arena(folder / "apart", here)
    return arenas["apart"]


@pytest.fixture
def secure_arena(arenas: dict[str, Arena], folder: Path, here: Callable[..., Result]) -> Arena:
    """Where the proxy talks TLS."""
    if "secure" not in arenas:
        authority = trustme.CA(organization_name="Test Authority")
        (folder / "secure").mkdir()
        arenas["secure"] = Arena(folder / "secure", here, authority)
    return arenas["secure"]
