"""The catalog on disk: one file for each profile and identity, replaced whole, read without parsing the models."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from litellmctl.catalog.model import Model, is_chat
from litellmctl.foundation.line_cache import LineCache
from litellmctl.foundation.text import dump_json
from litellmctl.foundation.times import age_of, is_fresh

FRESH_SECONDS = 24 * 3600


class Catalog(NamedTuple):
    """The models of a proxy for one identity.

    `lines` are the models as ready-printed JSON, first the `listed` ones that are listed by default.
    `fetched_at` is in seconds since 1970, `notes` has a sentence for each thing that was skipped.
    """

    base_url: str
    source: str
    fetched_at: float
    listed: int
    lines: Sequence[str]
    notes: Sequence[str] = ()

    @classmethod
    def of_models(
        cls, base_url: str, source: str, models: Iterable[Model], notes: Callable[[], Sequence[str]]
    ) -> Catalog:
        """Return the catalog of models that were just fetched; `notes` is called after the last of them."""
        chat: list[str] = []
        others: list[str] = []
        for model in models:  # one at a time: ten thousand of them take more memory than their lines
            (chat if is_chat(model) else others).append(dump_json(model))
        return cls(base_url, source, time.time(), len(chat), chat + others, notes())

    @property
    def models(self) -> list[Model]:
        """All models, in order of their names."""
        models: list[Model] = json.loads(f"[{','.join(self.lines)}]")
        models.sort(key=lambda model: model["id"])
        return models

    @property
    def listed_models(self) -> list[Model]:
        """The models that are listed by default, in order of their names: the order of the lines."""
        models: list[Model] = json.loads(f"[{','.join(self.listed_lines)}]")
        return models

    @property
    def listed_lines(self) -> Sequence[str]:
        """The ready-printed JSON of the models that are listed by default."""
        return self.lines[: self.listed]

    @property
    def age(self) -> float:
        """Seconds since it was fetched."""
        return age_of(self.fetched_at)

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used without a request; a list from far in the future may not."""
        return is_fresh(self.fetched_at, FRESH_SECONDS)


class CatalogCache(LineCache):
    """The cached catalog: its lines are the models."""

    kind = "models"
    schema = 2  # 1 had no tiers and no other prices

    def read(self) -> Catalog | None:
        """Return the catalog; None if there is none or it is damaged."""
        found = self.read_lines()
        if found is None:
            return None
        header, lines = found
        try:
            if not 0 <= int(header["listed"]) <= len(lines) or not isinstance(header["notes"], list):
                return None
            return Catalog(
                str(header["base_url"]),
                str(header["source"]),
                float(header["fetched_at"]),
                int(header["listed"]),
                lines,
                [str(note) for note in header["notes"]],
            )
        except (ValueError, KeyError, TypeError, OverflowError):
            return None

    def write(self, catalog: Catalog) -> None:
        """Replace the catalog. Raises OSError, and then keeps the old one."""
        header = {
            "source": catalog.source,
            "fetched_at": catalog.fetched_at,
            "listed": catalog.listed,
            "notes": list(catalog.notes),
        }
        self.write_lines(header, catalog.lines)


def changes(old: Sequence[Model], new: Sequence[Model]) -> dict[str, list[Any]]:
    """Return what changed: `added` and `removed` IDs, and `repriced` ones with the cost before and after."""
    before = {model["id"]: model for model in old}
    after = {model["id"]: model for model in new}
    return {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "repriced": [
            {"id": name, "before": before[name]["cost"], "after": model["cost"]}
            for name, model in after.items()
            if name in before and before[name]["cost"] != model["cost"]
        ],
    }
