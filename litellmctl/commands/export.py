"""`export`: the proxy as a provider in other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.errors import UsageFailure, suggestion
from litellmctl.foundation.text import clean
from litellmctl.programs.registry import NAMES
from litellmctl.terminal.render import Column, Listing, Row, Text
from litellmctl.terminal.streams import BOLD, CYAN, GREEN, RED

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.model import Model
    from litellmctl.programs.program import Export, Exporter, Provider
    from litellmctl.programs.receipts import Planned

FIELDS = {
    "tool": "Name for export.",
    "title": "Name of the program.",
    "installed": "Whether the program is installed here.",
    "path": "File that --write changes.",
    "writes": "Number of writes that --undo can take back.",
}
# A plain text in each format.
_MASKED = "sk-local-***"
_DIFF_STYLES = {"+": GREEN, "-": RED, "@": CYAN}


def _below_home(row: Row) -> str:
    """Return the path of the file, with ~ for the home folder."""
    from litellmctl.settings.paths import home

    path, top = row["path"], str(home())
    return f"~{path.removeprefix(top)}" if path.startswith((f"{top}/", f"{top}\\")) else path


COLUMNS = (
    Column("TOOL", lambda row: row["tool"], field="tool"),
    Column(
        "INSTALLED",
        lambda row: "yes" if row["installed"] else "no",
        field="installed",
        style=lambda row: GREEN if row["installed"] else "",
    ),
    Column("FILE", lambda row: clean(_below_home(row)), field="path", drop=1),
)


@command(
    "export",
    fields=FIELDS,
    columns=COLUMNS,
    examples="""
    # List the programs, and whether they are installed
    $ litellmctl export --list
    # Print the settings for a program
    $ litellmctl export codex
    # Preview the change to its file, make it, and undo it
    $ litellmctl export opencode --diff
    $ litellmctl export opencode --write
    $ litellmctl export opencode --undo
    # Only some models, as the provider "work"
    $ litellmctl export pi --models 'claude-*' --id work --write
    # A key that never expires, for a program that reads it from a variable
    $ litellmctl export opencode --serve --write
    $ litellmctl serve --background
    # Names of the installed programs
    $ litellmctl export --list --json | jq -r '.[] | select(.installed) .tool'
    """,
)
@click.argument("tool", metavar="[TOOL]", required=False, type=click.Choice(NAMES))
@click.option("--list", "lists", is_flag=True, help="List the programs, and whether they are installed.")
@click.option("--diff", "shows", is_flag=True, help="Print the change that --write would make.")
@click.option("--write", "writes", is_flag=True, help="Merge the settings into the program's own file.")
@click.option("--undo", "undoes", is_flag=True, help="Restore the file from before the last --write.")
@click.option(
    "--models",
    "globs",
    multiple=True,
    metavar="GLOB",
    shell_complete=completes("models"),
    help='Only models that match "claude-*" (repeatable).',
)
@click.option("--id", "provider_id", metavar="NAME", default="litellm", help="Name of the provider (default: litellm).")
@click.option("--key-command", metavar="COMMAND", help="Command for the key (default: litellmctl token).")
@click.option("--serve", "relayed", is_flag=True, help="Use the URL and the local key of litellmctl serve.")
@click.option("--skills", "with_skills", is_flag=True, help="Add the proxy's skill marketplace (claude-code).")
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
    relayed: bool,
    with_skills: bool,
) -> Listing | Text | None:
    """Set up another program to use the proxy.

    Prints the program's settings for the proxy and its models, with their known limits and prices; --write merges them
    into the program's own file, and keeps everything else in it. No key of the proxy is printed or written: programs
    that can run a command get litellmctl token, others read a variable. --undo restores the file, unless it was edited
    since.

    The key in a variable expires. With --serve, these programs get the URL of litellmctl serve and its local key, which
    stays the same and works only on this machine. --write writes the local key into the file.
    """
    from litellmctl.programs.receipts import Receipts
    from litellmctl.programs.registry import exporter
    from litellmctl.settings.paths import required_config_dir

    if lists:
        return _listing()
    if tool is None:
        raise UsageFailure("missing argument TOOL", remedy="litellmctl export --list")
    if [shows, writes, undoes].count(True) > 1:
        raise UsageFailure("use only one of --diff, --write, --undo", remedy="litellmctl export --help")
    if undoes:
        _undo(app, tool)
        return None
    program = exporter(tool)
    if relayed:
        _require_relay_of_use(program, key_command, "--diff" * shows + "--write" * writes)
    provider = _provider(app, globs, provider_id, key_command, with_skills=with_skills, relayed=relayed)
    made = program.export(provider)
    for warning in made.warnings:
        app.console.warn(warning)
    if not shows and not writes:
        return _printed(app, made, provider)
    receipts = Receipts(required_config_dir(), tool)
    planned = receipts.plan(made.files, provider.key)
    if shows:
        return _changes(app, planned)
    _report(app, receipts.write(planned), planned, tool)
    _say_next(app, made, provider)
    return None


def _undo(app: App, tool: str) -> None:
    from litellmctl.programs.receipts import Receipts
    from litellmctl.settings.paths import required_config_dir

    for path in Receipts(required_config_dir(), tool).undo():
        app.console.done(f"Restored {path}" if path.exists() else f"Removed {path}, which did not exist before --write")


def _require_relay_of_use(program: Exporter, key_command: str | None, mode: str) -> None:
    if key_command is not None:
        raise UsageFailure("use only one of --serve, --key-command", remedy="litellmctl export --help")
    if not program.reads_variable:
        raise UsageFailure(
            f"--serve: {program.title} needs no relay, since it runs litellmctl token for the key",
            remedy=" ".join(filter(None, ["litellmctl export", program.name, mode])),
        )


def _through_relay(app: App, provider: Provider) -> Provider:
    """Return the provider with the profile's relay in place of the proxy."""
    from dataclasses import replace

    from litellmctl.relay import resident
    from litellmctl.relay.local_key import default_port, local_key

    name = app.profile.name
    base_url = f"http://127.0.0.1:{default_port(name)}"
    known = resident.running(name)
    if known is not None and known.base_url != base_url:
        app.console.warn(f"the relay runs on {known.base_url}, and these settings are for {base_url}: omit its --port")
    return replace(provider, base_url=base_url, command=(), key=local_key(name))


