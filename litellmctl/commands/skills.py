"""`skills`: list, show, add and remove the skills that a proxy stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, completes, group, pass_app
from litellmctl.errors import Failure, Rejected, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean, short
from litellmctl.skills.skill import API, HUB, STORE_NAMES, STORES
from litellmctl.terminal.render import Column, Data, Layout, Listing, Record, Row, fact_lines
from litellmctl.terminal.streams import GREEN, YELLOW

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.skills.skill import Listed, Skill
    from litellmctl.skills.stores import Stores

FIELDS = {
    "name": "Name; in the Skills API, the display title.",
    "id": "Skill ID.",
    "store": "Store: hub or api.",
    "enabled": "Whether agents get the skill.",
    "version": "Version.",
    "description": "Description.",
    "source": "Source of a hub skill, as an object; custom in the API.",
    "updated_at": "Time of the last change (UTC).",
}
SHOW_FIELDS = {
    **FIELDS,
    "created_at": "Creation time (UTC).",
    "created_by": "User who created it (hub).",
    "author": "Author (hub).",
    "homepage": "Home page (hub).",
    "keywords": "Keywords (hub).",
    "category": "Category (hub).",
    "domain": "Domain (hub).",
    "namespace": "Namespace (hub).",
}
# Objects, whose keys the proxy chooses.
PARTS: dict[str, Sequence[str]] = {"source": (), "author": ()}


def _state(row: Row) -> str:
    return "enabled" if row["enabled"] else "disabled"


def _source(row: Row) -> str | None:
    """Return the source of a skill in the hub, as `skills create --source` takes it."""
    from litellmctl.skills.hub_entry import source_text

    return source_text(row["source"]) or None if row["store"] == HUB else None


STATE = Column("STATE", _state, field="enabled", value=_state, style=lambda row: GREEN if row["enabled"] else YELLOW)
COLUMNS = (
    Column(
        "NAME", lambda row: clean(row["name"] or row["id"]), field="name", value=lambda row: row["name"] or row["id"]
    ),
    Column("STORE", lambda row: row["store"], field="store", drop=1),
    Column("VERSION", lambda row: clean(row["version"] or "-"), field="version", drop=2),
    Column("DESCRIPTION", lambda row: short(row["description"] or "-"), field="description", least=16),
    Column("SOURCE", lambda row: short(_source(row) or "-"), field="source", value=_source, drop=3),
)


@group("skills")
def skills() -> None:
    """List, create and delete skills on the proxy.

    The proxy has two stores: agents fetch the skills in the Skill Hub (hub) from git or an archive; the Skills API
    (api) stores the files itself. If several skills have the same name, use the ID.
    """


@command(
    "list",
    fields=FIELDS,
    columns=(COLUMNS[0], COLUMNS[1], STATE, *COLUMNS[2:]),
    parts=PARTS,
    examples="""
    # List the enabled skills
    $ litellmctl skills list
    # All skills in the hub, including disabled ones
    $ litellmctl skills list --store hub --all
    # Search by meaning
    $ litellmctl skills list --search "review a pull request"
    # Names for a script
    $ litellmctl skills list --json | jq -r '.[].name'
    """,
)
@click.option("--store", metavar="STORE", type=click.Choice(STORES), help="Only skills in this store: hub or api.")
@click.option("--all", "everything", is_flag=True, help="Include disabled skills.")
@click.option("--search", metavar="TEXT", help="Only skills about TEXT, or that contain it.")
@pass_app
def list_(app: App, *, store: str | None, everything: bool, search: str | None) -> Listing:
    """List the skills in both stores.

    With --search, the Skills API ranks its skills by meaning if the proxy has an embedding model. Without one, and in
    the hub, --search lists the skills that contain the text in their name, description or keywords.
    """
    if search is not None and not search.strip():
        raise UsageFailure("--search is empty", remedy="pass the text to search for")
    stores = app.catalogs.skills()
    found = [skill for skill in _listed(app, stores, store).skills if skill.enabled or everything]
    if search is not None:
        found = _searched(app, stores, found, search)
    columns = (*COLUMNS[:2], STATE, *COLUMNS[2:]) if everything else COLUMNS
    return Listing((skill.row for skill in found), columns, empty="No skills match." if search else "No skills.")


@command(
    "show",
    fields=SHOW_FIELDS,
    parts=PARTS,
    examples="""
    # Show a skill
    $ litellmctl skills show review
    # Print the source that agents fetch it from
    $ litellmctl skills show review --json | jq .source
    """,
)
@click.argument("name", metavar="NAME|ID", shell_complete=completes("skills"))
@pass_app
def show(app: App, *, name: str) -> Record:
    """Show all details of a skill."""
    from litellmctl.skills.stores import chosen

    stores = app.catalogs.skills()
    skill = stores.read(chosen(_listed(app, stores, None), name))
    return _record(app, skill)


@command(
    "create",
    fields=SHOW_FIELDS,
    parts=PARTS,
    examples="""
    # Upload a folder with a SKILL.md to the Skills API
    $ litellmctl skills create ./review
    # Print what would be sent
    $ litellmctl skills create review.zip --dry-run
    # Register a skill from GitHub in the hub
    $ litellmctl skills create review --source github:acme/skills@v2
    # Register a folder of a git repository, or an archive
    $ litellmctl skills create deploy --source git+https://acme.com/s.git#deploy
    $ litellmctl skills create lint --source archive:https://acme.com/lint.zip
    # Replace a skill, and print its ID
    $ litellmctl skills create ./review --replace --json | jq -r .id
    """,
)
@click.argument("what", metavar="DIR|FILE.zip|SKILL.md|-|NAME", shell_complete=completes("files"))
@click.option("--source", metavar="SOURCE", help="Register NAME in the hub with this source.")
@click.option("--sha256", metavar="DIGEST", help="SHA-256 digest of the archive (hub).")
@click.option("--description", metavar="TEXT", help="Description (default: that of SKILL.md).")
@click.option("--version", "version", metavar="VERSION", help="Version (hub).")
@click.option("--keyword", "keywords", metavar="WORD", multiple=True, help="Keyword (hub, repeatable).")
@click.option("--category", metavar="NAME", help="Category (hub).")
@click.option("--author", metavar="NAME[ <EMAIL>]", help="Author (hub).")
@click.option("--homepage", metavar="URL", help="Home page (hub).")
@click.option("--replace", is_flag=True, help="Replace the skill with this name.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, without sending it.")
@pass_app
def create(
    app: App,
    *,
    what: str,
    source: str | None,
    sha256: str | None,
    description: str | None,
    version: str | None,
    keywords: Sequence[str],
    category: str | None,
    author: str | None,
    homepage: str | None,
    replace: bool,
    dry_run: bool,
) -> Record | Data:
    """Upload a skill to the Skills API, or register one in the hub.

    Without --source, a folder is packed with all its files; its SKILL.md starts with the name and the description.
    SOURCE is github:OWNER/REPO[@REF], a git URL, git+URL#PATH for a folder of a repository, or archive:URL for a zip.
    Only administrators of the proxy can change the hub.
    """
    from litellmctl.commands.skills_create import registered, uploaded

    facts = {"version": version, "keywords": keywords, "category": category, "author": author, "homepage": homepage}
    if source is None:
        given = [f"--{name.removesuffix('s')}" for name, value in {**facts, "sha256": sha256}.items() if value]
        if given:
            verb = "needs" if len(given) == 1 else "need"
            raise UsageFailure(f"{', '.join(given)} {verb} --source: only the hub stores that", remedy="add --source")
        made = uploaded(app, what, description, replace=replace, dry_run=dry_run)
    else:
        facts["description"] = description
        made = registered(app, what, source, sha256, facts, replace=replace, dry_run=dry_run)
    if isinstance(made, Data):
        return made
    app.console.done(f"{'Replaced' if made.replaced else 'Created'} the skill {_where(app, made.skill)}")
    return _record(app, made.skill)


@command(
    "delete",
    examples="""
    # Delete a skill, after a confirmation
    $ litellmctl skills delete review
    # Delete several in a script
    $ litellmctl skills delete --yes review deploy litellm_skill_0b5e
    # IDs of the disabled skills
    $ litellmctl skills list --all --json | jq -r '.[] | select(.enabled|not).id'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@click.option("-y", "--yes", is_flag=True, help="Delete without a confirmation.")
