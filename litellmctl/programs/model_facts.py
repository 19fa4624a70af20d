"""Facts of models in the words of other programs: prices of one token, tiers, and only what is known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from litellmctl.catalog.model import Tier
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import dump_json

if TYPE_CHECKING:
    from litellmctl.catalog.model import Cost, Model


def with_id(models: Sequence[Model], name: str | None) -> Model | None:
    """Return the model with this ID; None if there is none."""
    return next((model for model in models if model["id"] == name), None)


def skipped(names: Sequence[str], why: str) -> list[str]:
    """Return the warning that the models with these names are skipped; none if there are no names."""
    return [f"skipped {listed([dump_json(name) for name in names])}: {why}"] if names else []


def per_token(per_million: float | None) -> float | None:
    """Return the price of one token in US dollars, from that of a million."""
    # Decimal shifts the point: a division would turn some prices into 1.0000000000000001e-07.
    return None if per_million is None else float(Decimal(repr(per_million)).scaleb(-6))


def priced(cost: Cost) -> tuple[Tier, list[Tier]]:
    """Return the base prices of a model and its tiers above those, for programs that support tiers.

    A tier that begins above 0 tokens has the base prices.
    """
    first = Tier(
        above=0,
        input=cost["input"],
        output=cost["output"],
        cache_read=cost["cache_read"],
        cache_write=cost["cache_write"],
    )
    tiers = cost["tiers"]
    return (tiers[0], tiers[1:]) if tiers and tiers[0]["above"] == 0 else (first, tiers)


def known(**facts: Any) -> dict[str, Any]:
    """Return the facts that are not None: what is unknown is never guessed."""
    return {name: value for name, value in facts.items() if value is not None}
