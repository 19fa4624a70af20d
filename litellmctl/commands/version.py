"""`version`: the version of this program."""

from __future__ import annotations

from litellmctl import __version__
from litellmctl.commands.base import command
from litellmctl.terminal.render import Record

FIELDS = {"version": "Version of litellmctl."}


@command(
    "version",
    fields=FIELDS,
    examples="""
    # The same as litellmctl --version
    $ litellmctl version
    # The number alone
    $ litellmctl version --json | jq -r .version
    """,
)
def version() -> Record:
    """Print the version."""
    return Record({"version": __version__}, f"litellmctl {__version__}", is_data=True)
