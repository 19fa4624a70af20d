"""The base class of exporters: one program, its files, and the changes to them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.catalog.model import Tier
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import dump_json

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Cost, Model

# The variable that `litellmctl env` sets to the key.
KEY_VARIABLE = "LITELLM_API_KEY"


@dataclass(frozen=True)
class Provider:
    """The proxy, as a provider of models.

    `base_url` is the proxy's root, without `/v1`; `command` has the words of the command that prints the key. Programs
    that run no command read the key from a variable: `KEY_VARIABLE`, or one of their own. `with_skills` adds the
    proxy's skill marketplace.
    """

    id: str
    name: str
    base_url: str
    models: Sequence[Model]
    command: Sequence[str]
    with_skills: bool = False

    @property
    def v1(self) -> str:
        """The base URL of OpenAI's API."""
        return f"{self.base_url}/v1"


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


@dataclass(frozen=True)
class Export:
    """The changes to files for a provider, the commands to run then, and warnings to print before a write."""

    files: Sequence[FileChange]
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


class Exporter(ABC):
    """One program.

    `name` is the argument of `export`, `title` the name of the program, `program` its executable, and `key_from` says
    where it takes the key from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    key_from: ClassVar[str] = "runs litellmctl token for the key."

    @abstractmethod
    def path(self) -> Path:
        """Return the first file that `export` changes, found by the program's own rules."""

    def folder(self) -> Path:
        """Return the folder that exists if the program is used here."""
        return self.path().parent

    @abstractmethod
    def export(self, provider: Provider) -> Export:
        """Return the changes to the program's files, without any key.

        Nothing is written. The program's files are read only if their content changes what the program needs; a file
        that cannot be read is ignored.
        """


def shell_words(words: Sequence[str]) -> str:
    """Return a command as one line for programs that run it in a shell: sh, or cmd on Windows."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        # Some programs try Git Bash first, which would drop the backslashes of an unquoted path.
        program, *rest = words
        line = f'"{program.replace(chr(92), "/")}" {list2cmdline(rest)}'
    else:
        import shlex

        line = shlex.join(words)
    return line


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
