"""Starting a LiteLLM proxy on loopback, waiting until it is ready, and stopping it."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from string import Template

from litellmctl import own_command
from litellmctl.errors import Failure
from litellmctl.foundation import files, processes
from litellmctl.foundation.text import clean
from litellmctl.sandbox import serve, variables
from litellmctl.settings import environment

START_SECONDS = 60.0

_HERE = Path(__file__).parent
_ASK_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_SHOWN_LINES, _SHOWN_CHARACTERS = 3, 200
_LOG_BYTES = 2**20
_SGR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Proxy:
    """A proxy that we started. It exits when we do, also when we are killed, unless `stay` was called."""

    def __init__(self, port: int, key: str, log: Path, child: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self.key = key
        self.log = log
        self._child = child

    @property
    def pid(self) -> int:
        """The id of its process and its process group."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def answers(self) -> bool:
        """Whether it accepts its random key: then this is our proxy, and it is ready."""
        request = urllib.request.Request(  # noqa: S310  (loopback)
            f"{self.base_url}/v1/models", headers={"Authorization": f"Bearer {self.key}"}
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_ASK_SECONDS) as answer:
                return bool(answer.status == http.client.OK)
        except (OSError, http.client.HTTPException):
            return False

    def stay(self) -> None:
        """Let it run after we exit."""
        assert self._child.stdin is not None
        with self._child.stdin as pipe:
            pipe.write(serve.STAY)
        self._child.returncode = 0  # no process waits for it; this prevents a warning of subprocess

    def stop(self) -> None:
        """Stop it and its children, unless it has exited: its process id may have been reused."""
        if self.exit_code is None and not processes.end(self.pid, lambda: self.exit_code is not None):
            raise Failure("sandbox", f"the proxy (pid {self.pid}) did not stop", remedy="stop that process by hand")
        assert self._child.stdin is not None
        self._child.stdin.close()


def start(folder: Path, *, seconds: float, note: Callable[[str], None], check: Callable[[], None]) -> Proxy:
    """Start a proxy with its files in `folder`, and return it when it is ready.

    `check` is called often, and may raise to end the wait. If another process took the port meanwhile, another port is
    tried once.
    """
    require_extra()
    expires = time.monotonic() + seconds
    proxy = _launched(folder, note)
    ready = _becomes_ready(proxy, expires, seconds, check)
    if not ready and _is_taken(proxy.port):
        proxy = _launched(folder, note)
        ready = _becomes_ready(proxy, expires, seconds, check)
    if not ready:
        raise _failure(f"the proxy exited with code {proxy.exit_code} before it was ready", proxy.log)
    note(f"Ready after {time.monotonic() - expires + seconds:.0f} s.")
    return proxy


def require_extra() -> None:
    """Refuse if LiteLLM's proxy is not installed. It is not imported: that takes seconds."""
    own_command.require_extra("the sandbox", "sandbox", "LiteLLM", ("litellm", "uvicorn", "fastapi", "mcp"))


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log, without colours and control characters. Raises OSError."""
    with files.opened(log, follow=False) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
        text = file.read(_LOG_BYTES).decode("utf-8", "replace")
    return [clean(_SGR.sub("", line)).rstrip() for line in text.splitlines()[-count:]]


def _launched(folder: Path, note: Callable[[str], None]) -> Proxy:
    port, key, log = _free_port(), f"sk-{secrets.token_hex(32)}", folder / "proxy.log"
    note(f"Starting a LiteLLM proxy on http://127.0.0.1:{port} ...")
    # LiteLLM imports modules from `../..` first, so that must be a folder of ours too.
    home = folder / "home" / "user"
    files.make_private_dir(home)
    own = variables.of_proxy(environment.snapshot(), home, key)
    config = folder / "config.yaml"
    files.write_atomically(config, _config(own).encode(), follow=False)
    words = [sys.executable, "-P", str(_HERE / "serve.py"), str(config), str(port)]
    with files.new_log(log) as output:
        child = subprocess.Popen(
            words,
            env=own,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the command, and the proxy stops after it.
            **processes.in_own_session(),
        )
    return Proxy(port, key, log, child)


def _config(own: dict[str, str]) -> str:
    values = {
        "python": sys.executable,
        "mcp_server": str(_HERE / "mcp_server.py"),
        "python_environment": variables.of_python(own),
    }
    # JSON is valid YAML.
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    return Template((_HERE / "config.yaml").read_text("utf-8")).substitute(quoted)


def _becomes_ready(proxy: Proxy, expires: float, seconds: float, check: Callable[[], None]) -> bool:
    """Wait for the proxy, and return whether it is ready. If not, it has exited or is stopped."""
    ready = False
    try:
        while proxy.exit_code is None and not proxy.answers():
            check()
            if time.monotonic() > expires:
                raise _failure(f"the proxy was not ready after {seconds:g} s (--timeout sets the limit)", proxy.log)
            time.sleep(_LOOK_SECONDS)
        ready = proxy.exit_code is None
    finally:
        if not ready:
            proxy.stop()
    return ready


def _failure(what: str, log: Path) -> Failure:
    with suppress(OSError):
        lines = [line[:_SHOWN_CHARACTERS] for line in last_lines(log, 50) if line.strip()]
        what = f"{what}: {' / '.join(lines[-_SHOWN_LINES:])}" if lines else what
    return Failure("sandbox", what, remedy=f"see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
