"""What a price is, what only looks like one, and prices above thresholds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer
from tests.effort import less_than

BASE = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
ZEROS = {"input_cost_per_token": 0, "output_cost_per_token": 0}
UNPRICED: dict[str, Any] = {"input_cost_per_token": None, "output_cost_per_token": None}
LIMITS = {"mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 100}


def deployment(info: dict[str, Any], name: str = "m", **params: Any) -> dict[str, Any]:
    return {"model_name": name, "model_info": info, "litellm_params": params}


def reduced(*rows: dict[str, Any]) -> dict[str, Model]:
    reducer = Reducer()
    for row in rows:
        reducer.deployment(row)
    return {model["id"]: model for model in reducer.models("model_info")}


def only(*infos: dict[str, Any]) -> Model:
    """Return the one model of deployments that share a name."""
    return reduced(*map(deployment, infos))["m"]


def pair(model: Model) -> tuple[float | None, float | None]:
    return model["cost"]["input"], model["cost"]["output"]


def tier(above: int, *prices: float | None) -> dict[str, Any]:
    names = ("input", "output", "cache_read", "cache_write")
    return {"above": above, **dict(zip(names, (*prices, None, None, None)[:4], strict=True))}


# --- zeros ---

NULL = deployment({**UNPRICED, "key": "x"}, "unpriced")


@pytest.mark.parametrize(
    ("info", "params", "alone", "beside_null"),
    [
        (ZEROS, {}, (None, None), (0, 0)),  # filled in, unless the release says null
        ({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}, {}, (0, 0), (0, 0)),  # from the cost map
        ({"input_cost_per_token": "0", "output_cost_per_token": "0.0"}, {}, (0, 0), (0, 0)),
        (ZEROS, ZEROS, (0, 0), (0, 0)),
        (ZEROS, {"input_cost_per_token": "0.0", "output_cost_per_token": 0.0}, (0, 0), (0, 0)),
        (ZEROS, {"input_cost_per_token": 0}, (0, None), (0, None)),
        (ZEROS, {"input_cost_per_token": 1e-6}, (None, None), (0, 0)),
        # LiteLLM fills in the second price of a model of which it knows one, in every release.
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": 0}, {}, (1, None), (1, None)),
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": 0.0}, {}, (1, 0), (1, 0)),
        ({"input_cost_per_token": 0}, {}, (None, None), (None, None)),
        ({"input_cost_per_token": False, "output_cost_per_token": False}, {}, (None, None), (None, None)),
    ],
)
def test_a_zero_is_a_price_only_where_the_proxy_knows_it(
    info: dict[str, Any], params: dict[str, Any], alone: Any, beside_null: Any
) -> None:
    row = deployment(info, **params)
    assert pair(reduced(row)["m"]) == alone
    assert pair(reduced(row, NULL)["m"]) == pair(reduced(NULL, row)["m"]) == beside_null


@pytest.mark.parametrize(
    "info", [{}, None, "x", {"id": "1"}, {"input_cost_per_token": None, "output_cost_per_token": 0}, {"mode": None}]
)
def test_a_row_without_prices_does_not_show_that_the_release_says_null(info: Any) -> None:
    other = {"model_name": "other", "model_info": info}
    assert pair(reduced(deployment(ZEROS), other)["m"]) == (None, None)


@pytest.mark.parametrize("params", [None, [], "input_cost_per_token", {"input_cost_per_token": float("nan")}])
def test_odd_parameters_carry_no_zero(params: Any) -> None:
    row = {"model_name": "m", "model_info": ZEROS, "litellm_params": params}
    assert pair(reduced(row)["m"]) == (None, None)


def test_a_zero_that_may_be_filled_in_makes_the_price_of_the_group_unknown() -> None:
    rows = [deployment(ZEROS), deployment({**BASE, "input_cost_per_token_above_200k_tokens": 3e-6})]
    for order in (rows, rows[::-1]):
        model = reduced(*order)["m"]
        assert (pair(model), model["cost"]["tiers"][0]["input"]) == ((None, None), None)
        assert pair(reduced(*order, NULL)["m"]) == (1, 2)


def test_a_wildcards_models_inherit_its_doubt() -> None:
    for others, price in (([], None), ([NULL], 0)):
        reducer = Reducer()
        for row in [deployment(ZEROS, "acme/*"), *others]:
            reducer.deployment(row)
        reducer.expanded({"id": "acme/a"})
        (model,) = [model for model in reducer.models("model_info") if model["id"] == "acme/a"]
        assert pair(model) == (price, price)


# --- prices for something else ---


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("output_cost_per_image", ("output", "image")),
        ("input_cost_per_image", ("input", "image")),
        ("output_cost_per_image_token", ("output", "image_token")),
        ("input_cost_per_second", ("input", "second")),
        ("cost_per_second", (None, "second")),
        ("output_cost_per_second_1080p", ("output", "second_1080p")),
        ("output_cost_per_video_per_second", ("output", "video_per_second")),
        ("input_cost_per_character", ("input", "character")),
        ("input_cost_per_query", ("input", "query")),
        ("input_cost_per_request", ("input", "request")),
        ("ocr_cost_per_page", (None, "page")),
        ("output_cost_per_pixel", ("output", "pixel")),
    ],
)
@pytest.mark.parametrize("zero", [0, 0.0, "0"])
def test_a_token_is_not_free_because_something_else_is_paid_for(
    key: str, other: tuple[str | None, str], zero: Any
) -> None:
    info = {"input_cost_per_token": zero, "output_cost_per_token": zero, key: "0.04"}
    model = reduced(deployment(info, **ZEROS), NULL)["m"]
    assert pair(model) == (None, None)
    assert model["cost"]["other"] == [{"of": other[0], "per": other[1], "price": 0.04}]
    assert pair(only({**BASE, key: 0.04})) == (1, 2)


@pytest.mark.parametrize(
    "key",
    [
        "output_cost_per_image_batches",
        "input_cost_per_second_priority",
        "input_cost_per_token_flex",
        "output_cost_per_reasoning_token",
        "input_cost_per_video_per_second_above_15s_interval",
        "search_context_cost_per_query",
        "google_maps_grounding_cost_per_query",
        "citation_cost_per_token",
        "annotation_cost_per_page",
        "cache_creation_input_token_cost_above_1hr",
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
        "input_cost_per_token_above_200k_tokens_priority",
        "output_cost_per_token_above_272k_tokens_batches",
        "input_cost_per_" + "x" * 200,
    ],
)
def test_what_is_paid_beside_tokens_or_in_another_service_tier_is_no_other_price(key: str) -> None:
    info = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, key: 0.04}
    assert only(info)["cost"] == {**only({})["cost"], "input": 0, "output": 0}


@pytest.mark.parametrize("zero", [0, 0.0, "0", None])
def test_an_other_price_of_nothing_is_none(zero: Any) -> None:
    cost = only({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "output_cost_per_image": zero})["cost"]
    assert (cost["input"], cost["other"]) == (0, [])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1, 10**400, "x", True, [], [1], {"a": 1}, 1e7])
def test_an_other_price_that_is_no_amount_is_not_shown_and_makes_no_token_free(bad: Any) -> None:
    cost = only({**ZEROS, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "output_cost_per_image": bad})[
        "cost"
    ]
    assert cost["other"] == []
    assert cost["input"] is None or bad == []  # an empty list is nothing


def test_of_other_prices_the_highest_counts_that_all_deployments_have() -> None:
    one, other = {"input_cost_per_image": 1, "input_cost_per_second": 1}, {"input_cost_per_image": 2}
    assert only(one, other)["cost"]["other"] == [{"of": "input", "per": "image", "price": 2}]
    assert only(one, {})["cost"]["other"] == []


def test_there_are_not_endless_other_prices() -> None:
    with less_than(2):
        model = only({f"input_cost_per_thing{number}": 1 for number in range(100_000)})
    assert len(model["cost"]["other"]) == 50


# --- tiers ---


def test_prices_above_a_threshold_are_a_tier() -> None:
    info = {
        **BASE,
        "cache_read_input_token_cost": 1e-7,
        "cache_creation_input_token_cost": 1.25e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "output_cost_per_token_above_200k_tokens": "3e-06",
        "cache_read_input_token_cost_above_200k_tokens": 2e-7,
        "cache_creation_input_token_cost_above_200k_tokens": None,
        "input_cost_per_token_above_200k_tokens_priority": 9e-6,
    }
    model = only({**LIMITS, **info})
    # A null is the price below: so LiteLLM bills.
    assert model["cost"]["tiers"] == [tier(200_000, 2, 3, 0.2, 1.25)]
    assert (pair(model), model["complete"]) == ((1, 2), True)


def test_a_price_above_a_threshold_that_a_release_does_not_tell_is_unknown() -> None:
    known = {**LIMITS, **BASE, "cache_read_input_token_cost": 1e-7, "input_cost_per_token_above_200k_tokens": 2e-6}
    model = only(known)
    assert (model["cost"]["tiers"], model["complete"]) == ([tier(200_000, 2, None)], False)
    complete = only({**known, "output_cost_per_token_above_200k_tokens": 3e-6})
    assert (complete["cost"]["tiers"], complete["complete"]) == ([tier(200_000, 2, 3)], True)


def test_thresholds_come_in_order_and_each_builds_on_the_one_below() -> None:
    info = {
        **BASE,
        "input_cost_per_token_above_1000000_tokens": 5e-6,
        "output_cost_per_token_above_1000000_tokens": None,
        "input_cost_per_token_above_128k_tokens": None,
        "output_cost_per_token_above_128k_tokens": 4e-6,
    }
    assert only(info)["cost"]["tiers"] == [tier(128_000, 1, 4), tier(1_000_000, 5, 4)]


@pytest.mark.parametrize("mark", ["x", "1m", "1.5k", "-1k", "999999999999999999k", "9" * 60, "k", "٣k"])
def test_a_threshold_that_cannot_be_understood_leaves_the_prices_incomplete(mark: str) -> None:
    model = only({**LIMITS, **BASE, f"input_cost_per_token_above_{mark}_tokens": 2e-6})
    assert (pair(model), model["cost"]["tiers"], model["complete"]) == ((1, 2), [], False)


BAD = [float("nan"), float("inf"), -1, -1e-6, 10**400, "x", "nan", True, 1.01, [1], {"a": 1}]


@pytest.mark.parametrize("bad", BAD)
def test_a_price_of_a_tier_that_is_none_is_unknown(bad: Any) -> None:
    steps = {"input_cost_per_token_above_200k_tokens": bad, "output_cost_per_token_above_200k_tokens": 3e-6}
    model = only({**LIMITS, **BASE, **steps})
    assert (model["cost"]["tiers"], model["complete"]) == ([tier(200_000, None, 3)], False)
    table = [{"range": [0, 10], **BASE}, {"range": [10, 20], **BASE, "input_cost_per_token": bad}]
    model = only({**LIMITS, **BASE, "tiered_pricing": table})
    assert (model["cost"]["tiers"], model["complete"]) == ([tier(10, None, 2)], False)


def ranges(*spans: Any, **info: Any) -> Model:
    """Return a model whose prices per million tokens are 1 and 2 in the first range, 2 and 3 in the second ..."""
    table = [
        {"range": span, "input_cost_per_token": (1 + number) * 1e-6, "output_cost_per_token": f"{2 + number}e-06"}
        for number, span in enumerate(spans)
    ]
    return only({**LIMITS, "tiered_pricing": table, **info})


@pytest.mark.parametrize("zeros", [{}, ZEROS, {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}, UNPRICED])
def test_prices_of_ranges_are_tiers_and_a_zero_beside_them_is_unknown(zeros: dict[str, Any]) -> None:
    model = ranges([0, 32000], [32000, 128000.0], ["128000", "1e6"], **zeros)
    assert pair(model) == (None, None)
    assert model["cost"]["tiers"] == [tier(0, 1, 2), tier(32_000, 2, 3), tier(128_000, 3, 4)]


@pytest.mark.parametrize(
    ("spans", "tiers", "complete"),
    [
        ([[0, 10], [10, 20]], [tier(10, 2, 3)], True),  # what the model costs in any case is no tier
        ([[10, 20], [0, 10]], [tier(0, 2, 3), tier(10, 1, 2)], True),
        ([[0, 10], [20, 30]], [tier(10, None), tier(20, 2, 3)], False),
        ([[0, 20], [10, 30]], [tier(10, 2, 3)], False),
        ([[0, 30], [10, 20]], [tier(10, 2, 3), tier(20, 1, 2)], False),
        ([[5, None]], [], True),
        ([[0, 10], [10, float("inf")]], [tier(10, 2, 3)], True),
    ],
)
def test_ranges_may_have_gaps_and_overlap(spans: Any, tiers: list[Any], complete: bool) -> None:
    model = ranges(*spans, **BASE)
    assert (model["cost"]["tiers"], model["complete"]) == (tiers, complete)


NO_TABLES = [
    *("x", 5, True, {"range": [0, 5]}, [5], [None], ["x"], [{}], [[]], [{"range": None}], [{"range": [0]}]),
    *([{"range": [0, 1, 2]}], [{"range": "05"}], [{"range": [5, 5]}], [{"range": [5, 1]}], [{"range": [-1, 5]}]),
    *([{"range": [0.5, 5]}], [{"range": [0, 5.5]}], [{"range": ["x", 5]}], [{"range": [None, 5]}]),
    *([{"range": [float("nan"), 5]}], [{"range": [0, float("nan")]}], [{"range": [10**400, None]}]),
    *([{"range": [True, 5]}], [{"range": {"0": 5}}], [{"range": [[0], [5]]}]),
]


@pytest.mark.parametrize("tables", NO_TABLES)
def test_tiers_that_cannot_be_told_leave_the_model_incomplete(tables: Any) -> None:
    model = only({**LIMITS, **BASE, "tiered_pricing": tables})
    assert (pair(model), model["cost"]["tiers"], model["complete"]) == ((1, 2), [], False)
    assert pair(only({**ZEROS, "tiered_pricing": tables})) == (None, None)


@pytest.mark.parametrize("tables", [None, [], {}, "", 0, False])
def test_no_tiers_are_none(tables: Any) -> None:
    model = only({**LIMITS, **BASE, "tiered_pricing": tables})
    assert (model["cost"]["tiers"], model["complete"]) == ([], True)


def test_a_table_of_inputs_alone_keeps_the_price_of_outputs() -> None:
    model = only({**BASE, "tiered_pricing": [{"range": [0, 5], "input_cost_per_token": 3e-6}]})
    assert model["cost"]["tiers"] == [tier(0, 3, 2)]


def test_a_search_costs_by_its_results_and_has_no_tiers() -> None:
    table = [{"max_results_range": [0, 25], "input_cost_per_query": cost} for cost in (0.005, 0.025)]
    cost = only({"mode": "search", **ZEROS, "tiered_pricing": table})["cost"]
    assert (cost["input"], cost["tiers"]) == (None, [])
    assert cost["other"] == [{"of": "input", "per": "query", "price": 0.025}]
    unknown = only({"mode": "search", **ZEROS, "tiered_pricing": [*table, {"max_results_range": [0, 5]}]})["cost"]
    assert (unknown["input"], unknown["other"]) == (None, [])


@pytest.mark.parametrize("count", [21, 100_000])
def test_too_many_tiers_are_not_told(count: int) -> None:
    table = [{"range": [number, number + 1], **BASE} for number in range(count)]
    steps = {f"input_cost_per_token_above_{number}_tokens": 2e-6 for number in range(count)}
    with less_than(1 + count * 1e-5):
        for many in ({"tiered_pricing": table}, steps):
            model = only({**LIMITS, **BASE, **many}, {**LIMITS, **BASE})
            assert (pair(model), model["cost"]["tiers"], model["complete"]) == ((1, 2), [], False)


def test_deployments_with_many_tiers_of_their_own_cost_no_time() -> None:
    infos = [
        {
            **BASE,
            "tiered_pricing": [
                {"range": [number * 7 + place, 2000], **BASE, "input_cost_per_token": number * 1e-6}
                for place in range(20)
            ],
        }
        for number in range(1000)
    ]
    with less_than(4):
        assert only(*infos)["cost"]["tiers"] == []


# --- several deployments ---


def steps(*prices: tuple[int, float], base: float = 1) -> dict[str, Any]:
    """Return an input that costs `base`, and above so many thousand tokens these prices."""
    above = {f"input_cost_per_token_above_{mark}k_tokens": price * 1e-6 for mark, price in prices}
    return {**LIMITS, "input_cost_per_token": base * 1e-6, "output_cost_per_token": 2e-6, **above} | {
        f"output_cost_per_token_above_{mark}k_tokens": None for mark, _ in prices
    }


@pytest.mark.parametrize(
    ("infos", "first", "tiers"),
    [
        ([steps((200, 3)), steps((128, 2))], 1, [(128, 2), (200, 3)]),
        ([steps((200, 3)), steps(base=4)], 4, []),
        ([steps((200, 3)), steps(base=2)], 2, [(200, 3)]),
        ([steps((200, 3)), steps((200, 5))], 1, [(200, 5)]),
        ([steps((128, 5), (200, 1)), steps((200, 3))], 1, [(128, 5), (200, 3)]),
        ([steps((200, 3)), steps((128, 2)), steps(base=1.5)], 1.5, [(128, 2), (200, 3)]),
    ],
)
def test_at_each_threshold_the_highest_price_counts(infos: list[Any], first: float, tiers: list[Any]) -> None:
    for order in (infos, infos[::-1]):
        model = only(*order)
        assert model["cost"]["input"] == first
        assert model["cost"]["tiers"] == [tier(above * 1000, price, 2) for above, price in tiers]
        assert model["complete"] is True


def test_a_tier_is_unknown_where_a_deployment_does_not_tell_its_price_or_its_tiers() -> None:
    model = only(steps((200, 3)), {**LIMITS, "output_cost_per_token": 2e-6})
    assert (model["cost"]["tiers"], model["cost"]["input"], model["complete"]) == ([], None, False)
    model = only(steps((200, 3)), {**LIMITS, **BASE, "tiered_pricing": "x"})
    assert (model["cost"]["tiers"], model["complete"]) == ([], False)


# --- groups ---


def grouped(*groups: dict[str, Any]) -> dict[str, Model]:
    reducer = Reducer()
    for number, group in enumerate(groups):
        reducer.listed({"id": f"m{number}"}, group)
    return {model["id"]: model for model in reducer.models("models_list")}


@pytest.mark.parametrize(
    ("group", "alone", "beside_null"),
    [
        ({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "chat"}, (None, None), (0, 0)),
        ({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "rerank"}, (None, None), (None, None)),
        ({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": []}, (None, None), (None, None)),
        ({**ZEROS, "mode": None}, (None, None), (0, 0)),
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": 0.0, "mode": "embedding"}, (1, None), (1, None)),
        ({**ZEROS, "mode": "chat", "input_cost_per_pixel": 1e-8}, (None, None), (None, None)),
        ({**BASE, "mode": "chat"}, (1, 2), (1, 2)),
    ],
)
def test_a_zero_of_a_group_may_always_be_filled_in(group: dict[str, Any], alone: Any, beside_null: Any) -> None:
    assert pair(grouped(group)["m0"]) == alone
    assert pair(grouped(group, UNPRICED)["m0"]) == beside_null


def test_a_group_tells_the_prices_of_its_deployments() -> None:
    cheap = {"provider": "a", "costs": {**BASE, "output_cost_per_image": 0.03}}
    costs = {**BASE, "cache_read_input_token_cost": 1e-7, "output_cost_per_image": 0.04}
    table = [{"range": [0, 128e3], "costs": BASE}, {"range": [128e3, 1e6], "costs": {"input_cost_per_token": 3e-6}}]
    dear = {"provider": "b", "costs": costs, "tiered_pricing": table}
    odd = [5, None, {}, {"costs": 5}]
    cost = grouped({**BASE, "mode": "chat", "deployment_pricing": [cheap, dear, *odd]})["m0"]["cost"]
    assert (cost["input"], cost["output"], cost["cache_read"]) == (1, 2, None)
    assert cost["tiers"] == [tier(128_000, 3, 2)]
    assert cost["other"] == [{"of": "output", "per": "image", "price": 0.04}]
    assert grouped({**BASE, "deployment_pricing": [dear]})["m0"]["cost"]["cache_read"] == 0.1


@pytest.mark.parametrize("told", [None, 5, "x", {}, [], [5], [{"costs": []}]])
def test_odd_prices_of_deployments_say_nothing(told: Any) -> None:
    assert grouped({**BASE, "deployment_pricing": told})["m0"]["cost"] == grouped(BASE)["m0"]["cost"]


def test_prices_are_json() -> None:
    model = ranges([0, 10], [10, None], output_cost_per_image=0.04)
    assert json.loads(json.dumps(model["cost"], allow_nan=False)) == model["cost"]
