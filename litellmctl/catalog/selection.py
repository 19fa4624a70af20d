"""Choosing and ordering models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from litellmctl.catalog.model import MODALITY_WORDS, Model, is_chat
from litellmctl.foundation.globs import matches


class Selection(NamedTuple):
    """Which models to show, and in which order. What is unknown of a model never passes a filter.

    Patterns and names are compared without regard to case; `max_input_cost` is in US dollars per million tokens.
    """

    every_mode: bool = False
    modes: Sequence[str] = ()
    supports: Sequence[str] = ()
    inputs: Sequence[str] = ()
    reasoning: bool = False
    min_context: int | None = None
    max_input_cost: float | None = None
    globs: Sequence[str] = ()
    sort: str | None = None
    reverse: bool = False
    limit: int | None = None

    @property
    def is_default(self) -> bool:
        """Whether this is simply the list."""
        return self == Selection()

    def apply(self, models: Sequence[Model]) -> list[Model]:
        """Return the chosen models in order: by name, or by `sort` with what is unknown last."""
        chosen = [model for model in models if self._admits(model)]
        if self.sort is not None:
            known = [model for model in chosen if _value(model, self.sort) is not None]
            known.sort(key=lambda model: _rank(_value(model, self.sort or "id")), reverse=self.reverse)
            chosen = known + [model for model in chosen if _value(model, self.sort) is None]
        elif self.reverse:
            chosen.reverse()
        return chosen[: self.limit]

    def _admits(self, model: Model) -> bool:
        if self.modes:
            if (model["mode"] or "chat") not in self.modes:
                return False
        elif not self.every_mode and not is_chat(model):
            return False
        window, price = model["context_window"], model["cost"]["input"]
        return (
            all(_can(model, name) for name in self.supports)
            and all(what in (model["input"] or ()) for what in self.inputs)
            and (not self.reasoning or model["reasoning"] is True)
            and (self.min_context is None or (window is not None and window >= self.min_context))
            and (self.max_input_cost is None or (price is not None and price <= self.max_input_cost))
            and (not self.globs or matches([model["id"]], self.globs))
        )


def _can(model: Model, name: str) -> bool:
    if name == "reasoning":
        return model["reasoning"] is True
    if name in MODALITY_WORDS:
        field, what = MODALITY_WORDS[name]
        modalities = model["input"] if field == "input" else model["output"]
        return what in (modalities or ())
    return model["supports"].get(name) is True


def _value(model: Model, field: str) -> Any:
    value: Any = model
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _rank(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list):
        return (len(value), value)
    return (value.lower(), value) if isinstance(value, str) else (value,)
