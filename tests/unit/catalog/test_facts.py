from __future__ import annotations

from typing import Any

import pytest

from litellmctl.catalog import facts
from litellmctl.catalog.model import ABILITIES, EFFORTS, FIELDS, Model

NUMBERS = {
    "max_input_tokens": "context_window",
    "max_output_tokens": "max_output_tokens",
}
PRICES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}
FLAGS = (*ABILITIES, "vision", "audio_input", "pdf_input", "video_input", "audio_output", "reasoning")


def model(**info: Any) -> Model:
    """Return the model of a deployment with this `model_info`."""
    return facts.of_deployment({"model_name": "m", "model_info": info}).model("m", "model_info")


UNKNOWN: Model = {
    "id": "m",
    "mode": None,
    "providers": None,
    "context_window": None,
    "max_output_tokens": None,
    "input": None,
    "output": None,
    "reasoning": None,
    "reasoning_efforts": None,
    "supports": dict.fromkeys(ABILITIES),
    "cost": {"input": None, "output": None, "cache_read": None, "cache_write": None, "tiers": [], "other": []},
    "deployments": 1,
    "complete": False,
    "source": "model_info",
}


def test_a_row_that_says_nothing_is_a_model_of_which_nothing_is_known() -> None:
    assert model() == UNKNOWN
    assert list(UNKNOWN) == list(FIELDS)


@pytest.mark.parametrize("info", [None, "text", 5, [], [{}], True])
def test_a_row_whose_model_info_is_no_object_says_nothing(info: Any) -> None:
    assert facts.of_deployment({"model_name": "m", "model_info": info}).model("m", "model_info") == UNKNOWN
    assert facts.of_deployment({"model_name": "m"}).model("m", "model_info") == UNKNOWN


NO_NUMBERS = [
    *(None, True, False, "", " ", "abc", "8k", "0x10", "1,000", [], [5], {}, {"a": 1}),
    *(-1, -0.5, "-1", float("nan"), "nan", float("inf"), float("-inf"), "inf", "Infinity", 10**400, "9" * 400),
]


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 0.0, 1.5, "0", "1.5", 2**53 + 2, 1e300])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_that_is_no_number_of_tokens_is_unknown(name: str, value: Any) -> None:
    assert model(**{name: value}) == UNKNOWN


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.01, 5, "2"])
@pytest.mark.parametrize("name", PRICES)
def test_a_price_that_is_no_amount_of_dollars_a_token_is_unknown(name: str, value: Any) -> None:
    assert model(**{name: value}) == UNKNOWN


@pytest.mark.parametrize("value", [None, 0, 1, 1.0, "", "true", "false", "True", [], [True], {}, {"a": True}])
@pytest.mark.parametrize("name", FLAGS)
def test_an_ability_that_is_neither_true_nor_false_is_unknown(name: str, value: Any) -> None:
    assert model(**{f"supports_{name}": value}) == UNKNOWN


@pytest.mark.parametrize("value", [None, 5, 1.5, True, "", [], ["chat"], {}, "x" * 101])
@pytest.mark.parametrize("name", ["mode", "litellm_provider"])
def test_a_word_that_is_none_is_unknown(name: str, value: Any) -> None:
    assert model(**{name: value}) == UNKNOWN


def test_a_word_has_a_hundred_characters_at_most() -> None:
    found = model(mode="x" * 100, litellm_provider="y" * 100)
    assert (found["mode"], found["providers"]) == ("x" * 100, ["y" * 100])


@pytest.mark.parametrize("value", [None, "low", 5, True, {}, {"low": True}])
def test_levels_of_effort_that_are_no_list_are_unknown(value: Any) -> None:
    assert model(reasoning_effort_levels=value) == UNKNOWN


@pytest.mark.parametrize("value", [1, 128000, 128000.0, "128000", " 128000 ", "1.28e5", 2**53])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_is_an_integer_however_it_is_written(name: str, value: Any) -> None:
    limit = model(**{name: value})[NUMBERS[name]]  # type: ignore[literal-required]
    assert limit == float(value)
    assert type(limit) is int


