"""Waiting for the end of a session."""

from __future__ import annotations

import io
import os
import sys

import pytest

from litellmctl.bridge.ending import Ending
from litellmctl.foundation.threads import after, in_background


def test_a_session_that_is_over_is_not_waited_for() -> None:
    ending = Ending()
    ending.over()
    ending.over()
    assert ending.wait(io.BytesIO()) is True


def test_a_session_is_waited_for() -> None:
    ending = Ending()
    after(0.05, ending.over)
    assert ending.wait(io.BytesIO()) is True


@pytest.mark.skipif(sys.platform == "win32", reason="no poll there")
def test_a_reader_that_is_gone_is_noticed() -> None:
    source, sink = os.pipe()
    with os.fdopen(sink, "wb", buffering=0) as stream:
        is_over = in_background(lambda: Ending().wait(stream))
        assert not is_over.wait(0.05)
        os.close(source)
        assert is_over.wait(20)
        assert is_over.result() is False


@pytest.mark.skipif(sys.platform == "win32", reason="no poll there")
def test_a_file_has_no_reader_to_lose(tmp_path: object) -> None:
    with open(f"{tmp_path}/out", "wb") as stream:
        ending = Ending()
        is_over = in_background(lambda: ending.wait(stream))
        assert not is_over.wait(0.05)
        ending.over()
        assert is_over.wait(20)
        assert is_over.result() is True
