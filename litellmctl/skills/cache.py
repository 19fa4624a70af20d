"""The skills on disk, for the prompt section: what each store told last, and whether it failed since."""

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
    """A skill as the prompt section and completion need it."""

    store: str
    id: str
    name: str | None
    enabled: bool
    description: str | None


class Part(NamedTuple):
    """What a store told at `fetched_at` (seconds since 1970; None: it never did).

    `tried_at` is when it was asked last, and `problem` why it did not answer then.
    """

    skills: list[Known]
    fetched_at: float | None
    tried_at: float
    problem: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the store need not be asked; a moment in the future is none that counts, by any clock."""
        return is_fresh(self.tried_at, FRESH_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the store told of its skills."""
        return age_of(self.fetched_at or 0)


class SkillCache(LineCache):
    """The cached skills of both stores: a line for each."""

    kind = "skills"
    schema = 1

    def read(self) -> dict[str, Part]:
        """Return what is known of each store; nothing of a store that was never asked, or where it is damaged."""
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
        """Replace what is known. Raises OSError; what was there is then still there."""
        header = {"parts": {store: [part.fetched_at, part.tried_at, part.problem] for store, part in parts.items()}}
        self.write_lines(header, [dump_json(skill) for part in parts.values() for skill in part.skills])
