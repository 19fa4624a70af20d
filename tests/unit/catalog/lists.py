"""Lists of models to be cached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litellmctl.catalog.cache import Catalog
from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer

URL = "https://llm.example.com"


IDENTITY = ["env", "sk-secret-key", "authorization"]


def models(*rows: tuple[str, dict[str, Any]]) -> list[Model]:
    reducer = Reducer()
    for name, info in rows:
        reducer.deployment({"model_name": name, "model_info": info})
    return list(reducer.models("model_info"))


ROWS = models(("a", {"mode": "embedding"}), ("b", {"mode": "chat", "input_cost_per_token": 1e-6}), ("c", {}))


def catalog(found: list[Model] = ROWS, notes: list[str] | None = None, **changed: Any) -> Catalog:
    return Catalog.of_models(URL, "model_info", found, lambda: notes or [])._replace(**changed)


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("models-*.jsonl")
    return path
