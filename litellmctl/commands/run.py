"""`run`: another program with the proxy as its provider, for one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import CONTEXT_SETTINGS, FormattedCommand, command, completes, pass_app
from litellmctl.programs.registry import EXECUTABLES
from litellmctl.terminal.data import Record

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from litellmctl.app import App
    from litellmctl.launch.plan import Plan

FIELDS = {
    "program": "Name of the program.",
    "command": "Words of the command.",
    "variables": "Variables that are set, with keys masked.",
    "unset": "Variables that are unset.",
    "files": "Temporary files with their content, with keys masked.",
    "links": "Temporary links, with the files and folders that they lead to.",
    "model": "Model for --model, or the one that was chosen; null if none.",
    "relay": "Whether the program uses a relay.",
}
# Stands for the URL of a relay, which chooses a port when it starts.
_RELAY_URL = "http://127.0.0.1:PORT"


class _Run(FormattedCommand):
    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return our options before PROGRAM, and files after it: those options are not ours."""
        if ctx.params.get("words"):
            from click.shell_completion import CompletionItem

            return [CompletionItem("", type="file")]
        return super().shell_complete(ctx, incomplete)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the known programs before the fields."""
        with formatter.section("Known programs"):
            formatter.write_text(", ".join(EXECUTABLES))
        super().format_epilog(ctx, formatter)


@command(
    "run",
    cls=_Run,
    context_settings={**CONTEXT_SETTINGS, "allow_interspersed_args": False},
    fields=FIELDS,
    parts={"variables": (), "files": (), "links": ()},
    examples="""
    # Claude Code with a model of the proxy
    $ litellmctl run --model gpt-4o claude
    # Keep Claude Code's own sign-in, and send its requests through the proxy
    $ litellmctl run --subscription claude
    # Options after PROGRAM are its own
    $ litellmctl run codex exec --model gpt-4o "Explain this repository"
    # A key that is always fresh, for a program that cannot refresh it
    $ litellmctl run --serve --model gpt-4o aider
    # See what a program gets
    $ litellmctl run -- env
    # What would be set, as JSON
    $ litellmctl run --dry-run --json codex | jq '.variables | keys'
    """,
)
@click.argument("words", nargs=-1, required=True, metavar="PROGRAM [ARGS]...", shell_complete=completes("programs"))
@click.option(
    "-m", "--model", metavar="NAME", shell_complete=completes("models"), help="Model of the proxy for the program."
)
@click.option("--subscription", is_flag=True, help="Keep the program's own sign-in (claude, codex).")
@click.option("--serve/--no-serve", "relay", default=None, help="Use a relay, or never (default: where it is needed).")
@click.option("--dry-run", is_flag=True, help="Print what would be set, and start nothing.")
@pass_app
@click.pass_context
def run(
    context: click.Context,
    app: App,
    *,
    words: Sequence[str],
    model: str | None,
    subscription: bool,
    relay: bool | None,
    dry_run: bool,
) -> Record | None:
    """Start a program with the proxy behind it.

    PROGRAM gets the URL of the proxy and your key for this one run, and no file of yours is changed. A known program
    gets them by its own options, variables or a temporary file; any other program gets the variables of litellmctl env.

    A relay is a server on this machine that ends with the program and adds a fresh key to each request. It is used
    where the key would expire while the program runs, unless the program runs litellmctl token by itself. It needs an
    extra: pip install 'litellmctl[serve]'

    The exit code is that of the program. Put options of "run" before PROGRAM.
    """
    from litellmctl.foundation.interruptions import Interrupted
    from litellmctl.launch import executable, plan, start

    app.console.json_errors = app.options.json  # a --json behind PROGRAM is not ours
    found = executable.find(words)
    wanted = plan.Wanted(model, subscription, relay)
    planned = plan.plan(app.connection, app.catalogs, app.console, found, wanted)
    if dry_run:
        return _described(app, planned)
    try:
        code = start.run(planned, app.connect_afresh, app.console)
    except Interrupted as stop:
        code = 128 + stop.number
    return context.exit(code)


def _described(app: App, planned: Plan) -> Record:
    """Return what would be set for the program, without any key."""
    import shlex

    from litellmctl.foundation.hiding import STAND_IN
    from litellmctl.foundation.text import clean
    from litellmctl.launch import folder

    hide = _hiding(planned)
    if planned.is_relayed:
        planned = planned.through(_RELAY_URL, STAND_IN)
        app.console.hint("The relay chooses PORT and its key when it starts.")
    place = folder.planned()
    start = planned.start(place)
    for text in (*planned.warnings, *start.launch.warnings):
        app.console.warn(text)
    row: dict[str, Any] = {
        "program": planned.program.title,
        "command": [hide(word) for word in start.words],
        "variables": {name: hide(value) for name, value in start.changes.set.items()},
        "unset": start.changes.unset,
        "files": {str(place / name): hide(text) for name, text in start.launch.files.items()},
        "links": {str(place / name): str(target) for name, target in start.launch.links.items()},
        "model": planned.model,
        "relay": planned.is_relayed,
    }
    lines = [f"unset {name}" for name in row["unset"]]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in row["variables"].items()]
    for path, text in row["files"].items():
        lines += [f"# {path}", *(f"#   {line}" for line in text.splitlines())]
    lines += [f"# {path} -> {target}" for path, target in row["links"].items()]
    lines.append(shlex.join(row["command"]))
    return Record(row, "\n".join(map(clean, lines)), is_data=True)


def _hiding(planned: Plan) -> Callable[[str], str]:
    """Return what masks the key in a text, also a key that is too short for a `Hider`."""
    from litellmctl.foundation.hiding import STAND_IN, Hider

    key = planned.provider.key
    hider = Hider([key, *planned.connection.pair.credential.came_with()])
    return lambda text: hider.hidden(text.replace(key, STAND_IN))