@pytest.mark.parametrize(
    ("value", "price"),
    [
        (2.5e-06, 2.5),
        (7.5e-08, 0.075),
        ("0.00000015", 0.15),
        ("1e-06", 1),
        (0.0, 0),
        ("0", 0),
        (-0.0, 0),
        (1, 1e6),
        (3.0000000000000004e-06, 3),
        (f"1.{'0' * 100}e-06", 1),
    ],
)
@pytest.mark.parametrize("name", PRICES)
def test_a_price_is_in_dollars_a_million_tokens_without_noise(name: str, value: Any, price: float) -> None:
    assert model(**{name: value})["cost"][PRICES[name]] == price  # type: ignore[literal-required]
    assert repr(float(price)) == repr(model(**{name: value})["cost"][PRICES[name]])  # type: ignore[literal-required]


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ABILITIES)
def test_an_ability_is_true_or_false(name: str, value: bool) -> None:
    assert model(**{f"supports_{name}": value})["supports"] == {**dict.fromkeys(ABILITIES), name: value}


@pytest.mark.parametrize(
    ("mode", "takes", "gives"),
    [
        ("chat", ["text"], ["text"]),
        ("responses", ["text"], ["text"]),
        ("embedding", ["text"], []),
        ("rerank", ["text"], []),
        ("moderation", ["text"], []),
        ("guardrail", ["text"], []),
        ("image_generation", ["text"], ["image"]),
        ("image_edit", ["text", "image"], ["image"]),
        ("video_generation", ["text"], ["video"]),
        ("audio_transcription", ["audio"], ["text"]),
        ("audio_speech", ["text"], ["audio"]),
        ("realtime", ["text", "audio"], ["text", "audio"]),
        ("ocr", ["image", "pdf"], ["text"]),
        ("search", ["text"], ["text"]),
        ("vector_store", ["text"], ["text"]),
        ("extraction", ["text"], ["text"]),
        ("evaluation", ["text"], ["text"]),
        ("decisions", ["text"], ["text"]),
        ("something_new", None, None),
        (None, None, None),
    ],
)
def test_what_goes_in_and_out_follows_from_the_mode(mode: str | None, takes: Any, gives: Any) -> None:
    found = model(mode=mode)
    assert (found["input"], found["output"]) == (takes, gives)


def test_abilities_add_to_what_goes_in_and_out_in_a_fixed_order() -> None:
    found = model(
        mode="chat",
        supports_video_input=True,
        supports_pdf_input=True,
        supports_audio_input=True,
        supports_vision=True,
        supports_audio_output=True,
    )
    assert found["input"] == ["text", "image", "audio", "pdf", "video"]
    assert found["output"] == ["text", "audio"]
    assert model(mode="chat", supports_vision=False)["input"] == ["text"]
    assert model(supports_vision=True)["input"] == ["image"]


@pytest.mark.parametrize(
    ("info", "takes"),
    [
        ({"supports_embedding_image_input": True}, ["text", "image"]),
        ({"supports_image_input": True, "supports_video_input": True}, ["text", "image", "video"]),
        ({"input_cost_per_image": 1e-4, "supports_embedding_image_input": False}, ["text", "image"]),
        ({"input_cost_per_audio_per_second": 1e-4, "input_cost_per_video_token": 1e-5}, ["text", "audio", "video"]),
        ({"output_cost_per_image": 1e-4, "input_cost_per_query": 1e-4, "input_cost_per_image": 0}, ["text"]),
    ],
)
def test_an_embedding_takes_what_it_can_or_has_a_price_for(info: dict[str, Any], takes: list[str]) -> None:
    assert model(mode="embedding", **info)["input"] == takes
    assert model(mode="embedding", **info)["output"] == []
    prices = {key: value for key, value in info.items() if "cost" in key}
    assert model(mode="image_generation", **prices)["input"] == ["text"]  # dall-e-3 has a price of input per image


# What LiteLLM 1.65 to 1.71 says of a model that it does not know.
FILLED_IN = dict.fromkeys(
    (
        "supports_assistant_prefill",
        "supports_audio_input",
        "supports_audio_output",
        "supports_embedding_image_input",
        "supports_function_calling",
        "supports_pdf_input",
        "supports_prompt_caching",
        "supports_reasoning",
        "supports_tool_choice",
        "supports_vision",
        "supports_web_search",
    ),
    False,
)


