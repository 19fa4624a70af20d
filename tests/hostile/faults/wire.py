"""What is not HTTP, or not quite: headers, lengths, chunks, resets and silence."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.faults.fault import (
    MIB,
    OK,
    PLACES,
    USAGE,
    Cost,
    add,
    chunk,
    chunked,
    dumped,
    endless,
    good,
    http,
    in_chunks,
    raw,
    silent,
)
from tests.hostile.proxy import Answer, Exchange

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
    "ten thousand headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(10_000)),
    "a header of a MiB": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MIB + b"\r\n\r\n{}",
    "a header folded a thousand times": b"HTTP/1.1 200 OK\r\nX: x\r\n" + b" x\r\n" * 1000 + b"\r\n{}",
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
    "a folded media type": "Content-Type: application/json;\r\n\tcharset=utf-16",
    "a zero byte in a header": "X-Zero: a\0b\0",
    "two encodings in two headers": "Content-Encoding: identity\r\nContent-Encoding: identity",
    "an alphabet that is another": "Content-Type: application/json; charset=utf-16",
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
    )

for _name, _date in {
    "of another age": "Fri, 31 Dec 9999 23:59:59 GMT",
    "before all": "Mon, 01 Jan 0001 00:00:00 +2359",
}.items():
    # That clocks differ is what doctor finds.
    add(f"wire: a date {_name}", good(f"Date: {_date}"), USAGE, is_understood=True)

# --- lengths and chunks ---

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
        cost=Cost.PAUSED if _name == "twice and different" else Cost.QUICK,
    )
add("length in two headers", good("Content-Length: 3"), is_understood=True, cost=Cost.PAUSED)
add("length and chunks", good("Transfer-Encoding: chunked"))


def _two_answers(exchange: Exchange) -> None:
    exchange.keeps_open = True
    exchange.send(http(exchange.body) + http(b'{"data": [{"model_name": "injected", "id": "injected"}]}'))


add("two answers at once", _two_answers, is_understood=True)


add("chunks", lambda exchange: chunked(exchange, chunk(exchange.body), b"0\r\n\r\n"), is_understood=True)
for _name, _piece in {
    "of no size": b"zz\r\n",
    "of an empty size": b"\r\n{}\r\n0\r\n\r\n",
    "below zero": b"-5\r\n{}\r\n0\r\n\r\n",
    "too large": b"ffffff\r\n{}",
    "beyond all numbers": b"f" * 40 + b"\r\n{}",
    "of a size of 64 KiB": b"0" * 2**16 + b"2\r\n{}\r\n0\r\n\r\n",
    "with an extension of a MiB": b"2;" + b"x" * MIB + b"\r\n{}\r\n0\r\n\r\n",
    "with a trailer of a MiB": b"2\r\n{}\r\n0\r\nX: " + b"x" * MIB + b"\r\n\r\n",
    "too small": b"1\r\n{}\r\n0\r\n\r\n",
    "without a last one": b"2\r\n{}\r\n",
}.items():
    add(
        f"chunks {_name}",
        in_chunks(_piece),
    )
add(
    "chunks with extensions and trailers",
    lambda exchange: chunked(
        exchange, b"%x;a=\x1b[31m\r\n%s\r\n" % (len(exchange.body), exchange.body), b"0\r\nX: x\r\n\r\n"
    ),
    is_understood=True,
)
add(
    "chunks with trailers that mean something",
    lambda exchange: chunked(
        exchange,
        chunk(exchange.body),
        f"0\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nLocation: {exchange.elsewhere}/x\r\n\r\n".encode(),
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


def cut(place: Callable[[bytes], int], *, reset: bool) -> Answer:
    """Answer up to a place, and close the connection: with a RST, or as if that were all."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body)
        exchange.send(data[: place(data)])
        if reset:
            exchange.reset()

    return answer


def trickle(place: Callable[[bytes], int], piece: bytes) -> Answer:
    """Answer up to a place, and go on with this piece every now and then."""

    def answer(exchange: Exchange) -> None:
        data = http(exchange.body, length=10**9)
        exchange.send(data[: place(data)])
        exchange.forever(piece, 0.05)

    return answer


for _name, _place in PLACES.items():
    # What was answered in full may be read before the RST is.
    add(f"reset {_name}", cut(_place, reset=True), cost=Cost.PAUSED)
for _name in ("in the status", "in the headers", "after the headers", "in the body", "before the last byte"):
    add(f"closed {_name}", cut(PLACES[_name], reset=False), cost=Cost.PAUSED)
for _name in ("at once", "in the headers", "after the headers", "before the last byte"):
    add(f"silent {_name}", silent(PLACES[_name]), cost=Cost.PAUSED)
for _name, _place, _piece in (
    ("nothing", PLACES["at once"], b"H"),
    ("a header", PLACES["in the headers"], b"x"),
    ("headers", PLACES["before the end of the headers"], b"X: x\r\n"),
    ("the body", PLACES["after the headers"], b" "),
):
    add(f"trickling {_name}", trickle(_place, _piece), cost=Cost.PAUSED)


def _later(exchange: Exchange) -> None:
    exchange.over.wait(0.1)
    exchange.answer(exchange.body)


add("late", _later, is_understood=True)


add("endless headers", endless(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 10), cost=Cost.PAUSED)
add("endless status", endless(b"HTTP/1.1 200 ", b"x" * 1000), cost=Cost.PAUSED)
add("endless status 100", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), cost=Cost.PAUSED)
add("endless white space", endless(OK + b"\r\n", b" " * 2**14), cost=Cost.PAUSED)
add("endless text", endless(OK + b'\r\n{"data": ["', b"x" * 2**14), cost=Cost.PAUSED)
add("endless chunk extension", endless(OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x" * 1000), cost=Cost.PAUSED)
add(
    "endless chunks of a byte",
    endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", chunk(b"[") * 100),
    cost=Cost.PAUSED,
)
add(
    "endless trailers",
    endless(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + b"0\r\n", b"X: x\r\n" * 10),
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