def _say_next(app: App, made: Export, provider: Provider) -> None:
    """Say what makes the settings work: the relay first, if they are for it."""
    import sys

    from litellmctl.relay import resident

    name = app.profile.name
    if provider.key and resident.running(name) is None:
        app.console.note(f"First:  {resident.command(name, '--background')}")
    if provider.key and sys.platform != "win32":
        unit = "launchd" if sys.platform == "darwin" else "systemd"
        app.console.note(f"To start the relay at login:  {resident.command(name, '--unit', unit)}")
    for note in made.notes:
        app.console.note(f"Then:  {note}")


def _provider(
    app: App, globs: Sequence[str], provider_id: str, key_command: str | None, *, with_skills: bool, relayed: bool
) -> Provider:
    import re
    import shlex
    from urllib.parse import urlsplit

    from litellmctl.catalog.selection import Selection
    from litellmctl.own_command import token_command
    from litellmctl.programs.program import Provider

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", provider_id):
        raise UsageFailure(
            f'--id: "{provider_id}" is not a valid name (use a-z, 0-9, - and _)', remedy="pass --id litellm"
        )
    base_url = app.connection.pair.base_url
    try:
        words = shlex.split(key_command) if key_command else token_command(app.profile.name, base_url)
    except ValueError:
        words = []
    if not words:
        raise UsageFailure(
            "--key-command is not a valid command", remedy="write it as --key-command 'op read op://team/litellm/key'"
        )
    catalog = app.catalogs.models()
    models: list[Model] = Selection(globs=globs).apply(catalog.models)
    if not models:
        near = suggestion(globs[0], [model["id"] for model in catalog.models]) if globs else ""
        raise UsageFailure(f"no models match{near}", remedy="litellmctl models")
    provider = Provider(
        id=provider_id,
        name=f"LiteLLM ({urlsplit(base_url).netloc})",
        base_url=base_url,
        models=models,
        command=words,
        with_skills=with_skills,
    )
    return _through_relay(app, provider) if relayed else provider


def _printed(app: App, made: Export, provider: Provider) -> Text | None:
    """Return the settings of each file, below its name if there are several.

    They are to be looked at, perhaps in a log or on a shared screen: a local key is masked.
    """
    from litellmctl.programs.documents import changed

    texts = [changed(change, None).rstrip("\n") for change in made.files]
    has_key = bool(provider.key) and any(provider.key in text for text in texts)
    if has_key:
        texts = [text.replace(provider.key, _MASKED) for text in texts]
    if len(texts) > 1:
        texts = [f"# {change.path}\n{text}" for change, text in zip(made.files, texts, strict=True)]
    app.console.note(f"Settings for {' and '.join(str(change.path) for change in made.files)}; --write merges them.")
    if has_key:
        app.console.note(f"{_MASKED} stands for the local key, which --write writes.")
    _say_next(app, made, provider)
    return _text("\n\n".join(texts))


def _text(text: str) -> Text | None:
    return Text(text) if text else None


def _changes(app: App, planned: Sequence[Planned]) -> Text | None:
    """Return what --write would change; a note says that it would change nothing."""
    from litellmctl.programs.receipts import diff

    changes = "\n".join(filter(None, map(diff, planned)))
    if not changes:
        _say_current(app, planned)
    return _text(_coloured(app, changes))


def _say_current(app: App, planned: Sequence[Planned]) -> None:
    app.console.note(f"{' and '.join(str(one.path) for one in planned)}: already up to date.")


def _report(app: App, written: Sequence[Planned], planned: Sequence[Planned], tool: str) -> None:
    import shlex

    for one in written:
        app.console.done(f"Wrote {one.path} (litellmctl export {tool} --undo restores it)")
    if not written:
        _say_current(app, planned)
    for one in planned:
        if one.is_exposed:  # it was up to date, and its mode was changed since
            path = shlex.quote(str(one.path))
            app.console.warn(f"other users can read {one.path}, which has the local key: chmod 600 {path}")


def _coloured(app: App, diff: str) -> str:
    """Return a unified diff with its lines coloured, for a terminal."""
    if app.options.wants_json:
        return diff
    styles = (
        (line, BOLD if line.startswith(("+++ ", "--- ")) else _DIFF_STYLES.get(line[:1])) for line in diff.split("\n")
    )
    return "\n".join(app.console.style(line, style) if style else line for line, style in styles)


def _listing() -> Listing:
    from litellmctl.programs.receipts import Receipts, is_installed
    from litellmctl.programs.registry import exporters
    from litellmctl.settings.paths import required_config_dir

    rows = [
        {
            "tool": name,
            "title": one.title,
            "installed": is_installed(one.executable, one.folder()),
            "path": str(one.path()),
            "writes": Receipts(required_config_dir(), name).count,
        }
        for name, one in exporters().items()
    ]
    return Listing(rows, COLUMNS)
