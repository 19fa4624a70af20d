"""`models`: which models the key may use, with limits, abilities and prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import click

from litellmctl.catalog import table
from litellmctl.catalog.model import ABILITY_WORDS, FIELDS, MODALITIES, PARTS, SORT_FIELDS
from litellmctl.commands.base import FormattedGroup, Number, command, completes, group, pass_app
from litellmctl.errors import Rejected, UsageFailure, suggestion
from litellmctl.foundation.text import clean
from litellmctl.terminal.data import Listing, Record, Row

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.cache import Catalog
    from litellmctl.catalog.model import Model
    from litellmctl.catalog.selection import Selection

# All columns that the table may have.
COLUMNS = table.columns((), with_mode=True)


class _ModelsGroup(FormattedGroup):
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand; `models refresh` is `refresh`, which is imported only here."""
        if cmd_name == "refresh":
            from litellmctl.commands.refresh import refresh

            return refresh
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest `models show gpt-4o` for `models gpt-4o`."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = suggestion(name, [*self.commands, "refresh"])
            remedy = "litellmctl models --help" if near else f"litellmctl models show {clean(name)}"
            raise UsageFailure(f'unknown command "{name}"{near}', remedy=remedy)
        return super().resolve_command(ctx, args)


@group(
    "models",
    cls=_ModelsGroup,
    invoke_without_command=True,
    no_args_is_help=False,
    subcommand_metavar="[COMMAND]",
    fields=FIELDS,
    parts=PARTS,
    columns=COLUMNS,
    examples="""
    # All models, with their limits and prices
    $ litellmctl models
    # Models that see images and call tools, cheapest first
    $ litellmctl models --supports vision,tools --sort price
    # Claude models with a context window of at least 200,000 tokens
    $ litellmctl models --filter claude --min-context 200k
    # Model IDs for a script
    $ litellmctl models --json | jq -r '.[].id'
    """,
)
@click.option("--all", "every_mode", is_flag=True, help="Include embeddings, images, audio and other modes.")
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    shell_complete=completes("modes"),
    help="Mode: chat, embedding, rerank ... (repeatable).",
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    shell_complete=completes("providers"),
    help="Provider: openai, anthropic ... (repeatable).",
)
@click.option(
    "--filter", "filters", multiple=True, metavar="TEXT", help='Part of the ID, or a glob "gpt-*" (repeatable).'
)
@click.option(
    "--supports",
    multiple=True,
    metavar="A,B",
    shell_complete=completes("abilities"),
    help="Required abilities: tools, web, vision, pdf ...",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="A,B",
    shell_complete=completes("input kinds"),
    help="Required input kinds: text, image, audio, pdf, video.",
)
@click.option("--reasoning", is_flag=True, help="Only models that can reason.")
@click.option("--min-context", metavar="N", help="Minimum context window: 128000, 128k, 1m (k is 1000).")
@click.option(
    "--max-input-cost",
    type=Number(min=0),
    metavar="X",
    help="Maximum price of a million input tokens, in dollars.",
)
@click.option(
    "--max-output-cost",
    type=Number(min=0),
    metavar="X",
    help="Maximum price of a million output tokens, in dollars.",
)
@click.option(
    "--sort",
    metavar="FIELD",
    shell_complete=completes("sort fields"),
    help="Sort by a field or a column: context, price ...",
)
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Maximum number of models.")
@click.option("--refresh", is_flag=True, help="Request a new list from the proxy.")
@pass_app
@click.pass_context
def models(context: click.Context, app: App, /, **given: Any) -> Listing | None:
    """List the models that your key may use.

    Limits are in tokens, prices in US dollars per million tokens. Deployments that share a name are one model, with the
    smallest limit, the highest price and the abilities that all of them have. Unknown facts are "?" in a table, null in
    JSON, and never match a filter. The list is cached for 24 hours.

    A table rounds limits: 128K is 128,000 or 131,072 tokens. `models show` and the other formats have exact numbers.
    """
    if context.invoked_subcommand is None:
        return _listing(app, **given)
    if models.get_command(context, context.invoked_subcommand) is not list_:
        lost = [max(one.opts, key=len) for one in models.params if one.name in given and _was_given(context, one.name)]
        if lost:
            raise UsageFailure(
                f"{lost[0]} does not apply to models {context.invoked_subcommand}",
                remedy=f"litellmctl models {context.invoked_subcommand} --help",
            )
    return None


