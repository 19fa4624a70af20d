"""The pages of docs/guide and the README, run as a reader would type them, at a terminal of 80 columns.

`python -m tests.live.guide PAGE...` runs pages and writes what the commands print now into them; the tests run them
and compare. In a page

- a `console` block is commands behind `$ ` (and `> ` where one goes on), each followed by what it prints; a line `...`
  stands for any lines, and `...` within a line for any text;
- each command of a `sh` block must exit 0, or N where it ends in `# exit N`;
- a `toml` block becomes config.toml, which `config list` must accept;
- of a `yaml` block the commands of each job are run, with the variables that stand there;
- `<!-- proxy: lab -->` says that the page needs the lab, and without it a sandbox is the proxy;
- `<!-- run: COMMAND -->` prepares what follows, and `<!-- types: A | B -->` has the answers to what the
  first command of the next console block asks (`Ctrl-C` is pressed where that is said to stop it).

In the pages the proxy is https://llm.example.com and the key sk-...
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pexpect

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
HOST, KEY = "https://llm.example.com", "sk-..."
LANGUAGES = {"console", "sh", "toml", "yaml"}
_PROMPT = "<<%s>>"
_SECONDS = 60
# A question of ours, which waits for its answer; and what goes on until Ctrl-C.
_QUESTION = r"(?:: |\] |to stop\.\r\n)$"
_CONTROL_C = "Ctrl-C"
_SHOWS_VARIABLES = (
    "import os, sys; print(os.environ['LITELLM_BASE_URL'], os.environ['LITELLM_API_KEY'], flush=True); sys.stdin.read()"
)
# Programs that the pages use and a test must not have.
_STAND_INS = {
    "op": "#!/bin/sh\nprintf '%s\\n' \"$GUIDE_KEY\"\n",  # 1Password's, which prints a secret
    **dict.fromkeys(("my-agent", "claude", "codex", "aider"), "#!/bin/sh\nexit 0\n"),
    "pip": "#!/bin/sh\nexit 0\n",
    "pipx": "#!/bin/sh\nexit 0\n",
}


class Proxy(NamedTuple):
    """A real proxy: its URL and a key for it."""

    url: str
    key: str


class Block(NamedTuple):
    """A fenced block: its language, its lines, the number of the first one, and what its comments say."""

    language: str
    lines: list[str]
    start: int
    prepare: list[str]
    answers: list[str]


class Difference(NamedTuple):
    """What a command of a page printed, or how it ended, other than the page says."""

    line: int
    command: str
    expected: str
    printed: str


def needs_lab(text: str) -> bool:
    """Whether the page says that its proxy is the lab."""
    return "<!-- proxy: lab -->" in text


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks that have a language."""
    prepare: list[str] = []
    answers: list[str] = []
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        if found := re.fullmatch(r"<!-- run: (.*) -->", line):
            prepare.append(found[1])
        elif found := re.fullmatch(r"<!-- types: (.*) -->", line):
            answers += found[1].split(" | ")
        elif found := re.fullmatch(r"```(\w*)", line):
            end = lines.index("```", index + 1)
            if found[1]:
                yield Block(found[1], lines[index + 1 : end], index + 1, prepare, answers)
                prepare, answers = [], []
            index = end
        index += 1


