from __future__ import annotations

import time

import pytest

from litellmctl.auth import validity
from litellmctl.auth.validity import Validity


@pytest.mark.parametrize(
    ("due", "expires", "is_due", "has_expired"),
    [
        (None, None, False, False),
        (-1, 60, True, False),
        (60, 120, False, False),
        (-2, -1, True, True),
    ],
)
def test_a_key_is_due_before_it_has_expired(
    due: int | None, expires: int | None, is_due: bool, has_expired: bool
) -> None:
    now = time.time()
    key = Validity(time.monotonic() - 5, None if due is None else now + due, None if expires is None else now + expires)
    assert (key.is_due, key.has_expired) == (is_due, has_expired)


def test_a_key_that_was_looked_up_just_now_is_good_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Validity(time.monotonic(), None, time.time() - 3600)
    assert not key.has_expired
    monkeypatch.setattr(validity, "_LOOKED_UP_SECONDS", -1.0)
    assert key.has_expired
