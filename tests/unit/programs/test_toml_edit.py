"""Changes to TOML that `test_documents.py` does not make: what is where, and what cannot be found."""

from __future__ import annotations

import tomllib

import pytest

from litellmctl.programs.toml_edit import with_table_below, without
from tests.effort import less_than


@pytest.mark.parametrize("keys", [("x",), ("a", "x"), ("a", "b", "c"), ("n", "x"), ("t", "x")])
def test_what_is_not_there_is_not_removed(keys: tuple[str, ...]) -> None:
    text = "n = 1\n[a] # a\nb = 1\n[[t]]\nx = 1\n"
    assert without(text, keys) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a.b]\nx = 1\n[a.b.c]\ny = 1\n[[a.b.d]]\nz = 1\n[a.bb]\n", "[a.bb]\n"),
        ("[a]\nb.x = 1\nb.y = 2\nc = 3\n", "[a]\nc = 3\n"),
        ("a = {c = 2, b = {x = 1}}\n", "a = {c = 2}\n"),
        ('["a"."b"]\nx = 1\n\n# the end\n', "# the end\n"),
        ("[a.b]\nx = '''\n[z]\n'''\n[c]\n", "[c]\n"),
        ("[a.b]\nx = [\n[1],\n]\n[c]\n", "[c]\n"),
        ("[a.b]\nx = 1", ""),
    ],
)
def test_a_table_is_removed_in_whatever_form_it_is(before: str, after: str) -> None:
    found = without(before, ("a", "b"))
    assert tomllib.loads(found) == tomllib.loads(after)
    assert found.strip() == after.strip() or "{" in after  # tomlkit may keep a space


def test_a_table_moves_to_the_end() -> None:
    assert with_table_below("[a.b]\nx = 1\n\n[c]\n", ("a", "b"), {"x": 2}) == "[c]\n\n[a.b]\nx = 2\n"


@pytest.mark.parametrize("size", [10, 1000, 10_000])
def test_many_tables_take_linear_time(size: int) -> None:
    text = "".join(f"[s.k{number}]\nx = 1\n" for number in range(size))
    with less_than(0.2 + size * 3e-4):
        assert len(without(text, ("s", "k5"))) == len(text) - len("[s.k5]\nx = 1\n")
