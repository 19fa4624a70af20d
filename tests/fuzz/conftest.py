"""Every property has an empty environment, a home of its own, and, in a campaign, all the time that it takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.configuration
import pytest

from tests.fuzz.strategies import IS_CAMPAIGN
from tests.unit.conftest import home

__all__ = ["home"]

hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "litellmctl-hypothesis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the properties no limit in a campaign."""
    if IS_CAMPAIGN:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.timeout(0))
