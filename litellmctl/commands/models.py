"""`models`: which models the key may use, with limits, abilities and prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from litellmctl.catalog.model import ABILITY_WORDS, FIELDS, MODALITIES, SORT_FIELDS
from litellmctl.commands.base import FormattedGroup, command, completes, group, pass_app
from litellmctl.errors import Rejected, UsageFailure, suggestion
from litellmctl.foundation.text import clean
from litellmctl.terminal.render import Column, Listing, Record, Row

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.model import Model


class _ModelsGroup(FormattedGroup):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say what was meant by `models gpt-4o`."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = suggestion(name, list(self.commands))
            raise UsageFailure(
                f'"{name}" is no subcommand of models.{near}', remedy=f"litellmctl models show {clean(name)}"
            )
        return super().resolve_command(ctx, args)


@group(
    "models",
    cls=_ModelsGroup,
    invoke_without_command=True,
    no_args_is_help=False,
    subcommand_metavar="[show ID...]",
    fields=FIELDS,
    examples="""
    # What may I use, and what does it cost?
    $ litellmctl models
    # Cheap models that see images and call tools, cheapest first
    $ litellmctl models --input image --supports function_calling --sort cost.input
    # The names alone, for a script
    $ litellmctl models --json | jq -r '.[].id'
    """,
)
@click.option("--all", "every_mode", is_flag=True, help="List every mode: embeddings, images, audio too.")
@click.option("--mode", "modes", multiple=True, metavar="MODE", help="List models of this mode (repeatable).")
@click.option(
    "--supports",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("abilities"),
    help="List models that can do this: function_calling, response_schema, vision ... (repeatable).",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Choice(MODALITIES),
    metavar="KIND",
    help="List models that take this: text, image, audio, pdf or video (repeatable).",
)
@click.option("--reasoning", is_flag=True, help="List models that can reason.")
@click.option("--min-context", type=click.IntRange(min=1), metavar="N", help="Context window of at least N tokens.")
@click.option(
    "--max-input-cost",
    type=click.FloatRange(min=0),
    metavar="X",
    help="At most X US dollars per million input tokens.",
)
@click.option("--filter", "globs", multiple=True, metavar="GLOB", help='Names like "claude-*" (repeatable).')
@click.option(
    "--sort",
    metavar="FIELD",
    shell_complete=completes("sort fields"),
    help="Order by this field, for example context_window or cost.input.",
)
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N models.")
@click.option("--refresh", is_flag=True, help="Ask the proxy, whatever is cached.")
@pass_app
@click.pass_context
def models(
    context: click.Context,
    app: App,
    *,
    every_mode: bool,
    modes: Sequence[str],
    supports: Sequence[str],
    inputs: Sequence[str],
    reasoning: bool,
    min_context: int | None,
    max_input_cost: float | None,
    globs: Sequence[str],
    sort: str | None,
    reverse: bool,
    limit: int | None,
    refresh: bool,
) -> Listing | None:
    """List the models that your key may use.

    Limits are in tokens, prices in US dollars per million tokens. Of several deployments behind one name the smallest
    limit, the highest price and the abilities that all of them share are shown; what is unknown is empty, null in
    JSON, and never passes a filter. The list is cached for 24 hours.
    """
    if context.invoked_subcommand is not None:
        return None
    for name in supports:
        if name not in ABILITY_WORDS:
            raise UsageFailure(
                f'--supports: no ability is called "{name}".{suggestion(name, list(ABILITY_WORDS))}',
                remedy=f"one of {', '.join(ABILITY_WORDS)}",
            )
    if sort is not None and sort not in SORT_FIELDS:
        named = [name for name in SORT_FIELDS if not name.startswith("supports.")]
        raise UsageFailure(
            f'--sort: no field "{sort}" to sort by.{suggestion(sort, list(SORT_FIELDS))}',
            remedy=f"one of {', '.join(named)}",
        )
    from litellmctl.catalog.selection import Selection

    selection = Selection(
        every_mode, modes, supports, inputs, reasoning, min_context, max_input_cost, globs, sort, reverse, limit
    )
    catalog = app.catalogs.models(refresh=refresh)
    for note in catalog.notes:
        app.console.note(note)
    if selection.is_default:
        hidden = len(catalog.lines) - catalog.listed
        if hidden and app.console.stdout_is_terminal:
            app.console.note(f"{hidden} more in other modes (--all)")
        return Listing(
            _LazyRows(lambda: selection.apply(catalog.models)),
            TABLE,
            json_lines=lambda: catalog.listed_lines,
            empty="No models.",
        )
    table = (TABLE[0], _MODE, *TABLE[1:]) if every_mode or modes else TABLE
    return Listing(cast("list[Row]", selection.apply(catalog.models)), table, empty="No models like that.")


@command(
    "show",
    fields=FIELDS,
    examples="""
    # All that is known of a model
    $ litellmctl models show gpt-4o
    # Its price for a million output tokens
    $ litellmctl models show gpt-4o --json | jq .cost.output
    """,
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=completes("models"))
@click.option("--refresh", is_flag=True, help="Ask the proxy, whatever is cached.")
@pass_app
def show(app: App, *, ids: Sequence[str], refresh: bool) -> Listing | Record:
    """Show all that is known of one or several models.

    One ID gives an object in JSON, several give an array. An ID that is not there is reported, with exit code 5;
    the others are shown.
    """
    catalog = app.catalogs.models(refresh=refresh)
    known = {model["id"]: cast("Row", model) for model in catalog.models}
    found = [known[name] for name in dict.fromkeys(ids) if name in known]
    for name in dict.fromkeys(ids):
        if name not in known:
            app.failures.append(
                Rejected(
                    "not_found",
                    f'no model "{name}" at {catalog.base_url}.{suggestion(name, list(known))}',
                    remedy="litellmctl models --all --refresh",
                )
            )
    if len(ids) == 1:
        if not found:
            raise app.failures.pop()
        from litellmctl.catalog.price_text import others_text, tiers_text

        cost = found[0]["cost"]
        words = {"cost.tiers": tiers_text(cost["tiers"]), "cost.other": others_text(cost["other"])}
        return Record(found[0], words=words)
    return Listing(found, (TABLE[0], _MODE, *TABLE[1:]))


models.add_command(show)


class _LazyRows:
    """Rows that are made when somebody wants them: JSON output copies ready-printed lines instead."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __iter__(self) -> Any:
        return iter(self._make())


