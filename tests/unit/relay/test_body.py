"""The body of a request: what is kept of it, for how long, and in which order it is sent once more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import HttpVersion10, HttpVersion11

from litellmctl.relay.body import Body

MIB = 2**20


class Request:
    """A request whose body comes in these pieces."""

    def __init__(
        self, *pieces: bytes, length: int | None = None, version: Any = HttpVersion11, expect: str = ""
    ) -> None:
        self.content_length = length
        self.version = version
        self.headers = {"Expect": expect}
        self.written: list[bytes] = []
        self.writer = SimpleNamespace(write=self._write, output_size=1)
        self.content = SimpleNamespace(readany=self._read)
        self._pieces = [*pieces, b""]
        self._is_read = False

    async def _write(self, data: bytes) -> None:
        self.written.append(data)

    async def _read(self) -> bytes:
        assert not self._is_read, "aiohttp lets only one read"
        self._is_read = True
        try:
            await asyncio.sleep(0.01)
        finally:
            self._is_read = False
        return self._pieces.pop(0) if len(self._pieces) > 1 else self._pieces[0]


def body_of(request: Request) -> Body:
    return Body(request)  # type: ignore[arg-type]


async def all_of(body: Body) -> list[bytes]:
    return [piece async for piece in body.pieces()]


def test_a_small_body_can_be_sent_as_often_as_it_takes() -> None:
    async def work() -> None:
        body = body_of(Request(b"one", b"two"))
        assert [await all_of(body) for _ in range(3)] == [[b"one", b"two"]] * 3
        assert body.can_repeat

    asyncio.run(work())


def test_nothing_is_kept_of_a_large_body() -> None:
    async def work() -> None:
        half = b"x" * (MIB // 2)
        body = body_of(Request(half, half, b"rest"))
        seen = []
        async for piece in body.pieces():
            seen.append(piece)
            assert sum(map(len, body._kept)) < MIB
        assert seen == [half, half, b"rest"]
        assert not body.can_repeat
        assert body._kept == []

    asyncio.run(work())


@pytest.mark.parametrize(("length", "can_repeat"), [(None, True), (0, True), (MIB - 1, True), (MIB, False)])
def test_a_body_that_is_said_to_be_large_is_not_kept_from_the_start(length: int | None, can_repeat: bool) -> None:
    async def work() -> None:
        body = body_of(Request(b"one", length=length))
        assert body.can_repeat is can_repeat
        assert await all_of(body) == [b"one"]
        assert (body._kept == []) is not can_repeat

    asyncio.run(work())


def test_a_second_sending_begins_from_the_start_and_goes_on_where_the_first_was_given_up() -> None:
    async def work() -> None:
        body = body_of(Request(b"one", b"two", b"three"))
        first = body.pieces()
        assert [await anext(first), await anext(first)] == [b"one", b"two"]
        reading = asyncio.ensure_future(anext(first))
        await asyncio.sleep(0)
        second = asyncio.create_task(all_of(body))  # while the first still reads
        await asyncio.sleep(0.001)
        reading.cancel()
        assert await second == [b"one", b"two", b"three"]

    asyncio.run(work())


def test_a_client_is_asked_to_go_on_once_and_only_if_it_waits_for_that() -> None:
    async def work() -> None:
        asking = Request(b"one", expect="100-Continue")
        body = body_of(asking)
        assert asking.written == []
        await all_of(body)
        await all_of(body)
        assert asking.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        assert asking.writer.output_size == 0
        for other in (Request(b"one"), Request(b"one", expect="100-continue", version=HttpVersion10)):
            await all_of(body_of(other))
            assert other.written == []

    asyncio.run(work())
