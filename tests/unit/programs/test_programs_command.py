"""The exporters of programs that run a command for the key: Pi, Claude Code, Crush and goose."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from litellmctl.catalog.facts import nothing
from litellmctl.catalog.model import PRICES, Model
from litellmctl.programs.claude_code import ClaudeCode
from litellmctl.programs.crush import Crush
from litellmctl.programs.documents import changed
from litellmctl.programs.goose import Goose
from litellmctl.programs.pi import Pi
from litellmctl.programs.program import Exporter, Provider
from tests.conftest import Run
from tests.effort import less_than
from tests.fake_proxy import FakeProxy, row

TOOLS: list[Exporter] = [Pi(), ClaudeCode(), Crush(), Goose()]
each_tool = pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)

COMMAND = ["/opt/it's here/litellmctl", "token", "--base-url", "https://llm.example.com/a b"]
# What a name may hold, and what it may try.
NASTY = [
    *(
        "it's",
        '"both"',
        "a/b/c",
        "two\nlines",
        "cr\r\nlf",
        "tab\there",
        "a b",
        "é 日本 🦆",
        "e\u0301",
        "a\u2028b",
        "\u202ertl",
    ),
    *(
        "$HOME",
        "$(touch pwned)",
        "`touch pwned`",
        "${X}",
        "%s%n",
        "back\\slash",
        "\\x41\\n",
        "\\",
        "\x01\x7f",
        "'",
        "''",
    ),
    *("--name", "-x", "#hash", "!bang", "{a,b}", "*?[", "~", "a;b&c|d>e", "null", "0", "// no comment", "/* */", "a,b"),
    *("x\n# <<< litellmctl litellm <<<\ny", "*/", "<<EOF", "\ttab first\n"),
]


def model(name: str, **facts: Any) -> Model:
    """Return a model of which only these facts are known."""
    return {**nothing(1).model(name, "test"), **facts}  # type: ignore[typeddict-item]


def prices(**known: Any) -> dict[str, Any]:
    """Return a cost of which only this is known."""
    return {**dict.fromkeys(PRICES), "tiers": [], "other": [], **known}


def known(name: str, **facts: Any) -> Model:
    """Return a model of which all is known, with these facts instead."""
    cost = prices(input=3.0, output=15.0, cache_read=0.3, cache_write=3.75)
    limits = {"context_window": 200_000, "max_output_tokens": 64_000}
    return model(name, **{"mode": "chat", "cost": cost, "input": ["text", "image", "pdf"], **limits, **facts})


def provider(*models: Model, **facts: Any) -> Provider:
    base: dict[str, Any] = {"id": "litellm", "name": "LiteLLM (h)", "base_url": "https://h/p", "command": COMMAND}
    return Provider(**{**base, "models": models, **facts})


def text_of(tool: Exporter, *models: Model, before: str | None = None, **facts: Any) -> str:
    (change,) = tool.export(provider(*models, **facts)).files
    return changed(change, before)


def json_of(tool: Exporter, *models: Model, **facts: Any) -> Any:
    return json.loads(text_of(tool, *models, **facts))


def pi_model(*args: Any, **facts: Any) -> dict[str, Any]:
    one = args[0] if args else known("m", **facts)
    (found,) = json_of(Pi(), one)["providers"]["litellm"]["models"]
    return dict(found)


def crush_calls(text: str, tmp_path: Path) -> list[list[str]]:
    """Return what Bash makes of a crushrc: the words of each call of Crush's own commands. It does nothing else."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    folder = tmp_path / "crush"
    folder.mkdir()
    (folder / "crushrc").write_bytes(text.encode())
    show = 'show() { printf "%s\\0" "$@"; printf "\\0"; }; provider() { show provider "$@"; }; model() { show model "$@"; }'
    script = f"{show}; . ./crushrc"
    done = subprocess.run(
        [bash, "--norc", "-uc", script], cwd=folder, capture_output=True, check=True, env={"LC_ALL": "C", "PATH": ""}
    )
    assert done.stderr == b""
    assert sorted(path.name for path in folder.iterdir()) == ["crushrc"]
    return [[word.decode() for word in call.split(b"\0")] for call in done.stdout.split(b"\0\0")[:-1]]