@pytest.mark.parametrize(
    ("info", "params", "denied"),
    [
        ({}, {}, False),
        ({"mode": "responses"}, {}, False),  # the user said so
        ({"max_input_tokens": 5}, {}, False),
        ({"input_cost_per_token": 1e-6}, {"input_cost_per_token": "1e-06"}, False),
        ({"mode": "chat", "input_cost_per_token": 1e-6}, {"input_cost_per_token": 1e-6}, False),
        ({"mode": "chat", "input_cost_per_token": 1e-6}, {}, True),
        ({"mode": "chat", "max_tokens": 5}, {}, True),
        ({"mode": "audio_speech", "input_cost_per_character": 1e-6}, {}, True),
        ({"supports_assistant_prefill": None}, {}, True),  # a later release, and somebody said the others
    ],
)
def test_abilities_that_a_release_fills_in_with_false_are_unknown(
    info: dict[str, Any], params: dict[str, Any], denied: bool
) -> None:
    row = {"model_info": {**FILLED_IN, **info}, "litellm_params": params}
    found = facts.of_deployment(row).model("m", "model_info")
    assert found["supports"]["function_calling"] is (False if denied else None)
    assert (found["reasoning"], found["reasoning_efforts"]) == ((False, []) if denied else (None, None))


def test_an_ability_that_the_user_grants_is_known_beside_those_filled_in() -> None:
    found = model(**{**FILLED_IN, "supports_vision": True})
    assert (found["input"], found["supports"]["tool_choice"]) == (["image"], None)


@pytest.mark.parametrize(
    ("info", "efforts"),
    [
        ({}, None),
        ({"supports_reasoning": True}, None),
        ({"supports_reasoning": False}, []),
        ({"supports_reasoning": False, "reasoning_effort_levels": ["low"]}, []),
        ({"reasoning_effort_levels": ["high", "low"]}, ["low", "high"]),
        ({"reasoning_effort_levels": ["low", "low", 5, None, "bogus", ["high"]]}, ["low"]),
        ({"reasoning_effort_levels": []}, []),
        ({"supports_xhigh_reasoning_effort": True}, ["none", "minimal", "low", "medium", "high", "xhigh"]),
        ({"supports_max_reasoning_effort": False}, ["none", "minimal", "low", "medium", "high"]),
        ({"supports_none_reasoning_effort": False}, ["minimal", "low", "medium", "high"]),
        (
            {"supports_minimal_reasoning_effort": False, "supports_low_reasoning_effort": False},
            ["none", "medium", "high"],
        ),
        ({"supports_low_reasoning_effort": True, "litellm_provider": "azure"}, ["minimal", "low", "medium", "high"]),
        (
            {"supports_none_reasoning_effort": True, "litellm_provider": "azure"},
            ["none", "minimal", "low", "medium", "high"],
        ),
        ({"supports_low_reasoning_effort": "yes"}, None),
    ],
)
def test_efforts_follow_litellms_own_rule(info: dict[str, Any], efforts: list[str] | None) -> None:
    assert model(**info)["reasoning_efforts"] == efforts
    assert EFFORTS == ("none", "minimal", "low", "medium", "high", "xhigh", "max")


COMPLETE = {
    "mode": "chat",
    "max_input_tokens": 1000,
    "max_output_tokens": 100,
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
}


def test_a_chat_model_is_complete_with_its_mode_limits_and_prices() -> None:
    assert model(**COMPLETE)["complete"] is True
    for name in COMPLETE:
        assert model(**{**COMPLETE, name: None})["complete"] is False, name


def test_a_model_that_gives_no_tokens_needs_no_price_for_them() -> None:
    needed = {**COMPLETE, "mode": "embedding", "max_output_tokens": None, "output_cost_per_token": None}
    assert model(**needed)["complete"] is True
    assert model(**{**needed, "max_input_tokens": None})["complete"] is False
    assert model(**{**needed, "mode": "something_new"})["complete"] is False


