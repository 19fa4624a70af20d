"""Where the measured programs live: a virtual environment with a wheel of this checkout, and a clean environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.benchmarks.measure import Failed

_ROOT = Path(__file__).parents[2]
# All that a measured program gets of our own environment: no settings, HTTP proxies, certificates or PYTHON*.
_KEPT = ("PATH", "SYSTEMROOT", "COMSPEC", "PATHEXT", "TMPDIR", "TEMP", "TMP")
# Nothing that the wheel is made of. A build in the checkout itself would leave traces, and find old ones.
_NO_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "venv")


def installed(folder: Path) -> Path:
    """Return the interpreter of an environment below `folder` that has a wheel of the checkout as it is now.

    An editable install would not do: its import hook adds 18 ms to every start. Dependencies that are there stay.
    """
    home = folder / "venv"
    python = programs(home) / ("python.exe" if sys.platform == "win32" else "python")
    if not python.exists():
        venv.create(home, clear=True, with_pip=True)
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_ROOT, source, ignore=_NO_SOURCE)
    # A folder is always installed again, whatever its version.
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{source}[serve]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"pip install: {done.stderr.strip()[-2000:]}")
    return python


def programs(home: Path) -> Path:
    """Return the folder of the programs of a virtual environment."""
    return home / ("Scripts" if sys.platform == "win32" else "bin")


def lite_beside(python: Path) -> str | None:
    """Return the LiteLLM package's own command-line tool, if it is installed beside this interpreter."""
    return shutil.which("lite", path=str(python.parent)) or shutil.which("litellm-proxy", path=str(python.parent))


def clean(home: Path) -> dict[str, str]:
    """Return the environment of the measured programs, with everything of the user's below `home`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home),
        "LOCALAPPDATA": str(home),
        "LC_ALL": "C.UTF-8",
    }
