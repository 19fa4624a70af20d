"""The caches of the program, by what they hold: models, tools or skills."""

from __future__ import annotations

import json
from pathlib import Path


def cache_file(home: Path, kind: str = "models") -> Path:
    """Return the only cache of this kind."""
    (path,) = (home / "cache").glob(f"{kind}-*.jsonl")
    return path


def make_older(home: Path, seconds: float, kind: str = "models") -> None:
    """Make all caches of this kind older."""
    for path in (home / "cache").glob(f"{kind}-*.jsonl"):
        head, rest = path.read_text().split("\n", 1)
        header = json.loads(head)
        header["fetched_at"] -= seconds
        path.write_text(json.dumps(header) + "\n" + rest)
