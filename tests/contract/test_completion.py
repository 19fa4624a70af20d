"""TAB completion: what is offered, from caches and the config only, whatever names a proxy has chosen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from litellmctl import background_refresh
from tests.conftest import Run
from tests.contract.tools import ADD, CONVERT, LIST, SERVERS, offer, tool
from tests.fake_proxy import FakeProxy, row
from tests.recorder import MakeRecorder

ROOT = Path(__file__).parents[2]
SCRIPTS = {"bash": "litellmctl.bash", "zsh": "_litellmctl", "fish": "litellmctl.fish"}
BREAKS = " \t\n\"'@><=;|&(:"  # as bash comes with them
KEY = "sk-test-0123456789abcdef"
HUB, API = "/claude-code/plugins", "/v1/skills"
MCP = ("servers", "list", "show", "call", "serve", "skill", "credentials", "login", "logout")

CHOICES = {
    "type": "object",
    "properties": {
        "size": {"enum": ["small", "large", 3, 1.5, True, None], "description": "How\nlarge\tit is."},
        "kind": {"const": "only", "type": "string"},
        "dry": {"type": "boolean"},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "either": {"oneOf": [{"const": "a:b"}, {"enum": ["a/c", "x=y"]}]},
        "colors": {"type": "array", "items": {"enum": ["red", "green"]}},
        "free": {"type": "string"},
        "odd": {"enum": ["a b", "$(reboot)", {"a": 1}, ["b"], "fine"]},
    },
}
TOOLS = (tool("add", ADD), tool("convert", CONVERT), tool("choose", CHOICES), tool("add", ADD, server="stdio"))
MODELS = (
    *(row("gpt-4o", max_input_tokens=128_000), row("gpt-4o-mini"), row("acme:llama/3.1:8b"), row("acme:mistral")),
    *(row("embed", mode="embedding"), row("modèle-日本")),
)
HOSTILE = (
    *("$(reboot)", "`reboot`", "${HOME}", "a b", "a\tb", "a\nplain\tb\tc", "a\r\nb", "it's", 'a"b', "a\\b"),
    *("a;b", "a|b", "a&b", "a>b", "a<b", "(a)", "a*", "a?", "[a]", "{a,b}", "~root", "!a", "#a"),
    *("\x1b[31mred", "a\x9bm", "a\u202eb", "-rf", "--base-url=https://evil.example", "--help", "", " "),
)
CONFIG = """
default_profile = "default"
[profiles.work]
base_url = "https://work.example.com"
[profiles.west]
base_url = "https://west.example.com"
api_key = "sk-in-the-file"
"""


class Candidate(NamedTuple):
    """What a script reads from a line."""

    kind: str
    value: str
    help: str


Tab = Callable[..., list[str]]
Shown = Callable[..., list[Candidate]]


def candidates(text: str) -> list[Candidate]:
    assert text == "" or text.endswith("\n")
    return [Candidate(*line.split("\t")) for line in text.split("\n")[:-1]]


def variables(line: str, shell: str, breaks: str = BREAKS) -> dict[str, str]:
    """Return what the script of a shell sets where this was typed; of the last word, no part may be quoted."""
    if shell == "bash":
        return {"_LITELLMCTL_COMPLETE": "bash", "_LITELLMCTL_LINE": line, "_LITELLMCTL_BREAKS": breaks}
    return {"_LITELLMCTL_COMPLETE": shell, "_LITELLMCTL_WORDS": line.replace(" ", "\n")}


@pytest.fixture
def shown(run: Run) -> Shown:
    """Return the candidates for a line, as bash's script gets them."""

    def press(line: str, *, shell: str = "bash", breaks: str = BREAKS, **more: str | None) -> list[Candidate]:
        result = run(**variables(line, shell, breaks), **more)
        assert result.stderr == ""
        return candidates(result)

    return press


@pytest.fixture
def tab(shown: Shown) -> Tab:
    """Return the values of the candidates, whole, as fish's script gets them."""

    def press(line: str, **more: str | None) -> list[str]:
        return [one.value for one in shown(line, shell="fish", **more)]

    return press


