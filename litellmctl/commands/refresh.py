"""`refresh`: ask the proxy for its models again, and say what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.text import clean
from litellmctl.foundation.times import timestamp
from litellmctl.terminal.render import Record

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.cache import CatalogCache
    from litellmctl.tools.cache import ToolCache

FIELDS = {
    "profile": "The profile that was refreshed.",
    "base_url": "Its proxy.",
    "source": "Where the proxy told of its models: model_info, models_list, health.",
    "fetched_at": "When, in UTC.",
    "models": "How many models there are, of all modes.",
    "added": "The names that are new.",
    "removed": "The names that are gone.",
    "repriced": "Objects with id, and cost before and after.",
    "tools": "How many MCP tools there are; null where the proxy does not tell.",
}


@command(
    fields=FIELDS,
    examples="""
    # What changed since yesterday?
    $ litellmctl refresh
    # The names that are new
    $ litellmctl refresh --json | jq -r '.added[]'
    """,
)
@click.option("--background", is_flag=True, hidden=True)
@pass_app
def refresh(app: App, *, background: bool) -> Record | None:
    """Renew the cached list of models, and say what changed.

    Fails where the proxy cannot be asked, and leaves the cached list as it was.
    """
    if background:
        _in_background(app)
        return None
    if app.connection.is_offline:
        app.connection.require_online("refresh")
    if app.catalogs.discovery_seconds == 0:
        raise UsageFailure("LITELLM_DISCOVERY_TIMEOUT_MS=0 switches looking for models off", remedy="unset it")
    from litellmctl.catalog.cache import changes
    from litellmctl.settings.paths import required_cache_dir

    required_cache_dir()  # this is about the cached list, so there must be a place for it
    app.connection.note_shadowed()
    before = app.catalogs.model_cache.read()
    catalog = app.catalogs.fetch_models()
    for note in catalog.notes:
        app.console.note(note)
    changed = changes(before.models if before else [], catalog.models)
    row = {
        "profile": app.profile.name,
        "base_url": catalog.base_url,
        "source": catalog.source,
        "fetched_at": timestamp(catalog.fetched_at),
        "models": len(catalog.lines),
        **changed,
        "tools": app.catalogs.refresh_tools(),
    }
    return Record(row, _text(row, first=before is None))


def _in_background(app: App) -> None:
    """Refresh unless another process does so already, and remember a failure instead of telling of it."""
    from litellmctl.foundation import locks

    lists = app.catalogs
    lock_path = lists.model_cache.refresh_lock_path
    if lock_path is None:
        return
    try:
        with locks.locked(lock_path, seconds=0):
            _refresh_if_stale(lists.model_cache, lists.fetch_models)
            if lists.uses_mcp:
                _refresh_if_stale(lists.tool_cache, lists.fetch_tools)
    except (Failure, OSError):
        return


def _refresh_if_stale(cache: CatalogCache | ToolCache, fetch: Callable[[], object]) -> None:
    known = cache.read()
    if known is None or known.is_fresh or cache.failed_recently():
        return  # nobody asked for it yet, or somebody else was quicker
    try:
        fetch()
    except Failure:
        cache.note_failure()


def _text(row: dict[str, Any], *, first: bool) -> str:
    lines = []
    if not first:
        lines += [f"+ {clean(name)}" for name in row["added"]]
        lines += [f"- {clean(name)}" for name in row["removed"]]
        for model in row["repriced"]:
            before, after = model["before"], model["after"]
            prices = [
                f"{name} {_worded(name, before[name])} -> {_worded(name, after[name])}"
                for name in after
                if before[name] != after[name]
            ]
            lines.append(f"~ {clean(model['id'])}: {', '.join(prices)}")
        if not lines:
            lines.append("No changes.")
    tools = "" if row["tools"] is None else f", and {row['tools']} MCP tools"
    lines.append(f"{row['models']} models at {row['base_url']} (from {row['source']}){tools}.")
    return "\n".join(lines)


def _worded(name: str, value: Any) -> str:
    """Return a price of a model's `cost`, its tiers or its other prices in words."""
    from litellmctl.catalog.price_text import amount, others_text, tiers_text

    if isinstance(value, list):
        return f"({tiers_text(value) if name == 'tiers' else others_text(value)})" if value else "none"
    return f"${amount(value)}" if value is not None else "?"
