from __future__ import annotations

from typing import Any

import pytest

from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer
from litellmctl.catalog.selection import Selection


def model(name: str, **info: Any) -> Model:
    reducer = Reducer()
    reducer.deployment({"model_name": name, "model_info": info})
    (found,) = reducer.models("model_info")
    return found


MODELS = [
    model(
        "Claude-big",
        mode="chat",
        max_input_tokens=200_000,
        input_cost_per_token=3e-6,
        supports_function_calling=True,
        supports_vision=True,
        supports_pdf_input=True,
        supports_reasoning=True,
        litellm_provider="anthropic",
    ),
    model(
        "claude-small",
        mode="chat",
        max_input_tokens=100_000,
        input_cost_per_token=1e-6,
        supports_function_calling=False,
        supports_vision=True,
        supports_reasoning=False,
        output_cost_per_token=2e-6,
        litellm_provider="openai",
    ),
    model("embed", mode="embedding", max_input_tokens=8000, input_cost_per_token=1e-7),
    model("free", mode="responses", max_input_tokens=8000, input_cost_per_token=0.0, supports_audio_output=True),
    model("unknown"),
]


def chosen(**wanted: Any) -> list[str]:
    return [found["id"] for found in Selection(**wanted).apply(MODELS)]


CHAT = ["Claude-big", "claude-small", "free", "unknown"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, CHAT),
        ({"every_mode": True}, ["Claude-big", "claude-small", "embed", "free", "unknown"]),
        ({"modes": ["embedding"]}, ["embed"]),
        ({"modes": ["chat"]}, ["Claude-big", "claude-small", "unknown"]),
        ({"modes": ["responses", "embedding"]}, ["embed", "free"]),
        ({"modes": ["none"], "every_mode": True}, []),
        ({"supports": ["function_calling"]}, ["Claude-big"]),
        ({"supports": ["vision"]}, ["Claude-big", "claude-small"]),
        ({"supports": ["vision", "pdf_input"]}, ["Claude-big"]),
        ({"supports": ["audio_output"]}, ["free"]),
        ({"supports": ["reasoning"]}, ["Claude-big"]),
        ({"supports": ["web_search"]}, []),
        ({"reasoning": True}, ["Claude-big"]),
        ({"inputs": ["text"]}, ["Claude-big", "claude-small", "free"]),
        ({"inputs": ["image", "pdf"]}, ["Claude-big"]),
        ({"min_context": 100_000}, ["Claude-big", "claude-small"]),
        ({"min_context": 100_001}, ["Claude-big"]),
        ({"max_input_cost": 1}, ["claude-small", "free"]),
        ({"max_input_cost": 0}, ["free"]),
        ({"globs": ["claude-*"]}, ["Claude-big", "claude-small"]),
        ({"globs": ["*BIG", "fre?"]}, ["Claude-big", "free"]),
        ({"globs": ["claude"]}, []),
        ({"globs": ["[cf]*"], "max_input_cost": 0}, ["free"]),
        ({"reverse": True}, CHAT[::-1]),
        ({"supports": ["tools"]}, ["Claude-big"]),
        ({"supports": ["image", "pdf"]}, ["Claude-big"]),
        ({"supports": ["text"]}, ["Claude-big", "claude-small", "free"]),
        ({"supports": ["web"]}, []),
        ({"max_output_cost": 2}, ["claude-small"]),
        ({"max_output_cost": 2, "max_input_cost": 0}, []),
        ({"providers": ["OpenAI"]}, ["claude-small"]),
        ({"providers": ["openai", "anth*"]}, ["Claude-big", "claude-small"]),
    ],
)
def test_what_is_unknown_of_a_model_passes_no_filter(wanted: dict[str, Any], names: list[str]) -> None:
    assert chosen(**wanted) == names


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("cost.input", ["free", "claude-small", "Claude-big", "unknown"]),
        ("context_window", ["free", "claude-small", "Claude-big", "unknown"]),
        ("id", CHAT),
        ("mode", ["Claude-big", "claude-small", "free", "unknown"]),
        ("input", ["free", "claude-small", "Claude-big", "unknown"]),
        ("complete", CHAT),
        ("supports.function_calling", ["claude-small", "Claude-big", "free", "unknown"]),
        ("providers", CHAT),
        ("cost.output", ["claude-small", "Claude-big", "free", "unknown"]),
    ],
)
def test_what_is_unknown_comes_last_in_any_order(field: str, names: list[str]) -> None:
    assert chosen(sort=field) == names
    backwards = chosen(sort=field, reverse=True)
    unknown = [name for name in names if name not in known(field)]
    assert sorted(backwards[: len(known(field))]) == sorted(known(field))
    assert backwards[len(known(field)) :] == unknown


def known(field: str) -> list[str]:
    """Return the listed models of which the field is known."""
    names = []
    for found in MODELS:
        value: Any = found
        for part in field.split("."):
            value = value[part]
        if value is not None and found["mode"] != "embedding":
            names.append(found["id"])
    return names


def test_sorting_backwards_turns_what_is_known_round() -> None:
    assert chosen(sort="cost.input", reverse=True) == ["Claude-big", "claude-small", "free", "unknown"]


def test_names_are_sorted_without_regard_to_case() -> None:
    models = [model("b"), model("B"), model("a"), model("C")]
    assert [found["id"] for found in Selection(sort="id").apply(models)] == ["a", "B", "b", "C"]


def test_an_underscore_comes_before_letters_whatever_their_case() -> None:
    models = [model("ab"), model("a_c"), model("AA")]
    assert [found["id"] for found in Selection(sort="id").apply(models)] == ["a_c", "AA", "ab"]


def test_a_field_of_what_has_no_fields_is_unknown() -> None:
    assert chosen(sort="id.length") == chosen(sort="context_window.x.y") == CHAT


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 1),
        ({"modes": ["embedding"]}, 4),
        ({"every_mode": True}, 0),
        ({"globs": ["emb*"]}, 1),
        ({"globs": ["claude*"]}, 0),
        ({"max_input_cost": 0.5}, 1),
    ],
)
def test_models_of_other_modes_that_a_filter_admits_are_counted(wanted: dict[str, Any], count: int) -> None:
    assert Selection(**wanted).count_hidden(MODELS) == count
