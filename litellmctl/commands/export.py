"""`export`: the proxy's models and MCP tools in other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.commands.export_output import COLUMNS
from litellmctl.errors import UsageFailure
from litellmctl.programs.registry import TOOLS

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.programs.mcp_host import McpHost
    from litellmctl.programs.program import Export, Exporter
    from litellmctl.terminal.render import Listing, Text

FIELDS = {
    "tool": "Name for export.",
    "title": "Name of the program.",
    "installed": "Whether the program is installed here.",
    "path": "File that --write changes; with --mcp, that of the MCP tools.",
    "writes": "Number of writes that --undo can take back.",
    "parts": "What export can set up: models, mcp.",
}


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
    # The proxy's MCP tools, and only those of two servers
    $ litellmctl export claude-code --mcp --write
    $ litellmctl export cursor --mcp --server github --server jira --write
    # Models and MCP tools in one write
    $ litellmctl export codex --all --write
    # A key that never expires, for a program that reads it from a variable
    $ litellmctl export opencode --serve --write
    $ litellmctl serve --background
    # Names of the installed programs
    $ litellmctl export --list --json | jq -r '.[] | select(.installed) .tool'
    """,
)
@click.argument("tool", metavar="[TOOL]", required=False, type=click.Choice(TOOLS))
@click.option("--list", "lists", is_flag=True, help="List the programs, and whether they are installed.")
@click.option("--diff", "shows", is_flag=True, help="Print the change that --write would make.")
@click.option("--write", "writes", is_flag=True, help="Merge the settings into the program's own file.")
@click.option("--undo", "undoes", is_flag=True, help="Restore the file from before the last --write.")
@click.option("--mcp", "only_mcp", is_flag=True, help="Set up the MCP tools instead of the models.")
@click.option("--all", "every_part", is_flag=True, help="Set up models and MCP tools, whatever the program takes.")
@click.option(
    "--models",
    "globs",
    multiple=True,
    metavar="GLOB",
    shell_complete=completes("models"),
    help='Only models that match "claude-*" (repeatable).',
)
@click.option(
    "--id", "name", metavar="NAME", default="litellm", help="Name of the provider or MCP entry (default: litellm)."
)
@click.option("--key-command", metavar="COMMAND", help="Command for the key (default: litellmctl token).")
@click.option("--serve", "relayed", is_flag=True, help="Use the URL and the local key of litellmctl serve.")
@click.option("--skills", "with_skills", is_flag=True, help="Add the proxy's skill marketplace (claude-code).")
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("servers"),
    help="Only this MCP server's tools: name, alias or ID (repeatable).",
)
@click.option("--per-server", is_flag=True, help="An MCP entry for each server of the proxy.")
@click.option("--read-only", is_flag=True, help="Only MCP tools that their servers mark as read-only.")
@click.option("--project", "in_project", is_flag=True, help="Use the program's MCP file in the current folder.")
@pass_app
def export(app: App, /, *, tool: str | None, **chosen: Any) -> Listing | Text | None:
    """Set up another program to use the proxy.

    Prints the program's settings for the proxy and its models; --write merges them into the program's own file, and
    keeps everything else in it. No key of the proxy is written: the program runs litellmctl token, or reads a variable.
    --undo restores the file; if it was edited since, only MCP entries are removed.

    With --mcp, an agent gets the proxy's MCP tools: it starts litellmctl mcp serve, which uses your login. With
    --serve, programs that read a variable get the local key of litellmctl serve, which never expires; it works only on
    this machine, and is written into the file.
    """
    from litellmctl.commands import export_output
    from litellmctl.programs.receipts import Receipts
    from litellmctl.settings.paths import required_config_dir

    if chosen["lists"]:
        return export_output.listing(only_mcp=chosen["only_mcp"])
    if tool is None:
        raise UsageFailure("missing argument TOOL", remedy="litellmctl export --list")
    if [chosen["shows"], chosen["writes"], chosen["undoes"]].count(True) > 1:
        raise UsageFailure("use only one of --diff, --write, --undo", remedy="litellmctl export --help")
    if chosen["undoes"]:
        export_output.undo(app, tool)
        return None
    options = _Options(tool, **chosen)
    made, key = _made(app, options)
    for warning in made.warnings:
        app.console.warn(warning)
    if not options.mode:
        printed = export_output.settings(app, made, key)
        _say_next(app, options, made, key)
        return printed
    receipts = Receipts(required_config_dir(), tool)
    planned = receipts.plan(made.files, key)
    if options.mode == "--diff":
        return export_output.changes(app, planned)
    export_output.report(app, receipts.write(planned), planned, tool)
    _say_next(app, options, made, key)
    return None