def merged(*infos: dict[str, Any]) -> Model:
    first, *others = [facts.of_deployment({"model_info": info}) for info in infos]
    for other in others:
        first = first.merged(other)
    return first.model("m", "model_info")


def test_of_several_deployments_the_smallest_limit_and_the_highest_price_count() -> None:
    low = {
        "max_input_tokens": 8,
        "max_output_tokens": 4,
        "input_cost_per_token": 1e-6,
        "cache_read_input_token_cost": 3e-6,
    }
    high = {
        "max_input_tokens": 9,
        "max_output_tokens": 3,
        "input_cost_per_token": 2e-6,
        "cache_read_input_token_cost": 1e-6,
    }
    found = merged(low, high)
    assert (found["context_window"], found["max_output_tokens"]) == (8, 3)
    assert found["cost"] == {**UNKNOWN["cost"], "input": 2, "cache_read": 3}
    assert found["deployments"] == 2


@pytest.mark.parametrize("name", [*NUMBERS, *PRICES])
def test_a_limit_or_price_that_one_deployment_does_not_know_is_unknown(name: str) -> None:
    known = {name: 0.5 if name in PRICES else 5}
    assert merged(known, {}) == merged({}, known) == {**UNKNOWN, "deployments": 2}
    assert merged(known, known, {}) == {**UNKNOWN, "deployments": 3}
    assert merged(known, known) == {**model(**known), "deployments": 2}


@pytest.mark.parametrize(
    ("says", "shared"),
    [
        ((True, True), True),
        ((True, None), None),
        ((None, None), None),
        ((True, False), False),
        ((None, False), False),
        ((False, False), False),
        ((True, None, False), False),
        ((True, None, True), None),
    ],
)
@pytest.mark.parametrize("name", ["function_calling", "reasoning"])
def test_false_beats_unknown_beats_true(says: tuple[bool | None, ...], shared: bool | None, name: str) -> None:
    for order in (says, says[::-1]):
        found = merged(*({f"supports_{name}": said} for said in order))
        assert (found["reasoning"] if name == "reasoning" else found["supports"][name]) is shared


def test_only_what_every_deployment_takes_goes_in() -> None:
    both, one = (
        {"mode": "chat", "supports_vision": True, "supports_pdf_input": True},
        {"mode": "chat", "supports_vision": True},
    )
    assert merged(both, one)["input"] == ["text", "image"]
    assert merged(both, {"mode": "chat"})["input"] == ["text"]


def test_efforts_are_those_that_all_deployments_take() -> None:
    low, high = {"reasoning_effort_levels": ["low", "medium"]}, {"reasoning_effort_levels": ["medium", "high"]}
    assert merged(low, high)["reasoning_efforts"] == ["medium"]
    assert merged(low, {})["reasoning_efforts"] is None


def test_providers_are_gathered_in_order() -> None:
    assert merged({"litellm_provider": "openai"}, {"litellm_provider": "azure"})["providers"] == ["azure", "openai"]


# The list and the groups


def listed(entry: dict[str, Any], group: dict[str, Any] | None = None) -> Model:
    found = facts.of_entry(entry)
    if group is not None:
        found = facts.completed(found, facts.of_group(group))
    return found.model("m", "models_list")


def test_the_list_tells_mode_and_limits_and_nothing_else() -> None:
    entry = {**COMPLETE, "supports_vision": True, "litellm_provider": "x"}
    found = listed(entry)
    assert (found["mode"], found["context_window"], found["max_output_tokens"]) == ("chat", 1000, 100)
    assert found == {
        **model(mode="chat", max_input_tokens=1000, max_output_tokens=100),
        "deployments": None,
        "source": "models_list",
    }


def test_the_group_fills_in_what_the_list_does_not_tell() -> None:
    group = {
        **COMPLETE,
        "supports_function_calling": True,
        "supports_vision": True,
        "supports_reasoning": True,
        "supported_reasoning_efforts": ["low"],
        "providers": ["openai", "azure", 5, None, ""],
    }
    found = listed({"mode": "chat"}, group)
    assert found["providers"] == ["azure", "openai"]
    assert (found["context_window"], found["cost"]["output"], found["reasoning_efforts"]) == (1000, 2, ["low"])
    assert (found["supports"]["function_calling"], found["input"], found["reasoning"]) == (
        True,
        ["text", "image"],
        True,
    )
    assert (found["complete"], found["deployments"]) == (True, None)


