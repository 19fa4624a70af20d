"""Prices in words."""

from __future__ import annotations

import pytest

from litellmctl.catalog.model import OtherPrice, Tier
from litellmctl.catalog.price_text import amount, others_text, tiers_text


def test_tiers_say_from_where_on_and_what() -> None:
    tiers = [
        Tier(above=0, input=0.4, output=1.2, cache_read=None, cache_write=0.0),
        Tier(above=200_000, input=None, output=15.0, cache_read=0.1, cache_write=None),
    ]
    assert tiers_text(tiers) == (
        "above 0 tokens: input 0.4, output 1.2, cache_read ?, cache_write 0; "
        "above 200000 tokens: input ?, output 15, cache_read 0.1, cache_write ?"
    )
    assert tiers_text([]) == ""


def test_other_prices_say_for_what() -> None:
    others = [
        OtherPrice(of="input", per="video_per_second", price=0.00049),
        OtherPrice(of=None, per="page", price=0.004),
        OtherPrice(of="output", per="x\x1b[31m", price=1.0),
    ]
    assert others_text(others) == "input 0.00049 per video per second, 0.004 per page, output 1 per x[31m"
    assert others_text([]) == ""


@pytest.mark.parametrize(
    ("dollars", "text"),
    [(None, ""), (0.0, "0"), (15.0, "15"), (3.083e-05, "0.00003083"), (1e-13, "0.0000000000001"), (1e6, "1000000")],
)
def test_an_amount_has_no_exponent(dollars: float | None, text: str) -> None:
    assert amount(dollars) == text