class Shell:
    """A bash at a terminal of 80 columns, in an empty home, for which `proxy` is the proxy."""

    def __init__(self, proxy: Proxy, folder: Path, *, browser: str = "", colour: bool = False) -> None:
        self._proxy = proxy
        self.home = folder / "home"
        self._step = folder / "step"
        programs = folder / "programs"
        for made in (self.home, programs):
            made.mkdir()
        for name, text in _STAND_INS.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o700)
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        env = {
            "PATH": path,
            "HOME": str(self.home),
            "SHELL": "bash",
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "LITELLMCTL_KEYRING": "off",
            "LITELLM_BASE_URL": proxy.url,
            "LITELLM_API_KEY": proxy.key,
            "GUIDE_KEY": proxy.key,
            "PS1": _PROMPT % "$?",
            **({} if colour else {"NO_COLOR": "1"}),
            **({"BROWSER": browser, "DISPLAY": ":9"} if browser else {}),
        }
        command = ["--norc", "--noprofile", "--noediting", "-i"]
        self._child = pexpect.spawn(
            "bash", command, env=env, cwd=str(self.home), encoding="utf-8", timeout=_SECONDS, dimensions=(24, 80)
        )
        self._child.delaybeforesend = None
        self._colour = colour
        self._seen: list[str] = []
        self._wait()
        self.run("bind 'set enable-bracketed-paste off' 2> /dev/null")

    def close(self) -> None:
        self._child.close(force=True)

    def run(self, command: str, answers: Sequence[str] = ()) -> tuple[int, str]:
        """Run a command, of several lines perhaps; return its exit code and all that it printed."""
        real = command.replace(HOST, self._proxy.url)
        self._step.write_text(real + "\n")
        self._child.sendline(f". {self._step}")
        for answer in answers:
            self._child.expect(_QUESTION)
            given = answer.replace(HOST, self._proxy.url).replace(KEY, self._proxy.key)
            self._seen.append(self._child.before + self._child.after)
            if answer == _CONTROL_C:
                self._child.sendcontrol("c")
            else:
                self._child.sendline(given)
        code = self._wait()
        printed = re.sub(r"[^\n]*\r\x1b\[K", "", "".join(self._seen).replace("\r\n", "\n"))  # less what was erased
        self._seen.clear()
        if not self._colour:  # jq 1.6 does not know NO_COLOR
            printed = re.sub(r"\x1b\[[\d;]*m", "", printed)
        _, _, printed = printed.partition("\n")  # our own line, which the terminal echoes
        return code, self._public(printed)

    def _wait(self) -> int:
        self._child.expect(_PROMPT % r"(\d+)")
        self._seen.append(self._child.before)
        return int(self._child.match[1])

    def _public(self, printed: str) -> str:
        shown = printed.replace(self._proxy.url, HOST).replace(self._proxy.key, KEY).replace(str(self.home), "~")
        return shown.replace(self._proxy.url.removeprefix("http://"), HOST.removeprefix("https://"))


def run_page(path: Path, proxy: Proxy, folder: Path, *, browser: str = "", write: bool = False) -> list[Difference]:
    """Run a page; return where it is not what happens, or put what happens into it.

    `browser` is the program of a person who signs in.
    """
    text = path.read_text("utf-8")
    shell = Shell(proxy, folder, browser=browser)
    found: list[Difference] = []
    made = text.splitlines()
    try:
        for block in reversed(list(_run_blocks(shell, blocks(text), found))):
            made[block.start : block.start + block.length] = block.lines
    finally:
        shell.close()
    if write:
        path.write_text("\n".join(made) + "\n", "utf-8")
    return found


class _Made(NamedTuple):
    start: int
    length: int
    lines: list[str]


def _run_blocks(shell: Shell, found: Iterator[Block], differences: list[Difference]) -> Iterator[_Made]:
    for block in found:
        for command in block.prepare:
            code, printed = shell.run(command)
            if code:
                differences.append(Difference(block.start, command, "exit 0", f"exit {code}: {printed}"))
        if block.language == "console":
            yield _console(shell, block, differences)
        elif block.language == "sh":
            for number, command, wanted in _commands(block.lines):
                code, printed = shell.run(command)
                if code != wanted:
                    there = block.start + number + 1
                    differences.append(Difference(there, command, f"exit {wanted}", f"exit {code}: {printed}"))
        elif block.language == "toml":
            _config(shell, block, differences)
        elif block.language == "yaml":
            _jobs(shell, block, differences)


def _console(shell: Shell, block: Block, differences: list[Difference]) -> _Made:
    lines: list[str] = []
    answers = list(block.answers)
    index = 0
    while index < len(block.lines):
        number = block.start + index + 1
        typed = [block.lines[index]]
        assert typed[0].startswith("$ "), f"line {number}: a console block begins with a command"
        index += 1
        while index < len(block.lines) and block.lines[index].startswith("> "):
            typed.append(block.lines[index])
            index += 1
        expected = []
        while index < len(block.lines) and not block.lines[index].startswith("$ "):
            expected.append(block.lines[index])
            index += 1
        command = "\n".join(line[2:] for line in typed)
        _, printed = shell.run(command, answers)
        answers = []
        lines += typed
        if matches("\n".join(expected), printed):
            lines += expected
        else:
            differences.append(Difference(number, command, "\n".join(expected), printed))
            lines += printed.rstrip("\n").split("\n") if printed.strip() else []
    return _Made(block.start, len(block.lines), lines)


