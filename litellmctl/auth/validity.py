"""How long a key that was looked up is used, and how soon it is looked up again, in programs that run for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from litellmctl.auth.credential import Credential

# How soon after a failure a request looks again; until then, requests get the same failure at once.
AFTER_FAILURE_SECONDS = 2.0
# How soon a renewal ahead of the expiry is tried again.
AHEAD_SECONDS = 10.0
# How soon after a refused key the next one may be asked for: the proxy also returns 401 for reasons of its own, as
# where a provider refuses the proxy's key.
REFUSED_SECONDS = 30.0
# With a clock that was set, a token may look expired that is not: it is not looked up for every request.
_LOOKED_UP_SECONDS = 1.0


class Validity(NamedTuple):
    """How long a key is good. Times are seconds since 1970 (None: unknown), `looked_up` by the monotonic clock."""

    looked_up: float = 0.0
    due_at: float | None = None
    expires_at: float | None = None

    @classmethod
    def of(cls, credential: Credential) -> Validity:
        """Return that of the key that a credential has returned just now."""
        return cls(time.monotonic(), credential.due_at, credential.expires_at)

    @property
    def is_due(self) -> bool:
        """Whether to renew it ahead of its expiry."""
        return self.due_at is not None and time.time() >= self.due_at

    @property
    def has_expired(self) -> bool:
        """Whether it is no longer good."""
        is_over = self.expires_at is not None and time.time() >= self.expires_at
        return is_over and time.monotonic() > self.looked_up + _LOOKED_UP_SECONDS
