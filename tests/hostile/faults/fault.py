"""What a fault is, and what answers are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tests.hostile.proxy import Answer, Exchange, Greet

USAGE, UNAVAILABLE, AUTH, REJECTED = 2, 3, 4, 5
MIB = 2**20


class Cost(Enum):
    """What meeting a fault takes: nothing much, waiting, or time and memory."""

    QUICK = auto()
    PAUSED = auto()
    HEAVY = auto()


@dataclass(frozen=True)
class Fault:
    """A fault. `exits` are the exit codes that tell of it where it is met by itself.

    `is_understood` means that a command may do with it, and `refuses` that another endpoint may be asked instead.
    `repeats` says that secrets are repeated: they are looked for in every writing. `effort` bounds the seconds of a
    processor. What `is_shown` is for people to read: it is met on terminals too. What has one of these is looked for in
    what it leaves behind too. `at` are the endpoints whose answers it changes; none means all.
    """

    name: str
    answer: Answer | None = None
    exits: frozenset[int] = frozenset({UNAVAILABLE})
    cost: Cost = Cost.QUICK
    is_understood: bool = False
    refuses: bool = False
    greet: Greet | None = None
    repeats: bool = False
    effort: float | None = None
    is_shown: bool = False
    at: frozenset[str] = frozenset()

    @property
    def lingers(self) -> bool:
        """Whether to look at what a TAB offers afterwards."""
        return self.repeats or self.effort is not None or self.is_shown


FAULTS: dict[str, Fault] = {}
# Those of TLS need a proxy that talks it.
TLS_FAULTS: dict[str, Fault] = {}


def add(
    name: str,
    answer: Answer,
    *exits: int,
    cost: Cost = Cost.QUICK,
    is_understood: bool = False,
    refuses: bool = False,
    **more: Any,
) -> None:
    """Add a fault; without `exits` it is that the proxy cannot be used."""
    assert name not in FAULTS, name
    told = frozenset(exits or {UNAVAILABLE})
    FAULTS[name] = Fault(name, answer, told, cost, is_understood, refuses, **more)


def add_understood(name: str, answer: Answer, *, cost: Cost = Cost.QUICK, **more: Any) -> None:
    """Add an answer of LiteLLM's shape with something odd in it: commands may do with it, or say what is wrong."""
    add(name, answer, UNAVAILABLE, REJECTED, cost=cost, is_understood=True, **more)


def raw(data: bytes) -> Answer:
    """Write these bytes, and close."""
    return lambda exchange: exchange.send(data)


def says(body: bytes, *headers: str, **details: Any) -> Answer:
    """Answer with this body, whatever was asked."""
    return lambda exchange: exchange.answer(body, *headers, **details)


def fails(status: int, message: Any = "no", *headers: str, kind: Any = "auth_error") -> Answer:
    """Answer with an error in LiteLLM's words."""
    return lambda exchange: exchange.error(status, message, *headers, kind=kind)


def good(*headers: str, **details: Any) -> Answer:
    """Answer as is right, with something about it that is not."""
    return lambda exchange: exchange.answer(exchange.body, *headers, **details)


def made(change: Callable[[Any], Any], *headers: str, **details: Any) -> Answer:
    """Answer with what `change` makes of the right answer: bytes, or a value to be JSON."""

    def answer(exchange: Exchange) -> None:
        changed = change(exchange.good)
        exchange.answer(changed if isinstance(changed, bytes) else dumped(changed), *headers, **details)

    return answer


def dumped(value: Any) -> bytes:
    """Return JSON; lone surrogates become escapes, and what nobody can write in JSON stays as Python spells it."""
    return json.dumps(value).encode()


def http(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """Return an answer as it goes over the wire."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def redirect(status: int, target: Callable[[Exchange], str]) -> Answer:
    """Send the client there."""

    def answer(exchange: Exchange) -> None:
        exchange.answer(b"{}", f"Location: {target(exchange)}", status=f"{status} Moved")

    return answer


def chunked(exchange: Exchange, *pieces: bytes, headers: str = "") -> None:
    """Begin an answer in chunks, and write these pieces of it."""
    exchange.send(f"HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode() + b"".join(pieces))


def in_chunks(*pieces: bytes) -> Answer:
    """Answer in chunks, with these pieces."""
    return lambda exchange: chunked(exchange, *pieces)


def chunk(data: bytes) -> bytes:
    """Return a chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


PLACES: dict[str, Callable[[bytes], int]] = {
    "at once": lambda _: 0,
    "after a byte": lambda _: 1,
    "in the status": lambda _: 10,
    "after the status": lambda _: 17,
    "in the headers": lambda data: data.index(b"\r\n\r\n") - 3,
    "before the end of the headers": lambda data: data.index(b"\r\n\r\n") + 2,
    "after the headers": lambda data: data.index(b"\r\n\r\n") + 4,
    "in the body": lambda data: (data.index(b"\r\n\r\n") + len(data)) // 2,
    "before the last byte": lambda data: len(data) - 1,
}


def silent(place: Callable[[bytes], int]) -> Answer:
    """Answer up to a place, and say nothing more."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body)
        exchange.send(data[: place(data)])
        exchange.wait()

    return answer


def endless(first: bytes, piece: bytes, pause: float = 0.001) -> Answer:
    """Begin like this, and never end."""

    def answer(exchange: Exchange) -> None:
        exchange.send(first)
        exchange.forever(piece, pause)

    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
