from __future__ import annotations

import threading
import time

import pytest

from litellmctl.errors import ExitCode, Unavailable
from litellmctl.foundation.deadline import Deadline


def test_no_limit_leaves_what_was_asked_for() -> None:
    deadline = Deadline(None)
    assert deadline.remaining(7.5) == 7.5
    with deadline.paused():
        assert deadline.remaining(7.5) == 7.5
    assert deadline.run(lambda: "done") == "done"


def test_what_remains_is_at_most_what_was_asked_for_and_what_is_left() -> None:
    deadline = Deadline(60)
    assert deadline.remaining(5) == 5
    assert 59 < deadline.remaining(1000) <= 60


def test_when_the_time_is_over_the_failure_says_how_long_it_was() -> None:
    deadline = Deadline(0.01)
    time.sleep(0.02)
    with pytest.raises(Unavailable) as failure:
        deadline.remaining(1)
    assert failure.value.message == "no complete answer within 0.01 s"
    assert (failure.value.code, failure.value.exit_code) == ("timeout", ExitCode.UNAVAILABLE)
    assert "--timeout" in str(failure.value.remedy)


def test_paused_time_does_not_count_however_long_it_is() -> None:
    deadline = Deadline(0.3)
    with deadline.paused():
        time.sleep(0.5)
        assert 0.1 < deadline.remaining(5) <= 0.3
    assert 0.1 < deadline.remaining(5) <= 0.3
    time.sleep(0.35)
    with pytest.raises(Unavailable):
        deadline.remaining(5)


def test_a_pause_ends_with_an_error_too() -> None:
    deadline = Deadline(0.3)
    with pytest.raises(ZeroDivisionError), deadline.paused():
        raise ZeroDivisionError
    assert deadline.remaining(5) <= 0.3


def test_what_is_done_in_time_gives_its_result_or_its_error() -> None:
    assert Deadline(5).run(lambda: [1]) == [1]
    assert Deadline(5).run(lambda: None) is None

    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Deadline(5).run(fail)


def test_what_hangs_is_left_behind() -> None:
    hang = threading.Event()
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"no complete answer within 0\.2 s"):
        Deadline(0.2).run(lambda: hang.wait(30))
    assert time.monotonic() - start < 2
    hang.set()


def test_a_pause_inside_gives_what_runs_more_time() -> None:
    deadline = Deadline(0.2)

    def work() -> str:
        with deadline.paused():
            time.sleep(0.4)
        return "done"

    assert deadline.run(work) == "done"


def test_the_time_in_which_this_process_was_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    away = [0.0]
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + away[0])
    deadline = Deadline(5)

    def work() -> float:
        away[0] = 100.0  # as after SIGSTOP and SIGCONT
        return deadline.remaining(1000)

    assert 3 < deadline.run(work) <= 5
    away[0] = 200.0  # and where nobody looks, time passes as it does
    assert deadline.is_over
