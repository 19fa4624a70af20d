from __future__ import annotations

import gc
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellmctl.foundation.threads import in_order, together
from tests.effort import less_than, until


class Work:
    """Work that takes as long as it is told to, and knows how much of it was done at once."""

    def __init__(self, *, held: bool = False) -> None:
        self.begun: list[Any] = []
        self.at_once = 0
        self.most_at_once = 0
        self.go_on = threading.Event()
        if not held:
            self.go_on.set()
        self._lock = threading.Lock()

    def __call__(self, item: tuple[Any, float] | Any) -> Any:
        result, seconds = item if isinstance(item, tuple) else (item, 0.0)
        with self._lock:
            self.begun.append(result)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        if seconds:
            time.sleep(seconds)
        self.go_on.wait()
        with self._lock:
            self.at_once -= 1
        return result


class Source:
    """An endless source that knows how much was read of it."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.read += 1
            yield self.read - 1


def reaches(read: Callable[[], int], count: int) -> bool:
    """Whether a number gets that high in the end, and no higher."""
    until(lambda: read() >= count)
    return read() == count and stays(read)


def stays(read: Callable[[], int], seconds: float = 0.1) -> bool:
    """Whether a number stays what it is for a while."""
    before = read()
    time.sleep(seconds)
    return read() == before


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Fail a test whose threads do not end."""
    before = threading.active_count()
    yield
    until(lambda: threading.active_count() <= before, "the end of all threads", 5)


# Order


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 9))
@settings(max_examples=30)
def test_results_are_in_the_order_of_their_items(milliseconds: list[int], jobs: int) -> None:
    items = [(number, amount / 1000) for number, amount in enumerate(milliseconds)]
    work = Work()
    assert list(in_order(items, work, jobs)) == list(range(len(items)))
    assert sorted(work.begun) == list(range(len(items)))
    assert work.most_at_once <= jobs


def test_a_slow_item_holds_back_the_results_behind_it_but_not_their_work() -> None:
    work = Work()
    results = in_order([("slow", 0.2), *((number, 0.0) for number in range(6))], work, 2)
    assert next(results) == "slow"
    assert reaches(lambda: len(work.begun), 7)
    assert list(results) == list(range(6))


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_a_result_may_be_anything(value: Any) -> None:
    assert list(in_order([1, 2], lambda _: value, 2)) == [value, value]
    assert list(in_order([value, value], lambda item: item, 2)) == [value, value]


def test_of_nothing_nothing_is_made() -> None:
    assert list(in_order([], Work(), 4)) == []


def test_nothing_is_read_before_the_first_result_is_wanted() -> None:
    source = Source()
    results = in_order(source, Work(), 4)
    assert stays(lambda: source.read)
    assert source.read == 0
    with closing(results):
        assert next(results) == 0


# How much at once


@pytest.mark.parametrize("jobs", [1, 2, 5, 64])
def test_as_many_are_done_at_once_as_there_are_jobs(jobs: int) -> None:
    work = Work(held=True)
    results = in_order(range(3 * jobs), work, jobs)
    first: list[int] = []
    consumer = threading.Thread(target=lambda: first.append(next(results)), daemon=True)
    consumer.start()
    assert reaches(lambda: work.at_once, jobs)
    work.go_on.set()
    consumer.join()
    assert [*first, *results] == list(range(3 * jobs))
    assert work.most_at_once == jobs


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_no_more_than_four_times_as_many_are_read_ahead(jobs: int) -> None:
    source, work = Source(), Work(held=True)
    results = in_order(source, work, jobs)
    taken: list[int] = []
    consumer = threading.Thread(target=lambda: taken.append(next(results)), daemon=True)
    consumer.start()
    assert reaches(lambda: source.read, 4 * jobs)
    work.go_on.set()
    consumer.join()
    for count in range(1, 4):
        assert stays(lambda: source.read, 0.05) or stays(lambda: source.read)
        assert source.read - count <= 4 * jobs
        taken.append(next(results))
    assert taken == list(range(4))
    results.close()


