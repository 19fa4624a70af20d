from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.settings.config import Config
from tests.unit.settings.config_file import WORK, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def config(path: Path) -> Config:
    """A config of three profiles: work, home, and default, which is always there."""
    return written(path, WORK)
