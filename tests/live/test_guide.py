"""The README and docs/guide tell the truth: each command that stands there is run, and what it prints is compared."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from litellmctl.cli import cli
from tests.live import guide, pictures
from tests.live.conftest import Lab
from tests.live.signing_in import Person

README = guide.ROOT / "README.md"
TEXTS = {path.name: path.read_text("utf-8") for path in guide.PAGES}
AT_THE_LAB = [path for path in guide.PAGES if guide.needs_lab(TEXTS[path.name])]
ELSEWHERE = [path for path in guide.PAGES if path not in AT_THE_LAB]
# The page that lists every message has those of commands in another form.
_WORDS = re.compile(r"`(litellmctl [^`]+)`")


def fenced(name: str) -> str:
    """Return the block of the README that stands after the comment of that name."""
    match = re.search(rf"<!-- {name} -->\n```\n(.*?)```\n", TEXTS["README.md"], re.DOTALL)
    assert match, name
    return match[1]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[guide.Proxy]:
    with guide.sandbox(tmp_path_factory.mktemp("sandbox")) as proxy:
        yield proxy


def report(differences: list[guide.Difference], path: Path) -> str:
    return "\n".join(
        f"{path.name}:{one.line}: $ {one.command}\n--- the page\n{one.expected}\n--- what happens\n{one.printed}"
        for one in differences
    )


@pytest.mark.sandbox
@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: path.stem)
def test_a_page_does_what_it_says(path: Path, sandbox: guide.Proxy, tmp_path: Path) -> None:
    differences = guide.run_page(path, sandbox, tmp_path)
    assert not differences, f"python -m tests.live.guide {path}\n{report(differences, path)}"


@pytest.mark.database
@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
@pytest.mark.parametrize("path", AT_THE_LAB, ids=lambda path: path.stem)
def test_a_page_does_what_it_says_at_the_lab(path: Path, lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "person"
    folder.mkdir()
    person = Person(lab, folder)
    proxy = guide.Proxy(lab.url, lab.new_key())
    try:
        differences = guide.run_page(path, proxy, tmp_path, browser=person.browser("one"))
    finally:
        person.leaves()
    assert not differences, report(differences, path)


@pytest.mark.sandbox
def test_the_pictures_are_of_this_program(sandbox: guide.Proxy, tmp_path: Path) -> None:
    for path, text in pictures.pictures(pictures.session(sandbox, tmp_path)).items():
        assert (guide.ROOT / path).read_text("utf-8") == text, "run: python -m tests.live.pictures"


@pytest.mark.parametrize("path", guide.PAGES, ids=lambda path: path.stem)
def test_each_block_is_one_that_is_run(path: Path) -> None:
    languages = {block.language for block in guide.blocks(TEXTS[path.name])}
    assert languages <= guide.LANGUAGES
    without = re.sub(r"```\w+\n.*?```\n", "", TEXTS[path.name], flags=re.DOTALL)
    plain = len(re.findall(r"^```$", without, re.MULTILINE)) // 2
    # Installing it is not run: the test suite and CI are themselves what these do.
    assert plain == (3 if path == README else 0), "a block without a language is not run"


@pytest.mark.parametrize("path", guide.PAGES, ids=lambda path: path.stem)
def test_each_command_within_a_sentence_exists(path: Path) -> None:
    for text in _WORDS.findall(TEXTS[path.name].replace("\\|", "|")):
        command: click.Command = cli
        words = shlex.split(text.split(" | ")[0], comments=True)[1:]
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {name for one in (*command.params, *cli.params) for name in (*one.opts, *one.secondary_opts)}
        assert command is not cli or not words or words[0].isupper() or words[0].startswith("-"), text
        assert {word for word in words if word.startswith("-") and len(word) > 1} <= known, text


def test_what_troubleshooting_quotes_can_be_printed() -> None:
    listed = re.sub(r"\{[^{}]*\}", "", (guide.ROOT / "docs/messages.md").read_text("utf-8"))
    for quoted in re.findall(r"^\| `([^`/][^`]*)`", TEXTS["troubleshooting.md"], re.MULTILINE):
        for part in filter(str.strip, quoted.split("...")):
            assert part.strip() in " ".join(listed.split()), quoted


def test_the_links_lead_somewhere() -> None:
    for path in guide.PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)|srcset=\"([^\"]+)\"|src=\"([^\"]+)\"", TEXTS[path.name]):
            assert (path.parent / "".join(link)).exists(), (path.name, link)


def test_the_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150


def test_the_two_commands_are_commands() -> None:
    assert fenced("try").rstrip().endswith("litellmctl sandbox run litellmctl models")
    assert fenced("tests").rstrip().endswith("python -m pytest -n auto")


@pytest.mark.parametrize(
    ("expected", "printed", "is_same"),
    [
        ("a  b", "a     b  ", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("spent $...", "spent $0.25", True),
        ("a long note that\n  folds", "a long\n  note that folds", True),
        ("a b", "a c", False),
        ("a", "a\nb", False),
        ("", "", True),
        ("", "Error: no", False),
    ],
)
def test_what_counts_as_the_same(expected: str, printed: str, is_same: bool) -> None:
    assert guide.matches(expected, printed) is is_same
