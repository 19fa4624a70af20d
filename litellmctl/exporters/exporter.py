"""What an exporter is: one program, the files it reads, and what is to stand in them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.catalog.model import Tier

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Cost, Model

# The variable that `litellmctl env` sets to the key.
KEY_VARIABLE = "LITELLM_API_KEY"
# So many models are named in a warning, and the others counted.
_MAX_NAMED = 5


@dataclass(frozen=True)
class Provider:
    """The proxy, as a provider of models.

    `base_url` is the proxy's root, without `/v1`; `command` are the words of the command that prints the key.
    Programs that run no command read it from a variable: `KEY_VARIABLE`, where they do not insist on one of their own.
    `with_skills` asks for the proxy's skill marketplace too.
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
    """The value at `keys` becomes `value`; what stands in a mapping beside it stays."""

    keys: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Put:
    """In the list at `keys`, the items in which `mark` has the value `owner` are replaced by `items`.

    With `is_prefix` those in which that value begins with `owner`.
    """

    keys: tuple[str, ...]
    items: Sequence[dict[str, Any]]
    mark: str
    owner: str
    is_prefix: bool = False

    def owns(self, item: Any) -> bool:
        """Whether an item of the list is one of ours."""
        value = item.get(self.mark) if isinstance(item, Mapping) else None
        return isinstance(value, str) and (value.startswith(self.owner) if self.is_prefix else value == self.owner)


@dataclass(frozen=True)
class Fill:
    """The members of `value` that the mapping at `keys` lacks are added to it, mapping by mapping."""

    keys: tuple[str, ...]
    value: dict[str, Any]


@dataclass(frozen=True)
class Block:
    """The lines between our two marks, which `name` tells from other blocks of ours, become `text`."""

    name: str
    text: str


Change = Set | Put | Fill | Block


@dataclass(frozen=True)
class FileChange:
    """A file and what changes in it. `format` is json (comments allowed), toml, yaml or text (for blocks)."""

    path: Path
    format: str
    changes: Sequence[Change]


@dataclass(frozen=True)
class Export:
    """What an exporter makes of a provider: the files, what the user does then, and what to know before a write."""

    files: Sequence[FileChange]
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


class Exporter(ABC):
    """One program.

    `name` is what `export` takes, `title` what people call it, `program` its executable, `key_from` where it takes the
    key from, in words.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    key_from: ClassVar[str] = "runs litellmctl token for the key."

    @abstractmethod
    def path(self) -> Path:
        """Return the program's own file that `export` changes first, by the program's own rules."""

    def folder(self) -> Path:
        """Return the folder whose existence says that the program is used here."""
        return self.path().parent

    @abstractmethod
    def export(self, provider: Provider) -> Export:
        """Return what is to stand in the program's files; no key is in it.

        Nothing is written. The program's files are read only where what they say changes what is right for the program,
        and nothing fails because of them.
        """


def shell_words(words: Sequence[str]) -> str:
    """Return a command as one line, for programs that give it to a shell: sh, or cmd on Windows."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        # Some try Git Bash first, which would eat the backslashes of an unquoted path.
        program, *rest = words
        line = f'"{program.replace(chr(92), "/")}" {list2cmdline(rest)}'
    else:
        import shlex

        line = shlex.join(words)
    return line


def left_out(names: Sequence[str], why: str) -> list[str]:
    """Return the warning that models of these names are left out: none where there are none."""
    if not names:
        return []
    others = f" and {len(names) - _MAX_NAMED} others" if len(names) > _MAX_NAMED else ""
    return [f"left out {', '.join(map(repr, names[:_MAX_NAMED]))}{others}: {why}"]


def per_token(per_million: float | None) -> float | None:
    """Return a price in US dollars for one token, from one for a million."""
    # Decimal shifts the point: a division would make 1.0000000000000001e-07 of some prices.
    return None if per_million is None else float(Decimal(repr(per_million)).scaleb(-6))


def priced(cost: Cost) -> tuple[Tier, list[Tier]]:
    """Return the prices that a model starts with, and its tiers above those, for programs that take tiers.

    Prices that begin above 0 tokens are those to start with.
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
    """Return those facts that are known: None is left out, never guessed."""
    return {name: value for name, value in facts.items() if value is not None}