def test_of_an_endless_input_as_much_is_read_as_is_wanted() -> None:
    source, work = Source(), Work()
    with closing(in_order(source, work, 4)) as results:
        assert list(itertools.islice(results, 500)) == list(range(500))
        assert source.read <= 500 + 4 * 4


# What goes wrong


class Broken(Exception):
    pass


def breaking(after: int, error: BaseException) -> Iterator[int]:
    yield from range(after)
    raise error


@pytest.mark.parametrize("error", [Broken("x"), KeyboardInterrupt(), SystemExit(5), MemoryError()], ids=repr)
@pytest.mark.parametrize("after", [0, 1, 5, 50])
def test_what_reading_raises_comes_after_what_was_read_before(after: int, error: BaseException) -> None:
    results = in_order(breaking(after, error), Work(), 3)
    assert [next(results) for _ in range(after)] == list(range(after))
    with pytest.raises(type(error)) as caught:
        next(results)
    assert caught.value is error
    assert list(results) == []


@pytest.mark.parametrize("error", [Broken("x"), KeyboardInterrupt(), SystemExit(5), StopIteration()], ids=repr)
@pytest.mark.parametrize("place", [0, 1, 7, 40])
def test_what_work_raises_comes_in_its_place(place: int, error: BaseException) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 if item < place else 0)
        if item == place:
            raise error
        return item

    results = in_order(range(60), work, 4)
    assert [next(results) for _ in range(place)] == list(range(place))
    expected = RuntimeError if isinstance(error, StopIteration) else type(error)  # a generator's own rule
    with pytest.raises(expected) as caught:
        next(results)
    assert error in {caught.value, caught.value.__cause__}
    assert list(results) == []


@pytest.mark.parametrize("how", ["close", "error", "drop"])
def test_when_nobody_wants_the_rest_no_more_is_begun(how: str) -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 1 and how == "error":
            raise Broken
        if item:
            go_on.wait()
        return item

    source = Source()
    results = in_order(source, work, 2)
    assert next(results) == 0
    assert reaches(lambda: len(begun), 4 if how == "error" else 3)
    if how == "close":
        results.close()
    elif how == "error":
        with pytest.raises(Broken):
            next(results)
    else:
        del results
        gc.collect()
    go_on.set()
    assert stays(lambda: len(begun))
    assert len(begun) == (4 if how == "error" else 3)
    assert source.read <= 2 * 4 * 2


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of POSIX")
@pytest.mark.parametrize("waiting", ["time.sleep(60)", "sys.stdin.readline()"], ids=["for a result", "for input"])
def test_ctrl_c_ends_it_at_once(waiting: str) -> None:
    program = f"""
import sys, time
from litellmctl.foundation.threads import in_order
def items():
    if "stdin" in {waiting!r}:
        print("ready", flush=True)
        {waiting}
    yield from range(100)
def work(item):
    if item == 3:
        print("ready", flush=True)
    {waiting}
for result in in_order(items(), work, 4):
    print("never")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert "never" not in errors
    assert process.returncode == -signal.SIGINT


# All at once


def test_functions_are_called_at_the_same_time_and_answer_in_their_order() -> None:
    both = threading.Barrier(2)
    assert together(lambda: (both.wait(10), "first")[1], lambda: (both.wait(10), "second")[1]) == ["first", "second"]
    assert together() == []


def test_the_first_that_fails_is_raised_once_all_have_ended() -> None:
    ended: list[str] = []

    def fails(word: str, seconds: float) -> None:
        time.sleep(seconds)
        ended.append(word)
        raise Broken(word)

    with pytest.raises(Broken, match="slow"):
        together(lambda: fails("slow", 0.05), lambda: fails("quick", 0))
    assert ended == ["quick", "slow"]


# Speed and memory


def test_many_small_items_are_quick() -> None:
    with less_than(3):
        assert sum(in_order(range(20_000), lambda item: item, 8)) == sum(range(20_000))


def test_memory_stays_flat() -> None:
    def items() -> Iterator[bytes]:
        for _ in range(3000):
            yield bytes(20_000)  # 60 MB in all

    tracemalloc.start()
    try:
        for result in in_order(items(), lambda item: item + bytes(random.randrange(1000)), 4):
            assert len(result) >= 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * 2**20
