"""The catalogue: what can be wrong with what claims to be a proxy, each by a name."""

from __future__ import annotations

import gzip
import json
import math
import re
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import cache
from typing import Any

import trustme

from tests.hostile.proxy import MOVED, Answer, Exchange, Greet, HostileProxy

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

    `is_understood` means that a command may do with it, `refuses` that another endpoint may be asked instead, and
    `is_rare` that it is much like another one, so that only some commands meet it outside a campaign.
    """

    name: str
    answer: Answer | None = None
    exits: frozenset[int] = frozenset({UNAVAILABLE})
    cost: Cost = Cost.QUICK
    is_understood: bool = False
    refuses: bool = False
    is_rare: bool = False
    greet: Greet | None = None


FAULTS: dict[str, Fault] = {}
# Those of TLS need a proxy that talks it.
TLS_FAULTS: dict[str, Fault] = {}


# These are much like others too.
_ALIKE = frozenset(
    {
        *("status 405", "status 409", "status 206", "status 300", "status 103 before the answer"),
        *("status 407 with a challenge", "status 429, retry after thousands of digits", "refresh header"),
        *("wire: line feeds alone", "wire: two media types", "wire: a date of another age", "wire: a date before all"),
        *("length of thousands of digits", "length and chunks", "chunks with extensions and trailers"),
        *("chunks of one byte", "encoded twice on the way", "late", "body: a list of lists", "body: utf-16-le"),
        *("body: utf-32", "body: utf-7", "body: two byte order marks", "body: surrogates as bytes"),
        *("every leaf is true", "every leaf is a number", "every leaf is a list", "every name twice, then a text"),
        *("every name twice, then a list", "a field nested 400 deep", "an error in half a character"),
        *("every text is control characters", "every text is a zero byte", "every text is directions"),
        *("every text is half a character", "every text is line breaks", "repeats the key with 500"),
        *("repeats the key as a web page", "repeats the key as a text", "repeats the key in the status line"),
        *("repeats the key as a user in a redirect", "repeats the key with 401, escaped", "repeats the key in headers"),
        *("status 451", "status 501", "status 201", "status 999", "status 401 with a challenge"),
        *("redirect 308 to another port", "redirect without a target", "chunks", "length zero", "body: a number"),
        *("every number is infinite", "every text ends in a zero byte", "body: bytes that are no text"),
        *("every leaf is an object", "length beyond all numbers", "repeats the key as a detail"),
    }
)


def add(
    name: str,
    answer: Answer,
    *exits: int,
    cost: Cost = Cost.QUICK,
    is_understood: bool = False,
    refuses: bool = False,
    is_rare: bool = False,
) -> None:
    """Add a fault; without `exits` it is that the proxy cannot be used."""
    assert name not in FAULTS, name
    told = frozenset(exits or {UNAVAILABLE})
    FAULTS[name] = Fault(name, answer, told, cost, is_understood, refuses, is_rare or name in _ALIKE)


def add_understood(name: str, answer: Answer, *, cost: Cost = Cost.QUICK, is_rare: bool = False) -> None:
    """Add an answer of LiteLLM's shape with something odd in it: commands may do with it, or say what is wrong."""
    add(name, answer, UNAVAILABLE, REJECTED, cost=cost, is_understood=True, is_rare=is_rare)


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


# --- statuses ---

_JSON_REFUSALS = {400: (AUTH, REJECTED), 401: (AUTH,), 403: (AUTH,), 404: (REJECTED,)}
_CLIENT_ERRORS = [400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 413, 415, 418, 421, 422, 423, 425, 426, 428]
for _status in [*_CLIENT_ERRORS, 431, 444, 451, 499]:
    add(
        f"status {_status}",
        fails(_status),
        *_JSON_REFUSALS.get(_status, (REJECTED,)),
        refuses=_status in {401, 403, 404},
        is_understood=_status == 422,
        is_rare=_status not in {400, 401, 403, 404, 405, 409, 418, 422, 451},
    )
for _status in (500, 501, 505, 507, 511, 520, 530, 599, 600, 799, 999):
    add(
        f"status {_status}",
        fails(_status),
        is_rare=_status not in {500, 501, 599, 999},
    )
for _status in (502, 503, 504):
    add(f"status {_status}", fails(_status), cost=Cost.PAUSED)
for _status in (201, 202, 203, 205, 206, 226):
    add(
        f"status {_status}",
        good(status=f"{_status} Odd"),
        is_understood=_status == 201,
        is_rare=_status not in {201, 206},
    )
for _status in (204, 304):
    add(f"status {_status}", raw(f"HTTP/1.1 {_status} Nothing\r\n\r\n".encode()))
for _status in (300, 305, 306, 310):
    add(f"status {_status}", good(status=f"{_status} Odd"), is_rare=_status != 300)
