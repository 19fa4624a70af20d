"""More than anybody needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.hostile.faults.fault import (
    AUTH,
    MIB,
    OK,
    REJECTED,
    UNAVAILABLE,
    Cost,
    add,
    chunk,
    chunked,
    dumped,
    endless,
)
from tests.hostile.faults.values import leaves
from tests.hostile.proxy import Answer, Exchange


def _longest(value: Any) -> list[Any] | None:
    """Return the list of rows in an answer."""
    if isinstance(value, list):
        return value
    found = [one for one in value.values() if isinstance(one, list)] if isinstance(value, dict) else []
    return max(found, key=len, default=None)


def _many(exchange: Exchange, count: int) -> Iterator[bytes]:
    """Yield the right answer with so many rows, each of its own name."""
    answer = exchange.good
    found = _longest(answer)
    if not found:
        yield dumped(answer)
        return
    row = leaves(found[0], lambda text: f"{text[:40]}-MANY", only=str)
    row = {name: one for name, one in row.items() if name != "model_info"} if isinstance(row, dict) else row
    found[:] = ["MANY-ROWS"]
    before, after = dumped(answer).split(b'"MANY-ROWS"')
    template = dumped(row)
    yield before
    for start in range(0, count, 1000):
        some = [template.replace(b"MANY", b"%d" % number) for number in range(start, min(start + 1000, count))]
        yield (b", " if start else b"") + b", ".join(some)
    yield after


def _in_chunks(exchange: Exchange, pieces: Iterator[bytes]) -> None:
    chunked(exchange, headers="Content-Type: application/json\r\n")
    for piece in pieces:
        if exchange.over.is_set():
            return
        exchange.send(chunk(piece) if piece else b"")
    exchange.send(b"0\r\n\r\n")


add(
    "a thousand rows",
    lambda exchange: _in_chunks(exchange, _many(exchange, 1000)),
    UNAVAILABLE,
    REJECTED,
    cost=Cost.PAUSED,
    is_understood=True,
)
add(
    "a hundred thousand rows",
    lambda exchange: _in_chunks(exchange, _many(exchange, 100_000)),
    UNAVAILABLE,
    REJECTED,
    cost=Cost.HEAVY,
    is_understood=True,
)


def _filled(size: int, piece: bytes) -> Answer:
    """Answer with rows of this: valid JSON, generated as it is sent."""

    def pieces(exchange: Exchange) -> Iterator[bytes]:
        name = (
            next((name for name, one in exchange.good.items() if isinstance(one, list)), "data")
            if isinstance(exchange.good, dict)
            else "data"
        )
        block = b",".join([piece] * (MIB // (len(piece) + 1)))
        yield b'{"%s": [' % name.encode() + piece
        for _ in range(size // MIB):
            yield b"," + block
        yield b"]}"

    return lambda exchange: _in_chunks(exchange, pieces(exchange))


add("huge: empty objects", _filled(300 * MIB, b"{}"), cost=Cost.HEAVY)
add("huge: empty lists in one row", _filled(300 * MIB, b"[]"), cost=Cost.HEAVY)


def _one_row(exchange: Exchange) -> Iterator[bytes]:
    yield b'{"data": [{"x": ['
    block = b"{}," * (MIB // 3)
    for _ in range(300):
        yield block
    yield b"{}]}]}"


def _one_text(exchange: Exchange) -> Iterator[bytes]:
    yield b'{"data": [{"model_name": "'
    for _ in range(300):
        yield b"x" * MIB
    yield b'"}]}'


def _white_space(exchange: Exchange) -> Iterator[bytes]:
    yield b'{"data": ['
    for _ in range(300):
        yield b" " * MIB
    yield b"]}"


add("huge: one row", lambda exchange: _in_chunks(exchange, _one_row(exchange)), cost=Cost.HEAVY)
add("huge: one text", lambda exchange: _in_chunks(exchange, _one_text(exchange)), cost=Cost.HEAVY)
add("huge: white space", lambda exchange: _in_chunks(exchange, _white_space(exchange)), cost=Cost.HEAVY)


def _huge_error(status: int) -> Answer:
    def answer(exchange: Exchange) -> None:
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n\r\n"
        exchange.send(head.encode() + b'{"detail": [')
        for _ in range(300):
            exchange.send(b"{}," * (MIB // 3))
        exchange.send(b"{}]}")

    return answer


for _status in (400, 500, 503):
    add(f"huge: an error {_status}", _huge_error(_status), UNAVAILABLE, AUTH, REJECTED, cost=Cost.HEAVY)
add(
    "huge: a chunk's extension",
    endless(OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x" * MIB, pause=0),
    cost=Cost.HEAVY,
)
add(
    "huge: trailers",
    endless(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + b"0\r\n", b"X: x\r\n" * 10_000, pause=0),
    cost=Cost.HEAVY,
    is_understood=True,
)
add("huge: a header", endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * MIB, pause=0), cost=Cost.HEAVY)
add("huge: as fast as it goes", endless(OK + b'\r\n{"data": ["', b"x" * MIB, pause=0), cost=Cost.HEAVY)