def crush_flags(call: Sequence[str]) -> dict[str, str]:
    return dict(zip(call[3::2], call[4::2], strict=True))


def names_in(tool: Exporter, text: str, tmp_path: Path) -> list[str]:
    """Return the models that a program finds in its file."""
    if isinstance(tool, Crush):
        calls = [call for call in crush_calls(text, tmp_path) if call[:2] == ["model", "add"]]
        assert all(call[2].startswith("litellm/") for call in calls)
        assert [crush_flags(call)["--name"] for call in calls] == [call[2].removeprefix("litellm/") for call in calls]
        return [call[2].removeprefix("litellm/") for call in calls]
    found = json.loads(text)
    if isinstance(tool, Pi):
        return [one["id"] for one in found["providers"]["litellm"]["models"]]
    if isinstance(tool, Goose):
        return [one["name"] for one in found["models"]]
    return [one["model"] for one in found["modelPicker"]["options"]]


# --- All four


@each_tool
def test_a_name_means_exactly_itself_whatever_it_holds(tool: Exporter, tmp_path: Path) -> None:
    names = NASTY if not isinstance(tool, ClaudeCode) else [name for name in NASTY if name == name.strip()]
    text = text_of(tool, *map(model, names))
    assert names_in(tool, text, tmp_path) == names
    # Once more, into what stands there: nothing is doubled, nothing is left behind.
    assert text_of(tool, *map(model, names), before=text) == text


@each_tool
def test_a_thousand_models(tool: Exporter, tmp_path: Path) -> None:
    names = [f"provider-{number % 7}/model-{number}" for number in range(1000)]
    with less_than(2):
        text = text_of(tool, *map(known, names))
        assert names_in(tool, text, tmp_path) == names


@each_tool
def test_the_command_is_told_word_by_word_and_no_key(tool: Exporter, tmp_path: Path) -> None:
    text = text_of(tool, model("m"))
    if isinstance(tool, Pi):
        line = json.loads(text)["providers"]["litellm"]["apiKey"]
        assert line[0] == "!"
        words = shlex.split(line[1:])
    elif isinstance(tool, ClaudeCode):
        words = shlex.split(json.loads(text)["apiKeyHelper"])
    elif isinstance(tool, Crush):
        ((*_, key),) = [re.findall(r"\A\$\((.*)\)\Z", crush_flags(crush_calls(text, tmp_path)[0])["--api-key"])]
        words = shlex.split(key)
    else:
        auth = json.loads(text)["auth"]
        words = [auth["command"], *auth["args"]]
    assert words == COMMAND


@each_tool
def test_what_is_unknown_is_left_out(tool: Exporter, tmp_path: Path) -> None:
    text = text_of(tool, model("m"))
    if isinstance(tool, Crush):
        assert crush_flags(crush_calls(text, tmp_path)[1]) == {"--name": "m"}
    else:
        assert not re.search(r"null|context|max|cost|token_cost|reasoning|vision|image", text)


@pytest.mark.parametrize("tool", [Pi(), Crush()], ids=lambda tool: tool.name)
def test_two_proxies_stand_side_by_side_where_one_file_has_several(tool: Exporter) -> None:
    first = text_of(tool, model("one"))
    both = text_of(tool, model("two"), id="other", before=first)
    assert "one" in both
    assert "two" in both
    assert text_of(tool, model("one"), before=both) == both