add("status 100 and no more", raw(b"HTTP/1.1 100 Continue\r\n\r\n"), cost=Cost.PAUSED)
add(
    "status 100 before the answer",
    lambda exchange: exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" + http(exchange.body)),
    is_understood=True,
)
add("status 101", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
add(
    "status 103 before the answer",
    lambda exchange: exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http(exchange.body)),
    is_understood=True,
)
for _text in ("099", "000", "-200", "2OO", "20", "1000", "200.5", "99999999999999999999"):
    add(f"status line {_text}", good(status=_text), cost=Cost.PAUSED)
for _status in (400, 401, 403, 404, 500):
    add(
        f"status {_status} as a web page",
        says(b"<!DOCTYPE html><h1>Gateway</h1>", status=f"{_status} No", media_type="text/html"),
        *{400: (UNAVAILABLE,), 404: (UNAVAILABLE,), 500: (UNAVAILABLE,)}.get(_status, (AUTH,)),
        refuses=_status in {401, 403, 404},
        is_rare=_status not in {401, 404},
    )
add(
    "status 401 with a challenge",
    says(b"", 'WWW-Authenticate: Basic realm="\x1b[31mx"', "WWW-Authenticate: Negotiate", status="401 No"),
    AUTH,
    refuses=True,
)
add("status 407 with a challenge", says(b"", 'Proxy-Authenticate: Basic realm="x"', status="407 No"))
add(
    "status 401 of a key that is unknown",
    lambda exchange: exchange.error(401, "Invalid proxy server token passed.", kind="token_not_found_in_db"),
    AUTH,
    is_understood=True,  # deleting what is gone
)
add(
    "status 400 without a database",
    lambda exchange: exchange.error(400, "No connected db.", kind="no_db_connection"),
    AUTH,
)
for _name, _after in {
    "later": "2",
    "much later": "999999999999999999999",
    "before now": "-5",
    "a date": "Wed, 21 Oct 2099 07:28:00 GMT",
    "garbage": "soon\x1b[31m",
    "digits of another script": "\u0661\u0662",
    "thousands of digits": "9" * 5000,
    "nothing": "",
}.items():
    add(
        f"status 429, retry after {_name}",
        fails(429, "slow down", f"Retry-After: {_after}"),
        cost=Cost.QUICK if _name in {"much later", "thousands of digits"} else Cost.PAUSED,
    )

# --- redirects ---


def redirect(status: int, target: Callable[[Exchange], str]) -> Answer:
    """Send the client there."""

    def answer(exchange: Exchange) -> None:
        exchange.answer(b"{}", f"Location: {target(exchange)}", status=f"{status} Moved")

    return answer


def _within(exchange: Exchange) -> None:
    request = exchange.request
    if request.path.startswith(MOVED) or request.method != "GET":
        exchange.answer(exchange.body)
        return
    query = f"?{request.query}" if request.query else ""
    exchange.answer(b"", f"Location: {MOVED}{request.path}{query}", status="307 Moved")


for _status in (301, 302, 303, 307, 308):
    add(
        f"redirect {_status} to another port",
        redirect(_status, lambda exchange: f"{exchange.elsewhere}/x"),
        is_rare=_status in {301, 303},
    )
