"""Changes to the files of other programs, as data: what to set, put, fill in, or write as a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Set:
    """Set the value at `keys` to `value`, and keep its neighbours."""

    keys: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Put:
    """Replace by `items` those items of the list at `keys` in which `mark` has the value `owner`.

    With `is_prefix`, those in which that value starts with `owner`.
    """

    keys: tuple[str, ...]
    items: Sequence[dict[str, Any]]
    mark: str
    owner: str
    is_prefix: bool = False

    def owns(self, item: Any) -> bool:
        """Whether an item of the list is ours."""
        value = item.get(self.mark) if isinstance(item, Mapping) else None
        return isinstance(value, str) and (value.startswith(self.owner) if self.is_prefix else value == self.owner)


@dataclass(frozen=True)
class Fill:
    """Add the members of `value` that the mapping at `keys` lacks, recursively."""

    keys: tuple[str, ...]
    value: dict[str, Any]


@dataclass(frozen=True)
class Members:
    """Set the members of the mapping at `keys`, and remove its other members whose value is ours, as `owns` says."""

    keys: tuple[str, ...]
    members: Mapping[str, Any]
    owns: Callable[[Any], bool]


@dataclass(frozen=True)
class Block:
    """Replace the lines between our two marks for `name` by `text`."""

    name: str
    text: str


Change = Set | Put | Fill | Block


@dataclass(frozen=True)
class FileChange:
    """A file and the changes to it. `format` is json (comments allowed), toml, yaml or text (for blocks)."""

    path: Path
    format: str
    changes: Sequence[Change]
