"""Prices in words, for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from litellmctl.catalog.model import PRICES, OtherPrice, Tier
from litellmctl.foundation.text import clean


def tiers_text(tiers: Sequence[Tier]) -> str:
    """Return prices above thresholds: `above 200000 tokens: input 2.5, output 15; above ...`."""
    return "; ".join(
        f"above {tier['above']} tokens: " + ", ".join(f"{name} {amount(tier[name]) or '?'}" for name in PRICES)  # type: ignore[literal-required]
        for tier in tiers
    )


def others_text(others: Sequence[OtherPrice]) -> str:
    """Return prices for one of something else than a token: `input 0.0001 per second, output 0.04 per image`."""
    return ", ".join(
        f"{other['of'] or ''} {amount(other['price'])} per {clean(other['per'].replace('_', ' '))}".lstrip()
        for other in others
    )


def amount(dollars: float | None) -> str:
    """Return US dollars without an exponent: 0.00003083, 15; "" where they are unknown."""
    return "" if dollars is None else f"{Decimal(repr(dollars)):f}".removesuffix(".0")