_USUAL_TARGETS = {"to another host", "to a file", "with a user", "to a user's host", "to half an address", "to itself"}
for _name, _target in {
    "to another host": lambda exchange: exchange.elsewhere.replace("127.0.0.1", "localhost") + "/x",
    "to a longer port": lambda exchange: f"{exchange.url}0/x",
    "without a scheme": lambda exchange: exchange.elsewhere.removeprefix("http:") + "/x",
    "to a file": lambda _: "file:///etc/passwd",
    "to a script": lambda _: "javascript:alert(1)",
    "to data": lambda _: 'data:application/json,{"data":[]}',
    "with a user": lambda exchange: exchange.url.replace("://", "://ada:secret@") + "/model/info",
    "to a user's host": lambda exchange: exchange.url + exchange.elsewhere.replace("http://", "@") + "/x",
    "with white space": lambda exchange: f"\t{exchange.elsewhere}/x",
    "to half an address": lambda _: "http://[::1",
    "to a port that is none": lambda _: "http://127.0.0.1:99999999/",
    "to a port of letters": lambda _: "http://127.0.0.1:http/",
    "of a MiB": lambda _: "/x" * (MIB // 20),
    "to bytes": lambda _: "http://\udcff\udcfe\udc80/",
    "to nothing": lambda _: "",
    "to itself": lambda exchange: exchange.request.path,
    "in circles": lambda exchange: f"/{len(exchange.request.path)}{exchange.request.path}",
}.items():
    add(
        f"redirect {_name}",
        redirect(302, _target),
        cost=Cost.PAUSED if _name == "of a MiB" else Cost.QUICK,
        is_rare=_name not in _USUAL_TARGETS,
    )
add("redirect without a target", says(b"", status="302 Moved"))
# These are paths of the proxy itself, which has none of that name.
add(
    "redirect with a backslash",
    redirect(302, lambda exchange: exchange.elsewhere.replace("http://", "/\\") + "/x"),
    UNAVAILABLE,
    REJECTED,
    is_rare=True,
    refuses=True,
)
add(
    "redirect with control characters",
    redirect(302, lambda _: "\x1b[31m\x07\x01"),
    UNAVAILABLE,
    REJECTED,
    is_rare=True,
    refuses=True,
)
add("redirect within the proxy", _within, is_understood=True)


def _redirect_without_end(exchange: Exchange) -> None:
    exchange.send(f"HTTP/1.1 302 Moved\r\nLocation: {exchange.elsewhere}/x\r\n\r\n".encode())
    exchange.forever(b"x" * 1000, 0.01)


add("redirect that never ends its body", _redirect_without_end)
add("refresh header", good(f"Refresh: 0; url=http://localhost/{'x' * 100}"), is_understood=True)

# --- what is not HTTP, or not quite ---

for _name, _data in {
    "closed at once": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + b"x" * 100,
    "zeros": bytes(4096),
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"x" * 18,
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no status": b"HTTP/1.1\r\n\r\n{}",
    "a header without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "a header of 64 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**16 + b"\r\n\r\n{}",
    "a thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n{}",
    "a status line of 64 KiB": b"HTTP/1.1 200 " + b"x" * 2**16 + b"\r\n\r\n{}",
}.items():
    add(f"wire: {_name}", raw(_data), cost=Cost.PAUSED)
add("wire: HTTP/0.9", lambda exchange: exchange.send(exchange.body), cost=Cost.PAUSED)
add(
    "wire: HTTP/1.0",
    lambda exchange: exchange.send(b"HTTP/1.0 200 OK\r\n\r\n" + exchange.body),
    is_understood=True,
)
add(
    "wire: line feeds alone", lambda exchange: exchange.send(b"HTTP/1.1 200 OK\n\n" + exchange.body), is_understood=True
)
add("wire: carriage returns alone", raw(b"HTTP/1.1 200 OK\rContent-Length: 2\r\r{}"), cost=Cost.PAUSED)
for _name, _header in {
    "a header without a colon": "garbage",
    "a header with control characters": "X-\x01\x1b[31m: \x07\x00\x1b]0;x\x07",
    "a header with bytes": "X-Bytes: \udcff\udcfe",
    "a folded header": "X-Folded: a\r\n b",
    "a header of 60 KiB": f"X: {'x' * 60_000}",
    "eighty headers": "\r\n".join(f"X-{number}: {'x' * 500}" for number in range(80)),
    "a header without a name": ": x",
    "two media types": "Content-Type: text/html\r\nContent-Type: image/png",
    "a media type with an escape": "Content-Type: \x1b[31m",
    "an alphabet that nobody knows": "Content-Type: application/json; charset=\x1b[31mnone",
    "cookies": "Set-Cookie: a=b; Path=/\r\nSet-Cookie: __Host-x=\x1b[31m; Domain=localhost; Secure",
    "a cookie of a past century": "Set-Cookie: a=b; Expires=Thu, 01 Jan 0000 99:99:99 GMT; Max-Age=-99999999999999999999",
    "a thousand cookies": "\r\n".join(f"Set-Cookie: c{number}={'x' * 100}" for number in range(80)),
    "a date that is none": "Date: \x1b[31m yesterday",
    "a trailer that never comes": "Trailer: X-Sum",
    "an upgrade": "Upgrade: h2c\r\nConnection: Upgrade",
    "public key pins": 'Public-Key-Pins: pin-sha256="x"\r\nStrict-Transport-Security: max-age=99999999999999999999',
    "an alternative service": 'Alt-Svc: h2="elsewhere.example:443"; ma=9999999',
}.items():
    add(
        f"wire: {_name}",
        good(_header),
        is_understood=True,
        is_rare=_name not in {"a header with control characters", "two media types", "cookies", "a date that is none"},
    )

for _name, _date in {
    "of another age": "Fri, 31 Dec 9999 23:59:59 GMT",
    "before all": "Mon, 01 Jan 0001 00:00:00 +2359",
}.items():
    # That clocks differ is what doctor finds.
    add(f"wire: a date {_name}", good(f"Date: {_date}"), USAGE, is_understood=True)

# --- lengths ---

for _name, _length in {"too long": 10_000_000, "beyond all numbers": "9" * 40}.items():
    add(f"length {_name}", good(length=_length))
for _name, _length in {"too short": 5, "zero": 0}.items():
    add(f"length {_name}", good(length=_length))
for _name, _length in {
    "below zero": "-5",
    "that is no number": "many",
    "in hexadecimal": "0x10",
    "empty": "",
    "with a sign": "+7",
    "in another script": "\u0665",
    "twice in one": "5, 5",
    "twice and different": "5, 6",
    "of thousands of digits": "9" * 5000,
}.items():
    add(
        f"length {_name}",
        good(length=_length),
        is_understood=True,
        is_rare=_name not in {"below zero", "that is no number"},
        cost=Cost.PAUSED if _name == "twice and different" else Cost.QUICK,
    )
add("length in two headers", good("Content-Length: 3"), is_understood=True, cost=Cost.PAUSED)
add("length and chunks", good("Transfer-Encoding: chunked"))


def _two_answers(exchange: Exchange) -> None:
    exchange.keeps_open = True
    exchange.send(http(exchange.body) + http(b'{"data": [{"model_name": "injected", "id": "injected"}]}'))


add("two answers at once", _two_answers, is_understood=True)


def chunked(exchange: Exchange, *pieces: bytes, headers: str = "") -> None:
    """Begin an answer in chunks, and write these pieces of it."""
    exchange.send(f"HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode() + b"".join(pieces))


def in_chunks(*pieces: bytes) -> Answer:
    """Answer in chunks, with these pieces."""
    return lambda exchange: chunked(exchange, *pieces)


def chunk(data: bytes) -> bytes:
    """Return a chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


add("chunks", lambda exchange: chunked(exchange, chunk(exchange.body), b"0\r\n\r\n"), is_understood=True)
for _name, _piece in {
    "of no size": b"zz\r\n",
    "of an empty size": b"\r\n{}\r\n0\r\n\r\n",
    "below zero": b"-5\r\n{}\r\n0\r\n\r\n",
    "too large": b"ffffff\r\n{}",
    "beyond all numbers": b"f" * 40 + b"\r\n{}",
    "of a size of 64 KiB": b"0" * 2**16 + b"2\r\n{}\r\n0\r\n\r\n",
    "too small": b"1\r\n{}\r\n0\r\n\r\n",
    "without a last one": b"2\r\n{}\r\n",
}.items():
    add(
        f"chunks {_name}",
        in_chunks(_piece),
        is_rare=_name not in {"of no size", "too small", "without a last one"},
    )
add(
    "chunks with extensions and trailers",
    lambda exchange: chunked(
        exchange, b"%x;a=\x1b[31m\r\n%s\r\n" % (len(exchange.body), exchange.body), b"0\r\nX: x\r\n\r\n"
    ),
    is_understood=True,
)
add(
    "chunks of one byte",
    lambda exchange: chunked(exchange, *(chunk(bytes([byte])) for byte in exchange.body), b"0\r\n\r\n"),
    is_understood=True,
)
add("encoded twice on the way", good("Transfer-Encoding: gzip, chunked"))

# --- resets and silence ---

_PLACES: dict[str, Callable[[bytes], int]] = {
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


def cut(place: Callable[[bytes], int], *, reset: bool) -> Answer:
    """Answer up to a place, and close the connection: with a RST, or as if that were all."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body)
        exchange.send(data[: place(data)])
        if reset:
            exchange.reset()

    return answer


def silent(place: Callable[[bytes], int]) -> Answer:
    """Answer up to a place, and say nothing more."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body)
        exchange.send(data[: place(data)])
        exchange.wait()

    return answer


def trickle(place: Callable[[bytes], int], piece: bytes) -> Answer:
    """Answer up to a place, and go on with this piece every now and then."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body, length=10**9)
        exchange.send(data[: place(data)])
        exchange.forever(piece, 0.05)

    return answer


for _name, _place in _PLACES.items():
    # What was answered in full may be read before the RST is.
    add(f"reset {_name}", cut(_place, reset=True), cost=Cost.PAUSED)
for _name in ("in the status", "in the headers", "after the headers", "in the body", "before the last byte"):
    add(f"closed {_name}", cut(_PLACES[_name], reset=False), cost=Cost.PAUSED)
for _name in ("at once", "in the headers", "after the headers", "before the last byte"):
    add(f"silent {_name}", silent(_PLACES[_name]), cost=Cost.PAUSED)
for _name, _place, _piece in (
    ("nothing", _PLACES["at once"], b"H"),
    ("a header", _PLACES["in the headers"], b"x"),
    ("headers", _PLACES["before the end of the headers"], b"X: x\r\n"),
    ("the body", _PLACES["after the headers"], b" "),
):
    add(f"trickling {_name}", trickle(_place, _piece), cost=Cost.PAUSED)


def _later(exchange: Exchange) -> None:
    exchange.over.wait(0.1)
    exchange.answer(exchange.body)


add("late", _later, is_understood=True)


def endless(first: bytes, piece: bytes, pause: float = 0.001) -> Answer:
    """Begin like this, and never end."""

    def answer(exchange: Exchange) -> None:
        exchange.send(first)
        exchange.forever(piece, pause)

    return answer


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
add("endless headers", endless(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 10), cost=Cost.PAUSED)
add("endless status", endless(b"HTTP/1.1 200 ", b"x" * 1000), cost=Cost.PAUSED)
add("endless status 100", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), cost=Cost.PAUSED)
add("endless white space", endless(_OK + b"\r\n", b" " * 2**14), cost=Cost.PAUSED)
add("endless text", endless(_OK + b'\r\n{"data": ["', b"x" * 2**14), cost=Cost.PAUSED)
add("endless chunk extension", endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x" * 1000), cost=Cost.PAUSED)
add(
    "endless chunks of a byte",
    endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n", chunk(b"[") * 100),
    cost=Cost.PAUSED,
)
add(
    "endless trailers",
    endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + b"0\r\n", b"X: x\r\n" * 10),
    cost=Cost.PAUSED,
    is_understood=True,
)


def _pages(exchange: Exchange) -> None:
    """Every page of a list names another one."""
    answer = exchange.good
    if isinstance(answer, dict):
        token = f"{exchange.request.query[-20:]}x"
        answer |= {"has_more": True, "next_page": token, "last_id": token, "current_page": 1, "total_pages": 10**9}
    exchange.answer(dumped(answer))


add("endless pages", _pages, cost=Cost.PAUSED, is_understood=True)

# --- compressed ---


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
        is_rare=_name not in {"gzip", "gzip without its end"},
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
    add(f"compressed: {_name}", packed(_change, _encoding), is_rare=_name not in {"not gzip", "half a gzip", "br"})


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

# --- JSON that is none, or of another type ---

for _name, _body in {
    "empty": b"",
    "blank": b" \n\t ",
    "a web page": b"<!DOCTYPE html><h1>Sign in</h1>",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
    "a script": b"callback({});",
    "a stream of events": b'data: {"data": []}\n\ndata: [DONE]\n\n',
    "undefined": b"undefined",
    "single quotes": b"{'data': []}",
    "a comma too much": b'{"data": [],}',
    "a comment": b'{"data": [] /* none */}',
    "two objects": b'{"data": []}{"data": []}',
    "a zero byte": b'{"data": []}\0',
    "brackets without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "an endless number": b'{"data": [' + b"9" * 100_000 + b"]}",
    "latin-1": '{"data": ["größe"]}'.encode("latin-1")[:-1],
}.items():
    add(
        f"body: {_name}",
        says(_body),
        is_rare=_name not in {"empty", "a web page", "brackets without end", "an endless number", "two objects"},
    )
