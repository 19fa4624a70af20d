"""`export`: the proxy as a provider in the programs that people already use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.errors import UsageFailure, suggestion
from litellmctl.foundation.text import clean
from litellmctl.terminal.render import Column, Listing, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.model import Model
    from litellmctl.exporters.exporter import Export, Exporter
    from litellmctl.exporters.receipts import Planned

TOOLS = ("opencode", "codex", "claude-code", "pi", "crush", "aider", "continue", "zed", "llm", "goose")
FIELDS = {
    "tool": "The name that export takes.",
    "title": "The program.",
    "installed": "Whether it is found on this machine.",
    "path": "The file that --write changes.",
    "writes": "How many writes of ours can be undone.",
}


@command(
    "export",
    fields=FIELDS,
    examples="""
    # Which programs are there, and which of them are installed here?
    $ litellmctl export --list
    # What would stand in its file?
    $ litellmctl export codex
    # See the change, make it, take it back
    $ litellmctl export opencode --diff
    $ litellmctl export opencode --write
    $ litellmctl export opencode --undo
    # Only some models, under another name
    $ litellmctl export pi --models 'claude-*' --id work --write
    # Those that are installed
    $ litellmctl export --list --json | jq -r '.[] | select(.installed) .tool'
    """,
)
@click.argument("tool", metavar="[TOOL]", required=False, type=click.Choice(TOOLS))
@click.option("--list", "lists", is_flag=True, help="List the programs, and which are installed here.")
@click.option("--diff", "shows", is_flag=True, help="Print the change to the program's own file, and do not make it.")
@click.option("--write", "writes", is_flag=True, help="Merge it into the program's own file.")
@click.option("--undo", "undoes", is_flag=True, help="Restore what was there before the last --write.")
@click.option(
    "--models",
    "globs",
    multiple=True,
    metavar="GLOB",
    shell_complete=completes("models"),
    help='Only models with names like "claude-*" (repeatable).',
)
@click.option("--id", "provider_id", metavar="NAME", default="litellm", help="The provider's name there (litellm).")
@click.option("--key-command", metavar="COMMAND", help="Let the program run this for the key, not litellmctl token.")
@click.option("--skills", "with_skills", is_flag=True, help="The proxy's skill marketplace too (claude-code).")
@pass_app
def export(
    app: App,
    *,
    tool: str | None,
    lists: bool,
    shows: bool,
    writes: bool,
    undoes: bool,
    globs: Sequence[str],
    provider_id: str,
    key_command: str | None,
    with_skills: bool,
) -> Listing | Text | None:
    """Print the proxy as a provider in another program's form.

    With its models, their limits and prices; what is unknown is left out. No key is printed or written: programs that
    can run a command get litellmctl token, others read a variable. --write keeps everything else in the file, and
    --undo takes the last write back, unless the file was edited since.
    """
    from litellmctl.exporters.receipts import Receipts, diff
    from litellmctl.exporters.registry import EXPORTERS
    from litellmctl.settings.paths import required_config_dir

    if lists:
        return _listing(EXPORTERS)
    if tool is None:
        raise UsageFailure("which program?", remedy="litellmctl export --list")
    if [shows, writes, undoes].count(True) > 1:
        raise UsageFailure("--diff, --write and --undo are three things", remedy="choose one")
    exporter = EXPORTERS[tool]
    if undoes:
        for path in Receipts(required_config_dir(), tool).undo():
            app.console.done(f"Restored {path}")
        return None
    made = _made(app, exporter, globs, provider_id, key_command, with_skills=with_skills)
    for warning in made.warnings:
        app.console.warn(warning)
    if not shows and not writes:
        return _printed(app, made)
    receipts = Receipts(required_config_dir(), tool)
    planned = receipts.plan(made.files)
    if shows:
        return _text("\n".join(filter(None, map(diff, planned))))
    _report(app, receipts.write(planned), planned, tool)
    for note in made.notes:
        app.console.note(f"Then:  {note}")
    return None


def _made(
    app: App, exporter: Exporter, globs: Sequence[str], provider_id: str, key_command: str | None, *, with_skills: bool
) -> Export:
    import re
    import shlex
    from urllib.parse import urlsplit

    from litellmctl.catalog.selection import Selection
    from litellmctl.exporters.exporter import Provider
    from litellmctl.own_command import token_command

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", provider_id):
        raise UsageFailure(f'--id: "{provider_id}" is no name of a-z, 0-9, - and _', remedy="--id litellm")
    base_url = app.connection.pair.base_url
    try:
        words = shlex.split(key_command) if key_command else token_command(app.profile.name, base_url)
    except ValueError:
        words = []
    if not words:
        raise UsageFailure("--key-command is no command", remedy="--key-command 'op read op://team/litellm/key'")
    catalog = app.catalogs.models()
    models: list[Model] = Selection(globs=globs).apply(catalog.models)
    if not models:
        near = suggestion(globs[0], [model["id"] for model in catalog.models]) if globs else ""
        raise UsageFailure(f"no model to export.{near}", remedy="litellmctl models")
    provider = Provider(
        id=provider_id,
        name=f"LiteLLM ({urlsplit(base_url).netloc})",
        base_url=base_url,
        models=models,
        command=words,
        with_skills=with_skills,
    )
    return exporter.export(provider)


def _printed(app: App, made: Export) -> Text | None:
    """Return what stands in the files, each below its name where there are several."""
    from litellmctl.exporters.documents import changed

    texts = [changed(change, None).rstrip("\n") for change in made.files]
    if len(texts) > 1:
        texts = [f"# {change.path}\n{text}" for change, text in zip(made.files, texts, strict=True)]
    app.console.note(f"For {', '.join(str(change.path) for change in made.files)}; --write merges it.")
    for note in made.notes:
        app.console.note(f"Then:  {note}")
    return _text("\n\n".join(texts))


def _text(text: str) -> Text | None:
    return Text(text) if text else None


def _report(app: App, written: Sequence[Planned], planned: Sequence[Planned], tool: str) -> None:
    for one in written:
        app.console.done(f"Wrote {one.path} (litellmctl export {tool} --undo takes it back)")
    if not written:
        app.console.note(f"{', '.join(str(one.path) for one in planned)} has it already.")


def _listing(exporters: dict[str, Exporter]) -> Listing:
    from litellmctl.exporters.receipts import Receipts, is_installed
    from litellmctl.settings.paths import required_config_dir

    rows = [
        {
            "tool": name,
            "title": one.title,
            "installed": is_installed(one.program, one.folder()),
            "path": str(one.path()),
            "writes": Receipts(required_config_dir(), name).count,
        }
        for name, one in exporters.items()
    ]
    columns = [
        Column("TOOL", lambda row: row["tool"]),
        Column("PROGRAM", lambda row: row["title"]),
        Column("INSTALLED", lambda row: "yes" if row["installed"] else "no"),
        Column("FILE", lambda row: clean(row["path"])),
    ]
    return Listing(rows, columns)