def _tokens(value: int | None) -> str:
    """Return a limit at a glance: 128K, 1.05M. The exact number is in `show` and in every other format."""
    for size, unit in ((1_000_000, "M"), (1_000, "K")):
        if value is not None and value >= size:
            return f"{value / size:.3g}{unit}"
    return "" if value is None else str(value)


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _abilities(model: Model) -> str:
    short = {"function_calling": "tools", "web_search": "web", "computer_use": "computer"}
    words = [word for name, word in short.items() if model["supports"].get(name)]
    return ",".join([*words, *(["reasoning"] if model["reasoning"] else [])]) or "-"


def _column(header: str, cell: Any, *, right: bool = False) -> Column:
    return Column(header, lambda row: cell(cast("Model", row)), right)


_MODE = _column("MODE", lambda model: clean(model["mode"] or ""))
TABLE = (
    _column("ID", lambda model: clean(model["id"])),
    _column("CONTEXT", lambda model: _tokens(model["context_window"]), right=True),
    _column("OUTPUT", lambda model: _tokens(model["max_output_tokens"]), right=True),
    _column("$/M IN", lambda model: _price(model["cost"]["input"]), right=True),
    _column("$/M OUT", lambda model: _price(model["cost"]["output"]), right=True),
    _column("TAKES", lambda model: ",".join(model["input"] or [])),
    _column("CAN", _abilities),
)