def telling(proxy: FakeProxy, *models: Any, tools: Any = TOOLS, skills: Any = ()) -> FakeProxy:
    """Let a proxy tell of everything once."""
    hub = [{"id": f"id-{number}", "name": name, "description": text} for number, (name, text) in enumerate(skills)]
    proxy.on(HUB, {"plugins": hub}).on(API, {"data": [{"id": "skill_1", "display_title": None}]})
    return proxy.models(*models).on(LIST, offer(*tools)).on(SERVERS, [])


def cache(
    run: Run, proxy: FakeProxy, *models: Any, tools: Any = TOOLS, skills: Any = (), **variables: str | None
) -> None:
    """Let the program ask the proxy for everything once."""
    telling(proxy, *models, tools=tools, skills=skills)
    run("refresh", **variables)
    run("skills", "list", **variables)


class Listed(NamedTuple):
    """A proxy that told of everything, and where that is cached."""

    proxy: FakeProxy
    home: Path

    def files(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in self.home.rglob("*")}


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listed]:
    home = tmp_path_factory.mktemp("listed")
    proxy = telling(FakeProxy(), *MODELS, skills=(("review", "Reviews.\n\x1b[31mAll."), ("release", None)))
    own = {"HOME": str(home), "LITELLMCTL_CACHE_DIR": str(home / "cache")}
    own |= {"LITELLM_BASE_URL": proxy.url, "LITELLM_API_KEY": KEY}
    for words in (["refresh"], ["skills", "list"]):
        subprocess.run([sys.executable, "-m", "litellmctl", *words], env=own, capture_output=True, check=True)
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(CONFIG)
    yield Listed(proxy, home)
    proxy.close()


@pytest.fixture
def known(listed: Listed, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Listed]:
    """A proxy of which everything is cached. It is not asked again, and nothing is written."""
    env |= {"LITELLM_BASE_URL": listed.proxy.url, "LITELLM_API_KEY": KEY}
    env |= {f"LITELLMCTL_{name.upper()}_DIR": str(listed.home / name) for name in ("config", "cache")}
    started: list[Any] = []
    monkeypatch.setattr(background_refresh, "start", lambda *words: started.append(words))
    before = listed.files(), len(listed.proxy.requests)
    yield listed
    assert (listed.files(), len(listed.proxy.requests)) == before
    assert started == []


