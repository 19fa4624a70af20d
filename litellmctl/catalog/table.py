"""Models for people: the columns of a list, and the facts of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from litellmctl.catalog.model import ABILITIES, PRICES, SHORT_WORDS, Model
from litellmctl.catalog.units import dollar_text, exact_limit_text, limit_text, other_texts, price_text, tier_texts
from litellmctl.foundation.text import clean
from litellmctl.terminal.data import Column, Row
from litellmctl.terminal.streams import CYAN

# A price with more decimals sticks out on the left; aligning all prices with it would widen the column.
_MAX_ALIGNED = 4


def columns(rows: Iterable[Row], *, with_mode: bool = False) -> tuple[Column, ...]:
    """Return the columns of a list of models; those of prices line up at the decimal points of all rows.

    A narrow terminal hides what the model takes first, and keeps ID, context window and price of input.
    """
    table = (
        Column("ID", lambda row: clean(row["id"]), field="id", least=24),
        _limit("CONTEXT", "context_window"),
        _limit("MAX OUT", "max_output_tokens", drop=4),
        _price("$/M IN", "input", rows),
        _price("$/M OUT", "output", rows, drop=2),
        Column("TAKES", lambda row: _listed(row["input"]), field="input", drop=5, least=14),
        Column("CAN", lambda row: _listed(abilities(row)), value=abilities, drop=3, least=11),
    )
    # Last, so that the other columns of TSV are always the same ones.
    return (*table, Column("MODE", lambda row: clean(row["mode"] or ""), field="mode", drop=1)) if with_mode else table


def abilities(row: Row) -> list[str] | None:
    """Return the words for what a model can do, those that a list shows; None where none is known."""
    known = row["supports"].get
    return _abilities((*map(known, SHORT_WORDS.values()), row["reasoning"]))


@lru_cache(maxsize=256)  # of thousands of models, most can do the same
def _abilities(known: tuple[bool | None, ...]) -> list[str] | None:
    can = [word for word, flag in zip((*SHORT_WORDS, "reasoning"), known, strict=True) if flag]
    return None if not can and None in known else can


def _listed(words: Sequence[str] | None) -> str:
    return "" if words is None else ",".join(words) or "-"


def _limit(header: str, field: str, *, drop: int = 0) -> Column:
    return Column(header, lambda row: limit_text(row[field]), right=True, field=field, drop=drop)


def _price(header: str, name: str, rows: Iterable[Row], *, drop: int = 0) -> Column:
    @cache
    def places() -> int:
        """Return the room after the decimal point."""
        texts = {price_text(row["cost"][name]) for row in rows}
        return min(max((len(text.partition(".")[2]) for text in texts), default=0), _MAX_ALIGNED)

    def cell(row: Row) -> str:
        whole, point, decimals = price_text(row["cost"][name]).partition(".")
        return f"{whole}{point or ' '}{decimals:<{places()}}" if whole else ""

    def style(row: Row) -> str:
        return "" if row["cost"][name] is None else CYAN

    return Column(header, cell, right=True, field=f"cost.{name}", drop=drop, style=style)


def facts(model: Model) -> list[tuple[str, str]]:
    """Return all that is known of a model as pairs of a name and a text, related ones together.

    The names are fields, or say what is known of abilities: can, cannot, unknown. An empty name continues the fact
    above it.
    """
    cost = model["cost"]
    return [
        ("id", clean(model["id"])),
        ("mode", clean(model["mode"] or "?")),
        ("providers", _words(model["providers"])),
        ("deployments", str(model["deployments"] or "?")),
        ("context_window", exact_limit_text(model["context_window"]) or "?"),
        ("max_output_tokens", exact_limit_text(model["max_output_tokens"]) or "?"),
        *[(f"cost.{name}", _per_million(cost[name])) for name in PRICES],  # type: ignore[literal-required]
        *_lines("cost.tiers", tier_texts(cost["tiers"])),
        *_lines("cost.other", other_texts(cost["other"])),
        ("input", _words(model["input"])),
        ("output", _words(model["output"])),
        *_by_answer(model),
        ("reasoning_efforts", _words(model["reasoning_efforts"])),
        ("complete", "yes" if model["complete"] else "no"),
        ("source", clean(model["source"])),
    ]


def words(model: Model) -> dict[str, str]:
    """Return what a person reads of the fields whose values are lists of objects."""
    cost = model["cost"]
    return {
        "cost.tiers": "; ".join(tier_texts(cost["tiers"])),
        "cost.other": ", ".join(other_texts(cost["other"])),
    }


def _words(words: Sequence[str] | None) -> str:
    return "?" if words is None else ", ".join(map(clean, words)) or "none"


def _per_million(dollars: float | None) -> str:
    return "?" if dollars is None else f"{dollar_text(dollars)} per million tokens"


def _lines(name: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    return [("" if number else name, text) for number, text in enumerate(texts or ("none",))]


def _by_answer(model: Model) -> list[tuple[str, str]]:
    """Return what a model can do, what it cannot, and what is unknown, by the words that `--supports` takes."""
    supports = model["supports"]
    known = {word: supports.get(name) for word, name in SHORT_WORDS.items()}
    known["reasoning"] = model["reasoning"]
    known.update({name: supports.get(name) for name in ABILITIES if name not in SHORT_WORDS.values()})
    answers: tuple[tuple[str, bool | None], ...] = (("can", True), ("cannot", False), ("unknown", None))
    found = [(name, ", ".join(word for word, flag in known.items() if flag is answer)) for name, answer in answers]
    return [(name, words) for name, words in found if words]