@each_tool
def test_its_folder_is_the_one_that_its_own_variable_names(
    tool: Exporter, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, below, usual = {
        "pi": ("PI_CODING_AGENT_DIR", "models.json", ".pi/agent/models.json"),
        "claude-code": ("CLAUDE_CONFIG_DIR", "settings.json", ".claude/settings.json"),
        "crush": ("CRUSH_GLOBAL_CONFIG", "crushrc", ".config/crush/crushrc"),
        "goose": (
            "GOOSE_PATH_ROOT",
            "config/custom_providers/custom_litellm.json",
            ".config/goose/custom_providers/custom_litellm.json",
        ),
    }[tool.name]
    assert tool.path() == home / usual
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert tool.path() == tmp_path / "elsewhere" / below
    assert tool.export(provider(model("m"))).files[0].path == tool.path()


# --- Pi


def test_pi_speaks_responses_where_the_model_does() -> None:
    assert json_of(Pi(), known("m"))["providers"]["litellm"]["api"] == "openai-completions"
    assert "api" not in pi_model()
    assert pi_model(mode="responses")["api"] == "openai-responses"


def test_pi_gets_limits_prices_and_what_goes_in() -> None:
    assert pi_model() == {
        "id": "m",
        "name": "m",
        "input": ["text", "image"],
        "contextWindow": 200_000,
        "maxTokens": 64_000,
        "cost": {"input": 3.0, "output": 15.0, "cacheRead": 0.3, "cacheWrite": 3.75},
    }
    assert pi_model(input=["text"])["input"] == ["text"]
    assert "input" not in pi_model(input=["audio"])


@pytest.mark.parametrize(
    ("facts", "cost"),
    [
        (
            {"cost": prices(input=2.5, output=10.0, cache_read=1.25)},
            {"input": 2.5, "output": 10.0, "cacheRead": 1.25, "cacheWrite": 0},
        ),
        ({"cost": prices(input=2.5)}, None),
        ({"context_window": None}, {"input": 3.0, "output": 15.0, "cacheRead": 0.3, "cacheWrite": 3.75}),
    ],
)
def test_pi_names_a_model_incomplete_of_which_it_would_assume_something(
    facts: dict[str, Any], cost: dict[str, float] | None
) -> None:
    found = pi_model(**facts)
    assert (found["id"], found["name"]) == ("m", "m (incomplete metadata)")
    assert found.get("cost") == cost


def tier(above: int, *four: float | None) -> dict[str, Any]:
    return {"above": above, **dict(zip(PRICES, four, strict=True))}


def test_pi_gets_tiers() -> None:
    rates = {"input": 3.0, "output": 15.0, "cacheRead": 0.3, "cacheWrite": 3.75}
    cost = prices(input=3.0, output=15.0, cache_read=0.3, cache_write=3.75)
    found = pi_model(cost={**cost, "tiers": [tier(200_000, 6.0, 22.5, 0.6, 7.5)]})
    above = {"inputTokensAbove": 200_000, "input": 6.0, "output": 22.5, "cacheRead": 0.6, "cacheWrite": 7.5}
    assert (found["name"], found["cost"]) == ("m", {**rates, "tiers": [above]})
    # Without a price for the cache it takes 0, and says so; without that of input or output there is no tier.
    tiers = [tier(128_000, None, 22.5, 0.6, 7.5), tier(200_000, 6.0, 22.5, None, 7.5)]
    found = pi_model(cost={**cost, "tiers": tiers})
    assert found["name"] == "m (incomplete metadata)"
    assert found["cost"] == {**rates, "tiers": [{**above, "cacheRead": 0}]}


def test_pi_starts_with_the_prices_above_no_tokens() -> None:
    cost = prices(tiers=[tier(0, 0.4, 1.2, 0.1, 0.2), tier(32_000, 0.8, 2.4, 0.1, 0.2)])
    assert pi_model(cost=cost)["cost"] == {
        "input": 0.4,
        "output": 1.2,
        "cacheRead": 0.1,
        "cacheWrite": 0.2,
        "tiers": [{"inputTokensAbove": 32_000, "input": 0.8, "output": 2.4, "cacheRead": 0.1, "cacheWrite": 0.2}],
    }


def test_a_model_that_costs_nothing_is_complete() -> None:
    assert pi_model(cost=prices(**dict.fromkeys(PRICES, 0.0)))["name"] == "m"


def test_pi_gets_the_levels_of_thinking_that_a_model_takes_and_no_others() -> None:
    found = pi_model(reasoning=True, reasoning_efforts=["none", "low", "high", "max"])
    assert found["reasoning"] is True
    levels = {"off": "none", "low": "low", "high": "high", "max": "max"}
    assert found["thinkingLevelMap"] == {**dict.fromkeys(("minimal", "medium", "xhigh")), **levels}
    # Nothing is said of levels: Pi's own hold. No level is known: neither is there thinking.
    assert "thinkingLevelMap" not in pi_model(reasoning=True, reasoning_efforts=None)
    assert pi_model(reasoning=None, reasoning_efforts=["low"])["reasoning"] is True
    assert pi_model(reasoning=False, reasoning_efforts=[]).get("thinkingLevelMap") is None


CLAUDE = {"cacheControlFormat": "anthropic"}
KIMI = {"supportsDeveloperRole": False, "supportsStrictMode": False}
KIMI_CHAT = {**KIMI, "supportsReasoningEffort": False, "maxTokensField": "max_tokens"}


@pytest.mark.parametrize(
    ("name", "facts", "compat"),
    [
        ("claude-sonnet-4-5", {}, CLAUDE),
        ("google/claude-sonnet", {}, CLAUDE),
        ("anthropic/x", {}, CLAUDE),
        ("OPUS-4.7", {}, CLAUDE),
        ("haiku", {}, CLAUDE),
        ("my-coder", {"providers": ["anthropic"]}, CLAUDE),
        ("claude-opus", {"mode": "responses"}, None),
        ("claudette", {}, None),
        ("my-coder", {"providers": ["anthropic", "openai"]}, None),
        ("moonshotai/kimi-k2", {}, KIMI_CHAT),
        ("kimi-k2", {}, KIMI_CHAT),
        ("vanity", {"providers": ["moonshot"]}, KIMI_CHAT),
        ("kimi-k2", {"mode": "responses"}, KIMI),
        ("gpt-4o", {}, None),
    ],
)
def test_pi_is_told_of_the_peculiarities_of_claude_and_kimi(
    name: str, facts: dict[str, Any], compat: dict[str, Any] | None
) -> None:
    assert pi_model(known(name, **facts)).get("compat") == compat
    assert json_of(Pi(), known(name))["providers"]["litellm"]["compat"] == {"supportsStore": False}


# --- Claude Code


def test_claude_code_gets_the_root_of_the_proxy_and_the_rows_of_its_picker() -> None:
    found = json_of(ClaudeCode(), model("gpt-4o"))
    assert found["env"] == {"ANTHROPIC_BASE_URL": "https://h/p"}
    assert found["modelPicker"] == {"options": [{"model": "gpt-4o", "description": "From LiteLLM"}]}
    assert found.keys() == {"apiKeyHelper", "env", "modelPicker"}


def test_claude_code_is_told_of_windows_that_it_takes_for_larger_ones() -> None:
    windows = {"a": 200_000, "b": 99_999, "c": 1_000_000, "opus": 200_000}
    (change,) = (
        ClaudeCode().export(provider(*(known(name, context_window=size) for name, size in windows.items()))).files
    )
    assert json.loads(changed(change, None))["modelSettings"] == {"a": {"autoCompactWindow": 200_000}}
    # What /autocompact and /effort have saved there stays.
    own = {"modelSettings": {"a": {"autoCompactWindow": 150_000}, "x": {"effortLevel": "low"}}}
    assert json.loads(changed(change, json.dumps(own)))["modelSettings"] == own["modelSettings"]
    own = {"modelSettings": {"a": {"effortLevel": "low"}}}
    found = json.loads(changed(change, json.dumps(own)))["modelSettings"]
    assert found == {"a": {"effortLevel": "low", "autoCompactWindow": 200_000}}


def test_claude_code_keeps_what_is_the_users() -> None:
    own = {
        "model": "opus",
        "permissions": {"allow": ["Bash(ls)"]},
        "env": {"ANTHROPIC_MODEL": "mine", "ANTHROPIC_BASE_URL": "https://old"},
        "modelPicker": {"options": [{"model": "own"}, {"model": "old", "description": "From LiteLLM"}]},
        "extraKnownMarketplaces": {"team": {"source": {"source": "github", "repo": "a/b"}}},
    }
    (change,) = ClaudeCode().export(provider(model("new"), with_skills=True)).files
    found = json.loads(changed(change, json.dumps(own)))
    assert found["model"] == "opus"
    assert found["permissions"] == own["permissions"]
    assert found["env"] == {"ANTHROPIC_MODEL": "mine", "ANTHROPIC_BASE_URL": "https://h/p"}
    assert found["modelPicker"]["options"] == [{"model": "own"}, {"model": "new", "description": "From LiteLLM"}]
    assert found["extraKnownMarketplaces"] == {
        "team": {"source": {"source": "github", "repo": "a/b"}},
        "litellm": {"source": {"source": "url", "url": "https://h/p/claude-code/marketplace.json"}},
    }


def test_claude_code_does_not_get_names_that_it_takes_for_others() -> None:
    taken = ["opus", "Sonnet", "default", "best", "glm-5[1m]", "x[2M]", " x", "x\n"]
    export = ClaudeCode().export(provider(*map(model, [*taken, "claude-opus-4", "opus-4", "x[1m]y"])))
    assert [one["model"] for one in json.loads(changed(export.files[0], None))["modelPicker"]["options"]] == [
        *("claude-opus-4", "opus-4", "x[1m]y")
    ]
    (warning,) = export.warnings
    assert warning.startswith('skipped "opus", "Sonnet", ')


def test_claude_code_tells_of_keys_that_it_would_send_along() -> None:
    export = ClaudeCode().export(provider(model("m")))
    assert any("unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN" in note for note in export.notes)
    assert not any("/plugin" in note for note in export.notes)
    with_skills = ClaudeCode().export(provider(model("m"), with_skills=True))
    assert "/plugin install NAME@litellm" in with_skills.notes


# --- Crush


def test_crush_gets_limits_prices_and_abilities(tmp_path: Path) -> None:
    calls = crush_calls(text_of(Crush(), known("m", reasoning=True), known("n", input=["text"])), tmp_path)
    assert calls[0][:3] == ["provider", "add", "litellm"]
    assert crush_flags(calls[0]) == {
        "--name": "LiteLLM (h)",
        "--type": "openai-compat",
        "--base-url": "https://h/p/v1",
        "--api-key": f"$({shlex.join(COMMAND)})",
        "--discover-models": "false",
    }
    assert crush_flags(calls[1]) == {
        "--name": "m",
        "--context-window": "200000",
        "--default-max-tokens": "64000",
        "--can-reason": "true",
        "--supports-images": "true",
        "--price-input": "3.0",
        "--price-output": "15.0",
        "--price-cache-create": "3.75",
        "--price-cache-hit": "0.3",
    }
    assert crush_flags(calls[2])["--supports-images"] == "false"


def test_crush_does_not_ask_for_the_whole_window_as_an_answer(tmp_path: Path) -> None:
    (_, call) = crush_calls(text_of(Crush(), known("m", context_window=8192, max_output_tokens=8192)), tmp_path)
    assert "--default-max-tokens" not in crush_flags(call)


def test_crush_does_not_get_a_name_that_bash_cannot_say(tmp_path: Path) -> None:
    export = Crush().export(provider(model("a\0b"), model("c")))
    assert names_in(Crush(), changed(export.files[0], None), tmp_path) == ["c"]
    assert export.warnings == ['skipped "a\\u0000b": Bash does not allow NUL characters']


def test_an_address_is_never_shell_to_crush(tmp_path: Path) -> None:
    (call,) = crush_calls(text_of(Crush(), base_url="https://h/$(id)/`x`/'a'"), tmp_path)
    assert crush_flags(call)["--base-url"] == "https://h/%24(id)/%60x%60/%27a%27/v1"


def test_a_crushrc_keeps_what_is_the_users(tmp_path: Path) -> None:
    own = "provider add ollama --type ollama  # mine\nif [[ $HOSTNAME == x ]]; then\n  option debug true\nfi"
    text = text_of(Crush(), model("m"), before=own)
    assert text.startswith(own + "\n\n# >>> litellmctl litellm >>>\n")
    again = text_of(Crush(), model("other"), before=text + "permissions allow view\n")
    assert again.startswith(own)
    assert again.endswith("# <<< litellmctl litellm <<<\npermissions allow view\n")
    assert "litellm/m " not in again


# --- goose


def test_goose_gets_a_provider_of_its_own_with_prices_for_a_token() -> None:
    found = json_of(Goose(), known("m", reasoning=True), id="work")
    (change,) = Goose().export(provider(known("m"), id="work")).files
    assert change.path.name == "custom_work.json"
    assert found.pop("models") == [
        {
            "name": "m",
            "context_limit": 200_000,
            "reasoning": True,
            "supports_vision": True,
            "input_token_cost": 3e-06,
            "output_token_cost": 1.5e-05,
            "cache_read_token_cost": 3e-07,
            "cache_write_token_cost": 3.75e-06,
            "currency": "$",
        }
    ]
    auth = found.pop("auth")
    assert (auth["command"], auth["args"]) == (COMMAND[0], COMMAND[1:])
    assert found == {
        "name": "custom_work",
        "engine": "openai",
        "display_name": "LiteLLM (h)",
        "base_url": "https://h/p/v1/chat/completions",
        "requires_auth": True,
        "api_key_env": "",
        "dynamic_models": False,
        "skip_canonical_filtering": True,
    }


# --- Written and undone, as a user does it

BEFORE = {
    "pi": ['{\n  // mine\n  "providers": {"ollama": {"baseUrl": "http://x/v1", "models": [],},},\n}\n'],
    "claude-code": [
        '{"model": "opus", "env": {}}',
        '{\r\n\t"model": "opus",\r\n\t"modelPicker": {"options": [{"model": "x"}]}\r\n}',
    ],
    "crush": ["provider add ollama\r\n", "# no newline"],
    "goose": ['{"headers": {"x-team": "a"}, "api_key_env": "OLD"}\n'],
}


@pytest.fixture
def export(run: Run, proxy: FakeProxy) -> Callable[..., Any]:
    """Run `export` at a proxy with two models."""
    proxy.models(row("one", max_input_tokens=1000), row("two"), times=None)
    return lambda *words, **options: run("export", *words, **options)


@pytest.mark.parametrize(("tool", "text"), [(tool, text) for tool in TOOLS for text in (None, *BEFORE[tool.name])])
def test_undo_restores_every_byte(
    tool: Exporter, text: str | None, export: Callable[..., Any], env: dict[str, str]
) -> None:
    path = tool.path()
    if text is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode())
    before = path.read_bytes() if path.exists() else None
    export(tool.name, "--write", "--models", "one")
    first = path.read_bytes()
    assert b"one" in first
    assert env["LITELLM_API_KEY"].encode() not in first
    export(tool.name, "--write")
    assert b"two" in path.read_bytes()
    export(tool.name, "--undo")
    assert path.read_bytes() == first
    export(tool.name, "--undo")
    assert (path.read_bytes() if path.exists() else None) == before
    export(tool.name, "--undo", exit=5)


@each_tool
def test_undo_refuses_a_file_that_was_edited(tool: Exporter, export: Callable[..., Any]) -> None:
    export(tool.name, "--write")
    path = tool.path()
    path.write_bytes(path.read_bytes() + b"\n")
    edited = path.read_bytes()
    result = export(tool.name, "--undo", exit=5)
    assert "was edited since the last --write" in result.stderr
    assert path.read_bytes() == edited


@each_tool
def test_the_key_is_not_printed(tool: Exporter, export: Callable[..., Any], env: dict[str, str]) -> None:
    result = export(tool.name)
    assert "one" in result
    assert env["LITELLM_API_KEY"] not in result + result.stderr
    assert "Then:  " in result.stderr
