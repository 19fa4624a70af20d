"""A credential that says what it was asked for, for what holds a key for long: the relay and the bridge."""

from __future__ import annotations

import threading

from litellmctl.auth.credential import Credential
from litellmctl.errors import Failure


class AskedKey(Credential):
    """Counts what is asked of it; `fails` is raised instead of the next key, `gate` holds each look-up up."""

    source = kind = "config"
    origin = "a test"

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[str] = []
        self.due: float | None = None
        self.end: float | None = None
        self.fails: Failure | None = None
        self.is_quiet = True
        self.gate = threading.Event()
        self.gate.set()

    def identity(self) -> str:
        return "key"

    @property
    def is_silent(self) -> bool:
        return self.is_quiet

    @property
    def due_at(self) -> float | None:
        return self.due

    @property
    def expires_at(self) -> float | None:
        return self.end

    def _ask(self, what: str, step: int) -> str:
        self.asked.append(what)
        assert self.gate.wait(20)
        if self.fails is not None:
            raise self.fails
        self.number += step
        return f"key-{self.number}"

    def secret(self) -> str:
        return self._ask("secret", 0)

    def current(self, known: str) -> str:
        if self.due is None:
            return known
        key = self._ask("current", 1)
        self.due = self.end = None
        return key

    def renewed(self) -> str | None:
        return self._ask("renewed", 1)
