"""Changes to the files of other programs, as data: what to set, put, fill in, remove, or write as a block."""

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
    """Replace by `items` those items of the list at `keys` that are ours, as `owns` says."""

    keys: tuple[str, ...]
    items: Sequence[dict[str, Any]]
    owns: Callable[[Any], bool]


def having(mark: str, owner: str, *, is_prefix: bool = False) -> Callable[[Any], bool]:
    """Return whether an item of a list has the value `owner` for `mark`, or one that starts with it."""

    def owns(item: Any) -> bool:
        value = item.get(mark) if isinstance(item, Mapping) else None
        return isinstance(value, str) and (value.startswith(owner) if is_prefix else value == owner)

    return owns


@dataclass(frozen=True)
class Fill:
    """Add the members of `value` that the mapping at `keys` lacks, recursively."""

    keys: tuple[str, ...]
    value: dict[str, Any]


@dataclass(frozen=True)
class Members:
    """Set the members of the mapping at `keys`, and remove its other members whose value is ours, as `owns` says.

    Where a member is ours already, what the user added to it is kept, other than `COMMAND_MEMBERS`.
    """

    keys: tuple[str, ...]
    members: Mapping[str, Any]
    owns: Callable[[Any], bool]


# What starts an MCP server, under the names that agents have for it: in an entry of ours, all of it is ours.
COMMAND_MEMBERS = frozenset({"command", "cmd", "args", "env", "envs", "env_vars", "environment"})


@dataclass(frozen=True)
class Drop:
    """Remove the member at `keys`. Only `Members` makes these."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Replace the lines between our two marks for `name` by `text`."""

    name: str
    text: str


Change = Set | Put | Fill | Members | Drop | Block
# Those that `documents` makes of the others: each is about one value.
Keyed = Set | Put | Drop


@dataclass(frozen=True)
class FileChange:
    """A file and the changes to it. `format` is json (comments allowed), toml, yaml or text (for blocks)."""

    path: Path
    format: str
    changes: Sequence[Change]
