"""Moments: the proxy's clock beside ours, ISO 8601, and how old something is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.foundation.times import age_text, clock_difference, is_fresh, is_time, parse_time, timestamp


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this machine where the time is not UTC's, which only POSIX can do for a process."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-05:30")
        if hasattr(time, "tzset"):
            time.tzset()
        yield
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.mark.parametrize("off", [-3600, -1, 0, 90, 3600])
def test_a_clock_is_ahead_by_how_much_it_shows_more_than_the_proxys(off: int) -> None:
    ahead = clock_difference(formatdate(time.time() - off, usegmt=True))
    assert ahead == pytest.approx(off, abs=1.5)


@given(
    st.none() | st.text(max_size=60) | st.from_regex(r"\w{3}, \d{1,9} \w{3} \d{1,12} \d{1,9}:\d{2}:\d{2} [+-]?\w{1,9}")
)
@example(None)
@example("")
@example("yesterday")
@example("Tue, 99 Nov 2026 10:00:00 GMT")
@example("Tue, 10 Nov 99999 10:00:00 GMT")
@example("Tue, 10 Nov 2026 10:00:00 +99999999999999999999")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 01 Jan 1 00:00:00 -0000")
@example("Sat, 01 Jan 2000 00:00:00")
def test_whatever_stands_in_a_date_header_does_no_harm(date: str | None) -> None:
    ahead = clock_difference(date)
    assert ahead is None or math.isfinite(ahead)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01 00:00:10+00:00", 10),
        ("1970-01-01T02:00:00+02:00", 0),
        ("2026-11-22T09:21:31.579000+00:00", 1_795_339_291.579),
        ("2026-11-22T09:21:31.579000Z", 1_795_339_291.579),
        ("2026-11-22", 1_795_305_600),
        (None, None),
        ("", None),
        ("tomorrow", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-11-22T25:00:00Z", None),
        ("1795339291", None),
    ],
)
def test_a_time_of_the_proxys_is_in_utc_where_it_says_nothing(
    text: str | None, seconds: float | None, elsewhere: None
) -> None:
    assert parse_time(text) == seconds


@given(
    st.none() | st.text(max_size=40) | st.datetimes(timezones=st.none() | st.timezones()).map(str) | st.dates().map(str)
)
@example("0001-01-01T00:00:00+23:59")
@example("0001-01-01T00:00:00")
@example("9999-12-31T23:59:59.999999-23:59")
@example("2026-11-22T09:21:31+99:99")
def test_whatever_stands_for_a_time_can_be_printed_or_is_unknown(text: str | None) -> None:
    seconds = parse_time(text)
    if seconds is not None:
        assert math.isfinite(seconds)
        assert timestamp(seconds).endswith("Z")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (0.9, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (86400, "1 day"),
        (10 * 86400, "10 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((0, True), (1.5, True), (-1, True), (2**42, False), (float("nan"), False), (float("inf"), False)),
        *((True, False), (None, False), ("0", False), ([], False)),
    ],
)
def test_a_moment_is_a_number_within_all_calendars(value: object, found: bool) -> None:
    assert is_time(value) is found


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (50, True), (70, False), (-50, True), (-70, False)])
def test_a_moment_far_in_the_future_is_no_fresher_than_one_long_ago(age: float, fresh: bool) -> None:
    assert is_fresh(time.time() - age, 60) is fresh
