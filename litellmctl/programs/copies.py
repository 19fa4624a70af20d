"""Other programs' own files for one run: what is in them, and copies with changes that are read instead of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation import files
from litellmctl.programs.documents import Unfit, edited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from litellmctl.programs.changes import FileChange

# More than any program's settings have.
MAX_BYTES = 64 * 2**20


def read(path: Path) -> str | None:
    """Return the text of another program's file; None if there is none.

    Raises ConfigFailure for a file that cannot be read.
    """
    try:
        return files.read(path, foreign=True, limit=MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = files.remedy(error, f"check {path}")
        raise ConfigFailure(f"cannot read {path}: {files.reason(error)}", remedy=remedy) from None
    except UnicodeDecodeError:
        raise ConfigFailure(f"cannot read {path}: it is not UTF-8 text", remedy=f"save {path} as UTF-8") from None


def object_in(path: Path, parse: Callable[[str], Any] = json.loads) -> dict[str, Any]:
    """Return the JSON object in another program's file; nothing if there is none, or it cannot be read.

    That is for the program itself to report. `parse` raises ValueError for a text that is not valid.
    """
    try:
        found = parse(files.read(path, foreign=True, limit=MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def member(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object that is a member of another program's settings; nothing if there is none."""
    found = settings.get(name)
    return found if isinstance(found, dict) else {}


def with_changes(change: FileChange) -> str:
    """Return the text of the file with the changes, also if there is no file. Nothing is written.

    Raises ConfigFailure for a file that cannot be read, or not be changed.
    """
    try:
        after = edited(change, read(change.path))
    except Unfit as error:
        raise ConfigFailure(f"cannot use {change.path}: {error}", remedy=f"fix {change.path}") from None
    if after is None:
        raise ConfigFailure(f"cannot use {change.path} without losing other settings", remedy=f"simplify {change.path}")
    return after
