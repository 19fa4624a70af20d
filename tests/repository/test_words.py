"""We write plain English, in one style: what a user reads, docstrings, comments and pages have none of these words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from litellmctl.cli import cli
from litellmctl.commands.base import TOPICS
from tests import messages
from tests.messages import Message
from tests.repository.test_shapes import prose

ROOT = Path(__file__).parents[2]
# What to write instead -> a pattern.
BANNED = {
    "fix": r"\bmend(?:s|ed|ing)?\b",
    "again, or reset": r"\banew\b",
    "no longer": r"\bany more\b(?! than)",
    "the user, the caller, anyone who": r"\bwhoever\b",
    "unknown": r"\bnobody (?:said|told)\b",
    "printed, named, shown": r"\b(?:is|are|was|were|be|been|being) told\b|\btold (?:by|of|how|that|which)\b",
    "this, or nothing": r"\bsuch an?\b",
    "is not a valid": r"(?<!there )(?<!There )\b(?:is|are) no (?!longer\b|more\b|need\b)",
    "in the background": r"\bbehind your back\b",
    "override": r"\b(?:go|goes|went|going) before\b",
    "skip, omit": r"\b(?:leave|leaves|leaving|left) (?:[\w*/]+ )?out\b",
    "a noun before the relative clause": r"\bwho asks meanwhile\b|\bwhose it is\b",
}
# In messages, words of the user's and of the proxy's stand in "x".
QUOTES = re.compile(r"(?<![\w=:])'\{[^{}]*\}'(?!\w)|`")
# A skill is Markdown, where `x` is code.
MARKDOWN = {"tools/skill.py"}


def found(text: str) -> list[str]:
    """Return the banned words in a text, each with what to write instead."""
    return [
        f'"{match[0]}": write {better}' for better, pattern in BANNED.items() for match in re.finditer(pattern, text)
    ]


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "litellmctl").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


MESSAGES = messages.messages()
HELP = messages.help_page(cli, TOPICS)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", *(ROOT / "docs/guide").glob("*.md")]


def test_every_room_has_messages() -> None:
    assert len(MESSAGES) > 600
    assert len({one.module for one in MESSAGES}) > 60


@pytest.mark.parametrize("module", sorted({one.module for one in MESSAGES}))
def test_messages_are_plain(module: str) -> None:
    texts = [(one.line, text) for one in MESSAGES if one.module == module for text in (one.text, one.remedy)]
    problems = [f"{module}:{line}: {problem} in: {text}" for line, text in texts for problem in found(text)]
    assert not problems, "\n".join(problems)


def test_help_is_plain() -> None:
    problems = [f"{problem} in: {line}" for line in HELP.splitlines() for problem in found(line)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(("path", "source"), [*sources()], ids=lambda value: value if value.endswith(".py") else "")
def test_docstrings_and_comments_are_plain(path: str, source: str) -> None:
    texts = [" ".join(text.replace("\n#", "\n").split()) for text in prose(source)]
    problems = [f"{path}: {problem} in: {text}" for text in texts for problem in found(text)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_are_plain(path: Path) -> None:
    problems = found(" ".join(path.read_text("utf-8").split()))
    assert not problems, "\n".join(problems)


def test_messages_have_one_style_of_quotes() -> None:
    plain = [one for one in MESSAGES if one.kind != "remedy" and one.module not in MARKDOWN]
    texts = [one for one in plain if QUOTES.search(one.text)]
    assert not texts, "\n".join(f"{one.module}:{one.line}: {one.text}" for one in texts)


# From here on: each pattern finds what it is there for, and leaves plain words alone.


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("what mends it", 1),
        ("try it anew", 1),
        ("not there any more", 1),
        ("any more than two", 0),
        ("whoever asks", 1),
        ("null where nobody said", 1),
        ("as it was told", 1),
        ("told by the proxy", 1),
        ("no such a thing", 1),
        ("no such file", 0),
        ('"x" is no URL', 1),
        ("there is no URL", 0),
        ("is no longer there", 0),
        ("renewed behind your back", 1),
        ("--profile goes before it", 1),
        ("left out x/*: why", 1),
        ("Leave whole skills out", 0),
        ("what leaves it out", 1),
        ("the proxy, whose it is", 1),
        ("a message that is plain", 0),
    ],
)
def test_the_patterns(text: str, count: int) -> None:
    assert len(found(text)) == count


def test_each_message_is_found_with_its_kind_and_remedy() -> None:
    source = '''
def f(console, name, x):
    """A docstring is not a message."""
    import re
    re.compile("not a message either")
    console.warn(f"the list of {name} is old{' and long' if x else ''}")
    console.ask("Which team?", flag="--team ID")
    raise Rejected("not_found", f'no model "{x.name}" here', remedy=f"litellmctl models {name}", status=404)
    raise UsageFailure("use one of these", remedy="pass one of them" if x else "pass the other one")
'''
    assert [*messages.messages_of("m.py", source, frozenset({"Rejected", "UsageFailure"}))] == [
        Message("m.py", 6, "warning", "the list of {name} is old{ and long}"),
        Message("m.py", 7, "question", "Which team?"),
        Message("m.py", 7, "flag", "--team ID"),
        Message("m.py", 8, "error", 'no model "{name}" here', "litellmctl models {name}", "not_found"),
        Message("m.py", 9, "error", "use one of these", "{pass one of them or pass the other one}", "usage"),
        Message("m.py", 9, "remedy", "pass one of them"),
        Message("m.py", 9, "remedy", "pass the other one"),
    ]


def test_failures_are_known_by_their_base() -> None:
    sources = ["class A(Failure): ...", "class B(errors.A): ...", "class C(Exception): ..."]
    assert messages.failure_classes(sources) == {"Failure", "A", "B"}


def test_what_is_no_message_is_still_there() -> None:
    trees = {path.removeprefix("litellmctl/"): ast.parse(source) for path, source in sources()}
    for module, name in messages.NOT_MESSAGES:
        names = {getattr(node, "id", getattr(node, "name", None)) for node in ast.walk(trees[module])}
        assert name == "*" or name in names, (module, name)
