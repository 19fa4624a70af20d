"""`help`: the help of any command, and of topics that no command owns."""

from __future__ import annotations

from collections.abc import Sequence

import click

from litellmctl.commands.options import command
from litellmctl.errors import ERROR_CODES, EXIT_CODE_HELP, UsageFailure, suggestion
from litellmctl.render import Text
from litellmctl.settings.environment import VARIABLES


def _environment(formatter: click.HelpFormatter) -> None:
    formatter.write_text(
        "Settings of a profile in config.toml go before the variables that name a proxy; --auth env turns that round."
    )
    formatter.write_paragraph()
    formatter.write_dl(list(VARIABLES.items()))


def _exit_codes(formatter: click.HelpFormatter) -> None:
    formatter.write_text("A command exits with the same code with and without --json.")
    formatter.write_paragraph()
    formatter.write_dl([(str(int(code)), text) for code, text in EXIT_CODE_HELP.items()])


def _json(formatter: click.HelpFormatter) -> None:
    paragraphs = (
        (
            "--json prints bare data: an array for lists ([] when empty), an object for one thing. On a terminal it is "
            "indented; piped, an array has one element a line. Keys are only ever added."
        ),
        "An unknown value is null. Times are RFC 3339 in UTC. Control characters are \\u escapes.",
        (
            "With --json, an error is one line on stderr: "
            '{"error": {"code", "message", "remedy", "status", "exit_code"}}, and stdout stays empty. The codes:'
        ),
    )
    for paragraph in paragraphs:
        formatter.write_text(paragraph)
        formatter.write_paragraph()
    formatter.write_dl([(code, f"{text} (exit {int(exit_code)})") for code, (exit_code, text) in ERROR_CODES.items()])


TOPICS = {"environment": _environment, "exit-codes": _exit_codes, "json": _json}


@command(
    "help",
    examples="""
    # The help of a command
    $ litellmctl help models show
    # The variables that are read, and the exit codes
    $ litellmctl help environment
    $ litellmctl help exit-codes
    # The errors of --json
    $ litellmctl help json --json | jq -r .
    """,
)
@click.argument("words", nargs=-1, metavar="[COMMAND...|TOPIC]")
@click.pass_context
def help_(context: click.Context, *, words: Sequence[str]) -> Text:
    """Show help: of a command, or environment, exit-codes, json."""
    root = context.find_root()
    if len(words) == 1 and words[0] in TOPICS:
        formatter = root.make_formatter()
        TOPICS[words[0]](formatter)
        return Text(formatter.getvalue().rstrip("\n"))
    current: click.Command = root.command
    path = root
    for word in words:
        found = current.get_command(path, word) if isinstance(current, click.Group) else None
        if found is None:
            known = [*TOPICS, *(current.list_commands(path) if isinstance(current, click.Group) else ())]
            raise UsageFailure(f'no help for "{" ".join(words)}".{suggestion(word, known)}', remedy="litellmctl --help")
        current = found
        path = click.Context(found, info_name=word, parent=path)
    return Text(current.get_help(path).rstrip("\n"))
