"""Choosing and ordering models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from litellmctl.catalog.model import MODALITIES, MODALITY_WORDS, SHORT_WORDS, Model, is_chat
from litellmctl.foundation.globs import matches


class Selection(NamedTuple):
    """Which models to show, and in which order. What is unknown of a model never passes a filter.

    Patterns, names and providers are compared without regard to case; costs are in US dollars per million tokens,
    `min_context` is in tokens. `supports` has words of `ABILITY_WORDS`.
    """

    every_mode: bool = False
    modes: Sequence[str] = ()
    providers: Sequence[str] = ()
    supports: Sequence[str] = ()
    inputs: Sequence[str] = ()
    reasoning: bool = False
    min_context: int | None = None
    max_input_cost: float | None = None
    max_output_cost: float | None = None
    globs: Sequence[str] = ()
    sort: str | None = None
    reverse: bool = False

    def apply(self, models: Sequence[Model]) -> list[Model]:
        """Return the chosen models in order: by name, or by `sort` with what is unknown last."""
        chosen = [model for model in models if self._has_mode(model) and self._admits(model)]
        if self.sort is not None:
            known = [model for model in chosen if _value(model, self.sort) is not None]
            known.sort(key=lambda model: _rank(_value(model, self.sort or "id")), reverse=self.reverse)
            chosen = known + [model for model in chosen if _value(model, self.sort) is None]
        elif self.reverse:
            chosen.reverse()
        return chosen

    def count_hidden(self, models: Sequence[Model]) -> int:
        """Return how many models would be chosen too, if every mode was."""
        return sum(self._admits(model) for model in models if not self._has_mode(model))

    def _has_mode(self, model: Model) -> bool:
        if self.modes:
            return (model["mode"] or "chat") in self.modes
        return self.every_mode or is_chat(model)

    def _admits(self, model: Model) -> bool:
        window, cost = model["context_window"], model["cost"]
        return (
            all(_can(model, name) for name in self.supports)
            and all(what in (model["input"] or ()) for what in self.inputs)
            and (not self.reasoning or model["reasoning"] is True)
            and (self.min_context is None or (window is not None and window >= self.min_context))
            and _costs_at_most(cost["input"], self.max_input_cost)
            and _costs_at_most(cost["output"], self.max_output_cost)
            and (not self.providers or matches(model["providers"] or (), self.providers))
            and (not self.globs or matches([model["id"]], self.globs))
        )


def _costs_at_most(price: float | None, most: float | None) -> bool:
    return most is None or (price is not None and price <= most)


def _can(model: Model, word: str) -> bool:
    if word == "reasoning":
        return model["reasoning"] is True
    if word in MODALITIES:
        return word in (model["input"] or ())
    if word in MODALITY_WORDS:
        field, what = MODALITY_WORDS[word]
        modalities = model["input"] if field == "input" else model["output"]
        return what in (modalities or ())
    return model["supports"].get(SHORT_WORDS.get(word, word)) is True


def _value(model: Model, field: str) -> Any:
    value: Any = model
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _rank(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list):
        return (len(value), value)
    return (value.lower(), value) if isinstance(value, str) else (value,)
