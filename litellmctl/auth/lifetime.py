"""When a token expires, though this machine's clock may be wrong, or was wrong when the token was issued."""

from __future__ import annotations

import sys
import time
from enum import Enum
from typing import NamedTuple

from litellmctl.foundation.times import is_time

# A clock that is off by less does no harm: tokens are refreshed earlier than that.
CLOCK_SECONDS = 120.0
# A token is refreshed this long before it expires, or in the second half of its life if that is shorter.
_AHEAD_SECONDS = 300.0


class Standing(Enum):
    """What to do with a token: use it, refresh it, or no longer use it."""

    GOOD = "good"
    DUE = "due"
    ENDED = "ended"


class Clock(NamedTuple):
    """The error of this machine's clock: by how many seconds it is ahead of the proxy's, or 0 if that does not matter.

    `booted_at` is when the machine started by this clock: as long as that stays the same, the clock was not set.
    """

    ahead: float = 0.0
    booted_at: float | None = None

    @classmethod
    def of_difference(cls, ahead: float | None) -> Clock:
        """Return the clock as it is now; `ahead` None: unknown."""
        return cls() if ahead is None or abs(ahead) < CLOCK_SECONDS else cls(ahead, booted_at())

    @classmethod
    def parse(cls, text: str | None) -> Clock:
        """Return the clock that `text` returned; a correct one for anything else."""
        try:
            ahead, booted_at = (float(word) for word in (text or "").split())
        except ValueError:
            return cls()
        return cls(ahead, booted_at) if is_time(ahead) and is_time(booted_at) else cls()

    @property
    def text(self) -> str | None:
        """The clock as it is stored; None if it was correct."""
        return f"{self.ahead:.0f} {self.booted_at:.0f}" if self.ahead and self.booted_at is not None else None


class Lifetime(NamedTuple):
    """From issue to expiry of a token, by this machine's clock as it was then; `expires_at` None: unknown."""

    issued_at: float
    expires_at: float | None
    clock: Clock = Clock()

    @property
    def seconds(self) -> float:
        """The time from issue to expiry, in seconds; 0 if unknown."""
        return 0.0 if self.expires_at is None else max(0.0, self.expires_at - self.issued_at)

    def possible_aheads(self, now: float) -> list[float]:
        """Return by how many seconds this machine's clock may be ahead of the proxy's now.

        It may be off as it was then, or correct by now. If the token would be issued in the future by both, the clock
        was set in an unknown way, and the list is empty.
        """
        then, start = self.clock
        aheads = {then}
        if then and (start is None or abs(booted_at() - start) >= CLOCK_SECONDS):
            aheads.add(0.0)
        return [ahead for ahead in aheads if self.has_begun(now - ahead)]

    def has_begun(self, moment: float) -> bool:
        """Whether the token was issued before a moment of the proxy's clock."""
        return moment >= self.issued_at - self.clock.ahead - CLOCK_SECONDS

    def standing(self, moment: float) -> Standing:
        """Return how the token stands at a moment of the proxy's clock."""
        if self.expires_at is None:
            return Standing.GOOD
        left = self.expires_at - self.clock.ahead - moment
        if left <= 0:
            return Standing.ENDED
        return Standing.DUE if left <= self.ahead_seconds else Standing.GOOD

    @property
    def ahead_seconds(self) -> float:
        """How long before its expiry a token is refreshed."""
        return min(_AHEAD_SECONDS, self.seconds / 2)

    def standing_now(self) -> Standing | None:
        """Return how the token stands; None if only the proxy's clock can tell."""
        now = time.time()
        standings = {self.standing(now - ahead) for ahead in self.possible_aheads(now)}
        if self.expires_at is None:
            return Standing.GOOD
        return standings.pop() if len(standings) == 1 else None

    def end(self, ahead: float | None = None) -> float | None:
        """Return when it expires, by a clock that is `ahead` of the proxy's; None: by this machine's, if known."""
        if self.expires_at is None:
            return None
        if ahead is None:
            possible = self.possible_aheads(time.time())
            ahead = possible[0] if len(possible) == 1 else self.clock.ahead
        return self.expires_at - self.clock.ahead + ahead


def booted_at() -> float:
    """Return when the machine started, by its clock: this changes with each start, and as the clock is set."""
    if sys.platform == "linux":
        since = time.clock_gettime(time.CLOCK_BOOTTIME)  # the monotonic clock stands still while the machine sleeps
    elif sys.platform == "darwin":
        since = time.clock_gettime(time.CLOCK_MONOTONIC)
    else:
        since = time.monotonic()
    return time.time() - since
