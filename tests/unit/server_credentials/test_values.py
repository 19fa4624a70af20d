"""Values of credentials, and dotenv files."""

from __future__ import annotations

import pytest

from litellmctl.errors import UsageFailure
from litellmctl.server_credentials.values import MAX_BYTES, value_of, variables_in


@pytest.mark.parametrize(
    "given", ["key", "key\n", "\r\n  key\t\n\n", b"key\r\n", b"\xef\xbb\xbfkey", "a" * MAX_BYTES, "two words", "a=b#c'"]
)
def test_a_value_without_the_white_space_around_it(given: bytes | str) -> None:
    text = given.decode("utf-8-sig") if isinstance(given, bytes) else given
    assert value_of(given, named="the key") == text.strip()


@pytest.mark.parametrize(
    "given", ["", " \n", "a\nb", "a\rb", "\x00", "a\tb", "\u00e4", "a\x7f", b"\xff", "a" * (MAX_BYTES + 1)]
)
def test_a_value_that_no_header_can_hold(given: bytes | str) -> None:
    with pytest.raises(UsageFailure, match=r"^the key ") as caught:
        value_of(given, named="the key")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        (" export A = 1 ", "1"),
        ("A='1 # 2' # three", "1 # 2"),
        ('A="it\'s"', "it's"),
        ("A=it's", "it's"),
        ("A=a#b", "a#b"),
        ("A=a #b", "a"),
        ("A=$B", "$B"),
        ("A==", "="),
        ('A="a" b', '"a" b'),
    ],
)
def test_a_line_of_a_dotenv_file(line: str, value: str) -> None:
    assert variables_in(f"# A=0\n\n{line}\nB=2\r\n", ["A"], named=".env") == ({"A": value}, 1)


def test_the_last_line_counts() -> None:
    assert variables_in("A=1\nA=2", ["A", "B"], named=".env") == ({"A": "2"}, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ".env has none of the variables A, B"),
        ("C=1", ".env has none of the variables A, B (it has 1 other variable)"),
        ("A", ".env: line 1: expected NAME=VALUE"),
        ("A=1\n1=2\n=\n", ".env: lines 2, 3: expected NAME=VALUE"),
        ("-\n" * 9, ".env: lines 1, 2, 3, 4, 5 and 4 more: expected NAME=VALUE"),
        ("A=", "A in .env is empty"),
        ("A=#", "A in .env is empty"),
        ("A=\u00e4", "A in .env contains a control character or a non-ASCII character"),
    ],
)
def test_a_dotenv_file_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        variables_in(text, ["A", "B"], named=".env")
    assert caught.value.message == message
