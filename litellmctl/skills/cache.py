"""The cached skills, for the prompt section: the last list of each store, and whether the store failed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from litellmctl.foundation.line_cache import LineCache
from litellmctl.foundation.text import dump_json
from litellmctl.foundation.times import age_of, is_fresh
from litellmctl.skills.skill import STORES

FRESH_SECONDS = 60


class Known(NamedTuple):
    """A skill, as far as the prompt section and completion need it."""

    store: str
    id: str
    name: str | None
    enabled: bool
    description: str | None


class Part(NamedTuple):
    """The skills that a store listed at `fetched_at` (seconds since 1970; None: never).

    `tried_at` is the time of the last request, and `problem` the reason if it failed.
    """

    skills: list[Known]
    fetched_at: float | None
    tried_at: float
    problem: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the store need not be asked; a time in the future does not count."""
        return is_fresh(self.tried_at, FRESH_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the store listed its skills."""
        return age_of(self.fetched_at or 0)


class SkillCache(LineCache):
    """The cached skills of both stores, one a line."""

    kind = "skills"
    schema = 1

    def read(self) -> dict[str, Part]:
        """Return the cached part of each store that was asked; none if the cache is damaged."""
        found = self.read_lines()
        if found is None:
            return {}
        header, lines = found
        try:
            skills = [Known(*row) for row in json.loads(f"[{','.join(lines)}]")]
            return {
                store: Part(
                    [skill for skill in skills if skill.store == store],
                    None if fetched_at is None else float(fetched_at),
                    float(tried_at),
                    problem,
                )
                for store, (fetched_at, tried_at, problem) in header["parts"].items()
                if store in STORES
            }
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return {}

    def write(self, parts: Mapping[str, Part]) -> None:
        """Replace the cache. Raises OSError, and then keeps the old one."""
        header = {"parts": {store: [part.fetched_at, part.tried_at, part.problem] for store, part in parts.items()}}
        self.write_lines(header, [dump_json(skill) for part in parts.values() for skill in part.skills])