@command(
    "list",
    fields=FIELDS,
    parts=PARTS,
    columns=COLUMNS,
    examples="""
    # The same as litellmctl models
    $ litellmctl models list
    # Model IDs for a script
    $ litellmctl models list --json | jq -r '.[].id'
    """,
)
@pass_app
@click.pass_context
def list_(context: click.Context, app: App, /, **given: Any) -> Listing:
    """List the models that your key may use."""
    # An option may be before or after `list`; the later one wins.
    above = context.parent.params if context.parent else {}
    later = {name: value for name, value in given.items() if _was_given(context, name)}
    return _listing(app, **{**above, **later})


# One command under two names takes the same options.
list_.params = models.params


@command(
    "show",
    fields=FIELDS,
    parts=PARTS,
    columns=COLUMNS,
    examples="""
    # All facts about a model
    $ litellmctl models show gpt-4o
    # The price of a million output tokens
    $ litellmctl models show gpt-4o --json | jq .cost.output
    """,
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=completes("models"))
@click.option("--refresh", is_flag=True, help="Request a new list from the proxy.")
@pass_app
def show(app: App, *, ids: Sequence[str], refresh: bool) -> Listing | Record:
    """Show all facts about one or several models.

    One ID gives an object in JSON, several give an array. An unknown ID is an error with exit code 5; the other models
    are shown.
    """
    catalog = app.catalogs.models(refresh=refresh)
    _print_notes(app, catalog, wanted=refresh)
    known = {model["id"]: model for model in catalog.models}
    found = [known[name] for name in dict.fromkeys(ids) if name in known]
    for name in dict.fromkeys(ids):
        if name not in known:
            near = suggestion(name, list(known))
            app.failures.append(
                Rejected(
                    "not_found",
                    f'no model "{name}" at {catalog.base_url}{near}',
                    remedy="litellmctl models --all --refresh",
                )
            )
    if len(ids) == 1:
        if not found:
            raise app.failures.pop()
        return Record(cast("Row", found[0]), facts=table.facts(found[0]), words=table.words(found[0]))
    rows = cast("list[Row]", found)
    return Listing(rows, table.columns(rows, with_mode=True), empty="No such models")


models.add_command(list_)
models.add_command(show)


def _was_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _listing(app: App, *, refresh: bool, limit: int | None, **filters: Any) -> Listing:
    """Return the models that were asked for. Raises a `UsageFailure` for values that are not valid."""
    if limit is None and all(value is None or value is False or value == () for value in filters.values()):
        return _default_list(app, refresh=refresh)
    selection = _selection(**filters)
    catalog = app.catalogs.models(refresh=refresh)
    _print_notes(app, catalog, wanted=refresh or selection.every_mode)
    known = catalog.models
    if selection.modes or selection.providers:
        _check_names(known, selection.modes, selection.providers)
    chosen = selection.apply(known)
    shown = cast("list[Row]", chosen[:limit])
    notes = _notes(len(chosen) - len(shown), selection.count_hidden(known))
    columns = table.columns(shown, with_mode=selection.every_mode or bool(selection.modes))
    empty = "; ".join(notes if chosen else ["No models match", *notes])
    return Listing(shown, columns, empty=empty, after=notes)


