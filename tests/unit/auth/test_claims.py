"""What a JSON Web Token says about itself, and what is none."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.auth.claims import claims_of, expiry_of
from litellmctl.foundation.times import timestamp
from tests.logins import encoded, json_web_token

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), ANYTHING, max_size=4))
def test_claims_are_read_as_they_were_written(claims: dict[str, Any]) -> None:
    read = claims_of(json_web_token(**claims))
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
