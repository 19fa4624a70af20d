"""What people paste or pipe as a token, and what is known about it then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litellmctl.auth.new_token import MAX_CHARACTERS, NewToken, of_text
from litellmctl.errors import ExitCode, UsageFailure
from tests.logins import json_web_token

KEY = "sk-0123456789abcdef"
# What a header can carry without white space: all that a token is made of.
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200).filter(
    lambda text: not text.lower().startswith(("bearer", "authorization:"))
)
BLANKS = st.text(" \t\r\n", max_size=5)


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


EMPTY = ("the token is empty", "pass an API key, or a token copied from the proxy's pages")
SEVERAL = ("the token has several lines or words", "pass the key or token alone, on one line")
UNSENDABLE = ("the token contains a control character or a non-ASCII character", "copy the key again")


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
        ("x" * MAX_CHARACTERS, ("the token is too long", "pass the key or token alone")),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(text: str, refusal: tuple[str, str]) -> None:
    with pytest.raises(UsageFailure) as caught:
        of_text(text)
    assert (caught.value.message, caught.value.remedy) == refusal


def test_a_token_just_short_of_the_limit_is_taken() -> None:
    assert len(of_text("x" * (MAX_CHARACTERS - 1)).token) == MAX_CHARACTERS - 1


def test_a_key_is_a_key_and_says_nothing_of_itself() -> None:
    assert of_text(KEY) == (KEY, "api_key", None, False, *[None] * 7)


def test_the_token_of_litellms_own_sign_in_is_single_sign_on() -> None:
    assert of_text("litellm_login_abc") == NewToken("litellm_login_abc", "sso")


def test_a_json_web_token_is_single_sign_on_until_its_end_by_the_proxys_clock() -> None:
    token = json_web_token(exp=1_790_000_000, user_id="u")
    obtained = of_text(f"Bearer {token}")
    assert obtained == NewToken(token, "sso", 1_790_000_000.0, by_proxy_clock=True)
    assert obtained.is_json_web_token
    assert not of_text(KEY).is_json_web_token


@pytest.mark.parametrize(
    ("key", "inner"),
    [("sk-inner", "sk-inner"), ("other", None), ("sk-é", None), ("", None), (7, None), (None, None), (["sk-x"], None)],
)
def test_the_key_inside_a_json_web_token_is_known(key: Any, inner: str | None) -> None:
    obtained = of_text(json_web_token(key=key))
    assert obtained.inner_key == inner
    assert "inner" not in repr(obtained)


@pytest.mark.parametrize("show", [repr, str, "{0!r}".format, lambda it: f"{it}"])
def test_a_token_is_not_shown(show: Any) -> None:
    obtained = NewToken(KEY, "sso", refresh_token="rt-secret", user_id="u")
    assert show(obtained) == "NewToken('sso')"
