"""What the properties are tried with, and how often: `@fuzz(...)` is `given` with the examples that a run has time for.

LITELLMCTL_CAMPAIGN=1 tries 20,000 examples of each property, other ones each time; LITELLMCTL_EXAMPLES says how many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

IS_CAMPAIGN = os.environ.get("LITELLMCTL_CAMPAIGN") == "1"
EXAMPLES = int(os.environ.get("LITELLMCTL_EXAMPLES") or (20_000 if IS_CAMPAIGN else 40))


def fuzz(*strategies: Any, share: float = 1.0, **named: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Try a property with these strategies; one that is slow takes a `share` of the examples."""

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        return settings(
            max_examples=max(5, int(EXAMPLES * share)),
            deadline=None,
            database=None,
            derandomize=not IS_CAMPAIGN,
            print_blob=IS_CAMPAIGN,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        )(given(*strategies, **named)(test))

    return decorated


def mostly(right: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what is `right` three times out of four: `one_of(right, right, other)` counts `right` once."""
    other = st.one_of(*others)
    return st.sampled_from([True, True, True, False]).flatmap(lambda is_right: right if is_right else other)


# --- texts ---

# What terminals act on, what nobody sees, what is half a character, what ends lines, and what formats take for syntax.
NASTY = [
    *("\x00", "\x07", "\x1b[31m", "\x1b]0;x\x07", "\x7f", "\x9b1m", "\x85", "\r\n", "\r", "\n", "\t", "\x0b", "\x0c", "\x1c"),
    *("\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\ufffe", "\ufffd", "\xad"),
    *("\ud800", "\udfff", "\ud83d\ude00", "\udc80", "\U0001f600", "\U000e0041", "é", "e\u0301", "日", "İ", "ß", "\u0131"),
    *("'", '"', "\\", "`", "$", "${X}", "$(x)", "!", "%", "#", "&", "*", "?", ":", "=", ",", ".", "/", "..", "//", "-", "--"),
    *("[", "]", "{", "}", "<", ">", "|", "~", "@", " ", "  ", "0", "-0", "1e999", "9" * 20, "NaN", "null", "true", "no"),
]  # fmt: skip
texts = st.one_of(
    st.text(st.characters(), max_size=20),
    st.lists(st.sampled_from(NASTY) | st.text("abcXYZ019", max_size=4), max_size=8).map("".join),
)
# Those that UTF-8 has.
plain_texts = texts.map(lambda text: text.encode("utf-8", "replace").decode())

# As JSON reads them back: two halves that follow each other are a character.
json_texts = texts.map(lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))

# --- JSON ---

numbers = st.one_of(
    st.integers(-3, 10),
    st.integers(),
    st.sampled_from([2**53, 2**63, -(2**63) - 1, 10**400, 1e308, 5e-324, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
# What json.loads gives, the numbers included that JSON does not have.
loose_scalars = st.one_of(scalars, st.sampled_from([float("nan"), float("inf"), float("-inf")]))


def trees(
    leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str] = texts, size: int = 8
) -> st.SearchStrategy[Any]:
    """Return JSON values with these leaves and keys."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=size
    )


values = trees(scalars)
loose_values = trees(loose_scalars)


def objects(fields: dict[str, Any], others: st.SearchStrategy[Any] = loose_values) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects, three of four whole: else with some of the fields, which may be anything, and unknown ones."""
    some = st.fixed_dictionaries({}, optional=fields)
    odd = st.fixed_dictionaries({}, optional={name: one | others for name, one in fields.items()})
    strange = mostly(st.just({}), st.dictionaries(texts, others, max_size=2))
    known = mostly(st.fixed_dictionaries(fields), some, odd)
    return st.tuples(strange, known).map(lambda pair: {**pair[0], **pair[1]})


# --- bytes ---


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """Return a file as it should be, cut off, with bytes changed, put in or taken out, or something else altogether."""
    data = draw(files)
    how = draw(
        st.sampled_from(
            [*["whole"] * 5, "cut", "change", "change", "insert", "remove", "twice", "crlf", "utf-16", "other"]
        )
    )
    place = draw(st.integers(0, len(data)))
    if how == "cut":
        return data[:place]
    if how == "change":
        data_ = bytearray(data)
        for _ in range(draw(st.integers(1, 3)) if data else 0):
            data_[draw(st.integers(0, len(data) - 1))] = draw(
                st.sampled_from(b'\x00"\\{}[],:0129e-tfnN\n\r \xff\x80') | st.integers(0, 255)
            )
        return bytes(data_)
    if how == "insert":
        return data[:place] + draw(st.binary(max_size=5) | texts.map(_bytes)) + data[place:]
    if how == "remove":
        return data[:place] + data[place + draw(st.integers(1, 9)) :]
    if how == "twice":
        return data + data
    if how == "crlf":
        return data.replace(b"\n", b"\r\n")
    if how == "utf-16":
        return data.decode("utf-8", "replace").encode("utf-16")
    if how == "other":
        return draw(
            st.binary(max_size=40)
            | st.sampled_from(
                [b"", b"\xef\xbb\xbf", b"\x00" * 9, b"[" * 9000, b'{"a":' * 9000, b"9" * 5000, b"null", b"[]", b"{}"]
            )
        )
    return data


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def as_json(value: Any) -> bytes:
    """Return a value as a file has it; what is half a character is an escape."""
    return json.dumps(value).encode()


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Return the data in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