# --- what is offered


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("litellmctl mo", ["models"]),
        ("litellmctl models s", ["show"]),
        ("litellmctl -q mcp c", ["call", "credentials"]),
        ("litellmctl --profile w", ["work", "west"]),
        ("litellmctl models --profile d", ["default"]),
        ("litellmctl --auth g", ["gcloud"]),
        ("litellmctl models -o js", ["jsonl", "json"]),
        ("litellmctl completion ", ["bash", "zsh", "fish"]),
        ("litellmctl models show gpt", ["gpt-4o", "gpt-4o-mini"]),
        ("litellmctl models show gpt-4o gpt-4o-", ["gpt-4o-mini"]),
        ("litellmctl models show acme:llama/3", ["acme:llama/3.1:8b"]),
        ("litellmctl models show m", ["modèle-日本"]),
        ("litellmctl models show nothing", []),
        ("litellmctl --profile west models show ", []),
        ("litellmctl --base-url https://other.example models show ", []),
        ("litellmctl mcp list --server ", ["lab", "stdio"]),
        ("litellmctl export codex --mcp --server ", ["lab", "stdio"]),
        ("litellmctl export claude-d", ["claude-desktop"]),
        ("litellmctl mcp show ", ["lab/add", "lab/choose", "lab/convert", "stdio/add"]),
        ("litellmctl mcp call lab/c", ["lab/choose", "lab/convert"]),
        ("litellmctl mcp call lab/convert ", ["value=", "unit=", "precise="]),
        ("litellmctl mcp call mcp_lab_convert v", ["value="]),
        ("litellmctl mcp call --no-check lab/convert --timeout 3 p", ["precise="]),
        ("litellmctl mcp call lab/convert value=1 ", ["unit=", "precise="]),
        ("litellmctl mcp call lab/convert value:=1 unit=celsius ", ["precise="]),
        ("litellmctl mcp call lab/convert unit=", ["unit=celsius", "unit=fahrenheit"]),
        ("litellmctl mcp call lab/convert unit=f", ["unit=fahrenheit"]),
        ("litellmctl mcp call lab/convert unit=kelvin", []),
        ("litellmctl mcp call lab/convert value=", []),
        ("litellmctl mcp call lab/convert no=", []),
        ("litellmctl mcp call lab/nothing ", []),
        ("litellmctl mcp call add ", []),  # two servers have one
        (
            "litellmctl mcp call lab/choose size=",
            [f"size={one}" for one in ("small", "large", "3", "1.5", "true", "null")],
        ),
        ("litellmctl mcp call lab/choose kind=", ["kind=only"]),
        ("litellmctl mcp call lab/choose dry=", ["dry=true", "dry=false"]),
        ("litellmctl mcp call lab/choose dry=t", ["dry=true"]),
        ("litellmctl mcp call lab/choose maybe=", ["maybe=true", "maybe=false"]),
        ("litellmctl mcp call lab/choose either=a", ["either=a:b", "either=a/c"]),
        ("litellmctl mcp call lab/choose either=x=", ["either=x=y"]),
        ("litellmctl mcp call lab/choose odd=", ["odd=fine"]),
        ("litellmctl mcp call lab/choose free=", []),
        ("litellmctl skills show ", ["review", "release", "skill_1"]),
        ("litellmctl skills delete review re", ["review", "release"]),
        ("litellmctl prompt-section --skill rev", ["review"]),
        ("litellmctl whoami --fields pro", ["profile", "proxy_version"]),
        ("litellmctl models --fields id,co", ["id,context_window", "id,cost", "id,complete"]),
        ("litellmctl models --fields id,cost,co", ["id,cost,context_window", "id,cost,complete"]),
        ("litellmctl models --fields id,nothing", []),
        ("litellmctl models --fields id,cost.in", ["id,cost.input"]),
        ("litellmctl models --fields cost.cache_read,COST.CA", ["cost.cache_read,cost.cache_write"]),
        ("litellmctl models show gpt-4o --fields supports.web", ["supports.web_search"]),
        ("litellmctl token --fields ", ["token", "expires_at", "base_url"]),
        ("litellmctl config get default", ["default_profile"]),
        ("litellmctl config unset profiles.work.m", ["profiles.work.mcp", "profiles.work.mcp_headers"]),
        ("litellmctl models --refr", ["--refresh"]),
        ("litellmctl models --supports v", ["video", "vision", "video_input"]),
        ("litellmctl models --supports tools,vis", ["tools,vision"]),
        ("litellmctl models --input text,image,", ["text,image,audio", "text,image,pdf", "text,image,video"]),
        ("litellmctl models --mode emb", ["embedding"]),
        ("litellmctl models --provider ", ["openai"]),
        ("litellmctl models list --provider o", ["openai"]),
        ("litellmctl models --sort pri", ["price"]),
        (
            "litellmctl models --sort c",
            ["context_window", "complete", "cost.input", "cost.output", "cost.cache_read", "cost.cache_write"],
        ),
        ("litellmctl run --mod", ["--model"]),
        ("litellmctl run --model gpt-4o-m", ["gpt-4o-mini"]),
        ("litellmctl help ex", ["exit-codes", "exports", "export"]),
        ("litellmctl help auth", []),
        ("litellmctl help mcp ", [*MCP]),
        ("litellmctl help mcp list ", []),
        ("litellmctl help nothing ", []),
    ],
)
@pytest.mark.usefixtures("known")
def test_the_values_there_are(tab: Tab, line: str, values: list[str]) -> None:
    assert tab(line) == values


def test_the_programs_that_are_installed(shown: Shown, env: dict[str, str], record: MakeRecorder) -> None:
    for name in ("codex", "claude", "other"):
        record(name)
    env["PATH"] = env["PATH"].split(os.pathsep)[0]
    assert [one[1:] for one in shown("litellmctl run c")] == [("claude", "Claude Code"), ("codex", "Codex")]


