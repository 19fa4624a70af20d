from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer
from tests.effort import less_than

JUNK = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
FLAGS = ["function_calling", "reasoning", "vision", "low_reasoning_effort"]
INFOS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from([None, "chat", "chat", "responses", "embedding"]) | JUNK,
        "litellm_provider": st.sampled_from(["openai", "azure"]) | JUNK,
        "max_input_tokens": st.sampled_from([8, "16", 32.0]) | JUNK,
        "max_output_tokens": st.integers(1, 9) | JUNK,
        "input_cost_per_token": st.floats(0, 1) | JUNK,
        "output_cost_per_token": st.sampled_from(["1e-06", 2e-6]) | JUNK,
        "reasoning_effort_levels": st.lists(st.sampled_from(["low", "high", "x"])) | JUNK,
        **{f"supports_{name}": st.booleans() | JUNK for name in FLAGS},
    },
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"model_name": st.sampled_from(["a", "b", "c", " ", "all-team-models", "w/*"]), "model_info": INFOS}
    )
    | JUNK,
    max_size=8,
)


def reduced(rows: list[Any]) -> tuple[list[Model], list[str]]:
    """Return the models, and what was skipped and why."""
    reducer = Reducer()
    for row in rows:
        reducer.deployment(row)
    return list(reducer.models("model_info")), reducer.reasons


def row(name: Any, **info: Any) -> dict[str, Any]:
    return {"model_name": name, "model_info": info}


def only(rows: list[Any]) -> Model:
    (model,), reasons = reduced(rows)
    assert reasons == []
    return model


@given(rows=ROWS, data=st.data())
def test_the_order_of_the_rows_does_not_matter(rows: list[Any], data: st.DataObject) -> None:
    models, reasons = reduced(rows)
    others, other_reasons = reduced(data.draw(st.permutations(rows)))
    assert models == others
    assert sorted(reasons) == sorted(other_reasons)


@given(rows=ROWS, times=st.integers(2, 3))
def test_a_deployment_that_comes_again_changes_only_the_count(rows: list[Any], times: int) -> None:
    once, _ = reduced(rows)
    again, _ = reduced(rows * times)
    assert [{**model, "deployments": model["deployments"] * times} for model in once] == again  # type: ignore[operator]


@given(rows=ROWS)
def test_a_name_promises_no_more_than_each_of_its_deployments(rows: list[Any]) -> None:
    for model in reduced(rows)[0]:
        mine = [entry for entry in rows if isinstance(entry, dict) and entry.get("model_name") == model["id"]]
        assert model["deployments"] == len(mine)
        for alone in (only([entry]) for entry in mine):
            for limit in ("context_window", "max_output_tokens"):
                assert model[limit] is None or model[limit] <= alone[limit]  # type: ignore[literal-required]
            for name, price in model["cost"].items():
                assert price is None or price >= alone["cost"][name]  # type: ignore[literal-required, operator]
            assert all(alone["supports"][name] for name, can in model["supports"].items() if can)
            assert not (model["reasoning"] and not alone["reasoning"])
            assert set(model["reasoning_efforts"] or ()) <= set(alone["reasoning_efforts"] or ())
            assert alone["complete"] or not model["complete"]


def test_models_come_in_order_of_their_names() -> None:
    assert [model["id"] for model in reduced([row("b"), row("B"), row("a"), row("ä"), row("b")])[0]] == [
        "B",
        "a",
        "b",
        "ä",
    ]


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        (("chat", "chat"), "chat"),
        (("chat", None), "chat"),
        ((None, None), None),
        (("embedding", "embedding"), "embedding"),
    ],
)
def test_deployments_of_one_mode_are_one_model(modes: tuple[str | None, ...], mode: str | None) -> None:
    assert only([row("a", mode=said) for said in modes])["mode"] == mode


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        (("chat", "embedding"), "chat and embedding"),
        (("embedding", None), "chat and embedding"),
        (("image_generation", "chat", "embedding", "chat"), "chat and embedding and image_generation"),
    ],
)
def test_a_name_that_mixes_modes_is_skipped_and_reported(modes: tuple[str | None, ...], words: str) -> None:
    models, reasons = reduced([row("ok"), *(row("a", mode=mode) for mode in modes)])
    assert [model["id"] for model in models] == ["ok"]
    assert reasons == [f"skipped a: its deployments mix the modes {words}"]


