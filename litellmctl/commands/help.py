"""`help`: the help of any command, and of topics that no command owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import TOPICS, command
from litellmctl.errors import UsageFailure, suggestion
from litellmctl.terminal.render import Text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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
    named = {} if words else {"topics": "List the topics.", **TOPICS}
    if isinstance(current, click.Group):
        named |= {name: one.get_short_help_str() for name, one in current.commands.items() if not one.hidden}
    return [CompletionItem(name, help=text) for name, text in named.items() if name.startswith(incomplete)]


@command(
    "help",
    examples="""
    # The help of a command
    $ litellmctl help models show
    # The list of topics, and two of them
    $ litellmctl help topics
    $ litellmctl help options
    $ litellmctl help scripting
    # The errors of --json
    $ litellmctl help json --json | jq -r .
    """,
)
@click.argument("words", nargs=-1, metavar="[COMMAND...|TOPIC]", shell_complete=_complete)
@click.pass_context
def help(context: click.Context, *, words: Sequence[str]) -> Text:  # noqa: A001
    """Show the help of a command or topic.

    litellmctl help topics lists the topics.
    """
    root = context.find_root()
    if len(words) == 1 and words[0] in {"topics", *TOPICS}:
        from litellmctl.commands.topics import text_of

        return Text(text_of(root, words[0]))
    current: click.Command = root.command
    path = root
    for number, word in enumerate(words):
        found = current.get_command(path, word) if isinstance(current, click.Group) else None
        if found is None:
            names = current.list_commands(path) if isinstance(current, click.Group) else []
            known = names if number else ["topics", *TOPICS, *names]
            raise UsageFailure(
                f'no help for "{" ".join(words)}"{suggestion(word, known)}',
                remedy=f"{path.command_path} --help" if number else "litellmctl help topics",
            )
        current = found
        path = click.Context(found, info_name=word, parent=path)
    return Text(current.get_help(path).rstrip("\n"))