@pytest.mark.usefixtures("known")
def test_all_commands_and_options_are_there_but_hidden_ones(tab: Tab, run: Run) -> None:
    commands = tab("litellmctl ")
    assert {"login", "models", "mcp", "api", "doctor", "export", "completion"} <= set(commands)
    assert "auth" not in commands
    assert set(tab("litellmctl mcp ")) == set(MCP)
    options = tab("litellmctl api --")
    assert {"--method", "--field", "--paginate", "--json", "--profile", "--help"} <= set(options)
    explained = run("api", "--help") + run("help", "options")
    assert all(option in explained for option in options)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("litellmctl api --input ", "file"),
        ("litellmctl api /x --input req", "file"),
        ("litellmctl skills create ", "file"),
        ("litellmctl mcp call lab/add --output-dir ", "dir"),
        ("litellmctl run ./", "file"),
        ("litellmctl run codex ", "file"),
        ("litellmctl run -m gpt-4o codex --mod", "file"),
        ("litellmctl run -- codex --mod", "file"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.usefixtures("known")
def test_files_and_folders_are_left_to_the_shell(shown: Shown, line: str, kind: str, shell: str) -> None:
    assert shown(line, shell=shell) == [Candidate(kind, "", "")]


@pytest.mark.usefixtures("known")
def test_what_they_mean(shown: Shown) -> None:
    def helps(line: str) -> dict[str, str]:
        return {one.value: one.help for one in shown(line, shell="zsh")}

    assert helps("litellmctl mod")["models"].startswith("List the models")
    assert helps("litellmctl --profile w") == {"work": "https://work.example.com", "west": "https://west.example.com"}
    assert helps("litellmctl models show gpt")["gpt-4o"] == "chat, 128000 tokens"
    assert helps("litellmctl models show emb")["embed"] == "embedding"
    assert helps("litellmctl mcp show lab/a") == {"lab/add": "Does add."}
    assert helps("litellmctl mcp call lab/convert v") == {"value=": "number The temperature."}
    assert helps("litellmctl mcp list --server l") == {"lab": "ok"}
    assert "How large it is." in helps("litellmctl mcp call lab/choose s")["size="]
    assert helps("litellmctl skills show rev") == {"review": "Reviews. [31mAll."}
    assert "US dollars" in helps("litellmctl models --fields co")["cost"]
    assert helps("litellmctl config get base") == {"base_url": "Base URL of the proxy."}
    assert all(len(text) <= 80 for text in helps("litellmctl config get ").values())


@pytest.mark.usefixtures("known")
def test_after_the_name_of_a_parameter_no_space_is_wanted(shown: Shown) -> None:
    assert {one.kind for one in shown("litellmctl mcp call lab/convert ")} == {"part"}
    assert {one.kind for one in shown("litellmctl mcp call lab/convert unit=")} == {"plain"}
    assert {one.kind for one in shown("litellmctl models show ")} == {"plain"}


# --- how each shell takes it


@pytest.mark.parametrize(
    ("line", "breaks", "values"),
    [
        ("litellmctl models show acme:", BREAKS, ["llama/3.1:8b", "mistral"]),
        ("litellmctl models show acme:llama/3.1:", BREAKS, ["8b"]),
        ("litellmctl models show acm", BREAKS, ["acme:llama/3.1:8b", "acme:mistral"]),
        ("litellmctl models show acme:m", BREAKS.replace(":", ""), ["acme:mistral"]),
        ("litellmctl mcp call lab/convert un", BREAKS, ["unit="]),
        ("litellmctl mcp call lab/convert unit=", BREAKS, ["celsius", "fahrenheit"]),
        ("litellmctl mcp call lab/convert unit=c", BREAKS, ["celsius"]),
        ("litellmctl mcp call lab/convert unit=c", BREAKS.replace("=", ""), ["unit=celsius"]),
        ("litellmctl mcp call lab/choose either=a:", BREAKS, ["b"]),
        ("litellmctl --profile=w", BREAKS, ["work", "west"]),
        ("litellmctl --profile=", BREAKS, ["default", "work", "west"]),
        ("litellmctl --profile=w", BREAKS.replace("=", ""), ["--profile=work", "--profile=west"]),
        ("litellmctl models --output=js", BREAKS, ["jsonl", "json"]),
        ("litellmctl models --fields=id,co", BREAKS, ["id,context_window", "id,cost", "id,complete"]),
        ("litellmctl mcp list --server=", BREAKS, ["lab", "stdio"]),
        ("litellmctl models show 'acme:", BREAKS, ["acme:llama/3.1:8b", "acme:mistral"]),
        ('litellmctl models show "acme:m', BREAKS, ["acme:mistral"]),
        ("litellmctl models show acme\\:m", BREAKS, ["acme:mistral"]),
        ("litellmctl mcp call lab/convert 'unit=c", BREAKS, ["unit=celsius"]),
        ("litellmctl mcp call lab/convert unit='c", BREAKS, ["celsius"]),
        ("litellmctl models show 'a:b' \"c=d\" e:f acme:m", BREAKS, ["mistral"]),
        ("FOO=1 BAR=2", BREAKS, None),
        ("", BREAKS, None),
        ("litellmctl", BREAKS, None),
    ],
)
@pytest.mark.usefixtures("known")
def test_bash_replaces_what_comes_after_its_last_word_break(
    shown: Shown, line: str, breaks: str, values: list[str] | None
) -> None:
    found = [one.value for one in shown(line, breaks=breaks)]
    assert all(found)
    assert values is None or found == values


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("litellmctl --profile=w", ["--profile=work", "--profile=west"]),
        ("litellmctl models --output=js", ["--output=jsonl", "--output=json"]),
        ("litellmctl models --fields=id,comp", ["--fields=id,complete"]),
        ("litellmctl mcp call lab/convert unit=c", ["unit=celsius"]),
        ("litellmctl models show acme:m", ["acme:mistral"]),
    ],
)
@pytest.mark.usefixtures("known")
def test_other_shells_replace_the_whole_word(shown: Shown, shell: str, line: str, values: list[str]) -> None:
    assert [one.value for one in shown(line, shell=shell)] == values


