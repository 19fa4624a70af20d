"""Limits and prices as people write them: 128K tokens, 0.15 dollars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from litellmctl.catalog.model import PRICES, OtherPrice, Tier
from litellmctl.foundation.text import clean, decimal_text

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_LIMIT = r"([0-9][0-9_,]*(?:\.[0-9]+)?)([km]?)"
# More digits than any limit has; Python refuses to read thousands of them.
_MAX_LIMIT = 24


@lru_cache(maxsize=4096)  # thousands of models have a few dozen limits
def limit_text(tokens: int | None) -> str:
    """Return a limit at a glance: 131072 and 128000 are 128K, 1048576 is 1M, 1050000 is 1.05M; "" where unknown.

    Multiples of 1024, and the numbers just below them, are in units of 1024, all others in units of 1000, cut to three
    digits. Both have the same text: the exact number is in `models show`, JSON and TSV. `parsed_limit` of the text is
    never larger than the limit.
    """
    if tokens is None:
        return ""
    base = 1000
    if tokens >= base and tokens % 1000 and (tokens + 1) % 1024 < 2:
        base, tokens = 1024, (tokens + 1) // 1024 * 1024
    power = 0 if tokens < base else 1 if tokens < base**2 else 2
    size = base**power
    scale = 100 if tokens < 10 * size else 10 if tokens < 100 * size else 1
    cut = tokens * scale // size
    return f"{cut if scale == 1 else f'{cut / scale:g}'}{('', 'K', 'M')[power]}"


def exact_limit_text(tokens: int | None) -> str:
    """Return a limit as a table shows it, with the exact number where that is another: `128K (131,072)`."""
    text = limit_text(tokens)
    return text if tokens is None or parsed_limit(text) == tokens else f"{text} ({tokens:,})"


def parsed_limit(text: str) -> int | None:
    """Return the tokens that a text names: 128000, 128_000, 128k, 1.05m, with K of 1000; None where it names none.

    K is 1000, so that "at least 128k" admits windows of 128,000 and of 131,072 tokens.
    """
    found = re.fullmatch(_LIMIT, text.strip().lower()) if len(text) <= _MAX_LIMIT else None
    if found is None:
        return None
    whole, _, rest = found[1].replace("_", "").replace(",", "").partition(".")
    # In integers: 1.1 times a million is not a whole number of floats.
    tokens, remainder = divmod(int(whole + rest) * _UNITS[found[2]], 10 ** len(rest))
    return tokens if remainder == 0 else None


@lru_cache(maxsize=4096)  # thousands of models have a few hundred prices
def price_text(dollars: float | None) -> str:
    """Return US dollars with two decimals, or as many as it takes: 0.15, 10.00, 0.0375, 0; "" where unknown."""
    if dollars is None:
        return ""
    whole, point, decimals = decimal_text(dollars).partition(".")
    return whole if dollars == 0 else f"{whole}.{decimals:0<2}" if point else f"{whole}.00"


def dollar_text(dollars: float | None) -> str:
    """Return US dollars with their sign: $2.50; "?" where unknown."""
    return "?" if dollars is None else f"${price_text(dollars)}"


def tier_texts(tiers: Sequence[Tier]) -> list[str]:
    """Return prices above thresholds, one text for each: `above 200K tokens: input $2.50, output $15.00, ...`."""
    return [
        f"above {limit_text(tier['above'])} tokens: "
        + ", ".join(f"{name} {dollar_text(tier[name])}" for name in PRICES)  # type: ignore[literal-required]
        for tier in tiers
    ]


def other_texts(others: Sequence[OtherPrice]) -> list[str]:
    """Return prices for one of something other than a token: `input $0.0001 per second`, `output $0.04 per image`."""
    return [
        f"{other['of'] or ''} ${price_text(other['price'])} per {clean(other['per'].replace('_', ' '))}".lstrip()
        for other in others
    ]