@pytest.mark.parametrize(
    "entry", [None, 5, "a", [], ["model_name"], {}, row(None), row(5), row(""), row("  "), row(["a"])]
)
def test_an_entry_without_a_name_is_skipped_and_counted(entry: Any) -> None:
    assert reduced([entry, row("a"), entry]) == ([only([row("a")])], ["skipped an entry (2 times): it has no name"])


@pytest.mark.parametrize("name", ["all-team-models", "all-proxy-models", "no-default-models"])
def test_a_placeholder_is_no_model(name: str) -> None:
    assert reduced([row(name)]) == ([], [f"skipped {name}: it is a placeholder, not a model"])


def test_a_name_of_512_characters_is_the_longest() -> None:
    assert only([row("a" * 512)])["id"] == "a" * 512
    assert reduced([row("a" * 513)]) == ([], [f"skipped {'a' * 40}...: its name is longer than 512 characters"])


def test_however_much_is_skipped_the_reasons_stay_few() -> None:
    _, reasons = reduced(
        [row("a" * 600 + str(number)) for number in range(5)] + [row(str(n) + "a" * 600) for n in range(500)]
    )
    assert len(reasons) == 100
    assert reasons[0].startswith(f"skipped {'a' * 40}... (5 times)")


# Wildcards


def expanded(rows: list[Any], entries: list[Any]) -> Reducer:
    reducer = Reducer()
    for entry in rows:
        reducer.deployment(entry)
    for entry in entries:
        reducer.expanded(entry)
    return reducer


def test_a_name_that_a_wildcard_covers_inherits_its_facts_and_the_raw_row_is_dropped() -> None:
    reducer = expanded(
        [row("acme/*", mode="chat", max_input_tokens=8), row("acme/*", max_input_tokens=4)], [{"id": "acme/one"}]
    )
    (model,) = reducer.models("model_info")
    assert (model["id"], model["mode"], model["context_window"], model["deployments"]) == ("acme/one", "chat", 4, 2)
    assert reducer.wildcards == []
    assert reducer.reasons == []


def test_a_wildcard_without_names_is_told_of() -> None:
    reducer = expanded([row("acme/*"), row("other/*")], [{"id": "acme/one"}])
    assert reducer.wildcards == ["other/*"]


def test_the_order_of_wildcards_and_entries_does_not_matter() -> None:
    rows = [row("a*", mode="chat", max_input_tokens=8), row("*b", mode="chat", max_input_tokens=4)]
    entries = [{"id": "ab", "max_input_tokens": 2}, {"id": "ab", "max_input_tokens": 1}]
    found = [
        (list(reducer.models("model_info")), reducer.wildcards)
        for reducer in (expanded(some, others) for some in (rows, rows[::-1]) for others in (entries, entries[::-1]))
    ]
    assert all(one == found[0] for one in found)
    assert found[0][0][0]["context_window"] == 1


