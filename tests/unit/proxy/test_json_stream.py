from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.proxy.json_stream import MAX_ROWS, Malformed, TooManyRows, rows

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
# Numbers on their own are split in every place below.
ELEMENTS = st.lists(
    VALUES.filter(lambda value: isinstance(value, bool) or not isinstance(value, int | float)), max_size=5
)


def cut(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Yield `body` in pieces, some of them empty."""
    places = sorted(place % (len(body) + 1) for place in cuts)
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        yield body[start:end]


@given(
    elements=ELEMENTS, before=TEXTS, after=ELEMENTS, cuts=st.lists(st.integers(min_value=0), max_size=8), data=st.data()
)
def test_gives_what_json_loads_gives_however_the_body_is_cut(
    elements: list[Any], before: str, after: list[Any], cuts: list[int], data: st.DataObject
) -> None:
    document = {f"-{before}": elements[::-1], "data": elements, "after": after}
    text = json.dumps(
        document, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 0, 3, "\t", "\r\n"]))
    )
    assert list(rows(cut(text.encode(), cuts))) == json.loads(text)["data"] == elements


TRICKY = (
    r'{"n": [1, -2.5e-3], "data": [{"a": "é😀\"\\\u00e9\ud83d\ude00"}, [], null, "}],", true, {"x": 1.5E+7}], "z": {}}'
)


def test_a_cut_in_a_character_an_escape_or_a_number_changes_nothing() -> None:
    body = TRICKY.encode()
    expected = json.loads(TRICKY)["data"]
    for place in range(len(body) + 1):
        assert list(rows([body[:place], body[place:]])) == expected, body[:place]
    assert list(rows(body[place : place + 1] for place in range(len(body)))) == expected


@pytest.mark.parametrize("body", [b"[12.5e-07, -0.5E+3, 10, -1]", b'{"count": 12.5e-07, "data": [-0.5E+3]}'])
def test_a_number_on_its_own_may_be_cut_anywhere(body: bytes) -> None:
    whole = json.loads(body)
    for place in range(len(body) + 1):
        assert list(rows([body[:place], body[place:]])) == (whole if isinstance(whole, list) else whole["data"])


def test_an_integer_on_its_own_may_be_cut_anywhere() -> None:
    body = b'{"count": 1234, "data": [12, -345, 0, 6789]}'
    for place in range(len(body) + 1):
        assert list(rows([body[:place], body[place:]])) == [12, -345, 0, 6789]


def test_reads_a_bare_array_and_an_array_under_another_key() -> None:
    assert list(rows([b'\xef\xbb\xbf [1, {"a": 2}] \n'])) == [1, {"a": 2}]
    assert list(rows([b'{"data": 5, "servers": ["a"]}'], key="servers")) == ["a"]


def test_only_the_outermost_array_of_that_name_counts() -> None:
    assert list(rows([b'{"x": {"data": [1]}, "data": [{"data": [2]}]}'])) == [{"data": [2]}]


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert list(rows([b'["a\xff', b'b"]'])) == ["a\ufffdb"]


@pytest.mark.parametrize(
    "body",
    [
        *("", " \n", "<html>", "null", '"data"', "5", "{}", '{"data": {}}', '{"data": null}', '{"date": [1]}'),
        *('{"data": [1', '{"data": [1]', '{"data": [1],', '{"data": [{"a": 1', '{"data": ["a', '{"data": [tru', "{"),
        *(
            '{"data": [1]} x',
            "[1] [2]",
            "[1,]",
            "[1 2]",
            "[,1]",
            "{data: []}",
            '{"data" []}',
            '{"a": 1 "data": []}',
            "]",
        ),
        "[" * 200_000,
        "[" + "1" * 5000 + "]",
        *("['a']", '[{"a":}]', '["\n"]', "[01]"),
    ],
)
def test_a_body_that_is_no_such_document_is_malformed(body: str) -> None:
    with pytest.raises(Malformed):
        list(rows([body.encode()]))
    with pytest.raises(Malformed):
        list(rows(cut(body.encode(), [1, 2, 7])))


def test_a_comma_before_the_closing_brace_is_malformed() -> None:
    with pytest.raises(Malformed):
        list(rows([b'{"data": [1],}']))


def test_malformed_carries_the_beginning_of_the_body_and_comes_after_the_good_rows() -> None:
    elements = rows([b'[{"a": 1}, ', b"<html>" + b"x" * 500])
    assert next(elements) == {"a": 1}
    with pytest.raises(Malformed) as failure:
        next(elements)
    assert failure.value.start == '[{"a": 1}, '


def test_the_beginning_of_a_long_body_is_short() -> None:
    with pytest.raises(Malformed) as failure:
        list(rows([b"<html>" + b"x" * 5000]))
    assert failure.value.start == "<html>" + "x" * 94


def test_a_row_is_there_before_the_rest_of_the_body_is() -> None:
    taken: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(5):
            taken.append(number)
            yield b'{"data": [{"n": 0},' if number == 0 else b'{"n": %d}%s' % (number, b"," if number < 4 else b"]}")

    elements = rows(chunks())
    assert next(elements) == {"n": 0}
    assert taken == [0]
    assert list(elements) == [{"n": number} for number in range(1, 5)]
    assert taken == [0, 1, 2, 3, 4]


def test_too_many_rows_are_not_taken_for_a_malformed_body() -> None:
    body = b"[" + b"1," * MAX_ROWS + b"1]"
    with pytest.raises(TooManyRows):
        for _ in rows([body]):
            pass
    assert sum(1 for _ in rows([b"[" + b"1," * (MAX_ROWS - 1) + b"1]"])) == MAX_ROWS
