from __future__ import annotations

import pytest

from litellmctl.errors import UsageFailure
from litellmctl.terminal.data import Column
from litellmctl.terminal.fields import Fields

FIELDS = Fields(
    {"id": "Name.", "context_window": "Limit.", "output": "Kinds.", "cost": "Prices.", "schema": ""},
    {"cost": ("input", "output"), "schema": (), "zzz": ("x",)},
    [
        Column("ID", str, field="id"),
        Column("CONTEXT", str, field="context_window"),
        Column("OUTPUT", str, field="max_output_tokens"),
        Column("$/M IN", str, field="cost.input"),
        Column("CAN", str),
    ],
)


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("id", "id"),
        ("ID", "id"),
        ("Id", "id"),
        ("cost", "cost"),
        ("cost.input", "cost.input"),
        ("COST.INPUT", "cost.input"),
        ("schema.properties.a", "schema.properties.a"),
        ("context", "context_window"),
        ("$/m in", "cost.input"),
        ("can", "can"),
        # A field goes before a header that is called so, unless it is written as the table shows it.
        ("output", "output"),
        ("OUTPUT", "max_output_tokens"),
    ],
)
def test_a_word_names_a_field_or_the_header_of_its_column(word: str, field: str) -> None:
    assert FIELDS.named(word) == FIELDS.require(word) == field


@pytest.mark.parametrize(
    ("word", "message", "remedy"),
    [
        ("cost.inptu", 'unknown field "cost.inptu". Did you mean "cost.input"?', "use cost.input, cost.output"),
        (
            "contxt",
            'unknown field "contxt". Did you mean "context"?',
            "use id, context_window, output, cost, schema",
        ),
        ("idd", 'unknown field "idd". Did you mean "id"?', "use id, context_window, output, cost, schema"),
        ("id.x", 'unknown field "id.x". Did you mean "id"?', "use id, context_window, output, cost, schema"),
        ("cost.input.x", 'unknown field "cost.input.x". Did you mean "cost.input"?', "use cost.input, cost.output"),
        ("zzz.x", 'unknown field "zzz.x"', "use id, context_window, output, cost, schema"),
        ("", 'unknown field ""', "use id, context_window, output, cost, schema"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_ones(word: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageFailure) as refused:
        FIELDS.require(word, "--sort")
    assert (refused.value.message, refused.value.remedy) == (f"--sort: {message}", remedy)


def test_all_names_are_there_for_tab() -> None:
    assert FIELDS.meanings == {**FIELDS.known, "cost.input": "", "cost.output": ""}
