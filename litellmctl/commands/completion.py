"""`completion`: the script that makes a shell complete our commands and their values."""

from __future__ import annotations

import click

from litellmctl.commands.base import command
from litellmctl.terminal.render import Text


@command(
    "completion",
    examples="""
    # In ~/.bashrc or ~/.zshrc (anywhere in it)
    $ eval "$(litellmctl completion bash)"
    $ eval "$(litellmctl completion zsh)"
    # In fish, once
    $ litellmctl completion fish > ~/.config/fish/completions/litellmctl.fish
    # As JSON
    $ litellmctl completion bash --json | jq -r .
    """,
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(("bash", "zsh", "fish")))
def completion(*, shell: str) -> Text:
    """Print the completion script of a shell.

    It completes commands, options, fields and profiles, and the models, tools, parameters and skills that are cached: a
    TAB never sends a request. A wheel also installs the scripts in the share folder, where shells look for them.
    """
    from litellmctl.completion.scripts import SCRIPTS

    return Text(SCRIPTS[shell].rstrip("\n"))
