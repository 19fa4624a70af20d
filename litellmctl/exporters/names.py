"""What an exporter says of the models that a program cannot have."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 5


def left_out(names: Sequence[str], why: str) -> list[str]:
    """Return the warning that models of these names are left out: none where there are none."""
    if not names:
        return []
    others = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return [f"left out {', '.join(map(repr, names[:_NAMED]))}{others}: {why}"]
