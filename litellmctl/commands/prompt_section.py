"""`prompt-section`: the enabled skills as a text for an agent's system prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.errors import Failure, Rejected, Unavailable, suggestion
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted
from litellmctl.foundation.times import age_text
from litellmctl.skills.prompt_section import STYLES, entry, section
from litellmctl.terminal.render import Stream, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.skills.cache import Known, Part

# Short, since an agent waits for it before each turn.
STORE_SECONDS = 10.0


@command(
    "prompt-section",
    examples="""
    # Append to an agent's system prompt
    $ my-agent --append-system-prompt "$(litellmctl prompt-section)"
    # Only two skills, at most 4,000 bytes
    $ litellmctl prompt-section --skill review --skill release --max-bytes 4000
    # As the system message of a chat completion
    $ litellmctl prompt-section --json | jq '{role: "system", content: .}'
    """,
)
@click.option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    default="xml",
    help="Format: xml, markdown or json (default: xml).",
)
@click.option(
    "--skill",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("skills"),
    help="Only this skill, by name or ID (repeatable).",
)
@click.option("--max-bytes", metavar="N", type=click.IntRange(min=1), help="Size limit; skips whole skills at the end.")
@pass_app
def prompt_section(app: App, *, style: str, names: Sequence[str], max_bytes: int | None) -> Text | Stream | None:
    """Print the enabled skills for a system prompt.

    Prints nothing if there are no skills. The skills are cached for a minute, so that an agent can run this before
    every turn; with --offline, the cache is used at any age. Skills are sorted by name.
    """
    app.connection.names_ignored = False
    parts = app.catalogs.skills(STORE_SECONDS).known(offline=app.connection.is_offline)
    _warn_of_stores(app, parts)
    skills = [skill for part in parts.values() for skill in part.skills]
    shown = _chosen(skills, names, parts) if names else [skill for skill in skills if skill.enabled]
    made = section((entry(one.name, one.id, one.store, one.description) for one in shown), style, max_bytes)
    if made.skipped:
        app.console.warn(
            f"skipped {counted(len(made.skipped), 'skill')} to stay within {max_bytes:,} bytes: "
            f"{listed([one.name for one in made.skipped])}"
        )
    if style == "json":
        return Stream(iter([made.text]))
    if app.options.wants_json:
        return Text(made.text)
    text = app.console.quoted(made.text) if app.console.stdout_is_terminal else made.text
    return Text(text) if text else None


def _warn_of_stores(app: App, parts: dict[str, Part]) -> None:
    """Warn of each store whose skills are old or missing."""
    from litellmctl.skills.skill import STORE_NAMES, STORES

    if not any(part.fetched_at for part in parts.values()):
        raise Unavailable(
            "offline",
            f"no cached skills of {app.connection.pair.base_url}, and {app.connection.offline_reason}",
            remedy=app.connection.online_remedy,
        )
    for store in STORES:
        part = parts.get(store)
        if part is not None and part.is_fresh and not part.problem:
            continue
        why = (part and part.problem) or app.connection.offline_reason
        if part is None or part.fetched_at is None:
            app.console.warn(f"skipped {STORE_NAMES[store]}: {why}")
        else:
            app.console.warn(f"{STORE_NAMES[store]}: {why}; using its skills from {age_text(part.age)} ago")


def _chosen(skills: Sequence[Known], names: Sequence[str], parts: dict[str, Part]) -> Iterable[Known]:
    """Return the enabled skills with these names or ids. Raises `Rejected` if one is missing or disabled."""
    found = []
    for name in names:
        matches = [skill for skill in skills if name in {skill.name, skill.id}]
        if not matches:
            raise _missing(skills, name, parts)
        enabled = [skill for skill in matches if skill.enabled]
        if not enabled:
            raise Rejected("rejected", f'the skill "{name}" is disabled', remedy=f"litellmctl skills enable {name}")
        found += enabled
    return dict.fromkeys(found)


def _missing(skills: Sequence[Known], name: str, parts: dict[str, Part]) -> Failure:
    for part in parts.values():
        if part.problem and part.fetched_at is None:
            return Unavailable(
                "server_error", f'cannot find the skill "{name}": {part.problem}', remedy="run it again later"
            )
    near = suggestion(name, [text for skill in skills for text in (skill.name, skill.id) if text])
    return Rejected("not_found", f'no skill "{name}"{near}', remedy="litellmctl skills list")
