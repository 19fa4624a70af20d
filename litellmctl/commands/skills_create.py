"""Adding a skill to one of the stores, or replacing it: what `skills create` does before it prints anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import Failure, Rejected, UsageFailure
from litellmctl.skills.skill import API, HUB, STORE_NAMES, several
from litellmctl.terminal.render import Data

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.skills.skill import Skill
    from litellmctl.skills.stores import Stores


class Created(NamedTuple):
    """A skill that was added, or that replaced another one."""

    skill: Skill
    replaced: bool


def uploaded(app: App, what: str, description: str | None, *, replace: bool, dry_run: bool) -> Created | Data:
    """Upload the files of a skill to the Skills API; with `dry_run`, return what would be sent."""
    from litellmctl.skills.folder import pack, read_folder, slug
    from litellmctl.skills.manifest import checked_text

    stores = app.catalogs.skills()
    if what == "-" and app.console.stdin_is_terminal:
        raise UsageFailure("stdin is a terminal", remedy="litellmctl skills create - < SKILL.md", code="input_required")
    folder = read_folder(what, app.console.stdin_bytes if what == "-" else None)
    for name in folder.skipped:
        app.console.note(f"Skipped {name}")
    manifest = folder.manifest
    described = manifest.description if description is None else checked_text(description, "--description")
    _warn_without(app, described)
    form = {"display_title": manifest.name, "description": described, "instructions": manifest.instructions}
    form = {name: text for name, text in form.items() if text}
    archive = pack(folder)
    file_name = f"{slug(manifest.name)}.zip"
    if dry_run:
        from hashlib import sha256

        file = {"name": file_name, "bytes": len(archive), "sha256": sha256(archive).hexdigest()}
        file["entries"] = [{"path": name, "bytes": len(one.data)} for name, one in sorted(folder.entries.items())]
        return Data({"request": "POST /v1/skills", "form": form, "file": file})
    old = _existing(app, stores, API, manifest.name, replace=replace)
    with app.console.working(f"Uploading {len(archive):,} bytes to {app.connection.pair.base_url} ..."):
        skill = stores.upload(form, file_name, archive)
    if old is not None:
        _delete_old(stores, old, skill)
    return Created(skill, replaced=old is not None)


def registered(
    app: App, name: str, source: str, sha256: str | None, facts: Mapping[str, Any], *, replace: bool, dry_run: bool
) -> Created | Data:
    """Register a skill in the hub; with `dry_run`, return what would be sent. `facts` are those of `make_entry`."""
    from litellmctl.skills.hub_entry import make_entry

    stores = app.catalogs.skills()
    entry = make_entry(name, source, sha256, facts, insecure=app.options.allow_insecure_http)
    if not replace:
        _warn_without(app, facts.get("description"))
    if dry_run:
        return Data({"request": "POST /claude-code/plugins", "json": {"name": name, **entry}})
    old = _existing(app, stores, HUB, name, replace=replace)
    skill = stores.register(name, entry, old)
    if old is not None and not facts.get("version") and skill.version != old.version:
        before, after = old.version or "none", skill.version or "none"
        app.console.note(f"The proxy raised the version from {before} to {after}.")
    return Created(skill, replaced=old is not None)


def _delete_old(stores: Stores, old: Skill, new: Skill) -> None:
    """Delete the skill that a new one replaces. After the upload, because the Skills API cannot change a skill."""
    try:
        stores.delete(old)
    except Failure as failure:
        if failure.code == "not_found":  # somebody else has deleted it
            return
        kept = f"uploaded the new skill ({new.id}), but cannot delete the old one ({old.id})"
        raise failure.because(kept) from None


def _warn_without(app: App, description: str | None) -> None:
    if not description:
        app.console.warn("the skill has no description, so agents cannot tell when to use it")


def _existing(app: App, stores: Stores, store: str, name: str, *, replace: bool) -> Skill | None:
    """Return the skill to replace, if there is one. Raises `Rejected` if it exists and must not be replaced."""
    same = [skill for skill in stores.listed((store,)).skills if skill.name == name]
    if same and not replace:
        raise Rejected(
            "rejected",
            f'{STORE_NAMES[store]} of {app.connection.pair.base_url} already has a skill "{name}" ({same[0].id})',
            remedy="pass --replace, or choose another name",
        )
    if len(same) > 1:
        raise several(same, name)
    return same[0] if same else None
