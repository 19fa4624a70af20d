"""What waits to be written; what a client sees of it is in test_session.py."""

from __future__ import annotations

import io
import os
import threading
from typing import Any

import pytest

from litellmctl.bridge.outbox import Outbox
from litellmctl.foundation.threads import in_background
from tests.effort import until


class Sink(io.BytesIO):
    """A stream that takes nothing until its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, data: Any) -> int:
        assert self.gate.wait(20)
        return super().write(data)


def _outbox(sink: io.BytesIO) -> tuple[Outbox, threading.Event]:
    ended = threading.Event()
    outbox = Outbox(sink, ended.set)
    outbox.start()
    return outbox, ended


def test_all_is_written_in_order_before_the_end() -> None:
    sink = Sink()
    outbox, ended = _outbox(sink)
    for number in range(100):
        outbox.put(str(number))
    outbox.finish()
    assert not outbox.is_empty
    sink.gate.set()
    assert ended.wait(20)
    assert sink.getvalue().split() == [str(number).encode() for number in range(100)]
    assert outbox.is_empty


def test_an_answer_waits_for_room_and_a_notification_is_dropped() -> None:
    sink = Sink()
    outbox, ended = _outbox(sink)
    outbox.put("x" * 5 * 2**20)
    waits = in_background(lambda: outbox.put("answer"))
    outbox.note("notification")
    assert not waits.wait(0.05)
    sink.gate.set()
    assert waits.wait(20)
    outbox.finish()
    assert ended.wait(20)
    assert sink.getvalue().endswith(b"x\nanswer\n")


def test_a_notification_that_waits_already_is_not_repeated() -> None:
    sink = Sink()
    outbox, ended = _outbox(sink)
    outbox.put("first")
    for _ in range(3):
        outbox.note("changed")
        outbox.note("other")
    outbox.finish()
    sink.gate.set()
    assert ended.wait(20)
    assert sink.getvalue() == b"first\nchanged\nother\n"


@pytest.mark.parametrize("is_closed", [False, True])
def test_nobody_waits_for_a_client_that_is_gone(is_closed: bool) -> None:
    source, sink = os.pipe()
    stream = os.fdopen(sink, "wb", buffering=0)
    os.close(source)
    if is_closed:
        stream.close()
    outbox, ended = _outbox(stream)  # type: ignore[arg-type]
    outbox.put("x" * 5 * 2**20)
    assert ended.wait(20)
    assert isinstance(outbox.error, BrokenPipeError)
    for _ in range(10):
        outbox.put("x" * 2**20)
    outbox.note("changed")
    until(lambda: not outbox.is_empty)  # what was not taken counts
    stream.close()