@pytest.mark.usefixtures("known")
def test_quotes_and_escapes_of_a_line(run: Run, shown: Shown) -> None:
    for line in (
        "litellmctl models show 'gpt-4o' gpt-4o-",
        'litellmctl  models   show "gpt-4o-',
        "litellmctl models show gpt\\-4o-",
        "litellmctl --profile 'default' models show gpt-4o-",
    ):
        assert [one.value for one in shown(line)] == ["gpt-4o-mini"]
    assert [one.value for one in shown("litellmctl mcp call lab/convert value='a b' un")] == ["unit="]
    words = "litellmctl\nmcp\ncall\nlab/convert\nvalue=a b\nun"
    assert candidates(run(_LITELLMCTL_COMPLETE="zsh", _LITELLMCTL_WORDS=words))[0].value == "unit="


def test_a_name_that_is_there_already_is_no_empty_candidate(run: Run, proxy: FakeProxy, shown: Shown) -> None:
    # Of `TYPE TAB TAB HELP` bash's `read` would take the help for the value.
    cache(run, proxy, row("acme:", max_input_tokens=9), row("acme:x"))
    assert [one.value for one in shown("litellmctl models show acme:")] == ["x"]


# --- whatever goes wrong is no suggestion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "", "tcsh", "zsh_source", "\udcff"])
def test_without_what_the_scripts_set(run: Run, shell: str) -> None:
    for name in ("_LITELLMCTL_LINE", "_LITELLMCTL_WORDS", "_LITELLMCTL_BREAKS", "OTHER"):
        result = run("models", _LITELLMCTL_COMPLETE=shell, **{name: "\n'\"$("})
        assert result.stderr == ""


def test_nothing_is_cached(tab: Tab, proxy: FakeProxy, home: Path) -> None:
    for line in ("models show ", "mcp call ", "mcp show l", "mcp list --server ", "skills show ", "mcp call lab/add "):
        assert tab(f"litellmctl {line}") == []
    assert tab("litellmctl mo") == ["models"]
    assert proxy.requests == []
    assert not (home / "cache").exists()


