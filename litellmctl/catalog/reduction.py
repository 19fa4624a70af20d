"""From a proxy's rows, taken as they arrive, to one model for each public name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from litellmctl.catalog import facts, prices
from litellmctl.foundation.globs import Wildcards

if TYPE_CHECKING:
    from litellmctl.catalog.facts import Facts
    from litellmctl.catalog.model import Model

# Names in LiteLLM's lists of models that are not models.
_PLACEHOLDERS = frozenset({"all-team-models", "all-proxy-models", "no-default-models"})
_MAX_NAME = 512
_MAX_REASONS = 100


class Reducer:
    """A `proxy.discovery.Collector` that keeps of each name only what its deployments have in common.

    Order does not matter, except that `expanded` comes after the deployments.
    """

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}
        self._wildcards: dict[str, Facts] = {}
        self._expanded: dict[str, Facts] = {}
        self._covering: dict[str, str] = {}
        self._covered: set[str] = set()
        self._searched: Wildcards | None = None
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._failed: set[str] = set()
        # Whether the proxy's release says null, rather than 0, for prices that it does not know.
        self._says_null = False

    def deployment(self, row: object) -> None:
        """Take a row of `/model/info`."""
        name = self._name(row, "model_name")
        if name is not None and isinstance(row, Mapping):
            found = facts.of_deployment(row)
            if found.prices.base[0] is None and not self._says_null:
                info = row.get("model_info")
                self._says_null = isinstance(info, Mapping) and prices.says_null(info)
            self._add(self._wildcards if "*" in name else self._facts, name, found)

    def listed(self, entry: object, group: object) -> None:
        """Take an entry of `/v1/models`, with its row of `/model_group/info`."""
        name = self._name(entry, "id")
        if name is None or not isinstance(entry, Mapping):
            return
        if "*" in name:
            self.skip(name, "the proxy does not list its models")
            return
        found = facts.of_entry(entry)
        if isinstance(group, Mapping):
            found = facts.completed(found, facts.of_group(group))
            self._says_null = self._says_null or prices.says_null(group)
        self._add(self._facts, name, found)

    def nameless(self, model: object) -> None:
        """Take a healthy endpoint of which only the underlying model's name is known."""
        name = self._name({"model": model}, "model")
        if name is not None:
            self._add(self._facts, name, facts.nothing(1))

    def expanded(self, entry: object) -> None:
        """Take an entry of `/v1/models`: a name that a wildcard covers inherits the wildcard row's facts."""
        name = entry.get("id") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or not isinstance(name, str) or "*" in name:
            return
        if self._searched is None:
            self._searched = Wildcards(self._wildcards)
        wildcard = self._covering.get(name) or self._searched.covering(name)
        if wildcard is None:
            if self._searched.is_exhausted:
                self.skip("an entry", "the proxy has too many wildcards to find the one that covers it")
        elif self._name(entry, "id"):
            self._covering[name] = wildcard
            self._covered.add(wildcard)
            self._add(self._expanded, name, facts.of_entry(entry))

    def skip(self, name: str, reason: str, *, failed: bool = False) -> None:
        """Remember something that is not listed, and why; `failed` says that a request failed."""
        if failed:
            self._failed.add(reason)
        if len(self._reasons) < _MAX_REASONS or (name, reason) in self._reasons:
            self._reasons[(name[:_MAX_NAME], reason)] += 1

    @property
    def wildcards(self) -> list[str]:
        """The wildcard rows of which no model was found yet."""
        return [name for name in self._wildcards if name not in self._covered]

    @property
    def reasons(self) -> list[str]:
        """A sentence for each thing that is not listed."""
        return [_sentence(name, reason, count) for (name, reason), count in self._reasons.items()]

    @property
    def failures(self) -> list[str]:
        """Those of the sentences that are about a failed request."""
        return [_sentence(name, why, count) for (name, why), count in self._reasons.items() if why in self._failed]

    def models(self, source: str) -> Iterator[Model]:
        """Yield the models in order of their names; a name that cannot be one is skipped, with its reason."""
        for name in sorted({*self._expanded, *self._facts}):
            # An entry describes exactly this name, so its mode overrides the wildcard's. A row of its own, if there is
            # one, overrides both.
            known = self._facts.get(name) or facts.completed(
                self._expanded[name], self._wildcards[self._covering[name]]
            )
            if len(known.modes) > 1:
                self.skip(name, f"its deployments mix the modes {' and '.join(sorted(known.modes))}")
            else:
                yield known.model(name, source, trusts_zeros=self._says_null)

    def _name(self, row: object, key: str) -> str | None:
        name: Any = row.get(key) if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            self.skip("an entry", "it has no name")
            return None
        if len(name) > _MAX_NAME:
            self.skip(f"{name[:40]}...", f"its name is longer than {_MAX_NAME} characters")
            return None
        if name in _PLACEHOLDERS:
            self.skip(name, "it is a placeholder, not a model")
            return None
        return name

    @staticmethod
    def _add(known: dict[str, Facts], name: str, found: Facts) -> None:
        known[name] = known[name].merged(found) if name in known else found


def _sentence(name: str, reason: str, count: int) -> str:
    return f"skipped {name}{f' ({count} times)' if count > 1 else ''}: {reason}"
