"""`mcp skill`: a skill that teaches an agent to call the tools with `litellmctl mcp call`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.commands.mcp_shared import server_header, take_headers
from litellmctl.errors import Failure, Rejected, suggestion
from litellmctl.terminal.render import Record

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.app import App
    from litellmctl.tools.skill import ToolSkill
    from litellmctl.tools.tool import Offer, Tool

FIELDS = {
    "name": "Name of the skill, and of its folder.",
    "description": "Description by which an agent chooses it.",
    "text": "Content of its SKILL.md.",
    "path": "Written file; null without --write.",
}
_MAX_BYTES = 2**20


@command(
    "skill",
    fields=FIELDS,
    examples="""
    # For all tools, on stdout
    $ litellmctl mcp skill
    # For one server, where Claude Code finds it
    $ litellmctl mcp skill github --write .claude/skills
    # Only two tools, for all agents that read .agents/skills
    $ litellmctl mcp skill crm/add crm/find --write .agents/skills
    # How many characters it would cost
    $ litellmctl mcp skill --json | jq '.text | length'
    # By what would an agent choose it?
    $ litellmctl mcp skill crm --json | jq -r .description
    """,
)
@click.argument("names", nargs=-1, metavar="[SERVER|TOOL]...", shell_complete=completes("tools"))
@click.option("--write", "folder", metavar="DIR", shell_complete=completes("folders"), help="Write DIR/NAME/SKILL.md.")
@click.option("--force", is_flag=True, help="Replace a SKILL.md that was edited, or is not ours.")
@server_header
@pass_app
def skill(
    app: App, *, names: Sequence[str], folder: str | None, force: bool, server_headers: Sequence[str]
) -> Record | None:
    """Print a skill with which an agent calls the tools.

    An agent that can run commands reads the skill only when it needs it, and calls the tools with litellmctl mcp call.
    That costs far less of its context than the definitions of all tools, which mcp serve gives to an agent.

    With no argument, the skill is for all tools; name servers or tools to choose. --write replaces a skill that it
    wrote before, unless it was edited since.
    """
    from litellmctl.tools.skill import skill_of

    take_headers(app, server_headers)
    catalog = app.catalogs.tools()
    tools, subject = _chosen(catalog.offer, names)
    if not tools:
        raise Rejected("not_found", "this key has no MCP tools", remedy="litellmctl mcp servers")
    profile = app.profile.name
    made = skill_of(tools, subject, [] if profile == "default" else ["--profile", profile])
    path = None if folder is None else _written(app, made, folder, force=force)
    row = {**made._asdict(), "path": None if path is None else str(path)}
    return Record(row, made.text.rstrip("\n"), is_data=True) if path is None or app.options.wants_json else None


def _chosen(offer: Offer, names: Sequence[str]) -> tuple[Sequence[Tool], str | None]:
    """Return the tools of these servers and with these names, in the order of the list, and what they have in common.

    Raises a failure for a name that is neither.
    """
    if not names:
        return offer.tools, None
    chosen: set[tuple[str, str]] = set()
    alone: str | None = None
    for name in names:
        known = {server.id or server.name for server in offer.servers_named(name)}
        of_server = [tool for tool in offer.tools if known & {tool.server, tool.server_id}]
        found = of_server or [_tool(offer, name)]
        chosen.update((tool.server_id, tool.name) for tool in found)
        alone = found[0].path if len(names) == 1 and not of_server else None
    tools = [tool for tool in offer.tools if (tool.server_id, tool.name) in chosen]
    servers = {tool.server for tool in tools}
    return tools, alone or (" ".join(sorted(servers)) if len(servers) <= 3 else None)


def _tool(offer: Offer, name: str) -> Tool:
    """Return the tool with this name. Raises a failure that may suggest a server: either could be meant."""
    from litellmctl.tools.tool import find

    try:
        return find(offer.tools, name)
    except Rejected:
        if "/" in name:
            raise
        servers = [known for server in offer.servers for known in (server.name, server.alias) if known]
        near = suggestion(name, [*servers, *(tool.name for tool in offer.tools), *(tool.path for tool in offer.tools)])
        message = f'no MCP server or tool "{name}"{near}'
        raise Rejected("not_found", message, remedy="litellmctl mcp list") from None


def _written(app: App, made: ToolSkill, folder: str, *, force: bool) -> Path:
    """Write the skill below a folder, and return the file. Raises a failure if a person edited it."""
    from pathlib import Path

    from litellmctl.foundation import files
    from litellmctl.settings.paths import expanded
    from litellmctl.tools.skill import is_unedited

    path = Path(expanded(folder)) / made.name / "SKILL.md"
    data = made.text.encode("utf-8", "replace")
    try:
        if path.is_symlink() and not path.exists():  # it would be written wherever the link leads
            raise Failure(
                "file", f"cannot write {path}: it is a broken link", remedy="choose another folder for --write"
            )
        before = files.read(path, foreign=True, limit=_MAX_BYTES) if path.exists() else None
        if before == data:
            app.console.note(f"{path}: already up to date.")
            return path
        if before is not None and not force and not is_unedited(before.decode("utf-8", "replace")):
            raise Failure(
                "file", f"cannot write {path}: it was edited, or is not ours", remedy="pass --force to replace it"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file is for the project, and so for all who may read that.
        if before is not None or files.write_new(path.parent, [path.name], data) is None:
            files.write_atomically(path, data, private=False, foreign=True)
    except OSError as error:
        raise Failure(
            "file", f"cannot write {path}: {files.reason(error)}", remedy="choose another folder for --write"
        ) from None
    app.console.done(f"Wrote {path}")
    return path