add("body: nested as deep as can be read", says(b"[" * 900 + b"]" * 900), is_understood=True)
_KEYS = ("data", "tools", "plugins", "info", "content", "access_token", "keys")
_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "an infinite number": math.inf,
    "a text": "text",
    "a list of lists": [[1], [[2]], []],
    "a list of nulls": [None] * 5,
    "a list of everything": [None, True, 7, math.nan, "text", [], {}],
    "an object of nothing": {},
    "an object of null": dict.fromkeys(_KEYS),
    "an object of numbers": dict.fromkeys(_KEYS, 7),
    "an object of texts": dict.fromkeys(_KEYS, "x"),
    "an object of objects": {key: {"x": {}} for key in _KEYS},
    "an object of lists": {key: [[]] for key in _KEYS},
}
_USUAL_VALUES = {"null", "a text", "a list of everything", "an object of nothing"}
for _name, _value in _VALUES.items():
    # What an endpoint tells of no use may be of any type, and a list may be empty.
    add_understood(f"body: {_name}", says(dumped(_value)), is_rare=_name not in _USUAL_VALUES)


def leaves(value: Any, change: Callable[[Any], Any], *, only: type | tuple[type, ...] = object) -> Any:
    """Return a value with all its leaves of a type changed."""
    if isinstance(value, dict):
        return {name: leaves(one, change, only=only) for name, one in value.items()}
    if isinstance(value, list):
        return [leaves(one, change, only=only) for one in value]
    return change(value) if isinstance(value, only) else value


