"""`models`: what a person and a script see of a proxy's models."""

from __future__ import annotations

import json

import pytest

from litellmctl.catalog.model import FIELDS, PRICES
from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row, shape


@pytest.fixture
def recorded(proxy: FakeProxy) -> FakeProxy:
    return proxy.on("/model/info", shape("model_info")).on("/v1/models", shape("v1_models"), times=None)


def test_lists_chat_and_responses_models_by_default(run: Run, recorded: FakeProxy) -> None:
    ids = [model["id"] for model in run("models", "--json").json]
    assert ids == ["claude-sonnet", "codex", "gpt-4o", "groq/openai/gpt-oss-120b", "homemade", "limited", "pool"]


def test_lists_every_mode_with_all_and_one_with_mode(run: Run, recorded: FakeProxy) -> None:
    everything = {model["id"]: model["mode"] for model in run("models", "--all", "--json").json}
    assert everything["embed"] == "embedding"
    assert everything["groq/whisper-large-v3"] == "audio_transcription"
    assert [model["id"] for model in run("models", "--mode", "embedding", "--json").json] == ["embed"]
    # No mode counts as chat.
    assert "homemade" in [model["id"] for model in run("models", "--mode", "chat", "--json").json]


def test_tells_what_is_known_and_null_for_the_rest(run: Run, recorded: FakeProxy) -> None:
    models = {model["id"]: model for model in run("models", "--json").json}
    known = models["gpt-4o"]
    assert list(known) == list(FIELDS)
    assert known["providers"] == ["openai"]
    assert (known["context_window"], known["max_output_tokens"]) == (128000, 16384)
    assert known["cost"] == {
        "input": 2.5,
        "output": 10,
        "cache_read": 1.25,
        "cache_write": None,
        "tiers": [],
        "other": [],
    }
    assert known["input"] == ["text", "image", "pdf"]
    assert known["supports"]["function_calling"] is True
    assert known["supports"]["web_search"] is None
    assert known["complete"] is True
    unknown = models["homemade"]
    assert unknown["complete"] is False
    assert [unknown[name] for name in ("mode", "context_window", "max_output_tokens", "input", "reasoning")] == [
        None
    ] * 5
    assert {unknown["cost"].pop(name) is None for name in PRICES} == {True}
    assert unknown["cost"] == {"tiers": [], "other": []}


def test_of_two_deployments_the_smaller_limit_the_higher_price_and_what_both_can(run: Run, recorded: FakeProxy) -> None:
    (pool,) = [model for model in run("models", "--json").json if model["id"] == "pool"]
    assert pool["deployments"] == 2
    assert (pool["context_window"], pool["max_output_tokens"]) == (8192, 4096)
    assert (pool["cost"]["input"], pool["cost"]["output"]) == (30, 60)
    assert pool["cost"]["cache_read"] is None  # one of them does not say
    assert pool["input"] == ["text"]
    assert pool["supports"]["function_calling"] is True
    assert pool["supports"]["parallel_function_calling"] is None


def test_says_why_a_wildcard_is_left_out(run: Run, recorded: FakeProxy) -> None:
    result = run("models", "--json")
    assert "inhouse/*" not in result
    assert "inhouse/*: the proxy does not list the models that it covers" in result.stderr
    assert run("models", "--json", "-q").stderr == ""


def test_a_wildcards_models_inherit_its_facts(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("acme/*", max_input_tokens=1000, input_cost_per_token=1e-6), row("acme/own", max_input_tokens=7))
    listed = [{"id": "acme/a"}, {"id": "acme/b", "mode": "embedding"}, {"id": "acme/own"}, {"id": "other"}]
    proxy.on("/v1/models", {"data": listed})
    models = {model["id"]: model for model in run("models", "--all", "--json").json}
    assert sorted(models) == ["acme/a", "acme/b", "acme/own"]
    assert models["acme/a"]["context_window"] == 1000
    assert models["acme/a"]["cost"]["input"] == 1
    assert models["acme/b"]["mode"] == "embedding"
    assert models["acme/own"]["context_window"] == 7


def test_a_wildcard_that_cannot_be_listed_is_a_warning(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("acme/*"), row("gpt")).on("/v1/models", {"error": "boom"}, status=500)
    result = run("models", "--json")
    assert [model["id"] for model in result.json] == ["gpt"]
    assert "left out acme/*" in result.stderr
    assert "500" in result.stderr