@pytest.mark.parametrize(
    ("wildcard", "name", "covers"),
    [
        ("acme/*", "acme/one", True),
        ("acme/*", "acme/", True),
        ("acme/*", "acme/a/b", True),
        ("acme/*", "acme/a\nb", True),
        ("acme/*", "xacme/one", False),
        ("acme/*", "acme", False),
        ("*", "anything", True),
        ("*-mini", "gpt-mini", True),
        ("*-mini", "gpt-mini-2", False),
        ("a*b*c", "a1b2c", True),
        ("a.b/*", "axb/one", False),
        ("a[b]/*", "a[b]/one", True),
        ("a?/*", "ab/one", False),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_is_special(wildcard: str, name: str, covers: bool) -> None:
    models = list(expanded([row(wildcard)], [{"id": name}]).models("model_info"))
    assert [model["id"] for model in models] == ([name] if covers else [])


def test_the_most_specific_wildcard_counts() -> None:
    rows = [row("*", max_input_tokens=1), row("acme/*", max_input_tokens=2), row("acme/one-*", max_input_tokens=3)]
    entries = [{"id": name} for name in ("acme/one-b", "acme/two", "x")]
    for order in (rows, rows[::-1]):
        models = expanded(order, entries).models("model_info")
        assert {model["id"]: model["context_window"] for model in models} == {"acme/one-b": 3, "acme/two": 2, "x": 1}


def test_the_longest_wildcard_counts_wherever_its_star_is() -> None:
    rows = [row("acme/*", max_input_tokens=1), row("*-one-mini", max_input_tokens=2)]
    for order in (rows, rows[::-1]):
        (found,) = expanded(order, [{"id": "acme/x-one-mini"}]).models("model_info")
        assert found["context_window"] == 2


def test_a_name_with_a_row_of_its_own_keeps_its_own_facts() -> None:
    reducer = expanded([row("acme/*", max_input_tokens=1), row("acme/one", max_input_tokens=2)], [{"id": "acme/one"}])
    assert [model["context_window"] for model in reducer.models("model_info")] == [2]


def test_the_entrys_own_mode_goes_before_the_wildcards() -> None:
    reducer = expanded([row("acme/*", mode="chat")], [{"id": "acme/embed", "mode": "embedding"}])
    (model,) = reducer.models("model_info")
    assert (model["mode"], model["complete"]) == ("embedding", False)


@pytest.mark.parametrize("entry", [None, 5, [], {}, {"id": None}, {"id": 5}, {"id": "acme/*"}, {"id": "other"}])
def test_an_entry_that_no_wildcard_covers_adds_nothing(entry: Any) -> None:
    reducer = expanded([row("acme/*")], [entry])
    assert list(reducer.models("model_info")) == []
    assert reducer.wildcards == ["acme/*"]


def test_a_wildcard_covers_no_placeholder_and_no_endless_name() -> None:
    reducer = expanded([row("*")], [{"id": "all-team-models"}, {"id": "a" * 600}])
    assert list(reducer.models("model_info")) == []
    assert reducer.wildcards == ["*"]


# The list, and endpoints without a name


def test_the_list_and_its_group_make_a_model() -> None:
    reducer = Reducer()
    reducer.listed({"id": "a", "max_input_tokens": 8}, {"model_group": "a", "mode": "chat", "max_input_tokens": 9})
    reducer.listed({"id": "b"}, None)
    reducer.listed({"id": "c"}, "no object")
    first, *others = reducer.models("models_list")
    assert (first["id"], first["mode"], first["context_window"], first["complete"]) == ("a", "chat", 8, False)
    assert [model["id"] for model in others] == ["b", "c"]
    assert all(model["deployments"] is None and model["source"] == "models_list" for model in (first, *others))


def test_a_wildcard_in_the_list_is_skipped() -> None:
    reducer = Reducer()
    reducer.listed({"id": "acme/*"}, None)
    reducer.listed({"id": 5}, None)
    reducer.listed("a", None)
    assert list(reducer.models("models_list")) == []
    assert reducer.reasons == [
        "skipped acme/*: the proxy does not list its models",
        "skipped an entry (2 times): it has no name",
    ]


def test_an_endpoint_of_which_only_the_model_is_known_is_listed_with_facts_unknown() -> None:
    reducer = Reducer()
    for model in ("openai/gpt", None, "openai/gpt", 5, ""):
        reducer.nameless(model)
    (found,) = reducer.models("health")
    assert (found["id"], found["deployments"], found["context_window"], found["complete"]) == (
        "openai/gpt",
        2,
        None,
        False,
    )
    assert reducer.reasons == ["skipped an entry (3 times): it has no name"]


@pytest.mark.parametrize("size", [10, 100, 3000])
def test_as_many_wildcards_as_names_are_all_expanded(size: int) -> None:
    with less_than(0.5 + size * 1e-3):
        reducer = expanded(
            [row(f"p{number}/*") for number in range(size)], [{"id": f"p{number}/x"} for number in range(size)]
        )
        assert len(list(reducer.models("model_info"))) == size
        assert (reducer.wildcards, reducer.reasons) == ([], [])


def test_names_that_are_not_compared_with_too_many_wildcards_are_told_of() -> None:
    with less_than(6):
        reducer = expanded(
            [row("*a" * 100 + f"*b{number}") for number in range(3000)],
            [{"id": "a" * 400 + str(number)} for number in range(3000)],
        )
        assert list(reducer.models("model_info")) == []
        assert len(reducer.wildcards) == 3000
    (reason,) = reducer.reasons
    assert reason.startswith("skipped an entry (")
    assert reason.endswith("the proxy has too many wildcards to find the one that covers it")
