"""What people paste, what a JWT says of itself, and what the proxy's clock and times mean."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.auth.claims import claims_of, expiry_of
from litellmctl.auth.new_token import MAX_CHARACTERS, NewToken, of_text
from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.foundation.times import clock_difference, parse_time, timestamp

KEY = "sk-0123456789abcdef"
# What a header can carry without white space: all that a token is made of.
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200).filter(
    lambda text: not text.lower().startswith(("bearer", "authorization:"))
)
BLANKS = st.text(" \t\r\n", max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def encoded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def json_web_token(claims: Any, header: Any = None) -> str:
    return f"{encoded({'alg': 'HS256'} if header is None else header)}.{encoded(claims)}.c2lnbmF0dXJl"


# What people paste


@given(TOKENS, BLANKS, BLANKS)
def test_white_space_around_a_token_is_not_a_part_of_it(token: str, before: str, behind: str) -> None:
    assert of_text(f"{before}{token}{behind}").token == token


@given(TOKENS, st.sampled_from(["Bearer ", "bearer ", "BEARER  ", "Authorization: Bearer ", "authorization:bearer "]))
def test_what_stands_before_a_token_in_a_header_is_not_a_part_of_it(token: str, before: str) -> None:
    assert of_text(f"{before}{token}\r\n").token == token


def test_a_colon_in_a_token_is_a_part_of_it() -> None:
    assert of_text("Authorization: Bearer team:key").token == "team:key"


@pytest.mark.parametrize("token", ["Bearer", "bearer-of-news", "BearerX", "sk-Bearer", "authorization", "x:y"])
def test_a_token_that_only_looks_like_a_header_is_one(token: str) -> None:
    if token == "Bearer":
        with pytest.raises(UsageFailure, match="empty"):
            of_text(token)
    else:
        assert of_text(token).token == token


@given(st.text(max_size=300))
@example("")
@example("Bearer \n")
@example("Authorization: Bearer Authorization: Bearer x")
@example("a\u2028b")
@example("a\x00b")
@example("\ud800")
@example("..")
def test_whatever_is_pasted_it_is_a_token_that_can_be_sent_or_exit_2(text: str) -> None:
    token = refusal = None
    try:
        token = of_text(text).token
    except UsageFailure as failure:
        refusal = failure
    if refusal is not None:
        assert refusal.exit_code == ExitCode.USAGE
    if token is not None:
        assert token.isascii()
        assert token.isprintable()
        assert " " not in token
        assert token in text


EMPTY = ("the token is empty", "give the key, or a token copied from the proxy's own pages")
SEVERAL = ("the token has several lines or words", "give the token alone, on one line")
UNSENDABLE = ("the token contains a control character or one that is not ASCII", "copy the key again")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", EMPTY),
        (" \r\n\t", EMPTY),
        ("Authorization:", EMPTY),
        ("Authorization: Bearer", EMPTY),
        (f"{KEY}\n{KEY}", SEVERAL),
        (f"{KEY} {KEY}", SEVERAL),
        (f"{KEY}\xa0{KEY}", SEVERAL),
        (f"{KEY}\x00", UNSENDABLE),
        (f"{KEY}\x9b", UNSENDABLE),
        (f"\u200b{KEY}", UNSENDABLE),
        ("“sk-typographic”", UNSENDABLE),
        ("x" * MAX_CHARACTERS, ("this is too long for a token", "give the token alone")),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(text: str, refusal: tuple[str, str]) -> None:
    with pytest.raises(UsageFailure) as caught:
        of_text(text)
    assert (caught.value.message, caught.value.remedy) == refusal


def test_a_token_just_short_of_the_limit_is_taken() -> None:
    assert len(of_text("x" * (MAX_CHARACTERS - 1)).token) == MAX_CHARACTERS - 1


def test_a_key_is_a_key_and_says_nothing_of_itself() -> None:
    assert of_text(KEY) == (KEY, "api_key", None, False, *[None] * 6)


def test_the_token_of_litellms_own_sign_in_is_single_sign_on() -> None:
    assert of_text("litellm_login_abc") == NewToken("litellm_login_abc", "sso")


def test_a_json_web_token_is_single_sign_on_until_its_end_by_the_proxys_clock() -> None:
    token = json_web_token({"exp": 1_790_000_000, "user_id": "u"})
    obtained = of_text(f"Bearer {token}")
    assert obtained == NewToken(token, "sso", 1_790_000_000.0, by_proxy_clock=True)
    assert obtained.is_json_web_token
    assert not of_text(KEY).is_json_web_token


@pytest.mark.parametrize(
    ("key", "inner"),
    [("sk-inner", "sk-inner"), ("other", None), ("sk-é", None), ("", None), (7, None), (None, None), (["sk-x"], None)],
)
def test_the_key_inside_a_json_web_token_is_known(key: Any, inner: str | None) -> None:
    obtained = of_text(json_web_token({"key": key}))
    assert obtained.inner_key == inner
    assert "inner" not in repr(obtained)


@pytest.mark.parametrize("show", [repr, str, "{0!r}".format, lambda it: f"{it}"])
def test_a_token_is_not_shown(show: Any) -> None:
    obtained = NewToken(KEY, "sso", refresh_token="rt-secret", user_id="u")
    assert show(obtained) == "NewToken('sso')"


# What a JWT says


@given(st.dictionaries(st.text(), ANYTHING, max_size=4))
def test_claims_are_read_as_they_were_written(claims: dict[str, Any]) -> None:
    read = claims_of(json_web_token(claims))
    assert json.dumps(read) == json.dumps(json.loads(json.dumps(claims)))


@given(st.text() | st.builds(".".join, st.lists(st.text(), min_size=3, max_size=3)))
@example("..")
@example("a.b.c")
@example(f"{encoded([])}.{encoded({})}.x")
@example(f"{encoded({'typ': 'JWT'})}.{encoded({})}.x")
@example(f"{encoded({'alg': 'none'})}.{encoded([1])}.x")
@example(f"{encoded(b'[' * 100_000)}.{encoded({})}.x")
@example(f"{encoded({'alg': 'none'})}.{encoded(b'9' * 10_000)}.x")
@example(f"{encoded({'alg': 'none'})}.{encoded(bytes(range(256)))}.x")
@example(f"{encoded({'alg': 'none'})}.é.x")
def test_what_is_no_json_web_token_has_no_claims(text: str) -> None:
    assert claims_of(text) is None


def test_a_json_web_token_has_three_parts() -> None:
    parts = [encoded({"alg": "HS256"}), encoded({"a": 1}), "x", "y"]
    assert [claims_of(".".join(parts[:count])) for count in range(5)] == [None, None, None, {"a": 1}, None]


@given(ANYTHING)
@example(True)
@example(float("nan"))
@example(float("inf"))
@example(-1)
@example(0)
@example(2**40)
@example(10**400)
@example("1790000000")
def test_an_end_is_a_time_or_unknown(value: Any) -> None:
    end = expiry_of({"exp": value})
    if end is not None:
        assert not isinstance(value, bool)
        assert 0 < end < 2**40
        assert end == value
        timestamp(end)


def test_an_end_may_have_fractions_or_be_missing() -> None:
    assert expiry_of({"exp": 1_790_000_000.5}) == 1_790_000_000.5
    assert expiry_of({"exp": 0.5}) == 0.5
    assert expiry_of({}) is None


# The proxy's clock and times


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