def test_a_name_that_mixes_modes_is_left_out_and_reported(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("mix"), row("mix", mode="embedding"), row("gpt"))
    result = run("models", "--all", "--json")
    assert [model["id"] for model in result.json] == ["gpt"]
    assert "left out mix: its deployments mix chat and embedding" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--supports", "function_calling"], ["big", "cheap"]),
        (["--supports", "vision"], ["big"]),
        (["--input", "image"], ["big"]),
        (["--reasoning"], ["cheap"]),
        (["--min-context", "100000"], ["big"]),
        (["--max-input-cost", "1"], ["cheap"]),
        (["--filter", "CH*"], ["cheap"]),
        (["--filter", "b*", "--filter", "d*"], ["big", "dark"]),
        (["--sort", "cost.input"], ["cheap", "big", "dark"]),
        (["--sort", "cost.input", "--reverse"], ["big", "cheap", "dark"]),  # unknown stays last
        (["--sort", "context_window", "--limit", "1"], ["cheap"]),
        (["--reverse"], ["dark", "cheap", "big"]),
        (["--limit", "0"], []),
        (["--filter", "nothing-like-that"], []),
    ],
)
def test_filters_and_orders(run: Run, proxy: FakeProxy, arguments: list[str], expected: list[str]) -> None:
    proxy.models(
        row(
            "big",
            max_input_tokens=200000,
            input_cost_per_token=5e-6,
            supports_function_calling=True,
            supports_vision=True,
        ),
        row(
            "cheap",
            max_input_tokens=8000,
            input_cost_per_token=1e-7,
            supports_function_calling=True,
            supports_reasoning=True,
        ),
        row("dark"),
    )
    result = run("models", *arguments, "--json")
    assert [model["id"] for model in result.json] == expected
    assert run("models", *arguments) == run("models", *arguments, "-o", "tsv")
    assert len(run("models", *arguments).splitlines()) == len(expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--supports", "function_caling"], 'Did you mean "function_calling"?'),
        (["--sort", "contxt_window"], 'Did you mean "context_window"?'),
        (["--sort", "cost"], "cost.input"),
        (["--fields", "id,contxt_window"], 'Did you mean "context_window"?'),
        (["--min-context", "0"], "--min-context"),
        (["--input", "smell"], "smell"),
        (["--limit", "-1"], "--limit"),
    ],
)
def test_refuses_bad_options_before_any_request(run: Run, proxy: FakeProxy, arguments: list[str], words: str) -> None:
    result = run("models", *arguments, exit=2)
    assert words in result.stderr
    assert result == ""
    assert proxy.requests == []


def test_piped_json_has_one_element_a_line_and_a_final_newline(run: Run, recorded: FakeProxy) -> None:
    text = run("models", "--json")
    lines = text.split("\n")
    assert (lines[0], lines[-2], lines[-1]) == ("[", "]", "")
    assert all(json.loads(line.removesuffix(","))["id"] for line in lines[1:-2])


def test_every_format_tells_the_same(run: Run, recorded: FakeProxy) -> None:
    as_json = run("models", "--json").json
    assert [json.loads(line) for line in run("models", "-o", "jsonl").splitlines()] == as_json
    tsv = [line.split("\t") for line in run("models").splitlines()]
    assert [len(cells) for cells in tsv] == [len(FIELDS)] * len(as_json)
    assert [cells[0] for cells in tsv] == [model["id"] for model in as_json]
    assert [json.loads(cells[list(FIELDS).index("cost")]) for cells in tsv] == [model["cost"] for model in as_json]
    csv = run("models", "-o", "csv", "--fields", "id,context_window").splitlines()
    assert csv[0] == "id,context_window"
    assert csv[3] == "gpt-4o,128000"


def test_fields_choose_and_order_in_every_format(run: Run, recorded: FakeProxy) -> None:
    chosen = ("--fields", "cost.input,id", "--filter", "gpt-4o")
    assert run("models", "--json", *chosen).json == [{"cost.input": 2.5, "id": "gpt-4o"}]
    assert run("models", *chosen) == "2.5\tgpt-4o\n"
    assert run("models", "-o", "table", *chosen).split() == ["COST.INPUT", "ID", "2.5", "gpt-4o"]


def test_a_terminal_gets_an_aligned_table_with_question_marks(run: Run, recorded: FakeProxy) -> None:
    result = run("models", terminal=True, NO_COLOR="1")
    header, *lines = result.splitlines()
    assert header.split()[:3] == ["ID", "CONTEXT", "OUTPUT"]
    (homemade,) = [line for line in lines if line.startswith("homemade")]
    assert homemade.split() == ["homemade", "?", "?", "?", "?", "?", "-"]
    assert " 128K " in next(line for line in lines if line.startswith("gpt-4o"))
    assert "more in other modes (--all)" in result.stderr
    assert "embedding" in run("models", "--all", terminal=True)
    assert run("models", "--json", terminal=True).startswith('[\n  {\n    "id"')