def test_nothing_is_configured(tab: Tab, home: Path) -> None:
    assert tab("litellmctl models show ") == []
    assert tab("litellmctl --profile ") == ["default"]
    assert not (home / "config").exists()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"config/config.toml": b"[profiles\n"}, id="config"),
        pytest.param({"config/config.toml": b"\xff\xfe"}, id="config, not text"),
        pytest.param({"config/config.toml": b'[profiles.default]\nbase_url = "nowhere"\n'}, id="a bad URL"),
        pytest.param(
            {"config/config.toml": b'[profiles.default]\nbase_url = "https://h"\napi_key = "$NOT_SET"\n'},
            id="a variable that is not set",
        ),
        pytest.param({"config/logins.json": b'{"logins": '}, id="logins"),
        pytest.param(
            {"config/logins.json": b'{"version": 1, "logins": {"default": []}}'}, id="logins of another shape"
        ),
        pytest.param({"cache/*.jsonl": b"{}\n"}, id="caches"),
        pytest.param({"cache/*.jsonl": b""}, id="empty caches"),
        pytest.param({"cache/key": b"short"}, id="the caches' key"),
    ],
)
def test_damaged_files_are_no_suggestion(
    run: Run, proxy: FakeProxy, tab: Tab, home: Path, damage: dict[str, bytes]
) -> None:
    cache(run, proxy, row("gpt"))
    (home / "config").mkdir(exist_ok=True)
    for name, content in damage.items():
        paths = list(home.glob(name)) if "*" in name else [home / name]
        assert paths
        for path in paths:
            path.write_bytes(content)
    asked = len(proxy.requests)
    for line in ("models show ", "mcp call ", "mcp call lab/add ", "skills show "):
        assert tab(f"litellmctl {line}") == []
    tab("litellmctl --profile ")
    tab("litellmctl config set ")
    assert tab("litellmctl mo") == ["models"]
    assert tab("litellmctl -o j") == ["jsonl", "json"]
    assert len(proxy.requests) == asked


@pytest.mark.parametrize("size", [10, 100, -1])
def test_half_a_cache_is_none(run: Run, proxy: FakeProxy, tab: Tab, home: Path, size: int) -> None:
    cache(run, proxy, row("gpt"))
    for path in (home / "cache").glob("*.jsonl"):
        path.write_bytes(path.read_bytes()[:size])
    for line in ("models show ", "mcp call ", "skills show "):
        assert tab(f"litellmctl {line}") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LITELLM_HEADERS", "no JSON"),
        ("LITELLM_BASE_URL", "://"),
        ("LITELLM_BASE_URL", "http://elsewhere.example"),
        ("LITELLM_API_KEY", "sk-\x1b"),
        ("LITELLMCTL_PROFILE", "nobody"),
        ("LITELLMCTL_AUTH", "nothing"),
        ("LITELLMCTL_CACHE_DIR", "/dev/null"),
        ("LITELLMCTL_CONFIG_DIR", "/dev/null"),
    ],
)
@pytest.mark.usefixtures("known")
def test_bad_variables_are_no_suggestion(tab: Tab, name: str, value: str) -> None:
    assert tab("litellmctl models show ", **{name: value}) == (
        [] if name != "LITELLMCTL_CONFIG_DIR" else tab("litellmctl models show ")
    )


def test_schemas_of_any_shape(run: Run, proxy: FakeProxy, tab: Tab) -> None:
    loop = {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}, "b": {"anyOf": [{"$ref": "#"}]}}}
    schemas: list[Any] = [None, 7, "x", [], {}, {"properties": 7}, {"properties": {"a": 7, "b": None}}, loop]
    schemas += [{"$ref": "http://x/"}, {"type": ["object"], "allOf": [7]}]
    schemas += [{"properties": {"a": {"enum": 7}, "b": {"enum": []}}}]
    cache(run, proxy, row("gpt"), tools=[tool(f"t{number}", schema) for number, schema in enumerate(schemas)])
    for number in range(len(schemas)):
        for typed in ("", "a", "a=", "b="):
            assert set(tab(f"litellmctl mcp call lab/t{number} {typed}")) <= {"a=", "b="}


# --- names that somebody made up