class _Options:
    """The command's options, checked. `exporter` and `host` are the program if its models or MCP tools are wanted."""

    def __init__(
        self,
        tool: str,
        *,
        lists: bool,  # noqa: ARG002
        shows: bool,
        writes: bool,
        undoes: bool,  # noqa: ARG002
        only_mcp: bool,
        every_part: bool,
        globs: Sequence[str],
        name: str,
        key_command: str | None,
        relayed: bool,
        with_skills: bool,
        servers: Sequence[str],
        per_server: bool,
        read_only: bool,
        in_project: bool,
    ) -> None:
        self.tool = tool
        self.mode = "--diff" * shows + "--write" * writes
        self.exporter, self.host = self._programs(only_mcp=only_mcp, every_part=every_part)
        self.globs, self.name, self.key_command = globs, name, key_command
        self.relayed, self.with_skills = relayed, with_skills
        self.servers, self.per_server, self.read_only, self.in_project = servers, per_server, read_only, in_project
        self._check_name()
        of_models = {"--models": globs, "--key-command": key_command is not None, "--serve": relayed}
        of_mcp = {"--server": servers, "--per-server": per_server, "--read-only": read_only, "--project": in_project}
        if self.exporter is None:
            self._refuse({**of_models, "--skills": with_skills}, "is about models, not MCP tools")
        if self.host is None:
            self._refuse(of_mcp, "is about MCP tools", instead=self._has_host())
        if in_project and self.exporter is not None:
            self._refuse({"--project": True}, "is for MCP tools alone: models are set up for the user")
        if in_project and self.host is not None and not self.host.has_project_file:
            self._refuse({"--project": True}, f"cannot be used: {self.host.title} reads no MCP servers of a project")

    def _programs(self, *, only_mcp: bool, every_part: bool) -> tuple[Exporter | None, McpHost | None]:
        from litellmctl.programs.registry import NAMES, exporter, host

        if only_mcp and every_part:
            raise UsageFailure("use only one of --mcp, --all", remedy="litellmctl export --help")
        with_models = exporter(self.tool) if self.tool in NAMES and not only_mcp else None
        with_mcp = host(self.tool) if only_mcp or every_part else None
        if only_mcp and with_mcp is None:
            title = exporter(self.tool).title
            raise UsageFailure(f"{title} starts no MCP servers", remedy=self._command())
        if with_models is None and with_mcp is None:
            title = host(self.tool).title  # type: ignore[union-attr]
            raise UsageFailure(f"export sets up no models in {title}, only MCP tools", remedy=self._command("--mcp"))
        return with_models, with_mcp

    def _has_host(self) -> bool:
        from litellmctl.programs.registry import host

        return host(self.tool) is not None

    def _command(self, *more: str) -> str:
        return " ".join(filter(None, ["litellmctl export", self.tool, *more, self.mode]))

    def _refuse(self, options: dict[str, Any], why: str, *, instead: bool = False) -> None:
        """Refuse the first of these options that is given. `instead`: with --mcp, it would make sense."""
        for option, given in options.items():
            if given:
                raise UsageFailure(f"{option} {why}", remedy="add --mcp" if instead else f"remove {option}")

    def _check_name(self) -> None:
        import re

        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", self.name):
            raise UsageFailure(
                f'--id: "{self.name}" is not a valid name (use a-z, 0-9, - and _)', remedy="pass --id litellm"
            )


def _made(app: App, options: _Options) -> tuple[Export, str]:
    """Return the changes for all parts, and the local key that they have, if any."""
    parts: list[Export] = []
    key = ""
    if options.exporter is not None:
        from litellmctl.commands.export_models import provider, require_relay_of_use

        if options.relayed:
            require_relay_of_use(options.exporter, options.key_command, options.mode)
        given = provider(
            app,
            options.globs,
            options.name,
            options.key_command,
            with_skills=options.with_skills,
            relayed=options.relayed,
        )
        parts.append(options.exporter.export(given))
        key = given.key
    if options.host is not None:
        from litellmctl.commands.export_mcp import Wanted, current_folder, part

        project = current_folder() if options.in_project else None
        wanted = Wanted(options.name, options.servers, options.per_server, options.read_only, project)
        parts.append(part(app, options.host, wanted))
    return _joined(parts), key


def _joined(parts: Sequence[Export]) -> Export:
    """Return the parts as one; two changes to a file become one, or the second would not see the first."""
    from dataclasses import replace

    from litellmctl.programs.program import Export

    files: list[Any] = []
    for change in (change for part in parts for change in part.files):
        same = next((n for n, one in enumerate(files) if one.path == change.path), None)
        if same is None:
            files.append(change)
        else:
            files[same] = replace(files[same], changes=[*files[same].changes, *change.changes])
    return Export(
        files,
        notes=[note for part in parts for note in part.notes],
        warnings=[warning for part in parts for warning in part.warnings],
    )


def _say_next(app: App, options: _Options, made: Export, key: str) -> None:
    """Say what makes the settings work: the relay or a login first, if they need it."""
    if key:
        from litellmctl.commands.export_models import say_what_starts_the_relay

        say_what_starts_the_relay(app)
    if options.host is not None:
        from litellmctl.commands.export_mcp import say_sign_in

        say_sign_in(app)
    for note in made.notes:
        app.console.note(f"Then:  {note}")
