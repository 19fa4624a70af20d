"""Requests that take time; what a client sees of them is in test_session.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from litellmctl.bridge import pending
from litellmctl.bridge.messages import Message
from litellmctl.bridge.pending import Queue, Request, Unanswered
from litellmctl.errors import Failure
from litellmctl.foundation.threads import in_background
from tests.effort import until


def _request(number: int, reply: Any = lambda _: None, size: int = 100) -> Request:
    return Request(Message("tools/call", {}, number, str(number)), "tool", size, reply)


def test_a_request_is_answered_or_cancelled_and_once() -> None:
    answers: list[Any] = []
    over: list[tuple[str, str]] = []
    requests = Unanswered(lambda request, outcome: over.append((request.id, outcome)))
    first, second = _request(1, answers.append), _request(2, answers.append)
    assert requests.add(first)
    assert requests.add(second)
    assert not requests.add(_request(1))
    requests.answer(first, "answer", "ok")
    assert requests.cancel(first.key) is None
    assert requests.cancel(second.key) is second
    requests.answer(second, "late", "ok")
    assert answers == ["answer", None]
    assert over == [("1", "ok"), ("2", "cancelled")]
    assert requests.is_empty
    requests.wait_until_empty()


def test_an_answer_that_is_being_sent_is_waited_for() -> None:
    gate = threading.Event()
    requests = Unanswered(lambda *_: None)
    request = _request(1, lambda _: gate.wait(20))
    requests.add(request)
    in_background(lambda: requests.answer(request, "answer", "ok"))
    until(lambda: request.is_over)
    assert not requests.is_empty
    empty = in_background(requests.wait_until_empty)
    assert not empty.wait(0.05)
    gate.set()
    assert empty.wait(20)


@pytest.mark.parametrize(("count", "size"), [(1001, 10), (17, 2**20)])
def test_too_many_that_wait_hold_up_the_next(count: int, size: int) -> None:
    gate = threading.Event()
    done: list[str] = []

    def work(request: Request) -> None:
        assert gate.wait(20)
        done.append(request.id)

    queue = Queue(1, work)

    def add() -> None:
        for number in range(count + 1):
            queue.add(_request(number, size=size))

    added = in_background(add)
    assert not added.wait(0.1)
    gate.set()
    assert added.wait(20)
    until(lambda: len(done) == count + 1)
    assert done == [str(number) for number in range(count + 1)]


def test_what_is_dropped_is_not_worked_on() -> None:
    gate = threading.Event()
    done: list[str] = []

    def work(request: Request) -> None:
        assert gate.wait(20)
        done.append(request.id)

    queue = Queue(1, work)
    requests = [_request(number) for number in range(3)]
    for request in requests:
        queue.add(request)
    queue.drop(requests[1])
    queue.drop(_request(9))
    gate.set()
    until(lambda: len(done) == 2)
    assert done == ["0", "2"]


def test_what_is_dropped_at_work_makes_room_for_others_up_to_a_limit() -> None:
    gate = threading.Event()
    begun: list[str] = []

    def work(request: Request) -> None:
        begun.append(request.id)
        assert gate.wait(20)

    queue = Queue(1, work)
    requests = [_request(number) for number in range(6)]
    for number, request in enumerate(requests):
        queue.add(request)
        if number < 4:
            until(lambda: begun[-1:] == [request.id])  # noqa: B023
            queue.drop(request)
            queue.drop(request)
    assert begun == ["0", "1", "2", "3"]  # the fourth counts until it is done
    gate.set()
    until(lambda: sorted(begun) == ["0", "1", "2", "3", "4", "5"])


def test_what_waits_for_what_is_dropped_is_begun_at_once() -> None:
    gate = threading.Event()
    begun: list[str] = []

    def work(request: Request) -> None:
        begun.append(request.id)
        assert gate.wait(20)

    queue = Queue(1, work)
    requests = [_request(number) for number in range(2)]
    for request in requests:
        queue.add(request)
    until(lambda: begun == ["0"])
    queue.drop(requests[0])
    until(lambda: begun == ["0", "1"])
    gate.set()


def test_a_machine_without_threads_comes_to_what_waits_when_what_is_dropped_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    done: list[str] = []

    def work(request: Request) -> None:
        assert gate.wait(20)
        done.append(request.id)

    def refuse(_work: object) -> None:
        raise Failure("system", "no thread")

    queue = Queue(1, work)
    requests = [_request(number) for number in range(2)]
    for request in requests:
        queue.add(request)
    with monkeypatch.context() as patch:
        patch.setattr(pending, "start_daemon", refuse)
        until(lambda: len(queue._waiting) == 1)
        queue.drop(requests[0])
    gate.set()
    until(lambda: done == ["0", "1"])


def test_a_machine_without_threads_refuses_the_first_and_lets_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    done: list[str] = []

    def work(request: Request) -> None:
        assert gate.wait(20)
        done.append(request.id)

    def refuse(_work: object) -> None:
        raise Failure("system", "no thread")

    queue = Queue(3, work)
    with monkeypatch.context() as patch:
        patch.setattr(pending, "start_daemon", refuse)
        with pytest.raises(Failure):
            queue.add(_request(1))
    queue.add(_request(2))
    with monkeypatch.context() as patch:
        patch.setattr(pending, "start_daemon", refuse)
        queue.add(_request(3))
    gate.set()
    until(lambda: done == ["2", "3"])