def test_hostile_names_are_never_offered(run: Run, proxy: FakeProxy, tab: Tab, shown: Shown) -> None:
    names = [name for name in HOSTILE if name.strip()]
    tools = [tool(name) for name in names]
    tools += [
        tool("add", {"type": "object", "properties": {name: {"enum": [*names, "good"]} for name in (*names, "fine")}})
    ]
    proxy.on("/v1/models", {"data": []})  # which tells what a name with a wildcard stands for
    cache(run, proxy, row("fine"), *map(row, names), tools=tools, skills=[(name, name) for name in [*names, "fine"]])
    assert tab("litellmctl models show ") == ["fine"]
    assert [one for one in tab("litellmctl mcp show ") if not one.startswith("lab/-")] == ["lab/add"]
    assert tab("litellmctl mcp call lab/add ") == ["fine="]
    assert [one for one in tab("litellmctl mcp call lab/add fine=") if not one.startswith("fine=-")] == ["fine=good"]
    assert tab("litellmctl skills show ") == ["fine", "skill_1"]
    for name in names:
        if " " not in name and "\n" not in name and not name.startswith("-"):
            assert tab(f"litellmctl models show {name[:-1]}") in ([], ["fine"])


def test_hostile_descriptions_are_one_plain_line(run: Run, proxy: FakeProxy, shown: Shown) -> None:
    texts = [f"{name}\nplain\tevil\tx\r\nfile\t\t\n\x1b]0;x\x07\x9b" for name in HOSTILE]
    fields = {f"p{number}": {"description": text} for number, text in enumerate(texts)}
    tools = [tool(f"t{number}", {"properties": fields}, description=text) for number, text in enumerate(texts)]
    cache(run, proxy, row("gpt"), tools=tools, skills=[(f"s{number}", text) for number, text in enumerate(texts)])
    for line, form in (("mcp show ", "lab/t{}"), ("mcp call lab/t0 ", "p{}="), ("skills show s", "s{}")):
        found = [one for one in shown(f"litellmctl {line}") if one.value != "skill_1"]
        assert {one.value for one in found} == {form.format(number) for number in range(len(HOSTILE))}
        for one in found:
            assert "plain evil x file" in one.help
            assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(one.help)


# --- never the network, a keyring, a command or a person


def aged(home: Path, seconds: float) -> None:
    """Make all caches older."""
    for path in (home / "cache").glob("*.jsonl"):
        head, _, rest = path.read_bytes().partition(b"\n")
        header = json.loads(head)
        for name in ("fetched_at", "tried_at"):
            if name in header:
                header[name] -= seconds
        path.write_bytes(json.dumps(header).encode() + b"\n" + rest)


