from __future__ import annotations

import math
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.proxy.retry_after import seconds_of


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        (" 30 ", 30),
        ("0.5", 0.5),
        ("1" + "0" * 20, math.inf),
        ("9" * 5000, math.inf),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1e9", None),
        ("NaN", None),
        ("inf", None),
        ("\u0661\u0662", None),
        ("1, 2", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 32 Oct 2099 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, " * 10_000, None),
    ],
)
def test_seconds_are_told_and_garbage_is_nothing(after: str, seconds: float | None) -> None:
    assert seconds_of({"retry-after": after}) == seconds


def test_nothing_is_asked_without_the_header() -> None:
    assert seconds_of({}) is None


@pytest.mark.parametrize("ahead", [-86400, 0, 86400 * 365])
def test_a_date_counts_from_the_servers_own_clock(ahead: int) -> None:
    """Ours may be wrong by any time."""
    now = time.time() + ahead
    headers = {"retry-after": formatdate(now + 90, usegmt=True), "date": formatdate(now, usegmt=True)}
    assert seconds_of(headers) == 90


def test_a_date_counts_from_our_clock_where_the_server_has_none() -> None:
    for date in ({}, {"date": "garbage"}):
        seconds = seconds_of({"retry-after": formatdate(time.time() + 3600, usegmt=True), **date})
        assert seconds is not None
        assert 3300 < seconds <= 3600


def test_the_last_year_is_far_away() -> None:
    seconds = seconds_of({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"})
    assert seconds is not None
    assert 1e11 < seconds < 1e12


@given(st.text(max_size=60))
def test_whatever_it_says_it_is_a_wait_or_nothing(after: str) -> None:
    seconds = seconds_of({"retry-after": after})
    assert seconds is None or seconds >= 0
