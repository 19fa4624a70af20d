"""The names of fields that `--fields` and `--sort` take: checked, corrected, completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.errors import UsageFailure, suggestion

if TYPE_CHECKING:
    from litellmctl.terminal.data import Column


class Fields(NamedTuple):
    """The fields of what a command returns.

    `known` has what each means. `parts` has the keys of those that are objects (`cost` -> input, output ...); with no
    keys, any deeper name is a field. `columns` are those of the table: their headers are names of their fields too.
    """

    known: Mapping[str, str]
    parts: Mapping[str, Sequence[str]] = {}
    columns: Sequence[Column] = ()

    def named(self, word: str) -> str | None:
        """Return the field that `word` names, whatever its case, or None: CONTEXT is `context_window`."""
        return self._exactly(word) or self._headed(word.lower()) or self._exactly(word.lower())

    def require(self, word: str, option: str = "--fields") -> str:
        """Return the field that `word` names; raises a `UsageFailure` that lists the right ones of its kind."""
        found = self.named(word)
        if found is None:
            root, dot, _ = word.partition(".")
            names = list(self.known)
            if dot and root in self.known and self.parts.get(root):
                names = [f"{root}.{part}" for part in self.parts[root]]
            near = suggestion(word, [*self.known, *self.inner, *(column.header.lower() for column in self.columns)])
            raise UsageFailure(f'{option}: unknown field "{word}"{near}', remedy=f"use {', '.join(names)}")
        return found

    @property
    def inner(self) -> list[str]:
        """The dotted names of the keys of objects."""
        return [f"{root}.{part}" for root, parts in self.parts.items() if root in self.known for part in parts]

    @property
    def meanings(self) -> dict[str, str]:
        """All names, each with what it means ("": its name says it)."""
        return {**self.known, **dict.fromkeys(self.inner, "")}

    def _exactly(self, word: str) -> str | None:
        if word in self.known:
            return word
        root, _, part = word.partition(".")
        if not part or root not in self.known or root not in self.parts:
            return None
        return word if not self.parts[root] or part in self.parts[root] else None

    def _headed(self, word: str) -> str | None:
        return next((column.name for column in self.columns if column.header.lower() == word), None)
