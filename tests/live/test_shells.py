"""TAB in real shells: what each of them offers, and what then stands in its line."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from tests.conftest import clean_environment
from tests.contract.tools import ADD, CONVERT, LIST, SERVERS, offer, tool
from tests.fake_proxy import FakeProxy, row

COMPLETIONS = Path(__file__).parents[2] / "completions"
PROMPT = "READY> "
# The program for a TAB; for Enter, what it would have been run with.
PROGRAM = """#!/bin/sh
if [ -n "$_LITELLMCTL_COMPLETE" ]; then exec '{python}' -m litellmctl "$@"; fi
printf 'ran:'
printf '<%s>' "$@"
printf ':end\\n'
"""
BASH = """
PS1='{prompt}'
bind 'set show-all-if-ambiguous on' 'set bell-style none' 'set page-completions off' 'set completion-query-items 0'
bind 'set enable-bracketed-paste off'
. '{completions}/litellmctl.bash'
"""
ZSH = """
PROMPT='{prompt}' PROMPT_EOL_MARK= LISTMAX=9999
unset zle_bracketed_paste
setopt no_beep no_prompt_cr
fpath=('{completions}' $fpath)
autoload -Uz compinit && compinit -u -d "$HOME/dump"
"""
FISH = """
function fish_greeting; end
function fish_prompt; echo -n '{prompt}'; end
set fish_autosuggestion_enabled 0
"""
MODELS = ("gpt-4o", "gpt-4o-mini", "acme:llama/3.1:8b", "acme:mistral", "other/one")
HOSTILE = ("$(touch owned)", "`touch owned`", "gpt-4o; touch owned", "gpt-4o\ntouch owned", "gpt-4o'", 'gpt-4o"')
MADE_UP = "$(touch owned) `touch owned` '; touch owned; \" \x1b[31m\nplain\tevil\t"
CHOOSE = {"properties": {"size": {"enum": ["small:1", "small:2"], "description": MADE_UP}}}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user whose caches are filled, from a proxy that is gone."""
    home = tmp_path_factory.mktemp("home")
    program = home / "bin" / "litellmctl"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    proxy = FakeProxy()
    environment = {
        **clean_environment(),
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "XDG_CONFIG_HOME": str(home / "xdg"),
        "XDG_DATA_HOME": str(home / "xdg"),
        "LITELLMCTL_CONFIG_DIR": str(home / "config"),
        "LITELLMCTL_CACHE_DIR": str(home / "cache"),
        "LITELLM_BASE_URL": proxy.url,
        "LITELLM_API_KEY": "sk-test-0123456789abcdef",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(COMPLETIONS.parent),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    tools = (
        *(tool("add", ADD), tool("convert", CONVERT), tool("choose", CHOOSE), tool("fancy", description=MADE_UP)),
        *map(tool, HOSTILE),
    )
    proxy.models(*(row(name, max_input_tokens=128_000) for name in (*MODELS, *HOSTILE)))
    proxy.on(LIST, offer(*tools)).on(SERVERS, [])
    command = [sys.executable, "-m", "litellmctl", "refresh", "-q"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=60, check=True)
    proxy.close()
    (home / "config").mkdir()
    for name in ("work", "west"):
        with (home / "config" / "config.toml").open("a") as file:
            file.write(f'[profiles.{name}]\nbase_url = "https://{name}.example.com"\n')
    (home / "request one.json").write_text("{}")
    (home / "out" / "inner").mkdir(parents=True)
    words = {"prompt": PROMPT, "completions": COMPLETIONS}
    (home / "bashrc").write_text(BASH.format(**words))
    (home / ".zshrc").write_text(ZSH.format(**words))
    fish = home / "xdg" / "fish"
    (fish / "completions").mkdir(parents=True)
    shutil.copy(COMPLETIONS / "litellmctl.fish", fish / "completions")
    (fish / "config.fish").write_text(FISH.format(**words))
    return environment


class Shell:
    """A shell at a terminal, whose files are in `home`, or in its home folder."""

    def __init__(self, name: str, environment: dict[str, str], home: str = "") -> None:
        home = home or environment["HOME"]
        words = {"bash": ["--noprofile", "--rcfile", f"{home}/bashrc", "-i"], "zsh": ["-d", "-i"], "fish": ["-i"]}[name]
        self.name = name
        self.is_at_its_prompt = False
        self._seen = io.StringIO()
        self.child = pexpect.spawn(
            name, words, env=environment, cwd=home, encoding="utf-8", timeout=15, dimensions=(50, 160)
        )
        self.child.logfile_read = self._seen
        self.child.expect_exact(PROMPT)
        self.is_at_its_prompt = True

    @property
    def shown(self) -> str:
        return re.sub(r"\x1b(\[[0-9;?>=]*[a-zA-Z]|[()][A-Z0-9]|[=>])", "", self._seen.getvalue())

    def types(self, keys: str) -> None:
        self.is_at_its_prompt = False
        self._seen.truncate(0)
        self._seen.seek(0)
        self.child.send(keys)

    def runs(self, keys: str) -> list[str]:
        """Return the arguments that the program is run with where these keys, and Enter, are pressed."""
        self.types(keys + "\r")
        self.child.expect(r"ran:(.*?):end\r\n")
        arguments = str(self.child.match.group(1))
        self.child.expect_exact(PROMPT)
        self.is_at_its_prompt = True
        return re.findall("<(.*?)>", arguments)

    def lists(self, keys: str, *words: str) -> str:
        """Return what is shown after these keys, all these words among it, and leave an empty line."""
        self.types(keys)
        deadline = time.monotonic() + 15
        while not all(word in self.shown for word in words):
            assert time.monotonic() < deadline, self.shown
            with suppress(pexpect.TIMEOUT):
                self.child.expect(".+", timeout=0.2)
        shown = self.shown
        assert self.runs("\x15litellmctl next") == ["next"]  # Ctrl-U takes the line away
        return shown

    def close(self) -> None:
        self.child.ptyproc.delayafterclose = 0
        self.child.close(force=True)


Open = Callable[[], Shell]


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def opened(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Open]:
    """Open a shell, or return the one that is open and at its prompt."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed (apt install {request.param})")
    shells: list[Shell] = []

    def open_one() -> Shell:
        if not shells:
            shells.append(Shell(request.param, environment))
        return shells[0]

    open_one.shells = shells  # type: ignore[attr-defined]
    yield open_one
    for shell in shells:
        shell.close()


@pytest.fixture
def shell(opened: Open, environment: dict[str, str]) -> Iterator[Shell]:
    shell = opened()
    yield shell
    if not shell.is_at_its_prompt:
        shell.close()
        opened.shells.clear()  # type: ignore[attr-defined]
    assert not (Path(environment["HOME"]) / "owned").exists()


def test_a_command_a_model_a_tool_a_parameter_and_its_value(shell: Shell) -> None:
    assert shell.runs("litellmctl mod\tsh\tother\t") == ["models", "show", "other/one"]
    words = shell.runs("litellmctl mcp ca\tlab/conv\tun\tcel\tval\t1")
    assert words == ["mcp", "call", "lab/convert", "unit=celsius", "value=1"]


def test_the_candidates_are_listed(shell: Shell) -> None:
    models = shell.lists("litellmctl models show \t", *MODELS[:2], *(MODELS[2:] if shell.name != "bash" else ()))
    assert "owned" not in models
    assert ("chat, 128000 tokens" in models) is (shell.name != "bash")
    tools = shell.lists("litellmctl mcp show lab/\t", "lab/add", "lab/choose", "lab/convert", "lab/fancy")
    assert "evil" not in tools.replace("plain evil", "")
    parameters = shell.lists("litellmctl mcp call lab/convert \t", "value=", "unit=", "precise=")
    assert ("number The temperature." in parameters) is (shell.name != "bash")
    shell.lists("litellmctl mcp call lab/convert unit=\t", "celsius", "fahrenheit")


def test_a_name_with_colons_and_slashes(shell: Shell) -> None:
    assert shell.runs("litellmctl models show acme:ll\tgpt-4o-\t") == [
        "models",
        "show",
        "acme:llama/3.1:8b",
        "gpt-4o-mini",
    ]
    assert shell.runs("litellmctl models show acme:llama/3.1:\t") == ["models", "show", "acme:llama/3.1:8b"]
    shell.lists("litellmctl models show acme:\t", "llama/3.1:8b", "mistral")
    assert shell.runs("litellmctl mcp call lab/choose size=\t2") == ["mcp", "call", "lab/choose", "size=small:2"]


def test_an_option_and_its_value(shell: Shell) -> None:
    assert shell.runs("litellmctl --prof\two\ttok\t") == ["--profile", "work", "token"]
    assert shell.runs("litellmctl --profile=we\ttoken") == ["--profile=west", "token"]
    assert shell.runs("litellmctl models --fields id,cos\t") == ["models", "--fields", "id,cost"]


def test_files_and_folders(shell: Shell) -> None:
    assert shell.runs("litellmctl api /x --input req\t") == ["api", "/x", "--input", "request one.json"]
    if shell.name != "fish":
        assert shell.runs("litellmctl api /x --input=req\t") == ["api", "/x", "--input=request one.json"]
    *words, folder = shell.runs("litellmctl mcp call lab/add --output-dir ou\tinn\t")
    assert (words, folder.rstrip("/")) == (["mcp", "call", "lab/add", "--output-dir"], "out/inner")


def test_what_is_quoted_and_other_commands_of_the_line(shell: Shell) -> None:
    assert shell.runs("true; litellmctl mcp call lab/convert value='1 2' un\tcel\t") == [
        *("mcp", "call", "lab/convert", "value=1 2", "unit=celsius")
    ]
    assert shell.runs("litellmctl models show 'acme:ll\t") == ["models", "show", "acme:llama/3.1:8b"]


def test_no_hostile_name_gets_into_the_line(shell: Shell) -> None:
    listed = shell.lists("litellmctl models show gpt\t\t", "gpt-4o-mini")
    assert "owned" not in listed
    assert shell.runs("litellmctl mcp call lab/choose s\tsmall:1") == ["mcp", "call", "lab/choose", "size=small:1"]


LOADED = {
    "bash": "PS1='{prompt}'\n. <(litellmctl completion bash)\n",
    "zsh before compinit": '{zsh}\neval "$(litellmctl completion zsh)"\nautoload -Uz compinit && compinit -u\n',
    "zsh after compinit": '{zsh}\nautoload -Uz compinit && compinit -u\neval "$(litellmctl completion zsh)"\n',
    "zsh without compinit": '{zsh}\neval "$(litellmctl completion zsh)"\n',
    "fish": "function fish_prompt; echo -n '{prompt}'; end\nlitellmctl completion fish | source\n",
}
FILES = {"bash": "bashrc", "zsh": ".zshrc", "fish": "fish/config.fish"}


@pytest.mark.parametrize("how", LOADED)
def test_the_script_that_is_printed_completes_wherever_it_is_loaded(
    how: str, environment: dict[str, str], tmp_path: Path
) -> None:
    name = how.split(maxsplit=1)[0]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (apt install {name})")
    (tmp_path / "fish").mkdir()
    zsh = f"PROMPT='{PROMPT}' PROMPT_EOL_MARK=\nunset zle_bracketed_paste\nsetopt no_beep no_prompt_cr"
    (tmp_path / FILES[name]).write_text(LOADED[how].format(prompt=PROMPT, zsh=zsh))
    # The program itself while the file is read, and the one that only completes after that.
    program = tmp_path / "bin" / "litellmctl"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable).replace("[ -n", '[ "$1" = completion ] || [ -n'))
    program.chmod(0o755)
    own = {
        **environment,
        **{name: str(tmp_path) for name in ("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME")},
        "PATH": f"{program.parent}:{environment['PATH']}",
    }
    shell = Shell(name, own, str(tmp_path))
    try:
        assert "compdef" not in shell.shown
        assert shell.runs("litellmctl mod\tsh\tother\t") == ["models", "show", "other/one"]
    finally:
        shell.close()
