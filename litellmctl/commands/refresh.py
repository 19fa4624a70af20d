"""`refresh`: refresh the cached lists, and show what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.text import clean, counted
from litellmctl.foundation.times import timestamp
from litellmctl.terminal.render import Record

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.cache import CatalogCache
    from litellmctl.tools.cache import ToolCache

FIELDS = {
    "profile": "Profile in use.",
    "base_url": "Base URL of the proxy.",
    "source": "Source of the models: model_info, models_list or health.",
    "fetched_at": "Time of the refresh (UTC).",
    "models": "Number of models, of all modes.",
    "added": "IDs of new models.",
    "removed": "IDs of models that are gone.",
    "repriced": "Models with new prices: id, before and after (both as cost of models).",
    "tools": "Number of MCP tools; null if unknown.",
}

# The endpoint behind each source.
_PATHS = {"model_info": "/model/info", "models_list": "/v1/models", "health": "/health"}


@command(
    fields=FIELDS,
    examples="""
    # What changed since yesterday?
    $ litellmctl refresh
    # IDs of new models
    $ litellmctl refresh --json | jq -r '.added[]'
    """,
)
@click.option("--background", is_flag=True, hidden=True)
@pass_app
def refresh(app: App, *, background: bool) -> Record | None:
    """Refresh the cached model list and show what changed.

    The cached list of MCP tools is refreshed too. If the proxy cannot be reached, the command fails and keeps the
    cached lists.
    """
    if background:
        _in_background(app)
        return None
    if app.connection.is_offline:
        app.connection.require_online("refresh")
    if app.catalogs.discovery_seconds == 0:
        raise UsageFailure(
            "refresh needs the network, but LITELLM_DISCOVERY_TIMEOUT_MS=0 is set",
            remedy="unset LITELLM_DISCOVERY_TIMEOUT_MS",
        )
    from litellmctl.catalog.cache import changes
    from litellmctl.settings.paths import required_cache_dir

    required_cache_dir()  # without a folder for caches there is nothing to refresh
    app.connection.note_shadowed()
    before = app.catalogs.model_cache.read()
    catalog = app.catalogs.fetch_models()
    app.catalogs.note_skipped(catalog)
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
    """Refresh unless another process is doing so; a failure is remembered, and not reported."""
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
        return  # never used so far, or refreshed by another process just before
    try:
        fetch()
    except Failure:
        cache.note_failure()


def _text(row: dict[str, Any], *, first: bool) -> str:
    """Return what changed: a line for each model that is new, gone or has other prices, and how many there are now."""
    lines = []
    if not first:
        lines += [f"+ {clean(name)}" for name in row["added"]]
        lines += [f"- {clean(name)}" for name in row["removed"]]
        for model in row["repriced"]:
            lines += [f"~ {clean(model['id'])}", *_price_lines(model["before"], model["after"])]
        if not lines:
            lines.append("No changes.")
    tools = "" if row["tools"] is None else f" and {counted(row['tools'], 'MCP tool')}"
    lines.append(f"{counted(row['models'], 'model')}{tools} at {row['base_url']} (from {_PATHS[row['source']]})")
    return "\n".join(lines)


def _price_lines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a line for each price that is another: `    input $2.50 -> $3.00 per million tokens`."""
    from litellmctl.catalog.units import dollar_text, other_texts, tier_texts

    lines = []
    for name, new in after.items():
        old = before.get(name)
        if old == new:
            continue
        if not isinstance(new, list):
            lines.append(f"    {name} {dollar_text(old)} -> {dollar_text(new)} per million tokens")
            continue
        texts = tier_texts if name == "tiers" else other_texts
        were, are = texts(old or []), texts(new)
        lines += [f"    - {text}" for text in were if text not in are]
        lines += [f"    + {text}" for text in are if text not in were]
    return lines