@pass_app
def delete(app: App, *, names: Sequence[str], yes: bool) -> None:
    """Delete skills from the store that they are in.

    If one of them cannot be deleted, the others are deleted anyway.
    """
    stores = app.catalogs.skills()
    targets = _chosen(app, stores, names)
    if targets and not yes:
        _confirm(app, targets)
    _each(app, targets, stores.delete, "Deleted")


@command(
    "enable",
    examples="""
    # Enable a skill, so that agents get it
    $ litellmctl skills enable review
    # Names of the disabled skills
    $ litellmctl skills list --all --json | jq -r '.[]|select(.enabled|not).name'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@pass_app
def enable(app: App, *, names: Sequence[str]) -> None:
    """Enable skills in the hub."""
    _switch(app, names, enabled=True)


@command(
    "disable",
    examples="""
    # Disable a skill for now
    $ litellmctl skills disable review
    # Names of the enabled skills
    $ litellmctl skills list --store hub --json | jq -r '.[].name'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@pass_app
def disable(app: App, *, names: Sequence[str]) -> None:
    """Disable skills in the hub, without deleting them."""
    _switch(app, names, enabled=False)


def _confirm(app: App, targets: Sequence[Skill]) -> None:
    """Ask before skills are deleted."""
    labels = listed([f"{skill.label} ({skill.store})" for skill in targets])
    if not app.console.can_prompt:
        raise UsageFailure(
            f"refusing to delete {labels} without confirmation", remedy="pass --yes", code="input_required"
        )
    for failure in app.failures:  # printed again at the end, but the user should see it before the answer
        app.console.warn(failure.message)
    noun = "the skill" if len(targets) == 1 else f"these {len(targets):,} skills"
    if not app.console.confirm(f"Delete {noun} on {app.connection.pair.base_url}: {labels}?", flag="--yes"):
        raise Failure("interrupted", "nothing was deleted")


def _listed(app: App, stores: Stores, store: str | None) -> Listed:
    """Return the skills in one store or both, and warn of a store that cannot be listed."""
    app.connection.note_shadowed()
    with app.console.working(f"Asking {app.connection.pair.base_url} for its skills ..."):
        found = stores.listed(STORES if store is None else (store,))
    for name, failure in found.problems.items():
        app.console.warn(f"cannot list {STORE_NAMES[name]}: {failure.message}")
    for note in found.notes:
        app.console.note(note)
    return found


def _searched(app: App, stores: Stores, found: Sequence[Skill], text: str) -> list[Skill]:
    """Return the skills that match: first those that the Skills API ranks, then others that contain the text."""
    from litellmctl.skills.skill import matching

    ranked: list[Skill] | None = None
    if any(skill.store == API for skill in found):
        try:
            ranked = stores.searched(text)
            if ranked is None:
                app.console.note("This proxy cannot search by meaning: listing the skills that contain the text.")
        except Failure as failure:
            app.console.warn(
                f"the Skills API cannot search, listing the skills that contain the text: {failure.message}"
            )
    known = {skill.id: skill for skill in found if skill.store == API}
    best = [known[skill.id] for skill in ranked or () if skill.id in known]
    return best + [skill for skill in found if (ranked is None or skill.store != API) and matching(skill, text)]


def _chosen(app: App, stores: Stores, names: Sequence[str], store: str | None = None) -> list[Skill]:
    """Return the skills with these names or ids; with `store`, a name in both stores means the skill in that one.

    A name that is not found becomes a failure at the end of the command, unless it is the only name.
    """
    from litellmctl.skills.stores import chosen

    every = _listed(app, stores, None)
    own = {skill.name for skill in every.skills if skill.store == store}
    targets: list[Skill] = []
    for name in dict.fromkeys(names):
        among = every._replace(skills=[one for one in every.skills if one.store == store]) if name in own else every
        try:
            skill = chosen(among, name)
        except Failure as failure:
            if len(names) == 1:
                raise
            app.failures.append(failure)
        else:
            if skill not in targets:
                targets.append(skill)
    return targets


def _switch(app: App, names: Sequence[str], *, enabled: bool) -> None:
    """Enable or disable skills. Those in the Skills API are always enabled."""
    stores = app.catalogs.skills()
    targets = _chosen(app, stores, names, HUB)
    if enabled:
        for skill in targets:
            if skill.store == API:
                app.console.note(f"{skill.label} is already enabled: skills in the Skills API always are.")
        targets = [skill for skill in targets if skill.store == HUB]

    def switch(skill: Skill) -> None:
        if skill.store == API:
            raise Rejected(
                "rejected",
                f'cannot disable "{skill.label}": skills in the Skills API are always enabled',
                remedy="litellmctl skills list --store hub",
            )
        stores.switch(skill, enabled=enabled)

    _each(app, targets, switch, "Enabled" if enabled else "Disabled")


def _each(app: App, targets: Sequence[Skill], change: Callable[[Skill], None], done: str) -> None:
    """Change each skill, and say so. A failure does not stop the changes of the others."""
    for skill in targets:
        try:
            change(skill)
        except Failure as failure:
            if len(targets) == 1 and not app.failures:
                raise
            app.failures.append(failure.because(skill.label))
        else:
            app.console.done(f"{done} the skill {_where(app, skill)}")


def _where(app: App, skill: Skill) -> str:
    return f'"{skill.label}" in {STORE_NAMES[skill.store]} of {app.connection.pair.base_url} ({skill.id})'


def _record(app: App, skill: Skill) -> Record:
    """Return all fields of a skill, with a page for people."""
    row = {**dict.fromkeys(SHOW_FIELDS), **skill.row, **skill.more}
    quoted = app.console.quoted
    lines = [quoted(f"{clean(skill.label)}  ({skill.store}, {_state(row)})")]
    if skill.description:
        lines += ["", quoted(skill.description.strip())]
    facts = {**row, "source": _source(row), "author": _person(row["author"])}
    facts["keywords"] = ", ".join(map(str, row["keywords"])) if isinstance(row["keywords"], list) else row["keywords"]
    shown = [name for name in SHOW_FIELDS if name not in {"name", "store", "enabled", "description"} and facts[name]]
    layout = Layout("table", width=app.console.table_width)
    lines += ["", *fact_lines([(name, clean(str(facts[name]))) for name in shown], layout)]
    if skill.store == HUB and skill.enabled:
        lines += [
            "",
            "In Claude Code:",
            f"  /plugin marketplace add {app.connection.pair.base_url}/claude-code/marketplace.json",
            f"  /plugin install {clean(skill.label)}@litellm",
        ]
    return Record(row, "\n".join(lines))


def _person(author: Any) -> str:
    if not isinstance(author, dict):
        return author if isinstance(author, str) else ""
    email = author.get("email")
    return f"{author.get('name') or ''}{f' <{email}>' if email else ''}".strip()


for _command in (list_, show, create, delete, enable, disable):
    skills.add_command(_command)
