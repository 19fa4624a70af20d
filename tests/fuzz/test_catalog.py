"""Rows of a proxy and what becomes of them: decoding, reduction, the cache, filters."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from litellmctl.catalog.cache import Catalog, CatalogCache, changes
from litellmctl.catalog.facts import completed, of_deployment, of_entry, of_group
from litellmctl.catalog.model import ABILITIES, EFFORTS, FIELDS, MODALITIES, PRICES, Model, is_chat
from litellmctl.catalog.reduction import Reducer
from litellmctl.catalog.selection import Selection
from litellmctl.foundation.text import dump_json
from litellmctl.proxy.json_stream import Malformed, rows
from tests.fuzz.atheris_targets import expected_rows
from tests.fuzz.strategies import (
    as_json,
    damaged,
    fuzz,
    json_texts,
    loose_values,
    mostly,
    numbers,
    objects,
    pieces,
    texts,
    values,
)

# --- rows ---

bodies = st.one_of(
    st.lists(values, max_size=4).map(as_json),
    st.builds(
        lambda before, data, after: json.dumps({**before, "data": data, **after}, ensure_ascii=False).encode(
            "utf-8", "replace"
        ),
        st.dictionaries(texts | st.just("data"), values, max_size=2),
        st.lists(values, max_size=4) | values,
        st.dictionaries(texts, values, max_size=2),
    ),
    st.lists(numbers, max_size=4).map(as_json),
    st.just(b'{"data": [1], "data": [2]}'),
    st.just(b'[NaN, -Infinity, Infinity, 1E+5, "\\ud800", "\\ud83d\\ude00"]'),
    st.just(b'{"a": {"data": [3]}, "data": [{"data": 1}]}'),
)


@fuzz(st.data(), share=3)
def test_rows_are_what_json_finds_wherever_the_body_is_cut(data: st.DataObject) -> None:
    """The reference differs on purpose where a key comes twice: rows of the first one are gone by then."""
    body = data.draw(damaged(bodies))
    cut = data.draw(pieces(body))
    expected = expected_rows(body)
    found = []
    try:
        for row in rows(cut):
            found.append(row)  # noqa: PERF402
    except Malformed as error:
        assert expected is None
        assert len(error.start) <= 100
    else:
        assert repr(found) == repr(expected)


@fuzz(st.data())
def test_the_rest_of_the_object_is_what_json_finds(data: st.DataObject) -> None:
    others = data.draw(st.dictionaries(texts.filter(lambda name: name != "data"), values, max_size=5))
    names = data.draw(st.permutations([*others, "data"]))
    elements = data.draw(st.lists(values, max_size=3))
    body = as_json({name: others.get(name) if name != "data" else elements for name in names})
    rest: dict[str, Any] = {}
    whole = json.loads(body)
    assert list(rows(data.draw(pieces(body)), is_bare=False, rest=rest)) == whole.pop("data")
    assert rest == whole


# --- reduction ---

few_names = st.sampled_from(["a", "ab", "abc", "a*", "*b", "*c"])
names = mostly(few_names, st.sampled_from([" ", "", "*", "all-team-models", "x" * 513]), texts)
tables = objects(
    {
        "range": st.lists(st.sampled_from([0, 32_000, 128e3, "256000", None, -1]), max_size=3),
        "max_results_range": st.just([0, 25]),
        "input_cost_per_token": numbers | st.sampled_from([1e-6, "4e-07"]),
        "output_cost_per_token": st.sampled_from([2e-6, 0, None]),
        "input_cost_per_query": st.sampled_from([0.005, "x"]),
    }
)
infos = objects(
    {
        "mode": st.sampled_from(["chat", "responses", "embedding", "image_generation", "unknown"]),
        "litellm_provider": st.sampled_from(["openai", "azure", "anthropic"]),
        "max_input_tokens": st.sampled_from([8, "16", 32.0, "1e3", -1, 2**60, True, "٣"]),
        "max_output_tokens": st.integers(1, 9),
        "input_cost_per_token": st.floats(0, 1) | st.sampled_from(["1e-06", "nan", "-0", 1e308]),
        "output_cost_per_token": st.sampled_from([2e-6, 0]),
        "cache_read_input_token_cost": st.sampled_from([2e-6, 0]),
        "output_cost_per_image": st.none() | numbers | st.sampled_from([0.04, "x"]),
        "input_cost_per_token_above_128k_tokens": st.none() | numbers | st.just(3e-6),
        "output_cost_per_token_above_200k_tokens": st.sampled_from([3e-6, None, "4e-06", False]),
        "tiered_pricing": st.none() | st.lists(tables, max_size=3) | numbers,
        "reasoning_effort_levels": st.lists(st.sampled_from(["low", "high", "x"])),
        "supported_modalities": st.lists(st.sampled_from(MODALITIES)),
        **{
            f"supports_{name}": st.booleans()
            for name in ("reasoning", "vision", "function_calling", "low_reasoning_effort")
        },
    }
)
deployments = objects({"model_name": names, "model_info": infos})
entries = st.builds(lambda own, info: {**info, **own}, objects({"id": names}), infos)
groups = st.builds(lambda info, own: {**info, **own}, infos, objects({"providers": st.lists(texts, max_size=2)}))
# How a collector is told of models, and with what.
told = st.one_of(
    st.tuples(st.just("deployment"), st.tuples(mostly(deployments, loose_values))),
    st.tuples(st.just("listed"), st.tuples(mostly(entries, loose_values), mostly(groups, loose_values))),
    st.tuples(st.just("nameless"), st.tuples(mostly(names, loose_values))),
)


def reduced(
    calls: list[tuple[str, tuple[Any, ...]]], expanded: Sequence[Any] = ()
) -> tuple[list[Model], list[str], list[str]]:
    reducer = Reducer()
    for method, arguments in calls:
        getattr(reducer, method)(*arguments)
    for entry in expanded:
        reducer.expanded(entry)
    return list(reducer.models("model_info")), sorted(reducer.reasons), sorted(reducer.wildcards)


@fuzz(st.lists(told, max_size=10), st.lists(entries, max_size=4), st.data(), share=2)
def test_the_order_of_what_a_proxy_tells_does_not_matter(
    calls: list[Any], expanded: list[Any], data: st.DataObject
) -> None:
    models, reasons, wildcards = reduced(calls, expanded)
    others, other_reasons, other_wildcards = reduced(
        data.draw(st.permutations(calls)), data.draw(st.permutations(expanded))
    )
    assert dump_json(models) == dump_json(others)
    assert reasons == other_reasons
    assert wildcards == other_wildcards


@fuzz(st.lists(told, max_size=8))
def test_what_is_told_twice_changes_only_the_count_of_deployments(calls: list[Any]) -> None:
    models, _, _ = reduced(calls)
    twice, _, _ = reduced([*calls, *calls])
    for one, two in zip(models, twice, strict=True):
        assert {**two, "deployments": None} == {**one, "deployments": None}
        assert two["deployments"] == (None if one["deployments"] is None else one["deployments"] * 2)


@fuzz(infos, infos)
def test_filling_gaps_twice_fills_no_more(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = of_deployment({"model_info": first}), of_group(second)
    once = completed(one, other)
    assert completed(once, other) == once
    assert completed(one, one) == one
    for facts in (one, other, once, of_entry(first)):
        assert facts.merged(facts).model("a", "x") | {"deployments": None} == facts.model("a", "x") | {
            "deployments": None
        }


def is_none_or(found: Any, *kinds: type) -> bool:
    return found is None or type(found) in kinds


@fuzz(st.lists(told, max_size=6), st.lists(mostly(entries, loose_values), max_size=3))
def test_every_model_is_as_its_fields_say_whatever_the_rows_are(calls: list[Any], expanded: list[Any]) -> None:
    models, reasons, _ = reduced(calls, expanded)
    assert [model["id"] for model in models] == sorted({model["id"] for model in models})
    assert all(isinstance(reason, str) for reason in reasons)
    for model in models:
        assert list(model) == list(FIELDS)
        assert is_none_or(model["mode"], str)
        assert model["providers"] is None or model["providers"] == sorted(set(model["providers"]))
        assert model["deployments"] is None or model["deployments"] > 0
        for limit in (model["context_window"], model["max_output_tokens"]):
            assert limit is None or (type(limit) is int and 0 < limit <= 2**53)
        for level in (model["cost"], *model["cost"]["tiers"]):
            for price in (level[name] for name in PRICES):  # type: ignore[literal-required]
                assert price is None or (type(price) is float and 0 <= price <= 1e6)
        marks = [tier["above"] for tier in model["cost"]["tiers"]]
        assert marks == sorted(set(marks))
        assert all(type(above) is int and 0 <= above <= 2**53 for above in marks)
        assert all(0 < other["price"] <= 1e6 for other in model["cost"]["other"])
        for some in (model["input"], model["output"]):
            assert some is None or set(some) <= set(MODALITIES)
        assert set(model["reasoning_efforts"] or ()) <= set(EFFORTS)
        assert list(model["supports"]) == list(ABILITIES)
        assert all(is_none_or(one, bool) for one in (*model["supports"].values(), model["reasoning"]))
        assert type(model["complete"]) is bool


# --- the cache ---


@fuzz(st.lists(told, max_size=6), st.lists(json_texts, max_size=2))
def test_models_come_out_of_the_cache_as_they_went_in(calls: list[Any], notes: list[str]) -> None:
    models, _, _ = reduced(calls)
    catalog = Catalog.of_models("https://h", "model_info", models, lambda: notes)
    with tempfile.TemporaryDirectory() as folder:
        cache = CatalogCache(folder, "default", "https://h", ["secret"])
        cache.write(catalog)
        found = cache.read()
        assert found is not None
        assert found._replace(lines=list(found.lines)) == catalog
        cache.write(found)  # and once more
        assert cache.read() == found
        # Half a character is none in a cache, nor in what is printed.
        known = json.loads(dump_json(models))
        assert found.models == sorted(known, key=lambda model: model["id"])
        assert found.listed == sum(map(is_chat, models))
        assert changes(found.models, found.models) == {"added": [], "removed": [], "repriced": []}


# --- filters ---

sortable = [name for name in FIELDS if name not in {"cost", "supports"}] + [
    "cost.input",
    "supports.vision",
    "cost.output",
]
# Each filter removes most models: with all of them at once nothing would remain.
selections = st.fixed_dictionaries(
    {"every_mode": mostly(st.just(True), st.just(False))},
    optional={
        "sort": st.sampled_from(sortable),
        "reverse": st.booleans(),
        "one": st.one_of(
            st.fixed_dictionaries({"modes": st.lists(st.sampled_from(["chat", "embedding"]), max_size=2)}),
            st.fixed_dictionaries({"supports": st.lists(st.sampled_from([*ABILITIES, "reasoning"]), max_size=2)}),
            st.fixed_dictionaries({"inputs": st.lists(st.sampled_from(MODALITIES), max_size=1)}),
            st.just({"reasoning": True}),
            st.fixed_dictionaries({"min_context": st.integers(0, 40)}),
            st.fixed_dictionaries({"max_input_cost": st.floats(0, 1e6)}),
            st.fixed_dictionaries(
                {"globs": st.lists(mostly(st.sampled_from(["*", "a*", "[", "[!a]*"]), texts), max_size=2)}
            ),
        ),
    },
).map(lambda given: Selection(**{**given.pop("one", {}), **given}))


@fuzz(st.lists(told, max_size=8), selections)
def test_a_filter_gives_some_of_the_models_and_giving_it_those_gives_them_again(
    calls: list[Any], selection: Selection
) -> None:
    models, _, _ = reduced(calls)
    chosen = selection.apply(models)
    assert all(model in models for model in chosen)
    assert len({model["id"] for model in chosen}) == len(chosen)
    assert len(chosen) + selection.count_hidden(models) <= len(models)
    again = selection._replace(reverse=selection.reverse and selection.sort is not None).apply(chosen)
    assert {model["id"] for model in again} == {model["id"] for model in chosen}
