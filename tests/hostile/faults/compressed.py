"""Bodies that are compressed, or said to be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import cache

from tests.hostile.faults.fault import (
    MIB,
    Cost,
    add,
)
from tests.hostile.proxy import Answer


def packed(change: Callable[[bytes], bytes], encoding: str, *, body: Callable[[bytes], bytes] = bytes) -> Answer:
    """Answer with what `change` makes of the right body, which is said to be so encoded."""
    return lambda exchange: exchange.answer(change(body(exchange.body)), f"Content-Encoding: {encoding}")


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


for _name, _change, _encoding in (
    ("gzip", gzip.compress, "gzip"),
    ("deflate", zlib.compress, "deflate"),
    ("deflate without its head", _deflated, "deflate"),
    ("gzip in capitals", gzip.compress, "GZIP"),
    ("gzip in two members", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:]), "gzip"),
    ("gzip with something after it", lambda data: gzip.compress(data) + b"garbage", "gzip"),
    ("gzip without its end", lambda data: gzip.compress(data)[:-8], "gzip"),
    ("identity", bytes, "identity"),
):
    add(
        f"compressed: {_name}",
        packed(_change, _encoding),
        is_understood=True,
    )
for _name, _change, _encoding in (
    ("not gzip", bytes, "gzip"),
    ("half a gzip", lambda data: gzip.compress(data)[: len(gzip.compress(data)) // 2], "gzip"),
    ("gzip with a wrong sum", lambda data: gzip.compress(data)[:-8] + b"12345678", "gzip"),
    ("not deflate", lambda _: b"\xff" * 100, "deflate"),
    ("an empty gzip", lambda _: b"", "gzip"),
    ("gzip twice", lambda data: gzip.compress(gzip.compress(data)), "gzip, gzip"),
    ("gzip a hundred times", gzip.compress, ", ".join(["gzip"] * 100)),
    ("br", bytes, "br"),
    ("zstd", bytes, "zstd"),
    ("compress", bytes, "compress"),
    ("something with an escape", bytes, "\x1b[31mx\x07"),
):
    add(f"compressed: {_name}", packed(_change, _encoding))


@cache
def bomb(size: int, block: bytes = b" ") -> bytes:
    """Return so many bytes, compressed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = block * (MIB // len(block))
    return b"".join(packer.compress(piece) for _ in range(size // MIB)) + packer.flush()


add(
    "compressed: a bomb",
    lambda exchange: exchange.answer(bomb(300 * MIB), "Content-Encoding: gzip"),
    cost=Cost.HEAVY,
)
add(
    "compressed: a bomb in a text",
    lambda exchange: exchange.answer(gzip.compress(b'{"data": ["') + bomb(300 * MIB, b"x"), "Content-Encoding: gzip"),
    cost=Cost.HEAVY,
)

add(
    "compressed: a bomb in a bomb",
    lambda exchange: exchange.answer(gzip.compress(bomb(300 * MIB)), "Content-Encoding: gzip, gzip"),
    cost=Cost.HEAVY,
)
add(
    "compressed: a bomb of an error",
    lambda exchange: exchange.answer(bomb(300 * MIB), "Content-Encoding: gzip", status="500 No"),
    cost=Cost.HEAVY,
)
