"""What a person sees of models: the cells of a list, and the facts of one."""

from __future__ import annotations

from typing import Any, cast

from litellmctl.catalog.table import abilities, columns, facts, words
from litellmctl.terminal.data import Row
from tests.unit.catalog.lists import models

PRICED = {"input_cost_per_token": 1.5e-7, "output_cost_per_token": 3.75e-8}


def rows(*given: tuple[str, dict[str, Any]]) -> list[Row]:
    return cast("list[Row]", models(*given))


def column(header: str, some: list[Row]) -> list[str]:
    (found,) = [one for one in columns(some, with_mode=True) if one.header == header]
    return [found.cell(row) for row in some]


def test_prices_line_up_at_their_decimal_points() -> None:
    some = rows(
        *[(f"m{n}", {"input_cost_per_token": dollars / 1e6}) for n, dollars in enumerate((0.15, 10, 0.0375, 3))]
    )
    cells = column("$/M IN", some)
    assert cells == ["0.15  ", "10.00  ", "0.0375", "3.00  "]
    assert column("$/M IN", some[:2]) == ["0.15", "10.00"]


def test_a_price_of_nothing_is_not_like_an_unknown_one() -> None:
    some = rows(
        ("a-free", {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}), ("b-dear", PRICED), ("c-dark", {})
    )
    cells = column("$/M IN", some)
    assert [cell.strip() for cell in cells] == ["0", "0.15", ""]
    assert cells[0] == "0   "


def test_a_price_of_many_decimals_does_not_widen_the_others() -> None:
    some = rows(("two", {"input_cost_per_token": 1.23456789e-13}), ("one", {"input_cost_per_token": 1e-6}))
    assert column("$/M IN", some)[0] == "1.00  "


def test_unknown_abilities_are_unknown_and_none_at_all_is_a_dash() -> None:
    none = dict.fromkeys(
        ("supports_function_calling", "supports_web_search", "supports_computer_use", "supports_reasoning"), False
    )
    some = rows(
        ("can", {"supports_function_calling": True, "supports_reasoning": True, "supports_web_search": False}),
        ("cannot", none),
        ("dark", {}),
        ("dim", {"supports_function_calling": False}),
    )
    assert [abilities(row) for row in some] == [["tools", "reasoning"], [], None, None]
    assert column("CAN", some) == ["tools,reasoning", "-", "", ""]


def test_a_pipe_gets_raw_values() -> None:
    (row,) = rows(
        ("gpt", {**PRICED, "mode": "chat", "max_input_tokens": 131_072, "supports_vision": True}),
    )
    raw = {one.header: one.raw(row) for one in columns([row], with_mode=True)}
    assert raw == {
        "ID": "gpt",
        "CONTEXT": 131_072,
        "MAX OUT": None,
        "$/M IN": 0.15,
        "$/M OUT": 0.0375,
        "TAKES": ["text", "image"],
        "CAN": None,
        "MODE": "chat",
    }


def test_the_first_columns_are_the_same_with_and_without_the_mode() -> None:
    with_mode = [one.header for one in columns((), with_mode=True)]
    assert [one.header for one in columns(())] == with_mode[:-1]
    assert columns(())[0].drop == 0


def test_the_facts_of_a_model_are_in_the_units_of_the_table_with_exact_numbers() -> None:
    (model,) = models(
        (
            "gpt",
            {
                **PRICED,
                "mode": "chat",
                "max_input_tokens": 131_072,
                "max_output_tokens": 16_000,
                "supports_function_calling": True,
                "supports_reasoning": True,
                "supports_web_search": False,
                "input_cost_per_token_above_200k_tokens": 1e-6,
                "input_cost_per_token_above_400k_tokens": 2e-6,
            },
        )
    )
    found = facts(model)
    known = dict(found)
    assert (known["context_window"], known["max_output_tokens"]) == ("128K (131,072)", "16K")
    assert (known["cost.input"], known["cost.cache_read"]) == ("$0.15 per million tokens", "?")
    assert (known["can"], known["cannot"]) == ("tools, reasoning", "web")
    assert known["unknown"].split(", ")[:2] == ["computer", "parallel_function_calling"]
    at = [name for name, _ in found].index("cost.tiers")
    assert [text.partition(":")[0] for _, text in found[at : at + 2]] == ["above 200K tokens", "above 400K tokens"]
    assert found[at + 1][0] == ""
    assert (known["providers"], known["reasoning_efforts"]) == ("?", "?")


def test_a_model_of_which_nothing_is_known_has_facts_too() -> None:
    (model,) = models(("dark\x1b[31m", {}))
    known = dict(facts(model))
    assert known["id"] == "dark[31m"
    assert "can" not in known
    assert {known[name] for name in ("mode", "context_window", "cost.input", "input")} == {"?"}
    assert (known["cost.tiers"], words(model)) == ("none", {"cost.tiers": "", "cost.other": ""})


def test_known_prices_have_a_colour() -> None:
    some = rows(("dark", {}), ("gpt", PRICED))
    styles = {one.header: [one.style(row) for row in some] for one in columns(some) if one.style}
    assert styles == {"$/M IN": ["", "36"], "$/M OUT": ["", "36"]}
