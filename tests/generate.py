"""Generated files that are committed: `python -m tests.generate` writes completions/ and docs/.

A test compares them with the program, so that they are always current.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from litellmctl import __version__
from litellmctl.cli import cli
from litellmctl.commands.base import SHARED_OPTIONS, TOPICS, FormattedCommand, help_record
from litellmctl.completion.scripts import SCRIPTS
from litellmctl.settings.environment import VARIABLES
from tests import messages

ROOT = Path(__file__).parents[1]
_SCRIPT_NAMES = {"bash": "litellmctl.bash", "zsh": "_litellmctl", "fish": "litellmctl.fish"}
_WIDTH = 100
# Written by hand, but for the table.
_VARIABLES_PAGE = Path("docs/guide/environment.md")

Walked = tuple[tuple[str, ...], FormattedCommand, click.Context]


def generated() -> dict[Path, str]:
    """Return every generated file's content by its path below the checkout."""
    made = {Path("completions") / _SCRIPT_NAMES[shell]: script for shell, script in SCRIPTS.items()}
    commands = list(_walk(cli, click.Context(cli, info_name="litellmctl", terminal_width=_WIDTH)))
    made[Path("docs/commands.md")] = _reference(commands)
    made[Path("docs/messages.md")] = messages.page(cli, TOPICS)
    made[_VARIABLES_PAGE] = _with_variables((ROOT / _VARIABLES_PAGE).read_text("utf-8"))
    for path, command, context in commands:
        name = "-".join(path)
        made[Path(f"docs/man/{name}.1")] = _man_page(name, command, context)
    return made


def _with_variables(page: str) -> str:
    before, mark, _ = page.partition("<!-- variables -->\n")
    rows = [f"| `{name}` | {text} |" for name, text in VARIABLES.items()]
    return "\n".join([before + mark + "| variable | what it does |", "| --- | --- |", *rows]) + "\n"


def _walk(command: click.Command, context: click.Context) -> Iterator[Walked]:
    assert isinstance(command, FormattedCommand)
    yield tuple(context.command_path.split()), command, context
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from _walk(child, click.Context(child, info_name=name, parent=context, terminal_width=_WIDTH))


def _paragraphs(command: FormattedCommand) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", (command.help or "").strip())]


def _usage(command: FormattedCommand, context: click.Context) -> str:
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def _options(command: FormattedCommand, context: click.Context) -> list[tuple[str, str]]:
    own = [one for one in command.get_params(context) if one not in SHARED_OPTIONS]
    return [record for one in own if (record := help_record(context, one))]


def _shared(context: click.Context) -> list[tuple[str, str]]:
    return [record for one in SHARED_OPTIONS if (record := help_record(context, one))]


def _children(command: FormattedCommand) -> list[tuple[str, str]]:
    if not isinstance(command, click.Group):
        return []
    return [(name, one.get_short_help_str(200)) for name, one in command.commands.items() if not one.hidden]


def _examples(command: FormattedCommand) -> list[str]:
    return [line.strip() for line in command.examples.strip().splitlines()]


def _reference(commands: list[Walked]) -> str:
    """Return the reference of all commands, as Markdown."""
    lines = ["# litellmctl: every command", "", "Generated from the help: `python -m tests.generate`.", ""]
    for path, command, context in commands:
        lines += [f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}", "", "```", _usage(command, context), "```", ""]
        for paragraph in _paragraphs(command):
            lines += [_escaped(paragraph), ""]
        lines += _rows("command", [(f"`{name}`", text) for name, text in _children(command)])
        lines += _rows("option", [(f"`{name}`", text) for name, text in _options(command, context)])
        if command.examples:
            lines += ["```", *_examples(command), "```", ""]
        lines += _rows("field", [(f"`{name}`", text) for name, text in command.fields.items()])
        if len(path) == 1:
            lines += ["Options that every command takes, before or after its name:", ""]
            lines += _rows("option", [(f"`{name}`", text) for name, text in _shared(context)])
    return "\n".join(lines).rstrip() + "\n"


def _rows(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    table = [f"| {_cell(name)} | {_cell(_escaped(text))} |" for name, text in rows]
    return [f"| {title} | what it does |", "| --- | --- |", *table, ""]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _escaped(text: str) -> str:
    return re.sub(r"([*_<>])", r"\\\1", text)


def _man_page(name: str, command: FormattedCommand, context: click.Context) -> str:
    """Return a manual page (man-pages(7), groff's man macros)."""
    summary = (command.help or "").strip().split("\n")[0].rstrip(".")
    lines = [
        f'.TH "{name.upper()}" "1" "" "litellmctl {__version__}" "litellmctl"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(summary)}",
        ".SH SYNOPSIS",
        f"\\fB{_roff(context.command_path)}\\fR {_roff(' '.join(command.collect_usage_pieces(context)))}",
        ".SH DESCRIPTION",
    ]
    for paragraph in _paragraphs(command):
        lines += [".PP", _roff(paragraph)]
    for title, rows in (
        ("COMMANDS", _children(command)),
        ("OPTIONS", _options(command, context)),
        ("SHARED OPTIONS", _shared(context)),
        ("FIELDS", list(command.fields.items())),
    ):
        if rows:
            lines.append(f".SH {title}")
            for term, text in rows:
                lines += [".TP", f"\\fB{_roff(term)}\\fR", _roff(" ".join(text.split()))]
    if command.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_roff, _examples(command)), ".fi"]
    lines += [".SH SEE ALSO"]
    parts = name.split("-")
    seen = [f"{name}-{child}" for child, _ in _children(command)]
    above = ["litellmctl"] if len(parts) > 1 else []
    topics = [f"litellmctl help {topic}" for topic in TOPICS]
    lines.append(_roff(", ".join([f"{one}(1)" for one in above + seen] + topics)))
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main() -> None:
    """Write all files, and remove those that are no longer generated."""
    made = generated()
    for folder in ("completions", "docs/man"):
        for path in (ROOT / folder).glob("*"):
            if path.relative_to(ROOT) not in made:
                path.unlink()
    for relative, text in made.items():
        target = ROOT / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())


if __name__ == "__main__":
    main()
