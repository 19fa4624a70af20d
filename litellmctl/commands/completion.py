"""`completion`: the script by which a shell completes our commands and their values."""

from __future__ import annotations

import click

from litellmctl.commands.base import command
from litellmctl.terminal.render import Text


@command(
    "completion",
    examples="""
    # For this shell only
    $ eval "$(litellmctl completion bash)"
    # For good
    $ litellmctl completion zsh > ~/.zfunc/_litellmctl     # with fpath+=~/.zfunc before compinit
    $ litellmctl completion fish > ~/.config/fish/completions/litellmctl.fish
    # As JSON
    $ litellmctl completion bash --json | jq -r .
    """,
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(("bash", "zsh", "fish")))
def completion(*, shell: str) -> Text:
    """Print the completion script of a shell.

    Models, tools, their parameters, skills, profiles and fields are completed from what is cached: a TAB never asks the
    proxy. A wheel installs the three scripts where the shells look for them, below its share folder.
    """
    from litellmctl.completion.scripts import SCRIPTS

    return Text(SCRIPTS[shell].rstrip("\n"))
