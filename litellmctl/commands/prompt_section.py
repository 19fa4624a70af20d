"""`prompt-section`: the enabled skills as a text for any agent's system prompt."""

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

# An agent waits for it before its turn.
STORE_SECONDS = 10.0


@command(
    "prompt-section",
    examples="""
    # Into an agent's system prompt
    $ my-agent --append-system-prompt "$(litellmctl prompt-section)"
    # Two skills, and no more than 4,000 bytes
    $ litellmctl prompt-section --skill review --skill release --max-bytes 4000
    # As the system prompt of a chat completion
    $ litellmctl prompt-section --json | jq '{model: "gpt-4o", messages: [{role: "system", content: .}]}'
    """,
)
@click.option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    default="xml",
    help="Print it as xml, markdown or json (xml).",
)
@click.option(
    "--skill",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("skills"),
    help="Only this skill, by name or id (repeatable).",
)
@click.option("--max-bytes", metavar="N", type=click.IntRange(min=1), help="Leave whole skills out, from the end.")
@pass_app
def prompt_section(app: App, *, style: str, names: Sequence[str], max_bytes: int | None) -> Text | Stream | None:
    """Print the enabled skills as a part of a system prompt.

    Nothing where there are none. What the proxy told is kept for a minute, so that asking before every turn of an
    agent costs no request; with --offline it is used however old it is. Skills come in the order of their names.
    """
    parts = app.catalogs.skills(STORE_SECONDS).known(offline=app.connection.is_offline)
    _warn_of_stores(app, parts)
    skills = [skill for part in parts.values() for skill in part.skills]
    shown = _chosen(skills, names, parts) if names else [skill for skill in skills if skill.enabled]
    made = section((entry(one.name, one.id, one.store, one.description) for one in shown), style, max_bytes)
    if made.left_out:
        app.console.warn(
            f"left out {counted(len(made.left_out), 'skill')} to stay within {max_bytes} bytes: "
            f"{listed([one.name for one in made.left_out])}"
        )
    if style == "json":
        return Stream(iter([made.text]))
    if app.options.wants_json:
        return Text(made.text)
    text = app.console.quoted(made.text) if app.console.stdout_is_terminal else made.text
    return Text(text) if text else None


def _warn_of_stores(app: App, parts: dict[str, Part]) -> None:
    """Say which store's part is old or missing, and why."""
    from litellmctl.skills.skill import STORE_NAMES, STORES

    if not any(part.fetched_at for part in parts.values()):
        raise Unavailable(
            "offline",
            f"no skills of {app.connection.pair.base_url} are cached, and the network is switched off",
            remedy="litellmctl prompt-section, with the network on",
        )
    for store in STORES:
        part = parts.get(store)
        if part is not None and part.is_fresh and not part.problem:
            continue
        why = (part and part.problem) or "the network is switched off"
        if part is None or part.fetched_at is None:
            app.console.warn(f"without {STORE_NAMES[store]}: {why}")
        else:
            app.console.warn(f"{STORE_NAMES[store]}: {why}; used is what it told {age_text(part.age)} ago")


def _chosen(skills: Sequence[Known], names: Sequence[str], parts: dict[str, Part]) -> Iterable[Known]:
    """Return the enabled skills of these names or ids; each must be there."""
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
            return Unavailable("server_error", f'no skill "{name}", but {part.problem}', remedy="try again later")
    near = suggestion(name, [text for skill in skills for text in (skill.name, skill.id) if text])
    return Rejected("not_found", f'no skill "{name}".{near}', remedy="litellmctl skills list")
