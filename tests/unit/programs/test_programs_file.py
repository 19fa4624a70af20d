"""What the programs read that take the proxy from a file, with the key from a variable or a command of ours."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from litellmctl.catalog.facts import of_deployment
from litellmctl.catalog.model import Model
from litellmctl.foundation.text import dump_json
from litellmctl.programs.aider import Aider
from litellmctl.programs.codex import Codex
from litellmctl.programs.continue_dev import Continue
from litellmctl.programs.documents import changed
from litellmctl.programs.llm import Llm
from litellmctl.programs.opencode import Opencode
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.programs.zed import Zed

# YAML's parser is slow.
fewer = settings(max_examples=settings.default.max_examples // 3)

ALL: list[Exporter] = [Opencode(), Codex(), Aider(), Llm(), Continue(), Zed()]
COMMAND = ["/opt/my tools/litellmctl", "token", "--profile", "it's", "--base-url", "https://llm.example.com"]


def model(name: str = "gpt-4o", **info: Any) -> Model:
    return of_deployment({"model_info": info}).model(name, "model_info")


KNOWN = {
    "mode": "chat",
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-06,
    "supports_vision": True,
    "supports_pdf_input": True,
    "supports_function_calling": True,
    "supports_parallel_function_calling": True,
    "supports_response_schema": True,
}
GPT = model(**KNOWN)
HOMEMADE = model("homemade")
CODEX = model("codex", mode="responses", max_input_tokens=272000, supports_reasoning=True)


def provider(*models: Model, id: str = "litellm") -> Provider:
    return Provider(id, "LiteLLM (llm.example.com)", "https://llm.example.com", models, COMMAND)


def read(export: Export, number: int = 0) -> Any:
    """Return what a new file means."""
    change = export.files[number]
    text = changed(change, None)
    if change.format == "yaml":
        return YAML(typ="safe", pure=True).load(text)
    return tomllib.loads(text) if change.format == "toml" else json.loads(text)


def made(exporter: Exporter, *models: Model, id: str = "litellm", number: int = 0) -> Any:
    return read(exporter.export(provider(*models, id=id)), number)


# ---- each program ----


def test_opencode() -> None:
    written = made(Opencode(), GPT, HOMEMADE)
    assert written["$schema"] == "https://opencode.ai/config.json"
    ours = written["provider"]["litellm"]
    assert ours["npm"] == "@ai-sdk/openai-compatible"
    assert ours["options"] == {"baseURL": "https://llm.example.com/v1", "apiKey": "{env:LITELLM_API_KEY}"}
    assert ours["models"] == {
        "gpt-4o": {
            "name": "gpt-4o",
            "limit": {"context": 128000, "output": 16384},
            "cost": {"input": 2.5, "output": 10, "cache_read": 1.25},
            "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
            "attachment": True,
            "tool_call": True,
        },
        "homemade": {"name": "homemade"},
    }


def test_opencode_takes_both_limits_and_both_prices_or_none() -> None:
    half = model("half", max_input_tokens=1000, input_cost_per_token=1e-6)
    assert made(Opencode(), half)["provider"]["litellm"]["models"] == {"half": {"name": "half"}}


@pytest.mark.parametrize(
    ("marks", "input_price"),
    [
        ((), None),
        ((200_000,), 2),
        ((128_000,), 2),
        ((272_000,), 2),  # as in opencode's own list of models
        ((32_000, 128_000, 256_000), 3),
        ((128_000, 200_000, 256_000), 3),
        ((256_000, 512_000), 2),
    ],
)
def test_opencode_takes_one_threshold(marks: tuple[int, ...], input_price: float | None) -> None:
    tiers = {
        f"{side}_cost_per_token_above_{mark}_tokens": (2 + place) * 1e-6
        for place, mark in enumerate(marks)
        for side in ("input", "output")
    }
    (found,) = made(Opencode(), model("m", **KNOWN, **tiers))["provider"]["litellm"]["models"].values()
    over = found["cost"].pop("context_over_200k", None)
    assert found["cost"] == {"input": 2.5, "output": 10, "cache_read": 1.25}
    assert over == (None if input_price is None else {"input": input_price, "output": input_price})


def test_opencode_starts_with_the_prices_above_no_tokens() -> None:
    table = [{"range": [0, None], "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}]
    unpriced = {name: value for name, value in KNOWN.items() if "cost" not in name}
    (found,) = made(Opencode(), model("m", **unpriced, tiered_pricing=table))["provider"]["litellm"]["models"].values()
    assert found["cost"] == {"input": 1, "output": 1}


@pytest.mark.parametrize("name", ["{file:/etc/passwd}", "a{env:HOME}", "{env:", "__proto__", "constructor", "toString"])
def test_opencode_would_read_another_file_or_stop_at_some_names(name: str) -> None:
    export = Opencode().export(provider(model(name), GPT))
    assert list(read(export)["provider"]["litellm"]["models"]) == ["gpt-4o"]
    assert export.warnings == [f"skipped {dump_json(name)}: opencode cannot use this name"]


def test_codex_runs_our_command_and_gets_nothing_that_it_does_not_know() -> None:
    assert made(Codex(), GPT) == {
        "model_providers": {
            "litellm": {
                "name": "LiteLLM (llm.example.com)",
                "base_url": "https://llm.example.com/v1",
                "wire_api": "responses",
                "auth": {
                    "command": COMMAND[0],
                    "args": COMMAND[1:],
                    "timeout_ms": 20_000,
                    "refresh_interval_ms": 300_000,
                },
            }
        }
    }


def test_aider() -> None:
    # The user's own model stays: only the place is set.
    assert made(Aider(), GPT, HOMEMADE) == {"openai-api-base": "https://llm.example.com/v1"}
    assert made(Aider(), GPT, HOMEMADE, number=1) == {
        "openai/gpt-4o": {
            "litellm_provider": "openai",
            "mode": "chat",
            "max_input_tokens": 128000,
            "max_output_tokens": 16384,
            "input_cost_per_token": 2.5e-06,
            "output_cost_per_token": 1e-05,
            "supports_vision": True,
            "supports_pdf_input": True,
        },
        "openai/homemade": {"litellm_provider": "openai", "mode": "chat"},
    }


@pytest.mark.parametrize(
    ("price", "written"),
    [
        (2.5e-06, "2.5e-06"),
        (1e-07, "1e-07"),
        (3.3e-07, "3.3e-07"),
        (1.9e-05, "1.9e-05"),
        (0.0, "0.0"),
        (0.0003, "0.0003"),
    ],
)
def test_aider_gets_prices_per_token_without_noise(price: float, written: str) -> None:
    text = changed(Aider().export(provider(model(input_cost_per_token=price))).files[1], None)
    assert re.search(r'"input_cost_per_token": (\S+?),?\n', text)[1] == written  # type: ignore[index]


@given(st.integers(1, 10**6), st.integers(-11, -4))
def test_aider_gets_the_price_that_the_proxy_said(digits: int, exponent: int) -> None:
    said = float(f"{digits}e{exponent}")
    written = made(Aider(), model(input_cost_per_token=said), number=1)["openai/gpt-4o"].get("input_cost_per_token")
    assert written == (said if said <= 1 else None)


def test_llm() -> None:
    audio = model("hear", mode="chat", supports_audio_input=True, supports_function_calling=False)
    ours = {"api_base": "https://llm.example.com/v1", "api_key_name": "litellm"}
    assert made(Llm(), GPT, HOMEMADE, CODEX, audio) == [
        {
            "model_id": "litellm/gpt-4o",
            "model_name": "gpt-4o",
            **ours,
            "supports_schema": True,
            "supports_tools": True,
            "vision": True,
        },
        {"model_id": "litellm/homemade", "model_name": "homemade", **ours},
        {"model_id": "litellm/codex", "model_name": "codex", **ours, "reasoning": True, "responses": True},
        {"model_id": "litellm/hear", "model_name": "hear", **ours, "audio": True},
    ]


def test_llm_reads_numbers_and_words_as_yaml_1_1_has_them() -> None:
    pyyaml = pytest.importorskip("yaml")
    names = ["no", "1.10", "1:30", "null", "0o17", "2024-01-01", "~", "y"]
    text = changed(Llm().export(provider(*map(model, names))).files[0], None)
    assert [item["model_name"] for item in pyyaml.safe_load(text)] == names


def test_continue() -> None:
    written = made(Continue(), GPT, HOMEMADE)
    assert {**written, "models": ...} == {"name": "Local Config", "version": "1.0.0", "schema": "v1", "models": ...}
    ours = {
        "provider": "openai",
        "apiBase": "https://llm.example.com/v1",
        "apiKey": "${{ secrets.LITELLM_API_KEY }}",
    }
    assert written["models"] == [
        {
            "name": "litellm/gpt-4o",
            "model": "gpt-4o",
            **ours,
            "capabilities": ["tool_use", "image_input"],
            "defaultCompletionOptions": {"contextLength": 128000, "maxTokens": 16384},
        },
        {"name": "litellm/homemade", "model": "homemade", **ours},
    ]


def test_continue_keeps_the_users_own_name_and_models() -> None:
    mine = (
        "name: Mine # !\nversion: 0.0.1\nmodels:\n  - name: litellm/old\n    model: old\n  - name: own\n    model: x\n"
    )
    after = changed(Continue().export(provider(GPT)).files[0], mine)
    assert after.startswith(
        "name: Mine # !\nversion: 0.0.1\nmodels:\n  - name: own\n    model: x\n  - name: litellm/gpt-4o\n"
    )
    assert "old" not in after


def test_continue_is_told_of_abilities_only_where_all_are_known() -> None:
    without = model("a", mode="chat", supports_function_calling=False)
    half = model("b", supports_function_calling=True)
    assert [one.get("capabilities") for one in made(Continue(), without, half)["models"]] == [[], None]


def test_continue_is_not_told_of_an_answer_that_leaves_no_room_for_a_prompt() -> None:
    full = model("a", max_input_tokens=8192, max_output_tokens=8192)
    some = model("b", max_output_tokens=4096)
    options = [one["defaultCompletionOptions"] for one in made(Continue(), full, some)["models"]]
    assert options == [{"contextLength": 8192}, {"maxTokens": 4096}]


@pytest.mark.parametrize("name", ["${{ secrets.OPENAI_API_KEY }}", "a${{b", "a\n${{b", "AUTODETECT"])
def test_continue_would_put_a_secret_in_place_of_some_names(name: str) -> None:
    export = Continue().export(provider(model(name), GPT))
    assert [one["model"] for one in read(export)["models"]] == ["gpt-4o"]
    assert export.warnings == [f"skipped {dump_json(name)}: Continue treats this name as a reference"]


def test_zed() -> None:
    limited = model("limited", max_input_tokens=1000)
    export = Zed().export(provider(GPT, CODEX, limited, HOMEMADE))
    assert read(export) == {
        "language_models": {
            "openai_compatible": {
                "litellm": {
                    "api_url": "https://llm.example.com/v1",
                    "available_models": [
                        {
                            "name": "gpt-4o",
                            "max_tokens": 128000,
                            "max_output_tokens": 16384,
                            "capabilities": {
                                "tools": True,
                                "images": True,
                                "parallel_tool_calls": True,
                                "prompt_cache_key": False,
                            },
                        },
                        {
                            "name": "codex",
                            "max_tokens": 272000,
                            "capabilities": {
                                "tools": True,
                                "images": False,
                                "parallel_tool_calls": False,
                                "prompt_cache_key": False,
                                "chat_completions": False,
                            },
                        },
                        {"name": "limited", "max_tokens": 1000},
                    ],
                }
            }
        }
    }
    assert export.warnings == ['skipped "homemade": Zed needs the context window, which is unknown']


def test_zed_names_a_few_of_many_that_are_left_out() -> None:
    (warning,) = Zed().export(provider(*(model(f"m{number}") for number in range(1000)))).warnings
    assert warning.startswith('skipped "m0", "m1", "m2", ')
    assert " and 980 more: " in warning


@pytest.mark.parametrize(
    ("id", "variable"),
    [("litellm", "LITELLM_API_KEY"), ("my-proxy", "MY_PROXY_API_KEY"), ("a_b", "A_B_API_KEY"), ("eu2", "EU_2_API_KEY")],
)
def test_zed_reads_a_variable_of_the_providers_name(id: str, variable: str) -> None:
    (note,) = Zed().export(provider(GPT, id=id)).notes
    assert note == f'{variable}="$(litellmctl token)" zed'


# ---- all of them ----


@pytest.mark.parametrize("exporter", ALL, ids=lambda one: one.name)
def test_the_key_is_never_in_it_and_every_note_is_one_line(exporter: Exporter) -> None:
    export = exporter.export(provider(GPT, HOMEMADE))
    assert export.notes
    assert all("\n" not in line for line in [*export.notes, *export.warnings])
    assert not export.warnings or exporter.name == "zed"
    text = "".join(changed(change, None) for change in export.files)
    # By a command, a variable, or the program's own store.
    assert ("LITELLM_API_KEY" in text) is (exporter.name in {"opencode", "continue"})
    assert (COMMAND[0] in text) is (exporter.name == "codex")
    assert export.files[0].path == exporter.path()
    assert exporter.title
    assert exporter.executable
    assert exporter.key_from


# aider knows one place only.
@pytest.mark.parametrize("exporter", [one for one in ALL if one.name != "aider"], ids=lambda one: one.name)
def test_the_providers_name_tells_one_export_from_another(exporter: Exporter) -> None:
    first, second = exporter.export(provider(GPT)), exporter.export(provider(HOMEMADE, GPT, id="work"))
    texts = [changed(change, None) for change in first.files]
    both = [changed(change, text) for change, text in zip(second.files, texts, strict=True)]
    again = [changed(change, text) for change, text in zip(first.files, both, strict=True)]
    assert both[0] != texts[0]
    assert all("litellm" in text and "work" in text for text in both)
    assert [sorted(text.split()) for text in again] == [sorted(text.split()) for text in both]


@pytest.mark.parametrize("exporter", [Opencode(), Aider(), Llm(), Continue(), Zed()], ids=lambda one: one.name)
@fewer
@given(names=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
def test_every_name_arrives_as_it_is_or_is_left_out_with_a_warning(exporter: Exporter, names: list[str]) -> None:
    nasty = ['it\'s "q" $HOME/é', "a\nb", "groq/openai/gpt-oss", "{env:X}", "${{ secrets.X }}", "\x00", "no", "\\"]
    models = [model(name, max_input_tokens=1000) for name in [*names, *nasty]]
    export = exporter.export(provider(*models))
    written = read(export, len(export.files) - 1)
    found = {
        "opencode": lambda: list(written["provider"]["litellm"]["models"]),
        "aider": lambda: [name.removeprefix("openai/") for name in written],
        "llm": lambda: [item["model_name"] for item in written],
        "continue": lambda: [item["model"] for item in written["models"]],
        "zed": lambda: [
            item["name"] for item in written["language_models"]["openai_compatible"]["litellm"]["available_models"]
        ],
    }[exporter.name]()
    left_out = [one["id"] for one in models if one["id"] not in found]
    assert found == [one["id"] for one in models if one["id"] not in left_out]
    assert len(left_out) <= 1 or exporter.name == "opencode"
    assert bool(left_out) is bool(export.warnings)


# ---- where the files lie ----


@pytest.mark.parametrize(
    ("exporter", "below_home", "variable", "value", "there"),
    [
        (Opencode(), ".config/opencode/opencode.json", "OPENCODE_CONFIG", "/x/o.json", "/x/o.json"),
        (Opencode(), ".config/opencode/opencode.json", "XDG_CONFIG_HOME", "/x", "/x/opencode/opencode.json"),
        (Codex(), ".codex/config.toml", "CODEX_HOME", "/x", "/x/config.toml"),
        (Aider(), ".aider.conf.yml", None, "", ""),
        (Continue(), ".continue/config.yaml", "CONTINUE_GLOBAL_DIR", "/x", "/x/config.yaml"),
    ],
)
def test_where_a_file_lies(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    exporter: Exporter,
    below_home: str,
    variable: str | None,
    value: str,
    there: str,
) -> None:
    for name in ("OPENCODE_CONFIG", "CODEX_HOME", "CONTINUE_GLOBAL_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert exporter.path() == home / below_home
    if variable:
        monkeypatch.setenv(variable, value)
        assert exporter.path() == Path(there)


def test_aider_is_used_where_its_folder_is_and_not_where_a_home_is(home: Path) -> None:
    assert Aider().folder() == home / ".aider"


@pytest.mark.parametrize(
    ("platform", "there"), [("linux", "xdg/zed"), ("darwin", "home/.config/zed"), ("win32", "roaming/Zed")]
)
def test_where_zeds_settings_lie(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, there: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    assert Zed().path() == tmp_path / there / "settings.json"


def test_llms_file_lies_where_llm_looks(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LLM_USER_PATH", raising=False)
    if sys.platform == "linux":
        assert Llm().path() == home / ".config/io.datasette.llm/extra-openai-models.yaml"
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    assert Llm().path() == tmp_path / "extra-openai-models.yaml"


@pytest.mark.parametrize("exporter", ALL, ids=lambda one: one.name)
def test_the_notes_are_commands_that_a_shell_reads(exporter: Exporter) -> None:
    for note in exporter.export(provider(GPT)).notes:
        assert shlex.split(note)
