"""`skills`: list, show, add and remove the skills that a proxy keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, completes, group, pass_app
from litellmctl.errors import Failure, Rejected, UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean, short
from litellmctl.skills.skill import STORES
from litellmctl.terminal.render import Column, Data, Listing, Record, fact_lines

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.skills.skill import Listed, Skill
    from litellmctl.skills.stores import Stores

_MAX_DESCRIPTION = 70

FIELDS = {
    "name": "The skill's name: in the Skills API its display title.",
    "id": "Its id at the proxy.",
    "store": "Where the proxy keeps it: hub or api.",
    "enabled": "Whether agents get it.",
    "version": "Its version.",
    "description": "What it is for.",
    "source": "Where the hub's skill is fetched from, as an object; the API says custom.",
    "updated_at": "When it was changed last, in UTC.",
}
SHOW_FIELDS = {
    **FIELDS,
    "created_at": "When it was made, in UTC.",
    "created_by": "Who made it, where the hub tells.",
    "author": "Its author, in the hub.",
    "homepage": "Its home page, in the hub.",
    "keywords": "Its keywords, in the hub.",
    "category": "Its category, in the hub.",
    "domain": "Its domain, in the hub.",
    "namespace": "Its namespace, in the hub.",
}


@group("skills")
def skills() -> None:
    """List, add and remove the skills that the proxy keeps.

    They are in two stores: the Skill Hub (hub), whose skills agents fetch from git or an archive, and the Skills API
    (api), which holds the files itself. A skill is named by its name, or by its id where several have that name.
    """


@command(
    "list",
    fields=FIELDS,
    examples="""
    # Which skills are there?
    $ litellmctl skills list
    # Those of the hub, disabled ones too
    $ litellmctl skills list --store hub --all
    # Is there one for this?
    $ litellmctl skills list --search "review a pull request"
    # Their names
    $ litellmctl skills list --json | jq -r '.[].name'
    """,
)
@click.option("--store", metavar="STORE", type=click.Choice(STORES), help="Only of this store: hub or api.")
@click.option("--all", "everything", is_flag=True, help="List disabled skills too, as far as the key may see them.")
@click.option("--search", metavar="TEXT", help="Only those near this in meaning, or that contain it.")
@pass_app
def list_(app: App, *, store: str | None, everything: bool, search: str | None) -> Listing:
    """List the skills, of both stores.

    With --search the Skills API ranks its skills by meaning, where the proxy has an embedding model for that. Of the
    others those are listed whose name, description or keywords contain the text.
    """
    from litellmctl.skills.hub_entry import source_text

    if search is not None and not search.strip():
        raise UsageFailure("--search is empty", remedy="say what to search for")
    stores = app.catalogs.skills()
    listed = _listed(app, stores, store)
    found = [skill for skill in listed.skills if skill.enabled or everything]
    if search is not None:
        found = _searched(app, stores, found, search)
    columns = [
        Column("NAME", lambda row: clean(row["name"] or row["id"])),
        Column("STORE", lambda row: row["store"]),
        *([Column("ENABLED", lambda row: "yes" if row["enabled"] else "no")] if everything else []),
        Column("VERSION", lambda row: clean(row["version"] or "-")),
        Column("DESCRIPTION", lambda row: short(row["description"] or "-", _MAX_DESCRIPTION)),
        Column("SOURCE", lambda row: short(source_text(row["source"]), _MAX_DESCRIPTION)),
    ]
    return Listing((skill.row for skill in found), columns, empty="No skill matches." if search else "No skills.")


@command(
    "show",
    fields=SHOW_FIELDS,
    examples="""
    # What is it?
    $ litellmctl skills show review
    # Where do agents fetch it from?
    $ litellmctl skills show review --json | jq .source
    """,
)
@click.argument("name", metavar="NAME|ID", shell_complete=completes("skills"))
@pass_app
def show(app: App, *, name: str) -> Record:
    """Show everything the proxy tells of a skill."""
    from litellmctl.skills.stores import chosen

    stores = app.catalogs.skills()
    skill = stores.read(chosen(_listed(app, stores, None), name))
    return _record(app, skill)


@command(
    "create",
    fields=SHOW_FIELDS,
    examples="""
    # A folder with a SKILL.md, into the Skills API
    $ litellmctl skills create ./review
    # What would be sent?
    $ litellmctl skills create review.zip --dry-run
    # A skill of a git repository, into the hub
    $ litellmctl skills create review --source github:acme/skills@v2 --description "Reviews a pull request"
    # One folder of a repository, and an archive
    $ litellmctl skills create deploy --source git+https://git.example.com/ops/skills.git#skills/deploy
    $ litellmctl skills create lint --source archive:https://example.com/lint.zip --sha256 "$DIGEST"
    # Its id
    $ litellmctl skills create ./review --replace --json | jq -r .id
    """,
)
@click.argument("what", metavar="DIR|FILE.zip|SKILL.md|-|NAME", shell_complete=completes("files"))
@click.option("--source", metavar="SOURCE", help="Register NAME in the hub, from here.")
@click.option("--sha256", metavar="DIGEST", help="The digest of the archive.")
@click.option("--description", metavar="TEXT", help="What it is for (as SKILL.md says).")
@click.option("--version", "version", metavar="VERSION", help="Its version (hub).")
@click.option("--keyword", "keywords", metavar="WORD", multiple=True, help="A keyword (hub, repeatable).")
@click.option("--category", metavar="NAME", help="Its category (hub).")
@click.option("--author", metavar="NAME[ <EMAIL>]", help="Its author (hub).")
@click.option("--homepage", metavar="URL", help="Its home page (hub).")
@click.option("--replace", is_flag=True, help="Replace the skill of this name in this store.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
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
    """Add a skill to the Skills API, or with --source to the hub.

    A folder is packed with all its files; its SKILL.md begins with the name and the description. SOURCE is
    github:OWNER/REPO[@REF], a git URL, git+URL#PATH for a folder of a repository, or archive:URL for a zip. Only the
    proxy's administrators may change the hub.
    """
    stores = app.catalogs.skills()
    hub = {"version": version, "keywords": keywords, "category": category, "author": author, "homepage": homepage}
    if source is None:
        given = [f"--{name.removesuffix('s')}" for name, value in {**hub, "sha256": sha256}.items() if value]
        if given:
            raise UsageFailure(
                f"{' and '.join(given)}: only the hub keeps that", remedy="add --source, or leave it out"
            )
        return _upload(app, stores, what, description, replace=replace, dry_run=dry_run)
    from litellmctl.skills.hub_entry import make_entry

    entry = make_entry(
        what, source, sha256, {**hub, "description": description}, insecure=app.options.allow_insecure_http
    )
    if not replace:
        _warn_without(app, description)
    if dry_run:
        return Data({"request": "POST /claude-code/plugins", "json": {"name": what, **entry}})
    old = _existing(app, stores, "hub", what, replace=replace)
    skill = stores.register(what, entry, old)
    if old is not None and version is None and skill.version != old.version:
        app.console.note(f"This proxy's versions rise: {old.version or 'none'} became {skill.version or 'none'}.")
    return _created(app, skill, replaced=old is not None)


@command(
    "delete",
    examples="""
    # Asks first
    $ litellmctl skills delete review
    # Several, in a script
    $ litellmctl skills delete --yes review deploy litellm_skill_0b5e
    # Which could go?
    $ litellmctl skills list --all --json | jq -r '.[] | select(.enabled | not) .id'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_app