def _commands(lines: Sequence[str]) -> Iterator[tuple[int, str, int]]:
    """Yield the commands of a block, the number of the line and the exit code of each."""
    start, parts = 0, list[str]()
    for index, line in enumerate(lines):
        if not parts:
            start = index
        parts.append(line)
        if line.endswith("\\") or not line.strip() or (line.lstrip().startswith("#") and len(parts) == 1):
            if not line.endswith("\\"):
                parts.clear()
            continue
        command = "\n".join(parts)
        if subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode:
            continue  # it goes on: a loop, a quoted text
        found = re.search(r"# exit (\d+)$", command)
        yield start, command, int(found[1]) if found else 0
        parts.clear()
    assert not parts, f"not a whole command: {parts}"


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is what a page expects; how wide a column is, and where a line folds, does not count."""
    pattern = re.escape(_even(expected)).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, _even(printed), re.DOTALL) is not None


def _even(text: str) -> str:
    unfolded = re.sub(r"\n {2,}", " ", text.strip("\n"))
    return "\n".join(re.sub(r" +", " ", line.rstrip()) for line in unfolded.splitlines())


def _config(shell: Shell, block: Block, differences: list[Difference]) -> None:
    folder = shell.home / "toml"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text("\n".join(block.lines) + "\n")
    code, printed = shell.run(f"LITELLMCTL_CONFIG_DIR={folder} litellmctl config list --profiles")
    if code:
        differences.append(Difference(block.start, "config.toml", "exit 0", printed))


def _jobs(shell: Shell, block: Block, differences: list[Difference]) -> None:
    from ruamel.yaml import YAML

    for command, variables in _steps(YAML(typ="safe").load("\n".join(block.lines))):
        words = "".join(f"export {name}={_quoted(value)}\n" for name, value in variables.items())
        code, printed = shell.run(f"(set -e\n{words}{command}\n)")
        if code:
            differences.append(Difference(block.start, command, "exit 0", f"exit {code}: {printed}"))


def _steps(value: object, above: dict[str, str] | None = None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the commands of GitHub's steps (`run`) and of GitLab's jobs (`script`), with their variables."""
    if isinstance(value, list):
        for one in value:
            yield from _steps(one, above)
    elif isinstance(value, dict):
        own = {**(above or {}), **(value.get("env") or {}), **(value.get("variables") or {})}
        if isinstance(value.get("run"), str):
            yield value["run"], own
        if isinstance(value.get("script"), list):
            yield "\n".join(value["script"]), own
        for one in value.values():
            if not isinstance(one, str):
                yield from _steps(one, own)


def _quoted(value: str) -> str:
    # A secret of the job: the key, which the shell has already.
    return '"$GUIDE_KEY"' if "secrets." in value else "'" + value.replace("'", "'\\''") + "'"


@contextmanager
def sandbox(home: Path) -> Iterator[Proxy]:
    """Start a sandbox; it is stopped in the end."""
    command = [sys.executable, "-m", "litellmctl", "sandbox", "run", "-q", sys.executable, "-c", _SHOWS_VARIABLES]
    with subprocess.Popen(
        command, env={**os.environ, "HOME": str(home)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield Proxy(*running.stdout.readline().split())
        finally:
            running.communicate(timeout=_SECONDS)


def _run_at_lab(path: Path, folder: Path) -> list[Difference]:
    from tests.live.conftest import Lab
    from tests.live.signing_in import Person

    lab = Lab(*(os.environ[name] for name in ("LAB_URL", "LAB_MASTER_KEY", "LAB_IDP_URL")))
    (folder / "person").mkdir()
    person = Person(lab, folder / "person")
    try:
        return run_page(path, Proxy(lab.url, lab.new_key()), folder, browser=person.browser("one"), write=True)
    finally:
        person.leaves()
        lab.close()


def main(words: Sequence[str]) -> None:
    """Run the pages that are named, or all, and write what their commands print."""
    for path in [Path(word).resolve() for word in words] or PAGES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if needs_lab(path.read_text("utf-8")):
                found = _run_at_lab(path, folder)
            else:
                with sandbox(folder) as proxy:
                    found = run_page(path, proxy, folder, write=True)
        for one in found:
            print(f"{path.name}:{one.line}: $ {one.command}\n{one.printed}")


if __name__ == "__main__":
    main(sys.argv[1:])