def test_an_old_cache_is_used_and_not_renewed(
    run: Run, proxy: FakeProxy, tab: Tab, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache(run, proxy, row("gpt"))
    started: list[Any] = []
    monkeypatch.setattr(background_refresh, "start", lambda *words: started.append(words))
    aged(home, 20 * 86400)
    asked = len(proxy.requests)
    for variable in (None, "1"):
        assert tab("litellmctl models show ", CI=variable) == ["gpt"]
        assert "lab/add" in tab("litellmctl mcp call ", CI=variable)
    assert (len(proxy.requests), started) == (asked, [])


def test_no_helper_and_no_command_runs(run: Run, proxy: FakeProxy, tab: Tab, home: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = f"sh -c 'echo >> {trace}; echo sk-from-it-0123456789'"
    cache(run, proxy, row("by-helper"), LITELLM_API_KEY_HELPER=command)
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(
        f"[profiles.work]\nbase_url = {json.dumps(proxy.url)}\napi_key = {json.dumps('!' + command)}\n"
        f"headers = {{ x-team = {json.dumps('!' + command)} }}\nmcp_headers = {{ 'lab:x' = {json.dumps('!' + command)} }}\n"
    )
    cache(run, proxy, row("by-command"), LITELLMCTL_PROFILE="work")
    assert trace.exists()
    trace.unlink()
    aged(home, 20 * 86400)
    asked = len(proxy.requests)
    assert tab("litellmctl models show ", LITELLM_API_KEY_HELPER=command) == ["by-helper"]
    assert tab("litellmctl --profile work models show ") == ["by-command"]
    assert tab("litellmctl --profile work mcp call lab/add ") == ["a=", "b="]
    assert not trace.exists()
    assert len(proxy.requests) == asked


@pytest.mark.parametrize(("line", "modules"), [("litellmctl ", []), ("litellmctl models show ", ["models"])])
def test_a_tab_imports_the_command_that_was_typed_alone(env: dict[str, str], line: str, modules: list[str]) -> None:
    """Who types TAB waits: for the names of all commands none is imported."""
    code = (
        "import sys; from litellmctl.__main__ import main; code = main([]); found = sys.modules;"
        "print([n.split('.')[2] for n in found if n.startswith('litellmctl.commands.')], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, **variables(line, "zsh")},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == f"{['base', *modules]}\n"
    assert ("prompt-section" in done.stdout) == (not modules)


@pytest.mark.parametrize("state", ["good", "expired"])
def test_a_stored_login_is_not_looked_at(
    run: Run, proxy: FakeProxy, home: Path, env: dict[str, str], state: str
) -> None:
    """Nothing that could reach a keyring, a network or a process is even imported."""
    env["LITELLMCTL_KEYRING"] = "off"
    proxy.on("/v1/models", {"data": [{"id": "gpt"}]}, times=None)
    proxy.on("/key/info", {"info": {}}, times=None).on("/user/info", {}, times=None)
    proxy.models(row("at-login")).on(LIST, offer(*TOOLS), times=None).on(SERVERS, [], times=None)
    run("login", "--with-token", "--base-url", proxy.url, stdin="sk-stored-0123456789", LITELLM_API_KEY=None)
    logins = home / "config" / "logins.json"
    content = json.loads(logins.read_text())
    content["logins"]["default"] |= {"storage": "keyring"} | ({"expires_at": 1} if state == "expired" else {})
    logins.write_text(json.dumps(content))
    (home / "config" / "secrets.json").unlink()
    asked = len(proxy.requests)
    code = (
        "import sys; from litellmctl.__main__ import main; code = main([]);"
        "heavy = ['requests', 'urllib3', 'keyring', 'google.auth', 'tomlkit', 'jsonschema_rs', 'truststore', 'ssl',"
        " 'subprocess', 'filelock', 'wcwidth', 'ruamel.yaml'];"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, **variables("litellmctl models show ", "zsh"), "LITELLMCTL_KEYRING": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("plain\tat-login\tchat\n", "[]\n")
    assert len(proxy.requests) == asked


@pytest.mark.usefixtures("known")
def test_offline_is_no_different(tab: Tab) -> None:
    assert "gpt-4o" in tab("litellmctl models show ", LITELLM_OFFLINE="1")


def test_ten_thousand_models(run: Run, proxy: FakeProxy, shown: Shown) -> None:
    cache(run, proxy, *(row(f"model-{number:05}") for number in range(10_000)))
    start = time.monotonic()
    found = shown("litellmctl models show ")
    assert time.monotonic() - start < 1  # the benchmarks say more
    assert [one.value for one in found] == [f"model-{number:05}" for number in range(10_000)]
    assert [one.value for one in shown("litellmctl models show model-0999")] == [
        f"model-0999{one}" for one in range(10)
    ]


def test_a_closed_stdout_is_quiet(env: dict[str, str]) -> None:
    command = f'"{sys.executable}" -m litellmctl'
    for redirected in (">&-", "| true", "2>&- >&-", "> /dev/full"):
        done = subprocess.run(
            ["bash", "-c", f"{command} {redirected}"],
            env={**env, **variables("litellmctl ", "bash")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("", ""), redirected


# --- the scripts


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_the_one_that_is_installed(run: Run, shell: str) -> None:
    script = (ROOT / "completions" / SCRIPTS[shell]).read_text("utf-8")
    assert run("completion", shell) == script
    assert run("completion", shell, terminal=True) == script
    assert run("completion", shell, "--json").json + "\n" == script
    project = (ROOT / "pyproject.toml").read_text() + (ROOT / "setup.cfg").read_text()
    assert f"completions/{SCRIPTS[shell]}" in project


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_shell_takes_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed (apt install {shell})")
    path = ROOT / "completions" / SCRIPTS[shell]
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_shell_is_exit_2(run: Run) -> None:
    for words in (["tcsh"], [], ["bash", "zsh"]):
        run("completion", *words, exit=2)
