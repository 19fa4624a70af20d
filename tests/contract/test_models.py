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


def test_says_what_is_skipped_only_to_a_user_who_wants_to_see_everything(run: Run, recorded: FakeProxy) -> None:
    note = "skipped inhouse/*: the proxy does not list its models\n"
    first = run("models", "--json")
    assert ("inhouse/*" in first, first.stderr) == (False, "")
    for arguments in (["models"], ["models", "list", "--filter", "gpt"], ["models", "show", "gpt-4o"]):
        assert run(*arguments).stderr == ""
    for arguments in (
        ["models", "--all"],
        ["models", "list", "--all"],
        ["models", "-v"],
        ["models", "-v", "show", "pool"],
    ):
        assert run(*arguments).stderr == note
        assert run(*arguments, "-q").stderr in {"", note if "-v" in arguments else ""}


def test_says_what_is_skipped_after_a_refresh(run: Run, proxy: FakeProxy) -> None:
    note = "skipped mix: its deployments mix the modes chat and embedding\n"
    proxy.models(row("mix"), row("mix", mode="embedding"), row("gpt"), times=3)
    for arguments in (["models", "--refresh"], ["models", "show", "gpt", "--refresh"], ["refresh"]):
        assert run(*arguments).stderr == note


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
    for arguments in (["models"], ["models", "--refresh"], ["refresh"]):
        proxy.models(row("acme/*"), row("gpt")).on("/v1/models", {"error": "boom"}, status=500)
        result = run(*arguments)
        assert "gpt" in result or arguments == ["refresh"]
        assert result.stderr.startswith("Warning: skipped acme/*: cannot list its models: ")
        assert "500" in result.stderr
        assert result.stderr.count("acme/*") == 1
    assert run("models").stderr == ""
    assert run("models", "--all").stderr.startswith("skipped acme/*: cannot list its models: ")


