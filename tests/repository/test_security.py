"""Each promise in SECURITY.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.findall(r"`((?:unit|contract|live|hostile|fuzz|crash|repository)/[\w/]+\.py(?:::\w+)?)`", PROMISES)


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ") and "tests |" not in line]
    promises = [
        row for row in rows if not re.match(r"\| (---|what|secrets|who|the local keys|settings|caches|copies)", row)
    ]
    assert len(promises) > 15
    for row in promises:
        assert re.search(r"`[\w/]+\.py|the first table", row), row


@pytest.mark.parametrize("name", NAMED)
def test_it_exists(name: str) -> None:
    file, _, function = name.partition("::")
    text = (ROOT / "tests" / file).read_text("utf-8")
    assert not function or re.search(rf"^def {function}\(", text, re.MULTILINE), name