def rows(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value with each field of its rows changed, whatever its type: those of the innermost objects."""
    if isinstance(value, list):
        return [rows(one, change) for one in value]
    if isinstance(value, dict) and not any(isinstance(one, dict | list) and one for one in value.values()):
        return {name: change(one) for name, one in value.items()}
    return {name: rows(one, change) for name, one in value.items()} if isinstance(value, dict) else value


REPLACEMENTS: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "a text": "text",
    "a list": ["text"],
    "an object": {"text": 7},
}


def put(value: Any, only: type | tuple[type, ...] = object) -> Answer:
    """Answer with this in place of all leaves of a type; yes and no are no numbers."""

    def change(old: Any) -> Any:
        return old if isinstance(old, bool) and only is not object else value

    return made(lambda answer: leaves(answer, change, only=only))


def put_into_rows(value: Any) -> Answer:
    """Answer with this in place of every field of a row."""
    return made(lambda answer: rows(answer, lambda _: value))


for _name, _value in REPLACEMENTS.items():
    add_understood(f"every leaf is {_name}", put(_value))
    add_understood(f"every field of a row is {_name}", put_into_rows(_value), is_rare=True)
_NUMBERS: dict[str, Any] = {
    "not a number": math.nan,
    "infinite": math.inf,
    "less than infinite": -math.inf,
    "huge": 10**400,
    "as long as can be read": 10**4200,
    "a long fraction": 1.7976931348623157e308,
    "tiny": 5e-324,
    "below zero": -7,
    "zero": 0,
    "a text": "12",
    "beyond a date": 10**18,
}
for _name, _value in _NUMBERS.items():
    is_usual = _name in {"not a number", "huge", "below zero"}
    add_understood(f"every number is {_name}", put(_value, (int, float)), is_rare=not is_usual)
add_understood(
    "every answer to yes or no is the other one", made(lambda answer: leaves(answer, lambda old: not old, only=bool))
)

# --- texts ---

# By these names the commands ask for something: where they stay, more of the program is reached.
NAMES = frozenset(
    {"gpt-4o", "lab_http", "add", "greet", "review", "fresh", "mine", "litellm_skill_mine", "litellm_skill_new"}
)
TEXTS: dict[str, str] = {
    "escapes": "\x1b[31m\x1b]0;title\x07\x1b[2J\x1b]52;c;eA==\x07",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x85\x9b31m",
    "a zero byte": "a\0b",
    "line breaks": "a\nError: not ours\nTry:   rm -rf ~\r\n\u2028\u2029\x0b\x0c",
    "tabs": "a\tb\tc",
    "directions": "\u202egpj.exe\u2066\u2067\u200f\u061c",
    "half a character": "a\ud800b\udfff",
    "other planes": "\U0001f600\U000e0041\ufeff\u200d\u0300\uffff",
    "a MiB": "x" * MIB,
    "a quote": "\"'`$(id)\\;&|<>%s{}[]#=",
    "a path": "../../../../tmp/evil/../x",
    "a web page": "<script>alert(1)</script>&amp;</skill>",
    "a formula": "=1+1",
    "nothing": "",
    "white space": " \u00a0\u3000 ",
}


def appended(text: str) -> Answer:
    """Answer with this at the end of every text that is no name."""
    return made(lambda answer: leaves(answer, lambda old: old if old in NAMES else old + text, only=str))


_USUAL_TEXTS = {"escapes", "control characters", "a zero byte", "line breaks", "directions", "half a character"}
for _name, _text in TEXTS.items():
    _is_rare = _name not in _USUAL_TEXTS
    _cost = Cost.PAUSED if len(_text) == MIB else Cost.QUICK
    add_understood(f"every text is {_name}", put(_text, str), is_rare=_is_rare, cost=_cost)
    add_understood(f"every text ends in {_name}", appended(_text), is_rare=_is_rare, cost=_cost)
    add(f"an error in {_name}", fails(400, f"no{_text}", kind=_text), AUTH, REJECTED, is_rare=_is_rare)


def _names(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {**{name: _names(one, text) for name, one in value.items()}, text: {text: [text]}}
    return [_names(one, text) for one in value] if isinstance(value, list) else value


def named(text: str) -> Answer:
    """Answer with a field of this name in every object."""
    return made(lambda answer: _names(answer, text))


for _name in ("escapes", "control characters", "line breaks", "directions", "half a character", "a zero byte"):
    add_understood(f"names of fields of {_name}", named(TEXTS[_name]), is_rare=_name != "escapes")
for _name, _error in {
    "a list of complaints": {"detail": [{"loc": ["body", "\x1b[31m"], "msg": "\x1b[31mfield required", "type": "x"}]},
    "null": {"error": None, "detail": None},
    "a number": {"error": 7},
    "a list": {"error": [[]]},
    "deep": {"error": {"message": {"message": {"message": "no"}}}},
    "nothing": {},
    "not an object": ["no"],
    "of OAuth": {"error": "invalid_grant", "error_description": "\x1b[31mit is over\nError: x"},
    "a type that is a list": {"error": {"message": "no", "type": ["auth_error"]}},
}.items():
    add(f"an error that is {_name}", says(dumped(_error), status="400 No"), AUTH, REJECTED, is_rare=True)


# --- what the proxy repeats of what it was sent ---


def _escaped(text: str) -> str:
    """Return a JSON string in which every character is an escape."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def repeats(status: int, *, escaped: bool) -> Answer:
    """Answer with an error that repeats all that came in."""

    def answer(exchange: Exchange) -> None:
        message = f'"{_escaped(exchange.echo)}"' if escaped else json.dumps(exchange.echo)
        body = f'{{"error": {{"message": {message}, "type": "auth_error"}}}}'
        exchange.answer(body.encode(), status=f"{status} No")

    return answer


for _status, _exits in {400: (AUTH, REJECTED), 401: (AUTH,), 403: (AUTH,), 422: (REJECTED,), 429: (), 500: ()}.items():
    for _name in ("", ", escaped"):
        add(
            f"repeats the key with {_status}{_name}",
            repeats(_status, escaped=bool(_name)),
            *_exits,
            is_understood=_status == 422,
            refuses=_status in {401, 403},
            is_rare=_status not in {400, 401, 500},
            cost=Cost.PAUSED if _status == 429 else Cost.QUICK,
        )
add(
    "repeats the key as a detail",
    lambda exchange: exchange.answer(dumped({"detail": {"error": exchange.echo}}), status="400 No"),
    AUTH,
    REJECTED,
)
add(
    "repeats the key as OAuth does",
    lambda exchange: exchange.answer(
        dumped({"error": "invalid_grant", "error_description": exchange.echo}), status="400 No"
    ),
    AUTH,
    REJECTED,
)
add(
    "repeats the key as a web page",
    lambda exchange: exchange.answer(f"<pre>{exchange.echo}</pre>".encode(), media_type="text/html"),
)
add(
    "repeats the key as an object",
    lambda exchange: exchange.answer(dumped({"headers": exchange.request.headers, "data": exchange.echo})),
    is_understood=True,
)
add(
    "repeats the key as an error with 200",
    lambda exchange: exchange.answer(
        dumped({"tools": [], "data": None, "error": "unexpected_error", "message": exchange.echo})
    ),
    is_understood=True,
)


def _by_servers(exchange: Exchange) -> None:
    answer = exchange.good
    if isinstance(answer, dict) and "tools" in answer:
        answer["server_outcomes"] = {"down": {"status": "error", "message": exchange.echo, "error": exchange.echo}}
    elif isinstance(answer, list):
        for row in answer:
            row |= {"status": "unhealthy", "health_check_error": exchange.echo}
    exchange.answer(dumped(answer))


add("repeats the key in the errors of MCP servers", _by_servers, is_understood=True)
add("repeats the key as a text", lambda exchange: exchange.answer(dumped(exchange.echo)), is_understood=True)


def _key(exchange: Exchange) -> str:
    return exchange.request.headers.get("authorization", "Bearer none").removeprefix("Bearer ")


add(
    "repeats the key in the status line",
    lambda exchange: exchange.answer(b"{}", status=f"401 {_key(exchange)}"),
    AUTH,
    refuses=True,
)
add(
    "repeats the key in headers",
    lambda exchange: exchange.answer(
        b"{}",
        f"WWW-Authenticate: Bearer {_key(exchange)}",
        f"Retry-After: {_key(exchange)}",
        f"Date: {_key(exchange)}",
        f"Set-Cookie: key={_key(exchange)}",
        status="403 No",
    ),
    AUTH,
    refuses=True,
)
add("repeats the key as an encoding", lambda exchange: exchange.answer(b"{}", f"Content-Encoding: {_key(exchange)}"))
add("repeats the key in a redirect", redirect(302, lambda exchange: f"{exchange.elsewhere}/?key={_key(exchange)}"))
add(
    "repeats the key as a user in a redirect",
    redirect(302, lambda exchange: exchange.elsewhere.replace("://", f"://x:{_key(exchange)}@")),
)
add(
    "repeats the key as a host in a redirect",
    redirect(302, lambda exchange: f"http://{_key(exchange).replace('_', '-')}.invalid/"),
)

# --- much, and written otherwise ---

add("body: half of it", lambda exchange: exchange.answer(exchange.body[: len(exchange.body) // 2]))
add("body: all but the last byte", lambda exchange: exchange.answer(exchange.body[:-1]))
add("body: garbage after it", made(lambda answer: dumped(answer) + b" garbage"))
add("body: a byte order mark", made(lambda answer: b"\xef\xbb\xbf" + dumped(answer)), is_understood=True)
add("body: two byte order marks", made(lambda answer: b"\xef\xbb\xbf" * 2 + dumped(answer)))


def encoded(alphabet: str) -> Answer:
    """Answer in another encoding than UTF-8."""
    return made(lambda answer: json.dumps(answer).encode(alphabet))


for _alphabet in ("utf-16", "utf-16-le", "utf-32", "utf-7"):
    add(f"body: {_alphabet}", encoded(_alphabet), is_understood=True)
add(
    "body: bytes that are no text",
    made(lambda answer: dumped(answer).replace(b'": "', b'": "\xff\xfe\xc0\x80')),
    is_understood=True,
)
add(
    "body: surrogates as bytes",
    made(lambda answer: dumped(answer).replace(b'": "', b'": "\xed\xa0\x80')),
    is_understood=True,
)
add("body: a MiB of white space", made(lambda answer: b" " * MIB + dumped(answer) + b"\n" * MIB), is_understood=True)
add("body: escapes of JSON for all", made(lambda answer: _all_escaped(answer).encode()), is_understood=True)


def _all_escaped(value: Any) -> str:
    """Return JSON in which every character of a text is an escape."""
    return re.sub(
        r'"((?:[^"\\]|\\.)*)"',
        lambda match: f'"{_escaped(json.loads(match[0]))}"',
        json.dumps(value, ensure_ascii=False),
    )


def _twice(value: Any, second: Any) -> str:
    """Return JSON in which every object has each name twice."""
    if isinstance(value, dict):
        pairs = [(name, _twice(one, second)) for name, one in value.items()]
        return (
            "{"
            + ", ".join(f"{json.dumps(name)}: {one}" for name, one in [*pairs, *((name, second) for name, _ in pairs)])
            + "}"
        )
    if isinstance(value, list):
        return f"[{', '.join(_twice(one, second) for one in value)}]"
    return json.dumps(value)


def doubled(second: str) -> Answer:
    """Answer with each name twice, the second time with this."""
    return made(lambda answer: _twice(answer, second).encode())


for _name, _second in {"null": "null", "a text": '"text"', "a list": "[]"}.items():
    add_understood(f"every name twice, then {_name}", doubled(_second))


def _deep(levels: int) -> Callable[[Any], bytes]:
    def change(answer: Any) -> bytes:
        deep = "[" * levels + "]" * levels
        return re.sub(
            r'"(?:text|description|inputSchema|model_info|source|metadata)": (?:"[^"]*"|null)',
            lambda match: match[0].split(":")[0] + f": {deep}",
            json.dumps(answer),
        ).encode()

    return change


for _levels in (90, 400, 3000):
    add(f"a field nested {_levels} deep", made(_deep(_levels)), UNAVAILABLE, REJECTED, is_understood=True)


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
add("huge: as fast as it goes", endless(_OK + b'\r\n{"data": ["', b"x" * MIB, pause=0), cost=Cost.HEAVY)

# --- TLS ---


def add_tls(name: str, greet: Greet, cost: Cost = Cost.QUICK) -> None:
    """Add a fault of TLS."""
    TLS_FAULTS[name] = Fault(name, cost=cost, greet=greet)


def speaks(data: bytes) -> Greet:
    """Say this instead of a handshake, once the client began it."""

    def greet(_proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> socket.socket | None:
        connection.settimeout(10)
        connection.recv(4096)
        connection.sendall(data)
        return None

    return greet


def shows(name: str, details: Callable[[HostileProxy], dict[str, Any]]) -> Greet:
    """Show a certificate that is not to be trusted."""

    def greet(proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> socket.socket | None:
        return proxy.handshake(connection, name, **details(proxy))

    return greet


def _resets(_proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> None:
    connection.settimeout(10)
    connection.recv(4096)
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _says_nothing(_proxy: HostileProxy, _connection: socket.socket, over: threading.Event) -> None:
    over.wait(60)


@cache
def _stranger() -> trustme.CA:
    return trustme.CA(organization_name="\x1b[31mNobody\x07")


add_tls("TLS: another authority", shows("stranger", lambda _: {"authority": _stranger()}))
add_tls("TLS: expired", shows("expired", lambda _: {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}))
add_tls("TLS: another host", shows("another host", lambda _: {"host": "other.example"}))
add_tls("TLS: not TLS", speaks(http(b"{}")))
add_tls("TLS: an alert", speaks(b"\x15\x03\x03\x00\x02\x02\x28"))
add_tls("TLS: garbage", speaks(b"\x16\x03\x03\x40\x00" + b"\xff" * 1000))
add_tls("TLS: closed in the handshake", speaks(b""), Cost.PAUSED)
add_tls("TLS: reset in the handshake", _resets, Cost.PAUSED)
add_tls("TLS: silent in the handshake", _says_nothing, Cost.PAUSED)
