"""How long a server asks to wait: the Retry-After header, in seconds or as a date (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

# Digits of seconds: more are longer than anything lasts.
_MAX_DIGITS = 15


def seconds_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, infinite if they are too many; None without a header, or for a time in the past.

    A date counts from the server's own clock if it sent a Date header.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return math.inf if len(text) > _MAX_DIGITS else float(text)
    end = _moment(text)
    if end is None:
        return None
    now = _moment(headers.get("date", ""))
    seconds = end - (time.time() if now is None else now)
    return seconds if seconds > 0 else None


def _moment(text: str) -> float | None:
    from email.utils import parsedate_to_datetime

    # Python has no dates with years of more than four digits, and no server waits that long.
    try:
        return parsedate_to_datetime(text[:100]).timestamp()
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        return None
