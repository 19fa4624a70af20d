"""What the server says by itself: that the list of tools has changed, and messages for the client's log."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from litellmctl.bridge import messages

if TYPE_CHECKING:
    from litellmctl.bridge.outbox import Outbox

# MCP's, which are those of RFC 5424.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
# Until the client chooses one.
_DEFAULT_LEVEL = "warning"
# Messages that are kept until the client listens.
_MAX_EARLY = 20


class Notices:
    """Notifications: none before the client listens, and messages only of the level that it chose, or above."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._listens = False
        self._has_changed = False
        self._early: list[str] = []
        self.level = _DEFAULT_LEVEL

    def listen(self) -> None:
        """Say what was kept until now."""
        with self._lock:
            self._listens = True
            early, self._early = self._early, []
        for message in early:
            self._outbox.note(message)
        if self._has_changed:
            self.tools_changed()

    def tools_changed(self) -> None:
        """Say that the list of tools has changed."""
        with self._lock:
            self._has_changed = not self._listens
        if not self._has_changed:
            self._outbox.note(messages.notification("notifications/tools/list_changed"), is_needed=True)

    def say(self, level: str, text: str) -> None:
        """Say a sentence, if it is of the level that the client wants."""
        if level not in LEVELS or LEVELS.index(level) < LEVELS.index(self.level):
            return
        params = {"level": level, "logger": "litellmctl", "data": text}
        message = messages.notification("notifications/message", params)
        with self._lock:
            if not self._listens:
                if len(self._early) < _MAX_EARLY:
                    self._early.append(message)
                return
        self._outbox.note(message)
