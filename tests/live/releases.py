"""Real LiteLLM proxies of other releases: each in an environment of its own, on loopback, without a database.

`python -m tests.live.releases install 1.77.7` installs one (700 MB, about a minute), below RELEASES or, by default, in
`litellm-releases` of the folder for temporary files. test_releases.py starts those that are there.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server import free_port

# Of each kind that ../contract/shapes/releases/README.md tells apart, one.
VERSIONS = ("1.65.8", "1.72.9", "1.77.7", "1.81.16", "1.100.5", "1.108.5")
# This one differs most from what the sandbox has, of those that start in seconds; every test run has it.
OLDER = "1.77.7"
_HOME = Path(os.environ.get("RELEASES") or Path(tempfile.gettempdir(), "litellm-releases"))
_HERE = Path(__file__).parent / "release"
_START_SECONDS = 240.0
# What a release was made with, where what came later breaks it.
_PINS = {
    "1.65": ("pydantic==2.11.3", "openai==1.75.0"),
    "1.72": ("pydantic==2.11.9", "openai==1.91.0"),
    "1.77": ("pydantic==2.11.9", "openai==1.109.1"),
}


@dataclass(frozen=True)
class Release:
    """A running proxy of a release, and its master key."""

    version: str
    url: str
    key: str


def installed(version: str) -> bool:
    """Say whether a release is installed whole."""
    return (_HOME / version / "venv" / ".ok").is_file()


def install(version: str) -> None:
    """Install a release, unless it is. Only those of the list: PyPI once served others that were compromised."""
    if version not in VERSIONS:
        raise ValueError(f"{version} is none of {', '.join(VERSIONS)}")
    if installed(version):
        return
    environment = _HOME / version / "venv"
    venv.create(environment, with_pip=True, clear=True)
    pins = _PINS.get(version.rpartition(".")[0], ())
    pip = [_python(version), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"litellm[proxy]=={version}", *pins], check=True, timeout=1200)
    (environment / ".ok").touch()


@contextmanager
def running(version: str, folder: Path) -> Iterator[Release]:
    """Start an installed release with the models and the MCP server of release/; `folder` is its home and has its log."""
    port, key = free_port(), f"sk-{secrets.token_hex(24)}"
    environment = {
        "HOME": str(folder),
        "PATH": os.pathsep.join([str(_python(version).parent), os.defpath]),
        "LANG": "C.UTF-8",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_ENABLE_MCP_STDIO": "true",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_MASTER_KEY": key,
    }
    servers = []
    config = (_HERE / "config.yaml").read_text("utf-8")
    config = config.replace("@PYTHON@", str(_python(version))).replace("@SERVER@", str(_HERE / "mcp_server.py"))
    with (folder / "proxy.log").open("w") as log:

        def start(*command: str | Path) -> subprocess.Popen[bytes]:
            servers.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )
            return servers[-1]

        try:
            if version.startswith(("1.65.", "1.72.")):  # They have no stdio servers yet.
                sse_port = free_port()
                start(_python(version), _HERE / "mcp_server.py", str(sse_port))
                over_sse = f'    transport: sse\n    url: "http://127.0.0.1:{sse_port}/sse"\n'
                config = re.sub(r"    transport: stdio\n    command: .*\n    args: .*\n", over_sse, config)
                config = re.sub(r".*qwen-tiered.*\n", "", config)  # Nor this provider.
            (folder / "config.yaml").write_text(config, "utf-8")
            command = [_python(version).parent / "litellm", "--config", folder / "config.yaml"]
            proxy = start(*command, "--host", "127.0.0.1", "--port", str(port))
            url = f"http://127.0.0.1:{port}"
            _wait(proxy, url, key, folder)
            yield Release(version, url, key)
        finally:
            for server in reversed(servers):
                server.send_signal(signal.SIGTERM)
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait(20)


def _wait(proxy: subprocess.Popen[bytes], url: str, key: str, folder: Path) -> None:
    asking = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    end = time.monotonic() + _START_SECONDS
    while proxy.poll() is None and time.monotonic() < end:
        try:
            asking.open(request, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    raise AssertionError((folder / "proxy.log").read_text("utf-8", "replace")[-3000:])


def _python(version: str) -> Path:
    names = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return _HOME.joinpath(version, "venv", *names)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["install", *versions]:
            for one in versions:
                install(one)
        case _:
            sys.exit("usage: python -m tests.live.releases install VERSION...")
