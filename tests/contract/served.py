"""`serve` in a process of its own, before an upstream that is strict."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.conftest import clean_environment
from tests.contract.raw_upstream import RawUpstream

SECRET = "sk-of-the-proxy-0123456789"


class Served:
    """`serve` in a process of its own, before an upstream that is strict."""

    def __init__(self, home: Path, *options: str, before: Sequence[str] = ()) -> None:
        self.upstream = RawUpstream()
        environment = {
            **clean_environment(),
            "HOME": str(home),
            "LITELLMCTL_CONFIG_DIR": str(home / "config"),
            "LITELLMCTL_CACHE_DIR": str(home / "cache"),
            "LITELLM_BASE_URL": f"{self.upstream.url}/base",
            "LITELLM_API_KEY": SECRET,
        }
        self._errors = (home / "stderr").open("w+b")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "litellmctl", "serve", "--port", "0", "--json", "-q", *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self.process.stdout is not None
        made = json.loads(self.process.stdout.readline())
        self.key: str = made["api_key"]
        self.port = int(made["base_url"].rpartition(":")[2])

    def head(self, line: str = "POST /v1/chat/completions HTTP/1.1", *headers: str, key: str | None = None) -> bytes:
        """Return the head of a request."""
        own = [f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {key or self.key}"]
        return "\r\n".join([line, *own, *headers, "", ""]).encode("latin-1")

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def statuses(self, *pieces: bytes, wanted: int = 1) -> list[int]:
        """Send pieces on one connection; return the statuses of the answers until it is closed, or that many."""
        data = b""
        with self.connect() as connection, suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            while len(statuses(data)) < wanted and (more := connection.recv(65536)):
                data += more
        return statuses(data)

    def works(self) -> bool:
        """Whether a request is still relayed."""
        return self.statuses(self.head("GET /v1/models HTTP/1.1")) == [200]

    @property
    def said(self) -> str:
        """What it has printed to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode()

    @property
    def descriptors(self) -> int:
        """How many files and connections it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def mebibytes(self) -> float:
        """Its resident set."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
        self.upstream.close()


def statuses(data: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/\d\.\d (\d{3}) ", data)]
