"""Moments and spans: seconds since 1970 by this machine's clock, RFC 3339 texts in UTC, ages in words."""

from __future__ import annotations

import re
import time
from typing import Any

DAY_SECONDS = 86400.0
# Further from 1970 than any calendar goes.
_LAST_SECOND = 2**41
# As LiteLLM reads them (litellm_core_utils/duration_parser.py).
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "mo": 30 * 86400}
# LiteLLM answers 500 to dates that Python does not have.
_MAX_SECONDS = 100 * 365 * 86400
_MAX_DIGITS = 10


def age_text(seconds: float) -> str:
    """Return an age for a person: 40 seconds, 3 minutes, 5 hours, 2 days."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def parse_duration(text: str) -> int | None:
    """Return a duration as LiteLLM writes it (30s, 5m, 12h, 30d, 2w, 6mo) in seconds; None if it is not one."""
    found = re.fullmatch(r"([0-9]+)(mo|[smhdw])", text.strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found and len(found[1]) <= _MAX_DIGITS else 0
    return seconds if 0 < seconds <= _MAX_SECONDS else None


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def optional_timestamp(seconds: float | None) -> str | None:
    """Return seconds since 1970 as RFC 3339 in UTC; None for None."""
    return None if seconds is None else timestamp(seconds)


def parse_time(text: Any) -> float | None:
    """Return an ISO 8601 text, UTC if it has no zone, as seconds since 1970; None if it is not one."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def clock_difference(date: str | None) -> float | None:
    """Return by how many seconds this machine's clock is ahead of a Date header (RFC 9110); None if unknown."""
    from email.utils import parsedate_to_datetime

    if date is None:
        return None
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def is_time(value: Any) -> bool:
    """Whether it is a moment in seconds since 1970 that a calendar has; NaN is not."""
    # A bool is an int in Python.
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LAST_SECOND < value < _LAST_SECOND


def age_of(moment: float) -> float:
    """Return how many seconds ago a moment was; 0 if it is in the future."""
    return max(0.0, time.time() - moment)


def is_fresh(moment: float, seconds: float) -> bool:
    """Whether a moment is less than `seconds` away; one from far in the future is not fresh, by any clock."""
    return abs(time.time() - moment) < seconds