def test_a_group_that_says_false_says_nothing() -> None:
    group = {"supports_function_calling": False, "supports_reasoning": False, "supported_reasoning_efforts": []}
    found = listed({}, group)
    assert found["supports"]["function_calling"] is None
    assert (found["reasoning"], found["reasoning_efforts"]) == (None, None)


@pytest.mark.parametrize("providers", [None, "openai", 5, {}, {"openai": 1}])
def test_providers_that_are_no_list_are_unknown(providers: Any) -> None:
    assert listed({}, {"providers": providers})["providers"] is None


@pytest.mark.parametrize("name", NUMBERS)
def test_of_list_and_group_the_smaller_limit_counts_and_a_difference_is_incomplete(name: str) -> None:
    entry = {key: COMPLETE[key] for key in ("mode", "max_input_tokens", "max_output_tokens")}
    assert listed(entry, COMPLETE)["complete"] is True
    limit = int(str(COMPLETE[name]))
    for there, here in ((limit, limit + 1), (limit + 1, limit)):
        found = listed({**entry, name: there}, {**COMPLETE, name: here})
        assert (found[NUMBERS[name]], found["complete"]) == (limit, False)  # type: ignore[literal-required]
    for there, here in ((limit, None), (None, limit)):
        found = listed({**entry, name: there}, {**COMPLETE, name: here})
        assert (found[NUMBERS[name]], found["complete"]) == (limit, True)  # type: ignore[literal-required]


def test_where_the_modes_differ_the_lists_counts_and_the_facts_are_incomplete() -> None:
    found = listed({"mode": "embedding"}, COMPLETE)
    assert (found["mode"], found["complete"]) == ("embedding", False)
    assert listed({}, COMPLETE)["mode"] == "chat"


def test_a_mode_that_only_one_of_them_knows_is_no_contradiction() -> None:
    unknown = {**COMPLETE, "mode": None}
    embedding = {**COMPLETE, "mode": "embedding"}
    for entry, group in ((unknown, embedding), (embedding, unknown)):
        found = listed(entry, group)
        assert (found["mode"], found["complete"]) == ("embedding", True)


def test_what_the_first_knows_goes_before_what_the_second_does() -> None:
    first, second = (
        facts.of_deployment(
            {
                "model_info": {
                    "litellm_provider": name,
                    "input_cost_per_token": price,
                    "supports_vision": flag,
                    "reasoning_effort_levels": [effort],
                }
            }
        )
        for name, price, flag, effort in (("a", 1e-6, False, "low"), ("b", 2e-6, True, "high"))
    )
    nothing = facts.nothing(None)
    for one, other, wins in ((first, second, first), (nothing, second, second), (first, nothing, first)):
        found = facts.completed(one, other)
        assert (found.prices, found.flags, found.efforts) == (wins.prices, wins.flags, wins.efforts)
        assert found.deployments == 1
    assert facts.completed(first, second).providers == {"a", "b"}


def test_of_how_many_deployments_is_unknown_where_one_does_not_say() -> None:
    counts = [facts.nothing(a).merged(facts.nothing(b)).deployments for a, b in ((1, None), (None, 1), (1, 2))]
    assert counts == [None, None, 3]


def test_a_word_of_one_letter_is_a_word() -> None:
    assert model(litellm_provider="x")["providers"] == ["x"]


def test_a_contradiction_is_not_forgotten_when_deployments_are_merged() -> None:
    agreeing = facts.completed(facts.of_entry(COMPLETE), facts.of_group(COMPLETE))
    other = facts.completed(facts.of_entry(COMPLETE), facts.of_group({**COMPLETE, "max_input_tokens": 5}))
    for found in (
        agreeing.merged(other),
        other.merged(agreeing),
        facts.completed(other, agreeing),
        facts.completed(agreeing, other),
        facts.completed(other, facts.nothing(None)),
        facts.completed(facts.nothing(None), other),
    ):
        assert found.model("m", "models_list")["complete"] is False
