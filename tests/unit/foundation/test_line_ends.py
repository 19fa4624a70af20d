"""The line ends of a file that is changed: those of the lines that stay stay, and the new ones are like most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.foundation.line_ends import with_own
from tests.effort import less_than


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "new\n", "new\n"),
        ("a", "a\nnew\n", "a\nnew\n"),
        ("a", "a\r\nnew\r\n", "a\nnew\n"),
        ("a\n", "a\nnew\n", "a\nnew\n"),
        ("a\r\n", "a\r\nnew\n", "a\r\nnew\r\n"),
        ("a\r\nb", "a\r\nb\nnew", "a\r\nb\r\nnew"),
        ("a\r\nb\n", "a\r\nnew\r\nb\n", "a\r\nnew\nb\n"),  # as many of each
        ("a\nb\r\n\r\nc\n\r\n", "a\nnew\nb\r\n\r\nmore\nc\n\r\n", "a\nnew\r\nb\r\n\r\nmore\r\nc\n\r\n"),
        ("a\r\nb\nc\r\n", "a\r\nc\r\n", "a\r\nc\r\n"),
        ("a\r\nold\nc\r\n", "a\r\nnew\nc\r\n", "a\r\nnew\r\nc\r\n"),
        ("a\rb\r\n", "a\rb\r\nnew\r\rx\n", "a\rb\r\nnew\r\rx\r\n"),
        ("a\u2028b\x0b\r\n", "a\u2028b\x0b\r\nn\x0cw\n", "a\u2028b\x0b\r\nn\x0cw\r\n"),
        ("a\r\n", "", ""),
    ],
)
def test_new_lines_end_as_most_did(before: str, after: str, expected: str) -> None:
    assert with_own(after, before) == expected


parts = st.lists(
    st.sampled_from(["a", "b", "", " "]).flatmap(lambda text: st.sampled_from([f"{text}\n", f"{text}\r\n"]))
)


@given(parts, parts, st.lists(st.sampled_from(["new\n", "more\n"])), st.booleans())
def test_what_stays_is_as_it_was(above: list[str], below: list[str], new: list[str], is_ended: bool) -> None:
    before = "".join(above + below) + ("" if is_ended else "end")
    own = "\r\n" if before.count("\r\n") > before.count("\n") / 2 else "\n"
    made = with_own("".join(above + new + below) + ("" if is_ended else "end"), before)
    assert made == "".join(above + [line[:-1] + own for line in new] + below) + ("" if is_ended else "end")
    assert with_own(before, before) == before


@pytest.mark.parametrize("size", [100, 100_000])
def test_it_takes_linear_time(size: int) -> None:
    with less_than(0.05 + size * 2e-5):
        with_own("b\na\r\n" * size, "a\r\nb\n" * size)
