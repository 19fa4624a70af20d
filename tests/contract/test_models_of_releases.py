"""`models` of each release: what a reader of the raw rows would say, worked out here once more and in another way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from litellmctl.catalog.model import ABILITIES, PRICES
from tests.conftest import Run
from tests.fake_proxy import FakeProxy
from tests.releases import VERSIONS, at_least, recorded

each_release = pytest.mark.parametrize("version", VERSIONS)
KEYS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}
# Models that cost nothing by the token, says the cost map of every release: 0.0, and not the 0 that stands for unknown.
FREE = {("moderation", "input"), ("moderation", "output"), ("embed", "output")}
# Everything that a token, an image, a second ... of a model can cost; not what is paid for tools, or in another tier.
SOLD = re.compile(r"^((input|output|ocr)_)?cost_per_(?!token|reasoning)(?!.*_(batches|priority|flex|above_))")


def listed(run: Run, proxy: FakeProxy, version: str, *, by_rows: bool) -> dict[str, dict[str, Any]]:
    """Return what `models` says of a release, from its rows or from its list with the groups."""
    rows = recorded(version, "model_info")
    if by_rows:
        proxy.on("/model/info", rows, times=None)
    else:
        proxy.on("/model/info", {"error": {"message": "not yours", "type": "x"}}, status=403, times=None)
        proxy.on("/model_group/info", recorded(version, "group"), times=None)
    if not by_rows or any("*" in row["model_name"] for row in rows["data"]):
        proxy.on("/v1/models", recorded(version, "v1_models"), times=None)
    return {model["id"]: model for model in run("models", "--all", "--json").json}


def deployments(version: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in recorded(version, "model_info")["data"]:
        if "*" not in row["model_name"]:
            found.setdefault(row["model_name"], []).append(row)
    return found


def others(info: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in info.items() if SOLD.match(key) and value}


def read(row: dict[str, Any], name: str) -> float | None:
    """Return what a reader of one row says of a price.

    All that these rows call free for sure is 0.0: none has a 0 in its litellm_params, and the release that says null
    has no model that it calls free.
    """
    info, key = row["model_info"], KEYS[name]
    value = info.get(key)
    if value is None or (value == 0 and (isinstance(value, int) or others(info))):
        return None
    assert float(row["litellm_params"].get(key) or value) == value
    return float(value) * 1e6


@each_release
def test_a_price_is_what_a_reader_of_the_rows_says(run: Run, proxy: FakeProxy, version: str) -> None:
    models = listed(run, proxy, version, by_rows=True)
    rows = deployments(version)
    assert rows.keys() <= models.keys()
    for name, group in rows.items():
        for which in PRICES:
            prices = [read(row, which) for row in group]
            expected = None if None in prices else pytest.approx(max(prices))  # type: ignore[type-var]
            assert models[name]["cost"][which] == expected, (name, which)
    assert len(models) >= 35
    assert sum(model["cost"]["input"] is not None for model in models.values()) >= 15


@each_release
@pytest.mark.parametrize("by_rows", [True, False], ids=["rows", "groups"])
def test_no_price_is_0_that_the_proxy_does_not_know(run: Run, proxy: FakeProxy, version: str, by_rows: bool) -> None:
    models = listed(run, proxy, version, by_rows=by_rows)
    free = {(name, which) for name, model in models.items() for which in PRICES if model["cost"][which] == 0}
    # A group tells no prices of other kinds, so what is not sold by the token has no price there.
    assert free == (FREE if by_rows else set())
    assert {model["source"] for model in models.values()} == {"model_info" if by_rows else "models_list"}
    if not by_rows and at_least(version, "1.72"):
        assert models["gpt-4o"]["cost"]["input"] == 2.5
    if not by_rows and at_least(version, "1.110"):
        assert models["gemini-tiered"]["cost"]["tiers"][0]["input"] == 2.5
        assert models["whisper"]["cost"]["other"][0]["per"] == "second"


@each_release
def test_tiers_are_what_stands_in_the_rows(run: Run, proxy: FakeProxy, version: str) -> None:
    models = listed(run, proxy, version, by_rows=True)
    for name, (row, *_) in deployments(version).items():
        info = row["model_info"]
        marks = {
            key.partition("_above_")[2]: key for key in info if re.fullmatch(r"input.*_token_above_\d+k_tokens", key)
        }
        told = {mark: {which: info.get(f"{key}_above_{mark}") for which, key in KEYS.items()} for mark in marks}
        expected = [
            {
                "above": int(mark.removesuffix("k_tokens")) * 1000,
                **{which: value and pytest.approx(value * 1e6) for which, value in four.items()},
            }
            for mark, four in sorted(told.items())
            if any(four.values())
        ]
        assert models[name]["cost"]["tiers"] == expected, name
    tiered = {name for name, model in models.items() if model["cost"]["tiers"]}
    assert ("gemini-tiered" in tiered) is at_least(version, "1.72")  # 1.65 does not know the model
    assert all(models[name]["complete"] for name in tiered)


@each_release
def test_what_is_sold_otherwise_says_so(run: Run, proxy: FakeProxy, version: str) -> None:
    models = listed(run, proxy, version, by_rows=True)
    for name, group in deployments(version).items():
        if len(group) == 1:
            prices = sorted(others(group[0]["model_info"]).values())
            assert sorted(other["price"] for other in models[name]["cost"]["other"]) == prices, name
    shown = run("models", "show", "whisper", "--offline", terminal=True, NO_COLOR="1")
    assert re.search(r"^cost\.input +\?$", shown, re.MULTILINE)
    lines = r"^cost\.other +input \$0\.0001 per second\n +output \$0\.0001 per second$"
    assert re.search(lines, shown, re.MULTILINE)


@each_release
def test_an_ability_is_denied_only_of_models_that_the_release_knows(run: Run, proxy: FakeProxy, version: str) -> None:
    models = listed(run, proxy, version, by_rows=True)
    for name, (row, *more) in deployments(version).items():
        info = row["model_info"]
        # Of what a release does not know it has neither limits nor prices.
        prices = [
            value for key, value in info.items() if "cost" in key and value and not row["litellm_params"].get(key)
        ]
        knows = bool(prices) or any(info.get(f"max_{what}tokens") for what in ("", "input_", "output_"))
        for ability in (*ABILITIES, "reasoning"):
            said = info.get(f"supports_{ability}")
            found = models[name]["reasoning"] if ability == "reasoning" else models[name]["supports"][ability]
            if not more:
                assert found is (None if said is False and not knows else said), (name, ability)
    assert set(models["homemade"]["supports"].values()) == {None}


@each_release
def test_limits_and_modes_are_what_the_rows_say(run: Run, proxy: FakeProxy, version: str) -> None:
    models = listed(run, proxy, version, by_rows=True)
    for name, group in deployments(version).items():
        infos = [row["model_info"] for row in group]
        assert models[name]["mode"] == infos[0].get("mode")
        assert models[name]["deployments"] == len(infos)
        for field, key in (("context_window", "max_input_tokens"), ("max_output_tokens", "max_output_tokens")):
            limits = [info.get(key) or None for info in infos]  # a limit of 0 is none
            assert models[name][field] == (None if None in limits else min(limits)), name  # type: ignore[type-var]