def delete(app: App, *, names: Sequence[str], yes: bool) -> None:
    """Delete skills, from whichever store they are in.

    All of them are tried, whatever becomes of one.
    """
    stores = app.catalogs.skills()
    targets = _chosen(app, stores, names)
    if targets and not yes:
        for failure in app.failures:  # told again at the end, but a person should know before the answer
            app.console.warn(failure.message)
        labels = listed([f"{skill.label} ({skill.store})" for skill in targets])
        noun = "the skill" if len(targets) == 1 else f"these {len(targets):,} skills"
        if not app.console.confirm(f"Delete {noun} of {app.connection.pair.base_url}: {labels}?", flag="--yes"):
            raise Failure("interrupted", "nothing was deleted")
    _each(app, targets, stores.delete, "Deleted")


@command(
    "enable",
    examples="""
    # Let agents get it
    $ litellmctl skills enable review
    # Which are disabled?
    $ litellmctl skills list --store hub --all --json | jq -r '.[] | select(.enabled | not) .name'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@pass_app
def enable(app: App, *, names: Sequence[str]) -> None:
    """Enable skills of the hub."""
    _switch(app, names, enabled=True)


@command(
    "disable",
    examples="""
    # Let nobody get it for now
    $ litellmctl skills disable review
    # Which are enabled?
    $ litellmctl skills list --store hub --json | jq -r '.[].name'
    """,
)
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=completes("skills"))
@pass_app
def disable(app: App, *, names: Sequence[str]) -> None:
    """Disable skills of the hub, without deleting them."""
    _switch(app, names, enabled=False)


def _listed(app: App, stores: Stores, store: str | None) -> Listed:
    """Return the skills of one store or of both; which store did not answer, and what else is to be said, is told."""
    from litellmctl.skills.skill import STORE_NAMES, STORES

    app.connection.note_shadowed()
    with app.console.working(f"Asking {app.connection.pair.base_url} for its skills ..."):
        listed = stores.listed(STORES if store is None else (store,))
    for name, failure in listed.problems.items():
        app.console.warn(f"{STORE_NAMES[name]} cannot be listed: {failure.message}")
    for note in listed.notes:
        app.console.note(note)
    return listed


def _searched(app: App, stores: Stores, found: Sequence[Skill], text: str) -> list[Skill]:
    """Return the skills that match: those that the Skills API ranks first, and of the others those with the text."""
    from litellmctl.skills.skill import API, matching

    ranked: list[Skill] | None = None
    if any(skill.store == API for skill in found):
        try:
            ranked = stores.searched(text)
            if ranked is None:
                app.console.note("This proxy does not search by meaning: listed is what contains the text.")
        except Failure as failure:
            app.console.warn(f"the Skills API could not search, listed is what contains the text: {failure.message}")
    known = {skill.id: skill for skill in found if skill.store == API}
    best = [known[skill.id] for skill in ranked or () if skill.id in known]
    return best + [skill for skill in found if (ranked is None or skill.store != API) and matching(skill, text)]


def _upload(
    app: App, stores: Stores, what: str, description: str | None, *, replace: bool, dry_run: bool
) -> Record | Data:
    """Put a skill's files into the Skills API."""
    from hashlib import sha256

    from litellmctl.skills.folder import pack, read_folder, slug
    from litellmctl.skills.manifest import checked_text

    if what == "-" and app.console.stdin_is_terminal:
        raise UsageFailure("stdin is a terminal", remedy="litellmctl skills create - < SKILL.md", code="input_required")
    folder = read_folder(what, app.console.stdin_bytes if what == "-" else None)
    for name in folder.skipped:
        app.console.note(f"Left out: {name}")
    manifest = folder.manifest
    described = manifest.description if description is None else checked_text(description, "--description")
    _warn_without(app, described)
    form = {"display_title": manifest.name, "description": described, "instructions": manifest.instructions}
    form = {name: text for name, text in form.items() if text}
    archive = pack(folder)
    file_name = f"{slug(manifest.name)}.zip"
    if dry_run:
        file = {"name": file_name, "bytes": len(archive), "sha256": sha256(archive).hexdigest()}
        file["entries"] = [{"path": name, "bytes": len(one.data)} for name, one in sorted(folder.entries.items())]
        return Data({"request": "POST /v1/skills", "form": form, "file": file})
    old = _existing(app, stores, "api", manifest.name, replace=replace)
    with app.console.working(f"Sending {len(archive):,} bytes to {app.connection.pair.base_url} ..."):
        skill = stores.upload(form, file_name, archive)
    if old is not None:
        # There is no way to change one: the new one is there before the old one goes.
        try:
            stores.delete(old)
        except Failure as failure:
            if failure.code == "not_found":  # somebody else was quicker
                return _created(app, skill, replaced=True)
            there = f"the new skill is there ({skill.id}), and so is the old one ({old.id})"
            raise failure.because(there) from None
    return _created(app, skill, replaced=old is not None)


def _warn_without(app: App, description: str | None) -> None:
    if not description:
        app.console.warn("the skill has no description, by which agents tell when to use it")


def _existing(app: App, stores: Stores, store: str, name: str, *, replace: bool) -> Skill | None:
    """Return the skill of this name that is to be replaced; refuse where it exists and is not."""
    from litellmctl.skills.skill import STORE_NAMES, several

    same = [skill for skill in stores.listed((store,)).skills if skill.name == name]
    if same and not replace:
        raise Rejected(
            "rejected",
            f'{STORE_NAMES[store]} of {app.connection.pair.base_url} has a skill "{name}" already ({same[0].id})',
            remedy="pass --replace, or choose another name",
        )
    if len(same) > 1:
        raise several(same, name)
    return same[0] if same else None


def _chosen(app: App, stores: Stores, names: Sequence[str], store: str | None = None) -> list[Skill]:
    """Return the skills of these names or ids; the others become failures that are reported at the end."""
    from litellmctl.skills.stores import chosen

    every = _listed(app, stores, None)
    own = {skill.name for skill in every.skills if skill.store == store}
    targets: list[Skill] = []
    for name in dict.fromkeys(names):
        # Where only one store can be meant, a name that is in both is no doubt.
        listed = every._replace(skills=[one for one in every.skills if one.store == store]) if name in own else every
        try:
            skill = chosen(listed, name)
            if store is not None and skill.store != store:
                raise _always_enabled(skill)
        except Failure as failure:
            if len(names) == 1:
                raise
            app.failures.append(failure)
        else:
            if skill not in targets:
                targets.append(skill)
    return targets


def _switch(app: App, names: Sequence[str], *, enabled: bool) -> None:
    stores = app.catalogs.skills()
    targets = _chosen(app, stores, names, "hub")
    _each(app, targets, lambda skill: stores.switch(skill, enabled=enabled), "Enabled" if enabled else "Disabled")


def _always_enabled(skill: Skill) -> Failure:
    return Rejected(
        "rejected",
        f'"{skill.label}" is in the Skills API, where skills are always enabled',
        remedy=f"litellmctl skills delete {skill.id}",
    )


def _each(app: App, targets: Sequence[Skill], change: Callable[[Skill], None], done: str) -> None:
    """Make a change to each skill, and tell of each; a failure does not keep the others from theirs."""
    for skill in targets:
        try:
            change(skill)
        except Failure as failure:
            if len(targets) == 1 and not app.failures:
                raise
            app.failures.append(failure.because(skill.label))
        else:
            app.console.done(f"{done} the skill {_where(app, skill)}")


def _created(app: App, skill: Skill, *, replaced: bool) -> Record:
    app.console.done(f"{'Replaced' if replaced else 'Created'} the skill {_where(app, skill)}")
    return _record(app, skill)


def _where(app: App, skill: Skill) -> str:
    from litellmctl.skills.skill import STORE_NAMES

    return f'"{skill.label}" in {STORE_NAMES[skill.store]} of {app.connection.pair.base_url} ({skill.id})'


def _record(app: App, skill: Skill) -> Record:
    from litellmctl.skills.hub_entry import source_text

    row = {**dict.fromkeys(SHOW_FIELDS), **skill.row, **skill.more}
    lines = [app.console.quoted(f"{clean(skill.label)}  ({skill.store}, {'enabled' if skill.enabled else 'disabled'})")]
    if skill.description:
        lines += ["", app.console.quoted(skill.description.strip())]
    facts = {**row, "source": source_text(skill.source), "author": _person(row["author"])}
    facts["keywords"] = ", ".join(map(str, row["keywords"])) if isinstance(row["keywords"], list) else row["keywords"]
    shown = [name for name in SHOW_FIELDS if name not in {"name", "store", "enabled", "description"} and facts[name]]
    lines += ["", *fact_lines([(name, clean(str(facts[name]))) for name in shown])]
    if skill.store == "hub" and skill.enabled:
        lines += [
            "",
            f"In Claude Code: /plugin marketplace add {app.connection.pair.base_url}/claude-code/marketplace.json",
        ]
        lines += [f"                /plugin install {clean(skill.label)}@litellm"]
    return Record(row, "\n".join(lines))


def _person(author: Any) -> str:
    if not isinstance(author, dict):
        return author if isinstance(author, str) else ""
    email = author.get("email")
    return f"{author.get('name') or ''}{f' <{email}>' if email else ''}".strip()


for _command in (list_, show, create, delete, enable, disable):
    skills.add_command(_command)
