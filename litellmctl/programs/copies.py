"""Another program's own file with changes, as the text of a copy: for one run the copy is read instead of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure
from litellmctl.foundation import files
from litellmctl.programs.documents import changed

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.programs.changes import FileChange


def read(path: Path) -> str | None:
    """Return the text of another program's file; None if there is none.

    Raises ConfigFailure for a file that cannot be read.
    """
    try:
        return files.read(path, foreign=True).decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = files.remedy(error, f"check {path}")
        raise ConfigFailure(f"cannot read {path}: {files.reason(error)}", remedy=remedy) from None
    except UnicodeDecodeError:
        raise ConfigFailure(f"cannot read {path}: it is not UTF-8 text", remedy=f"save {path} as UTF-8") from None


def with_changes(change: FileChange) -> str:
    """Return the text of the file with the changes, also if there is no file. Nothing is written.

    Raises ConfigFailure for a file that cannot be read.
    """
    before = read(change.path)
    try:
        return changed(change, before)
    except ConfigFailure as failure:
        reason = failure.message.removeprefix(f"cannot change {change.path}: ")
        raise ConfigFailure(f"cannot use {change.path}: {reason}", remedy=f"fix {change.path}") from None