def _selection(
    *,
    every_mode: bool,
    modes: Sequence[str],
    providers: Sequence[str],
    filters: Sequence[str],
    supports: Sequence[str],
    inputs: Sequence[str],
    reasoning: bool,
    min_context: str | None,
    max_input_cost: float | None,
    max_output_cost: float | None,
    sort: str | None,
    reverse: bool,
) -> Selection:
    from litellmctl.catalog.selection import Selection
    from litellmctl.foundation.globs import matcher

    return Selection(
        every_mode,
        modes,
        providers,
        _each("--supports", "ability", supports, ABILITY_WORDS),
        _each("--input", "kind of input", inputs, MODALITIES),
        reasoning,
        _context_window(min_context),
        max_input_cost,
        max_output_cost,
        tuple(map(matcher, filters)),
        _sort_field(sort),
        reverse,
    )


def _default_list(app: App, *, refresh: bool) -> Listing:
    catalog = app.catalogs.models(refresh=refresh)
    _print_notes(app, catalog, wanted=refresh)
    rows = _LazyRows(catalog)
    return Listing(
        rows,
        table.columns(rows),
        json_lines=lambda: catalog.listed_lines,
        empty="No models.",
        after=_notes(0, len(catalog.lines) - catalog.listed),
    )


class _LazyRows:
    """The models that are listed by default, decoded on first use: JSON output copies ready-printed lines instead."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @cached_property
    def _rows(self) -> list[Row]:
        return cast("list[Row]", self._catalog.listed_models)


def _print_notes(app: App, catalog: Catalog, *, wanted: bool) -> None:
    """Say what is not listed and why, to a user who wants to see everything."""
    if wanted or app.options.verbose:
        app.catalogs.note_skipped(catalog)


def _notes(cut: int, hidden: int) -> list[str]:
    """Return the notes on the models that were cut off by --limit, and on those of other modes."""
    notes = [f"{cut} more (raise --limit)"] if cut else []
    return [*notes, f"{hidden} more in other modes (--all)"] if hidden else notes


def _each(option: str, kind: str, given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the words of an option, which may be joined by commas as in a table; each must be a known one."""
    words = tuple(word.strip().lower() for text in given for word in text.split(","))
    for word in words:
        if word not in known:
            raise _not_valid(option, kind, word, known)
    return words


def _not_valid(option: str, kind: str, word: str, known: Sequence[str]) -> UsageFailure:
    near = suggestion(word, list(known))
    return UsageFailure(f'{option}: "{word}" is not a valid {kind}{near}', remedy=f"use one of {', '.join(known)}")


def _context_window(text: str | None) -> int | None:
    if text is None:
        return None
    from litellmctl.catalog.units import parsed_limit

    tokens = parsed_limit(text)
    if not tokens:
        raise UsageFailure(f'--min-context: "{text}" is not a valid number of tokens', remedy="use 128000, 128k or 1m")
    return tokens


def _sort_field(word: str | None) -> str | None:
    """Return the field to sort by: a column's header stands for its field, and price for that of input."""
    if word is None:
        return None
    from litellmctl.terminal.fields import Fields

    columns = [column for column in COLUMNS if column.field]
    found = "cost.input" if word.lower() == "price" else Fields(SORT_FIELDS, columns=columns).named(word)
    if found is None:
        named = ["price", *(name for name in SORT_FIELDS if not name.startswith("supports."))]
        headers = [column.header.lower() for column in columns]
        near = suggestion(word, [*named, *headers, *SORT_FIELDS])
        raise UsageFailure(
            f'--sort: "{word}" is not a valid field or column{near}',
            remedy=f"use one of {', '.join(named)}",
        )
    return found


def _check_names(models: Sequence[Model], modes: Sequence[str], providers: Sequence[str]) -> None:
    """Refuse modes that neither LiteLLM nor the catalog has, and providers that the catalog does not have."""
    from litellmctl.catalog.facts import MODES
    from litellmctl.foundation.globs import matches

    known_modes = sorted({*MODES, *(model["mode"] for model in models if model["mode"])})
    for mode in modes:
        if mode not in known_modes:
            raise _not_valid("--mode", "mode", mode, known_modes)
    known_providers = sorted({name for model in models for name in model["providers"] or ()})
    for provider in providers if known_providers else ():
        if not matches(known_providers, [provider]):
            raise _not_valid("--provider", "provider", provider, known_providers)
