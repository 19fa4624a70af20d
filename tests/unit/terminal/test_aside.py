"""Messages that are said in a thread of their own: in order, and never in the way of who says them."""

from __future__ import annotations

import threading

from litellmctl.terminal.aside import Aside


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def note(self, text: str) -> None:
        self.open.wait(30)
        self.said.append(f"note {text}")

    def warn(self, text: str) -> None:
        self.said.append(f"warn {text}")

    def trace(self, text: str) -> None:
        self.said.append(f"trace {text}")


def test_all_is_said_in_order_before_it_closes() -> None:
    listener = Listener()
    aside = Aside(listener)
    aside.note("a")
    aside.warn("b")
    aside.trace("c")
    assert aside.close(30) is True
    assert listener.said == ["note a", "warn b", "trace c"]


def test_one_who_takes_nothing_holds_up_nobody() -> None:
    listener = Listener()
    listener.open.clear()
    aside = Aside(listener)
    for number in range(5000):
        aside.note(str(number))
    assert aside.close(0.1) is False
    listener.open.set()
    assert aside.close(30) is True
    assert 1000 <= len(listener.said) < 1010


def test_a_stream_that_breaks_does_not_end_it() -> None:
    listener = Listener()
    aside = Aside(listener)

    def fail() -> None:
        raise OSError

    aside.do(fail)
    aside.note("after")
    assert aside.close(30) is True
    assert listener.said == ["note after"]
