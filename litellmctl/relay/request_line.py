"""One line of the log for each request that was relayed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from litellmctl.foundation.ignorable import with_hidden
from litellmctl.foundation.text import clean, decimal_text
from litellmctl.terminal.cells import cut, pad
from litellmctl.terminal.streams import escaped

if TYPE_CHECKING:
    from litellmctl.relay.relay import Exchange

# Beside the path: the time, the method, the status, the seconds and the cost, with spaces.
_OTHERS = 44
_LEAST_PATH, _USUAL_PATH, _MODEL = 12, 28, 16
_MAX_SHOWN = 500


def request_line(exchange: Exchange, columns: int | None, *, now: float) -> str:
    """Return the line for one request, of at most so many cells (None: of any length), safe for a terminal."""
    room = _USUAL_PATH if columns is None else min(_USUAL_PATH, max(_LEAST_PATH, columns - _OTHERS - _MODEL))
    path = _shown(exchange.path)
    parts = [
        time.strftime("%H:%M:%S", time.localtime(now)),
        pad(cut(_shown(exchange.method), 7), 7),
        pad(path if columns is None else cut(path, room), room),
        f"{exchange.status:>3}",
        f"{exchange.seconds:>6.2f}s" if exchange.seconds < 1000 else f"{exchange.seconds:>6.0f}s",
        f"{_dollars(exchange.cost):>9}",
        exchange.refusal or _shown(exchange.model or ""),
    ]
    line = " ".join(parts).rstrip()
    return line if columns is None else cut(line, columns)


def _shown(text: str) -> str:
    return with_hidden(clean(text[:_MAX_SHOWN]), escaped)


def _dollars(cost: str | None) -> str:
    """Return a cost in US dollars with two significant digits; "" if it is unknown, or not a number."""
    try:
        value = float(cost or "")
    except ValueError:
        return ""
    if value - value != 0 or not 0 <= value < 10**6:
        return ""
    return f"${value:.2f}" if value >= 1 else f"${decimal_text(float(f'{value:.2g}'))}"