def test_a_name_that_mixes_modes_is_skipped_and_reported(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("mix"), row("mix", mode="embedding"), row("gpt"))
    result = run("models", "--all", "--json")
    assert [model["id"] for model in result.json] == ["gpt"]
    assert "skipped mix: its deployments mix the modes chat and embedding" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--supports", "function_calling"], ["big", "cheap"]),
        (["--supports", "vision"], ["big"]),
        (["--input", "image"], ["big"]),
        (["--reasoning"], ["cheap"]),
        (["--min-context", "100000"], ["big"]),
        (["--max-input-cost", "1"], ["cheap"]),
        (["--max-output-cost", "3"], ["cheap"]),
        (["--max-output-cost", "3", "--max-input-cost", "1"], ["cheap"]),
        (["--filter", "CH*"], ["cheap"]),
        (["--filter", "hea"], ["cheap"]),
        (["--filter", "HEA", "--filter", "ar"], ["cheap", "dark"]),
        (["--filter", "hea*"], []),
        (["--supports", "tools"], ["big", "cheap"]),
        (["--supports", "tools,vision"], ["big"]),
        (["--supports", "image"], ["big"]),
        (["--supports", "Tools", "--supports", "reasoning"], ["cheap"]),
        (["--supports", "pdf"], []),
        (["--input", "text,image"], ["big"]),
        (["--provider", "groq"], ["cheap"]),
        (["--provider", "GROQ", "--provider", "anth*"], ["big", "cheap"]),
        (["--min-context", "200k"], ["big"]),
        (["--min-context", "0.2M"], ["big"]),
        (["--min-context", "8K"], ["big", "cheap"]),
        (["--min-context", "8_001"], ["big"]),
        (["--sort", "context"], ["cheap", "big", "dark"]),
        (["--sort", "MAX OUT"], ["big", "cheap", "dark"]),
        (["--sort", "$/m in"], ["cheap", "big", "dark"]),
        (["--sort", "price", "--reverse"], ["big", "cheap", "dark"]),
        (["--mode", "chat"], ["big", "cheap", "dark"]),
        (["--mode", "rerank"], []),
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
            litellm_provider="anthropic",
            max_output_tokens=1000,
            max_input_tokens=200000,
            input_cost_per_token=5e-6,
            supports_function_calling=True,
            supports_vision=True,
        ),
        row(
            "cheap",
            litellm_provider="groq",
            max_output_tokens=2000,
            output_cost_per_token=3e-6,
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
        (["--supports", "visio"], 'Did you mean "vision"?'),
        (["--supports", "tools,webb"], 'Did you mean "web"?'),
        (["--supports", "smell"], "use one of tools, web, computer, reasoning, image, audio, pdf"),
        (["--sort", "cost"], "cost.input"),
        (["--sort", "contxt"], 'Did you mean "context"?'),
        (["--min-context", "12q"], "use 128000, 128k or 1m"),
        (["--min-context", "1.5"], '"1.5" is not a valid number of tokens'),
        (["--max-output-cost", "-1"], "--max-output-cost"),
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
    assert [len(cells) for cells in tsv] == [7] * len(as_json)
    assert [cells[0] for cells in tsv] == [model["id"] for model in as_json]
    gpt = tsv[[model["id"] for model in as_json].index("gpt-4o")]
    assert gpt == ["gpt-4o", "128000", "16384", "2.5", "10", "text,image,pdf", "tools"]
    assert tsv[[model["id"] for model in as_json].index("homemade")] == ["homemade", *[""] * 6]
    (embed,) = [line.split("\t") for line in run("models", "--mode", "embedding").splitlines()]
    assert (embed[:2], embed[-1]) == (["embed", "8191"], "embedding")
    csv = run("models", "-o", "csv", "--fields", "id,context_window").splitlines()
    assert csv[0] == "id,context_window"
    assert csv[3] == "gpt-4o,128000"


def test_fields_choose_and_order_in_every_format(run: Run, recorded: FakeProxy) -> None:
    chosen = ("--fields", "cost.input,id", "--filter", "gpt-4o")
    assert run("models", "--json", *chosen).json == [{"cost.input": 2.5, "id": "gpt-4o"}]
    assert run("models", *chosen) == "2.5\tgpt-4o\n"
    assert run("models", "-o", "table", *chosen).split() == ["$/M", "IN", "ID", "2.50", "gpt-4o"]


def test_a_terminal_gets_an_aligned_table_with_question_marks(run: Run, recorded: FakeProxy) -> None:
    result = run("models", terminal=True, NO_COLOR="1", COLUMNS="120")
    header, *lines = result.splitlines()
    assert header.split()[:4] == ["ID", "CONTEXT", "MAX", "OUT"]
    (homemade,) = [line for line in lines if line.startswith("homemade")]
    assert homemade.split() == ["homemade", "?", "?", "?", "?", "?", "?"]
    (gpt,) = [line for line in lines if line.startswith("gpt-4o")]
    assert gpt.split() == ["gpt-4o", "128K", "16K", "2.50", "10.00", "text,image,pdf", "tools"]
    assert result.stderr == "2 more in other modes (--all)\n"
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
    assert "context_window     8K (8,192)\n" in table
    assert "max_output_tokens  4K (4,096)\n" in table
    assert "can                tools" in table
    several = run("models", "show", "pool", "gpt-4o", terminal=True, NO_COLOR="1", COLUMNS="120").splitlines()
    assert [line.split()[0] for line in several] == ["ID", "pool", "gpt-4o"]


TABLE = [
    {"range": [0, 32000], "input_cost_per_token": 4e-07, "output_cost_per_token": 1.2e-06},
    {"range": [32000, 128000], "input_cost_per_token": 8e-07, "output_cost_per_token": 2.4e-06},
]
ZEROS = {"input_cost_per_token": 0, "output_cost_per_token": 0}


def test_show_names_tiers_and_prices_for_something_else_in_words(run: Run, proxy: FakeProxy) -> None:
    seconds = {"input_cost_per_video_per_second": 0.00049, "output_cost_per_token": 7.5e-06}
    proxy.models(row("tiered", **ZEROS, tiered_pricing=TABLE), row("pegasus", **{**ZEROS, **seconds}))
    tiered = run("models", "show", "tiered", terminal=True, NO_COLOR="1").splitlines()
    at = tiered.index("cost.input         ?")
    assert tiered[at + 1] == "cost.output        ?"
    at = next(number for number, line in enumerate(tiered) if line.startswith("cost.tiers"))
    assert tiered[at].split(maxsplit=1)[1] == "above 0 tokens: input $0.40, output $1.20, cache_read ?,"
    assert [line.split()[:2] for line in tiered[at + 1 : at + 3]] == [["cache_write", "?"], ["above", "32K"]]
    assert max(map(len, tiered)) <= 80
    pegasus = run("models", "show", "pegasus", terminal=True, NO_COLOR="1").splitlines()
    assert "cost.output        $7.50 per million tokens" in pegasus
    assert "cost.other         input $0.00049 per video per second" in pegasus
    assert "cost.tiers         none" in pegasus
    found = run("models", "show", "tiered", "pegasus", "--json").json
    assert [tier["above"] for tier in found[0]["cost"]["tiers"]] == [0, 32000]
    assert found[1]["cost"]["other"] == [{"of": "input", "per": "video_per_second", "price": 0.00049}]
    one = run("models", "show", "pegasus", "--fields", "cost.other,id", terminal=True, NO_COLOR="1")
    assert one == "cost.other  input $0.00049 per video per second\nid          pegasus\n"
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


def test_list_is_the_same_command_with_options_before_and_after_it(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt-4o"), row("gpt-5"), row("claude"), row("embed", mode="embedding"))
    assert run("models", "list") == run("models") != ""
    assert run("models", "ls", "--all", "--json").json == run("models", "--all", "--json").json
    assert run("models", "--json", "list").json == run("models", "list", "--json").json
    for name in ("list", "ls"):
        assert run("models", "--filter", "gpt", name, "--limit", "1", "--fields", "id") == "gpt-4o\n"
    assert run("models", "--limit", "3", "--reverse", "list", "--limit", "1", "--fields", "id") == "gpt-5\n"
    assert "--supports" in run("models", "list", "--help")
    assert run("models", "list", "show", exit=2).stderr.startswith("Error: ")


def test_show_does_not_ignore_options_of_the_list(run: Run, proxy: FakeProxy) -> None:
    result = run("models", "--filter", "gpt", "show", "gpt-4o", exit=2)
    assert result.stderr.startswith("Error: --filter does not apply to models show\n")
    assert proxy.requests == []


def test_models_refresh_is_refresh(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    assert run("models", "refresh", "--json").json["added"] == ["gpt"]
    assert "refresh " not in run("models", "--help").partition("Options")[0].partition("Commands")[2]


def test_notes_name_what_a_limit_cut_off_and_other_modes_hide(run: Run, proxy: FakeProxy) -> None:
    proxy.models(*(row(f"gpt-{n}") for n in range(5)), row("embed", mode="embedding"))
    shown = {"terminal": True, "NO_COLOR": "1"}
    assert run("models", "--limit", "2", **shown).stderr == "3 more (raise --limit)\n1 more in other modes (--all)\n"
    assert run("models", "--all", "--limit", "2", **shown).stderr == "4 more (raise --limit)\n"
    assert run("models", "--limit", "2", "--filter", "gpt-1", **shown).stderr == ""
    assert run("models", "--limit", "5", "--filter", "gpt", **shown).stderr == ""
    assert run("models", "--filter", "emb", **shown).stderr == "No models match; 1 more in other modes (--all)\n"
    assert run("models", "--limit", "0", "--all", **shown).stderr == "6 more (raise --limit)\n"
    assert run("models", "--filter", "nothing", **shown).stderr == "No models match\n"
    assert run("models", "--limit", "2").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "embeding"], '--mode: "embeding" is not a valid mode. Did you mean "embedding"?'),
        (["--mode", "brain"], "use one of audio_speech, audio_transcription, brainwave, chat"),
        (["--provider", "opnai"], 'Did you mean "openai"?'),
        (["--provider", "zzz"], "use one of groq, openai"),
    ],
)
def test_refuses_modes_and_providers_that_neither_litellm_nor_the_list_has(
    run: Run, proxy: FakeProxy, arguments: list[str], words: str
) -> None:
    proxy.models(row("gpt", litellm_provider="openai"), row("odd", mode="brainwave", litellm_provider="groq"))
    assert words in run("models", *arguments, exit=2).stderr
    assert run("models", "--mode", "brainwave", "--fields", "id") == "odd\n"
    empty = run("models", "--mode", "rerank", terminal=True)
    assert (empty, empty.stderr) == ("", "No models match; 2 more in other modes (--all)\n")


def test_providers_are_not_checked_where_none_is_known(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt", litellm_provider=None))
    assert run("models", "--provider", "openai", "--json").json == []


@pytest.mark.parametrize("columns", ["40", "80", "100", "160", "300"])
def test_no_line_is_wider_than_the_terminal(run: Run, recorded: FakeProxy, columns: str) -> None:
    shown = {"terminal": True, "NO_COLOR": "1", "COLUMNS": columns}
    for arguments in (
        ["models"],
        ["models", "--all"],
        ["models", "show", "gpt-4o"],
        ["models", "show", "homemade", "pool"],
    ):
        result = run(*arguments, **shown)
        assert max(map(len, [*result.splitlines(), *result.stderr.splitlines()])) <= int(columns)
    header = run("models", **shown).splitlines()[0].split()
    assert header[:2] == ["ID", "CONTEXT"]
    assert "IN" in header


@pytest.mark.parametrize("words", [("--supports", ""), ("--supports", "tools,"), ("--input", " ")], ids=str)
def test_a_filter_that_names_nothing_is_refused(run: Run, words: tuple[str, str]) -> None:
    error = run("models", *words, "--json", exit=2).error
    assert error["message"].startswith(f'{words[0]}: "" is not a valid ')
