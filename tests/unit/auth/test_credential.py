"""What people set, paste or print as a key, and the key that it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.auth.credential import ConfiguredKey, key_in
from litellmctl.errors import ConfigFailure
from litellmctl.settings.values import Value

KEY = "sk-0123456789abcdef"


def configured(text: str) -> str:
    return ConfiguredKey("env", "LITELLM_API_KEY", Value("literal", text, "LITELLM_API_KEY")).secret()


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        " {}\r\n",
        "Bearer {}",
        "bearer  {}",
        "Authorization: Bearer {}",
        "authorization:Bearer {}",
        "'{}'",
        '"{}"',
        "`{}`",
        '"Bearer {}"',
        "LITELLM_API_KEY={}",
        "LITELLM_API_KEY='{}'",
        'api_key = "{}"',
        "api_key: {}",
        "x-litellm-api-key: {}",
        "export LITELLM_API_KEY={}",
        "export LITELLM_API_KEY='{}'",
        'export LITELLM_API_KEY="{}";',
        "export LITELLM_API_KEY='Bearer {}'",
        "set LITELLM_API_KEY={}",
        "setx LITELLM_API_KEY {}",
        "$env:LITELLM_API_KEY = '{}'",
    ],
)
@pytest.mark.parametrize("key", [KEY, "eyJhbGciOiJIUzI1NiJ9.e30.x-_", "litellm_login_abc"])
def test_what_surely_is_no_part_of_a_key_is_not_sent(around: str, key: str) -> None:
    assert configured(around.format(key)) == key


@pytest.mark.parametrize(
    "key",
    [
        "QUJDRA==",
        "user:password",
        "a=b",
        '"quoted"',
        "it's",
        "sk-a=sk-b",
        "sk-a:eyJb",
        "bearer-of-news",
        "export",
        "key=value",
        "=sk-a",
    ],
)
def test_what_may_be_a_part_of_a_key_stays(key: str) -> None:
    assert configured(key) == key


def test_any_key_that_is_exported_is_taken() -> None:
    assert configured("export MY_KEY='password-less'") == "password-less"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("Bearer", "is empty"),
        ("Bearer ", "is empty"),
        ("export LITELLM_API_KEY=", "is empty"),
        ("export LITELLM_API_KEY=''", "is empty"),
        (f"{KEY} {KEY}", "contains spaces"),
        (f"{KEY} # mine", "contains spaces"),
        (f"Bearer {KEY} {KEY}", "contains spaces"),
        (f"{KEY}\n{KEY}", "contains a control character"),
        (f"“{KEY}”", "non-ASCII character"),
        (f"\ufeff{KEY}", "non-ASCII character"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str, words: str) -> None:
    with pytest.raises(ConfigFailure) as failure:
        configured(text)
    assert failure.value.message.startswith("LITELLM_API_KEY ")
    assert words in failure.value.message
    assert KEY not in f"{failure.value.message} {failure.value.remedy}"


@given(st.text(max_size=200))
def test_the_key_in_any_text_is_a_part_of_it(text: str) -> None:
    assert key_in(text) in text


@pytest.mark.parametrize(
    "text", ["export A=" * 20_000, "Bearer " * 20_000, "'" * 50_000, "a=" * 30_000 + KEY, " " * 60_000]
)
def test_a_long_text_takes_no_time(text: str) -> None:
    key_in(text)
