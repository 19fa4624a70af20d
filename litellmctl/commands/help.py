"""`help`: the help of any command, and of topics that no command owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command
from litellmctl.errors import ERROR_CODES, EXIT_CODE_HELP, UsageFailure, suggestion
from litellmctl.settings.environment import VARIABLES
from litellmctl.terminal.render import Text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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


def _exports(formatter: click.HelpFormatter) -> None:
    from litellmctl.exporters.registry import EXPORTERS

    formatter.write_text(
        "litellmctl export TOOL prints the proxy with its models in the form that the program reads; --write merges "
        "it into the program's own file, --diff shows that first, and --undo takes the last write back, unless the "
        "file was edited since. What is unknown of a model is left out. No key is written: the program runs "
        "litellmctl token for it, or reads a variable, which litellmctl env sets."
    )
    formatter.write_paragraph()
    formatter.write_dl([(name, f"{one.title}: {one.key_from}") for name, one in EXPORTERS.items()])


_RECIPES = """\
In a shell script: names, and stop where something is wrong
  set -euo pipefail
  for model in $(litellmctl models --json | jq -r '.[].id'); do echo "$model"; done

The cheapest model that sees images and calls tools
  litellmctl models --input image --supports function_calling --sort cost.input --json | jq -r '.[0].id'

Warn when 90 % of the budget is spent
  litellmctl whoami --json | jq -e '.max_budget == null or .spend < 0.9 * .max_budget' || echo "nearly spent"

Tell a wrong key from a proxy that is down
  litellmctl models --refresh > /dev/null
  case $? in 0) ;; 3) echo "the proxy is down" ;; 4) echo "the key" ;; *) exit 1 ;; esac

A chat completion with the skills as its system prompt
  litellmctl prompt-section --json \\
    | jq '{model: "gpt-4o", messages: [{role: "system", content: .}, {role: "user", content: "Hi"}]}' \\
    | litellmctl api /v1/chat/completions --input - | jq -r '.choices[0].message.content'

GitHub Actions: the key is a secret of the repository
  - run: pip install litellmctl
  - run: litellmctl models --json --refresh > models.json
    env:
      LITELLM_BASE_URL: https://llm.example.com
      LITELLM_API_KEY: ${{ secrets.LITELLM_API_KEY }}

GitLab CI: LITELLM_API_KEY is a masked variable of the project
  models:
    image: python:3.13-slim
    variables: {LITELLM_BASE_URL: "https://llm.example.com"}
    script:
      - pip install litellmctl
      - litellmctl models --json --refresh > models.json

Tests against a real proxy, without an account or a key
  pip install 'litellmctl[sandbox]' && litellmctl sandbox run -- pytest"""


def _scripting(formatter: click.HelpFormatter) -> None:
    formatter.write_text(
        "Data is on stdout, everything else on stderr; --json is bare JSON, and the exit code says what went wrong "
        "(litellmctl help exit-codes). In CI nothing is asked, and nothing is kept that the job does not need."
    )
    formatter.write_paragraph()
    formatter.write(_RECIPES)


TOPICS = {
    "environment": _environment,
    "exit-codes": _exit_codes,
    "exports": _exports,
    "json": _json,
    "scripting": _scripting,
}


def _complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what `help` takes: a topic, or the words of a command."""
    from click.shell_completion import CompletionItem

    current: click.Command = context.find_root().command
    words = context.params.get("words") or ()
    for word in words:
        found = current.get_command(context, word) if isinstance(current, click.Group) else None
        if found is None:
            return []
        current = found
    named = {} if words else dict.fromkeys(TOPICS, "a topic")
    if isinstance(current, click.Group):
        named |= {name: one.get_short_help_str() for name, one in current.commands.items() if not one.hidden}
    return [CompletionItem(name, help=text) for name, text in named.items() if name.startswith(incomplete)]


@command(
    "help",
    examples="""
    # The help of a command
    $ litellmctl help models show
    # The variables that are read, and recipes for scripts and CI
    $ litellmctl help environment
    $ litellmctl help scripting
    # The errors of --json
    $ litellmctl help json --json | jq -r .
    """,
)
@click.argument("words", nargs=-1, metavar="[COMMAND...|TOPIC]", shell_complete=_complete)
@click.pass_context
def help(context: click.Context, *, words: Sequence[str]) -> Text:  # noqa: A001
    """Show the help of a command or of a topic.

    Topics: environment, exit-codes, exports, json, scripting.
    """
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
