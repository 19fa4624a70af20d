"""Limits and prices as people write them."""

from __future__ import annotations

import pytest

from litellmctl.catalog.model import OtherPrice, Tier
from litellmctl.catalog.units import (
    dollar_text,
    exact_limit_text,
    limit_text,
    other_texts,
    parsed_limit,
    price_text,
    tier_texts,
)


@pytest.mark.parametrize(
    ("tokens", "text", "exact"),
    [
        (None, "", ""),
        (1, "1", "1"),
        (512, "512", "512"),
        (1000, "1K", "1K"),
        (1024, "1K", "1K (1,024)"),
        (4096, "4K", "4K (4,096)"),
        (8191, "8K", "8K (8,191)"),
        (8192, "8K", "8K (8,192)"),
        (10_000, "10K", "10K"),
        (16_384, "16K", "16K (16,384)"),
        (32_768, "32K", "32K (32,768)"),
        (65_535, "64K", "64K (65,535)"),
        (65_536, "64K", "64K (65,536)"),
        (128_000, "128K", "128K"),
        (131_072, "128K", "128K (131,072)"),
        (200_000, "200K", "200K"),
        (202_752, "198K", "198K (202,752)"),
        (999_999, "999K", "999K (999,999)"),
        (1_000_000, "1M", "1M"),
        (1_047_576, "1.04M", "1.04M (1,047,576)"),
        (1_048_575, "1M", "1M (1,048,575)"),
        (1_048_576, "1M", "1M (1,048,576)"),
        (1_050_000, "1.05M", "1.05M"),
        (2_097_152, "2M", "2M (2,097,152)"),
        (10_485_760, "10M", "10M (10,485,760)"),
    ],
)
def test_a_limit_is_as_people_write_it_with_the_exact_number_where_that_is_another(
    tokens: int | None, text: str, exact: str
) -> None:
    assert limit_text(tokens) == text
    assert exact_limit_text(tokens) == exact


def test_what_a_table_shows_can_be_typed_and_is_never_larger_than_the_limit() -> None:
    for tokens in [*range(1, 5000), *(2**power + more for power in range(12, 54) for more in range(-1025, 1026, 41))]:
        shown = parsed_limit(limit_text(tokens))
        assert shown is not None
        assert 0.9 * tokens <= shown <= tokens
        assert len(limit_text(tokens)) <= 5 or tokens > 10**9


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("128000", 128_000),
        ("128k", 128_000),
        ("128K", 128_000),
        (" 1m ", 1_000_000),
        ("1_000_000", 1_000_000),
        ("128,000", 128_000),
        ("1.05m", 1_050_000),
        ("1.1M", 1_100_000),
        ("0", 0),
        ("0.5", None),
        ("1.0005k", None),
        ("", None),
        ("k", None),
        ("-1", None),
        ("1e6", None),
        ("12q", None),
        ("\u0661", None),
        ("9" * 5000, None),
    ],
)
def test_a_number_of_tokens_is_read_with_k_of_a_thousand(text: str, tokens: int | None) -> None:
    assert parsed_limit(text) == tokens


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (0, "0"),
        (0.15, "0.15"),
        (0.6, "0.60"),
        (10.0, "10.00"),
        (10, "10.00"),
        (0.0375, "0.0375"),
        (3.083e-05, "0.00003083"),
    ],
)
def test_a_price_has_two_decimals_or_as_many_as_it_takes(dollars: float | None, text: str) -> None:
    assert price_text(dollars) == text
    assert dollar_text(dollars) == (f"${text}" if text else "?")


def test_each_tier_names_its_threshold_and_prices() -> None:
    tiers = [
        Tier(above=0, input=0.4, output=1.2, cache_read=None, cache_write=0.0),
        Tier(above=200_000, input=None, output=15.0, cache_read=0.1, cache_write=None),
    ]
    assert tier_texts(tiers) == [
        "above 0 tokens: input $0.40, output $1.20, cache_read ?, cache_write $0",
        "above 200K tokens: input ?, output $15.00, cache_read $0.10, cache_write ?",
    ]
    assert tier_texts([]) == []


def test_other_prices_name_their_thing() -> None:
    others = [
        OtherPrice(of="input", per="video_per_second", price=0.00049),
        OtherPrice(of=None, per="page", price=0.004),
        OtherPrice(of="output", per="x\x1b[31m", price=1.0),
    ]
    assert other_texts(others) == ["input $0.00049 per video per second", "$0.004 per page", "output $1.00 per x[31m"]
    assert other_texts([]) == []
