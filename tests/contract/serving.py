"""A relay that `litellmctl serve` runs, and a client of it."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.fake_proxy import FakeProxy

LIVELINESS, MODELS = "/health/liveliness", "/v1/models"


class Served(NamedTuple):
    """What `serve --json` printed, and its process."""

    base_url: str
    v1: str
    api_key: str
    pid: int
    process: subprocess.Popen[Any]

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])

    def ask(self, path: str = MODELS, *, key: str | None = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the body of a GET with the local key."""
        return asked(self.base_url, self.api_key if key is None else key, path, headers)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return the exit code, and what it printed on stderr."""
        _, said = self.process.communicate(timeout=30)
        assert "Traceback" not in said, said
        return self.process.returncode, said


Serve = Callable[..., Served]


def asked(base_url: str, key: str, path: str = MODELS, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Return the status and the body of a GET through a relay."""
    connection = http.client.HTTPConnection("127.0.0.1", int(base_url.rsplit(":", 1)[1]), timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}", **(headers or {})})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None
    finally:
        connection.close()


def lively(proxy: FakeProxy) -> FakeProxy:
    """Let a proxy answer what `serve` asks before it listens, and a request for a test, as often as either comes."""
    return proxy.on(LIVELINESS, "I'm alive!", times=None).on(MODELS, {"data": []}, times=None)


def state(home: Path, profile: str = "default") -> Path:
    """Return the file that names the relay that runs."""
    return home / "cache" / "serve" / f"{profile}.json"