def test_an_empty_list_is_success(run: Run, proxy: FakeProxy) -> None:
    proxy.models()
    assert run("models", "--json") == "[]\n"
    assert run("models") == ""
    shown = run("models", terminal=True)
    assert (shown, "No models." in shown.stderr) == ("", True)


def test_show_gives_an_object_for_one_and_an_array_for_several(run: Run, recorded: FakeProxy) -> None:
    assert run("models", "show", "embed", "--json").json["mode"] == "embedding"
    assert [model["id"] for model in run("models", "show", "pool", "gpt-4o", "--json").json] == ["pool", "gpt-4o"]
    table = run("models", "show", "pool", terminal=True, NO_COLOR="1")
    assert "context_window" in table
    assert "8192" in table


TABLE = [
    {"range": [0, 32000], "input_cost_per_token": 4e-07, "output_cost_per_token": 1.2e-06},
    {"range": [32000, 128000], "input_cost_per_token": 8e-07, "output_cost_per_token": 2.4e-06},
]
ZEROS = {"input_cost_per_token": 0, "output_cost_per_token": 0}


def test_show_names_tiers_and_prices_for_something_else_in_words(run: Run, proxy: FakeProxy) -> None:
    seconds = {"input_cost_per_video_per_second": 0.00049, "output_cost_per_token": 7.5e-06}
    proxy.models(row("tiered", **ZEROS, tiered_pricing=TABLE), row("pegasus", **{**ZEROS, **seconds}))
    tiered = run("models", "show", "tiered", terminal=True, NO_COLOR="1")
    facts = dict(line.split(maxsplit=1) for line in tiered.splitlines())
    assert (facts["cost.input"], facts["cost.output"], facts["cost.other"]) == ("?", "?", "none")
    assert facts["cost.tiers"] == (
        "above 0 tokens: input 0.4, output 1.2, cache_read ?, cache_write ?; "
        "above 32000 tokens: input 0.8, output 2.4, cache_read ?, cache_write ?"
    )
    pegasus = run("models", "show", "pegasus", terminal=True, NO_COLOR="1")
    facts = dict(line.split(maxsplit=1) for line in pegasus.splitlines())
    assert (facts["cost.input"], facts["cost.output"], facts["cost.tiers"]) == ("?", "7.5", "none")
    assert facts["cost.other"] == "input 0.00049 per video per second"
    found = run("models", "show", "tiered", "pegasus", "--json").json
    assert [tier["above"] for tier in found[0]["cost"]["tiers"]] == [0, 32000]
    assert found[1]["cost"]["other"] == [{"of": "input", "per": "video_per_second", "price": 0.00049}]
    one = run("models", "show", "pegasus", "--fields", "cost.other,id", terminal=True, NO_COLOR="1")
    assert one == "cost.other  input 0.00049 per video per second\nid          pegasus\n"
    csv = run("models", "--fields", "id,cost.tiers", "-o", "csv")
    assert '[{""above"":0,""input"":0.4,' in csv


def test_what_is_not_free_is_not_listed_as_free(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("tiered", **ZEROS, tiered_pricing=TABLE), row("unknown", **ZEROS), row("free"))
    assert run("models", "--max-input-cost", "0", "--json").json == []


def test_show_reports_what_is_not_there_and_shows_the_others(run: Run, recorded: FakeProxy) -> None:
    result = run("models", "show", "gpt-4", "pool", "--json", exit=5)
    assert [model["id"] for model in result.json] == ["pool"]
    assert result.error["code"] == "not_found"
    assert 'Did you mean "gpt-4o"?' in result.error["message"]
    alone = run("models", "show", "gpt-4", exit=5)
    assert alone == ""
    assert alone.stderr.startswith('Error: no model "gpt-4"')


def test_says_what_was_meant_by_a_model_after_models(run: Run, proxy: FakeProxy) -> None:
    result = run("models", "gpt-4o", exit=2)
    assert "Try:   litellmctl models show gpt-4o" in result.stderr


def test_hostile_names_cannot_act_on_a_terminal(run: Run, proxy: FakeProxy) -> None:
    name = "evil\x1b[31m\nred\x9b\u202e\ttab"
    proxy.models(row(name), row("next"))
    assert [model["id"] for model in run("models", "--json").json] == [name, "next"]
    for output in (run("models"), run("models", terminal=True, NO_COLOR="1"), run("models", "--json")):
        assert not {"\x1b", "\x9b"} & set(output)
    assert run("models", "--fields", "id") == "evil[31m red tab\nnext\n"
    assert len(run("models", "-o", "csv", "--fields", "id").splitlines()) == 3
